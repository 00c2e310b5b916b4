//! Letting go of the interpreter lock around SQLite, and taking it again where SQLite calls back.
//!
//! [`released`] remembers whose lock the thread let go of; [`attached`] runs a callback's work with that thread's state,
//! whether or not the lock is held at the moment. Invariant: `RELEASED` points to a live state exactly while a call of
//! `released` is on the stack of this thread. CPython: Py_BEGIN_ALLOW_THREADS and PyGILState_Ensure in Modules/_sqlite/.

use naja_vm::Vm;
use std::cell::Cell;

thread_local! {
    static RELEASED: Cell<*const Vm> = const { Cell::new(std::ptr::null()) };
}

/// Runs `f`, a call of SQLite's that may block or call back, without the interpreter lock.
pub fn released<R>(vm: &Vm, f: impl FnOnce() -> R) -> R {
    let outer = RELEASED.replace(vm);
    let result = vm.without_gil(f);
    RELEASED.set(outer);
    result
}

/// Runs the Python part of a callback. None where the thread belongs to no interpreter.
pub fn attached<R>(f: impl FnOnce(&Vm) -> R) -> Option<R> {
    let mut f = Some(f);
    let mut result = None;
    naja_vm::runtime::with_current(|vm| result = f.take().map(|f| f(vm)));
    let Some(f) = f else { return result };
    // SAFETY: `released` on this thread's stack borrows the state.
    let vm = unsafe { RELEASED.get().as_ref() }?;
    vm.attach();
    let result = f(vm);
    vm.detach();
    Some(result)
}
