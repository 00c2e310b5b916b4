//! Templates of `str.format`: literal text and `{field!conversion:spec}`, and the names in fields.
//!
//! The iterators walk the text without building anything; nested fields in a specification are told by a flag and
//! expanded by the caller, which runs a new [`Template`] over the specification (at most [`MAX_DEPTH`] deep).
//! CPython: Objects/stringlib/unicode_format.h, the `_string` module.

use crate::error::{NumError, Result};
use crate::wtf8;

/// How deep specifications may nest; beyond it: ValueError "Max string recursion exceeded".
pub const MAX_DEPTH: usize = 2;

/// A replacement field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    /// The code point after `!`.
    pub conversion: Option<u32>,
    pub spec: &'a [u8],
    /// The specification has fields of its own.
    pub nested: bool,
}

/// Literal text and the field that follows it, if one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Ends after the first brace of a doubled one.
    pub literal: &'a [u8],
    pub field: Option<Field<'a>>,
}

/// The pieces of a template; ends after an error.
pub struct Template<'a> {
    rest: &'a [u8],
}

impl<'a> Template<'a> {
    pub fn new(text: &'a [u8]) -> Template<'a> {
        Template { rest: text }
    }

    fn piece(&mut self) -> Result<Piece<'a>> {
        let text = self.rest;
        let Some(at) = text.iter().position(|b| matches!(b, b'{' | b'}')) else {
            self.rest = &[];
            return Ok(Piece {
                literal: text,
                field: None,
            });
        };
        let (literal, tail) = text.split_at(at);
        let brace = tail.first().copied();
        let after = tail.get(1..).unwrap_or_default();
        if brace == after.first().copied() && brace.is_some() {
            self.rest = after.get(1..).unwrap_or_default();
            return Ok(Piece {
                literal: text.get(..at + 1).unwrap_or(text),
                field: None,
            });
        }
        if brace == Some(b'}') {
            return Err(NumError::value("Single '}' encountered in format string"));
        }
        if after.is_empty() {
            return Err(NumError::value("Single '{' encountered in format string"));
        }
        let (field, rest) = parse_field(after)?;
        self.rest = rest;
        Ok(Piece {
            literal,
            field: Some(field),
        })
    }
}

impl<'a> Iterator for Template<'a> {
    type Item = Result<Piece<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = self.piece();
        if piece.is_err() {
            self.rest = &[];
        }
        Some(piece)
    }
}

/// The field that starts after a brace, and what follows its closing one.
fn parse_field(text: &[u8]) -> Result<(Field<'_>, &[u8])> {
    let mut at = 0;
    let end = loop {
        match text.get(at) {
            Some(b'{') => return Err(NumError::value("unexpected '{' in field name")),
            Some(b'[') => {
                // Anything may stand in brackets.
                at += text
                    .get(at..)
                    .unwrap_or_default()
                    .iter()
                    .position(|b| *b == b']')
                    .unwrap_or(text.len());
            }
            Some(b'}' | b':' | b'!') => break at,
            Some(_) => at += 1,
            None => return Err(NumError::value("expected '}' before end of string")),
        }
    };
    let name = text.get(..end).unwrap_or_default();
    let mut rest = text.get(end + 1..).unwrap_or_default();
    let mut field = Field {
        name,
        conversion: None,
        spec: &[],
        nested: false,
    };
    match text.get(end) {
        Some(b'}') => return Ok((field, rest)),
        Some(b'!') => {
            let Some((code, tail)) = wtf8::split_first(rest) else {
                return Err(NumError::value(
                    "end of string while looking for conversion specifier",
                ));
            };
            field.conversion = Some(code);
            rest = tail;
            match tail.split_first() {
                Some((b'}', tail)) => return Ok((field, tail)),
                Some((b':', tail)) => rest = tail,
                Some(_) => return Err(NumError::value("expected ':' after conversion specifier")),
                None => {}
            }
        }
        _ => {}
    }
    let mut depth = 1;
    for (i, byte) in rest.iter().enumerate() {
        match byte {
            b'{' => {
                depth += 1;
                field.nested = true;
            }
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (spec, tail) = rest.split_at(i);
            field.spec = spec;
            return Ok((field, tail.get(1..).unwrap_or_default()));
        }
    }
    Err(NumError::value("unmatched '{' in format spec"))
}

/// The error of a conversion other than `r`, `s` and `a`.
pub fn unknown_conversion(code: u32) -> NumError {
    let shown = match char::from_u32(code) {
        Some(c) if (33..127).contains(&code) => c.to_string(),
        _ => format!("\\x{code:x}"),
    };
    NumError::Value(format!("Unknown conversion specifier {shown}").into())
}

// ------------------------------------------------------------------------------------------------------ field names

/// A name or a number in a field name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Index(usize),
    Name(&'a [u8]),
}

/// A step from a value to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Attribute(&'a [u8]),
    Item(Key<'a>),
}

/// The text as a number in any script's digits, if it is one.
fn as_index(text: &[u8]) -> Result<Option<usize>> {
    let mut value = None;
    let mut rest = text;
    while let Some((code, tail)) = wtf8::split_first(rest) {
        let Some(digit) = naja_unicode::decimal_value(code) else {
            return Ok(None);
        };
        let next = value
            .unwrap_or(0i64)
            .checked_mul(10)
            .and_then(|v| v.checked_add(i64::from(digit)));
        let Some(next) = next else {
            return Err(NumError::value("Too many decimal digits in format string"));
        };
        value = Some(next);
        rest = tail;
    }
    Ok(value.map(|v| v as usize))
}

fn as_key(text: &[u8]) -> Result<Key<'_>> {
    Ok(match as_index(text)? {
        Some(index) => Key::Index(index),
        None => Key::Name(text),
    })
}

/// Splits a field name into its first part (an empty name for an automatic number) and the steps after it.
pub fn split_field_name(name: &[u8]) -> Result<(Key<'_>, Steps<'_>)> {
    let end = name
        .iter()
        .position(|b| matches!(b, b'.' | b'['))
        .unwrap_or(name.len());
    let (first, rest) = name.split_at(end);
    Ok((as_key(first)?, Steps { rest }))
}

/// The steps of a field name; ends after an error.
#[derive(Debug, Clone)]
pub struct Steps<'a> {
    rest: &'a [u8],
}

impl<'a> Steps<'a> {
    fn step(&mut self) -> Result<Step<'a>> {
        let Some((kind, tail)) = self.rest.split_first() else {
            return Err(NumError::value("Empty attribute in format string"));
        };
        let (text, rest) = match kind {
            b'.' => tail.split_at(
                tail.iter()
                    .position(|b| matches!(b, b'.' | b'['))
                    .unwrap_or(tail.len()),
            ),
            b'[' => {
                let Some(end) = tail.iter().position(|b| *b == b']') else {
                    return Err(NumError::value("Missing ']' in format string"));
                };
                let (text, rest) = tail.split_at(end);
                (text, rest.get(1..).unwrap_or_default())
            }
            _ => {
                return Err(NumError::value(
                    "Only '.' or '[' may follow ']' in format field specifier",
                ));
            }
        };
        self.rest = rest;
        let step = if *kind == b'.' {
            Step::Attribute(text)
        } else {
            Step::Item(as_key(text)?)
        };
        if text.is_empty() {
            return Err(NumError::value("Empty attribute in format string"));
        }
        Ok(step)
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<Step<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

/// Numbers the fields of one template: all by hand or all automatically.
#[derive(Debug, Clone, Default)]
pub struct AutoNumber {
    manual: Option<bool>,
    next: usize,
}

impl AutoNumber {
    /// The field's first key, with a number given to an empty one.
    pub fn resolve<'a>(&mut self, first: Key<'a>) -> Result<Key<'a>> {
        let manual = match first {
            Key::Index(_) => true,
            Key::Name(b"") => false,
            Key::Name(_) => return Ok(first),
        };
        match (*self.manual.get_or_insert(manual), manual) {
            (true, false) => Err(NumError::value(
                "cannot switch from manual field specification to automatic field numbering",
            )),
            (false, true) => Err(NumError::value(
                "cannot switch from automatic field numbering to manual field specification",
            )),
            (_, true) => Ok(first),
            (_, false) => {
                self.next += 1;
                Ok(Key::Index(self.next - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Expected values are CPython 3.14's.
    use super::*;

    #[test]
    fn templates() {
        let pieces: Result<Vec<_>> = Template::new(b"a{{b{x!r:{w}}c}}").collect();
        let field = Field {
            name: b"x",
            conversion: Some(114),
            spec: b"{w}",
            nested: true,
        };
        assert_eq!(
            pieces,
            Ok(vec![
                Piece {
                    literal: b"a{",
                    field: None
                },
                Piece {
                    literal: b"b",
                    field: Some(field)
                },
                Piece {
                    literal: b"c}",
                    field: None
                },
            ])
        );
        for (template, message) in [
            ("}", "Single '}' encountered in format string"),
            ("{{}", "Single '}' encountered in format string"),
            ("{", "Single '{' encountered in format string"),
            ("{0", "expected '}' before end of string"),
            ("{0[}", "expected '}' before end of string"),
            ("{!}", "unmatched '{' in format spec"),
            ("{!r", "unmatched '{' in format spec"),
            ("{!rx}", "expected ':' after conversion specifier"),
            ("{!", "end of string while looking for conversion specifier"),
            ("{:{}", "unmatched '{' in format spec"),
            ("{a{b}", "unexpected '{' in field name"),
        ] {
            let last = Template::new(template.as_bytes()).last();
            assert_eq!(last, Some(Err(NumError::value(message))), "{template}");
        }
    }

    #[test]
    fn field_names() {
        let (first, steps) = split_field_name("\u{661}[a.b].c[1]".as_bytes()).unwrap();
        assert_eq!(first, Key::Index(1));
        assert_eq!(
            steps.collect::<Result<Vec<_>>>(),
            Ok(vec![
                Step::Item(Key::Name(b"a.b")),
                Step::Attribute(b"c"),
                Step::Item(Key::Index(1))
            ])
        );
        for (name, message) in [
            ("a[", "Missing ']' in format string"),
            ("a[]", "Empty attribute in format string"),
            ("a.", "Empty attribute in format string"),
            (
                "a[b]c",
                "Only '.' or '[' may follow ']' in format field specifier",
            ),
            (
                "a[99999999999999999999]",
                "Too many decimal digits in format string",
            ),
        ] {
            let (_, mut steps) = split_field_name(name.as_bytes()).unwrap();
            assert_eq!(
                steps.find_map(std::result::Result::err),
                Some(NumError::value(message)),
                "{name}"
            );
        }
        let mut numbers = AutoNumber::default();
        assert_eq!(numbers.resolve(Key::Name(b"")), Ok(Key::Index(0)));
        assert_eq!(numbers.resolve(Key::Name(b"x")), Ok(Key::Name(b"x")));
        assert_eq!(numbers.resolve(Key::Name(b"")), Ok(Key::Index(1)));
        assert!(numbers.resolve(Key::Index(3)).is_err());
    }
}
