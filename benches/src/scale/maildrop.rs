//! One maildrop with many messages: logins, a listing, the last message, and the memory for it.
//!
//! Answers are checked: the messages are counted, and the last one is compared with its file.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use tokio::time::sleep;

use super::{OCTETS, Step};
use crate::{
    client::Client,
    cpu::Tree,
    door::Protection,
    letters::Letter,
    maildirs::{Kind, PASSWORD},
    memory,
    run::in_one_thread,
    sample::Sample,
    servers::{Place, Running, Server, Setting},
    target::Target,
};

/// What a server remembers about messages, beside them.
const REMEMBERED: &str = "popcell-sizes";

/// How long a login may take: a million messages are read.
const PATIENCE: Duration = Duration::from_mins(10);

/// A folder that did not change for so long is as old mail leaves it.
const OLD: Duration = Duration::from_secs(3);

/// How often it is asked how old it is.
const PAUSE: Duration = Duration::from_millis(50);

/// A maildrop that is measured.
struct Bench<'a> {
    setting: &'a Setting,
    place: &'a Place,
    /// The Maildir.
    maildir: PathBuf,
    /// How long something is repeated.
    time: Duration,
    steps: Vec<Step>,
}

/// Measures.
pub(super) fn run(
    setting: &Setting,
    place: &Place,
    turns: u16,
    time: Duration,
) -> Result<Vec<Step>> {
    let mut bench = Bench {
        setting,
        place,
        maildir: place.maildirs.of(Kind::Small, 0),
        time,
        steps: Vec::new(),
    };
    for _ in 0..turns {
        in_one_thread(bench.turn())??;
    }
    Ok(bench.steps)
}

impl Bench<'_> {
    /// The life of a maildrop, once.
    async fn turn(&mut self) -> Result<()> {
        match fs::remove_file(self.maildir.join(REMEMBERED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        self.grow_old().await?;
        let (running, target) = self.start().await?;
        self.known_server(&running, &target).await?;
        drop(running);
        let (running, target) = self.start().await?;
        let messages = self.messages();
        let fresh = repeat(target.tree, Duration::ZERO, async || {
            let (client, latency) = log_in(&target, messages).await?;
            client.quit().await?;
            Ok(latency)
        });
        let fresh = fresh.await?;
        self.add("login, new process", fresh);
        self.new_mail(&target).await?;
        drop(running);
        Ok(())
    }

    /// A server that sees the maildrop for the first time, and then again.
    async fn known_server(&mut self, running: &Running, target: &Target) -> Result<()> {
        let (tree, messages) = (target.tree, self.messages());
        let before = memory::pss(tree)?;
        let mut open = None;
        let first = repeat(tree, Duration::ZERO, async || {
            let (client, latency) = log_in(target, messages).await?;
            open = Some(client);
            Ok(latency)
        });
        let first = first.await?;
        self.add("first login", first);
        self.add("memory: first session", grown(before, memory::pss(tree)?));
        let peak = memory::peak(running.process.number())?;
        self.add("memory: first login, peak", grown(before, peak));
        open.context("no session")?.quit().await?;

        let second = repeat(tree, self.time, async || {
            let (client, latency) = log_in(target, messages).await?;
            client.quit().await?;
            Ok(latency)
        });
        let second = second.await?;
        self.add("second login", second);
        let (client, _) = log_in(target, messages).await?;
        let client = self.session(target, client).await?;
        self.add("memory: later session", grown(before, memory::pss(tree)?));
        client.quit().await?;
        tree.settle().await?;
        self.add("memory: no session", grown(before, memory::pss(tree)?));
        Ok(())
    }

    /// What is done in a session.
    async fn session(&mut self, target: &Target, mut client: Client) -> Result<Client> {
        let (tree, messages) = (target.tree, self.messages());
        let listing = repeat(tree, self.time, async || {
            let begin = Instant::now();
            client.command("UIDL\r\n").await?;
            let (lines, last) = client.long_listing().await?;
            let latency = begin.elapsed();
            let is_whole = lines == messages && last.starts_with(&format!("{messages} "));
            ensure!(is_whole, "UIDL: {lines} lines, the last one is {last:?}");
            Ok(latency)
        });
        let listing = listing.await?;
        self.add("UIDL", listing);
        let letter = Letter::new(OCTETS, messages);
        let last = repeat(tree, self.time, async || {
            let begin = Instant::now();
            client.command(&format!("RETR {messages}\r\n")).await?;
            client.message(&letter.wire).await?;
            Ok(begin.elapsed())
        });
        let last = last.await?;
        self.add("RETR of the last", last);
        Ok(client)
    }

    /// Each login finds one more message than the one before it.
    async fn new_mail(&mut self, target: &Target) -> Result<()> {
        let maildirs = &self.place.maildirs;
        let (mut number, mut delivered) = (self.messages(), Vec::new());
        let logins = repeat(target.tree, self.time, async || {
            let letter = Letter::new(OCTETS, number + 1);
            delivered.push(maildirs.deliver(&self.maildir, number as u64, &letter)?);
            number += 1;
            let (client, latency) = log_in(target, number).await?;
            client.quit().await?;
            Ok(latency)
        });
        let logins = logins.await?;
        for file in delivered {
            fs::remove_file(file)?;
        }
        self.add("login, one more message", logins);
        Ok(())
    }

    fn messages(&self) -> usize {
        self.place.maildirs.shapes.small.messages
    }

    fn add(&mut self, name: &str, sample: Sample) {
        match self.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => step.samples.push(sample),
            None => self.steps.push(Step {
                name: name.to_owned(),
                samples: vec![sample],
            }),
        }
    }

    /// A server that has had sessions already, but none with this maildrop.
    async fn start(&self) -> Result<(Running, Target)> {
        let (setting, place) = (self.setting, self.place);
        let few = place.maildirs.shapes.few;
        let running = Server::Popcell.start(setting, place, few)?;
        let target = Target::of(Server::Popcell, &running, setting, place);
        for index in 0..few.users {
            let mut client = target.door(Protection::Plain, index)?.enter().await?;
            client.log_in(&Kind::Few.user(index)).await?;
            client.quit().await?;
        }
        target.tree.settle().await?;
        Ok((running, target))
    }

    /// Waits until the mail is no longer new: a server does not rely on what changes under its eyes.
    async fn grow_old(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let age = |folder: &str| {
                let changed = fs::metadata(self.maildir.join(folder))?.modified()?;
                // A time that is yet to come is no age.
                let age = SystemTime::now().duration_since(changed);
                io::Result::Ok(age.unwrap_or_default())
            };
            if age("new")?.min(age("cur")?) > OLD {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        anyhow::bail!("the folders do not grow old")
    }
}

/// A session that has this many messages, and how long PASS took.
async fn log_in(target: &Target, messages: usize) -> Result<(Client, Duration)> {
    let mut client = target.door(Protection::Plain, 0)?.enter().await?;
    client.be_patient(PATIENCE);
    let user = Kind::Small.user(0);
    client.command(&format!("USER {user}\r\n")).await?;
    let begin = Instant::now();
    client.command(&format!("PASS {PASSWORD}\r\n")).await?;
    let latency = begin.elapsed();
    let stat = client.command("STAT\r\n").await?;
    ensure!(stat.starts_with(&format!("{messages} ")), "STAT: {stat}");
    Ok((client, latency))
}

/// Does something once, and again until so much time has passed. It says how long it took itself.
async fn repeat(
    tree: Tree,
    time: Duration,
    mut work: impl AsyncFnMut() -> Result<Duration>,
) -> Result<Sample> {
    tree.settle().await?;
    let (before, begin, mut latencies) = (tree.cpu()?, Instant::now(), Vec::new());
    loop {
        latencies.push(work().await?);
        if begin.elapsed() >= time {
            break;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    tree.settle().await?;
    let mut sample = Sample {
        units: latencies.len() as u64,
        seconds,
        cpu_seconds: tree.cpu()?.saturating_sub(before).as_secs_f64(),
        ..Sample::default()
    };
    sample.set_latencies(latencies);
    Ok(sample)
}

/// Memory that is more than it was, in KiB.
fn grown(before: u64, after: u64) -> Sample {
    Sample {
        units: 1,
        kib: Some(after.saturating_sub(before) as f64),
        ..Sample::default()
    }
}
