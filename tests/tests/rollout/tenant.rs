//! Sessions that change from the server's component to their tenant's, and tenants whose component
//! changes behind that.

use std::fs;

use popcell::{
    component::Options,
    config::Config,
    rollout::{Order, Report, Rollout},
    services::Services,
};
use popcell_tests::{client::Client, faulty, server::Running};
use tempfile::TempDir;

use super::site::RUNTIME;

/// A server with one tenant, which has a component of its own.
struct Site {
    server: Running,
    files: TempDir,
}

impl Site {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let own = faulty::write(files.path(), "none", 1).unwrap();
        fs::write(files.path().join("users"), "alice:{PLAIN}secret\n").unwrap();
        let text = format!(
            "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
             [limits]\ncall_time = \"30s\"\nsession_time = \"10min\"\n\
             [[tenant]]\nname = \"one\"\ndomains = [\"one.example\"]\n\
             [tenant.users]\npasswd_file = \"users\"\n\
             [tenant.mailbox]\nmaildir = \"mail/%u\"\ncreate = true\n\
             [tenant.component]\nfile = \"{}\"\n",
            own.display()
        );
        fs::create_dir(files.path().join("mail")).unwrap();
        let config = Config::parse(&text, &files.path().join("popcell.toml")).unwrap();
        let services = Services::open(&config).unwrap();
        let server = Running::start_with(&config, services).unwrap();
        Self { server, files }
    }

    fn rollout(&self) -> &std::sync::Arc<Rollout> {
        &self.server.operations().rollout
    }

    fn swap(&self, tenant: Option<&str>, fault: &str, number: u32) -> Vec<Report> {
        let order = Order {
            tenant: tenant.map(str::to_owned),
            component: Options::new(faulty::write(self.files.path(), fault, number).unwrap()),
            canary: None,
            replay: None,
            wait: true,
            who: "a test".to_owned(),
        };
        RUNTIME.block_on(self.rollout().swap(order)).unwrap()
    }
}

#[test]
fn what_a_session_was_refused_by_before_its_login_says_nothing_behind_it() {
    let site = Site::start();
    let mut alice = Client::connect(site.server.address()).unwrap();
    alice.ok("").unwrap();
    // The second generation of connections that are nobody's yet does not take her.
    let reports = site.swap(None, "refuse", 2);
    assert_eq!((reports.len(), reports[0].refused), (1, 1));
    alice.ok("USER alice@one.example\r\n").unwrap();
    alice.ok("PASS secret\r\n").unwrap();
    // The second of her tenant does.
    let reports = site.swap(Some("one"), "none", 3);
    assert_eq!((reports[0].generation, reports[0].moved), (2, 1));
    assert_eq!((reports[0].behind, reports[0].refused), (0, 0));
    alice.ok("QUIT\r\n").unwrap();
}
