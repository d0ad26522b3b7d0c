//! An NTRIP client that stamps the frames it is given. Touches the network.

use std::time::Duration;

use rtk_reader::frame::{Framer, Protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::BenchError;
use super::clock::Clock;
use super::latency::Seen;

/// The field's mountpoint.
const MOUNTPOINT: &str = "ROVER";
/// A caster answers within so long.
const ANSWER: Duration = Duration::from_secs(10);

/// Takes corrections from a caster at `ntrip://HOST:PORT` for a while, as a rev 1 client, and returns what came and when.
///
/// # Errors
/// A caster that gives no corrections.
pub async fn listen(url: &str, span: Duration, clock: Clock) -> Result<Vec<Seen>, BenchError> {
    let failed = |what: String| BenchError::Depot { what, log: url.into() };
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    let connect = tokio::time::timeout(ANSWER, TcpStream::connect(address)).await;
    let connected = connect.map_err(|_| failed("takes no NTRIP client".to_owned()))?;
    let mut stream = connected.map_err(|error| failed(format!("takes no NTRIP client: {error}")))?;
    let request = format!("GET /{MOUNTPOINT} HTTP/1.0\r\nUser-Agent: NTRIP depot-hil\r\n\r\n");
    let asked = stream.write_all(request.as_bytes()).await;
    asked.map_err(|error| failed(format!("takes no NTRIP request: {error}")))?;
    let until = clock.now() + span;
    let (mut framer, mut seen, mut buffer) = (Framer::new(), Vec::new(), vec![0; 4096]);
    let mut head = Vec::new();
    while clock.now() < until {
        let read = match tokio::time::timeout(clock.until(until), stream.read(&mut buffer)).await {
            Err(_) => break,
            Ok(Ok(0)) => return Err(failed("ended the corrections".to_owned())),
            Ok(Err(error)) => return Err(failed(format!("broke off the corrections: {error}"))),
            Ok(Ok(read)) => read,
        };
        let (now, bytes) = (clock.now(), buffer.get(..read).unwrap_or_default());
        // The answer's line is no frame: the framer passes over it.
        if head.len() < 64 {
            head.extend_from_slice(bytes);
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            if head.contains(&b'\r') && !line.ends_with(b"200 OK") {
                return Err(failed(format!("answers {:?}", String::from_utf8_lossy(line))));
            }
        }
        framer.push(now, bytes, &mut |frame| {
            if frame.protocol == Protocol::Rtcm {
                seen.push(Seen { at: now, bytes: frame.bytes.to_vec() });
            }
        });
    }
    Ok(seen)
}

/// Whether a depot has a caster, by the name in its ready file.
pub const SERVICE: &str = "ntrip";
