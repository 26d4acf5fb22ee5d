//! Files that are taken, and files that are not.

use std::fs;

use minisign::KeyPair;
use tempfile::TempDir;

use super::*;

const WASM: &[u8] = b"\0asm and so on";

/// A directory with a component in it.
struct Place {
    directory: TempDir,
    options: Options,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pop3.wasm");
        fs::write(&file, WASM).expect("written");
        Self {
            directory,
            options: Options::new(file),
        }
    }

    /// Signs these octets, as if they were the component's.
    fn sign(&self, pair: &KeyPair, octets: &[u8], name: &str) {
        let signature = minisign::sign(None, &pair.sk, octets, None, None).expect("signed");
        let path = self.directory.path().join(name);
        fs::write(path, signature.into_string()).expect("written");
    }

    fn load(&self, trust: &Trust) -> Result<Vec<u8>, Error> {
        load(&self.options, trust)
    }

    /// What is wrong, without the name of the component, which every message begins with.
    fn problem(&self, trust: &Trust) -> String {
        let problem = self.load(trust).expect_err("refused").to_string();
        let component = format!("component {}: ", self.options.file.display());
        let problem = problem.strip_prefix(&component).expect("begins with it");
        problem.replace(&self.directory.path().display().to_string(), "")
    }
}

fn pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().expect("random numbers")
}

fn trust(pairs: &[&KeyPair], require_signed: bool) -> Trust {
    let keys = pairs.iter().map(|pair| key(pair)).collect();
    Trust {
        keys,
        require_signed,
    }
}

fn key(pair: &KeyPair) -> Key {
    Key::from_base64(&pair.pk.to_base64()).expect("a key")
}

#[test]
fn a_file_is_taken_as_it_is_if_nothing_is_asked_of_it() {
    let place = Place::new();
    assert_eq!(place.load(&Trust::default()).expect("taken"), WASM);
    // With keys to hold it against, a signature is looked for, but need not be there.
    assert_eq!(place.load(&trust(&[&pair()], false)).expect("taken"), WASM);
}

#[test]
fn a_pinned_file_is_that_one_and_no_other() {
    let mut place = Place::new();
    place.options.sha256 = Some(sandbox::digest(WASM).to_uppercase());
    assert_eq!(place.load(&Trust::default()).expect("taken"), WASM);
    place.options.sha256 = Some(sandbox::digest(b"another"));
    let (found, expected) = (sandbox::digest(WASM), sandbox::digest(b"another"));
    assert_eq!(
        place.problem(&Trust::default()),
        format!("its SHA-256 is {found}, expected {expected}")
    );
}

#[test]
fn a_file_that_somebody_trusted_has_signed_is_taken() {
    let (ours, other) = (pair(), pair());
    let trust = trust(&[&other, &ours], true);
    let mut place = Place::new();
    place.sign(&ours, WASM, "pop3.wasm.minisig");
    assert_eq!(place.load(&trust).expect("taken"), WASM);
    place.sign(&ours, b"not this", "pop3.wasm.minisig");
    place.sign(&ours, WASM, "elsewhere.sig");
    place.options.signature = Some(place.directory.path().join("elsewhere.sig"));
    assert_eq!(place.load(&trust).expect("taken"), WASM);
}

#[test]
fn a_file_without_a_signature_is_refused_where_there_has_to_be_one() {
    let (ours, other) = (pair(), pair());
    let mut place = Place::new();
    let expected = format!(
        "expected a signature by key {} or {}",
        key(&ours).id,
        key(&other).id
    );
    assert_eq!(
        place.problem(&trust(&[&ours, &other], true)),
        format!("not signed: there is no /pop3.wasm.minisig; {expected}")
    );
    // Who names a signature means it.
    place.options.signature = Some(place.directory.path().join("mine.sig"));
    assert_eq!(
        place.problem(&trust(&[&ours, &other], false)),
        format!("not signed: there is no /mine.sig; {expected}")
    );
}

#[test]
fn a_file_that_a_stranger_has_signed_is_refused() {
    let (ours, other) = (pair(), pair());
    let place = Place::new();
    place.sign(&other, WASM, "pop3.wasm.minisig");
    let (found, expected) = (key(&other).id, key(&ours).id);
    for require_signed in [false, true] {
        assert_eq!(
            place.problem(&trust(&[&ours], require_signed)),
            format!("signed by key {found}, which is not in [trust]; expected key {expected}")
        );
    }
}

#[test]
fn a_signature_of_something_else_is_refused() {
    let ours = pair();
    let place = Place::new();
    place.sign(&ours, b"\0asm and so off", "pop3.wasm.minisig");
    let problem = place.problem(&trust(&[&ours], true));
    let expected = format!(
        "the signature by key {} is not of this file: ",
        key(&ours).id
    );
    assert!(problem.starts_with(&expected), "{problem}");
    // A stranger who gives his key the name of ours.
    let signature = place.directory.path().join("pop3.wasm.minisig");
    place.sign(&pair(), WASM, "pop3.wasm.minisig");
    let text = fs::read_to_string(&signature).expect("read");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut octets = Base64::decode_vec(&lines[1]).expect("base64");
    octets[2..10].copy_from_slice(&key(&ours).id.0.to_le_bytes());
    lines[1] = Base64::encode_string(&octets);
    fs::write(&signature, lines.join("\n")).expect("written");
    let problem = place.problem(&trust(&[&ours], true));
    assert!(problem.starts_with(&expected), "{problem}");
}

#[test]
fn what_is_no_signature_is_refused() {
    let ours = pair();
    let place = Place::new();
    let signature = place.directory.path().join("pop3.wasm.minisig");
    place.sign(&ours, WASM, "pop3.wasm.minisig");
    let right = fs::read(&signature).expect("read");
    for wrong in [
        b"".as_slice(),
        b"a\nb\nc\nd\n",
        b"\xff",
        &right[..right.len() / 2],
    ] {
        fs::write(&signature, wrong).expect("written");
        assert_eq!(
            place.problem(&trust(&[&ours], false)),
            "/pop3.wasm.minisig is no signature of minisign"
        );
    }
}

#[test]
fn what_can_not_be_read_or_is_too_large_is_refused() {
    let place = Place::new();
    let file = fs::File::create(&place.options.file).expect("created");
    file.set_len(MAX_OCTETS).expect("no octet is written");
    assert!(place.load(&Trust::default()).is_ok());
    file.set_len(MAX_OCTETS + 1).expect("no octet is written");
    assert_eq!(
        place.problem(&Trust::default()),
        "larger than 67108864 octets"
    );
    fs::remove_file(&place.options.file).expect("removed");
    let problem = place.problem(&Trust::default());
    assert!(problem.starts_with("No such file"), "{problem}");
}

#[test]
fn what_happens_to_the_file_later_changes_nothing() {
    let place = Place::new();
    let loaded = place.load(&Trust::default()).expect("taken");
    fs::write(&place.options.file, b"\0asm but another").expect("written");
    assert_eq!(loaded, WASM);
}

#[test]
fn a_key_is_named_as_minisign_names_it() {
    // The example of minisign's manual.
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let key = Key::from_base64(key).expect("a key");
    assert_eq!(format!("{key:?}"), "Key(E7620F1842B4E81F)");
    for wrong in [
        "",
        "RWQ...",
        "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO",
    ] {
        assert_eq!(Key::from_base64(wrong), None, "{wrong}");
    }
}
