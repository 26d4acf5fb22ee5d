//! All rows, all servers, in turns: A B C, A B C, so that all of them have the same weather.
//!
//! Every turn has a server of its own, which is started for it and ended behind it.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result, bail};
use tokio::{runtime, task::LocalSet};

use crate::{
    arguments::Options,
    maildirs::Kind,
    report::{Column, Line, Machine, Results},
    rows::{Effort, Row},
    sample::Sample,
    servers::{self, Place, Server, Setting},
    target::{Mail, Target},
};

/// A server that is compared.
struct Contestant {
    server: Server,
    version: String,
    place: Place,
}

/// Measures.
pub(crate) fn run(rows: &[&'static Row], options: &Options) -> Result<Results> {
    let setting = Setting::new().context("a temporary directory")?;
    let contestants = contestants(&setting, options)?;
    let mut results = Results {
        machine: Machine::here(),
        settings: settings(options),
        servers: Vec::new(),
        lines: Vec::new(),
        remark: String::new(),
        scale: None,
    };
    for Contestant {
        server, version, ..
    } in &contestants
    {
        results.servers.push(Column {
            server: server.key().to_owned(),
            version: version.clone(),
        });
    }
    write_mail(rows, &contestants)?;
    for row in rows {
        let line = measure(row, &setting, &contestants, options)?;
        results.lines.push(line);
    }
    Ok(results)
}

/// Those that are here; the others are named.
fn contestants(setting: &Setting, options: &Options) -> Result<Vec<Contestant>> {
    let mut found: Vec<Contestant> = Vec::new();
    for server in options.servers.iter().chain(&options.peer) {
        if found.iter().any(|other| other.server == *server) {
            continue;
        }
        if *server == Server::Popcell {
            servers::build()?;
        }
        match server.look_for() {
            Ok(version) => found.push(Contestant {
                server: *server,
                version,
                place: setting.place(*server, options.shapes())?,
            }),
            Err(missing) => say(&format!("{} {missing}", server.key())),
        }
    }
    if found.is_empty() {
        bail!("there is no server to measure");
    }
    Ok(found)
}

fn write_mail(rows: &[&Row], contestants: &[Contestant]) -> Result<()> {
    for Contestant { server, place, .. } in contestants {
        // The floor has no mail.
        if server.is_floor() {
            continue;
        }
        for kind in Kind::ALL {
            if rows.iter().any(|row| row.mail == kind) {
                place.maildirs.write(kind).context("the mail")?;
            }
        }
    }
    Ok(())
}

fn measure(
    row: &'static Row,
    setting: &Setting,
    contestants: &[Contestant],
    options: &Options,
) -> Result<Line> {
    let mail = Mail::new(row.mail, options.shapes().of(row.mail));
    let mut samples = vec![Vec::new(); contestants.len()];
    for _ in 0..options.turns() {
        for (contestant, samples) in contestants.iter().zip(&mut samples) {
            if !row.is_for(contestant.server) {
                continue;
            }
            let sample = turn(row, setting, contestant, &mail, options.effort());
            // What is wrong with one server is no reason to measure no other.
            let sample = sample.unwrap_or_else(|error| Sample::failed(&format!("{error:#}")));
            if let Some(error) = &sample.first_error {
                let (row, server) = (row.name, contestant.server.key());
                say(&format!(
                    "{row}, {server}: {} errors: {error}",
                    sample.errors
                ));
            }
            samples.push(sample);
        }
    }
    say(&format!("{} is done", row.name));
    Ok(Line {
        row: row.name.to_owned(),
        samples,
    })
}

/// One server, one row, once.
fn turn(
    row: &Row,
    setting: &Setting,
    contestant: &Contestant,
    mail: &Mail,
    effort: Effort,
) -> Result<Sample> {
    let Contestant { server, place, .. } = contestant;
    let running = server.start(setting, place, mail.shape)?;
    let target = Target::of(*server, &running, setting, place);
    Ok(in_one_thread(row.run(&target, mail, effort))??)
}

/// Runs clients in this thread until they are done.
pub(crate) fn in_one_thread<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(LocalSet::new().block_on(&runtime, work))
}

/// What was asked for, in a sentence.
fn settings(options: &Options) -> String {
    let Effort {
        time,
        clients,
        idle,
    } = options.effort();
    let shapes = options.shapes();
    let (small, medium, large) = (shapes.small, shapes.medium, shapes.large);
    format!(
        "{} runs of {} s each, {clients} clients at a time ({} with medium and {} with large \
         messages), mailboxes of {} messages of {} octets, {} of {} and {} of {}; {idle} idle \
         connections with mailboxes of {} messages",
        options.turns(),
        time.as_secs_f64(),
        medium.users,
        large.users,
        small.messages,
        small.octets,
        medium.messages,
        medium.octets,
        large.messages,
        large.octets,
        shapes.few.messages,
    )
}

/// Tells whoever waits.
pub(crate) fn say(line: &str) {
    // Nobody is left to be told if this fails.
    let _unheard = writeln!(io::stderr(), "popcell-bench: {line}");
}
