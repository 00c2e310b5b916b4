//! `_heapq`: lists as heaps, smallest or (`_max`) greatest item first.
//!
//! Comparing items may change the list: its length is checked after each comparison.
//!
//! CPython: Modules/_heapqmodule.c.

use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::list::List;
use naja_vm::protocols::compare;
use naja_vm::{PyResult, Raised, Vm};

/// Which of two items belongs nearer to the front.
#[derive(Clone, Copy)]
enum Order {
    Min,
    Max,
}

impl Order {
    /// Whether `a` goes before `b`, as far as no class need be asked.
    #[inline]
    fn quick(self, vm: &Vm, a: &Value, b: &Value) -> Option<bool> {
        let (a, b) = match self {
            Order::Min => (a, b),
            Order::Max => (b, a),
        };
        compare::quick_order(vm, a, b).map(|order| order.is_lt())
    }

    /// Whether `a` goes before `b`.
    #[inline]
    fn before(self, vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
        match self {
            Order::Min => compare::less(vm, a, b),
            Order::Max => compare::less(vm, b, a),
        }
    }
}

#[cold]
fn out_of_range(vm: &Vm) -> Raised {
    vm.index_error("index out of range")
}

fn item(vm: &Vm, heap: &List, index: usize) -> PyResult {
    heap.get(index).ok_or_else(|| out_of_range(vm))
}

fn check(vm: &Vm, heap: &List, len: usize) -> PyResult<()> {
    if heap.len() == len {
        Ok(())
    } else {
        Err(vm.runtime_error("list changed size during iteration"))
    }
}

/// Whether the item at `a` goes before that at `b`. Raises RuntimeError where comparing them changed the heap's length.
#[inline]
fn goes_before(vm: &Vm, heap: &List, a: usize, b: usize, order: Order) -> PyResult<bool> {
    let quick = heap.look(|items| order.quick(vm, items.get(a)?, items.get(b)?));
    match quick {
        Some(before) => Ok(before),
        None => ask(vm, heap, a, b, order),
    }
}

#[inline(never)]
fn ask(vm: &Vm, heap: &List, a: usize, b: usize, order: Order) -> PyResult<bool> {
    let len = heap.len();
    let before = order.before(vm, &item(vm, heap, a)?, &item(vm, heap, b)?)?;
    check(vm, heap, len)?;
    Ok(before)
}

/// Moves the item at `at` towards the front until its parent goes before it.
fn sift_down(vm: &Vm, heap: &List, start: usize, mut at: usize, order: Order) -> PyResult<()> {
    while at > start {
        let parent = (at - 1) / 2;
        if !goes_before(vm, heap, at, parent, order)? {
            break;
        }
        heap.swap(at, parent);
        at = parent;
    }
    Ok(())
}

/// Moves the item at `start` to a leaf, children up, then back to where it belongs.
fn sift_up(vm: &Vm, heap: &List, start: usize, order: Order) -> PyResult<()> {
    let len = heap.len();
    if start >= len {
        return Err(out_of_range(vm));
    }
    let mut at = start;
    while at < len / 2 {
        let mut child = 2 * at + 1;
        if child + 1 < len {
            // Of two equal children the right one moves, as the comparison is "left before right".
            child += usize::from(!goes_before(vm, heap, child, child + 1, order)?);
        }
        heap.swap(at, child);
        at = child;
    }
    sift_down(vm, heap, start, at, order)
}

fn push(vm: &Vm, heap: &Ref<List>, value: Value, order: Order) -> PyResult<()> {
    heap.push(vm, value)?;
    let last = heap.len().saturating_sub(1);
    sift_down(vm, heap, 0, last, order)
}

fn pop(vm: &Vm, heap: &Ref<List>, order: Order) -> PyResult {
    let Some(last) = heap.pop_last() else {
        return Err(out_of_range(vm));
    };
    let Some(first) = heap.get(0) else {
        return Ok(last);
    };
    heap.set(0, last);
    sift_up(vm, heap, 0, order)?;
    Ok(first)
}

fn replace(vm: &Vm, heap: &Ref<List>, value: Value, order: Order) -> PyResult {
    let first = item(vm, heap, 0)?;
    heap.set(0, value);
    sift_up(vm, heap, 0, order)?;
    Ok(first)
}

fn push_pop(vm: &Vm, heap: &Ref<List>, value: Value, order: Order) -> PyResult {
    let Some(first) = heap.get(0) else {
        return Ok(value);
    };
    if !order.before(vm, &first, &value)? {
        return Ok(value);
    }
    replace(vm, heap, value, order)
}

fn heapify_by(vm: &Vm, heap: &Ref<List>, order: Order) -> PyResult<()> {
    for at in (0..heap.len() / 2).rev() {
        sift_up(vm, heap, at, order)?;
        vm.check_signals()?;
    }
    Ok(())
}

#[pymodule(
    name = "_heapq",
    doc = "Heap queue algorithm (a.k.a. priority queue).\n\nHeaps are arrays for which a[k] <= a[2*k+1] and a[k] <= a[2*k+2] for\nall k, counting elements from 0.  For the sake of comparison,\nnon-existing elements are considered to be infinite.  The interesting\nproperty of a heap is that a[0] is always its smallest element.\n\nUsage:\n\nheap = []            # creates an empty heap\nheappush(heap, item) # pushes a new item on the heap\nitem = heappop(heap) # pops the smallest item from the heap\nitem = heap[0]       # smallest item on the heap without popping it\nheapify(x)           # transforms list into a heap, in-place, in linear time\nitem = heapreplace(heap, item) # pops and returns smallest item, and adds\n                               # new item; the heap size is unchanged\n\nOur API differs from textbook heap algorithms as follows:\n\n- We use 0-based indexing.  This makes the relationship between the\n  index for a node and the indexes for its children slightly less\n  obvious, but is more suitable since Python uses 0-based indexing.\n\n- Our heappop() method returns the smallest item, not the largest.\n\nThese two make it possible to view the heap as a regular Python list\nwithout surprises: heap[0] is the smallest item, and heap.sort()\nmaintains the heap invariant!\n"
)]
pub mod module {
    use super::*;

    /// Push item onto heap, maintaining the heap invariant.
    #[pyfunction(sig = "(heap, item, /)")]
    fn heappush(vm: &Vm, heap: &Ref<List>, item: Value) -> PyResult<()> {
        push(vm, heap, item, Order::Min)
    }

    /// Pop the smallest item off the heap, maintaining the heap invariant.
    #[pyfunction(sig = "(heap, /)")]
    fn heappop(vm: &Vm, heap: &Ref<List>) -> PyResult {
        pop(vm, heap, Order::Min)
    }

    /// Pop and return the current smallest value, and add the new item.
    ///
    /// This is more efficient than heappop() followed by heappush(), and can be
    /// more appropriate when using a fixed-size heap.  Note that the value
    /// returned may be larger than item!  That constrains reasonable uses of
    /// this routine unless written as part of a conditional replacement:
    ///
    ///     if item > heap[0]:
    ///         item = heapreplace(heap, item)
    #[pyfunction(sig = "(heap, item, /)")]
    fn heapreplace(vm: &Vm, heap: &Ref<List>, item: Value) -> PyResult {
        replace(vm, heap, item, Order::Min)
    }

    /// Push item on the heap, then pop and return the smallest item from the heap.
    ///
    /// The combined action runs more efficiently than heappush() followed by
    /// a separate call to heappop().
    #[pyfunction(sig = "(heap, item, /)")]
    fn heappushpop(vm: &Vm, heap: &Ref<List>, item: Value) -> PyResult {
        push_pop(vm, heap, item, Order::Min)
    }

    /// Transform list into a heap, in-place, in O(len(heap)) time.
    #[pyfunction(sig = "(heap, /)")]
    fn heapify(vm: &Vm, heap: &Ref<List>) -> PyResult<()> {
        heapify_by(vm, heap, Order::Min)
    }

    /// Push item onto max heap, maintaining the heap invariant.
    #[pyfunction(sig = "(heap, item, /)")]
    fn heappush_max(vm: &Vm, heap: &Ref<List>, item: Value) -> PyResult<()> {
        push(vm, heap, item, Order::Max)
    }

    /// Maxheap variant of heappop.
    #[pyfunction(sig = "(heap, /)")]
    fn heappop_max(vm: &Vm, heap: &Ref<List>) -> PyResult {
        pop(vm, heap, Order::Max)
    }

    /// Maxheap variant of heapreplace.
    #[pyfunction(sig = "(heap, item, /)")]
    fn heapreplace_max(vm: &Vm, heap: &Ref<List>, item: Value) -> PyResult {
        replace(vm, heap, item, Order::Max)
    }

    /// Maxheap variant of heappushpop.
    ///
    /// The combined action runs more efficiently than heappush_max()
    /// followed by a separate call to heappop_max().
    #[pyfunction(sig = "(heap, item, /)")]
    fn heappushpop_max(vm: &Vm, heap: &Ref<List>, item: Value) -> PyResult {
        push_pop(vm, heap, item, Order::Max)
    }

    /// Maxheap variant of heapify.
    #[pyfunction(sig = "(heap, /)")]
    fn heapify_max(vm: &Vm, heap: &Ref<List>) -> PyResult<()> {
        heapify_by(vm, heap, Order::Max)
    }
}
