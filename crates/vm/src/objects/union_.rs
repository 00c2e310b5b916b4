//! Unions of types: `int | str`. CPython: Objects/unionobject.c.

use crate::objects::generic_alias::GenericAlias;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, attributes as type_attributes};
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{hash, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Represent a union type
///
/// E.g. for int | str
#[pyclass(name = "Union", module = "typing", gc, flags(NO_NEW, HAS_WEAKREF))]
#[repr(C)]
pub struct UnionType {
    args: Ref<Tuple>,
}

impl Traverse for UnionType {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.args)
    }
    fn clear(&self) {}
}

impl UnionType {
    /// `isinstance(value, union)`.
    pub fn is_instance(&self, vm: &Vm, value: &Value) -> PyResult<bool> {
        for class in self.args.items() {
            if object::is_instance(vm, value, class)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `issubclass(class, union)`.
    pub fn is_subclass(&self, vm: &Vm, class: &Value) -> PyResult<bool> {
        for member in self.args.items() {
            if object::is_subclass(vm, class, member)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The members that an operand of `|` adds; None where it is no type.
fn members(vm: &Vm, value: &Value) -> Option<Vec<Value>> {
    if let Some(union) = value.downcast::<UnionType>() {
        return Some(union.args.items().to_vec());
    }
    if value.is_none() {
        return Some(vec![vm.types.none_type.to_value()]);
    }
    let is_type = value.downcast::<Type>().is_some() || value.downcast::<GenericAlias>().is_some();
    is_type.then(|| vec![value.clone()])
}

/// `a | b` of types: duplicates are dropped, a union of one is that one.
pub fn type_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    let (Some(mut all), Some(more)) = (members(vm, a), members(vm, b)) else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    for value in more {
        let mut known = false;
        for other in &all {
            known = known || compare::eq(vm, other, &value)?;
        }
        if !known {
            all.push(value);
        }
    }
    if let [one] = all.as_slice() {
        return Ok(one.clone());
    }
    Ok(vm
        .new_object(UnionType {
            args: vm.new_tuple(all)?,
        })?
        .into_value())
}

#[pymethods]
impl UnionType {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let mut parts = Vec::new();
        for value in zelf.args.items() {
            parts.push(match value.downcast::<Type>() {
                Some(ty) if ty.is(&vm.types.none_type) => "None".to_string(),
                Some(ty) => match type_attributes::module_text(vm, ty)? {
                    Some(module) if module != "builtins" => {
                        format!("{module}.{}", type_attributes::qualname(ty))
                    }
                    _ => type_attributes::qualname(ty),
                },
                None => object::repr(vm, value)?.to_string_lossy().into_owned(),
            });
        }
        Ok(vm.new_str(parts.join(" | "))?.into_value())
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        type_or(vm, a, b)
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let set = crate::objects::set::FrozenSet::from_values(vm, zelf.args.items().to_vec())?;
        hash::hash(vm, set.as_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<UnionType>(), b.downcast::<UnionType>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let set = |u: &UnionType| {
            crate::objects::set::FrozenSet::from_values(vm, u.args.items().to_vec())
        };
        compare::rich_compare(vm, set(x)?.as_value(), set(y)?.as_value(), op)
    }

    #[pymember]
    fn __args__(&self) -> Value {
        self.args.to_value()
    }
}
