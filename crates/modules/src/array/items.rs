//! The items of arrays: the type codes, and what stands for a Python value in so many bytes.

use dashu_int::IBig;
use naja_heap::Value;
use naja_numbers::{bigint, half};
use naja_vm::protocols::number;
use naja_vm::str_::Str;
use naja_vm::{PyResult, Vm};

pub(super) const CODES: &str = "bBuwhHiIlLqQfd";

pub(super) fn size_of(code: u8) -> usize {
    match code {
        b'b' | b'B' => 1,
        b'h' | b'H' => 2,
        b'u' | b'w' | b'i' | b'I' | b'f' => 4,
        _ => 8,
    }
}

pub(super) fn is_text(code: u8) -> bool {
    matches!(code, b'u' | b'w')
}

/// An item as an object.
#[inline]
pub(super) fn read(vm: &Vm, code: u8, item: &[u8]) -> PyResult {
    let mut word = [0; 8];
    let n = item.len().min(8);
    word[..n].copy_from_slice(&item[..n]);
    let word = u64::from_le_bytes(word);
    match code {
        b'b' => vm.new_int(word as i8 as i64),
        b'h' => vm.new_int(word as i16 as i64),
        b'i' => vm.new_int(word as i32 as i64),
        b'l' | b'q' => vm.new_int(word as i64),
        b'B' | b'H' | b'I' => vm.new_int(word as i64),
        b'f' => vm.new_float(half::from_single(word as u32)),
        b'd' => vm.new_float(f64::from_bits(word)),
        b'u' | b'w' if word < 0x110000 => Ok(vm.new_char(word as u32)?.into_value()),
        b'u' | b'w' => Err(vm.value_error(format!(
            "character U+{word:x} is not in range [U+0000; U+10ffff]"
        ))),
        _ => match i64::try_from(word) {
            Ok(n) => vm.new_int(n),
            Err(_) => vm.new_bigint(IBig::from(word)),
        },
    }
}

/// An object as an item: the bytes are the first of the result.
#[inline]
pub(super) fn convert(vm: &Vm, code: u8, value: &Value) -> PyResult<[u8; 8]> {
    let small = |low: i64, high: i64, what: &str| -> PyResult<u64> {
        let n = match value.as_small_int() {
            Some(n) => Some(n),
            None => number::index_i64(vm, value)?,
        };
        match n {
            None => Err(vm.overflow_error("Python int too large to convert to C long")),
            Some(n) if n < low => Err(vm.overflow_error(format!("{what} is less than minimum"))),
            Some(n) if n > high => {
                Err(vm.overflow_error(format!("{what} is greater than maximum")))
            }
            Some(n) => Ok(n as u64),
        }
    };
    let word = match code {
        b'b' => small(i8::MIN.into(), i8::MAX.into(), "signed char")?,
        b'B' => small(0, 255, "unsigned byte integer")?,
        b'h' => small(i16::MIN.into(), i16::MAX.into(), "signed short integer")?,
        b'H' => small(0, 65535, "unsigned short")?,
        b'i' => small(i32::MIN.into(), i32::MAX.into(), "signed integer")?,
        b'l' => small(i64::MIN, i64::MAX, "")?,
        b'q' => match number::index_i64(vm, value)? {
            Some(n) => n as u64,
            None => return Err(vm.overflow_error("int too big to convert")),
        },
        b'I' | b'L' | b'Q' => {
            let n = number::index_big(vm, value)?;
            if bigint::is_negative(&n) {
                return Err(vm.overflow_error(match code {
                    b'Q' => "can't convert negative int to unsigned",
                    _ => "can't convert negative value to unsigned int",
                }));
            }
            match (bigint::to_u64(&n), code) {
                (Some(n), b'I') if n > u32::MAX.into() => {
                    return Err(vm.overflow_error("unsigned int is greater than maximum"));
                }
                (Some(n), _) => n,
                (None, b'Q') => return Err(vm.overflow_error("int too big to convert")),
                (None, _) => {
                    return Err(
                        vm.overflow_error("Python int too large to convert to C unsigned long")
                    );
                }
            }
        }
        b'f' => u64::from((number::as_f64(vm, value)? as f32).to_bits()),
        b'd' => number::as_f64(vm, value)?.to_bits(),
        _ => match value.downcast::<Str>() {
            Some(text) if text.char_len() == 1 => text.char_at(0).into(),
            Some(text) => {
                return Err(vm.type_error(format!(
                    "array item must be a unicode character, not a string of length {}",
                    text.char_len()
                )));
            }
            None => {
                return Err(vm.type_error(format!(
                    "array item must be a unicode character, not {}",
                    vm.type_of(value).full_name()
                )));
            }
        },
    };
    Ok(word.to_le_bytes())
}

/// The machine format codes of `_array_reconstructor`: size, signed, big-endian; None for the others.
pub(super) fn machine_format(code: u8) -> i64 {
    match code {
        b'b' => 1,
        b'B' => 0,
        b'h' => 4,
        b'H' => 2,
        b'i' => 8,
        b'I' => 6,
        b'l' | b'q' => 12,
        b'L' | b'Q' => 10,
        b'f' => 14,
        b'd' => 16,
        _ => 20,
    }
}

pub(super) fn type_code(vm: &Vm, code: &Value, function: &str) -> PyResult<u8> {
    match code.downcast::<Str>() {
        Some(text) if text.char_len() == 1 => match text.as_bytes() {
            [byte] if CODES.as_bytes().contains(byte) => Ok(*byte),
            _ => Ok(0),
        },
        Some(text) => Err(vm.type_error(format!(
            "{function}() argument 1 must be a unicode character, not a string of length {}",
            text.char_len()
        ))),
        None => Err(vm.type_error(format!(
            "{function}() argument 1 must be a unicode character, not {}",
            vm.type_of(code).full_name()
        ))),
    }
}

/// The items that a machine format code describes: size, whether signed, whether big-endian, and kind.
pub(super) fn decode_items(vm: &Vm, format: i64, items: &[u8]) -> PyResult<Option<Vec<Value>>> {
    let (size, kind, big) = match format {
        0 | 1 => (1, if format == 1 { b'i' } else { b'I' }, false),
        2..=5 => (2, if format >= 4 { b'i' } else { b'I' }, format % 2 == 1),
        6..=9 => (4, if format >= 8 { b'i' } else { b'I' }, format % 2 == 1),
        10..=13 => (8, if format >= 12 { b'i' } else { b'I' }, format % 2 == 1),
        14 | 15 => (4, b'f', format == 15),
        16 | 17 => (8, b'f', format == 17),
        18 | 19 => (2, b'u', format == 19),
        _ => (4, b'u', format == 21),
    };
    if !items.len().is_multiple_of(size) {
        return Ok(None);
    }
    let mut values = Vec::new();
    for item in items.chunks_exact(size) {
        let mut word = [0; 8];
        word[..size].copy_from_slice(item);
        if big {
            word[..size].reverse();
        }
        let word = u64::from_le_bytes(word);
        let unused = 64 - 8 * size as u32;
        values.push(match kind {
            b'i' => vm.new_int(((word << unused) as i64) >> unused)?,
            b'I' => vm.new_bigint(IBig::from(word))?,
            b'f' if size == 4 => vm.new_float(half::from_single(word as u32))?,
            b'f' => vm.new_float(f64::from_bits(word))?,
            _ => vm.new_char((word as u32).min(0x10ffff))?.into_value(),
        });
    }
    Ok(Some(values))
}
