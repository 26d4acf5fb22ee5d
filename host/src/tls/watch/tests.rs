//! Files that change in the ways that the tools of operators change them.

use std::os::unix::fs::symlink;

use tokio::{sync::mpsc, time::timeout};

use super::{
    super::{
        CertificatePair,
        tests::{HOST, Site, options},
    },
    *,
};

const FAST: Pace = Pace {
    quiet: Duration::from_millis(20),
    longest: Duration::from_millis(200),
    retry: Duration::from_millis(20),
};

/// A server whose files are followed, and what came of each round.
struct Followed {
    tls: Arc<Tls>,
    outcomes: mpsc::UnboundedReceiver<Result<Reload, Error>>,
}

impl Followed {
    /// Follows the files, and waits until the first round says that they are watched.
    async fn new(pair: CertificatePair) -> Self {
        let tls = Arc::new(Tls::load(options([pair])).expect("right files"));
        let (report, outcomes) = mpsc::unbounded_channel();
        let task = Arc::clone(&tls);
        tokio::spawn(async move {
            follow(&task, FAST, |outcome| {
                report.send(outcome).expect("a test that listens")
            })
            .await;
        });
        let mut followed = Self { tls, outcomes };
        assert!(matches!(followed.next().await, Ok(Reload::Unchanged)));
        followed
    }

    async fn next(&mut self) -> Result<Reload, Error> {
        let outcome = timeout(Duration::from_secs(30), self.outcomes.recv()).await;
        outcome
            .expect("a change is noticed")
            .expect("the files are followed")
    }

    /// Waits for a change that was taken over. A half of it may be seen before the whole.
    async fn changed(&mut self) -> &Tls {
        while !matches!(self.next().await, Ok(Reload::Changed)) {}
        &self.tls
    }
}

/// A second certificate for the same files: its names tell it from the first.
fn renew(site: &Site, name: &str) -> CertificatePair {
    site.pair(name, &site.authority.issue(&["renewed.example"]))
}

fn names(tls: &Tls) -> Vec<String> {
    tls.certificates().remove(0).names
}

#[tokio::test]
async fn files_that_are_written_over_are_read_again() {
    let site = Site::new();
    let mut followed = Followed::new(site.pair("site", &site.authority.issue(&[HOST]))).await;
    renew(&site, "site");
    assert_eq!(names(followed.changed().await), ["renewed.example"]);
}

#[tokio::test]
async fn files_that_are_renamed_into_place_are_read_again() {
    let site = Site::new();
    let pair = site.pair("site", &site.authority.issue(&[HOST]));
    let mut followed = Followed::new(pair.clone()).await;
    let fresh = renew(&site, "fresh");
    fs::rename(fresh.key, pair.key).expect("a file");
    fs::rename(fresh.certificate, pair.certificate).expect("a file");
    assert_eq!(names(followed.changed().await), ["renewed.example"]);
}

#[tokio::test]
async fn a_broken_file_is_reported_and_the_mended_one_taken() {
    let site = Site::new();
    let pair = site.pair("site", &site.authority.issue(&[HOST]));
    let mut followed = Followed::new(pair.clone()).await;
    fs::write(&pair.certificate, "hello").expect("a file");
    while followed.next().await.is_ok() {}
    assert_eq!(names(&followed.tls), [HOST]);
    renew(&site, "site");
    assert_eq!(names(followed.changed().await), ["renewed.example"]);
}

/// As Kubernetes does it: the files are links through a link to a directory, which is turned.
#[tokio::test]
async fn a_link_to_a_directory_that_is_turned_is_followed() {
    let site = Site::new();
    let root = site.directory.path();
    for version in ["one", "two"] {
        fs::create_dir(root.join(version)).expect("a directory");
    }
    site.pair("one/site", &site.authority.issue(&[HOST]));
    renew(&site, "two/site");
    symlink("one", root.join("..data")).expect("a link");
    let pair = ["site.pem", "site.key"].map(|name| {
        symlink(Path::new("..data").join(name), root.join(name)).expect("a link");
        root.join(name)
    });
    let [certificate, key] = pair;
    let mut followed = Followed::new(CertificatePair { certificate, key }).await;
    symlink("two", root.join("..data_tmp")).expect("a link");
    fs::rename(root.join("..data_tmp"), root.join("..data")).expect("a link");
    assert_eq!(names(followed.changed().await), ["renewed.example"]);
    // What is watched is found anew: the files behind the link now.
    site.pair("two/site", &site.authority.issue(&[HOST]));
    assert_eq!(names(followed.changed().await), [HOST]);
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_followed() {
    let site = Site::new();
    let live = site.directory.path().join("live");
    fs::create_dir(&live).expect("a directory");
    let mut followed = Followed::new(site.pair("live/site", &site.authority.issue(&[HOST]))).await;
    fs::rename(&live, site.directory.path().join("old")).expect("a directory");
    while followed.next().await.is_ok() {}
    fs::create_dir(&live).expect("a directory");
    renew(&site, "live/site");
    assert_eq!(names(followed.changed().await), ["renewed.example"]);
}

#[tokio::test(start_paused = true)]
async fn quiet_is_waited_for_but_not_for_ever() {
    let changed = Arc::new(Notify::new());
    changed.notify_one();
    let begun = Instant::now();
    settle(&changed, PACE).await;
    assert_eq!(begun.elapsed(), PACE.quiet);

    let restless = Arc::clone(&changed);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(PACE.quiet / 2);
        loop {
            ticks.tick().await;
            restless.notify_one();
        }
    });
    let begun = Instant::now();
    settle(&changed, PACE).await;
    assert_eq!(begun.elapsed(), PACE.longest);
}

#[test]
fn each_link_on_the_way_is_watched_where_it_is() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let root = directory.path().canonicalize().expect("a directory");
    for name in ["archive", "live"] {
        fs::create_dir(root.join(name)).expect("a directory");
    }
    fs::write(root.join("archive/2.pem"), "").expect("a file");
    symlink("../archive/2.pem", root.join("live/cert.pem")).expect("a link");
    symlink("live", root.join("current")).expect("a link");
    symlink("loop", root.join("loop")).expect("a link");
    let watched = |name: &str| directories(&root.join(name));
    assert_eq!(watched("archive/2.pem"), [root.join("archive")]);
    assert_eq!(
        watched("live/cert.pem"),
        [root.join("live"), root.join("archive")]
    );
    let all = [root.clone(), root.join("live"), root.join("archive")];
    assert_eq!(watched("current/cert.pem"), all);
    assert_eq!(watched("live/../current/cert.pem"), all);
    assert_eq!(watched("absent/deep/cert.pem"), std::slice::from_ref(&root));
    assert_eq!(watched("loop").first(), Some(&root));
}

#[test]
fn reading_is_no_change() {
    let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
    let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    assert_eq!([open, read, written].map(is_change), [false, false, true]);
}
