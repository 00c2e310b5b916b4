//! Naja's machine: objects, protocols, frames and the evaluation loop.
//!
//! Everything that can run Python takes `vm: &Vm`, the state of the current thread, and returns a [`PyResult`]: the
//! raised exception itself waits in the thread ([`Vm::take_exception`]), so that a result fits one word.
//!
//! * `objects/`: one file (or folder) per built-in type (CPython: Objects/)
//! * `protocols/`: what can be asked of any object: attributes, calls, comparison, numbers, iteration (Objects/abstract.c)
//! * `function/`: native functions, their signatures and argument parsing
//! * `interpreter/`: frames, the evaluation loop, specialisation (Python/ceval.c, specialize.c)
//! * `builtins/`: the modules `builtins` and `sys`
//! * `import/`: frozen modules, `_imp`

extern crate self as naja_vm;

pub mod builtins;
pub mod function;
pub mod import;
pub mod interpreter;
pub mod names;
pub mod objects;
pub mod protocols;
pub mod runtime;
pub mod types;
pub mod vm;

pub use function::{Args, FromArg, IntoPyResult, KwArgs, ModuleDef, OrNone, PyClass, TypeDef};
pub use naja_heap::{
    Flags, Header, Kind, MutCell, Payload, PayloadInfo, Ref, TypeLayout, Value, Visitor,
};
pub use objects::*;
pub use vm::{PyResult, Raised, Vm};

/// The references that a payload owns, for payloads that can be part of a cycle; see [`Payload`].
pub trait Traverse {
    /// Reports every reference owned by the payload, each once.
    fn traverse(&self, visitor: &mut Visitor);
    /// Drops the references through which a cycle can pass; the object stays usable.
    fn clear(&self);
    /// Whether [`Traverse::untrack`] may ever say yes.
    const MAY_UNTRACK: bool = false;
    /// Whether the object holds nothing that could ever lead back to it, so that the collector may forget it.
    fn untrack(&self) -> bool {
        false
    }
}
