//! UTF-7 (RFC 2152). Characters that are not written as themselves stand as UTF-16 in base 64 between `+` and `-`.
//! CPython: Objects/unicodeobject.c.

use super::super::{Str, push_code_point};
use super::{Decoding, Errors};
use crate::vm::{PyResult, Vm};
use naja_heap::Ref;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn digit(b: u8) -> Option<u64> {
    Some(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    } as u64)
}

/// Whether an encoder writes a character as itself.
fn direct(c: u32) -> bool {
    match u8::try_from(c) {
        Ok(b'+' | b'\\' | b'~') => false,
        Ok(b'\t' | b'\n' | b'\r') => true,
        Ok(b) => (0x20..0x7f).contains(&b),
        Err(_) => false,
    }
}

/// Bits collected while in base 64.
#[derive(Default)]
struct Shift {
    buffer: u64,
    bits: u32,
    /// A high surrogate that waits for its other half; 0: none.
    surrogate: u32,
    /// How much text there was when the section began.
    text_start: usize,
}

impl Shift {
    fn digit(&mut self, value: u64, out: &mut Vec<u8>) {
        self.buffer = self.buffer << 6 | value;
        self.bits += 6;
        if self.bits < 16 {
            return;
        }
        let unit = (self.buffer >> (self.bits - 16)) as u32 & 0xffff;
        self.bits -= 16;
        self.buffer &= (1 << self.bits) - 1;
        let high = std::mem::take(&mut self.surrogate);
        if high != 0 {
            if (0xdc00..0xe000).contains(&unit) {
                push_code_point(out, 0x10000 + ((high & 0x3ff) << 10 | unit & 0x3ff));
                return;
            }
            push_code_point(out, high);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.surrogate = unit
        } else {
            push_code_point(out, unit)
        }
    }

    /// What is wrong where a section ends.
    fn fault(&self) -> Option<&'static str> {
        if self.bits >= 6 {
            Some("partial character in shift sequence")
        } else if self.bits > 0 && self.buffer != 0 {
            Some("non-zero padding bits in shift sequence")
        } else {
            None
        }
    }
}

/// The text and how many bytes were used: all where `last`. Raises UnicodeDecodeError, what the handler raises.
pub fn decode(vm: &Vm, data: &[u8], errors: &Errors, last: bool) -> PyResult<(Ref<Str>, usize)> {
    let mut run = Decoding::new(vm, "utf7", data, errors);
    let (mut at, mut start) = (0, 0);
    let mut shift: Option<Shift> = None;
    loop {
        while let Some(&b) = run.data.get(at) {
            let fault = match &mut shift {
                Some(section) => {
                    if let Some(value) = digit(b) {
                        section.digit(value, &mut run.out);
                        at += 1;
                        continue;
                    }
                    let fault = section.fault();
                    let surrogate = section.surrogate;
                    shift = None;
                    if fault.is_none() {
                        if surrogate != 0 && b.is_ascii() && b != b'+' {
                            run.push(surrogate)
                        }
                        if b == b'-' {
                            at += 1
                        }
                    } else {
                        at += 1
                    }
                    fault
                }
                None if b == b'+' => {
                    start = at;
                    at += 1;
                    match run.data.get(at) {
                        Some(b'-') => {
                            at += 1;
                            run.push(b'+' as u32);
                            None
                        }
                        Some(&next) if digit(next).is_none() => {
                            at += 1;
                            Some("ill-formed sequence")
                        }
                        _ => {
                            shift = Some(Shift {
                                text_start: run.out.len(),
                                ..Shift::default()
                            });
                            None
                        }
                    }
                }
                None => {
                    start = at;
                    at += 1;
                    if b.is_ascii() {
                        run.out.push(b);
                        None
                    } else {
                        Some("unexpected special character")
                    }
                }
            };
            if let Some(reason) = fault {
                at = run.error(start, at, reason)?
            }
        }
        let Some(section) = &shift else { break };
        if !last {
            // The section is decoded again when it is whole.
            run.out.truncate(section.text_start);
            at = start;
            break;
        }
        let open = section.surrogate != 0 || section.fault().is_some();
        shift = None;
        if open {
            let end = run.data.len();
            at = run.error(start, end, "unterminated shift sequence")?;
        }
        if at >= run.data.len() {
            break;
        }
    }
    Ok((run.finish()?, if last { data.len() } else { at }))
}

/// UTF-7 can write everything.
pub fn encode(text: &Str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.byte_len());
    let (mut shifted, mut buffer, mut bits) = (false, 0u64, 0u32);
    for c in text.code_points() {
        if direct(c) {
            let b = c as u8;
            if shifted {
                if bits > 0 {
                    out.push(DIGITS[(buffer << (6 - bits) & 63) as usize]);
                }
                (shifted, buffer, bits) = (false, 0, 0);
                if digit(b).is_some() || b == b'-' {
                    out.push(b'-')
                }
            }
            out.push(b);
            continue;
        }
        if !shifted {
            if c == b'+' as u32 {
                out.extend(b"+-");
                continue;
            }
            out.push(b'+');
            shifted = true;
        }
        let mut unit = |u: u32| {
            buffer = (buffer << 16 | u as u64) & 0xff_ffff;
            bits += 16;
            while bits >= 6 {
                bits -= 6;
                out.push(DIGITS[(buffer >> bits & 63) as usize]);
            }
        };
        if c >= 0x10000 {
            unit(0xd7c0 + (c >> 10));
            unit(0xdc00 | c & 0x3ff);
        } else {
            unit(c)
        }
    }
    if bits > 0 {
        out.push(DIGITS[(buffer << (6 - bits) & 63) as usize]);
    }
    if shifted {
        out.push(b'-')
    }
    out
}
