//! Floats as decimal text, both ways.
//!
//! Every layout starts from digits and the place of the decimal point (value = 0.DIGITS * 10**point), so `repr`, `g`
//! and the rest differ only in where the digits come from and when an exponent is written.
//! CPython: `format_float_short`, `PyOS_double_to_string`, `PyOS_string_to_double` in Python/pystrtod.c.

use crate::bigint::trim;
use crate::error::{NumError, Result};

/// Digits of any float beyond these are zeros; the standard library bounds its precision, so the rest is filled in.
const MAX_SIGNIFICANT: usize = 800;
const MAX_DECIMALS: usize = 1100;

/// How [`format`] lays a float out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    /// `#`: keep the point, and for `g` the trailing zeros.
    pub alternate: bool,
    /// Write at least one digit after the point where there is no exponent (as `repr` and `format(x, '')`).
    pub add_dot_0: bool,
    /// `z`: a result that rounds to zero has no minus.
    pub no_negative_zero: bool,
}

/// Significant digits without trailing zeros, and the point: the value is 0.DIGITS * 10**point.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

impl Digits {
    /// Reads the digits of a decimal text such as `12.5`, `0.001`, `1.5e-7`; ignores the sign.
    fn read(text: &str) -> Digits {
        let mut digits = Vec::with_capacity(20);
        let (mut point, mut seen_point, mut exponent) = (0i32, false, 0);
        for (i, byte) in text.bytes().enumerate() {
            match byte {
                b'0' if digits.is_empty() => point -= i32::from(seen_point),
                b'0'..=b'9' => {
                    digits.push(byte);
                    point += i32::from(!seen_point);
                }
                b'.' => seen_point = true,
                b'e' => {
                    exponent = text.get(i + 1..).and_then(|e| e.parse().ok()).unwrap_or(0);
                    break;
                }
                _ => {}
            }
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Digits {
                digits: vec![b'0'],
                point: 1,
            };
        }
        Digits {
            digits,
            point: point + exponent,
        }
    }

    fn shortest(x: f64) -> Digits {
        Digits::read(zmij::Buffer::new().format_finite(x))
    }

    /// `count` significant digits, at least one.
    fn significant(x: f64, count: usize) -> Digits {
        Digits::read(&format!("{:.*e}", count.clamp(1, MAX_SIGNIFICANT) - 1, x))
    }
}

/// `repr(x)`
pub fn repr(x: f64) -> String {
    with_repr(x, str::to_owned)
}

/// Appends `repr(x)`.
pub fn repr_into(x: f64, out: &mut String) {
    with_repr(x, |text| out.push_str(text))
}

/// Lends `repr(x)`, which is ASCII.
pub fn with_repr<R>(x: f64, f: impl FnOnce(&str) -> R) -> R {
    if !x.is_finite() {
        return f(match (x.is_nan(), x > 0.0) {
            (true, _) => "nan",
            (_, true) => "inf",
            _ => "-inf",
        });
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(x);
    // In this range both layouts are plain decimals with a point.
    if (1e-3..1e15).contains(&x.abs()) && text.contains('.') && !text.contains('e') {
        return f(text);
    }
    let digits = Digits::read(text);
    let exponent = digits.point <= -4 || digits.point > 16;
    let mut out = String::with_capacity(32);
    if x.is_sign_negative() {
        out.push('-');
    }
    lay_out(&digits, exponent, 0, true, false, &mut out);
    f(&out)
}

/// The text of `x` in format `kind` (one of `e f g E F G r`), as C's `PyOS_double_to_string`.
///
/// `precision` counts decimals for `e` and `f`, significant digits for `g`, and means nothing for `r`. Fails only for
/// want of memory.
pub fn format(x: f64, kind: u8, precision: usize, layout: Layout) -> Result<String> {
    let lower = kind.to_ascii_lowercase();
    let mut out = String::new();
    out.try_reserve(precision.saturating_add(32))
        .map_err(|_| NumError::Memory)?;
    if x.is_nan() {
        out.push_str("nan");
    } else if x.is_infinite() {
        out.push_str(if x > 0.0 { "inf" } else { "-inf" });
    } else {
        match lower {
            b'e' => fixed_exponent(x, precision, layout, &mut out),
            b'f' => fixed_decimals(x, precision, layout, &mut out),
            _ => general(x, lower == b'r', precision, layout, &mut out),
        }
    }
    if kind.is_ascii_uppercase() {
        out.make_ascii_uppercase();
    }
    Ok(out)
}

fn push_sign(x: f64, is_zero: bool, layout: Layout, out: &mut String) {
    if x.is_sign_negative() && !(layout.no_negative_zero && is_zero) {
        out.push('-');
    }
}

fn push_exponent(exponent: i32, out: &mut String) {
    out.push('e');
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.unsigned_abs()));
}

fn push_zeros(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n('0', count));
}

fn fixed_exponent(x: f64, precision: usize, layout: Layout, out: &mut String) {
    let digits = Digits::significant(x, precision.saturating_add(1));
    push_sign(x, x == 0.0, layout, out);
    lay_out(
        &digits,
        true,
        precision.saturating_add(1),
        false,
        layout.alternate,
        out,
    );
}

/// 10 ** n, which in 128 bits leave a mantissa's 53 to spare.
static POWERS_OF_TEN: [u128; 23] = {
    let mut powers = [1; 23];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// `x * 10**precision` rounded to an integer, halves to even; None where 128 bits are not enough. For finite,
/// non-negative `x`.
///
/// The product is computed as an exact fraction with a power of two below it.
fn scaled(x: f64, precision: usize) -> Option<u128> {
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    // x = mantissa / 2**shift
    let (mantissa, shift) = match exponent {
        0 => (fraction, 1074),
        _ => (fraction | 1 << 52, 1075 - exponent),
    };
    let power = *POWERS_OF_TEN.get(precision)?;
    match shift {
        ..=-11 => None,
        -10..=0 => (mantissa as u128)
            .checked_shl(-shift as u32)?
            .checked_mul(power),
        1..=127 => {
            let product = mantissa as u128 * power; // below 2**53 * 2**74
            let (whole, rest) = (product >> shift, product & ((1 << shift) - 1));
            let half = 1u128 << (shift - 1);
            Some(whole + u128::from(rest > half || rest == half && whole & 1 == 1))
        }
        _ => Some(0),
    }
}

/// A float with a fixed number of decimals, written into a buffer's end.
pub struct Fixed {
    text: [u8; 64],
    start: usize,
}

impl Fixed {
    /// `x` with `precision` decimals, correctly rounded (halves to even), with a minus if it is negative; None where 128
    /// bits are not enough.
    pub fn new(x: f64, precision: usize) -> Option<Fixed> {
        if !x.is_finite() {
            return None;
        }
        let mut rest = scaled(x.abs(), precision)?;
        let mut fixed = Fixed {
            text: [b'0'; 64],
            start: 64,
        };
        while rest > u64::MAX as u128 {
            fixed.digit((rest % 10) as u8, precision);
            rest /= 10;
        }
        let mut rest = rest as u64;
        while rest > 0 {
            fixed.digit((rest % 10) as u8, precision);
            rest /= 10;
        }
        // At least one digit before the point.
        let least = 63 - precision - usize::from(precision > 0);
        if fixed.start > least {
            if precision > 0 {
                fixed.text[63 - precision] = b'.';
            }
            fixed.start = least;
        }
        if x.is_sign_negative() {
            fixed.start -= 1;
            fixed.text[fixed.start] = b'-';
        }
        Some(fixed)
    }

    #[inline(always)]
    fn digit(&mut self, digit: u8, precision: usize) {
        if self.start == 64 - precision && precision > 0 {
            self.start -= 1;
            self.text[self.start] = b'.';
        }
        self.start -= 1;
        self.text[self.start] = b'0' + digit;
    }

    /// The text, which is ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

fn fixed_decimals(x: f64, precision: usize, layout: Layout, out: &mut String) {
    if !layout.no_negative_zero
        && !layout.alternate
        && let Some(fixed) = Fixed::new(x, precision)
    {
        out.push_str(fixed.as_str());
        return;
    }
    let text = format!("{:.*}", precision.min(MAX_DECIMALS), x.abs());
    push_sign(x, text.bytes().all(|b| b == b'0' || b == b'.'), layout, out);
    out.push_str(&text);
    push_zeros(precision.saturating_sub(MAX_DECIMALS), out);
    if precision == 0 && layout.alternate {
        out.push('.');
    }
}

fn general(x: f64, shortest: bool, precision: usize, layout: Layout, out: &mut String) {
    let precision = precision.max(1);
    let (digits, last_plain) = if shortest {
        (Digits::shortest(x), 16)
    } else {
        let plain = precision - usize::from(layout.add_dot_0);
        (
            Digits::significant(x, precision),
            plain.min(i32::MAX as usize) as i32,
        )
    };
    let exponent = digits.point <= -4 || digits.point > last_plain;
    let count = if layout.alternate && !shortest {
        precision
    } else {
        0
    };
    push_sign(x, x == 0.0, layout, out);
    lay_out(
        &digits,
        exponent,
        count,
        layout.add_dot_0,
        layout.alternate,
        out,
    );
}

/// Writes the digits, zero-filled up to `count` significant ones, with or without an exponent.
fn lay_out(
    digits: &Digits,
    exponent: bool,
    count: usize,
    add_dot_0: bool,
    keep_point: bool,
    out: &mut String,
) {
    let point = if exponent { 1 } else { digits.point };
    let have = digits.digits.len();
    let mut end = have.max(count);
    if point > 0 {
        end = end.max(point as usize + usize::from(add_dot_0 && !exponent));
    }
    let mut written = 0;
    if point <= 0 {
        out.push_str("0.");
        push_zeros(point.unsigned_abs() as usize, out);
    } else {
        let integer = point as usize;
        push_digits(&digits.digits, 0, integer, out);
        written = integer;
        if end > integer || keep_point {
            out.push('.');
        }
    }
    push_digits(&digits.digits, written, end, out);
    if exponent {
        push_exponent(digits.point - 1, out);
    }
}

/// The digits from `start` to `end`, with zeros for those that are not there.
fn push_digits(digits: &[u8], start: usize, end: usize, out: &mut String) {
    let stop = end.min(digits.len());
    out.extend(
        digits
            .get(start..stop)
            .unwrap_or_default()
            .iter()
            .map(|d| char::from(*d)),
    );
    push_zeros(end.saturating_sub(start.max(digits.len())), out);
}

/// `x` rounded to `ndigits` decimals (may be negative), read back.
pub(super) fn round_decimal(x: f64, ndigits: i32) -> f64 {
    // Where both are exact, their quotient is the float next to the decimal number.
    if let Ok(digits @ 0..=22) = usize::try_from(ndigits)
        && let Some(whole) = scaled(x.abs(), digits).filter(|&whole| whole <= 1 << 53)
    {
        return (whole as f64 / POWERS_OF_TEN[digits] as f64).copysign(x);
    }
    let read = |text: &str| text.parse::<f64>().unwrap_or(x);
    if ndigits >= 0 {
        return read(&format!("{:.*}", ndigits as usize, x));
    }
    // Enough digits to be exact: the point then tells the magnitude before any rounding.
    let exact = Digits::significant(x, MAX_SIGNIFICANT);
    let keep = exact.point + ndigits;
    let zero = 0.0f64.copysign(x);
    match keep {
        ..0 => zero,
        0 => {
            // Half of the last place or more rounds to one unit; an exact half to the even zero.
            let above = exact.digits.as_slice() > b"5".as_slice();
            if above {
                read(&format!("{}1e{}", if x < 0.0 { "-" } else { "" }, -ndigits))
            } else {
                zero
            }
        }
        _ => read(&format!("{:.*e}", keep as usize - 1, x)),
    }
}

/// `float(text)` of ASCII text as it stands, white space around it allowed; `None` if it is no number.
pub fn parse(text: &[u8]) -> Option<f64> {
    let text = trim(text);
    if !text.contains(&b'_') {
        return parse_plain(text);
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut previous = 0u8;
    for &byte in text {
        if byte == b'_' {
            if !previous.is_ascii_digit() {
                return None;
            }
        } else if previous == b'_' && !byte.is_ascii_digit() {
            return None;
        } else {
            clean.push(byte);
        }
        previous = byte;
    }
    if previous == b'_' {
        None
    } else {
        parse_plain(&clean)
    }
}

/// The standard library reads what Python does but for underscores and white space.
fn parse_plain(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The number at the start of `text`, as C's `strtod` without hexadecimal, and how many bytes it takes.
pub fn parse_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let body = text.get(sign..)?;
    let negative = text.first() == Some(&b'-');
    let word = |w: &[u8]| {
        body.get(..w.len())
            .is_some_and(|b| b.eq_ignore_ascii_case(w))
    };
    if body.first().is_some_and(u8::is_ascii_alphabetic) {
        for (name, value) in [
            ("infinity", f64::INFINITY),
            ("inf", f64::INFINITY),
            ("nan", f64::NAN),
        ] {
            if word(name.as_bytes()) {
                return Some((if negative { -value } else { value }, sign + name.len()));
            }
        }
    }
    let digits = |from: usize| {
        body.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut end = whole;
    let mut decimals = 0;
    if body.get(end) == Some(&b'.') {
        decimals = digits(end + 1);
        end += 1 + decimals;
    }
    if whole + decimals == 0 {
        return None;
    }
    if let Some(b'e' | b'E') = body.get(end) {
        let at = end + 1 + usize::from(matches!(body.get(end + 1), Some(b'-' | b'+')));
        let count = digits(at);
        if count > 0 {
            end = at + count;
        }
    }
    let number = std::str::from_utf8(text.get(..sign + end)?).ok()?;
    Some((number.parse().ok()?, sign + end))
}
