//! What a UART reads that listens at another speed, pure.
//!
//! Bit by bit: a falling edge is taken for a start bit, and what the line shows in the middle of the nine bit times that
//! follow for data and stop bit.

/// Speeds that differ by no more than this still understand each other: half a bit at the end of ten.
const TOLERANCE_PERCENT: u64 = 4;

/// Whether bytes sent at one speed are understood at the other.
#[must_use]
pub fn fits(sent_baud: u32, read_baud: u32) -> bool {
    u64::from(sent_baud.abs_diff(read_baud)) * 100 <= u64::from(sent_baud) * TOLERANCE_PERCENT
}

/// What is read at `read_baud` of bytes sent at `sent_baud`, the line idle before and after. Where no stop bit is found,
/// a zero byte is read, as a driver hands over a break or a framing error.
#[must_use]
pub fn garble(bytes: &[u8], sent_baud: u32, read_baud: u32) -> Vec<u8> {
    if fits(sent_baud, read_baud) {
        return bytes.to_vec();
    }
    let (sent, read) = (u64::from(sent_baud.max(1)), u64::from(read_baud.max(1)));
    // Time in units of which both bits take a whole number, and half of one, too.
    let (sent_bit, read_bit) = (2 * read, 2 * sent);
    let end = bytes.len() as u64 * 10 * sent_bit;
    let level = |time: u64| {
        let bit = time / sent_bit;
        let byte = usize::try_from(bit / 10).ok().and_then(|i| bytes.get(i));
        match (byte, bit % 10) {
            (None, _) | (_, 9) => true,
            (_, 0) => false,
            (Some(byte), data) => byte >> (data - 1) & 1 == 1,
        }
    };
    let mut read_bytes = Vec::new();
    let mut time = 0;
    while time < end {
        if level(time) {
            // The next edge can only be where a sent bit begins.
            time = (time / sent_bit + 1) * sent_bit;
            continue;
        }
        let middle = |n: u64| level(time + n * read_bit + read_bit / 2);
        let value = (0..8).fold(0_u8, |value, n| value | u8::from(middle(n + 1)) << n);
        let stopped = middle(9);
        read_bytes.push(if stopped { value } else { 0 });
        time += 9 * read_bit + read_bit / 2;
        while !level(time) && time < end {
            time = (time / sent_bit + 1) * sent_bit;
        }
    }
    read_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_same_speed_all_is_read() {
        assert_eq!(garble(b"$GNGGA", 38_400, 38_400), b"$GNGGA");
        assert_eq!(garble(b"$GNGGA", 115_200, 117_000), b"$GNGGA");
        assert!(!fits(57_600, 38_400) && !fits(38_400, 57_600));
    }

    /// 0x55 is a square wave: at half the speed every second edge is missed.
    #[test]
    fn at_another_it_is_garbage_of_another_length() {
        let sent: Vec<u8> = (0..=255).cycle().take(2_000).collect();
        for (from, to) in [(38_400, 9_600), (38_400, 115_200), (460_800, 115_200), (9_600, 921_600)] {
            let read = garble(&sent, from, to);
            assert_ne!(read, sent);
            assert!(!read.is_empty(), "{from} {to}");
            if to < from {
                assert!(read.len() < sent.len(), "{from} {to}: {}", read.len());
            }
            assert!(read.len() <= sent.len() * 5, "{from} {to}: {}", read.len());
        }
    }
}
