//! Values as JSON text: the text `serde_json` writes, in a third of its time.
//!
//! A stream's JSON is short keys and short decimals, and nearly all of the time from frame to JSON line was
//! spent escaping the one and finding the shortest digits of the other. Keys are our own field names and want
//! no escaping; a decimal of few places is an integer with a point in it. Whatever is not of this kind (a
//! string to escape, a number with more digits) is left to `serde_json`.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// Appends a value as `serde_json` would write it. Map keys must be strings, and struct fields' names without
/// anything to escape.
///
/// # Errors
/// Only what the value's own [`Serialize`] refuses.
pub fn write_json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> fmt::Result {
    value.serialize(Json::new(out))
}

/// Writes a value.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// The value is a struct whose brace is open, with fields in it.
    continues: bool,
}

impl<'a> Json<'a> {
    /// Appends a value.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, continues: false }
    }

    /// Appends a struct's fields, and the closing brace, to those of an object begun before.
    pub(super) fn continuing(out: &'a mut Vec<u8>) -> Self {
        Self { out, continues: true }
    }

    fn object(self) -> List<'a> {
        if !self.continues {
            self.out.push(b'{');
        }
        List { out: self.out, first: !self.continues, close: b"}" }
    }

    fn array(self) -> List<'a> {
        self.out.push(b'[');
        List { out: self.out, first: true, close: b"]" }
    }

    /// `{"variant":`
    fn variant(&mut self, variant: &'static str) {
        self.out.extend_from_slice(b"{\"");
        self.out.extend_from_slice(variant.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// An object or an array that has been begun.
pub(super) struct List<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    close: &'static [u8],
}

impl List<'_> {
    #[inline]
    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    #[inline]
    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> fmt::Result {
        self.comma();
        value.serialize(Json::new(self.out))
    }

    // Then the key is known where it is written: a few moves instead of a copy.
    #[inline(always)]
    fn field(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> fmt::Result {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        value.serialize(Json::new(self.out))
    }

    #[inline]
    fn close(self) -> fmt::Result {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

/// What wants more than the short ways here.
#[cold]
fn general(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> fmt::Result {
    serde_json::to_writer(out, value).map_err(|_| fmt::Error)
}

#[inline]
fn string(text: &str, out: &mut Vec<u8>) -> fmt::Result {
    if text.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
        return general(text, out);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// Decimals of up to four places, as most are that receivers send.
///
/// With at most 13 digits in all no other decimal as short is the same `f64`: it is the shortest text.
#[inline]
fn float(value: f64, out: &mut Vec<u8>) -> fmt::Result {
    let magnitude = value.abs();
    let whole = magnitude as u32;
    if f64::from(whole) == magnitude {
        sign(value, out);
        unsigned(whole.into(), out);
        out.extend_from_slice(b".0");
        return Ok(());
    }
    fraction(value, out)
}

fn fraction(value: f64, out: &mut Vec<u8>) -> fmt::Result {
    const SCALE: u16 = 10_000;
    let magnitude = value.abs();
    let units = (magnitude * f64::from(SCALE) + 0.5) as i64;
    #[expect(clippy::cast_precision_loss, reason = "it is compared with what it came from")]
    let is_exact = magnitude < 1e9 && units as f64 / f64::from(SCALE) == magnitude;
    if !is_exact {
        return general(&value, out);
    }
    let units = units.unsigned_abs();
    sign(value, out);
    unsigned(units / u64::from(SCALE), out);
    let [[a, b], [c, d]] = four_digits((units % u64::from(SCALE)) as u32);
    out.extend_from_slice(&[b'.', a, b, c, d]);
    let zeros = match (b, c, d) {
        (_, _, b'1'..) => 0,
        (_, b'1'.., _) => 1,
        (b'1'.., _, _) => 2,
        _ => 3,
    };
    out.truncate(out.len() - zeros);
    Ok(())
}

#[inline]
fn sign(value: f64, out: &mut Vec<u8>) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
}

#[inline]
fn unsigned(value: u64, out: &mut Vec<u8>) {
    match value {
        0..10 => out.push(b'0' + value as u8),
        10..100 => out.extend_from_slice(&two_digits(value as u32)),
        _ => many_digits(value, out),
    }
}

fn many_digits(value: u64, out: &mut Vec<u8>) {
    let (upper, lower) = (value / 10_000, four_digits((value % 10_000) as u32));
    if upper > 0 {
        unsigned(upper, out);
    }
    match lower {
        [[b'0', c], [d, e]] if upper == 0 => out.extend_from_slice(&[c, d, e]),
        lower => out.extend_from_slice(lower.as_flattened()),
    }
}

/// Of a number below 10,000.
#[inline]
fn four_digits(value: u32) -> [[u8; 2]; 2] {
    [two_digits(value / 100), two_digits(value % 100)]
}

/// Of a number below 100.
#[inline]
fn two_digits(value: u32) -> [u8; 2] {
    const ALL: [[u8; 2]; 100] = {
        let mut all = [[b'0'; 2]; 100];
        let mut i = 0;
        while i < 100 {
            all[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
            i += 1;
        }
        all
    };
    ALL.get(value as usize).copied().unwrap_or_default()
}

macro_rules! integers {
    ($($unsigned_method:ident $unsigned:ty, $signed_method:ident $signed:ty;)*) => {$(
        #[inline]
        fn $unsigned_method(self, value: $unsigned) -> fmt::Result {
            unsigned(value.into(), self.out);
            Ok(())
        }

        #[inline]
        fn $signed_method(self, value: $signed) -> fmt::Result {
            if value < 0 {
                self.out.push(b'-');
            }
            unsigned(value.unsigned_abs().into(), self.out);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Json<'a> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = List<'a>;
    type SerializeStructVariant = List<'a>;

    integers! {
        serialize_u8 u8, serialize_i8 i8;
        serialize_u16 u16, serialize_i16 i16;
        serialize_u32 u32, serialize_i32 i32;
        serialize_u64 u64, serialize_i64 i64;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> fmt::Result {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> fmt::Result {
        general(&value, self.out)
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> fmt::Result {
        float(value, self.out)
    }

    fn serialize_char(self, value: char) -> fmt::Result {
        string(value.encode_utf8(&mut [0; 4]), self.out)
    }

    #[inline]
    fn serialize_str(self, value: &str) -> fmt::Result {
        string(value, self.out)
    }

    fn serialize_bytes(self, value: &[u8]) -> fmt::Result {
        value.serialize(self)
    }

    #[inline]
    fn serialize_none(self) -> fmt::Result {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> fmt::Result {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> fmt::Result {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.variant(variant);
        value.serialize(Json::new(self.out))?;
        self.out.push(b'}');
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, fmt::Error> {
        Ok(self.array())
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<List<'a>, fmt::Error> {
        Ok(self.array())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, fmt::Error> {
        Ok(self.array())
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, fmt::Error> {
        self.variant(variant);
        Ok(List { close: b"]}", ..self.array() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, fmt::Error> {
        Ok(self.object())
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<List<'a>, fmt::Error> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, fmt::Error> {
        self.variant(variant);
        Ok(List { close: b"}}", ..self.object() })
    }
}

macro_rules! arrays {
    ($($shape:ident $method:ident;)*) => {$(
        impl ser::$shape for List<'_> {
            type Ok = ();
            type Error = fmt::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
                self.element(value)
            }

            #[inline]
            fn end(self) -> fmt::Result {
                self.close()
            }
        }
    )*};
}

arrays! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! objects {
    ($($shape:ident)*) => {$(
        impl ser::$shape for List<'_> {
            type Ok = ();
            type Error = fmt::Error;

            #[inline(always)]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> fmt::Result {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> fmt::Result {
                self.close()
            }
        }
    )*};
}

objects! { SerializeStruct SerializeStructVariant }

/// Keys must be strings.
impl ser::SerializeMap for List<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> fmt::Result {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.out.push(b':');
        value.serialize(Json::new(self.out))
    }

    fn end(self) -> fmt::Result {
        self.close()
    }
}

#[cfg(test)]
mod tests;
