//! `--ready-file`: says when all listen, and where.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file that is there only while the depot listens.
pub struct ReadyFile {
    path: PathBuf,
    /// Written first, and then renamed.
    unfinished: PathBuf,
}

impl ReadyFile {
    /// Removes what an earlier run left (whoever waits for the file must not find that), and makes sure that
    /// it can be written.
    pub fn claim(path: &Path) -> Result<Self, Error> {
        let unfinished = PathBuf::from(format!("{}.new", path.display()));
        fs::write(&unfinished, "").map_err(Error::file("create", path))?;
        let claimed = Self { path: path.to_owned(), unfinished };
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("replace", path)(error))
            }
            _ => Ok(claimed),
        }
    }

    /// `{"discovery":"http://127.0.0.1:4860","gps-status":"http://127.0.0.1:4880"}`; whoever sees the file sees
    /// all of it.
    pub fn write(&mut self, services: &[(&'static str, SocketAddr)]) -> Result<(), Error> {
        let urls: Vec<_> =
            services.iter().map(|(name, address)| (*name, format!("http://{address}"))).collect();
        self.write_urls(&urls)
    }

    /// The same of what isn't all HTTP.
    pub fn write_urls(&mut self, urls: &[(&'static str, String)]) -> Result<(), Error> {
        let services: BTreeMap<_, _> = urls.iter().cloned().collect();
        let text = serde_json::to_string(&services).unwrap_or_default() + "\n";
        fs::write(&self.unfinished, text)
            .and_then(|()| fs::rename(&self.unfinished, &self.path))
            .map_err(Error::file("write", &self.path))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.unfinished);
        let _ = fs::remove_file(&self.path);
    }
}
