//! `math`: functions on floats and ints, whose computation is in `naja_numbers::math` and `naja_numbers::bigint`.
//!
//! Here arguments are converted, small ints get short ways, and errors become exceptions.
//! CPython: Modules/mathmodule.c.

use dashu_int::IBig;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_numbers::{bigint, math as m};
use naja_vm::float;
use naja_vm::int::error::check;
use naja_vm::int::{self, BIT_LIMIT};
use naja_vm::protocols::{iterator, number, sequence};
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::{Args, OrNone, PyResult, Vm};

/// `float.__trunc__` and its like: the special method of any class but float.
fn rounded(vm: &Vm, x: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    vm.call_special(x, name, &[])
}

fn to_int(vm: &Vm, x: f64) -> PyResult {
    if x.abs() < 4e18 {
        return vm.new_int(x as i64);
    }
    vm.new_bigint(check(vm, bigint::from_f64(x))?)
}

/// The logarithm of an int or float.
fn logarithm(
    vm: &Vm,
    x: &Value,
    of_float: fn(f64) -> naja_numbers::Result<f64>,
    of_int: fn(&IBig) -> naja_numbers::Result<f64>,
) -> PyResult<f64> {
    if number::is_int(vm, x) {
        return check(vm, of_int(&number::index_big(vm, x)?));
    }
    check(vm, of_float(number::as_f64(vm, x)?))
}

fn coordinates(vm: &Vm, items: &[Value]) -> PyResult<smallvec::SmallVec<[f64; 8]>> {
    let mut all = smallvec::SmallVec::with_capacity(items.len());
    for x in items {
        all.push(number::as_f64(vm, x)?)
    }
    Ok(all)
}

/// `math.sumprod`: ints exactly, floats with more precision than they have, everything else by operators.
struct SumProduct {
    total: Value,
    ints: Option<i128>,
    floats: Option<m::TripleSum>,
}

impl SumProduct {
    fn flush_ints(&mut self, vm: &Vm) -> PyResult<()> {
        if let Some(n) = self.ints.take()
            && n != 0
        {
            let n = vm.new_bigint(IBig::from(n))?;
            self.total = number::add(vm, &self.total, &n)?;
        }
        Ok(())
    }

    fn flush_floats(&mut self, vm: &Vm) -> PyResult<()> {
        if let Some(sum) = self.floats.take() {
            self.total = number::add(vm, &self.total, &vm.new_float(sum.value())?)?;
        }
        Ok(())
    }

    fn add(&mut self, vm: &Vm, p: &Value, q: &Value) -> PyResult<()> {
        if let (Some(a), Some(b)) = (p.as_small_int(), q.as_small_int())
            && self.floats.is_none()
        {
            let product = i128::from(a) * i128::from(b);
            match self.ints.unwrap_or(0).checked_add(product) {
                Some(sum) => self.ints = Some(sum),
                None => {
                    self.flush_ints(vm)?;
                    self.ints = Some(product);
                }
            }
            return Ok(());
        }
        let real = |v: &Value| float::exact(vm, v).or_else(|| v.as_small_int().map(|n| n as f64));
        let any_float = float::exact(vm, p).is_some() || float::exact(vm, q).is_some();
        if (any_float || self.floats.is_some())
            && let (Some(x), Some(y)) = (real(p), real(q))
        {
            self.flush_ints(vm)?;
            if self.floats.get_or_insert_default().add_product(x, y) {
                return Ok(());
            }
        }
        self.flush_ints(vm)?;
        self.flush_floats(vm)?;
        let product = number::multiply(vm, p, q)?;
        self.total = number::add(vm, &self.total, &product)?;
        Ok(())
    }
}

#[pymodule(
    name = "math",
    doc = "This module provides access to the mathematical functions\ndefined by the C standard."
)]
pub mod module {
    use super::*;

    /// Return the arc cosine (measured in radians) of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn acos(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::acos(x))
    }

    /// Return the inverse hyperbolic cosine of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn acosh(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::acosh(x))
    }

    /// Return the arc sine (measured in radians) of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn asin(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::asin(x))
    }

    /// Return the inverse hyperbolic tangent of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn atanh(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::atanh(x))
    }

    /// Return the cosine of x (measured in radians).
    #[pyfunction(sig = "($module, x, /)")]
    fn cos(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::cos(x))
    }

    /// Return the hyperbolic cosine of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn cosh(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::cosh(x))
    }

    /// Return e raised to the power of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn exp(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::exp(x))
    }

    /// Return 2 raised to the power of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn exp2(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::exp2(x))
    }

    /// Return exp(x)-1.
    #[pyfunction(sig = "($module, x, /)")]
    fn expm1(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::expm1(x))
    }

    /// Return the sine of x (measured in radians).
    #[pyfunction(sig = "($module, x, /)")]
    fn sin(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::sin(x))
    }

    /// Return the hyperbolic sine of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn sinh(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::sinh(x))
    }

    /// Return the square root of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn sqrt(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::sqrt(x))
    }

    /// Return the tangent of x (measured in radians).
    #[pyfunction(sig = "($module, x, /)")]
    fn tan(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::tan(x))
    }

    /// Return the natural logarithm of 1+x (base e).
    #[pyfunction(sig = "($module, x, /)")]
    fn log1p(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::log1p(x))
    }

    /// Gamma function at x.
    #[pyfunction(sig = "($module, x, /)")]
    fn gamma(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::gamma(x))
    }

    /// Natural logarithm of absolute value of Gamma function at x.
    #[pyfunction(sig = "($module, x, /)")]
    fn lgamma(vm: &Vm, x: f64) -> PyResult<f64> {
        check(vm, m::lgamma(x))
    }

    /// Return the inverse hyperbolic sine of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn asinh(x: f64) -> f64 {
        m::asinh(x)
    }

    /// Return the arc tangent (measured in radians) of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn atan(x: f64) -> f64 {
        m::atan(x)
    }

    /// Return the cube root of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn cbrt(x: f64) -> f64 {
        m::cbrt(x)
    }

    /// Error function at x.
    #[pyfunction(sig = "($module, x, /)")]
    fn erf(x: f64) -> f64 {
        m::erf(x)
    }

    /// Complementary error function at x.
    #[pyfunction(sig = "($module, x, /)")]
    fn erfc(x: f64) -> f64 {
        m::erfc(x)
    }

    /// Return the hyperbolic tangent of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn tanh(x: f64) -> f64 {
        m::tanh(x)
    }

    /// Convert angle x from radians to degrees.
    #[pyfunction(sig = "($module, x, /)")]
    fn degrees(x: f64) -> f64 {
        m::degrees(x)
    }

    /// Convert angle x from degrees to radians.
    #[pyfunction(sig = "($module, x, /)")]
    fn radians(x: f64) -> f64 {
        m::radians(x)
    }

    /// Return the value of the least significant bit of the float x.
    #[pyfunction(sig = "($module, x, /)")]
    fn ulp(x: f64) -> f64 {
        m::ulp(x)
    }

    /// Return the absolute value of the float x.
    #[pyfunction(sig = "($module, x, /)")]
    fn fabs(x: f64) -> f64 {
        x.abs()
    }

    /// Return True if x is neither an infinity nor a NaN, and False otherwise.
    #[pyfunction(sig = "($module, x, /)")]
    fn isfinite(x: f64) -> bool {
        x.is_finite()
    }

    /// Return True if x is a positive or negative infinity, and False otherwise.
    #[pyfunction(sig = "($module, x, /)")]
    fn isinf(x: f64) -> bool {
        x.is_infinite()
    }

    /// Return True if x is a NaN (not a number), and False otherwise.
    #[pyfunction(sig = "($module, x, /)")]
    fn isnan(x: f64) -> bool {
        x.is_nan()
    }

    /// Return x**y (x to the power of y).
    #[pyfunction(sig = "($module, x, y, /)")]
    fn pow(vm: &Vm, x: f64, y: f64) -> PyResult<f64> {
        check(vm, m::pow(x, y))
    }

    /// Return fmod(x, y), according to platform C.
    #[pyfunction(sig = "($module, x, y, /)")]
    fn fmod(vm: &Vm, x: f64, y: f64) -> PyResult<f64> {
        check(vm, m::fmod(x, y))
    }

    /// Difference between x and the closest integer multiple of y.
    #[pyfunction(sig = "($module, x, y, /)")]
    fn remainder(vm: &Vm, x: f64, y: f64) -> PyResult<f64> {
        check(vm, m::remainder(x, y))
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

    /// Return the arc tangent (measured in radians) of y/x.
    #[pyfunction(sig = "($module, y, x, /)")]
    fn atan2(y: f64, x: f64) -> f64 {
        m::atan2(y, x)
    }

    /// Return a float with the magnitude (absolute value) of x but the sign of y.
    #[pyfunction(sig = "($module, x, y, /)")]
    fn copysign(x: f64, y: f64) -> f64 {
        x.copysign(y)
    }

    /// Fused multiply-add operation.
    ///
    /// Compute (x * y) + z with a single round.
    #[pyfunction(sig = "($module, x, y, z, /)")]
    fn fma(vm: &Vm, x: f64, y: f64, z: f64) -> PyResult<f64> {
        check(vm, m::fma(x, y, z))
    }

    /// Return the ceiling of x as an Integral.
    #[pyfunction(sig = "($module, x, /)")]
    fn ceil(vm: &Vm, x: &Value) -> PyResult {
        if let Some(f) = float::exact(vm, x) {
            return match f.is_finite() {
                true => to_int(vm, f.ceil()),
                false => vm.new_bigint(check(vm, bigint::from_f64_ceil(f))?),
            };
        }
        if let Some(result) = rounded(vm, x, &vm.intern("__ceil__"))? {
            return Ok(result);
        }
        vm.new_bigint(check(vm, bigint::from_f64_ceil(number::as_f64(vm, x)?))?)
    }

    /// Return the floor of x as an Integral.
    #[pyfunction(sig = "($module, x, /)")]
    fn floor(vm: &Vm, x: &Value) -> PyResult {
        if let Some(f) = float::exact(vm, x) {
            return match f.is_finite() {
                true => to_int(vm, f.floor()),
                false => vm.new_bigint(check(vm, bigint::from_f64_floor(f))?),
            };
        }
        if let Some(result) = rounded(vm, x, &vm.intern("__floor__"))? {
            return Ok(result);
        }
        vm.new_bigint(check(vm, bigint::from_f64_floor(number::as_f64(vm, x)?))?)
    }

    /// Truncates the Real x to the nearest Integral toward 0.
    #[pyfunction(sig = "($module, x, /)")]
    fn trunc(vm: &Vm, x: &Value) -> PyResult {
        if let Some(f) = float::exact(vm, x) {
            return vm.new_bigint(check(vm, bigint::from_f64(f))?);
        }
        match rounded(vm, x, &vm.intern("__trunc__"))? {
            Some(result) => Ok(result),
            None => Err(vm.type_error(format!(
                "type {} doesn't define __trunc__ method",
                vm.type_of(x).full_name()
            ))),
        }
    }

    /// Return the mantissa and exponent of x, as pair (m, e).
    #[pyfunction(sig = "($module, x, /)")]
    fn frexp(vm: &Vm, x: f64) -> PyResult {
        let (mantissa, exponent) = m::frexp(x);
        Tuple::pair(vm, vm.new_float(mantissa)?, vm.new_int(exponent.into())?)
    }

    /// Return the fractional and integer parts of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn modf(vm: &Vm, x: f64) -> PyResult {
        let (fraction, whole) = m::modf(x);
        Tuple::pair(vm, vm.new_float(fraction)?, vm.new_float(whole)?)
    }

    /// Return x * (2**i).
    #[pyfunction(sig = "($module, x, i, /)")]
    fn ldexp(vm: &Vm, x: f64, i: &Value) -> PyResult<f64> {
        match int::to_big(i) {
            Some(exponent) => check(vm, m::ldexp(x, &exponent)),
            None => Err(vm.type_error("Expected an int as second argument to ldexp.")),
        }
    }

    /// log(x, [base=math.e])
    /// Return the logarithm of x to the given base.
    ///
    /// If the base is not specified, returns the natural logarithm (base e) of x.
    #[pyfunction(raw)]
    fn log(vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("math.log() takes no keyword arguments"));
        }
        let ln = |x: &Value| logarithm(vm, x, m::log, m::log_int);
        match args.args {
            [] => Err(vm.type_error("log expected at least 1 argument, got 0")),
            [x] => vm.new_float(ln(x)?),
            [x, base] => {
                let (x, base) = (ln(x)?, ln(base)?);
                vm.new_float(check(vm, m::log_quotient(x, base))?)
            }
            many => Err(vm.type_error(format!(
                "log expected at most 2 arguments, got {}",
                many.len()
            ))),
        }
    }

    /// Return the base 2 logarithm of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn log2(vm: &Vm, x: &Value) -> PyResult<f64> {
        logarithm(vm, x, m::log2, m::log2_int)
    }

    /// Return the base 10 logarithm of x.
    #[pyfunction(sig = "($module, x, /)")]
    fn log10(vm: &Vm, x: &Value) -> PyResult<f64> {
        logarithm(vm, x, m::log10, m::log10_int)
    }

    /// Greatest Common Divisor.
    #[pyfunction(sig = "($module, /, *integers)")]
    fn gcd(vm: &Vm, integers: &[Value]) -> PyResult {
        if let [a, b] = integers
            && let (Some(a), Some(b)) = (a.as_small_int(), b.as_small_int())
        {
            return vm.new_bigint(IBig::from(bigint::gcd_i64(a, b)));
        }
        let mut result = IBig::ZERO;
        for n in integers {
            result = bigint::gcd(&result, &number::index_big(vm, n)?);
        }
        vm.new_bigint(result)
    }

    /// Least Common Multiple.
    #[pyfunction(sig = "($module, /, *integers)")]
    fn lcm(vm: &Vm, integers: &[Value]) -> PyResult {
        let mut result = IBig::ONE;
        for n in integers {
            result = bigint::lcm(&result, &number::index_big(vm, n)?);
        }
        vm.new_bigint(result)
    }

    /// Return the integer part of the square root of the input.
    #[pyfunction(sig = "($module, n, /)")]
    fn isqrt(vm: &Vm, n: &Value) -> PyResult {
        if let Some(n) = n.as_small_int()
            && n >= 0
        {
            return vm.new_int(n.isqrt());
        }
        vm.new_bigint(check(vm, bigint::isqrt(&number::index_big(vm, n)?))?)
    }

    /// Find n!.
    #[pyfunction(sig = "($module, n, /)")]
    fn factorial(vm: &Vm, n: &Value) -> PyResult {
        let n = number::index_big(vm, n)?;
        let result = bigint::factorial(&n, BIT_LIMIT, &mut int::stopper(vm));
        vm.new_bigint(check(vm, result)?)
    }

    /// Number of ways to choose k items from n items without repetition and without order.
    ///
    /// Evaluates to n! / (k! * (n - k)!) when k <= n and evaluates
    /// to zero when k > n.
    #[pyfunction(sig = "($module, n, k, /)")]
    fn comb(vm: &Vm, n: &Value, k: &Value) -> PyResult {
        let (n, k) = (number::index_big(vm, n)?, number::index_big(vm, k)?);
        let result = bigint::comb(&n, &k, BIT_LIMIT, &mut int::stopper(vm));
        vm.new_bigint(check(vm, result)?)
    }

    /// Number of ways to choose k items from n items without repetition and with order.
    ///
    /// Evaluates to n! / (n - k)! when k <= n and evaluates
    /// to zero when k > n.
    ///
    /// If k is not specified or is None, then k defaults to n
    /// and the function returns n!.
    #[pyfunction(sig = "($module, n, k=None, /)")]
    fn perm(vm: &Vm, n: &Value, k: OrNone<&Value>) -> PyResult {
        let Some(k) = k.0 else {
            return factorial(vm, n);
        };
        let (n, k) = (number::index_big(vm, n)?, number::index_big(vm, k)?);
        let result = bigint::perm(&n, &k, BIT_LIMIT, &mut int::stopper(vm));
        vm.new_bigint(check(vm, result)?)
    }

    /// Multidimensional Euclidean distance from the origin to a point.
    #[pyfunction(sig = "($module, /, *coordinates)")]
    fn hypot(vm: &Vm, coordinates: &[Value]) -> PyResult<f64> {
        Ok(m::hypot(&super::coordinates(vm, coordinates)?))
    }

    /// Return the Euclidean distance between two points p and q.
    ///
    /// The points should be specified as sequences (or iterables) of
    /// coordinates.  Both inputs must have the same dimension.
    #[pyfunction(sig = "($module, p, q, /)")]
    fn dist(vm: &Vm, p: &Value, q: &Value) -> PyResult<f64> {
        let (p, q) = (sequence::collect(vm, p)?, sequence::collect(vm, q)?);
        if p.len() != q.len() {
            return Err(vm.value_error("both points must have the same number of dimensions"));
        }
        let (p, q) = (coordinates(vm, &p)?, coordinates(vm, &q)?);
        check(vm, m::dist(&p, &q))
    }

    /// Return an accurate floating-point sum of values in the iterable seq.
    ///
    /// Assumes IEEE-754 floating-point arithmetic.
    #[pyfunction(sig = "($module, seq, /)")]
    fn fsum(vm: &Vm, seq: &Value) -> PyResult<f64> {
        let mut sum = m::Fsum::default();
        let items = iterator::iter(vm, seq)?;
        while let Some(item) = iterator::next(vm, &items)? {
            check(vm, sum.add(number::as_f64(vm, &item)?))?;
        }
        check(vm, sum.finish())
    }

    /// Calculate the product of all the elements in the input iterable.
    ///
    /// The default start value for the product is 1.
    ///
    /// When the iterable is empty, return the start value.  This function is
    /// intended specifically for use with numeric values and may reject
    /// non-numeric types.
    #[pyfunction(sig = "($module, iterable, /, *, start=1)")]
    fn prod(vm: &Vm, iterable: &Value, start: Option<Value>) -> PyResult {
        let mut result = start.unwrap_or(Value::small_int(1));
        let items = iterator::iter(vm, iterable)?;
        while let Some(item) = iterator::next(vm, &items)? {
            result = match (result.as_small_float(), float::exact(vm, &item)) {
                (Some(a), Some(b)) => vm.new_float(a * b)?,
                _ => number::multiply(vm, &result, &item)?,
            };
        }
        Ok(result)
    }

    /// Return the sum of products of values from two iterables p and q.
    ///
    /// Roughly equivalent to:
    ///
    ///     sum(itertools.starmap(operator.mul, zip(p, q, strict=True)))
    ///
    /// For float and mixed int/float inputs, the intermediate products
    /// and sums are computed with extended precision.
    #[pyfunction(sig = "($module, p, q, /)")]
    fn sumprod(vm: &Vm, p: &Value, q: &Value) -> PyResult {
        let (p, q) = (iterator::iter(vm, p)?, iterator::iter(vm, q)?);
        let mut sum = SumProduct {
            total: Value::small_int(0),
            ints: None,
            floats: None,
        };
        loop {
            match (iterator::next(vm, &p)?, iterator::next(vm, &q)?) {
                (Some(a), Some(b)) => sum.add(vm, &a, &b)?,
                (None, None) => break,
                _ => return Err(vm.value_error("Inputs are not the same length")),
            }
        }
        sum.flush_ints(vm)?;
        sum.flush_floats(vm)?;
        Ok(sum.total)
    }

    /// Determine whether two floating-point numbers are close in value.
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
        a: f64,
        b: f64,
        #[default(1e-9)] rel_tol: f64,
        #[default(0.0)] abs_tol: f64,
    ) -> PyResult<bool> {
        check(vm, m::is_close(a, b, rel_tol, abs_tol))
    }

    /// Return the floating-point value the given number of steps after x towards y.
    ///
    /// If steps is not specified or is None, it defaults to 1.
    #[pyfunction(sig = "($module, x, y, /, *, steps=None)")]
    fn nextafter(vm: &Vm, x: f64, y: f64, steps: OrNone<&Value>) -> PyResult<f64> {
        match steps.0 {
            None => Ok(m::nextafter(x, y)),
            Some(steps) => {
                let steps = number::index_big(vm, steps)?;
                check(vm, m::nextafter_steps(x, y, &steps))
            }
        }
    }
}
