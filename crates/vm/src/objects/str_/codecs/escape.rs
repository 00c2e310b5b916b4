//! The codecs of backslash escapes: `unicode_escape`, `raw_unicode_escape`, and `escape` of bytes.
//!
//! What is escaped when writing, and how, is said once, in [`push_inside`] and [`push_escape`]: the reprs of strings and
//! bytes use them too.
//!
//! CPython: Objects/unicodeobject.c, Objects/bytesobject.c.

use super::super::Str;
use super::{Decoding, Errors};
use crate::vm::{PyResult, Vm};
use naja_heap::Ref;

/// Appends `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
pub(crate) fn push_escape(out: &mut Vec<u8>, c: u32) {
    let (letter, digits) = match c {
        0..=0xff => (b'x', 2),
        0x100..=0xffff => (b'u', 4),
        _ => (b'U', 8),
    };
    out.extend([b'\\', letter]);
    for i in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(c >> (4 * i) & 15) as usize]);
    }
}

/// Appends a character of the inside of a literal: the backslash, `quote`, tab, line feed and carriage return with a
/// backslash before, other printable ASCII as it is. What lies beyond that is left to `beyond`.
#[inline(always)]
pub(crate) fn push_inside(
    out: &mut Vec<u8>,
    c: u32,
    quote: Option<u8>,
    beyond: impl FnOnce(&mut Vec<u8>, u32),
) {
    match c {
        0x5c => out.extend(b"\\\\"),
        0x09 => out.extend(b"\\t"),
        0x0a => out.extend(b"\\n"),
        0x0d => out.extend(b"\\r"),
        0x20..=0x7e => {
            if quote == Some(c as u8) {
                out.push(b'\\');
            }
            out.push(c as u8);
        }
        _ => beyond(out, c),
    }
}

/// An escape that is none, for the warning.
enum Invalid {
    Letter(u8),
    Octal(u32),
}

fn warn(vm: &Vm, invalid: Option<Invalid>, prefix: &str) -> PyResult<()> {
    let message = match invalid {
        None => return Ok(()),
        Some(Invalid::Letter(b)) => format!(
            "{prefix}\"\\{}\" is an invalid escape sequence. Such sequences will not work in the future. ",
            b as char
        ),
        Some(Invalid::Octal(c)) => format!(
            "{prefix}\"\\{c:o}\" is an invalid octal escape sequence. Such sequences will not work in the future. "
        ),
    };
    vm.warn(&vm.types.deprecation_warning, message, 1)
}

/// What an escape of one letter stands for.
fn simple_escape(b: u8) -> Option<u8> {
    Some(match b {
        b'\\' | b'\'' | b'"' => b,
        b'b' => 8,
        b'f' => 12,
        b't' => b'\t',
        b'n' => b'\n',
        b'r' => b'\r',
        b'v' => 11,
        b'a' => 7,
        _ => return None,
    })
}

/// Up to three octal digits from `at` on: their value and where they end.
fn octal(data: &[u8], at: usize) -> (u32, usize) {
    let digits = data[at..]
        .iter()
        .take(3)
        .take_while(|b| (b'0'..=b'7').contains(b))
        .count();
    let value = data[at..at + digits]
        .iter()
        .fold(0, |c, b| c << 3 | (b - b'0') as u32);
    (value, at + digits)
}

/// How reading an escape ended.
enum Read {
    Char(u32, usize),
    /// It is wrong up to there.
    Fault(usize),
    /// The input ends within.
    Short,
}

/// `count` hexadecimal digits from `at` on.
fn hex(data: &[u8], at: usize, count: usize) -> Read {
    let mut c = 0u32;
    for i in at..at + count {
        match data.get(i).map(|&b| (b as char).to_digit(16)) {
            None => return Read::Short,
            Some(None) => return Read::Fault(i),
            Some(Some(digit)) => c = c << 4 | digit,
        }
    }
    Read::Char(c, at + count)
}

/// `{NAME}` at `at`, behind `\N`; where the name is unknown, the reason changes.
fn named(data: &[u8], at: usize, reason: &mut &'static str) -> Read {
    match data.get(at) {
        None => return Read::Short,
        Some(b'{') => {}
        Some(_) => return Read::Fault(at),
    }
    let Some(len) = data[at + 1..].iter().position(|&b| b == b'}') else {
        return Read::Short;
    };
    let end = at + 1 + len;
    if len == 0 {
        return Read::Fault(end);
    }
    *reason = "unknown Unicode character name";
    let name = std::str::from_utf8(&data[at + 1..end]).ok();
    match name
        .and_then(naja_unicode::lookup_name)
        .and_then(|n| n.character())
    {
        Some(c) => Read::Char(c, end + 1),
        None => Read::Fault(end + 1),
    }
}

/// The text and how many bytes were used: all where `last`. Raises UnicodeDecodeError, what the handler raises.
pub fn decode_unicode(
    vm: &Vm,
    data: &[u8],
    errors: &Errors,
    last: bool,
) -> PyResult<(Ref<Str>, usize)> {
    let mut run = Decoding::new(vm, "unicodeescape", data, errors);
    let mut invalid = None;
    let mut at = 0;
    while let Some(&b) = run.data.get(at) {
        let start = at;
        at += 1;
        if b != b'\\' {
            run.push(b as u32);
            continue;
        }
        let mut reason = "\\ at end of string";
        let read = match run.data.get(at).copied() {
            None => Read::Short,
            Some(b'\n') => {
                at += 1;
                continue;
            }
            Some(b'0'..=b'7') => {
                let (c, end) = octal(&run.data, at);
                if c > 0xff && invalid.is_none() {
                    invalid = Some(Invalid::Octal(c))
                }
                Read::Char(c, end)
            }
            Some(letter @ (b'x' | b'u' | b'U')) => {
                let (count, truncated) = match letter {
                    b'x' => (2, "truncated \\xXX escape"),
                    b'u' => (4, "truncated \\uXXXX escape"),
                    _ => (8, "truncated \\UXXXXXXXX escape"),
                };
                reason = truncated;
                match hex(&run.data, at + 1, count) {
                    Read::Char(0x110000.., end) => {
                        reason = "illegal Unicode character";
                        Read::Fault(end)
                    }
                    read => read,
                }
            }
            Some(b'N') => {
                reason = "malformed \\N character escape";
                named(&run.data, at + 1, &mut reason)
            }
            Some(letter) => match simple_escape(letter) {
                Some(b) => Read::Char(b as u32, at + 1),
                None => {
                    if invalid.is_none() {
                        invalid = Some(Invalid::Letter(letter))
                    }
                    run.push(b'\\' as u32);
                    Read::Char(letter as u32, at + 1)
                }
            },
        };
        at = match read {
            Read::Char(c, end) => {
                run.push(c);
                end
            }
            Read::Short if !last => {
                at = start;
                break;
            }
            Read::Short => {
                let end = run.data.len();
                run.error(start, end, reason)?
            }
            Read::Fault(end) => run.error(start, end, reason)?,
        };
    }
    warn(vm, invalid, "")?;
    Ok((run.finish()?, if last { data.len() } else { at }))
}

/// As [`decode_unicode`], only `\u` and `\U` being escapes.
pub fn decode_raw(
    vm: &Vm,
    data: &[u8],
    errors: &Errors,
    last: bool,
) -> PyResult<(Ref<Str>, usize)> {
    let mut run = Decoding::new(vm, "rawunicodeescape", data, errors);
    let mut at = 0;
    while let Some(&b) = run.data.get(at) {
        let start = at;
        at += 1;
        if b != b'\\' {
            run.push(b as u32);
            continue;
        }
        let (count, mut reason) = match run.data.get(at).copied() {
            None if !last => {
                at = start;
                break;
            }
            None => {
                run.push(b'\\' as u32);
                continue;
            }
            Some(b'u') => (4, "truncated \\uXXXX escape"),
            Some(b'U') => (8, "truncated \\UXXXXXXXX escape"),
            Some(other) => {
                run.push(b'\\' as u32);
                run.push(other as u32);
                at += 1;
                continue;
            }
        };
        let end = match hex(&run.data, at + 1, count) {
            Read::Char(c, end) if c < 0x110000 => {
                run.push(c);
                at = end;
                continue;
            }
            Read::Char(_, end) => {
                reason = "\\Uxxxxxxxx out of range";
                end
            }
            Read::Fault(end) => end,
            Read::Short if !last => {
                at = start;
                break;
            }
            Read::Short => run.data.len(),
        };
        at = run.error(start, end, reason)?;
    }
    Ok((run.finish()?, if last { data.len() } else { at }))
}

/// All but printable ASCII as escapes.
pub fn encode_unicode(text: &Str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        push_inside(&mut out, c, None, push_escape);
    }
    out
}

/// Latin-1, the rest as escapes.
pub fn encode_raw(text: &Str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        match c {
            0..=0xff => out.push(c as u8),
            _ => push_escape(&mut out, c),
        }
    }
    out
}

/// The bytes that the inside of a bytes literal stands for. Raises ValueError.
pub fn decode_bytes(vm: &Vm, data: &[u8], errors: Option<&[u8]>) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    let mut invalid = None;
    let mut at = 0;
    while let Some(&b) = data.get(at) {
        at += 1;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let Some(&letter) = data.get(at) else {
            return Err(vm.value_error("Trailing \\ in string"));
        };
        match letter {
            b'\n' => at += 1,
            b'0'..=b'7' => {
                let (c, end) = octal(data, at);
                if c > 0xff && invalid.is_none() {
                    invalid = Some(Invalid::Octal(c))
                }
                out.push(c as u8);
                at = end;
            }
            b'x' => {
                if let Read::Char(c, end) = hex(data, at + 1, 2) {
                    out.push(c as u8);
                    at = end;
                    continue;
                }
                match errors {
                    None | Some(b"strict") => {
                        return Err(
                            vm.value_error(format!("invalid \\x escape at position {}", at - 1))
                        );
                    }
                    Some(b"replace") => out.push(b'?'),
                    Some(b"ignore") => {}
                    Some(other) => {
                        return Err(vm.value_error(format!(
                            "decoding error; unknown error handling code: {}",
                            String::from_utf8_lossy(other)
                        )));
                    }
                }
                at += 1;
                if data.get(at).is_some_and(u8::is_ascii_hexdigit) {
                    at += 1
                }
            }
            _ => {
                match simple_escape(letter) {
                    Some(b) => out.push(b),
                    None => {
                        if invalid.is_none() {
                            invalid = Some(Invalid::Letter(letter))
                        }
                        out.extend([b'\\', letter]);
                    }
                }
                at += 1;
            }
        }
    }
    warn(vm, invalid, "b")?;
    Ok(out)
}

/// The inside of a bytes literal between apostrophes.
pub fn encode_bytes(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    for &b in data {
        push_inside(&mut out, b.into(), Some(b'\''), push_escape);
    }
    out
}
