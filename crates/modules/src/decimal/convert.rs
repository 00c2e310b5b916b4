//! Python values to decimal numbers: exactly for the constructor and operands, rounded for `create_decimal`.
//!
//! CPython: `PyDecType_FromObjectExact`, `PyDec_FromObject`, `convert_op`, `dectuple_as_str` in
//! Modules/_decimal/_decimal.c.

use super::context::Context;
use super::number::{Decimal, new_decimal};
use naja_heap::{Ref, Value};
use naja_numbers::decimal::{self as dec, status as bits};
use naja_vm::complex::Complex;
use naja_vm::list::List;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Raised, Vm};
use std::borrow::Cow;

/// A number as an operand: borrowed from a Decimal, or made of an int.
pub type Operand<'a> = Cow<'a, dec::Decimal>;

/// The number of a Python int.
pub fn from_int(vm: &Vm, value: &Value) -> PyResult<dec::Decimal> {
    if let Some(n) = naja_vm::int::as_i64(value) {
        return Ok(dec::Decimal::from_i64(n));
    }
    match naja_vm::int::to_big(value) {
        Some(n) => Ok(dec::Decimal::from_int(&n)),
        None => Err(vm.system_error("an int without a value")),
    }
}

/// An operand of arithmetic: a Decimal or an int.
#[inline]
pub fn operand<'a>(vm: &Vm, value: &'a Value) -> PyResult<Option<Operand<'a>>> {
    if let Some(decimal) = value.downcast::<Decimal>() {
        return Ok(Some(Cow::Borrowed(&decimal.value)));
    }
    if number::is_int(vm, value) {
        return Ok(Some(Cow::Owned(from_int(vm, value)?)));
    }
    Ok(None)
}

#[cold]
fn unsupported(vm: &Vm, value: &Value) -> Raised {
    vm.type_error(format!(
        "conversion from {} to Decimal is not supported",
        vm.type_of(value).full_name()
    ))
}

/// An operand of a method, which must be a number.
#[inline]
pub fn required<'a>(vm: &Vm, value: &'a Value) -> PyResult<Operand<'a>> {
    operand(vm, value)?.ok_or_else(|| unsupported(vm, value))
}

/// The exact value of a float or int.
pub fn from_float(vm: &Vm, value: &Value) -> PyResult<dec::Decimal> {
    if number::is_int(vm, value) {
        return from_int(vm, value);
    }
    match naja_vm::float::value_of(value) {
        Some(f) => Ok(dec::Decimal::from_f64(f)),
        None => Err(vm.type_error("argument must be int or float")),
    }
}

/// A str as ASCII: other scripts' digits become ASCII ones, and, where `lenient`, surrounding whitespace and underscores
/// go. Anything else becomes a character that no number has.
fn ascii_text(text: &Str, lenient: bool) -> Vec<u8> {
    if text.is_ascii() && !lenient {
        return text.as_bytes().to_vec();
    }
    let mut out = Vec::with_capacity(text.char_len());
    for c in text.code_points() {
        match u8::try_from(c) {
            Ok(b'_') if lenient => {}
            Ok(byte) if byte.is_ascii() => out.push(byte),
            _ => out.push(match naja_unicode::decimal_value(c) {
                Some(digit) => digit + b'0',
                None if naja_unicode::is_space(c) => b' ',
                None => b'?',
            }),
        }
    }
    if lenient {
        let blank = |b: &u8| naja_unicode::is_space(u32::from(*b));
        let start = out.iter().position(|b| !blank(b)).unwrap_or(out.len());
        let end = out.iter().rposition(|b| !blank(b)).map_or(start, |e| e + 1);
        return out.get(start..end).unwrap_or(&[]).to_vec();
    }
    out
}

/// Text of a tuple `(sign, digits, exponent)`.
fn tuple_text(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    let items_of = |value: &Value| -> Option<Vec<Value>> {
        if let Some(tuple) = value.downcast::<Tuple>() {
            return Some(tuple.items().to_vec());
        }
        value.downcast::<List>().map(|list| list.to_vec())
    };
    let items = items_of(value).unwrap_or_default();
    let [sign, digits, exponent] = items.as_slice() else {
        return Err(vm.value_error("argument must be a sequence of length 3"));
    };
    let small = |v: &Value| {
        number::is_int(vm, v)
            .then(|| naja_vm::int::as_i64(v))
            .flatten()
    };
    let mut text = match small(sign) {
        Some(0) => Vec::new(),
        Some(1) => vec![b'-'],
        _ => return Err(vm.value_error("sign must be an integer with the value 0 or 1")),
    };
    let mut exp = None;
    if let Some(letter) = str_::of(exponent) {
        match letter.as_bytes() {
            b"F" => {
                text.extend_from_slice(b"Inf");
                return Ok(text);
            }
            b"n" => text.extend_from_slice(b"NaN"),
            b"N" => text.extend_from_slice(b"sNaN"),
            _ => {
                return Err(
                    vm.value_error("string argument in the third position must be 'F', 'n' or 'N'")
                );
            }
        }
    } else if number::is_int(vm, exponent) {
        let n = naja_vm::int::as_i64(exponent)
            .ok_or_else(|| vm.overflow_error("Python int too large to convert to C ssize_t"))?;
        exp = Some(n);
    } else {
        return Err(vm.value_error("exponent must be an integer"));
    }
    let bad_digits = || vm.value_error("coefficient must be a tuple of digits");
    let digits = items_of(digits).ok_or_else(bad_digits)?;
    if digits.is_empty() && exp.is_some() {
        text.push(b'0');
    }
    for digit in &digits {
        match small(digit) {
            Some(d @ 0..=9) => text.push(b'0' + d as u8),
            _ => return Err(bad_digits()),
        }
    }
    if let Some(exp) = exp {
        text.extend_from_slice(format!("E{exp}").as_bytes());
    }
    Ok(text)
}

/// The number of a text for a constructor, with the status of the conversion.
fn exact_text(text: &[u8], status: &mut u32) -> dec::Decimal {
    dec::parse_exact(text, status)
}

/// The number of a text rounded to the context.
fn rounded_text(text: &[u8], ctx: &dec::Context, status: &mut u32) -> dec::Decimal {
    match dec::parse(text) {
        Some(number) => rounded_number(number, ctx, status),
        None => {
            *status |= bits::CONVERSION_SYNTAX;
            dec::Decimal::nan()
        }
    }
}

/// A number under the context; a NaN whose payload does not fit is a conversion error.
fn rounded_number(number: dec::Decimal, ctx: &dec::Context, status: &mut u32) -> dec::Decimal {
    let room = ctx.prec - i64::from(ctx.clamp);
    if number.is_nan() && !number.coeff.is_zero() && number.coeff.digits() as i64 > room {
        *status |= bits::CONVERSION_SYNTAX;
        return dec::Decimal::nan();
    }
    dec::finalize(number, ctx, status)
}

/// The exact number for `Decimal(value)`; flags and traps of `context`.
pub fn exact(vm: &Vm, value: &Value, context: &Ref<Context>) -> PyResult<dec::Decimal> {
    if let Some(decimal) = value.downcast::<Decimal>() {
        return Ok(decimal.value.clone());
    }
    let mut status = 0;
    let number = if let Some(text) = str_::of(value) {
        exact_text(&ascii_text(text, true), &mut status)
    } else if number::is_int(vm, value) {
        from_int(vm, value)?
    } else if value.downcast::<Tuple>().is_some() || value.downcast::<List>().is_some() {
        exact_text(&tuple_text(vm, value)?, &mut status)
    } else if let Some(f) = naja_vm::float::value_of(value) {
        context.add_status(vm, bits::FLOAT_OPERATION)?;
        dec::Decimal::from_f64(f)
    } else {
        return Err(unsupported(vm, value));
    };
    context.add_status(vm, status & bits::ERRORS)?;
    Ok(number)
}

/// `Decimal.from_number`.
pub fn from_number(vm: &Vm, value: &Value) -> PyResult<dec::Decimal> {
    if let Some(decimal) = value.downcast::<Decimal>() {
        return Ok(decimal.value.clone());
    }
    if number::is_int(vm, value) || naja_vm::float::value_of(value).is_some() {
        return from_float(vm, value);
    }
    Err(unsupported(vm, value))
}

/// `context.create_decimal(value)`.
pub fn rounded(vm: &Vm, value: Option<&Value>, context: &Ref<Context>) -> PyResult {
    let Some(value) = value else {
        return new_decimal(vm, dec::Decimal::ZERO);
    };
    let core = context.core.get();
    let mut status = 0;
    let number = if let Some(decimal) = value.downcast::<Decimal>() {
        rounded_number(decimal.value.clone(), &core, &mut status)
    } else if let Some(text) = str_::of(value) {
        rounded_text(&ascii_text(text, false), &core, &mut status)
    } else if number::is_int(vm, value) {
        dec::finalize(from_int(vm, value)?, &core, &mut status)
    } else if value.downcast::<Tuple>().is_some() || value.downcast::<List>().is_some() {
        rounded_text(&tuple_text(vm, value)?, &core, &mut status)
    } else if let Some(f) = naja_vm::float::value_of(value) {
        context.add_status(vm, bits::FLOAT_OPERATION)?;
        dec::finalize(dec::Decimal::from_f64(f), &core, &mut status)
    } else {
        return Err(unsupported(vm, value));
    };
    context.add_status(vm, status)?;
    new_decimal(vm, number)
}

/// Both sides of a comparison: the left one may change because the right one is a fraction. None: not comparable.
pub fn comparison<'a>(
    vm: &Vm,
    left: &'a dec::Decimal,
    right: &'a Value,
    equality: bool,
    context: &Ref<Context>,
) -> PyResult<Option<(Operand<'a>, Operand<'a>)>> {
    let same = Cow::Borrowed(left);
    if let Some(right) = operand(vm, right)? {
        return Ok(Some((same, right)));
    }
    let mut float = naja_vm::float::value_of(right);
    if let Some(complex) = right.downcast::<Complex>()
        && equality
        && complex.im == 0.0
    {
        float = Some(complex.re);
    }
    if let Some(f) = float {
        if equality {
            context
                .flags
                .set(context.flags.get() | bits::FLOAT_OPERATION);
        } else {
            context.add_status(vm, bits::FLOAT_OPERATION)?;
        }
        return Ok(Some((same, Cow::Owned(dec::Decimal::from_f64(f)))));
    }
    if right.downcast::<Complex>().is_some() || str_::of(right).is_some() || right.is_none() {
        return Ok(None);
    }
    let rational = super::signals::classes(vm)?.rational.clone();
    if !object::is_instance(vm, right, &rational)? {
        return Ok(None);
    }
    let part = |name: &str| -> PyResult<dec::Decimal> {
        let part = attributes::get_by(vm, right, name)?;
        if !number::is_int(vm, &part) {
            return Err(vm.type_error(format!("{name} must be an integer")));
        }
        from_int(vm, &part)
    };
    let (numerator, denominator) = (part("numerator")?, part("denominator")?);
    if !left.is_finite() {
        return Ok(Some((same, Cow::Owned(numerator))));
    }
    let mut status = 0;
    let product = dec::mul(left, &denominator, &dec::Context::MAX, &mut status);
    if status & bits::ERRORS != 0 {
        context.add_status(vm, status & bits::ERRORS)?;
    }
    Ok(Some((Cow::Owned(product), Cow::Owned(numerator))))
}
