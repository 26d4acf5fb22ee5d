//! Commits that are killed at every step, and disks that fail at every step.

use std::{os::unix::process::ExitStatusExt, process::Command};

use rustix::{io::Errno, process::Signal};

use super::*;
use crate::{
    capability::Unfinished,
    mailbox::maildir::{
        self,
        commit::{Marked, Step, Watch, commit},
        login::Opened,
        paths::Paths,
    },
};

const FILES: [(&str, &str); 4] = [
    ("new/1.a", "one\n"),
    ("cur/2.b:2,S", "two\n"),
    ("new/3.c", "3\n"),
    ("cur/4.d:2,", "four\n"),
];

const CHILD_MAILDIR: &str = "POPCELL_TEST_MAILDIR";
const CHILD_STEP: &str = "POPCELL_TEST_STEP";

/// What happens at the step with this number.
pub(super) struct At<F> {
    pub(super) step: usize,
    pub(super) action: F,
}

impl<F: FnMut(Step) -> Result<(), Errno>> Watch for At<F> {
    fn before(&mut self, step: Step) -> Result<(), Errno> {
        match self.step.checked_sub(1) {
            None => (self.action)(step),
            Some(left) => {
                self.step = left;
                Ok(())
            }
        }
    }
}

fn open(root: &Path) -> Opened {
    let whereabouts = Whereabouts {
        root: root.into(),
        state: None,
        create_below: None,
    };
    let locked = maildir::login::begin(&whereabouts).expect("a maildrop");
    locked
        .open(Uidl::Auto, &Recent::default())
        .expect("its messages")
}

fn paths(opened: &Opened) -> Paths {
    let paths = opened.names.paths(opened.contents.snapshot());
    paths.expect("few")
}

/// Removes the messages with these indices, under the eyes of `watch`.
fn remove(root: &Path, marked: &[usize], watch: &mut impl Watch) -> Result<(), Unfinished> {
    let opened = open(root);
    let marked: Vec<Marked> = marked
        .iter()
        .map(|index| Marked {
            index: *index,
            stored: None,
        })
        .collect();
    commit(&opened.place, &paths(&opened), &marked, watch)
}

/// The part of a crashing test that crashes.
#[test]
#[ignore = "a child process of the test below"]
fn child() {
    let root = std::env::var(CHILD_MAILDIR).expect("run by another test");
    let step = std::env::var(CHILD_STEP)
        .expect("run by another test")
        .parse()
        .expect("a number");
    let mut kill = At {
        step,
        action: |_| {
            let this = rustix::process::getpid();
            rustix::process::kill_process(this, Signal::KILL).expect("killed");
            unreachable!("the process is dead");
        },
    };
    assert_eq!(remove(Path::new(&root), &[0, 1, 3], &mut kill), Ok(()));
}

/// Runs a commit in a process that dies before this step. Returns whether it lived.
fn commit_in_child(root: &Path, step: usize) -> bool {
    let name = module_path!()
        .split_once("::")
        .map(|(_, path)| format!("{path}::child"));
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", &name.expect("a module of a crate")])
        .env(CHILD_MAILDIR, root)
        .env(CHILD_STEP, step.to_string())
        .output()
        .expect("a child")
        .status;
    assert!(status.success() || status.signal() == Some(9), "{status}");
    status.success()
}

#[tokio::test]
async fn a_commit_that_is_killed_at_any_step_removed_nothing_or_removes_all() {
    let (mut untouched, mut finished) = (0, 0);
    for step in 0.. {
        let mail = Mail::new(&FILES);
        let survived = commit_in_child(&mail.path(""), step);
        let left = mail.listed().await;
        match left.len() {
            4 => untouched += 1,
            1 => finished += 1,
            _ => panic!("step {step} left {left:?}"),
        }
        assert_eq!(mail.files().len(), left.len());
        assert!(mail.files().contains(&"new/3.c".to_owned()));
        assert!(!mail.path("popcell-journal").exists(), "step {step}");
        if survived {
            assert_eq!(left.len(), 1, "it was promised");
            break;
        }
    }
    // Dead before the journal is whole (3 steps), and from then on.
    assert_eq!((untouched, finished), (3, 9));
}

#[tokio::test]
async fn a_message_that_was_renamed_after_the_crash_is_removed_all_the_same() {
    let mail = Mail::new(&FILES);
    assert!(
        !commit_in_child(&mail.path(""), 6),
        "killed behind the first removal"
    );
    assert_eq!(mail.files(), ["cur/2.b:2,S", "cur/4.d:2,", "new/3.c"]);
    mail.rename("cur/2.b:2,S", "cur/2.b:2,RS");
    mail.put("new/1.a", "a file of the same name that was never marked\n");
    assert_eq!(mail.listed().await.len(), 2);
    assert_eq!(mail.files(), ["new/1.a", "new/3.c"], "it was another file");
}

#[tokio::test]
async fn a_file_that_was_written_to_after_the_crash_is_not_the_one_that_was_marked() {
    let mail = Mail::new(&FILES);
    assert!(
        !commit_in_child(&mail.path(""), 6),
        "killed behind the first removal"
    );
    let file = fs::File::open(mail.path("cur/2.b:2,S")).expect("a file");
    file.set_modified(SystemTime::UNIX_EPOCH)
        .expect("another time");
    assert_eq!(mail.listed().await.len(), 2);
    assert_eq!(mail.files(), ["cur/2.b:2,S", "new/3.c"]);
}

#[tokio::test]
async fn a_journal_that_is_not_whole_removes_nothing() {
    let mail = Mail::new(&FILES);
    assert!(
        !commit_in_child(&mail.path(""), 3),
        "killed behind the end of the journal"
    );
    let whole = fs::read(mail.path("popcell-journal")).expect("a journal");
    for text in [
        &whole[..whole.len() - 1],
        &whole[..9],
        b"",
        b"\0\0\0\0",
        b"end \0",
        &whole[1..],
    ] {
        mail.put("popcell-journal", text);
        assert_eq!(mail.listed().await.len(), 4);
        assert!(!mail.path("popcell-journal").exists());
    }
    mail.put("popcell-journal", whole);
    assert_eq!(mail.listed().await, expected(&[(3, "3.c")]));
}

#[tokio::test]
async fn a_disk_that_fails_at_any_step_makes_no_false_answer() {
    for step in 0.. {
        let mail = Mail::new(&FILES);
        let mut failed = None;
        let mut once = At {
            step,
            action: |step| match failed {
                None => {
                    failed = Some(step);
                    Err(Errno::NOSPC)
                }
                Some(_) => Ok(()),
            },
        };
        let result = remove(&mail.path(""), &[0, 1, 3], &mut once);
        let files = mail.files();
        let kept = u32::try_from(files.len() - 1).expect("few");
        match failed {
            None | Some(Step::RemoveJournal | Step::SyncRemoval) => assert_eq!(result, Ok(())),
            Some(_) => assert_eq!(
                result,
                Err(Unfinished {
                    removed: 3 - kept,
                    kept
                }),
                "{failed:?}"
            ),
        }
        let is_early = failed.is_some_and(|step| {
            !matches!(
                step,
                Step::Unlink | Step::SyncFolders | Step::RemoveJournal | Step::SyncRemoval
            )
        });
        assert_eq!(
            is_early,
            kept == 3,
            "{failed:?}: without a journal nothing is removed"
        );
        assert_eq!(mail.listed().await.len(), files.len());
        assert_eq!(
            mail.files(),
            files,
            "{failed:?}: what was reported as kept stays"
        );
        if failed.is_none() {
            break;
        }
    }
}

#[tokio::test]
async fn one_message_is_removed_without_a_journal() {
    let mail = Mail::new(&FILES);
    let mut steps = Vec::new();
    let mut record = At {
        step: 0,
        action: |step| {
            steps.push(step);
            Ok(())
        },
    };
    assert_eq!(remove(&mail.path(""), &[0], &mut record), Ok(()));
    assert_eq!(steps, [Step::Unlink, Step::SyncFolders]);
    assert_eq!(mail.listed().await.len(), 3);
}

#[tokio::test]
async fn the_journal_is_on_the_disk_before_and_the_removals_are_before_it_goes() {
    let mail = Mail::new(&FILES);
    let mut steps = Vec::new();
    let mut record = At {
        step: 0,
        action: |step| {
            steps.push(step);
            Ok(())
        },
    };
    assert_eq!(remove(&mail.path(""), &[0, 1], &mut record), Ok(()));
    assert_eq!(
        steps,
        [
            Step::CreateJournal,
            Step::WriteJournal,
            Step::EndJournal,
            Step::SyncJournal,
            Step::SyncJournalName,
            Step::Unlink,
            Step::Unlink,
            Step::SyncFolders,
            Step::RemoveJournal,
            Step::SyncRemoval,
        ]
    );
}

#[test]
fn a_link_in_place_of_the_journal_is_not_followed_and_nothing_is_removed() {
    let mail = Mail::new(&FILES);
    mail.put("victim", "precious");
    let opened = open(&mail.path(""));
    std::os::unix::fs::symlink("victim", mail.path("popcell-journal")).expect("a link");
    let marked = [0, 1].map(|index| Marked {
        index,
        stored: None,
    });
    let mut allow = At {
        step: usize::MAX,
        action: |_| Ok(()),
    };
    let result = commit(&opened.place, &paths(&opened), &marked, &mut allow);
    assert_eq!(
        result,
        Err(Unfinished {
            removed: 0,
            kept: 2
        })
    );
    assert_eq!(mail.files().len(), 4);
    assert_eq!(
        fs::read(mail.path("victim")).expect("untouched"),
        b"precious"
    );
}
