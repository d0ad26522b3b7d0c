//! Which line speed fits: a wrong one shows only as garbage.

use std::{io, time::Duration};

use tokio::io::AsyncReadExt;
use tokio_serial::{ClearBuffer, SerialPort, SerialStream};

use super::super::{
    CHUNK_BYTES,
    run::{Sniffer, Timing},
};
use crate::Timestamp;

/// Tried in this order, the likeliest first: what integrators set, then a u-blox's defaults, then the rest.
pub const BAUD_RATES: [u32; 8] = [115_200, 38_400, 460_800, 9_600, 230_400, 921_600, 57_600, 19_200];

/// Garbage enough to rule a line speed out before its time.
const RULED_OUT_BYTES: usize = 8 * 1024;

/// Less garbage than this may be the end of a message that began before we listened.
const DOUBTFUL_BYTES: usize = 256;

/// What came of trying.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A good frame at this speed, and all that was heard at it.
    Fits(u32, Vec<u8>),
    /// Not a byte at any.
    Silent,
    /// So many bytes, and no good frame.
    Nothing(u64),
}

/// Tries each speed for a bounded time: first quickly, then those at which (almost) nothing came for as long
/// as a slow receiver needs.
pub(super) async fn find<N>(
    stream: &mut SerialStream,
    candidates: &[u32],
    timing: &Timing,
    now: &N,
) -> io::Result<Found>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let (mut bytes, mut doubtful) = (0, Vec::new());
    for &baud in candidates {
        set(stream, baud)?;
        let heard = hear(stream, timing.probe, now).await?;
        bytes += heard.bytes.len() as u64;
        match heard {
            Heard { framed: true, bytes } => return Ok(Found::Fits(baud, bytes)),
            Heard { bytes, .. } if bytes.len() < DOUBTFUL_BYTES => doubtful.push(baud),
            Heard { .. } => {}
        }
    }
    if bytes == 0 {
        return Ok(Found::Silent);
    }
    for baud in doubtful {
        set(stream, baud)?;
        let heard = hear(stream, timing.slow_probe, now).await?;
        bytes += heard.bytes.len() as u64;
        if heard.framed {
            return Ok(Found::Fits(baud, heard.bytes));
        }
    }
    Ok(Found::Nothing(bytes))
}

struct Heard {
    framed: bool,
    bytes: Vec<u8>,
}

/// Listens until a good frame, enough garbage, or the end of its time.
async fn hear<N>(stream: &mut SerialStream, time: Duration, now: &N) -> io::Result<Heard>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let mut heard = Heard { framed: false, bytes: Vec::new() };
    let mut sniffer = Sniffer::default();
    let mut buffer = [0; CHUNK_BYTES];
    let end = tokio::time::sleep(time);
    tokio::pin!(end);
    while sniffer.frames() == 0 && heard.bytes.len() < RULED_OUT_BYTES {
        let length = tokio::select! {
            () = &mut end => break,
            length = stream.read(&mut buffer) => length?,
        };
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = buffer.get(..length).unwrap_or_default();
        heard.bytes.extend_from_slice(bytes);
        sniffer.push(now(), bytes);
    }
    sniffer.finish();
    heard.framed = sniffer.frames() > 0;
    Ok(heard)
}

/// Sets the speed and forgets what came at another.
fn set(stream: &mut SerialStream, baud: u32) -> io::Result<()> {
    if stream.baud_rate()? != baud {
        stream.set_baud_rate(baud)?;
        stream.clear(ClearBuffer::Input)?;
    }
    Ok(())
}
