//! STAT, LIST, UIDL and finding a message, for checks that need what they say.
//!
//! Takes every form that a client can understand; the strict reading is the rows'.

use crate::{
    answer::{Answer, number},
    client::Client,
    letters::{HEADER, SPARES},
    stop::Stop,
};

/// One entry of a list: a message's number and what is listed for it.
pub(crate) type Entry<T> = (u64, T);

impl Client {
    /// STAT: the count and the octets.
    pub(crate) fn stat(&mut self) -> Result<(u64, u64), Stop> {
        pair(&self.ok("STAT")?)
    }

    /// LIST: numbers and sizes.
    pub(crate) fn list(&mut self) -> Result<Vec<Entry<u64>>, Stop> {
        self.listing("LIST", number)
    }

    /// UIDL: numbers and unique ids.
    pub(crate) fn uidl(&mut self) -> Result<Vec<Entry<String>>, Stop> {
        self.listing("UIDL", |uid| Some(uid.to_owned()))
    }

    /// The unique ids alone.
    pub(crate) fn uids(&mut self) -> Result<Vec<String>, Stop> {
        Ok(self.uidl()?.into_iter().map(|(_, uid)| uid).collect())
    }

    /// `LIST n`: the size.
    pub(crate) fn size(&mut self, message: u64) -> Result<u64, Stop> {
        Ok(pair(&self.ok(&format!("LIST {message}"))?)?.1)
    }

    /// A number that some message has.
    pub(crate) fn any(&mut self) -> Result<u64, Stop> {
        let first = self.list()?.first().map(|&(message, _)| message);
        first.map_or_else(
            || Stop::skipped("needs a message; the mailbox is empty"),
            Ok,
        )
    }

    /// The number of the message of this name.
    pub(crate) fn find(&mut self, name: &str) -> Result<u64, Stop> {
        let about = format!("looks for the message `{name}`");
        match self.aside(&about, |client| client.search(&[name]))? {
            Some((message, _)) => Ok(message),
            None => Stop::skipped(format!("needs the message `{name}`: see `prepare`")),
        }
    }

    /// The number and the name of a message that may be deleted for good.
    pub(crate) fn find_spare(&mut self) -> Result<(u64, String), Stop> {
        let found = self.aside("looks for a spare message", |client| client.search(&SPARES))?;
        found.map_or_else(
            || Stop::skipped("no spare message is left: call `prepare` again"),
            Ok,
        )
    }

    /// The header that the message is recognised by; none if it has none, or is not sent at all.
    pub(crate) fn name_of(&mut self, message: u64) -> Result<Option<String>, Stop> {
        let top = self.ask(&format!("TOP {message} 0"))?;
        let first = match top.is_ok() {
            true => top,
            false => self.ask(&format!("RETR {message}"))?,
        };
        if first.is_err() {
            return Ok(None);
        }
        let block = self.rest_of(first)?;
        let prefix = format!("{HEADER}: ");
        let header = block.text().into_iter().take_while(|line| !line.is_empty());
        let mut names = header.filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned));
        Ok(names.next())
    }

    fn search(&mut self, names: &[&str]) -> Result<Option<(u64, String)>, Stop> {
        for (message, _) in self.list()? {
            let name = self.name_of(message)?;
            if let Some(name) = name.filter(|name| names.contains(&name.as_str())) {
                return Ok(Some((message, name)));
            }
        }
        Ok(None)
    }

    fn listing<T>(
        &mut self,
        command: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<Entry<T>>, Stop> {
        let entry = |line: &String| {
            let (message, listed) = line.split_once(' ')?;
            let listed = listed.split(' ').next()?;
            Some((number(message)?, parse(listed)?))
        };
        let lines = self.block(command)?.text();
        let parsed = lines.iter().map(|line| {
            entry(line).ok_or_else(|| {
                Stop::Wrong(format!(
                    "a line of {command} must be two words; it was `{line}`"
                ))
            })
        });
        parsed.collect()
    }
}

/// The first two words of an answer as numbers.
pub(crate) fn pair(answer: &Answer) -> Result<(u64, u64), Stop> {
    let words = answer.words();
    let at = |index: usize| words.get(index).and_then(|word| number(word));
    match (at(0), at(1)) {
        (Some(first), Some(second)) => Ok((first, second)),
        (_, None) | (None, _) => Stop::wrong(answer.instead_of("with two numbers")),
    }
}
