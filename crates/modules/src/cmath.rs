//! `cmath`: functions on complex numbers; the computation is in `naja_numbers::cmath`.
//!
//! CPython: Modules/cmathmodule.c.

use naja_heap::Value;
use naja_macros::pymodule;
use naja_numbers::cmath as m;
use naja_numbers::complex::Complex as Z;
use naja_vm::complex::Complex;
use naja_vm::int::error::check;
use naja_vm::protocols::number;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};

/// The complex value of a number, by `__complex__`, `__float__` or `__index__`. Raises TypeError.
pub fn value(vm: &Vm, x: &Value) -> PyResult<Z> {
    if let Some(z) = x.downcast::<Complex>() {
        return Ok(Z { re: z.re, im: z.im });
    }
    if let Some(z) = vm.call_special(x, &vm.names.__complex__, &[])? {
        return match z.downcast::<Complex>() {
            Some(z) => Ok(Z { re: z.re, im: z.im }),
            None => Err(vm.type_error(format!(
                "{}.__complex__() must return a complex, not {}",
                vm.type_of(x).full_name(),
                vm.type_of(&z).full_name()
            ))),
        };
    }
    Ok(Z {
        re: number::as_f64(vm, x)?,
        im: 0.0,
    })
}

fn give(vm: &Vm, z: naja_numbers::Result<Z>) -> PyResult {
    let z = check(vm, z)?;
    vm.new_complex(z.re, z.im)
}

#[pymodule(
    name = "cmath",
    doc = "This module provides access to mathematical functions for complex\nnumbers."
)]
pub mod module {
    use super::*;

    /// Return the arc cosine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn acos(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::acos(value(vm, z)?))
    }

    /// Return the inverse hyperbolic cosine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn acosh(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::acosh(value(vm, z)?))
    }

    /// Return the arc sine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn asin(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::asin(value(vm, z)?))
    }

    /// Return the inverse hyperbolic sine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn asinh(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::asinh(value(vm, z)?))
    }

    /// Return the arc tangent of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn atan(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::atan(value(vm, z)?))
    }

    /// Return the inverse hyperbolic tangent of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn atanh(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::atanh(value(vm, z)?))
    }

    /// Return the cosine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn cos(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::cos(value(vm, z)?))
    }

    /// Return the hyperbolic cosine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn cosh(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::cosh(value(vm, z)?))
    }

    /// Return the exponential value e**z.
    #[pyfunction(sig = "($module, z, /)")]
    fn exp(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::exp(value(vm, z)?))
    }

    /// Return the base-10 logarithm of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn log10(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::log10(value(vm, z)?))
    }

    /// Return the sine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn sin(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::sin(value(vm, z)?))
    }

    /// Return the hyperbolic sine of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn sinh(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::sinh(value(vm, z)?))
    }

    /// Return the square root of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn sqrt(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::sqrt(value(vm, z)?))
    }

    /// Return the tangent of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn tan(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::tan(value(vm, z)?))
    }

    /// Return the hyperbolic tangent of z.
    #[pyfunction(sig = "($module, z, /)")]
    fn tanh(vm: &Vm, z: &Value) -> PyResult {
        give(vm, m::tanh(value(vm, z)?))
    }

    /// Return True if both the real and imaginary parts of z are finite, else False.
    #[pyfunction(sig = "($module, z, /)")]
    fn isfinite(vm: &Vm, z: &Value) -> PyResult<bool> {
        Ok(m::is_finite(value(vm, z)?))
    }

    /// Checks if the real or imaginary part of z not a number (NaN).
    #[pyfunction(sig = "($module, z, /)")]
    fn isnan(vm: &Vm, z: &Value) -> PyResult<bool> {
        Ok(m::is_nan(value(vm, z)?))
    }

    /// Checks if the real or imaginary part of z is infinite.
    #[pyfunction(sig = "($module, z, /)")]
    fn isinf(vm: &Vm, z: &Value) -> PyResult<bool> {
        Ok(m::is_inf(value(vm, z)?))
    }

    #[pyattr]
    fn e(vm: &Vm) -> PyResult {
        vm.new_float(std::f64::consts::E)
    }

    #[pyattr]
    fn pi(vm: &Vm) -> PyResult {
        vm.new_float(std::f64::consts::PI)
    }

    #[pyattr]
    fn tau(vm: &Vm) -> PyResult {
        vm.new_float(std::f64::consts::TAU)
    }

    #[pyattr]
    fn inf(vm: &Vm) -> PyResult {
        vm.new_float(f64::INFINITY)
    }

    #[pyattr]
    fn nan(vm: &Vm) -> PyResult {
        vm.new_float(f64::NAN)
    }

    #[pyattr]
    fn infj(vm: &Vm) -> PyResult {
        vm.new_complex(0.0, f64::INFINITY)
    }

    #[pyattr]
    fn nanj(vm: &Vm) -> PyResult {
        vm.new_complex(0.0, f64::NAN)
    }

    /// log(z[, base]) -> the logarithm of z to the given base.
    ///
    /// If the base is not specified, returns the natural logarithm (base e) of z.
    #[pyfunction(sig = "($module, z, base=<unrepresentable>, /)")]
    fn log(vm: &Vm, z: &Value, base: Option<&Value>) -> PyResult {
        let z = value(vm, z)?;
        let base = base.map(|b| value(vm, b)).transpose()?;
        give(vm, m::log(z, base))
    }

    /// Return argument, also known as the phase angle, of a complex.
    #[pyfunction(sig = "($module, z, /)")]
    fn phase(vm: &Vm, z: &Value) -> PyResult<f64> {
        check(vm, m::phase(value(vm, z)?))
    }

    /// Convert a complex from rectangular coordinates to polar coordinates.
    ///
    /// r is the distance from 0 and phi the phase angle.
    #[pyfunction(sig = "($module, z, /)")]
    fn polar(vm: &Vm, z: &Value) -> PyResult {
        let (r, phi) = check(vm, m::polar(value(vm, z)?))?;
        Tuple::pair(vm, vm.new_float(r)?, vm.new_float(phi)?)
    }

    /// Convert from polar coordinates to rectangular coordinates.
    #[pyfunction(sig = "($module, r, phi, /)")]
    fn rect(vm: &Vm, r: f64, phi: f64) -> PyResult {
        give(vm, m::rect(r, phi))
    }

    /// Determine whether two complex numbers are close in value.
    ///
    ///   rel_tol
    ///     maximum difference for being considered "close", relative to the
    ///     magnitude of the input values
    ///   abs_tol
    ///     maximum difference for being considered "close", regardless of the
    ///     magnitude of the input values
    ///
    /// Return True if a is close in value to b, and False otherwise.
    #[pyfunction(sig = "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)")]
    fn isclose(
        vm: &Vm,
        a: &Value,
        b: &Value,
        #[default(1e-9)] rel_tol: f64,
        #[default(0.0)] abs_tol: f64,
    ) -> PyResult<bool> {
        check(
            vm,
            m::is_close(value(vm, a)?, value(vm, b)?, rel_tol, abs_tol),
        )
    }
}
