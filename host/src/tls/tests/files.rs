//! What is said of files that are not as they should be.

use rcgen::date_time_ymd;

use super::*;

fn failure(options: Options) -> String {
    match Tls::load(options) {
        Ok(_) => panic!("these files can not be right"),
        Err(error) => error.to_string(),
    }
}

/// The text of a key with a passphrase, in the form of PKCS #8.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw\n\
    -----END ENCRYPTED PRIVATE KEY-----\n";

/// And in the form before that.
const ENCRYPTED_BEFORE: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    Proc-Type: 4,ENCRYPTED\n\
    DEK-Info: AES-256-CBC,00000000000000000000000000000000\n\n\
    AAAAAAAAAAAAAAAAAAAAAA==\n\
    -----END EC PRIVATE KEY-----\n";

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of files and what is wrong with them"
)]
fn a_file_that_is_wrong_is_named_with_what_is_wrong() {
    let site = Site::new();
    let right = site.authority.issue(&[HOST]);
    let (certificate, key) = (right.cert.pem(), right.signing_key.serialize_pem());
    let cut = &certificate[..certificate.len() / 2];
    let damaged = certificate.replacen('M', "!", 4);
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let large = vec![b'x'; (1 << 20) + 1];
    let cases: [(&[u8], &str); 9] = [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello\n", "no certificate in PEM"),
        (key.as_bytes(), "no certificate in it, but a private key"),
        (right.cert.der(), "DER, not PEM"),
        (cut.as_bytes(), "its PEM is damaged"),
        (damaged.as_bytes(), "its PEM is damaged"),
        (hollow.as_bytes(), "can not be used"),
        (&large, "larger than 1048576 octets"),
    ];
    for (text, expected) in cases {
        let pair = CertificatePair {
            key: site.write("key", &key),
            certificate: site.write("c", text),
        };
        let (path, said) = (pair.certificate.clone(), failure(options([pair])));
        let expected = format!("certificate {}: {expected}", path.display());
        assert!(said.starts_with(&expected), "{said}\n{expected}");
        if text.is_empty() {
            continue;
        }
        let client_ca = Some(path.clone());
        let said = failure(Options {
            client_ca,
            ..site.options()
        });
        assert!(
            said.starts_with(&format!("client authorities {}: ", path.display())),
            "{said}"
        );
    }
    let cases: [(&[u8], &str); 6] = [
        (b"", "empty"),
        (
            certificate.as_bytes(),
            "no private key in it, but a certificate",
        ),
        (right.signing_key.serialized_der(), "no private key in PEM"),
        (
            ENCRYPTED.as_bytes(),
            "encrypted, and the server can not ask for the passphrase",
        ),
        (ENCRYPTED_BEFORE.as_bytes(), "encrypted"),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "can not be used",
        ),
    ];
    for (text, expected) in cases {
        let pair = CertificatePair {
            key: site.write("k", text),
            certificate: site.write("c", &certificate),
        };
        let (path, said) = (pair.key.clone(), failure(options([pair])));
        let expected = format!("key {}: {expected}", path.display());
        assert!(said.starts_with(&expected), "{said}\n{expected}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_a_file_is_named() {
    let site = Site::new();
    let CertificatePair { certificate, .. } = site.options().certificates.remove(0);
    let key = site.directory.path().join("absent");
    let said = failure(options([CertificatePair {
        certificate: certificate.clone(),
        key: key.clone(),
    }]));
    assert!(
        said.starts_with(&format!("key {}: can not be read: ", key.display())),
        "{said}"
    );
    let key = site.directory.path().to_owned();
    let said = failure(options([CertificatePair {
        certificate,
        key: key.clone(),
    }]));
    assert_eq!(said, format!("key {}: not a file", key.display()));
    assert!(matches!(Tls::load(options([])), Err(Error::NoCertificate)));
}

#[test]
fn a_key_of_another_certificate_is_refused_with_both_files() {
    let site = Site::new();
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let issue = || site.authority.issue_as(&[HOST], algorithm, |_| {});
        let (right, other) = (site.pair("right", &issue()), site.pair("other", &issue()));
        assert!(Tls::load(options([right.clone()])).is_ok());
        let mixed = CertificatePair {
            key: other.key,
            ..right
        };
        let said = failure(options([mixed.clone()]));
        for path in [mixed.certificate, mixed.key] {
            assert!(said.contains(&path.display().to_string()), "{said}");
        }
    }
}

#[test]
fn one_file_may_hold_all_of_it_and_what_tools_put_around_it() {
    let site = Site::new();
    let issued = site.authority.issue(&[HOST]);
    let text = [
        "Bag Attributes\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
        &issued.signing_key.serialize_pem(),
        "\r\nsubject=CN = mail\n",
        &issued.cert.pem(),
        &site.authority.certificate.pem(),
    ];
    let path = site.write("all.pem", text.concat().replace('\n', "\r\n"));
    let tls = Tls::load(options([CertificatePair {
        certificate: path.clone(),
        key: path.clone(),
    }]));
    let certificates = tls.expect("right files").certificates();
    assert_eq!(certificates.len(), 1);
    assert_eq!(
        (&certificates[0].file, certificates[0].names[0].as_str()),
        (&path, HOST)
    );
}

#[test]
fn a_certificate_out_of_its_time_is_used_and_warned_about() {
    let site = Site::new();
    let issue = |names: &[&str], from, until| {
        site.authority
            .issue_as(names, &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
                params.not_before = date_time_ymd(from, 1, 1);
                params.not_after = date_time_ymd(until, 1, 1);
            })
    };
    let tls = Tls::load(options([
        site.pair("old", &issue(&[HOST], 2000, 2001)),
        site.pair("new", &issue(&[HOST], 4000, 4001)),
        site.pair("good", &issue(&[HOST], 2000, 4000)),
        site.pair("nameless", &issue(&[], 2000, 4000)),
    ]));
    let tls = tls.expect("right files");
    let said: Vec<_> = tls.warnings().iter().map(ToString::to_string).collect();
    let file = |name: &str| site.directory.path().join(name).display().to_string();
    assert_eq!(
        said,
        [
            format!(
                "certificate {}: expired on 2001-01-01T00:00:00Z",
                file("old.pem")
            ),
            format!(
                "certificate {}: not valid until 4000-01-01T00:00:00Z",
                file("new.pem")
            ),
            format!(
                "certificate {}: names no host, so clients that know the server by name refuse it",
                file("nameless.pem")
            ),
        ]
    );
    let expires: Vec<_> = tls
        .certificates()
        .iter()
        .map(|certificate| certificate.expires)
        .collect();
    assert_eq!(expires[0], 978_307_200);
    assert_eq!(expires.len(), 4);
}
