//! The Python exception for a failed numeric computation of `naja-numbers`.

use crate::vm::{PyResult, Raised, Vm};
use naja_numbers::error::NumError;

/// Raises the exception that `error` stands for.
#[cold]
pub fn raise(vm: &Vm, error: NumError) -> Raised {
    match error {
        NumError::Value(m) => vm.value_error(m),
        NumError::Overflow(m) => vm.overflow_error(m),
        NumError::Range => match (vm.new_int(34), vm.new_str("Numerical result out of range")) {
            (Ok(n), Ok(text)) => vm.raise_with(&vm.types.overflow_error, &[n, text.into_value()]),
            _ => Raised,
        },
        NumError::ZeroDivision(m) => vm.zero_division_error(m),
        NumError::Type(m) => vm.type_error(m),
        NumError::Memory => vm.memory_error(""),
        // The check that asked to stop has raised what it had to.
        NumError::Cancelled => Raised,
    }
}

/// The result of a computation, its error raised.
pub fn check<T>(vm: &Vm, result: Result<T, NumError>) -> PyResult<T> {
    result.map_err(|e| raise(vm, e))
}
