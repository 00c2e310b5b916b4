//! Template strings (PEP 750) and type parameters (PEP 695): their objects are not there yet.
//!
//! The bytecode for both is compiled; running it raises NotImplementedError that says what is missing.

use crate::vm::{PyResult, Vm};
use naja_heap::Value;

impl Vm {
    /// `BUILD_TEMPLATE`.
    pub(crate) fn build_template(&self, _strings: Value, _interpolations: Value) -> PyResult {
        Err(self.not_implemented_error("template strings (PEP 750) are not implemented yet"))
    }

    /// `BUILD_INTERPOLATION`.
    pub(crate) fn build_interpolation(
        &self,
        _value: Value,
        _text: Value,
        _conversion: u32,
        _spec: Option<Value>,
    ) -> PyResult {
        Err(self.not_implemented_error("template strings (PEP 750) are not implemented yet"))
    }

    /// The intrinsics that make type variables and aliases.
    pub(crate) fn make_type_param(&self, _which: u32, _a: &Value, _b: Option<&Value>) -> PyResult {
        Err(self.not_implemented_error(
            "type parameters and type aliases (PEP 695) are not implemented yet",
        ))
    }

    /// The base `Generic[...]` of a class with type parameters.
    pub(crate) fn subscript_generic(&self, _params: &Value) -> PyResult {
        Err(self.not_implemented_error("type parameters (PEP 695) are not implemented yet"))
    }
}
