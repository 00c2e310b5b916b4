//! The integer functions of `math`: `gcd`, `lcm`, `isqrt`, `factorial`, `comb`, `perm`, and products in general.
//!
//! Long products are split in halves of about equal size, so that the fast multiplications meet operands of equal
//! length. Limits in bits are checked against an upper estimate before anything large is made.
//! CPython: Modules/mathintegermodule.c (3.14: Modules/mathmodule.c).

use super::{check_bits, is_negative, to_u64};
use crate::error::{NumError, Result, Stop};
use dashu_int::ops::{BitTest, Gcd, SquareRoot, UnsignedAbs};
use dashu_int::{IBig, UBig};

/// `math.gcd` of two.
pub fn gcd(a: &IBig, b: &IBig) -> IBig {
    if a.is_zero() {
        return IBig::from(b.unsigned_abs());
    }
    if b.is_zero() {
        return IBig::from(a.unsigned_abs());
    }
    IBig::from(a.unsigned_abs().gcd(&b.unsigned_abs()))
}

/// The greatest common divisor of two small ints.
pub fn gcd_i64(a: i64, b: i64) -> u64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// `math.lcm` of two.
pub fn lcm(a: &IBig, b: &IBig) -> IBig {
    if a.is_zero() || b.is_zero() {
        return IBig::ZERO;
    }
    let product = a / gcd(a, b) * b;
    IBig::from(product.unsigned_abs())
}

/// `math.isqrt`: the floor of the square root.
pub fn isqrt(value: &IBig) -> Result<IBig> {
    if is_negative(value) {
        return Err(NumError::value("isqrt() argument must be nonnegative"));
    }
    Ok(IBig::from(value.unsigned_abs().sqrt()))
}

/// `math.factorial`
pub fn factorial(n: &IBig, limit: usize, stop: Stop) -> Result<IBig> {
    if is_negative(n) {
        return Err(NumError::value(
            "factorial() not defined for negative values",
        ));
    }
    let Some(n) = to_u64(n).filter(|n| *n <= i64::MAX as u64) else {
        return Err(NumError::overflow(
            "factorial() argument should not exceed 9223372036854775807",
        ));
    };
    factorial_u64(n, limit, stop).map(IBig::from)
}

fn factorial_u64(n: u64, limit: usize, stop: Stop) -> Result<UBig> {
    if n <= 20 {
        return Ok(UBig::from((1..=n).product::<u64>()));
    }
    let estimate = n as f64 * ((n as f64).log2() - std::f64::consts::LOG2_E);
    if estimate > limit as f64 {
        return Err(NumError::Memory);
    }
    // Each odd number up to n >> i divides n! once for every i: multiply the odd numbers by ranges, put the twos last.
    let (mut inner, mut outer) = (UBig::ONE, UBig::ONE);
    let mut upper = 3u64;
    for i in (0..n.ilog2()).rev() {
        let v = n >> i;
        if v <= 2 {
            continue;
        }
        let lower = upper;
        upper = (v + 1) | 1;
        inner *= product_of_odds(lower, upper, stop)?;
        outer *= &inner;
    }
    Ok(outer << (n - u64::from(n.count_ones())) as usize)
}

/// The product of the odd numbers from `start` up to, not including, `end` (both odd).
fn product_of_odds(start: u64, end: u64, stop: Stop) -> Result<UBig> {
    let count = end.saturating_sub(start) / 2;
    if count <= 16 {
        return Ok((0..count).fold(UBig::ONE, |product, i| product * (start + 2 * i)));
    }
    if count > 1 << 12 && stop() {
        return Err(NumError::Cancelled);
    }
    let middle = (start + count) | 1;
    Ok(product_of_odds(start, middle, stop)? * product_of_odds(middle, end, stop)?)
}

/// `first * (first + 1) * ... * (first + count - 1)`
fn rising_product(first: &UBig, count: u64, stop: Stop) -> Result<UBig> {
    if count <= 8 {
        return Ok((0..count).fold(UBig::ONE, |product, i| product * (first + i)));
    }
    if count > 1 << 10 && stop() {
        return Err(NumError::Cancelled);
    }
    let half = count / 2;
    Ok(rising_product(first, half, stop)? * rising_product(&(first + half), count - half, stop)?)
}

fn nonnegative(n: &IBig, k: &IBig) -> Result<()> {
    if is_negative(n) {
        Err(NumError::value("n must be a non-negative integer"))
    } else if is_negative(k) {
        Err(NumError::value("k must be a non-negative integer"))
    } else {
        Ok(())
    }
}

fn falling_product(n: &IBig, k: u64, limit: usize, stop: Stop) -> Result<UBig> {
    let bits = u128::from(k) * n.bit_len() as u128;
    // An estimate from above: close enough once n is much larger than k, and k**k is the least that n! has else.
    let certain = bits.saturating_sub(u128::from(k) * 2);
    check_bits(
        usize::try_from(certain).map_err(|_| NumError::Memory)? / 2,
        limit,
    )?;
    rising_product(&(n - IBig::from(k) + IBig::ONE).unsigned_abs(), k, stop)
}

/// `math.perm(n, k)`
pub fn perm(n: &IBig, k: &IBig, limit: usize, stop: Stop) -> Result<IBig> {
    nonnegative(n, k)?;
    if k > n {
        return Ok(IBig::ZERO);
    }
    match to_u64(k).filter(|k| *k <= i64::MAX as u64) {
        Some(k) => falling_product(n, k, limit, stop).map(IBig::from),
        None => Err(NumError::overflow("k must not exceed 9223372036854775807")),
    }
}

/// `math.comb(n, k)`
pub fn comb(n: &IBig, k: &IBig, limit: usize, stop: Stop) -> Result<IBig> {
    nonnegative(n, k)?;
    if k > n {
        return Ok(IBig::ZERO);
    }
    let k = k.clone().min(n - k);
    let Some(k) = to_u64(&k).filter(|k| *k <= i64::MAX as u64) else {
        return Err(NumError::overflow(
            "min(n - k, k) must not exceed 9223372036854775807",
        ));
    };
    let numerator = falling_product(n, k, limit, stop)?;
    Ok(IBig::from(numerator / factorial_u64(k, limit, stop)?))
}

/// The product of all values, by halves.
pub fn product(values: &[IBig], limit: usize, stop: Stop) -> Result<IBig> {
    match values {
        [] => Ok(IBig::ONE),
        [one] => Ok(one.clone()),
        _ => {
            if values.len() > 256 && stop() {
                return Err(NumError::Cancelled);
            }
            let (left, right) = values.split_at(values.len() / 2);
            super::mul(
                &product(left, limit, stop)?,
                &product(right, limit, stop)?,
                limit,
            )
        }
    }
}
