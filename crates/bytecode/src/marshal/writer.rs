//! Writing: type codes, numbers and strings, and back references for values that occurred before.
//!
//! The [`Writer`]'s primitives know nothing of values, so the `marshal` module can use them for objects; [`Writer::value`]
//! stores a [`Const`]. Constants have no identity here: equal ones (same type, same sign of zero) are stored once.
//! CPython: the `w_*` functions of `Python/marshal.c`.

use std::collections::HashMap;
use std::sync::Arc;

use dashu_int::ops::UnsignedAbs;
use dashu_int::{IBig, Sign};

use super::{Error, MAX_DEPTH, code};
use crate::code::{Code, Const, Text};

/// A growing store.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Where equal values were stored, by what they look like in storage.
    seen: HashMap<Vec<u8>, u32>,
    codes: HashMap<usize, u32>,
    refs: u32,
    depth: usize,
}

impl Writer {
    /// An empty store.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// What has been written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// A type code or other byte.
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Raw bytes.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A 32-bit number.
    pub fn long(&mut self, value: i32) {
        self.raw(&value.to_le_bytes());
    }

    /// A length; too long a value cannot be stored.
    pub fn size(&mut self, size: usize) -> Result<(), Error> {
        let size = i32::try_from(size).map_err(|_| Error::value("unmarshallable object"))?;
        self.long(size);
        Ok(())
    }

    /// Number of the back reference the next flagged value gets; call once per value written with `FLAG_REF`.
    pub fn next_ref(&mut self) -> u32 {
        self.refs += 1;
        self.refs - 1
    }

    /// A back reference.
    pub fn back_ref(&mut self, index: u32) {
        self.byte(code::REF);
        self.long(index as i32);
    }

    /// An integer, with `flag` (0 or `FLAG_REF`) on its type code.
    pub fn int(&mut self, value: i64, flag: u8) {
        match i32::try_from(value) {
            Ok(small) => {
                self.byte(code::INT | flag);
                self.long(small);
            }
            Err(_) => self.digits(&IBig::from(value), flag),
        }
    }

    /// An integer of any size.
    pub fn big_int(&mut self, value: &IBig, flag: u8) {
        match i64::try_from(value) {
            Ok(small) => self.int(small, flag),
            Err(_) => self.digits(value, flag),
        }
    }

    fn digits(&mut self, value: &IBig, flag: u8) {
        self.byte(code::LONG | flag);
        let bytes = value.unsigned_abs().to_le_bytes();
        let bits = bytes.len() * 8;
        let digit = |i: usize| {
            let (at, shift) = (i * 15 / 8, i * 15 % 8);
            let part = |k: usize| bytes.get(at + k).map_or(0, |b| u32::from(*b) << (8 * k));
            ((part(0) | part(1) | part(2)) >> shift) as u16 & 0x7fff
        };
        let mut count = bits.div_ceil(15);
        while count > 0 && digit(count - 1) == 0 {
            count -= 1;
        }
        self.long(if value.sign() == Sign::Negative {
            -(count as i32)
        } else {
            count as i32
        });
        for i in 0..count {
            self.raw(&digit(i).to_le_bytes());
        }
    }

    /// A string in WTF-8.
    pub fn string(&mut self, text: &[u8], interned: bool, flag: u8) -> Result<(), Error> {
        if !text.is_ascii() {
            self.byte(
                flag | if interned {
                    code::INTERNED
                } else {
                    code::UNICODE
                },
            );
            self.size(text.len())?;
        } else if let Ok(short) = u8::try_from(text.len()) {
            self.byte(
                flag | if interned {
                    code::SHORT_ASCII_INTERNED
                } else {
                    code::SHORT_ASCII
                },
            );
            self.byte(short);
        } else {
            self.byte(
                flag | if interned {
                    code::ASCII_INTERNED
                } else {
                    code::ASCII
                },
            );
            self.size(text.len())?;
        }
        self.raw(text);
        Ok(())
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8], flag: u8) -> Result<(), Error> {
        self.byte(code::STRING | flag);
        self.size(bytes.len())?;
        self.raw(bytes);
        Ok(())
    }

    /// The head of a tuple.
    pub fn tuple_head(&mut self, len: usize, flag: u8) -> Result<(), Error> {
        if let Ok(short) = u8::try_from(len) {
            self.byte(code::SMALL_TUPLE | flag);
            self.byte(short);
            return Ok(());
        }
        self.byte(code::TUPLE | flag);
        self.size(len)
    }

    /// Stores a leaf once: what `store` writes is replaced by a back reference if the same was written before.
    fn shared(
        &mut self,
        store: impl FnOnce(&mut Writer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = self.out.len();
        store(self)?;
        let bytes = &self.out[start..];
        if let Some(index) = self.seen.get(bytes).copied() {
            self.out.truncate(start);
            self.back_ref(index);
            return Ok(());
        }
        let index = self.refs;
        self.seen.insert(bytes.to_vec(), index);
        self.refs += 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::value("object too deeply nested to marshal"));
        }
        Ok(())
    }

    /// A constant.
    pub fn value(&mut self, value: &Const) -> Result<(), Error> {
        const REF: u8 = code::FLAG_REF;
        match value {
            Const::None => self.byte(code::NONE),
            Const::True => self.byte(code::TRUE),
            Const::False => self.byte(code::FALSE),
            Const::Ellipsis => self.byte(code::ELLIPSIS),
            Const::Int(i) => self.int(*i, 0),
            Const::BigInt(i) => self.shared(|w| {
                w.big_int(i, REF);
                Ok(())
            })?,
            Const::Float(f) => self.shared(|w| {
                w.byte(code::BINARY_FLOAT | REF);
                w.raw(&f.to_le_bytes());
                Ok(())
            })?,
            Const::Complex(re, im) => self.shared(|w| {
                w.byte(code::BINARY_COMPLEX | REF);
                w.raw(&re.to_le_bytes());
                w.raw(&im.to_le_bytes());
                Ok(())
            })?,
            Const::Str(text) => self.text(text, is_name_like(text))?,
            Const::Bytes(bytes) => self.shared(|w| w.bytes(bytes, REF))?,
            Const::Tuple(items) => {
                self.tuple_head(items.len(), 0)?;
                self.values(items)?;
            }
            Const::FrozenSet(items) => {
                self.byte(code::FROZENSET);
                self.size(items.len())?;
                self.values(items)?;
            }
            Const::Slice(parts) => {
                self.byte(code::SLICE);
                self.values(&parts[..])?;
            }
            Const::Code(code) => self.code(code)?,
        }
        Ok(())
    }

    fn values(&mut self, items: &[Const]) -> Result<(), Error> {
        self.enter()?;
        items.iter().try_for_each(|item| self.value(item))?;
        self.depth -= 1;
        Ok(())
    }

    fn text(&mut self, text: &Text, interned: bool) -> Result<(), Error> {
        self.shared(|w| w.string(text.as_bytes(), interned, code::FLAG_REF))
    }

    fn names(&mut self, names: &[Text]) -> Result<(), Error> {
        self.tuple_head(names.len(), 0)?;
        names.iter().try_for_each(|name| self.text(name, true))
    }

    fn code(&mut self, code: &Arc<Code>) -> Result<(), Error> {
        let address = Arc::as_ptr(code) as usize;
        if let Some(index) = self.codes.get(&address).copied() {
            self.back_ref(index);
            return Ok(());
        }
        self.enter()?;
        self.byte(code::CODE | code::FLAG_REF);
        let index = self.next_ref();
        self.codes.insert(address, index);
        for number in [
            code.argcount,
            code.posonlyargcount,
            code.kwonlyargcount,
            code.stacksize,
            code.flags,
        ] {
            self.long(number as i32);
        }
        self.bytes(&code.code, 0)?;
        self.tuple_head(code.consts.len(), 0)?;
        self.values(&code.consts)?;
        self.names(&code.names)?;
        self.names(&code.localsplusnames)?;
        self.shared(|w| w.bytes(&code.localspluskinds, code::FLAG_REF))?;
        for text in [&code.filename, &code.name, &code.qualname] {
            self.text(text, true)?;
        }
        self.long(code.firstlineno);
        self.bytes(&code.linetable, 0)?;
        self.shared(|w| w.bytes(&code.exceptiontable, code::FLAG_REF))?;
        self.depth -= 1;
        Ok(())
    }
}

/// Whether a string constant looks like a name; such are interned when code is made.
pub fn is_name_like(text: &Text) -> bool {
    text.as_bytes()
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}
