//! 1074 to 1137: multiple signal messages (MSM), levels 4 to 7 of every constellation.
//!
//! RTCM 10403.3, MSM. One layout serves all 28:
//!
//! ```text
//! header 157 bits │ cell mask │ satellites, column by column │ signals, column by column
//!
//! header       station 12, epoch 30, multiple 1, IODS 3, reserved 7, clock steering 2, external clock 2,
//!              smoothing 1 + 3, satellite mask 64, signal mask 32
//! satellite    rough range ms 8, [5, 7: GLONASS channel 4], rough range ms/1024 10, [5, 7: rough rate 14]
//! signal       4, 5: fine range 15, fine phase 22, lock  4, half cycle 1, C/N0  6
//!              6, 7: fine range 20, fine phase 24, lock 10, half cycle 1, C/N0 10    [5, 7: fine rate 15]
//! ```
//!
//! A signal the table in `signals` doesn't know is a value without code and band.

mod signals;

use serde::{Serialize, Serializer};

use super::{Error, bits::Bits};
use crate::decode::{Constellation, SatelliteId};
use signals::{Signal, satellite, signal};

/// The most cells (satellites times signals) a message may have (DF396); one that claims more is malformed.
pub const MAX_CELLS: u32 = 64;

/// How far light goes in a millisecond, metres.
const LIGHT_M_PER_MS: f64 = 299_792.458;
/// All ranges are summed as integers of 2⁻³¹ ms, the finest field's resolution, and rounded once.
const RANGE_UNITS_PER_MS: f64 = (1u64 << 31) as f64;
/// Rates are summed as integers of 0.1 mm/s, the finest field's resolution.
const RATE_UNITS_PER_MPS: i64 = 10_000;

/// MSM 4 to 7.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Msm {
    /// From the number.
    pub constellation: Constellation,
    /// 4 to 7.
    pub level: u8,
    /// DF003
    pub station_id: u16,
    /// The epoch field as sent: milliseconds of the GPS, Galileo, BeiDou… week; GLONASS: milliseconds of the
    /// Moscow day.
    pub epoch_ms: u32,
    /// GLONASS day of week (DF416), 0 Sunday … 6, 7 unknown; none for the others.
    pub glonass_day: Option<u8>,
    /// DF393: more messages of this epoch follow.
    pub multiple: bool,
    /// DF409: issue of data station.
    pub iods: u8,
    /// DF411: 0 not applied, 1 applied, 2 unknown.
    pub clock_steering: u8,
    /// DF412: 0 internal, 1 external locked, 2 external not locked, 3 unknown.
    pub external_clock: u8,
    /// DF417: divergence-free smoothing.
    pub smoothing: bool,
    /// DF418: an index of intervals, 0 none to 7 unlimited.
    pub smoothing_interval: u8,
    /// In mask order.
    pub satellites: Vec<SatelliteId>,
    /// GLONASS frequency channels (DF419), −7 to 6, one per satellite, none where not sent; empty at levels 4
    /// and 6 and for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub glonass_channels: Vec<Option<i8>>,
    /// Satellite by satellite, signals in mask order.
    pub signals: Vec<MsmSignal>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MsmSignal {
    /// The satellite.
    pub satellite: SatelliteId,
    /// RINEX 3 observation code without its first letter, `1C`, `2X`; none if the signal number is unknown.
    pub code: Option<&'static str>,
    /// The signal number in the mask, 1 to 32.
    pub signal: u8,
    /// `L1`, `E5b`…; none if unknown.
    pub band: Option<&'static str>,
    /// dB-Hz (DF403, DF408); none when not available.
    #[serde(serialize_with = "four_places")]
    pub cn0_dbhz: Option<f64>,
    /// Pseudorange, metres; none when not available. In JSON to 0.1 mm, finer than any level's resolution.
    #[serde(serialize_with = "four_places")]
    pub pseudorange_m: Option<f64>,
    /// Phase range, metres; none when not available. In JSON to 0.1 mm; the finest resolution is 0.14 mm.
    #[serde(serialize_with = "four_places")]
    pub phaserange_m: Option<f64>,
    /// Phase range rate, metres per second; MSM 5 and 7.
    #[serde(serialize_with = "four_places")]
    pub phaserange_rate_mps: Option<f64>,
    /// Lock time indicator as sent (DF402 or DF407).
    pub lock_indicator: u16,
    /// DF420: half-cycle ambiguity.
    pub half_cycle: bool,
}

/// The constellation and level of a message number; none if it isn't an MSM 4 to 7.
pub(super) fn kind(number: u16) -> Option<(Constellation, u8)> {
    let level = (number % 10) as u8;
    let constellation = match number / 10 {
        107 => Constellation::Gps,
        108 => Constellation::Glonass,
        109 => Constellation::Galileo,
        110 => Constellation::Sbas,
        111 => Constellation::Qzss,
        112 => Constellation::Beidou,
        113 => Constellation::Navic,
        _ => return None,
    };
    (4..=7).contains(&level).then_some((constellation, level))
}

pub(super) fn decode(constellation: Constellation, level: u8, mut bits: Bits<'_>) -> Result<Msm, Error> {
    let is_glonass = constellation == Constellation::Glonass;
    let station_id = bits.u16(12);
    let glonass_day = is_glonass.then(|| bits.u8(3));
    let epoch_ms = bits.u32(if is_glonass { 27 } else { 30 });
    let multiple = bits.flag();
    let iods = bits.u8(3);
    bits.skip(7);
    let clock_steering = bits.u8(2);
    let external_clock = bits.u8(2);
    let smoothing = bits.flag();
    let smoothing_interval = bits.u8(3);
    let masks = Masks::read(&mut bits)?;

    let resolution = Resolution::of(level);
    let satellites = masks.satellites.count_ones() as usize;
    let satellite_columns = SatelliteColumns::pass(&mut bits, satellites, &resolution);
    let signal_columns = SignalColumns::pass(&mut bits, masks.cells.count_ones() as usize, &resolution);
    bits.end()?;

    let mut message = Msm {
        constellation,
        level,
        station_id,
        epoch_ms,
        glonass_day,
        multiple,
        iods,
        clock_steering,
        external_clock,
        smoothing,
        smoothing_interval,
        satellites: places(masks.satellites).map(|place| satellite(constellation, place)).collect(),
        glonass_channels: if is_glonass && resolution.rates {
            (0..satellites).map(|i| satellite_columns.glonass_channel(&bits, i)).collect()
        } else {
            Vec::new()
        },
        signals: Vec::with_capacity(signal_columns.cells),
    };
    let mut present = masks.cells;
    for (i, &satellite) in message.satellites.iter().enumerate() {
        let rough = satellite_columns.rough(&bits, i);
        for place in places(u64::from(masks.signals) << 32) {
            if present & 1 << 63 != 0 {
                let signal = signal(constellation, place);
                let cell = message.signals.len();
                message.signals.push(signal_columns.signal(&bits, cell, satellite, place, signal, &rough));
            }
            present <<= 1;
        }
    }
    Ok(message)
}

/// Which satellites and signals the message has, first bits highest.
struct Masks {
    /// DF394
    satellites: u64,
    /// DF395
    signals: u32,
    /// DF396: satellite by satellite, which of the signals it has.
    cells: u64,
}

impl Masks {
    fn read(bits: &mut Bits<'_>) -> Result<Self, Error> {
        let satellites = bits.mask(64);
        let signals = bits.u32(32);
        bits.end()?;
        let width = satellites.count_ones() * signals.count_ones();
        if width > MAX_CELLS {
            return Err(Error::Cells { satellites: satellites.count_ones(), signals: signals.count_ones() });
        }
        let cells = bits.mask(width);
        Ok(Self { satellites, signals, cells })
    }
}

/// The places (from 1) of the bits set, from the highest bit.
fn places(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let before = mask.leading_zeros();
        mask &= !((1u64 << 63).checked_shr(before)?);
        Some(before + 1)
    })
}

/// Widths and scales that depend on the level.
struct Resolution {
    /// DF400, DF405: bits, and the power of two to the unit 2⁻³¹ ms.
    range: (u32, u32),
    /// DF401, DF406: the same.
    phase: (u32, u32),
    /// DF402, DF407: bits.
    lock_bits: u32,
    /// DF403, DF408: bits.
    cn0_bits: u32,
    /// DF403, DF408: dB-Hz per unit.
    cn0_dbhz: f64,
    /// DF399, DF404 and DF419 are there.
    rates: bool,
}

impl Resolution {
    fn of(level: u8) -> Self {
        let rates = level == 5 || level == 7;
        if level < 6 {
            Self { range: (15, 7), phase: (22, 2), lock_bits: 4, cn0_bits: 6, cn0_dbhz: 1.0, rates }
        } else {
            Self { range: (20, 2), phase: (24, 0), lock_bits: 10, cn0_bits: 10, cn0_dbhz: 0.0625, rates }
        }
    }
}

/// Where the columns of the satellite data begin, in bits.
struct SatelliteColumns {
    /// DF397
    milliseconds: usize,
    /// DF419, or reserved
    channel: Option<usize>,
    /// DF398
    fraction: usize,
    /// DF399
    rate: Option<usize>,
}

/// What all signals of a satellite share; none where not available.
struct Rough {
    /// In 2⁻³¹ ms.
    range: Option<i64>,
    /// In 0.1 mm/s.
    rate: Option<i64>,
}

impl SatelliteColumns {
    fn pass(bits: &mut Bits<'_>, satellites: usize, resolution: &Resolution) -> Self {
        Self {
            milliseconds: bits.skip(8 * satellites),
            channel: resolution.rates.then(|| bits.skip(4 * satellites)),
            fraction: bits.skip(10 * satellites),
            rate: resolution.rates.then(|| bits.skip(14 * satellites)),
        }
    }

    fn rough(&self, bits: &Bits<'_>, satellite: usize) -> Rough {
        let milliseconds = bits.unsigned_at(self.milliseconds + 8 * satellite, 8);
        let fraction = bits.unsigned_at(self.fraction + 10 * satellite, 10);
        let range = (milliseconds << 31 | fraction << 21).cast_signed();
        let rate = self.rate.and_then(|start| available(bits, start + 14 * satellite, 14));
        Rough {
            range: (milliseconds != 0xFF).then_some(range),
            rate: rate.map(|rate| rate * RATE_UNITS_PER_MPS),
        }
    }

    fn glonass_channel(&self, bits: &Bits<'_>, satellite: usize) -> Option<i8> {
        let raw = bits.unsigned_at(self.channel? + 4 * satellite, 4) as i8;
        (raw <= 13).then_some(raw - 7)
    }
}

/// Where the columns of the signal data begin, in bits.
struct SignalColumns<'a> {
    resolution: &'a Resolution,
    cells: usize,
    range: usize,
    phase: usize,
    lock: usize,
    half_cycle: usize,
    cn0: usize,
    /// DF404
    rate: Option<usize>,
}

impl<'a> SignalColumns<'a> {
    fn pass(bits: &mut Bits<'_>, cells: usize, resolution: &'a Resolution) -> Self {
        let mut column = |width: u32| bits.skip(width as usize * cells);
        Self {
            resolution,
            cells,
            range: column(resolution.range.0),
            phase: column(resolution.phase.0),
            lock: column(resolution.lock_bits),
            half_cycle: column(1),
            cn0: column(resolution.cn0_bits),
            rate: resolution.rates.then(|| column(15)),
        }
    }

    fn signal(
        &self,
        bits: &Bits<'_>,
        cell: usize,
        satellite: SatelliteId,
        place: u32,
        signal: Option<Signal>,
        rough: &Rough,
    ) -> MsmSignal {
        let at = |start: usize, width: u32| start + width as usize * cell;
        let metres = |start: usize, (width, scale): (u32, u32)| {
            let fine = available(bits, at(start, width), width)? << scale;
            Some((rough.range? + fine) as f64 * (LIGHT_M_PER_MS / RANGE_UNITS_PER_MS))
        };
        let resolution = self.resolution;
        let cn0 = bits.unsigned_at(at(self.cn0, resolution.cn0_bits), resolution.cn0_bits);
        let rate = self.rate.and_then(|start| Some(rough.rate? + available(bits, at(start, 15), 15)?));
        MsmSignal {
            satellite,
            code: signal.map(|signal| signal.code),
            signal: place as u8,
            band: signal.map(|signal| signal.band),
            cn0_dbhz: (cn0 != 0).then_some(cn0 as f64 * resolution.cn0_dbhz),
            pseudorange_m: metres(self.range, resolution.range),
            phaserange_m: metres(self.phase, resolution.phase),
            phaserange_rate_mps: rate.map(|rate| rate as f64 / RATE_UNITS_PER_MPS as f64),
            lock_indicator: bits.unsigned_at(at(self.lock, resolution.lock_bits), resolution.lock_bits)
                as u16,
            half_cycle: bits.unsigned_at(at(self.half_cycle, 1), 1) != 0,
        }
    }
}

/// A signed field whose most negative value means "not available".
fn available(bits: &Bits<'_>, position: usize, width: u32) -> Option<i64> {
    let value = bits.signed_at(position, width);
    (value != -1 << (width - 1)).then_some(value)
}

/// What was sent has no more places: half the digits of a range in metres are below its resolution, and they
/// are most of a message's JSON.
#[expect(clippy::ref_option, reason = "the signature serde asks for")]
fn four_places<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    // A range in metres is far within `i64`. (`round` would be a call: half of a cell's time to JSON.)
    let rounded = |value: f64| (value * 10_000.0 + 0.5_f64.copysign(value)) as i64 as f64 / 10_000.0;
    value.map(rounded).serialize(serializer)
}

#[cfg(test)]
mod tests;
