//! The decimal digits of large numbers, by multiplications only.
//!
//! A number of up to 2D digits is divided by 10^D, with the reciprocal of 5^D by Newton's method, and each half N turned
//! into the binary fraction (N + 1/2) / 10^D by the same reciprocal. Then fractions are split: the last k of 2k digits
//! are the fractional part of the fraction times 10^k, of which only the k digits' worth behind the point are computed,
//! from a cyclic product; the first k are the leading part of the fraction itself, corrected so that one half stands
//! behind their last digit too. That half is what the small errors of all steps cannot cross, so that the digits are
//! exact. Short fractions give nineteen digits by each multiplication with 10^19. The fractions of k digits have
//! `words_for(10^k)` words, between 64 and 128 bits more than the digits need.
//! Bernstein, "Scaled remainder trees"; CPython: Lib/_pylong.py, with decimal's multiplication.

use super::division::{corrected, reciprocal};
use super::ntt::{self, Length, Transformed};
use crate::error::{NumError, Result, Stop};
use dashu_int::UBig;
use dashu_int::ops::BitTest;

/// The most digits that are taken from a fraction one word at a time.
const LEAF_DIGITS: usize = 1100;
/// The power of ten of a leaf's steps.
const STEP: u64 = 10_000_000_000_000_000_000;
/// Fractions of this many words are split without asking whether to stop.
const SILENT_WORDS: usize = 1000;

/// How fractions of twice `digits` digits are split.
struct Level {
    digits: usize,
    /// Words of the halves.
    words: usize,
    /// 10^-digits in units of a half's last place.
    unit: u128,
    power: Power,
}

/// 10^digits without the twos that are whole words.
enum Power {
    Plain(UBig),
    Transformed(Transformed),
}

/// Words of a fraction for numbers below a power of ten of so many bits.
fn words_for(power_bits: usize) -> usize {
    power_bits.div_ceil(64) + 1
}

/// The leading 64 bits.
fn leading(value: &UBig) -> u64 {
    let words = value.as_words();
    let Some((last, rest)) = words.split_last() else {
        return 0;
    };
    let shift = last.leading_zeros();
    match rest.last() {
        Some(next) if shift > 0 => last << shift | next >> (64 - shift),
        _ => last << shift,
    }
}

impl Level {
    /// `five` is 5^digits, `parent` the words of a whole.
    fn new(digits: usize, five: &UBig, parent: usize) -> Level {
        let words = words_for(five.bit_len() + digits);
        // five = mantissa * 2^(length-64), so 2^(64 words) / 10^digits = 2^scale / mantissa.
        let scale = 64 * words + 64 - five.bit_len() - digits;
        let mantissa = u128::from(leading(five).max(1));
        let unit = ((1u128 << 127) / mantissa) << scale.saturating_sub(127).min(63);
        let factor = five << (digits % 64);
        // The product is wanted up to the word of the point; what runs over must stay below the wanted words.
        let over = factor.as_words().len() + digits / 64 + words + 1;
        let length = if parent >= ntt::LEAST_WORDS {
            Length::of_bits(64 * parent.max(over))
        } else {
            None
        };
        let power = match length {
            Some(length) => Power::Transformed(Transformed::new(factor.as_words(), length)),
            None => Power::Plain(factor),
        };
        Level {
            digits,
            words,
            unit,
            power,
        }
    }

    /// The fractions of the first and the last half of the digits.
    fn split(&self, fraction: &[u64]) -> (Vec<u64>, Vec<u64>) {
        let product = match &self.power {
            Power::Transformed(power) => power.times(fraction),
            Power::Plain(power) => {
                let product = UBig::from_words(fraction) * power;
                product.as_words().to_vec()
            }
        };
        let point = fraction.len() - self.digits / 64;
        let mut low = vec![0; self.words];
        let end = point.min(product.len());
        let start = (point - self.words).min(end);
        low[..end - start].copy_from_slice(&product[start..end]);
        let mut high = fraction[fraction.len() - self.words..].to_vec();
        // Behind the first half's digits stands what the last half is of one; a half shall stand there.
        let part = u128::from(low.last().copied().unwrap_or(0));
        let (unit_high, unit_low) = (self.unit >> 64, self.unit & u128::from(u64::MAX));
        let is = unit_high * part + ((unit_low * part) >> 64);
        let half = self.unit / 2;
        if is <= half {
            add(&mut high, half - is);
        } else {
            subtract(&mut high, is - half);
        }
        (high, low)
    }
}

fn add(words: &mut [u64], mut value: u128) {
    for word in words {
        if value == 0 {
            return;
        }
        let (sum, carry) = word.overflowing_add(value as u64);
        *word = sum;
        value = (value >> 64) + u128::from(carry);
    }
}

fn subtract(words: &mut [u64], mut value: u128) {
    for word in words {
        if value == 0 {
            return;
        }
        let (difference, borrow) = word.overflowing_sub(value as u64);
        *word = difference;
        value = (value >> 64) + u128::from(borrow);
    }
}

/// Appends the digits of `value`, of which there are more than [`LEAF_DIGITS`], to `out`.
pub(super) fn write_decimal(value: &UBig, out: &mut String, stop: Stop) -> Result<()> {
    // log10(2), rounded up.
    let most = (value.bit_len() as u128 * 301_029_996 / 1_000_000_000) as usize + 1;
    let mut leaf = most.div_ceil(2);
    let mut height = 1;
    while leaf > LEAF_DIGITS {
        height += 1;
        leaf = most.div_ceil(1 << height);
    }
    let mut text = Vec::new();
    text.try_reserve_exact(leaf << height)
        .map_err(|_| NumError::Memory)?;
    text.resize(leaf << height, b'0');

    // The first split is a division, so that the reciprocal need be half as long only.
    let mut levels: Vec<Level> = Vec::with_capacity(height);
    let mut five = UBig::from(5u8).pow(leaf);
    for i in 1..height {
        if five.as_words().len() > SILENT_WORDS && stop() {
            return Err(NumError::Cancelled);
        }
        let digits = leaf << (i - 1);
        let square = ntt::sqr(&five);
        let parent = words_for(square.bit_len() + 2 * digits);
        levels.push(Level::new(digits, &five, parent));
        five = square;
    }
    let power = TopPower::new(five, text.len() / 2, stop)?;
    let (first, last) = power.divide(value);
    let (first_text, last_text) = text.split_at_mut(power.digits);
    for (part, text) in [(first, first_text), (last, last_text)] {
        if stop() {
            return Err(NumError::Cancelled);
        }
        write(power.fraction(part), &levels, text, stop)?;
    }

    let zeros = text.iter().take_while(|digit| **digit == b'0').count();
    out.push_str(std::str::from_utf8(&text[zeros..]).unwrap_or_default());
    Ok(())
}

/// The power of ten that halves the number, and its reciprocal.
struct TopPower {
    digits: usize,
    /// 5^digits
    five: UBig,
    /// Words of a fraction.
    words: usize,
    precision: usize,
    /// `2^(length + precision) / five`; length are the bits of `five`.
    reciprocal: Power,
}

impl TopPower {
    fn new(five: UBig, digits: usize, stop: Stop) -> Result<TopPower> {
        let words = words_for(five.bit_len() + digits);
        let precision = 64 * words + 16;
        let reciprocal = reciprocal(&five, precision, stop)?;
        let length = if words >= ntt::LEAST_WORDS {
            // The other factor is a fraction's length, or a little more.
            Length::of_bits(reciprocal.bit_len() + 64 * words + 128)
        } else {
            None
        };
        let reciprocal = match length {
            Some(length) => Power::Transformed(Transformed::new(reciprocal.as_words(), length)),
            None => Power::Plain(reciprocal),
        };
        Ok(TopPower {
            digits,
            five,
            words,
            precision,
            reciprocal,
        })
    }

    /// `value / five` in units of `2^-(length + precision)`.
    fn times_reciprocal(&self, value: &UBig) -> UBig {
        match &self.reciprocal {
            Power::Plain(reciprocal) => value * reciprocal,
            Power::Transformed(reciprocal) => UBig::from_words(&reciprocal.times(value.as_words())),
        }
    }

    /// Quotient and remainder by the power of ten.
    fn divide(&self, value: &UBig) -> (UBig, UBig) {
        let whole = value >> self.digits;
        let length = self.five.bit_len();
        let unneeded = length.saturating_sub(64);
        let quotient = self.times_reciprocal(&(&whole >> unneeded));
        let estimate = quotient >> (length + self.precision - unneeded);
        let (quotient, rest) = corrected(&whole, &self.five, estimate);
        let mut low = value.clone();
        low.clear_high_bits(self.digits);
        (quotient, (rest << self.digits) + low)
    }

    /// `(value + 1/2) / 10^digits`
    fn fraction(&self, value: UBig) -> Vec<u64> {
        let doubled = (value << 1usize) + UBig::ONE;
        let scale = self.five.bit_len() + self.precision + self.digits + 1 - 64 * self.words;
        let fraction = self.times_reciprocal(&doubled) >> scale;
        let mut words = fraction.as_words().to_vec();
        words.resize(self.words, 0);
        words
    }
}

fn write(fraction: Vec<u64>, levels: &[Level], text: &mut [u8], stop: Stop) -> Result<()> {
    let Some((level, lower)) = levels.split_last() else {
        write_leaf(fraction, text);
        return Ok(());
    };
    if fraction.len() > SILENT_WORDS && stop() {
        return Err(NumError::Cancelled);
    }
    let (high, low) = level.split(&fraction);
    drop(fraction);
    let (first, last) = text.split_at_mut(level.digits);
    write(high, lower, first, stop)?;
    write(low, lower, last, stop)
}

/// Multiplies a fraction and gives the whole part.
fn multiply(fraction: &mut [u64], factor: u64) -> u64 {
    let mut carry = 0u64;
    for word in fraction {
        let product = u128::from(*word) * u128::from(factor) + u128::from(carry);
        (*word, carry) = (product as u64, (product >> 64) as u64);
    }
    carry
}

fn write_leaf(mut fraction: Vec<u64>, text: &mut [u8]) {
    let (first, rest) = text.split_at_mut(text.len() % 19);
    if !first.is_empty() {
        let digits = multiply(&mut fraction, 10u64.pow(first.len() as u32));
        write_digits(digits, first);
    }
    let mut left = rest.len();
    let mut start = 0;
    for piece in rest.chunks_exact_mut(19) {
        // The digits left need 3.322 bits each, and 64 behind them.
        let needed = left * 3322 / 64_000 + 2;
        start = start.max(fraction.len().saturating_sub(needed));
        let digits = multiply(&mut fraction[start..], STEP);
        write_digits(digits, piece);
        left -= 19;
    }
}

/// Digits with leading zeros.
fn write_digits(mut value: u64, text: &mut [u8]) {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut i = 0;
        while i < 100 {
            pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
            i += 1;
        }
        pairs
    };
    let (first, pairs) = text.split_at_mut(text.len() % 2);
    for pair in pairs.rchunks_exact_mut(2) {
        pair.copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if let [digit] = first {
        *digit = b'0' + (value % 10) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::never;

    fn check(value: &UBig) {
        let mut text = String::new();
        let mut stop = never;
        write_decimal(value, &mut text, &mut stop).unwrap();
        let expected = value.to_string();
        if text != expected {
            let at = text.bytes().zip(expected.bytes()).position(|(a, b)| a != b);
            panic!(
                "{} and {} digits, differ at {at:?}",
                text.len(),
                expected.len()
            );
        }
    }

    #[test]
    fn digits_agree_with_the_library() {
        let mut state = 7u64;
        let mut random = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state ^ state >> 31
        };
        for bits in [
            3_700, 7_300, 10_000, 20_000, 64_000, 100_000, 130_000, 260_000, 300_000, 520_000,
        ] {
            for i in 0..6 {
                let bits = bits + bits * i / 7 + random() as usize % 200;
                let words: Vec<u64> = (0..bits / 64).map(|_| random()).collect();
                check(&UBig::from_words(&words));
            }
        }
    }

    #[test]
    fn long_runs_of_zeros_and_nines() {
        for digits in [1_200, 1_999, 5_000, 12_345, 70_000, 150_001] {
            let power = UBig::from(10u8).pow(digits);
            let half = UBig::from(10u8).pow(digits / 2);
            check(&power);
            check(&(&power - UBig::ONE));
            check(&(&power + UBig::ONE));
            check(&(&power - &half));
            check(&(&power + &half));
            check(&(&power + &half - UBig::ONE));
            check(&(&power * UBig::from(9u8) - &half - UBig::ONE));
            check(&((UBig::ONE << (digits * 3)) - UBig::ONE));
            check(&(UBig::ONE << (digits * 3)));
        }
    }
}
