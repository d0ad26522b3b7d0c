//! `depot gnss convert` on captures.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::{capture, depot, stderr, stdout};

fn convert(folder: &Path, args: &[&str]) -> Output {
    let mut command = depot();
    command.current_dir(folder).args(["--log", "error", "gnss", "convert"]).args(args);
    command.stdin(Stdio::null()).output().expect("depot runs")
}

/// One sentence, and the exit code; nothing is left behind.
fn refused(folder: &Path, args: &[&str], code: i32, says: &str) {
    let before = fs::read_dir(folder).expect("a folder").count();
    let output = convert(folder, args);
    assert_eq!(
        (output.status.code(), stderr(&output).lines().count()),
        (Some(code), 1),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains(says), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), before);
}

#[test]
fn both_files_under_their_long_names_and_never_over_another() {
    let Some(capture) = capture("gpsd/ublox-zed-f9r.log") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let capture = capture.to_str().expect("a name");
    let names = ["BERN00CHE_S_20251012314_01M_01S_MO.rnx", "BERN00CHE_S_20251012314_01M_MN.rnx"];
    let output = convert(folder.path(), &[capture, "-o", ".", "--marker", "BERN00CHE"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("./{}\n./{}\n", names[0], names[1]));
    let text = names.map(|name| fs::read_to_string(folder.path().join(name)).expect("the file"));
    assert_eq!(text[0].lines().filter(|line| line.starts_with('>')).count(), 30);
    assert!(text[1].lines().any(|line| line.starts_with("R03 2025 04 11 22 45 00 ")), "{}", text[1]);
    refused(
        folder.path(),
        &[capture, "--marker", "BERN00CHE"],
        1,
        "choose another name, or move it away first",
    );
}

#[test]
fn a_capture_without_a_date_asks_for_it() {
    let Some(capture) = capture("str2str-tag/rec_1hz_400B.rtcm3") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let capture = capture.to_str().expect("a name");
    refused(folder.path(), &[capture], 2, "--date 2026-01-05");
    let output = convert(folder.path(), &[capture, "--date", "2022-02-30"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("there is no such day"), "{}", stderr(&output));
    refused(folder.path(), &[capture, "--nav", "--date", "2022-02-08"], 4, "no ephemeris");
    let output = convert(folder.path(), &[capture, "--date", "2022-02-06"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("./DEPO00XXX_S_2022039"),
        "the Tuesday of that week: {}",
        stdout(&output)
    );
}

#[test]
fn what_holds_nothing_to_convert_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("text"), "no receiver wrote this\n").expect("written");
    refused(folder.path(), &["text"], 9, "not a GNSS stream");
    refused(folder.path(), &["-"], 2, "name a file");
    refused(folder.path(), &["absent"], 4, "check its name");
    let Some(capture) = capture("gpsd/nmea-rtk.log") else { return };
    refused(folder.path(), &[capture.to_str().expect("a name")], 4, "has nothing to convert");
}
