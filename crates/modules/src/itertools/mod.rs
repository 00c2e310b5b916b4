//! `itertools`: iterators over iterators.
//!
//! Each class is a payload with its sources and its position. No source is asked for an item inside a `MutCell` closure,
//! so an iterator that runs itself again through its sources finds its state whole.
//!
//! CPython: Modules/itertoolsmodule.c.

mod combinatorics;
mod counting;
mod filters;
mod grouping;
mod joining;
mod tee;
mod windows;

pub use combinatorics::{Combinations, CombinationsWithReplacement, Permutations, Product};
pub use counting::{Count, Cycle, Repeat};
pub use filters::{Compress, DropWhile, FilterFalse, StarMap, TakeWhile};
pub use grouping::{GroupBy, Grouper};
pub use joining::{Accumulate, Chain, ZipLongest};
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::{PyResult, Vm};
pub use tee::{Tee, TeeData};
pub use windows::{Batched, ISlice, Pairwise};

/// `iter(self)` of every iterator.
fn itself(zelf: &Value, _vm: &Vm) -> PyResult {
    Ok(zelf.clone())
}

#[pymodule(
    name = "itertools",
    doc = "Functional tools for creating and using iterators.\n\nInfinite iterators:\ncount(start=0, step=1) --> start, start+step, start+2*step, ...\ncycle(p) --> p0, p1, ... plast, p0, p1, ...\nrepeat(elem [,n]) --> elem, elem, elem, ... endlessly or up to n times\n\nIterators terminating on the shortest input sequence:\naccumulate(p[, func]) --> p0, p0+p1, p0+p1+p2\nbatched(p, n) --> [p0, p1, ..., p_n-1], [p_n, p_n+1, ..., p_2n-1], ...\nchain(p, q, ...) --> p0, p1, ... plast, q0, q1, ...\nchain.from_iterable([p, q, ...]) --> p0, p1, ... plast, q0, q1, ...\ncompress(data, selectors) --> (d[0] if s[0]), (d[1] if s[1]), ...\ndropwhile(predicate, seq) --> seq[n], seq[n+1], starting when predicate fails\ngroupby(iterable[, keyfunc]) --> sub-iterators grouped by value of keyfunc(v)\nfilterfalse(predicate, seq) --> elements of seq where predicate(elem) is False\nislice(seq, [start,] stop [, step]) --> elements from\n       seq[start:stop:step]\npairwise(s) --> (s[0],s[1]), (s[1],s[2]), (s[2], s[3]), ...\nstarmap(fun, seq) --> fun(*seq[0]), fun(*seq[1]), ...\ntee(it, n=2) --> (it1, it2 , ... itn) splits one iterator into n\ntakewhile(predicate, seq) --> seq[0], seq[1], until predicate fails\nzip_longest(p, q, ...) --> (p[0], q[0]), (p[1], q[1]), ...\n\nCombinatoric generators:\nproduct(p, q, ... [repeat=1]) --> cartesian product\npermutations(p[, r])\ncombinations(p, r)\ncombinations_with_replacement(p, r)\n",
    classes(
        Accumulate,
        Batched,
        Chain,
        Combinations,
        CombinationsWithReplacement,
        Compress,
        Count,
        Cycle,
        DropWhile,
        FilterFalse,
        GroupBy,
        Grouper,
        ISlice,
        Pairwise,
        Permutations,
        Product,
        Repeat,
        StarMap,
        TakeWhile,
        Tee,
        TeeData,
        ZipLongest
    )
)]
pub mod module {
    use super::*;

    /// Returns a tuple of n independent iterators.
    #[pyfunction(sig = "(iterable, n=2, /)")]
    fn tee(vm: &Vm, iterable: &Value, #[default(2)] n: isize) -> PyResult {
        let Ok(n) = usize::try_from(n) else {
            return Err(vm.value_error("n must be >= 0"));
        };
        if n == 0 {
            return Ok(vm.interp.empty_tuple().into_value());
        }
        vm.check_size(n.checked_mul(64))?;
        let first = Tee::over(vm, vm.class::<Tee>(), iterable)?;
        let mut all = vec![first.to_value()];
        for _ in 1..n {
            all.push(first.duplicate(vm)?)
        }
        Ok(vm.new_tuple(all)?.into_value())
    }
}
