//! The abstract classes `_IOBase`, `_RawIOBase`, `_BufferedIOBase`, `_TextIOBase`. CPython: Modules/_io/iobase.c,
//! bufferedio.c, textio.c.
//!
//! They hold nothing but the attribute `__IOBase_closed` in the object's dictionary, set by `close`.

use super::{ask, closed_error, is_closed, unsupported};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, iterator, object, sequence};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};

/// The abstract base class for all I/O classes.
///
/// This class provides dummy implementations for many methods that
/// derived classes can override selectively; the default implementations
/// represent a file that cannot be read, written or seeked.
#[pyclass(
    name = "_IOBase",
    module = "_io",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct IoBase;

/// Raises ValueError for a closed stream.
pub fn check_closed(vm: &Vm, stream: &Value) -> PyResult<()> {
    if is_closed(vm, stream)? {
        return Err(closed_error(vm));
    }
    Ok(())
}

fn check_able(vm: &Vm, stream: &Value, method: &str, problem: &str) -> PyResult {
    if !ask(vm, stream, method)? {
        return Err(unsupported(vm, problem));
    }
    Ok(Value::TRUE)
}

/// What `__del__` of every stream does: closes it, in silence unless errors are to be seen.
pub fn finalize(vm: &Vm, zelf: &Value) {
    let pending = vm.has_exception().then(|| vm.take_exception());
    // A stream that cannot tell whether it is closed is in no state to be closed.
    let closed = is_closed(vm, zelf).unwrap_or_else(|_| {
        vm.clear_exception();
        true
    });
    if !closed {
        let mark = vm.intern("_finalizing");
        if attributes::set(vm, zelf, &mark, Some(&Value::TRUE)).is_err() {
            vm.clear_exception();
        }
        if vm.call_method_str(zelf, "close", &[]).is_err() {
            let exception = vm.take_exception();
            naja_vm::builtins::sys::unraisable(vm, exception, Some(zelf), None);
        }
    }
    if let Some(pending) = pending {
        vm.raise_value(pending);
    }
}

/// `readline(size)` by `peek` and `read`.
fn read_line(vm: &Vm, zelf: &Value, limit: Option<usize>) -> PyResult<Vec<u8>> {
    let peek = attributes::get_optional(vm, zelf, &vm.intern("peek"))?;
    let mut line: Vec<u8> = Vec::new();
    while limit.is_none_or(|limit| line.len() < limit) {
        let mut want = 1;
        if let Some(peek) = &peek {
            let ahead = vm.call(peek, &[Value::small_int(1)])?;
            let Some(ahead) = ahead.downcast::<Bytes>() else {
                return Err(vm.raise(
                    &vm.types.os_error,
                    format!(
                        "peek() should have returned a bytes object, not '{}'",
                        vm.type_name(&ahead)
                    ),
                ));
            };
            let ahead = ahead.as_bytes();
            if !ahead.is_empty() {
                let most = limit.map_or(ahead.len(), |limit| ahead.len().min(limit - line.len()));
                want = memchr::memchr(b'\n', &ahead[..most]).map_or(most, |at| at + 1);
            }
        }
        let data = vm.call_method_str(zelf, "read", &[vm.new_int(want as i64)?])?;
        let Some(data) = data.downcast::<Bytes>() else {
            return Err(vm.raise(
                &vm.types.os_error,
                format!(
                    "read() should have returned a bytes object, not '{}'",
                    vm.type_name(&data)
                ),
            ));
        };
        if data.as_bytes().is_empty() {
            break;
        }
        line.extend_from_slice(data.as_bytes());
        if line.ends_with(b"\n") {
            break;
        }
    }
    Ok(line)
}

#[pymethods]
impl IoBase {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, IoBase)?.into_value())
    }

    #[pyslot]
    fn finalize(zelf: &Value, vm: &Vm) {
        // What is only in memory has nothing to lose; subclasses may have more.
        let ty = vm.type_of(zelf);
        if ty.is(vm.class::<super::bytesio::BytesIo>())
            || ty.is(vm.class::<super::stringio::StringIo>())
        {
            return;
        }
        finalize(vm, zelf)
    }

    /// Change the stream position to the given byte offset.
    #[pymethod(sig = "($self, offset, whence=os.SEEK_SET, /)")]
    fn seek(&self, vm: &Vm, offset: &Value, whence: Option<&Value>) -> PyResult {
        let _ = (offset, whence);
        Err(unsupported(vm, "seek"))
    }

    /// Return current stream position.
    #[pymethod(sig = "($self, /)")]
    fn tell(zelf: &Value, vm: &Vm) -> PyResult {
        vm.call_method_str(zelf, "seek", &[Value::small_int(0), Value::small_int(1)])
    }

    /// Truncate file to size bytes.
    #[pymethod(sig = "($self, size=None, /)")]
    fn truncate(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let _ = size;
        Err(unsupported(vm, "truncate"))
    }

    /// Flush write buffers, if applicable.
    ///
    /// This is not implemented for read-only and non-blocking streams.
    #[pymethod(sig = "($self, /)")]
    fn flush(zelf: &Value, vm: &Vm) -> PyResult<()> {
        if attributes::get_optional(vm, zelf, &vm.intern("__IOBase_closed"))?.is_some() {
            return Err(closed_error(vm));
        }
        Ok(())
    }

    /// Flush and close the IO object.
    ///
    /// This method has no effect if the file is already closed.
    #[pymethod(sig = "($self, /)")]
    fn close(zelf: &Value, vm: &Vm) -> PyResult<()> {
        let mark = vm.intern("__IOBase_closed");
        if attributes::get_optional(vm, zelf, &mark)?.is_some() {
            return Ok(());
        }
        let flushed = vm.call_method_str(zelf, "flush", &[]).map(drop);
        super::chain(vm, flushed, || {
            attributes::set(vm, zelf, &mark, Some(&Value::TRUE))
        })
    }

    #[pygetter]
    fn closed(zelf: &Value, vm: &Vm) -> PyResult<bool> {
        Ok(attributes::get_optional(vm, zelf, &vm.intern("__IOBase_closed"))?.is_some())
    }

    /// Return whether object supports random access.
    ///
    /// If False, seek(), tell() and truncate() will raise OSError.
    /// This method may need to do a test seek().
    #[pymethod(sig = "($self, /)")]
    fn seekable(&self) -> bool {
        false
    }

    /// Return whether object was opened for reading.
    ///
    /// If False, read() will raise OSError.
    #[pymethod(sig = "($self, /)")]
    fn readable(&self) -> bool {
        false
    }

    /// Return whether object was opened for writing.
    ///
    /// If False, write() will raise OSError.
    #[pymethod(sig = "($self, /)")]
    fn writable(&self) -> bool {
        false
    }

    #[pymethod(name = "_checkClosed", sig = "($self, /)")]
    fn check_closed_method(zelf: &Value, vm: &Vm) -> PyResult<()> {
        check_closed(vm, zelf)
    }

    #[pymethod(name = "_checkSeekable", sig = "($self, /)")]
    fn check_seekable(zelf: &Value, vm: &Vm) -> PyResult {
        check_able(vm, zelf, "seekable", "File or stream is not seekable.")
    }

    #[pymethod(name = "_checkReadable", sig = "($self, /)")]
    fn check_readable(zelf: &Value, vm: &Vm) -> PyResult {
        check_able(vm, zelf, "readable", "File or stream is not readable.")
    }

    #[pymethod(name = "_checkWritable", sig = "($self, /)")]
    fn check_writable(zelf: &Value, vm: &Vm) -> PyResult {
        check_able(vm, zelf, "writable", "File or stream is not writable.")
    }

    /// Return underlying file descriptor if one exists.
    ///
    /// Raise OSError if the IO object does not use a file descriptor.
    #[pymethod(sig = "($self, /)")]
    fn fileno(&self, vm: &Vm) -> PyResult {
        Err(unsupported(vm, "fileno"))
    }

    /// Return whether this is an 'interactive' stream.
    ///
    /// Return False if it can't be determined.
    #[pymethod(sig = "($self, /)")]
    fn isatty(zelf: &Value, vm: &Vm) -> PyResult<bool> {
        check_closed(vm, zelf)?;
        Ok(false)
    }

    #[pymethod(sig = "($self, /)")]
    fn __enter__(zelf: &Value, vm: &Vm) -> PyResult {
        check_closed(vm, zelf)?;
        Ok(zelf.clone())
    }

    #[pymethod(sig = "($self, /, *exc_info)")]
    fn __exit__(zelf: &Value, vm: &Vm, exc_info: &[Value]) -> PyResult<()> {
        let _ = exc_info;
        vm.call_method_str(zelf, "close", &[]).map(drop)
    }

    #[pyslot]
    fn iter(vm: &Vm, zelf: &Value) -> PyResult {
        check_closed(vm, zelf)?;
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(vm: &Vm, zelf: &Value) -> PyResult<Option<Value>> {
        let line = vm.call_method_str(zelf, "readline", &[])?;
        Ok((object::len(vm, &line)? > 0).then_some(line))
    }

    /// Read and return a line from the stream.
    ///
    /// If size is specified, at most size bytes will be read.
    ///
    /// The line terminator is always b'\n' for binary files; for text
    /// files, the newlines argument to open can be used to select the line
    /// terminator(s) recognized.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn readline(zelf: &Value, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?;
        Ok(vm.new_bytes(&read_line(vm, zelf, limit)?)?.into_value())
    }

    /// Return a list of lines from the stream.
    ///
    /// hint can be specified to control the number of lines read: no more
    /// lines will be read if the total size (in bytes/characters) of all
    /// lines so far exceeds hint.
    #[pymethod(sig = "($self, hint=-1, /)")]
    fn readlines(zelf: &Value, vm: &Vm, hint: Option<&Value>) -> PyResult {
        let limit = super::size(vm, hint)?.filter(|&n| n > 0);
        let Some(limit) = limit else {
            return Ok(vm.new_list(sequence::collect(vm, zelf)?)?.into_value());
        };
        let (mut lines, mut total) = (Vec::new(), 0);
        let iter = iterator::iter(vm, zelf)?;
        while let Some(line) = iterator::next(vm, &iter)? {
            total += object::len(vm, &line)?;
            lines.push(line);
            if total > limit {
                break;
            }
        }
        Ok(vm.new_list(lines)?.into_value())
    }

    /// Write a list of lines to stream.
    ///
    /// Line separators are not added, so it is usual for each of the
    /// lines provided to have a line separator at the end.
    #[pymethod(sig = "($self, lines, /)")]
    fn writelines(zelf: &Value, vm: &Vm, lines: &Value) -> PyResult<()> {
        check_closed(vm, zelf)?;
        let write = attributes::get_by(vm, zelf, "write")?;
        iterator::for_each(vm, lines, |line| vm.call(&write, &[line]).map(drop))
    }
}

/// Base class for raw binary I/O.
#[pyclass(
    name = "_RawIOBase",
    module = "_io",
    extends = "IoBase",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct RawIoBase {
    base: IoBase,
}

/// Everything up to the end, by `read`.
pub fn read_all(vm: &Vm, raw: &Value) -> PyResult {
    let mut all: Vec<u8> = Vec::new();
    loop {
        let size = vm.new_int(super::DEFAULT_BUFFER_SIZE as i64)?;
        let data = vm.call_method_str(raw, "read", &[size])?;
        if data.is_none() {
            if all.is_empty() {
                return Ok(data);
            }
            break;
        }
        let Some(data) = data.downcast::<Bytes>() else {
            return Err(vm.type_error("read() should return bytes"));
        };
        if data.as_bytes().is_empty() {
            break;
        }
        all.extend_from_slice(data.as_bytes());
    }
    Ok(vm.new_bytes(&all)?.into_value())
}

#[pymethods]
impl RawIoBase {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, RawIoBase::default())?.into_value())
    }

    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(zelf: &Value, vm: &Vm, size: Option<isize>) -> PyResult {
        let Ok(size) = usize::try_from(size.unwrap_or(-1)) else {
            return vm.call_method_str(zelf, "readall", &[]);
        };
        let buffer = vm.call(vm.types.bytearray.as_value(), &[vm.new_int(size as i64)?])?;
        let count = vm.call_method_str(zelf, "readinto", std::slice::from_ref(&buffer))?;
        if count.is_none() {
            return Ok(count);
        }
        let count = naja_vm::protocols::number::index_isize(vm, &count)?;
        let data = Buffer::of(vm, &buffer)?;
        match usize::try_from(count) {
            Ok(count) if count <= size => Ok(vm
                .new_bytes(&data.with(|d| d[..count.min(d.len())].to_vec()))?
                .into_value()),
            _ => Err(vm.value_error(format!(
                "readinto returned {count} outside buffer size {size}"
            ))),
        }
    }

    /// Read until EOF, using multiple read() call.
    #[pymethod(sig = "($self, /)")]
    fn readall(zelf: &Value, vm: &Vm) -> PyResult {
        read_all(vm, zelf)
    }
}

/// Base class for buffered IO objects.
///
/// The main difference with RawIOBase is that the read() method
/// supports omitting the size argument, and does not have a default
/// implementation that defers to readinto().
///
/// In addition, read(), readinto() and write() may raise
/// BlockingIOError if the underlying raw stream is in non-blocking
/// mode and not ready; unlike their raw counterparts, they will never
/// return None.
///
/// A typical implementation should not inherit from a RawIOBase
/// implementation, but wrap one.
#[pyclass(
    name = "_BufferedIOBase",
    module = "_io",
    extends = "IoBase",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct BufferedIoBase {
    base: IoBase,
}

fn read_into(vm: &Vm, zelf: &Value, into: &Value, method: &str) -> PyResult<usize> {
    let buffer = Buffer::writable(vm, into)?;
    let size = vm.new_int(buffer.len() as i64)?;
    let data = vm.call_method_str(zelf, method, &[size])?;
    let Some(data) = data.downcast::<Bytes>() else {
        return Err(vm.type_error("read() should return bytes"));
    };
    let data = data.as_bytes();
    if data.len() > buffer.len() {
        return Err(vm.value_error(format!(
            "read() returned too much data: {} bytes requested, {} returned",
            buffer.len(),
            data.len()
        )));
    }
    buffer.with_mut(|b| b[..data.len()].copy_from_slice(data));
    Ok(data.len())
}

#[pymethods]
impl BufferedIoBase {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, BufferedIoBase::default())?
            .into_value())
    }

    /// Disconnect this buffer from its underlying raw stream and return it.
    ///
    /// After the raw stream has been detached, the buffer is in an unusable
    /// state.
    #[pymethod(sig = "($self, /)")]
    fn detach(&self, vm: &Vm) -> PyResult {
        Err(unsupported(vm, "detach"))
    }

    /// Read and return up to n bytes.
    ///
    /// If the size argument is omitted, None, or negative, read and
    /// return all data until EOF.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let _ = size;
        Err(unsupported(vm, "read"))
    }

    /// Read and return up to size bytes, with at most one read() call to the underlying raw stream.
    ///
    /// Return an empty bytes object on EOF.
    /// A short result does not imply that EOF is imminent.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read1(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let _ = size;
        Err(unsupported(vm, "read1"))
    }

    #[pymethod(sig = "($self, buffer, /)")]
    fn readinto(zelf: &Value, vm: &Vm, buffer: &Value) -> PyResult<usize> {
        read_into(vm, zelf, buffer, "read")
    }

    #[pymethod(sig = "($self, buffer, /)")]
    fn readinto1(zelf: &Value, vm: &Vm, buffer: &Value) -> PyResult<usize> {
        read_into(vm, zelf, buffer, "read1")
    }

    /// Write buffer b to the IO stream.
    ///
    /// Return the number of bytes written, which is always
    /// the length of b in bytes.
    ///
    /// Raise BlockingIOError if the buffer is full and the
    /// underlying raw stream cannot accept more data at the moment.
    #[pymethod(sig = "($self, b, /)")]
    fn write(&self, vm: &Vm, b: &Value) -> PyResult {
        let _ = b;
        Err(unsupported(vm, "write"))
    }
}

/// Base class for text I/O.
///
/// This class provides a character and line based interface to stream
/// I/O. There is no readinto method because Python's character strings
/// are immutable.
#[pyclass(
    name = "_TextIOBase",
    module = "_io",
    extends = "IoBase",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct TextIoBase {
    base: IoBase,
}

#[pymethods]
impl TextIoBase {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, TextIoBase::default())?.into_value())
    }

    /// Separate the underlying buffer from the TextIOBase and return it.
    ///
    /// After the underlying buffer has been detached, the TextIO is in an unusable state.
    #[pymethod(sig = "($self, /)")]
    fn detach(&self, vm: &Vm) -> PyResult {
        Err(unsupported(vm, "detach"))
    }

    /// Read at most size characters from stream.
    ///
    /// Read from underlying buffer until we have size characters or we hit EOF.
    /// If size is negative or omitted, read until EOF.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let _ = size;
        Err(unsupported(vm, "read"))
    }

    /// Read until newline or EOF.
    ///
    /// Return an empty string if EOF is hit immediately.
    /// If size is specified, at most size characters will be read.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn readline(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let _ = size;
        Err(unsupported(vm, "readline"))
    }

    /// Write string s to stream.
    ///
    /// Return the number of characters written
    /// (which is always equal to the length of the string).
    #[pymethod(sig = "($self, s, /)")]
    fn write(&self, vm: &Vm, s: &Value) -> PyResult {
        let _ = s;
        Err(unsupported(vm, "write"))
    }

    /// Encoding of the text stream.
    ///
    /// Subclasses should override.
    #[pygetter]
    fn encoding(&self) -> Value {
        Value::NONE
    }

    /// Line endings translated so far.
    ///
    /// Only line endings translated during reading are considered.
    ///
    /// Subclasses should override.
    #[pygetter]
    fn newlines(&self) -> Value {
        Value::NONE
    }

    /// The error setting of the decoder or encoder.
    ///
    /// Subclasses should override.
    #[pygetter]
    fn errors(&self) -> Value {
        Value::NONE
    }
}
