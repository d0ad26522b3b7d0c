//! Several files that are one recording: the parts that `--rotate-…` makes.
//!
//! Each part after the first begins with the starts of its services and a gap in place of all that stands in
//! the parts before it, so that it can be read by itself. Read together, that beginning is skipped: the
//! metadata's `first_event` says where a part's own events begin.

use std::io;
use std::path::{Path, PathBuf};

use super::rewrite::{Rewriter, Written, derived};
use super::{OutFile, ToolError};
use crate::session::{Damage, Events, Problem, Recorded, Session};
use crate::writer::About;

/// The note that names the recording a part belongs to; the same in all of them.
pub const NOTE_SERIES: &str = "series";
/// The note with a part's place in its series, from 1.
pub const NOTE_PART: &str = "part";
/// The note with the number of a part's first own event.
pub const NOTE_FIRST_EVENT: &str = "first_event";

/// One recording in one or more files.
#[derive(Debug)]
pub struct Series {
    parts: Vec<Session>,
    paths: Vec<PathBuf>,
}

impl Series {
    /// Opens a file, a folder of parts, or the parts by name in any order.
    ///
    /// # Errors
    /// A file is no session, or several aren't parts of one recording.
    pub fn open(paths: &[PathBuf]) -> Result<Self, ToolError> {
        let mut parts = Vec::new();
        for path in files(paths)? {
            parts.push((Session::open(&path)?, path));
        }
        parts.sort_by_key(|(session, _)| part(session.about()));
        for pair in parts.windows(2) {
            if let [(before, _), (after, _)] = pair {
                check(before, after)?;
            }
        }
        let (parts, paths) = parts.into_iter().unzip();
        Ok(Self { parts, paths })
    }

    /// What the first part says of itself.
    #[must_use]
    pub fn about(&self) -> About {
        self.parts.first().map(|part| part.about().clone()).unwrap_or_default()
    }

    /// Of the first part.
    #[must_use]
    pub fn format_version(&self) -> u32 {
        self.parts.first().map_or(0, Session::format_version)
    }

    /// For people.
    #[must_use]
    pub fn name(&self) -> String {
        let first = self.parts.first().map(Session::name).unwrap_or_default();
        match self.parts.len() {
            0 | 1 => first,
            n => format!("{first} and {} more", n - 1),
        }
    }

    /// The files.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// All its events.
    ///
    /// # Errors
    /// A file can't be opened any more.
    pub fn events(&self) -> Result<Joined<'_>, ToolError> {
        let mut joined = Joined { parts: self.parts.iter(), current: None, yielded: 0, ended: false };
        joined.open_next().map_err(|source| ToolError::Read { name: self.name(), source })?;
        Ok(joined)
    }

    /// Writes it as one file.
    ///
    /// # Errors
    /// See [`ToolError`]; a part that is cut or damaged ends it, and is handed back.
    pub fn join(&self, out: OutFile) -> Result<(Written, Option<Problem>), ToolError> {
        let mut about = derived(&self.about(), "depot session join", &self.name());
        for note in [NOTE_SERIES, NOTE_PART, NOTE_FIRST_EVENT] {
            about.notes.remove(note);
        }
        let mut writer = Rewriter::new(out, &about)?;
        let mut problem = None;
        for event in super::good(self.events()?, &mut problem) {
            writer.put(event)?;
        }
        Ok((writer.finish()?, problem))
    }
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ToolError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |source| ToolError::Read { name: path.display().to_string(), source };
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            inside.extend(is_recording(&path).then_some(path));
        }
        if inside.is_empty() {
            return Err(ToolError::EmptyFolder { path: path.clone() });
        }
        files.append(&mut inside);
    }
    files.sort();
    Ok(files)
}

fn is_recording(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "mcap") && path.is_file()
}

fn number(about: &About, note: &str) -> Option<u64> {
    about.notes.get(note)?.parse().ok()
}

fn part(about: &About) -> u64 {
    number(about, NOTE_PART).unwrap_or(1)
}

fn check(before: &Session, after: &Session) -> Result<(), ToolError> {
    let series = |session: &Session| session.about().notes.get(NOTE_SERIES).cloned();
    let why = if series(before).is_none() || series(before) != series(after) {
        "they are of different recordings"
    } else if part(before.about()).saturating_add(1) != part(after.about()) {
        "a part between them is missing"
    } else {
        return Ok(());
    };
    Err(ToolError::NotASeries { name: after.name(), before: before.name(), why })
}

/// The events of all parts in order. A problem in one ends them, but in the last.
pub struct Joined<'a> {
    parts: std::slice::Iter<'a, Session>,
    /// Events of the part in hand, and the number of its first own one.
    current: Option<(Events, u64)>,
    yielded: u64,
    ended: bool,
}

impl Joined<'_> {
    fn open_next(&mut self) -> io::Result<bool> {
        let Some(part) = self.parts.next() else { return Ok(false) };
        let events = part.events()?;
        // What stands before a first part that isn't the recording's first is all there is to know.
        let skipped = if self.yielded == 0 { None } else { number(part.about(), NOTE_FIRST_EVENT) };
        self.current = Some((events, skipped.unwrap_or(0)));
        Ok(true)
    }
}

impl Iterator for Joined<'_> {
    type Item = Result<Recorded, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let (events, first) = self.current.as_mut()?;
            match events.next() {
                Some(Ok(event)) if event.seq < *first => {}
                Some(Ok(event)) => {
                    self.yielded = self.yielded.saturating_add(1);
                    return Some(Ok(event));
                }
                Some(Err(problem)) => {
                    self.ended = true;
                    return Some(Err(problem));
                }
                None => match self.open_next() {
                    Ok(true) => {}
                    Ok(false) => self.ended = true,
                    Err(error) => {
                        self.ended = true;
                        let (events, damage) = (self.yielded, Damage::Read(error));
                        return Some(Err(Problem::Damaged { events, offset: 0, damage }));
                    }
                },
            }
        }
        None
    }
}
