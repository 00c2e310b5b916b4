//! `_tracemalloc`: nothing is traced, since the heap does not tell of single allocations; starting says so.
//!
//! CPython: Modules/_tracemalloc.c.

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_tracemalloc",
    doc = "Debug module to trace memory blocks allocated by Python."
)]
pub mod module {
    use super::*;

    /// Return True if the tracemalloc module is tracing Python memory allocations.
    #[pyfunction]
    fn is_tracing() -> bool {
        false
    }

    /// Clear traces of memory blocks allocated by Python.
    #[pyfunction]
    fn clear_traces() {}

    /// Get traces of all memory blocks allocated by Python.
    ///
    /// Return a list of (size: int, traceback: tuple) tuples.
    /// traceback is a tuple of (filename: str, lineno: int) tuples.
    ///
    /// Return an empty list if the tracemalloc module is disabled.
    #[pyfunction]
    fn _get_traces(vm: &Vm) -> PyResult {
        Ok(vm.new_list(Vec::new())?.into_value())
    }

    /// Get the traceback where the Python object obj was allocated.
    ///
    /// Return a tuple of (filename: str, lineno: int) tuples.
    /// Return None if the tracemalloc module is disabled or did not
    /// trace the allocation of the object.
    #[pyfunction(sig = "(obj, /)")]
    fn _get_object_traceback(_obj: &Value) -> Value {
        Value::NONE
    }

    /// Start tracing Python memory allocations.
    ///
    /// Also set the maximum number of frames stored in the traceback of a
    /// trace to nframe.
    #[pyfunction(sig = "(nframe=1, /)")]
    fn start(vm: &Vm, #[default(1)] nframe: i32) -> PyResult<()> {
        if !(1..=65535).contains(&nframe) {
            return Err(vm.value_error("the number of frames must be in range [1; 65535]"));
        }
        Err(vm.not_implemented_error("memory allocations cannot be traced"))
    }

    /// Stop tracing Python memory allocations.
    ///
    /// Also clear traces of memory blocks allocated by Python.
    #[pyfunction]
    fn stop() {}

    /// Get the maximum number of frames stored in the traceback of a trace.
    ///
    /// By default, a trace of an allocated memory block only stores
    /// the most recent frame: the limit is 1.
    #[pyfunction]
    fn get_traceback_limit() -> i32 {
        1
    }

    /// Get the memory usage in bytes of the tracemalloc module.
    ///
    /// This memory is used internally to trace memory allocations.
    #[pyfunction]
    fn get_tracemalloc_memory() -> i32 {
        0
    }

    /// Get the current size and peak size of memory blocks traced by tracemalloc.
    ///
    /// Returns a tuple: (current: int, peak: int).
    #[pyfunction]
    fn get_traced_memory(vm: &Vm) -> PyResult {
        let none = Value::small_int(0);
        Ok(vm.new_tuple(vec![none.clone(), none])?.into_value())
    }

    /// Set the peak size of memory blocks traced by tracemalloc to the current size.
    ///
    /// Do nothing if the tracemalloc module is not tracing memory allocations.
    #[pyfunction]
    fn reset_peak() {}
}
