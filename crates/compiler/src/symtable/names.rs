//! Names as small numbers, so that scopes hold and compare integers.
//!
//! Every identifier of a compilation is interned once; the numbers of the names that the compiler itself speaks of are
//! constants in [`known`]. Invariant: `KNOWN[i]` has number `i`.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// An interned name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name(pub u32);

macro_rules! known {
    ($($ident:ident = $text:literal),* $(,)?) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u32)]
        enum Number { $($ident),* }
        /// Names that the compiler itself uses.
        pub mod known {
            use super::{Name, Number};
            $(#[doc = $text] pub const $ident: Name = Name(Number::$ident as u32);)*
        }
        const KNOWN: &[&str] = &[$($text),*];
    };
}

known! {
    TOP = "top",
    LAMBDA = "lambda",
    GENEXPR = "genexpr",
    LISTCOMP = "listcomp",
    SETCOMP = "setcomp",
    DICTCOMP = "dictcomp",
    ANNOTATE = "__annotate__",
    ANNOTATE_FUNC = "__annotate_func__",
    ANNOTATIONS = "__annotations__",
    CLASS = "__class__",
    CLASSCELL = "__classcell__",
    CLASSDICT = "__classdict__",
    CLASSDICTCELL = "__classdictcell__",
    CONDITIONAL_ANNOTATIONS = "__conditional_annotations__",
    DEBUG = "__debug__",
    DOC = "__doc__",
    FIRSTLINENO = "__firstlineno__",
    MODULE = "__module__",
    DUNDER_NAME = "__name__",
    QUALNAME = "__qualname__",
    STATIC_ATTRIBUTES = "__static_attributes__",
    DUNDER_TYPE_PARAMS = "__type_params__",
    FORMAT = ".format",
    TYPE_PARAMS = ".type_params",
    GENERIC_BASE = ".generic_base",
    DEFAULTS = ".defaults",
    KWDEFAULTS = ".kwdefaults",
    DOT_ZERO = ".0",
    SUPER = "super",
    JOIN = "join",
}

/// All names of a compilation.
#[derive(Clone, Debug)]
pub struct Names {
    set: IndexSet<Box<str>, FxBuildHasher>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            set: KNOWN.iter().map(|text| Box::from(*text)).collect(),
        }
    }
}

impl Names {
    /// The number of a name.
    pub fn intern(&mut self, text: &str) -> Name {
        let index = match self.set.get_index_of(text) {
            Some(index) => index,
            None => self.set.insert_full(text.into()).0,
        };
        Name(index as u32)
    }

    /// The number of a name that may not occur at all.
    pub fn find(&self, text: &str) -> Option<Name> {
        Some(Name(self.set.get_index_of(text)? as u32))
    }

    /// The text of a name.
    pub fn text(&self, name: Name) -> &str {
        self.set.get_index(name.0 as usize).map_or("", |text| text)
    }
}
