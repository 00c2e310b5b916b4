//! Sums, products, roots, quantization and the neighbours of decimal numbers.
//!
//! Each function computes exactly, or long enough that one sticky digit decides the rounding, and ends in `finalize`.
//! Exponents that lie far apart never lead to long shifts: the operand too small to matter is replaced by one unit below
//! the last digit that counts. CPython: Modules/_decimal/libmpdec/mpdecimal.c.

use super::coeff::{self, Coeff, POW10, Rest};
use super::*;

/// `a + b`.
#[inline]
pub fn add(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    add_signed(a, b, b.negative, ctx, status)
}

/// `a - b`.
#[inline]
pub fn sub(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    add_signed(a, b, !b.negative, ctx, status)
}

/// `a` plus the number of `b`'s magnitude with this sign.
fn add_signed(
    a: &Decimal,
    b: &Decimal,
    b_negative: bool,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    if let Some((x, y, exp)) = aligned(a, b) {
        let (negative, sum) = match a.negative == b_negative {
            true => (b_negative, x + y),
            false if x > y => (a.negative, x - y),
            // Zero has rules of its own.
            false => (b_negative, y - x),
        };
        if let Some(sum) = finish_small(negative, sum, exp, ctx, status) {
            return sum;
        }
    }
    if a.kind != Kind::Finite || b.kind != Kind::Finite {
        if let Some(nan) = check_nans(&[a, b], ctx, status) {
            return nan;
        }
        return match (a.is_infinite(), b.is_infinite()) {
            (true, true) if a.negative != b_negative => error(INVALID_OPERATION, status),
            (true, _) => a.clone(),
            _ => Decimal::infinity(b_negative),
        };
    }
    // The one with the larger exponent is shifted to the other's.
    let b_first = b.exp > a.exp;
    let (big, small) = if b_first { (b, a) } else { (a, b) };
    let (big_negative, small_negative) = if b_first {
        (b_negative, a.negative)
    } else {
        (a.negative, b_negative)
    };
    let aligned;
    let mut small_coeff = &small.coeff;
    let mut exp = small.exp;
    let tiny = Coeff::ONE;
    let big_coeff = if big.exp == small.exp {
        &big.coeff
    } else {
        if !big.coeff.is_zero() {
            let digits = big.coeff.digits() as i64;
            let floor = big.exp - 1 + (digits - ctx.prec - 1).min(0);
            if small.adjusted() < floor {
                exp = floor;
                if !small.coeff.is_zero() {
                    small_coeff = &tiny;
                }
            }
        }
        match big.coeff.shl((big.exp - exp) as u64) {
            Some(coeff) => aligned = coeff,
            None => return no_memory(status),
        }
        &aligned
    };
    let (negative, coeff) = if big_negative == small_negative {
        (big_negative, big_coeff.add(small_coeff))
    } else {
        match big_coeff.cmp(small_coeff) {
            std::cmp::Ordering::Equal => (ctx.round == Round::Floor, Coeff::ZERO),
            std::cmp::Ordering::Greater => (big_negative, big_coeff.sub(small_coeff)),
            std::cmp::Ordering::Less => (small_negative, small_coeff.sub(big_coeff)),
        }
    };
    finalize(Decimal::new(negative, coeff, exp), ctx, status)
}

/// `a * b`.
#[inline]
pub fn mul(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let (Some(x), Some(y)) = (word(a), word(b)) {
        let product = u128::from(x) * u128::from(y);
        let negative = a.negative != b.negative;
        if let Some(product) = finish_small(negative, product, a.exp + b.exp, ctx, status) {
            return product;
        }
    }
    if let (Kind::Finite, Kind::Finite, Coeff::Small(x), Coeff::Small(y)) =
        (a.kind, b.kind, &a.coeff, &b.coeff)
    {
        let negative = a.negative != b.negative;
        let exp = a.exp + b.exp;
        if let Some(product) = x.checked_mul(*y) {
            return finalize(
                Decimal::new(negative, Coeff::from(product), exp),
                ctx,
                status,
            );
        }
        if ctx.prec < 38 {
            let wide = coeff::mul_wide(*x, *y);
            let cut = coeff::wide_digits(wide) as i64 - ctx.prec;
            let (coeff, rest) = cut_wide(wide, cut.max(0) as u64);
            if cut > 0 {
                *status |= ROUNDED;
            }
            let result = Decimal::new(negative, Coeff::from(coeff), exp + cut.max(0));
            return finalize_rest(result, rest, ctx, status);
        }
    }
    match mul_exact(a, b, ctx, status) {
        Ok(exact) => finalize(exact, ctx, status),
        Err(special) => special,
    }
}

/// The leading part of a wide number after `cut` of its digits are gone; what is left must fit into a small coefficient.
fn cut_wide(wide: coeff::Wide, cut: u64) -> (u128, Rest) {
    let ten = |n: u64| POW10[n.min(19) as usize] as u64;
    let mut left = cut;
    let mut n = wide;
    let mut sticky = false;
    while left > 19 {
        let (q, r) = coeff::div_wide(n, ten(19));
        sticky |= r != 0;
        n = q;
        left -= 19;
    }
    if left == 0 {
        return (n.0, if sticky { Rest::Less } else { Rest::Zero });
    }
    let (q, r) = coeff::div_wide(n, ten(left));
    let rest = Rest::of_small(u128::from(r), u128::from(ten(left)));
    (q.0, rest.with_sticky(sticky))
}

/// The product before rounding, or a special result.
fn mul_exact(
    a: &Decimal,
    b: &Decimal,
    ctx: &Context,
    status: &mut u32,
) -> Result<Decimal, Decimal> {
    let negative = a.negative != b.negative;
    if !a.is_finite() || !b.is_finite() {
        if let Some(nan) = check_nans(&[a, b], ctx, status) {
            return Err(nan);
        }
        if a.is_zero() || b.is_zero() {
            return Err(error(INVALID_OPERATION, status));
        }
        return Err(Decimal::infinity(negative));
    }
    match a.coeff.mul(&b.coeff) {
        Some(coeff) => Ok(Decimal::new(negative, coeff, a.exp + b.exp)),
        None => Err(no_memory(status)),
    }
}

/// `a * b + c` with one rounding.
pub fn fma(a: &Decimal, b: &Decimal, c: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    let mut product_status = 0;
    let product = match mul_exact(a, b, ctx, &mut product_status) {
        Ok(exact) => exact,
        Err(special) => special,
    };
    *status |= product_status;
    if product_status & IEEE_INVALID != 0 {
        return product;
    }
    add(&product, c, ctx, status)
}

/// The operand under the context, as unary `+`.
pub fn plus(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    unary(a, a.negative, ctx, status)
}

/// Unary `-`.
pub fn minus(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    unary(a, !a.negative, ctx, status)
}

/// The absolute value under the context.
pub fn abs(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    finalize(a.copy_abs(), ctx, status)
}

fn unary(a: &Decimal, negative: bool, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    // A zero has no sign unless rounding is downwards.
    let negative = negative && (!a.is_zero() || ctx.round == Round::Floor);
    finalize(a.with_sign(negative), ctx, status)
}

/// The coefficient for another exponent, rounded; None for a need of absurd memory.
pub(crate) fn rescale_raw(
    a: &Decimal,
    exp: i64,
    round: Round,
    status: &mut u32,
) -> Option<Decimal> {
    if a.coeff.is_zero() {
        return Some(Decimal::zero(a.negative, exp));
    }
    if a.exp >= exp {
        let shift = a.exp.checked_sub(exp)?;
        return Some(Decimal::new(a.negative, a.coeff.shl(shift as u64)?, exp));
    }
    let shift = exp.saturating_sub(a.exp) as u64;
    let (mut coeff, rest) = a.coeff.shr(shift);
    *status |= ROUNDED;
    if rest != Rest::Zero {
        *status |= INEXACT;
        if round.increments(a.negative, || coeff.last_digit(), rest) {
            coeff = coeff.add(&Coeff::ONE);
        }
    }
    Some(Decimal::new(a.negative, coeff, exp))
}

/// `a` with the exponent of `b`.
pub fn quantize(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if b.is_finite()
        && let Some(result) = quantize_word(a, b.exp, ctx, status)
    {
        return result;
    }
    if !a.is_finite() || !b.is_finite() {
        if let Some(nan) = check_nans(&[a, b], ctx, status) {
            return nan;
        }
        if a.is_infinite() && b.is_infinite() {
            return a.clone();
        }
        return error(INVALID_OPERATION, status);
    }
    rescale_checked(a, b.exp, ctx, status)
}

/// [`rescale_checked`] of a coefficient of one word, far from the bounds of the exponent.
#[inline]
fn quantize_word(a: &Decimal, exp: i64, ctx: &Context, status: &mut u32) -> Option<Decimal> {
    let value = u128::from(word(a)?);
    if ctx.clamp || exp < ctx.emin || exp > ctx.emax - 80 || value == 0 {
        return None;
    }
    let (mut value, rest) = match exp.checked_sub(a.exp)? {
        0 => (value, None),
        shift @ -18..0 => (value * POW10[-shift as usize], None),
        shift @ 1..=30 => {
            let (value, rest) = coeff::div_pow10(value, shift as usize);
            (value, Some(Rest::of_small(rest, POW10[shift as usize])))
        }
        _ => return None,
    };
    let mut raised = 0;
    if let Some(rest) = rest {
        raised = ROUNDED;
        if rest != Rest::Zero {
            raised |= INEXACT;
            let last = || Coeff::Small(value).last_digit();
            value += u128::from(ctx.round.increments(a.negative, last, rest));
        }
    }
    if value >= *POW10.get(usize::try_from(ctx.prec).ok()?)? {
        return None;
    }
    *status |= raised;
    Some(Decimal::new(a.negative, Coeff::Small(value), exp))
}

/// `a` with this exponent, within the context.
fn rescale_checked(a: &Decimal, exp: i64, ctx: &Context, status: &mut u32) -> Decimal {
    if exp > ctx.emax || exp < ctx.etiny() {
        return error(INVALID_OPERATION, status);
    }
    if a.coeff.is_zero() {
        return finalize(Decimal::zero(a.negative, exp), ctx, status);
    }
    if a.adjusted().saturating_sub(exp) + 1 > ctx.prec {
        return error(INVALID_OPERATION, status);
    }
    let mut raised = 0;
    let Some(result) = rescale_raw(a, exp, ctx.round, &mut raised) else {
        return no_memory(status);
    };
    if result.adjusted() > ctx.emax || result.coeff.digits() as i64 > ctx.prec {
        return error(INVALID_OPERATION, status);
    }
    *status |= raised;
    finalize(result, ctx, status)
}

/// `a` with another exponent, its digits unlimited, as `round(a, n)` and formatting need it.
pub fn rescale(a: &Decimal, exp: i64, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    if !a.is_finite() {
        return a.clone();
    }
    if !(MIN_ETINY..=MAX_EMAX + 1).contains(&exp) {
        return error(INVALID_OPERATION, status);
    }
    if !a.is_zero() && a.exp.saturating_sub(exp) > coeff::MAX_DIGITS as i64 {
        return no_memory(status);
    }
    match rescale_raw(a, exp, ctx.round, status) {
        Some(result) => result,
        None => no_memory(status),
    }
}

/// The nearest integer by the context's rounding; `exact` also raises Inexact and Rounded.
pub fn to_integral(a: &Decimal, exact: bool, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    if a.exp >= 0 || !a.is_finite() {
        return a.clone();
    }
    let mut raised = 0;
    match rescale_raw(a, 0, ctx.round, &mut raised) {
        Some(result) => {
            if exact {
                *status |= raised;
            }
            result
        }
        None => no_memory(status),
    }
}

/// `a` under the context without zeros at the end.
pub fn reduce(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    let result = finalize(a.clone(), ctx, status);
    if !result.is_finite() {
        return result;
    }
    if result.coeff.is_zero() {
        return Decimal::zero(result.negative, 0);
    }
    let top = if ctx.clamp { ctx.etop() } else { ctx.emax };
    let room = top.saturating_sub(result.exp).max(0) as u64;
    let (coeff, zeros) = result.coeff.strip_zeros(room);
    Decimal::new(result.negative, coeff, result.exp + zeros as i64)
}

/// `a * 10^b`.
pub fn scaleb(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    let bound = ctx.emax.saturating_add(ctx.prec).saturating_mul(2);
    let n = if b.is_finite() && b.exp == 0 {
        b.to_i64()
    } else {
        None
    };
    let Some(n) = n.filter(|n| (-bound..=bound).contains(n)) else {
        return error(INVALID_OPERATION, status);
    };
    if a.is_infinite() {
        return a.clone();
    }
    let moved = Decimal {
        exp: a.exp.saturating_add(n),
        ..a.clone()
    };
    finalize(moved, ctx, status)
}

/// The exponent of the first digit, as a number.
pub fn logb(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return Decimal::infinity(false);
    }
    if a.is_zero() {
        *status |= DIVISION_BY_ZERO;
        return Decimal::infinity(true);
    }
    finalize(Decimal::from_i64(a.adjusted()), ctx, status)
}

/// Whether two numbers have the same exponent, or are both infinite, or both NaN.
pub fn same_quantum(a: &Decimal, b: &Decimal) -> bool {
    match (a.is_finite(), b.is_finite()) {
        (true, true) => a.exp == b.exp,
        (false, false) => a.is_nan() == b.is_nan(),
        _ => false,
    }
}

/// The next smaller number of the context.
pub fn next_minus(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    next(a, true, ctx, status)
}

/// The next larger number of the context.
pub fn next_plus(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    next(a, false, ctx, status)
}

fn next(a: &Decimal, down: bool, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return if a.negative == down {
            a.clone()
        } else {
            largest(a.negative, ctx, status)
        };
    }
    let directed = Context {
        round: if down { Round::Floor } else { Round::Ceiling },
        ..*ctx
    };
    let mut raised = 0;
    let fitted = finalize(a.clone(), &directed, &mut raised);
    if raised & (INEXACT | ERRORS) != 0 {
        *status |= raised & ERRORS;
        return fitted;
    }
    let tiny = Decimal::new(down, Coeff::ONE, ctx.etiny() - 1);
    let mut raised = 0;
    let result = add(a, &tiny, &directed, &mut raised);
    *status |= raised & ERRORS;
    result
}

/// The number next to `a` in the direction of `b`.
pub fn next_toward(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    let result = match compare::order(a, b) {
        std::cmp::Ordering::Equal => return a.with_sign(b.negative),
        std::cmp::Ordering::Less => next_plus(a, ctx, status),
        std::cmp::Ordering::Greater => next_minus(a, ctx, status),
    };
    if result.is_infinite() {
        *status |= OVERFLOW | ROUNDED | INEXACT;
    } else if result.adjusted() < ctx.emin {
        *status |= UNDERFLOW | SUBNORMAL | ROUNDED | INEXACT;
        if result.is_zero() {
            *status |= CLAMPED;
        }
    }
    result
}

/// The square root, correctly rounded to the nearest even.
pub fn sqrt(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a], ctx, status) {
        return nan;
    }
    if a.is_zero() {
        return finalize(Decimal::zero(a.negative, a.exp.div_euclid(2)), ctx, status);
    }
    if a.negative {
        return error(INVALID_OPERATION, status);
    }
    if a.is_infinite() {
        return a.clone();
    }
    let nearest = Context {
        round: Round::HalfEven,
        ..*ctx
    };
    let ideal = a.exp.div_euclid(2);
    let digits = a.coeff.digits() as i64;
    let odd = a.exp.rem_euclid(2) == 1;
    let Some(base) = a.coeff.shl(u64::from(odd)) else {
        return no_memory(status);
    };
    if ctx.prec > 1000 && ctx.prec > digits {
        // An exact root is short: no need for the context's length.
        let (root, exact) = base.isqrt();
        if exact {
            return finalize(Decimal::new(false, root, ideal), &nearest, status);
        }
    }
    let have = if odd {
        (digits >> 1) + 1
    } else {
        (digits + 1) >> 1
    };
    let shift = ctx.prec + 1 - have;
    let (shifted, mut exact) = if shift >= 0 {
        match base.shl(2 * shift as u64) {
            Some(coeff) => (coeff, true),
            None => return no_memory(status),
        }
    } else {
        let (coeff, rest) = base.shr(2 * shift.unsigned_abs());
        (coeff, rest == Rest::Zero)
    };
    let (mut root, square) = shifted.isqrt();
    exact &= square;
    let mut exp = ideal - shift;
    if exact {
        if shift >= 0 {
            let (stripped, zeros) = root.strip_zeros(shift as u64);
            root = stripped;
            exp += zeros as i64;
            if exp > ideal {
                exp = ideal;
            }
        } else {
            match root.shl(shift.unsigned_abs()) {
                Some(coeff) => root = coeff,
                None => return no_memory(status),
            }
            exp += shift;
        }
    } else if root.last_digit() % 5 == 0 {
        root = root.add(&Coeff::ONE);
    }
    finalize(Decimal::new(false, root, exp), &nearest, status)
}
