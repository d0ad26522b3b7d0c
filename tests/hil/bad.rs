//! What the bench does when it can't do its work: one sentence, verdict ERROR, evidence kept.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fixtures::scenario::Mode;
use hil::bench::Verdict;
use hil::bench::lock::BenchLock;
use hil::bench::record::Record;
use hil::bench::run::Subject;
use hil::twin::{Character, Fault, Faults, Options, PortKind, Twin};
use libtest_mimic::{Failed, Trial};
use rtk_reader::source::default_lock_dirs;

use crate::{bench, kept, plan};

/// Longer than anything here takes on a busy machine.
const PATIENCE: u32 = 6000;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("bad::an_unknown_case", an_unknown_case),
        Trial::test("bad::limits_in_a_wrong_unit", limits_in_a_wrong_unit),
        Trial::test("bad::a_port_that_is_not_there", a_port_that_is_not_there),
        Trial::test("bad::a_receiver_of_another_kind", a_receiver_of_another_kind),
        Trial::test("bad::a_port_lost_in_mid_run", a_port_lost_in_mid_run),
        Trial::test("bad::a_receiver_that_another_bench_has", a_receiver_that_another_bench_has),
        Trial::test("bad::a_failure_in_quarantine_does_not_count", a_failure_in_quarantine_does_not_count),
        Trial::test("map::who_is_plugged_in_is_written_down", who_is_plugged_in_is_written_down),
        Trial::test("bad::a_limit_that_is_not_met_is_an_exit_code", a_limit_that_is_not_met_is_an_exit_code),
    ]
}

/// A base on USB that is nobody's yet.
fn twin(character: Character) -> Twin {
    let at = character.place;
    let mode = Mode::Fixed { ecef_m: at.to_ecef(), accuracy_m: 0.01 };
    let character = character.as_base(PortKind::Usb.port(), mode);
    Twin::start(Options { character, kind: PortKind::Usb, link: None }).expect("a pseudo-terminal")
}

/// ERROR with that sentence, of which the evidence tells.
fn failed_saying(record: &Record, folder: &Path, text: &str) -> Result<(), Failed> {
    let said = record.error.as_deref().unwrap_or_default();
    if record.verdict != Verdict::Error || !said.contains(text) || said.contains('\n') {
        return Err(format!("{}: {said:?} instead of {text:?}", record.verdict).into());
    }
    kept(record, folder)
}

fn an_unknown_case() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let record = bench(&plan(Subject::Twin(1), "typo", folder.path()));
    failed_saying(&record, folder.path(), "there is no case typo; the cases are line, ")
}

fn limits_in_a_wrong_unit() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let limits = folder.path().join("mine.toml");
    std::fs::write(&limits, "[limits.line.load]\nunit = 's'\nmax = 80")?;
    let out = folder.path().join("out");
    let plan = hil::bench::run::Plan { limits: Some(limits), ..plan(Subject::Twin(1), "line", &out) };
    failed_saying(&bench(&plan), &out, "give line.load in s; it is measured in %")
}

fn a_port_that_is_not_there() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let record = bench(&plan(Subject::Port("/dev/no-such-port".into()), "line", folder.path()));
    failed_saying(&record, folder.path(), "no such port or file: /dev/no-such-port")
}

fn a_receiver_of_another_kind() -> Result<(), Failed> {
    let other = twin(Character { module: "NEO-M9N".into(), ..Character::quick() });
    let folder = tempfile::tempdir()?;
    let record = bench(&plan(Subject::Port(other.path()), "line", folder.path()));
    failed_saying(&record, folder.path(), "is a NEO-M9N, and the bench is for a ZED-F9P")
}

/// The case is tried once more, and both errors are told.
fn a_port_lost_in_mid_run() -> Result<(), Failed> {
    let twin = twin(Character::quick());
    let (control, path) = (twin.control(), twin.path());
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("bench.log");
    let puller = std::thread::spawn(move || {
        // By then it is known, and is being listened to.
        let listens = until(|| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            said.contains("ReceiverRecord")
        });
        listens && control.begin(Fault::Unplug { drain: false, other_name: false }).is_ok()
    });
    let record = bench(&plan(Subject::Port(path), "stream", folder.path()));
    assert!(puller.join().expect("it pulls"), "it was never listened to");
    let [case] = record.cases.as_slice() else { return Err("one case".into()) };
    // The second try finds no port: that is not what happened first.
    for said in [&case.first_error, &case.reason] {
        assert!(
            said.as_ref().is_some_and(|said| said.contains("was lost while the bench used it")),
            "{said:?}"
        );
    }
    assert_eq!((case.verdict, record.verdict), (Verdict::Error, Verdict::Error));
    kept(&record, folder.path())
}

/// It is told by whom; and once that one is dead, however it died, the receiver is free.
fn a_receiver_that_another_bench_has() -> Result<(), Failed> {
    let twin = twin(Character::quick());
    let (path, folder) = (twin.path(), tempfile::tempdir()?);
    let first_out = folder.path().join("first");
    let mut first = Command::new(env!("CARGO_BIN_EXE_depot"))
        .args(["hil", "run", "--case", "stream", "--port"])
        .arg(&path)
        .arg("--out")
        .arg(&first_out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let began = until(|| {
        std::fs::read_to_string(first_out.join("bench.log")).is_ok_and(|log| log.contains("ReceiverRecord"))
    });
    let out = folder.path().join("second");
    let record = bench(&plan(Subject::Port(path.clone()), "line", &out));
    first.kill()?;
    let pid = first.id();
    first.wait()?;
    assert!(began, "the first never had it");
    failed_saying(&record, &out, &format!("depot hil (process {pid}) since "))?;
    BenchLock::take(&default_lock_dirs(), &path, Duration::from_secs(1))?;
    Ok(())
}

fn a_failure_in_quarantine_does_not_count() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let limits = folder.path().join("mine.toml");
    let out = folder.path().join("out");
    let text = |until: &str| {
        format!(
            "[limits.line.load]\nunit = '%'\nmax = 0.1\n[[quarantine]]\ncase = 'line'\nreason = 'a slow line'\nuntil = {until}\n"
        )
    };
    std::fs::write(&limits, text("9999-12-31"))?;
    let plan = hil::bench::run::Plan { limits: Some(limits.clone()), ..plan(Subject::Twin(1), "line", &out) };
    let record = bench(&plan);
    assert_eq!((record.cases[0].verdict, record.verdict), (Verdict::Fail, Verdict::Skip), "{record:?}");
    kept(&record, &out)?;
    std::fs::write(&limits, text("2020-01-01"))?;
    let record = bench(&hil::bench::run::Plan { out: folder.path().join("later"), ..plan });
    let reason = record.cases[0].reason.as_deref().unwrap_or_default();
    assert_eq!(record.verdict, Verdict::Error);
    assert!(reason.starts_with("its quarantine ended on 2020-01-01 (a slow line)"), "{reason}");
    Ok(())
}

/// From the outside: exit codes, the second look, the comparison.
fn a_limit_that_is_not_met_is_an_exit_code() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let limits = folder.path().join("mine.toml");
    std::fs::write(&limits, "[limits.stream.frames]\nunit = 'count'\nmax = 3")?;
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    let run =
        |more: &[&str]| depot(folder.path(), &[&["hil", "run", "--twin", "--case", "stream"], more].concat());
    let text = |path: &Path| path.display().to_string();
    let first = run(&["--out", &text(&good)]);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let second = run(&["--out", &text(&bad), "--limits", &text(&limits)]);
    assert_eq!(second.status.code(), Some(110), "{second:?}");
    assert!(stdout(&second).contains("FAIL     stream"), "{second:?}");
    let typo = folder.path().join("typo");
    assert_eq!(run(&["--case", "typo", "--out", &text(&typo)]).status.code(), Some(111));
    let again = run(&["--out", &text(&bad)]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("has the evidence of another run"), "{again:?}");
    let page = folder.path().join("page.html");
    let report = depot(folder.path(), &["hil", "report", &text(&good), &text(&bad), "--html", &text(&page)]);
    assert!(stdout(&report).contains("stream: PASS before, FAIL after"), "{report:?}");
    assert!(std::fs::read_to_string(page)?.contains("two runs"));
    assert_eq!(depot(folder.path(), &["hil", "report", &text(folder.path())]).status.code(), Some(4));
    let list = depot(folder.path(), &["hil", "list"]);
    assert!(stdout(&list).contains("skipped on hardware: silence is unsupported"), "{list:?}");
    Ok(())
}

/// And what a person wrote there stays.
fn who_is_plugged_in_is_written_down() -> Result<(), Failed> {
    let (twin, folder) = (twin(Character::quick()), tempfile::tempdir()?);
    let (port, map) = (twin.path().display().to_string(), folder.path().join("map.toml"));
    let write =
        || depot(folder.path(), &["hil", "map", "--port", &port, "--map", &map.display().to_string()]);
    assert_eq!(write().status.code(), Some(0));
    let text = std::fs::read_to_string(&map)?;
    assert!(
        text.contains("chip_id = \"647c9e4201\"\n") && text.contains("firmware = \"HPG 1.32\""),
        "{text}"
    );
    let mine = text.replace("notes = \"\"", "notes = \"roof\" # north mast").replace("HPG 1.32", "HPG 1.13");
    std::fs::write(&map, &mine)?;
    assert_eq!(write().status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&map)?, mine.replace("HPG 1.13", "HPG 1.32"));
    std::fs::write(&map, "not a map")?;
    let refused = write();
    assert_eq!((refused.status.code(), std::fs::read_to_string(&map)?.as_str()), (Some(2), "not a map"));
    Ok(())
}

fn depot(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
    command.current_dir(folder).args(args).output().expect("depot runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "nobody tells when another program has written a file")]
fn until(done: impl Fn() -> bool) -> bool {
    (0..PATIENCE).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        done()
    })
}
