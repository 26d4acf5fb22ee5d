//! Builds and starts Popcell. It has the limits lifted that a benchmark runs into, and no others.
//!
//! Once more without its sandbox: another build, which has the session of the component in itself.

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

/// A build of Popcell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Build {
    /// What is in this tree.
    Product,
    /// The same with the feature `native-session`, and the choice to run without a sandbox.
    Native,
}

impl Build {
    /// Names the program, if it is to be another than the one that is built here.
    fn variable(self) -> &'static str {
        match self {
            Self::Product => "POPCELL_BIN",
            Self::Native => "POPCELL_NATIVE_BIN",
        }
    }

    /// The program that was named, else the one beside this one.
    fn program(self) -> io::Result<PathBuf> {
        let name = match self {
            Self::Product => "popcell",
            Self::Native => "popcell-native",
        };
        match env::var_os(self.variable()) {
            Some(program) => Ok(program.into()),
            None => Ok(env::current_exe()?.with_file_name(name)),
        }
    }

    /// What it says of its version.
    pub(super) fn version(self) -> io::Result<String> {
        let program = self.program()?;
        let said = Command::new(&program).arg("--version").output();
        let said = said.map_err(|error| {
            let program = program.display();
            io::Error::other(format!("{program}: {error}"))
        })?;
        let said = String::from_utf8_lossy(&said.stdout);
        Ok(said.lines().next().unwrap_or_default().to_owned())
    }

    /// Starts it so that it serves from one thread, as the floor does.
    pub(super) fn start(self, setting: &Setting, place: &Place) -> io::Result<Running> {
        let configuration = configuration(self, "connection_threads = 1\n", setting, place);
        serve(Command::new(self.program()?), &configuration, place)
    }

    /// Starts it so that it runs on these processors only, a list as `taskset` understands it, with a
    /// thread for each.
    pub(crate) fn start_on(
        self,
        processors: &str,
        setting: &Setting,
        place: &Place,
    ) -> io::Result<Running> {
        let mut command = Command::new("taskset");
        command.args(["-c", processors]).arg(self.program()?);
        serve(command, &configuration(self, "", setting, place), place)
    }
}

fn serve(mut command: Command, configuration: &str, place: &Place) -> io::Result<Running> {
    let configuration = place.write("popcell.toml", configuration)?;
    command.arg("serve").arg("--config").arg(configuration);
    let mut process = Process::start(&mut command, &place.log())?;
    let (plain, tls) = process.addresses()?;
    Ok(Running {
        process,
        plain,
        tls,
    })
}

/// Builds the program as this one was built, unless another one was named.
pub(crate) fn build() -> io::Result<()> {
    if env::var_os(Build::Product.variable()).is_some() {
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

/// How the one without a sandbox comes to be here.
pub(super) fn look_for_native() -> Result<String, String> {
    Build::Native.version().map_err(|_| {
        "is not here: cargo build --release --package popcell --features native-session, and \
         name a copy of it in POPCELL_NATIVE_BIN"
            .to_owned()
    })
}

fn configuration(build: Build, limits: &str, setting: &Setting, place: &Place) -> String {
    let engine = match build {
        Build::Product => "",
        Build::Native => "[sandbox]\nengine = \"native\"\n",
    };
    format!(
        "version = 1\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"none\"\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\n\
         [[tls.certificate]]\ncertificate = {:?}\nkey = {:?}\n\
         [users]\npasswd_file = {:?}\n\
         [mailbox]\nmaildir = \"{}/%u\"\n\
         [limits]\nconnections_per_address = 4096\n{limits}\
         [timeouts]\nlogin = \"10min\"\n{engine}",
        setting.certificate_file,
        setting.key_file,
        place.passwd_file,
        place.maildirs.root.display(),
    )
}
