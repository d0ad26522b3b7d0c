//! An MSM's cells as JSON, written straight out.
//!
//! A base's stream is mostly cells, each ten fields, and serde's ten keys and four general floats a cell are
//! nine tenths of the time from payload to JSON line. All four floats are decimals of at most four places, so
//! they are written as integers with a point. The text is what the derived `Serialize` gives.

use super::MsmSignal;
use crate::decode::SatelliteId;

/// What a cell takes, near enough: grown once, not while writing.
const CELL_BYTES: usize = 224;

/// Appends the cells, separated by commas.
pub(in crate::decode) fn write_signals(signals: &[MsmSignal], out: &mut Vec<u8>) {
    out.reserve(signals.len() * CELL_BYTES);
    for (i, signal) in signals.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_signal(signal, out);
    }
}

fn write_signal(signal: &MsmSignal, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"satellite\":\"");
    satellite(signal.satellite, out);
    out.extend_from_slice(b"\",\"code\":");
    name(signal.code, out);
    out.extend_from_slice(b",\"signal\":");
    integer(signal.signal.into(), 1, out);
    out.extend_from_slice(b",\"band\":");
    name(signal.band, out);
    out.extend_from_slice(b",\"cn0_dbhz\":");
    decimal(signal.cn0_dbhz, out);
    out.extend_from_slice(b",\"pseudorange_m\":");
    decimal(signal.pseudorange_m, out);
    out.extend_from_slice(b",\"phaserange_m\":");
    decimal(signal.phaserange_m, out);
    out.extend_from_slice(b",\"phaserange_rate_mps\":");
    decimal(signal.phaserange_rate_mps, out);
    out.extend_from_slice(b",\"lock_indicator\":");
    integer(signal.lock_indicator.into(), 1, out);
    out.extend_from_slice(b",\"half_cycle\":");
    out.extend_from_slice(if signal.half_cycle { b"true}" } else { b"false}" });
}

fn satellite(id: SatelliteId, out: &mut Vec<u8>) {
    // A letter of ASCII.
    out.push(id.constellation.letter() as u8);
    integer(id.number.into(), 2, out);
}

/// Names are ours, of the tables in `signals`: nothing in them wants escaping.
fn name(name: Option<&'static str>, out: &mut Vec<u8>) {
    match name {
        Some(name) => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// To four places, no more of them than it takes, but one.
fn decimal(value: Option<f64>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.extend_from_slice(b"null") };
    let units = (value * 10_000.0).round() as i64;
    if units < 0 {
        out.push(b'-');
    }
    let units = units.unsigned_abs();
    integer(units / 10_000, 1, out);
    out.push(b'.');
    match units % 10_000 {
        places if places % 1_000 == 0 => integer(places / 1_000, 1, out),
        places if places % 100 == 0 => integer(places / 100, 2, out),
        places if places % 10 == 0 => integer(places / 10, 3, out),
        places => integer(places, 4, out),
    }
}

/// With leading zeros to the given number of digits.
fn integer(mut value: u64, digits: usize, out: &mut Vec<u8>) {
    let mut text = [b'0'; 20];
    let mut used = 0;
    for digit in text.iter_mut().rev() {
        if value == 0 && used >= digits {
            break;
        }
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
    }
    out.extend_from_slice(text.get(text.len() - used..).unwrap_or_default());
}
