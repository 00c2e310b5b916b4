//! Strings taken apart at white space or at a separator. Of ASCII text the parts are made as they are found; otherwise the
//! places come first. CPython: Objects/stringlib/split.h.

use super::methods::{exact, is_space, occurrences, part, strip_range, want_str};
use super::scan::find_byte;
use super::{CodePoints, Str, decode_at};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

/// Where the parts of a string stand that is split.
type Pieces = smallvec::SmallVec<[(usize, usize); 16]>;

/// Where the first white space of ASCII text stands, or its end.
#[inline]
fn word_end(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    while let Some(Ok(word)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(word);
        // The high bit of each byte below 33; a borrow spoils only bytes behind the first of them.
        let low = word.wrapping_sub(33 * ONES) & !word & (0x80 * ONES);
        if low == 0 {
            at += 8;
            continue;
        }
        at += low.trailing_zeros() as usize / 8;
        if is_ascii_space(text[at]) {
            return at;
        }
        at += 1;
    }
    while at < text.len() && !is_ascii_space(text[at]) {
        at += 1;
    }
    at
}

#[inline(always)]
fn is_ascii_space(byte: u8) -> bool {
    /// A bit for each white character.
    const SPACES: u64 = 0x1F << 9 | 0x1F << 28;
    byte <= 32 && SPACES >> byte & 1 != 0
}

/// The words of ASCII text: `split` by white space.
fn split_words(vm: &Vm, zelf: &Ref<Str>, max: usize) -> PyResult<Vec<Value>> {
    let text = zelf.as_bytes();
    let mut words = Vec::with_capacity(FEW.min(text.len() / 2 + 1));
    let mut rest = text;
    loop {
        while let [first, behind @ ..] = rest
            && is_ascii_space(*first)
        {
            rest = behind;
        }
        if rest.is_empty() {
            return Ok(words);
        }
        let end = match words.len() == max {
            true => rest.len(),
            false => word_end(rest),
        };
        if end == text.len() {
            return Ok(vec![exact(vm, zelf)?]);
        }
        words.push(vm.new_ascii_str(&rest[..end])?.into_value());
        rest = &rest[end..];
    }
}

/// Items that a list of parts has room for before their number is known.
const FEW: usize = 12;

/// ASCII text split at a character.
fn split_at_byte(vm: &Vm, zelf: &Ref<Str>, byte: u8, max: usize) -> PyResult<Vec<Value>> {
    let text = zelf.as_bytes();
    let mut parts = Vec::with_capacity(FEW.min(text.len() / 2 + 1));
    let mut rest = text;
    while parts.len() < max
        && let Some(at) = find_byte(byte, rest)
    {
        parts.push(vm.new_ascii_str(&rest[..at])?.into_value());
        rest = &rest[at + 1..];
    }
    parts.push(match parts.is_empty() {
        true => exact(vm, zelf)?,
        false => vm.new_ascii_str(rest)?.into_value(),
    });
    Ok(parts)
}

/// The pieces of `split`/`rsplit` by white space.
fn split_space(text: &[u8], max: usize, from_right: bool) -> Pieces {
    let mut words = Pieces::new();
    let (mut start, mut end) = strip_range(text, !from_right, from_right, is_space);
    while start < end {
        if words.len() == max {
            words.push((start, end));
            break;
        }
        let piece = &text[start..end];
        if from_right {
            let mut points = CodePoints::new(piece);
            let mut at = piece.len();
            while let Some(c) = points.next_back() {
                if is_space(c) {
                    break;
                }
                at = points.rest.len();
            }
            words.push((start + at, end));
            end = start + strip_range(&piece[..at], false, true, is_space).1;
        } else {
            let mut at = 0;
            while at < piece.len() {
                let (c, width) = decode_at(piece, at);
                if is_space(c) {
                    break;
                }
                at += width;
            }
            words.push((start, start + at));
            start += at;
            start += strip_range(&text[start..end], true, false, is_space).0;
        }
    }
    if from_right {
        words.reverse();
    }
    words
}

pub(super) fn split(
    vm: &Vm,
    zelf: &Ref<Str>,
    sep: Option<&Value>,
    maxsplit: isize,
    from_right: bool,
) -> PyResult {
    let text = zelf.as_bytes();
    let max = if maxsplit < 0 {
        usize::MAX
    } else {
        maxsplit as usize
    };
    let pieces = match sep.filter(|s| !s.is_none()) {
        None if zelf.is_ascii() && !from_right => {
            return Ok(vm.new_list(split_words(vm, zelf, max)?)?.into_value());
        }
        None => split_space(text, max, from_right),
        Some(sep) => {
            let sep = want_str(vm, sep, |t| format!("must be str or None, not {t}"))?;
            let sep = sep.as_bytes();
            if sep.is_empty() {
                return Err(vm.value_error("empty separator"));
            }
            if let &[byte] = sep
                && zelf.is_ascii()
                && !from_right
            {
                return Ok(vm
                    .new_list(split_at_byte(vm, zelf, byte, max)?)?
                    .into_value());
            }
            let mut pieces = Pieces::new();
            if from_right {
                let mut end = text.len();
                for at in memchr::memmem::rfind_iter(text, sep).take(max) {
                    pieces.push((at + sep.len(), end));
                    end = at;
                }
                pieces.push((0, end));
                pieces.reverse();
            } else {
                let mut start = 0;
                let mut add = |at: usize| {
                    pieces.push((start, at));
                    start = at + sep.len();
                };
                match sep {
                    [byte] => memchr::memchr_iter(*byte, text)
                        .take(max)
                        .for_each(&mut add),
                    _ => occurrences(text, sep, max, &mut add),
                }
                pieces.push((start, text.len()));
            }
            pieces
        }
    };
    let items = match pieces.as_slice() {
        [(0, end)] if *end == text.len() => vec![exact(vm, zelf)?],
        _ => {
            let mut items = Vec::with_capacity(pieces.len());
            for (a, b) in pieces {
                items.push(part(vm, zelf, a, b)?)
            }
            items
        }
    };
    Ok(vm.new_list(items)?.into_value())
}
