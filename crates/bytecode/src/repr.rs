//! Constants as Python writes them: `repr`.
//!
//! Strings escape what is not printable, floats print their shortest digits, complex numbers as `(1+2j)`. Code objects
//! appear as `<code object NAME, file "FILE", line N>`, without the address that CPython adds. CPython: `unicode_repr`,
//! `float_repr`, `complex_repr`.

use std::fmt::Write;

use naja_numbers::complex;

use crate::code::{Const, Text};

/// The `repr` of a constant.
pub fn repr(value: &Const) -> String {
    let mut out = String::new();
    constant(&mut out, value);
    out
}

fn constant(out: &mut String, value: &Const) {
    match value {
        Const::None => out.push_str("None"),
        Const::True => out.push_str("True"),
        Const::False => out.push_str("False"),
        Const::Ellipsis => out.push_str("Ellipsis"),
        Const::Int(i) => _ = write!(out, "{i}"),
        Const::BigInt(i) => _ = write!(out, "{i}"),
        Const::Float(f) => naja_numbers::float::repr_into(*f, out),
        Const::Complex(re, im) => out.push_str(&complex::repr(complex::complex(*re, *im))),
        Const::Str(text) => str(out, text),
        Const::Bytes(bytes) => bytes_repr(out, bytes),
        Const::Tuple(items) => {
            out.push('(');
            list(out, items);
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Const::FrozenSet(items) if items.is_empty() => out.push_str("frozenset()"),
        Const::FrozenSet(items) => {
            out.push_str("frozenset({");
            list(out, items);
            out.push_str("})");
        }
        Const::Slice(parts) => {
            out.push_str("slice(");
            list(out, &parts[..]);
            out.push(')');
        }
        Const::Code(code) => {
            _ = write!(
                out,
                "<code object {}, file \"{}\", line {}>",
                code.name, code.filename, code.firstlineno
            );
        }
    }
}

fn list(out: &mut String, items: &[Const]) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        constant(out, item);
    }
}

/// The quote that needs the fewest escapes.
fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

/// The `repr` of a string.
pub fn str(out: &mut String, text: &Text) {
    let bytes = text.as_bytes();
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push(quote);
    for code in text.code_points() {
        match code {
            0x5c => out.push_str("\\\\"),
            0x09 => out.push_str("\\t"),
            0x0a => out.push_str("\\n"),
            0x0d => out.push_str("\\r"),
            _ => match char::from_u32(code).filter(|_| naja_unicode::is_printable(code)) {
                Some(c) => {
                    if c == quote {
                        out.push('\\');
                    }
                    out.push(c);
                }
                None if code < 0x100 => _ = write!(out, "\\x{code:02x}"),
                None if code < 0x1_0000 => _ = write!(out, "\\u{code:04x}"),
                None => _ = write!(out, "\\U{code:08x}"),
            },
        }
    }
    out.push(quote);
}

fn bytes_repr(out: &mut String, bytes: &[u8]) {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            0x20..0x7f => {
                if char::from(*byte) == quote {
                    out.push('\\');
                }
                out.push(char::from(*byte));
            }
            _ => _ = write!(out, "\\x{byte:02x}"),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reprs() {
        let float = |f| repr(&Const::Float(f));
        assert_eq!(float(1.0), "1.0");
        assert_eq!(float(-0.0), "-0.0");
        assert_eq!(float(1e16), "1e+16");
        assert_eq!(float(1.5e-7), "1.5e-07");
        assert_eq!(float(123456789012345680.0), "1.2345678901234568e+17");
        assert_eq!(float(0.0001), "0.0001");
        assert_eq!(float(2f64.powi(-25)), "2.9802322387695312e-08");
        assert_eq!(repr(&Const::Complex(0.0, 2.0)), "2j");
        assert_eq!(repr(&Const::Complex(-0.0, -2.5)), "(-0-2.5j)");
        assert_eq!(
            repr(&Const::str("it's\n\u{e9}\u{200b}")),
            "\"it's\\né\\u200b\""
        );
        assert_eq!(
            repr(&Const::Bytes(b"'\"\0".as_slice().into())),
            "b'\\'\"\\x00'"
        );
        assert_eq!(repr(&Const::tuple(vec![Const::None])), "(None,)");
    }
}
