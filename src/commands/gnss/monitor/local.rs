//! A port or capture, read here: the same machine that gps-status runs makes the status.

use std::collections::VecDeque;

use gps_status::{Codec, Config};
use kit::machine::{Input, Machine, Timestamp};
use rtk_reader::frame::{Frame, Framer, Protocol};
use rtk_reader::source::Event;

use super::seen::News;

/// Messages kept for the eye; older ones are gone.
const RAW_LINES: usize = 200;
/// Bytes of a message that are shown.
const RAW_BYTES: usize = 32;
/// Characters of a sentence that are shown.
const RAW_CHARS: usize = 160;

/// A receiver of our own.
pub struct Local {
    machine: Codec,
    framer: Framer,
    raw: VecDeque<String>,
    away: Option<String>,
    /// The source has said something: before, it is looking for the receiver.
    told: bool,
}

impl Local {
    pub fn new() -> Self {
        let machine = gps_status::machine(&Config::default());
        Self { machine, framer: Framer::new(), raw: VecDeque::new(), away: None, told: false }
    }

    /// Takes what its source tells.
    pub fn take(&mut self, now: Timestamp, event: Event) -> Option<News> {
        self.told = true;
        match &event {
            Event::Opened { .. } => self.away = None,
            Event::Closed { reason } => self.away = Some(reason.clone()),
            Event::Bytes { received_at, bytes } => {
                let raw = &mut self.raw;
                self.framer.push(*received_at, bytes, &mut |frame| {
                    raw.push_back(shown(&frame));
                    if raw.len() > RAW_LINES {
                        raw.pop_front();
                    }
                });
            }
            Event::Ended => {}
        }
        let ended = event == Event::Ended;
        let event = gps_status::stream::event(event);
        // Nobody is connected: what the machine wants told is asked of it instead.
        self.machine.handle(now, Input::Stream { event }, &mut Vec::new());
        ended.then_some(News::Ended)
    }

    /// What is to be known now, in order.
    pub fn news(&mut self, now: Timestamp) -> Vec<News> {
        if !self.told {
            return Vec::new();
        }
        self.machine.handle_timeout(now, &mut Vec::new());
        let status = serde_json::from_value(self.machine.state()).ok().map(News::Status);
        status.into_iter().chain(self.away.clone().map(News::Away)).collect()
    }

    /// The newest messages, the newest last.
    pub fn raw(&self) -> &VecDeque<String> {
        &self.raw
    }
}

/// A message as a line: sentences as they are, the others by name, length and first bytes.
fn shown(frame: &Frame<'_>) -> String {
    if frame.protocol == Protocol::Nmea {
        let text = String::from_utf8_lossy(frame.bytes);
        return text.trim_end().chars().take(RAW_CHARS).collect();
    }
    let protocol = if frame.protocol == Protocol::Ubx { "UBX" } else { "RTCM" };
    let bytes: String = frame.bytes.iter().take(RAW_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let more = if frame.bytes.len() > RAW_BYTES { "…" } else { "" };
    format!("{protocol} {:<12} {:4} bytes  {bytes}{more}", frame.id().to_string(), frame.bytes.len())
}
