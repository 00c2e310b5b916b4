//! `sys._jit`: what the program can ask about compiling to machine code. CPython: Python/sysmodule.c (`_jit`).

/// Utilities for observing just-in-time compilation.
#[naja_macros::pymodule(name = "sys._jit")]
pub mod module {
    /// Return True if the current Python executable supports JIT compilation, and False otherwise.
    #[pyfunction(sig = "()")]
    fn is_available() -> bool {
        false
    }

    /// Return True if JIT compilation is enabled for the current Python process, and False otherwise.
    #[pyfunction(sig = "()")]
    fn is_enabled() -> bool {
        false
    }

    /// Return True if the topmost Python frame is currently executing JIT code, and False otherwise.
    #[pyfunction(sig = "()")]
    fn is_active() -> bool {
        false
    }
}
