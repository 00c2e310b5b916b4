//! `array`: items of one machine type, packed.
//!
//! The items are bytes in the machine's order; values are converted before the bytes are touched. While buffers are lent
//! (`exports`) the size cannot change. CPython: Modules/arraymodule.c.

mod items;

use items::{CODES, convert, decode_items, is_text, machine_format, read, size_of, type_code};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::{Buffer, BufferOps};
use naja_vm::bytearray::ByteArray;
use naja_vm::bytes::Bytes;
use naja_vm::list::List;
use naja_vm::module::Module;
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::{attributes, compare, iterator, number, object};
use naja_vm::slice::Slice;
use naja_vm::str_::{Str, push_code_point};
use naja_vm::tuple::Tuple;
use naja_vm::type_::{Type, is_subtype};
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm, float};
use std::cell::Cell;

/// array(typecode [, initializer]) -> array
///
/// Return a new array whose items are restricted by typecode, and
/// initialized from the optional initializer value, which must be a list,
/// string or iterable over elements of the appropriate type.
///
/// Arrays represent basic values and behave very much like lists, except
/// the type of objects stored in them is constrained. The type is specified
/// at object creation time by using a type code, which is a single character.
#[pyclass(
    name = "array",
    module = "array",
    flags(BASETYPE, SEQUENCE, HAS_WEAKREF)
)]
pub struct Array {
    code: u8,
    /// log2 of an item's bytes.
    shift: u8,
    data: MutCell<Vec<u8>>,
    exports: Cell<usize>,
}

fn with_array(owner: &Value, f: &mut dyn FnMut(&[u8])) {
    if let Some(array) = owner.downcast::<Array>() {
        array.data.with(|data| f(data))
    }
}

static OPS: BufferOps = BufferOps {
    with: with_array,
    with_mut: |owner, f| {
        if let Some(array) = owner.downcast::<Array>() {
            array.data.with_mut(|data| f(data))
        }
    },
    release: |owner| {
        if let Some(array) = owner.downcast::<Array>() {
            array.exports.set(array.exports.get().saturating_sub(1))
        }
    },
};

/// An item of the common codes.
enum Plain {
    Int(i64),
    Float(f64),
}

impl Array {
    fn with_data(code: u8, data: Vec<u8>) -> Array {
        Array {
            code,
            shift: size_of(code).trailing_zeros() as u8,
            data: MutCell::new(data),
            exports: Cell::new(0),
        }
    }

    #[inline]
    fn size(&self) -> usize {
        size_of(self.code)
    }

    #[inline]
    fn len(&self) -> usize {
        self.data.with(Vec::len) >> self.shift
    }

    /// Raises BufferError where buffers are lent.
    fn check_resize(&self, vm: &Vm) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(vm.buffer_error("cannot resize an array that is exporting buffers"));
        }
        Ok(())
    }

    /// Item `index` of an array of one of the common codes.
    #[inline(always)]
    fn plain_item(&self, index: usize) -> Option<Plain> {
        macro_rules! item {
            ($data:ident $ty:ty: $kind:ident) => {{
                const SIZE: usize = std::mem::size_of::<$ty>();
                let bytes = $data.as_chunks::<SIZE>().0.get(index)?;
                Some(Plain::$kind(<$ty>::from_ne_bytes(*bytes).into()))
            }};
        }
        self.data.with(|data| match self.code {
            b'd' => item!(data f64: Float),
            b'f' => item!(data f32: Float),
            b'b' => item!(data i8: Int),
            b'B' => item!(data u8: Int),
            b'h' => item!(data i16: Int),
            b'H' => item!(data u16: Int),
            b'i' => item!(data i32: Int),
            b'I' => item!(data u32: Int),
            b'q' => item!(data i64: Int),
            #[cfg(all(unix, target_pointer_width = "64"))]
            b'l' => item!(data i64: Int),
            _ => None,
        })
    }

    #[inline]
    fn get(&self, vm: &Vm, index: usize) -> PyResult<Option<Value>> {
        match self.plain_item(index) {
            Some(Plain::Float(f)) => return vm.new_float(f).map(Some),
            Some(Plain::Int(n)) => return vm.new_int(n).map(Some),
            None => {}
        }
        let (size, mut item) = (self.size(), [0; 8]);
        let found = self.data.with(|data| {
            let part = data.get(index * size..(index + 1) * size)?;
            item[..size].copy_from_slice(part);
            Some(())
        });
        match found {
            Some(()) => read(vm, self.code, &item[..size]).map(Some),
            None => Ok(None),
        }
    }

    /// Sets an item of the commonest codes to a number of the right kind and range; says whether it could.
    #[inline]
    fn set_plain(&self, index: usize, value: &Value) -> bool {
        fn put<const N: usize>(data: &mut [u8], index: usize, bytes: [u8; N]) -> bool {
            match data.as_chunks_mut::<N>().0.get_mut(index) {
                Some(place) => {
                    *place = bytes;
                    true
                }
                None => false,
            }
        }
        macro_rules! int {
            ($ty:ty) => {
                match value.as_small_int().map(<$ty>::try_from) {
                    // SAFETY: bytes are all that changes.
                    Some(Ok(n)) => unsafe {
                        self.data
                            .with_mut_no_drop(|data| put(data, index, n.to_ne_bytes()))
                    },
                    _ => false,
                }
            };
        }
        match self.code {
            b'd' => match float::value_of(value) {
                // SAFETY: as above.
                Some(f) => unsafe {
                    self.data
                        .with_mut_no_drop(|data| put(data, index, f.to_ne_bytes()))
                },
                None => false,
            },
            b'b' => int!(i8),
            b'B' => int!(u8),
            b'h' => int!(i16),
            b'H' => int!(u16),
            b'i' => int!(i32),
            b'I' => int!(u32),
            b'q' => int!(i64),
            #[cfg(all(unix, target_pointer_width = "64"))]
            b'l' => int!(i64),
            _ => false,
        }
    }

    fn push(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        let item = convert(vm, self.code, value)?;
        self.check_resize(vm)?;
        let size = self.size();
        self.data
            .with_mut(|data| data.extend_from_slice(&item[..size]));
        Ok(())
    }

    fn push_bytes(&self, vm: &Vm, bytes: &[u8]) -> PyResult<()> {
        if !bytes.len().is_multiple_of(self.size()) {
            return Err(vm.value_error("bytes length not a multiple of item size"));
        }
        if !bytes.is_empty() {
            self.check_resize(vm)?;
            self.data.with_mut(|data| data.extend_from_slice(bytes));
        }
        Ok(())
    }

    fn push_text(&self, vm: &Vm, text: &Str) -> PyResult<()> {
        let bytes: Vec<u8> = text.code_points().flat_map(u32::to_le_bytes).collect();
        self.push_bytes(vm, &bytes)
    }

    fn extend_with(&self, vm: &Vm, items: &Value) -> PyResult<()> {
        if let Some(other) = items.downcast::<Array>() {
            if other.code != self.code {
                return Err(vm.type_error("can only extend with array of same kind"));
            }
            let more = other.data.get();
            return self.push_bytes(vm, &more);
        }
        let iterator = iterator::iter(vm, items)?;
        while let Some(item) = iterator::next(vm, &iterator)? {
            self.push(vm, &item)?;
        }
        Ok(())
    }

    fn values(&self, vm: &Vm) -> PyResult<Vec<Value>> {
        (0..self.len())
            .map(|i| self.get(vm, i).map(|v| v.unwrap_or(Value::NONE)))
            .collect()
    }

    fn text(&self, vm: &Vm) -> PyResult<Ref<Str>> {
        let mut out = Vec::new();
        let mut wrong = None;
        self.data.with(|data| {
            for item in data.chunks_exact(4) {
                let code = u32::from_le_bytes([item[0], item[1], item[2], item[3]]);
                if code >= 0x110000 {
                    wrong = Some(code);
                    return;
                }
                push_code_point(&mut out, code);
            }
        });
        match wrong {
            Some(code) => Err(vm.value_error(format!(
                "character U+{code:x} is not in range [U+0000; U+10ffff]"
            ))),
            None => vm.new_str_wtf8(&out),
        }
    }

    fn position(
        &self,
        vm: &Vm,
        wanted: &Value,
        start: usize,
        stop: usize,
    ) -> PyResult<Option<usize>> {
        let mut i = start;
        while i < stop.min(self.len()) {
            if let Some(item) = self.get(vm, i)?
                && compare::eq(vm, &item, wanted)?
            {
                return Ok(Some(i));
            }
            i += 1;
        }
        Ok(None)
    }

    fn remove_range(&self, vm: &Vm, start: usize, end: usize) -> PyResult<()> {
        if start < end {
            self.check_resize(vm)?;
            let size = self.size();
            self.data.with_mut(|data| {
                data.drain(start * size..(end * size).min(data.len()));
            });
        }
        Ok(())
    }

    /// The place that an index means, negative ones counted from the end; where there is none, one behind the end.
    #[inline(always)]
    fn place_of(&self, index: i64) -> usize {
        let place = if index < 0 {
            index + self.len() as i64
        } else {
            index
        };
        usize::try_from(place).unwrap_or(usize::MAX)
    }

    /// An index that counts from the end where it is negative; None where it is outside.
    fn place(&self, index: isize) -> Option<usize> {
        let len = self.len();
        let index = if index < 0 {
            index + len as isize
        } else {
            index
        };
        usize::try_from(index).ok().filter(|i| *i < len)
    }

    fn assign_slice(&self, vm: &Vm, slice: &Slice, value: Option<&Value>) -> PyResult<()> {
        let size = self.size();
        let new = match value {
            None => Vec::new(),
            Some(value) => match value.downcast::<Array>() {
                Some(other) if other.code == self.code => other.data.get(),
                Some(_) => {
                    return Err(vm.type_error("bad argument type for built-in operation"));
                }
                None => {
                    return Err(vm.type_error(format!(
                        "can only assign array (not \"{}\") to array slice",
                        vm.type_of(value).full_name()
                    )));
                }
            },
        };
        let a = slice.adjust(vm, self.len())?;
        let count = new.len() / size;
        if a.step == 1 {
            let stop = a.stop.max(a.start);
            let range = a.start as usize * size..stop as usize * size;
            if count != a.count {
                self.check_resize(vm)?;
            }
            self.data.with_mut(|data| {
                let end = range.end.min(data.len());
                data.splice(range.start.min(end)..end, new);
            });
            return Ok(());
        }
        if value.is_none() {
            if a.count > 0 {
                self.check_resize(vm)?;
            }
            let mut doomed: Vec<usize> = a.indices().collect();
            doomed.sort_unstable();
            self.data.with_mut(|data| {
                let mut kept = Vec::with_capacity(data.len());
                for (i, item) in data.chunks_exact(size).enumerate() {
                    if doomed.binary_search(&i).is_err() {
                        kept.extend_from_slice(item);
                    }
                }
                *data = kept;
            });
            return Ok(());
        }
        if count != a.count {
            return Err(vm.value_error(format!(
                "attempt to assign array of size {count} to extended slice of size {}",
                a.count
            )));
        }
        self.data.with_mut(|data| {
            for (i, item) in a.indices().zip(new.chunks_exact(size)) {
                if let Some(to) = data.get_mut(i * size..(i + 1) * size) {
                    to.copy_from_slice(item)
                }
            }
        });
        Ok(())
    }

    fn made(vm: &Vm, code: u8, data: Vec<u8>) -> PyResult {
        Ok(vm.new_object(Array::with_data(code, data))?.into_value())
    }
}

fn construct(vm: &Vm, cls: &Ref<Type>, code: u8, initial: Option<&Value>) -> PyResult {
    let array = Array::with_data(code, Vec::new());
    let shown = code as char;
    if let Some(initial) = initial {
        if let Some(text) = initial.downcast::<Str>() {
            if !is_text(code) {
                return Err(vm.type_error(format!(
                    "cannot use a str to initialize an array with typecode '{shown}'"
                )));
            }
            array.push_text(vm, text)?;
        } else if let Some(other) = initial.downcast::<Array>() {
            if is_text(other.code) && !is_text(code) {
                return Err(vm.type_error(format!(
                    "cannot use a unicode array to initialize an array with typecode '{shown}'"
                )));
            }
            if size_of(code) == other.size()
                && (code == other.code || is_text(code) && is_text(other.code))
            {
                array.data.set(other.data.get());
            } else {
                for value in other.values(vm)? {
                    array.push(vm, &value)?;
                }
            }
        } else if initial.downcast::<Bytes>().is_some() || initial.downcast::<ByteArray>().is_some()
        {
            array.push_bytes(vm, &Buffer::of(vm, initial)?.to_vec())?;
        } else {
            array.extend_with(vm, initial)?;
        }
    }
    Ok(vm.new_object_of(cls, array)?.into_value())
}

#[pymethods]
impl Array {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 && cls.is(vm.class::<Array>()) {
            return Err(vm.type_error("array.array() takes no keyword arguments"));
        }
        let (code, initial) = match args.positional() {
            [] => {
                return Err(vm.type_error("array() takes at least 1 argument (0 given)"));
            }
            [code] => (code, None),
            [code, initial] => (code, Some(initial)),
            many => {
                return Err(vm.type_error(format!(
                    "array() takes at most 2 arguments ({} given)",
                    many.len()
                )));
            }
        };
        let code = type_code(vm, code, "array")?;
        if code == b'u' {
            vm.warn(
                &vm.types.deprecation_warning,
                "The 'u' type code is deprecated and will be removed in Python 3.16",
                1,
            )?;
        }
        if code == 0 {
            return Err(
                vm.value_error("bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)")
            );
        }
        construct(vm, cls, code, initial)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).name();
        let code = zelf.code as char;
        if zelf.len() == 0 {
            return Ok(vm.new_str(format!("{name}('{code}')"))?.into_value());
        }
        let shown = if is_text(zelf.code) {
            object::repr(vm, zelf.text(vm)?.as_value())?
        } else {
            object::repr(vm, vm.new_list(zelf.values(vm)?)?.as_value())?
        };
        let text = format!("{name}('{code}', {})", shown.to_string_lossy());
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Array>(), b.downcast::<Array>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let (m, n) = (x.len(), y.len());
        if m != n && matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::from_bool(op == CompareOp::Ne));
        }
        if x.code == y.code
            && !matches!(x.code, b'f' | b'd')
            && matches!(op, CompareOp::Eq | CompareOp::Ne)
        {
            let same = x.data.get() == y.data.get();
            return Ok(Value::from_bool(same == (op == CompareOp::Eq)));
        }
        for i in 0..m.min(n) {
            let (Some(v), Some(w)) = (x.get(vm, i)?, y.get(vm, i)?) else {
                break;
            };
            let equal = compare::rich_compare(vm, &v, &w, CompareOp::Eq)?;
            if !object::is_true(vm, &equal)? {
                return match op {
                    CompareOp::Eq => Ok(Value::from_bool(false)),
                    CompareOp::Ne => Ok(Value::from_bool(true)),
                    op => compare::rich_compare(vm, &v, &w, op),
                };
            }
        }
        Ok(Value::from_bool(op.holds(m.cmp(&n))))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = ArrayIterator {
            array: MutCell::new(Some(zelf.clone())),
            index: Cell::new(0),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, _flags: u32) -> PyResult<Buffer> {
        let Some(array) = zelf.downcast::<Array>() else {
            return Err(vm.type_error("not an array"));
        };
        array.exports.set(array.exports.get() + 1);
        let code = if array.code == b'u' { b'w' } else { array.code };
        let (len, size) = (array.len(), array.size());
        let buffer = Buffer::export(zelf.clone(), &OPS, len * size, false);
        Ok(buffer.with_layout(
            (code as char).to_string(),
            size,
            vec![len as isize],
            vec![size as isize],
        ))
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.len())
    }

    #[pyslot]
    fn mp_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.len())
    }

    #[pyslot]
    fn leaf_item(zelf: &Value, vm: &Vm, index: i64) -> Option<Value> {
        let zelf = zelf.downcast::<Array>()?;
        match zelf.plain_item(zelf.place_of(index))? {
            Plain::Int(n) => Value::try_int(n),
            Plain::Float(f) => vm.ready_float(f),
        }
    }

    #[pyslot]
    fn leaf_set_item(zelf: &Value, _vm: &Vm, index: i64, value: &Value) -> bool {
        zelf.downcast::<Array>()
            .is_some_and(|zelf| zelf.set_plain(zelf.place_of(index), value))
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        let found = match usize::try_from(index) {
            Ok(index) => zelf.get(vm, index)?,
            Err(_) => None,
        };
        found.ok_or_else(|| vm.index_error("array index out of range"))
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if let Some(n) = key.as_small_int()
            && n >= 0
            && let Some(item) = zelf.plain_item(n as usize)
        {
            return match item {
                Plain::Int(n) => vm.new_int(n),
                Plain::Float(f) => vm.new_float(f),
            };
        }
        if let Some(slice) = key.downcast::<Slice>() {
            let size = zelf.size();
            let a = slice.adjust(vm, zelf.len())?;
            let data = zelf.data.with(|data| {
                if a.step == 1 {
                    let start = a.start as usize * size;
                    return data.get(start..start + a.count * size).map(<[u8]>::to_vec);
                }
                let mut out = Vec::with_capacity(a.count * size);
                for i in a.indices() {
                    out.extend_from_slice(data.get(i * size..(i + 1) * size)?);
                }
                Some(out)
            });
            return Array::made(vm, zelf.code, data.unwrap_or_default());
        }
        if !number::has_index(vm, key) {
            return Err(vm.type_error("array indices must be integers"));
        }
        let index = number::index_for(vm, key, &vm.types.index_error)?;
        let found = match zelf.place(index) {
            Some(i) => zelf.get(vm, i)?,
            None => None,
        };
        found.ok_or_else(|| vm.index_error("array index out of range"))
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        if let (Some(n), Some(value)) = (key.as_small_int(), value)
            && n >= 0
            && zelf.set_plain(n as usize, value)
        {
            return Ok(());
        }
        if let Some(slice) = key.downcast::<Slice>() {
            return zelf.assign_slice(vm, slice, value);
        }
        if !number::has_index(vm, key) {
            return Err(vm.type_error("array indices must be integers"));
        }
        let index = number::index_for(vm, key, &vm.types.index_error)?;
        let outside = || vm.index_error("array assignment index out of range");
        if let (b'd', Some(f)) = (zelf.code, value.and_then(Value::as_small_float)) {
            let at = zelf.place(index).ok_or_else(outside)?;
            zelf.data
                .with_mut(|data| data[at * 8..at * 8 + 8].copy_from_slice(&f.to_ne_bytes()));
            return Ok(());
        }
        let Some(value) = value else {
            let i = zelf.place(index).ok_or_else(outside)?;
            return zelf.remove_range(vm, i, i + 1);
        };
        zelf.place(index).ok_or_else(outside)?;
        let item = convert(vm, zelf.code, value)?;
        // The conversion may have run code that changed the array.
        let (i, size) = (zelf.place(index).ok_or_else(outside)?, zelf.size());
        zelf.data
            .with_mut(|data| data[i * size..(i + 1) * size].copy_from_slice(&item[..size]));
        Ok(())
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<bool> {
        Ok(zelf.position(vm, value, 0, usize::MAX)?.is_some())
    }

    #[pyslot]
    fn concat(zelf: &Ref<Self>, vm: &Vm, other: &Value) -> PyResult {
        match other.downcast::<Array>() {
            Some(other) if other.code == zelf.code => {
                let mut data = zelf.data.get();
                other.data.with(|more| data.extend_from_slice(more));
                Array::made(vm, zelf.code, data)
            }
            Some(_) => Err(vm.type_error("bad argument type for built-in operation")),
            None => Err(vm.type_error(format!(
                "can only append array (not \"{}\") to array",
                vm.type_of(other).full_name()
            ))),
        }
    }

    #[pyslot]
    fn inplace_concat(zelf: &Ref<Self>, vm: &Vm, other: &Value) -> PyResult {
        if other.downcast::<Array>().is_none() {
            return Err(vm.type_error(format!(
                "can only extend array with array (not \"{}\")",
                vm.type_of(other).full_name()
            )));
        }
        zelf.extend_with(vm, other)?;
        Ok(zelf.to_value())
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, count: isize) -> PyResult {
        let count = count.max(0) as usize;
        vm.check_size(zelf.data.with(Vec::len).checked_mul(count))?;
        Array::made(vm, zelf.code, zelf.data.with(|data| data.repeat(count)))
    }

    #[pyslot]
    fn inplace_repeat(zelf: &Ref<Self>, vm: &Vm, count: isize) -> PyResult {
        let count = count.max(0) as usize;
        if count != 1 && zelf.len() > 0 {
            zelf.check_resize(vm)?;
            vm.check_size(zelf.data.with(Vec::len).checked_mul(count))?;
            zelf.data.with_mut(|data| *data = data.repeat(count));
        }
        Ok(zelf.to_value())
    }

    /// Append new value v to the end of the array.
    #[pymethod(sig = "($self, v, /)")]
    fn append(&self, vm: &Vm, v: &Value) -> PyResult<()> {
        self.push(vm, v)
    }

    /// Return a tuple (address, length) giving the current memory address and the length in items of the buffer used to hold array's contents.
    ///
    /// The length should be multiplied by the itemsize attribute to calculate
    /// the buffer length in bytes.
    #[pymethod(sig = "($self, /)")]
    fn buffer_info(&self, vm: &Vm) -> PyResult {
        let address = self.data.with(|data| data.as_ptr() as usize);
        Tuple::pair(
            vm,
            vm.new_int(address as i64)?,
            vm.new_int(self.len() as i64)?,
        )
    }

    /// Byteswap all items of the array.
    ///
    /// If the items in the array are not 1, 2, 4, or 8 bytes in size, RuntimeError is
    /// raised.
    #[pymethod(sig = "($self, /)")]
    fn byteswap(&self) {
        let size = self.size();
        self.data
            .with_mut(|data| data.chunks_exact_mut(size).for_each(<[u8]>::reverse));
    }

    /// Remove all items from the array.
    #[pymethod(sig = "($self, /)")]
    fn clear(&self, vm: &Vm) -> PyResult<()> {
        self.check_resize(vm)?;
        self.data.take();
        Ok(())
    }

    /// Return a copy of the array.
    #[pymethod(sig = "($self, /)")]
    fn __copy__(&self, vm: &Vm) -> PyResult {
        Array::made(vm, self.code, self.data.get())
    }

    /// Return a copy of the array.
    #[pymethod(sig = "($self, unused, /)")]
    fn __deepcopy__(&self, vm: &Vm, _unused: &Value) -> PyResult {
        Array::made(vm, self.code, self.data.get())
    }

    /// Return number of occurrences of v in the array.
    #[pymethod(sig = "($self, v, /)")]
    fn count(&self, vm: &Vm, v: &Value) -> PyResult<usize> {
        let mut count = 0;
        let mut from = 0;
        while let Some(at) = self.position(vm, v, from, usize::MAX)? {
            count += 1;
            from = at + 1;
        }
        Ok(count)
    }

    /// Append items to the end of the array.
    #[pymethod(sig = "($self, bb, /)")]
    fn extend(&self, vm: &Vm, bb: &Value) -> PyResult<()> {
        self.extend_with(vm, bb)
    }

    /// Read n objects from the file object f and append them to the end of the array.
    #[pymethod(sig = "($self, f, n, /)")]
    fn fromfile(&self, vm: &Vm, f: &Value, n: isize) -> PyResult<()> {
        let Ok(n) = usize::try_from(n) else {
            return Err(vm.value_error("negative count"));
        };
        let wanted = vm.check_size(n.checked_mul(self.size()))?;
        let read = vm.call_method_str(f, "read", &[vm.new_int(wanted as i64)?])?;
        let Some(bytes) = read.downcast::<Bytes>() else {
            return Err(vm.type_error("read() didn't return bytes"));
        };
        self.push_bytes(vm, bytes.as_bytes())?;
        if bytes.as_bytes().len() != wanted {
            return Err(vm.eof_error("read() didn't return enough bytes"));
        }
        Ok(())
    }

    /// Append items to array from list.
    #[pymethod(sig = "($self, list, /)")]
    fn fromlist(&self, vm: &Vm, list: &Value) -> PyResult<()> {
        let Some(items) = list.downcast::<List>() else {
            return Err(vm.type_error("arg must be list"));
        };
        let (size, mut new) = (self.size(), Vec::new());
        let len = items.len();
        for i in 0..len {
            let Some(value) = items.get(i) else { break };
            new.extend_from_slice(&convert(vm, self.code, &value)?[..size]);
            if items.len() != len {
                return Err(vm.runtime_error("list changed size during iteration"));
            }
        }
        self.push_bytes(vm, &new)
    }

    /// Appends items from the string, interpreting it as an array of machine values, as if it had been read from a file using the fromfile() method.
    #[pymethod(sig = "($self, buffer, /)")]
    fn frombytes(&self, vm: &Vm, buffer: Buffer) -> PyResult<()> {
        if buffer.itemsize != 1 {
            return Err(vm.type_error("a bytes-like object is required"));
        }
        let bytes = buffer.to_vec();
        drop(buffer);
        self.push_bytes(vm, &bytes)
    }

    /// Extends this array with data from the unicode string ustr.
    ///
    /// The array must be a unicode type array; otherwise a ValueError is raised.
    /// Use array.frombytes(ustr.encode(...)) to append Unicode data to an array of
    /// some other type.
    #[pymethod(sig = "($self, ustr, /)")]
    fn fromunicode(&self, vm: &Vm, ustr: &Ref<Str>) -> PyResult<()> {
        if !is_text(self.code) {
            return Err(vm.value_error(
                "fromunicode() may only be called on unicode type arrays ('u' or 'w')",
            ));
        }
        self.push_text(vm, ustr)
    }

    /// Return index of first occurrence of v in the array.
    ///
    /// Raise ValueError if the value is not present.
    #[pymethod(sig = "($self, v, start=0, stop=sys.maxsize, /)")]
    fn index(
        &self,
        vm: &Vm,
        v: &Value,
        start: Option<&Value>,
        stop: Option<&Value>,
    ) -> PyResult<usize> {
        let len = self.len() as isize;
        let clip = |value: Option<&Value>, default: isize| -> PyResult<usize> {
            let n = value.map_or(Ok(default), |v| number::index_clipped(vm, v))?;
            Ok(if n < 0 {
                n.saturating_add(len).max(0)
            } else {
                n
            } as usize)
        };
        let (start, stop) = (clip(start, 0)?, clip(stop, isize::MAX)?);
        match self.position(vm, v, start, stop)? {
            Some(i) => Ok(i),
            None => Err(vm.value_error("array.index(x): x not in array")),
        }
    }

    /// Insert a new item v into the array before position i.
    #[pymethod(sig = "($self, i, v, /)")]
    fn insert(&self, vm: &Vm, i: isize, v: &Value) -> PyResult<()> {
        let item = convert(vm, self.code, v)?;
        self.check_resize(vm)?;
        let (len, size) = (self.len() as isize, self.size());
        let at = if i < 0 { (i + len).max(0) } else { i.min(len) } as usize * size;
        self.data.with_mut(|data| {
            data.splice(at..at, item[..size].iter().copied());
        });
        Ok(())
    }

    /// Return the i-th element and delete it from the array.
    ///
    /// i defaults to -1.
    #[pymethod(sig = "($self, i=-1, /)")]
    fn pop(&self, vm: &Vm, #[default(-1)] i: isize) -> PyResult {
        if self.len() == 0 {
            return Err(vm.index_error("pop from empty array"));
        }
        let Some(i) = self.place(i) else {
            return Err(vm.index_error("pop index out of range"));
        };
        let value = self.get(vm, i)?;
        self.remove_range(vm, i, i + 1)?;
        Ok(value.unwrap_or(Value::NONE))
    }

    /// Remove the first occurrence of v in the array.
    #[pymethod(sig = "($self, v, /)")]
    fn remove(&self, vm: &Vm, v: &Value) -> PyResult<()> {
        match self.position(vm, v, 0, usize::MAX)? {
            Some(i) => self.remove_range(vm, i, i + 1),
            None => Err(vm.value_error("array.remove(x): x not in array")),
        }
    }

    /// Reverse the order of the items in the array.
    #[pymethod(sig = "($self, /)")]
    fn reverse(&self) {
        let size = self.size();
        self.data.with_mut(|data| {
            data.reverse();
            data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        });
    }

    /// Write all items (as machine values) to the file object f.
    #[pymethod(sig = "($self, f, /)")]
    fn tofile(&self, vm: &Vm, f: &Value) -> PyResult<()> {
        const BLOCK: usize = 64 * 1024;
        let mut at = 0;
        while at < self.data.with(Vec::len) {
            let block = self.data.with(|d| d[at..d.len().min(at + BLOCK)].to_vec());
            at += block.len();
            vm.call_method_str(f, "write", &[vm.new_bytes_of(block)?.into_value()])?;
        }
        Ok(())
    }

    /// Convert array to an ordinary list with the same items.
    #[pymethod(sig = "($self, /)")]
    fn tolist(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_list(self.values(vm)?)?.into_value())
    }

    /// Convert the array to an array of machine values and return the bytes representation.
    #[pymethod(sig = "($self, /)")]
    fn tobytes(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes_of(self.data.get())?.into_value())
    }

    /// Extends this array with data from the unicode string ustr.
    ///
    /// Convert the array to a unicode string.  The array must be a unicode type array;
    /// otherwise a ValueError is raised.  Use array.tobytes().decode() to obtain a
    /// unicode string from an array of some other type.
    #[pymethod(sig = "($self, /)")]
    fn tounicode(&self, vm: &Vm) -> PyResult {
        if !is_text(self.code) {
            return Err(vm.value_error(
                "tounicode() may only be called on unicode type arrays ('u' or 'w')",
            ));
        }
        Ok(self.text(vm)?.into_value())
    }

    /// Return state information for pickling.
    #[pymethod(sig = "($self, value, /)")]
    fn __reduce_ex__(zelf: &Ref<Self>, vm: &Vm, value: isize) -> PyResult {
        let dict = attributes::get_optional(vm, zelf.as_value(), &vm.intern("__dict__"))?;
        let dict = dict.unwrap_or(Value::NONE);
        let code = vm.new_char(zelf.code.into())?.into_value();
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        if value < 3 {
            let items = vm.new_list(zelf.values(vm)?)?.into_value();
            let args = vm.new_tuple(vec![code, items])?.into_value();
            return Ok(vm.new_tuple(vec![class, args, dict])?.into_value());
        }
        let module = naja_vm::import::import_simple(vm, "array")?;
        let make = attributes::get_by(vm, &module, "_array_reconstructor")?;
        let format = vm.new_int(machine_format(zelf.code))?;
        let args = vec![class, code, format, zelf.tobytes(vm)?];
        let args = vm.new_tuple(args)?.into_value();
        Ok(vm.new_tuple(vec![make, args, dict])?.into_value())
    }

    /// Size of the array in memory, in bytes.
    #[pymethod(sig = "($self, /)")]
    fn __sizeof__(&self) -> usize {
        64 + self.data.with(Vec::capacity)
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// the typecode character used to create the array
    #[pygetter]
    fn typecode(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_char(self.code.into())?.into_value())
    }

    /// the size, in bytes, of one array item
    #[pygetter]
    fn itemsize(&self) -> usize {
        self.size()
    }
}

/// The iterator of an array.
#[pyclass(name = "arrayiterator", module = "array", doc = "", gc, flags(NO_NEW))]
pub struct ArrayIterator {
    array: MutCell<Option<Ref<Array>>>,
    index: Cell<usize>,
}

impl Traverse for ArrayIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.array.with(|array| {
            if let Some(array) = array {
                v.reference(array)
            }
        })
    }
    fn clear(&self) {}
}

#[pymethods]
impl ArrayIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(array) = zelf.array.get() else {
            return Ok(None);
        };
        let index = zelf.index.get();
        match array.get(vm, index)? {
            Some(value) => {
                zelf.index.set(index + 1);
                Ok(Some(value))
            }
            None => {
                zelf.array.set(None);
                Ok(None)
            }
        }
    }

    /// Return state information for pickling.
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let builtins = naja_vm::import::import_simple(vm, "builtins")?;
        let iter = attributes::get_by(vm, &builtins, "iter")?;
        let Some(array) = self.array.get() else {
            let empty = vm.new_tuple(vec![vm.new_tuple(vec![])?.into_value()])?;
            return Tuple::pair(vm, iter, empty.into_value());
        };
        let args = vm.new_tuple(vec![array.into_value()])?.into_value();
        let index = vm.new_int(self.index.get() as i64)?;
        Ok(vm.new_tuple(vec![iter, args, index])?.into_value())
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, state, /)")]
    fn __setstate__(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, state)?.max(0) as usize;
        let len = self.array.with(|a| a.as_ref().map_or(0, |a| a.len()));
        self.index.set(index.min(len));
        Ok(())
    }
}

#[pymodule(
    name = "array",
    doc = "This module defines an object type which can efficiently represent\nan array of basic values: characters, integers, floating-point\nnumbers.  Arrays are sequence types and behave very much like lists,\nexcept that the type of objects stored in them is constrained.\n",
    classes(Array)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "ArrayType")]
    fn array_type(vm: &Vm) -> Value {
        vm.class::<Array>().to_value()
    }

    /// Arrays count as mutable sequences.
    #[pyexec]
    fn exec(vm: &Vm, _module: &Ref<Module>) -> PyResult<()> {
        let abc = naja_vm::import::import_simple(vm, "collections.abc")?;
        let class = attributes::get_by(vm, &abc, "MutableSequence")?;
        let array = vm.class::<Array>().to_value();
        vm.call_method_str(&class, "register", &[array]).map(drop)
    }

    #[pyattr]
    fn typecodes(vm: &Vm) -> PyResult {
        Ok(vm.new_str(CODES)?.into_value())
    }

    /// Internal. Used for pickling support.
    #[pyfunction(sig = "($module, arraytype, typecode, mformat_code, items, /)")]
    fn _array_reconstructor(
        vm: &Vm,
        arraytype: &Value,
        typecode: &Value,
        mformat_code: i32,
        items: &Value,
    ) -> PyResult {
        let Some(class) = arraytype.downcast::<Type>() else {
            return Err(vm.type_error(format!(
                "first argument must be a type object, not {}",
                vm.type_of(arraytype).full_name()
            )));
        };
        if !is_subtype(class, vm.class::<Array>()) {
            return Err(vm.type_error(format!(
                "{} is not a subtype of array.array",
                class.full_name()
            )));
        }
        let code = type_code(vm, typecode, "_array_reconstructor")?;
        if code == 0 {
            return Err(vm.value_error("second argument must be a valid type code"));
        }
        if !(0..=21).contains(&mformat_code) {
            return Err(vm.value_error("third argument must be a valid machine format code."));
        }
        let Some(bytes) = items.downcast::<Bytes>() else {
            return Err(vm.type_error(format!(
                "fourth argument should be bytes, not {}",
                vm.type_of(items).full_name()
            )));
        };
        let format = i64::from(mformat_code);
        if format == machine_format(code) {
            return construct(vm, class, code, Some(items));
        }
        let Some(values) = decode_items(vm, format, bytes.as_bytes())? else {
            return Err(vm.value_error("string length not a multiple of item size"));
        };
        // Integers keep their size on this machine, whatever code the writer's machine gave them.
        let code = match (format, code) {
            (10..=11, b'I' | b'L') => b'L',
            (12..=13, b'i' | b'l') => b'l',
            (6..=7, b'L' | b'Q') => b'I',
            (8..=9, b'l' | b'q') => b'i',
            (_, code) => code,
        };
        let list = vm.new_list(values)?.into_value();
        construct(vm, class, code, Some(&list))
    }
}
