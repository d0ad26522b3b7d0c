use std::collections::VecDeque;

use kit::outbox::{CloseReason, Counted, MAX_FRAME_BYTES, OutFrame, OutboxLimits, Pushed, Queue};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Push { bytes: usize },
    Snapshot { bytes: usize },
    Take,
    Resume,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0usize..40).prop_map(|bytes| Step::Push { bytes }),
        1 => (0usize..200).prop_map(|bytes| Step::Snapshot { bytes }),
        3 => Just(Step::Take),
        2 => Just(Step::Resume),
        1 => Just(Step::Close),
    ]
}

fn frame(seq: u64, bytes: usize) -> OutFrame {
    OutFrame { text: "x".repeat(bytes).into(), key: None, seq, ping: None }
}

proptest! {
    #[test]
    fn frames_come_in_order_and_a_gap_is_always_told(
        steps in prop::collection::vec(step(), 0..200),
        limits in (1usize..8, 1usize..100).prop_map(|(frames, bytes)| OutboxLimits { frames, bytes }),
    ) {
        let mut queue = Queue::new(limits);
        // The model: what waits, what the session must be told, and whether frames are taken.
        let (mut waits, mut lagged, mut flowing, mut closing) = (Vec::new(), false, true, false);
        let mut close_told = false;
        for (seq, step) in (1..).zip(steps) {
            match step {
                Step::Push { bytes } | Step::Snapshot { bytes } => {
                    let counted = if matches!(step, Step::Push { .. }) { Counted::Yes } else { Counted::No };
                    match queue.push(frame(seq, bytes), counted) {
                        Pushed::Queued => {
                            prop_assert!(flowing);
                            waits.push((seq, bytes, counted));
                        }
                        Pushed::Overflowed => {
                            prop_assert!(flowing && counted == Counted::Yes);
                            let all: usize = waits.iter().map(|(_, bytes, _)| bytes).sum();
                            prop_assert!(waits.len() >= limits.frames || all + bytes > limits.bytes);
                            waits.clear();
                            (lagged, flowing) = (true, false);
                        }
                        Pushed::Ignored => prop_assert!(!flowing),
                        Pushed::TooLarge => prop_assert!(false, "{bytes} bytes are not too large"),
                    }
                    let counted: Vec<_> = waits.iter().filter(|(.., counted)| *counted == Counted::Yes).collect();
                    prop_assert!(counted.len() <= limits.frames);
                    let bytes: usize = counted.iter().map(|(_, bytes, _)| bytes).sum();
                    prop_assert!(bytes <= limits.bytes || waits.len() == 1 || counted.len() == 1);
                }
                Step::Take => {
                    let mut into = VecDeque::from([frame(0, 0)]);
                    let taken = queue.take(&mut into);
                    let seqs: Vec<u64> = into.iter().skip(1).map(|frame| frame.seq).collect();
                    let model: Vec<u64> = waits.drain(..).map(|(seq, ..)| seq).collect();
                    prop_assert_eq!(seqs, model);
                    prop_assert_eq!(taken.lagged, std::mem::take(&mut lagged));
                    prop_assert_eq!(taken.close.is_some(), closing && !close_told);
                    close_told |= closing;
                    prop_assert!(queue.is_idle());
                }
                Step::Resume => {
                    queue.resume();
                    flowing = !closing;
                    lagged = false;
                }
                Step::Close => {
                    queue.close(CloseReason { code: 1001, reason: String::new() });
                    (closing, flowing, lagged) = (true, false, false);
                }
            }
            prop_assert_eq!(queue.wants_close(), closing && !close_told);
        }
    }
}

#[test]
fn a_snapshot_larger_than_the_queue_gets_through() {
    let mut queue = Queue::new(OutboxLimits { frames: 2, bytes: 10 });
    for seq in 1..=5 {
        assert_eq!(queue.push(frame(seq, 100), Counted::No), Pushed::Queued);
    }
    assert_eq!(queue.push(frame(6, 1), Counted::Yes), Pushed::Queued, "the change after it too");
    let mut frames = VecDeque::new();
    queue.take(&mut frames);
    assert_eq!(frames.len(), 6);
}

#[test]
fn one_change_larger_than_the_queue_gets_through_and_one_too_large_for_a_frame_does_not() {
    let mut queue = Queue::new(OutboxLimits { frames: 2, bytes: 10 });
    assert_eq!(queue.push(frame(1, 11), Counted::Yes), Pushed::Queued);
    assert_eq!(queue.push(frame(2, MAX_FRAME_BYTES + 1), Counted::Yes), Pushed::TooLarge);
    assert_eq!(queue.push(frame(3, 1), Counted::Yes), Pushed::Overflowed);
}

#[test]
fn an_overflow_is_told_once_and_ends_with_resume() {
    let mut queue = Queue::new(OutboxLimits { frames: 1, bytes: 10 });
    let mut frames = VecDeque::new();
    queue.push(frame(1, 1), Counted::Yes);
    assert_eq!(queue.push(frame(2, 1), Counted::Yes), Pushed::Overflowed);
    assert_eq!(queue.push(frame(3, 1), Counted::No), Pushed::Ignored);
    assert!(queue.take(&mut frames).lagged);
    assert!(!queue.take(&mut frames).lagged);
    queue.resume();
    assert_eq!(queue.push(frame(4, 1), Counted::Yes), Pushed::Queued);
    queue.take(&mut frames);
    assert_eq!(frames.iter().map(|frame| frame.seq).collect::<Vec<_>>(), [4]);
}
