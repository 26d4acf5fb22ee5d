//! Line ends: CRLF on the wire, the last line's too, whatever there is in a file.

use std::io::{self, BufRead};

/// Reads a file as it is to be sent.
#[derive(Debug)]
pub struct Wire<R> {
    file: R,
    /// The last octet that was given out; a line end in front of the first one.
    last: u8,
    /// The second octet of a line end whose first one was given out.
    owes_lf: bool,
}

impl<R: BufRead> Wire<R> {
    /// A file at its start.
    pub fn new(file: R) -> Self {
        Self {
            file,
            last: b'\n',
            owes_lf: false,
        }
    }

    /// The next octets, at most `max`; none at the end.
    ///
    /// # Errors
    ///
    /// The file can not be read.
    pub fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut octets = Vec::with_capacity(max);
        while octets.len() < max {
            if self.owes_lf {
                self.owes_lf = false;
                self.give(b'\n', &mut octets);
                continue;
            }
            let buffer = self.file.fill_buf()?;
            if buffer.is_empty() {
                if self.last == b'\n' {
                    break;
                }
                self.owes_lf = true;
                self.give(b'\r', &mut octets);
                continue;
            }
            let used = self.line(max, &mut octets);
            self.file.consume(used);
        }
        Ok(octets)
    }

    /// Octets up to a line end, or the line end itself; how many of the file's it took.
    fn line(&mut self, max: usize, octets: &mut Vec<u8>) -> usize {
        let buffer = self.file.fill_buf().unwrap_or_default();
        let room = buffer.len().min(max - octets.len());
        let text = buffer[..room]
            .iter()
            .position(|octet| *octet == b'\n')
            .unwrap_or(room);
        if text > 0 {
            octets.extend_from_slice(&buffer[..text]);
            self.last = buffer[text - 1];
            return text;
        }
        let has_cr = self.last == b'\r';
        self.owes_lf = !has_cr;
        self.give(if has_cr { b'\n' } else { b'\r' }, octets);
        1
    }

    fn give(&mut self, octet: u8, octets: &mut Vec<u8>) {
        self.last = octet;
        octets.push(octet);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn every_line_ends_in_crlf_however_it_is_read() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"", b""),
            (b"a", b"a\r\n"),
            (b"\n", b"\r\n"),
            (b"a\nb\r\nc\n", b"a\r\nb\r\nc\r\n"),
            (b"a\r\r\nb\rc\n", b"a\r\r\nb\rc\r\n"),
            (b"\r", b"\r\r\n"),
            (b"\n\n\r\n", b"\r\n\r\n\r\n"),
        ];
        for (stored, sent) in cases {
            for (buffer, max) in [(1, 1), (1, 3), (2, 1), (3, 2), (64, 64)] {
                let mut wire = Wire::new(BufReader::with_capacity(buffer, stored));
                let mut octets = Vec::new();
                loop {
                    let read = wire.read(max).unwrap();
                    assert!(read.len() <= max);
                    if read.is_empty() {
                        break;
                    }
                    octets.extend(read);
                }
                assert_eq!(octets, sent, "{stored:?} in {buffer}, {max}");
            }
        }
    }
}
