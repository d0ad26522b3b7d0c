//! The hardware map: which receivers there are, and what people know of each. A TOML file that the bench writes and
//! people write in.
//!
//! ```toml
//! [[receiver]]
//! chip_id = "e7a30f9c51"
//! port = "/dev/serial/by-id/usb-u-blox_AG_-_www.u-blox.com_u-blox_GNSS_receiver-if00"
//! model = "ZED-F9P"
//! firmware = "HPG 1.32"
//! notes = "roof, north mast"
//!
//! [receiver.fixtures]
//! open_sky = true
//! known_point = { latitude_deg = 46.948, longitude_deg = 7.447, height_m = 590.0 }
//! power_cycle = ["uhubctl", "-l", "1-1", "-p", "2", "-a", "cycle"]
//! ```
//!
//! A receiver is told by its chip, wherever it is plugged in. An update changes what the bench knows better (`port`,
//! `model`, `firmware`), adds receivers that are new, and leaves everything else as it stands, comments and all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// A larger map isn't one.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Receivers of one map; a file with more is refused.
const MAX_RECEIVERS: usize = 256;

const HEADER: &str = "\
# Receivers of this bench. `depot hil map` adds new ones and keeps port, model and firmware up to date; everything
# else is yours: fixtures (open_sky, known_point, power_cycle), notes, comments.
";

/// All receivers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// In the file's order.
    #[serde(default, rename = "receiver")]
    pub receivers: Vec<Mapped>,
}

/// A receiver and what is known of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapped {
    /// SEC-UNIQID in hexadecimal.
    pub chip_id: String,
    /// Where it was found last, by a name that stays.
    pub port: PathBuf,
    /// `ZED-F9P`
    #[serde(default)]
    pub model: String,
    /// `HPG 1.32`
    #[serde(default)]
    pub firmware: String,
    /// What its place offers.
    #[serde(default)]
    pub fixtures: Fixtures,
    /// For people.
    #[serde(default)]
    pub notes: String,
}

/// What a receiver's place offers to a bench; what isn't there is skipped.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fixtures {
    /// Nothing over the antenna.
    pub open_sky: bool,
    /// Where the antenna is, measured by somebody else.
    pub known_point: Option<KnownPoint>,
    /// A program with its arguments that takes the receiver's power and gives it back.
    pub power_cycle: Vec<String>,
}

/// A point on the WGS 84 ellipsoid, or over it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPoint {
    /// North positive.
    pub latitude_deg: f64,
    /// East positive.
    pub longitude_deg: f64,
    /// Over the ellipsoid.
    pub height_m: f64,
}

/// A receiver as it was just found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// SEC-UNIQID in hexadecimal.
    pub chip_id: String,
    /// A name that stays.
    pub port: PathBuf,
    /// `ZED-F9P`
    pub model: String,
    /// `HPG 1.32`
    pub firmware: String,
}

/// What is wrong with a map.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// It can't be read.
    #[error("could not read the hardware map {}: {source}; check --map", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It can't be written.
    #[error("could not write the hardware map {}: {source}; choose another with --map", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It isn't TOML, or has other keys than it may.
    #[error("the hardware map {} can't be read: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What the parser says, in one line.
        message: String,
    },
    /// A place that isn't on Earth.
    #[error("the hardware map {} puts {chip_id} at {latitude_deg}, {longitude_deg}: no such place", path.display())]
    NoSuchPlace {
        /// Which file.
        path: PathBuf,
        /// Which receiver.
        chip_id: String,
        /// As it stands there.
        latitude_deg: f64,
        /// As it stands there.
        longitude_deg: f64,
    },
    /// Two entries for one receiver.
    #[error("the hardware map {} has {chip_id} twice; remove one", path.display())]
    Twice {
        /// Which file.
        path: PathBuf,
        /// Which receiver.
        chip_id: String,
    },
    /// Too many.
    #[error("the hardware map {} has {found} receivers; {MAX_RECEIVERS} are the most", path.display())]
    TooMany {
        /// Which file.
        path: PathBuf,
        /// How many.
        found: usize,
    },
}

impl Map {
    /// Reads a map; one that isn't there is empty.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, MapError> {
        Self::parse(path, &text_of(path)?)
    }

    /// Reads a map's text; `path` is for the errors.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, MapError> {
        let map: Self = toml::from_str(text).map_err(|error| MapError::Syntax {
            path: path.to_owned(),
            message: super::limits::one_line(&error, text),
        })?;
        let path = path.to_owned();
        if map.receivers.len() > MAX_RECEIVERS {
            return Err(MapError::TooMany { path, found: map.receivers.len() });
        }
        for (n, mapped) in map.receivers.iter().enumerate() {
            let chip_id = mapped.chip_id.clone();
            if map.receivers.iter().skip(n + 1).any(|other| other.chip_id == chip_id) {
                return Err(MapError::Twice { path, chip_id });
            }
            if let Some(KnownPoint { latitude_deg, longitude_deg, height_m }) = mapped.fixtures.known_point {
                let there =
                    latitude_deg.abs() <= 90.0 && longitude_deg.abs() <= 360.0 && height_m.is_finite();
                if !there {
                    return Err(MapError::NoSuchPlace { path, chip_id, latitude_deg, longitude_deg });
                }
            }
        }
        Ok(map)
    }

    /// What is known of a receiver; nothing of one that isn't there.
    #[must_use]
    pub fn of(&self, chip_id: &str) -> Option<&Mapped> {
        self.receivers.iter().find(|mapped| mapped.chip_id == chip_id)
    }
}

/// The map's text with what was found; everything else in it stays as it is.
///
/// # Errors
/// A text that is no map.
pub fn updated(path: &Path, text: &str, found: &[Found]) -> Result<String, MapError> {
    // What can't be understood is never written over.
    Map::parse(path, text)?;
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| MapError::Syntax {
        path: path.to_owned(),
        message: error.message().replace('\n', " "),
    })?;
    if !document.contains_key("receiver") {
        document.insert("receiver", Item::ArrayOfTables(ArrayOfTables::new()));
        if document.decor().prefix().is_none() && text.trim().is_empty() {
            document.decor_mut().set_prefix(HEADER);
        }
    }
    let Some(receivers) = document.get_mut("receiver").and_then(Item::as_array_of_tables_mut) else {
        let message = "write each receiver as a [[receiver]] of its own, then it can be updated".to_owned();
        return Err(MapError::Syntax { path: path.to_owned(), message });
    };
    for found in found {
        let is_it =
            |table: &Table| table.get("chip_id").and_then(Item::as_str).is_some_and(|id| id == found.chip_id);
        let known = receivers.iter().position(is_it);
        match known.and_then(|at| receivers.get_mut(at)) {
            Some(table) => set(table, found),
            None => {
                let mut table = Table::new();
                table.insert("chip_id", value(&found.chip_id));
                set(&mut table, found);
                table.insert("notes", value(""));
                let mut fixtures = Table::new();
                fixtures.insert("open_sky", value(false));
                table.insert("fixtures", Item::Table(fixtures));
                receivers.push(table);
            }
        }
    }
    let text = document.to_string();
    let text = if text.starts_with('#') || !text.trim_start().starts_with("[[receiver]]") {
        text
    } else {
        format!("{HEADER}\n{}", text.trim_start())
    };
    Map::parse(path, &text)?;
    Ok(text)
}

/// Updates a map's file; it is replaced as a whole, or not at all.
///
/// # Errors
/// A file that is no map, or can't be written.
pub fn update(path: &Path, found: &[Found]) -> Result<(), MapError> {
    let text = updated(path, &text_of(path)?, found)?;
    let unfinished = PathBuf::from(format!("{}.new", path.display()));
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|source| MapError::Write { path: path.to_owned(), source })
}

fn text_of(path: &Path) -> Result<String, MapError> {
    match super::evidence::read_text(path, MAX_FILE_BYTES) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(MapError::Read { path: path.to_owned(), source }),
    }
}

/// Sets what the bench knows better; a value that is right keeps even its comment and its place.
fn set(table: &mut Table, found: &Found) {
    let port = found.port.display().to_string();
    for (key, now) in [("port", &port), ("model", &found.model), ("firmware", &found.firmware)] {
        match table.get_mut(key) {
            Some(item) if item.as_str() == Some(now) => {}
            Some(Item::Value(old)) => {
                let decor = old.decor().clone();
                *old = now.into();
                *old.decor_mut() = decor;
            }
            _ => {
                table.insert(key, value(now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(chip: &str, port: &str) -> Found {
        Found {
            chip_id: chip.into(),
            port: port.into(),
            model: "ZED-F9P".into(),
            firmware: "HPG 1.32".into(),
        }
    }

    fn updated(text: &str, found: &[Found]) -> String {
        super::updated(Path::new("map.toml"), text, found).unwrap()
    }

    #[test]
    fn a_first_map_says_what_to_write_in_it() {
        insta::assert_snapshot!(updated("", &[found("e7a30f9c51", "/dev/serial/by-id/usb-1")]), @r#"
        # Receivers of this bench. `depot hil map` adds new ones and keeps port, model and firmware up to date; everything
        # else is yours: fixtures (open_sky, known_point, power_cycle), notes, comments.
        [[receiver]]
        chip_id = "e7a30f9c51"
        port = "/dev/serial/by-id/usb-1"
        model = "ZED-F9P"
        firmware = "HPG 1.32"
        notes = ""

        [receiver.fixtures]
        open_sky = false
        "#);
    }

    #[test]
    fn an_update_loses_nothing_that_people_wrote() {
        let text = r#"# our roof
[[receiver]]   # the old one
chip_id = "e7a30f9c51"
firmware = "HPG 1.13"  # to be updated
port = "/dev/ttyACM3"
notes = "north mast"
[receiver.fixtures]
open_sky = true # no tree
known_point = { latitude_deg = 46.9, longitude_deg = 7.4, height_m = 590.0 }
power_cycle = ["uhubctl", "-a", "cycle"]

[[receiver]]
chip_id = "aa"
port = "/dev/ttyACM9" # not plugged in today
"#;
        let new = updated(text, &[found("e7a30f9c51", "/dev/ttyACM0"), found("bb", "/dev/ttyACM1")]);
        insta::assert_snapshot!(new, @r#"
        # our roof
        [[receiver]]   # the old one
        chip_id = "e7a30f9c51"
        firmware = "HPG 1.32"  # to be updated
        port = "/dev/ttyACM0"
        notes = "north mast"
        model = "ZED-F9P"
        [receiver.fixtures]
        open_sky = true # no tree
        known_point = { latitude_deg = 46.9, longitude_deg = 7.4, height_m = 590.0 }
        power_cycle = ["uhubctl", "-a", "cycle"]

        [[receiver]]
        chip_id = "aa"
        port = "/dev/ttyACM9" # not plugged in today

        [[receiver]]
        chip_id = "bb"
        port = "/dev/ttyACM1"
        model = "ZED-F9P"
        firmware = "HPG 1.32"
        notes = ""

        [receiver.fixtures]
        open_sky = false
        "#);
        let again = updated(&new, &[found("e7a30f9c51", "/dev/ttyACM0"), found("bb", "/dev/ttyACM1")]);
        assert_eq!(again, new);
        let map = Map::parse(Path::new("map.toml"), &new).unwrap();
        let mapped = map.of("e7a30f9c51").unwrap();
        assert!(mapped.fixtures.open_sky && mapped.fixtures.known_point.is_some());
        assert_eq!((mapped.notes.as_str(), mapped.firmware.as_str()), ("north mast", "HPG 1.32"));
        assert_eq!(map.receivers.len(), 3);
    }

    #[test]
    fn what_makes_no_sense_is_told_and_never_written_over() {
        let error = |text: &str| {
            super::updated(Path::new("map.toml"), text, &[found("a", "/dev/x")]).unwrap_err().to_string()
        };
        insta::assert_snapshot!(error("[[receiver]]\nchip_id = 'a'\nport = 'p'\nopen_sky = true\n"), @"the hardware map map.toml can't be read: line 4: unknown field `open_sky`, expected one of `chip_id`, `port`, `model`, `firmware`, `fixtures`, `notes`");
        insta::assert_snapshot!(error("receiver = [{ chip_id = 'a', port = 'p' }]"), @"the hardware map map.toml can't be read: write each receiver as a [[receiver]] of its own, then it can be updated");
        insta::assert_snapshot!(error("[[receiver]]\nchip_id='a'\nport='p'\n[[receiver]]\nchip_id='a'\nport='q'"), @"the hardware map map.toml has a twice; remove one");
        let far = "[[receiver]]\nchip_id='a'\nport='p'\nfixtures.known_point={latitude_deg=95.0,longitude_deg=7,height_m=0}";
        insta::assert_snapshot!(error(far), @"the hardware map map.toml puts a at 95, 7: no such place");
    }

    #[test]
    fn a_file_is_made_and_updated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map.toml");
        assert_eq!(Map::load(&path).unwrap(), Map::default());
        update(&path, &[found("a", "/dev/x")]).unwrap();
        update(&path, &[found("a", "/dev/y")]).unwrap();
        assert_eq!(Map::load(&path).unwrap().of("a").unwrap().port, Path::new("/dev/y"));
        assert!(matches!(update(Path::new("/no/such/map"), &[]), Err(MapError::Write { .. })));
    }
}
