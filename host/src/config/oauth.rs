//! The section `[oauth]`: who vouches for bearer tokens, and what they have to say.
//!
//! Values, and how they are read. Opens no file and asks no issuer: that is `services::tokens`'s.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{document::Section, rule};
use crate::auth::{
    Need,
    oauth::{
        fetch::Authorization,
        introspection,
        jwt::{Claims, MAX_LEEWAY},
    },
    sasl::Mechanism,
};

const JWKS: &str = "jwks";
const INTROSPECTION_URL: &str = "introspection_url";

/// What is asked of an issuer who is asked about tokens.
const CLIENT: [&str; 2] = ["client_id", "client_secret_file"];

/// What is of use only if somebody is asked over HTTP.
const HTTP: [&str; 3] = ["remember", "timeout", "authorities"];

/// What is of use with every kind of token.
const CLAIMS: [&str; 3] = ["issuer", "audience", "user_claim"];

/// How long keys of a URL are good for.
const KEYS_LIFETIME: Duration = Duration::from_hours(1);

/// How long an answer of an issuer may take: a client waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who vouches for bearer tokens (`[oauth]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Oauth {
    /// Their own signature.
    Jwt {
        /// The issuer's keys.
        keys: Keys,
        /// What a token has to say.
        claims: Claims,
    },
    /// Their issuer, who is asked about them (RFC 7662).
    Introspection(Introspection),
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Keys {
    /// A file, read again when it changes.
    File(PathBuf),
    /// A URL.
    Url {
        /// The URL.
        url: String,
        /// How long the keys are good for.
        remember: Duration,
        /// How to get them.
        http: Http,
    },
}

/// How to ask an issuer about tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Introspection {
    /// Where the issuer answers.
    pub url: String,
    /// Who this server is to the issuer, or `None` if anybody may ask.
    pub client: Option<Client>,
    /// Who has to have issued a token, if the issuer is to say so.
    pub issuer: Option<String>,
    /// What a token must be meant for, if the issuer is to say so.
    pub audience: Option<String>,
    /// The member of the answer that names the user.
    pub user_claim: String,
    /// How long an answer is kept.
    pub remember: Duration,
    /// How to ask.
    pub http: Http,
}

/// A client of the issuer, in the words of OAuth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Client {
    /// Its name.
    pub id: String,
    /// The file that holds its secret.
    pub secret_file: PathBuf,
}

/// How to ask a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Http {
    /// How long an answer may take.
    pub timeout: Duration,
    /// The authorities that vouch for the server, or `None` for Mozilla's.
    pub authorities: Option<PathBuf>,
}

/// Where something is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(PathBuf),
    Url(String),
}

/// Reads the section; `None` if it is not there or something is wrong with it. Relative paths start
/// at `base`.
pub(super) fn read(mut section: Section<'_>, base: &Path) -> Option<Oauth> {
    if !section.is_there() {
        return None;
    }
    let oauth = match (section.has(JWKS), section.has(INTROSPECTION_URL)) {
        (true, false) => jwt(&mut section, base),
        (false, true) => introspection(&mut section, base).map(Oauth::Introspection),
        (is_both, _) => {
            let message = if is_both {
                format!(
                    "{} does not go together with \"{JWKS}\"",
                    section.named(INTROSPECTION_URL)
                )
            } else {
                format!("[oauth] needs \"{JWKS}\" or \"{INTROSPECTION_URL}\"")
            };
            section.fault(Some(INTROSPECTION_URL), message);
            // What the other keys mean depends on which of the two it is to be.
            let others = CLAIMS.iter().chain(&CLIENT).chain(&HTTP);
            for key in others.chain(&["leeway"]) {
                section.has(key);
            }
            None
        }
    };
    section.finish();
    oauth
}

/// Whether one of these mechanisms carries tokens.
pub(super) fn is_carried(mechanisms: &[String]) -> bool {
    let carries = |mechanism: &Mechanism| mechanism.need == Some(Need::Token);
    mechanisms
        .iter()
        .any(|name| Mechanism::find(name).is_some_and(carries))
}

fn jwt(section: &mut Section<'_>, base: &Path) -> Option<Oauth> {
    let place = section.get(JWKS, rule::place(base));
    let issuer = section.require("issuer", name());
    let audience = section.require("audience", name());
    let mut claims = Claims::new(issuer.unwrap_or_default(), audience.unwrap_or_default());
    section.set(&mut claims.user, "user_claim", name());
    let leeway = rule::duration(Duration::ZERO..=MAX_LEEWAY);
    section.set(&mut claims.leeway, "leeway", leeway);
    let asked = format!("\"{INTROSPECTION_URL}\"");
    refuse(section, &CLIENT, &asked);
    if let Some(Place::File(path)) = place {
        refuse(section, &HTTP, &format!("a URL in \"{JWKS}\""));
        let keys = Keys::File(path);
        return Some(Oauth::Jwt { keys, claims });
    }
    let remember = remember(section, KEYS_LIFETIME);
    let http = http(section, base);
    let Some(Place::Url(url)) = place else {
        return None;
    };
    let keys = Keys::Url {
        url,
        remember,
        http,
    };
    Some(Oauth::Jwt { keys, claims })
}

fn introspection(section: &mut Section<'_>, base: &Path) -> Option<Introspection> {
    let url = section.get(INTROSPECTION_URL, rule::url());
    let defaults = introspection::Options::new("", Authorization::None);
    refuse(section, &["leeway"], &format!("\"{JWKS}\""));
    let client = client(section, base);
    let issuer = section.get("issuer", name());
    let audience = section.get("audience", name());
    let user_claim = section.get("user_claim", name()).unwrap_or(defaults.user);
    let remember = remember(section, defaults.remember);
    let http = http(section, base);
    Some(Introspection {
        url: url?,
        client,
        issuer,
        audience,
        user_claim,
        remember,
        http,
    })
}

/// A name without a secret proves nothing, and a secret without a name is nobody's.
fn client(section: &mut Section<'_>, base: &Path) -> Option<Client> {
    if !CLIENT.iter().any(|key| section.has(key)) {
        return None;
    }
    let [id, secret_file] = CLIENT;
    let id = section.require(id, name());
    let secret_file = section.require(secret_file, rule::path(base));
    Some(Client {
        id: id?,
        secret_file: secret_file?,
    })
}

fn remember(section: &mut Section<'_>, by_default: Duration) -> Duration {
    let rule = rule::duration(Duration::ZERO..=Duration::from_hours(24));
    section.get("remember", rule).unwrap_or(by_default)
}

fn http(section: &mut Section<'_>, base: &Path) -> Http {
    let rule = rule::duration(Duration::from_secs(1)..=Duration::from_mins(1));
    Http {
        timeout: section.get("timeout", rule).unwrap_or(TIMEOUT),
        authorities: section.get("authorities", rule::path(base)),
    }
}

/// Reports keys that mean nothing without something that is not there.
fn refuse(section: &mut Section<'_>, keys: &[&'static str], without: &str) {
    for key in keys {
        if section.has(key) {
            let message = format!("{} is of no use without {without}", section.named(key));
            section.fault(Some(key), message);
        }
    }
}

/// What an issuer calls something.
fn name() -> rule::Rule<String> {
    rule::text("a name without spaces", |text| {
        !text.is_empty() && !text.contains(|char: char| char.is_whitespace() || char.is_control())
    })
}

#[cfg(test)]
mod tests;
