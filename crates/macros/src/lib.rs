//! `#[pyclass]`, `#[pymethods]`, `#[pymodule]`: Rust types and functions as Python's.
//!
//! The macros only describe: they expand to static tables (`TypeDef`, `MethodDef`, `Signature`, ...) and to one thin wrapper for
//! each function, which parses arguments by the text signature and converts the result. All behaviour is in `naja-vm`'s
//! `function` module. A text signature (`sig = "($self, x, /, *, key=None)"`) is both what `inspect.signature` shows and what
//! drives argument parsing, so that the two cannot differ.

mod class;
mod function;
mod module;
mod signature;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// A struct as the payload of a Python class.
///
/// `#[pyclass(name = "deque", module = "collections", gc, flags(BASETYPE, SEQUENCE), base = "Object", extends = "Dict")]`:
/// `gc` wants `impl Traverse`; `flags` are constants of `TypeFlags`; `base` is the payload type of the base class (default
/// `object`); `extends` is a payload type that stands first in this `#[repr(C)]` struct.
#[proc_macro_attribute]
pub fn pyclass(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = parse_macro_input!(args as class::ClassArgs);
    let item = parse_macro_input!(item as syn::ItemStruct);
    class::pyclass(args, item)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

/// An `impl` block whose marked functions become methods, getters, slots and attributes of the class.
///
/// Marks: `pymethod`, `pyclassmethod`, `pystaticmethod` (with `name = ".."`, `sig = "(..)"`, or `raw`), `pygetter`, `pysetter`,
/// `pymember` (a getter that Python code sees as a `member_descriptor`), `pyattr`, `pyslot`. `new` and `init` slots without an
/// `args: Args` parameter are parsed by their `sig`.
///
/// `#[pymethods(extra = "NAME")]` emits a static table `NAME` of a block in another file, which the main block takes in by
/// `#[pymethods(with(path::NAME))]`.
#[proc_macro_attribute]
pub fn pymethods(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = parse_macro_input!(args as class::MethodsArgs);
    let item = parse_macro_input!(item as syn::ItemImpl);
    class::pymethods(args, item)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

/// A Rust module as a Python module: `#[pymodule(name = "math", doc = "...", classes(Foo))] pub mod math { ... }`.
///
/// Further modules of this kind that `with(path::part, ...)` names are parts of it, for functions that stand in other files or
/// come out of a `macro_rules!`: what they define is found here, under this module's name.
#[proc_macro_attribute]
pub fn pymodule(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = parse_macro_input!(args as module::ModuleArgs);
    let item = parse_macro_input!(item as syn::ItemMod);
    module::pymodule(args, item)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}
