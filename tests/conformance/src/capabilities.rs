//! What CAPA says (RFC 2449 §3, §5).
//!
//! Keeps the lines as they came; tags are compared without regard to case.

use crate::{client::Client, stop::Stop};

/// The lines of one CAPA answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capabilities {
    lines: Vec<String>,
}

impl Capabilities {
    pub(crate) fn new(lines: Vec<String>) -> Self {
        Self { lines }
    }

    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The first words of the lines, in upper case.
    pub(crate) fn tags(&self) -> impl Iterator<Item = String> {
        let tag = |line: &String| {
            line.split(' ')
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase()
        };
        self.lines.iter().map(tag)
    }

    pub(crate) fn has(&self, tag: &str) -> bool {
        self.tags().any(|other| other == tag)
    }

    /// The words behind the tag, if the tag is there.
    pub(crate) fn parameters(&self, tag: &str) -> Option<Vec<String>> {
        let index = self.tags().position(|other| other == tag)?;
        let words = self.lines.get(index)?.split_ascii_whitespace().skip(1);
        Some(words.map(str::to_owned).collect())
    }

    /// The parameters of a capability that the rest of a check is about.
    pub(crate) fn offered(&self, tag: &str) -> Result<Vec<String>, Stop> {
        self.parameters(tag)
            .map_or_else(|| Stop::not_offered(tag), Ok)
    }

    /// SASL mechanisms, in upper case.
    pub(crate) fn mechanisms(&self) -> Vec<String> {
        let names = self.parameters("SASL").unwrap_or_default();
        names.iter().map(|name| name.to_ascii_uppercase()).collect()
    }

    /// Ends a check that needs this SASL mechanism.
    pub(crate) fn offered_mechanism(&self, name: &str) -> Result<(), Stop> {
        let is_there = self.mechanisms().iter().any(|mechanism| mechanism == name);
        if is_there {
            Ok(())
        } else {
            Stop::not_offered(format!("SASL {name}"))
        }
    }
}

impl Client {
    /// CAPA, where the server knows it.
    pub(crate) fn capabilities(&mut self) -> Result<Capabilities, Stop> {
        let first = self.ask("CAPA")?;
        if first.is_err() {
            return Stop::not_offered("CAPA");
        }
        let block = self.rest_of(first.ok()?)?;
        Ok(Capabilities::new(block.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_without_case_and_parameters_are_words() {
        let lines = ["top", "Sasl PLAIN cram-md5", "EXPIRE 7 USER"].map(str::to_owned);
        let capabilities = Capabilities::new(lines.to_vec());
        assert!(capabilities.has("TOP") && !capabilities.has("PLAIN"));
        assert_eq!(capabilities.mechanisms(), ["PLAIN", "CRAM-MD5"]);
        assert_eq!(capabilities.offered("EXPIRE").unwrap(), ["7", "USER"]);
        assert!(capabilities.offered_mechanism("PLAIN").is_ok());
        assert!(matches!(
            capabilities.offered_mechanism("LOGIN"),
            Err(Stop::NotOffered(_))
        ));
    }
}
