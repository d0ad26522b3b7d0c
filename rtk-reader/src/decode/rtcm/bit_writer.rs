//! Payloads for tests: what no capture has.

/// Writes fields one after another, most significant bit first.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    bits: Vec<bool>,
}

impl BitWriter {
    /// The low bits of a value: unsigned or two's complement.
    pub(super) fn put(mut self, value: i64, width: u32) -> Self {
        self.bits.extend((0..width).rev().map(|i| value >> i & 1 == 1));
        self
    }

    /// A sign bit and an amount.
    pub(super) fn put_sign_magnitude(self, value: i64, width: u32) -> Self {
        self.put(i64::from(value < 0), 1).put(value.abs(), width - 1)
    }

    /// A length and the bytes.
    pub(super) fn put_text(self, text: &[u8]) -> Self {
        let with_length = self.put(text.len() as i64, 8);
        text.iter().fold(with_length, |writer, &byte| writer.put(byte.into(), 8))
    }

    /// Padded with zero bits to whole bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |b, (i, &bit)| b | u8::from(bit) << (7 - i));
        self.bits.chunks(8).map(byte).collect()
    }
}
