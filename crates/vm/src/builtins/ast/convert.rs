//! Trees from the parser to Python's objects, and back for `compile(tree, ...)`.
//!
//! The conversions of single nodes are made from the table (nodes.rs); here are those of fields by their Rust type, and
//! the errors. What only the whole tree shows to be wrong is found by `naja_parser::validate`.
//! CPython: the functions `ast2obj_*` and `obj2ast_*` that Parser/asdl_c.py makes.

use super::nodes::{Handler, HasRule, Ignore, Place, Product, Rule, Sum};
use super::types::{AstState, Node, state};
use crate::objects::bytes::Bytes;
use crate::objects::complex::Complex;
use crate::objects::instance;
use crate::objects::list::List;
use crate::objects::set::FrozenSet;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_parser::ast::*;
use naja_parser::validate::{NONE_IN_EXPRESSIONS, NONE_IN_STATEMENTS};
use naja_parser::wtf8::Wtf8;
use std::rc::Rc;

/// Makes objects of nodes.
pub struct Writer<'v> {
    pub vm: &'v Vm,
    state: Rc<AstState>,
    place_names: [Ref<Str>; 4],
}

/// The object of a tree. Raises RecursionError, MemoryError.
pub fn to_object(vm: &Vm, module: &Mod) -> PyResult {
    let names = ["lineno", "col_offset", "end_lineno", "end_col_offset"];
    let writer = Writer {
        vm,
        state: state(vm)?,
        place_names: names.map(|name| vm.intern(name)),
    };
    module.to_object(&writer)
}

impl Writer<'_> {
    fn node(&self, class: usize, values: Vec<Value>, range: Option<Range>) -> PyResult {
        let vm = self.vm;
        let class = self.state.class(vm, class)?;
        let object = vm.new_object_of(&class.ty, Node)?.into_value();
        for (name, value) in class.fields.iter().zip(&values) {
            instance::set(vm, &object, name, Some(value))?;
        }
        if let Some(r) = range {
            let numbers = [r.lineno, r.col_offset, r.end_lineno, r.end_col_offset];
            for (name, number) in self.place_names.iter().zip(numbers) {
                instance::set(vm, &object, name, Some(&vm.new_int(number.into())?))?;
            }
        }
        Ok(object)
    }

    fn sum<'a, T: Sum<'a>>(&self, node: &T, range: Option<Range>) -> PyResult {
        self.vm.check_stack()?;
        let (number, values) = node.fields(self)?;
        let class = T::INDEX + number;
        if range.is_none() && values.is_empty() {
            return self.state.singleton(self.vm, class);
        }
        self.node(class, values, range)
    }
}

/// What becomes an object.
pub trait ToObject {
    fn to_object(&self, w: &Writer) -> PyResult;
}

impl<T: ToObject + ?Sized> ToObject for &T {
    fn to_object(&self, w: &Writer) -> PyResult {
        (**self).to_object(w)
    }
}

impl<T: ToObject> ToObject for [T] {
    fn to_object(&self, w: &Writer) -> PyResult {
        let items = self.iter().map(|item| item.to_object(w));
        let items = items.collect::<PyResult<Vec<Value>>>()?;
        Ok(w.vm.new_list(items)?.into_value())
    }
}

impl<T: ToObject> ToObject for Option<T> {
    fn to_object(&self, w: &Writer) -> PyResult {
        self.as_ref()
            .map_or(Ok(Value::NONE), |item| item.to_object(w))
    }
}

impl ToObject for str {
    fn to_object(&self, w: &Writer) -> PyResult {
        Ok(w.vm.intern(self).into_value())
    }
}

impl ToObject for i32 {
    fn to_object(&self, w: &Writer) -> PyResult {
        w.vm.new_int((*self).into())
    }
}

impl ToObject for bool {
    fn to_object(&self, w: &Writer) -> PyResult {
        w.vm.new_int((*self).into())
    }
}

impl ToObject for Constant<'_> {
    fn to_object(&self, w: &Writer) -> PyResult {
        let vm = w.vm;
        let all = |items: &[Constant]| {
            vm.check_stack()?;
            items
                .iter()
                .map(|item| item.to_object(w))
                .collect::<PyResult<Vec<Value>>>()
        };
        Ok(match *self {
            Constant::None => Value::NONE,
            Constant::True => Value::TRUE,
            Constant::False => Value::FALSE,
            Constant::Ellipsis => Value::ELLIPSIS,
            Constant::Int(n) => vm.new_int(n)?,
            Constant::BigInt(n) => vm.new_bigint(n.clone())?,
            Constant::Float(f) => vm.new_float(f)?,
            Constant::Complex(re, im) => vm.new_complex(re, im)?,
            Constant::Str(text) => vm.new_str_wtf8(text.as_bytes())?.into_value(),
            Constant::Bytes(bytes) => vm.new_bytes(bytes)?.into_value(),
            Constant::Tuple(items) => vm.new_tuple(all(items)?)?.into_value(),
            Constant::FrozenSet(items) => FrozenSet::from_values(vm, all(items)?)?.into_value(),
        })
    }
}

macro_rules! sums_to_objects {
    ($($ty:ty: |$node:ident| $kind:expr, $range:expr;)*) => { $(
        impl ToObject for $ty {
            fn to_object(&self, w: &Writer) -> PyResult {
                let $node = self;
                w.sum(&$kind, $range)
            }
        }
    )* };
}

sums_to_objects! {
    Mod<'_>: |n| *n, None;
    Stmt<'_>: |n| n.kind, Some(n.range);
    Expr<'_>: |n| n.kind, Some(n.range);
    Pattern<'_>: |n| n.kind, Some(n.range);
    TypeParam<'_>: |n| n.kind, Some(n.range);
    ExceptHandler<'_>: |n| Handler::ExceptHandler { type_: n.type_, name: n.name, body: n.body }, Some(n.range);
    TypeIgnore<'_>: |n| Ignore::TypeIgnore { lineno: n.lineno, tag: n.tag }, None;
    ExprContext: |n| *n, None;
    BoolOperator: |n| *n, None;
    Operator: |n| *n, None;
    UnaryOperator: |n| *n, None;
    CmpOp: |n| *n, None;
}

macro_rules! products {
    ($($ty:ident)*) => { $(
        impl ToObject for $ty<'_> {
            fn to_object(&self, w: &Writer) -> PyResult {
                w.vm.check_stack()?;
                w.node(Self::INDEX, self.fields(w)?, self.range())
            }
        }

        impl<'a> FromObject<'a> for $ty<'a> {
            fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
                r.vm.check_stack()?;
                Self::read(r, value)
            }
            fn none(r: &Reader<'a>, field: &Field, _in_list: bool) -> PyResult<Self> {
                Self::convert(r, &Value::NONE, field)
            }
        }
    )* };
}

products! { Comprehension Arguments Arg Keyword Alias WithItem MatchCase }

/// A field that is being read.
pub struct Field {
    pub name: &'static str,
    pub spec: &'static str,
    pub owner: &'static str,
}

/// Makes nodes of objects.
pub struct Reader<'a> {
    pub vm: &'a Vm,
    pub arena: &'a Arena,
    state: Rc<AstState>,
}

/// The tree that an object stands for. Raises TypeError, ValueError, RecursionError.
pub fn from_object<'a>(vm: &'a Vm, object: &Value, arena: &'a Arena) -> PyResult<&'a Mod<'a>> {
    let reader = Reader {
        vm,
        arena,
        state: state(vm)?,
    };
    let module = reader.sum::<Mod>(object)?;
    Ok(arena.alloc(module))
}

impl<'a> Reader<'a> {
    /// "expected some sort of expr, but got 1".
    #[cold]
    pub fn unexpected(&self, rule: &Rule, object: &Value) -> Raised {
        match object::repr(self.vm, object) {
            Ok(text) => self.vm.type_error(format!(
                "expected some sort of {}, but got {}",
                rule.name,
                text.to_string_lossy()
            )),
            Err(raised) => raised,
        }
    }

    fn attribute(&self, object: &Value, name: &str) -> PyResult<Option<Value>> {
        attributes::get_optional(self.vm, object, &self.vm.intern(name))
    }

    #[cold]
    fn required(&self, field: &str, owner: &str) -> Raised {
        self.vm
            .type_error(format!("required field \"{field}\" missing from {owner}"))
    }

    /// The value of a node's field.
    pub fn field<T: FromObject<'a>>(&self, object: &Value, field: &Field) -> PyResult<T> {
        match self.attribute(object, field.name)? {
            None => T::missing(self, field),
            Some(value) if value.is_none() => T::none(self, field, false),
            Some(value) => T::convert(self, &value, field),
        }
    }

    fn sum<T: Sum<'a>>(&self, object: &Value) -> PyResult<T> {
        self.vm.check_stack()?;
        let number = self.constructor::<T>(object)?;
        T::read(self, object, number)
    }

    /// Which constructor of a sum an object is an instance of.
    fn constructor<T: HasRule>(&self, object: &Value) -> PyResult<usize> {
        let vm = self.vm;
        let count = T::RULE.constructors.len();
        if let Some(number) = self.state.class_number(vm.type_of(object))
            && (T::INDEX..T::INDEX + count).contains(&number)
        {
            return Ok(number - T::INDEX);
        }
        for number in 0..count {
            let class = self.state.class(vm, T::INDEX + number)?;
            if object::is_instance(vm, object, class.ty.as_value())? {
                return Ok(number);
            }
        }
        Err(self.unexpected(T::RULE, object))
    }

    /// A sum with attributes: they are read before the fields.
    fn placed<T: Sum<'a>>(&self, object: &Value) -> PyResult<(T, Range)> {
        self.vm.check_stack()?;
        let range = self.place(object, T::RULE)?;
        let number = self.constructor::<T>(object)?;
        Ok((T::read(self, object, number)?, range))
    }

    /// Where a node stands.
    pub fn place(&self, object: &Value, rule: &Rule) -> PyResult<Range> {
        let number = |name: &'static str, default: Option<i32>| -> PyResult<i32> {
            match (self.attribute(object, name)?, default) {
                (None, None) => Err(self.required(name, rule.name)),
                (None, Some(default)) => Ok(default),
                (Some(value), Some(default)) if value.is_none() => Ok(default),
                (Some(value), _) => self.int(&value),
            }
        };
        let end = |start: i32| (rule.place == Place::OptionalEnd).then_some(start);
        let (lineno, col_offset) = (number("lineno", None)?, number("col_offset", None)?);
        Ok(Range {
            lineno,
            col_offset,
            end_lineno: number("end_lineno", end(lineno))?,
            end_col_offset: number("end_col_offset", end(col_offset))?,
        })
    }

    fn int(&self, value: &Value) -> PyResult<i32> {
        let vm = self.vm;
        if !object::is_instance(vm, value, vm.types.int.as_value())? {
            let text = object::repr(vm, value)?;
            return Err(
                vm.value_error(format!("invalid integer value: {}", text.to_string_lossy()))
            );
        }
        match crate::protocols::number::index_i64(vm, value)?.and_then(|n| i32::try_from(n).ok()) {
            Some(n) => Ok(n),
            None => Err(vm.overflow_error("Python int too large to convert to C int")),
        }
    }

    fn constants(&self, items: Vec<Value>) -> PyResult<&'a [Constant<'a>]> {
        self.vm.check_stack()?;
        let items = items.iter().map(|item| self.constant(item));
        Ok(self.arena.slice(&items.collect::<PyResult<Vec<_>>>()?))
    }

    fn constant(&self, value: &Value) -> PyResult<Constant<'a>> {
        let vm = self.vm;
        let class = vm.type_of(value);
        let exactly = |ty: &Ref<Type>| class.is(ty);
        if value.is_none() {
            return Ok(Constant::None);
        }
        if value.is_bool() {
            return Ok(if value.is_true() {
                Constant::True
            } else {
                Constant::False
            });
        }
        if value.is(&Value::ELLIPSIS) {
            return Ok(Constant::Ellipsis);
        }
        let t = vm.types;
        if exactly(&t.int) {
            if let Some(n) = crate::objects::int::as_i64(value) {
                return Ok(Constant::Int(n));
            }
            if let Some(n) = crate::objects::int::to_big(value) {
                return Ok(Constant::BigInt(self.arena.int(n)));
            }
        }
        if let Some(f) = crate::objects::float::exact(vm, value) {
            return Ok(Constant::Float(f));
        }
        if let Some(z) = value.downcast::<Complex>().filter(|_| exactly(&t.complex)) {
            return Ok(Constant::Complex(z.re, z.im));
        }
        if let Some(text) = str_::of(value).filter(|_| exactly(&t.str)) {
            return Ok(Constant::Str(
                self.arena.wtf8(Wtf8::from_bytes(text.as_bytes())),
            ));
        }
        if let Some(bytes) = value.downcast::<Bytes>().filter(|_| exactly(&t.bytes)) {
            return Ok(Constant::Bytes(self.arena.slice(bytes.as_bytes())));
        }
        if let Some(tuple) = value.downcast::<Tuple>().filter(|_| exactly(&t.tuple)) {
            return Ok(Constant::Tuple(self.constants(tuple.items().to_vec())?));
        }
        if let Some(set) = value
            .downcast::<FrozenSet>()
            .filter(|_| exactly(&t.frozenset))
        {
            return Ok(Constant::FrozenSet(self.constants(set.elements())?));
        }
        Err(vm.type_error(format!("got an invalid type in Constant: {}", class.name())))
    }
}

/// What fields are read into.
pub trait FromObject<'a>: Sized {
    /// From a value that is not None.
    fn convert(r: &Reader<'a>, value: &Value, field: &Field) -> PyResult<Self>;

    /// There is no such attribute.
    fn missing(r: &Reader<'a>, field: &Field) -> PyResult<Self> {
        Err(r.required(field.name, field.owner))
    }

    /// The value is None.
    fn none(r: &Reader<'a>, field: &Field, in_list: bool) -> PyResult<Self> {
        Err(r.vm.value_error(if in_list {
            NONE_IN_EXPRESSIONS.to_string()
        } else {
            format!("field '{}' is required for {}", field.name, field.owner)
        }))
    }
}

impl<'a, T: FromObject<'a> + Copy> FromObject<'a> for &'a T {
    fn convert(r: &Reader<'a>, value: &Value, field: &Field) -> PyResult<Self> {
        T::convert(r, value, field).map(|node| r.arena.alloc(node))
    }
    fn missing(r: &Reader<'a>, field: &Field) -> PyResult<Self> {
        T::missing(r, field).map(|node| r.arena.alloc(node))
    }
    fn none(r: &Reader<'a>, field: &Field, in_list: bool) -> PyResult<Self> {
        T::none(r, field, in_list).map(|node| r.arena.alloc(node))
    }
}

impl<'a, T: FromObject<'a> + Copy> FromObject<'a> for &'a [T] {
    fn convert(r: &Reader<'a>, value: &Value, field: &Field) -> PyResult<Self> {
        let Some(list) = value.downcast::<List>() else {
            return Err(r.vm.type_error(format!(
                "{} field \"{}\" must be a list, not a {}",
                field.owner,
                field.name,
                r.vm.type_of(value).full_name()
            )));
        };
        let count = list.len();
        let mut items = Vec::with_capacity(count);
        for i in 0..count {
            items.push(match list.get(i) {
                Some(item) if item.is_none() => T::none(r, field, true)?,
                Some(item) => T::convert(r, &item, field)?,
                None => break,
            });
            if list.len() != count {
                return Err(r.vm.runtime_error(format!(
                    "{} field \"{}\" changed size during iteration",
                    field.owner, field.name
                )));
            }
        }
        Ok(r.arena.slice(&items))
    }
    fn missing(_: &Reader<'a>, _: &Field) -> PyResult<Self> {
        Ok(&[])
    }
    fn none(r: &Reader<'a>, field: &Field, _in_list: bool) -> PyResult<Self> {
        Self::convert(r, &Value::NONE, field)
    }
}

impl<'a, T: FromObject<'a>> FromObject<'a> for Option<T> {
    fn convert(r: &Reader<'a>, value: &Value, field: &Field) -> PyResult<Self> {
        T::convert(r, value, field).map(Some)
    }
    fn missing(_: &Reader<'a>, _: &Field) -> PyResult<Self> {
        Ok(None)
    }
    fn none(_: &Reader<'a>, _: &Field, _in_list: bool) -> PyResult<Self> {
        Ok(None)
    }
}

impl<'a> FromObject<'a> for &'a str {
    fn convert(r: &Reader<'a>, value: &Value, field: &Field) -> PyResult<Self> {
        let vm = r.vm;
        let identifier = field.spec.starts_with("identifier");
        // Identifiers are exact strings; comments may be bytes in the grammar, never here.
        match str_::of(value).filter(|_| !identifier || vm.type_of(value).is(&vm.types.str)) {
            Some(text) => match text.as_str() {
                Some(text) => Ok(r.arena.str(text)),
                None => Err(crate::objects::exception::surrogates_not_allowed(vm, text)),
            },
            None => Err(vm.type_error(if identifier {
                "AST identifier must be of type str"
            } else {
                "AST string must be of type str"
            })),
        }
    }
}

impl<'a> FromObject<'a> for i32 {
    fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
        r.int(value)
    }
    fn missing(r: &Reader<'a>, field: &Field) -> PyResult<Self> {
        if field.spec.ends_with('?') {
            Ok(0)
        } else {
            Err(r.required(field.name, field.owner))
        }
    }
    fn none(r: &Reader<'a>, field: &Field, _in_list: bool) -> PyResult<Self> {
        if field.spec.ends_with('?') {
            Ok(0)
        } else {
            r.int(&Value::NONE)
        }
    }
}

impl<'a> FromObject<'a> for bool {
    fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
        r.int(value).map(|n| n != 0)
    }
    fn none(r: &Reader<'a>, _field: &Field, _in_list: bool) -> PyResult<Self> {
        r.int(&Value::NONE).map(|n| n != 0)
    }
}

impl<'a> FromObject<'a> for Constant<'a> {
    fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
        r.constant(value)
    }
    fn none(_: &Reader<'a>, _field: &Field, _in_list: bool) -> PyResult<Self> {
        Ok(Constant::None)
    }
}

macro_rules! placed_sums {
    ($($ty:ident($kind:ident): |$k:ident, $range:ident| $make:expr;)*) => { $(
        impl<'a> FromObject<'a> for $ty<'a> {
            fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
                let ($k, $range) = r.placed::<$kind>(value)?;
                Ok($make)
            }
            fn none(r: &Reader<'a>, field: &Field, in_list: bool) -> PyResult<Self> {
                Err(r.vm.value_error(match in_list {
                    true if <$kind as HasRule>::RULE.name == "stmt" => NONE_IN_STATEMENTS.to_string(),
                    true => NONE_IN_EXPRESSIONS.to_string(),
                    false => format!("field '{}' is required for {}", field.name, field.owner),
                }))
            }
        }
    )* };
}

placed_sums! {
    Stmt(StmtKind): |kind, range| Stmt { kind, range };
    Expr(ExprKind): |kind, range| Expr { kind, range };
    Pattern(PatternKind): |kind, range| Pattern { kind, range };
    TypeParam(TypeParamKind): |kind, range| TypeParam { kind, range };
    ExceptHandler(Handler): |kind, range| {
        let Handler::ExceptHandler { type_, name, body } = kind;
        ExceptHandler { type_, name, body, range }
    };
}

impl<'a> FromObject<'a> for TypeIgnore<'a> {
    fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
        let Ignore::TypeIgnore { lineno, tag } = r.sum::<Ignore>(value)?;
        Ok(TypeIgnore { lineno, tag })
    }
}

macro_rules! plain_sums {
    ($($ty:ident)*) => { $(
        impl<'a> FromObject<'a> for $ty {
            fn convert(r: &Reader<'a>, value: &Value, _field: &Field) -> PyResult<Self> {
                r.sum::<$ty>(value)
            }
            fn none(r: &Reader<'a>, field: &Field, in_list: bool) -> PyResult<Self> {
                Err(if in_list {
                    r.unexpected(<$ty as HasRule>::RULE, &Value::NONE)
                } else {
                    r.vm.value_error(format!("field '{}' is required for {}", field.name, field.owner))
                })
            }
        }
    )* };
}

plain_sums! { ExprContext BoolOperator Operator UnaryOperator CmpOp }
