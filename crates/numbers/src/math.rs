//! The functions of `math` on floats, with their errors; those on ints are in [`crate::bigint`].
//!
//! Most call the C library and then look at the result: nan out of a number is a domain error (each function has its
//! own words for it), infinity out of a finite number an overflow or a singularity. Sums carry more precision than a
//! float and come as accumulators, since the caller converts their items one by one. `cmath` is in [`crate::cmath`].
//! CPython: Modules/mathmodule.c.

mod sums;

pub use sums::{CompensatedSum, Fsum, TripleSum, dist, hypot};

use crate::bigint;
use crate::error::{NumError, Result};
use crate::float;
use crate::libm;
use dashu_int::IBig;

const DOMAIN: NumError = NumError::Value(std::borrow::Cow::Borrowed("math domain error"));
const RANGE: NumError = NumError::Overflow(std::borrow::Cow::Borrowed("math range error"));

/// "MESSAGE, got X"
fn got(message: &str, x: f64) -> NumError {
    NumError::Value(format!("{message}, got {}", float::repr(x)).into())
}

/// `f(x)` of a function without overflow; `message` tells a number outside its domain.
fn checked(x: f64, f: fn(f64) -> f64, message: &str) -> Result<f64> {
    let result = f(x);
    if (result.is_nan() && !x.is_nan()) || (result.is_infinite() && x.is_finite()) {
        return Err(got(message, x));
    }
    Ok(result)
}

/// `f(x)` of a function that overflows.
fn growing(x: f64, f: fn(f64) -> f64) -> Result<f64> {
    let result = f(x);
    if result.is_infinite() && x.is_finite() {
        Err(RANGE)
    } else {
        Ok(result)
    }
}

macro_rules! with_domain {
    ($($name:ident: $message:literal),* $(,)?) => {
        $(#[doc = concat!("`math.", stringify!($name), "`: ", $message)]
        pub fn $name(x: f64) -> Result<f64> {
            checked(x, libm::$name, $message)
        })*
    };
}

macro_rules! overflowing {
    ($($name:ident),*) => {
        $(#[doc = concat!("`math.", stringify!($name), "`, `OverflowError` where infinite")]
        pub fn $name(x: f64) -> Result<f64> {
            growing(x, libm::$name)
        })*
    };
}

with_domain! {
    acos: "expected a number in range from -1 up to 1",
    asin: "expected a number in range from -1 up to 1",
    acosh: "expected argument value not less than 1",
    atanh: "expected a number between -1 and 1",
    cos: "expected a finite input",
    sin: "expected a finite input",
    tan: "expected a finite input",
    sqrt: "expected a nonnegative input",
}
overflowing!(cosh, sinh, exp, exp2, expm1);

pub use libm::{asinh, atan, atan2, cbrt, erf, erfc, tanh};

/// `math.log1p`
pub fn log1p(x: f64) -> Result<f64> {
    // The sign of zero survives, whatever the library does.
    if x == 0.0 {
        Ok(x)
    } else {
        checked(x, libm::log1p, "expected argument value > -1")
    }
}

const POSITIVE: &str = "expected a positive input";

fn log_with(x: f64, f: fn(f64) -> f64) -> Result<f64> {
    if x > 0.0 {
        Ok(f(x))
    } else if x.is_nan() {
        Ok(x)
    } else {
        Err(got(POSITIVE, x))
    }
}

/// `math.log` of a float (base e).
pub fn log(x: f64) -> Result<f64> {
    log_with(x, libm::log)
}

/// `math.log2` of a float.
pub fn log2(x: f64) -> Result<f64> {
    log_with(x, libm::log2)
}

/// `math.log10` of a float.
pub fn log10(x: f64) -> Result<f64> {
    log_with(x, libm::log10)
}

/// The logarithm of an int: of its float if it has one, else of mantissa and exponent.
fn log_of_int(x: &IBig, f: fn(f64) -> f64) -> Result<f64> {
    if bigint::signum(x) <= 0 {
        return Err(NumError::value(POSITIVE));
    }
    match bigint::to_f64(x) {
        Ok(x) => Ok(f(x)),
        Err(_) => {
            let (mantissa, exponent) = bigint::to_frexp(x);
            Ok(f(mantissa) + f(2.0) * exponent as f64)
        }
    }
}

/// `math.log` of an int (base e).
pub fn log_int(x: &IBig) -> Result<f64> {
    log_of_int(x, libm::log)
}

/// `math.log2` of an int.
pub fn log2_int(x: &IBig) -> Result<f64> {
    log_of_int(x, libm::log2)
}

/// `math.log10` of an int.
pub fn log10_int(x: &IBig) -> Result<f64> {
    log_of_int(x, libm::log10)
}

/// `math.log(x, base)` from both logarithms.
pub fn log_quotient(log_x: f64, log_base: f64) -> Result<f64> {
    float::div(log_x, log_base)
}

const GAMMA: &str = "expected a noninteger or positive integer";

/// `math.gamma`
pub fn gamma(x: f64) -> Result<f64> {
    use pymath::Error;
    if (1.0..=23.0).contains(&x) && x == x.floor() {
        return Ok((1..x as u128).product::<u128>() as f64);
    }
    match pymath::math::gamma(x) {
        Ok(y) if y.is_infinite() && x.is_finite() => Err(RANGE),
        Ok(y) => Ok(y),
        Err(Error::ERANGE) => Err(RANGE),
        Err(Error::EDOM) => Err(got(GAMMA, x)),
    }
}

/// `math.lgamma`
pub fn lgamma(x: f64) -> Result<f64> {
    use pymath::Error;
    match pymath::math::lgamma(x) {
        Ok(y) if y.is_infinite() && x.is_finite() => Err(RANGE),
        Ok(y) => Ok(y),
        Err(Error::ERANGE) => Err(RANGE),
        Err(Error::EDOM) => Err(got(GAMMA, x)),
    }
}

/// `math.pow`
pub fn pow(x: f64, y: f64) -> Result<f64> {
    if !x.is_finite() || !y.is_finite() {
        if x.is_nan() {
            return Ok(if y == 0.0 { 1.0 } else { x });
        }
        if y.is_nan() {
            return Ok(if x == 1.0 { 1.0 } else { y });
        }
        if x.is_infinite() {
            let odd = y.is_finite() && float::is_odd(y);
            return Ok(if y > 0.0 {
                if odd { x } else { x.abs() }
            } else if y == 0.0 {
                1.0
            } else if odd {
                0.0f64.copysign(x)
            } else {
                0.0
            });
        }
        let x = x.abs();
        return Ok(if x == 1.0 {
            1.0
        } else if (y > 0.0) == (x > 1.0) {
            y.abs()
        } else {
            0.0
        });
    }
    let result = libm::pow(x, y);
    if result.is_nan() || (result.is_infinite() && x == 0.0) {
        return Err(DOMAIN);
    }
    if result.is_infinite() {
        Err(RANGE)
    } else {
        Ok(result)
    }
}

/// `math.fmod`
pub fn fmod(x: f64, y: f64) -> Result<f64> {
    if y.is_infinite() && x.is_finite() {
        return Ok(x);
    }
    let result = libm::fmod(x, y);
    if result.is_nan() && !x.is_nan() && !y.is_nan() {
        Err(DOMAIN)
    } else {
        Ok(result)
    }
}

/// `math.remainder`: IEEE 754's.
pub fn remainder(x: f64, y: f64) -> Result<f64> {
    if x.is_nan() || y.is_nan() {
        return Ok(if x.is_nan() { x } else { y });
    }
    if x.is_infinite() || y == 0.0 {
        return Err(DOMAIN);
    }
    if y.is_infinite() {
        return Ok(x);
    }
    // The same definite result everywhere: fmod is exact, the halves are compared without rounding.
    let (x_abs, y_abs) = (x.abs(), y.abs());
    let m = libm::fmod(x_abs, y_abs);
    let c = y_abs - m;
    let r = if m < c {
        m
    } else if m > c {
        -c
    } else {
        m - 2.0 * libm::fmod(0.5 * (x_abs - m), y_abs)
    };
    Ok(1f64.copysign(x) * r)
}

/// `math.fma`
pub fn fma(x: f64, y: f64, z: f64) -> Result<f64> {
    let result = libm::fma(x, y, z);
    if result.is_finite() {
        return Ok(result);
    }
    if result.is_nan() {
        if !x.is_nan() && !y.is_nan() && !z.is_nan() {
            return Err(NumError::value("invalid operation in fma"));
        }
    } else if x.is_finite() && y.is_finite() && z.is_finite() {
        return Err(NumError::overflow("overflow in fma"));
    }
    Ok(result)
}

/// `math.ldexp` with any exponent.
pub fn ldexp(x: f64, exponent: &IBig) -> Result<f64> {
    if x == 0.0 || !x.is_finite() {
        return Ok(x);
    }
    let clipped = match bigint::to_i64(exponent) {
        Some(e) => e.clamp(-100_000, 100_000),
        None if bigint::is_negative(exponent) => -100_000,
        None => 100_000,
    };
    let result = libm::ldexp(x, clipped as i32);
    if result.is_infinite() {
        Err(RANGE)
    } else {
        Ok(result)
    }
}

/// `math.frexp`
pub fn frexp(x: f64) -> (f64, i32) {
    libm::frexp(x)
}

/// `math.modf`: fraction and integer part, both with the sign.
pub fn modf(x: f64) -> (f64, f64) {
    if x.is_infinite() {
        return (0.0f64.copysign(x), x);
    }
    if x.is_nan() {
        return (x, x);
    }
    let whole = x.trunc();
    ((x - whole).copysign(x), whole)
}

/// `math.degrees`
pub fn degrees(x: f64) -> f64 {
    x * (180.0 / std::f64::consts::PI)
}

/// `math.radians`
pub fn radians(x: f64) -> f64 {
    x * (std::f64::consts::PI / 180.0)
}

/// `math.isclose`
pub fn is_close(a: f64, b: f64, rel_tol: f64, abs_tol: f64) -> Result<bool> {
    if rel_tol < 0.0 || abs_tol < 0.0 {
        return Err(NumError::value("tolerances must be non-negative"));
    }
    if a == b {
        return Ok(true);
    }
    if a.is_infinite() || b.is_infinite() {
        return Ok(false);
    }
    let difference = (b - a).abs();
    Ok(difference <= (rel_tol * b).abs()
        || difference <= (rel_tol * a).abs()
        || difference <= abs_tol)
}

/// `math.ulp`
pub fn ulp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let x = x.abs();
    if x.is_infinite() {
        return x;
    }
    let next = libm::nextafter(x, f64::INFINITY);
    // The largest float has no finite neighbour above.
    if next.is_infinite() {
        x - libm::nextafter(x, f64::NEG_INFINITY)
    } else {
        next - x
    }
}

/// `math.nextafter(x, y)`
pub fn nextafter(x: f64, y: f64) -> f64 {
    libm::nextafter(x, y)
}

/// `math.nextafter(x, y, steps=...)`
pub fn nextafter_steps(x: f64, y: f64, steps: &IBig) -> Result<f64> {
    if bigint::is_negative(steps) {
        return Err(NumError::value("steps must be a non-negative integer"));
    }
    let steps = bigint::to_u64(steps).unwrap_or(u64::MAX);
    if steps == 0 {
        return Ok(x);
    }
    if x.is_nan() || y.is_nan() {
        return Ok(if x.is_nan() { x } else { y });
    }
    if x == y {
        return Ok(y);
    }
    // Floats of one sign are ordered as their bits are; zero is passed once, for both its signs together.
    let magnitude = |v: f64| v.to_bits() & !(1 << 63);
    let sign = |v: f64| v.to_bits() & (1 << 63);
    let (ax, ay) = (magnitude(x), magnitude(y));
    if sign(x) != sign(y) {
        return Ok(match ax.checked_add(ay) {
            Some(distance) if distance <= steps => y,
            _ if ax >= steps => f64::from_bits(sign(x) | (ax - steps)),
            _ => f64::from_bits(sign(y) | (steps - ax)),
        });
    }
    Ok(if ax > ay {
        if ax - ay >= steps {
            f64::from_bits(sign(x) | (ax - steps))
        } else {
            y
        }
    } else if ay - ax >= steps {
        f64::from_bits(sign(x) | (ax + steps))
    } else {
        y
    })
}

#[cfg(test)]
mod tests {
    //! Expected values are CPython 3.14's.
    use super::*;

    #[test]
    fn values_and_errors() {
        assert_eq!(
            sqrt(-1.0),
            Err(NumError::value("expected a nonnegative input, got -1.0"))
        );
        assert_eq!(
            log(0.0),
            Err(NumError::value("expected a positive input, got 0.0"))
        );
        assert_eq!(
            log_int(&IBig::from(-3)),
            Err(NumError::value("expected a positive input"))
        );
        assert_eq!(log_int(&IBig::from(10).pow(400)), Ok(921.0340371976182));
        assert_eq!(log2_int(&(IBig::ONE << 10_000)), Ok(10_000.0));
        assert_eq!(exp(1000.0), Err(RANGE));
        assert_eq!(exp(f64::INFINITY), Ok(f64::INFINITY));
        assert_eq!(gamma(-1.0), Err(got(GAMMA, -1.0)));
        assert_eq!(gamma(171.7), Err(RANGE));
        assert_eq!(
            (gamma(0.5), lgamma(-0.5)),
            (Ok(1.7724538509055159), Ok(1.265512123484645))
        );
        assert_eq!(pow(0.0, -1.0), Err(DOMAIN));
        assert_eq!(pow(0.0, f64::NEG_INFINITY), Ok(f64::INFINITY));
        assert_eq!(remainder(5.0, 2.0), Ok(1.0));
        assert_eq!(remainder(7.0, 2.0), Ok(-1.0));
        assert!(log1p(-0.0).is_ok_and(|x| x.is_sign_negative()));
        assert_eq!(
            (ulp(f64::MAX), ulp(5e-324)),
            (1.99584030953472e+292, 5e-324)
        );
        assert_eq!(nextafter_steps(-1.0, 1.0, &(IBig::ONE << 63)), Ok(1.0));
        assert_eq!(nextafter_steps(1.0, 2.0, &(IBig::ONE << 53)), Ok(2.0));
        assert_eq!(nextafter_steps(-5e-324, 1.0, &IBig::from(2)), Ok(5e-324));
        assert_eq!(ldexp(1.0, &IBig::from(-1074)), Ok(5e-324));
        assert_eq!(hypot(&[1e308, 1e308]), 1.4142135623730951e+308);
        let mut sum = Fsum::default();
        for _ in 0..10 {
            sum.add(0.1).unwrap();
        }
        assert_eq!(sum.finish(), Ok(1.0));
    }
}
