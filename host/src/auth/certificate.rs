//! Who a client certificate belongs to: the mail address that its authority has put into it.
//!
//! Verifies nothing: the handshake has done so before. What is found is a name, not yet a user.

use der::{
    Decode, Reader, SliceReader, Tag, TagNumber, Tagged,
    asn1::{AnyRef, ObjectIdentifier},
};

use super::MAX_USER_OCTETS;

/// `subjectAltName` (RFC 5280, section 4.2.1.6).
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// Where a certificate keeps its extensions.
const EXTENSIONS: Tag = context(true, 3);

/// A mail address among the names of a subject.
const MAIL_ADDRESS: Tag = context(false, 1);

const fn context(constructed: bool, number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number: TagNumber(number),
    }
}

/// The user of a certificate (DER): its mail address, in the words of the certificate. `None` if it
/// gives no address, or several, or one that cannot be a user.
pub fn user(certificate: &[u8]) -> Option<String> {
    let mut addresses = addresses(certificate).ok()?.into_iter();
    let address = addresses.next().filter(|_| addresses.next().is_none())?;
    let is_user =
        (1..=MAX_USER_OCTETS).contains(&address.len()) && address.iter().all(u8::is_ascii_graphic);
    is_user.then(|| String::from_utf8_lossy(address).into_owned())
}

/// All mail addresses among the names of the subject.
fn addresses(certificate: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut addresses = Vec::new();
    for extension in extensions(certificate)? {
        let mut fields = SliceReader::new(extension)?;
        if ObjectIdentifier::decode(&mut fields)? != SUBJECT_ALT_NAME {
            continue;
        }
        let mut field = AnyRef::decode(&mut fields)?;
        if field.tag() == Tag::Boolean {
            field = AnyRef::decode(&mut fields)?;
        }
        let names = AnyRef::from_der(field.value())?;
        let names = elements(names)?.into_iter();
        addresses.extend(
            names
                .filter(|name| name.tag() == MAIL_ADDRESS)
                .map(AnyRef::value),
        );
    }
    Ok(addresses)
}

/// The extensions, which stand in the part that is signed.
fn extensions(certificate: &[u8]) -> der::Result<Vec<&[u8]>> {
    let parts = elements(AnyRef::from_der(certificate)?)?;
    let signed = parts
        .first()
        .copied()
        .map_or_else(|| Ok(Vec::new()), elements)?;
    let Some(extensions) = signed.iter().find(|field| field.tag() == EXTENSIONS) else {
        return Ok(Vec::new());
    };
    let extensions = elements(AnyRef::from_der(extensions.value())?)?;
    Ok(extensions.into_iter().map(AnyRef::value).collect())
}

/// What a sequence is made of.
fn elements(sequence: AnyRef<'_>) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(sequence.value())?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader)?);
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec()
    }

    fn mail(address: &str) -> SanType {
        SanType::Rfc822Name(address.try_into().expect("ASCII"))
    }

    fn host() -> SanType {
        SanType::DnsName("example.org".try_into().expect("ASCII"))
    }

    #[test]
    fn the_only_mail_address_is_the_user() {
        let alice = "alice@example.org";
        let found = user(&certificate(vec![host(), mail(alice), host()]));
        assert_eq!(found.as_deref(), Some(alice));
    }

    #[test]
    fn none_or_several_addresses_are_nobodys() {
        let long = "x".repeat(MAX_USER_OCTETS + 1);
        for names in [
            vec![],
            vec![host()],
            vec![mail("alice@example.org"), mail("bob@example.org")],
            vec![mail("alice@example.org"), mail("alice@example.org")],
            vec![mail("")],
            vec![mail("a b")],
            vec![mail("a\0b")],
            vec![mail(&long)],
        ] {
            assert_eq!(user(&certificate(names.clone())), None, "{names:?}");
        }
    }

    proptest! {
        #[test]
        fn octets_that_are_no_certificate_are_nobodys(
            octets: Vec<u8>,
            at in 0_usize..4096,
            octet: u8,
        ) {
            prop_assert_eq!(user(&octets), None);
            let mut damaged = certificate(vec![mail("alice@example.org")]);
            let at = at % damaged.len();
            damaged[at] = octet;
            user(&damaged);
            prop_assert_eq!(user(&damaged[..at]), None);
        }
    }
}
