//! Octets in a recording: a text of JSON with a character for each, U+0000 to U+00FF.
//!
//! What is ASCII reads as it was sent, and nothing is lost.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Octets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// These octets.
    pub fn of(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().copied().map(char::from).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Characters;
        impl de::Visitor<'_> for Characters {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text with a character from U+0000 to U+00FF for each octet")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                let octets = text.chars().map(|char| u8::try_from(char).ok());
                let octets = octets.collect::<Option<Vec<u8>>>().map(Text);
                octets.ok_or_else(|| E::invalid_value(de::Unexpected::Str("..."), &self))
            }
        }
        deserializer.deserialize_str(Characters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives() {
        let all = Text((0..=255).collect());
        let written = serde_json::to_string(&all).expect("a text");
        assert_eq!(
            serde_json::from_str::<Text>(&written).expect("the same"),
            all
        );
        let plain = serde_json::to_string(&Text::of(b"STAT\r\n")).expect("a text");
        assert_eq!(plain, r#""STAT\r\n""#);
        assert!(serde_json::from_str::<Text>("\"\u{100}\"").is_err());
    }
}
