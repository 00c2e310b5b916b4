//! The six iterators of `dict`: over keys, values and items, forwards and backwards.
//!
//! An iterator remembers the dict's size and how many items it still owes: a change of the size, or an item that was not
//! owed, is an error. CPython: Objects/dictobject.c (dictiterobject).

use super::Dict;
use crate::objects::iterators::reduce_iter;
use crate::objects::tuple::Tuple;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Where an iterator stands.
struct Walk {
    dict: MutCell<Option<Ref<Dict>>>,
    position: Cell<usize>,
    /// The dict's size; `usize::MAX` once it has changed.
    size: Cell<usize>,
    /// Items not yet given.
    left: Cell<usize>,
    /// The last pair of an iterator over items, to be used again.
    last: MutCell<Option<Ref<Tuple>>>,
}

enum Step<R> {
    Item(R),
    End,
    SizeChanged,
    KeysChanged,
}

impl Walk {
    fn new(dict: &Ref<Dict>, reverse: bool) -> Walk {
        let end = dict.table.with(|t| t.entries().len());
        Walk {
            dict: MutCell::new(Some(dict.clone())),
            position: Cell::new(if reverse { end } else { 0 }),
            size: Cell::new(dict.len()),
            left: Cell::new(dict.len()),
            last: MutCell::new(None),
        }
    }

    /// The next item as `pick`, which only copies, gives it.
    #[inline(always)]
    fn step<R>(&self, reverse: bool, pick: impl Fn(&Value, &Value) -> R) -> Step<R> {
        self.dict.with(|dict| {
            let Some(dict) = dict else { return Step::End };
            if dict.len() != self.size.get() {
                return Step::SizeChanged;
            }
            dict.table.with(|table| {
                let entries = table.entries();
                let mut at = self.position.get();
                if reverse && at > entries.len() {
                    return Step::End;
                }
                let found = if reverse {
                    loop {
                        if at == 0 {
                            break None;
                        }
                        at -= 1;
                        if let Some(key) = &entries[at].key {
                            break Some((key, &entries[at].value));
                        }
                    }
                } else {
                    loop {
                        let Some(entry) = entries.get(at) else {
                            break None;
                        };
                        at += 1;
                        if let Some(key) = &entry.key {
                            break Some((key, &entry.value));
                        }
                    }
                };
                let Some((key, value)) = found else {
                    return Step::End;
                };
                if self.left.get() == 0 {
                    return Step::KeysChanged;
                }
                self.left.set(self.left.get() - 1);
                self.position.set(at);
                Step::Item(pick(key, value))
            })
        })
    }

    #[inline(always)]
    fn next<R>(
        &self,
        vm: &Vm,
        reverse: bool,
        pick: impl Fn(&Value, &Value) -> R,
    ) -> PyResult<Option<R>> {
        match self.step(reverse, pick) {
            Step::Item(item) => Ok(Some(item)),
            end => self.end(vm, end),
        }
    }

    #[inline(never)]
    fn end<R>(&self, vm: &Vm, step: Step<R>) -> PyResult<Option<R>> {
        match step {
            Step::Item(_) | Step::End => {
                drop(self.dict.take());
                Ok(None)
            }
            Step::SizeChanged => {
                self.size.set(usize::MAX);
                Err(vm.runtime_error("dictionary changed size during iteration"))
            }
            Step::KeysChanged => {
                drop(self.dict.take());
                Err(vm.runtime_error("dictionary keys changed during iteration"))
            }
        }
    }

    fn hint(&self) -> usize {
        let size = self.dict.with(|d| d.as_ref().map(|d| d.len()));
        if size == Some(self.size.get()) {
            self.left.get()
        } else {
            0
        }
    }

    /// A copy that goes on by itself.
    fn fork(&self) -> Walk {
        Walk {
            dict: MutCell::new(self.dict.get()),
            position: self.position.clone(),
            size: self.size.clone(),
            left: self.left.clone(),
            last: MutCell::new(None),
        }
    }
}

fn key_of(key: &Value, _: &Value) -> Value {
    key.clone()
}

fn value_of(_: &Value, value: &Value) -> Value {
    value.clone()
}

fn item_of(key: &Value, value: &Value) -> (Value, Value) {
    (key.clone(), value.clone())
}

/// What an iterator over keys or values gives.
fn alone(_: &Vm, _: &Walk, value: Value) -> PyResult {
    Ok(value)
}

fn pair(vm: &Vm, walk: &Walk, (key, value): (Value, Value)) -> PyResult {
    Tuple::recycled_pair(vm, &walk.last, key, value)
}

fn reduce<R>(
    vm: &Vm,
    walk: &Walk,
    reverse: bool,
    pick: impl Fn(&Value, &Value) -> R,
    finish: impl Fn(&Vm, &Walk, R) -> PyResult,
) -> PyResult {
    let iter = vm.builtin("iter")?; // first: looking it up can run Python code
    let walk = walk.fork();
    let mut items = Vec::new();
    while let Some(item) = walk.next(vm, reverse, &pick)? {
        items.push(finish(vm, &walk, item)?)
    }
    reduce_iter(vm, iter, vm.new_list(items)?.into_value(), None)
}

macro_rules! dict_iterator {
    ($ty:ident $name:literal $make:ident $reverse:literal $pick:ident $finish:ident) => {
        #[pyclass(name = $name, module = "builtins", gc, flags(NO_NEW))]
        pub struct $ty(Walk);

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.0.dict.with(|d| d.iter().for_each(|d| v.reference(d)));
                self.0.last.with(|t| t.iter().for_each(|t| v.reference(t)));
            }
            fn clear(&self) {
                drop(self.0.dict.take());
                drop(self.0.last.take())
            }
        }

        /// A new iterator of this kind. Raises MemoryError.
        pub fn $make(vm: &Vm, dict: &Ref<Dict>) -> PyResult {
            Ok(vm.new_object($ty(Walk::new(dict, $reverse)))?.into_value())
        }

        #[pymethods]
        impl $ty {
            #[pyslot]
            fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
                Ok(zelf.clone())
            }

            #[pyslot]
            fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
                match zelf.0.next(vm, $reverse, $pick)? {
                    Some(item) => $finish(vm, &zelf.0, item).map(Some),
                    None => Ok(None),
                }
            }

            /// Private method returning an estimate of len(list(it)).
            #[pymethod]
            fn __length_hint__(&self) -> usize {
                self.0.hint()
            }

            /// Return state information for pickling.
            #[pymethod]
            fn __reduce__(&self, vm: &Vm) -> PyResult {
                reduce(vm, &self.0, $reverse, $pick, $finish)
            }
        }
    };
}

impl DictItemIterator {
    /// The next key and value.
    #[inline]
    pub(crate) fn next_pair(&self, vm: &Vm) -> PyResult<Option<(Value, Value)>> {
        self.0.next(vm, false, item_of)
    }
}

dict_iterator!(DictKeyIterator "dict_keyiterator" keys false key_of alone);
dict_iterator!(DictValueIterator "dict_valueiterator" values false value_of alone);
dict_iterator!(DictItemIterator "dict_itemiterator" items false item_of pair);
dict_iterator!(DictReverseKeyIterator "dict_reversekeyiterator" reverse_keys true key_of alone);
dict_iterator!(DictReverseValueIterator "dict_reversevalueiterator" reverse_values true value_of alone);
dict_iterator!(DictReverseItemIterator "dict_reverseitemiterator" reverse_items true item_of pair);
