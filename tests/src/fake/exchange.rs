//! The SASL mechanisms of the fake host: the server's half of examples that stand in RFCs.
//!
//! It compares, it does not compute: every challenge is fixed, and so is the right response.

use std::sync::Mutex;

use popcell_component::{Exchange, Refusal, Turn};

use super::{FakeHost, FakeMaildrop};

/// RFC 2195, section 2.
const CRAM_CHALLENGE: &[u8] = b"<1896.697170952@postoffice.reston.mci.net>";
const CRAM_RESPONSE: &[u8] = b"tim b913a602c7eda7a495b4e6e7334d3890";

/// RFC 7677, section 3: what the client says, and what the server then does.
const SCRAM: [(&[u8], &[u8]); 2] = [
    (
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    ),
    (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9z\
          jfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
];

/// Fewest octets of a token that OAUTHBEARER takes here: more than a command line may have.
const TOKEN_OCTETS: usize = 9_000;

/// One exchange under way.
pub struct FakeExchange {
    host: FakeHost,
    stage: Mutex<Stage>,
}

/// What the exchange waits for.
#[derive(Clone)]
enum Stage {
    /// Its end: nothing may come any more.
    Over,
    /// The response of CRAM-MD5.
    CramMd5,
    /// The user name of LOGIN, then the password.
    Login(Option<Vec<u8>>),
    /// The token of OAUTHBEARER.
    OauthBearer,
    /// The message of PLAIN.
    Plain,
    /// So many messages of SCRAM have come.
    Scram(usize),
}

impl FakeExchange {
    /// An exchange by a mechanism that is known here.
    pub(super) fn new(host: FakeHost, mechanism: &str) -> Option<Self> {
        let stage = match mechanism {
            "CRAM-MD5" => Stage::CramMd5,
            "LOGIN" => Stage::Login(None),
            "OAUTHBEARER" => Stage::OauthBearer,
            "PLAIN" => Stage::Plain,
            "SCRAM-SHA-256" => Stage::Scram(0),
            _ => return None,
        };
        Some(Self {
            host,
            stage: Mutex::new(stage),
        })
    }

    fn stage(&self) -> Stage {
        let mut stage = self.stage.lock().expect("nobody panics with this lock");
        std::mem::replace(&mut *stage, Stage::Over)
    }

    fn wait_for(&self, stage: Stage, challenge: &[u8]) -> Turn<FakeMaildrop> {
        *self.stage.lock().expect("nobody panics with this lock") = stage;
        Turn::Challenge(challenge.to_vec())
    }

    fn end(&self, login: Result<FakeMaildrop, Refusal>) -> Turn<FakeMaildrop> {
        self.host
            .grant(login)
            .map_or_else(Turn::Refused, Turn::Done)
    }

    fn admit(&self, user: &[u8], is_right: bool) -> Turn<FakeMaildrop> {
        let login = self
            .host
            .world
            .user(user)
            .filter(|_| is_right)
            .ok_or(Refusal::Denied);
        self.end(login.and_then(|user| self.host.world.admit(user)))
    }

    fn plain(&self, message: &[u8]) -> Turn<FakeMaildrop> {
        let [authorize, user, password] =
            message.split(|&octet| octet == 0).collect::<Vec<_>>()[..]
        else {
            return Turn::Refused(Refusal::Denied);
        };
        if !authorize.is_empty() && authorize != user {
            return Turn::Refused(Refusal::Denied);
        }
        self.end(self.host.world.check_password(user, password))
    }

    fn bearer(&self, message: &[u8]) -> Turn<FakeMaildrop> {
        let token = message
            .strip_prefix(b"n,a=alice,\x01auth=Bearer ")
            .and_then(|rest| rest.strip_suffix(b"\x01\x01"));
        let is_right = token.is_some_and(|token| token.len() >= TOKEN_OCTETS);
        self.admit(b"alice", is_right)
    }

    fn scram(&self, step: usize, message: &[u8]) -> Turn<FakeMaildrop> {
        match SCRAM.get(step) {
            Some((expected, challenge)) if *expected == message => {
                self.wait_for(Stage::Scram(step + 1), challenge)
            }
            Some(_) => Turn::Refused(Refusal::Denied),
            None => self.admit(b"user", message.is_empty()),
        }
    }
}

impl Exchange for FakeExchange {
    type Maildrop = FakeMaildrop;

    fn begin(&self, initial: Option<&[u8]>) -> Turn<FakeMaildrop> {
        let stage = self.stage();
        match (initial, &stage) {
            (None, Stage::CramMd5) => self.wait_for(stage, CRAM_CHALLENGE),
            (None, Stage::Login(_)) => self.wait_for(stage, b"Username:"),
            (None, Stage::OauthBearer | Stage::Plain | Stage::Scram(_)) => {
                self.wait_for(stage, b"")
            }
            // RFC 5034 §4 (AUTH): an initial response to a mechanism where the server is first.
            (Some(_), Stage::CramMd5) => Turn::Refused(Refusal::Denied),
            (Some(response), _) => {
                *self.stage.lock().expect("nobody panics with this lock") = stage;
                self.respond(response)
            }
            (None, Stage::Over) => panic!("contract: begin is called once, and first"),
        }
    }

    fn respond(&self, response: &[u8]) -> Turn<FakeMaildrop> {
        match self.stage() {
            Stage::CramMd5 => self.admit(b"tim", response == CRAM_RESPONSE),
            Stage::Login(None) => {
                self.wait_for(Stage::Login(Some(response.to_vec())), b"Password:")
            }
            Stage::Login(Some(user)) => self.end(self.host.world.check_password(&user, response)),
            Stage::OauthBearer => self.bearer(response),
            Stage::Plain => self.plain(response),
            Stage::Scram(step) => self.scram(step, response),
            Stage::Over => panic!("contract: a response to an exchange that is over"),
        }
    }
}
