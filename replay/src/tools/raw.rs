//! The receiver's bytes, exactly as they came.

use std::io::Write;

use kit::machine::{Input, StreamEvent};
use kit::tap::Body;

use super::series::Series;
use super::{OutFile, Selection, ToolError};
use crate::session::Problem;

/// Writes the selected bytes of the receiver's stream; how many, and what stopped the reading.
///
/// Where the session has a gap bytes may be missing, as they are in the session.
///
/// # Errors
/// [`ToolError::Nothing`] if there are none.
pub fn export(
    series: &Series,
    selection: &Selection,
    mut out: OutFile,
) -> Result<(u64, Option<Problem>), ToolError> {
    let path = out.path().to_owned();
    let (mut problem, mut first, mut written) = (None, None, 0_u64);
    for event in super::good(series.events()?, &mut problem) {
        let since = event.at.saturating_sub(*first.get_or_insert(event.at));
        let Body::In(Input::Stream { event: StreamEvent::Bytes { bytes, .. } }) = &event.body else {
            continue;
        };
        if selection.takes(&event, since) {
            out.write_all(bytes).map_err(|source| ToolError::Write { path: path.clone(), source })?;
            written = written.saturating_add(bytes.len() as u64);
        }
    }
    if written == 0 {
        return Err(ToolError::Nothing { name: series.name() });
    }
    out.finish()?;
    Ok((written, problem))
}
