//! The port: a pseudo-terminal, plugged in or not, with its link and its counts.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use super::garble::garble;
use super::pty::Pty;
use super::shell::{Sent, Status, TwinError};

/// The twin's port.
#[derive(Debug)]
pub(super) struct Port {
    pty: Option<Pty>,
    link: Option<PathBuf>,
    /// Somebody had it open when last looked.
    was_open: bool,
    last_path: Option<PathBuf>,
    tap: Option<SyncSender<Sent>>,
    pub sent_bytes: u64,
    pub dropped_bytes: u64,
}

impl Port {
    pub fn new(link: Option<PathBuf>, tap: Option<SyncSender<Sent>>) -> Self {
        Self { pty: None, link, was_open: false, last_path: None, tap, sent_bytes: 0, dropped_bytes: 0 }
    }

    pub fn pty(&self) -> Option<&Pty> {
        self.pty.as_ref()
    }

    /// Nothing if it is plugged in.
    pub fn plug(&mut self, other_name: bool) -> Result<(), TwinError> {
        if self.pty.is_some() {
            return Ok(());
        }
        let mut pty = Pty::open().map_err(TwinError::Make)?;
        if other_name && Some(pty.path()) == self.last_path.as_deref() {
            // While this one is held, the next can't have its name.
            pty = Pty::open().map_err(TwinError::Make)?;
        }
        if let Some(link) = &self.link {
            let failed = |source| TwinError::Link { path: link.clone(), source };
            replace_link(pty.path(), link).map_err(failed)?;
        }
        self.last_path = Some(pty.path().to_path_buf());
        self.was_open = false;
        self.pty = Some(pty);
        Ok(())
    }

    pub fn unplug(&mut self) {
        if self.pty.take().is_some()
            && let Some(link) = &self.link
        {
            let _ = std::fs::remove_file(link);
        }
        self.was_open = false;
    }

    /// Somebody has it open; what the last one left is forgotten when he goes.
    pub fn look(&mut self) -> bool {
        let Some(pty) = &self.pty else { return false };
        let is_open = pty.is_open().unwrap_or(false);
        if self.was_open && !is_open {
            let _ = pty.forget_unread();
        }
        self.was_open = is_open;
        is_open
    }

    /// Bytes arrive that were sent at a speed.
    pub fn write(&mut self, bytes: &[u8], baud: Option<u32>) {
        if bytes.is_empty() {
            return;
        }
        if !self.look() {
            self.dropped_bytes += bytes.len() as u64;
            return;
        }
        let Some(pty) = &self.pty else { return };
        let mut bytes = at_speed(bytes, baud, pty.client_baud().ok());
        let at = now();
        let written = pty.write(&bytes).unwrap_or(0);
        self.sent_bytes += written as u64;
        self.dropped_bytes += (bytes.len() - written) as u64;
        if let Some(tap) = &self.tap {
            bytes.truncate(written);
            let _ = tap.try_send(Sent { at, bytes });
        }
    }

    /// What the client has written, as a receiver at this speed reads it.
    pub fn read(&self, baud: Option<u32>) -> Vec<u8> {
        let Some(pty) = &self.pty else { return Vec::new() };
        let bytes = pty.read().unwrap_or_default();
        match (pty.client_baud(), baud) {
            (Ok(client), Some(baud)) if client > 0 => garble(&bytes, client, baud),
            _ => bytes,
        }
    }

    pub fn status(&self, baud: Option<u32>, line_dropped_bytes: u64, changes: u64) -> Status {
        Status {
            path: self.pty.as_ref().map(|pty| pty.path().to_path_buf()),
            open: self.was_open,
            baud,
            sent_bytes: self.sent_bytes,
            dropped_bytes: self.dropped_bytes + line_dropped_bytes,
            changes,
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.unplug();
    }
}

#[expect(clippy::disallowed_methods, reason = "when bytes leave, for whoever measures how long they take")]
fn now() -> Instant {
    Instant::now()
}

fn at_speed(bytes: &[u8], sent: Option<u32>, read: Option<u32>) -> Vec<u8> {
    match (sent, read) {
        (Some(sent), Some(read)) if read > 0 => garble(bytes, sent, read),
        _ => bytes.to_vec(),
    }
}

/// Under another name first, so that nobody finds none.
fn replace_link(to: &std::path::Path, link: &std::path::Path) -> io::Result<()> {
    if link.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no link is there"));
    }
    let mut name = link.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let fresh = link.with_file_name(name);
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(to, &fresh)?;
    std::fs::rename(&fresh, link)
}
