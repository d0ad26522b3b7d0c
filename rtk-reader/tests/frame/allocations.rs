//! Framing allocates nothing per frame, nor ever once its buffer is there.

use rtk_reader::frame::{Framer, encode};
use rtk_reader::{Timestamp, frame::MessageId};

/// Every protocol, and of noise, damage and false starts what makes the framer go back.
fn stream() -> Vec<u8> {
    let gga = encode::nmea("GNGGA,120000.00,4717.11,N,00833.91,E,4,12,0.5,499.6,M,48.0,M,,").expect("short");
    let long = encode::ubx(0x01, 0x35, &[0x24; 3000]).expect("short");
    let msm = encode::rtcm(&[0xD3; 900]).expect("short");
    let mut bent = msm.clone();
    bent[100] ^= 1;
    [
        gga.as_slice(),
        &long,
        b"noise",
        &msm,
        b"\xB5\x62\x01\x07\xFF\x0F",
        &gga,
        &bent,
        &gga,
        b"$GN",
        &msm,
        &long,
    ]
    .concat()
}

#[test]
fn no_frame_costs_an_allocation() {
    let stream = stream();
    for chunk in [1, 7, 64, 4096] {
        let mut framer = Framer::new();
        let (mut frames, mut ids) = (0_u32, 0_u32);
        let mut round = || {
            for piece in stream.chunks(chunk) {
                framer.push(Timestamp::ZERO, piece, &mut |frame| {
                    frames += 1;
                    ids += u32::from(frame.id() == MessageId::Ubx(1, 0x35));
                });
            }
        };
        // The first rounds may take the buffer's memory; a base's day is many more.
        (0..4).for_each(|_| round());
        let spent = allocation_counter::measure(|| (0..50).for_each(|_| round()));
        assert_eq!(spent.count_total, 0, "in chunks of {chunk}");
        assert!(frames > 54 * 4 && ids > 54, "{frames} frames, {ids} of NAV-SAT");
    }
    // The counter counts.
    assert_eq!(allocation_counter::measure(|| drop(std::hint::black_box(stream.clone()))).count_total, 1);
}
