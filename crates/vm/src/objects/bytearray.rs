//! `bytearray`: its core and the methods that change it; those shared with `bytes` are in `bytes/methods.rs`.
//!
//! While buffers are lent (`exports`), whatever would change the size raises BufferError; the bytes themselves may
//! change. Arguments are converted before the array is looked at, for that may run Python, which may change it.
//! CPython: Objects/bytearrayobject.c.

use crate::objects::buffer::{Buffer, BufferOps};
use crate::objects::bytes::parts::{BytesLike, byte, room};
use crate::objects::bytes::{self, Bytes, methods};
use crate::objects::iterators::{reduce_empty, reduce_iter};
use crate::objects::slice::{self, Slice};
use crate::objects::str_::{self, Str};
use crate::objects::type_::Type;
use crate::protocols::number;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::borrow::Cow;
use std::cell::Cell;
use std::ops::{Deref, DerefMut, Range};

/// bytearray(iterable_of_ints) -> bytearray
/// bytearray(string, encoding[, errors]) -> bytearray
/// bytearray(bytes_or_buffer) -> mutable copy of bytes_or_buffer
/// bytearray(int) -> bytes array of size given by the parameter initialized with null bytes
/// bytearray() -> empty bytes array
///
/// Construct a mutable bytearray object from:
///   - an iterable yielding integers in range(256)
///   - a text string encoded using the specified encoding
///   - a bytes or a buffer object
///   - any object implementing the buffer API.
///   - an integer
#[pyclass(name = "bytearray", module = "builtins", flags(BASETYPE, MATCH_SELF))]
#[repr(C)]
#[derive(Default)]
pub struct ByteArray {
    data: MutCell<Store>,
    /// Buffers lent at the moment; the size must not change while there are any.
    exports: Cell<usize>,
}

/// A vector whose first `start` bytes are gone already: taking bytes from the front costs no move of the others. More than
/// half of the vector is never gone, so that the moves that do happen are paid for by the bytes taken.
///
/// What was empty and gets the contents of a large `bytes` refers to that instead, until it is changed otherwise: who feeds
/// a buffer from a socket and takes all of it out as `bytes` copies nothing. Invariant: then the vector is empty.
#[derive(Default)]
struct Store {
    vec: Vec<u8>,
    start: usize,
    shared: Option<Ref<Bytes>>,
}

/// Contents of at least so many bytes are shared.
const SHARED_LEAST: usize = 4096;

impl From<Vec<u8>> for Store {
    fn from(vec: Vec<u8>) -> Store {
        Store {
            vec,
            start: 0,
            shared: None,
        }
    }
}

impl Deref for Store {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        let all = match &self.shared {
            None => &self.vec[..],
            Some(shared) => shared.as_bytes(),
        };
        all.get(self.start..).unwrap_or_default()
    }
}

impl DerefMut for Store {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.own();
        self.vec.get_mut(self.start..).unwrap_or_default()
    }
}

impl Store {
    fn sharing(bytes: &Ref<Bytes>) -> Store {
        Store {
            vec: Vec::new(),
            start: 0,
            shared: Some(bytes.clone()),
        }
    }

    /// The vector, with the bytes in it that were shared.
    #[inline]
    fn own(&mut self) -> &mut Vec<u8> {
        if self.shared.is_some() {
            self.vec = self.to_vec();
            self.start = 0;
            self.shared = None;
        }
        &mut self.vec
    }

    /// The vector without the bytes that are gone.
    fn compact(&mut self) -> &mut Vec<u8> {
        self.own();
        if self.start > 0 {
            self.vec.drain(..std::mem::take(&mut self.start));
        }
        &mut self.vec
    }

    fn drop_front(&mut self, count: usize) {
        if let Some(shared) = &self.shared {
            let all = shared.as_bytes().len();
            self.start = (self.start + count).min(all);
            if self.start == all {
                *self = Store::default();
            } else if self.start > all / 2 {
                self.own();
            }
            return;
        }
        self.start = (self.start + count).min(self.vec.len());
        if self.start == self.vec.len() {
            self.vec = Vec::new();
            self.start = 0;
        } else if self.start > self.vec.len() / 2 {
            self.compact();
            let len = self.vec.len();
            if self.vec.capacity() / 2 > len {
                self.vec.shrink_to(len + len / 8);
            }
        }
    }

    /// Puts `new` in the place of a range within the bytes. False where there is no memory.
    fn replace(&mut self, range: Range<usize>, new: &[u8]) -> bool {
        let (old_len, len) = (range.len(), self.len());
        if new.is_empty() && range.start == 0 {
            self.drop_front(old_len);
            return true;
        }
        if new.len() == old_len {
            self[range].copy_from_slice(new);
            return true;
        }
        self.own();
        let more = new.len().saturating_sub(old_len);
        if self.start > 0 && self.vec.capacity() - self.vec.len() < more {
            self.compact();
        }
        if self.vec.try_reserve(more).is_err() {
            return false;
        }
        let start = self.start;
        if range.end == len {
            self.vec.truncate(start + range.start);
            self.vec.extend_from_slice(new);
        } else {
            let range = start + range.start..start + range.end;
            drop(self.vec.splice(range, new.iter().copied()));
        }
        true
    }
}

impl ByteArray {
    /// The byte at an index, which may count from the end.
    #[inline]
    pub(crate) fn byte_at(&self, index: i64) -> Option<u8> {
        self.data.with(|data| {
            let index = if index < 0 {
                index + data.len() as i64
            } else {
                index
            };
            data.get(usize::try_from(index).ok()?).copied()
        })
    }

    /// Stores a byte; false where index or value is none of those, which the general path tells of.
    #[inline]
    pub(crate) fn set_byte(&self, index: i64, byte: i64) -> bool {
        let Ok(byte) = u8::try_from(byte) else {
            return false;
        };
        let store = |data: &mut Store| {
            let index = if index < 0 {
                index + data.len() as i64
            } else {
                index
            };
            match usize::try_from(index).ok().and_then(|i| data.get_mut(i)) {
                Some(place) => {
                    *place = byte;
                    true
                }
                None => false,
            }
        };
        // SAFETY: bytes drop nothing.
        unsafe { self.data.with_mut_no_drop(store) }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.data.with(|data| data.to_vec())
    }

    /// A new `bytearray`. Raises MemoryError.
    pub fn from_vec(vm: &Vm, data: Vec<u8>) -> PyResult<Ref<ByteArray>> {
        vm.new_object(ByteArray {
            data: MutCell::new(data.into()),
            exports: Cell::new(0),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.data.with(|data| data.len())
    }

    /// A `bytes` object with these contents, if there is one already.
    pub(crate) fn as_shared(&self) -> Option<Ref<Bytes>> {
        self.data.with(|data| match data.start {
            0 => data.shared.clone(),
            _ => None,
        })
    }

    /// Puts `new` in the place of some bytes. Raises BufferError where the size changes under a buffer, MemoryError.
    fn splice(&self, vm: &Vm, range: Range<usize>, new: &[u8]) -> PyResult<()> {
        if new.len() != range.len() {
            self.check_resizable(vm)?
        }
        let done = self.data.with_mut(|data| {
            let end = range.end.min(data.len());
            data.replace(range.start.min(end)..end, new)
        });
        if done {
            Ok(())
        } else {
            Err(vm.memory_error(""))
        }
    }

    /// Appends the bytes of a `bytes` object or of another array, without a copy between. False for other objects.
    fn extend_known(&self, vm: &Vm, value: &Value) -> PyResult<bool> {
        let end = self.len();
        if let Some(bytes) = value.downcast::<Bytes>() {
            if end == 0 && shareable(vm, bytes) {
                self.check_resizable(vm)?;
                drop(self.data.replace(Store::sharing(bytes)));
                return Ok(true);
            }
            self.splice(vm, end..end, bytes.as_bytes())?;
            return Ok(true);
        }
        match value.downcast::<ByteArray>() {
            Some(other) if !std::ptr::eq::<ByteArray>(&**other, self) => {
                other.data.with(|more| self.splice(vm, end..end, more))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// An index that may count from the end; None where it is out of range.
    fn place(&self, index: isize) -> Option<usize> {
        let len = self.len();
        let index = if index < 0 {
            index + len as isize
        } else {
            index
        };
        usize::try_from(index).ok().filter(|&i| i < len)
    }

    /// Takes `step`ed bytes out.
    fn delete_slice(&self, vm: &Vm, a: slice::Adjusted) -> PyResult<()> {
        if a.count == 0 {
            return Ok(());
        }
        self.check_resizable(vm)?;
        let mut gone: Vec<usize> = a.indices().collect();
        gone.sort_unstable();
        self.data.with_mut(|data| {
            let mut next = gone.into_iter().peekable();
            let mut i = 0;
            data.compact().retain(|_| {
                let out = next.next_if_eq(&i).is_some();
                i += 1;
                !out
            })
        });
        Ok(())
    }

    /// `self[slice] = value`, or its deletion.
    fn set_slice(&self, vm: &Vm, slice: &Slice, value: Option<&Value>) -> PyResult<()> {
        let (start, stop, step) = slice.unpack(vm)?;
        let bytes = value.and_then(|v| v.downcast::<Bytes>());
        let new = match (value, bytes) {
            (None, _) => Cow::Borrowed(&[][..]),
            (_, Some(bytes)) => Cow::Borrowed(bytes.as_bytes()),
            (Some(value), None) => Cow::Owned(slice_content(vm, value)?),
        };
        let a = slice::fit(start, stop, step, self.len() as isize);
        if a.step == 1 {
            let start = a.start as usize;
            return self.splice(vm, start..start + a.count, &new);
        }
        if new.is_empty() {
            return self.delete_slice(vm, a);
        }
        if new.len() != a.count {
            return Err(vm.value_error(format!(
                "attempt to assign bytes of size {} to extended slice of size {}",
                new.len(),
                a.count
            )));
        }
        self.data.with_mut(|data| {
            for (i, &byte) in a.indices().zip(new.iter()) {
                if let Some(place) = data.get_mut(i) {
                    *place = byte
                }
            }
        });
        Ok(())
    }

    fn check_resizable(&self, vm: &Vm) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(vm.buffer_error("Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }
}

static OPS: BufferOps = BufferOps {
    with: |owner, f| {
        if let Some(array) = owner.downcast::<ByteArray>() {
            array.data.with(|d| f(d))
        }
    },
    with_mut: |owner, f| {
        if let Some(array) = owner.downcast::<ByteArray>() {
            array.data.with_mut(|d| f(d))
        }
    },
    release: |owner| {
        if let Some(array) = owner.downcast::<ByteArray>() {
            array.exports.set(array.exports.get().saturating_sub(1))
        }
    },
};

/// Whether an array may refer to the object instead of copying its bytes.
fn shareable(vm: &Vm, bytes: &Ref<Bytes>) -> bool {
    bytes.as_bytes().len() >= SHARED_LEAST && vm.type_of(bytes.as_value()).is(&vm.types.bytes)
}

/// What may be assigned to a slice. Raises TypeError.
fn slice_content(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    if let Some(data) = bytes::copied(vm, value)? {
        return Ok(data);
    }
    let ty = vm.type_of(value);
    let is_number = ty.slots.index.get().is_some()
        || ty.slots.int.get().is_some()
        || ty.slots.float.get().is_some();
    if is_number || str_::of(value).is_some() {
        return Err(
            vm.type_error("can assign only bytes, buffers, or iterables of ints in range(0, 256)")
        );
    }
    bytes::from_iterable(vm, value, "bytearray", "byte must be in range(0, 256)")
}

impl BytesLike for ByteArray {
    #[inline]
    fn view<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.data.with(|d| f(d))
    }

    fn make(vm: &Vm, data: Vec<u8>) -> PyResult {
        Ok(ByteArray::from_vec(vm, data)?.into_value())
    }

    fn part(zelf: &Ref<Self>, vm: &Vm, range: std::ops::Range<usize>) -> PyResult {
        let part = zelf.view(|data| data.get(range).unwrap_or(&[]).to_vec());
        ByteArray::make(vm, part)
    }

    fn unchanged(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        ByteArray::make(vm, zelf.to_vec())
    }

    fn exports(&self) -> Option<&Cell<usize>> {
        Some(&self.exports)
    }

    fn size(&self) -> usize {
        56 + self.__alloc__()
    }
}

#[pymethods(with(methods::BYTEARRAY_SHARED))]
impl ByteArray {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: crate::function::Args) -> PyResult {
        Ok(vm.new_object_of(cls, ByteArray::default())?.into_value())
    }

    #[pyslot(sig = "(source=b'', encoding='utf-8', errors='strict')")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        source: Option<&Value>,
        encoding: Option<&Ref<Str>>,
        errors: Option<&Ref<Str>>,
    ) -> PyResult<()> {
        if zelf.len() > 0 {
            zelf.check_resizable(vm)?;
            drop(zelf.data.take());
        }
        let data = match (bytes::encoded(vm, source, encoding, errors)?, source) {
            (Some(data), _) => data,
            (None, None) => Vec::new(),
            (None, Some(source)) => {
                if str_::of(source).is_some() {
                    return Err(vm.type_error("string argument without an encoding"));
                }
                if let Some(bytes) = source.downcast::<Bytes>().filter(|b| shareable(vm, b)) {
                    zelf.check_resizable(vm)?;
                    zelf.data.set(Store::sharing(bytes));
                    return Ok(());
                }
                let known = match bytes::zeros(vm, source)? {
                    Some(zeros) => Some(zeros),
                    None => bytes::copied(vm, source)?,
                };
                match known {
                    Some(data) => data,
                    None if vm.type_of(source).is(&vm.types.list)
                        || vm.type_of(source).is(&vm.types.tuple) =>
                    {
                        let range = "byte must be in range(0, 256)";
                        bytes::from_iterable(vm, source, "bytearray", range)?
                    }
                    None => {
                        // Whoever makes the items can see those already here.
                        let range = "byte must be in range(0, 256)";
                        return bytes::for_each_byte(vm, source, "bytearray", range, |byte| {
                            zelf.check_resizable(vm)?;
                            zelf.data.with_mut(|d| d.own().push(byte));
                            Ok(())
                        });
                    }
                }
            }
        };
        zelf.check_resizable(vm)?;
        zelf.data.set(data.into());
        Ok(())
    }

    #[pyslot]
    pub(crate) fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).name();
        Ok(vm
            .new_str(format!(
                "{name}({})",
                bytes::repr_quoting(&zelf.to_vec(), true)
            ))?
            .into_value())
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = ByteArrayIterator {
            array: MutCell::new(Some(zelf.clone())),
            index: Cell::new(0),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, _flags: u32) -> PyResult<Buffer> {
        let Some(array) = zelf.downcast::<ByteArray>() else {
            return Err(vm.type_error("not a bytearray"));
        };
        array.exports.set(array.exports.get() + 1);
        Ok(Buffer::export(zelf.clone(), &OPS, array.len(), false))
    }

    #[pyslot]
    fn inplace_concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let Some(array) = a.downcast::<ByteArray>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if array.extend_known(vm, b)? {
            return Ok(a.clone());
        }
        match bytes::of_object(vm, b)? {
            Some(more) => {
                let end = array.len();
                array.splice(vm, end..end, &more)?;
                Ok(a.clone())
            }
            None => Err(vm.type_error(format!(
                "can't concat {} to {}",
                vm.type_of(b).full_name(),
                vm.type_of(a).full_name()
            ))),
        }
    }

    #[pyslot]
    fn inplace_repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let old = zelf.to_vec();
        let n = n.max(0) as usize;
        if n != 1 && !old.is_empty() {
            let mut data = room(vm, old.len().saturating_mul(n))?;
            (0..n).for_each(|_| data.extend_from_slice(&old));
            zelf.check_resizable(vm)?;
            zelf.data.set(data.into());
        }
        Ok(zelf.to_value())
    }

    #[pyslot]
    fn set_item(zelf: &Ref<Self>, vm: &Vm, index: isize, value: Option<&Value>) -> PyResult<()> {
        let out_of_range = || vm.index_error("bytearray index out of range");
        let byte = match value {
            Some(value) => Some(byte(vm, value)?),
            None => None,
        };
        let Some(at) = usize::try_from(index).ok().filter(|&i| i < zelf.len()) else {
            return Err(out_of_range());
        };
        match byte {
            Some(byte) => zelf.data.with_mut(|d| d[at] = byte),
            None => zelf.splice(vm, at..at + 1, &[])?,
        }
        Ok(())
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        if number::has_index(vm, key) {
            let index = number::index_for(vm, key, &vm.types.index_error)?;
            let byte = match value {
                Some(value) => {
                    if zelf.place(index).is_none() {
                        return Err(vm.index_error("bytearray index out of range"));
                    }
                    Some(byte(vm, value)?)
                }
                None => None,
            };
            let Some(at) = zelf.place(index) else {
                return Err(vm.index_error("bytearray index out of range"));
            };
            match byte {
                Some(byte) => zelf.data.with_mut(|d| d[at] = byte),
                None => zelf.splice(vm, at..at + 1, &[])?,
            }
            return Ok(());
        }
        match key.downcast::<Slice>() {
            Some(slice) => zelf.set_slice(vm, slice, value),
            None => Err(vm.type_error(format!(
                "bytearray indices must be integers or slices, not {}",
                vm.type_of(key).full_name()
            ))),
        }
    }

    /// Append a single item to the end of the bytearray.
    ///
    ///   item
    ///     The item to be appended.
    #[pymethod(sig = "($self, item, /)")]
    fn append(&self, vm: &Vm, item: &Value) -> PyResult<()> {
        let byte = byte(vm, item)?;
        self.check_resizable(vm)?;
        self.data.with_mut(|d| d.own().push(byte));
        Ok(())
    }

    /// Append all the items from the iterator or sequence to the end of the bytearray.
    ///
    ///   iterable_of_ints
    ///     The iterable of items to append.
    #[pymethod(sig = "($self, iterable_of_ints, /)")]
    fn extend(&self, vm: &Vm, iterable_of_ints: &Value) -> PyResult<()> {
        if self.extend_known(vm, iterable_of_ints)? {
            return Ok(());
        }
        let end = self.len();
        let more = match bytes::of_object(vm, iterable_of_ints)? {
            Some(more) => more,
            None => {
                let ty = vm.type_of(iterable_of_ints);
                if str_::of(iterable_of_ints).is_some() {
                    return Err(vm.type_error(format!(
                        "expected iterable of integers; got: '{}'",
                        ty.full_name()
                    )));
                }
                if ty.slots.iter.get().is_none() && ty.slots.item.get().is_none() {
                    return Err(
                        vm.type_error(format!("can't extend bytearray with {}", ty.full_name()))
                    );
                }
                // Its only use here is the error that the object's `__len__` may raise.
                crate::protocols::object::length_hint(vm, iterable_of_ints, 32)?;
                let range = "byte must be in range(0, 256)";
                bytes::from_iterable(vm, iterable_of_ints, "bytearray", range)?
            }
        };
        let end = end.min(self.len());
        self.splice(vm, end..end, &more)
    }

    /// Insert a single item into the bytearray before the given index.
    ///
    ///   index
    ///     The index where the value is to be inserted.
    ///   item
    ///     The item to be inserted.
    #[pymethod(sig = "($self, index, item, /)")]
    fn insert(&self, vm: &Vm, index: isize, item: &Value) -> PyResult<()> {
        let byte = byte(vm, item)?;
        let len = self.len() as isize;
        let at = if index < 0 {
            (index + len).max(0)
        } else {
            index.min(len)
        } as usize;
        self.splice(vm, at..at, &[byte])
    }

    /// Remove and return a single item from B.
    ///
    ///   index
    ///     The index from where to remove the item.
    ///     -1 (the default value) means remove the last item.
    ///
    /// If no index argument is given, will pop the last item.
    #[pymethod(sig = "($self, index=-1, /)")]
    fn pop(&self, vm: &Vm, #[default(-1)] index: isize) -> PyResult<u8> {
        if self.len() == 0 {
            return Err(vm.index_error("pop from empty bytearray"));
        }
        let Some(at) = self.place(index) else {
            return Err(vm.index_error("pop index out of range"));
        };
        self.check_resizable(vm)?;
        Ok(self.data.with_mut(|d| match at {
            0 => {
                let first = d[0];
                d.drop_front(1);
                first
            }
            _ => {
                d.own();
                let at = d.start + at;
                d.vec.remove(at)
            }
        }))
    }

    /// Remove the first occurrence of a value in the bytearray.
    ///
    ///   value
    ///     The value to remove.
    #[pymethod(sig = "($self, value, /)")]
    fn remove(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        let byte = byte(vm, value)?;
        match self.data.with(|d| memchr::memchr(byte, d)) {
            Some(at) => self.splice(vm, at..at + 1, &[]),
            None => Err(vm.value_error("value not found in bytearray")),
        }
    }

    /// Reverse the order of the values in B in place.
    #[pymethod]
    fn reverse(&self) {
        self.data.with_mut(|d| d.reverse())
    }

    /// Remove all items from the bytearray.
    #[pymethod]
    fn clear(&self, vm: &Vm) -> PyResult<()> {
        self.check_resizable(vm)?;
        drop(self.data.take());
        Ok(())
    }

    /// Return a copy of B.
    #[pymethod]
    fn copy(&self, vm: &Vm) -> PyResult {
        ByteArray::make(vm, self.to_vec())
    }

    /// Resize the internal buffer of bytearray to len.
    ///
    ///   size
    ///     New size to resize to.
    #[pymethod(sig = "($self, size, /)")]
    fn resize(&self, vm: &Vm, size: isize) -> PyResult<()> {
        let Ok(size) = usize::try_from(size) else {
            return Err(vm.value_error(format!("Can only resize to positive sizes, got {size}")));
        };
        let len = self.len();
        if size == len {
            return Ok(());
        }
        self.check_resizable(vm)?;
        vm.check_size(Some(size))?;
        let done = self.data.with_mut(|d| {
            let data = d.compact();
            let fits = data.try_reserve_exact(size.saturating_sub(len)).is_ok();
            if fits {
                data.resize(size, 0)
            }
            fits
        });
        if done {
            Ok(())
        } else {
            Err(vm.memory_error(""))
        }
    }

    /// B.__alloc__() -> int
    ///
    /// Return the number of bytes actually allocated.
    #[pymethod]
    fn __alloc__(&self) -> usize {
        // One more than Rust knows of: CPython keeps a zero behind the bytes.
        self.data.with(|d| match (&d.shared, d.vec.capacity()) {
            (Some(shared), _) => shared.as_bytes().len() + 1,
            (None, 0) => 0,
            (None, n) => n + 1,
        })
    }

    /// Release the buffer object that exposes the underlying memory of the object.
    #[pymethod(sig = "($self, buffer, /)")]
    fn __release_buffer__(zelf: &Ref<Self>, vm: &Vm, buffer: &Value) -> PyResult<()> {
        crate::objects::memoryview::release_buffer(vm, zelf.as_value(), buffer)
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        reduce(vm, zelf, 2)
    }

    /// Return state information for pickling.
    #[pymethod(sig = "($self, proto=0, /)")]
    fn __reduce_ex__(zelf: &Ref<Self>, vm: &Vm, #[default(0)] proto: i32) -> PyResult {
        reduce(vm, zelf, proto)
    }
}

/// `(class, arguments, state)`.
fn reduce(vm: &Vm, zelf: &Ref<ByteArray>, proto: i32) -> PyResult {
    let data = zelf.to_vec();
    let args = if data.is_empty() {
        vec![]
    } else if proto < 3 {
        let text: String = data.iter().map(|&b| b as char).collect();
        vec![
            vm.new_str(text)?.into_value(),
            vm.new_str("latin-1")?.into_value(),
        ]
    } else {
        vec![vm.new_bytes(&data)?.into_value()]
    };
    let state = crate::objects::object::state_of(vm, zelf.as_value())?;
    let class = vm.type_of(zelf.as_value()).to_ref().into_value();
    let args = vm.new_tuple(args)?.into_value();
    Ok(vm.new_tuple(vec![class, args, state])?.into_value())
}

#[pyclass(name = "bytearray_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct ByteArrayIterator {
    array: MutCell<Option<Ref<ByteArray>>>,
    index: Cell<usize>,
}

impl Traverse for ByteArrayIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.array.with(|a| a.iter().for_each(|a| v.reference(a)))
    }
    fn clear(&self) {
        drop(self.array.take())
    }
}

#[pymethods]
impl ByteArrayIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        let index = zelf.index.get();
        let next = zelf
            .array
            .with(|a| a.as_ref().map(|a| a.data.with(|d| d.get(index).copied())));
        match next {
            Some(Some(byte)) => {
                zelf.index.set(index + 1);
                Ok(Some(Value::small_int(byte as i64)))
            }
            Some(None) => {
                drop(zelf.array.take());
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.array.with(|a| {
            a.as_ref()
                .map_or(0, |a| a.len().saturating_sub(self.index.get()))
        })
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        match self.array.get() {
            Some(array) => reduce_iter(
                vm,
                iter,
                array.into_value(),
                Some(self.index.get() as isize),
            ),
            None => reduce_empty(vm, iter, vm.new_tuple(Vec::new())?.into_value()),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, object)?.max(0) as usize;
        if let Some(array) = self.array.get() {
            self.index.set(index.min(array.len()))
        }
        Ok(())
    }
}
