//! `/feed`: frames of a reader on another machine to what happened to the byte stream.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use kit::machine::StreamEvent;
use wire::feed::FeedFrame;

/// The most bytes of one frame; one with more is answered with an error and left out.
pub const FRAME_BYTES: usize = 48 * 1024;
/// What they are in base64.
const FRAME_BASE64: usize = FRAME_BYTES.div_ceil(3) * 4;

/// Why a frame was left out. Told to the feeder.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Not one of the feed's frames.
    #[error("this is not a frame of a feed: {0}; send opened, bytes or closed")]
    Unparsable(#[from] serde_json::Error),
    /// Bytes that are not base64.
    #[error("the bytes are not standard base64 with padding: {0}")]
    Base64(#[from] DecodeError),
    /// Over [`FRAME_BYTES`].
    #[error("{found} bytes in one frame, at most {FRAME_BYTES} are taken: send smaller frames")]
    TooLong {
        /// How many, as far as their base64 tells.
        found: usize,
    },
}

/// What a feeder's text tells.
pub fn event(text: &str) -> Result<StreamEvent, FeedError> {
    Ok(match serde_json::from_str(text)? {
        FeedFrame::Opened { device, baud } => StreamEvent::Opened { device, baud },
        FeedFrame::Bytes { received_at_ns, bytes } => {
            if bytes.len() > FRAME_BASE64 {
                return Err(FeedError::TooLong { found: bytes.len() / 4 * 3 });
            }
            StreamEvent::Bytes { received_at_ns, bytes: STANDARD.decode(bytes)? }
        }
        FeedFrame::Closed { reason } => StreamEvent::Closed { reason },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_over_the_limit_is_refused_and_one_at_it_is_not() {
        let frame = |bytes: usize| {
            let bytes = STANDARD.encode(vec![7; bytes]);
            event(&format!(r#"{{"type":"bytes","receivedAtNs":5,"bytes":"{bytes}"}}"#))
        };
        let Ok(StreamEvent::Bytes { received_at_ns: 5, bytes }) = frame(FRAME_BYTES) else { panic!() };
        assert_eq!(bytes.len(), FRAME_BYTES);
        insta::assert_snapshot!(frame(FRAME_BYTES + 3).unwrap_err(), @"49155 bytes in one frame, at most 49152 are taken: send smaller frames");
    }

    #[test]
    fn what_is_wrong_is_said() {
        insta::assert_snapshot!(event("{").unwrap_err(), @r#"this is not a frame of a feed: EOF while parsing an object at line 1 column 1; send opened, bytes or closed"#);
        insta::assert_snapshot!(event(r#"{"type":"progress"}"#).unwrap_err(), @r#"this is not a frame of a feed: unknown variant `progress`, expected one of `opened`, `bytes`, `closed` at line 1 column 18; send opened, bytes or closed"#);
        insta::assert_snapshot!(event(r#"{"type":"bytes","receivedAtNs":-1,"bytes":""}"#).unwrap_err(), @r#"this is not a frame of a feed: invalid value: integer `-1`, expected u64; send opened, bytes or closed"#);
        insta::assert_snapshot!(event(r#"{"type":"bytes","receivedAtNs":1,"bytes":"!"}"#).unwrap_err(), @r#"the bytes are not standard base64 with padding: Invalid symbol 33, offset 0."#);
    }
}
