//! `sys.settrace`, `sys.setprofile`, `sys.monitoring`: the places where the machine will report events.
//!
//! Nothing is instrumented yet, and `sys.settrace` says so; what is here is what the evaluation loop calls.

use super::frame::Frame;
use crate::objects::code::CodeObject;
use crate::objects::exception::BaseException;
use crate::vm::{PyResult, Vm};
use naja_heap::Ref;

/// A thread's tracing functions.
#[derive(Default)]
pub struct TraceState;

/// What monitoring knows of one code object.
pub struct CodeMonitoring;

/// The instruction that stands at unit `at`, instrumentation taken off.
#[inline(always)]
pub fn uninstrumented(_code: &CodeObject, _at: usize, opcode: u8) -> u8 {
    opcode
}

/// Reports an instrumented instruction, and gives the plain one to run.
pub(super) fn instrumented(vm: &Vm, _frame: *mut Frame, _unit: u32) -> PyResult<(*const u16, u32)> {
    Err(vm.system_error("instrumented instruction without instrumentation"))
}

/// An exception is being raised in a frame.
#[inline(always)]
pub(super) fn exception_raised(
    _vm: &Vm,
    _frame: *mut Frame,
    exception: Ref<BaseException>,
) -> PyResult<Ref<BaseException>> {
    Ok(exception)
}

/// A handler has been found.
#[inline(always)]
pub(super) fn exception_handled(_vm: &Vm, _frame: *mut Frame) {}

/// An exception leaves a frame.
#[inline(always)]
pub(super) fn unwinding(_vm: &Vm, _frame: *mut Frame) {}
