//! What is searched: a string, or anything with a buffer.
//!
//! A `Held` keeps the text alive and, for buffers, unchanged in size. Strings and bytes are lent directly; other buffers
//! through their owner, during which no Python code may run.

use naja_heap::{Ref, Value};
use naja_sre::Subject;
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::str_::{self, Str};
use naja_vm::{PyResult, Visitor, Vm};

/// A subject being searched.
pub enum Held {
    Str(Ref<Str>),
    Bytes(Ref<Bytes>),
    Buffer(Buffer),
}

impl Held {
    /// The text in `string`. Raises TypeError.
    #[inline]
    pub fn of(vm: &Vm, string: &Value) -> PyResult<Held> {
        if let Some(text) = str_::of(string) {
            return Ok(Held::Str(text.clone()));
        }
        if let Some(bytes) = string.downcast::<Bytes>() {
            return Ok(Held::Bytes(bytes.clone()));
        }
        if !Buffer::supported(vm, string) {
            return Err(vm.type_error(format!(
                "expected string or bytes-like object, got '{}'",
                vm.type_name(string)
            )));
        }
        Buffer::of(vm, string).map(Held::Buffer)
    }

    pub fn is_bytes(&self) -> bool {
        !matches!(self, Held::Str(_))
    }

    /// Length as Python counts it.
    pub fn len(&self) -> usize {
        match self {
            Held::Str(text) => text.char_len(),
            Held::Bytes(bytes) => bytes.as_bytes().len(),
            Held::Buffer(buffer) => buffer.len(),
        }
    }

    /// The byte offset of an index.
    #[inline]
    pub fn offset(&self, index: usize) -> usize {
        match self {
            Held::Str(text) => text.byte_offset(index),
            _ => index,
        }
    }

    /// The part between two byte offsets. `string` is the object that this holds.
    #[inline]
    pub fn slice(&self, vm: &Vm, string: &Value, from: usize, to: usize) -> PyResult {
        match self {
            Held::Str(text) => slice_str(vm, text, from, to),
            Held::Bytes(bytes) => slice_bytes(vm, string, bytes.as_bytes(), from, to),
            Held::Buffer(buffer) => {
                let part = buffer.with(|all| within(all, from, to).to_vec());
                Ok(vm.new_bytes_of(part)?.into_value())
            }
        }
    }

    /// Runs `f` with the subject; the flag tells whether Python code may run meanwhile.
    #[inline]
    pub fn lend<R>(&self, f: impl FnOnce(Subject, bool) -> R) -> R {
        match self {
            Held::Str(text) if text.is_ascii() => f(Subject::Ascii(text.as_bytes()), true),
            Held::Str(text) => f(Subject::Text(text.as_bytes()), true),
            Held::Bytes(bytes) => f(Subject::Bytes(bytes.as_bytes()), true),
            Held::Buffer(buffer) => buffer.with(|all| f(Subject::Bytes(all), false)),
        }
    }

    pub fn traverse(&self, v: &mut Visitor) {
        match self {
            Held::Str(text) => v.reference(text),
            Held::Bytes(bytes) => v.reference(bytes),
            Held::Buffer(buffer) => buffer.traverse(v),
        }
    }
}

fn within(all: &[u8], from: usize, to: usize) -> &[u8] {
    let to = to.min(all.len());
    &all[from.min(to)..to]
}

#[inline]
fn slice_str(vm: &Vm, text: &Ref<Str>, from: usize, to: usize) -> PyResult {
    let part = within(text.as_bytes(), from, to);
    if part.len() == text.byte_len() && vm.type_of(text.as_value()).is(&vm.types.str) {
        return Ok(text.to_value());
    }
    let part = if text.is_ascii() {
        vm.new_ascii_str(part)?
    } else {
        vm.new_str_wtf8(part)?
    };
    Ok(part.into_value())
}

fn slice_bytes(vm: &Vm, string: &Value, all: &[u8], from: usize, to: usize) -> PyResult {
    let part = within(all, from, to);
    if part.len() == all.len() && vm.type_of(string).is(&vm.types.bytes) {
        return Ok(string.clone());
    }
    Ok(vm.new_bytes(part)?.into_value())
}

/// A part of a subject that is not held any more, by byte offsets. Raises what asking for its buffer raises.
pub fn slice(vm: &Vm, string: &Value, from: usize, to: usize) -> PyResult {
    Held::of(vm, string)?.slice(vm, string, from, to)
}

/// The index of a byte offset in a subject.
pub fn index(string: &Value, offset: usize) -> usize {
    match str_::of(string) {
        Some(text) => text.char_index(offset.min(text.byte_len())),
        None => offset,
    }
}
