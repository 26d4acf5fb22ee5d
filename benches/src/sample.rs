//! What one run of a row on one server gave, and what several give together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The figures of one run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Sample {
    /// How often the unit of the row was done.
    pub(crate) units: u64,
    /// Processor time of the server's process tree, in all.
    pub(crate) cpu_seconds: f64,
    /// Of the clock, in all.
    pub(crate) seconds: f64,
    /// Latency of an operation that half of them had at most.
    pub(crate) p50_microseconds: f64,
    /// The same for 99 of 100.
    pub(crate) p99_microseconds: f64,
    /// User memory for each connection; only of rows about memory.
    pub(crate) kib: Option<f64>,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    /// What the server does not do that the row is about. No error, but no figure either.
    #[serde(default)]
    pub(crate) lacks: Option<String>,
}

/// The medians of several runs. A run that is no figure is not among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) cpu_microseconds: f64,
    /// Units a second.
    pub(crate) rate: f64,
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
    pub(crate) kib: Option<f64>,
}

impl Sample {
    /// A run that did not happen.
    pub(crate) fn failed(error: &dyn std::fmt::Display) -> Self {
        Self {
            errors: 1,
            first_error: Some(error.to_string()),
            ..Self::default()
        }
    }

    /// Takes the latencies of all operations.
    pub(crate) fn set_latencies(&mut self, mut latencies: Vec<Duration>) {
        latencies.sort_unstable();
        let at = |hundredth: usize| {
            let index = (latencies.len() * hundredth / 100).min(latencies.len().saturating_sub(1));
            let latency = latencies.get(index).copied().unwrap_or_default();
            latency.as_secs_f64() * 1e6
        };
        (self.p50_microseconds, self.p99_microseconds) = (at(50), at(99));
    }
}

impl Figures {
    /// None if no run is a figure.
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let is_good = |one: &&Sample| one.errors == 0 && one.lacks.is_none();
        let good: Vec<&Sample> = samples.iter().filter(is_good).collect();
        let median = |value: fn(&Sample) -> Option<f64>| {
            median(good.iter().filter_map(|sample| value(sample)).collect())
        };
        if good.is_empty() {
            return None;
        }
        Some(Self {
            cpu_microseconds: median(|one| a_unit(one.cpu_seconds * 1e6, one)).unwrap_or_default(),
            rate: median(|one| (one.seconds > 0.0).then(|| one.units as f64 / one.seconds))
                .unwrap_or_default(),
            p50_microseconds: median(|one| Some(one.p50_microseconds)).unwrap_or_default(),
            p99_microseconds: median(|one| Some(one.p99_microseconds)).unwrap_or_default(),
            kib: median(|one| one.kib),
        })
    }
}

fn a_unit(value: f64, sample: &Sample) -> Option<f64> {
    (sample.units > 0).then(|| value / sample.units as f64)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(match values.len() % 2 {
        0 => (values[middle - 1] + upper) / 2.0,
        _ => upper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_run_with_an_error_is_no_figure() {
        let good = Sample {
            units: 2,
            cpu_seconds: 4e-6,
            seconds: 1.0,
            ..Sample::default()
        };
        let bad = Sample {
            units: 100,
            ..Sample::failed(&"no")
        };
        let figures = Figures::of(&[bad.clone(), good]).expect("a good run");
        assert!((figures.cpu_microseconds - 2.0).abs() < 1e-9);
        assert!(Figures::of(&[bad]).is_none());
        let lacking = Sample {
            units: 1,
            lacks: Some("does not resume".to_owned()),
            ..Sample::default()
        };
        assert!(Figures::of(&[lacking]).is_none());
    }

    #[test]
    fn latencies_are_taken_in_order() {
        let mut sample = Sample::default();
        sample.set_latencies((1..=100).rev().map(Duration::from_micros).collect());
        assert!((sample.p50_microseconds - 51.0).abs() < 1e-9);
        assert!((sample.p99_microseconds - 100.0).abs() < 1e-9);
        sample.set_latencies(Vec::new());
    }
}
