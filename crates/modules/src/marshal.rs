//! `marshal`: objects to bytes and back.
//!
//! The format and its primitives are `naja_bytecode::marshal`'s; here objects are walked, with references for values
//! that occur more than once (by identity), and made. Code that is read is checked before it can run
//! (`naja_vm::code::CodeParts::build`). An exception raised while objects are made waits in the thread until reading
//! has come to its end. CPython: Python/marshal.c.

use naja_bytecode::marshal::reader::{Builder, CodeParts as Stored, Reader, is_wtf8};
use naja_bytecode::marshal::writer::Writer;
use naja_bytecode::marshal::{Error, ErrorKind, MAX_DEPTH, code};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::code::{CodeObject, CodeParts};
use naja_vm::complex::Complex;
use naja_vm::dict::Dict;
use naja_vm::list::List;
use naja_vm::set::{FrozenSet, Set};
use naja_vm::slice::Slice;
use naja_vm::str_::{self, Str, StrRef};
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Raised, Vm};
use rustc_hash::FxHashMap;

/// Raises what a failure of the format stands for. An exception that a builder raised is raised itself.
fn raise(vm: &Vm, error: Error) -> Raised {
    if vm.has_exception() {
        return Raised;
    }
    match error.kind {
        ErrorKind::Eof => vm.eof_error(error.message),
        ErrorKind::Value => vm.value_error(error.message),
        ErrorKind::Type => vm.type_error(error.message),
    }
}

/// What an object's construction that raised is for the reader: it stops.
const RAISED: Error = Error::value("");
const NO_CODE: Error = Error::value("unmarshalling code objects is disallowed");

/// Stores objects.
struct Dumper<'a> {
    vm: &'a Vm,
    writer: Writer,
    version: i32,
    allow_code: bool,
    /// Code objects and slices begun but not ended: nothing inside may refer to them.
    unfinished: Vec<u64>,
    /// Back references, by the word of the value.
    seen: FxHashMap<usize, u32>,
    /// Keeps what was made on the way alive, so that addresses stay unique.
    kept: Vec<Value>,
    depth: usize,
    /// Something could not be stored; CPython writes on and says so at the end.
    unmarshallable: bool,
}

impl Dumper<'_> {
    fn check(&self, result: Result<(), Error>) -> PyResult<()> {
        result.map_err(|error| raise(self.vm, error))
    }

    /// The flag for a new value that may occur again, or None after a reference to it has been written.
    fn flag(&mut self, value: &Value) -> Option<u8> {
        if self.version < 3 {
            return Some(0);
        }
        let Some(header) = value.header() else {
            return Some(0);
        };
        if header.refcount() == 1 {
            return Some(0);
        }
        let key = header as *const _ as usize;
        if let Some(&index) = self.seen.get(&key) {
            self.writer.back_ref(index);
            return None;
        }
        let index = self.writer.next_ref();
        self.seen.insert(key, index);
        Some(code::FLAG_REF)
    }

    fn float(&mut self, f: f64) -> PyResult<()> {
        if self.version > 1 {
            self.writer.raw(&f.to_le_bytes());
            return Ok(());
        }
        let text = naja_vm::protocols::object::repr(self.vm, &self.vm.new_float(f)?)?;
        self.writer.byte(text.byte_len() as u8);
        self.writer.raw(text.as_bytes());
        Ok(())
    }

    fn str(&mut self, text: &Ref<Str>, flag: u8) -> PyResult<()> {
        let interned = text.is_interned();
        let bytes = text.as_bytes();
        let result = if self.version >= 4 {
            self.writer.string(bytes, interned, flag)
        } else {
            let kind = if interned && self.version >= 3 {
                code::INTERNED
            } else {
                code::UNICODE
            };
            self.writer.byte(kind | flag);
            let sized = self.writer.size(bytes.len());
            self.writer.raw(bytes);
            sized
        };
        self.check(result)
    }

    fn names(&mut self, names: &[Ref<Str>]) -> PyResult<()> {
        let result = self.writer.tuple_head(names.len(), 0);
        self.check(result)?;
        names
            .iter()
            .try_for_each(|name| self.value(name.as_value()))
    }

    fn items(&mut self, items: &[Value]) -> PyResult<()> {
        items.iter().try_for_each(|item| self.value(item))
    }

    fn head(&mut self, kind: u8, len: usize) -> PyResult<()> {
        self.writer.byte(kind);
        let result = self.writer.size(len);
        self.check(result)
    }

    fn tuple_head(&mut self, len: usize, flag: u8) -> PyResult<()> {
        if self.version < 4 {
            return self.head(code::TUPLE | flag, len);
        }
        let result = self.writer.tuple_head(len, flag);
        self.check(result)
    }

    fn value(&mut self, value: &Value) -> PyResult<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.vm.value_error("object too deeply nested to marshal"));
        }
        self.vm.check_stack()?;
        self.object(value)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self, value: &Value) -> PyResult<()> {
        let vm = self.vm;
        if value.is_none() {
            self.writer.byte(code::NONE);
        } else if value.is_bool() {
            self.writer.byte(if value.is_true() {
                code::TRUE
            } else {
                code::FALSE
            });
        } else if value.is(&Value::ELLIPSIS) {
            self.writer.byte(code::ELLIPSIS);
        } else if value.is(vm.types.stop_iteration.as_value()) {
            self.writer.byte(code::STOPITER);
        } else if let Some(n) = value.as_small_int() {
            self.writer.int(n, 0);
        } else if let Some(f) = value.as_small_float() {
            self.writer.byte(if self.version > 1 {
                code::BINARY_FLOAT
            } else {
                code::FLOAT
            });
            self.float(f)?;
        } else {
            if self.unfinished.contains(&value.bits()) {
                return self.unknown();
            }
            let Some(flag) = self.flag(value) else {
                return Ok(());
            };
            return self.heap_object(value, flag);
        }
        Ok(())
    }

    fn heap_object(&mut self, value: &Value, flag: u8) -> PyResult<()> {
        let vm = self.vm;
        let t = vm.types;
        let class = vm.type_of(value);
        let exactly = |ty: &Ref<naja_vm::type_::Type>| std::ptr::eq(class, &**ty);
        if let Some(text) = str_::of(value).filter(|_| exactly(&t.str)) {
            return self.str(text, flag);
        }
        if let Some(tuple) = value.downcast::<Tuple>().filter(|_| exactly(&t.tuple)) {
            self.tuple_head(tuple.len(), flag)?;
            return self.items(tuple.items());
        }
        if let Some(bytes) = value.downcast::<Bytes>().filter(|_| exactly(&t.bytes)) {
            let result = self.writer.bytes(bytes.as_bytes(), flag);
            return self.check(result);
        }
        if let Some(big) = naja_vm::int::to_big(value).filter(|_| exactly(&t.int)) {
            self.writer.big_int(&big, flag);
            return Ok(());
        }
        if let Some(f) = naja_vm::float::exact(vm, value) {
            self.writer.byte(
                flag | if self.version > 1 {
                    code::BINARY_FLOAT
                } else {
                    code::FLOAT
                },
            );
            return self.float(f);
        }
        if let Some(z) = value.downcast::<Complex>().filter(|_| exactly(&t.complex)) {
            self.writer.byte(
                flag | if self.version > 1 {
                    code::BINARY_COMPLEX
                } else {
                    code::COMPLEX
                },
            );
            let (re, im) = (z.re, z.im);
            self.float(re)?;
            return self.float(im);
        }
        if let Some(list) = value.downcast::<List>().filter(|_| exactly(&t.list)) {
            let items = list.to_vec();
            self.head(code::LIST | flag, items.len())?;
            return self.items(&items);
        }
        if let Some(dict) = value.downcast::<Dict>().filter(|_| exactly(&t.dict)) {
            self.writer.byte(code::DICT | flag);
            for (key, value) in dict.items_vec() {
                self.value(&key)?;
                self.value(&value)?;
            }
            self.writer.byte(code::NULL);
            return Ok(());
        }
        if let Some(set) = value.downcast::<Set>().filter(|_| exactly(&t.set)) {
            let elements = set.elements();
            let count = elements.len();
            self.set(elements, code::SET | flag)?;
            if set.elements().len() != count {
                return Err(vm.runtime_error("set changed size during iteration"));
            }
            return Ok(());
        }
        if let Some(set) = value
            .downcast::<FrozenSet>()
            .filter(|_| exactly(&t.frozenset))
        {
            return self.set(set.elements(), code::FROZENSET | flag);
        }
        if let Some(code) = value.downcast::<CodeObject>() {
            self.unfinished.push(value.bits());
            self.code(code, flag)?;
            self.unfinished.pop();
            return Ok(());
        }
        if let Some(slice) = value.downcast::<Slice>() {
            if self.version < 5 {
                return self.unknown();
            }
            self.writer.byte(code::SLICE | flag);
            let parts = [slice.start.clone(), slice.stop.clone(), slice.step.clone()];
            self.unfinished.push(value.bits());
            self.items(&parts)?;
            self.unfinished.pop();
            return Ok(());
        }
        if Buffer::supported(vm, value) {
            let bytes = Buffer::of(vm, value)?.to_vec();
            let result = self.writer.bytes(&bytes, flag);
            return self.check(result);
        }
        self.unknown()
    }

    fn unknown(&mut self) -> PyResult<()> {
        self.writer.byte(code::UNKNOWN);
        self.unmarshallable = true;
        Ok(())
    }

    /// The elements in the order of what they are stored as, so that equal sets are stored equally.
    fn set(&mut self, elements: Vec<Value>, kind: u8) -> PyResult<()> {
        self.head(kind, elements.len())?;
        let mut keyed = Vec::with_capacity(elements.len());
        for element in elements {
            let mut dumper = Dumper::new(self.vm, self.version, self.allow_code);
            dumper.depth = self.depth;
            dumper.value(&element)?;
            if dumper.unmarshallable {
                return self.unknown();
            }
            keyed.push((dumper.writer.finish(), element));
        }
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        keyed
            .iter()
            .try_for_each(|(_, element)| self.value(element))
    }

    fn code(&mut self, code: &Ref<CodeObject>, flag: u8) -> PyResult<()> {
        let vm = self.vm;
        if !self.allow_code {
            return Err(vm.value_error("marshalling code objects is disallowed"));
        }
        let parts = CodeParts::of(vm, code)?;
        self.writer.byte(code::CODE | flag);
        for number in [
            parts.argcount,
            parts.posonlyargcount,
            parts.kwonlyargcount,
            parts.stacksize,
            parts.flags,
        ] {
            self.writer.long(number as i32);
        }
        let result = self.writer.bytes(&parts.code, 0);
        self.check(result)?;
        self.tuple_head(parts.consts.len(), 0)?;
        self.items(&parts.consts)?;
        self.names(&parts.names)?;
        self.names(&parts.localsplusnames)?;
        let result = self.writer.bytes(&parts.localspluskinds, 0);
        self.check(result)?;
        for text in [&parts.filename, &parts.name, &parts.qualname] {
            self.value(text.as_value())?;
        }
        self.writer.long(parts.firstlineno);
        self.value(parts.linetable.as_value())?;
        self.value(parts.exceptiontable.as_value())
    }

    fn new(vm: &Vm, version: i32, allow_code: bool) -> Dumper<'_> {
        Dumper {
            vm,
            writer: Writer::new(),
            version,
            allow_code,
            unfinished: Vec::new(),
            seen: FxHashMap::default(),
            kept: Vec::new(),
            depth: 0,
            unmarshallable: false,
        }
    }
}

/// An object's marshal data. Raises ValueError for what cannot be stored.
pub fn dump_object(vm: &Vm, value: &Value, version: i32, allow_code: bool) -> PyResult<Vec<u8>> {
    let mut dumper = Dumper::new(vm, version, allow_code);
    dumper.kept.push(value.clone());
    dumper.value(value)?;
    if dumper.unmarshallable {
        return Err(vm.value_error("unmarshallable object"));
    }
    Ok(dumper.writer.finish())
}

/// Makes objects of what is read.
struct Loader<'a> {
    vm: &'a Vm,
    allow_code: bool,
}

fn made<T: naja_heap::Payload>(result: PyResult<Ref<T>>) -> Result<Value, Error> {
    result.map(Ref::into_value).map_err(|Raised| RAISED)
}

impl Builder for Loader<'_> {
    type Value = Value;

    fn none(&mut self) -> Result<Value, Error> {
        Ok(Value::NONE)
    }

    fn bool(&mut self, value: bool) -> Result<Value, Error> {
        Ok(Value::from_bool(value))
    }

    fn ellipsis(&mut self) -> Result<Value, Error> {
        Ok(Value::ELLIPSIS)
    }

    fn stop_iteration(&mut self) -> Result<Value, Error> {
        Ok(self.vm.types.stop_iteration.to_value())
    }

    fn int(&mut self, value: i64) -> Result<Value, Error> {
        self.vm.new_int(value).map_err(|Raised| RAISED)
    }

    fn big_int(&mut self, value: dashu_int::IBig) -> Result<Value, Error> {
        self.vm.new_bigint(value).map_err(|Raised| RAISED)
    }

    fn float(&mut self, value: f64) -> Result<Value, Error> {
        self.vm.new_float(value).map_err(|Raised| RAISED)
    }

    fn complex(&mut self, re: f64, im: f64) -> Result<Value, Error> {
        self.vm.new_complex(re, im).map_err(|Raised| RAISED)
    }

    fn str(&mut self, text: &[u8], interned: bool) -> Result<Value, Error> {
        debug_assert!(is_wtf8(text));
        if interned {
            return Ok(self
                .vm
                .interp
                .interner(|i| i.intern_wtf8(text))
                .into_value());
        }
        made(self.vm.new_str_wtf8(text))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<Value, Error> {
        made(self.vm.new_bytes(bytes))
    }

    fn tuple(&mut self, items: Vec<Value>) -> Result<Value, Error> {
        made(self.vm.new_tuple(items))
    }

    fn frozenset(&mut self, items: Vec<Value>) -> Result<Value, Error> {
        made(FrozenSet::from_values(self.vm, items))
    }

    fn slice(&mut self, parts: [Value; 3]) -> Result<Value, Error> {
        let [start, stop, step] = parts;
        made(Slice::make(self.vm, start, stop, step))
    }

    fn code(&mut self, parts: Stored<Value>) -> Result<Value, Error> {
        if !self.allow_code {
            return Err(NO_CODE);
        }
        code_object(self.vm, parts)
    }

    fn empty(&mut self, kind: u8) -> Result<Value, Error> {
        match kind {
            code::LIST => made(self.vm.new_list(Vec::new())),
            code::DICT => made(self.vm.new_dict()),
            _ => made(Set::new(self.vm)),
        }
    }

    fn replace(&mut self, list: &Value, index: usize, item: Value) -> Result<(), Error> {
        match list.downcast::<List>() {
            Some(list) if list.set(index, item) => Ok(()),
            _ => Err(Error::value("bad marshal data (invalid reference)")),
        }
    }

    fn fill(&mut self, container: &Value, item: Value, value: Option<Value>) -> Result<(), Error> {
        let vm = self.vm;
        let result = if let Some(list) = container.downcast::<List>() {
            list.push(vm, item)
        } else if let Some(set) = container.downcast::<Set>() {
            set.add(vm, &item)
        } else if let (Some(dict), Some(value)) = (container.downcast::<Dict>(), value) {
            dict.set(vm, &item, value)
        } else {
            return Err(Error::value("bad marshal data (unknown type code)"));
        };
        result.map_err(|Raised| RAISED)
    }
}

/// A code object of what was stored of it.
fn code_object(vm: &Vm, stored: Stored<Value>) -> Result<Value, Error> {
    const MALFORMED: Error = Error::value("bad marshal data (malformed code object)");
    let text = |v: &Value| match str_::of(v) {
        Some(text) => Ok(vm.interp.interner(|i| i.intern_ref(text))),
        None => Err(MALFORMED),
    };
    let texts = |v: &Value| {
        let tuple = v.downcast::<Tuple>().ok_or(MALFORMED)?;
        tuple
            .items()
            .iter()
            .map(text)
            .collect::<Result<Vec<_>, Error>>()
    };
    let bytes = |v: &Value| v.downcast::<Bytes>().cloned().ok_or(MALFORMED);
    let count = |n: i32| u32::try_from(n).map_err(|_| MALFORMED);
    let [
        argcount,
        posonlyargcount,
        kwonlyargcount,
        stacksize,
        flags,
        firstlineno,
    ] = stored.numbers;
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
    ] = &stored.objects;
    let parts = CodeParts {
        argcount: count(argcount)?,
        posonlyargcount: count(posonlyargcount)?,
        kwonlyargcount: count(kwonlyargcount)?,
        stacksize: count(stacksize)?,
        flags: flags as u32,
        code: bytes(code)?.as_bytes().to_vec(),
        consts: consts
            .downcast::<Tuple>()
            .ok_or(MALFORMED)?
            .items()
            .to_vec(),
        names: texts(names)?,
        localsplusnames: texts(locals)?,
        localspluskinds: bytes(kinds)?.as_bytes().to_vec(),
        filename: text(filename)?,
        name: text(name)?,
        qualname: text(qualname)?,
        firstlineno,
        linetable: bytes(linetable)?,
        exceptiontable: bytes(exceptions)?,
    };
    made(parts.build(vm))
}

/// The first object in marshal data, and how many bytes it took. Raises EOFError, ValueError, TypeError.
pub fn load_object(vm: &Vm, data: &[u8], allow_code: bool) -> PyResult<(Value, usize)> {
    let mut reader = Reader::new(data);
    match reader.value(&mut Loader { vm, allow_code }) {
        Ok(value) => Ok((value, reader.position())),
        Err(error) => Err(raise(vm, error)),
    }
}

/// Finds how far the first value in a stream reaches, while the stream is still being read.
#[derive(Default)]
struct Skimmer {
    at: usize,
    started: bool,
    open: Vec<Skimmed>,
}

/// What is still to come of an unfinished container.
enum Skimmed {
    Values(usize),
    Dict,
    /// The objects of a code object; a number stands between the eighth and the ninth.
    Code(usize),
}

impl Skimmer {
    /// How many bytes are surely still to be read; None when the value is complete (or damaged: the reader will tell).
    fn missing(&mut self, data: &[u8]) -> Option<usize> {
        while !(self.started && self.open.is_empty()) {
            let mut length = 1;
            let rest = data.get(self.at..).unwrap_or(&[]);
            let lead = match self.open.last() {
                Some(Skimmed::Code(2)) => 4,
                _ => 0,
            };
            length += lead;
            let Some(&head) = rest.get(lead) else {
                return Some(length - rest.len());
            };
            let kind = head & !code::FLAG_REF;
            let fixed = match kind {
                code::INT | code::REF | code::LONG => 4,
                code::INT64 | code::BINARY_FLOAT => 8,
                code::BINARY_COMPLEX => 16,
                code::FLOAT | code::COMPLEX | code::SMALL_TUPLE => 1,
                code::SHORT_ASCII | code::SHORT_ASCII_INTERNED => 1,
                code::STRING | code::INTERNED | code::UNICODE | code::ASCII => 4,
                code::ASCII_INTERNED | code::TUPLE | code::LIST | code::SET => 4,
                code::FROZENSET => 4,
                code::CODE => 20,
                _ => 0,
            };
            let start = length;
            length += fixed;
            let Some(field) = rest.get(start..length) else {
                return Some(length - rest.len());
            };
            let size = match *field {
                [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
                [a] => i32::from(a),
                _ => 0,
            };
            let mut opened = None;
            match kind {
                code::LONG => length += size.unsigned_abs() as usize * 2,
                code::FLOAT | code::SHORT_ASCII | code::SHORT_ASCII_INTERNED => {
                    length += size as usize
                }
                code::STRING
                | code::INTERNED
                | code::UNICODE
                | code::ASCII
                | code::ASCII_INTERNED => length += usize::try_from(size).ok()?,
                code::COMPLEX => {
                    length += size as usize;
                    match rest.get(length) {
                        Some(&second) => length += 1 + usize::from(second),
                        None => return Some(length + 1 - rest.len()),
                    }
                }
                code::TUPLE | code::SMALL_TUPLE | code::LIST | code::SET | code::FROZENSET => {
                    opened = Some(Skimmed::Values(usize::try_from(size).ok()?))
                }
                code::SLICE => opened = Some(Skimmed::Values(3)),
                code::DICT => opened = Some(Skimmed::Dict),
                code::CODE => opened = Some(Skimmed::Code(10)),
                _ => {}
            }
            if rest.len() < length {
                return Some(length - rest.len());
            }
            self.at += length;
            self.started = true;
            self.complete(kind == code::NULL);
            self.open.extend(opened);
            while let Some(Skimmed::Values(0) | Skimmed::Code(0)) = self.open.last() {
                self.open.pop();
            }
        }
        None
    }

    /// A value has been passed: the innermost container waits for one less.
    fn complete(&mut self, null: bool) {
        match self.open.last_mut() {
            Some(Skimmed::Values(n) | Skimmed::Code(n)) => *n -= 1,
            Some(Skimmed::Dict) if null => {
                self.open.pop();
            }
            _ => {}
        }
    }
}

/// This module contains functions that can read and write Python values in
/// a binary format. The format is specific to Python, but independent of
/// machine architecture issues.
#[pymodule(
    name = "marshal",
    doc = "This module contains functions that can read and write Python values in\na binary format. The format is specific to Python, but independent of\nmachine architecture issues.\n\nNot all Python object types are supported; in general, only objects\nwhose value is independent from a particular invocation of Python can be\nwritten and read by this module.\n\nVariables:\n\nversion -- indicates the format that the module uses.\n\nFunctions:\n\ndump() -- write value to a file\nload() -- read value from a file\ndumps() -- marshal value as a bytes object\nloads() -- read value from a bytes-like object"
)]
pub mod module {
    use super::*;
    use naja_bytecode::marshal::VERSION;
    use naja_vm::protocols::attributes;
    use naja_vm::runtime::Access;

    fn check_version(version: Option<i32>) -> i32 {
        version.unwrap_or(VERSION as i32)
    }

    fn audit_dump(vm: &Vm, value: &Value, version: i32) -> PyResult<()> {
        vm.permit(Access::Event(
            "marshal.dumps",
            &[value.clone(), vm.new_int(version.into())?],
        ))
    }

    /// Write the value on the open file.
    ///
    ///   value
    ///     Must be a supported type.
    ///   file
    ///     Must be a writeable binary file.
    ///   version
    ///     Indicates the data format that dump should use.
    ///   allow_code
    ///     Allow to write code objects.
    ///
    /// If the value has (or contains an object that has) an unsupported type, a
    /// ValueError exception is raised.
    #[pyfunction(sig = "($module, value, file, version=version, /, *, allow_code=True)")]
    fn dump(
        vm: &Vm,
        value: &Value,
        file: &Value,
        version: Option<i32>,
        allow_code: Option<bool>,
    ) -> PyResult {
        let version = check_version(version);
        audit_dump(vm, value, version)?;
        let data = dump_object(vm, value, version, allow_code.unwrap_or(true))?;
        let data = vm.new_bytes(&data)?.into_value();
        vm.call_method_str(file, "write", &[data])
    }

    /// Return the bytes object that would be written to a file by dump(value, file).
    ///
    ///   value
    ///     Must be a supported type.
    ///   version
    ///     Indicates the data format that dumps should use.
    ///   allow_code
    ///     Allow to write code objects.
    ///
    /// Raise a ValueError exception if value has (or contains an object that
    /// has) an unsupported type.
    #[pyfunction(sig = "($module, value, version=version, /, *, allow_code=True)")]
    fn dumps(vm: &Vm, value: &Value, version: Option<i32>, allow_code: Option<bool>) -> PyResult {
        let version = check_version(version);
        audit_dump(vm, value, version)?;
        let data = dump_object(vm, value, version, allow_code.unwrap_or(true))?;
        Ok(vm.new_bytes(&data)?.into_value())
    }

    /// Read one value from the open file and return it.
    ///
    ///   file
    ///     Must be readable binary file.
    ///   allow_code
    ///     Allow to load code objects.
    ///
    /// If no valid value is read (e.g. because the data has a different Python
    /// version's incompatible marshal format), raise EOFError, ValueError or
    /// TypeError.
    #[pyfunction(sig = "($module, file, /, *, allow_code=True)")]
    fn load(vm: &Vm, file: &Value, allow_code: Option<bool>) -> PyResult {
        vm.permit(Access::Event("marshal.load", &[]))?;
        // As CPython does, first make sure that this is a binary file.
        let probe = vm.call_method_str(file, "read", &[vm.new_int(0)?])?;
        if probe.downcast::<Bytes>().is_none() {
            return Err(vm.type_error(format!(
                "file.read() returned not bytes but {}",
                vm.type_of(&probe).full_name()
            )));
        }
        let readinto = attributes::get_by(vm, file, "readinto")?;
        let mut data: Vec<u8> = Vec::new();
        let mut skimmer = Skimmer::default();
        while let Some(wanted) = skimmer.missing(&data) {
            let chunk = wanted.min(1 << 20);
            let space = vm.call(vm.types.bytearray.as_value(), &[vm.new_int(chunk as i64)?])?;
            let view = vm.call(vm.types.memoryview.as_value(), std::slice::from_ref(&space))?;
            let count = vm.call(&readinto, &[view])?;
            let count = naja_vm::protocols::number::index_isize(vm, &count)?;
            let count = usize::try_from(count).unwrap_or(0);
            if count > chunk {
                return Err(vm.value_error(format!(
                    "read() returned too much data: {chunk} bytes requested, {count} returned"
                )));
            }
            if count == 0 {
                break;
            }
            Buffer::of(vm, &space)?
                .with(|bytes| data.extend_from_slice(&bytes[..count.min(bytes.len())]));
        }
        load_object(vm, &data, allow_code.unwrap_or(true)).map(|(value, _)| value)
    }

    /// Convert the bytes-like object to a value.
    ///
    ///   allow_code
    ///     Allow to load code objects.
    ///
    /// If no valid value is found, raise EOFError, ValueError or TypeError.
    /// Extra bytes in the input are ignored.
    #[pyfunction(sig = "($module, bytes, /, *, allow_code=True)")]
    fn loads(vm: &Vm, bytes: Buffer, allow_code: Option<bool>) -> PyResult {
        vm.permit(Access::Event(
            "marshal.loads",
            &[vm.new_bytes(&bytes.to_vec())?.into_value()],
        ))?;
        let data = bytes.to_vec();
        load_object(vm, &data, allow_code.unwrap_or(true)).map(|(value, _)| value)
    }

    #[pyattr]
    fn version(vm: &Vm) -> PyResult {
        vm.new_int(VERSION.into())
    }
}
