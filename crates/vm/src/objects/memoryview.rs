//! `memoryview`: reading access to a buffer. CPython: Objects/memoryobject.c.

use crate::function::Args;
use crate::objects::buffer::{Buffer, flags, refuse_writing};
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Create a new memoryview object which references the given object.
#[pyclass(name = "memoryview", module = "builtins", gc, flags(SEQUENCE))]
#[repr(C)]
pub struct MemoryView {
    view: MutCell<Option<Buffer>>,
}

impl Traverse for MemoryView {
    fn traverse(&self, v: &mut Visitor) {
        self.view.with(|view| {
            if let Some(view) = view {
                v.value(&view.object)
            }
        })
    }
    fn clear(&self) {
        drop(self.view.take())
    }
}

impl MemoryView {
    fn buffer(&self, vm: &Vm) -> PyResult<Buffer> {
        self.view
            .get()
            .ok_or_else(|| vm.value_error("operation forbidden on released memoryview object"))
    }
}

#[pymethods]
impl MemoryView {
    #[pyslot(sig = "(object)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let Some(object) = args.args.first() else {
            return Err(vm.type_error("memoryview() missing required argument 'object' (pos 1)"));
        };
        if !Buffer::supported(vm, object) {
            return Err(vm.type_error(format!(
                "memoryview: a bytes-like object is required, not '{}'",
                vm.type_of(object).full_name()
            )));
        }
        let view = Buffer::get(vm, object, flags::FULL_RO)?;
        Ok(vm
            .new_object(MemoryView {
                view: MutCell::new(Some(view)),
            })?
            .into_value())
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, vm: &Vm) -> PyResult<usize> {
        Ok(zelf.buffer(vm)?.len())
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index).ok().and_then(|i| {
            zelf.buffer(vm)
                .ok()
                .and_then(|b| b.with(|b| b.get(i).copied()))
        }) {
            Some(byte) => Ok(Value::small_int(byte as i64)),
            None => Err(vm.index_error("index out of bounds on dimension 1")),
        }
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, wanted: u32) -> PyResult<Buffer> {
        match zelf.downcast::<MemoryView>() {
            Some(view) => {
                let mut buffer = view.buffer(vm)?;
                if buffer.readonly {
                    refuse_writing(vm, wanted)?
                }
                buffer.object = zelf.clone();
                Ok(buffer)
            }
            None => Err(vm.type_error("not a memoryview")),
        }
    }

    /// Return the data in the buffer as a byte string.
    #[pymethod]
    fn tobytes(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&self.buffer(vm)?.to_vec())?.into_value())
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod]
    fn release(&self) {
        drop(self.view.take())
    }

    /// The underlying object of the memoryview.
    #[pygetter]
    fn obj(&self) -> Option<Value> {
        self.view.get().map(|view| view.object)
    }

    /// The amount of space in bytes that the array would use in
    /// a contiguous representation.
    #[pygetter]
    fn nbytes(&self, vm: &Vm) -> PyResult<usize> {
        Ok(self.buffer(vm)?.len())
    }
}
