use std::{collections::BTreeMap, time::Duration};

use kit::{
    machine::Timestamp,
    outbox::OutFrame,
    pace::{ARRAY_BYTES, HELD_BYTES, HELD_FRAMES, MAX_INTERVAL_MS, Pace, PaceError, Pacer, arrays},
};
use proptest::prelude::*;

const START: Timestamp = Duration::from_secs(1_700_000_000);

fn pace(query: &str) -> Pace {
    Pace::from_query(query).unwrap()
}

fn frame(seq: u64, key: Option<u64>) -> OutFrame {
    OutFrame { text: format!("{{\"n\":{seq}}}").into(), key, seq, ping: None }
}

/// Frames at their times, milliseconds after the start, through a pacer asked exactly when it wants to be:
/// when each burst left, and what it held.
fn play(pace: Pace, frames: &[(u64, OutFrame)]) -> Vec<(Duration, Vec<OutFrame>)> {
    let mut pacer = Pacer::new(pace);
    let mut bursts = Vec::new();
    let mut frames = frames.iter().peekable();
    let mut now = START;
    loop {
        while let Some(burst) = pacer.take(now) {
            assert_eq!(burst.batch, pace.batch.is_some());
            bursts.push((now - START, burst.frames));
        }
        let due = pacer.due().map(|due| due.max(now));
        let next = frames.peek().map(|(ms, _)| START + Duration::from_millis(*ms));
        match (due, next) {
            (Some(due), Some(next)) if due <= next => now = due,
            (_, Some(next)) => {
                now = next.max(now);
                pacer.push(frames.next().unwrap().1.clone(), now);
            }
            (Some(due), None) => now = due,
            (None, None) => break,
        }
    }
    assert_eq!(pacer.finish(now), None, "nothing stays behind");
    bursts
}

fn inputs() -> impl Strategy<Value = Vec<(u64, OutFrame)>> {
    prop::collection::vec((0u64..40, prop::option::of(0u64..4)), 0..120).prop_map(|steps| {
        let mut ms = 0;
        let number = |(seq, (gap, key))| {
            ms += gap;
            (ms, frame(seq, key))
        };
        (1..).zip(steps).map(number).collect()
    })
}

fn paces() -> impl Strategy<Value = Pace> {
    let ms = || prop::option::of((1u64..200).prop_map(Duration::from_millis));
    (ms(), ms()).prop_map(|(batch, min_interval)| Pace { batch, min_interval })
}

proptest! {
    #[test]
    fn the_middle_of_a_burst_may_be_dropped_never_its_end(frames in inputs(), pace in paces()) {
        let bursts = play(pace, &frames);
        let sent: Vec<&OutFrame> = bursts.iter().flat_map(|(_, burst)| burst).collect();
        let keyless = |frame: &&OutFrame| frame.key.is_none();
        let states = sent.iter().filter(|frame| frame.key.is_some());
        prop_assert!(states.is_sorted_by(|a, b| a.seq < b.seq), "in order, none twice");
        if pace.min_interval.is_none() {
            prop_assert!(sent.is_sorted_by(|a, b| a.seq < b.seq), "nothing overtakes unasked");
        }

        let asked = frames.iter().map(|(_, frame)| frame);
        prop_assert!(sent.iter().copied().filter(keyless).eq(asked.clone().filter(keyless)));
        let last: BTreeMap<_, _> = asked.map(|frame| (frame.key, frame.seq)).collect();
        let last_sent: BTreeMap<_, _> = sent.iter().map(|frame| (frame.key, frame.seq)).collect();
        prop_assert_eq!(last_sent, last, "the last of each key arrives");
        if pace.min_interval.is_none() {
            prop_assert_eq!(sent.len(), frames.len(), "nothing is dropped unasked");
        }
    }

    #[test]
    fn states_leave_at_most_that_often(frames in inputs(), ms in 1u64..200) {
        let interval = Duration::from_millis(ms);
        let bursts = play(Pace { batch: None, min_interval: Some(interval) }, &frames);
        let with_states = bursts.iter().filter(|(_, burst)| burst.iter().any(|frame| frame.key.is_some()));
        let times: Vec<_> = with_states.map(|(at, _)| *at).collect();
        for pair in times.windows(2) {
            prop_assert!(pair[1] - pair[0] >= interval);
        }
        for (_, burst) in &bursts {
            let mut keys: Vec<u64> = burst.iter().filter_map(|frame| frame.key).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), all, "one of each key");
        }
    }

    #[test]
    fn nothing_is_held_longer_than_asked(frames in inputs(), pace in paces()) {
        let asked: BTreeMap<u64, Duration> =
            frames.iter().map(|(ms, frame)| (frame.seq, Duration::from_millis(*ms))).collect();
        let batch = pace.batch.unwrap_or_default();
        for (left, burst) in play(pace, &frames) {
            for frame in burst {
                let longest = batch + frame.key.and(pace.min_interval).unwrap_or_default();
                prop_assert!(left - asked[&frame.seq] <= longest);
            }
        }
    }

    #[test]
    fn any_query_is_a_pace_or_a_refusal(query in ".{0,60}") {
        if let Ok(pace) = Pace::from_query(&query) {
            for asked in [pace.batch, pace.min_interval].into_iter().flatten() {
                prop_assert!((1..=u128::from(MAX_INTERVAL_MS)).contains(&asked.as_millis()));
            }
        }
    }
}

#[test]
fn the_first_state_leaves_at_once_and_the_next_an_interval_later() {
    let frames = [(0, frame(1, Some(1))), (10, frame(2, Some(1))), (20, frame(3, Some(1)))];
    let bursts = play(pace("min_interval_ms=50"), &frames);
    let seqs: Vec<_> = bursts.iter().map(|(at, burst)| (at.as_millis(), burst[0].seq)).collect();
    assert_eq!(seqs, [(0, 1), (50, 3)]);
}

#[test]
fn an_answer_does_not_wait_for_the_next_state() {
    let frames =
        [(0, frame(1, Some(1))), (10, frame(2, Some(1))), (20, frame(3, None)), (25, frame(4, None))];
    let bursts = play(pace("min_interval_ms=60000"), &frames);
    let seqs: Vec<_> = bursts.iter().map(|(at, burst)| (at.as_millis(), burst[0].seq)).collect();
    assert_eq!(seqs, [(0, 1), (20, 3), (25, 4), (60_000, 2)]);
}

#[test]
fn a_full_hold_leaves_early_and_loses_nothing() {
    let many: Vec<_> = (1..=HELD_FRAMES as u64 + 5).map(|seq| (0, frame(seq, None))).collect();
    let bursts = play(pace("batch_ms=60000"), &many);
    assert_eq!(bursts[0].0, Duration::ZERO);
    assert_eq!(bursts.iter().map(|(_, burst)| burst.len()).sum::<usize>(), many.len());

    let mut pacer = Pacer::new(pace("min_interval_ms=60000"));
    pacer.push(frame(1, Some(1)), START);
    pacer.take(START).unwrap();
    let large = OutFrame { text: "x".repeat(HELD_BYTES).into(), key: Some(1), seq: 2, ping: None };
    pacer.push(large, START);
    assert_eq!(pacer.due(), Some(Duration::ZERO));
    pacer.push(frame(3, Some(1)), START);
    assert_eq!(pacer.due(), Some(START + Duration::from_secs(60)), "a newer, smaller one took its place");
}

#[test]
fn arrays_are_json_and_bounded() {
    let frames: Vec<_> = (1..=3).map(|seq| frame(seq, None)).collect();
    let written = arrays(&frames);
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].0.as_str(), r#"[{"n":1},{"n":2},{"n":3}]"#);
    assert_eq!(written[0].1, [1, 2, 3]);

    let half = |seq| OutFrame { text: "1".repeat(ARRAY_BYTES / 2 - 2).into(), key: None, seq, ping: None };
    let written = arrays(&[half(1), half(2), half(3)]);
    assert_eq!(written.iter().map(|(_, seqs)| seqs.clone()).collect::<Vec<_>>(), [vec![1, 2], vec![3]]);
    assert!(written.iter().all(|(text, _)| text.len() <= ARRAY_BYTES));
    assert_eq!(arrays(&[]), []);
}

#[test]
fn a_query_says_what_is_wrong_with_it() {
    assert_eq!(pace("x=1&batch_ms=100&min_interval_ms=60000").batch, Some(Duration::from_millis(100)));
    assert!(pace("").is_none() && pace("batch=5").is_none());
    for query in ["batch_ms=0", "batch_ms=60001", "batch_ms=-1", "batch_ms=+5", "batch_ms=", "batch_ms=1e3"] {
        assert!(matches!(Pace::from_query(query), Err(PaceError::Value { .. })), "{query}");
    }
    let error = Pace::from_query("min_interval_ms=soon").unwrap_err();
    insta::assert_snapshot!(error, @r#"min_interval_ms must be a whole number of milliseconds from 1 to 60000, not "soon""#);
    let error = Pace::from_query("batch_ms=1&batch_ms=1").unwrap_err();
    insta::assert_snapshot!(error, @"batch_ms must be given once, not several times");
}
