//! `TextIOWrapper`: text over a buffered stream. CPython: Modules/_io/textio.c, Lib/_pyio.py.
//!
//! Reading takes chunks of bytes from the buffer, decodes them, translates line ends, and hands out the text piece by
//! piece. Writing encodes and collects bytes until a chunk is full. A position told is a *cookie*: where in the bytes to
//! go, the decoder's flags, and how many bytes to feed and characters to skip after that. Where the codec is native the
//! place between two characters is found, and the cookie is a plain position.

mod positions;

use super::base::TextIoBase;
use super::buffered::BufferedReader;
use super::codec::{Decoder, Encoder, Native};
use super::newline::Newline;
use super::{ask, codec, newline, unsupported};
use naja_heap::{MutCell, Ref, Value, Visitor};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::str_::{Str, count_chars, utf8_width};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Vm, str_};
use std::borrow::Cow;
use std::cell::Cell;

/// Text that has been decoded, and how far it has been read.
#[derive(Default)]
struct Decoded {
    text: Vec<u8>,
    at: usize,
}

/// The decoder's flags before the latest chunk, and the bytes fed since.
struct Snapshot {
    flags: i64,
    pending_cr: bool,
    input: Vec<u8>,
    /// Those were decoded as the last ones.
    last: bool,
}

/// Character and line based layer over a BufferedIOBase object, buffer.
///
/// encoding gives the name of the encoding that the stream will be
/// decoded or encoded with. It defaults to locale.getencoding().
///
/// errors determines the strictness of encoding and decoding (see
/// help(codecs.Codec) or the documentation for codecs.register) and
/// defaults to "strict".
///
/// newline controls how line endings are handled. It can be None, '',
/// '\n', '\r', and '\r\n'.  It works as follows:
///
/// * On input, if newline is None, universal newlines mode is
///   enabled. Lines in the input can end in '\n', '\r', or '\r\n', and
///   these are translated into '\n' before being returned to the
///   caller. If it is '', universal newline mode is enabled, but line
///   endings are returned to the caller untranslated. If it has any of
///   the other legal values, input lines are only terminated by the given
///   string, and the line ending is returned to the caller untranslated.
///
/// * On output, if newline is None, any '\n' characters written are
///   translated to the system default line separator, os.linesep. If
///   newline is '' or '\n', no translation takes place. If newline is any
///   of the other legal values, any '\n' characters written are translated
///   to the given string.
///
/// If line_buffering is True, a call to flush is implied when a call to
/// write contains a newline character.
#[pyclass(
    name = "TextIOWrapper",
    module = "_io",
    extends = "TextIoBase",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct TextIoWrapper {
    base: TextIoBase,
    buffer: MutCell<Option<Value>>,
    detached: Cell<bool>,
    encoding: MutCell<Option<Ref<Str>>>,
    errors: MutCell<Option<Ref<Str>>>,
    decoder: MutCell<Option<Decoder>>,
    encoder: MutCell<Option<Encoder>>,
    newline: Cell<Newline>,
    line_buffering: Cell<bool>,
    write_through: Cell<bool>,
    pending: MutCell<Vec<u8>>,
    decoded: MutCell<Decoded>,
    seen: Cell<u8>,
    pending_cr: Cell<bool>,
    snapshot: MutCell<Option<Snapshot>>,
    seekable: Cell<bool>,
    telling: Cell<bool>,
    has_read1: Cell<bool>,
    chunk: Cell<usize>,
}

impl Traverse for TextIoWrapper {
    fn traverse(&self, v: &mut Visitor) {
        self.buffer.with(|b| v.opt(b));
        self.decoder.with(|d| {
            if let Some(Decoder::Python(decoder)) = d {
                v.value(decoder)
            }
        });
        self.encoder.with(|e| {
            if let Some(Encoder::Python(encoder)) = e {
                v.value(encoder)
            }
        });
    }
    fn clear(&self) {}
}

impl Default for TextIoWrapper {
    fn default() -> TextIoWrapper {
        TextIoWrapper {
            base: TextIoBase::default(),
            buffer: MutCell::new(None),
            detached: Cell::new(false),
            encoding: MutCell::new(None),
            errors: MutCell::new(None),
            decoder: MutCell::new(None),
            encoder: MutCell::new(None),
            newline: Cell::new(Newline {
                universal: false,
                translate: false,
                end: newline::LineEnd::Lf,
                write: None,
            }),
            line_buffering: Cell::new(false),
            write_through: Cell::new(false),
            pending: MutCell::new(Vec::new()),
            decoded: MutCell::new(Decoded::default()),
            seen: Cell::new(0),
            pending_cr: Cell::new(false),
            snapshot: MutCell::new(None),
            seekable: Cell::new(false),
            telling: Cell::new(false),
            has_read1: Cell::new(false),
            chunk: Cell::new(8192),
        }
    }
}

/// The encoding of the locale.
fn locale_encoding(vm: &Vm) -> PyResult<Ref<Str>> {
    if vm.interp.config.utf8_mode == Some(true) {
        return vm.new_str("utf-8");
    }
    // SAFETY: the answer is a C string that stays until the locale is changed.
    let name = unsafe { std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) };
    let name = name.to_string_lossy();
    vm.new_str(if name.is_empty() { "utf-8" } else { &name })
}

impl TextIoWrapper {
    /// A text stream over `buffer`; the three values are encoding, errors and newline.
    pub fn make(
        vm: &Vm,
        cls: &Ref<Type>,
        buffer: Value,
        settings: [&Value; 3],
        line_buffering: bool,
        write_through: bool,
    ) -> PyResult {
        let new = vm.new_object_of(cls, TextIoWrapper::default())?;
        new.set_up(vm, buffer, settings, line_buffering, write_through)?;
        Ok(new.into_value())
    }

    fn set_up(
        &self,
        vm: &Vm,
        buffer: Value,
        [encoding, errors, newline]: [&Value; 3],
        line_buffering: bool,
        write_through: bool,
    ) -> PyResult<()> {
        drop(self.buffer.take());
        self.detached.set(false);
        let encoding = match str_::of(encoding) {
            Some(name) if name.as_bytes() == b"locale" => locale_encoding(vm)?,
            Some(name) => {
                super::check_name(vm, name)?;
                name.clone()
            }
            None if encoding.is_none() => {
                if vm.interp.config.warn_default_encoding {
                    let category = &vm.types.exceptions.encoding_warning;
                    vm.warn(category, "'encoding' argument not specified", 1)?;
                }
                locale_encoding(vm)?
            }
            None => {
                return Err(vm.type_error(format!(
                    "TextIOWrapper() argument 'encoding' must be str or None, not {}",
                    vm.type_name(encoding)
                )));
            }
        };
        let errors = match str_::of(errors) {
            Some(name) => {
                super::check_name(vm, name)?;
                if vm.interp.config.dev_mode {
                    str_::codecs::registry::lookup_error(vm, name.as_bytes())?;
                }
                name.clone()
            }
            None if errors.is_none() => vm.intern("strict"),
            None => {
                return Err(vm.type_error(format!(
                    "TextIOWrapper() argument 'errors' must be str or None, not {}",
                    vm.type_name(errors)
                )));
            }
        };
        let newline = newline::parse(vm, newline)?;
        let readable = ask(vm, &buffer, "readable")?;
        let writable = ask(vm, &buffer, "writable")?;
        self.set_codec(vm, encoding, errors, (readable, writable))?;
        self.newline.set(newline);
        self.line_buffering.set(line_buffering);
        self.write_through.set(write_through);
        self.pending.set(Vec::new());
        self.decoded.set(Decoded::default());
        self.seen.set(0);
        self.pending_cr.set(false);
        self.snapshot.set(None);
        let seekable = ask(vm, &buffer, "seekable")?;
        self.seekable.set(seekable);
        self.telling.set(seekable);
        self.has_read1
            .set(attributes::get_optional(vm, &buffer, &vm.intern("read1"))?.is_some());
        self.buffer.set(Some(buffer.clone()));
        if seekable && let Some(encoder @ Encoder::Python(_)) = self.encoder.get() {
            let position = vm.call_method_str(&buffer, "tell", &[])?;
            if object::is_true(vm, &position)? {
                encoder.at_position(vm, false)?;
            }
        }
        Ok(())
    }

    fn set_codec(
        &self,
        vm: &Vm,
        encoding: Ref<Str>,
        errors: Ref<Str>,
        (readable, writable): (bool, bool),
    ) -> PyResult<()> {
        let native = Native::find(&encoding.to_string_lossy(), &errors.to_string_lossy());
        let (decoder, encoder) = match native {
            Some(codec) => (
                readable.then(|| Decoder::Native {
                    codec,
                    pending: Vec::new(),
                }),
                writable.then_some(Encoder::Native(codec)),
            ),
            None => {
                let info = codec::lookup(vm, &encoding)?;
                (
                    readable
                        .then(|| codec::decoder(vm, &info, &errors))
                        .transpose()?,
                    writable
                        .then(|| codec::encoder(vm, &info, &errors))
                        .transpose()?,
                )
            }
        };
        self.encoding.set(Some(encoding));
        self.errors.set(Some(errors));
        self.decoder.set(decoder);
        self.encoder.set(encoder);
        Ok(())
    }

    fn buffer(&self, vm: &Vm) -> PyResult {
        self.buffer.get().ok_or_else(|| {
            vm.value_error(if self.detached.get() {
                "underlying buffer has been detached"
            } else {
                "I/O operation on uninitialized object"
            })
        })
    }

    /// Raises ValueError for a stream whose `__init__` did not run to its end.
    fn check_initialized(&self, vm: &Vm) -> PyResult<()> {
        match self.detached.get() {
            true => Ok(()),
            false => self.buffer(vm).map(drop),
        }
    }

    fn is_closed(&self, vm: &Vm) -> PyResult<bool> {
        super::is_closed(vm, &self.buffer(vm)?)
    }

    fn check_open(&self, vm: &Vm) -> PyResult<()> {
        if self.is_closed(vm)? {
            return Err(super::closed_error(vm));
        }
        Ok(())
    }

    fn errors(&self, vm: &Vm) -> Ref<Str> {
        self.errors.get().unwrap_or_else(|| vm.intern("strict"))
    }

    // ---- writing ----

    /// Passes the collected bytes to the buffer.
    pub fn flush_pending(&self, vm: &Vm) -> PyResult<()> {
        if self.pending.with(Vec::is_empty) {
            return Ok(());
        }
        let data = self.pending.take();
        let buffer = self.buffer(vm)?;
        let bytes = vm.new_bytes_of(data)?.into_value();
        vm.call_method_str(&buffer, "write", &[bytes]).map(drop)
    }

    /// `write`, for callers inside the machine too (`print`).
    pub fn write_text(&self, vm: &Vm, text: &Ref<Str>) -> PyResult<()> {
        self.check_open(vm)?;
        let Some(encoder) = self.encoder.get() else {
            return Err(unsupported(vm, "not writable"));
        };
        let newline = self.newline.get();
        if let Some(end) = newline.write
            && !vm.type_of(text.as_value()).is(&vm.types.str)
            && memchr::memchr(b'\n', text.as_bytes()).is_some()
        {
            return self.write_subclass(vm, text, end);
        }
        let encoded = match newline::for_writing(text, &newline) {
            Some(translated) => {
                let translated = vm.new_str_wtf8(&translated)?;
                encoder.encode(vm, &translated, &self.errors(vm))?.into()
            }
            None if text.is_ascii() && matches!(encoder, Encoder::Native(_)) => {
                Cow::Borrowed(text.as_bytes())
            }
            None => encoder.encode(vm, text, &self.errors(vm))?.into(),
        };
        self.write_encoded(vm, text, encoded)
    }

    /// Writes a string of a subclass, whose own `replace` translates the line ends.
    #[cold]
    fn write_subclass(&self, vm: &Vm, text: &Ref<Str>, end: &str) -> PyResult<()> {
        let args = [
            vm.new_str("\n")?.into_value(),
            vm.new_str(end)?.into_value(),
        ];
        let translated = vm.call_method_str(text.as_value(), "replace", &args)?;
        let Some(translated) = str_::of(&translated) else {
            return Err(vm.type_error(format!(
                "replace() should have returned a str, not '{}'",
                vm.type_name(&translated)
            )));
        };
        // It may have done anything to this stream.
        self.check_open(vm)?;
        let Some(encoder) = self.encoder.get() else {
            return Err(unsupported(vm, "not writable"));
        };
        let encoded = encoder.encode(vm, translated, &self.errors(vm))?;
        self.write_encoded(vm, text, encoded.into())
    }

    /// Collects encoded bytes and passes on what is due.
    fn write_encoded(&self, vm: &Vm, text: &Ref<Str>, encoded: Cow<[u8]>) -> PyResult<()> {
        let bytes = text.as_bytes();
        let flush = self.line_buffering.get() && memchr::memchr2(b'\n', b'\r', bytes).is_some();
        // A large piece is not collected behind others, nor behind what flushing those brought in.
        while !self.pending.with(Vec::is_empty)
            && self.pending.with(Vec::len) + encoded.len() > self.chunk.get()
        {
            self.flush_pending(vm)?;
        }
        let held = self.pending.with_mut(|p| {
            match encoded {
                Cow::Owned(encoded) if p.is_empty() => *p = encoded,
                encoded => p.extend_from_slice(&encoded),
            }
            p.len()
        });
        if held >= self.chunk.get() || flush || self.write_through.get() {
            self.flush_pending(vm)?;
        }
        if flush {
            let buffer = self.buffer(vm)?;
            vm.call_method_str(&buffer, "flush", &[])?;
        }
        self.forget_decoded(vm)
    }

    /// After writing, what was read ahead no longer holds.
    fn forget_decoded(&self, vm: &Vm) -> PyResult<()> {
        if self.decoder.with(Option::is_none) {
            return Ok(());
        }
        // Of streams that cannot tell, what was read ahead comes from elsewhere than where writing goes.
        if self.snapshot.with(Option::is_some) {
            self.decoded.set(Decoded::default());
            self.snapshot.set(None);
        }
        self.with_decoder(vm, |decoder| decoder.reset(vm))?;
        self.pending_cr.set(false);
        Ok(())
    }

    // ---- reading ----

    /// Runs `f` on the decoder, which is out of its place meanwhile: a Python decoder may use this stream.
    fn with_decoder<R>(&self, vm: &Vm, f: impl FnOnce(&mut Decoder) -> PyResult<R>) -> PyResult<R> {
        let Some(mut decoder) = self.decoder.get() else {
            return Err(unsupported(vm, "not readable"));
        };
        let result = f(&mut decoder);
        if matches!(decoder, Decoder::Native { .. }) {
            self.decoder.set(Some(decoder));
        }
        result
    }

    /// Decodes bytes and translates their line ends.
    fn decode(&self, vm: &Vm, data: &[u8], last: bool) -> PyResult<Vec<u8>> {
        let errors = self.errors(vm);
        let mut text = self.with_decoder(vm, |d| d.decode(vm, data, &errors, last))?;
        let newline = self.newline.get();
        if !newline.universal {
            return Ok(text);
        }
        if self.pending_cr.get() && (last || !text.is_empty()) {
            text.insert(0, b'\r');
            self.pending_cr.set(false);
        }
        if !last && text.last() == Some(&b'\r') {
            text.pop();
            self.pending_cr.set(true);
        }
        Ok(newline::translate(text, &self.seen, newline.translate))
    }

    /// The next bytes of the buffer.
    fn read_bytes(&self, vm: &Vm, count: usize) -> PyResult<Vec<u8>> {
        let buffer = self.buffer(vm)?;
        if self.has_read1.get()
            && let Some(reader) = buffer.downcast::<BufferedReader>()
            && vm.type_of(&buffer).is(vm.class::<BufferedReader>())
            && reader.core().is_quiet()
        {
            return reader.core().read_some(vm, Some(count));
        }
        let method = if self.has_read1.get() {
            "read1"
        } else {
            "read"
        };
        let data = vm.call_method_str(&buffer, method, &[vm.new_int(count as i64)?])?;
        if let Some(bytes) = data.downcast::<Bytes>() {
            return Ok(bytes.as_bytes().to_vec());
        }
        if !Buffer::supported(vm, &data) {
            return Err(vm.type_error(format!(
                "underlying {method}() should have returned a bytes-like object, not '{}'",
                vm.type_name(&data)
            )));
        }
        Ok(Buffer::of(vm, &data)?.to_vec())
    }

    /// Reads and decodes one chunk. False at the end.
    fn read_chunk(&self, vm: &Vm, hint: usize) -> PyResult<bool> {
        if self.decoder.with(Option::is_none) {
            return Err(unsupported(vm, "not readable"));
        }
        let before = if self.telling.get() {
            let decoder = self.decoder.get();
            decoder.map(|d| d.state(vm)).transpose()?
        } else {
            None
        };
        let pending_cr = self.pending_cr.get();
        let input = self.read_bytes(vm, self.chunk.get().max(hint))?;
        let at_end = input.is_empty();
        let text = self.decode(vm, &input, at_end)?;
        let more = !at_end || !text.is_empty();
        self.decoded.set(Decoded { text, at: 0 });
        if let Some((mut held, flags)) = before {
            held.extend_from_slice(&input);
            self.snapshot.set(Some(Snapshot {
                flags,
                pending_cr,
                input: held,
                last: at_end,
            }));
        }
        Ok(more)
    }

    /// Takes decoded text, at most `limit` characters.
    fn take(&self, limit: Option<usize>) -> Vec<u8> {
        self.decoded.with_mut(|d| {
            let rest = &d.text[d.at..];
            let end = match limit {
                None => rest.len(),
                Some(limit) if limit >= rest.len() => rest.len(),
                Some(limit) => char_offset(rest, limit),
            };
            let taken = rest[..end].to_vec();
            d.at += end;
            taken
        })
    }

    fn has_decoded(&self) -> bool {
        self.decoded.with(|d| d.at < d.text.len())
    }

    fn read(&self, vm: &Vm, limit: Option<usize>) -> PyResult {
        self.check_open(vm)?;
        if self.decoder.with(Option::is_none) {
            return Err(unsupported(vm, "not readable"));
        }
        self.flush_pending(vm)?;
        let Some(limit) = limit else {
            let buffer = self.buffer(vm)?;
            let bytes = vm.call_method_str(&buffer, "read", &[])?;
            if bytes.is_none() {
                let class = &vm.types.exceptions.blocking_io_error;
                return Err(vm.raise(class, "Read returned None."));
            }
            let mut text = self.take(None);
            let data = match bytes.downcast::<Bytes>() {
                Some(bytes) => self.decode(vm, bytes.as_bytes(), true)?,
                None => self.decode(vm, &Buffer::of(vm, &bytes)?.to_vec(), true)?,
            };
            if text.is_empty() {
                text = data;
            } else {
                text.extend_from_slice(&data);
            }
            self.decoded.set(Decoded::default());
            self.snapshot.set(None);
            return Ok(vm.new_str_wtf8(&text)?.into_value());
        };
        let mut text = self.take(Some(limit));
        let mut chars = count_chars(&text);
        while chars < limit {
            if !self.read_chunk(vm, limit - chars)? {
                break;
            }
            let more = self.take(Some(limit - chars));
            chars += count_chars(&more);
            text.extend_from_slice(&more);
        }
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    fn read_line(&self, vm: &Vm, limit: Option<usize>) -> PyResult<Vec<u8>> {
        self.check_open(vm)?;
        self.flush_pending(vm)?;
        let end = self.newline.get().end;
        let mut line: Vec<u8> = Vec::new();
        let mut chars = 0;
        loop {
            if !self.has_decoded() && !self.read_chunk(vm, 0)? {
                self.decoded.set(Decoded::default());
                self.snapshot.set(None);
                return Ok(line);
            }
            // A line end of two characters may lie across two chunks.
            let carried = matches!(end, newline::LineEnd::CrLf) && line.last() == Some(&b'\r');
            let (piece, complete) = self.decoded.with(|d| {
                let rest = &d.text[d.at..];
                if carried && rest.first() == Some(&b'\n') {
                    return (1, true);
                }
                match end.find(rest) {
                    Some(end) => (end, true),
                    None => (rest.len(), false),
                }
            });
            let piece = self.decoded.with(|d| d.text[d.at..d.at + piece].to_vec());
            let (piece, complete) = match limit {
                Some(limit) if count_chars(&piece) >= limit - chars => {
                    let cut = char_offset(&piece, limit - chars);
                    (piece[..cut].to_vec(), true)
                }
                _ => (piece, complete),
            };
            self.decoded.with_mut(|d| d.at += piece.len());
            if limit.is_some() {
                chars += count_chars(&piece);
            }
            if line.is_empty() {
                line = piece;
            } else {
                line.extend_from_slice(&piece);
            }
            if complete {
                return Ok(line);
            }
        }
    }

    // ---- positions ----

    fn flush_all(&self, vm: &Vm) -> PyResult<()> {
        self.flush_pending(vm)?;
        let buffer = self.buffer(vm)?;
        vm.call_method_str(&buffer, "flush", &[]).map(drop)
    }

    fn place_encoder(&self, vm: &Vm, start: bool) -> PyResult<()> {
        match self.encoder.get() {
            Some(encoder) => encoder.at_position(vm, start),
            None => Ok(()),
        }
    }
}

/// The byte offset of the code point number `index`.
fn char_offset(text: &[u8], index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    let mut at = 0;
    for _ in 0..index {
        match text.get(at) {
            Some(&first) => at += utf8_width(first),
            None => break,
        }
    }
    at.min(text.len())
}

#[pymethods]
impl TextIoWrapper {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, TextIoWrapper::default())?
            .into_value())
    }

    #[pyslot(
        sig = "(buffer, encoding=None, errors=None, newline=None,\n              line_buffering=False, write_through=False)"
    )]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        buffer: Value,
        encoding: Option<Value>,
        errors: Option<Value>,
        newline: Option<Value>,
        line_buffering: Option<bool>,
        write_through: Option<bool>,
    ) -> PyResult<()> {
        let or_none = |v: Option<Value>| v.unwrap_or(Value::NONE);
        let (encoding, errors, newline) = (or_none(encoding), or_none(errors), or_none(newline));
        zelf.set_up(
            vm,
            buffer,
            [&encoding, &errors, &newline],
            line_buffering.unwrap_or(false),
            write_through.unwrap_or(false),
        )
    }

    #[pyslot]
    fn finalize(zelf: &Value, vm: &Vm) {
        super::base::finalize(vm, zelf)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.check_initialized(vm)?;
        if object::repr_enter(vm, zelf.as_value()) {
            let class = vm.type_of(zelf.as_value()).full_name();
            return Err(vm.runtime_error(format!("reentrant call inside {class}.__repr__")));
        }
        let result = (|| {
            let mut text = format!("<{}", vm.type_of(zelf.as_value()).full_name());
            for name in ["name", "mode"] {
                match attributes::get_optional(vm, zelf.as_value(), &vm.intern(name)) {
                    Ok(Some(value)) => {
                        let shown = object::repr(vm, &value)?;
                        text += &format!(" {name}={}", shown.to_string_lossy());
                    }
                    Ok(None) => {}
                    Err(_) if vm.catch(&vm.types.value_error) => {}
                    Err(raised) => return Err(raised),
                }
            }
            let encoding = zelf
                .encoding
                .get()
                .map(|e| e.to_string_lossy().into_owned());
            Ok(text + &format!(" encoding='{}'>", encoding.unwrap_or_default()))
        })();
        object::repr_leave(vm, zelf.as_value());
        Ok(vm.new_str(result?)?.into_value())
    }

    /// Reconfigure the text stream with new parameters.
    ///
    /// This also does an implicit stream flush.
    #[pymethod(
        sig = "($self, /, *, encoding=None, errors=None, newline=<unrepresentable>,\n            line_buffering=None, write_through=None)"
    )]
    fn reconfigure(
        &self,
        vm: &Vm,
        encoding: Option<&Value>,
        errors: Option<&Value>,
        newline: Option<&Value>,
        line_buffering: Option<&Value>,
        write_through: Option<&Value>,
    ) -> PyResult<()> {
        let (encoding, errors) = (
            encoding.filter(|v| !v.is_none()),
            errors.filter(|v| !v.is_none()),
        );
        let used = self.decoded.with(|d| !d.text.is_empty()) || self.snapshot.with(Option::is_some);
        if used && (encoding.is_some() || errors.is_some() || newline.is_some()) {
            return Err(unsupported(
                vm,
                "It is not possible to set the encoding or newline of stream after the first read",
            ));
        }
        let text = |value: &Value, name: &str| match str_::of(value) {
            Some(text) => Ok(text.clone()),
            None => Err(vm.type_error(format!(
                "reconfigure() argument '{name}' must be str or None, not {}",
                vm.type_name(value)
            ))),
        };
        let newline = newline.map(|n| newline::parse(vm, n)).transpose()?;
        let flag = |value: Option<&Value>, cell: &Cell<bool>| -> PyResult<bool> {
            match value.filter(|v| !v.is_none()) {
                Some(value) => match number::index_i64(vm, value)? {
                    Some(n) => Ok(n != 0),
                    None => Err(vm.overflow_error("Python int too large to convert to C long")),
                },
                None => Ok(cell.get()),
            }
        };
        let line_buffering = flag(line_buffering, &self.line_buffering)?;
        let write_through = flag(write_through, &self.write_through)?;
        self.flush_all(vm)?;
        if encoding.is_some() || errors.is_some() {
            let new_errors = match errors {
                Some(errors) => {
                    let errors = text(errors, "errors")?;
                    super::check_name(vm, &errors)?;
                    errors
                }
                None if encoding.is_some() => vm.intern("strict"),
                None => self.errors(vm),
            };
            let new_encoding = match encoding {
                Some(name) => match text(name, "encoding")? {
                    name if name.as_bytes() == b"locale" => locale_encoding(vm)?,
                    // CPython reads this one as a C string.
                    name => match memchr::memchr(0, name.as_bytes()) {
                        Some(end) => vm.new_str_wtf8(&name.as_bytes()[..end])?,
                        None => name,
                    },
                },
                None => self.encoding.get().unwrap_or_else(|| vm.intern("utf-8")),
            };
            let able = (
                self.decoder.with(Option::is_some),
                self.encoder.with(Option::is_some),
            );
            self.set_codec(vm, new_encoding, new_errors, able)?;
            if self.seekable.get() && matches!(self.encoder.get(), Some(Encoder::Python(_))) {
                let position = vm.call_method_str(&self.buffer(vm)?, "tell", &[])?;
                self.place_encoder(vm, !object::is_true(vm, &position)?)?;
            }
        }
        if let Some(newline) = newline {
            self.newline.set(newline);
        }
        self.line_buffering.set(line_buffering);
        self.write_through.set(write_through);
        Ok(())
    }

    /// Separate the underlying buffer from the TextIOBase and return it.
    ///
    /// After the underlying buffer has been detached, the TextIO is in an unusable state.
    #[pymethod(sig = "($self, /)")]
    fn detach(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.buffer(vm)?;
        vm.call_method_str(zelf.as_value(), "flush", &[])?;
        let buffer = zelf.buffer(vm)?;
        drop(zelf.buffer.take());
        zelf.detached.set(true);
        Ok(buffer)
    }

    /// Write string s to stream; return the number of characters written.
    #[pymethod(sig = "($self, text, /)")]
    fn write(&self, vm: &Vm, text: &Value) -> PyResult<usize> {
        let Some(text) = str_::of(text) else {
            return Err(vm.type_error(format!(
                "write() argument must be str, not {}",
                vm.type_name(text)
            )));
        };
        self.buffer(vm)?;
        self.write_text(vm, text)?;
        Ok(text.char_len())
    }

    /// Read at most size characters from stream.
    #[pymethod(name = "read", sig = "($self, size=-1, /)")]
    fn read_method(&self, vm: &Vm, size: Option<&Value>) -> PyResult {
        let limit = super::size(vm, size)?;
        self.read(vm, limit)
    }

    /// Read until newline or EOF.
    #[pymethod(sig = "($self, size=-1, /)")]
    fn readline(&self, vm: &Vm, size: Option<isize>) -> PyResult {
        let limit = usize::try_from(size.unwrap_or(-1)).ok();
        if limit == Some(0) {
            self.check_open(vm)?;
            return Ok(vm.new_str("")?.into_value());
        }
        Ok(vm.new_str_wtf8(&self.read_line(vm, limit)?)?.into_value())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.buffer(vm)?;
        zelf.telling.set(false);
        let line = if vm.type_of(zelf.as_value()).is(vm.class::<TextIoWrapper>()) {
            vm.new_str_wtf8(&zelf.read_line(vm, None)?)?.into_value()
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
        if str_::of(&line).is_some_and(|l| l.byte_len() > 0) {
            return Ok(Some(line));
        }
        zelf.snapshot.set(None);
        zelf.telling.set(zelf.seekable.get());
        Ok(None)
    }

    /// Set the stream position, and return the new stream position.
    ///
    ///   cookie
    ///     Zero or an opaque number returned by tell().
    ///   whence
    ///     The relative position to seek from.
    #[pymethod(sig = "($self, cookie, whence=os.SEEK_SET, /)")]
    fn seek(&self, vm: &Vm, cookie: &Value, whence: Option<i32>) -> PyResult {
        let cookie = number::index(vm, cookie)?;
        self.seek_to(vm, &cookie, whence.unwrap_or(0))
    }

    /// Return the stream position as an opaque number.
    #[pymethod(sig = "($self, /)")]
    fn tell(&self, vm: &Vm) -> PyResult {
        self.position(vm)
    }

    #[pymethod(sig = "($self, pos=None, /)")]
    fn truncate(&self, vm: &Vm, pos: Option<Value>) -> PyResult {
        let buffer = self.buffer(vm)?;
        self.flush_all(vm)?;
        vm.call_method_str(&buffer, "truncate", &[pos.unwrap_or(Value::NONE)])
    }

    #[pymethod(sig = "($self, /)")]
    fn flush(&self, vm: &Vm) -> PyResult<()> {
        self.check_open(vm)?;
        self.telling.set(self.seekable.get());
        self.flush_all(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn close(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        let buffer = zelf.buffer(vm)?;
        // Asking can run Python code that detaches the buffer.
        if zelf.is_closed(vm)? || zelf.detached.get() {
            return Ok(());
        }
        if attributes::get_optional(vm, zelf.as_value(), &vm.intern("_finalizing"))?.is_some()
            && let Some(warn) = attributes::get_optional(vm, &buffer, &vm.intern("_dealloc_warn"))?
            && vm.call(&warn, &[zelf.to_value()]).is_err()
        {
            vm.clear_exception();
        }
        let flushed = vm.call_method_str(zelf.as_value(), "flush", &[]).map(drop);
        super::chain(vm, flushed, || {
            vm.call_method_str(&buffer, "close", &[]).map(drop)
        })
    }

    #[pymethod(sig = "($self, /)")]
    fn fileno(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(&self.buffer(vm)?, "fileno", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn seekable(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(&self.buffer(vm)?, "seekable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn readable(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(&self.buffer(vm)?, "readable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn writable(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(&self.buffer(vm)?, "writable", &[])
    }

    #[pymethod(sig = "($self, /)")]
    fn isatty(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(&self.buffer(vm)?, "isatty", &[])
    }

    #[pygetter(name = "buffer")]
    fn buffer_value(&self, vm: &Vm) -> PyResult {
        match self.buffer.get() {
            Some(buffer) => Ok(buffer),
            None if self.detached.get() => {
                Err(vm.value_error("underlying buffer has been detached"))
            }
            None => Err(vm.attribute_error("buffer")),
        }
    }

    #[pygetter]
    fn name(&self, vm: &Vm) -> PyResult {
        attributes::get_by(vm, &self.buffer(vm)?, "name")
    }

    #[pygetter]
    fn closed(&self, vm: &Vm) -> PyResult<bool> {
        self.is_closed(vm)
    }

    #[pygetter]
    fn encoding(&self) -> Option<Ref<Str>> {
        self.encoding.get()
    }

    #[pygetter(name = "errors")]
    fn errors_value(&self, vm: &Vm) -> PyResult {
        self.check_initialized(vm)?;
        Ok(self.errors(vm).into_value())
    }

    #[pygetter]
    fn newlines(&self, vm: &Vm) -> PyResult {
        self.buffer(vm)?;
        if !self.newline.get().universal {
            return Ok(Value::NONE);
        }
        newline::seen_value(vm, self.seen.get())
    }

    #[pygetter]
    fn line_buffering(&self) -> bool {
        self.line_buffering.get()
    }

    #[pygetter]
    fn write_through(&self) -> bool {
        self.write_through.get()
    }

    #[pygetter(name = "_CHUNK_SIZE")]
    fn chunk_size(&self, vm: &Vm) -> PyResult<usize> {
        self.buffer(vm)?;
        Ok(self.chunk.get())
    }

    #[pysetter(name = "_CHUNK_SIZE")]
    fn set_chunk_size(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error(
                "attribute '_CHUNK_SIZE' of '_io.TextIOWrapper' objects cannot be deleted",
            ));
        };
        match number::index_for(vm, &value, &vm.types.value_error)? {
            n if n > 0 => {
                self.chunk.set(n as usize);
                Ok(())
            }
            _ => Err(vm.value_error("a strictly positive integer is required")),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn __getstate__(zelf: &Value, vm: &Vm) -> PyResult {
        Err(vm.type_error(format!("cannot pickle '{}' instances", vm.type_name(zelf))))
    }
}
