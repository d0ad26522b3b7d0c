//! The virtual receiver set up by all of `depot gnss configure`, and lost in the middle of it.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use hil::twin::{Character, Control, Fault, FaultName, Faults, Options, PortKind, Twin};
use rtk_reader::receiver::{Item, KeyId};
use serde_json::Value;

use crate::support::{depot, output, stderr, stdout};

/// Fast enough that a conversation takes little time.
const BAUD: u32 = 921_600;
const UART1_BAUD: KeyId = KeyId(0x4052_0001);
/// The survey-in of two seconds is over after so many looks, each of which takes a good part of one.
const LOOKS: usize = 40;

/// A twin, and whoever sets it up.
struct Bench {
    twin: Twin,
    kind: PortKind,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(kind: PortKind) -> Self {
        Self::at(kind, BAUD)
    }

    fn at(kind: PortKind, baud: u32) -> Self {
        Self::of(Character::quick(), kind, baud)
    }

    fn of(mut character: Character, kind: PortKind, baud: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        character.saved.push(Item { key: UART1_BAUD, value: baud.into() });
        let link = Some(folder.path().join("receiver"));
        let twin = Twin::start(Options { character, kind, link }).expect("a twin");
        Self { twin, kind, folder }
    }

    fn control(&self) -> Control {
        self.twin.control()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = depot();
        command.args(["--log", "error", "gnss", "configure"]).args(args);
        command.args(["--gnss", "receiver"]).current_dir(self.folder.path());
        output(command.stdin(Stdio::null()))
    }

    /// At the port's own speed, which isn't looked for then.
    fn configure(&self, args: &[&str]) -> Output {
        let baud = BAUD.to_string();
        let port = match self.kind {
            PortKind::Usb => "usb",
            PortKind::Uart1 => "uart1",
            PortKind::Uart2 => "uart2",
        };
        self.run(&[args, &["--baud", &baud, "--port-of-receiver", port]].concat())
    }

    /// It must be done; what is printed.
    fn done(&self, args: &[&str]) -> String {
        let output = self.configure(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Tells that all is as in the file.
    fn is_as_in(&self, file: &str) -> bool {
        self.done(&["diff", file]) == "nothing differs\n"
    }

    /// What was kept before changes, the oldest first.
    fn kept(&self) -> Vec<String> {
        let folder = self.folder.path().join("depot-data/receivers");
        let entries = std::fs::read_dir(folder).expect("a folder").flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort();
        files.iter().map(|file| file.display().to_string()).collect()
    }

    fn power_cycle(&self) {
        self.control().begin(Fault::PowerOff).expect("off");
        self.control().end(FaultName::PowerOff).expect("on");
    }
}

#[test]
fn a_surveyed_base_keeps_its_position_over_a_power_cycle_and_becomes_a_rover_again() {
    let bench = Bench::new(PortKind::Uart1);
    let dry = bench.done(&["base", "--survey-in", "2s,100", "--dry-run"]);
    assert!(dry.contains("CFG-TMODE-MODE = survey-in (0x1) in RAM, BBR, flash"), "{dry}");
    assert!(bench.done(&["show"]).contains("mode: rover"), "a dry run sets nothing");

    bench.done(&["base", "--survey-in", "2s,100"]);
    let shown =
        std::iter::repeat_with(|| bench.done(&["show"])).take(LOOKS).find(|it| it.contains("; done: "));
    let shown = shown.expect("a survey-in of two seconds");
    assert!(shown.contains("mode: base, survey-in of at least 2 s to 100000 mm"), "{shown}");
    assert!(shown.contains("1074, 1084, 1094, 1124"), "{shown}");
    bench.done(&["base", "--keep-surveyed", "--msm", "7"]);
    let base = bench.done(&["show"]);
    assert!(
        base.contains("mode: base at ECEF 43255") && base.contains("1077, 1087, 1127, 1230 (1 of 5), 1097"),
        "{base}"
    );

    bench.power_cycle();
    assert_eq!(bench.done(&["show"]), base);
    bench.done(&["rover"]);
    assert!(bench.done(&["show"]).contains("mode: rover"));
    let kept = bench.kept();
    assert_eq!(kept.len(), 3, "{kept:?}");
    bench.done(&["restore", &kept[2]]);
    assert_eq!(bench.done(&["show"]), base);
    bench.done(&["restore", &kept[0]]);
    assert!(bench.is_as_in(&kept[0]));
}

#[test]
fn a_survey_in_without_a_fix_has_no_position_to_show() {
    let blind = Character { cold_first_fix: Duration::from_secs(3_600), ..Character::quick() };
    let bench = Bench::of(blind, PortKind::Usb, BAUD);
    bench.done(&["base", "--survey-in", "60s,2"]);
    let shown = bench.done(&["show"]);
    assert!(
        shown.contains("survey-in of at least 60 s to 2000 mm; running, without a position yet\n"),
        "{shown}"
    );
    let refused = bench.configure(&["base", "--keep-surveyed"]);
    assert!(!refused.status.success() && stderr(&refused).contains("survey-in"), "{}", stderr(&refused));
}

#[test]
fn a_fixed_base_says_where_it_is_and_can_be_read_by_programs() {
    let bench = Bench::new(PortKind::Usb);
    assert_eq!(bench.done(&["diff"]).lines().count(), 1, "its speed is saved in flash");
    bench.done(&["base", "--fixed", "-33.123456789,151.5,-12.3456", "--accuracy", "0.02", "--epoch", "0.5s"]);
    let shown = bench.done(&["show", "--save", "saved.json"]);
    assert!(
        shown.contains("mode: base at -33.123456789 deg, 151.500000000 deg, -12.3456 m, good to 20 mm"),
        "{shown}"
    );
    assert!(shown.contains("epochs: every 500 ms"), "{shown}");
    let told: Value = serde_json::from_str(&bench.done(&["show", "--json"])).expect("JSON");
    assert!(told.to_string().contains("ZED-F9P"), "{told}");
    let diff: Value = serde_json::from_str(&bench.done(&["diff", "--json"])).expect("JSON");
    let mode = diff.as_array().and_then(|rows| rows.iter().find(|row| row["name"] == "CFG-TMODE-MODE"));
    assert_eq!(mode.expect("it differs")["values"]["default"], 0);
    assert!(bench.is_as_in("saved.json"));
    let again = bench.done(&["restore", "saved.json"]);
    assert_eq!(again, "the receiver has all of it set already; nothing was changed\n");
    bench.done(&["base", "--fixed-ecef", "4325509.0322,565427.7882,4638257.6243"]);
    let shown = bench.done(&["show"]);
    assert!(shown.contains("4325509.0322"), "{shown}");
}

/// Pulled out with a change before it has answered that; whether what it has set then differs from before.
fn unplugged_at(kind: PortKind, change: u32) -> bool {
    let bench = Bench::new(kind);
    let unplug = Fault::Unplug { drain: false, other_name: true };
    bench.control().begin_at_change(change, unplug).expect("it waits");
    let lost = bench.configure(&["base", "--fixed", "47,8,500"]);
    assert_eq!(lost.status.code(), Some(1), "{}", stderr(&lost));
    let said = stderr(&lost);
    assert!(
        said.starts_with(
            "depot: the port was lost on the way, so what the receiver has set now is not known: plug it in, and look \
             with `depot gnss configure show`; what it had before stands in depot-data/receivers/ZED-F9P-"
        ),
        "{said}"
    );
    bench.control().end(FaultName::Unplug).expect("plugged in");
    let kept = bench.kept();
    let differs = !bench.is_as_in(&kept[0]);
    bench.done(&["restore", &kept[0]]);
    assert!(bench.is_as_in(&kept[0]));
    differs
}

#[test]
fn unplugged_with_ram_half_set_it_is_put_back() {
    assert!(unplugged_at(PortKind::Uart1, 1));
}

/// It has lost its power with the port.
#[test]
fn unplugged_from_usb_before_it_is_saved_it_is_as_before() {
    assert!(!unplugged_at(PortKind::Usb, 1));
}

#[test]
fn unplugged_while_it_saves_it_is_put_back() {
    assert!(unplugged_at(PortKind::Usb, 2));
}

/// It does what it is told and its answers are lost, until it is told to put everything back.
#[test]
fn silent_for_a_while_it_is_put_back() {
    let bench = Bench::new(PortKind::Usb);
    bench.control().begin_at_change(1, Fault::Silence).expect("it waits");
    let (control, mut status) = (bench.control(), bench.twin.status());
    let undone = std::thread::scope(|scope| {
        let running = scope.spawn(|| bench.configure(&["base", "--fixed", "47,8,500"]));
        // Told three times, it counts as silent; the fourth change is the first that undoes.
        let wait = status.wait_for(|status| status.changes >= 4);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(wait).expect("it is there");
        control.end(FaultName::Silence).expect("it speaks");
        running.join().expect("it ends")
    });
    assert_eq!(undone.status.code(), Some(1));
    let said = stderr(&undone);
    assert!(
        said.starts_with(
            "depot: the receiver did not answer setting RAM: undone, the receiver is as it was before, read back from \
             every layer"
        ),
        "{said}"
    );
    assert!(bench.is_as_in(&bench.kept()[0]));
}

#[test]
fn at_the_wrong_speed_the_right_one_is_named() {
    let bench = Bench::at(PortKind::Uart1, 115_200);
    let wrong = bench.run(&["show", "--baud", "460800"]);
    assert_eq!(wrong.status.code(), Some(8));
    assert_eq!(
        stderr(&wrong).trim_end(),
        "depot: receiver does not talk at 460800 Bd but at 115200 Bd: use --baud 115200, or leave --baud out"
    );
}
