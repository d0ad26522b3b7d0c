//! Files that are no recording, or not a whole one: one sentence, and the documented exit code.

use kit::machine::Output as Out;
use kit::tap::Body;
use replay::session::Session;
use replay::writer::SessionWriter;

use super::run;
use crate::support::{root, stderr, stdout};

/// A good recording.
fn good() -> Vec<u8> {
    std::fs::read(root().join("fixtures/sessions/v1/base-survey-in.mcap")).expect("it is kept")
}

/// Replays bytes as a file; the exit code, standard output and standard error.
fn replayed(bytes: &[u8]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("it.mcap"), bytes).expect("written");
    let output = run(folder.path(), &["replay", "it.mcap"]);
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn what_is_no_recording_is_refused_in_one_sentence() {
    // The metadata record by which a session is known has another name; the header's profile comes first.
    let mut foreign = good();
    let names = foreign.windows(9).enumerate().filter(|(_, bytes)| bytes == b"\x05\0\0\0depot");
    let name = names.map(|(at, _)| at).nth(1).expect("it has a name");
    foreign[name + 4..name + 9].copy_from_slice(b"other");
    let pcap = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0".to_vec();
    for (bytes, code, sentence) in [
        (b"$GNGGA,,,,,,0,00,99.99,,,,,,*56\r\n".to_vec(), 9, "it.mcap is not an MCAP file"),
        (pcap, 9, "it.mcap is not an MCAP file"),
        (foreign, 9, "it.mcap is an MCAP file but no session"),
        (Vec::new(), 3, "it.mcap holds no event: the recording is cut off at byte 0, after 0 events"),
    ] {
        let (found, out, err) = replayed(&bytes);
        assert_eq!((found, out.as_str()), (Some(code), ""), "{err}");
        assert!(err.starts_with(&format!("depot: {sentence}")) && err.lines().count() == 1, "{err}");
    }
    let missing = run(root(), &["replay", "nowhere.mcap"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(stderr(&missing).starts_with("depot: cannot read nowhere.mcap: "), "{}", stderr(&missing));
}

#[test]
fn a_newer_format_names_both_versions() {
    let mut bytes = good();
    // "format_version", then the length of the value, then the value.
    let key = bytes.windows(14).position(|bytes| bytes == b"format_version").expect("it says so");
    assert_eq!(bytes[key + 18], b'1');
    bytes[key + 18] = b'7';
    let (code, out, err) = replayed(&bytes);
    assert_eq!((code, out.as_str()), (Some(10), ""));
    let sentence = "depot: it.mcap is of session format 7, this program reads up to 3; update depot";
    assert!(err.starts_with(sentence) && err.lines().count() == 1, "{err}");
}

#[test]
fn a_damaged_recording_is_replayed_up_to_the_damage() {
    let whole = good();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let cut = whole[..whole.len() / 3].to_vec();
    for (bytes, sentence) in
        [(flipped, "the recording is damaged at byte "), (cut, "the recording is cut off at byte ")]
    {
        let (code, out, err) = replayed(&bytes);
        assert_eq!((code, err.as_str()), (Some(3), ""), "{out}");
        let lines: Vec<&str> = out.lines().collect();
        let [first, counts, advice] = lines[..] else { panic!("{out}") };
        assert!(first.starts_with(sentence), "{out}");
        assert!(counts.ends_with(", 0 differences") && !counts.starts_with("0 inputs"), "{out}");
        assert!(advice.starts_with("Everything before that place is as recorded"), "{out}");
    }
}

/// As if the machine had been changed: the second console was told something else when it connected.
#[test]
fn a_difference_is_told_with_all_that_leads_to_it() {
    let session = Session::from_bytes(good()).expect("a session");
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, session.about()).expect("memory takes everything");
    for event in session.events().expect("in memory").map(|event| event.expect("undamaged")) {
        let body = match event.body {
            Body::Out(Out::Send { conn: 2, text, key }) => {
                let text = text.replacen(r#""fixQuality":"gps""#, r#""fixQuality":"rtk_fixed""#, 1).into();
                Body::Out(Out::Send { conn: 2, text, key })
            }
            body => body,
        };
        writer.write(event.seq, event.at, &event.service, &body).expect("memory takes everything");
    }
    writer.finish().expect("memory takes everything");
    let (code, out, err) = replayed(&bytes);
    assert_eq!((code, err.as_str()), (Some(100), ""), "{out}");
    // How long it took is not the same twice.
    let (before, after) = out.split_once(" s in ").expect("how long");
    let (took, after) = after.split_once(", ").expect("then the differences");
    assert!(took.contains("ms") || took.contains('s'), "{took}");
    insta::assert_snapshot!(format!("{before} s in [time], {after}"));
}
