//! `bytes`: its core, constructor and iterator; the methods shared with `bytearray` are in `methods.rs`.
//!
//! The bytes never change, so they are lent without counting. The hash is that of a `str` of the same UTF-8 (-1: not
//! computed yet). CPython: Objects/bytesobject.c.

pub mod hex;
mod mapping;
pub mod methods;
pub mod parts;
pub mod percent;
mod split;

use crate::objects::buffer::{self, Buffer};
use crate::objects::bytearray::ByteArray;
use crate::objects::iterators::{reduce_empty, reduce_iter};
use crate::objects::memoryview::MemoryView;
use crate::objects::str_::codecs::escape::{push_escape, push_inside};
use crate::objects::str_::{self, Str};
use crate::objects::type_::Type;
use crate::protocols::{iterator, number};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use parts::{BytesLike, Part, room};
use std::cell::Cell;
use std::ops::Range;

/// bytes(iterable_of_ints) -> bytes
/// bytes(string, encoding[, errors]) -> bytes
/// bytes(bytes_or_buffer) -> immutable copy of bytes_or_buffer
/// bytes(int) -> bytes object of size given by the parameter initialized with null bytes
/// bytes() -> empty bytes object
///
/// Construct an immutable array of bytes from:
///   - an iterable yielding integers in range(256)
///   - a text string encoded using the specified encoding
///   - any object implementing the buffer API.
///   - an integer
#[pyclass(name = "bytes", module = "builtins", flags(BASETYPE, MATCH_SELF))]
#[repr(C)]
pub struct Bytes {
    data: Data,
    hash: Cell<i64>,
}

/// So many bytes need no block of their own.
const SHORT: usize = 22;

enum Data {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl Data {
    #[inline]
    fn short(data: &[u8]) -> Option<Data> {
        let mut copy = [0; SHORT];
        copy.get_mut(..data.len())?.copy_from_slice(data);
        Some(Data::Short(data.len() as u8, copy))
    }

    fn of(data: Vec<u8>) -> Data {
        Data::short(&data).unwrap_or_else(|| Data::Long(data.into_boxed_slice()))
    }
}

impl Bytes {
    /// [`Bytes::as_bytes`] of a reference, to be named as a function.
    pub fn as_bytes_of(this: &Ref<Bytes>) -> &[u8] {
        this.as_bytes()
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.data {
            Data::Short(len, data) => &data[..usize::from(*len).min(SHORT)],
            Data::Long(data) => data,
        }
    }
}

impl Vm {
    /// A new `bytes`. Raises MemoryError.
    #[inline]
    pub fn new_bytes(&self, data: &[u8]) -> PyResult<Ref<Bytes>> {
        self.new_bytes_joined(data, &[])
    }

    /// A new `bytes` of two parts. Raises MemoryError.
    pub fn new_bytes_joined(&self, a: &[u8], b: &[u8]) -> PyResult<Ref<Bytes>> {
        let len = a.len().saturating_add(b.len());
        let data = if len <= SHORT {
            match (a, b) {
                ([], []) => return self.interp.empty_bytes(self),
                ([byte], []) | ([], [byte]) => return self.interp.one_byte(self, *byte),
                _ => {}
            }
            let mut copy = [0; SHORT];
            copy[..a.len()].copy_from_slice(a);
            copy[a.len()..len].copy_from_slice(b);
            Data::Short(len as u8, copy)
        } else {
            let mut copy = room(self, len)?;
            copy.extend_from_slice(a);
            copy.extend_from_slice(b);
            Data::Long(copy.into_boxed_slice())
        };
        self.new_object(Bytes {
            data,
            hash: Cell::new(-1),
        })
    }

    /// A new `bytes` that takes a vector over. Raises MemoryError.
    pub fn new_bytes_of(&self, data: Vec<u8>) -> PyResult<Ref<Bytes>> {
        if data.len() <= SHORT {
            return self.new_bytes(&data);
        }
        self.new_object(Bytes {
            data: Data::Long(data.into_boxed_slice()),
            hash: Cell::new(-1),
        })
    }

    /// A `bytes` that nothing else refers to, whatever its length. Raises MemoryError.
    pub(crate) fn new_bytes_unshared(&self, data: &[u8]) -> PyResult<Ref<Bytes>> {
        self.new_object(Bytes {
            data: Data::of(data.to_vec()),
            hash: Cell::new(-1),
        })
    }
}

/// The bytes of a bytes-like object, copied. None for other objects.
pub fn of_object(vm: &Vm, value: &Value) -> PyResult<Option<Vec<u8>>> {
    match Part::of_optional(vm, value)? {
        Some(part) => Ok(Some(part.with(<[u8]>::to_vec))),
        None => Ok(None),
    }
}

/// As [`of_object`], also of memory that is not contiguous.
pub fn copied(vm: &Vm, value: &Value) -> PyResult<Option<Vec<u8>>> {
    if let Some(bytes) = value.downcast::<Bytes>() {
        return Ok(Some(bytes.as_bytes().to_vec()));
    }
    if !Buffer::supported(vm, value) {
        return Ok(None);
    }
    let view = Buffer::get(vm, value, buffer::flags::FULL_RO)?;
    Ok(Some(view.to_vec()))
}

/// Zero bytes, as many as an index says. None where the value is no index.
pub fn zeros(vm: &Vm, value: &Value) -> PyResult<Option<Vec<u8>>> {
    if !number::has_index(vm, value) {
        return Ok(None);
    }
    let n = match number::index_for(vm, value, &vm.types.overflow_error) {
        Ok(n) => n,
        // Perhaps it can be iterated all the same.
        Err(_) if vm.catch(&vm.types.type_error) => return Ok(None),
        Err(raised) => return Err(raised),
    };
    let n = usize::try_from(n).map_err(|_| vm.value_error("negative count"))?;
    let mut data = room(vm, n)?;
    data.resize(n, 0);
    Ok(Some(data))
}

/// The bytes that an iterable of ints gives; `kind` is the class to be made.
pub fn from_iterable(vm: &Vm, value: &Value, kind: &str, range: &str) -> PyResult<Vec<u8>> {
    let mut data = Vec::new();
    for_each_byte(vm, value, kind, range, |byte| {
        data.push(byte);
        Ok(())
    })?;
    Ok(data)
}

/// As [`from_iterable`], byte by byte.
pub fn for_each_byte(
    vm: &Vm,
    value: &Value,
    kind: &str,
    range: &str,
    mut push: impl FnMut(u8) -> PyResult<()>,
) -> PyResult<()> {
    let wrong = || {
        vm.type_error(format!(
            "cannot convert '{}' object to {kind}",
            vm.type_of(value).full_name()
        ))
    };
    if str_::of(value).is_some() {
        return Err(wrong());
    }
    if vm.type_of(value).is(&vm.types.list) || vm.type_of(value).is(&vm.types.tuple) {
        let mut i = 0;
        // By index: an item's `__index__` may change the list.
        while let Some(item) = item_at(value, i) {
            push(item_byte(vm, &item, range)?)?;
            i += 1;
        }
        return Ok(());
    }
    let ty = vm.type_of(value);
    let it = match iterator::iter(vm, value) {
        Err(_)
            if ty.slots.iter.get().is_none()
                && ty.slots.item.get().is_none()
                && vm.catch(&vm.types.type_error) =>
        {
            return Err(wrong());
        }
        it => it?,
    };
    while let Some(item) = iterator::next(vm, &it)? {
        push(item_byte(vm, &item, range)?)?
    }
    Ok(())
}

fn item_at(items: &Value, i: usize) -> Option<Value> {
    if let Some(list) = items.downcast::<crate::objects::list::List>() {
        return list.items.with(|v| v.get(i).cloned());
    }
    items
        .downcast::<crate::objects::tuple::Tuple>()
        .and_then(|t| t.get(i).cloned())
}

#[inline]
fn item_byte(vm: &Vm, item: &Value, range: &str) -> PyResult<u8> {
    if let Some(Ok(byte)) = item.as_small_int().map(u8::try_from) {
        return Ok(byte);
    }
    match number::index_i64(vm, item)?.map(u8::try_from) {
        Some(Ok(byte)) => Ok(byte),
        _ => Err(vm.value_error(range)),
    }
}

/// The bytes that `bytes(x)` makes of a number, iterable or buffer.
pub fn from_object(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    if let Some(zeros) = zeros(vm, value)? {
        return Ok(zeros);
    }
    if let Some(bytes) = copied(vm, value)? {
        return Ok(bytes);
    }
    from_iterable(vm, value, "bytes", "bytes must be in range(0, 256)")
}

/// The `bytes` that a `bytearray`, or a view of all of one, shares its contents with.
fn shared(vm: &Vm, value: &Value) -> Option<Ref<Bytes>> {
    let ty = vm.type_of(value);
    if ty.is(&vm.types.bytearray) {
        return value.downcast::<ByteArray>()?.as_shared();
    }
    if ty.is(&vm.types.memoryview) {
        return value.downcast::<MemoryView>()?.shared_bytes();
    }
    None
}

/// The text that `bytes` or `bytearray` is given with an encoding; None where neither is a matter of text.
pub fn encoded(
    vm: &Vm,
    source: Option<&Value>,
    encoding: Option<&Ref<Str>>,
    errors: Option<&Ref<Str>>,
) -> PyResult<Option<Vec<u8>>> {
    let text = source.and_then(str_::of);
    match (text, encoding) {
        (Some(text), Some(encoding)) => str_::codecs::encode(vm, text, encoding, errors).map(Some),
        (None, Some(_)) => Err(vm.type_error("encoding without a string argument")),
        (Some(_), None) if errors.is_some() => {
            Err(vm.type_error("string argument without an encoding"))
        }
        (None, None) if errors.is_some() => Err(vm.type_error("errors without a string argument")),
        _ => Ok(None),
    }
}

/// `repr(bytes)`.
pub fn repr_text(data: &[u8]) -> String {
    repr_quoting(data, false)
}

/// As [`repr_text`]; `always`: apostrophes are escaped in any quotes, as in the repr of `bytearray`.
pub fn repr_quoting(data: &[u8], always: bool) -> String {
    let quote = if data.contains(&b'\'') && !data.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    // Where the quotes are not apostrophes, none of their kind stand within.
    let escaped = if always { b'\'' } else { quote };
    let mut out = Vec::with_capacity(data.len() + 3);
    out.extend([b'b', quote]);
    for &byte in data {
        push_inside(&mut out, byte.into(), Some(escaped), push_escape);
    }
    out.push(quote);
    String::from_utf8(out).unwrap_or_default()
}

impl BytesLike for Bytes {
    #[inline]
    fn view<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.as_bytes())
    }

    fn make(vm: &Vm, data: Vec<u8>) -> PyResult {
        Ok(vm.new_bytes_of(data)?.into_value())
    }

    #[inline]
    fn part(zelf: &Ref<Self>, vm: &Vm, range: Range<usize>) -> PyResult {
        let part = zelf.as_bytes().get(range).unwrap_or(&[]);
        Ok(vm.new_bytes(part)?.into_value())
    }

    #[inline]
    fn joined(vm: &Vm, a: &Part, b: &Part) -> PyResult {
        // A buffer may not be lent while an object is made.
        let (a, b) = match (a, b) {
            (Part::Bytes(a), Part::Bytes(b)) => (a.as_bytes(), b.as_bytes()),
            _ => {
                let mut out = room(vm, a.len().saturating_add(b.len()))?;
                a.with(|a| out.extend_from_slice(a));
                b.with(|b| out.extend_from_slice(b));
                return Bytes::make(vm, out);
            }
        };
        Ok(vm.new_bytes_joined(a, b)?.into_value())
    }

    fn unchanged(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if vm.type_of(zelf.as_value()).is(&vm.types.bytes) {
            return Ok(zelf.to_value());
        }
        Ok(vm.new_bytes(zelf.as_bytes())?.into_value())
    }

    fn size(&self) -> usize {
        33 + self.as_bytes().len()
    }
}

#[pymethods(with(methods::BYTES_SHARED))]
impl Bytes {
    #[pyslot(sig = "(source=b'', encoding='utf-8', errors='strict')")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        source: Option<&Value>,
        encoding: Option<&Ref<Str>>,
        errors: Option<&Ref<Str>>,
    ) -> PyResult {
        let data = match (encoded(vm, source, encoding, errors)?, source) {
            (Some(data), _) => data,
            (None, None) => Vec::new(),
            (None, Some(source)) => {
                if let Some(made) = vm.call_special(source, &vm.names.__bytes__, &[])? {
                    match made.downcast::<Bytes>() {
                        Some(_) if cls.is(&vm.types.bytes) => return Ok(made),
                        Some(bytes) => bytes.as_bytes().to_vec(),
                        None => {
                            return Err(vm.type_error(format!(
                                "__bytes__ returned non-bytes (type {})",
                                vm.type_of(&made).full_name()
                            )));
                        }
                    }
                } else if str_::of(source).is_some() {
                    return Err(vm.type_error("string argument without an encoding"));
                } else if cls.is(&vm.types.bytes)
                    && let Some(shared) = shared(vm, source)
                {
                    return Ok(shared.into_value());
                } else {
                    from_object(vm, source)?
                }
            }
        };
        if cls.is(&vm.types.bytes) {
            return Ok(vm.new_bytes_of(data)?.into_value());
        }
        let payload = Bytes {
            data: Data::of(data),
            hash: Cell::new(-1),
        };
        Ok(vm.new_object_of(cls, payload)?.into_value())
    }

    #[pyslot]
    pub(crate) fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_str(repr_text(zelf.as_bytes()))?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() == -1 {
            zelf.hash
                .set(vm.interp.hash_key.hash_bytes(zelf.as_bytes()));
        }
        Ok(zelf.hash.get())
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, flags: u32) -> PyResult<Buffer> {
        buffer::refuse_writing(vm, flags)?;
        let len = zelf.downcast::<Bytes>().map_or(0, |b| b.as_bytes().len());
        Ok(Buffer::export(zelf.clone(), &buffer::BYTES_OPS, len, true))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = BytesIterator {
            bytes: MutCell::new(Some(zelf.clone())),
            index: Cell::new(0),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    /// Convert this value to exact type bytes.
    #[pymethod]
    fn __bytes__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Bytes::unchanged(zelf, vm)
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let copy = vm.new_bytes(zelf.as_bytes())?.into_value();
        Ok(vm.new_tuple(vec![copy])?.into_value())
    }
}

#[pyclass(name = "bytes_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct BytesIterator {
    bytes: MutCell<Option<Ref<Bytes>>>,
    index: Cell<usize>,
}

impl Traverse for BytesIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.bytes.with(|b| b.iter().for_each(|b| v.reference(b)))
    }
    fn clear(&self) {
        drop(self.bytes.take())
    }
}

#[pymethods]
impl BytesIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        let index = zelf.index.get();
        let next = zelf
            .bytes
            .with(|b| b.as_ref().map(|b| b.as_bytes().get(index).copied()));
        match next {
            Some(Some(byte)) => {
                zelf.index.set(index + 1);
                Ok(Some(Value::small_int(byte as i64)))
            }
            Some(None) => {
                drop(zelf.bytes.take());
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.bytes.with(|b| {
            b.as_ref()
                .map_or(0, |b| b.as_bytes().len().saturating_sub(self.index.get()))
        })
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        match self.bytes.get() {
            Some(bytes) => reduce_iter(
                vm,
                iter,
                bytes.into_value(),
                Some(self.index.get() as isize),
            ),
            None => reduce_empty(vm, iter, vm.new_tuple(Vec::new())?.into_value()),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, object)?.max(0) as usize;
        if let Some(bytes) = self.bytes.get() {
            self.index.set(index.min(bytes.as_bytes().len()))
        }
        Ok(())
    }
}
