//! `int.to_bytes` and `int.from_bytes`: two's complement of any length in both byte orders.
//!
//! CPython: `_PyLong_AsByteArray` and `_PyLong_FromByteArray` in Objects/longobject.c.

use crate::error::{NumError, Result};
use dashu_int::ops::UnsignedAbs;
use dashu_int::{IBig, Sign, UBig};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

/// The `length` bytes of the value; `OverflowError` if they do not suffice or a negative value is not `signed`.
pub fn to_bytes(value: &IBig, length: usize, order: ByteOrder, signed: bool) -> Result<Vec<u8>> {
    let negative = value.sign() == Sign::Negative;
    if negative && !signed {
        return Err(NumError::overflow("can't convert negative int to unsigned"));
    }
    let too_big = || NumError::overflow("int too big to convert");
    // A negative -m is the complement of m - 1.
    let magnitude = value.unsigned_abs();
    let pattern = if negative {
        magnitude - UBig::ONE
    } else {
        magnitude
    };
    let used = if pattern.is_zero() {
        Box::default()
    } else {
        pattern.to_le_bytes()
    };
    if used.len() > length || (negative && length == 0) {
        return Err(too_big());
    }
    if signed && used.len() == length && used.last().is_some_and(|b| b & 0x80 != 0) {
        return Err(too_big());
    }
    lay_out(&used, length, order, negative)
}

/// The low `length` bytes of the two's complement, whatever the value (as `ctypes` stores ints).
pub fn to_bytes_wrapping(value: &IBig, length: usize, order: ByteOrder) -> Result<Vec<u8>> {
    let negative = value.sign() == Sign::Negative;
    let magnitude = value.unsigned_abs();
    let pattern = if negative {
        magnitude - UBig::ONE
    } else {
        magnitude
    };
    let used = if pattern.is_zero() {
        Box::default()
    } else {
        pattern.to_le_bytes()
    };
    lay_out(used.get(..length).unwrap_or(&used), length, order, negative)
}

fn lay_out(used: &[u8], length: usize, order: ByteOrder, invert: bool) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| NumError::Memory)?;
    bytes.extend_from_slice(used);
    bytes.resize(length, 0);
    if invert {
        bytes.iter_mut().for_each(|b| *b = !*b);
    }
    if order == ByteOrder::Big {
        bytes.reverse();
    }
    Ok(bytes)
}

/// The int that the bytes spell.
pub fn from_bytes(bytes: &[u8], order: ByteOrder, signed: bool) -> IBig {
    let Some(top) = (match order {
        ByteOrder::Little => bytes.last(),
        ByteOrder::Big => bytes.first(),
    }) else {
        return IBig::ZERO;
    };
    let magnitude = match order {
        ByteOrder::Little => UBig::from_le_bytes(bytes),
        ByteOrder::Big => UBig::from_be_bytes(bytes),
    };
    let value = IBig::from(magnitude);
    if signed && top & 0x80 != 0 {
        value - (IBig::ONE << (bytes.len() * 8))
    } else {
        value
    }
}
