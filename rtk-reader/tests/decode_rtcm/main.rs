//! RTCM 3 decoding against others' decoders, on real captures, and against whatever bytes there are.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers fail the test, and say what they skip"
)]

mod captures;
mod gpsd;
mod properties;
mod rtcm_rs;
