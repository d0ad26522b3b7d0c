//! Simulated time: nothing good is held back for long, nothing slow is lost, and receive times are right.

use std::time::Duration;

use proptest::prelude::*;
use rtk_reader::Timestamp;
use rtk_reader::frame::{Framer, LOOK_AFTER, encode};

use super::streams::{frame, framed_plainly, noise};

/// The promise to those who wait for a frame.
const HELD_BACK_AT_MOST: Duration = Duration::from_millis(300);

/// A frame told: where it stood, when it was told, what it says of its reception.
#[derive(Debug)]
struct Told {
    offset: u64,
    bytes: Vec<u8>,
    at: Timestamp,
    received_at: Timestamp,
}

/// A framer on a line, woken as it asks to be.
struct Line {
    framer: Framer,
    told: Vec<Told>,
    /// When each byte came.
    times: Vec<Timestamp>,
    timer_late: Duration,
}

impl Line {
    fn new(timer_late: Duration) -> Self {
        Self { framer: Framer::new(), told: Vec::new(), times: Vec::new(), timer_late }
    }

    /// Lets time run to `now`, calling the framer when it wants to be.
    fn run_to(&mut self, now: Timestamp) {
        while let Some(due) = self.framer.next_timeout().map(|at| at + self.timer_late)
            && due <= now
        {
            // An overdue time-out is seen at once, that is not before the last byte.
            let at = due.max(self.times.last().copied().unwrap_or_default());
            self.call(at, |framer, sink| framer.handle_timeout(at, sink));
        }
    }

    fn receive(&mut self, now: Timestamp, bytes: &[u8]) {
        self.run_to(now);
        self.times.extend(bytes.iter().map(|_| now));
        self.call(now, |framer, sink| framer.push(now, bytes, sink));
    }

    fn call(
        &mut self,
        at: Timestamp,
        call: impl FnOnce(&mut Framer, &mut &mut dyn FnMut(rtk_reader::frame::Frame<'_>)),
    ) {
        let told = &mut self.told;
        let mut tell = |f: rtk_reader::frame::Frame<'_>| {
            told.push(Told { offset: f.offset, bytes: f.bytes.to_vec(), at, received_at: f.received_at });
        };
        call(&mut self.framer, &mut (&mut tell as &mut dyn FnMut(rtk_reader::frame::Frame<'_>)));
    }

    fn check(&self) {
        for told in &self.told {
            let last = usize::try_from(told.offset).expect("short") + told.bytes.len() - 1;
            assert_eq!(told.received_at, self.times[last], "receive time of the frame at {}", told.offset);
            let held = told.at - told.received_at;
            assert!(held <= HELD_BACK_AT_MOST, "the frame at {} was held back {held:?}", told.offset);
        }
    }
}

fn ms(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn gll() -> Vec<u8> {
    encode::nmea("GNGLL,,,,,,V,N").expect("short")
}

#[test]
fn a_stray_sync_holds_nothing_back_for_long() {
    let mut line = Line::new(Duration::ZERO);
    line.receive(ms(1000), b"\xB5\x62\x01\x07\xFF\xFF");
    line.receive(ms(1020), &gll());
    line.receive(ms(1040), &gll());
    assert!(line.told.is_empty());
    assert_eq!(line.framer.next_timeout(), Some(ms(1150)));
    line.run_to(ms(1150));
    assert_eq!(line.told.iter().map(|t| t.received_at).collect::<Vec<_>>(), [ms(1020), ms(1040)]);
    assert_eq!(line.framer.next_timeout(), None);
    assert_eq!((line.framer.counts().false_starts, line.framer.counts().unframed_bytes), (1, 6));
    line.check();
}

#[test]
fn a_push_that_comes_before_the_timer_looks_too() {
    let mut framer = Framer::new();
    framer.push(ms(0), b"\xD3\x03\xFF", &mut |_| panic!("no frame"));
    framer.push(ms(10), &gll(), &mut |_| panic!("pending"));
    let mut told = Vec::new();
    framer.push(ms(160), b"$", &mut |f| told.push((f.offset, f.received_at)));
    assert_eq!(told, [(3, ms(10))]);
    assert_eq!(framer.next_timeout(), Some(ms(160) + LOOK_AFTER));
}

#[test]
fn false_starts_behind_a_false_start_are_given_up_with_it() {
    let mut line = Line::new(Duration::ZERO);
    for n in 0..100 {
        line.receive(ms(n), b"\xB5\x62\x01\x07\xFF\xFF");
    }
    line.receive(ms(100), &gll());
    line.run_to(ms(150));
    assert_eq!(line.told.len(), 1);
    assert_eq!(line.framer.counts().false_starts, 100);
    line.check();
}

#[test]
fn a_slow_frame_is_not_given_up() {
    // 1,029 bytes at 9,600 baud, and then one that takes a minute.
    let frame = encode::rtcm(&[0x43; 1023]).expect("it fits");
    let mut line = Line::new(Duration::ZERO);
    let mut now = ms(0);
    for gap in [Duration::from_micros(1042), ms(60)] {
        for byte in &frame {
            now += gap;
            line.receive(now, &[*byte]);
        }
    }
    assert_eq!(line.told.len(), 2);
    assert_eq!(line.framer.counts().unframed_bytes, 0);
    line.check();
}

#[test]
fn a_frame_split_over_two_reads_has_the_time_of_the_second() {
    let mut line = Line::new(Duration::ZERO);
    let sentence = gll();
    let (head, tail) = sentence.split_at(7);
    line.receive(ms(5), head);
    line.receive(ms(9), &[tail, head].concat());
    line.receive(ms(12), &[tail, &sentence].concat());
    assert_eq!(line.told.iter().map(|t| t.received_at).collect::<Vec<_>>(), [ms(9), ms(12), ms(12)]);
    line.check();
}

/// Reads of a line: gaps and what came after each.
fn reads() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    prop::collection::vec((prop_oneof![4 => 0..20_u64, 1 => 0..400_u64], noise(), frame()), 1..40).prop_map(
        |parts| parts.into_iter().map(|(gap, noise, frame)| (gap, [noise, frame].concat())).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// On a line with noise, false starts and a timer that is up to 100 ms late: every frame is told within
    /// 300 ms of its last byte, with the right time of reception.
    #[test]
    fn no_frame_is_held_back_longer_than_promised(reads in reads(), late_ms in 0..=100_u64) {
        let mut line = Line::new(ms(late_ms));
        let mut now = ms(1_000);
        let mut stream = Vec::new();
        for (gap, bytes) in &reads {
            now += ms(*gap);
            // What a frame can be told by is there with its last byte: what is told later than promised, or
            // never, is missed here.
            line.receive(now, bytes);
            stream.extend_from_slice(bytes);
        }
        line.run_to(now + HELD_BACK_AT_MOST);
        line.check();
        let told_to = line.told.last().map_or(0, |t| t.offset + t.bytes.len() as u64);
        let pending_from = stream.len() - line.framer.pending_bytes();
        prop_assert!(told_to <= pending_from as u64);
        // Nothing good waits in what is pending still.
        prop_assert_eq!(framed_plainly(&stream[pending_from..]), vec![]);
        // Time-outs cost no frame: each one that chunks at one time would give is told, or lies in one told.
        for (offset, frame) in framed_plainly(&stream) {
            let end = offset + frame.len() as u64;
            let told = line.told.iter().any(|t| t.offset < end && t.offset + t.bytes.len() as u64 > offset);
            prop_assert!(told, "{frame:02X?} at {offset}");
        }
    }

    /// How the bytes of one time are cut changes neither what is told nor when.
    #[test]
    fn chunks_of_one_time_never_change_the_result(reads in reads(), chunk in 1..100_usize) {
        let (mut whole, mut parts) = (Line::new(ms(7)), Line::new(ms(7)));
        let mut now = ms(0);
        for (gap, bytes) in &reads {
            now += ms(*gap);
            whole.receive(now, bytes);
            parts.run_to(now);
            parts.times.extend(bytes.iter().map(|_| now));
            for part in bytes.chunks(chunk) {
                parts.call(now, |framer, sink| framer.push(now, part, sink));
            }
        }
        let told = |line: &Line| line.told.iter().map(|t| (t.offset, t.at, t.received_at)).collect::<Vec<_>>();
        prop_assert_eq!(told(&whole), told(&parts));
        prop_assert_eq!(whole.framer.counts(), parts.framer.counts());
        prop_assert_eq!(whole.framer.next_timeout(), parts.framer.next_timeout());
    }
}
