//! The views and iterators of `OrderedDict`. The views extend `dict`'s, whose set operations and `repr` they share.

use super::ordered::OrderedDict;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::dict::methods::{DictItems, DictKeys, DictValues};
use naja_vm::protocols::sequence;
use naja_vm::{PyResult, Raised, Traverse, Visitor, Vm};
use std::cell::Cell;

/// What an iterator gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Keys,
    Values,
    Items,
}

#[pyclass(
    name = "odict_iterator",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct OrderedIterator {
    dict: MutCell<Option<Ref<OrderedDict>>>,
    /// The key to come.
    next: MutCell<Option<(Value, i64)>>,
    shown: Shown,
    reverse: bool,
    size: usize,
    state: Cell<u64>,
}

impl Traverse for OrderedIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.dict.with(|d| d.iter().for_each(|d| v.reference(d)));
        self.next
            .with(|n| n.iter().for_each(|(key, _)| v.value(key)));
    }
    fn clear(&self) {
        drop(self.dict.take());
        drop(self.next.take());
    }
}

impl OrderedIterator {
    pub fn make(vm: &Vm, dict: &Ref<OrderedDict>, shown: Shown, reverse: bool) -> PyResult {
        let iterator = OrderedIterator {
            dict: MutCell::new(Some(dict.clone())),
            next: MutCell::new(dict.end(reverse)),
            shown,
            reverse,
            size: dict.dict.len(),
            state: Cell::new(dict.state.get()),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    fn stop(&self) {
        drop(self.dict.take());
        drop(self.next.take());
    }

    fn fail(&self, vm: &Vm, message: &str) -> Raised {
        self.stop();
        vm.runtime_error(message)
    }

    /// The next key, with the dict it is of.
    fn advance(&self, vm: &Vm) -> PyResult<Option<(Ref<OrderedDict>, Value, i64)>> {
        let Some(dict) = self.dict.get() else {
            return Ok(None);
        };
        let Some((key, hash)) = self.next.get() else {
            self.stop();
            return Ok(None);
        };
        if dict.state.get() != self.state.get() {
            return Err(self.fail(vm, "OrderedDict mutated during iteration"));
        }
        if dict.dict.len() != self.size {
            return Err(self.fail(vm, "OrderedDict changed size during iteration"));
        }
        match dict.after(&key, self.reverse) {
            Some(next) => self.next.set(next),
            None => {
                self.stop();
                return Err(vm.key_error(&key));
            }
        }
        Ok(Some((dict, key, hash)))
    }
}

#[pymethods]
impl OrderedIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some((dict, key, _)) = zelf.advance(vm)? else {
            return Ok(None);
        };
        if zelf.shown == Shown::Keys {
            return Ok(Some(key));
        }
        // Hashed anew: a key whose hash has changed is not found.
        let Some(value) = dict.dict.get(vm, &key)? else {
            zelf.stop();
            return Err(vm.key_error(&key));
        };
        if zelf.shown == Shown::Values {
            return Ok(Some(value));
        }
        Ok(Some(vm.new_tuple(vec![key, value])?.into_value()))
    }

    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        // What is left, read by a copy that goes its own way.
        let copy = vm.new_object(OrderedIterator {
            dict: MutCell::new(zelf.dict.get()),
            next: MutCell::new(zelf.next.get()),
            shown: zelf.shown,
            reverse: zelf.reverse,
            size: zelf.size,
            state: zelf.state.clone(),
        })?;
        let left = vm.new_list(sequence::collect(vm, copy.as_value())?)?;
        let args = vm.new_tuple(vec![left.into_value()])?.into_value();
        Ok(vm.new_tuple(vec![vm.builtin("iter")?, args])?.into_value())
    }
}

/// The ordered dict behind a view of dicts.
fn ordered<'a>(vm: &Vm, dict: &'a Ref<Dict>) -> PyResult<&'a Ref<OrderedDict>> {
    dict.as_value()
        .downcast::<OrderedDict>()
        .ok_or_else(|| vm.system_error("a view of an OrderedDict that is none"))
}

macro_rules! views {
    ($($ty:ident: $name:literal, $base:ident, $base_name:literal, $shown:ident;)*) => { $(
        #[pyclass(name = $name, module = "builtins", doc = "", extends = $base_name, gc, flags(NO_NEW))]
        #[repr(C)]
        pub struct $ty {
            view: $base,
        }

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.view.traverse(v)
            }
            fn clear(&self) {}
        }

        impl $ty {
            pub fn of(vm: &Vm, dict: &Ref<OrderedDict>) -> PyResult<$ty> {
                match dict.upcast::<Dict>() {
                    Some(dict) => Ok($ty { view: $base::new(dict.clone()) }),
                    None => Err(vm.system_error("an OrderedDict that is no dict")),
                }
            }
        }

        #[pymethods]
        impl $ty {
            #[pyslot]
            fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                OrderedIterator::make(vm, ordered(vm, zelf.view.dict())?, Shown::$shown, false)
            }

            /// Return a reverse iterator over the view.
            #[pymethod]
            fn __reversed__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                OrderedIterator::make(vm, ordered(vm, zelf.view.dict())?, Shown::$shown, true)
            }
        }
    )* };
}

views! {
    OrderedKeys: "odict_keys", DictKeys, "DictKeys", Keys;
    OrderedValues: "odict_values", DictValues, "DictValues", Values;
    OrderedItems: "odict_items", DictItems, "DictItems", Items;
}
