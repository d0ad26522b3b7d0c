//! A while of the receiver's stream, and what is to be measured in it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::geodesy::Geodetic;
use rtk_reader::Timestamp;
use rtk_reader::decode::{Message, decode, nmea, rtcm, ubx};
use rtk_reader::frame::{Counts, Frame, Framer, MessageId};

use super::stats;

/// Values of one kind that are kept; a soak beyond that measures its first hours. At 10 Hz, almost three hours.
const MAX_VALUES: usize = 100_000;
/// RTCM message types that are told apart; hostile bytes can make up 4,096.
const MAX_TYPES: usize = 64;
/// Bytes before the first good frame that are held back to see whether they are the end of one that began before; with
/// more the stream is taken as it is.
const LEAD_BYTES: usize = 64 * 1024;
/// Fix type of NAV-PVT for time only: a base that knows its place.
const TIME_ONLY: u8 = 5;

/// What came, and when. It begins with the first good frame: the tail of one that was cut by the beginning is no fault
/// of the line.
#[derive(Debug, Default)]
pub struct Observation {
    framer: Framer,
    /// What came before the first good frame; none once that was found.
    lead: Lead,
    began_at: Option<Timestamp>,
    ended_at: Timestamp,
    bytes: u64,
    rtcm: BTreeMap<u16, Vec<f64>>,
    msm: Vec<(u16, bool)>,
    /// Geodetic positions of fixes.
    places: Vec<Geodetic>,
    fix_at: Option<Timestamp>,
    satellites_used: Vec<f64>,
    /// C/N0 by band, one for each satellite and message.
    cn0: BTreeMap<&'static str, Vec<f64>>,
    /// Of MSM, for a receiver that sends no NAV-SIG.
    msm_cn0: BTreeMap<&'static str, Vec<f64>>,
    sky: Option<ubx::NavSat>,
    survey: Vec<(Timestamp, ubx::NavSvin)>,
    stations: Vec<rtcm::Station>,
    malformed: u64,
}

impl Observation {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes received at a time.
    pub fn push(&mut self, now: Timestamp, bytes: &[u8]) {
        match self.lead.push(now, bytes) {
            Ok(None) => {}
            Ok(Some(held)) => self.take(now, &held),
            Err(Passed) => self.take(now, bytes),
        }
    }

    fn take(&mut self, now: Timestamp, bytes: &[u8]) {
        self.began_at.get_or_insert(now);
        self.ended_at = self.ended_at.max(now);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let mut framer = std::mem::take(&mut self.framer);
        framer.push(now, bytes, &mut |frame| self.frame(&frame));
        self.framer = framer;
    }

    /// Time passes without bytes. What waits for its end stays: the observation breaks off in mid-frame, and the
    /// frame is none the worse for it.
    pub fn pass(&mut self, now: Timestamp) {
        let mut framer = std::mem::take(&mut self.framer);
        framer.handle_timeout(now, &mut |frame| self.frame(&frame));
        self.framer = framer;
        self.ended_at = self.ended_at.max(now);
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let since_s = frame.received_at.saturating_sub(self.began_at.unwrap_or_default()).as_secs_f64();
        if let MessageId::Rtcm(Some(number)) = frame.id()
            && (self.rtcm.len() < MAX_TYPES || self.rtcm.contains_key(&number))
        {
            keep(self.rtcm.entry(number).or_default(), since_s);
        }
        match decode(frame) {
            Message::Nmea(sentence) => self.nmea(&sentence.body, frame.received_at),
            Message::Ubx(packet) => self.ubx(packet, frame.received_at),
            Message::Rtcm(message) => self.rtcm(message),
        }
    }

    fn nmea(&mut self, body: &nmea::Body, at: Timestamp) {
        match body {
            nmea::Body::Gga(gga) if gga.quality > 0 => {
                self.fix_at.get_or_insert(at);
            }
            nmea::Body::Malformed { .. } => self.malformed += 1,
            _ => {}
        }
    }

    fn ubx(&mut self, packet: ubx::Packet, at: Timestamp) {
        match packet {
            ubx::Packet::NavPvt(pvt) if pvt.fix_ok && (2..=TIME_ONLY).contains(&pvt.fix_type) => {
                self.fix_at.get_or_insert(at);
                keep(&mut self.satellites_used, f64::from(pvt.satellites_used));
                let ubx::NavPvt { latitude_deg, longitude_deg, height_m, .. } = pvt;
                keep(&mut self.places, Geodetic { latitude_deg, longitude_deg, height_m });
            }
            ubx::Packet::NavSig(sig) => {
                for signal in sig.signals.iter().filter(|signal| signal.cn0_dbhz > 0) {
                    if let Some(band) = signal.band {
                        keep(self.cn0.entry(band).or_default(), f64::from(signal.cn0_dbhz));
                    }
                }
            }
            ubx::Packet::NavSat(sat) => self.sky = Some(sat),
            ubx::Packet::NavSvin(svin) => keep(&mut self.survey, (at, svin)),
            ubx::Packet::Malformed { .. } => self.malformed += 1,
            _ => {}
        }
    }

    fn rtcm(&mut self, message: rtcm::Message) {
        match message.body {
            rtcm::Body::Station(station) => keep(&mut self.stations, station),
            rtcm::Body::Msm(msm) => {
                for signal in &msm.signals {
                    if let (Some(band), Some(cn0)) = (signal.band, signal.cn0_dbhz) {
                        keep(self.msm_cn0.entry(band).or_default(), cn0);
                    }
                }
                if let Some(number) = message.number {
                    keep(&mut self.msm, (number, msm.multiple));
                }
            }
            rtcm::Body::Malformed { .. } => self.malformed += 1,
            _ => {}
        }
    }

    /// From the first byte to the last, or to the last time that was told.
    #[must_use]
    pub fn span_s(&self) -> f64 {
        self.began_at.map_or(0.0, |began| self.ended_at.saturating_sub(began).as_secs_f64())
    }

    /// Bytes received.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the framer made of them.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        self.framer.counts()
    }

    /// Good frames whose content makes no sense.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// When each RTCM message came, seconds since the first byte.
    #[must_use]
    pub fn rtcm_times(&self) -> &BTreeMap<u16, Vec<f64>> {
        &self.rtcm
    }

    /// The first fix told, by whatever message.
    #[must_use]
    pub fn fix_at(&self) -> Option<Timestamp> {
        self.fix_at
    }

    /// Positions of NAV-PVT, oldest first.
    #[must_use]
    pub fn places(&self) -> &[Geodetic] {
        &self.places
    }

    /// Satellites used, of each NAV-PVT with a fix.
    #[must_use]
    pub fn satellites_used(&self) -> &[f64] {
        &self.satellites_used
    }

    /// C/N0 by band, dB-Hz: of NAV-SIG, or of MSM where that doesn't come.
    #[must_use]
    pub fn cn0(&self) -> &BTreeMap<&'static str, Vec<f64>> {
        if self.cn0.is_empty() { &self.msm_cn0 } else { &self.cn0 }
    }

    /// The last NAV-SAT.
    #[must_use]
    pub fn sky(&self) -> Option<&ubx::NavSat> {
        self.sky.as_ref()
    }

    /// Every NAV-SVIN with its time.
    #[must_use]
    pub fn survey(&self) -> &[(Timestamp, ubx::NavSvin)] {
        &self.survey
    }

    /// Every 1005 and 1006.
    #[must_use]
    pub fn stations(&self) -> &[rtcm::Station] {
        &self.stations
    }

    /// Epochs of MSM that were seen whole, and those that had all the messages that epochs usually have.
    #[must_use]
    pub fn epochs(&self) -> Epochs {
        Epochs::of(&self.msm)
    }
}

/// The bytes before the first good frame.
#[derive(Debug, Default)]
struct Lead {
    held: Vec<u8>,
    /// Finds the first good frame, and is made anew for the stream behind it.
    framer: Option<Framer>,
    passed: bool,
}

/// The first good frame has been found before.
struct Passed;

impl Lead {
    /// Nothing yet, or all from the first good frame on.
    fn push(&mut self, now: Timestamp, bytes: &[u8]) -> Result<Option<Vec<u8>>, Passed> {
        if self.passed {
            return Err(Passed);
        }
        self.held.extend_from_slice(bytes);
        let mut first = None;
        let framer = self.framer.get_or_insert_with(Framer::new);
        framer.push(now, bytes, &mut |frame| {
            first.get_or_insert(frame.offset);
        });
        let from = match first {
            Some(offset) => usize::try_from(offset).unwrap_or(usize::MAX).min(self.held.len()),
            None if self.held.len() < LEAD_BYTES => return Ok(None),
            None => 0,
        };
        self.passed = true;
        self.framer = None;
        Ok(Some(std::mem::take(&mut self.held).split_off(from)))
    }
}

/// How many epochs of observations came, and how many had all their messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs {
    /// Without the first and the last, which the observation cut.
    pub seen: usize,
    /// With every message type that more than half of them have.
    pub complete: usize,
}

impl Epochs {
    /// Of MSM numbers in order, each with its multiple message bit (DF393): an epoch ends with a message that doesn't
    /// have it. A type that comes again begins a new epoch whatever the bit says: the end was lost. (Where nobody
    /// sets the bit, that alone tells.)
    #[must_use]
    pub fn of(messages: &[(u16, bool)]) -> Self {
        let told = messages.iter().any(|(_, multiple)| *multiple);
        let mut epochs: Vec<BTreeSet<u16>> = Vec::new();
        let mut ended = true;
        for (number, multiple) in messages {
            let again = epochs.last().is_some_and(|epoch| epoch.contains(number));
            if ended || again {
                epochs.push(BTreeSet::new());
            }
            if let Some(epoch) = epochs.last_mut() {
                epoch.insert(*number);
            }
            ended = told && !multiple;
        }
        let whole = epochs.get(1..epochs.len().saturating_sub(1)).unwrap_or_default();
        let mut types: BTreeMap<u16, usize> = BTreeMap::new();
        for number in whole.iter().flatten() {
            *types.entry(*number).or_default() += 1;
        }
        let usual: BTreeSet<u16> = types
            .into_iter()
            .filter(|(_, count)| count * 2 > whole.len())
            .map(|(number, _)| number)
            .collect();
        Self { seen: whole.len(), complete: whole.iter().filter(|epoch| usual.is_subset(epoch)).count() }
    }

    /// The share of them, percent; none of none.
    #[must_use]
    pub fn complete_percent(&self) -> Option<f64> {
        (self.seen > 0).then(|| 100.0 * self.complete as f64 / self.seen as f64)
    }
}

/// What is measured of one RTCM message type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// Messages a second.
    pub rate_hz: f64,
    /// Milliseconds.
    pub interval_p99_ms: f64,
    /// Milliseconds.
    pub largest_gap_ms: f64,
    /// The largest gap over the median interval: 2 is one message missed.
    pub gap_in_intervals: f64,
}

impl Rhythm {
    /// Of the times at which it came, seconds; none of fewer than three.
    #[must_use]
    pub fn of(times_s: &[f64]) -> Option<Self> {
        let intervals = stats::intervals(times_s);
        let (median, gap) = (stats::median(&intervals)?, stats::largest(&intervals)?);
        if intervals.len() < 2 || median <= 0.0 {
            return None;
        }
        Some(Self {
            rate_hz: 1.0 / stats::mean(&intervals)?,
            interval_p99_ms: stats::percentile(&intervals, 0.99)? * 1e3,
            largest_gap_ms: gap * 1e3,
            gap_in_intervals: gap / median,
        })
    }
}

/// East, north and up of places, metres from one of them all.
#[must_use]
pub fn enu_m(places: &[Geodetic], from: Geodetic) -> Vec<[f64; 3]> {
    let (axes, origin) = (from.axes(), from.to_ecef());
    let relative = |place: &Geodetic| {
        let at = place.to_ecef();
        let delta: [f64; 3] = std::array::from_fn(|i| at[i] - origin[i]);
        axes.map(|axis| axis.iter().zip(delta).map(|(a, d)| a * d).sum())
    };
    places.iter().map(relative).collect()
}

/// The mean of places; none of none.
#[must_use]
pub fn mean_place(places: &[Geodetic]) -> Option<Geodetic> {
    let count = places.len() as f64;
    let mut sum = [0.0; 3];
    for at in places.iter().map(|place| place.to_ecef()) {
        sum = std::array::from_fn(|i| sum[i] + at[i]);
    }
    (count > 0.0).then(|| Geodetic::from_ecef(sum.map(|metres| metres / count)))
}

fn keep<T>(list: &mut Vec<T>, value: T) {
    if list.len() < MAX_VALUES {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fixtures::Scenario;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_scenario_is_measured_as_it_was_made() {
        let scenario = Scenario { duration: Some(Duration::from_secs(60)), ..Scenario::default() };
        let mut observation = Observation::new();
        for chunk in scenario.clone().chunks() {
            observation.push(chunk.offset, &chunk.into_bytes());
        }
        assert_eq!(observation.counts().unframed_bytes, 0);
        assert_eq!(observation.malformed(), 0);
        assert!((58.0..61.0).contains(&observation.span_s()), "{}", observation.span_s());
        let rhythm = Rhythm::of(&observation.rtcm_times()[&1077]).expect("more than two");
        assert!((rhythm.rate_hz - 1.0).abs() < 0.02, "{rhythm:?}");
        assert!(rhythm.gap_in_intervals < 1.5, "{rhythm:?}");
        let epochs = observation.epochs();
        assert!(epochs.seen > 15 && epochs.complete == epochs.seen, "{epochs:?}");
        assert!(observation.cn0()["L1"].len() > 100);
        assert!(observation.survey().last().expect("it surveys").1.valid);
        let station = &observation.stations()[0];
        let error = stats::distance(station.ecef_m, scenario.place.to_ecef());
        assert!(error < 3.0, "{error}");
        let mean = mean_place(observation.places()).expect("positions");
        let far = stats::distance(mean.to_ecef(), scenario.place.to_ecef());
        assert!(far < 3.0, "{far}");
    }

    #[test]
    fn an_epoch_without_one_of_its_messages_is_told() {
        let whole = [(1077, true), (1087, true), (1097, false)];
        let mut messages = whole.repeat(5);
        assert_eq!(Epochs::of(&messages), Epochs { seen: 3, complete: 3 });
        messages.remove(7);
        assert_eq!(Epochs::of(&messages), Epochs { seen: 3, complete: 2 });
        // The end of one is lost: it and the next are told apart by the type that comes again.
        let mut messages = whole.repeat(5);
        messages.remove(5);
        assert_eq!(Epochs::of(&messages), Epochs { seen: 3, complete: 2 });
        let unset: Vec<_> = messages.iter().map(|(number, _)| (*number, false)).collect();
        assert_eq!(Epochs::of(&unset), Epochs { seen: 3, complete: 2 });
        assert_eq!(Epochs::of(&[]).complete_percent(), None);
    }

    #[test]
    fn a_missed_message_is_two_intervals() {
        let rhythm = Rhythm::of(&[0.0, 1.0, 2.0, 4.0, 5.0]).unwrap();
        assert!((rhythm.gap_in_intervals - 2.0).abs() < 1e-9 && (rhythm.rate_hz - 0.8).abs() < 1e-9);
        assert_eq!(Rhythm::of(&[0.0, 1.0]), None);
        assert_eq!(Rhythm::of(&[1.0, 1.0, 1.0]), None);
    }

    proptest! {
        #[test]
        fn a_beginning_in_mid_frame_is_no_fault(cut in 0usize..20_000, size in 1usize..700) {
            let scenario = Scenario { duration: Some(Duration::from_secs(45)), ..Scenario::default() };
            let bytes = scenario.bytes();
            let tail = bytes.get(bytes.len() - 25_000 + cut..).unwrap_or_default();
            let mut observation = Observation::new();
            for chunk in tail.chunks(size) {
                observation.push(Duration::from_secs(1), chunk);
            }
            prop_assert_eq!(observation.counts().unframed_bytes, 0);
            prop_assert!(observation.counts().frames() > 0);
        }

        #[test]
        fn whatever_comes_is_observed_without_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..4096), cut in 1usize..300
        ) {
            let mut observation = Observation::new();
            for (n, chunk) in bytes.chunks(cut).enumerate() {
                observation.push(Duration::from_millis(n as u64 * 10), chunk);
            }
            observation.pass(Duration::from_secs(100));
            prop_assert!(observation.bytes() <= bytes.len() as u64);
            let _ = (observation.epochs(), observation.cn0(), observation.span_s());
        }

        #[test]
        fn there_are_never_more_complete_epochs_than_epochs(
            messages in prop::collection::vec((1074u16..1080, any::<bool>()), 0..200)
        ) {
            let epochs = Epochs::of(&messages);
            prop_assert!(epochs.complete <= epochs.seen && epochs.seen <= messages.len());
        }

        #[test]
        fn east_north_up_is_what_was_added(east in -1e3..1e3f64, north in -1e3..1e3f64, up in -100.0..100.0f64) {
            let from = Geodetic { latitude_deg: 46.9, longitude_deg: 7.4, height_m: 590.0 };
            let to = Geodetic::from_ecef(from.offset([east, north, up]));
            let [e, n, u] = enu_m(&[to], from)[0];
            prop_assert!((e - east).abs() < 1e-4 && (n - north).abs() < 1e-4 && (u - up).abs() < 1e-4);
        }
    }
}
