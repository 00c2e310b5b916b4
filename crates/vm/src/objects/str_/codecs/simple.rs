//! UTF-8, ASCII and Latin-1. CPython: Objects/unicodeobject.c.

use super::super::{Str, count_chars, push_code_point};
use super::{Decoding, Encoding, Errors, Kind};
use crate::vm::{PyResult, Vm};
use naja_heap::Ref;

/// Whether well-formed WTF-8 has no surrogates. (Their sequences alone begin with ED A0 and above.)
fn is_utf8(wtf8: &[u8]) -> bool {
    std::str::from_utf8(wtf8).is_ok()
}

/// Raises UnicodeEncodeError for surrogates, what the handler raises.
pub fn encode_utf8(vm: &Vm, text: &Ref<Str>, errors: &Errors) -> PyResult<Vec<u8>> {
    if text.is_ascii() || errors.kind == Kind::SurrogatePass || is_utf8(text.as_bytes()) {
        return Ok(text.as_bytes().to_vec());
    }
    let out = Vec::with_capacity(text.byte_len());
    let escape = errors.kind == Kind::SurrogateEscape;
    let mut encoding = Encoding::new(vm, "utf-8", text, errors);
    if escape
        && let Some(out) = escaped(text, |c, out| {
            push_code_point(out, c);
            !(0xd800..0xe000).contains(&c)
        })
    {
        return Ok(out);
    }
    let put = |c: u32, out: &mut Vec<u8>| {
        let fine = !(0xd800..0xe000).contains(&c);
        if fine {
            push_code_point(out, c)
        }
        Ok(fine)
    };
    encoding.encode_each(out, "surrogates not allowed", (true, 0x80, 1), put)
}

/// The encoding where all that is faulty is an escaped byte; None where that is not so.
fn escaped(text: &Ref<Str>, put: impl Fn(u32, &mut Vec<u8>) -> bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        if (0xdc80..0xdd00).contains(&c) {
            out.push((c - 0xdc00) as u8)
        } else if !put(c, &mut out) {
            return None;
        }
    }
    Some(out)
}

/// Characters below a limit are bytes.
fn encode_low(
    vm: &Vm,
    text: &Ref<Str>,
    errors: &Errors,
    limit: u32,
    (name, reason): (&str, &str),
) -> PyResult<Vec<u8>> {
    if text.is_ascii() {
        return Ok(text.as_bytes().to_vec());
    }
    let low = |c: u32, out: &mut Vec<u8>| {
        if c < limit {
            out.push(c as u8)
        }
        c < limit
    };
    if errors.kind == Kind::SurrogateEscape
        && let Some(out) = escaped(text, low)
    {
        return Ok(out);
    }
    let mut out = Vec::with_capacity(text.char_len());
    if limit > 0x80 && text.code_points().all(|c| low(c, &mut out)) {
        return Ok(out);
    }
    out.clear();
    Encoding::new(vm, name, text, errors)
        .encode_each(out, reason, (true, limit, 1), |c, out| Ok(low(c, out)))
}

/// Raises UnicodeEncodeError, what the handler raises.
pub fn encode_ascii(vm: &Vm, text: &Ref<Str>, errors: &Errors) -> PyResult<Vec<u8>> {
    encode_low(
        vm,
        text,
        errors,
        0x80,
        ("ascii", "ordinal not in range(128)"),
    )
}

/// Raises UnicodeEncodeError, what the handler raises.
pub fn encode_latin1(vm: &Vm, text: &Ref<Str>, errors: &Errors) -> PyResult<Vec<u8>> {
    encode_low(
        vm,
        text,
        errors,
        0x100,
        ("latin-1", "ordinal not in range(256)"),
    )
}

/// Raises MemoryError.
pub fn decode_latin1(vm: &Vm, data: &[u8]) -> PyResult<Ref<Str>> {
    if data.is_ascii() {
        return vm.new_ascii_str(data);
    }
    let high = data.iter().filter(|b| !b.is_ascii()).count();
    Str::build(vm, data.len() + high, data.len(), |out| {
        let mut at = 0;
        for &b in data {
            if b.is_ascii() {
                out[at] = b;
                at += 1;
            } else {
                out[at] = 0xc0 | b >> 6;
                out[at + 1] = 0x80 | b & 0x3f;
                at += 2;
            }
        }
    })
}

/// Raises UnicodeDecodeError, what the handler raises.
pub fn decode_ascii(vm: &Vm, data: &[u8], errors: &Errors) -> PyResult<Ref<Str>> {
    if data.is_ascii() {
        return vm.new_ascii_str(data);
    }
    let mut run = Decoding::new(vm, "ascii", data, errors);
    let mut at = 0;
    while at < run.data.len() {
        let rest = &run.data[at..];
        let fine = rest
            .iter()
            .position(|b| !b.is_ascii())
            .unwrap_or(rest.len());
        run.out.extend_from_slice(&rest[..fine]);
        at += fine;
        if at < run.data.len() {
            at = run.error(at, at + 1, "ordinal not in range(128)")?
        }
    }
    run.finish()
}

/// The fault at the start of `data`, which begins with no whole character: its length and reason; None: a sequence that
/// may go on.
fn utf8_fault(data: &[u8], last: bool) -> Option<(usize, &'static str)> {
    let Err(error) = std::str::from_utf8(data) else {
        return None;
    };
    match error.error_len() {
        None if last => Some((data.len(), "unexpected end of data")),
        None => None,
        // The first two bytes of a surrogate, which `surrogatepass` wants to see whole.
        Some(_) if !last && matches!(data, [0xed, 0xa0..=0xbf]) => None,
        Some(_) if !matches!(data[0], 0xc2..=0xf4) => Some((1, "invalid start byte")),
        Some(len) => Some((len, "invalid continuation byte")),
    }
}

/// The text and how many bytes were used: all where `last`. Raises UnicodeDecodeError, what the handler raises.
pub fn decode_utf8(
    vm: &Vm,
    data: &[u8],
    errors: &Errors,
    last: bool,
) -> PyResult<(Ref<Str>, usize)> {
    if data.is_ascii() {
        return Ok((vm.new_ascii_str(data)?, data.len()));
    }
    if std::str::from_utf8(data).is_ok() {
        let text = Str::from_parts(vm, &vm.types.str, &[data], count_chars(data))?;
        return Ok((shared(vm, text), data.len()));
    }
    let mut run = Decoding::new(vm, "utf-8", data, errors);
    let mut at = 0;
    while at < run.data.len() {
        let rest = &run.data[at..];
        let fine = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        run.out.extend_from_slice(&rest[..fine]);
        at += fine;
        if fine == rest.len() {
            break;
        }
        match utf8_fault(&run.data[at..], last) {
            Some((len, reason)) => at = run.error(at, at + len, reason)?,
            None => break,
        }
    }
    Ok((run.finish()?, if last { data.len() } else { at }))
}

/// The shared string of one character of Latin-1.
fn shared(vm: &Vm, text: Ref<Str>) -> Ref<Str> {
    if text.char_len() == 1 && text.char_at(0) < 0x100 {
        return vm.interp.latin1_char(text.char_at(0) as u8);
    }
    text
}
