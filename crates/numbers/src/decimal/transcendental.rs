//! `exp`, `ln` and `log10`, correctly rounded to the nearest even.
//!
//! Everything runs in binary fixed point: an exponential is a Taylor series after halving the argument, a logarithm is a
//! float's logarithm corrected by a short atanh series, and ln 10 comes from three arctangents and is kept. A result with
//! an error below one unit of a place beyond the precision is rounded only when that unit cannot change the digit;
//! otherwise the computation is repeated with more places. CPython: `mpd_qexp`, `mpd_qln`, `mpd_qlog10` in
//! Modules/_decimal/libmpdec/mpdecimal.c.

use super::coeff::{Coeff, pow10, ubig_digits};
use super::*;
use dashu_int::ops::DivRem;
use std::cell::RefCell;

thread_local! {
    /// ln 10 with the most bits asked for so far.
    static LN10: RefCell<(usize, IBig)> = const { RefCell::new((0, IBig::ZERO)) };
}

/// Precisions beyond this are refused as C's memory would refuse them.
const MAX_PLACES: i64 = 10_000_000;

/// Bits that hold so many decimal places.
fn bits_of(places: i64) -> usize {
    (places.max(1) as u128 * 33220 / 10000) as usize + 2
}

/// atanh(1/n) with `bits` fractional bits.
fn atanh_inverse(n: u32, bits: usize) -> IBig {
    let square = IBig::from(n * n);
    let mut term = (IBig::ONE << bits) / n;
    let mut sum = term.clone();
    let mut k = 3u32;
    loop {
        term /= &square;
        if term.is_zero() {
            return sum;
        }
        sum += &term / k;
        k += 2;
    }
}

/// ln 10 with `bits` fractional bits, a few units off at most.
fn ln10(bits: usize) -> IBig {
    LN10.with(|cache| {
        if let Ok(cache) = cache.try_borrow()
            && cache.0 >= bits
        {
            return &cache.1 >> (cache.0 - bits);
        }
        let work = bits + bits / 4 + 64;
        let value: IBig = atanh_inverse(31, work) * 46
            + atanh_inverse(49, work) * 34
            + atanh_inverse(161, work) * 20;
        let kept = work - 32;
        let value: IBig = value >> 32usize;
        let result = &value >> (kept - bits);
        if let Ok(mut cache) = cache.try_borrow_mut() {
            *cache = (kept, value);
        }
        result
    })
}

/// e^r for |r| < 8, argument and result with `bits` fractional bits.
fn exp_fixed(r: &IBig, bits: usize) -> IBig {
    let halvings = ((bits as f64).sqrt() as usize) / 2 + 6;
    let guard = halvings + 24;
    let work = bits + guard;
    let x: IBig = r.clone() << (guard - halvings);
    let one = IBig::ONE << work;
    let mut sum = &one + &x;
    let mut term = x.clone();
    let mut n = 2u32;
    loop {
        term = (term * &x) >> work;
        term /= n;
        // Shifts of negative numbers round down and so end at -1.
        if term.is_zero() || term == IBig::NEG_ONE {
            break;
        }
        sum += &term;
        n += 1;
    }
    for _ in 0..halvings {
        sum = sum.sqr_shift(work);
    }
    sum >> guard
}

trait SquareShift {
    fn sqr_shift(&self, bits: usize) -> IBig;
}

impl SquareShift for IBig {
    fn sqr_shift(&self, bits: usize) -> IBig {
        IBig::from(self.sqr()) >> bits
    }
}

/// ln y for 0.05 < y < 20, argument and result with `bits` fractional bits.
fn ln_fixed(y: &IBig, bits: usize) -> IBig {
    const GUARD: usize = 32;
    let work = bits + GUARD;
    let y: IBig = y.clone() << GUARD;
    // A float's idea of the logarithm.
    let drop = work.saturating_sub(62);
    let head: IBig = &y >> drop;
    let head = bigint::to_i128(&head).unwrap_or(1) as f64;
    let guess = (head.ln() - ((work - drop) as f64) * std::f64::consts::LN_2).clamp(-4.0, 4.0);
    let guess = (guess * f64::from(1u32 << 30) * f64::from(1u32 << 20)) as i64;
    let guess: IBig = IBig::from(guess) << (work - 50);
    let correction = exp_fixed(&-&guess, work);
    let one = IBig::ONE << work;
    let delta: IBig = ((y * correction) >> work) - &one;
    let u: IBig = (&delta << work) / ((&one << 1usize) + &delta);
    let square = u.sqr_shift(work);
    let mut term = u.clone();
    let mut sum = u;
    let mut k = 3u32;
    loop {
        term = (term * &square) >> work;
        if term.is_zero() || term == IBig::NEG_ONE {
            break;
        }
        sum += &term / k;
        k += 2;
    }
    (guess + (sum << 1usize)) >> GUARD
}

fn to_magnitude(v: &IBig) -> UBig {
    v.unsigned_abs()
}

/// Whether a value with an error of one unit rounds to `prec` digits safely.
fn decided(value: &UBig, prec: i64) -> bool {
    let surplus = ubig_digits(value) as i64 - prec - 1;
    if surplus < 0 {
        return false;
    }
    let unit = &*pow10(surplus as u64) * 5u8;
    !(value % unit).is_zero()
}

fn nearest_even(ctx: &Context) -> Context {
    Context {
        round: Round::HalfEven,
        ..*ctx
    }
}

/// `c * 10^e` with `bits` fractional bits, rounded down.
fn fixed(c: &UBig, e: i64, bits: usize) -> UBig {
    if e >= 0 {
        (c * &*pow10(e as u64)) << bits
    } else {
        (c << bits) / &*pow10(e.unsigned_abs())
    }
}

/// e^a.
pub fn exp(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return if a.negative { Decimal::ZERO } else { a.clone() };
    }
    if a.coeff.is_zero() {
        return Decimal::ONE;
    }
    let ctx = &nearest_even(ctx);
    let prec = ctx.prec;
    let adjusted = a.adjusted();
    let length = |n: i128| n.to_string().len() as i64;
    if !a.negative && adjusted > length((i128::from(ctx.emax) + 1) * 3) {
        return finalize(Decimal::new(false, Coeff::ONE, ctx.emax + 1), ctx, status);
    }
    if a.negative && adjusted > length((1 - i128::from(ctx.etiny())) * 3) {
        return finalize(
            Decimal::new(false, Coeff::ONE, ctx.etiny() - 1),
            ctx,
            status,
        );
    }
    if prec > MAX_PLACES {
        return no_memory(status);
    }
    if adjusted < -prec - 1 {
        // 1 with something far below its last digit.
        let Some(power) = Coeff::ONE.shl(prec as u64 + 1) else {
            return no_memory(status);
        };
        let coeff = if a.negative {
            power.sub(&Coeff::ONE)
        } else {
            power.add(&Coeff::ONE)
        };
        return finalize(Decimal::new(false, coeff, -prec - 1), ctx, status);
    }
    let mut places = prec + 3;
    loop {
        let (coeff, e) = exp_digits(a, places);
        if decided(&coeff, prec) {
            return finalize(Decimal::new(false, Coeff::from(coeff), e), ctx, status);
        }
        places += 3 + places / 8;
    }
}

/// About `places` digits of e^a, the last one good to a unit, and their exponent.
fn exp_digits(a: &Decimal, places: i64) -> (UBig, i64) {
    let bits = bits_of(places) + 24;
    // The integer part is below 10^21: its bits come on top for the reduction by ln 10.
    let whole = bits_of(a.adjusted().max(0) + 1);
    let wide = bits + whole + 8;
    let x = IBig::from(fixed(&a.coeff.to_ubig(), a.exp, wide));
    let x = if a.negative { -x } else { x };
    let log = ln10(wide);
    let (mut k, mut r) = x.div_rem(&log);
    if bigint::is_negative(&r) {
        r += &log;
        k -= IBig::ONE;
    }
    let value = exp_fixed(&(r >> (wide - bits)), bits);
    let digits: UBig = (to_magnitude(&value) * &*pow10(places as u64)) >> bits;
    let k = bigint::to_i64(&k).unwrap_or(0);
    (digits, k - places)
}

/// A lower bound of the exponent of |ln a|'s first digit, `a` being neither 1 nor 0.
fn ln_bound(a: &Decimal) -> i64 {
    let adjusted = a.adjusted();
    if adjusted >= 1 || adjusted <= -2 {
        let least = if adjusted >= 1 {
            adjusted
        } else {
            -1 - adjusted
        };
        return i128::from(least).to_string().len() as i64 - 1;
    }
    // |ln(1 + d)| >= |d| / 10 here.
    let one = pow10(a.exp.min(0).unsigned_abs());
    let value = a.coeff.to_ubig();
    let difference = if value > *one {
        value - &*one
    } else {
        &*one - value
    };
    ubig_digits(&difference) as i64 + a.exp.min(0) - 2
}

/// ln(a) = ln(y) + f ln 10 with 0.1 <= y < 10: y with `bits` fractional bits, and f.
fn split(a: &Decimal, bits: usize) -> (IBig, i64) {
    let adjusted = a.adjusted();
    let f = if adjusted >= 0 {
        adjusted
    } else {
        adjusted + 1
    };
    (IBig::from(fixed(&a.coeff.to_ubig(), a.exp - f, bits)), f)
}

/// Rounds what `compute(places)`, a function of `places` decimal places good to a unit, approaches.
fn approach(
    first_places: i64,
    ctx: &Context,
    status: &mut u32,
    compute: impl Fn(i64) -> IBig,
) -> Decimal {
    let mut places = first_places.max(1);
    loop {
        if places > MAX_PLACES {
            return no_memory(status);
        }
        let value = compute(places);
        let magnitude = to_magnitude(&value);
        if decided(&magnitude, ctx.prec) {
            let negative = bigint::is_negative(&value);
            return finalize(
                Decimal::new(negative, Coeff::from(magnitude), -places),
                ctx,
                status,
            );
        }
        places += 3 + places / 8;
    }
}

/// `value`, with `bits` fractional bits, in units of the last of so many decimal places.
fn to_places(value: &IBig, bits: usize, places: i64) -> IBig {
    (value * IBig::from((*pow10(places as u64)).clone())) >> bits
}

/// The operands whose logarithm needs no computation.
fn log_special(a: &Decimal, ctx: &Context, status: &mut u32) -> Option<Decimal> {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return Some(nan);
    }
    if a.is_zero() {
        return Some(Decimal::infinity(true));
    }
    if a.negative {
        return Some(error(INVALID_OPERATION, status));
    }
    a.is_infinite().then(|| a.clone())
}

/// The natural logarithm.
pub fn ln(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(special) = log_special(a, ctx, status) {
        return special;
    }
    if compare::order(a, &Decimal::ONE).is_eq() {
        return Decimal::ZERO;
    }
    let ctx = &nearest_even(ctx);
    let first = ctx.prec.saturating_sub(ln_bound(a)).saturating_add(3);
    approach(first, ctx, status, |places| {
        let bits = bits_of(places) + 80;
        let (y, f) = split(a, bits);
        let mut value = ln_fixed(&y, bits);
        if f != 0 {
            value += ln10(bits) * f;
        }
        to_places(&value, bits, places)
    })
}

/// The logarithm to base ten.
pub fn log10(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(special) = log_special(a, ctx, status) {
        return special;
    }
    let ctx = &nearest_even(ctx);
    if a.coeff.strip_zeros(u64::MAX).0 == Coeff::ONE {
        return finalize(Decimal::from_i64(a.adjusted()), ctx, status);
    }
    let first = ctx.prec.saturating_sub(ln_bound(a)).saturating_add(4);
    approach(first, ctx, status, |places| {
        let bits = bits_of(places) + 80;
        let (y, f) = split(a, bits);
        let value: IBig = (ln_fixed(&y, bits) << bits) / ln10(bits) + (IBig::from(f) << bits);
        to_places(&value, bits, places)
    })
}
