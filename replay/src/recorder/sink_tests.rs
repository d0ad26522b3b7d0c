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

/// A disk for all parts, with so much room left.
#[derive(Clone, Default)]
struct Disk(std::sync::Arc<std::sync::Mutex<(usize, Vec<Vec<u8>>)>>);

impl Disk {
    fn room(&self, bytes: usize) {
        self.0.lock().unwrap().0 = bytes;
    }

    fn parts(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().1.clone()
    }
}

/// One part on it.
struct File(Disk, usize);

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.0.lock().unwrap();
        let fits = disk.0.min(buf.len());
        if fits == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.0 -= fits;
        disk.1[self.1].extend_from_slice(&buf[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk {
    /// As [`super::super::parts::next`] does it: nothing is left of a part that can't be begun.
    fn next(&self, part: Part, begin: Begin<File>) -> Result<SessionWriter<File>, WriteError> {
        let file = {
            let mut disk = self.0.lock().unwrap();
            disk.1.push(Vec::new());
            disk.1.len() - 1
        };
        let mut about = About::default();
        about.notes.insert("missed".to_owned(), part.missed.to_string());
        let begun = SessionWriter::new(File(self.clone(), file), &about).map_err(WriteError::from);
        let begun = begun.and_then(|mut writer| begin(&mut writer).map(|()| writer));
        if begun.is_err() {
            self.0.lock().unwrap().1.pop();
        }
        begun
    }
}

/// Told once, and gone on with when there is room again; what is missing is counted.
#[test]
fn a_full_disk_ends_a_part_and_the_next_says_what_is_missing() {
    let disk = Disk::default();
    disk.room(250_000);
    let making = disk.clone();
    let mut next: NextPart<File> = Box::new(move |part, begin| making.next(part, begin));
    let first = next(Part { number: 1, first_seq: 1, missed: 0 }, &|_| Ok(())).unwrap();
    let rotation = Rotation { bytes: Some(100_000), every: None, next, part: 1 };
    let mut sink = Sink::new(first, Tap::off().losses()).rotating(rotation);
    let (mut starts, mut json) = (Starts::default(), Vec::new());
    let mut events = 0;
    let mut take = |sink: &mut Sink<File>, seconds: u64| {
        for _ in 0..seconds {
            events += 1;
            let bytes = crate::writer::tests::noise(10_000, events);
            let body = match events {
                1 => Body::Start(Start {
                    version: String::new(),
                    seed: 0,
                    config: serde_json::Value::Null,
                    state: serde_json::Value::Null,
                }),
                _ => Body::In(Input::Stream { event: StreamEvent::Bytes { received_at_ns: 0, bytes } }),
            };
            let event = Event { seq: events, at: Timestamp::from_secs(events), service: "gps-status", body };
            let event = encoded(&event, &mut json);
            starts.take(&event);
            sink.take(&event, &starts);
            sink.flush();
        }
        events
    };
    // Some parts, and then no room for the rest.
    take(&mut sink, 60);
    assert!(!sink.progress().0);
    let full = disk.parts();
    assert!(full.len() >= 2 && !sink.progress().0, "{} parts", full.len());
    // Tried in vain, and nothing is left of that.
    take(&mut sink, RETRY_EVERY.as_secs());
    assert_eq!(disk.parts(), full);
    disk.room(10_000_000);
    let all = take(&mut sink, RETRY_EVERY.as_secs() + 5);
    assert!(sink.progress().0, "it goes on");
    let summary = sink.finish().unwrap();
    assert!(summary.lost > 20, "{summary:?}");
    assert!(summary.events + summary.lost >= all, "{summary:?} of {all}");
    let parts = disk.parts();
    let read = |part: &Vec<u8>| {
        let session = Session::from_bytes(part.clone()).unwrap();
        let events: Vec<_> = session.events().unwrap().map_while(Result::ok).collect();
        (session.about().notes["missed"].parse::<u64>().unwrap(), events)
    };
    let (missed, after) = read(&parts[full.len()]);
    let (_, before) = read(&full[full.len() - 1]);
    assert_eq!(missed, summary.lost);
    // The start, a gap, and on to the end; between the parts nothing is missing that isn't counted.
    assert!(matches!((&after[0].body, &after[1].body), (Body::Start(_), Body::Gap(_))));
    let last = before.last().unwrap().seq;
    assert!(after[2].seq > last && after[2].seq - last > missed, "{last} {missed} {}", after[2].seq);
}
