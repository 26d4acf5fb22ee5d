//! What is decided for one user apart from the password: how often, how long, and how safely.
//!
//! Values only, and the extra fields of a passwd-file that say them. `login` enforces them, and
//! `retention` deletes what has expired.

use std::time::Duration;

/// Longest time between two logins that may be demanded: one day.
pub const MAX_LOGIN_DELAY: Duration = Duration::from_hours(24);

/// Longest time after which mail may be said to expire, in days.
pub const MAX_EXPIRE_DAYS: u32 = 36_500;

/// When mail of a user is deleted by the site (RFC 2449, section 6.7), soonest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Expire {
    /// So many days after delivery; 0 when mail is not kept after it was read.
    Days(u32),
    /// Never.
    Never,
}

/// What holds for one user alone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// Least time between two logins; none if what is for everybody is for this user too.
    pub login_delay: Option<Duration>,
    /// When mail expires; none if what is for everybody is for this user too.
    pub expire: Option<Expire>,
    /// Whether the password, or a token, must not cross a network without TLS.
    pub requires_tls: bool,
}

/// The most demanding of many policies (RFC 2449, sections 6.5 and 6.7).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extremes {
    /// The longest of all delays; none if no user has one of their own.
    pub longest_login_delay: Option<Duration>,
    /// The soonest of all expiries; none if no user has one of their own.
    pub soonest_expire: Option<Expire>,
}

/// What is wrong with the extra fields of a line. The operator's to mend.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// `login_delay` is not a time of up to a day.
    #[error("login_delay is not a time of at most 24h, such as 90, 90s, 15m or 1h")]
    LoginDelay,
    /// `expire` is neither `never` nor days.
    #[error("expire is neither \"never\" nor a number of days up to {MAX_EXPIRE_DAYS}")]
    Expire,
    /// `require_tls` is neither `yes` nor `no`.
    #[error("require_tls is neither \"yes\" nor \"no\"")]
    RequireTls,
    /// The field keeps somebody out, and this server cannot see whom.
    #[error("extra field {0} is not supported here, so that the user is kept out")]
    Restriction(&'static str),
}

/// Fields of Dovecot that keep users out. To ignore one would let somebody in.
const RESTRICTIONS: [&str; 3] = ["allow_nets", "allow_real_nets", "nologin"];

impl Policy {
    /// Reads the extra fields of a line: `key=value`, parted by spaces, each with or without
    /// `userdb_` in front. Those that mean nothing to this server are skipped.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn parse(fields: &[u8]) -> Result<Self, Error> {
        let mut policy = Self::default();
        let fields = fields.split(|octet| *octet == b' ');
        for field in fields.filter_map(|field| str::from_utf8(field).ok()) {
            let field = field.strip_prefix("userdb_").unwrap_or(field);
            let (key, value) = field.split_once('=').unwrap_or((field, "yes"));
            policy.set(key, value)?;
        }
        Ok(policy)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match key {
            "login_delay" => self.login_delay = Some(duration(value).ok_or(Error::LoginDelay)?),
            "expire" => self.expire = Some(expire(value).ok_or(Error::Expire)?),
            "require_tls" => {
                self.requires_tls = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err(Error::RequireTls),
                }
            }
            _ => {
                let restriction = RESTRICTIONS.iter().find(|name| **name == key);
                return restriction.map_or(Ok(()), |name| Err(Error::Restriction(name)));
            }
        }
        Ok(())
    }
}

impl Extremes {
    /// Takes one more policy into account.
    pub fn include(&mut self, policy: &Policy) {
        self.merge(Self {
            longest_login_delay: policy.login_delay,
            soonest_expire: policy.expire,
        });
    }

    /// Takes the extremes of other users into account.
    pub fn merge(&mut self, other: Self) {
        self.longest_login_delay = self.longest_login_delay.max(other.longest_login_delay);
        self.soonest_expire = match (self.soonest_expire, other.soonest_expire) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_lowercase());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let duration = Duration::from_secs(number(digits)?.checked_mul(unit)?);
    (duration <= MAX_LOGIN_DELAY).then_some(duration)
}

fn expire(text: &str) -> Option<Expire> {
    if text == "never" {
        return Some(Expire::Never);
    }
    let days = u32::try_from(number(text)?).ok()?;
    (days <= MAX_EXPIRE_DAYS).then_some(Expire::Days(days))
}

/// Digits and nothing else: `parse` alone would take a sign too.
fn number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_and_without_dovecots_prefix() {
        let policy = Policy::parse(b"userdb_quota=1G userdb_login_delay=15m expire=30 require_tls");
        let expected = Policy {
            login_delay: Some(Duration::from_mins(15)),
            expire: Some(Expire::Days(30)),
            requires_tls: true,
        };
        assert_eq!(policy, Ok(expected));
        assert_eq!(Policy::parse(b""), Ok(Policy::default()));
        assert_eq!(Policy::parse(b"  x \xff y=z "), Ok(Policy::default()));
        let never = Policy::parse(b"expire=never require_tls=no").expect("valid fields");
        assert_eq!(
            (never.expire, never.requires_tls),
            (Some(Expire::Never), false)
        );
    }

    #[test]
    fn times_have_units_and_a_limit() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("2h", 7200),
            ("1d", 86_400),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "+1",
            "1x",
            "1 s",
            "25h",
            "18446744073709551615d",
            "1.5h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_field_that_is_wrong_or_keeps_somebody_out_is_an_error() {
        for (fields, message) in [
            (
                "login_delay=soon",
                "login_delay is not a time of at most 24h, such as 90, 90s, 15m or 1h",
            ),
            (
                "expire=-1",
                "expire is neither \"never\" nor a number of days up to 36500",
            ),
            (
                "userdb_require_tls=maybe",
                "require_tls is neither \"yes\" nor \"no\"",
            ),
            (
                "nologin",
                "extra field nologin is not supported here, so that the user is kept out",
            ),
            (
                "allow_nets=192.0.2.0/24",
                "extra field allow_nets is not supported here, so that the user is kept out",
            ),
        ] {
            let error = Policy::parse(fields.as_bytes()).expect_err(fields);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn extremes_are_the_longest_delay_and_the_soonest_expiry() {
        let mut extremes = Extremes::default();
        for fields in [
            "",
            "login_delay=90 expire=never",
            "expire=7",
            "login_delay=5 expire=30",
        ] {
            extremes.include(&Policy::parse(fields.as_bytes()).expect(fields));
        }
        assert_eq!(extremes.longest_login_delay, Some(Duration::from_secs(90)));
        assert_eq!(extremes.soonest_expire, Some(Expire::Days(7)));
    }
}
