//! The folder of recorded sessions, and that nothing outside it is ever reached.
//!
//! `SESSIONS_DIR/{rover}/[sessions/]{session_dir}/` holds `metadata.json` and recordings. A path is put
//! together from names only, none of which can be a way out, and what it leads to once symbolic links are
//! followed must still lie in the folder. The folder itself may be a link.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder between a rover's and its sessions', where there is one.
pub const BETWEEN: &str = "sessions";
/// What rovers and depots record: `.rrd` and our own MCAP. Nothing else is served.
const RECORDINGS: [&str; 2] = ["rrd", "mcap"];
/// Recordings of one session that are told; further ones are left out.
pub const MAX_FILES: usize = 64;
/// Longest name of a file or folder, bytes: the limit of Linux's file systems.
const MAX_NAME_BYTES: usize = 255;

/// The folder of recorded sessions.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Without links: what lies in it begins with it.
    root: PathBuf,
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: fs::canonicalize(path)? })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path in the folder leads, if it doesn't lead out.
    ///
    /// # Errors
    /// When nothing is there, or it is elsewhere.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let path = fs::canonicalize(path)?;
        if path.starts_with(&self.root) { Ok(path) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// A recording of a session.
    pub fn recording(&self, rover: &str, session_dir: &str, file: &str) -> Option<PathBuf> {
        let names = [rover, session_dir, file];
        if !names.into_iter().all(is_name) || session_dir == BETWEEN || !is_recording(file) {
            return None;
        }
        let rover = self.root.join(rover);
        let places = [rover.join(session_dir), rover.join(BETWEEN).join(session_dir)];
        places.into_iter().find_map(|session| {
            let path = self.resolve(&session.join(file)).ok()?;
            // A pipe or device of that name would be waited on for ever.
            path.is_file().then_some(path)
        })
    }

    /// The recordings of a session, by name.
    pub fn recordings(&self, session: &Path) -> Vec<String> {
        let entries = fs::read_dir(session).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| is_recording(name) && self.resolve(&session.join(name)).is_ok_and(|p| p.is_file()))
            .take(MAX_FILES)
            .collect();
        names.sort_unstable();
        names
    }
}

/// Whether a text names an entry of a folder, on any system, and nothing beyond.
pub fn is_name(name: &str) -> bool {
    let separates = |c: char| matches!(c, '/' | '\\') || c.is_control();
    !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME_BYTES && !name.contains(separates)
}

fn is_recording(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| RECORDINGS.contains(&extension))
}
