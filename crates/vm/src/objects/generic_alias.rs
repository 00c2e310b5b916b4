//! `types.GenericAlias`: `list[int]`. CPython: Objects/genericaliasobject.c.
//!
//! An alias forwards nearly every attribute to its origin; subscribing it again puts arguments in the place of its type
//! variables, which tell themselves by `__typing_subst__`. `*tuple[int, str]` is a starred alias, made by iterating.

use crate::function::Args;
use crate::objects::iterators::{reduce_empty, reduce_iter};
use crate::objects::list::List;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, hash, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Represent a PEP 585 generic type
///
/// E.g. for t = list[int], t.__origin__ is list and t.__args__ is (int,).
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
    /// The type variables in the arguments, found when first asked for.
    parameters: MutCell<Option<Ref<Tuple>>>,
    starred: bool,
}

impl Traverse for GenericAlias {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.origin);
        v.reference(&self.args);
        self.parameters
            .with(|p| p.iter().for_each(|p| v.reference(p)));
    }
    fn clear(&self) {}
}

impl Vm {
    /// `origin[args]` as a `types.GenericAlias`.
    pub fn generic_alias(&self, origin: &Value, args: &Value) -> PyResult {
        let class = self.types.generic_alias.clone();
        make(self, &class, origin, args, false)
    }
}

fn make(vm: &Vm, cls: &Type, origin: &Value, args: &Value, starred: bool) -> PyResult {
    let args = match args.downcast::<Tuple>() {
        Some(args) => args.clone(),
        None => vm.new_tuple(vec![args.clone()])?,
    };
    let alias = GenericAlias {
        origin: origin.clone(),
        args,
        parameters: MutCell::new(None),
        starred,
    };
    Ok(vm.new_object_of(cls, alias)?.into_value())
}

/// How a type is shown in annotations: without the module of built-in ones.
pub fn type_text(vm: &Vm, value: &Value) -> PyResult<String> {
    if value.is(&Value::ELLIPSIS) {
        return Ok("...".to_string());
    }
    let repr = || Ok(object::repr(vm, value)?.to_string_lossy().into_owned());
    let has =
        |name: &Ref<Str>| attributes::get_optional(vm, value, name).map(|found| found.is_some());
    if has(&vm.names.__origin__)? && has(&vm.names.__args__)? {
        return repr();
    }
    let Some(qualname) = attributes::get_optional(vm, value, &vm.names.__qualname__)? else {
        return repr();
    };
    let module = attributes::get_optional(vm, value, &vm.names.__module__)?;
    let Some(module) = module.filter(|m| !m.is_none()) else {
        return repr();
    };
    let qualname = object::str(vm, &qualname)?.to_string_lossy().into_owned();
    let module = object::str(vm, &module)?.to_string_lossy().into_owned();
    Ok(match module.as_str() {
        "builtins" => qualname,
        _ => format!("{module}.{qualname}"),
    })
}

/// As [`type_text`]; a list (the arguments of a callable) in brackets.
fn argument_text(vm: &Vm, value: &Value) -> PyResult<String> {
    match value.downcast::<List>() {
        Some(list) => {
            let parts = list.to_vec();
            let parts = parts
                .iter()
                .map(|v| type_text(vm, v))
                .collect::<PyResult<Vec<_>>>()?;
            Ok(format!("[{}]", parts.join(", ")))
        }
        None => type_text(vm, value),
    }
}

fn items_of(value: &Value) -> Option<Vec<Value>> {
    if let Some(tuple) = value.downcast::<Tuple>() {
        return Some(tuple.items().to_vec());
    }
    value.downcast::<List>().map(|l| l.to_vec())
}

fn add_once(parameters: &mut Vec<Value>, value: &Value) {
    if !parameters.iter().any(|p| p.is(value)) {
        parameters.push(value.clone())
    }
}

/// The type variables in type arguments, each once, in order.
pub fn find_parameters(vm: &Vm, args: &[Value]) -> PyResult<Vec<Value>> {
    vm.check_stack()?;
    let mut parameters = Vec::new();
    for arg in args {
        // A class's `__parameters__` are not its own arguments.
        if arg.downcast::<Type>().is_some() {
            continue;
        }
        if attributes::get_optional(vm, arg, &vm.names.__typing_subst__)?.is_some() {
            add_once(&mut parameters, arg);
            continue;
        }
        let inner = match attributes::get_optional(vm, arg, &vm.names.__parameters__)? {
            Some(inner) => inner.downcast::<Tuple>().map(|t| t.items().to_vec()),
            None => match items_of(arg) {
                Some(items) => Some(find_parameters(vm, &items)?),
                None => None,
            },
        };
        inner
            .iter()
            .flatten()
            .for_each(|p| add_once(&mut parameters, p));
    }
    Ok(parameters)
}

/// The arguments of a starred tuple, which stand in the place of it.
fn unpacked(vm: &Vm, value: &Value) -> PyResult<Option<Vec<Value>>> {
    if value.downcast::<Type>().is_some() {
        return Ok(None);
    }
    let name = &vm.names.__typing_unpacked_tuple_args__;
    let found = attributes::get_optional(vm, value, name)?;
    let Some(items) = found
        .as_ref()
        .and_then(|f| f.downcast::<Tuple>())
        .map(|t| t.items().to_vec())
    else {
        return Ok(None);
    };
    let open = items.last().is_some_and(|last| last.is(&Value::ELLIPSIS));
    Ok((!open).then_some(items))
}

/// The arguments of a subscription, starred tuples laid open.
fn flatten(vm: &Vm, item: &Value) -> PyResult<Vec<Value>> {
    let items = match item.downcast::<Tuple>() {
        Some(tuple) => tuple.items().to_vec(),
        None => vec![item.clone()],
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match unpacked(vm, &item)? {
            Some(inner) => out.extend(inner),
            None => out.push(item),
        }
    }
    Ok(out)
}

/// Puts arguments in the place of the type variables inside `value`.
fn substitute_inside(vm: &Vm, value: Value, parameters: &[Value], arguments: &[Value]) -> PyResult {
    let inner = attributes::get_optional(vm, &value, &vm.names.__parameters__)?;
    let Some(inner) = inner
        .as_ref()
        .and_then(|i| i.downcast::<Tuple>())
        .filter(|t| !t.is_empty())
    else {
        return Ok(value);
    };
    let mut new = Vec::new();
    for parameter in inner.items() {
        let at = parameters.iter().position(|p| p.is(parameter));
        let argument = at.and_then(|i| arguments.get(i)).unwrap_or(parameter);
        match argument.downcast::<Tuple>() {
            // A variable for any number of types.
            Some(many) if at.is_some() && vm.type_of(parameter).slots.iter.get().is_some() => {
                new.extend(many.items().iter().cloned())
            }
            _ => new.push(argument.clone()),
        }
    }
    object::get_item(vm, &value, vm.new_tuple(new)?.as_value())
}

/// The arguments of `alias[item]`: `args` with the type variables `parameters` replaced. Raises TypeError.
pub fn substitute(
    vm: &Vm,
    alias: &Value,
    args: &[Value],
    parameters: &[Value],
    item: &Value,
) -> PyResult<Vec<Value>> {
    vm.check_stack()?;
    let shown = || Ok(object::repr(vm, alias)?.to_string_lossy().into_owned());
    if parameters.is_empty() {
        let text: String = shown()?;
        return Err(vm.type_error(format!("{text} is not a generic class")));
    }
    let mut items = flatten(vm, item)?;
    for parameter in parameters {
        let prepare = attributes::get_optional(vm, parameter, &vm.names.__typing_prepare_subst__)?;
        if let Some(prepare) = prepare.filter(|p| !p.is_none()) {
            let given = vm.new_tuple(items)?.into_value();
            let made = vm.call(&prepare, &[alias.clone(), given])?;
            items = match made.downcast::<Tuple>() {
                Some(tuple) => tuple.items().to_vec(),
                None => vec![made],
            };
        }
    }
    if items.len() != parameters.len() {
        let text: String = shown()?;
        return Err(vm.type_error(format!(
            "Too {} arguments for {text}; actual {}, expected {}",
            if items.len() > parameters.len() {
                "many"
            } else {
                "few"
            },
            items.len(),
            parameters.len()
        )));
    }
    let mut new = Vec::with_capacity(args.len());
    for arg in args {
        if arg.downcast::<Type>().is_some() {
            new.push(arg.clone());
            continue;
        }
        if let Some(inner) = items_of(arg) {
            let inner = substitute(vm, alias, &inner, parameters, item)?;
            new.push(if arg.downcast::<Tuple>().is_some() {
                vm.new_tuple(inner)?.into_value()
            } else {
                vm.new_list(inner)?.into_value()
            });
            continue;
        }
        let name = &vm.names.__typing_is_unpacked_typevartuple__;
        let unpack = match attributes::get_optional(vm, arg, name)? {
            Some(flag) => object::is_true(vm, &flag)?,
            None => false,
        };
        let made = match attributes::get_optional(vm, arg, &vm.names.__typing_subst__)? {
            Some(subst) => {
                let at = parameters.iter().position(|p| p.is(arg));
                let item = at.and_then(|i| items.get(i)).unwrap_or(arg);
                vm.call(&subst, std::slice::from_ref(item))?
            }
            None => substitute_inside(vm, arg.clone(), parameters, &items)?,
        };
        if !unpack {
            new.push(made);
            continue;
        }
        match made.downcast::<Tuple>() {
            Some(many) => new.extend(many.items().iter().cloned()),
            None => {
                return Err(vm.type_error(format!(
                    "expected __typing_subst__ of {} objects to return a tuple, not {}",
                    vm.type_of(arg).full_name(),
                    vm.type_of(&made).full_name()
                )));
            }
        }
    }
    Ok(new)
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

/// Attributes of the origin that the alias must not seem to have.
const BLOCKED: [&str; 3] = ["__bases__", "__copy__", "__deepcopy__"];

impl GenericAlias {
    fn parameters(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        if let Some(parameters) = self.parameters.get() {
            return Ok(parameters);
        }
        let found = vm.new_tuple(find_parameters(vm, self.args.items())?)?;
        self.parameters.set(Some(found.clone()));
        Ok(found)
    }
}

#[pymethods]
impl GenericAlias {
    #[pyslot(sig = "(origin, args, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("GenericAlias() takes no keyword arguments"));
        }
        match args.args {
            [origin, args] => make(vm, cls, origin, args, false),
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
            .map(|a| argument_text(vm, a))
            .collect::<PyResult<Vec<String>>>()?;
        let inside = if args.is_empty() {
            "()".to_string()
        } else {
            args.join(", ")
        };
        let star = if zelf.starred { "*" } else { "" };
        let origin = type_text(vm, &zelf.origin)?;
        Ok(vm
            .new_str(format!("{star}{origin}[{inside}]"))?
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
        let made = vm.call_args(&alias.origin, args)?;
        // Objects that take no new attributes just do not tell what they were made by.
        if attributes::set(vm, &made, &vm.names.__orig_class__, Some(zelf)).is_err()
            && !vm.catch(&vm.types.attribute_error)
            && !vm.catch(&vm.types.type_error)
        {
            return Err(crate::vm::Raised);
        }
        Ok(made)
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
    fn subscript(zelf: &Ref<Self>, vm: &Vm, item: &Value) -> PyResult {
        let parameters = zelf.parameters(vm)?;
        let args = substitute(
            vm,
            zelf.as_value(),
            zelf.args.items(),
            parameters.items(),
            item,
        )?;
        let args = vm.new_tuple(args)?.into_value();
        let class = vm.types.generic_alias.clone();
        make(vm, &class, &zelf.origin, &args, zelf.starred)
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = GenericAliasIterator {
            alias: MutCell::new(Some(zelf.to_value())),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        crate::objects::union_::type_or(vm, a, b)
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
    fn __parameters__(&self, vm: &Vm) -> PyResult {
        Ok(self.parameters(vm)?.into_value())
    }

    #[pygetter]
    fn __typing_unpacked_tuple_args__(&self, vm: &Vm) -> Option<Value> {
        (self.starred && self.origin.is(vm.types.tuple.as_value())).then(|| self.args.to_value())
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
            let class = vm.types.generic_alias.clone();
            let plain = make(vm, &class, &zelf.origin, zelf.args.as_value(), false)?;
            let iterator = crate::protocols::iterator::iter(vm, &plain)?;
            let args = vm.new_tuple(vec![iterator])?.into_value();
            let parts = vec![vm.builtin("next")?, args];
            return Ok(vm.new_tuple(parts)?.into_value());
        }
        let args = vm
            .new_tuple(vec![zelf.origin.clone(), zelf.args.to_value()])?
            .into_value();
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        Ok(vm.new_tuple(vec![class, args])?.into_value())
    }

    #[pymethod]
    fn __dir__(&self, vm: &Vm) -> PyResult {
        let names = crate::builtins::functions::dir_of(vm, Some(&self.origin))?;
        if let Some(list) = names.downcast::<List>() {
            let known = list.to_vec();
            for name in OWN {
                let name = vm.intern(name).into_value();
                let mut found = false;
                for other in &known {
                    found = found || compare::eq(vm, other, &name)?
                }
                if !found {
                    list.push(vm, name)?
                }
            }
        }
        Ok(names)
    }
}

/// Iterator of `*alias`: gives the starred alias, once.
#[pyclass(
    name = "generic_alias_iterator",
    module = "builtins",
    gc,
    flags(NO_NEW)
)]
pub struct GenericAliasIterator {
    alias: MutCell<Option<Value>>,
}

impl Traverse for GenericAliasIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.alias.with(|a| v.opt(a))
    }
    fn clear(&self) {
        drop(self.alias.take())
    }
}

#[pymethods]
impl GenericAliasIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let taken = zelf.alias.take();
        match taken.as_ref().and_then(|a| a.downcast::<GenericAlias>()) {
            Some(alias) => {
                let class = vm.types.generic_alias.clone();
                make(vm, &class, &alias.origin, alias.args.as_value(), true).map(Some)
            }
            None => Ok(None),
        }
    }

    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        match self.alias.get() {
            Some(alias) => reduce_iter(vm, alias, None),
            None => reduce_empty(vm, vm.new_tuple(Vec::new())?.into_value()),
        }
    }
}
