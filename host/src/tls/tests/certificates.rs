//! What is read from certificates, and which one a client is shown.

use std::net::IpAddr;

use rcgen::date_time_ymd;
use rustls::{SignatureScheme, pki_types::pem::PemObject};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{super::certificate::Statement, *};

const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
const RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256];

/// Signed with RSASSA-PSS and SHA-512, which the certificates made on the spot can not be.
const PSS: &str = "\
-----BEGIN CERTIFICATE-----
MIICXDCCAZGgAwIBAgIUaChMRwLqTNs3TtWQExCyBMkaajgwQQYJKoZIhvcNAQEK
MDSgDzANBglghkgBZQMEAgMFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgMF
AKIDAgEgMAwxCjAIBgNVBAMMAXgwHhcNMjYxMTIzMTE0NTMwWhcNMzYxMTIwMTE0
NTMwWjAMMQowCAYDVQQDDAF4MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDM
XNUSsCSUS1YvYdbHPiwGx+FO5EHe9DwMBW0jGM6LTAAMmKIcS5x1I3j/yPP7eDdR
NTvFSNlt5DvLKxPSYou+D7JwapFyq+t8yHC0Alk1jTv3iURHav+9/Y+5n34rZe6m
HOVj+9zpPggGSL8YymTvpWXQvjCojqkvwhQAMkFcPQIDAQABo1MwUTAdBgNVHQ4E
FgQUVV/PSnYr9QIEBNhG6oDROYNnNZ8wHwYDVR0jBBgwFoAUVV/PSnYr9QIEBNhG
6oDROYNnNZ8wDwYDVR0TAQH/BAUwAwEB/zBBBgkqhkiG9w0BAQowNKAPMA0GCWCG
SAFlAwQCAwUAoRwwGgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAwUAogMCASADgYEA
puV85b3LbLsRLI1kdRV9i/e9kJe6ylS31spVulIvw9h4Ax6gTTHpbFkHDJnfJQlr
v8ePwfsSj8Mt31W3iE7nMaSvSPHAQ9NAJFSpD8KYQO4NuLEo1ubM3iJ+uF/2szKk
tl/BDwVh/jX4lOK6HxGDQgAI0hdADS+ra3yb8qiknFc=
-----END CERTIFICATE-----
";

fn statement(issued: &CertifiedKey<KeyPair>) -> Statement {
    Statement::read(issued.cert.der()).expect("a certificate")
}

#[test]
fn names_are_those_of_hosts_in_lower_case() {
    let authority = Authority::new();
    let issued = authority.issue(&["Mail.Example.ORG", "*.example.net", "192.0.2.1"]);
    assert_eq!(
        statement(&issued).names,
        ["mail.example.org", "*.example.net"]
    );
    assert!(statement(&authority.issue(&[])).names.is_empty());
}

#[test]
fn times_are_read_in_both_of_their_forms() {
    let authority = Authority::new();
    for (from, until, begins, expires) in [
        ((1970, 1, 1), (2049, 12, 31), 0, 2_524_521_600),
        ((2024, 2, 29), (2050, 1, 1), 1_709_164_800, 2_524_608_000),
        ((2051, 1, 1), (9999, 12, 31), 2_556_144_000, 253_402_214_400),
        ((1960, 1, 1), (2000, 1, 1), 0, 946_684_800),
    ] {
        let issued = authority.issue_as(&[HOST], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(until.0, until.1, until.2);
        });
        let statement = statement(&issued);
        assert_eq!(
            (statement.begins, statement.expires),
            (begins, expires),
            "{from:?}"
        );
    }
}

#[test]
fn the_end_point_is_hashed_as_the_signature_is() {
    fn hash<D: Digest>(octets: &[u8]) -> Option<Vec<u8>> {
        Some(D::digest(octets).to_vec())
    }
    type HashOf = fn(&[u8]) -> Option<Vec<u8>>;
    let expected: [(&'static SignatureAlgorithm, HashOf); 5] = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, hash::<Sha256>),
        (&rcgen::PKCS_ECDSA_P384_SHA384, hash::<Sha384>),
        (&rcgen::PKCS_RSA_SHA256, hash::<Sha256>),
        (&rcgen::PKCS_RSA_SHA512, hash::<Sha512>),
        (&rcgen::PKCS_ED25519, |_| None),
    ];
    for (algorithm, hash) in expected {
        let issued = Authority::with_key(algorithm).issue(&[HOST]);
        assert_eq!(
            statement(&issued).end_point,
            hash(issued.cert.der()),
            "{algorithm:?}"
        );
    }
    let pss = CertificateDer::from_pem_slice(PSS.as_bytes()).expect("a certificate");
    let end_point = Statement::read(&pss).expect("a certificate").end_point;
    assert_eq!(end_point, hash::<Sha512>(&pss));
}

#[test]
fn a_broken_certificate_is_an_error_wherever_it_breaks() {
    let issued = Authority::new().issue(&[HOST]);
    let whole = issued.cert.der().to_vec();
    for end in 0..whole.len() {
        let cut = CertificateDer::from(whole[..end].to_vec());
        assert!(Statement::read(&cut).is_err(), "cut at {end}");
    }
}

#[test]
fn hosts_come_before_wildcards_and_wildcards_before_the_first() {
    let site = Site::new();
    let pair = |name: &str, names: &[&str]| site.pair(name, &site.authority.issue(names));
    let tls = Tls::load(options([
        pair("first", &["first.example"]),
        pair("wildcard", &["*.example.org"]),
        pair("host", &["mail.example.org", "example.net"]),
    ]));
    let loaded = tls.expect("right files").current.load_full();
    for (host, expected) in [
        (None, 0),
        (Some("first.example"), 0),
        (Some("unknown.example"), 0),
        (Some("mail.example.org"), 2),
        (Some("MAIL.Example.Org"), 2),
        (Some("pop.example.org"), 1),
        (Some("a.pop.example.org"), 0),
        (Some("example.org"), 0),
        (Some("*.example.org"), 1),
        (Some("example.net"), 2),
        (Some(""), 0),
        (Some("."), 0),
    ] {
        assert_eq!(loaded.pairs.select(host, ECDSA), Some(expected), "{host:?}");
    }
}

#[test]
fn of_two_for_one_host_the_client_gets_the_one_that_it_can_verify() {
    let site = Site::new();
    let issue = |algorithm| site.authority.issue_as(&[HOST], algorithm, |_| {});
    let tls = Tls::load(options([
        site.pair("ecdsa", &issue(&rcgen::PKCS_ECDSA_P256_SHA256)),
        site.pair("rsa", &issue(&rcgen::PKCS_RSA_SHA256)),
    ]));
    let loaded = tls.expect("right files").current.load_full();
    for host in [Some(HOST), None] {
        assert_eq!(
            loaded.pairs.select(host, &[RSA, ECDSA].concat()),
            Some(0),
            "{host:?}"
        );
        assert_eq!(loaded.pairs.select(host, RSA), Some(1), "{host:?}");
        assert_eq!(loaded.pairs.select(host, &[]), Some(0), "{host:?}");
    }
}

#[tokio::test]
async fn a_client_is_shown_the_certificate_of_the_host_that_it_names() {
    let site = Site::new();
    let issued = [&["first.example", "127.0.0.1"], &[HOST, "other.example"]]
        .map(|names| site.authority.issue(names));
    let pairs = [
        site.pair("first", &issued[0]),
        site.pair("second", &issued[1]),
    ];
    let tls = Tls::load(options(pairs)).expect("right files");
    let config = Arc::new(client(&site.authority));
    for (host, expected) in [(HOST, 1), ("first.example", 0), ("127.0.0.1", 0)] {
        let opened = open_to(&tls, &config, host).await;
        assert_eq!(&opened.shown(), issued[expected].cert.der(), "{host}");
        let name = host.parse::<IpAddr>().is_err().then_some(host);
        assert_eq!(opened.server.facts.server_name.as_deref(), name);
    }
}
