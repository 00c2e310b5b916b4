//! `cell` objects: variables shared between a function and those nested in it. CPython: Objects/cellobject.c.

use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;

/// Create a new cell object.
#[pyclass(name = "cell", module = "builtins", gc)]
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
        vm.new_object(CellVariable {
            value: MutCell::new(value),
        })
    }
}

#[naja_macros::pymethods]
impl CellVariable {
    #[pyslot(sig = "([contents])")]
    fn new(_cls: &Ref<crate::type_::Type>, vm: &Vm, args: crate::Args) -> PyResult {
        match args.args {
            [] => Ok(CellVariable::make(vm, None)?.into_value()),
            [contents] if args.keyword_count() == 0 => {
                Ok(CellVariable::make(vm, Some(contents.clone()))?.into_value())
            }
            _ => Err(vm.type_error(format!(
                "cell expected at most 1 argument, got {}",
                args.args.len()
            ))),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let address = zelf.as_ptr() as usize;
        let text = match zelf.value.get() {
            Some(value) => {
                let name = vm.type_of(&value).full_name();
                format!(
                    "<cell at {address:#x}: {name} object at {:#x}>",
                    value.bits()
                )
            }
            None => format!("<cell at {address:#x}: empty>"),
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn richcompare(
        vm: &Vm,
        a: &Value,
        b: &Value,
        op: crate::protocols::compare::CompareOp,
    ) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<CellVariable>(), b.downcast::<CellVariable>())
        else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        match (x.value.get(), y.value.get()) {
            (Some(x), Some(y)) => crate::protocols::compare::rich_compare(vm, &x, &y, op),
            (x, y) => Ok(op.value(Some(x.is_some().cmp(&y.is_some())))),
        }
    }

    #[pygetter]
    fn cell_contents(&self, vm: &Vm) -> PyResult {
        self.value
            .get()
            .ok_or_else(|| vm.value_error("cell is empty"))
    }

    #[pysetter]
    fn set_cell_contents(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.value.set(value);
        Ok(())
    }
}
