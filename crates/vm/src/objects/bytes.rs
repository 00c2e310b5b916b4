//! `bytes`: its core. CPython: Objects/bytesobject.c.

use crate::function::Args;
use crate::objects::buffer::{self, Buffer};
use crate::objects::slice::Slice;
use crate::objects::str_::{self, Str};
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{number, sequence};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

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
    data: Box<[u8]>,
    hash: Cell<i64>,
}

impl Bytes {
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }
}

impl Vm {
    /// A new `bytes`. Raises MemoryError.
    pub fn new_bytes(&self, data: &[u8]) -> PyResult<Ref<Bytes>> {
        let mut copy = Vec::new();
        if copy.try_reserve_exact(data.len()).is_err() {
            return Err(self.memory_error(""));
        }
        copy.extend_from_slice(data);
        self.new_object(Bytes {
            data: copy.into_boxed_slice(),
            hash: Cell::new(-1),
        })
    }
}

/// The bytes of a bytes-like object, copied. None for other objects.
pub fn of_object(vm: &Vm, value: &Value) -> PyResult<Option<Vec<u8>>> {
    if let Some(bytes) = value.downcast::<Bytes>() {
        return Ok(Some(bytes.as_bytes().to_vec()));
    }
    match vm.type_of(value).slots.get_buffer.get() {
        Some(get) => get(vm, value, 0).map(|b| Some(b.to_vec())),
        None => Ok(None),
    }
}

/// The bytes that `bytes(x)` makes of a number, iterable or buffer.
pub fn from_object(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    if let Some(bytes) = of_object(vm, value)? {
        return Ok(bytes);
    }
    if number::has_index(vm, value) {
        let n = number::index_for(vm, value, &vm.types.overflow_error)?;
        if n < 0 {
            return Err(vm.value_error("negative count"));
        }
        let mut data = Vec::new();
        if data.try_reserve_exact(n as usize).is_err() {
            return Err(vm.memory_error(""));
        }
        data.resize(n as usize, 0);
        return Ok(data);
    }
    if str_::of(value).is_some() {
        return Err(vm.type_error("cannot convert 'str' object to bytes"));
    }
    let message = format!(
        "cannot convert '{}' object to bytes",
        vm.type_of(value).full_name()
    );
    let mut data = Vec::new();
    for item in sequence::collect_or(vm, value, &message)? {
        match number::index_i64(vm, &item)? {
            Some(n) if (0..256).contains(&n) => data.push(n as u8),
            _ => return Err(vm.value_error("bytes must be in range(0, 256)")),
        }
    }
    Ok(data)
}

/// `repr(bytes)`.
pub fn repr_text(data: &[u8]) -> String {
    let quote = if data.contains(&b'\'') && !data.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    let mut out = String::with_capacity(data.len() + 3);
    out.push('b');
    out.push(quote as char);
    for &byte in data {
        match byte {
            b'\\' => out += "\\\\",
            b'\t' => out += "\\t",
            b'\n' => out += "\\n",
            b'\r' => out += "\\r",
            _ if byte == quote => {
                out.push('\\');
                out.push(quote as char);
            }
            b' '..=b'~' => out.push(byte as char),
            _ => out += &format!("\\x{byte:02x}"),
        }
    }
    out.push(quote as char);
    out
}

#[pymethods]
impl Bytes {
    #[pyslot(sig = "(source=b'', encoding='utf-8', errors='strict')")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        let get = |i: usize, name: &str| positional.get(i).or_else(|| args.keyword(name));
        let (source, encoding, errors) = (get(0, "source"), get(1, "encoding"), get(2, "errors"));
        let data = match source {
            None if encoding.is_some() || errors.is_some() => {
                return Err(vm.type_error("encoding or errors without a string argument"));
            }
            None => Vec::new(),
            Some(source) => {
                if let Some(text) = str_::of(source) {
                    let Some(encoding) = encoding.and_then(str_::of) else {
                        return Err(vm.type_error("string argument without an encoding"));
                    };
                    str_::codecs::encode(vm, text, encoding, errors.and_then(str_::of))?
                } else if encoding.is_some() || errors.is_some() {
                    return Err(vm.type_error("encoding or errors without a string argument"));
                } else if let Some(made) = vm.call_special(source, &vm.names.__bytes__, &[])? {
                    match made.downcast::<Bytes>() {
                        Some(bytes) if cls.is(&vm.types.bytes) => return Ok(bytes.to_value()),
                        Some(bytes) => bytes.as_bytes().to_vec(),
                        None => {
                            return Err(vm.type_error(format!(
                                "__bytes__ returned non-bytes (type {})",
                                vm.type_of(&made).full_name()
                            )));
                        }
                    }
                } else {
                    from_object(vm, source)?
                }
            }
        };
        Ok(vm
            .new_object_of(
                cls,
                Bytes {
                    data: data.into_boxed_slice(),
                    hash: Cell::new(-1),
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
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
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let Some(x) = a.downcast::<Bytes>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        match of_object(vm, b)? {
            Some(y) => Ok(Value::from_bool(op.holds(x.as_bytes().cmp(&y)))),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.data.len())
    }

    #[pyslot]
    fn concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (of_object(vm, a)?, of_object(vm, b)?) {
            (Some(mut x), Some(y)) => {
                x.extend(y);
                Ok(vm.new_bytes(&x)?.into_value())
            }
            _ => Err(vm.type_error(format!(
                "can't concat {} to {}",
                vm.type_of(b).full_name(),
                vm.type_of(a).full_name()
            ))),
        }
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let data = repeat(vm, zelf.as_bytes(), n)?;
        Ok(vm.new_bytes(&data)?.into_value())
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index).ok().and_then(|i| zelf.data.get(i)) {
            Some(&byte) => Ok(Value::small_int(byte as i64)),
            None => Err(vm.index_error("index out of range")),
        }
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if number::has_index(vm, key) {
            let index = number::index_for(vm, key, &vm.types.index_error)?;
            let index = if index < 0 {
                index + zelf.data.len() as isize
            } else {
                index
            };
            return Bytes::item(zelf, vm, index);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error(format!(
                "byte indices must be integers or slices, not {}",
                vm.type_of(key).full_name()
            )));
        };
        let a = slice.adjust(vm, zelf.data.len())?;
        let data: Vec<u8> = a
            .indices()
            .filter_map(|i| zelf.data.get(i).copied())
            .collect();
        Ok(vm.new_bytes(&data)?.into_value())
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, needle: &Value) -> PyResult<bool> {
        if number::has_index(vm, needle) {
            return match number::index_i64(vm, needle)? {
                Some(n) if (0..256).contains(&n) => Ok(zelf.data.contains(&(n as u8))),
                _ => Err(vm.value_error("byte must be in range(0, 256)")),
            };
        }
        match of_object(vm, needle)? {
            Some(needle) => Ok(memchr::memmem::find(&zelf.data, &needle).is_some()),
            None => Err(vm.type_error(format!(
                "a bytes-like object is required, not '{}'",
                vm.type_of(needle).full_name()
            ))),
        }
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, flags: u32) -> PyResult<Buffer> {
        buffer::refuse_writing(vm, flags)?;
        let len = zelf.downcast::<Bytes>().map_or(0, |b| b.data.len());
        Ok(Buffer::export(zelf.clone(), &buffer::BYTES_OPS, len, true))
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        crate::objects::iterators::sequence_iterator(vm, zelf)
    }

    /// Decode the bytes using the codec registered for encoding.
    #[pymethod(sig = "($self, /, encoding='utf-8', errors='strict')")]
    fn decode(&self, vm: &Vm, encoding: Option<Ref<Str>>, errors: Option<Ref<Str>>) -> PyResult {
        str_::codecs::decode(vm, &self.data, encoding.as_ref(), errors.as_ref())
    }

    /// Return True if the bytes starts with the specified prefix, False otherwise.
    #[pymethod(sig = "($self, prefix, /)")]
    fn startswith(&self, vm: &Vm, prefix: &Value) -> PyResult<bool> {
        match of_object(vm, prefix)? {
            Some(prefix) => Ok(self.data.starts_with(&prefix)),
            None => Err(vm.type_error(format!(
                "startswith first arg must be bytes or a tuple of bytes, not {}",
                vm.type_of(prefix).full_name()
            ))),
        }
    }

    /// Return True if the bytes ends with the specified suffix, False otherwise.
    #[pymethod(sig = "($self, suffix, /)")]
    fn endswith(&self, vm: &Vm, suffix: &Value) -> PyResult<bool> {
        match of_object(vm, suffix)? {
            Some(suffix) => Ok(self.data.ends_with(&suffix)),
            None => Err(vm.type_error(format!(
                "endswith first arg must be bytes or a tuple of bytes, not {}",
                vm.type_of(suffix).full_name()
            ))),
        }
    }

    /// Concatenate any number of bytes objects.
    #[pymethod(sig = "($self, iterable_of_bytes, /)")]
    fn join(&self, vm: &Vm, iterable_of_bytes: &Value) -> PyResult {
        let mut out = Vec::new();
        for (i, item) in sequence::collect_or(vm, iterable_of_bytes, "can only join an iterable")?
            .iter()
            .enumerate()
        {
            if i > 0 {
                out.extend_from_slice(&self.data);
            }
            match of_object(vm, item)? {
                Some(bytes) => out.extend(bytes),
                None => {
                    return Err(vm.type_error(format!(
                        "sequence item {i}: expected a bytes-like object, {} found",
                        vm.type_of(item).full_name()
                    )));
                }
            }
        }
        Ok(vm.new_bytes(&out)?.into_value())
    }

    /// Return a string of hexadecimal numbers.
    #[pymethod]
    fn hex(&self) -> String {
        self.data.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_tuple(vec![vm.new_bytes(zelf.as_bytes())?.into_value()])?
            .into_value())
    }
}

/// `data * n`. Raises MemoryError, OverflowError.
pub fn repeat(vm: &Vm, data: &[u8], n: isize) -> PyResult<Vec<u8>> {
    let n = n.max(0) as usize;
    let Some(size) = data
        .len()
        .checked_mul(n)
        .filter(|&s| s <= isize::MAX as usize)
    else {
        return Err(vm.overflow_error("repeated bytes are too long"));
    };
    let size = vm.check_size(Some(size))?;
    let mut out = Vec::new();
    if out.try_reserve_exact(size).is_err() {
        return Err(vm.memory_error(""));
    }
    for _ in 0..n {
        out.extend_from_slice(data);
    }
    Ok(out)
}
