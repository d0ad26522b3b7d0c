//! A cursor over little-endian bytes.

use super::Reason;

/// Reads from the front. Behind the end everything is zero: whoever reads checks the length first, with
/// [`exactly`](Self::exactly), [`at_least`](Self::at_least) or [`require`](Self::require).
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// Over a block whose length is known to be right.
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { rest: block }
    }

    /// Over a payload of this length.
    pub(super) fn exactly(payload: &'a [u8], expected: usize) -> Result<Self, Reason> {
        if payload.len() == expected {
            Ok(Self::new(payload))
        } else {
            Err(Reason::Length { expected, found: payload.len() })
        }
    }

    /// Over a payload of this length or more.
    pub(super) fn at_least(payload: &'a [u8], expected: usize) -> Result<Self, Reason> {
        if payload.len() >= expected {
            Ok(Self::new(payload))
        } else {
            Err(Reason::TooShort { expected, found: payload.len() })
        }
    }

    /// There are so many more bytes.
    pub(super) fn require(&self, expected: usize) -> Result<(), Reason> {
        if self.rest.len() >= expected {
            Ok(())
        } else {
            Err(Reason::CutItem { expected, found: self.rest.len() })
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub(super) fn i8(&mut self) -> i8 {
        i8::from_le_bytes(self.take())
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(super) fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take())
    }

    /// A number of up to eight bytes, zero-extended.
    pub(super) fn unsigned(&mut self, size: usize) -> u64 {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(self.rest.iter().take(size)) {
            *to = *from;
        }
        self.skip(size);
        u64::from_le_bytes(bytes)
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                *bytes
            }
            None => {
                self.rest = &[];
                [0; N]
            }
        }
    }
}
