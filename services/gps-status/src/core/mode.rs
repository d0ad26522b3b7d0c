//! What the receiver is for, told from what it says it is.
//!
//! Each statement of the receiver is evidence for 30 s; of the evidence in force the first of this list
//! decides:
//!
//! 1. *base*: NAV-SVIN says a survey-in is active or its result in use;
//! 2. *base*: the position is given, not measured: NAV-PVT or NAV-STATUS with a good time-only fix, or GGA
//!    quality 7;
//! 3. *rover*: carrier phase solved with corrections (GGA quality 4 or 5, carrSoln 1 or 2), or RXM-RTCM
//!    says a correction was used;
//! 4. *base*: the stream holds an ARP or observations (RTCM 1001 to 1006, 1009 to 1012, MSM);
//! 5. *rover*: GGA quality 2 that names a reference station, or RXM-RTCM says that a correction came in whole
//!    (older receivers don't say whether it was used).
//!
//! 3 stands above 4 because corrections that a rover uses may be in its stream as well (a log with its
//! input, a moving base), while a fixed base never claims a carrier solution. A GGA quality of 1 or 2 from a
//! base says nothing: u-blox sends it in time mode too. Quality 2 from a satellite (stations 120 to 158 are
//! SBAS) is no evidence, nor is the differential bit of NAV-PVT, which doesn't name its source.
//!
//! Evidence for a base ends at once when the receiver takes it back (NAV-SVIN neither active nor valid, a
//! measured fix). A rover that loses its corrections stays one until the 30 s are over.

use std::time::Duration;

use kit::machine::Timestamp;
use rtk_reader::decode::{Message, nmea, rtcm, ubx};
use wire::gps_status::Mode;

/// How long a statement holds.
pub const KEEP: Duration = Duration::from_secs(30);

/// SBAS PRNs, which u-blox puts into GGA's station field.
const SBAS_STATIONS: std::ops::RangeInclusive<u16> = 120..=158;

#[derive(Clone, Copy, Debug)]
enum Evidence {
    SurveyIn,
    Fixed,
    Corrected,
    Sends,
    Fed,
}

const MEANS: [Mode; 5] = [Mode::Base, Mode::Base, Mode::Rover, Mode::Base, Mode::Rover];

/// The evidence in force.
#[derive(Debug, Default)]
pub struct ModeEvidence {
    until: [Option<Timestamp>; MEANS.len()],
}

impl ModeEvidence {
    /// Takes a message's evidence.
    pub fn observe(&mut self, now: Timestamp, message: &Message) {
        match message {
            Message::Nmea(nmea::Sentence { body: nmea::Body::Gga(gga), .. }) => self.gga(now, gga),
            Message::Ubx(packet) => self.ubx(now, packet),
            Message::Rtcm(rtcm::Message {
                number: Some(1001..=1006 | 1009..=1012 | 1071..=1137), ..
            }) => {
                self.tell(now, Evidence::Sends, true);
            }
            _ => {}
        }
    }

    /// Forgets what is no longer in force; whether anything was.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let mut expired = false;
        for until in &mut self.until {
            if until.is_some_and(|until| until <= now) {
                *until = None;
                expired = true;
            }
        }
        expired
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.until.iter().flatten().min().copied()
    }

    /// What it comes to.
    pub fn mode(&self) -> Mode {
        let decided = self.until.iter().zip(MEANS).find(|(until, _)| until.is_some());
        decided.map_or(Mode::Unknown, |(_, mode)| mode)
    }

    fn gga(&mut self, now: Timestamp, gga: &nmea::Gga) {
        match gga.quality {
            4 | 5 => self.tell(now, Evidence::Corrected, true),
            2 if gga.station_id.is_some_and(|id| !SBAS_STATIONS.contains(&id)) => {
                self.tell(now, Evidence::Fed, true);
            }
            7 => self.tell(now, Evidence::Fixed, true),
            _ => {}
        }
    }

    fn ubx(&mut self, now: Timestamp, packet: &ubx::Packet) {
        match packet {
            ubx::Packet::NavSvin(svin) => self.tell(now, Evidence::SurveyIn, svin.active || svin.valid),
            ubx::Packet::NavPvt(pvt) => {
                self.solution(now, pvt.fix_ok, pvt.fix_type, pvt.carrier_solution);
            }
            ubx::Packet::NavStatus(status) => {
                self.solution(now, status.fix_ok, status.fix_type, status.carrier_solution);
            }
            ubx::Packet::RxmRtcm(rxm) => match rxm.used {
                2 => self.tell(now, Evidence::Corrected, true),
                0 if !rxm.crc_failed => self.tell(now, Evidence::Fed, true),
                _ => {}
            },
            _ => {}
        }
    }

    fn solution(&mut self, now: Timestamp, fix_ok: bool, fix_type: u8, carrier_solution: u8) {
        if !fix_ok {
            return;
        }
        self.tell(now, Evidence::Fixed, fix_type == 5);
        if fix_type != 5 && matches!(carrier_solution, 1 | 2) {
            self.tell(now, Evidence::Corrected, true);
        }
    }

    fn tell(&mut self, now: Timestamp, evidence: Evidence, holds: bool) {
        if let Some(until) = self.until.get_mut(evidence as usize) {
            *until = holds.then(|| now.saturating_add(KEEP));
        }
    }
}
