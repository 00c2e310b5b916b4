//! Quotients of large numbers, by the reciprocal of the divisor.
//!
//! The reciprocal comes from Newton's method, each step of which doubles the bits that are right, so that a division
//! costs a few products. The estimate of the quotient is wrong by a few units at most and is put right with the
//! remainder. Shorter numbers are left to the library, which divides recursively (Burnikel and Ziegler).
//! CPython: Lib/_pylong.py's `int_divmod` and `_dec_str_to_int_inner`'s helpers, Objects/longobject.c for the rest.

use super::ntt;
use crate::error::{NumError, Result, Stop, never};
use dashu_int::ops::{BitTest, DivRem};
use dashu_int::{IBig, Sign, UBig};

/// Words of quotient and divisor from which on the reciprocal is the quicker way.
const LEAST_WORDS: usize = 3000;
/// Bits of a reciprocal that is computed by division.
const SHORT_BITS: usize = 64 * 300;

/// `2^(length + precision) / value`, wrong by a few units at most; length are the value's bits. `value` is not zero.
pub(super) fn reciprocal(value: &UBig, precision: usize, stop: Stop) -> Result<UBig> {
    // The value's bits that matter.
    let surplus = value.bit_len().saturating_sub(precision + 64);
    if surplus > 0 {
        return reciprocal(&(value >> surplus), precision, stop);
    }
    let length = value.bit_len();
    if precision < SHORT_BITS {
        return Ok((UBig::ONE << (length + precision)) / value);
    }
    let half = precision / 2 + 32;
    let start = reciprocal(value, half, stop)?;
    if stop() {
        return Err(NumError::Cancelled);
    }
    // start = 2^(length + half) / value * (1 - error / 2^(length + half))
    let error = IBig::from(UBig::ONE << (length + half)) - IBig::from(ntt::mul(value, &start));
    // Of the error the first bits matter, for the correction has precision - half only.
    let unneeded = length.saturating_sub(precision - half + 32);
    let (sign, error) = error.into_parts();
    let correction = ntt::mul(&start, &(error >> unneeded));
    let correction = correction >> (length + 2 * half - precision - unneeded);
    let result = IBig::from(start << (precision - half)) + IBig::from_parts(sign, correction);
    Ok(result.into_parts().1)
}

/// Quotient and remainder from an estimate of the quotient.
pub(super) fn corrected(value: &UBig, divisor: &UBig, mut quotient: UBig) -> (UBig, UBig) {
    let mut rest = IBig::from(value.clone()) - IBig::from(ntt::mul(&quotient, divisor));
    let divisor = IBig::from(divisor.clone());
    while rest.sign() == Sign::Negative {
        rest += &divisor;
        quotient -= UBig::ONE;
    }
    while rest >= divisor {
        rest -= &divisor;
        quotient += UBig::ONE;
    }
    (quotient, rest.into_parts().1)
}

/// Whether [`div_rem`] has its own way for numbers of such lengths.
pub(super) fn is_long(a: &IBig, b: &IBig) -> bool {
    let (a, b) = (a.as_sign_words().1.len(), b.as_sign_words().1.len());
    b >= LEAST_WORDS && a >= b + LEAST_WORDS
}

/// Quotient and remainder; the divisor is not zero.
pub(crate) fn div_rem(a: &UBig, b: &UBig) -> (UBig, UBig) {
    let difference = a.bit_len().saturating_sub(b.bit_len());
    if b.as_words().len() < LEAST_WORDS || difference < 64 * LEAST_WORDS {
        return a.div_rem(b);
    }
    // A quotient longer than the divisor is found piece by piece.
    let pieces = (difference + 1).div_ceil(b.bit_len());
    let piece = (difference + 1).div_ceil(pieces);
    let precision = piece + 16;
    let mut go_on = never;
    let Ok(reciprocal) = reciprocal(b, precision, &mut go_on) else {
        return a.div_rem(b);
    };
    let unneeded = b.bit_len().saturating_sub(64);
    let scale = b.bit_len() + precision - unneeded;
    let mut quotient = UBig::ZERO;
    let mut rest = a >> (piece * (pieces - 1));
    for i in (0..pieces).rev() {
        let estimate = ntt::mul(&(&rest >> unneeded), &reciprocal) >> scale;
        let (digit, left) = corrected(&rest, b, estimate);
        quotient = (quotient << piece) + digit;
        rest = left;
        if i > 0 {
            let mut next = a >> (piece * (i - 1));
            next.clear_high_bits(piece);
            rest = (rest << piece) + next;
        }
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_agree_with_the_library() {
        let seed = UBig::from(3u8).pow(70_000);
        for (x, y) in [
            (7_000, 3_100),
            (6_200, 3_001),
            (9_001, 4_500),
            (20_000, 3_333),
            (16_000, 8_000),
            (8_000, 4_999),
        ] {
            let a = (&seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed
                * &seed)
                >> 7usize;
            let a = &a >> (a.bit_len().saturating_sub(64 * x));
            let b = UBig::from(7u8).pow(200_000);
            let b = &b >> (b.bit_len().saturating_sub(64 * y));
            assert_eq!(div_rem(&a, &b), (&a).div_rem(&b), "{x} {y}");
            let ones = (UBig::ONE << (64 * y)) - UBig::ONE;
            assert_eq!(div_rem(&a, &ones), (&a).div_rem(&ones), "{x} {y}");
            let power = UBig::ONE << (64 * y - 1);
            assert_eq!(div_rem(&a, &power), (&a).div_rem(&power), "{x} {y}");
            let exact = &a * &b;
            assert_eq!(div_rem(&exact, &b), (a.clone(), UBig::ZERO));
            let below = exact - UBig::ONE;
            assert_eq!(div_rem(&below, &b), (&a - UBig::ONE, &b - UBig::ONE));
        }
    }
}
