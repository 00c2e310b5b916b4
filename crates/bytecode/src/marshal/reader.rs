//! Reading: an explicit stack of unfinished containers instead of recursion.
//!
//! Each value read is handed to the innermost unfinished container; a container that is complete becomes a value in
//! turn. Values flagged in the data can be referred to later by number; a container that cannot be referred to before it
//! is complete holds an empty place until then. Sizes in the data are never trusted for allocation. CPython:
//! `r_object` in `Python/marshal.c`.

use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign, UBig};

use super::{Error, ErrorKind, MAX_DEPTH, code};
use crate::code::{Code, Const, Text};
use std::sync::Arc;

/// Makes values out of what is read.
pub trait Builder {
    /// A value; clones are the same value.
    type Value: Clone;

    /// `None`
    fn none(&mut self) -> Result<Self::Value, Error>;
    /// `True` or `False`
    fn bool(&mut self, value: bool) -> Result<Self::Value, Error>;
    /// `...`
    fn ellipsis(&mut self) -> Result<Self::Value, Error>;
    /// The class StopIteration.
    fn stop_iteration(&mut self) -> Result<Self::Value, Error> {
        Err(UNKNOWN_TYPE)
    }
    /// A small integer.
    fn int(&mut self, value: i64) -> Result<Self::Value, Error>;
    /// A large integer.
    fn big_int(&mut self, value: IBig) -> Result<Self::Value, Error>;
    /// A float.
    fn float(&mut self, value: f64) -> Result<Self::Value, Error>;
    /// A complex number.
    fn complex(&mut self, re: f64, im: f64) -> Result<Self::Value, Error>;
    /// A string, valid WTF-8.
    fn str(&mut self, text: &[u8], interned: bool) -> Result<Self::Value, Error>;
    /// Bytes.
    fn bytes(&mut self, bytes: &[u8]) -> Result<Self::Value, Error>;
    /// A tuple.
    fn tuple(&mut self, items: Vec<Self::Value>) -> Result<Self::Value, Error>;
    /// A frozenset.
    fn frozenset(&mut self, items: Vec<Self::Value>) -> Result<Self::Value, Error>;
    /// A slice.
    fn slice(&mut self, parts: [Self::Value; 3]) -> Result<Self::Value, Error>;
    /// A code object.
    fn code(&mut self, parts: CodeParts<Self::Value>) -> Result<Self::Value, Error>;
    /// An empty list, dict or set (by type code), to be filled by [`Builder::fill`].
    fn empty(&mut self, _code: u8) -> Result<Self::Value, Error> {
        Err(UNKNOWN_TYPE)
    }
    /// Puts something else at an index of a list.
    fn replace(
        &mut self,
        _list: &Self::Value,
        _index: usize,
        _item: Self::Value,
    ) -> Result<(), Error> {
        Err(INVALID_REF)
    }
    /// Adds an item to a list or set, or a key and its value to a dict.
    fn fill(
        &mut self,
        _container: &Self::Value,
        _item: Self::Value,
        _value: Option<Self::Value>,
    ) -> Result<(), Error> {
        Err(UNKNOWN_TYPE)
    }
}

/// What a code object is made of.
pub struct CodeParts<V> {
    /// argcount, posonlyargcount, kwonlyargcount, stacksize, flags, and firstlineno.
    pub numbers: [i32; 6],
    /// code, consts, names, localsplusnames, localspluskinds, filename, name, qualname, linetable, exceptiontable.
    pub objects: [V; 10],
}

const UNKNOWN_TYPE: Error = Error::value("bad marshal data (unknown type code)");
const TOO_SHORT: Error = Error {
    kind: ErrorKind::Eof,
    message: "marshal data too short",
};
const INVALID_REF: Error = Error::value("bad marshal data (invalid reference)");

/// A container that is not complete yet.
struct Open<V> {
    kind: u8,
    /// Items still to come; unused for dicts.
    missing: usize,
    items: Vec<V>,
    /// How many items a list has been given.
    filled: usize,
    /// The value itself, if it can be referred to (and filled) before it is complete.
    value: Option<V>,
    /// The place in the list of references.
    reference: Option<usize>,
    numbers: [i32; 6],
    /// Where a tuple is wanted that is not there yet: in lists at an index, in dicts under a key.
    wanted: Vec<(V, Place<V>)>,
}

enum Place<V> {
    Index(usize),
    Key(V),
}

/// What reading a type code led to.
enum Read<V> {
    /// A reference to a container that is still open.
    Later(usize),
    Value(V),
    Open(Open<V>),
    Null,
}

/// Data being read.
pub struct Reader<'a, V> {
    data: &'a [u8],
    at: usize,
    refs: Vec<Option<V>>,
}

impl<'a, V: Clone> Reader<'a, V> {
    /// Starts at the first byte.
    pub fn new(data: &'a [u8]) -> Self {
        Reader {
            data,
            at: 0,
            refs: Vec::new(),
        }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(count).ok_or(TOO_SHORT)?;
        let taken = self.data.get(self.at..end).ok_or(TOO_SHORT)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| TOO_SHORT)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    fn long(&mut self) -> Result<i32, Error> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn float(&mut self) -> Result<f64, Error> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    fn text_float(&mut self) -> Result<f64, Error> {
        let size = usize::from(self.byte()?);
        let text = std::str::from_utf8(self.take(size)?).ok();
        text.and_then(|t| t.parse().ok())
            .ok_or(Error::value("could not convert string to float"))
    }

    fn size(&mut self, message: &'static str) -> Result<usize, Error> {
        usize::try_from(self.long()?).map_err(|_| Error::value(message))
    }

    /// Reads one value. References to values read before stay valid for the next.
    pub fn value<B: Builder<Value = V>>(&mut self, builder: &mut B) -> Result<V, Error> {
        let mut open: Vec<Open<V>> = Vec::new();
        loop {
            let mut read = self.object(builder)?;
            loop {
                let value = match read {
                    Read::Value(value) => value,
                    Read::Later(reference) => {
                        self.later(builder, &mut open, reference)?;
                        let Some(container) = open.pop() else {
                            return Err(INVALID_REF);
                        };
                        read = Read::Open(container);
                        continue;
                    }
                    Read::Open(container) if container.missing > 0 => {
                        if open.len() + 1 >= MAX_DEPTH {
                            return Err(Error::value("recursion limit exceeded"));
                        }
                        open.push(container);
                        break;
                    }
                    Read::Open(container) => self.close(builder, container)?,
                    Read::Null => match open.pop() {
                        Some(dict) if dict.kind == code::DICT => self.close(builder, dict)?,
                        other => return Err(null_inside(other.map(|o| o.kind))),
                    },
                };
                let Some(mut container) = open.pop() else {
                    return Ok(value);
                };
                self.add(builder, &mut container, value)?;
                read = Read::Open(container);
            }
        }
    }

    /// A list item or dict value that refers to a tuple around it: None stands in its place until the tuple is whole.
    fn later<B: Builder<Value = V>>(
        &mut self,
        builder: &mut B,
        open: &mut [Open<V>],
        reference: usize,
    ) -> Result<(), Error> {
        let Some((inner, around)) = open.split_last_mut() else {
            return Err(INVALID_REF);
        };
        let target = around
            .iter_mut()
            .find(|o| o.reference == Some(reference) && o.kind == code::TUPLE);
        let (Some(target), Some(container)) = (target, inner.value.clone()) else {
            return Err(INVALID_REF);
        };
        let none = builder.none()?;
        let place = match inner.kind {
            code::LIST => {
                builder.fill(&container, none, None)?;
                inner.missing -= 1;
                inner.filled += 1;
                Place::Index(inner.filled - 1)
            }
            code::DICT => {
                let Some(key) = inner.items.pop() else {
                    return Err(INVALID_REF);
                };
                builder.fill(&container, key.clone(), Some(none))?;
                Place::Key(key)
            }
            _ => return Err(INVALID_REF),
        };
        target.wanted.push((container, place));
        Ok(())
    }

    /// Hands a value to an unfinished container.
    fn add<B: Builder<Value = V>>(
        &mut self,
        builder: &mut B,
        into: &mut Open<V>,
        value: V,
    ) -> Result<(), Error> {
        if into.kind != code::DICT {
            into.missing -= 1;
        }
        match (&into.value, into.kind) {
            (None, code::CODE) => {
                into.items.push(value);
                // The first line stands between the objects.
                if into.items.len() == 8 {
                    into.numbers[5] = self.long()?;
                }
            }
            (None, _) => into.items.push(value),
            (Some(dict), code::DICT) => match into.items.pop() {
                None => into.items.push(value),
                Some(key) => builder.fill(dict, key, Some(value))?,
            },
            (Some(container), _) => {
                into.filled += 1;
                builder.fill(container, value, None)?
            }
        }
        Ok(())
    }

    /// Makes the value of a complete container.
    fn close<B: Builder<Value = V>>(
        &mut self,
        builder: &mut B,
        container: Open<V>,
    ) -> Result<V, Error> {
        let Open {
            kind,
            items,
            value,
            reference,
            numbers,
            wanted,
            ..
        } = container;
        let value = match (value, kind) {
            (Some(value), _) => return Ok(value),
            (None, code::TUPLE) => builder.tuple(items)?,
            (None, code::FROZENSET) => builder.frozenset(items)?,
            (None, code::SLICE) => builder.slice(items.try_into().map_err(|_| UNKNOWN_TYPE)?)?,
            (None, _) => {
                let objects = items.try_into().map_err(|_| UNKNOWN_TYPE)?;
                builder.code(CodeParts { numbers, objects })?
            }
        };
        if let Some(place) = reference.and_then(|r| self.refs.get_mut(r)) {
            *place = Some(value.clone());
        }
        for (container, place) in wanted {
            match place {
                Place::Index(index) => builder.replace(&container, index, value.clone())?,
                Place::Key(key) => builder.fill(&container, key, Some(value.clone()))?,
            }
        }
        Ok(value)
    }

    /// Reads a type code and what belongs to it, up to the items of a container.
    fn object<B: Builder<Value = V>>(&mut self, builder: &mut B) -> Result<Read<V>, Error> {
        const NO_OBJECT: Error = Error {
            kind: ErrorKind::Eof,
            message: "EOF read where object expected",
        };
        let head = self.byte().map_err(|_| NO_OBJECT)?;
        let flagged = head & code::FLAG_REF != 0;
        let kind = head & !code::FLAG_REF;
        let value = match kind {
            code::NULL => return Ok(Read::Null),
            code::NONE => return Ok(Read::Value(builder.none()?)),
            code::TRUE | code::FALSE => return Ok(Read::Value(builder.bool(kind == code::TRUE)?)),
            code::ELLIPSIS => return Ok(Read::Value(builder.ellipsis()?)),
            code::STOPITER => return Ok(Read::Value(builder.stop_iteration()?)),
            code::REF => {
                let index = usize::try_from(self.long()?).map_err(|_| INVALID_REF)?;
                return match self.refs.get(index) {
                    Some(Some(value)) => Ok(Read::Value(value.clone())),
                    Some(None) => Ok(Read::Later(index)),
                    None => Err(INVALID_REF),
                };
            }
            code::TUPLE
            | code::SMALL_TUPLE
            | code::FROZENSET
            | code::SLICE
            | code::CODE
            | code::LIST
            | code::SET
            | code::DICT => return self.container(builder, kind, flagged),
            code::INT => {
                let value = self.long()?;
                builder.int(i64::from(value))?
            }
            code::INT64 => {
                let value = i64::from_le_bytes(self.array()?);
                builder.int(value)?
            }
            code::LONG => {
                let value = self.digits()?;
                match i64::try_from(&value) {
                    Ok(small) => builder.int(small)?,
                    Err(_) => builder.big_int(value)?,
                }
            }
            code::FLOAT => {
                let value = self.text_float()?;
                builder.float(value)?
            }
            code::BINARY_FLOAT => {
                let value = self.float()?;
                builder.float(value)?
            }
            code::COMPLEX => {
                let (re, im) = (self.text_float()?, self.text_float()?);
                builder.complex(re, im)?
            }
            code::BINARY_COMPLEX => {
                let (re, im) = (self.float()?, self.float()?);
                builder.complex(re, im)?
            }
            code::STRING => {
                let size = self.size("bad marshal data (bytes object size out of range)")?;
                builder.bytes(self.take(size)?)?
            }
            _ => self.text(builder, kind)?,
        };
        if flagged {
            self.refs.push(Some(value.clone()));
        }
        Ok(Read::Value(value))
    }

    fn text<B: Builder<Value = V>>(&mut self, builder: &mut B, kind: u8) -> Result<V, Error> {
        const RANGE: &str = "bad marshal data (string size out of range)";
        let (size, ascii, interned) = match kind {
            code::SHORT_ASCII => (usize::from(self.byte()?), true, false),
            code::SHORT_ASCII_INTERNED => (usize::from(self.byte()?), true, true),
            code::ASCII => (self.size(RANGE)?, true, false),
            code::ASCII_INTERNED => (self.size(RANGE)?, true, true),
            code::UNICODE => (self.size(RANGE)?, false, false),
            code::INTERNED => (self.size(RANGE)?, false, true),
            _ => return Err(UNKNOWN_TYPE),
        };
        let bytes = self.take(size)?;
        if bytes.is_ascii() || (!ascii && is_wtf8(bytes)) {
            return builder.str(bytes, interned);
        }
        if ascii {
            // CPython takes such bytes as Latin-1.
            let text: String = bytes.iter().map(|b| char::from(*b)).collect();
            return builder.str(text.as_bytes(), interned);
        }
        Err(Error::value("bad marshal data (invalid UTF-8)"))
    }

    fn digits(&mut self) -> Result<IBig, Error> {
        let count = self.long()?;
        if count == i32::MIN {
            return Err(Error::value("bad marshal data (long size out of range)"));
        }
        let bytes = self.take(count.unsigned_abs() as usize * 2)?;
        let mut packed = Vec::with_capacity(bytes.len());
        let (mut pending, mut bits) = (0u32, 0);
        let mut last = 1;
        for pair in bytes.chunks_exact(2) {
            let digit = u32::from(pair[0]) | u32::from(pair[1]) << 8;
            if digit > 0x7fff {
                return Err(Error::value(
                    "bad marshal data (digit out of range in long)",
                ));
            }
            last = digit;
            pending |= digit << bits;
            bits += 15;
            while bits >= 8 {
                packed.push(pending as u8);
                pending >>= 8;
                bits -= 8;
            }
        }
        packed.push(pending as u8);
        if last == 0 {
            return Err(Error::value("bad marshal data (unnormalized long data)"));
        }
        let magnitude = UBig::from_le_bytes(&packed);
        let sign = if count < 0 && magnitude.bit_len() > 0 {
            Sign::Negative
        } else {
            Sign::Positive
        };
        Ok(IBig::from_parts(sign, magnitude))
    }

    fn container<B: Builder<Value = V>>(
        &mut self,
        builder: &mut B,
        kind: u8,
        flagged: bool,
    ) -> Result<Read<V>, Error> {
        let mut numbers = [0; 6];
        let missing = match kind {
            code::SMALL_TUPLE => usize::from(self.byte()?),
            code::TUPLE => self.size("bad marshal data (tuple size out of range)")?,
            code::LIST => self.size("bad marshal data (list size out of range)")?,
            code::SET | code::FROZENSET => self.size("bad marshal data (set size out of range)")?,
            code::SLICE => 3,
            code::DICT => 1,
            _ => {
                for number in &mut numbers[..5] {
                    *number = self.long()?;
                }
                10
            }
        };
        let kind = if kind == code::SMALL_TUPLE {
            code::TUPLE
        } else {
            kind
        };
        let fillable = matches!(kind, code::LIST | code::SET | code::DICT);
        let value = if fillable {
            Some(builder.empty(kind)?)
        } else {
            None
        };
        let reference = flagged.then_some(self.refs.len());
        if flagged {
            self.refs.push(value.clone());
        }
        let room = if fillable {
            0
        } else {
            missing.min(self.data.len() - self.at)
        };
        Ok(Read::Open(Open {
            kind,
            missing,
            items: Vec::with_capacity(room),
            filled: 0,
            wanted: Vec::new(),
            value,
            reference,
            numbers,
        }))
    }
}

fn null_inside(kind: Option<u8>) -> Error {
    let message = match kind {
        Some(code::TUPLE) => "NULL object in marshal data for tuple",
        Some(code::LIST) => "NULL object in marshal data for list",
        Some(code::SET | code::FROZENSET) => "NULL object in marshal data for set",
        _ => "NULL object in marshal data for object",
    };
    Error {
        kind: ErrorKind::Type,
        message,
    }
}

/// Whether bytes are UTF-8 in which surrogates may stand alone.
pub fn is_wtf8(mut bytes: &[u8]) -> bool {
    while let Err(error) = std::str::from_utf8(bytes) {
        match &bytes[error.valid_up_to()..] {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
    true
}

/// Builds constants.
pub struct ConstBuilder;

impl Builder for ConstBuilder {
    type Value = Const;

    fn none(&mut self) -> Result<Const, Error> {
        Ok(Const::None)
    }

    fn bool(&mut self, value: bool) -> Result<Const, Error> {
        Ok(Const::bool(value))
    }

    fn ellipsis(&mut self) -> Result<Const, Error> {
        Ok(Const::Ellipsis)
    }

    fn int(&mut self, value: i64) -> Result<Const, Error> {
        Ok(Const::Int(value))
    }

    fn big_int(&mut self, value: IBig) -> Result<Const, Error> {
        Ok(Const::int(value))
    }

    fn float(&mut self, value: f64) -> Result<Const, Error> {
        Ok(Const::Float(value))
    }

    fn complex(&mut self, re: f64, im: f64) -> Result<Const, Error> {
        Ok(Const::Complex(re, im))
    }

    fn str(&mut self, text: &[u8], _interned: bool) -> Result<Const, Error> {
        Ok(Const::Str(Text::from_wtf8(text)))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<Const, Error> {
        Ok(Const::Bytes(bytes.into()))
    }

    fn tuple(&mut self, items: Vec<Const>) -> Result<Const, Error> {
        Ok(Const::tuple(items))
    }

    fn frozenset(&mut self, items: Vec<Const>) -> Result<Const, Error> {
        Ok(Const::FrozenSet(items.into()))
    }

    fn slice(&mut self, parts: [Const; 3]) -> Result<Const, Error> {
        Ok(Const::Slice(Arc::new(parts)))
    }

    fn code(&mut self, parts: CodeParts<Const>) -> Result<Const, Error> {
        const MALFORMED: Error = Error::value("bad marshal data (malformed code object)");
        let text = |c: Const| {
            if let Const::Str(text) = c {
                Ok(text)
            } else {
                Err(MALFORMED)
            }
        };
        let bytes = |c: Const| {
            if let Const::Bytes(bytes) = c {
                Ok(bytes.into_vec())
            } else {
                Err(MALFORMED)
            }
        };
        let items = |c: Const| {
            if let Const::Tuple(items) = c {
                Ok(items)
            } else {
                Err(MALFORMED)
            }
        };
        let texts = |c: Const| {
            items(c)?
                .iter()
                .cloned()
                .map(text)
                .collect::<Result<Vec<_>, Error>>()
        };
        let count = |n: i32| u32::try_from(n).map_err(|_| MALFORMED);
        let [
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            firstlineno,
        ] = parts.numbers;
        let [
            code,
            consts,
            names,
            locals,
            kinds,
            filename,
            name,
            qualname,
            linetable,
            exceptions,
        ] = parts.objects;
        let code = Code {
            argcount: count(argcount)?,
            posonlyargcount: count(posonlyargcount)?,
            kwonlyargcount: count(kwonlyargcount)?,
            stacksize: count(stacksize)?,
            flags: flags as u32,
            code: bytes(code)?,
            consts: items(consts)?.to_vec(),
            names: texts(names)?,
            localsplusnames: texts(locals)?,
            localspluskinds: bytes(kinds)?,
            filename: text(filename)?,
            name: text(name)?,
            qualname: text(qualname)?,
            firstlineno,
            linetable: bytes(linetable)?,
            exceptiontable: bytes(exceptions)?,
        };
        if !code.code.len().is_multiple_of(2)
            || code.localspluskinds.len() != code.localsplusnames.len()
        {
            return Err(MALFORMED);
        }
        Ok(Const::Code(Arc::new(code)))
    }
}
