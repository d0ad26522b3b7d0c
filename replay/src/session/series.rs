//! Files that are one recording: the parts that `--rotate-…` makes, `NAME.0001.mcap`, `NAME.0002.mcap`…
//!
//! Each part after the first begins with the starts of its services and a gap in place of all that stands in
//! the parts before it, so that it can be read by itself. Read together, that beginning is skipped: the
//! metadata's `first_event` says where a part's own events begin.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{OpenError, Session};
use crate::writer::About;

/// The note that names the recording a part belongs to; the same in all of them.
pub const NOTE_SERIES: &str = "series";
/// The note with a part's place in its series, from 1.
pub const NOTE_PART: &str = "part";
/// The note with the number of a part's first own event.
pub const NOTE_FIRST_EVENT: &str = "first_event";
/// Digits of a part's number in its name, at least.
const PART_DIGITS: usize = 4;

/// A part that follows another.
#[derive(Clone, Debug)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// What stands before it is in the parts before.
    pub first_event: u64,
    /// The name of the part that should stand before it, and isn't there.
    pub missing: Option<String>,
}

/// The recording a file is a part of, and its place in it.
#[must_use]
pub fn place(about: &About) -> Option<(&str, u64)> {
    Some((about.notes.get(NOTE_SERIES)?, number(about, NOTE_PART)?))
}

/// The first part, and what follows it, in their order.
pub fn parts(paths: &[PathBuf]) -> Result<Option<(Session, PathBuf, Vec<Part>)>, OpenError> {
    let mut sessions = Vec::new();
    for path in paths {
        sessions.push((Session::open(path)?, path.clone()));
    }
    sessions.sort_by_key(|(session, _)| place(session.about()).map(|(_, part)| part));
    let mut sessions = sessions.into_iter();
    let Some((first, first_path)) = sessions.next() else { return Ok(None) };
    let (mut parts, mut before) = (Vec::new(), place(first.about()).map_or(1, |(_, part)| part));
    for (session, path) in sessions {
        let part = place(session.about()).map_or(1, |(_, part)| part);
        let expected = before.saturating_add(1);
        let missing = (part != expected).then(|| named(&path, expected));
        before = part;
        let first_event = number(session.about(), NOTE_FIRST_EVENT).unwrap_or(0);
        parts.push(Part { path, first_event, missing });
    }
    Ok(Some((first, first_path, parts)))
}

/// Puts the parts of each recording together: in place of the first that is found, all of them that are, in their
/// order. Which belong together, their names and their metadata say; a file that can't be read stays alone.
#[must_use]
pub fn gathered(paths: &[PathBuf]) -> Vec<Vec<PathBuf>> {
    let mut families: BTreeMap<(PathBuf, OsString), usize> = BTreeMap::new();
    let keys: Vec<_> = paths.iter().map(|path| family(path)).collect();
    for key in keys.iter().flatten() {
        *families.entry(key.clone()).or_default() += 1;
    }
    let (mut groups, mut of_series) = (Vec::<Vec<(u64, PathBuf)>>::new(), BTreeMap::new());
    for (path, key) in paths.iter().zip(keys) {
        // Of one alone nothing needs to be read.
        let key = key.filter(|key| families.get(key).is_some_and(|members| *members > 1));
        let opened = key.and_then(|key| Some((key, Session::open(path).ok()?)));
        let place = opened.as_ref().and_then(|(key, session)| {
            let (series, part) = place(session.about())?;
            Some(((key.clone(), series.to_owned()), part))
        });
        let Some((series, part)) = place else {
            groups.push(vec![(0, path.clone())]);
            continue;
        };
        let group = *of_series.entry(series).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len().saturating_sub(1)
        });
        groups.get_mut(group).into_iter().for_each(|group| group.push((part, path.clone())));
    }
    let in_order = |mut group: Vec<(u64, PathBuf)>| {
        group.sort();
        // A copy of a part under another name is a recording of its own, not the same moments twice.
        let mut seen = BTreeSet::new();
        let (once, again): (Vec<_>, Vec<_>) = group.into_iter().partition(|(part, _)| seen.insert(*part));
        let once = once.into_iter().map(|(_, path)| path).collect();
        std::iter::once(once).chain(again.into_iter().map(|(_, path)| vec![path])).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(in_order).collect()
}

/// The parts of a recording by the name it was given, `NAME.mcap`, which no file has then.
#[must_use]
pub fn named_after(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(wanted) = path.file_name() else { return Vec::new() };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let parts = entries.map(|entry| path.with_file_name(entry.file_name()));
    let mut parts: Vec<_> =
        parts.filter(|part| family(part).is_some_and(|(_, name)| name == wanted)).collect();
    parts.sort();
    parts
}

pub(crate) fn number(about: &About, note: &str) -> Option<u64> {
    about.notes.get(note)?.parse().ok()
}

/// The folder of a part, and the name of the whole: `NAME.mcap` of `NAME.0001.mcap`.
fn family(path: &Path) -> Option<(PathBuf, OsString)> {
    let (stem, extension) = (Path::new(path.file_stem()?), path.extension()?);
    let number = stem.extension()?.to_str()?;
    let is_number = number.len() >= PART_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    let mut name = stem.file_stem()?.to_owned();
    name.push(".");
    name.push(extension);
    is_number.then(|| (path.parent().unwrap_or(Path::new("")).to_owned(), name))
}

/// The name of another part of the same recording.
fn named(path: &Path, part: u64) -> String {
    let name = family(path).map(|(_, name)| name).unwrap_or_default();
    let (stem, extension) = (Path::new(&name).file_stem(), Path::new(&name).extension());
    match stem.zip(extension) {
        Some((stem, extension)) => {
            format!("{}.{part:04}.{}", stem.to_string_lossy(), extension.to_string_lossy())
        }
        None => format!("part {part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_of_what_it_is_a_part() {
        let whole = |path: &str| family(Path::new(path)).map(|(_, name)| name.into_string().unwrap());
        assert_eq!(whole("a/base.0001.mcap").as_deref(), Some("base.mcap"));
        assert_eq!(whole("base.x.12345.mcap").as_deref(), Some("base.x.mcap"));
        for alone in ["base.mcap", "base.001.mcap", "base.000x.mcap", "0001.mcap", ".0001.mcap", ""] {
            assert_eq!(whole(alone), None, "{alone}");
        }
        assert_eq!(named(Path::new("a/base.0003.mcap"), 2), "base.0002.mcap");
        assert_eq!(named(Path::new("copy.mcap"), 2), "part 2");
    }
}
