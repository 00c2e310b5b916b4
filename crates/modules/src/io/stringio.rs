//! `StringIO`: a text stream in memory. CPython: Modules/_io/stringio.c.
//!
//! The text is WTF-8 bytes with the position kept both as code points and as bytes while it lies within the text, so that
//! reading on and appending cost nothing beyond the copy. Invariant: `at` is the byte offset of `position`, where
//! `position` is within the text; past its end `at` is the text's length.

use super::base::TextIoBase;
use super::newline::{self, LineEnd, Newline};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::protocols::number;
use naja_vm::str_::{self, Str, count_chars, utf8_width};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    chars: usize,
    position: usize,
    at: usize,
}

impl Text {
    fn is_ascii(&self) -> bool {
        self.bytes.len() == self.chars
    }

    /// The byte offset of a code point, from the current position where that is nearer.
    fn offset(&self, char_index: usize) -> usize {
        if char_index >= self.chars {
            return self.bytes.len();
        }
        if self.is_ascii() {
            return char_index;
        }
        let (mut index, mut at) = if char_index >= self.position {
            (self.position, self.at)
        } else {
            (0, 0)
        };
        while index < char_index {
            at += utf8_width(self.bytes[at]);
            index += 1;
        }
        at
    }

    fn seek(&mut self, position: usize) {
        self.at = self.offset(position);
        self.position = position;
    }

    /// Takes at most `limit` code points from the position.
    fn take(&mut self, limit: Option<usize>) -> Vec<u8> {
        let end = match limit {
            Some(limit) => self.offset(self.position.saturating_add(limit)),
            None => self.bytes.len(),
        };
        let taken = self.bytes[self.at.min(end)..end].to_vec();
        self.position += count_chars(&taken);
        self.at = end.max(self.at);
        taken
    }

    /// Overwrites from the position on; a gap before it is filled with null characters.
    fn put(&mut self, new: &[u8], new_chars: usize) {
        if self.position > self.chars {
            let gap = self.position - self.chars;
            self.bytes.resize(self.bytes.len() + gap, 0);
            self.chars += gap;
            self.at = self.bytes.len();
        }
        if self.at == self.bytes.len() {
            self.bytes.extend_from_slice(new);
            self.chars += new_chars;
        } else {
            let end = self.offset(self.position + new_chars);
            let old_chars = new_chars.min(self.chars - self.position);
            match self.bytes.get_mut(self.at..end) {
                Some(old) if old.len() == new.len() => old.copy_from_slice(new),
                _ => drop(self.bytes.splice(self.at..end, new.iter().copied())),
            }
            self.chars = self.chars - old_chars + new_chars;
        }
        self.at += new.len();
        self.position += new_chars;
    }
}

/// Text I/O implementation using an in-memory buffer.
///
/// The initial_value argument sets the value of object.  The newline
/// argument is like the one of TextIOWrapper's constructor.
#[pyclass(
    name = "StringIO",
    module = "_io",
    extends = "TextIoBase",
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct StringIo {
    base: TextIoBase,
    text: MutCell<Text>,
    newline: Cell<Newline>,
    newline_value: MutCell<Option<Ref<Str>>>,
    seen: Cell<u8>,
    closed: Cell<bool>,
    ready: Cell<bool>,
}

const PLAIN: Newline = Newline {
    universal: false,
    translate: false,
    end: LineEnd::Lf,
    write: None,
};

impl StringIo {
    fn check_open(&self, vm: &Vm) -> PyResult<()> {
        if !self.ready.get() {
            return Err(vm.value_error("I/O operation on uninitialized object"));
        }
        if self.closed.get() {
            return Err(super::closed_error(vm));
        }
        Ok(())
    }

    fn write_text(&self, vm: &Vm, text: &Ref<Str>) -> PyResult<()> {
        let newline = self.newline.get();
        if !newline.universal && newline.write.is_none() {
            let (bytes, chars) = (text.as_bytes(), text.char_len());
            vm.check_size(
                self.text
                    .with(|t| t.position.max(t.bytes.len()).checked_add(bytes.len())),
            )?;
            // The bytes cannot belong to this buffer: strings do not change.
            self.text.with_mut(|t| t.put(bytes, chars));
            return Ok(());
        }
        let mut bytes = text.as_bytes().to_vec();
        if newline.universal {
            bytes = newline::translate(bytes, &self.seen, newline.translate);
        }
        if let Some(end) = newline.write {
            let parts: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
            bytes = parts.join(end.as_bytes());
        }
        let chars = count_chars(&bytes);
        vm.check_size(
            self.text
                .with(|t| t.position.max(t.bytes.len()).checked_add(bytes.len())),
        )?;
        self.text.with_mut(|t| t.put(&bytes, chars));
        Ok(())
    }

    /// The next line. Raises MemoryError.
    fn line(&self, vm: &Vm, limit: Option<usize>) -> PyResult<Ref<Str>> {
        let end = self.newline.get().end;
        let line = self.text.with(|t| {
            let rest = &t.bytes[t.at..];
            let mut stop = end.find(rest).unwrap_or(rest.len());
            if let Some(limit) = limit {
                let most = t.offset(t.position.saturating_add(limit)) - t.at;
                stop = stop.min(most);
            }
            if t.is_ascii() {
                vm.new_ascii_str(&rest[..stop])
            } else {
                vm.new_str_wtf8(&rest[..stop])
            }
        })?;
        self.text.with_mut(|t| {
            t.at += line.byte_len();
            t.position += line.char_len();
        });
        Ok(line)
    }
}

#[pymethods]
impl StringIo {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let new = StringIo {
            base: TextIoBase::default(),
            text: MutCell::new(Text::default()),
            newline: Cell::new(PLAIN),
            newline_value: MutCell::new(None),
            seen: Cell::new(0),
            closed: Cell::new(false),
            ready: Cell::new(false),
        };
        Ok(vm.new_object_of(cls, new)?.into_value())
    }

    #[pyslot(sig = "(initial_value='', newline='\\n')")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        initial_value: Option<&Value>,
        newline: Option<&Value>,
    ) -> PyResult<()> {
        let newline = match newline {
            Some(value) => {
                let parsed = newline::parse(vm, value)?;
                zelf.newline_value.set(str_::of(value).cloned());
                parsed
            }
            None => {
                zelf.newline_value.set(Some(vm.new_str("\n")?));
                PLAIN
            }
        };
        // "\n" becomes nothing but itself here, whatever the system's line end is.
        zelf.newline.set(Newline {
            write: newline.write,
            ..newline
        });
        let initial = match initial_value.filter(|v| !v.is_none()) {
            Some(value) => Some(str_::of(value).ok_or_else(|| {
                vm.type_error(format!(
                    "initial_value must be str or None, not {}",
                    vm.type_name(value)
                ))
            })?),
            None => None,
        };
        zelf.text.set(Text::default());
        zelf.seen.set(0);
        zelf.closed.set(false);
        zelf.ready.set(true);
        if let Some(text) = initial {
            zelf.write_text(vm, text)?;
        }
        zelf.text.with_mut(|t| t.seek(0));
        Ok(())
    }

    /// Retrieve the entire contents of the object.
    #[pymethod(sig = "($self, /)")]
    fn getvalue(&self, vm: &Vm) -> PyResult {
        self.check_open(vm)?;
        let bytes = self.text.with(|t| t.bytes.clone());
        Ok(vm.new_str_wtf8(&bytes)?.into_value())
    }

    /// Tell the current file position.
    #[pymethod(sig = "($self, /)")]
    fn tell(&self, vm: &Vm) -> PyResult<usize> {
        self.check_open(vm)?;
        Ok(self.text.with(|t| t.position))
    }

    /// Read at most size characters, returned as a string.
    ///
    /// If the argument is negative or omitted, read until EOF
    /// is reached. Return an empty string at EOF.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn read(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?;
        self.check_open(vm)?;
        let taken = self.text.with_mut(|t| t.take(limit));
        Ok(vm.new_str_wtf8(&taken)?.into_value())
    }

    /// Read until newline or EOF.
    ///
    /// Returns an empty string if EOF is hit immediately.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn readline(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?;
        self.check_open(vm)?;
        Ok(self.line(vm, limit)?.into_value())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.check_open(vm)?;
        let line = if vm.type_of(zelf.as_value()).is(vm.class::<StringIo>()) {
            zelf.line(vm, None)?.into_value()
        } else {
            let line = vm.call_method_str(zelf.as_value(), "readline", &[])?;
            if str_::of(&line).is_none() {
                return Err(vm.raise(
                    &vm.types.os_error,
                    format!(
                        "readline() should have returned a str object, not '{}'",
                        vm.type_name(&line)
                    ),
                ));
            }
            line
        };
        Ok(str_::of(&line)
            .is_some_and(|l| l.byte_len() > 0)
            .then_some(line))
    }

    /// Truncate size to pos.
    ///
    /// The pos argument defaults to the current file position, as
    /// returned by tell().  The current file position is unchanged.
    /// Returns the new absolute position.
    #[pymethod(sig = "($self, pos=None, /)")]
    fn truncate(&self, vm: &Vm, pos: Option<&Value>) -> PyResult<usize> {
        self.check_open(vm)?;
        let size = match pos.filter(|p| !p.is_none()) {
            None => self.text.with(|t| t.position),
            Some(pos) => {
                let n = number::index_isize(vm, pos)?;
                usize::try_from(n)
                    .map_err(|_| vm.value_error(format!("Negative size value {n}")))?
            }
        };
        self.text.with_mut(|t| {
            if size < t.chars {
                let end = t.offset(size);
                t.bytes.truncate(end);
                t.chars = size;
                t.at = t.at.min(end);
            }
        });
        Ok(size)
    }

    /// Change stream position.
    ///
    /// Seek to character offset pos relative to position indicated by whence:
    ///     0  Start of stream (the default).  pos should be >= 0;
    ///     1  Current position - pos must be 0;
    ///     2  End of stream - pos must be 0.
    /// Returns the new absolute position.
    #[pymethod(sig = "($self, pos, whence=0, /)")]
    fn seek(&self, vm: &Vm, pos: isize, whence: Option<i32>) -> PyResult<usize> {
        self.check_open(vm)?;
        let whence = whence.unwrap_or(0);
        if !(0..=2).contains(&whence) {
            return Err(vm.value_error(format!("Invalid whence ({whence}, should be 0, 1 or 2)")));
        }
        if pos < 0 && whence == 0 {
            return Err(vm.value_error(format!("Negative seek position {pos}")));
        }
        if whence != 0 && pos != 0 {
            return Err(vm.raise(&vm.types.os_error, "Can't do nonzero cur-relative seeks"));
        }
        Ok(self.text.with_mut(|t| {
            let target = match whence {
                0 => pos as usize,
                1 => t.position,
                _ => t.chars,
            };
            t.seek(target);
            target
        }))
    }

    /// Write string to file.
    ///
    /// Returns the number of characters written, which is always equal to
    /// the length of the string.
    #[pymethod(sig = "($self, s, /)")]
    fn write(&self, vm: &Vm, s: &Value) -> PyResult<usize> {
        let Some(text) = str_::of(s) else {
            return Err(vm.type_error(format!(
                "string argument expected, got '{}'",
                vm.type_name(s)
            )));
        };
        self.check_open(vm)?;
        if text.byte_len() > 0 {
            self.write_text(vm, text)?;
        }
        Ok(text.char_len())
    }

    /// Close the IO object.
    ///
    /// Attempting any further operation after the object is closed
    /// will raise a ValueError.
    ///
    /// This method has no effect if the file is already closed.
    #[pymethod(sig = "($self, /)")]
    fn close(&self) {
        self.closed.set(true);
        self.text.set(Text::default());
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

    #[pygetter]
    fn closed(&self, vm: &Vm) -> PyResult<bool> {
        if !self.ready.get() {
            return Err(vm.value_error("I/O operation on uninitialized object"));
        }
        Ok(self.closed.get())
    }

    #[pygetter]
    fn newlines(&self, vm: &Vm) -> PyResult {
        self.check_open(vm)?;
        if !self.newline.get().universal {
            return Ok(Value::NONE);
        }
        newline::seen_value(vm, self.seen.get())
    }

    #[pygetter]
    fn line_buffering(&self, vm: &Vm) -> PyResult<bool> {
        self.check_open(vm)?;
        Ok(false)
    }

    #[pymethod(sig = "($self, /)")]
    fn __getstate__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let value = zelf.getvalue(vm)?;
        let newline = zelf
            .newline_value
            .get()
            .map_or(Value::NONE, Ref::into_value);
        let position = vm.new_int(zelf.text.with(|t| t.position) as i64)?;
        let dict = naja_vm::instance::materialize(vm, zelf.as_value())?;
        let dict = if dict.is_empty() {
            Value::NONE
        } else {
            dict.copy(vm)?.into_value()
        };
        Ok(vm
            .new_tuple(vec![value, newline, position, dict])?
            .into_value())
    }

    #[pymethod(sig = "($self, state, /)")]
    fn __setstate__(zelf: &Ref<Self>, vm: &Vm, state: &Value) -> PyResult<()> {
        if zelf.closed.get() {
            return Err(super::closed_error(vm));
        }
        let items = state
            .downcast::<Tuple>()
            .map(|t| t.items())
            .filter(|t| t.len() >= 4);
        let Some([value, newline, position, dict, ..]) = items else {
            return Err(vm.type_error(format!(
                "{}.__setstate__ argument should be 4-tuple, got {}",
                vm.type_of(zelf.as_value()).name(),
                vm.type_name(state)
            )));
        };
        let parsed = newline::parse(vm, newline)?;
        let Some(text) = str_::of(value) else {
            return Err(vm.type_error("initial_value must be str or None"));
        };
        let Some(position) = position.as_small_int() else {
            return Err(vm.type_error(format!(
                "third item of state must be an integer, got {}",
                vm.type_name(position)
            )));
        };
        let Ok(position) = usize::try_from(position) else {
            return Err(vm.value_error("position value cannot be negative"));
        };
        zelf.newline_value.set(str_::of(newline).cloned());
        zelf.newline.set(parsed);
        zelf.ready.set(true);
        // The stored text has had its line ends translated already.
        let (bytes, chars) = (text.as_bytes().to_vec(), text.char_len());
        zelf.text.set(Text {
            bytes,
            chars,
            position: 0,
            at: 0,
        });
        zelf.text.with_mut(|t| t.seek(position));
        if !dict.is_none() {
            let Some(dict) = dict.downcast::<Dict>() else {
                return Err(vm.type_error(format!(
                    "fourth item of state should be a dict, got a {}",
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
