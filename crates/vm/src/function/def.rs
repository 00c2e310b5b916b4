//! The static tables that the macros emit: what a native function, class or module is.

/// A literal text, put apart from the data around it. Docstrings and text signatures of native code are four times as long as
/// the tables that they belong to, and next to no program reads them: among the tables they would fill the pages that every
/// start reads.
#[macro_export]
macro_rules! apart {
    // The docstring of a class, which is read when the class's dictionary is filled.
    (class $text:expr) => {
        $crate::apart!("naja_class_docs", $text)
    };
    ($text:expr) => {
        $crate::apart!("naja_docs", $text)
    };
    ($section:literal, $text:expr) => {{
        const TEXT: &str = $text;
        // SAFETY: plain bytes; a section of their own changes nothing but their place.
        #[allow(unsafe_code)]
        #[cfg_attr(target_os = "linux", unsafe(link_section = $section))]
        static BYTES: [u8; TEXT.len()] = match TEXT.as_bytes().first_chunk() {
            Some(bytes) => *bytes,
            None => [0; TEXT.len()],
        };
        match ::core::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => "",
        }
    }};
}

use super::args::Args;
use crate::objects::module::Module;
use crate::objects::type_::{Slots, Type};
use crate::vm::{PyResult, Vm};
use naja_heap::{Payload, PayloadInfo, Ref, Value};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The calling convention of native functions: the object (or class) comes first among the arguments.
pub type NativeFn = fn(&Vm, Args) -> PyResult;

/// What a native function gets as its first argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MethodKind {
    /// A module's function: nothing.
    Function,
    Method,
    Class,
    Static,
}

/// A native function or method.
pub struct MethodDef {
    pub name: &'static str,
    pub doc: &'static str,
    pub text_signature: Option<&'static str>,
    pub kind: MethodKind,
    pub call: NativeFn,
}

/// An attribute that functions read and write.
pub struct GetSetDef {
    pub name: &'static str,
    pub doc: &'static str,
    /// Whether Python code sees it as a struct's field (`member_descriptor`) instead of a computed attribute.
    pub member: bool,
    pub get: Option<fn(&Vm, &Value) -> PyResult>,
    pub set: Option<fn(&Vm, &Value, Option<&Value>) -> PyResult<()>>,
}

/// An attribute made once, when the class or module is.
pub struct AttrDef {
    pub name: &'static str,
    pub value: fn(&Vm) -> PyResult,
}

/// Part of a class: what one `#[pymethods]` block defines.
pub struct MethodTable {
    pub methods: &'static [MethodDef],
    pub getset: &'static [GetSetDef],
    pub attrs: &'static [AttrDef],
    pub slots: fn(&Slots),
}

/// A native class.
pub struct TypeDef {
    pub name: &'static str,
    pub module: &'static str,
    /// Empty: no docstring.
    pub doc: &'static str,
    pub text_signature: Option<&'static str>,
    /// The base class; None: `object`.
    pub base: Option<fn(&Vm) -> Ref<Type>>,
    /// Bits of `TypeFlags`.
    pub flags: u64,
    pub payload: &'static PayloadInfo,
    pub tables: &'static [&'static MethodTable],
    pub id: &'static DefId,
}

/// A native module.
#[derive(Clone, Copy)]
pub struct ModuleDef {
    pub name: &'static str,
    pub doc: &'static str,
    pub functions: &'static [MethodDef],
    pub attrs: &'static [AttrDef],
    pub classes: &'static [fn(&Vm) -> Ref<Type>],
    /// Parts: what they define stands in this module too.
    pub with: &'static [&'static ModuleDef],
    pub exec: Option<fn(&Vm, &Ref<Module>) -> PyResult<()>>,
}

/// The number of a native class, given when first asked for; interpreters keep their type objects under it.
pub struct DefId(AtomicUsize);

static NEXT_DEF: AtomicUsize = AtomicUsize::new(1);

impl DefId {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> DefId {
        DefId(AtomicUsize::new(0))
    }

    #[inline(always)]
    pub fn get(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => self.assign(),
            id => id,
        }
    }

    #[cold]
    fn assign(&self) -> usize {
        let new = NEXT_DEF.fetch_add(1, Ordering::Relaxed);
        match self
            .0
            .compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => new,
            Err(other) => other, // another thread was first; the number taken stays unused
        }
    }
}

/// What `#[pyclass]` says of a payload.
pub trait ClassInfo {
    const CLASS_NAME: &'static str;
    const MODULE: &'static str;
    const DOC: &'static str;
    const BASE_CLASS: Option<fn(&Vm) -> Ref<Type>>;
    const FLAGS: u64;
}

/// A payload that is a native class's.
pub trait PyClass: Payload {
    fn def() -> &'static TypeDef;
}

/// A special method of a built-in class that its slot function implements (`list.__len__`).
pub struct SlotWrapper {
    pub name: &'static str,
    /// "(text signature)\n--\n\ndocstring".
    pub doc: &'static str,
    /// Parses the arguments (the object first) and calls the slot of `class`.
    pub call: fn(&Vm, &Type, Args) -> PyResult,
}
