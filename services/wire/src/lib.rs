//! Every JSON shape on the wire, as serde types. No I/O, no clock, no behaviour.
//!
//! What stands here is a contract with rovers and consoles in the field: a field may be added, never
//! renamed, removed or retyped.

pub mod discovery;
pub mod dispatch;
pub mod feed;
pub mod frame;
pub mod gps_status;
