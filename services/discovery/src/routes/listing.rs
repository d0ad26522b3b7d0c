//! Which sessions there are.

use std::{
    fs::{self, File},
    io::Read,
    path::PathBuf,
};

use serde_json::{Map, Value};
use wire::discovery::{Session, Sessions};

use super::folder::{BETWEEN, Folder, is_name};

/// Sessions in one answer. Of more, those whose folders' names come last are read (they are dates, as rovers
/// name them), and the answer says `truncated`.
pub const MAX_LISTED: usize = 10_000;
/// Names of folders looked at for one answer; further ones are not seen, and the answer says `truncated`.
pub const MAX_NAMES: usize = 100_000;
/// A larger `metadata.json` is not one; its session is left out.
pub const MAX_METADATA_BYTES: u64 = 64 << 10;

const METADATA: &str = "metadata.json";

/// The sessions of one rover, or of all. Reads the disk.
pub fn list(folder: &Folder, rover: Option<&str>) -> Sessions {
    let mut names = MAX_NAMES;
    let rovers = match rover {
        Some(rover) if is_name(rover) => vec![rover.to_owned()],
        Some(_) => Vec::new(),
        None => folders(folder, folder.root().to_owned(), &mut names),
    };
    let mut places: Vec<Place> = Vec::new();
    for rover in rovers {
        let of_rover = folder.root().join(&rover);
        for parent in [of_rover.join(BETWEEN), of_rover] {
            for session_dir in folders(folder, parent.clone(), &mut names) {
                if session_dir != BETWEEN {
                    let path = parent.join(&session_dir);
                    places.push(Place { session_dir, rover: rover.clone(), path });
                }
            }
        }
    }
    let truncated = names == 0 || places.len() > MAX_LISTED;
    places.sort_unstable_by(|a, b| b.session_dir.cmp(&a.session_dir).then_with(|| a.path.cmp(&b.path)));
    places.truncate(MAX_LISTED);
    let mut sessions: Vec<Session> = places.iter().filter_map(|place| session(folder, place)).collect();
    // Stable: of the same start, the later name first.
    sessions.sort_by(|a, b| started_at(b).cmp(started_at(a)));
    Sessions { sessions, truncated }
}

struct Place {
    session_dir: String,
    rover: String,
    path: PathBuf,
}

/// The folders in a folder, with or without links; `left` counts down what is looked at.
fn folders(folder: &Folder, parent: PathBuf, left: &mut usize) -> Vec<String> {
    let Ok(parent) = folder.resolve(&parent) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if let (false, Ok(name)) = (is_file, entry.file_name().into_string())
            && is_name(&name)
        {
            found.push(name);
        }
    }
    found
}

fn session(folder: &Folder, place: &Place) -> Option<Session> {
    let path = folder.resolve(&place.path).ok()?;
    let file = folder.resolve(&path.join(METADATA)).ok().filter(|file| file.is_file())?;
    let mut text = String::new();
    let read = File::open(&file).and_then(|file| file.take(MAX_METADATA_BYTES + 1).read_to_string(&mut text));
    let metadata = match read {
        Ok(bytes) if bytes as u64 <= MAX_METADATA_BYTES => serde_json::from_str::<Map<String, Value>>(&text),
        _ => serde_json::from_str(""),
    };
    let Ok(mut metadata) = metadata else {
        tracing::warn!(file = %file.display(), "not a session's metadata: left out");
        return None;
    };
    metadata.entry("rover_id").or_insert_with(|| place.rover.clone().into());
    for ours in ["session_dir", "files"] {
        metadata.remove(ours);
    }
    Some(Session { metadata, session_dir: place.session_dir.clone(), files: folder.recordings(&path) })
}

/// RFC 3339 in UTC, so that the order of texts is that of times: without the zone, whole seconds come before
/// their parts. Who has none comes last.
fn started_at(session: &Session) -> &str {
    let text = session.metadata.get("started_at").and_then(Value::as_str).unwrap_or_default();
    ["Z", "z", "+00:00"].into_iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text)
}
