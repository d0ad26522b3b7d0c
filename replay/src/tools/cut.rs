//! Part of a session as a session.
//!
//! The starts of all selected services stay, whenever they were. Where an input is left out a gap stands in
//! its place, for what follows depends on it: a replay compares up to the first gap. So what begins at the
//! session's beginning, of all connections, can still be replayed; what begins later can only be read.

use std::fmt;

use kit::machine::Timestamp;
use kit::tap::Body;

use super::rewrite::{Rewriter, Written, derived};
use super::series::Series;
use super::{Only, OutFile, Selection, ToolError};
use crate::session::Problem;

/// What was cut out.
#[derive(Debug)]
pub struct Cut {
    /// The new session.
    pub written: Written,
    /// Events of the selected services that were left out before the end.
    pub left_out: u64,
    /// Whether it replays at core level, up to its end or the original's first gap.
    pub replayable: bool,
    /// What stopped the reading.
    pub problem: Option<Problem>,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, left_out, replayable, .. } = self;
        write!(f, "{} events, {} bytes; ", written.events, written.bytes)?;
        if *replayable {
            f.write_str("it can be replayed at core level")
        } else {
            write!(
                f,
                "it can't be replayed at core level, since {left_out} events that its outputs depend on are left out; it can be read and converted"
            )
        }
    }
}

/// Writes the selected part.
///
/// # Errors
/// See [`ToolError`].
pub fn cut(series: &Series, selection: &Selection, out: OutFile) -> Result<Cut, ToolError> {
    let about = derived(&series.about(), "depot session cut", &series.name());
    let mut writer = Rewriter::new(out, &about)?;
    let (mut problem, mut first) = (None, None);
    let (mut waiting, mut left_out, mut kept) = (0_u64, 0_u64, 0_u64);
    let mut last_at = Timestamp::ZERO;
    for mut event in super::good(series.events()?, &mut problem) {
        let since = event.at.saturating_sub(*first.get_or_insert(event.at));
        if selection.until.is_some_and(|until| since > until) {
            break;
        }
        last_at = event.at;
        if !of_service(selection, &event.service) && !matches!(event.body, Body::Gap(_)) {
            // Another machine's: nothing here depends on it.
            continue;
        }
        let is_start = matches!(event.body, Body::Start(_));
        if !is_start && !selection.takes(&event, since) {
            if matters(&event.body) {
                waiting = waiting.saturating_add(1);
            }
            continue;
        }
        if !is_start {
            kept = kept.saturating_add(1);
            writer.gap(event.at, waiting)?;
            left_out = left_out.saturating_add(std::mem::take(&mut waiting));
        }
        selection.narrow(&mut event);
        writer.put(event)?;
    }
    if kept == 0 {
        return Err(ToolError::Nothing { name: series.name() });
    }
    writer.gap(last_at, waiting)?;
    left_out = left_out.saturating_add(waiting);
    Ok(Cut { written: writer.finish()?, left_out, replayable: left_out == 0, problem })
}

/// Whether a machine or its comparison depends on it.
fn matters(body: &Body) -> bool {
    !matches!(body, Body::Session(_))
}

fn of_service(selection: &Selection, service: &str) -> bool {
    match &selection.only {
        Some(Only::Service(only) | Only::Conn(Some(only), _)) => only == service,
        Some(Only::Conn(None, _)) | None => true,
    }
}
