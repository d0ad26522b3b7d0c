//! The first reading of a capture: what a header must say before the first epoch is written.

use std::collections::BTreeMap;

use crate::decode::{
    Message,
    rtcm::{self, Descriptor, Station},
    ubx::{MonVer, NavPvt, Packet},
};

use super::{
    VERSION,
    epochs::{Epoch, Epochs, LeftOut, Source},
    lnav::Lnav,
    name,
    navigation::Navigation,
    observations,
    text::{header_line, made_by},
    time::GpsTime,
};

/// What a capture can't know of the files made of it.
#[derive(Clone, Debug)]
pub struct Labels {
    /// The marker's name; of nine letters and digits the file's, as `BERN00CHE`.
    pub marker: String,
    /// The program that makes them, with its version.
    pub program: String,
    /// When they are made.
    pub made_at: GpsTime,
}

/// Reads a capture for the first time.
#[derive(Clone, Debug)]
pub struct Survey {
    date: GpsTime,
    msm: Track,
    rawx: Track,
    navigation: Navigation,
    subframes: Lnav,
    /// By station id, of twelve bits.
    stations: BTreeMap<u16, Station>,
    descriptors: BTreeMap<u16, Descriptor>,
    /// The receiver whose UBX is in the capture, and where it is.
    receiver: Option<MonVer>,
    fix: Option<NavPvt>,
}

impl Survey {
    /// Of a capture that holds a time within half a week of this one.
    #[must_use]
    pub fn new(date: GpsTime) -> Self {
        Self {
            date,
            msm: Track::new(Source::Msm, date),
            rawx: Track::new(Source::Rawx, date),
            navigation: Navigation::default(),
            subframes: Lnav::default(),
            stations: BTreeMap::new(),
            descriptors: BTreeMap::new(),
            receiver: None,
            fix: None,
        }
    }

    /// Takes the next message.
    pub fn add(&mut self, message: &Message) {
        self.msm.add(message);
        self.rawx.add(message);
        match message {
            Message::Rtcm(rtcm::Message { body, .. }) => match body {
                rtcm::Body::Ephemeris(ephemeris) => self.navigation.add(ephemeris, self.msm.epochs.now()),
                rtcm::Body::Station(station) => {
                    self.stations.insert(station.station_id, station.clone());
                }
                rtcm::Body::Descriptor(descriptor) => self.describe(descriptor),
                _ => {}
            },
            Message::Ubx(Packet::RxmSfrbx(sfrbx)) => {
                if let Some(ephemeris) = self.subframes.add(sfrbx) {
                    self.navigation.add(&ephemeris, self.msm.epochs.now());
                }
            }
            Message::Ubx(Packet::MonVer(version)) => self.receiver = Some(version.clone()),
            Message::Ubx(Packet::NavPvt(pvt)) if pvt.fix_ok => self.fix = Some(pvt.clone()),
            _ => {}
        }
    }

    /// 1007 says less than 1008, and that less than 1033: what one doesn't say, another did.
    fn describe(&mut self, new: &Descriptor) {
        let known = self.descriptors.entry(new.station_id).or_insert_with(|| new.clone());
        known.antenna.clone_from(&new.antenna);
        known.antenna_serial = new.antenna_serial.clone().or_else(|| known.antenna_serial.take());
        known.receiver = new.receiver.clone().or_else(|| known.receiver.take());
        known.firmware = new.firmware.clone().or_else(|| known.firmware.take());
        known.receiver_serial = new.receiver_serial.clone().or_else(|| known.receiver_serial.take());
    }

    /// What there is. UBX's measurements are finer than MSM's; where there are both, they are of the same receiver.
    #[must_use]
    pub fn finish(self) -> Contents {
        let rawx = self.rawx.finish();
        let observed = rawx.or_else(|| self.msm.finish());
        let is_own = observed.as_ref().is_some_and(|observed| observed.source == Source::Rawx);
        let station = observed.as_ref().and_then(|observed| observed.station);
        let id = station.filter(|_| !is_own).or_else(|| self.stations.keys().next().copied());
        let station = id.and_then(|id| self.stations.get(&id));
        let fix = self.fix.filter(|_| is_own).map(|fix| ecef_m(&fix));
        Contents {
            date: self.date,
            position_m: station.map(|station| station.ecef_m).or(fix),
            antenna_height_m: station.and_then(|station| station.antenna_height_m),
            equipment: Equipment::of(
                id.and_then(|id| self.descriptors.get(&id)),
                self.receiver.filter(|_| is_own),
            ),
            observed,
            navigation: self.navigation,
        }
    }
}

/// The epochs of one source, looked at and forgotten.
#[derive(Clone, Debug)]
struct Track {
    source: Source,
    epochs: Epochs,
    types: observations::Types,
    span: Option<(GpsTime, GpsTime)>,
    interval_s: Option<f64>,
    count: u64,
    station: Option<u16>,
}

impl Track {
    fn new(source: Source, date: GpsTime) -> Self {
        let epochs = Epochs::new(source, date, BTreeMap::new());
        let types = observations::Types::new();
        Self { source, epochs, types, span: None, interval_s: None, count: 0, station: None }
    }

    fn add(&mut self, message: &Message) {
        if let Message::Rtcm(rtcm::Message { body: rtcm::Body::Msm(msm), .. }) = message {
            self.station.get_or_insert(msm.station_id);
        }
        let epoch = self.epochs.add(message);
        self.look_at(epoch);
    }

    fn look_at(&mut self, epoch: Option<Epoch>) {
        let Some(epoch) = epoch.filter(|epoch| !epoch.satellites.is_empty()) else { return };
        observations::collect(&mut self.types, &epoch);
        self.count += 1;
        if let Some((_, last)) = self.span {
            let since_s = epoch.time.seconds_since(last);
            self.interval_s = Some(self.interval_s.map_or(since_s, |interval_s| interval_s.min(since_s)));
        }
        self.span = Some((self.span.map_or(epoch.time, |(first, _)| first), epoch.time));
    }

    fn finish(mut self) -> Option<Observed> {
        let last = self.epochs.finish();
        self.look_at(last);
        let (first, last) = self.span?;
        Some(Observed {
            source: self.source,
            types: self.types,
            first,
            last,
            // To a millisecond: receivers' clocks wander within it.
            interval_s: self.interval_s.map(|s| (s * 1e3).round() / 1e3),
            epochs: self.count,
            channels: self.epochs.channels().clone(),
            station: self.station,
        })
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) source: Source,
    pub(super) types: observations::Types,
    pub(super) first: GpsTime,
    pub(super) last: GpsTime,
    /// The shortest between two epochs.
    pub(super) interval_s: Option<f64>,
    pub(super) epochs: u64,
    pub(super) channels: BTreeMap<u16, i8>,
    station: Option<u16>,
}

/// Receiver and antenna; empty where not known.
#[derive(Clone, Debug, Default)]
pub(super) struct Equipment {
    pub(super) receiver_serial: String,
    pub(super) receiver: String,
    pub(super) firmware: String,
    pub(super) antenna_serial: String,
    pub(super) antenna: String,
}

impl Equipment {
    fn of(described: Option<&Descriptor>, own: Option<MonVer>) -> Self {
        let mut equipment = described.map_or_else(Self::default, |described| Self {
            receiver_serial: described.receiver_serial.clone().unwrap_or_default(),
            receiver: described.receiver.clone().unwrap_or_default(),
            firmware: described.firmware.clone().unwrap_or_default(),
            antenna_serial: described.antenna_serial.clone().unwrap_or_default(),
            antenna: described.antenna.clone(),
        });
        if let Some(own) = own {
            let model = own.extension("MOD").unwrap_or("GNSS");
            (equipment.receiver, equipment.receiver_serial) = (format!("U-BLOX {model}"), String::new());
            equipment.firmware = own.extension("FWVER").unwrap_or(&own.software).to_owned();
        }
        equipment
    }
}

/// What a capture holds.
#[derive(Clone, Debug)]
pub struct Contents {
    date: GpsTime,
    pub(super) observed: Option<Observed>,
    navigation: Navigation,
    /// Of the ARP, or near it.
    pub(super) position_m: Option<[f64; 3]>,
    pub(super) antenna_height_m: Option<f64>,
    pub(super) equipment: Equipment,
}

impl Contents {
    /// Where the observations are from; none if there are none.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        self.observed.as_ref().map(|observed| observed.source)
    }

    /// How many epochs there are.
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.observed.as_ref().map_or(0, |observed| observed.epochs)
    }

    /// How many ephemerides there are, each once.
    #[must_use]
    pub fn ephemerides(&self) -> usize {
        self.navigation.len()
    }

    /// Ephemerides of no satellite, and those over [`MAX_RECORDS`](super::MAX_RECORDS).
    #[must_use]
    pub fn ephemerides_left_out(&self) -> u64 {
        self.navigation.left_out()
    }

    /// The name of the observation file; none if there are no observations.
    #[must_use]
    pub fn observation_name(&self, labels: &Labels) -> Option<String> {
        let observed = self.observed.as_ref()?;
        let system = name::system(observed.types.keys().copied());
        let span = (observed.first, observed.last);
        Some(name::of_observations(&labels.marker, observed.source, span, observed.interval_s, system))
    }

    /// The name of the navigation file; none if there are no ephemerides.
    #[must_use]
    pub fn navigation_name(&self, labels: &Labels) -> Option<String> {
        let first = self.navigation.first()?;
        let (at, minutes) = match &self.observed {
            Some(observed) => {
                let span_s = observed.last.seconds_since(observed.first) + observed.interval_s.unwrap_or(1.0);
                (observed.first, span_s / 60.0)
            }
            None => (first, 0.0),
        };
        Some(name::of_navigation(&labels.marker, self.source(), at, minutes, self.navigation_system()))
    }

    /// The header of the observation file; the epochs follow in a second reading, by [`Rows`].
    #[must_use]
    pub fn observation_header(&self, labels: &Labels) -> String {
        observations::header(self, labels)
    }

    /// The whole navigation file.
    #[must_use]
    pub fn navigation_file(&self, labels: &Labels) -> String {
        let mut out = String::new();
        let of = self.navigation_system();
        let first = format!("{VERSION:>9}{:11}{:<20}{of:<20}", "", "N: GNSS NAV DATA");
        header_line(&mut out, &first, "RINEX VERSION / TYPE");
        made_by(&mut out, &labels.program, labels.made_at);
        header_line(&mut out, &format!("{:6}", self.date.leap_seconds()), "LEAP SECONDS");
        header_line(&mut out, "", "END OF HEADER");
        for record in self.navigation.records() {
            out.push_str(record);
        }
        out
    }

    /// The second reading.
    #[must_use]
    pub fn rows(&self) -> Option<Rows<'_>> {
        let observed = self.observed.as_ref()?;
        let epochs = Epochs::new(observed.source, self.date, observed.channels.clone());
        Some(Rows { types: &observed.types, epochs })
    }

    /// What the header has no line for.
    pub(super) fn comments(&self) -> Vec<String> {
        let from = match self.source() {
            Some(Source::Rawx) => "from UBX RXM-RAWX",
            _ => "from RTCM 3 MSM",
        };
        let mut comments = vec![from.to_owned()];
        if self.position_m.is_none() {
            comments.push("the position of the antenna is not known".to_owned());
        }
        comments
    }

    fn navigation_system(&self) -> &'static str {
        name::system(self.navigation.satellites().map(|id| id.constellation))
    }
}

/// Reads a capture for the second time, from the same bytes, and writes its epochs.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    types: &'a observations::Types,
    epochs: Epochs,
}

impl Rows<'_> {
    /// Takes the next message, and appends the epoch before if it begins another.
    pub fn add(&mut self, message: &Message, out: &mut String) {
        if let Some(epoch) = self.epochs.add(message) {
            observations::write_epoch(out, self.types, &epoch);
        }
    }

    /// Appends the last epoch; what is in none.
    pub fn finish(mut self, out: &mut String) -> LeftOut {
        if let Some(epoch) = self.epochs.finish() {
            observations::write_epoch(out, self.types, &epoch);
        }
        self.epochs.left_out()
    }
}

/// WGS 84, NGA.STND.0036.
fn ecef_m(fix: &NavPvt) -> [f64; 3] {
    const EQUATORIAL_RADIUS_M: f64 = 6_378_137.0;
    const FLATTENING: f64 = 1.0 / 298.257_223_563;
    let (sin, cos) = fix.latitude_deg.to_radians().sin_cos();
    let (sin_longitude, cos_longitude) = fix.longitude_deg.to_radians().sin_cos();
    let eccentricity2 = FLATTENING * (2.0 - FLATTENING);
    let radius_m = EQUATORIAL_RADIUS_M / (1.0 - eccentricity2 * sin * sin).sqrt();
    let axis_m = (radius_m + fix.height_m) * cos;
    [axis_m * cos_longitude, axis_m * sin_longitude, (radius_m * (1.0 - eccentricity2) + fix.height_m) * sin]
}
