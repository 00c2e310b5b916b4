//! Everything outside of the literal text of f-strings: indentation, comments, names, operators.
//!
//! CPython: `Parser/lexer/lexer.c`, `tok_get_normal_mode`.

use super::{
    Bracket, LineSource, MAX_INDENT, MAX_LEVEL, Made, Token, TokenError, TokenKind, Tokenizer,
};
use crate::error::SyntaxErrorKind;
use crate::token::{one_char, three_chars, two_chars};

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 128
}

fn continues_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit()
}

impl Tokenizer {
    pub(super) fn regular_mode(&mut self, lines: &mut dyn LineSource) -> Made {
        loop {
            self.start = None;
            let mut blank = false;
            if self.at_line_start {
                self.at_line_start = false;
                blank = self.indentation(lines)?;
            }
            self.start = Some(self.cur);
            if self.pending != 0 {
                return self.pending_indentation();
            }
            // CPython looks at the next character here, which may read a line.
            let peek = self.next(lines)?;
            self.back(peek);
            if let Some(token) = self.token_on_line(blank, lines)? {
                return Ok(token);
            }
        }
    }

    fn pending_indentation(&mut self) -> Made {
        let (kind, start) = if self.pending < 0 {
            (TokenKind::Dedent, self.cur)
        } else {
            (TokenKind::Indent, self.line_start)
        };
        self.pending -= self.pending.signum();
        if self.options.extra_tokens {
            self.made(kind, start, self.cur)
        } else {
            self.unlocated(kind)
        }
    }

    /// Measures the indentation of a line. Whether the line has nothing but a comment on it.
    fn indentation(&mut self, lines: &mut dyn LineSource) -> Result<bool, TokenError> {
        let (mut col, mut alt, mut continued) = (0, 0, 0);
        let stop = loop {
            match self.next(lines)? {
                Some(b' ') => (col, alt) = (col + 1, alt + 1),
                Some(b'\t') => (col, alt) = ((col / 8 + 1) * 8, alt + 1),
                Some(0x0C) => (col, alt) = (0, 0),
                Some(b'\\') => {
                    // The first backslash decides on the indentation of all that follows.
                    if continued == 0 {
                        continued = col;
                    }
                    self.continuation(lines)?;
                }
                other => break other,
            }
        };
        self.back(stop);
        if matches!(stop, Some(b'#' | b'\n' | b'\r')) {
            let empty = col == 0 && stop == Some(b'\n');
            if !self.options.interactive || !(empty || self.line == 1) {
                return Ok(true);
            }
            if !empty {
                (col, alt) = (0, 0);
            }
        }
        if !self.brackets.is_empty() {
            return Ok(false);
        }
        if continued > 0 {
            (col, alt) = (continued, continued);
        }
        self.indent_to(col, alt)?;
        Ok(false)
    }

    fn indent_to(&mut self, col: usize, alt: usize) -> Result<(), TokenError> {
        let (top, alt_top) = self.indents.last().copied().unwrap_or_default();
        if col > top {
            if self.indents.len() >= MAX_INDENT {
                return Err(self.line_error(
                    SyntaxErrorKind::Indentation,
                    "too many levels of indentation",
                ));
            }
            if alt <= alt_top {
                return Err(self.tab_error());
            }
            self.pending += 1;
            self.indents.push((col, alt));
            return Ok(());
        }
        while self.indents.len() > 1 && self.indents.last().is_some_and(|indent| col < indent.0) {
            self.pending -= 1;
            self.indents.pop();
        }
        let (top, alt_top) = self.indents.last().copied().unwrap_or_default();
        if col != top {
            let message = "unindent does not match any outer indentation level";
            return Err(self.line_error(SyntaxErrorKind::Indentation, message));
        }
        if alt == alt_top {
            Ok(())
        } else {
            Err(self.tab_error())
        }
    }

    /// What follows a backslash: it must be a line end, and a line behind it.
    fn continuation(&mut self, lines: &mut dyn LineSource) -> Result<(), TokenError> {
        let mut byte = self.next(lines)?;
        if byte == Some(b'\r') {
            byte = self.next(lines)?;
        }
        if byte != Some(b'\n') {
            let message = "unexpected character after line continuation character";
            return Err(self.line_error(SyntaxErrorKind::Syntax, message));
        }
        let byte = self.next(lines)?;
        if byte.is_none() {
            return Err(self.end_error());
        }
        self.back(byte);
        Ok(())
    }

    /// The next token, or none where a blank line ended.
    fn token_on_line(
        &mut self,
        blank: bool,
        lines: &mut dyn LineSource,
    ) -> Result<Option<Token>, TokenError> {
        loop {
            self.start = None;
            let mut first = self.next(lines)?;
            while matches!(first, Some(b' ' | b'\t' | 0x0C)) {
                first = self.next(lines)?;
            }
            let start = self.cur - usize::from(first.is_some());
            self.start = Some(start);
            if first == Some(b'#') {
                match self.comment(start, blank, lines)? {
                    Ok(token) => return Ok(Some(token)),
                    Err(behind) => first = behind,
                }
            }
            let Some(mut byte) = first else {
                if !self.brackets.is_empty() {
                    return Err(self.end_error());
                }
                return self.unlocated(TokenKind::EndMarker).map(Some);
            };
            if starts_name(byte) {
                return self.name(start, lines).map(Some);
            }
            if byte == b'\r' {
                // A lone carriage return becomes part of the token behind it.
                match self.next(lines)? {
                    Some(behind) => byte = behind,
                    None => return Err(self.end_error()),
                }
            }
            match byte {
                b'\n' => return self.line_end(start, blank),
                b'0'..=b'9' => return self.number(self.cur - 1).map(Some),
                b'.' if self.text.get(self.cur).is_some_and(u8::is_ascii_digit) => {
                    return self.number(self.cur - 1).map(Some);
                }
                b'"' | b'\'' => return self.string(byte, lines).map(Some),
                b'\\' => self.continuation(lines)?,
                _ => return self.operator(byte).map(Some),
            }
        }
    }

    fn line_end(&mut self, start: usize, blank: bool) -> Result<Option<Token>, TokenError> {
        self.at_line_start = true;
        let extra = self.options.extra_tokens;
        let unseen = blank || !self.brackets.is_empty();
        if unseen && !extra {
            return Ok(None);
        }
        if unseen || (self.comment_newline && extra) {
            self.comment_newline = false;
            return self.token(TokenKind::Nl).map(Some);
        }
        self.made(TokenKind::Newline, start, self.cur - 1).map(Some)
    }

    /// A comment: its token, or the byte behind it.
    fn comment(
        &mut self,
        start: usize,
        blank: bool,
        lines: &mut dyn LineSource,
    ) -> Result<Result<Token, Option<u8>>, TokenError> {
        let mut byte = Some(b'#');
        while !matches!(byte, None | Some(b'\n' | b'\r')) {
            byte = self.next(lines)?;
        }
        let end = self.cur - usize::from(byte.is_some());
        if self.options.type_comments
            && let Some((kind, from)) = self.type_comment(start, end)
        {
            self.back(byte);
            let token = self.made(kind, from, end)?;
            if kind == TokenKind::TypeIgnore && blank {
                self.next(lines)?;
                self.at_line_start = true;
            }
            return Ok(Ok(token));
        }
        if self.options.extra_tokens {
            self.back(byte);
            self.comment_newline = blank;
            return Ok(Ok(self.token(TokenKind::Comment)?));
        }
        Ok(Err(byte))
    }

    /// Whether a comment is a type comment, and where its content begins.
    fn type_comment(&self, start: usize, end: usize) -> Option<(TokenKind, usize)> {
        fn skip(bytes: &[u8]) -> &[u8] {
            &bytes[bytes
                .iter()
                .take_while(|&&b| b == b' ' || b == b'\t')
                .count()..]
        }
        let comment = self.text.get(start + 1..end)?;
        let content = skip(skip(comment).strip_prefix(b"type:")?);
        match content.strip_prefix(b"ignore") {
            Some(tag)
                if !tag
                    .first()
                    .is_some_and(|&b| b >= 128 || b.is_ascii_alphanumeric()) =>
            {
                Some((TokenKind::TypeIgnore, end - tag.len()))
            }
            _ => Some((TokenKind::TypeComment, end - content.len())),
        }
    }

    /// A name, or a string with a prefix. The first byte has been read.
    fn name(&mut self, start: usize, lines: &mut dyn LineSource) -> Made {
        self.cur = start;
        let mut seen = [false; 5];
        loop {
            let index = match self.text.get(self.cur) {
                Some(b'b' | b'B') => 0,
                Some(b'u' | b'U') => 1,
                Some(b'r' | b'R') => 2,
                Some(b'f' | b'F') => 3,
                Some(b't' | b'T') => 4,
                _ => break,
            };
            if seen[index] {
                break;
            }
            seen[index] = true;
            self.cur += 1;
            if let Some(&quote @ (b'"' | b'\'')) = self.text.get(self.cur) {
                self.cur += 1;
                self.check_prefixes(start, seen)?;
                if seen[3] || seen[4] {
                    return self.start_string(quote, seen[2], seen[4]);
                }
                return self.string(quote, lines);
            }
        }
        while self.text.get(self.cur).is_some_and(|&b| continues_name(b)) {
            self.cur += 1;
        }
        if !self.options.extra_tokens && !self.text[start..self.cur].is_ascii() {
            self.verify_name(start)?;
        }
        self.token(TokenKind::Name)
    }

    fn check_prefixes(&self, start: usize, [b, u, r, f, t]: [bool; 5]) -> Result<(), TokenError> {
        let pairs = [
            (u && b, "u", "b"),
            (u && r, "u", "r"),
            (u && f, "u", "f"),
            (u && t, "u", "t"),
            (b && f, "b", "f"),
            (b && t, "b", "t"),
            (f && t, "f", "t"),
        ];
        let Some((_, first, second)) = pairs.into_iter().find(|pair| pair.0) else {
            return Ok(());
        };
        let message = format!("'{first}' and '{second}' prefixes are incompatible");
        Err(self.syntax_between(self.column(start) + 1, self.column(self.cur), message))
    }

    fn verify_name(&mut self, start: usize) -> Result<(), TokenError> {
        let text = String::from_utf8_lossy(&self.text[start..self.cur]).into_owned();
        for (at, c) in text.char_indices() {
            let code = u32::from(c);
            let fine = if at == 0 {
                c == '_' || naja_unicode::is_xid_start(code)
            } else {
                naja_unicode::is_xid_continue(code)
            };
            if !fine {
                self.cur = start + at + c.len_utf8();
                return Err(self.syntax(if naja_unicode::is_printable(code) {
                    format!("invalid character '{c}' (U+{code:04X})")
                } else {
                    format!("invalid non-printable character U+{code:04X}")
                }));
            }
        }
        Ok(())
    }

    /// An operator; its first byte has been read.
    fn operator(&mut self, byte: u8) -> Made {
        if let Some(mode) = self.modes.last_mut()
            && byte == b':'
            && mode.inside_field()
            && mode.curly_depth - 1 == mode.expr_start_depth
        {
            mode.literal = true;
            mode.in_format_spec = true;
            return self.token(TokenKind::Colon);
        }
        let at = |ahead: usize| self.text.get(self.cur + ahead).copied().unwrap_or(0);
        let (second, third) = (at(0), at(1));
        let three = three_chars(byte, second, third);
        if three != TokenKind::Op {
            self.cur += 2;
            return self.token(three);
        }
        let two = two_chars(byte, second);
        if two != TokenKind::Op {
            self.cur += 1;
            return self.token(two);
        }
        match byte {
            b'(' | b'[' | b'{' => {
                if self.brackets.len() >= MAX_LEVEL {
                    return Err(self.syntax("too many nested parentheses".to_owned()));
                }
                self.brackets.push(Bracket {
                    kind: byte,
                    line: self.line,
                });
                if let Some(mode) = self.modes.last_mut() {
                    mode.curly_depth += 1;
                }
            }
            b')' | b']' | b'}' => self.close(byte)?,
            0..0x20 | 0x7F => {
                return Err(self.syntax(format!("invalid non-printable character U+{byte:04X}")));
            }
            _ => {}
        }
        self.token(one_char(byte))
    }

    fn close(&mut self, byte: u8) -> Result<(), TokenError> {
        let c = char::from(byte);
        if let Some(mode) = self.modes.last()
            && mode.curly_depth == 0
            && byte == b'}'
        {
            return Err(self.syntax(format!(
                "{}-string: single '}}' is not allowed",
                mode.prefix()
            )));
        }
        let strict = !self.options.extra_tokens;
        match self.brackets.pop() {
            None if strict => return Err(self.syntax(format!("unmatched '{c}'"))),
            Some(open)
                if !matches!(
                    (open.kind, byte),
                    (b'(', b')') | (b'[', b']') | (b'{', b'}')
                ) =>
            {
                self.mismatch(&open, c)?;
            }
            _ => {}
        }
        let Some(mode) = self.modes.last_mut() else {
            return Ok(());
        };
        mode.curly_depth -= 1;
        if mode.curly_depth < 0 {
            let message = format!("{}-string: unmatched '{c}'", mode.prefix());
            return Err(self.syntax(message));
        }
        if byte == b'}' && mode.curly_depth == mode.expr_start_depth {
            mode.expr_start_depth -= 1;
            mode.literal = true;
            mode.in_format_spec = false;
        }
        Ok(())
    }

    /// A bracket closes one of another kind. With extra tokens only the end of a replacement field matters.
    fn mismatch(&self, open: &Bracket, c: char) -> Result<(), TokenError> {
        if let Some(mode) = self.modes.last()
            && open.kind == b'{'
            && mode.curly_depth - 1 == mode.expr_start_depth
        {
            return Err(self.syntax(format!("{}-string: unmatched '{c}'", mode.prefix())));
        }
        if self.options.extra_tokens {
            return Ok(());
        }
        let opening = char::from(open.kind);
        let place = if open.line == self.line {
            String::new()
        } else {
            format!(" on line {}", open.line)
        };
        Err(self.syntax(format!(
            "closing parenthesis '{c}' does not match opening parenthesis '{opening}'{place}"
        )))
    }
}
