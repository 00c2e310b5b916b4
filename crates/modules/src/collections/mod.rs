//! `_collections`: `deque`, `defaultdict`, `OrderedDict`, and what `Counter` and `namedtuple` are made fast with.
//!
//! CPython: Modules/_collectionsmodule.c, Objects/odictobject.c.

mod defaultdict;
pub(crate) mod deque;
mod ordered;
mod ordered_views;

pub use defaultdict::DefaultDict;
pub use deque::{Deque, DequeIterator, DequeReverseIterator};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::protocols::{attributes, hash, iterator, number, object};
pub use naja_vm::tuple::TupleGetter;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
pub use ordered::OrderedDict;

/// A reference to the class of `value`, as a value.
fn class_of(vm: &Vm, value: &Value) -> Value {
    vm.type_of(value).to_ref().into_value()
}

/// `value.__getstate__()`, for `__reduce__`.
fn state_of(vm: &Vm, value: &Value) -> PyResult {
    vm.call_method(value, &vm.names.__getstate__, &[])
}

/// Whether the class has `dict`'s own `get` and item assignment.
fn is_plain_mapping(vm: &Vm, ty: &Type) -> bool {
    [&vm.names.get, &vm.names.__setitem__]
        .into_iter()
        .all(
            |name| match (ty.lookup(vm, name), vm.types.dict.lookup(vm, name)) {
                (Some(own), Some(plain)) => own.is(&plain),
                _ => false,
            },
        )
}

fn count_in_dict(vm: &Vm, dict: &Ref<Dict>, iterable: &Value) -> PyResult<()> {
    let one = Value::small_int(1);
    let mut items = iterator::Items::of(vm, iterable)?;
    while let Some(key) = items.next(vm)? {
        let hash = hash::key_hash(vm, &key)?;
        if !dict.count_up(vm, &key, hash)? {
            let count = match dict.get_hashed(vm, &key, hash)? {
                Some(old) => number::add(vm, &old, &one)?,
                None => one.clone(),
            };
            dict.set_hashed(vm, &key, hash, count)?;
        }
        vm.check_signals()?;
    }
    Ok(())
}

#[pymodule(
    name = "_collections",
    doc = "High performance data structures.\n- deque:        ordered collection accessible from endpoints only\n- defaultdict:  dict subclass with a default value factory\n",
    classes(
        Deque,
        DefaultDict,
        OrderedDict,
        DequeIterator,
        DequeReverseIterator,
        TupleGetter
    )
)]
pub mod module {
    use super::*;

    /// Count elements in the iterable, updating the mapping
    #[pyfunction(sig = "(mapping, iterable, /)")]
    fn _count_elements(vm: &Vm, mapping: &Value, iterable: &Value) -> PyResult<()> {
        if let Some(dict) = mapping.downcast::<Dict>()
            && is_plain_mapping(vm, vm.type_of(mapping))
        {
            return count_in_dict(vm, dict, iterable);
        }
        let items = iterator::iter(vm, iterable)?;
        let get = attributes::get(vm, mapping, &vm.names.get)?;
        while let Some(key) = iterator::next(vm, &items)? {
            let old = vm.call(&get, &[key.clone(), Value::small_int(0)])?;
            let new = number::add(vm, &old, &Value::small_int(1))?;
            object::set_item(vm, mapping, &key, &new)?;
            vm.check_signals()?;
        }
        Ok(())
    }
}
