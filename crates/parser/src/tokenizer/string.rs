//! Strings, and the literal text of f-strings and t-strings.
//!
//! CPython: `Parser/lexer/lexer.c`, `tok_get_fstring_mode`.

use super::{
    LineSource, MAX_EXPRESSION_NESTING, MAX_STRING_LEVEL, Made, Mode, TokenError, TokenKind,
    Tokenizer,
};

impl Tokenizer {
    /// The size of the opening quotes, the first of which has been read; the others are skipped.
    fn opening(&mut self, quote: u8) -> usize {
        if self.text.get(self.cur) == Some(&quote) && self.text.get(self.cur + 1) == Some(&quote) {
            self.cur += 2;
            return 3;
        }
        1
    }

    /// A string without replacement fields, whose first quote has been read.
    pub(super) fn string(&mut self, quote: u8, lines: &mut dyn LineSource) -> Made {
        self.first_line = self.line;
        self.multi_line_start = self.line_start;
        let size = self.opening(quote);
        let (mut closing, mut escaped_quote) = (0, false);
        while closing != size {
            match self.next(lines)? {
                None => return Err(self.unterminated(quote, size, escaped_quote)),
                Some(b'\n') if size == 1 => {
                    return Err(self.unterminated(quote, size, escaped_quote));
                }
                Some(found) if found == quote => closing += 1,
                Some(b'\\') => {
                    closing = 0;
                    let skipped = self.next(lines)?;
                    escaped_quote |= skipped == Some(quote);
                    if skipped == Some(b'\r') {
                        self.next(lines)?;
                    }
                }
                Some(_) => closing = 0,
            }
        }
        self.token(TokenKind::String)
    }

    #[cold]
    fn unterminated(&mut self, quote: u8, size: usize, escaped_quote: bool) -> TokenError {
        let detected = self.line;
        self.cur = self.start.unwrap_or(self.cur) + 1;
        self.line_start = self.multi_line_start;
        self.line = self.first_line;
        if let Some(mode) = self.modes.last()
            && mode.quote == quote
            && mode.quote_size == size
        {
            return self.syntax(format!("{}-string: expecting '}}'", mode.prefix()));
        }
        let what = if size == 3 {
            "triple-quoted string"
        } else {
            "string"
        };
        let hint = if size == 1 && escaped_quote {
            "; perhaps you escaped the end quote?"
        } else {
            ""
        };
        self.syntax(format!(
            "unterminated {what} literal (detected at line {detected}){hint}"
        ))
    }

    /// The start of an f-string or t-string, whose first quote has been read.
    pub(super) fn start_string(&mut self, quote: u8, raw: bool, template: bool) -> Made {
        self.first_line = self.line;
        self.multi_line_start = self.line_start;
        let quote_size = self.opening(quote);
        if self.modes.len() + 1 >= MAX_STRING_LEVEL {
            return Err(self.syntax("too many nested f-strings or t-strings".to_owned()));
        }
        self.modes.push(Mode {
            literal: true,
            quote,
            quote_size,
            raw,
            template,
            start: self.start.unwrap_or(self.cur),
            first_line: self.line,
            first_line_start: self.line_start,
            curly_depth: 0,
            expr_start_depth: -1,
            in_format_spec: false,
        });
        self.token(if template {
            TokenKind::TStringStart
        } else {
            TokenKind::FStringStart
        })
    }

    /// The end of an f-string, a piece of its text, or the start of a replacement field.
    pub(super) fn literal_mode(&mut self, lines: &mut dyn LineSource) -> Made {
        let start = self.cur;
        self.start = Some(start);
        let first = self.next(lines)?;
        self.back(first);
        self.first_line = self.line;
        self.multi_line_start = self.line_start;
        if first == Some(b'{') && self.text.get(self.cur + 1) != Some(&b'{') {
            self.enter_field(false)?;
            return self.regular_mode(lines);
        }
        let Some(mode) = self.modes.last() else {
            return self.regular_mode(lines);
        };
        let (quote, size, template) = (mode.quote, mode.quote_size, mode.template);
        if self
            .text
            .get(start..start + size)
            .is_some_and(|found| found.iter().all(|&b| b == quote))
        {
            self.cur += size;
            self.modes.pop();
            return self.token(if template {
                TokenKind::TStringEnd
            } else {
                TokenKind::FStringEnd
            });
        }
        let end = self.middle(lines)?;
        self.made(
            if template {
                TokenKind::TStringMiddle
            } else {
                TokenKind::FStringMiddle
            },
            start,
            end,
        )
    }

    /// A replacement field begins.
    fn enter_field(&mut self, leave_format_spec: bool) -> Result<(), TokenError> {
        let Some(mode) = self.modes.last_mut() else {
            return Ok(());
        };
        mode.expr_start_depth += 1;
        if mode.expr_start_depth >= MAX_EXPRESSION_NESTING {
            let message = format!("{}-string: expressions nested too deeply", mode.prefix());
            return Err(self.syntax(message));
        }
        mode.literal = false;
        mode.in_format_spec &= !leave_format_spec;
        Ok(())
    }

    /// Reads literal text and says where it ends; the current position may be behind that, at the next text.
    fn middle(&mut self, lines: &mut dyn LineSource) -> Result<usize, TokenError> {
        let Some(mode) = self.modes.last() else {
            return Ok(self.cur);
        };
        let (quote, size, raw) = (mode.quote, mode.quote_size, mode.raw);
        let in_format_spec = mode.in_format_spec && mode.inside_field();
        let depth = mode.curly_depth;
        let (mut closing, mut named) = (0, false);
        while closing != size {
            let byte = self.next(lines)?;
            match byte {
                None => return Err(self.unterminated_literal(in_format_spec, false)),
                Some(b'\n') if size == 1 => {
                    return Err(self.unterminated_literal(in_format_spec, true));
                }
                Some(found) if found == quote => {
                    closing += 1;
                    continue;
                }
                _ => closing = 0,
            }
            match byte {
                Some(b'{') => {
                    if self.text.get(self.cur) == Some(&b'{') && !in_format_spec {
                        self.cur += 1;
                        return Ok(self.cur - 1);
                    }
                    self.cur -= 1;
                    self.enter_field(true)?;
                    return Ok(self.cur);
                }
                Some(b'}') if named => return Ok(self.cur),
                Some(b'}') => {
                    if self.text.get(self.cur) == Some(&b'}') && !in_format_spec && depth == 0 {
                        self.cur += 1;
                        return Ok(self.cur - 1);
                    }
                    self.cur -= 1;
                    if let Some(mode) = self.modes.last_mut() {
                        mode.literal = false;
                        mode.in_format_spec = false;
                    }
                    return Ok(self.cur);
                }
                Some(b'\\') => self.escape(raw, &mut named, lines)?,
                _ => {}
            }
        }
        self.cur -= size;
        Ok(self.cur)
    }

    fn escape(
        &mut self,
        raw: bool,
        named: &mut bool,
        lines: &mut dyn LineSource,
    ) -> Result<(), TokenError> {
        let mut peek = self.next(lines)?;
        if peek == Some(b'\r') {
            peek = self.next(lines)?;
        }
        if let Some(brace @ (b'{' | b'}')) = peek {
            if !raw {
                let c = char::from(brace);
                self.warn(format!(
                    "\"\\{c}\" is an invalid escape sequence. Such sequences will not work in the future. \
                     Did you mean \"\\\\{c}\"? A raw string is also an option."
                ));
            }
            self.back(peek);
        } else if !raw && peek == Some(b'N') && self.text.get(self.cur) == Some(&b'{') {
            self.cur += 1;
            *named = true;
        }
        Ok(())
    }

    #[cold]
    fn unterminated_literal(&mut self, in_format_spec: bool, newline: bool) -> TokenError {
        let detected = self.line;
        let Some(mode) = self.modes.last() else {
            return self.end_error();
        };
        let prefix = mode.prefix();
        if in_format_spec && newline {
            return self.syntax(format!(
                "{prefix}-string: newlines are not allowed in format specifiers for single quoted {prefix}-strings"
            ));
        }
        let what = if mode.quote_size == 3 {
            "triple-quoted "
        } else {
            ""
        };
        (self.cur, self.line_start, self.line) =
            (mode.start + 1, mode.first_line_start, mode.first_line);
        self.syntax(format!(
            "unterminated {what}{prefix}-string literal (detected at line {detected})"
        ))
    }
}
