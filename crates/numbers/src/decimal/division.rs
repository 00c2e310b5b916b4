//! Quotients and remainders of decimal numbers.
//!
//! `div` computes one digit more than the precision, the last made sticky; an exact quotient is brought towards the
//! ideal exponent. The integer operations need quotients within the precision and fail with DivisionImpossible else.
//! CPython: `_mpd_qdiv`, `_mpd_qdivmod`, `mpd_qrem_near` in Modules/_decimal/libmpdec/mpdecimal.c.

use super::coeff::{self, Coeff, POW10};
use super::*;

/// Precisions beyond this are tried with what an exact quotient needs first.
const LONG_PREC: i64 = 10_000;

/// `a / b`.
pub fn div(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    let negative = a.negative != b.negative;
    if let (Some(x @ 1..), Some(y @ 1..)) = (word(a), word(b))
        && let Some(quotient) = div_words(x, y, negative, a.exp - b.exp, ctx, status)
    {
        return quotient;
    }
    if !a.is_finite() || !b.is_finite() {
        if let Some(nan) = check_nans(&[a, b], ctx, status) {
            return nan;
        }
        return match (a.is_infinite(), b.is_infinite()) {
            (true, true) => error(INVALID_OPERATION, status),
            (true, false) => Decimal::infinity(negative),
            _ => {
                *status |= CLAMPED;
                Decimal::zero(negative, ctx.etiny())
            }
        };
    }
    if b.coeff.is_zero() {
        if a.coeff.is_zero() {
            return error(DIVISION_UNDEFINED, status);
        }
        *status |= DIVISION_BY_ZERO;
        return Decimal::infinity(negative);
    }
    let ideal = a.exp - b.exp;
    if a.coeff.is_zero() {
        return finalize(Decimal::zero(negative, ideal), ctx, status);
    }
    let (a_digits, b_digits) = (a.coeff.digits() as i64, b.coeff.digits() as i64);
    let bound = a_digits.saturating_add(b_digits.saturating_mul(4));
    if ctx.prec > LONG_PREC && ctx.prec > bound {
        let mut raised = 0;
        let short = Context {
            prec: bound,
            ..*ctx
        };
        let result = div_to(a, b, negative, ideal, &short, &mut raised);
        if raised & (INEXACT | MALLOC_ERROR) == 0 {
            return finalize(result, ctx, status);
        }
    }
    let quotient = div_to(a, b, negative, ideal, ctx, status);
    finalize(quotient, ctx, status)
}

/// The quotient of non-zero numbers with enough digits and a sticky last one. An inexact one raises INEXACT.
fn div_to(
    a: &Decimal,
    b: &Decimal,
    negative: bool,
    ideal: i64,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    let shift = b.coeff.digits() as i64 - a.coeff.digits() as i64 + ctx.prec + 1;
    let mut exp = ideal - shift;
    let (mut quotient, exact) = if let Some(fast) = div_small(&a.coeff, &b.coeff, shift) {
        fast
    } else {
        let shifted = if shift >= 0 {
            a.coeff.shl(shift as u64).map(|n| n.div_rem(&b.coeff))
        } else {
            b.coeff
                .shl(shift.unsigned_abs())
                .map(|d| a.coeff.div_rem(&d))
        };
        match shifted {
            Some((q, r)) => (q, r.is_zero()),
            None => return no_memory(status),
        }
    };
    if exact {
        if exp < ideal {
            let (stripped, zeros) = quotient.strip_zeros((ideal - exp) as u64);
            quotient = stripped;
            exp += zeros as i64;
        }
    } else {
        *status |= INEXACT;
        if quotient.last_digit() % 5 == 0 {
            quotient = quotient.add(&Coeff::ONE);
        }
    }
    Decimal::new(negative, quotient, exp)
}

/// The quotient of words, neither of them zero, where what is divided is small.
#[inline]
fn div_words(
    x: u64,
    y: u64,
    negative: bool,
    ideal: i64,
    ctx: &Context,
    status: &mut u32,
) -> Option<Decimal> {
    let digits = |word: u64| coeff::small_digits(u128::from(word)) as i64;
    let shift = digits(y) - digits(x) + ctx.prec + 1;
    let power = *POW10.get(usize::try_from(shift).ok()?)?;
    let scaled = u128::from(x).checked_mul(power)?;
    let (mut quotient, rest) = div_by_word(scaled, y);
    let mut exp = ideal - shift;
    if rest == 0 {
        while exp < ideal {
            let (q, r) = div_by_word(quotient, 10);
            if r != 0 {
                break;
            }
            quotient = q;
            exp += 1;
        }
        return finish_small(negative, quotient, exp, ctx, status);
    }
    if quotient % 5 == 0 {
        quotient += 1;
    }
    let finished = finish_small(negative, quotient, exp, ctx, status)?;
    *status |= INEXACT;
    Some(finished)
}

/// Quotient and remainder of 128 bits by a word.
#[inline(always)]
fn div_by_word(n: u128, d: u64) -> (u128, u64) {
    match u64::try_from(n) {
        Ok(n) => (u128::from(n / d), n % d),
        Err(_) => {
            let d = u128::from(d);
            (n / d, (n % d) as u64)
        }
    }
}

/// The quotient by a divisor of one machine word, and whether it is exact.
fn div_small(a: &Coeff, b: &Coeff, shift: i64) -> Option<(Coeff, bool)> {
    let (Coeff::Small(a), Coeff::Small(b)) = (a, b) else {
        return None;
    };
    let b = u64::try_from(*b).ok()?;
    let power = *POW10.get(usize::try_from(shift).ok()?)?;
    let ((low, high), r) = coeff::div_wide(coeff::mul_wide(*a, power), b);
    (high == 0 && b > 0).then(|| (Coeff::from(low), r == 0))
}

/// Integer quotient and remainder of finite numbers, the divisor not zero.
fn divide_integers(
    a: &Decimal,
    b: &Decimal,
    ctx: &Context,
    status: &mut u32,
) -> Option<(Decimal, Decimal)> {
    let negative = a.negative != b.negative;
    let ideal = a.exp.min(b.exp);
    let distance = a.adjusted() - b.adjusted();
    if a.coeff.is_zero() || distance <= -2 {
        let mut ignored = 0;
        let Some(rest) = arith::rescale_raw(a, ideal, ctx.round, &mut ignored) else {
            *status |= MALLOC_ERROR;
            return None;
        };
        return Some((Decimal::zero(negative, 0), rest));
    }
    if distance > ctx.prec {
        *status |= DIVISION_IMPOSSIBLE;
        return None;
    }
    let Some((x, y)) = align(a, b) else {
        *status |= MALLOC_ERROR;
        return None;
    };
    let (q, r) = x.div_rem(&y);
    if q.digits() as i64 > ctx.prec {
        *status |= DIVISION_IMPOSSIBLE;
        return None;
    }
    Some((
        Decimal::new(negative, q, 0),
        Decimal::new(a.negative, r, ideal),
    ))
}

/// Both coefficients at the smaller exponent.
fn align(a: &Decimal, b: &Decimal) -> Option<(Coeff, Coeff)> {
    if a.exp >= b.exp {
        Some((a.coeff.shl((a.exp - b.exp) as u64)?, b.coeff.clone()))
    } else {
        Some((a.coeff.clone(), b.coeff.shl((b.exp - a.exp) as u64)?))
    }
}

/// `a // b`, cut towards zero.
pub fn div_int(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    let negative = a.negative != b.negative;
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    match (a.is_infinite(), b.is_infinite()) {
        (true, true) => return error(INVALID_OPERATION, status),
        (true, false) => return Decimal::infinity(negative),
        (false, true) => return Decimal::zero(negative, 0),
        _ => {}
    }
    if b.coeff.is_zero() {
        if a.coeff.is_zero() {
            return error(DIVISION_UNDEFINED, status);
        }
        *status |= DIVISION_BY_ZERO;
        return Decimal::infinity(negative);
    }
    match divide_integers(a, b, ctx, status) {
        Some((q, _)) => finalize(q, ctx, status),
        None => Decimal::nan(),
    }
}

/// The remainder, with the sign of `a`.
pub fn rem(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return error(INVALID_OPERATION, status);
    }
    if b.is_infinite() {
        return finalize(a.clone(), ctx, status);
    }
    if b.coeff.is_zero() {
        let bits = if a.coeff.is_zero() {
            DIVISION_UNDEFINED
        } else {
            INVALID_OPERATION
        };
        return error(bits, status);
    }
    match divide_integers(a, b, ctx, status) {
        Some((_, r)) => finalize(r, ctx, status),
        None => Decimal::nan(),
    }
}

/// `div_int` and `rem` at once.
pub fn div_mod(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> (Decimal, Decimal) {
    let negative = a.negative != b.negative;
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return (nan.clone(), nan);
    }
    if a.is_infinite() {
        *status |= INVALID_OPERATION;
        let q = if b.is_infinite() {
            Decimal::nan()
        } else {
            Decimal::infinity(negative)
        };
        return (q, Decimal::nan());
    }
    if b.is_infinite() {
        return (Decimal::zero(negative, 0), finalize(a.clone(), ctx, status));
    }
    if b.coeff.is_zero() {
        if a.coeff.is_zero() {
            *status |= DIVISION_UNDEFINED;
            return (Decimal::nan(), Decimal::nan());
        }
        *status |= DIVISION_BY_ZERO | INVALID_OPERATION;
        return (Decimal::infinity(negative), Decimal::nan());
    }
    match divide_integers(a, b, ctx, status) {
        Some((q, r)) => (finalize(q, ctx, status), finalize(r, ctx, status)),
        None => (Decimal::nan(), Decimal::nan()),
    }
}

/// The remainder of the quotient rounded to the nearest integer.
pub fn rem_near(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return error(INVALID_OPERATION, status);
    }
    if b.is_infinite() {
        return finalize(a.clone(), ctx, status);
    }
    if b.coeff.is_zero() {
        let bits = if a.coeff.is_zero() {
            DIVISION_UNDEFINED
        } else {
            INVALID_OPERATION
        };
        return error(bits, status);
    }
    let ideal = a.exp.min(b.exp);
    if a.coeff.is_zero() {
        return finalize(Decimal::zero(a.negative, ideal), ctx, status);
    }
    let distance = a.adjusted() - b.adjusted();
    if distance > ctx.prec {
        return error(DIVISION_IMPOSSIBLE, status);
    }
    if distance <= -2 {
        let mut ignored = 0;
        return match arith::rescale_raw(a, ideal, ctx.round, &mut ignored) {
            Some(rest) => finalize(rest, ctx, status),
            None => no_memory(status),
        };
    }
    let Some((x, y)) = align(a, b) else {
        return no_memory(status);
    };
    let (mut q, mut r) = x.div_rem(&y);
    let mut negative = a.negative;
    let twice = r.add(&r);
    if twice > y || (twice == y && q.is_odd()) {
        r = y.sub(&r);
        q = q.add(&Coeff::ONE);
        negative = !negative;
    }
    if q.digits() as i64 > ctx.prec {
        return error(DIVISION_IMPOSSIBLE, status);
    }
    finalize(Decimal::new(negative, r, ideal), ctx, status)
}
