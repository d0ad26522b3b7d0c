//! A GNSS receiver's bytes, read: from a serial port, a capture or a socket ([`source`]) to checked NMEA
//! 0183, UBX and RTCM 3 frames ([`frame`]) to values ([`decode`]), and to rovers ([`caster`]); and a u-blox set up
//! ([`receiver`]).
//!
//! [`frame`], [`decode`] and [`receiver`] are pure: no I/O, no clock; a parser here yields values and errors and
//! carries on, it never stops and never panics, whatever the bytes.

pub mod caster;
pub mod decode;
pub mod frame;
pub mod receiver;
pub mod source;

/// A point in time as the receiver of bytes stamped it: time since the Unix epoch, not running backwards.
pub type Timestamp = std::time::Duration;
