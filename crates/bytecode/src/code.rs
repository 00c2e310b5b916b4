//! Code objects and constants as plain data, independent of any heap.
//!
//! A [`Code`] carries every field of CPython's code object. `code` holds 16-bit units (instruction, argument), inline
//! caches zeroed, nothing specialised. Local variables, cells and free variables share one numbering ("localsplus"):
//! `localsplusnames[i]` has the kinds `localspluskinds[i]`; arguments come first, pure cells after the locals, free
//! variables last. CPython: `Include/cpython/code.h`, `Objects/codeobject.c`.

use std::fmt;
use std::sync::Arc;

use dashu_int::IBig;

/// Text that may hold lone surrogates, as WTF-8 (UTF-8 with surrogates as three bytes).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Box<[u8]>);

impl Text {
    /// Wraps bytes that are known to be WTF-8.
    pub fn from_wtf8(bytes: impl Into<Box<[u8]>>) -> Text {
        Text(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it has no lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text with lone surrogates replaced.
    pub fn to_string_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Number of code points.
    pub fn len_chars(&self) -> usize {
        self.0.iter().filter(|b| **b & 0xc0 != 0x80).count()
    }

    /// The code points, surrogates included. Damaged sequences end the iteration early rather than panic.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (&first, tail) = rest.split_first()?;
            let (extra, mut value) = match first {
                0..0x80 => (0, u32::from(first)),
                0x80..0xe0 => (1, u32::from(first) & 0x1f),
                0xe0..0xf0 => (2, u32::from(first) & 0xf),
                _ => (3, u32::from(first) & 7),
            };
            for byte in tail.get(..extra)? {
                value = value << 6 | u32::from(byte & 0x3f);
            }
            rest = &tail[extra..];
            Some(value)
        })
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into_bytes().into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

/// A constant of a code object.
#[derive(Clone, Debug)]
pub enum Const {
    /// `None`
    None,
    /// `True`
    True,
    /// `False`
    False,
    /// `...`
    Ellipsis,
    /// An integer of 64 bits.
    Int(i64),
    /// An integer that does not fit [`Const::Int`].
    BigInt(Arc<IBig>),
    /// A float.
    Float(f64),
    /// A complex number: real and imaginary part.
    Complex(f64, f64),
    /// A string.
    Str(Text),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A tuple.
    Tuple(Arc<[Const]>),
    /// A frozenset; the elements are distinct, in order of insertion.
    FrozenSet(Arc<[Const]>),
    /// A slice: start, stop, step.
    Slice(Arc<[Const; 3]>),
    /// The code of a function, class or comprehension.
    Code(Arc<Code>),
}

impl Const {
    /// An integer in its canonical form.
    pub fn int(value: IBig) -> Const {
        match i64::try_from(&value) {
            Ok(small) => Const::Int(small),
            Err(_) => Const::BigInt(Arc::new(value)),
        }
    }

    /// A string.
    pub fn str(text: &str) -> Const {
        Const::Str(text.into())
    }

    /// A bool.
    pub fn bool(value: bool) -> Const {
        if value { Const::True } else { Const::False }
    }

    /// A tuple.
    pub fn tuple(items: Vec<Const>) -> Const {
        Const::Tuple(items.into())
    }
}

/// Bits of `co_flags`.
pub mod flags {
    /// Locals live in fast slots.
    pub const OPTIMIZED: u32 = 0x1;
    /// A new locals namespace per call.
    pub const NEWLOCALS: u32 = 0x2;
    /// Has `*args`.
    pub const VARARGS: u32 = 0x4;
    /// Has `**kwargs`.
    pub const VARKEYWORDS: u32 = 0x8;
    /// Nested in another function.
    pub const NESTED: u32 = 0x10;
    /// A generator function.
    pub const GENERATOR: u32 = 0x20;
    /// A coroutine function.
    pub const COROUTINE: u32 = 0x80;
    /// A generator marked by `types.coroutine`.
    pub const ITERABLE_COROUTINE: u32 = 0x100;
    /// An asynchronous generator function.
    pub const ASYNC_GENERATOR: u32 = 0x200;
    /// `from __future__ import division`
    pub const FUTURE_DIVISION: u32 = 0x20000;
    /// `from __future__ import absolute_import`
    pub const FUTURE_ABSOLUTE_IMPORT: u32 = 0x40000;
    /// `from __future__ import with_statement`
    pub const FUTURE_WITH_STATEMENT: u32 = 0x80000;
    /// `from __future__ import print_function`
    pub const FUTURE_PRINT_FUNCTION: u32 = 0x100000;
    /// `from __future__ import unicode_literals`
    pub const FUTURE_UNICODE_LITERALS: u32 = 0x200000;
    /// `from __future__ import barry_as_FLUFL`
    pub const FUTURE_BARRY_AS_BDFL: u32 = 0x400000;
    /// `from __future__ import generator_stop`
    pub const FUTURE_GENERATOR_STOP: u32 = 0x800000;
    /// `from __future__ import annotations`
    pub const FUTURE_ANNOTATIONS: u32 = 0x1000000;
    /// No monitoring events for this code.
    pub const NO_MONITORING_EVENTS: u32 = 0x2000000;
    /// The first constant is the docstring.
    pub const HAS_DOCSTRING: u32 = 0x4000000;
    /// A function defined in a class body.
    pub const METHOD: u32 = 0x8000000;
    /// All `__future__` bits.
    pub const FUTURE_MASK: u32 = FUTURE_DIVISION
        | FUTURE_ABSOLUTE_IMPORT
        | FUTURE_WITH_STATEMENT
        | FUTURE_PRINT_FUNCTION
        | FUTURE_UNICODE_LITERALS
        | FUTURE_BARRY_AS_BDFL
        | FUTURE_GENERATOR_STOP
        | FUTURE_ANNOTATIONS;
}

/// Bits of `localspluskinds`.
pub mod kind {
    /// Can be passed by position.
    pub const ARG_POS: u8 = 0x02;
    /// Can be passed by keyword.
    pub const ARG_KW: u8 = 0x04;
    /// `*args` or `**kwargs`.
    pub const ARG_VAR: u8 = 0x08;
    /// Any kind of argument.
    pub const ARG: u8 = ARG_POS | ARG_KW | ARG_VAR;
    /// A name of an inlined comprehension, hidden from `locals()`.
    pub const HIDDEN: u8 = 0x10;
    /// A local variable.
    pub const LOCAL: u8 = 0x20;
    /// A cell variable.
    pub const CELL: u8 = 0x40;
    /// A free variable.
    pub const FREE: u8 = 0x80;
}

/// A code object.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Positional parameters (positional-only ones included), without defaults counted apart.
    pub argcount: u32,
    /// Positional-only parameters.
    pub posonlyargcount: u32,
    /// Keyword-only parameters.
    pub kwonlyargcount: u32,
    /// Stack slots the code needs.
    pub stacksize: u32,
    /// `co_flags`.
    pub flags: u32,
    /// Two bytes per unit: instruction and argument; caches are zero.
    pub code: Vec<u8>,
    /// `co_consts`.
    pub consts: Vec<Const>,
    /// `co_names`.
    pub names: Vec<Text>,
    /// Names of locals, cells and free variables in slot order.
    pub localsplusnames: Vec<Text>,
    /// Kind bits of each of them.
    pub localspluskinds: Vec<u8>,
    /// `co_filename`.
    pub filename: Text,
    /// `co_name`.
    pub name: Text,
    /// `co_qualname`.
    pub qualname: Text,
    /// `co_firstlineno`.
    pub firstlineno: i32,
    /// `co_linetable`.
    pub linetable: Vec<u8>,
    /// `co_exceptiontable`.
    pub exceptiontable: Vec<u8>,
}

impl Code {
    fn names_of(&self, bits: u8) -> impl Iterator<Item = &Text> {
        let kinds = self.localspluskinds.iter();
        self.localsplusnames
            .iter()
            .zip(kinds)
            .filter(move |(_, k)| **k & bits != 0)
            .map(|(n, _)| n)
    }

    /// `co_varnames`.
    pub fn varnames(&self) -> impl Iterator<Item = &Text> {
        self.names_of(kind::LOCAL)
    }

    /// `co_cellvars`.
    pub fn cellvars(&self) -> impl Iterator<Item = &Text> {
        self.names_of(kind::CELL)
    }

    /// `co_freevars`.
    pub fn freevars(&self) -> impl Iterator<Item = &Text> {
        self.names_of(kind::FREE)
    }

    /// `co_nlocals`.
    pub fn nlocals(&self) -> usize {
        self.varnames().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_code_points() {
        let text = Text::from_wtf8(*b"a\xed\xa0\x80\xf0\x9f\x98\x80\xc3\xa9");
        assert_eq!(
            text.code_points().collect::<Vec<_>>(),
            [0x61, 0xd800, 0x1f600, 0xe9]
        );
        assert_eq!(text.len_chars(), 4);
        assert_eq!(text.as_str(), None);
        assert_eq!(Text::from_wtf8(*b"\xf0\x9f").code_points().count(), 0);
    }
}
