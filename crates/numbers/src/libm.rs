//! The C library's mathematics. CPython calls the same functions, so results are equal to the last bit wherever both
//! run on the same C library; Rust's own methods may be folded at compile time by other code.
//!
//! The only unsafe code of this crate: calls without pointers, but for the few that return a second value.

use std::ffi::c_int;

macro_rules! unary {
    ($($name:ident),* $(,)?) => {
        mod c1 {
            unsafe extern "C" {
                $(pub fn $name(x: f64) -> f64;)*
            }
        }
        $(pub fn $name(x: f64) -> f64 {
            // SAFETY: a pure function of its argument.
            unsafe { c1::$name(x) }
        })*
    };
}

macro_rules! binary {
    ($($name:ident),* $(,)?) => {
        mod c2 {
            unsafe extern "C" {
                $(pub fn $name(x: f64, y: f64) -> f64;)*
            }
        }
        $(pub fn $name(x: f64, y: f64) -> f64 {
            // SAFETY: a pure function of its arguments.
            unsafe { c2::$name(x, y) }
        })*
    };
}

unary!(
    acos, acosh, asin, asinh, atan, atanh, cos, cosh, erf, erfc, exp, exp2, expm1, log, log10,
    log1p, log2, sin, sinh, sqrt, tan, tanh,
);
binary!(atan2, fmod, hypot, nextafter, pow);

mod c {
    use super::c_int;
    unsafe extern "C" {
        // Rust's own runtime defines `cbrt`, with other last bits; glibc's goes by this name too.
        #[cfg_attr(target_env = "gnu", link_name = "cbrtf64")]
        pub fn cbrt(x: f64) -> f64;
        pub fn ldexp(x: f64, exponent: c_int) -> f64;
        pub fn frexp(x: f64, exponent: *mut c_int) -> f64;
        pub fn fma(x: f64, y: f64, z: f64) -> f64;
    }
}

/// The cube root.
pub fn cbrt(x: f64) -> f64 {
    // SAFETY: a pure function of its argument.
    unsafe { c::cbrt(x) }
}

/// `x * 2**exponent`, rounded once.
pub fn ldexp(x: f64, exponent: i32) -> f64 {
    // SAFETY: a pure function of its arguments.
    unsafe { c::ldexp(x, exponent) }
}

/// Mantissa in [0.5, 1) and exponent; the exponent is 0 for zero, infinities and nan.
pub fn frexp(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let mut exponent: c_int = 0;
    // SAFETY: the pointer is to a live local.
    let mantissa = unsafe { c::frexp(x, &mut exponent) };
    (mantissa, exponent)
}

/// `x * y + z`, rounded once.
pub fn fma(x: f64, y: f64, z: f64) -> f64 {
    // SAFETY: a pure function of its arguments.
    unsafe { c::fma(x, y, z) }
}
