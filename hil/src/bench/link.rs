//! The receiver's port, held by the bench itself: asked, told and listened to. Touches the port.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rtk_reader::Timestamp;
use rtk_reader::decode::ubx::{self, Packet};
use rtk_reader::frame::{Frame, Framer, MessageId, encode};
use rtk_reader::receiver::{Answer, Item, KeyId, Layer, Layers, Request, Transaction};
use rtk_reader::source::{
    CHUNK_BYTES, Event, Options, PortLock, QUEUE_EVENTS, SourceError, Spec, default_lock_dirs,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};
use tokio_util::sync::CancellationToken;

use super::BenchError;
use super::clock::Clock;
use super::journal::Journal;
use super::observation::Observation;
use super::record::ReceiverRecord;

/// What the cases are made for; its variants (`ZED-F9P-04B`) too.
pub const MODEL: &str = "ZED-F9P";

/// A question is asked so often, each time …
const TRIES: u32 = 4;
/// … waiting so long for the answer.
const ANSWER: Duration = Duration::from_millis(1500);
/// Every line speed has been tried twice by then.
const FINDING: Duration = Duration::from_secs(60);
/// Between two questions for what doesn't come by itself.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// What opens a port that has no line speed.
const ANY_BAUD: u32 = 115_200;

/// NAV-PVT
pub const NAV_PVT: (u8, u8) = (0x01, 0x07);
/// NAV-SAT
pub const NAV_SAT: (u8, u8) = (0x01, 0x35);
/// NAV-SVIN
pub const NAV_SVIN: (u8, u8) = (0x01, 0x3B);
/// NAV-SIG
pub const NAV_SIG: (u8, u8) = (0x01, 0x43);
/// MON-VER
pub const MON_VER: (u8, u8) = (0x0A, 0x04);
/// SEC-UNIQID
pub const SEC_UNIQID: (u8, u8) = (0x27, 0x03);

/// What was found of a port's line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Bits per second; none on the receiver's own USB.
    pub baud: Option<u32>,
    /// How long finding it took, seconds.
    pub found_in_s: f64,
}

/// Finds a port's line speed as the depot does.
///
/// # Errors
/// A port that can't be used, or on which nothing comes that a speed could be told from.
pub async fn find_line(port: &Path, clock: Clock) -> Result<Line, BenchError> {
    let (sender, mut events) = tokio::sync::mpsc::channel(QUEUE_EVENTS);
    let stop = CancellationToken::new();
    let options = Options { program: "depot hil".to_owned(), ..Options::default() };
    let began = clock.now();
    let spec = Spec::Path(port.to_owned());
    let source = rtk_reader::source::run(spec, options, move || clock.now(), sender, stop.clone());
    let listen = async {
        let mut opened = None;
        while let Some(event) = events.recv().await {
            match event {
                Event::Opened { baud: Some(baud), .. } => return Some(Some(baud)),
                Event::Opened { baud: None, .. } => opened = Some(()),
                // Bytes that frame at no speed come from a port that has none.
                Event::Bytes { .. } if opened.is_some() => return Some(None),
                Event::Bytes { .. } | Event::Closed { .. } | Event::Ended => {}
            }
        }
        None
    };
    let found = tokio::select! {
        result = source => { result?; None }
        found = tokio::time::timeout(FINDING, listen) => found.ok().flatten(),
    };
    let found_in_s = clock.since_s(began);
    match found {
        Some(baud) => Ok(Line { baud, found_in_s }),
        None => Err(BenchError::Nothing {
            what: "bytes from which the line speed can be told",
            waited_s: found_in_s,
            advice: "check cable and power, and that the receiver says something by itself",
        }),
    }
}

/// An open port.
#[derive(Debug)]
pub struct Link {
    stream: SerialStream,
    framer: Framer,
    buffer: Vec<u8>,
    port: PathBuf,
    clock: Clock,
    journal: Option<Journal>,
    // Last: the port is closed before it is unlocked.
    _lock: PortLock,
}

impl Drop for Link {
    /// The claim on a tty lasts until the last copy of its descriptor is closed, and a program that is just being
    /// started has one: it is given up in words.
    fn drop(&mut self) {
        // A port that is gone is nobody's.
        #[cfg(unix)]
        let _ = self.stream.set_exclusive(false);
    }
}

impl Link {
    /// Locks and opens a port; what had come before is forgotten. What is read is kept where there is a journal.
    ///
    /// # Errors
    /// A port that isn't there, is another's, or can't be opened.
    pub fn open(
        port: &Path,
        baud: Option<u32>,
        clock: Clock,
        journal: Option<Journal>,
    ) -> Result<Self, BenchError> {
        let path = port.to_owned();
        let device =
            std::fs::canonicalize(port).map_err(|_| SourceError::NoSuchPort { path: path.clone() })?;
        let lock = PortLock::take(&default_lock_dirs(), &device, "depot hil", clock.now())?;
        let builder = tokio_serial::new(device.to_string_lossy(), baud.unwrap_or(ANY_BAUD));
        let stream = builder.open_native_async().and_then(|stream| {
            stream.clear(ClearBuffer::Input)?;
            Ok(stream)
        });
        let stream = stream.map_err(|error| SourceError::Io {
            doing: "open as a serial port",
            path: path.clone(),
            error: error.into(),
        })?;
        let buffer = vec![0; CHUNK_BYTES];
        Ok(Self { stream, framer: Framer::new(), buffer, port: path, clock, journal, _lock: lock })
    }

    /// What comes next, or nothing by then.
    ///
    /// # Errors
    /// [`BenchError::PortLost`]
    pub async fn read(&mut self, until: Timestamp) -> Result<Option<&[u8]>, BenchError> {
        let read = self.stream.read(&mut self.buffer);
        match tokio::time::timeout(self.clock.until(until), read).await {
            Err(_) => Ok(None),
            // A tty that has vanished reads 0 bytes for ever.
            Ok(Ok(0) | Err(_)) => Err(BenchError::PortLost { port: self.port.clone() }),
            Ok(Ok(length)) => {
                let bytes = self.buffer.get(..length).unwrap_or_default();
                if let Some(journal) = &self.journal {
                    journal.raw(bytes);
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// [`BenchError::PortLost`]
    pub async fn write(&mut self, frame: &[u8]) -> Result<(), BenchError> {
        let write = async {
            self.stream.write_all(frame).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(ANSWER, write).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(BenchError::PortLost { port: self.port.clone() }),
        }
    }

    /// Reads until a frame says what is wanted, or the time is over.
    ///
    /// # Errors
    /// [`BenchError::PortLost`]
    pub async fn wait<T>(
        &mut self,
        until: Timestamp,
        mut wanted: impl FnMut(&Frame<'_>) -> Option<T>,
    ) -> Result<Option<T>, BenchError> {
        loop {
            let mut found = None;
            let clock = self.clock;
            let mut framer = std::mem::take(&mut self.framer);
            let now = clock.now();
            let mut sink = |frame: Frame<'_>| {
                if found.is_none() {
                    found = wanted(&frame);
                }
            };
            framer.handle_timeout(now, &mut sink);
            let look_at =
                framer.next_timeout().unwrap_or(until).min(until).max(now + Duration::from_millis(1));
            let result = self.read(look_at).await;
            if let Ok(Some(bytes)) = &result {
                framer.push(clock.now(), bytes, &mut sink);
            }
            let over = result.map(|bytes| bytes.is_none())?;
            self.framer = framer;
            if found.is_some() || (over && self.clock.now() >= until) {
                return Ok(found);
            }
        }
    }

    /// Asks for a message and waits for it.
    ///
    /// # Errors
    /// No answer, or a port that was lost.
    pub async fn ask(&mut self, (class, id): (u8, u8)) -> Result<Packet, BenchError> {
        let payload = self.ask_payload((class, id)).await?;
        Ok(ubx::decode(class, id, &payload))
    }

    /// The same, undecoded.
    ///
    /// # Errors
    /// No answer, or a port that was lost.
    pub async fn ask_payload(&mut self, (class, id): (u8, u8)) -> Result<Vec<u8>, BenchError> {
        let wanted = MessageId::Ubx(class, id);
        let question = encode::ubx(class, id, &[]).unwrap_or_default();
        for _ in 0..TRIES {
            self.write(&question).await?;
            let until = self.clock.now() + ANSWER;
            let answer =
                self.wait(until, |frame| (frame.id() == wanted).then(|| frame.payload().to_vec())).await?;
            if let Some(payload) = answer {
                return Ok(payload);
            }
        }
        let waited_s = (ANSWER * TRIES).as_secs_f64();
        Err(BenchError::NoAnswer { question: wanted.to_string(), waited_s })
    }

    /// Tells the receiver something, and waits for its acknowledgement. Values it was asked for are returned.
    ///
    /// # Errors
    /// A refusal, no answer, or a port that was lost.
    pub async fn tell(&mut self, request: &Request) -> Result<Vec<Item>, BenchError> {
        let (class, id) = request.message();
        let what = format!("{}", MessageId::Ubx(class, id));
        let frame = request.frame().map_err(|error| BenchError::Refused { what: error.to_string() })?;
        for _ in 0..TRIES {
            self.write(&frame).await?;
            let until = self.clock.now() + ANSWER;
            let mut values = Vec::new();
            let acknowledged = self.wait(until, |frame| match Answer::read(frame)? {
                Answer::Values { items, .. } => {
                    values = items;
                    None
                }
                Answer::Ack { acknowledged, class: c, id: i } => {
                    ((c, i) == (class, id)).then_some(acknowledged)
                }
            });
            match acknowledged.await? {
                Some(true) => return Ok(values),
                Some(false) => return Err(BenchError::Refused { what }),
                None => {}
            }
        }
        Err(BenchError::NoAnswer { question: what, waited_s: (ANSWER * TRIES).as_secs_f64() })
    }

    /// Tells what has no answer.
    ///
    /// # Errors
    /// A port that was lost.
    pub async fn reset(&mut self, forget: u16, mode: u8) -> Result<(), BenchError> {
        let frame = Request::Reset { forget, mode }.frame();
        self.write(&frame.map_err(|error| BenchError::Refused { what: error.to_string() })?).await
    }

    /// Reads the values of keys in a layer, in the order of the answer.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub async fn get(&mut self, layer: Layer, keys: &[KeyId]) -> Result<Vec<Item>, BenchError> {
        self.tell(&Request::Get { layer, position: 0, keys: keys.to_vec() }).await
    }

    /// Sets values in layers.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub async fn set(&mut self, layers: Layers, items: &[Item]) -> Result<(), BenchError> {
        let items = items.to_vec();
        self.tell(&Request::Set { layers, transaction: Transaction::None, items }).await.map(drop)
    }

    /// Listens for a while from the next frame on, asking once a second for messages that may not come by themselves.
    ///
    /// # Errors
    /// A port that was lost.
    pub async fn observe(&mut self, span: Duration, asking: &[(u8, u8)]) -> Result<Observation, BenchError> {
        let until = self.clock.now() + span;
        let mut observation = Observation::new();
        let mut ask_at = self.clock.now();
        loop {
            let now = self.clock.now();
            if now >= until {
                return Ok(observation);
            }
            if now >= ask_at {
                for (class, id) in asking {
                    self.write(&encode::ubx(*class, *id, &[]).unwrap_or_default()).await?;
                }
                ask_at = now + ASK_EVERY;
            }
            let clock = self.clock;
            match self.read(ask_at.min(until)).await? {
                Some(bytes) => observation.push(clock.now(), bytes),
                None => observation.pass(clock.now()),
            }
        }
    }

    /// Who it is.
    ///
    /// # Errors
    /// What is no u-blox, or another than the cases are made for.
    pub async fn identify(&mut self, line: Line, twin: bool) -> Result<ReceiverRecord, BenchError> {
        let port = self.port.clone();
        let version = match self.ask(MON_VER).await {
            Ok(Packet::MonVer(version)) => version,
            Ok(_) | Err(BenchError::NoAnswer { .. }) => return Err(BenchError::NotUblox { port }),
            Err(error) => return Err(error),
        };
        let model = version.extension("MOD").unwrap_or("u-blox that doesn't say its model").to_owned();
        if !model.starts_with(MODEL) {
            return Err(BenchError::OtherKind { port, model });
        }
        // Version, three reserved bytes, then the id: 5 bytes in version 1, 6 in version 2.
        let chip_id = match self.ask_payload(SEC_UNIQID).await {
            Ok(payload) => payload.get(4..).map(hex).filter(|id| !id.is_empty()),
            Err(BenchError::NoAnswer { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(ReceiverRecord {
            port: port.display().to_string(),
            twin,
            model,
            firmware: version.extension("FWVER").unwrap_or(&version.software).to_owned(),
            protocol: version.extension("PROTVER").map(str::to_owned),
            chip_id,
            baud: line.baud,
            station_id: None,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
