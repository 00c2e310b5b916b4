//! The special methods: which slot each name belongs to, the wrapper that lets Python call a slot, and the trampoline
//! that lets a slot call Python.
//!
//! A native class shows each slot that it fills as a method (`list.__len__`); a Python class that defines or inherits a
//! method gets the trampoline in the slot, or the native function itself where the method is that function's wrapper, so that
//! `class L(list)` is as fast as `list`. CPython: Objects/typeobject.c (slotdefs, update_one_slot).

use super::{Slots, Type, TypeFlags, is_subtype};
use crate::function::descriptor::WrapperDescriptor;
use crate::function::{Args, SlotWrapper};
use crate::interpreter::call::{call_bound, call_with_receiver};
use crate::objects::str_::Str;
use crate::protocols::attributes::Method;
use crate::protocols::compare::CompareOp;
use crate::protocols::{attributes, number, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use smallvec::SmallVec;

/// One special method.
pub struct SlotDef {
    pub wrapper: SlotWrapper,
    /// `mark_of` the method's name.
    pub(super) mark: u64,
    /// The slot's name: several methods can belong to one (`__add__` and `__radd__`).
    pub(super) slot: &'static str,
    /// Whether the slot is filled.
    pub(super) filled: fn(&Slots) -> bool,
    /// Puts the trampoline in.
    pub(super) set: fn(&Slots),
    /// Takes the slot over from another class's.
    pub(super) copy: fn(&Slots, &Slots),
    /// Empties the slot.
    pub(super) clear: fn(&Slots),
}

/// One of 64 bits: names with different bits differ.
pub(super) const fn mark_of(name: &[u8]) -> u64 {
    let (middle, third) = match name {
        [_, _, third, ..] => (name[name.len() / 2], *third),
        _ => (0, 0),
    };
    1 << ((name.len() as u32 + 7 * middle as u32 + 13 * third as u32) & 63)
}

// ---- trampolines: from a slot to a Python method ----

/// Calls the method `name` of the class of `args[0]`.
#[inline]
fn call(vm: &Vm, receiver: &Value, name: &Ref<Str>, args: &[&Value]) -> PyResult {
    match vm.type_of(receiver).lookup(vm, name) {
        Some(method) => call_found(vm, receiver, method, args),
        None => Err(attributes::no_attribute(vm, receiver, name)),
    }
}

/// Calls a method found on the receiver's class.
#[inline]
fn call_found(vm: &Vm, receiver: &Value, method: Value, args: &[&Value]) -> PyResult {
    let ty = vm.type_of(&method);
    if ty.flag(TypeFlags::METHOD_DESCRIPTOR) {
        return call_bound(vm, &method, receiver, args);
    }
    let method = match ty.slots.descr_get.get() {
        Some(get) => {
            let owner = vm.type_of(receiver).to_ref().into_value();
            get(vm, &method, Some(receiver), Some(&owner))?
        }
        None => method,
    };
    let all: SmallVec<[Value; 4]> = args.iter().map(|&v| v.clone()).collect();
    vm.call(&method, &all)
}

/// As [`call`], NotImplemented where the class has no such method (or None in its place).
fn call_maybe(vm: &Vm, receiver: &Value, name: &Ref<Str>, args: &[&Value]) -> PyResult {
    match vm.type_of(receiver).lookup(vm, name) {
        None => Ok(Value::NOT_IMPLEMENTED),
        Some(method) => call_found(vm, receiver, method, args),
    }
}

/// The special method `name` that the class has from a Python class (not the wrapper of a native slot).
#[inline]
fn python_method(vm: &Vm, ty: &Type, name: &Ref<Str>) -> Option<Value> {
    if !ty.flag(TypeFlags::HEAPTYPE) {
        return None;
    }
    let found = ty.lookup(vm, name)?;
    found
        .downcast::<WrapperDescriptor>()
        .is_none()
        .then_some(found)
}

/// Whether the class's slot of an operator is the trampoline: one of the two methods is Python's.
fn has_trampoline(vm: &Vm, ty: &Type, name: &Ref<Str>, reflected: &Ref<Str>) -> bool {
    python_method(vm, ty, name).is_some() || python_method(vm, ty, reflected).is_some()
}

/// A binary operator of two objects of which at least one has a method for it in Python: the right one's reflected method
/// first if its class is a subclass that overrides it. Of a class with one such method the other may be native.
fn binary(vm: &Vm, a: &Value, b: &Value, name: &Ref<Str>, reflected: &Ref<Str>) -> PyResult {
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    let mut try_other = !ta.is(tb) && has_trampoline(vm, tb, name, reflected);
    let own = python_method(vm, ta, name);
    if own.is_some() || python_method(vm, ta, reflected).is_some() {
        if try_other && is_subtype(tb, ta) {
            let overridden = match (ta.lookup(vm, reflected), tb.lookup(vm, reflected)) {
                (Some(x), Some(y)) => !x.is(&y),
                (None, Some(_)) => true,
                _ => false,
            };
            if overridden {
                let result = call_maybe(vm, b, reflected, &[a])?;
                if !result.is_not_implemented() {
                    return Ok(result);
                }
                try_other = false;
            }
        }
        let result = match own {
            Some(method) => call_found(vm, a, method, &[b])?,
            None => call_maybe(vm, a, name, &[b])?,
        };
        if !result.is_not_implemented() || ta.is(tb) {
            return Ok(result);
        }
    }
    if try_other {
        call_maybe(vm, b, reflected, &[a])
    } else {
        Ok(Value::NOT_IMPLEMENTED)
    }
}

fn wrap_len(vm: &Vm, result: Value) -> PyResult<usize> {
    let n = number::index(vm, &result)?;
    match crate::objects::int::as_i64(&n) {
        Some(n) if n < 0 => Err(vm.value_error("__len__() should return >= 0")),
        Some(n) => Ok(n as usize),
        None if crate::objects::int::to_big(&n)
            .is_some_and(|n| naja_numbers::bigint::is_negative(&n)) =>
        {
            Err(vm.value_error("__len__() should return >= 0"))
        }
        None => Err(vm.overflow_error("cannot fit 'int' into an index-sized integer")),
    }
}

fn slot_hash(vm: &Vm, v: &Value) -> PyResult<i64> {
    let method = vm.type_of(v).lookup(vm, &vm.names.__hash__);
    if method.is_none_or(|m| m.is_none()) {
        return Err(crate::protocols::hash::unhashable(vm, v));
    }
    let result = call(vm, v, &vm.names.__hash__, &[])?;
    if !number::is_int(vm, &result) {
        return Err(vm.type_error("__hash__ method should return an integer"));
    }
    let h = match crate::objects::int::as_i64(&result) {
        Some(n) => n,
        None => crate::objects::int::hash(vm, &result)?,
    };
    Ok(if h == -1 { -2 } else { h })
}

fn slot_bool(vm: &Vm, v: &Value) -> PyResult<bool> {
    let ty = vm.type_of(v);
    if ty.lookup(vm, &vm.names.__bool__).is_some() {
        let result = call(vm, v, &vm.names.__bool__, &[])?;
        return if result.is_bool() {
            Ok(result.is_true())
        } else {
            Err(vm.type_error(format!(
                "__bool__ should return bool, returned {}",
                vm.type_of(&result).full_name()
            )))
        };
    }
    if ty.lookup(vm, &vm.names.__len__).is_some() {
        return Ok(wrap_len(vm, call(vm, v, &vm.names.__len__, &[])?)? != 0);
    }
    Ok(true)
}

pub(super) fn slot_getattro(vm: &Vm, v: &Value, name: &Ref<Str>) -> PyResult {
    let ty = vm.type_of(v);
    let getattribute = ty.lookup(vm, &vm.names.__getattribute__);
    let plain = match &getattribute {
        Some(found) => found.downcast::<WrapperDescriptor>().is_some_and(|w| {
            w.objclass.is(&vm.types.object) && w.wrapper().name == "__getattribute__"
        }),
        None => true,
    };
    let result = if plain {
        match attributes::generic_get_optional(vm, v, name) {
            Ok(Some(value)) => return Ok(value),
            Ok(None) if ty.lookup(vm, &vm.names.__getattr__).is_none() => {
                return Err(attributes::no_attribute(vm, v, name));
            }
            Ok(None) => return call(vm, v, &vm.names.__getattr__, &[name.as_value()]),
            Err(Raised) => Err(Raised),
        }
    } else {
        call(vm, v, &vm.names.__getattribute__, &[name.as_value()])
    };
    match result {
        Err(Raised)
            if vm.exception_matches(&vm.types.attribute_error)
                && ty.lookup(vm, &vm.names.__getattr__).is_some() =>
        {
            vm.clear_exception();
            call(vm, v, &vm.names.__getattr__, &[name.as_value()])
        }
        result => result,
    }
}

fn slot_setattro(vm: &Vm, v: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
    match value {
        Some(value) => call(vm, v, &vm.names.__setattr__, &[name.as_value(), value]).map(drop),
        None => call(vm, v, &vm.names.__delattr__, &[name.as_value()]).map(drop),
    }
}

pub(crate) fn slot_richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    let name = compare_name(vm, op);
    match attributes::lookup_special(vm, a, name) {
        Ok(Some(Method::Unbound(method))) => call_bound(vm, &method, a, &[b]),
        Ok(Some(Method::Bound(method))) => vm.call(&method, std::slice::from_ref(b)),
        Ok(None) => Ok(Value::NOT_IMPLEMENTED),
        // A descriptor that says that there is no such method.
        Err(Raised) if vm.catch(&vm.types.attribute_error) => Ok(Value::NOT_IMPLEMENTED),
        Err(raised) => Err(raised),
    }
}

fn compare_name(vm: &Vm, op: CompareOp) -> &Ref<Str> {
    let n = vm.names;
    match op {
        CompareOp::Lt => &n.__lt__,
        CompareOp::Le => &n.__le__,
        CompareOp::Eq => &n.__eq__,
        CompareOp::Ne => &n.__ne__,
        CompareOp::Gt => &n.__gt__,
        CompareOp::Ge => &n.__ge__,
    }
}

pub(crate) fn slot_call(vm: &Vm, v: &Value, args: Args) -> PyResult {
    call_args(vm, v, &vm.names.__call__, args)
}

fn call_args(vm: &Vm, v: &Value, name: &Ref<Str>, args: Args) -> PyResult {
    match attributes::lookup_special(vm, v, name)? {
        Some(Method::Unbound(method)) => call_with_receiver(vm, &method, v, args),
        Some(Method::Bound(method)) => vm.call_args(&method, args),
        None => Err(attributes::no_attribute(vm, v, name)),
    }
}

pub(crate) fn slot_init(vm: &Vm, v: &Value, args: Args) -> PyResult<()> {
    let result = call_args(vm, v, &vm.names.__init__, args)?;
    if !result.is_none() {
        return Err(vm.type_error(format!(
            "__init__() should return None, not '{}'",
            vm.type_of(&result).full_name()
        )));
    }
    Ok(())
}

pub(crate) fn slot_new(vm: &Vm, cls: &Ref<Type>, args: Args) -> PyResult {
    let new = attributes::get(vm, cls.as_value(), &vm.names.__new__)?;
    call_with_receiver(vm, &new, cls.as_value(), args)
}

fn slot_finalize(vm: &Vm, v: &Value) {
    match attributes::lookup_special(vm, v, &vm.names.__del__) {
        Ok(Some(Method::Unbound(method))) => {
            if vm.call(&method, std::slice::from_ref(v)).is_err() {
                crate::objects::exception::write_unraisable_while(
                    vm,
                    "calling deallocator",
                    &method,
                );
            }
        }
        Ok(Some(Method::Bound(method))) => {
            if vm.call(&method, &[]).is_err() {
                crate::objects::exception::write_unraisable_while(
                    vm,
                    "calling deallocator",
                    &method,
                );
            }
        }
        Ok(None) => {}
        Err(Raised) => {
            crate::objects::exception::write_unraisable_while(vm, "calling deallocator of", v)
        }
    }
}

fn slot_descr_get(vm: &Vm, v: &Value, instance: Option<&Value>, owner: Option<&Value>) -> PyResult {
    let none = Value::NONE;
    if vm.type_of(v).lookup(vm, &vm.names.__get__).is_none() {
        return Ok(v.clone());
    }
    call(
        vm,
        v,
        &vm.names.__get__,
        &[instance.unwrap_or(&none), owner.unwrap_or(&none)],
    )
}

fn slot_descr_set(vm: &Vm, v: &Value, instance: &Value, value: Option<&Value>) -> PyResult<()> {
    match value {
        Some(value) => call(vm, v, &vm.names.__set__, &[instance, value]).map(drop),
        None => call(vm, v, &vm.names.__delete__, &[instance]).map(drop),
    }
}

fn slot_next(vm: &Vm, v: &Value) -> PyResult<Option<Value>> {
    call(vm, v, &vm.names.__next__, &[]).map(Some)
}

fn slot_iter(vm: &Vm, v: &Value) -> PyResult {
    match vm.type_of(v).lookup(vm, &vm.names.__iter__) {
        Some(method) if method.is_none() => Err(vm.type_error(format!(
            "'{}' object is not iterable",
            vm.type_of(v).full_name()
        ))),
        Some(_) => call(vm, v, &vm.names.__iter__, &[]),
        None if vm.type_of(v).lookup(vm, &vm.names.__getitem__).is_some() => {
            crate::objects::iterators::sequence_iterator(vm, v)
        }
        None => Err(vm.type_error(format!(
            "'{}' object is not iterable",
            vm.type_of(v).full_name()
        ))),
    }
}

fn slot_contains(vm: &Vm, v: &Value, item: &Value) -> PyResult<bool> {
    match vm.type_of(v).lookup(vm, &vm.names.__contains__) {
        Some(method) if method.is_none() => Err(vm.type_error(format!(
            "'{}' object is not a container",
            vm.type_of(v).full_name()
        ))),
        Some(_) => {
            let result = call(vm, v, &vm.names.__contains__, &[item])?;
            object::is_true(vm, &result)
        }
        None => {
            let it = crate::protocols::iterator::iter(vm, v)?;
            while let Some(found) = crate::protocols::iterator::next(vm, &it)? {
                if crate::protocols::compare::eq(vm, &found, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn slot_set_subscript(vm: &Vm, v: &Value, key: &Value, value: Option<&Value>) -> PyResult<()> {
    match value {
        Some(value) => call(vm, v, &vm.names.__setitem__, &[key, value]).map(drop),
        None => call(vm, v, &vm.names.__delitem__, &[key]).map(drop),
    }
}

fn slot_item(vm: &Vm, v: &Value, index: isize) -> PyResult {
    let index = vm.new_int(index as i64)?;
    call(vm, v, &vm.names.__getitem__, &[&index])
}

fn slot_power(vm: &Vm, a: &Value, b: &Value, c: &Value) -> PyResult {
    if c.is_none() {
        return binary(vm, a, b, &vm.names.__pow__, &vm.names.__rpow__);
    }
    let (pow, rpow) = (&vm.names.__pow__, &vm.names.__rpow__);
    let (ta, tb) = (vm.type_of(a), vm.type_of(b));
    let mine = |ty: &Type| {
        ty.slots
            .power
            .get()
            .is_some_and(|f| std::ptr::fn_addr_eq(f, slot_power as super::slots::TernaryFn))
    };
    let mut try_other = !ta.is(tb) && mine(tb);
    if mine(ta) {
        if try_other && is_subtype(tb, ta) {
            let overridden = match (ta.lookup(vm, rpow), tb.lookup(vm, rpow)) {
                (Some(x), Some(y)) => !x.is(&y),
                (None, Some(_)) => true,
                _ => false,
            };
            if overridden {
                let result = call_maybe(vm, b, rpow, &[a, c])?;
                if !result.is_not_implemented() {
                    return Ok(result);
                }
                try_other = false;
            }
        }
        let result = call_maybe(vm, a, pow, &[b, c])?;
        if !result.is_not_implemented() || ta.is(tb) {
            return Ok(result);
        }
    }
    if try_other {
        call_maybe(vm, b, rpow, &[a, c])
    } else {
        Ok(Value::NOT_IMPLEMENTED)
    }
}

fn slot_inplace_power(vm: &Vm, a: &Value, b: &Value, _c: &Value) -> PyResult {
    call(vm, a, &vm.names.__ipow__, &[b])
}

fn slot_index(vm: &Vm, v: &Value) -> PyResult {
    call(vm, v, &vm.names.__index__, &[])
}

// ---- wrappers: from Python to a slot ----

/// The positional arguments behind the object, of which there must be `min` to `max`. Raises TypeError.
fn operands<'a>(
    vm: &Vm,
    args: &Args<'a>,
    min: usize,
    max: usize,
    name: &str,
) -> PyResult<&'a [Value]> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("wrapper {name}() takes no keyword arguments")));
    }
    let rest = args.args.get(1..).unwrap_or(&[]);
    if rest.len() < min || rest.len() > max {
        let (word, n) = if min == max {
            ("", min)
        } else if rest.len() < min {
            ("at least ", min)
        } else {
            ("at most ", max)
        };
        let plural = if n == 1 { "" } else { "s" };
        return Err(vm.type_error(format!(
            "expected {word}{n} argument{plural}, got {}",
            rest.len()
        )));
    }
    Ok(rest)
}

/// [`operands`] of a power: one, or two with a modulus. Raises TypeError.
fn one_or_two<'a>(vm: &Vm, args: &Args<'a>, name: &str) -> PyResult<&'a [Value]> {
    let given = args.args.len().saturating_sub(1);
    if args.keyword_count() == 0 && !(1..=2).contains(&given) {
        return Err(vm.type_error(format!("expected 1 or 2 arguments, got {given}")));
    }
    operands(vm, args, 1, 2, name)
}

fn missing_slot(vm: &Vm, name: &str) -> Raised {
    vm.system_error(format!("slot of {name} is empty"))
}

macro_rules! wrapper {
    // (self) -> value
    (unary $slot:ident $name:literal) => {
        |vm, class, args| {
            operands(vm, &args, 0, 0, $name)?;
            match class.slots.$slot.get() {
                Some(f) => f(vm, &args.args[0]),
                None => Err(missing_slot(vm, $name)),
            }
        }
    };
    (binary $slot:ident $name:literal) => {
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, $name)?;
            match class.slots.$slot.get() {
                Some(f) => f(vm, &args.args[0], &rest[0]),
                None => Err(missing_slot(vm, $name)),
            }
        }
    };
    (reflected $slot:ident $name:literal) => {
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, $name)?;
            match class.slots.$slot.get() {
                Some(f) => f(vm, &rest[0], &args.args[0]),
                None => Err(missing_slot(vm, $name)),
            }
        }
    };
    (compare $op:ident $name:literal) => {
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, $name)?;
            match class.slots.richcompare.get() {
                Some(f) => f(vm, &args.args[0], &rest[0], CompareOp::$op),
                None => Err(missing_slot(vm, $name)),
            }
        }
    };
    (len $slot:ident $name:literal) => {
        |vm, class, args| {
            operands(vm, &args, 0, 0, $name)?;
            match class.slots.$slot.get() {
                Some(f) => vm.new_int(f(vm, &args.args[0])? as i64),
                None => Err(missing_slot(vm, $name)),
            }
        }
    };
    (repeat $slot:ident $name:literal) => {
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, $name)?;
            let n = number::index_for(vm, &rest[0], &vm.types.overflow_error)?;
            match class.slots.$slot.get() {
                Some(f) => f(vm, &args.args[0], n),
                None => Err(missing_slot(vm, $name)),
            }
        }
    };
}

macro_rules! def {
    ($name:literal, $doc:expr, $slot:ident, $wrapper:expr, $trampoline:expr) => {
        SlotDef {
            wrapper: SlotWrapper {
                name: $name,
                doc: $doc,
                call: $wrapper,
            },
            mark: mark_of($name.as_bytes()),
            slot: stringify!($slot),
            filled: |s| s.$slot.get().is_some(),
            set: |s| s.$slot.set(Some($trampoline)),
            copy: |to, from| to.$slot.set(from.$slot.get()),
            clear: |s| s.$slot.set(None),
        }
    };
}

/// A method that native sequences have from this slot; a Python method of the name belongs to the number's slot alone.
macro_rules! sequence_only {
    ($name:literal, $doc:expr, $slot:ident, $wrapper:expr) => {
        SlotDef {
            wrapper: SlotWrapper {
                name: $name,
                doc: $doc,
                call: $wrapper,
            },
            mark: mark_of($name.as_bytes()),
            slot: stringify!($slot),
            filled: |s| s.$slot.get().is_some(),
            set: |s| s.$slot.set(None),
            copy: |to, from| to.$slot.set(from.$slot.get()),
            clear: |s| s.$slot.set(None),
        }
    };
}

macro_rules! operator {
    ($slot:ident $name:literal $method:ident $rname:literal $rmethod:ident $symbol:literal) => {
        [
            def!($name, concat!("($self, value, /)\n--\n\nReturn self", $symbol, "value."), $slot, wrapper!(binary $slot $name), |vm, a, b| {
                binary(vm, a, b, &vm.names.$method, &vm.names.$rmethod)
            }),
            def!($rname, concat!("($self, value, /)\n--\n\nReturn value", $symbol, "self."), $slot, wrapper!(reflected $slot $rname), |vm, a, b| {
                binary(vm, a, b, &vm.names.$method, &vm.names.$rmethod)
            }),
        ]
    };
}

macro_rules! inplace {
    ($slot:ident $name:literal $method:ident $symbol:literal) => {
        def!($name, concat!("($self, value, /)\n--\n\nReturn self", $symbol, "value."), $slot, wrapper!(binary $slot $name), |vm, a, b| {
            call_maybe(vm, a, &vm.names.$method, &[b])
        })
    };
}

macro_rules! unary {
    ($slot:ident $name:literal $method:ident $doc:literal) => {
        def!($name, $doc, $slot, wrapper!(unary $slot $name), |vm, a| call(vm, a, &vm.names.$method, &[]))
    };
}

macro_rules! compare {
    ($name:literal $op:ident $symbol:literal) => {
        def!($name, concat!("($self, value, /)\n--\n\nReturn self", $symbol, "value."), richcompare, wrapper!(compare $op $name), slot_richcompare)
    };
}

static OPERATORS: [[SlotDef; 2]; 13] = [
    operator!(add "__add__" __add__ "__radd__" __radd__ "+"),
    operator!(subtract "__sub__" __sub__ "__rsub__" __rsub__ "-"),
    operator!(multiply "__mul__" __mul__ "__rmul__" __rmul__ "*"),
    operator!(remainder "__mod__" __mod__ "__rmod__" __rmod__ "%"),
    operator!(divmod "__divmod__" __divmod__ "__rdivmod__" __rdivmod__ ", "),
    operator!(lshift "__lshift__" __lshift__ "__rlshift__" __rlshift__ "<<"),
    operator!(rshift "__rshift__" __rshift__ "__rrshift__" __rrshift__ ">>"),
    operator!(and "__and__" __and__ "__rand__" __rand__ "&"),
    operator!(xor "__xor__" __xor__ "__rxor__" __rxor__ "^"),
    operator!(or "__or__" __or__ "__ror__" __ror__ "|"),
    operator!(floor_divide "__floordiv__" __floordiv__ "__rfloordiv__" __rfloordiv__ "//"),
    operator!(true_divide "__truediv__" __truediv__ "__rtruediv__" __rtruediv__ "/"),
    operator!(matrix_multiply "__matmul__" __matmul__ "__rmatmul__" __rmatmul__ "@"),
];

static OTHERS: &[SlotDef] = &[
    unary!(repr "__repr__" __repr__ "($self, /)\n--\n\nReturn repr(self)."),
    def!(
        "__hash__",
        "($self, /)\n--\n\nReturn hash(self).",
        hash,
        |vm, class, args| {
            operands(vm, &args, 0, 0, "__hash__")?;
            match class.slots.hash.get() {
                Some(f) => vm.new_int(f(vm, &args.args[0])?),
                None => Err(missing_slot(vm, "__hash__")),
            }
        },
        slot_hash
    ),
    def!(
        "__call__",
        "($self, /, *args, **kwargs)\n--\n\nCall self as a function.",
        call,
        |vm, class, args| {
            match class.slots.call.get() {
                Some(f) => f(vm, &args.args[0], args.rest()),
                None => Err(missing_slot(vm, "__call__")),
            }
        },
        slot_call
    ),
    unary!(str "__str__" __str__ "($self, /)\n--\n\nReturn str(self)."),
    def!(
        "__getattribute__",
        "($self, name, /)\n--\n\nReturn getattr(self, name).",
        getattro,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__getattribute__")?;
            let name = attributes::name_of(vm, &rest[0])?;
            let name = vm.interp.interned_name(name);
            match class.slots.getattro.get() {
                Some(f) => f(vm, &args.args[0], &name),
                None => Err(missing_slot(vm, "__getattribute__")),
            }
        },
        slot_getattro
    ),
    def!(
        "__setattr__",
        "($self, name, value, /)\n--\n\nImplement setattr(self, name, value).",
        setattro,
        |vm, class, args| {
            let rest = operands(vm, &args, 2, 2, "__setattr__")?;
            let name = attributes::name_of(vm, &rest[0])?;
            let name = vm.interp.interned_name(name);
            hacking_check(vm, class, &args.args[0], "__setattr__")?;
            match class.slots.setattro.get() {
                Some(f) => f(vm, &args.args[0], &name, Some(&rest[1])).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__setattr__")),
            }
        },
        slot_setattro
    ),
    def!(
        "__delattr__",
        "($self, name, /)\n--\n\nImplement delattr(self, name).",
        setattro,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__delattr__")?;
            let name = attributes::name_of(vm, &rest[0])?;
            let name = vm.interp.interned_name(name);
            hacking_check(vm, class, &args.args[0], "__delattr__")?;
            match class.slots.setattro.get() {
                Some(f) => f(vm, &args.args[0], &name, None).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__delattr__")),
            }
        },
        slot_setattro
    ),
    compare!("__lt__" Lt "<"),
    compare!("__le__" Le "<="),
    compare!("__eq__" Eq "=="),
    compare!("__ne__" Ne "!="),
    compare!("__gt__" Gt ">"),
    compare!("__ge__" Ge ">="),
    def!(
        "__iter__",
        "($self, /)\n--\n\nImplement iter(self).",
        iter,
        wrapper!(unary iter "__iter__"),
        slot_iter
    ),
    def!(
        "__next__",
        "($self, /)\n--\n\nImplement next(self).",
        iternext,
        |vm, class, args| {
            operands(vm, &args, 0, 0, "__next__")?;
            match class.slots.iternext.get() {
                Some(f) => match f(vm, &args.args[0])? {
                    Some(value) => Ok(value),
                    None => Err(vm.stop_iteration(Value::NONE)),
                },
                None => Err(missing_slot(vm, "__next__")),
            }
        },
        slot_next
    ),
    def!(
        "__get__",
        "($self, instance, owner=None, /)\n--\n\nReturn an attribute of instance, which is of type owner.",
        descr_get,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 2, "__get__")?;
            let instance = Some(&rest[0]).filter(|v| !v.is_none());
            let owner = rest.get(1).filter(|v| !v.is_none());
            if instance.is_none() && owner.is_none() {
                return Err(vm.type_error("__get__(None, None) is invalid"));
            }
            match class.slots.descr_get.get() {
                Some(f) => f(vm, &args.args[0], instance, owner),
                None => Err(missing_slot(vm, "__get__")),
            }
        },
        slot_descr_get
    ),
    def!(
        "__set__",
        "($self, instance, value, /)\n--\n\nSet an attribute of instance to value.",
        descr_set,
        |vm, class, args| {
            let rest = operands(vm, &args, 2, 2, "__set__")?;
            match class.slots.descr_set.get() {
                Some(f) => f(vm, &args.args[0], &rest[0], Some(&rest[1])).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__set__")),
            }
        },
        slot_descr_set
    ),
    def!(
        "__delete__",
        "($self, instance, /)\n--\n\nDelete an attribute of instance.",
        descr_set,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__delete__")?;
            match class.slots.descr_set.get() {
                Some(f) => f(vm, &args.args[0], &rest[0], None).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__delete__")),
            }
        },
        slot_descr_set
    ),
    def!(
        "__init__",
        "($self, /, *args, **kwargs)\n--\n\nInitialize self.  See help(type(self)) for accurate signature.",
        init,
        |vm, class, args| {
            match class.slots.init.get() {
                Some(f) => f(vm, &args.args[0], args.rest()).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__init__")),
            }
        },
        slot_init
    ),
    def!(
        "__del__",
        "Called when the instance is about to be destroyed.",
        finalize,
        |vm, class, args| {
            operands(vm, &args, 0, 0, "__del__")?;
            if let Some(f) = class.slots.finalize.get() {
                f(vm, &args.args[0]);
            }
            Ok(Value::NONE)
        },
        slot_finalize
    ),
    // numbers
    inplace!(inplace_add "__iadd__" __iadd__ "+="),
    inplace!(inplace_subtract "__isub__" __isub__ "-="),
    inplace!(inplace_multiply "__imul__" __imul__ "*="),
    inplace!(inplace_remainder "__imod__" __imod__ "%="),
    inplace!(inplace_lshift "__ilshift__" __ilshift__ "<<="),
    inplace!(inplace_rshift "__irshift__" __irshift__ ">>="),
    inplace!(inplace_and "__iand__" __iand__ "&="),
    inplace!(inplace_xor "__ixor__" __ixor__ "^="),
    inplace!(inplace_or "__ior__" __ior__ "|="),
    inplace!(inplace_floor_divide "__ifloordiv__" __ifloordiv__ "//="),
    inplace!(inplace_true_divide "__itruediv__" __itruediv__ "/="),
    inplace!(inplace_matrix_multiply "__imatmul__" __imatmul__ "@="),
    def!(
        "__ipow__",
        "($self, value, /)\n--\n\nReturn self**=value.",
        inplace_power,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__ipow__")?;
            match class.slots.inplace_power.get() {
                Some(f) => f(vm, &args.args[0], &rest[0], &Value::NONE),
                None => Err(missing_slot(vm, "__ipow__")),
            }
        },
        slot_inplace_power
    ),
    def!(
        "__pow__",
        "($self, value, mod=None, /)\n--\n\nReturn pow(self, value, mod).",
        power,
        |vm, class, args| {
            let rest = one_or_two(vm, &args, "__pow__")?;
            match class.slots.power.get() {
                Some(f) => f(
                    vm,
                    &args.args[0],
                    &rest[0],
                    rest.get(1).unwrap_or(&Value::NONE),
                ),
                None => Err(missing_slot(vm, "__pow__")),
            }
        },
        slot_power
    ),
    def!(
        "__rpow__",
        "($self, value, mod=None, /)\n--\n\nReturn pow(value, self, mod).",
        power,
        |vm, class, args| {
            let rest = one_or_two(vm, &args, "__rpow__")?;
            match class.slots.power.get() {
                Some(f) => f(
                    vm,
                    &rest[0],
                    &args.args[0],
                    rest.get(1).unwrap_or(&Value::NONE),
                ),
                None => Err(missing_slot(vm, "__rpow__")),
            }
        },
        slot_power
    ),
    unary!(negative "__neg__" __neg__ "($self, /)\n--\n\n-self"),
    unary!(positive "__pos__" __pos__ "($self, /)\n--\n\n+self"),
    unary!(absolute "__abs__" __abs__ "($self, /)\n--\n\nabs(self)"),
    def!(
        "__bool__",
        "($self, /)\n--\n\nTrue if self else False",
        bool,
        |vm, class, args| {
            operands(vm, &args, 0, 0, "__bool__")?;
            match class.slots.bool.get() {
                Some(f) => f(vm, &args.args[0]).map(Value::from_bool),
                None => Err(missing_slot(vm, "__bool__")),
            }
        },
        slot_bool
    ),
    unary!(invert "__invert__" __invert__ "($self, /)\n--\n\n~self"),
    unary!(int "__int__" __int__ "($self, /)\n--\n\nint(self)"),
    unary!(float "__float__" __float__ "($self, /)\n--\n\nfloat(self)"),
    def!(
        "__index__",
        "($self, /)\n--\n\nReturn self converted to an integer, if self is suitable for use as an index into a list.",
        index,
        wrapper!(unary index "__index__"),
        slot_index
    ),
    // buffers
    def!(
        "__buffer__",
        "($self, flags, /)\n--\n\nReturn a buffer object that exposes the underlying memory of the object.",
        get_buffer,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__buffer__")?;
            let flags = number::index_isize(vm, &rest[0])?;
            let Ok(flags) = i32::try_from(flags) else {
                return Err(vm.overflow_error("buffer flags out of range"));
            };
            match class.slots.get_buffer.get() {
                Some(f) => {
                    let buffer = f(vm, &args.args[0], flags as u32)?;
                    Ok(crate::objects::memoryview::MemoryView::make(vm, buffer)?.into_value())
                }
                None => Err(missing_slot(vm, "__buffer__")),
            }
        },
        crate::objects::buffer::python::get_buffer
    ),
    // mappings
    def!(
        "__len__",
        "($self, /)\n--\n\nReturn len(self).",
        mp_len,
        wrapper!(len mp_len "__len__"),
        |vm, v| wrap_len(vm, call(vm, v, &vm.names.__len__, &[])?)
    ),
    def!(
        "__getitem__",
        "($self, key, /)\n--\n\nReturn self[key].",
        subscript,
        wrapper!(binary subscript "__getitem__"),
        |vm, a, b| call(vm, a, &vm.names.__getitem__, &[b])
    ),
    def!(
        "__setitem__",
        "($self, key, value, /)\n--\n\nSet self[key] to value.",
        set_subscript,
        |vm, class, args| {
            let rest = operands(vm, &args, 2, 2, "__setitem__")?;
            match class.slots.set_subscript.get() {
                Some(f) => f(vm, &args.args[0], &rest[0], Some(&rest[1])).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__setitem__")),
            }
        },
        slot_set_subscript
    ),
    def!(
        "__delitem__",
        "($self, key, /)\n--\n\nDelete self[key].",
        set_subscript,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__delitem__")?;
            match class.slots.set_subscript.get() {
                Some(f) => f(vm, &args.args[0], &rest[0], None).map(|()| Value::NONE),
                None => Err(missing_slot(vm, "__delitem__")),
            }
        },
        slot_set_subscript
    ),
    // sequences
    def!(
        "__len__",
        "($self, /)\n--\n\nReturn len(self).",
        sq_len,
        wrapper!(len sq_len "__len__"),
        |vm, v| wrap_len(vm, call(vm, v, &vm.names.__len__, &[])?)
    ),
    sequence_only!(
        "__add__",
        "($self, value, /)\n--\n\nReturn self+value.",
        concat,
        wrapper!(binary concat "__add__")
    ),
    sequence_only!(
        "__mul__",
        "($self, value, /)\n--\n\nReturn self*value.",
        repeat,
        wrapper!(repeat repeat "__mul__")
    ),
    sequence_only!(
        "__rmul__",
        "($self, value, /)\n--\n\nReturn value*self.",
        repeat,
        wrapper!(repeat repeat "__rmul__")
    ),
    def!(
        "__getitem__",
        "($self, key, /)\n--\n\nReturn self[key].",
        item,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__getitem__")?;
            let index = number::index_for(vm, &rest[0], &vm.types.index_error)?;
            match class.slots.item.get() {
                Some(f) => crate::protocols::sequence::item_at(vm, &args.args[0], index, f),
                None => Err(missing_slot(vm, "__getitem__")),
            }
        },
        slot_item
    ),
    def!(
        "__contains__",
        "($self, key, /)\n--\n\nReturn bool(key in self).",
        contains,
        |vm, class, args| {
            let rest = operands(vm, &args, 1, 1, "__contains__")?;
            match class.slots.contains.get() {
                Some(f) => f(vm, &args.args[0], &rest[0]).map(Value::from_bool),
                None => Err(missing_slot(vm, "__contains__")),
            }
        },
        slot_contains
    ),
    sequence_only!(
        "__iadd__",
        "($self, value, /)\n--\n\nImplement self+=value.",
        inplace_concat,
        wrapper!(binary inplace_concat "__iadd__")
    ),
    sequence_only!(
        "__imul__",
        "($self, value, /)\n--\n\nImplement self*=value.",
        inplace_repeat,
        wrapper!(repeat inplace_repeat "__imul__")
    ),
    // asynchronous
    unary!(await_ "__await__" __await__ "($self, /)\n--\n\nReturn an iterator to be used in await expression."),
    unary!(aiter "__aiter__" __aiter__ "($self, /)\n--\n\nReturn an awaitable, that resolves in asynchronous iterator."),
    unary!(anext "__anext__" __anext__ "($self, /)\n--\n\nReturn a value or raise StopAsyncIteration."),
];

/// `object.__setattr__(cls, ...)` must not get around a class's own rules.
fn hacking_check(vm: &Vm, class: &Type, receiver: &Value, what: &str) -> PyResult<()> {
    if receiver.downcast::<Type>().is_some() && class.is(&vm.types.object) {
        return Err(vm.type_error(format!(
            "can't apply this {what} to {} object",
            vm.type_of(receiver).full_name()
        )));
    }
    Ok(())
}

/// All special methods, one after the other.
pub(super) fn each() -> impl Iterator<Item = &'static SlotDef> {
    OPERATORS.iter().flatten().chain(OTHERS.iter())
}
