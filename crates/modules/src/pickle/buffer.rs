//! `PickleBuffer`: memory of another object on its way through pickle, outside of the stream if the consumer wants it so.
//!
//! It holds a view of all the object's memory until it is released, and lends that object's buffer on as it is asked for.
//! CPython: Objects/picklebufobject.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::{Buffer, flags};
use naja_vm::memoryview::MemoryView;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};

/// Wrapper for potentially out-of-band buffers
#[pyclass(
    name = "PickleBuffer",
    module = "pickle",
    gc,
    flags(BASETYPE, HAS_WEAKREF)
)]
#[repr(C)]
pub struct PickleBuffer {
    view: MutCell<Option<Buffer>>,
}

impl Traverse for PickleBuffer {
    fn traverse(&self, v: &mut Visitor) {
        self.view.with(|view| {
            if let Some(view) = view {
                view.traverse(v)
            }
        })
    }
    fn clear(&self) {
        drop(self.view.take())
    }
}

impl PickleBuffer {
    /// The memory. Raises ValueError once it is released.
    pub fn buffer(&self, vm: &Vm) -> PyResult<Buffer> {
        self.view
            .get()
            .ok_or_else(|| vm.value_error("operation forbidden on released PickleBuffer object"))
    }
}

/// Whether all the items lie together, in whichever order.
pub fn is_contiguous(view: &Buffer) -> bool {
    view.is_c_contiguous() || view.is_f_contiguous()
}

#[pymethods]
impl PickleBuffer {
    #[pyslot(sig = "(object, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        let view = Buffer::get(vm, object, flags::FULL_RO)?;
        let view = MutCell::new(Some(view));
        Ok(vm.new_object_of(cls, PickleBuffer { view })?.into_value())
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, wanted: u32) -> PyResult<Buffer> {
        match zelf.downcast::<PickleBuffer>() {
            Some(zelf) => Buffer::get(vm, &zelf.buffer(vm)?.object, wanted),
            None => Err(vm.type_error("not a PickleBuffer")),
        }
    }

    /// Return a memoryview of the raw memory underlying this buffer.
    ///
    /// Will raise BufferError is the buffer isn't contiguous.
    #[pymethod(sig = "($self, /)")]
    fn raw(&self, vm: &Vm) -> PyResult {
        let view = self.buffer(vm)?;
        if !is_contiguous(&view) {
            return Err(vm.buffer_error("cannot extract raw buffer from non-contiguous buffer"));
        }
        let len = view.len() as isize;
        let raw = view.with_layout("B", 1, vec![len], vec![1]);
        Ok(MemoryView::make(vm, raw)?.into_value())
    }

    /// Release the underlying buffer exposed by the PickleBuffer object.
    #[pymethod(sig = "($self, /)")]
    fn release(&self) {
        drop(self.view.take())
    }
}
