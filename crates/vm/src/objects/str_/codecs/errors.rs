//! Error handlers of codecs: the built-in ones natively, others through the registry; the state of one run of a codec.
//!
//! [`Decoding`] and [`Encoding`] are what a codec works on: input, output and handler. `error` tells the handler about
//! a faulty range and gives the position to go on at, which lies within the input; a decoder's handler may have put
//! other input in the place of the old, so decoders ask for each byte anew. Built-in handlers make no exception
//! objects on this way. CPython: Python/codecs.c, Objects/unicodeobject.c (unicode_*_call_errorhandler).

use super::super::{CodePoints, Str, count_chars, push_code_point};
use super::escape::push_escape;
use super::{of, registry};
use crate::function::{Args, MethodDef, MethodKind};
use crate::objects::bytes::Bytes;
use crate::objects::exception::{BaseException, instantiate, types::unicode};
use crate::objects::tuple::Tuple;
use crate::objects::type_::is_subtype;
use crate::protocols::number;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use std::borrow::Cow;

/// An error handler, as far as the machine has it itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Strict,
    Ignore,
    Replace,
    XmlCharRef,
    Backslash,
    Name,
    SurrogateEscape,
    SurrogatePass,
    /// One of the registry's.
    Other,
}

/// The handler that the name of an `errors` argument stands for (None: strict).
#[derive(Clone)]
pub struct Errors {
    pub kind: Kind,
    name: Option<Ref<Str>>,
}

impl Errors {
    pub fn new(name: Option<&Ref<Str>>) -> Errors {
        let kind = match name.map(|n| n.as_bytes()) {
            None | Some(b"strict") => Kind::Strict,
            Some(b"ignore") => Kind::Ignore,
            Some(b"replace") => Kind::Replace,
            Some(b"xmlcharrefreplace") => Kind::XmlCharRef,
            Some(b"backslashreplace") => Kind::Backslash,
            Some(b"namereplace") => Kind::Name,
            Some(b"surrogateescape") => Kind::SurrogateEscape,
            Some(b"surrogatepass") => Kind::SurrogatePass,
            Some(_) => Kind::Other,
        };
        Errors {
            kind,
            name: name.cloned(),
        }
    }

    /// The handler's function. Raises LookupError.
    fn handler(&self, vm: &Vm) -> PyResult {
        match &self.name {
            Some(name) => registry::lookup_error(vm, name.as_bytes()),
            None => registry::lookup_error(vm, b"strict"),
        }
    }
}

fn push_xml(out: &mut Vec<u8>, c: u32) {
    out.extend(format!("&#{c};").bytes())
}

fn push_name(out: &mut Vec<u8>, c: u32) {
    match naja_unicode::name(c) {
        Some(name) => out.extend(format!("\\N{{{name}}}").bytes()),
        None => push_escape(out, c),
    }
}

/// The encodings for which surrogates can be passed: width in bytes, and whether the most significant comes first.
fn standard_encoding(name: &[u8]) -> Option<(usize, bool)> {
    let name = name.to_ascii_lowercase();
    let (bits, rest) = match name.strip_prefix(b"utf") {
        Some(rest) => {
            let rest = rest
                .strip_prefix(b"-")
                .or(rest.strip_prefix(b"_"))
                .unwrap_or(rest);
            (
                rest.get(..2).unwrap_or(rest).to_vec(),
                rest.get(2..).unwrap_or(b""),
            )
        }
        None if name == b"cp65001" => return Some((0, false)),
        None => return None,
    };
    if bits == b"8" {
        return Some((0, false));
    }
    let width = match bits.as_slice() {
        b"16" => 2,
        b"32" => 4,
        _ => return None,
    };
    match rest {
        b"" => Some((width, cfg!(target_endian = "big"))),
        b"le" | b"-le" | b"_le" => Some((width, false)),
        b"be" | b"-be" | b"_be" => Some((width, true)),
        _ => None,
    }
}

fn is_surrogate(c: u32) -> bool {
    (0xd800..0xe000).contains(&c)
}

/// The bytes for surrogates in an encoding; None where something else is among the characters.
fn pass_surrogates(encoding: &[u8], chars: impl Iterator<Item = u32>) -> Option<Vec<u8>> {
    let (width, big) = standard_encoding(encoding)?;
    let mut out = Vec::new();
    for c in chars {
        if !is_surrogate(c) {
            return None;
        }
        match (width, big) {
            (0, _) => push_code_point(&mut out, c),
            (2, false) => out.extend((c as u16).to_le_bytes()),
            (2, true) => out.extend((c as u16).to_be_bytes()),
            (_, false) => out.extend(c.to_le_bytes()),
            (_, true) => out.extend(c.to_be_bytes()),
        }
    }
    Some(out)
}

/// The surrogate at the start of `data`, and how many bytes it takes.
fn passed_surrogate(encoding: &[u8], data: &[u8]) -> Option<(u32, usize)> {
    let (width, big) = standard_encoding(encoding)?;
    let (c, width) = match (width, data) {
        (0, &[a @ 0xe0..=0xef, b @ 0x80..=0xbf, c @ 0x80..=0xbf, ..]) => (
            (a as u32 & 15) << 12 | (b as u32 & 63) << 6 | (c as u32 & 63),
            3,
        ),
        (2, &[a, b, ..]) if big => (u16::from_be_bytes([a, b]) as u32, 2),
        (2, &[a, b, ..]) => (u16::from_le_bytes([a, b]) as u32, 2),
        (4, &[a, b, c, d, ..]) if big => (u32::from_be_bytes([a, b, c, d]), 4),
        (4, &[a, b, c, d, ..]) => (u32::from_le_bytes([a, b, c, d]), 4),
        _ => return None,
    };
    is_surrogate(c).then_some((c, width))
}

/// How many bytes from the start of a faulty range are escaped as surrogates: at most four, none that are ASCII.
fn escapable(range: &[u8]) -> usize {
    range.iter().take(4).take_while(|b| !b.is_ascii()).count()
}

/// Makes the exception of a run of a codec, or gives the one made before the new place and reason.
fn fault(
    vm: &Vm,
    kept: &mut Option<Ref<BaseException>>,
    make: impl FnOnce() -> PyResult<Ref<BaseException>>,
    (start, end, reason): (usize, usize, &str),
) -> PyResult<Ref<BaseException>> {
    let exception = match kept {
        Some(exception) => exception.clone(),
        None => {
            let exception = make()?;
            *kept = Some(exception.clone());
            return Ok(exception);
        }
    };
    exception.set_field(unicode::START, Some(vm.new_int(start as i64)?));
    exception.set_field(unicode::END, Some(vm.new_int(end as i64)?));
    exception.set_field(unicode::REASON, Some(vm.new_str(reason)?.into_value()));
    Ok(exception)
}

/// The two values of what a handler returned.
fn handled<'a>(vm: &Vm, result: &'a Value, wanted: &str) -> PyResult<(&'a Value, isize)> {
    let wrong = || vm.type_error(wanted);
    match result.downcast::<Tuple>().map(|t| t.items()) {
        Some([replacement, position]) if number::is_int(vm, position) => {
            match number::index_isize(vm, position) {
                Ok(position) => Ok((replacement, position)),
                Err(raised) => Err(raised),
            }
        }
        _ => Err(wrong()),
    }
}

/// A position a handler gave, counted from the end where negative.
fn checked_position(vm: &Vm, position: isize, len: usize) -> PyResult<usize> {
    let absolute = if position < 0 {
        position.saturating_add(len as isize)
    } else {
        position
    };
    if absolute < 0 || absolute as usize > len {
        return Err(vm.index_error(format!(
            "position {absolute} from error handler out of bounds"
        )));
    }
    Ok(absolute as usize)
}

/// A run of a decoder.
pub struct Decoding<'a> {
    pub vm: &'a Vm,
    pub encoding: &'a str,
    pub data: Cow<'a, [u8]>,
    /// What has been decoded, as WTF-8.
    pub out: Vec<u8>,
    errors: &'a Errors,
    exception: Option<Ref<BaseException>>,
}

impl<'a> Decoding<'a> {
    pub fn new(vm: &'a Vm, encoding: &'a str, data: &'a [u8], errors: &'a Errors) -> Decoding<'a> {
        Decoding {
            vm,
            encoding,
            data: Cow::Borrowed(data),
            out: Vec::with_capacity(data.len()),
            errors,
            exception: None,
        }
    }

    pub fn push(&mut self, c: u32) {
        push_code_point(&mut self.out, c)
    }

    /// The text. Raises MemoryError.
    pub fn finish(self) -> PyResult<Ref<Str>> {
        self.vm.new_str_wtf8(&self.out)
    }

    fn exception(
        &mut self,
        start: usize,
        end: usize,
        reason: &str,
    ) -> PyResult<Ref<BaseException>> {
        let (vm, encoding, data) = (self.vm, self.encoding, &self.data);
        let make = || {
            let args = [
                vm.new_str(encoding)?.into_value(),
                vm.new_bytes(data)?.into_value(),
                vm.new_int(start as i64)?,
                vm.new_int(end as i64)?,
                vm.new_str(reason)?.into_value(),
            ];
            instantiate(vm, &vm.types.unicode_decode_error, &args)
        };
        fault(vm, &mut self.exception, make, (start, end, reason))
    }

    /// Raises UnicodeDecodeError for a range.
    #[cold]
    pub fn raise(&mut self, start: usize, end: usize, reason: &str) -> Raised {
        match self.exception(start, end, reason) {
            Ok(exception) => self.vm.raise_value(exception),
            Err(raised) => raised,
        }
    }

    /// Has the handler deal with bytes `start..end`; gives the position to go on at.
    #[cold]
    pub fn error(&mut self, start: usize, end: usize, reason: &str) -> PyResult<usize> {
        match self.errors.kind {
            Kind::Strict => return Err(self.raise(start, end, reason)),
            Kind::Ignore => return Ok(end),
            Kind::Replace => {
                self.push(0xfffd);
                return Ok(end);
            }
            Kind::Backslash => {
                let range = self.data.get(start..end).unwrap_or(&[]);
                range
                    .iter()
                    .for_each(|&b| push_escape(&mut self.out, b as u32));
                return Ok(end);
            }
            Kind::SurrogateEscape => {
                let range = self.data.get(start..end).unwrap_or(&[]);
                let n = escapable(range);
                if n == 0 {
                    return Err(self.raise(start, end, reason));
                }
                range[..n]
                    .iter()
                    .for_each(|&b| push_code_point(&mut self.out, 0xdc00 + b as u32));
                return Ok(start + n);
            }
            Kind::SurrogatePass => {
                let rest = self.data.get(start..).unwrap_or(&[]);
                return match passed_surrogate(self.encoding.as_bytes(), rest) {
                    Some((c, width)) => {
                        self.push(c);
                        Ok(start + width)
                    }
                    None => Err(self.raise(start, end, reason)),
                };
            }
            _ => {}
        }
        let vm = self.vm;
        let handler = self.errors.handler(vm)?;
        let exception = self.exception(start, end, reason)?;
        let result = vm.call(&handler, &[exception.to_value()])?;
        let wanted = "decoding error handler must return (str, int) tuple";
        let (replacement, position) = handled(vm, &result, wanted)?;
        let Some(text) = of(replacement) else {
            return Err(vm.type_error(wanted));
        };
        match exception.field(unicode::OBJECT) {
            Some(object) => match object.downcast::<Bytes>() {
                Some(bytes) if bytes.as_bytes() != &*self.data => {
                    self.data = Cow::Owned(bytes.as_bytes().to_vec())
                }
                Some(_) => {}
                None => return Err(vm.type_error("exception attribute object must be bytes")),
            },
            None => return Err(vm.type_error("object attribute not set")),
        }
        let position = checked_position(vm, position, self.data.len())?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(position)
    }
}

/// What stands for characters that cannot be encoded.
pub enum Replacement {
    Bytes(Vec<u8>),
    /// WTF-8, to be encoded in turn.
    Text(Vec<u8>),
}

/// A run of an encoder.
pub struct Encoding<'a> {
    pub vm: &'a Vm,
    pub encoding: &'a str,
    pub text: &'a Ref<Str>,
    pub errors: &'a Errors,
    exception: Option<Ref<BaseException>>,
}

impl<'a> Encoding<'a> {
    pub fn new(
        vm: &'a Vm,
        encoding: &'a str,
        text: &'a Ref<Str>,
        errors: &'a Errors,
    ) -> Encoding<'a> {
        Encoding {
            vm,
            encoding,
            text,
            errors,
            exception: None,
        }
    }

    fn exception(
        &mut self,
        start: usize,
        end: usize,
        reason: &str,
    ) -> PyResult<Ref<BaseException>> {
        let (vm, encoding, text) = (self.vm, self.encoding, self.text);
        let make = || {
            let args = [
                vm.new_str(encoding)?.into_value(),
                text.to_value(),
                vm.new_int(start as i64)?,
                vm.new_int(end as i64)?,
                vm.new_str(reason)?.into_value(),
            ];
            instantiate(vm, &vm.types.unicode_encode_error, &args)
        };
        fault(vm, &mut self.exception, make, (start, end, reason))
    }

    /// Raises UnicodeEncodeError for a range.
    #[cold]
    pub fn raise(&mut self, start: usize, end: usize, reason: &str) -> Raised {
        match self.exception(start, end, reason) {
            Ok(exception) => self.vm.raise_value(exception),
            Err(raised) => raised,
        }
    }

    /// Has the handler deal with the characters `start..end` of all, `points`; gives the position to go on at.
    #[cold]
    pub fn error(
        &mut self,
        points: &[u32],
        start: usize,
        end: usize,
        reason: &str,
    ) -> PyResult<(Replacement, usize)> {
        let range = points.get(start..end).unwrap_or(&[]);
        let each = |push: fn(&mut Vec<u8>, u32)| {
            let mut out = Vec::new();
            range.iter().for_each(|&c| push(&mut out, c));
            Ok((Replacement::Text(out), end))
        };
        match self.errors.kind {
            Kind::Strict => return Err(self.raise(start, end, reason)),
            Kind::Ignore => return each(|_, _| {}),
            Kind::Replace => return each(|out, _| out.push(b'?')),
            Kind::XmlCharRef => return each(push_xml),
            Kind::Backslash => return each(push_escape),
            Kind::Name => return each(push_name),
            Kind::SurrogateEscape => {
                let bad = range.iter().position(|c| !(0xdc80..0xdd00).contains(c));
                return match bad {
                    None => Ok((
                        Replacement::Bytes(range.iter().map(|&c| (c - 0xdc00) as u8).collect()),
                        end,
                    )),
                    Some(bad) => Err(self.raise(start + bad, end, reason)),
                };
            }
            Kind::SurrogatePass => {
                let passed = pass_surrogates(self.encoding.as_bytes(), range.iter().copied());
                return match passed {
                    Some(bytes) => Ok((Replacement::Bytes(bytes), end)),
                    None => Err(self.raise(start, end, reason)),
                };
            }
            Kind::Other => {}
        }
        let vm = self.vm;
        let handler = self.errors.handler(vm)?;
        let exception = self.exception(start, end, reason)?;
        let result = vm.call(&handler, &[exception.into_value()])?;
        let wanted = "encoding error handler must return (str/bytes, int) tuple";
        let (replacement, position) = handled(vm, &result, wanted)?;
        let replacement = if let Some(text) = of(replacement) {
            Replacement::Text(text.as_bytes().to_vec())
        } else if let Some(bytes) = replacement.downcast::<Bytes>() {
            Replacement::Bytes(bytes.as_bytes().to_vec())
        } else {
            return Err(vm.type_error(wanted));
        };
        Ok((replacement, checked_position(vm, position, points.len())?))
    }

    /// Encodes character by character: `put` writes one, or nothing and false. Faulty ones are given to the handler one
    /// by one, or together with those that follow (`runs`). Replacement text must be below `text_limit`, replacement
    /// bytes a multiple of `unit`.
    pub fn encode_each(
        &mut self,
        mut out: Vec<u8>,
        reason: &str,
        (runs, text_limit, unit): (bool, u32, usize),
        mut put: impl FnMut(u32, &mut Vec<u8>) -> PyResult<bool>,
    ) -> PyResult<Vec<u8>> {
        let points: Vec<u32> = self.text.code_points().collect();
        let mut at = 0;
        while at < points.len() {
            if put(points[at], &mut out)? {
                at += 1;
                continue;
            }
            let mut end = at + 1;
            while runs && end < points.len() {
                let len = out.len();
                if put(points[end], &mut out)? {
                    out.truncate(len);
                    break;
                }
                end += 1;
            }
            let (replacement, next) = self.error(&points, at, end, reason)?;
            match replacement {
                Replacement::Bytes(bytes) if bytes.len() % unit == 0 => out.extend(bytes),
                Replacement::Bytes(_) => return Err(self.raise(at, end, reason)),
                Replacement::Text(text) => {
                    for c in CodePoints::new(&text) {
                        if c >= text_limit || !put(c, &mut out)? {
                            return Err(self.raise(at, end, reason));
                        }
                    }
                }
            }
            at = next;
        }
        Ok(out)
    }
}

/// The built-in handlers as functions, by name.
pub static HANDLERS: [(&str, MethodDef); 8] = [
    (
        "strict",
        def(
            "strict_errors",
            "Implements the 'strict' error handling, which raises a UnicodeError on coding errors.",
            |vm, args| handle(vm, Kind::Strict, args),
        ),
    ),
    (
        "ignore",
        def(
            "ignore_errors",
            "Implements the 'ignore' error handling, which ignores malformed data and continues.",
            |vm, args| handle(vm, Kind::Ignore, args),
        ),
    ),
    (
        "replace",
        def(
            "replace_errors",
            "Implements the 'replace' error handling, which replaces malformed data with a replacement marker.",
            |vm, args| handle(vm, Kind::Replace, args),
        ),
    ),
    (
        "xmlcharrefreplace",
        def(
            "xmlcharrefreplace_errors",
            "Implements the 'xmlcharrefreplace' error handling, which replaces an unencodable character with the appropriate XML character reference.",
            |vm, args| handle(vm, Kind::XmlCharRef, args),
        ),
    ),
    (
        "backslashreplace",
        def(
            "backslashreplace_errors",
            "Implements the 'backslashreplace' error handling, which replaces malformed data with a backslashed escape sequence.",
            |vm, args| handle(vm, Kind::Backslash, args),
        ),
    ),
    (
        "namereplace",
        def(
            "namereplace_errors",
            "Implements the 'namereplace' error handling, which replaces an unencodable character with a \\N{...} escape sequence.",
            |vm, args| handle(vm, Kind::Name, args),
        ),
    ),
    (
        "surrogateescape",
        def("surrogateescape", "", |vm, args| {
            handle(vm, Kind::SurrogateEscape, args)
        }),
    ),
    (
        "surrogatepass",
        def("surrogatepass", "", |vm, args| {
            handle(vm, Kind::SurrogatePass, args)
        }),
    ),
];

const fn def(name: &'static str, doc: &'static str, call: crate::function::NativeFn) -> MethodDef {
    MethodDef {
        name,
        doc,
        text_signature: Some("($self, object, /)"),
        kind: MethodKind::Function,
        call,
    }
}

/// A built-in handler called with an exception: the replacement and where to go on.
fn handle(vm: &Vm, kind: Kind, args: Args) -> PyResult {
    let name = HANDLERS[kind as usize % HANDLERS.len()].1.name;
    let [value] = args.positional() else {
        let n = args.positional().len();
        return Err(vm.type_error(format!("{name}() takes exactly one argument ({n} given)")));
    };
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    let exception = value.downcast::<BaseException>();
    if kind == Kind::Strict {
        return Err(match exception {
            Some(exception) => vm.raise_value(exception.clone()),
            None => vm.type_error("codec must pass exception instance"),
        });
    }
    let ty = vm.type_of(value);
    let encode = is_subtype(ty, &vm.types.unicode_encode_error);
    let decode = is_subtype(ty, &vm.types.unicode_decode_error);
    let translate = is_subtype(ty, &vm.types.unicode_translate_error);
    let fits = match kind {
        Kind::Ignore | Kind::Replace | Kind::Backslash => encode || decode || translate,
        Kind::XmlCharRef | Kind::Name => encode,
        _ => encode || decode,
    };
    let (Some(exception), true) = (exception, fits) else {
        return Err(vm.type_error(format!(
            "don't know how to handle {} in error callback",
            ty.full_name()
        )));
    };
    if decode {
        handle_decode(vm, kind, exception)
    } else {
        handle_encode(vm, kind, exception, translate)
    }
}

/// The attribute `start` or `end` of an exception, brought into the object.
fn place(vm: &Vm, exception: &Ref<BaseException>, index: usize, len: usize) -> PyResult<usize> {
    let value = exception.field(index).unwrap_or(Value::NONE);
    let n = number::index_isize(vm, &value)?;
    Ok(if index == unicode::START {
        (n.max(0) as usize).min(len.saturating_sub(1))
    } else {
        (n.max(1) as usize).min(len)
    })
}

fn handle_encode(vm: &Vm, kind: Kind, exception: &Ref<BaseException>, translate: bool) -> PyResult {
    let object = exception.field(unicode::OBJECT).unwrap_or(Value::NONE);
    let Some(text) = of(&object) else {
        return Err(vm.type_error("object attribute must be unicode"));
    };
    let start = place(vm, exception, unicode::START, text.char_len())?;
    let end = place(vm, exception, unicode::END, text.char_len())?;
    let range = || {
        text.code_points()
            .skip(start)
            .take(end.saturating_sub(start))
    };
    let mut out = Vec::new();
    match kind {
        Kind::Ignore => {}
        Kind::Replace => {
            let c = if translate { 0xfffd } else { b'?' as u32 };
            range().for_each(|_| push_code_point(&mut out, c))
        }
        Kind::XmlCharRef => range().for_each(|c| push_xml(&mut out, c)),
        Kind::Backslash => range().for_each(|c| push_escape(&mut out, c)),
        Kind::Name => range().for_each(|c| push_name(&mut out, c)),
        _ => {
            let encoding = exception.field(unicode::ENCODING).unwrap_or(Value::NONE);
            let encoding = of(&encoding).map_or(Vec::new(), |e| e.as_bytes().to_vec());
            let bytes = if kind == Kind::SurrogatePass {
                pass_surrogates(&encoding, range())
            } else if range().all(|c| (0xdc80..0xdd00).contains(&c)) {
                Some(range().map(|c| (c - 0xdc00) as u8).collect())
            } else {
                None
            };
            return match bytes {
                Some(bytes) => Tuple::pair(
                    vm,
                    vm.new_bytes(&bytes)?.into_value(),
                    vm.new_int(end as i64)?,
                ),
                None => Err(vm.raise_value(exception.clone())),
            };
        }
    }
    Tuple::pair(
        vm,
        vm.new_str_wtf8(&out)?.into_value(),
        vm.new_int(end as i64)?,
    )
}

fn handle_decode(vm: &Vm, kind: Kind, exception: &Ref<BaseException>) -> PyResult {
    let object = exception.field(unicode::OBJECT).unwrap_or(Value::NONE);
    let Some(bytes) = object.downcast::<Bytes>() else {
        return Err(vm.type_error("object attribute must be bytes"));
    };
    let data = bytes.as_bytes();
    let start = place(vm, exception, unicode::START, data.len())?;
    let mut end = place(vm, exception, unicode::END, data.len())?;
    let range = data.get(start..end).unwrap_or(&[]);
    let mut out = Vec::new();
    match kind {
        Kind::Ignore => {}
        Kind::Replace => push_code_point(&mut out, 0xfffd),
        Kind::Backslash => range.iter().for_each(|&b| push_escape(&mut out, b as u32)),
        Kind::SurrogateEscape => {
            let n = escapable(range);
            if n == 0 {
                return Err(vm.raise_value(exception.clone()));
            }
            range[..n]
                .iter()
                .for_each(|&b| push_code_point(&mut out, 0xdc00 + b as u32));
            end = start + n;
        }
        _ => {
            let encoding = exception.field(unicode::ENCODING).unwrap_or(Value::NONE);
            let encoding = of(&encoding).map_or(Vec::new(), |e| e.as_bytes().to_vec());
            match passed_surrogate(&encoding, data.get(start..).unwrap_or(&[])) {
                Some((c, width)) => {
                    push_code_point(&mut out, c);
                    end = start + width;
                }
                None => return Err(vm.raise_value(exception.clone())),
            }
        }
    }
    debug_assert!(count_chars(&out) <= out.len());
    Tuple::pair(
        vm,
        vm.new_str_wtf8(&out)?.into_value(),
        vm.new_int(end as i64)?,
    )
}
