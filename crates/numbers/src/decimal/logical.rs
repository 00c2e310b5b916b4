//! Digit-wise logic, shifts and rotations of decimal coefficients.
//!
//! Logical operands are non-negative integers of exponent 0 whose digits are all 0 or 1, no longer than the precision.
//! CPython: `mpd_qand`, `mpd_qshift`, `mpd_qrotate` in Modules/_decimal/libmpdec/mpdecimal.c.

use super::*;

/// The digits of a logical operand, last first, as many as the precision has.
fn logical_digits(d: &Decimal, ctx: &Context) -> Option<Vec<u8>> {
    if !d.is_finite() || d.negative || d.exp != 0 {
        return None;
    }
    let text = d.coeff.to_text();
    let digits: Option<Vec<u8>> = text
        .bytes()
        .rev()
        .map(|c| match c {
            b'0' => Some(0),
            b'1' => Some(1),
            _ => None,
        })
        .collect();
    digits.map(|mut digits| {
        digits.truncate(usize::try_from(ctx.prec).unwrap_or(usize::MAX));
        digits
    })
}

fn from_reversed(digits: impl DoubleEndedIterator<Item = u8>) -> Option<Decimal> {
    let text: Vec<u8> = digits.rev().map(|d| d + b'0').collect();
    Some(Decimal::new(false, Coeff::from_digits(&text)?, 0))
}

fn combine(
    a: &Decimal,
    b: &Decimal,
    ctx: &Context,
    status: &mut u32,
    op: fn(u8, u8) -> u8,
) -> Decimal {
    let (Some(x), Some(y)) = (logical_digits(a, ctx), logical_digits(b, ctx)) else {
        return error(INVALID_OPERATION, status);
    };
    let digit = |v: &[u8], i: usize| v.get(i).copied().unwrap_or(0);
    let digits = (0..x.len().max(y.len())).map(|i| op(digit(&x, i), digit(&y, i)));
    from_reversed(digits).unwrap_or_else(|| no_memory(status))
}

/// Digit-wise and.
pub fn logical_and(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    combine(a, b, ctx, status, |x, y| x & y)
}

/// Digit-wise or.
pub fn logical_or(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    combine(a, b, ctx, status, |x, y| x | y)
}

/// Digit-wise exclusive or.
pub fn logical_xor(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    combine(a, b, ctx, status, |x, y| x ^ y)
}

/// All digits of the precision inverted.
pub fn logical_invert(a: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    let Some(digits) = logical_digits(a, ctx) else {
        return error(INVALID_OPERATION, status);
    };
    if ctx.prec as u64 > MAX_DIGITS {
        return no_memory(status);
    }
    let inverted = (0..ctx.prec as usize).map(|i| 1 - digits.get(i).copied().unwrap_or(0));
    from_reversed(inverted).unwrap_or_else(|| no_memory(status))
}

/// The count of a shift or rotation: an integer within the precision.
fn shift_count(b: &Decimal, ctx: &Context) -> Option<i64> {
    if b.exp != 0 || !b.is_finite() {
        return None;
    }
    b.to_i64().filter(|n| n.unsigned_abs() <= ctx.prec as u64)
}

/// The coefficient moved by `b` digits, to the left for a positive one.
pub fn shift(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    let Some(n) = shift_count(b, ctx) else {
        return error(INVALID_OPERATION, status);
    };
    if a.is_infinite() {
        return a.clone();
    }
    let coeff = if n < 0 {
        let kept = a.coeff.low_digits(ctx.prec as u64);
        kept.shr(n.unsigned_abs()).0
    } else {
        match a.coeff.low_digits((ctx.prec - n) as u64).shl(n as u64) {
            Some(coeff) => coeff,
            None => return no_memory(status),
        }
    };
    Decimal::new(a.negative, coeff, a.exp)
}

/// The coefficient, seen with the precision's digits, rotated by `b` digits to the left.
pub fn rotate(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    let Some(n) = shift_count(b, ctx) else {
        return error(INVALID_OPERATION, status);
    };
    if a.is_infinite() {
        return a.clone();
    }
    let left = if n < 0 { ctx.prec + n } else { n };
    let whole = a.coeff.low_digits(ctx.prec as u64);
    let right = (ctx.prec - left) as u64;
    let Some(high) = whole.low_digits(right).shl(left as u64) else {
        return no_memory(status);
    };
    Decimal::new(a.negative, high.add(&whole.shr(right).0), a.exp)
}
