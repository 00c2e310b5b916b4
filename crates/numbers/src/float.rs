//! Python's `float`: arithmetic with its sign and error rules, exact conversions, rounding, hashing, text.
//!
//! `text` lays digits out (`repr`, `e`/`f`/`g`) and reads them, `hex` does `float.hex`/`fromhex`. The digits of `repr`
//! come from `zmij` (shortest that reads back), those at a given precision from the standard library, which is exact.
//! CPython: Objects/floatobject.c, Python/pystrtod.c, Python/pyhash.c.

mod hex;
mod text;

pub use hex::{from_hex, to_hex};
pub use text::{Fixed, Layout, format, parse, parse_prefix, repr, repr_into, with_repr};

use crate::bigint::{HASH_MODULUS, finish_hash};
use crate::error::{NumError, Result};
use crate::libm;
use dashu_int::{IBig, Sign, UBig};

/// `(mantissa, exponent, negative)` with `abs(x) == mantissa * 2**exponent`; for finite `x`.
pub fn decompose(x: f64) -> (u64, i32, bool) {
    let bits = x.to_bits();
    let biased = (bits >> 52 & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if biased == 0 {
        (fraction, -1074, x.is_sign_negative())
    } else {
        (fraction | 1 << 52, biased - 1075, x.is_sign_negative())
    }
}

/// `float.is_integer`
pub fn is_integer(x: f64) -> bool {
    x.is_finite() && x.floor() == x
}

/// Whether `x` is an odd integer.
pub(crate) fn is_odd(x: f64) -> bool {
    libm::fmod(x.abs(), 2.0) == 1.0
}

/// `a / b`
pub fn div(a: f64, b: f64) -> Result<f64> {
    if b == 0.0 {
        Err(NumError::ZeroDivision("division by zero"))
    } else {
        Ok(a / b)
    }
}

/// `divmod(a, b)`
pub fn divmod(a: f64, b: f64) -> Result<(f64, f64)> {
    if b == 0.0 {
        return Err(NumError::ZeroDivision("division by zero"));
    }
    let mut modulo = libm::fmod(a, b);
    // fmod is exact, so this quotient is close to an integer; below it is made one.
    let mut quotient = (a - modulo) / b;
    if modulo == 0.0 {
        modulo = 0.0f64.copysign(b);
    } else if (b < 0.0) != (modulo < 0.0) {
        modulo += b;
        quotient -= 1.0;
    }
    let floored = if quotient == 0.0 {
        0.0f64.copysign(a / b)
    } else {
        let floored = quotient.floor();
        if quotient - floored > 0.5 {
            floored + 1.0
        } else {
            floored
        }
    };
    Ok((floored, modulo))
}

/// `a // b`
pub fn floor_div(a: f64, b: f64) -> Result<f64> {
    divmod(a, b).map(|(q, _)| q)
}

/// `a % b`
pub fn floor_mod(a: f64, b: f64) -> Result<f64> {
    if b == 0.0 {
        return Err(NumError::ZeroDivision("division by zero"));
    }
    let modulo = libm::fmod(a, b);
    Ok(if modulo == 0.0 {
        0.0f64.copysign(b)
    } else if (b < 0.0) != (modulo < 0.0) {
        modulo + b
    } else {
        modulo
    })
}

/// What `a ** b` is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Power {
    Float(f64),
    /// A negative base with a fractional exponent: the result is complex (`crate::complex::pow`).
    Complex,
}

/// `a ** b`
pub fn pow(a: f64, b: f64) -> Result<Power> {
    let float = |x| Ok(Power::Float(x));
    if b == 0.0 || a == 1.0 {
        return float(1.0);
    }
    if a.is_nan() || b.is_nan() {
        return float(if a.is_nan() { a } else { b });
    }
    if b.is_infinite() {
        let a = a.abs();
        return float(if a == 1.0 {
            1.0
        } else if (b > 0.0) == (a > 1.0) {
            b.abs()
        } else {
            0.0
        });
    }
    let odd = is_odd(b);
    if a.is_infinite() {
        return float(match (b > 0.0, odd) {
            (true, true) => a,
            (true, false) => a.abs(),
            (false, true) => 0.0f64.copysign(a),
            (false, false) => 0.0,
        });
    }
    if a == 0.0 {
        if b < 0.0 {
            return Err(NumError::ZeroDivision("zero to a negative power"));
        }
        return float(if odd { a } else { 0.0 });
    }
    if a < 0.0 && b != b.floor() {
        return Ok(Power::Complex);
    }
    let magnitude = libm::pow(a.abs(), b);
    if magnitude.is_infinite() {
        return Err(NumError::Range);
    }
    float(if a < 0.0 && odd {
        -magnitude
    } else {
        magnitude
    })
}

/// `hash(x)`; `None` for nan, whose hash is that of its identity.
pub fn hash(x: f64) -> Option<i64> {
    if x.is_nan() {
        return None;
    }
    if x.is_infinite() {
        return Some(if x > 0.0 { 314_159 } else { -314_159 });
    }
    let (mantissa, exponent, negative) = decompose(x);
    if mantissa == 0 {
        return Some(0);
    }
    // Multiplying by a power of two modulo 2**61 - 1 is a rotation of 61 bits.
    let residue = mantissa % HASH_MODULUS;
    let rotation = exponent.rem_euclid(61) as u32;
    let rotated = (residue << rotation & HASH_MODULUS) | residue >> (61 - rotation);
    Some(finish_hash(
        if rotated == HASH_MODULUS { 0 } else { rotated },
        negative,
    ))
}

/// `x.as_integer_ratio()`
pub fn as_integer_ratio(x: f64) -> Result<(IBig, IBig)> {
    if x.is_infinite() {
        return Err(NumError::overflow(
            "cannot convert Infinity to integer ratio",
        ));
    }
    if x.is_nan() {
        return Err(NumError::value("cannot convert NaN to integer ratio"));
    }
    let (mantissa, exponent, negative) = decompose(x);
    if mantissa == 0 {
        return Ok((IBig::ZERO, IBig::ONE));
    }
    let twos = mantissa.trailing_zeros() as i32;
    let (mantissa, exponent) = (mantissa >> twos, exponent + twos);
    let sign = if negative {
        Sign::Negative
    } else {
        Sign::Positive
    };
    let numerator = IBig::from_parts(sign, UBig::from(mantissa) << exponent.max(0) as usize);
    Ok((numerator, IBig::ONE << (-exponent).max(0) as usize))
}

/// `round(x, ndigits)`: the float nearest to the decimal rounding, ties of the exact value to even.
pub fn round(x: f64, ndigits: i64) -> Result<f64> {
    if !x.is_finite() || x == 0.0 || ndigits > 323 {
        return Ok(x);
    }
    if ndigits < -308 {
        return Ok(0.0 * x);
    }
    let rounded = text::round_decimal(x, ndigits as i32);
    if rounded.is_infinite() {
        Err(NumError::overflow("rounded value too large to represent"))
    } else {
        Ok(rounded)
    }
}

#[cfg(test)]
mod tests;
