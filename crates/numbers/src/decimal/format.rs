//! `format(decimal, spec)`.
//!
//! The language is `[[fill]align][sign][z][#][0][width][grouping][.precision[grouping]][type]` with the types
//! `e E f F g G n %`. The number is rounded by the context's mode to what the type shows, cut into whole and fractional
//! digits, grouped, and padded. CPython: `mpd_qformat_spec` in Modules/_decimal/libmpdec/io.c and, for what that does not
//! know, `Decimal.__format__` in Lib/_pydecimal.py.

use super::*;
pub use crate::format_spec::Locale;

/// Why a number cannot be formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatError {
    /// ValueError "invalid format string".
    Invalid,
    /// OverflowError "cannot fit 'int' into an index-sized integer".
    TooLarge,
    /// ValueError: more than the number type itself allows.
    Limit,
    Memory,
}

/// Text longer than this is refused.
const MAX_LENGTH: u64 = 1 << 32;

struct Spec {
    fill: String,
    align: u8,
    sign: u8,
    no_negative_zero: bool,
    alternate: bool,
    zero_pad: bool,
    width: u64,
    separator: Option<char>,
    precision: Option<u64>,
    fraction_separator: Option<char>,
    kind: u8,
}

fn number(chars: &[char], at: &mut usize) -> Result<Option<u64>, FormatError> {
    let start = *at;
    let mut value = 0u64;
    while let Some(digit) = chars.get(*at).and_then(|c| c.to_digit(10)) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit)))
            .filter(|v| *v <= i64::MAX as u64)
            .ok_or(FormatError::TooLarge)?;
        *at += 1;
    }
    Ok((*at > start).then_some(value))
}

impl Spec {
    fn parse(text: &str, capitals: bool) -> Result<Spec, FormatError> {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '=' | '^'));
        let mut fill = None;
        let mut align = None;
        if is_align(chars.get(1)) {
            fill = chars.first().map(char::to_string);
            align = chars.get(1).map(|c| *c as u8);
            at = 2;
        } else if is_align(chars.first()) {
            align = chars.first().map(|c| *c as u8);
            at = 1;
        }
        let take = |at: &mut usize, wanted: &[char]| {
            let found = chars.get(*at).copied().filter(|c| wanted.contains(c));
            *at += usize::from(found.is_some());
            found
        };
        let sign = take(&mut at, &['+', '-', ' ']).map_or(b'-', |c| c as u8);
        let no_negative_zero = take(&mut at, &['z']).is_some();
        let alternate = take(&mut at, &['#']).is_some();
        let mut zero_pad = take(&mut at, &['0']).is_some();
        let width = number(&chars, &mut at)?.unwrap_or(0);
        let separator = take(&mut at, &[',', '_']);
        let mut precision = None;
        let mut fraction_separator = None;
        if take(&mut at, &['.']).is_some() {
            precision = number(&chars, &mut at)?;
            fraction_separator = take(&mut at, &[',', '_']);
            if precision.is_none() && fraction_separator.is_none() {
                return Err(FormatError::Invalid);
            }
        }
        let kind = take(&mut at, &['e', 'E', 'f', 'F', 'g', 'G', 'n', '%']).map(|c| c as u8);
        let localized = kind == Some(b'n');
        if at != chars.len() || (zero_pad && align.is_some()) || (localized && separator.is_some())
        {
            return Err(FormatError::Invalid);
        }
        let kind = match kind {
            None if capitals => b'G',
            None | Some(b'n') => b'g',
            Some(kind) => kind,
        };
        if precision == Some(0) && matches!(kind, b'g' | b'G') {
            precision = Some(1);
        }
        zero_pad &= width > 0;
        Ok(Spec {
            fill: fill.unwrap_or_else(|| " ".into()),
            align: align.unwrap_or(b'>'),
            sign,
            no_negative_zero,
            alternate,
            zero_pad,
            width,
            separator,
            precision,
            fraction_separator,
            kind,
        })
    }

    fn align(&self, sign: &str, body: &str) -> Result<String, FormatError> {
        if self.width > MAX_PREC as u64 {
            return Err(FormatError::Limit);
        }
        if self.width > MAX_PREC as u64 {
            return Err(FormatError::Limit);
        }
        if self.width > MAX_LENGTH {
            return Err(FormatError::Memory);
        }
        let have = (sign.len() + body.chars().count()) as u64;
        let missing = self.width.saturating_sub(have) as usize;
        let pad = |n: usize| self.fill.repeat(n);
        Ok(match self.align {
            b'<' => format!("{sign}{body}{}", pad(missing)),
            b'=' => format!("{sign}{}{body}", pad(missing)),
            b'^' => {
                let half = missing / 2;
                format!("{}{sign}{body}{}", pad(half), pad(missing - half))
            }
            _ => format!("{}{sign}{body}", pad(missing)),
        })
    }

    fn sign_text(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (_, b'+') => "+",
            (_, b' ') => " ",
            _ => "",
        }
    }
}

/// Rounds a finite number to this many digits.
fn round_digits(d: &Decimal, digits: u64, round: Round) -> Option<Decimal> {
    let have = d.coeff.digits();
    if d.coeff.is_zero() || have == digits {
        return Some(d.clone());
    }
    let mut ignored = 0;
    let exp = d.exp + have as i64 - digits as i64;
    let mut rounded = arith::rescale_raw(d, exp, round, &mut ignored)?;
    if rounded.coeff.digits() > digits {
        rounded.coeff = rounded.coeff.shr(1).0;
        rounded.exp += 1;
    }
    Some(rounded)
}

/// `digits` in groups from the right, at least `min_width` characters long by zeros.
fn group(digits: &str, separator: &str, sizes: &[u8], mut min_width: i64) -> String {
    let mut groups: Vec<String> = Vec::new();
    let mut rest = digits;
    let separator_len = separator.chars().count() as i64;
    let mut sizes = sizes.iter().copied();
    let mut last = 0u8;
    let take = |rest: &mut &str, length: i64| {
        let length = length.max(0) as usize;
        let part = rest.len().min(length);
        let (left, right) = rest.split_at(rest.len() - part);
        *rest = left;
        format!("{}{right}", "0".repeat(length - part))
    };
    loop {
        let want = (rest.len() as i64).max(min_width).max(1);
        // The last size repeats; 127 ends the grouping; none at all means no groups.
        last = match sizes.next() {
            Some(0) | None => last,
            Some(size) => size,
        };
        if last == 0 || last >= 127 {
            groups.push(take(&mut rest, want));
            break;
        }
        let length = want.min(i64::from(last));
        groups.push(take(&mut rest, length));
        min_width -= length;
        if rest.is_empty() && min_width <= 0 {
            break;
        }
        min_width -= separator_len;
    }
    groups.reverse();
    groups.join(separator)
}

/// The text of the most usual format, so many decimals and nothing else, of a finite number that is not too long.
fn plain_fixed(d: &Decimal, places: &[u8], round: Round) -> Option<String> {
    let places = match places {
        [a @ b'0'..=b'9'] => usize::from(a - b'0'),
        [a @ b'1'..=b'9', b @ b'0'..=b'9'] => usize::from(a - b'0') * 10 + usize::from(b - b'0'),
        _ => return None,
    };
    if !d.is_finite() || d.exp.unsigned_abs() > 100 {
        return None;
    }
    let value = arith::rescale_raw(d, -(places as i64), round, &mut 0)?;
    let mut room = [0; 40];
    let digits = value.coeff.text_in(&mut room);
    let mut out = String::with_capacity(digits.len() + places + 3);
    if value.negative {
        out.push('-');
    }
    let whole = digits.len().saturating_sub(places);
    out.push_str(if whole == 0 { "0" } else { &digits[..whole] });
    if places > 0 {
        out.push('.');
        for _ in digits.len()..places {
            out.push('0');
        }
        out.push_str(&digits[whole..]);
    }
    Some(out)
}

/// The number's text by the specification. A locale is for the type `n` or replaces point and separators of any type.
pub fn format(
    d: &Decimal,
    spec: &str,
    round: Round,
    capitals: bool,
    locale: Option<&Locale>,
) -> Result<String, FormatError> {
    if locale.is_none()
        && let [b'.', places @ .., b'f'] = spec.as_bytes()
        && let Some(text) = plain_fixed(d, places, round)
    {
        return Ok(text);
    }
    let spec = Spec::parse(spec, capitals)?;
    let percent = spec.kind == b'%';
    if !d.is_finite() {
        let mut body = to_sci(&d.copy_abs(), true);
        if percent {
            body.push('%');
        }
        return spec.align(spec.sign_text(d.negative), &body);
    }
    let mut value = d.clone();
    if percent {
        value.exp = value.exp.saturating_add(2);
    }
    let fixed = matches!(spec.kind, b'f' | b'F' | b'%');
    if let Some(precision) = spec.precision {
        let shortens = !matches!(spec.kind, b'g' | b'G') || value.coeff.digits() > precision;
        if shortens && precision > MAX_DIGITS {
            return Err(FormatError::Memory);
        }
        let rounded = match spec.kind {
            b'e' | b'E' => round_digits(&value, precision + 1, round),
            b'g' | b'G' if value.coeff.digits() > precision => {
                round_digits(&value, precision, round)
            }
            b'g' | b'G' => Some(value.clone()),
            _ => {
                let mut ignored = 0;
                arith::rescale_raw(&value, -(precision as i64), round, &mut ignored)
            }
        };
        value = rounded.ok_or(FormatError::Memory)?;
    }
    if value.coeff.is_zero() && value.exp > 0 && fixed {
        value.exp = 0;
    }
    let negative = value.negative && !(spec.no_negative_zero && value.coeff.is_zero());
    if value.exp.unsigned_abs() > MAX_DIGITS && fixed {
        return Err(FormatError::Memory);
    }
    let mut digits = value.coeff.to_text();
    if fixed && value.exp > 0 {
        digits.push_str(&"0".repeat(value.exp as usize));
        value.exp = 0;
    }
    let left = value.exp + digits.len() as i64;
    let point = match spec.kind {
        b'e' | b'E' => match spec.precision {
            Some(precision) if value.coeff.is_zero() => 1 - precision as i64,
            _ => 1,
        },
        b'g' | b'G' if value.exp > 0 || left <= -6 => 1,
        _ => left,
    };
    let (whole, fraction) = if point < 0 {
        let zeros = "0".repeat(point.unsigned_abs() as usize);
        ("0".to_owned(), zeros + &digits)
    } else if point as usize >= digits.len() {
        let zeros = "0".repeat(point as usize - digits.len());
        (digits + &zeros, String::new())
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        let whole = if whole.is_empty() { "0" } else { whole };
        (whole.to_owned(), fraction.to_owned())
    };
    spec.assemble(negative, &whole, fraction, left - point, locale)
}

impl Spec {
    fn assemble(
        &self,
        negative: bool,
        whole: &str,
        mut fraction: String,
        exponent: i64,
        locale: Option<&Locale>,
    ) -> Result<String, FormatError> {
        let sign = self.sign_text(negative);
        if let Some(separator) = self.fraction_separator {
            let mut grouped = String::with_capacity(fraction.len() * 4 / 3);
            for (i, c) in fraction.chars().enumerate() {
                if i > 0 && i % 3 == 0 {
                    grouped.push(separator);
                }
                grouped.push(c);
            }
            fraction = grouped;
        }
        let point = locale.map_or(".", |l| l.decimal_point);
        let mut tail = if fraction.is_empty() && !self.alternate {
            String::new()
        } else {
            format!("{point}{fraction}")
        };
        if exponent != 0 || matches!(self.kind, b'e' | b'E') {
            let letter = if self.kind.is_ascii_uppercase() {
                'E'
            } else {
                'e'
            };
            tail.push_str(&format!("{letter}{exponent:+}"));
        }
        if self.kind == b'%' {
            tail.push('%');
        }
        if self.width > MAX_LENGTH {
            return Err(FormatError::Memory);
        }
        let min_width = if self.zero_pad {
            self.width as i64 - tail.chars().count() as i64 - sign.len() as i64
        } else {
            0
        };
        let separator = self.separator.map(String::from).unwrap_or_default();
        let whole = match locale {
            Some(l) => group(whole, l.thousands_sep, l.grouping, min_width),
            None => group(
                whole,
                &separator,
                if separator.is_empty() { &[] } else { &[3] },
                min_width,
            ),
        };
        self.align(sign, &format!("{whole}{tail}"))
    }
}
