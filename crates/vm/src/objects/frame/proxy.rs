//! `FrameLocalsProxy`: the variables of a function's frame as a mapping that writes through (PEP 667).
//!
//! CPython: the functions `framelocalsproxy_*` in Objects/frameobject.c.

use super::FrameObject;
use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::str_::{self, Str};
use crate::objects::type_::Type;
use crate::protocols::compare::{CompareOp, eq};
use crate::protocols::{iterator, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// See the module's head.
#[pyclass(
    name = "FrameLocalsProxy",
    module = "builtins",
    doc = "",
    gc,
    flags(MAPPING)
)]
pub struct FrameLocalsProxy {
    frame: Ref<FrameObject>,
}

impl Traverse for FrameLocalsProxy {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.frame);
    }
    fn clear(&self) {}
}

/// A new proxy of a frame. Raises MemoryError.
pub fn make(vm: &Vm, frame: &Ref<FrameObject>) -> PyResult {
    Ok(vm
        .new_object(FrameLocalsProxy {
            frame: frame.clone(),
        })?
        .into_value())
}

/// Something to merge: a dict or another proxy.
fn is_mapping(vm: &Vm, value: &Value) -> bool {
    value.downcast::<Dict>().is_some()
        || value.downcast::<FrameLocalsProxy>().is_some()
        || vm.type_of(value).is(&vm.types.dict)
}

impl FrameLocalsProxy {
    /// All names and values: variables in order, then what was added.
    fn items_vec(&self) -> Vec<(Value, Value)> {
        let mut items = self.frame.variables();
        if let Some(extra) = self.frame.extra() {
            items.extend(extra.items_vec());
        }
        items
    }

    fn snapshot(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        let dict = vm.new_dict()?;
        for (name, value) in self.items_vec() {
            dict.set(vm, &name, value)?;
        }
        Ok(dict)
    }

    /// The variable that a key means: itself for `str`, an equal name for other objects.
    fn variable_of(&self, vm: &Vm, key: &Value) -> PyResult<Option<Ref<Str>>> {
        let hash = crate::protocols::hash::hash(vm, key)?;
        if vm.type_of(key).is(&vm.types.str) {
            return Ok(str_::of(key).cloned());
        }
        for name in self.frame.variable_names() {
            if crate::protocols::hash::hash(vm, name.as_value())? == hash
                && crate::protocols::compare::eq(vm, name.as_value(), key)?
            {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn lookup(&self, vm: &Vm, key: &Value) -> PyResult<Option<Value>> {
        if let Some(name) = &self.variable_of(vm, key)? {
            for (known, value) in self.frame.variables() {
                if str_::of(&known).is_some_and(|k| str_::eq(k, name)) {
                    return Ok(Some(value));
                }
            }
        }
        match self.frame.extra() {
            Some(extra) => extra.get(vm, key),
            None => {
                crate::protocols::hash::hash(vm, key)?;
                Ok(None)
            }
        }
    }

    fn store(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        if let Some(name) = &self.variable_of(vm, key)? {
            let known = self.frame.has_variable(name);
            match value {
                Some(value) if known => {
                    self.frame.set_variable(name, value.clone());
                    return Ok(());
                }
                None if known => {
                    return Err(
                        vm.value_error("cannot remove local variables from FrameLocalsProxy")
                    );
                }
                _ => {}
            }
        }
        match value {
            Some(value) => {
                let extra = match self.frame.extra() {
                    Some(extra) => extra,
                    None => {
                        let extra = vm.new_dict()?;
                        self.frame.set_extra(extra.clone());
                        extra
                    }
                };
                extra.set(vm, key, value.clone())
            }
            None => {
                let removed = match self.frame.extra() {
                    Some(extra) => extra.remove(vm, key)?,
                    None => None,
                };
                removed.map(drop).ok_or_else(|| vm.key_error(key))
            }
        }
    }

    fn merge(&self, vm: &Vm, other: &Value) -> PyResult<()> {
        if let Some(dict) = other.downcast::<Dict>() {
            for (key, value) in dict.items_vec() {
                self.store(vm, &key, Some(&value))?;
            }
            return Ok(());
        }
        if let Some(proxy) = other.downcast::<FrameLocalsProxy>() {
            for (key, value) in proxy.items_vec() {
                self.store(vm, &key, Some(&value))?;
            }
            return Ok(());
        }
        Err(vm.type_error("update() argument must be dict or another FrameLocalsProxy"))
    }
}

#[pymethods]
impl FrameLocalsProxy {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("FrameLocalsProxy takes no keyword arguments"));
        }
        let [frame] = args.positional() else {
            return Err(vm.type_error(format!(
                "FrameLocalsProxy expected 1 argument, got {}",
                args.positional().len()
            )));
        };
        match frame.downcast::<FrameObject>() {
            Some(frame) => make(vm, frame),
            None => Err(vm.type_error(format!(
                "expect frame, not {}",
                vm.type_of(frame).full_name()
            ))),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if object::repr_enter(vm, zelf.as_value()) {
            return Ok(vm.new_str("{...}")?.into_value());
        }
        let result = zelf
            .snapshot(vm)
            .and_then(|dict| object::repr(vm, dict.as_value()));
        object::repr_leave(vm, zelf.as_value());
        Ok(result?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let Some(proxy) = a.downcast::<FrameLocalsProxy>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let equal = if let Some(other) = b.downcast::<FrameLocalsProxy>() {
            proxy.frame.is(&other.frame)
        } else if b.downcast::<Dict>().is_some() {
            eq(vm, proxy.snapshot(vm)?.as_value(), b)?
        } else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let keys = zelf.items_vec().into_iter().map(|(key, _)| key).collect();
        iterator::iter(vm, vm.new_list(keys)?.as_value())
    }

    #[pyslot]
    fn mp_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.items_vec().len())
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        match zelf.lookup(vm, key)? {
            Some(value) => Ok(value),
            None => {
                let text = object::repr(vm, key)?;
                let message = format!("local variable '{}' is not defined", text.to_string_lossy());
                Err(vm.key_error(vm.new_str(message)?.as_value()))
            }
        }
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        zelf.store(vm, key, value)
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult<bool> {
        Ok(zelf.lookup(vm, key)?.is_some())
    }

    #[pyslot]
    fn or(a: &Value, b: &Value, vm: &Vm) -> PyResult {
        if !is_mapping(vm, a) || !is_mapping(vm, b) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let result = vm.new_dict()?;
        for side in [a, b] {
            let items = match side.downcast::<FrameLocalsProxy>() {
                Some(proxy) => proxy.items_vec(),
                None => side
                    .downcast::<Dict>()
                    .map(|d| d.items_vec())
                    .unwrap_or_default(),
            };
            for (key, value) in items {
                result.set(vm, &key, value)?;
            }
        }
        Ok(result.into_value())
    }

    #[pyslot]
    fn inplace_or(a: &Value, b: &Value, vm: &Vm) -> PyResult {
        match a.downcast::<FrameLocalsProxy>() {
            Some(proxy) if is_mapping(vm, b) => {
                proxy.merge(vm, b)?;
                Ok(a.clone())
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    /// See dict.__reversed__.
    #[pymethod(sig = "($self, /)")]
    fn __reversed__(&self, vm: &Vm) -> PyResult {
        let keys = self
            .items_vec()
            .into_iter()
            .rev()
            .map(|(key, _)| key)
            .collect();
        Ok(vm.new_list(keys)?.into_value())
    }

    /// See dict.copy.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        Ok(self.snapshot(vm)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn keys(&self, vm: &Vm) -> PyResult {
        let keys = self.items_vec().into_iter().map(|(key, _)| key).collect();
        Ok(vm.new_list(keys)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn values(&self, vm: &Vm) -> PyResult {
        let values = self
            .items_vec()
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        Ok(vm.new_list(values)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn items(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(self.snapshot(vm)?.as_value(), "items", &[])
            .and_then(|items| Ok(vm.new_list(sequence::collect(vm, &items)?)?.into_value()))
    }

    #[pymethod(sig = "($self, key, default=None, /)")]
    fn get(&self, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        Ok(self.lookup(vm, key)?.or(default).unwrap_or(Value::NONE))
    }

    #[pymethod(sig = "($self, other, /)")]
    fn update(&self, vm: &Vm, other: &Value) -> PyResult<()> {
        self.merge(vm, other)
    }

    #[pymethod(sig = "($self, key, default=None, /)")]
    fn setdefault(&self, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        if let Some(value) = self.lookup(vm, key)? {
            return Ok(value);
        }
        let value = default.unwrap_or(Value::NONE);
        self.store(vm, key, Some(&value))?;
        Ok(value)
    }

    #[pymethod(sig = "($self, key, default=<unrepresentable>, /)")]
    fn pop(&self, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        if let Some(name) = str_::of(key)
            && self.frame.has_variable(name)
        {
            return Err(vm.value_error("cannot remove local variables from FrameLocalsProxy"));
        }
        let removed = match self.frame.extra() {
            Some(extra) => extra.remove(vm, key)?,
            None => None,
        };
        removed.or(default).ok_or_else(|| vm.key_error(key))
    }
}
