//! What holds after the files have changed, and for whom.

use super::*;

/// Whether a client that has been here before is known again.
async fn is_known(tls: &Tls, config: &Arc<ClientConfig>) -> bool {
    let mut opened = open(tls, config).await;
    opened.talk().await;
    opened.server.facts.is_resumed
}

#[tokio::test]
async fn a_reload_holds_for_new_connections_and_open_ones_go_on() {
    let site = Site::new();
    let tls = site.tls();
    let config = Arc::new(client(&site.authority));
    let mut before = open(&tls, &config).await;
    let issued = site.authority.issue(&[HOST]);
    site.pair("site", &issued);
    assert_eq!(tls.reload().expect("right files"), Reload::Changed);
    assert_eq!(tls.certificates()[0].names, [HOST]);
    let mut after = open(&tls, &config).await;
    assert_ne!(&before.shown(), issued.cert.der());
    assert_eq!(&after.shown(), issued.cert.der());
    before.talk().await;
    after.talk().await;
}

#[tokio::test]
async fn broken_files_change_nothing_and_are_named() {
    let site = Site::new();
    let tls = site.tls();
    let config = Arc::new(client(&site.authority));
    let shown = open(&tls, &config).await.shown();
    let key = site.directory.path().join("site.key");
    let right = fs::read(&key).expect("a key");
    let other = site.authority.issue(&[HOST]).signing_key.serialize_pem();
    for text in [
        b"".as_slice(),
        b"hello",
        other.as_bytes(),
        &right[..right.len() / 2],
    ] {
        fs::write(&key, text).expect("a file");
        let said = tls.reload().expect_err("wrong files").to_string();
        assert!(said.contains(&key.display().to_string()), "{said}");
        assert_eq!(open(&tls, &config).await.shown(), shown);
    }
    fs::remove_file(&key).expect("a file");
    assert!(tls.reload().is_err());
    fs::write(&key, right).expect("a file");
    assert_eq!(tls.reload().expect("right files"), Reload::Unchanged);
    assert_eq!(open(&tls, &config).await.shown(), shown);
}

#[tokio::test]
async fn sessions_are_resumed_until_something_changes() {
    for version in [&TLS12, &TLS13] {
        let site = Site::new();
        let tls = site.tls();
        let config = Arc::new(client_of(&site.authority, &[version]));
        assert!(!is_known(&tls, &config).await, "{version:?}");
        assert!(is_known(&tls, &config).await, "{version:?}");
        assert_eq!(tls.reload().expect("right files"), Reload::Unchanged);
        assert!(is_known(&tls, &config).await, "{version:?}");
        site.options();
        assert_eq!(tls.reload().expect("right files"), Reload::Changed);
        assert!(!is_known(&tls, &config).await, "{version:?}");
        assert!(is_known(&tls, &config).await, "{version:?}");
    }
}

#[tokio::test]
async fn a_resumed_session_still_knows_its_certificates() {
    let site = Site::new();
    let people = Authority::new();
    let issued = people.issue(&["alice.example"]);
    let client_ca = Some(site.write("ca.pem", people.certificate.pem()));
    let tls = Tls::load(Options {
        client_ca,
        ..site.options()
    })
    .expect("right files");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(site.authority.roots())
        .with_client_auth_cert(
            vec![issued.cert.der().clone()],
            issued
                .signing_key
                .serialize_der()
                .try_into()
                .expect("a key"),
        );
    let config = Arc::new(config.expect("a certificate"));
    let mut first = open(&tls, &config).await;
    first.talk().await;
    let second = open(&tls, &config).await;
    assert!(second.server.facts.is_resumed);
    let (first, second) = (first.server.facts, second.server.facts);
    assert_eq!(
        second.client_certificate.as_deref(),
        Some(&issued.cert.der()[..])
    );
    assert_eq!(
        second.bindings.server_end_point,
        first.bindings.server_end_point
    );
}
