//! Satellites in view, merged from what the receiver sends of them.
//!
//! Each source is kept whole, as it was last told completely: a GSV group (one per talker and signal) when
//! its last sentence has come, a GSA burst, a NAV-SAT, a NAV-SIG. It holds for 5 s; one that is sent more
//! slowly holds for two of its own intervals (of 15 s at most), so that a slow sky doesn't blink.
//! Elevation and azimuth come from NAV-SAT, then GSV; C/N0 by band from NAV-SIG, then GSV, then NAV-SAT
//! (which has one figure, taken for the first band); used-or-not from NAV-SAT, then NAV-SIG, then GSA.

use std::{cell::OnceCell, collections::BTreeMap, time::Duration};

use kit::machine::Timestamp;
use rtk_reader::decode::{Constellation, Message, SatelliteId, nmea, ubx};
use wire::gps_status::{Satellite, Signal};

/// How long a source holds at least.
pub const KEEP: Duration = Duration::from_secs(5);
/// How long a source that is seldom sent holds at most; one sent still less often holds for [`KEEP`].
pub const KEEP_AT_MOST: Duration = Duration::from_secs(30);
/// Satellites that are told; further ones are left out.
pub const SATELLITES: usize = 128;
/// Signals told of one satellite; further ones are left out.
pub const SIGNALS: usize = 8;
/// GSA sentences further apart are not of one epoch.
const GSA_BURST: Duration = Duration::from_millis(500);
/// GSV groups kept; a further one is not taken until one of them is too old.
const GROUPS: usize = 32;
/// Satellites kept of one GSV group or GSA set; further ones are left out.
const GROUP_SATELLITES: usize = 64;

/// A source's newest value; when it is too old, only when it was told.
#[derive(Debug)]
struct Told<T> {
    at: Timestamp,
    keep: Duration,
    value: Option<T>,
}

impl<T> Told<T> {
    fn new(now: Timestamp, before: Option<&Self>, value: T) -> Self {
        let interval = before.map_or(Duration::ZERO, |before| now.saturating_sub(before.at));
        let keep = match interval.saturating_mul(2) {
            // It was away: that is no interval of its own.
            long if long > KEEP_AT_MOST => KEEP,
            keep => keep.max(KEEP),
        };
        Self { at: now, keep, value: Some(value) }
    }

    fn until(&self) -> Option<Timestamp> {
        self.value.as_ref().map(|_| self.at.saturating_add(self.keep))
    }

    fn expire(&mut self, now: Timestamp) {
        self.value.take_if(|_| self.at.saturating_add(self.keep) <= now);
    }
}

/// Talker and NMEA 4.11 signal id.
type GroupKey = ([u8; 2], Option<u8>);

/// One GSV group.
#[derive(Debug)]
struct Group {
    band: Option<&'static str>,
    satellites: Vec<nmea::GsvSatellite>,
}

/// A GSV group whose last sentence hasn't come. Sentences of one group follow each other, so one is enough.
#[derive(Debug)]
struct Partial {
    key: GroupKey,
    sentences: u8,
    next: u8,
    group: Group,
}

/// GSA sentences that follow each other: a second one of a system adds to the first (a GSA has room for
/// twelve satellites), while one of the next burst replaces it.
#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    began: Timestamp,
    number: u64,
}

/// Satellites used of one system, and in which burst that was told.
#[derive(Debug)]
struct Used {
    burst: u64,
    satellites: Vec<SatelliteId>,
}

/// What the receiver last told of the sky.
#[derive(Debug, Default)]
pub struct Sky {
    partial: Option<Partial>,
    groups: BTreeMap<GroupKey, Told<Group>>,
    in_gsa_burst: bool,
    gsa_burst: Burst,
    used: BTreeMap<Constellation, Told<Used>>,
    nav_sat: Option<Told<ubx::NavSat>>,
    nav_sig: Option<Told<ubx::NavSig>>,
    /// When the first of them is too old.
    first_until: Option<Timestamp>,
    /// What they come to, once that was asked: most statuses tell of the same sky as the one before.
    merged: OnceCell<Vec<Satellite>>,
}

impl Sky {
    /// Takes what a message says.
    pub fn observe(&mut self, now: Timestamp, message: &Message) {
        match message {
            Message::Nmea(sentence) => self.nmea(now, sentence),
            Message::Ubx(ubx::Packet::NavSat(m)) => {
                self.nav_sat = Some(Told::new(now, self.nav_sat.as_ref(), m.clone()));
                self.changed();
            }
            Message::Ubx(ubx::Packet::NavSig(m)) => {
                self.nav_sig = Some(Told::new(now, self.nav_sig.as_ref(), m.clone()));
                self.changed();
            }
            Message::Ubx(_) | Message::Rtcm(_) => {}
        }
    }

    /// Forgets what is too old; whether anything was.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        if self.first_until.is_none_or(|first| first > now) {
            return false;
        }
        self.groups.values_mut().for_each(|told| told.expire(now));
        self.used.values_mut().for_each(|told| told.expire(now));
        self.nav_sat.iter_mut().for_each(|told| told.expire(now));
        self.nav_sig.iter_mut().for_each(|told| told.expire(now));
        self.changed();
        true
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.first_until
    }

    /// A source was told, or forgotten.
    fn changed(&mut self) {
        self.merged.take();
        let groups = self.groups.values().filter_map(Told::until);
        let used = self.used.values().filter_map(Told::until);
        let nav_sat = self.nav_sat.as_ref().and_then(Told::until);
        let nav_sig = self.nav_sig.as_ref().and_then(Told::until);
        self.first_until = groups.chain(used).chain(nav_sat).chain(nav_sig).min();
    }

    /// The receiver is gone, or silent.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// By constellation, then number.
    pub fn status(&self) -> Vec<Satellite> {
        self.merged.get_or_init(|| self.merge()).clone()
    }

    fn merge(&self) -> Vec<Satellite> {
        let mut merged = BTreeMap::new();
        for seen in told(&self.nav_sat).flat_map(|m| &m.satellites) {
            if let Some(satellite) = seen.id.and_then(|id| entry(&mut merged, id)) {
                satellite.elevation_deg = seen.elevation_deg.map(f64::from);
                satellite.azimuth_deg = seen.azimuth_deg.map(f64::from);
                satellite.used = Some(seen.used);
                satellite.main_cn0_dbhz = f64::from(seen.cn0_dbhz);
            }
        }
        for seen in told(&self.nav_sig).flat_map(|m| &m.signals) {
            if let Some(satellite) = seen.id.and_then(|id| entry(&mut merged, id)) {
                satellite.signal_used = Some(satellite.signal_used == Some(true) || seen.used);
                if let Some(band) = seen.band {
                    strongest(&mut satellite.by_nav_sig, band, f64::from(seen.cn0_dbhz));
                }
            }
        }
        for group in self.groups.values().filter_map(|told| told.value.as_ref()) {
            for seen in &group.satellites {
                if let Some(satellite) = entry(&mut merged, seen.id) {
                    satellite.elevation_deg = satellite.elevation_deg.or(seen.elevation_deg);
                    satellite.azimuth_deg = satellite.azimuth_deg.or(seen.azimuth_deg);
                    let band = group.band.unwrap_or(first_band(seen.id.constellation));
                    strongest(&mut satellite.by_gsv, band, seen.cn0_dbhz.unwrap_or_default());
                }
            }
        }
        merged.into_iter().map(|(id, merged)| self.satellite(id, merged)).collect()
    }

    fn satellite(&self, id: SatelliteId, merged: Merged) -> Satellite {
        let mut bands = merged.by_nav_sig;
        if bands.is_empty() {
            bands = merged.by_gsv;
        }
        if bands.is_empty() {
            strongest(&mut bands, first_band(id.constellation), merged.main_cn0_dbhz);
        }
        bands.truncate(SIGNALS);
        Satellite {
            constellation: name(id.constellation).into(),
            number: id.number,
            elevation_deg: merged.elevation_deg.filter(|degrees| degrees.is_finite()),
            azimuth_deg: merged.azimuth_deg.filter(|degrees| degrees.is_finite()),
            used: merged.used.or(merged.signal_used).or_else(|| self.used_by_gsa(id)),
            signals: bands,
        }
    }

    fn used_by_gsa(&self, id: SatelliteId) -> Option<bool> {
        let mut used = self.used.values().filter_map(|told| told.value.as_ref());
        if used.any(|used| used.satellites.contains(&id)) {
            return Some(true);
        }
        let system = self.used.get(&gsa_system(id.constellation))?;
        system.value.as_ref().map(|_| false)
    }

    fn nmea(&mut self, now: Timestamp, sentence: &nmea::Sentence) {
        match &sentence.body {
            nmea::Body::Gsa(gsa) => return self.gsa(now, sentence.talker.as_str(), gsa),
            nmea::Body::Gsv(gsv) => self.gsv(now, sentence.talker.as_str(), gsv),
            _ => {}
        }
        self.in_gsa_burst = false;
    }

    fn gsv(&mut self, now: Timestamp, talker: &str, gsv: &nmea::Gsv) {
        let mut letters = talker.bytes();
        let key = ([letters.next().unwrap_or(0), letters.next().unwrap_or(0)], gsv.signal_id);
        let goes_on = |partial: &Partial| {
            (partial.key, partial.sentences, partial.next) == (key, gsv.sentences, gsv.sentence)
        };
        let mut partial = match self.partial.take() {
            Some(partial) if goes_on(&partial) => partial,
            _ if gsv.sentence == 1 => {
                let group = Group { band: gsv.band, satellites: Vec::new() };
                Partial { key, sentences: gsv.sentences, next: 1, group }
            }
            _ => return,
        };
        let room = GROUP_SATELLITES.saturating_sub(partial.group.satellites.len());
        partial.group.satellites.extend(gsv.satellites.iter().take(room).cloned());
        if partial.next < partial.sentences {
            partial.next += 1;
            self.partial = Some(partial);
            return;
        }
        if self.groups.len() >= GROUPS {
            self.groups.retain(|_, told| told.value.is_some());
        }
        if self.groups.len() < GROUPS || self.groups.contains_key(&key) {
            let told = Told::new(now, self.groups.get(&key), partial.group);
            self.groups.insert(key, told);
            self.changed();
        }
    }

    fn gsa(&mut self, now: Timestamp, talker: &str, gsa: &nmea::Gsa) {
        let goes_on = std::mem::replace(&mut self.in_gsa_burst, true);
        if !goes_on || now.saturating_sub(self.gsa_burst.began) >= GSA_BURST {
            self.gsa_burst = Burst { began: now, number: self.gsa_burst.number + 1 };
        }
        let burst = self.gsa_burst.number;
        let of_id = gsa.system_id.and_then(system_of_id);
        let of_satellites = gsa.satellites.first().map(|id| gsa_system(id.constellation));
        let Some(system) = of_id.or(of_satellites).or(system_of_talker(talker)) else { return };
        let room = |taken: usize| gsa.satellites.iter().take(GROUP_SATELLITES.saturating_sub(taken)).copied();
        let before = self.used.get_mut(&system);
        match before.and_then(|told| told.value.as_mut()).filter(|used| used.burst == burst) {
            Some(used) => used.satellites.extend(room(used.satellites.len())),
            None => {
                let used = Used { burst, satellites: room(0).collect() };
                self.used.insert(system, Told::new(now, self.used.get(&system), used));
            }
        }
        self.changed();
    }
}

fn told<T>(source: &Option<Told<T>>) -> impl Iterator<Item = &T> {
    source.iter().filter_map(|told| told.value.as_ref())
}

/// A satellite while its sources are put together.
#[derive(Default)]
struct Merged {
    elevation_deg: Option<f64>,
    azimuth_deg: Option<f64>,
    used: Option<bool>,
    signal_used: Option<bool>,
    main_cn0_dbhz: f64,
    by_nav_sig: Bands,
    by_gsv: Bands,
}

fn entry(merged: &mut BTreeMap<SatelliteId, Merged>, id: SatelliteId) -> Option<&mut Merged> {
    if merged.len() >= SATELLITES && !merged.contains_key(&id) {
        return None;
    }
    Some(merged.entry(id).or_default())
}

/// By name, ascending; a handful.
type Bands = Vec<Signal>;

/// Several signals of one band (L1 C/A and L1C) are told as the strongest; one that isn't tracked, not at all.
fn strongest(bands: &mut Bands, band: &'static str, cn0_dbhz: f64) {
    if cn0_dbhz > 0.0 && cn0_dbhz.is_finite() {
        match bands.binary_search_by(|told| told.band.as_ref().cmp(band)) {
            Ok(at) => {
                if let Some(told) = bands.get_mut(at) {
                    told.cn0_dbhz = told.cn0_dbhz.max(cn0_dbhz);
                }
            }
            Err(at) => bands.insert(at, Signal { band: band.into(), cn0_dbhz }),
        }
    }
}

/// The band a receiver means that names none.
fn first_band(constellation: Constellation) -> &'static str {
    match constellation {
        Constellation::Galileo => "E1",
        Constellation::Beidou => "B1I",
        Constellation::Navic => "L5",
        Constellation::Gps | Constellation::Glonass | Constellation::Qzss | Constellation::Sbas => "L1",
    }
}

fn name(constellation: Constellation) -> &'static str {
    match constellation {
        Constellation::Gps => "gps",
        Constellation::Glonass => "glonass",
        Constellation::Galileo => "galileo",
        Constellation::Beidou => "beidou",
        Constellation::Qzss => "qzss",
        Constellation::Sbas => "sbas",
        Constellation::Navic => "navic",
    }
}

/// GSA has no system of its own for SBAS: those stand among GPS's.
fn gsa_system(constellation: Constellation) -> Constellation {
    match constellation {
        Constellation::Sbas => Constellation::Gps,
        other => other,
    }
}

/// NMEA 4.11 GNSS system ids.
fn system_of_id(id: u8) -> Option<Constellation> {
    Some(match id {
        1 => Constellation::Gps,
        2 => Constellation::Glonass,
        3 => Constellation::Galileo,
        4 => Constellation::Beidou,
        5 => Constellation::Qzss,
        6 => Constellation::Navic,
        _ => return None,
    })
}

fn system_of_talker(talker: &str) -> Option<Constellation> {
    Some(match talker {
        "GP" => Constellation::Gps,
        "GL" => Constellation::Glonass,
        "GA" => Constellation::Galileo,
        "GB" | "BD" => Constellation::Beidou,
        "GQ" | "QZ" => Constellation::Qzss,
        "GI" => Constellation::Navic,
        _ => return None,
    })
}
