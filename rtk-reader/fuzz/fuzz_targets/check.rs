//! What must hold for any bytes. Included by the fuzz target and by the test that runs its seeds.

use rtk_reader::Timestamp;
use rtk_reader::frame::{Frame, Framer};

/// The bytes of an input before the stream: three chunk sizes and a time between chunks.
pub const SCRIPT_BYTES: usize = 4;

/// Panics if the framer breaks a promise on `input`.
pub fn check(input: &[u8]) {
    let Some((&[a, b, c, gap_ms], stream)) = input.split_first_chunk::<SCRIPT_BYTES>() else { return };
    let chunks = [a, b, c].map(|n| usize::from(n) * usize::from(n) / 8 + 1);
    let whole = run(stream, &[usize::MAX], Timestamp::ZERO);
    let parts = run(stream, &chunks, Timestamp::ZERO);
    assert_eq!(whole.frames, parts.frames, "chunks of {chunks:?} give other frames");
    assert_eq!(whole.framer.counts(), parts.framer.counts(), "chunks of {chunks:?} give other counts");
    run(stream, &chunks, Timestamp::from_millis(gap_ms.into()));
}

struct Run {
    framer: Framer,
    frames: Vec<(u64, usize)>,
}

fn run(stream: &[u8], chunks: &[usize], gap: Timestamp) -> Run {
    let (mut framer, mut frames) = (Framer::new(), Vec::new());
    let (mut now, mut rest, mut framed) = (Timestamp::ZERO, stream, 0);
    let mut sink = |frame: Frame<'_>| {
        let start = usize::try_from(frame.offset).expect("inputs are short");
        assert_eq!(stream.get(start..start + frame.bytes.len()), Some(frame.bytes), "bytes as received");
        assert!(
            frames.last().is_none_or(|&(at, len): &(u64, usize)| at + len as u64 <= frame.offset),
            "in order"
        );
        framed += frame.bytes.len() as u64;
        frames.push((frame.offset, frame.bytes.len()));
        let _ = frame.id().to_string();
    };
    for &chunk in chunks.iter().cycle() {
        let (next, later) = rest.split_at(chunk.min(rest.len()));
        now += gap;
        framer.push(now, next, &mut sink);
        if framer.next_timeout().is_some_and(|at| at <= now) {
            framer.handle_timeout(now, &mut sink);
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    framer.finish(&mut sink);
    let counts = framer.counts();
    assert_eq!(counts.framed_bytes(), framed);
    assert_eq!(framed + counts.unframed_bytes, stream.len() as u64, "every byte is counted once");
    Run { framer, frames }
}
