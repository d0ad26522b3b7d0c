//! From a source of bytes to the machine's input.

use kit::machine::StreamEvent;
use rtk_reader::source::Event;

/// The way back: what a feeder sent, as a source would have told it.
#[must_use]
pub fn source_event(event: &StreamEvent) -> Event {
    match event.clone() {
        StreamEvent::Opened { device, baud } => Event::Opened { device, baud },
        StreamEvent::Bytes { received_at_ns, bytes } => {
            Event::Bytes { received_at: std::time::Duration::from_nanos(received_at_ns), bytes }
        }
        StreamEvent::Closed { reason } => Event::Closed { reason },
        StreamEvent::Ended => Event::Ended,
    }
}

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
