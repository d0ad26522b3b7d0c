//! Why a request is refused: one sentence for a person, never the database's words.

use uuid::Uuid;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum Problem {
    #[error("There is no {what} {id}.")]
    Unknown { what: &'static str, id: Uuid },
    #[error("There is no zone {id}; create it first or choose another.")]
    UnknownZone { id: Uuid },
    #[error("Task {id} has already ended.")]
    Ended { id: Uuid },
    #[error("Mission \"{name}\" has no active task.")]
    NotRunning { name: String },
    #[error("Mission \"{name}\" is disabled; enable it first.")]
    Disabled { name: String },
    #[error("Zone \"{name}\" has no waypoints to drive; add some first.")]
    NoWaypoints { name: String },
    #[error("Rover {rover} is not connected.")]
    NotConnected { rover: String },
    #[error("Rover {rover} is busy with another task.")]
    Busy { rover: String },
    #[error("No rover is free.")]
    NoneFree,
    #[error("{what} \"{name}\" has a task that has not ended; cancel it first.")]
    InUse { what: &'static str, name: String },
    #[error("The zone of mission \"{name}\" has been deleted; choose another for it.")]
    ZoneDeleted { name: String },
    #[error("There are {max} {what} already; delete some first.")]
    Full { what: &'static str, max: usize },
    #[error("{max} tasks wait for a rover already; cancel some first.")]
    TooManyWaiting { max: usize },
    #[error("The {field} must have 1 to {max} characters; it has {found}.")]
    Length { field: &'static str, max: usize, found: usize },
    #[error("The {field} may not contain control characters.")]
    Control { field: &'static str },
    #[error("A zone may have at most {max} {what}; this one has {found}.")]
    TooManyPoints { what: &'static str, max: usize, found: usize },
    #[error("A latitude lies between -90 and 90 degrees and a longitude between -180 and 180.")]
    NotOnEarth,
    #[error("A cron schedule needs a \"cron\" expression.")]
    NoCron,
    #[error("\"{expression}\" is not a cron expression of five or six fields that ever comes true.")]
    BadCron { expression: String },
    #[error("\"{name}\" is not a time zone; use a name such as Europe/Berlin.")]
    BadTimezone { name: String },
    #[error("\"{text}\" is not a time; use RFC 3339, such as 2026-03-01T09:30:00Z.")]
    BadTime { text: String },
    #[error("An Idempotency-Key has 1 to {max} visible ASCII characters.")]
    BadKey { max: usize },
    #[error("This Idempotency-Key was used for another request.")]
    KeyReused,
    #[error("The change could not be saved and was not made; try again in a moment.")]
    NotCommitted,
    #[error("Too many requests are waiting; try again in a moment.")]
    Overrun,
}

impl Problem {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unknown { .. } | Self::Ended { .. } | Self::NotRunning { .. } => 404,
            Self::Disabled { .. }
            | Self::NoWaypoints { .. }
            | Self::NotConnected { .. }
            | Self::Busy { .. }
            | Self::NoneFree
            | Self::InUse { .. }
            | Self::ZoneDeleted { .. }
            | Self::Full { .. }
            | Self::TooManyWaiting { .. } => 409,
            Self::UnknownZone { .. }
            | Self::Length { .. }
            | Self::Control { .. }
            | Self::TooManyPoints { .. }
            | Self::NotOnEarth
            | Self::NoCron
            | Self::BadCron { .. }
            | Self::BadTimezone { .. }
            | Self::BadTime { .. }
            | Self::BadKey { .. } => 400,
            Self::KeyReused => 422,
            Self::NotCommitted | Self::Overrun => 503,
        }
    }
}

/// At most so many characters of what a peer sent, control characters left out.
#[must_use]
pub fn shortened(text: &str, chars: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(chars).collect()
}
