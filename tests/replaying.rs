//! `depot replay` of many sessions, its reports, and what it takes into a session.

use std::path::{Path, PathBuf};
use std::process::Output;

use kit::machine::Output as Out;
use kit::tap::Body;
use replay::session::Session;
use replay::writer::SessionWriter;

use crate::support::{depot, root, stderr, stdout};

#[cfg(unix)]
mod browser;
mod reports;
mod selecting;
mod updating;

/// Runs `depot replay` in a folder; not as in a CI, wherever this runs.
fn replay(folder: &Path, args: &[&str]) -> Output {
    depot().env_remove("CI").current_dir(folder).arg("replay").args(args).output().expect("depot runs")
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), stdout(output), stderr(output))
}

/// A kept session, copied.
fn good(to: &Path) -> PathBuf {
    std::fs::copy(root().join("fixtures/sessions/v1/base-survey-in.mcap"), to).expect("it is kept");
    to.to_owned()
}

/// The kept session as if it had been recorded by another machine: what each text becomes.
fn other(to: &Path, change: impl Fn(&str) -> Option<String>) {
    let session =
        Session::open(&root().join("fixtures/sessions/v1/base-survey-in.mcap")).expect("it is kept");
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, session.about()).expect("memory takes everything");
    let (mut seq, mut left_out) = (0, 0);
    for event in session.events().expect("it can be read").map(|event| event.expect("undamaged")) {
        let body = match event.body {
            Body::Out(Out::Send { conn, text, key }) => match change(&text) {
                Some(text) => Body::Out(Out::Send { conn, text: text.into(), key }),
                None => {
                    left_out += 1;
                    continue;
                }
            },
            // It says which events were written, and those have other numbers now.
            Body::Session(kit::tap::SessionEvent::Sent { .. }) if left_out > 0 => continue,
            body => body,
        };
        seq += 1;
        writer.write(seq, event.at, &event.service, &body).expect("memory takes everything");
    }
    writer.finish().expect("memory takes everything");
    std::fs::write(to, bytes).expect("written");
}

/// Another answer to each console that connects.
fn differs(to: &Path) {
    other(to, |text| {
        Some(text.replacen(r#""fixQuality":"gps""#, r#""fixQuality":"<rtk> & \u0007fixed""#, 1))
    });
}
