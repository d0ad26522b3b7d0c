//! A receiver set up over a line, as a person does it: everything, or nothing and a sentence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rtk_reader::frame::encode;
use rtk_reader::receiver::{KeyId, Layer, Snapshot, keys};
use serialport::SerialPort;

use crate::support::model::{Fault, Model};
use crate::support::receiver::pseudo_terminal;
use crate::support::{depot, output, stderr, stdout};

const BAUD: KeyId = KeyId(0x4052_0001);
const MODE: KeyId = KeyId(0x2003_0001);

/// The model of a receiver behind a pseudo-terminal, which talks and talks; dropping it unplugs it.
struct Line {
    path: PathBuf,
    model: Arc<Mutex<Model>>,
    unplug: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl Line {
    fn new(layers: Snapshot, faults: BTreeMap<usize, Fault>, talks: bool) -> Self {
        let (mut master, path) = pseudo_terminal().expect("a pseudo-terminal");
        let model = Arc::new(Mutex::new(Model::new(layers, BAUD, faults)));
        let (unplug, unplugged): (_, Receiver<()>) = channel();
        let thread = std::thread::spawn({
            let model = model.clone();
            move || {
                use std::io::{Read, Write};
                let mut asked = [0; 2048];
                let chatter = encode::ubx(0x01, 0x35, &[0; 400]).expect("a frame");
                for round in 0u64.. {
                    if unplugged.try_recv() != Err(std::sync::mpsc::TryRecvError::Empty) {
                        return;
                    }
                    // It waits for a few milliseconds.
                    let length = master.read(&mut asked).unwrap_or_default();
                    let at_baud = master.baud_rate().unwrap_or_default();
                    let mut model = model.lock().expect("nobody panics with it");
                    let before = model.baud;
                    let mut said =
                        if length > 0 { model.written(&asked[..length], at_baud) } else { Vec::new() };
                    if talks && round % 16 == 0 && before == at_baud {
                        said.splice(0..0, chatter.iter().copied());
                    }
                    // Bytes that nobody takes are dropped, as on a line.
                    let _ = master.write(&said);
                }
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        Self { path, model, unplug: Some(unplug), thread: Some(thread), folder }
    }

    fn configure(&self, args: &[&str]) -> Output {
        let mut command = depot();
        command.args(["--log", "error", "gnss", "configure"]).args(args).arg("--gnss").arg(&self.path);
        output(command.current_dir(self.folder.path()).stdin(Stdio::null()))
    }

    fn layers(&self) -> Snapshot {
        self.model.lock().expect("nobody panics with it").layers.clone()
    }

    /// What was kept before changes, the oldest first.
    fn kept(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join("depot-data/receivers");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .map_or_else(|_| Vec::new(), |all| all.flatten().map(|e| e.path()).collect());
        files.sort();
        files
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.unplug.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A receiver from its maker.
fn new() -> Snapshot {
    let ram = keys::all().map(|key| (key.id, key.default.unwrap_or(7))).collect();
    let (model, firmware, protocol) = ("ZED-F9P".into(), "HPG 1.32".into(), "27.31".into());
    Snapshot { model, firmware, protocol, ram, ..Snapshot::default() }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_base_is_made_shown_and_unmade() {
    let line = Line::new(new(), BTreeMap::new(), true);
    let made = line.configure(&["base", "--fixed", "47.123456789,8.5,500.1234", "--set-baud", "115200"]);
    assert!(made.status.success(), "{}", stderr(&made));
    assert!(stdout(&made).contains("keys are set in RAM, BBR and flash, and read back"), "{}", stdout(&made));
    let now = line.layers();
    for layer in [Layer::Ram, Layer::Bbr, Layer::Flash] {
        assert_eq!((now.layer(layer).get(&MODE), now.layer(layer).get(&BAUD)), (Some(&2), Some(&115_200)));
    }

    let shown = stdout(&line.configure(&["show"]));
    assert!(
        shown.contains("base at 47.123456789 deg, 8.500000000 deg, 500.1234 m, good to 10 mm"),
        "{shown}"
    );
    assert!(shown.contains("UART1 at 115200 Bd: in UBX, NMEA, RTCM 3; out UBX, RTCM 3"), "{shown}");

    let kept = line.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let differs = stdout(&line.configure(&["diff", &text(&kept[0])]));
    assert!(differs.contains("CFG-TMODE-MODE: RAM fixed, RAM in the file disabled"), "{differs}");

    let unmade = line.configure(&["restore", &text(&kept[0])]);
    assert!(unmade.status.success(), "{}", stderr(&unmade));
    assert_eq!(line.layers(), new());
    assert_eq!(stdout(&line.configure(&["diff", &text(&kept[0])])), "nothing differs\n");
    assert_eq!(line.kept().len(), 2, "a restore can be undone like any change");
}

#[test]
fn a_refusal_undoes_all_and_says_so() {
    let line = Line::new(new(), BTreeMap::new(), true);
    line.model.lock().expect("nobody panics with it").flash_locked = true;
    let refused = line.configure(&["base", "--survey-in", "60s,2", "--set-baud", "460800"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(
        said.starts_with(
            "depot: the receiver refused setting BBR and flash: undone, the receiver is as it was before, read back \
             from every layer; what it had before stands in depot-data/receivers/ZED-F9P-"
        ),
        "{said}"
    );
    assert_eq!(line.layers(), new());
}

#[test]
fn a_dry_run_writes_nothing_and_needs_no_receiver() {
    let line = Line::new(new(), BTreeMap::new(), true);
    let dry = line.configure(&["rover", "--dry-run"]);
    assert!(stdout(&dry).contains("0x20030001 CFG-TMODE-MODE = disabled (0x0) in RAM, BBR, flash\n"));
    assert_eq!((line.layers(), line.kept().len()), (new(), 0));

    let args =
        ["gnss", "configure", "rover", "--dry-run", "--port-of-receiver", "uart1", "--gnss", "/no/such/port"];
    let offline = output(depot().args(args));
    assert_eq!(stdout(&offline), stdout(&dry));
}

#[test]
fn a_receiver_that_says_nothing_answers_at_its_speed() {
    let mut silent = new();
    silent.ram.insert(BAUD, 9600);
    let line = Line::new(silent, BTreeMap::new(), false);
    let shown = line.configure(&["show", "--baud", "9600"]);
    assert!(stdout(&shown).contains("UART1 at 9600 Bd"), "{}{}", stdout(&shown), stderr(&shown));
}

#[test]
fn what_cannot_be_done_is_told_before_anything_is_written() {
    let line = Line::new(new(), BTreeMap::new(), true);
    let said = |args: &[&str]| {
        let output = line.configure(args);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
        format!("{}: {}", output.status.code().expect("a code"), stderr(&output).trim_end())
    };
    let overload = said(&["base", "--survey-in", "60s,2", "--set-baud", "9600", "--msm", "7"]);
    assert_eq!(
        overload,
        "2: depot: UART1 at 9600 Bd carries 960 bytes a second and would have 2024 with 40 satellites, 211 %: choose \
         --set-baud 38400, MSM4 instead of MSM7, or a longer --epoch"
    );
    let nothing = said(&["base", "--keep-surveyed"]);
    assert_eq!(nothing, "1: depot: the receiver refuses to tell its survey-in; nothing was changed");
    let usb = said(&["base", "--survey-in", "60s,2", "--set-baud", "9600", "--corrections-port", "usb"]);
    assert_eq!(usb, "2: depot: USB has no baud rate to set");
    std::fs::write(line.folder.path().join("x.json"), "{}").expect("written");
    let file = said(&["restore", "x.json"]);
    assert!(file.starts_with("9: depot: x.json can't be used: it is not a configuration that"), "{file}");
    assert_eq!((line.layers(), line.kept().len()), (new(), 0));
}

#[test]
fn another_receiver_gets_one_sentence() {
    let line = Line::new(
        Snapshot { protocol: "20.30".into(), model: "NEO-M8P-2".into(), ..new() },
        BTreeMap::new(),
        true,
    );
    let said = line.configure(&["show"]);
    assert_eq!(said.status.code(), Some(9));
    assert!(
        stderr(&said).contains("NEO-M8P-2 with protocol 20.30 is older than u-blox generation 9"),
        "{}",
        stderr(&said)
    );
}

#[test]
fn lost_and_late_answers_delay_it_and_no_more() {
    let faults = BTreeMap::from([(2, Fault::AnswerLost), (14, Fault::AnswerLate)]);
    let line = Line::new(new(), faults, true);
    let made = line.configure(&["rover"]);
    assert!(made.status.success(), "{}", stderr(&made));
    assert_eq!(line.layers().flash.get(&MODE), Some(&0));
}
