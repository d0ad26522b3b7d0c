//! A session as JSON lines, and back without a loss.
//!
//! The first line of a whole session says what the file says of itself, `{"depot":{"version":…,"notes":{…}}}`;
//! every other is an event, `{"seq":…,"at_ns":…,"service":…,"kind":"in/ws","body":{…}}`, the body as it lies
//! in the file ([`crate::format`]).

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rewrite::{Rewriter, Written};
use super::series::Series;
use super::{OutFile, ToolError};
use crate::format::{self, Kind, MAX_MESSAGE_BYTES};
use crate::session::{Problem, Recorded};
use crate::writer::About;

/// The longest line that is read: a message whose every byte is escaped.
pub const MAX_LINE_BYTES: usize = 6 * MAX_MESSAGE_BYTES;

#[derive(Serialize, Deserialize)]
struct Head {
    depot: HeadAbout,
}

#[derive(Serialize, Deserialize)]
struct HeadAbout {
    version: String,
    notes: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
    at_ns: u64,
    service: String,
    kind: String,
    body: Value,
}

/// Writes one event and the line's end.
///
/// # Errors
/// `out` can't be written.
pub fn line(event: &Recorded, out: &mut impl Write) -> io::Result<()> {
    let mut body = Vec::new();
    format::encode(&event.body, &mut body)?;
    let service = serde_json::to_string(&*event.service)?;
    let kind = Kind::of(&event.body).name();
    let at_ns = u64::try_from(event.at.as_nanos()).unwrap_or(u64::MAX);
    write!(
        out,
        "{{\"seq\":{},\"at_ns\":{at_ns},\"service\":{service},\"kind\":\"{kind}\",\"body\":",
        event.seq
    )?;
    out.write_all(&body)?;
    out.write_all(b"}\n")
}

/// Writes a whole session.
///
/// # Errors
/// See [`ToolError`]; what stops the reading is handed back.
pub fn export(series: &Series, mut out: OutFile) -> Result<(u64, Option<Problem>), ToolError> {
    let path = out.path().to_owned();
    let failed = |source| ToolError::Write { path: path.clone(), source };
    let About { version, notes } = series.about();
    let head = Head { depot: HeadAbout { version, notes } };
    let head = serde_json::to_string(&head).unwrap_or_default();
    writeln!(out, "{head}").map_err(failed)?;
    let (mut problem, mut events) = (None, 0);
    for event in super::good(series.events()?, &mut problem) {
        line(&event, &mut out).map_err(failed)?;
        events += 1;
    }
    out.finish()?;
    Ok((events, problem))
}

/// Makes a session of JSON lines. Numbers are given anew, so lines may have been removed, moved and added; a
/// `Written` follows the outputs it names.
///
/// # Errors
/// A line that is no event is named.
pub fn import(name: &str, input: &mut impl BufRead, out: OutFile) -> Result<Written, ToolError> {
    let mut writer: Option<Rewriter> = None;
    let mut out = Some(out);
    let mut text = Vec::new();
    for number in 1_u64.. {
        let bad = |why: String| ToolError::Line { name: name.to_owned(), line: number, why };
        text.clear();
        let limit = MAX_LINE_BYTES as u64;
        let read = io::Read::take(&mut *input, limit)
            .read_until(b'\n', &mut text)
            .map_err(|source| ToolError::Read { name: name.to_owned(), source })?;
        if read == 0 {
            break;
        }
        if read as u64 == limit {
            return Err(bad(format!("it is longer than {MAX_LINE_BYTES} bytes")));
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        if let Some(out) = out.take() {
            let head = serde_json::from_slice::<Head>(&text).ok().map(|head| head.depot);
            let is_head = head.is_some();
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let about = head.unwrap_or(HeadAbout { version, notes: Default::default() });
            writer = Some(Rewriter::new(out, &About { version: about.version, notes: about.notes })?);
            if is_head {
                continue;
            }
        }
        if let Some(writer) = &mut writer {
            writer.put(event(&text).map_err(bad)?)?;
        }
    }
    match writer {
        Some(writer) => writer.finish(),
        None => Err(ToolError::Nothing { name: name.to_owned() }),
    }
}

fn event(text: &[u8]) -> Result<Recorded, String> {
    let Line { seq, at_ns, service, kind, body } =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let topic = format!("/{service}/{kind}");
    let (_, kind) = Kind::parse(&topic).ok_or_else(|| format!("there is no kind of event {topic}"))?;
    let body = format::decode(kind, body.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let at = kit::machine::Timestamp::from_nanos(at_ns);
    Ok(Recorded { seq, at, service: Arc::from(service), body })
}
