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
        let real = positional.first().or_else(|| args.keyword("real"));
        let imag = positional.get(1).or_else(|| args.keyword("imag"));
        if args.args.len() > 2 {
            return Err(vm.type_error(format!(
                "complex() takes at most 2 arguments ({} given)",
                args.args.len()
            )));
        }
        if let Some(text) = real.and_then(str_::of) {
            if imag.is_some() {
                return Err(vm.type_error("complex() can't take second arg if first is a string"));
            }
            let digits = naja_numbers::wtf8::ascii_number(text.as_bytes());
            return match c::parse(&digits) {
                Ok(z) => make(vm, cls, z.re, z.im),
                Err(_) => Err(vm.value_error("complex() arg is a malformed string")),
            };
        }
        let part = |value: Option<&Value>, which: &str| -> PyResult<c::Complex> {
            let Some(value) = value else {
                return Ok(c::Complex { re: 0.0, im: 0.0 });
            };
            if let Some(z) = value.downcast::<Complex>() {
                return Ok(c::Complex { re: z.re, im: z.im });
            }
            if let Some(z) = vm.call_special(value, &vm.names.__complex__, &[])? {
                return match z.downcast::<Complex>() {
                    Some(z) => Ok(c::Complex { re: z.re, im: z.im }),
                    None => Err(vm.type_error(format!(
                        "{}.__complex__() must return a complex, not {}",
                        vm.type_of(value).full_name(),
                        vm.type_of(&z).full_name()
                    ))),
                };
            }
            if str_::of(value).is_some() && which == "imag" {
                return Err(
                    vm.type_error("complex() argument 'imag' must be a real number, not str")
                );
            }
            match number::as_f64(vm, value) {
                Ok(re) => Ok(c::Complex { re, im: 0.0 }),
                Err(_) if vm.catch(&vm.types.type_error) => Err(vm.type_error(format!(
                    "complex() argument '{which}' must be a real number, not {}",
                    vm.type_of(value).full_name()
                ))),
                Err(raised) => Err(raised),
            }
        };
        let (re, im) = (part(real, "real")?, part(imag, "imag")?);
        make(vm, cls, re.re - im.im, re.im + im.re)
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
        operation!(vm, a, b, |x, y| c::add(x, y))
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| c::sub(x, y))
    }

    #[pyslot]
    fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| c::mul(x, y))
    }

    #[pyslot]
    fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| check(vm, c::div(x, y))?)
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
        let name = vm.type_of(zelf).full_name();
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

fn make(vm: &Vm, cls: &Ref<Type>, re: f64, im: f64) -> PyResult {
    Ok(vm.new_object_of(cls, Complex { re, im })?.into_value())
}
