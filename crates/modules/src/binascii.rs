//! `binascii`: binary data as text: hexadecimal, base64, quoted-printable, uuencode, and two checksums.
//!
//! CPython: Modules/binascii.c.

use crate::common;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::{Buffer, BytesLike};
use naja_vm::bytes::hex;
use naja_vm::str_;
use naja_vm::type_::Type;
use naja_vm::{FromArg, PyResult, Raised, Vm};

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "binascii.Error", &vm.types.value_error)
}

#[cold]
pub(crate) fn error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Text to decode: an ASCII string or a buffer.
pub enum Ascii {
    Text(Ref<str_::Str>),
    Bytes(BytesLike),
}

impl Ascii {
    /// Lends the bytes. No Python code may run inside.
    fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Ascii::Text(text) => f(text.as_bytes()),
            Ascii::Bytes(bytes) => bytes.with(f),
        }
    }
}

impl FromArg<'_> for Ascii {
    fn from_arg(
        vm: &Vm,
        value: &Value,
        _: &naja_vm::function::signature::Signature,
        _: usize,
    ) -> PyResult<Self> {
        if let Some(text) = str_::of(value) {
            return match text.is_ascii() {
                true => Ok(Ascii::Text(text.clone())),
                false => {
                    Err(vm.value_error("string argument should contain only ASCII characters"))
                }
            };
        }
        if !Buffer::supported(vm, value) {
            return Err(vm.type_error(format!(
                "argument should be bytes, buffer or ASCII string, not '{}'",
                vm.type_name(value)
            )));
        }
        BytesLike::of(vm, value).map(Ascii::Bytes)
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of each base64 digit, 255 for other bytes.
static FROM_BASE64: [u8; 256] = {
    let mut table = [255; 256];
    let mut i = 0;
    while i < 64 {
        table[BASE64[i] as usize] = i as u8;
        i += 1;
    }
    table
};

fn from_base64(text: &[u8], strict: bool) -> Result<Vec<u8>, String> {
    let wrong = |message: &str| Err(message.to_string());
    if strict && text.first() == Some(&b'=') {
        return wrong("Leading padding not allowed");
    }
    if let Ok(out) = base64_simd::STANDARD.decode_to_vec(text) {
        return Ok(out);
    }
    // Anything else than groups of four digits, perhaps with padding at the end: digit by digit.
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut quad, mut pads, mut left) = (0, 0, 0u8);
    for &byte in text {
        if byte == b'=' {
            pads += 1;
            if strict && (quad == 0 || quad + pads > 4) {
                return wrong("Excess padding not allowed");
            }
            continue;
        }
        let value = FROM_BASE64[usize::from(byte)];
        if value >= 64 {
            if strict {
                return wrong("Only base64 data is allowed");
            }
            continue;
        }
        if strict && pads > 0 {
            return wrong(if quad + pads == 4 {
                "Excess data after padding"
            } else {
                "Discontinuous padding not allowed"
            });
        }
        pads = 0;
        match quad {
            0 => left = value,
            1 => {
                out.push(left << 2 | value >> 4);
                left = value & 0x0f;
            }
            2 => {
                out.push(left << 4 | value >> 2);
                left = value & 0x03;
            }
            _ => {
                out.push(left << 6 | value);
                left = 0;
            }
        }
        quad = (quad + 1) % 4;
    }
    match quad {
        0 => Ok(out),
        1 => Err(format!(
            "Invalid base64-encoded string: number of data characters ({}) cannot be 1 more than a multiple of 4",
            out.len() / 3 * 4 + 1
        )),
        n if n + pads >= 4 => Ok(out),
        _ => wrong("Incorrect padding"),
    }
}

fn to_base64(data: &[u8], newline: bool) -> Vec<u8> {
    let codec = base64_simd::STANDARD;
    let mut out = Vec::with_capacity(codec.encoded_length(data.len()) + usize::from(newline));
    codec.encode_append(data, &mut out);
    if newline {
        out.push(b'\n');
    }
    out
}

fn from_uu(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = text.iter().copied();
    let Some(first) = bytes.next() else {
        return Err("Missing length byte");
    };
    let len = usize::from(first.wrapping_sub(b' ') & 0o77);
    let mut out = Vec::with_capacity(len);
    let (mut bits, mut char_bits) = (0u32, 0u32);
    while out.len() < len {
        // Space may have been cut from the end of the line.
        let byte = bytes.next().unwrap_or(b'\n');
        let value = match byte {
            b'\n' | b'\r' => 0,
            b' '..=b'`' => (byte - b' ') & 0o77,
            _ => return Err("Illegal char"),
        };
        char_bits = char_bits << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((char_bits >> bits) as u8);
            char_bits &= (1 << bits) - 1;
        }
    }
    for byte in bytes {
        if !matches!(byte, b' ' | b'`' | b'\n' | b'\r') {
            return Err("Trailing garbage");
        }
    }
    Ok(out)
}

fn to_uu(data: &[u8], backtick: bool) -> Vec<u8> {
    let char = |n: u8| if n == 0 && backtick { b'`' } else { n + b' ' };
    let mut out = vec![char(data.len() as u8)];
    for c in data.chunks(3) {
        let at = |i: usize| c.get(i).copied().unwrap_or(0);
        let word = u32::from(at(0)) << 16 | u32::from(at(1)) << 8 | u32::from(at(2));
        for shift in [18, 12, 6, 0] {
            out.push(char((word >> shift & 0o77) as u8));
        }
    }
    out.push(b'\n');
    out
}

fn from_qp(data: &[u8], header: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut i = 0;
    while let Some(&byte) = data.get(i) {
        if byte == b'=' {
            i += 1;
            let Some(&next) = data.get(i) else { break };
            if next == b'\n' || next == b'\r' {
                // A soft line break: skip to the end of the line.
                while i < data.len() && data[i] != b'\n' {
                    i += 1;
                }
                i += 1;
            } else if next == b'=' {
                out.push(b'=');
                i += 1;
            } else if let (Some(high), Some(low)) = (
                hex::digit(next),
                data.get(i + 1).and_then(|b| hex::digit(*b)),
            ) {
                out.push(high << 4 | low);
                i += 2;
            } else {
                out.push(b'=');
            }
        } else {
            out.push(if header && byte == b'_' { b' ' } else { byte });
            i += 1;
        }
    }
    out
}

const MAX_LINE: usize = 76;

fn to_qp(data: &[u8], quote_tabs: bool, is_text: bool, header: bool) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    // Lines end as the first line does.
    let crlf = memchr::memchr(b'\n', data).is_some_and(|at| at > 0 && data[at - 1] == b'\r');
    let mut out: Vec<u8> = Vec::with_capacity(data.len() + data.len() / 8);
    let mut line = 0;
    let newline = |out: &mut Vec<u8>| {
        if crlf {
            out.push(b'\r');
        }
        out.push(b'\n');
    };
    let quoted = |out: &mut Vec<u8>, byte: u8| {
        out.extend_from_slice(&[
            b'=',
            HEX[usize::from(byte >> 4)],
            HEX[usize::from(byte & 15)],
        ])
    };
    let mut i = 0;
    while let Some(&byte) = data.get(i) {
        let next = data.get(i + 1).copied();
        let must_quote = byte > 126
            || byte == b'='
            || (header && byte == b'_')
            || (byte == b'.'
                && line == 0
                && (next.is_none() || matches!(next, Some(b'\n' | b'\r' | 0))))
            || (!is_text && matches!(byte, b'\r' | b'\n'))
            || (matches!(byte, b'\t' | b' ') && next.is_none())
            || (byte < 33 && !matches!(byte, b'\r' | b'\n' | b'\t' | b' '))
            || (byte < 33
                && (quote_tabs || !matches!(byte, b'\t' | b' '))
                && !matches!(byte, b'\r' | b'\n'));
        if must_quote {
            if line + 3 >= MAX_LINE {
                out.push(b'=');
                newline(&mut out);
                line = 0;
            }
            quoted(&mut out, byte);
            line += 3;
            i += 1;
            continue;
        }
        if is_text && (byte == b'\n' || (byte == b'\r' && next == Some(b'\n'))) {
            line = 0;
            // White space before the end of a line does not survive: quote it.
            if let Some(&last) = out.last()
                && matches!(last, b' ' | b'\t')
            {
                out.pop();
                quoted(&mut out, last);
            }
            newline(&mut out);
            i += if byte == b'\r' { 2 } else { 1 };
            continue;
        }
        if next.is_some() && next != Some(b'\n') && line + 1 >= MAX_LINE {
            out.push(b'=');
            newline(&mut out);
            line = 0;
        }
        line += 1;
        out.push(if header && byte == b' ' { b'_' } else { byte });
        i += 1;
    }
    out
}

fn hexlify(vm: &Vm, data: &BytesLike, sep: Option<&Value>, group: i32) -> PyResult {
    let sep = hex::separator(vm, sep)?;
    let text = data.with(|bytes| hex::encode(bytes, sep, group));
    Ok(vm.new_bytes_of(text)?.into_value())
}

fn unhexlify(vm: &Vm, text: &Ascii) -> PyResult {
    let (out, odd) = text.with(|text| (hex::decode_pairs(text), !text.len().is_multiple_of(2)));
    match out {
        Some(out) => Ok(vm.new_bytes_of(out)?.into_value()),
        None if odd => Err(error(vm, "Odd-length string")),
        None => Err(error(vm, "Non-hexadecimal digit found")),
    }
}

/// The low 32 bits of an int argument.
fn low_word(vm: &Vm, value: Option<&Value>) -> PyResult<u32> {
    match value {
        None => Ok(0),
        Some(v) => {
            let n = naja_vm::protocols::number::index_big(vm, v)?;
            Ok(naja_numbers::bigint::to_u64_wrapping(&n) as u32)
        }
    }
}

#[pymodule(name = "binascii", doc = "Conversion between binary data and ASCII")]
pub mod module {
    use super::*;

    #[pyattr(name = "Error")]
    fn error_attr(vm: &Vm) -> PyResult {
        Ok(error_class(vm)?.into_value())
    }

    #[pyattr(name = "Incomplete")]
    fn incomplete(vm: &Vm) -> PyResult {
        common::exception_value(vm, "binascii.Incomplete", &vm.types.exception)
    }

    /// Decode a line of uuencoded data.
    #[pyfunction(sig = "($module, data, /)")]
    fn a2b_uu(vm: &Vm, data: Ascii) -> PyResult {
        match data.with(from_uu) {
            Ok(out) => Ok(vm.new_bytes_of(out)?.into_value()),
            Err(message) => Err(error(vm, message)),
        }
    }

    /// Uuencode line of data.
    #[pyfunction(sig = "($module, data, /, *, backtick=False)")]
    fn b2a_uu(vm: &Vm, data: BytesLike, #[default(false)] backtick: bool) -> PyResult {
        if data.with(<[u8]>::len) > 45 {
            return Err(error(vm, "At most 45 bytes at once"));
        }
        let out = data.with(|bytes| to_uu(bytes, backtick));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Decode a line of base64 data.
    ///
    ///   strict_mode
    ///     When set to True, bytes that are not in the base64 standard are not allowed.
    ///     The same applies to excess data after padding (= / ==).
    #[pyfunction(sig = "($module, data, /, *, strict_mode=False)")]
    fn a2b_base64(vm: &Vm, data: Ascii, #[default(false)] strict_mode: bool) -> PyResult {
        match data.with(|text| from_base64(text, strict_mode)) {
            Ok(out) => Ok(vm.new_bytes_of(out)?.into_value()),
            Err(message) => Err(error(vm, message)),
        }
    }

    /// Base64-code line of data.
    #[pyfunction(sig = "($module, data, /, *, newline=True)")]
    fn b2a_base64(vm: &Vm, data: BytesLike, #[default(true)] newline: bool) -> PyResult {
        let out = data.with(|bytes| to_base64(bytes, newline));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Hexadecimal representation of binary data.
    #[pyfunction(sig = "($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)")]
    fn b2a_hex(
        vm: &Vm,
        data: BytesLike,
        sep: Option<&Value>,
        #[default(1)] bytes_per_sep: i32,
    ) -> PyResult {
        super::hexlify(vm, &data, sep, bytes_per_sep)
    }

    /// Hexadecimal representation of binary data.
    #[pyfunction(sig = "($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)")]
    fn hexlify(
        vm: &Vm,
        data: BytesLike,
        sep: Option<&Value>,
        #[default(1)] bytes_per_sep: i32,
    ) -> PyResult {
        super::hexlify(vm, &data, sep, bytes_per_sep)
    }

    /// Binary data of hexadecimal representation.
    ///
    /// hexstr must contain an even number of hex digits (upper or lower case).
    #[pyfunction(sig = "($module, hexstr, /)")]
    fn a2b_hex(vm: &Vm, hexstr: Ascii) -> PyResult {
        super::unhexlify(vm, &hexstr)
    }

    /// Binary data of hexadecimal representation.
    ///
    /// hexstr must contain an even number of hex digits (upper or lower case).
    #[pyfunction(sig = "($module, hexstr, /)")]
    fn unhexlify(vm: &Vm, hexstr: Ascii) -> PyResult {
        super::unhexlify(vm, &hexstr)
    }

    /// Decode a string of qp-encoded data.
    #[pyfunction(sig = "($module, /, data, header=False)")]
    fn a2b_qp(vm: &Vm, data: Ascii, #[default(false)] header: bool) -> PyResult {
        Ok(vm
            .new_bytes_of(data.with(|text| from_qp(text, header)))?
            .into_value())
    }

    /// Encode a string using quoted-printable encoding.
    ///
    /// On encoding, when istext is set, newlines are not encoded, and white
    /// space at end of lines is.  When istext is not set, \r and \n (CR/LF)
    /// are both encoded.  When quotetabs is set, space and tabs are encoded.
    #[pyfunction(sig = "($module, /, data, quotetabs=False, istext=True, header=False)")]
    fn b2a_qp(
        vm: &Vm,
        data: BytesLike,
        #[default(false)] quotetabs: bool,
        #[default(true)] istext: bool,
        #[default(false)] header: bool,
    ) -> PyResult {
        let out = data.with(|bytes| to_qp(bytes, quotetabs, istext, header));
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Compute CRC-32 incrementally.
    #[pyfunction(sig = "($module, data, crc=0, /)")]
    fn crc32(vm: &Vm, data: BytesLike, crc: Option<&Value>) -> PyResult<u32> {
        let mut hasher = crc32fast::Hasher::new_with_initial(low_word(vm, crc)?);
        data.with(|bytes| hasher.update(bytes));
        Ok(hasher.finalize())
    }

    /// Compute CRC-CCITT incrementally.
    #[pyfunction(sig = "($module, data, crc, /)")]
    fn crc_hqx(vm: &Vm, data: BytesLike, crc: &Value) -> PyResult<u32> {
        let mut crc = low_word(vm, Some(crc))? & 0xffff;
        data.with(|bytes| {
            for byte in bytes {
                crc ^= u32::from(*byte) << 8;
                for _ in 0..8 {
                    crc = if crc & 0x8000 != 0 {
                        crc << 1 ^ 0x1021
                    } else {
                        crc << 1
                    };
                }
                crc &= 0xffff;
            }
        });
        Ok(crc)
    }
}
