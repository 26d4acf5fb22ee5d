//! Logins at times of the test's choice.

use tempfile::TempDir;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

struct Fixture {
    directory: TempDir,
    start: SystemTime,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            start: SystemTime::now(),
        }
    }

    /// As after a restart.
    fn open(&self) -> Delays {
        Delays::open(&self.directory.path().join("logins"), MINUTE).expect("a directory")
    }

    fn enter(&self, user: &str, seconds: i64) -> Verdict {
        enter(&self.open().path(user), MINUTE, self.time(seconds)).expect("a file")
    }

    fn check(&self, user: &str, seconds: i64) -> Verdict {
        check(&self.open().path(user), MINUTE, self.time(seconds)).expect("a file")
    }

    fn time(&self, seconds: i64) -> SystemTime {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 {
            self.start - distance
        } else {
            self.start + distance
        }
    }
}

#[test]
fn a_user_waits_from_one_login_to_the_next_across_restarts() {
    let fixture = Fixture::new();
    assert_eq!(fixture.check("alice", 0), Verdict::Due);
    assert_eq!(fixture.enter("alice", 0), Verdict::Due);
    assert_eq!(fixture.check("alice", 59), Verdict::Early);
    assert_eq!(fixture.enter("alice", 59), Verdict::Early);
    assert_eq!(fixture.check("alice", 60), Verdict::Due);
    assert_eq!(fixture.enter("bob", 1), Verdict::Due);
}

#[test]
fn trying_too_early_does_not_prolong_the_wait() {
    let fixture = Fixture::new();
    fixture.enter("alice", 0);
    for seconds in 1..60 {
        assert_eq!(fixture.enter("alice", seconds), Verdict::Early, "{seconds}");
    }
    assert_eq!(fixture.enter("alice", 60), Verdict::Due);
    assert_eq!(fixture.enter("alice", 61), Verdict::Early);
}

#[test]
fn a_clock_that_is_set_back_costs_one_delay_at_most() {
    let fixture = Fixture::new();
    fixture.enter("alice", 0);
    assert_eq!(fixture.check("alice", -100_000), Verdict::Early);
    assert_eq!(fixture.check("alice", -100_000 + 59), Verdict::Early);
    assert_eq!(fixture.check("alice", -100_000 + 60), Verdict::Due);
}

#[test]
fn names_that_are_paths_stay_inside() {
    let fixture = Fixture::new();
    let long = "x".repeat(255);
    for user in ["../../etc/passwd", "/", ".", "a/b", "a\0b", &long, "\u{e4}"] {
        assert_eq!(fixture.enter(user, 0), Verdict::Due, "{user:?}");
        assert_eq!(fixture.enter(user, 1), Verdict::Early, "{user:?}");
        let path = fixture.open().path(user);
        assert_eq!(
            path.components().count(),
            fixture.open().directory.components().count() + 2
        );
    }
    assert_eq!(
        fs::read_dir(fixture.directory.path())
            .expect("readable")
            .count(),
        1
    );
}

#[test]
fn old_logins_are_forgotten_and_others_are_not() {
    let fixture = Fixture::new();
    let day = 86_400;
    fixture.enter("alice", -3 * day);
    fixture.enter("bob", -day);
    let delays = fixture.open();
    assert_eq!(delays.sweep_as_of(fixture.start).expect("readable"), 1);
    assert!(!delays.path("alice").exists() && delays.path("bob").exists());
    assert_eq!(delays.sweep().expect("readable"), 0);
}

#[tokio::test]
async fn a_users_own_delay_overrules_that_for_all() {
    let fixture = Fixture::new();
    let delays = fixture.open();
    let minute = Some(MINUTE);
    assert_eq!(
        delays.enter("alice", Some(Duration::ZERO)).await,
        Verdict::Due
    );
    assert_eq!(delays.enter("alice", None).await, Verdict::Due);
    assert_eq!(delays.check("alice", None).await, Verdict::Early);
    assert_eq!(
        delays.check("alice", Some(Duration::ZERO)).await,
        Verdict::Due
    );
    let none = Delays::open(fixture.directory.path(), Duration::ZERO).expect("a directory");
    assert_eq!(none.enter("bob", None).await, Verdict::Due);
    assert_eq!(none.enter("bob", None).await, Verdict::Due);
    assert_eq!(none.enter("bob", minute).await, Verdict::Due);
    assert_eq!(none.enter("bob", minute).await, Verdict::Early);
}

#[tokio::test]
async fn a_directory_that_is_gone_keeps_nobody_out() {
    let fixture = Fixture::new();
    let delays = fixture.open();
    let file = fixture.directory.path().join("logins");
    fs::remove_dir_all(&file).expect("removed");
    fs::write(&file, "in the way").expect("a file");
    for _ in 0..2 {
        assert_eq!(delays.enter("alice", None).await, Verdict::Due);
    }
    let error = Delays::open(&file, MINUTE).expect_err("a file");
    assert!(error.to_string().starts_with("login delays /"), "{error}");
}
