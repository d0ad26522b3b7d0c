//! Clients of others: RTKLIB's str2str and gpsd (Debian), pygnssutils' NTRIP client and ntripstreams (PyPI).
//!
//! What they got is compared with what the receiver said, frame for frame. Where one isn't installed the test says so
//! and passes, or fails where `DEPOT_REQUIRE_PEERS` is set.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fixtures::Scenario;
use rtk_reader::caster::Config;
use rtk_reader::decode::rtcm;
use rtk_reader::frame::{Frame, Framer, Protocol};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::stage::{PATIENCE, Stage};

/// What a client has to have got before it is believed, bytes.
const ENOUGH_BYTES: usize = 40_000;
/// Between two epochs: a hundred times as fast as it is, and no client is overrun.
const EPOCH: Duration = Duration::from_millis(10);

/// Ended when dropped.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// None, and a word of it, if it isn't there.
fn start(command: &mut Command, package: &str) -> Option<Peer> {
    match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => Some(Peer(child)),
        Err(error) => skip(&format!("{:?} ({package}) doesn't run: {error}", command.get_program())),
    }
}

/// None, and a word of it, if Python hasn't this.
fn python(module: &str) -> Option<()> {
    let asked = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    match asked {
        Ok(output) if output.status.success() => Some(()),
        _ => skip(&format!("python3 has no {module} (PyPI)")),
    }
}

#[expect(clippy::print_stderr, reason = "a skip is to be seen")]
fn skip<T>(reason: &str) -> Option<T> {
    assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|value| value.is_empty()), "{reason}");
    eprintln!("skipped: {reason}");
    None
}

/// What a base says once it has its position, by epochs of a second: RTCM alone.
fn epochs() -> Vec<Vec<u8>> {
    let base = Scenario::parse("scenario:seed=5,duration=180,survey=5").expect("a scenario").bytes();
    let mut epochs: Vec<Vec<u8>> = Vec::new();
    Framer::new().push(Duration::ZERO, &base, &mut |frame: Frame<'_>| {
        if frame.protocol != Protocol::Rtcm {
            return;
        }
        match (epochs.last_mut(), rtcm::decode(frame.payload()).number) {
            (None, Some(1005)) | (Some(_), Some(1077)) => epochs.push(frame.bytes.to_vec()),
            (Some(epoch), _) => epoch.extend_from_slice(frame.bytes),
            (None, _) => {}
        }
    });
    assert!(epochs.len() > 100, "{} epochs", epochs.len());
    epochs
}

/// A receiver that talks until a client has got enough; all that it said from the client's coming on.
async fn talk(stage: &Stage, mut got: impl AsyncFnMut() -> usize) -> Vec<u8> {
    stage.until(|report| report.clients == 1).await;
    let mut sent = Vec::new();
    for epoch in epochs() {
        stage.say(&epoch).await;
        sent.extend(epoch);
        tokio::time::sleep(EPOCH).await;
        if got().await >= ENOUGH_BYTES {
            return sent;
        }
    }
    // It may need longer for what it has.
    let patient = async {
        while got().await < ENOUGH_BYTES {
            tokio::time::sleep(EPOCH).await;
        }
    };
    tokio::time::timeout(PATIENCE, patient).await.expect("it gets enough");
    sent
}

/// A stage whose base is where the scenario's is.
async fn stage() -> Stage {
    let stage = Stage::silent(Config::default()).await;
    stage.open().await;
    stage.say(&epochs()[0]).await;
    stage.until(|report| report.corrections.serving).await;
    stage
}

/// It wrote what came into this file, from the first byte on or, if it `misses_first`, from a later frame.
async fn wrote_all(stage: Stage, file: &Path, misses_first: bool) {
    let sent = talk(&stage, async || fs::metadata(file).map_or(0, |file| file.len() as usize)).await;
    let got = fs::read(file).expect("it wrote");
    let from = if misses_first { beginning(&sent, &got) } else { 0 };
    assert!(sent[from..].starts_with(&got), "{} bytes, and not those that were sent", got.len());
    stage.end().await;
}

/// Where in what was sent begins what was got.
fn beginning(sent: &[u8], got: &[u8]) -> usize {
    // Long enough for two messages of different seconds to differ in it.
    let first = &got[..got.len().min(600)];
    let from = sent.windows(first.len()).position(|window| window == first).expect("it was sent");
    assert!(from < 4000, "{from} bytes are missing");
    from
}

#[tokio::test]
async fn str2str() {
    let stage = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.rtcm3");
    let mut command = Command::new("str2str");
    command.args(["-in", &format!("ntrip://rover:secret@{}/ROVER", stage.address)]);
    command.args(["-out", &format!("file://{}", file.display())]);
    let Some(_peer) = start(&mut command, "Debian rtklib") else { return };
    wrote_all(stage, &file, false).await;
}

/// Its class: the program around it fails in version 1.3.1, before it connects.
const GNSSNTRIPCLIENT: &str = "
import sys, time
from pygnssutils import GNSSNTRIPClient

client = GNSSNTRIPClient()
with open(sys.argv[2], 'wb') as out:
    client.run(server='127.0.0.1', port=int(sys.argv[1]), mountpoint='ROVER', version=sys.argv[3],
               ntripuser='rover', ntrippassword='secret', output=out)
    while not client.stopevent.is_set():
        time.sleep(0.1)
";

async fn gnssntripclient(version: &str) {
    let stage = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.rtcm3");
    if python("pygnssutils").is_none() {
        return;
    }
    let mut command = Command::new("python3");
    command.args(["-c", GNSSNTRIPCLIENT, &stage.address.port().to_string()]).arg(&file).arg(version);
    let Some(_peer) = start(&mut command, "PyPI pygnssutils") else { return };
    // Of what comes behind the head it throws the first away.
    wrote_all(stage, &file, true).await;
}

#[tokio::test]
async fn gnssntripclient_rev_1() {
    gnssntripclient("1.0").await;
}

#[tokio::test]
async fn gnssntripclient_rev_2() {
    gnssntripclient("2.0").await;
}

/// Writes each frame as it comes.
const NTRIPSTREAMS: &str = "
import asyncio, sys
from ntripstreams import NtripStream

async def run():
    stream = NtripStream()
    await stream.requestNtripStream(sys.argv[1], 'ROVER')
    with open(sys.argv[2], 'wb') as out:
        while True:
            frame, _ = await stream.getRtcmFrame()
            out.write(frame.tobytes())
            out.flush()

asyncio.run(run())
";

#[tokio::test]
async fn ntripstreams() {
    let stage = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.rtcm3");
    if python("ntripstreams").is_none() {
        return;
    }
    let mut command = Command::new("python3");
    command.args(["-c", NTRIPSTREAMS, &format!("http://{}", stage.address)]).arg(&file);
    let Some(_peer) = start(&mut command, "PyPI ntripstreams") else { return };
    wrote_all(stage, &file, false).await;
}

#[tokio::test]
async fn gpsd() {
    let stage = stage().await;
    // gpsd takes no port 0.
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gpsd = free.local_addr().expect("bound");
    drop(free);
    let mut command = Command::new("gpsd");
    command.args(["-N", "-n", "-S", &gpsd.port().to_string()]);
    command.arg(format!("ntrip://rover:secret@{}/ROVER", stage.address));
    let Some(_peer) = start(&mut command, "Debian gpsd") else { return };
    stage.until(|report| report.clients == 1).await;
    let mut console = TcpStream::connect(gpsd).await.expect("it listens");
    console.write_all(b"?WATCH={\"enable\":true,\"raw\":2};\r\n").await.expect("it reads");
    let (mut heard, mut frames) = (Vec::new(), Vec::<u8>::new());
    let sent = talk(&stage, async || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = console.try_read(&mut bytes) {
            heard.extend_from_slice(&bytes[..read]);
        }
        heard.len()
    })
    .await;
    // What it says of itself in JSON comes before and between.
    Framer::new().push(Duration::ZERO, &heard, &mut |frame: Frame<'_>| {
        if frame.protocol == Protocol::Rtcm {
            frames.extend_from_slice(frame.bytes);
        }
    });
    assert!(frames.len() > ENOUGH_BYTES / 2, "{} bytes", frames.len());
    assert!(sent[beginning(&sent, &frames)..].starts_with(&frames), "it got what was sent");
    stage.end().await;
}
