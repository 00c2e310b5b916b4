//! The operations of sets on their tables, and the algebra of sets.
//!
//! A comparison may run Python, which may change any set: loops walk the living table by place, with a copy of the
//! element in hand, and searches start again when the table has changed. The order in which operations look at their
//! operands is CPython's, for it decides which of two equal elements stays, and where. CPython: Objects/setobject.c.

use super::table::{self, Found, Places, SetTable};
use super::{FrozenSet, Set};
use crate::objects::dict::Dict;
use crate::objects::dict::methods::DictKeys;
use crate::protocols::{compare, hash, iterator};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{MutCell, Value};

/// The table of a set or frozenset.
#[derive(Default)]
pub struct Core {
    pub table: MutCell<SetTable>,
}

/// The table of a value that is a set or frozenset.
#[inline(always)]
pub fn core(value: &Value) -> Option<&Core> {
    if let Some(set) = value.downcast::<Set>() {
        return Some(&set.core);
    }
    value.downcast::<FrozenSet>().map(|s| &s.core)
}

/// A value that is exactly a dict, whose keys can be used without iterating in Python's way.
fn exact_dict<'a>(vm: &Vm, value: &'a Value) -> Option<&'a naja_heap::Ref<Dict>> {
    value
        .downcast::<Dict>()
        .filter(|_| vm.type_of(value).is(&vm.types.dict))
}

/// The keys of a dict with their hashes.
fn dict_keys(dict: &Dict) -> Vec<(Value, i64)> {
    dict.table.with(|t| {
        t.entries()
            .iter()
            .filter_map(|e| Some((e.key.clone()?, e.hash)))
            .collect()
    })
}

impl Core {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.table.with(SetTable::len)
    }

    #[inline]
    fn find(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Found> {
        match self
            .table
            .with(|t| t.search(&mut t.probe(hash), key, hash, vm))
        {
            Found::Ask(_) => self.find_asking(vm, key, hash),
            found => Ok(found),
        }
    }

    #[inline(never)]
    fn find_asking(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<Found> {
        'restart: loop {
            let (mut probe, changes) = self.table.with(|t| (t.probe(hash), t.changes()));
            loop {
                match self.table.with(|t| t.search(&mut probe, key, hash, vm)) {
                    Found::Ask(at) => {
                        let Some(candidate) = self.table.with(|t| t.key_at(at)) else {
                            continue 'restart;
                        };
                        let equal = compare::eq(vm, &candidate, key)?;
                        if self.table.with(SetTable::changes) != changes {
                            continue 'restart;
                        }
                        if equal {
                            return Ok(Found::At(at));
                        }
                    }
                    found => return Ok(found),
                }
            }
        }
    }

    #[inline]
    pub fn add_hashed(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<()> {
        // SAFETY: putting an element in an unused place drops nothing.
        let quick = unsafe { self.table.with_mut_no_drop(|t| t.put(key, hash, vm)) };
        if let Some(result) = quick {
            return result.map_err(|e| vm.no_memory(e));
        }
        match self.find_asking(vm, key, hash)? {
            // SAFETY: as above.
            Found::Absent(at) => unsafe {
                self.table
                    .with_mut_no_drop(|t| t.insert(at, key.clone(), hash))
                    .map_err(|e| vm.no_memory(e))
            },
            _ => Ok(()),
        }
    }

    #[inline]
    pub fn contains_hashed(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<bool> {
        if let Some(found) = self.table.with(|t| t.has(key, hash, vm)) {
            return Ok(found);
        }
        Ok(matches!(self.find(vm, key, hash)?, Found::At(_)))
    }

    /// Takes an element out; says whether it was there.
    pub fn discard_hashed(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<bool> {
        match self.find(vm, key, hash)? {
            Found::At(at) => {
                // SAFETY: the element leaves.
                let old = unsafe { self.table.with_mut_no_drop(|t| t.remove(at)) };
                Ok(old.is_some())
            }
            _ => Ok(false),
        }
    }

    #[inline]
    pub fn add(&self, vm: &Vm, key: &Value) -> PyResult<()> {
        let hash = hash::element_hash(vm, key)?;
        self.add_hashed(vm, key, hash)
    }

    #[inline]
    pub fn contains(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        let hash = lookup_hash(vm, key)?;
        self.contains_hashed(vm, key, hash)
    }

    pub fn discard(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        let hash = lookup_hash(vm, key)?;
        self.discard_hashed(vm, key, hash)
    }

    pub fn next(&self, position: &mut usize) -> Option<(Value, i64)> {
        self.table.with(|t| t.next(position))
    }

    /// Copies of all elements, in order.
    pub fn elements(&self) -> Vec<Value> {
        self.table
            .with(|t| t.slots().iter().filter_map(|s| s.key.clone()).collect())
    }

    pub fn clear(&self) {
        drop(self.swap(SetTable::default()))
    }

    /// Puts another table in the place of this one.
    pub fn swap(&self, mut new: SetTable) -> SetTable {
        self.table.with_mut(|table| {
            new.carry_changes(table);
            std::mem::replace(table, new)
        })
    }

    /// Adds all elements of another set.
    pub fn merge(&self, vm: &Vm, other: &Core) -> PyResult<()> {
        if std::ptr::eq(self, other) || other.is_empty() {
            return Ok(());
        }
        if self.table.with(SetTable::fill) == 0 {
            // SAFETY: there are no elements to be dropped.
            return unsafe {
                self.table
                    .with_mut_no_drop(|t| other.table.with(|o| t.copy_from(o)))
            }
            .map_err(|e| vm.no_memory(e));
        }
        self.table
            .with_mut(|t| t.reserve_merge(other.len()))
            .map_err(|e| vm.no_memory(e))?;
        // As far as no element need be asked; adding one again does nothing.
        let quick = other.table.with(|other| {
            // SAFETY: putting an element in an unused place drops nothing.
            unsafe {
                self.table.with_mut_no_drop(|t| {
                    for slot in other.slots() {
                        if let Some(key) = &slot.key
                            && let Err(e) = t.put(key, slot.hash, vm)?
                        {
                            return Some(Err(e));
                        }
                    }
                    Some(Ok(()))
                })
            }
        });
        if let Some(result) = quick {
            return result.map_err(|e| vm.no_memory(e));
        }
        let mut position = 0;
        while let Some((key, hash)) = other.next(&mut position) {
            self.add_hashed(vm, &key, hash)?
        }
        Ok(())
    }

    /// Adds all keys of a dict. False where one would have to be asked: those before it are in then.
    fn merge_keys(&self, vm: &Vm, dict: &Dict) -> PyResult<bool> {
        let quick = dict.table.with(|dict| {
            // SAFETY: putting an element in an unused place drops nothing.
            unsafe {
                self.table.with_mut_no_drop(|t| {
                    for entry in dict.entries() {
                        if let Some(key) = &entry.key
                            && let Err(e) = t.put(key, entry.hash, vm)?
                        {
                            return Some(Err(e));
                        }
                    }
                    Some(Ok(()))
                })
            }
        });
        match quick {
            Some(Ok(())) => Ok(true),
            Some(Err(e)) => Err(vm.no_memory(e)),
            None => Ok(false),
        }
    }

    /// Adds all elements of an iterable.
    pub fn update(&self, vm: &Vm, iterable: &Value) -> PyResult<()> {
        if let Some(other) = core(iterable) {
            return self.merge(vm, other);
        }
        if let Some(dict) = exact_dict(vm, iterable) {
            self.table
                .with_mut(|t| t.reserve_merge(dict.len()))
                .map_err(|e| vm.no_memory(e))?;
            if !self.merge_keys(vm, dict)? {
                for (key, hash) in dict_keys(dict) {
                    self.add_hashed(vm, &key, hash)?
                }
            }
            return Ok(());
        }
        if vm.type_of(iterable).is(vm.class::<DictKeys>())
            && let Some(keys) = iterable.downcast::<DictKeys>()
            && self.merge_keys(vm, keys.dict())?
        {
            return Ok(());
        }
        iterator::for_each(vm, iterable, |key| self.add(vm, &key))
    }

    pub fn copy(&self, vm: &Vm) -> PyResult<Core> {
        let new = Core::default();
        new.merge(vm, self)?;
        Ok(new)
    }

    /// `self & other`, other being any iterable.
    pub fn intersection(&self, vm: &Vm, other: &Value) -> PyResult<Core> {
        let result = Core::default();
        self.intersect(vm, other, &result)?;
        Ok(result)
    }

    /// `self & other` put into `result`, which is empty; other being any iterable.
    pub fn intersect(&self, vm: &Vm, other: &Value, result: &Core) -> PyResult<()> {
        match core(other) {
            Some(other) => self.intersect_set(vm, other, result),
            None => iterator::for_each(vm, other, |key| {
                let hash = hash::element_hash(vm, &key)?;
                if self.contains_hashed(vm, &key, hash)? {
                    result.add_hashed(vm, &key, hash)?
                }
                Ok(())
            }),
        }
    }

    /// `self & other` put into `result`, which is empty.
    pub fn intersect_set(&self, vm: &Vm, other: &Core, result: &Core) -> PyResult<()> {
        if std::ptr::eq(self, other) {
            return result.merge(vm, self);
        }
        let (large, small) = if other.len() > self.len() {
            (other, self)
        } else {
            (self, other)
        };
        if small.quick_part(vm, large, true, result)? {
            return Ok(());
        }
        let mut position = 0;
        while let Some((key, hash)) = small.next(&mut position) {
            if large.contains_hashed(vm, &key, hash)? {
                result.add_hashed(vm, &key, hash)?
            }
        }
        Ok(())
    }

    /// Takes out all elements of an iterable.
    pub fn remove_all(&self, vm: &Vm, other: &Value) -> PyResult<()> {
        match core(other) {
            Some(other) if std::ptr::eq(self, other) => {
                self.clear();
                return Ok(());
            }
            Some(other) => {
                // Only what both have matters where the other one is much larger.
                let common = Core::default();
                let other = if other.len() >> 3 > self.len() {
                    self.intersect_set(vm, other, &common)?;
                    &common
                } else {
                    other
                };
                let mut position = 0;
                while let Some((key, hash)) = other.next(&mut position) {
                    self.discard_hashed(vm, &key, hash)?;
                }
            }
            None => iterator::for_each(vm, other, |key| self.discard(vm, &key).map(drop))?,
        }
        self.table
            .with_mut(SetTable::tidy)
            .map_err(|e| vm.no_memory(e))
    }

    /// `self - other`, other being any iterable.
    pub fn difference(&self, vm: &Vm, other: &Value) -> PyResult<Core> {
        let result = Core::default();
        self.subtract(vm, other, &result)?;
        Ok(result)
    }

    /// `self - other` put into `result`, which is empty; other being any iterable.
    pub fn subtract(&self, vm: &Vm, other: &Value, result: &Core) -> PyResult<()> {
        let (set, dict) = (core(other), exact_dict(vm, other));
        let size = match (set, dict) {
            (Some(set), _) => Some(set.len()),
            (_, Some(dict)) => Some(dict.len()),
            _ => None,
        };
        if size.is_none_or(|size| self.len() >> 2 > size) {
            result.merge(vm, self)?;
            return result.remove_all(vm, other);
        }
        if let Some(other) = set
            && self.quick_part(vm, other, false, result)?
        {
            return Ok(());
        }
        let mut position = 0;
        while let Some((key, hash)) = self.next(&mut position) {
            let common = match (set, dict) {
                (Some(set), _) => set.contains_hashed(vm, &key, hash)?,
                (_, Some(dict)) => dict.get_hashed(vm, &key, hash)?.is_some(),
                _ => false,
            };
            if !common {
                result.add_hashed(vm, &key, hash)?
            }
        }
        Ok(())
    }

    fn toggle(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<()> {
        match self.find(vm, key, hash)? {
            // SAFETY: the element leaves, and is dropped outside.
            Found::At(at) => drop(unsafe { self.table.with_mut_no_drop(|t| t.remove(at)) }),
            // SAFETY: putting an element in an unused place drops nothing.
            Found::Absent(at) => unsafe {
                self.table
                    .with_mut_no_drop(|t| t.insert(at, key.clone(), hash))
                    .map_err(|e| vm.no_memory(e))?
            },
            Found::Ask(_) => {}
        }
        Ok(())
    }

    /// `self ^= other`
    pub fn toggle_set(&self, vm: &Vm, other: &Core) -> PyResult<()> {
        let mut position = 0;
        while let Some((key, hash)) = other.next(&mut position) {
            self.toggle(vm, &key, hash)?
        }
        Ok(())
    }

    /// `self ^= other`, other being any iterable.
    pub fn toggle_all(&self, vm: &Vm, other: &Value) -> PyResult<()> {
        if let Some(other) = core(other) {
            if std::ptr::eq(self, other) {
                self.clear();
                return Ok(());
            }
            return self.toggle_set(vm, other);
        }
        if let Some(dict) = exact_dict(vm, other) {
            for (key, hash) in dict_keys(dict) {
                self.toggle(vm, &key, hash)?
            }
            return Ok(());
        }
        self.toggle_set(vm, &Core::of(vm, other)?)
    }

    /// `self ^ other`, other being any iterable.
    pub fn symmetric_difference(&self, vm: &Vm, other: &Value) -> PyResult<Core> {
        let result = Core::of(vm, other)?;
        result.toggle_set(vm, self)?;
        Ok(result)
    }

    /// A table of the elements of any iterable.
    pub fn of(vm: &Vm, iterable: &Value) -> PyResult<Core> {
        let new = Core::default();
        new.update(vm, iterable)?;
        Ok(new)
    }

    /// Whether all elements are in another set; None where a comparison would have to be asked.
    pub(super) fn quick_subset(&self, vm: &Vm, other: &Core) -> Option<bool> {
        if self.len() > other.len() {
            return Some(false);
        }
        self.table.with(|own| {
            other.table.with(|table| {
                let (slots, mut left) = (table.slots(), own.len());
                for slot in own.slots() {
                    if let Some(key) = &slot.key {
                        if !table::has(slots, key, slot.hash, vm)? {
                            return Some(false);
                        }
                        left -= 1;
                        if left == 0 {
                            break;
                        }
                    }
                }
                Some(true)
            })
        })
    }

    /// Puts the elements of which `other` has, or has not (`common`), an equal one into `result`, which is empty. Says
    /// whether it could, without comparisons that must be asked; if not, `result` is still empty.
    fn quick_part(&self, vm: &Vm, other: &Core, common: bool, result: &Core) -> PyResult<bool> {
        let complete = self.table.with(|own| {
            other.table.with(|table| {
                if (table::SMALLEST + 1..=Places::MOST).contains(&own.slots().len()) {
                    // What is kept is counted first: then there is one array to make.
                    let (mut kept, mut home) = (Places::none(), true);
                    let (slots, mask) = (table.slots(), own.mask());
                    for (at, slot) in own.slots().iter().enumerate() {
                        let Some(key) = &slot.key else { continue };
                        let Some(found) = table::has(slots, key, slot.hash, vm) else {
                            return Ok(false);
                        };
                        if found == common {
                            kept.add(at);
                            home &= slot.hash as usize & mask == at;
                        }
                    }
                    // SAFETY: nothing is dropped where elements are put in, and no Python runs.
                    unsafe {
                        result
                            .table
                            .with_mut_no_drop(|new| new.copy_part(own, &kept, home))?;
                    }
                    return Ok(true);
                }
                for slot in own.slots() {
                    let Some(key) = &slot.key else { continue };
                    let Some(found) = table.has(key, slot.hash, vm) else {
                        return Ok(false);
                    };
                    if found == common {
                        // Elements of one set differ from each other: the place is the first that is unused.
                        // SAFETY: nothing is dropped where an element is put in, and no Python runs.
                        unsafe {
                            result.table.with_mut_no_drop(|new| {
                                new.insert(new.free_place(slot.hash), key.clone(), slot.hash)
                            })?;
                        }
                    }
                }
                Ok(true)
            })
        });
        match complete {
            Ok(true) => Ok(true),
            Ok(false) => {
                result.clear();
                Ok(false)
            }
            Err(e) => Err(vm.no_memory(e)),
        }
    }

    pub fn is_subset_of(&self, vm: &Vm, other: &Core) -> PyResult<bool> {
        if let Some(result) = self.quick_subset(vm, other) {
            return Ok(result);
        }
        let mut position = 0;
        while let Some((key, hash)) = self.next(&mut position) {
            if !other.contains_hashed(vm, &key, hash)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn is_disjoint(&self, vm: &Vm, other: &Value) -> PyResult<bool> {
        match core(other) {
            Some(other) if std::ptr::eq(self, other) => Ok(self.is_empty()),
            Some(other) => {
                let (large, small) = if other.len() > self.len() {
                    (other, self)
                } else {
                    (self, other)
                };
                let mut position = 0;
                while let Some((key, hash)) = small.next(&mut position) {
                    if large.contains_hashed(vm, &key, hash)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            None => {
                let it = iterator::iter(vm, other)?;
                while let Some(key) = iterator::next(vm, &it)? {
                    if self.contains_hashed(vm, &key, hash::element_hash(vm, &key)?)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// The hash of a frozenset of these elements. Does not depend on their order.
    pub fn hash(&self) -> i64 {
        let shuffle = |h: u64| ((h ^ 89869747) ^ (h << 16)).wrapping_mul(3644798167);
        let mut h = self.table.with(|t| {
            let elements = t.slots().iter().filter(|s| s.key.is_some());
            elements.fold(0, |h, s| h ^ shuffle(s.hash as u64))
        });
        h ^= (self.len() as u64 + 1).wrapping_mul(1927868237);
        h ^= (h >> 11) ^ (h >> 25);
        h = h.wrapping_mul(69069).wrapping_add(907133923);
        if h == u64::MAX { 590923713 } else { h as i64 }
    }
}

/// The hash to look `key` up by: a set, which has none, is found as the frozenset equal to it.
#[inline]
fn lookup_hash(vm: &Vm, key: &Value) -> PyResult<i64> {
    match hash::element_hash(vm, key) {
        Err(raised) => hash_of_set(vm, key, raised),
        hash => hash,
    }
}

#[cold]
fn hash_of_set(vm: &Vm, key: &Value, raised: Raised) -> PyResult<i64> {
    match key.downcast::<Set>() {
        Some(set) if vm.catch(&vm.types.type_error) => Ok(set.core.hash()),
        _ => Err(raised),
    }
}
