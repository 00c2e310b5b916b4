//! The hash table under `set` and `frozenset`: open addressing, nine places in a row, then a jump.
//!
//! The order of elements is that of their places, and programs see it (in `repr`, in loops), so places are chosen as
//! CPython chooses them: same probes, same moments and sizes of growth, removed elements leave a mark, whose place is
//! used again or cleared by a rebuild. Nothing here runs Python: where two elements must be compared by their types'
//! `__eq__` the search says so ([`Found::Ask`]) and the caller asks; `changes` tells whether the table is still the same
//! afterwards.
//! Invariant: some place is unused, so that every search ends. CPython: Objects/setobject.c.

use crate::protocols::compare::quick_eq;
use crate::vm::Vm;
use naja_heap::{AllocError, Value};
use std::mem::ManuallyDrop;

/// A place: an element with its hash; unused (hash 0) or removed (hash -1, which no element has) without.
#[derive(Default)]
pub struct Slot {
    pub hash: i64,
    pub key: Option<Value>,
}

impl Slot {
    #[inline(always)]
    fn copy(&self) -> Slot {
        Slot {
            hash: self.hash,
            key: self.key.clone(),
        }
    }
}

const UNUSED: i64 = 0;
const REMOVED: i64 = -1;
const LINEAR: usize = 9;
pub const SMALLEST: usize = 8;

#[derive(Default)]
pub struct SetTable {
    /// The places of a small table, which needs no memory of its own. All without element while there are large ones.
    small: ManuallyDrop<[Slot; SMALLEST]>,
    /// Those of a larger one, a power of two; none while the small ones serve.
    large: Vec<Slot>,
    /// Elements and marks of removed ones.
    fill: usize,
    used: usize,
    /// Where `pop` goes on looking.
    finger: usize,
    changes: u32,
}

impl Drop for SetTable {
    fn drop(&mut self) {
        // As many as there are: not all places.
        let mut left = self.used;
        for slot in self.slots() {
            if left == 0 {
                break;
            }
            if let Some(key) = &slot.key {
                left -= 1;
                if key.is_object() {
                    // SAFETY: the place is not looked at again.
                    drop(unsafe { std::ptr::read(key) });
                }
            }
        }
        forget_places(&mut self.large)
    }
}

/// Empties an array whose elements were all taken out or dropped, without looking for any.
#[inline]
fn forget_places(slots: &mut Vec<Slot>) {
    // SAFETY: nothing is left to be dropped.
    unsafe { slots.set_len(0) }
}

/// What a step of a search found.
pub enum Found {
    At(usize),
    /// It is not there; it would be put at this place.
    Absent(usize),
    /// The element here has the same hash: ask whether it is equal.
    Ask(usize),
}

/// The state of a search.
pub struct Probe {
    start: usize,
    /// Places of the row still to see after this one.
    left: usize,
    at: usize,
    perturb: u64,
    /// The last place met whose element was removed: it is used again.
    removed: Option<usize>,
}

impl Probe {
    #[inline(always)]
    fn new(hash: i64, mask: usize) -> Probe {
        let start = hash as u64 as usize & mask;
        Probe {
            start,
            left: row(start, mask),
            at: start,
            perturb: hash as u64,
            removed: None,
        }
    }

    #[inline(always)]
    fn step(&mut self, mask: usize) {
        if self.left > 0 {
            self.left -= 1;
            self.at += 1;
        } else {
            self.perturb >>= 5;
            self.start = self
                .start
                .wrapping_mul(5)
                .wrapping_add(1)
                .wrapping_add(self.perturb as usize)
                & mask;
            self.left = row(self.start, mask);
            self.at = self.start;
        }
    }
}

/// How many places after `start` are looked at one by one.
#[inline(always)]
fn row(start: usize, mask: usize) -> usize {
    if start + LINEAR <= mask { LINEAR } else { 0 }
}

impl SetTable {
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.used
    }

    #[inline(always)]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    #[inline(always)]
    pub fn mask(&self) -> usize {
        self.slots().len() - 1
    }

    pub fn fill(&self) -> usize {
        self.fill
    }

    #[inline(always)]
    pub fn slots(&self) -> &[Slot] {
        if self.large.is_empty() {
            &*self.small
        } else {
            &self.large
        }
    }

    #[inline(always)]
    fn slots_mut(&mut self) -> &mut [Slot] {
        if self.large.is_empty() {
            &mut *self.small
        } else {
            &mut self.large
        }
    }

    #[inline(always)]
    pub fn probe(&self, hash: i64) -> Probe {
        Probe::new(hash, self.mask())
    }

    /// Goes on with a search. Identical elements and equal exact strings are found without asking.
    #[inline]
    pub fn search(&self, probe: &mut Probe, key: &Value, hash: i64, vm: &Vm) -> Found {
        search(self.slots(), probe, key, hash, vm)
    }

    /// Whether an element is there; None where a comparison would have to be asked.
    #[inline]
    pub fn has(&self, key: &Value, hash: i64, vm: &Vm) -> Option<bool> {
        has(self.slots(), key, hash, vm)
    }

    /// Where an element of that hash goes which is known to be absent, in a table without marks.
    #[inline]
    pub fn free_place(&self, hash: i64) -> usize {
        free_place(self.slots(), hash)
    }

    pub fn key_at(&self, at: usize) -> Option<Value> {
        self.slots().get(at).and_then(|s| s.key.clone())
    }

    /// The first element at or after place `*position`, which then stands behind it.
    #[inline]
    pub fn next(&self, position: &mut usize) -> Option<(Value, i64)> {
        while let Some(slot) = self.slots().get(*position) {
            *position += 1;
            if let Some(key) = &slot.key {
                return Some((key.clone(), slot.hash));
            }
        }
        None
    }

    /// As [`SetTable::next`], the element alone.
    #[inline]
    pub fn next_key(&self, position: &mut usize) -> Option<Value> {
        let mut at = *position;
        let rest = self.slots().get(at..)?;
        for slot in rest {
            at += 1;
            if let Some(key) = &slot.key {
                *position = at;
                return Some(key.clone());
            }
        }
        *position = at;
        None
    }

    /// Puts an absent element where a search of this very table ended.
    #[inline]
    pub fn insert(&mut self, at: usize, key: Value, hash: i64) -> Result<(), AllocError> {
        self.changes = self.changes.wrapping_add(1);
        let slots = self.slots_mut();
        let mask = slots.len() - 1;
        if let Some(slot) = slots.get_mut(at) {
            let again = slot.hash == REMOVED;
            slot.hash = hash;
            debug_assert!(slot.key.is_none());
            // The place is unused: there is nothing to drop.
            std::mem::forget(slot.key.replace(key));
            self.used += 1;
            if again {
                return Ok(());
            }
            self.fill += 1;
        }
        if self.fill * 5 < mask * 3 {
            return Ok(());
        }
        self.grow()
    }

    #[inline(never)]
    fn grow(&mut self) -> Result<(), AllocError> {
        self.resize(growth(self.used))
    }

    /// Puts an element in, unless there is an equal one. None where a comparison would have to be asked.
    #[inline]
    pub fn put(&mut self, key: &Value, hash: i64, vm: &Vm) -> Option<Result<(), AllocError>> {
        let slots = self.slots_mut();
        let mask = slots.len() - 1;
        let mut probe = Probe::new(hash, mask);
        // The first place is free most often.
        if let Some(slot) = slots.get_mut(hash as usize & mask)
            && slot.key.is_none()
            && slot.hash == UNUSED
        {
            slot.hash = hash;
            std::mem::forget(slot.key.replace(key.clone()));
            return Some(self.added(mask));
        }
        loop {
            let slot = slots.get_mut(probe.at)?;
            match &slot.key {
                None if slot.hash == UNUSED => {
                    if let Some(at) = probe.removed {
                        return Some(self.insert(at, key.clone(), hash));
                    }
                    slot.hash = hash;
                    // There was nothing to drop.
                    std::mem::forget(slot.key.replace(key.clone()));
                    break;
                }
                None => probe.removed = Some(probe.at),
                Some(candidate) if slot.hash == hash => {
                    if candidate.is(key) {
                        return Some(Ok(()));
                    }
                    if !(candidate.is_small_int() && key.is_small_int())
                        && quick_eq(vm, candidate, key)?
                    {
                        return Some(Ok(()));
                    }
                }
                _ => {}
            }
            probe.step(mask);
        }
        Some(self.added(mask))
    }

    /// Counts an element that was put into an unused place.
    #[inline(always)]
    fn added(&mut self, mask: usize) -> Result<(), AllocError> {
        self.changes = self.changes.wrapping_add(1);
        self.fill += 1;
        self.used += 1;
        if self.fill * 5 < mask * 3 {
            return Ok(());
        }
        self.grow()
    }

    /// Takes the element at a place out.
    pub fn remove(&mut self, at: usize) -> Option<Value> {
        let slot = self.slots_mut().get_mut(at)?;
        let key = slot.key.take()?;
        slot.hash = REMOVED;
        self.used -= 1;
        self.changes = self.changes.wrapping_add(1);
        Some(key)
    }

    /// Takes some element out.
    pub fn pop(&mut self) -> Option<Value> {
        if self.used == 0 {
            return None;
        }
        let mask = self.mask();
        let mut at = self.finger & mask;
        while self.slots().get(at).is_none_or(|s| s.key.is_none()) {
            at = (at + 1) & mask
        }
        self.finger = at + 1;
        self.remove(at)
    }

    /// A new array of more than `target` places, without marks.
    pub fn resize(&mut self, target: usize) -> Result<(), AllocError> {
        let size = target.max(SMALLEST - 1).checked_add(1);
        let size = size
            .and_then(usize::checked_next_power_of_two)
            .ok_or(AllocError)?;
        if size <= SMALLEST {
            let mut small: [Slot; SMALLEST] = Default::default();
            for slot in self.slots_mut() {
                if let Some(key) = slot.key.take() {
                    place_clean(&mut small, key, slot.hash)
                }
            }
            forget_places(&mut self.large);
            *self.small = small;
            self.large = Vec::new();
        } else {
            let mut large = empty_slots(size)?;
            for slot in self.slots() {
                if let Some(key) = &slot.key {
                    // SAFETY: the element moves; the old array is forgotten or cleared.
                    place_clean(&mut large, unsafe { std::ptr::read(key) }, slot.hash)
                }
            }
            if self.large.is_empty() {
                std::mem::forget(std::mem::take(&mut *self.small));
            }
            forget_places(&mut self.large);
            self.large = large;
        }
        self.fill = self.used;
        self.changes = self.changes.wrapping_add(1);
        Ok(())
    }

    /// Makes room for `more` elements that are about to be merged in.
    pub fn reserve_merge(&mut self, more: usize) -> Result<(), AllocError> {
        if (self.fill + more) * 5 >= self.mask() * 3 {
            self.resize((self.used + more) * 2)?
        }
        Ok(())
    }

    /// Drops the marks where they are more than a quarter of the places.
    pub fn tidy(&mut self) -> Result<(), AllocError> {
        if self.fill - self.used <= self.mask() / 4 {
            return Ok(());
        }
        self.resize(growth(self.used))
    }

    /// For a table that is still empty: takes over copies of all elements of another.
    pub fn copy_from(&mut self, other: &SetTable) -> Result<(), AllocError> {
        self.changes = self.changes.wrapping_add(1);
        let others = other.slots();
        let size = match (self.fill + other.used) * 5 < self.mask() * 3 {
            true => self.mask() + 1,
            false => (other.used * 2 + 1).next_power_of_two().max(SMALLEST),
        };
        if size == others.len() && other.fill == other.used {
            if size <= SMALLEST && self.large.is_empty() {
                for (slot, old) in self.small.iter_mut().zip(others) {
                    slot.hash = old.hash;
                    std::mem::forget(std::mem::replace(&mut slot.key, old.key.clone()));
                }
            } else {
                let mut slots = Vec::new();
                slots.try_reserve_exact(size).map_err(|_| AllocError)?;
                slots.extend(others.iter().map(Slot::copy));
                self.large = slots;
            }
        } else {
            self.reserve_merge(other.used)?;
            let slots = self.slots_mut();
            for slot in others {
                if let Some(key) = &slot.key {
                    place_clean(slots, key.clone(), slot.hash)
                }
            }
        }
        self.fill = other.used;
        self.used = other.used;
        Ok(())
    }

    /// For a new table: takes over copies of the elements of another one in those places, as if they were added one by
    /// one. `home`: all of them stand in the first place of their search.
    pub fn copy_part(
        &mut self,
        other: &SetTable,
        kept: &Places,
        home: bool,
    ) -> Result<(), AllocError> {
        let (count, others) = (kept.count(), other.slots());
        let size = places_for(count);
        if size > SMALLEST && size == others.len() && home {
            // Where every element has its first place, there is but one order, whichever came first.
            let mut slots = Vec::new();
            slots.try_reserve_exact(size).map_err(|_| AllocError)?;
            slots.extend(others.iter().enumerate().map(|(at, slot)| {
                match kept.0[at / 64 % 4] >> (at % 64) & 1 {
                    0 => Slot::default(),
                    _ => slot.copy(),
                }
            }));
            self.large = slots;
        } else {
            let mut large = Vec::new();
            let slots = if size > SMALLEST {
                large = empty_slots(size)?;
                &mut large[..]
            } else {
                &mut *self.small
            };
            let mask = size - 1;
            let mut alone = true;
            kept.each(|at| {
                if let Some(Slot {
                    hash,
                    key: Some(key),
                }) = others.get(at)
                {
                    if let Some(place) = slots.get_mut(*hash as usize & mask)
                        && place.key.is_none()
                    {
                        place.hash = *hash;
                        std::mem::forget(place.key.replace(key.clone()));
                    } else if size <= SMALLEST {
                        place_clean(slots, key.clone(), *hash)
                    } else {
                        alone = false
                    }
                }
            });
            if !alone {
                drop(large);
                let mut result = Ok(());
                kept.each(|at| {
                    if let Some(Slot {
                        hash,
                        key: Some(key),
                    }) = others.get(at)
                        && result.is_ok()
                    {
                        result = self.insert(self.free_place(*hash), key.clone(), *hash)
                    }
                });
                return result;
            }
            self.large = large;
        }
        self.changes = self.changes.wrapping_add(1);
        (self.fill, self.used) = (count, count);
        Ok(())
    }

    /// For a table that takes the place of `old` in the same set: interrupted searches must notice.
    pub fn carry_changes(&mut self, old: &SetTable) {
        self.changes = old.changes.wrapping_add(1)
    }
}

/// See [`SetTable::search`].
#[inline]
fn search(slots: &[Slot], probe: &mut Probe, key: &Value, hash: i64, vm: &Vm) -> Found {
    let mask = slots.len() - 1;
    loop {
        let at = probe.at;
        let Some(slot) = slots.get(at) else {
            return Found::Absent(at);
        };
        if slot.hash == hash {
            match &slot.key {
                // No element is removed with this hash, which is no element's.
                None => return Found::Absent(probe.removed.unwrap_or(at)),
                Some(candidate) => {
                    if candidate.is(key) {
                        return Found::At(at);
                    }
                    if !(candidate.is_small_int() && key.is_small_int()) {
                        match quick_eq(vm, candidate, key) {
                            Some(true) => return Found::At(at),
                            Some(false) => {}
                            None => {
                                probe.step(mask);
                                return Found::Ask(at);
                            }
                        }
                    }
                }
            }
        } else if slot.key.is_none() {
            if slot.hash == UNUSED {
                return Found::Absent(probe.removed.unwrap_or(at));
            }
            probe.removed = Some(at);
        }
        probe.step(mask);
    }
}

/// Whether an element is in this array; None where a comparison would have to be asked.
#[inline(always)]
pub fn has(slots: &[Slot], key: &Value, hash: i64, vm: &Vm) -> Option<bool> {
    // The first place decides most often.
    if let Some(slot) = slots.get(hash as usize & (slots.len() - 1)) {
        match &slot.key {
            Some(candidate) if candidate.is(key) => return Some(true),
            None if slot.hash == UNUSED => return Some(false),
            _ => {}
        }
    }
    has_elsewhere(slots, key, hash, vm)
}

#[inline(never)]
fn has_elsewhere(slots: &[Slot], key: &Value, hash: i64, vm: &Vm) -> Option<bool> {
    let mask = slots.len() - 1;
    let mut start = hash as usize & mask;
    let mut perturb = hash as u64;
    loop {
        for slot in slots.get(start..=start + row(start, mask))? {
            match &slot.key {
                None if slot.hash == UNUSED => return Some(false),
                None => {}
                Some(candidate) if candidate.is(key) => return Some(true),
                Some(candidate)
                    if slot.hash == hash
                        && !(candidate.is_small_int() && key.is_small_int())
                        && quick_eq(vm, candidate, key)? =>
                {
                    return Some(true);
                }
                Some(_) => {}
            }
        }
        perturb >>= 5;
        start = start
            .wrapping_mul(5)
            .wrapping_add(1)
            .wrapping_add(perturb as usize)
            & mask;
    }
}

/// Places of a table, which has at most [`Places::MOST`].
pub struct Places([u64; 4]);

impl Places {
    pub const MOST: usize = 256;

    pub fn none() -> Places {
        Places([0; 4])
    }

    #[inline(always)]
    pub fn add(&mut self, at: usize) {
        self.0[at / 64 % 4] |= 1 << (at % 64)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize)) {
        for (i, word) in self.0.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                f(i * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}

/// How many places a table has after so many elements were added one by one.
fn places_for(elements: usize) -> usize {
    let mut places = SMALLEST;
    loop {
        let full = ((places - 1) * 3).div_ceil(5);
        if elements < full {
            return places;
        }
        places = (growth(full) + 1).next_power_of_two();
    }
}

/// More places than this are wanted by a full table with that many elements.
#[inline]
fn growth(used: usize) -> usize {
    if used > 50000 { used * 2 } else { used * 4 }
}

fn empty_slots(size: usize) -> Result<Vec<Slot>, AllocError> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(size).map_err(|_| AllocError)?;
    slots.resize_with(size, || Slot {
        hash: UNUSED,
        key: None,
    });
    Ok(slots)
}

/// The first unused place for an element of that hash, in an array without marks.
#[inline(always)]
fn free_place(slots: &[Slot], hash: i64) -> usize {
    let mask = slots.len() - 1;
    let first = hash as usize & mask;
    if slots.get(first).is_some_and(|slot| slot.key.is_none()) {
        return first;
    }
    let mut probe = Probe::new(hash, mask);
    while slots.get(probe.at).is_some_and(|slot| slot.key.is_some()) {
        probe.step(mask);
    }
    probe.at
}

/// Puts an element into an array that has no equal one and no marks.
#[inline]
fn place_clean(slots: &mut [Slot], key: Value, hash: i64) {
    let at = free_place(slots, hash);
    if let Some(slot) = slots.get_mut(at) {
        slot.hash = hash;
        // The place is unused: there is nothing to drop.
        std::mem::forget(slot.key.replace(key));
    }
}
