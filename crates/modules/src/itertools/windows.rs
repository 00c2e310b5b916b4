//! `islice`, `pairwise`, `batched`.

use super::itself;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{iterator, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use smallvec::SmallVec;
use std::cell::Cell;

/// islice(iterable, stop) --> islice object
/// islice(iterable, start, stop[, step]) --> islice object
///
/// Return an iterator whose next() method returns selected values from an
/// iterable.  If start is specified, will skip all preceding elements;
/// otherwise, start defaults to zero.  Step defaults to one.  If
/// specified as another value, step determines how many values are
/// skipped between successive calls.  Works like a slice() on a list
/// but returns an iterator.
#[pyclass(name = "islice", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct ISlice {
    source: MutCell<Option<Value>>,
    next: Cell<usize>,
    stop: Option<usize>,
    step: usize,
    count: Cell<usize>,
}

impl Traverse for ISlice {
    fn traverse(&self, v: &mut Visitor) {
        self.source.with(|s| v.opt(s))
    }
    fn clear(&self) {
        drop(self.source.take())
    }
}

/// An argument of `islice`: None, or an int that is not negative.
fn limit(vm: &Vm, value: &Value, message: &str) -> PyResult<Option<usize>> {
    if value.is_none() {
        return Ok(None);
    }
    let n = match number::index_i64(vm, value) {
        Ok(n) => n.and_then(|n| usize::try_from(n).ok()),
        Err(_) => {
            vm.clear_exception();
            None
        }
    };
    match n {
        Some(n) => Ok(Some(n)),
        None => Err(vm.value_error(message)),
    }
}

#[pymethods]
impl ISlice {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        const STOP: &str =
            "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
        const INDICES: &str =
            "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
        // A subclass with an `__init__` of its own may take some.
        let init = |ty: &Type| ty.slots.init.get().map(|f| f as usize);
        if args.keyword_count() > 0 && init(cls) == init(vm.class::<ISlice>()) {
            return Err(vm.type_error("islice() takes no keyword arguments"));
        }
        let args = args.positional();
        let given = args.len();
        let (iterable, start, stop, step) = match args {
            [iterable, stop] => (iterable, None, limit(vm, stop, STOP)?, None),
            [iterable, start, stop] => {
                let stop = limit(vm, stop, STOP)?;
                (iterable, limit(vm, start, INDICES)?, stop, None)
            }
            [iterable, start, stop, step] => {
                let stop = limit(vm, stop, STOP)?;
                let start = limit(vm, start, INDICES)?;
                (iterable, start, stop, Some(step))
            }
            [] | [_] => {
                let text = format!("islice expected at least 2 arguments, got {given}");
                return Err(vm.type_error(text));
            }
            _ => {
                let text = format!("islice expected at most 4 arguments, got {given}");
                return Err(vm.type_error(text));
            }
        };
        const STEP: &str = "Step for islice() must be a positive integer or None.";
        let step = match step {
            Some(step) => limit(vm, step, STEP)?.unwrap_or(1),
            None => 1,
        };
        if step == 0 {
            return Err(vm.value_error(STEP));
        }
        let slice = ISlice {
            source: MutCell::new(Some(iterator::iter(vm, iterable)?)),
            next: Cell::new(start.unwrap_or(0)),
            stop,
            step,
            count: Cell::new(0),
        };
        Ok(vm.new_object_of(cls, slice)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(source) = self.source.get() else {
            return Ok(None);
        };
        let item = self.step_on(vm, &source);
        if !matches!(item, Ok(Some(_))) {
            drop(self.source.take());
        }
        item
    }
}

impl ISlice {
    #[inline]
    fn step_on(&self, vm: &Vm, source: &Value) -> PyResult<Option<Value>> {
        while self.count.get() < self.next.get() {
            if iterator::next(vm, source)?.is_none() {
                return Ok(None);
            }
            self.count.set(self.count.get() + 1);
            vm.check_signals()?;
        }
        if self.stop.is_some_and(|stop| self.count.get() >= stop) {
            return Ok(None);
        }
        let item = iterator::next(vm, source)?;
        if item.is_some() {
            self.count.set(self.count.get() + 1);
            let next = self.next.get().checked_add(self.step);
            let stop = self.stop.unwrap_or(usize::MAX);
            self.next.set(next.map_or(stop, |next| next.min(stop)));
        }
        Ok(item)
    }
}

/// Return an iterator of overlapping pairs taken from the input iterator.
///
///     s -> (s0,s1), (s1,s2), (s2, s3), ...
#[pyclass(name = "pairwise", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Pairwise {
    source: MutCell<Option<Value>>,
    old: MutCell<Option<Value>>,
    /// The last pair, to be used again.
    last: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for Pairwise {
    fn traverse(&self, v: &mut Visitor) {
        self.source.with(|s| v.opt(s));
        self.old.with(|o| v.opt(o));
        self.last.with(|t| t.iter().for_each(|t| v.reference(t)));
    }
    fn clear(&self) {
        drop(self.source.take());
        drop(self.old.take());
        drop(self.last.take());
    }
}

#[pymethods]
impl Pairwise {
    #[pyslot(sig = "(iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value) -> PyResult {
        let pairwise = Pairwise {
            source: MutCell::new(Some(iterator::iter(vm, iterable)?)),
            old: MutCell::new(None),
            last: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, pairwise)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(mut source) = self.source.get() else {
            return Ok(None);
        };
        let old = match self.old.get() {
            Some(old) => old,
            None => {
                let first = iterator::next(vm, &source)?;
                self.old.set(first.clone());
                let Some(first) = first else {
                    drop(self.source.take());
                    return Ok(None);
                };
                // The iterator may have been exhausted by a call of this very method from inside.
                match self.source.get() {
                    Some(again) => source = again,
                    None => {
                        drop(self.old.take());
                        return Ok(None);
                    }
                }
                first
            }
        };
        let Some(new) = iterator::next(vm, &source)? else {
            drop(self.source.take());
            drop(self.old.take());
            return Ok(None);
        };
        self.old.set(Some(new.clone()));
        Tuple::recycled_pair(vm, &self.last, old, new).map(Some)
    }
}

/// Batch data into tuples of length n. The last batch may be shorter than n.
///
/// Loops over the input iterable and accumulates data into tuples
/// up to size n.  The input is consumed lazily, just enough to
/// fill a batch.  The result is yielded as soon as a batch is full
/// or when the input iterable is exhausted.
///
///     >>> for batch in batched('ABCDEFG', 3):
///     ...     print(batch)
///     ...
///     ('A', 'B', 'C')
///     ('D', 'E', 'F')
///     ('G',)
///
/// If "strict" is True, raises a ValueError if the final batch is shorter
/// than n.
#[pyclass(name = "batched", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Batched {
    source: MutCell<Option<Value>>,
    size: usize,
    strict: bool,
}

impl Traverse for Batched {
    fn traverse(&self, v: &mut Visitor) {
        self.source.with(|s| v.opt(s))
    }
    fn clear(&self) {
        drop(self.source.take())
    }
}

#[pymethods]
impl Batched {
    #[pyslot(sig = "(iterable, n, *, strict=False)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        iterable: &Value,
        n: isize,
        #[default(false)] strict: bool,
    ) -> PyResult {
        if n < 1 {
            return Err(vm.value_error("n must be at least one"));
        }
        let batched = Batched {
            source: MutCell::new(Some(iterator::iter(vm, iterable)?)),
            size: n as usize,
            strict,
        };
        Ok(vm.new_object_of(cls, batched)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(source) = self.source.get() else {
            return Ok(None);
        };
        let mut batch: SmallVec<[Value; 16]> = SmallVec::new();
        while batch.len() < self.size {
            match iterator::next(vm, &source) {
                Ok(Some(item)) => batch.push(item),
                Ok(None) => break,
                Err(raised) => {
                    drop(self.source.take());
                    return Err(raised);
                }
            }
        }
        if batch.is_empty() {
            drop(self.source.take());
            return Ok(None);
        }
        if batch.len() < self.size {
            drop(self.source.take());
            if self.strict {
                return Err(vm.value_error("batched(): incomplete batch"));
            }
        }
        let (len, mut batch) = (batch.len(), batch.into_iter());
        let batch = Tuple::from_iter(vm, len, |_| batch.next().unwrap_or(Value::NONE))?;
        Ok(Some(batch.into_value()))
    }
}
