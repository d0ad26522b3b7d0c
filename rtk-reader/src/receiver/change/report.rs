//! What came of a change, in one sentence.

use std::fmt;

use super::super::{KeyId, Layer, Request};

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the receiver has set now.
    pub outcome: Outcome,
    /// Why it isn't what was wanted.
    pub failure: Option<Failure>,
    /// How many keys were to be changed.
    pub keys: usize,
    /// The line's speed now, if there is a line.
    pub baud: Option<u32>,
}

impl Report {
    /// Everything is set, in every layer.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome == Outcome::Done
    }
}

/// What the receiver has set at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was wanted; read back from every layer.
    Done,
    /// What it had before; read back from every layer.
    Undone,
    /// Not what was wanted, and not all as before.
    NotUndone {
        /// What isn't as before.
        wrong: Vec<(Layer, KeyId)>,
    },
    /// It doesn't answer any more: nobody knows.
    Silent,
    /// The port went away: nobody knows.
    PortLost,
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Values were set in these layers.
    Setting(super::super::Layers),
    /// Values were deleted.
    Deleting(super::super::Layers),
    /// The speed of the port in use was set to this.
    Speed(u32),
    /// A layer was read back.
    ReadingBack(Layer),
}

impl Doing {
    pub(super) fn of(request: &Request) -> Self {
        match request {
            Request::Set { layers, .. } => Self::Setting(*layers),
            Request::Delete { layers, .. } => Self::Deleting(*layers),
            Request::Get { layer, .. } => Self::ReadingBack(*layer),
            // No step of a change.
            Request::Reset { .. } | Request::Poll { .. } => Self::ReadingBack(Layer::Ram),
        }
    }
}

/// Why a change failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// ACK-NAK.
    Refused(Doing),
    /// Nothing, however often it was asked.
    NoAnswer(Doing),
    /// Another value was read back than was set.
    Differs {
        /// From here.
        layer: Layer,
        /// The first of those.
        key: KeyId,
        /// What was set; none: it was deleted.
        wanted: Option<u64>,
        /// What was read; none: nothing there.
        found: Option<u64>,
    },
    /// Somebody wanted to stop.
    Stopped,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(failure) = &self.failure {
            write!(f, "{failure}: ")?;
        }
        match &self.outcome {
            Outcome::Done => write!(f, "{} keys are set in RAM, BBR and flash, and read back", self.keys),
            Outcome::Undone => f.write_str("undone, the receiver is as it was before, read back from every layer"),
            Outcome::NotUndone { wrong } => {
                let (layer, key) = wrong.first().copied().unwrap_or((Layer::Ram, KeyId(0)));
                write!(
                    f,
                    "not all could be undone: {} values are not as before, the first of them {key:?} in {layer}; put \
                     the receiver back with `depot gnss configure restore`",
                    wrong.len()
                )
            }
            Outcome::Silent => f.write_str(
                "the receiver does not answer any more, so what it has set now is not known: switch it off and on, \
                 and look with `depot gnss configure show`",
            ),
            Outcome::PortLost => f.write_str(
                "the port was lost on the way, so what the receiver has set now is not known: plug it in, and look \
                 with `depot gnss configure show`",
            ),
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(layers) => write!(f, "setting {layers}"),
            Self::Deleting(layers) => write!(f, "deleting in {layers}"),
            Self::Speed(baud) => write!(f, "changing the line to {baud} Bd"),
            Self::ReadingBack(layer) => write!(f, "reading {layer} back"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(doing) => write!(f, "the receiver refused {doing}"),
            Self::NoAnswer(doing) => write!(f, "the receiver did not answer {doing}"),
            Self::Differs { layer, key, wanted, found } => {
                write!(
                    f,
                    "{key:?} in {layer} should be {} but is {}",
                    Value(*key, *wanted),
                    Value(*key, *found)
                )
            }
            Self::Stopped => f.write_str("it was stopped"),
        }
    }
}

struct Value(KeyId, Option<u64>);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.1, self.0.key()) {
            (None, _) => f.write_str("unset"),
            (Some(raw), Some(key)) => f.write_str(&key.text(raw)),
            (Some(raw), None) => write!(f, "0x{raw:x}"),
        }
    }
}
