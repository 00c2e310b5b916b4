//! Code of the embedded library: a form in which a function's body is read only when the function is first used.
//!
//! All modules together are one run of bytes; a module's data is what follows from its start. Each code object has a *head*
//! (counts, flags, names: what making a function of it and calling that needs), which stands among the constants of the code
//! around it, and a *body* somewhere behind, found by its offset: constants, names, tables, instructions, in this order, so
//! that the docstring comes first. Line tables lie apart. Instructions are stored with the counters of their inline caches
//! set, ready to be copied; tables can stay where they are. Bodies lie in the order in which programs need them, so that few
//! pages of the executable are read. CPython has nothing like it: its frozen modules are marshalled.

use crate::code::{Code, Const, Text, kind};
use crate::opcode::{self, op};
use dashu_int::{IBig, Sign, UBig};
use std::sync::Arc;

/// What a packed module starts with.
pub const MAGIC: u8 = 1;

/// Tags of constants.
pub mod tag {
    #![allow(missing_docs)]
    pub const NONE: u8 = 0;
    pub const TRUE: u8 = 1;
    pub const FALSE: u8 = 2;
    pub const ELLIPSIS: u8 = 3;
    pub const INT: u8 = 4;
    pub const BIG_INT: u8 = 5;
    pub const FLOAT: u8 = 6;
    pub const COMPLEX: u8 = 7;
    pub const STR: u8 = 8;
    pub const NAME: u8 = 9;
    pub const BYTES: u8 = 10;
    pub const TUPLE: u8 = 11;
    pub const FROZENSET: u8 = 12;
    pub const SLICE: u8 = 13;
    pub const CODE: u8 = 14;
}

/// The counter of an instruction that specialises at its second run (value 1, back-off 1).
pub const WARMUP: u16 = 1 << 4 | 1;

/// Whether a string constant is interned, as CPython does with what looks like a name.
pub fn looks_like_name(text: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    text.len() <= 4096 && text.iter().all(fits)
}

/// Copies bytecode into units, and sets the counters of instructions that specialise.
pub fn quicken(code: &[u8]) -> Vec<u16> {
    let units = code.chunks_exact(2);
    let mut units: Vec<u16> = units.map(|u| u16::from_le_bytes([u[0], u[1]])).collect();
    let mut at = 0;
    while at < units.len() {
        let opcode = units[at] as u8;
        let caches = opcode::cache_entries(opcode as u16) as usize;
        if caches > 0 && at + 1 < units.len() {
            units[at + 1] = match opcode {
                op::POP_JUMP_IF_FALSE
                | op::POP_JUMP_IF_TRUE
                | op::POP_JUMP_IF_NONE
                | op::POP_JUMP_IF_NOT_NONE => 0x5555,
                _ => WARMUP,
            }
        }
        at += 1 + caches;
    }
    units
}

/// Where a body is put: all bodies of a place stand together, one place after the other, each in the order of packing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// What every start reads.
    Start,
    /// What common programs read.
    Common,
    /// What the import of any other module reads: its own body and those of its classes.
    Import,
    /// All others.
    Rest,
}

/// Behind the places: line tables, which only tracebacks and debuggers read.
const TABLES: usize = 4;

/// A position: in which place, or among the tables, and where there.
type At = (usize, usize);

/// Packs modules.
#[derive(Default)]
pub struct Packer {
    places: [Vec<u8>; TABLES + 1],
    /// Where offsets are, what they count from, and what they lead to.
    fixes: Vec<[At; 3]>,
    /// Where modules start.
    starts: Vec<At>,
}

impl Packer {
    /// Packs a module; the starts of all are given at the end, in the same order. `place` says where a body goes, by
    /// its code, and where the module's head goes; no body may go to an earlier place than the module's.
    pub fn add(&mut self, code: &Code, place: impl Fn(&Code) -> Place) {
        let of_module = place(code) as usize;
        let start = (of_module, self.places[of_module].len());
        self.starts.push(start);
        let out = &mut self.places[of_module];
        out.push(MAGIC);
        let mut pending = Vec::new();
        head(out, code, &mut pending);
        let mut pending: Vec<_> = pending
            .into_iter()
            .map(|(at, c)| ((of_module, at), c))
            .collect();
        while let Some((offset, code)) = pending.pop() {
            let place = place(code) as usize;
            let out = &mut self.places[place];
            self.fixes.push([offset, start, (place, out.len())]);
            let mut nested = Vec::new();
            let table = body(out, code, &mut nested);
            let tables = &mut self.places[TABLES];
            self.fixes
                .push([(place, table), start, (TABLES, tables.len())]);
            tables.extend_from_slice(&code.linetable);
            // In the order of the source, since the last one is taken first.
            pending.extend(nested.into_iter().rev().map(|(at, c)| ((place, at), c)));
        }
    }

    /// All modules, and where each starts.
    pub fn finish(self) -> (Vec<u8>, Vec<usize>) {
        let mut first = 0;
        let firsts = self.places.each_ref().map(|place| {
            let at = first;
            first += place.len();
            at
        });
        let absolute = |(place, at): At| firsts[place] + at;
        let mut all = self.places.concat();
        for [offset, start, target] in self.fixes {
            let distance = (absolute(target) - absolute(start)) as u32;
            let at = absolute(offset);
            all[at..at + OFFSET].copy_from_slice(&distance.to_le_bytes());
        }
        (all, self.starts.into_iter().map(absolute).collect())
    }
}

/// How long an offset is.
const OFFSET: usize = 4;

/// Packs one module's code.
pub fn pack(code: &Code) -> Vec<u8> {
    let mut packer = Packer::default();
    packer.add(code, |_| Place::Rest);
    packer.finish().0
}

/// Bodies to be written, with the place of their offset.
type Pending<'a> = Vec<(usize, &'a Code)>;

fn number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn signed(out: &mut Vec<u8>, n: i64) {
    number(out, (n << 1 ^ n >> 63) as u64)
}

fn bytes(out: &mut Vec<u8>, data: &[u8]) {
    number(out, data.len() as u64);
    out.extend_from_slice(data);
}

fn head<'a>(out: &mut Vec<u8>, code: &'a Code, pending: &mut Pending<'a>) {
    let count = |bits: u8| {
        code.localspluskinds
            .iter()
            .filter(|k| **k & bits != 0)
            .count() as u32
    };
    let mut units = code.code.chunks_exact(2);
    for n in [
        code.argcount,
        code.posonlyargcount,
        code.kwonlyargcount,
        code.stacksize,
        code.flags,
        code.localsplusnames.len() as u32,
        count(kind::LOCAL),
        count(kind::CELL),
        count(kind::FREE),
        units.position(|u| u[0] == op::RESUME).unwrap_or(0) as u32,
    ] {
        number(out, n.into());
    }
    signed(out, code.firstlineno.into());
    bytes(out, code.name.as_bytes());
    bytes(out, code.qualname.as_bytes());
    pending.push((out.len(), code));
    out.extend([0; OFFSET]);
}

/// Writes a body; gives the place of the offset of its line table.
fn body<'a>(out: &mut Vec<u8>, code: &'a Code, pending: &mut Pending<'a>) -> usize {
    number(out, code.consts.len() as u64);
    for constant in &code.consts {
        value(out, constant, pending);
    }
    number(out, code.names.len() as u64);
    for name in code.names.iter().chain(&code.localsplusnames) {
        bytes(out, name.as_bytes());
    }
    out.extend_from_slice(&code.localspluskinds);
    number(out, code.linetable.len() as u64);
    let table = out.len();
    out.extend([0; OFFSET]);
    bytes(out, &code.exceptiontable);
    let units = quicken(&code.code);
    number(out, units.len() as u64);
    out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    table
}

fn value<'a>(out: &mut Vec<u8>, constant: &'a Const, pending: &mut Pending<'a>) {
    let mut all = |out: &mut Vec<u8>, items: &'a [Const]| {
        for item in items {
            value(out, item, pending)
        }
    };
    match constant {
        Const::None => out.push(tag::NONE),
        Const::True => out.push(tag::TRUE),
        Const::False => out.push(tag::FALSE),
        Const::Ellipsis => out.push(tag::ELLIPSIS),
        Const::Int(n) => {
            out.push(tag::INT);
            signed(out, *n)
        }
        Const::BigInt(n) => {
            out.extend([tag::BIG_INT, u8::from(n.sign() == Sign::Negative)]);
            let (_, magnitude) = (**n).clone().into_parts();
            bytes(out, &magnitude.to_le_bytes())
        }
        Const::Float(x) => {
            out.push(tag::FLOAT);
            out.extend(x.to_le_bytes())
        }
        Const::Complex(re, im) => {
            out.push(tag::COMPLEX);
            out.extend(re.to_le_bytes().into_iter().chain(im.to_le_bytes()))
        }
        Const::Str(text) => {
            let name = looks_like_name(text.as_bytes());
            out.push(if name { tag::NAME } else { tag::STR });
            bytes(out, text.as_bytes())
        }
        Const::Bytes(data) => {
            out.push(tag::BYTES);
            bytes(out, data)
        }
        Const::Tuple(items) | Const::FrozenSet(items) => {
            let tuple = matches!(constant, Const::Tuple(_));
            out.push(if tuple { tag::TUPLE } else { tag::FROZENSET });
            number(out, items.len() as u64);
            all(out, items)
        }
        Const::Slice(parts) => {
            out.push(tag::SLICE);
            all(out, &parts[..])
        }
        Const::Code(code) => {
            out.push(tag::CODE);
            head(out, code, pending)
        }
    }
}

/// A place in packed data. Everything gives None at the end of the data.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

/// What stands in the code around a code object.
pub struct Head<'a> {
    /// argcount, posonlyargcount, kwonlyargcount, stacksize, flags, variables, locals, cells, free variables, the first
    /// traceable instruction.
    pub counts: [u32; 10],
    /// `co_firstlineno`.
    pub firstlineno: i32,
    /// `co_name`, WTF-8.
    pub name: &'a [u8],
    /// `co_qualname`, WTF-8.
    pub qualname: &'a [u8],
    /// Where the body starts.
    pub body: usize,
}

impl<'a> Cursor<'a> {
    /// Behind the magic byte, if it is there: before the head of the module's code.
    pub fn module(data: &'a [u8]) -> Option<Cursor<'a>> {
        (*data.first()? == MAGIC).then_some(Cursor { data, at: 1 })
    }

    /// At an offset.
    pub fn at(data: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { data, at }
    }

    /// All of the data.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Option<u64> {
        let mut n = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(n);
            }
            shift = (shift + 7) & 63;
        }
    }

    /// A number that counts things in memory.
    #[inline]
    pub fn count(&mut self) -> Option<usize> {
        let n = self.number()? as usize;
        (n <= self.data.len()).then_some(n)
    }

    /// A number with a sign.
    pub fn signed(&mut self) -> Option<i64> {
        let n = self.number()?;
        Some((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// So many bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.data.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// Bytes with their length before them.
    #[inline]
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }

    /// A float.
    pub fn float(&mut self) -> Option<f64> {
        Some(f64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A big integer.
    pub fn big_int(&mut self) -> Option<IBig> {
        let negative = self.byte()? != 0;
        let magnitude = UBig::from_le_bytes(self.bytes()?);
        let sign = if negative {
            Sign::Negative
        } else {
            Sign::Positive
        };
        Some(IBig::from_parts(sign, magnitude))
    }

    /// The head of a code object.
    pub fn head(&mut self) -> Option<Head<'a>> {
        let mut counts = [0; 10];
        for count in &mut counts {
            *count = self.number()? as u32;
        }
        Some(Head {
            counts,
            firstlineno: self.signed()? as i32,
            name: self.bytes()?,
            qualname: self.bytes()?,
            body: self.offset()?,
        })
    }

    /// An offset.
    fn offset(&mut self) -> Option<usize> {
        let bytes = self.take(OFFSET)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }

    /// The line table, which lies elsewhere.
    pub fn line_table(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        let at = self.offset()?;
        Cursor { at, ..*self }.take(count)
    }

    /// The instructions, two bytes each.
    pub fn units(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        self.take(count * 2)
    }
}

/// The code that was packed, as plain data.
pub fn unpack(data: &[u8]) -> Option<Arc<Code>> {
    unpack_code(&mut Cursor::module(data)?)
}

fn unpack_code(cursor: &mut Cursor) -> Option<Arc<Code>> {
    let head = cursor.head()?;
    let mut body = Cursor::at(cursor.data(), head.body);
    let text = |t: &[u8]| Text::from_wtf8(t);
    let consts = unpack_values(&mut body)?;
    let names = body.count()?;
    let mut texts = |n: usize| {
        (0..n)
            .map(|_| body.bytes().map(text))
            .collect::<Option<_>>()
    };
    let [
        argcount,
        posonlyargcount,
        kwonlyargcount,
        stacksize,
        flags,
        variables,
        ..,
    ] = head.counts;
    let (names, localsplusnames) = (texts(names)?, texts(variables as usize)?);
    let localspluskinds = body.take(variables as usize)?.to_vec();
    let (linetable, exceptiontable) = (body.line_table()?.to_vec(), body.bytes()?.to_vec());
    let mut code = body.units()?.to_vec();
    let mut at = 0;
    while at < code.len() {
        let caches = opcode::cache_entries(code[at] as u16) as usize * 2;
        code.get_mut(at + 2..at + 2 + caches)?.fill(0);
        at += 2 + caches;
    }
    Some(Arc::new(Code {
        argcount,
        posonlyargcount,
        kwonlyargcount,
        stacksize,
        flags,
        code,
        consts,
        names,
        localsplusnames,
        localspluskinds,
        filename: Text::default(),
        name: text(head.name),
        qualname: text(head.qualname),
        firstlineno: head.firstlineno,
        linetable,
        exceptiontable,
    }))
}

fn unpack_values(cursor: &mut Cursor) -> Option<Vec<Const>> {
    let count = cursor.count()?;
    (0..count).map(|_| unpack_value(cursor)).collect()
}

fn unpack_value(cursor: &mut Cursor) -> Option<Const> {
    Some(match cursor.byte()? {
        tag::NONE => Const::None,
        tag::TRUE => Const::True,
        tag::FALSE => Const::False,
        tag::ELLIPSIS => Const::Ellipsis,
        tag::INT => Const::Int(cursor.signed()?),
        tag::BIG_INT => Const::int(cursor.big_int()?),
        tag::FLOAT => Const::Float(cursor.float()?),
        tag::COMPLEX => Const::Complex(cursor.float()?, cursor.float()?),
        tag::STR | tag::NAME => Const::Str(Text::from_wtf8(cursor.bytes()?)),
        tag::BYTES => Const::Bytes(cursor.bytes()?.into()),
        tag::TUPLE => Const::tuple(unpack_values(cursor)?),
        tag::FROZENSET => Const::FrozenSet(unpack_values(cursor)?.into()),
        tag::SLICE => Const::Slice(Arc::new([
            unpack_value(cursor)?,
            unpack_value(cursor)?,
            unpack_value(cursor)?,
        ])),
        tag::CODE => Const::Code(unpack_code(cursor)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let inner = Code {
            name: "inner".into(),
            consts: vec![Const::str("doc string"), Const::int(-(IBig::ONE << 99))],
            code: vec![op::RESUME, 0, op::LOAD_GLOBAL, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            localsplusnames: vec!["a".into(), "b".into()],
            localspluskinds: vec![kind::LOCAL, kind::FREE],
            firstlineno: -3,
            ..Code::default()
        };
        let outer = Code {
            flags: 0xfff_ffff,
            names: vec!["x".into()],
            consts: vec![
                Const::Code(inner.clone().into()),
                Const::Int(i64::MIN),
                Const::Float(-0.5),
                Const::tuple(vec![Const::None, Const::Bytes([1, 2].into())]),
                Const::Code(inner.into()),
            ],
            linetable: vec![7; 300],
            ..Code::default()
        };
        let packed = pack(&outer);
        let back = unpack(&packed).unwrap();
        assert_eq!(format!("{back:?}"), format!("{outer:?}"));
        let mut packer = Packer::default();
        let inner_at = |inner| {
            move |c: &Code| {
                if c.name.as_str() == Some("inner") {
                    inner
                } else {
                    Place::Common
                }
            }
        };
        packer.add(&outer, inner_at(Place::Common));
        packer.add(&outer, inner_at(Place::Rest));
        packer.add(&outer, |_| Place::Start);
        let (all, starts) = packer.finish();
        assert_eq!(starts[2], 0);
        for start in starts {
            let back = unpack(&all[start..]).unwrap();
            assert_eq!(format!("{back:?}"), format!("{outer:?}"));
        }
        for end in 0..packed.len() {
            let _ = unpack(&packed[..end]);
        }
    }
}
