//! The format mini-language, `[[fill]align][sign][z][#][0][width][grouping][.precision[grouping]][type]`, and the
//! formatters of `int`, `float`, `complex` and `str` that obey it.
//!
//! A formatter parses the whole specification, checks what its type forbids in CPython's order (the order decides which
//! of two errors is told), makes the plain digits, and hands sign, prefix, digits, fraction and rest to one layout
//! routine. Results are bytes of UTF-8 in which a fill character or `c` may be a lone surrogate.
//! CPython: Python/formatter_unicode.c.

mod layout;

use crate::bigint;
use crate::error::{NumError, Result};
use crate::float;
use crate::wtf8;
use dashu_int::IBig;
use dashu_int::ops::{Abs, UnsignedAbs};
use layout::Number;

/// What the `n` type needs of `localeconv()`.
#[derive(Debug, Clone, Copy)]
pub struct Locale<'a> {
    pub decimal_point: &'a str,
    pub thousands_sep: &'a str,
    /// Sizes of the groups from the right, as C's `grouping`: the last repeats, 127 ends the grouping.
    pub grouping: &'a [u8],
}

impl Locale<'static> {
    /// The "C" locale.
    pub const C: Locale<'static> = Locale {
        decimal_point: ".",
        thousands_sep: "",
        grouping: &[],
    };
}

/// A separator between groups of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    None,
    /// `,` every three digits
    Comma,
    /// `_` every three digits
    Underscore,
    /// `_` every four digits (binary, octal, hexadecimal)
    UnderscoreFour,
}

impl Grouping {
    fn character(self) -> char {
        if self == Grouping::Comma { ',' } else { '_' }
    }
}

/// A parsed specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatSpec {
    pub fill: u32,
    /// One of `< > = ^`.
    pub align: u8,
    /// 0 or one of `+ - space`.
    pub sign: u8,
    pub no_negative_zero: bool,
    pub alternate: bool,
    pub width: Option<usize>,
    pub grouping: Grouping,
    pub precision: Option<usize>,
    pub fraction_grouping: Grouping,
    /// The type character; 0 if none was written and the type has no default.
    pub kind: u32,
}

/// A code point in an error message, as `%c` or `\x..`.
fn shown(code: u32) -> String {
    match char::from_u32(code) {
        Some(c) if (33..128).contains(&code) => c.to_string(),
        _ => format!("\\x{code:x}"),
    }
}

fn value_error<T>(message: impl Into<String>) -> Result<T> {
    Err(NumError::Value(message.into().into()))
}

/// Tells the name of the formatted object's class, for error messages.
pub type TypeName<'a> = &'a dyn Fn() -> String;

#[cold]
fn unknown_code<T>(kind: u32, type_name: TypeName) -> Result<T> {
    value_error(format!(
        "Unknown format code '{}' for object of type '{}'",
        shown(kind),
        type_name()
    ))
}

fn both_separators<T>() -> Result<T> {
    value_error("Cannot specify both ',' and '_'.")
}

fn separator_with<T>(grouping: Grouping, kind: u32) -> Result<T> {
    value_error(format!(
        "Cannot specify '{}' with '{}'.",
        grouping.character(),
        shown(kind)
    ))
}

/// Walks over the code points of a specification.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    #[inline]
    fn peek(&self) -> Option<u32> {
        match self.rest.first() {
            Some(&byte) if byte < 0x80 => Some(byte.into()),
            _ => wtf8::split_first(self.rest).map(|(code, _)| code),
        }
    }

    #[inline]
    fn advance(&mut self) {
        match self.rest {
            [0..0x80, rest @ ..] => self.rest = rest,
            _ => {
                if let Some((_, rest)) = wtf8::split_first(self.rest) {
                    self.rest = rest;
                }
            }
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.rest.strip_prefix(&[byte]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A decimal number in any script's digits; `None` if there is no digit.
    fn number(&mut self) -> Result<Option<usize>> {
        let mut value = None;
        let digit = |code: u32| match code {
            0x30..=0x39 => Some(code as u8 - b'0'),
            0..0x80 => None,
            _ => naja_unicode::decimal_value(code),
        };
        while let Some(digit) = self.peek().and_then(digit) {
            let next = value
                .unwrap_or(0i64)
                .checked_mul(10)
                .and_then(|v| v.checked_add(i64::from(digit)));
            let Some(next) = next else {
                return value_error("Too many decimal digits in format string");
            };
            value = Some(next);
            self.advance();
        }
        Ok(value.map(|v| v as usize))
    }

    /// `,` or `_`, but not both.
    fn separator(&mut self) -> Result<Grouping> {
        let mut grouping = Grouping::None;
        if self.eat(b',') {
            grouping = Grouping::Comma;
        }
        if self.eat(b'_') {
            if grouping != Grouping::None {
                return both_separators();
            }
            grouping = Grouping::Underscore;
        }
        if grouping == Grouping::Underscore && self.peek() == Some(u32::from(b',')) {
            return both_separators();
        }
        Ok(grouping)
    }
}

fn as_align(code: u32) -> Option<u8> {
    u8::try_from(code).ok().filter(|c| b"<>=^".contains(c))
}

/// Parses a specification for an object of the type named `type_name`.
pub fn parse(
    spec: &[u8],
    type_name: TypeName,
    default_kind: u8,
    default_align: u8,
) -> Result<FormatSpec> {
    let mut cursor = Cursor { rest: spec };
    let mut format = FormatSpec {
        fill: u32::from(b' '),
        align: default_align,
        sign: 0,
        no_negative_zero: false,
        alternate: false,
        width: None,
        grouping: Grouping::None,
        precision: None,
        fraction_grouping: Grouping::None,
        kind: u32::from(default_kind),
    };
    let (fill_given, align_given) = parse_align(&mut cursor, &mut format);
    if let [sign @ (b'+' | b'-' | b' '), rest @ ..] = cursor.rest {
        format.sign = *sign;
        cursor.rest = rest;
    }
    format.no_negative_zero = cursor.eat(b'z');
    format.alternate = cursor.eat(b'#');
    if !fill_given && cursor.eat(b'0') {
        format.fill = u32::from(b'0');
        if !align_given && default_align == b'>' {
            format.align = b'=';
        }
    }
    format.width = cursor.number()?;
    format.grouping = cursor.separator()?;
    if cursor.eat(b'.') {
        format.precision = cursor.number()?;
        format.fraction_grouping = cursor.separator()?;
        if format.precision.is_none() && format.fraction_grouping == Grouping::None {
            return value_error("Format specifier missing precision");
        }
    }
    if let Some(kind) = cursor.peek() {
        cursor.advance();
        if !cursor.rest.is_empty() {
            let spec = wtf8::lossy(spec);
            return value_error(format!(
                "Invalid format specifier '{spec}' for object of type '{}'",
                type_name()
            ));
        }
        format.kind = kind;
    }
    check_separators(&mut format)?;
    Ok(format)
}

/// Fill and alignment; whether each was given.
fn parse_align(cursor: &mut Cursor, format: &mut FormatSpec) -> (bool, bool) {
    let Some((first, rest)) = wtf8::split_first(cursor.rest) else {
        return (false, false);
    };
    if let Some((second, rest)) = wtf8::split_first(rest)
        && let Some(align) = as_align(second)
    {
        (format.fill, format.align, cursor.rest) = (first, align, rest);
        return (true, true);
    }
    if let Some(align) = as_align(first) {
        (format.align, cursor.rest) = (align, rest);
        return (false, true);
    }
    (false, false)
}

fn check_separators(format: &mut FormatSpec) -> Result<()> {
    let kind = u8::try_from(format.kind).unwrap_or(b'?');
    if format.grouping != Grouping::None {
        match kind {
            b'd' | b'e' | b'f' | b'g' | b'E' | b'G' | b'%' | b'F' | 0 => {}
            b'b' | b'o' | b'x' | b'X' if format.grouping == Grouping::Underscore => {
                format.grouping = Grouping::UnderscoreFour;
            }
            _ => return separator_with(format.grouping, format.kind),
        }
    }
    if kind == b'n' && format.fraction_grouping != Grouping::None {
        return separator_with(format.fraction_grouping, format.kind);
    }
    Ok(())
}

/// The largest precision of a float: C's `int`.
const MAX_PRECISION: usize = i32::MAX as usize;

fn kind_byte(format: &FormatSpec) -> u8 {
    u8::try_from(format.kind).unwrap_or(0xff)
}

// -------------------------------------------------------------------------------------------------------- strings

/// `format(str, spec)` for a nonempty specification.
pub fn format_str(value: &[u8], spec: &[u8], type_name: TypeName) -> Result<Vec<u8>> {
    if spec.is_empty() {
        return Ok(value.to_vec());
    }
    let format = parse(spec, type_name, b's', b'<')?;
    if format.kind != u32::from(b's') {
        return unknown_code(format.kind, type_name);
    }
    if format.sign == b' ' {
        return value_error("Space not allowed in string format specifier");
    }
    if format.sign != 0 {
        return value_error("Sign not allowed in string format specifier");
    }
    if format.no_negative_zero {
        return value_error("Negative zero coercion (z) not allowed in string format specifier");
    }
    if format.alternate {
        return value_error("Alternate form (#) not allowed in string format specifier");
    }
    if format.align == b'=' {
        return value_error("'=' alignment not allowed in string format specifier");
    }
    let text = match format.precision {
        Some(precision) => wtf8::prefix(value, precision),
        None => value,
    };
    layout::pad(text, &format)
}

// ------------------------------------------------------------------------------------------------------- integers

/// `format(int, spec)`; `type_name` is that of a subclass (`bool`), `max_digits` the limit on decimal digits (0: none).
///
/// An empty specification gives `str(int)`; a subclass' own `__str__` is the caller's business.
pub fn format_int(
    value: &IBig,
    spec: &[u8],
    type_name: TypeName,
    max_digits: usize,
    locale: &Locale,
) -> Result<Vec<u8>> {
    if spec.is_empty() {
        return bigint::to_decimal_checked(value, max_digits, &mut crate::never)
            .map(String::into_bytes);
    }
    let format = parse(spec, type_name, b'd', b'>')?;
    match kind_byte(&format) {
        b'b' | b'c' | b'd' | b'o' | b'x' | b'X' | b'n' => {
            format_int_as(value, &format, max_digits, locale)
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%' => {
            format_float_as(bigint::to_f64(value)?, &format, locale)
        }
        _ => unknown_code(format.kind, type_name),
    }
}

/// [`format_int`] of a machine word.
pub fn format_i64(
    value: i64,
    spec: &[u8],
    type_name: TypeName,
    max_digits: usize,
    locale: &Locale,
) -> Result<Vec<u8>> {
    if spec.is_empty() {
        return Ok(value.to_string().into_bytes());
    }
    let format = parse(spec, type_name, b'd', b'>')?;
    let kind = kind_byte(&format);
    match kind {
        b'b' | b'd' | b'o' | b'x' | b'X' | b'n'
            if format.precision.is_none() && !format.no_negative_zero =>
        {
            let mut buffer = [0; 64];
            let number = Number {
                negative: value < 0,
                prefix: prefix(&format, kind),
                digits: word_digits(value.unsigned_abs(), kind, &mut buffer),
                ..Number::default()
            };
            layout::number(&number, &format, locale)
        }
        b'b' | b'c' | b'd' | b'o' | b'x' | b'X' | b'n' => {
            format_int_as(&IBig::from(value), &format, max_digits, locale)
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%' => {
            format_float_as(value as f64, &format, locale)
        }
        _ => unknown_code(format.kind, type_name),
    }
}

/// The digits of a word in the base that a type character means.
fn word_digits(value: u64, kind: u8, buffer: &mut [u8; 64]) -> &[u8] {
    let mut at = buffer.len();
    let mut rest = value;
    let letters: &[u8; 16] = if kind == b'X' {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let shift = match kind {
        b'b' => 1,
        b'o' => 3,
        b'x' | b'X' => 4,
        _ => 0,
    };
    loop {
        at -= 1;
        if shift == 0 {
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        } else {
            buffer[at] = letters[(rest & ((1 << shift) - 1)) as usize];
            rest >>= shift;
        }
        if rest == 0 {
            break;
        }
    }
    &buffer[at..]
}

/// What stands before the digits in the alternate form.
fn prefix(format: &FormatSpec, kind: u8) -> &'static str {
    match kind {
        b'b' if format.alternate => "0b",
        b'o' if format.alternate => "0o",
        b'x' if format.alternate => "0x",
        b'X' if format.alternate => "0X",
        _ => "",
    }
}

fn format_int_as(
    value: &IBig,
    format: &FormatSpec,
    max_digits: usize,
    locale: &Locale,
) -> Result<Vec<u8>> {
    if format.precision.is_some() {
        return value_error("Precision not allowed in integer format specifier");
    }
    if format.no_negative_zero {
        return value_error("Negative zero coercion (z) not allowed in integer format specifier");
    }
    let kind = kind_byte(format);
    if kind == b'c' {
        return format_character(value, format, locale);
    }
    let magnitude = value.clone().abs();
    let digits = match kind {
        b'b' => bigint::to_radix(&magnitude, 2),
        b'o' => bigint::to_radix(&magnitude, 8),
        b'x' => bigint::to_radix(&magnitude, 16),
        b'X' => bigint::to_radix(&magnitude, 16).to_ascii_uppercase(),
        _ => bigint::to_decimal_checked(&magnitude, max_digits, &mut crate::never)?,
    };
    let number = Number {
        negative: bigint::is_negative(value),
        prefix: prefix(format, kind),
        digits: digits.as_bytes(),
        ..Number::default()
    };
    layout::number(&number, format, locale)
}

fn format_character(value: &IBig, format: &FormatSpec, locale: &Locale) -> Result<Vec<u8>> {
    if format.sign != 0 {
        return value_error("Sign not allowed with integer format specifier 'c'");
    }
    if format.alternate {
        return value_error("Alternate form (#) not allowed with integer format specifier 'c'");
    }
    let Some(value) = bigint::to_i64(value) else {
        return Err(NumError::overflow(
            "Python int too large to convert to C long",
        ));
    };
    let Some(code) = u32::try_from(value).ok().filter(|c| *c <= 0x10ffff) else {
        return Err(NumError::overflow("%c arg not in range(0x110000)"));
    };
    let mut rest = Vec::new();
    wtf8::push(&mut rest, code);
    layout::number(
        &Number {
            rest: &rest,
            ..Number::default()
        },
        format,
        locale,
    )
}

/// The value in a base with its prefix (`0b`, `0o`, `0x`), the sign in front: `bin`, `oct`, `hex`.
pub fn with_prefix(value: &IBig, base: u32) -> String {
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let sign = if bigint::is_negative(value) { "-" } else { "" };
    format!(
        "{sign}{prefix}{}",
        bigint::to_radix(&IBig::from(value.unsigned_abs()), base)
    )
}

// --------------------------------------------------------------------------------------------------------- floats

/// `format(float, spec)`
pub fn format_float(
    value: f64,
    spec: &[u8],
    type_name: TypeName,
    locale: &Locale,
) -> Result<Vec<u8>> {
    if spec.is_empty() {
        return Ok(float::repr(value).into_bytes());
    }
    let format = parse(spec, type_name, 0, b'>')?;
    match kind_byte(&format) {
        0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n' | b'%' => {
            format_float_as(value, &format, locale)
        }
        _ => unknown_code(format.kind, type_name),
    }
}

/// The digits of a float in the specification's type, without padding; no type at all means `untyped`.
fn float_text(value: f64, format: &FormatSpec, add_dot_0: bool) -> Result<String> {
    let layout = float::Layout {
        alternate: format.alternate,
        no_negative_zero: format.no_negative_zero,
        add_dot_0: add_dot_0 && format.kind == 0,
    };
    let (kind, precision) = match (kind_byte(format), format.precision) {
        (0, None) => (b'r', 0),
        (0 | b'n', precision) => (b'g', precision.unwrap_or(6)),
        (b'%', precision) => (b'f', precision.unwrap_or(6)),
        (kind, precision) => (kind, precision.unwrap_or(6)),
    };
    float::format(value, kind, precision, layout)
}

/// Sign, integer digits, whether a point follows, fraction digits, and the rest of a float's text.
fn split_number(text: &[u8]) -> Number<'_> {
    let (negative, body) = match text {
        [b'-', body @ ..] => (true, body),
        _ => (false, text),
    };
    let digits_of = |s: &[u8]| s.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = body.split_at(digits_of(body));
    let (has_point, fraction, rest) = match rest {
        [b'.', rest @ ..] => {
            let (fraction, rest) = rest.split_at(digits_of(rest));
            (true, fraction, rest)
        }
        _ => (false, &b""[..], rest),
    };
    Number {
        negative,
        prefix: "",
        digits,
        has_point,
        fraction,
        rest,
    }
}

fn format_float_as(value: f64, format: &FormatSpec, locale: &Locale) -> Result<Vec<u8>> {
    if format.precision.is_some_and(|p| p > MAX_PRECISION) {
        return value_error("precision too big");
    }
    if let (b'f' | b'F', false, false) =
        (kind_byte(format), format.alternate, format.no_negative_zero)
        && let Some(text) = float::Fixed::new(value, format.precision.unwrap_or(6))
    {
        return layout::number(&split_number(text.as_bytes()), format, locale);
    }
    let percent = format.kind == u32::from(b'%');
    let mut text = float_text(if percent { value * 100.0 } else { value }, format, true)?;
    if percent {
        text.push('%');
    }
    layout::number(&split_number(text.as_bytes()), format, locale)
}

// -------------------------------------------------------------------------------------------------------- complex

/// `format(complex, spec)`; an empty specification gives `str(complex)`.
pub fn format_complex(
    re: f64,
    im: f64,
    spec: &[u8],
    type_name: TypeName,
    locale: &Locale,
) -> Result<Vec<u8>> {
    let format = parse(spec, type_name, 0, b'>')?;
    if !matches!(
        kind_byte(&format),
        0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n'
    ) {
        return unknown_code(format.kind, type_name);
    }
    if format.precision.is_some_and(|p| p > MAX_PRECISION) {
        return value_error("precision too big");
    }
    if format.fill == u32::from(b'0') {
        return value_error("Zero padding is not allowed in complex format specifier");
    }
    if format.align == b'=' {
        return value_error("'=' alignment flag is not allowed in complex format specifier");
    }
    let untyped = format.kind == 0;
    let only_imaginary = untyped && re == 0.0 && re.is_sign_positive();
    let parentheses = untyped && !only_imaginary;
    // The parts are laid out without padding, then the whole is padded.
    let mut part = FormatSpec {
        width: None,
        align: b'<',
        ..format.clone()
    };
    let mut text = Vec::new();
    if parentheses {
        text.push(b'(');
    }
    if !only_imaginary {
        text.extend(layout::number(
            &split_number(float_text(re, &format, false)?.as_bytes()),
            &part,
            locale,
        )?);
        part.sign = b'+';
    }
    text.extend(layout::number(
        &split_number(float_text(im, &format, false)?.as_bytes()),
        &part,
        locale,
    )?);
    text.push(b'j');
    if parentheses {
        text.push(b')');
    }
    layout::pad(&text, &format)
}

#[cfg(test)]
mod tests;
