//! What the messages of a recording say of the receiver.
//!
//! Two channels of a service do: `…/in/stream`, what its own reader saw, and `…/in/ws`, where a reader on
//! another machine sent the same as text frames to `/feed`. Only what is played is read of a message.

use std::time::Duration;

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// What stands before these in a topic is the service.
const STREAM_TOPIC_END: &str = "/in/stream";
const SOCKETS_TOPIC_END: &str = "/in/ws";

/// The path at which a feeder connects.
const FEED_PATH: &str = "/feed";

/// A feed's frame with more than 48 KiB of bytes is refused by the service, and not played.
const FEED_BASE64_BYTES: usize = 64 * 1024;

/// What happened to the receiver.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Opened { baud: Option<u32> },
    Bytes { received_at: Duration, bytes: Vec<u8> },
    Closed { reason: String },
}

/// A channel whose messages may say so.
#[derive(Debug)]
pub(super) enum Channel {
    Stream,
    /// With the connection that feeds: the newest at [`FEED_PATH`].
    Sockets {
        feeder: Option<u64>,
    },
}

/// A message that no recorder of ours wrote.
#[derive(Debug)]
pub(super) struct Unreadable;

impl Channel {
    pub(super) fn of(topic: &str) -> Option<Self> {
        if topic.ends_with(STREAM_TOPIC_END) {
            Some(Self::Stream)
        } else if topic.ends_with(SOCKETS_TOPIC_END) {
            Some(Self::Sockets { feeder: None })
        } else {
            None
        }
    }

    /// What a message says of the receiver; none for what it says of something else.
    pub(super) fn read(&mut self, message: &[u8]) -> Result<Option<Event>, Unreadable> {
        let input = serde_json::from_slice(message).map_err(|_| Unreadable)?;
        match (self, input) {
            (Self::Stream, Input::Stream { event }) => event.told(),
            (Self::Sockets { feeder }, Input::Open { conn, path }) if path == FEED_PATH => {
                *feeder = Some(conn);
                Ok(None)
            }
            (Self::Sockets { feeder }, Input::Text { conn, text }) if *feeder == Some(conn) => {
                // What makes no sense is the feeder's fault, not the recording's: the service left it out too.
                Ok(serde_json::from_str(&text).ok().and_then(FeedFrame::told))
            }
            (Self::Sockets { feeder }, Input::Closed { conn }) if *feeder == Some(conn) => {
                *feeder = None;
                Ok(Some(Event::Closed { reason: "the feed was lost".to_owned() }))
            }
            _ => Ok(None),
        }
    }
}

/// The body of a message of either channel.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Input {
    Stream {
        event: StreamEvent,
    },
    Open {
        conn: u64,
        path: String,
    },
    Text {
        conn: u64,
        text: String,
    },
    Closed {
        conn: u64,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum StreamEvent {
    Opened {
        baud: Option<u32>,
    },
    Bytes {
        received_at_ns: u64,
        bytes: String,
    },
    Closed {
        reason: String,
    },
    #[serde(other)]
    Other,
}

impl StreamEvent {
    fn told(self) -> Result<Option<Event>, Unreadable> {
        Ok(match self {
            Self::Opened { baud } => Some(Event::Opened { baud }),
            Self::Bytes { received_at_ns, bytes } => {
                Some(received(received_at_ns, &bytes).map_err(|_| Unreadable)?)
            }
            Self::Closed { reason } => Some(Event::Closed { reason }),
            Self::Other => None,
        })
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FeedFrame {
    Opened {
        baud: Option<u32>,
    },
    #[serde(rename_all = "camelCase")]
    Bytes {
        received_at_ns: u64,
        bytes: String,
    },
    Closed {
        reason: String,
    },
}

impl FeedFrame {
    fn told(self) -> Option<Event> {
        match self {
            Self::Opened { baud } => Some(Event::Opened { baud }),
            Self::Bytes { received_at_ns, bytes } if bytes.len() <= FEED_BASE64_BYTES => {
                received(received_at_ns, &bytes).ok()
            }
            Self::Bytes { .. } => None,
            Self::Closed { reason } => Some(Event::Closed { reason }),
        }
    }
}

fn received(received_at_ns: u64, base64: &str) -> Result<Event, DecodeError> {
    Ok(Event::Bytes { received_at: Duration::from_nanos(received_at_ns), bytes: STANDARD.decode(base64)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(channel: &mut Channel, message: &str) -> Option<Event> {
        channel.read(message.as_bytes()).expect("a message of ours")
    }

    fn text(conn: u64, frame: &str) -> String {
        serde_json::json!({ "kind": "text", "conn": conn, "text": frame }).to_string()
    }

    const BYTES: &str = r#"{"type":"bytes","receivedAtNs":7,"bytes":"JEdO"}"#;

    fn three_bytes() -> Event {
        Event::Bytes { received_at: Duration::from_nanos(7), bytes: b"$GN".to_vec() }
    }

    #[test]
    fn the_newest_feeder_is_heard_and_nobody_else() {
        let channel = &mut Channel::of("/gps-status/in/ws").expect("looked at");
        assert_eq!(read(channel, r#"{"kind":"open","conn":1,"path":"/ws","query":""}"#), None);
        assert_eq!(read(channel, &text(1, BYTES)), None);
        assert_eq!(read(channel, r#"{"kind":"open","conn":2,"path":"/feed","query":""}"#), None);
        let opened = r#"{"type":"opened","device":"x","baud":38400}"#;
        assert_eq!(read(channel, &text(2, opened)), Some(Event::Opened { baud: Some(38_400) }));
        assert_eq!(read(channel, &text(2, BYTES)), Some(three_bytes()));
        assert_eq!(read(channel, &text(1, BYTES)), None);
        // The older may be a connection that broke unnoticed; its end changes nothing then.
        assert_eq!(read(channel, r#"{"kind":"open","conn":3,"path":"/feed","query":""}"#), None);
        assert_eq!(read(channel, &text(2, BYTES)), None);
        assert_eq!(read(channel, r#"{"kind":"closed","conn":2,"code":1008}"#), None);
        assert_eq!(read(channel, &text(3, BYTES)), Some(three_bytes()));
        let lost = Event::Closed { reason: "the feed was lost".to_owned() };
        assert_eq!(read(channel, r#"{"kind":"closed","conn":3,"code":null}"#), Some(lost));
        assert_eq!(read(channel, &text(3, BYTES)), None);
    }

    #[test]
    fn what_a_feeder_says_wrong_is_left_out_and_no_damage() {
        let channel = &mut Channel::Sockets { feeder: Some(1) };
        let long = format!(r#"{{"type":"bytes","receivedAtNs":7,"bytes":"{}"}}"#, "A".repeat(65_540));
        for wrong in ["", "{}", r#"{"type":"bytes","receivedAtNs":7,"bytes":"!"}"#, &long] {
            assert_eq!(read(channel, &text(1, wrong)), None);
        }
        assert!(channel.read(b"{").is_err());
    }

    #[test]
    fn a_stream_tells_all_that_happened_to_it() {
        let channel = &mut Channel::of("/gps-status/in/stream").expect("looked at");
        let mut event = |event: &str| read(channel, &format!(r#"{{"kind":"stream","event":{event}}}"#));
        assert_eq!(
            event(r#"{"event":"opened","device":"x","baud":null}"#),
            Some(Event::Opened { baud: None })
        );
        assert_eq!(event(r#"{"event":"bytes","received_at_ns":7,"bytes":"JEdO"}"#), Some(three_bytes()));
        let closed = Event::Closed { reason: "gone".to_owned() };
        assert_eq!(event(r#"{"event":"closed","reason":"gone"}"#), Some(closed));
        assert_eq!(event(r#"{"event":"ended"}"#), None);
        let bad = br#"{"kind":"stream","event":{"event":"bytes","received_at_ns":7,"bytes":"!"}}"#;
        assert!(channel.read(bad).is_err());
        assert!(Channel::of("/gps-status/out/ws").is_none());
    }
}
