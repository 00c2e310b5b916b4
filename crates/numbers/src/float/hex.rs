//! `float.hex` and `float.fromhex`.
//!
//! Reading keeps 60 bits and remembers whether any bit below them was set, which is all that one rounding needs.
//! CPython: `float_hex_impl`, `float_fromhex_impl` in Objects/floatobject.c.

use crate::bigint::trim;
use crate::error::{NumError, Result};
use crate::libm;

/// `x.hex()`
pub fn to_hex(x: f64) -> String {
    if !x.is_finite() {
        return super::repr(x);
    }
    let sign = if x.is_sign_negative() { "-" } else { "" };
    if x == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let (mantissa, exponent, _) = super::decompose(x);
    format!(
        "{sign}0x{}.{:013x}p{:+}",
        mantissa >> 52,
        mantissa & ((1 << 52) - 1),
        exponent + 52
    )
}

/// `float.fromhex(text)`
pub fn from_hex(text: &[u8]) -> Result<f64> {
    let malformed = || NumError::value("invalid hexadecimal floating-point string");
    let text = trim(text);
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let signed = |x: f64| if negative { -x } else { x };
    if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
        return Ok(signed(f64::INFINITY));
    }
    if digits.eq_ignore_ascii_case(b"nan") {
        return Ok(signed(f64::NAN));
    }
    let digits = match digits {
        [b'0', b'x' | b'X', rest @ ..] => rest,
        _ => digits,
    };
    let mut rest = digits;
    let (mut value, mut sticky, mut exponent) = (0u64, false, 0i64);
    let (mut any, mut point) = (false, false);
    while let [byte, tail @ ..] = rest {
        if *byte == b'.' && !point {
            point = true;
        } else if let Some(digit) = char::from(*byte).to_digit(16) {
            any = true;
            if value >> 56 == 0 {
                value = value << 4 | u64::from(digit);
                exponent -= if point { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if point { 0 } else { 4 };
            }
        } else {
            break;
        }
        rest = tail;
    }
    if !any {
        return Err(malformed());
    }
    if let [b'p' | b'P', tail @ ..] = rest {
        exponent = exponent.saturating_add(read_exponent(tail).ok_or_else(malformed)?);
    } else if !rest.is_empty() {
        return Err(malformed());
    }
    round_once(value, sticky, exponent).map(signed)
}

/// The decimal exponent, clipped far outside of what can matter for text that fits memory.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0i64, |n, d| (n * 10 + i64::from(d - b'0')).min(1 << 58));
    Some(if negative { -value } else { value })
}

fn round_once(mut value: u64, sticky: bool, exponent: i64) -> Result<f64> {
    if value == 0 {
        return Ok(0.0);
    }
    let too_large = || NumError::overflow("hexadecimal value too large to represent as a float");
    let top = 64 - i64::from(value.leading_zeros()) + exponent;
    if top > 1024 {
        return Err(too_large());
    }
    if top < -1074 {
        return Ok(0.0);
    }
    let drop = (top - 53).max(-1074) - exponent;
    let mut exponent = exponent;
    if drop > 0 {
        // At most 61 bits, as the value has no more and its top bit is at least at the last place.
        let half = 1u64 << (drop - 1);
        let up =
            value & half != 0 && (value & (half - 1) != 0 || sticky || value & (half << 1) != 0);
        value = (value >> (drop - 1) >> 1) + u64::from(up);
        exponent += drop;
    }
    let result = libm::ldexp(value as f64, exponent as i32);
    if result.is_infinite() {
        Err(too_large())
    } else {
        Ok(result)
    }
}
