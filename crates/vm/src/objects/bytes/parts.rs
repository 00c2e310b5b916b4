//! What the methods of `bytes` and `bytearray` work on: the bytes of either, and their arguments, converted.
//!
//! Invariant: nothing of Python runs while bytes are lent ([`BytesLike::view`]); while a [`Hold`] lives their number stays.

use super::Bytes;
use crate::objects::buffer::Buffer;
use crate::protocols::number;
use crate::vm::{PyResult, Vm};
use naja_heap::{Payload, Ref, Value};
use std::cell::Cell;
use std::ops::Range;

/// `bytes` or `bytearray`.
pub trait BytesLike: Payload {
    /// Lends the bytes. No Python code may run inside.
    fn view<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R;
    /// A new object of the built-in class itself.
    fn make(vm: &Vm, data: Vec<u8>) -> PyResult;
    /// A copy of a part, as far as it is there.
    fn part(zelf: &Ref<Self>, vm: &Vm, range: Range<usize>) -> PyResult;
    /// Two runs of bytes after each other.
    fn joined(vm: &Vm, a: &Part, b: &Part) -> PyResult {
        let mut out = room(vm, a.len().saturating_add(b.len()))?;
        a.with(|a| out.extend_from_slice(a));
        b.with(|b| out.extend_from_slice(b));
        Self::make(vm, out)
    }
    /// What a method gives back that changes nothing: the object where it cannot change, else a copy.
    fn unchanged(zelf: &Ref<Self>, vm: &Vm) -> PyResult;
    /// The count of buffers lent, where there is one.
    fn exports(&self) -> Option<&Cell<usize>> {
        None
    }
    /// Bytes of an object without those it holds, as CPython counts them.
    fn size(&self) -> usize;
}

/// As long as this lives the size of the bytes cannot change, whatever Python code runs meanwhile.
pub struct Hold<'a>(Option<&'a Cell<usize>>);

impl<'a> Hold<'a> {
    pub fn of<T: BytesLike>(zelf: &'a T) -> Hold<'a> {
        let exports = zelf.exports();
        if let Some(n) = exports {
            n.set(n.get() + 1)
        }
        Hold(exports)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if let Some(n) = self.0 {
            n.set(n.get().saturating_sub(1))
        }
    }
}

/// Bytes to look for, or to put in.
pub enum Part {
    Byte(u8),
    Bytes(Ref<Bytes>),
    Buffer(Buffer),
}

impl Part {
    /// A bytes-like object. Raises TypeError.
    pub fn of(vm: &Vm, value: &Value) -> PyResult<Part> {
        match value.downcast::<Bytes>() {
            Some(bytes) => Ok(Part::Bytes(bytes.clone())),
            None => Buffer::of(vm, value).map(Part::Buffer),
        }
    }

    /// A bytes-like object, or None where the value is none.
    #[inline]
    pub fn of_optional(vm: &Vm, value: &Value) -> PyResult<Option<Part>> {
        if let Some(bytes) = value.downcast::<Bytes>() {
            return Ok(Some(Part::Bytes(bytes.clone())));
        }
        if Buffer::supported(vm, value) {
            Part::of(vm, value).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A bytes-like object or an int.
    pub(super) fn needle(vm: &Vm, value: &Value) -> PyResult<Part> {
        if Buffer::supported(vm, value) {
            return Part::of(vm, value);
        }
        if !number::has_index(vm, value) {
            return Err(vm.type_error(format!(
                "argument should be integer or bytes-like object, not '{}'",
                vm.type_of(value).full_name()
            )));
        }
        byte(vm, value).map(Part::Byte)
    }

    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Part::Byte(byte) => f(std::slice::from_ref(byte)),
            Part::Bytes(bytes) => f(bytes.as_bytes()),
            Part::Buffer(buffer) => buffer.with(f),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        match self {
            Part::Byte(_) => 1,
            Part::Bytes(bytes) => bytes.as_bytes().len(),
            Part::Buffer(buffer) => buffer.len(),
        }
    }
}

/// An int as a byte. Raises TypeError, ValueError.
pub fn byte(vm: &Vm, value: &Value) -> PyResult<u8> {
    match number::index_i64(vm, value)?.map(u8::try_from) {
        Some(Ok(byte)) => Ok(byte),
        _ => Err(vm.value_error("byte must be in range(0, 256)")),
    }
}

/// A vector for `size` bytes. Raises MemoryError.
pub fn room(vm: &Vm, size: usize) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    match out.try_reserve_exact(vm.check_size(Some(size))?) {
        Ok(()) => Ok(out),
        Err(_) => Err(vm.memory_error("")),
    }
}

/// `start` and `end` of a search, not yet fitted to a length.
pub struct Bounds(isize, isize);

impl Bounds {
    pub fn of(vm: &Vm, start: Option<&Value>, end: Option<&Value>) -> PyResult<Bounds> {
        let bound = |v: Option<&Value>, default: isize| match v.filter(|v| !v.is_none()) {
            Some(v) => {
                if !number::has_index(vm, v) {
                    return Err(vm.type_error(
                        "slice indices must be integers or None or have an __index__ method",
                    ));
                }
                number::index_clipped(vm, v)
            }
            None => Ok(default),
        };
        Ok(Bounds(bound(start, 0)?, bound(end, isize::MAX)?))
    }

    /// The part of `len` items meant; None where it starts behind its end.
    pub fn fit(&self, len: usize) -> Option<Range<usize>> {
        let len = len as isize;
        let fit = |n: isize| if n < 0 { (n + len).max(0) } else { n };
        let (start, end) = (fit(self.0), fit(self.1.min(len)));
        (start <= end).then_some(start as usize..end as usize)
    }
}
