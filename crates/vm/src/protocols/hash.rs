//! `hash()`. CPython: Objects/object.c (PyObject_Hash), Python/pyhash.c.

use crate::objects::dict::exact_str;
use crate::objects::int;
use crate::objects::set::FrozenSet;
use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;

/// The modulus of numeric hashes: 2^61 - 1.
pub const MODULUS: i64 = (1 << 61) - 1;

/// The hash of a small int: its value modulo 2^61 - 1, with the sign; -1 becomes -2.
#[inline]
pub fn hash_int(n: i64) -> i64 {
    // Nearly always the number itself.
    let h = if n.unsigned_abs() < MODULUS as u64 {
        n
    } else {
        n % MODULUS
    };
    if h == -1 { -2 } else { h }
}

/// `hash(value)`. Raises TypeError for unhashable objects, and what a `__hash__` raises.
#[inline]
pub fn hash(vm: &Vm, value: &Value) -> PyResult<i64> {
    if let Some(n) = value.as_small_int() {
        return Ok(hash_int(n));
    }
    if let Some(text) = str_::of(value)
        && vm.type_of(value).is(&vm.types.str)
    {
        return Ok(text.hash(vm));
    }
    hash_slow(vm, value)
}

fn hash_slow(vm: &Vm, value: &Value) -> PyResult<i64> {
    let ty = vm.type_of(value);
    if ty.is(&vm.types.tuple)
        && let Some(tuple) = value.downcast::<Tuple>()
    {
        return tuple.hash_items(vm);
    }
    match ty.slots.hash.get() {
        Some(hash) => hash(vm, value),
        None => Err(unhashable(vm, value)),
    }
}

/// How deep tuples in each other are hashed without asking their classes.
const DEPTH: u32 = 8;

/// `hash(value)` where that neither raises nor runs Python: numbers, strings, tuples of such, and objects that hash by their
/// address. None for others.
#[inline(always)]
pub(crate) fn quick(vm: &Vm, value: &Value) -> Option<i64> {
    if let Some(n) = value.as_small_int() {
        return Some(hash_int(n));
    }
    match exact_str(vm, value) {
        Some(text) => Some(text.hash(vm)),
        None => quick_rare(vm, value, DEPTH),
    }
}

#[inline(never)]
fn quick_rare(vm: &Vm, value: &Value, depth: u32) -> Option<i64> {
    let ty = vm.type_of(value);
    let hash = ty.slots.hash.get()?;
    let same = |other: &Type| {
        let other = other.slots.hash.get();
        other.is_some_and(|other| std::ptr::fn_addr_eq(hash, other))
    };
    let types = vm.types;
    if !value.is_object() {
        // Constants and unboxed floats.
        return hash(vm, value).ok();
    }
    if same(&types.tuple) {
        let tuple = value.downcast::<Tuple>()?;
        return tuple.quick_hash(|item| match item.as_small_int() {
            Some(n) => Some(hash_int(n)),
            None => match exact_str(vm, item) {
                Some(text) => Some(text.hash(vm)),
                None => quick_rare(vm, item, depth.checked_sub(1)?),
            },
        });
    }
    if same(&types.object) {
        return Some(hash_pointer(value));
    }
    if same(&types.frozenset) {
        return value.downcast::<FrozenSet>().map(|set| set.own_hash());
    }
    // Instances of int's subclasses too, where those hash as ints.
    if same(&types.int) {
        return int::as_i64(value).map(hash_int);
    }
    None
}

/// Raises "unhashable type".
#[cold]
pub fn unhashable(vm: &Vm, value: &Value) -> crate::vm::Raised {
    vm.type_error(format!(
        "unhashable type: '{}'",
        vm.type_of(value).full_name()
    ))
}

/// The hash by address. Objects of a size lie at distances that are multiples of 32 and more: higher bits are mixed into
/// those by which tables are searched first.
pub fn hash_pointer(value: &Value) -> i64 {
    let word = value.bits().rotate_right(4);
    match (word ^ word >> 3) as i64 {
        -1 => -2,
        h => h,
    }
}

/// The hash of a dict's key. Raises TypeError "cannot use 'list' as a dict key (unhashable type: 'list')".
#[inline(always)]
pub fn key_hash(vm: &Vm, key: &Value) -> PyResult<i64> {
    match hash(vm, key) {
        Ok(hash) => Ok(hash),
        Err(_) => Err(refuse(vm, key, "dict key")),
    }
}

/// The hash of a set's element. Raises TypeError as [`key_hash`].
#[inline(always)]
pub fn element_hash(vm: &Vm, key: &Value) -> PyResult<i64> {
    match hash(vm, key) {
        Ok(hash) => Ok(hash),
        Err(_) => Err(refuse(vm, key, "set element")),
    }
}

/// Says what the key was wanted for, if hashing raised exactly TypeError.
#[cold]
fn refuse(vm: &Vm, key: &Value, role: &str) -> crate::vm::Raised {
    let exception = vm.take_exception();
    if !vm.type_of(exception.as_value()).is(&vm.types.type_error) {
        return vm.raise_value(exception);
    }
    match crate::protocols::object::str(vm, exception.as_value()) {
        Ok(message) => vm.type_error(format!(
            "cannot use '{}' as a {role} ({})",
            vm.type_of(key).full_name(),
            message.to_string_lossy()
        )),
        Err(raised) => raised,
    }
}
