//! The table of keys.

use std::collections::BTreeSet;

use rtk_reader::frame::Protocol;
use rtk_reader::receiver::{KeyId, Kind, Output, Port, keys};

#[test]
fn names_and_ids_are_found_and_occur_once() {
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for key in keys::all() {
        assert!(names.insert(key.name.to_string()), "{} twice", key.name);
        assert!(ids.insert(key.id), "{} twice", key.id);
        assert_eq!(key.id.value_bytes(), Some(key.kind.bytes()), "{}", key.name);
        assert!(!key.id.is_wildcard(), "{}", key.name);
        assert_eq!(keys::by_id(key.id), Some(key));
        assert_eq!(keys::by_name(&key.name.to_string()), Some(key));
        if let Some((output, port)) = keys::rated(key.id) {
            assert_eq!(keys::rate(output, port), Some(key.id));
        }
    }
    assert_eq!(keys::by_name("cfg_tmode_mode").map(|key| key.id), Some(KeyId(0x2003_0001)));
    assert_eq!(keys::by_name("CFG-TMODE"), None);
}

/// The three ports of a base differ in their keys: a few by hand, from the interface description.
#[test]
fn ports_have_keys_of_their_own() {
    let base: Vec<String> = [Port::Usb, Port::Uart1, Port::Uart2]
        .iter()
        .map(|&port| {
            let rtcm = keys::rate(Output::Rtcm(1005, 0), port).unwrap();
            let pvt = keys::rate(Output::Ubx(0x01, 0x07), port).unwrap();
            format!("{rtcm} {pvt} {} {:?}", port.gives(Protocol::Rtcm), port.baud_key())
        })
        .collect();
    assert_eq!(
        base,
        [
            "0x209102c0 0x20910009 0x10780004 None",
            "0x209102be 0x20910007 0x10740004 Some(0x40520001 CFG-UART1-BAUDRATE)",
            "0x209102bf 0x20910008 0x10760004 Some(0x40530001 CFG-UART2-BAUDRATE)",
        ]
    );
    for port in Port::ALL {
        for protocol in [Protocol::Ubx, Protocol::Nmea, Protocol::Rtcm] {
            for (key, word) in [(port.takes(protocol), "INPROT"), (port.gives(protocol), "OUTPROT")] {
                let name = key.key().expect("it has a name").name.to_string();
                assert!(name.starts_with(&format!("CFG-{port}{word}-")), "{name}");
            }
        }
        assert_eq!(port.enabled_key().key().unwrap().name.to_string(), format!("CFG-{port}-ENABLED"));
        let baud = port.baud_key().map(|key| key.key().unwrap().name.to_string());
        assert!(baud.is_none_or(|name| name == format!("CFG-{port}-BAUDRATE")));
    }
}

#[test]
fn values_are_told_to_people() {
    let text = |name: &str, raw: u64| keys::by_name(name).unwrap().text(raw);
    let minus = |value: i64, bytes: u32| value.cast_unsigned() & (u64::MAX >> (64 - 8 * bytes));
    assert_eq!(text("CFG-TMODE-MODE", 1), "survey-in");
    assert_eq!(text("CFG-TMODE-MODE", 9), "9");
    assert_eq!(text("CFG-TMODE-LAT", minus(-337_550_123, 4)), "-33.7550123 deg");
    assert_eq!(text("CFG-TMODE-HEIGHT_HP", minus(-99, 1)), "-9.9 mm");
    assert_eq!(text("CFG-TMODE-FIXED_POS_ACC", 3), "0.3 mm");
    assert_eq!(text("CFG-UART1-BAUDRATE", 460_800), "460800 Bd");
    assert_eq!(text("CFG-USBOUTPROT-NMEA", 1), "on");
    assert_eq!(text("CFG-INFMSG-NMEA_USB", 7), "0x7");
    assert_eq!(text("CFG-RATE-NAV", 1), "1");
    assert_eq!(Kind::R8.bytes(), 8);
}
