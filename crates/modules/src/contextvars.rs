//! `_contextvars`: the classes of context variables, which live in the machine, and `copy_context`.
//!
//! CPython: Modules/_contextvarsmodule.c.

use naja_macros::pymodule;
use naja_vm::context::{Context, ContextVar, Token};
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_contextvars",
    doc = "Context Variables",
    classes(Context, ContextVar, Token)
)]
pub mod module {
    use super::*;

    #[pyfunction]
    fn copy_context(vm: &Vm) -> PyResult {
        Ok(Context::copy_current(vm)?.into_value())
    }
}
