//! Python's `int` on top of `dashu_int::IBig`: the operations whose rules differ from a plain integer's, and the
//! fast paths on `i64` for the machine's tagged ints.
//!
//! Division floors, shifts and bit operations see an infinite two's complement, hashes are taken modulo 2^61-1. An
//! operation that can produce a result much larger than its operands (`pow`, `<<`, products) takes the limit in bits
//! that the caller's memory allows and fails with `NumError::Memory` before it allocates. The submodules hold text,
//! bytes, the border to floats and `math`'s integer functions.
//! CPython: Objects/longobject.c.

mod bytes;
mod combinatorics;
mod convert;
pub(crate) mod division;
pub(crate) mod ntt;
mod radix;
pub(crate) mod text;

pub use bytes::{ByteOrder, from_bytes, to_bytes, to_bytes_wrapping};
pub use combinatorics::{comb, factorial, gcd, gcd_i64, isqrt, lcm, perm, product};
pub use convert::{
    cmp_f64, from_f64, from_f64_ceil, from_f64_floor, from_f64_round, to_f64, to_f64_lossy,
    to_frexp, true_div, true_div_i64,
};
pub use text::{
    ParseIntError, check_digit_limit, digit_limit_parse_error, digit_limit_str_error, parse,
    parse_checked, to_decimal, to_decimal_checked, to_radix,
};

use crate::error::{NumError, Result, Stop};
use dashu_int::fast_div::ConstDivisor;
use dashu_int::ops::{Abs, BitTest, DivRem, ExtendedGcd, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
pub(crate) use text::trim;

/// The largest and smallest int that the machine keeps in a tagged word.
pub const SMALL_MAX: i64 = (1 << 61) - 1;
pub const SMALL_MIN: i64 = -(1 << 61);

/// CPython's bound on the bits of any int; beyond it a shift raises `OverflowError` instead of `MemoryError`.
const MAX_SHIFT_BITS: u64 = i64::MAX as u64 - 64;

/// An int whose bits exceed this is refused even where the caller gives no limit.
pub const HARD_LIMIT_BITS: usize = 1 << 40;

pub fn from_i64(value: i64) -> IBig {
    IBig::from(value)
}

pub fn from_i128(value: i128) -> IBig {
    IBig::from(value)
}

/// The value as `i64` if it fits.
pub fn to_i64(value: &IBig) -> Option<i64> {
    i64::try_from(value).ok()
}

pub fn to_u64(value: &IBig) -> Option<u64> {
    u64::try_from(value).ok()
}

pub fn to_i128(value: &IBig) -> Option<i128> {
    i128::try_from(value).ok()
}

/// The value as a tagged int of the machine, if it fits 62 bits.
pub fn to_small(value: &IBig) -> Option<i64> {
    to_i64(value).filter(|v| fits_small(*v))
}

pub fn fits_small(value: i64) -> bool {
    (SMALL_MIN..=SMALL_MAX).contains(&value)
}

/// The low 64 bits of the two's complement, as C's casts of an over-large value give them.
pub fn to_u64_wrapping(value: &IBig) -> u64 {
    let (sign, words) = value.as_sign_words();
    let low = words.first().copied().unwrap_or(0);
    if sign == Sign::Negative {
        low.wrapping_neg()
    } else {
        low
    }
}

pub fn is_negative(value: &IBig) -> bool {
    value.sign() == Sign::Negative
}

/// -1, 0 or 1.
pub fn signum(value: &IBig) -> i32 {
    if value.is_zero() {
        0
    } else if is_negative(value) {
        -1
    } else {
        1
    }
}

pub fn bit_length(value: &IBig) -> usize {
    value.bit_len()
}

pub fn bit_length_i64(value: i64) -> u32 {
    64 - value.unsigned_abs().leading_zeros()
}

/// The ones in the absolute value, as `int.bit_count`.
pub fn bit_count(value: &IBig) -> usize {
    value
        .as_sign_words()
        .1
        .iter()
        .map(|w| w.count_ones() as usize)
        .sum()
}

pub fn trailing_zeros(value: &IBig) -> usize {
    value.trailing_zeros().unwrap_or(0)
}

pub fn is_odd(value: &IBig) -> bool {
    value.as_sign_words().1.first().is_some_and(|w| w & 1 == 1)
}

fn check_bits(bits: usize, limit: usize) -> Result<()> {
    if bits > limit.min(HARD_LIMIT_BITS) {
        Err(NumError::Memory)
    } else {
        Ok(())
    }
}

// ---------------------------------------------------------------------------------------------------- arithmetic

/// The bits that a product can need: for the caller's check of memory before it multiplies.
pub fn mul_bits(a: &IBig, b: &IBig) -> usize {
    a.bit_len().saturating_add(b.bit_len())
}

/// The product, refused beyond `limit` bits.
pub fn mul(a: &IBig, b: &IBig, limit: usize) -> Result<IBig> {
    check_bits(mul_bits(a, b), limit)?;
    let ((sign_a, x), (sign_b, y)) = (a.as_sign_words(), b.as_sign_words());
    if x.len().min(y.len()) < ntt::LEAST_WORDS {
        return Ok(a * b);
    }
    match ntt::mul_words(x, y) {
        Some(product) => Ok(IBig::from_parts(sign_a * sign_b, product)),
        None => Ok(a * b),
    }
}

/// Quotient, rounded to zero, and remainder, for `b` other than zero.
fn truncated(a: &IBig, b: &IBig) -> (IBig, IBig) {
    if !division::is_long(a, b) {
        return a.div_rem(b);
    }
    let (q, r) = division::div_rem(&a.unsigned_abs(), &b.unsigned_abs());
    (
        IBig::from_parts(a.sign() * b.sign(), q),
        IBig::from_parts(a.sign(), r),
    )
}

/// `a // b` and `a % b`, the remainder with the sign of `b`. `ZeroDivisionError` for `b == 0`.
pub fn divmod(a: &IBig, b: &IBig) -> Result<(IBig, IBig)> {
    if b.is_zero() {
        return Err(NumError::ZeroDivision("division by zero"));
    }
    let (q, r) = truncated(a, b);
    if !r.is_zero() && is_negative(&r) != is_negative(b) {
        Ok((q - IBig::ONE, r + b))
    } else {
        Ok((q, r))
    }
}

/// `a // b`
pub fn floor_div(a: &IBig, b: &IBig) -> Result<IBig> {
    divmod(a, b).map(|(q, _)| q)
}

/// `a % b`
pub fn floor_mod(a: &IBig, b: &IBig) -> Result<IBig> {
    if b.is_zero() {
        return Err(NumError::ZeroDivision("division by zero"));
    }
    let r = if division::is_long(a, b) {
        truncated(a, b).1
    } else {
        a % b
    };
    if !r.is_zero() && is_negative(&r) != is_negative(b) {
        Ok(r + b)
    } else {
        Ok(r)
    }
}

/// `a // b` for nonzero `b`; `None` on `i64::MIN // -1` and on a zero divisor.
pub fn floor_div_i64(a: i64, b: i64) -> Option<i64> {
    let q = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) {
        q - 1
    } else {
        q
    })
}

/// `a % b`; `None` on a zero divisor.
pub fn floor_mod_i64(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let r = a.wrapping_rem(b);
    Some(if r != 0 && (r < 0) != (b < 0) {
        r + b
    } else {
        r
    })
}

/// `a ** b` if the result fits an `i64`.
pub fn pow_i64(a: i64, b: u32) -> Option<i64> {
    a.checked_pow(b)
}

/// `base ** exponent` for `exponent >= 0`, by squaring, with `stop` asked between the steps.
///
/// A negative exponent is the caller's (it goes to floats). Fails with `Memory` when the result needs more than
/// `limit` bits.
pub fn pow(base: &IBig, exponent: &IBig, limit: usize, stop: Stop) -> Result<IBig> {
    if exponent.is_zero() || base.is_one() {
        return Ok(IBig::ONE);
    }
    if base.is_zero() {
        return Ok(IBig::ZERO);
    }
    let negative = is_negative(base) && is_odd(exponent);
    let magnitude = base.unsigned_abs();
    let result = if magnitude.is_one() {
        UBig::ONE
    } else {
        let exponent = usize::try_from(exponent).map_err(|_| NumError::Memory)?;
        let needed = (magnitude.bit_len() - 1)
            .checked_mul(exponent)
            .ok_or(NumError::Memory)?;
        check_bits(needed, limit)?;
        // The twos of the base become one shift at the end: 10**n squares 5**n, a third shorter.
        let twos = magnitude.trailing_zeros().unwrap_or(0);
        pow_magnitude(&(magnitude >> twos), exponent, stop)? << (twos * exponent)
    };
    let sign = if negative {
        Sign::Negative
    } else {
        Sign::Positive
    };
    Ok(IBig::from_parts(sign, result))
}

fn pow_magnitude(base: &UBig, exponent: usize, stop: Stop) -> Result<UBig> {
    if base.is_one() {
        return Ok(UBig::ONE);
    }
    let mut result = base.clone();
    for bit in (0..exponent.ilog2()).rev() {
        // Below this size a step is far shorter than any signal's patience.
        if result.bit_len() > 1 << 16 && stop() {
            return Err(NumError::Cancelled);
        }
        result = ntt::sqr(&result);
        if exponent >> bit & 1 == 1 {
            result = ntt::mul(&result, base);
        }
    }
    Ok(result)
}

/// `5^n`
pub(crate) fn power_of_five(n: usize) -> UBig {
    let mut go_on = crate::error::never;
    if n < 100_000 {
        return UBig::from(5u8).pow(n);
    }
    pow_magnitude(&UBig::from(5u8), n, &mut go_on).unwrap_or_default()
}

/// `pow(base, exponent, modulus)`: negative exponents by the inverse, the result with the modulus' sign.
pub fn pow_mod(base: &IBig, exponent: &IBig, modulus: &IBig, stop: Stop) -> Result<IBig> {
    if modulus.is_zero() {
        return Err(NumError::value("pow() 3rd argument cannot be 0"));
    }
    let magnitude = modulus.unsigned_abs();
    let mut base = floor_mod(base, &IBig::from(magnitude.clone()))?;
    if is_negative(exponent) {
        base = inverse(&base, &magnitude)?;
    }
    let result = if magnitude.is_one() {
        UBig::ZERO
    } else {
        pow_residue(
            base.unsigned_abs(),
            &exponent.unsigned_abs(),
            magnitude,
            stop,
        )?
    };
    let result = IBig::from(result);
    if is_negative(modulus) && !result.is_zero() {
        Ok(result + modulus)
    } else {
        Ok(result)
    }
}

/// The inverse of `value` (reduced) modulo `modulus`, or the error of `pow`.
fn inverse(value: &IBig, modulus: &UBig) -> Result<IBig> {
    let m = IBig::from(modulus.clone());
    if modulus.is_one() {
        return Ok(IBig::ZERO);
    }
    let not_invertible = || NumError::value("base is not invertible for the given modulus");
    if value.is_zero() {
        return Err(not_invertible());
    }
    let (g, x, _) = value.unsigned_abs().gcd_ext(modulus);
    if !g.is_one() {
        return Err(not_invertible());
    }
    floor_mod(&x, &m)
}

fn pow_residue(base: UBig, exponent: &UBig, modulus: UBig, stop: Stop) -> Result<UBig> {
    let bits = exponent.bit_len();
    let cost = bits.saturating_mul(
        modulus
            .as_words()
            .len()
            .saturating_mul(modulus.as_words().len()),
    );
    let ring = ConstDivisor::new(modulus);
    let base = ring.reduce(base);
    if cost < 1 << 24 {
        return Ok(base.pow(exponent).residue());
    }
    // Windows of four bits from the top, so that `stop` is asked every few multiplications.
    let mut powers = vec![ring.reduce(UBig::ONE), base];
    for i in 2..16 {
        let next = &powers[i - 1] * &powers[1];
        powers.push(next);
    }
    let mut result = powers[0].clone();
    for window in (0..bits.div_ceil(4)).rev() {
        if stop() {
            return Err(NumError::Cancelled);
        }
        for _ in 0..4 {
            result = result.sqr();
        }
        let digit = (0..4).fold(0, |d, i| d | usize::from(exponent.bit(window * 4 + i)) << i);
        if digit != 0 {
            result *= &powers[digit];
        }
    }
    Ok(result.residue())
}

/// `round(value, -digits)`: to a multiple of 10**digits, ties to even.
pub fn round_to_power_of_ten(
    value: &IBig,
    digits: usize,
    limit: usize,
    stop: Stop,
) -> Result<IBig> {
    // 10**digits > 2 * abs(value): nothing but zero can be nearest, however many digits are asked for.
    if digits.saturating_mul(3) > value.bit_len() + 1 {
        return Ok(IBig::ZERO);
    }
    let unit = pow(&IBig::from(10), &IBig::from(digits), limit, stop)?;
    let (mut quotient, remainder) = divmod(value, &unit)?;
    let twice: IBig = remainder << 1;
    if twice > unit || (twice == unit && is_odd(&quotient)) {
        quotient += IBig::ONE;
    }
    Ok(quotient * unit)
}

/// `divmod_near`: the quotient rounded half to even, and the remainder that goes with it.
pub fn divmod_near(a: &IBig, b: &IBig) -> Result<(IBig, IBig)> {
    let (q, r) = divmod(a, b)?;
    let twice: IBig = (&r << 1).abs();
    let divisor = b.clone().abs();
    if twice > divisor || (twice == divisor && is_odd(&q)) {
        Ok((q + IBig::ONE, r - b))
    } else {
        Ok((q, r))
    }
}

// --------------------------------------------------------------------------------------------- shifts and bits

/// `value << count`; `ValueError` on a negative count.
pub fn shl(value: &IBig, count: &IBig, limit: usize) -> Result<IBig> {
    if is_negative(count) {
        return Err(NumError::value("negative shift count"));
    }
    if value.is_zero() {
        return Ok(IBig::ZERO);
    }
    match u64::try_from(count) {
        Ok(count) if count <= MAX_SHIFT_BITS => {
            let count = usize::try_from(count).map_err(|_| NumError::Memory)?;
            check_bits(value.bit_len().saturating_add(count), limit)?;
            Ok(value << count)
        }
        _ => Err(NumError::overflow("too many digits in integer")),
    }
}

/// `value >> count`, flooring; `ValueError` on a negative count.
pub fn shr(value: &IBig, count: &IBig) -> Result<IBig> {
    if is_negative(count) {
        return Err(NumError::value("negative shift count"));
    }
    match usize::try_from(count) {
        Ok(count) if count < value.bit_len() => Ok(value >> count),
        _ => Ok(if is_negative(value) {
            IBig::NEG_ONE
        } else {
            IBig::ZERO
        }),
    }
}

/// `value << count` if the result fits an `i64`.
pub fn shl_i64(value: i64, count: u32) -> Option<i64> {
    let shifted = value.checked_shl(count)?;
    (shifted >> count == value).then_some(shifted)
}

/// `value >> count` for any count.
pub fn shr_i64(value: i64, count: u64) -> i64 {
    value >> count.min(63)
}

// -------------------------------------------------------------------------------------------------------- hashing

/// The prime of numeric hashes, 2**61 - 1.
pub const HASH_MODULUS: u64 = (1 << 61) - 1;

/// `hash(int)`.
pub fn hash(value: &IBig) -> i64 {
    let (sign, words) = value.as_sign_words();
    // 2**64 is 8 modulo the prime, so each word shifts the rest by three bits.
    let residue = words.iter().rev().fold(0u64, |acc, &word| {
        ((u128::from(acc) * 8 + u128::from(word)) % u128::from(HASH_MODULUS)) as u64
    });
    finish_hash(residue, sign == Sign::Negative)
}

/// `hash(int)` of a small value.
pub fn hash_i64(value: i64) -> i64 {
    finish_hash(value.unsigned_abs() % HASH_MODULUS, value < 0)
}

pub(crate) fn finish_hash(residue: u64, negative: bool) -> i64 {
    let hash = residue as i64;
    match if negative { -hash } else { hash } {
        // -1 says "error" in CPython's C interface, so no hash is -1.
        -1 => -2,
        hash => hash,
    }
}

#[cfg(test)]
mod tests;
