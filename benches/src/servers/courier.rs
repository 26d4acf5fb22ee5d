//! Courier's POP3 server as Debian's package sets it up: a process for each connection.
//!
//! Its paths are compiled in, so it runs in a mount namespace of its own: by root only.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64ct::{Base64, Encoding as _};
use md5::{Digest as _, Md5};

use super::{
    Running,
    process::{Process, free_ports, run},
    setting::{Place, Setting},
};
use crate::maildirs::{Maildirs, PASSWORD};

const SCRIPT: &str = include_str!("../../peers/courier.sh");

/// The package with the service of the protocol. No system has it beside another server of POP3, but
/// what is in it can stand anywhere.
const PACKAGE: &str = "courier-pop";

/// Where it has its service, from the root of the system or from where it was unpacked.
const SERVICE: &str = "usr/lib/courier/courier";

/// What of the other packages the script starts.
const BASE: [&str; 5] = [
    "/usr/bin/couriertls",
    "/usr/lib/courier/courier-authlib/authdaemond",
    "/usr/sbin/authtest",
    "/usr/sbin/couriertcpd",
    "/usr/sbin/makeuserdb",
];

/// Passwords are in a file of Courier's own; five processes look them up, which is its default.
const AUTHDAEMONRC: &str = "\
authmodulelist=\"authuserdb\"
daemons=5
authdaemonvar=/run/courier/authdaemon
";

/// The version, or what has to be done to have it.
pub(super) fn look_for() -> Result<String, String> {
    if !BASE.iter().all(|program| Path::new(program).exists()) {
        return Err("is not here: apt-get install courier-base courier-authlib-userdb".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("needs a mount namespace: run this as root to compare it".to_owned());
    }
    service().map_err(|error| format!("can not be had: {error}"))?;
    // No program of it says its version; all packages have the same.
    let asked = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Version}", "courier-base"])
        .output();
    let version = match asked {
        Ok(said) if said.status.success() => String::from_utf8_lossy(&said.stdout).into_owned(),
        Ok(_) | Err(_) => "of an unknown version".to_owned(),
    };
    Ok(format!("Courier {version}"))
}

/// Where the programs of the package are: those of the system, or else those beside this program, which
/// the first run that asks for them fetches.
fn service() -> io::Result<PathBuf> {
    let installed = Path::new("/").join(SERVICE);
    if installed.join("courierpop3d").exists() {
        return Ok(installed);
    }
    let directory = env::current_exe()?.with_file_name(PACKAGE);
    let unpacked = directory.join(SERVICE);
    if !unpacked.join("courierpop3d").exists() {
        fs::create_dir_all(&directory)?;
        let fetch = format!(
            "apt-get --quiet download {PACKAGE} && dpkg-deb --extract {PACKAGE}_*.deb . >&2"
        );
        run(Command::new("sh")
            .args(["-c", &fetch])
            .current_dir(&directory)
            .stdout(Stdio::null()))?;
    }
    Ok(unpacked)
}

pub(super) fn start(setting: &Setting, place: &Place) -> io::Result<Running> {
    let (plain, tls) = free_ports()?;
    let [etc, run] = ["etc", "run"].map(|name| place.path().join(name));
    fs::create_dir_all(&etc)?;
    fs::create_dir_all(&run)?;
    place.write("etc/authdaemonrc", AUTHDAEMONRC)?;
    let users = place.write("etc/userdb", &userdb(&place.maildirs))?;
    // Otherwise it is not read.
    fs::set_permissions(users, fs::Permissions::from_mode(0o600))?;
    let mut pem = fs::read(&setting.certificate_file)?;
    pem.extend(fs::read(&setting.key_file)?);
    fs::write(etc.join("pop3d.pem"), pem)?;
    let script = place.write("courier.sh", SCRIPT)?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh"])
        .arg(script)
        .arg(place.path())
        .arg(service()?)
        .args([plain, tls].map(|address| address.port().to_string()));
    let mut process = Process::start(&mut command, &place.log())?;
    process.wait_for(plain)?;
    process.wait_for(tls)?;
    Ok(Running {
        process,
        plain,
        tls,
    })
}

/// All users, as makeuserdb reads them. Courier has no scheme for a password in the clear; this is the
/// cheapest one.
fn userdb(maildirs: &Maildirs) -> String {
    let owner = maildirs.owner.unwrap_or_default();
    let password = Base64::encode_string(&Md5::digest(PASSWORD));
    let line = |(user, home): (String, PathBuf)| {
        let home = home.display();
        format!(
            "{user}\tuid={owner}|gid={owner}|home={home}|mail={home}|systempw={{MD5}}{password}\n"
        )
    };
    maildirs.users().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildirs::{Shape, Shapes};

    #[test]
    fn a_user_is_a_line() {
        let none = Shape {
            users: 0,
            messages: 0,
            octets: 0,
        };
        let maildirs = Maildirs {
            root: "/mail".into(),
            owner: Some(7),
            shapes: Shapes {
                few: Shape { users: 1, ..none },
                small: none,
                medium: none,
                large: none,
                drain: none,
            },
        };
        assert_eq!(
            userdb(&maildirs),
            "few0\tuid=7|gid=7|home=/mail/few0|mail=/mail/few0|\
             systempw={MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==\n"
        );
    }
}
