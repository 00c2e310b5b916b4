//! Moments at which a program can give back pages of its own executable that it no longer needs.
//!
//! A start runs through much code and constant data once: readers of code objects, the parser, the compiler, tables of
//! types. Those pages stay mapped, and count as the process's memory, although nothing looks at them again. The machine
//! calls [`moment`] where a stage ends (new code was made, a collection of more than the youngest objects ran, the heap
//! grew beyond what it ever was); the program's trimmer decides whether anything is worth doing. Invariant: the trimmer
//! neither allocates nor runs Python.

use std::sync::OnceLock;

static TRIMMER: OnceLock<fn()> = OnceLock::new();

/// Names the function that [`moment`] calls. The first one stays.
pub fn set_trimmer(trimmer: fn()) {
    let _ = TRIMMER.set(trimmer);
}

/// A stage has ended.
#[inline]
pub fn moment() {
    if let Some(trimmer) = TRIMMER.get() {
        trimmer()
    }
}
