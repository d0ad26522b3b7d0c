use std::fs;
use std::io::{self, Write};
use std::path::Path;

use kit::clock::Clock;
use kit::tap::Tap;
use replay::player::{Options, replay};
use replay::recorder::{CreateError, RecordError, Recorder};
use replay::report::Outcome;
use replay::session::Session;

use crate::toy::{Fault, Memory, Shell, about, epoch, factory};

fn create(path: &Path) -> Result<(Recorder, Tap), CreateError> {
    Recorder::create(path, &about(), Clock::start())
}

fn live(tap: Tap) {
    let mut shell = Shell::start(&tap, "toy", epoch());
    shell.live(2);
    shell.end();
}

#[test]
fn an_earlier_recording_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.mcap");
    let (recorder, tap) = create(&path).unwrap();
    assert_eq!(recorder.moved_aside(), None);
    live(tap);
    recorder.finish().unwrap();
    let first = fs::read(&path).unwrap();
    for n in 1..=2 {
        let (recorder, tap) = create(&path).unwrap();
        let moved = folder.path().join(format!("base-{n}.mcap"));
        assert_eq!(recorder.moved_aside(), Some(&*moved));
        live(tap);
        let summary = recorder.finish().unwrap();
        assert_eq!(summary.bytes, fs::metadata(&path).unwrap().len());
    }
    assert_eq!(fs::read(folder.path().join("base-1.mcap")).unwrap(), first);
    let report = replay(&Session::open(&path).unwrap(), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Same);
    assert_eq!(report.session, path.display().to_string());
}

#[test]
fn a_discarded_recording_leaves_all_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.mcap");
    let (recorder, tap) = create(&path).unwrap();
    drop(tap);
    recorder.discard();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(&path, "mine").unwrap();
    let (recorder, tap) = create(&path).unwrap();
    recorder.discard();
    // A tap that lives longer records into nothing.
    live(tap);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn no_file_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| create(path).unwrap_err().to_string();
    let text = refused(&folder.path().join("no/such/base.mcap"));
    assert!(text.ends_with("choose a folder that exists and can be written"), "{text}");
    assert!(refused(folder.path()).contains("it is a folder; name a file in it"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_the_start_is_an_error() {
    let text = create(Path::new("/dev/full")).unwrap_err().to_string();
    assert!(text.contains("No space left on device"), "{text}");
    assert!(Path::new("/dev/full").exists());
    let (recorder, tap) = create(Path::new("/dev/null")).unwrap();
    live(tap);
    recorder.finish().unwrap();
    assert!(Path::new("/dev/null").exists());
}

/// A disk with so much room.
struct Small {
    disk: Memory,
    room_bytes: usize,
}

impl Write for Small {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let fits = buf.get(..self.room_bytes.min(buf.len())).unwrap_or_default();
        if fits.is_empty() && !buf.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room_bytes -= fits.len();
        self.disk.write(fits)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_fills_stops_the_recording_and_nothing_else() {
    let mut failed = 0;
    for room_bytes in (200..20_000).step_by(2_500) {
        let disk = Memory::default();
        let small = Small { disk: disk.clone(), room_bytes };
        let (recorder, tap) = Recorder::to_writer(small, &about(), Clock::start()).unwrap();
        let mut shell = Shell::start(&tap, "toy", epoch());
        // More than a chunk, so that some of it comes while the recorder is in the middle.
        for _ in 0..6 {
            shell.input(1, crate::toy::bytes(noise(60_000)));
        }
        drop((shell, tap));
        match recorder.finish() {
            Ok(_) => panic!("360 kB in {room_bytes} bytes"),
            Err(RecordError::Write { kept, source, .. }) => {
                assert!(kept.events <= 7);
                assert_eq!(source.kind(), io::ErrorKind::StorageFull);
                failed += 1;
            }
            Err(other) => panic!("{other}"),
        }
        let session = Session::from_bytes(disk.bytes()).unwrap();
        let report = replay(&session, &*factory(Fault::None), Options { twice: false }).unwrap();
        assert_eq!((report.outcome(), report.differences), (Outcome::Lossy, 0));
    }
    assert!(failed > 6);
}

/// Bytes that don't compress.
fn noise(length: usize) -> Vec<u8> {
    let mut x = 88_172_645_463_325_252_u64;
    let next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn a_tap_that_is_never_dropped_does_not_hold_the_end_up_for_ever() {
    let memory = Memory::default();
    let (recorder, tap) = Recorder::to_writer(memory.clone(), &about(), Clock::start()).unwrap();
    live(tap.clone());
    let summary = recorder.finish().unwrap();
    drop(tap);
    let session = Session::from_bytes(memory.bytes()).unwrap();
    assert_eq!(session.events().unwrap().map(Result::unwrap).count() as u64, summary.events);
}

/// A disk that takes nothing until it is let.
struct Slow {
    disk: Memory,
    gate: std::sync::Arc<std::sync::Mutex<()>>,
    /// Told before each write.
    writes: std::sync::mpsc::Sender<()>,
}

impl Write for Slow {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let _ = self.writes.send(());
        let _open = self.gate.lock().unwrap();
        self.disk.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_slow_disk_loses_is_a_gap_at_its_place() {
    let disk = Memory::default();
    let gate = std::sync::Arc::<std::sync::Mutex<()>>::default();
    let (writes, written) = std::sync::mpsc::channel();
    let slow = Slow { disk: disk.clone(), gate: gate.clone(), writes };
    let (recorder, tap) = Recorder::to_writer(slow, &about(), Clock::start()).unwrap();
    written.recv().unwrap();
    let closed = gate.lock().unwrap();
    let mut shell = Shell::start(&tap, "toy", epoch());
    // From here on the recorder waits for the disk, and takes nothing.
    written.recv().unwrap();
    let mut sent = 1_u64;
    while tap.lost() < 5 {
        shell.input(0, crate::toy::bytes(vec![1; 4]));
        sent += 1;
    }
    drop(closed);
    let lost_while_closed = tap.lost();
    drop((shell, tap));
    let summary = recorder.finish().unwrap();
    assert_eq!((summary.lost, summary.events), (lost_while_closed, sent - lost_while_closed));
    let report =
        replay(&Session::from_bytes(disk.bytes()).unwrap(), &*factory(Fault::None), Options::default())
            .unwrap();
    assert_eq!(report.outcome(), Outcome::Lossy);
    assert_eq!(report.inputs, summary.events - 1);
    assert!(report.to_string().contains("the recording has a gap: 5 events were lost at event "), "{report}");
}
