//! `MemoryBIO`: a queue of bytes between TLS and whoever carries them.
//!
//! Invariant: once `write_eof` was called nothing more is written. CPython: the MemoryBIO part of Modules/_ssl.c.

use super::errors;
use naja_heap::{MutCell, Ref};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;
use std::collections::VecDeque;

#[pyclass(name = "MemoryBIO", module = "_ssl", flags(IMMUTABLE))]
pub struct MemoryBio {
    bytes: MutCell<VecDeque<u8>>,
    eof_written: Cell<bool>,
}

impl MemoryBio {
    /// Takes up to `limit` bytes from the front.
    pub fn take(&self, limit: usize) -> Vec<u8> {
        self.bytes.with_mut(|bytes| {
            let count = limit.min(bytes.len());
            bytes.drain(..count).collect()
        })
    }

    /// Adds bytes at the end.
    pub fn put(&self, data: &[u8]) {
        self.bytes.with_mut(|bytes| bytes.extend(data));
    }

    /// Whether nothing is there and nothing will come.
    pub fn at_eof(&self) -> bool {
        self.eof_written.get() && self.bytes.with(VecDeque::is_empty)
    }
}

#[pymethods]
impl MemoryBio {
    #[pyslot(sig = "()")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if !args.is_empty() {
            return Err(vm.type_error("MemoryBIO() takes no arguments"));
        }
        let made = MemoryBio {
            bytes: MutCell::new(VecDeque::new()),
            eof_written: Cell::new(false),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Read up to size bytes from the memory BIO.
    ///
    /// If size is not specified, read the entire buffer.
    /// If the return value is an empty bytes instance, this means either
    /// EOF or that no data is available. Use the "eof" property to
    /// distinguish between the two.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(&self, vm: &Vm, #[default(-1)] size: i32) -> PyResult {
        let limit = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(vm.new_bytes_of(self.take(limit))?.into_value())
    }

    /// Writes the bytes b into the memory BIO.
    ///
    /// Returns the number of bytes written.
    #[pymethod(sig = "($self, b, /)")]
    fn write(&self, vm: &Vm, b: Buffer) -> PyResult<usize> {
        if self.eof_written.get() {
            return Err(errors::plain(vm, "cannot write() after write_eof()"));
        }
        let data = b.to_vec();
        self.put(&data);
        Ok(data.len())
    }

    /// Write an EOF marker to the memory BIO.
    ///
    /// When all data has been read, the "eof" property will be True.
    #[pymethod(sig = "($self, /)")]
    fn write_eof(&self) {
        self.eof_written.set(true);
    }

    /// The number of bytes pending in the memory BIO.
    #[pygetter]
    fn pending(&self) -> usize {
        self.bytes.with(VecDeque::len)
    }

    /// Whether the memory BIO is at EOF.
    #[pygetter]
    fn eof(&self) -> bool {
        self.at_eof()
    }
}
