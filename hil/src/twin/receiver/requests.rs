//! What the receiver is told and asked over its ports.

use std::time::Duration;

use fixtures::encode::ubx;
use rtk_reader::frame::Protocol;
use rtk_reader::receiver::{Answer, Port, Request};

use super::{Effect, Receiver, Refused, StartKind, mode};

/// A UBX frame up to its payload, and its checksum.
const UBX_HEADER: usize = 6;
const UBX_CHECKSUM: usize = 2;
/// The class whose messages are acknowledged.
const CFG: u8 = 0x06;

impl Receiver {
    pub(super) fn time_out_framers(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        for i in 0..self.ports.len() {
            let Some(connection) = self.ports.get_mut(i) else { return };
            let (port, mut frames) = (connection.port, Vec::new());
            if connection.framer.next_timeout().is_some_and(|at| at <= now) {
                let sink = &mut |frame: rtk_reader::frame::Frame<'_>| {
                    frames.push((frame.protocol, frame.bytes.to_vec()));
                };
                connection.framer.handle_timeout(now, sink);
            }
            self.handle_frames(now, port, frames, effects);
        }
    }

    pub(super) fn handle_frames(
        &mut self,
        now: Duration,
        port: Port,
        frames: Vec<(Protocol, Vec<u8>)>,
        effects: &mut Vec<Effect>,
    ) {
        for (protocol, frame) in frames {
            // A frame of before a restart is lost in it.
            if !self.is_up(now) || !self.config.is_on(port.takes(protocol)) {
                continue;
            }
            if let Some(connection) = self.ports.iter_mut().find(|connection| connection.port == port) {
                connection.traffic.understood(protocol);
            }
            if protocol == Protocol::Nmea {
                self.handle_sentence(port, &frame, effects);
            }
            if protocol == Protocol::Ubx
                && let Some(&[_, _, class, id, ..]) = frame.first_chunk::<UBX_HEADER>()
            {
                let payload =
                    frame.get(UBX_HEADER..frame.len().saturating_sub(UBX_CHECKSUM)).unwrap_or_default();
                self.handle_ubx(now, port, (class, id), payload, effects);
            }
        }
    }

    fn handle_ubx(
        &mut self,
        now: Duration,
        port: Port,
        (class, id): (u8, u8),
        payload: &[u8],
        effects: &mut Vec<Effect>,
    ) {
        let before: Vec<_> = self.bauds().collect();
        let done = match Request::read_payload(class, id, payload) {
            Ok(Request::Reset { forget, mode }) => return self.reset(now, forget, mode, effects),
            Ok(Request::Get { layer, position, keys }) => {
                self.config.read(layer, position, &keys).map(|items| {
                    // A page is never too long for a message.
                    vec![Answer::Values { layer, position, items }.frame().unwrap_or_default()]
                })
            }
            Ok(request @ (Request::Set { .. } | Request::Delete { .. })) => {
                self.config.change(&request).map(|()| Vec::new())
            }
            Ok(Request::Poll { .. }) if class != CFG => {
                let frames = self.answer(class, id);
                frames.into_iter().for_each(|frame| self.send(port, Protocol::Ubx, frame, effects));
                return;
            }
            _ if class == CFG => self.legacy(port, id, payload),
            // What isn't of the class CFG isn't acknowledged, understood or not.
            _ => return,
        };
        let acknowledged = done.is_ok();
        for frame in done.unwrap_or_default() {
            self.send(port, Protocol::Ubx, frame, effects);
        }
        let ack = if acknowledged { ubx::ack(class, id) } else { ubx::nak(class, id) };
        self.send(port, Protocol::Ubx, ack, effects);
        // The answer leaves at the speed at which the question came.
        self.tell_bauds(&before, effects);
        let mode = mode::of(&self.config);
        if mode != self.base.mode() {
            self.base.set_mode(mode);
        }
    }

    /// CFG-RST has no answer.
    fn reset(&mut self, now: Duration, forget: u16, mode: u8, effects: &mut Vec<Effect>) {
        let kind = match forget {
            0 => StartKind::Hot,
            1 => StartKind::Warm,
            _ => StartKind::Cold,
        };
        match mode {
            // Hardware at once, software, hardware after a shutdown.
            0 | 1 | 4 => self.restart(now, kind, effects),
            // GNSS alone.
            2 => self.start_gnss(now, kind),
            8 => self.base.set_listening(false),
            9 => {
                self.base.set_listening(true);
                self.start_gnss(now, kind);
            }
            _ => {}
        }
    }

    /// The old CFG messages; what they say is kept in items, too.
    fn legacy(&mut self, port: Port, id: u8, payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
        super::legacy::handle(&mut self.config, port, id, payload)
    }
}
