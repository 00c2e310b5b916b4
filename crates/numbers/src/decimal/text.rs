//! Decimal numbers as text, both ways.
//!
//! The grammar is the specification's numeric string: sign, digits with a point, exponent; or an infinity; or a NaN with
//! digits. Whitespace, underscores and other scripts' digits are the binding's affair.
//! CPython: `mpd_qset_string`, `_mpd_to_string` in Modules/_decimal/libmpdec/io.c.

use super::*;

/// The number a text writes, exactly; None for text that is no number. Exponents beyond 64 bits are kept at a bound that
/// every context overflows.
pub fn parse(text: &[u8]) -> Option<Decimal> {
    let (negative, rest) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    match rest.first()? {
        b'0'..=b'9' | b'.' => parse_number(negative, rest),
        _ => parse_special(negative, rest),
    }
}

fn parse_special(negative: bool, text: &[u8]) -> Option<Decimal> {
    let lower = text.to_ascii_lowercase();
    if lower == b"inf" || lower == b"infinity" {
        return Some(Decimal::infinity(negative));
    }
    let (kind, payload) = if let Some(rest) = lower.strip_prefix(b"nan") {
        (Kind::Nan, rest)
    } else {
        (Kind::SNan, lower.strip_prefix(b"snan")?)
    };
    if !payload.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = payload.iter().take_while(|c| **c == b'0').count();
    Some(Decimal {
        negative,
        kind,
        exp: 0,
        coeff: Coeff::from_digits(payload.get(zeros..)?)?,
    })
}

fn parse_number(negative: bool, text: &[u8]) -> Option<Decimal> {
    let end = text
        .iter()
        .position(|c| matches!(c, b'e' | b'E'))
        .unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(end);
    let mut digits: Vec<u8>;
    let mut exp = 0i64;
    let coefficient = match mantissa.iter().position(|c| *c == b'.') {
        None => mantissa,
        Some(point) => {
            let fraction = mantissa.get(point + 1..)?;
            exp = -(fraction.len() as i64);
            digits = mantissa.get(..point)?.to_vec();
            digits.extend_from_slice(fraction);
            &digits
        }
    };
    if coefficient.is_empty() || !coefficient.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if let Some(part) = exponent.get(1..) {
        exp = exp.saturating_add(parse_exponent(part)?);
    }
    let zeros = coefficient
        .iter()
        .take_while(|c| **c == b'0')
        .count()
        .min(coefficient.len() - 1);
    let coeff = Coeff::from_digits(coefficient.get(zeros..)?)?;
    Some(Decimal::new(negative, coeff, exp))
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    /// Four times the largest exponent: sums with it do not wrap.
    const BOUND: i64 = 4 * MAX_EMAX;
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |v, c| {
        v.saturating_mul(10)
            .saturating_add(i64::from(c - b'0'))
            .min(BOUND)
    });
    Some(if negative { -value } else { value })
}

/// The exact number of a text: one that the widest context cannot hold is an invalid operation.
pub fn parse_exact(text: &[u8], status: &mut u32) -> Decimal {
    match parse(text) {
        None => error(CONVERSION_SYNTAX, status),
        Some(d) => exact(d, status),
    }
}

/// The number if the widest context holds it unchanged.
pub fn exact(d: Decimal, status: &mut u32) -> Decimal {
    let mut raised = 0;
    let result = finalize(d, &Context::MAX, &mut raised);
    if raised & (INEXACT | ROUNDED | CLAMPED | ERRORS) != 0 {
        return error(INVALID_OPERATION, status);
    }
    *status |= raised;
    result
}

/// Words of the special values.
fn special_text(d: &Decimal) -> String {
    let sign = if d.negative { "-" } else { "" };
    let payload = if d.coeff.is_zero() {
        String::new()
    } else {
        d.coeff.to_text()
    };
    match d.kind {
        Kind::Infinity => format!("{sign}Infinity"),
        Kind::Nan => format!("{sign}NaN{payload}"),
        _ => format!("{sign}sNaN{payload}"),
    }
}

/// Scientific notation: `to-scientific-string`.
pub fn to_sci(d: &Decimal, capitals: bool) -> String {
    if !d.is_finite() {
        return special_text(d);
    }
    let mut room = [0; 40];
    let digits = d.coeff.text_in(&mut room);
    let left = d.exp + digits.len() as i64;
    let point = if d.exp <= 0 && left > -6 { left } else { 1 };
    layout(d, &digits, point, left - point, capitals)
}

/// Engineering notation: `to-engineering-string`.
pub fn to_eng(d: &Decimal, capitals: bool) -> String {
    if !d.is_finite() {
        return special_text(d);
    }
    let digits = d.coeff.to_text();
    let left = d.exp + digits.len() as i64;
    let point = if d.exp <= 0 && left > -6 {
        left
    } else if d.coeff.is_zero() {
        (left + 1).rem_euclid(3) - 1
    } else {
        (left - 1).rem_euclid(3) + 1
    };
    layout(d, &digits, point, left - point, capitals)
}

fn layout(d: &Decimal, digits: &str, point: i64, exponent: i64, capitals: bool) -> String {
    let mut out = String::with_capacity(digits.len() + 12);
    if d.negative {
        out.push('-');
    }
    if point <= 0 {
        out.push_str("0.");
        for _ in point..0 {
            out.push('0');
        }
        out.push_str(digits);
    } else if point as usize >= digits.len() {
        out.push_str(digits);
        for _ in digits.len()..point as usize {
            out.push('0');
        }
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    }
    if exponent != 0 {
        out.push(if capitals { 'E' } else { 'e' });
        out.push_str(&format!("{exponent:+}"));
    }
    out
}
