//! Source text to the parser's tokens, in one go.
//!
//! Follows CPython's lexer: indentation by two column counts (tabs of eight and of one), a stack of open brackets, and
//! a stack of f-string modes that switches between literal text and replacement fields. An error ends the tokens.
//! CPython: `Parser/lexer/lexer.c`, `Parser/tokenizer/helpers.c`.

mod string;

use super::stream::{T, Tok, keyword};
use super::{Mode, ParseOptions};
use crate::ast::TypeIgnore;
use crate::error::{SyntaxError, SyntaxErrorKind, Warning, WarningCategory};

const MAX_INDENT: usize = 100;
const MAX_LEVEL: usize = 200;
const MAX_STRING_LEVEL: usize = 150;
const MAX_EXPRESSION_NESTING: i32 = 3;

/// Everything the scanner found.
pub(super) struct Scanned<'a> {
    pub tokens: Vec<Tok>,
    pub error: Option<SyntaxError>,
    /// The error is inside a replacement field.
    pub error_in_string: bool,
    /// CPython's lexer only notes the error, and its parser raises it when it gets there.
    pub error_deferred: bool,
    /// The error for the innermost bracket that is open where the tokens end.
    pub unclosed: Option<SyntaxError>,
    pub warnings: Vec<Warning>,
    pub type_ignores: Vec<TypeIgnore<'a>>,
}

/// Where an f-string is at.
struct StringMode {
    /// Literal text, as opposed to the inside of a replacement field.
    literal: bool,
    quote: u8,
    quote_size: usize,
    start: usize,
    first_line: u32,
    first_line_start: usize,
    curly_depth: i32,
    expr_start_depth: i32,
    in_format_spec: bool,
    raw: bool,
    template: bool,
}

impl StringMode {
    fn prefix(&self) -> char {
        if self.template { 't' } else { 'f' }
    }
}

struct Bracket {
    kind: u8,
    lineno: u32,
    col: usize,
    line_start: usize,
}

struct Scanner<'a> {
    source: &'a str,
    bytes: &'a [u8],
    pos: usize,
    line_start: usize,
    lineno: u32,
    at_line_start: bool,
    indents: Vec<(usize, usize)>,
    brackets: Vec<Bracket>,
    modes: Vec<StringMode>,
    out: Scanned<'a>,
    type_comments: bool,
    deferred: bool,
    /// Where a comment began on the current line: its line end counts from there.
    comment_start: Option<usize>,
}

type S<V> = Result<V, SyntaxError>;

/// All tokens of `source`, whose line ends are `\n`.
pub(super) fn scan<'a>(source: &'a str, mode: Mode, options: &ParseOptions) -> Scanned<'a> {
    let mut scanner = Scanner {
        source,
        bytes: source.as_bytes(),
        pos: 0,
        line_start: 0,
        lineno: u32::from(!source.is_empty()),
        at_line_start: true,
        indents: vec![(0, 0)],
        brackets: Vec::new(),
        modes: Vec::new(),
        out: Scanned {
            tokens: Vec::with_capacity(source.len() / 4 + 16),
            error: None,
            error_in_string: false,
            error_deferred: false,
            unclosed: None,
            warnings: Vec::new(),
            type_ignores: Vec::new(),
        },
        type_comments: options.type_comments,
        deferred: false,
        comment_start: None,
    };
    if let Err(error) = scanner.all() {
        let place = scanner.place(scanner.pos);
        scanner.out.tokens.push(Tok {
            kind: T::Error,
            ..place
        });
        scanner.out.error = Some(error);
        scanner.out.error_in_string = !scanner.modes.is_empty();
        scanner.out.error_deferred = scanner.deferred;
        scanner.out.unclosed = scanner.unclosed();
    } else if mode == Mode::Single {
        scanner.finish_single(options.dont_imply_dedent);
    }
    scanner.out
}

fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 128
}

impl<'a> Scanner<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    #[inline]
    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.pos + ahead).copied()
    }

    fn newline(&mut self) {
        // CPython's lexer begins a line when it reads one; the end of the text begins none.
        self.comment_start = None;
        if self.pos < self.bytes.len() {
            self.line_start = self.pos;
            self.lineno += 1;
        }
    }

    /// An empty token at `at`.
    fn place(&self, at: usize) -> Tok {
        let col = at.saturating_sub(self.line_start) as u32;
        Tok {
            kind: T::EndMarker,
            start: at as u32,
            end: at as u32,
            lineno: self.lineno,
            col,
            end_lineno: self.lineno,
            end_col: col,
        }
    }

    /// A token that began on the current line and ends here.
    #[inline]
    fn push(&mut self, kind: T, start: usize) {
        self.out.tokens.push(Tok {
            kind,
            start: start as u32,
            end: self.pos as u32,
            lineno: self.lineno,
            col: start.saturating_sub(self.line_start) as u32,
            end_lineno: self.lineno,
            end_col: self.pos.saturating_sub(self.line_start) as u32,
        });
    }

    fn push_from(&mut self, kind: T, start: usize, lineno: u32, line_start: usize, end: usize) {
        self.out.tokens.push(Tok {
            kind,
            start: start as u32,
            end: end as u32,
            lineno,
            col: start.saturating_sub(line_start) as u32,
            end_lineno: self.lineno,
            end_col: end.saturating_sub(self.line_start) as u32,
        });
    }

    /// An error at the current position.
    fn error<V>(&self, message: String) -> S<V> {
        self.error_between(None, self.pos, message)
    }

    /// An error from byte `start` of the line to byte `end` of the text; without `start`, at `end` alone.
    fn error_between<V>(&self, start: Option<usize>, end: usize, message: String) -> S<V> {
        let column = |to: usize| {
            let text = self
                .bytes
                .get(self.line_start..to.min(self.bytes.len()))
                .unwrap_or(&[]);
            text.iter().filter(|&&b| b & 0xC0 != 0x80).count() as i32
        };
        let end_offset = column(end);
        let offset = start.map_or(end_offset, |start| column(start) + 1);
        Err(self.error_at(
            SyntaxErrorKind::Syntax,
            self.lineno,
            self.line_start,
            offset,
            end_offset,
            message,
        ))
    }

    fn error_at(
        &self,
        kind: SyntaxErrorKind,
        lineno: u32,
        line_start: usize,
        offset: i32,
        end_offset: i32,
        message: String,
    ) -> SyntaxError {
        let rest = &self.source[line_start.min(self.source.len())..];
        let length = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        SyntaxError {
            kind,
            message,
            lineno: lineno as i32,
            offset,
            end_lineno: lineno as i32,
            end_offset,
            text: Some(rest[..length].to_owned()),
            metadata: None,
        }
    }

    /// An error of the indentation: its text is the whole line, with the line end.
    fn indentation_error<V>(
        &mut self,
        kind: SyntaxErrorKind,
        offset: i32,
        end_offset: i32,
        message: &str,
    ) -> S<V> {
        let mut error = self.error_at(
            kind,
            self.lineno,
            self.line_start,
            offset,
            end_offset,
            message.to_owned(),
        );
        if let Some(text) = &mut error.text {
            text.push('\n');
        }
        self.deferred = true;
        Err(error)
    }

    fn unclosed(&self) -> Option<SyntaxError> {
        let open = self.brackets.last()?;
        let before = self
            .bytes
            .get(open.line_start..open.line_start + open.col)
            .unwrap_or(&[]);
        let column = before.iter().filter(|&&b| b & 0xC0 != 0x80).count() as i32;
        let message = format!("'{}' was never closed", char::from(open.kind));
        let mut error = self.error_at(
            SyntaxErrorKind::Syntax,
            open.lineno,
            open.line_start,
            column + 1,
            0,
            message,
        );
        if open.lineno >= self.lineno
            && let Some(text) = &mut error.text
        {
            text.push('\n');
        }
        Some(error)
    }

    fn warn(&mut self, message: String) {
        self.out.warnings.push(Warning {
            category: WarningCategory::Syntax,
            message,
            lineno: self.lineno as i32,
            col_offset: 0,
            end_lineno: 0,
            end_col_offset: 0,
        });
    }

    fn all(&mut self) -> S<()> {
        let mut blank = false;
        loop {
            if self.modes.last().is_some_and(|mode| mode.literal) {
                self.string_mode()?;
                continue;
            }
            if self.at_line_start {
                self.at_line_start = false;
                blank = self.indentation()?;
            }
            while matches!(self.peek(), Some(b' ' | b'\t' | 0x0C)) {
                self.pos += 1;
            }
            let Some(byte) = self.peek() else {
                if let Some(error) = self.unclosed() {
                    self.deferred = true;
                    return Err(error);
                }
                let end = self.place(self.pos);
                self.out.tokens.push(end);
                return Ok(());
            };
            match byte {
                b'#' => blank &= !self.comment(blank),
                b'\n' => {
                    let start = self.comment_start.take().unwrap_or(self.pos);
                    self.pos += 1;
                    if !blank && self.brackets.is_empty() {
                        self.push(T::Newline, start);
                    }
                    self.newline();
                    self.at_line_start = true;
                    blank = false;
                }
                b'\\' => self.continuation()?,
                b'0'..=b'9' => self.number()?,
                b'.' if self.peek_at(1).is_some_and(|b| b.is_ascii_digit()) => self.number()?,
                b'"' | b'\'' => self.string(self.pos)?,
                _ if is_identifier(byte) => self.name()?,
                _ => self.operator(byte)?,
            }
        }
    }

    /// The indentation of a line: pushes INDENT and DEDENT. Tells whether the line is blank.
    fn indentation(&mut self) -> S<bool> {
        let (mut col, mut alt, mut continued) = (0, 0, 0);
        loop {
            match self.peek() {
                Some(b' ') => (col, alt) = (col + 1, alt + 1),
                Some(b'\t') => (col, alt) = ((col / 8 + 1) * 8, alt + 1),
                Some(0x0C) => (col, alt) = (0, 0),
                Some(b'\\') => {
                    if continued == 0 {
                        continued = col;
                    }
                    self.continuation()?;
                    continue;
                }
                _ => break,
            }
            self.pos += 1;
        }
        if matches!(self.peek(), Some(b'#' | b'\n')) {
            return Ok(true);
        }
        if !self.brackets.is_empty() {
            return Ok(false);
        }
        if continued > 0 {
            (col, alt) = (continued, continued);
        }
        let inconsistent = "inconsistent use of tabs and spaces in indentation";
        let (top, alt_top) = self.indents.last().copied().unwrap_or_default();
        if col > top {
            if self.indents.len() >= MAX_INDENT {
                return self.indentation_error(
                    SyntaxErrorKind::Indentation,
                    1,
                    0,
                    "too many levels of indentation",
                );
            }
            if alt <= alt_top {
                return self.indentation_error(SyntaxErrorKind::Tab, 1, 0, inconsistent);
            }
            self.indents.push((col, alt));
            let place = self.place(self.pos);
            self.out.tokens.push(Tok {
                kind: T::Indent,
                ..place
            });
            return Ok(false);
        }
        let mut dedents = 0;
        while self.indents.len() > 1 && self.indents.last().is_some_and(|indent| col < indent.0) {
            self.indents.pop();
            dedents += 1;
        }
        let (top, alt_top) = self.indents.last().copied().unwrap_or_default();
        if col != top {
            let rest = &self.source[self.line_start..];
            let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
            let offset = rest[..length].chars().count() as i32;
            let message = "unindent does not match any outer indentation level";
            return self.indentation_error(SyntaxErrorKind::Indentation, offset, -1, message);
        }
        if alt != alt_top {
            return self.indentation_error(SyntaxErrorKind::Tab, 1, 0, inconsistent);
        }
        let place = self.place(self.pos);
        for _ in 0..dedents {
            self.out.tokens.push(Tok {
                kind: T::Dedent,
                ..place
            });
        }
        Ok(false)
    }

    /// A backslash and what must be a line end behind it.
    fn continuation(&mut self) -> S<()> {
        self.pos += 1;
        if self.peek() != Some(b'\n') {
            let length = self.source[self.pos..]
                .chars()
                .next()
                .map_or(0, char::len_utf8);
            let before =
                &self.source[self.line_start..(self.pos + length.min(1)).min(self.source.len())];
            let _ = length;
            let offset = before.chars().count() as i32;
            let message = "unexpected character after line continuation character".to_owned();
            let mut error = self.error_at(
                SyntaxErrorKind::Syntax,
                self.lineno,
                self.line_start,
                offset,
                0,
                message,
            );
            if let Some(text) = &mut error.text {
                text.push('\n');
            }
            self.deferred = true;
            return Err(error);
        }
        self.pos += 1;
        if self.pos >= self.bytes.len() {
            if let Some(error) = self.unclosed() {
                self.deferred = true;
                return Err(error);
            }
            let offset = self.source[self.line_start..self.pos].chars().count() as i32;
            let message = "unexpected EOF while parsing".to_owned();
            let mut error = self.error_at(
                SyntaxErrorKind::Syntax,
                self.lineno,
                self.line_start,
                offset,
                -1,
                message,
            );
            if let Some(text) = &mut error.text {
                text.push('\n');
            }
            self.deferred = true;
            return Err(error);
        }
        self.newline();
        Ok(())
    }

    /// Skips a comment; tells whether it was a type comment, which makes a token.
    fn comment(&mut self, blank: bool) -> bool {
        let start = self.pos;
        let rest = &self.bytes[start..];
        self.pos += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.comment_start = Some(start);
        if !self.type_comments {
            return false;
        }
        let text = &self.source[start..self.pos];
        let skip = |text: &'a str| text.trim_start_matches([' ', '\t']);
        let Some(text) = skip(&text[1..]).strip_prefix("type:") else {
            return false;
        };
        let text = skip(text);
        let behind = text.strip_prefix("ignore");
        if let Some(tag) = behind
            .filter(|tag| !tag.starts_with(|c: char| !c.is_ascii() || c.is_ascii_alphanumeric()))
        {
            let (lineno, end_of_text, mut end) = (self.lineno as i32, self.pos, self.pos);
            if blank && self.peek().is_some() {
                // Alone on its line, it takes the line end with it.
                end += 1;
                self.pos = end;
                self.newline();
                self.at_line_start = true;
            }
            let tag = &self.source[end_of_text - tag.len()..end];
            self.out.type_ignores.push(TypeIgnore { lineno, tag });
            return false;
        }
        self.comment_start = None;
        self.push(T::TypeComment, self.pos - text.len());
        true
    }

    fn name(&mut self) -> S<()> {
        let start = self.pos;
        // Prefixes of strings.
        let mut seen = [false; 5];
        loop {
            let index = match self.peek() {
                Some(b'b' | b'B') => 0,
                Some(b'u' | b'U') => 1,
                Some(b'r' | b'R') => 2,
                Some(b'f' | b'F') => 3,
                Some(b't' | b'T') => 4,
                Some(b'"' | b'\'') if self.pos > start => {
                    self.check_prefixes(start, seen)?;
                    if seen[3] || seen[4] {
                        return self.start_string(start, seen[2], seen[4]);
                    }
                    return self.string(start);
                }
                _ => break,
            };
            if seen[index] {
                break;
            }
            seen[index] = true;
            self.pos += 1;
        }
        let mut ascii = true;
        while let Some(byte) = self.peek() {
            if !is_identifier(byte) {
                break;
            }
            ascii &= byte < 128;
            self.pos += 1;
        }
        let text = &self.source[start..self.pos];
        if !ascii {
            self.verify_identifier(start, text)?;
        }
        self.push(keyword(text), start);
        Ok(())
    }

    fn check_prefixes(&self, start: usize, [b, u, r, f, t]: [bool; 5]) -> S<()> {
        let pairs = [
            (u && b, "u", "b"),
            (u && r, "u", "r"),
            (u && f, "u", "f"),
            (u && t, "u", "t"),
            (b && f, "b", "f"),
            (b && t, "b", "t"),
            (f && t, "f", "t"),
        ];
        for (found, first, second) in pairs {
            if found {
                let message = format!("'{first}' and '{second}' prefixes are incompatible");
                return self.error_between(Some(start), self.pos + 1, message);
            }
        }
        Ok(())
    }

    fn verify_identifier(&mut self, start: usize, text: &str) -> S<()> {
        for (at, c) in text.char_indices() {
            let code = u32::from(c);
            let fine = if at == 0 {
                c == '_' || naja_unicode::is_xid_start(code)
            } else {
                naja_unicode::is_xid_continue(code)
            };
            if !fine {
                self.pos = start + at + c.len_utf8();
                return self.invalid_character(c);
            }
        }
        Ok(())
    }

    fn invalid_character<V>(&self, c: char) -> S<V> {
        let code = u32::from(c);
        self.error(if naja_unicode::is_printable(code) {
            format!("invalid character '{c}' (U+{code:04X})")
        } else {
            format!("invalid non-printable character U+{code:04X}")
        })
    }

    fn digits(&mut self, valid: fn(u8) -> bool) {
        while self.peek().is_some_and(valid) {
            self.pos += 1;
        }
    }

    /// The rest of a run of decimal digits with underscores.
    fn decimal_tail(&mut self) -> S<()> {
        loop {
            self.digits(|b| b.is_ascii_digit());
            if self.peek() != Some(b'_') {
                return Ok(());
            }
            self.pos += 1;
            if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return self.error("invalid decimal literal".to_owned());
            }
        }
    }

    fn number(&mut self) -> S<()> {
        let start = self.pos;
        if self.peek() == Some(b'0') {
            match self.peek_at(1) {
                Some(b'x' | b'X') => {
                    return self.radix(start, "hexadecimal", |b| b.is_ascii_hexdigit());
                }
                Some(b'o' | b'O') => {
                    return self.radix(start, "octal", |b| (b'0'..b'8').contains(&b));
                }
                Some(b'b' | b'B') => {
                    return self.radix(start, "binary", |b| (b'0'..b'2').contains(&b));
                }
                _ => {}
            }
            self.pos += 1;
            loop {
                if self.peek() == Some(b'_') {
                    self.pos += 1;
                    if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                        return self.error("invalid decimal literal".to_owned());
                    }
                }
                if self.peek() != Some(b'0') {
                    break;
                }
                self.pos += 1;
            }
            let zeros_end = self.pos + 1;
            if self.peek().is_some_and(|b| b.is_ascii_digit()) {
                self.decimal_tail()?;
                if !matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'j' | b'J')) {
                    return self.error_between(
                        Some(start),
                        zeros_end,
                        "leading zeros in decimal integer literals are not permitted; \
                         use an 0o prefix for octal integers"
                            .to_owned(),
                    );
                }
            }
        } else if self.peek() != Some(b'.') {
            self.decimal_tail()?;
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            if self.peek().is_some_and(|b| b.is_ascii_digit()) {
                self.decimal_tail()?;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(self.peek_at(1), Some(b'+' | b'-')));
            if self.peek_at(1 + signed).is_some_and(|b| b.is_ascii_digit()) {
                self.pos += 1 + signed;
                self.decimal_tail()?;
            } else if signed == 1 {
                self.pos += 2;
                return self.error("invalid decimal literal".to_owned());
            } else {
                self.end_of_number("decimal")?;
                self.push(T::Number, start);
                return Ok(());
            }
        }
        if matches!(self.peek(), Some(b'j' | b'J')) {
            self.pos += 1;
            self.end_of_number("imaginary")?;
        } else {
            self.end_of_number("decimal")?;
        }
        self.push(T::Number, start);
        Ok(())
    }

    fn radix(&mut self, start: usize, kind: &'static str, valid: fn(u8) -> bool) -> S<()> {
        self.pos += 2;
        loop {
            if self.peek() == Some(b'_') {
                self.pos += 1;
            }
            match self.peek() {
                Some(byte) if valid(byte) => {}
                Some(byte) if byte.is_ascii_digit() => return self.bad_digit(byte, kind),
                _ => return self.error(format!("invalid {kind} literal")),
            }
            self.digits(valid);
            if self.peek() != Some(b'_') {
                break;
            }
        }
        if let Some(byte) = self.peek().filter(u8::is_ascii_digit) {
            return self.bad_digit(byte, kind);
        }
        self.end_of_number(kind)?;
        self.push(T::Number, start);
        Ok(())
    }

    fn bad_digit(&mut self, byte: u8, kind: &str) -> S<()> {
        self.pos += 1;
        self.error(format!(
            "invalid digit '{}' in {kind} literal",
            char::from(byte)
        ))
    }

    /// What follows a number: a keyword is warned of, any other letter is an error.
    fn end_of_number(&mut self, kind: &str) -> S<()> {
        let Some(byte) = self.peek().filter(|&b| b < 128 && is_identifier(b)) else {
            return Ok(());
        };
        let rest = &self.bytes[self.pos..];
        let word = |word: &[u8]| {
            rest.starts_with(word) && !rest.get(word.len()).is_some_and(|&b| is_identifier(b))
        };
        let keyword = match byte {
            b'a' => word(b"and"),
            b'e' => word(b"else"),
            b'f' => word(b"for"),
            b'i' => matches!(rest.get(1), Some(b'f' | b'n' | b's')),
            b'o' => word(b"or"),
            b'n' => word(b"not"),
            _ => false,
        };
        if keyword {
            self.warn(format!("invalid {kind} literal"));
            return Ok(());
        }
        self.error(format!("invalid {kind} literal"))
    }

    fn operator(&mut self, byte: u8) -> S<()> {
        let start = self.pos;
        if let Some(mode) = self.modes.last_mut()
            && byte == b':'
            && mode.expr_start_depth >= 0
            && mode.curly_depth - 1 == mode.expr_start_depth
        {
            mode.literal = true;
            mode.in_format_spec = true;
            self.pos += 1;
            self.push(T::Colon, start);
            return Ok(());
        }
        let (kind, length) = operator(byte, self.peek_at(1), self.peek_at(2));
        if length > 1 {
            self.pos += length;
            self.push(kind, start);
            return Ok(());
        }
        match byte {
            b'(' | b'[' | b'{' => {
                self.pos += 1;
                if self.brackets.len() >= MAX_LEVEL {
                    return self.error("too many nested parentheses".to_owned());
                }
                self.brackets.push(Bracket {
                    kind: byte,
                    lineno: self.lineno,
                    col: start - self.line_start,
                    line_start: self.line_start,
                });
                if let Some(mode) = self.modes.last_mut() {
                    mode.curly_depth += 1;
                }
            }
            b')' | b']' | b'}' => {
                self.pos += 1;
                self.close(byte)?;
            }
            _ => {
                self.pos += 1;
                if !(0x20..0x7F).contains(&byte) {
                    return self.invalid_character(char::from(byte));
                }
            }
        }
        self.push(kind, start);
        Ok(())
    }

    fn close(&mut self, byte: u8) -> S<()> {
        let c = char::from(byte);
        if let Some(mode) = self.modes.last()
            && mode.curly_depth == 0
            && byte == b'}'
        {
            return self.error(format!(
                "{}-string: single '}}' is not allowed",
                mode.prefix()
            ));
        }
        let Some(open) = self.brackets.pop() else {
            return self.error(format!("unmatched '{c}'"));
        };
        if !matches!(
            (open.kind, byte),
            (b'(', b')') | (b'[', b']') | (b'{', b'}')
        ) {
            if let Some(mode) = self.modes.last()
                && open.kind == b'{'
                && mode.curly_depth - 1 == mode.expr_start_depth
            {
                return self.error(format!("{}-string: unmatched '{c}'", mode.prefix()));
            }
            let opening = char::from(open.kind);
            return self.error(if open.lineno != self.lineno {
                format!(
                    "closing parenthesis '{c}' does not match opening parenthesis '{opening}' on line {}",
                    open.lineno
                )
            } else {
                format!("closing parenthesis '{c}' does not match opening parenthesis '{opening}'")
            });
        }
        if let Some(mode) = self.modes.last_mut() {
            mode.curly_depth -= 1;
            if mode.curly_depth < 0 {
                let message = format!("{}-string: unmatched '{c}'", mode.prefix());
                return self.error(message);
            }
            if byte == b'}' && mode.curly_depth == mode.expr_start_depth {
                mode.expr_start_depth -= 1;
                mode.literal = true;
                mode.in_format_spec = false;
            }
        }
        Ok(())
    }

    /// Interactive input ends with an extra line end, and where its own last line has none, with the dedents that the
    /// end implies.
    fn finish_single(&mut self, dont_imply_dedent: bool) {
        let end = self.place(self.pos);
        let tokens = &mut self.out.tokens;
        if tokens.len() <= 1 {
            return;
        }
        tokens.pop();
        tokens.push(Tok {
            kind: T::Newline,
            ..end
        });
        if self.indents.len() > 1 && !dont_imply_dedent {
            for _ in 1..self.indents.len() {
                tokens.push(Tok {
                    kind: T::Dedent,
                    ..end
                });
            }
            tokens.push(Tok {
                kind: T::Newline,
                ..end
            });
        }
        tokens.push(end);
    }
}

/// The operator that begins with `a`, and its length.
fn operator(a: u8, b: Option<u8>, c: Option<u8>) -> (T, usize) {
    let equal = b == Some(b'=');
    let twice = b == Some(a);
    let third = c == Some(b'=');
    match a {
        b'(' => (T::LPar, 1),
        b')' => (T::RPar, 1),
        b'[' => (T::LSqb, 1),
        b']' => (T::RSqb, 1),
        b'{' => (T::LBrace, 1),
        b'}' => (T::RBrace, 1),
        b',' => (T::Comma, 1),
        b';' => (T::Semi, 1),
        b'~' => (T::Tilde, 1),
        b':' if equal => (T::ColonEqual, 2),
        b':' => (T::Colon, 1),
        b'.' if twice && c == Some(b'.') => (T::Ellipsis, 3),
        b'.' => (T::Dot, 1),
        b'=' if twice => (T::EqEqual, 2),
        b'=' => (T::Equal, 1),
        b'!' if equal => (T::NotEqual, 2),
        b'!' => (T::Exclamation, 1),
        b'+' if equal => (T::PlusEqual, 2),
        b'+' => (T::Plus, 1),
        b'-' if equal => (T::MinEqual, 2),
        b'-' if b == Some(b'>') => (T::RArrow, 2),
        b'-' => (T::Minus, 1),
        b'*' if twice && third => (T::DoubleStarEqual, 3),
        b'*' if twice => (T::DoubleStar, 2),
        b'*' if equal => (T::StarEqual, 2),
        b'*' => (T::Star, 1),
        b'/' if twice && third => (T::DoubleSlashEqual, 3),
        b'/' if twice => (T::DoubleSlash, 2),
        b'/' if equal => (T::SlashEqual, 2),
        b'/' => (T::Slash, 1),
        b'<' if twice && third => (T::LeftShiftEqual, 3),
        b'<' if twice => (T::LeftShift, 2),
        b'<' if equal => (T::LessEqual, 2),
        b'<' if b == Some(b'>') => (T::NotEqual, 2),
        b'<' => (T::Less, 1),
        b'>' if twice && third => (T::RightShiftEqual, 3),
        b'>' if twice => (T::RightShift, 2),
        b'>' if equal => (T::GreaterEqual, 2),
        b'>' => (T::Greater, 1),
        b'%' if equal => (T::PercentEqual, 2),
        b'%' => (T::Percent, 1),
        b'&' if equal => (T::AmperEqual, 2),
        b'&' => (T::Amper, 1),
        b'|' if equal => (T::VBarEqual, 2),
        b'|' => (T::VBar, 1),
        b'^' if equal => (T::CircumflexEqual, 2),
        b'^' => (T::Circumflex, 1),
        b'@' if equal => (T::AtEqual, 2),
        b'@' => (T::At, 1),
        _ => (T::Op, 1),
    }
}
