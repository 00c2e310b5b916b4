//! `zip`. CPython: Python/bltinmodule.c.

use crate::function::Args;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{iterator, object};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use smallvec::SmallVec;

/// The zip object yields n-length tuples, where n is the number of iterables
/// passed as positional arguments to zip().  The i-th element in every tuple
/// comes from the i-th iterable argument to zip().  This continues until the
/// shortest argument is exhausted.
///
/// If strict is true and one of the arguments is exhausted before the others,
/// raise a ValueError.
///
///    >>> list(zip('abcdefg', range(3), range(4)))
///    [('a', 0, 0), ('b', 1, 1), ('c', 2, 2)]
#[pyclass(name = "zip", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Zip {
    iterators: Vec<Value>,
    strict: std::cell::Cell<bool>,
    /// The last pair, to be used again.
    last: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for Zip {
    fn traverse(&self, v: &mut Visitor) {
        self.iterators.iter().for_each(|i| v.value(i));
        self.last.with(|t| t.iter().for_each(|t| v.reference(t)));
    }
    fn clear(&self) {
        drop(self.last.take())
    }
}

/// `strict=`, the only keyword that `zip` and `map` take.
pub(crate) fn strict_keyword(vm: &Vm, args: &Args, name: &str) -> PyResult<bool> {
    let mut strict = false;
    for (keyword, value) in args.keywords() {
        if keyword.as_bytes() != b"strict" {
            return Err(vm.type_error(format!(
                "{name}() got an unexpected keyword argument '{}'",
                keyword.to_string_lossy()
            )));
        }
        strict = object::is_true(vm, value)?;
    }
    Ok(strict)
}

/// The items of one step of several iterators.
pub(crate) type Row = SmallVec<[Value; 6]>;

/// Puts one item of each iterator into `row`, which is empty; false at the end of the shortest (with `strict`, of all).
pub(crate) fn next_row(
    vm: &Vm,
    iterators: &[Value],
    strict: bool,
    name: &str,
    row: &mut Row,
) -> PyResult<bool> {
    for (i, it) in iterators.iter().enumerate() {
        match iterator::next(vm, it)? {
            Some(value) => row.push(value),
            None if !strict => return Ok(false),
            None if i > 0 => {
                let plural = if i == 1 { " " } else { "s 1-" };
                return Err(vm.value_error(format!(
                    "{name}() argument {} is shorter than argument{plural}{i}",
                    i + 1
                )));
            }
            None => {
                for (j, it) in iterators.iter().enumerate().skip(1) {
                    match iterator::next(vm, it) {
                        Ok(None) => {}
                        Ok(Some(_)) => {
                            let plural = if j == 1 { " " } else { "s 1-" };
                            return Err(vm.value_error(format!(
                                "{name}() argument {} is longer than argument{plural}{j}",
                                j + 1
                            )));
                        }
                        Err(Raised) => return Err(Raised),
                    }
                }
                return Ok(false);
            }
        }
    }
    Ok(true)
}

impl Zip {
    /// The next two items of a `zip` of two that is not strict; None for another.
    #[inline]
    pub(crate) fn next_pair(&self, vm: &Vm) -> Option<PyResult<Option<(Value, Value)>>> {
        let ([first, second], false) = (&*self.iterators, self.strict.get()) else {
            return None;
        };
        Some((|| {
            let Some(a) = iterator::next(vm, first)? else {
                return Ok(None);
            };
            let Some(b) = iterator::next(vm, second)? else {
                return Ok(None);
            };
            Ok(Some((a, b)))
        })())
    }
}

#[pymethods]
impl Zip {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let strict = strict_keyword(vm, &args, "zip")?;
        let mut iterators = Vec::with_capacity(args.positional().len());
        for (i, iterable) in args.positional().iter().enumerate() {
            match iterator::iter(vm, iterable) {
                Ok(it) => iterators.push(it),
                Err(Raised)
                    if vm.exception_matches(&vm.types.type_error)
                        && vm.type_of(iterable).slots.iter.get().is_none() =>
                {
                    vm.clear_exception();
                    return Err(
                        vm.type_error(format!("zip argument #{} must support iteration", i + 1))
                    );
                }
                Err(raised) => return Err(raised),
            }
        }
        Ok(vm
            .new_object_of(
                cls,
                Zip {
                    iterators,
                    strict: strict.into(),
                    last: MutCell::new(None),
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
        if zelf.iterators.is_empty() {
            return Ok(None);
        }
        if let Some(pair) = zelf.next_pair(vm) {
            return match pair? {
                Some((a, b)) => Tuple::recycled_pair(vm, &zelf.last, a, b).map(Some),
                None => Ok(None),
            };
        }
        let mut row = Row::new();
        if !next_row(vm, &zelf.iterators, zelf.strict.get(), "zip", &mut row)? {
            return Ok(None);
        }
        let item = |i: usize| std::mem::replace(&mut row[i], Value::NONE);
        Tuple::recycled(vm, &zelf.last, zelf.iterators.len(), item).map(Some)
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let args = vm.new_tuple(zelf.iterators.clone())?.into_value();
        let mut parts = vec![class, args];
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
