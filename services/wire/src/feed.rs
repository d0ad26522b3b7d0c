//! `/feed` of gps-status: a reader on another machine streams a receiver's bytes to the service.
//!
//! Text frames, one JSON object each, feeder to service; the service answers only with error frames.

use serde::{Deserialize, Serialize};

/// One frame of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FeedFrame {
    /// The feeder has the receiver open. Sent first, and after every reopening.
    #[serde(rename_all = "camelCase")]
    Opened {
        /// Where the bytes come from, for people: `/dev/serial/by-id/…`, a host, a file.
        device: String,
        /// Line speed in bits per second, where the source has one.
        baud: Option<u32>,
    },
    /// Bytes in the order received.
    #[serde(rename_all = "camelCase")]
    Bytes {
        /// When the feeder received the last of them, Unix nanoseconds.
        received_at_ns: u64,
        /// Standard base64 with padding; at most 48 KiB of bytes.
        bytes: String,
    },
    /// The receiver is gone (unplugged, silent link); the feed stays up.
    Closed {
        /// One sentence for a person.
        reason: String,
    },
}
