//! Paths with `%u`, `%n`, `%d` and `%h` in them: where the mail of a user is.
//!
//! Touches no file. A user name can choose a name in its directory, never a directory.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::account::Account;

/// The longest name that a file system takes.
const MAX_NAME_OCTETS: usize = 255;

/// Why a text is not a template. The operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// Two variables in one path component that two users could fill to the same text.
    #[error("two variables in one path component must have '@' or '/' between them")]
    Ambiguous,
    /// `%h` somewhere else than at the start.
    #[error("%h must come first and be followed by '/'")]
    HomeNotFirst,
    /// A NUL, which no path contains.
    #[error("a path does not contain NUL")]
    Nul,
    /// It begins with neither `/` nor `%h`.
    #[error("it must begin with '/' or %h")]
    Relative,
    /// `%` in front of something else.
    #[error("'%{0}' is not known: %u, %n, %d, %h and %% are")]
    UnknownVariable(char),
    /// `%` at the end.
    #[error("'%' at the end: %% stands for one")]
    Unfinished,
}

/// Why a template gives no path for an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccountError {
    /// A name, or a part of it that the template asks for, that must not become a part of a path.
    #[error(
        "the user name is empty, begins with '.', is too long or holds '/' or control characters"
    )]
    UnsafeName,
    /// `%d` for a name without `@`.
    #[error("the user name has no domain")]
    NoDomain,
    /// `%h` for an account without a home, or with one that is not an absolute path.
    #[error("the account has no home directory with an absolute path")]
    NoHome,
}

/// A path that depends on the user.
///
/// ```
/// use popcell::{account::Account, mailbox::template::Template};
///
/// let template: Template = "/var/mail/%d/%n/Maildir".parse()?;
/// let alice = Account { user: "alice@example.org".to_owned(), home: None };
/// assert_eq!(template.path(&alice), Ok("/var/mail/example.org/alice/Maildir".into()));
/// # Ok::<(), popcell::mailbox::template::TemplateError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Variable(Variable),
}

/// In the order of [`Template::distinguishes`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Variable {
    /// `%u`: the whole name.
    User,
    /// `%n`: what is before the last `@`, or the whole name if there is none.
    Name,
    /// `%d`: what is behind the last `@`.
    Domain,
    /// `%h`: the home directory of the account.
    Home,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.contains('\0') {
            return Err(TemplateError::Nul);
        }
        let parts = split(text)?;
        match parts.as_slice() {
            [Part::Variable(Variable::Home)] => {}
            [Part::Variable(Variable::Home), Part::Text(text), ..] if text.starts_with('/') => {}
            [Part::Variable(Variable::Home), ..] => return Err(TemplateError::HomeNotFirst),
            [Part::Text(text), ..] if text.starts_with('/') => {}
            _ => return Err(TemplateError::Relative),
        }
        if parts
            .iter()
            .skip(1)
            .any(|part| *part == Part::Variable(Variable::Home))
        {
            return Err(TemplateError::HomeNotFirst);
        }
        if is_ambiguous(&parts) {
            return Err(TemplateError::Ambiguous);
        }
        Ok(Self { parts })
    }
}

impl Template {
    /// The path for `account`.
    ///
    /// # Errors
    ///
    /// An [`AccountError`] before any path is built from a name that could lead elsewhere.
    pub fn path(&self, account: &Account) -> Result<PathBuf, AccountError> {
        let mut path = String::new();
        let mut home = PathBuf::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Variable(Variable::User) => path.push_str(safe(&account.user)?),
                Part::Variable(Variable::Name) => path.push_str(safe(name(&account.user))?),
                Part::Variable(Variable::Domain) => path.push_str(safe(domain(&account.user)?)?),
                Part::Variable(Variable::Home) => home = absolute(account.home.as_deref())?,
            }
        }
        if home.as_os_str().is_empty() {
            return Ok(path.into());
        }
        Ok(home.join(path.trim_start_matches('/')))
    }

    /// The directory above everything that depends on the user: what has to exist before anything
    /// is made for one. The home itself if the template begins with it.
    pub(super) fn fixed(&self, account: &Account) -> Option<PathBuf> {
        match self.parts.first()? {
            Part::Text(_) => self.base(),
            Part::Variable(_) => account.home.clone(),
        }
    }

    /// The same, for all users; none if the template begins with the home.
    pub(super) fn base(&self) -> Option<PathBuf> {
        match self.parts.first()? {
            Part::Text(text) if self.parts.len() == 1 => Some(Path::new(text).parent()?.into()),
            Part::Text(text) => Some(text[..=text.rfind('/')?].into()),
            Part::Variable(_) => None,
        }
    }

    /// Whether two accounts with different paths by `other` have different paths by this template.
    pub(super) fn distinguishes(&self, other: &Self) -> bool {
        self.has(Variable::User)
            || [
                Variable::User,
                Variable::Name,
                Variable::Domain,
                Variable::Home,
            ]
            .into_iter()
            .filter(|variable| other.has(*variable))
            .all(|variable| self.covers(variable))
    }

    /// Whether the values of `variable` lead to different paths by this template.
    fn covers(&self, variable: Variable) -> bool {
        match variable {
            Variable::User => self.has(Variable::Name) && self.has(Variable::Domain),
            Variable::Name | Variable::Domain | Variable::Home => self.has(variable),
        }
    }

    fn has(&self, variable: Variable) -> bool {
        self.parts.contains(&Part::Variable(variable))
    }
}

fn split(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '%' {
            literal.push(next);
            continue;
        }
        let variable = match rest.next() {
            Some('%') => {
                literal.push('%');
                continue;
            }
            Some('u') => Variable::User,
            Some('n') => Variable::Name,
            Some('d') => Variable::Domain,
            Some('h') => Variable::Home,
            Some(other) => return Err(TemplateError::UnknownVariable(other)),
            None => return Err(TemplateError::Unfinished),
        };
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Variable(variable));
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// Whether a component holds two variables without a mark between them that neither `%d` nor a
/// component can contain: `a-b` at `c` and `a` at `b-c` are one path by `%n-%d`.
fn is_ambiguous(parts: &[Part]) -> bool {
    let mut open = false;
    for part in parts {
        match part {
            Part::Text(text) => open &= !text.contains(['@', '/']),
            Part::Variable(_) if open => return true,
            Part::Variable(_) => open = true,
        }
    }
    false
}

/// `text`, if it can only be a name in a directory.
fn safe(text: &str) -> Result<&str, AccountError> {
    let harmless = (1..=MAX_NAME_OCTETS).contains(&text.len())
        && !text.starts_with('.')
        && !text.contains(|letter: char| letter == '/' || letter.is_control());
    harmless.then_some(text).ok_or(AccountError::UnsafeName)
}

fn name(user: &str) -> &str {
    user.rsplit_once('@').map_or(user, |(name, _)| name)
}

fn domain(user: &str) -> Result<&str, AccountError> {
    user.rsplit_once('@')
        .map(|(_, domain)| domain)
        .ok_or(AccountError::NoDomain)
}

fn absolute(home: Option<&Path>) -> Result<PathBuf, AccountError> {
    home.filter(|home| home.is_absolute())
        .map(Path::to_owned)
        .ok_or(AccountError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(template: &str, user: &str) -> Result<PathBuf, AccountError> {
        let template: Template = template.parse().expect("a valid template");
        template.path(&Account {
            user: user.to_owned(),
            home: Some("/home/al".into()),
        })
    }

    #[test]
    fn variables_stand_for_parts_of_the_name() {
        for (template, user, expected) in [
            ("/m/%u", "al@x.org", "/m/al@x.org"),
            ("/m/%d/%n", "al@x.org", "/m/x.org/al"),
            ("/m/%n", "al", "/m/al"),
            ("/m/%d/%n", "a@b@x.org", "/m/x.org/a@b"),
            ("/m/100%%/%n", "al", "/m/100%/al"),
            ("%h/Maildir", "al", "/home/al/Maildir"),
            ("%h", "al", "/home/al"),
            ("%h/%d/%n", "al@x", "/home/al/x/al"),
            ("/m/one", "al", "/m/one"),
        ] {
            assert_eq!(
                path(template, user),
                Ok(expected.into()),
                "{template} {user}"
            );
        }
    }

    #[test]
    fn a_name_that_could_lead_elsewhere_is_refused() {
        let long = "x".repeat(256);
        for user in [
            "", ".", "..", "../al", "a/b", ".hidden", "a\0b", "a\nb", "/", &long,
        ] {
            assert_eq!(
                path("/m/%u", user),
                Err(AccountError::UnsafeName),
                "{user:?}"
            );
            assert_eq!(
                path("/m/%n/x", user),
                Err(AccountError::UnsafeName),
                "{user:?}"
            );
        }
        for user in ["al@", "al@..", "al@../..", "al@.x", "@x/y"] {
            assert_eq!(
                path("/m/%d", user),
                Err(AccountError::UnsafeName),
                "{user:?}"
            );
        }
        assert_eq!(path("/m/%n", "@x"), Err(AccountError::UnsafeName));
    }

    #[test]
    fn a_name_without_a_domain_does_not_take_the_place_of_a_domain() {
        assert_eq!(path("/m/%d/%n", "example.org"), Err(AccountError::NoDomain));
    }

    #[test]
    fn a_home_has_to_be_there_and_absolute() {
        let template: Template = "%h/Maildir".parse().expect("a valid template");
        for home in [None, Some(PathBuf::from("home")), Some(PathBuf::new())] {
            let account = Account {
                user: "al".to_owned(),
                home,
            };
            assert_eq!(template.path(&account), Err(AccountError::NoHome));
        }
    }

    #[test]
    fn a_text_that_is_no_template_says_why() {
        for (text, error) in [
            ("", TemplateError::Relative),
            ("mail/%u", TemplateError::Relative),
            ("%u", TemplateError::Relative),
            ("/m/%x", TemplateError::UnknownVariable('x')),
            ("/m/%", TemplateError::Unfinished),
            ("/m/%h", TemplateError::HomeNotFirst),
            ("%hx", TemplateError::HomeNotFirst),
            ("%h/%h", TemplateError::HomeNotFirst),
            ("/m\0/%u", TemplateError::Nul),
            ("/m/%n%d", TemplateError::Ambiguous),
            ("/m/%n-%d", TemplateError::Ambiguous),
        ] {
            assert_eq!(text.parse::<Template>(), Err(error), "{text:?}");
        }
        assert!("/m/%n@%d".parse::<Template>().is_ok());
    }

    #[test]
    fn what_must_exist_is_above_the_user() {
        let account = Account {
            user: "al".to_owned(),
            home: Some("/home/al".into()),
        };
        for (text, fixed) in [
            ("/var/mail/%d/%n", "/var/mail/"),
            ("/var/mail/box-%n", "/var/mail/"),
            ("/var/mail/one", "/var/mail"),
            ("%h/Maildir", "/home/al"),
        ] {
            let template: Template = text.parse().expect("a valid template");
            assert_eq!(template.fixed(&account), Some(fixed.into()), "{text}");
        }
    }

    #[test]
    fn one_template_may_tell_fewer_users_apart_than_another() {
        for (state, root, expected) in [
            ("/s/%u", "/m/%d/%n", true),
            ("/s/%d/%n", "/m/%u", true),
            ("/s/%n", "/m/%u", false),
            ("/s/%n", "/m/%d/%n", false),
            ("/s", "/m/%n", false),
            ("/s", "/m", true),
            ("/s/%n", "%h/Maildir", false),
        ] {
            let state: Template = state.parse().expect("a valid template");
            assert_eq!(
                state.distinguishes(&root.parse().expect("a valid template")),
                expected
            );
        }
    }
}
