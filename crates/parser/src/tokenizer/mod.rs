//! Source text to tokens one by one, as Python's `tokenize` module sees them: with comments, blank lines and all.
//!
//! The tokenizer asks a [`LineSource`] for a line only when it needs one, keeps everything it has read, and holds
//! stacks of indentations, of open brackets and of f-strings that switch between literal text and replacement fields.
//! The parser has a scanner of its own that takes a whole text at once (`parser/scanner.rs`).
//! CPython: `Parser/lexer/lexer.c`, `Parser/tokenizer/readline_tokenizer.c`, `Python/Python-tokenize.c`.

mod info;
mod number;
mod regular;
mod string;

use crate::error::{SyntaxError, SyntaxErrorKind, Warning, WarningCategory};
pub use crate::token::TokenKind;
pub use info::{Info, Infos};

const MAX_INDENT: usize = 100;
const MAX_LEVEL: usize = 200;
const MAX_STRING_LEVEL: usize = 150;
const MAX_EXPRESSION_NESTING: i32 = 3;

/// Where lines come from.
pub trait LineSource {
    /// Appends the next line with its line end to `text`, or nothing at the end of the input. On failure the source
    /// itself remembers why.
    fn append_line(&mut self, text: &mut Vec<u8>) -> Result<(), ReadFailed>;
}

/// The source of lines has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadFailed;

/// The lines of a text that is in memory.
#[derive(Clone, Copy, Debug)]
pub struct TextLines<'t>(pub &'t str);

impl LineSource for TextLines<'_> {
    fn append_line(&mut self, text: &mut Vec<u8>) -> Result<(), ReadFailed> {
        let end = memchr::memchr(b'\n', self.0.as_bytes()).map_or(self.0.len(), |at| at + 1);
        let (line, rest) = self.0.split_at(end);
        text.extend_from_slice(line.as_bytes());
        self.0 = rest;
        Ok(())
    }
}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenError {
    Syntax(SyntaxError),
    Read,
}

impl From<ReadFailed> for TokenError {
    fn from(_: ReadFailed) -> Self {
        TokenError::Read
    }
}

/// What kind of tokens to make.
#[derive(Clone, Copy, Default, Debug)]
pub struct TokenizerOptions {
    /// `COMMENT` and `NL` tokens, and no errors for what only a parser must refuse.
    pub extra_tokens: bool,
    /// `TYPE_COMMENT` and `TYPE_IGNORE` tokens.
    pub type_comments: bool,
    /// Empty lines end a statement.
    pub interactive: bool,
}

/// A place: byte offset into the text read so far, line from 1, column in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Pos {
    pub offset: u32,
    pub line: u32,
    pub col: u32,
}

/// A token. One that is not `located` (the indentation and the end, without `extra_tokens`) has no text and no columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: TokenKind,
    pub start: Pos,
    pub end: Pos,
    pub located: bool,
}

/// A string with replacement fields that is being read.
struct Mode {
    /// Literal text comes next, as opposed to the inside of a field.
    literal: bool,
    quote: u8,
    quote_size: usize,
    raw: bool,
    template: bool,
    start: usize,
    first_line: u32,
    first_line_start: usize,
    curly_depth: i32,
    /// Depth of the brackets at which the innermost field began; -1 outside of fields.
    expr_start_depth: i32,
    in_format_spec: bool,
}

impl Mode {
    fn prefix(&self) -> char {
        if self.template { 't' } else { 'f' }
    }

    fn inside_field(&self) -> bool {
        self.expr_start_depth >= 0
    }
}

struct Bracket {
    kind: u8,
    line: u32,
}

type Made = Result<Token, TokenError>;

/// The state between tokens.
pub struct Tokenizer {
    options: TokenizerOptions,
    text: Vec<u8>,
    cur: usize,
    /// Where the token begins; what CPython forgets of the text depends on whether there is one.
    start: Option<usize>,
    /// Start of what CPython would have in its buffer: errors show it.
    kept: usize,
    line_start: usize,
    line: u32,
    first_line: u32,
    multi_line_start: usize,
    at_line_start: bool,
    pending: i32,
    indents: Vec<(usize, usize)>,
    brackets: Vec<Bracket>,
    modes: Vec<Mode>,
    comment_newline: bool,
    implicit_newline: bool,
    at_end: bool,
    warnings: Vec<Warning>,
}

impl Tokenizer {
    /// A tokenizer that has read nothing.
    pub fn new(options: TokenizerOptions) -> Self {
        Self {
            options,
            text: Vec::new(),
            cur: 0,
            start: None,
            kept: 0,
            line_start: 0,
            line: 0,
            first_line: 0,
            multi_line_start: 0,
            at_line_start: true,
            pending: 0,
            indents: vec![(0, 0)],
            brackets: Vec::new(),
            modes: Vec::new(),
            comment_newline: false,
            implicit_newline: false,
            at_end: false,
            warnings: Vec::new(),
        }
    }

    /// Everything read so far, with the line end that the last line may lack.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text of a token.
    pub fn token_text(&self, token: &Token) -> &[u8] {
        if !token.located {
            return &[];
        }
        self.text
            .get(token.start.offset as usize..token.end.offset as usize)
            .unwrap_or(&[])
    }

    /// The warnings that came up since the last call.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// The next token. After `EndMarker` and after an error nothing of interest follows.
    pub fn next_token(&mut self, lines: &mut dyn LineSource) -> Made {
        if self.modes.last().is_some_and(|mode| mode.literal) {
            self.literal_mode(lines)
        } else {
            self.regular_mode(lines)
        }
    }

    #[inline]
    fn next(&mut self, lines: &mut dyn LineSource) -> Result<Option<u8>, TokenError> {
        if let Some(&byte) = self.text.get(self.cur) {
            self.cur += 1;
            return Ok(Some(byte));
        }
        self.read_line(lines)
    }

    /// Reads a line and gives its first byte.
    #[cold]
    fn read_line(&mut self, lines: &mut dyn LineSource) -> Result<Option<u8>, TokenError> {
        if self.at_end {
            return Ok(None);
        }
        if self.start.is_none() && self.modes.is_empty() {
            self.kept = self.cur;
        }
        lines.append_line(&mut self.text)?;
        self.line_start = self.cur;
        if self.text.len() == self.cur {
            self.at_end = true;
            return Ok(None);
        }
        self.implicit_newline = self.text.last() != Some(&b'\n');
        if self.implicit_newline {
            self.text.push(b'\n');
        }
        if u32::try_from(self.text.len()).is_err() {
            return Err(self.syntax("source too large to tokenize".to_owned()));
        }
        self.line += 1;
        if memchr::memchr(0, &self.text[self.cur..]).is_some() {
            return Err(self.syntax("source code cannot contain null bytes".to_owned()));
        }
        self.cur += 1;
        Ok(self.text.get(self.cur - 1).copied())
    }

    /// Takes back what `next` gave.
    #[inline]
    fn back(&mut self, byte: Option<u8>) {
        self.cur -= usize::from(byte.is_some());
    }

    fn place(&self, offset: usize, line: u32, line_start: usize) -> Pos {
        Pos {
            offset: offset as u32,
            line,
            col: offset.saturating_sub(line_start) as u32,
        }
    }

    /// A token from `start` to `end`, both on the current line unless it is a piece of string.
    #[inline]
    fn made(&self, kind: TokenKind, start: usize, end: usize) -> Made {
        let (line, line_start) = if kind.is_string() {
            (self.first_line, self.multi_line_start)
        } else {
            (self.line, self.line_start)
        };
        Ok(Token {
            kind,
            start: self.place(start, line, line_start),
            end: self.place(end, self.line, self.line_start),
            located: true,
        })
    }

    /// A token from its start to the current position.
    #[inline]
    fn token(&self, kind: TokenKind) -> Made {
        self.made(kind, self.start.unwrap_or(self.cur), self.cur)
    }

    /// A token without text.
    fn unlocated(&self, kind: TokenKind) -> Made {
        let here = self.place(self.cur, self.line, self.line_start);
        Ok(Token {
            kind,
            start: here,
            end: here,
            located: false,
        })
    }

    /// How many characters there are from the start of the line to `to`.
    fn column(&self, to: usize) -> i32 {
        let bytes = self.text.get(self.line_start..to).unwrap_or(&[]);
        bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count() as i32
    }

    /// An error at the current position.
    #[cold]
    fn syntax(&self, message: String) -> TokenError {
        let offset = self.column(self.cur);
        self.syntax_between(offset, offset, message)
    }

    /// An error between two columns.
    #[cold]
    fn syntax_between(&self, offset: i32, end_offset: i32, message: String) -> TokenError {
        let line = self.text.get(self.line_start..).unwrap_or(&[]);
        let length = memchr::memchr2(b'\n', 0, line).unwrap_or(line.len());
        TokenError::Syntax(SyntaxError {
            kind: SyntaxErrorKind::Syntax,
            message,
            lineno: self.line as i32,
            offset,
            end_lineno: self.line as i32,
            end_offset,
            text: Some(String::from_utf8_lossy(&line[..length]).into_owned()),
            metadata: None,
        })
    }

    /// An error of the line as a whole; it ends the input. Python gives it no end (-1 here).
    #[cold]
    fn line_error(&mut self, kind: SyntaxErrorKind, message: &str) -> TokenError {
        self.cur = self.text.len();
        let kept = self.text.get(self.kept..).unwrap_or(&[]);
        let text = String::from_utf8_lossy(kept.strip_suffix(b"\n").unwrap_or(kept)).into_owned();
        TokenError::Syntax(SyntaxError {
            kind,
            message: message.to_owned(),
            lineno: self.line as i32,
            offset: text.chars().count() as i32 + 1,
            end_lineno: -1,
            end_offset: -1,
            text: Some(text),
            metadata: None,
        })
    }

    #[cold]
    fn tab_error(&mut self) -> TokenError {
        self.line_error(
            SyntaxErrorKind::Tab,
            "inconsistent use of tabs and spaces in indentation",
        )
    }

    /// The input ends where it must not.
    #[cold]
    fn end_error(&self) -> TokenError {
        TokenError::Syntax(SyntaxError {
            kind: SyntaxErrorKind::Syntax,
            message: "unexpected EOF in multi-line statement".to_owned(),
            lineno: self.line as i32,
            offset: (self.text.len() - self.kept) as i32,
            end_lineno: self.line as i32,
            end_offset: -1,
            text: None,
            metadata: None,
        })
    }

    fn warn(&mut self, message: String) {
        self.warnings.push(Warning {
            category: WarningCategory::Syntax,
            message,
            lineno: self.line as i32,
            col_offset: 0,
            end_lineno: 0,
            end_col_offset: 0,
        });
    }
}

#[cfg(test)]
mod tests;
