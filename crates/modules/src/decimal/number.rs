//! `decimal.Decimal`.
//!
//! Operators take Decimals and ints and use the current context; methods take a context as well. Every result passes
//! its status to the context, which raises for trapped signals. CPython: Modules/_decimal/_decimal.c.

use super::context::{self, Context, context_or_current};
pub use super::convert::required;
use super::convert::{self, operand};
use super::signals;
use dashu_int::ops::Gcd;
use dashu_int::{IBig, UBig};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::decimal::{self as dec, FormatError, Kind, Locale, Round, status as bits};
use naja_numbers::float;
use naja_vm::dict::Dict;
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::{hash, number, object, sequence};
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;

/// A function of two numbers.
pub type Binary = fn(&dec::Decimal, &dec::Decimal, &dec::Context, &mut u32) -> dec::Decimal;

/// Construct a new Decimal object. 'value' can be an integer, string, tuple,
/// or another Decimal object. If no value is given, return Decimal('0'). The
/// context does not affect the conversion and is only passed to determine if
/// the InvalidOperation trap is active.
#[pyclass(name = "Decimal", module = "decimal", flags(BASETYPE))]
#[repr(C)]
pub struct Decimal {
    pub value: dec::Decimal,
    /// The hash, or -1 before it is known.
    hash: Cell<i64>,
}

impl Decimal {
    fn of(value: dec::Decimal) -> Decimal {
        Decimal {
            value,
            hash: Cell::new(-1),
        }
    }
}

/// A new Decimal object.
#[inline]
pub fn new_decimal(vm: &Vm, value: dec::Decimal) -> PyResult {
    Ok(vm.new_object(Decimal::of(value))?.into_value())
}

/// The result of a function of one number, with its signals.
#[inline]
pub fn unary(
    vm: &Vm,
    a: &dec::Decimal,
    context: &Ref<Context>,
    op: impl FnOnce(&dec::Decimal, &dec::Context, &mut u32) -> dec::Decimal,
) -> PyResult {
    let mut status = 0;
    let result = op(a, &context.core.get(), &mut status);
    context.add_status(vm, status)?;
    new_decimal(vm, result)
}

/// The result of a function of two numbers, with its signals.
#[inline]
pub fn binary(
    vm: &Vm,
    a: &dec::Decimal,
    b: &dec::Decimal,
    context: &Ref<Context>,
    op: Binary,
) -> PyResult {
    let mut status = 0;
    let result = op(a, b, &context.core.get(), &mut status);
    context.add_status(vm, status)?;
    new_decimal(vm, result)
}

/// Quotient and remainder as a tuple.
pub fn div_mod(vm: &Vm, a: &dec::Decimal, b: &dec::Decimal, context: &Ref<Context>) -> PyResult {
    let mut status = 0;
    let (q, r) = dec::div_mod(a, b, &context.core.get(), &mut status);
    context.add_status(vm, status)?;
    let pair = vec![new_decimal(vm, q)?, new_decimal(vm, r)?];
    Ok(vm.new_tuple(pair)?.into_value())
}

/// An operator.
#[inline]
fn operator(vm: &Vm, a: &Value, b: &Value, op: Binary) -> PyResult {
    if let (Some(x), Some(y)) = (a.downcast::<Decimal>(), b.downcast::<Decimal>()) {
        return binary(vm, &x.value, &y.value, &context::current(vm)?, op);
    }
    let (Some(x), Some(y)) = (operand(vm, a)?, operand(vm, b)?) else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    binary(vm, &x, &y, &context::current(vm)?, op)
}

/// The context with another rounding mode if one is given.
fn core_with(context: &Context, rounding: Option<Value>, vm: &Vm) -> PyResult<dec::Context> {
    let mut core = context.core.get();
    if let Some(rounding) = rounding.filter(|r| !r.is_none()) {
        core.round = context::rounding(vm, &rounding)?;
    }
    Ok(core)
}

/// The integer a finite number is rounded to.
fn to_integer(vm: &Vm, d: &dec::Decimal, round: Round) -> PyResult {
    if d.is_nan() {
        return Err(vm.value_error("cannot convert NaN to integer"));
    }
    if d.is_infinite() {
        return Err(vm.overflow_error("cannot convert Infinity to integer"));
    }
    let core = dec::Context {
        round,
        ..dec::Context::MAX
    };
    let integral = dec::to_integral(d, false, &core, &mut 0);
    match integral.to_int() {
        Some(n) => vm.new_bigint(n),
        None => Err(vm.memory_error("")),
    }
}

/// `to_integral` with optional rounding and context.
fn integral(
    vm: &Vm,
    d: &dec::Decimal,
    rounding: Option<Value>,
    context: Option<Value>,
    exact: bool,
) -> PyResult {
    let context = context_or_current(vm, context.as_ref())?;
    let core = core_with(&context, rounding, vm)?;
    let mut status = 0;
    let result = dec::to_integral(d, exact, &core, &mut status);
    context.add_status(vm, status)?;
    new_decimal(vm, result)
}

/// The float next to the number.
fn to_f64(vm: &Vm, d: &dec::Decimal) -> PyResult<f64> {
    match d.kind {
        Kind::SNan => Err(vm.value_error("cannot convert signaling NaN to float")),
        Kind::Nan => Ok(f64::NAN.copysign(if d.negative { -1.0 } else { 1.0 })),
        _ => Ok(float::parse(dec::to_sci(d, true).as_bytes()).unwrap_or(f64::NAN)),
    }
}

/// Python's numeric hash of a finite number.
fn finite_hash(d: &dec::Decimal) -> i64 {
    const P: u64 = (1 << 61) - 1;
    const INVERSE_OF_10: u64 = 2_075_258_708_292_324_556;
    let times = |a: u64, b: u64| (u128::from(a) * u128::from(b) % u128::from(P)) as u64;
    let mut base = if d.exp >= 0 { 10 } else { INVERSE_OF_10 };
    let mut n = d.exp.unsigned_abs();
    let mut power = 1;
    while n > 0 {
        if n & 1 == 1 {
            power = times(power, base);
        }
        base = times(base, base);
        n >>= 1;
    }
    let coeff = match &d.coeff {
        dec::Coeff::Small(v) => (v % u128::from(P)) as u64,
        dec::Coeff::Big(v) => v % P,
    };
    let hash = times(coeff, power) as i64;
    match if d.negative { -hash } else { hash } {
        -1 => -2,
        hash => hash,
    }
}

/// What a format needs of the locale or of the dictionary given instead.
struct OwnedLocale {
    point: String,
    separator: String,
    grouping: Vec<u8>,
}

impl OwnedLocale {
    /// The C library's current locale.
    fn current(vm: &Vm) -> PyResult<OwnedLocale> {
        let locale = naja_vm::import::import_simple(vm, "_locale")?;
        let conv = vm.call_method_str(&locale, "localeconv", &[])?;
        let get = |key: &str| object::get_item(vm, &conv, vm.intern(key).as_value());
        let text = |value: Value| -> String {
            str_::of(&value).map_or_else(String::new, |s| s.to_string_lossy().into_owned())
        };
        let groups = sequence::collect(vm, &get("grouping")?)?;
        Ok(OwnedLocale {
            point: text(get("decimal_point")?),
            separator: text(get("thousands_sep")?),
            grouping: groups
                .iter()
                .filter_map(|g| naja_vm::int::as_i64(g).and_then(|g| u8::try_from(g).ok()))
                .collect(),
        })
    }

    /// What a dictionary changes.
    fn override_with(&mut self, vm: &Vm, given: &Value) -> PyResult<()> {
        let Some(dict) = given.downcast::<Dict>() else {
            return Err(vm.type_error("optional argument must be a dict"));
        };
        let get = |key: &str| -> PyResult<Option<String>> {
            match dict.get_str(vm, &vm.intern(key))? {
                None => Ok(None),
                Some(value) => match str_::of(&value) {
                    Some(text) => Ok(Some(text.to_string_lossy().into_owned())),
                    None => Err(vm.type_error("bad argument type for built-in operation")),
                },
            }
        };
        if let Some(point) = get("decimal_point")? {
            self.point = point;
        }
        if let Some(separator) = get("thousands_sep")? {
            self.separator = separator;
        }
        if let Some(grouping) = get("grouping")? {
            self.grouping = grouping.into_bytes();
        }
        let valid = (1..=4).contains(&self.point.len())
            && self.separator.len() <= 4
            && self.grouping.iter().all(u8::is_ascii);
        if valid {
            Ok(())
        } else {
            Err(vm.value_error("invalid override dict"))
        }
    }
}

/// Warns of the type 'N' in a format.
fn warn_of_old_type(vm: &Vm) -> PyResult<()> {
    vm.warn(
        &vm.types.deprecation_warning,
        "Format specifier 'N' is deprecated and slated for removal in Python 3.18",
        1,
    )
}

/// The formatted text of a number.
fn formatted(vm: &Vm, d: &dec::Decimal, spec: &Str, given: Option<&Value>) -> PyResult {
    let context = context::current(vm)?;
    let Some(text) = spec.as_str() else {
        return Err(vm.value_error("invalid format string"));
    };
    let (mut old, mut is_old) = (None, false);
    let text = match text.strip_suffix('N') {
        // Not the fill of an alignment.
        Some(rest) if !matches!(rest, "" | "<" | ">" | "=" | "^") || rest.is_empty() => {
            warn_of_old_type(vm)?;
            is_old = true;
            old.insert(format!("{rest}n")).as_str()
        }
        _ => text,
    };
    let localized = text.ends_with('n');
    let round = context.core.get().round;
    if !localized && given.is_none() && !is_old {
        return match dec::format(d, text, round, context.capitals.get(), None) {
            Ok(text) => Ok(vm.new_str(text)?.into_value()),
            Err(error) => Err(format_error(vm, error)),
        };
    }
    let mut locale = if localized {
        OwnedLocale::current(vm)?
    } else {
        let grouped = text.contains(',') || text.contains('_');
        OwnedLocale {
            point: ".".into(),
            separator: if text.contains(',') {
                ",".into()
            } else if grouped {
                "_".into()
            } else {
                String::new()
            },
            grouping: if grouped { vec![3] } else { Vec::new() },
        }
    };
    if let Some(given) = given {
        locale.override_with(vm, given)?;
    }
    let view = Locale {
        decimal_point: &locale.point,
        thousands_sep: &locale.separator,
        grouping: &locale.grouping,
    };
    let view = (localized || given.is_some()).then_some(view);
    match dec::format(d, text, round, context.capitals.get(), view.as_ref()) {
        // The old type has a capital exponent.
        Ok(text) if is_old => {
            let text = text.replace("e-", "E-").replace("e+", "E+");
            Ok(vm.new_str(text)?.into_value())
        }
        Ok(text) => Ok(vm.new_str(text)?.into_value()),
        Err(error) => Err(format_error(vm, error)),
    }
}

#[cold]
fn format_error(vm: &Vm, error: FormatError) -> naja_vm::Raised {
    match error {
        FormatError::Invalid => vm.value_error("invalid format string"),
        FormatError::TooLarge => vm.overflow_error("cannot fit 'int' into an index-sized integer"),
        FormatError::Limit => {
            vm.value_error("format specification exceeds internal limits of _decimal")
        }
        FormatError::Memory => vm.memory_error(""),
    }
}

/// Numerator and denominator in lowest terms; None for a need of absurd memory.
fn ratio(d: &dec::Decimal) -> Option<(IBig, IBig)> {
    let (coeff, zeros) = d.coeff.strip_zeros(u64::MAX);
    let signed = |n: UBig| {
        let n = IBig::from(n);
        if d.negative { -n } else { n }
    };
    if d.coeff.is_zero() {
        return Some((IBig::ZERO, IBig::ONE));
    }
    let exp = d.exp + zeros as i64;
    if exp >= 0 {
        return Some((signed(coeff.shl(exp as u64)?.to_ubig()), IBig::ONE));
    }
    let power = dec::Coeff::ONE.shl(exp.unsigned_abs())?.to_ubig();
    let numerator = coeff.to_ubig();
    let divisor = (&numerator).gcd(&power);
    Some((signed(numerator / &divisor), IBig::from(power / divisor)))
}

/// The class called with one value, or the value itself for Decimal.
fn of_class(vm: &Vm, cls: &Ref<Type>, value: dec::Decimal) -> PyResult {
    let result = new_decimal(vm, value)?;
    if cls.is(vm.class::<Decimal>()) {
        return Ok(result);
    }
    vm.call(cls.as_value(), &[result])
}

#[pymethods]
impl Decimal {
    #[pyslot(sig = "(value=\"0\", context=None)")]
    fn new(cls: &Ref<Type>, vm: &Vm, value: Option<Value>, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let exact_class = cls.is(vm.class::<Decimal>());
        let number = match value {
            None => dec::Decimal::ZERO,
            Some(value) => {
                if exact_class && vm.type_of(&value).is(cls) {
                    return Ok(value);
                }
                convert::exact(vm, &value, &context)?
            }
        };
        if exact_class {
            return new_decimal(vm, number);
        }
        Ok(vm.new_object_of(cls, Decimal::of(number))?.into_value())
    }

    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let capitals = context::current(vm)?.capitals.get();
        let text = format!("Decimal('{}')", dec::to_sci(&self.value, capitals));
        Ok(vm.new_ascii_str(text.as_bytes())?.into_value())
    }

    #[pyslot]
    fn str(&self, vm: &Vm) -> PyResult {
        let capitals = context::current(vm)?.capitals.get();
        let text = dec::to_sci(&self.value, capitals);
        Ok(vm.new_ascii_str(text.as_bytes())?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() == -1 {
            let d = &zelf.value;
            zelf.hash.set(match (d.kind, d.negative) {
                (Kind::SNan, _) => {
                    return Err(vm.type_error("Cannot hash a signaling NaN value"));
                }
                (Kind::Nan, _) => hash::hash_pointer(zelf.as_value()),
                (Kind::Infinity, false) => 314_159,
                (Kind::Infinity, true) => -314_159,
                (Kind::Finite, _) => finite_hash(d),
            });
        }
        Ok(zelf.hash.get())
    }

    #[pyslot]
    fn richcompare(&self, vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let (a, b);
        if let Some(other) = other.downcast::<Decimal>() {
            (a, b) = (
                std::borrow::Cow::Borrowed(&self.value),
                std::borrow::Cow::Borrowed(&other.value),
            );
        } else {
            let context = context::current(vm)?;
            match convert::comparison(vm, &self.value, other, equality, &context)? {
                Some(sides) => (a, b) = sides,
                None => return Ok(Value::NOT_IMPLEMENTED),
            }
        }
        if a.is_nan() || b.is_nan() {
            if !equality || a.is_snan() || b.is_snan() {
                context::current(vm)?.add_status(vm, bits::INVALID_OPERATION)?;
            }
            return Ok(Value::from_bool(op == CompareOp::Ne));
        }
        Ok(Value::from_bool(op.holds(dec::order(&a, &b))))
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operator(vm, a, b, dec::add)
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operator(vm, a, b, dec::sub)
    }

    #[pyslot]
    fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operator(vm, a, b, dec::mul)
    }

    #[pyslot]
    fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operator(vm, a, b, dec::div)
    }

    #[pyslot]
    fn floor_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operator(vm, a, b, dec::div_int)
    }

    #[pyslot]
    fn remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operator(vm, a, b, dec::rem)
    }

    #[pyslot]
    fn divmod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(x), Some(y)) = (operand(vm, a)?, operand(vm, b)?) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        div_mod(vm, &x, &y, &context::current(vm)?)
    }

    #[pyslot]
    fn power(vm: &Vm, a: &Value, b: &Value, m: &Value) -> PyResult {
        if m.is_none() {
            return operator(vm, a, b, dec::power);
        }
        let (Some(x), Some(y)) = (operand(vm, a)?, operand(vm, b)?) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let Some(m) = operand(vm, m)? else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        unary(vm, &x, &context::current(vm)?, |x, ctx, status| {
            dec::power_modulo(x, &y, &m, ctx, status)
        })
    }

    #[pyslot]
    fn negative(&self, vm: &Vm) -> PyResult {
        unary(vm, &self.value, &context::current(vm)?, dec::minus)
    }

    #[pyslot]
    fn positive(&self, vm: &Vm) -> PyResult {
        unary(vm, &self.value, &context::current(vm)?, dec::plus)
    }

    #[pyslot]
    fn absolute(&self, vm: &Vm) -> PyResult {
        unary(vm, &self.value, &context::current(vm)?, dec::abs)
    }

    #[pyslot(name = "bool")]
    fn truth(&self, _vm: &Vm) -> PyResult<bool> {
        Ok(!self.value.is_zero())
    }

    #[pyslot(name = "int")]
    fn to_int(&self, vm: &Vm) -> PyResult {
        to_integer(vm, &self.value, Round::Down)
    }

    #[pyslot(name = "float")]
    fn to_float(&self, vm: &Vm) -> PyResult {
        vm.new_float(to_f64(vm, &self.value)?)
    }

    #[pymethod(name = "__complex__", sig = "($self, /)")]
    fn to_complex(&self, vm: &Vm) -> PyResult {
        vm.new_complex(to_f64(vm, &self.value)?, 0.0)
    }

    #[pymethod(name = "__trunc__", sig = "($self, /)")]
    fn trunc(&self, vm: &Vm) -> PyResult {
        to_integer(vm, &self.value, Round::Down)
    }

    #[pymethod(name = "__floor__", sig = "($self, /)")]
    fn floor(&self, vm: &Vm) -> PyResult {
        to_integer(vm, &self.value, Round::Floor)
    }

    #[pymethod(name = "__ceil__", sig = "($self, /)")]
    fn ceil(&self, vm: &Vm) -> PyResult {
        to_integer(vm, &self.value, Round::Ceiling)
    }

    /// Round to the nearest even integer, or to a number of digits after the point.
    #[pymethod(name = "__round__", raw)]
    fn round(vm: &Vm, args: Args) -> PyResult {
        let Some(zelf) = args.args.first().and_then(|v| v.downcast::<Decimal>()) else {
            return Err(vm.type_error("descriptor '__round__' requires a 'decimal.Decimal' object"));
        };
        let digits = match args.positional() {
            [_] => return to_integer(vm, &zelf.value, Round::HalfEven),
            [_, digits] => digits,
            more => {
                return Err(vm.type_error(format!(
                    "__round__ expected at most 1 argument, got {}",
                    more.len().saturating_sub(1)
                )));
            }
        };
        if !number::is_int(vm, digits) {
            return Err(vm.type_error("optional arg must be an integer"));
        }
        let Some(digits) = naja_vm::int::as_i64(digits) else {
            return Err(vm.overflow_error("Python int too large to convert to C ssize_t"));
        };
        let quantum = dec::Decimal::new(false, dec::Coeff::ONE, digits.saturating_neg());
        let context = context::current(vm)?;
        unary(vm, &zelf.value, &context, |a, ctx, status| {
            dec::quantize(a, &quantum, ctx, status)
        })
    }

    /// Format by a specification; a dictionary may replace the locale's values.
    #[pymethod(name = "__format__", raw)]
    fn format(vm: &Vm, args: Args) -> PyResult {
        let Some(zelf) = args.args.first().and_then(|v| v.downcast::<Decimal>()) else {
            return Err(
                vm.type_error("descriptor '__format__' requires a 'decimal.Decimal' object")
            );
        };
        let (spec, given) = match args.positional() {
            [_, spec] => (spec, None),
            [_, spec, given] => (spec, Some(given)),
            [_] => return Err(vm.type_error("__format__ expected at least 1 argument, got 0")),
            more => {
                return Err(vm.type_error(format!(
                    "__format__ expected at most 2 arguments, got {}",
                    more.len().saturating_sub(1)
                )));
            }
        };
        match str_::of(spec) {
            Some(text) => formatted(vm, &zelf.value, text, given),
            None => Err(vm.type_error("format arg must be str")),
        }
    }

    #[pymethod(name = "__reduce__", sig = "($self, /)")]
    fn dunder_reduce(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let text = object::str(vm, zelf.as_value())?.into_value();
        let args = vm.new_tuple(vec![text])?.into_value();
        Ok(vm.new_tuple(vec![class, args])?.into_value())
    }

    #[pymethod(name = "__copy__", sig = "($self, /)")]
    fn dunder_copy(zelf: &Ref<Self>) -> Value {
        zelf.to_value()
    }

    #[pymethod(name = "__deepcopy__", sig = "($self, object, /)")]
    fn dunder_deepcopy(zelf: &Ref<Self>, object: &Value) -> Value {
        let _ = object;
        zelf.to_value()
    }

    #[pymethod(name = "__sizeof__", sig = "($self, /)")]
    fn dunder_sizeof(&self) -> i64 {
        let words = match &self.value.coeff {
            dec::Coeff::Small(_) => 0,
            dec::Coeff::Big(v) => v.as_words().len() as i64,
        };
        104 + 8 * words
    }

    /// The exact Decimal of a float or int.
    #[pyclassmethod(sig = "($type, f, /)")]
    fn from_float(cls: &Ref<Type>, vm: &Vm, f: &Value) -> PyResult {
        of_class(vm, cls, convert::from_float(vm, f)?)
    }

    /// The exact Decimal of a number: a float, an int or a Decimal.
    #[pyclassmethod(sig = "($type, number, /)")]
    fn from_number(cls: &Ref<Type>, vm: &Vm, number: &Value) -> PyResult {
        if cls.is(vm.class::<Decimal>()) && vm.type_of(number).is(cls) {
            return Ok(number.clone());
        }
        of_class(vm, cls, convert::from_number(vm, number)?)
    }

    #[pygetter]
    fn real(zelf: &Ref<Self>) -> Value {
        zelf.to_value()
    }

    #[pygetter]
    fn imag(&self, vm: &Vm) -> PyResult {
        new_decimal(vm, dec::Decimal::ZERO)
    }

    /// The exponent of the first digit.
    #[pymethod(sig = "($self, /)")]
    fn adjusted(&self) -> i64 {
        if self.value.is_finite() {
            self.value.adjusted()
        } else {
            0
        }
    }

    /// Sign, digits and exponent as a named tuple.
    #[pymethod(sig = "($self, /)")]
    fn as_tuple(&self, vm: &Vm) -> PyResult {
        let d = &self.value;
        let exponent = match d.kind {
            Kind::Finite => vm.new_int(d.exp)?,
            Kind::Infinity => vm.intern("F").into_value(),
            Kind::Nan => vm.intern("n").into_value(),
            Kind::SNan => vm.intern("N").into_value(),
        };
        let digits = if d.is_nan() && d.coeff.is_zero() {
            Vec::new()
        } else {
            let text = d.coeff.to_text();
            text.bytes()
                .map(|c| Value::small_int(i64::from(c - b'0')))
                .collect()
        };
        let digits = vm.new_tuple(digits)?.into_value();
        let sign = Value::small_int(i64::from(d.negative));
        let class = signals::classes(vm)?.decimal_tuple.clone();
        vm.call(&class, &[sign, digits, exponent])
    }

    /// Numerator and denominator in lowest terms, the denominator positive.
    #[pymethod(sig = "($self, /)")]
    fn as_integer_ratio(&self, vm: &Vm) -> PyResult {
        if self.value.is_nan() {
            return Err(vm.value_error("cannot convert NaN to integer ratio"));
        }
        if self.value.is_infinite() {
            return Err(vm.overflow_error("cannot convert Infinity to integer ratio"));
        }
        let Some((numerator, denominator)) = ratio(&self.value) else {
            return Err(vm.memory_error(""));
        };
        let pair = vec![vm.new_bigint(numerator)?, vm.new_bigint(denominator)?];
        Ok(vm.new_tuple(pair)?.into_value())
    }

    /// The number itself, which is canonical.
    #[pymethod(sig = "($self, /)")]
    fn canonical(zelf: &Ref<Self>) -> Value {
        zelf.to_value()
    }

    /// True for every Decimal.
    #[pymethod(sig = "($self, /)")]
    fn is_canonical(&self) -> bool {
        true
    }

    /// The number itself.
    #[pymethod(sig = "($self, /)")]
    fn conjugate(zelf: &Ref<Self>) -> Value {
        zelf.to_value()
    }

    /// The base, which is ten.
    #[pymethod(sig = "($self, /)")]
    fn radix(&self, vm: &Vm) -> PyResult {
        new_decimal(vm, dec::Decimal::from_i64(10))
    }

    /// A copy without sign.
    #[pymethod(sig = "($self, /)")]
    fn copy_abs(&self, vm: &Vm) -> PyResult {
        new_decimal(vm, self.value.copy_abs())
    }

    /// A copy with the other sign.
    #[pymethod(sig = "($self, /)")]
    fn copy_negate(&self, vm: &Vm) -> PyResult {
        new_decimal(vm, self.value.copy_negate())
    }

    /// A copy with the sign of another number.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn copy_sign(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        new_decimal(vm, self.value.with_sign(other.negative))
    }

    /// Compare representations: -1, 0 or 1.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn compare_total(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        context_or_current(vm, context.as_ref())?;
        new_decimal(vm, dec::compare_total(&self.value, &*required(vm, other)?))
    }

    /// As compare_total, without signs.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn compare_total_mag(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        context_or_current(vm, context.as_ref())?;
        new_decimal(
            vm,
            dec::compare_total_mag(&self.value, &*required(vm, other)?),
        )
    }

    /// self * other + third with one rounding.
    #[pymethod(sig = "($self, /, other, third, context=None)")]
    fn fma(&self, vm: &Vm, other: &Value, third: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let (b, c) = (required(vm, other)?, required(vm, third)?);
        unary(vm, &self.value, &context, |a, ctx, status| {
            dec::fma(a, &b, &c, ctx, status)
        })
    }

    /// The name of the number's class.
    #[pymethod(sig = "($self, /, context=None)")]
    fn number_class(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let name = self.value.number_class(&context.core.get());
        Ok(vm.new_str(name)?.into_value())
    }

    /// The number rounded to the exponent of another.
    #[pymethod(sig = "($self, /, exp, rounding=None, context=None)")]
    fn quantize(
        &self,
        vm: &Vm,
        exp: &Value,
        rounding: Option<Value>,
        context: Option<Value>,
    ) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let core = core_with(&context, rounding, vm)?;
        let exp = required(vm, exp)?;
        let mut status = 0;
        let result = dec::quantize(&self.value, &exp, &core, &mut status);
        context.add_status(vm, status)?;
        new_decimal(vm, result)
    }

    /// Whether both have the same exponent.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn same_quantum(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult<bool> {
        context_or_current(vm, context.as_ref())?;
        Ok(dec::same_quantum(&self.value, &*required(vm, other)?))
    }

    /// The text in engineering notation.
    #[pymethod(sig = "($self, /, context=None)")]
    fn to_eng_string(&self, vm: &Vm, context: Option<Value>) -> PyResult<String> {
        let context = context_or_current(vm, context.as_ref())?;
        Ok(dec::to_eng(&self.value, context.capitals.get()))
    }

    /// Round to an integer without signals.
    #[pymethod(sig = "($self, /, rounding=None, context=None)")]
    fn to_integral(&self, vm: &Vm, rounding: Option<Value>, context: Option<Value>) -> PyResult {
        integral(vm, &self.value, rounding, context, false)
    }

    /// Round to an integer without signals.
    #[pymethod(sig = "($self, /, rounding=None, context=None)")]
    fn to_integral_value(
        &self,
        vm: &Vm,
        rounding: Option<Value>,
        context: Option<Value>,
    ) -> PyResult {
        integral(vm, &self.value, rounding, context, false)
    }

    /// Round to an integer, with the signals Inexact and Rounded.
    #[pymethod(sig = "($self, /, rounding=None, context=None)")]
    fn to_integral_exact(
        &self,
        vm: &Vm,
        rounding: Option<Value>,
        context: Option<Value>,
    ) -> PyResult {
        integral(vm, &self.value, rounding, context, true)
    }

    /// e to the power of x.
    #[pymethod(sig = "($self, /, context=None)")]
    fn exp(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::exp)
    }

    /// The natural logarithm.
    #[pymethod(sig = "($self, /, context=None)")]
    fn ln(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::ln)
    }

    /// The logarithm to base ten.
    #[pymethod(sig = "($self, /, context=None)")]
    fn log10(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::log10)
    }

    /// The exponent of the first digit.
    #[pymethod(sig = "($self, /, context=None)")]
    fn logb(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::logb)
    }

    /// Invert all digits of a logical operand.
    #[pymethod(sig = "($self, /, context=None)")]
    fn logical_invert(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::logical_invert)
    }

    /// The largest representable number smaller than x.
    #[pymethod(sig = "($self, /, context=None)")]
    fn next_minus(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::next_minus)
    }

    /// The smallest representable number larger than x.
    #[pymethod(sig = "($self, /, context=None)")]
    fn next_plus(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::next_plus)
    }

    /// Strip trailing zeros; every zero becomes 0.
    #[pymethod(sig = "($self, /, context=None)")]
    fn normalize(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::reduce)
    }

    /// The square root, rounded to the nearest even.
    #[pymethod(sig = "($self, /, context=None)")]
    fn sqrt(&self, vm: &Vm, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        unary(vm, &self.value, &context, dec::sqrt)
    }

    /// Compare by value: -1, 0, 1 or NaN.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn compare(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::compare)
    }

    /// As compare, but every NaN signals.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn compare_signal(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::compare_signal)
    }

    /// Digit-wise and of logical operands.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn logical_and(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::logical_and)
    }

    /// Digit-wise or of logical operands.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn logical_or(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::logical_or)
    }

    /// Digit-wise exclusive or of logical operands.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn logical_xor(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::logical_xor)
    }

    /// The larger operand; a number wins over a quiet NaN.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn max(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::max)
    }

    /// The operand of larger magnitude.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn max_mag(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::max_mag)
    }

    /// The smaller operand; a number wins over a quiet NaN.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn min(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::min)
    }

    /// The operand of smaller magnitude.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn min_mag(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::min_mag)
    }

    /// The neighbour of the first operand towards the second.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn next_toward(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::next_toward)
    }

    /// The remainder of the quotient rounded to the nearest integer.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn remainder_near(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::rem_near)
    }

    /// Rotate the coefficient by a number of digits.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn rotate(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::rotate)
    }

    /// Add the second operand to the exponent.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn scaleb(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::scaleb)
    }

    /// Shift the coefficient by a number of digits.
    #[pymethod(sig = "($self, /, other, context=None)")]
    fn shift(&self, vm: &Vm, other: &Value, context: Option<Value>) -> PyResult {
        let context = context_or_current(vm, context.as_ref())?;
        let other = required(vm, other)?;
        binary(vm, &self.value, &other, &context, dec::shift)
    }

    /// Whether it is a finite number.
    #[pymethod(sig = "($self, /)")]
    fn is_finite(&self) -> bool {
        self.value.is_finite()
    }

    /// Whether it is infinite.
    #[pymethod(sig = "($self, /)")]
    fn is_infinite(&self) -> bool {
        self.value.is_infinite()
    }

    /// Whether it is a NaN, quiet or signaling.
    #[pymethod(sig = "($self, /)")]
    fn is_nan(&self) -> bool {
        self.value.is_nan()
    }

    /// Whether it is a quiet NaN.
    #[pymethod(sig = "($self, /)")]
    fn is_qnan(&self) -> bool {
        self.value.is_qnan()
    }

    /// Whether the sign is negative.
    #[pymethod(sig = "($self, /)")]
    fn is_signed(&self) -> bool {
        self.value.negative
    }

    /// Whether it is a signaling NaN.
    #[pymethod(sig = "($self, /)")]
    fn is_snan(&self) -> bool {
        self.value.is_snan()
    }

    /// Whether it is zero.
    #[pymethod(sig = "($self, /)")]
    fn is_zero(&self) -> bool {
        self.value.is_zero()
    }

    /// Whether it is finite, not zero and not subnormal.
    #[pymethod(sig = "($self, /, context=None)")]
    fn is_normal(&self, vm: &Vm, context: Option<Value>) -> PyResult<bool> {
        let context = context_or_current(vm, context.as_ref())?;
        Ok(self.value.is_normal(&context.core.get()))
    }

    /// Whether it is not zero and below the smallest normal number.
    #[pymethod(sig = "($self, /, context=None)")]
    fn is_subnormal(&self, vm: &Vm, context: Option<Value>) -> PyResult<bool> {
        let context = context_or_current(vm, context.as_ref())?;
        Ok(self.value.is_subnormal(&context.core.get()))
    }
}
