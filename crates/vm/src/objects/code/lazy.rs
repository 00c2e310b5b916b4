//! Code objects of the embedded library, whose bodies are read from the program's memory when they are first used.
//!
//! Most functions of a module that is imported are never called. Their code objects consist of what stands in the packed
//! head (`naja_bytecode::packed`): calls can be set up with that. A frame of such code starts at an instruction that
//! does not exist, and the evaluation loop's function for those makes the body ([`make_body`]) and starts anew; everybody
//! else comes by the accessors of `CodeObject`, which make it too. Invariant: a body is made once, never changed, and
//! gone only with its code object.

use super::{Body, CodeObject, Table};
use crate::objects::str_::Str;
use crate::vm::{PyResult, Raised, Vm};
use naja_bytecode::packed::{Cursor, Head, tag};
use naja_heap::{Ref, Value};
use std::cell::{Cell, UnsafeCell};

impl CodeObject {
    /// The code of a packed module, with a file name for it and all that it contains. Raises ImportError, MemoryError.
    pub fn from_packed(
        vm: &Vm,
        data: &'static [u8],
        filename: &Ref<Str>,
    ) -> PyResult<Ref<CodeObject>> {
        let reader = Reader { vm, filename };
        let head = Cursor::module(data).and_then(|mut cursor| cursor.head());
        reader.code(data, head.ok_or_else(|| damaged(vm))?)
    }
}

/// Reads the body of code that has none yet. Raises MemoryError.
#[cold]
pub(super) fn make_body(vm: &Vm, code: &CodeObject) -> PyResult<()> {
    let Some(data) = code.packed.get() else {
        return Err(vm.system_error("code object without a body"));
    };
    let filename = code.filename();
    let reader = Reader {
        vm,
        filename: &filename,
    };
    let mut cursor = Cursor::at(data, code.packed_at as usize);
    let body = reader.body(&mut cursor, code.nlocalsplus as usize)?;
    code.set_body(Box::new(body));
    Ok(())
}

/// The first constant of code that has no body yet, made for this occasion.
pub(super) fn first_const(vm: &Vm, code: &CodeObject) -> PyResult {
    let Some(data) = code.packed.get() else {
        return Ok(Value::NONE);
    };
    let filename = code.filename();
    let reader = Reader {
        vm,
        filename: &filename,
    };
    let mut cursor = Cursor::at(data, code.packed_at as usize);
    match cursor.count() {
        Some(0) => Ok(Value::NONE),
        _ => reader.value(&mut cursor),
    }
}

#[cold]
fn damaged(vm: &Vm) -> Raised {
    vm.import_error("damaged code in the embedded library")
}

struct Reader<'a> {
    vm: &'a Vm,
    filename: &'a Ref<Str>,
}

impl Reader<'_> {
    fn want<T>(&self, read: Option<T>) -> PyResult<T> {
        match read {
            Some(read) => Ok(read),
            None => Err(damaged(self.vm)),
        }
    }

    fn name(&self, text: &[u8]) -> Ref<Str> {
        self.vm.interp.interner(|i| i.intern_wtf8(text))
    }

    fn code(&self, data: &'static [u8], head: Head) -> PyResult<Ref<CodeObject>> {
        let [
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            nlocalsplus,
            nlocals,
            ncellvars,
            nfreevars,
            first_traceable,
        ] = head.counts;
        let (name, qualname) = (self.name(head.name), self.name(head.qualname));
        self.vm.new_object(CodeObject {
            packed: Cell::new(Some(data)),
            packed_at: head.body as u32,
            argcount,
            posonlyargcount,
            kwonlyargcount,
            exact_args: super::exact_args(argcount, kwonlyargcount, flags),
            stacksize,
            frame_bytes: super::frame_bytes(nlocalsplus, stacksize),
            flags,
            nlocalsplus,
            nlocals,
            ncellvars,
            nfreevars,
            firstlineno: head.firstlineno,
            first_traceable,
            ..CodeObject::empty(self.filename.clone(), name, qualname)
        })
    }

    fn body(&self, cursor: &mut Cursor<'static>, variables: usize) -> PyResult<Body> {
        let consts = self.values(cursor)?.into();
        let names = self.want(cursor.count())?;
        let mut texts = |count: usize| {
            let mut texts = Vec::with_capacity(count);
            for _ in 0..count {
                texts.push(self.name(self.want(cursor.bytes())?));
            }
            Ok(texts.into_boxed_slice())
        };
        let (names, localsplusnames) = (texts(names)?, texts(variables)?);
        let localspluskinds = self.want(cursor.take(variables))?.into();
        let linetable = Table::Fixed(self.want(cursor.line_table())?);
        let exceptiontable = Table::Fixed(self.want(cursor.bytes())?);
        let units = self.want(cursor.units())?.chunks_exact(2);
        let units = units.map(|unit| UnsafeCell::new(u16::from_le_bytes([unit[0], unit[1]])));
        Ok(Body {
            units: units.collect(),
            consts,
            names,
            localsplusnames,
            localspluskinds,
            linetable,
            exceptiontable,
            unsound: None,
        })
    }

    fn values(&self, cursor: &mut Cursor<'static>) -> PyResult<Vec<Value>> {
        let count = self.want(cursor.count())?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(self.value(cursor)?);
        }
        Ok(values)
    }

    fn value(&self, cursor: &mut Cursor<'static>) -> PyResult {
        let vm = self.vm;
        Ok(match self.want(cursor.byte())? {
            tag::NONE => Value::NONE,
            tag::TRUE => Value::TRUE,
            tag::FALSE => Value::FALSE,
            tag::ELLIPSIS => Value::ELLIPSIS,
            tag::INT => vm.new_int(self.want(cursor.signed())?)?,
            tag::BIG_INT => vm.new_bigint(self.want(cursor.big_int())?)?,
            tag::FLOAT => vm.new_float(self.want(cursor.float())?)?,
            tag::COMPLEX => {
                let re = self.want(cursor.float())?;
                vm.new_complex(re, self.want(cursor.float())?)?
            }
            tag::STR => vm.new_str_wtf8(self.want(cursor.bytes())?)?.into_value(),
            tag::NAME => self.name(self.want(cursor.bytes())?).into_value(),
            tag::BYTES => vm.new_bytes(self.want(cursor.bytes())?)?.into_value(),
            tag::TUPLE => vm.new_tuple(self.values(cursor)?)?.into_value(),
            tag::FROZENSET => {
                let items = self.values(cursor)?;
                crate::objects::set::FrozenSet::from_values(vm, items)?.into_value()
            }
            tag::SLICE => {
                let (start, stop) = (self.value(cursor)?, self.value(cursor)?);
                let step = self.value(cursor)?;
                crate::objects::slice::Slice::make(vm, start, stop, step)?.into_value()
            }
            tag::CODE => {
                let head = self.want(cursor.head())?;
                self.code(cursor.data(), head)?.into_value()
            }
            _ => return Err(damaged(vm)),
        })
    }
}
