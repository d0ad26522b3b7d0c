//! The rules of the house.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::root;

/// Who may import whom of our own crates; nothing else.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("rtk-reader", &[]),
    ("fixtures", &[]),
    ("kit", &["wire"]),
    ("gps-status", &["kit", "wire", "rtk-reader"]),
    ("discovery", &["kit", "wire"]),
    ("replay", &["gps-status", "discovery", "dispatch", "wire", "kit"]),
    (
        "depot",
        &["wire", "kit", "gps-status", "discovery", "dispatch", "rtk-reader", "replay", "fixtures", "hil"],
    ),
    ("hil", &["rtk-reader", "wire", "fixtures"]),
    ("dispatch", &["kit", "wire"]),
];

/// A file longer than this is not read any more, but searched.
const FILE_LINES: usize = 550;

#[test]
fn crates_import_only_whom_they_may() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs: it runs this test");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let may: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    assert_eq!(names, may.keys().copied().collect(), "every crate has its rule, every rule its crate");
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let imports = package["dependencies"].as_array().expect("dependencies").iter();
        for import in imports.filter(|d| d["kind"].is_null()).filter_map(|d| d["name"].as_str()) {
            assert!(
                !names.contains(import) || may[name].contains(&import),
                "{name} imports {import}; it may import only {:?}",
                may[name]
            );
        }
    }
}

/// Pure modules know no socket, file, runtime, thread or lock. Clocks, randomness and hash maps are
/// clippy.toml's part.
#[test]
fn cores_do_no_io() {
    let pure = [
        "services/gps-status/src/core",
        "services/gps-status/src/codec",
        "services/discovery/src/core",
        "services/discovery/src/codec",
        "services/dispatch/src/core",
        "services/dispatch/src/codec",
        "rtk-reader/src/frame",
        "rtk-reader/src/decode",
        "hil/src/bench/compare.rs",
        "hil/src/bench/gather.rs",
        "hil/src/bench/html.rs",
        "hil/src/bench/junit.rs",
        "hil/src/bench/latency.rs",
        "hil/src/bench/observation.rs",
        "hil/src/bench/plot",
        "hil/src/bench/quarantine.rs",
        "hil/src/bench/stats.rs",
        "rtk-reader/src/caster/core",
        "rtk-reader/src/receiver",
        "rtk-reader/src/rinex",
        "fixtures/src",
        "hil/src/twin/receiver",
        "hil/src/twin/line.rs",
        "hil/src/twin/garble.rs",
        "services/wire/src",
        "replay/src/proxy/body.rs",
        "replay/src/proxy/conversation.rs",
        "replay/src/proxy/head.rs",
        "replay/src/proxy/ws.rs",
    ];
    let mut seen = 0;
    for (path, text) in sources() {
        if !pure.iter().any(|prefix| path.starts_with(prefix)) || path.contains("/tests") {
            continue;
        }
        seen += 1;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in
            ["tokio", "std::net", "std::fs", "std::thread", "std::sync::Mutex", "std::env", "std::process"]
        {
            assert!(!code.contains(word), "{path} is a core and names {word}");
        }
    }
    assert!(seen >= pure.len(), "the pure modules moved: {seen} files found");
}

#[test]
fn files_are_short_enough_to_read() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES, "{path} has {lines} lines; find its seam");
    }
}

#[test]
fn every_member_shares_the_lints() {
    for (path, text) in files() {
        if path.ends_with("Cargo.toml") && path != "rtk-reader/fuzz/Cargo.toml" {
            assert!(text.contains("[lints]\nworkspace = true"), "{path} has lints of its own");
        }
    }
}

/// A file that names the machine it was written on doesn't work on the next.
#[test]
fn no_file_names_a_machine() {
    // Put together here, so that this file doesn't name them either.
    let words = [
        ["/root", "/."],
        ["/home", "/"],
        ["/work", "/main"],
        ["static.crates", ".io"],
        ["127.0.0.1:", "3128"],
    ];
    for (path, text) in files() {
        for word in words.map(|halves| halves.concat()) {
            assert!(!text.contains(&word), "{path} names {word}");
        }
    }
}

/// Every text file of the project, its path from the root, in order.
fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be listed").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if name == ".git" {
                continue;
            }
            if path.is_dir() {
                let made = name == "target" || name == "depot-data";
                folders.extend((!made).then_some(path));
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let shown = path.strip_prefix(root()).expect("it is below the root");
                files.push((shown.display().to_string(), text));
            }
        }
    }
    files.sort();
    assert!(files.len() > 20, "{} files found", files.len());
    files
}

fn sources() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter(|(path, _)| path.ends_with(".rs"))
}
