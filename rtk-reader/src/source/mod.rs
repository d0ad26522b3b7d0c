//! Where the bytes come from. (Interface; the bodies are to be written, one source per file.)

use crate::Timestamp;

/// What a source tells, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes can arrive.
    Opened {
        /// Device, host or file, for people.
        device: String,
        /// Bits per second, where the source has a line.
        baud: Option<u32>,
    },
    /// Bytes in the order received; at most [`CHUNK_BYTES`].
    Bytes {
        /// When the last of them was received; a capture's own time line when it is played.
        received_at: Timestamp,
        /// Never empty.
        bytes: Vec<u8>,
    },
    /// The receiver is gone; the source goes on trying.
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
