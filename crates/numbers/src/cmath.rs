//! The functions of `cmath`, with its errors.
//!
//! The formulas and the tables for arguments that are not finite are those of the crate `pymath`, which follows
//! CPython's source branch by branch; here its error codes become exceptions.
//! CPython: Modules/cmathmodule.c.

use crate::complex::{Complex, complex};
use crate::error::{NumError, Result};
use pymath::cmath as py;

fn error(code: pymath::Error) -> NumError {
    match code {
        pymath::Error::EDOM => NumError::value("math domain error"),
        pymath::Error::ERANGE => NumError::overflow("math range error"),
    }
}

macro_rules! functions {
    ($($name:ident),* $(,)?) => {
        $(#[doc = concat!("`cmath.", stringify!($name), "`")]
        pub fn $name(z: Complex) -> Result<Complex> {
            py::$name(num_complex::Complex64::new(z.re, z.im)).map(from).map_err(error)
        })*
    };
}

fn from(z: num_complex::Complex64) -> Complex {
    complex(z.re, z.im)
}

fn into(z: Complex) -> num_complex::Complex64 {
    num_complex::Complex64::new(z.re, z.im)
}

functions!(
    acos, acosh, asin, asinh, atan, atanh, cos, cosh, exp, log10, sin, sinh, sqrt, tan, tanh
);

/// `cmath.log`, with the base if one is given.
pub fn log(z: Complex, base: Option<Complex>) -> Result<Complex> {
    py::log(into(z), base.map(into)).map(from).map_err(error)
}

/// `cmath.phase`
pub fn phase(z: Complex) -> Result<f64> {
    py::phase(into(z)).map_err(error)
}

/// `cmath.polar`
pub fn polar(z: Complex) -> Result<(f64, f64)> {
    py::polar(into(z)).map_err(error)
}

/// `cmath.rect`
pub fn rect(r: f64, phi: f64) -> Result<Complex> {
    py::rect(r, phi).map(from).map_err(error)
}

/// `cmath.isclose`
pub fn is_close(a: Complex, b: Complex, rel_tol: f64, abs_tol: f64) -> Result<bool> {
    if rel_tol < 0.0 || abs_tol < 0.0 {
        return Err(NumError::value("tolerances must be non-negative"));
    }
    py::isclose(into(a), into(b), Some(rel_tol), Some(abs_tol)).map_err(error)
}

pub fn is_finite(z: Complex) -> bool {
    z.re.is_finite() && z.im.is_finite()
}

pub fn is_nan(z: Complex) -> bool {
    z.re.is_nan() || z.im.is_nan()
}

pub fn is_inf(z: Complex) -> bool {
    z.re.is_infinite() || z.im.is_infinite()
}
