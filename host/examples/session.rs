//! A session without a server, over the standard input and output: as inetd or `ssh` hand them over.

use anyhow::Result;
use popcell::auth::{Auth, Checked, Denial};
use popcell::login::{Channel, LoginContext, SessionLogin};
use popcell::sandbox::{Connection, Next, Sandbox, Session};
use popcell::{account::Account, mailbox::memory::Memory};
use std::io::{BufRead, Read, Write, stdin, stdout};

/// Most octets of a line with its LF, and about as many of an answer as one call gives.
const LINE: u64 = 16_385;
const MAX: u32 = 65_536;

struct Alice;

impl Auth for Alice {
    fn password<'a>(&'a self, user: &'a [u8], password: &'a [u8]) -> Checked<'a> {
        let is_alice = user == b"alice" && password == b"secret";
        let account = is_alice.then(|| Account::new("alice"));
        Box::pin(async { account.ok_or(Denial::WrongProof) })
    }
}

/// One call at a time, and its output is sent, in order, before the next call.
async fn talk(mut session: Session, mut from: impl BufRead, mut to: impl Write) -> Result<()> {
    let mut step = session.greet().await?;
    loop {
        to.write_all(&step.output)?;
        to.flush()?;
        step = match step.next {
            Next::Lines => {
                let mut line = Vec::new();
                let read = from.by_ref().take(LINE).read_until(b'\n', &mut line)?;
                match line.last() {
                    Some(b'\n') => session.lines(&line, MAX).await?,
                    _ if read as u64 == LINE => session.overlong().await?,
                    _ => return Ok(()),
                }
            }
            Next::More => session.more(MAX).await?,
            Next::Close | Next::Abort | Next::StartTls => return Ok(()),
        };
    }
}

pub(crate) async fn serve(from: impl BufRead, to: impl Write) -> Result<()> {
    let sandbox = Sandbox::standard()?; // It keeps the time of its sessions, and outlives them.
    let mail = Memory::new([("alice", vec![b"Subject: hi\n\nhello\n".to_vec()])]);
    let logins = LoginContext::shared(Alice, mail)?;
    let channel = Channel::new([127, 0, 0, 1].into(), "session 1");
    let login = Box::new(SessionLogin::new(logins, channel));
    let ready = Connection::new("A session in a pipe");
    talk(sandbox.session(login, &ready).await?, from, to).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    serve(stdin().lock(), stdout()).await
}
