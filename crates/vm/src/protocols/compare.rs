//! Rich comparison. CPython: Objects/object.c (do_richcompare).

use crate::objects::float::{self, Float};
use crate::objects::int::Int;
use crate::objects::list::List;
use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::slot_defs::slot_richcompare;
use crate::objects::type_::slots::CompareFn;
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use dashu_int::IBig;
use naja_heap::{Payload, Ref, Value};
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

/// How deep tuples and lists in each other are compared without asking their classes.
const DEPTH: u32 = 24;

/// How two values are ordered, where that needs no class to be asked: numbers, exact strings, and tuples and lists of them.
#[inline]
pub fn quick_order(vm: &Vm, a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(x), Some(y)) = (a.as_small_float(), b.as_small_float()) {
        return x.partial_cmp(&y);
    }
    if let (Some(x), Some(y)) = (a.as_small_int(), b.as_small_int()) {
        return Some(x.cmp(&y));
    }
    match (
        crate::objects::dict::exact_str(vm, a),
        crate::objects::dict::exact_str(vm, b),
    ) {
        // WTF-8 sorts by code points.
        (Some(x), Some(y)) => Some(x.as_bytes().cmp(y.as_bytes())),
        _ => order_rare(vm, a, b, DEPTH),
    }
}

/// The rest of `quick_order`.
#[inline(never)]
fn order_rare(vm: &Vm, a: &Value, b: &Value, depth: u32) -> Option<Ordering> {
    if foreign(a) || foreign(b) {
        return None;
    }
    // Classes with comparisons in Python have to be asked.
    let compare = vm.type_of(a).slots.richcompare.get();
    if compare.is_some_and(|compare| std::ptr::fn_addr_eq(compare, slot_richcompare as CompareFn)) {
        return None;
    }
    match (sequence(vm, a), sequence(vm, b)) {
        (Items::None, Items::None) => number_order(vm, a, b),
        (Items::Tuple(x), Items::Tuple(y)) => items_order(vm, x, y, depth),
        (Items::List(x), Items::List(y)) => x
            .items
            .with(|x| y.items.with(|y| items_order(vm, x, y, depth))),
        _ => None,
    }
}

/// Whether a value is certainly of no class that is compared without being asked, and no number: most objects are told so
/// by one look.
#[inline(always)]
pub(crate) fn foreign(value: &Value) -> bool {
    const QUICK: u64 = TypeFlags::INT_SUBCLASS
        | TypeFlags::STR_SUBCLASS
        | TypeFlags::TUPLE_SUBCLASS
        | TypeFlags::LIST_SUBCLASS;
    value.header().is_some_and(|header| {
        let layout = header.layout();
        layout.flags.get() & QUICK == 0 && !std::ptr::eq(layout.payload, Float::INFO)
    })
}

fn items_order(vm: &Vm, a: &[Value], b: &[Value], depth: u32) -> Option<Ordering> {
    let depth = depth.checked_sub(1)?;
    for (x, y) in a.iter().zip(b) {
        if !x.is(y) {
            let order = match (x.as_small_int(), y.as_small_int()) {
                (Some(x), Some(y)) => x.cmp(&y),
                _ => quick_order_in(vm, x, y, depth)?,
            };
            if order.is_ne() {
                return Some(order);
            }
        }
    }
    Some(a.len().cmp(&b.len()))
}

/// As `quick_order`, that many levels deep.
#[inline(always)]
fn quick_order_in(vm: &Vm, a: &Value, b: &Value, depth: u32) -> Option<Ordering> {
    match (
        crate::objects::dict::exact_str(vm, a),
        crate::objects::dict::exact_str(vm, b),
    ) {
        (Some(x), Some(y)) => Some(x.as_bytes().cmp(y.as_bytes())),
        _ => order_rare(vm, a, b, depth),
    }
}

/// The items of what compares as `tuple` or `list` does.
enum Items<'a> {
    None,
    Tuple(&'a [Value]),
    List(&'a Ref<List>),
}

#[inline(always)]
fn sequence<'a>(vm: &Vm, value: &'a Value) -> Items<'a> {
    let address = |ty: &Type| ty.slots.richcompare.get().map(|f| f as usize);
    if let Some(tuple) = value.downcast::<Tuple>() {
        let ty = vm.type_of(value);
        // A subclass without an `__eq__` of its own, a named tuple above all, has its slot.
        if ty.is(&vm.types.tuple) || address(ty) == address(&vm.types.tuple) {
            return Items::Tuple(tuple.items());
        }
    } else if let Some(list) = value.downcast::<List>()
        && vm.type_of(value).is(&vm.types.list)
    {
        return Items::List(list);
    }
    Items::None
}

/// How two numbers of built-in classes are ordered; None for anything else, and beside NaN.
#[inline]
fn number_order(vm: &Vm, a: &Value, b: &Value) -> Option<Ordering> {
    // Most objects are none: one look at each.
    let number = |value: &Value| {
        !value.is_object() || {
            let ty = vm.type_of(value);
            ty.is(&vm.types.int) || ty.is(&vm.types.float)
        }
    };
    if number(a) && number(b) {
        mixed_order(vm, a, b)
    } else {
        None
    }
}

#[inline(never)]
fn mixed_order(vm: &Vm, a: &Value, b: &Value) -> Option<Ordering> {
    /// The number in an unboxed int or a bool.
    fn int(value: &Value) -> Option<i64> {
        match value.as_small_int() {
            None if value.is_bool() => Some(value.is_true() as i64),
            n => n,
        }
    }
    /// A number that is an int of up to 53 bits or a float.
    fn float(vm: &Vm, value: &Value) -> Option<f64> {
        match int(value) {
            Some(n) if n.unsigned_abs() < 1 << 53 => Some(n as f64),
            Some(_) => None,
            None => float::exact(vm, value),
        }
    }
    fn big<'a>(vm: &Vm, value: &'a Value) -> Option<&'a IBig> {
        let big = value.downcast::<Int>()?;
        vm.type_of(value).is(&vm.types.int).then_some(&big.value)
    }
    if let (Some(x), Some(y)) = (int(a), int(b)) {
        return Some(x.cmp(&y));
    }
    if let (Some(x), Some(y)) = (float(vm, a), float(vm, b)) {
        return x.partial_cmp(&y);
    }
    match (big(vm, a), big(vm, b)) {
        (Some(x), Some(y)) => Some(x.cmp(y)),
        // A boxed int is beyond all that are not.
        (Some(x), None) => {
            int(b)?;
            beyond(x)
        }
        (None, Some(y)) => {
            int(a)?;
            beyond(y).map(Ordering::reverse)
        }
        (None, None) => None,
    }
}

/// How a boxed int compares with any that is not; None where it would have fitted.
fn beyond(big: &IBig) -> Option<Ordering> {
    if naja_numbers::bigint::to_small(big).is_some() {
        return None;
    }
    Some(match naja_numbers::bigint::is_negative(big) {
        true => Ordering::Less,
        false => Ordering::Greater,
    })
}

/// `a < b` as a truth value.
#[inline]
pub fn less(vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
    if let Some(order) = quick_order(vm, a, b) {
        return Ok(order.is_lt());
    }
    let result = ask(vm, a, b, CompareOp::Lt)?;
    object::is_true(vm, &result)
}

/// `a op b`.
#[inline]
pub fn rich_compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    if !foreign(a) && !foreign(b) {
        let quick = match op {
            CompareOp::Eq => equal(vm, a, b),
            CompareOp::Ne => equal(vm, a, b).map(|equal| !equal),
            _ => quick_order(vm, a, b).map(|order| op.holds(order)),
        };
        if let Some(result) = quick {
            return Ok(Value::from_bool(result));
        }
    }
    ask(vm, a, b, op)
}

/// Whether two values are equal, where that needs no class to be asked. That they are the same does not count: NaN.
#[inline]
fn equal(vm: &Vm, a: &Value, b: &Value) -> Option<bool> {
    if let (Some(x), Some(y)) = (a.as_small_float(), b.as_small_float()) {
        return Some(x == y);
    }
    if a.is_small_int() && b.is_small_int() {
        return Some(a.is(b));
    }
    match (
        crate::objects::dict::exact_str(vm, a),
        crate::objects::dict::exact_str(vm, b),
    ) {
        (Some(x), Some(y)) => Some(str_::eq(x, y)),
        _ if a.is_none() && b.is_none() => Some(true),
        _ => quick_eq_rare(vm, a, b),
    }
}

/// `a op b` by the slots of their classes.
pub(crate) fn ask(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    vm.check_stack()?;
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    let plain = vm.types.object.slots.richcompare.get().map(|f| f as usize);
    let is_plain = |ty: &Type| ty.slots.richcompare.get().map(|f| f as usize) == plain;
    if is_plain(ta) && is_plain(tb) {
        // Neither knows more than `object` does: that it is itself.
        return by_identity(vm, a, b, op);
    }
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
    by_identity(vm, a, b, op)
}

/// `a op b` where neither class knows.
fn by_identity(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    match op {
        CompareOp::Eq => Ok(Value::from_bool(a.is(b))),
        CompareOp::Ne => Ok(Value::from_bool(!a.is(b))),
        _ => Err(vm.type_error(format!(
            "'{}' not supported between instances of '{}' and '{}'",
            op.symbol(),
            vm.type_of(a).full_name(),
            vm.type_of(b).full_name()
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

/// The rest of `quick_eq`: other numbers, tuples and lists of what is compared as quickly, and what is of different kinds.
#[inline(never)]
fn quick_eq_rare(vm: &Vm, a: &Value, b: &Value) -> Option<bool> {
    eq_rare(vm, a, b, DEPTH)
}

fn eq_rare(vm: &Vm, a: &Value, b: &Value, depth: u32) -> Option<bool> {
    if foreign(a) || foreign(b) {
        return None;
    }
    match (sequence(vm, a), sequence(vm, b)) {
        (Items::Tuple(x), Items::Tuple(y)) => items_eq(vm, x, y, depth),
        (Items::List(x), Items::List(y)) => x
            .items
            .with(|x| y.items.with(|y| items_eq(vm, x, y, depth))),
        (Items::None, Items::None) => {
            if let Some(order) = number_order(vm, a, b) {
                return Some(order.is_eq());
            }
            (plain(vm, a) && plain(vm, b)).then_some(false)
        }
        (Items::None, _) if plain(vm, a) => Some(false),
        (_, Items::None) if plain(vm, b) => Some(false),
        _ => None,
    }
}

/// Whether a value is a constant, an unboxed number or an exact string: it equals none of another of these kinds, nor any
/// sequence. Numbers beside numbers are looked at before.
#[inline(always)]
fn plain(vm: &Vm, value: &Value) -> bool {
    value.is_none() || value.is_small_int() || crate::objects::dict::exact_str(vm, value).is_some()
}

fn items_eq(vm: &Vm, a: &[Value], b: &[Value], depth: u32) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    let depth = depth.checked_sub(1)?;
    for (x, y) in a.iter().zip(b) {
        if x.is(y) {
            continue;
        }
        if x.is_small_int() && y.is_small_int() || x.is_small_float() && y.is_small_float() {
            return Some(false);
        }
        let equal = match (
            crate::objects::dict::exact_str(vm, x),
            crate::objects::dict::exact_str(vm, y),
        ) {
            (Some(x), Some(y)) => str_::eq(x, y),
            _ => eq_rare(vm, x, y, depth)?,
        };
        if !equal {
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
