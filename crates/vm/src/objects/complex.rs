//! `complex`. CPython: Objects/complexobject.c.

use crate::function::Args;
use crate::objects::int::error::check;
use crate::objects::str_;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::complex as c;

/// Create a complex number from a string or numbers.
///
/// If a string is given, parse it as a complex number.
/// If a single number is given, convert it to a complex number.
/// If the 'real' or 'imag' arguments are given, create a complex number
/// with the specified real and imaginary components.
#[pyclass(name = "complex", module = "builtins", flags(BASETYPE))]
#[repr(C)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
}

impl Vm {
    /// A complex number. Raises MemoryError.
    pub fn new_complex(&self, re: f64, im: f64) -> PyResult {
        Ok(self.new_object(Complex { re, im })?.into_value())
    }
}

/// An operand of complex arithmetic; None for what is no number.
fn operand(vm: &Vm, value: &Value) -> PyResult<Option<c::Complex>> {
    if let Some(z) = value.downcast::<Complex>() {
        return Ok(Some(c::Complex { re: z.re, im: z.im }));
    }
    if crate::objects::float::value_of(value).is_some() || number::is_int(vm, value) {
        return Ok(Some(c::Complex {
            re: number::as_f64(vm, value)?,
            im: 0.0,
        }));
    }
    Ok(None)
}

/// The operands of an operator that treats a real one by itself, lest its missing imaginary part count as a zero.
enum Operands {
    Both(c::Complex, c::Complex),
    Right(c::Complex, f64),
    Left(f64, c::Complex),
}

fn operands(vm: &Vm, a: &Value, b: &Value) -> PyResult<Option<Operands>> {
    let is_complex = |v: &Value| v.downcast::<Complex>().is_some();
    Ok(match (operand(vm, a)?, operand(vm, b)?) {
        (Some(x), Some(y)) if !is_complex(b) => Some(Operands::Right(x, y.re)),
        (Some(x), Some(y)) if !is_complex(a) => Some(Operands::Left(x.re, y)),
        (Some(x), Some(y)) => Some(Operands::Both(x, y)),
        _ => None,
    })
}

fn number_of(vm: &Vm, z: c::Complex) -> PyResult {
    vm.new_complex(z.re, z.im)
}

fn own(vm: &Vm, value: &Value) -> PyResult<c::Complex> {
    operand(vm, value)?.ok_or_else(|| vm.type_error("not a complex number"))
}

macro_rules! operation {
    ($vm:ident, $a:ident, $b:ident, |$x:ident, $y:ident| $result:expr) => {
        match (operand($vm, $a)?, operand($vm, $b)?) {
            (Some($x), Some($y)) => {
                let z: c::Complex = $result;
                $vm.new_complex(z.re, z.im)
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    };
}

#[pymethods]
impl Complex {
    #[pyslot(sig = "(real=0, imag=0)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        if let ([x], 0) = (positional, args.keyword_count()) {
            return from_one(vm, cls, x);
        }
        let (real, imag) = two_arguments(vm, &args)?;
        let (mut re, mut twist) = (0.0, 0.0);
        let mut im;
        if let Some(value) = real {
            let value = special(vm, value)?.unwrap_or_else(|| value.clone());
            want_number(vm, &value, "real")?;
            if let Some(z) = value.downcast::<Complex>() {
                warn_complex(vm, real.unwrap_or(&value), "real")?;
                (re, twist) = (z.re, z.im);
            } else {
                re = crate::objects::float::from_object(vm, &value)?;
            }
        }
        if let Some(value) = imag {
            want_number(vm, value, "imag")?;
            if let Some(z) = value.downcast::<Complex>() {
                warn_complex(vm, value, "imag")?;
                im = z.re;
                re -= z.im;
            } else {
                im = crate::objects::float::from_object(vm, value)?;
            }
            if real.is_some_and(|r| r.downcast::<Complex>().is_some()) {
                im += twist
            }
        } else {
            im = twist
        }
        make(vm, cls, re, im)
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let z = own(vm, zelf)?;
        Ok(vm.new_str(c::repr(z))?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Value, vm: &Vm) -> PyResult<i64> {
        let z = own(vm, zelf)?;
        let part = |f: f64| {
            naja_numbers::float::hash(f)
                .unwrap_or_else(|| crate::protocols::hash::hash_pointer(zelf))
        };
        Ok(c::combine_hashes(part(z.re), part(z.im)))
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let Some(z) = a.downcast::<Complex>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let equal = if number::is_int(vm, b) {
            let re = vm.new_float(z.re)?;
            z.im == 0.0 && crate::protocols::compare::compare_bool(vm, &re, b, CompareOp::Eq)?
        } else {
            match operand(vm, b)? {
                Some(w) => z.re == w.re && z.im == w.im,
                None => return Ok(Value::NOT_IMPLEMENTED),
            }
        };
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match operands(vm, a, b)? {
            Some(Operands::Both(x, y)) => number_of(vm, c::add(x, y)),
            Some(Operands::Right(x, y) | Operands::Left(y, x)) => number_of(vm, c::add_real(x, y)),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match operands(vm, a, b)? {
            Some(Operands::Both(x, y)) => number_of(vm, c::sub(x, y)),
            Some(Operands::Right(x, y)) => number_of(vm, c::sub_real(x, y)),
            Some(Operands::Left(x, y)) => number_of(vm, c::real_sub(x, y)),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match operands(vm, a, b)? {
            Some(Operands::Both(x, y)) => number_of(vm, c::mul(x, y)),
            Some(Operands::Right(x, y) | Operands::Left(y, x)) => number_of(vm, c::mul_real(x, y)),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match operands(vm, a, b)? {
            Some(Operands::Both(x, y)) => number_of(vm, check(vm, c::div(x, y))?),
            Some(Operands::Right(x, y)) => number_of(vm, check(vm, c::div_real(x, y))?),
            Some(Operands::Left(x, y)) => number_of(vm, check(vm, c::real_div(x, y))?),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn power(vm: &Vm, a: &Value, b: &Value, m: &Value) -> PyResult {
        if !m.is_none() {
            return Err(vm.value_error("complex modulo"));
        }
        operation!(vm, a, b, |x, y| check(vm, c::pow(x, y))?)
    }

    #[pyslot]
    fn negative(zelf: &Value, vm: &Vm) -> PyResult {
        let z = own(vm, zelf)?;
        vm.new_complex(-z.re, -z.im)
    }

    #[pyslot]
    fn positive(zelf: &Value, vm: &Vm) -> PyResult {
        let z = own(vm, zelf)?;
        vm.new_complex(z.re, z.im)
    }

    #[pyslot]
    fn absolute(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(check(vm, c::abs(own(vm, zelf)?))?)
    }

    #[pyslot(name = "bool")]
    fn truth(zelf: &Value, vm: &Vm) -> PyResult<bool> {
        let z = own(vm, zelf)?;
        Ok(z.re != 0.0 || z.im != 0.0)
    }

    /// Return the complex conjugate of its argument. (3-4j).conjugate() == 3+4j.
    #[pymethod]
    fn conjugate(zelf: &Value, vm: &Vm) -> PyResult {
        let z = own(vm, zelf)?;
        vm.new_complex(z.re, -z.im)
    }

    /// Convert number to a complex floating-point number.
    #[pyclassmethod(sig = "($type, number, /)")]
    fn from_number(cls: &Ref<Type>, vm: &Vm, number: &Value) -> PyResult {
        if cls.is(&vm.types.complex) && vm.type_of(number).is(&vm.types.complex) {
            return Ok(number.clone());
        }
        let number = special(vm, number)?.unwrap_or_else(|| number.clone());
        let (re, im) = match number.downcast::<Complex>() {
            Some(z) => (z.re, z.im),
            None => (number::as_f64(vm, &number)?, 0.0),
        };
        let made = vm.new_complex(re, im)?;
        if cls.is(&vm.types.complex) {
            Ok(made)
        } else {
            vm.call(cls.as_value(), &[made])
        }
    }

    /// Convert this value to exact type complex.
    #[pymethod]
    fn __complex__(zelf: &Value, vm: &Vm) -> PyResult {
        let z = own(vm, zelf)?;
        vm.new_complex(z.re, z.im)
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Value, vm: &Vm) -> PyResult {
        let z = own(vm, zelf)?;
        Ok(vm
            .new_tuple(vec![vm.new_float(z.re)?, vm.new_float(z.im)?])?
            .into_value())
    }

    /// Convert to a string according to format_spec.
    #[pymethod(sig = "($self, format_spec, /)")]
    fn __format__(zelf: &Value, vm: &Vm, format_spec: &Ref<str_::Str>) -> PyResult {
        if format_spec.byte_len() == 0 {
            return Ok(object::str(vm, zelf)?.into_value());
        }
        let z = own(vm, zelf)?;
        let ty = vm.type_of(zelf);
        let name = || ty.full_name();
        let locale = naja_numbers::format_spec::Locale::C;
        let text = naja_numbers::format_spec::format_complex(
            z.re,
            z.im,
            format_spec.as_bytes(),
            &name,
            &locale,
        );
        Ok(vm.new_str_wtf8(&check(vm, text)?)?.into_value())
    }

    /// the real part of a complex number
    #[pymember]
    fn real(&self) -> f64 {
        self.re
    }

    /// the imaginary part of a complex number
    #[pymember]
    fn imag(&self) -> f64 {
        self.im
    }
}

/// What the object's `__complex__` gives; None where it has none.
fn special(vm: &Vm, value: &Value) -> PyResult<Option<Value>> {
    if vm.type_of(value).is(&vm.types.complex) {
        return Ok(None);
    }
    let Some(z) = vm.call_special(value, &vm.names.__complex__, &[])? else {
        return Ok(None);
    };
    if z.downcast::<Complex>().is_none() {
        return Err(vm.type_error(format!(
            "__complex__ returned non-complex (type {})",
            vm.type_of(&z).full_name()
        )));
    }
    if !vm.type_of(&z).is(&vm.types.complex) {
        vm.warn(
            &vm.types.deprecation_warning,
            format!(
                "__complex__ returned non-complex (type {}).  The ability to return an instance \
                 of a strict subclass of complex is deprecated, and may not be supported in a \
                 future version of Python.",
                vm.type_of(&z).full_name()
            ),
            1,
        )?;
    }
    Ok(Some(z))
}

fn is_real(vm: &Vm, value: &Value) -> bool {
    let slots = &vm.type_of(value).slots;
    slots.float.get().is_some() || slots.index.get().is_some()
}

/// Raises TypeError for a part that is no number.
fn want_number(vm: &Vm, value: &Value, which: &str) -> PyResult<()> {
    if is_real(vm, value) || value.downcast::<Complex>().is_some() {
        return Ok(());
    }
    Err(vm.type_error(format!(
        "complex() argument '{which}' must be a real number, not {}",
        vm.type_of(value).full_name()
    )))
}

fn warn_complex(vm: &Vm, value: &Value, which: &str) -> PyResult<()> {
    vm.warn(
        &vm.types.deprecation_warning,
        format!(
            "complex() argument '{which}' must be a real number, not {}",
            vm.type_of(value).qualified(vm)
        ),
        1,
    )
}

/// `complex(x)`.
fn from_one(vm: &Vm, cls: &Ref<Type>, x: &Value) -> PyResult {
    if let Some(text) = str_::of(x) {
        let digits = naja_numbers::wtf8::ascii_number(text.as_bytes());
        return match c::parse(&digits) {
            Ok(z) => make(vm, cls, z.re, z.im),
            Err(_) => Err(vm.value_error("complex() arg is a malformed string")),
        };
    }
    if cls.is(&vm.types.complex) && vm.type_of(x).is(&vm.types.complex) {
        return Ok(x.clone());
    }
    let x = special(vm, x)?.unwrap_or_else(|| x.clone());
    if let Some(z) = x.downcast::<Complex>() {
        return make(vm, cls, z.re, z.im);
    }
    if !is_real(vm, &x) {
        return Err(vm.type_error(format!(
            "complex() argument must be a string or a number, not {}",
            vm.type_of(&x).full_name()
        )));
    }
    make(vm, cls, crate::objects::float::from_object(vm, &x)?, 0.0)
}

/// `real` and `imag`, by place or name.
fn two_arguments<'a>(vm: &Vm, args: &Args<'a>) -> PyResult<(Option<&'a Value>, Option<&'a Value>)> {
    let positional = args.positional();
    if args.args.len() > 2 {
        return Err(vm.type_error(format!(
            "complex() takes at most 2 {}arguments ({} given)",
            if positional.is_empty() {
                "keyword "
            } else {
                ""
            },
            args.args.len()
        )));
    }
    let mut parts = [positional.first(), positional.get(1)];
    for (name, value) in args.keywords() {
        let at = ["real", "imag"]
            .iter()
            .position(|n| n.as_bytes() == name.as_bytes());
        match at {
            Some(i) if parts[i].is_some() => {
                return Err(vm.type_error(format!(
                    "argument for complex() given by name ('{}') and position ({})",
                    name.to_string_lossy(),
                    i + 1
                )));
            }
            Some(i) => parts[i] = Some(value),
            None => {
                return Err(vm.type_error(format!(
                    "complex() got an unexpected keyword argument '{}'",
                    name.to_string_lossy()
                )));
            }
        }
    }
    Ok((parts[0], parts[1]))
}

fn make(vm: &Vm, cls: &Ref<Type>, re: f64, im: f64) -> PyResult {
    Ok(vm.new_object_of(cls, Complex { re, im })?.into_value())
}
