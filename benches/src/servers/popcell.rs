//! Builds and starts Popcell. It has the limits lifted that a benchmark runs into, and no others.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Running,
    process::Process,
    setting::{Place, Setting},
};

/// The program, if it is to be another than the one that is built here.
const PROGRAM: &str = "POPCELL_BIN";

/// Builds the program as this one was built, unless another one was named.
pub(crate) fn build() -> io::Result<()> {
    if env::var_os(PROGRAM).is_some() {
        return Ok(());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package", "popcell", "--bin", "popcell"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match command.current_dir(workspace).status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("popcell can not be built")),
    }
}

/// What it says of its version.
pub(crate) fn version() -> io::Result<String> {
    let program = program()?;
    let said = Command::new(&program).arg("--version").output();
    let said = said.map_err(|error| {
        let program = program.display();
        io::Error::other(format!("{program}: {error}"))
    })?;
    let said = String::from_utf8_lossy(&said.stdout);
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

pub(super) fn start(setting: &Setting, place: &Place) -> io::Result<Running> {
    serve(Command::new(program()?), setting, place)
}

/// Starts it so that it runs on these processors only, a list as `taskset` understands it.
pub(crate) fn start_on(processors: &str, setting: &Setting, place: &Place) -> io::Result<Running> {
    let mut command = Command::new("taskset");
    command.args(["-c", processors]).arg(program()?);
    serve(command, setting, place)
}

fn serve(mut command: Command, setting: &Setting, place: &Place) -> io::Result<Running> {
    let configuration = place.write("popcell.toml", &configuration(setting, place))?;
    command.arg("serve").arg("--config").arg(configuration);
    let mut process = Process::start(&mut command, &place.log())?;
    let (plain, tls) = process.addresses()?;
    Ok(Running {
        process,
        plain,
        tls,
    })
}

/// The program that was named, else the one beside this one.
fn program() -> io::Result<PathBuf> {
    match env::var_os(PROGRAM) {
        Some(program) => Ok(program.into()),
        None => Ok(env::current_exe()?.with_file_name("popcell")),
    }
}

fn configuration(setting: &Setting, place: &Place) -> String {
    format!(
        "version = 1\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"none\"\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\n\
         [[tls.certificate]]\ncertificate = {:?}\nkey = {:?}\n\
         [users]\npasswd_file = {:?}\n\
         [mailbox]\nmaildir = \"{}/%u\"\n\
         [limits]\nconnections_per_address = 4096\n\
         [timeouts]\nlogin = \"10min\"\n",
        setting.certificate_file,
        setting.key_file,
        place.passwd_file,
        place.maildirs.root.display(),
    )
}
