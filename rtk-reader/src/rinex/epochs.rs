//! Messages to epochs: what a receiver measured at one instant.

use std::collections::BTreeMap;

use crate::decode::{
    Constellation, Message, SatelliteId,
    rtcm::{self, EphemerisFields, Msm, MsmSignal},
    ubx::{Packet, RxmRawx},
};

use super::{
    dating,
    lock::{self, Locks},
    signals::{LIGHT_MPS, carrier_hz},
    time::{GPS_AHEAD_OF_BEIDOU_S, GpsTime},
};

/// A column of a RINEX observation file holds F14.3; what is larger is no measurement.
const LARGEST: f64 = 1e9;
/// Milliseconds of a week.
const WEEK_MS: u32 = 604_800_000;
/// Milliseconds of a GLONASS day with a leap second.
const GLONASS_DAY_MS: u32 = 86_401_000;

/// Which messages observations are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// RTCM 3 MSM 4 to 7.
    Msm,
    /// UBX RXM-RAWX.
    Rawx,
}

/// All observations of an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// By the receiver's clock.
    pub time: GpsTime,
    /// In the order of their names' systems and numbers; each signal once.
    pub satellites: BTreeMap<SatelliteId, Vec<Observation>>,
}

/// A signal's measurements; none where there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// RINEX 3 observation code without its first letter.
    pub code: &'static str,
    /// Metres.
    pub pseudorange_m: Option<f64>,
    /// Cycles of the carrier.
    pub phase_cycles: Option<f64>,
    /// Hz, positive when the satellite comes nearer.
    pub doppler_hz: Option<f64>,
    /// dB-Hz
    pub cn0_dbhz: Option<f64>,
    /// RINEX's loss-of-lock indicator: bit 0 lock lost since the epoch before, bit 1 half cycle not known.
    pub loss_of_lock: u8,
}

/// What was there and is in no epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Messages of a time before the epoch that was already begun.
    pub late: u64,
    /// Messages of another station than the first.
    pub other_station: u64,
    /// Messages whose time is none.
    pub no_time: u64,
    /// Signals without an observation code.
    pub unknown_signals: u64,
    /// Phases of GLONASS satellites whose frequency channel no message told.
    pub no_channel: u64,
}

/// Gathers epochs from one source.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    source: Source,
    now: GpsTime,
    station: Option<u16>,
    /// By satellite number, of GLONASS.
    channels: BTreeMap<u16, i8>,
    locks: Locks,
    open: Option<Epoch>,
    left_out: LeftOut,
}

impl Epochs {
    /// From a time within half a week of the first message.
    pub(super) fn new(source: Source, near: GpsTime, channels: BTreeMap<u16, i8>) -> Self {
        let (locks, left_out) = (Locks::default(), LeftOut::default());
        Self { source, now: near, station: None, channels, locks, open: None, left_out }
    }

    /// Takes a message; the epoch before, when it begins another.
    pub(super) fn add(&mut self, message: &Message) -> Option<Epoch> {
        if let Some(now) = dating::certain(message) {
            self.now = now;
        }
        match message {
            Message::Rtcm(rtcm::Message { body, .. }) => match body {
                rtcm::Body::Msm(msm) => {
                    self.learn_channels(msm);
                    return if self.source == Source::Msm { self.add_msm(msm) } else { None };
                }
                rtcm::Body::Ephemeris(ephemeris) => {
                    if let EphemerisFields::Glonass(fields) = &ephemeris.fields {
                        self.learn(ephemeris.satellite, fields.frequency_channel);
                    }
                }
                _ => {}
            },
            Message::Ubx(Packet::RxmRawx(rawx)) => {
                for measurement in &rawx.measurements {
                    if let (Some(id), Some(channel)) = (measurement.satellite, measurement.glonass_channel) {
                        self.learn(id, channel);
                    }
                }
                return if self.source == Source::Rawx { self.add_rawx(rawx) } else { None };
            }
            _ => {}
        }
        None
    }

    /// The last epoch.
    pub(super) fn finish(&mut self) -> Option<Epoch> {
        self.open.take()
    }

    /// The time of the last message that had one.
    pub(super) fn now(&self) -> GpsTime {
        self.now
    }

    /// GLONASS frequency channels by satellite number, as far as they are known.
    pub(super) fn channels(&self) -> &BTreeMap<u16, i8> {
        &self.channels
    }

    pub(super) fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn learn_channels(&mut self, msm: &Msm) {
        for (&id, channel) in msm.satellites.iter().zip(&msm.glonass_channels) {
            if let Some(channel) = channel {
                self.learn(id, *channel);
            }
        }
    }

    /// RINEX has channels −7 to 6; 1020 can say more.
    fn learn(&mut self, id: SatelliteId, channel: i8) {
        if id.constellation == Constellation::Glonass && (-7..=6).contains(&channel) {
            self.channels.insert(id.number, channel);
        }
    }

    fn add_msm(&mut self, msm: &Msm) -> Option<Epoch> {
        if *self.station.get_or_insert(msm.station_id) != msm.station_id {
            self.left_out.other_station += 1;
            return None;
        }
        let Some(time) = self.msm_time(msm) else {
            self.left_out.no_time += 1;
            return None;
        };
        self.now = time;
        let before = self.turn_to(time).ok()?;
        for signal in &msm.signals {
            self.add_signal(time, msm.level, signal);
        }
        before
    }

    fn msm_time(&self, msm: &Msm) -> Option<GpsTime> {
        let seconds = f64::from(msm.epoch_ms) / 1e3;
        if msm.constellation == Constellation::Glonass {
            let day = msm.glonass_day.filter(|day| *day < 7);
            return (msm.epoch_ms < GLONASS_DAY_MS).then(|| self.now.nearest_of_moscow(day, seconds));
        }
        let behind_s = if msm.constellation == Constellation::Beidou { GPS_AHEAD_OF_BEIDOU_S } else { 0 };
        (msm.epoch_ms < WEEK_MS).then(|| self.now.nearest_of_week(seconds + behind_s as f64))
    }

    fn add_signal(&mut self, time: GpsTime, level: u8, signal: &MsmSignal) {
        let Some(code) = signal.code else {
            self.left_out.unknown_signals += 1;
            return;
        };
        let id = signal.satellite;
        let channel = self.channels.get(&id.number).copied();
        let wavelength_m = carrier_hz(id.constellation, code, channel).map(|hz| LIGHT_MPS / hz);
        if wavelength_m.is_none() && signal.phaserange_m.is_some() {
            self.left_out.no_channel += 1;
        }
        let per_wavelength = |metres: Option<f64>| Some(metres? / wavelength_m?);
        let lock = lock::of_msm(level, signal.lock_indicator);
        let observation = Observation {
            code,
            pseudorange_m: signal.pseudorange_m,
            phase_cycles: per_wavelength(signal.phaserange_m),
            doppler_hz: per_wavelength(signal.phaserange_rate_mps).map(|hz| -hz),
            cn0_dbhz: signal.cn0_dbhz,
            loss_of_lock: u8::from(signal.half_cycle) << 1,
        };
        self.put(time, id, observation, lock);
    }

    fn add_rawx(&mut self, rawx: &RxmRawx) -> Option<Epoch> {
        let Some(time) = dating::rawx_time(rawx) else {
            self.left_out.no_time += 1;
            return None;
        };
        let before = self.turn_to(time).ok()?;
        for measurement in &rawx.measurements {
            let (Some(id), Some(code)) = (measurement.satellite, measurement.code) else {
                self.left_out.unknown_signals += 1;
                continue;
            };
            let observation = Observation {
                code,
                pseudorange_m: measurement.pseudorange_m,
                phase_cycles: measurement.phase_cycles,
                doppler_hz: measurement.doppler_hz,
                cn0_dbhz: (measurement.cn0_dbhz != 0).then(|| measurement.cn0_dbhz.into()),
                loss_of_lock: u8::from(measurement.half_cycle) << 1,
            };
            let lock = if rawx.clock_reset { (0, Some(0)) } else { lock::of_rawx(measurement.lock_ms) };
            self.put(time, id, observation, lock);
        }
        before
    }

    /// Opens the epoch of a time, if it isn't; gives the one before. An error for a time that is past.
    fn turn_to(&mut self, time: GpsTime) -> Result<Option<Epoch>, ()> {
        let new = || Some(Epoch { time, satellites: BTreeMap::new() });
        match &self.open {
            Some(open) if open.time == time => Ok(None),
            Some(open) if open.time > time => {
                self.left_out.late += 1;
                Err(())
            }
            _ => Ok(std::mem::replace(&mut self.open, new())),
        }
    }

    /// The first of a signal in an epoch counts; a measurement that can't be one is none.
    fn put(&mut self, time: GpsTime, id: SatelliteId, mut observation: Observation, lock: lock::LockMs) {
        let Some(epoch) = &mut self.open else { return };
        // RINEX has two digits for a satellite.
        if !(1..100).contains(&id.number) {
            self.left_out.unknown_signals += 1;
            return;
        }
        let possible = |value: &f64| value.abs() < LARGEST;
        observation.pseudorange_m = observation.pseudorange_m.filter(|m| possible(m) && *m > 0.0);
        observation.phase_cycles = observation.phase_cycles.filter(possible);
        observation.doppler_hz = observation.doppler_hz.filter(possible);
        if observation.phase_cycles.is_none() {
            observation.loss_of_lock = 0;
        } else if self.locks.lost((id, observation.code), time, lock) {
            observation.loss_of_lock |= 1;
        }
        let observations = epoch.satellites.entry(id).or_default();
        if observations.iter().all(|other| other.code != observation.code) {
            observations.push(observation);
        }
    }
}
