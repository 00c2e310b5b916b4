//! Syntax trees as Python objects: the module `_ast`, and what `compile()` needs of it.
//!
//! `nodes` is the one table of the grammar's rules; `types` makes the classes of it, `convert` the two conversions.
//! CPython: Python/Python-ast.c, Parser/asdl_c.py.

mod convert;
mod nodes;
mod types;

use crate::objects::module::Module;
use crate::vm::{PyResult, Vm};
pub use convert::{from_object, to_object};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_parser::Mode;
pub use types::is_node;

/// Checks that a tree is of the kind that a mode of `compile()` wants. Raises TypeError.
pub fn check_mode(vm: &Vm, tree: &Value, mode: Mode) -> PyResult<()> {
    let wanted = match mode {
        Mode::Exec => 0,
        Mode::Single => 1,
        Mode::Eval => 2,
        Mode::FuncType => 3,
    };
    types::check_mode(vm, tree, wanted)
}

#[pymodule(name = "_ast", doc = "", classes(types::Node))]
pub mod module {
    use super::*;
    use crate::builtins::compile::flag;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for (name, class) in types::state(vm)?.all() {
            module.set(vm, &name, class.into_value())?;
        }
        for (name, bits) in [
            ("PyCF_ONLY_AST", flag::ONLY_AST),
            ("PyCF_TYPE_COMMENTS", flag::TYPE_COMMENTS),
            ("PyCF_ALLOW_TOP_LEVEL_AWAIT", flag::ALLOW_TOP_LEVEL_AWAIT),
            ("PyCF_OPTIMIZED_AST", flag::OPTIMIZED_AST),
        ] {
            module.set(vm, name, vm.new_int(bits.into())?)?;
        }
        Ok(())
    }
}
