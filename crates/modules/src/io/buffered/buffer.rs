//! The buffer of a buffered stream, without the class around it. CPython: Modules/_io/bufferedio.c, Lib/_pyio.py.
//!
//! Invariant of a [`Core`]: there are bytes read ahead or bytes not yet written, never both. Before reading what is to be
//! written is flushed, before writing the raw stream goes back to where the reader is. A lock makes each operation whole
//! among threads; the same thread coming back inside one (from a signal handler) gets RuntimeError.

use crate::io::fileio::FileIo;
use crate::io::{ask, unsupported};
use naja_heap::{MutCell, Ref, Value, Visitor};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::runtime::lock::{RawLock, Waited};
use naja_vm::{PyResult, Raised, Vm};
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
    pub(super) raw: MutCell<Option<Value>>,
    detached: Cell<bool>,
    size: Cell<usize>,
    ahead: MutCell<Ahead>,
    behind: MutCell<Vec<u8>>,
    gate: Rc<RawLock>,
    owner: Cell<u64>,
    /// The raw stream is a `FileIO` itself, whose functions are called directly.
    direct: Cell<bool>,
    /// A `BufferedReader`: flushing leaves what was read ahead alone.
    pub(super) reading_only: Cell<bool>,
}

/// Holds a stream's lock.
pub(super) struct Inside<'a>(&'a Core);

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
    pub(super) fn traverse(&self, v: &mut Visitor) {
        self.raw.with(|r| v.opt(r))
    }

    pub(super) fn init(&self, vm: &Vm, raw: Value, size: isize) -> PyResult<()> {
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
    pub(super) fn raw(&self, vm: &Vm) -> PyResult {
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

    pub(super) fn enter(&self, vm: &Vm, zelf: &Value) -> PyResult<Inside<'_>> {
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

    pub(super) fn is_closed(&self, vm: &Vm) -> PyResult<bool> {
        let raw = self.raw(vm)?;
        match self.file(&raw) {
            Some(file) => Ok(!file.is_open()),
            None => crate::io::is_closed(vm, &raw),
        }
    }

    pub(super) fn check_open(&self, vm: &Vm, doing: &str) -> PyResult<()> {
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

    pub(super) fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
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

    pub(super) fn peek(&self, vm: &Vm) -> PyResult<Vec<u8>> {
        if self.available() == 0 {
            self.flush_behind(vm)?;
            self.fill(vm)?;
        }
        Ok(self.ahead.with(|a| a.data[a.at..].to_vec()))
    }

    pub(super) fn read_into(
        &self,
        vm: &Vm,
        buffer: &Buffer,
        once: bool,
    ) -> PyResult<Option<usize>> {
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

    pub(super) fn read_line(&self, vm: &Vm, limit: Option<usize>) -> PyResult<Vec<u8>> {
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

    pub(super) fn flush(&self, vm: &Vm) -> PyResult<()> {
        self.flush_behind(vm)?;
        if self.available() > 0 {
            self.forget_ahead(vm)?;
        }
        Ok(())
    }

    pub(super) fn tell(&self, vm: &Vm) -> PyResult<i64> {
        let raw = self.raw_tell(vm)?;
        Ok((raw - self.available() as i64 + self.behind.with(Vec::len) as i64).max(0))
    }

    pub(super) fn seek(&self, vm: &Vm, target: i64, whence: i32) -> PyResult<i64> {
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

    pub(super) fn truncate(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        self.flush(vm)?;
        let size = match size.filter(|s| !s.is_none()) {
            Some(size) => size.clone(),
            None => vm.new_int(self.tell(vm)?)?,
        };
        let raw = self.raw(vm)?;
        vm.call_method_str(&raw, "truncate", &[size])
    }

    pub(super) fn close(&self, vm: &Vm, zelf: &Value) -> PyResult<()> {
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
            Err(raised) => return crate::io::chain(vm, flushed, || Err(raised)),
        };
        let closed = crate::io::chain(vm, flushed, || {
            vm.call_method_str(&raw, "close", &[]).map(drop)
        });
        drop(inside);
        self.put_ahead(Vec::new());
        drop(self.behind.take());
        closed
    }

    pub(super) fn detach(&self, vm: &Vm, zelf: &Value) -> PyResult {
        self.raw(vm)?;
        vm.call_method_str(zelf, "flush", &[])?;
        let raw = self.raw(vm)?;
        drop(self.raw.take());
        self.detached.set(true);
        Ok(raw)
    }

    pub(super) fn repr(&self, vm: &Vm, zelf: &Value) -> PyResult {
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
