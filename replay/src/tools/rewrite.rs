//! A session made from another: events left out, changed or put in, and numbered anew.

use std::collections::BTreeMap;
use std::path::Path;

use kit::machine::Timestamp;
use kit::tap::{Body, SessionEvent, ranges};

use super::{OutFile, ToolError};
use crate::format::FIRST_SEQ;
use crate::session::Recorded;
use crate::writer::{About, SessionWriter};

/// Outputs whose new number is remembered for the `Written` that names them; older ones are forgotten, and a
/// `Written` of one of those names it no more, nor so many in one event.
const MAX_REMEMBERED: usize = 1 << 20;

/// What a rewritten session holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events, without gaps.
    pub events: u64,
    /// Of the file.
    pub bytes: u64,
}

/// Writes events under new numbers without a hole.
pub struct Rewriter {
    writer: SessionWriter<OutFile>,
    path: std::path::PathBuf,
    next_seq: u64,
    last_at: Timestamp,
    renamed: BTreeMap<u64, u64>,
    written: Written,
}

impl Rewriter {
    pub fn new(out: OutFile, about: &About) -> Result<Self, ToolError> {
        let path = out.path().to_owned();
        let failed = |source| ToolError::Write { path: path.clone(), source };
        let writer = SessionWriter::new(out, about).map_err(failed)?;
        let (renamed, written) = (BTreeMap::new(), Written::default());
        Ok(Self { writer, path, next_seq: FIRST_SEQ, last_at: Timestamp::ZERO, renamed, written })
    }

    /// Writes an event after all others.
    pub fn put(&mut self, mut event: Recorded) -> Result<(), ToolError> {
        if let Body::Gap(lost) = event.body {
            return self.gap(event.at, lost);
        }
        let seq = self.next_seq;
        if matches!(event.body, Body::Out(_)) {
            self.renamed.insert(event.seq, seq);
            if self.renamed.len() > MAX_REMEMBERED {
                self.renamed.pop_first();
            }
        }
        if let Body::Session(session) = &mut event.body
            && !renumber(session, &self.renamed)
        {
            return Ok(());
        }
        self.write(seq, event.at, &event.service, &event.body)?;
        self.next_seq = seq.saturating_add(1);
        self.written.events = self.written.events.saturating_add(1);
        Ok(())
    }

    /// Says that so many are missing here.
    pub fn gap(&mut self, at: Timestamp, lost: u64) -> Result<(), ToolError> {
        if lost == 0 {
            return Ok(());
        }
        // Its number is the last one lost.
        let seq = self.next_seq.saturating_add(lost - 1);
        self.write(seq, at, "depot", &Body::Gap(lost))?;
        self.next_seq = seq.saturating_add(1);
        Ok(())
    }

    pub fn finish(self) -> Result<Written, ToolError> {
        let path = self.path;
        let failed = |source| ToolError::Write { path: path.clone(), source };
        let (out, bytes) = self.writer.finish_into().map_err(failed)?;
        out.finish()?;
        Ok(Written { bytes, ..self.written })
    }

    fn write(&mut self, seq: u64, at: Timestamp, service: &str, body: &Body) -> Result<(), ToolError> {
        self.last_at = self.last_at.max(at);
        self.writer
            .write(seq, at, service, body)
            .map_err(|source| ToolError::Event { path: self.path.clone(), source })
    }
}

/// Gives the outputs that a session event names their new numbers; false if it named some and none is left.
pub fn renumber(event: &mut SessionEvent, renamed: &BTreeMap<u64, u64>) -> bool {
    match event {
        SessionEvent::Sent { frames, .. } => {
            *frames = frames.iter().filter_map(|frame| renamed.get(frame)).copied().collect();
            !frames.is_empty()
        }
        SessionEvent::Written { writes, .. } => {
            let mut left = MAX_REMEMBERED;
            for write in &mut *writes {
                let known = write.frames.iter().filter(|(first, last)| first <= last);
                let new = known.flat_map(|(first, last)| renamed.range(first..=last)).map(|(_, new)| *new);
                // Whatever a file claims.
                let new: Vec<u64> = new.take(left).collect();
                left = left.saturating_sub(new.len().max(1));
                write.frames = ranges(new);
            }
            writes.retain(|write| !write.frames.is_empty());
            !writes.is_empty()
        }
        _ => true,
    }
}

/// What a session made from another says of itself: where it comes from.
pub fn derived(about: &About, how: &str, from: &str) -> About {
    let mut about = about.clone();
    let name = Path::new(from)
        .file_name()
        .map_or_else(|| from.to_owned(), |name| name.to_string_lossy().into_owned());
    about.notes.insert("made_by".to_owned(), how.to_owned());
    about.notes.insert("made_from".to_owned(), name);
    about
}
