//! Playing: the waiting, the looping, the end.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rtk_reader::{
    Timestamp,
    source::{self, Event, Moment, Options, QUEUE_EVENTS, Rate, Spec},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::common::{self, bytes_of, capture, gga, span};

const START: Timestamp = Duration::from_secs(1_800_000_000);

/// The clock of a paused runtime.
#[expect(clippy::disallowed_methods, reason = "tokio's paused clock stands still unless a test moves it")]
fn virtual_clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let start = tokio::time::Instant::now();
    move || START + start.elapsed()
}

fn file(dir: &tempfile::TempDir, seconds: std::ops::Range<u64>) -> PathBuf {
    let path = dir.path().join("base.nmea");
    std::fs::write(&path, seconds.flat_map(gga).collect::<Vec<_>>()).unwrap();
    path
}

fn options(dir: &tempfile::TempDir, rate: Rate, once: bool) -> Options {
    Options { rate, once, ..common::options(dir.path()) }
}

#[tokio::test]
async fn as_fast_as_possible_keeps_the_streams_own_intervals() {
    let Some(path) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (events, result) =
        common::start(Spec::Path(path.clone()), options(&dir, Rate::Max, true)).all().await;
    result.unwrap();
    assert!(
        matches!(&events[0], Event::Opened { device, baud: None } if device.ends_with("pygpsdata-rtcm3.log"))
    );
    assert_eq!(events.last(), Some(&Event::Ended));
    assert!(bytes_of(&events) == std::fs::read(path).unwrap());
    assert_eq!(span(&events), Duration::from_secs(157));
}

#[tokio::test(start_paused = true)]
async fn each_epoch_comes_when_it_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, 100..400);
    for (rate, seconds) in [(1.0, 299.0), (10.0, 29.9), (0.5, 598.0)] {
        let now = Arc::new(virtual_clock());
        let clock = now.clone();
        let spec = Spec::Path(path.clone());
        let mut running = common::start_with(spec, options(&dir, Rate::Times(rate), true), move || clock());
        let mut last = 0.0;
        while let Some(event) = running.events.recv().await {
            if let Event::Bytes { received_at, .. } = event {
                let due = (received_at - START).as_secs_f64() / rate;
                let taken = (now() - START).as_secs_f64();
                assert!((taken - due).abs() < 0.01, "due {due} s, came {taken} s at rate {rate}");
                last = taken;
            }
        }
        assert!((last - seconds).abs() < 0.01, "{last} s at rate {rate}");
    }
}

#[tokio::test]
async fn a_loop_goes_on_on_the_same_time_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = common::start(Spec::Path(file(&dir, 0..10)), options(&dir, Rate::Max, false));
    let mut times = Vec::new();
    while times.len() < 100 {
        match running.event().await {
            Event::Bytes { received_at, .. } => times.push(received_at),
            Event::Opened { .. } if times.is_empty() => {}
            other => panic!("{other:?}"),
        }
    }
    // One event an epoch, and no seam.
    let intervals: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(intervals.iter().all(|&interval| interval == Duration::from_secs(1)), "{intervals:?}");
    running.stop.cancel();
    while running.events.recv().await.is_some() {}
    running.end().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_the_next_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(virtual_clock());
    let clock = now.clone();
    let options = options(&dir, Rate::Times(0.001), true);
    let mut running = common::start_with(Spec::Path(file(&dir, 0..10)), options, move || clock());
    running.told().await;
    running.bytes_until(b"\n").await;
    running.stop.cancel();
    running.end().await.unwrap();
    assert!(now() - START < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_generated_stream_is_played_like_a_capture() {
    let (send, mut events) = mpsc::channel(QUEUE_EVENTS);
    let now = Arc::new(virtual_clock());
    let clock = now.clone();
    let bytes = (0..5u64).map(|second| (Duration::from_secs(second), Moment::Bytes(vec![7; 5000])));
    let unplugged = [(Duration::from_secs(5), Moment::Closed), (Duration::from_secs(8), Moment::Opened)];
    let moments = bytes.chain(unplugged);
    let stop = CancellationToken::new();
    let device = "scenario".to_owned();
    tokio::spawn(source::paced(device.clone(), moments, Rate::Times(2.0), move || clock(), send, stop));
    let opened = Event::Opened { device, baud: None };
    assert_eq!(events.recv().await, Some(opened.clone()));
    for second in 0..5 {
        for length in [4096, 904] {
            let received_at = START + Duration::from_secs(second);
            assert_eq!(events.recv().await, Some(Event::Bytes { received_at, bytes: vec![7; length] }));
        }
    }
    assert_eq!(events.recv().await, Some(Event::Closed { reason: "scenario was unplugged".to_owned() }));
    assert_eq!((now() - START).as_millis(), 2500);
    assert_eq!(events.recv().await, Some(opened));
    assert_eq!(events.recv().await, Some(Event::Ended));
    assert_eq!(events.recv().await, None);
    assert_eq!((now() - START).as_millis(), 4000);
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_read_like_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let stream: Vec<u8> = (0..10).flat_map(gga).collect();
    // Whoever opens a named pipe waits for the other side.
    let writer = std::thread::spawn({
        let (path, stream) = (path.clone(), stream.clone());
        move || std::fs::write(path, stream).unwrap()
    });
    let (events, result) =
        common::start(Spec::Path(path.clone()), options(&dir, Rate::Max, true)).all().await;
    writer.join().unwrap();
    result.unwrap();
    assert_eq!(events.first(), Some(&Event::Opened { device: path.display().to_string(), baud: None }));
    assert_eq!(bytes_of(&events), stream);
    assert_eq!(events.last(), Some(&Event::Ended));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_device_without_a_line_is_no_port() {
    let dir = tempfile::tempdir().unwrap();
    for device in ["/dev/null", "/dev/zero", "/dev/random"] {
        let running = common::start(Spec::Path(device.into()), options(&dir, Rate::Max, true));
        let text = running.error().await.to_string();
        assert!(
            text.starts_with(&format!("{device} is a device of the system's own, not a serial port")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_before_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: PathBuf| {
        let running = common::start(Spec::Path(path), options(&dir, Rate::Max, true));
        async move {
            let (events, result) = running.all().await;
            assert_eq!(events, []);
            result.expect_err("no source").to_string()
        }
    };
    let none = dir.path().join("ttyACM7");
    assert_eq!(
        error(none.clone()).await,
        format!("no such port or file: {}; `depot gnss ports` lists what is plugged in", none.display())
    );
    let text = error(dir.path().to_owned()).await;
    assert!(text.contains("is a directory, not a serial port or a capture"), "{text}");
    let letter = dir.path().join("letter");
    std::fs::write(&letter, "Dear base").unwrap();
    let text = error(letter).await;
    assert!(text.contains("is not a GNSS stream: 9 bytes came, and none is in a good"), "{text}");
}
