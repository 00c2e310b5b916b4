//! `set` and `frozenset`: the keys of a hash table like that of `dict`. CPython: Objects/setobject.c.

use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{hash, iterator, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Build an unordered collection of unique elements.
#[pyclass(
    name = "set",
    module = "builtins",
    gc,
    flags(BASETYPE, HAS_WEAKREF, MATCH_SELF)
)]
#[repr(C)]
pub struct Set {
    keys: MutCell<Ref<Dict>>,
}

/// Build an immutable unordered collection of unique elements.
#[pyclass(
    name = "frozenset",
    module = "builtins",
    gc,
    flags(BASETYPE, HAS_WEAKREF, MATCH_SELF)
)]
#[repr(C)]
pub struct FrozenSet {
    keys: Ref<Dict>,
    hash: Cell<i64>,
}

#[pyclass(name = "set_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct SetIterator {
    keys: MutCell<Option<Ref<Dict>>>,
    position: Cell<usize>,
    len: usize,
}

impl Traverse for Set {
    fn traverse(&self, v: &mut Visitor) {
        self.keys.with(|k| v.reference(k))
    }
    fn clear(&self) {
        self.keys.get().clear_table()
    }
}

impl Traverse for FrozenSet {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.keys)
    }
    fn clear(&self) {}
}

impl Traverse for SetIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.keys.with(|k| k.iter().for_each(|k| v.reference(k)))
    }
    fn clear(&self) {
        drop(self.keys.take())
    }
}

/// The table of a set or frozenset.
fn table(value: &Value) -> Option<Ref<Dict>> {
    if let Some(set) = value.downcast::<Set>() {
        return Some(set.keys.get());
    }
    value.downcast::<FrozenSet>().map(|s| s.keys.clone())
}

fn elements(keys: &Ref<Dict>) -> Vec<Value> {
    keys.items_vec().into_iter().map(|(k, _)| k).collect()
}

/// A table of the elements of any iterable.
fn collect(vm: &Vm, iterable: &Value) -> PyResult<Ref<Dict>> {
    let keys = Dict::new(vm)?;
    add_all(vm, &keys, iterable)?;
    Ok(keys)
}

fn add_all(vm: &Vm, keys: &Ref<Dict>, iterable: &Value) -> PyResult<()> {
    if let Some(other) = table(iterable) {
        for key in elements(&other) {
            keys.set(vm, &key, Value::NONE)?;
        }
        return Ok(());
    }
    iterator::for_each(vm, iterable, |key| keys.set(vm, &key, Value::NONE))
}

impl Set {
    /// A new, empty set. Raises MemoryError.
    pub fn new(vm: &Vm) -> PyResult<Ref<Set>> {
        let keys = Dict::new(vm)?;
        vm.new_object(Set {
            keys: MutCell::new(keys),
        })
    }

    /// The elements, in the order of iteration.
    pub fn elements(&self) -> Vec<Value> {
        elements(&self.keys.get())
    }

    pub fn add(&self, vm: &Vm, key: &Value) -> PyResult<()> {
        self.keys.get().set(vm, key, Value::NONE)
    }

    pub fn contains(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        self.keys.get().contains(vm, key)
    }

    /// Takes over the table of `keys`, which nobody else uses. The set's own dict stays, so that its iterators notice.
    fn store(&self, keys: Ref<Dict>) {
        let mut new = keys.table.take();
        let old = self.keys.get().table.with_mut(|table| {
            new.carry_version(table);
            std::mem::replace(table, new)
        });
        drop(old)
    }

    pub fn update(&self, vm: &Vm, iterable: &Value) -> PyResult<()> {
        add_all(vm, &self.keys.get(), iterable)
    }
}

impl FrozenSet {
    /// The elements, in the order of iteration.
    pub fn elements(&self) -> Vec<Value> {
        elements(&self.keys)
    }

    pub fn from_values(vm: &Vm, values: Vec<Value>) -> PyResult<Ref<FrozenSet>> {
        let keys = Dict::new(vm)?;
        for value in values {
            keys.set(vm, &value, Value::NONE)?;
        }
        vm.new_object(FrozenSet {
            keys,
            hash: Cell::new(-1),
        })
    }
}

/// A set like `like` (a frozenset for a frozenset) of these keys.
fn like(vm: &Vm, like: &Value, keys: Ref<Dict>) -> PyResult {
    if like.downcast::<FrozenSet>().is_some() {
        Ok(vm
            .new_object(FrozenSet {
                keys,
                hash: Cell::new(-1),
            })?
            .into_value())
    } else {
        Ok(vm
            .new_object(Set {
                keys: MutCell::new(keys),
            })?
            .into_value())
    }
}

#[derive(Clone, Copy)]
enum Operation {
    And,
    Sub,
    Or,
    Xor,
}

/// A new table by a set operation.
fn combine(vm: &Vm, a: &Ref<Dict>, b: &Ref<Dict>, operation: Operation) -> PyResult<Ref<Dict>> {
    let out = match operation {
        Operation::Or => a.copy(vm)?,
        _ => Dict::new(vm)?,
    };
    if matches!(operation, Operation::Or) {
        for key in elements(b) {
            out.set(vm, &key, Value::NONE)?;
        }
        return Ok(out);
    }
    for key in elements(a) {
        if b.contains(vm, &key)? == matches!(operation, Operation::And) {
            out.set(vm, &key, Value::NONE)?;
        }
    }
    if matches!(operation, Operation::Xor) {
        for key in elements(b) {
            if !a.contains(vm, &key)? {
                out.set(vm, &key, Value::NONE)?;
            }
        }
    }
    Ok(out)
}

fn operator(vm: &Vm, a: &Value, b: &Value, operation: Operation) -> PyResult {
    match (table(a), table(b)) {
        (Some(x), Some(y)) => like(vm, a, combine(vm, &x, &y, operation)?),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn is_subset(vm: &Vm, a: &Ref<Dict>, b: &Ref<Dict>) -> PyResult<bool> {
    if a.len() > b.len() {
        return Ok(false);
    }
    for key in elements(a) {
        if !b.contains(vm, &key)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    let (Some(x), Some(y)) = (table(a), table(b)) else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    let result = match op {
        CompareOp::Eq => x.len() == y.len() && is_subset(vm, &x, &y)?,
        CompareOp::Ne => x.len() != y.len() || !is_subset(vm, &x, &y)?,
        CompareOp::Le => is_subset(vm, &x, &y)?,
        CompareOp::Lt => x.len() < y.len() && is_subset(vm, &x, &y)?,
        CompareOp::Ge => is_subset(vm, &y, &x)?,
        CompareOp::Gt => y.len() < x.len() && is_subset(vm, &y, &x)?,
    };
    Ok(Value::from_bool(result))
}

fn repr(vm: &Vm, zelf: &Value) -> PyResult {
    let name = vm.type_of(zelf).name();
    let keys = match table(zelf) {
        Some(keys) => elements(&keys),
        None => Vec::new(),
    };
    if keys.is_empty() {
        return Ok(vm.new_str(format!("{name}()"))?.into_value());
    }
    if object::repr_enter(vm, zelf) {
        return Ok(vm.new_str(format!("{name}(...)"))?.into_value());
    }
    let mut parts = Vec::with_capacity(keys.len());
    for key in &keys {
        match object::repr(vm, key) {
            Ok(text) => parts.push(text.to_string_lossy().into_owned()),
            Err(raised) => {
                object::repr_leave(vm, zelf);
                return Err(raised);
            }
        }
    }
    object::repr_leave(vm, zelf);
    let inside = format!("{{{}}}", parts.join(", "));
    let text = if vm.type_of(zelf).is(&vm.types.set) {
        inside
    } else {
        format!("{name}({inside})")
    };
    Ok(vm.new_str(text)?.into_value())
}

fn iterate(vm: &Vm, keys: Ref<Dict>) -> PyResult {
    let len = keys.len();
    Ok(vm
        .new_object(SetIterator {
            keys: MutCell::new(Some(keys)),
            position: Cell::new(0),
            len,
        })?
        .into_value())
}

/// The key to look `key` up by: for an unhashable set, the frozenset of its elements.
fn lookup_key(vm: &Vm, key: &Value) -> PyResult<Value> {
    if key.downcast::<Set>().is_some()
        && vm
            .type_of(key)
            .slots
            .hash
            .get()
            .is_none_or(|_| vm.type_of(key).is(&vm.types.set))
        && let Some(inner) = table(key)
    {
        return Ok(FrozenSet::from_values(vm, elements(&inner))?.into_value());
    }
    Ok(key.clone())
}

fn has(vm: &Vm, keys: &Ref<Dict>, key: &Value) -> PyResult<bool> {
    keys.contains(vm, &lookup_key(vm, key)?)
}

/// Removes `key`; says whether it was there.
fn take_out(vm: &Vm, keys: &Ref<Dict>, key: &Value) -> PyResult<bool> {
    Ok(keys.remove(vm, &lookup_key(vm, key)?)?.is_some())
}

macro_rules! shared_methods {
    ($ty:ident, $name:literal) => {
        #[pymethods(extra = $name)]
        impl $ty {
            #[pyslot]
            fn repr(zelf: &Value, vm: &Vm) -> PyResult {
                repr(vm, zelf)
            }

            #[pyslot]
            fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
                compare(vm, a, b, op)
            }

            #[pyslot]
            fn sq_len(zelf: &Value, _vm: &Vm) -> PyResult<usize> {
                Ok(table(zelf).map_or(0, |t| t.len()))
            }

            #[pyslot(name = "contains")]
            fn contains_slot(zelf: &Value, vm: &Vm, key: &Value) -> PyResult<bool> {
                match table(zelf) {
                    Some(keys) => has(vm, &keys, key),
                    None => Ok(false),
                }
            }

            #[pyslot]
            fn iter(zelf: &Value, vm: &Vm) -> PyResult {
                match table(zelf) {
                    Some(keys) => iterate(vm, keys),
                    None => Err(vm.type_error("not a set")),
                }
            }

            #[pyslot]
            fn and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                operator(vm, a, b, Operation::And)
            }

            #[pyslot]
            fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                operator(vm, a, b, Operation::Or)
            }

            #[pyslot]
            fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                operator(vm, a, b, Operation::Xor)
            }

            #[pyslot]
            fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                operator(vm, a, b, Operation::Sub)
            }

            /// Return a shallow copy of a set.
            #[pymethod]
            fn copy(zelf: &Value, vm: &Vm) -> PyResult {
                match table(zelf) {
                    Some(keys) => like(vm, zelf, keys.copy(vm)?),
                    None => Err(vm.type_error("not a set")),
                }
            }

            /// Return a new set with elements from the set and all others.
            #[pymethod(sig = "($self, /, *others)")]
            fn union(zelf: &Value, vm: &Vm, others: &[Value]) -> PyResult {
                fold(vm, zelf, others, Operation::Or)
            }

            /// Return a new set with elements common to the set and all others.
            #[pymethod(sig = "($self, /, *others)")]
            fn intersection(zelf: &Value, vm: &Vm, others: &[Value]) -> PyResult {
                fold(vm, zelf, others, Operation::And)
            }

            /// Return a new set with elements in the set that are not in the others.
            #[pymethod(sig = "($self, /, *others)")]
            fn difference(zelf: &Value, vm: &Vm, others: &[Value]) -> PyResult {
                fold(vm, zelf, others, Operation::Sub)
            }

            /// Return a new set with elements in either the set or other but not both.
            #[pymethod(sig = "($self, other, /)")]
            fn symmetric_difference(zelf: &Value, vm: &Vm, other: Value) -> PyResult {
                fold(vm, zelf, &[other], Operation::Xor)
            }

            /// Report whether another set contains this set.
            #[pymethod(sig = "($self, other, /)")]
            fn issubset(zelf: &Value, vm: &Vm, other: &Value) -> PyResult<bool> {
                let other = collect(vm, other)?;
                match table(zelf) {
                    Some(keys) => is_subset(vm, &keys, &other),
                    None => Ok(false),
                }
            }

            /// Report whether this set contains another set.
            #[pymethod(sig = "($self, other, /)")]
            fn issuperset(zelf: &Value, vm: &Vm, other: &Value) -> PyResult<bool> {
                let other = collect(vm, other)?;
                match table(zelf) {
                    Some(keys) => is_subset(vm, &other, &keys),
                    None => Ok(false),
                }
            }

            /// Return True if two sets have a null intersection.
            #[pymethod(sig = "($self, other, /)")]
            fn isdisjoint(zelf: &Value, vm: &Vm, other: &Value) -> PyResult<bool> {
                let other = collect(vm, other)?;
                match table(zelf) {
                    Some(keys) => Ok(combine(vm, &keys, &other, Operation::And)?.is_empty()),
                    None => Ok(true),
                }
            }

            /// See PEP 585
            #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
            fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
                vm.generic_alias(cls.as_value(), object)
            }
        }
    };
}

fn fold(vm: &Vm, zelf: &Value, others: &[Value], operation: Operation) -> PyResult {
    let Some(mut keys) = table(zelf) else {
        return Err(vm.type_error("not a set"));
    };
    if others.is_empty() {
        keys = keys.copy(vm)?;
    }
    for other in others {
        keys = combine(vm, &keys, &collect(vm, other)?, operation)?;
    }
    like(vm, zelf, keys)
}

shared_methods!(Set, "SET_SHARED");
shared_methods!(FrozenSet, "FROZENSET_SHARED");

fn one_iterable<'a>(vm: &Vm, args: &Args<'a>, name: &str) -> PyResult<Option<&'a Value>> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    match args.args {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        many => Err(vm.type_error(format!(
            "{name} expected at most 1 argument, got {}",
            many.len()
        ))),
    }
}

#[pymethods(with(SET_SHARED))]
impl Set {
    #[pyslot(name = "new")]
    fn make(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let keys = Dict::new(vm)?;
        Ok(vm
            .new_object_of(
                cls,
                Set {
                    keys: MutCell::new(keys),
                },
            )?
            .into_value())
    }

    #[pyslot(sig = "(iterable=(), /)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let keys = match one_iterable(vm, &args, "set")? {
            Some(iterable) => collect(vm, iterable)?,
            None => Dict::new(vm)?,
        };
        zelf.store(keys);
        Ok(())
    }

    #[pyslot]
    fn inplace_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(set), Some(_)) = (a.downcast::<Set>(), table(b)) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        set.update(vm, b)?;
        Ok(a.clone())
    }

    #[pyslot]
    fn inplace_and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        replace(vm, a, b, Operation::And)
    }

    #[pyslot]
    fn inplace_subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        replace(vm, a, b, Operation::Sub)
    }

    #[pyslot]
    fn inplace_xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        replace(vm, a, b, Operation::Xor)
    }

    /// Add an element to a set.
    ///
    /// This has no effect if the element is already present.
    #[pymethod(name = "add", sig = "($self, object, /)")]
    fn add_method(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        self.add(vm, object)
    }

    /// Remove an element from a set if it is a member.
    ///
    /// Unlike set.remove(), the discard() method does not raise
    /// an exception when an element is missing from the set.
    #[pymethod(sig = "($self, object, /)")]
    fn discard(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        take_out(vm, &self.keys.get(), object).map(drop)
    }

    /// Remove an element from a set; it must be a member.
    ///
    /// If the element is not a member, raise a KeyError.
    #[pymethod(sig = "($self, object, /)")]
    fn remove(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        if take_out(vm, &self.keys.get(), object)? {
            Ok(())
        } else {
            Err(vm.key_error(object))
        }
    }

    /// Remove and return an arbitrary set element.
    ///
    /// Raises KeyError if the set is empty.
    #[pymethod]
    fn pop(&self, vm: &Vm) -> PyResult {
        let keys = self.keys.get();
        match keys.next_item(&mut 0) {
            Some((key, _)) => {
                keys.remove(vm, &key)?;
                Ok(key)
            }
            None => {
                let message = vm.new_str("pop from an empty set")?.into_value();
                Err(vm.key_error(&message))
            }
        }
    }

    /// Remove all elements from this set.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        self.keys.get().clear_table()
    }

    /// Update the set, adding elements from all others.
    #[pymethod(name = "update", sig = "($self, /, *others)")]
    fn update_method(&self, vm: &Vm, others: &[Value]) -> PyResult<()> {
        others.iter().try_for_each(|other| self.update(vm, other))
    }

    /// Update the set, removing elements found in others.
    #[pymethod(sig = "($self, /, *others)")]
    fn difference_update(&self, vm: &Vm, others: &[Value]) -> PyResult<()> {
        for other in others {
            let keys = combine(vm, &self.keys.get(), &collect(vm, other)?, Operation::Sub)?;
            self.store(keys);
        }
        Ok(())
    }

    /// Update the set, keeping only elements found in it and all others.
    #[pymethod(sig = "($self, /, *others)")]
    fn intersection_update(&self, vm: &Vm, others: &[Value]) -> PyResult<()> {
        let mut keys = self.keys.get();
        for other in others {
            keys = combine(vm, &keys, &collect(vm, other)?, Operation::And)?;
        }
        if !others.is_empty() {
            self.store(keys);
        }
        Ok(())
    }

    /// Update the set, keeping only elements found in either set, but not in both.
    #[pymethod(sig = "($self, other, /)")]
    fn symmetric_difference_update(&self, vm: &Vm, other: &Value) -> PyResult<()> {
        let other = collect(vm, other)?;
        self.store(combine(vm, &self.keys.get(), &other, Operation::Xor)?);
        Ok(())
    }
}

/// `a op= b` by a new table.
fn replace(vm: &Vm, a: &Value, b: &Value, operation: Operation) -> PyResult {
    let (Some(set), Some(other)) = (a.downcast::<Set>(), table(b)) else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    let keys = combine(vm, &set.keys.get(), &other, operation)?;
    set.store(keys);
    Ok(a.clone())
}

#[pymethods(with(FROZENSET_SHARED))]
impl FrozenSet {
    #[pyslot(sig = "(iterable=(), /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let iterable = one_iterable(vm, &args, "frozenset")?;
        if let Some(value) = iterable
            && cls.is(&vm.types.frozenset)
            && vm.type_of(value).is(&vm.types.frozenset)
        {
            return Ok(value.clone());
        }
        let keys = match iterable {
            Some(iterable) => collect(vm, iterable)?,
            None => Dict::new(vm)?,
        };
        Ok(vm
            .new_object_of(
                cls,
                FrozenSet {
                    keys,
                    hash: Cell::new(-1),
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() != -1 {
            return Ok(zelf.hash.get());
        }
        // Objects/setobject.c, frozenset_hash
        let shuffle = |h: u64| ((h ^ 89869747) ^ (h << 16)).wrapping_mul(3644798167);
        let mut h = 0u64;
        let keys = elements(&zelf.keys);
        for key in &keys {
            h ^= shuffle(hash::hash(vm, key)? as u64);
        }
        h ^= (keys.len() as u64 + 1).wrapping_mul(1927868237);
        h ^= (h >> 11) ^ (h >> 25);
        h = h.wrapping_mul(69069).wrapping_add(907133923);
        let h = if h == u64::MAX { 590923713 } else { h as i64 };
        zelf.hash.set(h);
        Ok(h)
    }
}

#[pymethods]
impl SetIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(keys) = zelf.keys.get() else {
            return Ok(None);
        };
        if keys.len() != zelf.len {
            drop(zelf.keys.take());
            return Err(vm.runtime_error("Set changed size during iteration"));
        }
        let mut position = zelf.position.get();
        let next = keys.next_item(&mut position);
        zelf.position.set(position);
        if next.is_none() {
            drop(zelf.keys.take());
        }
        Ok(next.map(|(k, _)| k))
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        let Some(keys) = self.keys.get() else {
            return 0;
        };
        if keys.len() != self.len {
            return 0;
        }
        let position = self.position.get();
        keys.table.with(|t| {
            t.entries()
                .iter()
                .skip(position)
                .filter(|e| e.key.is_some())
                .count()
        })
    }
}
