//! Line ends: their translation, and where a line ends. CPython: Modules/_io/textio.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::object;
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;

/// Which line ends have been seen, as bits.
pub const SEEN_CR: u8 = 1;
pub const SEEN_LF: u8 = 2;
pub const SEEN_CRLF: u8 = 4;

/// The value of `newlines`: None, one line end, or a tuple of them.
pub fn seen_value(vm: &Vm, seen: u8) -> PyResult {
    let mut ends = Vec::new();
    for (bit, text) in [(SEEN_CR, "\r"), (SEEN_LF, "\n"), (SEEN_CRLF, "\r\n")] {
        if seen & bit != 0 {
            ends.push(vm.new_str(text)?.into_value());
        }
    }
    match ends.len() {
        0 => Ok(Value::NONE),
        1 => Ok(ends.remove(0)),
        _ => Ok(vm.new_tuple(ends)?.into_value()),
    }
}

/// Notes the line ends in `text` and, if asked, makes all of them `\n`.
pub fn translate(text: Vec<u8>, seen: &Cell<u8>, translate: bool) -> Vec<u8> {
    let mut bits = seen.get();
    if memchr::memchr(b'\r', &text).is_none() {
        if bits & SEEN_LF == 0 && memchr::memchr(b'\n', &text).is_some() {
            seen.set(bits | SEEN_LF);
        }
        return text;
    }
    let mut out = Vec::with_capacity(if translate { text.len() } else { 0 });
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\r', b'\n', &text[at..]) {
        let end = at + found;
        if translate {
            out.extend_from_slice(&text[at..end]);
            out.push(b'\n');
        }
        at = end + 1;
        if text[end] == b'\n' {
            bits |= SEEN_LF;
        } else if text.get(at) == Some(&b'\n') {
            bits |= SEEN_CRLF;
            at += 1;
        } else {
            bits |= SEEN_CR;
        }
    }
    seen.set(bits);
    if !translate {
        return text;
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// Codec used when reading a file in universal newlines mode.
///
/// It wraps another incremental decoder, translating \r\n and \r into \n.
/// It also records the types of newlines encountered.  When used with
/// translate=False, it ensures that the newline sequence is returned in
/// one piece. When used with decoder=None, it expects unicode strings as
/// decode input and translates newlines without first invoking an external
/// decoder.
#[pyclass(
    name = "IncrementalNewlineDecoder",
    module = "_io",
    gc,
    flags(BASETYPE)
)]
#[derive(Default)]
pub struct IncrementalNewlineDecoder {
    decoder: MutCell<Option<Value>>,
    translate: Cell<bool>,
    pending_cr: Cell<bool>,
    seen: Cell<u8>,
}

impl naja_vm::Traverse for IncrementalNewlineDecoder {
    fn traverse(&self, v: &mut naja_vm::Visitor) {
        self.decoder.with(|d| v.opt(d))
    }
    fn clear(&self) {
        drop(self.decoder.take())
    }
}

#[pymethods]
impl IncrementalNewlineDecoder {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, IncrementalNewlineDecoder::default())?
            .into_value())
    }

    #[pyslot(sig = "(decoder, translate, errors='strict')")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        decoder: Value,
        translate: bool,
        errors: Option<&Value>,
    ) -> PyResult<()> {
        let _ = (vm, errors);
        zelf.decoder.set(Some(decoder));
        zelf.translate.set(translate);
        zelf.pending_cr.set(false);
        zelf.seen.set(0);
        Ok(())
    }

    #[pymethod(sig = "($self, /, input, final=False)")]
    fn decode(&self, vm: &Vm, input: &Value, final_: Option<bool>) -> PyResult {
        let last = final_.unwrap_or(false);
        let Some(decoder) = self.decoder.get() else {
            return Err(vm.value_error("IncrementalNewlineDecoder.__init__() not called"));
        };
        let output = if decoder.is_none() {
            input.clone()
        } else {
            vm.call_method_str(&decoder, "decode", &[input.clone(), Value::from_bool(last)])?
        };
        let Some(text) = str_::of(&output) else {
            return Err(vm.type_error(format!(
                "decoder should return a string result, not '{}'",
                vm.type_name(&output)
            )));
        };
        let mut bytes = Vec::with_capacity(text.byte_len() + 1);
        if self.pending_cr.get() && (last || text.byte_len() > 0) {
            bytes.push(b'\r');
            self.pending_cr.set(false);
        }
        bytes.extend_from_slice(text.as_bytes());
        if !last && bytes.last() == Some(&b'\r') {
            bytes.pop();
            self.pending_cr.set(true);
        }
        let out = translate(bytes, &self.seen, self.translate.get());
        Ok(vm.new_str_wtf8(&out)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn getstate(&self, vm: &Vm) -> PyResult {
        let (buffer, flag) = match self.decoder.get().filter(|d| !d.is_none()) {
            Some(decoder) => {
                let state = vm.call_method_str(&decoder, "getstate", &[])?;
                match state.downcast::<naja_vm::tuple::Tuple>().map(|t| t.items()) {
                    Some([buffer, flag]) => {
                        let flag = flag
                            .as_small_int()
                            .ok_or_else(|| vm.type_error("illegal decoder state"))?;
                        (buffer.clone(), flag << 1)
                    }
                    _ => return Err(vm.type_error("illegal decoder state")),
                }
            }
            None => (vm.new_bytes(b"")?.into_value(), 0),
        };
        let flag = vm.new_int(flag | self.pending_cr.get() as i64)?;
        Ok(vm.new_tuple(vec![buffer, flag])?.into_value())
    }

    #[pymethod(sig = "($self, state, /)")]
    fn setstate(&self, vm: &Vm, state: &Ref<naja_vm::tuple::Tuple>) -> PyResult<()> {
        let [buffer, flag] = state.items() else {
            return Err(vm.type_error("state argument must be a tuple"));
        };
        let Some(flag) = flag.as_small_int() else {
            return Err(vm.type_error("illegal decoder state"));
        };
        self.pending_cr.set(flag & 1 != 0);
        if let Some(decoder) = self.decoder.get().filter(|d| !d.is_none()) {
            let inner = vm.new_tuple(vec![buffer.clone(), vm.new_int(flag >> 1)?])?;
            vm.call_method_str(&decoder, "setstate", &[inner.into_value()])?;
        }
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn reset(&self, vm: &Vm) -> PyResult<()> {
        self.seen.set(0);
        self.pending_cr.set(false);
        if let Some(decoder) = self.decoder.get().filter(|d| !d.is_none()) {
            vm.call_method_str(&decoder, "reset", &[])?;
        }
        Ok(())
    }

    #[pygetter]
    fn newlines(&self, vm: &Vm) -> PyResult {
        seen_value(vm, self.seen.get())
    }
}

/// How lines end for a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnd {
    /// Every line end was made `\n`, or only `\n` counts.
    Lf,
    Cr,
    CrLf,
    /// `\n`, `\r` and `\r\n`, as they are.
    Universal,
}

impl LineEnd {
    /// Where the first line of `text` ends; None if it has no end yet.
    pub fn find(self, text: &[u8]) -> Option<usize> {
        match self {
            LineEnd::Lf => memchr::memchr(b'\n', text).map(|at| at + 1),
            LineEnd::Cr => memchr::memchr(b'\r', text).map(|at| at + 1),
            LineEnd::CrLf => memchr::memmem::find(text, b"\r\n").map(|at| at + 2),
            LineEnd::Universal => memchr::memchr2(b'\r', b'\n', text).map(|at| {
                let pair = text[at] == b'\r' && text.get(at + 1) == Some(&b'\n');
                at + 1 + pair as usize
            }),
        }
    }
}

/// The settings that a `newline` argument stands for.
#[derive(Clone, Copy, Debug)]
pub struct Newline {
    /// All three line ends count when reading.
    pub universal: bool,
    /// They become `\n`.
    pub translate: bool,
    pub end: LineEnd,
    /// What `\n` becomes when writing.
    pub write: Option<&'static str>,
}

/// Reads a `newline` argument. Raises TypeError, ValueError.
pub fn parse(vm: &Vm, value: &Value) -> PyResult<Newline> {
    if value.is_none() {
        return Ok(Newline {
            universal: true,
            translate: true,
            end: LineEnd::Lf,
            write: None,
        });
    }
    let Some(text) = str_::of(value) else {
        return Err(vm.type_error(format!(
            "newline must be str or None, not {}",
            vm.type_name(value)
        )));
    };
    let plain = |end, write| Newline {
        universal: false,
        translate: false,
        end,
        write,
    };
    match text.as_bytes() {
        b"" => Ok(Newline {
            universal: true,
            translate: false,
            end: LineEnd::Universal,
            write: None,
        }),
        b"\n" => Ok(plain(LineEnd::Lf, None)),
        b"\r" => Ok(plain(LineEnd::Cr, Some("\r"))),
        b"\r\n" => Ok(plain(LineEnd::CrLf, Some("\r\n"))),
        _ => {
            let shown = object::repr(vm, value)?;
            Err(vm.value_error(format!(
                "illegal newline value: {}",
                shown.to_string_lossy()
            )))
        }
    }
}

/// Text as a stream writes it: `\n` replaced.
pub fn for_writing(text: &Ref<Str>, newline: &Newline) -> Option<Vec<u8>> {
    let write = newline.write?;
    let bytes = text.as_bytes();
    memchr::memchr(b'\n', bytes)?;
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for (i, part) in bytes.split(|&b| b == b'\n').enumerate() {
        if i > 0 {
            out.extend_from_slice(write.as_bytes());
        }
        out.extend_from_slice(part);
    }
    Some(out)
}
