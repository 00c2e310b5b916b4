//! The records that the tries point at. Many code points share one record, so a few hundred of each kind suffice.
//!
//! CPython: `_PyUnicode_TypeRecord` (Objects/unicodectype.c), `_PyUnicode_DatabaseRecord` and `change_record`
//! (Modules/unicodedata.c).

/// What `str`'s methods and the numeric functions ask.
#[derive(Debug)]
pub struct CharType {
    /// The bits named below.
    pub flags: u16,
    /// Simple lower-case mapping, as a distance.
    pub lower: i32,
    /// Simple upper-case mapping, as a distance.
    pub upper: i32,
    /// Simple title-case mapping, as a distance.
    pub title: i32,
    /// Decimal value, or 255.
    pub decimal: u8,
    /// Digit value, or 255.
    pub digit: u8,
    /// Index into `NUMERIC_VALUES`, or 0.
    pub numeric: u8,
}

/// The bits of `CharType::flags`, in the order that tools/unicode/generate.py writes them.
pub mod flag {
    pub const ALPHA: u16 = 1;
    pub const DECIMAL: u16 = 1 << 1;
    pub const DIGIT: u16 = 1 << 2;
    pub const LOWER: u16 = 1 << 3;
    pub const LINEBREAK: u16 = 1 << 4;
    pub const SPACE: u16 = 1 << 5;
    pub const TITLE: u16 = 1 << 6;
    pub const UPPER: u16 = 1 << 7;
    pub const XID_START: u16 = 1 << 8;
    pub const XID_CONTINUE: u16 = 1 << 9;
    pub const PRINTABLE: u16 = 1 << 10;
    pub const NUMERIC: u16 = 1 << 11;
    pub const CASE_IGNORABLE: u16 = 1 << 12;
    pub const CASED: u16 = 1 << 13;
    pub const SPECIAL_CASE: u16 = 1 << 14;
    pub const SRE_CASED: u16 = 1 << 15;
}

/// Full case mappings of one code point.
#[derive(Debug)]
pub struct SpecialCase {
    pub code: u32,
    pub lower: &'static [u32],
    pub upper: &'static [u32],
    pub title: &'static [u32],
    pub fold: &'static [u32],
}

/// What `unicodedata` asks.
#[derive(Debug)]
pub struct Properties {
    /// Index into `CATEGORY_NAMES`.
    pub category: u8,
    /// Index into `BIDIRECTIONAL_NAMES`.
    pub bidirectional: u8,
    /// Canonical combining class.
    pub combining: u8,
    pub mirrored: bool,
    /// Index into `WIDTH_NAMES`.
    pub width: u8,
    /// Two bits for each of NFD, NFKD, NFC, NFKC: 0 yes, 1 maybe, 2 no.
    pub quick: u8,
}

/// What `unicodedata.ucd_3_2_0` asks.
#[derive(Debug)]
pub struct OldProperties {
    pub category: u8,
    pub bidirectional: u8,
    pub combining: u8,
    pub mirrored: bool,
    pub width: u8,
    pub decimal: u8,
    pub digit: u8,
    pub numeric: u8,
}
