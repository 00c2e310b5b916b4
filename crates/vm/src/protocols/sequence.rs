//! Sequences: items by index, slices, membership, collecting iterables. CPython: Objects/abstract.c.

use crate::objects::dict::Dict;
use crate::objects::dict::methods::{DictItems, DictKeys, DictValues};
use crate::objects::list::List;
use crate::objects::range::RangeIterator;
use crate::objects::slice::Slice;
use crate::objects::tuple::Tuple;
use crate::objects::type_::slots::ItemFn;
use crate::protocols::{compare, iterator, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

/// Whether the object has items by index and is no dict.
pub fn is_sequence(vm: &Vm, value: &Value) -> bool {
    let ty = vm.type_of(value);
    !ty.flag(crate::objects::type_::TypeFlags::DICT_SUBCLASS) && ty.slots.item.get().is_some()
}

/// Item `index`, counted from the end if negative, by a class's `item` slot.
pub fn item_at(vm: &Vm, sequence: &Value, index: isize, item: ItemFn) -> PyResult {
    let mut index = index;
    if index < 0
        && let Some(len) = vm.type_of(sequence).slots.sq_len.get()
    {
        index += len(vm, sequence)? as isize;
    }
    item(vm, sequence, index)
}

/// `sequence[index]` for a plain index.
pub fn get(vm: &Vm, sequence: &Value, index: isize) -> PyResult {
    let ty = vm.type_of(sequence);
    match ty.slots.item.get() {
        Some(item) => item_at(vm, sequence, index, item),
        None if ty.slots.subscript.get().is_some() => {
            Err(vm.type_error(format!("{} is not a sequence", ty.full_name())))
        }
        None => Err(vm.type_error(format!(
            "'{}' object does not support indexing",
            ty.full_name()
        ))),
    }
}

/// `o[start:stop]`.
pub fn get_slice(vm: &Vm, o: &Value, start: &Value, stop: &Value) -> PyResult {
    let slice = Slice::make(vm, start.clone(), stop.clone(), Value::NONE)?.into_value();
    object::get_item(vm, o, &slice)
}

/// `needle in haystack`.
pub fn contains(vm: &Vm, haystack: &Value, needle: &Value) -> PyResult<bool> {
    let ty = vm.type_of(haystack);
    if let Some(contains) = ty.slots.contains.get() {
        return contains(vm, haystack, needle);
    }
    let it = match iterator::iter(vm, haystack) {
        Ok(it) => it,
        Err(Raised)
            if vm.exception_matches(&vm.types.type_error)
                && ty.slots.iter.get().is_none()
                && !is_sequence(vm, haystack) =>
        {
            vm.clear_exception();
            return Err(vm.type_error(format!(
                "argument of type '{}' is not a container or iterable",
                ty.full_name()
            )));
        }
        Err(raised) => return Err(raised),
    };
    while let Some(item) = iterator::next(vm, &it)? {
        if compare::eq(vm, &item, needle)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The items of an iterable.
pub fn collect(vm: &Vm, iterable: &Value) -> PyResult<Vec<Value>> {
    let ty = vm.type_of(iterable);
    if ty.is(&vm.types.tuple)
        && let Some(tuple) = iterable.downcast::<Tuple>()
    {
        return Ok(naja_heap::copies(tuple.items()));
    }
    if ty.is(&vm.types.list)
        && let Some(list) = iterable.downcast::<List>()
    {
        return Ok(list.to_vec());
    }
    if let Some(items) = copied(vm, iterable) {
        return items;
    }
    let it = iterator::iter(vm, iterable)?;
    if let Some(range) = it.downcast::<RangeIterator>() {
        let mut items = Vec::new();
        let left = range.left.get().max(0) as usize;
        if items.try_reserve_exact(left).is_err() {
            return Err(vm.memory_error(""));
        }
        range.drain(&mut items);
        return Ok(items);
    }
    // Those without a `__length_hint__` need not be asked.
    let hint = if ty.is(&vm.types.generator) {
        8
    } else {
        object::length_hint(vm, iterable, 8)?
    };
    let mut items = Vec::new();
    // A wrong hint must not use memory up.
    if items.try_reserve(hint.min(1 << 20)).is_err() {
        return Err(vm.memory_error(""));
    }
    let mut rest = iterator::Items::over(vm, it);
    while let Some(item) = rest.next(vm)? {
        if items.len() == items.capacity() && items.try_reserve(items.len() / 8 + 8).is_err() {
            return Err(vm.memory_error(""));
        }
        items.push(item);
    }
    Ok(items)
}

/// The items of a dict, a set or a view of a dict, which need no iterator; None for anything else.
fn copied(vm: &Vm, iterable: &Value) -> Option<PyResult<Vec<Value>>> {
    /// Copies of what `all` gives.
    fn filled<'a>(
        vm: &Vm,
        len: usize,
        all: impl Iterator<Item = &'a Value>,
    ) -> Option<PyResult<Vec<Value>>> {
        let mut items = Vec::new();
        if items.try_reserve_exact(len).is_err() {
            return Some(Err(vm.memory_error("")));
        }
        items.extend(all.take(len).cloned());
        Some(Ok(items))
    }
    let keys = |dict: &Dict| {
        dict.table.with(|table| {
            let keys = table
                .entries()
                .iter()
                .filter_map(|entry| entry.key.as_ref());
            filled(vm, table.len(), keys)
        })
    };
    let ty = vm.type_of(iterable);
    if ty.is(&vm.types.dict) {
        return keys(iterable.downcast::<Dict>()?);
    }
    if ty.is(&vm.types.set) || ty.is(&vm.types.frozenset) {
        return crate::objects::set::core::core(iterable)?
            .table
            .with(|table| {
                let elements = table.slots().iter().filter_map(|slot| slot.key.as_ref());
                filled(vm, table.len(), elements)
            });
    }
    if ty.is(vm.class::<DictKeys>()) {
        return keys(iterable.downcast::<DictKeys>()?.dict());
    }
    if ty.is(vm.class::<DictValues>()) {
        let dict = iterable.downcast::<DictValues>()?.dict();
        return dict.table.with(|table| {
            let items = table.entries().iter();
            let values = items.filter_map(|entry| entry.key.as_ref().map(|_| &entry.value));
            filled(vm, table.len(), values)
        });
    }
    if ty.is(vm.class::<DictItems>()) {
        let items = iterable.downcast::<DictItems>()?.dict().items_vec();
        let pairs = items.into_iter();
        return Some(
            pairs
                .map(|(key, value)| Tuple::pair(vm, key, value))
                .collect(),
        );
    }
    None
}

/// As [`collect`], with TypeError `message` for what cannot be iterated (CPython's PySequence_Fast).
pub fn collect_or(vm: &Vm, iterable: &Value, message: &str) -> PyResult<Vec<Value>> {
    let ty = vm.type_of(iterable);
    match collect(vm, iterable) {
        Err(Raised)
            if ty.slots.iter.get().is_none()
                && ty.slots.item.get().is_none()
                && vm.catch(&vm.types.type_error) =>
        {
            Err(vm.type_error(message))
        }
        result => result,
    }
}

/// `list.extend(iterable)`. Items taken before an error stay.
pub fn list_extend(vm: &Vm, list: &Ref<List>, iterable: &Value) -> PyResult<()> {
    let ty = vm.type_of(iterable);
    if ty.is(&vm.types.tuple) || ty.is(&vm.types.list) {
        let add = |items: &[Value]| {
            list.items.with_mut(|v| {
                let room = match v.is_empty() {
                    true => v.try_reserve_exact(items.len()),
                    false => v.try_reserve(items.len()),
                };
                if room.is_err() {
                    return true;
                }
                naja_heap::append_copies(v, items);
                false
            })
        };
        let full = match (iterable.downcast::<Tuple>(), iterable.downcast::<List>()) {
            (Some(tuple), _) => add(tuple.items()),
            (None, Some(other)) if !other.as_value().is(list.as_value()) => {
                other.items.with(|items| add(items))
            }
            // The list itself: a copy first.
            _ => add(&collect(vm, iterable)?),
        };
        return if full {
            Err(vm.memory_error(""))
        } else {
            Ok(())
        };
    }
    if let Some(items) = copied(vm, iterable) {
        return list.append_all(vm, &mut items?.into_iter());
    }
    let it = iterator::iter(vm, iterable)?;
    let hint = if ty.is(&vm.types.generator) {
        8
    } else {
        object::length_hint(vm, iterable, 8)?
    };
    if list.is_empty() && hint < 1 << 20 {
        // A wrong hint costs little; a right one gives an exact size.
        let full = list.items.with_mut(|v| v.try_reserve_exact(hint).is_err());
        if full {
            return Err(vm.memory_error(""));
        }
    }
    if let Some(range) = it.downcast::<RangeIterator>() {
        let left = range.left.get().max(0) as usize;
        let full = list.items.with_mut(|items| {
            let full = items.try_reserve(left).is_err();
            if !full {
                range.drain(items)
            }
            full
        });
        return if full {
            Err(vm.memory_error(""))
        } else {
            Ok(())
        };
    }
    let mut rest = iterator::Items::over(vm, it);
    while let Some(item) = rest.next(vm)? {
        list.push(vm, item)?;
    }
    Ok(())
}
