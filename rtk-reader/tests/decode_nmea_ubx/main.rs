//! NMEA and UBX decoding on real captures, against gpsd's own decode of them, and on hostile bytes.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helpers may, as the test itself may")]

mod captures;
mod counts;
mod crates;
mod gpsd_nmea;
mod gpsd_ubx;
mod properties;
mod ubx;
