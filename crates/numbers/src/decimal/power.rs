//! Powers of decimal numbers, with and without a modulus.
//!
//! An integer exponent multiplies by squaring with a few digits more than the precision, any other one goes through
//! `exp(y ln x)`. Results of the latter always count as inexact and fill the precision.
//! CPython: `mpd_qpow`, `mpd_qpowmod` in Modules/_decimal/libmpdec/mpdecimal.c.

use super::*;
use dashu_int::fast_div::ConstDivisor;

/// Digits added for exponents of 64 bits, as libmpdec counts them.
const EXP_DIGITS: i64 = 19;

/// `a ** b`.
pub fn power(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    let integral = b.is_integer();
    let negative = integral && a.negative && b.is_odd();
    if let Some(special) = power_special(a, b, integral, negative, ctx, status) {
        return special;
    }
    match compare::order(&a.copy_abs(), &Decimal::ONE) {
        std::cmp::Ordering::Equal => return power_of_one(a, b, integral, negative, ctx, status),
        size => {
            if let Some(result) = out_of_bounds(a, b, size.is_gt(), negative, ctx, status) {
                return result;
            }
        }
    }
    if integral {
        return power_int(a, b, negative, ctx, status);
    }
    let mut raised = 0;
    let work = Context {
        prec: (a.coeff.digits() as i64).max(ctx.prec) + 4 + EXP_DIGITS,
        ..Context::MAX
    };
    let log = ln(a, &work, &mut raised);
    let product = mul(&log, b, &work, &mut raised);
    let mut result = exp(&product, &work, &mut raised);
    *status |= raised & ERRORS | INEXACT | ROUNDED;
    if raised & ERRORS != 0 {
        return Decimal::nan();
    }
    if result.is_infinite() {
        result = Decimal::new(false, Coeff::ONE, MAX_EMAX + 1);
    } else if compare::order(&result, &Decimal::ONE).is_eq() {
        return full_one(false, ctx.prec - 1, status);
    }
    finalize(result, ctx, status)
}

/// 1 with so many zeros after the point.
fn full_one(negative: bool, zeros: i64, status: &mut u32) -> Decimal {
    match Coeff::ONE.shl(zeros as u64) {
        Some(coeff) => Decimal::new(negative, coeff, -zeros),
        None => no_memory(status),
    }
}

/// Zeros, infinities and negative bases.
fn power_special(
    a: &Decimal,
    b: &Decimal,
    integral: bool,
    negative: bool,
    ctx: &Context,
    status: &mut u32,
) -> Option<Decimal> {
    if a.is_zero() {
        return Some(if b.is_zero() {
            error(INVALID_OPERATION, status)
        } else if b.negative {
            Decimal::infinity(negative)
        } else {
            Decimal::zero(negative, 0)
        });
    }
    if a.negative && (!integral || b.is_infinite()) {
        return Some(error(INVALID_OPERATION, status));
    }
    if b.is_infinite() {
        let size = compare::order(a, &Decimal::ONE);
        if size.is_eq() {
            *status |= INEXACT | ROUNDED;
            return Some(full_one(negative, ctx.prec - 1, status));
        }
        return Some(if size.is_gt() == b.negative {
            Decimal::zero(negative, 0)
        } else {
            Decimal::infinity(negative)
        });
    }
    if a.is_infinite() {
        return Some(if b.is_zero() {
            Decimal::new(negative, Coeff::ONE, 0)
        } else if b.negative {
            Decimal::zero(negative, 0)
        } else {
            Decimal::infinity(negative)
        });
    }
    b.is_zero().then(|| Decimal::new(negative, Coeff::ONE, 0))
}

/// Powers of 1 and -1 with their zeros.
fn power_of_one(
    a: &Decimal,
    b: &Decimal,
    integral: bool,
    negative: bool,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    if !integral {
        *status |= INEXACT | ROUNDED;
        return full_one(negative, ctx.prec - 1, status);
    }
    if b.negative {
        return Decimal::new(negative, Coeff::ONE, 0);
    }
    // 1.00 ** 3 == 1.000000
    let zeros = IBig::from(a.exp.unsigned_abs());
    let room = ctx.prec - 1;
    let wanted = if a.exp >= 0 {
        Some(0)
    } else if b.adjusted() > 20 {
        None
    } else {
        b.to_int()
            .and_then(|n| bigint::to_i64(&(n * zeros)))
            .filter(|n| *n <= room)
    };
    let zeros = wanted.unwrap_or_else(|| {
        *status |= ROUNDED;
        room
    });
    full_one(negative, zeros, status)
}

/// Results that certainly overflow or underflow.
fn out_of_bounds(
    a: &Decimal,
    b: &Decimal,
    large: bool,
    negative: bool,
    ctx: &Context,
    status: &mut u32,
) -> Option<Decimal> {
    let length = |n: i64| n.unsigned_abs().to_string().len() as i64;
    let bound = log10_bound(a) + b.adjusted();
    if large != b.negative {
        if bound >= length(ctx.emax) {
            let huge = Decimal::new(negative, Coeff::ONE, ctx.emax + 1);
            return Some(finalize(huge, ctx, status));
        }
    } else if bound >= length(ctx.etiny()) {
        let tiny = Decimal::new(negative, Coeff::ONE, ctx.etiny() - 1);
        return Some(finalize(tiny, ctx, status));
    }
    None
}

/// A lower bound of the exponent of |log10 |a||'s first digit, |a| not being 1.
fn log10_bound(a: &Decimal) -> i64 {
    let adjusted = a.adjusted();
    if adjusted >= 1 || adjusted <= -2 {
        let least = if adjusted >= 1 {
            adjusted
        } else {
            -1 - adjusted
        };
        return least.to_string().len() as i64 - 1;
    }
    let Some(one) = Coeff::ONE.shl(a.exp.min(0).unsigned_abs()) else {
        return -1;
    };
    let difference = if a.coeff > one {
        a.coeff.sub(&one)
    } else {
        one.sub(&a.coeff)
    };
    // |log10(1 + d)| > |d| / 30 for 0.1 <= 1 + d < 10
    difference.digits() as i64 + a.exp.min(0) - 3
}

/// An integer exponent.
fn power_int(a: &Decimal, b: &Decimal, negative: bool, ctx: &Context, status: &mut u32) -> Decimal {
    let mut work = Context {
        prec: ctx.prec + b.coeff.digits() as i64 + b.exp + 2,
        round: Round::HalfEven,
        clamp: false,
        ..*ctx
    };
    let base = if b.negative {
        work.prec += 1;
        let mut raised = 0;
        let inverse = div(&Decimal::ONE, a, &work, &mut raised);
        *status |= raised;
        if raised & ERRORS != 0 {
            return Decimal::nan();
        }
        inverse
    } else {
        a.clone()
    };
    let Some(n) = b.to_int() else {
        return no_memory(status);
    };
    let mut result = square_and_multiply(&base, &n.unsigned_abs(), &work, status);
    result.negative = negative;
    if result.is_infinite() {
        result = Decimal::new(negative, Coeff::ONE, MAX_EMAX + 1);
    }
    finalize(result, ctx, status)
}

fn square_and_multiply(base: &Decimal, n: &UBig, ctx: &Context, status: &mut u32) -> Decimal {
    use dashu_int::ops::BitTest;
    let mut result = base.clone();
    for bit in (0..n.bit_len().saturating_sub(1)).rev() {
        result = mul(&result, &result, ctx, status);
        if n.bit(bit) {
            result = mul(&result, base, ctx, status);
        }
        if !result.is_finite() || (result.coeff.is_zero() && *status & CLAMPED != 0) {
            break;
        }
    }
    result
}

/// `a ** b % m` of integers.
pub fn power_modulo(
    a: &Decimal,
    b: &Decimal,
    m: &Decimal,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    if let Some(nan) = check_nans(&[a, b, m], ctx, status) {
        return nan;
    }
    let invalid = !a.is_integer()
        || !b.is_integer()
        || !m.is_integer()
        || m.is_zero()
        || b.negative && !b.is_zero()
        || (a.is_zero() && b.is_zero())
        || m.adjusted() >= ctx.prec;
    if invalid {
        return error(INVALID_OPERATION, status);
    }
    let negative = a.negative && b.is_odd();
    let (Some(modulus), Some(exponent)) = (m.to_int(), b.to_int()) else {
        return no_memory(status);
    };
    let modulus = modulus.unsigned_abs();
    let of_one = modulus.is_one();
    let ring = ConstDivisor::new(modulus);
    // The base may have a large exponent: its digits are never written out.
    let base = if a.exp > 0 {
        let ten = ring.reduce(UBig::from(10u8)).pow(&UBig::from(a.exp as u64));
        ring.reduce(a.coeff.to_ubig()) * ten
    } else {
        match a.to_int() {
            Some(n) => ring.reduce(n.unsigned_abs()),
            None => return no_memory(status),
        }
    };
    // Anything to the power of zero is one, but for this modulus.
    let residue = match of_one {
        true => UBig::ZERO,
        false => base.pow(&exponent.unsigned_abs()).residue(),
    };
    let result = Decimal::new(negative, Coeff::from(residue), 0);
    finalize(result, ctx, status)
}
