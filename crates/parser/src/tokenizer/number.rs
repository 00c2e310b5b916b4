//! Numbers: their digits, underscores, and what may follow them.
//!
//! CPython: `Parser/lexer/lexer.c`, `tok_decimal_tail`, `verify_end_of_number`.

use super::{Made, TokenError, TokenKind, Tokenizer};

fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 128)
}

fn is_digit(byte: Option<u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_digit())
}

impl Tokenizer {
    // A line is read as a whole and ends with its line end, so within a number no more input is needed.
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.cur).copied()
    }

    fn skip_digits(&mut self, valid: fn(u8) -> bool) {
        while self.peek().is_some_and(valid) {
            self.cur += 1;
        }
    }

    fn bad_number<V>(&self, kind: &str) -> Result<V, TokenError> {
        Err(self.syntax(format!("invalid {kind} literal")))
    }

    fn decimal_tail(&mut self) -> Result<(), TokenError> {
        loop {
            self.skip_digits(|b| b.is_ascii_digit());
            if self.peek() != Some(b'_') {
                return Ok(());
            }
            self.cur += 1;
            if !is_digit(self.peek()) {
                return self.bad_number("decimal");
            }
        }
    }

    /// Scans a number whose first digit, or the point before it, is at `start`.
    pub(super) fn number(&mut self, start: usize) -> Made {
        self.cur = start;
        if self.peek() == Some(b'0') {
            let valid: Option<(&str, fn(u8) -> bool)> = match self.text.get(start + 1) {
                Some(b'x' | b'X') => Some(("hexadecimal", |b| b.is_ascii_hexdigit())),
                Some(b'o' | b'O') => Some(("octal", |b| (b'0'..b'8').contains(&b))),
                Some(b'b' | b'B') => Some(("binary", |b| matches!(b, b'0' | b'1'))),
                _ => None,
            };
            if let Some((kind, valid)) = valid {
                return self.radix(kind, valid);
            }
            if self.zeros()? {
                return self.token(TokenKind::Number);
            }
        } else if self.peek() != Some(b'.') {
            self.decimal_tail()?;
        }
        if self.peek() == Some(b'.') {
            self.cur += 1;
            if is_digit(self.peek()) {
                self.decimal_tail()?;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.cur += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.cur += 1;
                if !is_digit(self.peek()) {
                    return self.bad_number("decimal");
                }
            } else if !is_digit(self.peek()) {
                self.cur -= 1;
                self.end_of_number("decimal")?;
                return self.token(TokenKind::Number);
            }
            self.decimal_tail()?;
        }
        if matches!(self.peek(), Some(b'j' | b'J')) {
            self.cur += 1;
            self.end_of_number("imaginary")?;
        } else {
            self.end_of_number("decimal")?;
        }
        self.token(TokenKind::Number)
    }

    /// Zeros at the start; whether the number ends behind them and the digits that may follow.
    fn zeros(&mut self) -> Result<bool, TokenError> {
        let start = self.start.unwrap_or(self.cur);
        self.cur += 1;
        loop {
            if self.peek() == Some(b'_') {
                self.cur += 1;
                if !is_digit(self.peek()) {
                    return self.bad_number("decimal");
                }
            }
            if self.peek() != Some(b'0') {
                break;
            }
            self.cur += 1;
        }
        let zeros_end = self.cur + 1;
        let nonzero = is_digit(self.peek());
        if nonzero {
            self.decimal_tail()?;
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'j' | b'J')) {
            return Ok(false);
        }
        if nonzero && !self.options.extra_tokens {
            let message = "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers";
            return Err(self.syntax_between(
                self.column(start) + 1,
                self.column(zeros_end),
                message.to_owned(),
            ));
        }
        self.end_of_number("decimal")?;
        Ok(true)
    }

    fn radix(&mut self, kind: &str, valid: fn(u8) -> bool) -> Made {
        self.cur += 2;
        loop {
            if self.peek() == Some(b'_') {
                self.cur += 1;
            }
            if !self.peek().is_some_and(valid) {
                self.bad_digit(kind)?;
                return self.bad_number(kind);
            }
            self.skip_digits(valid);
            if self.peek() != Some(b'_') {
                break;
            }
        }
        self.bad_digit(kind)?;
        self.end_of_number(kind)?;
        self.token(TokenKind::Number)
    }

    fn bad_digit(&mut self, kind: &str) -> Result<(), TokenError> {
        match self.peek() {
            Some(digit) if digit.is_ascii_digit() => {
                self.cur += 1;
                Err(self.syntax(format!(
                    "invalid digit '{}' in {kind} literal",
                    char::from(digit)
                )))
            }
            _ => Ok(()),
        }
    }

    /// What follows a number: a keyword is warned of, any other letter is an error.
    fn end_of_number(&mut self, kind: &str) -> Result<(), TokenError> {
        if self.options.extra_tokens {
            return Ok(());
        }
        let rest = self.text.get(self.cur..).unwrap_or(&[]);
        let word = |word: &[u8]| rest.starts_with(word) && !is_word(rest.get(word.len()).copied());
        let keyword = match rest.first() {
            Some(b'a') => word(b"and"),
            Some(b'e') => word(b"else"),
            Some(b'f') => word(b"for"),
            Some(b'i') => matches!(rest.get(1), Some(b'f' | b'n' | b's')),
            Some(b'o') => word(b"or"),
            Some(b'n') => word(b"not"),
            _ => false,
        };
        if keyword {
            self.warn(format!("invalid {kind} literal"));
            return Ok(());
        }
        match self.peek() {
            Some(byte) if byte < 128 && is_word(Some(byte)) => self.bad_number(kind),
            _ => Ok(()),
        }
    }
}
