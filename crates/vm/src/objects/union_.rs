//! Unions of types: `int | str`, `typing.Union`. CPython: Objects/unionobject.c.
//!
//! The members stand in order, each once; equality and hash ignore the order. Members that cannot be hashed are compared
//! one by one and make the union unhashable.

use crate::objects::generic_alias::GenericAlias;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::objects::typing::alias::TypeAlias;
use crate::objects::typing::substitute::{self, type_repr};
use crate::objects::typing::type_check;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, hash, object};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Represent a union type
///
/// E.g. for int | str
#[pyclass(name = "Union", module = "typing", gc, flags(NO_NEW, HAS_WEAKREF))]
#[repr(C)]
pub struct UnionType {
    args: Ref<Tuple>,
    /// The members that had no hash when the union was made.
    unhashable: Vec<Value>,
    parameters: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for UnionType {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.args);
        self.unhashable.iter().for_each(|u| v.value(u));
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

    fn type_variables(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        if let Some(known) = self.parameters.get() {
            return Ok(known);
        }
        let found = vm.new_tuple(substitute::parameters(vm, self.args.items())?)?;
        self.parameters.set(Some(found.clone()));
        Ok(found)
    }
}

/// The members gathered so far, with the hashes of those that have one.
#[derive(Default)]
struct Members {
    values: Vec<Value>,
    hashes: Vec<Option<i64>>,
}

/// The hash of a member, None where it has none.
fn member_hash(vm: &Vm, value: &Value) -> PyResult<Option<i64>> {
    match hash::hash(vm, value) {
        Ok(h) => Ok(Some(h)),
        Err(Raised) if vm.catch(&vm.types.type_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

impl Members {
    fn contains(&self, vm: &Vm, value: &Value, h: Option<i64>) -> PyResult<bool> {
        for (other, known) in self.values.iter().zip(&self.hashes) {
            if other.is(value) || *known == h && compare::eq(vm, other, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&mut self, vm: &Vm, value: &Value, check: bool) -> PyResult<()> {
        if let Some(union) = value.downcast::<UnionType>() {
            for member in union.args.items() {
                self.push(vm, member.clone())?;
            }
            return Ok(());
        }
        let value = if value.is_none() {
            vm.types.none_type.to_value()
        } else if check && value.downcast::<Type>().is_none() {
            type_check(vm, value, "Union[arg, ...]: each arg must be a type.")?
        } else {
            value.clone()
        };
        self.push(vm, value)
    }

    fn push(&mut self, vm: &Vm, value: Value) -> PyResult<()> {
        let h = member_hash(vm, &value)?;
        if !self.contains(vm, &value, h)? {
            self.values.push(value);
            self.hashes.push(h);
        }
        Ok(())
    }

    fn finish(self, vm: &Vm) -> PyResult {
        let unhashable = self.values.iter().zip(&self.hashes);
        let unhashable = unhashable
            .filter(|(_, h)| h.is_none())
            .map(|(v, _)| v.clone());
        let unhashable = unhashable.collect::<Vec<_>>();
        match self.values.as_slice() {
            [] => Err(vm.type_error("Cannot take a Union of no types.")),
            [one] => Ok(one.clone()),
            _ => Ok(vm
                .new_object(UnionType {
                    args: vm.new_tuple(self.values)?,
                    unhashable,
                    parameters: MutCell::new(None),
                })?
                .into_value()),
        }
    }
}

/// The union of any values; strings become forward references. Raises what `typing` finds wrong with one.
pub fn union_of(vm: &Vm, values: &[Value]) -> PyResult {
    let mut members = Members::default();
    for value in values {
        members.add(vm, value, true)?;
    }
    members.finish(vm)
}

fn is_unionable(value: &Value) -> bool {
    value.is_none()
        || value.downcast::<Type>().is_some()
        || value.downcast::<GenericAlias>().is_some()
        || value.downcast::<TypeAlias>().is_some()
        || value.downcast::<UnionType>().is_some()
}

/// `a | b` of types: duplicates are dropped, a union of one is that one.
pub fn type_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    if !is_unionable(a) || !is_unionable(b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let mut members = Members::default();
    members.add(vm, a, false)?;
    members.add(vm, b, false)?;
    members.finish(vm)
}

#[pymethods]
impl UnionType {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        vm.check_stack()?;
        let mut parts = Vec::new();
        for value in zelf.args.items() {
            parts.push(if value.is(vm.types.none_type.as_value()) {
                "None".to_string()
            } else {
                type_repr(vm, value)?
            });
        }
        Ok(vm.new_str(parts.join(" | "))?.into_value())
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        union_of(vm, &[a.clone(), b.clone()])
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let without = zelf.unhashable.len();
        if without > 0 {
            for member in &zelf.unhashable {
                hash::hash(vm, member)?;
            }
            return Err(vm.type_error(format!(
                "union contains {without} unhashable element{}",
                if without == 1 { "" } else { "s" }
            )));
        }
        let set = crate::objects::set::FrozenSet::from_values(vm, zelf.args.items().to_vec())?;
        hash::hash(vm, set.as_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<UnionType>(), b.downcast::<UnionType>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let mut equal = x.args.items().len() == y.args.items().len();
        if equal {
            let mut members = Members::default();
            for value in x.args.items() {
                members.push(vm, value.clone())?;
            }
            for value in y.args.items() {
                equal = equal && members.contains(vm, value, member_hash(vm, value)?)?;
            }
        }
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        if name.as_bytes() == b"__module__" {
            let class = vm.type_of(zelf).to_ref().into_value();
            return attributes::get(vm, &class, name);
        }
        attributes::generic_get(vm, zelf, name)
    }

    #[pyslot]
    fn subscript(vm: &Vm, zelf: &Value, item: &Value) -> PyResult {
        let Some(union) = zelf.downcast::<UnionType>() else {
            return Err(vm.type_error("not a Union"));
        };
        let parameters = union.type_variables(vm)?;
        let args = substitute::substitute(vm, zelf, union.args.items(), parameters.items(), item)?;
        union_of(vm, &args)
    }

    #[pymember]
    fn __args__(&self) -> Value {
        self.args.to_value()
    }

    /// Name of the type
    #[pygetter]
    fn __name__(&self) -> &'static str {
        "Union"
    }

    /// Qualified name of the type
    #[pygetter]
    fn __qualname__(&self) -> &'static str {
        "Union"
    }

    /// Always returns the type
    #[pygetter]
    fn __origin__(&self, vm: &Vm) -> Value {
        vm.types.union.to_value()
    }

    /// Type variables in the types.UnionType.
    #[pygetter]
    fn __parameters__(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        self.type_variables(vm)
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __mro_entries__(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        Err(vm.type_error(format!(
            "Cannot subclass {}",
            object::repr(vm, zelf.as_value())?.to_string_lossy()
        )))
    }

    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(_cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        match object.downcast::<Tuple>() {
            Some(tuple) => union_of(vm, tuple.items()),
            None => union_of(vm, std::slice::from_ref(object)),
        }
    }
}
