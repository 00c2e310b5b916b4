//! `_collections._tuplegetter`: the descriptor of a named tuple's field.
//!
//! The evaluation loop takes the item without asking the descriptor's slot. No class can be derived from it.
//! CPython: Modules/_collectionsmodule.c.

use super::Tuple;
use crate::function::Args;
use crate::objects::type_::Type;
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

#[pyclass(name = "_tuplegetter", module = "collections", doc = "", gc)]
pub struct TupleGetter {
    index: isize,
    doc: MutCell<Value>,
}

impl Traverse for TupleGetter {
    fn traverse(&self, v: &mut Visitor) {
        self.doc.with(|d| v.value(d))
    }
    fn clear(&self) {
        self.doc.set(Value::NONE)
    }
}

impl TupleGetter {
    /// The field of `object`, if it is a tuple that has one.
    #[inline]
    pub(crate) fn field<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let tuple = object.downcast::<Tuple>()?;
        tuple.items().get(usize::try_from(self.index).ok()?)
    }
}

#[pymethods]
impl TupleGetter {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [index, doc] = args.positional() else {
            let given = args.positional().len();
            let text = format!("_tuplegetter expected 2 arguments, got {given}");
            return Err(vm.type_error(text));
        };
        let index = crate::protocols::number::index_isize(vm, index)?;
        let doc = MutCell::new(doc.clone());
        Ok(vm
            .new_object_of(cls, TupleGetter { index, doc })?
            .into_value())
    }

    #[pyslot]
    fn descr_get(
        zelf: &Ref<Self>,
        vm: &Vm,
        instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(object) = instance else {
            return Ok(zelf.to_value());
        };
        if object.downcast::<Tuple>().is_none() {
            if object.is_none() {
                return Ok(zelf.to_value());
            }
            return Err(vm.type_error(format!(
                "descriptor for index '{}' for tuple subclasses doesn't apply to '{}' object",
                zelf.index,
                vm.type_of(object).full_name()
            )));
        }
        match zelf.field(object) {
            Some(item) => Ok(item.clone()),
            None => Err(vm.index_error("tuple index out of range")),
        }
    }

    #[pyslot]
    fn descr_set(_zelf: &Value, vm: &Vm, _object: &Value, value: Option<&Value>) -> PyResult<()> {
        let action = if value.is_some() { "set" } else { "delete" };
        Err(vm.attribute_error(format!("can't {action} attribute")))
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let doc = object::repr(vm, &zelf.doc.get())?;
        let name = vm.type_of(zelf.as_value()).name();
        let text = format!("{name}({}, {})", zelf.index, doc.to_string_lossy());
        Ok(vm.new_str(text)?.into_value())
    }

    #[pymember(name = "__doc__")]
    fn doc(&self) -> Value {
        self.doc.get()
    }

    #[pysetter(name = "__doc__")]
    fn set_doc(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.doc.set(value.unwrap_or(Value::NONE));
        Ok(())
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let args = vec![vm.new_int(zelf.index as i64)?, zelf.doc.get()];
        let args = vm.new_tuple(args)?.into_value();
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        Ok(vm.new_tuple(vec![class, args])?.into_value())
    }
}
