//! RTKLIB: `convbin` reads the same observations out of the same bytes, and `rnx2rtkp` finds the antenna.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{convert, date, labels, messages};

/// What RTKLIB must be told, since it guesses the week by the computer's clock; and how many observations
/// both have at least.
const CAPTURES: [(&str, &str, usize); 4] = [
    ("gpsd/ublox-zed-f9r.log", "2025/04/11", 13_000),
    ("pygnssutils/pygpsdata-rtcm3.log", "2022/02/08", 30_000),
    ("gpsd/rtcm3.2.log", "2016/04/06", 7_000),
    ("pygnssutils/ntrip_encode_none.bin", "2024/08/18", 14_000),
];

/// Last digits: both round to three places, one of them after an addition more.
const TOLERANCE: f64 = 0.001_01;

fn skip(reason: &str) {
    assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|v| v.is_empty()), "{reason}");
    eprintln!("skipped: {reason}");
}

fn capture(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss")).join(name);
    if !path.is_file() {
        skip(&format!("no capture {}", path.display()));
        return None;
    }
    Some(path)
}

/// What a program of RTKLIB prints; none, said aloud, where it isn't installed.
fn rtklib(program: &str, args: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(folder).stdin(Stdio::null()).output();
    match output {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            skip(&format!("{program} can't be run ({error}); it is in Debian's package rtklib"));
            None
        }
    }
}

/// Epoch (0.1 ms of the month), satellite and type to the value and the loss-of-lock indicator.
type Observations = BTreeMap<(i64, String, String), (f64, u8)>;

fn observations(text: &str) -> Observations {
    let (mut types, mut all) = (BTreeMap::<char, Vec<String>>::new(), Observations::new());
    let (mut lines, mut system) = (text.lines(), ' ');
    for line in lines.by_ref().take_while(|line| !line.contains("END OF HEADER")) {
        if line.get(60..).is_some_and(|label| label.starts_with("SYS / # / OBS TYPES")) {
            system = line.chars().next().filter(|c| *c != ' ').unwrap_or(system);
            let names = line[6..60].split_whitespace().map(str::to_owned);
            types.entry(system).or_default().extend(names);
        }
    }
    let mut epoch = 0;
    for line in lines {
        if let Some(head) = line.strip_prefix("> ") {
            let fields: Vec<f64> =
                head[..27].split_whitespace().map(|field| field.parse().unwrap()).collect();
            let seconds = fields[2..].iter().zip([86_400.0, 3_600.0, 60.0, 1.0]).map(|(n, unit)| n * unit);
            epoch = (seconds.sum::<f64>() * 1e4).round() as i64;
            continue;
        }
        let columns = &types[&line.chars().next().unwrap()];
        for (i, name) in columns.iter().enumerate() {
            let cell = line.get(3 + 16 * i..).map_or("", |rest| rest.get(..16).unwrap_or(rest));
            let (value, lost) = (cell.get(..14).unwrap_or(cell).trim(), cell.get(14..15).unwrap_or(" "));
            if !value.is_empty() {
                let key = (epoch, line[..3].to_owned(), name.clone());
                all.insert(key, (value.parse().unwrap(), lost.trim().parse().unwrap_or(0)));
            }
        }
    }
    all
}

#[test]
fn observations_are_those_that_convbin_reads() {
    for (name, day, at_least) in CAPTURES {
        let Some(path) = capture(name) else { return };
        let folder = tempfile::tempdir().unwrap();
        let args = [
            "-r",
            "rtcm3",
            "-v",
            "3.04",
            "-f",
            "5",
            "-od",
            "-os",
            "-tr",
            day,
            "12:00:00",
            "-o",
            "theirs.obs",
        ];
        let args = [&args[..], &["-n", "theirs.nav", path.to_str().unwrap()]].concat();
        if rtklib("convbin", &args, folder.path()).is_none() {
            return;
        }
        let theirs = observations(&std::fs::read_to_string(folder.path().join("theirs.obs")).unwrap());
        let messages = messages(&std::fs::read(&path).unwrap());
        let converted = convert(&messages, date(&messages).expect("the capture says when it was taken"));
        let ours = observations(&converted.observations);
        let mut first_seen = BTreeMap::new();
        for (epoch, id, kind) in theirs.keys() {
            first_seen.entry((id, kind)).or_insert(*epoch);
        }
        let mut compared = 0;
        for (key, (value, lost)) in &theirs {
            let (our_value, our_lost) = ours.get(key).unwrap_or_else(|| panic!("{name}: {key:?} is missing"));
            assert!((value - our_value).abs() < TOLERANCE, "{name}: {key:?}: {our_value}, theirs {value}");
            // What they see for the first time is lost to them; here it was there before, or not to be lost.
            if first_seen[&(&key.1, &key.2)] < key.0 {
                assert_eq!(our_lost, lost, "{name}: {key:?}");
            }
            compared += 1;
        }
        assert!(compared >= at_least, "{name}: {compared}");
        // convbin knows nothing of BeiDou's newer signals; and it doesn't write every epoch, the last for one.
        let epochs = |of: &Observations| of.keys().map(|key| key.0).collect::<BTreeSet<_>>();
        let their_epochs = epochs(&theirs);
        assert!(epochs(&ours).len() <= their_epochs.len() + 2, "{name}: epochs they don't have");
        let newer = |(_, id, kind): &(i64, String, String)| {
            id.starts_with('C') && !["2I", "6I", "7I"].contains(&&kind[1..])
        };
        let of_theirs = ours.keys().filter(|key| their_epochs.contains(&key.0) && !newer(key));
        let extra: Vec<_> = of_theirs.filter(|key| !theirs.contains_key(*key)).collect();
        // It loses the first half of an epoch of the F9R's, whose frames are good.
        let of_one_epoch = extra.iter().all(|key| key.0 == extra[0].0);
        assert!(of_one_epoch, "{name}: {} more than they have, {:?}", extra.len(), extra.first());
    }
}

/// Single-point positions by code alone, without the ionosphere thanks to two frequencies.
#[test]
fn rnx2rtkp_finds_the_antenna() {
    for (name, _, epochs) in [(CAPTURES[0].0, "", 30), (CAPTURES[3].0, "", 33)] {
        let Some(path) = capture(name) else { return };
        let messages = messages(&std::fs::read(&path).unwrap());
        let converted = convert(&messages, date(&messages).expect("the capture says when it was taken"));
        let folder = tempfile::tempdir().unwrap();
        let (obs, nav) = (
            converted.contents.observation_name(&labels()).unwrap(),
            converted.contents.navigation_name(&labels()).unwrap(),
        );
        std::fs::write(folder.path().join(&obs), &converted.observations).unwrap();
        std::fs::write(folder.path().join(&nav), &converted.navigation).unwrap();
        for (system, at_least) in [("1", 4), ("4", 4), ("8", 4), ("32", 4), ("45", 15)] {
            let options = format!(
                "pos1-posmode=single\npos1-ionoopt=dual-freq\npos1-tropopt=saas\npos1-navsys={system}\nout-solformat=xyz\n"
            );
            std::fs::write(folder.path().join("options"), options).unwrap();
            let Some(text) = rtklib("rnx2rtkp", &["-k", "options", &obs, &nav], folder.path()) else {
                return;
            };
            let arp: Vec<f64> = header_numbers(&converted.observations, "APPROX POSITION XYZ");
            let mut fixes = 0;
            for line in text.lines().filter(|line| !line.starts_with('%')) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let at: Vec<f64> = fields[2..5].iter().map(|field| field.parse().unwrap()).collect();
                let used: usize = fields[6].parse().unwrap();
                let off_m = at.iter().zip(&arp).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                // What single-point positioning can do; a wrong week, sign or clock is kilometres.
                let limit_m = if system == "45" { 6.0 } else { 30.0 };
                assert!(off_m < limit_m, "{name}, systems {system}: {off_m} m off: {line}");
                assert!(used >= at_least, "{name}, systems {system}: {line}");
                fixes += 1;
            }
            if system == "45" {
                assert!(fixes >= epochs - 1, "{name}: {fixes} fixes of {epochs} epochs");
            }
        }
    }
}

fn header_numbers(text: &str, label: &str) -> Vec<f64> {
    let line = text.lines().find(|line| line.contains(label)).unwrap();
    line[..60].split_whitespace().map(|field| field.parse().unwrap()).collect()
}
