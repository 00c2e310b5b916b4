//! Parsing of ISO 8601 text for `fromisoformat`.
//!
//! Works on bytes in which a read past the end gives 0, like the terminator of a C string; the callers see to it that the
//! separator between date and time is one byte. The grammar, with all its tolerance, is CPython's (parse_isoformat_*).

use super::calendar::{Clock, Day, from_iso_calendar};

/// The text cannot be read.
#[derive(Debug)]
pub struct Malformed;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The next `count` digits as a number.
    fn digits(&mut self, count: usize) -> Result<i32, Malformed> {
        let mut n = 0;
        for _ in 0..count {
            let c = self.peek(self.at);
            if !c.is_ascii_digit() {
                return Err(Malformed);
            }
            n = n * 10 + (c - b'0') as i32;
            self.at += 1;
        }
        Ok(n)
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek(self.at) == wanted;
        self.at += found as usize;
        found
    }
}

/// The date in the first `len` bytes; it need not exist.
pub fn date(text: &[u8], len: usize) -> Result<Day, Malformed> {
    let mut r = Reader { text, at: 0 };
    let year = r.digits(4)?;
    let separated = r.take(b'-');
    if r.take(b'W') {
        let week = r.digits(2)?;
        let mut weekday = 1;
        if r.at < len {
            if separated && !r.take(b'-') {
                return Err(Malformed);
            }
            weekday = r.digits(1)?;
        }
        return from_iso_calendar(year, week, weekday).map_err(|_| Malformed);
    }
    let month = r.digits(2)?;
    if separated && !r.take(b'-') {
        return Err(Malformed);
    }
    let day = r.digits(2)?;
    Ok(Day { year, month, day })
}

/// Where the date of a date and time ends.
pub fn date_end(text: &[u8]) -> Result<usize, Malformed> {
    let r = Reader { text, at: 0 };
    let len = text.len();
    if len == 7 {
        return Ok(7);
    }
    if r.peek(4) == b'-' {
        if r.peek(5) != b'W' {
            return Ok(10);
        }
        if len > 8 && r.peek(8) == b'-' {
            if len == 9 {
                return Err(Malformed);
            }
            // YYYY-Www-D, or YYYY-Www with a hyphen before the hours.
            let hours = len > 10 && r.peek(10).is_ascii_digit();
            return Ok(if hours { 8 } else { 10 });
        }
        return Ok(8);
    }
    if r.peek(4) != b'W' {
        return Ok(8);
    }
    // YYYYWww or YYYYWwwD, and a digit may be the separator.
    let digits = text
        .iter()
        .skip(7)
        .take_while(|c| c.is_ascii_digit())
        .count();
    let end = 7 + digits;
    Ok(match end {
        7 | 8 => end,
        _ if end % 2 == 0 => 7,
        _ => 8,
    })
}

/// A time of day and whether text follows the part that was understood.
fn clock(text: &[u8]) -> Result<(Clock, bool), Malformed> {
    let mut r = Reader { text, at: 0 };
    let mut fields = [0; 3];
    let mut separated = true;
    for (i, field) in fields.iter_mut().enumerate() {
        *field = r.digits(2)?;
        let c = r.peek(r.at);
        r.at += 1;
        if i == 0 {
            separated = c == b':';
        }
        if r.at >= text.len() {
            if matches!(c, b'.' | b',') {
                return Err(Malformed);
            }
            let [hour, minute, second] = fields;
            let clock = Clock {
                hour,
                minute,
                second,
                micro: 0,
            };
            return Ok((clock, c != 0));
        }
        match c {
            b':' if separated => {
                // The third field may not be followed by a colon.
                if i == 2 {
                    return Err(Malformed);
                }
            }
            // Only seconds have fractions.
            b'.' | b',' if i < 2 => return Err(Malformed),
            b'.' | b',' => break,
            _ if !separated => r.at -= 1,
            _ => return Err(Malformed),
        }
    }
    let [hour, minute, second] = fields;
    let count = (text.len().saturating_sub(r.at)).min(6);
    let mut micro = r.digits(count)?;
    for _ in count..6 {
        micro *= 10
    }
    while r.peek(r.at).is_ascii_digit() {
        r.at += 1
    }
    let clock = Clock {
        hour,
        minute,
        second,
        micro,
    };
    Ok((clock, r.peek(r.at) != 0))
}

/// A time of day and, where the text has one, the offset from UTC in microseconds.
pub fn time(text: &[u8]) -> Result<(Clock, Option<i64>), Malformed> {
    let zone = text.iter().position(|c| matches!(c, b'Z' | b'+' | b'-'));
    let (own, rest) = text.split_at(zone.unwrap_or(text.len()));
    let (moment, surplus) = clock(own)?;
    let Some((&sign, offset)) = rest.split_first() else {
        return if surplus {
            Err(Malformed)
        } else {
            Ok((moment, None))
        };
    };
    // One stray character before the zone is CPython's tolerance.
    if sign == b'Z' {
        // A NUL passes for the end of the text, as in C.
        return match offset.first() {
            None | Some(0) => Ok((moment, Some(0))),
            Some(_) => Err(Malformed),
        };
    }
    let (offset, surplus) = clock(offset)?;
    if surplus {
        return Err(Malformed);
    }
    let micros = offset.seconds() * 1_000_000 + offset.micro as i64;
    Ok((moment, Some(if sign == b'-' { -micros } else { micros })))
}
