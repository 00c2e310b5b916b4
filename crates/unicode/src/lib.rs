//! Unicode 16.0.0 as CPython 3.14 knows it: character classes, case, normal forms, names, and what `unicodedata` tells.
//!
//! Everything works on u32 code points, lone surrogates included, and never panics for any number. The tables under
//! data/ are written by tools/unicode/generate.py, which asks CPython; tools/unicode/check.py compares the whole range.
//! CPython: Objects/unicodectype.c, Modules/unicodedata.c.

mod ctype;
#[rustfmt::skip]
mod data;
mod names;
mod normalize;
mod properties;
mod records;
mod trie;

pub use ctype::*;
pub use names::{Named, lookup_name, name, name_or_alias, old_name};
pub use normalize::{Form, Quick, Version, is_normalized, nfkc, normalize, quick_check};
pub use properties::{
    bidirectional, category, combining, decomposition, east_asian_width, mirrored,
    old_bidirectional, old_category, old_combining, old_decimal_value, old_decomposition,
    old_digit_value, old_east_asian_width, old_is_assigned, old_mirrored, old_numeric_value,
};

/// The version of the data.
pub const UNIDATA_VERSION: &str = "16.0.0";
