//! The verdict: do corrections go out, or which link is broken?
//!
//! `antenna → receiver → port → frames → caster → clients`: the first broken link from the left is named, as far as
//! it can be seen. With the port gone nothing is known of what is before it.

use std::mem::discriminant;
use std::time::Duration;

use kit::machine::Timestamp;
use wire::gps_status::{FixQuality, GpsStatus, Mode};

use super::seen::{Seen, observations};

/// What corrections go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    Antenna,
    Receiver,
    Port,
    Frames,
    Caster,
    Clients,
}

impl Link {
    /// From left to right.
    pub const ALL: [Self; 6] =
        [Self::Antenna, Self::Receiver, Self::Port, Self::Frames, Self::Caster, Self::Clients];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Antenna => "antenna",
            Self::Receiver => "receiver",
            Self::Port => "port",
            Self::Frames => "frames",
            Self::Caster => "caster",
            Self::Clients => "clients",
        }
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Corrections go out.
    Good,
    /// Not yet, and nothing is wrong.
    Waiting,
    /// A link is broken.
    Broken,
}

/// What is so.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    NothingTold,
    DepotAway(String),
    Ended,
    PortAway(Option<String>),
    WrongBaud,
    Silent,
    AntennaOpen,
    AntennaShort,
    NoSatellite,
    NoFix,
    SurveyingIn { seconds: u32, accuracy_m: f64 },
    Rover,
    NoRtcm,
    RtcmStopped(u16),
    NoArp,
    NoCaster,
    CasterSilent(String),
    Made,
    Serving { clients: u32 },
}

/// The sentence, and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub finding: Finding,
    pub since: Timestamp,
}

impl Verdict {
    /// The verdict on what is seen at a time. What was so before, and still is, has been since then.
    pub fn of(seen: &Seen, now: Timestamp, before: Option<&Self>) -> Self {
        let (finding, since) = find(seen, now);
        let same = before.filter(|before| discriminant(&before.finding) == discriminant(&finding));
        let since = since.or_else(|| same.map(|before| before.since)).unwrap_or(now);
        Self { finding, since }
    }

    pub fn standing(&self) -> Standing {
        match self.finding {
            Finding::Serving { .. } | Finding::Made => Standing::Good,
            Finding::NothingTold | Finding::SurveyingIn { .. } | Finding::Ended => Standing::Waiting,
            _ => Standing::Broken,
        }
    }

    /// The first broken link, or the one that is waited for.
    pub fn link(&self) -> Option<Link> {
        Some(match self.finding {
            Finding::AntennaOpen | Finding::AntennaShort | Finding::NoSatellite => Link::Antenna,
            Finding::Silent | Finding::NoFix | Finding::SurveyingIn { .. } | Finding::Rover => Link::Receiver,
            Finding::PortAway(_) | Finding::WrongBaud | Finding::Ended => Link::Port,
            Finding::NoRtcm | Finding::RtcmStopped(_) | Finding::NoArp => Link::Frames,
            Finding::NoCaster | Finding::CasterSilent(_) => Link::Caster,
            Finding::NothingTold | Finding::DepotAway(_) | Finding::Made | Finding::Serving { .. } => {
                return None;
            }
        })
    }

    /// Whether a link holds; none where that can't be seen.
    pub fn holds(&self, link: Link) -> Option<bool> {
        match (&self.finding, self.link()) {
            (Finding::NothingTold | Finding::DepotAway(_), _) => None,
            // Read at the port, nobody knows of a caster.
            (Finding::Made, _) => (link < Link::Caster).then_some(true),
            (Finding::Serving { clients }, _) => (link != Link::Clients || *clients > 0).then_some(true),
            (Finding::PortAway(_) | Finding::WrongBaud | Finding::Silent | Finding::Ended, Some(broken)) => {
                (link == broken)
                    .then_some(false)
                    .or((link == Link::Port && broken == Link::Receiver).then_some(true))
            }
            (_, Some(broken)) if link == broken => Some(false),
            // The port and the receiver are what told of the antenna.
            (_, Some(broken)) => (link < broken || link == Link::Port).then_some(true),
            (_, None) => None,
        }
    }

    /// One sentence; how long it has been so stands in front.
    pub fn sentence(&self, now: Timestamp) -> String {
        let since = format!("since {} ({})", clock(self.since), ago(now.saturating_sub(self.since)));
        let what = self.what();
        match (self.standing(), self.link()) {
            (Standing::Good, _) => format!("{what}, {since}"),
            (Standing::Broken, Some(link)) => format!("Broken at the {} {since}: {what}", link.name()),
            (Standing::Broken | Standing::Waiting, _) => format!("{what}, {since}"),
        }
    }

    fn what(&self) -> String {
        match &self.finding {
            Finding::NothingTold => "Listening; nothing is certain yet".into(),
            Finding::DepotAway(reason) => format!("No depot answers ({reason}); start it, or look at its address"),
            Finding::Ended => "The capture is over".into(),
            Finding::PortAway(Some(reason)) => format!("{reason}; waiting for the receiver"),
            Finding::PortAway(None) => "the receiver is not connected; plug it in".into(),
            Finding::WrongBaud => {
                "bytes come, and no message is among them; look at the baud rate and at the line".into()
            }
            Finding::Silent => "the port is open, and the receiver says nothing; look at its power and at what it is \
                                set to send there"
                .into(),
            Finding::AntennaOpen => "the antenna is open; look at its cable and plugs".into(),
            Finding::AntennaShort => "the antenna is shorted; look at its cable and plugs".into(),
            Finding::NoSatellite => {
                "the receiver hears no satellite, or tells of none; look at the antenna's cable and its view of the sky".into()
            }
            Finding::NoFix => "the receiver has no position yet".into(),
            Finding::SurveyingIn { seconds, accuracy_m } => {
                format!("The receiver is finding its position: {seconds} s of survey-in, good to {accuracy_m:.2} m")
            }
            Finding::Rover => {
                "the receiver uses corrections and makes none; set it up with depot gnss configure base".into()
            }
            Finding::NoRtcm => {
                "the receiver sends no observations in RTCM; set it up with depot gnss configure base".into()
            }
            Finding::RtcmStopped(number) => format!("no RTCM observations come any more, the last was a {number}"),
            Finding::NoArp => "the observations come without the antenna's position (RTCM 1005 or 1006)".into(),
            Finding::NoCaster => "the receiver makes corrections, and no caster runs in that depot".into(),
            Finding::CasterSilent(reason) => reason.clone(),
            Finding::Made => "The receiver makes corrections".into(),
            Finding::Serving { clients: 0 } => "Serving corrections, and nobody is connected".into(),
            Finding::Serving { clients: 1 } => "Serving corrections to one client".into(),
            Finding::Serving { clients } => format!("Serving corrections to {clients} clients"),
        }
    }
}

/// What is so, and since when if that is known better than by having watched.
fn find(seen: &Seen, now: Timestamp) -> (Finding, Option<Timestamp>) {
    if seen.ended {
        return (Finding::Ended, None);
    }
    if let (true, Some(reason)) = (seen.depot, &seen.away) {
        return (Finding::DepotAway(reason.clone()), None);
    }
    let status = match &seen.status {
        Some(status) if status.connected => status,
        Some(_) => return (Finding::PortAway(seen.away.clone()), None),
        None => {
            return (
                seen.away.clone().map_or(Finding::NothingTold, |why| Finding::PortAway(Some(why))),
                None,
            );
        }
    };
    if seen.is_silent(now) {
        let finding = if seen.is_noisy(now) { Finding::WrongBaud } else { Finding::Silent };
        return (finding, seen.heard_at);
    }
    let (finding, since) = receiver(status);
    match finding {
        Finding::NoSatellite | Finding::NoFix | Finding::Rover | Finding::NoRtcm | Finding::NoArp
            if seen.is_new(now) =>
        {
            (Finding::NothingTold, None)
        }
        Finding::Made if seen.depot => caster(status),
        finding => (finding, since),
    }
}

/// Antenna, receiver and its frames: all that can be seen at the port.
fn receiver(status: &GpsStatus) -> (Finding, Option<Timestamp>) {
    let (newest, flows) = observations(status);
    let antenna = |state: &str| status.antennas.iter().any(|antenna| antenna.state == state);
    let survey = status.survey_in.as_ref().filter(|survey| survey.active && !survey.valid);
    let hears =
        status.satellites_in_view.iter().any(|s| s.signals.iter().any(|signal| signal.cn0_dbhz > 0.0));
    let finding = if antenna("open") {
        Finding::AntennaOpen
    } else if antenna("short") {
        Finding::AntennaShort
    } else if !flows && status.fix_quality == FixQuality::NoFix {
        if hears { Finding::NoFix } else { Finding::NoSatellite }
    } else if let Some(survey) = survey {
        Finding::SurveyingIn { seconds: survey.duration, accuracy_m: survey.accuracy }
    } else if status.mode == Mode::Rover {
        Finding::Rover
    } else if let (Some(last), false) = (newest, flows) {
        return (Finding::RtcmStopped(last.number), Some(Duration::from_millis(last.last_seen)));
    } else if newest.is_none() {
        Finding::NoRtcm
    } else if status.station.is_none() {
        Finding::NoArp
    } else {
        Finding::Made
    };
    (finding, None)
}

fn caster(status: &GpsStatus) -> (Finding, Option<Timestamp>) {
    let corrections = status.caster.as_ref().map(|caster| &caster.corrections);
    let since = corrections.map(|told| Duration::from_millis(told.since));
    match (corrections, status.clients) {
        (Some(told), _) if !told.serving => (Finding::CasterSilent(told.message.clone()), since),
        (_, Some(clients)) => (Finding::Serving { clients }, since),
        (_, None) => (Finding::NoCaster, None),
    }
}

/// Time of day, UTC.
pub fn clock(at: Timestamp) -> String {
    let seconds = at.as_secs();
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// A length of time, roughly.
pub fn ago(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
