//! `_codecs`: the codec registry, the error handlers, and the codecs that the machine has itself.
//! CPython: Modules/_codecsmodule.c, Python/codecs.c.

use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::module::Module;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::str_::{self, Str, push_code_point};
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Raised, Vm};

/// `(result, consumed)`.
fn pair(vm: &Vm, result: Value, consumed: usize) -> PyResult {
    Ok(vm
        .new_tuple(vec![result, vm.new_int(consumed as i64)?])?
        .into_value())
}

/// The bytes of a decoder's input: bytes-like, or text where CPython takes its UTF-8.
fn input(vm: &Vm, value: &Value, text_too: bool) -> PyResult<Vec<u8>> {
    if text_too && let Some(text) = str_::of(value) {
        return Ok(text.as_bytes().to_vec());
    }
    Ok(Buffer::of(vm, value)?.to_vec())
}

fn text_of<'a>(vm: &Vm, value: &'a Value, function: &str) -> PyResult<&'a Ref<Str>> {
    str_::of(value).ok_or_else(|| {
        vm.type_error(format!(
            "{function}() argument 1 must be str, not {}",
            vm.type_name(value)
        ))
    })
}

fn error_name(vm: &Vm, errors: Option<&Value>, function: &str) -> PyResult<Ref<Str>> {
    match errors.filter(|e| !e.is_none()) {
        None => Ok(vm.intern("strict")),
        Some(value) => match str_::of(value) {
            Some(name) => Ok(name.clone()),
            None => Err(vm.type_error(format!(
                "{function}() argument 2 must be str or None, not {}",
                vm.type_name(value)
            ))),
        },
    }
}

/// The handler registered under a name. Raises LookupError.
fn handler(vm: &Vm, name: &Ref<Str>) -> PyResult {
    let known = match vm.interp.state.codec_errors.get() {
        Some(handlers) => handlers.get_str(vm, name)?,
        None => None,
    };
    known.ok_or_else(|| {
        let name = name.to_string_lossy();
        vm.raise(
            &vm.types.lookup_error,
            format!("unknown error handler name '{name}'"),
        )
    })
}

/// What a handler gave: the replacement and where to go on.
fn handled(vm: &Vm, result: &Value, length: usize, kind: &str) -> PyResult<(Value, usize)> {
    let wrong = || vm.type_error(format!("{kind} error handler must return (str, int) tuple"));
    let Some([replacement, position]) = result.downcast::<Tuple>().map(|t| t.items()) else {
        return Err(wrong());
    };
    let Some(position) = position.as_small_int() else {
        return Err(wrong());
    };
    let from_start = if position < 0 {
        position + length as i64
    } else {
        position
    };
    match usize::try_from(from_start) {
        Ok(at) if at <= length => Ok((replacement.clone(), at)),
        _ => Err(vm.index_error(format!(
            "position {position} from error handler out of bounds"
        ))),
    }
}

/// UnicodeDecodeError for a place, given to its handler. Adds the replacement; gives where to go on.
fn decoding_error(
    vm: &Vm,
    (codec, reason): (&str, &str),
    data: &[u8],
    (start, end): (usize, usize),
    errors: &Ref<Str>,
    out: &mut Vec<u8>,
) -> PyResult<usize> {
    let args = [
        vm.new_str(codec)?.into_value(),
        vm.new_bytes(data)?.into_value(),
        vm.new_int(start as i64)?,
        vm.new_int(end as i64)?,
        vm.new_str(reason)?.into_value(),
    ];
    let exception = vm.call(vm.types.unicode_decode_error.as_value(), &args)?;
    let result = vm.call(&handler(vm, errors)?, &[exception])?;
    let (replacement, at) = handled(vm, &result, data.len(), "decoding")?;
    match str_::of(&replacement) {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => return Err(vm.type_error("decoding error handler must return (str, int) tuple")),
    }
    Ok(at)
}

/// UnicodeEncodeError for a place, given to its handler. Gives the replacement and where to go on.
fn encoding_error(
    vm: &Vm,
    (codec, reason): (&str, &str),
    text: &Ref<Str>,
    (start, end): (usize, usize),
    errors: &Ref<Str>,
) -> PyResult<(Value, usize)> {
    let args = [
        vm.new_str(codec)?.into_value(),
        text.to_value(),
        vm.new_int(start as i64)?,
        vm.new_int(end as i64)?,
        vm.new_str(reason)?.into_value(),
    ];
    let exception = vm.call(vm.types.unicode_encode_error.as_value(), &args)?;
    let result = vm.call(&handler(vm, errors)?, &[exception])?;
    handled(vm, &result, text.char_len(), "encoding")
}

/// Encodes code points one by one with `put`, which refuses by giving a reason.
fn encode_with(
    vm: &Vm,
    text: &Ref<Str>,
    codec: &str,
    errors: &Ref<Str>,
    put: impl Fn(u32, &mut Vec<u8>) -> Result<(), &'static str>,
) -> PyResult<Vec<u8>> {
    let points: Vec<u32> = text.code_points().collect();
    let mut out = Vec::with_capacity(points.len());
    let mut at = 0;
    while at < points.len() {
        let Err(reason) = put(points[at], &mut out) else {
            at += 1;
            continue;
        };
        let mut scratch = Vec::new();
        let end = at
            + points[at..]
                .iter()
                .take_while(|&&c| put(c, &mut scratch).is_err())
                .count();
        let (replacement, next) = encoding_error(vm, (codec, reason), text, (at, end), errors)?;
        if let Some(bytes) = replacement.downcast::<Bytes>() {
            out.extend_from_slice(bytes.as_bytes());
        } else if let Some(piece) = str_::of(&replacement) {
            for c in piece.code_points() {
                if put(c, &mut out).is_err() {
                    return Err(encode_failure(vm, (codec, reason), text, (at, end)));
                }
            }
        } else {
            return Err(vm.type_error("encoding error handler must return (str/bytes, int) tuple"));
        }
        at = next;
        vm.check_signals()?;
    }
    Ok(out)
}

#[cold]
fn encode_failure(
    vm: &Vm,
    (codec, reason): (&str, &str),
    text: &Ref<Str>,
    (start, end): (usize, usize),
) -> Raised {
    let args = || -> PyResult<[Value; 5]> {
        Ok([
            vm.new_str(codec)?.into_value(),
            text.to_value(),
            vm.new_int(start as i64)?,
            vm.new_int(end as i64)?,
            vm.new_str(reason)?.into_value(),
        ])
    };
    match args() {
        Ok(args) => vm.raise_with(&vm.types.unicode_encode_error, &args),
        Err(raised) => raised,
    }
}

const SURROGATES: &str = "surrogates not allowed";

/// Byte order of the wide codecs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

fn push16(out: &mut Vec<u8>, unit: u16, order: Order) {
    out.extend(if order == Order::Little {
        unit.to_le_bytes()
    } else {
        unit.to_be_bytes()
    });
}

fn push32(out: &mut Vec<u8>, unit: u32, order: Order) {
    out.extend(if order == Order::Little {
        unit.to_le_bytes()
    } else {
        unit.to_be_bytes()
    });
}

fn encode16(
    vm: &Vm,
    text: &Ref<Str>,
    errors: &Ref<Str>,
    order: Order,
    name: &str,
) -> PyResult<Vec<u8>> {
    encode_with(vm, text, name, errors, |c, out| {
        match c {
            0xd800..=0xdfff => return Err(SURROGATES),
            0x10000.. => {
                let c = c - 0x10000;
                push16(out, 0xd800 | (c >> 10) as u16, order);
                push16(out, 0xdc00 | (c & 0x3ff) as u16, order);
            }
            _ => push16(out, c as u16, order),
        }
        Ok(())
    })
}

fn encode32(
    vm: &Vm,
    text: &Ref<Str>,
    errors: &Ref<Str>,
    order: Order,
    name: &str,
) -> PyResult<Vec<u8>> {
    encode_with(vm, text, name, errors, |c, out| {
        if (0xd800..=0xdfff).contains(&c) {
            return Err(SURROGATES);
        }
        push32(out, c, order);
        Ok(())
    })
}

/// UTF-16 from `at` on. Gives the text and how far it went.
fn decode16(
    vm: &Vm,
    data: &[u8],
    mut at: usize,
    errors: &Ref<Str>,
    order: Order,
    last: bool,
    name: &str,
) -> PyResult<(Vec<u8>, usize)> {
    let unit = |at: usize| {
        let pair = [data[at], data[at + 1]];
        if order == Order::Little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    };
    let mut out = Vec::with_capacity(data.len());
    while at < data.len() {
        let (end, reason) = if at + 1 >= data.len() {
            if !last {
                break;
            }
            (data.len(), "truncated data")
        } else {
            match unit(at) {
                0xdc00..=0xdfff => (at + 2, "illegal encoding"),
                high @ 0xd800..=0xdbff => {
                    if at + 3 >= data.len() {
                        if !last {
                            break;
                        }
                        (data.len(), "unexpected end of data")
                    } else {
                        let low = unit(at + 2);
                        if (0xdc00..=0xdfff).contains(&low) {
                            let c = 0x10000
                                + ((u32::from(high) & 0x3ff) << 10 | u32::from(low) & 0x3ff);
                            push_code_point(&mut out, c);
                            at += 4;
                            continue;
                        }
                        (at + 2, "illegal UTF-16 surrogate")
                    }
                }
                c => {
                    push_code_point(&mut out, u32::from(c));
                    at += 2;
                    continue;
                }
            }
        };
        at = decoding_error(vm, (name, reason), data, (at, end), errors, &mut out)?;
    }
    Ok((out, at))
}

fn decode32(
    vm: &Vm,
    data: &[u8],
    mut at: usize,
    errors: &Ref<Str>,
    order: Order,
    last: bool,
    name: &str,
) -> PyResult<(Vec<u8>, usize)> {
    let mut out = Vec::with_capacity(data.len());
    while at < data.len() {
        let (end, reason) = match data.get(at..at + 4) {
            None if !last => break,
            None => (data.len(), "truncated data"),
            Some(unit) => {
                let unit = [unit[0], unit[1], unit[2], unit[3]];
                let c = if order == Order::Little {
                    u32::from_le_bytes(unit)
                } else {
                    u32::from_be_bytes(unit)
                };
                match c {
                    0xd800..=0xdfff => (
                        at + 4,
                        "code point in surrogate code point range(0xd800, 0xe000)",
                    ),
                    0x110000.. => (at + 4, "code point not in range(0x110000)"),
                    c => {
                        push_code_point(&mut out, c);
                        at += 4;
                        continue;
                    }
                }
            }
        };
        at = decoding_error(vm, (name, reason), data, (at, end), errors, &mut out)?;
    }
    Ok((out, at))
}

/// The byte order mark of `width` bytes a unit, if there is one: the order, and its length.
fn mark(data: &[u8], width: usize) -> Option<Order> {
    match (width, data) {
        (2, [0xff, 0xfe, ..]) => Some(Order::Little),
        (2, [0xfe, 0xff, ..]) => Some(Order::Big),
        (4, [0xff, 0xfe, 0, 0, ..]) => Some(Order::Little),
        (4, [0, 0, 0xfe, 0xff, ..]) => Some(Order::Big),
        _ => None,
    }
}

/// A decoder of the machine's own codecs; bytes of an unfinished sequence at the end are left unless `last`.
fn decode_own(vm: &Vm, codec: &str, data: &[u8], errors: &Ref<Str>, last: bool) -> PyResult {
    let mut end = data.len();
    if codec == "utf-8" && !last {
        end -= unfinished(data);
    }
    let name = vm.intern(codec);
    let text = str_::codecs::decode(vm, &data[..end], Some(&name), Some(errors))?;
    pair(vm, text, end)
}

/// Bytes at the end that begin a UTF-8 sequence.
fn unfinished(data: &[u8]) -> usize {
    for back in 1..=data.len().min(3) {
        let tail = &data[data.len() - back..];
        if tail[0] & 0xc0 != 0x80 {
            let open = std::str::from_utf8(tail)
                .is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none());
            return if open { back } else { 0 };
        }
    }
    0
}

/// `unicode_escape` and `raw_unicode_escape` encoding.
fn escape_text(text: &Ref<Str>, raw: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        match c {
            0x5c if !raw => out.extend(b"\\\\"),
            9 if !raw => out.extend(b"\\t"),
            10 if !raw => out.extend(b"\\n"),
            13 if !raw => out.extend(b"\\r"),
            0x20..=0x7e => out.push(c as u8),
            0..=0xff if raw => out.push(c as u8),
            0..=0xff => out.extend(format!("\\x{c:02x}").bytes()),
            0x100..=0xffff => out.extend(format!("\\u{c:04x}").bytes()),
            _ => out.extend(format!("\\U{c:08x}").bytes()),
        }
    }
    out
}

/// Decodes backslash escapes. Gives the text and how far it went.
fn unescape(
    vm: &Vm,
    data: &[u8],
    errors: &Ref<Str>,
    last: bool,
    raw: bool,
) -> PyResult<(Vec<u8>, usize)> {
    let codec = if raw {
        "rawunicodeescape"
    } else {
        "unicodeescape"
    };
    let mut out = Vec::with_capacity(data.len());
    let mut at = 0;
    while at < data.len() {
        let byte = data[at];
        if byte != b'\\' {
            push_code_point(&mut out, u32::from(byte));
            at += 1;
            continue;
        }
        let start = at;
        let Some(&kind) = data.get(at + 1) else {
            if raw {
                if !last {
                    break;
                }
                out.push(b'\\');
                at += 1;
                continue;
            }
            if !last {
                break;
            }
            at = decoding_error(
                vm,
                (codec, "\\ at end of string"),
                data,
                (start, data.len()),
                errors,
                &mut out,
            )?;
            continue;
        };
        if raw && !matches!(kind, b'u' | b'U') {
            out.push(b'\\');
            if kind == b'\\' {
                out.push(b'\\');
                at += 2;
            } else {
                at += 1;
            }
            continue;
        }
        let plain = match kind {
            b'\n' => {
                at += 2;
                continue;
            }
            b'\\' | b'\'' | b'"' => Some(kind),
            b'b' => Some(8),
            b't' => Some(9),
            b'n' => Some(10),
            b'r' => Some(13),
            b'f' => Some(12),
            b'v' => Some(11),
            b'a' => Some(7),
            _ => None,
        };
        if let Some(c) = plain {
            out.push(c);
            at += 2;
            continue;
        }
        let (count, reason) = match kind {
            b'x' => (2, "truncated \\xXX escape"),
            b'u' => (4, "truncated \\uXXXX escape"),
            b'U' => (8, "truncated \\UXXXXXXXX escape"),
            b'0'..=b'7' => {
                let digits = data[at + 1..]
                    .iter()
                    .take(3)
                    .take_while(|d| (b'0'..=b'7').contains(d))
                    .count();
                let c = data[at + 1..at + 1 + digits]
                    .iter()
                    .fold(0u32, |n, d| n * 8 + u32::from(d - b'0'));
                if !last && digits < 3 && at + 1 + digits == data.len() {
                    break;
                }
                push_code_point(&mut out, c);
                at += 1 + digits;
                continue;
            }
            b'N' => {
                let rest = &data[at + 2..];
                let close = rest.iter().position(|&b| b == b'}');
                let name = match (rest.first(), close) {
                    (Some(b'{'), Some(close)) if close > 1 => {
                        std::str::from_utf8(&rest[1..close]).ok()
                    }
                    (Some(b'{'), None) | (None, _) if !last => break,
                    _ => None,
                };
                let end = at
                    + 2
                    + close.map_or_else(
                        || {
                            if rest.first() == Some(&b'{') {
                                rest.len()
                            } else {
                                0
                            }
                        },
                        |c| {
                            if rest.first() == Some(&b'{') {
                                c + 1
                            } else {
                                0
                            }
                        },
                    );
                match name.map(naja_unicode::lookup_name) {
                    Some(Some(naja_unicode::Named::Character(c))) => {
                        push_code_point(&mut out, c);
                        at = end;
                    }
                    Some(Some(_)) => {
                        let reason = "unknown Unicode character name";
                        at = decoding_error(
                            vm,
                            (codec, reason),
                            data,
                            (start, end),
                            errors,
                            &mut out,
                        )?;
                    }
                    Some(None) => {
                        let reason = "unknown Unicode character name";
                        at = decoding_error(
                            vm,
                            (codec, reason),
                            data,
                            (start, end),
                            errors,
                            &mut out,
                        )?;
                    }
                    None => {
                        let reason = "malformed \\N character escape";
                        at = decoding_error(
                            vm,
                            (codec, reason),
                            data,
                            (start, end),
                            errors,
                            &mut out,
                        )?;
                    }
                }
                continue;
            }
            other => {
                let message = format!("invalid escape sequence '\\{}'", other as char);
                vm.warn(&vm.types.deprecation_warning, message, 1)?;
                out.push(b'\\');
                push_code_point(&mut out, u32::from(other));
                at += 2;
                continue;
            }
        };
        let digits = data[at + 2..]
            .iter()
            .take(count)
            .take_while(|d| d.is_ascii_hexdigit())
            .count();
        let end = at + 2 + digits;
        if digits < count {
            if !last && end == data.len() {
                break;
            }
            at = decoding_error(vm, (codec, reason), data, (start, end), errors, &mut out)?;
            continue;
        }
        let value = data[at + 2..end]
            .iter()
            .fold(0u32, |n, &d| n << 4 | (d as char).to_digit(16).unwrap_or(0));
        if value > 0x10ffff {
            let reason = if raw {
                "\\Uxxxxxxxx out of range"
            } else {
                "illegal Unicode character"
            };
            at = decoding_error(vm, (codec, reason), data, (start, end), errors, &mut out)?;
            continue;
        }
        push_code_point(&mut out, value);
        at = end;
    }
    Ok((out, at))
}

/// A map for `charmap_encode` as `charmap_build` makes it: a dict from code points to bytes.
fn build_map(vm: &Vm, map: &Ref<Str>) -> PyResult {
    let dict = vm.new_dict()?;
    for (byte, c) in map.code_points().enumerate() {
        if c != 0xfffe {
            dict.set(vm, &vm.new_int(i64::from(c))?, vm.new_int(byte as i64)?)?;
        }
    }
    Ok(dict.into_value())
}

/// The codec registry and error handlers of an interpreter, where nobody has asked for them before.
fn registry(vm: &Vm) -> PyResult<Ref<naja_vm::dict::Dict>> {
    if let Some(cache) = vm.interp.state.codec_cache.get() {
        return Ok(cache);
    }
    let cache = vm.new_dict()?;
    vm.interp.state.codec_cache.set(Some(cache.clone()));
    // The library's search function registers itself.
    naja_vm::import::import_simple(vm, "encodings")?;
    Ok(cache)
}

/// The registry's entry of an encoding. Raises LookupError.
pub fn lookup_codec(vm: &Vm, encoding: &Ref<Str>) -> PyResult {
    let name: String = encoding
        .to_string_lossy()
        .chars()
        .map(|c| {
            if c == ' ' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    if name.contains('\0') {
        return Err(vm.value_error("embedded null character"));
    }
    let cache = registry(vm)?;
    let key = vm.intern(&name);
    if let Some(found) = cache.get_str(vm, &key)? {
        return Ok(found);
    }
    for search in vm.interp.state.codec_search_path.get() {
        let found = vm.call(&search, &[key.to_value()])?;
        if found.is_none() {
            continue;
        }
        if found.downcast::<Tuple>().is_none_or(|t| t.len() != 4) {
            return Err(vm.type_error("codec search functions must return 4-tuples"));
        }
        cache.set_str(vm, &key, found.clone())?;
        return Ok(found);
    }
    let name = encoding.to_string_lossy();
    Err(vm.raise(&vm.types.lookup_error, format!("unknown encoding: {name}")))
}

/// `codec[index](value, errors)`, and the first item of what it gives.
fn run_codec(
    vm: &Vm,
    value: &Value,
    encoding: &Ref<Str>,
    errors: Option<&Value>,
    index: usize,
) -> PyResult {
    let codec = lookup_codec(vm, encoding)?;
    let Some(function) = codec.downcast::<Tuple>().and_then(|t| t.get(index)) else {
        return Err(vm.type_error("codec search functions must return 4-tuples"));
    };
    let mut args = vec![value.clone()];
    args.extend(errors.filter(|e| !e.is_none()).cloned());
    let result = vm.call(function, &args)?;
    let what = if index == 0 { "encoder" } else { "decoder" };
    match result.downcast::<Tuple>().map(|t| t.items()) {
        Some([value, _]) => Ok(value.clone()),
        _ => Err(vm.type_error(format!("{what} must return a tuple (object, integer)"))),
    }
}

/// The parts of a Unicode error that handlers look at.
struct Problem {
    encode: bool,
    translate: bool,
    object: Value,
    start: usize,
    end: usize,
}

fn problem(vm: &Vm, exception: &Value) -> PyResult<Problem> {
    let is = |class: &naja_vm::Ref<naja_vm::type_::Type>| {
        naja_vm::type_::is_subtype(vm.type_of(exception), class)
    };
    let (encode, translate) = (
        is(&vm.types.unicode_encode_error),
        is(&vm.types.exceptions.unicode_translate_error),
    );
    if !encode && !translate && !is(&vm.types.unicode_decode_error) {
        return Err(vm.type_error(format!(
            "don't know how to handle {} in error callback",
            vm.type_name(exception)
        )));
    }
    let index = |name: &str| -> PyResult<usize> {
        let value = attributes::get_by(vm, exception, name)?;
        Ok(value.as_small_int().unwrap_or(0).max(0) as usize)
    };
    Ok(Problem {
        encode,
        translate,
        object: attributes::get_by(vm, exception, "object")?,
        start: index("start")?,
        end: index("end")?,
    })
}

impl Problem {
    /// The code points of the bad place, for encoding and translation.
    fn points(&self) -> Vec<u32> {
        let text = str_::of(&self.object);
        text.map(|t| {
            t.code_points()
                .skip(self.start)
                .take(self.end.saturating_sub(self.start))
                .collect()
        })
        .unwrap_or_default()
    }

    /// The bytes from the bad place on, for decoding.
    fn bytes(&self) -> Vec<u8> {
        let bytes = self.object.downcast::<Bytes>().map(|b| b.as_bytes());
        bytes
            .and_then(|b| b.get(self.start..))
            .unwrap_or(&[])
            .to_vec()
    }

    fn answer(&self, vm: &Vm, replacement: Value, at: usize) -> PyResult {
        Ok(vm
            .new_tuple(vec![replacement, vm.new_int(at as i64)?])?
            .into_value())
    }
}

fn unhandled(vm: &Vm, exception: &Value) -> Raised {
    match exception
        .clone()
        .downcast_into::<naja_vm::exception::BaseException>()
    {
        Ok(exception) => vm.raise_value(exception),
        Err(_) => vm.type_error("codec must pass exception instance"),
    }
}

fn escaped(points: &[u32]) -> String {
    points
        .iter()
        .map(|&c| match c {
            0..=0xff => format!("\\x{c:02x}"),
            0x100..=0xffff => format!("\\u{c:04x}"),
            _ => format!("\\U{c:08x}"),
        })
        .collect()
}

/// The handlers that every interpreter has.
#[pymodule(name = "_codecs")]
pub mod handlers {
    use super::*;

    /// Implements the 'strict' error handling, which raises a UnicodeError on coding errors.
    #[pyfunction(sig = "($module, exception, /)")]
    fn strict_errors(vm: &Vm, exception: &Value) -> PyResult {
        Err(unhandled(vm, exception))
    }

    /// Implements the 'ignore' error handling, which ignores malformed data and continues.
    #[pyfunction(sig = "($module, exception, /)")]
    fn ignore_errors(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        p.answer(vm, vm.new_str("")?.into_value(), p.end)
    }

    /// Implements the 'replace' error handling, which replaces malformed data with a replacement marker.
    #[pyfunction(sig = "($module, exception, /)")]
    fn replace_errors(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        let count = p.end.saturating_sub(p.start);
        let text = if p.encode {
            "?".repeat(count)
        } else if p.translate {
            "\u{fffd}".repeat(count)
        } else {
            "\u{fffd}".to_string()
        };
        p.answer(vm, vm.new_str(text)?.into_value(), p.end)
    }

    /// Implements the 'xmlcharrefreplace' error handling, which replaces an unencodable character with the appropriate XML character reference.
    #[pyfunction(sig = "($module, exception, /)")]
    fn xmlcharrefreplace_errors(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        if !p.encode {
            return Err(vm.type_error(format!(
                "don't know how to handle {} in error callback",
                vm.type_name(exception)
            )));
        }
        let text: String = p.points().iter().map(|c| format!("&#{c};")).collect();
        p.answer(vm, vm.new_str(text)?.into_value(), p.end)
    }

    /// Implements the 'backslashreplace' error handling, which replaces malformed data with a backslashed escape sequence.
    #[pyfunction(sig = "($module, exception, /)")]
    fn backslashreplace_errors(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        let text = if p.encode || p.translate {
            escaped(&p.points())
        } else {
            let bytes = p.bytes();
            let count = p.end.saturating_sub(p.start).min(bytes.len());
            bytes[..count]
                .iter()
                .map(|b| format!("\\x{b:02x}"))
                .collect()
        };
        p.answer(vm, vm.new_str(text)?.into_value(), p.end)
    }

    /// Implements the 'namereplace' error handling, which replaces an unencodable character with a \N{...} escape sequence.
    #[pyfunction(sig = "($module, exception, /)")]
    fn namereplace_errors(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        if !p.encode {
            return Err(vm.type_error(format!(
                "don't know how to handle {} in error callback",
                vm.type_name(exception)
            )));
        }
        let mut text = String::new();
        for c in p.points() {
            match naja_unicode::name(c) {
                Some(name) => text += &format!("\\N{{{name}}}"),
                None => text += &escaped(&[c]),
            }
        }
        p.answer(vm, vm.new_str(text)?.into_value(), p.end)
    }

    /// Passes bytes through as lone surrogates, and back.
    #[pyfunction(sig = "($module, exception, /)")]
    fn surrogateescape(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        if p.translate {
            return Err(
                vm.type_error("don't know how to handle UnicodeTranslateError in error callback")
            );
        }
        if p.encode {
            let mut out = Vec::new();
            for c in p.points() {
                match c {
                    0xdc80..=0xdcff => out.push((c - 0xdc00) as u8),
                    _ => return Err(unhandled(vm, exception)),
                }
            }
            return p.answer(vm, vm.new_bytes(&out)?.into_value(), p.end);
        }
        let bytes = p.bytes();
        let count = p.end.saturating_sub(p.start).min(4);
        let mut out = Vec::new();
        let mut used = 0;
        while used < count && bytes.get(used).is_some_and(|&b| b >= 128) {
            push_code_point(&mut out, 0xdc00 + u32::from(bytes[used]));
            used += 1;
        }
        if used == 0 {
            return Err(unhandled(vm, exception));
        }
        p.answer(vm, vm.new_str_wtf8(&out)?.into_value(), p.start + used)
    }

    /// Passes lone surrogates through in the UTF codecs.
    #[pyfunction(sig = "($module, exception, /)")]
    fn surrogatepass(vm: &Vm, exception: &Value) -> PyResult {
        let p = problem(vm, exception)?;
        if p.translate {
            return Err(
                vm.type_error("don't know how to handle UnicodeTranslateError in error callback")
            );
        }
        let encoding = attributes::get_by(vm, exception, "encoding")?;
        let encoding = object::str(vm, &encoding)?
            .to_string_lossy()
            .to_ascii_lowercase()
            .replace('_', "-");
        let (width, order) = match encoding.as_str() {
            "utf-8" | "utf8" | "cp65001" => (0, Order::Little),
            "utf-16" | "utf16" | "utf-16-le" | "utf-16le" => (2, Order::Little),
            "utf-16-be" | "utf-16be" => (2, Order::Big),
            "utf-32" | "utf32" | "utf-32-le" | "utf-32le" => (4, Order::Little),
            "utf-32-be" | "utf-32be" => (4, Order::Big),
            _ => return Err(unhandled(vm, exception)),
        };
        if p.encode {
            let mut out = Vec::new();
            for c in p.points() {
                if !(0xd800..=0xdfff).contains(&c) {
                    return Err(unhandled(vm, exception));
                }
                match width {
                    0 => push_code_point(&mut out, c),
                    2 => push16(&mut out, c as u16, order),
                    _ => push32(&mut out, c, order),
                }
            }
            return p.answer(vm, vm.new_bytes(&out)?.into_value(), p.end);
        }
        let bytes = p.bytes();
        let surrogate = match (width, bytes.as_slice()) {
            (0, [0xed, b @ 0xa0..=0xbf, c @ 0x80..=0xbf, ..]) => {
                Some(0xd000 | (u32::from(*b) & 0x3f) << 6 | u32::from(*c) & 0x3f)
            }
            (2, [a, b, ..]) => Some(u32::from(if order == Order::Little {
                u16::from_le_bytes([*a, *b])
            } else {
                u16::from_be_bytes([*a, *b])
            })),
            (4, [a, b, c, d, ..]) => Some(if order == Order::Little {
                u32::from_le_bytes([*a, *b, *c, *d])
            } else {
                u32::from_be_bytes([*a, *b, *c, *d])
            }),
            _ => None,
        };
        match surrogate.filter(|c| (0xd800..=0xdfff).contains(c)) {
            Some(c) => {
                let mut out = Vec::new();
                push_code_point(&mut out, c);
                let used = if width == 0 { 3 } else { width };
                p.answer(vm, vm.new_str_wtf8(&out)?.into_value(), p.start + used)
            }
            None => Err(unhandled(vm, exception)),
        }
    }
}

macro_rules! wide_codecs {
    ($($encode:ident $decode:ident $name:literal $width:literal $order:expr;)*) => {
        #[pymodule(name = "_codecs")]
        pub mod wide {
            use super::*;
            $(
                #[pyfunction(sig = "($module, str, errors=None, /)")]
                fn $encode(vm: &Vm, str_: &Value, errors: Option<&Value>) -> PyResult {
                    let text = text_of(vm, str_, stringify!($encode))?;
                    let errors = error_name(vm, errors, stringify!($encode))?;
                    let out = if $width == 2 {
                        encode16(vm, text, &errors, $order, $name)?
                    } else {
                        encode32(vm, text, &errors, $order, $name)?
                    };
                    pair(vm, vm.new_bytes_of(out)?.into_value(), text.char_len())
                }

                #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
                fn $decode(vm: &Vm, data: &Value, errors: Option<&Value>, final_: Option<bool>) -> PyResult {
                    let data = input(vm, data, false)?;
                    let errors = error_name(vm, errors, stringify!($decode))?;
                    let last = final_.unwrap_or(false);
                    let (out, used) = if $width == 2 {
                        decode16(vm, &data, 0, &errors, $order, last, $name)?
                    } else {
                        decode32(vm, &data, 0, &errors, $order, last, $name)?
                    };
                    pair(vm, vm.new_str_wtf8(&out)?.into_value(), used)
                }
            )*
        }
    };
}

wide_codecs! {
    utf_16_le_encode utf_16_le_decode "utf-16-le" 2 Order::Little;
    utf_16_be_encode utf_16_be_decode "utf-16-be" 2 Order::Big;
    utf_32_le_encode utf_32_le_decode "utf-32-le" 4 Order::Little;
    utf_32_be_encode utf_32_be_decode "utf-32-be" 4 Order::Big;
}

/// Decodes with the byte order of the mark, the given one, or the machine's. Gives text, consumed, order.
fn decode_marked(
    vm: &Vm,
    data: &[u8],
    errors: &Ref<Str>,
    last: bool,
    width: usize,
    order: i64,
) -> PyResult<(Vec<u8>, usize, i64)> {
    let (mut start, mut order) = (0, order);
    if order == 0 && data.len() >= width {
        match mark(data, width) {
            Some(found) => {
                start = width;
                order = if found == Order::Little { -1 } else { 1 };
            }
            None => {
                order = if cfg!(target_endian = "little") {
                    -1
                } else {
                    1
                }
            }
        }
    } else if order == 0 && !last {
        return Ok((Vec::new(), 0, 0));
    }
    let side = if order > 0 { Order::Big } else { Order::Little };
    let name = match (width, order) {
        (2, _) if start == 0 && order > 0 => "utf-16-be",
        (2, _) => "utf-16",
        _ => "utf-32",
    };
    let (out, used) = if width == 2 {
        decode16(vm, data, start, errors, side, last, name)?
    } else {
        decode32(vm, data, start, errors, side, last, name)?
    };
    Ok((out, used, order))
}

#[pymodule(name = "_codecs")]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let name = vm.intern("_codecs");
        let errors = vm.new_dict()?;
        for function in handlers::MODULE.functions {
            let value = naja_vm::function::native::NativeFunction::of_module(
                vm,
                function,
                module.as_value(),
                &name,
            )?;
            let key = function.name.trim_end_matches("_errors");
            errors.set_str(vm, &vm.intern(key), value.into_value())?;
        }
        if vm.interp.state.codec_errors.get().is_none() {
            vm.interp.state.codec_errors.set(Some(errors));
        }
        for function in wide::MODULE.functions {
            let value = naja_vm::function::native::NativeFunction::of_module(
                vm,
                function,
                module.as_value(),
                &name,
            )?;
            module.set(vm, function.name, value.into_value())?;
        }
        Ok(())
    }

    /// Register a codec search function.
    ///
    /// Search functions are expected to take one argument, the encoding name in
    /// all lower case letters, and either return None, or a tuple of functions
    /// (encoder, decoder, stream_reader, stream_writer) (or a CodecInfo object).
    #[pyfunction(sig = "($module, search_function, /)")]
    fn register(vm: &Vm, search_function: Value) -> PyResult<()> {
        if vm.type_of(&search_function).slots.call.get().is_none() {
            return Err(vm.type_error("argument must be callable"));
        }
        vm.interp
            .state
            .codec_search_path
            .with_mut(|path| path.push(search_function));
        Ok(())
    }

    /// Unregister a codec search function and clear the registry's cache.
    ///
    /// If the search function is not registered, do nothing.
    #[pyfunction(sig = "($module, search_function, /)")]
    fn unregister(vm: &Vm, search_function: &Value) {
        let removed = vm.interp.state.codec_search_path.with_mut(|path| {
            path.iter()
                .position(|f| f.is(search_function))
                .map(|at| path.remove(at))
        });
        if removed.is_some()
            && let Some(cache) = vm.interp.state.codec_cache.get()
        {
            cache.clear_table();
        }
    }

    /// Looks up a codec tuple in the Python codec registry and returns a CodecInfo object.
    #[pyfunction(sig = "($module, encoding, /)")]
    fn lookup(vm: &Vm, encoding: &Ref<Str>) -> PyResult {
        lookup_codec(vm, encoding)
    }

    /// Encodes obj using the codec registered for encoding.
    ///
    /// The default encoding is 'utf-8'.  errors may be given to set a
    /// different error handling scheme.  Default is 'strict' meaning that encoding
    /// errors raise a ValueError.  Other possible values are 'ignore', 'replace'
    /// and 'backslashreplace' as well as any other name registered with
    /// codecs.register_error that can handle ValueErrors.
    #[pyfunction(sig = "($module, /, obj, encoding='utf-8', errors='strict')")]
    fn encode(
        vm: &Vm,
        obj: &Value,
        encoding: Option<&Ref<Str>>,
        errors: Option<&Value>,
    ) -> PyResult {
        let encoding = encoding.cloned().unwrap_or_else(|| vm.intern("utf-8"));
        run_codec(vm, obj, &encoding, errors, 0)
    }

    /// Decodes obj using the codec registered for encoding.
    ///
    /// Default encoding is 'utf-8'.  errors may be given to set a
    /// different error handling scheme.  Default is 'strict' meaning that encoding
    /// errors raise a ValueError.  Other possible values are 'ignore', 'replace'
    /// and 'backslashreplace' as well as any other name registered with
    /// codecs.register_error that can handle ValueErrors.
    #[pyfunction(sig = "($module, /, obj, encoding='utf-8', errors='strict')")]
    fn decode(
        vm: &Vm,
        obj: &Value,
        encoding: Option<&Ref<Str>>,
        errors: Option<&Value>,
    ) -> PyResult {
        let encoding = encoding.cloned().unwrap_or_else(|| vm.intern("utf-8"));
        run_codec(vm, obj, &encoding, errors, 1)
    }

    /// Register the specified error handler under the name errors.
    ///
    /// handler must be a callable object, that
    /// will be called with an exception instance containing
    /// information about the location of the encoding/decoding
    /// error and must return a (replacement, new position) tuple.
    #[pyfunction(sig = "($module, errors, handler, /)")]
    fn register_error(vm: &Vm, errors: &Ref<Str>, handler: Value) -> PyResult<()> {
        if vm.type_of(&handler).slots.call.get().is_none() {
            return Err(vm.type_error("handler must be callable"));
        }
        match vm.interp.state.codec_errors.get() {
            Some(handlers) => handlers.set_str(vm, errors, handler),
            None => Ok(()),
        }
    }

    /// Un-register the specified error handler for the error handling `errors'.
    ///
    /// Only custom error handlers can be un-registered. An exception is raised
    /// if the error handling is a built-in one (e.g., 'strict'), or if an error
    /// occurs.
    #[pyfunction(sig = "($module, errors, /)")]
    fn _unregister_error(vm: &Vm, errors: &Ref<Str>) -> PyResult<bool> {
        let name = errors.to_string_lossy();
        let own = |f: &naja_vm::function::MethodDef| f.name.trim_end_matches("_errors") == name;
        if handlers::MODULE.functions.iter().any(own) {
            return Err(vm.value_error(format!(
                "cannot un-register built-in error handler '{name}'"
            )));
        }
        match vm.interp.state.codec_errors.get() {
            Some(handlers) => Ok(handlers.remove_str(vm, errors)?.is_some()),
            None => Ok(false),
        }
    }

    /// lookup_error(errors) -> handler
    ///
    /// Return the error handler for the specified error handling name or raise a
    /// LookupError, if no handler exists under this name.
    #[pyfunction(sig = "($module, name, /)")]
    fn lookup_error(vm: &Vm, name: &Ref<Str>) -> PyResult {
        handler(vm, name)
    }

    fn encode_own(
        vm: &Vm,
        str_: &Value,
        errors: Option<&Value>,
        codec: &str,
        function: &str,
    ) -> PyResult {
        let text = text_of(vm, str_, function)?;
        let errors = error_name(vm, errors, function)?;
        let bytes = naja_vm::str_::codecs::encode(vm, text, &vm.intern(codec), Some(&errors))?;
        pair(vm, vm.new_bytes_of(bytes)?.into_value(), text.char_len())
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn utf_8_encode(vm: &Vm, str_: &Value, errors: Option<&Value>) -> PyResult {
        encode_own(vm, str_, errors, "utf-8", "utf_8_encode")
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn ascii_encode(vm: &Vm, str_: &Value, errors: Option<&Value>) -> PyResult {
        encode_own(vm, str_, errors, "ascii", "ascii_encode")
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn latin_1_encode(vm: &Vm, str_: &Value, errors: Option<&Value>) -> PyResult {
        encode_own(vm, str_, errors, "latin-1", "latin_1_encode")
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_8_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        final_: Option<bool>,
    ) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "utf_8_decode")?;
        decode_own(vm, "utf-8", &data, &errors, final_.unwrap_or(false))
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn ascii_decode(vm: &Vm, data: &Value, errors: Option<&Value>) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "ascii_decode")?;
        decode_own(vm, "ascii", &data, &errors, true)
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn latin_1_decode(vm: &Vm, data: &Value, errors: Option<&Value>) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "latin_1_decode")?;
        decode_own(vm, "latin-1", &data, &errors, true)
    }

    fn marked(
        vm: &Vm,
        str_: &Value,
        errors: Option<&Value>,
        byteorder: Option<i64>,
        width: usize,
    ) -> PyResult {
        let function = if width == 2 {
            "utf_16_encode"
        } else {
            "utf_32_encode"
        };
        let text = text_of(vm, str_, function)?;
        let errors = error_name(vm, errors, function)?;
        let order = byteorder.unwrap_or(0);
        let side = if order > 0 { Order::Big } else { Order::Little };
        let mut out = Vec::new();
        if order == 0 {
            if width == 2 {
                push16(&mut out, 0xfeff, side)
            } else {
                push32(&mut out, 0xfeff, side)
            }
        }
        let name = match (width, order) {
            (2, 0) => "utf-16",
            (2, 1..) => "utf-16-be",
            (2, _) => "utf-16-le",
            (_, 0) => "utf-32",
            (_, 1..) => "utf-32-be",
            _ => "utf-32-le",
        };
        let body = if width == 2 {
            encode16(vm, text, &errors, side, name)?
        } else {
            encode32(vm, text, &errors, side, name)?
        };
        out.extend(body);
        pair(vm, vm.new_bytes_of(out)?.into_value(), text.char_len())
    }

    #[pyfunction(sig = "($module, str, errors=None, byteorder=0, /)")]
    fn utf_16_encode(
        vm: &Vm,
        str_: &Value,
        errors: Option<&Value>,
        byteorder: Option<i64>,
    ) -> PyResult {
        marked(vm, str_, errors, byteorder, 2)
    }

    #[pyfunction(sig = "($module, str, errors=None, byteorder=0, /)")]
    fn utf_32_encode(
        vm: &Vm,
        str_: &Value,
        errors: Option<&Value>,
        byteorder: Option<i64>,
    ) -> PyResult {
        marked(vm, str_, errors, byteorder, 4)
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_16_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        final_: Option<bool>,
    ) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "utf_16_decode")?;
        let (out, used, _) = decode_marked(vm, &data, &errors, final_.unwrap_or(false), 2, 0)?;
        pair(vm, vm.new_str_wtf8(&out)?.into_value(), used)
    }

    #[pyfunction(sig = "($module, data, errors=None, final=False, /)")]
    fn utf_32_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        final_: Option<bool>,
    ) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "utf_32_decode")?;
        let (out, used, _) = decode_marked(vm, &data, &errors, final_.unwrap_or(false), 4, 0)?;
        pair(vm, vm.new_str_wtf8(&out)?.into_value(), used)
    }

    fn extended(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        byteorder: Option<i64>,
        last: bool,
        width: usize,
    ) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "decode")?;
        let (out, used, order) =
            decode_marked(vm, &data, &errors, last, width, byteorder.unwrap_or(0))?;
        let items = vec![
            vm.new_str_wtf8(&out)?.into_value(),
            vm.new_int(used as i64)?,
            vm.new_int(order)?,
        ];
        Ok(vm.new_tuple(items)?.into_value())
    }

    #[pyfunction(sig = "($module, data, errors=None, byteorder=0, final=False, /)")]
    fn utf_16_ex_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        byteorder: Option<i64>,
        final_: Option<bool>,
    ) -> PyResult {
        extended(vm, data, errors, byteorder, final_.unwrap_or(false), 2)
    }

    #[pyfunction(sig = "($module, data, errors=None, byteorder=0, final=False, /)")]
    fn utf_32_ex_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        byteorder: Option<i64>,
        final_: Option<bool>,
    ) -> PyResult {
        extended(vm, data, errors, byteorder, final_.unwrap_or(false), 4)
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn unicode_escape_encode(vm: &Vm, str_: &Value, errors: Option<&Value>) -> PyResult {
        error_name(vm, errors, "unicode_escape_encode")?;
        let text = text_of(vm, str_, "unicode_escape_encode")?;
        pair(
            vm,
            vm.new_bytes_of(escape_text(text, false))?.into_value(),
            text.char_len(),
        )
    }

    #[pyfunction(sig = "($module, str, errors=None, /)")]
    fn raw_unicode_escape_encode(vm: &Vm, str_: &Value, errors: Option<&Value>) -> PyResult {
        error_name(vm, errors, "raw_unicode_escape_encode")?;
        let text = text_of(vm, str_, "raw_unicode_escape_encode")?;
        pair(
            vm,
            vm.new_bytes_of(escape_text(text, true))?.into_value(),
            text.char_len(),
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, final=True, /)")]
    fn unicode_escape_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        final_: Option<bool>,
    ) -> PyResult {
        let data = input(vm, data, true)?;
        let errors = error_name(vm, errors, "unicode_escape_decode")?;
        let (out, used) = unescape(vm, &data, &errors, final_.unwrap_or(true), false)?;
        pair(vm, vm.new_str_wtf8(&out)?.into_value(), used)
    }

    #[pyfunction(sig = "($module, data, errors=None, final=True, /)")]
    fn raw_unicode_escape_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        final_: Option<bool>,
    ) -> PyResult {
        let data = input(vm, data, true)?;
        let errors = error_name(vm, errors, "raw_unicode_escape_decode")?;
        let (out, used) = unescape(vm, &data, &errors, final_.unwrap_or(true), true)?;
        pair(vm, vm.new_str_wtf8(&out)?.into_value(), used)
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn escape_encode(vm: &Vm, data: &Ref<Bytes>, errors: Option<&Value>) -> PyResult {
        error_name(vm, errors, "escape_encode")?;
        let mut out = Vec::new();
        for &byte in data.as_bytes() {
            match byte {
                b'\\' | b'\'' => out.extend([b'\\', byte]),
                b'\t' => out.extend(b"\\t"),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b' '..=b'~' => out.push(byte),
                _ => out.extend(format!("\\x{byte:02x}").bytes()),
            }
        }
        pair(
            vm,
            vm.new_bytes_of(out)?.into_value(),
            data.as_bytes().len(),
        )
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn escape_decode(vm: &Vm, data: &Value, errors: Option<&Value>) -> PyResult {
        let data = input(vm, data, true)?;
        let errors = error_name(vm, errors, "escape_decode")?;
        let (mut out, mut at) = (Vec::new(), 0);
        while let Some(&byte) = data.get(at) {
            at += 1;
            if byte != b'\\' {
                out.push(byte);
                continue;
            }
            let Some(&kind) = data.get(at) else {
                return Err(vm.value_error("Trailing \\ in string"));
            };
            at += 1;
            match kind {
                b'\n' => {}
                b'\\' | b'\'' | b'"' => out.push(kind),
                b'b' => out.push(8),
                b'f' => out.push(12),
                b't' => out.push(9),
                b'n' => out.push(10),
                b'r' => out.push(13),
                b'v' => out.push(11),
                b'a' => out.push(7),
                b'0'..=b'7' => {
                    let digits = data[at - 1..]
                        .iter()
                        .take(3)
                        .take_while(|d| (b'0'..=b'7').contains(d))
                        .count();
                    let value = data[at - 1..at - 1 + digits]
                        .iter()
                        .fold(0u32, |n, d| n * 8 + u32::from(d - b'0'));
                    out.push(value as u8);
                    at += digits - 1;
                }
                b'x' => {
                    let digits: Vec<u32> = data[at..]
                        .iter()
                        .take(2)
                        .map_while(|&d| (d as char).to_digit(16))
                        .collect();
                    match digits[..] {
                        [high, low] => {
                            out.push((high * 16 + low) as u8);
                            at += 2;
                        }
                        _ => {
                            match errors.as_bytes() {
                                b"strict" => {
                                    return Err(vm.value_error(format!(
                                        "invalid \\x escape at position {}",
                                        at - 2
                                    )));
                                }
                                b"replace" => out.push(b'?'),
                                b"ignore" => {}
                                _ => {
                                    let name = errors.to_string_lossy();
                                    return Err(vm.value_error(format!(
                                        "decoding error; unknown error handling code: {name}"
                                    )));
                                }
                            }
                            at += digits.len();
                        }
                    }
                }
                other => {
                    let message = format!("invalid escape sequence '\\{}'", other as char);
                    vm.warn(&vm.types.deprecation_warning, message, 1)?;
                    out.extend([b'\\', other]);
                }
            }
        }
        pair(vm, vm.new_bytes_of(out)?.into_value(), data.len())
    }

    #[pyfunction(sig = "($module, data, errors=None, /)")]
    fn readbuffer_encode(vm: &Vm, data: &Value, errors: Option<&Value>) -> PyResult {
        error_name(vm, errors, "readbuffer_encode")?;
        let data = input(vm, data, true)?;
        let count = data.len();
        pair(vm, vm.new_bytes_of(data)?.into_value(), count)
    }

    #[pyfunction(sig = "($module, map, /)")]
    fn charmap_build(vm: &Vm, map: &Ref<Str>) -> PyResult {
        build_map(vm, map)
    }

    /// What a mapping says of a code point: bytes, or None for a character that it does not have.
    fn mapped(vm: &Vm, mapping: &Value, c: u32) -> PyResult<Option<Vec<u8>>> {
        let found = match object::get_item(vm, mapping, &vm.new_int(i64::from(c))?) {
            Ok(found) => found,
            Err(_) if vm.catch(&vm.types.lookup_error) => return Ok(None),
            Err(raised) => return Err(raised),
        };
        if found.is_none() {
            return Ok(None);
        }
        if let Some(bytes) = found.downcast::<Bytes>() {
            return Ok(Some(bytes.as_bytes().to_vec()));
        }
        match number::is_int(vm, &found)
            .then(|| found.as_small_int())
            .flatten()
        {
            Some(n @ 0..=255) => Ok(Some(vec![n as u8])),
            Some(_) => Err(vm.type_error("character mapping must be in range(256)")),
            None => Err(vm.type_error(format!(
                "character mapping must return integer, bytes or None, not {}",
                vm.type_name(&found)
            ))),
        }
    }

    #[pyfunction(sig = "($module, str, errors=None, mapping=None, /)")]
    fn charmap_encode(
        vm: &Vm,
        str_: &Value,
        errors: Option<&Value>,
        mapping: Option<&Value>,
    ) -> PyResult {
        let text = text_of(vm, str_, "charmap_encode")?;
        let errors = error_name(vm, errors, "charmap_encode")?;
        let Some(mapping) = mapping.filter(|m| !m.is_none()) else {
            return encode_own(
                vm,
                str_,
                Some(errors.as_value()),
                "latin-1",
                "charmap_encode",
            );
        };
        let points: Vec<u32> = text.code_points().collect();
        let (mut out, mut at) = (Vec::with_capacity(points.len()), 0);
        let place = ("charmap", "character maps to <undefined>");
        while at < points.len() {
            if let Some(bytes) = mapped(vm, mapping, points[at])? {
                out.extend(bytes);
                at += 1;
                continue;
            }
            let mut end = at + 1;
            while end < points.len() && mapped(vm, mapping, points[end])?.is_none() {
                end += 1;
            }
            let (replacement, next) = encoding_error(vm, place, text, (at, end), &errors)?;
            if let Some(bytes) = replacement.downcast::<Bytes>() {
                out.extend_from_slice(bytes.as_bytes());
            } else if let Some(piece) = naja_vm::str_::of(&replacement) {
                for c in piece.code_points() {
                    match mapped(vm, mapping, c)? {
                        Some(bytes) => out.extend(bytes),
                        None => return Err(encode_failure(vm, place, text, (at, end))),
                    }
                }
            } else {
                return Err(
                    vm.type_error("encoding error handler must return (str/bytes, int) tuple")
                );
            }
            at = next;
        }
        pair(vm, vm.new_bytes_of(out)?.into_value(), points.len())
    }

    #[pyfunction(sig = "($module, data, errors=None, mapping=None, /)")]
    fn charmap_decode(
        vm: &Vm,
        data: &Value,
        errors: Option<&Value>,
        mapping: Option<&Value>,
    ) -> PyResult {
        let data = input(vm, data, false)?;
        let errors = error_name(vm, errors, "charmap_decode")?;
        let Some(mapping) = mapping.filter(|m| !m.is_none()) else {
            return decode_own(vm, "latin-1", &data, &errors, true);
        };
        let table: Option<Vec<u32>> = naja_vm::str_::of(mapping).map(|m| m.code_points().collect());
        let (mut out, mut at) = (Vec::with_capacity(data.len()), 0);
        while at < data.len() {
            let byte = data[at];
            let known = match &table {
                Some(table) => match table.get(byte as usize) {
                    Some(&c) if c != 0xfffe => {
                        push_code_point(&mut out, c);
                        true
                    }
                    _ => false,
                },
                None => decode_mapped(vm, mapping, byte, &mut out)?,
            };
            if known {
                at += 1;
                continue;
            }
            let place = ("charmap", "character maps to <undefined>");
            at = decoding_error(vm, place, &data, (at, at + 1), &errors, &mut out)?;
        }
        pair(vm, vm.new_str_wtf8(&out)?.into_value(), data.len())
    }

    /// One byte by a mapping that is not text. False: undefined.
    fn decode_mapped(vm: &Vm, mapping: &Value, byte: u8, out: &mut Vec<u8>) -> PyResult<bool> {
        let found = match object::get_item(vm, mapping, &Value::small_int(i64::from(byte))) {
            Ok(found) => found,
            Err(_) if vm.catch(&vm.types.lookup_error) => return Ok(false),
            Err(raised) => return Err(raised),
        };
        if found.is_none() {
            return Ok(false);
        }
        if let Some(text) = naja_vm::str_::of(&found) {
            if text.code_points().eq([0xfffe]) {
                return Ok(false);
            }
            out.extend_from_slice(text.as_bytes());
            return Ok(true);
        }
        match number::is_int(vm, &found)
            .then(|| found.as_small_int())
            .flatten()
        {
            Some(0xfffe) => Ok(false),
            Some(c @ 0..=0x10ffff) => {
                push_code_point(out, c as u32);
                Ok(true)
            }
            Some(_) => Err(vm.type_error("character mapping must be in range(0x110000)")),
            None => Err(vm.type_error("character mapping must return integer, None or str")),
        }
    }
}
