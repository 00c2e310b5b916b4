//! Buffers of Python classes: `__buffer__` and `__release_buffer__` (PEP 688).
//!
//! What `__buffer__` gives is a memoryview; its memory is lent on by a wrapper object, which calls `__release_buffer__` with
//! that very view when the last user is done. A class that only has `__release_buffer__` (its memory is a native base
//! class's) is watched in the same way. CPython: Objects/typeobject.c (slot_bf_getbuffer, releasebuffer_call_python).

use super::{Buffer, BufferOps};
use crate::function::descriptor::{MethodDescriptor, WrapperDescriptor};
use crate::objects::exception::write_unraisable;
use crate::objects::memoryview::MemoryView;
use crate::protocols::attributes;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Memory lent on in the name of `object`.
#[pyclass(name = "_buffer_wrapper", module = "builtins", gc, flags(NO_NEW))]
pub struct BufferWrapper {
    inner: MutCell<Option<Buffer>>,
    object: Value,
    /// What `__buffer__` gave; none where the memory is a native base class's.
    view: MutCell<Option<Value>>,
}

impl Traverse for BufferWrapper {
    fn traverse(&self, v: &mut Visitor) {
        self.inner.with(|b| b.iter().for_each(|b| b.traverse(v)));
        v.value(&self.object);
        self.view.with(|view| v.opt(view));
    }
    fn clear(&self) {}
}

#[pymethods]
impl BufferWrapper {}

static OPS: BufferOps = BufferOps {
    with: |owner, f| {
        if let Some(wrapper) = owner.downcast::<BufferWrapper>() {
            wrapper.inner.with(|b| {
                if let Some(b) = b {
                    b.with_owner(f)
                }
            })
        }
    },
    with_mut: |owner, f| {
        if let Some(wrapper) = owner.downcast::<BufferWrapper>() {
            wrapper.inner.with(|b| {
                if let Some(b) = b {
                    b.with_owner_mut(f)
                }
            })
        }
    },
    release: |owner| {
        if let Some(wrapper) = owner.downcast::<BufferWrapper>() {
            crate::runtime::with_current(|vm| finish(vm, wrapper))
        }
    },
};

fn wrap(vm: &Vm, object: &Value, inner: Buffer, view: Option<Value>) -> PyResult<Buffer> {
    let (offset, readonly) = (inner.offset, inner.readonly);
    let (format, itemsize) = (inner.format.clone(), inner.itemsize);
    let (shape, strides) = (inner.shape.clone(), inner.strides.clone());
    let len = inner.len;
    let wrapper = vm.new_object(BufferWrapper {
        inner: MutCell::new(Some(inner)),
        object: object.clone(),
        view: MutCell::new(view),
    })?;
    let mut buffer = Buffer::export(wrapper.into_value(), &OPS, len, readonly)
        .with_layout(format, itemsize, shape, strides);
    buffer.object = object.clone();
    buffer.offset = offset;
    Ok(buffer)
}

/// The method of a class if Python code defines it.
fn python_method(vm: &Vm, object: &Value, name: &Ref<crate::objects::str_::Str>) -> bool {
    vm.type_of(object).lookup(vm, name).is_some_and(|m| {
        m.downcast::<WrapperDescriptor>().is_none() && m.downcast::<MethodDescriptor>().is_none()
    })
}

/// The slot `get_buffer` of classes with a `__buffer__` in Python.
pub fn get_buffer(vm: &Vm, object: &Value, flags: u32) -> PyResult<Buffer> {
    let flags_value = vm.new_int(flags as i64)?;
    let Some(made) = vm.call_special(object, &vm.names.__buffer__, &[flags_value])? else {
        return Err(attributes::no_attribute(vm, object, &vm.names.__buffer__));
    };
    if made.downcast::<MemoryView>().is_none() {
        return Err(vm.type_error("__buffer__ returned non-memoryview object"));
    }
    let inner = Buffer::get(vm, &made, flags)?;
    wrap(vm, object, inner, Some(made))
}

/// Sees to it that the class's `__release_buffer__`, if Python code defines one, is called at the end.
pub fn watch_release(vm: &Vm, object: &Value, buffer: Buffer) -> PyResult<Buffer> {
    if buffer.export.owner.downcast::<BufferWrapper>().is_some()
        || !python_method(vm, object, &vm.names.__release_buffer__)
    {
        return Ok(buffer);
    }
    wrap(vm, object, buffer, None)
}

/// The last user is done: tells the class.
fn finish(vm: &Vm, wrapper: &Ref<BufferWrapper>) {
    let inner = wrapper.inner.take();
    if !python_method(vm, &wrapper.object, &vm.names.__release_buffer__) {
        drop(wrapper.view.take());
        return drop(inner);
    }
    // The end may come while an exception is being raised, which outlives it.
    let pending = vm.has_exception().then(|| vm.take_exception());
    let view = wrapper.view.take();
    let result = match (view, inner) {
        (Some(view), inner) => {
            drop(inner);
            call(vm, &wrapper.object, view)
        }
        (None, Some(inner)) => MemoryView::make(vm, inner).and_then(|view| {
            view.restrict();
            let result = call(vm, &wrapper.object, view.to_value());
            let ended = view.end(vm);
            result.and(ended)
        }),
        (None, None) => Ok(()),
    };
    if result.is_err() {
        write_unraisable(vm, Some(&wrapper.object))
    }
    if let Some(pending) = pending {
        vm.raise_value(pending);
    }
}

fn call(vm: &Vm, object: &Value, view: Value) -> PyResult<()> {
    vm.call_special(object, &vm.names.__release_buffer__, &[view])
        .map(drop)
}
