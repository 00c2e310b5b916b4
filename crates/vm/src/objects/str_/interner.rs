//! The table of interned strings of one interpreter.
//!
//! Interned strings made from source code live as long as the interpreter; the table owns a reference to each. An
//! exact `str` is interned in place (`sys.intern` gives back the same object the first time).

use super::{INTERNED, Str, count_chars};
use hashbrown::HashTable;
use naja_heap::{Heap, Ref, TypeLayout};
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// All interned strings, found by text.
pub struct Interner {
    table: HashTable<Ref<Str>>,
    heap: *const Heap,
    str_layout: *const TypeLayout,
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish()
}

impl Interner {
    /// How many strings are interned.
    pub fn count(&self) -> usize {
        self.table.len()
    }

    /// For an interpreter's start: `str_layout` is the layout of its type `str`. Both must outlive the interner.
    pub(crate) fn new(heap: &Heap, str_layout: &TypeLayout) -> Interner {
        Interner {
            // Somewhat more than a start needs, and just what a table of 4096 places takes.
            table: HashTable::with_capacity(3500),
            heap,
            str_layout,
        }
    }

    /// The interned string of this text.
    pub fn intern(&mut self, text: &str) -> Ref<Str> {
        self.intern_wtf8(text.as_bytes())
    }

    pub fn intern_wtf8(&mut self, text: &[u8]) -> Ref<Str> {
        let hash = hash(text);
        if let Some(found) = self.find_hashed(text, hash) {
            return found;
        }
        // SAFETY: heap and type outlive the interner, by contract of `new`.
        let (heap, layout) = unsafe { (&*self.heap, &*self.str_layout) };
        let new = match Str::for_interner(heap, layout, text, count_chars(text)) {
            Some(new) => new,
            None => std::alloc::handle_alloc_error(std::alloc::Layout::new::<Str>()),
        };
        self.insert(new.clone(), hash);
        new
    }

    /// The interned string equal to `string`: `string` itself if none is there yet. Strings of subclasses are copied.
    pub fn intern_ref(&mut self, string: &Ref<Str>) -> Ref<Str> {
        if string.header().has_flag(INTERNED) {
            return string.clone();
        }
        let hash = hash(string.as_bytes());
        if let Some(found) = self.find_hashed(string.as_bytes(), hash) {
            return found;
        }
        if !std::ptr::eq(string.header().layout_ptr(), self.str_layout) {
            return self.intern_wtf8(string.as_bytes());
        }
        self.insert(string.clone(), hash);
        string.clone()
    }

    /// The interned string of this text, if there is one.
    pub fn find(&self, text: &[u8]) -> Option<Ref<Str>> {
        self.find_hashed(text, hash(text))
    }

    #[inline]
    fn find_hashed(&self, text: &[u8], hash: u64) -> Option<Ref<Str>> {
        self.table.find(hash, |s| s.as_bytes() == text).cloned()
    }

    fn insert(&mut self, string: Ref<Str>, of_text: u64) {
        string.header().set_flag(INTERNED, true);
        self.table
            .insert_unique(of_text, string, |s| hash(s.as_bytes()));
    }
}
