//! The hash table under `dict`: an open-addressed index over entries in order of insertion.
//!
//! The index has a power of two of places, each an integer of 1, 2 or 4 bytes, wide enough for the number of entries: the
//! entry's number plus 2, 0 for "never used", 1 for "deleted". Probing is CPython's, `i = 5*i + perturb + 1`, but for the
//! first place.
//! Deleted entries stay as holes until the next rebuild. Nothing here runs Python: where two keys must be compared by
//! their types' `__eq__` the search says so ([`Found::Ask`]) and the caller asks.

use crate::objects::str_::Str;
use crate::protocols::compare::quick_eq;
use crate::vm::Vm;
use naja_heap::{AllocError, Ref, Value};

/// One item, or a hole where `key` is None.
pub struct Entry {
    pub hash: i64,
    pub key: Option<Value>,
    pub value: Value,
}

/// What a step of a search found.
pub enum Found {
    At(usize),
    Absent,
    /// The key of this entry has the same hash: ask whether it is equal.
    Ask(usize),
}

/// Where a key is, or would go.
pub enum Place {
    At(usize),
    /// It is not there: it would go to this place of the index, the first one that is deleted, or else that where the search
    /// ended.
    Free(usize),
    /// Some key of the same hash must be asked whether it is equal.
    Ask,
}

/// What [`Table::quick_find`] found.
pub enum Quick {
    At(usize),
    Absent,
    /// The key's class must be asked for a hash, or one that is stored whether it is equal.
    Unknown,
}

#[derive(Default)]
pub struct Table {
    /// The index of a table of 8 places, which needs no memory of its own.
    small: [u8; 1 << MIN_BITS],
    /// That of a larger one.
    index: Box<[u8]>,
    /// log2 of the number of places; 0 while there is no index.
    bits: u8,
    /// log2 of the bytes of one place.
    width: u8,
    /// Whether all keys are exact strings.
    only_str: bool,
    len: u32,
    /// Places that are not "never used": once most are, a search would not end.
    filled: u32,
    entries: Vec<Entry>,
    version: u32,
    changes: u32,
}

/// The keys of a table, with its index, for the tables of many objects with the same attributes.
pub struct Layout {
    table: Table,
}

impl Layout {
    /// The names must be different ones.
    pub fn new(names: Vec<Ref<Str>>, vm: &Vm) -> Result<Layout, AllocError> {
        let mut table = Table::default();
        table.reserve(names.len())?;
        for name in names {
            let hash = name.hash(vm);
            table.insert(name.into_value(), hash, Value::NONE, true)?
        }
        Ok(Layout { table })
    }
}

const EMPTY: u32 = 0;
const DELETED: u32 = 1;
const MIN_BITS: u8 = 3;

/// The state of a search.
pub struct Probe {
    place: usize,
    perturb: u64,
}

/// Where a search begins (to be cut to the size of the index). The hash itself would do for strings and counted numbers, but
/// `id()`s, which are keys too, have zeros in their low bits.
#[inline(always)]
const fn first(hash: i64) -> usize {
    (hash ^ hash >> 5) as usize
}

/// How many entries an index of this many places may serve: two thirds.
const fn usable(bits: u8) -> usize {
    (1usize << bits) * 2 / 3
}

impl Table {
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(always)]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Counts the changes of the table's layout: a search that was interrupted compares it.
    #[inline(always)]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    #[inline(always)]
    pub fn only_str(&self) -> bool {
        self.only_str || self.len == 0
    }

    pub fn version(&mut self, next: impl FnOnce() -> u32) -> u32 {
        if self.version == 0 {
            self.version = next()
        }
        self.version
    }

    #[inline(always)]
    pub fn current_version(&self) -> u32 {
        self.version
    }

    /// For a table that replaces `old` in the same dict: interrupted searches must notice.
    pub fn carry_version(&mut self, old: &Table) {
        self.changes = old.changes.wrapping_add(1)
    }

    #[inline(always)]
    fn touch(&mut self) {
        self.version = 0;
        self.changes = self.changes.wrapping_add(1);
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        (1usize << self.bits) - 1
    }

    #[inline(always)]
    fn place(&self, at: usize) -> u32 {
        if self.bits <= MIN_BITS {
            return self.small[at & (self.small.len() - 1)] as u32;
        }
        match self.width {
            0 => self.index[at] as u32,
            1 => u16::from_le_bytes([self.index[at * 2], self.index[at * 2 + 1]]) as u32,
            _ => {
                let b = &self.index[at * 4..at * 4 + 4];
                u32::from_le_bytes([b[0], b[1], b[2], b[3]])
            }
        }
    }

    #[inline(always)]
    fn set_place(&mut self, at: usize, to: u32) {
        if self.bits <= MIN_BITS {
            self.small[at & (self.small.len() - 1)] = to as u8;
            return;
        }
        match self.width {
            0 => self.index[at] = to as u8,
            1 => self.index[at * 2..at * 2 + 2].copy_from_slice(&(to as u16).to_le_bytes()),
            _ => self.index[at * 4..at * 4 + 4].copy_from_slice(&to.to_le_bytes()),
        }
    }

    #[inline(always)]
    pub fn probe(&self, hash: i64) -> Probe {
        let perturb = hash as u64;
        Probe {
            place: if self.bits == 0 {
                0
            } else {
                first(hash) & self.mask()
            },
            perturb,
        }
    }

    #[inline(always)]
    fn step(&self, probe: &mut Probe) {
        probe.perturb >>= 5;
        probe.place = probe
            .place
            .wrapping_mul(5)
            .wrapping_add(probe.perturb as usize)
            .wrapping_add(1)
            & self.mask();
    }

    /// Goes on with a search to the next entry of the same hash. An identical key is found without asking.
    #[inline]
    pub fn next_candidate(&self, probe: &mut Probe, key: &Value, hash: i64) -> Found {
        if self.bits == 0 {
            return Found::Absent;
        }
        loop {
            let place = self.place(probe.place);
            self.step(probe);
            match place {
                EMPTY => return Found::Absent,
                DELETED => {}
                n => {
                    let at = n as usize - 2;
                    let entry = &self.entries[at];
                    if let Some(candidate) = &entry.key {
                        if candidate.is(key) {
                            return Found::At(at);
                        }
                        if entry.hash == hash {
                            return Found::Ask(at);
                        }
                    }
                }
            }
        }
    }

    /// The whole search for any key, as far as no class need be asked.
    #[inline(always)]
    pub fn locate(&self, key: &Value, hash: i64, vm: &Vm) -> Place {
        if self.bits == 0 {
            return Place::Free(0);
        }
        // The first place decides most often.
        let at = first(hash) & self.mask();
        let found = self.place(at);
        if found == EMPTY {
            return Place::Free(at);
        }
        if let Some(entry) = self.entries.get((found as usize).wrapping_sub(2))
            && entry
                .key
                .as_ref()
                .is_some_and(|candidate| candidate.is(key))
        {
            return Place::At(found as usize - 2);
        }
        self.locate_elsewhere(key, hash, vm)
    }

    #[inline(never)]
    fn locate_elsewhere(&self, key: &Value, hash: i64, vm: &Vm) -> Place {
        if self.bits <= MIN_BITS {
            if self.bits == 0 {
                return Place::Free(0);
            }
            let small = &self.small;
            return self.locate_by(key, hash, vm, |at| small[at & (small.len() - 1)] as usize);
        }
        let index = &*self.index;
        match self.width {
            0 => self.locate_by(key, hash, vm, |at| narrow::<1>(index, at)),
            1 => self.locate_by(key, hash, vm, |at| narrow::<2>(index, at)),
            _ => self.locate_by(key, hash, vm, |at| narrow::<4>(index, at)),
        }
    }

    /// A key whose class need not be asked for a hash, without asking anything.
    #[inline(always)]
    pub fn quick_find(&self, key: &Value, vm: &Vm) -> Quick {
        let Some(hash) = crate::protocols::hash::quick(vm, key) else {
            return Quick::Unknown;
        };
        match self.locate(key, hash, vm) {
            Place::At(at) => Quick::At(at),
            Place::Free(_) => Quick::Absent,
            Place::Ask => Quick::Unknown,
        }
    }

    /// Sets the value of a key where that neither asks anything nor needs memory; `value` is called then, and not
    /// otherwise. The old value is the caller's, None a new key's.
    #[inline]
    pub fn quick_set(
        &mut self,
        key: &Value,
        vm: &Vm,
        value: impl FnOnce() -> Value,
    ) -> Option<Option<Value>> {
        let hash = crate::protocols::hash::quick(vm, key)?;
        let at = match self.locate(key, hash, vm) {
            Place::At(at) => at,
            Place::Free(place) => {
                if !self.has_room() {
                    return None;
                }
                let is_str = super::exact_str(vm, key).is_some();
                self.put_at(place, key.clone(), hash, value(), is_str);
                return Some(None);
            }
            Place::Ask => return None,
        };
        let entry = self.entries.get_mut(at)?;
        Some(Some(std::mem::replace(&mut entry.value, value())))
    }

    #[inline(always)]
    fn locate_by(&self, key: &Value, hash: i64, vm: &Vm, read: impl Fn(usize) -> usize) -> Place {
        let mut probe = self.probe(hash);
        let mut deleted = None;
        loop {
            let found = read(probe.place);
            if found == EMPTY as usize {
                return Place::Free(deleted.unwrap_or(probe.place));
            }
            if found == DELETED as usize && deleted.is_none() {
                deleted = Some(probe.place);
            }
            // A deleted place's number is none of an entry's.
            if let Some(entry) = self.entries.get(found.wrapping_sub(2))
                && let Some(candidate) = &entry.key
            {
                if candidate.is(key) {
                    return Place::At(found - 2);
                }
                if entry.hash == hash && !(candidate.is_small_int() && key.is_small_int()) {
                    match quick_eq(vm, candidate, key) {
                        Some(true) => return Place::At(found - 2),
                        Some(false) => {}
                        None => return Place::Ask,
                    }
                }
            }
            self.step(&mut probe);
        }
    }

    #[inline(always)]
    pub fn key_at(&self, index: usize) -> Option<Value> {
        self.entries.get(index).and_then(|e| e.key.clone())
    }

    #[inline(always)]
    pub fn value_at(&self, index: usize) -> Option<Value> {
        self.entries
            .get(index)
            .and_then(|e| e.key.as_ref().map(|_| e.value.clone()))
    }

    /// The value of entry `index`, which the caller drops outside.
    #[inline(always)]
    pub fn replace_value(&mut self, index: usize, value: Value) -> Option<Value> {
        self.entries
            .get_mut(index)
            .map(|e| std::mem::replace(&mut e.value, value))
    }

    /// Adds a key that is known to be absent.
    pub fn insert(
        &mut self,
        key: Value,
        hash: i64,
        value: Value,
        is_str: bool,
    ) -> Result<(), AllocError> {
        let most = usable(self.bits);
        if self.bits == 0 || self.entries.len() >= most || self.filled as usize >= most {
            self.grow(self.len() + 1)?
        }
        if self.entries.len() == self.entries.capacity() {
            self.entries.try_reserve(1).map_err(|_| AllocError)?;
        }
        let mut probe = self.probe(hash);
        while self.place(probe.place) > DELETED {
            self.step(&mut probe)
        }
        self.put_at(probe.place, key, hash, value, is_str);
        Ok(())
    }

    /// As [`Table::insert`] where [`Table::locate`] has just found this free place.
    #[inline]
    pub fn insert_at(
        &mut self,
        place: usize,
        key: Value,
        hash: i64,
        value: Value,
        is_str: bool,
    ) -> Result<(), AllocError> {
        if !self.has_room() {
            return self.insert(key, hash, value, is_str);
        }
        self.put_at(place, key, hash, value, is_str);
        Ok(())
    }

    /// Whether one more entry needs neither a larger index nor memory.
    #[inline(always)]
    fn has_room(&self) -> bool {
        let most = usable(self.bits);
        self.entries.len() < most
            && (self.filled as usize) < most
            && self.entries.len() < self.entries.capacity()
    }

    /// Adds an entry at a free place, where there is room for it.
    #[inline(always)]
    fn put_at(&mut self, place: usize, key: Value, hash: i64, value: Value, is_str: bool) {
        self.only_str = is_str && (self.only_str || self.len == 0);
        self.filled += u32::from(self.place(place) == EMPTY);
        self.set_place(place, self.entries.len() as u32 + 2);
        self.entries.push(Entry {
            hash,
            key: Some(key),
            value,
        });
        self.len += 1;
        self.touch();
    }

    /// Takes out entry `index`.
    pub fn remove(&mut self, index: usize) -> Option<(Value, Value)> {
        let entry = self.entries.get_mut(index)?;
        let key = entry.key.take()?;
        let value = std::mem::replace(&mut entry.value, Value::NONE);
        let hash = entry.hash;
        let mut probe = self.probe(hash);
        while self.place(probe.place) != index as u32 + 2 {
            self.step(&mut probe)
        }
        self.set_place(probe.place, DELETED);
        self.len -= 1;
        self.touch();
        Some((key, value))
    }

    /// Takes out the last item.
    pub fn pop_last(&mut self) -> Option<(Value, Value)> {
        let index = self.entries.iter().rposition(|e| e.key.is_some())?;
        let item = self.remove(index);
        // Only here holes go away by themselves: the last ones are not searched again.
        self.entries.truncate(index);
        item
    }

    /// Makes room for `capacity` items in all.
    pub fn reserve(&mut self, capacity: usize) -> Result<(), AllocError> {
        if capacity > usable(self.bits) || self.bits == 0 {
            self.rebuild(capacity)
        } else {
            Ok(())
        }
    }

    fn grow(&mut self, need: usize) -> Result<(), AllocError> {
        // Three times the live items, as CPython: a dict full of holes may shrink here.
        let target = if self.len == 0 {
            need
        } else {
            (self.len() * 3).max(need)
        };
        let mut bits = MIN_BITS;
        while (1usize << bits) < target {
            bits += 1
        }
        self.rebuild_bits(bits)
    }

    fn rebuild(&mut self, capacity: usize) -> Result<(), AllocError> {
        let mut bits = MIN_BITS;
        while usable(bits) < capacity {
            bits += 1
        }
        self.rebuild_bits(bits)
    }

    fn rebuild_bits(&mut self, mut bits: u8) -> Result<(), AllocError> {
        if bits == MIN_BITS && self.entries.is_empty() && self.index.is_empty() {
            // The first few entries: usual, and little to do.
            let room = usable(MIN_BITS);
            if self.entries.capacity() < room {
                let reserved = self.entries.try_reserve_exact(room);
                reserved.map_err(|_| AllocError)?;
            }
            self.small = [0; 1 << MIN_BITS];
            (self.bits, self.width, self.filled) = (MIN_BITS, 0, 0);
            self.touch();
            return Ok(());
        }
        while usable(bits) < self.len() + 1 {
            bits += 1
        }
        if bits > 31 {
            return Err(AllocError);
        }
        let width = if bits <= 7 {
            0
        } else if bits <= 15 {
            1
        } else {
            2
        };
        let bytes = if bits <= MIN_BITS {
            0
        } else {
            1usize << (bits + width)
        };
        let mut index = Vec::new();
        index.try_reserve_exact(bytes).map_err(|_| AllocError)?;
        index.resize(bytes, 0);
        if self.entries.len() > self.len() {
            self.entries.retain(|e| e.key.is_some())
        }
        let want = usable(bits);
        if self.entries.capacity() < want {
            let more = want - self.entries.len();
            self.entries
                .try_reserve_exact(more)
                .map_err(|_| AllocError)?;
        }
        self.small.fill(0);
        match (bits <= MIN_BITS, width) {
            (true, _) => lay::<1>(&mut self.small, &self.entries),
            (_, 0) => lay::<1>(&mut index, &self.entries),
            (_, 1) => lay::<2>(&mut index, &self.entries),
            _ => lay::<4>(&mut index, &self.entries),
        }
        self.index = index.into_boxed_slice();
        self.bits = bits;
        self.width = width;
        self.filled = self.entries.len() as u32;
        self.touch();
        Ok(())
    }

    /// A table of these keys; `value` gives the values one by one.
    pub fn of_layout(
        layout: &Layout,
        mut value: impl FnMut() -> Option<Value>,
    ) -> Result<Table, AllocError> {
        let model = &layout.table;
        let mut entries = Vec::new();
        // Room for one key more, where the index has it: adding one is the usual thing.
        let room = usable(model.bits).min(model.entries.len() + 2);
        entries.try_reserve_exact(room).map_err(|_| AllocError)?;
        let mut index = Vec::new();
        if !model.index.is_empty() {
            let length = model.index.len();
            index.try_reserve_exact(length).map_err(|_| AllocError)?;
            index.extend_from_slice(&model.index);
        }
        for entry in &model.entries {
            entries.push(Entry {
                hash: entry.hash,
                key: entry.key.clone(),
                value: value().unwrap_or(Value::NONE),
            });
        }
        Ok(Table {
            small: model.small,
            index: index.into_boxed_slice(),
            bits: model.bits,
            width: model.width,
            only_str: true,
            len: entries.len() as u32,
            filled: model.filled,
            entries,
            version: 0,
            changes: 0,
        })
    }

    /// A copy with the same order and no holes.
    pub fn try_clone(&self) -> Result<Table, AllocError> {
        let mut copy = Table {
            only_str: self.only_str,
            ..Table::default()
        };
        if self.entries.len() == self.len() && self.filled as usize == self.len() {
            // Nothing was ever deleted: the index serves the copy too.
            copy.entries
                .try_reserve_exact(self.entries.len())
                .map_err(|_| AllocError)?;
            copy.entries.extend(self.entries.iter().map(|e| Entry {
                hash: e.hash,
                key: e.key.clone(),
                value: e.value.clone(),
            }));
            copy.index = self.index.clone();
            copy.small = self.small;
            copy.bits = self.bits;
            copy.width = self.width;
            copy.len = self.len;
            copy.filled = self.filled;
            return Ok(copy);
        }
        copy.rebuild(self.len())?;
        for entry in &self.entries {
            if let Some(key) = &entry.key {
                copy.entries.push(Entry {
                    hash: entry.hash,
                    key: Some(key.clone()),
                    value: entry.value.clone(),
                });
            }
        }
        copy.len = copy.entries.len() as u32;
        let bits = copy.bits;
        copy.rebuild_bits(bits)?;
        Ok(copy)
    }

    /// The bytes that CPython's dict of this shape takes.
    pub fn cpython_size(&self) -> usize {
        if self.bits == 0 {
            return 48;
        }
        let entry = if self.only_str { 16 } else { 24 };
        let index = match self.bits {
            0..=7 => 1,
            8..=15 => 2,
            _ => 4,
        };
        80 + (index << self.bits) + usable(self.bits) * entry
    }

    /// Empties the table, giving the entries to the caller to drop.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        let entries = std::mem::take(&mut self.entries);
        self.index = Box::default();
        self.small.fill(0);
        self.bits = 0;
        self.len = 0;
        self.filled = 0;
        self.touch();
        entries
    }
}

/// Place `at` of an index of so many bytes each.
#[inline(always)]
fn narrow<const BYTES: usize>(index: &[u8], at: usize) -> usize {
    let mut word = [0; 8];
    if let Some(bytes) = index.as_chunks::<BYTES>().0.get(at) {
        word[..BYTES].copy_from_slice(bytes);
    }
    usize::from_le_bytes(word)
}

/// Fills an index of zeros with the numbers of entries, of which none is a hole.
fn lay<const BYTES: usize>(index: &mut [u8], entries: &[Entry]) {
    let places = index.as_chunks_mut::<BYTES>().0;
    let mask = places.len() - 1;
    for (number, entry) in entries.iter().enumerate() {
        let mut perturb = entry.hash as u64;
        let mut at = first(entry.hash) & mask;
        while places.get(at).is_some_and(|place| *place != [0; BYTES]) {
            perturb >>= 5;
            at = at
                .wrapping_mul(5)
                .wrapping_add(perturb as usize)
                .wrapping_add(1)
                & mask;
        }
        if let Some(place) = places.get_mut(at) {
            place.copy_from_slice(&(number + 2).to_le_bytes()[..BYTES]);
        }
    }
}
