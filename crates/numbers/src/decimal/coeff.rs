//! Coefficients of decimal numbers: non-negative integers of which the count of decimal digits matters.
//!
//! A value below 10^38 is kept in a machine word of 128 bits, a larger one as a `UBig`; the two never overlap, so that a
//! small one is always the smaller. Powers of ten come from tables up to 10^77 and from a cache beyond. Whatever would
//! need more than `MAX_DIGITS` digits is refused with `None` before memory is asked for. libmpdec keeps words of 19
//! digits instead (basearith.c, mpdecimal.c).

use crate::bigint;
use dashu_int::ops::{BitTest, SquareRoot};
use dashu_int::{IBig, UBig};
use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

/// Digits of the largest small coefficient.
pub const SMALL_DIGITS: u64 = 38;
/// A coefficient of more digits is refused as C refuses one that does not fit into memory.
pub const MAX_DIGITS: u64 = 1_000_000_000;

/// 10^0 ..= 10^38.
pub const POW10: [u128; 39] = {
    let mut table = [1u128; 39];
    let mut i = 1;
    while i < 39 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// A number of 256 bits, least significant part first.
pub type Wide = (u128, u128);

/// The product of two words.
#[inline]
pub const fn mul_wide(a: u128, b: u128) -> Wide {
    const LOW: u128 = u64::MAX as u128;
    let (a0, a1, b0, b1) = (a & LOW, a >> 64, b & LOW, b >> 64);
    let low = a0 * b0;
    let mid1 = a1 * b0 + (low >> 64);
    let mid2 = a0 * b1 + (mid1 & LOW);
    (
        (low & LOW) | (mid2 << 64),
        a1 * b1 + (mid1 >> 64) + (mid2 >> 64),
    )
}

/// For 10^n: the leading 128 bits of its reciprocal, rounded down, and the bits to shift its products by. A power's
/// own size is 2^shift at least and below twice that.
const RECIPROCALS: [(u128, u32); 39] = {
    let mut table = [(0u128, 0u32); 39];
    let mut n = 1;
    while n < 39 {
        let power = POW10[n];
        let shift = 127 - power.leading_zeros();
        // 2^(128 + shift) / power by long division; the leading 2^shift is below the power.
        let (mut rest, mut quotient, mut bit) = (1u128 << shift, 0u128, 0);
        while bit < 128 {
            // 10^38 is below 2^127, so nothing is lost.
            rest <<= 1;
            quotient <<= 1;
            if rest >= power {
                rest -= power;
                quotient |= 1;
            }
            bit += 1;
        }
        table[n] = (quotient, shift);
        n += 1;
    }
    table
};

/// Quotient and remainder by 10^n, 0 < n < 39.
#[inline]
pub fn div_pow10(v: u128, n: usize) -> (u128, u128) {
    let power = POW10[n];
    if let (Ok(v), Ok(power)) = (u64::try_from(v), u64::try_from(power)) {
        return (u128::from(v / power), u128::from(v % power));
    }
    let (reciprocal, shift) = RECIPROCALS[n];
    // At most one too small: the reciprocal lacks less than one unit, v less than 2^128.
    let quotient = mul_wide(v, reciprocal).1 >> shift;
    let rest = v - quotient * power;
    if rest >= power {
        (quotient + 1, rest - power)
    } else {
        (quotient, rest)
    }
}

/// 10^39 ..= 10^76.
const POW10_WIDE: [Wide; 38] = {
    let mut table = [(0u128, 0u128); 38];
    let mut i = 0;
    while i < 38 {
        table[i] = mul_wide(POW10[38], POW10[i + 1]);
        i += 1;
    }
    table
};

/// Quotient and remainder of 256 bits by a word of 64.
#[inline]
pub fn div_wide(n: Wide, d: u64) -> (Wide, u64) {
    const LOW: u128 = u64::MAX as u128;
    let d = u128::from(d.max(1));
    let (q3, r) = (n.1 / d, n.1 % d);
    let t = (r << 64) | (n.0 >> 64);
    let (q1, r) = (t / d, t % d);
    let t = (r << 64) | (n.0 & LOW);
    let (q0, r) = (t / d, t % d);
    (((q1 << 64) | q0, q3), r as u64)
}

/// Digits of a number of 256 bits below 10^76.
#[inline]
pub fn wide_digits(n: Wide) -> u64 {
    if n.1 == 0 && n.0 < POW10[38] {
        return small_digits(n.0);
    }
    let bits = if n.1 == 0 {
        128 - n.0.leading_zeros()
    } else {
        256 - n.1.leading_zeros()
    };
    let low = ((bits as usize - 1) * 1233) >> 12;
    // 10^low <= 2^(bits-1) <= n < 10^(low+2)
    let power = low + 1;
    let reached = match power.checked_sub(39) {
        Some(i) => POW10_WIDE.get(i).is_some_and(|p| (n.1, n.0) >= (p.1, p.0)),
        None => n.1 > 0 || n.0 >= POW10[power.min(38)],
    };
    power as u64 + u64::from(reached)
}

/// Digits of a small number (1 for zero).
#[inline]
pub fn small_digits(v: u128) -> u64 {
    if v < 10 {
        return 1;
    }
    let bits = 128 - v.leading_zeros();
    let guess = (bits as usize * 1233) >> 12;
    guess as u64 + u64::from(guess < 39 && v >= POW10[guess.min(38)])
}

thread_local! {
    static POWERS: RefCell<Vec<(u64, Rc<UBig>)>> = const { RefCell::new(Vec::new()) };
}

/// `value * 10^n`
fn times_pow10(value: UBig, n: u64) -> UBig {
    if n > KEPT_MAX {
        return bigint::ntt::mul(&value, &bigint::power_of_five(n as usize)) << n as usize;
    }
    value * &*pow10(n)
}

/// Powers kept beyond the table, and the largest one worth keeping.
const KEPT: usize = 64;
const KEPT_MAX: u64 = 200_000;

/// 10^n.
pub fn pow10(n: u64) -> Rc<UBig> {
    let compute = || {
        Rc::new(match POW10.get(n as usize) {
            Some(p) => UBig::from(*p),
            None => bigint::power_of_five(n as usize) << n as usize,
        })
    };
    if n > KEPT_MAX {
        return compute();
    }
    POWERS.with(|cache| {
        if let Ok(cache) = cache.try_borrow()
            && let Some((_, p)) = cache.iter().find(|(k, _)| *k == n)
        {
            return p.clone();
        }
        let power = compute();
        if let Ok(mut cache) = cache.try_borrow_mut() {
            if cache.len() >= KEPT {
                cache.remove(0);
            }
            cache.push((n, power.clone()));
        }
        power
    })
}

/// How a discarded part compares with half a unit of the last place kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    Zero,
    Less,
    Half,
    More,
}

impl Rest {
    #[inline]
    fn of(twice: Ordering) -> Rest {
        match twice {
            Ordering::Less => Rest::Less,
            Ordering::Equal => Rest::Half,
            Ordering::Greater => Rest::More,
        }
    }

    /// The part when something non-zero lies below it too.
    #[inline]
    pub fn with_sticky(self, sticky: bool) -> Rest {
        match self {
            Rest::Zero if sticky => Rest::Less,
            Rest::Half if sticky => Rest::More,
            other => other,
        }
    }

    /// The class of remainder `r` of a division by `d`.
    #[inline]
    pub fn of_small(r: u128, d: u128) -> Rest {
        if r == 0 {
            Rest::Zero
        } else {
            Rest::of(r.cmp(&(d - r)))
        }
    }

    fn of_big(r: &UBig, d: &UBig) -> Rest {
        if r.is_zero() {
            Rest::Zero
        } else {
            Rest::of((r << 1usize).cmp(d))
        }
    }
}

/// A non-negative integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coeff {
    /// Below 10^38.
    Small(u128),
    /// Not below 10^38.
    Big(UBig),
}

impl Default for Coeff {
    fn default() -> Self {
        Coeff::Small(0)
    }
}

impl From<u128> for Coeff {
    #[inline]
    fn from(v: u128) -> Self {
        if v < POW10[38] {
            Coeff::Small(v)
        } else {
            Coeff::Big(UBig::from(v))
        }
    }
}

impl From<UBig> for Coeff {
    #[inline]
    fn from(v: UBig) -> Self {
        match u128::try_from(&v) {
            Ok(small) if small < POW10[38] => Coeff::Small(small),
            _ => Coeff::Big(v),
        }
    }
}

impl PartialOrd for Coeff {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Coeff {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Coeff::Small(a), Coeff::Small(b)) => a.cmp(b),
            (Coeff::Small(_), Coeff::Big(_)) => Ordering::Less,
            (Coeff::Big(_), Coeff::Small(_)) => Ordering::Greater,
            (Coeff::Big(a), Coeff::Big(b)) => a.cmp(b),
        }
    }
}

impl Coeff {
    pub const ZERO: Coeff = Coeff::Small(0);
    pub const ONE: Coeff = Coeff::Small(1);

    #[inline]
    pub fn is_zero(&self) -> bool {
        matches!(self, Coeff::Small(0))
    }

    pub fn to_ubig(&self) -> UBig {
        match self {
            Coeff::Small(v) => UBig::from(*v),
            Coeff::Big(v) => v.clone(),
        }
    }

    pub fn to_ibig(&self) -> IBig {
        IBig::from(self.to_ubig())
    }

    /// The count of decimal digits; zero has one.
    #[inline]
    pub fn digits(&self) -> u64 {
        match self {
            Coeff::Small(v) => small_digits(*v),
            Coeff::Big(v) => big_digits(v),
        }
    }

    /// The last digit.
    #[inline]
    pub fn last_digit(&self) -> u8 {
        match self {
            Coeff::Small(v) => match u64::try_from(*v) {
                Ok(word) => (word % 10) as u8,
                Err(_) => (v % 10) as u8,
            },
            Coeff::Big(v) => v % 10u8,
        }
    }

    #[inline]
    pub fn is_odd(&self) -> bool {
        match self {
            Coeff::Small(v) => v & 1 == 1,
            Coeff::Big(v) => v.bit(0),
        }
    }

    /// `self * 10^n`.
    #[inline]
    pub fn shl(&self, n: u64) -> Option<Coeff> {
        if n == 0 || self.is_zero() {
            return Some(self.clone());
        }
        if let Coeff::Small(v) = self
            && n < SMALL_DIGITS
            && let Some(p) = v.checked_mul(POW10[n as usize])
        {
            return Some(Coeff::from(p));
        }
        if n.saturating_add(self.digits()) > MAX_DIGITS {
            return None;
        }
        Some(Coeff::from(times_pow10(self.to_ubig(), n)))
    }

    /// `self / 10^n` and what that discards.
    #[inline]
    pub fn shr(&self, n: u64) -> (Coeff, Rest) {
        match self {
            _ if n == 0 => (self.clone(), Rest::Zero),
            Coeff::Small(0) => (Coeff::ZERO, Rest::Zero),
            Coeff::Small(_) if n > SMALL_DIGITS => (Coeff::ZERO, Rest::Less),
            Coeff::Small(v) => {
                let (q, r) = div_pow10(*v, n as usize);
                (Coeff::Small(q), Rest::of_small(r, POW10[n as usize]))
            }
            Coeff::Big(v) => {
                if n > big_digits(v) {
                    return (Coeff::ZERO, Rest::Less);
                }
                let p = pow10(n);
                let (q, r) = bigint::division::div_rem(v, &p);
                let rest = Rest::of_big(&r, &p);
                (Coeff::from(q), rest)
            }
        }
    }

    /// `self % 10^n`.
    pub fn low_digits(&self, n: u64) -> Coeff {
        if n >= self.digits() {
            return self.clone();
        }
        match self {
            Coeff::Small(_) if n == 0 => Coeff::ZERO,
            Coeff::Small(v) => Coeff::Small(div_pow10(*v, n.min(38) as usize).1),
            Coeff::Big(v) => Coeff::from(bigint::division::div_rem(v, &pow10(n)).1),
        }
    }

    #[inline]
    pub fn add(&self, other: &Coeff) -> Coeff {
        match (self, other) {
            // Both below 10^38: the sum fits.
            (Coeff::Small(a), Coeff::Small(b)) => Coeff::from(a + b),
            _ => Coeff::from(self.to_ubig() + other.to_ubig()),
        }
    }

    /// The difference, `other` being the smaller.
    #[inline]
    pub fn sub(&self, other: &Coeff) -> Coeff {
        match (self, other) {
            (Coeff::Small(a), Coeff::Small(b)) => Coeff::Small(a.saturating_sub(*b)),
            _ if self < other => Coeff::ZERO,
            _ => Coeff::from(self.to_ubig() - other.to_ubig()),
        }
    }

    #[inline]
    pub fn mul(&self, other: &Coeff) -> Option<Coeff> {
        if let (Coeff::Small(a), Coeff::Small(b)) = (self, other) {
            if let Some(p) = a.checked_mul(*b) {
                return Some(Coeff::from(p));
            }
        } else if self.digits().saturating_add(other.digits()) > MAX_DIGITS {
            return None;
        }
        match (self, other) {
            (Coeff::Big(a), Coeff::Big(b)) => Some(Coeff::from(bigint::ntt::mul(a, b))),
            _ => Some(Coeff::from(self.to_ubig() * other.to_ubig())),
        }
    }

    /// Quotient and remainder; a zero divisor counts as one.
    pub fn div_rem(&self, other: &Coeff) -> (Coeff, Coeff) {
        match (self, other) {
            (_, Coeff::Small(0)) => (self.clone(), Coeff::ZERO),
            (Coeff::Small(a), Coeff::Small(b)) => {
                if let (Ok(a), Ok(b)) = (u64::try_from(*a), u64::try_from(*b)) {
                    return (
                        Coeff::Small(u128::from(a / b)),
                        Coeff::Small(u128::from(a % b)),
                    );
                }
                (Coeff::Small(a / b), Coeff::Small(a % b))
            }
            (Coeff::Small(_), Coeff::Big(_)) => (Coeff::ZERO, self.clone()),
            _ => {
                let (q, r) = bigint::division::div_rem(&self.to_ubig(), &other.to_ubig());
                (Coeff::from(q), Coeff::from(r))
            }
        }
    }

    /// Zeros at the end; none for zero.
    pub fn trailing_zeros(&self) -> u64 {
        self.strip_zeros(u64::MAX).1
    }

    /// The coefficient without up to `limit` zeros at its end, and how many those were.
    pub fn strip_zeros(&self, limit: u64) -> (Coeff, u64) {
        let mut count = 0;
        match self {
            Coeff::Small(0) => (Coeff::ZERO, 0),
            Coeff::Small(v) => {
                let mut v = *v;
                while count + 16 <= limit && v % POW10[16] == 0 {
                    v /= POW10[16];
                    count += 16;
                }
                if let Ok(mut word) = u64::try_from(v) {
                    while count < limit && word % 10 == 0 {
                        word /= 10;
                        count += 1;
                    }
                    return (Coeff::Small(u128::from(word)), count);
                }
                while count < limit && v % 10 == 0 {
                    v /= 10;
                    count += 1;
                }
                (Coeff::Small(v), count)
            }
            Coeff::Big(v) => {
                // 2^k must divide the number for 10^k to do so.
                let bound = (v.trailing_zeros().unwrap_or(0) as u64).min(limit);
                let mut value = v.clone();
                let mut step = bound.max(1).next_power_of_two();
                while step > 0 {
                    if count + step <= bound {
                        let (q, r) = bigint::division::div_rem(&value, &pow10(step));
                        if r.is_zero() {
                            value = q;
                            count += step;
                        }
                    }
                    step /= 2;
                }
                (Coeff::from(value), count)
            }
        }
    }

    /// The decimal text, in `room` where it is short.
    pub fn text_in<'a>(&self, room: &'a mut [u8; 40]) -> Cow<'a, str> {
        let Coeff::Small(v) = self else {
            return Cow::Owned(self.to_text());
        };
        let mut start = room.len();
        let mut put = |mut word: u64, least: usize| {
            let end = start - least;
            while word > 0 || start > end {
                start -= 1;
                room[start] = b'0' + (word % 10) as u8;
                word /= 10;
            }
        };
        match u64::try_from(*v) {
            Ok(word) => put(word, 1),
            Err(_) => {
                let (high, low) = div_pow10(*v, 19);
                put(low as u64, 19);
                put(high as u64, 1);
            }
        }
        String::from_utf8_lossy(&room[start..])
    }

    /// The decimal text.
    pub fn to_text(&self) -> String {
        match self {
            Coeff::Small(v) => match u64::try_from(*v) {
                Ok(word) => word.to_string(),
                Err(_) => v.to_string(),
            },
            Coeff::Big(v) => bigint::to_decimal(&IBig::from(v.clone())),
        }
    }

    /// The number that a text of ASCII digits writes.
    pub fn from_digits(text: &[u8]) -> Option<Coeff> {
        if text.len() <= SMALL_DIGITS as usize {
            if text.len() <= 19 {
                let word = text
                    .iter()
                    .fold(0u64, |v, d| v * 10 + u64::from(d.wrapping_sub(b'0') & 15));
                return Some(Coeff::Small(u128::from(word)));
            }
            let word = text
                .iter()
                .fold(0u128, |v, d| v * 10 + u128::from(d.wrapping_sub(b'0') & 15));
            return Some(Coeff::Small(word));
        }
        if text.len() as u64 > MAX_DIGITS {
            return None;
        }
        let value = bigint::parse(text, 10, 0).ok()?;
        Some(Coeff::from(UBig::try_from(value).ok()?))
    }

    /// The integer square root, and whether it is exact.
    pub fn isqrt(&self) -> (Coeff, bool) {
        let value = self.to_ubig();
        let root = value.sqrt();
        let exact = &root * &root == value;
        (Coeff::from(root), exact)
    }
}

/// Digits of a big number: from its bits, with a comparison only where they do not decide.
fn big_digits(v: &UBig) -> u64 {
    /// log10(2) * 2^64, rounded down.
    const LOG: u128 = 5_553_023_288_523_357_132;
    let bits = v.bit_len() as u128;
    let low = (bits.saturating_sub(1) * LOG) >> 64;
    let high = (bits * (LOG + 1)) >> 64;
    if low == high {
        return low as u64 + 1;
    }
    let power = low as u64 + 1;
    let reached = match cmp_leading(v, power) {
        Ordering::Equal => *v >= *pow10(power),
        different => different == Ordering::Greater,
    };
    power + u64::from(reached)
}

/// How a number compares with 10^n as far as the leading bits tell: `Equal` if they do not.
fn cmp_leading(v: &UBig, n: u64) -> Ordering {
    /// Factors below 2^31 of a power are wrong by less than this many units of its leading 128 bits.
    const WRONG: u128 = 1 << 40;
    if n >= 1 << 31 {
        return Ordering::Equal;
    }
    // 10^n, rounded down, is mantissa * 2^exponent with the mantissa's first bit set.
    let (mut mantissa, mut exponent) = (1u128 << 127, -127i64);
    let (ten, ten_exponent) = (10u128 << 124, -124i64);
    let product = |(a, e): (u128, i64), (b, f): (u128, i64)| {
        let (low, high) = mul_wide(a, b);
        let shift = high.leading_zeros();
        let fill = low.checked_shr(128 - shift).unwrap_or(0);
        (high << shift | fill, e + f + 128 - i64::from(shift))
    };
    for bit in (0..64 - n.leading_zeros()).rev() {
        (mantissa, exponent) = product((mantissa, exponent), (mantissa, exponent));
        if n >> bit & 1 == 1 {
            (mantissa, exponent) = product((mantissa, exponent), (ten, ten_exponent));
        }
    }
    let bits = v.bit_len() as i64;
    let by_bits = bits.cmp(&(exponent + 128));
    if by_bits != Ordering::Equal || bits < 128 {
        // A mantissa of ones only could be the next power of two.
        return if mantissa > u128::MAX - WRONG || bits < 128 {
            Ordering::Equal
        } else {
            by_bits
        };
    }
    let top = v >> (bits - 128) as usize;
    let Ok(top) = u128::try_from(&top) else {
        return Ordering::Equal;
    };
    if top.abs_diff(mantissa) <= WRONG {
        Ordering::Equal
    } else {
        top.cmp(&mantissa)
    }
}

/// The number of digits of an integer (1 for zero).
pub fn ubig_digits(v: &UBig) -> u64 {
    match u128::try_from(v) {
        Ok(small) if small < POW10[38] => small_digits(small),
        _ => big_digits(v),
    }
}
