//! `count`, `cycle`, `repeat`.

use super::itself;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{iterator, number, object};
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Return a count object whose .__next__() method returns consecutive values.
///
/// Equivalent to:
///     def count(firstval=0, step=1):
///         x = firstval
///         while 1:
///             yield x
///             x += step
#[pyclass(name = "count", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Count {
    /// The next number, while it fits and the step is `step`; else `slow` holds it.
    next: Cell<i64>,
    step: i64,
    /// The next value, and the step where it is not `step`.
    slow: MutCell<Option<Value>>,
    slow_step: Value,
}

impl Traverse for Count {
    fn traverse(&self, v: &mut Visitor) {
        self.slow.with(|s| v.opt(s));
        v.value(&self.slow_step);
    }
    fn clear(&self) {
        self.slow.set(Some(Value::NONE))
    }
}

fn is_number(vm: &Vm, value: &Value) -> bool {
    let slots = &vm.type_of(value).slots;
    slots.index.get().is_some()
        || slots.int.get().is_some()
        || slots.float.get().is_some()
        || value.downcast::<naja_vm::complex::Complex>().is_some()
}

/// The value of an int (also of a subclass, or a bool) that fits.
fn plain_int(vm: &Vm, value: &Value) -> Option<i64> {
    if !number::is_int(vm, value) {
        return None;
    }
    if value.is_bool() {
        return Some(value.is_true().into());
    }
    naja_vm::int::as_i64(value)
}

#[pymethods]
impl Count {
    #[pyslot(sig = "(start=0, step=1)")]
    fn new(cls: &Ref<Type>, vm: &Vm, start: Option<Value>, step: Option<Value>) -> PyResult {
        let start = start.unwrap_or(Value::small_int(0));
        let step = step.unwrap_or(Value::small_int(1));
        if !is_number(vm, &start) || !is_number(vm, &step) {
            return Err(vm.type_error("a number is required"));
        }
        let step_number = step.as_small_int();
        let fast = match (plain_int(vm, &start), step_number) {
            // Any int becomes a plain one where the step is 1; else it stays the object it is.
            (Some(n), Some(1)) => Some(n),
            (Some(n), Some(_)) if start.is_small_int() => Some(n),
            _ => None,
        };
        let count = Count {
            next: Cell::new(fast.unwrap_or(0)),
            step: step_number.unwrap_or(0),
            slow: MutCell::new(if fast.is_some() { None } else { Some(start) }),
            slow_step: step,
        };
        Ok(vm.new_object_of(cls, count)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if let Some(value) = self.slow.get() {
            let next = number::add(vm, &value, &self.slow_step)?;
            self.slow.set(Some(next));
            return Ok(Some(value));
        }
        let n = self.next.get();
        match n.checked_add(self.step) {
            Some(next) => self.next.set(next),
            None => {
                let next = number::add(vm, &vm.new_int(n)?, &self.slow_step)?;
                self.slow.set(Some(next));
            }
        }
        Ok(Some(vm.new_int(n)?))
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).name();
        let value = match zelf.slow.get() {
            Some(value) => value,
            None => vm.new_int(zelf.next.get())?,
        };
        let value = object::repr(vm, &value)?;
        let is_one = plain_int(vm, &zelf.slow_step) == Some(1);
        let text = if is_one {
            format!("{name}({})", value.to_string_lossy())
        } else {
            let step = object::repr(vm, &zelf.slow_step)?;
            format!(
                "{name}({}, {})",
                value.to_string_lossy(),
                step.to_string_lossy()
            )
        };
        Ok(vm.new_str(text)?.into_value())
    }
}

/// Return elements from the iterable until it is exhausted. Then repeat the sequence indefinitely.
#[pyclass(name = "cycle", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Cycle {
    source: MutCell<Option<Value>>,
    saved: MutCell<Vec<Value>>,
    index: Cell<usize>,
}

impl Traverse for Cycle {
    fn traverse(&self, v: &mut Visitor) {
        self.source.with(|s| v.opt(s));
        self.saved
            .with(|saved| saved.iter().for_each(|x| v.value(x)));
    }
    fn clear(&self) {
        drop(self.source.take());
        drop(self.saved.take());
    }
}

#[pymethods]
impl Cycle {
    #[pyslot(sig = "(iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value) -> PyResult {
        let cycle = Cycle {
            source: MutCell::new(Some(iterator::iter(vm, iterable)?)),
            saved: MutCell::new(Vec::new()),
            index: Cell::new(0),
        };
        Ok(vm.new_object_of(cls, cycle)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if let Some(source) = self.source.get() {
            if let Some(item) = iterator::next(vm, &source)? {
                self.saved.with_mut(|saved| saved.push(item.clone()));
                return Ok(Some(item));
            }
            drop(self.source.take());
        }
        let index = self.index.get();
        let (item, len) = self
            .saved
            .with(|saved| (saved.get(index).cloned(), saved.len()));
        self.index.set(if index + 1 < len { index + 1 } else { 0 });
        Ok(item)
    }
}

/// repeat(object [,times]) -> create an iterator which returns the object
/// for the specified number of times.  If not specified, returns the object
/// endlessly.
#[pyclass(name = "repeat", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Repeat {
    element: Value,
    /// How often still; None: without end.
    left: Cell<Option<usize>>,
}

impl Traverse for Repeat {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.element)
    }
    fn clear(&self) {}
}

#[pymethods]
impl Repeat {
    #[pyslot(sig = "(object, times=<unrepresentable>)")]
    fn new(cls: &Ref<Type>, vm: &Vm, object: Value, times: Option<isize>) -> PyResult {
        let repeat = Repeat {
            element: object,
            left: Cell::new(times.map(|n| usize::try_from(n).unwrap_or(0))),
        };
        Ok(vm.new_object_of(cls, repeat)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, _vm: &Vm) -> PyResult<Option<Value>> {
        match self.left.get() {
            None => {}
            Some(0) => return Ok(None),
            Some(n) => self.left.set(Some(n - 1)),
        }
        Ok(Some(self.element.clone()))
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).name();
        let element = object::repr(vm, &zelf.element)?;
        let element = element.to_string_lossy();
        let text = match zelf.left.get() {
            None => format!("{name}({element})"),
            Some(n) => format!("{name}({element}, {n})"),
        };
        Ok(vm.new_str(text)?.into_value())
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self, vm: &Vm) -> PyResult<usize> {
        self.left
            .get()
            .ok_or_else(|| vm.type_error("len() of unsized object"))
    }
}
