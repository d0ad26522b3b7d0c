//! The evidence while a run goes on, shared by all that adds to it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::BenchError;
use super::clock::Clock;
use super::evidence::Evidence;
use super::record::{Record, Series};

/// Adds to the run's log and to its raw bytes.
#[derive(Clone, Debug)]
pub struct Journal {
    evidence: Arc<Mutex<Evidence>>,
    clock: Clock,
}

impl Journal {
    /// Over a folder.
    #[must_use]
    pub fn new(evidence: Evidence, clock: Clock) -> Self {
        Self { evidence: Arc::new(Mutex::new(evidence)), clock }
    }

    /// A line of the log.
    pub fn log(&self, line: &str) {
        let now = self.clock.now();
        self.with(|evidence| evidence.log(now, line));
    }

    /// Bytes the bench read from the receiver.
    pub fn raw(&self, bytes: &[u8]) {
        let now = self.clock.now();
        self.with(|evidence| evidence.raw(now, bytes));
    }

    /// Where the evidence is.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.with(|evidence| evidence.folder().to_owned())
    }

    /// Writes the record and what is made of it.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn end(&self, record: &mut Record, series: &Series) -> Result<(), BenchError> {
        self.with(|evidence| evidence.end(record, series))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Evidence) -> T) -> T {
        // Whoever panicked has left a folder that is as good as before.
        work(&mut self.evidence.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
