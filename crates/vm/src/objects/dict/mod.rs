//! `dict`: the core of the compact, ordered hash table; methods and views are in the sibling files.
//!
//! A table is an index of small integers over a vector of entries in order of insertion (`table.rs`). Comparing keys may
//! run Python, which may change the dict in the middle of any operation: every search works on copies of what it
//! needs, and starts again when the table has been changed meanwhile (`Table::changes`). `keys_version` is a
//! number that changes whenever the *set* of keys does; inline caches of globals compare it.
//!
//! CPython: Objects/dictobject.c; the layout is Raymond Hettinger's.

pub mod iterators;
pub mod methods;
pub mod table;

use crate::objects::str_::{self, Str};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;
use table::{Found, Place, Table};

/// dict() -> new empty dictionary
/// dict(mapping) -> new dictionary initialized from a mapping object's
///     (key, value) pairs
/// dict(iterable) -> new dictionary initialized as if via:
///     d = {}
///     for k, v in iterable:
///         d[k] = v
/// dict(**kwargs) -> new dictionary initialized with the name=value pairs
///     in the keyword argument list.  For example:  dict(one=1, two=2)
#[pyclass(
    name = "dict",
    module = "builtins",
    gc,
    flags(BASETYPE, MAPPING, MATCH_SELF)
)]
#[repr(C)]
pub struct Dict {
    pub(crate) table: MutCell<Table>,
}

impl Traverse for Dict {
    fn traverse(&self, v: &mut Visitor) {
        self.table.with(|t| {
            for entry in t.entries() {
                if let Some(key) = &entry.key {
                    v.value(key);
                    v.value(&entry.value);
                }
            }
        })
    }
    fn clear(&self) {
        self.clear_table()
    }
}

impl Default for Dict {
    fn default() -> Self {
        Dict {
            table: MutCell::new(Table::default()),
        }
    }
}

impl Dict {
    /// A new, empty dict. Raises MemoryError.
    pub fn new(vm: &Vm) -> PyResult<Ref<Dict>> {
        // SAFETY: nothing is left to be filled.
        unsafe {
            vm.heap()
                .alloc_plain(&vm.types.dict.layout, 0, Dict::default())
        }
        .map_err(|e| vm.no_memory(e))
    }

    /// A new dict with room for `capacity` items. Raises MemoryError.
    pub fn with_capacity(vm: &Vm, capacity: usize) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(vm)?;
        dict.table
            .with_mut(|t| t.reserve(capacity))
            .map_err(|e| vm.no_memory(e))?;
        Ok(dict)
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.table.with(Table::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts another table in the place of this one.
    pub(crate) fn put_table(&self, mut new: Table) {
        let old = self.table.with_mut(|t| {
            new.carry_version(t);
            std::mem::replace(t, new)
        });
        drop(old)
    }

    /// As [`Dict::next_item`], with the key's hash.
    pub(crate) fn next_hashed(&self, position: &mut usize) -> Option<(Value, i64, Value)> {
        self.table.with(|t| {
            while let Some(entry) = t.entries().get(*position) {
                *position += 1;
                if let Some(key) = &entry.key {
                    return Some((key.clone(), entry.hash, entry.value.clone()));
                }
            }
            None
        })
    }

    /// Drops all items.
    pub fn clear_table(&self) {
        let old = self.table.with_mut(|t| {
            let mut empty = Table::default();
            empty.carry_version(t);
            std::mem::replace(t, empty)
        });
        drop(old)
    }

    /// A number that is the same as long as the set of keys is (and their places in the table are).
    pub fn keys_version(&self, vm: &Vm) -> u32 {
        // SAFETY: only a number is written.
        unsafe {
            self.table
                .with_mut_no_drop(|t| t.version(|| vm.interp.next_dict_version()))
        }
    }

    /// Finds `key` whose hash is `hash`. Raises what a key's `__eq__` raises.
    #[inline]
    pub(crate) fn find(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Option<usize>> {
        match self.table.with(|t| t.locate(key, hash, vm)) {
            Place::At(index) => Ok(Some(index)),
            Place::Free(_) => Ok(None),
            Place::Ask => self.find_general(vm, key, hash),
        }
    }

    #[inline(never)]
    fn find_general(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Option<usize>> {
        'restart: loop {
            let changes = self.table.with(|t| t.changes());
            let mut probe = self.table.with(|t| t.probe(hash));
            loop {
                match self.table.with(|t| t.next_candidate(&mut probe, key, hash)) {
                    Found::At(index) => return Ok(Some(index)),
                    Found::Absent => return Ok(None),
                    Found::Ask(index) => {
                        let Some(candidate) = self.table.with(|t| t.key_at(index)) else {
                            continue 'restart;
                        };
                        let equal = crate::protocols::compare::eq(vm, &candidate, key)?;
                        if self.table.with(|t| t.changes()) != changes {
                            continue 'restart;
                        }
                        if equal {
                            return Ok(Some(index));
                        }
                    }
                }
            }
        }
    }

    /// The key equal to `key` as it stands in the table.
    pub fn stored_key(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Option<Value>> {
        Ok(match self.find(vm, key, hash)? {
            Some(index) => self.table.with(|t| t.key_at(index)),
            None => None,
        })
    }

    /// The value of `key`. Raises what hashing and comparing raise (TypeError for unhashable keys).
    #[inline]
    pub fn get(&self, vm: &Vm, key: &Value) -> PyResult<Option<Value>> {
        let hash = crate::protocols::hash::key_hash(vm, key)?;
        self.get_hashed(vm, key, hash)
    }

    #[inline]
    pub fn get_hashed(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Option<Value>> {
        let found = self.table.with(|t| match t.locate(key, hash, vm) {
            Place::At(index) => Some(t.value_at(index)),
            Place::Free(_) => Some(None),
            Place::Ask => None,
        });
        match found {
            Some(value) => Ok(value),
            None => Ok(match self.find_general(vm, key, hash)? {
                Some(index) => self.table.with(|t| t.value_at(index)),
                None => None,
            }),
        }
    }

    /// The value of a string key.
    #[inline]
    pub fn get_str(&self, vm: &Vm, key: &Ref<Str>) -> PyResult<Option<Value>> {
        self.get_hashed(vm, key.as_value(), key.hash(vm))
    }

    /// Whether there is such a key.
    pub fn contains(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        let hash = crate::protocols::hash::key_hash(vm, key)?;
        Ok(self.find(vm, key, hash)?.is_some())
    }

    /// Sets `self[key] = value`.
    #[inline]
    pub fn set(&self, vm: &Vm, key: &Value, value: Value) -> PyResult<()> {
        let hash = crate::protocols::hash::key_hash(vm, key)?;
        self.set_hashed(vm, key, hash, value)
    }

    pub fn set_str(&self, vm: &Vm, key: &Ref<Str>, value: Value) -> PyResult<()> {
        self.set_hashed(vm, key.as_value(), key.hash(vm), value)
    }

    /// Adds a key that is known not to be there.
    pub(crate) fn add_str(&self, vm: &Vm, key: &Ref<Str>, value: Value) -> PyResult<()> {
        let hash = key.hash(vm);
        // SAFETY: a new entry drops nothing.
        unsafe {
            self.table
                .with_mut_no_drop(|t| t.insert(key.to_value(), hash, value, true))
        }
        .map_err(|e| vm.no_memory(e))
    }

    pub fn set_hashed(&self, vm: &Vm, key: &Value, hash: i64, value: Value) -> PyResult<()> {
        let index = match self.table.with(|t| t.locate(key, hash, vm)) {
            Place::At(index) => Some(index),
            Place::Free(place) => return self.insert_at(vm, place, key, hash, value),
            Place::Ask => self.find_general(vm, key, hash)?,
        };
        match index {
            Some(index) => {
                // SAFETY: the old value leaves and is dropped outside.
                let old = unsafe {
                    self.table
                        .with_mut_no_drop(|t| t.replace_value(index, value))
                };
                drop(old);
                Ok(())
            }
            None => self.insert_absent(vm, key, hash, value),
        }
    }

    /// Adds a key that a search has just not found: the search ended at `place`.
    #[inline]
    fn insert_at(
        &self,
        vm: &Vm,
        place: usize,
        key: &Value,
        hash: i64,
        value: Value,
    ) -> PyResult<()> {
        let is_str = exact_str(vm, key).is_some();
        // SAFETY: a new entry drops nothing.
        unsafe {
            self.table
                .with_mut_no_drop(|t| t.insert_at(place, key.clone(), hash, value, is_str))
        }
        .map_err(|e| vm.no_memory(e))
    }

    fn insert_absent(&self, vm: &Vm, key: &Value, hash: i64, value: Value) -> PyResult<()> {
        let is_str = exact_str(vm, key).is_some();
        // SAFETY: as above.
        unsafe {
            self.table
                .with_mut_no_drop(|t| t.insert(key.clone(), hash, value, is_str))
        }
        .map_err(|e| vm.no_memory(e))
    }

    /// Adds one to the count that `key` has, if it is a plain int; 1 where there is none. Says whether it could.
    pub fn count_up(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<bool> {
        match self.table.with(|t| t.locate(key, hash, vm)) {
            Place::Free(place) => {
                self.insert_at(vm, place, key, hash, Value::small_int(1))?;
                Ok(true)
            }
            // SAFETY: an unboxed int takes the place of another.
            Place::At(index) => Ok(unsafe {
                self.table.with_mut_no_drop(|t| {
                    let old = t.entries().get(index).map(|entry| &entry.value);
                    let count = old.and_then(Value::as_small_int);
                    let new = count.and_then(|n| Value::try_int(n + 1));
                    new.map(|new| t.replace_value(index, new)).is_some()
                })
            }),
            Place::Ask => Ok(false),
        }
    }

    /// The value of `key`, set to `default` first if there is none.
    pub fn set_default(&self, vm: &Vm, key: &Value, default: Value) -> PyResult<Value> {
        let hash = crate::protocols::hash::key_hash(vm, key)?;
        let index = match self.table.with(|t| t.locate(key, hash, vm)) {
            Place::At(index) => Some(index),
            Place::Free(place) => {
                self.insert_at(vm, place, key, hash, default.clone())?;
                return Ok(default);
            }
            Place::Ask => self.find_general(vm, key, hash)?,
        };
        if let Some(value) = index.and_then(|index| self.table.with(|t| t.value_at(index))) {
            return Ok(value);
        }
        self.insert_absent(vm, key, hash, default.clone())?;
        Ok(default)
    }

    /// Takes `key` out and gives its value.
    pub fn remove(&self, vm: &Vm, key: &Value) -> PyResult<Option<Value>> {
        let hash = crate::protocols::hash::key_hash(vm, key)?;
        self.remove_hashed(vm, key, hash)
    }

    pub fn remove_hashed(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Option<Value>> {
        match self.find(vm, key, hash)? {
            Some(index) => {
                // SAFETY: key and value leave.
                let removed = unsafe { self.table.with_mut_no_drop(|t| t.remove(index)) };
                Ok(removed.map(|(_key, value)| value))
            }
            None => Ok(None),
        }
    }

    pub fn remove_str(&self, vm: &Vm, key: &Ref<Str>) -> PyResult<Option<Value>> {
        self.remove_hashed(vm, key.as_value(), key.hash(vm))
    }

    /// The first item at or after position `*position` in the table, which then stands behind it.
    ///
    /// A loop over a dict that may change meanwhile checks its length and `keys` itself.
    #[inline]
    pub fn next_item(&self, position: &mut usize) -> Option<(Value, Value)> {
        self.table.with(|t| {
            while let Some(entry) = t.entries().get(*position) {
                *position += 1;
                if let Some(key) = &entry.key {
                    return Some((key.clone(), entry.value.clone()));
                }
            }
            None
        })
    }

    /// Copies of all items, in order.
    pub fn items_vec(&self) -> Vec<(Value, Value)> {
        self.table.with(|t| {
            t.entries()
                .iter()
                .filter_map(|e| Some((e.key.clone()?, e.value.clone())))
                .collect()
        })
    }

    /// A copy of the dict itself (always an exact `dict`). Raises MemoryError.
    pub fn copy(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(vm)?;
        let table = self
            .table
            .with(Table::try_clone)
            .map_err(|e| vm.no_memory(e))?;
        dict.table.set(table);
        Ok(dict)
    }
}

/// The value as a `str` that is not of a subclass (whose `__eq__` and `__hash__` are built in).
#[inline(always)]
pub(crate) fn exact_str<'a>(vm: &Vm, value: &'a Value) -> Option<&'a Ref<Str>> {
    let text = str_::of(value)?;
    std::ptr::eq(vm.type_of(value), &*vm.types.str).then_some(text)
}

impl Vm {
    pub fn new_dict(&self) -> PyResult<Ref<Dict>> {
        Dict::new(self)
    }
}
