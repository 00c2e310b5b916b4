//! The memos: which objects a pickler has seen, and what an unpickler has put aside.
//!
//! [`Memo`] finds objects by identity: an open-addressed table of (word of the value, place in the list of objects). The
//! list keeps the objects alive, so that no address can come back for another object (None, which no memo holds, stands for
//! a number without an object). [`Shelf`] is a row of values by
//! number; numbers far beyond its end, which only a hostile pickle has, go to a map, so that they cost no memory.
//!
//! CPython: PyMemoTable and `_Unpickler_Memo*` in Modules/_pickle.c.

use naja_heap::Value;
use rustc_hash::FxHashMap;

/// Objects by identity, each with its number.
#[derive(Clone, Default)]
pub struct Memo {
    /// (word of the value, 1 + place in `objects`); place 0 is a free slot.
    slots: Vec<(u64, u32)>,
    objects: Vec<(Value, usize)>,
}

impl Memo {
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// The objects with their numbers, in order of insertion.
    pub fn entries(&self) -> &[(Value, usize)] {
        &self.objects
    }

    #[inline(always)]
    fn start(&self, word: u64) -> usize {
        // Addresses differ in the bits above the low four; multiplying spreads them to the top.
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.slots.len() - 1)
    }

    /// The number of a value.
    #[inline]
    pub fn get(&self, value: &Value) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let word = value.bits();
        let mask = self.slots.len() - 1;
        let mut at = self.start(word);
        loop {
            let (key, place) = self.slots[at];
            if place == 0 {
                return None;
            }
            if key == word {
                return self.objects.get(place as usize - 1).map(|(_, n)| *n);
            }
            at = (at + 1) & mask;
        }
    }

    /// Gives a value a number.
    #[inline]
    pub fn set(&mut self, value: &Value, number: usize) {
        if self.slots.len() * 2 <= (self.objects.len() + 1) * 3 {
            self.grow()
        }
        let word = value.bits();
        let mask = self.slots.len() - 1;
        let mut at = self.start(word);
        loop {
            let (key, place) = self.slots[at];
            if place == 0 {
                break;
            }
            if key == word {
                if let Some(entry) = self.objects.get_mut(place as usize - 1) {
                    entry.1 = number
                }
                return;
            }
            at = (at + 1) & mask;
        }
        self.objects.push((value.clone(), number));
        self.slots[at] = (word, self.objects.len() as u32);
    }

    /// Uses a number up for an object that nothing else can refer to.
    #[inline]
    pub fn skip(&mut self) {
        let number = self.objects.len();
        self.objects.push((Value::NONE, number));
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(32);
        self.slots.clear();
        self.slots.resize(size, (0, 0));
        for (place, (value, _)) in self.objects.iter().enumerate() {
            if value.is_none() {
                continue;
            }
            let word = value.bits();
            let mut at = self.start(word);
            while self.slots[at].1 != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = (word, place as u32 + 1);
        }
    }
}

/// Values by number.
#[derive(Clone, Default)]
pub struct Shelf {
    row: Vec<Option<Value>>,
    far: FxHashMap<usize, Value>,
    /// How many values there are.
    count: usize,
}

impl Shelf {
    #[inline]
    pub fn get(&self, number: usize) -> Option<Value> {
        match self.row.get(number) {
            Some(Some(value)) => Some(value.clone()),
            _ => self.far.get(&number).cloned(),
        }
    }

    /// Puts a value at the next number.
    #[inline]
    pub fn push(&mut self, value: Value) {
        if self.count == self.row.len() {
            self.row.push(Some(value));
            self.count += 1;
        } else {
            let number = self.count;
            drop(self.set(number, value));
        }
    }

    /// Puts a value at a number, and gives what was there.
    pub fn set(&mut self, number: usize, value: Value) -> Option<Value> {
        let old = if number < self.row.len() * 2 + 4096 {
            if self.row.len() <= number {
                self.row.resize(number + 1, None)
            }
            let before = self.far.remove(&number);
            self.row[number].replace(value).or(before)
        } else {
            self.far.insert(number, value)
        };
        self.count += usize::from(old.is_none());
        old
    }

    /// All values with their numbers.
    pub fn entries(&self) -> Vec<(usize, Value)> {
        let near = self.row.iter().enumerate();
        let near = near.filter_map(|(n, value)| Some((n, value.clone()?)));
        let far = self.far.iter().map(|(n, value)| (*n, value.clone()));
        near.chain(far).collect()
    }

    /// How many numbers have a place.
    pub fn capacity(&self) -> usize {
        self.row.capacity() + self.far.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memo_finds_what_was_set() {
        let mut memo = Memo::default();
        assert_eq!(memo.get(&Value::small_int(0)), None);
        for n in 0..1000 {
            memo.set(&Value::small_int(n), n as usize * 2);
        }
        assert_eq!(memo.len(), 1000);
        assert!((0..1000).all(|n| memo.get(&Value::small_int(n)) == Some(n as usize * 2)));
        assert_eq!(memo.get(&Value::small_int(1000)), None);
        memo.set(&Value::small_int(7), 1);
        assert_eq!(
            (memo.len(), memo.get(&Value::small_int(7))),
            (1000, Some(1))
        );
    }

    #[test]
    fn far_numbers_cost_nothing() {
        let mut shelf = Shelf::default();
        shelf.push(Value::small_int(0));
        assert!(shelf.set(usize::MAX, Value::small_int(1)).is_none());
        assert!(shelf.set(3, Value::small_int(3)).is_none());
        assert_eq!(shelf.count, 3);
        shelf.push(Value::small_int(4)); // number 3 again: the count decides
        assert_eq!(shelf.count, 3);
        assert_eq!(
            shelf.get(usize::MAX).and_then(|v| v.as_small_int()),
            Some(1)
        );
        assert!(shelf.get(2).is_none());
        assert!(shelf.capacity() < 10_000);
    }
}
