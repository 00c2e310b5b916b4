//! `iter()`, `next()`, `send`. CPython: Objects/abstract.c, Objects/genobject.c.

use crate::objects::generator::Generator;
use crate::objects::list::{List, ListIterator};
use crate::objects::tuple::Tuple;
use crate::objects::type_::slots::SendResult;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

/// `iter(value)`.
pub fn iter(vm: &Vm, value: &Value) -> PyResult {
    let ty = vm.type_of(value);
    match ty.slots.iter.get() {
        Some(iter) => {
            let result = iter(vm, value)?;
            if vm.type_of(&result).slots.iternext.get().is_none() {
                return Err(vm.type_error(format!(
                    "iter() returned non-iterator of type '{}'",
                    vm.type_of(&result).full_name()
                )));
            }
            Ok(result)
        }
        None if super::sequence::is_sequence(vm, value) => {
            crate::objects::iterators::sequence_iterator(vm, value)
        }
        None => Err(vm.type_error(format!("'{}' object is not iterable", ty.full_name()))),
    }
}

/// The next item, or None at the end (StopIteration is cleared).
#[inline]
pub fn next(vm: &Vm, iterator: &Value) -> PyResult<Option<Value>> {
    // The commonest of all, without a call.
    if let Some(it) = iterator.downcast::<ListIterator>() {
        return Ok(it.next());
    }
    match vm.type_of(iterator).slots.iternext.get() {
        Some(next) => match next(vm, iterator) {
            Err(Raised) if vm.catch(&vm.types.stop_iteration) => Ok(None),
            result => result,
        },
        None => Err(vm.type_error(format!(
            "'{}' object is not an iterator",
            vm.type_of(iterator).full_name()
        ))),
    }
}

/// Resumes an iterator with a value: by its `send` slot, `next` for None, or its method `send`.
pub fn send(vm: &Vm, receiver: &Value, value: &Value) -> PyResult<SendResult> {
    let ty = vm.type_of(receiver);
    if let Some(send) = ty.slots.send.get() {
        return match send(vm, receiver, value) {
            Err(Raised) if receiver.downcast::<Generator>().is_none() => returned(vm),
            result => result,
        };
    }
    let result = if value.is_none() && ty.slots.iternext.get().is_some() {
        match ty.slots.iternext.get() {
            Some(next) => match next(vm, receiver) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => return Ok(SendResult::Return(Value::NONE)),
                Err(raised) => Err(raised),
            },
            None => Err(vm.type_error("not an iterator")),
        }
    } else {
        vm.call_method(receiver, &vm.names.send, std::slice::from_ref(value))
    };
    match result {
        Ok(value) => Ok(SendResult::Next(value)),
        Err(Raised) => returned(vm),
    }
}

/// After an error: StopIteration is a return.
fn returned(vm: &Vm) -> PyResult<SendResult> {
    if vm.exception_matches(&vm.types.stop_iteration) {
        let stop = vm.take_exception();
        return Ok(SendResult::Return(
            crate::objects::exception::stop_iteration_value(stop.as_value()),
        ));
    }
    Err(Raised)
}

/// The items of an iterable, for native loops: exact lists and tuples are walked without an iterator object.
pub enum Items {
    /// Walked by index: the list may change meanwhile, as under its own iterator.
    List(Ref<List>, usize),
    Tuple(Ref<Tuple>, usize),
    Iterator(Value),
}

impl Items {
    /// Raises TypeError for what cannot be iterated, and what `__iter__` raises.
    #[inline]
    pub fn of(vm: &Vm, iterable: &Value) -> PyResult<Items> {
        let ty = vm.type_of(iterable);
        if ty.is(&vm.types.list)
            && let Some(list) = iterable.downcast::<List>()
        {
            return Ok(Items::List(list.clone(), 0));
        }
        if ty.is(&vm.types.tuple)
            && let Some(tuple) = iterable.downcast::<Tuple>()
        {
            return Ok(Items::Tuple(tuple.clone(), 0));
        }
        iter(vm, iterable).map(Items::Iterator)
    }

    /// The next item, or None at the end.
    #[inline]
    pub fn next(&mut self, vm: &Vm) -> PyResult<Option<Value>> {
        let (item, index) = match self {
            Items::List(list, index) => (list.get(*index), index),
            Items::Tuple(tuple, index) => (tuple.get(*index).cloned(), index),
            Items::Iterator(iterator) => return next(vm, iterator),
        };
        *index += 1;
        Ok(item)
    }
}

/// Calls `f` with every item of an iterable.
pub fn for_each(
    vm: &Vm,
    iterable: &Value,
    mut f: impl FnMut(Value) -> PyResult<()>,
) -> PyResult<()> {
    let mut items = Items::of(vm, iterable)?;
    while let Some(value) = items.next(vm)? {
        f(value)?;
    }
    Ok(())
}
