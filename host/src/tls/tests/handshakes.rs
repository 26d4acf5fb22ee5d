//! Handshakes that succeed, and with what; handshakes that fail, and why.

use proptest::prelude::*;
use rustls::{AlertDescription, CertificateError, PeerIncompatible, pki_types::PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

use super::*;

fn speaking(authority: &Authority, protocols: &[&str]) -> Arc<ClientConfig> {
    let mut config = client(authority);
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Arc::new(config)
}

#[tokio::test]
async fn the_facts_are_those_that_the_client_sees() {
    let site = Site::new();
    let tls = site.tls();
    for (version, suites) in [(&TLS12, "TLS_ECDHE_ECDSA_WITH_"), (&TLS13, "TLS_AES_")] {
        let config = Arc::new(client_of(&site.authority, &[version]));
        let mut opened = open(&tls, &config).await;
        let facts = opened.server.facts.clone();
        assert_eq!(
            facts.version.as_str(),
            format!("{:?}", version.version).replace("_", ".")
        );
        assert!(
            facts.cipher_suite.starts_with(suites),
            "{}",
            facts.cipher_suite
        );
        assert_eq!(facts.server_name.as_deref(), Some(HOST));
        assert!(!facts.alpn && !facts.is_resumed);
        assert_eq!(facts.client_certificate, None);
        let shown = opened.shown();
        assert_eq!(
            facts.bindings.server_end_point,
            Some(Sha256::digest(&shown).to_vec())
        );
        opened.talk().await;
    }
}

#[tokio::test]
async fn both_ends_export_the_same_binding() {
    let site = Site::new();
    let tls = site.tls();
    let config = Arc::new(client_of(&site.authority, &[&TLS13]));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let Open { server, client } = open(&tls, &config).await;
        let theirs = client.get_ref().1.export_keying_material(
            [0; 32],
            b"EXPORTER-Channel-Binding",
            Some(b""),
        );
        assert_eq!(
            server.facts.bindings.exporter,
            Some(theirs.expect("a binding"))
        );
        assert!(!format!("{:?}", server.facts).contains("exporter"));
        seen.push(server.facts.bindings.exporter);
    }
    assert_ne!(seen[0], seen[1]);
    let config = Arc::new(client_of(&site.authority, &[&TLS12]));
    assert_eq!(
        open(&tls, &config).await.server.facts.bindings.exporter,
        None
    );
}

#[tokio::test]
async fn alpn_is_answered_with_pop3_or_refused() {
    let site = Site::new();
    let tls = site.tls();
    for protocols in [&["pop3"][..], &["imap", "pop3"]] {
        let opened = open(&tls, &speaking(&site.authority, protocols)).await;
        assert!(opened.server.facts.alpn);
        assert_eq!(
            opened.client.get_ref().1.alpn_protocol(),
            Some(b"pop3".as_slice())
        );
    }
    for protocols in [&["http/1.1"][..], &["imap", "h2"], &["POP3"]] {
        let met = meet(&tls, &speaking(&site.authority, protocols), HOST).await;
        let failure = met.server.expect_err("no protocol in common");
        assert!(
            matches!(failure, HandshakeError::OtherProtocol),
            "{failure:?}"
        );
        let theirs = met.client.expect_err("no protocol in common").to_string();
        assert!(theirs.contains("NoApplicationProtocol"), "{theirs}");
    }
}

#[tokio::test]
async fn an_older_version_than_the_least_is_refused() {
    let site = Site::new();
    let tls = Options {
        minimum_version: Version::Tls13,
        ..site.options()
    };
    let tls = Tls::load(tls).expect("right files");
    let newer = Arc::new(client_of(&site.authority, &[&TLS13]));
    assert_eq!(
        open(&tls, &newer).await.server.facts.version,
        Version::Tls13
    );
    let older = Arc::new(client_of(&site.authority, &[&TLS12]));
    let failure = meet(&tls, &older, HOST)
        .await
        .server
        .expect_err("no version in common");
    let HandshakeError::NoAgreement(rustls::Error::PeerIncompatible(cause)) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(cause, PeerIncompatible::Tls12NotOfferedOrEnabled);
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_is_reported() {
    let site = Site::new();
    let stranger = Arc::new(client(&Authority::new()));
    let failure = meet(&site.tls(), &stranger, HOST)
        .await
        .server
        .expect_err("no trust");
    assert!(
        matches!(
            failure,
            HandshakeError::Refused(AlertDescription::UnknownCA)
        ),
        "{failure:?}"
    );
}

#[tokio::test]
async fn client_certificates_are_asked_for_only_with_an_authority() {
    let site = Site::new();
    let people = Authority::new();
    let issued = people.issue(&["alice.example"]);
    let key = || PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
    let chain = vec![issued.cert.der().clone()];
    let with = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(TLS12_AND_NEWER.as_slice())
        .expect("versions")
        .with_root_certificates(site.authority.roots())
        .with_client_auth_cert(chain, key());
    let with = Arc::new(with.expect("a certificate"));
    let without = Arc::new(client(&site.authority));
    assert_eq!(
        open(&site.tls(), &with)
            .await
            .server
            .facts
            .client_certificate,
        None
    );

    let trusting = |authority: &Authority| {
        let client_ca = Some(site.write("ca.pem", authority.certificate.pem()));
        Tls::load(Options {
            client_ca,
            ..site.options()
        })
        .expect("right files")
    };
    let tls = trusting(&people);
    let facts = open(&tls, &with).await.server.facts;
    assert_eq!(
        facts.client_certificate.as_deref(),
        Some(&issued.cert.der()[..])
    );
    assert_eq!(
        open(&tls, &without).await.server.facts.client_certificate,
        None
    );

    let failure = meet(&trusting(&Authority::new()), &with, HOST).await.server;
    let failure = failure.expect_err("an unknown authority");
    let HandshakeError::NoAgreement(rustls::Error::InvalidCertificate(cause)) = failure else {
        panic!("{failure:?}");
    };
    assert!(matches!(
        cause,
        CertificateError::UnknownIssuer | CertificateError::BadSignature
    ));
}

#[tokio::test]
async fn shutting_down_says_so_and_a_client_that_says_nothing_is_gone() {
    let site = Site::new();
    let tls = site.tls();
    let config = Arc::new(client(&site.authority));
    let mut octets = Vec::new();

    let Open {
        mut server,
        mut client,
    } = open(&tls, &config).await;
    server.stream.shutdown().await.expect("an open connection");
    // Without a close_notify this would be an error.
    assert_eq!(
        client
            .read_to_end(&mut octets)
            .await
            .expect("a close_notify"),
        0
    );
    client.shutdown().await.expect("an open connection");
    assert_eq!(
        server
            .stream
            .read_to_end(&mut octets)
            .await
            .expect("a close_notify"),
        0
    );

    let Open { mut server, client } = open(&tls, &config).await;
    drop(client);
    let failure = server
        .stream
        .read_to_end(&mut octets)
        .await
        .expect_err("no close_notify");
    assert_eq!(failure.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn what_is_not_tls_is_answered_with_an_alert() {
    let tls = Site::new().tls();
    for hello in [
        b"USER alice\r\n".as_slice(),
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x80; 64],
    ] {
        let (ours, mut theirs) = duplex(1 << 16);
        theirs.write_all(hello).await.expect("room for all of it");
        let failure = accept(&tls, ours).await.expect_err("not TLS");
        assert!(matches!(failure, HandshakeError::Malformed), "{failure:?}");
        let mut answer = Vec::new();
        theirs
            .read_to_end(&mut answer)
            .await
            .expect("a pipe without faults");
        assert_eq!(answer.first(), Some(&0x15), "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_nothing_special() {
    let tls = Site::new().tls();
    for hello in [b"".as_slice(), b"\x16\x03\x01\x02\x00\x01"] {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(hello).await.expect("room for all of it");
        drop(theirs);
        let failure = accept(&tls, ours).await.expect_err("a client that left");
        assert!(matches!(failure, HandshakeError::PeerClosed), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_runs_into_the_deadline() {
    let tls = Site::new().tls();
    for hello in [b"".as_slice(), b"\x16\x03\x01\x02\x00\x01"] {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(hello).await.expect("room for all of it");
        let deadline = Instant::now() + Duration::from_secs(30);
        let failure = tls
            .accept(ours, deadline)
            .await
            .expect_err("a client that stalls");
        assert!(matches!(failure, HandshakeError::Timeout), "{failure:?}");
        assert!(Instant::now() >= deadline);
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

proptest! {
    #[test]
    fn no_octets_make_a_handshake_but_those_of_one(
        is_record: bool,
        octets in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let start = if is_record { b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".as_slice() } else { b"" };
        let runtime = runtime();
        let tls = TLS.with(Arc::clone);
        let accepted = runtime.block_on(async {
            let (ours, mut theirs) = duplex(1 << 16);
            theirs.write_all(&[start, &octets].concat()).await.expect("room for all of it");
            theirs.shutdown().await.expect("a pipe without faults");
            accept(&tls, ours).await
        });
        prop_assert!(accepted.is_err());
    }
}

thread_local! {
    /// Made once for all runs of a property.
    static TLS: Arc<Tls> = Arc::new(Site::new().tls());
}
