//! `_operator`: the operators as functions, and `itemgetter`, `attrgetter`, `methodcaller`.
//!
//! The functions pass on to the machine's protocols. The three getter classes keep what they look up ready-made: items
//! in a vector, attribute names interned and split at their dots, a method's name and arguments.
//!
//! CPython: Modules/_operator.c.

use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::compare::{self, CompareOp};
use naja_vm::protocols::{attributes, iterator, number, object, sequence};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};

/// `operator.index`: an exact int.
fn exact_index(vm: &Vm, value: &Value) -> PyResult {
    let index = number::index(vm, value)?;
    if index.is_small_int() || vm.type_of(&index).is(&vm.types.int) {
        return Ok(index);
    }
    match naja_vm::int::as_i64(&index) {
        Some(n) => vm.new_int(n),
        None => match naja_vm::int::to_big(&index) {
            Some(n) => vm.new_bigint(n),
            None => Ok(index),
        },
    }
}

/// `a + b` of sequences: by the slots of sequences, or the addition of two things that have items.
fn concatenate(vm: &Vm, a: &Value, b: &Value, in_place: bool) -> PyResult {
    let slots = &vm.type_of(a).slots;
    if in_place && let Some(concat) = slots.inplace_concat.get() {
        return concat(vm, a, b);
    }
    if let Some(concat) = slots.concat.get() {
        return concat(vm, a, b);
    }
    if sequence::is_sequence(vm, a) && sequence::is_sequence(vm, b) {
        let add = if in_place {
            slots.inplace_add.get().or(slots.add.get())
        } else {
            slots.add.get()
        };
        if add.is_some() || vm.type_of(b).slots.add.get().is_some() {
            return number::binary_op(vm, if in_place { 13 } else { 0 }, a, b);
        }
    }
    let name = vm.type_of(a).full_name();
    Err(vm.type_error(format!("'{name}' object can't be concatenated")))
}

/// An iterator for a search in `value`.
fn search(vm: &Vm, value: &Value) -> PyResult {
    match iterator::iter(vm, value) {
        Err(Raised) if vm.catch(&vm.types.type_error) => Err(vm.type_error(format!(
            "argument of type '{}' is not iterable",
            vm.type_of(value).full_name()
        ))),
        result => result,
    }
}

/// Whether both are equal, in a time that depends on the length of `b` alone.
fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    let left = if a.len() == b.len() { a } else { b };
    let mut difference = u8::from(a.len() != b.len());
    for (x, y) in left.iter().zip(b) {
        difference = std::hint::black_box(difference | (x ^ y));
    }
    difference == 0
}

/// The single argument of a getter's call.
fn operand<'a>(vm: &Vm, args: &Args<'a>, name: &str) -> PyResult<&'a Value> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    match args.args {
        [one] => Ok(one),
        many => Err(vm.type_error(format!("{name} expected 1 argument, got {}", many.len()))),
    }
}

/// The arguments that make a getter: at least one, no keywords.
fn getter_args<'a>(vm: &Vm, args: &Args<'a>, name: &str) -> PyResult<&'a [Value]> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    if args.args.is_empty() {
        return Err(vm.type_error(format!("{name} expected 1 argument, got 0")));
    }
    Ok(args.args)
}

/// `name(a, b, k=v)`; `name(...)` where the object is being shown already.
fn shown_call(vm: &Vm, zelf: &Value, args: &[Value], keywords: &[(Ref<Str>, Value)]) -> PyResult {
    let name = vm.type_of(zelf).full_name();
    if object::repr_enter(vm, zelf) {
        return Ok(vm.new_str(format!("{name}(...)"))?.into_value());
    }
    let result = (|| {
        let mut parts = Vec::with_capacity(args.len() + keywords.len());
        for arg in args {
            parts.push(object::repr(vm, arg)?.to_string_lossy().into_owned())
        }
        for (key, value) in keywords {
            let value = object::repr(vm, value)?;
            parts.push(format!(
                "{}={}",
                key.to_string_lossy(),
                value.to_string_lossy()
            ))
        }
        Ok(format!("{name}({})", parts.join(", ")))
    })();
    object::repr_leave(vm, zelf);
    Ok(vm.new_str(result?)?.into_value())
}

/// Return a callable object that fetches the given item(s) from its operand.
/// After f = itemgetter(2), the call f(r) returns r[2].
/// After g = itemgetter(2, 5, 3), the call g(r) returns (r[2], r[5], r[3])
#[pyclass(name = "itemgetter", module = "operator", gc)]
pub struct ItemGetter {
    items: Vec<Value>,
    /// The only item, where it is an index from the front.
    index: Option<usize>,
}

impl Traverse for ItemGetter {
    fn traverse(&self, v: &mut Visitor) {
        self.items.iter().for_each(|x| v.value(x))
    }
    fn clear(&self) {}
}

#[pymethods]
impl ItemGetter {
    #[pygetter]
    fn __text_signature__(&self) -> &'static str {
        "(obj, /)"
    }

    #[pyslot(sig = "(item, /, *items)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let items = getter_args(vm, &args, "itemgetter")?.to_vec();
        let index = match items.as_slice() {
            [only] => only.as_small_int().and_then(|n| usize::try_from(n).ok()),
            _ => None,
        };
        Ok(vm
            .new_object_of(cls, ItemGetter { items, index })?
            .into_value())
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let object = operand(vm, &args, "itemgetter")?;
        if let Some(index) = self.index
            && vm.type_of(object).is(&vm.types.tuple)
            && let Some(item) = object.downcast::<Tuple>().and_then(|t| t.get(index))
        {
            return Ok(item.clone());
        }
        if let [item] = self.items.as_slice() {
            return object::get_item(vm, object, item);
        }
        let found = self
            .items
            .iter()
            .map(|item| object::get_item(vm, object, item));
        Ok(vm.new_tuple(found.collect::<PyResult<_>>()?)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        shown_call(vm, zelf.as_value(), &zelf.items, &[])
    }

    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf.as_value()).to_ref().into_value();
        let args = vm.new_tuple(zelf.items.clone())?.into_value();
        Ok(vm.new_tuple(vec![ty, args])?.into_value())
    }
}

/// Return a callable object that fetches the given attribute(s) from its operand.
/// After f = attrgetter('name'), the call f(r) returns r.name.
/// After g = attrgetter('name', 'date'), the call g(r) returns (r.name, r.date).
/// After h = attrgetter('name.first', 'name.last'), the call h(r) returns
/// (r.name.first, r.name.last).
#[pyclass(name = "attrgetter", module = "operator", gc)]
pub struct AttrGetter {
    names: Vec<Value>,
    paths: Vec<Vec<Ref<Str>>>,
}

impl Traverse for AttrGetter {
    fn traverse(&self, v: &mut Visitor) {
        self.names.iter().for_each(|x| v.value(x));
        self.paths.iter().flatten().for_each(|x| v.reference(x));
    }
    fn clear(&self) {}
}

/// The attribute reached by following `path`.
fn follow(vm: &Vm, object: &Value, path: &[Ref<Str>]) -> PyResult {
    let Some((first, rest)) = path.split_first() else {
        return Ok(object.clone());
    };
    let mut found = attributes::get(vm, object, first)?;
    for name in rest {
        found = attributes::get(vm, &found, name)?;
    }
    Ok(found)
}

#[pymethods]
impl AttrGetter {
    #[pygetter]
    fn __text_signature__(&self) -> &'static str {
        "(obj, /)"
    }

    #[pyslot(sig = "(attr, /, *attrs)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let names = getter_args(vm, &args, "attrgetter")?;
        let mut paths = Vec::with_capacity(names.len());
        for name in names {
            let Some(text) = str_::of(name) else {
                return Err(vm.type_error("attribute name must be a string"));
            };
            let mut path = Vec::new();
            for part in text.as_bytes().split(|&b| b == b'.') {
                path.push(vm.interp.interned_name(&vm.new_str_wtf8(part)?));
            }
            paths.push(path);
        }
        let names = names.to_vec();
        Ok(vm
            .new_object_of(cls, AttrGetter { names, paths })?
            .into_value())
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let object = operand(vm, &args, "attrgetter")?;
        if let [path] = self.paths.as_slice() {
            return follow(vm, object, path);
        }
        let found = self.paths.iter().map(|path| follow(vm, object, path));
        Ok(vm.new_tuple(found.collect::<PyResult<_>>()?)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        shown_call(vm, zelf.as_value(), &zelf.names, &[])
    }

    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf.as_value()).to_ref().into_value();
        let args = vm.new_tuple(zelf.names.clone())?.into_value();
        Ok(vm.new_tuple(vec![ty, args])?.into_value())
    }
}

/// Return a callable object that calls the given method on its operand.
/// After f = methodcaller('name'), the call f(r) returns r.name().
/// After g = methodcaller('name', 'date', foo=1), the call g(r) returns
/// r.name('date', foo=1).
#[pyclass(name = "methodcaller", module = "operator", gc)]
pub struct MethodCaller {
    name: Ref<Str>,
    args: Vec<Value>,
    keywords: Vec<(Ref<Str>, Value)>,
    kwnames: Option<Ref<Tuple>>,
}

impl Traverse for MethodCaller {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.name);
        self.args.iter().for_each(|x| v.value(x));
        for (name, value) in &self.keywords {
            v.reference(name);
            v.value(value);
        }
        if let Some(names) = &self.kwnames {
            v.reference(names)
        }
    }
    fn clear(&self) {}
}

#[pymethods]
impl MethodCaller {
    #[pygetter]
    fn __text_signature__(&self) -> &'static str {
        "(obj, /)"
    }

    #[pyslot(sig = "(name, /, *args, **kwargs)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let Some((name, rest)) = args.positional().split_first() else {
            return Err(vm.type_error("methodcaller needs at least one argument, the method name"));
        };
        let Some(name) = str_::of(name) else {
            return Err(vm.type_error("method name must be a string"));
        };
        let caller = MethodCaller {
            name: vm.interp.interned_name(name),
            args: rest.to_vec(),
            keywords: args
                .keywords()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
            kwnames: args.kwnames.cloned(),
        };
        Ok(vm.new_object_of(cls, caller)?.into_value())
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let object = operand(vm, &args, "methodcaller")?;
        if self.keywords.is_empty() {
            return vm.call_method(object, &self.name, &self.args);
        }
        let method = attributes::get(vm, object, &self.name)?;
        let mut all = self.args.clone();
        all.extend(self.keywords.iter().map(|(_, value)| value.clone()));
        let kwnames = self.kwnames.as_ref();
        vm.call_args(
            &method,
            Args {
                args: &all,
                kwnames,
            },
        )
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let mut args = vec![zelf.name.to_value()];
        args.extend(zelf.args.iter().cloned());
        shown_call(vm, zelf.as_value(), &args, &zelf.keywords)
    }

    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf.as_value()).to_ref().into_value();
        if zelf.keywords.is_empty() {
            let mut args = vec![zelf.name.to_value()];
            args.extend(zelf.args.iter().cloned());
            let args = vm.new_tuple(args)?.into_value();
            return Ok(vm.new_tuple(vec![ty, args])?.into_value());
        }
        let functools = naja_vm::import::import_simple(vm, "functools")?;
        let partial = attributes::get_by(vm, &functools, "partial")?;
        let mut all = vec![ty, zelf.name.to_value()];
        all.extend(zelf.keywords.iter().map(|(_, value)| value.clone()));
        let kwnames = zelf.kwnames.as_ref();
        let constructor = vm.call_args(
            &partial,
            Args {
                args: &all,
                kwnames,
            },
        )?;
        let args = vm.new_tuple(zelf.args.clone())?.into_value();
        Ok(vm.new_tuple(vec![constructor, args])?.into_value())
    }
}

#[pymodule(
    name = "_operator",
    doc = "Operator interface.\n\nThis module exports a set of functions implemented in C corresponding\nto the intrinsic operators of Python.  For example, operator.add(x, y)\nis equivalent to the expression x+y.  The function names are those\nused for special methods; variants without leading and trailing\n'__' are also provided for convenience.",
    classes(ItemGetter, AttrGetter, MethodCaller)
)]
pub mod module {
    use super::*;

    /// Same as a + b.
    #[pyfunction(sig = "(a, b, /)")]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::add(vm, a, b)
    }

    /// Same as a - b.
    #[pyfunction(sig = "(a, b, /)")]
    fn sub(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::subtract(vm, a, b)
    }

    /// Same as a * b.
    #[pyfunction(sig = "(a, b, /)")]
    fn mul(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::multiply(vm, a, b)
    }

    /// Same as a @ b.
    #[pyfunction(sig = "(a, b, /)")]
    fn matmul(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::matrix_multiply(vm, a, b)
    }

    /// Same as a // b.
    #[pyfunction(sig = "(a, b, /)")]
    fn floordiv(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::floor_divide(vm, a, b)
    }

    /// Same as a / b.
    #[pyfunction(sig = "(a, b, /)")]
    fn truediv(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::true_divide(vm, a, b)
    }

    /// Same as a % b.
    #[pyfunction(sig = "(a, b, /)")]
    fn r#mod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::remainder(vm, a, b)
    }

    /// Same as a << b.
    #[pyfunction(sig = "(a, b, /)")]
    fn lshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::lshift(vm, a, b)
    }

    /// Same as a >> b.
    #[pyfunction(sig = "(a, b, /)")]
    fn rshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::rshift(vm, a, b)
    }

    /// Same as a & b.
    #[pyfunction(sig = "(a, b, /)")]
    fn and_(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::and(vm, a, b)
    }

    /// Same as a ^ b.
    #[pyfunction(sig = "(a, b, /)")]
    fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::xor(vm, a, b)
    }

    /// Same as a | b.
    #[pyfunction(sig = "(a, b, /)")]
    fn or_(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::or(vm, a, b)
    }

    /// Same as a ** b.
    #[pyfunction(sig = "(a, b, /)")]
    fn pow(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::power(vm, a, b, &Value::NONE)
    }

    /// Same as a += b.
    #[pyfunction(sig = "(a, b, /)")]
    fn iadd(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 13, a, b)
    }

    /// Same as a &= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn iand(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 14, a, b)
    }

    /// Same as a //= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ifloordiv(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 15, a, b)
    }

    /// Same as a <<= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ilshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 16, a, b)
    }

    /// Same as a @= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn imatmul(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 17, a, b)
    }

    /// Same as a *= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn imul(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 18, a, b)
    }

    /// Same as a %= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn imod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 19, a, b)
    }

    /// Same as a |= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ior(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 20, a, b)
    }

    /// Same as a **= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ipow(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 21, a, b)
    }

    /// Same as a >>= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn irshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 22, a, b)
    }

    /// Same as a -= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn isub(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 23, a, b)
    }

    /// Same as a /= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn itruediv(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 24, a, b)
    }

    /// Same as a ^= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ixor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        number::binary_op(vm, 25, a, b)
    }

    /// Same as a == b.
    #[pyfunction(sig = "(a, b, /)")]
    fn eq(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        compare::rich_compare(vm, a, b, CompareOp::Eq)
    }

    /// Same as a != b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ne(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        compare::rich_compare(vm, a, b, CompareOp::Ne)
    }

    /// Same as a < b.
    #[pyfunction(sig = "(a, b, /)")]
    fn lt(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        compare::rich_compare(vm, a, b, CompareOp::Lt)
    }

    /// Same as a <= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn le(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        compare::rich_compare(vm, a, b, CompareOp::Le)
    }

    /// Same as a > b.
    #[pyfunction(sig = "(a, b, /)")]
    fn gt(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        compare::rich_compare(vm, a, b, CompareOp::Gt)
    }

    /// Same as a >= b.
    #[pyfunction(sig = "(a, b, /)")]
    fn ge(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        compare::rich_compare(vm, a, b, CompareOp::Ge)
    }

    /// Same as abs(a).
    #[pyfunction(sig = "(a, /)")]
    fn abs(vm: &Vm, a: &Value) -> PyResult {
        number::absolute(vm, a)
    }

    /// Same as -a.
    #[pyfunction(sig = "(a, /)")]
    fn neg(vm: &Vm, a: &Value) -> PyResult {
        number::negative(vm, a)
    }

    /// Same as +a.
    #[pyfunction(sig = "(a, /)")]
    fn pos(vm: &Vm, a: &Value) -> PyResult {
        number::positive(vm, a)
    }

    /// Same as ~a.
    #[pyfunction(sig = "(a, /)")]
    fn inv(vm: &Vm, a: &Value) -> PyResult {
        number::invert(vm, a)
    }

    /// Same as ~a.
    #[pyfunction(sig = "(a, /)")]
    fn invert(vm: &Vm, a: &Value) -> PyResult {
        number::invert(vm, a)
    }

    /// Same as not a.
    #[pyfunction(sig = "(a, /)")]
    fn not_(vm: &Vm, a: &Value) -> PyResult<bool> {
        Ok(!object::is_true(vm, a)?)
    }

    /// Return True if a is true, False otherwise.
    #[pyfunction(sig = "(a, /)")]
    fn truth(vm: &Vm, a: &Value) -> PyResult<bool> {
        object::is_true(vm, a)
    }

    /// Same as a is b.
    #[pyfunction(sig = "(a, b, /)")]
    fn is_(a: &Value, b: &Value) -> bool {
        a.is(b)
    }

    /// Same as a is not b.
    #[pyfunction(sig = "(a, b, /)")]
    fn is_not(a: &Value, b: &Value) -> bool {
        !a.is(b)
    }

    /// Same as a is None.
    #[pyfunction(sig = "(a, /)")]
    fn is_none(a: &Value) -> bool {
        a.is_none()
    }

    /// Same as a is not None.
    #[pyfunction(sig = "(a, /)")]
    fn is_not_none(a: &Value) -> bool {
        !a.is_none()
    }

    /// Same as a[b].
    #[pyfunction(sig = "(a, b, /)")]
    fn getitem(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        object::get_item(vm, a, b)
    }

    /// Same as a[b] = c.
    #[pyfunction(sig = "(a, b, c, /)")]
    fn setitem(vm: &Vm, a: &Value, b: &Value, c: &Value) -> PyResult<()> {
        object::set_item(vm, a, b, c)
    }

    /// Same as del a[b].
    #[pyfunction(sig = "(a, b, /)")]
    fn delitem(vm: &Vm, a: &Value, b: &Value) -> PyResult<()> {
        object::del_item(vm, a, b)
    }

    /// Same as b in a (note reversed operands).
    #[pyfunction(sig = "(a, b, /)")]
    fn contains(vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
        sequence::contains(vm, a, b)
    }

    /// Same as a + b, for a and b sequences.
    #[pyfunction(sig = "(a, b, /)")]
    fn concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        concatenate(vm, a, b, false)
    }

    /// Same as a += b, for a and b sequences.
    #[pyfunction(sig = "(a, b, /)")]
    fn iconcat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        concatenate(vm, a, b, true)
    }

    /// Same as a.__index__()
    #[pyfunction(sig = "(a, /)")]
    fn index(vm: &Vm, a: &Value) -> PyResult {
        exact_index(vm, a)
    }

    /// Return the number of items in a which are, or which equal, b.
    #[pyfunction(name = "countOf", sig = "(a, b, /)")]
    fn count_of(vm: &Vm, a: &Value, b: &Value) -> PyResult<usize> {
        let items = search(vm, a)?;
        let mut count = 0;
        while let Some(item) = iterator::next(vm, &items)? {
            count += usize::from(compare::eq(vm, &item, b)?);
            vm.check_signals()?;
        }
        Ok(count)
    }

    /// Return the first index of b in a.
    #[pyfunction(name = "indexOf", sig = "(a, b, /)")]
    fn index_of(vm: &Vm, a: &Value, b: &Value) -> PyResult<usize> {
        let items = search(vm, a)?;
        let mut index = 0;
        while let Some(item) = iterator::next(vm, &items)? {
            if compare::eq(vm, &item, b)? {
                return Ok(index);
            }
            index += 1;
            vm.check_signals()?;
        }
        Err(vm.value_error("sequence.index(x): x not in sequence"))
    }

    /// Return an estimate of the number of items in obj.
    ///
    /// This is useful for presizing containers when building from an iterable.
    ///
    /// If the object supports len(), the result will be exact.
    /// Otherwise, it may over- or under-estimate by an arbitrary amount.
    /// The result will be an integer >= 0.
    #[pyfunction(sig = "(obj, default=0, /)")]
    fn length_hint(vm: &Vm, obj: &Value, #[default(0)] default: isize) -> PyResult<isize> {
        // A negative default is passed through, as it came.
        let hint = object::length_hint(vm, obj, usize::MAX)?;
        Ok(isize::try_from(hint).unwrap_or(default))
    }

    /// Same as obj(*args, **kwargs).
    #[pyfunction(raw, sig = "(obj, /, *args, **kwargs)")]
    fn call(vm: &Vm, args: Args) -> PyResult {
        match args.positional().first() {
            Some(callable) => vm.call_args(callable, args.rest()),
            None => Err(vm.type_error("call expected at least 1 argument, got 0")),
        }
    }

    /// Return 'a == b'.
    ///
    /// This function uses an approach designed to prevent
    /// timing analysis, making it appropriate for cryptography.
    ///
    /// a and b must both be of the same type: either str (ASCII only),
    /// or any bytes-like object.
    ///
    /// Note: If a and b are of different lengths, or if an error occurs,
    /// a timing attack could theoretically reveal information about the
    /// types and lengths of a and b--but not their values.
    #[pyfunction(sig = "(a, b, /)")]
    fn _compare_digest(vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
        use naja_vm::buffer::Buffer;
        if let (Some(a), Some(b)) = (str_::of(a), str_::of(b)) {
            if !a.is_ascii() || !b.is_ascii() {
                return Err(
                    vm.type_error("comparing strings with non-ASCII characters is not supported")
                );
            }
            return Ok(equal_in_constant_time(a.as_bytes(), b.as_bytes()));
        }
        if !Buffer::supported(vm, a) || !Buffer::supported(vm, b) {
            return Err(vm.type_error(format!(
                "unsupported operand types(s) or combination of types: '{}' and '{}'",
                vm.type_of(a).full_name(),
                vm.type_of(b).full_name()
            )));
        }
        let a = Buffer::of(vm, a)?;
        let b = Buffer::of(vm, b)?;
        if a.ndim() > 1 || b.ndim() > 1 {
            return Err(vm.buffer_error("Buffer must be single dimension"));
        }
        Ok(a.with(|a| b.with(|b| equal_in_constant_time(a, b))))
    }
}
