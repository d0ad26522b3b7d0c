//! Sessions: recorded from a running service, replayed to the bit.
//!
//! - [`recorder`]: a thread that empties a [`kit::tap::Tap`] into a file, and never slows or breaks what it
//!   records.
//! - [`writer`]: writes the file, for the recorder and for whoever makes a session otherwise.
//! - [`session`]: reads it; every byte is checked before it is believed, and what stands before a
//!   cut or a damage is always readable.
//! - [`player`]: builds each recorded service's machine again, feeds it what it was fed, at the recorded
//!   times, and compares what comes out; twice, because a machine that isn't deterministic proves nothing.
//! - [`report`]: what a person is told about it, and the exit code.
//! - [`proxy`]: records services that aren't ours, from between them and their clients.
//! - [`tools`]: what else can be done with a session: look into it, cut, convert, redact, recover it.
//!   [`shrink`]: the smallest session that still fails.
//! - `testing`, with the feature of that name: a test for each session, in any crate's tests.
//! - [`mod@format`]: how events lie in the file. [`machines`]: which machine plays which service.

pub mod compare;
pub mod diff;
pub mod format;
pub mod html;
pub mod junit;
pub mod machines;
pub mod message;
pub mod play;
pub mod player;
pub mod proxy;
pub mod recorder;
pub mod report;
pub mod review;
pub mod select;
pub mod session;
pub mod shrink;
pub mod suite;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tools;
pub mod update;
pub mod volatile;
pub mod window;
pub mod wire;
pub mod writer;

mod finding;
mod frame;
mod hot;
mod lane;
mod markup;
mod records;
mod schema;
mod shared;
mod tardy;
