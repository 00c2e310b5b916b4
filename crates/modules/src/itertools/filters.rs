//! `compress`, `dropwhile`, `takewhile`, `filterfalse`, `starmap`.

use super::itself;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{iterator, object, sequence};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Return data elements corresponding to true selector elements.
///
/// Forms a shorter iterator from selected data elements using the selectors
/// to choose the data elements.
#[pyclass(name = "compress", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Compress {
    data: Value,
    selectors: Value,
}

impl Traverse for Compress {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.data);
        v.value(&self.selectors);
    }
    fn clear(&self) {}
}

#[pymethods]
impl Compress {
    #[pyslot(sig = "(data, selectors)")]
    fn new(cls: &Ref<Type>, vm: &Vm, data: &Value, selectors: &Value) -> PyResult {
        let compress = Compress {
            data: iterator::iter(vm, data)?,
            selectors: iterator::iter(vm, selectors)?,
        };
        Ok(vm.new_object_of(cls, compress)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        loop {
            let Some(datum) = iterator::next(vm, &self.data)? else {
                return Ok(None);
            };
            let Some(selector) = iterator::next(vm, &self.selectors)? else {
                return Ok(None);
            };
            if object::is_true(vm, &selector)? {
                return Ok(Some(datum));
            }
            vm.check_signals()?;
        }
    }
}

macro_rules! with_function {
    ($ty:ident, $name:literal, $doc:literal) => {
        #[pyclass(name = $name, module = "itertools", doc = $doc, gc, flags(BASETYPE))]
        #[repr(C)]
        pub struct $ty {
            function: Value,
            source: Value,
            /// Whether the decisive item was seen.
            done: Cell<bool>,
        }

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                v.value(&self.function);
                v.value(&self.source);
            }
            fn clear(&self) {}
        }

        impl $ty {
            fn make(vm: &Vm, cls: &Ref<Type>, function: Value, source: &Value) -> PyResult {
                let new = $ty {
                    function,
                    source: iterator::iter(vm, source)?,
                    done: Cell::new(false),
                };
                Ok(vm.new_object_of(cls, new)?.into_value())
            }

            /// Whether the function says yes to an item.
            #[allow(dead_code)]
            #[inline]
            fn asks(&self, vm: &Vm, item: &Value) -> PyResult<bool> {
                let answer = vm.call(&self.function, std::slice::from_ref(item))?;
                object::is_true(vm, &answer)
            }
        }
    };
}

with_function!(
    DropWhile,
    "dropwhile",
    "Drop items from the iterable while predicate(item) is true.\n\nAfterwards, return every element until the iterable is exhausted."
);

#[pymethods]
impl DropWhile {
    #[pyslot(sig = "(predicate, iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, predicate: Value, iterable: &Value) -> PyResult {
        DropWhile::make(vm, cls, predicate, iterable)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        loop {
            let item = iterator::next(vm, &self.source)?;
            let Some(value) = &item else { return Ok(None) };
            if self.done.get() {
                return Ok(item);
            }
            if !self.asks(vm, value)? {
                self.done.set(true);
                return Ok(item);
            }
            vm.check_signals()?;
        }
    }
}

with_function!(
    TakeWhile,
    "takewhile",
    "Return successive entries from an iterable as long as the predicate evaluates to true for each entry."
);

#[pymethods]
impl TakeWhile {
    #[pyslot(sig = "(predicate, iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, predicate: Value, iterable: &Value) -> PyResult {
        TakeWhile::make(vm, cls, predicate, iterable)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if self.done.get() {
            return Ok(None);
        }
        let Some(item) = iterator::next(vm, &self.source)? else {
            return Ok(None);
        };
        if self.asks(vm, &item)? {
            return Ok(Some(item));
        }
        self.done.set(true);
        Ok(None)
    }
}

with_function!(
    FilterFalse,
    "filterfalse",
    "Return those items of iterable for which function(item) is false.\n\nIf function is None, return the items that are false."
);

#[pymethods]
impl FilterFalse {
    #[pyslot(sig = "(function, iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, function: Value, iterable: &Value) -> PyResult {
        FilterFalse::make(vm, cls, function, iterable)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let plain = self.function.is_none() || self.function.is(vm.types.bool.as_value());
        loop {
            let Some(item) = iterator::next(vm, &self.source)? else {
                return Ok(None);
            };
            let truth = if plain {
                object::is_true(vm, &item)?
            } else {
                self.asks(vm, &item)?
            };
            if !truth {
                return Ok(Some(item));
            }
            vm.check_signals()?;
        }
    }
}

with_function!(
    StarMap,
    "starmap",
    "Return an iterator whose values are returned from the function evaluated with an argument tuple taken from the given sequence."
);

#[pymethods]
impl StarMap {
    #[pyslot(sig = "(function, iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, function: Value, iterable: &Value) -> PyResult {
        StarMap::make(vm, cls, function, iterable)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(args) = iterator::next(vm, &self.source)? else {
            return Ok(None);
        };
        if let Some(tuple) = args.downcast::<Tuple>()
            && vm.type_of(&args).is(&vm.types.tuple)
        {
            return vm.call(&self.function, tuple.items()).map(Some);
        }
        let args = sequence::collect(vm, &args)?;
        vm.call(&self.function, &args).map(Some)
    }
}
