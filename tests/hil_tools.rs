//! The virtual receiver asked and set up with the tools that others have for a real one.

use std::process::{Command, Stdio};

use hil::twin::{Character, Options, PortKind, Twin};

use crate::support::{output, skip, stderr, stdout};

/// What a factory-new UART has.
const BAUD: &str = "38400";

fn twin() -> Twin {
    let character = Character::quick();
    Twin::start(Options { character, kind: PortKind::Uart1, link: None }).expect("a twin")
}

/// gpsd's own tool: who it is, an item set, and read back.
#[test]
fn ubxtool_asks_it_and_sets_it() {
    if output(Command::new("sh").args(["-c", "command -v ubxtool"])).stdout.is_empty() {
        return skip("Debian's gpsd-clients or gpsd, with ubxtool, is not installed");
    }
    let twin = twin();
    let path = twin.path().display().to_string();
    let told = |args: &[&str]| {
        let mut command = Command::new("ubxtool");
        command.args(["-P", "27.31", "-w", "2", "-v", "2", "-s", BAUD, "-f", &path]).args(args);
        let told = output(command.stdin(Stdio::null()));
        assert!(told.status.success(), "{}", stderr(&told));
        stdout(&told)
    };
    let version = told(&["-p", "MON-VER"]);
    assert!(version.contains("extension MOD=ZED-F9P") && version.contains("FWVER=HPG 1.32"), "{version}");
    let set = told(&["-z", "CFG-RATE-MEAS,500,1"]);
    assert!(set.contains("UBX-ACK-ACK"), "{set}");
    let read = told(&["-g", "CFG-RATE-MEAS,0"]);
    assert!(read.contains("CFG-RATE-MEAS/0x30210001 val 500"), "{read}");
    let refused = told(&["-z", "CFG-RATE-MEAS,1,1"]);
    assert!(refused.contains("UBX-ACK-NAK"), "{refused}");
}

/// Sets a base up over pyserial, waits for its observations, and reads an item back; each wait has an end.
const PYTHON: &str = r#"
import sys, serial
from pyubx2 import UBXReader, UBXMessage, POLL
line = serial.Serial(sys.argv[1], int(sys.argv[2]), timeout=5)
reader = UBXReader(line, protfilter=7)
def until(wanted):
    for _ in range(1000):
        raw, parsed = reader.read()
        assert raw, "nothing comes"
        if parsed.identity == wanted:
            return parsed
    raise AssertionError("no " + wanted)
def ask(message, wanted):
    line.write(message.serialize())
    return until(wanted)
print(ask(UBXMessage("MON", "MON-VER", POLL), "MON-VER").extension_02.rstrip(b"\0").decode())
keys = [("CFG_TMODE_MODE", 2), ("CFG_TMODE_POS_TYPE", 1), ("CFG_TMODE_LAT", 470000000),
        ("CFG_TMODE_LON", 85000000), ("CFG_TMODE_HEIGHT", 50000), ("CFG_UART1_BAUDRATE", 115200),
        ("CFG_MSGOUT_RTCM_3X_TYPE1077_UART1", 1), ("CFG_MSGOUT_RTCM_3X_TYPE1005_UART1", 1)]
ask(UBXMessage.config_set(7, 0, keys), "ACK-ACK")
line.baudrate = 115200
print(until("1005").identity, until("1077").identity)
read = ask(UBXMessage.config_poll(2, 0, ["CFG_TMODE_LAT", "CFG_UART1_BAUDRATE"]), "CFG-VALGET")
print(read.CFG_TMODE_LAT, read.CFG_UART1_BAUDRATE)
print(ask(UBXMessage.config_set(1, 0, [("CFG_RATE_MEAS", 1)]), "ACK-NAK").identity)
"#;

#[test]
fn pyubx2_makes_a_base_of_it() {
    let python = |args: &[&str]| output(Command::new("python3").args(args));
    if !python(&["-c", "import pyubx2, serial"]).status.success() {
        return skip("python3 with the packages pyubx2 and pyserial is not installed");
    }
    let twin = twin();
    let told = python(&["-c", PYTHON, &twin.path().display().to_string(), BAUD]);
    assert!(told.status.success(), "{}", stderr(&told));
    assert_eq!(stdout(&told), "FWVER=HPG 1.32\n1005 1077\n470000000 115200\nACK-NAK\n");
}
