//! The symbol table: which names each block binds and uses, and where each name lives.
//!
//! [`build`] walks the tree once and collects raw facts per block (`build`, `expr`); `analyze` then decides for each
//! name whether it is local, global, free or a cell, and which comprehensions run inside the block around them (PEP
//! 709). Blocks are numbered; a [`Key`] finds the block of a node by the node's address, so the tree must not move
//! between here and code generation. Flag bits are CPython's, because `_symtable` shows them.
//! CPython: `Python/symtable.c`, `Include/internal/pycore_symtable.h`.

mod analyze;
mod build;
mod expr;
mod names;

use indexmap::IndexMap;
use naja_parser::ast::{Mod, Range};
use naja_parser::error::SyntaxError;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

pub use names::{Name, Names, known};

use crate::future::Future;
use crate::mangle::mangle;

/// Bits of a symbol.
pub mod flag {
    /// `global` statement.
    pub const DEF_GLOBAL: u32 = 1;
    /// Assigned in the block.
    pub const DEF_LOCAL: u32 = 2;
    /// Parameter.
    pub const DEF_PARAM: u32 = 4;
    /// `nonlocal` statement.
    pub const DEF_NONLOCAL: u32 = 8;
    /// Used in the block.
    pub const USE: u32 = 16;
    /// Free variable of a method that is bound in the class, too.
    pub const DEF_FREE_CLASS: u32 = 64;
    /// Bound by `import`.
    pub const DEF_IMPORT: u32 = 128;
    /// Annotated.
    pub const DEF_ANNOT: u32 = 256;
    /// Iteration variable of a comprehension.
    pub const DEF_COMP_ITER: u32 = 512;
    /// Type parameter.
    pub const DEF_TYPE_PARAM: u32 = 1024;
    /// Cell of an inlined comprehension.
    pub const DEF_COMP_CELL: u32 = 2048;
    /// Bound in some way (`_symtable` leaves out type parameters).
    pub const DEF_BOUND: u32 = DEF_LOCAL | DEF_PARAM | DEF_IMPORT | DEF_TYPE_PARAM;
    /// Where the scope stands in a symbol.
    pub const SCOPE_OFFSET: u32 = 12;
    /// The scope's bits.
    pub const SCOPE_MASK: u32 = 15;
}

/// Where a name lives, as `flags >> SCOPE_OFFSET`; 0 for names that the block does not know.
pub mod scope {
    /// In the block.
    pub const LOCAL: u32 = 1;
    /// Declared `global`.
    pub const GLOBAL_EXPLICIT: u32 = 2;
    /// Global or builtin for lack of a binding.
    pub const GLOBAL_IMPLICIT: u32 = 3;
    /// In a function around the block.
    pub const FREE: u32 = 4;
    /// In the block, shared with functions inside.
    pub const CELL: u32 = 5;
}

/// The scope in a symbol's flags.
pub const fn scope_of(flags: u32) -> u32 {
    (flags >> flag::SCOPE_OFFSET) & flag::SCOPE_MASK
}

/// What a block belongs to; numbers as in `_symtable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockKind {
    /// Function, lambda or comprehension.
    Function = 0,
    /// Class body.
    Class = 1,
    /// Module.
    Module = 2,
    /// `__annotate__` function.
    Annotation = 3,
    /// Value of a `type` statement.
    TypeAlias = 4,
    /// Type parameters of a class, function or alias.
    TypeParameters = 5,
    /// Bound, constraints or default of a type parameter.
    TypeVariable = 6,
}

/// Which comprehension a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comprehension {
    /// `[...]`
    List,
    /// `{k: v ...}`
    Dict,
    /// `{...}`
    Set,
    /// `(...)`
    Generator,
}

/// Number of a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockId(pub u32);

/// What a block is found by: the address of a node, and which of the node's blocks is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// The module.
    Module,
    /// A function, class, lambda, comprehension, type alias or the bound of a type parameter.
    Node(usize),
    /// The default of a `TypeVar` (a bound has the key of the node itself).
    Default(usize),
    /// The annotations of a function.
    Annotations(usize),
    /// The first simple annotation of a module, class or function body, by block.
    Variables(u32),
    /// A list of type parameters.
    TypeParams(usize),
}

impl Key {
    /// The main block of a node.
    pub fn node<T>(node: &T) -> Key {
        Key::Node(std::ptr::from_ref(node) as usize)
    }

    /// The second block of a type parameter.
    pub fn default<T>(node: &T) -> Key {
        Key::Default(std::ptr::from_ref(node) as usize)
    }

    /// The annotations of a function.
    pub fn annotations<T>(node: &T) -> Key {
        Key::Annotations(std::ptr::from_ref(node) as usize)
    }

    /// A list of type parameters.
    pub fn type_params<T>(list: &[T]) -> Key {
        Key::TypeParams(list.as_ptr() as usize)
    }
}

/// Symbols in order of first mention.
pub type Symbols = IndexMap<Name, u32, FxBuildHasher>;

/// One block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Name of the function or class, or "top", "lambda", "genexpr", ...
    pub name: Name,
    /// What the block is.
    pub kind: BlockKind,
    /// Flags by name.
    pub symbols: Symbols,
    /// Parameters in order.
    pub varnames: Vec<Name>,
    /// Blocks inside, in order; children of inlined comprehensions stand in their place.
    pub children: Vec<BlockId>,
    /// Names in `global` and `nonlocal` statements, with their places.
    pub directives: Vec<(Name, Range)>,
    /// In the block of a generic class's type parameters and inside: which names are mangled at all.
    mangled_names: Option<u32>,
    /// Where the block stands.
    pub range: Range,
    /// How error messages call a type variable's block.
    scope_info: &'static str,
    /// Inside a function.
    pub nested: bool,
    /// Has `yield`, or is a generator expression.
    pub generator: bool,
    /// `async def`, or awaits.
    pub coroutine: bool,
    /// The comprehension it is.
    pub comprehension: Option<Comprehension>,
    /// Has `*args`.
    pub varargs: bool,
    /// Has `**kwargs`.
    pub varkeywords: bool,
    /// Has a `return` with a value.
    pub returns_value: bool,
    /// Has annotations.
    pub annotations_used: bool,
    /// A class whose methods use `__class__`.
    pub needs_class_closure: bool,
    /// A class whose annotation scopes see its names.
    pub needs_classdict: bool,
    /// A comprehension that runs in the block around it.
    pub comp_inlined: bool,
    /// The target of a comprehension is being visited.
    comp_iter_target: bool,
    /// An annotation scope right in a class.
    pub can_see_class_scope: bool,
    /// Depth of iterable expressions being visited.
    comp_iter_expr: u32,
    /// Annotations exist that may not be executed.
    pub has_conditional_annotations: bool,
    in_conditional_block: bool,
    in_unevaluated_annotation: bool,
    /// The block of the simple annotations.
    pub annotation_block: Option<BlockId>,
    /// The body starts with a docstring.
    pub has_docstring: bool,
    /// A function right in a class body.
    pub method: bool,
}

impl Block {
    /// A name's flags, 0 if the block does not know it.
    pub fn symbol(&self, name: Name) -> u32 {
        self.symbols.get(&name).copied().unwrap_or(0)
    }

    /// A name's scope.
    pub fn scope(&self, name: Name) -> u32 {
        scope_of(self.symbol(name))
    }

    /// Whether the block runs with fast locals.
    pub fn is_function_like(&self) -> bool {
        !matches!(self.kind, BlockKind::Class | BlockKind::Module)
    }
}

/// The blocks of a module.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable {
    /// All names.
    pub names: Names,
    blocks: Vec<Block>,
    keys: FxHashMap<Key, BlockId>,
    mangled_sets: Vec<FxHashSet<Name>>,
}

impl SymbolTable {
    /// The module's block.
    pub fn top(&self) -> BlockId {
        BlockId(0)
    }

    /// A block by number.
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    pub(crate) fn block_mut(&mut self, id: BlockId) -> &mut Block {
        &mut self.blocks[id.0 as usize]
    }

    /// The block of a node.
    pub fn lookup(&self, key: Key) -> Option<BlockId> {
        self.keys.get(&key).copied()
    }

    /// The name by which a block knows an identifier in class `private`.
    pub fn maybe_mangle(&mut self, private: Option<Name>, block: BlockId, text: &str) -> Name {
        if !text.starts_with("__") {
            return self.names.intern(text);
        }
        if let Some(set) = self.block(block).mangled_names {
            let name = self.names.intern(text);
            if !self.mangled_sets[set as usize].contains(&name) {
                return name;
            }
        }
        self.mangle(private, text)
    }

    /// The name of an identifier in class `private`.
    pub fn mangle(&mut self, private: Option<Name>, text: &str) -> Name {
        match private.and_then(|class| mangle(self.names.text(class), text)) {
            Some(mangled) => self.names.intern(&mangled),
            None => self.names.intern(text),
        }
    }
}

/// Builds the symbol table of a module. `features` are the compile flags besides the module's own future statements.
/// Raises SyntaxError for misplaced or contradictory bindings, and the recursion error for trees too deep.
pub fn build(module: &Mod<'_>, future: &Future, features: u32) -> Result<SymbolTable, SyntaxError> {
    build_boxed(module, future, features).map_err(|error| *error)
}

pub(crate) fn build_boxed(
    module: &Mod<'_>,
    future: &Future,
    features: u32,
) -> Result<SymbolTable, crate::Error> {
    let mut table = build::run(module, future, features)?;
    analyze::run(&mut table)?;
    Ok(table)
}
