//! `bytearray`: its core. CPython: Objects/bytearrayobject.c.

use crate::function::Args;
use crate::objects::buffer::Buffer;
use crate::objects::bytes;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::vm::{PyResult, Vm};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

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
}

impl ByteArray {
    pub fn to_vec(&self) -> Vec<u8> {
        self.data.get()
    }
}

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
        match zelf.downcast::<ByteArray>() {
            Some(array) => Ok(Buffer::new(zelf.clone(), array.to_vec(), false)),
            None => Err(vm.type_error("not a bytearray")),
        }
    }

    /// Append a single item to the end of the bytearray.
    ///
    ///   item
    ///     The item to be appended.
    #[pymethod(sig = "($self, item, /)")]
    fn append(&self, vm: &Vm, item: &Value) -> PyResult<()> {
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
        self.data.with_mut(|d| d.extend(more));
        Ok(())
    }
}
