//! How much of its line a port's messages need.
//!
//! Bytes of a message with its frame, from the formats: UBX from the u-blox F9 interface description, MSM from RTCM
//! 10403.3 (169 bits of header and masks; MSM4 18 bits a satellite and 48 a cell, MSM7 36 and 80; one bit of cell
//! mask for each). A line carries a tenth of its baud rate in bytes per second: eight bits, a start and a stop.

use super::super::{Output, Port, Values, keys};
use crate::frame::Protocol;

/// Beyond this a line is told to be well filled: an epoch is late by this much of it.
pub const WARN_PERCENT: u64 = 60;
/// Beyond this nothing is set: messages would be dropped as satellites rise.
pub const REFUSE_PERCENT: u64 = 80;

/// Speeds to choose from.
const BAUDS: [u32; 8] = [9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600];

/// Signals tracked of a satellite, on average.
const SIGNALS: u32 = 2;
/// Systems that satellites are spread over.
const SYSTEMS: u32 = 4;

/// A line and what goes over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Whose.
    pub port: Port,
    /// Bits per second.
    pub baud: u32,
    /// All messages together.
    pub bytes_per_s: u64,
    /// With so many satellites.
    pub satellites: u32,
    /// MSM7 are among them; MSM4 would need less.
    pub has_msm7: bool,
}

impl Load {
    /// Of a port with a line, as configured.
    pub(super) fn of(port: Port, satellites: u32, values: &Values) -> Option<Self> {
        let baud = u32::try_from(*values.get(&port.baud_key()?)?).ok()?;
        let number = |id: u32| values.get(&super::KeyId(id)).copied().unwrap_or(1).max(1);
        let (measured_ms, epochs) = (number(0x3021_0001), number(0x3021_0002));
        let (mut millibytes_per_s, mut has_msm7) = (0, false);
        for (key, every) in values.iter().filter(|(_, every)| **every > 0) {
            let Some((output, on)) = keys::rated(*key) else { continue };
            if on != port || values.get(&port.gives(output.protocol())) != Some(&1) {
                continue;
            }
            has_msm7 |= matches!(output, Output::Rtcm(1077 | 1087 | 1097 | 1127, _));
            // RTCM comes by measurements, the rest by navigation epochs.
            let epochs = if output.protocol() == Protocol::Rtcm { 1 } else { epochs };
            let interval_ms = measured_ms.saturating_mul(epochs).saturating_mul(*every).max(1);
            millibytes_per_s += u64::from(bytes(output, satellites)) * 1_000_000 / interval_ms;
        }
        Some(Self { port, baud, bytes_per_s: millibytes_per_s.div_ceil(1000), satellites, has_msm7 })
    }

    /// Of what the line can carry.
    #[must_use]
    pub fn percent(&self) -> u64 {
        percent(self.bytes_per_s, self.baud)
    }

    /// The slowest speed at which the line isn't well filled.
    #[must_use]
    pub fn enough(&self) -> Option<u32> {
        BAUDS.into_iter().find(|&baud| percent(self.bytes_per_s, baud) <= WARN_PERCENT)
    }
}

fn percent(bytes_per_s: u64, baud: u32) -> u64 {
    (bytes_per_s * 1000).div_ceil(u64::from(baud).max(1))
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (load, carries) = (self.bytes_per_s, self.baud / 10);
        write!(
            f,
            "{} at {} Bd carries {carries} bytes a second and would have {load} with {} satellites, {} %: ",
            self.port,
            self.baud,
            self.satellites,
            self.percent()
        )?;
        let less = if self.has_msm7 { "MSM4 instead of MSM7, or " } else { "" };
        match self.enough() {
            _ if self.percent() <= WARN_PERCENT => f.write_str("that is enough"),
            Some(baud) => write!(
                f,
                "choose --set-baud {baud}, {}a longer --epoch",
                if less.is_empty() { "or " } else { less }
            ),
            None => write!(f, "choose {less}a longer --epoch"),
        }
    }
}

/// Of a whole frame; a generous guess where its length depends on more than satellites.
fn bytes(output: Output, satellites: u32) -> u32 {
    let signals = satellites * SIGNALS;
    match output {
        Output::Rtcm(1005, _) => 25,
        Output::Rtcm(1230, _) => 18,
        Output::Rtcm(4072, _) => 100,
        Output::Rtcm(number, _) => {
            let (of_satellite, of_cell) = if number % 10 == 4 { (18, 48) } else { (36, 80) };
            let here = satellites.div_ceil(SYSTEMS);
            let cells = here * SIGNALS;
            (169 + here * of_satellite + cells * (of_cell + 1)).div_ceil(8) + 6
        }
        Output::Nmea("GGA" | "GNS" | "GST" | "RMC" | "GBS" | "GRS") => 82,
        Output::Nmea("GSA") => 70 * SYSTEMS,
        // Four satellites to a sentence, for each signal.
        Output::Nmea("GSV") => 70 * signals.div_ceil(4),
        Output::Nmea(_) | Output::Pubx(_) => 60,
        Output::Ubx(0x01, 0x07) => 100,
        Output::Ubx(0x01, 0x14) => 44,
        Output::Ubx(0x01, 0x3B) => 48,
        Output::Ubx(0x01, 0x3C) => 72,
        Output::Ubx(0x01, 0x35) => 16 + 12 * satellites,
        Output::Ubx(0x01, 0x43) => 16 + 16 * signals,
        Output::Ubx(0x02, 0x15) => 24 + 32 * signals,
        Output::Ubx(0x02, 0x13) => 50 * satellites,
        Output::Ubx(0x02, 0x32) => 16 * 6,
        Output::Ubx(0x0A, 0x36) => 8 + 8 + 40 * 5,
        Output::Ubx(..) => 60,
    }
}
