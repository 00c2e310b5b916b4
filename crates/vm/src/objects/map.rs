//! `map`. CPython: Python/bltinmodule.c.

use super::zip::{Row, next_row, strict_keyword};
use crate::function::Args;
use crate::objects::type_::Type;
use crate::protocols::iterator;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Make an iterator that computes the function using arguments from
/// each of the iterables.  Stops when the shortest iterable is exhausted.
///
/// If strict is true and one of the arguments is exhausted before the others,
/// raise a ValueError.
#[pyclass(name = "map", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Map {
    function: Value,
    iterators: Vec<Value>,
    strict: std::cell::Cell<bool>,
}

impl Traverse for Map {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.function);
        self.iterators.iter().for_each(|i| v.value(i));
    }
    fn clear(&self) {}
}

#[pymethods]
impl Map {
    #[pyslot(sig = "(function, iterable, /, *iterables, strict=False)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let strict = strict_keyword(vm, &args, "map")?;
        let [function, iterables @ ..] = args.positional() else {
            return Err(vm.type_error("map() must have at least two arguments."));
        };
        if iterables.is_empty() {
            return Err(vm.type_error("map() must have at least two arguments."));
        }
        let iterators = iterables
            .iter()
            .map(|i| iterator::iter(vm, i))
            .collect::<PyResult<Vec<Value>>>()?;
        Ok(vm
            .new_object_of(
                cls,
                Map {
                    function: function.clone(),
                    iterators,
                    strict: strict.into(),
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        match &*zelf.iterators {
            [it] => {
                return match iterator::next(vm, it)? {
                    Some(value) => vm.call(&zelf.function, &[value]).map(Some),
                    None => Ok(None),
                };
            }
            [first, second] if !zelf.strict.get() => {
                let Some(a) = iterator::next(vm, first)? else {
                    return Ok(None);
                };
                let Some(b) = iterator::next(vm, second)? else {
                    return Ok(None);
                };
                return vm.call(&zelf.function, &[a, b]).map(Some);
            }
            _ => {}
        }
        let mut row = Row::new();
        if !next_row(vm, &zelf.iterators, zelf.strict.get(), "map", &mut row)? {
            return Ok(None);
        }
        vm.call(&zelf.function, &row).map(Some)
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let mut args = vec![zelf.function.clone()];
        args.extend(zelf.iterators.iter().cloned());
        let mut parts = vec![class, vm.new_tuple(args)?.into_value()];
        if zelf.strict.get() {
            parts.push(Value::TRUE)
        }
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        self.strict
            .set(crate::protocols::object::is_true(vm, object)?);
        Ok(())
    }
}
