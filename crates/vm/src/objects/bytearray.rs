//! `bytearray`: its core. CPython: Objects/bytearrayobject.c.

use crate::function::Args;
use crate::objects::buffer::{Buffer, BufferOps};
use crate::objects::bytes;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::vm::{PyResult, Vm};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

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
    data: MutCell<Vec<u8>>,
    /// Buffers lent at the moment; the size must not change while there are any.
    exports: Cell<usize>,
}

impl ByteArray {
    pub fn to_vec(&self) -> Vec<u8> {
        self.data.get()
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

#[pymethods]
impl ByteArray {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, ByteArray::default())?.into_value())
    }

    #[pyslot(sig = "(source=b'', encoding='utf-8', errors='strict')")]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let made = vm.call_args(vm.types.bytes.as_value(), args)?;
        if let Some(data) = bytes::of_object(vm, &made)? {
            zelf.data.set(data);
        }
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).name();
        Ok(vm
            .new_str(format!("{name}({})", bytes::repr_text(&zelf.to_vec())))?
            .into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        match (bytes::of_object(vm, a)?, bytes::of_object(vm, b)?) {
            (Some(x), Some(y)) => Ok(Value::from_bool(op.holds(x.cmp(&y)))),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.data.with(Vec::len))
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index)
            .ok()
            .and_then(|i| zelf.data.with(|d| d.get(i).copied()))
        {
            Some(byte) => Ok(Value::small_int(byte as i64)),
            None => Err(vm.index_error("bytearray index out of range")),
        }
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        crate::objects::iterators::sequence_iterator(vm, zelf)
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, _flags: u32) -> PyResult<Buffer> {
        let Some(array) = zelf.downcast::<ByteArray>() else {
            return Err(vm.type_error("not a bytearray"));
        };
        array.exports.set(array.exports.get() + 1);
        let len = array.data.with(Vec::len);
        Ok(Buffer::export(zelf.clone(), &OPS, len, false))
    }

    /// Append a single item to the end of the bytearray.
    ///
    ///   item
    ///     The item to be appended.
    #[pymethod(sig = "($self, item, /)")]
    fn append(&self, vm: &Vm, item: &Value) -> PyResult<()> {
        self.check_resizable(vm)?;
        match crate::protocols::number::index_i64(vm, item)? {
            Some(n) if (0..256).contains(&n) => {
                self.data.with_mut(|d| d.push(n as u8));
                Ok(())
            }
            _ => Err(vm.value_error("byte must be in range(0, 256)")),
        }
    }

    /// Append all the items from the iterator or sequence to the end of the bytearray.
    ///
    ///   iterable_of_ints
    ///     The iterable of items to append.
    #[pymethod(sig = "($self, iterable_of_ints, /)")]
    fn extend(&self, vm: &Vm, iterable_of_ints: &Value) -> PyResult<()> {
        let more = bytes::from_object(vm, iterable_of_ints)?;
        self.check_resizable(vm)?;
        self.data.with_mut(|d| d.extend(more));
        Ok(())
    }
}
