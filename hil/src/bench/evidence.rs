//! What a run leaves behind: one folder. Touches files.
//!
//! | file | holds |
//! |---|---|
//! | `record.json` | receiver, firmware, station, revision, limits, measurements, verdicts, times |
//! | `series.json` | what the pictures are drawn from |
//! | `report.html` | one page for people |
//! | `junit.xml` | for a CI |
//! | `raw.ubx` | every byte the bench itself read from the receiver |
//! | `session.mcap`, `session.0001.mcap` … | the sessions of the depots under test, which `depot replay` replays |
//! | `depot.log`, `depot.0001.log` … | what they logged |
//! | `bench.log` | what the bench did, line by line, with times |

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rtk_reader::Timestamp;

use super::record::{Record, Series};
use super::{BenchError, html, junit};

/// A record or a series of more is none of ours.
const MAX_JSON_BYTES: u64 = 64 << 20;
/// What is written of the receiver's bytes; from then on nothing more, and the log says so. Half a day of a full line at
/// 460,800 baud.
const MAX_RAW_BYTES: u64 = 2 << 30;

/// The folder of a run, and what is written while it goes on.
#[derive(Debug)]
pub struct Evidence {
    folder: PathBuf,
    log: File,
    raw: File,
    raw_bytes: u64,
    began_at: Timestamp,
}

impl Evidence {
    /// Makes the folder.
    ///
    /// # Errors
    /// A folder that has the evidence of another run, or a folder or file that can't be made.
    pub fn begin(folder: &Path, now: Timestamp) -> Result<Self, BenchError> {
        if ["record.json", "bench.log"].iter().any(|name| folder.join(name).exists()) {
            return Err(BenchError::NotEmpty { folder: folder.to_owned() });
        }
        std::fs::create_dir_all(folder).map_err(BenchError::file("create", folder))?;
        let create = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map_err(BenchError::file("create", path))
        };
        let (log, raw) = (create("bench.log")?, create("raw.ubx")?);
        Ok(Self { folder: folder.to_owned(), log, raw, raw_bytes: 0, began_at: now })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a line of the log. What can't be written is lost: the run goes on.
    pub fn log(&mut self, now: Timestamp, line: &str) {
        let since = now.saturating_sub(self.began_at).as_secs_f64();
        if let Err(error) = writeln!(self.log, "{since:10.3} {line}") {
            tracing::warn!(%error, "a line of the bench's log is lost");
        }
    }

    /// Keeps what the receiver said.
    pub fn raw(&mut self, now: Timestamp, bytes: &[u8]) {
        if self.raw_bytes >= MAX_RAW_BYTES {
            return;
        }
        self.raw_bytes = self.raw_bytes.saturating_add(bytes.len() as u64);
        if let Err(error) = self.raw.write_all(bytes) {
            self.raw_bytes = MAX_RAW_BYTES;
            self.log(now, &format!("from here on the receiver's bytes are not kept: {error}"));
        } else if self.raw_bytes >= MAX_RAW_BYTES {
            self.log(now, "from here on the receiver's bytes are not kept: there are too many");
        }
    }

    /// Writes what was found. The record names the files that are there.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn end(&self, record: &mut Record, series: &Series) -> Result<(), BenchError> {
        let mut files: Vec<String> = std::fs::read_dir(&self.folder)
            .map_err(BenchError::file("read", &self.folder))?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| ours(name))
            .collect();
        files.extend(["record.json", "series.json", "report.html", "junit.xml"].map(str::to_owned));
        files.sort();
        files.dedup();
        record.files = files;
        write(&self.folder, record, series)
    }
}

/// Whether a file of the folder is one a run writes: whatever else lies there is nobody's evidence.
fn ours(name: &str) -> bool {
    let part = |prefix: &str, suffix: &str| {
        let middle = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        middle.is_some_and(|middle| {
            middle.is_empty()
                || middle.strip_prefix('.').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    matches!(name, "bench.log" | "raw.ubx") || part("session", ".mcap") || part("depot", ".log")
}

/// Writes a record with its page and its JUnit report, as a run or a second look at it does.
///
/// # Errors
/// A file that can't be written.
pub fn write(folder: &Path, record: &Record, series: &Series) -> Result<(), BenchError> {
    let json = |value: serde_json::Result<String>| value.map(|text| text + "\n").map_err(io::Error::from);
    let put = |name: &str, text: io::Result<String>| {
        let path = folder.join(name);
        text.and_then(|text| std::fs::write(&path, text)).map_err(BenchError::file("write", path))
    };
    put("record.json", json(serde_json::to_string_pretty(record)))?;
    put("series.json", json(serde_json::to_string(series)))?;
    put("report.html", Ok(html::report(record, series)))?;
    put("junit.xml", Ok(junit::document(record)))
}

/// Reads a run back: its folder, or its record.json. Pictures whose numbers aren't there any more stay empty.
///
/// # Errors
/// No record there, or one that isn't ours.
pub fn read(path: &Path) -> Result<(Record, Series), BenchError> {
    let file = if path.is_dir() { path.join("record.json") } else { path.to_owned() };
    let text = read_text(&file, MAX_JSON_BYTES).map_err(BenchError::file("read", &file))?;
    let record = serde_json::from_str(&text)
        .map_err(|source| BenchError::NotARecord { path: file.clone(), source })?;
    let beside = file.with_file_name("series.json");
    let series = match read_text(&beside, MAX_JSON_BYTES) {
        Ok(text) => {
            serde_json::from_str(&text).map_err(|source| BenchError::NotARecord { path: beside, source })?
        }
        Err(_) => Series::default(),
    };
    Ok((record, series))
}

/// A file's text, if it isn't longer than that.
pub(super) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::compare::testing::record;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("deep/run");
        let mut evidence = Evidence::begin(&folder, Timestamp::from_secs(10)).unwrap();
        evidence.log(Timestamp::from_millis(12_345), "hello");
        evidence.raw(Timestamp::from_secs(12), b"bytes");
        std::fs::write(folder.join("session.0001.mcap"), "").unwrap();
        std::fs::write(folder.join("somebody's.txt"), "").unwrap();
        let mut record = record();
        let series = Series { positions_m: vec![[1.0, 2.0]], ..Series::default() };
        evidence.end(&mut record, &series).unwrap();
        let names = [
            "bench.log",
            "junit.xml",
            "raw.ubx",
            "record.json",
            "report.html",
            "series.json",
            "session.0001.mcap",
        ];
        assert_eq!(record.files, names);
        let again = Evidence::begin(&folder, Timestamp::from_secs(20)).expect_err("it has a run's evidence");
        assert!(again.to_string().ends_with("name another folder with --out"), "{again}");
        assert_eq!(std::fs::read(folder.join("raw.ubx")).unwrap(), b"bytes", "nothing was written over");
        assert_eq!(read(&folder).unwrap(), (record.clone(), series));
        assert_eq!(read(&folder.join("record.json")).unwrap().0, record);
        assert_eq!(std::fs::read_to_string(folder.join("bench.log")).unwrap(), "     2.345 hello\n");
        assert_eq!(std::fs::read(folder.join("raw.ubx")).unwrap(), b"bytes");
    }

    #[test]
    fn what_is_no_record_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let none = read(dir.path()).unwrap_err().to_string();
        assert!(none.starts_with("could not read") && none.contains("record.json"), "{none}");
        std::fs::write(dir.path().join("record.json"), "{}").unwrap();
        let other = read(dir.path()).unwrap_err().to_string();
        assert!(other.contains("is no record of the bench"), "{other}");
    }
}
