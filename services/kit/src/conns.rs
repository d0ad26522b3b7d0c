//! Who is connected, and what each hears.

use std::{collections::BTreeMap, sync::Arc};

use crate::{machine::ConnId, outbox::Outbox, runner::CLOSE_INTERNAL};

/// The open connections, each also by the path it hears.
#[derive(Default)]
pub(crate) struct Conns {
    pub(crate) all: BTreeMap<ConnId, Conn>,
    by_path: BTreeMap<String, BTreeMap<ConnId, Arc<Outbox>>>,
}

pub(crate) struct Conn {
    path: String,
    pub(crate) outbox: Arc<Outbox>,
}

impl Conns {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn has(&self, conn: ConnId) -> bool {
        self.all.contains_key(&conn)
    }

    pub(crate) fn at(&self, path: &str) -> impl Iterator<Item = (&ConnId, &Arc<Outbox>)> {
        self.by_path.get(path).into_iter().flatten()
    }

    pub(crate) fn insert(&mut self, conn: ConnId, path: &str, outbox: Arc<Outbox>) {
        self.by_path.entry(path.to_owned()).or_default().insert(conn, outbox.clone());
        self.all.insert(conn, Conn { path: path.to_owned(), outbox });
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Conn> {
        let removed = self.all.remove(&conn)?;
        if let Some(there) = self.by_path.get_mut(&removed.path) {
            there.remove(&conn);
            if there.is_empty() {
                self.by_path.remove(&removed.path);
            }
        }
        Some(removed)
    }
}

impl Drop for Conns {
    /// Nobody is left waiting on a machine that is gone, even if it panicked.
    fn drop(&mut self) {
        for conn in self.all.values() {
            conn.outbox.close(CLOSE_INTERNAL, "the service has ended");
        }
    }
}
