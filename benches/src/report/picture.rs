//! The picture: how many times the floor's processor time each server needs, in bars.
//!
//! The scale is logarithmic; a line shows the goal.

use super::{Results, cpu_of};
use crate::{
    rows::{Goal, Row},
    servers::Server,
};

const LEFT: f64 = 300.0;
const WIDTH: f64 = 560.0;
const BAR: f64 = 13.0;
const GAP: f64 = 12.0;

/// Where the scale ends.
const MOST: f64 = 200.0;

const COLOURS: [(&str, &str); 7] = [
    ("popcell", "#3b6fb6"),
    ("native", "#9db8dc"),
    ("floor-unbatched", "#dfe8dc"),
    ("dovecot", "#c9c9c9"),
    ("dovecot-tuned", "#8f8f8f"),
    ("courier", "#b5838d"),
    ("twisted", "#d9a441"),
];

/// An SVG document.
pub(super) fn picture(results: &Results) -> String {
    let mut y = 40.0;
    let mut body = String::new();
    for (row, cells) in results.rows() {
        let Some(floor) = cpu_of(&cells, Server::Floor) else {
            continue;
        };
        let top = y;
        let mut labels = String::new();
        for cell in cells
            .iter()
            .filter(|cell| cell.server != Server::Floor.key())
        {
            let Some(figures) = cell.figures else {
                continue;
            };
            let ratio = figures.cpu_microseconds / floor;
            body += &bar(y, cell.server, ratio);
            labels += &label(y, cell.server, ratio);
            y += BAR;
        }
        body += &text(LEFT - 8.0, top + BAR - 3.0, "end", row.title);
        // In front of the bars and behind their labels.
        body += &goal(row, top, y);
        body += &labels;
        y += GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}{body}</svg>\n",
        text(
            8.0,
            20.0,
            "start",
            "processor time per operation, as a multiple of the floor's (logarithmic; red: goal)"
        ),
        width = LEFT + WIDTH + 160.0,
    )
}

fn bar(y: f64, server: &str, ratio: f64) -> String {
    let colour = COLOURS.iter().find(|(name, _)| *name == server);
    let colour = colour.map_or("#555555", |(_, colour)| colour);
    let width = place(ratio);
    format!(
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>\n",
        BAR - 2.0
    )
}

fn label(y: f64, server: &str, ratio: f64) -> String {
    let x = LEFT + place(ratio) + 4.0;
    text(x, y + BAR - 4.0, "start", &format!("{server} {ratio:.1}"))
}

fn goal(row: &Row, top: f64, bottom: f64) -> String {
    let Goal::OfFloor(ratio) = row.goal else {
        return String::new();
    };
    let x = LEFT + place(ratio);
    format!(
        "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#c0392b\"/>\n",
        top - 2.0,
        bottom
    )
}

/// How far from the left a ratio is.
fn place(ratio: f64) -> f64 {
    WIDTH * (ratio.clamp(1.0, MOST).ln() / MOST.ln()).max(0.002)
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    // White around the letters, for what is behind them.
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" paint-order=\"stroke\" \
         stroke=\"white\" stroke-width=\"3\">{text}</text>\n"
    )
}
