//! Python's `complex`: arithmetic with real operands kept real, infinities recovered, powers, text.
//!
//! A real operand of 3.14 is not widened to `x + 0j`, so the mixed operations are functions of their own; sums and
//! products of parts are written out where it matters for signed zeros.
//! CPython: Objects/complexobject.c.

use crate::bigint::trim;
use crate::error::{NumError, Result};
use crate::float;
use crate::libm;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
}

/// A complex number of these parts.
pub const fn complex(re: f64, im: f64) -> Complex {
    Complex { re, im }
}

pub fn add(a: Complex, b: Complex) -> Complex {
    complex(a.re + b.re, a.im + b.im)
}

/// `a + b` (and `b + a`) with real `b`.
pub fn add_real(a: Complex, b: f64) -> Complex {
    complex(a.re + b, a.im)
}

pub fn sub(a: Complex, b: Complex) -> Complex {
    complex(a.re - b.re, a.im - b.im)
}

/// `a - b` with real `b`.
pub fn sub_real(a: Complex, b: f64) -> Complex {
    complex(a.re - b, a.im)
}

/// `a - b` with real `a`.
pub fn real_sub(a: f64, b: Complex) -> Complex {
    complex(a - b.re, -b.im)
}

pub fn neg(a: Complex) -> Complex {
    complex(-a.re, -a.im)
}

/// `a * b` (and `b * a`) with real `b`.
pub fn mul_real(a: Complex, b: f64) -> Complex {
    complex(a.re * b, a.im * b)
}

/// An infinity becomes one, all else zero, signs kept.
fn boxed(x: f64) -> f64 {
    (if x.is_infinite() { 1.0f64 } else { 0.0 }).copysign(x)
}

fn nan_to_zero(x: f64) -> f64 {
    if x.is_nan() { 0.0f64.copysign(x) } else { x }
}

/// `a * b`; a product with an infinite factor, or that overflows, is infinite (C11, annex G.5.1).
pub fn mul(a: Complex, b: Complex) -> Complex {
    let (ac, bd, ad, bc) = (a.re * b.re, a.im * b.im, a.re * b.im, a.im * b.re);
    let plain = complex(ac - bd, ad + bc);
    if !(plain.re.is_nan() && plain.im.is_nan()) {
        return plain;
    }
    let infinite = |z: Complex| z.re.is_infinite() || z.im.is_infinite();
    let (mut z, mut w) = (a, b);
    let mut recalculate = false;
    if infinite(z) {
        z = complex(boxed(z.re), boxed(z.im));
        w = complex(nan_to_zero(w.re), nan_to_zero(w.im));
        recalculate = true;
    }
    if infinite(w) {
        w = complex(boxed(w.re), boxed(w.im));
        z = complex(nan_to_zero(z.re), nan_to_zero(z.im));
        recalculate = true;
    }
    if !recalculate && [ac, bd, ad, bc].iter().any(|p| p.is_infinite()) {
        z = complex(nan_to_zero(z.re), nan_to_zero(z.im));
        w = complex(nan_to_zero(w.re), nan_to_zero(w.im));
        recalculate = true;
    }
    if !recalculate {
        return plain;
    }
    complex(
        f64::INFINITY * (z.re * w.re - z.im * w.im),
        f64::INFINITY * (z.re * w.im + z.im * w.re),
    )
}

const DIVISION: NumError = NumError::ZeroDivision("division by zero");

/// `a / b`: Smith's method, which scales by the larger part of `b` (C11, annex G.5.2 for what is not finite).
pub fn div(a: Complex, b: Complex) -> Result<Complex> {
    let (re, im) = (b.re.abs(), b.im.abs());
    let plain = if re >= im {
        if re == 0.0 {
            return Err(DIVISION);
        }
        let ratio = b.im / b.re;
        let denominator = b.re + b.im * ratio;
        complex(
            (a.re + a.im * ratio) / denominator,
            (a.im - a.re * ratio) / denominator,
        )
    } else if im >= re {
        let ratio = b.re / b.im;
        let denominator = b.re * ratio + b.im;
        complex(
            (a.re * ratio + a.im) / denominator,
            (a.im * ratio - a.re) / denominator,
        )
    } else {
        complex(f64::NAN, f64::NAN)
    };
    if !(plain.re.is_nan() && plain.im.is_nan()) {
        return Ok(plain);
    }
    let finite = |z: Complex| z.re.is_finite() && z.im.is_finite();
    if (a.re.is_infinite() || a.im.is_infinite()) && finite(b) {
        let (x, y) = (boxed(a.re), boxed(a.im));
        return Ok(complex(
            f64::INFINITY * (x * b.re + y * b.im),
            f64::INFINITY * (y * b.re - x * b.im),
        ));
    }
    if (re.is_infinite() || im.is_infinite()) && finite(a) {
        let (x, y) = (boxed(b.re), boxed(b.im));
        return Ok(complex(
            0.0 * (a.re * x + a.im * y),
            0.0 * (a.im * x - a.re * y),
        ));
    }
    Ok(plain)
}

/// `a / b` with real `b`.
pub fn div_real(a: Complex, b: f64) -> Result<Complex> {
    if b == 0.0 {
        Err(DIVISION)
    } else {
        Ok(complex(a.re / b, a.im / b))
    }
}

/// `a / b` with real `a`.
pub fn real_div(a: f64, b: Complex) -> Result<Complex> {
    let (re, im) = (b.re.abs(), b.im.abs());
    let plain = if re >= im {
        if re == 0.0 {
            return Err(DIVISION);
        }
        let ratio = b.im / b.re;
        let denominator = b.re + b.im * ratio;
        complex(a / denominator, (-a * ratio) / denominator)
    } else if im >= re {
        let ratio = b.re / b.im;
        let denominator = b.re * ratio + b.im;
        complex((a * ratio) / denominator, -a / denominator)
    } else {
        complex(f64::NAN, f64::NAN)
    };
    if plain.re.is_nan()
        && plain.im.is_nan()
        && a.is_finite()
        && (re.is_infinite() || im.is_infinite())
    {
        let (x, y) = (boxed(b.re), boxed(b.im));
        return Ok(complex(0.0 * (a * x), 0.0 * (-a * y)));
    }
    Ok(plain)
}

/// `abs(z)`
pub fn abs(z: Complex) -> Result<f64> {
    if z.re.is_infinite() || z.im.is_infinite() {
        return Ok(f64::INFINITY);
    }
    if z.re.is_nan() || z.im.is_nan() {
        return Ok(f64::NAN);
    }
    let result = libm::hypot(z.re, z.im);
    if result.is_finite() {
        Ok(result)
    } else {
        Err(NumError::overflow("absolute value too large"))
    }
}

/// `a ** b`
pub fn pow(a: Complex, b: Complex) -> Result<Complex> {
    const DOMAIN: NumError = NumError::ZeroDivision("zero to a negative or complex power");
    let result = if b.im == 0.0 && b.re == b.re.floor() && b.re.abs() <= 100.0 {
        // Small integers are exact where the general formula is not.
        pow_integer(a, b.re as i32).map_err(|_| DOMAIN)?
    } else if a.re == 0.0 && a.im == 0.0 {
        if b.im != 0.0 || b.re < 0.0 {
            return Err(DOMAIN);
        }
        complex(0.0, 0.0)
    } else {
        let size = libm::hypot(a.re, a.im);
        let mut length = libm::pow(size, b.re);
        let angle = libm::atan2(a.im, a.re);
        let mut phase = angle * b.re;
        if b.im != 0.0 {
            length *= libm::exp(-angle * b.im);
            phase += b.im * libm::log(size);
        }
        if phase.is_infinite() {
            // The C library's cosine sets EDOM here, which CPython reports so.
            return Err(DOMAIN);
        }
        complex(length * libm::cos(phase), length * libm::sin(phase))
    };
    if result.re.is_infinite() || result.im.is_infinite() {
        return Err(NumError::overflow("complex exponentiation"));
    }
    Ok(result)
}

fn pow_integer(a: Complex, n: i32) -> Result<Complex> {
    let mut result = complex(1.0, 0.0);
    let mut square = a;
    let count = n.unsigned_abs();
    let mut mask = 1u32;
    while count >= mask {
        if count & mask != 0 {
            result = mul(result, square);
        }
        mask <<= 1;
        square = mul(square, square);
    }
    if n > 0 {
        Ok(result)
    } else {
        div(complex(1.0, 0.0), result)
    }
}

/// The hash from the parts' hashes.
pub fn combine_hashes(re: i64, im: i64) -> i64 {
    match re.wrapping_add(im.wrapping_mul(1_000_003)) {
        -1 => -2,
        hash => hash,
    }
}

/// `hash(z)`; `None` if a part is nan, whose hash is that of the object's identity.
pub fn hash(z: Complex) -> Option<i64> {
    Some(combine_hashes(float::hash(z.re)?, float::hash(z.im)?))
}

/// `repr(z)`
pub fn repr(z: Complex) -> String {
    let plain = float::Layout::default();
    let part = |x| float::format(x, b'r', 0, plain).unwrap_or_default();
    let im = part(z.im);
    if z.re == 0.0 && z.re.is_sign_positive() {
        return format!("{im}j");
    }
    let sign = if im.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{im}j)", part(z.re))
}

/// Why a text is no complex number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseComplexError {
    /// ValueError "complex() arg is a malformed string"
    Malformed,
    /// ValueError "could not convert string to complex: ..." with the text's repr: an underscore out of place.
    Underscore,
}

/// `complex(text)` of ASCII text as it stands.
pub fn parse(text: &[u8]) -> std::result::Result<Complex, ParseComplexError> {
    let clean = remove_underscores(text).ok_or(ParseComplexError::Underscore)?;
    let mut text = trim(&clean);
    if let Some(inner) = text.strip_prefix(b"(") {
        text = trim(
            inner
                .strip_suffix(b")")
                .ok_or(ParseComplexError::Malformed)?,
        );
    }
    parse_parts(text).ok_or(ParseComplexError::Malformed)
}

/// The text without underscores, which must stand between digits.
fn remove_underscores(text: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::with_capacity(text.len());
    let mut previous = 0u8;
    for &byte in text {
        if byte == b'_' {
            if !previous.is_ascii_digit() {
                return None;
            }
        } else if previous == b'_' && !byte.is_ascii_digit() {
            return None;
        } else {
            clean.push(byte);
        }
        previous = byte;
    }
    (previous != b'_').then_some(clean)
}

fn parse_parts(text: &[u8]) -> Option<Complex> {
    let unit = |text: &[u8]| match text {
        b"j" | b"J" => Some(()),
        _ => None,
    };
    let Some((first, used)) = float::parse_prefix(text) else {
        let (sign, rest) = match text {
            [b'-', rest @ ..] => (-1.0, rest),
            [b'+', rest @ ..] => (1.0, rest),
            _ => (1.0, text),
        };
        return unit(rest).map(|()| complex(0.0, sign));
    };
    let rest = text.get(used..)?;
    match rest {
        [] => Some(complex(first, 0.0)),
        [sign @ (b'+' | b'-'), after @ ..] => {
            let (im, used) = match float::parse_prefix(rest) {
                Some((im, used)) => (im, rest.get(used..)?),
                None => (if *sign == b'-' { -1.0 } else { 1.0 }, after),
            };
            unit(used).map(|()| complex(first, im))
        }
        _ => unit(rest).map(|()| complex(0.0, first)),
    }
}

#[cfg(test)]
mod tests {
    //! Expected values are CPython 3.14's.
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn text() {
        for (text, expected) in [
            ("1e5", "(100000+0j)"),
            (" ( 1+2j ) ", "(1+2j)"),
            ("-j", "(-0-1j)"),
            ("1-j", "(1-1j)"),
            ("1_0+2_0J", "(10+20j)"),
            ("nan-infj", "(nan-infj)"),
            ("1e16-0j", "(1e+16-0j)"),
        ] {
            let expected = if text == "-j" { "-1j" } else { expected };
            assert_eq!(parse(text.as_bytes()).map(repr).as_deref(), Ok(expected));
        }
        for bad in [
            "", "+", "1+2", "((1))", "1e", ".j", "1j1", "(1", "1+-2j", "1 j", "()", "1 + 2j",
        ] {
            assert_eq!(
                parse(bad.as_bytes()),
                Err(ParseComplexError::Malformed),
                "{bad}"
            );
        }
        assert_eq!(parse(b"1+1j_0"), Err(ParseComplexError::Underscore));
        assert_eq!(repr(complex(-0.0, 1.0)), "(-0+1j)");
    }

    #[test]
    fn arithmetic() {
        assert_eq!(
            repr(mul(complex(1.0, INF), complex(1.0, 1.0))),
            "(-inf+infj)"
        );
        assert_eq!(repr(mul_real(complex(0.0, 1.0), INF)), "(nan+infj)");
        assert_eq!(repr(real_div(1.0, complex(INF, 1.0)).unwrap()), "-0j");
        assert!(div(complex(1.0, 1.0), complex(0.0, 0.0)).is_err());
        assert_eq!(
            pow(complex(1.0, 1.0), complex(100.0, 0.0)),
            Ok(complex(-1125899906842624.0, 0.0))
        );
        assert_eq!(
            pow(complex(1.0, 1.0), complex(-3.0, 0.0)),
            Ok(complex(-0.25, -0.25))
        );
        assert_eq!(
            pow(complex(0.0, 0.0), complex(0.0, 0.0)),
            Ok(complex(1.0, 0.0))
        );
        assert!(pow(complex(0.0, 0.0), complex(0.0, 1.0)).is_err());
        assert!(matches!(
            pow(complex(1e300, 1e300), complex(2.0, 0.0)),
            Err(NumError::Overflow(_))
        ));
        assert_eq!(
            (hash(complex(1.0, 2.0)), hash(complex(-1.0, 0.0))),
            (Some(2_000_007), Some(-2))
        );
        assert_eq!(abs(complex(3.0, -4.0)), Ok(5.0));
    }
}
