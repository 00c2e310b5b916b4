//! `float`.
//!
//! Floats of usual magnitude are unboxed (`Value::as_small_float`); zero, infinities, NaNs, extreme ones and instances of
//! subclasses are [`Float`] objects. CPython: Objects/floatobject.c.

use crate::function::Args;
use crate::objects::buffer::Buffer;
use crate::objects::int::{self, error::check};
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::float::Power;
use naja_numbers::format_spec::{self, Locale};
use naja_numbers::{bigint, float, wtf8};

/// Convert a string or number to a floating-point number, if possible.
#[pyclass(name = "float", module = "builtins", flags(BASETYPE, MATCH_SELF))]
#[repr(C)]
pub struct Float {
    pub value: f64,
}

impl Vm {
    /// The float `f`. Raises MemoryError.
    #[inline(always)]
    pub fn new_float(&self, f: f64) -> PyResult {
        match Value::try_float(f) {
            Some(value) => Ok(value),
            None => self.boxed_float(f),
        }
    }

    /// The float, if nothing has to be allocated for it.
    #[inline]
    pub fn ready_float(&self, f: f64) -> Option<Value> {
        Value::try_float(f).or_else(|| self.zero(f))
    }

    /// The shared object of a zero, once there is one.
    #[inline]
    fn zero(&self, f: f64) -> Option<Value> {
        if f != 0.0 {
            return None;
        }
        let zero = &self.interp.state.float_zeros[f.is_sign_negative() as usize];
        // SAFETY: a clone is taken, which runs nothing.
        unsafe { (*zero.as_ptr()).clone() }
    }

    #[inline(never)]
    fn boxed_float(&self, value: f64) -> PyResult {
        match self.zero(value) {
            Some(zero) => Ok(zero),
            None => self.make_float(value),
        }
    }

    #[inline(never)]
    fn make_float(&self, value: f64) -> PyResult {
        let made = self.new_object(Float { value })?.into_value();
        if value == 0.0 {
            let zero = &self.interp.state.float_zeros[value.is_sign_negative() as usize];
            zero.set(Some(made.clone()));
        }
        Ok(made)
    }
}

/// `l op r` (numbered as BINARY_OP's argument) of exact floats and ints that floats hold exactly, at least one of them a float;
/// None for everything else, errors included.
#[inline(always)]
pub(crate) fn arithmetic(vm: &Vm, operation: u32, l: &Value, r: &Value) -> Option<f64> {
    if l.is_small_int() && r.is_small_int() {
        return None;
    }
    let (x, y) = (plain_operand(vm, l)?, plain_operand(vm, r)?);
    Some(match operation {
        0 | 13 => x + y,
        10 | 23 => x - y,
        5 | 18 => x * y,
        11 | 24 if y != 0.0 => x / y,
        _ => return None,
    })
}

/// The value of an exact float, or of an int that a float holds exactly.
#[inline(always)]
pub(crate) fn plain_operand(vm: &Vm, value: &Value) -> Option<f64> {
    match value.as_small_int() {
        Some(n) => (n.unsigned_abs() <= 1 << 53).then_some(n as f64),
        None => exact(vm, value),
    }
}

/// The value of a float that is not of a subclass.
#[inline]
pub fn exact(vm: &Vm, value: &Value) -> Option<f64> {
    match value.as_small_float() {
        Some(f) => Some(f),
        None => value
            .downcast::<Float>()
            .filter(|_| vm.type_of(value).is(&vm.types.float))
            .map(|f| f.value),
    }
}

/// The value of a float, subclasses included.
#[inline]
pub fn value_of(value: &Value) -> Option<f64> {
    value
        .as_small_float()
        .or_else(|| value.downcast::<Float>().map(|f| f.value))
}

/// An operand of float arithmetic: a float or an int. None for others.
fn operand(vm: &Vm, value: &Value) -> PyResult<Option<f64>> {
    if let Some(f) = value_of(value) {
        return Ok(Some(f));
    }
    if number::is_int(vm, value) {
        int::to_f64(vm, value).map(Some)
    } else {
        Ok(None)
    }
}

fn operands(vm: &Vm, a: &Value, b: &Value) -> PyResult<Option<(f64, f64)>> {
    Ok(match (operand(vm, a)?, operand(vm, b)?) {
        (Some(a), Some(b)) => Some((a, b)),
        _ => None,
    })
}

/// `a ** b`: complex for a negative base with a fraction as exponent.
pub fn power(vm: &Vm, a: f64, b: f64) -> PyResult {
    match check(vm, float::pow(a, b))? {
        Power::Float(f) => vm.new_float(f),
        Power::Complex => {
            let z = check(vm, naja_numbers::complex::pow(complex(a), complex(b)))?;
            vm.new_complex(z.re, z.im)
        }
    }
}

fn complex(re: f64) -> naja_numbers::complex::Complex {
    naja_numbers::complex::Complex { re, im: 0.0 }
}

fn own(vm: &Vm, value: &Value) -> PyResult<f64> {
    value_of(value).ok_or_else(|| {
        vm.type_error(format!(
            "'{}' object is not a float",
            vm.type_of(value).full_name()
        ))
    })
}

macro_rules! operation {
    ($vm:ident, $a:ident, $b:ident, |$x:ident, $y:ident| $result:expr) => {
        match operands($vm, $a, $b)? {
            Some(($x, $y)) => $vm.new_float($result),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    };
}

#[pymethods]
impl Float {
    #[pyslot(sig = "(x=0, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        // A subclass's own `__init__` may take keywords.
        let own_init = |ty: &Type| ty.slots.init.get().map(|f| f as usize);
        if args.keyword_count() > 0
            && (cls.is(&vm.types.float) || own_init(cls) == own_init(&vm.types.float))
        {
            return Err(vm.type_error("float() takes no keyword arguments"));
        }
        let value = match args.positional() {
            [] => 0.0,
            [x] if cls.is(&vm.types.float) && vm.type_of(x).is(&vm.types.float) => {
                return Ok(x.clone());
            }
            [x] => from_object(vm, x)?,
            many => {
                return Err(vm.type_error(format!(
                    "float expected at most 1 argument, got {}",
                    many.len()
                )));
            }
        };
        if cls.is(&vm.types.float) {
            return vm.new_float(value);
        }
        Ok(vm.new_object_of(cls, Float { value })?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        float::with_repr(own(vm, zelf)?, |text| vm.new_ascii_str(text.as_bytes()))
            .map(Ref::into_value)
    }

    #[pyslot]
    fn hash(zelf: &Value, vm: &Vm) -> PyResult<i64> {
        // NaNs hash by identity.
        Ok(float::hash(own(vm, zelf)?)
            .unwrap_or_else(|| crate::protocols::hash::hash_pointer(zelf)))
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let Some(x) = value_of(a) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if let Some(y) = value_of(b) {
            return Ok(op.value(x.partial_cmp(&y)));
        }
        if !number::is_int(vm, b) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let ordering = match int::as_i64(b) {
            Some(n) if n.unsigned_abs() < 1 << 53 => x.partial_cmp(&(n as f64)),
            _ => match int::to_big(b) {
                Some(n) => bigint::cmp_f64(&n, x).map(std::cmp::Ordering::reverse),
                None => None,
            },
        };
        Ok(op.value(ordering))
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| x + y)
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| x - y)
    }

    #[pyslot]
    fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| x * y)
    }

    #[pyslot]
    fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| check(vm, float::div(x, y))?)
    }

    #[pyslot]
    fn floor_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| check(vm, float::floor_div(x, y))?)
    }

    #[pyslot]
    fn remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| check(vm, float::floor_mod(x, y))?)
    }

    #[pyslot]
    fn divmod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match operands(vm, a, b)? {
            Some((x, y)) => {
                let (q, r) = check(vm, float::divmod(x, y))?;
                Tuple::pair(vm, vm.new_float(q)?, vm.new_float(r)?)
            }
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn power(vm: &Vm, a: &Value, b: &Value, c: &Value) -> PyResult {
        if !c.is_none() {
            return Err(
                vm.type_error("pow() 3rd argument not allowed unless all arguments are integers")
            );
        }
        match operands(vm, a, b)? {
            Some((x, y)) => power(vm, x, y),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn negative(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(-own(vm, zelf)?)
    }

    #[pyslot]
    fn positive(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(own(vm, zelf)?)
    }

    #[pyslot]
    fn absolute(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(own(vm, zelf)?.abs())
    }

    #[pyslot(name = "bool")]
    fn truth(zelf: &Value, vm: &Vm) -> PyResult<bool> {
        Ok(own(vm, zelf)? != 0.0)
    }

    #[pyslot(name = "int")]
    fn to_int(zelf: &Value, vm: &Vm) -> PyResult {
        truncated(vm, own(vm, zelf)?)
    }

    #[pyslot(name = "float")]
    fn to_float(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(own(vm, zelf)?)
    }

    /// Return the Integral closest to x between 0 and x.
    #[pymethod]
    fn __trunc__(zelf: &Value, vm: &Vm) -> PyResult {
        truncated(vm, own(vm, zelf)?)
    }

    /// Return the floor as an Integral.
    #[pymethod]
    fn __floor__(zelf: &Value, vm: &Vm) -> PyResult {
        truncated(vm, own(vm, zelf)?.floor())
    }

    /// Return the ceiling as an Integral.
    #[pymethod]
    fn __ceil__(zelf: &Value, vm: &Vm) -> PyResult {
        truncated(vm, own(vm, zelf)?.ceil())
    }

    /// Return the Integral closest to x, rounding half toward even.
    ///
    /// When an argument is passed, work like built-in round(x, ndigits).
    #[pymethod(sig = "($self, ndigits=None, /)")]
    pub(crate) fn __round__(zelf: &Value, vm: &Vm, ndigits: Option<Value>) -> PyResult {
        let x = own(vm, zelf)?;
        match ndigits.filter(|n| !n.is_none()) {
            None if x.abs() < (1i64 << 52) as f64 => vm.new_int(x.round_ties_even() as i64),
            None => vm.new_bigint(check(vm, bigint::from_f64_round(x))?),
            Some(ndigits) => {
                let ndigits = number::index_clipped(vm, &ndigits)?;
                vm.new_float(check(vm, float::round(x, ndigits as i64))?)
            }
        }
    }

    /// Return self, the complex conjugate of any float.
    #[pymethod]
    fn conjugate(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(own(vm, zelf)?)
    }

    /// Return True if the float is an integer.
    #[pymethod]
    fn is_integer(zelf: &Value, vm: &Vm) -> PyResult<bool> {
        Ok(float::is_integer(own(vm, zelf)?))
    }

    /// Return a pair of integers, whose ratio is exactly equal to the original float.
    ///
    /// The ratio is in lowest terms and has a positive denominator.  Raise
    /// OverflowError on infinities and a ValueError on NaNs.
    #[pymethod]
    fn as_integer_ratio(zelf: &Value, vm: &Vm) -> PyResult {
        let (n, d) = check(vm, float::as_integer_ratio(own(vm, zelf)?))?;
        Ok(vm
            .new_tuple(vec![vm.new_bigint(n)?, vm.new_bigint(d)?])?
            .into_value())
    }

    /// Return a hexadecimal representation of a floating-point number.
    #[pymethod]
    fn hex(zelf: &Value, vm: &Vm) -> PyResult<String> {
        Ok(float::to_hex(own(vm, zelf)?))
    }

    /// Create a floating-point number from a hexadecimal string.
    #[pyclassmethod(sig = "($type, string, /)")]
    fn fromhex(cls: &Ref<Type>, vm: &Vm, string: &Ref<Str>) -> PyResult {
        let value = vm.new_float(check(vm, float::from_hex(string.as_bytes()))?)?;
        if cls.is(&vm.types.float) {
            Ok(value)
        } else {
            vm.call(cls.as_value(), &[value])
        }
    }

    /// You probably don't want to use this function.
    ///
    ///   typestr
    ///     Must be 'double' or 'float'.
    ///
    /// It exists mainly to be used in Python's test suite.
    ///
    /// This function returns whichever of 'unknown', 'IEEE, big-endian' or
    /// 'IEEE, little-endian' best describes the format of floating-point
    /// numbers used by the C type named by typestr.
    #[pyclassmethod(sig = "($type, typestr, /)")]
    fn __getformat__(_cls: &Ref<Type>, vm: &Vm, typestr: &str) -> PyResult<&'static str> {
        match typestr {
            "double" | "float" if cfg!(target_endian = "little") => Ok("IEEE, little-endian"),
            "double" | "float" => Ok("IEEE, big-endian"),
            _ => Err(vm.value_error("__getformat__() argument 1 must be 'double' or 'float'")),
        }
    }

    /// Convert real number to a floating-point number.
    #[pyclassmethod(sig = "($type, number, /)")]
    fn from_number(cls: &Ref<Type>, vm: &Vm, number: &Value) -> PyResult {
        if cls.is(&vm.types.float) && vm.type_of(number).is(&vm.types.float) {
            return Ok(number.clone());
        }
        let value = vm.new_float(number::as_f64(vm, number)?)?;
        if cls.is(&vm.types.float) {
            Ok(value)
        } else {
            vm.call(cls.as_value(), &[value])
        }
    }

    /// Formats the float according to format_spec.
    #[pymethod(sig = "($self, format_spec, /)")]
    pub(crate) fn __format__(zelf: &Value, vm: &Vm, format_spec: &Ref<Str>) -> PyResult {
        // The most usual: `.2f`.
        if let [b'.', digit @ b'0'..=b'9', b'f'] = format_spec.as_bytes()
            && let Some(x) = zelf.as_small_float()
            && let Some(text) = float::Fixed::new(x, (digit - b'0') as usize)
        {
            return Ok(vm.new_ascii_str(text.as_bytes())?.into_value());
        }
        if format_spec.byte_len() == 0 {
            return Ok(object::str(vm, zelf)?.into_value());
        }
        let ty = vm.type_of(zelf);
        let name = || ty.full_name();
        let text =
            format_spec::format_float(own(vm, zelf)?, format_spec.as_bytes(), &name, &Locale::C);
        Ok(vm.new_str_wtf8(&check(vm, text)?)?.into_value())
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm
            .new_tuple(vec![vm.new_float(own(vm, zelf)?)?])?
            .into_value())
    }

    /// the real part of a complex number
    #[pygetter]
    fn real(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(own(vm, zelf)?)
    }

    /// the imaginary part of a complex number
    #[pygetter]
    fn imag(_zelf: &Value) -> f64 {
        0.0
    }
}

/// The int closest to zero.
fn truncated(vm: &Vm, f: f64) -> PyResult {
    if f.abs() < (1i64 << 60) as f64 {
        return vm.new_int(f as i64);
    }
    vm.new_bigint(check(vm, bigint::from_f64(f))?)
}

/// `float(x)` of text, bytes or a number.
pub fn from_object(vm: &Vm, x: &Value) -> PyResult<f64> {
    if vm.type_of(x).is(&vm.types.str)
        && let Some(text) = str_::of(x).filter(|text| text.is_ascii())
        && let Some(f) = float::parse(text.as_bytes())
    {
        return Ok(f);
    }
    // A subclass may override `__float__`.
    if exact(vm, x).is_none()
        && !vm.type_of(x).is(&vm.types.str)
        && (value_of(x).is_some() || str_::of(x).is_some())
        && let Some(f) = vm.type_of(x).slots.float.get()
    {
        let made = f(vm, x)?;
        return number::checked_float(vm, vm.type_of(x), &made);
    }
    let bytes = if let Some(text) = str_::of(x) {
        wtf8::ascii_number(text.as_bytes()).into_owned()
    } else if Buffer::supported(vm, x) && vm.type_of(x).slots.float.get().is_none() {
        Buffer::of(vm, x)?.to_vec()
    } else {
        return match number::as_f64(vm, x) {
            Err(raised)
                if vm.type_of(x).slots.float.get().is_none()
                    && vm.type_of(x).slots.index.get().is_none() =>
            {
                vm.clear_exception();
                let _ = raised;
                Err(vm.type_error(format!(
                    "float() argument must be a string or a real number, not '{}'",
                    vm.type_of(x).full_name()
                )))
            }
            result => result,
        };
    };
    match float::parse(&bytes) {
        Some(f) => Ok(f),
        None => {
            let shown = object::repr(vm, x)?;
            Err(vm.value_error(format!(
                "could not convert string to float: {}",
                shown.to_string_lossy()
            )))
        }
    }
}
