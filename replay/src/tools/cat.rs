//! A session's events, one line each.

use std::io::{self, Write};

use kit::machine::Timestamp;

use super::series::Series;
use super::{Selection, ToolError};
use crate::session::Problem;
use crate::{frame, tools};

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Number, time since the first event, service, content; long ones are cut.
    Line,
    /// [`super::jsonl`].
    Json,
}

/// What was written.
#[derive(Debug)]
pub struct Told {
    /// Something was selected.
    pub any: bool,
    /// What stopped the reading.
    pub problem: Option<Problem>,
}

/// Writes the selected events; what stops the reading is handed back.
///
/// # Errors
/// The session can't be read, or `out` not written; a reader of `out` who has left is no error.
pub fn cat(
    series: &Series,
    selection: &Selection,
    form: Form,
    out: &mut impl Write,
) -> Result<Told, ToolError> {
    let mut any = false;
    let mut problem = None;
    let mut first = None;
    for mut event in tools::good(series.events()?, &mut problem) {
        let since = event.at.saturating_sub(*first.get_or_insert(event.at));
        if !selection.takes(&event, since) {
            continue;
        }
        selection.narrow(&mut event);
        let written = match form {
            Form::Line => {
                let text = frame::body(&event.body);
                writeln!(out, "#{:<7} +{:<11} {:<10}  {text}", event.seq, seconds(since), event.service)
            }
            Form::Json => tools::jsonl::line(&event, out),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(Told { any: true, problem: None });
            }
            written => {
                written.map_err(|source| ToolError::Write { path: "standard output".into(), source })?;
            }
        }
        any = true;
    }
    Ok(Told { any, problem })
}

fn seconds(since: Timestamp) -> String {
    format!("{:.3}", since.as_secs_f64())
}
