//! UTF-16 and UTF-32 in either byte order. CPython: Objects/unicodeobject.c.

use super::super::Str;
use super::{Decoding, Encoding, Errors};
use crate::vm::{PyResult, Vm};
use naja_heap::Ref;

/// The order of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Little,
    Big,
    /// As a byte order mark says, else the machine's. An encoder writes a mark.
    Mark,
}

impl Order {
    pub const NATIVE: Order = if cfg!(target_endian = "big") {
        Order::Big
    } else {
        Order::Little
    };

    /// -1: least significant byte first; 1: most significant; 0: by the mark.
    pub fn from_number(n: i64) -> Order {
        match n.signum() {
            -1 => Order::Little,
            1 => Order::Big,
            _ => Order::Mark,
        }
    }

    pub fn number(self) -> i64 {
        match self {
            Order::Little => -1,
            Order::Big => 1,
            Order::Mark => 0,
        }
    }

    fn u16(self, a: u8, b: u8) -> u32 {
        match self {
            Order::Big => u16::from_be_bytes([a, b]) as u32,
            _ => u16::from_le_bytes([a, b]) as u32,
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Order::Big => u32::from_be_bytes(bytes),
            _ => u32::from_le_bytes(bytes),
        }
    }
}

/// Appends a character as UTF-16.
fn put16(order: Order, c: u32, out: &mut Vec<u8>) {
    let mut unit = |u: u16| match order {
        Order::Big => out.extend(u.to_be_bytes()),
        _ => out.extend(u.to_le_bytes()),
    };
    if c < 0x10000 {
        unit(c as u16)
    } else {
        unit(0xd7c0 + (c >> 10) as u16);
        unit(0xdc00 | (c & 0x3ff) as u16);
    }
}

/// Raises UnicodeEncodeError for surrogates, what the handler raises.
pub fn encode_utf16(vm: &Vm, text: &Ref<Str>, errors: &Errors, order: Order) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(2 * text.char_len() + 2);
    let (name, order) = match order {
        Order::Little => ("utf-16-le", order),
        Order::Big => ("utf-16-be", order),
        Order::Mark => {
            put16(Order::NATIVE, 0xfeff, &mut out);
            ("utf-16", Order::NATIVE)
        }
    };
    if text.is_ascii() {
        text.as_bytes()
            .iter()
            .for_each(|&b| put16(order, b as u32, &mut out));
        return Ok(out);
    }
    let put = |c: u32, out: &mut Vec<u8>| {
        let fine = !(0xd800..0xe000).contains(&c);
        if fine {
            put16(order, c, out)
        }
        Ok(fine)
    };
    Encoding::new(vm, name, text, errors).encode_each(
        out,
        "surrogates not allowed",
        (false, 0x80, 2),
        put,
    )
}

/// Raises UnicodeEncodeError for surrogates, what the handler raises.
pub fn encode_utf32(vm: &Vm, text: &Ref<Str>, errors: &Errors, order: Order) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(4 * text.char_len() + 4);
    let put4 = |order: Order, c: u32, out: &mut Vec<u8>| match order {
        Order::Big => out.extend(c.to_be_bytes()),
        _ => out.extend(c.to_le_bytes()),
    };
    let (name, order) = match order {
        Order::Little => ("utf-32-le", order),
        Order::Big => ("utf-32-be", order),
        Order::Mark => {
            put4(Order::NATIVE, 0xfeff, &mut out);
            ("utf-32", Order::NATIVE)
        }
    };
    let put = |c: u32, out: &mut Vec<u8>| {
        let fine = !(0xd800..0xe000).contains(&c);
        if fine {
            put4(order, c, out)
        }
        Ok(fine)
    };
    Encoding::new(vm, name, text, errors).encode_each(
        out,
        "surrogates not allowed",
        (false, 0x80, 4),
        put,
    )
}

/// The text, how many bytes were used (all where `last`), and the order, told by a mark or known before. Raises
/// UnicodeDecodeError, what the handler raises.
pub fn decode_utf16(
    vm: &Vm,
    data: &[u8],
    errors: &Errors,
    order: Order,
    last: bool,
) -> PyResult<(Ref<Str>, usize, Order)> {
    let (told, mut at) = match (order, data) {
        (Order::Mark, [0xff, 0xfe, ..]) => (Order::Little, 2),
        (Order::Mark, [0xfe, 0xff, ..]) => (Order::Big, 2),
        (order, _) => (order, 0),
    };
    let order = if told == Order::Mark {
        Order::NATIVE
    } else {
        told
    };
    let name = if order == Order::Big {
        "utf-16-be"
    } else {
        "utf-16-le"
    };
    let mut run = Decoding::new(vm, name, data, errors);
    loop {
        let (start, len) = (at, run.data.len());
        let unit =
            |run: &Decoding, at: usize| Some(order.u16(*run.data.get(at)?, *run.data.get(at + 1)?));
        let Some(first) = unit(&run, at) else {
            if at >= len || !last {
                break;
            }
            at = run.error(start, len, "truncated data")?;
            continue;
        };
        match first {
            0xd800..=0xdbff => match unit(&run, at + 2) {
                Some(second @ 0xdc00..=0xdfff) => {
                    run.push(0x10000 + ((first & 0x3ff) << 10 | second & 0x3ff));
                    at += 4;
                }
                Some(_) => at = run.error(start, start + 2, "illegal UTF-16 surrogate")?,
                None if !last => break,
                None => at = run.error(start, len, "unexpected end of data")?,
            },
            0xdc00..=0xdfff => at = run.error(start, start + 2, "illegal encoding")?,
            c => {
                run.push(c);
                at += 2;
            }
        }
    }
    Ok((run.finish()?, if last { data.len() } else { at }, told))
}

/// As [`decode_utf16`].
pub fn decode_utf32(
    vm: &Vm,
    data: &[u8],
    errors: &Errors,
    order: Order,
    last: bool,
) -> PyResult<(Ref<Str>, usize, Order)> {
    let (told, mut at) = match (order, data) {
        (Order::Mark, [0xff, 0xfe, 0, 0, ..]) => (Order::Little, 4),
        (Order::Mark, [0, 0, 0xfe, 0xff, ..]) => (Order::Big, 4),
        (order, _) => (order, 0),
    };
    let order = if told == Order::Mark {
        Order::NATIVE
    } else {
        told
    };
    let name = if order == Order::Big {
        "utf-32-be"
    } else {
        "utf-32-le"
    };
    let mut run = Decoding::new(vm, name, data, errors);
    loop {
        let len = run.data.len();
        let Some(&[a, b, c, d]) = run.data.get(at..at + 4) else {
            if at >= len || !last {
                break;
            }
            at = run.error(at, len, "truncated data")?;
            continue;
        };
        let c = order.u32([a, b, c, d]);
        let reason = match c {
            0xd800..=0xdfff => "code point in surrogate code point range(0xd800, 0xe000)",
            0x110000.. => "code point not in range(0x110000)",
            _ => {
                run.push(c);
                at += 4;
                continue;
            }
        };
        at = run.error(at, at + 4, reason)?;
    }
    Ok((run.finish()?, if last { data.len() } else { at }, told))
}
