//! `product`, `permutations`, `combinations`, `combinations_with_replacement`.
//!
//! Each keeps its pool of items and the indices of the tuple it gave last; `done` at the end.

use super::itself;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{number, sequence};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Where an iterator stands.
#[derive(Default)]
struct Position {
    indices: Vec<usize>,
    /// Only permutations: how many exchanges are left at each place.
    cycles: Vec<usize>,
    started: bool,
}

/// Indices and results for a length of `r`. Raises MemoryError where they could never be.
fn checked(vm: &Vm, n: usize) -> PyResult<()> {
    vm.check_size(n.checked_mul(2 * size_of::<Value>()))
        .map(|_| ())
}

/// The argument `r`. Raises ValueError.
fn length(vm: &Vm, r: isize) -> PyResult<usize> {
    usize::try_from(r).map_err(|_| vm.value_error("r must be non-negative"))
}

/// The last result, to be used again where nobody else has it.
type Last = MutCell<Option<Ref<Tuple>>>;

/// The items of the pool at these places, as a tuple.
#[inline]
fn picked(vm: &Vm, last: &Last, pool: &[Value], indices: &[usize]) -> PyResult<Option<Value>> {
    Tuple::recycled(vm, last, indices.len(), |i| pool[indices[i]].clone()).map(Some)
}

macro_rules! iterator_class {
    ($ty:ident, $name:literal, $doc:literal) => {
        #[pyclass(name = $name, module = "itertools", doc = $doc, gc, flags(BASETYPE))]
        #[repr(C)]
        pub struct $ty {
            pool: Vec<Value>,
            position: MutCell<Position>,
            last: Last,
            done: Cell<bool>,
        }

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.pool.iter().for_each(|x| v.value(x));
                self.last.with(|t| t.iter().for_each(|t| v.reference(t)));
            }
            fn clear(&self) {
                drop(self.last.take())
            }
        }

        impl $ty {
            fn make(
                vm: &Vm,
                cls: &Ref<Type>,
                pool: Vec<Value>,
                position: Position,
                done: bool,
            ) -> PyResult {
                let new = $ty {
                    pool,
                    position: MutCell::new(position),
                    last: MutCell::new(None),
                    done: Cell::new(done),
                };
                Ok(vm.new_object_of(cls, new)?.into_value())
            }

            fn size(&self) -> usize {
                let indices = self.position.with(|p| p.indices.len() + p.cycles.len());
                size_of::<$ty>() + 16 + 8 * (indices + self.pool.len())
            }

            /// The next tuple; `advance` moves the indices on and says whether it could.
            #[inline]
            fn step(
                &self,
                vm: &Vm,
                advance: impl FnOnce(&mut Position, usize) -> bool,
            ) -> PyResult<Option<Value>> {
                if self.done.get() {
                    return Ok(None);
                }
                let n = self.pool.len();
                let more = self.position.with_mut(|position| {
                    if position.started {
                        advance(position, n)
                    } else {
                        position.started = true;
                        true
                    }
                });
                if !more {
                    self.done.set(true);
                    return Ok(None);
                }
                self.position.with(|position| self.pick(vm, position))
            }
        }
    };
}

iterator_class!(
    Combinations,
    "combinations",
    "Return successive r-length combinations of elements in the iterable.\n\ncombinations(range(4), 3) --> (0,1,2), (0,1,3), (0,2,3), (1,2,3)"
);

impl Combinations {
    fn pick(&self, vm: &Vm, position: &Position) -> PyResult<Option<Value>> {
        picked(vm, &self.last, &self.pool, &position.indices)
    }
}

#[pymethods]
impl Combinations {
    #[pyslot(sig = "(iterable, r)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value, r: isize) -> PyResult {
        let pool = sequence::collect(vm, iterable)?;
        let r = length(vm, r)?;
        checked(vm, r)?;
        let done = r > pool.len();
        let position = Position {
            indices: (0..r).collect(),
            ..Position::default()
        };
        Combinations::make(vm, cls, pool, position, done)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.step(vm, |position, n| {
            let indices = &mut position.indices;
            let r = indices.len();
            let Some(i) = (0..r).rev().find(|&i| indices[i] != i + n - r) else {
                return false;
            };
            indices[i] += 1;
            for j in i + 1..r {
                indices[j] = indices[j - 1] + 1;
            }
            true
        })
    }

    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        self.size()
    }
}

iterator_class!(
    CombinationsWithReplacement,
    "combinations_with_replacement",
    "Return successive r-length combinations of elements in the iterable allowing individual elements to have successive repeats.\n\ncombinations_with_replacement('ABC', 2) --> ('A','A'), ('A','B'), ('A','C'), ('B','B'), ('B','C'), ('C','C')"
);

impl CombinationsWithReplacement {
    fn pick(&self, vm: &Vm, position: &Position) -> PyResult<Option<Value>> {
        picked(vm, &self.last, &self.pool, &position.indices)
    }
}

#[pymethods]
impl CombinationsWithReplacement {
    #[pyslot(sig = "(iterable, r)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value, r: isize) -> PyResult {
        let pool = sequence::collect(vm, iterable)?;
        let r = length(vm, r)?;
        checked(vm, r)?;
        let done = pool.is_empty() && r > 0;
        let position = Position {
            indices: vec![0; r],
            ..Position::default()
        };
        CombinationsWithReplacement::make(vm, cls, pool, position, done)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.step(vm, |position, n| {
            let indices = &mut position.indices;
            let Some(i) = indices.iter().rposition(|&x| x + 1 != n) else {
                return false;
            };
            let next = indices[i] + 1;
            indices[i..].fill(next);
            true
        })
    }

    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        self.size()
    }
}

iterator_class!(
    Permutations,
    "permutations",
    "Return successive r-length permutations of elements in the iterable.\n\npermutations(range(3), 2) --> (0,1), (0,2), (1,0), (1,2), (2,0), (2,1)"
);

impl Permutations {
    fn pick(&self, vm: &Vm, position: &Position) -> PyResult<Option<Value>> {
        picked(
            vm,
            &self.last,
            &self.pool,
            &position.indices[..position.cycles.len()],
        )
    }
}

#[pymethods]
impl Permutations {
    #[pyslot(sig = "(iterable, r=None)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value, r: Option<Value>) -> PyResult {
        let pool = sequence::collect(vm, iterable)?;
        let n = pool.len();
        let r = match r.filter(|r| !r.is_none()) {
            None => n,
            Some(r) if number::is_int(vm, &r) => length(vm, number::index_isize(vm, &r)?)?,
            Some(_) => return Err(vm.type_error("Expected int as r")),
        };
        checked(vm, r)?;
        let position = Position {
            indices: (0..n).collect(),
            cycles: (0..r).map(|i| n.saturating_sub(i)).collect(),
            started: false,
        };
        Permutations::make(vm, cls, pool, position, r > n)
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.step(vm, |position, n| {
            let Position {
                indices, cycles, ..
            } = position;
            if n == 0 {
                return false;
            }
            for i in (0..cycles.len()).rev() {
                cycles[i] -= 1;
                if cycles[i] == 0 {
                    // All exchanges were made: the place's item goes to the end.
                    indices[i..].rotate_left(1);
                    cycles[i] = n - i;
                } else {
                    indices.swap(i, n - cycles[i]);
                    return true;
                }
            }
            false
        })
    }

    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        self.size()
    }
}

#[pyclass(
    name = "product",
    module = "itertools",
    doc = "Cartesian product of input iterables.  Equivalent to nested for-loops.\n\nFor example, product(A, B) returns the same as:  ((x,y) for x in A for y in B).\nThe leftmost iterators are in the outermost for-loop, so the output tuples\ncycle in a manner similar to an odometer (with the rightmost element changing\non every iteration).\n\nTo compute the product of an iterable with itself, specify the number\nof repetitions with the optional repeat keyword argument. For example,\nproduct(A, repeat=4) means the same as product(A, A, A, A).\n\nproduct('ab', range(3)) --> ('a',0) ('a',1) ('a',2) ('b',0) ('b',1) ('b',2)\nproduct((0,1), (0,1), (0,1)) --> (0,0,0) (0,0,1) (0,1,0) (0,1,1) (1,0,0) ...",
    gc,
    flags(BASETYPE)
)]
#[repr(C)]
pub struct Product {
    pools: Vec<Vec<Value>>,
    /// How often the pools are gone through, side by side.
    position: MutCell<Position>,
    last: Last,
    done: Cell<bool>,
}

impl Traverse for Product {
    fn traverse(&self, v: &mut Visitor) {
        self.pools.iter().flatten().for_each(|x| v.value(x));
        self.last.with(|t| t.iter().for_each(|t| v.reference(t)));
    }
    fn clear(&self) {
        drop(self.last.take())
    }
}

#[pymethods]
impl Product {
    #[pyslot(sig = "(*iterables, repeat=1)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let mut repeat = 1;
        for (name, value) in args.keywords() {
            if name.as_bytes() != b"repeat" {
                return Err(vm.type_error(format!(
                    "product() got an unexpected keyword argument '{}'",
                    name.to_string_lossy()
                )));
            }
            repeat = number::index_isize(vm, value)?;
        }
        let Ok(repeat) = usize::try_from(repeat) else {
            return Err(vm.value_error("repeat argument cannot be negative"));
        };
        let given = args.positional();
        let total = given.len().checked_mul(repeat);
        let Some(total) = total.filter(|n| *n <= isize::MAX as usize / 8) else {
            return Err(vm.overflow_error("repeat argument too large"));
        };
        checked(vm, total)?;
        let pools = given.iter().map(|x| sequence::collect(vm, x));
        let pools = if repeat == 0 {
            Vec::new()
        } else {
            pools.collect::<PyResult<Vec<_>>>()?
        };
        let product = Product {
            done: Cell::new(pools.iter().any(Vec::is_empty)),
            pools,
            position: MutCell::new(Position {
                indices: vec![0; total],
                ..Position::default()
            }),
            last: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, product)?.into_value())
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
        let pools = &self.pools;
        let more = self.position.with_mut(|position| {
            if !position.started {
                position.started = true;
                return true;
            }
            let mut own = pools.iter().rev().cycle();
            for index in position.indices.iter_mut().rev() {
                *index += 1;
                if own.next().is_some_and(|pool| *index < pool.len()) {
                    return true;
                }
                *index = 0;
            }
            false
        });
        if !more {
            self.done.set(true);
            return Ok(None);
        }
        self.position.with(|position| {
            let indices = &position.indices;
            let mut own = pools.iter().cycle();
            let item = |i: usize| match own.next() {
                Some(pool) => pool[indices[i]].clone(),
                None => Value::NONE,
            };
            Tuple::recycled(vm, &self.last, indices.len(), item).map(Some)
        })
    }

    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        let items: usize = self.pools.iter().map(Vec::len).sum();
        size_of::<Product>() + 16 + 8 * (items + self.position.with(|p| p.indices.len()))
    }
}
