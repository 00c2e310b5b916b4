//! Frames and the evaluation loop.
//!
//! * `frame.rs`, `thread_stack.rs`: frames and where they live
//! * `eval.rs`: the loop, with the fast paths of all instructions; `ops/`: their slow paths, out of line
//! * `call.rs`, `bind.rs`: calls from native code, and how arguments become local variables
//! * `specialize.rs`: inline caches (PEP 659); `attr_cache.rs`: what stands behind those of attributes
//! * `unwind.rs`: exception tables, tracebacks
//! * `breaker.rs`: what happens at the loop's checks
//! * `trace.rs`: `sys.settrace`, `sys.setprofile`, `sys.monitoring`
//!
//! The rules of the loop: instruction pointer, stack pointer and frame are locals of one function; slow paths take
//! and return them by value; a null instruction pointer means "raised". A slow path stores `pc` (start of the
//! instruction) and `sp` in the frame before anything can look at it, and on an error every slot below the stored
//! `sp` is valid and owned by the frame. Python-to-Python calls, generators and `yield from` switch frames inside
//! the loop. See design.md section 8 and bench/README.md for why the loop has this form.

pub(crate) mod attr_cache;
pub mod bind;
pub mod breaker;
pub mod call;
mod eval;
pub mod frame;
pub mod memtrace;
pub mod monitor;
mod ops;
mod quick;
pub(crate) mod specialize;
pub mod thread_stack;
pub mod trace;
pub mod unwind;

pub(crate) use eval::run;
