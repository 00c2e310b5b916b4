//! The `%` operator's formats: `%[(key)][#0- +][width][.precision][hlL]type`, for `str` and `bytes`.
//!
//! Fetching arguments and reading the format are interleaved (`*` and `(key)` take their value at once, and whichever
//! fails first is the error that is told), so the parser asks an [`Arguments`] as it goes. It hands out pieces: literal
//! text, or a directive whose width and precision are settled. The formatters then fill one field.
//! CPython: `unicode_format_arg_parse`, `unicode_format_arg_output` in Objects/unicodeobject.c, Objects/bytesobject.c.

use crate::bigint;
use crate::error::{NumError, Result};
use crate::float;
use crate::wtf8;
use dashu_int::IBig;
use dashu_int::ops::Abs;

/// What the parser needs of the right operand.
pub trait Arguments {
    type Error: From<NumError>;
    /// A `(` was read: fails with "format requires a mapping" unless there is one.
    fn require_mapping(&mut self) -> std::result::Result<(), Self::Error>;
    /// The value under this key becomes the next argument.
    fn select_key(&mut self, key: &[u8]) -> std::result::Result<(), Self::Error>;
    /// The next argument as a width: "* wants int", overflow as of C's `ssize_t`.
    fn star_width(&mut self) -> std::result::Result<i64, Self::Error>;
    /// The next argument as a precision: "* wants int", overflow as of C's `int`.
    fn star_precision(&mut self) -> std::result::Result<i64, Self::Error>;
}

/// One `%` directive other than `%%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    pub left: bool,
    pub sign: bool,
    pub blank: bool,
    pub alternate: bool,
    pub zero: bool,
    pub width: Option<usize>,
    pub precision: Option<usize>,
    /// The conversion character (a byte's value in a `bytes` format).
    pub kind: u32,
    /// Where that character stands, in code points (bytes).
    pub index: usize,
    /// A `(key)` was given: the value is the mapping's.
    pub has_key: bool,
    /// Of a `bytes` format: its width and precision count bytes, not code points.
    pub of_bytes: bool,
}

impl Directive {
    /// The conversion character if it is ASCII, else 0.
    pub fn kind_byte(&self) -> u8 {
        u8::try_from(self.kind)
            .ok()
            .filter(u8::is_ascii)
            .unwrap_or(0)
    }

    /// The error of a conversion character that means nothing.
    pub fn unsupported(&self) -> NumError {
        let (kind, index) = (self.kind, self.index);
        if self.of_bytes && kind >= 0x80 {
            return NumError::overflow("character argument not in range(0x110000)");
        }
        let printable = self.of_bytes || (32..127).contains(&kind);
        let shown = if printable {
            char::from_u32(kind).unwrap_or('?')
        } else {
            '?'
        };
        NumError::Value(
            format!("unsupported format character '{shown}' ({kind:#x}) at index {index}").into(),
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text to copy; the first `%` of a `%%` is dropped.
    Literal(&'a [u8]),
    Directive(Directive),
}

/// The pieces of a format, in order.
pub struct Parser<'a> {
    rest: &'a [u8],
    /// Code points (bytes) consumed so far.
    index: usize,
    is_bytes: bool,
}

/// `'%.*d'` beyond C's `int` less what the digits need.
const MAX_INT_PRECISION: usize = i32::MAX as usize - 3;

fn incomplete() -> NumError {
    NumError::value("incomplete format")
}

impl<'a> Parser<'a> {
    /// A parser of a `str` format.
    pub fn new(format: &'a [u8]) -> Parser<'a> {
        Parser {
            rest: format,
            index: 0,
            is_bytes: false,
        }
    }

    /// A parser of a `bytes` format.
    pub fn of_bytes(format: &'a [u8]) -> Parser<'a> {
        Parser {
            rest: format,
            index: 0,
            is_bytes: true,
        }
    }

    fn next_code(&mut self) -> Option<u32> {
        let (code, rest) = if self.is_bytes {
            self.rest
                .split_first()
                .map(|(b, rest)| (u32::from(*b), rest))?
        } else {
            wtf8::split_first(self.rest)?
        };
        self.rest = rest;
        self.index += 1;
        Some(code)
    }

    /// The next code point of a directive, which must not end here.
    fn required(&mut self) -> Result<u32> {
        self.next_code().ok_or_else(incomplete)
    }

    /// The next piece; `None` at the end.
    pub fn next_piece<A: Arguments>(
        &mut self,
        args: &mut A,
    ) -> std::result::Result<Option<Piece<'a>>, A::Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if let Some(tail) = self.rest.strip_prefix(b"%") {
            if tail.first() == Some(&b'%') {
                self.index += 2;
                self.rest = tail.get(1..).unwrap_or_default();
                return Ok(tail.get(..1).map(Piece::Literal));
            }
            self.index += 1;
            self.rest = tail;
            return self.directive(args).map(|d| Some(Piece::Directive(d)));
        }
        let end = memchr_percent(self.rest);
        let (text, rest) = self.rest.split_at(end);
        self.index += if self.is_bytes {
            text.len()
        } else {
            wtf8::count(text)
        };
        self.rest = rest;
        Ok(Some(Piece::Literal(text)))
    }

    fn directive<A: Arguments>(
        &mut self,
        args: &mut A,
    ) -> std::result::Result<Directive, A::Error> {
        let mut d = Directive {
            left: false,
            sign: false,
            blank: false,
            alternate: false,
            zero: false,
            width: None,
            precision: None,
            kind: 0,
            index: 0,
            has_key: false,
            of_bytes: self.is_bytes,
        };
        if self.rest.first() == Some(&b'(') {
            self.key(args)?;
            d.has_key = true;
        }
        let mut code = loop {
            let code = self.required()?;
            match u8::try_from(code) {
                Ok(b'-') => d.left = true,
                Ok(b'+') => d.sign = true,
                Ok(b' ') => d.blank = true,
                Ok(b'#') => d.alternate = true,
                Ok(b'0') => d.zero = true,
                _ => break code,
            }
        };
        if code == u32::from(b'*') {
            let width = args.star_width()?;
            d.left |= width < 0;
            d.width = Some(usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX));
            code = self.required()?;
        } else if let Some(width) = self.number(&mut code, i64::MAX, "width too big")? {
            d.width = Some(width);
        }
        if code == u32::from(b'.') {
            code = self.required()?;
            if code == u32::from(b'*') {
                let precision = args.star_precision()?;
                d.precision = Some(usize::try_from(precision).unwrap_or(0));
                code = self.required()?;
            } else {
                let message = if self.is_bytes {
                    "prec too big"
                } else {
                    "precision too big"
                };
                d.precision = Some(
                    self.number(&mut code, i64::from(i32::MAX), message)?
                        .unwrap_or(0),
                );
            }
        }
        if matches!(u8::try_from(code), Ok(b'h' | b'l' | b'L')) {
            code = self.required()?;
        }
        d.kind = code;
        d.index = self.index - 1;
        Ok(d)
    }

    /// The text up to the parenthesis that closes this one.
    fn key<A: Arguments>(&mut self, args: &mut A) -> std::result::Result<(), A::Error> {
        args.require_mapping()?;
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.index += 1;
        let mut depth = 1;
        for (i, byte) in self.rest.iter().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let (key, rest) = self.rest.split_at(i);
                self.index += 1 + if self.is_bytes {
                    key.len()
                } else {
                    wtf8::count(key)
                };
                self.rest = rest.get(1..).unwrap_or_default();
                return args.select_key(key);
            }
        }
        Err(NumError::value("incomplete format key").into())
    }

    /// A decimal number that starts with `code`, if it does; `code` becomes what follows it.
    fn number(&mut self, code: &mut u32, max: i64, message: &'static str) -> Result<Option<usize>> {
        let digit = |code: u32| {
            char::from_u32(code)
                .and_then(|c| c.to_digit(10))
                .map(i64::from)
        };
        let mut value = None;
        while let Some(digit) = digit(*code) {
            let so_far = value.unwrap_or(0i64);
            if so_far > (max - digit) / 10 {
                return Err(NumError::value(message));
            }
            value = Some(so_far * 10 + digit);
            *code = self.required()?;
        }
        Ok(value.map(|v| v as usize))
    }
}

fn memchr_percent(text: &[u8]) -> usize {
    text.iter().position(|b| *b == b'%').unwrap_or(text.len())
}

// ------------------------------------------------------------------------------------------------------- formatting

/// An int by `%d %i %u %o %x %X`.
pub fn format_int(
    value: &IBig,
    directive: &Directive,
    max_digits: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let kind = directive.kind_byte();
    let precision = directive.precision.unwrap_or(0);
    if precision > MAX_INT_PRECISION {
        return Err(NumError::overflow("precision too large"));
    }
    let magnitude = value.clone().abs();
    let (prefix, digits) = match kind {
        b'o' => ("0o", bigint::to_radix(&magnitude, 8)),
        b'x' => ("0x", bigint::to_radix(&magnitude, 16)),
        b'X' => ("0X", bigint::to_radix(&magnitude, 16).to_ascii_uppercase()),
        _ => (
            "",
            bigint::to_decimal_checked(&magnitude, max_digits, &mut crate::never)?,
        ),
    };
    let prefix = if directive.alternate { prefix } else { "" };
    let zeros = precision.saturating_sub(digits.len());
    number_field(
        bigint::is_negative(value),
        prefix,
        zeros,
        digits.as_bytes(),
        directive,
        out,
    )
}

/// [`format_int`] of a machine word.
pub fn format_i64(value: i64, directive: &Directive, out: &mut Vec<u8>) -> Result<()> {
    let precision = directive.precision.unwrap_or(0);
    if precision > MAX_INT_PRECISION {
        return Err(NumError::overflow("precision too large"));
    }
    let (prefix, base, letters) = match directive.kind_byte() {
        b'o' => ("0o", 8, b"0123456789abcdef"),
        b'x' => ("0x", 16, b"0123456789abcdef"),
        b'X' => ("0X", 16, b"0123456789ABCDEF"),
        _ => ("", 10, b"0123456789abcdef"),
    };
    let mut digits = [0; 24];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 || start == digits.len() {
        start -= 1;
        // Divisors that the compiler knows need no division.
        let (digit, above) = match base {
            8 => (rest & 7, rest >> 3),
            16 => (rest & 15, rest >> 4),
            _ => (rest % 10, rest / 10),
        };
        digits[start] = letters[digit as usize];
        rest = above;
    }
    let digits = &digits[start..];
    let prefix = if directive.alternate { prefix } else { "" };
    let zeros = precision.saturating_sub(digits.len());
    number_field(value < 0, prefix, zeros, digits, directive, out)
}

/// A float by `%e %E %f %F %g %G`.
pub fn format_float(value: f64, directive: &Directive, out: &mut Vec<u8>) -> Result<()> {
    let precision = directive.precision.unwrap_or(6);
    if let (b'f' | b'F', false) = (directive.kind_byte(), directive.alternate)
        && let Some(text) = float::Fixed::new(value, precision)
    {
        return signed_field(text.as_bytes(), directive, out);
    }
    let layout = float::Layout {
        alternate: directive.alternate,
        ..float::Layout::default()
    };
    let text = float::format(value, directive.kind_byte(), precision, layout)?;
    signed_field(text.as_bytes(), directive, out)
}

/// A number's text that may begin with a minus.
fn signed_field(text: &[u8], directive: &Directive, out: &mut Vec<u8>) -> Result<()> {
    match text {
        [b'-', digits @ ..] => number_field(true, "", 0, digits, directive, out),
        _ => number_field(false, "", 0, text, directive, out),
    }
}

/// A text (`%s %r %a`, for bytes also `%b`), cut to the precision. Widths count code points, or bytes.
pub fn format_text(text: &[u8], directive: &Directive, out: &mut Vec<u8>) -> Result<()> {
    let text = match directive.precision {
        Some(precision) if directive.of_bytes => text.get(..precision).unwrap_or(text),
        Some(precision) => wtf8::prefix(text, precision),
        None => text,
    };
    format_character(text, directive, out)
}

/// The character of `%c`, which no precision cuts.
pub fn format_character(text: &[u8], directive: &Directive, out: &mut Vec<u8>) -> Result<()> {
    let Some(field) = directive.width else {
        reserve(out, text.len(), 0)?;
        out.extend_from_slice(text);
        return Ok(());
    };
    let width = if directive.of_bytes {
        text.len()
    } else {
        wtf8::count(text)
    };
    let padding = field.saturating_sub(width);
    reserve(out, text.len(), padding)?;
    if !directive.left {
        out.resize(out.len() + padding, b' ');
    }
    out.extend_from_slice(text);
    if directive.left {
        out.resize(out.len() + padding, b' ');
    }
    Ok(())
}

fn reserve(out: &mut Vec<u8>, content: usize, padding: usize) -> Result<()> {
    let size = content.checked_add(padding).ok_or(NumError::Memory)?;
    out.try_reserve(size).map_err(|_| NumError::Memory)
}

fn number_field(
    negative: bool,
    prefix: &str,
    zeros: usize,
    digits: &[u8],
    d: &Directive,
    out: &mut Vec<u8>,
) -> Result<()> {
    let sign: &[u8] = match (negative, d.sign, d.blank) {
        (true, ..) => b"-",
        (_, true, _) => b"+",
        (_, _, true) => b" ",
        _ => b"",
    };
    let length = sign.len() + prefix.len() + zeros + digits.len();
    let padding = d.width.unwrap_or(0).saturating_sub(length);
    reserve(out, length, padding)?;
    let (before, inside) = match (d.left, d.zero) {
        (true, _) => (0, 0),
        (false, true) => (0, padding),
        (false, false) => (padding, 0),
    };
    out.resize(out.len() + before, b' ');
    out.extend_from_slice(sign);
    out.extend_from_slice(prefix.as_bytes());
    out.resize(out.len() + inside + zeros, b'0');
    out.extend_from_slice(digits);
    if d.left {
        out.resize(out.len() + padding, b' ');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Expected values are CPython 3.14's.
    use super::*;

    struct Stars(Vec<i64>);

    impl Arguments for Stars {
        type Error = NumError;
        fn require_mapping(&mut self) -> Result<()> {
            Ok(())
        }
        fn select_key(&mut self, key: &[u8]) -> Result<()> {
            assert_eq!(key, b"(a)");
            Ok(())
        }
        fn star_width(&mut self) -> Result<i64> {
            self.0.pop().ok_or(NumError::Type(
                "not enough arguments for format string".into(),
            ))
        }
        fn star_precision(&mut self) -> Result<i64> {
            self.star_width()
        }
    }

    fn run(format: &str, value: f64) -> Result<String> {
        let mut parser = Parser::new(format.as_bytes());
        let mut out = Vec::new();
        while let Some(piece) = parser.next_piece(&mut Stars(vec![1, -6]))? {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text),
                Piece::Directive(d) => match d.kind_byte() {
                    b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
                        format_int(&bigint::from_f64(value)?, &d, 4300, &mut out)?
                    }
                    b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => format_float(value, &d, &mut out)?,
                    b's' => format_text(value.to_string().as_bytes(), &d, &mut out)?,
                    b'c' => format_character("\u{e9}".as_bytes(), &d, &mut out)?,
                    _ => return Err(d.unsupported()),
                },
            }
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn directives() {
        for (format, value, expected) in [
            ("\u{e9}100%%|%d", 5.0, "\u{e9}100%|5"),
            ("%-05d|", 1.0, "1    |"),
            ("%05f", f64::INFINITY, "00inf"),
            ("%#010x", -5.0, "-0x0000005"),
            ("%#10X", -255.0, "     -0XFF"),
            ("%+#.5x", 5.0, "+0x00005"),
            ("%020.10d", -5.0, "-0000000000000000005"),
            ("%#-010o|", 8.0, "0o10      |"),
            ("%08.3f", -3.25159, "-003.252"),
            ("%.3g%+.1e% d", 2.0, "2+2.0e+00 2"),
            ("%*.*f|", 2.25, "2.2   |"),
            ("%((a))5.2s|", 123.0, "   12|"),
            ("%-3c|%3c", 0.0, "\u{e9}  |  \u{e9}"),
            ("%hd%.d", 7.0, "77"),
        ] {
            assert_eq!(run(format, value).as_deref(), Ok(expected), "{format}");
        }
        for (format, message) in [
            ("%", "incomplete format"),
            ("%l", "incomplete format"),
            ("%5", "incomplete format"),
            ("%(a", "incomplete format key"),
            ("%99999999999999999999d", "width too big"),
            ("%.2147483648f", "precision too big"),
            (
                "\u{e9}%y",
                "unsupported format character 'y' (0x79) at index 2",
            ),
            ("%ll", "unsupported format character 'l' (0x6c) at index 2"),
            ("%5%", "unsupported format character '%' (0x25) at index 2"),
            (
                "%\u{e9}",
                "unsupported format character '?' (0xe9) at index 1",
            ),
        ] {
            assert_eq!(run(format, 1.0), Err(NumError::value(message)), "{format}");
        }
        assert_eq!(
            run("%.2147483645d", 1.0),
            Err(NumError::overflow("precision too large"))
        );
    }
}
