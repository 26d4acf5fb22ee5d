//! Whose sessions are recorded: those of nobody in particular, and of tenants that want it.

use popcell::{record::Line, services::Services};

use super::*;

const EXAMPLE: &[u8] = include_bytes!(env!("POPCELL_EXAMPLE_GUEST"));

/// A tenant whose user alice has a letter and the password `secret`.
fn tenant(files: &Path, name: &str, rest: &str) -> String {
    fs::write(files.join(format!("{name}.users")), "alice:{PLAIN}secret\n").unwrap();
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(files.join(name).join("alice").join(folder)).unwrap();
    }
    let letter = format!("Subject: for alice of {name}\n\nhello\n");
    fs::write(files.join(name).join("alice/new/1700000000.1.host"), letter).unwrap();
    format!(
        "[[tenant]]\nname = \"{name}\"\ndomains = [\"{name}.example\"]\n{rest}\n\
         [tenant.users]\npasswd_file = \"{name}.users\"\n\
         [tenant.mailbox]\nmaildir = \"{name}/%u\"\n"
    )
}

/// What was recorded of a session in which alice of this tenant fetched her letter.
fn recorded(name: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path();
    fs::write(files.join("example.wasm"), EXAMPLE).unwrap();
    let server = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[limits]\n\
                  failed_login_delay = 0\ncall_time = \"30s\"\n[record]\ndirectory = \"records\"\n";
    let own = "[tenant.component]\nfile = \"example.wasm\"\nwasi = true\n";
    let text = [
        server,
        &tenant(files, "loud", "record = true"),
        &tenant(files, "quiet", ""),
        &tenant(files, "own", "record = true"),
        own,
    ];
    let config = Config::parse(&text.concat(), &files.join("popcell.toml")).unwrap();
    let services = Services::open(&config).unwrap();
    let running = Running::start_with(&config, services).unwrap();
    let mut client = Client::connect(running.address()).unwrap();
    let lines = format!("USER alice@{name}.example\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n");
    client.send(lines.as_bytes()).unwrap();
    client.rest().unwrap();
    running.stop();
    let found = fs::read_dir(files.join("records")).unwrap();
    found
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn a_tenant_is_recorded_if_it_wants_to_be() {
    let loud = recorded("loud").pop().unwrap();
    assert!(
        loud.contains("Subject: for alice of loud") && !loud.contains("secret"),
        "{loud}"
    );
    assert_eq!(recorded("quiet"), [""; 0]);
    // Who fails to log in is nobody's, and has no mail.
    let stranger = recorded("nowhere").pop().unwrap();
    assert!(
        stranger.contains("\"denied\"") && !stranger.contains("secret"),
        "{stranger}"
    );
}

#[test]
fn a_session_that_goes_on_in_another_component_is_recorded_there_too() {
    let own = recorded("own").pop().unwrap();
    let lines = own.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Line> = lines.collect();
    let moved = lines.iter().position(|line| matches!(line, Line::Moved(_)));
    let Line::Moved(moved) = &lines[moved.unwrap()] else {
        unreachable!("found")
    };
    let Line::Recording(header) = &lines[0] else {
        panic!("{own}")
    };
    assert_ne!(moved.component, header.component);
    assert!(
        own.contains("+OK here it is") && own.contains("Subject: for alice of own"),
        "{own}"
    );
}
