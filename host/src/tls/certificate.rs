//! What a certificate says: its hosts, its time, the hash that names it in channel bindings.
//!
//! Verifies nothing: it reads the server's own certificates, which their operator vouches for.

use der::{
    DateTime, Decode, Reader, SliceReader, Tag, TagNumber, Tagged,
    asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, UtcTime},
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha384, Sha512};
use webpki::EndEntityCert;

use super::Fault;

/// The signature algorithms that hash with one function, in the order of RFC 8017 and RFC 5758.
const SIGNATURES: [(ObjectIdentifier, Hash); 8] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
        Hash::Weak,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
        Hash::Weak,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
        Hash::Sha256,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"),
        Hash::Sha384,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"),
        Hash::Sha512,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
        Hash::Sha256,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"),
        Hash::Sha384,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"),
        Hash::Sha512,
    ),
];

/// RSASSA-PSS, which has its hash function in its parameters.
const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// The hash functions of those parameters.
const HASHES: [(ObjectIdentifier, Hash); 3] = [
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
        Hash::Sha256,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
        Hash::Sha384,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
        Hash::Sha512,
    ),
];

/// What a certificate says.
#[derive(Debug)]
pub(super) struct Statement {
    /// Hosts, in lower case. A first label may be `*`.
    pub(super) names: Vec<String>,
    /// From when on it is valid, in seconds since 1970.
    pub(super) begins: u64,
    /// Until when it is valid, in seconds since 1970.
    pub(super) expires: u64,
    /// The channel binding `tls-server-end-point`, where RFC 5929 §4.1 defines one.
    pub(super) end_point: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hash {
    /// MD5 or SHA-1.
    Weak,
    Sha256,
    Sha384,
    Sha512,
}

impl Statement {
    /// Reads a certificate.
    pub(super) fn read(certificate: &CertificateDer<'_>) -> Result<Self, Fault> {
        let names =
            EndEntityCert::try_from(certificate).map_err(|error| Fault::Unusable(error.into()))?;
        let names = names
            .valid_dns_names()
            .map(str::to_ascii_lowercase)
            .collect();
        let (begins, expires, hash) =
            fields(certificate).map_err(|error| Fault::Unusable(error.into()))?;
        let end_point = hash.map(|hash| hash.of(certificate));
        Ok(Self {
            names,
            begins,
            expires,
            end_point,
        })
    }
}

impl Hash {
    // RFC 5929 §4.1: SHA-256 takes the place of MD5 and SHA-1.
    fn of(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Weak | Self::Sha256 => Sha256::digest(octets).to_vec(),
            Self::Sha384 => Sha384::digest(octets).to_vec(),
            Self::Sha512 => Sha512::digest(octets).to_vec(),
        }
    }
}

/// A moment as RFC 3339 writes it.
pub(super) fn date(seconds: u64) -> String {
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(seconds));
    date.map_or_else(
        |_| format!("second {seconds} after 1970"),
        |date| date.to_string(),
    )
}

/// Both ends of its time and the hash function of its signature (RFC 5280 §4.1).
fn fields(certificate: &[u8]) -> der::Result<(u64, u64, Option<Hash>)> {
    SliceReader::new(certificate)?.sequence(|reader| {
        let (begins, expires) = reader.sequence(validity)?;
        let hash = reader.sequence(signature_hash)?;
        skip_rest(reader)?;
        Ok((begins, expires, hash))
    })
}

/// From the part that is signed: version, serial number, algorithm, issuer, validity.
fn validity<'r>(reader: &mut impl Reader<'r>) -> der::Result<(u64, u64)> {
    let version = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    if AnyRef::decode(reader)?.tag() == version {
        AnyRef::decode(reader)?;
    }
    for _ in ["algorithm", "issuer"] {
        AnyRef::decode(reader)?;
    }
    let validity = reader.sequence(|reader| {
        let begins = AnyRef::decode(reader)?;
        let expires = AnyRef::decode(reader)?;
        // A beginning before 1970 has no number of seconds, and is as good as 1970.
        der::Result::Ok((time(begins).unwrap_or_default(), time(expires)?))
    })?;
    skip_rest(reader)?;
    Ok(validity)
}

fn time(time: AnyRef<'_>) -> der::Result<u64> {
    let since_1970 = if time.tag() == Tag::UtcTime {
        time.decode_as::<UtcTime>()?.to_unix_duration()
    } else {
        time.decode_as::<GeneralizedTime>()?.to_unix_duration()
    };
    Ok(since_1970.as_secs())
}

fn signature_hash<'r>(reader: &mut impl Reader<'r>) -> der::Result<Option<Hash>> {
    let algorithm = ObjectIdentifier::decode(reader)?;
    if algorithm == PSS {
        return reader.sequence(pss_hash);
    }
    skip_rest(reader)?;
    Ok(find(&SIGNATURES, algorithm))
}

/// From the parameters of RSASSA-PSS (RFC 4055 §3.1).
fn pss_hash<'r>(reader: &mut impl Reader<'r>) -> der::Result<Option<Hash>> {
    let is_named = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    if reader.is_finished() || Tag::peek(reader)? != is_named {
        skip_rest(reader)?;
        return Ok(Some(Hash::Weak));
    }
    let named = AnyRef::decode(reader)?;
    skip_rest(reader)?;
    let hash = SliceReader::new(named.value())?.sequence(|reader| {
        let hash = ObjectIdentifier::decode(reader)?;
        skip_rest(reader)?;
        der::Result::Ok(hash)
    })?;
    Ok(find(&HASHES, hash))
}

fn find(table: &[(ObjectIdentifier, Hash)], name: ObjectIdentifier) -> Option<Hash> {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, hash)| *hash)
}

fn skip_rest<'r>(reader: &mut impl Reader<'r>) -> der::Result<()> {
    while !reader.is_finished() {
        AnyRef::decode(reader)?;
    }
    Ok(())
}
