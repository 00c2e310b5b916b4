//! `types.GenericAlias`: `list[int]`. CPython: Objects/genericaliasobject.c.

use crate::function::Args;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, attributes as type_attributes};
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, hash, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
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
}

impl Traverse for GenericAlias {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.origin);
        v.reference(&self.args);
    }
    fn clear(&self) {}
}

impl Vm {
    /// `origin[args]` as a `types.GenericAlias`.
    pub fn generic_alias(&self, origin: &Value, args: &Value) -> PyResult {
        let args = match args.downcast::<Tuple>() {
            Some(args) => args.clone(),
            None => self.new_tuple(vec![args.clone()])?,
        };
        Ok(self
            .new_object(GenericAlias {
                origin: origin.clone(),
                args,
            })?
            .into_value())
    }
}

/// How a type argument is shown.
fn shown(vm: &Vm, value: &Value) -> PyResult<String> {
    if value.is(&Value::ELLIPSIS) {
        return Ok("...".to_string());
    }
    match value.downcast::<Type>() {
        Some(ty) => Ok(match type_attributes::module_text(vm, ty)? {
            Some(module) if module != "builtins" => {
                format!("{module}.{}", type_attributes::qualname(ty))
            }
            _ => type_attributes::qualname(ty),
        }),
        None => Ok(object::repr(vm, value)?.to_string_lossy().into_owned()),
    }
}

/// Attributes that the alias has itself; all others are the origin's.
const OWN: [&str; 7] = [
    "__class__",
    "__origin__",
    "__args__",
    "__parameters__",
    "__mro_entries__",
    "__reduce__",
    "__copy__",
];

#[pymethods]
impl GenericAlias {
    #[pyslot(sig = "(origin, args, /)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        match args.args {
            [origin, args] => vm.generic_alias(origin, args),
            many => Err(vm.type_error(format!(
                "GenericAlias expected 2 arguments, got {}",
                many.len()
            ))),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
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
        Ok(vm
            .new_str(format!("{}[{inside}]", shown(vm, &zelf.origin)?))?
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
        let equal = compare::eq(vm, &x.origin, &y.origin)?
            && compare::eq(vm, x.args.as_value(), y.args.as_value())?;
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        match zelf.downcast::<GenericAlias>() {
            Some(alias) => vm.call_args(&alias.origin, args),
            None => Err(vm.type_error("not a GenericAlias")),
        }
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        let text = name.to_string_lossy();
        match zelf.downcast::<GenericAlias>() {
            Some(alias) if !OWN.contains(&&*text) => attributes::get(vm, &alias.origin, name),
            _ => attributes::generic_get(vm, zelf, name),
        }
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

    #[pymethod(sig = "($self, bases, /)")]
    fn __mro_entries__(&self, vm: &Vm, _bases: &Value) -> PyResult {
        Ok(vm.new_tuple(vec![self.origin.clone()])?.into_value())
    }

    #[pymethod(sig = "($self, instance, /)")]
    fn __instancecheck__(&self, vm: &Vm, _instance: &Value) -> PyResult {
        Err(vm.type_error("isinstance() argument 2 cannot be a parameterized generic"))
    }

    #[pymethod(sig = "($self, cls, /)")]
    fn __subclasscheck__(&self, vm: &Vm, _cls: &Value) -> PyResult {
        Err(vm.type_error("issubclass() argument 2 cannot be a parameterized generic"))
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let args = vm
            .new_tuple(vec![zelf.origin.clone(), zelf.args.to_value()])?
            .into_value();
        Ok(vm
            .new_tuple(vec![vm.types.generic_alias.to_value(), args])?
            .into_value())
    }
}
