//! `$y$`: yescrypt, what Debian and its relatives give to new users.
//!
//! Read in the form that crypt(3) makes, without its further parameters; not made here.

use yescrypt::{
    Mode, Params, PasswordHash, PasswordVerifier, Yescrypt, password_hash::Error as Failure,
};

use super::{Check, Error, Exhausted, Work};

const SCHEME: &str = "YESCRYPT";

/// Most memory of one check, in blocks of 128 octets: 1 GiB. A few of them at once must not stop
/// the machine.
const MAX_BLOCKS: u64 = 1 << 23;

struct YescryptHash {
    /// Read again for every check: what comes of reading is larger.
    text: Box<str>,
    work: Work,
}

pub(super) fn parse(text: &str) -> Result<Box<dyn Check>, Error> {
    let malformed = |reason| Error::Malformed {
        scheme: SCHEME,
        reason,
    };
    let form = "not of the form $y$params$salt$hash";
    let hash = PasswordHash::new(text).map_err(|_| malformed(form))?;
    let fields: Vec<_> = hash.fields().map(|field| field.as_str()).collect();
    let [params, salt, digest] = fields[..] else {
        return Err(malformed(form));
    };
    let read: Params = params
        .parse()
        .map_err(|_| malformed("of impossible parameters"))?;
    // Every other parameter, of those that crypt(3) never sets, shows here.
    let usual = Params::new(Mode::default(), read.n(), read.r(), 1);
    if usual.map(|usual| usual.to_string()).as_deref() != Ok(params) {
        return Err(malformed("of parameters that this server does not read"));
    }
    if read.n().saturating_mul(u64::from(read.r())) > MAX_BLOCKS {
        return Err(malformed("more expensive than this server allows"));
    }
    if salt.is_empty() || digest.len() != 43 {
        return Err(malformed("cut off or too long"));
    }
    let cost = [u32::try_from(read.n()).unwrap_or(u32::MAX), read.r(), 0];
    Ok(Box::new(YescryptHash {
        text: text.into(),
        work: Work {
            scheme: SCHEME,
            cost,
        },
    }))
}

impl Check for YescryptHash {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        match Yescrypt::default().verify_password(password, &*self.text) {
            Ok(()) => Ok(true),
            Err(Failure::PasswordInvalid) => Ok(false),
            Err(_) => Err(Exhausted),
        }
    }

    fn work(&self) -> Work {
        self.work
    }
}
