//! `_opcode`: facts about the bytecode, for `dis` and `opcode`.
//!
//! CPython: Modules/_opcode.c.

use naja_bytecode::opcode::{self as table, Flags};
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::code::CodeObject;
use naja_vm::protocols::number;
use naja_vm::{PyResult, Vm};

/// The entry of an instruction that exists.
fn flags_of(opcode: i32) -> Flags {
    match u16::try_from(opcode) {
        Ok(n) if table::info(n).is_some() => table::flags(n),
        _ => Flags(0),
    }
}

fn strings(vm: &Vm, texts: &[&str]) -> PyResult {
    let items = texts.iter().map(|t| Ok(vm.new_str(t)?.into_value()));
    Ok(vm.new_list(items.collect::<PyResult<_>>()?)?.into_value())
}

#[pymodule(name = "_opcode", doc = "Opcode support module.")]
pub mod module {
    use super::*;

    #[pyattr(name = "ENABLE_SPECIALIZATION")]
    fn enable_specialization(_vm: &Vm) -> i32 {
        1
    }

    #[pyattr(name = "ENABLE_SPECIALIZATION_FT")]
    fn enable_specialization_ft(_vm: &Vm) -> i32 {
        1
    }

    /// Compute the stack effect of the opcode.
    #[pyfunction(sig = "(opcode, oparg=None, /, *, jump=None)")]
    fn stack_effect(
        vm: &Vm,
        opcode: i32,
        oparg: Option<&Value>,
        jump: Option<&Value>,
    ) -> PyResult<i32> {
        let jump = match jump {
            None => None,
            Some(v) if v.is_none() => None,
            Some(v) if v.is_bool() => Some(v.is_true()),
            Some(_) => {
                return Err(vm.value_error("stack_effect: jump must be False, True or None"));
            }
        };
        let oparg = match oparg.filter(|v| !v.is_none()) {
            None => 0,
            Some(v) => match number::index_i64(vm, v)?.and_then(|n| i32::try_from(n).ok()) {
                Some(n) => n as u32,
                None => return Err(vm.overflow_error("Python int too large to convert to C int")),
            },
        };
        let effect = u16::try_from(opcode)
            .ok()
            .and_then(|n| table::stack_effect(n, oparg, jump));
        effect.ok_or_else(|| vm.value_error("invalid opcode or oparg"))
    }

    /// Return True if opcode is valid, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn is_valid(opcode: i32) -> bool {
        u16::try_from(opcode).is_ok_and(|n| table::info(n).is_some())
    }

    /// Return True if the opcode uses its oparg, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn has_arg(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::ARG)
    }

    /// Return True if the opcode accesses a constant, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn has_const(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::CONST)
    }

    /// Return True if the opcode accesses an attribute by name, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn has_name(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::NAME)
    }

    /// Return True if the opcode has a jump target, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn has_jump(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::JUMP)
    }

    /// Return True if the opcode accesses a free variable, False otherwise.
    ///
    /// Note that 'free' in this context refers to names in the current scope
    /// that are referenced by inner scopes or names in outer scopes that are
    /// referenced from this scope. It does not include references to global
    /// or builtin scopes.
    #[pyfunction(sig = "(opcode)")]
    fn has_free(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::FREE)
    }

    /// Return True if the opcode accesses a local variable, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn has_local(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::LOCAL)
    }

    /// Return True if the opcode sets an exception handler, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    fn has_exc(opcode: i32) -> bool {
        flags_of(opcode).has(Flags::BLOCK_PUSH)
    }

    /// Return the specialization stats
    #[pyfunction]
    fn get_specialization_stats() -> Value {
        Value::NONE
    }

    /// Return array of symbols of binary ops.
    ///
    /// Indexed by the BINARY_OP oparg value.
    #[pyfunction]
    fn get_nb_ops(vm: &Vm) -> PyResult {
        let mut all = Vec::new();
        for (name, symbol) in table::NB_OPS {
            let pair = vec![
                vm.new_str(name)?.into_value(),
                vm.new_str(symbol)?.into_value(),
            ];
            all.push(vm.new_tuple(pair)?.into_value());
        }
        Ok(vm.new_list(all)?.into_value())
    }

    /// Return a list of names of the unary intrinsics.
    #[pyfunction]
    fn get_intrinsic1_descs(vm: &Vm) -> PyResult {
        strings(vm, &table::INTRINSIC_1)
    }

    /// Return a list of names of the binary intrinsics.
    #[pyfunction]
    fn get_intrinsic2_descs(vm: &Vm) -> PyResult {
        strings(vm, &table::INTRINSIC_2)
    }

    /// Return a list of special method names.
    #[pyfunction]
    fn get_special_method_names(vm: &Vm) -> PyResult {
        strings(vm, &table::SPECIAL_METHODS)
    }

    /// Return the executor object at offset in code if exists, None otherwise.
    #[pyfunction(sig = "(code, offset)")]
    fn get_executor(vm: &Vm, code: &Value, offset: i32) -> PyResult {
        let _ = offset; // there are no executors, so none is found anywhere
        if code.downcast::<CodeObject>().is_none() {
            return Err(vm.type_error(format!(
                "expected a code object, not '{}'",
                vm.type_of(code).name()
            )));
        }
        Err(vm.value_error("no executor at given byte offset"))
    }
}
