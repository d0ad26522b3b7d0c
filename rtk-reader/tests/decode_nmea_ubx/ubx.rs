//! UBX messages of real receivers whose content is known from elsewhere.

use rtk_reader::decode::{
    Constellation, Message,
    ubx::{CfgItem, MonRf, NavSvin, Packet},
};

use crate::captures;

fn packets(name: &str) -> Option<Vec<Packet>> {
    let packets =
        captures::messages(&captures::read(name)?).into_iter().filter_map(|message| match message {
            Message::Ubx(packet) => Some(packet),
            _ => None,
        });
    Some(packets.collect())
}

#[test]
fn a_configuration_session() {
    let Some(packets) = packets("pyubx2/ucenter-ZEDF9P-configdebug.log") else { return };
    let count = |wanted: fn(&Packet) -> bool| packets.iter().filter(|packet| wanted(packet)).count();
    assert_eq!(count(|packet| matches!(packet, Packet::Ack(ack) if ack.acknowledged)), 44);
    assert_eq!(count(|packet| matches!(packet, Packet::Ack(ack) if !ack.acknowledged)), 14);
    assert!(packets.iter().all(|packet| match packet {
        Packet::Ack(ack) => ack.class == 0x06,
        _ => true,
    }));

    let versions: Vec<_> = packets
        .iter()
        .filter_map(|packet| match packet {
            Packet::MonVer(version) => Some(version),
            _ => None,
        })
        .collect();
    assert_eq!(versions.len(), 4, "the other four of the eight frames ask");
    for version in versions {
        assert_eq!(version.software, "EXT CORE 1.00 (0fa0ae)");
        assert_eq!(version.hardware, "00190000");
        assert_eq!(version.extension("FWVER"), Some("HPG 1.32"));
        assert_eq!(version.extension("PROTVER"), Some("27.31"));
        assert_eq!(version.extension("MOD"), Some("ZED-F9P"));
    }

    let (polls, answers): (Vec<_>, Vec<_>) = packets
        .iter()
        .filter_map(|packet| match packet {
            Packet::CfgValget(valget) => Some(valget),
            _ => None,
        })
        .partition(|valget| valget.version == 0);
    assert_eq!((polls.len(), answers.len()), (24, 24));
    assert!(polls.iter().all(|poll| poll.items == [CfgItem { key: 0x0FFF_0000, value: None }]));
    let items: Vec<_> = answers.iter().flat_map(|answer| &answer.items).collect();
    assert!(items.len() > 1000, "{}", items.len());
    assert!(items.iter().all(|item| item.value.is_some()));
    // CFG-UART1-BAUDRATE and CFG-RATE-MEAS: the session sets neither from these defaults.
    let value = |key| items.iter().find(|item| item.key == key).and_then(|item| item.value);
    assert_eq!((value(0x4052_0001), value(0x3021_0001)), (Some(38_400), Some(1000)));
}

#[test]
fn a_surveyed_in_base() {
    let Some(packets) = packets("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let surveys: Vec<&NavSvin> = packets
        .iter()
        .filter_map(|packet| match packet {
            Packet::NavSvin(survey) => Some(survey),
            _ => None,
        })
        .collect();
    assert_eq!(surveys.len(), 16);
    for survey in surveys {
        assert!(survey.valid && !survey.active);
        assert_eq!((survey.duration_s, survey.observations), (30, 31));
        assert_eq!(survey.mean_accuracy_m, 0.8383);
        // On the ground: 6,372 km from the centre at 32 degrees north.
        let radius_m = survey.mean_ecef_m.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((radius_m - 6_372_200.0).abs() < 500.0, "{radius_m}");
    }
}

#[test]
fn antennas_of_both_bands() {
    let Some(packets) = packets("gpsd/ublox-zed-f9r.log") else { return };
    let rf: Vec<&MonRf> = packets
        .iter()
        .filter_map(|packet| match packet {
            Packet::MonRf(rf) => Some(rf),
            _ => None,
        })
        .collect();
    assert_eq!(rf.len(), 7);
    for rf in rf {
        let [l1, l2] = rf.blocks.as_slice() else { panic!("{rf:?}") };
        assert_eq!((l1.block_id, l2.block_id), (0, 1));
        assert_eq!((l1.antenna_status, l2.antenna_status), (2, 2));
        assert_eq!((l1.noise_per_ms, l2.noise_per_ms), (69, 39));
        assert!(l1.agc_count < 8192 && l2.agc_count < 8192);
    }
}

#[test]
fn signals_of_four_systems_have_bands() {
    let Some(packets) = packets("gpsd/ublox-zed-f9r.log") else { return };
    let mut bands = std::collections::BTreeSet::new();
    let mut most = 0;
    for packet in packets {
        if let Packet::NavSig(sig) = packet {
            most = most.max(sig.signals.len());
            for signal in sig.signals {
                bands.insert((signal.id.expect("known").constellation, signal.band.expect("known")));
            }
        }
    }
    use Constellation::{Beidou, Galileo, Glonass, Gps, Sbas};
    let expected = [
        (Gps, "L1"),
        (Gps, "L2"),
        (Glonass, "L1"),
        (Glonass, "L2"),
        (Galileo, "E1"),
        (Galileo, "E5b"),
        (Beidou, "B1I"),
        (Beidou, "B2I"),
        (Sbas, "L1"),
    ];
    assert_eq!(bands, expected.into());
    assert_eq!(most, 78, "one more than the 1240 bytes the ublox crate takes for the most");
}

#[test]
fn corrections_arrive_at_a_rover() {
    let Some(packets) = packets("gpsd/ublox-neo-m8p.log") else { return };
    let mut numbers = std::collections::BTreeMap::<u16, u32>::new();
    for packet in packets {
        if let Packet::RxmRtcm(rtcm) = packet {
            assert!(!rtcm.crc_failed);
            *numbers.entry(rtcm.number).or_default() += 1;
        }
    }
    assert_eq!(numbers.values().sum::<u32>(), 12);
    assert!(numbers.keys().all(|number| matches!(number, 1005 | 1074..=1127 | 1230)), "{numbers:?}");
}
