//! `defaultdict`: a dict that makes missing values by calling a factory.

use super::class_of;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::{Dict, methods};
use naja_vm::protocols::{iterator, object};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};

/// defaultdict(default_factory=None, /, [...]) --> dict with default factory
///
/// The default factory is called without arguments to produce
/// a new value when a key is not present, in __getitem__ only.
/// A defaultdict compares equal to a dict with the same items.
/// All remaining arguments are treated the same as if they were
/// passed to the dict constructor, including keyword arguments.
#[pyclass(
    name = "defaultdict",
    module = "collections",
    extends = "Dict",
    gc,
    flags(BASETYPE, MAPPING)
)]
#[repr(C)]
pub struct DefaultDict {
    dict: Dict,
    factory: MutCell<Option<Value>>,
}

impl Traverse for DefaultDict {
    fn traverse(&self, v: &mut Visitor) {
        self.dict.traverse(v);
        self.factory.with(|f| v.opt(f));
    }
    fn clear(&self) {
        drop(self.factory.take());
        Traverse::clear(&self.dict);
    }
}

impl DefaultDict {
    /// The value for a key that is not there, put in.
    fn make_missing(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        let Some(factory) = zelf.factory.get() else {
            return Err(vm.key_error(key));
        };
        let value = vm.call(&factory, &[])?;
        // The factory may itself have set one.
        zelf.dict.set_default(vm, key, value)
    }

    /// `type(self)(factory, mapping)`.
    fn like(vm: &Vm, zelf: &Ref<Self>, mapping: &Value) -> PyResult {
        let factory = zelf.factory.get().unwrap_or(Value::NONE);
        vm.call(&class_of(vm, zelf.as_value()), &[factory, mapping.clone()])
    }
}

#[pymethods]
impl DefaultDict {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let payload = DefaultDict {
            dict: Dict::default(),
            factory: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, payload)?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let first = args.positional().first();
        if let Some(factory) = first
            && !factory.is_none()
            && vm.type_of(factory).slots.call.get().is_none()
        {
            return Err(vm.type_error("first argument must be callable or None"));
        }
        zelf.factory.set(first.filter(|f| !f.is_none()).cloned());
        let rest = if first.is_some() { args.rest() } else { args };
        match vm.types.dict.slots.init.get() {
            Some(init) => init(vm, zelf.as_value(), rest),
            None => Ok(()),
        }
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if let Some(value) = zelf.dict.get(vm, key)? {
            return Ok(value);
        }
        if vm.type_of(zelf.as_value()).is(vm.class::<DefaultDict>()) {
            return DefaultDict::make_missing(zelf, vm, key);
        }
        match vm.call_special(
            zelf.as_value(),
            &vm.names.__missing__,
            std::slice::from_ref(key),
        )? {
            Some(value) => Ok(value),
            None => Err(vm.key_error(key)),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let base = match vm.types.dict.slots.repr.get() {
            Some(repr) => repr(vm, zelf.as_value())?,
            None => return Err(vm.system_error("dict has no repr")),
        };
        let base = object::str(vm, &base)?;
        let factory = match zelf.factory.get() {
            None => "None".to_string(),
            Some(factory) if object::repr_enter(vm, &factory) => "...".to_string(),
            Some(factory) => {
                let shown = object::repr(vm, &factory);
                object::repr_leave(vm, &factory);
                shown?.to_string_lossy().into_owned()
            }
        };
        let name = vm.type_of(zelf.as_value()).name();
        Ok(vm
            .new_str(format!("{name}({factory}, {})", base.to_string_lossy()))?
            .into_value())
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(_), Some(_)) = (a.downcast::<Dict>(), b.downcast::<Dict>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let new = match (a.downcast::<DefaultDict>(), b.downcast::<DefaultDict>()) {
            (Some(own), _) => DefaultDict::like(vm, own, a)?,
            (None, Some(other)) => DefaultDict::like(vm, other, a)?,
            (None, None) => return Ok(Value::NOT_IMPLEMENTED),
        };
        if let Some(dict) = new.downcast::<Dict>() {
            methods::update_from_mapping(vm, dict, b)?;
        }
        Ok(new)
    }

    /// __missing__(key) # Called by __getitem__ for missing key; pseudo-code:
    ///   if self.default_factory is None: raise KeyError((key,))
    ///   self[key] = value = self.default_factory()
    ///   return value
    #[pymethod(sig = "($self, object, /)")]
    fn __missing__(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        DefaultDict::make_missing(zelf, vm, object)
    }

    /// D.copy() -> a shallow copy of D.
    #[pymethod]
    fn copy(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        DefaultDict::like(vm, zelf, zelf.as_value())
    }

    /// D.copy() -> a shallow copy of D.
    #[pymethod]
    fn __copy__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        DefaultDict::like(vm, zelf, zelf.as_value())
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let args = vm.new_tuple(zelf.factory.get().into_iter().collect())?;
        let items = vm.call_method(zelf.as_value(), &vm.names.items, &[])?;
        let items = iterator::iter(vm, &items)?;
        let parts = vec![
            class_of(vm, zelf.as_value()),
            args.into_value(),
            Value::NONE,
            Value::NONE,
            items,
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// defaultdicts are generic over two types, signifying (respectively) the types of the dictionary's keys and values
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// Factory for default value called by __missing__().
    #[pymember]
    fn default_factory(&self) -> Option<Value> {
        self.factory.get()
    }

    #[pysetter]
    fn set_default_factory(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.factory.set(value.filter(|v| !v.is_none()));
        Ok(())
    }
}
