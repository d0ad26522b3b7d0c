//! From a source of bytes to the machine's input.

use kit::machine::StreamEvent;
use rtk_reader::source::Event;

/// The machine's input for what a source tells.
#[must_use]
pub fn event(event: Event) -> StreamEvent {
    match event {
        Event::Opened { device, baud } => StreamEvent::Opened { device, baud },
        Event::Bytes { received_at, bytes } => StreamEvent::Bytes {
            // Nanoseconds fill 64 bits in the year 2554.
            received_at_ns: u64::try_from(received_at.as_nanos()).unwrap_or(u64::MAX),
            bytes,
        },
        Event::Closed { reason } => StreamEvent::Closed { reason },
        Event::Ended => StreamEvent::Ended,
    }
}
