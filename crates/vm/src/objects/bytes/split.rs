//! Taking bytes apart: at white space, separators, line ends. The places are found first, then the parts are made.
//! CPython: Objects/stringlib/split.h, partition.h.

use super::Bytes;
use super::methods::{is_space, search, strip_range};
use super::parts::{BytesLike, Hold, Part};
use crate::vm::{PyResult, Vm};
use memchr::memmem;
use naja_heap::{Payload, Ref, Value};
use std::ops::Range;

/// Words between white space, from the left or from the right.
pub(super) fn words(data: &[u8], max: usize, from_right: bool) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut end) = strip_range(data, !from_right, from_right, is_space);
    while start < end {
        if out.len() == max {
            out.push(start..end);
            break;
        }
        let rest = &data[start..end];
        if from_right {
            let at = rest
                .iter()
                .rposition(|&b| is_space(b))
                .map_or(start, |i| start + i + 1);
            out.push(at..end);
            end = start + strip_range(&data[start..at], false, true, is_space).1;
        } else {
            let at = rest
                .iter()
                .position(|&b| is_space(b))
                .map_or(end, |i| start + i);
            out.push(start..at);
            start = at + strip_range(&data[at..end], true, false, is_space).0;
        }
    }
    if from_right {
        out.reverse()
    }
    out
}

/// The pieces between separators (at most `max` separators are used).
pub(super) fn pieces(data: &[u8], sep: &[u8], max: usize, from_right: bool) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    if from_right {
        let mut end = data.len();
        for at in memmem::rfind_iter(data, sep).take(max) {
            out.push(at + sep.len()..end);
            end = at;
        }
        out.push(0..end);
        out.reverse();
        return out;
    }
    let mut start = 0;
    let mut add = |at: usize| {
        out.push(start..at);
        start = at + sep.len();
    };
    match sep {
        [byte] => memchr::memchr_iter(*byte, data)
            .take(max)
            .for_each(&mut add),
        _ => memmem::find_iter(data, sep).take(max).for_each(&mut add),
    }
    out.push(start..data.len());
    out
}

/// Copies of parts as a list.
pub(super) fn list_of<T: BytesLike>(
    vm: &Vm,
    zelf: &Ref<T>,
    parts: impl FnOnce(&[u8]) -> Vec<Range<usize>>,
) -> PyResult {
    let _hold = Hold::of(&**zelf);
    let (parts, len) = zelf.view(|data| (parts(data), data.len()));
    let items = match parts.as_slice() {
        [all] if all.len() == len => vec![T::unchanged(zelf, vm)?],
        _ => parts
            .into_iter()
            .map(|range| T::part(zelf, vm, range))
            .collect::<PyResult<_>>()?,
    };
    Ok(vm.new_list(items)?.into_value())
}

pub(super) fn split<T: BytesLike>(
    vm: &Vm,
    zelf: &Ref<T>,
    sep: Option<&Value>,
    max: isize,
    from_right: bool,
) -> PyResult {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let Some(sep) = sep.filter(|s| !s.is_none()) else {
        return list_of(vm, zelf, |data| words(data, max, from_right));
    };
    let _hold = Hold::of(&**zelf);
    let sep = Part::of(vm, sep)?;
    if sep.is_empty() {
        return Err(vm.value_error("empty separator"));
    }
    list_of(vm, zelf, |data| {
        sep.with(|sep| pieces(data, sep, max, from_right))
    })
}

pub(super) fn lines(data: &[u8], keep: bool) -> Vec<Range<usize>> {
    let (mut out, mut start) = (Vec::new(), 0);
    while let Some(at) = memchr::memchr2(b'\n', b'\r', &data[start..]) {
        let end = start + at;
        let next = end + 1 + data[end..].starts_with(b"\r\n") as usize;
        out.push(start..if keep { next } else { end });
        start = next;
    }
    if start < data.len() {
        out.push(start..data.len())
    }
    out
}

pub(super) fn partition<T: BytesLike>(vm: &Vm, zelf: &Ref<T>, sep: &Value, last: bool) -> PyResult {
    let part = Part::of(vm, sep)?;
    if part.is_empty() {
        return Err(vm.value_error("empty separator"));
    }
    let _hold = Hold::of(&**zelf);
    let found = zelf.view(|data| {
        part.with(|sep| {
            let at = search(data, sep, last)?;
            Some((0..at, sep.to_vec(), at + sep.len()..data.len()))
        })
    });
    let empty = || T::make(vm, Vec::new());
    let parts = match found {
        Some((before, middle, after)) => {
            let middle = if T::NAME == Bytes::NAME {
                sep.clone()
            } else {
                T::make(vm, middle)?
            };
            vec![
                T::part(zelf, vm, before)?,
                middle,
                T::part(zelf, vm, after)?,
            ]
        }
        None if last => vec![empty()?, empty()?, T::unchanged(zelf, vm)?],
        None => vec![T::unchanged(zelf, vm)?, empty()?, empty()?],
    };
    Ok(vm.new_tuple(parts)?.into_value())
}
