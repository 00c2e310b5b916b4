//! String literals, and the literal text of f-strings and t-strings.
//!
//! While the innermost mode is `literal`, the scanner reads text up to the end quote or the brace of a replacement field;
//! inside of a field the usual rules hold until the field's own closing brace, or the colon of its format
//! specification, switches back. CPython: `tok_get_fstring_mode` in `Parser/lexer/lexer.c`.

use super::{MAX_EXPRESSION_NESTING, MAX_STRING_LEVEL, S, Scanner, StringMode};
use crate::parser::literal::BadEscape;
use crate::parser::stream::T;

impl Scanner<'_> {
    /// A string without replacement fields, at its quote.
    pub(super) fn string(&mut self, start: usize) -> S<()> {
        let (lineno, line_start) = (self.lineno, self.line_start);
        let quote = self.bytes[self.pos];
        let triple = self.peek_at(1) == Some(quote) && self.peek_at(2) == Some(quote);
        self.pos += if triple { 3 } else { 1 };
        let mut escaped_quote = false;
        loop {
            let rest = &self.bytes[self.pos..];
            let Some(at) = (if triple {
                memchr::memchr3(quote, b'\\', b'\n', rest)
            } else {
                rest.iter()
                    .position(|&b| b == quote || b == b'\\' || b == b'\n')
            }) else {
                self.pos = self.bytes.len();
                return self.unterminated(start, lineno, line_start, quote, triple, escaped_quote);
            };
            self.pos += at;
            match self.bytes[self.pos] {
                b'\n' if triple => {
                    self.pos += 1;
                    self.newline();
                }
                b'\n' => {
                    return self.unterminated(
                        start,
                        lineno,
                        line_start,
                        quote,
                        triple,
                        escaped_quote,
                    );
                }
                b'\\' => {
                    self.pos += 1;
                    escaped_quote |= self.peek() == Some(quote);
                    let newline = self.peek() == Some(b'\n');
                    self.pos = (self.pos + 1).min(self.bytes.len());
                    if newline {
                        self.newline();
                    }
                }
                _ if triple => {
                    if rest_starts(self.bytes, self.pos, quote, 3) {
                        self.pos += 3;
                        break;
                    }
                    self.pos += 1;
                }
                _ => {
                    self.pos += 1;
                    break;
                }
            }
        }
        self.push_from(T::String, start, lineno, line_start, self.pos);
        Ok(())
    }

    fn unterminated(
        &mut self,
        start: usize,
        lineno: u32,
        line_start: usize,
        quote: u8,
        triple: bool,
        escaped_quote: bool,
    ) -> S<()> {
        let detected = self.lineno;
        (self.pos, self.lineno, self.line_start) = (start + 1, lineno, line_start);
        let size = if triple { 3 } else { 1 };
        if let Some(mode) = self.modes.last()
            && mode.quote == quote
            && mode.quote_size == size
        {
            return self.error(format!("{}-string: expecting '}}'", mode.prefix()));
        }
        self.error(if triple {
            format!("unterminated triple-quoted string literal (detected at line {detected})")
        } else if escaped_quote {
            format!(
                "unterminated string literal (detected at line {detected}); perhaps you escaped the end quote?"
            )
        } else {
            format!("unterminated string literal (detected at line {detected})")
        })
    }

    /// The start of an f-string or t-string, at its quote.
    pub(super) fn start_string(&mut self, start: usize, raw: bool, template: bool) -> S<()> {
        let quote = self.bytes[self.pos];
        let quote_size = if rest_starts(self.bytes, self.pos, quote, 3) {
            3
        } else {
            1
        };
        self.pos += quote_size;
        if self.modes.len() + 1 >= MAX_STRING_LEVEL {
            return self.error("too many nested f-strings or t-strings".to_owned());
        }
        self.modes.push(StringMode {
            literal: true,
            quote,
            quote_size,
            start,
            first_line: self.lineno,
            first_line_start: self.line_start,
            curly_depth: 0,
            expr_start_depth: -1,
            in_format_spec: false,
            raw,
            template,
        });
        self.push(
            if template {
                T::TemplateStart
            } else {
                T::FStringStart
            },
            start,
        );
        Ok(())
    }

    /// The literal part of an f-string: its end, a replacement field's brace, or a piece of text.
    pub(super) fn string_mode(&mut self) -> S<()> {
        let Some(mode) = self.modes.last_mut() else {
            return Ok(());
        };
        let (quote, size, raw, template) = (mode.quote, mode.quote_size, mode.raw, mode.template);
        if self.bytes.get(self.pos) == Some(&b'{') && self.bytes.get(self.pos + 1) != Some(&b'{') {
            return self.enter_field();
        }
        if rest_starts(self.bytes, self.pos, quote, size) {
            let start = self.pos;
            self.pos += size;
            self.modes.pop();
            self.push(
                if template {
                    T::TemplateEnd
                } else {
                    T::FStringEnd
                },
                start,
            );
            return Ok(());
        }
        let in_format_spec = mode.in_format_spec && mode.expr_start_depth >= 0;
        let kind = if template {
            T::TemplateMiddle
        } else {
            T::FStringMiddle
        };
        let (start, lineno, line_start) = (self.pos, self.lineno, self.line_start);
        let mut named = false;
        loop {
            let byte = self.peek();
            match byte {
                None | Some(b'\n') if byte.is_none() || size == 1 => {
                    if in_format_spec && byte.is_some() {
                        self.pos += 1;
                        let prefix = if template { 't' } else { 'f' };
                        return self.error(format!(
                            "{prefix}-string: newlines are not allowed in format specifiers \
                             for single quoted {prefix}-strings"
                        ));
                    }
                    return self.unterminated_mode();
                }
                Some(b'\n') => {
                    self.pos += 1;
                    self.newline();
                }
                Some(byte) if byte == quote && rest_starts(self.bytes, self.pos, quote, size) => {
                    self.push_from(kind, start, lineno, line_start, self.pos);
                    return Ok(());
                }
                Some(b'{') => {
                    if self.peek_at(1) == Some(b'{') && !in_format_spec {
                        self.push_doubled(kind, start, lineno, line_start);
                        return Ok(());
                    }
                    self.push_from(kind, start, lineno, line_start, self.pos);
                    return self.enter_field();
                }
                Some(b'}') => {
                    if named {
                        self.pos += 1;
                        self.push_from(kind, start, lineno, line_start, self.pos);
                        return Ok(());
                    }
                    let depth = self.modes.last().map_or(0, |mode| mode.curly_depth);
                    if self.peek_at(1) == Some(b'}') && !in_format_spec && depth == 0 {
                        self.push_doubled(kind, start, lineno, line_start);
                    } else {
                        if let Some(mode) = self.modes.last_mut() {
                            mode.literal = false;
                        }
                        self.push_from(kind, start, lineno, line_start, self.pos);
                    }
                    return Ok(());
                }
                Some(b'\\') => {
                    self.pos += 1;
                    match self.peek() {
                        Some(b'{' | b'}') if raw => {}
                        Some(brace @ (b'{' | b'}')) => {
                            let sequence = if brace == b'{' { "{" } else { "}" };
                            let bad = BadEscape {
                                offset: 0,
                                sequence,
                                octal: false,
                            };
                            self.warn(bad.message());
                        }
                        Some(b'N') if !raw && self.peek_at(1) == Some(b'{') => {
                            self.pos += 2;
                            named = true;
                        }
                        Some(b'\n') => {
                            self.pos += 1;
                            self.newline();
                        }
                        Some(_) => self.pos += 1,
                        None => {}
                    }
                }
                _ => self.pos += 1,
            }
        }
    }

    /// A piece of text that ends with a doubled brace: the text has one, the columns both.
    fn push_doubled(&mut self, kind: T, start: usize, lineno: u32, line_start: usize) {
        self.pos += 2;
        self.push_from(kind, start, lineno, line_start, self.pos);
        if let Some(token) = self.out.tokens.last_mut() {
            token.end -= 1;
        }
    }

    fn enter_field(&mut self) -> S<()> {
        let Some(mode) = self.modes.last_mut() else {
            return Ok(());
        };
        mode.expr_start_depth += 1;
        mode.literal = false;
        if mode.expr_start_depth >= MAX_EXPRESSION_NESTING {
            let message = format!("{}-string: expressions nested too deeply", mode.prefix());
            return self.error(message);
        }
        Ok(())
    }

    fn unterminated_mode(&mut self) -> S<()> {
        let detected = self.lineno;
        let Some(mode) = self.modes.last() else {
            return Ok(());
        };
        let (prefix, triple) = (mode.prefix(), mode.quote_size == 3);
        (self.pos, self.lineno, self.line_start) =
            (mode.start + 1, mode.first_line, mode.first_line_start);
        self.error(if triple {
            format!(
                "unterminated triple-quoted {prefix}-string literal (detected at line {detected})"
            )
        } else {
            format!("unterminated {prefix}-string literal (detected at line {detected})")
        })
    }
}

fn rest_starts(bytes: &[u8], at: usize, quote: u8, count: usize) -> bool {
    bytes
        .get(at..at + count)
        .is_some_and(|found| found.iter().all(|&b| b == quote))
}
