//! RINEX 3.04 observation and navigation files from a receiver's messages.
//!
//! A capture is read three times, and never held: [`Dating`] finds out when it was taken (RTCM's observations
//! know only the time of the week), [`Survey`] what a header must say before the first epoch (which signals of
//! which systems, when the first and the last, GLONASS's frequency channels, where the antenna is), and
//! [`Rows`] writes the epochs. The ephemerides are kept in the survey, each once.
//!
//! Observations come from RTCM 3 MSM 4 to 7 or, where there is one, UBX RXM-RAWX; ephemerides from RTCM 1019,
//! 1020, 1042, 1045 and 1046, and GPS's from its own subframes in UBX RXM-SFRBX. The other systems' subframes stay
//! unread, and so does RTCM 1044 (QZSS).
//!
//! Everything is in GPS time. MSM's phase ranges become cycles of the carrier, their rates Doppler (its sign
//! turned), lock times the loss-of-lock indicator. A measurement that isn't there is blank, never zero.

mod dating;
mod epochs;
mod lnav;
mod lock;
mod name;
mod navigation;
mod observations;
mod signals;
mod survey;
mod text;
mod time;

pub use dating::Dating;
pub use epochs::{Epoch, LeftOut, Observation, Source};
pub use navigation::MAX_RECORDS;
pub use survey::{Contents, Labels, Rows, Survey};
pub use time::GpsTime;

/// The version of the format that is written.
const VERSION: &str = "3.04";
