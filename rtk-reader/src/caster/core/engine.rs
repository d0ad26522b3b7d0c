//! The receiver's bytes to what goes out at each mountpoint.

use super::{Facts, Gate, Mountpoint, State};
use crate::decode::{Message, decode, rtcm, ubx};
use crate::frame::{Frame, Framer, Protocol};
use crate::source::Event;

/// The longest RTCM 3 frame.
pub const MOST_FRAME_BYTES: usize = crate::frame::encode::RTCM_PAYLOAD_BYTES + 6;
/// Frames that came together go out together, at most so many bytes: what a client's socket takes at once or
/// not at all.
pub const BURST_BYTES: usize = 8 * 1024;

/// Whole frames for one mountpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Its place in the list of mountpoints.
    pub mountpoint: usize,
    /// As received; never empty, at most [`BURST_BYTES`].
    pub bytes: Vec<u8>,
    /// How many.
    pub frames: u32,
}

/// What came, framed, judged by the [`Gate`] and sorted by mountpoint.
#[derive(Debug)]
pub struct Engine {
    framer: Framer,
    sorter: Sorter,
}

#[derive(Debug)]
struct Sorter {
    gate: Gate,
    facts: Facts,
    mountpoints: Vec<Mountpoint>,
    out: Vec<Burst>,
}

impl Engine {
    /// Before anything came.
    #[must_use]
    pub fn new(gate: Gate, mountpoints: Vec<Mountpoint>) -> Self {
        let sorter = Sorter { gate, facts: Facts::default(), mountpoints, out: Vec::new() };
        Self { framer: Framer::new(), sorter }
    }

    /// Takes what a source tells; what goes out because of it, in order.
    pub fn take(&mut self, event: &Event) -> Vec<Burst> {
        match event {
            Event::Opened { .. } => {
                self.finish();
                self.sorter.gate.opened();
            }
            Event::Bytes { received_at, bytes } => {
                let sorter = &mut self.sorter;
                self.framer.push(*received_at, bytes, &mut |frame: Frame<'_>| sorter.frame(&frame));
            }
            Event::Closed { .. } => {
                self.finish();
                self.sorter.gate.closed();
                self.sorter.facts.closed();
            }
            Event::Ended => {
                self.finish();
                self.sorter.gate.closed();
            }
        }
        std::mem::take(&mut self.sorter.out)
    }

    /// Bytes wait for a frame's end: when nothing comes for [`LOOK_AFTER`](crate::frame::LOOK_AFTER), it is time to
    /// [`look`](Self::look), once.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.framer.next_timeout().is_some()
    }

    /// Looks for frames behind one that isn't complete.
    pub fn look(&mut self) -> Vec<Burst> {
        if let Some(at) = self.framer.next_timeout() {
            let sorter = &mut self.sorter;
            self.framer.handle_timeout(at, &mut |frame: Frame<'_>| sorter.frame(&frame));
        }
        std::mem::take(&mut self.sorter.out)
    }

    /// Whether corrections go out.
    #[must_use]
    pub fn state(&self) -> State {
        self.sorter.gate.state()
    }

    /// What is known of the stream.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.sorter.facts
    }

    fn finish(&mut self) {
        let sorter = &mut self.sorter;
        self.framer.finish(&mut |frame: Frame<'_>| sorter.frame(&frame));
    }
}

impl Sorter {
    fn frame(&mut self, frame: &Frame<'_>) {
        match frame.protocol {
            Protocol::Nmea => {}
            Protocol::Ubx => match decode(frame) {
                Message::Ubx(ubx::Packet::NavSvin(survey)) => self.gate.survey_in(&survey),
                Message::Ubx(ubx::Packet::MonVer(version)) => self.facts.version(&version),
                _ => {}
            },
            Protocol::Rtcm => {
                let message = rtcm::decode(frame.payload());
                self.facts.rtcm(frame.received_at, frame.bytes.len(), &message);
                // Before it is sent: a position that moved isn't told to a rover even once.
                if let rtcm::Body::Station(station) = &message.body {
                    self.gate.station(station);
                }
                if self.gate.state() == State::Serving {
                    self.send(message.number, frame.bytes);
                }
            }
        }
    }

    fn send(&mut self, number: Option<u16>, bytes: &[u8]) {
        for (place, _) in
            self.mountpoints.iter().enumerate().filter(|(_, mountpoint)| mountpoint.takes(number))
        {
            let fits = |burst: &&mut Burst| {
                burst.mountpoint == place && burst.bytes.len().saturating_add(bytes.len()) <= BURST_BYTES
            };
            // Only the newest of its mountpoint may grow: frames keep their order.
            let newest = self.out.iter_mut().rev().find(|burst| burst.mountpoint == place).filter(fits);
            match newest {
                Some(burst) => {
                    burst.bytes.extend_from_slice(bytes);
                    burst.frames = burst.frames.saturating_add(1);
                }
                None => self.out.push(Burst { mountpoint: place, bytes: bytes.to_vec(), frames: 1 }),
            }
        }
    }
}
