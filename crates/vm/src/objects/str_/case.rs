//! The methods of `str` about case and character classes.
//!
//! ASCII text takes paths over bytes; other text goes through Unicode's full mappings (one code point may become three, and a
//! capital sigma looks at its neighbours). CPython: Objects/unicodeobject.c (do_lower, do_title, ...).

use super::{CodePoints, Str, push_code_point};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymethods;
use naja_unicode::{CAPITAL_SIGMA, Mapped};

fn push_all(out: &mut Vec<u8>, mapped: Mapped) {
    for &c in mapped.as_slice() {
        push_code_point(out, c)
    }
}

/// Appends the lower case of `c`, which stands in `text` with `rest` behind it.
fn push_lower(out: &mut Vec<u8>, c: u32, text: &[u8], rest: &[u8]) {
    if c == CAPITAL_SIGMA {
        let before = text.len() - rest.len() - 2;
        let sigma = naja_unicode::lower_sigma(
            CodePoints::new(&text[..before]).rev(),
            CodePoints::new(rest),
        );
        push_code_point(out, sigma)
    } else {
        push_all(out, naja_unicode::to_lower(c))
    }
}

/// A new string by a function over bytes (ASCII text) or one over code points with what follows them.
fn convert(
    vm: &Vm,
    text: &Str,
    ascii: impl Fn(&mut [u8]),
    mut wide: impl FnMut(&mut Vec<u8>, u32, &[u8]),
) -> PyResult {
    if text.is_ascii() {
        let mut short = [0; 64];
        if let Some(short) = short.get_mut(..text.byte_len()) {
            short.copy_from_slice(text.as_bytes());
            ascii(short);
            return Ok(vm.new_ascii_str(short)?.into_value());
        }
        let new = Str::build(vm, text.byte_len(), text.byte_len(), |out| {
            out.copy_from_slice(text.as_bytes());
            ascii(out)
        })?;
        return Ok(new.into_value());
    }
    let mut out = Vec::with_capacity(text.byte_len());
    let mut points = text.code_points();
    while let Some(c) = points.next() {
        wide(&mut out, c, points.rest)
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

/// As [`convert`], where each ASCII character is changed for itself, whatever stands beside it.
fn convert_each(
    vm: &Vm,
    text: &Str,
    ascii: impl Fn(&mut [u8]),
    mut wide: impl FnMut(&mut Vec<u8>, u32, &[u8]),
) -> PyResult {
    convert(vm, text, &ascii, |out, c, rest| {
        if c < 0x80 {
            let mut byte = [c as u8];
            ascii(&mut byte);
            out.push(byte[0]);
        } else {
            wide(out, c, rest)
        }
    })
}

/// Upper case at the start of words, lower case inside.
fn title_ascii(bytes: &mut [u8]) {
    let mut inside = false;
    for byte in bytes {
        *byte = if inside {
            byte.to_ascii_lowercase()
        } else {
            byte.to_ascii_uppercase()
        };
        inside = byte.is_ascii_alphabetic();
    }
}

fn all(text: &Str, ascii: impl Fn(u8) -> bool, wide: impl Fn(u32) -> bool) -> bool {
    if text.is_ascii() {
        text.byte_len() > 0 && text.as_bytes().iter().all(|&b| ascii(b))
    } else {
        text.code_points().all(wide)
    }
}

/// Whether there is a character that `want`s, and none of the classes `bad` refuses.
fn cased(text: &Str, want: impl Fn(u32) -> bool, bad: impl Fn(u32) -> bool) -> bool {
    let mut found = false;
    for c in text.code_points() {
        if bad(c) {
            return false;
        }
        found |= want(c)
    }
    found
}

fn is_lower(c: u32) -> bool {
    match u8::try_from(c) {
        Ok(c) if c.is_ascii() => c.is_ascii_lowercase(),
        _ => naja_unicode::is_lower(c),
    }
}

fn is_upper(c: u32) -> bool {
    match u8::try_from(c) {
        Ok(c) if c.is_ascii() => c.is_ascii_uppercase(),
        _ => naja_unicode::is_upper(c),
    }
}

#[pymethods(extra = "STR_CASE")]
impl Str {
    /// Return a copy of the string converted to lowercase.
    #[pymethod]
    fn lower(&self, vm: &Vm) -> PyResult {
        let text = self.as_bytes();
        convert_each(vm, self, <[u8]>::make_ascii_lowercase, |out, c, rest| {
            push_lower(out, c, text, rest)
        })
    }

    /// Return a copy of the string converted to uppercase.
    #[pymethod]
    fn upper(&self, vm: &Vm) -> PyResult {
        convert_each(vm, self, <[u8]>::make_ascii_uppercase, |out, c, _| {
            push_all(out, naja_unicode::to_upper(c))
        })
    }

    /// Return a version of the string suitable for caseless comparisons.
    #[pymethod]
    fn casefold(&self, vm: &Vm) -> PyResult {
        convert_each(vm, self, <[u8]>::make_ascii_lowercase, |out, c, _| {
            push_all(out, naja_unicode::to_casefold(c))
        })
    }

    /// Return a capitalized version of the string.
    ///
    /// More specifically, make the first character have upper case and the
    /// rest lower case.
    #[pymethod]
    fn capitalize(&self, vm: &Vm) -> PyResult {
        let text = self.as_bytes();
        let mut first = true;
        let ascii = |bytes: &mut [u8]| {
            bytes.make_ascii_lowercase();
            if let Some(first) = bytes.first_mut() {
                first.make_ascii_uppercase()
            }
        };
        convert(vm, self, ascii, |out, c, rest| {
            if std::mem::take(&mut first) {
                push_all(out, naja_unicode::to_title(c))
            } else {
                push_lower(out, c, text, rest)
            }
        })
    }

    /// Return a version of the string where each word is titlecased.
    ///
    /// More specifically, words start with uppercased characters and all
    /// remaining cased characters have lower case.
    #[pymethod]
    fn title(&self, vm: &Vm) -> PyResult {
        let text = self.as_bytes();
        let mut inside = false;
        convert(vm, self, title_ascii, |out, c, rest| {
            if inside {
                push_lower(out, c, text, rest)
            } else {
                push_all(out, naja_unicode::to_title(c))
            }
            inside = naja_unicode::is_cased(c)
        })
    }

    /// Convert uppercase characters to lowercase and lowercase characters to uppercase.
    #[pymethod]
    fn swapcase(&self, vm: &Vm) -> PyResult {
        let text = self.as_bytes();
        let ascii = |bytes: &mut [u8]| {
            for byte in bytes {
                if byte.is_ascii_alphabetic() {
                    *byte ^= 0x20
                }
            }
        };
        convert(vm, self, ascii, |out, c, rest| {
            if naja_unicode::is_upper(c) {
                push_lower(out, c, text, rest)
            } else if naja_unicode::is_lower(c) {
                push_all(out, naja_unicode::to_upper(c))
            } else {
                push_code_point(out, c)
            }
        })
    }

    /// Return True if the string is an alphabetic string, False otherwise.
    ///
    /// A string is alphabetic if all characters in the string are
    /// alphabetic and there is at least one character in the string.
    #[pymethod]
    fn isalpha(&self) -> bool {
        all(self, |b| b.is_ascii_alphabetic(), naja_unicode::is_alpha)
    }

    /// Return True if the string is an alpha-numeric string, False otherwise.
    ///
    /// A string is alpha-numeric if all characters in the string are
    /// alpha-numeric and there is at least one character in the string.
    #[pymethod]
    fn isalnum(&self) -> bool {
        all(self, |b| b.is_ascii_alphanumeric(), naja_unicode::is_alnum)
    }

    /// Return True if the string is a digit string, False otherwise.
    ///
    /// A string is a digit string if all characters in the string are
    /// digits and there is at least one character in the string.
    #[pymethod]
    fn isdigit(&self) -> bool {
        all(self, |b| b.is_ascii_digit(), naja_unicode::is_digit)
    }

    /// Return True if the string is a decimal string, False otherwise.
    ///
    /// A string is a decimal string if all characters in the string are
    /// decimal and there is at least one character in the string.
    #[pymethod]
    fn isdecimal(&self) -> bool {
        all(self, |b| b.is_ascii_digit(), naja_unicode::is_decimal)
    }

    /// Return True if the string is a numeric string, False otherwise.
    ///
    /// A string is numeric if all characters in the string are numeric and
    /// there is at least one character in the string.
    #[pymethod]
    fn isnumeric(&self) -> bool {
        all(self, |b| b.is_ascii_digit(), naja_unicode::is_numeric)
    }

    /// Return True if the string is a whitespace string, False otherwise.
    ///
    /// A string is whitespace if all characters in the string are
    /// whitespace and there is at least one character in the string.
    #[pymethod]
    fn isspace(&self) -> bool {
        all(
            self,
            |b| naja_unicode::is_space(b as u32),
            naja_unicode::is_space,
        )
    }

    /// Return True if all characters in the string are ASCII, False otherwise.
    ///
    /// ASCII characters have code points in the range U+0000-U+007F.
    /// Empty string is ASCII too.
    #[pymethod(name = "isascii")]
    fn is_ascii_method(&self) -> bool {
        self.is_ascii()
    }

    /// Return True if all characters in the string are printable, False otherwise.
    ///
    /// A character is printable if repr() may use it in its output.
    #[pymethod]
    fn isprintable(&self) -> bool {
        self.byte_len() == 0
            || all(
                self,
                |b| (b' '..=b'~').contains(&b),
                naja_unicode::is_printable,
            )
    }

    /// Return True if the string is a valid Python identifier, False otherwise.
    ///
    /// Call keyword.iskeyword(s) to test whether string s is a reserved
    /// identifier, such as "def" or "class".
    #[pymethod]
    fn isidentifier(&self) -> bool {
        if self.is_ascii() {
            let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            return match self.as_bytes() {
                [] | [b'0'..=b'9', ..] => false,
                bytes => bytes.iter().all(word),
            };
        }
        let mut points = self.code_points();
        points
            .next()
            .is_some_and(|c| c == b'_' as u32 || naja_unicode::is_xid_start(c))
            && points.all(naja_unicode::is_xid_continue)
    }

    /// Return True if the string is a lowercase string, False otherwise.
    ///
    /// A string is lowercase if all cased characters in the string are
    /// lowercase and there is at least one cased character in the string.
    #[pymethod]
    fn islower(&self) -> bool {
        cased(self, is_lower, |c| {
            is_upper(c) || (c > 0x7f && naja_unicode::is_title(c))
        })
    }

    /// Return True if the string is an uppercase string, False otherwise.
    ///
    /// A string is uppercase if all cased characters in the string are
    /// uppercase and there is at least one cased character in the string.
    #[pymethod]
    fn isupper(&self) -> bool {
        cased(self, is_upper, |c| {
            is_lower(c) || (c > 0x7f && naja_unicode::is_title(c))
        })
    }

    /// Return True if the string is a title-cased string, False otherwise.
    ///
    /// In a title-cased string, upper- and title-case characters may only
    /// follow uncased characters and lowercase characters only cased ones.
    #[pymethod]
    fn istitle(&self) -> bool {
        let (mut found, mut inside) = (false, false);
        for c in self.code_points() {
            if is_upper(c) || (c > 0x7f && naja_unicode::is_title(c)) {
                if inside {
                    return false;
                }
                (found, inside) = (true, true);
            } else if is_lower(c) {
                if !inside {
                    return false;
                }
                found = true;
            } else {
                inside = false
            }
        }
        found
    }

    /// Return the size of the string in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        // CPython's figures: a header, then characters of the narrowest width, a zero behind them.
        let n = self.char_len() + 1;
        if self.is_ascii() {
            return 40 + n;
        }
        match self.code_points().max() {
            Some(0..=0xff) => 56 + n,
            Some(0..=0xffff) => 56 + 2 * n,
            _ => 56 + 4 * n,
        }
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let text: Value = vm.new_str_wtf8(zelf.as_bytes())?.into_value();
        Ok(vm.new_tuple(vec![text])?.into_value())
    }
}
