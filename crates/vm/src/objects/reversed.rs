//! `reversed`. CPython: Objects/enumobject.c.

use crate::function::Args;
use crate::objects::list::List;
use crate::objects::range::Range;
use crate::objects::type_::Type;
use crate::protocols::{object, sequence};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Return a reverse iterator over the values of the given sequence.
#[pyclass(name = "reversed", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Reversed {
    sequence: MutCell<Option<Value>>,
    index: Cell<isize>,
}

impl Traverse for Reversed {
    fn traverse(&self, v: &mut Visitor) {
        self.sequence.with(|s| v.opt(s))
    }
    fn clear(&self) {
        drop(self.sequence.take())
    }
}

impl Reversed {
    /// A reverse iterator by index. Raises what `len` raises.
    pub fn make(vm: &Vm, sequence: Value) -> PyResult {
        let index = Cell::new(object::len(vm, &sequence)? as isize - 1);
        Ok(vm
            .new_object(Reversed {
                sequence: MutCell::new(Some(sequence)),
                index,
            })?
            .into_value())
    }
}

#[pymethods]
impl Reversed {
    #[pyslot(sig = "(object, /)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [object] = args.args else {
            return Err(vm.type_error(format!(
                "reversed expected 1 argument, got {}",
                args.args.len()
            )));
        };
        let ty = vm.type_of(object);
        if ty.is(&vm.types.list)
            && let Some(list) = object.downcast::<List>()
        {
            return List::__reversed__(list, vm);
        }
        if ty.is(&vm.types.range)
            && let Some(range) = object.downcast::<Range>()
        {
            return Range::__reversed__(range, vm);
        }
        let method = ty.lookup(vm, &vm.names.__reversed__);
        if method.as_ref().is_some_and(Value::is_none) {
            return Err(vm.type_error(format!(
                "'{}' object is not reversible",
                vm.type_of(object).full_name()
            )));
        }
        if method.is_some()
            && let Some(result) = vm.call_special(object, &vm.names.__reversed__, &[])?
        {
            return Ok(result);
        }
        if !sequence::is_sequence(vm, object) {
            return Err(vm.type_error(format!(
                "'{}' object is not reversible",
                vm.type_of(object).full_name()
            )));
        }
        Reversed::make(vm, object.clone())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let (Some(items), index) = (zelf.sequence.get(), zelf.index.get()) else {
            return Ok(None);
        };
        if index >= 0 {
            if let Some(list) = items.downcast::<List>()
                && vm.type_of(&items).is(&vm.types.list)
                && let Some(item) = list.get(index as usize)
            {
                zelf.index.set(index - 1);
                return Ok(Some(item));
            }
            match sequence::get(vm, &items, index) {
                Ok(item) => {
                    zelf.index.set(index - 1);
                    return Ok(Some(item));
                }
                Err(Raised)
                    if vm.catch(&vm.types.index_error) || vm.catch(&vm.types.stop_iteration) => {}
                Err(raised) => return Err(raised),
            }
        }
        drop(zelf.sequence.take());
        Ok(None)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self, vm: &Vm) -> PyResult<isize> {
        let left = self.index.get() + 1;
        match self.sequence.get() {
            Some(items) if object::len(vm, &items)? as isize >= left => Ok(left),
            _ => Ok(0),
        }
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let (items, index) = match zelf.sequence.get() {
            Some(items) => (items, Some(zelf.index.get())),
            None => (vm.new_tuple(Vec::new())?.into_value(), None),
        };
        let mut parts = vec![class, vm.new_tuple(vec![items])?.into_value()];
        if let Some(index) = index {
            parts.push(vm.new_int(index as i64)?)
        }
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = crate::protocols::number::index_isize(vm, object)?;
        if let Some(items) = self.sequence.get() {
            let len = object::len(vm, &items)? as isize;
            self.index.set(index.clamp(-1, len - 1))
        }
        Ok(())
    }
}
