use super::*;
use kit::machine::{Input, StreamEvent};
use kit::tap::{Event, Start, Tap};

use crate::session::Session;
use crate::writer::About;

const MAX_BYTES: u64 = 300_000;

#[test]
fn a_full_recording_ends_in_order_and_says_so() {
    let mut file = Vec::new();
    let writer = SessionWriter::new(&mut file, &About::default()).unwrap().at_most(MAX_BYTES);
    let mut sink = Sink::new(writer, Tap::off().losses());
    let (starts, mut json) = (Starts::default(), Vec::new());
    let event = |seq, body| Event { seq, at: Timestamp::from_secs(seq), service: "gps-status", body };
    let (version, config) = (String::new(), serde_json::Value::Null);
    let state = serde_json::Value::Null;
    let start = event(1, Body::Start(Start { version, seed: 0, config, state }));
    sink.take(&encoded(&start, &mut json), &starts);
    for seq in 2..=100 {
        let bytes = crate::writer::tests::noise(10_000, seq);
        let event =
            event(seq, Body::In(Input::Stream { event: StreamEvent::Bytes { received_at_ns: 0, bytes } }));
        sink.take(&encoded(&event, &mut json), &starts);
        sink.flush();
    }
    let error = sink.finish().unwrap_err();
    let RecordError::Full { kept, unwritten, max_bytes: MAX_BYTES } = error else { panic!("{error}") };
    assert_eq!((kept.bytes, kept.events + unwritten), (file.len() as u64, 100));
    assert!((MAX_BYTES / 2..=MAX_BYTES).contains(&kept.bytes), "{kept:?}");
    assert!(error.to_string().starts_with("the recording ended when it had 300000 bytes: "), "{error}");
    // Not cut off: read to an orderly end.
    let session = Session::from_bytes(file).unwrap();
    assert_eq!(session.events().unwrap().map(Result::unwrap).count() as u64, kept.events);
}
