//! `slice`. CPython: Objects/sliceobject.c.

use crate::function::Args;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{hash, number, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use dashu_int::IBig;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// slice(stop)
/// slice(start, stop[, step])
///
/// Create a slice object.  This is used for extended slicing (e.g. a[0:10:2]).
#[pyclass(name = "slice", module = "builtins", gc)]
#[repr(C)]
pub struct Slice {
    pub start: Value,
    pub stop: Value,
    pub step: Value,
}

impl Traverse for Slice {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.start);
        v.value(&self.stop);
        v.value(&self.step);
    }
    fn clear(&self) {}
}

/// A slice applied to a sequence of known length.
#[derive(Clone, Copy, Debug)]
pub struct Adjusted {
    pub start: isize,
    pub stop: isize,
    pub step: isize,
    /// How many items the slice has.
    pub count: usize,
}

impl Adjusted {
    /// The indices, in order.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |i| (self.start + i as isize * self.step) as usize)
    }
}

impl Slice {
    pub fn make(vm: &Vm, start: Value, stop: Value, step: Value) -> PyResult<Ref<Slice>> {
        vm.new_object(Slice { start, stop, step })
    }

    /// Start, stop and step as numbers, not yet fitted to a length. Raises TypeError, ValueError for step 0.
    pub fn unpack(&self, vm: &Vm) -> PyResult<(isize, isize, isize)> {
        let part = |value: &Value| -> PyResult<isize> {
            if !number::has_index(vm, value) {
                return Err(vm.type_error(
                    "slice indices must be integers or None or have an __index__ method",
                ));
            }
            number::index_clipped(vm, value)
        };
        let step = if self.step.is_none() {
            1
        } else {
            part(&self.step)?
        };
        if step == 0 {
            return Err(vm.value_error("slice step cannot be zero"));
        }
        let step = step.max(-isize::MAX);
        let start = match self.start.is_none() {
            true if step < 0 => isize::MAX,
            true => 0,
            false => part(&self.start)?,
        };
        let stop = match self.stop.is_none() {
            true if step < 0 => isize::MIN,
            true => isize::MAX,
            false => part(&self.stop)?,
        };
        Ok((start, stop, step))
    }

    /// The slice fitted to a sequence of `len` items.
    pub fn adjust(&self, vm: &Vm, len: usize) -> PyResult<Adjusted> {
        let (start, stop, step) = self.unpack(vm)?;
        Ok(fit(start, stop, step, len as isize))
    }
}

/// PySlice_AdjustIndices.
pub fn fit(mut start: isize, mut stop: isize, step: isize, len: isize) -> Adjusted {
    let clamp = |i: isize| {
        if i < 0 {
            let i = i.saturating_add(len);
            if i < 0 {
                if step < 0 { -1 } else { 0 }
            } else {
                i
            }
        } else if i >= len {
            if step < 0 { len - 1 } else { len }
        } else {
            i
        }
    };
    start = clamp(start);
    stop = clamp(stop);
    let count = if step == 1 {
        (stop - start).max(0)
    } else if step == -1 {
        (start - stop).max(0)
    } else if step < 0 {
        if stop < start {
            (start - stop - 1) / -step + 1
        } else {
            0
        }
    } else if start < stop {
        (stop - start - 1) / step + 1
    } else {
        0
    };
    Adjusted {
        start,
        stop,
        step,
        count: count as usize,
    }
}

/// Start, stop and step fitted to a length of any size (_PySlice_GetLongIndices). Raises TypeError, ValueError.
pub fn fit_big(vm: &Vm, slice: &Slice, len: &IBig) -> PyResult<(IBig, IBig, IBig)> {
    let part = |value: &Value| -> PyResult<Option<IBig>> {
        if value.is_none() {
            return Ok(None);
        }
        if !number::has_index(vm, value) {
            return Err(
                vm.type_error("slice indices must be integers or None or have an __index__ method")
            );
        }
        number::index_big(vm, value).map(Some)
    };
    let step = part(&slice.step)?.unwrap_or(IBig::ONE);
    if step == IBig::ZERO {
        return Err(vm.value_error("slice step cannot be zero"));
    }
    let backwards = step < IBig::ZERO;
    let (lower, upper) = if backwards {
        (-IBig::ONE, len - IBig::ONE)
    } else {
        (IBig::ZERO, len.clone())
    };
    let bound = |value: Option<IBig>, default: &IBig| match value {
        None => default.clone(),
        Some(n) if n < IBig::ZERO => (n + len).max(lower.clone()),
        Some(n) => n.min(upper.clone()),
    };
    let (first, last) = if backwards {
        (&upper, &lower)
    } else {
        (&lower, &upper)
    };
    let start = bound(part(&slice.start)?, first);
    let stop = bound(part(&slice.stop)?, last);
    Ok((start, stop, step))
}

#[pymethods]
impl Slice {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("slice() takes no keyword arguments"));
        }
        let (start, stop, step) = match args.args {
            [] => return Err(vm.type_error("slice expected at least 1 argument, got 0")),
            [stop] => (Value::NONE, stop.clone(), Value::NONE),
            [start, stop] => (start.clone(), stop.clone(), Value::NONE),
            [start, stop, step] => (start.clone(), stop.clone(), step.clone()),
            many => {
                return Err(vm.type_error(format!(
                    "slice expected at most 3 arguments, got {}",
                    many.len()
                )));
            }
        };
        Ok(Slice::make(vm, start, stop, step)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let (a, b, c) = (
            object::repr(vm, &zelf.start)?,
            object::repr(vm, &zelf.stop)?,
            object::repr(vm, &zelf.step)?,
        );
        let text = format!(
            "slice({}, {}, {})",
            a.to_string_lossy(),
            b.to_string_lossy(),
            c.to_string_lossy()
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let parts = vm.new_tuple(vec![
            zelf.start.clone(),
            zelf.stop.clone(),
            zelf.step.clone(),
        ])?;
        hash::hash(vm, parts.as_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Slice>(), b.downcast::<Slice>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let parts = |s: &Slice| vm.new_tuple(vec![s.start.clone(), s.stop.clone(), s.step.clone()]);
        crate::protocols::compare::rich_compare(vm, parts(x)?.as_value(), parts(y)?.as_value(), op)
    }

    /// S.indices(len) -> (start, stop, stride)
    ///
    /// Assuming a sequence of length len, calculate the start and stop
    /// indices, and the stride length of the extended slice described by
    /// S. Out of bounds indices are clipped in a manner consistent with the
    /// handling of normal slices.
    #[pymethod(sig = "($self, object, /)")]
    fn indices(&self, vm: &Vm, object: &Value) -> PyResult {
        let len = number::index_big(vm, object)?;
        if len < IBig::ZERO {
            return Err(vm.value_error("length should not be negative"));
        }
        let (start, stop, step) = fit_big(vm, self, &len)?;
        let parts = vec![
            vm.new_bigint(start)?,
            vm.new_bigint(stop)?,
            vm.new_bigint(step)?,
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let parts = vm
            .new_tuple(vec![
                zelf.start.clone(),
                zelf.stop.clone(),
                zelf.step.clone(),
            ])?
            .into_value();
        Ok(vm
            .new_tuple(vec![vm.types.slice.to_value(), parts])?
            .into_value())
    }

    #[pymember]
    fn start(&self) -> Value {
        self.start.clone()
    }

    #[pymember]
    fn stop(&self) -> Value {
        self.stop.clone()
    }

    #[pymember]
    fn step(&self) -> Value {
        self.step.clone()
    }
}
