//! Decimal floating-point numbers by the General Decimal Arithmetic Specification, without any Python object.
//!
//! A [`Decimal`] is a sign, a coefficient and an exponent, or an infinity, or a NaN whose payload is the coefficient.
//! Operations are free functions over operands, a [`Context`] and the status word that they add bits to; they compute an
//! exact or sufficiently long result and end in [`finalize`], which applies precision and bounds. Signals and traps are
//! the binding's affair. Results and flags are libmpdec's (Modules/_decimal/libmpdec/mpdecimal.c) for correctly rounded
//! functions; a need of absurd memory gives NaN with `MALLOC_ERROR`.

mod arith;
mod coeff;
mod compare;
mod context;
mod division;
mod format;
mod logical;
mod power;
#[cfg(test)]
mod tests;
mod text;
mod transcendental;

pub use arith::*;
pub use coeff::{Coeff, MAX_DIGITS, Rest};
pub use compare::*;
pub use context::*;
pub use division::*;
pub use format::{FormatError, Locale, format};
pub use logical::*;
pub use power::{power, power_modulo};
pub use text::*;
pub use transcendental::{exp, ln, log10};

use crate::bigint;
use dashu_int::ops::UnsignedAbs;
use dashu_int::{IBig, UBig};
use status::*;

/// What a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Finite,
    Infinity,
    Nan,
    SNan,
}

/// A decimal number.
#[derive(Clone, Debug)]
pub struct Decimal {
    pub negative: bool,
    pub kind: Kind,
    /// The exponent of the last digit; 0 for what is not finite.
    pub exp: i64,
    /// The coefficient, or a NaN's payload.
    pub coeff: Coeff,
}

impl Default for Decimal {
    fn default() -> Self {
        Decimal::ZERO
    }
}

impl Decimal {
    pub const ZERO: Decimal = Decimal::small(0);
    pub const ONE: Decimal = Decimal::small(1);

    const fn small(v: u128) -> Decimal {
        Decimal {
            negative: false,
            kind: Kind::Finite,
            exp: 0,
            coeff: Coeff::Small(v),
        }
    }

    #[inline]
    pub fn new(negative: bool, coeff: Coeff, exp: i64) -> Decimal {
        Decimal {
            negative,
            kind: Kind::Finite,
            exp,
            coeff,
        }
    }

    pub fn zero(negative: bool, exp: i64) -> Decimal {
        Decimal::new(negative, Coeff::ZERO, exp)
    }

    pub fn infinity(negative: bool) -> Decimal {
        Decimal {
            kind: Kind::Infinity,
            ..Decimal::zero(negative, 0)
        }
    }

    pub fn nan() -> Decimal {
        Decimal {
            kind: Kind::Nan,
            ..Decimal::ZERO
        }
    }

    pub fn from_i64(v: i64) -> Decimal {
        Decimal::new(v < 0, Coeff::Small(u128::from(v.unsigned_abs())), 0)
    }

    pub fn from_int(v: &IBig) -> Decimal {
        Decimal::new(bigint::is_negative(v), Coeff::from(v.unsigned_abs()), 0)
    }

    /// The exact value of a float.
    pub fn from_f64(v: f64) -> Decimal {
        if v.is_nan() {
            return Decimal {
                negative: v.is_sign_negative(),
                ..Decimal::nan()
            };
        }
        if v.is_infinite() {
            return Decimal::infinity(v < 0.0);
        }
        let negative = v.is_sign_negative();
        let bits = v.abs().to_bits();
        let (mut mantissa, mut exp) = match (bits >> 52, bits & ((1 << 52) - 1)) {
            (0, m) => (m, -1074),
            (e, m) => (m | 1 << 52, e as i64 - 1075),
        };
        if mantissa == 0 {
            return Decimal::zero(negative, 0);
        }
        let zeros = mantissa.trailing_zeros();
        mantissa >>= zeros;
        exp += i64::from(zeros);
        if exp >= 0 {
            let value = UBig::from(mantissa) << exp as usize;
            return Decimal::new(negative, Coeff::from(value), 0);
        }
        // m / 2^k = m * 5^k / 10^k
        let value = UBig::from(mantissa) * UBig::from(5u8).pow(exp.unsigned_abs() as usize);
        Decimal::new(negative, Coeff::from(value), exp)
    }

    #[inline]
    pub fn is_finite(&self) -> bool {
        self.kind == Kind::Finite
    }

    #[inline]
    pub fn is_infinite(&self) -> bool {
        self.kind == Kind::Infinity
    }

    #[inline]
    pub fn is_nan(&self) -> bool {
        matches!(self.kind, Kind::Nan | Kind::SNan)
    }

    pub fn is_qnan(&self) -> bool {
        self.kind == Kind::Nan
    }

    #[inline]
    pub fn is_snan(&self) -> bool {
        self.kind == Kind::SNan
    }

    #[inline]
    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.coeff.is_zero()
    }

    /// Finite, not zero, and not below the context's smallest normal number.
    pub fn is_normal(&self, ctx: &Context) -> bool {
        self.is_finite() && !self.coeff.is_zero() && self.adjusted() >= ctx.emin
    }

    pub fn is_subnormal(&self, ctx: &Context) -> bool {
        self.is_finite() && !self.coeff.is_zero() && self.adjusted() < ctx.emin
    }

    /// The exponent of the first digit.
    #[inline]
    pub fn adjusted(&self) -> i64 {
        self.exp + self.coeff.digits() as i64 - 1
    }

    /// Whether it is an integer (finite).
    pub fn is_integer(&self) -> bool {
        if !self.is_finite() {
            return false;
        }
        self.exp >= 0
            || self.coeff.is_zero()
            || self.coeff.digits() > self.exp.unsigned_abs()
                && self.coeff.trailing_zeros() >= self.exp.unsigned_abs()
    }

    /// For an integer: whether it is odd.
    pub fn is_odd(&self) -> bool {
        if self.coeff.is_zero() || self.exp > 0 {
            false
        } else if self.exp == 0 {
            self.coeff.is_odd()
        } else {
            self.coeff.shr(self.exp.unsigned_abs()).0.is_odd()
        }
    }

    #[must_use]
    pub fn with_sign(&self, negative: bool) -> Decimal {
        Decimal {
            negative,
            ..self.clone()
        }
    }

    /// The copy with the other sign.
    #[must_use]
    pub fn copy_negate(&self) -> Decimal {
        self.with_sign(!self.negative)
    }

    /// The copy without a sign.
    #[must_use]
    pub fn copy_abs(&self) -> Decimal {
        self.with_sign(false)
    }

    /// The integer part of a finite number; None where it would not fit into memory.
    pub fn to_int(&self) -> Option<IBig> {
        let magnitude = if self.exp >= 0 {
            self.coeff.shl(self.exp as u64)?
        } else {
            self.coeff.shr(self.exp.unsigned_abs()).0
        };
        let value = magnitude.to_ibig();
        Some(if self.negative { -value } else { value })
    }

    /// The value if it is an integer within `i64`.
    pub fn to_i64(&self) -> Option<i64> {
        if !self.is_integer() || self.adjusted() > 19 {
            return None;
        }
        if self.coeff.is_zero() {
            return Some(0);
        }
        bigint::to_i64(&self.to_int()?)
    }

    /// Name of the class, as `number_class` answers it.
    pub fn number_class(&self, ctx: &Context) -> &'static str {
        match (self.kind, self.negative) {
            (Kind::Nan, _) => "NaN",
            (Kind::SNan, _) => "sNaN",
            (Kind::Infinity, true) => "-Infinity",
            (Kind::Infinity, false) => "+Infinity",
            (Kind::Finite, negative) => {
                if self.coeff.is_zero() {
                    if negative { "-Zero" } else { "+Zero" }
                } else if self.is_subnormal(ctx) {
                    if negative { "-Subnormal" } else { "+Subnormal" }
                } else if negative {
                    "-Normal"
                } else {
                    "+Normal"
                }
            }
        }
    }
}

/// NaN with these status bits.
#[cold]
pub(crate) fn error(bits: u32, status: &mut u32) -> Decimal {
    *status |= bits;
    Decimal::nan()
}

/// NaN for what does not fit into memory.
#[cold]
pub(crate) fn no_memory(status: &mut u32) -> Decimal {
    error(MALLOC_ERROR, status)
}

/// A NaN as a result: quiet, its payload cut to what the context holds.
fn quiet(d: &Decimal, ctx: &Context) -> Decimal {
    let room = (ctx.prec - i64::from(ctx.clamp)).max(0) as u64;
    let coeff = if d.coeff.digits() > room {
        d.coeff.low_digits(room)
    } else {
        d.coeff.clone()
    };
    Decimal {
        negative: d.negative,
        kind: Kind::Nan,
        exp: 0,
        coeff,
    }
}

/// The result that NaN operands decide: the first signaling one, else the first quiet one.
#[inline]
pub(crate) fn check_nans(
    operands: &[&Decimal],
    ctx: &Context,
    status: &mut u32,
) -> Option<Decimal> {
    if operands.iter().all(|d| !d.is_nan()) {
        return None;
    }
    if let Some(signaling) = operands.iter().find(|d| d.is_snan()) {
        *status |= INVALID_OPERATION;
        return Some(quiet(signaling, ctx));
    }
    operands.iter().find(|d| d.is_nan()).map(|d| quiet(d, ctx))
}

/// The coefficient of a finite number, if it is one machine word.
#[inline(always)]
fn word(d: &Decimal) -> Option<u64> {
    match d.coeff {
        Coeff::Small(v) if d.kind == Kind::Finite => u64::try_from(v).ok(),
        _ => None,
    }
}

/// The coefficients of two finite numbers brought to one exponent, where that is short work; below 10^38.
#[inline(always)]
fn aligned(a: &Decimal, b: &Decimal) -> Option<(u128, u128, i64)> {
    let (x, y) = (u128::from(word(a)?), u128::from(word(b)?));
    match a.exp.checked_sub(b.exp)? {
        0 => Some((x, y, a.exp)),
        shift @ 1..=18 => Some((x * coeff::POW10[shift as usize], y, b.exp)),
        shift @ -18..0 => Some((x, y * coeff::POW10[-shift as usize], a.exp)),
        _ => None,
    }
}

/// `finalize` of what can only need rounding: small, not zero, and far from the bounds of the exponent. None for others.
#[inline]
fn finish_small(
    negative: bool,
    value: u128,
    exp: i64,
    ctx: &Context,
    status: &mut u32,
) -> Option<Decimal> {
    if value == 0 || ctx.clamp || exp < ctx.emin || exp > ctx.emax - 80 {
        return None;
    }
    let limit = *coeff::POW10.get(usize::try_from(ctx.prec).ok()?)?;
    if value < limit {
        return Some(Decimal::new(negative, Coeff::Small(value), exp));
    }
    let cut = coeff::small_digits(value) as i64 - ctx.prec;
    let power = *coeff::POW10.get(usize::try_from(cut).ok()?)?;
    let (mut value, rest) = coeff::div_pow10(value, cut as usize);
    let mut exp = exp + cut;
    *status |= ROUNDED;
    if rest != 0 {
        *status |= INEXACT;
        let rest = Rest::of_small(rest, power);
        let last = || Coeff::Small(value).last_digit();
        if ctx.round.increments(negative, last, rest) {
            value += 1;
            if value == limit {
                value = limit / 10;
                exp += 1;
            }
        }
    }
    Some(Decimal::new(negative, Coeff::Small(value), exp))
}

/// The result applied to the context: precision, bounds of the exponent, payloads.
#[inline]
pub fn finalize(d: Decimal, ctx: &Context, status: &mut u32) -> Decimal {
    finalize_rest(d, Rest::Zero, ctx, status)
}

/// `finalize` for a coefficient below whose last digit `rest` was cut off already; in that case the coefficient must have
/// the precision's digits at least, or be final for another reason.
#[inline]
pub(crate) fn finalize_rest(
    mut d: Decimal,
    rest: Rest,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    if d.kind != Kind::Finite {
        if d.is_nan() {
            let kind = d.kind;
            d = Decimal {
                kind,
                ..quiet(&d, ctx)
            };
        }
        return d;
    }
    let digits = d.coeff.digits() as i64;
    let adjusted = d.exp.saturating_add(digits - 1);
    if rest == Rest::Zero
        && digits <= ctx.prec
        && adjusted <= ctx.emax
        && adjusted >= ctx.emin
        && (!ctx.clamp || d.exp <= ctx.etop())
    {
        return d;
    }
    if d.coeff.is_zero() && rest == Rest::Zero {
        let top = if ctx.clamp { ctx.etop() } else { ctx.emax };
        let bounded = d.exp.clamp(ctx.etiny(), top.max(ctx.etiny()));
        if bounded != d.exp {
            d.exp = bounded;
            *status |= CLAMPED;
        }
        return d;
    }
    finalize_slow(d, rest, digits, ctx, status)
}

fn finalize_slow(
    mut d: Decimal,
    rest: Rest,
    digits: i64,
    ctx: &Context,
    status: &mut u32,
) -> Decimal {
    let adjusted = d.exp.saturating_add(digits - 1);
    if adjusted > ctx.emax {
        return overflow(d.negative, ctx, status);
    }
    if ctx.clamp && d.exp > ctx.etop() {
        let shift = d.exp - ctx.etop();
        let Some(coeff) = d.coeff.shl(shift as u64) else {
            return no_memory(status);
        };
        d.coeff = coeff;
        d.exp -= shift;
        *status |= CLAMPED;
    }
    let tiny = adjusted < ctx.emin;
    let mut cut = (digits - ctx.prec).max(0);
    if tiny {
        *status |= SUBNORMAL;
        cut = cut.max(ctx.etiny().saturating_sub(d.exp));
    }
    let mut total = rest;
    if cut > 0 {
        let (coeff, part) = d.coeff.shr(cut as u64);
        total = part.with_sticky(rest != Rest::Zero);
        d.coeff = coeff;
        d.exp += cut;
        *status |= ROUNDED;
    } else if rest != Rest::Zero {
        *status |= ROUNDED;
    }
    if total != Rest::Zero {
        *status |= INEXACT;
        if tiny {
            *status |= UNDERFLOW;
        }
        let last = || d.coeff.last_digit();
        if ctx.round.increments(d.negative, last, total) {
            d.coeff = d.coeff.add(&Coeff::ONE);
            if d.coeff.digits() as i64 > ctx.prec {
                d.coeff = d.coeff.shr(1).0;
                d.exp += 1;
                if d.adjusted() > ctx.emax {
                    return overflow(d.negative, ctx, status);
                }
            }
        }
    }
    if tiny && d.coeff.is_zero() {
        *status |= CLAMPED;
    }
    d
}

/// The result of an overflow under the context's rounding.
#[cold]
pub(crate) fn overflow(negative: bool, ctx: &Context, status: &mut u32) -> Decimal {
    *status |= OVERFLOW | INEXACT | ROUNDED;
    let finite = match ctx.round {
        Round::Down | Round::Up05 => true,
        Round::Ceiling => negative,
        Round::Floor => !negative,
        _ => false,
    };
    if finite {
        largest(negative, ctx, status)
    } else {
        Decimal::infinity(negative)
    }
}

/// The largest finite number of a context.
pub(crate) fn largest(negative: bool, ctx: &Context, status: &mut u32) -> Decimal {
    match Coeff::ONE.shl(ctx.prec as u64) {
        Some(power) => Decimal::new(negative, power.sub(&Coeff::ONE), ctx.etop()),
        None => no_memory(status),
    }
}
