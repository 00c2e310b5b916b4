//! The values of number and string literals.
//!
//! A string without backslashes is a slice of the source; others are decoded into the arena. Positions in messages are
//! those in CPython's intermediate buffer, where a character beyond ASCII takes ten bytes (`\UXXXXXXXX`).
//! CPython: `Parser/string_parser.c`, `_PyUnicode_DecodeUnicodeEscapeInternal2`, `_PyBytes_DecodeEscape2`, `parsenumber`.

use super::ParseOptions;
use crate::ast::{Arena, Constant};
use crate::wtf8::Wtf8;
use dashu_int::IBig;
use naja_unicode::Named;

/// The text of an error in a literal.
#[derive(Debug)]
pub(super) struct Problem(pub String);

/// An escape sequence that means nothing: where its backslash is in the literal, and the sequence without it.
#[derive(Debug)]
pub(super) struct BadEscape<'t> {
    pub offset: usize,
    pub sequence: &'t str,
    pub octal: bool,
}

impl BadEscape<'_> {
    /// The warning's text.
    pub(super) fn message(&self) -> String {
        let (kind, sequence) = (if self.octal { "octal " } else { "" }, self.sequence);
        format!(
            "\"\\{sequence}\" is an invalid {kind}escape sequence. Such sequences will not work in the future. \
             Did you mean \"\\\\{sequence}\"? A raw string is also an option."
        )
    }
}

/// The value of a number literal; the error is the text for a `SyntaxError`.
pub(super) fn number<'a>(
    text: &str,
    options: &ParseOptions,
    arena: &'a Arena,
) -> Result<Constant<'a>, String> {
    let stripped;
    let digits = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    let bytes = digits.as_bytes();
    if let [b'0', marker, ..] = bytes {
        let radix = match marker {
            b'x' | b'X' => 16,
            b'o' | b'O' => 8,
            b'b' | b'B' => 2,
            _ => 10,
        };
        if radix != 10 {
            return integer(&digits[2..], radix, arena);
        }
    }
    if let Some(imaginary) = digits.strip_suffix(['j', 'J']) {
        return Ok(Constant::Complex(
            0.0,
            imaginary.parse().map_err(|_| "invalid number".to_owned())?,
        ));
    }
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Ok(Constant::Float(
            digits.parse().map_err(|_| "invalid number".to_owned())?,
        ));
    }
    let limit = options.int_max_str_digits;
    if limit > 0 && digits.len() > limit {
        return Err(format!(
            "Exceeds the limit ({limit} digits) for integer string conversion: value has {} digits; \
             use sys.set_int_max_str_digits() to increase the limit - Consider hexadecimal for huge integer literals \
             to avoid decimal conversion limits.",
            digits.len()
        ));
    }
    integer(digits, 10, arena)
}

fn integer<'a>(digits: &str, radix: u32, arena: &'a Arena) -> Result<Constant<'a>, String> {
    if let Ok(value) = i64::from_str_radix(digits, radix) {
        return Ok(Constant::Int(value));
    }
    match IBig::from_str_radix(digits, radix) {
        Ok(value) => Ok(Constant::BigInt(arena.int(value))),
        Err(_) => Err("invalid number".to_owned()),
    }
}

/// The value of a string or bytes literal with its prefix and quotes.
pub(super) fn string<'a, 't>(
    text: &'t str,
    arena: &'a Arena,
    bad: &mut Option<BadEscape<'t>>,
) -> Result<Constant<'a>, Problem>
where
    't: 'a,
{
    let quote_at = text
        .bytes()
        .position(|b| b == b'\'' || b == b'"')
        .unwrap_or(0);
    let (prefix, quoted) = text.split_at(quote_at);
    let is_bytes = prefix.contains(['b', 'B']);
    let raw = prefix.contains(['r', 'R']);
    let quotes = if quoted.len() >= 6
        && quoted.as_bytes()[1] == quoted.as_bytes()[0]
        && quoted.as_bytes()[2] == quoted.as_bytes()[0]
    {
        3
    } else {
        1
    };
    let inner = quoted
        .get(quotes..quoted.len().saturating_sub(quotes))
        .unwrap_or("");
    let offset = quote_at + quotes;
    if is_bytes {
        if !inner.is_ascii() {
            return Err(Problem(
                "bytes can only contain ASCII literal characters".to_owned(),
            ));
        }
        if raw || !inner.contains('\\') {
            return Ok(Constant::Bytes(inner.as_bytes()));
        }
        return bytes(inner, offset, arena, bad).map(Constant::Bytes);
    }
    text_value(inner, raw, offset, arena, bad).map(Constant::Str)
}

/// The text of a piece of string, `offset` bytes into its literal.
pub(super) fn text_value<'a, 't>(
    inner: &'t str,
    raw: bool,
    offset: usize,
    arena: &'a Arena,
    bad: &mut Option<BadEscape<'t>>,
) -> Result<&'a Wtf8, Problem>
where
    't: 'a,
{
    if raw || memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(Wtf8::new(inner));
    }
    let mut decoder = Decoder {
        text: inner,
        at: 0,
        extra: 0,
        out: Vec::with_capacity(inner.len()),
        offset,
    };
    decoder.run(bad)?;
    Ok(arena.wtf8(Wtf8::from_bytes(&decoder.out)))
}

struct Decoder<'t> {
    text: &'t str,
    at: usize,
    /// How much longer CPython's buffer is up to here.
    extra: usize,
    out: Vec<u8>,
    offset: usize,
}

impl<'t> Decoder<'t> {
    fn run(&mut self, bad: &mut Option<BadEscape<'t>>) -> Result<(), Problem> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte == b'\\' {
                self.escape(bad)?;
                continue;
            }
            let run = memchr::memchr(b'\\', &bytes[self.at..]).unwrap_or(bytes.len() - self.at);
            let piece = &self.text[self.at..self.at + run];
            self.copy(piece);
        }
        Ok(())
    }

    fn copy(&mut self, piece: &str) {
        if !piece.is_ascii() {
            self.extra += piece
                .chars()
                .filter(|c| !c.is_ascii())
                .map(|c| 10 - c.len_utf8())
                .sum::<usize>();
        }
        self.out.extend_from_slice(piece.as_bytes());
        self.at += piece.len();
    }

    fn error(&self, start: usize, end: usize, message: &str) -> Problem {
        let place = if end == start + 1 {
            format!("byte 0x5c in position {start}")
        } else {
            format!("bytes in position {start}-{}", end - 1)
        };
        Problem(format!(
            "(unicode error) 'unicodeescape' codec can't decode {place}: {message}"
        ))
    }

    fn push(&mut self, code: u32) {
        if let Some(c) = char::from_u32(code) {
            self.out
                .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            // A lone surrogate.
            self.out.extend_from_slice(&[
                0xE0 | (code >> 12) as u8,
                0x80 | (code >> 6 & 0x3F) as u8,
                0x80 | (code & 0x3F) as u8,
            ]);
        }
    }

    fn escape(&mut self, bad: &mut Option<BadEscape<'t>>) -> Result<(), Problem> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let place = start + self.extra;
        self.at += 1;
        let Some(&byte) = bytes.get(self.at).filter(|b| b.is_ascii()) else {
            // CPython's buffer has the escaped backslash, `\u005c`, here and before anything beyond ASCII.
            self.out.push(b'\\');
            self.extra += 5;
            return Ok(());
        };
        self.at += 1;
        let code = match byte {
            b'\n' => return Ok(()),
            b'\\' | b'\'' | b'"' => u32::from(byte),
            b'b' => 8,
            b'f' => 12,
            b't' => 9,
            b'n' => 10,
            b'r' => 13,
            b'v' => 11,
            b'a' => 7,
            b'0'..=b'7' => {
                let (code, sequence) = octal(self.text, &mut self.at);
                if code > 0o377 && bad.is_none() {
                    *bad = Some(BadEscape {
                        offset: self.offset + start,
                        sequence,
                        octal: true,
                    });
                }
                code
            }
            b'x' => self.hexadecimal(place, 2, "truncated \\xXX escape")?,
            b'u' => self.hexadecimal(place, 4, "truncated \\uXXXX escape")?,
            b'U' => self.hexadecimal(place, 8, "truncated \\UXXXXXXXX escape")?,
            b'N' => return self.named(place),
            _ => {
                if bad.is_none() {
                    let sequence = &self.text[start + 1..self.at];
                    *bad = Some(BadEscape {
                        offset: self.offset + start,
                        sequence,
                        octal: false,
                    });
                }
                self.out.extend_from_slice(&[b'\\', byte]);
                return Ok(());
            }
        };
        self.push(code);
        Ok(())
    }

    fn hexadecimal(&mut self, place: usize, count: usize, message: &str) -> Result<u32, Problem> {
        let mut code = 0u32;
        for _ in 0..count {
            let digit = self
                .text
                .as_bytes()
                .get(self.at)
                .and_then(|&b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.error(place, self.at + self.extra, message));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        if code > 0x10_FFFF {
            return Err(self.error(place, self.at + self.extra, "illegal Unicode character"));
        }
        Ok(code)
    }

    fn named(&mut self, place: usize) -> Result<(), Problem> {
        let rest = &self.text[self.at..];
        let malformed = "malformed \\N character escape";
        let Some(rest) = rest.strip_prefix('{') else {
            return Err(self.error(place, self.at + self.extra, malformed));
        };
        let Some(length) = rest.find('}') else {
            let beyond: usize = rest
                .chars()
                .filter(|c| !c.is_ascii())
                .map(|c| 10 - c.len_utf8())
                .sum();
            return Err(self.error(place, self.text.len() + self.extra + beyond, malformed));
        };
        let name = &rest[..length];
        let beyond: usize = name
            .chars()
            .filter(|c| !c.is_ascii())
            .map(|c| 10 - c.len_utf8())
            .sum();
        self.at += length + 1;
        if name.is_empty() {
            return Err(self.error(place, self.at + self.extra, malformed));
        }
        self.at += 1;
        match naja_unicode::lookup_name(name) {
            Some(Named::Character(code)) => {
                self.push(code);
                Ok(())
            }
            _ => Err(self.error(
                place,
                self.at + self.extra + beyond,
                "unknown Unicode character name",
            )),
        }
    }
}

/// An octal escape, one digit of which has been read: its value and its digits.
fn octal<'t>(text: &'t str, at: &mut usize) -> (u32, &'t str) {
    let start = *at - 1;
    while *at < start + 3 && matches!(text.as_bytes().get(*at), Some(b'0'..=b'7')) {
        *at += 1;
    }
    let digits = &text[start..*at];
    (u32::from_str_radix(digits, 8).unwrap_or(0), digits)
}

fn bytes<'a, 't>(
    text: &'t str,
    offset: usize,
    arena: &'a Arena,
    bad: &mut Option<BadEscape<'t>>,
) -> Result<&'a [u8], Problem> {
    let source = text.as_bytes();
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let start = at;
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&byte) = source.get(at) else {
            return Err(Problem("(value error) Trailing \\ in string".to_owned()));
        };
        at += 1;
        let value = match byte {
            b'\n' => continue,
            b'\\' | b'\'' | b'"' => byte,
            b'b' => 8,
            b'f' => 12,
            b't' => 9,
            b'n' => 10,
            b'r' => 13,
            b'v' => 11,
            b'a' => 7,
            b'0'..=b'7' => {
                let (code, sequence) = octal(text, &mut at);
                if code > 0o377 && bad.is_none() {
                    *bad = Some(BadEscape {
                        offset: offset + start,
                        sequence,
                        octal: true,
                    });
                }
                code as u8
            }
            b'x' => {
                let digit = |at: usize| source.get(at).and_then(|&b| char::from(b).to_digit(16));
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    return Err(Problem(format!(
                        "(value error) invalid \\x escape at position {start}"
                    )));
                };
                at += 2;
                (high << 4 | low) as u8
            }
            _ => {
                if bad.is_none() {
                    *bad = Some(BadEscape {
                        offset: offset + start,
                        sequence: &text[at - 1..at],
                        octal: false,
                    });
                }
                out.push(b'\\');
                byte
            }
        };
        out.push(value);
    }
    Ok(arena.slice(&out))
}

/// Whether a string literal is bytes; an error where it cannot be decoded.
pub(super) fn check_string(text: &str) -> Result<bool, Problem> {
    let arena = Arena::new();
    string(text, &arena, &mut None).map(|value| matches!(value, Constant::Bytes(_)))
}

/// An error where a piece of an f-string cannot be decoded.
pub(super) fn check_text(text: &str, raw: bool) -> Result<(), Problem> {
    let arena = Arena::new();
    text_value(text, raw, 0, &arena, &mut None).map(|_| ())
}

/// An error where a number is too long.
pub(super) fn check_number(text: &str, options: &ParseOptions) -> Result<(), String> {
    let arena = Arena::new();
    number(text, options, &arena).map(|_| ())
}
