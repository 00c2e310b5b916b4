//! One item of memory as an object, and back: the native single-character formats of the module `struct`.
//!
//! CPython: Objects/memoryobject.c (unpack_single, pack_single).

use crate::objects::bytes::Bytes;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Raised, Vm};
use dashu_int::IBig;
use naja_heap::Value;
use naja_numbers::half;

/// The character of a native format, `@` before it or not; None for every other format.
pub fn native(format: &str) -> Option<u8> {
    match format.strip_prefix('@').unwrap_or(format).as_bytes() {
        [c] if size(*c) > 0 => Some(*c),
        _ => None,
    }
}

/// Bytes of an item; 0 for an unknown format.
pub fn size(format: u8) -> usize {
    match format {
        b'?' | b'c' | b'b' | b'B' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'P' => 8,
        _ => 0,
    }
}

pub fn is_byte(format: u8) -> bool {
    matches!(format, b'b' | b'B' | b'c')
}

/// The first bytes of `item` as an array; zeros where it is too short.
fn array<const N: usize>(item: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(item) {
        *to = *from
    }
    out
}

/// The object that an item is. Raises MemoryError.
pub fn unpack(vm: &Vm, format: u8, item: &[u8]) -> PyResult {
    let first = item.first().copied().unwrap_or(0);
    match format {
        b'B' => Ok(Value::small_int(first as i64)),
        b'b' => Ok(Value::small_int(first as i8 as i64)),
        b'?' => Ok(Value::from_bool(first != 0)),
        b'c' => Ok(vm.new_bytes(&[first])?.into_value()),
        b'h' => vm.new_int(i16::from_ne_bytes(array(item)) as i64),
        b'H' => vm.new_int(u16::from_ne_bytes(array(item)) as i64),
        b'i' => vm.new_int(i32::from_ne_bytes(array(item)) as i64),
        b'I' => vm.new_int(u32::from_ne_bytes(array(item)) as i64),
        b'l' | b'q' | b'n' => vm.new_int(i64::from_ne_bytes(array(item))),
        b'e' => vm.new_float(half::from_half(u16::from_ne_bytes(array(item)))),
        b'f' => vm.new_float(half::from_single(u32::from_ne_bytes(array(item)))),
        b'd' => vm.new_float(f64::from_ne_bytes(array(item))),
        _ => {
            let n = u64::from_ne_bytes(array(item));
            match i64::try_from(n) {
                Ok(n) => vm.new_int(n),
                Err(_) => vm.new_bigint(IBig::from(n)),
            }
        }
    }
}

/// Says which format a value does not suit, in place of a TypeError, OverflowError or ValueError being raised.
fn explain(vm: &Vm, format: u8, raised: Raised) -> Raised {
    let c = format as char;
    if vm.catch(&vm.types.type_error) {
        vm.type_error(format!("memoryview: invalid type for format '{c}'"))
    } else if vm.catch(&vm.types.overflow_error) || vm.catch(&vm.types.value_error) {
        out_of_range(vm, format)
    } else {
        raised
    }
}

fn out_of_range(vm: &Vm, format: u8) -> Raised {
    vm.value_error(format!(
        "memoryview: invalid value for format '{}'",
        format as char
    ))
}

fn integer(vm: &Vm, format: u8, value: &Value, range: (i128, i128)) -> PyResult<[u8; 8]> {
    match number::index_i128(vm, value) {
        Ok(Some(n)) if (range.0..=range.1).contains(&n) => Ok((n as u64).to_ne_bytes()),
        Ok(_) => Err(out_of_range(vm, format)),
        Err(raised) => Err(explain(vm, format, raised)),
    }
}

/// The bytes of an item made of an object, the first `size(format)` of the array. Raises TypeError, ValueError.
pub fn pack(vm: &Vm, format: u8, value: &Value) -> PyResult<[u8; 8]> {
    let range = match format {
        b'?' => return Ok(array(&[object::is_true(vm, value)? as u8])),
        b'c' => {
            return match value.downcast::<Bytes>().map(Bytes::as_bytes_of) {
                Some([byte]) => Ok(array(&[*byte])),
                Some(_) => Err(out_of_range(vm, format)),
                None => Err(vm.type_error("memoryview: invalid type for format 'c'")),
            };
        }
        b'e' | b'f' | b'd' => {
            let x = number::as_f64(vm, value).map_err(|raised| explain(vm, format, raised))?;
            return match format {
                b'd' => Ok(x.to_ne_bytes()),
                b'f' => match half::to_single(x) {
                    Ok(bits) => Ok(array(&bits.to_ne_bytes())),
                    Err(_) => Ok(array(&(x as f32).to_ne_bytes())),
                },
                _ => match half::to_half(x) {
                    Ok(bits) => Ok(array(&bits.to_ne_bytes())),
                    Err(_) => Err(out_of_range(vm, format)),
                },
            };
        }
        b'b' => (i8::MIN as i128, i8::MAX as i128),
        b'B' => (0, u8::MAX as i128),
        b'h' => (i16::MIN as i128, i16::MAX as i128),
        b'H' => (0, u16::MAX as i128),
        b'i' => (i32::MIN as i128, i32::MAX as i128),
        b'I' => (0, u32::MAX as i128),
        b'l' | b'q' | b'n' => (i64::MIN as i128, i64::MAX as i128),
        // An address may be written as a negative number.
        b'P' => (i64::MIN as i128, u64::MAX as i128),
        _ => (0, u64::MAX as i128),
    };
    if cfg!(target_endian = "big") {
        let all = integer(vm, format, value, range)?;
        return Ok(array(&all[8 - size(format)..]));
    }
    integer(vm, format, value, range)
}
