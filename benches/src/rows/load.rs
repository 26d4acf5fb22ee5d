//! Repeats an operation on many clients at a time, and measures.
//!
//! Does not know what the operation is.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Error;
use crate::{client, sample::Sample, target::Target};

/// A client that has made its connection, if it needs one.
pub(super) trait Worker: 'static {
    /// The operation; how many units it was.
    async fn work(&mut self) -> Result<u64, client::Error>;
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// Each worker has done its work once.
    Once,
    /// So much time has passed.
    Past(Duration),
}

/// What one worker came to.
struct Done<W> {
    /// Its connection ends when everybody's figures have been taken.
    _worker: W,
    units: u64,
    latencies: Vec<Duration>,
    error: Option<client::Error>,
}

/// Lets all workers do their work at the same time. One that meets an error stops.
pub(super) async fn load<W: Worker>(
    target: &Target,
    workers: Vec<W>,
    until: Until,
) -> Result<Sample, Error> {
    target.tree.settle().await?;
    let before = target.tree.cpu()?;
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn_local(repeat(worker, begin, until));
    }
    let done = running.join_all().await;
    let seconds = begin.elapsed().as_secs_f64();
    target.tree.settle().await?;
    let cpu = target.tree.cpu()?.saturating_sub(before);
    Ok(sum_up(done, seconds, cpu))
}

async fn repeat<W: Worker>(mut worker: W, begin: Instant, until: Until) -> Done<W> {
    let (mut units, mut latencies, mut error) = (0, Vec::new(), None);
    loop {
        let start = Instant::now();
        match worker.work().await {
            Ok(done) => units += done,
            Err(met) => {
                error = Some(met);
                break;
            }
        }
        latencies.push(start.elapsed());
        match until {
            Until::Past(time) if begin.elapsed() < time => {}
            Until::Past(_) | Until::Once => break,
        }
    }
    Done {
        _worker: worker,
        units,
        latencies,
        error,
    }
}

fn sum_up<W>(done: Vec<Done<W>>, seconds: f64, cpu: Duration) -> Sample {
    let mut sample = Sample {
        seconds,
        cpu_seconds: cpu.as_secs_f64(),
        ..Sample::default()
    };
    let mut latencies = Vec::new();
    for one in done {
        sample.units += one.units;
        latencies.extend(one.latencies);
        match one.error {
            None => {}
            Some(error @ client::Error::NotResumed) => sample.lacks = Some(error.to_string()),
            Some(error) => {
                sample.errors += 1;
                sample.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }
    sample.set_latencies(latencies);
    sample
}
