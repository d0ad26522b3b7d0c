//! The antenna reference point: what is sent to rovers is what the receiver was told, or has surveyed.

use fixtures::geodesy::Geodetic;
use rtk_reader::decode::ubx::Packet;
use rtk_reader::receiver::{Item, KeyId, Layer};

use super::super::case::{Case, Measure, Measured, Outcome, Running};
use super::super::link::{Link, NAV_SVIN};
use super::super::{BenchError, Unit, stage::Stage, stats};

pub const CASE: Case = Case {
    name: "arp",
    about: "the position sent in 1005 or 1006 is the configured one",
    measures: &[
        Measure::new("messages", Unit::Count, "1005 and 1006 in the observation"),
        Measure::new("difference", Unit::Metres, "the largest, in three dimensions"),
    ],
    needs: &[],
    run,
};

/// CFG-TMODE-MODE, and the position as the other keys of its group have it (UBX-22008968, "CFG-TMODE").
pub(super) const MODE: KeyId = KeyId(0x2003_0001);
const POS_TYPE: KeyId = KeyId(0x2003_0002);
const ECEF: [(KeyId, KeyId); 3] = [
    (KeyId(0x4003_0003), KeyId(0x2003_0006)),
    (KeyId(0x4003_0004), KeyId(0x2003_0007)),
    (KeyId(0x4003_0005), KeyId(0x2003_0008)),
];
const LLH: [(KeyId, KeyId); 3] = [
    (KeyId(0x4003_0009), KeyId(0x2003_000C)),
    (KeyId(0x4003_000A), KeyId(0x2003_000D)),
    (KeyId(0x4003_000B), KeyId(0x2003_000E)),
];

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let observation = stage.observe().await?;
        let link = stage.link().await?;
        let Some(configured) = configured(link).await? else {
            return Ok(Outcome::Skipped("the receiver is no base: it has no position to send".to_owned()));
        };
        let stations = observation.stations();
        let mut measured = vec![Measured::new("messages", stations.len() as f64)];
        let away: Vec<f64> = stations.iter().map(|s| stats::distance(s.ecef_m, configured)).collect();
        measured.extend(stats::largest(&away).map(|largest| Measured::new("difference", largest)));
        Ok(Outcome::Measured(measured))
    })
}

/// What the receiver was told, or what its survey-in came to; none if neither.
async fn configured(link: &mut Link) -> Result<Option<[f64; 3]>, BenchError> {
    let keys: Vec<KeyId> =
        [MODE, POS_TYPE].into_iter().chain(ECEF.into_iter().chain(LLH).flat_map(|(a, b)| [a, b])).collect();
    let items = link.get(Layer::Ram, &keys).await?;
    match number(&items, MODE) {
        Some(1) => match link.ask(NAV_SVIN).await? {
            Packet::NavSvin(svin) if svin.valid => Ok(Some(svin.mean_ecef_m)),
            _ => Ok(None),
        },
        Some(2) => Ok(fixed(&items)),
        _ => Ok(None),
    }
}

/// The fixed position of a base.
fn fixed(items: &[Item]) -> Option<[f64; 3]> {
    // A value of four bytes and one of one, each with its sign.
    let pair = |(coarse, fine): (KeyId, KeyId)| {
        let coarse = u32::try_from(number(items, coarse)?).ok()?.cast_signed();
        let fine = u8::try_from(number(items, fine)?).ok()?.cast_signed();
        Some(f64::from(coarse) * 100.0 + f64::from(fine))
    };
    match number(items, POS_TYPE)? {
        // Centimetres, and tenths of a millimetre.
        0 => {
            let [x, y, z] = ECEF.map(pair);
            Some([x? / 1e4, y? / 1e4, z? / 1e4])
        }
        // 1e-7 and 1e-9 degrees; the height as above.
        _ => {
            let [latitude, longitude, height] = LLH.map(pair);
            let (latitude_deg, longitude_deg) = (latitude? / 1e9, longitude? / 1e9);
            Some(Geodetic { latitude_deg, longitude_deg, height_m: height? / 1e4 }.to_ecef())
        }
    }
}

fn number(items: &[Item], key: KeyId) -> Option<u64> {
    items.iter().find(|item| item.key == key).map(|item| item.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_position_are_read_with_their_fine_parts() {
        let item = |key, value: i64| Item { key, value: value.cast_unsigned() & 0xFFFF_FFFF };
        let fine = |key, value: i64| Item { key, value: value.cast_unsigned() & 0xFF };
        let values = [(ECEF[0], 444_403_080, 29), (ECEF[1], -308_567_123, -49), (ECEF[2], 336_665_826, 0)];
        let mut items = vec![item(POS_TYPE, 0)];
        items.extend(values.iter().flat_map(|((a, b), coarse, hp)| [item(*a, *coarse), fine(*b, *hp)]));
        assert_eq!(fixed(&items), Some([4_444_030.802_9, -3_085_671.234_9, 3_366_658.26]));
        let values = [(LLH[0], 469_480_900, 12), (LLH[1], 74_474_400, -7), (LLH[2], 59_000, 3)];
        items[0].value = 1;
        items.extend(values.iter().flat_map(|((a, b), coarse, hp)| [item(*a, *coarse), fine(*b, *hp)]));
        let place =
            Geodetic { latitude_deg: 46.948_090_012, longitude_deg: 7.447_439_993, height_m: 590.000_3 };
        assert!(stats::distance(fixed(&items).unwrap(), place.to_ecef()) < 1e-6);
        assert_eq!(fixed(&items[..5]), None);
    }
}
