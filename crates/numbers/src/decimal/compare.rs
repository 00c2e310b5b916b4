//! Orders of decimal numbers: by value, totally, and the selections built on them.
//!
//! Values are compared by their leading digit's exponent first, so that coefficients are aligned only when they are of
//! about the same size. CPython: `_mpd_cmp`, `mpd_cmp_total`, `mpd_qmax` in Modules/_decimal/libmpdec/mpdecimal.c.

use super::*;
use std::cmp::Ordering;

/// The order of two numbers that are not NaN.
pub fn order(a: &Decimal, b: &Decimal) -> Ordering {
    if let Some((x, y, _)) = aligned(a, b) {
        let signed = |n: u128, negative| if negative { -(n as i128) } else { n as i128 };
        return signed(x, a.negative).cmp(&signed(y, b.negative));
    }
    let rank = |d: &Decimal| match (d.kind, d.coeff.is_zero(), d.negative) {
        (Kind::Infinity, _, true) => -2,
        (Kind::Infinity, _, false) => 2,
        (_, true, _) => 0,
        (_, _, true) => -1,
        (_, _, false) => 1,
    };
    let (x, y) = (rank(a), rank(b));
    if x != y {
        return x.cmp(&y);
    }
    match x {
        1 => magnitude(a, b),
        -1 => magnitude(b, a),
        _ => Ordering::Equal,
    }
}

/// The order of the magnitudes of non-zero finite numbers.
fn magnitude(a: &Decimal, b: &Decimal) -> Ordering {
    if a.exp == b.exp {
        return a.coeff.cmp(&b.coeff);
    }
    let by_size = a.adjusted().cmp(&b.adjusted());
    if by_size != Ordering::Equal {
        return by_size;
    }
    // Equal first digits: the shift is bounded by the digits of the longer coefficient.
    if a.exp > b.exp {
        match a.coeff.shl((a.exp - b.exp) as u64) {
            Some(coeff) => coeff.cmp(&b.coeff),
            None => Ordering::Equal,
        }
    } else {
        match b.coeff.shl((b.exp - a.exp) as u64) {
            Some(coeff) => a.coeff.cmp(&coeff),
            None => Ordering::Equal,
        }
    }
}

fn number(order: Ordering) -> Decimal {
    Decimal::from_i64(order as i64)
}

/// -1, 0 or 1; NaN for a NaN.
pub fn compare(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    check_nans(&[a, b], ctx, status).unwrap_or_else(|| number(order(a, b)))
}

/// `compare` for which quiet NaNs signal too.
pub fn compare_signal(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    check_nans(&[a, b], ctx, status).map_or_else(
        || number(order(a, b)),
        |nan| {
            *status |= INVALID_OPERATION;
            nan
        },
    )
}

/// The total order over all representations.
pub fn order_total(a: &Decimal, b: &Decimal) -> Ordering {
    match (a.negative, b.negative) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => total_magnitude(a, b),
        (true, true) => total_magnitude(b, a),
    }
}

fn total_magnitude(a: &Decimal, b: &Decimal) -> Ordering {
    let rank = |d: &Decimal| match d.kind {
        Kind::Finite => 0,
        Kind::Infinity => 1,
        Kind::SNan => 2,
        Kind::Nan => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match a.kind {
        Kind::Infinity => Ordering::Equal,
        Kind::Nan | Kind::SNan => a.coeff.cmp(&b.coeff),
        Kind::Finite => order(&a.copy_abs(), &b.copy_abs()).then(a.exp.cmp(&b.exp)),
    })
}

/// `order_total` as a number.
pub fn compare_total(a: &Decimal, b: &Decimal) -> Decimal {
    number(order_total(a, b))
}

/// `compare_total` without signs.
pub fn compare_total_mag(a: &Decimal, b: &Decimal) -> Decimal {
    number(order_total(&a.copy_abs(), &b.copy_abs()))
}

/// The larger one; a number is preferred to a quiet NaN.
pub fn max(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    select(a, b, false, Ordering::Greater, ctx, status)
}

/// The smaller one.
pub fn min(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    select(a, b, false, Ordering::Less, ctx, status)
}

/// The one of larger magnitude.
pub fn max_mag(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    select(a, b, true, Ordering::Greater, ctx, status)
}

/// The one of smaller magnitude.
pub fn min_mag(a: &Decimal, b: &Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    select(a, b, true, Ordering::Less, ctx, status)
}

fn select(
    a: &Decimal,
    b: &Decimal,
    by_magnitude: bool,
    wanted: Ordering,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    if a.is_qnan() && !b.is_nan() {
        return finalize(b.clone(), ctx, status);
    }
    if b.is_qnan() && !a.is_nan() {
        return finalize(a.clone(), ctx, status);
    }
    if let Some(nan) = check_nans(&[a, b], ctx, status) {
        return nan;
    }
    let found = if by_magnitude {
        order(&a.copy_abs(), &b.copy_abs())
    } else {
        order(a, b)
    }
    .then_with(|| order_total(a, b));
    let chosen = if found == wanted || found == Ordering::Equal {
        a
    } else {
        b
    };
    finalize(chosen.clone(), ctx, status)
}
