//! Ends in order, files that are taken, and disks that are full.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::serving::{Dispatch, ask};
use crate::support::{depot, stderr, until};

/// A file system's size.
const SMALL: &str = "size=2m";

#[test]
fn its_clients_are_told_that_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let depot = Dispatch::on("sqlite:fleet.db", folder.path(), &[]);
    let mut rover = depot.rover("bvr-01");
    let mut console = depot.open("/ws/console");
    console.until(|frame| frame["type"] == "snapshot");
    let address = depot.address.clone();
    // Requests until the end: each gets a whole answer, or was never taken.
    let asking = std::thread::spawn(move || {
        let mut made = 0;
        while let Some(answer) = ask(&address, "POST", "/zones", &[], r#"{"name":"Yard"}"#) {
            match answer.status {
                201 => made += 1,
                503 => break,
                status => panic!("{status} {}", answer.body),
            }
        }
        made
    });
    for _ in 0..5 {
        console.until(|frame| frame["type"] == "zone_update");
    }
    depot.program.signal(Signal::SIGTERM);
    assert_eq!((rover.end(), console.end()), (Some(1001), Some(1001)));
    let (status, said) = depot.program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    let made = asking.join().expect("no panic");
    let again = Dispatch::on("sqlite:fleet.db", folder.path(), &[]);
    let kept = again.get("/zones").as_array().map_or(0, Vec::len);
    assert!(made >= 5 && kept == made, "what was taken was answered: {made} answered, {kept} kept");
}

#[test]
fn a_second_one_on_the_same_file_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Dispatch::on("sqlite:fleet.db", folder.path(), &[]);
    let second = depot()
        .args(["serve", "dispatch", "--database", "sqlite:fleet.db", "--data"])
        .arg(folder.path())
        .output()
        .expect("depot runs");
    assert_eq!(second.status.code(), Some(1));
    let said = stderr(&second);
    let sentences: Vec<&str> = said.lines().filter(|line| line.starts_with("depot: ")).collect();
    assert!(matches!(sentences.as_slice(), [one] if one.contains("in use by another process")), "{said}");
    assert_eq!(said.lines().count(), 1, "and nothing else: {said}");
    first.made("/zones", &json!({ "name": "Yard" }));
}

/// A file system so small that a few zones fill it; taken away when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", SMALL, "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_got_over() {
    // No peer that could be installed, but a right: where it is missing CI goes on without.
    let Some(disk) = SmallDisk::new() else { return eprintln!("skipped: mounting a tmpfs is not permitted") };
    let folder = disk.0.path();
    let depot = Dispatch::on("sqlite:fleet.db", folder, &[]);
    let mut console = depot.open("/ws/console");
    let waypoints: Vec<_> = (0..500).map(|x| json!({ "x": x, "y": 0.123_456_789 })).collect();
    let zone = json!({ "name": "Yard", "waypoints": waypoints });
    let made = depot.made("/zones", &zone);
    let refused = (0..1000).map(|_| depot.ask("POST", "/zones", &zone)).find(|answer| answer.status != 201);
    let refused = refused.expect("the disk is full");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.body.ends_with('.') && !refused.body.to_lowercase().contains("sqlite_"), "{refused:?}");
    assert!(until(|| depot.ask("GET", "/readyz", &Value::Null).status == 503), "it is told");
    assert_eq!(depot.ask("POST", "/zones", &zone).status, 503);
    let health = depot.ask("GET", "/health", &Value::Null);
    assert_eq!((health.status, depot.ask("GET", "/livez", &Value::Null).status), (200, 200), "{health:?}");
    let kept = depot.get("/zones?limit=10000").as_array().expect("a list").clone();
    assert_eq!(kept.last(), Some(&made), "what is kept is told");

    let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(folder).status();
    assert!(grown.is_ok_and(|status| status.success()));
    assert!(depot.is_ready_in_time(), "without a restart");
    let last = depot.made("/zones", &json!({ "name": "Last" }));
    console.until(|frame| frame["zone"] == last);
    drop(console);
    depot.program.signal(Signal::SIGTERM);
    depot.program.end();
    let again = Dispatch::on("sqlite:fleet.db", folder, &[]);
    let zones = again.get("/zones?limit=10000").as_array().expect("a list").clone();
    assert_eq!((zones.len(), &zones[0], &zones[1..]), (kept.len() + 1, &last, kept.as_slice()));
}
