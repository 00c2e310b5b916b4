//! String literals: concatenation, f-strings and t-strings.
//!
//! The shapes and ranges are those of `Parser/action_helpers.c`: adjacent constants melt into one that reaches from the
//! first to the last, empty ones vanish beside replacement fields, and `{expr=}` leaves its source text as a constant.

use super::literal::BadEscape;
use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;
use crate::wtf8::Wtf8;

/// The two kinds of strings with replacement fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    F,
    T,
}

impl<'a> Parser<'a, '_> {
    /// `strings`: one or more adjacent literals.
    pub(super) fn strings(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let base = self.exprs.len();
        let template = self.kind() == T::TemplateStart;
        loop {
            let part = match self.kind() {
                T::String if !template => self.string_constant()?,
                T::FStringStart if !template => self.interpolated(Flavour::F)?,
                T::TemplateStart if template => {
                    self.require_version(14)?;
                    self.interpolated(Flavour::T)?
                }
                T::String | T::FStringStart | T::TemplateStart => return Err(Fail),
                _ => break,
            };
            self.exprs.push(part);
        }
        if !template
            && self.exprs.len() == base + 1
            && let Some(&only) = self.exprs.last()
            && matches!(only.kind, ExprKind::Constant { .. })
        {
            self.exprs.truncate(base);
            return Ok(only);
        }
        let parts = self.take_exprs(base);
        let range = self.range(start);
        if template {
            let values = self.fold_parts(parts, true);
            return Ok(self.arena.expr(ExprKind::TemplateStr { values }, range));
        }
        self.concatenate(parts, range)
    }

    fn string_constant(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let value = self.string_value(start)?;
        let kind = if self.text(start).starts_with('u') {
            Some("u")
        } else {
            None
        };
        self.mark += 1;
        Ok(self.expr(start, ExprKind::Constant { value, kind }))
    }

    /// `_PyPegen_concatenate_strings`
    pub(super) fn concatenate(&mut self, parts: &[ExprRef<'a>], range: Range) -> P<ExprRef<'a>> {
        let (mut text, mut bytes, mut fields) = (false, false, false);
        for part in parts {
            match part.kind {
                ExprKind::Constant {
                    value: Constant::Bytes(_),
                    ..
                } => bytes = true,
                ExprKind::Constant { .. } => text = true,
                _ => fields = true,
            }
        }
        if bytes {
            if text || fields {
                return Err(Fail);
            }
            let mut joined = bumpalo::collections::Vec::new_in(&self.arena.bump);
            for part in parts {
                if let ExprKind::Constant {
                    value: Constant::Bytes(piece),
                    ..
                } = part.kind
                {
                    joined.extend_from_slice(piece);
                }
            }
            let value = Constant::Bytes(joined.into_bump_slice());
            return Ok(self
                .arena
                .expr(ExprKind::Constant { value, kind: None }, range));
        }
        if !fields && let [only] = parts {
            return Ok(only);
        }
        let values = self.fold_parts(parts, fields);
        if fields {
            return Ok(self.arena.expr(ExprKind::JoinedStr { values }, range));
        }
        values.first().copied().ok_or(Fail)
    }

    /// Flattens nested strings, joins neighbouring constants and, where `drop_empty`, leaves out empty ones.
    fn fold_parts(&mut self, parts: &[ExprRef<'a>], drop_empty: bool) -> &'a [ExprRef<'a>] {
        let base = self.exprs.len();
        for &part in parts {
            match part.kind {
                ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => {
                    self.exprs.extend_from_slice(values)
                }
                _ => self.exprs.push(part),
            }
        }
        let flat = self.take_exprs(base);
        let mut index = 0;
        while let Some(&first) = flat.get(index) {
            index += 1;
            let Some(text) = first.as_str_constant() else {
                self.exprs.push(first);
                continue;
            };
            let run = flat[index..]
                .iter()
                .take_while(|e| e.as_str_constant().is_some())
                .count();
            let folded = match flat[index..index + run].last() {
                Some(last) => {
                    let mut joined = bumpalo::collections::Vec::new_in(&self.arena.bump);
                    joined.extend_from_slice(text.as_bytes());
                    for part in &flat[index..index + run] {
                        joined
                            .extend_from_slice(part.as_str_constant().map_or(&[], Wtf8::as_bytes));
                    }
                    let kind = match first.kind {
                        ExprKind::Constant { kind, .. } => kind,
                        _ => None,
                    };
                    let value = Constant::Str(Wtf8::from_bytes(joined.into_bump_slice()));
                    self.arena.expr(
                        ExprKind::Constant { value, kind },
                        first.range.to(last.range),
                    )
                }
                None => first,
            };
            index += run;
            if !(drop_empty
                && folded
                    .as_str_constant()
                    .is_some_and(|text| text.as_bytes().is_empty()))
            {
                self.exprs.push(folded);
            }
        }
        self.take_exprs(base)
    }

    /// One f-string or t-string, from its start token to its end token.
    fn interpolated(&mut self, flavour: Flavour) -> P<ExprRef<'a>> {
        let start = self.mark;
        let (middle, end) = match flavour {
            Flavour::F => (T::FStringMiddle, T::FStringEnd),
            Flavour::T => (T::TemplateMiddle, T::TemplateEnd),
        };
        let raw = self.text(start).bytes().any(|b| b == b'r' || b == b'R');
        self.deepen(20)?;
        self.mark += 1;
        let base = self.exprs.len();
        // CPython decodes the pieces when it has the whole string, and counts lines from its end.
        let mut late = smallvec::SmallVec::<[(usize, BadEscape<'a>); 1]>::new();
        loop {
            match self.kind() {
                kind if kind == middle => {
                    let token = self.mark;
                    if let Some(bad) = self.push_part(raw)? {
                        late.push((token, bad));
                    }
                }
                T::LBrace => self.replacement_field(flavour, flavour, raw)?,
                kind if kind == end => break,
                _ => return Err(Fail),
            }
        }
        for (token, bad) in late {
            self.warn_escape(self.tokens[self.mark].lineno, token, bad);
        }
        self.mark += 1;
        self.level -= 20;
        let values = self.take_exprs(base);
        let range = self.range(start);
        let kind = match flavour {
            Flavour::F => ExprKind::JoinedStr { values },
            Flavour::T => ExprKind::TemplateStr { values },
        };
        Ok(self.arena.expr(kind, range))
    }

    /// Pushes the constant for the piece of text that the current token is, unless it is empty. The result is the
    /// escape sequence in it that means nothing.
    fn push_part(&mut self, raw: bool) -> P<Option<BadEscape<'a>>> {
        let token = self.mark;
        let text = match self.text(token) {
            "{{" => "{",
            "}}" => "}",
            text => text,
        };
        let (value, bad) = self.decode_part(raw, text)?;
        if !value.as_bytes().is_empty() {
            let kind = ExprKind::Constant {
                value: Constant::Str(value),
                kind: None,
            };
            self.exprs
                .push(self.arena.expr(kind, self.tokens[token].range()));
        }
        self.mark += 1;
        Ok(bad)
    }

    /// `{ ... }`: pushes the field, behind its own source text where it is `{expr=}`. `outer` is the string's flavour,
    /// `flavour` that of the node to make: in a t-string's format specification the fields are those of an f-string.
    fn replacement_field(&mut self, outer: Flavour, flavour: Flavour, raw: bool) -> P<()> {
        let start = self.mark;
        self.mark += 1;
        self.check_stack()?;
        let value = self.annotated_rhs()?;
        let debug = self.eat(T::Equal);
        // The first token behind the expression and its `=`: the source text reaches up to it.
        let behind = self.mark;
        let mut conversion = -1;
        let mut debug_end = None;
        if self.eat(T::Exclamation) {
            let name = self.tokens[self.mark];
            if name.kind != T::Name || name.start != self.tokens[behind].end {
                return Err(Fail);
            }
            conversion = match self.text(self.mark) {
                "s" => 's' as i32,
                "r" => 'r' as i32,
                "a" => 'a' as i32,
                _ => return Err(Fail),
            };
            let range = name.range();
            debug_end = Some((range.lineno, range.col_offset));
            self.mark += 1;
        }
        let mut format_spec = None;
        if self.kind() == T::Colon {
            let spec = self.format_spec(outer, raw)?;
            debug_end = debug_end.or(Some((spec.range.lineno, spec.range.col_offset + 1)));
            format_spec = Some(spec);
        } else if debug && conversion == -1 {
            conversion = 'r' as i32;
        }
        self.expect(T::RBrace)?;
        let range = self.range(start);
        let (end_line, end_col) = debug_end.unwrap_or((range.end_lineno, range.end_col_offset));
        if debug {
            let value = Constant::Str(Wtf8::new(self.expression_text(start, behind)));
            let range = Range::new(range.lineno, range.col_offset + 1, end_line, end_col - 1);
            let text = self
                .arena
                .expr(ExprKind::Constant { value, kind: None }, range);
            self.exprs.push(text);
        }
        let kind = match flavour {
            Flavour::F => ExprKind::FormattedValue {
                value,
                conversion,
                format_spec,
            },
            Flavour::T => {
                // Up to the equals sign, if there is one.
                let text = self.expression_text(start, behind - usize::from(debug));
                let str = self.arena.alloc(Constant::Str(Wtf8::new(text)));
                ExprKind::Interpolation {
                    value,
                    str,
                    conversion,
                    format_spec,
                }
            }
        };
        self.exprs.push(self.arena.expr(kind, range));
        Ok(())
    }

    /// The text between the brace at token `open` and token `end`, without comments.
    fn expression_text(&self, open: usize, end: usize) -> &'a str {
        let text = &self.source[self.tokens[open].end as usize..self.tokens[end].start as usize];
        if !has_comment(text) {
            return text;
        }
        self.arena.str(&without_comments(text))
    }

    /// `fstring_full_format_spec`, at its colon.
    fn format_spec(&mut self, outer: Flavour, raw: bool) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        let base = self.exprs.len();
        let middle = if outer == Flavour::F {
            T::FStringMiddle
        } else {
            T::TemplateMiddle
        };
        loop {
            match self.kind() {
                kind if kind == middle => {
                    let token = self.mark;
                    if let Some(bad) = self.push_part(raw)? {
                        self.warn_escape(self.tokens[token].lineno, token, bad);
                    }
                }
                T::LBrace => self.replacement_field(outer, Flavour::F, raw)?,
                _ => break,
            }
        }
        let range = self.range(start);
        let parts = self.take_exprs(base);
        match parts {
            [] => Ok(self
                .arena
                .expr(ExprKind::JoinedStr { values: parts }, range)),
            [only] if matches!(only.kind, ExprKind::Constant { .. }) => Ok(self
                .arena
                .expr(ExprKind::JoinedStr { values: parts }, range)),
            _ => self.concatenate(parts, range),
        }
    }
}

/// Whether there is a `#` outside of string literals.
fn has_comment(text: &str) -> bool {
    let mut quote = None;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' | b'\'' => match quote {
                None => quote = Some(byte),
                Some(open) if open == byte => quote = None,
                Some(_) => {}
            },
            b'#' if quote.is_none() => return true,
            _ => {}
        }
    }
    false
}

/// `text` with its comments removed; their line ends stay.
fn without_comments(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut quote = None;
    let mut in_comment = false;
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '\n' if in_comment => in_comment = false,
            _ if in_comment => continue,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' | '\'' => match quote {
                None => quote = Some(c),
                Some(open) if open == c => quote = None,
                Some(_) => {}
            },
            '#' if quote.is_none() => {
                in_comment = true;
                continue;
            }
            _ => {}
        }
        result.push(c);
    }
    result
}
