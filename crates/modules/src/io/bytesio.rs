//! `BytesIO`: a buffered stream in memory. CPython: Modules/_io/bytesio.c.
//!
//! Invariant: the size does not change while buffers are lent (`getbuffer`); `data` is None once closed.

use super::base::BufferedIoBase;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::{Buffer, BufferOps, WritableBuffer};
use naja_vm::bytes::Bytes;
use naja_vm::dict::Dict;
use naja_vm::protocols::{iterator, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Buffered I/O implementation using an in-memory bytes buffer.
#[pyclass(
    name = "BytesIO",
    module = "_io",
    extends = "BufferedIoBase",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct BytesIo {
    base: BufferedIoBase,
    data: MutCell<Option<Vec<u8>>>,
    position: Cell<usize>,
    exports: Cell<usize>,
}

impl Default for BytesIo {
    fn default() -> BytesIo {
        BytesIo {
            base: BufferedIoBase::default(),
            data: MutCell::new(Some(Vec::new())),
            position: Cell::new(0),
            exports: Cell::new(0),
        }
    }
}

impl BytesIo {
    fn check_open(&self, vm: &Vm) -> PyResult<()> {
        if self.data.with(Option::is_none) {
            return Err(super::closed_error(vm));
        }
        Ok(())
    }

    fn check_exports(&self, vm: &Vm) -> PyResult<()> {
        self.check_open(vm)?;
        if self.exports.get() > 0 {
            return Err(vm.buffer_error("Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }

    fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.data.with(|d| f(d.as_deref().unwrap_or(&[])))
    }

    /// The bytes from the position on, at most so many; moves the position.
    fn take(&self, vm: &Vm, limit: Option<usize>) -> PyResult {
        let start = self.position.get();
        let (bytes, len) = self.with(|d| {
            let rest = d.get(start..).unwrap_or(&[]);
            let part = &rest[..limit.unwrap_or(rest.len()).min(rest.len())];
            (vm.new_bytes(part), part.len())
        });
        let bytes = bytes?;
        self.position.set(start + len);
        Ok(bytes.into_value())
    }

    fn line(&self, limit: Option<usize>) -> Vec<u8> {
        let start = self.position.get();
        let line = self.with(|d| {
            let rest = d.get(start..).unwrap_or(&[]);
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            rest[..end.min(limit.unwrap_or(end))].to_vec()
        });
        self.position.set(start + line.len());
        line
    }

    fn write_slice(&self, vm: &Vm, new: &[u8]) -> PyResult<()> {
        if new.is_empty() {
            return Ok(());
        }
        let start = self.position.get();
        let end = vm.check_size(start.checked_add(new.len()))?;
        self.data.with_mut(|d| {
            if let Some(d) = d {
                if d.len() < end {
                    d.resize(end, 0);
                }
                d[start..end].copy_from_slice(new);
            }
        });
        self.position.set(end);
        Ok(())
    }
}

#[pymethods]
impl BytesIo {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, BytesIo::default())?.into_value())
    }

    #[pyslot(sig = "(initial_bytes=b'')")]
    fn init(zelf: &Ref<Self>, vm: &Vm, initial_bytes: Option<&Value>) -> PyResult<()> {
        let data = match initial_bytes.filter(|v| !v.is_none()) {
            Some(value) => Buffer::of(vm, value)?.to_vec(),
            None => Vec::new(),
        };
        if zelf.exports.get() > 0 {
            return Err(vm.buffer_error("Existing exports of data: object cannot be re-sized"));
        }
        zelf.data.set(Some(data));
        zelf.position.set(0);
        Ok(())
    }

    /// True if the file is closed.
    #[pygetter]
    fn closed(&self) -> bool {
        self.data.with(Option::is_none)
    }

    /// Returns True if the IO object can be read.
    #[pymethod(sig = "($self, /)")]
    fn readable(&self, vm: &Vm) -> PyResult<bool> {
        self.check_open(vm)?;
        Ok(true)
    }

    /// Returns True if the IO object can be written.
    #[pymethod(sig = "($self, /)")]
    fn writable(&self, vm: &Vm) -> PyResult<bool> {
        self.check_open(vm)?;
        Ok(true)
    }

    /// Returns True if the IO object can be seeked.
    #[pymethod(sig = "($self, /)")]
    fn seekable(&self, vm: &Vm) -> PyResult<bool> {
        self.check_open(vm)?;
        Ok(true)
    }

    /// Does nothing.
    #[pymethod(sig = "($self, /)")]
    fn flush(&self, vm: &Vm) -> PyResult<()> {
        self.check_open(vm)
    }

    /// Get a read-write view over the contents of the BytesIO object.
    #[pymethod(sig = "($self, /)")]
    fn getbuffer(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.check_open(vm)?;
        let lender = vm.new_object(BytesIoBuffer {
            source: zelf.clone(),
        })?;
        vm.call(vm.types.memoryview.as_value(), &[lender.into_value()])
    }

    /// Retrieve the entire contents of the BytesIO object.
    #[pymethod(sig = "($self, /)")]
    fn getvalue(&self, vm: &Vm) -> PyResult {
        self.check_open(vm)?;
        Ok(vm.new_bytes_of(self.with(<[u8]>::to_vec))?.into_value())
    }

    /// Always returns False.
    ///
    /// BytesIO objects are not connected to a TTY-like device.
    #[pymethod(sig = "($self, /)")]
    fn isatty(&self, vm: &Vm) -> PyResult<bool> {
        self.check_open(vm)?;
        Ok(false)
    }

    /// Current file position, an integer.
    #[pymethod(sig = "($self, /)")]
    fn tell(&self, vm: &Vm) -> PyResult<usize> {
        self.check_open(vm)?;
        Ok(self.position.get())
    }

    /// Read at most size bytes, returned as a bytes object.
    ///
    /// If the size argument is negative, read until EOF is reached.
    /// Return an empty bytes object at EOF.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?;
        self.check_open(vm)?;
        self.take(vm, limit)
    }

    /// Read at most size bytes, returned as a bytes object.
    ///
    /// If the size argument is negative or omitted, read until EOF is reached.
    /// Return an empty bytes object at EOF.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read1(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        self.read(vm, size)
    }

    /// Return bytes from the stream without advancing the position.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn readline(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?;
        self.check_open(vm)?;
        Ok(vm.new_bytes_of(self.line(limit))?.into_value())
    }

    /// List of bytes objects, each a line from the object.
    ///
    /// Call readline() repeatedly and return a list of the lines so read.
    /// The optional size argument, if given, is an approximate bound on the
    /// total number of bytes in the lines returned.
    #[pymethod(sig = "($self, size=None, /)")]
    fn readlines(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?.filter(|&n| n > 0);
        self.check_open(vm)?;
        let (mut lines, mut total) = (Vec::new(), 0);
        loop {
            let line = self.line(None);
            if line.is_empty() {
                break;
            }
            total += line.len();
            lines.push(vm.new_bytes_of(line)?.into_value());
            if limit.is_some_and(|limit| total >= limit) {
                break;
            }
        }
        Ok(vm.new_list(lines)?.into_value())
    }

    /// Read bytes into buffer.
    ///
    /// Returns number of bytes read (0 for EOF), or None if the object
    /// is set not to block and has no data to read.
    #[pymethod(sig = "($self, buffer, /)")]
    fn readinto(&self, vm: &Vm, buffer: WritableBuffer) -> PyResult<usize> {
        self.check_open(vm)?;
        let start = self.position.get();
        let data = self.with(|d| {
            let rest = d.get(start..).unwrap_or(&[]);
            rest[..rest.len().min(buffer.len())].to_vec()
        });
        buffer.with_mut(|b| b[..data.len()].copy_from_slice(&data));
        self.position.set(start + data.len());
        Ok(data.len())
    }

    /// Truncate the file to at most size bytes.
    ///
    /// Size defaults to the current file position, as returned by tell().
    /// The current file position is unchanged.  Returns the new size.
    #[pymethod(sig = "($self, size=None, /)")]
    fn truncate(&self, vm: &Vm, size: Option<&Value>) -> PyResult<usize> {
        self.check_exports(vm)?;
        let size = match size.filter(|s| !s.is_none()) {
            None => self.position.get(),
            Some(size) => {
                let n = number::index_isize(vm, size)?;
                usize::try_from(n)
                    .map_err(|_| vm.value_error(format!("negative size value {n}")))?
            }
        };
        // The argument's `__index__` may have closed the stream or lent its buffer.
        self.check_exports(vm)?;
        self.data.with_mut(|d| {
            if let Some(d) = d {
                d.truncate(size)
            }
        });
        Ok(size)
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.check_open(vm)?;
        let line = zelf.line(None);
        if line.is_empty() {
            return Ok(None);
        }
        Ok(Some(vm.new_bytes_of(line)?.into_value()))
    }

    /// Change stream position.
    ///
    /// Seek to byte offset pos relative to position indicated by whence:
    ///      0  Start of stream (the default).  pos should be >= 0;
    ///      1  Current position - pos may be negative;
    ///      2  End of stream - pos usually negative.
    /// Returns the new absolute position.
    #[pymethod(sig = "($self, pos, whence=0, /)")]
    fn seek(&self, vm: &Vm, pos: isize, whence: Option<i32>) -> PyResult<usize> {
        self.check_open(vm)?;
        let base = match whence.unwrap_or(0) {
            0 if pos < 0 => return Err(vm.value_error(format!("negative seek value {pos}"))),
            0 => 0,
            1 => self.position.get(),
            2 => self.with(<[u8]>::len),
            other => {
                return Err(
                    vm.value_error(format!("invalid whence ({other}, should be 0, 1 or 2)"))
                );
            }
        };
        let Some(new) = (base as isize).checked_add(pos) else {
            return Err(vm.overflow_error("new position too large"));
        };
        self.position.set(new.max(0) as usize);
        Ok(self.position.get())
    }

    /// Write bytes to file.
    ///
    /// Return the number of bytes written.
    #[pymethod(sig = "($self, b, /)")]
    fn write(&self, vm: &Vm, b: &Value) -> PyResult<usize> {
        self.check_exports(vm)?;
        if let Some(bytes) = b.downcast::<Bytes>() {
            self.write_slice(vm, bytes.as_bytes())?;
            return Ok(bytes.as_bytes().len());
        }
        let data = Buffer::of(vm, b)?.to_vec();
        self.check_exports(vm)?;
        self.write_slice(vm, &data)?;
        Ok(data.len())
    }

    /// Write lines to the file.
    ///
    /// Note that newlines are not added.  lines can be any iterable object
    /// producing bytes-like objects. This is equivalent to calling write() for
    /// each element.
    #[pymethod(sig = "($self, lines, /)")]
    fn writelines(&self, vm: &Vm, lines: &Value) -> PyResult<()> {
        self.check_open(vm)?;
        iterator::for_each(vm, lines, |line| self.write(vm, &line).map(drop))
    }

    /// Disable all I/O operations.
    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(vm.buffer_error("Existing exports of data: object cannot be re-sized"));
        }
        drop(self.data.take());
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn __getstate__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let value = zelf.getvalue(vm)?;
        let dict = naja_vm::instance::materialize(vm, zelf.as_value())?;
        let dict = if dict.is_empty() {
            Value::NONE
        } else {
            dict.copy(vm)?.into_value()
        };
        let position = vm.new_int(zelf.position.get() as i64)?;
        Ok(vm.new_tuple(vec![value, position, dict])?.into_value())
    }

    #[pymethod(sig = "($self, state, /)")]
    fn __setstate__(zelf: &Ref<Self>, vm: &Vm, state: &Value) -> PyResult<()> {
        let items = state
            .downcast::<Tuple>()
            .map(|t| t.items())
            .filter(|t| t.len() >= 3);
        let Some([value, position, dict, ..]) = items else {
            return Err(vm.type_error(format!(
                "{}.__setstate__ argument should be 3-tuple, got {}",
                vm.type_of(zelf.as_value()).name(),
                vm.type_name(state)
            )));
        };
        zelf.check_exports(vm)?;
        let data = Buffer::of(vm, value)?.to_vec();
        let Some(position) = position.as_small_int() else {
            return Err(vm.type_error(format!(
                "second item of state must be an integer, not {}",
                vm.type_name(position)
            )));
        };
        let Ok(position) = usize::try_from(position) else {
            return Err(vm.value_error("position value cannot be negative"));
        };
        zelf.data.set(Some(data));
        zelf.position.set(position);
        if !dict.is_none() {
            let Some(dict) = dict.downcast::<Dict>() else {
                return Err(vm.type_error(format!(
                    "third item of state should be a dict, got a {}",
                    vm.type_name(dict)
                )));
            };
            let own = naja_vm::instance::materialize(vm, zelf.as_value())?;
            for (key, value) in dict.items_vec() {
                own.set(vm, &key, value)?;
            }
        }
        Ok(())
    }
}

/// The object behind the memoryview that `getbuffer` gives.
#[pyclass(name = "_BytesIOBuffer", module = "_io", gc, doc = "", flags(NO_NEW))]
pub struct BytesIoBuffer {
    source: Ref<BytesIo>,
}

impl Traverse for BytesIoBuffer {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.source)
    }
    fn clear(&self) {}
}

static OPS: BufferOps = BufferOps {
    with: |owner, f| {
        if let Some(lender) = owner.downcast::<BytesIoBuffer>() {
            lender.source.with(|d| f(d))
        }
    },
    with_mut: |owner, f| {
        if let Some(lender) = owner.downcast::<BytesIoBuffer>() {
            lender.source.data.with_mut(|d| {
                if let Some(d) = d {
                    f(d)
                }
            })
        }
    },
    release: |owner| {
        if let Some(lender) = owner.downcast::<BytesIoBuffer>() {
            let exports = &lender.source.exports;
            exports.set(exports.get().saturating_sub(1))
        }
    },
};

#[pymethods]
impl BytesIoBuffer {
    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, flags: u32) -> PyResult<Buffer> {
        let _ = flags;
        let Some(lender) = zelf.downcast::<BytesIoBuffer>() else {
            return Err(vm.type_error("not a buffer of BytesIO"));
        };
        let exports = &lender.source.exports;
        exports.set(exports.get() + 1);
        let len = lender.source.with(<[u8]>::len);
        Ok(Buffer::export(zelf.clone(), &OPS, len, false))
    }
}
