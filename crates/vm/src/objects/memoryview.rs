//! `memoryview`: reading access to a buffer. CPython: Objects/memoryobject.c.

use crate::function::Args;
use crate::objects::buffer::Buffer;
use crate::objects::bytes;
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Create a new memoryview object which references the given object.
#[pyclass(name = "memoryview", module = "builtins", gc, flags(SEQUENCE))]
#[repr(C)]
pub struct MemoryView {
    object: MutCell<Option<Value>>,
}

impl Traverse for MemoryView {
    fn traverse(&self, v: &mut Visitor) {
        self.object.with(|o| v.opt(o))
    }
    fn clear(&self) {
        drop(self.object.take())
    }
}

impl MemoryView {
    fn bytes(&self, vm: &Vm) -> PyResult<Vec<u8>> {
        let Some(object) = self.object.get() else {
            return Err(vm.value_error("operation forbidden on released memoryview object"));
        };
        bytes::of_object(vm, &object)?
            .ok_or_else(|| vm.buffer_error("the object lends no buffer any more"))
    }
}

#[pymethods]
impl MemoryView {
    #[pyslot(sig = "(object)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let Some(object) = args.args.first() else {
            return Err(vm.type_error("memoryview() missing required argument 'object' (pos 1)"));
        };
        if bytes::of_object(vm, object)?.is_none() {
            return Err(vm.type_error(format!(
                "memoryview: a bytes-like object is required, not '{}'",
                vm.type_of(object).full_name()
            )));
        }
        Ok(vm
            .new_object(MemoryView {
                object: MutCell::new(Some(object.clone())),
            })?
            .into_value())
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, vm: &Vm) -> PyResult<usize> {
        Ok(zelf.bytes(vm)?.len())
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index)
            .ok()
            .and_then(|i| zelf.bytes(vm).ok().and_then(|b| b.get(i).copied()))
        {
            Some(byte) => Ok(Value::small_int(byte as i64)),
            None => Err(vm.index_error("index out of bounds on dimension 1")),
        }
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, _flags: u32) -> PyResult<Buffer> {
        match zelf.downcast::<MemoryView>() {
            Some(view) => Ok(Buffer::new(zelf.clone(), view.bytes(vm)?, true)),
            None => Err(vm.type_error("not a memoryview")),
        }
    }

    /// Return the data in the buffer as a byte string.
    #[pymethod]
    fn tobytes(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&self.bytes(vm)?)?.into_value())
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod]
    fn release(&self) {
        drop(self.object.take())
    }

    /// The underlying object of the memoryview.
    #[pygetter]
    fn obj(&self) -> Option<Value> {
        self.object.get()
    }

    /// The amount of space in bytes that the array would use in
    /// a contiguous representation.
    #[pygetter]
    fn nbytes(&self, vm: &Vm) -> PyResult<usize> {
        Ok(self.bytes(vm)?.len())
    }
}
