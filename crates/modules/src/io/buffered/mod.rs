//! Buffers over raw streams: `BufferedReader`, `BufferedWriter`, `BufferedRandom`, `BufferedRWPair` (`pair.rs`).
//! CPython: Modules/_io/bufferedio.c, Lib/_pyio.py.
//!
//! The first three are a [`Core`] (`buffer.rs`) with methods for reading, for writing, or both: the macros here are those
//! methods, once for each class.

mod buffer;
mod pair;

pub use pair::BufferedRwPair;

use super::base::BufferedIoBase;
use super::{ask, unsupported};
use buffer::Core;
use naja_heap::{Ref, Value, Visitor};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Vm};

/// What all buffered streams over one raw stream have.
macro_rules! common_methods {
    ($type:ident, $table:literal) => {
        impl Traverse for $type {
            fn traverse(&self, v: &mut Visitor) {
                self.core.traverse(v)
            }
            fn clear(&self) {}
        }

        impl $type {
            /// A stream of class `cls` over `raw`, which has been checked.
            pub fn make(vm: &Vm, cls: &Ref<Type>, raw: Value, size: usize) -> PyResult {
                let new = vm.new_object_of(cls, $type::default())?;
                new.core
                    .reading_only
                    .set(stringify!($type) == "BufferedReader");
                new.core.init(vm, raw, size as isize)?;
                Ok(new.into_value())
            }

            pub fn core(&self) -> &Core {
                &self.core
            }
        }

        #[pymethods(extra = $table)]
        impl $type {
            #[pyslot]
            fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
                Ok(vm.new_object_of(cls, $type::default())?.into_value())
            }

            #[pyslot]
            fn finalize(zelf: &Value, vm: &Vm) {
                super::base::finalize(vm, zelf)
            }

            #[pyslot]
            fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                zelf.core.repr(vm, zelf.as_value())
            }

            /// Disconnect this buffer from its underlying raw stream and return it.
            #[pymethod(sig = "($self, /)")]
            fn detach(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                zelf.core.detach(vm, zelf.as_value())
            }

            /// Flush write buffers, if applicable.
            #[pymethod(sig = "($self, /)")]
            fn flush(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
                if zelf.core.reading_only.get() {
                    let raw = zelf.core.raw(vm)?;
                    return vm.call_method_str(&raw, "flush", &[]).map(drop);
                }
                zelf.core.check_open(vm, "flush of")?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.flush(vm)
            }

            /// Flush and close the IO object.
            #[pymethod(sig = "($self, /)")]
            fn close(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
                zelf.core.close(vm, zelf.as_value())
            }

            #[pygetter]
            fn closed(&self, vm: &Vm) -> PyResult<bool> {
                self.core.is_closed(vm)
            }

            #[pygetter]
            fn raw(&self) -> Option<Value> {
                self.core.raw.get()
            }

            #[pygetter]
            fn name(&self, vm: &Vm) -> PyResult {
                attributes::get_by(vm, &self.core.raw(vm)?, "name")
            }

            #[pygetter]
            fn mode(&self, vm: &Vm) -> PyResult {
                attributes::get_by(vm, &self.core.raw(vm)?, "mode")
            }

            #[pymethod(sig = "($self, /)")]
            fn seekable(&self, vm: &Vm) -> PyResult {
                vm.call_method_str(&self.core.raw(vm)?, "seekable", &[])
            }

            #[pymethod(sig = "($self, /)")]
            fn fileno(&self, vm: &Vm) -> PyResult {
                vm.call_method_str(&self.core.raw(vm)?, "fileno", &[])
            }

            #[pymethod(sig = "($self, /)")]
            fn isatty(&self, vm: &Vm) -> PyResult {
                vm.call_method_str(&self.core.raw(vm)?, "isatty", &[])
            }

            #[pymethod(sig = "($self, source, /)")]
            fn _dealloc_warn(&self, vm: &Vm, source: &Value) -> PyResult<()> {
                if let Some(raw) = self.core.raw.get() {
                    vm.call_method_str(&raw, "_dealloc_warn", std::slice::from_ref(source))?;
                }
                Ok(())
            }

            /// Return current stream position.
            #[pymethod(sig = "($self, /)")]
            fn tell(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
                zelf.core.raw(vm)?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.tell(vm)
            }

            /// Change the stream position to the given byte offset.
            #[pymethod(sig = "($self, target, whence=0, /)")]
            fn seek(
                zelf: &Ref<Self>,
                vm: &Vm,
                target: &Value,
                whence: Option<i32>,
            ) -> PyResult<i64> {
                zelf.core.raw(vm)?;
                zelf.core.check_open(vm, "seek of")?;
                let Some(target) = number::index_i64(vm, target)? else {
                    return Err(vm.overflow_error("Python int too large to convert to C long"));
                };
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.seek(vm, target, whence.unwrap_or(0))
            }

            #[pymethod(sig = "($self, /)")]
            fn __getstate__(zelf: &Value, vm: &Vm) -> PyResult {
                Err(vm.type_error(format!("cannot pickle '{}' instances", vm.type_name(zelf))))
            }
        }
    };
}

macro_rules! reading_methods {
    ($type:ident, $table:literal) => {
        #[pymethods(extra = $table)]
        impl $type {
            #[pymethod(sig = "($self, /)")]
            fn readable(&self, vm: &Vm) -> PyResult {
                vm.call_method_str(&self.core.raw(vm)?, "readable", &[])
            }

            /// Return bytes that are buffered, with at most one read of the raw stream; the position does not move.
            #[pymethod(sig = "($self, size=0, /)")]
            fn peek(zelf: &Ref<Self>, vm: &Vm, size: Option<&Value>) -> PyResult {
                let _ = size;
                zelf.core.check_open(vm, "peek of")?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                Ok(vm.new_bytes_of(zelf.core.peek(vm)?)?.into_value())
            }

            /// Read and return up to size bytes; all until the end where it is omitted, None or negative.
            #[pymethod(sig = "($self, size=-1, /)")]
            fn read(zelf: &Ref<Self>, vm: &Vm, size: Option<&Value>) -> PyResult {
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.read(vm, size)
            }

            /// Read and return up to size bytes, with at most one read() call to the underlying raw stream.
            #[pymethod(sig = "($self, size=-1, /)")]
            fn read1(zelf: &Ref<Self>, vm: &Vm, size: Option<isize>) -> PyResult {
                zelf.core.check_open(vm, "read of")?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                let count = usize::try_from(size.unwrap_or(-1)).ok();
                Ok(vm
                    .new_bytes_of(zelf.core.read_some(vm, count)?)?
                    .into_value())
            }

            #[pymethod(sig = "($self, buffer, /)")]
            fn readinto(
                zelf: &Ref<Self>,
                vm: &Vm,
                buffer: WritableBuffer,
            ) -> PyResult<Option<usize>> {
                zelf.core.check_open(vm, "readinto of")?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.read_into(vm, &buffer, false)
            }

            #[pymethod(sig = "($self, buffer, /)")]
            fn readinto1(
                zelf: &Ref<Self>,
                vm: &Vm,
                buffer: WritableBuffer,
            ) -> PyResult<Option<usize>> {
                zelf.core.check_open(vm, "readinto of")?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.read_into(vm, &buffer, true)
            }

            /// Read and return a line from the stream.
            #[pymethod(sig = "($self, size=-1, /)")]
            fn readline(zelf: &Ref<Self>, vm: &Vm, size: Option<&Value>) -> PyResult {
                let limit = super::size(vm, size)?;
                zelf.core.check_open(vm, "readline of")?;
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                Ok(vm
                    .new_bytes_of(zelf.core.read_line(vm, limit)?)?
                    .into_value())
            }

            #[pyslot]
            fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
                let line = if vm.type_of(zelf.as_value()).is(&vm.class::<$type>()) {
                    zelf.core.check_open(vm, "readline of")?;
                    let _inside = zelf.core.enter(vm, zelf.as_value())?;
                    let line = zelf.core.read_line(vm, None)?;
                    if line.is_empty() {
                        return Ok(None);
                    }
                    vm.new_bytes_of(line)?.into_value()
                } else {
                    vm.call_method_str(zelf.as_value(), "readline", &[])?
                };
                Ok((object::len(vm, &line)? > 0).then_some(line))
            }
        }
    };
}

macro_rules! writing_methods {
    ($type:ident, $table:literal) => {
        #[pymethods(extra = $table)]
        impl $type {
            #[pymethod(sig = "($self, /)")]
            fn writable(&self, vm: &Vm) -> PyResult {
                vm.call_method_str(&self.core.raw(vm)?, "writable", &[])
            }

            /// Write the given buffer to the IO stream; return the number of bytes written.
            #[pymethod(sig = "($self, buffer, /)")]
            fn write(zelf: &Ref<Self>, vm: &Vm, buffer: &Value) -> PyResult<usize> {
                zelf.core.raw(vm)?;
                if let Some(bytes) = buffer.downcast::<Bytes>() {
                    let _inside = zelf.core.enter(vm, zelf.as_value())?;
                    zelf.core.check_open(vm, "write to")?;
                    zelf.core.write(vm, bytes.as_bytes())?;
                    return Ok(bytes.as_bytes().len());
                }
                let data = Buffer::of(vm, buffer)?.to_vec();
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.check_open(vm, "write to")?;
                zelf.core.write(vm, &data)?;
                Ok(data.len())
            }

            /// Truncate the file to size, the position unless given.
            #[pymethod(sig = "($self, pos=None, /)")]
            fn truncate(zelf: &Ref<Self>, vm: &Vm, pos: Option<&Value>) -> PyResult {
                zelf.core.raw(vm)?;
                zelf.core.check_open(vm, "truncate of")?;
                if !ask(vm, zelf.as_value(), "writable")? {
                    return Err(unsupported(vm, "truncate"));
                }
                let _inside = zelf.core.enter(vm, zelf.as_value())?;
                zelf.core.truncate(vm, pos)
            }
        }
    };
}

fn check_able(vm: &Vm, raw: &Value, method: &str, problem: &str) -> PyResult<()> {
    if ask(vm, raw, method)? {
        Ok(())
    } else {
        Err(unsupported(vm, problem))
    }
}

/// Create a new buffered reader using the given readable raw IO object.
#[pyclass(
    name = "BufferedReader",
    module = "_io",
    extends = "BufferedIoBase",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct BufferedReader {
    base: BufferedIoBase,
    core: Core,
}

common_methods!(BufferedReader, "READER_COMMON");
reading_methods!(BufferedReader, "READER_READING");

#[pymethods(with(READER_COMMON, READER_READING))]
impl BufferedReader {
    #[pyslot(sig = "(raw, buffer_size=DEFAULT_BUFFER_SIZE)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, raw: Value, buffer_size: Option<isize>) -> PyResult<()> {
        drop(zelf.core.raw.take());
        zelf.core.reading_only.set(true);
        check_able(vm, &raw, "readable", "File or stream is not readable.")?;
        zelf.core.init(
            vm,
            raw,
            buffer_size.unwrap_or(super::DEFAULT_BUFFER_SIZE as isize),
        )
    }

    #[pymethod(sig = "($self, pos=None, /)")]
    fn truncate(&self, vm: &Vm, pos: Option<&Value>) -> PyResult {
        let _ = pos;
        self.core.raw(vm)?;
        Err(unsupported(vm, "truncate"))
    }
}

/// A buffer for a writeable sequential RawIO object.
///
/// The constructor creates a BufferedWriter for the given writeable raw
/// stream. If the buffer_size is not given, it defaults to
/// DEFAULT_BUFFER_SIZE.
#[pyclass(
    name = "BufferedWriter",
    module = "_io",
    extends = "BufferedIoBase",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct BufferedWriter {
    base: BufferedIoBase,
    core: Core,
}

common_methods!(BufferedWriter, "WRITER_COMMON");
writing_methods!(BufferedWriter, "WRITER_WRITING");

#[pymethods(with(WRITER_COMMON, WRITER_WRITING))]
impl BufferedWriter {
    #[pyslot(sig = "(raw, buffer_size=DEFAULT_BUFFER_SIZE)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, raw: Value, buffer_size: Option<isize>) -> PyResult<()> {
        drop(zelf.core.raw.take());
        check_able(vm, &raw, "writable", "File or stream is not writable.")?;
        zelf.core.init(
            vm,
            raw,
            buffer_size.unwrap_or(super::DEFAULT_BUFFER_SIZE as isize),
        )
    }
}

/// A buffered interface to random access streams.
///
/// The constructor creates a reader and writer for a seekable stream,
/// raw, given in the first argument. If the buffer_size is omitted it
/// defaults to DEFAULT_BUFFER_SIZE.
#[pyclass(
    name = "BufferedRandom",
    module = "_io",
    extends = "BufferedIoBase",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct BufferedRandom {
    base: BufferedIoBase,
    core: Core,
}

common_methods!(BufferedRandom, "RANDOM_COMMON");
reading_methods!(BufferedRandom, "RANDOM_READING");
writing_methods!(BufferedRandom, "RANDOM_WRITING");

#[pymethods(with(RANDOM_COMMON, RANDOM_READING, RANDOM_WRITING))]
impl BufferedRandom {
    #[pyslot(sig = "(raw, buffer_size=DEFAULT_BUFFER_SIZE)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, raw: Value, buffer_size: Option<isize>) -> PyResult<()> {
        drop(zelf.core.raw.take());
        check_able(vm, &raw, "seekable", "File or stream is not seekable.")?;
        check_able(vm, &raw, "readable", "File or stream is not readable.")?;
        check_able(vm, &raw, "writable", "File or stream is not writable.")?;
        zelf.core.init(
            vm,
            raw,
            buffer_size.unwrap_or(super::DEFAULT_BUFFER_SIZE as isize),
        )
    }
}
