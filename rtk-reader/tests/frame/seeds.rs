//! The fuzz target's seeds: made here, kept in `fuzz/corpus/framer`, run by every `cargo test`.

use std::path::Path;

use rtk_reader::frame::encode::{nmea, rtcm, ubx};

#[path = "../../fuzz/fuzz_targets/check.rs"]
mod check;

/// Set to write the seeds anew after a change to [`seeds`].
const WRITE: &str = "DEPOT_WRITE_FUZZ_SEEDS";

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let gga = nmea("GNGGA,120000.00,4717.11,N,00833.91,E,4,12,0.5,499.6,M,48.0,M,1.0,0000").expect("short");
    let pvt = ubx(0x01, 0x07, &[0x24; 92]).expect("short");
    let arp =
        rtcm(b"\x3E\xD7\xD3\x02\x02\x98\x0E\xDE\xEF\x34\xB4\xBD\x62\xAC\x09\x41\x98\x6F\x33").expect("short");
    let long = ubx(0x0A, 0x04, &[0xB5; 1200]).expect("short");
    let mut bent = gga.clone();
    bent[20] ^= 1;
    vec![
        ("mixed", [b"\x07\x10\x01\x14".as_slice(), &gga, &pvt, &arp, &gga].concat()),
        ("text-between", [b"\x05\x05\x05\x32# made\r\n".as_slice(), &gga, b"ICY 200 OK\r\n", &arp].concat()),
        (
            "bad-neighbours",
            [b"\x01\x02\x03\x64".as_slice(), &bent, &gga, &pvt[..50], &arp, &arp[..9], &pvt].concat(),
        ),
        (
            "false-starts",
            [b"\x03\x08\x02\xA0\xB5\x62\x01\x07\xFF\xFF".as_slice(), &gga, b"\xD3\x03\xFF", &gga].concat(),
        ),
        (
            "frames-in-a-frame",
            [b"\x04\x14\x09\x28".as_slice(), &ubx(2, 0x32, &arp).expect("short"), &arp].concat(),
        ),
        ("long-ubx", [b"\xFF\x20\x40\x0A".as_slice(), &long, &gga].concat()),
        ("long-lines", [b"\x30\x11\x02\x96$".as_slice(), &[b'A'; 600], b"\r\n$\n!\n", &gga].concat()),
        (
            "empty-frames",
            b"\x01\x01\x01\x01\xD3\0\0\x47\xEA\x4B\xB5\x62\x0A\x04\0\0\x0E\x34$*00\r\n".to_vec(),
        ),
    ]
}

#[test]
fn the_seeds_are_kept_as_made_and_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/framer");
    for (name, bytes) in seeds() {
        let path = folder.join(name);
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            std::fs::write(&path, &bytes).expect("a seed can be written");
        }
        let kept = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; set {WRITE}=1", path.display()));
        assert_eq!(kept, bytes, "{name} is out of date: set {WRITE}=1");
        check::check(&bytes);
    }
}
