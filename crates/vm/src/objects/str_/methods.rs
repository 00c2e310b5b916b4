//! The slots and methods of `str`: the most used ones.

use super::{CodePoints, Str, codecs, concat, count_chars, decode_at, push_code_point, utf8_width};
use crate::function::Args;
use crate::objects::int::error::check;
use crate::objects::slice::Slice;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{number, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::format_spec;
use std::cell::Cell;

/// `repr(str)`: quotes, escapes for what is not printable.
pub fn repr_text(text: &Str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(quote);
    for c in text.code_points() {
        match c {
            0x5c => out.extend(b"\\\\"),
            0x09 => out.extend(b"\\t"),
            0x0a => out.extend(b"\\n"),
            0x0d => out.extend(b"\\r"),
            _ if c == quote as u32 => out.extend([b'\\', quote]),
            0x20..=0x7e => out.push(c as u8),
            _ if naja_unicode::is_printable(c) => push_code_point(&mut out, c),
            0..=0xff => out.extend(format!("\\x{c:02x}").bytes()),
            0x100..=0xffff => out.extend(format!("\\u{c:04x}").bytes()),
            _ => out.extend(format!("\\U{c:08x}").bytes()),
        }
    }
    out.push(quote);
    out
}

/// Start and end as byte offsets, from optional code point indices.
fn range(
    vm: &Vm,
    text: &Str,
    start: Option<Value>,
    end: Option<Value>,
) -> PyResult<(usize, usize, bool)> {
    let len = text.char_len() as isize;
    let bound = |v: Option<Value>, default: isize| -> PyResult<isize> {
        let n = match v.filter(|v| !v.is_none()) {
            Some(v) => number::index_clipped(vm, &v)?,
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

fn want_str<'a>(
    vm: &Vm,
    value: &'a Value,
    message: impl FnOnce(&str) -> String,
) -> PyResult<&'a Ref<Str>> {
    super::of(value).ok_or_else(|| vm.type_error(message(&vm.type_of(value).full_name())))
}

/// The prefixes or suffixes of `startswith`/`endswith`.
fn affixes(vm: &Vm, value: &Value, name: &str) -> PyResult<Vec<Ref<Str>>> {
    let wrong = |v: &Value| {
        vm.type_error(format!(
            "{name} first arg must be str or a tuple of str, not {}",
            vm.type_of(v).full_name()
        ))
    };
    match value.downcast::<Tuple>() {
        Some(tuple) => tuple
            .items()
            .iter()
            .map(|v| {
                super::of(v).cloned().ok_or_else(|| {
                    vm.type_error(format!(
                        "tuple for {name} must only contain str, not {}",
                        vm.type_of(v).full_name()
                    ))
                })
            })
            .collect(),
        None => Ok(vec![super::of(value).ok_or_else(|| wrong(value))?.clone()]),
    }
}

fn find_at(text: &Str, needle: &Str, from: usize, to: usize, last: bool) -> Option<usize> {
    let hay = &text.as_bytes()[from..to];
    let found = if last {
        memchr::memmem::rfind(hay, needle.as_bytes())
    } else {
        memchr::memmem::find(hay, needle.as_bytes())
    };
    found.map(|at| text.char_index(from + at))
}

/// Maps every code point.
fn map(vm: &Vm, text: &Str, ascii: fn(&mut [u8]), f: impl Fn(&mut Vec<u8>, u32)) -> PyResult {
    if text.is_ascii() {
        let mut bytes = text.as_bytes().to_vec();
        ascii(&mut bytes);
        return Ok(vm.new_ascii_str(&bytes)?.into_value());
    }
    let mut out = Vec::with_capacity(text.byte_len());
    text.code_points().for_each(|c| f(&mut out, c));
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

fn push_all(out: &mut Vec<u8>, codes: &[u32]) {
    codes.iter().for_each(|&c| push_code_point(out, c))
}

fn is_space(c: u32) -> bool {
    naja_unicode::is_space(c)
}

/// Byte offsets of what is left between stripped ends.
fn strip_range(
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

fn strip(
    vm: &Vm,
    zelf: &Ref<Str>,
    chars: Option<Value>,
    left: bool,
    right: bool,
    name: &str,
) -> PyResult {
    let text = zelf.as_bytes();
    let (start, end) = match chars.filter(|c| !c.is_none()) {
        None => strip_range(text, left, right, is_space),
        Some(chars) => {
            let chars = want_str(vm, &chars, |_| format!("{name} arg must be None or str"))?;
            let set: Vec<u32> = chars.code_points().collect();
            strip_range(text, left, right, |c| set.contains(&c))
        }
    };
    if (start, end) == (0, text.len()) && vm.type_of(zelf.as_value()).is(&vm.types.str) {
        return Ok(zelf.to_value());
    }
    Ok(vm.new_str_wtf8(&text[start..end])?.into_value())
}

/// The pieces of `split`/`rsplit` by white space.
fn split_space(text: &[u8], max: usize, from_right: bool) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let (mut start, mut end) = strip_range(text, !from_right, from_right, is_space);
    while start < end {
        if words.len() == max {
            let (a, b) = strip_range(&text[start..end], from_right, !from_right, is_space);
            words.push((start + a, start + b));
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

fn split(
    vm: &Vm,
    zelf: &Ref<Str>,
    sep: Option<Value>,
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
        None => split_space(text, max, from_right),
        Some(sep) => {
            let sep = want_str(vm, &sep, |t| format!("must be str or None, not {t}"))?;
            let sep = sep.as_bytes();
            if sep.is_empty() {
                return Err(vm.value_error("empty separator"));
            }
            let mut pieces = Vec::new();
            if from_right {
                let mut end = text.len();
                while pieces.len() < max
                    && let Some(at) = memchr::memmem::rfind(&text[..end], sep)
                {
                    pieces.push((at + sep.len(), end));
                    end = at;
                }
                pieces.push((0, end));
                pieces.reverse();
            } else {
                let mut start = 0;
                while pieces.len() < max
                    && let Some(at) = memchr::memmem::find(&text[start..], sep)
                {
                    pieces.push((start, start + at));
                    start += at + sep.len();
                }
                pieces.push((start, text.len()));
            }
            pieces
        }
    };
    let items = pieces
        .into_iter()
        .map(|(a, b)| vm.new_str_wtf8(&text[a..b]).map(Ref::into_value))
        .collect::<PyResult<_>>()?;
    Ok(vm.new_list(items)?.into_value())
}

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
        return Ok(zelf.to_value());
    }
    let before = left(missing);
    let mut out = Vec::new();
    if out
        .try_reserve_exact(zelf.byte_len() + missing * 4)
        .is_err()
    {
        return Err(vm.memory_error(""));
    }
    (0..before).for_each(|_| push_code_point(&mut out, fill));
    out.extend_from_slice(zelf.as_bytes());
    (before..missing).for_each(|_| push_code_point(&mut out, fill));
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

fn all(text: &Str, f: impl Fn(u32) -> bool) -> bool {
    text.char_len() > 0 && text.code_points().all(f)
}

#[pymethods]
impl Str {
    #[pyslot(sig = "(object='', encoding='utf-8', errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        let get = |i: usize, name: &str| positional.get(i).or_else(|| args.keyword(name));
        let (source, encoding, errors) = (get(0, "object"), get(1, "encoding"), get(2, "errors"));
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
        Ok(vm.new_str_wtf8(&repr_text(zelf))?.into_value())
    }

    #[pyslot(name = "str")]
    fn to_str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if vm.type_of(zelf.as_value()).is(&vm.types.str) {
            return Ok(zelf.to_value());
        }
        Ok(vm.new_str_wtf8(zelf.as_bytes())?.into_value())
    }

    #[pyslot(name = "hash")]
    fn hash_slot(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        Ok(zelf.hash(vm))
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let _ = vm;
        match (super::of(a), super::of(b)) {
            (Some(x), Some(y)) => Ok(Value::from_bool(op.holds(x.as_bytes().cmp(y.as_bytes())))),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.char_len())
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_object(StrIterator {
                text: MutCell::new(Some(zelf.clone())),
                offset: Cell::new(0),
            })?
            .into_value())
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
            return Ok(vm.new_str_wtf8(&zelf.as_bytes()[start..end])?.into_value());
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
        Ok(memchr::memmem::find(zelf.as_bytes(), needle.as_bytes()).is_some())
    }

    #[pyslot(name = "concat")]
    fn concat_slot(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (super::of(a), super::of(b)) {
            (Some(x), Some(y)) => Ok(concat(vm, x, y)?.into_value()),
            _ => Err(vm.type_error(format!(
                "can only concatenate str (not \"{}\") to str",
                vm.type_of(b).full_name()
            ))),
        }
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let data = crate::objects::bytes::repeat(vm, zelf.as_bytes(), n)?;
        Ok(vm.new_str_wtf8(&data)?.into_value())
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
        let items = sequence::collect_or(vm, iterable, "can only join an iterable")?;
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
        sep: Option<Value>,
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
        sep: Option<Value>,
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
        while at < text.len() {
            let (c, mut width) = decode_at(text, at);
            if naja_unicode::is_linebreak(c) {
                if c == b'\r' as u32 && text.get(at + 1) == Some(&b'\n') {
                    width = 2;
                }
                let end = if keepends { at + width } else { at };
                lines.push(vm.new_str_wtf8(&text[start..end])?.into_value());
                start = at + width;
            }
            at += width;
        }
        if start < text.len() {
            lines.push(vm.new_str_wtf8(&text[start..])?.into_value());
        }
        Ok(vm.new_list(lines)?.into_value())
    }

    /// Return a copy of the string with leading and trailing whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod(name = "strip", sig = "($self, chars=None, /)")]
    fn strip_method(zelf: &Ref<Self>, vm: &Vm, chars: Option<Value>) -> PyResult {
        strip(vm, zelf, chars, true, true, "strip")
    }

    /// Return a copy of the string with leading whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod(sig = "($self, chars=None, /)")]
    fn lstrip(zelf: &Ref<Self>, vm: &Vm, chars: Option<Value>) -> PyResult {
        strip(vm, zelf, chars, true, false, "lstrip")
    }

    /// Return a copy of the string with trailing whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod(sig = "($self, chars=None, /)")]
    fn rstrip(zelf: &Ref<Self>, vm: &Vm, chars: Option<Value>) -> PyResult {
        strip(vm, zelf, chars, false, true, "rstrip")
    }

    /// Return the lowest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice notation.
    /// Return -1 on failure.
    #[pymethod(sig = "($self, sub, start=None, end=None, /)")]
    fn find(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<Value>,
        end: Option<Value>,
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
    #[pymethod(sig = "($self, sub, start=None, end=None, /)")]
    fn rfind(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<Value>,
        end: Option<Value>,
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
    #[pymethod(sig = "($self, sub, start=None, end=None, /)")]
    fn index(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<Value>,
        end: Option<Value>,
    ) -> PyResult<usize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        let found = if fine {
            find_at(self, sub, from, to, false)
        } else {
            None
        };
        found.ok_or_else(|| vm.value_error("substring not found"))
    }

    /// Return the number of non-overlapping occurrences of substring sub in string S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice notation.
    #[pymethod(sig = "($self, sub, start=None, end=None, /)")]
    fn count(
        &self,
        vm: &Vm,
        sub: &Ref<Str>,
        start: Option<Value>,
        end: Option<Value>,
    ) -> PyResult<usize> {
        let (from, to, fine) = range(vm, self, start, end)?;
        if !fine {
            return Ok(0);
        }
        let hay = &self.as_bytes()[from..to];
        if sub.byte_len() == 0 {
            return Ok(count_chars(hay) + 1);
        }
        Ok(memchr::memmem::find_iter(hay, sub.as_bytes()).count())
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
        let text = zelf.as_bytes();
        let max = if count < 0 {
            usize::MAX
        } else {
            count as usize
        };
        let mut out = Vec::with_capacity(text.len());
        if old.byte_len() == 0 {
            let mut at = 0;
            let mut done = 0;
            while done < max {
                out.extend_from_slice(new.as_bytes());
                done += 1;
                if at >= text.len() {
                    break;
                }
                let width = utf8_width(text[at]);
                out.extend_from_slice(&text[at..at + width]);
                at += width;
            }
            out.extend_from_slice(&text[at..]);
        } else {
            let mut start = 0;
            for at in memchr::memmem::find_iter(text, old.as_bytes()).take(max) {
                out.extend_from_slice(&text[start..at]);
                out.extend_from_slice(new.as_bytes());
                start = at + old.byte_len();
            }
            out.extend_from_slice(&text[start..]);
        }
        Ok(vm.new_str_wtf8(&out)?.into_value())
    }

    /// Return True if the string starts with the specified prefix, False otherwise.
    #[pymethod(sig = "($self, prefix, start=None, end=None, /)")]
    fn startswith(
        &self,
        vm: &Vm,
        prefix: &Value,
        start: Option<Value>,
        end: Option<Value>,
    ) -> PyResult<bool> {
        let prefixes = affixes(vm, prefix, "startswith")?;
        let (from, to, fine) = range(vm, self, start, end)?;
        Ok(fine
            && prefixes
                .iter()
                .any(|p| self.as_bytes()[from..to].starts_with(p.as_bytes())))
    }

    /// Return True if the string ends with the specified suffix, False otherwise.
    #[pymethod(sig = "($self, suffix, start=None, end=None, /)")]
    fn endswith(
        &self,
        vm: &Vm,
        suffix: &Value,
        start: Option<Value>,
        end: Option<Value>,
    ) -> PyResult<bool> {
        let suffixes = affixes(vm, suffix, "endswith")?;
        let (from, to, fine) = range(vm, self, start, end)?;
        Ok(fine
            && suffixes
                .iter()
                .any(|p| self.as_bytes()[from..to].ends_with(p.as_bytes())))
    }

    /// Return a copy of the string converted to lowercase.
    #[pymethod]
    fn lower(&self, vm: &Vm) -> PyResult {
        map(vm, self, <[u8]>::make_ascii_lowercase, |out, c| {
            push_all(out, naja_unicode::to_lower(c).as_slice())
        })
    }

    /// Return a copy of the string converted to uppercase.
    #[pymethod]
    fn upper(&self, vm: &Vm) -> PyResult {
        map(vm, self, <[u8]>::make_ascii_uppercase, |out, c| {
            push_all(out, naja_unicode::to_upper(c).as_slice())
        })
    }

    /// Return a version of the string suitable for caseless comparisons.
    #[pymethod]
    fn casefold(&self, vm: &Vm) -> PyResult {
        map(vm, self, <[u8]>::make_ascii_lowercase, |out, c| {
            push_all(out, naja_unicode::to_casefold(c).as_slice())
        })
    }

    /// Return a capitalized version of the string.
    ///
    /// More specifically, make the first character have upper case and the rest lower
    /// case.
    #[pymethod]
    fn capitalize(&self, vm: &Vm) -> PyResult {
        let mut out = Vec::with_capacity(self.byte_len());
        for (i, c) in self.code_points().enumerate() {
            let mapped = if i == 0 {
                naja_unicode::to_title(c)
            } else {
                naja_unicode::to_lower(c)
            };
            push_all(&mut out, mapped.as_slice());
        }
        Ok(vm.new_str_wtf8(&out)?.into_value())
    }

    /// Return a version of the string where each word is titlecased.
    ///
    /// More specifically, words start with uppercased characters and all remaining
    /// cased characters have lower case.
    #[pymethod]
    fn title(&self, vm: &Vm) -> PyResult {
        let mut out = Vec::with_capacity(self.byte_len());
        let mut inside = false;
        for c in self.code_points() {
            let mapped = if inside {
                naja_unicode::to_lower(c)
            } else {
                naja_unicode::to_title(c)
            };
            push_all(&mut out, mapped.as_slice());
            inside = naja_unicode::is_cased(c);
        }
        Ok(vm.new_str_wtf8(&out)?.into_value())
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
            return Ok(zelf.to_value());
        }
        let text = zelf.as_bytes();
        let sign = matches!(text.first(), Some(b'+' | b'-')) as usize;
        let mut out = text[..sign].to_vec();
        if out.try_reserve(missing + text.len()).is_err() {
            return Err(vm.memory_error(""));
        }
        out.resize(sign + missing, b'0');
        out.extend_from_slice(&text[sign..]);
        Ok(vm.new_str_wtf8(&out)?.into_value())
    }

    /// Partition the string into three parts using the given separator.
    #[pymethod(sig = "($self, sep, /)")]
    fn partition(zelf: &Ref<Self>, vm: &Vm, sep: &Ref<Str>) -> PyResult {
        Str::parts(zelf, vm, sep, false)
    }

    /// Partition the string into three parts using the given separator.
    #[pymethod(sig = "($self, sep, /)")]
    fn rpartition(zelf: &Ref<Self>, vm: &Vm, sep: &Ref<Str>) -> PyResult {
        Str::parts(zelf, vm, sep, true)
    }

    /// Return a str with the given prefix string removed if present.
    #[pymethod(sig = "($self, prefix, /)")]
    fn removeprefix(zelf: &Ref<Self>, vm: &Vm, prefix: &Ref<Str>) -> PyResult {
        match zelf.as_bytes().strip_prefix(prefix.as_bytes()) {
            Some(rest) => Ok(vm.new_str_wtf8(rest)?.into_value()),
            None => Ok(zelf.to_value()),
        }
    }

    /// Return a str with the given suffix string removed if present.
    #[pymethod(sig = "($self, suffix, /)")]
    fn removesuffix(zelf: &Ref<Self>, vm: &Vm, suffix: &Ref<Str>) -> PyResult {
        match zelf.as_bytes().strip_suffix(suffix.as_bytes()) {
            Some(rest) => Ok(vm.new_str_wtf8(rest)?.into_value()),
            None => Ok(zelf.to_value()),
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
        let encoding = match encoding {
            Some(encoding) => encoding,
            None => vm.intern("utf-8"),
        };
        let data = codecs::encode(vm, zelf, &encoding, errors.as_ref())?;
        Ok(vm.new_bytes(&data)?.into_value())
    }

    /// Return a formatted version of the string as described by format_spec.
    #[pymethod(sig = "($self, format_spec, /)")]
    fn __format__(zelf: &Ref<Self>, vm: &Vm, format_spec: &Ref<Str>) -> PyResult {
        let name = vm.type_of(zelf.as_value()).full_name();
        let text = check(
            vm,
            format_spec::format_str(zelf.as_bytes(), format_spec.as_bytes(), &name),
        )?;
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    /// Return a formatted version of the string, using substitutions from args and kwargs.
    ///
    /// The substitutions are identified by braces ('{' and '}').
    #[pymethod(raw)]
    fn format(vm: &Vm, args: Args) -> PyResult {
        match args.args.first().and_then(super::of) {
            Some(text) => super::format::format(vm, text, args.rest()),
            None => Err(vm.type_error("unbound method str.format() needs an argument")),
        }
    }

    /// Return True if the string is an alphabetic string, False otherwise.
    #[pymethod]
    fn isalpha(&self) -> bool {
        all(self, naja_unicode::is_alpha)
    }

    /// Return True if the string is an alpha-numeric string, False otherwise.
    #[pymethod]
    fn isalnum(&self) -> bool {
        all(self, naja_unicode::is_alnum)
    }

    /// Return True if the string is a digit string, False otherwise.
    #[pymethod]
    fn isdigit(&self) -> bool {
        all(self, naja_unicode::is_digit)
    }

    /// Return True if the string is a decimal string, False otherwise.
    #[pymethod]
    fn isdecimal(&self) -> bool {
        all(self, naja_unicode::is_decimal)
    }

    /// Return True if the string is a numeric string, False otherwise.
    #[pymethod]
    fn isnumeric(&self) -> bool {
        all(self, naja_unicode::is_numeric)
    }

    /// Return True if the string is a whitespace string, False otherwise.
    #[pymethod]
    fn isspace(&self) -> bool {
        all(self, is_space)
    }

    /// Return True if all characters in the string are ASCII, False otherwise.
    #[pymethod(name = "isascii")]
    fn is_ascii_method(&self) -> bool {
        self.is_ascii()
    }

    /// Return True if all characters in the string are printable, False otherwise.
    #[pymethod]
    fn isprintable(&self) -> bool {
        self.code_points().all(naja_unicode::is_printable)
    }

    /// Return True if the string is a valid Python identifier, False otherwise.
    #[pymethod]
    fn isidentifier(&self) -> bool {
        let mut points = self.code_points();
        points
            .next()
            .is_some_and(|c| c == b'_' as u32 || naja_unicode::is_xid_start(c))
            && points.all(naja_unicode::is_xid_continue)
    }

    /// Return True if the string is a lowercase string, False otherwise.
    #[pymethod]
    fn islower(&self) -> bool {
        self.code_points().any(naja_unicode::is_lower)
            && !self
                .code_points()
                .any(|c| naja_unicode::is_upper(c) || naja_unicode::is_title(c))
    }

    /// Return True if the string is an uppercase string, False otherwise.
    #[pymethod]
    fn isupper(&self) -> bool {
        self.code_points().any(naja_unicode::is_upper)
            && !self
                .code_points()
                .any(|c| naja_unicode::is_lower(c) || naja_unicode::is_title(c))
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_tuple(vec![vm.new_str_wtf8(zelf.as_bytes())?.into_value()])?
            .into_value())
    }
}

impl Str {
    fn parts(zelf: &Ref<Str>, vm: &Vm, sep: &Ref<Str>, last: bool) -> PyResult {
        if sep.byte_len() == 0 {
            return Err(vm.value_error("empty separator"));
        }
        let text = zelf.as_bytes();
        let found = if last {
            memchr::memmem::rfind(text, sep.as_bytes())
        } else {
            memchr::memmem::find(text, sep.as_bytes())
        };
        let empty = || vm.interp.empty_str().into_value();
        let parts = match found {
            Some(at) => vec![
                vm.new_str_wtf8(&text[..at])?.into_value(),
                sep.to_value(),
                vm.new_str_wtf8(&text[at + sep.byte_len()..])?.into_value(),
            ],
            None if last => vec![empty(), empty(), zelf.to_value()],
            None => vec![zelf.to_value(), empty(), empty()],
        };
        Ok(vm.new_tuple(parts)?.into_value())
    }
}

#[pyclass(name = "str_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct StrIterator {
    text: MutCell<Option<Ref<Str>>>,
    offset: Cell<usize>,
}

impl Traverse for StrIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.text.with(|t| t.iter().for_each(|t| v.reference(t)))
    }
    fn clear(&self) {
        drop(self.text.take())
    }
}

#[pymethods]
impl StrIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(text) = zelf.text.get() else {
            return Ok(None);
        };
        let at = zelf.offset.get();
        if at >= text.byte_len() {
            drop(zelf.text.take());
            return Ok(None);
        }
        let (c, width) = decode_at(text.as_bytes(), at);
        zelf.offset.set(at + width);
        vm.new_char(c).map(|c| Some(c.into_value()))
    }
}
