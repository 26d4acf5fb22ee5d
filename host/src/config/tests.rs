//! The configuration file: its defaults, its positions, its refusals.

use proptest::prelude::*;

use super::*;

const EXAMPLE: &str = include_str!("../../../examples/popcell.toml");

/// The least that is right; tests append to it. Seven lines.
pub(super) const LEAST: &str = "version = 1
[[listener]]
address = \"127.0.0.1:0\"
[users]
passwd_file = \"users\"
[mailbox]
maildir = \"%h/Maildir\"
";

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Path::new("/etc/popcell/popcell.toml"))
}

fn problems(text: &str) -> Vec<String> {
    let problems = Config::parse(text, Path::new("p.toml")).expect_err("has problems");
    problems.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn the_example_says_what_the_defaults_are() {
    let example = parse(EXAMPLE).expect("right");
    assert_eq!(
        example.listeners,
        [Listener::new("127.0.0.1:1110".parse().expect("address"))]
    );
    let template = "/var/mail/%d/%n/Maildir".parse().expect("template");
    assert_eq!(example.mailbox, Some(Mailbox::new(template)));
    assert_eq!(example.session, Session::default());
    assert_eq!(example.timeouts, Timeouts::default());
    assert_eq!(example.limits, Limits::default());
    assert_eq!(example.log, Log::default());
    assert_eq!(example.sandbox, Sandbox::default());
    assert_eq!(example.swap, Bounds::default());
    assert_eq!(example.trust, Trust::default());
    assert_eq!(example.component, None);
    assert_eq!(example.record, None);
    assert_eq!((example.control, example.metrics), (None, None));
    assert_eq!(example.oauth, None);
    assert!(
        matches!(example.users, Some(Users::PasswdFile(path)) if path == Path::new("/etc/popcell/users"))
    );
}

#[test]
fn the_example_names_every_key_and_only_keys_that_exist() {
    let with_optional_keys: Vec<String> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') => rest,
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => rest,
            Some(_) | None => line,
        })
        .map(str::to_owned)
        .collect();
    let text = with_optional_keys.join("\n");
    let config = parse(&text).expect("right");
    assert_eq!(config.session.hostname, "mail.example.org");
    assert_eq!(config.limits.hash_threads.get(), 2);
    let component = config.component.as_ref().expect("a file");
    assert_eq!(component.file, Path::new("/etc/popcell/pop3.wasm"));
    let socket = Path::new("/run/popcell/control.sock");
    assert_eq!(config.control.as_deref(), Some(socket));
    assert_eq!(config.metrics, "127.0.0.1:9110".parse().ok());
    let tls = config.tls.as_ref().expect("a certificate");
    assert_eq!(
        tls.certificates[0].key,
        Path::new("/etc/popcell/mail.example.org.key")
    );
    assert_eq!(
        tls.client_ca.as_deref(),
        Some(Path::new("/etc/popcell/clients.pem"))
    );
    // A key is called what its field is called, so the fields tell which keys there are.
    let Config {
        mailbox: Some(mailbox),
        session,
        timeouts,
        limits,
        log,
        sandbox,
        trust,
        component,
        ..
    } = config
    else {
        panic!("no [mailbox]")
    };
    let fields = format!("{mailbox:#?}{session:#?}{timeouts:#?}{limits:#?}{log:#?}");
    let component = component.expect("a file");
    let fields = format!("{fields}{sandbox:#?}{trust:#?}{component:#?}");
    for (field, value) in fields
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(": "))
    {
        let is_nested = field.starts_with(' ') || value.ends_with(" {");
        assert!(
            is_nested || text.contains(&format!("\n{field} = ")),
            "{field} is not in the example"
        );
    }
}

fn is_key(text: &str) -> bool {
    text.bytes()
        .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_')
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_lines() {
    let text = "version = 2
[[listener]]
address = \"localhost:110\"
[users]
passwd_file = 7
[mailbox]
maildir = \"/mail/%n\"
[timeouts]
idel = \"600s\"
  login = \"0s\"
";
    assert_eq!(
        problems(text),
        [
            "p.toml:1:11: \"version\" cannot be 2; expected 1",
            "p.toml:3:11: \"address\" in [listener] cannot be \"localhost:110\"; expected an IP address \
         and a port, such as \"127.0.0.1:1110\" or \"[::]:110\"",
            "p.toml:5:15: \"passwd_file\" in [users] cannot be 7; expected the path of a file",
            "p.toml:9:1: unknown key \"idel\" in [timeouts]; did you mean \"idle\"?",
            "p.toml:10:11: \"login\" in [timeouts] cannot be \"0s\"; expected a duration from 1s to 24h, \
         such as \"1s\"",
        ]
    );
}

#[test]
fn what_is_missing_is_named_with_what_it_should_be() {
    assert_eq!(
        problems(""),
        [
            "p.toml:1:1: \"maildir\" in [mailbox] is missing; expected a path in which %u, %n, %d, %h \
         and %% stand for parts of the user",
            "p.toml:1:1: \"passwd_file\" in [users] is missing; expected the path of a file",
            "p.toml:1:1: \"version\" is missing; expected 1",
            "p.toml:1:1: [[listener]] is missing; expected at least one",
        ]
    );
    assert_eq!(
        problems(&LEAST.replace("passwd_file = \"users\"", "")),
        ["p.toml:4:1: \"passwd_file\" in [users] is missing; expected the path of a file",]
    );
}

/// What is appended to the least file, where the problem is, what it is, and what is expected.
#[rustfmt::skip] // A table reads in rows.
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("[timeouts]\nidle = \"599s\"", "9:8", "\"idle\" in [timeouts] cannot be \"599s\"", IDLE),
    ("[timeouts]\nidle = true", "9:8", "\"idle\" in [timeouts] cannot be true", IDLE),
    ("[timeouts]\nidle = -1", "9:8", "\"idle\" in [timeouts] cannot be -1", IDLE),
    ("[limits]\ncall_time = \"9ms\"", "9:13", "\"call_time\" in [limits] cannot be \"9ms\"", CALL),
    ("[limits]\nconnections = 0", "9:15", "\"connections\" in [limits] cannot be 0", COUNT),
    ("[limits]\nconnections = 1.5", "9:15", "\"connections\" in [limits] cannot be 1.5", COUNT),
    ("[limits]\nconnections = 18446744073709551616", "9:15", "\"connections\" in [limits] cannot be 18446744073709551616", COUNT),
    ("[limits]\nline_octets = 16385", "9:15", "\"line_octets\" in [limits] cannot be 16385", LINE),
    ("[limits]\nline_octets = \"1MB\"", "9:15", "\"line_octets\" in [limits] cannot be \"1MB\"", LINE),
    ("[limits]\ninput_octets = 1024", "9:16", "\"input_octets\" in [limits] cannot be less than \"line_octets\", which is 16384", ""),
    ("[limits]\nidle = 1", "9:1", "unknown key \"idle\" in [limits]", ""),
    ("[timeout]\nidle = 600", "8:2", "unknown section [timeout]; did you mean [timeouts]?", ""),
    ("[timeouts]\n\"i\\u001bdle\" = 1", "9:1", "unknown key \"idle...\" in [timeouts]; did you mean \"idle\"?", ""),
    ("[[timeouts]]", "8:1", "\"timeouts\" cannot be [[timeouts]]", "; expected a section: [timeouts]"),
    ("[session]\ngreeting = \"<hello>\"", "9:12", "\"greeting\" in [session] cannot be \"<hello>\"", GREETING),
    ("[session]\nhostname = \"a b\"", "9:12", "\"hostname\" in [session] cannot be \"a b\"", HOSTNAME),
    ("[session]\nimplementation = true", "9:18", "\"implementation\" in [session] cannot be true", WORDS),
    ("[session]\nexpire = \"30\"", "9:10", "\"expire\" in [session] cannot be \"30\"", EXPIRE),
    ("[session]\napop = \"only\"", "9:8", "\"apop\" in [session] cannot be \"only\"", "; expected true, false or \"exclusive\""),
    ("[session]\nmechanisms = [\"PLAIN\", \"NTLM\"]", "9:24", "\"mechanisms\" in [session] cannot be \"NTLM\"", MECHANISM),
    ("[session]\nmechanisms = [\"PLAIN\", \"PLAIN\"]", "9:14", "\"mechanisms\" in [session] names PLAIN twice", ""),
    ("[session]\nmechanisms = \"PLAIN\"", "9:14", "\"mechanisms\" in [session] cannot be \"PLAIN\"", MECHANISMS),
    ("[log]\nformat = \"xml\"", "9:10", "\"format\" in [log] cannot be \"xml\"", "; expected \"text\" or \"json\""),
    ("[component]\nfile = \"\"", "9:8", "\"file\" in [component] cannot be \"\"", "; expected the path of a file"),
    ("[[listener]]", "8:1", "\"address\" in [listener] is missing", ADDRESS),
];

const IDLE: &str = "; expected a duration from 10min to 24h, such as \"10min\"";
const CALL: &str = "; expected a duration from 10ms to 1min, such as \"10ms\"";
const COUNT: &str = "; expected a number from 1 to 1000000";
const LINE: &str = "; expected a size from 255 to 16KiB, such as 65536 or \"64KiB\"";
const GREETING: &str = "; expected 1 to 256 printable ASCII characters without \"<\"";
const HOSTNAME: &str = "; expected a host name of at most 64 characters";
const WORDS: &str = "; expected words of printable ASCII characters, 200 in all, or false";
const EXPIRE: &str = "; expected \"never\" or a number from 0 to 36500, or false";
const MECHANISM: &str = "; expected \"SCRAM-SHA-256-PLUS\" or \"SCRAM-SHA-1-PLUS\" or \
    \"SCRAM-SHA-256\" or \"SCRAM-SHA-1\" or \"EXTERNAL\" or \"OAUTHBEARER\" or \"XOAUTH2\" or \
    \"PLAIN\" or \"LOGIN\" or \"CRAM-MD5\"";
const MECHANISMS: &str = "; expected a list, each of it \"SCRAM-SHA-256-PLUS\" or \
    \"SCRAM-SHA-1-PLUS\" or \"SCRAM-SHA-256\" or \"SCRAM-SHA-1\" or \"EXTERNAL\" or \
    \"OAUTHBEARER\" or \"XOAUTH2\" or \"PLAIN\" or \"LOGIN\" or \"CRAM-MD5\"";
const ADDRESS: &str =
    "; expected an IP address and a port, such as \"127.0.0.1:1110\" or \"[::]:110\"";

#[test]
fn every_mistake_has_its_place_and_says_what_is_right() {
    for (appended, place, problem, expected) in WRONG {
        let found = problems(&format!("{LEAST}{appended}\n"));
        assert_eq!(
            found,
            [format!("p.toml:{place}: {problem}{expected}")],
            "{appended}"
        );
    }
}

#[test]
fn an_address_can_be_listened_on_once() {
    let twice = "[[listener]]\naddress = \"0.0.0.0:110\"\n".repeat(2);
    let message = "p.toml:11:11: 0.0.0.0:110 is the address of another [[listener]]";
    assert_eq!(problems(&format!("{LEAST}{twice}")), [message]);
    let free_ports = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
    assert_eq!(
        parse(&format!("{LEAST}{free_ports}"))
            .expect("right")
            .listeners
            .len(),
        2
    );
}

#[test]
fn a_relative_template_starts_at_the_directory_of_the_file() {
    for (template, read) in [
        ("%h/Maildir", "%h/Maildir"),
        ("/m/100%%/%n", "/m/100%%/%n"),
        ("mail/%u", "/etc/100%%/mail/%u"),
        ("%u", "/etc/100%%/%u"),
    ] {
        let text = LEAST.replace("%h/Maildir", template);
        let config = Config::parse(&text, Path::new("/etc/100%/popcell.toml")).expect("right");
        let mailbox = config.mailbox.expect("a store");
        assert_eq!(Ok(mailbox.maildir), read.parse(), "{template}");
    }
}

#[test]
fn what_the_mailbox_thinks_of_a_template_is_said() {
    assert_eq!(
        problems(&LEAST.replace("%h/Maildir", "/m/%x")),
        [
            "p.toml:7:11: \"maildir\" in [mailbox] cannot be used: '%x' is not known: %u, %n, %d, %h \
         and %% are",
        ]
    );
    assert_eq!(
        problems(&LEAST.replace("%h/Maildir", "")),
        [
            "p.toml:7:11: \"maildir\" in [mailbox] cannot be \"\"; expected a path in which %u, %n, %d, \
         %h and %% stand for parts of the user",
        ]
    );
}

#[test]
fn tls_needs_a_certificate_and_a_certificate_makes_stls_the_default() {
    let asked = LEAST.replace("[users]", "tls = \"stls\"\n[users]");
    assert_ne!(asked, LEAST);
    let found = problems(&asked);
    assert!(
        found[0].ends_with("\"tls\" in [[listener]] needs a certificate: see [tls]"),
        "{found:?}"
    );
    let pair = "[[tls.certificate]]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
    let config = parse(&format!("{LEAST}{pair}")).expect("right");
    assert_eq!(config.listeners[0].tls, ListenerTls::Stls);
    let config = parse(&format!("{}{pair}", asked.replace("stls", "implicit"))).expect("right");
    assert_eq!(config.listeners[0].tls, ListenerTls::Implicit);
    let found = problems(&format!("{LEAST}[tls]\nminimum_version = \"1.3\"\n"));
    assert!(
        found[0].contains("[[tls.certificate]] is missing"),
        "{found:?}"
    );
}

#[test]
fn networks_of_load_balancers_are_addresses_too() {
    let text = LEAST.replace(
        "[users]",
        "proxies = [\"10.0.0.0/8\", \"2001:db8::1\"]\n[users]",
    );
    let proxies = parse(&text).expect("right").listeners[0].proxies.clone();
    assert_eq!(
        proxies,
        ["10.0.0.0/8", "2001:db8::1/128"].map(|text| text.parse().expect("net"))
    );
    let found = problems(&text.replace("10.0.0.0/8", "10.0.0.0/33"));
    assert!(
        found[0].contains("expected a list of networks"),
        "{found:?}"
    );
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let found = problems("version = 1\n[timeouts\nidle = = 3\n");
    assert!(
        found.iter().all(|line| line.contains(": not TOML: ")),
        "{found:?}"
    );
    assert!(found[0].starts_with("p.toml:2:10: "), "{found:?}");
    let twice = problems("version = 1\nversion = 1\n");
    assert_eq!(twice, ["p.toml:2:1: not TOML: duplicate key"]);
}

#[test]
fn values_are_read_as_they_are_meant() {
    let text = format!(
        "{LEAST}[session]\nimplementation = false\nexpire = 30\nlogin_delay = \"90s\"\nmechanisms = []\n\
         [state]\ndirectory = \"/var/lib/popcell\"\n[timeouts]\nidle = 900\n[limits]\nline_octets = 512\ninput_octets = \"1KiB\"\n\
         [log]\nformat = \"json\"\nlevel = \"debug\"\n"
    );
    let config = parse(&text).expect("right");
    assert_eq!(config.session.announce(), ["EXPIRE 30", "LOGIN-DELAY 90"]);
    assert!(config.session.mechanisms.is_empty());
    assert_eq!(config.timeouts.idle, Duration::from_mins(15));
    assert_eq!(
        (config.limits.line_octets, config.limits.input_octets),
        (512, 1024)
    );
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Json,
            level: LogLevel::Debug
        }
    );
    assert_eq!(
        Session::default().announce(),
        ["IMPLEMENTATION Popcell", "EXPIRE NEVER"]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem_without_a_line() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("absent.toml");
    let problems = Config::load(&path).expect_err("absent");
    assert_eq!(problems.list().len(), 1);
    let expected = format!("{}: cannot be read: No such file", path.display());
    assert!(problems.to_string().starts_with(&expected), "{problems}");
    assert!(!problems.is_permission_denied());
}

#[test]
fn paths_start_at_the_directory_of_the_file() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("popcell.toml");
    fs::write(&path, LEAST).expect("written");
    let users = Config::load(&path).expect("right").users;
    let expected = directory.path().join("users");
    assert_eq!(users, Some(Users::PasswdFile(expected)));
}

#[test]
fn plaintext_login_is_for_loopback_unless_said_otherwise() {
    let addresses = [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "192.0.2.1",
        "2001:db8::1",
    ];
    for (policy, allowed) in [
        (PlaintextLogin::Never, [false; 5]),
        (PlaintextLogin::Loopback, [true, true, true, false, false]),
        (PlaintextLogin::Always, [true; 5]),
    ] {
        let answers = addresses.map(|address| policy.allows(address.parse().expect("address")));
        assert_eq!(answers, allowed, "{policy:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_has_problems(at in 0..EXAMPLE.len(), cut in 0..80_usize, with: String) {
        let at = EXAMPLE.floor_char_boundary(at);
        let rest = EXAMPLE.ceil_char_boundary((at + cut).min(EXAMPLE.len()));
        let text = format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[rest..]);
        if let Err(problems) = parse(&text) {
            let count = problems.list().len();
            prop_assert!(count > 0);
            prop_assert_eq!(problems.to_string().lines().count(), count);
        }
    }
}
