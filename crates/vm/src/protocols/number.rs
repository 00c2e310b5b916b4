//! Arithmetic between any objects, and conversion to numbers. CPython: Objects/abstract.c.

use crate::objects::bytes::Bytes;
use crate::objects::float::Float;
use crate::objects::int::{self, Int};
use crate::objects::str_;
use crate::objects::type_::slots::{BinaryFn, Slots};
use crate::objects::type_::{Type, is_subtype};
use crate::vm::{PyResult, Raised, Vm};
use dashu_int::IBig;
use naja_heap::{Ref, Value};

/// One binary operator: its symbols and its slots.
struct Operator {
    symbol: &'static str,
    inplace_symbol: &'static str,
    slot: fn(&Slots) -> Option<BinaryFn>,
    inplace: fn(&Slots) -> Option<BinaryFn>,
}

macro_rules! operators {
    ($($symbol:literal $slot:ident $inplace:ident;)*) => {
        [$(Operator {
            symbol: $symbol, inplace_symbol: concat!($symbol, "="),
            slot: |s| s.$slot.get(), inplace: |s| s.$inplace.get(),
        }),*]
    };
}

/// In the order of the `NB_*` arguments of BINARY_OP; power (8) stands apart.
static OPERATORS: [Operator; 13] = operators! {
    "+" add inplace_add;
    "&" and inplace_and;
    "//" floor_divide inplace_floor_divide;
    "<<" lshift inplace_lshift;
    "@" matrix_multiply inplace_matrix_multiply;
    "*" multiply inplace_multiply;
    "%" remainder inplace_remainder;
    "|" or inplace_or;
    "**" add inplace_add;
    ">>" rshift inplace_rshift;
    "-" subtract inplace_subtract;
    "/" true_divide inplace_true_divide;
    "^" xor inplace_xor;
};

const REMAINDER: u32 = 6;
const POWER: u32 = 8;
const MULTIPLY: u32 = 5;
const ADD: u32 = 0;
const RSHIFT: u32 = 9;

/// `a op b` for the argument of BINARY_OP (in-place forms from 13 on; not the subscript).
#[inline]
pub fn binary_op(vm: &Vm, which: u32, a: &Value, b: &Value) -> PyResult {
    if which >= 13 {
        inplace_op(vm, which - 13, a, b)
    } else {
        plain_op(vm, which, a, b)
    }
}

fn plain_op(vm: &Vm, which: u32, a: &Value, b: &Value) -> PyResult {
    if which == POWER {
        return power(vm, a, b, &Value::NONE);
    }
    // Adding bytes needs no question who is to do it.
    if which == ADD
        && let (Some(x), Some(y)) = (a.downcast::<Bytes>(), b.downcast::<Bytes>())
        && vm.type_of(a).is(&vm.types.bytes)
        && vm.type_of(b).is(&vm.types.bytes)
    {
        return vm
            .new_bytes_joined(x.as_bytes(), y.as_bytes())
            .map(Ref::into_value);
    }
    // Nor does a template, unless the other is a string of a kind of its own.
    if which == REMAINDER
        && let Some(template) = str_::of(a)
        && vm.type_of(a).is(&vm.types.str)
        && (str_::of(b).is_none() || vm.type_of(b).is(&vm.types.str))
    {
        return str_::percent::format(vm, template, b);
    }
    let Some(operator) = OPERATORS.get(which as usize) else {
        return Err(vm.system_error("unknown operator"));
    };
    let result = binary_slots(vm, a, b, operator.slot)?;
    if !result.is_not_implemented() {
        return Ok(result);
    }
    if let Some(result) = sequence_op(vm, which, a, b)? {
        return Ok(result);
    }
    Err(unsupported(vm, operator.symbol, a, b, which == RSHIFT))
}

/// Tries the slot of both classes, the right one's first if it is a subclass.
#[inline]
fn binary_slots(vm: &Vm, a: &Value, b: &Value, slot: fn(&Slots) -> Option<BinaryFn>) -> PyResult {
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    let fa = slot(&ta.slots);
    if ta.is(tb) {
        return match fa {
            Some(f) => f(vm, a, b),
            None => Ok(Value::NOT_IMPLEMENTED),
        };
    }
    let mut fb = if ta.is(tb) { None } else { slot(&tb.slots) };
    if fa == fb {
        fb = None;
    }
    if let Some(fa) = fa {
        if let Some(f) = fb
            && is_subtype(tb, ta)
        {
            let result = f(vm, a, b)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
            fb = None;
        }
        let result = fa(vm, a, b)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    match fb {
        Some(f) => f(vm, a, b),
        None => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// `+` and `*` of sequences.
fn sequence_op(vm: &Vm, which: u32, a: &Value, b: &Value) -> PyResult<Option<Value>> {
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    match which {
        ADD => match ta.slots.concat.get() {
            Some(concat) => concat(vm, a, b).map(Some),
            None => Ok(None),
        },
        MULTIPLY => {
            if let Some(repeat) = ta.slots.repeat.get() {
                return repeat(vm, a, repeat_count(vm, b)?).map(Some);
            }
            if let Some(repeat) = tb.slots.repeat.get() {
                return repeat(vm, b, repeat_count(vm, a)?).map(Some);
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn repeat_count(vm: &Vm, count: &Value) -> PyResult<isize> {
    if !has_index(vm, count) {
        return Err(vm.type_error(format!(
            "can't multiply sequence by non-int of type '{}'",
            vm.type_of(count).full_name()
        )));
    }
    index_for(vm, count, &vm.types.overflow_error)
}

fn inplace_op(vm: &Vm, which: u32, a: &Value, b: &Value) -> PyResult {
    let slots = &vm.type_of(a).slots;
    if which == POWER {
        if let Some(f) = slots.inplace_power.get() {
            let result = f(vm, a, b, &Value::NONE)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
        }
        return power_as(vm, a, b, &Value::NONE, "**=");
    }
    let Some(operator) = OPERATORS.get(which as usize) else {
        return Err(vm.system_error("unknown operator"));
    };
    if let Some(f) = (operator.inplace)(slots) {
        let result = f(vm, a, b)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    let result = binary_slots(vm, a, b, operator.slot)?;
    if !result.is_not_implemented() {
        return Ok(result);
    }
    match which {
        ADD => {
            if let Some(f) = slots.inplace_concat.get().or(slots.concat.get()) {
                return f(vm, a, b);
            }
        }
        MULTIPLY => {
            if let Some(f) = slots.inplace_repeat.get().or(slots.repeat.get()) {
                return f(vm, a, repeat_count(vm, b)?);
            }
            if let Some(f) = vm.type_of(b).slots.repeat.get() {
                return f(vm, b, repeat_count(vm, a)?);
            }
        }
        _ => {}
    }
    Err(unsupported(vm, operator.inplace_symbol, a, b, false))
}

#[cold]
fn unsupported(vm: &Vm, symbol: &str, a: &Value, b: &Value, print_hint: bool) -> Raised {
    let (ta, tb) = (vm.type_of(a).full_name(), vm.type_of(b).full_name());
    if print_hint && vm.is_common_builtin(a, "print") {
        return vm.type_error(format!(
            "unsupported operand type(s) for {symbol}: '{ta}' and '{tb}'. Did you mean \"print(<message>, file=<output_stream>)\"?"
        ));
    }
    vm.type_error(format!(
        "unsupported operand type(s) for {symbol}: '{ta}' and '{tb}'"
    ))
}

/// `pow(a, b, c)`, `a ** b` where `c` is None.
pub fn power(vm: &Vm, a: &Value, b: &Value, c: &Value) -> PyResult {
    power_as(vm, a, b, c, "** or pow()")
}

fn power_as(vm: &Vm, a: &Value, b: &Value, c: &Value, symbol: &str) -> PyResult {
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    let fa = ta.slots.power.get();
    let mut fb = if ta.is(tb) {
        None
    } else {
        tb.slots.power.get()
    };
    if fa == fb {
        fb = None;
    }
    if let Some(fa) = fa {
        if let Some(f) = fb
            && is_subtype(tb, ta)
        {
            let result = f(vm, a, b, c)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
            fb = None;
        }
        let result = fa(vm, a, b, c)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    if let Some(f) = fb {
        let result = f(vm, a, b, c)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    if !c.is_none() {
        if let Some(f) = vm.type_of(c).slots.power.get()
            && Some(f) != fa
        {
            let result = f(vm, a, b, c)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
        }
        return Err(vm.type_error(format!(
            "unsupported operand type(s) for {symbol}: '{}', '{}', '{}'",
            ta.full_name(),
            tb.full_name(),
            vm.type_of(c).full_name()
        )));
    }
    Err(unsupported(vm, symbol, a, b, false))
}

/// `divmod(a, b)`.
pub fn divmod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    let result = binary_slots(vm, a, b, |s| s.divmod.get())?;
    if result.is_not_implemented() {
        Err(unsupported(vm, "divmod()", a, b, false))
    } else {
        Ok(result)
    }
}

macro_rules! named_operators {
    ($($name:ident = $which:literal;)*) => { $(
        #[doc = concat!("The operator number ", stringify!($which), " of BINARY_OP.")]
        pub fn $name(vm: &Vm, a: &Value, b: &Value) -> PyResult {
            binary_op(vm, $which, a, b)
        }
    )* };
}

named_operators! {
    add = 0; and = 1; floor_divide = 2; lshift = 3; matrix_multiply = 4; multiply = 5; remainder = 6; or = 7;
    rshift = 9; subtract = 10; true_divide = 11; xor = 12; inplace_add = 13;
}

fn unary(
    vm: &Vm,
    value: &Value,
    slot: Option<fn(&Vm, &Value) -> PyResult>,
    symbol: &str,
) -> PyResult {
    match slot {
        Some(f) => f(vm, value),
        None => Err(vm.type_error(format!(
            "bad operand type for {symbol}: '{}'",
            vm.type_of(value).full_name()
        ))),
    }
}

/// `-value`.
pub fn negative(vm: &Vm, value: &Value) -> PyResult {
    if let Some(n) = value.as_small_int() {
        return vm.new_int(-n);
    }
    unary(vm, value, vm.type_of(value).slots.negative.get(), "unary -")
}

/// `+value`.
pub fn positive(vm: &Vm, value: &Value) -> PyResult {
    unary(vm, value, vm.type_of(value).slots.positive.get(), "unary +")
}

/// `~value`.
pub fn invert(vm: &Vm, value: &Value) -> PyResult {
    unary(vm, value, vm.type_of(value).slots.invert.get(), "unary ~")
}

/// `abs(value)`.
pub fn absolute(vm: &Vm, value: &Value) -> PyResult {
    if let Some(n) = value.as_small_int() {
        return vm.new_int(n.abs());
    }
    unary(vm, value, vm.type_of(value).slots.absolute.get(), "abs()")
}

/// Whether the value is an int (or of a subclass, bool too).
pub fn is_int(vm: &Vm, value: &Value) -> bool {
    value.is_small_int()
        || value.is_bool()
        || vm
            .type_of(value)
            .flag(crate::objects::type_::TypeFlags::INT_SUBCLASS)
}

/// Whether the value can be an index.
#[inline]
pub fn has_index(vm: &Vm, value: &Value) -> bool {
    value.is_small_int() || vm.type_of(value).slots.index.get().is_some()
}

/// Whether the value is some number: convertible to an int or a float, or complex.
pub fn is_number(vm: &Vm, value: &Value) -> bool {
    let slots = &vm.type_of(value).slots;
    has_index(vm, value)
        || slots.int.get().is_some()
        || slots.float.get().is_some()
        || is_subtype(vm.type_of(value), &vm.types.complex)
}

/// `operator.index(value)`: an int, perhaps of a subclass.
pub fn index(vm: &Vm, value: &Value) -> PyResult {
    if is_int(vm, value) {
        return Ok(value.clone());
    }
    let ty = vm.type_of(value);
    let Some(f) = ty.slots.index.get() else {
        return Err(vm.type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            ty.full_name()
        )));
    };
    let result = f(vm, value)?;
    if !is_int(vm, &result) {
        return Err(vm.type_error(format!(
            "__index__ returned non-int (type {})",
            vm.type_of(&result).full_name()
        )));
    }
    let rty = vm.type_of(&result);
    if !rty.is(&vm.types.int) {
        vm.warn(
            &vm.types.deprecation_warning,
            format!(
                "__index__ returned non-int (type {}).  The ability to return an instance of a strict subclass of int is deprecated, and may not be supported in a future version of Python.",
                rty.full_name()
            ),
            1,
        )?;
    }
    Ok(result)
}

/// The integer of an index as a big integer.
pub fn index_big(vm: &Vm, value: &Value) -> PyResult<IBig> {
    let n = index(vm, value)?;
    int::to_big(&n).ok_or_else(|| vm.system_error("an int without a value"))
}

/// The integer of an index; None where it does not fit.
#[inline]
pub fn index_i64(vm: &Vm, value: &Value) -> PyResult<Option<i64>> {
    if let Some(n) = value.as_small_int() {
        return Ok(Some(n));
    }
    let n = index(vm, value)?;
    Ok(int::as_i64(&n))
}

pub fn index_i128(vm: &Vm, value: &Value) -> PyResult<Option<i128>> {
    let n = index(vm, value)?;
    Ok(match int::as_i64(&n) {
        Some(n) => Some(n as i128),
        None => n
            .downcast::<Int>()
            .and_then(|i| i128::try_from(&i.value).ok()),
    })
}

/// An index for a parameter of C type `Py_ssize_t`. Raises OverflowError.
#[inline]
pub fn index_isize(vm: &Vm, value: &Value) -> PyResult<isize> {
    match index_i64(vm, value)? {
        Some(n) => Ok(n as isize),
        None => Err(vm.overflow_error("Python int too large to convert to C ssize_t")),
    }
}

/// An index for looking something up; one that does not fit raises `error`.
#[inline]
pub fn index_for(vm: &Vm, value: &Value, error: &Ref<Type>) -> PyResult<isize> {
    if let Some(n) = value.as_small_int() {
        return Ok(n as isize);
    }
    match index_i64(vm, value)? {
        Some(n) => Ok(n as isize),
        None => Err(vm.raise(
            error,
            format!(
                "cannot fit '{}' into an index-sized integer",
                vm.type_of(value).full_name()
            ),
        )),
    }
}

/// An index where what does not fit is cut to the extremes (slices).
#[inline]
pub fn index_clipped(vm: &Vm, value: &Value) -> PyResult<isize> {
    if let Some(n) = value.as_small_int() {
        return Ok(n as isize);
    }
    let n = index(vm, value)?;
    Ok(match int::as_i64(&n) {
        Some(n) => n as isize,
        None => match n.downcast::<Int>() {
            Some(i) if naja_numbers::bigint::is_negative(&i.value) => isize::MIN,
            _ => isize::MAX,
        },
    })
}

/// The value of what `__float__` of a `ty` gave. Raises TypeError for what is no float, warns of subclasses.
pub fn checked_float(vm: &Vm, ty: &Type, result: &Value) -> PyResult<f64> {
    if let Some(f) = result.as_small_float() {
        return Ok(f);
    }
    let Some(f) = result.downcast::<Float>() else {
        let name = vm.type_of(result).full_name();
        return Err(vm.type_error(format!(
            "{}.__float__ returned non-float (type {name})",
            ty.full_name()
        )));
    };
    if !vm.type_of(result).is(&vm.types.float) {
        vm.warn(
            &vm.types.deprecation_warning,
            format!(
                "{}.__float__ returned non-float (type {}).  The ability to return an instance of a strict subclass of float is deprecated, and may not be supported in a future version of Python.",
                ty.full_name(),
                vm.type_of(result).full_name()
            ),
            1,
        )?;
    }
    Ok(f.value)
}

/// The float value of a number, by `__float__` or `__index__`. Raises TypeError "must be real number".
pub fn as_f64(vm: &Vm, value: &Value) -> PyResult<f64> {
    if let Some(f) = value.as_small_float() {
        return Ok(f);
    }
    if let Some(n) = value.as_small_int() {
        return Ok(n as f64);
    }
    if let Some(f) = value.downcast::<Float>() {
        return Ok(f.value);
    }
    let ty = vm.type_of(value);
    if let Some(f) = ty.slots.float.get() {
        let result = f(vm, value)?;
        return checked_float(vm, ty, &result);
    }
    if ty.slots.index.get().is_some() {
        let n = index(vm, value)?;
        return int::to_f64(vm, &n);
    }
    Err(vm.type_error(format!("must be real number, not {}", ty.full_name())))
}
