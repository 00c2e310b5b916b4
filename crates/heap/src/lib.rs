//! Values and the memory of objects: tagged words, object headers, reference counts, the allocator, the cycle collector.
//!
//! This crate knows nothing of Python. It manages words ([`Value`]) and objects of "some types", whose layout and
//! clean-up each type describes by a [`TypeLayout`]. The invariants:
//!
//! * A [`Value`] is never the all-zero word, and its bit 3 is clear when it is a pointer: the *borrowed* mark exists only
//!   in the frame slots of the interpreter ([`slot::Slot`]).
//! * An object's count is the number of owned `Value`s and `Ref`s that point at it, or it is immortal.
//! * Nothing that can run Python happens inside a [`MutCell`] closure: counts that reach zero there are remembered
//!   and their objects freed when the outermost closure has ended.
//!
//! CPython: Include/object.h, Objects/obmalloc.c, Python/gc.c.

mod alloc;
mod cell;
mod gc;
mod header;
mod object;
mod pool;
mod release;
pub mod slot;
mod stats;
#[cfg(test)]
mod tests;
mod value;
pub mod watch;

pub use alloc::{AllocError, Heap, HeapStats, Hooks, Previous};
pub use cell::MutCell;
pub use gc::{Collection, GcState, Generation, Note, Phase};
pub use header::{Flags, Header, TypeLayout};
pub use object::{Obj, Payload, PayloadInfo, Ref, Visitor};
pub use pool::ArenaMemory;
pub use release::{DeferGuard, object_slot};
pub use value::{Kind, Value, append_copies, append_repeated, copies, drop_values};
