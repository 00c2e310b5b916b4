//! Encoding and decoding of text.
//!
//! [`encode`] and [`decode`] are what `str.encode`, `bytes.decode` and all others with an `encoding` argument use: the
//! UTFs, ASCII and Latin-1 natively, others through the registry (`registry.rs`). The codecs themselves are here too,
//! by kind, and serve `_codecs`. Decoders append WTF-8; encoders give bytes. Error handlers: `errors.rs`.
//! CPython: Objects/unicodeobject.c, Python/codecs.c.

pub mod charmap;
pub mod errors;
pub mod escape;
pub mod registry;
pub mod simple;
pub mod utf7;
pub mod wide;

use super::{Str, of};
use crate::objects::bytearray::ByteArray;
use crate::objects::bytes::Bytes;
use crate::vm::{PyResult, Vm};
pub use errors::{Decoding, Encoding, Errors, Kind, Replacement};
use naja_heap::{Ref, Value};
use registry::Direction;
pub use wide::Order;

/// The name of an encoding in its usual form: ASCII letters in lower case, digits and dots; all between as one `_`.
pub fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            if gap && !out.is_empty() {
                out.push('_')
            }
            gap = false;
            out.push(c.to_ascii_lowercase());
        } else {
            gap = true
        }
    }
    out
}

/// A codec that [`encode`] and [`decode`] do not ask the registry for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Native {
    Utf8,
    Ascii,
    Latin1,
    Utf16(Order),
    Utf32(Order),
}

impl Native {
    /// The native codec of that name.
    pub fn find(name: &[u8]) -> Option<Native> {
        if matches!(name, b"utf-8" | b"utf8" | b"UTF-8" | b"utf_8") {
            return Some(Native::Utf8);
        }
        let name = std::str::from_utf8(name).ok()?;
        if name.len() > 20 || name.contains('\0') {
            return None;
        }
        match normalize(name).as_str() {
            "utf_8" | "utf8" | "u8" | "utf" | "cp65001" => Some(Native::Utf8),
            "ascii" | "us_ascii" | "646" => Some(Native::Ascii),
            "latin_1" | "latin1" | "latin" | "iso_8859_1" | "iso8859_1" | "8859" | "cp819"
            | "l1" => Some(Native::Latin1),
            "utf_16" | "utf16" => Some(Native::Utf16(Order::Mark)),
            "utf_16_le" => Some(Native::Utf16(Order::Little)),
            "utf_16_be" => Some(Native::Utf16(Order::Big)),
            "utf_32" | "utf32" => Some(Native::Utf32(Order::Mark)),
            "utf_32_le" => Some(Native::Utf32(Order::Little)),
            "utf_32_be" => Some(Native::Utf32(Order::Big)),
            _ => None,
        }
    }

    /// Encodes. Raises UnicodeEncodeError, LookupError, what handlers raise.
    pub fn encode(self, vm: &Vm, text: &Ref<Str>, errors: &Errors) -> PyResult<Vec<u8>> {
        match self {
            Native::Utf8 => simple::encode_utf8(vm, text, errors),
            Native::Ascii => simple::encode_ascii(vm, text, errors),
            Native::Latin1 => simple::encode_latin1(vm, text, errors),
            Native::Utf16(order) => wide::encode_utf16(vm, text, errors, order),
            Native::Utf32(order) => wide::encode_utf32(vm, text, errors, order),
        }
    }

    /// Decodes all of `data`. Raises UnicodeDecodeError, LookupError, what handlers raise.
    pub fn decode(self, vm: &Vm, data: &[u8], errors: &Errors) -> PyResult<Ref<Str>> {
        match self {
            Native::Utf8 => simple::decode_utf8(vm, data, errors, true).map(|d| d.0),
            Native::Ascii => simple::decode_ascii(vm, data, errors),
            Native::Latin1 => simple::decode_latin1(vm, data),
            Native::Utf16(order) => wide::decode_utf16(vm, data, errors, order, true).map(|d| d.0),
            Native::Utf32(order) => wide::decode_utf32(vm, data, errors, order, true).map(|d| d.0),
        }
    }
}

/// Whether ASCII text is encoded as itself and errors, if there are any, are handled by a handler that needs no looking for:
/// what is known at sight of the usual names.
pub fn is_plain_for_ascii(encoding: Option<&Ref<Str>>, errors: Option<&Ref<Str>>) -> bool {
    encoding.is_none_or(|name| {
        matches!(
            name.as_bytes(),
            b"utf-8" | b"utf8" | b"UTF-8" | b"ascii" | b"latin-1" | b"latin1" | b"iso-8859-1"
        )
    }) && errors.is_none_or(|name| {
        matches!(
            name.as_bytes(),
            b"strict" | b"surrogatepass" | b"surrogateescape" | b"ignore" | b"replace"
        )
    })
}

/// In development mode names are checked even where nothing needs them. Raises LookupError.
fn check_names(vm: &Vm, encoding: Option<&Ref<Str>>, errors: Option<&Ref<Str>>) -> PyResult<()> {
    if !vm.interp.config.dev_mode || vm.interp.state.finalizing.get() {
        return Ok(());
    }
    if let Some(encoding) = encoding
        && Native::find(encoding.as_bytes()).is_none()
    {
        registry::lookup(vm, encoding)?;
    }
    match errors.map(|e| e.as_bytes()) {
        None | Some(b"strict" | b"ignore" | b"replace") => Ok(()),
        Some(name) => registry::lookup_error(vm, name).map(drop),
    }
}

/// `text.encode(encoding, errors)`. Raises UnicodeEncodeError, LookupError, what codecs raise.
pub fn encode(
    vm: &Vm,
    text: &Ref<Str>,
    encoding: &Ref<Str>,
    errors: Option<&Ref<Str>>,
) -> PyResult<Vec<u8>> {
    check_names(vm, Some(encoding), errors)?;
    if let Some(native) = Native::find(encoding.as_bytes()) {
        return native.encode(vm, text, &Errors::new(errors));
    }
    let codec = registry::lookup_text(vm, encoding, "codecs.encode()")?;
    let result = registry::run(
        vm,
        &codec,
        Direction::Encode,
        encoding,
        text.as_value(),
        errors,
    )?;
    if let Some(bytes) = result.downcast::<Bytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let name = encoding.to_string_lossy();
    if result.downcast::<ByteArray>().is_some() {
        let message = format!(
            "encoder {name} returned bytearray instead of bytes; use codecs.encode() to encode to arbitrary types"
        );
        vm.warn(&vm.types.runtime_warning, message, 1)?;
        return Ok(crate::objects::bytes::of_object(vm, &result)?.unwrap_or_default());
    }
    Err(vm.type_error(format!(
        "'{name}' encoder returned '{}' instead of 'bytes'; use codecs.encode() to encode to arbitrary types",
        vm.type_of(&result).full_name()
    )))
}

/// `bytes.decode(encoding, errors)`. Raises UnicodeDecodeError, LookupError, what codecs raise.
pub fn decode(
    vm: &Vm,
    data: &[u8],
    encoding: Option<&Ref<Str>>,
    errors: Option<&Ref<Str>>,
) -> PyResult {
    check_names(vm, encoding, errors)?;
    let native = match encoding {
        None => Some(Native::Utf8),
        Some(encoding) => Native::find(encoding.as_bytes()),
    };
    if let Some(native) = native {
        return Ok(native.decode(vm, data, &Errors::new(errors))?.into_value());
    }
    let encoding = match encoding {
        Some(encoding) => encoding.clone(),
        None => vm.intern("utf-8"),
    };
    let codec = registry::lookup_text(vm, &encoding, "codecs.decode()")?;
    let bytes = vm.new_bytes(data)?.into_value();
    let input = crate::objects::memoryview::MemoryView::of(vm, &bytes)?.into_value();
    let result = registry::run(vm, &codec, Direction::Decode, &encoding, &input, errors)?;
    if of(&result).is_some() {
        return Ok(result);
    }
    Err(vm.type_error(format!(
        "'{}' decoder returned '{}' instead of 'str'; use codecs.decode() to decode to arbitrary types",
        encoding.to_string_lossy(),
        vm.type_of(&result).full_name()
    )))
}

/// `codecs.encode` and `codecs.decode`: any codec, any objects.
pub fn run_any(
    vm: &Vm,
    direction: Direction,
    object: &Value,
    encoding: &Ref<Str>,
    errors: Option<&Ref<Str>>,
) -> PyResult {
    let codec = registry::lookup(vm, encoding)?;
    registry::run(vm, &codec, direction, encoding, object, errors)
}
