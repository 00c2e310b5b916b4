//! `groupby` and its groups.
//!
//! A group reads from the `groupby` that made it as long as that has not gone on to another group: each group has a number,
//! and `current` says whose turn it is.

use super::itself;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{compare, iterator};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// make an iterator that returns consecutive keys and groups from the iterable
///
///   iterable
///     Elements to divide into groups according to the key function.
///   key
///     A function for computing the group category for each element.
///     If the key function is not specified or is None, the element itself
///     is used for grouping.
#[pyclass(name = "groupby", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct GroupBy {
    source: Value,
    key: Value,
    target: MutCell<Option<Value>>,
    current_key: MutCell<Option<Value>>,
    current_value: MutCell<Option<Value>>,
    /// The number of the group whose turn it is; 0: nobody's.
    current: Cell<u64>,
    made: Cell<u64>,
}

#[pyclass(name = "_grouper", module = "itertools", doc = "", gc)]
pub struct Grouper {
    parent: Ref<GroupBy>,
    target: Value,
    number: u64,
}

impl Traverse for GroupBy {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.source);
        v.value(&self.key);
        for cell in [&self.target, &self.current_key, &self.current_value] {
            cell.with(|x| v.opt(x))
        }
    }
    fn clear(&self) {
        for cell in [&self.target, &self.current_key, &self.current_value] {
            drop(cell.take())
        }
    }
}

impl Traverse for Grouper {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.parent);
        v.value(&self.target);
    }
    fn clear(&self) {}
}

impl GroupBy {
    /// Takes the next item; false at the end.
    fn step(&self, vm: &Vm) -> PyResult<bool> {
        let Some(value) = iterator::next(vm, &self.source)? else {
            return Ok(false);
        };
        let key = if self.key.is_none() {
            value.clone()
        } else {
            vm.call(&self.key, std::slice::from_ref(&value))?
        };
        self.current_value.set(Some(value));
        self.current_key.set(Some(key));
        Ok(true)
    }

    /// A new group, whose turn it is from now on.
    fn group(zelf: &Ref<Self>, vm: &Vm, target: Value) -> PyResult {
        let number = zelf.made.get() + 1;
        zelf.made.set(number);
        zelf.current.set(number);
        let parent = zelf.clone();
        let grouper = Grouper {
            parent,
            target,
            number,
        };
        Ok(vm.new_object(grouper)?.into_value())
    }
}

#[pymethods]
impl GroupBy {
    #[pyslot(sig = "(iterable, key=None)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value, key: Option<Value>) -> PyResult {
        let groupby = GroupBy {
            source: iterator::iter(vm, iterable)?,
            key: key.unwrap_or(Value::NONE),
            target: MutCell::new(None),
            current_key: MutCell::new(None),
            current_value: MutCell::new(None),
            current: Cell::new(0),
            made: Cell::new(0),
        };
        Ok(vm.new_object_of(cls, groupby)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.current.set(0);
        // Skip to the next group.
        loop {
            if let Some(key) = zelf.current_key.get() {
                match zelf.target.get() {
                    None => break,
                    Some(target) if !compare::eq(vm, &target, &key)? => break,
                    Some(_) => {}
                }
            }
            if !zelf.step(vm)? {
                return Ok(None);
            }
            vm.check_signals()?;
        }
        let Some(key) = zelf.current_key.get() else {
            return Ok(None);
        };
        zelf.target.set(Some(key.clone()));
        let group = GroupBy::group(zelf, vm, key.clone())?;
        Tuple::pair(vm, key, group).map(Some)
    }
}

#[pymethods]
impl Grouper {
    #[pyslot(sig = "(parent, tgtkey, /)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, parent: &Value, tgtkey: Value) -> PyResult {
        match parent.downcast::<GroupBy>() {
            Some(parent) => GroupBy::group(parent, vm, tgtkey),
            None => Err(vm.type_error(format!(
                "_grouper() argument 1 must be itertools.groupby, not {}",
                vm.type_of(parent).full_name()
            ))),
        }
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let parent = &self.parent;
        if parent.current.get() != self.number {
            return Ok(None);
        }
        if parent.current_value.with(Option::is_none) && !parent.step(vm)? {
            return Ok(None);
        }
        let Some(key) = parent.current_key.get() else {
            return Ok(None);
        };
        if !compare::eq(vm, &self.target, &key)? {
            return Ok(None);
        }
        drop(parent.current_key.take());
        Ok(parent.current_value.take())
    }
}
