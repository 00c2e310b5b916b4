//! `TypeAliasType` (the `type` statement) and `Generic`. CPython: Objects/typevarobject.c.

use super::params::{ParamSpec, TypeVar, TypeVarTuple};
use super::{Lazy, call_typing, caller_module, unpack, unpack_variadic};
use crate::function::{Args, AttrDef, DefId, MethodDef, MethodKind, MethodTable, TypeDef};
use crate::objects::object::Object;
use crate::objects::str_::Str;
use crate::objects::structseq;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::{attributes, iterator, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Payload, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Type alias.
///
/// Made by the type statement: ``type Alias = int``. The value is computed when
/// ``__value__`` is first asked for; ``__type_params__`` holds the parameters of
/// a generic alias. See PEP 695.
#[pyclass(name = "TypeAliasType", module = "typing", gc)]
pub struct TypeAlias {
    name: Ref<Str>,
    type_params: Option<Ref<Tuple>>,
    value: Lazy,
    module: Option<Value>,
}

impl Traverse for TypeAlias {
    fn traverse(&self, v: &mut Visitor) {
        if let Some(params) = &self.type_params {
            v.reference(params)
        }
        self.value.traverse(v);
        v.opt(&self.module);
    }
    fn clear(&self) {
        self.value.clear()
    }
}

/// What the `type` statement makes of (name, type parameters or None, function for the value).
pub(super) fn from_statement(vm: &Vm, parts: &Value) -> PyResult {
    let parts = parts.downcast::<Tuple>().map(|t| t.items());
    let Some([name, params, compute]) = parts else {
        return Err(vm.system_error("a type alias of the wrong parts"));
    };
    let Some(name) = name.downcast::<Str>() else {
        return Err(vm.system_error("a type alias's name is no string"));
    };
    Ok(vm
        .new_object(TypeAlias {
            name: name.clone(),
            type_params: params.downcast::<Tuple>().cloned(),
            value: Lazy::computed(Some(compute.clone())),
            module: None,
        })?
        .into_value())
}

/// Checks the `type_params` of an alias made by hand. Raises TypeError.
fn check_params(vm: &Vm, params: &Value) -> PyResult<Option<Ref<Tuple>>> {
    let Some(tuple) = params.downcast::<Tuple>() else {
        return Err(vm.type_error("type_params must be a tuple"));
    };
    let mut default_seen = false;
    for param in tuple.items() {
        let known = param.downcast::<TypeVar>().is_some()
            || param.downcast::<ParamSpec>().is_some()
            || param.downcast::<TypeVarTuple>().is_some();
        let shown =
            || -> PyResult<String> { Ok(object::repr(vm, param)?.to_string_lossy().into_owned()) };
        if !known {
            return Err(vm.type_error(format!("Expected a type param, got {}", shown()?)));
        }
        let has_default = vm.call_method_str(param, "has_default", &[])?;
        if object::is_true(vm, &has_default)? {
            default_seen = true
        } else if default_seen {
            return Err(vm.type_error(format!(
                "non-default type parameter '{}' follows default type parameter",
                shown()?
            )));
        }
    }
    Ok((!tuple.items().is_empty()).then(|| tuple.clone()))
}

#[pymethods]
impl TypeAlias {
    #[pyslot(sig = "(name, value, *, type_params=())")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        name: Ref<Str>,
        value: Value,
        type_params: Option<&Value>,
    ) -> PyResult {
        let type_params = match type_params {
            Some(params) => check_params(vm, params)?,
            None => None,
        };
        let alias = TypeAlias {
            name,
            type_params,
            value: Lazy::given(Some(value)),
            module: Some(caller_module(vm)?),
        };
        Ok(vm.new_object_of(cls, alias)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, _vm: &Vm) -> PyResult {
        Ok(zelf.name.to_value())
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        crate::objects::union_::type_or(vm, a, b)
    }

    #[pyslot]
    fn subscript(vm: &Vm, zelf: &Value, item: &Value) -> PyResult {
        match zelf.downcast::<TypeAlias>() {
            Some(alias) if alias.type_params.is_some() => vm.generic_alias(zelf, item),
            _ => Err(vm.type_error("Only generic type aliases are subscriptable")),
        }
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        let items = vm.new_tuple(vec![unpack(vm, zelf)?])?;
        iterator::iter(vm, items.as_value())
    }

    #[pymember]
    fn __name__(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pygetter]
    fn __parameters__(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        match &self.type_params {
            Some(params) => vm.new_tuple(unpack_variadic(vm, params.items())?),
            None => Ok(vm.interp.empty_tuple()),
        }
    }

    #[pygetter]
    fn __type_params__(&self, vm: &Vm) -> Ref<Tuple> {
        match &self.type_params {
            Some(params) => params.clone(),
            None => vm.interp.empty_tuple(),
        }
    }

    #[pygetter]
    fn __value__(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.value.get(vm)
    }

    #[pygetter]
    fn evaluate_value(&self, vm: &Vm) -> PyResult {
        self.value.evaluator(vm)
    }

    #[pygetter]
    fn __module__(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if let Some(module) = &self.module {
            return Ok(Some(module.clone()));
        }
        match self.value.evaluate.get() {
            Some(compute) => attributes::get_optional(vm, &compute, &vm.names.__module__),
            None => Ok(None),
        }
    }

    #[pymethod]
    fn __reduce__(&self) -> Ref<Str> {
        self.name.clone()
    }
}

fn class_getitem(vm: &Vm, args: Args) -> PyResult {
    call_typing(vm, "_generic_class_getitem", args)
}

fn init_subclass(vm: &Vm, args: Args) -> PyResult {
    call_typing(vm, "_generic_init_subclass", args)
}

/// `typing.Generic`: laid out as `object`, so that it combines with any other base.
static GENERIC: TypeDef = {
    static ID: DefId = DefId::new();
    static TABLE: MethodTable = MethodTable {
        methods: &[
            MethodDef {
                name: "__class_getitem__",
                doc: "Parameterizes a generic class.\n\nAt least, parameterizing a generic class is the *main* thing this\nmethod does. For example, for some generic class `Foo`, this is called\nwhen we do `Foo[int]` - there, with `cls=Foo` and `params=int`.\n\nHowever, note that this method is also called when defining generic\nclasses in the first place with `class Foo[T]: ...`.\n",
                text_signature: None,
                kind: MethodKind::Class,
                call: class_getitem,
            },
            MethodDef {
                name: "__init_subclass__",
                doc: "Function to initialize subclasses.",
                text_signature: None,
                kind: MethodKind::Class,
                call: init_subclass,
            },
        ],
        getset: &[],
        attrs: &[AttrDef {
            name: "__module__",
            value: |vm| Ok(vm.intern("typing").into_value()),
        }],
        slots: |_| {},
    };
    TypeDef {
        name: "Generic",
        module: "typing",
        doc: "Abstract base class for generic types.\n\nClasses with a type parameter list inherit from it implicitly:\n``class Mapping[KT, VT]``.\n",
        text_signature: None,
        base: None,
        flags: TypeFlags::IMMUTABLE | TypeFlags::BASETYPE,
        payload: <Object as Payload>::INFO,
        tables: &[&TABLE],
        id: &ID,
    }
};

/// The class `typing.Generic`.
pub fn generic(vm: &Vm) -> Value {
    structseq::class(vm, &GENERIC).into_value()
}
