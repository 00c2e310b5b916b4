//! Tokens as `_tokenize.TokenizerIter` gives them: columns in characters, the text of the line, adjusted ends.
//!
//! CPython: `Python/Python-tokenize.c`.

use super::{LineSource, Token, TokenError, TokenKind, Tokenizer, TokenizerOptions};
use crate::error::Warning;
use std::ops::Range;

/// What one item of `TokenizerIter` is made of. Texts are UTF-8; the line is a range of [`Infos::text`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    pub kind: u8,
    pub string: Vec<u8>,
    pub start: (u32, i32),
    pub end: (u32, i32),
    pub line: Range<usize>,
    /// Whether `line` was looked up anew.
    pub line_changed: bool,
}

/// The state of a `TokenizerIter`.
pub struct Infos {
    tokenizer: Tokenizer,
    done: bool,
    last_line: Range<usize>,
    last_number: u32,
    /// How many more bytes than characters there are on the line so far.
    surplus: i64,
}

fn characters(bytes: &[u8]) -> i64 {
    bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count() as i64
}

impl Infos {
    /// An iteration that has read nothing.
    pub fn new(extra_tokens: bool) -> Self {
        Self {
            tokenizer: Tokenizer::new(TokenizerOptions {
                extra_tokens,
                ..TokenizerOptions::default()
            }),
            done: false,
            last_line: 0..0,
            last_number: 0,
            surplus: 0,
        }
    }

    /// Everything read so far.
    pub fn text(&self) -> &[u8] {
        self.tokenizer.text()
    }

    /// The warnings that came up since the last call.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        self.tokenizer.take_warnings()
    }

    /// The next item; none at the end.
    pub fn next_info(&mut self, lines: &mut dyn LineSource) -> Result<Option<Info>, TokenError> {
        if self.done {
            return Ok(None);
        }
        match self.tokenizer.next_token(lines) {
            Ok(token) => {
                self.done = token.kind == TokenKind::EndMarker;
                Ok(Some(self.info(&token)))
            }
            Err(error) => {
                self.done = true;
                Err(error)
            }
        }
    }

    fn info(&mut self, token: &Token) -> Info {
        let tokenizer = &self.tokenizer;
        let (extra, implicit) = (tokenizer.options.extra_tokens, tokenizer.implicit_newline);
        let trailing = token.kind == TokenKind::EndMarker
            || (token.kind == TokenKind::Dedent && tokenizer.at_end);
        let line_start = if token.kind.is_string() {
            tokenizer.multi_line_start
        } else {
            tokenizer.line_start
        };
        let mut line_changed = true;
        let line = if extra && trailing {
            0..0
        } else {
            line_changed = tokenizer.line != self.last_number;
            if line_changed {
                let end = tokenizer.text.len();
                self.last_line = line_start..end - usize::from(end > line_start && implicit);
                self.surplus = 0;
            }
            self.last_line.clone()
        };
        let (mut start_line, mut end_line) = (token.start.line, token.end.line);
        let (mut start_col, mut end_col) = self.columns(token, line_start, line_changed);
        self.last_number = start_line;
        let mut string = self.tokenizer.token_text(token).to_vec();
        let mut kind = token.kind.number();
        if extra {
            if trailing {
                (start_line, end_line) = (start_line + 1, end_line + 1);
                (start_col, end_col) = (0, 0);
            }
            match token.kind {
                TokenKind::Newline => {
                    if !implicit {
                        let first = self.tokenizer.text.get(token.start.offset as usize);
                        string = if first == Some(&b'\r') {
                            b"\r\n".to_vec()
                        } else {
                            b"\n".to_vec()
                        };
                    }
                    end_col += 1;
                }
                TokenKind::Nl if implicit => string.clear(),
                other if other.is_operator() => kind = TokenKind::Op.number(),
                _ => {}
            }
        }
        Info {
            kind,
            string,
            start: (start_line, start_col),
            end: (end_line, end_col),
            line,
            line_changed,
        }
    }

    fn columns(&mut self, token: &Token, line_start: usize, line_changed: bool) -> (i32, i32) {
        if !token.located {
            return (-1, -1);
        }
        let text = &self.tokenizer.text;
        let (start, end) = (token.start.offset as usize, token.end.offset as usize);
        let count = |from: usize, to: usize| characters(text.get(from..to).unwrap_or(&[]));
        let (mut start_col, mut end_col) = (-1, -1);
        if start >= line_start {
            let bytes = (start - line_start) as i64;
            if line_changed {
                start_col = count(line_start, start);
                self.surplus = bytes - start_col;
            } else {
                start_col = bytes - self.surplus;
            }
        }
        let end_line_start = self.tokenizer.line_start;
        if end >= end_line_start {
            if token.start.line == token.end.line {
                let inside = count(start, end);
                end_col = start_col + inside;
                self.surplus += (end - start) as i64 - inside;
            } else {
                end_col = count(end_line_start, end);
                self.surplus += (end - end_line_start) as i64 - end_col;
            }
        }
        (start_col as i32, end_col as i32)
    }
}
