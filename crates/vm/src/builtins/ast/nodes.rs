//! The table of node classes: `Parser/Python.asdl`, from which classes, documentation and both conversions are made.
//!
//! Each macro call below is one rule of the grammar; a field is its name and its type (`*` a list, `?` optional). The
//! order is Python.asdl's and gives each constructor its number in [`classes`]. CPython: Parser/asdl_c.py.

use super::convert::{Field, Reader, ToObject, Writer};
use crate::vm::PyResult;
use naja_heap::Value;
use naja_parser::ast::*;

/// The attributes that say where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    None,
    /// The end may be missing.
    OptionalEnd,
    Full,
}

/// A class of nodes that has fields of its own: a constructor, or a rule that is one (a product).
pub struct Constructor {
    pub name: &'static str,
    pub fields: &'static [(&'static str, &'static str)],
}

/// A rule of the grammar.
pub struct Rule {
    pub name: &'static str,
    pub place: Place,
    /// Whether `constructors` are subclasses; of a product it is the class itself.
    pub sum: bool,
    pub constructors: &'static [Constructor],
}

/// The rule of a Rust type, and the number of its (first) class in the list of all constructors.
pub trait HasRule {
    const RULE: &'static Rule;
    const INDEX: usize;
}

/// A sum whose Rust type is an enumeration.
pub trait Sum<'a>: HasRule + Sized {
    /// Number of the constructor, and the values of its fields.
    fn fields(&self, w: &Writer) -> PyResult<(usize, Vec<Value>)>;
    fn read(r: &Reader<'a>, object: &Value, constructor: usize) -> PyResult<Self>;
}

/// A product: a struct of fields and, where it has one, its place.
pub trait Product<'a>: HasRule + Sized {
    fn fields(&self, w: &Writer) -> PyResult<Vec<Value>>;
    fn range(&self) -> Option<Range>;
    fn read(r: &Reader<'a>, object: &Value) -> PyResult<Self>;
}

/// A field's name without the underscore that keeps it from being a Rust keyword.
const fn field_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [.., b'_'] => name.split_at(name.len() - 1).0,
        _ => name,
    }
}

macro_rules! constructors {
    ($( $variant:ident { $( $field:ident : $spec:literal ),* } )*) => {
        &[ $( Constructor {
            name: stringify!($variant),
            fields: &[ $( (field_name(stringify!($field)), $spec) ),* ],
        } ),* ]
    };
}

macro_rules! sum {
    ($ty:ident $(<$l:lifetime>)?, $name:literal, $after:expr, $place:expr; $( $variant:ident { $( $field:ident : $spec:literal ),* } )*) => {
        impl $(<$l>)? HasRule for $ty $(<$l>)? {
            const RULE: &'static Rule = &Rule {
                name: $name,
                place: $place,
                sum: true,
                constructors: constructors! { $( $variant { $( $field : $spec ),* } )* },
            };
            const INDEX: usize = $after;
        }
        impl<'a> Sum<'a> for sum!(@ty $ty $(<$l>)?) {
            fn fields(&self, _w: &Writer) -> PyResult<(usize, Vec<Value>)> {
                #[allow(clippy::enum_variant_names)]
                enum Number { $( $variant ),* }
                Ok(match *self {
                    $( $ty::$variant { $( $field ),* } => (
                        Number::$variant as usize,
                        vec![ $( $field.to_object(_w)? ),* ],
                    ), )*
                })
            }
            fn read(_r: &Reader<'a>, _object: &Value, constructor: usize) -> PyResult<Self> {
                #[allow(clippy::enum_variant_names)]
                enum Number { $( $variant ),* }
                $( if constructor == Number::$variant as usize {
                    return Ok($ty::$variant { $(
                        $field: _r.field(_object, &Field {
                            name: field_name(stringify!($field)),
                            spec: $spec,
                            owner: stringify!($variant),
                        })?
                    ),* });
                } )*
                Err(_r.unexpected(<Self as HasRule>::RULE, _object))
            }
        }
    };
    (@ty $ty:ident) => { $ty };
    (@ty $ty:ident<$l:lifetime>) => { $ty<'a> };
}

macro_rules! product {
    ($ty:ident, $name:literal, $after:expr, $place:expr, $range:ident; $( $field:ident : $spec:literal ),*) => {
        impl HasRule for $ty<'_> {
            const RULE: &'static Rule = &Rule {
                name: $name,
                place: $place,
                sum: false,
                constructors: &[Constructor {
                    name: $name,
                    fields: &[ $( (field_name(stringify!($field)), $spec) ),* ],
                }],
            };
            const INDEX: usize = $after;
        }
        impl<'a> Product<'a> for $ty<'a> {
            fn fields(&self, w: &Writer) -> PyResult<Vec<Value>> {
                Ok(vec![ $( self.$field.to_object(w)? ),* ])
            }
            fn range(&self) -> Option<Range> {
                product!(@range $range self)
            }
            fn read(r: &Reader<'a>, object: &Value) -> PyResult<Self> {
                $( let $field = r.field(object, &Field {
                    name: field_name(stringify!($field)),
                    spec: $spec,
                    owner: $name,
                })?; )*
                product!(@make $range r object $ty $( $field )*)
            }
        }
    };
    (@range plain $zelf:ident) => { None };
    (@range placed $zelf:ident) => { Some($zelf.range) };
    (@make plain $r:ident $object:ident $ty:ident $($field:ident)*) => { Ok($ty { $( $field ),* }) };
    (@make placed $r:ident $object:ident $ty:ident $($field:ident)*) => {
        Ok($ty { $( $field, )* range: $r.place($object, <$ty as HasRule>::RULE)? })
    };
}

/// The number of the class after the last of `T`'s.
const fn after<T: HasRule>() -> usize {
    T::INDEX + T::RULE.constructors.len()
}

sum! { Mod<'a>, "mod", 0, Place::None;
    Module { body: "stmt*", type_ignores: "type_ignore*" }
    Interactive { body: "stmt*" }
    Expression { body: "expr" }
    FunctionType { argtypes: "expr*", returns: "expr" }
}

sum! { StmtKind<'a>, "stmt", after::<Mod>(), Place::OptionalEnd;
    FunctionDef { name: "identifier", args: "arguments", body: "stmt*", decorator_list: "expr*", returns: "expr?", type_comment: "string?", type_params: "type_param*" }
    AsyncFunctionDef { name: "identifier", args: "arguments", body: "stmt*", decorator_list: "expr*", returns: "expr?", type_comment: "string?", type_params: "type_param*" }
    ClassDef { name: "identifier", bases: "expr*", keywords: "keyword*", body: "stmt*", decorator_list: "expr*", type_params: "type_param*" }
    Return { value: "expr?" }
    Delete { targets: "expr*" }
    Assign { targets: "expr*", value: "expr", type_comment: "string?" }
    TypeAlias { name: "expr", type_params: "type_param*", value: "expr" }
    AugAssign { target: "expr", op: "operator", value: "expr" }
    AnnAssign { target: "expr", annotation: "expr", value: "expr?", simple: "int" }
    For { target: "expr", iter: "expr", body: "stmt*", orelse: "stmt*", type_comment: "string?" }
    AsyncFor { target: "expr", iter: "expr", body: "stmt*", orelse: "stmt*", type_comment: "string?" }
    While { test: "expr", body: "stmt*", orelse: "stmt*" }
    If { test: "expr", body: "stmt*", orelse: "stmt*" }
    With { items: "withitem*", body: "stmt*", type_comment: "string?" }
    AsyncWith { items: "withitem*", body: "stmt*", type_comment: "string?" }
    Match { subject: "expr", cases: "match_case*" }
    Raise { exc: "expr?", cause: "expr?" }
    Try { body: "stmt*", handlers: "excepthandler*", orelse: "stmt*", finalbody: "stmt*" }
    TryStar { body: "stmt*", handlers: "excepthandler*", orelse: "stmt*", finalbody: "stmt*" }
    Assert { test: "expr", msg: "expr?" }
    Import { names: "alias*" }
    ImportFrom { module: "identifier?", names: "alias*", level: "int?" }
    Global { names: "identifier*" }
    Nonlocal { names: "identifier*" }
    Expr { value: "expr" }
    Pass { }
    Break { }
    Continue { }
}

sum! { ExprKind<'a>, "expr", after::<StmtKind>(), Place::OptionalEnd;
    BoolOp { op: "boolop", values: "expr*" }
    NamedExpr { target: "expr", value: "expr" }
    BinOp { left: "expr", op: "operator", right: "expr" }
    UnaryOp { op: "unaryop", operand: "expr" }
    Lambda { args: "arguments", body: "expr" }
    IfExp { test: "expr", body: "expr", orelse: "expr" }
    Dict { keys: "expr?*", values: "expr*" }
    Set { elts: "expr*" }
    ListComp { elt: "expr", generators: "comprehension*" }
    SetComp { elt: "expr", generators: "comprehension*" }
    DictComp { key: "expr", value: "expr", generators: "comprehension*" }
    GeneratorExp { elt: "expr", generators: "comprehension*" }
    Await { value: "expr" }
    Yield { value: "expr?" }
    YieldFrom { value: "expr" }
    Compare { left: "expr", ops: "cmpop*", comparators: "expr*" }
    Call { func: "expr", args: "expr*", keywords: "keyword*" }
    FormattedValue { value: "expr", conversion: "int", format_spec: "expr?" }
    Interpolation { value: "expr", str: "constant", conversion: "int", format_spec: "expr?" }
    JoinedStr { values: "expr*" }
    TemplateStr { values: "expr*" }
    Constant { value: "constant", kind: "string?" }
    Attribute { value: "expr", attr: "identifier", ctx: "expr_context" }
    Subscript { value: "expr", slice: "expr", ctx: "expr_context" }
    Starred { value: "expr", ctx: "expr_context" }
    Name { id: "identifier", ctx: "expr_context" }
    List { elts: "expr*", ctx: "expr_context" }
    Tuple { elts: "expr*", ctx: "expr_context" }
    Slice { lower: "expr?", upper: "expr?", step: "expr?" }
}

sum! { ExprContext, "expr_context", after::<ExprKind>(), Place::None;
    Load { } Store { } Del { }
}

sum! { BoolOperator, "boolop", after::<ExprContext>(), Place::None;
    And { } Or { }
}

sum! { Operator, "operator", after::<BoolOperator>(), Place::None;
    Add { } Sub { } Mult { } MatMult { } Div { } Mod { } Pow { } LShift { } RShift { } BitOr { } BitXor { } BitAnd { }
    FloorDiv { }
}

sum! { UnaryOperator, "unaryop", after::<Operator>(), Place::None;
    Invert { } Not { } UAdd { } USub { }
}

sum! { CmpOp, "cmpop", after::<UnaryOperator>(), Place::None;
    Eq { } NotEq { } Lt { } LtE { } Gt { } GtE { } Is { } IsNot { } In { } NotIn { }
}

product! { Comprehension, "comprehension", after::<CmpOp>(), Place::None, plain;
    target: "expr", iter: "expr", ifs: "expr*", is_async: "int"
}

/// `excepthandler` has one constructor, so in Rust it is a struct; here it is a sum like the others.
#[derive(Clone, Copy)]
pub enum Handler<'a> {
    ExceptHandler {
        type_: Option<&'a Expr<'a>>,
        name: Option<&'a str>,
        body: &'a [&'a Stmt<'a>],
    },
}

sum! { Handler<'a>, "excepthandler", after::<Comprehension>(), Place::OptionalEnd;
    ExceptHandler { type_: "expr?", name: "identifier?", body: "stmt*" }
}

product! { Arguments, "arguments", after::<Handler>(), Place::None, plain;
    posonlyargs: "arg*", args: "arg*", vararg: "arg?", kwonlyargs: "arg*", kw_defaults: "expr?*", kwarg: "arg?",
    defaults: "expr*"
}

product! { Arg, "arg", after::<Arguments>(), Place::OptionalEnd, placed;
    arg: "identifier", annotation: "expr?", type_comment: "string?"
}

product! { Keyword, "keyword", after::<Arg>(), Place::OptionalEnd, placed;
    arg: "identifier?", value: "expr"
}

product! { Alias, "alias", after::<Keyword>(), Place::OptionalEnd, placed;
    name: "identifier", asname: "identifier?"
}

product! { WithItem, "withitem", after::<Alias>(), Place::None, plain;
    context_expr: "expr", optional_vars: "expr?"
}

product! { MatchCase, "match_case", after::<WithItem>(), Place::None, plain;
    pattern: "pattern", guard: "expr?", body: "stmt*"
}

sum! { PatternKind<'a>, "pattern", after::<MatchCase>(), Place::Full;
    MatchValue { value: "expr" }
    MatchSingleton { value: "constant" }
    MatchSequence { patterns: "pattern*" }
    MatchMapping { keys: "expr*", patterns: "pattern*", rest: "identifier?" }
    MatchClass { cls: "expr", patterns: "pattern*", kwd_attrs: "identifier*", kwd_patterns: "pattern*" }
    MatchStar { name: "identifier?" }
    MatchAs { pattern: "pattern?", name: "identifier?" }
    MatchOr { patterns: "pattern*" }
}

/// As [`Handler`], for `type_ignore`.
#[derive(Clone, Copy)]
pub enum Ignore<'a> {
    TypeIgnore { lineno: i32, tag: &'a str },
}

sum! { Ignore<'a>, "type_ignore", after::<PatternKind>(), Place::None;
    TypeIgnore { lineno: "int", tag: "string" }
}

sum! { TypeParamKind<'a>, "type_param", after::<Ignore>(), Place::Full;
    TypeVar { name: "identifier", bound: "expr?", default_value: "expr?" }
    ParamSpec { name: "identifier", default_value: "expr?" }
    TypeVarTuple { name: "identifier", default_value: "expr?" }
}

/// All rules, in the grammar's order.
pub static RULES: &[&Rule] = &[
    Mod::RULE,
    StmtKind::RULE,
    ExprKind::RULE,
    ExprContext::RULE,
    BoolOperator::RULE,
    Operator::RULE,
    UnaryOperator::RULE,
    CmpOp::RULE,
    Comprehension::RULE,
    Handler::RULE,
    Arguments::RULE,
    Arg::RULE,
    Keyword::RULE,
    Alias::RULE,
    WithItem::RULE,
    MatchCase::RULE,
    PatternKind::RULE,
    Ignore::RULE,
    TypeParamKind::RULE,
];

impl Constructor {
    /// As the grammar writes it: `Name(identifier id, expr_context ctx)`.
    pub fn doc(&self) -> String {
        if self.fields.is_empty() {
            return self.name.to_string();
        }
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|(name, spec)| format!("{spec} {name}"))
            .collect();
        format!("{}({})", self.name, fields.join(", "))
    }
}

impl Rule {
    /// As the grammar writes it, without the attributes.
    pub fn doc(&self) -> String {
        let all: Vec<String> = self.constructors.iter().map(Constructor::doc).collect();
        if !self.sum {
            return all.concat();
        }
        let separator = if self.constructors.iter().all(|c| c.fields.is_empty()) {
            " | ".to_string()
        } else {
            format!("\n{:1$}| ", "", self.name.len() + 1)
        };
        format!("{} = {}", self.name, all.join(&separator))
    }
}
