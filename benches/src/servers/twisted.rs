//! A POP3 server of Twisted, from PyPI, in a virtual environment beside this program.
//!
//! It is made by the first run that asks for it.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Running,
    process::{Process, run},
    setting::{Place, Setting},
};

const SCRIPT: &str = include_str!("../../peers/twisted_pop3.py");

/// The version, or what has to be done to have it.
pub(super) fn look_for() -> Result<String, String> {
    let environment = environment().map_err(|error| error.to_string())?;
    if !environment.join("bin/twist").exists() {
        install(&environment).map_err(|error| format!("can not be installed: {error}"))?;
    }
    let said = Command::new(environment.join("bin/twist"))
        .arg("--version")
        .output();
    let said = said.map_err(|error| error.to_string())?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    Ok(format!("Twisted {version}"))
}

pub(super) fn start(setting: &Setting, place: &Place) -> io::Result<Running> {
    let script = place.write("twisted_pop3.py", SCRIPT)?;
    let mut command = Command::new(environment()?.join("bin/python"));
    command
        .arg(script)
        .arg(&place.maildirs.root)
        .arg(&setting.certificate_file)
        .arg(&setting.key_file);
    let mut process = Process::start(&mut command, &place.log())?;
    let (plain, tls) = process.addresses()?;
    Ok(Running {
        process,
        plain,
        tls,
    })
}

fn environment() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("twisted-environment"))
}

fn install(environment: &Path) -> io::Result<()> {
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(environment))?;
    let pip = ["-m", "pip", "--quiet", "install", "twisted[tls]"];
    run(Command::new(environment.join("bin/python")).args(pip))
}
