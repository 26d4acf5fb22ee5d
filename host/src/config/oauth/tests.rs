//! The section `[oauth]`: its defaults, and what does not go together.

use super::{
    super::{Config, tests::LEAST},
    *,
};

const EXAMPLE: &str = include_str!("../../../../examples/popcell.toml");

fn parse(section: &str) -> Result<Option<Oauth>, Vec<String>> {
    let text = format!("{LEAST}[oauth]\n{section}\n");
    let config = Config::parse(&text, Path::new("/etc/popcell.toml"));
    config.map(|config| config.oauth).map_err(|problems| {
        let problems = problems.to_string();
        problems.lines().map(str::to_owned).collect()
    })
}

/// The keys of the example's section: those of tokens that prove themselves, and those that stand in
/// for some of them if the issuer is asked.
fn examples() -> (Vec<&'static str>, Vec<&'static str>) {
    let section = EXAMPLE.split("# [oauth]\n").nth(1).expect("a section");
    let section = section.split("\n\n").next().expect("its end");
    let lines = section.lines().map(|line| &line[2..]);
    let is_asked = |line: &&str| line.starts_with("    ");
    let asked = lines.clone().filter(is_asked).map(str::trim).collect();
    let is_key = |line: &&str| {
        let key = line.split(" = ").next().unwrap_or_default();
        key != *line && !key.contains(' ')
    };
    (lines.filter(is_key).collect(), asked)
}

fn key(line: &str) -> &str {
    line.split(" = ").next().expect("a key")
}

#[test]
fn the_example_says_what_the_defaults_of_signed_tokens_are() {
    let (lines, _) = examples();
    let full = parse(&lines.join("\n")).expect("right").expect("a section");
    let http = Http {
        timeout: Duration::from_secs(10),
        authorities: Some("/etc/sso-ca.pem".into()),
    };
    let expected = |http| Oauth::Jwt {
        keys: Keys::Url {
            url: "https://sso.example.org/keys".to_owned(),
            remember: Duration::from_hours(1),
            http,
        },
        claims: Claims::new("https://sso.example.org", "popcell"),
    };
    assert_eq!(full, expected(http.clone()));
    let required = ["jwks", "issuer", "audience"];
    let least: Vec<_> = lines
        .into_iter()
        .filter(|line| required.contains(&key(line)))
        .collect();
    let http = Http {
        authorities: None,
        ..http
    };
    assert_eq!(parse(&least.join("\n")), Ok(Some(expected(http))));
}

#[test]
fn the_example_says_what_the_defaults_of_introspection_are() {
    let (lines, asked) = examples();
    let stands: Vec<_> = asked.iter().map(|line| key(line)).collect();
    let lines = lines.into_iter().filter(|line| {
        let is_replaced = ["jwks", "leeway"].contains(&key(line)) || stands.contains(&key(line));
        !is_replaced
    });
    let full: Vec<_> = lines.chain(asked.iter().copied()).collect();
    let Ok(Some(Oauth::Introspection(full))) = parse(&full.join("\n")) else {
        panic!("not introspection")
    };
    let expected = Introspection {
        url: "https://sso.example.org/introspect".to_owned(),
        client: Some(Client {
            id: "popcell".to_owned(),
            secret_file: "/etc/sso.secret".into(),
        }),
        issuer: Some("https://sso.example.org".to_owned()),
        audience: Some("popcell".to_owned()),
        user_claim: "username".to_owned(),
        remember: Duration::from_secs(60),
        http: Http {
            timeout: Duration::from_secs(10),
            authorities: Some("/etc/sso-ca.pem".into()),
        },
    };
    assert_eq!(full, expected);
    let http = Http {
        authorities: None,
        ..expected.http
    };
    let least = Introspection {
        client: None,
        issuer: None,
        audience: None,
        http,
        ..expected
    };
    assert_eq!(parse(asked[0]), Ok(Some(Oauth::Introspection(least))));
}

#[test]
fn keys_of_a_file_are_those_of_a_relative_path_too() {
    let keys = |path: &str| {
        let section = format!("jwks = \"{path}\"\nissuer = \"i\"\naudience = \"a\"");
        match parse(&section) {
            Ok(Some(Oauth::Jwt { keys, .. })) => keys,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        keys("sso/keys.json"),
        Keys::File("/etc/sso/keys.json".into())
    );
    assert_eq!(keys("/keys.json"), Keys::File("/keys.json".into()));
    assert!(matches!(
        keys("http://127.0.0.1:8080/keys"),
        Keys::Url { .. }
    ));
}

/// What is appended to a right file of seven lines and `[oauth]`, and every line that comes of it,
/// without the name of the file.
#[rustfmt::skip]
const WRONG: &[(&str, &[&str])] = &[
    ("", &["8:1: [oauth] needs \"jwks\" or \"introspection_url\""]),
    ("issuer = 1\nleeway = 2\nclient_id = 3", &["8:1: [oauth] needs \"jwks\" or \"introspection_url\""]),
    ("jwks = \"k\"\nintrospection_url = \"https://x/\"\nclient_id = \"c\"",
     &["10:21: \"introspection_url\" in [oauth] does not go together with \"jwks\""]),
    ("jwks = \"k\"",
     &["8:1: \"audience\" in [oauth] is missing; expected a name without spaces",
       "8:1: \"issuer\" in [oauth] is missing; expected a name without spaces"]),
    ("jwks = \"k\"\nissuer = \"\"\naudience = \"a b\"",
     &["10:10: \"issuer\" in [oauth] cannot be \"\"; expected a name without spaces",
       "11:12: \"audience\" in [oauth] cannot be \"a b\"; expected a name without spaces"]),
    ("jwks = \"http://192.0.2.1/\"\nissuer = \"i\"\naudience = \"a\"\ntimeout = 5",
     &["9:8: \"jwks\" in [oauth] cannot be \"http://192.0.2.1/\"; expected the path of a file, or an https URL \
        without a user in it, or an http URL of a loopback address"]),
    ("jwks = \"k\"\nissuer = \"i\"\naudience = \"a\"\nclient_id = \"c\"\ntimeout = 5\nleeway = \"2h\"",
     &["12:13: \"client_id\" in [oauth] is of no use without \"introspection_url\"",
       "13:11: \"timeout\" in [oauth] is of no use without a URL in \"jwks\"",
       "14:10: \"leeway\" in [oauth] cannot be \"2h\"; expected a duration from 0s to 1h, such as \"0s\""]),
    ("introspection_url = \"https://u:p@x/\"",
     &["9:21: \"introspection_url\" in [oauth] cannot be \"https://u:p@x/\"; expected an https URL \
        without a user in it, or an http URL of a loopback address"]),
    ("introspection_url = \"https://x/\"\nleeway = 1\nclient_id = \"c\"",
     &["8:1: \"client_secret_file\" in [oauth] is missing; expected the path of a file",
       "10:10: \"leeway\" in [oauth] is of no use without \"jwks\""]),
    ("introspection_url = \"https://x/\"\nclient_secret_file = \"s\"",
     &["8:1: \"client_id\" in [oauth] is missing; expected a name without spaces"]),
    // A secret in the wrong place is not repeated.
    ("introspection_url = \"https://x/\"\nclient_secret = \"hunter2\"",
     &["10:1: unknown key \"client_secret\" in [oauth]"]),
    ("introspection_url = \"https://x/\"\n[session]\nmechanisms = [\"PLAIN\"]",
     &["8:1: [oauth] is of no use without OAUTHBEARER or XOAUTH2 in \"mechanisms\" in [session]"]),
];

#[test]
fn what_does_not_go_together_is_said_with_its_place() {
    for (section, expected) in WRONG {
        let expected: Vec<_> = expected
            .iter()
            .map(|problem| format!("/etc/popcell.toml:{problem}"))
            .collect();
        assert_eq!(parse(section), Err(expected), "{section}");
    }
}

#[test]
fn without_the_section_there_are_no_tokens() {
    let config = Config::parse(LEAST, Path::new("/etc/popcell.toml")).expect("right");
    assert_eq!(config.oauth, None);
    // The mechanisms are among the defaults nevertheless: a user database without an issuer makes
    // sure that they are not offered.
    assert!(is_carried(&config.session.mechanisms));
}
