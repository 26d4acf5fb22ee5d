//! The host's answers to claims: each as it is told to.

use wasmtime::component::Resource;

use crate::host::{
    Host, Refusal, Turn, auth,
    lent::{Exchange, Maildrop},
};

impl auth::Host for Host {
    fn password(
        &mut self,
        _user: Vec<u8>,
        _password: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, Refusal>> {
        self.admit(self.bad.password)
    }

    fn apop(
        &mut self,
        _user: Vec<u8>,
        _digest: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, Refusal>> {
        self.admit(self.bad.apop)
    }
}

impl auth::HostExchange for Host {
    fn start(&mut self, _mechanism: String) -> wasmtime::Result<Option<Resource<Exchange>>> {
        Ok(match self.bad.start {
            true => None,
            false => Some(self.table.push(Exchange)?),
        })
    }

    fn begin(
        &mut self,
        _: Resource<Exchange>,
        _initial: Option<Vec<u8>>,
    ) -> wasmtime::Result<Turn> {
        let refused = self.bad.begin.map(Turn::Refused);
        Ok(refused.unwrap_or_else(|| Turn::Challenge(b"go on".to_vec())))
    }

    fn respond(&mut self, _: Resource<Exchange>, _response: Vec<u8>) -> wasmtime::Result<Turn> {
        let admitted = self.admit(self.bad.respond)?;
        Ok(admitted.map_or_else(Turn::Refused, Turn::Done))
    }

    fn drop(&mut self, this: Resource<Exchange>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Host {
    fn admit(
        &mut self,
        refusal: Option<Refusal>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, Refusal>> {
        Ok(match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.table.push(Maildrop)?),
        })
    }
}
