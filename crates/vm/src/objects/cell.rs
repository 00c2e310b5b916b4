//! `cell` objects: variables shared between a function and those nested in it. CPython: Objects/cellobject.c.

use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;

/// Create a new cell object.
#[pyclass(name = "cell", module = "types", gc)]
#[repr(C)]
#[derive(Default)]
pub struct CellVariable {
    pub value: MutCell<Option<Value>>,
}

impl Traverse for CellVariable {
    fn traverse(&self, v: &mut Visitor) {
        self.value.with(|x| v.opt(x))
    }

    fn clear(&self) {
        drop(self.value.take())
    }
}

impl CellVariable {
    pub fn make(vm: &Vm, value: Option<Value>) -> PyResult<Ref<CellVariable>> {
        vm.new_object(CellVariable { value: MutCell::new(value) })
    }
}
