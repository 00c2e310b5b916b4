//! `types.GenericAlias`: `list[int]`. CPython: Objects/genericaliasobject.c.
//!
//! An alias passes attributes and calls on to its origin. Its type variables are looked for when first asked for.
//! `*tuple[int]` in a subscript or annotation iterates over the alias, which gives one starred copy of it.

use crate::function::Args;
use crate::objects::list::List;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::objects::typing::substitute::{self, type_repr};
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, hash};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Represent a PEP 585 generic type
///
/// For example, for t = list[int], t.__origin__ is list and t.__args__
/// is (int,).
#[pyclass(
    name = "GenericAlias",
    module = "types",
    gc,
    flags(BASETYPE, HAS_WEAKREF)
)]
#[repr(C)]
pub struct GenericAlias {
    origin: Value,
    args: Ref<Tuple>,
    parameters: MutCell<Option<Ref<Tuple>>>,
    starred: bool,
}

impl Traverse for GenericAlias {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.origin);
        v.reference(&self.args);
        self.parameters.with(|p| {
            if let Some(p) = p {
                v.reference(p)
            }
        });
    }
    fn clear(&self) {
        drop(self.parameters.take())
    }
}

impl Vm {
    /// `origin[args]` as a `types.GenericAlias`.
    pub fn generic_alias(&self, origin: &Value, args: &Value) -> PyResult {
        let alias = GenericAlias::of(self, origin, args, false)?;
        Ok(self.new_object(alias)?.into_value())
    }
}

impl GenericAlias {
    fn of(vm: &Vm, origin: &Value, args: &Value, starred: bool) -> PyResult<GenericAlias> {
        let args = match args.downcast::<Tuple>() {
            Some(args) => args.clone(),
            None => vm.new_tuple(vec![args.clone()])?,
        };
        Ok(GenericAlias {
            origin: origin.clone(),
            args,
            parameters: MutCell::new(None),
            starred,
        })
    }

    fn type_variables(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        if let Some(known) = self.parameters.get() {
            return Ok(known);
        }
        let found = vm.new_tuple(substitute::parameters(vm, self.args.items())?)?;
        self.parameters.set(Some(found.clone()));
        Ok(found)
    }
}

/// How an argument is shown; a list of arguments in brackets.
fn shown(vm: &Vm, value: &Value) -> PyResult<String> {
    let Some(list) = value.downcast::<List>() else {
        return type_repr(vm, value);
    };
    let count = list.to_vec().len();
    let mut items = Vec::with_capacity(count);
    for i in 0..count {
        // A repr may have shortened the list.
        let Some(item) = list.items.with(|items| items.get(i).cloned()) else {
            return Err(vm.index_error("list index out of range"));
        };
        items.push(type_repr(vm, &item)?);
    }
    Ok(format!("[{}]", items.join(", ")))
}

/// Attributes that the alias has itself; all others are the origin's.
const OWN: [&str; 9] = [
    "__class__",
    "__origin__",
    "__args__",
    "__unpacked__",
    "__parameters__",
    "__typing_unpacked_tuple_args__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
];

/// Attributes that are never the origin's.
const BLOCKED: [&str; 3] = ["__bases__", "__copy__", "__deepcopy__"];

#[pymethods]
impl GenericAlias {
    #[pyslot(sig = "(origin, args, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("GenericAlias() takes no keyword arguments"));
        }
        match args.args {
            [origin, args] => {
                let alias = GenericAlias::of(vm, origin, args, false)?;
                Ok(vm.new_object_of(cls, alias)?.into_value())
            }
            many => Err(vm.type_error(format!(
                "GenericAlias expected 2 arguments, got {}",
                many.len()
            ))),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        vm.check_stack()?;
        let args = zelf
            .args
            .items()
            .iter()
            .map(|a| shown(vm, a))
            .collect::<PyResult<Vec<String>>>()?;
        let inside = if args.is_empty() {
            "()".to_string()
        } else {
            args.join(", ")
        };
        let star = if zelf.starred { "*" } else { "" };
        Ok(vm
            .new_str(format!("{star}{}[{inside}]", type_repr(vm, &zelf.origin)?))?
            .into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let h = hash::hash(vm, &zelf.origin)? ^ hash::hash(vm, zelf.args.as_value())?;
        Ok(if h == -1 { -2 } else { h })
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<GenericAlias>(), b.downcast::<GenericAlias>())
        else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let equal = x.starred == y.starred
            && compare::eq(vm, &x.origin, &y.origin)?
            && compare::eq(vm, x.args.as_value(), y.args.as_value())?;
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        let Some(alias) = zelf.downcast::<GenericAlias>() else {
            return Err(vm.type_error("not a GenericAlias"));
        };
        let object = vm.call_args(&alias.origin, args)?;
        match attributes::set(vm, &object, &vm.names.__orig_class__, Some(zelf)) {
            Err(Raised)
                if vm.catch(&vm.types.attribute_error) || vm.catch(&vm.types.type_error) => {}
            other => other?,
        }
        Ok(object)
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        let text = name.to_string_lossy();
        match zelf.downcast::<GenericAlias>() {
            Some(alias) if !OWN.contains(&&*text) && !BLOCKED.contains(&&*text) => {
                attributes::get(vm, &alias.origin, name)
            }
            _ => attributes::generic_get(vm, zelf, name),
        }
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        crate::objects::union_::type_or(vm, a, b)
    }

    #[pyslot]
    fn subscript(vm: &Vm, zelf: &Value, item: &Value) -> PyResult {
        let Some(alias) = zelf.downcast::<GenericAlias>() else {
            return Err(vm.type_error("not a GenericAlias"));
        };
        let parameters = alias.type_variables(vm)?;
        let args = substitute::substitute(vm, zelf, alias.args.items(), parameters.items(), item)?;
        let args = vm.new_tuple(args)?.into_value();
        let new = GenericAlias::of(vm, &alias.origin, &args, alias.starred)?;
        Ok(vm.new_object(new)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm
            .new_object(AliasIterator(MutCell::new(Some(zelf.clone()))))?
            .into_value())
    }

    #[pymember]
    fn __origin__(&self) -> Value {
        self.origin.clone()
    }

    #[pymember]
    fn __args__(&self) -> Value {
        self.args.to_value()
    }

    #[pymember]
    fn __unpacked__(&self) -> bool {
        self.starred
    }

    /// Type variables in the GenericAlias.
    #[pygetter]
    fn __parameters__(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        self.type_variables(vm)
    }

    #[pygetter]
    fn __typing_unpacked_tuple_args__(&self, vm: &Vm) -> Value {
        if self.starred && self.origin.is(vm.types.tuple.as_value()) {
            self.args.to_value()
        } else {
            Value::NONE
        }
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __mro_entries__(&self, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        Ok(vm.new_tuple(vec![self.origin.clone()])?.into_value())
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __instancecheck__(&self, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        Err(vm.type_error("isinstance() argument 2 cannot be a parameterized generic"))
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __subclasscheck__(&self, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        Err(vm.type_error("issubclass() argument 2 cannot be a parameterized generic"))
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if zelf.starred {
            let plain = vm.generic_alias(&zelf.origin, zelf.args.as_value())?;
            let iterator = vm
                .new_object(AliasIterator(MutCell::new(Some(plain))))?
                .into_value();
            let args = vm.new_tuple(vec![iterator])?.into_value();
            return Ok(vm.new_tuple(vec![vm.builtin("next")?, args])?.into_value());
        }
        let args = vm
            .new_tuple(vec![zelf.origin.clone(), zelf.args.to_value()])?
            .into_value();
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        Ok(vm.new_tuple(vec![class, args])?.into_value())
    }

    #[pymethod]
    fn __dir__(&self, vm: &Vm) -> PyResult {
        let names = vm.call(&vm.builtin("dir")?, std::slice::from_ref(&self.origin))?;
        let Some(list) = names.downcast::<List>() else {
            return Ok(names);
        };
        let mut all = list.to_vec();
        for name in OWN {
            let name = vm.intern(name).into_value();
            if !all.iter().any(|n| n.is(&name)) {
                all.push(name)
            }
        }
        Ok(vm.new_list(all)?.into_value())
    }
}

/// What `*alias` iterates over: one starred copy.
#[pyclass(
    name = "generic_alias_iterator",
    module = "builtins",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct AliasIterator(MutCell<Option<Value>>);

impl Traverse for AliasIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.0.with(|a| v.opt(a))
    }
    fn clear(&self) {
        drop(self.0.take())
    }
}

#[pymethods]
impl AliasIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(alias) = zelf.0.take() else {
            return Ok(None);
        };
        let Some(alias) = alias.downcast::<GenericAlias>() else {
            return Ok(None);
        };
        let starred = GenericAlias::of(vm, &alias.origin, alias.args.as_value(), true)?;
        Ok(Some(vm.new_object(starred)?.into_value()))
    }

    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        let items = match self.0.get() {
            Some(alias) => vec![alias],
            None => vec![vm.interp.empty_tuple().into_value()],
        };
        let args = vm.new_tuple(items)?.into_value();
        Ok(vm.new_tuple(vec![iter, args])?.into_value())
    }
}
