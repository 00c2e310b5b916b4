//! `chain`, `zip_longest`, `accumulate`.

use super::itself;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{iterator, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use smallvec::SmallVec;
use std::cell::Cell;

/// Return a chain object whose .__next__() method returns elements from the
/// first iterable until it is exhausted, then elements from the next
/// iterable, until all of the iterables are exhausted.
#[pyclass(name = "chain", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Chain {
    /// An iterator over the iterables; None at the end.
    source: MutCell<Option<Value>>,
    active: MutCell<Option<Value>>,
}

impl Traverse for Chain {
    fn traverse(&self, v: &mut Visitor) {
        self.source.with(|s| v.opt(s));
        self.active.with(|a| v.opt(a));
    }
    fn clear(&self) {
        drop(self.source.take());
        drop(self.active.take());
    }
}

impl Chain {
    fn make(vm: &Vm, cls: &Ref<Type>, source: Value) -> PyResult {
        let chain = Chain {
            source: MutCell::new(Some(source)),
            active: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, chain)?.into_value())
    }
}

#[pymethods]
impl Chain {
    #[pyslot(sig = "(*iterables)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        // A subclass with an `__init__` of its own may take some.
        let init = |ty: &Type| ty.slots.init.get().map(|f| f as usize);
        if args.keyword_count() > 0 && init(cls) == init(vm.class::<Chain>()) {
            return Err(vm.type_error("chain() takes no keyword arguments"));
        }
        let iterables = vm.new_tuple(args.positional().to_vec())?;
        let source = iterator::iter(vm, iterables.as_value())?;
        Chain::make(vm, cls, source)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        loop {
            // Iterators that run no Python need no reference of their own.
            let quick = self
                .active
                .with(|active| active.as_ref().and_then(iterator::quick_next));
            if quick.is_some() {
                return Ok(quick);
            }
            if let Some(active) = self.active.get() {
                if let Some(item) = iterator::next(vm, &active)? {
                    return Ok(Some(item));
                }
                drop(self.active.take());
            }
            let Some(source) = self.source.get() else {
                return Ok(None);
            };
            let next = match iterator::next(vm, &source)? {
                Some(iterable) => iterator::iter(vm, &iterable),
                None => {
                    drop(self.source.take());
                    return Ok(None);
                }
            };
            match next {
                Ok(active) => self.active.set(Some(active)),
                Err(raised) => {
                    drop(self.source.take());
                    return Err(raised);
                }
            }
            vm.check_signals()?;
        }
    }

    /// Alternative chain() constructor taking a single iterable argument that evaluates lazily.
    #[pyclassmethod(sig = "($type, iterable, /)")]
    fn from_iterable(cls: &Ref<Type>, vm: &Vm, iterable: &Value) -> PyResult {
        let source = iterator::iter(vm, iterable)?;
        Chain::make(vm, cls, source)
    }

    /// chain is generic over the type of its contents.
    /// This is the union of the types of the input iterable contents.
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

#[pyclass(
    name = "zip_longest",
    module = "itertools",
    doc = "Return a zip_longest object whose .__next__() method returns a tuple where\nthe i-th element comes from the i-th iterable argument.  The .__next__()\nmethod continues until the longest iterable in the argument sequence\nis exhausted and then it raises StopIteration.  When the shorter iterables\nare exhausted, the fillvalue is substituted in their place.  The fillvalue\ndefaults to None or can be specified by a keyword argument.\n",
    gc,
    flags(BASETYPE)
)]
#[repr(C)]
pub struct ZipLongest {
    /// The iterators; those at their end are None.
    sources: MutCell<Vec<Option<Value>>>,
    active: Cell<usize>,
    fill: Value,
    /// The last row, to be used again.
    last: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for ZipLongest {
    fn traverse(&self, v: &mut Visitor) {
        self.sources.with(|s| s.iter().for_each(|x| v.opt(x)));
        v.value(&self.fill);
        self.last.with(|t| t.iter().for_each(|t| v.reference(t)));
    }
    fn clear(&self) {
        self.active.set(0);
        drop(self.last.take());
        drop(self.sources.take());
    }
}

#[pymethods]
impl ZipLongest {
    #[pyslot(sig = "(*iterables, fillvalue=None)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let mut fill = Value::NONE;
        for (name, value) in args.keywords() {
            if name.as_bytes() != b"fillvalue" {
                return Err(vm.type_error("zip_longest() got an unexpected keyword argument"));
            }
            fill = value.clone();
        }
        let sources = args
            .positional()
            .iter()
            .map(|x| iterator::iter(vm, x).map(Some));
        let sources = sources.collect::<PyResult<Vec<_>>>()?;
        let zip = ZipLongest {
            active: Cell::new(sources.len()),
            sources: MutCell::new(sources),
            fill,
            last: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, zip)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let len = self.sources.with(Vec::len);
        if len == 0 || self.active.get() == 0 {
            return Ok(None);
        }
        let mut row: SmallVec<[Value; 12]> = SmallVec::with_capacity(len);
        for i in 0..len {
            let source = self.sources.with(|s| s.get(i).cloned().flatten());
            let Some(source) = source else {
                row.push(self.fill.clone());
                continue;
            };
            match iterator::next(vm, &source) {
                Ok(Some(item)) => row.push(item),
                Ok(None) => {
                    self.active.set(self.active.get().saturating_sub(1));
                    if self.active.get() == 0 {
                        return Ok(None);
                    }
                    let _old = self
                        .sources
                        .with_mut(|s| s.get_mut(i).and_then(Option::take));
                    row.push(self.fill.clone());
                }
                Err(raised) => {
                    self.active.set(0);
                    return Err(raised);
                }
            }
        }
        let mut row = row.into_iter();
        let item = |_| row.next().unwrap_or(Value::NONE);
        Tuple::recycled(vm, &self.last, len, item).map(Some)
    }
}

/// Return series of accumulated sums (or other binary function results).
#[pyclass(name = "accumulate", module = "itertools", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Accumulate {
    source: Value,
    function: Option<Value>,
    total: MutCell<Option<Value>>,
    initial: MutCell<Option<Value>>,
}

impl Traverse for Accumulate {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.source);
        v.opt(&self.function);
        self.total.with(|t| v.opt(t));
        self.initial.with(|i| v.opt(i));
    }
    fn clear(&self) {
        drop(self.total.take());
        drop(self.initial.take());
    }
}

#[pymethods]
impl Accumulate {
    #[pyslot(sig = "(iterable, func=None, *, initial=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        iterable: &Value,
        func: Option<Value>,
        initial: Option<Value>,
    ) -> PyResult {
        let accumulate = Accumulate {
            source: iterator::iter(vm, iterable)?,
            function: func.filter(|f| !f.is_none()),
            total: MutCell::new(None),
            initial: MutCell::new(initial.filter(|i| !i.is_none())),
        };
        Ok(vm.new_object_of(cls, accumulate)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if let Some(initial) = self.initial.take() {
            self.total.set(Some(initial.clone()));
            return Ok(Some(initial));
        }
        let Some(item) = iterator::next(vm, &self.source)? else {
            return Ok(None);
        };
        let total = match self.total.get() {
            None => item,
            Some(total) => match &self.function {
                None => number::add(vm, &total, &item)?,
                Some(function) => vm.call(function, &[total, item])?,
            },
        };
        self.total.set(Some(total.clone()));
        Ok(Some(total))
    }
}
