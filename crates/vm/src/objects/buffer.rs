//! The buffer protocol: memory that an object lends. CPython: PEP 3118, PEP 688, Objects/abstract.c.
//!
//! A [`Buffer`] names its owner and how to reach the owner's bytes; it holds no pointer. Each access asks the owner
//! again ([`BufferOps`]), so nothing dangles whatever Python code does meanwhile. The owner counts its buffers and
//! refuses to change its size while there are any; dropping the last clone of a `Buffer` ends the export.
//! Invariant: `offset + (extent of shape and strides)` lies within the owner's bytes.

use crate::Visitor;
use crate::function::{FromArg, Signature};
use crate::objects::bytearray::ByteArray;
use crate::objects::bytes::Bytes;
use crate::objects::type_::TypeFlags;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use std::borrow::Cow;
use std::ops::Deref;
use std::rc::Rc;

#[path = "buffer_python.rs"]
pub mod python;

/// What the consumer of a buffer asks for (`PyBUF_*`).
pub mod flags {
    pub const SIMPLE: u32 = 0;
    pub const WRITABLE: u32 = 1;
    pub const FORMAT: u32 = 4;
    pub const ND: u32 = 8;
    pub const STRIDES: u32 = 0x10 | ND;
    pub const C_CONTIGUOUS: u32 = 0x20 | STRIDES;
    pub const F_CONTIGUOUS: u32 = 0x40 | STRIDES;
    pub const ANY_CONTIGUOUS: u32 = 0x80 | STRIDES;
    pub const INDIRECT: u32 = 0x100 | STRIDES;
    pub const FULL_RO: u32 = INDIRECT | FORMAT;
    pub const FULL: u32 = FULL_RO | WRITABLE;
}

/// How to reach an owner's bytes, and what to do when an export ends.
pub struct BufferOps {
    /// Lends all the owner's bytes for reading; calls the function once. No Python code runs inside.
    pub with: fn(&Value, &mut dyn FnMut(&[u8])),
    /// Lends them for writing; never called where the buffer is read-only.
    pub with_mut: fn(&Value, &mut dyn FnMut(&mut [u8])),
    /// Ends an export: the owner counts down.
    pub release: fn(&Value),
}

/// One export: ends when the last buffer made from it is dropped.
struct Export {
    owner: Value,
    ops: &'static BufferOps,
}

impl Drop for Export {
    fn drop(&mut self) {
        (self.ops.release)(&self.owner)
    }
}

/// Memory lent by `object`, as `Py_buffer` describes it.
#[derive(Clone)]
pub struct Buffer {
    /// The object that the bytes belong to (`view.obj`).
    pub object: Value,
    export: Rc<Export>,
    pub readonly: bool,
    /// Where the first item lies in the owner's bytes.
    pub offset: usize,
    /// Bytes of all items together.
    pub len: usize,
    pub itemsize: usize,
    /// Format of an item in the notation of the module `struct`.
    pub format: Cow<'static, str>,
    pub shape: Vec<isize>,
    pub strides: Vec<isize>,
}

impl Buffer {
    /// A one-dimensional export of `len` unsigned bytes, which the owner has counted already.
    pub fn export(owner: Value, ops: &'static BufferOps, len: usize, readonly: bool) -> Buffer {
        Buffer {
            object: owner.clone(),
            export: Rc::new(Export { owner, ops }),
            readonly,
            offset: 0,
            len,
            itemsize: 1,
            format: Cow::Borrowed("B"),
            shape: vec![len as isize],
            strides: vec![1],
        }
    }

    /// The same memory seen as items of another kind.
    pub fn with_layout(
        mut self,
        format: impl Into<Cow<'static, str>>,
        itemsize: usize,
        shape: Vec<isize>,
        strides: Vec<isize>,
    ) -> Buffer {
        self.len = shape.iter().map(|&n| n.max(0) as usize).product::<usize>() * itemsize;
        self.format = format.into();
        self.itemsize = itemsize;
        self.shape = shape;
        self.strides = strides;
        self
    }

    /// The buffer of any object, as asked for by `flags`. Raises TypeError "a bytes-like object is required, ...",
    /// BufferError, and what a class's `__buffer__` raises.
    pub fn get(vm: &Vm, value: &Value, flags: u32) -> PyResult<Buffer> {
        let ty = vm.type_of(value);
        match ty.slots.get_buffer.get() {
            Some(get) if ty.flag(TypeFlags::HEAPTYPE) => {
                let buffer = get(vm, value, flags)?;
                python::watch_release(vm, value, buffer)
            }
            Some(get) => get(vm, value, flags),
            None => Err(vm.type_error(format!(
                "a bytes-like object is required, not '{}'",
                vm.type_name(value)
            ))),
        }
    }

    /// Whether the object has a buffer at all.
    pub fn supported(vm: &Vm, value: &Value) -> bool {
        vm.type_of(value).slots.get_buffer.get().is_some()
    }

    /// The contiguous bytes of a bytes-like object. Raises TypeError, BufferError.
    pub fn of(vm: &Vm, value: &Value) -> PyResult<Buffer> {
        let buffer = Buffer::get(vm, value, flags::SIMPLE)?;
        if buffer.is_c_contiguous() {
            Ok(buffer)
        } else {
            Err(vm.buffer_error("memoryview: underlying buffer is not C-contiguous"))
        }
    }

    /// As [`Buffer::of`], for writing. Raises TypeError, BufferError.
    pub fn writable(vm: &Vm, value: &Value) -> PyResult<Buffer> {
        let buffer = Buffer::get(vm, value, flags::WRITABLE)?;
        if buffer.readonly {
            Err(vm.buffer_error("Object is not writable."))
        } else if buffer.is_c_contiguous() {
            Ok(buffer)
        } else {
            Err(vm.buffer_error("memoryview: underlying buffer is not C-contiguous"))
        }
    }

    /// Number of bytes of all items.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Whether the items lie one after the other, the last dimension varying fastest.
    pub fn is_c_contiguous(&self) -> bool {
        self.is_contiguous(self.shape.iter().zip(&self.strides).rev())
    }

    /// Whether the items lie one after the other, the first dimension varying fastest.
    pub fn is_f_contiguous(&self) -> bool {
        self.is_contiguous(self.shape.iter().zip(&self.strides))
    }

    fn is_contiguous<'a>(&self, dims: impl Iterator<Item = (&'a isize, &'a isize)>) -> bool {
        if self.len == 0 {
            return true;
        }
        let mut expected = self.itemsize as isize;
        for (&n, &stride) in dims {
            if n > 1 && stride != expected {
                return false;
            }
            expected = expected.saturating_mul(n);
        }
        true
    }

    /// Lends the bytes of a contiguous buffer. The closure must not run Python.
    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.with_owner(|all| f(part(all, self.offset, self.len)))
    }

    /// Where the bytes of a contiguous buffer begin. They stay there as long as this buffer lives, also while other threads
    /// run: for calls of the system. Only where the buffer is writable may they be written to.
    pub fn address(&self) -> *mut u8 {
        if self.readonly {
            return self.with(|bytes| bytes.as_ptr().cast_mut());
        }
        self.with_mut(|bytes| bytes.as_mut_ptr())
    }

    /// Lends the bytes of a contiguous buffer for writing; an empty slice where it is read-only.
    pub fn with_mut<R>(&self, f: impl FnOnce(&mut [u8]) -> R) -> R {
        self.with_owner_mut(|all| {
            let end = self.offset.saturating_add(self.len).min(all.len());
            let start = self.offset.min(end);
            f(&mut all[start..end])
        })
    }

    /// Lends all the owner's bytes: item (i, j, ...) is at `offset + i * strides[0] + j * strides[1] + ...`.
    pub fn with_owner<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let (mut f, mut result) = (Some(f), None);
        (self.export.ops.with)(&self.export.owner, &mut |all| {
            if let Some(f) = f.take() {
                result = Some(f(all))
            }
        });
        match (result, f) {
            (Some(result), _) => result,
            (None, Some(f)) => f(&[]),
            (None, None) => unreachable!("the function has run"),
        }
    }

    /// As [`Buffer::with_owner`] for writing; an empty slice where the buffer is read-only.
    pub fn with_owner_mut<R>(&self, f: impl FnOnce(&mut [u8]) -> R) -> R {
        if self.readonly {
            return f(&mut []);
        }
        let (mut f, mut result) = (Some(f), None);
        (self.export.ops.with_mut)(&self.export.owner, &mut |all| {
            if let Some(f) = f.take() {
                result = Some(f(all))
            }
        });
        match (result, f) {
            (Some(result), _) => result,
            (None, Some(f)) => f(&mut []),
            (None, None) => unreachable!("the function has run"),
        }
    }

    /// A `bytes` object with the same bytes, if there is one already: what is lent is all of a `bytearray` that shares it.
    pub fn shared_bytes(&self) -> Option<Ref<Bytes>> {
        let array = self.export.owner.downcast::<ByteArray>()?;
        let shared = array.as_shared()?;
        let all = self.offset == 0 && self.len == shared.as_bytes().len();
        (all && self.is_c_contiguous()).then_some(shared)
    }

    /// A copy of the items' bytes in C order, whatever the strides.
    pub fn to_vec(&self) -> Vec<u8> {
        if self.is_c_contiguous() {
            return self.with(<[u8]>::to_vec);
        }
        let mut out = Vec::with_capacity(self.len);
        self.with_owner(|all| self.copy_items(all, 0, self.offset as isize, &mut out));
        out
    }

    /// As [`Buffer::to_vec`] in Fortran's order, the first dimension varying fastest.
    pub fn to_vec_fortran(&self) -> Vec<u8> {
        let mut flipped = self.clone();
        flipped.shape.reverse();
        flipped.strides.reverse();
        flipped.to_vec()
    }

    /// Writes the items, whose bytes are given in C order, whatever the strides.
    pub fn write_items(&self, items: &[u8]) {
        let mut places = Vec::new();
        self.places(0, self.offset as isize, &mut places);
        self.with_owner_mut(|all| {
            for (at, item) in places
                .into_iter()
                .zip(items.chunks_exact(self.itemsize.max(1)))
            {
                if let Some(to) = all.get_mut(at..at + item.len()) {
                    to.copy_from_slice(item)
                }
            }
        })
    }

    /// Where each item lies, in C order.
    fn places(&self, dim: usize, at: isize, out: &mut Vec<usize>) {
        if dim == self.shape.len() {
            out.push(at.max(0) as usize);
            return;
        }
        for i in 0..self.shape[dim] {
            self.places(dim + 1, at + i * self.strides[dim], out)
        }
    }

    /// Shows the collector the references held. (The owner's one only if it is this buffer's alone: it counts once.)
    pub fn traverse(&self, v: &mut Visitor) {
        v.value(&self.object);
        if Rc::strong_count(&self.export) == 1 {
            v.value(&self.export.owner)
        }
    }

    fn copy_items(&self, all: &[u8], dim: usize, at: isize, out: &mut Vec<u8>) {
        if dim == self.shape.len() {
            out.extend_from_slice(part(all, at.max(0) as usize, self.itemsize));
            return;
        }
        for i in 0..self.shape[dim] {
            self.copy_items(all, dim + 1, at + i * self.strides[dim], out)
        }
    }
}

fn part(all: &[u8], offset: usize, len: usize) -> &[u8] {
    let end = offset.saturating_add(len).min(all.len());
    &all[offset.min(end)..end]
}

impl FromArg<'_> for Buffer {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        Buffer::of(vm, value)
    }
}

/// An argument whose bytes are read: a plain `bytes` object as it is, which is quicker, and the buffer of anything else.
pub enum BytesLike {
    Bytes(Ref<Bytes>),
    Buffer(Buffer),
}

impl BytesLike {
    /// Lends the bytes. The closure must not run Python.
    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            BytesLike::Bytes(bytes) => f(bytes.as_bytes()),
            BytesLike::Buffer(buffer) => buffer.with(f),
        }
    }

    /// The bytes of any bytes-like object. Raises TypeError, BufferError.
    pub fn of(vm: &Vm, value: &Value) -> PyResult<BytesLike> {
        match value.downcast::<Bytes>() {
            Some(bytes) if vm.type_of(value).is(&vm.types.bytes) => {
                Ok(BytesLike::Bytes(bytes.clone()))
            }
            _ => Buffer::of(vm, value).map(BytesLike::Buffer),
        }
    }
}

impl FromArg<'_> for BytesLike {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        BytesLike::of(vm, value)
    }
}

/// An argument that is written to.
#[derive(Clone)]
pub struct WritableBuffer(pub Buffer);

impl Deref for WritableBuffer {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        &self.0
    }
}

impl FromArg<'_> for WritableBuffer {
    fn from_arg(vm: &Vm, value: &Value, sig: &Signature, index: usize) -> PyResult<Self> {
        match Buffer::supported(vm, value)
            .then(|| Buffer::writable(vm, value))
            .transpose()
        {
            Ok(Some(buffer)) => Ok(WritableBuffer(buffer)),
            Err(raised) if !vm.exception_matches(&vm.types.buffer_error) => Err(raised),
            other => {
                if other.is_err() {
                    vm.clear_exception()
                }
                Err(crate::function::wrong_type(
                    vm,
                    value,
                    sig,
                    index,
                    "read-write bytes-like object",
                ))
            }
        }
    }
}

fn with_bytes(owner: &Value, f: &mut dyn FnMut(&[u8])) {
    if let Some(bytes) = owner.downcast::<Bytes>() {
        f(bytes.as_bytes())
    }
}

/// The buffer of a `bytes` object.
pub static BYTES_OPS: BufferOps = BufferOps {
    with: with_bytes,
    with_mut: |_, _| {},
    release: |_| {},
};

/// Raises BufferError where the consumer wants to write to what is read-only.
pub fn refuse_writing(vm: &Vm, wanted: u32) -> PyResult<()> {
    if wanted & flags::WRITABLE != 0 {
        return Err(vm.buffer_error("Object is not writable."));
    }
    Ok(())
}
