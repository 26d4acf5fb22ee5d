//! Tenants in the file: what they have from the server, and what is said of mistakes.

use std::{path::Path, time::Duration};

use super::super::{Config, Users, tests::LEAST};

fn parse(text: &str) -> Result<Config, super::super::Problems> {
    Config::parse(text, Path::new("/etc/popcell/popcell.toml"))
}

fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).expect_err("has problems").to_string();
    problems.lines().map(str::to_owned).collect()
}

/// A tenant of these keys behind [`LEAST`].
fn with_tenant(keys: &str) -> String {
    let users = "[tenant.users]\npasswd_file = \"u\"\n[tenant.mailbox]\nmaildir = \"/m/%u\"\n";
    format!("{LEAST}[[tenant]]\n{keys}\n{users}")
}

#[test]
fn a_tenant_has_what_the_server_has_unless_it_says_otherwise() {
    let text = with_tenant("name = \"acme\"\ndomains = [\"Acme.Example\"]")
        + "[tenant.session]\ngreeting = \"Acme\"\n[tenant.limits]\ncall_time = \"20ms\"\n"
        + "[limits]\ncell_memory = \"2MiB\"\ntenant_cpu = 0\n[session]\nexpire = false\n";
    let config = parse(&text).expect("right");
    let tenant = &config.tenants[0];
    assert_eq!(
        (&*tenant.name, &*tenant.domains),
        ("acme", &["acme.example".to_owned()][..])
    );
    assert_eq!(
        (&*tenant.session.greeting, tenant.session.expire),
        ("Acme", None)
    );
    assert_eq!(tenant.cell.call_time, Duration::from_millis(20));
    assert_eq!(
        (tenant.cell.memory, config.limits.cell.memory),
        (2 << 20, 2 << 20)
    );
    assert_eq!(tenant.share.cpu_percent, None);
    assert_eq!(tenant.users, Users::PasswdFile("/etc/popcell/u".into()));
    assert_eq!(config.session.greeting, "Popcell ready");
}

#[test]
fn users_without_a_tenant_need_not_be_where_there_are_tenants() {
    let (listener, _) = LEAST.split_once("[users]").expect("there");
    let tenant = with_tenant("name = \"acme\"").split_off(LEAST.len());
    let config = parse(&format!("{listener}{tenant}")).expect("right");
    assert!(config.users.is_none() && config.mailbox.is_none());
    let half = format!("{listener}{tenant}[users]\npasswd_file = \"u\"\n");
    let problems = problems(&half);
    assert!(
        problems[0].contains("\"maildir\" in [mailbox] is missing"),
        "{problems:?}"
    );
}

#[test]
fn everything_that_is_wrong_with_tenants_is_said() {
    let twice = with_tenant("name = \"a\"\ndomains = [\"d.example\"]");
    let second = with_tenant("name = \"a\"\ndomains = [\"D.example\"]").split_off(LEAST.len());
    let third = with_tenant("name = \"default\"\ndomains = [\"..\"]\nx = 1").split_off(LEAST.len());
    let text = format!("{twice}{second}{third}").replacen("[users]", "tenant = \"b\"\n[users]", 1);
    let problems = problems(&text);
    for (problem, words) in problems.iter().zip([
        "and there is no such [[tenant]]",
        "\"a\" is the name of another [[tenant]]",
        "\"d.example\" is a domain of two [[tenant]]s",
        "\"name\" in [tenant] cannot be \"default\"",
        "\"domains\" in [tenant] cannot be \"..\"",
        "unknown key \"x\" in [tenant]",
    ]) {
        assert!(problem.contains(words), "{problem} does not say {words}");
    }
    assert_eq!(problems.len(), 6, "{problems:?}");
}
