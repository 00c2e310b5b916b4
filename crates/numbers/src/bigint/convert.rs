//! The border between ints and floats: correctly rounded conversion and division, exact comparison.
//!
//! All rounding is half to even and done once, also where the result is subnormal.
//! CPython: `_PyLong_Frexp`, `long_true_divide` in Objects/longobject.c, `float_richcompare` in Objects/floatobject.c.

use super::is_negative;
use crate::error::{NumError, Result};
use crate::float;
use crate::libm;
use dashu_int::ops::{BitTest, DivRem, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use std::cmp::Ordering;

const EXACT: u64 = 1 << 53;

/// The nearest float, or `OverflowError`.
pub fn to_f64(value: &IBig) -> Result<f64> {
    let x = to_f64_lossy(value);
    if x.is_infinite() {
        Err(NumError::overflow("int too large to convert to float"))
    } else {
        Ok(x)
    }
}

/// The nearest float; infinite where there is none.
pub fn to_f64_lossy(value: &IBig) -> f64 {
    let (mantissa, exponent) = to_frexp(value);
    if exponent > 1024 {
        return if is_negative(value) {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
    }
    libm::ldexp(mantissa, exponent as i32)
}

/// A mantissa in [0.5, 1) with the value's sign and an exponent, `value == mantissa * 2**exponent` up to rounding.
///
/// Serves where the float would overflow but its logarithm does not (`math.log` of a huge int).
pub fn to_frexp(value: &IBig) -> (f64, i64) {
    let bits = value.bit_len();
    if bits == 0 {
        return (0.0, 0);
    }
    let (sign, words) = value.as_sign_words();
    // The top 64 bits, with everything below folded into the last one: enough to round once.
    let top = words.len() - 1;
    let lead = words[top].leading_zeros();
    let mut high = words[top] << lead;
    let mut sticky = false;
    if lead > 0 && top > 0 {
        high |= words[top - 1] >> (64 - lead);
        sticky = words[top - 1] << lead != 0;
    } else if top > 0 {
        sticky = words[top - 1] != 0;
    }
    sticky |= top > 1 && words[..top - 1].iter().any(|w| *w != 0);
    let rounded = (high | u64::from(sticky)) as f64;
    let mut mantissa = rounded / 2f64.powi(64);
    let mut exponent = bits as i64;
    if mantissa == 1.0 {
        mantissa = 0.5;
        exponent += 1;
    }
    (
        if sign == Sign::Negative {
            -mantissa
        } else {
            mantissa
        },
        exponent,
    )
}

/// `int(x)`: truncates; `OverflowError` for infinities, `ValueError` for nan.
pub fn from_f64(x: f64) -> Result<IBig> {
    if x.is_nan() {
        return Err(NumError::value("cannot convert float NaN to integer"));
    }
    if x.is_infinite() {
        return Err(NumError::overflow(
            "cannot convert float infinity to integer",
        ));
    }
    if x.abs() < 9e18 {
        return Ok(IBig::from(x as i64));
    }
    let (mantissa, exponent, negative) = float::decompose(x);
    let magnitude = UBig::from(mantissa) << exponent.max(0) as usize;
    Ok(IBig::from_parts(
        if negative {
            Sign::Negative
        } else {
            Sign::Positive
        },
        magnitude,
    ))
}

/// `math.floor(x)`
pub fn from_f64_floor(x: f64) -> Result<IBig> {
    from_f64(x.floor())
}

/// `math.ceil(x)`
pub fn from_f64_ceil(x: f64) -> Result<IBig> {
    from_f64(x.ceil())
}

/// `round(x)`: half to even.
pub fn from_f64_round(x: f64) -> Result<IBig> {
    from_f64(x.round_ties_even())
}

/// How an int and a float compare, exactly; `None` with nan.
pub fn cmp_f64(a: &IBig, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b.is_infinite() {
        return Some(if b > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    }
    let truncated = from_f64(b).ok()?;
    let fraction = b - b.trunc();
    Some(
        a.cmp(&truncated)
            .then_with(|| 0.0f64.total_cmp(&(fraction + 0.0))),
    )
}

/// `a / b` of ints, correctly rounded.
pub fn true_div_i64(a: i64, b: i64) -> Result<f64> {
    if b == 0 {
        return Err(NumError::ZeroDivision("division by zero"));
    }
    if a.unsigned_abs() <= EXACT && b.unsigned_abs() <= EXACT {
        return Ok(a as f64 / b as f64);
    }
    true_div(&IBig::from(a), &IBig::from(b))
}

/// `a / b` of ints, correctly rounded; `OverflowError` if it exceeds the floats.
pub fn true_div(a: &IBig, b: &IBig) -> Result<f64> {
    if b.is_zero() {
        return Err(NumError::ZeroDivision("division by zero"));
    }
    let negative = is_negative(a) != is_negative(b);
    let zero = if negative { -0.0 } else { 0.0 };
    if a.is_zero() {
        return Ok(zero);
    }
    let too_large = || NumError::overflow("integer division result too large for a float");
    let difference = a.bit_len() as i64 - b.bit_len() as i64;
    if difference > 1024 {
        return Err(too_large());
    }
    if difference < -1076 {
        return Ok(zero);
    }
    // Scale so that the quotient has 55 or 56 bits (fewer if subnormal), then round it by hand.
    let shift = difference.max(-1021) - 55;
    let (mut x, mut y) = (a.unsigned_abs(), b.unsigned_abs());
    if shift <= 0 {
        x <<= shift.unsigned_abs() as usize;
    } else {
        y <<= shift as usize;
    }
    let (quotient, remainder) = x.div_rem(&y);
    let quotient = u64::try_from(&quotient).map_err(|_| too_large())?;
    let bits = 64 - i64::from(quotient.leading_zeros());
    let extra = bits.max(-1021 - shift) - 53;
    let half = 1u64 << (extra - 1);
    let mut rounded = quotient;
    let odd_or_inexact =
        rounded & (2 * half) != 0 || !remainder.is_zero() || rounded & (half - 1) != 0;
    if rounded & half != 0 && odd_or_inexact {
        rounded += half;
    }
    rounded &= !(2 * half - 1);
    let result = libm::ldexp(rounded as f64, shift as i32);
    if result.is_infinite() {
        return Err(too_large());
    }
    Ok(if negative { -result } else { result })
}
