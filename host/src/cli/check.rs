//! `popcell check`: everything that is wrong with a configuration and with the files that it names.
//!
//! Changes nothing, listens nowhere, opens no mailbox.

use std::path::Path;

use super::{Failure, print};
use crate::{
    auth::{oauth::jwks, passwd_file},
    component::{self, Options, Trust},
    config::{Config, Keys, Oauth, Users},
    services::tokens,
    tls::{self, Tls},
};

/// What a WebAssembly file begins with.
const WASM_MAGIC: &[u8; 4] = b"\0asm";

/// Lists what is wrong, or says that nothing is.
pub(super) fn check(file: &Path) -> Result<(), Failure> {
    let config = Config::load(file)?;
    let mut problems = Vec::new();
    let tenants = config.tenants.iter();
    let users = tenants.clone().map(|tenant| &tenant.users);
    for users in config.users.iter().chain(users) {
        match users {
            Users::PasswdFile(path) => check_users(path, &mut problems),
            Users::One { .. } => {}
        }
    }
    let tokens = tenants.clone().filter_map(|tenant| tenant.oauth.as_ref());
    for oauth in config.oauth.iter().chain(tokens) {
        check_oauth(oauth, &mut problems);
    }
    let components = tenants.filter_map(|tenant| tenant.component.as_ref());
    for options in config.component.iter().chain(components) {
        check_component(options, &config.trust, &mut problems);
    }
    if let Some(options) = &config.tls {
        check_tls(options, &mut problems);
    }
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems.join("\n")));
    }
    print(&format!("{}: no problems\n", file.display()))
}

fn check_users(path: &Path, problems: &mut Vec<String>) {
    match passwd_file::problems(path) {
        Ok(found) => {
            problems.extend(
                found
                    .iter()
                    .map(|problem| format!("{}:{problem}", path.display())),
            );
        }
        Err(error) => problems.push(format!(
            "{}: cannot be read: {}",
            path.display(),
            error.source
        )),
    }
}

/// The files alone: an issuer that does not answer now may do so when the server starts.
fn check_oauth(oauth: &Oauth, problems: &mut Vec<String>) {
    if let Err(error) = tokens::open(oauth) {
        problems.push(error.to_string());
        return;
    }
    if let Oauth::Jwt {
        keys: Keys::File(path),
        ..
    } = oauth
        && matches!(jwks::usable_keys(path), Ok(0))
    {
        let path = path.display();
        problems.push(format!("{path}: no key for RS256, ES256 or EdDSA"));
    }
}

/// A certificate that will expire is no mistake, so the log's warnings are not repeated here.
fn check_tls(options: &tls::Options, problems: &mut Vec<String>) {
    problems.extend(
        Tls::load(options.clone())
            .err()
            .map(|error| error.to_string()),
    );
}

fn check_component(options: &Options, trust: &Trust, problems: &mut Vec<String>) {
    match component::load(options, trust) {
        Ok(wasm) if wasm.starts_with(WASM_MAGIC) => {}
        Ok(_) => problems.push(format!("{}: not WebAssembly", options.file.display())),
        Err(error) => problems.push(error.to_string()),
    }
}
