//! `_multibytecodec` and the six modules of East Asian codecs.
//!
//! tables.rs holds the character sets, codec.rs the codecs; here are the objects that Python's `encodings` build on: the
//! codec, the incremental encoder and decoder, and the stream reader and writer. What an input leaves unfinished waits
//! in `pending`. CPython: Modules/cjkcodecs/multibytecodec.c.

mod codec;
mod tables;

use codec::{Codec, State, Step};
use dashu_int::IBig;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_numbers::bigint;
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, iterator, number, object};
use naja_vm::str_::codecs::errors::{Decoding, Encoding, Errors, Replacement};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{OrNone, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

const ILLEGAL: &str = "illegal multibyte sequence";
const INCOMPLETE: &str = "incomplete multibyte sequence";
/// Characters and bytes that may wait for more.
const MAX_PENDING_CHARS: usize = 2;
const MAX_PENDING_BYTES: usize = 8;

/// Encodes text; gives the bytes and how many characters were consumed, all of them with `last`.
fn encode_text(
    vm: &Vm,
    codec: &Codec,
    state: &mut State,
    text: &Ref<Str>,
    errors: &Errors,
    last: bool,
) -> PyResult<(Vec<u8>, usize)> {
    vm.check_stack()?;
    let points: Vec<u32> = text.code_points().collect();
    let mut run = Encoding::new(vm, codec.name, text, errors);
    let mut out = Vec::with_capacity(points.len() * 2);
    let mut at = 0;
    while let Some(rest) = points.get(at..).filter(|rest| !rest.is_empty()) {
        match codec.encode(state, rest, last, &mut out) {
            Step::Done(n) => at += n.max(1),
            Step::More => break,
            Step::Illegal(n) => {
                let handled = run.error(&points, at, at + n, ILLEGAL);
                let (replacement, next) = position(vm, handled)?;
                match replacement {
                    Replacement::Bytes(bytes) => out.extend(bytes),
                    Replacement::Text(text) => {
                        let text = vm.new_str_wtf8(&text)?;
                        let strict = Errors::new(None);
                        let (bytes, _) = replaced(vm, codec, state, &text, &strict)?;
                        out.extend(bytes);
                    }
                }
                at = next;
            }
        }
    }
    if last {
        codec.reset_encoder(state, &mut out);
    }
    Ok((out, at))
}

/// Encodes what an error handler gave, without leaving the state's mode.
fn replaced(
    vm: &Vm,
    codec: &Codec,
    state: &mut State,
    text: &Ref<Str>,
    strict: &Errors,
) -> PyResult<(Vec<u8>, usize)> {
    let points: Vec<u32> = text.code_points().collect();
    let mut run = Encoding::new(vm, codec.name, text, strict);
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(rest) = points.get(at..).filter(|rest| !rest.is_empty()) {
        match codec.encode(state, rest, true, &mut out) {
            Step::Done(n) => at += n.max(1),
            Step::More => break,
            Step::Illegal(n) => return Err(run.raise(at, at + n, ILLEGAL)),
        }
    }
    Ok((out, at))
}

/// The position that an error handler gave. One that is no machine word is as one out of bounds, in these codecs.
fn position<T>(vm: &Vm, given: PyResult<T>) -> PyResult<T> {
    given.map_err(|raised| {
        let native = vm
            .pending_exception()
            .is_some_and(|e| e.traceback_value().is_none());
        if !native || !vm.catch(&vm.types.overflow_error) {
            return raised;
        }
        vm.index_error("position -1 from error handler out of bounds")
    })
}

/// Decodes bytes; gives the text and how many bytes were consumed, all of them with `last`.
fn decode_bytes(
    vm: &Vm,
    codec: &Codec,
    state: &mut State,
    data: &[u8],
    errors: &Errors,
    last: bool,
) -> PyResult<(Ref<Str>, usize)> {
    let mut run = Decoding::new(vm, codec.name, data, errors);
    let mut at = 0;
    let mut chars: Vec<u32> = Vec::with_capacity(2);
    while at < run.data.len() {
        let rest = run.data.get(at..).unwrap_or(&[]);
        let length = rest.len();
        match codec.decode(state, rest, &mut |c| chars.push(c)) {
            Step::Done(n) => at += n.max(1),
            Step::More if !last => break,
            Step::More => at = position(vm, run.error(at, at + length, INCOMPLETE))?,
            Step::Illegal(n) => at = position(vm, run.error(at, at + n.min(length), ILLEGAL))?,
        }
        for c in chars.drain(..) {
            run.push(c);
        }
    }
    Ok((run.finish()?, at))
}

/// The name of an error handler as it is kept.
fn errors_name(vm: &Vm, errors: Option<Ref<Str>>) -> Ref<Str> {
    errors.unwrap_or_else(|| vm.intern("strict"))
}

/// The codec that a class has as its attribute `codec`.
fn codec_of(vm: &Vm, cls: &Ref<Type>) -> PyResult<Codec> {
    let value = attributes::get_by(vm, cls.as_value(), "codec")?;
    match value.downcast::<MultibyteCodec>() {
        Some(codec) => Ok(codec.codec),
        None => Err(vm.type_error("codec is unexpected type")),
    }
}

fn unicode_error(vm: &Vm, message: &str) -> naja_vm::Raised {
    vm.raise(&vm.types.unicode_error, message)
}

/// An encoder or decoder between calls.
struct Stateful {
    codec: Codec,
    state: Cell<State>,
    errors: MutCell<Ref<Str>>,
    chars: MutCell<Vec<u32>>,
    bytes: MutCell<Vec<u8>>,
}

impl Stateful {
    fn new(vm: &Vm, cls: &Ref<Type>, errors: Option<Ref<Str>>) -> PyResult<Stateful> {
        let codec = codec_of(vm, cls)?;
        Ok(Stateful {
            codec,
            state: Cell::new(codec.initial()),
            errors: MutCell::new(errors_name(vm, errors)),
            chars: MutCell::new(Vec::new()),
            bytes: MutCell::new(Vec::new()),
        })
    }

    fn errors(&self) -> Errors {
        Errors::new(Some(&self.errors.get()))
    }

    fn set_errors(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete attribute"));
        };
        match str_::of(&value) {
            Some(name) => {
                self.errors.set(name.clone());
                Ok(())
            }
            None => Err(vm.type_error("errors must be a string")),
        }
    }

    /// Encodes what waited and `input`.
    fn encode(&self, vm: &Vm, input: &Value, last: bool) -> PyResult<Vec<u8>> {
        let text = object::str(vm, input)?;
        let mut whole = Vec::new();
        for c in self.chars.get() {
            str_::push_code_point(&mut whole, c);
        }
        let text = if whole.is_empty() {
            text
        } else {
            whole.extend_from_slice(text.as_bytes());
            vm.new_str_wtf8(&whole)?
        };
        let mut state = self.state.get();
        let result = encode_text(vm, &self.codec, &mut state, &text, &self.errors(), last);
        self.state.set(state);
        let (out, consumed) = result?;
        let rest: Vec<u32> = text.code_points().skip(consumed).collect();
        if rest.len() > MAX_PENDING_CHARS {
            return Err(unicode_error(vm, "pending buffer overflow"));
        }
        self.chars.set(rest);
        Ok(out)
    }

    /// Decodes what waited and `input`.
    fn decode(&self, vm: &Vm, input: &[u8], last: bool) -> PyResult<Ref<Str>> {
        // What waited goes on waiting if this fails.
        let mut data = self.bytes.get();
        data.extend_from_slice(input);
        let mut state = self.state.get();
        let result = decode_bytes(vm, &self.codec, &mut state, &data, &self.errors(), last);
        self.state.set(state);
        let (text, consumed) = result?;
        let rest = data.get(consumed..).unwrap_or(&[]);
        if rest.len() > MAX_PENDING_BYTES {
            return Err(unicode_error(vm, "pending buffer overflow"));
        }
        self.bytes.set(rest.to_vec());
        Ok(text)
    }

    fn reset_encoder(&self) -> Vec<u8> {
        let mut state = self.state.get();
        let mut out = Vec::new();
        self.codec.reset_encoder(&mut state, &mut out);
        self.state.set(state);
        self.chars.set(Vec::new());
        out
    }

    fn reset_decoder(&self) {
        let mut state = self.state.get();
        self.codec.reset_decoder(&mut state);
        self.state.set(state);
        self.bytes.set(Vec::new());
    }
}

/// The int of bytes, least significant first.
fn int_of_bytes(vm: &Vm, bytes: &[u8]) -> PyResult {
    vm.new_bigint(IBig::from(dashu_int::UBig::from_le_bytes(bytes)))
}

/// The bytes of an int, least significant first, as many as asked for.
fn bytes_of_int(vm: &Vm, value: &Value, len: usize) -> PyResult<Vec<u8>> {
    if !number::is_int(vm, value) {
        return Err(vm.type_error(format!(
            "argument must be int, not {}",
            vm.type_of(value).full_name()
        )));
    }
    let value = naja_vm::int::to_big(value).unwrap_or_default();
    if bigint::is_negative(&value) {
        return Err(vm.overflow_error("can't convert negative int to unsigned"));
    }
    if value.as_sign_words().1.len() * 8 > len + 7 || bigint::bit_length(&value) > len * 8 {
        return Err(vm.overflow_error("int too big to convert"));
    }
    let mut bytes: Vec<u8> = value
        .as_sign_words()
        .1
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    bytes.resize(len, 0);
    Ok(bytes)
}

/// A state's eight bytes out of others.
fn state_of(bytes: Option<&[u8]>) -> State {
    bytes.and_then(|b| b.try_into().ok()).unwrap_or([0; 8])
}

/// A codec's functions.
#[pyclass(name = "MultibyteCodec", module = "_multibytecodec", flags(NO_NEW))]
pub struct MultibyteCodec {
    codec: Codec,
}

#[pymethods]
impl MultibyteCodec {
    /// Return an encoded string version of 'input'.
    ///
    /// 'errors' may be given to set a different error handling scheme.
    #[pymethod(sig = "($self, /, input, errors=None)")]
    fn encode(&self, vm: &Vm, input: &Value, errors: OrNone<Ref<Str>>) -> PyResult {
        let text = object::str(vm, input)?;
        let errors = Errors::new(errors.0.as_ref());
        let mut state = self.codec.initial();
        let (out, _) = encode_text(vm, &self.codec, &mut state, &text, &errors, true)?;
        let count = vm.new_int(text.char_len() as i64)?;
        Ok(vm
            .new_tuple(vec![vm.new_bytes(&out)?.into_value(), count])?
            .into_value())
    }

    /// Decodes 'input'.
    ///
    /// 'errors' may be given to set a different error handling scheme.
    #[pymethod(sig = "($self, /, input, errors=None)")]
    fn decode(&self, vm: &Vm, input: Buffer, errors: OrNone<Ref<Str>>) -> PyResult {
        let data = input.to_vec();
        let errors = Errors::new(errors.0.as_ref());
        let mut state = self.codec.initial();
        let (text, _) = decode_bytes(vm, &self.codec, &mut state, &data, &errors, true)?;
        let count = vm.new_int(data.len() as i64)?;
        Ok(vm.new_tuple(vec![text.into_value(), count])?.into_value())
    }
}

/// An encoder that takes its input in pieces.
#[pyclass(
    name = "MultibyteIncrementalEncoder",
    module = "_multibytecodec",
    flags(BASETYPE)
)]
#[repr(C)]
pub struct IncrementalEncoder {
    inner: Stateful,
}

#[pymethods]
impl IncrementalEncoder {
    #[pyslot(sig = "(errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, errors: Option<Ref<Str>>) -> PyResult {
        let inner = Stateful::new(vm, cls, errors)?;
        Ok(vm
            .new_object_of(cls, IncrementalEncoder { inner })?
            .into_value())
    }

    #[pyslot]
    fn init(&self, vm: &Vm, args: naja_vm::Args) -> PyResult<()> {
        let _ = (vm, args);
        Ok(())
    }

    #[pymethod(sig = "($self, /, input, final=False)")]
    fn encode(&self, vm: &Vm, input: &Value, #[default(false)] r#final: bool) -> PyResult {
        Ok(vm
            .new_bytes(&self.inner.encode(vm, input, r#final)?)?
            .into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn getstate(&self, vm: &Vm) -> PyResult {
        let mut waiting = Vec::new();
        for c in self.inner.chars.get() {
            str_::push_code_point(&mut waiting, c);
        }
        let mut bytes = vec![waiting.len() as u8];
        bytes.extend(waiting);
        bytes.extend(self.inner.state.get());
        int_of_bytes(vm, &bytes)
    }

    #[pymethod(sig = "($self, state, /)")]
    fn setstate(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let bytes = bytes_of_int(vm, state, 1 + 4 * MAX_PENDING_CHARS + 8)?;
        let len = usize::from(bytes.first().copied().unwrap_or(0));
        if len > 4 * MAX_PENDING_CHARS {
            return Err(unicode_error(vm, "pending buffer too large"));
        }
        let waiting = bytes.get(1..1 + len).unwrap_or(&[]);
        let text = match std::str::from_utf8(waiting) {
            Ok(text) => text,
            Err(error) => {
                let strict = Errors::new(Some(&vm.intern("strict")));
                let mut run = Decoding::new(vm, "utf-8", waiting, &strict);
                let at = error.valid_up_to();
                return Err(run.raise(at, at + 1, "invalid start byte"));
            }
        };
        self.inner.chars.set(text.chars().map(u32::from).collect());
        self.inner.state.set(state_of(bytes.get(1 + len..9 + len)));
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn reset(&self) {
        self.inner.reset_encoder();
    }

    /// how to treat errors
    #[pygetter]
    fn errors(&self) -> Ref<Str> {
        self.inner.errors.get()
    }

    #[pysetter]
    fn set_errors(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.inner.set_errors(vm, value)
    }
}

/// A decoder that takes its input in pieces.
#[pyclass(
    name = "MultibyteIncrementalDecoder",
    module = "_multibytecodec",
    flags(BASETYPE)
)]
#[repr(C)]
pub struct IncrementalDecoder {
    inner: Stateful,
}

#[pymethods]
impl IncrementalDecoder {
    #[pyslot(sig = "(errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, errors: Option<Ref<Str>>) -> PyResult {
        let inner = Stateful::new(vm, cls, errors)?;
        Ok(vm
            .new_object_of(cls, IncrementalDecoder { inner })?
            .into_value())
    }

    #[pyslot]
    fn init(&self, vm: &Vm, args: naja_vm::Args) -> PyResult<()> {
        let _ = (vm, args);
        Ok(())
    }

    #[pymethod(sig = "($self, /, input, final=False)")]
    fn decode(&self, vm: &Vm, input: Buffer, #[default(false)] r#final: bool) -> PyResult {
        Ok(self
            .inner
            .decode(vm, &input.to_vec(), r#final)?
            .into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn getstate(&self, vm: &Vm) -> PyResult {
        let waiting = vm.new_bytes(&self.inner.bytes.get())?.into_value();
        let state = int_of_bytes(vm, &self.inner.state.get())?;
        Ok(vm.new_tuple(vec![waiting, state])?.into_value())
    }

    #[pymethod(sig = "($self, state, /)")]
    fn setstate(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let illegal = || vm.type_error("setstate(): illegal state argument");
        let tuple = state.downcast::<Tuple>().ok_or_else(illegal)?;
        let [waiting, state] = tuple.items() else {
            return Err(illegal());
        };
        let waiting = waiting.downcast::<Bytes>().ok_or_else(illegal)?;
        if !number::is_int(vm, state) {
            return Err(illegal());
        }
        let state = bytes_of_int(vm, state, 8)?;
        let bytes = waiting.as_bytes();
        if bytes.len() > MAX_PENDING_BYTES {
            let strict = Errors::new(Some(&vm.intern("strict")));
            let mut run = Decoding::new(vm, self.inner.codec.name, bytes, &strict);
            return Err(run.raise(0, bytes.len(), "pending buffer too large"));
        }
        self.inner.bytes.set(waiting.as_bytes().to_vec());
        self.inner.state.set(state_of(Some(&state)));
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn reset(&self) {
        self.inner.reset_decoder();
    }

    /// how to treat errors
    #[pygetter]
    fn errors(&self) -> Ref<Str> {
        self.inner.errors.get()
    }

    #[pysetter]
    fn set_errors(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.inner.set_errors(vm, value)
    }
}

/// A decoder over a stream of bytes.
#[pyclass(
    name = "MultibyteStreamReader",
    module = "_multibytecodec",
    gc,
    flags(BASETYPE)
)]
#[repr(C)]
pub struct StreamReader {
    inner: Stateful,
    stream: MutCell<Option<Value>>,
}

impl Traverse for StreamReader {
    fn traverse(&self, v: &mut Visitor) {
        self.stream.with(|s| v.opt(s));
    }
    fn clear(&self) {
        drop(self.stream.take())
    }
}

impl StreamReader {
    /// Reads with a method of the stream until there is some text or the stream ends.
    fn pull(&self, vm: &Vm, method: &str, size: i64) -> PyResult<Ref<Str>> {
        if size == 0 {
            return vm.new_str("");
        }
        let stream = self.stream.get().unwrap_or(Value::NONE);
        let mut size = size;
        loop {
            let data = if size < 0 {
                vm.call_method_str(&stream, method, &[])?
            } else {
                vm.call_method_str(&stream, method, &[vm.new_int(size)?])?
            };
            let Some(bytes) = data.downcast::<Bytes>() else {
                return Err(vm.type_error(format!(
                    "stream function returned a non-bytes object ({})",
                    vm.type_of(&data).full_name()
                )));
            };
            let ended = bytes.as_bytes().is_empty();
            let text = self.inner.decode(vm, bytes.as_bytes(), ended || size < 0)?;
            if ended || size < 0 || text.char_len() > 0 {
                return Ok(text);
            }
            size = 1;
        }
    }
}

/// A size argument: -1 for None.
fn size_argument(vm: &Vm, size: Option<Value>) -> PyResult<i64> {
    match size.filter(|s| !s.is_none()) {
        None => Ok(-1),
        Some(size) if number::is_int(vm, &size) => {
            Ok(naja_vm::int::as_i64(&size).unwrap_or(i64::MAX))
        }
        Some(_) => Err(vm.type_error("arg 1 must be an integer")),
    }
}

#[pymethods]
impl StreamReader {
    #[pyslot(sig = "(stream, errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, stream: Value, errors: Option<Ref<Str>>) -> PyResult {
        let inner = Stateful::new(vm, cls, errors)?;
        let stream = MutCell::new(Some(stream));
        Ok(vm
            .new_object_of(cls, StreamReader { inner, stream })?
            .into_value())
    }

    #[pyslot]
    fn init(&self, vm: &Vm, args: naja_vm::Args) -> PyResult<()> {
        let _ = (vm, args);
        Ok(())
    }

    #[pymethod(sig = "($self, sizeobj=None, /)")]
    fn read(&self, vm: &Vm, sizeobj: Option<Value>) -> PyResult<Ref<Str>> {
        self.pull(vm, "read", size_argument(vm, sizeobj)?)
    }

    #[pymethod(sig = "($self, sizeobj=None, /)")]
    fn readline(&self, vm: &Vm, sizeobj: Option<Value>) -> PyResult<Ref<Str>> {
        self.pull(vm, "readline", size_argument(vm, sizeobj)?)
    }

    #[pymethod(sig = "($self, sizehintobj=None, /)")]
    fn readlines(&self, vm: &Vm, sizehintobj: Option<Value>) -> PyResult {
        let text = self.pull(vm, "read", size_argument(vm, sizehintobj)?)?;
        vm.call_method_str(text.as_value(), "splitlines", &[Value::TRUE])
    }

    #[pymethod(sig = "($self, /)")]
    fn reset(&self) {
        self.inner.reset_decoder();
    }

    #[pygetter]
    fn stream(&self) -> Option<Value> {
        self.stream.get()
    }

    /// how to treat errors
    #[pygetter]
    fn errors(&self) -> Ref<Str> {
        self.inner.errors.get()
    }

    #[pysetter]
    fn set_errors(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.inner.set_errors(vm, value)
    }
}

/// An encoder over a stream of bytes.
#[pyclass(
    name = "MultibyteStreamWriter",
    module = "_multibytecodec",
    gc,
    flags(BASETYPE)
)]
#[repr(C)]
pub struct StreamWriter {
    inner: Stateful,
    stream: MutCell<Option<Value>>,
}

impl Traverse for StreamWriter {
    fn traverse(&self, v: &mut Visitor) {
        self.stream.with(|s| v.opt(s));
    }
    fn clear(&self) {
        drop(self.stream.take())
    }
}

impl StreamWriter {
    fn put(&self, vm: &Vm, bytes: &[u8]) -> PyResult<()> {
        let stream = self.stream.get().unwrap_or(Value::NONE);
        let bytes = vm.new_bytes(bytes)?.into_value();
        vm.call_method_str(&stream, "write", &[bytes]).map(drop)
    }
}

#[pymethods]
impl StreamWriter {
    #[pyslot(sig = "(stream, errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, stream: Value, errors: Option<Ref<Str>>) -> PyResult {
        let inner = Stateful::new(vm, cls, errors)?;
        let stream = MutCell::new(Some(stream));
        Ok(vm
            .new_object_of(cls, StreamWriter { inner, stream })?
            .into_value())
    }

    #[pyslot]
    fn init(&self, vm: &Vm, args: naja_vm::Args) -> PyResult<()> {
        let _ = (vm, args);
        Ok(())
    }

    #[pymethod(sig = "($self, strobj, /)")]
    fn write(&self, vm: &Vm, strobj: &Value) -> PyResult<()> {
        let bytes = self.inner.encode(vm, strobj, false)?;
        self.put(vm, &bytes)
    }

    #[pymethod(sig = "($self, lines, /)")]
    fn writelines(&self, vm: &Vm, lines: &Value) -> PyResult<()> {
        iterator::for_each(vm, lines, |line| {
            let bytes = self.inner.encode(vm, &line, false)?;
            self.put(vm, &bytes)
        })
    }

    #[pymethod(sig = "($self, /)")]
    fn reset(&self, vm: &Vm) -> PyResult<()> {
        let empty = vm.new_str("")?.into_value();
        let bytes = self.inner.encode(vm, &empty, true)?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.put(vm, &bytes)
    }

    #[pygetter]
    fn stream(&self) -> Option<Value> {
        self.stream.get()
    }

    /// how to treat errors
    #[pygetter]
    fn errors(&self) -> Ref<Str> {
        self.inner.errors.get()
    }

    #[pysetter]
    fn set_errors(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.inner.set_errors(vm, value)
    }
}

/// The codec object of a module.
fn get_codec(vm: &Vm, module: &str, encoding: &Value) -> PyResult {
    let Some(name) = str_::of(encoding) else {
        return Err(vm.type_error("encoding name must be a string."));
    };
    match name.as_str().and_then(|name| Codec::find(module, name)) {
        Some(codec) => Ok(vm.new_object(MultibyteCodec { codec })?.into_value()),
        None => Err(vm.raise(&vm.types.lookup_error, "no such codec is supported.")),
    }
}

#[pymodule(
    name = "_multibytecodec",
    doc = "",
    classes(IncrementalEncoder, IncrementalDecoder, StreamReader, StreamWriter)
)]
pub mod module {
    use super::*;

    #[pyfunction(sig = "(object, /)")]
    fn __create_codec(vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        Err(vm.value_error("argument type invalid"))
    }
}

#[pymodule(name = "_codecs_cn", doc = "")]
pub mod cn {
    use super::*;

    #[pyfunction(sig = "(encoding, /)")]
    fn getcodec(vm: &Vm, encoding: &Value) -> PyResult {
        get_codec(vm, "_codecs_cn", encoding)
    }
}

#[pymodule(name = "_codecs_hk", doc = "")]
pub mod hk {
    use super::*;

    #[pyfunction(sig = "(encoding, /)")]
    fn getcodec(vm: &Vm, encoding: &Value) -> PyResult {
        get_codec(vm, "_codecs_hk", encoding)
    }
}

#[pymodule(name = "_codecs_iso2022", doc = "")]
pub mod iso2022 {
    use super::*;

    #[pyfunction(sig = "(encoding, /)")]
    fn getcodec(vm: &Vm, encoding: &Value) -> PyResult {
        get_codec(vm, "_codecs_iso2022", encoding)
    }
}

#[pymodule(name = "_codecs_jp", doc = "")]
pub mod jp {
    use super::*;

    #[pyfunction(sig = "(encoding, /)")]
    fn getcodec(vm: &Vm, encoding: &Value) -> PyResult {
        get_codec(vm, "_codecs_jp", encoding)
    }
}

#[pymodule(name = "_codecs_kr", doc = "")]
pub mod kr {
    use super::*;

    #[pyfunction(sig = "(encoding, /)")]
    fn getcodec(vm: &Vm, encoding: &Value) -> PyResult {
        get_codec(vm, "_codecs_kr", encoding)
    }
}

#[pymodule(name = "_codecs_tw", doc = "")]
pub mod tw {
    use super::*;

    #[pyfunction(sig = "(encoding, /)")]
    fn getcodec(vm: &Vm, encoding: &Value) -> PyResult {
        get_codec(vm, "_codecs_tw", encoding)
    }
}
