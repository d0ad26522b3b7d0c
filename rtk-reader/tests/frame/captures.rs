//! Every capture of `../shared/gnss` gives the counts of the independent scan beside it.

use std::path::{Path, PathBuf};

use rtk_reader::Timestamp;
use rtk_reader::frame::{Census, Framer};
use serde_json::Value;

const CHUNKS: [usize; 5] = [1, 7, 64, 4096, usize::MAX];

#[test]
fn counts_equal_the_independent_scan_whatever_the_chunks() {
    let Some(folder) = captures() else { return };
    let counts = std::fs::read_to_string(folder.join("COUNTS.json")).expect("COUNTS.json can be read");
    let counts: serde_json::Map<String, Value> = serde_json::from_str(&counts).expect("an object");
    assert!(!counts.is_empty());
    for (name, expected) in &counts {
        let bytes = std::fs::read(folder.join(name)).expect("the capture can be read");
        for chunk in CHUNKS {
            let found = serde_json::to_value(summary(&bytes, chunk)).expect("a summary is JSON");
            assert_eq!(&found, expected, "{name} in chunks of {chunk}");
        }
    }
}

fn summary(bytes: &[u8], chunk: usize) -> rtk_reader::frame::Summary {
    let (mut framer, mut census) = (Framer::new(), Census::new());
    for part in bytes.chunks(chunk) {
        framer.push(Timestamp::ZERO, part, &mut |frame| census.add(&frame));
    }
    framer.finish(&mut |frame| census.add(&frame));
    let counts = framer.counts();
    assert_eq!(counts.framed_bytes() + counts.unframed_bytes, bytes.len() as u64, "every byte is counted");
    assert!(counts.noise_bytes <= counts.unframed_bytes);
    census.summary(counts)
}

/// The folder of captures, or the reason there is none: said, or in CI a failure.
#[expect(clippy::print_stderr, reason = "a skip is said")]
fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/gnss");
    if folder.join("COUNTS.json").is_file() {
        return Some(folder);
    }
    let reason = format!("no captures in {}", folder.display());
    assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|v| v.is_empty()), "{reason}");
    eprintln!("skipped: {reason}");
    None
}
