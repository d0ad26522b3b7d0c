//! Why a source can't be used at all.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use super::lock::Holder;

/// What ends the program: found when a source is first opened, or at the end of a damaged recording played
/// once. Whatever happens to a source later is an [`Event`](super::Event).
#[derive(Debug, Error)]
pub enum SourceError {
    /// Neither a device nor a file.
    #[error("no such port or file: {}; `depot gnss ports` lists what is plugged in", path.display())]
    NoSuchPort {
        /// As given.
        path: PathBuf,
    },
    /// It exists, but bytes of a receiver can't come from it.
    #[error("{} is {found}, not a serial port or a capture; `depot gnss ports` lists what is plugged in", path.display())]
    NotASource {
        /// As given.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The user may not open it.
    #[error("no permission to open {}: {remedy}", path.display())]
    PermissionDenied {
        /// The device or file.
        path: PathBuf,
        /// What to do.
        remedy: Remedy,
    },
    /// Another process reads the port.
    #[error("{} is in use by {holder}; stop it first: two readers of a port steal each other's bytes", path.display())]
    Held {
        /// The device.
        path: PathBuf,
        /// Who.
        holder: Holder,
    },
    /// The rate given doesn't frame, another does.
    #[error("{} does not talk at {given} Bd but at {fits} Bd: use --baud {fits}, or leave --baud out", path.display())]
    WrongBaud {
        /// The device.
        path: PathBuf,
        /// What the user said.
        given: u32,
        /// What was found.
        fits: u32,
    },
    /// Bytes, but no frame of NMEA, UBX or RTCM 3 in them.
    #[error("{origin} is not a GNSS stream: {bytes} bytes came{}, and none is in a good NMEA, UBX or RTCM 3 frame; check what is connected", at_any(*bauds))]
    NotGnss {
        /// Device, host or file.
        origin: String,
        /// How many were looked at.
        bytes: u64,
        /// How many line speeds were tried; 0 where there is no line.
        bauds: usize,
    },
    /// `auto`, and more than one receiver.
    #[error("{} receivers are plugged in and I won't guess: choose with --gnss one of {}", names.len(), names.join(", "))]
    SeveralReceivers {
        /// Their paths, by-id where there is one.
        names: Vec<String>,
    },
    /// `auto`, and no u-blox on USB.
    #[error("no u-blox receiver on USB{}: plug it in, or name its port", others(names))]
    NoReceiver {
        /// Ports that are there but aren't a u-blox.
        names: Vec<String>,
    },
    /// A recording without a receiver's bytes.
    #[error("{} holds no receiver's bytes in its {messages} messages; give a recording of a service that had a receiver or a feed", path.display())]
    NoStream {
        /// The recording.
        path: PathBuf,
        /// Messages in it.
        messages: u64,
    },
    /// A recording of a format that came later than this program.
    #[error("{} is a recording of format {found}, written by depot {version}, and this program knows formats up to {known}: play it with a newer depot", path.display())]
    NewerFormat {
        /// The recording.
        path: PathBuf,
        /// What it says.
        found: u64,
        /// The newest known here.
        known: u64,
        /// Of the program that wrote it.
        version: String,
    },
    /// A recording was played as far as it can be read.
    #[error("{} is damaged: {damage}; what could be read was used", path.display())]
    Damaged {
        /// The recording.
        path: PathBuf,
        /// What was read and what was lost.
        damage: Damage,
    },
    /// The system says no.
    #[error("can't {doing} {}: {error}", path.display())]
    Io {
        /// `open`, `read`, `lock`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// As the system words it.
        #[source]
        error: io::Error,
    },
}

/// What a program may tell apart by its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The source named isn't there, or can't be told which.
    NotFound,
    /// No permission.
    Permission,
    /// Held by another process.
    Held,
    /// It is there, but it doesn't talk GNSS, or not at this rate.
    NotGnss,
    /// A recording of a newer format.
    NewerFormat,
    /// A damaged recording.
    Damaged,
    /// Anything else the system refused.
    Io,
}

impl SourceError {
    /// Whether nothing of the receiver had come by then: what was begun with it is of no use.
    #[must_use]
    pub fn is_from_the_start(&self) -> bool {
        !matches!(self, Self::Damaged { damage, .. } if damage.messages_read > 0)
    }

    /// For an exit code.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchPort { .. }
            | Self::NotASource { .. }
            | Self::SeveralReceivers { .. }
            | Self::NoReceiver { .. } => ErrorKind::NotFound,
            Self::PermissionDenied { .. } => ErrorKind::Permission,
            Self::Held { .. } => ErrorKind::Held,
            Self::WrongBaud { .. } | Self::NotGnss { .. } | Self::NoStream { .. } => ErrorKind::NotGnss,
            Self::NewerFormat { .. } => ErrorKind::NewerFormat,
            Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Io { .. } => ErrorKind::Io,
        }
    }
}

/// What to do about a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The group that owns the device may read it.
    JoinGroup(String),
    /// No group helps.
    AskOwner,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JoinGroup(group) => write!(
                f,
                "join the group `{group}` with `sudo usermod -aG {group} $USER`, then log out and in again"
            ),
            Self::AskOwner => f.write_str("ask its owner for read and write access"),
        }
    }
}

/// What a damaged recording lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Messages of the receiver that were read.
    pub messages_read: u64,
    /// Chunks whose checksum or compression was wrong; their messages are lost.
    pub chunks_lost: u64,
    /// Messages on topics a receiver is told of that aren't what a recorder of ours writes.
    pub messages_lost: u64,
    /// Where the file breaks off, in bytes; nothing behind it was read.
    pub broken_off_at: Option<u64>,
}

impl Damage {
    /// Nothing was lost.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.chunks_lost == 0 && self.messages_lost == 0 && self.broken_off_at.is_none()
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages of the receiver were read", self.messages_read)?;
        if self.chunks_lost > 0 {
            write!(f, ", chunks lost to a wrong checksum: {}", self.chunks_lost)?;
        }
        if self.messages_lost > 0 {
            write!(f, ", messages that make no sense: {}", self.messages_lost)?;
        }
        if let Some(at) = self.broken_off_at {
            write!(f, ", the file breaks off at byte {at}")?;
        }
        Ok(())
    }
}

fn at_any(bauds: usize) -> String {
    match bauds {
        0 => String::new(),
        1 => " at the only rate tried".to_owned(),
        n => format!(" at {n} rates from 9600 to 921600 Bd"),
    }
}

fn others(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (found: {})", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_sentence_that_says_what_to_do() {
        let not_gnss = SourceError::NotGnss { origin: "/dev/ttyS1".to_owned(), bytes: 4711, bauds: 8 };
        assert_eq!(
            not_gnss.to_string(),
            "/dev/ttyS1 is not a GNSS stream: 4711 bytes came at 8 rates from 9600 to 921600 Bd, and none is in a good \
             NMEA, UBX or RTCM 3 frame; check what is connected"
        );
        let names = vec!["/dev/a".to_owned(), "/dev/b".to_owned()];
        assert_eq!(
            SourceError::SeveralReceivers { names }.to_string(),
            "2 receivers are plugged in and I won't guess: choose with --gnss one of /dev/a, /dev/b"
        );
        let damage =
            Damage { messages_read: 12, chunks_lost: 1, messages_lost: 0, broken_off_at: Some(5000) };
        assert_eq!(
            SourceError::Damaged { path: "base.mcap".into(), damage }.to_string(),
            "base.mcap is damaged: 12 messages of the receiver were read, chunks lost to a wrong checksum: 1, \
             the file breaks off at byte 5000; what could be read was used"
        );
        assert!(Damage { messages_read: 3, ..Damage::default() }.is_none());
    }
}
