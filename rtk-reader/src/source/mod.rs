//! Where the bytes come from: a serial port, a capture, a host, standard input.
//!
//! [`run()`] opens what a [`Spec`] names and turns it into [`Event`]s until it is told to stop. What should end
//! the program is a [`SourceError`], found when the source is first opened; what happens later, an unplugged
//! receiver or a host that went away, is an [`Event::Closed`], and the source comes back by itself.

mod capture;
mod error;
mod lock;
mod pacer;
mod play;
mod ports;
mod run;
mod serial;
mod spec;
mod stdin;
mod stream_time;
mod tcp;

pub use capture::{Capture, Chunk, Content, PROBE_BYTES, RECORDING_MAGIC, TagWriter};
pub use error::{Damage, ErrorKind, Remedy, SourceError};
pub use lock::{Holder, PortLock, default_dirs as default_lock_dirs};
pub use pacer::{BURST_BYTES, HELD_BYTES, NOMINAL_BYTES_PER_S, Pacer};
pub use play::{Moment, paced};
pub use ports::{MAX_PORTS, Port, UBLOX_VENDOR_ID, Usb, ports};
pub use run::{NOT_GNSS_BYTES, Options, Timing, run};
pub use serial::{BAUD_RATES, Line};
pub use spec::{RateError, Spec, SpecError};
pub use stream_time::{BACK_TOLERANCE, GAP_PLAYED, MAX_GAP, StreamTime};

use crate::Timestamp;

/// What a source tells, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes can arrive. Told again without a [`Closed`](Self::Closed) between when the line speed becomes known
    /// only as the receiver begins to talk.
    Opened {
        /// Device, host or file, for people.
        device: String,
        /// Bits per second, where the source has a line: none on a receiver's own USB, and none as long as
        /// nothing has come that could tell.
        baud: Option<u32>,
    },
    /// Bytes in the order received; at most [`CHUNK_BYTES`].
    Bytes {
        /// When the last of them was received; a capture's own time line when it is played.
        received_at: Timestamp,
        /// Never empty.
        bytes: Vec<u8>,
    },
    /// The receiver is gone; the source goes on trying. Told again when the reason why it can't be opened
    /// changes; first of all if a host can't be reached from the start.
    Closed {
        /// One sentence for a person.
        reason: String,
    },
    /// A capture played once came to its end; nothing more will come.
    Ended,
}

/// The most bytes of one [`Event::Bytes`].
pub const CHUNK_BYTES: usize = 4096;

/// Events that wait for the service; a source that is ahead of it waits (a capture) or lets the tty's own
/// buffer fill (a port).
pub const QUEUE_EVENTS: usize = 256;

/// How fast a capture is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many times as fast as it was received; 1 is real time.
    Times(f64),
    /// As fast as it can be taken.
    Max,
}
