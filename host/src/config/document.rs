//! TOML with positions: sections that are asked for keys, and say what is wrong with them.
//!
//! Knows neither a key nor a default. What is asked for is known; what is left is a mistake.

use std::cell::RefCell;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{problem::Problem, rule::Rule};

/// The name of the whole file as a section.
const ROOT: &str = "";

/// Longest piece of the file that a message repeats, in characters.
const MAX_EXCERPT: usize = 40;

/// What has been found wrong in a text.
pub(super) struct Report<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

/// One table of the file, while it is read.
pub(super) struct Section<'d> {
    name: &'static str,
    /// `None` for a table that is not there: every key of it is missing.
    table: Option<&'d DeTable<'d>>,
    offset: usize,
    asked: Vec<&'static str>,
    report: &'d Report<'d>,
}

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
        }
    }

    /// The file as a table, or `None` if it is not TOML.
    pub(super) fn document(&self) -> Option<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let offset = error.span().map_or(self.text.len(), |span| span.start);
            self.add(
                offset,
                format!("not TOML: {}", error.message().replace('\n', " ")),
            );
        }
        errors.is_empty().then(|| table.into_inner())
    }

    pub(super) fn add(&self, offset: usize, message: String) {
        self.problems
            .borrow_mut()
            .push(Problem::at(self.text, offset, message));
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

impl<'d> Section<'d> {
    pub(super) fn root(table: &'d DeTable<'d>, report: &'d Report<'d>) -> Self {
        Self {
            name: ROOT,
            table: Some(table),
            offset: 0,
            asked: Vec::new(),
            report,
        }
    }

    /// The table `[name]`, or an empty one.
    pub(super) fn table(&mut self, name: &'static str) -> Self {
        self.table_in(name, name)
    }

    /// The table of this key, or an empty one, that messages call `[name]`.
    pub(super) fn table_in(&mut self, key: &'static str, name: &'static str) -> Self {
        let report = self.report;
        let mut section = Section {
            name,
            table: None,
            offset: 0,
            asked: Vec::new(),
            report,
        };
        if let Some(value) = self.value(key) {
            section.offset = value.span().start;
            section.table = value.as_ref().as_table();
            if section.table.is_none() {
                self.refuse(key, value, &format!("a section: [{name}]"));
            }
        }
        section
    }

    /// The tables `[[name]]`, in the order of the file; none if there are none.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Self> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let allowed = format!("sections: [[{name}]], one for each");
        let Some(array) = value.as_ref().as_array() else {
            self.refuse(name, value, &allowed);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for element in array.iter() {
            match element.as_ref().as_table() {
                Some(table) => sections.push(Self {
                    name,
                    table: Some(table),
                    offset: element.span().start,
                    asked: Vec::new(),
                    report: self.report,
                }),
                None => self.refuse(name, element, &allowed),
            }
        }
        sections
    }

    /// Whether the file has this section.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the file has this key, whatever its value is.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// The value of a key, or `None` if it is missing or wrong; only the latter is a problem.
    pub(super) fn get<T>(&mut self, key: &'static str, rule: Rule<T>) -> Option<T> {
        let value = self.value(key)?;
        let read = rule.read(value.as_ref());
        if read.is_none() {
            self.refuse(key, value, rule.allowed());
        }
        read
    }

    /// Replaces `target` by the value of a key, if there is a right one.
    pub(super) fn set<T>(&mut self, target: &mut T, key: &'static str, rule: Rule<T>) {
        if let Some(value) = self.get(key, rule) {
            *target = value;
        }
    }

    /// The value of a key that must be there; `None` if it is missing or wrong.
    pub(super) fn require<T>(&mut self, key: &'static str, rule: Rule<T>) -> Option<T> {
        if self.value(key).is_none() {
            let allowed = rule.allowed();
            self.fault(
                None,
                format!("{} is missing; expected {allowed}", self.named(key)),
            );
        }
        self.get(key, rule)
    }

    /// The value of a list, each element of which has to follow the rule.
    pub(super) fn list<T>(&mut self, key: &'static str, rule: &Rule<T>) -> Option<Vec<T>> {
        let value = self.value(key)?;
        let Some(array) = value.as_ref().as_array() else {
            self.refuse(
                key,
                value,
                &format!("a list, each of it {}", rule.allowed()),
            );
            return None;
        };
        let mut list = Vec::new();
        for element in array.iter() {
            match rule.read(element.as_ref()) {
                Some(read) => list.push(read),
                None => self.refuse(key, element, rule.allowed()),
            }
        }
        (list.len() == array.len()).then_some(list)
    }

    /// Reports something at the value of `key`, or at the section if the key is `None` or missing.
    pub(super) fn fault(&self, key: Option<&str>, message: String) {
        let value = key.and_then(|key| self.table?.get(key));
        let offset = value.map_or(self.offset, |value| value.span().start);
        self.report.add(offset, message);
    }

    /// A key with its section, as messages name it.
    pub(super) fn named(&self, key: &str) -> String {
        match self.name {
            ROOT => format!("\"{key}\""),
            name => format!("\"{key}\" in [{name}]"),
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, value) in self.table.into_iter().flatten() {
            if !self.asked.iter().any(|asked| asked == key.as_ref()) {
                self.report
                    .add(key.span().start, self.unknown(key.as_ref(), value.as_ref()));
            }
        }
    }

    fn unknown(&self, key: &str, value: &DeValue<'_>) -> String {
        let is_section = self.name == ROOT && (value.is_table() || value.is_array());
        let excerpt = excerpt(key);
        let mut message = if is_section {
            format!("unknown section [{excerpt}]")
        } else {
            format!("unknown key {}", self.named(&excerpt))
        };
        if let Some(near) = nearest(key, &self.asked) {
            message.push_str(&if is_section {
                format!("; did you mean [{near}]?")
            } else {
                format!("; did you mean \"{near}\"?")
            });
        }
        message
    }

    fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table?.get(key)
    }

    fn refuse(&self, key: &str, value: &Spanned<DeValue<'_>>, allowed: &str) {
        let excerpt = excerpt(self.report.text.get(value.span()).unwrap_or_default());
        let message = format!(
            "{} cannot be {excerpt}; expected {allowed}",
            self.named(key)
        );
        self.report.add(value.span().start, message);
    }
}

/// What the operator wrote, as a message can repeat it: one line, and not a long one.
fn excerpt(written: &str) -> String {
    let line = written.lines().next().unwrap_or_default();
    let mut excerpt: String = line
        .chars()
        .filter(|char| !char.is_control())
        .take(MAX_EXCERPT)
        .collect();
    if excerpt.len() < written.len() {
        excerpt.push_str("...");
    }
    excerpt
}

/// The known key that the operator most likely meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known
        .iter()
        .map(|near| (strsim::damerau_levenshtein(key, near), *near));
    let (distance, near) = distances.min()?;
    (distance <= 1 + key.chars().count() / 4).then_some(near)
}
