//! `set` and `frozenset`: their slots, methods and iterator.
//!
//! The hash table is in `table.rs`, what is done with it in `core.rs`. A frozenset's table is never changed once Python
//! code can reach it; its hash is kept (-1: not computed yet). CPython: Objects/setobject.c.

pub mod core;
pub mod table;

use self::core::{Core, core};
use crate::function::Args;
use crate::objects::iterators::reduce_iter;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::object;
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
#[derive(Default)]
pub struct Set {
    pub(crate) core: Core,
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
    pub(crate) core: Core,
    hash: Cell<i64>,
}

fn visit(core: &Core, v: &mut Visitor) {
    core.table.with(|t| {
        for slot in t.slots() {
            v.opt(&slot.key)
        }
    })
}

impl Traverse for Set {
    fn traverse(&self, v: &mut Visitor) {
        visit(&self.core, v)
    }
    fn clear(&self) {
        self.core.clear()
    }
}

impl Traverse for FrozenSet {
    fn traverse(&self, v: &mut Visitor) {
        visit(&self.core, v)
    }
    fn clear(&self) {
        self.core.clear()
    }
}

impl Set {
    /// A new, empty set. Raises MemoryError.
    pub fn new(vm: &Vm) -> PyResult<Ref<Set>> {
        vm.new_object(Set::default())
    }

    /// Adds an element. Raises TypeError for an unhashable one.
    #[inline]
    pub fn add(&self, vm: &Vm, key: &Value) -> PyResult<()> {
        self.core.add(vm, key)
    }

    pub fn contains(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        self.core.contains(vm, key)
    }

    /// Adds all elements of an iterable.
    pub fn update(&self, vm: &Vm, iterable: &Value) -> PyResult<()> {
        self.core.update(vm, iterable)
    }

    /// Takes an element out; says whether it was there.
    pub fn discard(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        self.core.discard(vm, key)
    }

    /// Copies of the elements.
    pub fn elements(&self) -> Vec<Value> {
        self.core.elements()
    }
}

impl FrozenSet {
    /// The hash, kept once computed.
    pub(crate) fn own_hash(&self) -> i64 {
        if self.hash.get() == -1 {
            self.hash.set(self.core.hash())
        }
        self.hash.get()
    }

    pub fn from_values(vm: &Vm, values: Vec<Value>) -> PyResult<Ref<FrozenSet>> {
        let core = Core::default();
        for value in values {
            core.add(vm, &value)?;
        }
        vm.new_object(FrozenSet::from_core(core))
    }

    fn from_core(core: Core) -> FrozenSet {
        FrozenSet {
            core,
            hash: Cell::new(-1),
        }
    }

    /// Copies of the elements.
    pub fn elements(&self) -> Vec<Value> {
        self.core.elements()
    }
}

/// The elements of a set or frozenset; None for other values.
pub fn elements(value: &Value) -> Option<Vec<Value>> {
    core(value).map(Core::elements)
}

/// A frozenset where `like` is one, else a set, of these elements.
fn make(vm: &Vm, like: &Value, core: Core) -> PyResult {
    if like.downcast::<FrozenSet>().is_some() {
        Ok(vm.new_object(FrozenSet::from_core(core))?.into_value())
    } else {
        Ok(vm.new_object(Set { core })?.into_value())
    }
}

/// A frozenset where `like` is one, else a set, filled in its place.
#[inline]
fn filled(vm: &Vm, like: &Value, fill: impl FnOnce(&Core) -> PyResult<()>) -> PyResult {
    if like.downcast::<FrozenSet>().is_some() {
        let new = vm.new_object(FrozenSet::from_core(Core::default()))?;
        fill(&new.core)?;
        Ok(new.into_value())
    } else {
        let new = vm.new_object(Set::default())?;
        fill(&new.core)?;
        Ok(new.into_value())
    }
}

/// The table of what is exactly a set or frozenset.
#[inline(always)]
fn exact_core<'a>(vm: &Vm, value: &'a Value) -> Option<&'a Core> {
    let ty = vm.type_of(value);
    match ty.is(&vm.types.frozenset) || ty.is(&vm.types.set) {
        true => core(value),
        false => None,
    }
}

/// Comparison of two sets proper, where no element's class need be asked; None for anything else.
#[inline]
pub(crate) fn quick_compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> Option<bool> {
    let (x, y) = (exact_core(vm, a)?, exact_core(vm, b)?);
    match op {
        CompareOp::Le => x.quick_subset(vm, y),
        CompareOp::Ge => y.quick_subset(vm, x),
        CompareOp::Lt if x.len() == y.len() => Some(false),
        CompareOp::Lt => x.quick_subset(vm, y),
        CompareOp::Gt if x.len() == y.len() => Some(false),
        CompareOp::Gt => y.quick_subset(vm, x),
        CompareOp::Eq | CompareOp::Ne if x.len() != y.len() => Some(op == CompareOp::Ne),
        CompareOp::Eq | CompareOp::Ne => {
            if let (Some(a), Some(b)) = (a.downcast::<FrozenSet>(), b.downcast::<FrozenSet>())
                && a.hash.get() != -1
                && b.hash.get() != -1
                && a.hash.get() != b.hash.get()
            {
                return Some(op == CompareOp::Ne);
            }
            Some(x.quick_subset(vm, y)? == (op == CompareOp::Eq))
        }
    }
}

fn compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    let (Some(x), Some(y)) = (core(a), core(b)) else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    let equal = || {
        if x.len() != y.len() {
            return Ok(false);
        }
        if let (Some(a), Some(b)) = (a.downcast::<FrozenSet>(), b.downcast::<FrozenSet>())
            && a.hash.get() != -1
            && b.hash.get() != -1
            && a.hash.get() != b.hash.get()
        {
            return Ok(false);
        }
        x.is_subset_of(vm, y)
    };
    let result = match op {
        CompareOp::Eq => equal()?,
        CompareOp::Ne => !equal()?,
        CompareOp::Le => x.is_subset_of(vm, y)?,
        CompareOp::Lt => x.len() < y.len() && x.is_subset_of(vm, y)?,
        CompareOp::Ge => y.is_subset_of(vm, x)?,
        CompareOp::Gt => y.len() < x.len() && y.is_subset_of(vm, x)?,
    };
    Ok(Value::from_bool(result))
}

fn repr(vm: &Vm, zelf: &Value) -> PyResult {
    let name = vm.type_of(zelf).name();
    let keys = elements(zelf).unwrap_or_default();
    if keys.is_empty() {
        return Ok(vm.new_str(format!("{name}()"))?.into_value());
    }
    if object::repr_enter(vm, zelf) {
        return Ok(vm.new_str(format!("{name}(...)"))?.into_value());
    }
    let shown = vm
        .new_list(keys)
        .and_then(|list| object::repr(vm, list.as_value()));
    object::repr_leave(vm, zelf);
    let shown = shown?;
    // The list's brackets become braces.
    let inside = shown.as_bytes();
    let inside = &inside[1..inside.len() - 1];
    let mut text = Vec::with_capacity(inside.len() + name.len() + 4);
    let plain = vm.type_of(zelf).is(&vm.types.set);
    if !plain {
        text.extend_from_slice(name.as_bytes());
        text.push(b'(');
    }
    text.push(b'{');
    text.extend_from_slice(inside);
    text.push(b'}');
    if !plain {
        text.push(b')');
    }
    Ok(vm.new_str_wtf8(&text)?.into_value())
}

/// The elements of `zelf`, which the method table says is a set.
fn own<'a>(vm: &Vm, zelf: &'a Value) -> PyResult<&'a Core> {
    core(zelf).ok_or_else(|| vm.type_error("not a set"))
}

/// `(class, ([elements],), state)`.
fn reduce(vm: &Vm, zelf: &Value) -> PyResult {
    let list = vm.new_list(own(vm, zelf)?.elements())?.into_value();
    let args = vm.new_tuple(vec![list])?.into_value();
    let state = crate::objects::object::state_of(vm, zelf)?;
    let class = vm.type_of(zelf).to_ref().into_value();
    Ok(vm.new_tuple(vec![class, args, state])?.into_value())
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
            fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
                Ok(zelf.core.len())
            }

            #[pyslot(name = "contains")]
            fn contains_slot(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult<bool> {
                zelf.core.contains(vm, key)
            }

            #[pyslot]
            fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                let iterator = SetIterator {
                    set: MutCell::new(Some(zelf.to_value())),
                    position: Cell::new(0),
                    len: Cell::new(zelf.core.len()),
                };
                Ok(vm.new_object(iterator)?.into_value())
            }

            #[pyslot]
            fn and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                match (core(a), core(b)) {
                    (Some(x), Some(y)) => filled(vm, a, |result| x.intersect_set(vm, y, result)),
                    _ => Ok(Value::NOT_IMPLEMENTED),
                }
            }

            #[pyslot]
            fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                match (core(a), core(b)) {
                    (Some(x), Some(y)) => filled(vm, a, |result| {
                        result.merge(vm, x)?;
                        if !a.is(b) {
                            result.merge(vm, y)?
                        }
                        Ok(())
                    }),
                    _ => Ok(Value::NOT_IMPLEMENTED),
                }
            }

            #[pyslot]
            fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                match (core(a), core(b)) {
                    (Some(x), Some(y)) => filled(vm, a, |result| {
                        result.merge(vm, y)?;
                        result.toggle_set(vm, x)
                    }),
                    _ => Ok(Value::NOT_IMPLEMENTED),
                }
            }

            #[pyslot]
            fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                match (core(a), core(b)) {
                    (Some(x), Some(_)) => filled(vm, a, |result| x.subtract(vm, b, result)),
                    _ => Ok(Value::NOT_IMPLEMENTED),
                }
            }

            /// x.__contains__(y) <==> y in x.
            #[pymethod(sig = "($self, object, /)")]
            fn __contains__(&self, vm: &Vm, object: &Value) -> PyResult<bool> {
                self.core.contains(vm, object)
            }

            /// Return a shallow copy of a set.
            #[pymethod]
            fn copy(zelf: &Value, vm: &Vm) -> PyResult {
                if vm.type_of(zelf).is(&vm.types.frozenset) {
                    return Ok(zelf.clone());
                }
                let own = own(vm, zelf)?;
                filled(vm, zelf, |result| result.merge(vm, own))
            }

            /// Return a new set with elements from the set and all others.
            #[pymethod(sig = "($self, /, *others)")]
            fn union(zelf: &Value, vm: &Vm, others: &[Value]) -> PyResult {
                let own = own(vm, zelf)?;
                filled(vm, zelf, |result| {
                    result.merge(vm, own)?;
                    for other in others {
                        if !other.is(zelf) {
                            result.update(vm, other)?
                        }
                    }
                    Ok(())
                })
            }

            /// Return a new set with elements common to the set and all others.
            #[pymethod(sig = "($self, /, *others)")]
            fn intersection(zelf: &Value, vm: &Vm, others: &[Value]) -> PyResult {
                let own = own(vm, zelf)?;
                match others {
                    [] => filled(vm, zelf, |result| result.merge(vm, own)),
                    [one] => filled(vm, zelf, |result| own.intersect(vm, one, result)),
                    [first, rest @ ..] => {
                        let mut result = own.intersection(vm, first)?;
                        for other in rest {
                            result = result.intersection(vm, other)?
                        }
                        make(vm, zelf, result)
                    }
                }
            }

            /// Return a new set with elements in the set that are not in the others.
            #[pymethod(sig = "($self, /, *others)")]
            fn difference(zelf: &Value, vm: &Vm, others: &[Value]) -> PyResult {
                let own = own(vm, zelf)?;
                let Some((first, rest)) = others.split_first() else {
                    return filled(vm, zelf, |result| result.merge(vm, own));
                };
                filled(vm, zelf, |result| {
                    own.subtract(vm, first, result)?;
                    rest.iter()
                        .try_for_each(|other| result.remove_all(vm, other))
                })
            }

            /// Return a new set with elements in either the set or other but not both.
            #[pymethod(sig = "($self, other, /)")]
            fn symmetric_difference(zelf: &Value, vm: &Vm, other: &Value) -> PyResult {
                make(vm, zelf, own(vm, zelf)?.symmetric_difference(vm, other)?)
            }

            /// Report whether another set contains this set.
            #[pymethod(sig = "($self, other, /)")]
            fn issubset(&self, vm: &Vm, other: &Value) -> PyResult<bool> {
                match core(other) {
                    Some(other) => self.core.is_subset_of(vm, other),
                    None => Ok(self.core.intersection(vm, other)?.len() == self.core.len()),
                }
            }

            /// Report whether this set contains another set.
            #[pymethod(sig = "($self, other, /)")]
            fn issuperset(&self, vm: &Vm, other: &Value) -> PyResult<bool> {
                if let Some(other) = core(other) {
                    return other.is_subset_of(vm, &self.core);
                }
                let it = crate::protocols::iterator::iter(vm, other)?;
                while let Some(key) = crate::protocols::iterator::next(vm, &it)? {
                    if !self.core.contains(vm, &key)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }

            /// Return True if two sets have a null intersection.
            #[pymethod(sig = "($self, other, /)")]
            fn isdisjoint(&self, vm: &Vm, other: &Value) -> PyResult<bool> {
                self.core.is_disjoint(vm, other)
            }

            /// Return state information for pickling.
            #[pymethod]
            fn __reduce__(zelf: &Value, vm: &Vm) -> PyResult {
                reduce(vm, zelf)
            }

            /// S.__sizeof__() -> size of S in memory, in bytes.
            #[pymethod]
            fn __sizeof__(&self) -> usize {
                // CPython's figure: the first eight places are in the object itself.
                match self.core.table.with(|t| t.mask() + 1) {
                    8 => 200,
                    places => 200 + places * 16,
                }
            }

            /// See PEP 585: sets are generic over the type of their elements
            #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
            fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
                vm.generic_alias(cls.as_value(), object)
            }
        }
    };
}

shared_methods!(Set, "SET_SHARED");
shared_methods!(FrozenSet, "FROZENSET_SHARED");

/// The one optional argument of `set` or `frozenset`. `strict`: keywords are refused (subclasses may use them).
fn one_iterable<'a>(
    vm: &Vm,
    args: &Args<'a>,
    name: &str,
    strict: bool,
) -> PyResult<Option<&'a Value>> {
    if strict && args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    match args.positional() {
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
    fn make_new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Set::default())?.into_value())
    }

    #[pyslot(sig = "(iterable=(), /)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let iterable = one_iterable(vm, &args, "set", true)?;
        if !zelf.core.is_empty() {
            zelf.core.clear();
        }
        match iterable {
            Some(iterable) => zelf.core.update(vm, iterable),
            None => Ok(()),
        }
    }

    #[pyslot]
    fn inplace_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (a.downcast::<Set>(), core(b)) {
            (Some(set), Some(other)) => {
                set.core.merge(vm, other)?;
                Ok(a.clone())
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn inplace_and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (a.downcast::<Set>(), core(b)) {
            (Some(set), Some(_)) => {
                let new = set.core.intersection(vm, b)?;
                drop(set.core.swap(new.table.take()));
                Ok(a.clone())
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn inplace_subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (a.downcast::<Set>(), core(b)) {
            (Some(set), Some(_)) => {
                set.core.remove_all(vm, b)?;
                Ok(a.clone())
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn inplace_xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (a.downcast::<Set>(), core(b)) {
            (Some(set), Some(_)) => {
                set.core.toggle_all(vm, b)?;
                Ok(a.clone())
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    /// Add an element to a set.
    ///
    /// This has no effect if the element is already present.
    #[pymethod(name = "add", sig = "($self, object, /)")]
    fn add_method(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        self.core.add(vm, object)
    }

    /// Remove an element from a set if it is a member.
    ///
    /// Unlike set.remove(), the discard() method does not raise
    /// an exception when an element is missing from the set.
    #[pymethod(name = "discard", sig = "($self, object, /)")]
    fn discard_method(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        self.core.discard(vm, object).map(drop)
    }

    /// Remove an element from a set; it must be a member.
    ///
    /// If the element is not a member, raise a KeyError.
    #[pymethod(sig = "($self, object, /)")]
    fn remove(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        if self.core.discard(vm, object)? {
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
        // SAFETY: the element leaves.
        match unsafe { self.core.table.with_mut_no_drop(|t| t.pop()) } {
            Some(key) => Ok(key),
            None => {
                let message = vm.new_str("pop from an empty set")?.into_value();
                Err(vm.key_error(&message))
            }
        }
    }

    /// Remove all elements from this set.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        self.core.clear()
    }

    /// Update the set, adding elements from all others.
    #[pymethod(name = "update", sig = "($self, /, *others)")]
    fn update_method(&self, vm: &Vm, others: &[Value]) -> PyResult<()> {
        others.iter().try_for_each(|other| self.update(vm, other))
    }

    /// Update the set, removing elements found in others.
    #[pymethod(sig = "($self, /, *others)")]
    fn difference_update(&self, vm: &Vm, others: &[Value]) -> PyResult<()> {
        others
            .iter()
            .try_for_each(|other| self.core.remove_all(vm, other))
    }

    /// Update the set, keeping only elements found in it and all others.
    #[pymethod(sig = "($self, /, *others)")]
    fn intersection_update(&self, vm: &Vm, others: &[Value]) -> PyResult<()> {
        let Some((first, rest)) = others.split_first() else {
            return Ok(());
        };
        let mut result = self.core.intersection(vm, first)?;
        for other in rest {
            result = result.intersection(vm, other)?
        }
        drop(self.core.swap(result.table.take()));
        Ok(())
    }

    /// Update the set, keeping only elements found in either set, but not in both.
    #[pymethod(sig = "($self, other, /)")]
    fn symmetric_difference_update(&self, vm: &Vm, other: &Value) -> PyResult<()> {
        self.core.toggle_all(vm, other)
    }
}

#[pymethods(with(FROZENSET_SHARED))]
impl FrozenSet {
    #[pyslot(sig = "(iterable=(), /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let strict = cls.is(&vm.types.frozenset)
            || cls.slots.init.get().map(|f| f as usize)
                == vm.types.object.slots.init.get().map(|f| f as usize);
        let iterable = one_iterable(vm, &args, "frozenset", strict)?;
        if let Some(value) = iterable
            && cls.is(&vm.types.frozenset)
            && vm.type_of(value).is(&vm.types.frozenset)
        {
            return Ok(value.clone());
        }
        let new = vm.new_object_of(cls, FrozenSet::from_core(Core::default()))?;
        if let Some(iterable) = iterable {
            new.core.update(vm, iterable)?;
        }
        Ok(new.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<i64> {
        Ok(zelf.own_hash())
    }
}

#[pyclass(name = "set_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct SetIterator {
    set: MutCell<Option<Value>>,
    position: Cell<usize>,
    /// How many elements there were; `usize::MAX` once that has changed.
    len: Cell<usize>,
}

impl Traverse for SetIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.set.with(|s| v.opt(s))
    }
    fn clear(&self) {
        drop(self.set.take())
    }
}

impl SetIterator {
    #[inline(always)]
    pub(crate) fn next(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let next = self.set.with(|set| {
            let core = core(set.as_ref()?)?;
            core.table.with(|table| {
                if table.len() != self.len.get() {
                    return None;
                }
                let mut position = self.position.get();
                let next = table.next_key(&mut position);
                self.position.set(position);
                next
            })
        });
        match next {
            Some(key) => Ok(Some(key)),
            None => self.end(vm),
        }
    }

    /// No element was found: the end, or a change meanwhile.
    #[cold]
    fn end(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let changed = self
            .set
            .with(|set| core(set.as_ref()?).map(|core| core.len() != self.len.get()));
        if changed == Some(true) {
            self.len.set(usize::MAX);
            return Err(vm.runtime_error("Set changed size during iteration"));
        }
        drop(self.set.take());
        Ok(None)
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
        zelf.next(vm)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.set.with(|set| {
            let Some(core) = set.as_ref().and_then(core) else {
                return 0;
            };
            if core.len() != self.len.get() {
                return 0;
            }
            core.table.with(|t| {
                let rest = t.slots().get(self.position.get()..).unwrap_or(&[]);
                rest.iter().filter(|s| s.key.is_some()).count()
            })
        })
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?;
        // A copy goes on where this iterator stands, which stays as it is.
        let rest = SetIterator {
            set: MutCell::new(self.set.get()),
            position: self.position.clone(),
            len: self.len.clone(),
        };
        let mut items = Vec::new();
        while let Some(item) = rest.next(vm)? {
            items.push(item)
        }
        reduce_iter(vm, iter, vm.new_list(items)?.into_value(), None)
    }
}
