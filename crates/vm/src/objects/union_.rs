//! Unions of types: `int | str`, `typing.Union[int, str]`. CPython: Objects/unionobject.c.
//!
//! Members are kept in order, each once; members that cannot be hashed are compared one by one. A union of one type is
//! that type.

use crate::objects::generic_alias::{GenericAlias, find_parameters, substitute, type_text};
use crate::objects::set::FrozenSet;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, hash, number, object};
use crate::vm::{PyResult, Vm};
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
    parameters: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for UnionType {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.args);
        self.parameters
            .with(|p| p.iter().for_each(|p| v.reference(p)));
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

    fn parameters(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        if let Some(parameters) = self.parameters.get() {
            return Ok(parameters);
        }
        let found = vm.new_tuple(find_parameters(vm, self.args.items())?)?;
        self.parameters.set(Some(found.clone()));
        Ok(found)
    }

    /// The members that can be hashed, and the others.
    fn sorted(&self, vm: &Vm) -> PyResult<(Ref<FrozenSet>, Vec<Value>)> {
        let (mut plain, mut odd) = (Vec::new(), Vec::new());
        for value in self.args.items() {
            match hash::hash(vm, value) {
                Ok(_) => plain.push(value.clone()),
                Err(_) => {
                    vm.clear_exception();
                    odd.push(value.clone())
                }
            }
        }
        Ok((FrozenSet::from_values(vm, plain)?, odd))
    }
}

/// Whether `|` makes a union of the value.
fn is_unionable(vm: &Vm, value: &Value) -> bool {
    value.is_none()
        || value.downcast::<Type>().is_some()
        || value.downcast::<GenericAlias>().is_some()
        || value.downcast::<UnionType>().is_some()
        || vm.type_of(value).full_name() == "typing.TypeAliasType"
}

fn contains(vm: &Vm, all: &[Value], value: &Value) -> PyResult<bool> {
    for other in all {
        if compare::eq(vm, other, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds a member, or a union's members, that are not there yet.
fn add(vm: &Vm, all: &mut Vec<Value>, value: &Value) -> PyResult<()> {
    if let Some(union) = value.downcast::<UnionType>() {
        return union.args.items().iter().try_for_each(|v| add(vm, all, v));
    }
    let value = if value.is_none() {
        vm.types.none_type.to_value()
    } else {
        value.clone()
    };
    if !contains(vm, all, &value)? {
        all.push(value)
    }
    Ok(())
}

fn make(vm: &Vm, all: Vec<Value>) -> PyResult {
    if let [one] = all.as_slice() {
        return Ok(one.clone());
    }
    let union = UnionType {
        args: vm.new_tuple(all)?,
        parameters: MutCell::new(None),
    };
    Ok(vm.new_object(union)?.into_value())
}

/// `a | b` of types: duplicates are dropped, a union of one is that one.
pub fn type_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    if !is_unionable(vm, a) || !is_unionable(vm, b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    union_of(vm, &[a.clone(), b.clone()])
}

/// The union of values that are known to be types or what stands for types (`typing`'s objects too).
pub fn union_of(vm: &Vm, values: &[Value]) -> PyResult {
    let mut all = Vec::new();
    for value in values {
        add(vm, &mut all, value)?
    }
    make(vm, all)
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
                type_text(vm, value)?
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
        let (set, odd) = zelf.sorted(vm)?;
        match odd.len() {
            0 => hash::hash(vm, set.as_value()),
            1 => Err(vm.type_error("union contains 1 unhashable element")),
            n => Err(vm.type_error(format!("union contains {n} unhashable elements"))),
        }
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<UnionType>(), b.downcast::<UnionType>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let ((set_x, odd_x), (set_y, odd_y)) = (x.sorted(vm)?, y.sorted(vm)?);
        let mut equal =
            odd_x.len() == odd_y.len() && compare::eq(vm, set_x.as_value(), set_y.as_value())?;
        for value in &odd_x {
            equal = equal && contains(vm, &odd_y, value)?
        }
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        if name.as_bytes() == b"__module__" {
            return attributes::get(vm, vm.type_of(zelf).to_ref().as_value(), name);
        }
        attributes::generic_get(vm, zelf, name)
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
        let mut args = args.into_iter();
        let mut all = args.next().unwrap_or(Value::NONE);
        for arg in args {
            all = number::or(vm, &all, &arg)?
        }
        Ok(all)
    }

    #[pymember]
    fn __args__(&self) -> Value {
        self.args.to_value()
    }

    /// Type variables in the types.UnionType.
    #[pygetter]
    fn __parameters__(&self, vm: &Vm) -> PyResult {
        Ok(self.parameters(vm)?.into_value())
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
        vm.class::<UnionType>().to_value()
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __mro_entries__(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        let shown = crate::protocols::object::repr(vm, zelf.as_value())?;
        Err(vm.type_error(format!("Cannot subclass {}", shown.to_string_lossy())))
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(_cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        let given = match object.downcast::<Tuple>() {
            Some(tuple) => tuple.items().to_vec(),
            None => vec![object.clone()],
        };
        if given.is_empty() {
            return Err(vm.type_error("Cannot take a Union of no types."));
        }
        let mut types = Vec::with_capacity(given.len());
        for value in given {
            if is_unionable(vm, &value) {
                types.push(value);
                continue;
            }
            let typing = crate::import::import_simple(vm, "typing")?;
            let message = vm
                .new_str("Union[arg, ...]: each arg must be a type.")?
                .into_value();
            types.push(vm.call_method_str(&typing, "_type_check", &[value, message])?)
        }
        union_of(vm, &types)
    }
}
