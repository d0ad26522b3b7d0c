//! `--ready-file`: says when all listen, and where.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file that is there only while the depot listens.
pub struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Removes what an earlier run left: whoever waits for the file must not find that. Fails here and not only
    /// when all listen if the file can't be written.
    pub fn claim(path: &Path) -> Result<Self, Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("replace", path)(error));
            }
            _ => {}
        }
        let ready = Self { path: path.to_owned() };
        let unfinished = ready.unfinished();
        fs::File::create(&unfinished)
            .and_then(|_| fs::remove_file(&unfinished))
            .map_err(Error::file("create", path))?;
        Ok(ready)
    }

    /// `{"gps-status":"http://127.0.0.1:4880"}`; whoever sees the file sees all of it.
    pub fn write(&self, services: &[(&'static str, SocketAddr)]) -> Result<(), Error> {
        let services: BTreeMap<_, _> =
            services.iter().map(|(name, address)| (name, format!("http://{address}"))).collect();
        let text = serde_json::to_string(&services).unwrap_or_default() + "\n";
        let unfinished = self.unfinished();
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, &self.path))
            .map_err(Error::file("create", &self.path))
    }

    /// Beside it, so that it can be renamed.
    fn unfinished(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".new");
        PathBuf::from(path)
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
