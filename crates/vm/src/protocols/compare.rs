//! Rich comparison. CPython: Objects/object.c (do_richcompare).

use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::is_subtype;
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use std::cmp::Ordering;

/// One of the six comparisons, numbered as CPython's `Py_LT` .. `Py_GE`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CompareOp {
    Lt,
    Le,
    Eq,
    Ne,
    Gt,
    Ge,
}

impl CompareOp {
    pub fn from_index(index: u32) -> CompareOp {
        use CompareOp::*;
        [Lt, Le, Eq, Ne, Gt, Ge][(index % 6) as usize]
    }

    /// The operation with its operands exchanged.
    pub fn swapped(self) -> CompareOp {
        use CompareOp::*;
        match self {
            Lt => Gt,
            Le => Ge,
            Eq => Eq,
            Ne => Ne,
            Gt => Lt,
            Ge => Le,
        }
    }

    pub fn symbol(self) -> &'static str {
        ["<", "<=", "==", "!=", ">", ">="][self as usize]
    }

    /// Whether the comparison holds for operands so ordered.
    #[inline]
    pub fn holds(self, ordering: Ordering) -> bool {
        use CompareOp::*;
        match self {
            Lt => ordering.is_lt(),
            Le => ordering.is_le(),
            Eq => ordering.is_eq(),
            Ne => ordering.is_ne(),
            Gt => ordering.is_gt(),
            Ge => ordering.is_ge(),
        }
    }

    /// The result for operands so ordered, or unordered.
    #[inline]
    pub fn value(self, ordering: Option<Ordering>) -> Value {
        Value::from_bool(match ordering {
            Some(ordering) => self.holds(ordering),
            None => self == CompareOp::Ne,
        })
    }
}

/// How two values are ordered, where that needs no class to be asked: ints, bools, floats or exact strings.
#[inline]
pub fn quick_order(vm: &Vm, a: &Value, b: &Value) -> Option<Ordering> {
    /// The number in an unboxed int or a bool.
    #[inline(always)]
    fn int(value: &Value) -> Option<i64> {
        match value.as_small_int() {
            None if value.is_bool() => Some(value.is_true() as i64),
            n => n,
        }
    }
    if let (Some(x), Some(y)) = (a.as_small_float(), b.as_small_float()) {
        return x.partial_cmp(&y);
    }
    if let (Some(x), Some(y)) = (int(a), int(b)) {
        return Some(x.cmp(&y));
    }
    match (
        crate::objects::dict::exact_str(vm, a),
        crate::objects::dict::exact_str(vm, b),
    ) {
        // WTF-8 sorts by code points.
        (Some(x), Some(y)) => Some(x.as_bytes().cmp(y.as_bytes())),
        _ => None,
    }
}

/// `a < b` as a truth value.
#[inline]
pub fn less(vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
    if let Some(order) = quick_order(vm, a, b) {
        return Ok(order.is_lt());
    }
    if let (Some(x), Some(y)) = (exact_tuple(vm, a), exact_tuple(vm, b))
        && let Some(less) = tuple_less(vm, x, y)
    {
        return Ok(less);
    }
    let result = rich_compare(vm, a, b, CompareOp::Lt)?;
    object::is_true(vm, &result)
}

#[inline]
fn exact_tuple<'a>(vm: &Vm, value: &'a Value) -> Option<&'a [Value]> {
    value
        .downcast::<Tuple>()
        .filter(|_| vm.type_of(value).is(&vm.types.tuple))
        .map(|tuple| tuple.items())
}

/// `a < b` of tuples, as far as no class need be asked.
fn tuple_less(vm: &Vm, a: &[Value], b: &[Value]) -> Option<bool> {
    for (x, y) in a.iter().zip(b) {
        if !x.is(y) {
            match quick_order(vm, x, y)? {
                Ordering::Equal => {}
                order => return Some(order.is_lt()),
            }
        }
    }
    Some(a.len() < b.len())
}

/// `a op b`.
pub fn rich_compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    if let Some(order) = quick_order(vm, a, b) {
        return Ok(Value::from_bool(op.holds(order)));
    }
    vm.check_stack()?;
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    let mut reflected_tried = false;
    if !ta.is(tb)
        && is_subtype(tb, ta)
        && let Some(compare) = tb.slots.richcompare.get()
    {
        reflected_tried = true;
        let result = compare(vm, b, a, op.swapped())?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    if let Some(compare) = ta.slots.richcompare.get() {
        let result = compare(vm, a, b, op)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    if !reflected_tried && let Some(compare) = tb.slots.richcompare.get() {
        let result = compare(vm, b, a, op.swapped())?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    match op {
        CompareOp::Eq => Ok(Value::from_bool(a.is(b))),
        CompareOp::Ne => Ok(Value::from_bool(!a.is(b))),
        _ => Err(vm.type_error(format!(
            "'{}' not supported between instances of '{}' and '{}'",
            op.symbol(),
            ta.full_name(),
            tb.full_name()
        ))),
    }
}

/// `a op b` as a truth value; identical objects are equal without being asked.
pub fn compare_bool(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult<bool> {
    if a.is(b) {
        match op {
            CompareOp::Eq => return Ok(true),
            CompareOp::Ne => return Ok(false),
            _ => {}
        }
    }
    let result = rich_compare(vm, a, b, op)?;
    object::is_true(vm, &result)
}

/// Whether two values are the same or equal, where that needs no class to be asked: unboxed numbers of a kind, exact strings.
#[inline(always)]
pub(crate) fn quick_eq(vm: &Vm, a: &Value, b: &Value) -> Option<bool> {
    if a.is(b) {
        return Some(true);
    }
    if a.is_small_int() && b.is_small_int() || a.is_small_float() && b.is_small_float() {
        return Some(false);
    }
    match (
        crate::objects::dict::exact_str(vm, a),
        crate::objects::dict::exact_str(vm, b),
    ) {
        (Some(x), Some(y)) => Some(str_::eq(x, y)),
        _ => quick_eq_rare(vm, a, b),
    }
}

/// The rest of `quick_eq`: bools, and tuples of what is compared as quickly.
#[inline(never)]
fn quick_eq_rare(vm: &Vm, a: &Value, b: &Value) -> Option<bool> {
    if a.is_bool() && b.is_bool() {
        return Some(false);
    }
    let (x, y) = (exact_tuple(vm, a)?, exact_tuple(vm, b)?);
    if x.len() != y.len() {
        return Some(false);
    }
    for (x, y) in x.iter().zip(y) {
        if !x.is(y) && !quick_order(vm, x, y)?.is_eq() {
            return Some(false);
        }
    }
    Some(true)
}

/// Identical or equal: how containers compare items.
#[inline]
pub fn eq(vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
    match quick_eq(vm, a, b) {
        Some(equal) => Ok(equal),
        None => compare_bool(vm, a, b, CompareOp::Eq),
    }
}
