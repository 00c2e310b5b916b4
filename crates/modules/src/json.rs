//! `_json`: the scanner and the encoder behind `json`.
//!
//! The scanner works on the bytes of the string (well-formed UTF-8 with surrogates) and counts in bytes; Python's indices
//! are made only for results and errors. Keys of one document that are equal are one object. The encoder writes into one
//! byte buffer. CPython: Modules/_json.c.

use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::dict::Dict;
use naja_vm::exception::{self, BaseException};
use naja_vm::list::List;
use naja_vm::protocols::{attributes, number, object, sequence};
use naja_vm::str_::{self, Str, push_code_point};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm, float, int};
use rustc_hash::FxHashSet;

/// Raises `json.JSONDecodeError(message, text, index)`.
#[cold]
fn decode_error(vm: &Vm, message: &str, text: &Ref<Str>, offset: usize) -> Raised {
    let raise = || -> PyResult<Raised> {
        let module = naja_vm::import::import_simple(vm, "json.decoder")?;
        let module = match attributes::get_by(vm, &module, "JSONDecodeError") {
            Ok(class) => class,
            // `import json.decoder` gives the package.
            Err(_) => {
                vm.clear_exception();
                let decoder = attributes::get_by(vm, &module, "decoder")?;
                attributes::get_by(vm, &decoder, "JSONDecodeError")?
            }
        };
        let index = vm.new_int(text.char_index(offset.min(text.byte_len())) as i64)?;
        let args = [vm.new_str(message)?.into_value(), text.to_value(), index];
        let error = vm.call(&module, &args)?;
        Ok(match error.downcast_into::<BaseException>() {
            Ok(error) => vm.raise_value(error),
            Err(_) => vm.type_error("JSONDecodeError is not an exception"),
        })
    };
    raise().unwrap_or(Raised)
}

/// Bytes of strings that need no look: not a quote, a backslash or a control character.
static PLAIN: [bool; 256] = {
    let mut table = [true; 256];
    let mut i = 0;
    while i < 32 {
        table[i] = false;
        i += 1;
    }
    table[b'"' as usize] = false;
    table[b'\\' as usize] = false;
    table
};

/// Text being scanned.
struct Source<'a> {
    vm: &'a Vm,
    text: &'a Ref<Str>,
    bytes: &'a [u8],
}

/// A string literal: a part of the source, or unescaped.
enum Literal<'a> {
    Plain(&'a [u8]),
    Made(Vec<u8>),
}

impl<'a> Source<'a> {
    fn new(vm: &'a Vm, text: &'a Ref<Str>) -> Source<'a> {
        Source {
            vm,
            text,
            bytes: text.as_bytes(),
        }
    }

    fn error(&self, message: &str, at: usize) -> Raised {
        decode_error(self.vm, message, self.text, at)
    }

    #[inline]
    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 4)?;
        let mut n = 0;
        for d in digits {
            n = n << 4 | (*d as char).to_digit(16)?;
        }
        Some(n)
    }

    /// The literal whose text begins at `start`, behind the quote, and where it ends.
    #[inline]
    fn literal(&self, start: usize, strict: bool) -> PyResult<(Literal<'a>, usize)> {
        let mut at = self.plain_end(start);
        while self.bytes.get(at).is_some_and(|b| PLAIN[usize::from(*b)]) {
            at += 1;
        }
        if self.bytes.get(at) == Some(&b'"') {
            return Ok((Literal::Plain(&self.bytes[start..at]), at + 1));
        }
        self.escaped(start, at, strict)
    }

    /// The first byte from `at` on that may end the plain part of a literal, or one of the source's last seven.
    #[inline(always)]
    fn plain_end(&self, mut at: usize) -> usize {
        const ONES: u64 = 0x0101_0101_0101_0101;
        // The high bit of each byte below `n`; a borrow spoils only bytes behind the first of them.
        let below = |word: u64, n: u64| word.wrapping_sub(n * ONES) & !word & (0x80 * ONES);
        while let Some(Ok(word)) = self.bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
            let word = u64::from_le_bytes(word);
            let special = below(word, 0x20)
                | below(word ^ (b'"' as u64 * ONES), 1)
                | below(word ^ (b'\\' as u64 * ONES), 1);
            if special != 0 {
                return at + special.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        at
    }

    fn escaped(&self, start: usize, mut at: usize, strict: bool) -> PyResult<(Literal<'a>, usize)> {
        let unterminated = || Err(self.error("Unterminated string starting at", start - 1));
        let mut out = Vec::new();
        let mut from = start;
        loop {
            while self.bytes.get(at).is_some_and(|b| PLAIN[usize::from(*b)]) {
                at += 1;
            }
            match self.bytes.get(at) {
                None => return unterminated(),
                Some(b'"') => {
                    out.extend_from_slice(&self.bytes[from..at]);
                    return Ok((Literal::Made(out), at + 1));
                }
                Some(b'\\') => {}
                Some(_) if strict => {
                    return Err(self.error("Invalid control character at", at));
                }
                Some(_) => {
                    at += 1;
                    continue;
                }
            }
            out.extend_from_slice(&self.bytes[from..at]);
            at += 1;
            let Some(&escape) = self.bytes.get(at) else {
                return unterminated();
            };
            let simple = match escape {
                b'"' | b'\\' | b'/' => escape,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => 0,
                _ => return Err(self.error("Invalid \\escape", at - 1)),
            };
            at += 1;
            if simple != 0 {
                out.push(simple);
            } else {
                let wrong = || self.error("Invalid \\uXXXX escape", at - 1);
                let mut code = self.hex4(at).ok_or_else(wrong)?;
                at += 4;
                if code & 0xfc00 == 0xd800
                    && self.bytes.get(at..at + 2) == Some(b"\\u")
                    && let Some(low) = self.hex4(at + 2)
                    && low & 0xfc00 == 0xdc00
                {
                    code = 0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff);
                    at += 6;
                }
                push_code_point(&mut out, code);
            }
            from = at;
        }
    }

    fn string(&self, start: usize, strict: bool) -> PyResult<(Value, usize)> {
        let (literal, end) = self.literal(start, strict)?;
        Ok((self.make(&literal)?, end))
    }

    fn make(&self, literal: &Literal) -> PyResult {
        let bytes = match literal {
            Literal::Plain(bytes) => bytes,
            Literal::Made(bytes) => bytes.as_slice(),
        };
        let text = match bytes.is_ascii() {
            true => self.vm.new_ascii_str(bytes)?,
            false => self.vm.new_str_wtf8(bytes)?,
        };
        Ok(text.into_value())
    }
}

/// JSON scanner object
#[pyclass(
    name = "make_scanner",
    module = "_json",
    doc = "JSON scanner object",
    gc,
    flags(BASETYPE)
)]
pub struct Scanner {
    strict: Value,
    is_strict: bool,
    object_hook: Value,
    object_pairs_hook: Value,
    parse_float: Value,
    parse_int: Value,
    parse_constant: Value,
}

impl Traverse for Scanner {
    fn traverse(&self, v: &mut Visitor) {
        for value in [
            &self.strict,
            &self.object_hook,
            &self.object_pairs_hook,
            &self.parse_float,
            &self.parse_int,
            &self.parse_constant,
        ] {
            v.value(value);
        }
    }
    fn clear(&self) {}
}

/// Keys of objects met before, so that equal ones become one str: each has one place, which the last one keeps.
#[derive(Default)]
struct Keys<'a>(Vec<Option<(&'a [u8], Value)>>);

impl<'a> Keys<'a> {
    const PLACES: usize = 64;

    fn place(&mut self, key: &[u8]) -> &mut Option<(&'a [u8], Value)> {
        if self.0.is_empty() {
            self.0.resize_with(Keys::PLACES, || None);
        }
        let word = |bytes: Option<&[u8; 8]>| bytes.map(|b| u64::from_le_bytes(*b));
        let hash = match (word(key.first_chunk()), word(key.last_chunk())) {
            (Some(first), Some(last)) => first ^ last.rotate_left(29),
            _ => key
                .iter()
                .fold(0, |hash, byte| hash << 8 | u64::from(*byte)),
        };
        let mixed = (hash ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &mut self.0[(mixed >> 58) as usize % Keys::PLACES]
    }
}

/// One document being scanned.
struct Scan<'a> {
    source: Source<'a>,
    scanner: &'a Scanner,
    keys: Keys<'a>,
}

impl<'a> Scan<'a> {
    fn stop(&self, at: usize) -> Raised {
        let index = self.source.text.char_index(at.min(self.source.bytes.len()));
        match self.source.vm.new_int(index as i64) {
            Ok(index) => self.source.vm.stop_iteration(index),
            Err(raised) => raised,
        }
    }

    fn starts(&self, at: usize, word: &[u8]) -> bool {
        self.source.bytes.get(at..at + word.len()) == Some(word)
    }

    fn value(&mut self, at: usize) -> PyResult<(Value, usize)> {
        let Some(&first) = self.source.bytes.get(at) else {
            return Err(self.stop(at));
        };
        match first {
            b'"' => self.source.string(at + 1, self.scanner.is_strict),
            b'{' => {
                self.source.vm.check_stack()?;
                self.object(at + 1)
            }
            b'[' => {
                self.source.vm.check_stack()?;
                self.array(at + 1)
            }
            b'n' if self.starts(at, b"null") => Ok((Value::NONE, at + 4)),
            b't' if self.starts(at, b"true") => Ok((Value::from_bool(true), at + 4)),
            b'f' if self.starts(at, b"false") => Ok((Value::from_bool(false), at + 5)),
            b'N' if self.starts(at, b"NaN") => self.constant(at, 3),
            b'I' if self.starts(at, b"Infinity") => self.constant(at, 8),
            b'-' if self.starts(at, b"-Infinity") => self.constant(at, 9),
            _ => self.number(at),
        }
    }

    fn constant(&self, at: usize, len: usize) -> PyResult<(Value, usize)> {
        let vm = self.source.vm;
        let text = vm.new_ascii_str(&self.source.bytes[at..at + len])?;
        let value = vm.call(&self.scanner.parse_constant, &[text.into_value()])?;
        Ok((value, at + len))
    }

    #[inline]
    fn number(&self, start: usize) -> PyResult<(Value, usize)> {
        let (vm, bytes) = (self.source.vm, self.source.bytes);
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut at = start;
        if bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        match bytes.get(at) {
            Some(b'0') => at += 1,
            Some(b'1'..=b'9') => {
                while digit(at) {
                    at += 1;
                }
            }
            _ => return Err(self.stop(start)),
        }
        let mut is_float = false;
        if bytes.get(at) == Some(&b'.') && digit(at + 1) {
            is_float = true;
            at += 1;
            while digit(at) {
                at += 1;
            }
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let mut end = at + 1;
            if matches!(bytes.get(end), Some(b'+' | b'-')) {
                end += 1;
            }
            if digit(end) {
                is_float = true;
                while digit(end) {
                    end += 1;
                }
                at = end;
            }
        }
        let text = &bytes[start..at];
        let (parse, plain) = if is_float {
            (&self.scanner.parse_float, &vm.types.float)
        } else {
            (&self.scanner.parse_int, &vm.types.int)
        };
        if !parse.is(plain.as_value()) {
            let text = vm.new_ascii_str(text)?.into_value();
            return Ok((vm.call(parse, &[text])?, at));
        }
        let parsed = std::str::from_utf8(text).unwrap_or("");
        let value = if is_float {
            vm.new_float(parsed.parse::<f64>().unwrap_or(f64::NAN))?
        } else if let Ok(n) = parsed.parse::<i64>() {
            vm.new_int(n)?
        } else {
            let text = vm.new_ascii_str(text)?.into_value();
            vm.call(parse, &[text])?
        };
        Ok((value, at))
    }

    fn key(&mut self, at: usize) -> PyResult<(Value, usize)> {
        let (literal, end) = self.source.literal(at, self.scanner.is_strict)?;
        let Literal::Plain(bytes) = literal else {
            return Ok((self.source.make(&literal)?, end));
        };
        let place = self.keys.place(bytes);
        if let Some((known, key)) = place
            && *known == bytes
        {
            return Ok((key.clone(), end));
        }
        let key = self.source.make(&literal)?;
        *place = Some((bytes, key.clone()));
        Ok((key, end))
    }

    fn object(&mut self, at: usize) -> PyResult<(Value, usize)> {
        let vm = self.source.vm;
        let pairs_wanted = !self.scanner.object_pairs_hook.is_none();
        let mut pairs = Vec::new();
        let dict = vm.new_dict()?;
        let mut at = self.source.skip_space(at);
        if self.source.bytes.get(at) == Some(&b'}') {
            at += 1;
        } else {
            loop {
                if self.source.bytes.get(at) != Some(&b'"') {
                    let message = "Expecting property name enclosed in double quotes";
                    return Err(self.source.error(message, at));
                }
                let (key, end) = self.key(at + 1)?;
                at = self.source.skip_space(end);
                if self.source.bytes.get(at) != Some(&b':') {
                    return Err(self.source.error("Expecting ':' delimiter", at));
                }
                at = self.source.skip_space(at + 1);
                let (value, end) = self.value(at)?;
                if pairs_wanted {
                    pairs.push(Tuple::pair(vm, key, value)?);
                } else {
                    dict.set(vm, &key, value)?;
                }
                at = self.source.skip_space(end);
                match self.source.bytes.get(at) {
                    Some(b'}') => break,
                    Some(b',') => {}
                    _ => return Err(self.source.error("Expecting ',' delimiter", at)),
                }
                let comma = at;
                at = self.source.skip_space(at + 1);
                if self.source.bytes.get(at) == Some(&b'}') {
                    let message = "Illegal trailing comma before end of object";
                    return Err(self.source.error(message, comma));
                }
            }
            at += 1;
        }
        if pairs_wanted {
            let list = vm.new_list(pairs)?.into_value();
            return Ok((vm.call(&self.scanner.object_pairs_hook, &[list])?, at));
        }
        let dict = dict.into_value();
        if !self.scanner.object_hook.is_none() {
            return Ok((vm.call(&self.scanner.object_hook, &[dict])?, at));
        }
        Ok((dict, at))
    }

    fn array(&mut self, at: usize) -> PyResult<(Value, usize)> {
        let mut items = Vec::new();
        let mut at = self.source.skip_space(at);
        if self.source.bytes.get(at) != Some(&b']') {
            loop {
                let (value, end) = self.value(at)?;
                items.push(value);
                at = self.source.skip_space(end);
                match self.source.bytes.get(at) {
                    Some(b']') => break,
                    Some(b',') => {}
                    _ => return Err(self.source.error("Expecting ',' delimiter", at)),
                }
                let comma = at;
                at = self.source.skip_space(at + 1);
                if self.source.bytes.get(at) == Some(&b']') {
                    let message = "Illegal trailing comma before end of array";
                    return Err(self.source.error(message, comma));
                }
            }
        }
        let list = self.source.vm.new_list(items)?;
        Ok((list.into_value(), at + 1))
    }
}

#[pymethods]
impl Scanner {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let context = args
            .positional()
            .first()
            .or_else(|| args.keyword("context"));
        let (Some(context), 1) = (context, args.args.len()) else {
            return Err(vm.type_error(match context {
                None => "make_scanner() missing required argument 'context' (pos 1)".to_string(),
                Some(_) => format!(
                    "make_scanner() takes at most 1 argument ({} given)",
                    args.args.len()
                ),
            }));
        };
        let get = |name: &str| attributes::get_by(vm, context, name);
        let strict = get("strict")?;
        let made = Scanner {
            is_strict: object::is_true(vm, &strict)?,
            strict,
            object_hook: get("object_hook")?,
            object_pairs_hook: get("object_pairs_hook")?,
            parse_float: get("parse_float")?,
            parse_int: get("parse_int")?,
            parse_constant: get("parse_constant")?,
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pyslot]
    fn call(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult {
        let string = args.positional().first().or_else(|| args.keyword("string"));
        let index = args.positional().get(1).or_else(|| args.keyword("idx"));
        let (Some(string), Some(index)) = (string, index) else {
            return Err(vm.type_error("scan_once() missing required argument"));
        };
        let Some(text) = str_::of(string) else {
            return Err(vm.type_error(format!(
                "first argument must be a string, not {}",
                vm.type_of(string).full_name()
            )));
        };
        let index = number::index_isize(vm, index)?;
        let Ok(index) = usize::try_from(index) else {
            return Err(vm.value_error("idx cannot be negative"));
        };
        if index >= text.char_len() {
            return Err(vm.stop_iteration(vm.new_int(index as i64)?));
        }
        let mut scan = Scan {
            source: Source::new(vm, text),
            scanner: zelf,
            keys: Keys::default(),
        };
        let (value, end) = scan.value(text.byte_offset(index))?;
        Tuple::pair(vm, value, vm.new_int(text.char_index(end) as i64)?)
    }

    #[pymember]
    fn strict(&self) -> bool {
        self.is_strict
    }
    #[pymember]
    fn object_hook(&self) -> Value {
        self.object_hook.clone()
    }
    #[pymember]
    fn object_pairs_hook(&self) -> Value {
        self.object_pairs_hook.clone()
    }
    #[pymember]
    fn parse_float(&self) -> Value {
        self.parse_float.clone()
    }
    #[pymember]
    fn parse_int(&self) -> Value {
        self.parse_int.clone()
    }
    #[pymember]
    fn parse_constant(&self) -> Value {
        self.parse_constant.clone()
    }
}

fn push_escape(out: &mut Vec<u8>, unit: u32) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[(unit >> shift & 15) as usize]);
    }
}

/// Writes a string as a JSON literal; to ASCII, or leaving what is not ASCII.
fn push_string(out: &mut Vec<u8>, text: &Str, ascii: bool) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let stops = |b: u8| !PLAIN[usize::from(b)] || (ascii && b >= 0x7f);
    let (mut from, mut at) = (0, 0);
    loop {
        while at < bytes.len() && !stops(bytes[at]) {
            at += 1;
        }
        out.extend_from_slice(&bytes[from..at]);
        let Some(&byte) = bytes.get(at) else { break };
        let mut width = 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x08 => out.extend_from_slice(b"\\b"),
            0..0x80 => push_escape(out, byte.into()),
            _ => {
                let (code, n) = str_::decode_at(bytes, at);
                width = n;
                if code >= 0x10000 {
                    let rest = code - 0x10000;
                    push_escape(out, 0xd800 | rest >> 10);
                    push_escape(out, 0xdc00 | rest & 0x3ff);
                } else {
                    push_escape(out, code);
                }
            }
        }
        at += width;
        from = at;
    }
    out.push(b'"');
}

/// How strings are written.
#[derive(Clone, Copy, PartialEq)]
enum StringEncoder {
    Ascii,
    Plain,
    Python,
}

/// Encoder(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)
#[pyclass(name = "make_encoder", module = "_json", gc, flags(BASETYPE))]
pub struct Encoder {
    markers: Value,
    default: Value,
    encoder: Value,
    strings: StringEncoder,
    indent: Value,
    key_separator: Ref<Str>,
    item_separator: Ref<Str>,
    sort_keys: bool,
    skipkeys: bool,
    allow_nan: bool,
}

impl Traverse for Encoder {
    fn traverse(&self, v: &mut Visitor) {
        for value in [&self.markers, &self.default, &self.encoder, &self.indent] {
            v.value(value);
        }
        v.reference(&self.key_separator);
        v.reference(&self.item_separator);
    }
    fn clear(&self) {}
}

/// One document being written.
struct Output<'a> {
    vm: &'a Vm,
    encoder: &'a Encoder,
    out: Vec<u8>,
    /// Addresses of the containers being written, if circles are to be found.
    open: Option<FxHashSet<usize>>,
}

fn address(value: &Value) -> usize {
    value.header().map_or(0, |h| std::ptr::from_ref(h) as usize)
}

impl Output<'_> {
    fn enter(&mut self, value: &Value) -> PyResult<()> {
        if let Some(open) = &mut self.open
            && !open.insert(address(value))
        {
            return Err(self.vm.value_error("Circular reference detected"));
        }
        Ok(())
    }

    fn leave(&mut self, value: &Value) {
        if let Some(open) = &mut self.open {
            open.remove(&address(value));
        }
    }

    fn newline(&mut self, level: usize) {
        if let Some(indent) = str_::of(&self.encoder.indent) {
            self.out.push(b'\n');
            for _ in 0..level {
                self.out.extend_from_slice(indent.as_bytes());
            }
        }
    }

    fn string(&mut self, value: &Value, text: &Ref<Str>) -> PyResult<()> {
        match self.encoder.strings {
            StringEncoder::Ascii => push_string(&mut self.out, text, true),
            StringEncoder::Plain => push_string(&mut self.out, text, false),
            StringEncoder::Python => {
                let encoded = self
                    .vm
                    .call(&self.encoder.encoder, std::slice::from_ref(value))?;
                match str_::of(&encoded) {
                    Some(encoded) => self.out.extend_from_slice(encoded.as_bytes()),
                    None => {
                        return Err(self.vm.type_error(format!(
                            "encoder() must return a string, not {}",
                            self.vm.type_of(&encoded).full_name()
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    fn float_text(&self, f: f64) -> PyResult<String> {
        if f.is_finite() {
            return Ok(naja_numbers::float::repr(f));
        }
        if !self.encoder.allow_nan {
            return Err(self.vm.value_error(format!(
                "Out of range float values are not JSON compliant: {}",
                naja_numbers::float::repr(f)
            )));
        }
        Ok(match f {
            f if f.is_nan() => "NaN",
            f if f > 0.0 => "Infinity",
            _ => "-Infinity",
        }
        .to_string())
    }

    /// Numbers and constants; None for anything else.
    fn scalar(&self, value: &Value) -> PyResult<Option<String>> {
        Ok(Some(if value.is_none() {
            "null".to_string()
        } else if value.is_bool() {
            if value.is_true() { "true" } else { "false" }.to_string()
        } else if number::is_int(self.vm, value) {
            int::to_decimal(self.vm, value)?
        } else if let Some(f) = float::value_of(value) {
            self.float_text(f)?
        } else {
            return Ok(None);
        }))
    }

    fn value(&mut self, value: &Value, level: usize) -> PyResult<()> {
        let vm = self.vm;
        if let Some(text) = str_::of(value) {
            return self.string(value, text);
        }
        if let Some(n) = value.as_small_int() {
            use std::io::Write;
            let _ = write!(self.out, "{n}");
            return Ok(());
        }
        if let Some(text) = self.scalar(value)? {
            self.out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        vm.check_stack()?;
        if let Some(list) = value.downcast::<List>() {
            return self.sequence(value, |i| list.get(i), level);
        }
        if let Some(tuple) = value.downcast::<Tuple>() {
            return self.sequence(value, |i| tuple.get(i).cloned(), level);
        }
        if let Some(dict) = value.downcast::<Dict>() {
            return self.dict(value, dict, level);
        }
        self.enter(value)?;
        let result = (|| {
            let new = vm.call(&self.encoder.default, std::slice::from_ref(value))?;
            let result = self.value(&new, level);
            if result.is_err() {
                let name = vm.type_of(value).full_name();
                exception::add_note_to_pending(vm, &format!("when serializing {name} object"));
            }
            result
        })();
        self.leave(value);
        result
    }

    fn sequence(
        &mut self,
        value: &Value,
        item: impl Fn(usize) -> Option<Value>,
        level: usize,
    ) -> PyResult<()> {
        let Some(mut next) = item(0) else {
            self.out.extend_from_slice(b"[]");
            return Ok(());
        };
        self.enter(value)?;
        self.out.push(b'[');
        let mut i = 0;
        loop {
            if i > 0 {
                let encoder = self.encoder;
                self.out
                    .extend_from_slice(encoder.item_separator.as_bytes());
            }
            self.newline(level + 1);
            if self.value(&next, level + 1).is_err() {
                let name = self.vm.type_of(value).full_name();
                exception::add_note_to_pending(
                    self.vm,
                    &format!("when serializing {name} item {i}"),
                );
                return Err(Raised);
            }
            i += 1;
            match item(i) {
                Some(value) => next = value,
                None => break,
            }
        }
        self.newline(level);
        self.out.push(b']');
        self.leave(value);
        Ok(())
    }

    /// Writes a key; false for one that is skipped.
    fn key(&mut self, key: &Value, first: &mut bool, level: usize) -> PyResult<bool> {
        let text = match str_::of(key) {
            Some(_) => None,
            None => match self.scalar(key)? {
                Some(text) => Some(text),
                None if self.encoder.skipkeys => return Ok(false),
                None => {
                    return Err(self.vm.type_error(format!(
                        "keys must be str, int, float, bool or None, not {}",
                        self.vm.type_of(key).full_name()
                    )));
                }
            },
        };
        if !*first {
            let encoder = self.encoder;
            self.out
                .extend_from_slice(encoder.item_separator.as_bytes());
        }
        *first = false;
        self.newline(level + 1);
        match (text, str_::of(key)) {
            (None, Some(string)) => self.string(key, string)?,
            (text, _) => {
                let text = self.vm.new_str(text.unwrap_or_default())?;
                self.string(text.as_value(), &text)?
            }
        }
        let encoder = self.encoder;
        self.out.extend_from_slice(encoder.key_separator.as_bytes());
        Ok(true)
    }

    fn pair(
        &mut self,
        owner: &Value,
        key: &Value,
        value: &Value,
        first: &mut bool,
        level: usize,
    ) -> PyResult<()> {
        if !self.key(key, first, level)? {
            return Ok(());
        }
        if self.value(value, level + 1).is_err() {
            let error = self.vm.take_exception();
            let shown = object::repr(self.vm, key);
            self.vm.clear_exception();
            self.vm.raise_value(error);
            if let Ok(shown) = shown {
                let name = self.vm.type_of(owner).full_name();
                let note = format!("when serializing {name} item {}", shown.to_string_lossy());
                exception::add_note_to_pending(self.vm, &note);
            }
            return Err(Raised);
        }
        Ok(())
    }

    fn dict(&mut self, value: &Value, dict: &Ref<Dict>, level: usize) -> PyResult<()> {
        if dict.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let vm = self.vm;
        self.enter(value)?;
        self.out.push(b'{');
        let mut first = true;
        let exact = vm.type_of(value).is(&vm.types.dict);
        if exact && !self.encoder.sort_keys {
            let mut position = 0;
            while let Some((key, item)) = dict.next_item(&mut position) {
                self.pair(value, &key, &item, &mut first, level)?;
            }
        } else {
            let items = vm.call_method_str(value, "items", &[])?;
            let items = vm.new_list(sequence::collect(vm, &items)?)?;
            if self.encoder.sort_keys {
                vm.call_method_str(items.as_value(), "sort", &[])?;
            }
            for item in items.to_vec() {
                match item.downcast::<Tuple>().map(|t| t.items()) {
                    Some([key, item]) => self.pair(value, key, item, &mut first, level)?,
                    _ => return Err(vm.value_error("items must return 2-tuples")),
                }
            }
        }
        if !first {
            self.newline(level);
        }
        self.out.push(b'}');
        self.leave(value);
        Ok(())
    }
}

#[pymethods]
impl Encoder {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        const NAMES: [&str; 9] = [
            "markers",
            "default",
            "encoder",
            "indent",
            "key_separator",
            "item_separator",
            "sort_keys",
            "skipkeys",
            "allow_nan",
        ];
        let get = |i: usize| {
            let value = args.positional().get(i).or_else(|| args.keyword(NAMES[i]));
            value.ok_or_else(|| {
                vm.type_error(format!(
                    "make_encoder() missing required argument '{}' (pos {})",
                    NAMES[i],
                    i + 1
                ))
            })
        };
        let markers = get(0)?.clone();
        if !markers.is_none() && markers.downcast::<Dict>().is_none() {
            return Err(vm.type_error(format!(
                "make_encoder() argument 1 must be dict or None, not {}",
                vm.type_of(&markers).full_name()
            )));
        }
        let string = |i: usize| -> PyResult<Ref<Str>> {
            let value = get(i)?;
            str_::of(value).cloned().ok_or_else(|| {
                vm.type_error(format!(
                    "make_encoder() argument {} must be str, not {}",
                    i + 1,
                    vm.type_of(value).full_name()
                ))
            })
        };
        let encoder = get(2)?.clone();
        let made = Encoder {
            markers,
            default: get(1)?.clone(),
            strings: string_encoder(&encoder),
            encoder,
            indent: get(3)?.clone(),
            key_separator: string(4)?,
            item_separator: string(5)?,
            sort_keys: object::is_true(vm, get(6)?)?,
            skipkeys: object::is_true(vm, get(7)?)?,
            allow_nan: object::is_true(vm, get(8)?)?,
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pyslot]
    fn call(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult {
        let value = args.positional().first().or_else(|| args.keyword("obj"));
        let level = args
            .positional()
            .get(1)
            .or_else(|| args.keyword("_current_indent_level"));
        let (Some(value), Some(level)) = (value, level) else {
            return Err(vm.type_error("_iterencode() missing required argument"));
        };
        let level = usize::try_from(number::index_isize(vm, level)?).unwrap_or(0);
        let mut output = Output {
            vm,
            encoder: zelf,
            out: Vec::with_capacity(256),
            open: (!zelf.markers.is_none()).then(FxHashSet::default),
        };
        output.value(value, level)?;
        let text = if output.out.is_ascii() {
            vm.new_ascii_str(&output.out)?
        } else {
            vm.new_str_wtf8(&output.out)?
        };
        Ok(vm.new_tuple(vec![text.into_value()])?.into_value())
    }

    #[pymember]
    fn markers(&self) -> Value {
        self.markers.clone()
    }
    #[pymember]
    fn default(&self) -> Value {
        self.default.clone()
    }
    #[pymember]
    fn encoder(&self) -> Value {
        self.encoder.clone()
    }
    #[pymember]
    fn indent(&self) -> Value {
        self.indent.clone()
    }
    #[pymember]
    fn key_separator(&self) -> Value {
        self.key_separator.to_value()
    }
    #[pymember]
    fn item_separator(&self) -> Value {
        self.item_separator.to_value()
    }
    #[pymember]
    fn sort_keys(&self) -> bool {
        self.sort_keys
    }
    #[pymember]
    fn skipkeys(&self) -> bool {
        self.skipkeys
    }
}

/// Which of the two native functions an encoder is.
fn string_encoder(encoder: &Value) -> StringEncoder {
    let Some(function) = encoder.downcast::<naja_vm::function::native::NativeFunction>() else {
        return StringEncoder::Python;
    };
    let is = |name: &str| {
        let defs = module::MODULE.functions;
        defs.iter()
            .any(|def| def.name == name && std::ptr::eq(def, function.def))
    };
    if is("encode_basestring_ascii") {
        StringEncoder::Ascii
    } else if is("encode_basestring") {
        StringEncoder::Plain
    } else {
        StringEncoder::Python
    }
}

fn encoded(vm: &Vm, value: &Value, ascii: bool) -> PyResult {
    let Some(text) = str_::of(value) else {
        return Err(vm.type_error(format!(
            "first argument must be a string, not {}",
            vm.type_of(value).full_name()
        )));
    };
    let mut out = Vec::with_capacity(text.byte_len() + 2);
    push_string(&mut out, text, ascii);
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

#[pymodule(name = "_json", doc = "json speedups\n", classes(Scanner, Encoder))]
pub mod module {
    use super::*;

    /// scanstring(string, end, strict=True) -> (string, end)
    ///
    /// Scan the string s for a JSON string. End is the index of the
    /// character in s after the quote that started the JSON string.
    /// Unescapes all valid JSON string escape sequences and raises ValueError
    /// on attempt to decode an invalid string. If strict is False then literal
    /// control characters are allowed in the string.
    ///
    /// Returns a tuple of the decoded string and the index of the character in s
    /// after the end quote.
    #[pyfunction(name = "scanstring", raw)]
    fn scan_string(vm: &Vm, args: Args) -> PyResult {
        let (string, end, strict) = match args.positional() {
            [string, end] => (string, end, true),
            [string, end, strict] => (string, end, object::is_true(vm, strict)?),
            other => {
                return Err(vm.type_error(format!(
                    "scanstring() takes 2 or 3 arguments ({} given)",
                    other.len()
                )));
            }
        };
        let end = number::index_isize(vm, end)?;
        let Some(text) = str_::of(string) else {
            return Err(vm.type_error(format!(
                "first argument must be a string, not {}",
                vm.type_of(string).full_name()
            )));
        };
        let end = match usize::try_from(end) {
            Ok(end) if end <= text.char_len() && end > 0 => end,
            _ => return Err(vm.value_error("end is out of bounds")),
        };
        let source = Source::new(vm, text);
        let (value, end) = source.string(text.byte_offset(end), strict)?;
        Tuple::pair(vm, value, vm.new_int(text.char_index(end) as i64)?)
    }

    /// encode_basestring_ascii(string) -> string
    ///
    /// Return an ASCII-only JSON representation of a Python string
    #[pyfunction(sig = "($self, object, /)")]
    fn encode_basestring_ascii(vm: &Vm, object: &Value) -> PyResult {
        encoded(vm, object, true)
    }

    /// encode_basestring(string) -> string
    ///
    /// Return a JSON representation of a Python string
    #[pyfunction(sig = "($self, object, /)")]
    fn encode_basestring(vm: &Vm, object: &Value) -> PyResult {
        encoded(vm, object, false)
    }
}
