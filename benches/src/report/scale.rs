//! The tables of `scale`: what a maildrop costs by its messages, and sessions by processors.
//!
//! Measures nothing.

use super::table::{aligned, short};
use crate::{
    sample::Figures,
    scale::{Maildrop, Scale, Step},
};

/// Both tables.
pub(crate) fn scale(scale: &Scale) -> String {
    let mut text = maildrops(scale);
    if !scale.processors.is_empty() {
        text.push('\n');
        text += &processors(scale);
    }
    text
}

fn maildrops(scale: &Scale) -> String {
    let titles = [
        "what",
        "messages",
        "wall",
        "CPU",
        "memory",
        "a message",
        "to linear",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    let Some(smallest) = scale.maildrops.first() else {
        return aligned(&lines);
    };
    for step in &smallest.steps {
        let first = Figures::of(&step.samples).and_then(|figures| a_message(&figures, smallest));
        for maildrop in &scale.maildrops {
            let found = maildrop.steps.iter().find(|other| other.name == step.name);
            lines.extend(found.map(|step| line(maildrop, step, first)));
        }
    }
    aligned(&lines)
}

/// A step with a maildrop; `first` is what a message of the first one cost.
fn line(maildrop: &Maildrop, step: &Step, first: Option<f64>) -> [String; 7] {
    let mut line = [const { String::new() }; 7];
    line[0].clone_from(&step.name);
    line[1] = maildrop.messages.to_string();
    let Some(figures) = Figures::of(&step.samples) else {
        return line;
    };
    let each = a_message(&figures, maildrop);
    let unit = match figures.kib {
        Some(kib) => {
            line[4] = format!("{} MiB", short(kib / 1024.0));
            "octets"
        }
        None => {
            line[2] = time(figures.p50_microseconds);
            line[3] = time(figures.cpu_microseconds);
            "ns"
        }
    };
    if let Some(each) = each {
        line[5] = format!("{} {unit}", short(each));
        line[6] = first.map_or_else(String::new, |first| format!("{:.2}", each / first));
    }
    line
}

/// Memory, else processor time for each message, in octets or ns. None if there is none.
fn a_message(figures: &Figures, maildrop: &Maildrop) -> Option<f64> {
    let all = match figures.kib {
        Some(kib) => kib * 1024.0,
        None => figures.cpu_microseconds * 1e3,
    };
    (all > 0.0).then(|| all / maildrop.messages as f64)
}

fn time(microseconds: f64) -> String {
    match microseconds {
        value if value >= 1e4 => format!("{} ms", short(value / 1e3)),
        value => format!("{} µs", short(value)),
    }
}

fn processors(scale: &Scale) -> String {
    let titles = [
        "processors of the server",
        "of the client",
        "sessions",
        "CPU",
        "p50",
        "p99",
        "to one",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    let mut first = None;
    for one in &scale.processors {
        let Some(figures) = Figures::of(&one.samples) else {
            continue;
        };
        let first = first.get_or_insert(figures.rate);
        lines.push([
            one.count.to_string(),
            match one.of_client {
                0 => "shares them".to_owned(),
                count => format!("{count} of its own"),
            },
            format!("{}/s", short(figures.rate)),
            time(figures.cpu_microseconds),
            time(figures.p50_microseconds),
            time(figures.p99_microseconds),
            format!("{:.2}", figures.rate / *first),
        ]);
    }
    aligned(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    fn maildrop(messages: usize, cpu_seconds: f64) -> Maildrop {
        let sample = Sample {
            units: 1,
            cpu_seconds,
            ..Sample::default()
        };
        Maildrop {
            messages,
            steps: vec![Step {
                name: "login".to_owned(),
                samples: vec![sample],
            }],
        }
    }

    #[test]
    fn what_costs_a_message_the_same_is_linear() {
        let first = Figures::of(&maildrop(10, 1e-3).steps[0].samples).expect("a run");
        let first = a_message(&first, &maildrop(10, 1e-3));
        let to_linear = |maildrop: Maildrop| line(&maildrop, &maildrop.steps[0], first)[6].clone();
        assert_eq!(to_linear(maildrop(100, 1e-2)), "1.00");
        assert_eq!(to_linear(maildrop(100, 1e-3)), "0.10");
        assert_eq!(to_linear(maildrop(100, 0.0)), "");
    }
}
