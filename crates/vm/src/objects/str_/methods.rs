//! The slots and methods of `str`: the most used ones.

use super::repr::{quotes, repr_text};
use super::scan::{find_byte, rfind_byte};
use super::split::split;
use super::{CodePoints, Str, codecs, concat, count_chars, decode_at, eq, push_code_point};
use crate::function::Args;
use crate::objects::int::error::check;
use crate::objects::list::List;
use crate::objects::slice::Slice;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{number, object, sequence};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymethods;
use naja_numbers::format_spec;

/// Start and end as byte offsets, from optional code point indices.
#[inline]
fn range(
    vm: &Vm,
    text: &Str,
    start: Option<&Value>,
    end: Option<&Value>,
) -> PyResult<(usize, usize, bool)> {
    if start.is_none() && end.is_none() {
        return Ok((0, text.byte_len(), true));
    }
    range_of(vm, text, start, end)
}

fn range_of(
    vm: &Vm,
    text: &Str,
    start: Option<&Value>,
    end: Option<&Value>,
) -> PyResult<(usize, usize, bool)> {
    let len = text.char_len() as isize;
    let bound = |v: Option<&Value>, default: isize| -> PyResult<isize> {
        let n = match v.filter(|v| !v.is_none()) {
            Some(v) => match v.as_small_int() {
                Some(n) => n as isize,
                None if number::has_index(vm, v) => number::index_clipped(vm, v)?,
                None => {
                    return Err(vm.type_error(
                        "slice indices must be integers or None or have an __index__ method",
                    ));
                }
            },
            None => default,
        };
        Ok(if n < 0 {
            n.saturating_add(len).max(0)
        } else {
            n
        })
    };
    let (start, end) = (bound(start, 0)?, bound(end, len)?.min(len));
    if start > end {
        return Ok((0, 0, false));
    }
    Ok((
        text.byte_offset(start as usize),
        text.byte_offset(end as usize),
        true,
    ))
}

pub(super) fn want_str<'a>(
    vm: &Vm,
    value: &'a Value,
    message: impl FnOnce(&str) -> String,
) -> PyResult<&'a Ref<Str>> {
    super::of(value).ok_or_else(|| vm.type_error(message(&vm.type_of(value).full_name())))
}

/// `startswith`/`endswith`: whether any of the given affixes `fits`, asked in order.
fn any_affix(vm: &Vm, value: &Value, name: &str, fits: impl Fn(&[u8]) -> bool) -> PyResult<bool> {
    if let Some(text) = super::of(value) {
        return Ok(fits(text.as_bytes()));
    }
    let Some(tuple) = value.downcast::<Tuple>() else {
        return Err(vm.type_error(format!(
            "{name} first arg must be str or a tuple of str, not {}",
            vm.type_of(value).full_name()
        )));
    };
    for item in tuple.items() {
        let Some(text) = super::of(item) else {
            return Err(vm.type_error(format!(
                "tuple for {name} must only contain str, not {}",
                vm.type_of(item).full_name()
            )));
        };
        if fits(text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A part of a string as a string, by byte offsets.
pub(super) fn part(vm: &Vm, text: &Str, start: usize, end: usize) -> PyResult {
    let bytes = &text.as_bytes()[start..end];
    Ok(if text.is_ascii() {
        vm.new_ascii_str(bytes)?
    } else {
        vm.new_str_wtf8(bytes)?
    }
    .into_value())
}

/// The string itself, or its text where it is of a subclass.
pub(super) fn exact(vm: &Vm, text: &Ref<Str>) -> PyResult {
    if vm.type_of(text.as_value()).is(&vm.types.str) {
        return Ok(text.to_value());
    }
    part(vm, text, 0, text.byte_len())
}

fn find_at(text: &Str, needle: &Str, from: usize, to: usize, last: bool) -> Option<usize> {
    let hay = &text.as_bytes()[from..to];
    let found = match needle.as_bytes() {
        &[byte] if last => rfind_byte(byte, hay),
        needle if last => memchr::memmem::rfind(hay, needle),
        needle => search(hay, needle),
    };
    found.map(|at| text.char_index(from + at))
}

pub(super) fn is_space(c: u32) -> bool {
    naja_unicode::is_space(c)
}

/// Byte offsets of what is left between stripped ends.
pub(super) fn strip_range(
    text: &[u8],
    left: bool,
    right: bool,
    strip: impl Fn(u32) -> bool,
) -> (usize, usize) {
    let (mut start, mut end) = (0, text.len());
    if left {
        while start < end {
            let (c, width) = decode_at(text, start);
            if !strip(c) {
                break;
            }
            start += width;
        }
    }
    if right {
        let mut points = CodePoints::new(&text[start..end]);
        while let Some(c) = points.next_back() {
            if !strip(c) {
                break;
            }
            end = start + points.rest.len();
        }
    }
    (start, end)
}

/// As [`strip_range`], where what is stripped is ASCII.
#[inline(always)]
fn strip_ascii(text: &[u8], left: bool, right: bool, strip: impl Fn(u8) -> bool) -> (usize, usize) {
    let (mut start, mut end) = (0, text.len());
    while left && start < end && strip(text[start]) {
        start += 1
    }
    while right && start < end && strip(text[end - 1]) {
        end -= 1
    }
    (start, end)
}

fn strip(
    vm: &Vm,
    zelf: &Ref<Str>,
    chars: Option<&Value>,
    left: bool,
    right: bool,
    name: &str,
) -> PyResult {
    let text = zelf.as_bytes();
    let (start, end) = match chars.filter(|c| !c.is_none()) {
        None if zelf.is_ascii() => strip_ascii(text, left, right, |c| is_space(c.into())),
        None => strip_range(text, left, right, is_space),
        Some(chars) => {
            let chars = want_str(vm, chars, |_| format!("{name} arg must be None or str"))?;
            match chars.as_bytes() {
                &[byte] => strip_ascii(text, left, right, |c| c == byte),
                set if zelf.is_ascii() => {
                    strip_ascii(text, left, right, |c| memchr::memchr(c, set).is_some())
                }
                _ => {
                    let set: Vec<u32> = chars.code_points().collect();
                    strip_range(text, left, right, |c| set.contains(&c))
                }
            }
        }
    };
    if (start, end) == (0, text.len()) {
        return exact(vm, zelf);
    }
    part(vm, zelf, start, end)
}

/// Where `needle` stands first.
///
/// A few places where its first byte stands are looked at before a searcher is made, which costs more than most searches.
#[inline]
pub(crate) fn search(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let &[first, ref rest @ ..] = needle else {
        return Some(0);
    };
    if rest.is_empty() {
        return find_byte(first, hay);
    }
    // A match begins before this.
    let end = hay.len().checked_sub(rest.len())?;
    let mut from = 0;
    for _ in 0..4 {
        let at = from + find_byte(first, &hay[from..end])?;
        if hay[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
    memchr::memmem::find(&hay[from..], needle).map(|at| from + at)
}

/// Tells the places of a needle of several bytes, at most `max`, none overlapping.
pub(crate) fn occurrences(hay: &[u8], needle: &[u8], max: usize, mut tell: impl FnMut(usize)) {
    if hay.len() > SHORT {
        return memchr::memmem::find_iter(hay, needle)
            .take(max)
            .for_each(tell);
    }
    let mut from = 0;
    for _ in 0..max {
        let Some(at) = search(&hay[from..], needle) else {
            break;
        };
        tell(from + at);
        from += at + needle.len();
    }
}

/// In text up to this length a needle is found sooner than a searcher is made.
const SHORT: usize = 64;

/// Pads to `width` code points.
fn pad(
    vm: &Vm,
    zelf: &Ref<Str>,
    width: isize,
    fill: Option<Value>,
    left: impl Fn(usize) -> usize,
) -> PyResult {
    let fill = match &fill {
        None => b' ' as u32,
        Some(fill) => {
            let text = want_str(vm, fill, |t| {
                format!("The fill character must be a unicode character, not {t}")
            })?;
            if text.char_len() != 1 {
                return Err(vm.type_error("The fill character must be exactly one character long"));
            }
            text.char_at(0)
        }
    };
    let missing = (width.max(0) as usize).saturating_sub(zelf.char_len());
    if missing == 0 {
        return exact(vm, zelf);
    }
    let mut unit = Vec::with_capacity(4);
    push_code_point(&mut unit, fill);
    let before = left(missing) * unit.len();
    let Some(size) = missing
        .checked_mul(unit.len())
        .and_then(|n| n.checked_add(zelf.byte_len()))
    else {
        return Err(vm.overflow_error("padded string is too long"));
    };
    let after = before + zelf.byte_len();
    let new = Str::build(vm, size, zelf.char_len() + missing, |out| {
        repeat_into(&mut out[..before], &unit);
        out[before..after].copy_from_slice(zelf.as_bytes());
        repeat_into(&mut out[after..], &unit);
    })?;
    Ok(new.into_value())
}

/// Fills `out` with copies of `unit`, whose length divides that of `out`.
fn repeat_into(out: &mut [u8], unit: &[u8]) {
    match unit {
        [] => {}
        [byte] => out.fill(*byte),
        _ => {
            let mut done = unit.len().min(out.len());
            out[..done].copy_from_slice(&unit[..done]);
            while done < out.len() {
                let more = done.min(out.len() - done);
                out.copy_within(..more, done);
                done += more;
            }
        }
    }
}

/// The checks of `str()`'s arguments that a signature would make.
fn check_new_args(vm: &Vm, args: &Args) -> PyResult<()> {
    const NAMES: [&str; 3] = ["object", "encoding", "errors"];
    let (positional, total) = (args.positional().len(), args.args.len());
    if total > 3 && positional < total {
        return Err(vm.type_error(format!("str() takes at most 3 arguments ({total} given)")));
    }
    if total > 3 {
        return Err(vm.type_error(format!("str expected at most 3 arguments, got {total}")));
    }
    for (name, _) in args.keywords() {
        let at = NAMES.iter().position(|n| n.as_bytes() == name.as_bytes());
        match at {
            Some(i) if i < positional => {
                return Err(vm.type_error(format!(
                    "argument for str() given by name ('{}') and position ({})",
                    NAMES[i],
                    i + 1
                )));
            }
            Some(_) => {}
            None => {
                return Err(vm.type_error(format!(
                    "str() got an unexpected keyword argument '{}'",
                    name.to_string_lossy()
                )));
            }
        }
    }
    Ok(())
}

/// `str(x)`, and `str(bytes, encoding)` of what is ASCII. None for what needs more thought.
fn usual_new(vm: &Vm, args: &[Value]) -> PyResult<Option<Ref<Str>>> {
    let (data, encoding, errors) = match args {
        [source] => return object::str(vm, source).map(Some),
        [data, encoding] => (data, encoding, None),
        [data, encoding, errors] => match super::of(errors) {
            Some(errors) => (data, encoding, Some(errors)),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    match (
        data.downcast::<crate::objects::bytes::Bytes>(),
        super::of(encoding),
    ) {
        (Some(data), Some(encoding))
            if data.as_bytes().is_ascii() && codecs::is_plain_for_ascii(Some(encoding), errors) =>
        {
            vm.new_ascii_str(data.as_bytes()).map(Some)
        }
        _ => Ok(None),
    }
}

/// `text.replace(old, new, max)`; None where nothing changes.
fn replace(vm: &Vm, text: &Str, old: &Str, new: &Str, max: usize) -> PyResult<Option<Ref<Str>>> {
    let (bytes, with) = (text.as_bytes(), new.as_bytes());
    if max == 0 || eq(old, new) || (bytes.is_empty() && old.byte_len() > 0) {
        return Ok(None);
    }
    if let ([from], [to]) = (old.as_bytes(), with)
        && max >= bytes.len()
    {
        let Some(first) = find_byte(*from, bytes) else {
            return Ok(None);
        };
        let swap = |out: &mut [u8]| {
            out.copy_from_slice(bytes);
            for byte in &mut out[first..] {
                if *byte == *from {
                    *byte = *to
                }
            }
        };
        return Str::build(vm, bytes.len(), text.char_len(), swap).map(Some);
    }
    let mut places = smallvec::SmallVec::<[usize; 16]>::new();
    match old.as_bytes() {
        [] => {
            let starts = (0..bytes.len()).filter(|&i| bytes[i] & 0xc0 != 0x80);
            places.extend(starts.chain([bytes.len()]).take(max))
        }
        [byte] => places.extend(memchr::memchr_iter(*byte, bytes).take(max)),
        old => occurrences(bytes, old, max, |at| places.push(at)),
    };
    if places.is_empty() {
        return Ok(None);
    }
    let n = places.len();
    let Some(size) = with
        .len()
        .checked_mul(n)
        .and_then(|added| added.checked_add(bytes.len() - old.byte_len() * n))
        .filter(|&size| size <= isize::MAX as usize)
    else {
        return Err(vm.overflow_error("replace string is too long"));
    };
    let chars = text.char_len() - old.char_len() * n + new.char_len() * n;
    if size < 2 {
        // One of the shared strings.
        let mut text = Vec::with_capacity(size);
        let mut from = 0;
        for &at in &places {
            text.extend_from_slice(&bytes[from..at]);
            text.extend_from_slice(with);
            from = at + old.byte_len();
        }
        text.extend_from_slice(&bytes[from..]);
        return vm.new_str_wtf8(&text).map(Some);
    }
    let fill = |out: &mut super::Pieces| {
        let mut from = 0;
        for &at in &places {
            out.push(&bytes[from..at]);
            out.push(with);
            from = at + old.byte_len();
        }
        out.push(&bytes[from..]);
    };
    vm.check_size(Some(size))?;
    Str::filled(vm, size, chars, fill).map(Some)
}

/// The items joined, if they are two or more exact strings. Runs no Python.
fn join_exact(vm: &Vm, separator: &Str, items: &[Value]) -> Option<PyResult<Ref<Str>>> {
    if items.len() < 2 {
        return None;
    }
    let (mut bytes, mut chars) = (0usize, 0usize);
    for item in items {
        let text = crate::objects::dict::exact_str(vm, item)?;
        bytes = bytes.checked_add(text.byte_len())?;
        chars += text.char_len();
    }
    bytes = separator
        .byte_len()
        .checked_mul(items.len() - 1)?
        .checked_add(bytes)?;
    chars += separator.char_len() * (items.len() - 1);
    if bytes < 2 {
        return None; // one of the shared strings
    }
    let between = separator.as_bytes();
    Some(Str::filled(vm, bytes, chars, |out| {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push(between);
            }
            if let Some(text) = item.downcast::<Str>() {
                out.push(text.as_bytes());
            }
        }
    }))
}

#[pymethods(with(super::case::STR_CASE, super::translate::STR_TRANSLATE))]
impl Str {
    #[pyslot(sig = "(object='', encoding='utf-8', errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if cls.is(&vm.types.str)
            && args.kwnames.is_none()
            && let Some(text) = usual_new(vm, args.args)?
        {
            return Ok(text.into_value());
        }
        let positional = args.positional();
        check_new_args(vm, &args)?;
        let get = |i: usize, name: &str| positional.get(i).or_else(|| args.keyword(name));
        let (source, encoding, errors) = (get(0, "object"), get(1, "encoding"), get(2, "errors"));
        for (name, value) in [("encoding", encoding), ("errors", errors)] {
            if let Some(value) = value {
                want_str(vm, value, |t| {
                    let t = if value.is_none() { "None" } else { t };
                    format!("str() argument '{name}' must be str, not {t}")
                })?;
            }
        }
        let text = match source {
            None => vm.interp.empty_str(),
            Some(source) if encoding.is_none() && errors.is_none() => object::str(vm, source)?,
            Some(source) => match crate::objects::bytes::of_object(vm, source)? {
                Some(data) => codecs::decode(
                    vm,
                    &data,
                    encoding.and_then(super::of),
                    errors.and_then(super::of),
                )?
                .downcast_into::<Str>()
                .map_err(|_| vm.system_error("decoding gave no str"))?,
                None if super::of(source).is_some() => {
                    return Err(vm.type_error("decoding str is not supported"));
                }
                None => {
                    return Err(vm.type_error(format!(
                        "decoding to str: need a bytes-like object, {} found",
                        vm.type_of(source).full_name()
                    )));
                }
            },
        };
        if cls.is(&vm.types.str) {
            return Ok(text.into_value());
        }
        Ok(Str::from_parts(vm, cls, &[text.as_bytes()], text.char_len())?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let bytes = zelf.as_bytes();
        let (quote, plain) = quotes(bytes);
        let new = if plain {
            Str::from_parts(
                vm,
                &vm.types.str,
                &[&[quote], bytes, &[quote]],
                bytes.len() + 2,
            )?
        } else {
            vm.new_str_wtf8(&repr_text(zelf))?
        };
        Ok(new.into_value())
    }

    #[pyslot(name = "str")]
    fn to_str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if vm.type_of(zelf.as_value()).is(&vm.types.str) {
            return Ok(zelf.to_value());
        }
        exact(vm, zelf)
    }

    #[pyslot(name = "hash")]
    fn hash_slot(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        Ok(zelf.hash(vm))
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let _ = vm;
        match (super::of(a), super::of(b)) {
            (Some(x), Some(y)) => Ok(Value::from_bool(match op {
                CompareOp::Eq => super::eq(x, y),
                CompareOp::Ne => !super::eq(x, y),
                _ => op.holds(x.as_bytes().cmp(y.as_bytes())),
            })),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.char_len())
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        super::iterator::make(vm, zelf)
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index) {
            Ok(i) if i < zelf.char_len() => Ok(vm.new_char(zelf.char_at(i))?.into_value()),
            _ => Err(vm.index_error("string index out of range")),
        }
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if let Some(n) = key.as_small_int() {
            let n = if n < 0 { n + zelf.char_len() as i64 } else { n };
            return Str::item(zelf, vm, n as isize);
        }
        if number::has_index(vm, key) {
            let index = number::index_for(vm, key, &vm.types.index_error)?;
            return Str::item(
                zelf,
                vm,
                if index < 0 {
                    index + zelf.char_len() as isize
                } else {
                    index
                },
            );
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error(format!(
                "string indices must be integers, not '{}'",
                vm.type_of(key).full_name()
            )));
        };
        let a = slice.adjust(vm, zelf.char_len())?;
        if a.count == 0 {
            return Ok(vm.interp.empty_str().into_value());
        }
        if a.step == 1 {
            let (start, end) = (
                zelf.byte_offset(a.start as usize),
                zelf.byte_offset(a.stop as usize),
            );
            if a.count == zelf.char_len() {
                return exact(vm, zelf);
            }
            return part(vm, zelf, start, end);
        }
        if zelf.is_ascii() {
            let text = zelf.as_bytes();
            let mut picked = Vec::with_capacity(a.count);
            let mut at = a.start;
            for _ in 0..a.count {
                picked.push(text[at as usize]);
                at = at.wrapping_add(a.step);
            }
            return Ok(vm.new_ascii_str(&picked)?.into_value());
        }
        let points: Vec<u32> = zelf.code_points().collect();
        let mut out = Vec::new();
        a.indices()
            .filter_map(|i| points.get(i))
            .for_each(|&c| push_code_point(&mut out, c));
        Ok(vm.new_str_wtf8(&out)?.into_value())
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, needle: &Value) -> PyResult<bool> {
        let needle = want_str(vm, needle, |t| {
            format!("'in <string>' requires string as left operand, not {t}")
        })?;
        Ok(search(zelf.as_bytes(), needle.as_bytes()).is_some())
    }

    #[pyslot(name = "concat")]
    fn concat_slot(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (super::of(a), super::of(b)) {
            (Some(x), Some(y)) if y.byte_len() == 0 => exact(vm, x),
            (Some(x), Some(y)) if x.byte_len() == 0 => exact(vm, y),
            (Some(x), Some(y)) => Ok(concat(vm, x, y)?.into_value()),
            _ => Err(vm.type_error(format!(
                "can only concatenate str (not \"{}\") to str",
                vm.type_of(b).full_name()
            ))),
        }
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let n = n.max(0) as usize;
        if n == 1 || zelf.byte_len() == 0 {
            return exact(vm, zelf);
        }
        let Some(size) = zelf
            .byte_len()
            .checked_mul(n)
            .filter(|&s| s <= isize::MAX as usize)
        else {
            // CPython minds the number of characters; what is too long in bytes only does not fit into memory.
            return Err(match zelf.char_len().checked_mul(n) {
                Some(chars) if chars <= isize::MAX as usize => vm.memory_error(""),
                _ => vm.overflow_error("repeated string is too long"),
            });
        };
        let new = Str::build(vm, size, zelf.char_len() * n, |out| {
            repeat_into(out, zelf.as_bytes())
        })?;
        Ok(new.into_value())
    }

    #[pyslot]
    fn remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match super::of(a) {
            Some(format) => super::percent::format(vm, format, b),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    /// Concatenate any number of strings.
    ///
    /// The string whose method is called is inserted in between each given string.
    /// The result is returned as a new string.
    ///
    /// Example: '.'.join(['ab', 'pq', 'rs']) -> 'ab.pq.rs'
    #[pymethod(sig = "($self, iterable, /)")]
    fn join(zelf: &Ref<Self>, vm: &Vm, iterable: &Value) -> PyResult {
        if let Some(list) = iterable.downcast::<List>()
            && vm.type_of(iterable).is(&vm.types.list)
            && let Some(joined) = list.items.with(|items| join_exact(vm, zelf, items))
        {
            return joined.map(Ref::into_value);
        }
        if let Some(tuple) = iterable.downcast::<Tuple>()
            && vm.type_of(iterable).is(&vm.types.tuple)
            && let Some(joined) = join_exact(vm, zelf, tuple.items())
        {
            return joined.map(Ref::into_value);
        }
        let items = sequence::collect_or(vm, iterable, "can only join an iterable")?;
        if let Some(joined) = join_exact(vm, zelf, &items) {
            return joined.map(Ref::into_value);
        }
        if let [one] = items.as_slice()
            && vm.type_of(one).is(&vm.types.str)
        {
            return Ok(one.clone());
        }
        let mut parts: Vec<&[u8]> = Vec::with_capacity(items.len() * 2);
        let mut chars = 0;
        for (i, item) in items.iter().enumerate() {
            let text = want_str(vm, item, |t| {
                format!("sequence item {i}: expected str instance, {t} found")
            })?;
            if i > 0 {
                parts.push(zelf.as_bytes());
                chars += zelf.char_len();
            }
            parts.push(text.as_bytes());
            chars += text.char_len();
        }
        if chars == 0 {
            return Ok(vm.interp.empty_str().into_value());
        }
        Ok(Str::from_parts(vm, &vm.types.str, &parts, chars)?.into_value())
    }

    /// Return a list of the substrings in the string, using sep as the separator string.
    #[pymethod(name = "split", sig = "($self, /, sep=None, maxsplit=-1)")]
    fn split_method(
        zelf: &Ref<Self>,
        vm: &Vm,
        sep: Option<&Value>,
        #[default(-1)] maxsplit: isize,
    ) -> PyResult {
        split(vm, zelf, sep, maxsplit, false)
    }

    /// Return a list of the substrings in the string, using sep as the separator string.
    ///
    /// Splitting starts at the end of the string and works to the front.
    #[pymethod(sig = "($self, /, sep=None, maxsplit=-1)")]
    fn rsplit(
        zelf: &Ref<Self>,
        vm: &Vm,
        sep: Option<&Value>,
        #[default(-1)] maxsplit: isize,
    ) -> PyResult {
        split(vm, zelf, sep, maxsplit, true)
    }

    /// Return a list of the lines in the string, breaking at line boundaries.
    ///
    /// Line breaks are not included in the resulting list unless keepends is given and
    /// true.
    #[pymethod(sig = "($self, /, keepends=False)")]
    fn splitlines(zelf: &Ref<Self>, vm: &Vm, #[default(false)] keepends: bool) -> PyResult {
        let text = zelf.as_bytes();
        let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
        if zelf.is_ascii() {
            let is_break = |&b: &u8| matches!(b, 0x0a..=0x0d | 0x1c..=0x1e);
            while let Some(found) = text[at..].iter().position(is_break) {
                let end = at + found;
                at = end + 1 + text[end..].starts_with(b"\r\n") as usize;
                lines.push(part(vm, zelf, start, if keepends { at } else { end })?);
                start = at;
            }
            at = text.len();
        }
        while at < text.len() {
            let (c, mut width) = decode_at(text, at);
            if naja_unicode::is_linebreak(c) {
                if c == b'\r' as u32 && text.get(at + 1) == Some(&b'\n') {
                    width = 2;
                }
                let end = if keepends { at + width } else { at };
                lines.push(part(vm, zelf, start, end)?);
                start = at + width;
            }
            at += width;
        }
        if start < text.len() {
            if start == 0 {
                lines.push(exact(vm, zelf)?)
            } else {
                lines.push(part(vm, zelf, start, text.len())?)
            }
        }
        Ok(vm.new_list(lines)?.into_value())
    }

    /// Return a copy of the string with leading and trailing whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod(name = "strip", sig = "($self, chars=None, /)")]
    fn strip_method(zelf: &Ref<Self>, vm: &Vm, chars: Option<&Value>) -> PyResult {
        strip(vm, zelf, chars, true, true, "strip")
    }

    /// Return a copy of the string with leading whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod(sig = "($self, chars=None, /)")]
    fn lstrip(zelf: &Ref<Self>, vm: &Vm, chars: Option<&Value>) -> PyResult {
        strip(vm, zelf, chars, true, false, "lstrip")
    }

    /// Return a copy of the string with trailing whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod(sig = "($self, chars=None, /)")]
    fn rstrip(zelf: &Ref<Self>, vm: &Vm, chars: Option<&Value>) -> PyResult {
        strip(vm, zelf, chars, false, true, "rstrip")
    }

    /// Return the lowest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice notation.
    /// Return -1 on failure.
    #[pymethod(sig = "($self, sub[, start[, end]], /)")]
    fn find(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<isize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        Ok(if fine {
            find_at(self, sub, from, to, false).map_or(-1, |i| i as isize)
        } else {
            -1
        })
    }

    /// Return the highest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice notation.
    /// Return -1 on failure.
    #[pymethod(sig = "($self, sub[, start[, end]], /)")]
    fn rfind(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<isize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        Ok(if fine {
            find_at(self, sub, from, to, true).map_or(-1, |i| i as isize)
        } else {
            -1
        })
    }

    /// Return the lowest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice notation.
    /// Raises ValueError when the substring is not found.
    #[pymethod(sig = "($self, sub[, start[, end]], /)")]
    fn index(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<usize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        let found = if fine {
            find_at(self, sub, from, to, false)
        } else {
            None
        };
        found.ok_or_else(|| vm.value_error("substring not found"))
    }

    /// Return the highest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice
    /// notation.  Raises ValueError when the substring is not found.
    #[pymethod(sig = "($self, sub[, start[, end]], /)")]
    fn rindex(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<usize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        let found = if fine {
            find_at(self, sub, from, to, true)
        } else {
            None
        };
        found.ok_or_else(|| vm.value_error("substring not found"))
    }

    /// Return the number of non-overlapping occurrences of substring sub in string S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice notation.
    #[pymethod(sig = "($self, sub[, start[, end]], /)")]
    fn count(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<usize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        if !fine {
            return Ok(0);
        }
        let hay = &self.as_bytes()[from..to];
        if sub.byte_len() == 0 {
            return Ok(count_chars(hay) + 1);
        }
        Ok(match sub.as_bytes() {
            [byte] => memchr::memchr_iter(*byte, hay).count(),
            sub => {
                let mut count = 0;
                occurrences(hay, sub, usize::MAX, |_| count += 1);
                count
            }
        })
    }

    /// Return a copy with all occurrences of substring old replaced by new.
    ///
    ///   count
    ///     Maximum number of occurrences to replace.
    ///     -1 (the default value) means replace all occurrences.
    ///
    /// If the optional argument count is given, only the first count occurrences are
    /// replaced.
    #[pymethod(sig = "($self, old, new, /, count=-1)")]
    fn replace(
        zelf: &Ref<Self>,
        vm: &Vm,
        old: &Ref<Str>,
        new: &Ref<Str>,
        #[default(-1)] count: isize,
    ) -> PyResult {
        let max = usize::try_from(count).unwrap_or(usize::MAX);
        match replace(vm, zelf, old, new, max)? {
            Some(new) => Ok(new.into_value()),
            None => exact(vm, zelf),
        }
    }

    /// Return True if the string starts with the specified prefix, False otherwise.
    #[pymethod(sig = "($self, prefix[, start[, end]], /)")]
    fn startswith(
        &self,
        vm: &Vm,
        prefix: &Value,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<bool> {
        let (from, to, fine) = range(vm, self, start, end)?;
        any_affix(vm, prefix, "startswith", |p| {
            fine && self.as_bytes()[from..to].starts_with(p)
        })
    }

    /// Return True if the string ends with the specified suffix, False otherwise.
    #[pymethod(sig = "($self, suffix[, start[, end]], /)")]
    fn endswith(
        &self,
        vm: &Vm,
        suffix: &Value,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> PyResult<bool> {
        let (from, to, fine) = range(vm, self, start, end)?;
        any_affix(vm, suffix, "endswith", |p| {
            fine && self.as_bytes()[from..to].ends_with(p)
        })
    }

    /// Return a left-justified string of length width.
    ///
    /// Padding is done using the specified fill character (default is a space).
    #[pymethod(sig = "($self, width, fillchar=' ', /)")]
    fn ljust(zelf: &Ref<Self>, vm: &Vm, width: isize, fillchar: Option<Value>) -> PyResult {
        pad(vm, zelf, width, fillchar, |_| 0)
    }

    /// Return a right-justified string of length width.
    ///
    /// Padding is done using the specified fill character (default is a space).
    #[pymethod(sig = "($self, width, fillchar=' ', /)")]
    fn rjust(zelf: &Ref<Self>, vm: &Vm, width: isize, fillchar: Option<Value>) -> PyResult {
        pad(vm, zelf, width, fillchar, |missing| missing)
    }

    /// Return a centered string of length width.
    ///
    /// Padding is done using the specified fill character (default is a space).
    #[pymethod(sig = "($self, width, fillchar=' ', /)")]
    fn center(zelf: &Ref<Self>, vm: &Vm, width: isize, fillchar: Option<Value>) -> PyResult {
        let odd = width as usize & 1;
        pad(vm, zelf, width, fillchar, |missing| {
            missing / 2 + (missing & odd & 1)
        })
    }

    /// Pad a numeric string with zeros on the left, to fill a field of the given width.
    ///
    /// The string is never truncated.
    #[pymethod(sig = "($self, width, /)")]
    fn zfill(zelf: &Ref<Self>, vm: &Vm, width: isize) -> PyResult {
        let missing = (width.max(0) as usize).saturating_sub(zelf.char_len());
        if missing == 0 {
            return exact(vm, zelf);
        }
        let text = zelf.as_bytes();
        let sign = matches!(text.first(), Some(b'+' | b'-')) as usize;
        let Some(size) = text.len().checked_add(missing) else {
            return Err(vm.overflow_error("padded string is too long"));
        };
        let new = Str::build(vm, size, zelf.char_len() + missing, |out| {
            out[..sign].copy_from_slice(&text[..sign]);
            out[sign..sign + missing].fill(b'0');
            out[sign + missing..].copy_from_slice(&text[sign..]);
        })?;
        Ok(new.into_value())
    }

    /// Partition the string into three parts using the given separator.
    #[pymethod(sig = "($self, sep, /)")]
    fn partition(zelf: &Ref<Self>, vm: &Vm, sep: &Value) -> PyResult {
        let sep = want_str(vm, sep, |t| format!("must be str, not {t}"))?;
        Str::parts(zelf, vm, sep, false)
    }

    /// Partition the string into three parts using the given separator.
    #[pymethod(sig = "($self, sep, /)")]
    fn rpartition(zelf: &Ref<Self>, vm: &Vm, sep: &Value) -> PyResult {
        let sep = want_str(vm, sep, |t| format!("must be str, not {t}"))?;
        Str::parts(zelf, vm, sep, true)
    }

    /// Return a str with the given prefix string removed if present.
    #[pymethod(sig = "($self, prefix, /)")]
    fn removeprefix(zelf: &Ref<Self>, vm: &Vm, prefix: &Ref<Str>) -> PyResult {
        match zelf.as_bytes().strip_prefix(prefix.as_bytes()) {
            Some(rest) => Ok(vm.new_str_wtf8(rest)?.into_value()),
            None => exact(vm, zelf),
        }
    }

    /// Return a str with the given suffix string removed if present.
    #[pymethod(sig = "($self, suffix, /)")]
    fn removesuffix(zelf: &Ref<Self>, vm: &Vm, suffix: &Ref<Str>) -> PyResult {
        match zelf.as_bytes().strip_suffix(suffix.as_bytes()) {
            Some(rest) => Ok(vm.new_str_wtf8(rest)?.into_value()),
            None => exact(vm, zelf),
        }
    }

    /// Encode the string using the codec registered for encoding.
    #[pymethod(sig = "($self, /, encoding='utf-8', errors='strict')")]
    fn encode(
        zelf: &Ref<Self>,
        vm: &Vm,
        encoding: Option<Ref<Str>>,
        errors: Option<Ref<Str>>,
    ) -> PyResult {
        let is_utf8 = encoding
            .as_ref()
            .is_none_or(|name| matches!(name.as_bytes(), b"utf-8" | b"utf8" | b"UTF-8"))
            && errors.as_ref().is_none_or(|name| {
                matches!(
                    name.as_bytes(),
                    b"strict" | b"surrogatepass" | b"surrogateescape" | b"ignore" | b"replace"
                )
            });
        if zelf.is_ascii() && codecs::is_plain_for_ascii(encoding.as_ref(), errors.as_ref()) {
            return Ok(vm.new_bytes(zelf.as_bytes())?.into_value());
        }
        // Only surrogates need the codec, and who handles its errors.
        if is_utf8 && (zelf.is_ascii() || std::str::from_utf8(zelf.as_bytes()).is_ok()) {
            return Ok(vm.new_bytes(zelf.as_bytes())?.into_value());
        }
        let encoding = match encoding {
            Some(encoding) => encoding,
            None => vm.intern("utf-8"),
        };
        let data = codecs::encode(vm, zelf, &encoding, errors.as_ref())?;
        Ok(vm.new_bytes(&data)?.into_value())
    }

    /// Return a formatted version of the string as described by format_spec.
    #[pymethod(sig = "($self, format_spec, /)")]
    pub(crate) fn __format__(zelf: &Ref<Self>, vm: &Vm, format_spec: &Ref<Str>) -> PyResult {
        if format_spec.byte_len() == 0 {
            return Ok(object::str(vm, zelf.as_value())?.into_value());
        }
        let ty = vm.type_of(zelf.as_value());
        let name = || ty.full_name();
        let text = check(
            vm,
            format_spec::format_str(zelf.as_bytes(), format_spec.as_bytes(), &name),
        )?;
        if text == zelf.as_bytes() {
            return exact(vm, zelf);
        }
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    /// Return a formatted version of the string, using substitutions from args and kwargs.
    ///
    /// The substitutions are identified by braces ('{' and '}').
    #[pymethod(raw, sig = "($self, /, *args, **kwargs)")]
    fn format(vm: &Vm, args: Args) -> PyResult {
        match args.args.first().and_then(super::of) {
            Some(text) => super::format::format(vm, text, args.rest()),
            None => Err(vm.type_error("unbound method str.format() needs an argument")),
        }
    }

    /// Return a formatted version of the string, using substitutions from mapping.
    /// The substitutions are identified by braces ('{' and '}').
    #[pymethod(sig = "($self, mapping, /)")]
    fn format_map(zelf: &Ref<Self>, vm: &Vm, mapping: &Value) -> PyResult {
        super::format::format_map(vm, zelf, mapping)
    }
}

impl Str {
    fn parts(zelf: &Ref<Str>, vm: &Vm, sep: &Ref<Str>, last: bool) -> PyResult {
        if sep.byte_len() == 0 {
            return Err(vm.value_error("empty separator"));
        }
        let text = zelf.as_bytes();
        let found = match sep.as_bytes() {
            &[byte] if last => rfind_byte(byte, text),
            several if last => memchr::memmem::rfind(text, several),
            any => search(text, any),
        };
        let empty = || vm.interp.empty_str().into_value();
        let parts = match found {
            Some(at) => [
                part(vm, zelf, 0, at)?,
                sep.to_value(),
                part(vm, zelf, at + sep.byte_len(), text.len())?,
            ],
            None if last => [empty(), empty(), zelf.to_value()],
            None => [zelf.to_value(), empty(), empty()],
        };
        let mut parts = parts.into_iter();
        let tuple = Tuple::from_iter(vm, 3, |_| parts.next().unwrap_or(Value::NONE))?;
        Ok(tuple.into_value())
    }
}
