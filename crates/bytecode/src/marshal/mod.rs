//! Storage of constants and code: CPython's marshal format, version 5.
//!
//! [`write`] stores a [`Const`] (a code object among them), [`read`] brings it back; [`reader::Reader`] builds any kind
//! of value through a [`reader::Builder`], so that a virtual machine can make its objects without a detour. Damaged
//! input gives an error with CPython's message, never a panic, and nesting costs no native stack. CPython:
//! `Python/marshal.c`, `Lib/importlib/_bootstrap_external.py` (the header of `.pyc` files).

pub mod reader;
pub mod writer;

use crate::code::{Code, Const};
use std::sync::Arc;

/// The first two bytes of Naja's `.pyc` files, little-endian. It changes with the instruction set; it is far from the
/// numbers that CPython and PyPy use.
pub const MAGIC_NUMBER: u16 = 0x4e01;
/// The first four bytes of Naja's `.pyc` files.
pub const MAGIC: [u8; 4] = [MAGIC_NUMBER as u8, (MAGIC_NUMBER >> 8) as u8, b'\r', b'\n'];
/// Version of the format that is written.
pub const VERSION: u32 = 5;
/// Values nested deeper are refused.
pub const MAX_DEPTH: usize = 2000;

/// Type codes.
pub mod code {
    #![allow(missing_docs)]
    pub const NULL: u8 = b'0';
    pub const NONE: u8 = b'N';
    pub const FALSE: u8 = b'F';
    pub const TRUE: u8 = b'T';
    pub const STOPITER: u8 = b'S';
    pub const ELLIPSIS: u8 = b'.';
    pub const INT: u8 = b'i';
    pub const INT64: u8 = b'I';
    pub const LONG: u8 = b'l';
    pub const FLOAT: u8 = b'f';
    pub const BINARY_FLOAT: u8 = b'g';
    pub const COMPLEX: u8 = b'x';
    pub const BINARY_COMPLEX: u8 = b'y';
    pub const STRING: u8 = b's';
    pub const INTERNED: u8 = b't';
    pub const REF: u8 = b'r';
    pub const TUPLE: u8 = b'(';
    pub const LIST: u8 = b'[';
    pub const DICT: u8 = b'{';
    pub const CODE: u8 = b'c';
    pub const UNICODE: u8 = b'u';
    pub const UNKNOWN: u8 = b'?';
    pub const SET: u8 = b'<';
    pub const FROZENSET: u8 = b'>';
    pub const SLICE: u8 = b':';
    pub const ASCII: u8 = b'a';
    pub const ASCII_INTERNED: u8 = b'A';
    pub const SMALL_TUPLE: u8 = b')';
    pub const SHORT_ASCII: u8 = b'z';
    pub const SHORT_ASCII_INTERNED: u8 = b'Z';
    pub const FLAG_REF: u8 = 0x80;
}

/// The Python exception a failure stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// EOFError
    Eof,
    /// ValueError
    Value,
    /// TypeError
    Type,
}

/// Why data cannot be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// The exception.
    pub kind: ErrorKind,
    /// Its message.
    pub message: &'static str,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// A ValueError.
    pub const fn value(message: &'static str) -> Error {
        Error {
            kind: ErrorKind::Value,
            message,
        }
    }
}

/// Stores a constant.
pub fn write(value: &Const) -> Result<Vec<u8>, Error> {
    let mut writer = writer::Writer::new();
    writer.value(value)?;
    Ok(writer.finish())
}

/// Stores a code object.
pub fn write_code(code: &Arc<Code>) -> Result<Vec<u8>, Error> {
    write(&Const::Code(code.clone()))
}

/// Reads a constant; what follows it is ignored.
pub fn read(data: &[u8]) -> Result<Const, Error> {
    reader::Reader::new(data).value(&mut reader::ConstBuilder)
}

/// Reads a code object.
pub fn read_code(data: &[u8]) -> Result<Arc<Code>, Error> {
    match read(data)? {
        Const::Code(code) => Ok(code),
        _ => Err(Error {
            kind: ErrorKind::Type,
            message: "bad marshal data (not a code object)",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Text;
    use dashu_int::IBig;

    fn same(a: &Const, b: &Const) -> bool {
        format!("{a:?}") == format!("{b:?}")
    }

    fn sample() -> Const {
        let code = Code {
            argcount: 2,
            flags: 3,
            code: vec![128, 0, 35, 0],
            consts: vec![Const::None, Const::str("text"), Const::Float(-0.0)],
            names: vec!["name".into(), "text".into()],
            localsplusnames: vec!["a".into()],
            localspluskinds: vec![0x26],
            firstlineno: -7,
            linetable: vec![0x80],
            ..Code::default()
        };
        Const::tuple(vec![
            Const::None,
            Const::True,
            Const::Ellipsis,
            Const::Int(i64::MIN),
            Const::Int(-1),
            Const::int(IBig::ONE << 200),
            Const::int(-(IBig::ONE << 105)),
            Const::Complex(1.5, -0.0),
            Const::Str(Text::from_wtf8(*b"\xed\xa0\x80")),
            Const::str("é"),
            Const::Bytes(vec![0; 300].into()),
            Const::tuple(vec![Const::Int(5); 300]),
            Const::FrozenSet(vec![Const::Int(1), Const::str("x")].into()),
            Const::Slice(Arc::new([Const::Int(1), Const::None, Const::Int(2)])),
            Const::Code(Arc::new(code)),
        ])
    }

    #[test]
    fn round_trip() {
        let value = sample();
        assert!(same(&read(&write(&value).unwrap()).unwrap(), &value));
    }

    #[test]
    fn reads_what_cpython_writes() {
        let data = b"\xa9\x04\xe9\x01\x00\x00\x00\xda\x01ar\x02\x00\x00\x00\xec\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00";
        let want = Const::tuple(vec![
            Const::Int(1),
            Const::str("a"),
            Const::str("a"),
            Const::Int(1 << 31),
        ]);
        assert!(same(&read(data).unwrap(), &want));
    }

    #[test]
    fn damage_gives_errors() {
        let data = write(&sample()).unwrap();
        for end in 0..data.len() {
            assert_eq!(read(&data[..end]).unwrap_err().kind, ErrorKind::Eof);
        }
        let mut state = 1u32;
        for _ in 0..20_000 {
            let mut copy = data.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % copy.len();
                copy[at] = (state >> 16) as u8;
            }
            let _ = read(&copy);
        }
        assert_eq!(
            read(&[b')', 1].repeat(5000)).unwrap_err().message,
            "recursion limit exceeded"
        );
        assert_eq!(
            read(b"(\xff\xff\xff\x7fN").unwrap_err().kind,
            ErrorKind::Eof
        );
        assert_eq!(
            read(b"r\x00\x00\x00\x00").unwrap_err().message,
            "bad marshal data (invalid reference)"
        );
    }
}
