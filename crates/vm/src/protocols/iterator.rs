//! `iter()`, `next()`, `send`. CPython: Objects/abstract.c, Objects/genobject.c.

use crate::objects::generator::Generator;
use crate::objects::list::{List, ListIterator};
use crate::objects::range::RangeIterator;
use crate::objects::set;
use crate::objects::tuple::{Tuple, TupleIterator};
use crate::objects::type_::TypeFlags;
use crate::objects::type_::slots::{NextFn, SendResult};
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
            Ok(item) => Ok(item),
            Err(raised) => stopped(vm, raised),
        },
        None => Err(vm.type_error(format!(
            "'{}' object is not an iterator",
            vm.type_of(iterator).full_name()
        ))),
    }
}

/// The next item of an iterator over a list, a tuple or a range, which runs nothing. None: at its end, or for any other
/// iterator, which is to be asked by [`next`].
#[inline]
pub fn quick_next(iterator: &Value) -> Option<Value> {
    if let Some(it) = iterator.downcast::<ListIterator>() {
        return it.item();
    }
    if let Some(it) = iterator.downcast::<TupleIterator>() {
        return it.item();
    }
    iterator.downcast::<RangeIterator>()?.next_item()
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

/// The items of an iterable, for native loops: exact lists, tuples and sets are walked without an iterator object, the
/// function of any other iterator is looked up once.
pub enum Items {
    /// Walked by index: the list may change meanwhile, as under its own iterator.
    List(Ref<List>, usize),
    Tuple(Ref<Tuple>, usize),
    /// The place in the table, and the number of elements, which must stay as it is.
    Set(Value, usize, usize),
    Range(Ref<RangeIterator>),
    Iterator(Value, NextFn),
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
        Items::of_other(vm, iterable)
    }

    #[inline(never)]
    fn of_other(vm: &Vm, iterable: &Value) -> PyResult<Items> {
        let ty = vm.type_of(iterable);
        if (ty.is(&vm.types.set) || ty.is(&vm.types.frozenset))
            && let Some(core) = set::core::core(iterable)
        {
            return Ok(Items::Set(iterable.clone(), 0, core.len()));
        }
        iter(vm, iterable).map(|it| Items::over(vm, it))
    }

    /// The items that an iterator still gives.
    pub fn over(vm: &Vm, iterator: Value) -> Items {
        let ty = vm.type_of(&iterator);
        // Classes made by Python code can change in the middle.
        let function = match ty.slots.iternext.get() {
            Some(function) if !ty.flag(TypeFlags::HEAPTYPE) => function,
            _ => next,
        };
        match iterator.downcast_into::<RangeIterator>() {
            Ok(range) => Items::Range(range),
            Err(iterator) => Items::Iterator(iterator, function),
        }
    }

    /// The next item, or None at the end.
    #[inline(always)]
    pub fn next(&mut self, vm: &Vm) -> PyResult<Option<Value>> {
        match self {
            Items::List(list, index) => {
                let item = list.get(*index);
                *index += 1;
                Ok(item)
            }
            Items::Tuple(tuple, index) => {
                let item = tuple.get(*index).cloned();
                *index += 1;
                Ok(item)
            }
            Items::Iterator(iterator, function) => match function(vm, iterator) {
                Ok(item) => Ok(item),
                Err(raised) => stopped(vm, raised),
            },
            _ => self.next_other(vm),
        }
    }

    #[inline(never)]
    fn next_other(&mut self, vm: &Vm) -> PyResult<Option<Value>> {
        match self {
            Items::Set(set, place, len) => next_element(vm, set, place, *len),
            Items::Range(range) => Ok(range.next_item()),
            Items::List(..) | Items::Tuple(..) | Items::Iterator(..) => Ok(None),
        }
    }
}

#[inline]
fn next_element(vm: &Vm, set: &Value, place: &mut usize, len: usize) -> PyResult<Option<Value>> {
    let Some(core) = set::core::core(set) else {
        return Ok(None);
    };
    if core.len() != len {
        return Err(vm.runtime_error("Set changed size during iteration"));
    }
    Ok(core.table.with(|table| table.next_key(place)))
}

/// An error of an iterator: its end, if it is StopIteration.
#[cold]
#[inline(never)]
fn stopped(vm: &Vm, raised: Raised) -> PyResult<Option<Value>> {
    if vm.catch(&vm.types.stop_iteration) {
        Ok(None)
    } else {
        Err(raised)
    }
}

/// Calls `f` with every item of an iterable.
#[inline]
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
