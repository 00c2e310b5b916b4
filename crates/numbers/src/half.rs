//! Floats in 2, 4 and 8 bytes, as `struct` and `array` pack them: half precision is not a type of Rust's, and single
//! precision must report overflow and keep the payload of a nan.
//!
//! Rounding is half to even. CPython: `PyFloat_Pack2`, `PyFloat_Unpack2`, `PyFloat_Pack4` in Objects/floatobject.c.

use crate::error::{NumError, Result};

/// The half-precision bits of `x`; `OverflowError` if it rounds beyond 65504.
pub fn to_half(x: f64) -> Result<u16> {
    let bits = x.to_bits();
    let sign = (bits >> 48 & 0x8000) as u16;
    let fraction = bits & ((1 << 52) - 1);
    if x.is_infinite() {
        return Ok(sign | 0x7c00);
    }
    if x.is_nan() {
        // A payload of which only lost bits are set becomes the quiet nan, not an infinity.
        let payload = (fraction >> 42) as u16;
        return Ok(sign | 0x7c00 | if payload == 0 { 0x200 } else { payload });
    }
    let magnitude = x.abs();
    // The unit of the last place: constant below the smallest normal half, 2**-14.
    let exponent = ((bits >> 52 & 0x7ff) as i32 - 1023).max(-14);
    if magnitude < 2f64.powi(-26) {
        return Ok(sign);
    }
    let too_large = NumError::overflow("float too large to pack with e format");
    if exponent > 15 {
        return Err(too_large);
    }
    let units = (magnitude * 2f64.powi(10 - exponent)).round_ties_even() as u64;
    // Adding lets a carry run into the exponent; a subnormal has no hidden bit to take off.
    let packed = (((exponent + 14) as u64) << 10) + units;
    if packed >= 0x7c00 {
        return Err(too_large);
    }
    Ok(sign | packed as u16)
}

/// The float that the half-precision bits spell.
pub fn from_half(bits: u16) -> f64 {
    let sign = u64::from(bits & 0x8000) << 48;
    let exponent = bits >> 10 & 0x1f;
    let fraction = u64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0x1f => f64::from_bits(0x7ff << 52 | fraction << 42),
        0 => fraction as f64 * 2f64.powi(-24),
        _ => (fraction + 0x400) as f64 * 2f64.powi(i32::from(exponent) - 25),
    };
    f64::from_bits(magnitude.to_bits() | sign)
}

/// The single-precision bits of `x`; `OverflowError` if it rounds beyond the largest one.
pub fn to_single(x: f64) -> Result<u32> {
    if x.is_nan() {
        let bits = x.to_bits();
        let payload = (bits >> 29) as u32 & 0x7f_ffff;
        let payload = if payload == 0 { 0x40_0000 } else { payload };
        return Ok((bits >> 32) as u32 & 0x8000_0000 | 0x7f80_0000 | payload);
    }
    let single = x as f32;
    if single.is_infinite() && x.is_finite() {
        return Err(NumError::overflow("float too large to pack with f format"));
    }
    Ok(single.to_bits())
}

/// The float that the single-precision bits spell.
pub fn from_single(bits: u32) -> f64 {
    let single = f32::from_bits(bits);
    if !single.is_nan() {
        return f64::from(single);
    }
    let sign = u64::from(bits & 0x8000_0000) << 32;
    f64::from_bits(sign | 0x7ff << 52 | u64::from(bits & 0x7f_ffff) << 29)
}

#[cfg(test)]
mod tests {
    //! Expected values are CPython 3.14's.
    use super::*;

    #[test]
    fn halves() {
        for bits in 0..=u16::MAX {
            assert_eq!(to_half(from_half(bits)), Ok(bits), "{bits:#x}");
        }
        for (x, bits) in [
            (65519.99, 0x7bff),
            (2f64.powi(-25), 0),
            (2f64.powi(-25) * 1.0001, 1),
            (2f64.powi(-24) * 1.5, 2),
            (2f64.powi(-14) * 0.99999, 0x400),
            (2049.0, 0x6800),
            (2051.0, 0x6802),
            (-1e-300, 0x8000),
        ] {
            assert_eq!(to_half(x), Ok(bits), "{x}");
        }
        assert!(to_half(65520.0).is_err() && to_half(1e300).is_err());
        assert_eq!(
            (to_single(0.1), to_single(-0.0)),
            (Ok(0x3dcccccd), Ok(0x8000_0000))
        );
        assert!(to_single(3.5e38).is_err());
    }
}
