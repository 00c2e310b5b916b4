//! Buffers over raw streams: `BufferedReader`, `BufferedWriter`, `BufferedRandom`, `BufferedRWPair`.
//! CPython: Modules/_io/bufferedio.c, Lib/_pyio.py.
//!
//! All of them are a [`Core`]: bytes read ahead, and bytes not yet written. Never both: before reading what is to be
//! written is flushed, before writing the raw stream goes back to where the reader is. A lock makes each operation whole
//! among threads; the same thread coming back inside one (from a signal handler) gets RuntimeError.

use super::base::BufferedIoBase;
use super::fileio::FileIo;
use super::{ask, unsupported};
use naja_heap::{MutCell, Ref, Value, Visitor};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::{Buffer, WritableBuffer};
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::runtime::lock::{RawLock, Waited};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Vm};
use std::cell::Cell;
use std::rc::Rc;

/// Bytes read ahead.
#[derive(Default)]
struct Ahead {
    data: Vec<u8>,
    at: usize,
}

/// The identity of the calling thread.
fn ident() -> u64 {
    // SAFETY: the calling thread has an identity.
    unsafe { libc::pthread_self() as u64 }
}

/// What every buffered stream is.
#[derive(Default)]
pub struct Core {
    raw: MutCell<Option<Value>>,
    detached: Cell<bool>,
    size: Cell<usize>,
    ahead: MutCell<Ahead>,
    behind: MutCell<Vec<u8>>,
    gate: Rc<RawLock>,
    owner: Cell<u64>,
    /// The raw stream is a `FileIO` itself, whose functions are called directly.
    direct: Cell<bool>,
    /// A `BufferedReader`: flushing leaves what was read ahead alone.
    reading_only: Cell<bool>,
}

/// Holds a stream's lock.
struct Inside<'a>(&'a Core);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.owner.set(0);
        self.0.gate.unlock();
    }
}

/// BlockingIOError with how much was written.
#[cold]
fn would_block(vm: &Vm, written: usize) -> Raised {
    let class = &vm.types.exceptions.blocking_io_error;
    let text = vm.new_str("write could not complete without blocking");
    match (
        vm.new_int(libc::EAGAIN as i64),
        text,
        vm.new_int(written as i64),
    ) {
        (Ok(errno), Ok(text), Ok(written)) => {
            vm.raise_with(class, &[errno, text.into_value(), written])
        }
        _ => Raised,
    }
}

impl Core {
    fn traverse(&self, v: &mut Visitor) {
        self.raw.with(|r| v.opt(r))
    }

    fn init(&self, vm: &Vm, raw: Value, size: isize) -> PyResult<()> {
        let size = match usize::try_from(size) {
            Ok(size) if size > 0 => vm.check_size(Some(size))?,
            _ => return Err(vm.value_error("buffer size must be strictly positive")),
        };
        self.direct.set(vm.type_of(&raw).is(vm.class::<FileIo>()));
        self.raw.set(Some(raw));
        self.detached.set(false);
        self.size.set(size);
        self.ahead.set(Ahead::default());
        self.behind.set(Vec::new());
        Ok(())
    }

    /// The raw stream. Raises ValueError without one.
    fn raw(&self, vm: &Vm) -> PyResult {
        self.raw.get().ok_or_else(|| {
            vm.value_error(if self.detached.get() {
                "raw stream has been detached"
            } else {
                "I/O operation on uninitialized object"
            })
        })
    }

    fn file<'a>(&self, raw: &'a Value) -> Option<&'a Ref<FileIo>> {
        if self.direct.get() {
            raw.downcast::<FileIo>()
        } else {
            None
        }
    }

    fn enter(&self, vm: &Vm, zelf: &Value) -> PyResult<Inside<'_>> {
        if self.owner.get() == ident() {
            let shown = object::repr(vm, zelf)?;
            return Err(
                vm.runtime_error(format!("reentrant call inside {}", shown.to_string_lossy()))
            );
        }
        let gate = self.gate.clone();
        while !gate.try_lock() {
            let word: &RawLock = &gate;
            if vm.without_gil(|| word.wait(None)) == Waited::Done {
                break;
            }
            vm.check_signals()?;
        }
        self.owner.set(ident());
        Ok(Inside(self))
    }

    /// Nobody is inside an operation, and the raw stream is an open file: the core may be used directly.
    pub fn is_quiet(&self) -> bool {
        let open = self.raw.with(|r| {
            r.as_ref()
                .is_some_and(|r| self.file(r).is_some_and(|f| f.is_open()))
        });
        open && self.owner.get() == 0
    }

    fn is_closed(&self, vm: &Vm) -> PyResult<bool> {
        let raw = self.raw(vm)?;
        match self.file(&raw) {
            Some(file) => Ok(!file.is_open()),
            None => super::is_closed(vm, &raw),
        }
    }

    fn check_open(&self, vm: &Vm, doing: &str) -> PyResult<()> {
        let open = match self.raw.get() {
            Some(raw) if self.file(&raw).is_some_and(|f| f.is_open()) => true,
            _ => !self.is_closed(vm)?,
        };
        if open {
            Ok(())
        } else {
            Err(vm.value_error(format!("{doing} closed file")))
        }
    }

    // ---- the raw stream ----

    fn raw_read(&self, vm: &Vm, count: usize) -> PyResult<Option<Vec<u8>>> {
        let raw = self.raw(vm)?;
        if let Some(file) = self.file(&raw) {
            return file.read_bytes(vm, count);
        }
        let array = vm.call(vm.types.bytearray.as_value(), &[vm.new_int(count as i64)?])?;
        let view = vm.call(vm.types.memoryview.as_value(), std::slice::from_ref(&array))?;
        let result = loop {
            match vm.call_method_str(&raw, "readinto", std::slice::from_ref(&view)) {
                Err(_) if vm.catch(&vm.types.exceptions.interrupted_error) => vm.check_signals()?,
                result => break result,
            }
        };
        let got = result?;
        vm.call_method_str(&view, "release", &[])?;
        if got.is_none() {
            return Ok(None);
        }
        let got = match number::index_isize(vm, &got) {
            Ok(got) => got,
            Err(Raised) => {
                let cause = vm.take_exception().into_value();
                vm.raise(&vm.types.os_error, "raw readinto() failed");
                let failure = vm.take_exception();
                failure.set_cause(Some(cause.clone()));
                naja_vm::exception::set_context_avoiding_cycle(&failure, cause);
                return Err(vm.raise_value(failure));
            }
        };
        match usize::try_from(got) {
            Ok(n) if n <= count => {
                let data = Buffer::of(vm, &array)?;
                Ok(Some(data.with(|d| d[..n.min(d.len())].to_vec())))
            }
            _ => Err(vm.raise(
                &vm.types.os_error,
                format!("raw readinto() returned invalid length {got} (should have been between 0 and {count})"),
            )),
        }
    }

    fn raw_write(&self, vm: &Vm, data: &[u8]) -> PyResult<Option<usize>> {
        let raw = self.raw(vm)?;
        if let Some(file) = self.file(&raw) {
            return file.write_bytes(vm, data);
        }
        let bytes = vm.new_bytes(data)?.into_value();
        let view = vm.call(vm.types.memoryview.as_value(), &[bytes])?;
        let result = loop {
            match vm.call_method_str(&raw, "write", std::slice::from_ref(&view)) {
                Err(_) if vm.catch(&vm.types.exceptions.interrupted_error) => vm.check_signals()?,
                result => break result,
            }
        };
        let wrote = result?;
        if wrote.is_none() {
            return Ok(None);
        }
        let wrote = number::index_isize(vm, &wrote)?;
        match usize::try_from(wrote) {
            Ok(n) if n <= data.len() => Ok(Some(n)),
            _ => Err(vm.raise(
                &vm.types.os_error,
                format!(
                    "raw write() returned invalid length {wrote} (should have been between 0 and {})",
                    data.len()
                ),
            )),
        }
    }

    fn position(&self, vm: &Vm, answer: &Value) -> PyResult<i64> {
        match number::index_i64(vm, answer)? {
            Some(n) if n >= 0 => Ok(n),
            Some(n) => Err(vm.raise(
                &vm.types.os_error,
                format!("Raw stream returned invalid position {n}"),
            )),
            None => Err(vm.overflow_error("Python int too large to convert to C long")),
        }
    }

    fn raw_tell(&self, vm: &Vm) -> PyResult<i64> {
        let raw = self.raw(vm)?;
        if let Some(file) = self.file(&raw) {
            return file.seek_to(vm, 0, 1);
        }
        let answer = vm.call_method_str(&raw, "tell", &[])?;
        self.position(vm, &answer)
    }

    fn raw_seek(&self, vm: &Vm, offset: i64, whence: i32) -> PyResult<i64> {
        let raw = self.raw(vm)?;
        if let Some(file) = self.file(&raw) {
            return file.seek_to(vm, offset, whence);
        }
        let answer = vm.call_method_str(
            &raw,
            "seek",
            &[vm.new_int(offset)?, vm.new_int(whence as i64)?],
        )?;
        self.position(vm, &answer)
    }

    // ---- reading ----

    fn available(&self) -> usize {
        self.ahead.with(|a| a.data.len() - a.at)
    }

    /// Takes at most `count` of the bytes read ahead.
    fn take(&self, count: usize) -> Vec<u8> {
        self.ahead.with_mut(|a| {
            let end = (a.at + count).min(a.data.len());
            if a.at == 0 && end == a.data.len() {
                return std::mem::take(&mut a.data);
            }
            let taken = a.data[a.at..end].to_vec();
            a.at = end;
            taken
        })
    }

    fn put_ahead(&self, data: Vec<u8>) {
        self.ahead.set(Ahead { data, at: 0 })
    }

    /// Reads ahead once. None: not ready; Some(0): the end.
    fn fill(&self, vm: &Vm) -> PyResult<Option<usize>> {
        match self.raw_read(vm, self.size.get())? {
            Some(data) => {
                let n = data.len();
                self.put_ahead(data);
                Ok(Some(n))
            }
            None => Ok(None),
        }
    }

    fn read_exactly(&self, vm: &Vm, count: usize) -> PyResult<Option<Vec<u8>>> {
        if count <= self.available() {
            return Ok(Some(self.take(count)));
        }
        self.flush_behind(vm)?;
        let mut out = self.take(count);
        while out.len() < count {
            let missing = count - out.len();
            let size = self.size.get();
            // Whole buffers of a large read go past the buffer.
            let want = if missing >= size {
                missing - missing % size
            } else {
                size
            };
            match self.raw_read(vm, want)? {
                None if out.is_empty() => return Ok(None),
                None => break,
                Some(data) if data.is_empty() => break,
                Some(data) if data.len() <= missing => out.extend_from_slice(&data),
                Some(data) => {
                    self.put_ahead(data);
                    out.extend(self.take(missing));
                }
            }
        }
        Ok(Some(out))
    }

    fn read_to_end(&self, vm: &Vm) -> PyResult {
        self.flush_behind(vm)?;
        let mut out = self.take(usize::MAX / 2);
        let raw = self.raw(vm)?;
        let rest = if let Some(file) = self.file(&raw) {
            file.read_to_end(vm)?
        } else if let Some(readall) = attributes::get_optional(vm, &raw, &vm.intern("readall"))? {
            let rest = vm.call(&readall, &[])?;
            match rest.downcast::<Bytes>() {
                Some(bytes) => Some(bytes.as_bytes().to_vec()),
                None if rest.is_none() => None,
                None => return Err(vm.type_error("readall() should return bytes")),
            }
        } else {
            let mut all = None;
            loop {
                let part = vm.call_method_str(&raw, "read", &[])?;
                match part.downcast::<Bytes>() {
                    Some(bytes) if bytes.as_bytes().is_empty() => {
                        all.get_or_insert_with(Vec::new);
                        break;
                    }
                    Some(bytes) => all
                        .get_or_insert_with(Vec::new)
                        .extend_from_slice(bytes.as_bytes()),
                    None if part.is_none() => break,
                    None => return Err(vm.type_error("read() should return bytes")),
                }
            }
            all
        };
        match rest {
            None if out.is_empty() => Ok(Value::NONE),
            None => Ok(vm.new_bytes_of(out)?.into_value()),
            Some(rest) if out.is_empty() => Ok(vm.new_bytes_of(rest)?.into_value()),
            Some(rest) => {
                out.extend_from_slice(&rest);
                Ok(vm.new_bytes_of(out)?.into_value())
            }
        }
    }

    fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let count = match size.filter(|s| !s.is_none()) {
            None => None,
            Some(size) => match number::index_isize(vm, size)? {
                -1 => None,
                n if n < 0 => return Err(vm.value_error("read length must be non-negative or -1")),
                n => Some(n as usize),
            },
        };
        self.check_open(vm, "read of")?;
        match count {
            None => self.read_to_end(vm),
            Some(count) => match self.read_exactly(vm, vm.check_size(Some(count))?)? {
                Some(data) => Ok(vm.new_bytes_of(data)?.into_value()),
                None => Ok(Value::NONE),
            },
        }
    }

    /// One piece, with at most one read of the raw stream.
    pub fn read_some(&self, vm: &Vm, count: Option<usize>) -> PyResult<Vec<u8>> {
        let count = count.unwrap_or(self.size.get());
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.available() > 0 {
            return Ok(self.take(count));
        }
        self.flush_behind(vm)?;
        Ok(self.raw_read(vm, count)?.unwrap_or_default())
    }

    /// What is there already and at most one read of the raw stream. None: nothing, and the stream is not ready.
    fn read_once(&self, vm: &Vm, count: usize) -> PyResult<Option<Vec<u8>>> {
        let mut out = self.take(count);
        let missing = count - out.len();
        if missing == 0 {
            return Ok(Some(out));
        }
        self.flush_behind(vm)?;
        if missing > self.size.get() {
            match self.raw_read(vm, missing)? {
                Some(more) => out.extend_from_slice(&more),
                None if out.is_empty() => return Ok(None),
                None => {}
            }
        } else if out.is_empty() {
            if self.fill(vm)?.is_none() {
                return Ok(None);
            }
            out = self.take(missing);
        }
        Ok(Some(out))
    }

    fn peek(&self, vm: &Vm) -> PyResult<Vec<u8>> {
        if self.available() == 0 {
            self.flush_behind(vm)?;
            self.fill(vm)?;
        }
        Ok(self.ahead.with(|a| a.data[a.at..].to_vec()))
    }

    fn read_into(&self, vm: &Vm, buffer: &Buffer, once: bool) -> PyResult<Option<usize>> {
        let data = if once {
            self.read_once(vm, buffer.len())?
        } else {
            self.read_exactly(vm, buffer.len())?
        };
        Ok(data.map(|data| {
            buffer.with_mut(|b| b[..data.len()].copy_from_slice(&data));
            data.len()
        }))
    }

    fn read_line(&self, vm: &Vm, limit: Option<usize>) -> PyResult<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let most = limit.map_or(usize::MAX / 2, |limit| limit - line.len());
            let part = self.ahead.with(|a| {
                let rest = &a.data[a.at..];
                let rest = &rest[..rest.len().min(most)];
                memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1)
            });
            let part = self.take(part);
            if line.is_empty() {
                line = part;
            } else {
                line.extend_from_slice(&part);
            }
            if line.last() == Some(&b'\n') || limit.is_some_and(|limit| line.len() >= limit) {
                return Ok(line);
            }
            self.flush_behind(vm)?;
            if self.fill(vm)?.unwrap_or(0) == 0 {
                return Ok(line);
            }
        }
    }

    // ---- writing ----

    /// Writes out what is behind.
    fn flush_behind(&self, vm: &Vm) -> PyResult<()> {
        if self.behind.with(Vec::is_empty) {
            return Ok(());
        }
        let mut data = self.behind.take();
        let mut done = 0;
        let result = loop {
            if done == data.len() {
                break Ok(());
            }
            match self.raw_write(vm, &data[done..]) {
                Ok(Some(n)) => done += n,
                Ok(None) => break Err(would_block(vm, 0)),
                Err(raised) => break Err(raised),
            }
            if let Err(raised) = vm.check_signals() {
                break Err(raised);
            }
        };
        data.drain(..done);
        // What came in meanwhile (from a signal handler there is none: the lock) goes after it.
        self.behind.with_mut(|behind| {
            data.append(behind);
            *behind = data;
        });
        result
    }

    /// Before writing: the raw stream goes back to where the reader is.
    fn forget_ahead(&self, vm: &Vm) -> PyResult<()> {
        let left = self.available();
        if left > 0 {
            self.raw_seek(vm, -(left as i64), 1)?;
        }
        self.put_ahead(Vec::new());
        Ok(())
    }

    /// Adds bytes to what is to be written.
    pub fn write(&self, vm: &Vm, data: &[u8]) -> PyResult<()> {
        if self.available() > 0 {
            self.forget_ahead(vm)?;
        }
        let size = self.size.get();
        let held = self.behind.with(Vec::len);
        if held + data.len() <= size {
            self.behind.with_mut(|b| b.extend_from_slice(data));
            return Ok(());
        }
        if held > 0 {
            let flushed = self.flush_behind(vm);
            if let Err(raised) = flushed {
                return self.keep_what_fits(vm, data, raised);
            }
        }
        let mut done = 0;
        while data.len() - done > size {
            match self.raw_write(vm, &data[done..])? {
                Some(n) => done += n,
                None => {
                    let raised = would_block(vm, 0);
                    return match self.keep_what_fits(vm, &data[done..], raised) {
                        Err(_) if vm.exception_matches(&vm.types.exceptions.blocking_io_error) => {
                            vm.clear_exception();
                            let kept = self.behind.with(Vec::len);
                            Err(would_block(vm, done + kept))
                        }
                        other => other,
                    };
                }
            }
            vm.check_signals()?;
        }
        self.behind.with_mut(|b| b.extend_from_slice(&data[done..]));
        Ok(())
    }

    /// The raw stream is not ready: as much as fits stays in the buffer; the rest is refused.
    fn keep_what_fits(&self, vm: &Vm, data: &[u8], raised: Raised) -> PyResult<()> {
        if !vm.exception_matches(&vm.types.exceptions.blocking_io_error) {
            return Err(raised);
        }
        vm.clear_exception();
        let room = self.size.get().saturating_sub(self.behind.with(Vec::len));
        let kept = room.min(data.len());
        self.behind.with_mut(|b| b.extend_from_slice(&data[..kept]));
        if kept == data.len() {
            return Ok(());
        }
        Err(would_block(vm, kept))
    }

    // ---- both ----

    fn flush(&self, vm: &Vm) -> PyResult<()> {
        self.flush_behind(vm)?;
        if self.available() > 0 {
            self.forget_ahead(vm)?;
        }
        Ok(())
    }

    fn tell(&self, vm: &Vm) -> PyResult<i64> {
        let raw = self.raw_tell(vm)?;
        Ok((raw - self.available() as i64 + self.behind.with(Vec::len) as i64).max(0))
    }

    fn seek(&self, vm: &Vm, target: i64, whence: i32) -> PyResult<i64> {
        if !matches!(whence, 0..=2) && whence != libc::SEEK_DATA && whence != libc::SEEK_HOLE {
            return Err(vm.value_error(format!("whence value {whence} unsupported")));
        }
        let raw = self.raw(vm)?;
        if self.file(&raw).is_none() && !ask(vm, &raw, "seekable")? {
            return Err(unsupported(vm, "File or stream is not seekable."));
        }
        let left = self.available() as i64;
        if whence != 2 && left > 0 && whence <= 1 {
            // A target within what was read ahead needs no call.
            let here = self.raw_tell(vm)? - left;
            let offset = if whence == 0 { target - here } else { target };
            let at = self.ahead.with(|a| a.at) as i64;
            if offset >= -at && offset <= left {
                self.ahead.with_mut(|a| a.at = (at + offset) as usize);
                // Devices tell any position.
                return Ok((here + offset).max(0));
            }
        }
        self.flush_behind(vm)?;
        let target = if whence == 1 { target - left } else { target };
        let new = self.raw_seek(vm, target, whence)?;
        self.put_ahead(Vec::new());
        Ok(new)
    }

    fn truncate(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        self.flush(vm)?;
        let size = match size.filter(|s| !s.is_none()) {
            Some(size) => size.clone(),
            None => vm.new_int(self.tell(vm)?)?,
        };
        let raw = self.raw(vm)?;
        vm.call_method_str(&raw, "truncate", &[size])
    }

    fn close(&self, vm: &Vm, zelf: &Value) -> PyResult<()> {
        let raw = match self.raw.get() {
            Some(raw) => raw,
            None => return self.raw(vm).map(drop),
        };
        if self.is_closed(vm)? {
            return Ok(());
        }
        let finalizing = attributes::get_optional(vm, zelf, &vm.intern("_finalizing"))?.is_some();
        if finalizing
            && let Some(warn) = attributes::get_optional(vm, &raw, &vm.intern("_dealloc_warn"))?
            && vm.call(&warn, std::slice::from_ref(zelf)).is_err()
        {
            vm.clear_exception();
        }
        let flushed = vm.call_method_str(zelf, "flush", &[]).map(drop);
        // Others that write meanwhile wait, and find the stream closed.
        let inside = match self.enter(vm, zelf) {
            Ok(inside) => inside,
            Err(raised) => return super::chain(vm, flushed, || Err(raised)),
        };
        let closed = super::chain(vm, flushed, || {
            vm.call_method_str(&raw, "close", &[]).map(drop)
        });
        drop(inside);
        self.put_ahead(Vec::new());
        drop(self.behind.take());
        closed
    }

    fn detach(&self, vm: &Vm, zelf: &Value) -> PyResult {
        self.raw(vm)?;
        vm.call_method_str(zelf, "flush", &[])?;
        let raw = self.raw(vm)?;
        drop(self.raw.take());
        self.detached.set(true);
        Ok(raw)
    }

    fn repr(&self, vm: &Vm, zelf: &Value) -> PyResult {
        let class = vm.type_of(zelf).full_name();
        let text = match attributes::get_optional(vm, zelf, &vm.intern("name")) {
            Err(raised) if !vm.exception_matches(&vm.types.value_error) => return Err(raised),
            Err(_) => {
                vm.clear_exception();
                format!("<{class}>")
            }
            Ok(None) => format!("<{class}>"),
            Ok(Some(name)) => {
                if object::repr_enter(vm, zelf) {
                    return Err(vm.runtime_error(format!("reentrant call inside {class}.__repr__")));
                }
                let shown = object::repr(vm, &name);
                object::repr_leave(vm, zelf);
                format!("<{class} name={}>", shown?.to_string_lossy())
            }
        };
        Ok(vm.new_str(text)?.into_value())
    }
}

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

/// A buffered reader and writer object together.
///
/// A buffered reader object and buffered writer object put together to
/// form a sequential IO object that can read and write. This is typically
/// used with a socket or two-way pipe.
///
/// reader and writer are RawIOBase objects that are readable and
/// writeable respectively. If the buffer_size is omitted it defaults to
/// DEFAULT_BUFFER_SIZE.
#[pyclass(
    name = "BufferedRWPair",
    module = "_io",
    extends = "BufferedIoBase",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct BufferedRwPair {
    base: BufferedIoBase,
    reader: MutCell<Option<Value>>,
    writer: MutCell<Option<Value>>,
}

impl Traverse for BufferedRwPair {
    fn traverse(&self, v: &mut Visitor) {
        self.reader.with(|r| v.opt(r));
        self.writer.with(|w| v.opt(w));
    }
    fn clear(&self) {}
}

impl BufferedRwPair {
    fn part(&self, vm: &Vm, part: &MutCell<Option<Value>>) -> PyResult {
        part.get()
            .ok_or_else(|| vm.value_error("I/O operation on uninitialized object"))
    }

    fn to_reader(&self, vm: &Vm, method: &str, args: &[Value]) -> PyResult {
        vm.call_method_str(&self.part(vm, &self.reader)?, method, args)
    }

    fn to_writer(&self, vm: &Vm, method: &str, args: &[Value]) -> PyResult {
        vm.call_method_str(&self.part(vm, &self.writer)?, method, args)
    }
}

#[pymethods]
impl BufferedRwPair {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, BufferedRwPair::default())?
            .into_value())
    }

    #[pyslot(sig = "(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        reader: Value,
        writer: Value,
        buffer_size: Option<isize>,
    ) -> PyResult<()> {
        check_able(vm, &reader, "readable", "File or stream is not readable.")?;
        check_able(vm, &writer, "writable", "File or stream is not writable.")?;
        let size = vm.new_int(buffer_size.unwrap_or(super::DEFAULT_BUFFER_SIZE as isize) as i64)?;
        let reader = vm.call(
            vm.class::<BufferedReader>().as_value(),
            &[reader, size.clone()],
        )?;
        let writer = vm.call(vm.class::<BufferedWriter>().as_value(), &[writer, size])?;
        zelf.reader.set(Some(reader));
        zelf.writer.set(Some(writer));
        Ok(())
    }

    #[pyslot]
    fn finalize(zelf: &Value, vm: &Vm) {
        super::base::finalize(vm, zelf)
    }

    #[pymethod(raw, sig = "($self, size=-1, /)")]
    fn read(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "read", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, size=0, /)")]
    fn peek(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "peek", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, size=-1, /)")]
    fn read1(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "read1", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, buffer, /)")]
    fn readinto(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "readinto", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, buffer, /)")]
    fn readinto1(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_reader(vm, "readinto1", &args.args[1..])
    }

    #[pymethod(raw, sig = "($self, buffer, /)")]
    fn write(vm: &Vm, args: Args) -> PyResult {
        pair(vm, &args)?.to_writer(vm, "write", &args.args[1..])
    }

    #[pymethod(sig = "($self, /)")]
    fn flush(&self, vm: &Vm) -> PyResult {
        self.to_writer(vm, "flush", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn readable(&self, vm: &Vm) -> PyResult {
        self.to_reader(vm, "readable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn writable(&self, vm: &Vm) -> PyResult {
        self.to_writer(vm, "writable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        let closed = self.to_writer(vm, "close", &[]).map(drop);
        super::chain(vm, closed, || self.to_reader(vm, "close", &[]).map(drop))
    }

    #[pymethod(sig = "($self, /)")]
    fn isatty(&self, vm: &Vm) -> PyResult<bool> {
        let writer = self.to_writer(vm, "isatty", &[])?;
        if object::is_true(vm, &writer)? {
            return Ok(true);
        }
        let reader = self.to_reader(vm, "isatty", &[])?;
        object::is_true(vm, &reader)
    }

    #[pygetter]
    fn closed(&self, vm: &Vm) -> PyResult {
        attributes::get_by(vm, &self.part(vm, &self.writer)?, "closed")
    }
}

fn pair<'a>(vm: &Vm, args: &Args<'a>) -> PyResult<&'a Ref<BufferedRwPair>> {
    match args
        .args
        .first()
        .and_then(Value::downcast::<BufferedRwPair>)
    {
        Some(pair) => Ok(pair),
        None => Err(vm.type_error("a BufferedRWPair is required")),
    }
}
