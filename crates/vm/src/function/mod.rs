//! Native functions as Python's: their tables, signatures, argument parsing, and the objects that stand for them.

pub mod args;
pub mod convert;
pub mod def;
pub mod descriptor;
pub mod native;
pub mod signature;

pub use args::{Args, KwArgs};
pub use convert::{FromArg, IntoPyResult, OrNone, wrong_type};
pub use def::{
    AttrDef, ClassInfo, DefId, GetSetDef, MethodDef, MethodKind, MethodTable, ModuleDef, NativeFn,
    PyClass, SlotWrapper, TypeDef,
};
pub use signature::{Param, ParamKind, Signature};
