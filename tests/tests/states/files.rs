//! The files: a state in hex, with a line that says what it is.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use super::kinds::{KINDS, Kind};

/// The octets of the fields that stand behind the place of TOP in all files: bad commands, the
/// highest number (two octets), marked octets, zeros left out.
const TRANSACTION: usize = 5;

/// The tag of a TOP.
const TOP: u8 = 8;

/// A state, and which one it is.
pub(crate) struct File {
    name: String,
    pub(crate) state: Vec<u8>,
}

impl File {
    pub(crate) fn of(kind: &Kind, state: Vec<u8>) -> Self {
        let name = kind.name.to_owned();
        Self { name, state }
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a file of text");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let octets = lines.flat_map(str::split_whitespace);
        let name = path.file_stem().expect("a name").to_string_lossy();
        Self {
            name: name.into_owned(),
            state: octets
                .map(|octet| u8::from_str_radix(octet, 16).expect("octets in hex"))
                .collect(),
        }
    }

    /// The kind that it is of.
    pub(crate) fn kind(&self) -> &'static Kind {
        let mut kinds = KINDS.iter();
        let kind = kinds.find(|kind| kind.name == self.name);
        kind.unwrap_or_else(|| panic!("nothing says how a session gets into {}", self.name))
    }

    /// Whether both are of one kind, in one format.
    pub(crate) fn is_the_same_kind(&self, other: &Self) -> bool {
        (&self.name, self.format()) == (&other.name, other.format())
    }

    /// Where TOP is in its message, if it is one.
    pub(crate) fn place_of_top(&self) -> Option<u8> {
        let place = self.state.len().checked_sub(TRANSACTION + 1)?;
        (self.state[1] == TOP).then(|| self.state[place])
    }

    fn format(&self) -> u8 {
        self.state[0]
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.state.iter().map(|octet| format!("{octet:02x}"));
        f.write_str(&octets.collect::<Vec<_>>().join(" "))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../component/tests/states")
}

/// All files, of every format.
pub(crate) fn find() -> Vec<File> {
    let mut files = Vec::new();
    for format in fs::read_dir(folder()).expect("a folder") {
        let format = format.expect("an entry").path();
        let number = format.file_name().expect("a name").to_string_lossy();
        for path in fs::read_dir(&format).expect("a folder for each format") {
            let file = File::read(&path.expect("an entry").path());
            assert_eq!(file.format().to_string(), number, "{}", file.name);
            files.push(file);
        }
    }
    files
}

/// Whether files that are missing are wanted.
pub(crate) fn is_to_be_written() -> bool {
    env::var_os("POPCELL_WRITE_STATES").is_some()
}

/// Writes a file that there is not yet.
pub(crate) fn write(file: &File, kind: &Kind) {
    let format = folder().join(file.format().to_string());
    fs::create_dir_all(&format).expect("a folder");
    let text = format!("# Format {}: {}.\n{file}\n", file.format(), kind.what);
    fs::write(format.join(format!("{}.hex", file.name)), text).expect("written");
}
