//! Bytes of a source file to text: the mark at the start, the coding cookie (PEP 263), the checks.
//!
//! UTF-8, ISO 8859-1 and ASCII are decoded here. For other encodings the caller asks Python's codecs, with the name
//! that was found. CPython: `Parser/tokenizer/helpers.c`, `Parser/tokenizer/string_tokenizer.c`.

use crate::error::{SyntaxError, SyntaxErrorKind};
use std::borrow::Cow;

/// What the bytes turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source<'b> {
    /// The text, without the mark, with the name of its encoding.
    Text {
        text: Cow<'b, str>,
        encoding: Option<String>,
    },
    /// The text is `bytes` in the codec named `encoding`.
    Codec { bytes: &'b [u8], encoding: String },
}

/// Decodes a source. `filename` is for messages; without it the source came from a string.
pub fn decode<'b>(bytes: &'b [u8], filename: Option<&str>) -> Result<Source<'b>, SyntaxError> {
    let (rest, marked) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let cookie = cookie(rest);
    if let Some((name, line)) = &cookie
        && name != "utf-8"
    {
        if marked {
            return Err(with_mark(rest, name, *line));
        }
        if name == "iso-8859-1" {
            let text: String = rest.iter().map(|&b| char::from(b)).collect();
            return Ok(Source::Text {
                text: Cow::Owned(text),
                encoding: Some(name.clone()),
            });
        }
        if matches!(name.as_str(), "ascii" | "us-ascii") {
            if let Some(at) = rest.iter().position(|b| !b.is_ascii()) {
                let byte = rest[at];
                return Err(plain(format!(
                    "'ascii' codec can't decode byte 0x{byte:02x} in position {at}: ordinal not in range(128)"
                )));
            }
        } else {
            return Ok(Source::Codec {
                bytes: rest,
                encoding: name.clone(),
            });
        }
    }
    match std::str::from_utf8(rest) {
        Ok(text) => Ok(Source::Text {
            text: Cow::Borrowed(text),
            encoding: cookie
                .map(|(name, _)| name)
                .or_else(|| marked.then(|| "utf-8".to_owned())),
        }),
        Err(problem) => Err(not_utf8(rest, problem.valid_up_to(), filename)),
    }
}

/// The error for a null byte in a source that came from a string (a file's is found by its tokenizer).
pub fn check_null_bytes(bytes: &[u8]) -> Result<(), SyntaxError> {
    if memchr::memchr(0, bytes).is_none() {
        return Ok(());
    }
    Err(SyntaxError {
        text: None,
        ..plain("source code string cannot contain null bytes".to_owned())
    })
}

/// `text` with `\r\n` and `\r` made `\n`.
pub fn translate_newlines(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The encoding that one of the first two lines declares, normalised, and the number of that line.
pub fn cookie(bytes: &[u8]) -> Option<(String, usize)> {
    let mut rest = bytes;
    for number in 1..=2 {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        let skipped = line
            .iter()
            .take_while(|&&b| matches!(b, b' ' | b'\t' | 0x0C))
            .count();
        let content = &line[skipped..];
        if content.first() == Some(&b'#') {
            if let Some(name) = declaration(content) {
                return Some((normal_name(name), number));
            }
        } else if !content.is_empty() {
            return None;
        }
        rest = rest.get(end..).unwrap_or(&[]);
        rest = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.get(1..))
            .unwrap_or(&[]);
    }
    None
}

/// The name in `coding: name` or `coding=name`.
fn declaration(line: &[u8]) -> Option<&str> {
    let mut from = 0;
    while let Some(at) = line
        .get(from..)?
        .windows(6)
        .position(|window| window == b"coding")
    {
        let behind = &line[from + at + 6..];
        from += at + 1;
        if !matches!(behind.first(), Some(b':' | b'=')) {
            continue;
        }
        let skipped = behind[1..]
            .iter()
            .take_while(|&&b| b == b' ' || b == b'\t')
            .count();
        let name = &behind[1 + skipped..];
        let length = name
            .iter()
            .take_while(|&&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            .count();
        if length > 0 {
            return std::str::from_utf8(&name[..length]).ok();
        }
    }
    None
}

/// `get_normal_name`: the spellings of UTF-8 and ISO 8859-1 that are told apart from others.
fn normal_name(name: &str) -> String {
    let short: String = name
        .chars()
        .take(12)
        .map(|c| {
            if c == '_' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let is = |known: &str| {
        short == known
            || short
                .strip_prefix(known)
                .is_some_and(|rest| rest.starts_with('-'))
    };
    if is("utf-8") {
        return "utf-8".to_owned();
    }
    if ["latin-1", "iso-8859-1", "iso-latin-1"].into_iter().any(is) {
        return "iso-8859-1".to_owned();
    }
    name.to_owned()
}

/// An error of the codec: it has no place.
fn plain(message: String) -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message,
        lineno: 0,
        offset: -1,
        end_lineno: 0,
        end_offset: -1,
        text: None,
        metadata: None,
    }
}

fn with_mark(rest: &[u8], name: &str, line: usize) -> SyntaxError {
    let text = rest.split(|&b| b == b'\n').nth(line - 1).unwrap_or(&[]);
    let text = String::from_utf8_lossy(text).into_owned();
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: format!("encoding problem: {name} with BOM"),
        lineno: line as i32,
        offset: 0,
        end_lineno: line as i32,
        end_offset: text.chars().count() as i32,
        text: Some(text),
        metadata: None,
    }
}

fn not_utf8(bytes: &[u8], at: usize, filename: Option<&str>) -> SyntaxError {
    let line_start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |newline| newline + 1);
    let lineno = memchr::memchr_iter(b'\n', &bytes[..at]).count() as i32 + 1;
    let place = filename.map_or(String::new(), |name| format!(" in file {name}"));
    let line = &bytes[line_start..];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let offset = String::from_utf8_lossy(&bytes[line_start..=at])
        .chars()
        .count() as i32;
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: format!(
            "Non-UTF-8 code starting with '\\x{:02x}'{place} on line {lineno}, but no encoding declared; \
             see https://peps.python.org/pep-0263/ for details",
            bytes[at]
        ),
        lineno,
        offset,
        end_lineno: lineno,
        end_offset: offset,
        text: Some(String::from_utf8_lossy(line).into_owned()),
        metadata: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies() {
        let name = |bytes: &[u8]| cookie(bytes).map(|found| found.0);
        assert_eq!(
            name(b"# -*- coding: Latin-1-unix -*-").as_deref(),
            Some("iso-8859-1")
        );
        assert_eq!(
            name(b"#!x\r\n# vim: fileencoding=UTF_8").as_deref(),
            Some("utf-8")
        );
        assert_eq!(name(b"x\n# coding: foo"), None);
        assert_eq!(name(b"#coding:\n"), None);
    }

    #[test]
    fn errors() {
        fn message(bytes: &[u8]) -> Result<Source<'_>, (String, i32, i32)> {
            decode(bytes, Some("f")).map_err(|error| (error.message, error.lineno, error.offset))
        }
        assert_eq!(
            message(b"a=1\nb='\xe9'\n"),
            Err((
                "Non-UTF-8 code starting with '\\xe9' in file f on line 2, but no encoding declared; \
                 see https://peps.python.org/pep-0263/ for details"
                    .to_owned(),
                2,
                4
            ))
        );
        assert_eq!(
            message(b"\xef\xbb\xbf# coding: latin-1\n"),
            Err(("encoding problem: iso-8859-1 with BOM".to_owned(), 1, 0))
        );
        assert!(matches!(
            message(b"# coding: koi8-r\n\xff"),
            Ok(Source::Codec { .. })
        ));
    }
}
