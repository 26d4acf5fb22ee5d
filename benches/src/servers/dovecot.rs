//! Dovecot 2.3, without settings and tuned. Each instance has a directory and ports of its own.
//!
//! Debian's package is `dovecot-pop3d`. Started by root only, since it changes users.

use std::{fs, io, path::Path, process::Command};

use super::{
    Running,
    process::{Process, free_ports},
    setting::{Place, Setting},
};

const PROGRAM: &str = "/usr/sbin/dovecot";

/// The service of the protocol, where Debian and others have it.
const POP3: [&str; 2] = ["/usr/lib/dovecot/pop3", "/usr/libexec/dovecot/pop3"];

/// What nobody has tuned.
pub(super) const DEFAULT: &str = "";

/// What is tuned for many short sessions: processes are used again, several clients share one,
/// passwords are remembered, nothing is synchronised, flags are left alone.
pub(super) const TUNED: &str = "\
auth_cache_size = 16M
auth_cache_ttl = 1 hour
lock_method = fcntl
mail_fsync = never
maildir_very_dirty_syncs = yes
pop3_lock_session = no
pop3_no_flag_updates = yes
service pop3-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 2000
}
service pop3 {
  service_count = 0
  process_min_avail = 2
  client_limit = 256
}
";

/// The version, or what has to be done to have it.
pub(super) fn look_for() -> Result<String, String> {
    let Ok(said) = Command::new(PROGRAM).arg("--version").output() else {
        return Err("is not here: apt-get install dovecot-pop3d".to_owned());
    };
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !said.starts_with("2.3.") {
        return Err(format!("is {said}; 2.3 is what has a configuration here"));
    }
    if !POP3.iter().any(|path| Path::new(path).exists()) {
        return Err("has no POP3: apt-get install dovecot-pop3d".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("changes users: run this as root to compare it".to_owned());
    }
    Ok(format!("Dovecot {said}"))
}

pub(super) fn start(setting: &Setting, place: &Place, tuning: &str) -> io::Result<Running> {
    let (plain, tls) = free_ports()?;
    let run = place.path().join("run");
    fs::create_dir_all(&run)?;
    let configuration = format!(
        "protocols = pop3\n\
         listen = 127.0.0.1\n\
         base_dir = {run}\n\
         log_path = {log}\n\
         ssl = yes\n\
         ssl_cert = <{certificate}\n\
         ssl_key = <{key}\n\
         disable_plaintext_auth = no\n\
         first_valid_uid = 1\n\
         mail_location = maildir:{mail}/%u\n\
         passdb {{\n  driver = passwd-file\n  args = username_format=%u {users}\n}}\n\
         userdb {{\n  driver = passwd-file\n  args = username_format=%u {users}\n}}\n\
         service pop3-login {{\n\
           inet_listener pop3 {{\n    port = {plain}\n  }}\n\
           inet_listener pop3s {{\n    port = {tls}\n    ssl = yes\n  }}\n\
         }}\n{tuning}",
        run = run.display(),
        log = place.log().display(),
        certificate = setting.certificate_file.display(),
        key = setting.key_file.display(),
        mail = place.maildirs.root.display(),
        users = place.passwd_file.display(),
        plain = plain.port(),
        tls = tls.port(),
    );
    let configuration = place.write("dovecot.conf", &configuration)?;
    let mut command = Command::new(PROGRAM);
    command.arg("-F").arg("-c").arg(configuration);
    let mut process = Process::start(&mut command, &place.path().join("stderr"))?;
    process.wait_for(plain)?;
    Ok(Running {
        process,
        plain,
        tls,
    })
}
