//! `_tracemalloc`: where memory was allocated. The tracing itself is `naja_vm::interpreter::memtrace`.
//!
//! CPython: Modules/_tracemalloc.c.

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::interpreter::memtrace;
use naja_vm::{PyResult, Vm};

/// A traceback as `tracemalloc` takes it: a tuple of (file, line).
fn frames(vm: &Vm, frames: &[(String, u32)]) -> PyResult {
    let mut items = Vec::with_capacity(frames.len());
    for (file, line) in frames {
        let pair = vec![vm.intern(file).into_value(), vm.new_int(i64::from(*line))?];
        items.push(vm.new_tuple(pair)?.into_value());
    }
    Ok(vm.new_tuple(items)?.into_value())
}

#[pymodule(
    name = "_tracemalloc",
    doc = "Debug module to trace memory blocks allocated by Python."
)]
pub mod module {
    use super::*;

    /// Return True if the tracemalloc module is tracing Python memory allocations.
    #[pyfunction]
    fn is_tracing() -> bool {
        memtrace::is_tracing()
    }

    /// Clear traces of memory blocks allocated by Python.
    #[pyfunction]
    fn clear_traces() {
        memtrace::clear()
    }

    /// Get traces of all memory blocks allocated by Python.
    ///
    /// Return a list of (size: int, traceback: tuple) tuples.
    /// traceback is a tuple of (filename: str, lineno: int) tuples.
    ///
    /// Return an empty list if the tracemalloc module is disabled.
    #[pyfunction]
    fn _get_traces(vm: &Vm) -> PyResult {
        memtrace::untraced(|| {
            let snapshot = memtrace::snapshot();
            let mut tracebacks = Vec::with_capacity(snapshot.tracebacks.len());
            for (places, total) in &snapshot.tracebacks {
                tracebacks.push((frames(vm, places)?, vm.new_int(i64::from(*total))?));
            }
            let mut traces = Vec::with_capacity(snapshot.traces.len());
            for (size, traceback) in snapshot.traces {
                if let Some((places, total)) = tracebacks.get(traceback as usize) {
                    let domain = Value::small_int(0);
                    let size = vm.new_int(size as i64)?;
                    let trace = vec![domain, size, places.clone(), total.clone()];
                    traces.push(vm.new_tuple(trace)?.into_value());
                }
            }
            Ok(vm.new_list(traces)?.into_value())
        })
    }

    /// Get the traceback where the Python object obj was allocated.
    ///
    /// Return a tuple of (filename: str, lineno: int) tuples.
    /// Return None if the tracemalloc module is disabled or did not
    /// trace the allocation of the object.
    #[pyfunction(sig = "(obj, /)")]
    fn _get_object_traceback(vm: &Vm, obj: &Value) -> PyResult {
        match memtrace::traceback_of(obj) {
            Some(places) => memtrace::untraced(|| frames(vm, &places)),
            None => Ok(Value::NONE),
        }
    }

    /// Start tracing Python memory allocations.
    ///
    /// Also set the maximum number of frames stored in the traceback of a
    /// trace to nframe.
    #[pyfunction(sig = "(nframe=1, /)")]
    fn start(vm: &Vm, #[default(1)] nframe: i32) -> PyResult<()> {
        let frames = u32::try_from(nframe).ok();
        let Some(frames) = frames.filter(|n| (1..=memtrace::MAX_FRAMES).contains(n)) else {
            return Err(vm.value_error(format!(
                "the number of frames must be in range [1; {}]",
                memtrace::MAX_FRAMES
            )));
        };
        if !memtrace::is_tracing() {
            memtrace::start(frames)
        }
        Ok(())
    }

    /// Stop tracing Python memory allocations.
    ///
    /// Also clear traces of memory blocks allocated by Python.
    #[pyfunction]
    fn stop() {
        memtrace::stop()
    }

    /// Get the maximum number of frames stored in the traceback of a trace.
    ///
    /// By default, a trace of an allocated memory block only stores
    /// the most recent frame: the limit is 1.
    #[pyfunction]
    fn get_traceback_limit() -> u32 {
        memtrace::limit().unwrap_or(1)
    }

    /// Get the memory usage in bytes of the tracemalloc module.
    ///
    /// This memory is used internally to trace memory allocations.
    #[pyfunction]
    fn get_tracemalloc_memory() -> usize {
        memtrace::own_memory()
    }

    /// Get the current size and peak size of memory blocks traced by tracemalloc.
    ///
    /// Returns a tuple: (current: int, peak: int).
    #[pyfunction]
    fn get_traced_memory(vm: &Vm) -> PyResult {
        let (current, peak) = memtrace::traced_memory();
        let pair = vec![vm.new_int(current as i64)?, vm.new_int(peak as i64)?];
        Ok(vm.new_tuple(pair)?.into_value())
    }

    /// Set the peak size of memory blocks traced by tracemalloc to the current size.
    ///
    /// Do nothing if the tracemalloc module is not tracing memory allocations.
    #[pyfunction]
    fn reset_peak() {
        memtrace::reset_peak()
    }
}
