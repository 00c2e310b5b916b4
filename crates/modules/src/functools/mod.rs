//! `_functools`: `partial` with `Placeholder`, `reduce`, `cmp_to_key`, and the cache of `lru_cache` (cache.rs).
//!
//! CPython: Modules/_functoolsmodule.c.

mod cache;
mod partial;

use naja_heap::{MutCell, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::compare::{self, CompareOp};
use naja_vm::protocols::iterator;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};

use cache::LruCache;
use partial::{Partial, Placeholder};

/// What `cmp_to_key` gives, and what calling that gives.
#[pyclass(name = "KeyWrapper", module = "functools", gc, flags(NO_NEW))]
pub struct KeyWrapper {
    cmp: Value,
    object: MutCell<Option<Value>>,
}

impl Traverse for KeyWrapper {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.cmp);
        self.object.with(|o| v.opt(o));
    }
    fn clear(&self) {
        drop(self.object.take())
    }
}

#[pymethods]
impl KeyWrapper {
    #[pygetter]
    fn __text_signature__(&self) -> &'static str {
        "(obj)"
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let object = match args.args {
            [object] => match args.keywords().next() {
                None => Some(object),
                Some((name, value)) if name.as_bytes() == b"obj" => Some(value),
                Some(_) => None,
            },
            [] => None,
            many => {
                return Err(vm.type_error(format!(
                    "K() takes at most 1 argument ({} given)",
                    many.len()
                )));
            }
        };
        let Some(object) = object else {
            return Err(vm.type_error("K() missing required argument 'obj' (pos 1)"));
        };
        let key = KeyWrapper {
            cmp: self.cmp.clone(),
            object: MutCell::new(Some(object.clone())),
        };
        Ok(vm.new_object(key)?.into_value())
    }

    #[pyslot]
    fn richcompare(&self, vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let Some(other) = other.downcast::<KeyWrapper>() else {
            return Err(vm.type_error("other argument must be K instance"));
        };
        let (Some(x), Some(y)) = (self.object.get(), other.object.get()) else {
            return Err(vm.attribute_error("object"));
        };
        let result = vm.call(&self.cmp, &[x, y])?;
        compare::rich_compare(vm, &result, &Value::small_int(0), op)
    }

    /// Value wrapped by a key function.
    #[pymember]
    fn obj(&self) -> Option<Value> {
        self.object.get()
    }

    #[pysetter]
    fn set_obj(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.object.set(value);
        Ok(())
    }
}

#[pymodule(
    name = "_functools",
    doc = "Tools that operate on functions.",
    classes(Partial, LruCache, Placeholder)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "Placeholder")]
    fn placeholder(vm: &Vm) -> PyResult {
        partial::placeholder(vm)
    }

    /// Apply a function of two arguments cumulatively to the items of an iterable, from left to right.
    ///
    /// This effectively reduces the iterable to a single value.  If initial is
    /// present, it is placed before the items of the iterable in the
    /// calculation, and serves as a default when the iterable is empty.
    ///
    /// For example, reduce(lambda x, y: x+y, [1, 2, 3, 4, 5])
    /// calculates ((((1 + 2) + 3) + 4) + 5).
    #[pyfunction(sig = "(function, iterable, /, initial=<unrepresentable>)")]
    fn reduce(vm: &Vm, function: &Value, iterable: &Value, initial: Option<Value>) -> PyResult {
        let items = match iterator::iter(vm, iterable) {
            Err(Raised) if vm.catch(&vm.types.type_error) => {
                return Err(vm.type_error("reduce() arg 2 must support iteration"));
            }
            result => result?,
        };
        let mut result = match initial {
            Some(initial) => initial,
            None => match iterator::next(vm, &items)? {
                Some(first) => first,
                None => {
                    return Err(vm.type_error("reduce() of empty iterable with no initial value"));
                }
            },
        };
        while let Some(item) = iterator::next(vm, &items)? {
            result = vm.call(function, &[result, item])?;
        }
        Ok(result)
    }

    /// Convert a cmp= function into a key= function.
    ///
    ///   mycmp
    ///     Function that compares two objects.
    #[pyfunction(sig = "(mycmp)")]
    fn cmp_to_key(vm: &Vm, mycmp: Value) -> PyResult {
        let key = KeyWrapper {
            cmp: mycmp,
            object: MutCell::new(None),
        };
        Ok(vm.new_object(key)?.into_value())
    }
}

/// A reference to the class of `value`, as a value.
fn class_of(vm: &Vm, value: &Value) -> Value {
    vm.type_of(value).to_ref().into_value()
}

/// Whether the value can be called.
fn is_callable(vm: &Vm, value: &Value) -> bool {
    vm.type_of(value).slots.call.get().is_some()
}
