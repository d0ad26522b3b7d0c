//! NMEA and UBX decoding on real captures, against gpsd's own decode of them, and on hostile bytes.

mod captures;
mod counts;
mod crates;
mod gpsd_nmea;
mod gpsd_ubx;
mod properties;
mod ubx;
