//! Python's `repr` of constants: strings, bytes, floats, complex numbers.
//!
//! CPython: `unicode_repr`, `PyBytes_Repr`, `format_float_short`, `complex_repr`.

use crate::ast::Constant;
use std::fmt::Write;

/// Decodes the code point at the start of `bytes` (WTF-8) and says how long it is.
fn decode(bytes: &[u8]) -> (u32, usize) {
    let continuation = |index: usize| u32::from(bytes.get(index).copied().unwrap_or(0) & 0x3F);
    match bytes[0] {
        first @ 0..0x80 => (u32::from(first), 1),
        first @ 0..0xE0 => (u32::from(first & 0x1F) << 6 | continuation(1), 2),
        first @ 0..0xF0 => (
            u32::from(first & 0x0F) << 12 | continuation(1) << 6 | continuation(2),
            3,
        ),
        first => (
            u32::from(first & 0x07) << 18
                | continuation(1) << 12
                | continuation(2) << 6
                | continuation(3),
            4,
        ),
    }
}

fn quote_for(text: &[u8]) -> u8 {
    if text.contains(&b'\'') && !text.contains(&b'"') {
        b'"'
    } else {
        b'\''
    }
}

/// Appends `repr(text)`; `text` is WTF-8.
pub fn str(out: &mut String, text: &[u8]) {
    let quote = quote_for(text);
    out.push(char::from(quote));
    let mut rest = text;
    while !rest.is_empty() {
        let (code, length) = decode(rest);
        rest = rest.get(length..).unwrap_or(&[]);
        let _ = match code {
            0x09 => write!(out, "\\t"),
            0x0A => write!(out, "\\n"),
            0x0D => write!(out, "\\r"),
            0x5C => write!(out, "\\\\"),
            _ if code == u32::from(quote) => write!(out, "\\{}", char::from(quote)),
            0..0x20 | 0x7F => write!(out, "\\x{code:02x}"),
            _ => match char::from_u32(code)
                .filter(|_| code < 0x7F || naja_unicode::is_printable(code))
            {
                Some(c) => {
                    out.push(c);
                    Ok(())
                }
                None if code < 0x100 => write!(out, "\\x{code:02x}"),
                None if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
                None => write!(out, "\\U{code:08x}"),
            },
        };
    }
    out.push(char::from(quote));
}

/// Appends `repr(value)`.
pub fn bytes(out: &mut String, value: &[u8]) {
    let quote = quote_for(value);
    out.push('b');
    out.push(char::from(quote));
    for &byte in value {
        let _ = match byte {
            b'\t' => write!(out, "\\t"),
            b'\n' => write!(out, "\\n"),
            b'\r' => write!(out, "\\r"),
            b'\\' => write!(out, "\\\\"),
            _ if byte == quote => write!(out, "\\{}", char::from(quote)),
            0x20..0x7F => {
                out.push(char::from(byte));
                Ok(())
            }
            _ => write!(out, "\\x{byte:02x}"),
        };
    }
    out.push(char::from(quote));
}

/// Appends a float's shortest digits, `point` telling whether a whole number ends in `.0`.
fn digits(out: &mut String, value: f64, point: bool) {
    if value.is_nan() {
        out.push_str("nan");
        return;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    if value.is_infinite() {
        out.push_str("inf");
        return;
    }
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..16).contains(&exponent) {
        out.push_str(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.abs());
    } else if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        out.push_str(&digits);
    } else {
        let whole = exponent as usize + 1;
        if digits.len() > whole {
            let _ = write!(out, "{}.{}", &digits[..whole], &digits[whole..]);
        } else {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', whole - digits.len()));
            if point {
                out.push_str(".0");
            }
        }
    }
}

/// Appends `repr(value)`.
pub fn float(out: &mut String, value: f64) {
    digits(out, value, true);
}

/// Appends `repr(complex(real, imag))`.
pub fn complex(out: &mut String, real: f64, imag: f64) {
    if real == 0.0 && real.is_sign_positive() {
        digits(out, imag, false);
        out.push('j');
        return;
    }
    out.push('(');
    digits(out, real, false);
    if imag.is_sign_positive() || imag.is_nan() {
        out.push('+');
    }
    digits(out, imag, false);
    out.push_str("j)");
}

/// Appends the `repr` of any constant.
pub fn constant(out: &mut String, value: &Constant) {
    match *value {
        Constant::None => out.push_str("None"),
        Constant::True => out.push_str("True"),
        Constant::False => out.push_str("False"),
        Constant::Ellipsis => out.push_str("Ellipsis"),
        Constant::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Constant::BigInt(value) => {
            let _ = write!(out, "{value}");
        }
        Constant::Float(value) => float(out, value),
        Constant::Complex(real, imag) => complex(out, real, imag),
        Constant::Str(text) => str(out, text.as_bytes()),
        Constant::Bytes(value) => bytes(out, value),
        Constant::Tuple(values) => {
            out.push('(');
            constants(out, values);
            out.push_str(if values.len() == 1 { ",)" } else { ")" });
        }
        Constant::FrozenSet([]) => out.push_str("frozenset()"),
        Constant::FrozenSet(values) => {
            out.push_str("frozenset({");
            constants(out, values);
            out.push_str("})");
        }
    }
}

fn constants(out: &mut String, values: &[Constant]) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        constant(out, value);
    }
}
