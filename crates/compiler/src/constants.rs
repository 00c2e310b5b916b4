//! When two constants are the same constant: CPython's merge keys.
//!
//! Equality in Python is too coarse for `co_consts` (`1 == 1.0 == True`, `0.0 == -0.0`), so constants are told apart by
//! a key of type and value. NaNs are never the same. [`ConstTable`] numbers constants in order of first
//! use. CPython: `_PyCode_ConstantKey` in `Objects/codeobject.c`, `merge_consts_recursive` in `Python/compile.c`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashu_int::IBig;
use naja_bytecode::code::{Code, Const, Text};
use rustc_hash::FxHashMap;

/// The identity of a constant: equal keys, same slot in `co_consts`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ConstKey {
    /// `None`
    None,
    /// `False`, `True`
    Bool(bool),
    /// `...`
    Ellipsis,
    /// A small integer.
    Int(i64),
    /// A large integer.
    BigInt(Arc<IBig>),
    /// A float's bits, so that zeros keep their sign.
    Float(u64),
    /// Both parts' bits.
    Complex(u64, u64),
    /// A string.
    Str(Text),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A tuple of keys.
    Tuple(Vec<ConstKey>),
    /// A set of keys.
    FrozenSet(BTreeSet<ConstKey>),
    /// Start, stop, step.
    Slice(Vec<ConstKey>),
    /// A code object.
    Code(CodeKey),
    /// A NaN, equal to no other.
    Unique(u64),
}

fn unique() -> ConstKey {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    ConstKey::Unique(NEXT.fetch_add(1, Ordering::Relaxed))
}

impl ConstKey {
    /// The key of a constant.
    pub fn of(value: &Const) -> ConstKey {
        match value {
            Const::None => ConstKey::None,
            Const::True => ConstKey::Bool(true),
            Const::False => ConstKey::Bool(false),
            Const::Ellipsis => ConstKey::Ellipsis,
            Const::Int(i) => ConstKey::Int(*i),
            Const::BigInt(i) => ConstKey::BigInt(i.clone()),
            Const::Float(f) if f.is_nan() => unique(),
            Const::Float(f) => ConstKey::Float(f.to_bits()),
            Const::Complex(re, im) if re.is_nan() || im.is_nan() => unique(),
            Const::Complex(re, im) => ConstKey::Complex(re.to_bits(), im.to_bits()),
            Const::Str(s) => ConstKey::Str(s.clone()),
            Const::Bytes(b) => ConstKey::Bytes(b.clone()),
            Const::Tuple(items) => ConstKey::Tuple(items.iter().map(ConstKey::of).collect()),
            Const::FrozenSet(items) => {
                ConstKey::FrozenSet(items.iter().map(ConstKey::of).collect())
            }
            Const::Slice(parts) => ConstKey::Slice(parts.iter().map(ConstKey::of).collect()),
            Const::Code(code) => ConstKey::Code(CodeKey(code.clone())),
        }
    }
}

/// A code object that equals another as in Python: same name, first line, parameters, instructions, constants, variables
/// and tables, be the qualified name what it may. CPython: `code_richcompare` in `Objects/codeobject.c`.
#[derive(Clone, Debug)]
pub struct CodeKey(Arc<Code>);

impl PartialEq for CodeKey {
    fn eq(&self, other: &CodeKey) -> bool {
        let (a, b) = (&*self.0, &*other.0);
        let counts = |code: &Code| {
            (
                code.argcount,
                code.posonlyargcount,
                code.kwonlyargcount,
                code.flags,
            )
        };
        std::ptr::eq(a, b)
            || (a.firstlineno == b.firstlineno
                && counts(a) == counts(b)
                && a.name == b.name
                && a.code == b.code
                && a.names == b.names
                && a.localsplusnames == b.localsplusnames
                && a.linetable == b.linetable
                && a.exceptiontable == b.exceptiontable
                && a.consts.len() == b.consts.len()
                && a.consts
                    .iter()
                    .map(ConstKey::of)
                    .eq(b.consts.iter().map(ConstKey::of)))
    }
}

impl Eq for CodeKey {}

impl std::hash::Hash for CodeKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
        self.0.firstlineno.hash(state);
        self.0.code.hash(state);
    }
}

impl PartialOrd for CodeKey {
    fn partial_cmp(&self, other: &CodeKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CodeKey {
    fn cmp(&self, other: &CodeKey) -> std::cmp::Ordering {
        if self == other {
            return std::cmp::Ordering::Equal;
        }
        Arc::as_ptr(&self.0).cmp(&Arc::as_ptr(&other.0))
    }
}

/// Constants numbered in order of first use.
#[derive(Default, Debug)]
pub struct ConstTable {
    items: Vec<Const>,
    index: FxHashMap<ConstKey, usize>,
}

impl ConstTable {
    /// An empty table.
    pub fn new() -> ConstTable {
        ConstTable::default()
    }

    /// A table that starts with the given constants, in their order.
    pub fn from_items(items: Vec<Const>) -> ConstTable {
        let mut index = FxHashMap::default();
        for (i, item) in items.iter().enumerate() {
            index.entry(ConstKey::of(item)).or_insert(i);
        }
        ConstTable { items, index }
    }

    /// The number of a constant, adding it if it is new.
    pub fn add(&mut self, value: Const) -> usize {
        let next = self.items.len();
        let index = *self.index.entry(ConstKey::of(&value)).or_insert(next);
        if index == next {
            self.items.push(value);
        }
        index
    }

    /// The constant with a number.
    pub fn get(&self, index: usize) -> Option<&Const> {
        self.items.get(index)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The constants in order.
    pub fn into_items(self) -> Vec<Const> {
        self.items
    }

    /// The constants in order.
    pub fn items(&self) -> &[Const] {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_types_and_signs_apart() {
        let mut table = ConstTable::new();
        let all = [
            Const::Int(1),
            Const::True,
            Const::Float(1.0),
            Const::Complex(1.0, 0.0),
            Const::Float(0.0),
            Const::Float(-0.0),
            Const::Complex(0.0, -0.0),
            Const::str("a"),
            Const::Bytes(b"a".as_slice().into()),
            Const::tuple(vec![Const::Int(0)]),
            Const::tuple(vec![Const::Float(0.0)]),
        ];
        for (i, value) in all.iter().enumerate() {
            assert_eq!(table.add(value.clone()), i);
        }
        for (i, value) in all.iter().enumerate() {
            assert_eq!(table.add(value.clone()), i);
        }
        assert_eq!(table.add(Const::Float(f64::NAN)), 11);
        assert_eq!(table.add(Const::Float(f64::NAN)), 12);
    }
}
