//! The client's two messages of SCRAM (RFC 5802, section 7): attributes in their order.
//!
//! Compares nothing and computes nothing.

use base64ct::{Base64, Encoding};

use super::saslname;

/// Most octets of the client's nonce: the server's answer repeats it and has to stay within the
/// 768 octets of a challenge.
const MAX_NONCE_OCTETS: usize = 512;

/// What the client says of channel binding.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum BindingFlag<'a> {
    /// It uses the one of this name.
    Used(&'a str),
    /// It could, and thinks that the server cannot.
    Unused,
    /// It cannot.
    Unsupported,
}

/// `client-first-message`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: BindingFlag<'a>,
    /// Everything up to the second comma, which included.
    pub(super) header: &'a str,
    /// Everything behind it.
    pub(super) bare: &'a str,
    /// Unescaped and prepared.
    pub(super) user: Vec<u8>,
    pub(super) nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let message = str::from_utf8(message).ok()?;
        let (flag, rest) = message.split_once(',')?;
        let (identity, bare) = rest.split_once(',')?;
        let mut attributes = bare.split(',');
        // A mandatory extension ("m=") stands where the name is looked for.
        let name = saslname::parse(attributes.next()?.strip_prefix("n=")?.as_bytes())?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let is_own_name = identity.is_empty()
            || identity
                .strip_prefix("a=")
                .and_then(|other| saslname::parse(other.as_bytes()))
                == Some(name.clone());
        let is_valid = is_own_name && is_nonce(nonce) && attributes.all(is_extension);
        is_valid.then_some(())?;
        Some(Self {
            flag: BindingFlag::parse(flag)?,
            header: &message[..message.len() - bare.len()],
            bare,
            user: name,
            nonce,
        })
    }
}

impl<'a> BindingFlag<'a> {
    fn parse(flag: &'a str) -> Option<Self> {
        match flag {
            "n" => Some(Self::Unsupported),
            "y" => Some(Self::Unused),
            _ => flag.strip_prefix("p=").map(Self::Used),
        }
    }
}

/// `client-final-message`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct ClientFinal<'a> {
    /// The header of the first message, and the data of the channel binding.
    pub(super) bound: Vec<u8>,
    pub(super) nonce: &'a str,
    pub(super) without_proof: &'a str,
    pub(super) proof: Vec<u8>,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let message = str::from_utf8(message).ok()?;
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let bound = attributes.next()?.strip_prefix("c=")?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        attributes.all(is_extension).then_some(())?;
        Some(Self {
            bound: Base64::decode_vec(bound).ok()?,
            nonce,
            without_proof,
            proof: Base64::decode_vec(proof).ok()?,
        })
    }
}

fn is_nonce(text: &str) -> bool {
    (1..=MAX_NONCE_OCTETS).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_graphic())
}

/// A letter that means nothing here, an equals sign, and something. Letters that mean something have
/// a place of their own.
fn is_extension(attribute: &str) -> bool {
    let mut octets = attribute.bytes();
    let name = octets.next().filter(u8::is_ascii_alphabetic);
    name.is_some_and(|name| !b"acimnprsve".contains(&name))
        && octets.next() == Some(b'=')
        && octets.len() > 0
        && !attribute.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_of_rfc_5802_is_read() {
        let expected = ClientFirst {
            flag: BindingFlag::Unsupported,
            header: "n,,",
            bare: "n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            user: b"user".to_vec(),
            nonce: "fyko+d2lbbFgONRv9qkxdawL",
        };
        let message = b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL";
        assert_eq!(ClientFirst::parse(message), Some(expected));
    }

    #[test]
    fn names_may_be_repeated_escaped_and_followed_by_extensions() {
        let message = b"p=tls-exporter,a=a=2Cb,n=a=2Cb,r=x,z=1,Q=a=b";
        let first = ClientFirst::parse(message).expect("valid");
        assert_eq!(
            (first.flag, first.user),
            (BindingFlag::Used("tls-exporter"), b"a,b".to_vec())
        );
        assert_eq!(first.header, "p=tls-exporter,a=a=2Cb,");
        assert_eq!(first.bare, "n=a=2Cb,r=x,z=1,Q=a=b");
    }

    #[test]
    fn a_first_message_out_of_order_or_shape_is_refused() {
        let long = format!("n,,n=user,r={}", "x".repeat(MAX_NONCE_OCTETS + 1));
        for message in [
            b"".as_slice(),
            b"n,,",
            b"n,n=user,r=x",
            b"x,,n=user,r=x",
            b"p,,n=user,r=x",
            b"n,,r=x,n=user",
            b"n,,n=user",
            b"n,,n=,r=x",
            b"n,,n=user,r=",
            b"n,,n=user,r=x y",
            b"n,,n=us=er,r=x",
            b"n,,m=1,n=user,r=x",
            b"n,,n=user,r=x,",
            b"n,,n=user,r=x,z",
            b"n,,n=user,r=x,r=y",
            b"n,,n=user,r=x,1=y",
            b"n,a=other,n=user,r=x",
            b"n,user,n=user,r=x",
            b"n,,n=us\xffer,r=x",
            b"n,,n=us\0er,r=x",
            long.as_bytes(),
        ] {
            assert_eq!(ClientFirst::parse(message), None, "{message:?}");
        }
    }

    #[test]
    fn the_last_message_of_rfc_5802_is_read() {
        let message = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
            p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        let last = ClientFinal::parse(message).expect("valid");
        assert_eq!(last.bound, b"n,,");
        assert_eq!(last.nonce, "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j");
        assert_eq!((last.without_proof.len(), last.proof.len()), (51, 20));
    }

    #[test]
    fn a_last_message_out_of_order_or_shape_is_refused() {
        for message in [
            b"".as_slice(),
            b"c=biws,r=x",
            b"r=x,c=biws,p=eA==",
            b"c=biws,p=eA==,r=x",
            b"c=biws,r=x,p=e",
            b"c=biws,r=x,p=eA==,z=1",
            b"c=b,r=x,p=eA==",
            b"c=biws,r=x,n=user,p=eA==",
            b"c=biws,r=x,p=eA==,p=eA==",
            b"c=biws,r=\xff,p=eA==",
        ] {
            assert_eq!(ClientFinal::parse(message), None, "{message:?}");
        }
    }
}
