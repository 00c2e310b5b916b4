//! The abstract syntax tree: `Parser/Python.asdl` of CPython 3.14, node for node and field for field.
//!
//! All nodes live in an [`Arena`] and are plain `Copy` data (references and slices into the arena), so nothing is ever
//! dropped node by node: a tree a million levels deep is freed without recursion. Nodes are immutable; a pass that
//! changes something builds new nodes and shares the rest. The address of a node (`std::ptr::from_ref`) identifies it
//! for as long as the arena lives, which the symbol table relies on.
//! Lists of the big sum types hold references (`&[&Expr]`), lists of the small product types hold the values.

use crate::wtf8::Wtf8;
use dashu_int::IBig;

/// The owner of a tree's memory.
#[derive(Default)]
pub struct Arena {
    pub bump: bumpalo::Bump,
    /// Big integers own heap memory, so they need the destructor that the bump allocator never runs.
    ints: typed_arena::Arena<IBig>,
}

impl Arena {
    pub fn new() -> Self {
        Self::default()
    }

    /// An arena whose first chunk suits a source text of `length` bytes.
    pub fn for_source(length: usize) -> Self {
        Self {
            bump: bumpalo::Bump::with_capacity(length.saturating_mul(4).min(1 << 24)),
            ints: typed_arena::Arena::new(),
        }
    }

    #[inline]
    pub fn alloc<T: Copy>(&self, value: T) -> &T {
        self.bump.alloc(value)
    }

    #[inline]
    pub fn slice<T: Copy>(&self, values: &[T]) -> &[T] {
        if values.is_empty() {
            &[]
        } else {
            self.bump.alloc_slice_copy(values)
        }
    }

    #[inline]
    pub fn str(&self, text: &str) -> &str {
        self.bump.alloc_str(text)
    }

    pub fn wtf8(&self, text: &Wtf8) -> &Wtf8 {
        Wtf8::from_bytes(self.bump.alloc_slice_copy(text.as_bytes()))
    }

    pub fn int(&self, value: IBig) -> &IBig {
        self.ints.alloc(value)
    }

    #[inline]
    pub fn expr<'a>(&'a self, kind: ExprKind<'a>, range: Range) -> &'a Expr<'a> {
        self.bump.alloc(Expr { kind, range })
    }

    #[inline]
    pub fn stmt<'a>(&'a self, kind: StmtKind<'a>, range: Range) -> &'a Stmt<'a> {
        self.bump.alloc(Stmt { kind, range })
    }

    #[inline]
    pub fn pattern<'a>(&'a self, kind: PatternKind<'a>, range: Range) -> &'a Pattern<'a> {
        self.bump.alloc(Pattern { kind, range })
    }
}

/// Where a node stands in its source. Lines count from 1, columns from 0 in bytes of UTF-8. Trees that come from
/// Python's `compile(ast)` may hold any numbers, hence signed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub lineno: i32,
    pub col_offset: i32,
    pub end_lineno: i32,
    pub end_col_offset: i32,
}

impl Range {
    pub const fn new(lineno: i32, col_offset: i32, end_lineno: i32, end_col_offset: i32) -> Self {
        Self {
            lineno,
            col_offset,
            end_lineno,
            end_col_offset,
        }
    }

    /// From the start of `self` to the end of `other`.
    #[inline]
    pub const fn to(self, other: Range) -> Self {
        Self::new(
            self.lineno,
            self.col_offset,
            other.end_lineno,
            other.end_col_offset,
        )
    }
}

pub type Identifier<'a> = &'a str;
pub type ExprRef<'a> = &'a Expr<'a>;
pub type StmtRef<'a> = &'a Stmt<'a>;
pub type PatternRef<'a> = &'a Pattern<'a>;

#[derive(Clone, Copy, Debug)]
pub enum Mod<'a> {
    Module {
        body: &'a [&'a Stmt<'a>],
        type_ignores: &'a [TypeIgnore<'a>],
    },
    Interactive {
        body: &'a [&'a Stmt<'a>],
    },
    Expression {
        body: &'a Expr<'a>,
    },
    FunctionType {
        argtypes: &'a [&'a Expr<'a>],
        returns: &'a Expr<'a>,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Stmt<'a> {
    pub kind: StmtKind<'a>,
    pub range: Range,
}

#[derive(Clone, Copy, Debug)]
pub enum StmtKind<'a> {
    FunctionDef {
        name: Identifier<'a>,
        args: &'a Arguments<'a>,
        body: &'a [&'a Stmt<'a>],
        decorator_list: &'a [&'a Expr<'a>],
        returns: Option<&'a Expr<'a>>,
        type_comment: Option<&'a str>,
        type_params: &'a [TypeParam<'a>],
    },
    AsyncFunctionDef {
        name: Identifier<'a>,
        args: &'a Arguments<'a>,
        body: &'a [&'a Stmt<'a>],
        decorator_list: &'a [&'a Expr<'a>],
        returns: Option<&'a Expr<'a>>,
        type_comment: Option<&'a str>,
        type_params: &'a [TypeParam<'a>],
    },
    ClassDef {
        name: Identifier<'a>,
        bases: &'a [&'a Expr<'a>],
        keywords: &'a [Keyword<'a>],
        body: &'a [&'a Stmt<'a>],
        decorator_list: &'a [&'a Expr<'a>],
        type_params: &'a [TypeParam<'a>],
    },
    Return {
        value: Option<&'a Expr<'a>>,
    },
    Delete {
        targets: &'a [&'a Expr<'a>],
    },
    Assign {
        targets: &'a [&'a Expr<'a>],
        value: &'a Expr<'a>,
        type_comment: Option<&'a str>,
    },
    TypeAlias {
        name: &'a Expr<'a>,
        type_params: &'a [TypeParam<'a>],
        value: &'a Expr<'a>,
    },
    AugAssign {
        target: &'a Expr<'a>,
        op: Operator,
        value: &'a Expr<'a>,
    },
    AnnAssign {
        target: &'a Expr<'a>,
        annotation: &'a Expr<'a>,
        value: Option<&'a Expr<'a>>,
        simple: bool,
    },
    For {
        target: &'a Expr<'a>,
        iter: &'a Expr<'a>,
        body: &'a [&'a Stmt<'a>],
        orelse: &'a [&'a Stmt<'a>],
        type_comment: Option<&'a str>,
    },
    AsyncFor {
        target: &'a Expr<'a>,
        iter: &'a Expr<'a>,
        body: &'a [&'a Stmt<'a>],
        orelse: &'a [&'a Stmt<'a>],
        type_comment: Option<&'a str>,
    },
    While {
        test: &'a Expr<'a>,
        body: &'a [&'a Stmt<'a>],
        orelse: &'a [&'a Stmt<'a>],
    },
    If {
        test: &'a Expr<'a>,
        body: &'a [&'a Stmt<'a>],
        orelse: &'a [&'a Stmt<'a>],
    },
    With {
        items: &'a [WithItem<'a>],
        body: &'a [&'a Stmt<'a>],
        type_comment: Option<&'a str>,
    },
    AsyncWith {
        items: &'a [WithItem<'a>],
        body: &'a [&'a Stmt<'a>],
        type_comment: Option<&'a str>,
    },
    Match {
        subject: &'a Expr<'a>,
        cases: &'a [MatchCase<'a>],
    },
    Raise {
        exc: Option<&'a Expr<'a>>,
        cause: Option<&'a Expr<'a>>,
    },
    Try {
        body: &'a [&'a Stmt<'a>],
        handlers: &'a [ExceptHandler<'a>],
        orelse: &'a [&'a Stmt<'a>],
        finalbody: &'a [&'a Stmt<'a>],
    },
    TryStar {
        body: &'a [&'a Stmt<'a>],
        handlers: &'a [ExceptHandler<'a>],
        orelse: &'a [&'a Stmt<'a>],
        finalbody: &'a [&'a Stmt<'a>],
    },
    Assert {
        test: &'a Expr<'a>,
        msg: Option<&'a Expr<'a>>,
    },
    Import {
        names: &'a [Alias<'a>],
    },
    ImportFrom {
        module: Option<Identifier<'a>>,
        names: &'a [Alias<'a>],
        level: i32,
    },
    Global {
        names: &'a [Identifier<'a>],
    },
    Nonlocal {
        names: &'a [Identifier<'a>],
    },
    Expr {
        value: &'a Expr<'a>,
    },
    Pass,
    Break,
    Continue,
}

#[derive(Clone, Copy, Debug)]
pub struct Expr<'a> {
    pub kind: ExprKind<'a>,
    pub range: Range,
}

#[derive(Clone, Copy, Debug)]
pub enum ExprKind<'a> {
    BoolOp {
        op: BoolOperator,
        values: &'a [&'a Expr<'a>],
    },
    NamedExpr {
        target: &'a Expr<'a>,
        value: &'a Expr<'a>,
    },
    BinOp {
        left: &'a Expr<'a>,
        op: Operator,
        right: &'a Expr<'a>,
    },
    UnaryOp {
        op: UnaryOperator,
        operand: &'a Expr<'a>,
    },
    Lambda {
        args: &'a Arguments<'a>,
        body: &'a Expr<'a>,
    },
    IfExp {
        test: &'a Expr<'a>,
        body: &'a Expr<'a>,
        orelse: &'a Expr<'a>,
    },
    /// A key of `None` stands for `**value`.
    Dict {
        keys: &'a [Option<&'a Expr<'a>>],
        values: &'a [&'a Expr<'a>],
    },
    Set {
        elts: &'a [&'a Expr<'a>],
    },
    ListComp {
        elt: &'a Expr<'a>,
        generators: &'a [Comprehension<'a>],
    },
    SetComp {
        elt: &'a Expr<'a>,
        generators: &'a [Comprehension<'a>],
    },
    DictComp {
        key: &'a Expr<'a>,
        value: &'a Expr<'a>,
        generators: &'a [Comprehension<'a>],
    },
    GeneratorExp {
        elt: &'a Expr<'a>,
        generators: &'a [Comprehension<'a>],
    },
    Await {
        value: &'a Expr<'a>,
    },
    Yield {
        value: Option<&'a Expr<'a>>,
    },
    YieldFrom {
        value: &'a Expr<'a>,
    },
    Compare {
        left: &'a Expr<'a>,
        ops: &'a [CmpOp],
        comparators: &'a [&'a Expr<'a>],
    },
    Call {
        func: &'a Expr<'a>,
        args: &'a [&'a Expr<'a>],
        keywords: &'a [Keyword<'a>],
    },
    /// `conversion` is -1 for none, else the character's code: 's', 'r' or 'a'.
    FormattedValue {
        value: &'a Expr<'a>,
        conversion: i32,
        format_spec: Option<&'a Expr<'a>>,
    },
    Interpolation {
        value: &'a Expr<'a>,
        str: &'a Constant<'a>,
        conversion: i32,
        format_spec: Option<&'a Expr<'a>>,
    },
    JoinedStr {
        values: &'a [&'a Expr<'a>],
    },
    TemplateStr {
        values: &'a [&'a Expr<'a>],
    },
    /// `kind` is `Some("u")` for a string literal with that prefix.
    Constant {
        value: Constant<'a>,
        kind: Option<&'a str>,
    },
    Attribute {
        value: &'a Expr<'a>,
        attr: Identifier<'a>,
        ctx: ExprContext,
    },
    Subscript {
        value: &'a Expr<'a>,
        slice: &'a Expr<'a>,
        ctx: ExprContext,
    },
    Starred {
        value: &'a Expr<'a>,
        ctx: ExprContext,
    },
    Name {
        id: Identifier<'a>,
        ctx: ExprContext,
    },
    List {
        elts: &'a [&'a Expr<'a>],
        ctx: ExprContext,
    },
    Tuple {
        elts: &'a [&'a Expr<'a>],
        ctx: ExprContext,
    },
    Slice {
        lower: Option<&'a Expr<'a>>,
        upper: Option<&'a Expr<'a>>,
        step: Option<&'a Expr<'a>>,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Constant<'a> {
    None,
    True,
    False,
    Ellipsis,
    Int(i64),
    /// An integer that does not fit `Int`.
    BigInt(&'a IBig),
    Float(f64),
    /// Real and imaginary part; literals have a real part of zero.
    Complex(f64, f64),
    Str(&'a Wtf8),
    Bytes(&'a [u8]),
    /// Only in trees that come from Python's `compile(ast)`.
    Tuple(&'a [Constant<'a>]),
    /// Only in trees that come from Python's `compile(ast)`.
    FrozenSet(&'a [Constant<'a>]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExprContext {
    Load,
    Store,
    Del,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoolOperator {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Sub,
    Mult,
    MatMult,
    Div,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
    FloorDiv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOperator {
    Invert,
    Not,
    UAdd,
    USub,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug)]
pub struct Comprehension<'a> {
    pub target: &'a Expr<'a>,
    pub iter: &'a Expr<'a>,
    pub ifs: &'a [&'a Expr<'a>],
    pub is_async: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct ExceptHandler<'a> {
    /// The field `type`.
    pub type_: Option<&'a Expr<'a>>,
    pub name: Option<Identifier<'a>>,
    pub body: &'a [&'a Stmt<'a>],
    pub range: Range,
}

/// Parameters. `defaults` belong to the last of `posonlyargs` + `args`; `kw_defaults` has an entry for each of
/// `kwonlyargs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arguments<'a> {
    pub posonlyargs: &'a [Arg<'a>],
    pub args: &'a [Arg<'a>],
    pub vararg: Option<&'a Arg<'a>>,
    pub kwonlyargs: &'a [Arg<'a>],
    pub kw_defaults: &'a [Option<&'a Expr<'a>>],
    pub kwarg: Option<&'a Arg<'a>>,
    pub defaults: &'a [&'a Expr<'a>],
}

#[derive(Clone, Copy, Debug)]
pub struct Arg<'a> {
    pub arg: Identifier<'a>,
    pub annotation: Option<&'a Expr<'a>>,
    pub type_comment: Option<&'a str>,
    pub range: Range,
}

/// An argument of a call; `arg` is `None` for `**value`.
#[derive(Clone, Copy, Debug)]
pub struct Keyword<'a> {
    pub arg: Option<Identifier<'a>>,
    pub value: &'a Expr<'a>,
    pub range: Range,
}

#[derive(Clone, Copy, Debug)]
pub struct Alias<'a> {
    pub name: Identifier<'a>,
    pub asname: Option<Identifier<'a>>,
    pub range: Range,
}

#[derive(Clone, Copy, Debug)]
pub struct WithItem<'a> {
    pub context_expr: &'a Expr<'a>,
    pub optional_vars: Option<&'a Expr<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub struct MatchCase<'a> {
    pub pattern: &'a Pattern<'a>,
    pub guard: Option<&'a Expr<'a>>,
    pub body: &'a [&'a Stmt<'a>],
}

#[derive(Clone, Copy, Debug)]
pub struct Pattern<'a> {
    pub kind: PatternKind<'a>,
    pub range: Range,
}

#[derive(Clone, Copy, Debug)]
pub enum PatternKind<'a> {
    MatchValue {
        value: &'a Expr<'a>,
    },
    MatchSingleton {
        value: Constant<'a>,
    },
    MatchSequence {
        patterns: &'a [&'a Pattern<'a>],
    },
    MatchMapping {
        keys: &'a [&'a Expr<'a>],
        patterns: &'a [&'a Pattern<'a>],
        rest: Option<Identifier<'a>>,
    },
    MatchClass {
        cls: &'a Expr<'a>,
        patterns: &'a [&'a Pattern<'a>],
        kwd_attrs: &'a [Identifier<'a>],
        kwd_patterns: &'a [&'a Pattern<'a>],
    },
    MatchStar {
        name: Option<Identifier<'a>>,
    },
    MatchAs {
        pattern: Option<&'a Pattern<'a>>,
        name: Option<Identifier<'a>>,
    },
    MatchOr {
        patterns: &'a [&'a Pattern<'a>],
    },
}

#[derive(Clone, Copy, Debug)]
pub struct TypeIgnore<'a> {
    pub lineno: i32,
    pub tag: &'a str,
}

#[derive(Clone, Copy, Debug)]
pub struct TypeParam<'a> {
    pub kind: TypeParamKind<'a>,
    pub range: Range,
}

#[derive(Clone, Copy, Debug)]
pub enum TypeParamKind<'a> {
    TypeVar {
        name: Identifier<'a>,
        bound: Option<&'a Expr<'a>>,
        default_value: Option<&'a Expr<'a>>,
    },
    ParamSpec {
        name: Identifier<'a>,
        default_value: Option<&'a Expr<'a>>,
    },
    TypeVarTuple {
        name: Identifier<'a>,
        default_value: Option<&'a Expr<'a>>,
    },
}

impl<'a> Expr<'a> {
    /// Whether this is a literal string (not bytes, not an f-string): what makes a docstring.
    pub fn as_str_constant(&self) -> Option<&'a Wtf8> {
        match self.kind {
            ExprKind::Constant {
                value: Constant::Str(text),
                ..
            } => Some(text),
            _ => None,
        }
    }
}

/// The docstring of a body, where its first statement is one.
pub fn docstring<'a>(body: &[&'a Stmt<'a>]) -> Option<&'a Wtf8> {
    match body.first()?.kind {
        StmtKind::Expr { value } => value.as_str_constant(),
        _ => None,
    }
}
