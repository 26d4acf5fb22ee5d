//! A POP3 server in a program of one's own, with its users and mail that it makes of its own data.

use std::{collections::HashMap, net::SocketAddr};

use popcell::account::Account;
use popcell::auth::{Auth, Checked, Denial, secret::Secret};
use popcell::config::{Config, Listener};
use popcell::mailbox::{Mailbox, Opened, letters::Letters};
use popcell::{embed, server::Server};

struct Customers(HashMap<&'static [u8], (Account, Secret)>);

impl Auth for Customers {
    fn password<'a>(&'a self, user: &'a [u8], password: &'a [u8]) -> Checked<'a> {
        let known = self.0.get(user);
        let known = known.filter(|(_, secret)| secret.matches(password));
        Box::pin(async move { Ok(known.ok_or(Denial::WrongProof)?.0.clone()) })
    }
}

struct Orders(Vec<(u32, &'static str, &'static str)>);

impl Mailbox for Orders {
    fn open<'a>(&'a self, account: &'a Account, _session: &'a str) -> Opened<'a> {
        let orders = self.0.iter();
        let orders = orders.filter(|(_, customer, _)| *customer == account.user);
        let letters = orders.map(|(number, _, goods)| {
            let letter = format!("Subject: Order {number}\n\nYour {goods} is on its way.\n");
            (format!("order-{number}"), letter)
        });
        Box::pin(async move { Ok(Letters::new(letters)?.boxed()) })
    }
}

pub(crate) fn serve(address: SocketAddr) -> Result<Server, embed::Error> {
    let ann = (Account::new("ann"), Secret::from(b"secret".as_slice()));
    let customers = Customers(HashMap::from([(b"ann".as_slice(), ann)]));
    let orders = Orders(vec![(7, "ann", "tea"), (8, "bob", "rug")]);
    let config = Config::listening(vec![Listener::new(address)]);
    embed::server(&config, customers, orders)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = serve("127.0.0.1:1110".parse()?)?;
    server.run(std::future::pending()).await;
    Ok(())
}
