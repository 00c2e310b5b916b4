//! `list`: its core.
//!
//! CPython: Objects/listobject.c.

mod methods;
mod sort;

use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
pub use methods::ListIterator;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;
pub use sort::sort;

/// Built-in mutable sequence.
///
/// If no argument is given, the constructor creates a new empty list.
/// The argument must be an iterable if specified.
#[pyclass(
    name = "list",
    module = "builtins",
    gc,
    flags(BASETYPE, SEQUENCE, MATCH_SELF)
)]
#[repr(C)]
pub struct List {
    pub(crate) items: MutCell<Vec<Value>>,
}

impl Traverse for List {
    fn traverse(&self, v: &mut Visitor) {
        self.items.with(|items| v.values(items))
    }
    fn clear(&self) {
        drop(self.items.take())
    }
}

impl Drop for List {
    fn drop(&mut self) {
        naja_heap::drop_values(self.items.take())
    }
}

impl List {
    pub fn from_vec(items: Vec<Value>) -> List {
        List {
            items: MutCell::new(items),
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.items.with(Vec::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A new reference to item `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Value> {
        self.items.with(|items| items.get(index).cloned())
    }

    /// Exchanges two items; nothing where there are none.
    #[inline]
    pub fn swap(&self, a: usize, b: usize) {
        self.items.with_mut(|items| {
            if a.max(b) < items.len() {
                items.swap(a, b)
            }
        })
    }

    /// Lends the items. The closure must run no Python.
    #[inline]
    pub fn look<R>(&self, f: impl FnOnce(&[Value]) -> R) -> R {
        self.items.with(|items| f(items))
    }

    /// Replaces item `index`; says whether there was one.
    #[inline]
    pub fn set(&self, index: usize, value: Value) -> bool {
        let mut value = value;
        // SAFETY: the old item leaves in `value`, and is dropped after the list is whole again.
        unsafe {
            self.items
                .with_mut_no_drop(|items| match items.get_mut(index) {
                    Some(item) => {
                        std::mem::swap(item, &mut value);
                        true
                    }
                    None => false,
                })
        }
    }

    /// Appends. Raises MemoryError.
    #[inline]
    pub fn push(&self, vm: &Vm, value: Value) -> PyResult<()> {
        // SAFETY: nothing leaves the list; a value that finds no room is dropped outside.
        let rest = unsafe {
            self.items.with_mut_no_drop(|items| {
                if items.len() == items.capacity()
                    && items.try_reserve(list_growth(items.len())).is_err()
                {
                    return Some(value);
                }
                items.push(value);
                None
            })
        };
        match rest {
            None => Ok(()),
            Some(_) => Err(vm.memory_error("")),
        }
    }

    /// Appends all that an iterator gives, which must run no Python. Raises MemoryError.
    pub fn append_all(
        &self,
        vm: &Vm,
        new: &mut dyn ExactSizeIterator<Item = Value>,
    ) -> PyResult<()> {
        self.items
            .with_mut(|items| {
                let wanted = new.len();
                if items.capacity() - items.len() < wanted && items.try_reserve(wanted).is_err() {
                    return false;
                }
                items.extend(new);
                true
            })
            .then_some(())
            .ok_or_else(|| vm.memory_error(""))
    }

    /// Takes the last item out.
    pub fn pop_last(&self) -> Option<Value> {
        // SAFETY: the item leaves.
        unsafe { self.items.with_mut_no_drop(Vec::pop) }
    }

    /// Puts an item before item `index`, or at the end. Raises MemoryError.
    pub fn insert_at(&self, vm: &Vm, index: usize, value: Value) -> PyResult<()> {
        // SAFETY: as in `push`.
        let rest = unsafe {
            self.items.with_mut_no_drop(|items| {
                if items.len() == items.capacity()
                    && items.try_reserve(list_growth(items.len())).is_err()
                {
                    return Some(value);
                }
                items.insert(index.min(items.len()), value);
                None
            })
        };
        match rest {
            None => Ok(()),
            Some(_) => Err(vm.memory_error("")),
        }
    }

    /// A copy of the items.
    pub fn to_vec(&self) -> Vec<Value> {
        self.items.with(|items| naja_heap::copies(items))
    }
}

/// How many items to make room for when a list of `len` is full: CPython's growth, about an eighth; for long lists a half,
/// because the allocator moves them.
#[inline]
fn list_growth(len: usize) -> usize {
    if len < 1 << 13 {
        ((len >> 3) + 6) & !3
    } else {
        len >> 1
    }
}

impl Vm {
    /// A new list. Raises MemoryError.
    pub fn new_list(&self, items: Vec<Value>) -> PyResult<Ref<List>> {
        // SAFETY: nothing is left to be filled.
        unsafe {
            self.heap()
                .alloc_plain(&self.types.list.layout, 0, List::from_vec(items))
        }
        .map_err(|e| self.no_memory(e))
    }
}
