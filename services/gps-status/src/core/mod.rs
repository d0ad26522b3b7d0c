//! What gps-status decides: observations in, one status out, and when it is to be told.
//!
//! One concern, one file: [`fix`], [`mode`], [`satellites`], [`rtcm`], [`mod@line`], and [`publisher`] for the
//! when. Here they are put together with what needs no file of its own: survey-in, station, receiver,
//! antennas, errors, and the link.
//!
//! How long what the receiver said is told:
//!
//! | what | until |
//! |---|---|
//! | fix, position | 3 s after it was said |
//! | satellites | 5 s after they were told ([`satellites`]) |
//! | everything of these two, when nothing good was heard for 3 s (*silence*) | at once |
//! | mode | 30 s after the receiver said so ([`mode`]) |
//! | survey-in, antennas, mode, fix, satellites when the receiver is gone | at once |
//! | receiver, station | another device is opened |
//! | counts (RTCM types, errors) | never |
//!
//! Only frames with a right checksum count as heard: a receiver that sends noise is silent. A capture that
//! has come to its end goes silent like a receiver, and then is no longer connected.

pub mod fix;
pub mod line;
pub mod mode;
pub mod publisher;
pub mod rtcm;
pub mod satellites;

#[cfg(test)]
mod tests;

use std::time::Duration;

use kit::machine::Timestamp;
use rtk_reader::{
    decode::{Message, nmea, rtcm as rtcm_messages, ubx},
    frame::Counts,
};
use wire::gps_status::{Antenna, Caster, Errors, FixQuality, GpsStatus, Receiver, Station, SurveyIn};

use self::{fix::Fix, line::Line, mode::ModeEvidence, publisher::Publisher, rtcm::Rtcm, satellites::Sky};

/// Nothing good heard for so long is silence.
pub const SILENCE: Duration = Duration::from_secs(3);
/// RF blocks that are told; further ones are left out.
pub const ANTENNAS: usize = 8;

/// What the core is told.
#[derive(Clone, Debug)]
pub enum Observation {
    /// The receiver's bytes can arrive.
    Opened {
        /// Device, host or file.
        device: String,
        /// Bits per second, where there is a line.
        baud: Option<u32>,
    },
    /// So many bytes arrived, good or not.
    Bytes(usize),
    /// A good frame, decoded.
    Frame {
        /// On the stream's own time line.
        received_at: Timestamp,
        /// What it says.
        message: Message,
    },
    /// What the framer has counted since the service's start.
    Framing(Counts),
    /// The receiver is gone.
    Closed,
    /// A capture came to its end.
    Ended,
    /// What the NTRIP caster tells; its times are on the time line.
    Caster {
        /// Connected.
        clients: u32,
        /// The rest.
        caster: Box<Caster>,
    },
    /// Milliseconds to add to a [`Timestamp`] to get Unix time.
    ClockOffset(i64),
}

/// The state of the service.
#[derive(Debug, Default)]
pub struct Core {
    offset_ms: i64,
    last_update_ms: Option<u64>,
    link: Link,
    fix: Fix,
    mode: ModeEvidence,
    sky: Sky,
    rtcm: Rtcm,
    survey_in: Option<SurveyIn>,
    station: Option<Station>,
    receiver: Option<Receiver>,
    antennas: Vec<Antenna>,
    errors: Errors,
    caster: Option<(u32, Box<Caster>)>,
    /// Whose receiver and station are told.
    device: String,
    publisher: Publisher,
}

#[derive(Debug, Default)]
enum Link {
    #[default]
    Down,
    Up {
        line: Line,
        /// When silence begins if nothing good is heard; none while silent.
        silent_at: Option<Timestamp>,
        /// It was a capture, and it is over.
        ended: bool,
    },
}

impl Core {
    /// Takes an observation. `now` is never before that of an earlier call.
    pub fn observe(&mut self, now: Timestamp, observation: Observation) {
        self.advance(now);
        match observation {
            Observation::Opened { device, baud } => self.opened(now, &device, baud),
            Observation::Bytes(bytes) => {
                if let Link::Up { line, .. } = &mut self.link {
                    line.add(bytes);
                }
            }
            Observation::Frame { received_at, message } => self.frame(now, received_at, &message),
            Observation::Framing(counts) => self.framing(now, &counts),
            Observation::Closed => self.closed(now),
            Observation::Ended => self.ended(now),
            Observation::Caster { clients, caster } => self.caster(now, clients, caster),
            Observation::ClockOffset(offset_ms) => self.offset_ms = offset_ms,
        }
    }

    /// Lets go of what no longer holds at `now`.
    pub fn advance(&mut self, now: Timestamp) {
        if self.last_update_ms.is_none() {
            self.last_update_ms = Some(self.unix_ms(now));
        }
        let mut changed = self.fix.expire(now);
        changed |= self.mode.expire(now);
        changed |= self.sky.expire(now);
        if let Link::Up { line, .. } = &mut self.link {
            changed |= line.advance(now);
        }
        changed |= self.silence(now);
        if changed {
            self.publisher.change(now);
        }
    }

    /// When [`advance`](Self::advance) or [`publish`](Self::publish) will have something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let (rate, silence) = match &self.link {
            Link::Down => (None, None),
            Link::Up { line, silent_at, .. } => (line.next_timeout(), *silent_at),
        };
        let parts = [
            self.publisher.due(),
            self.fix.next_timeout(),
            self.mode.next_timeout(),
            self.sky.next_timeout(),
            rate,
            silence,
        ];
        parts.into_iter().flatten().min()
    }

    /// Whether consoles are to be told the status now; asked once, it counts as told.
    pub fn publish(&mut self, now: Timestamp) -> bool {
        self.publisher.take(now)
    }

    /// Counts changes: as long as it stays, so does the status.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.publisher.version()
    }

    /// The status as of the last call with a time.
    #[must_use]
    pub fn status(&self) -> GpsStatus {
        let fix = self.fix.solution();
        let line = match &self.link {
            Link::Down => None,
            Link::Up { line, .. } => Some(line.status()),
        };
        GpsStatus {
            connected: line.is_some(),
            mode: self.mode.mode(),
            fix_quality: fix.quality,
            satellites: fix.satellites,
            latitude: fix.latitude_deg,
            longitude: fix.longitude_deg,
            altitude: fix.altitude_m,
            hdop: fix.hdop,
            survey_in: self.survey_in,
            rtcm_messages: self.rtcm.status(),
            clients: self.caster.as_ref().map(|(clients, _)| *clients),
            last_update: self.last_update_ms.unwrap_or_default(),
            satellites_in_view: self.sky.status(),
            station: self.station.clone(),
            receiver: self.receiver.clone(),
            antennas: self.antennas.clone(),
            errors: Errors { other_rtcm: self.rtcm.other(), ..self.errors.clone() },
            line,
            caster: self.caster.as_ref().map(|(_, caster)| (**caster).clone()),
        }
    }

    /// `connected` and `fixQuality`, without building the whole status.
    #[must_use]
    pub fn health(&self) -> (bool, FixQuality) {
        (matches!(self.link, Link::Up { .. }), self.fix.solution().quality)
    }

    fn opened(&mut self, now: Timestamp, device: &str, baud: Option<u32>) {
        // Opened twice without an end between: the first end was missed.
        self.closed(now);
        let line = Line::new(now, device, baud);
        if line.device() != self.device {
            self.receiver = None;
            self.station = None;
            line.device().clone_into(&mut self.device);
        }
        self.link = Link::Up { line, silent_at: Some(now.saturating_add(SILENCE)), ended: false };
        self.rtcm.interrupted();
        self.publisher.change(now);
    }

    fn closed(&mut self, now: Timestamp) {
        let Link::Up { ended, .. } = std::mem::take(&mut self.link) else { return };
        if !ended {
            self.errors.disconnects += 1;
        }
        self.fix.clear();
        self.sky.clear();
        self.mode = ModeEvidence::default();
        self.survey_in = None;
        self.antennas.clear();
        self.publisher.change(now);
    }

    /// The service is about to stop: what has changed is due now.
    pub fn last_call(&mut self) {
        self.publisher.last_call();
    }

    fn ended(&mut self, now: Timestamp) {
        let Link::Up { ended, .. } = &mut self.link else { return };
        *ended = true;
        if self.silence(now) {
            self.publisher.change(now);
        }
        self.publisher.hurry();
    }

    /// Whether silence begins, or the link of a capture that is over ends.
    fn silence(&mut self, now: Timestamp) -> bool {
        let Link::Up { silent_at, ended, .. } = &mut self.link else { return false };
        if silent_at.is_some_and(|at| at > now) || (silent_at.is_none() && !*ended) {
            return false;
        }
        *silent_at = None;
        if *ended {
            self.link = Link::Down;
        } else {
            self.errors.silences += 1;
        }
        self.fix.clear();
        self.sky.clear();
        true
    }

    fn caster(&mut self, now: Timestamp, clients: u32, mut caster: Box<Caster>) {
        let offset_ms = self.offset_ms;
        let unix = |at: &mut u64| *at = at.saturating_add_signed(offset_ms);
        unix(&mut caster.corrections.since);
        caster.pushes.iter_mut().for_each(|push| unix(&mut push.since));
        for client in &mut caster.ntrip_clients {
            unix(&mut client.connected_since);
            client.last_gga.iter_mut().for_each(unix);
        }
        let told = Some((clients, caster));
        if self.caster != told {
            self.caster = told;
            self.publisher.change(now);
        }
    }

    fn framing(&mut self, now: Timestamp, counts: &Counts) {
        let bad = [counts.bad_nmea, counts.nmea_without_checksum, counts.bad_ubx, counts.bad_rtcm];
        let errors = Errors {
            bad_checksum: bad.iter().fold(0, |sum, &count| sum.saturating_add(count)),
            false_start: counts.false_starts,
            oversize: counts.oversize,
            noise_bytes: counts.unframed_bytes,
            ..self.errors.clone()
        };
        if errors != self.errors {
            self.errors = errors;
            self.publisher.change(now);
        }
    }

    fn frame(&mut self, now: Timestamp, received_at: Timestamp, message: &Message) {
        // What a framer gives up at the end of a link still counts, but tells nothing of the present.
        let seen_ms = self.unix_ms(now);
        if let Message::Rtcm(rtcm_messages::Message { number: Some(number), .. }) = message {
            self.rtcm.seen(*number, received_at, seen_ms);
        }
        if is_malformed(message) {
            self.errors.undecodable += 1;
        }
        self.last_update_ms = Some(seen_ms);
        self.publisher.change(now);
        let Link::Up { silent_at, .. } = &mut self.link else { return };
        *silent_at = Some(now.saturating_add(SILENCE));
        self.fix.observe(now, message);
        self.mode.observe(now, message);
        self.sky.observe(now, message);
        match message {
            Message::Ubx(ubx::Packet::NavSvin(m)) => self.survey_in = Some(survey_in(m)),
            Message::Ubx(ubx::Packet::MonVer(m)) => self.receiver = Some(receiver(m)),
            Message::Ubx(ubx::Packet::MonRf(m)) => {
                self.antennas = m.blocks.iter().take(ANTENNAS).map(antenna).collect();
            }
            Message::Rtcm(rtcm_messages::Message { body: rtcm_messages::Body::Station(m), .. }) => {
                self.station = Some(station(m));
            }
            _ => {}
        }
    }

    fn unix_ms(&self, now: Timestamp) -> u64 {
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add_signed(self.offset_ms)
    }
}

fn is_malformed(message: &Message) -> bool {
    matches!(
        message,
        Message::Nmea(nmea::Sentence { body: nmea::Body::Malformed { .. }, .. })
            | Message::Ubx(ubx::Packet::Malformed { .. })
            | Message::Rtcm(rtcm_messages::Message { body: rtcm_messages::Body::Malformed { .. }, .. })
    )
}

fn survey_in(m: &ubx::NavSvin) -> SurveyIn {
    SurveyIn {
        active: m.active,
        valid: m.valid,
        duration: m.duration_s,
        accuracy: m.mean_accuracy_m,
        observations: m.observations,
    }
}

fn station(m: &rtcm_messages::Station) -> Station {
    Station {
        id: m.station_id,
        ecef_m: m.ecef_m,
        latitude: m.latitude_deg,
        longitude: m.longitude_deg,
        ellipsoidal_height_m: m.height_m,
        antenna_height_m: m.antenna_height_m,
    }
}

fn receiver(m: &ubx::MonVer) -> Receiver {
    let told = |key| m.extension(key).map(str::to_owned);
    Receiver {
        model: told("MOD"),
        firmware: told("FWVER"),
        protocol: told("PROTVER"),
        software: m.software.clone(),
        hardware: m.hardware.clone(),
    }
}

fn antenna(block: &ubx::MonRfBlock) -> Antenna {
    let state = match block.antenna_status {
        0 => "init",
        2 => "ok",
        3 => "short",
        4 => "open",
        _ => "unknown",
    };
    let power = match block.antenna_power {
        0 => "off",
        1 => "on",
        _ => "unknown",
    };
    Antenna {
        block: block.block_id,
        state: state.into(),
        power: power.into(),
        jamming: block.jamming_indicator,
    }
}
