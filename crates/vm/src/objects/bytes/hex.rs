//! Bytes as hexadecimal text, and back. CPython: Python/pystrhex.c, Objects/bytesobject.c (_PyBytes_FromHex).

use super::parts::Part;
use crate::objects::buffer::Buffer;
use crate::objects::bytearray::ByteArray;
use crate::objects::bytes::Bytes;
use crate::objects::str_;
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use hex_simd::AsciiCase;
use naja_heap::Value;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What each byte is worth as a hexadecimal digit; 255 where it is none.
static VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut byte = 0;
    while byte < 256 {
        values[byte] = match byte as u8 {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            digit @ b'A'..=b'F' => digit - b'A' + 10,
            _ => 255,
        };
        byte += 1;
    }
    values
};

/// The separator given to `hex`. Raises ValueError, TypeError.
pub fn separator(vm: &Vm, sep: Option<&Value>) -> PyResult<Option<u8>> {
    let Some(sep) = sep else { return Ok(None) };
    if object::len(vm, sep)? != 1 {
        return Err(vm.value_error("sep must be length 1."));
    }
    let byte = if let Some(text) = str_::of(sep) {
        match text.as_bytes() {
            [byte] => *byte,
            _ => return Err(vm.value_error("sep must be ASCII.")),
        }
    } else if let Some(bytes) = sep.downcast::<Bytes>() {
        bytes.as_bytes().first().copied().unwrap_or(0)
    } else {
        return Err(vm.type_error("sep must be str or bytes."));
    };
    if byte > 127 {
        return Err(vm.value_error("sep must be ASCII."));
    }
    Ok(Some(byte))
}

/// Two digits per byte, `sep` after every `group` bytes, counted from the end (from the start if negative).
pub fn encode(data: &[u8], sep: Option<u8>, group: i32) -> Vec<u8> {
    let size = group.unsigned_abs() as usize;
    if sep.is_none() || size == 0 {
        return hex_simd::encode_type(data, AsciiCase::Lower);
    }
    let mut out = Vec::with_capacity(data.len() * 3);
    for (i, &byte) in data.iter().enumerate() {
        if let Some(sep) = sep
            && i > 0
            && size > 0
        {
            let place = if group < 0 { i } else { data.len() - i };
            if place % size == 0 {
                out.push(sep)
            }
        }
        out.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
    out
}

/// What `fromhex` found wrong.
pub enum Wrong {
    /// Not a digit, at this byte.
    Digit(usize),
    Odd,
}

/// The value of a hexadecimal digit.
#[inline]
pub fn digit(byte: u8) -> Option<u8> {
    let value = VALUES[usize::from(byte)];
    (value < 16).then_some(value)
}

/// The bytes that nothing but pairs of digits stand for. None where there is anything else.
pub fn decode_pairs(text: &[u8]) -> Option<Vec<u8>> {
    hex_simd::decode_to_vec(text).ok()
}

/// Digits by pairs, white space between pairs.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Wrong> {
    if let Some(bytes) = decode_pairs(text) {
        return Ok(bytes);
    }
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut at = 0;
    while at < text.len() {
        if super::methods::is_space(text[at]) {
            at += 1;
            continue;
        }
        let Some(high) = digit(text[at]) else {
            return Err(Wrong::Digit(at));
        };
        let Some(&low) = text.get(at + 1) else {
            return Err(Wrong::Odd);
        };
        let Some(low) = digit(low) else {
            return Err(Wrong::Digit(at + 1));
        };
        out.push(high << 4 | low);
        at += 2;
    }
    Ok(out)
}

/// The argument of `fromhex`: text or bytes. Raises ValueError, TypeError.
pub fn decode_object(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    let result = if let Some(text) = str_::of(value) {
        decode(text.as_bytes()).map_err(|wrong| match wrong {
            Wrong::Digit(at) => Wrong::Digit(text.char_index(at)),
            odd => odd,
        })
    } else if Buffer::supported(vm, value) {
        let part = Part::of(vm, value)?;
        match value.downcast::<ByteArray>() {
            Some(array) => decode(&array.to_vec()),
            None => part.with(decode),
        }
    } else {
        return Err(vm.type_error(format!(
            "fromhex() argument must be str or bytes-like, not {}",
            vm.type_of(value).full_name()
        )));
    };
    result.map_err(|wrong| match wrong {
        Wrong::Digit(at) => vm.value_error(format!(
            "non-hexadecimal number found in fromhex() arg at position {at}"
        )),
        Wrong::Odd => {
            vm.value_error("fromhex() arg must contain an even number of hexadecimal digits")
        }
    })
}
