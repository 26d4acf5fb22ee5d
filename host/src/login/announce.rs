//! Capability lines that depend on the user: LOGIN-DELAY and EXPIRE (RFC 2449).
//!
//! Says what was decided; decides nothing and enforces nothing.

use std::{sync::Arc, time::Duration};

use crate::auth::policy::{Expire, Extremes, Policy};

const LOGIN_DELAY: &str = "LOGIN-DELAY";
const EXPIRE: &str = "EXPIRE";

/// The lines before anybody has logged in. `usual` hold for everybody who has nothing of their own:
/// where that is everybody, there is one list for all.
pub(super) fn before_login(usual: &Arc<[String]>, extremes: &Extremes) -> Arc<[String]> {
    if *extremes == Extremes::default() {
        return Arc::clone(usual);
    }
    let mut lines = usual.to_vec();
    // RFC 2449 §6.5 and §6.7: if it depends on the user, then the worst for any of them, and "USER".
    if let Some(longest) = extremes.longest_login_delay {
        let longest = longest.max(login_delay(&lines));
        replace(
            &mut lines,
            LOGIN_DELAY,
            &format!("{} USER", seconds(longest)),
        );
    }
    if let Some(soonest) = extremes.soonest_expire {
        let soonest = expire(&lines).map_or(soonest, |expire| soonest.min(expire));
        replace(&mut lines, EXPIRE, &format!("{} USER", days(soonest)));
    }
    lines.into()
}

/// The lines of a user who has logged in: the exact values, wherever [`before_login`] has said that
/// they depend on the user.
pub(super) fn after_login(
    usual: &Arc<[String]>,
    extremes: &Extremes,
    policy: &Policy,
) -> Arc<[String]> {
    let has_delay = extremes.longest_login_delay.is_some() || policy.login_delay.is_some();
    let has_expiry = extremes.soonest_expire.is_some() || policy.expire.is_some();
    if !has_delay && !has_expiry {
        return Arc::clone(usual);
    }
    let mut exact = usual.to_vec();
    if has_delay {
        let delay = policy.login_delay.unwrap_or_else(|| login_delay(usual));
        replace(&mut exact, LOGIN_DELAY, &seconds(delay).to_string());
    }
    if has_expiry {
        let expire = policy
            .expire
            .or_else(|| expire(usual))
            .unwrap_or(Expire::Never);
        replace(&mut exact, EXPIRE, &days(expire));
    }
    // As a rule there is nothing of the user's own: one list for all.
    match *exact == **usual {
        true => Arc::clone(usual),
        false => exact.into(),
    }
}

/// What the lines say, as if it were decided for one user.
pub(super) fn policy_of(lines: &[String]) -> Policy {
    Policy {
        login_delay: Some(login_delay(lines)),
        expire: Some(expire(lines).unwrap_or(Expire::Never)),
        ..Policy::default()
    }
}

/// Whole seconds, rather one too many.
fn seconds(delay: Duration) -> u128 {
    delay.as_millis().div_ceil(1000)
}

fn days(expire: Expire) -> String {
    match expire {
        Expire::Days(days) => days.to_string(),
        Expire::Never => "NEVER".to_owned(),
    }
}

fn replace(lines: &mut Vec<String>, keyword: &str, value: &str) {
    let line = format!("{keyword} {value}");
    match lines
        .iter_mut()
        .find(|line| argument(line, keyword).is_some())
    {
        Some(known) => *known = line,
        None => lines.push(line),
    }
}

/// What the lines say for everybody; no delay if they say nothing.
fn login_delay(lines: &[String]) -> Duration {
    let argument = lines.iter().find_map(|line| argument(line, LOGIN_DELAY));
    let seconds = argument.and_then(|argument| argument.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

fn expire(lines: &[String]) -> Option<Expire> {
    let argument = lines.iter().find_map(|line| argument(line, EXPIRE))?;
    Some(argument.parse().map_or(Expire::Never, Expire::Days))
}

fn argument<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    line.strip_prefix(keyword)?.strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Arc<[String]> {
        lines.iter().map(ToString::to_string).collect()
    }

    fn policy(fields: &str) -> Policy {
        Policy::parse(fields.as_bytes()).expect(fields)
    }

    fn extremes(users: &[&str]) -> Extremes {
        let mut extremes = Extremes::default();
        users
            .iter()
            .for_each(|fields| extremes.include(&policy(fields)));
        extremes
    }

    #[test]
    fn what_is_the_same_for_everybody_stays_as_it_is() {
        let given = lines(&["IMPLEMENTATION x", "EXPIRE NEVER", "LOGIN-DELAY 30"]);
        assert_eq!(before_login(&given, &extremes(&[""])), given);
        assert_eq!(after_login(&given, &extremes(&[""]), &policy("")), given);
        assert!(before_login(&lines(&[]), &extremes(&[])).is_empty());
    }

    #[test]
    fn before_login_the_worst_for_any_user_is_announced() {
        let users = extremes(&["login_delay=15m expire=30", "expire=7"]);
        let given = lines(&["EXPIRE NEVER", "LOGIN-DELAY 30", "IMPLEMENTATION x"]);
        let expected = ["EXPIRE 7 USER", "LOGIN-DELAY 900 USER", "IMPLEMENTATION x"];
        assert_eq!(*before_login(&given, &users), expected);
        let expected = ["LOGIN-DELAY 900 USER", "EXPIRE 7 USER"];
        assert_eq!(*before_login(&lines(&[]), &users), expected);
        let given = lines(&["EXPIRE 5", "LOGIN-DELAY 1000"]);
        let expected = ["EXPIRE 5 USER", "LOGIN-DELAY 1000 USER"];
        assert_eq!(*before_login(&given, &users), expected);
    }

    #[test]
    fn after_login_the_users_own_values_are_announced() {
        let users = extremes(&["login_delay=15m expire=30"]);
        let given = lines(&["EXPIRE NEVER", "LOGIN-DELAY 30"]);
        for (fields, expected) in [
            (
                "login_delay=15m expire=30",
                ["EXPIRE 30", "LOGIN-DELAY 900"],
            ),
            ("login_delay=0 expire=0", ["EXPIRE 0", "LOGIN-DELAY 0"]),
            ("", ["EXPIRE NEVER", "LOGIN-DELAY 30"]),
        ] {
            assert_eq!(
                *after_login(&given, &users, &policy(fields)),
                expected,
                "{fields}"
            );
        }
        let expected = ["LOGIN-DELAY 0", "EXPIRE NEVER"];
        let none = lines(&[]);
        assert_eq!(*after_login(&none, &users, &policy("")), expected);
    }

    #[test]
    fn parts_of_seconds_are_rounded_up() {
        assert_eq!(seconds(Duration::from_millis(1001)), 2);
        assert_eq!(seconds(Duration::ZERO), 0);
    }
}
