//! RTKLIB: `convbin` reads the same observations out of the same bytes, and `rnx2rtkp` finds the antenna.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rtk_reader::frame::{Framer, MessageId, encode};
use rtk_reader::rinex::GpsTime;

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

/// No capture has three subframes of a GPS satellite. They are made here of the ephemerides in another's 1019, which
/// `convbin` and we must read out of them again.
#[test]
fn ephemerides_of_subframes_are_those_that_convbin_reads() {
    let Some(path) = capture(CAPTURES[0].0) else { return };
    let (ephemerides, subframes) = subframes(&std::fs::read(&path).unwrap());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("subframes.ubx"), &subframes).unwrap();
    let args =
        ["-r", "ubx", "-v", "3.04", "-tr", CAPTURES[0].1, "23:14:00", "-n", "theirs.nav", "subframes.ubx"];
    if rtklib("convbin", &args, folder.path()).is_none() {
        return;
    }
    let theirs = gps_records(&std::fs::read_to_string(folder.path().join("theirs.nav")).unwrap());
    let day = GpsTime::of_utc((2025, 4, 11), 83_640.0).unwrap();
    let ours = gps_records(&convert(&messages(&subframes), day).navigation);
    let original = gps_records(&convert(&messages(&ephemerides), day).navigation);
    assert_eq!(ours, original);
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    assert!(ours.len() > 15, "{}", ours.len());
    for (satellite, (epoch, values)) in &theirs {
        let (our_epoch, our_values) = &ours[satellite];
        assert_eq!(epoch, our_epoch, "{satellite}");
        // The last line holds the time it was heard, by each program's own clock.
        for (field, (a, b)) in values.iter().zip(our_values).take(27).enumerate() {
            assert!((a - b).abs() <= a.abs() * 1e-11, "{satellite}, field {field}: {b}, theirs {a}");
        }
    }
}

/// The 1019 of a stream, and the same as subframes in RXM-SFRBX.
fn subframes(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut ephemerides, mut subframes) = (Vec::new(), Vec::new());
    let mut framer = Framer::new();
    framer.push(Default::default(), bytes, &mut |frame| {
        if frame.id() == MessageId::Rtcm(Some(1019)) {
            ephemerides.extend_from_slice(frame.bytes);
            let payload = frame.payload();
            let bit = |at: usize| payload[at / 8] >> (7 - at % 8) & 1;
            let number = (12..18).fold(0, |number, at| number << 1 | bit(at));
            for (id, words) in (1u8..).zip(lnav(&bit)) {
                let mut sfrbx = vec![0, number, 0, 0, 10, 0, 2, 0];
                words.iter().for_each(|word| sfrbx.extend_from_slice(&word.to_le_bytes()));
                subframes.extend(encode::ubx(0x02, 0x13, &sfrbx).unwrap());
                assert!(id <= 3);
            }
        }
    });
    (ephemerides, subframes)
}

/// Words of the three subframes (IS-GPS-200, figure 20-1), without parity, which nobody looks at behind a receiver.
fn lnav(bit: &dyn Fn(usize) -> u8) -> [[u32; 10]; 3] {
    // Width in 1019, behind number and satellite, and where the field is: subframe, word and bit from 1.
    const PLACES: [(usize, usize, usize, usize); 31] = [
        (10, 1, 3, 1),
        (4, 1, 3, 13),
        (2, 1, 3, 11),
        (14, 3, 10, 9),
        (8, 2, 3, 1),
        (16, 1, 8, 9),
        (8, 1, 9, 1),
        (16, 1, 9, 9),
        (22, 1, 10, 1),
        (2, 1, 3, 23),
        (8, 1, 8, 1),
        (16, 2, 3, 9),
        (16, 2, 4, 1),
        (32, 2, 4, 17),
        (16, 2, 6, 1),
        (32, 2, 6, 17),
        (16, 2, 8, 1),
        (32, 2, 8, 17),
        (16, 2, 10, 1),
        (16, 3, 3, 1),
        (32, 3, 3, 17),
        (16, 3, 5, 1),
        (32, 3, 5, 17),
        (16, 3, 7, 1),
        (32, 3, 7, 17),
        (24, 3, 9, 1),
        (8, 1, 7, 17),
        (6, 1, 3, 17),
        (1, 1, 4, 1),
        (1, 2, 10, 17),
        // The issue once more, in the third.
        (8, 3, 10, 1),
    ];
    let mut data = [[0u8; 240]; 3];
    let mut from = 18;
    for (i, (width, subframe, word, first)) in PLACES.into_iter().enumerate() {
        // The issue is the fifth field.
        let source = if i == 30 { 18 + 10 + 4 + 2 + 14 } else { from };
        for offset in 0..width {
            data[subframe - 1][24 * (word - 1) + first - 1 + offset] = bit(source + offset);
        }
        from += width;
    }
    for (id, data) in (1u8..).zip(&mut data) {
        (0..8).for_each(|at| data[at] = 0x8B >> (7 - at) & 1);
        (0..3).for_each(|at| data[43 + at] = id >> (2 - at) & 1);
        // When it is sent, in 6 s of the week: 23:14:24 on the Friday.
        (0..17).for_each(|at| data[24 + at] = (85_944u32 >> (16 - at) & 1) as u8);
    }
    data.map(|data| {
        let word =
            |i: usize| data[24 * i..][..24].iter().fold(0, |word, bit| word << 1 | u32::from(*bit)) << 6;
        std::array::from_fn(word)
    })
}

/// Satellite to epoch and the numbers of its first record.
fn gps_records(text: &str) -> BTreeMap<String, (String, Vec<f64>)> {
    let mut records = BTreeMap::<String, (String, Vec<f64>)>::new();
    let mut lines = text.lines().skip_while(|line| !line.contains("END OF HEADER")).skip(1);
    while let Some(line) = lines.next() {
        if !line.starts_with('G') {
            continue;
        }
        let head = (line[..3].to_owned(), line[3..23].to_owned());
        let mut text = line[23..].to_owned();
        lines.by_ref().take(7).for_each(|line| text += &line[4..]);
        let numbers = text
            .as_bytes()
            .chunks(19)
            .map(|cell| std::str::from_utf8(cell).unwrap().trim().replace('D', "E"));
        let values = numbers.filter_map(|number| number.parse().ok()).collect();
        records.entry(head.0).or_insert((head.1, values));
    }
    records
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
