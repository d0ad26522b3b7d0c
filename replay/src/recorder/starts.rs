//! The services' starts: what a file that begins in mid-life begins with, so that it says what it is of.

use std::io::Write;
use std::sync::Arc;

use kit::machine::Timestamp;
use kit::tap::Body;

use crate::format::{FIRST_SEQ, Kind};
use crate::writer::{SessionWriter, WriteError};

/// Services whose start is remembered; of more a file that begins in mid-life doesn't tell.
const MAX_SERVICES: usize = 64;

/// An event as it is written.
#[derive(Clone, Copy)]
pub struct Encoded<'a> {
    pub seq: u64,
    pub at: Timestamp,
    pub service: &'static str,
    pub kind: Kind,
    /// None: JSON can't hold it.
    pub json: Option<&'a [u8]>,
}

/// The last start of each service, in order.
#[derive(Clone, Default)]
pub struct Starts(Vec<Start>);

#[derive(Clone)]
struct Start {
    seq: u64,
    at: Timestamp,
    service: &'static str,
    json: Arc<[u8]>,
}

impl Starts {
    /// Remembers the event if it is a start.
    pub fn take(&mut self, event: &Encoded) {
        let Some(json) = event.json.filter(|_| event.kind == Kind::Start) else { return };
        let Encoded { seq, at, service, .. } = *event;
        self.0.retain(|start| start.service != service);
        if self.0.len() < MAX_SERVICES {
            self.0.push(Start { seq, at, service, json: json.into() });
            self.0.sort_by_key(|start| start.seq);
        }
    }

    /// Writes the starts before an event's number, and gaps in place of all else before it.
    pub fn begin<W: Write>(
        &self,
        writer: &mut SessionWriter<W>,
        first_seq: u64,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        let mut expected = FIRST_SEQ;
        for start in self.0.iter().filter(|start| start.seq < first_seq) {
            gap(writer, expected, start.seq, start.at)?;
            writer.write_json(start.seq, start.at, start.service, Kind::Start, &start.json)?;
            expected = start.seq.saturating_add(1);
        }
        gap(writer, expected, first_seq, at)
    }
}

/// In place of the numbers from one until before another.
pub fn gap<W: Write>(
    writer: &mut SessionWriter<W>,
    from: u64,
    until: u64,
    at: Timestamp,
) -> Result<(), WriteError> {
    match until.saturating_sub(from) {
        0 => Ok(()),
        lost => writer.write(until.saturating_sub(1), at, "depot", &Body::Gap(lost)),
    }
}
