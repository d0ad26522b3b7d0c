//! Which socket speaks for which rover, and what the rover is known to hold. Facts, not decisions: a restart
//! forgets them and learns them again.

use std::collections::{BTreeMap, BTreeSet};

use kit::machine::{ConnId, Timestamp};
use uuid::Uuid;

use super::route::Position;

/// What a rover holds, as far as its socket has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Holds {
    /// No task, or one that doesn't matter any more.
    #[default]
    Nothing,
    /// It hasn't said; given until then to report.
    Unknown {
        /// Then it is taken to hold nothing.
        until: Timestamp,
    },
    /// It said so on registering.
    Claimed(Uuid),
    /// Sent on this socket, or confirmed.
    This(Uuid),
}

/// What a pong proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The task, sent from there on, has come.
    Task(Uuid, Position),
    /// The cancel has come.
    Cancel(Uuid),
}

/// A ping that follows a frame.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    /// Its number.
    pub token: u64,
    /// No pong by then: the socket is dead.
    pub until: Timestamp,
    /// What its pong proves.
    pub proof: Proof,
}

/// One rover.
#[derive(Debug)]
pub struct Link {
    /// Its socket, the newest.
    pub conn: Option<ConnId>,
    /// Without a socket since; meaningless with one.
    pub gone_since: Timestamp,
    /// See [`Holds`].
    pub holds: Holds,
    /// Oldest first; as many as there are cancels owed, and a task.
    pub awaited: Vec<Awaited>,
    /// Cancels that were sent on this socket, or that the rover has no need of.
    pub cancels: BTreeSet<Uuid>,
    /// Its entry in [`Fleet::wakes`].
    pub wake: Option<Timestamp>,
}

impl Link {
    /// Without a socket since `now`.
    #[must_use]
    pub const fn gone(now: Timestamp) -> Self {
        Self {
            conn: None,
            gone_since: now,
            holds: Holds::Nothing,
            awaited: Vec::new(),
            cancels: BTreeSet::new(),
            wake: None,
        }
    }
}

/// A rover's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Open, and nobody has registered.
    Fresh,
    /// Speaks for this rover.
    Of(String),
    /// Being closed from here: what it still says changes nothing.
    Ending,
}

/// All rovers and their sockets. Sockets are as many as the shell lets in; rovers as many as have a socket, a
/// task or a cancel to be told.
#[derive(Debug, Default)]
pub struct Fleet {
    /// By connection.
    pub sockets: BTreeMap<ConnId, Socket>,
    /// By rover id.
    pub links: BTreeMap<String, Link>,
    /// Rovers whose state, or whose task's, has changed since they were last looked at.
    pub dirty: BTreeSet<String>,
    /// When a rover has to be looked at though nothing happens, one entry for each at most. One that isn't due
    /// any more does no harm: looking puts it right.
    pub wakes: BTreeSet<(Timestamp, String)>,
}

impl Fleet {
    /// Has a socket that registered.
    #[must_use]
    pub fn is_connected(&self, rover: &str) -> bool {
        self.links.get(rover).is_some_and(|link| link.conn.is_some())
    }

    /// Rovers with a socket.
    pub fn connected(&self) -> impl Iterator<Item = &String> {
        self.links.iter().filter(|(_, link)| link.conn.is_some()).map(|(rover, _)| rover)
    }

    /// The rover this socket speaks for.
    #[must_use]
    pub fn rover_of(&self, conn: ConnId) -> Option<&String> {
        match self.sockets.get(&conn)? {
            Socket::Of(rover) => Some(rover),
            Socket::Fresh | Socket::Ending => None,
        }
    }

    /// This socket ends. If it was its rover's, the rover is gone from now on.
    pub fn part(&mut self, conn: ConnId, now: Timestamp) {
        let Some(rover) = self.rover_of(conn).cloned() else { return };
        if let Some(link) = self.links.get_mut(&rover).filter(|link| link.conn == Some(conn)) {
            *link = Link { wake: link.wake, ..Link::gone(now) };
            self.dirty.insert(rover);
        }
    }

    /// Looks at this rover again then, and not when it was to be before.
    pub fn wake(&mut self, rover: &str, at: Option<Timestamp>) {
        let Some(link) = self.links.get_mut(rover).filter(|link| link.wake != at) else { return };
        if let Some(old) = link.wake {
            self.wakes.remove(&(old, rover.to_owned()));
        }
        link.wake = at;
        self.wakes.extend(at.map(|at| (at, rover.to_owned())));
    }

    /// Looks at the rovers that are to be looked at by now.
    pub fn wake_due(&mut self, now: Timestamp) {
        while let Some((_, rover)) = self.wakes.first().filter(|(at, _)| *at <= now).cloned() {
            self.wake(&rover, None);
            self.dirty.insert(rover);
        }
    }

    /// Looks at this rover again.
    pub fn touch(&mut self, rover: &str) {
        if !rover.is_empty() && !self.dirty.contains(rover) {
            self.dirty.insert(rover.to_owned());
        }
    }
}
