//! What can be written behind `popcell swap` and `popcell replay`.

use std::path::PathBuf;

use clap::Args;

use super::size;
use crate::control::protocol::Canary;

pub(super) const SWAP_HELP: &str = "\
Examples:
  popcell swap new.wasm --wait                    everybody who runs the server's own component
  popcell swap new.wasm --tenant example          the tenant example alone
  popcell swap new.wasm --canary 5%               one session of twenty; again without: the others
  popcell rollback                                back to what was before

The server reads the file, checks its signature and digest, compiles it, tries it, and then moves open
sessions between two commands. A session that the component does not take stays where it is. The exit
code is 1 if the component is refused, 69 if no server answers.";

/// A component, and who gets it.
#[derive(Args, Debug)]
pub(in crate::cli) struct Wanted {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    pub(in crate::cli) file: PathBuf,

    /// Sessions of this tenant; of all who run the server's own component if nothing is said.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) tenant: Option<String>,

    /// Some of them first: a part such as 5%, or users with commas between.
    #[arg(long, value_name = "N%|USERS", value_parser = canary)]
    pub(in crate::cli) canary: Option<Canary>,

    /// The component has to have this SHA-256.
    #[arg(long, value_name = "HEX")]
    pub(in crate::cli) sha256: Option<String>,

    /// The component may import WASI, of which clocks and randomness work.
    #[arg(long)]
    pub(in crate::cli) wasi: bool,

    /// Do not play the dialogues of `popcell component test` with it first.
    #[arg(long)]
    pub(in crate::cli) unrehearsed: bool,

    /// A recording, or a directory of recordings, that it has to answer alike.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) replay: Option<PathBuf>,

    /// A file of answers that may differ from those recorded.
    #[arg(long, value_name = "FILE", requires = "replay")]
    pub(in crate::cli) allow: Option<PathBuf>,

    /// Come back when all open sessions have moved, or stay where they are for good.
    #[arg(long)]
    pub(in crate::cli) wait: bool,
}

/// `5%`, or `alice,bob`.
fn canary(text: &str) -> Result<Canary, &'static str> {
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.parse().ok().filter(|percent| *percent <= 100);
        let percent = percent.ok_or("a part of all sessions is 0% to 100%");
        return percent.map(Canary::Percent);
    }
    let users: Vec<_> = text.split(',').map(str::to_owned).collect();
    if users.iter().any(String::is_empty) {
        return Err("a part such as 5%, or names with commas between");
    }
    Ok(Canary::Users(users))
}

/// What is replayed, and with what.
#[derive(Args, Debug)]
pub(in crate::cli) struct Replay {
    /// Recordings, or directories of recordings.
    #[arg(value_name = "RECORDING", required = true)]
    pub(in crate::cli) recordings: Vec<PathBuf>,

    /// The component; the one that is in this program if nothing is said.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) component: Option<PathBuf>,

    /// Let it import WASI, of which clocks and randomness work.
    #[arg(long, requires = "component")]
    pub(in crate::cli) wasi: bool,

    /// Memory that a session may have.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub(in crate::cli) memory: usize,

    /// A file of answers that may differ.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) allow: Option<PathBuf>,

    /// Print an object of JSON a line.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
