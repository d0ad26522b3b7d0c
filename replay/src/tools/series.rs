//! What a tool reads: a session in one file, or in the parts that `--rotate-…` makes.

use std::path::{Path, PathBuf};

use super::rewrite::{Rewriter, Written, derived};
use super::{OutFile, ToolError};
use crate::session::series::{self, number};
pub use crate::session::series::{NOTE_FIRST_EVENT, NOTE_PART, NOTE_SERIES};
use crate::session::{Events, Problem, Session};
use crate::writer::About;

/// One recording in one or more files.
#[derive(Debug)]
pub struct Series {
    session: Session,
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
        let paths: Vec<PathBuf> = parts.into_iter().map(|(_, path)| path).collect();
        Ok(Self { session: Session::open_parts(&paths)?, paths })
    }

    /// What the first part says of itself.
    #[must_use]
    pub fn about(&self) -> About {
        self.session.about().clone()
    }

    /// Of the first part.
    #[must_use]
    pub fn format_version(&self) -> u32 {
        self.session.format_version()
    }

    /// For people.
    #[must_use]
    pub fn name(&self) -> String {
        self.session.name()
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
    pub fn events(&self) -> Result<Events, ToolError> {
        self.session.events().map_err(|source| ToolError::Read { name: self.name(), source })
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
            match series::named_after(path) {
                parts if !path.exists() && !parts.is_empty() => files.extend(parts),
                _ => files.push(path.clone()),
            }
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
