//! Which sessions are meant: files, folders, globs, and a share of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::session::{OpenError, Session, series};

/// The ending of a session file in a folder; a file that is named may have any.
pub const EXTENSION: &str = "mcap";
/// Folders in folders that are looked into; those deeper are passed over.
const MAX_DEPTH: usize = 64;
/// Sessions at once; more are refused.
pub const MAX_SESSIONS: usize = 100_000;

/// One session to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The file; it may not be there. Of a recording in parts the first.
    pub path: PathBuf,
    /// All parts of a recording in parts, in their order; none of one in a single file.
    pub parts: Vec<PathBuf>,
    /// The path it was found under: rules are looked for from its folder up to there.
    pub top: PathBuf,
}

impl Selected {
    /// One file.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { path: path.to_owned(), parts: Vec::new(), top: path.to_owned() }
    }

    /// Opens it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self) -> Result<Session, OpenError> {
        if self.parts.is_empty() { Session::open(&self.path) } else { Session::open_parts(&self.parts) }
    }
}

/// Why a selection can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// A glob can't be read.
    #[error("the pattern {pattern} can't be read: {problem}; quote it, and write * ? [a-z] or **")]
    Pattern {
        /// As given.
        pattern: String,
        /// Why.
        problem: &'static str,
    },
    /// A folder can't be listed, or a file in it not read.
    #[error("cannot look into {path}: {source}; check its permissions")]
    Io {
        /// The folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Too many.
    #[error("more than {MAX_SESSIONS} sessions; name a folder below")]
    TooMany,
}

/// Every session below the paths, in the order of the paths and then of their names, each once. A path that is
/// there is that file or folder, whatever characters it has; else it is a glob, if it has a `*`, `?` or `[`; else
/// a file that is missing, and selected all the same so that it is told. Parts of one recording (`NAME.0001.mcap`…)
/// are one session, which its own name, `NAME.mcap`, means as well.
///
/// # Errors
/// See [`SelectError`].
pub fn sessions(paths: &[PathBuf]) -> Result<Vec<Selected>, SelectError> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let mut take = |path: PathBuf, top: &Path| {
            if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                all.push(Selected { top: top.to_owned(), ..Selected::file(&path) });
            }
            if all.len() > MAX_SESSIONS { Err(SelectError::TooMany) } else { Ok(()) }
        };
        let text = path.to_string_lossy();
        if path.is_dir() {
            walk(path, EXTENSION, 0, &mut |file| take(file, path))?;
        } else if path.exists() || !text.contains(['*', '?', '[']) {
            let parts = if path.exists() { Vec::new() } else { series::named_after(path) };
            if parts.is_empty() {
                take(path.clone(), path)?;
            }
            parts.into_iter().try_for_each(|part| take(part, path))?;
        } else {
            let top = fixed(path);
            let error = |error: glob::PatternError| SelectError::Pattern {
                pattern: text.clone().into_owned(),
                problem: error.msg,
            };
            for found in glob::glob(&text).map_err(error)? {
                let found = found.map_err(|error| SelectError::Io {
                    path: error.path().display().to_string(),
                    source: error.into(),
                })?;
                if found.is_dir() {
                    walk(&found, EXTENSION, 0, &mut |file| take(file, &top))?;
                } else {
                    take(found, &top)?;
                }
            }
        }
    }
    Ok(gathered(all))
}

/// With the parts of each recording as one.
fn gathered(all: Vec<Selected>) -> Vec<Selected> {
    let paths: Vec<PathBuf> = all.iter().map(|selected| selected.path.clone()).collect();
    let mut tops: BTreeMap<PathBuf, PathBuf> =
        all.into_iter().map(|selected| (selected.path, selected.top)).collect();
    let session = |parts: Vec<PathBuf>| {
        let path = parts.first()?.clone();
        let top = tops.remove(&path)?;
        Some(Selected { path, parts: if parts.len() > 1 { parts } else { Vec::new() }, top })
    };
    series::gathered(&paths).into_iter().filter_map(session).collect()
}

/// The sessions below the paths for which a new version is proposed, in order, each once. A session that is
/// named is meant if something is proposed for it.
///
/// # Errors
/// See [`SelectError`].
pub fn pending(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SelectError> {
    let mut all = Vec::new();
    let session = |proposed: PathBuf| proposed.with_extension("");
    for path in paths {
        if path.is_dir() {
            walk(path, crate::update::PROPOSED, 0, &mut |proposed| {
                let session = session(proposed);
                all.extend(session.extension().is_some_and(|found| found == EXTENSION).then_some(session));
                Ok(())
            })?;
        } else if path.extension().is_some_and(|found| found == crate::update::PROPOSED) && path.is_file() {
            all.push(session(path.clone()));
        } else if crate::update::proposed(path).is_file() {
            all.push(path.clone());
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|path| seen.insert(path.clone()));
    Ok(all)
}

/// The folder before the first part with a sign of a glob.
fn fixed(path: &Path) -> PathBuf {
    let plain = |part: &&Path| !part.to_string_lossy().contains(['*', '?', '[']);
    path.ancestors().filter(plain).find(|part| part.is_dir()).unwrap_or(Path::new(".")).to_owned()
}

fn walk(
    folder: &Path,
    extension: &str,
    depth: usize,
    take: &mut dyn FnMut(PathBuf) -> Result<(), SelectError>,
) -> Result<(), SelectError> {
    let error = |source| SelectError::Io { path: folder.display().to_string(), source };
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder).map_err(error)?.collect();
    let mut entries = entries.map_err(error)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(error)?);
        // A link to a folder may lead back here.
        if kind.is_dir() && depth < MAX_DEPTH {
            walk(&path, extension, depth + 1, take)?;
        } else if path.extension().is_some_and(|found| found == extension) && path.is_file() {
            take(path)?;
        }
    }
    Ok(())
}

/// One of so many shares, `2/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

impl Shard {
    /// Whether a session is in this share. It is a matter of its content alone: neither a new name nor another
    /// session beside it moves it. A file that can't be read is in the first.
    #[must_use]
    pub fn holds(self, path: &Path) -> bool {
        let mut hash = Sha256::new();
        let content = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
        let share = match content {
            Ok(_) => {
                let digest = hash.finalize();
                let start = digest.iter().take(8).fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
                start.checked_rem(self.count).unwrap_or_default()
            }
            Err(_) => 0,
        };
        share.saturating_add(1) == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shard = text.split_once('/').and_then(|(index, count)| {
            let shard = Self { index: index.parse().ok()?, count: count.parse().ok()? };
            (1..=shard.count).contains(&shard.index).then_some(shard)
        });
        shard.ok_or_else(|| "a shard is i/n with i from 1 to n, as 2/8".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.join(path)).collect();
        let name = |selected: &Selected| {
            let path = selected.path.strip_prefix(folder).unwrap();
            let top = selected.top.strip_prefix(folder).unwrap();
            format!("{} in {}", path.display(), top.display())
        };
        sessions(&paths).unwrap().iter().map(name).collect()
    }

    #[test]
    fn files_folders_and_globs_in_order_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::create_dir_all(folder.join("a/b c")).unwrap();
        for name in
            ["a/2.mcap", "a/10.mcap", "a/b c/1.mcap", "a/x.mcap.new", "a/notes.txt", "[1].mcap", "1.mcap"]
        {
            std::fs::write(folder.join(name), name).unwrap();
        }
        assert_eq!(names(folder, &["a"]), ["a/10.mcap in a", "a/2.mcap in a", "a/b c/1.mcap in a"]);
        assert_eq!(names(folder, &["a/2.mcap", "a"])[0], "a/2.mcap in a/2.mcap");
        assert_eq!(names(folder, &["a/2.mcap", "a"]).len(), 3);
        assert_eq!(names(folder, &["a/**/*.mcap"]).len(), 3);
        assert_eq!(names(folder, &["a/b*"]), ["a/b c/1.mcap in a"]);
        // A name that is there is no glob.
        assert_eq!(names(folder, &["[1].mcap"]), ["[1].mcap in [1].mcap"]);
        assert_eq!(names(folder, &["gone.mcap"]), ["gone.mcap in gone.mcap"]);
        assert_eq!(names(folder, &["gone*.mcap", "a/notes.txt"]), ["a/notes.txt in a/notes.txt"]);
        std::fs::write(folder.join("a/notes.new"), "").unwrap();
        let pending = |path: &str| pending(&[folder.join(path)]).unwrap();
        assert_eq!(pending("a"), [folder.join("a/x.mcap")]);
        assert_eq!(pending("a/x.mcap"), [folder.join("a/x.mcap")]);
        assert_eq!(pending("a/x.mcap.new"), [folder.join("a/x.mcap")]);
        assert_eq!(pending("a/2.mcap"), Vec::<PathBuf>::new());
        let error = sessions(&[folder.join("a/***")]).unwrap_err().to_string();
        assert!(error.contains("can't be read: "), "{error}");
    }

    #[test]
    fn shares_are_whole_and_a_matter_of_content() {
        let folder = tempfile::tempdir().unwrap();
        let share = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let shares = (1..=3).filter(|index| Shard { index: *index, count: 3 }.holds(&path));
            let shares: Vec<u64> = shares.collect();
            assert_eq!(shares.len(), 1, "in one share, no more");
            shares[0]
        };
        let shares: Vec<u64> = (0..30).map(|n| share("a", &n.to_string())).collect();
        let again: Vec<u64> = (0..30).map(|n| share(&format!("b{n}"), &n.to_string())).collect();
        assert_eq!(shares, again);
        assert!(
            (1..=3).all(|index| shares.iter().filter(|share| **share == index).count() > 3),
            "{shares:?}"
        );
        assert!(Shard { index: 1, count: 2 }.holds(Path::new("/nowhere")));
        for bad in ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/3"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
        assert_eq!("2/8".parse::<Shard>().unwrap().to_string(), "2/8");
    }
}
