//! What any service may send on any WebSocket.

use serde::{Deserialize, Serialize};

/// `{"type":"error","message":…}`: the answer to a frame that can't be understood. The socket stays open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "error")]
pub struct ErrorFrame {
    /// One sentence for a person.
    pub message: String,
}
