//! `tuple`: its core. The items stand right behind the payload.
//!
//! Invariant: all `len` words are set before anybody else sees the tuple, and never change afterwards.
//! CPython: Objects/tupleobject.c.

mod getter;
mod methods;

use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;
use smallvec::SmallVec;
use std::cell::Cell;

/// Built-in immutable sequence.
///
/// If no argument is given, the constructor returns an empty tuple.
/// If iterable is specified the tuple is initialized from iterable's items.
///
/// If the argument is a tuple, the return value is the same object.
#[pyclass(
    name = "tuple",
    module = "builtins",
    gc,
    flags(BASETYPE, SEQUENCE, MATCH_SELF)
)]
#[repr(C)]
pub struct Tuple {
    len: usize,
    /// The hash, once computed (-1: not yet).
    pub(crate) hash: Cell<i64>,
}

impl Traverse for Tuple {
    fn traverse(&self, v: &mut Visitor) {
        v.values(self.items())
    }
    fn clear(&self) {}
    const MAY_UNTRACK: bool = true;
    /// CPython: `_PyTuple_MaybeUntrack`.
    fn untrack(&self) -> bool {
        let simple = <Tuple as naja_heap::Payload>::INFO;
        let mut items = self.items().iter().filter_map(Value::header);
        !items.any(|item| item.may_be_in_cycle(simple))
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        if self.len == 0 {
            return; // also a payload that never got into an object, where there is no header to look at
        }
        let (items, len) = (self.items_ptr(), self.len);
        // SAFETY: the items are owned by the tuple and dropped once, here.
        unsafe { std::ptr::drop_in_place(std::ptr::slice_from_raw_parts_mut(items, len)) }
    }
}

impl Tuple {
    /// The payload of an empty tuple.
    pub fn empty() -> Tuple {
        Tuple {
            len: 0,
            hash: Cell::new(-1),
        }
    }

    #[inline(always)]
    fn items_ptr(&self) -> *mut Value {
        let ty = Type::of_payload_header(self);
        (self as *const Tuple as *mut u8).wrapping_add(ty.layout.size.get() as usize - 16)
            as *mut Value
    }

    /// The items.
    #[inline(always)]
    pub fn items(&self) -> &[Value] {
        // SAFETY: all items are set, and a tuple never changes.
        unsafe { std::slice::from_raw_parts(self.items_ptr(), self.len) }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.items().get(index)
    }

    /// A tuple of class `ty` that takes over `items`. Raises MemoryError.
    pub fn of_type(vm: &Vm, ty: &Type, items: Vec<Value>) -> PyResult<Ref<Tuple>> {
        Tuple::of_type_with(vm, ty, Tuple::empty(), items)
    }

    /// As [`Tuple::of_type`] with a payload that begins with an empty tuple.
    pub fn of_type_with<T: naja_heap::Payload>(
        vm: &Vm,
        ty: &Type,
        payload: T,
        items: Vec<Value>,
    ) -> PyResult<Ref<T>> {
        let len = items.len();
        let new = vm
            .heap()
            .alloc_object(&ty.layout, len * 8, payload)
            .map_err(|e| vm.no_memory(e))?;
        let tuple = (&raw const *new).cast::<Tuple>().cast_mut();
        // SAFETY: the payload is or begins with a tuple; the object has room for `len` words and nobody else has seen
        // it; the vector's items move over, and its buffer is freed without dropping them.
        unsafe {
            std::ptr::copy_nonoverlapping(items.as_ptr(), (*tuple).items_ptr(), len);
            let mut items = items;
            items.set_len(0);
            (*tuple).len = len;
        }
        if !std::ptr::eq(ty, &*vm.types.tuple) {
            crate::objects::instance::init_attrs(new.header())
        }
        Ok(new)
    }

    /// A tuple of copies of `items`. Raises MemoryError.
    #[inline]
    pub fn from_slice(vm: &Vm, items: &[Value]) -> PyResult<Ref<Tuple>> {
        Tuple::from_iter(vm, items.len(), |i| items[i].clone())
    }

    /// A tuple of `len` items made by `item(0)`, `item(1)`, ..., which must not run Python. Raises MemoryError, without
    /// having called `item`.
    #[inline(always)]
    pub fn from_iter(
        vm: &Vm,
        len: usize,
        mut item: impl FnMut(usize) -> Value,
    ) -> PyResult<Ref<Tuple>> {
        if len == 0 {
            return Ok(vm.interp.empty_tuple());
        }
        let new = Tuple::blank(vm, &vm.types.tuple, len)?;
        // SAFETY: the object has room for `len` words and nobody else has seen it; its length is set when all are.
        unsafe {
            let items = new.items_ptr();
            for i in 0..len {
                items.add(i).write(item(i));
            }
            (*(&raw const *new as *mut Tuple)).len = len;
        }
        Ok(new)
    }

    /// `(a, b)`. Raises MemoryError.
    #[inline]
    pub fn pair(vm: &Vm, a: Value, b: Value) -> PyResult {
        let new = Tuple::blank(vm, &vm.types.tuple, 2)?;
        // SAFETY: as in `from_iter`.
        unsafe {
            let items = new.items_ptr();
            items.write(a);
            items.add(1).write(b);
            (*(&raw const *new as *mut Tuple)).len = 2;
        }
        Ok(new.into_value())
    }

    /// `(a, b)` for an iterator that keeps its last result in `last`: where nobody else has it any more, it is filled anew.
    #[inline]
    pub fn recycled_pair(
        vm: &Vm,
        last: &MutCell<Option<Ref<Tuple>>>,
        a: Value,
        b: Value,
    ) -> PyResult {
        // SAFETY: a tuple with one reference is known to its iterator alone: nobody sees it change. The old items are
        // dropped when it is whole again and has a second reference.
        unsafe {
            if let Some(tuple) = &*last.as_ptr() {
                let header = tuple.header();
                if header.refcount() != 1 {
                    return Tuple::pair(vm, a, b);
                }
                let items = tuple.items_ptr();
                let old = (items.replace(a), items.add(1).replace(b));
                tuple.hash.set(-1);
                let result = tuple.to_value();
                vm.heap().track(header);
                drop(old);
                return Ok(result);
            }
        }
        let made = Tuple::pair(vm, a, b)?;
        last.set(made.clone().downcast_into().ok());
        Ok(made)
    }

    /// As [`Tuple::recycled_pair`] for `len` items, which `item(0)`, `item(1)`, ... makes without running Python.
    #[inline]
    pub fn recycled(
        vm: &Vm,
        last: &MutCell<Option<Ref<Tuple>>>,
        len: usize,
        mut item: impl FnMut(usize) -> Value,
    ) -> PyResult {
        // SAFETY: as in `recycled_pair`.
        unsafe {
            if let Some(tuple) = &*last.as_ptr() {
                let header = tuple.header();
                if header.refcount() != 1 || tuple.len != len {
                    return Ok(Tuple::from_iter(vm, len, item)?.into_value());
                }
                let items = tuple.items_ptr();
                let mut old: SmallVec<[Value; 8]> = SmallVec::new();
                for i in 0..len {
                    let new = item(i);
                    if !(*items.add(i)).is(&new) {
                        old.push(items.add(i).replace(new));
                    }
                }
                tuple.hash.set(-1);
                let result = tuple.to_value();
                vm.heap().track(header);
                drop(old);
                return Ok(result);
            }
        }
        let made = Tuple::from_iter(vm, len, item)?;
        last.set(Some(made.clone()));
        Ok(made.into_value())
    }

    /// An object with room for `len` items, and none in it.
    #[inline(always)]
    fn blank(vm: &Vm, ty: &Type, len: usize) -> PyResult<Ref<Tuple>> {
        let payload = Tuple {
            len: 0,
            hash: Cell::new(-1),
        };
        // SAFETY: the callers fill in the items, of which the tuple knows nothing before.
        unsafe { vm.heap().alloc_plain(&ty.layout, len * 8, payload) }.map_err(|e| vm.no_memory(e))
    }
}

pub use getter::TupleGetter;
pub use methods::TupleIterator;
pub(crate) use methods::{compare_items, repeat_items, repr_items};

impl Vm {
    /// A tuple of these items (the empty one is shared). Raises MemoryError.
    pub fn new_tuple(&self, items: Vec<Value>) -> PyResult<Ref<Tuple>> {
        if items.is_empty() {
            return Ok(self.interp.empty_tuple());
        }
        Tuple::of_type(self, &self.types.tuple, items)
    }
}
