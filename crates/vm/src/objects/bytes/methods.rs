//! What `bytes` and `bytearray` have in common: the methods over a run of bytes, written once for both.
//!
//! Arguments are converted first, which may run Python; then the bytes are looked at, in place, with no Python in
//! between ([`BytesLike::view`]). Results are new objects of the same kind. CPython: Objects/bytes_methods.c,
//! Objects/stringlib.

use super::mapping::{all, capitalize, is_title, make_trans, mapped, swap_case, title, translate};
use super::parts::{Bounds, BytesLike, Hold, Part, byte, room};
use super::split::{lines, list_of, partition, split};
use super::{Bytes, hex, percent};
use crate::objects::buffer::Buffer;
use crate::objects::bytearray::ByteArray;
use crate::objects::list::List;
use crate::objects::slice::Slice;
use crate::objects::str_;
use crate::objects::str_::translate::expand_tabs;
use crate::objects::str_::{Str, codecs};
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{number, sequence};
use crate::vm::{PyResult, Vm};
use memchr::memmem;
use naja_heap::{Ref, Value};
use naja_macros::pymethods;

/// Where `needle` is in the part of the bytes that is meant.
fn find<T: BytesLike>(
    vm: &Vm,
    zelf: &T,
    sub: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
    last: bool,
) -> PyResult<Option<usize>> {
    let _hold = Hold::of(zelf);
    let bounds = Bounds::of(vm, start, end)?;
    let needle = Part::needle(vm, sub)?;
    Ok(zelf.view(|hay| {
        let range = bounds.fit(hay.len())?;
        let at = range.start;
        needle.with(|needle| search(&hay[range], needle, last).map(|i| i + at))
    }))
}

/// The first or last occurrence.
pub fn search(hay: &[u8], needle: &[u8], last: bool) -> Option<usize> {
    match needle {
        [byte] if last => memchr::memrchr(*byte, hay),
        [byte] => memchr::memchr(*byte, hay),
        _ if last => memmem::rfind(hay, needle),
        _ => str_::methods::search(hay, needle),
    }
}

/// Occurrences that do not overlap.
pub fn count(hay: &[u8], needle: &[u8]) -> usize {
    match needle {
        [] => hay.len() + 1,
        [byte] => memchr::memchr_iter(*byte, hay).count(),
        _ => {
            let mut count = 0;
            str_::methods::occurrences(hay, needle, usize::MAX, |_| count += 1);
            count
        }
    }
}

fn affix<T: BytesLike>(
    vm: &Vm,
    zelf: &T,
    value: &Value,
    bounds: &Bounds,
    name: &str,
    fits: fn(&[u8], &[u8]) -> bool,
) -> PyResult<bool> {
    let _hold = Hold::of(zelf);
    let test = |part: &Part| {
        zelf.view(|data| match bounds.fit(data.len()) {
            Some(range) => part.with(|part| fits(&data[range], part)),
            None => false,
        })
    };
    if let Some(tuple) = value.downcast::<Tuple>() {
        for item in tuple.items() {
            if test(&Part::of(vm, item)?) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match Part::of_optional(vm, value)? {
        Some(part) => Ok(test(&part)),
        None => Err(vm.type_error(format!(
            "{name} first arg must be bytes or a tuple of bytes, not {}",
            vm.type_of(value).full_name()
        ))),
    }
}

/// Python's ASCII white space.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d)
}

/// What is left between stripped ends.
pub(super) fn strip_range(
    data: &[u8],
    left: bool,
    right: bool,
    strip: impl Fn(u8) -> bool,
) -> (usize, usize) {
    let (mut start, mut end) = (0, data.len());
    while left && start < end && strip(data[start]) {
        start += 1
    }
    while right && start < end && strip(data[end - 1]) {
        end -= 1
    }
    (start, end)
}

fn strip<T: BytesLike>(
    vm: &Vm,
    zelf: &Ref<T>,
    bytes: Option<&Value>,
    left: bool,
    right: bool,
) -> PyResult {
    let set = match bytes.filter(|b| !b.is_none()) {
        Some(bytes) => Some(Part::of(vm, bytes)?),
        None => None,
    };
    let rest = zelf.view(|data| {
        let (start, end) = match &set {
            None => strip_range(data, left, right, is_space),
            Some(set) => set.with(|set| strip_range(data, left, right, |b| set.contains(&b))),
        };
        (start > 0 || end < data.len()).then_some(start..end)
    });
    match rest {
        Some(rest) => T::part(zelf, vm, rest),
        None => T::unchanged(zelf, vm),
    }
}

/// `data.replace(old, new, max)`. None where nothing changes; Err where the result would be too long.
fn replaced(data: &[u8], old: &[u8], new: &[u8], max: usize) -> Result<Option<Vec<u8>>, ()> {
    if max == 0 || old == new || (data.is_empty() && !old.is_empty()) {
        return Ok(None);
    }
    if let (&[old], &[new]) = (old, new)
        && max >= data.len()
    {
        let Some(first) = memchr::memchr(old, data) else {
            return Ok(None);
        };
        let mut out = Vec::new();
        out.try_reserve_exact(data.len()).map_err(|_| ())?;
        out.extend_from_slice(&data[..first]);
        let swap = |&byte: &u8| if byte == old { new } else { byte };
        out.extend(data[first..].iter().map(swap));
        return Ok(Some(out));
    }
    let mut places = smallvec::SmallVec::<[usize; 16]>::new();
    match old {
        [] => places.extend((0..=data.len()).take(max)),
        [byte] => places.extend(memchr::memchr_iter(*byte, data).take(max)),
        _ => str_::methods::occurrences(data, old, max, |at| places.push(at)),
    }
    if places.is_empty() {
        return Ok(None);
    }
    let size = places
        .len()
        .checked_mul(new.len())
        .and_then(|n| n.checked_add(data.len() - places.len() * old.len()))
        .ok_or(())?;
    let mut out = Vec::new();
    out.try_reserve_exact(size).map_err(|_| ())?;
    let mut from = 0;
    for at in places {
        out.extend_from_slice(&data[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&data[from..]);
    Ok(Some(out))
}

/// The fill byte of `center` and its like.
fn fill_byte(vm: &Vm, fill: Option<&Value>, name: &str) -> PyResult<u8> {
    let Some(fill) = fill else { return Ok(b' ') };
    let (len, kind) = match (fill.downcast::<Bytes>(), fill.downcast::<ByteArray>()) {
        (Some(b), _) => (b.as_bytes().to_vec(), "bytes"),
        (_, Some(b)) => (b.to_vec(), "bytearray"),
        _ => {
            let t = vm.type_of(fill).full_name();
            let t = if fill.is_none() { "None" } else { &t };
            return Err(vm.type_error(format!(
                "{name}() argument 2 must be a byte string of length 1, not {t}"
            )));
        }
    };
    match len.as_slice() {
        [byte] => Ok(*byte),
        many => Err(vm.type_error(format!(
            "{name}(): argument 2 must be a byte string of length 1, not a {kind} object of length {}",
            many.len()
        ))),
    }
}

/// Pads to `width`; `left` says how many of the missing bytes go before.
fn pad<T: BytesLike>(
    vm: &Vm,
    zelf: &Ref<T>,
    width: isize,
    fill: u8,
    left: impl Fn(usize) -> usize,
) -> PyResult {
    let len = zelf.view(<[u8]>::len);
    let missing = (width.max(0) as usize).saturating_sub(len);
    if missing == 0 {
        return T::unchanged(zelf, vm);
    }
    let mut out = room(vm, len.saturating_add(missing))?;
    let before = left(missing);
    out.resize(before, fill);
    zelf.view(|data| out.extend_from_slice(data));
    out.resize(out.len() + missing - before, fill);
    T::make(vm, out)
}

/// The items joined, if all of them are `bytes`, whose lengths nothing can change.
fn join_bytes<T: BytesLike>(vm: &Vm, zelf: &T, items: &[Value]) -> PyResult<Option<Vec<u8>>> {
    let mut size = zelf
        .view(<[u8]>::len)
        .saturating_mul(items.len().saturating_sub(1));
    for item in items {
        match item.downcast::<Bytes>() {
            Some(bytes) => size = size.saturating_add(bytes.as_bytes().len()),
            None => return Ok(None),
        }
    }
    if size > isize::MAX as usize {
        return Ok(None);
    }
    let mut out = room(vm, size)?;
    zelf.view(|sep| {
        for (i, bytes) in items
            .iter()
            .filter_map(|v| v.downcast::<Bytes>())
            .enumerate()
        {
            if i > 0 {
                out.extend_from_slice(sep)
            }
            out.extend_from_slice(bytes.as_bytes());
        }
    });
    Ok(Some(out))
}

fn join<T: BytesLike>(vm: &Vm, zelf: &T, iterable: &Value) -> PyResult {
    // The iterator must not change the separator's size.
    if let Some(exports) = zelf.exports() {
        exports.set(exports.get() + 1);
    }
    let items = sequence::collect_or(vm, iterable, "can only join an iterable");
    if let Some(exports) = zelf.exports() {
        exports.set(exports.get() - 1);
    }
    let items = items?;
    if let Some(joined) = join_bytes(vm, zelf, &items)? {
        return T::make(vm, joined);
    }
    let mut parts = Vec::with_capacity(items.len());
    let mut size = zelf
        .view(<[u8]>::len)
        .saturating_mul(items.len().saturating_sub(1));
    for (i, item) in items.iter().enumerate() {
        let Some(part) = Part::of_optional(vm, item)? else {
            return Err(vm.type_error(format!(
                "sequence item {i}: expected a bytes-like object, {} found",
                vm.type_of(item).full_name()
            )));
        };
        size = size.saturating_add(part.len());
        parts.push(part);
        if let Some(list) = iterable.downcast::<List>()
            && list.items.with(Vec::len) != items.len()
        {
            return Err(vm.runtime_error("sequence changed size during iteration"));
        }
    }
    if size > isize::MAX as usize {
        return Err(vm.overflow_error("join() result is too long"));
    }
    let mut out = room(vm, size)?;
    zelf.view(|sep| {
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(sep)
            }
            part.with(|part| out.extend_from_slice(part))
        }
    });
    T::make(vm, out)
}

fn zfill<T: BytesLike>(vm: &Vm, zelf: &Ref<T>, width: isize) -> PyResult {
    let len = zelf.view(<[u8]>::len);
    let missing = (width.max(0) as usize).saturating_sub(len);
    if missing == 0 {
        return T::unchanged(zelf, vm);
    }
    let mut out = room(vm, len.saturating_add(missing))?;
    zelf.view(|data| {
        let sign = matches!(data.first(), Some(b'+' | b'-')) as usize;
        out.extend_from_slice(&data[..sign]);
        out.resize(sign + missing, b'0');
        out.extend_from_slice(&data[sign..]);
    });
    T::make(vm, out)
}

/// `data[key]`.
fn subscript<T: BytesLike>(vm: &Vm, zelf: &Ref<T>, key: &Value, what: (&str, &str)) -> PyResult {
    let len = || zelf.view(<[u8]>::len);
    if let Some(index) = key.as_small_int()
        && let Ok(index) = usize::try_from(index)
        && let Some(byte) = zelf.view(|data| data.get(index).copied())
    {
        return Ok(Value::small_int(byte.into()));
    }
    if number::has_index(vm, key) {
        let mut index = number::index_for(vm, key, &vm.types.index_error)?;
        if index < 0 {
            index += len() as isize
        }
        return match usize::try_from(index)
            .ok()
            .and_then(|i| zelf.view(|d| d.get(i).copied()))
        {
            Some(byte) => Ok(Value::small_int(byte as i64)),
            None => Err(vm.index_error(what.1)),
        };
    }
    let Some(slice) = key.downcast::<Slice>() else {
        return Err(vm.type_error(format!(
            "{} indices must be integers or slices, not {}",
            what.0,
            vm.type_of(key).full_name()
        )));
    };
    let (start, stop, step) = slice.unpack(vm)?;
    let whole = |n: usize| n == len() && step == 1;
    let a = crate::objects::slice::fit(start, stop, step, len() as isize);
    if whole(a.count) {
        return T::unchanged(zelf, vm);
    }
    if a.step == 1 {
        let start = a.start as usize;
        return T::part(zelf, vm, start..start + a.count);
    }
    let data = zelf.view(|data| a.indices().filter_map(|i| data.get(i).copied()).collect());
    T::make(vm, data)
}

fn contains<T: BytesLike>(vm: &Vm, zelf: &T, needle: &Value) -> PyResult<bool> {
    let _hold = Hold::of(zelf);
    if number::has_index(vm, needle) {
        let byte = byte(vm, needle)?;
        return Ok(zelf.view(|d| memchr::memchr(byte, d).is_some()));
    }
    let needle = Part::of(vm, needle)?;
    Ok(zelf.view(|hay| needle.with(|n| search(hay, n, false).is_some())))
}

/// `a + b` where `a` is of this kind.
fn concat<T: BytesLike>(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    let (Some(x), Some(y)) = (Part::of_optional(vm, a)?, Part::of_optional(vm, b)?) else {
        return Err(vm.type_error(format!(
            "can't concat {} to {}",
            vm.type_of(b).full_name(),
            vm.type_of(a).full_name()
        )));
    };
    T::joined(vm, &x, &y)
}

/// The comparison with `str` and (for `==`) int that `-b` warns of.
pub fn warn_comparison(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult<()> {
    if vm.interp.config.bytes_warning == 0 || !matches!(op, CompareOp::Eq | CompareOp::Ne) {
        return Ok(());
    }
    let is_str = |v: &Value| str_::of(v).is_some();
    if is_str(a) || is_str(b) {
        let kind = if a.downcast::<ByteArray>().is_some() {
            "bytearray"
        } else {
            "bytes"
        };
        let message = format!("Comparison between {kind} and string");
        vm.warn(&vm.types.bytes_warning, message, 1)?;
    } else if a.downcast::<Bytes>().is_some() && number::is_int(vm, b) {
        vm.warn(
            &vm.types.bytes_warning,
            "Comparison between bytes and int",
            1,
        )?;
    }
    Ok(())
}

fn compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    if a.is(b) && a.downcast::<Bytes>().is_some() {
        return Ok(Value::from_bool(op.holds(std::cmp::Ordering::Equal)));
    }
    // Other buffers compare themselves with bytes.
    let both_bytes = a.downcast::<Bytes>().is_some() && b.downcast::<Bytes>().is_some();
    let is_array = a.downcast::<ByteArray>().is_some() || b.downcast::<ByteArray>().is_some();
    let buffers = is_array && Buffer::supported(vm, a) && Buffer::supported(vm, b);
    if !both_bytes && !buffers {
        warn_comparison(vm, a, b, op)?;
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = match (Part::of(vm, a), Part::of(vm, b)) {
        (Ok(x), Ok(y)) => (x, y),
        _ => {
            vm.clear_exception();
            return Ok(Value::NOT_IMPLEMENTED);
        }
    };
    Ok(Value::from_bool(x.with(|x| {
        y.with(|y| match op {
            CompareOp::Eq => x == y,
            CompareOp::Ne => x != y,
            _ => op.holds(x.cmp(y)),
        })
    })))
}

macro_rules! shared_methods {
    ($ty:ident, $table:literal, $name:literal, $item:literal, $range:literal) => {
        #[pymethods(extra = $table)]
        impl $ty {
            #[pyslot(name = "str")]
            fn to_str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                if vm.interp.config.bytes_warning > 0 {
                    vm.warn(
                        &vm.types.bytes_warning,
                        concat!("str() on a ", $name, " instance"),
                        1,
                    )?
                }
                $ty::repr(zelf, vm)
            }

            #[pyslot(name = "richcompare")]
            fn compare_slot(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
                compare(vm, a, b, op)
            }

            #[pyslot(name = "sq_len")]
            fn len_slot(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
                Ok(zelf.view(<[u8]>::len))
            }

            #[pyslot(name = "concat")]
            fn concat_slot(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                concat::<$ty>(vm, a, b)
            }

            #[pyslot(name = "repeat")]
            fn repeat_slot(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
                if n == 1 {
                    return <$ty as BytesLike>::unchanged(zelf, vm);
                }
                let n = n.max(0) as usize;
                let size = zelf.view(<[u8]>::len).checked_mul(n);
                let mut out = room(vm, size.unwrap_or(usize::MAX))?;
                zelf.view(|data| match data {
                    [byte] => out.resize(n, *byte),
                    _ => (0..n).for_each(|_| out.extend_from_slice(data)),
                });
                <$ty as BytesLike>::make(vm, out)
            }

            #[pyslot(name = "remainder")]
            fn remainder_slot(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                match a.downcast::<$ty>() {
                    Some(format) => {
                        let _hold = Hold::of(&**format);
                        let format = format.view(<[u8]>::to_vec);
                        let text = percent::format(vm, &format, b)?;
                        <$ty as BytesLike>::make(vm, text)
                    }
                    None => Ok(Value::NOT_IMPLEMENTED),
                }
            }

            #[pyslot(name = "item")]
            fn item_slot(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
                match usize::try_from(index)
                    .ok()
                    .and_then(|i| zelf.view(|d| d.get(i).copied()))
                {
                    Some(byte) => Ok(Value::small_int(byte as i64)),
                    None => Err(vm.index_error($range)),
                }
            }

            #[pyslot(name = "subscript")]
            fn subscript_slot(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
                subscript(vm, zelf, key, ($item, $range))
            }

            #[pyslot(name = "contains")]
            fn contains_slot(zelf: &Ref<Self>, vm: &Vm, needle: &Value) -> PyResult<bool> {
                contains(vm, &**zelf, needle)
            }

            /// B.capitalize() -> copy of B
            ///
            /// Return a copy of B with only its first character capitalized (ASCII)
            /// and the rest lower-cased.
            #[pymethod]
            fn capitalize(&self, vm: &Vm) -> PyResult {
                mapped(vm, self, capitalize)
            }

            /// B.lower() -> copy of B
            ///
            /// Return a copy of B with all ASCII characters converted to lowercase.
            #[pymethod]
            fn lower(&self, vm: &Vm) -> PyResult {
                mapped(vm, self, <[u8]>::make_ascii_lowercase)
            }

            /// B.upper() -> copy of B
            ///
            /// Return a copy of B with all ASCII characters converted to uppercase.
            #[pymethod]
            fn upper(&self, vm: &Vm) -> PyResult {
                mapped(vm, self, <[u8]>::make_ascii_uppercase)
            }

            /// B.title() -> copy of B
            ///
            /// Return a titlecased version of B, i.e. ASCII words start with
            /// uppercase characters, all remaining cased characters have lowercase.
            #[pymethod]
            fn title(&self, vm: &Vm) -> PyResult {
                mapped(vm, self, title)
            }

            /// B.swapcase() -> copy of B
            ///
            /// Return a copy of B with uppercase ASCII characters converted
            /// to lowercase ASCII and vice versa.
            #[pymethod]
            fn swapcase(&self, vm: &Vm) -> PyResult {
                mapped(vm, self, swap_case)
            }

            /// B.isalnum() -> bool
            ///
            /// Return True if all characters in B are alphanumeric
            /// and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isalnum(&self) -> bool {
                all(self, u8::is_ascii_alphanumeric)
            }

            /// B.isalpha() -> bool
            ///
            /// Return True if all characters in B are alphabetic
            /// and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isalpha(&self) -> bool {
                all(self, u8::is_ascii_alphabetic)
            }

            /// B.isascii() -> bool
            ///
            /// Return True if B is empty or all characters in B are ASCII,
            /// False otherwise.
            #[pymethod]
            fn isascii(&self) -> bool {
                self.view(<[u8]>::is_ascii)
            }

            /// B.isdigit() -> bool
            ///
            /// Return True if all characters in B are digits
            /// and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isdigit(&self) -> bool {
                all(self, u8::is_ascii_digit)
            }

            /// B.isspace() -> bool
            ///
            /// Return True if all characters in B are whitespace
            /// and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isspace(&self) -> bool {
                all(self, |&b| is_space(b))
            }

            /// B.islower() -> bool
            ///
            /// Return True if all cased characters in B are lowercase and there is
            /// at least one cased character in B, False otherwise.
            #[pymethod]
            fn islower(&self) -> bool {
                self.view(|d| {
                    d.iter().any(u8::is_ascii_lowercase) && !d.iter().any(u8::is_ascii_uppercase)
                })
            }

            /// B.isupper() -> bool
            ///
            /// Return True if all cased characters in B are uppercase and there is
            /// at least one cased character in B, False otherwise.
            #[pymethod]
            fn isupper(&self) -> bool {
                self.view(|d| {
                    d.iter().any(u8::is_ascii_uppercase) && !d.iter().any(u8::is_ascii_lowercase)
                })
            }

            /// B.istitle() -> bool
            ///
            /// Return True if B is a titlecased string and there is at least one
            /// character in B, i.e. uppercase characters may only follow uncased
            /// characters and lowercase characters only cased ones. Return False
            /// otherwise.
            #[pymethod]
            fn istitle(&self) -> bool {
                self.view(is_title)
            }

            /// Return a centered string of length width.
            ///
            /// Padding is done using the specified fill character.
            #[pymethod(sig = "($self, width, fillchar=b' ', /)")]
            fn center(
                zelf: &Ref<Self>,
                vm: &Vm,
                width: isize,
                fillchar: Option<&Value>,
            ) -> PyResult {
                let fill = fill_byte(vm, fillchar, "center")?;
                let odd = width as usize & 1;
                pad(vm, zelf, width, fill, |n| n / 2 + (n & odd & 1))
            }

            /// Return a left-justified string of length width.
            ///
            /// Padding is done using the specified fill character.
            #[pymethod(sig = "($self, width, fillchar=b' ', /)")]
            fn ljust(
                zelf: &Ref<Self>,
                vm: &Vm,
                width: isize,
                fillchar: Option<&Value>,
            ) -> PyResult {
                let fill = fill_byte(vm, fillchar, "ljust")?;
                pad(vm, zelf, width, fill, |_| 0)
            }

            /// Return a right-justified string of length width.
            ///
            /// Padding is done using the specified fill character.
            #[pymethod(sig = "($self, width, fillchar=b' ', /)")]
            fn rjust(
                zelf: &Ref<Self>,
                vm: &Vm,
                width: isize,
                fillchar: Option<&Value>,
            ) -> PyResult {
                let fill = fill_byte(vm, fillchar, "rjust")?;
                pad(vm, zelf, width, fill, |n| n)
            }

            /// Pad a numeric string with zeros on the left, to fill a field of the given width.
            ///
            /// The original string is never truncated.
            #[pymethod(sig = "($self, width, /)")]
            fn zfill(zelf: &Ref<Self>, vm: &Vm, width: isize) -> PyResult {
                zfill(vm, zelf, width)
            }

            /// Return the number of non-overlapping occurrences of subsection 'sub' in bytes B[start:end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            #[pymethod(sig = "($self, sub[, start[, end]], /)")]
            fn count(
                &self,
                vm: &Vm,
                sub: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<usize> {
                let _hold = Hold::of(self);
                let bounds = Bounds::of(vm, start, end)?;
                let needle = Part::needle(vm, sub)?;
                Ok(self.view(|hay| match bounds.fit(hay.len()) {
                    Some(range) => needle.with(|n| count(&hay[range], n)),
                    None => 0,
                }))
            }

            /// Return the lowest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start:end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Return -1 on failure.
            #[pymethod(sig = "($self, sub[, start[, end]], /)")]
            fn find(
                &self,
                vm: &Vm,
                sub: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<isize> {
                Ok(find(vm, self, sub, start, end, false)?.map_or(-1, |i| i as isize))
            }

            /// Return the highest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start:end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Return -1 on failure.
            #[pymethod(sig = "($self, sub[, start[, end]], /)")]
            fn rfind(
                &self,
                vm: &Vm,
                sub: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<isize> {
                Ok(find(vm, self, sub, start, end, true)?.map_or(-1, |i| i as isize))
            }

            /// Return the lowest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start:end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Raise ValueError if the subsection is not found.
            #[pymethod(sig = "($self, sub[, start[, end]], /)")]
            fn index(
                &self,
                vm: &Vm,
                sub: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<usize> {
                find(vm, self, sub, start, end, false)?
                    .ok_or_else(|| vm.value_error("subsection not found"))
            }

            /// Return the highest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start:end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Raise ValueError if the subsection is not found.
            #[pymethod(sig = "($self, sub[, start[, end]], /)")]
            fn rindex(
                &self,
                vm: &Vm,
                sub: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<usize> {
                find(vm, self, sub, start, end, true)?
                    .ok_or_else(|| vm.value_error("subsection not found"))
            }

            /// Return True if the object starts with the specified prefix, False otherwise.
            ///
            ///   prefix
            ///     A bytes or a tuple of bytes to try.
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            #[pymethod(sig = "($self, prefix[, start[, end]], /)")]
            fn startswith(
                &self,
                vm: &Vm,
                prefix: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<bool> {
                let bounds = Bounds::of(vm, start, end)?;
                affix(vm, self, prefix, &bounds, "startswith", <[u8]>::starts_with)
            }

            /// Return True if the object ends with the specified suffix, False otherwise.
            ///
            ///   suffix
            ///     A bytes or a tuple of bytes to try.
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            #[pymethod(sig = "($self, suffix[, start[, end]], /)")]
            fn endswith(
                &self,
                vm: &Vm,
                suffix: &Value,
                start: Option<&Value>,
                end: Option<&Value>,
            ) -> PyResult<bool> {
                let bounds = Bounds::of(vm, start, end)?;
                affix(vm, self, suffix, &bounds, "endswith", <[u8]>::ends_with)
            }

            /// Return a copy where all tab characters are expanded using spaces.
            ///
            /// If tabsize is not given, a tab size of 8 characters is assumed.
            #[pymethod(sig = "($self, /, tabsize=8)")]
            fn expandtabs(&self, vm: &Vm, #[default(8)] tabsize: i32) -> PyResult {
                let data = self.view(<[u8]>::to_vec);
                let new = expand_tabs(vm, &data, tabsize, |_| true)?;
                <$ty as BytesLike>::make(vm, new.unwrap_or(data))
            }

            /// Create a string of hexadecimal numbers from a bytes-like object.
            ///
            ///   sep
            ///     An optional single character or byte to separate hex bytes.
            ///   bytes_per_sep
            ///     How many bytes between separators.  Positive values count from
            ///     the right, negative values count from the left.
            ///
            /// Example:
            /// >>> value = b'\xb9\x01\xef'
            /// >>> value.hex()
            /// 'b901ef'
            /// >>> value.hex(':')
            /// 'b9:01:ef'
            /// >>> value.hex(':', 2)
            /// 'b9:01ef'
            /// >>> value.hex(':', -2)
            /// 'b901:ef'
            #[pymethod(sig = "($self, /, sep=<unrepresentable>, bytes_per_sep=1)")]
            fn hex(
                &self,
                vm: &Vm,
                sep: Option<&Value>,
                #[default(1)] bytes_per_sep: i32,
            ) -> PyResult {
                let _hold = Hold::of(self);
                let sep = hex::separator(vm, sep)?;
                let text = self.view(|data| hex::encode(data, sep, bytes_per_sep));
                Ok(vm.new_ascii_str(&text)?.into_value())
            }

            /// Create an object of this class from a string of hexadecimal numbers.
            ///
            /// Spaces between two numbers are accepted.
            #[pyclassmethod(sig = "($type, string, /)")]
            fn fromhex(cls: &Ref<Type>, vm: &Vm, string: &Value) -> PyResult {
                let made = <$ty as BytesLike>::make(vm, hex::decode_object(vm, string)?)?;
                if vm.type_of(&made).is(cls) {
                    return Ok(made);
                }
                vm.call(cls.as_value(), &[made])
            }

            /// Concatenate any number of bytes objects.
            ///
            /// The object whose method is called is inserted in between each pair.
            ///
            /// The result is returned as a new object of the same class.
            ///
            /// Example: b'.'.join([b'ab', b'pq', b'rs']) -> b'ab.pq.rs'.
            #[pymethod(sig = "($self, iterable_of_bytes, /)")]
            fn join(&self, vm: &Vm, iterable_of_bytes: &Value) -> PyResult {
                join(vm, self, iterable_of_bytes)
            }

            /// Partition the object into three parts using the given separator.
            ///
            /// This will search for the separator sep in the object. If the separator is
            /// found, returns a 3-tuple containing the part before the separator, the
            /// separator itself, and the part after it.
            ///
            /// If the separator is not found, returns a 3-tuple containing the original
            /// and two empty objects.
            #[pymethod(sig = "($self, sep, /)")]
            fn partition(zelf: &Ref<Self>, vm: &Vm, sep: &Value) -> PyResult {
                partition(vm, zelf, sep, false)
            }

            /// Partition the object into three parts using the given separator.
            ///
            /// This will search for the separator sep in the object, starting at the end.
            /// If the separator is found, returns a 3-tuple containing the part before the
            /// separator, the separator itself, and the part after it.
            ///
            /// If the separator is not found, returns a 3-tuple containing two empty
            /// objects and the original.
            #[pymethod(sig = "($self, sep, /)")]
            fn rpartition(zelf: &Ref<Self>, vm: &Vm, sep: &Value) -> PyResult {
                partition(vm, zelf, sep, true)
            }

            /// Return an object with the given prefix removed if present.
            ///
            /// If the object starts with the prefix, return object[len(prefix):].
            /// Otherwise, return a copy of the original.
            #[pymethod(sig = "($self, prefix, /)")]
            fn removeprefix(zelf: &Ref<Self>, vm: &Vm, prefix: &Value) -> PyResult {
                let part = Part::of(vm, prefix)?;
                let rest = zelf.view(|d| part.with(|p| d.strip_prefix(p).map(<[u8]>::to_vec)));
                match rest {
                    Some(rest) if !part.is_empty() => <$ty as BytesLike>::make(vm, rest),
                    _ => <$ty as BytesLike>::unchanged(zelf, vm),
                }
            }

            /// Return an object with the given suffix removed if present.
            ///
            /// If the object ends with the suffix and that suffix is not empty,
            /// return object[:-len(suffix)].  Otherwise, return a copy of the
            /// original.
            #[pymethod(sig = "($self, suffix, /)")]
            fn removesuffix(zelf: &Ref<Self>, vm: &Vm, suffix: &Value) -> PyResult {
                let part = Part::of(vm, suffix)?;
                let rest = zelf.view(|d| part.with(|p| d.strip_suffix(p).map(<[u8]>::to_vec)));
                match rest {
                    Some(rest) if !part.is_empty() => <$ty as BytesLike>::make(vm, rest),
                    _ => <$ty as BytesLike>::unchanged(zelf, vm),
                }
            }

            /// Return a copy with all occurrences of substring old replaced by new.
            ///
            ///   count
            ///     Maximum number of occurrences to replace.
            ///     -1 (the default value) means replace all occurrences.
            ///
            /// If the optional argument count is given, only the first count occurrences are
            /// replaced.
            #[pymethod(sig = "($self, old, new, count=-1, /)")]
            fn replace(
                zelf: &Ref<Self>,
                vm: &Vm,
                old: &Value,
                new: &Value,
                #[default(-1)] count: isize,
            ) -> PyResult {
                let (old, new) = (Part::of(vm, old)?, Part::of(vm, new)?);
                let max = usize::try_from(count).unwrap_or(usize::MAX);
                match zelf.view(|d| old.with(|old| new.with(|new| replaced(d, old, new, max)))) {
                    Ok(Some(data)) => <$ty as BytesLike>::make(vm, data),
                    Ok(None) => <$ty as BytesLike>::unchanged(zelf, vm),
                    Err(()) => Err(vm.overflow_error("replace bytes is too long")),
                }
            }

            /// Return a list of the sections in the object, using sep as the delimiter.
            ///
            ///   sep
            ///     The delimiter according which to split the bytes.
            ///     None (the default value) means split on ASCII whitespace characters
            ///     (space, tab, return, newline, formfeed, vertical tab).
            ///   maxsplit
            ///     Maximum number of splits to do.
            ///     -1 (the default value) means no limit.
            #[pymethod(sig = "($self, /, sep=None, maxsplit=-1)")]
            fn split(
                zelf: &Ref<Self>,
                vm: &Vm,
                sep: Option<&Value>,
                #[default(-1)] maxsplit: isize,
            ) -> PyResult {
                split(vm, zelf, sep, maxsplit, false)
            }

            /// Return a list of the sections in the object, using sep as the delimiter.
            ///
            ///   sep
            ///     The delimiter according which to split the bytes.
            ///     None (the default value) means split on ASCII whitespace characters
            ///     (space, tab, return, newline, formfeed, vertical tab).
            ///   maxsplit
            ///     Maximum number of splits to do.
            ///     -1 (the default value) means no limit.
            ///
            /// Splitting is done starting at the end of the bytes and working to the front.
            #[pymethod(sig = "($self, /, sep=None, maxsplit=-1)")]
            fn rsplit(
                zelf: &Ref<Self>,
                vm: &Vm,
                sep: Option<&Value>,
                #[default(-1)] maxsplit: isize,
            ) -> PyResult {
                split(vm, zelf, sep, maxsplit, true)
            }

            /// Return a list of the lines in the object, breaking at line boundaries.
            ///
            /// Line breaks are not included in the resulting list unless keepends is
            /// given and true.
            #[pymethod(sig = "($self, /, keepends=False)")]
            fn splitlines(zelf: &Ref<Self>, vm: &Vm, #[default(false)] keepends: bool) -> PyResult {
                if zelf.view(<[u8]>::is_empty) {
                    return Ok(vm.new_list(Vec::new())?.into_value());
                }
                list_of(vm, zelf, |data| lines(data, keepends))
            }

            /// Strip leading and trailing bytes contained in the argument.
            ///
            /// If the argument is omitted or None, strip leading and trailing ASCII
            /// whitespace.
            #[pymethod(sig = "($self, bytes=None, /)")]
            fn strip(zelf: &Ref<Self>, vm: &Vm, bytes: Option<&Value>) -> PyResult {
                strip(vm, zelf, bytes, true, true)
            }

            /// Strip leading bytes contained in the argument.
            ///
            /// If the argument is omitted or None, strip leading ASCII whitespace.
            #[pymethod(sig = "($self, bytes=None, /)")]
            fn lstrip(zelf: &Ref<Self>, vm: &Vm, bytes: Option<&Value>) -> PyResult {
                strip(vm, zelf, bytes, true, false)
            }

            /// Strip trailing bytes contained in the argument.
            ///
            /// If the argument is omitted or None, strip trailing ASCII whitespace.
            #[pymethod(sig = "($self, bytes=None, /)")]
            fn rstrip(zelf: &Ref<Self>, vm: &Vm, bytes: Option<&Value>) -> PyResult {
                strip(vm, zelf, bytes, false, true)
            }

            /// Return a copy with each character mapped by the given translation table.
            ///
            ///   table
            ///     Translation table, which must be a bytes object of length 256.
            ///
            /// All characters occurring in the optional argument delete are
            /// removed.  The remaining characters are mapped through the given
            /// translation table.
            #[pymethod(sig = "($self, table, /, delete=b'')")]
            fn translate(
                zelf: &Ref<Self>,
                vm: &Vm,
                table: &Value,
                delete: Option<&Value>,
            ) -> PyResult {
                translate(vm, zelf, table, delete)
            }

            /// Return a translation table usable for the bytes or bytearray translate method.
            ///
            /// The returned table will be one where each byte in frm is mapped to
            /// the byte at the same position in to.
            ///
            /// The bytes objects frm and to must be of the same length.
            #[pystaticmethod(sig = "(frm, to, /)")]
            fn maketrans(vm: &Vm, frm: &Value, to: &Value) -> PyResult {
                make_trans(vm, frm, to)
            }

            /// Decode the bytes using the codec registered for encoding.
            ///
            ///   encoding
            ///     The encoding with which to decode the bytes.
            ///   errors
            ///     The error handling scheme to use for the handling of decoding errors.
            ///     The default is 'strict' meaning that decoding errors raise a
            ///     UnicodeDecodeError. Other possible values are 'ignore' and 'replace'
            ///     as well as any other name registered with codecs.register_error that
            ///     can handle UnicodeDecodeErrors.
            #[pymethod(sig = "($self, /, encoding='utf-8', errors='strict')")]
            fn decode(
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
                            b"strict"
                                | b"surrogatepass"
                                | b"surrogateescape"
                                | b"ignore"
                                | b"replace"
                        )
                    });
                if codecs::is_plain_for_ascii(encoding.as_ref(), errors.as_ref()) {
                    let text = zelf.view(|data| data.is_ascii().then(|| vm.new_ascii_str(data)));
                    if let Some(text) = text {
                        return Ok(text?.into_value());
                    }
                }
                if is_utf8 {
                    let text = zelf
                        .view(|data| std::str::from_utf8(data).ok().map(|text| vm.new_str(text)));
                    if let Some(text) = text {
                        return Ok(text?.into_value());
                    }
                }
                let data = zelf.view(<[u8]>::to_vec);
                codecs::decode(vm, &data, encoding.as_ref(), errors.as_ref())
            }

            /// Return the size of the object in memory, in bytes.
            #[pymethod]
            fn __sizeof__(&self) -> usize {
                self.size()
            }
        }
    };
}

shared_methods!(Bytes, "BYTES_SHARED", "bytes", "byte", "index out of range");
shared_methods!(
    ByteArray,
    "BYTEARRAY_SHARED",
    "bytearray",
    "bytearray",
    "bytearray index out of range"
);
