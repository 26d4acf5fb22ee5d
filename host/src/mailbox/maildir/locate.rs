//! Where messages are that are not where they were: an IMAP server renames a file to keep a flag.
//!
//! Goes by the part of the name that never changes, and rather finds nothing than another message.

use std::collections::HashMap;

use super::{
    paths::{self, Paths},
    scan::Listing,
};

/// What became of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spot {
    /// It is not there any more.
    Gone,
    /// It is this file of the listing.
    At(usize),
    /// Several messages or several files share its name: it can not be told which is which.
    Unsure,
}

/// Where each message of `paths` is in `listing`, which is newer.
pub(super) fn locate(paths: &Paths, listing: &Listing) -> Vec<Spot> {
    let mut spots = vec![Spot::Gone; paths.len()];
    let mut owners = HashMap::with_capacity(paths.len());
    for index in 0..paths.len() {
        if let Some(twin) = owners.insert(paths.unique(index), index) {
            spots[twin] = Spot::Unsure;
            spots[index] = Spot::Unsure;
        }
    }
    for found in &listing.found {
        let Some(owner) = owners.get(listing.unique(found)) else {
            continue;
        };
        spots[*owner] = match spots[*owner] {
            Spot::Gone => Spot::At(found.path),
            Spot::At(_) | Spot::Unsure => Spot::Unsure,
        };
    }
    spots
}

/// The paths of the same messages by a newer listing. What is not found keeps its old path, where
/// there is nothing either.
pub(super) fn follow(paths: &Paths, listing: &Listing) -> Result<Paths, paths::TooMany> {
    let mut followed = Paths::default();
    for (index, spot) in locate(paths, listing).into_iter().enumerate() {
        match spot {
            Spot::At(place) => followed.push_from(&listing.paths, place)?,
            Spot::Gone | Spot::Unsure => followed.push_from(paths, index)?,
        };
    }
    followed.shrink();
    Ok(followed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::maildir::{paths::Folder, scan::Found};

    fn paths(names: &[(Folder, &str)]) -> Paths {
        let mut paths = Paths::default();
        for (folder, name) in names {
            paths.push(*folder, name.as_bytes()).expect("few");
        }
        paths
    }

    fn listing(names: &[(Folder, &str)]) -> Listing {
        let found = |path| Found::new(path, 0, c"");
        Listing {
            paths: paths(names),
            found: (0..names.len()).map(found).collect(),
        }
    }

    #[test]
    fn a_message_is_found_under_its_new_name() {
        let old = paths(&[
            (Folder::New, "1.a"),
            (Folder::Cur, "2.b:2,"),
            (Folder::New, "3.c"),
        ]);
        let new = listing(&[
            (Folder::Cur, "2.b:2,S"),
            (Folder::Cur, "1.a:2,"),
            (Folder::New, "4.d"),
        ]);
        assert_eq!(locate(&old, &new), [Spot::At(1), Spot::At(0), Spot::Gone]);
        let followed = follow(&old, &new).expect("few");
        let followed = [followed.get(0), followed.get(1), followed.get(2)];
        assert_eq!(followed, [c"cur/1.a:2,", c"cur/2.b:2,S", c"new/3.c"]);
    }

    #[test]
    fn a_message_with_a_twin_is_never_taken_for_it() {
        let old = paths(&[
            (Folder::Cur, "1.a:2,"),
            (Folder::Cur, "1.a:2,S"),
            (Folder::New, "2.b"),
        ]);
        let one_left = listing(&[(Folder::Cur, "1.a:2,F")]);
        assert_eq!(
            locate(&old, &one_left),
            [Spot::Unsure, Spot::Unsure, Spot::Gone]
        );
        let two_came = listing(&[(Folder::Cur, "2.b:2,"), (Folder::Cur, "2.b:2,S")]);
        assert_eq!(locate(&old, &two_came)[2], Spot::Unsure);
    }
}
