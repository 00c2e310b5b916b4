//! `weakref.ProxyType` and `weakref.CallableProxyType`: objects that pass everything on to the object they refer to weakly.
//!
//! A proxy's payload is that of a weak reference, so that the interpreter's table clears it like one; `weakref.ref` is
//! not its base class.
//! CPython: Objects/weakrefobject.c.

use super::weakref::{WeakRef, references};
use crate::function::Args;
use crate::objects::int;
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, iterator, number, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// What a proxy stands for; other values as they are. Raises ReferenceError.
fn behind(vm: &Vm, value: &Value) -> PyResult {
    let proxy = match (value.downcast::<Proxy>(), value.downcast::<CallableProxy>()) {
        (Some(proxy), _) => &proxy.weak,
        (_, Some(proxy)) => &proxy.weak,
        _ => return Ok(value.clone()),
    };
    match proxy.get() {
        Some(object) => Ok(object),
        None => Err(vm.reference_error("weakly-referenced object no longer exists")),
    }
}

/// `weakref.proxy(target, callback)`. A proxy without callback to the same object is shared.
pub fn make(vm: &Vm, target: &Value, callback: Option<Value>) -> PyResult {
    let header = WeakRef::check_target(vm, target)?;
    let callable = vm.type_of(target).slots.call.get().is_some();
    let class: &Type = if callable {
        vm.class::<CallableProxy>()
    } else {
        vm.class::<Proxy>()
    };
    if callback.is_none() {
        let shared = references(vm, header)
            .into_iter()
            .find(|r| r.callback.with(Option::is_none) && vm.type_of(r.as_value()).is(class));
        if let Some(shared) = shared {
            return Ok(shared.into_value());
        }
    }
    let weak = WeakRef::detached(callback);
    if callable {
        let new = vm.new_object(CallableProxy { weak })?;
        new.weak.attach(vm, header);
        Ok(new.into_value())
    } else {
        let new = vm.new_object(Proxy { weak })?;
        new.weak.attach(vm, header);
        Ok(new.into_value())
    }
}

macro_rules! proxy {
    ($ty:ident, $name:literal, $extra:ident) => {
        #[pyclass(
                                                                    name = $name,
                                                                    module = "weakref",
                                                                    doc = "",
                                                                    base = "super::object::Object",
                                                                    extends = "WeakRef",
                                                                    gc,
                                                                    flags(NO_NEW)
                                                                )]
        #[repr(C)]
        pub struct $ty {
            weak: WeakRef,
        }

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.weak.traverse(v)
            }
            fn clear(&self) {
                self.weak.clear()
            }
        }

        #[pymethods(with($extra))]
        impl $ty {
            #[pyslot]
            fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                let address = zelf.as_ptr() as usize;
                let text = match zelf.weak.get() {
                    None => format!("<weakproxy at {address:#x}; dead>"),
                    Some(target) => format!(
                        "<weakproxy at {address:#x}; to '{}' at {:#x}>",
                        vm.type_of(&target).full_name(),
                        target.bits()
                    ),
                };
                Ok(vm.new_str(text)?.into_value())
            }

            #[pyslot]
            fn str(zelf: &Value, vm: &Vm) -> PyResult {
                Ok(object::str(vm, &behind(vm, zelf)?)?.into_value())
            }

            #[pyslot]
            fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
                attributes::get(vm, &behind(vm, zelf)?, name)
            }

            #[pyslot]
            fn setattro(
                vm: &Vm,
                zelf: &Value,
                name: &Ref<Str>,
                value: Option<&Value>,
            ) -> PyResult<()> {
                attributes::set(vm, &behind(vm, zelf)?, name, value)
            }

            #[pyslot]
            fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
                compare::rich_compare(vm, &behind(vm, a)?, &behind(vm, b)?, op)
            }

            #[pyslot]
            fn iternext(zelf: &Value, vm: &Vm) -> PyResult<Option<Value>> {
                let target = behind(vm, zelf)?;
                match vm.type_of(&target).slots.iternext.get() {
                    Some(next) => next(vm, &target),
                    None => Err(vm.type_error(format!(
                        "Weakref proxy referenced a non-iterator '{}' object",
                        vm.type_of(&target).full_name()
                    ))),
                }
            }

            #[pyslot]
            fn power(vm: &Vm, a: &Value, b: &Value, c: &Value) -> PyResult {
                number::power(vm, &behind(vm, a)?, &behind(vm, b)?, &behind(vm, c)?)
            }

            #[pyslot]
            fn inplace_power(vm: &Vm, a: &Value, b: &Value, _c: &Value) -> PyResult {
                number::binary_op(vm, 21, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn divmod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::divmod(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn bool(zelf: &Value, vm: &Vm) -> PyResult<bool> {
                object::is_true(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn float(zelf: &Value, vm: &Vm) -> PyResult {
                vm.call(vm.types.float.as_value(), &[behind(vm, zelf)?])
            }

            #[pyslot]
            fn sq_len(zelf: &Value, vm: &Vm) -> PyResult<usize> {
                object::len(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn contains(zelf: &Value, vm: &Vm, item: &Value) -> PyResult<bool> {
                sequence::contains(vm, &behind(vm, zelf)?, item)
            }

            #[pyslot]
            fn subscript(zelf: &Value, vm: &Vm, key: &Value) -> PyResult {
                object::get_item(vm, &behind(vm, zelf)?, key)
            }

            #[pyslot]
            fn set_subscript(
                zelf: &Value,
                vm: &Vm,
                key: &Value,
                value: Option<&Value>,
            ) -> PyResult<()> {
                let target = behind(vm, zelf)?;
                match value {
                    Some(value) => object::set_item(vm, &target, key, value),
                    None => object::del_item(vm, &target, key),
                }
            }

            #[pyslot]
            fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::add(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::subtract(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::multiply(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::remainder(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn lshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::lshift(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn rshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::rshift(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::and(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::xor(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::or(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn floor_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::floor_divide(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::true_divide(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn matrix_multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::matrix_multiply(vm, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 13, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 14, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_floor_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 15, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_lshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 16, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_matrix_multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 17, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 18, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 19, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 20, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_rshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 22, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 23, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 24, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn inplace_xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                number::binary_op(vm, 25, &behind(vm, a)?, &behind(vm, b)?)
            }

            #[pyslot]
            fn negative(zelf: &Value, vm: &Vm) -> PyResult {
                number::negative(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn positive(zelf: &Value, vm: &Vm) -> PyResult {
                number::positive(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn absolute(zelf: &Value, vm: &Vm) -> PyResult {
                number::absolute(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn invert(zelf: &Value, vm: &Vm) -> PyResult {
                number::invert(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn index(zelf: &Value, vm: &Vm) -> PyResult {
                number::index(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn int(zelf: &Value, vm: &Vm) -> PyResult {
                int::from_object(vm, &behind(vm, zelf)?)
            }

            #[pyslot]
            fn iter(zelf: &Value, vm: &Vm) -> PyResult {
                iterator::iter(vm, &behind(vm, zelf)?)
            }
        }
    };
}

proxy!(Proxy, "ProxyType", PROXY_METHODS);
proxy!(CallableProxy, "CallableProxyType", CALLABLE_PROXY_METHODS);

#[pymethods(extra = "PROXY_METHODS")]
impl Proxy {
    #[pymethod]
    fn __bytes__(zelf: &Value, vm: &Vm) -> PyResult {
        vm.call_method_str(&behind(vm, zelf)?, "__bytes__", &[])
    }

    #[pymethod]
    fn __reversed__(zelf: &Value, vm: &Vm) -> PyResult {
        vm.call_method(&behind(vm, zelf)?, &vm.names.__reversed__, &[])
    }
}

#[pymethods(extra = "CALLABLE_PROXY_METHODS")]
impl CallableProxy {
    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        vm.call_args(&behind(vm, zelf)?, args)
    }
}
