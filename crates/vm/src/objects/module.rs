//! `module` objects. CPython: Objects/moduleobject.c.

use crate::function::Args;
use crate::import::shadowing;
use crate::objects::dict::Dict;
use crate::objects::str_::{self, Str};
use crate::objects::type_::Type;
use crate::protocols::attributes;
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Create a module object.
///
/// The name must be a string; the optional docstring can have any type.
#[pyclass(name = "module", module = "builtins", gc, flags(BASETYPE, HAS_WEAKREF))]
#[repr(C)]
pub struct Module {
    dict: MutCell<Ref<Dict>>,
}

impl Traverse for Module {
    fn traverse(&self, v: &mut Visitor) {
        self.dict.with(|d| v.reference(d))
    }
    /// Nothing: functions may keep the dict in use, and a dict that is garbage too breaks the cycle itself.
    fn clear(&self) {}
}

impl Module {
    /// A module called `name`, with the usual attributes. Raises MemoryError.
    pub fn make(vm: &Vm, name: &str, doc: Option<&str>) -> PyResult<Ref<Module>> {
        let module = vm.new_object(Module {
            dict: MutCell::new(Dict::new(vm)?),
        })?;
        let doc = match doc {
            Some(doc) => vm.new_str(doc)?.into_value(),
            None => Value::NONE,
        };
        module.fill(vm, vm.intern(name).into_value(), doc)?;
        Ok(module)
    }

    fn fill(&self, vm: &Vm, name: Value, doc: Value) -> PyResult<()> {
        let dict = self.dict();
        dict.set_str(vm, &vm.names.__name__, name)?;
        dict.set_str(vm, &vm.names.__doc__, doc)?;
        for attr in [
            &vm.names.__package__,
            &vm.names.__loader__,
            &vm.names.__spec__,
        ] {
            dict.set_str(vm, attr, Value::NONE)?;
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn dict_ptr(&self) -> *const Dict {
        self.dict.with(|d| &raw const **d)
    }

    #[inline]
    pub fn dict(&self) -> Ref<Dict> {
        self.dict.get()
    }

    /// Sets an attribute.
    pub fn set(&self, vm: &Vm, name: &str, value: Value) -> PyResult<()> {
        self.dict().set_str(vm, &vm.intern(name), value)
    }

    /// The module's name as text, if it has one.
    pub fn name(&self, vm: &Vm) -> PyResult<Option<String>> {
        let name = self.dict().get_str(vm, &vm.names.__name__)?;
        Ok(name
            .as_ref()
            .and_then(str_::of)
            .map(|n| n.to_string_lossy().into_owned()))
    }

    #[cold]
    fn no_attribute(&self, vm: &Vm, zelf: &Value, name: &Ref<Str>) -> Raised {
        match self.absence(vm, name) {
            Ok(message) => crate::objects::exception::attribute_error(vm, message, zelf, name),
            Err(raised) => raised,
        }
    }

    /// What to say of an attribute that is not there, with the likely reason.
    fn absence(&self, vm: &Vm, name: &Ref<Str>) -> PyResult<String> {
        let text = name.to_string_lossy();
        let Some(module) = self.name(vm)? else {
            return Ok(format!("module has no attribute '{text}'"));
        };
        let plain = format!("module '{module}' has no attribute '{text}'");
        let Some(spec) = self.dict().get_str(vm, &vm.names.__spec__)? else {
            return Ok(plain);
        };
        let origin = shadowing::spec_origin(vm, &spec)?;
        let shadows = origin.as_ref().is_some_and(|o| shadowing::possible(vm, o));
        let origin = origin.map(|o| o.to_string_lossy().into_owned());
        if let Some(origin) = origin.as_ref().filter(|_| shadows)
            && let Some(given) = self.dict().get_str(vm, &vm.names.__name__)?
            && shadowing::in_standard_library(vm, &given)?
        {
            return Ok(format!(
                "{plain} (consider renaming '{origin}' since it has the same name as the standard library module named '{module}' and prevents importing that standard library module)"
            ));
        }
        if shadowing::is_initializing(vm, &spec)? {
            return Ok(match origin {
                Some(origin) if shadows => format!(
                    "{plain} (consider renaming '{origin}' if it has the same name as a library you intended to import)"
                ),
                Some(origin) => format!(
                    "partially initialized module '{module}' from '{origin}' has no attribute '{text}' (most likely due to a circular import)"
                ),
                None => format!(
                    "partially initialized module '{module}' has no attribute '{text}' (most likely due to a circular import)"
                ),
            });
        }
        if shadowing::is_uninitialized_submodule(vm, &spec, name)? {
            return Ok(format!(
                "cannot access submodule '{text}' of module '{module}' (most likely due to a circular import)"
            ));
        }
        Ok(plain)
    }
}

#[pymethods]
impl Module {
    #[pyslot(sig = "(name, doc=None)")]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let module = vm.new_object_of(
            cls,
            Module {
                dict: MutCell::new(Dict::new(vm)?),
            },
        )?;
        Ok(module.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let name = args.positional().first().or_else(|| args.keyword("name"));
        let doc = args.positional().get(1).or_else(|| args.keyword("doc"));
        let Some(name) = name else {
            return Err(vm.type_error("module() missing required argument 'name' (pos 1)"));
        };
        if str_::of(name).is_none() {
            return Err(vm.type_error(format!(
                "module() argument 'name' must be str, not {}",
                vm.type_of(name).full_name()
            )));
        }
        zelf.fill(vm, name.clone(), doc.cloned().unwrap_or(Value::NONE))
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        let Some(module) = zelf.downcast::<Module>() else {
            return attributes::generic_get(vm, zelf, name);
        };
        let ty = vm.type_of(zelf);
        if let Some(descriptor) = ty.lookup(vm, name) {
            let slots = &vm.type_of(&descriptor).slots;
            if let (Some(get), Some(_)) = (slots.descr_get.get(), slots.descr_set.get()) {
                let owner = ty.to_ref().into_value();
                return get(vm, &descriptor, Some(zelf), Some(&owner));
            }
        }
        let dict = module.dict();
        if let Some(value) = dict.get_str(vm, name)? {
            return Ok(value);
        }
        match attributes::generic_get(vm, zelf, name) {
            Err(Raised) if vm.exception_matches(&vm.types.attribute_error) => {
                vm.clear_exception();
                if let Some(getattr) = dict.get_str(vm, &vm.names.__getattr__)? {
                    return vm.call(&getattr, &[name.to_value()]);
                }
                Err(module.no_attribute(vm, zelf, name))
            }
            result => result,
        }
    }

    #[pyslot]
    fn setattro(vm: &Vm, zelf: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
        let Some(module) = zelf.downcast::<Module>() else {
            return attributes::generic_set(vm, zelf, name, value);
        };
        if let Some(descriptor) = vm.type_of(zelf).lookup(vm, name)
            && let Some(set) = vm.type_of(&descriptor).slots.descr_set.get()
        {
            return set(vm, &descriptor, zelf, value);
        }
        match value {
            Some(value) => module.dict().set_str(vm, name, value.clone()),
            None => match module.dict().remove_str(vm, name)? {
                Some(_) => Ok(()),
                None => Err(module.no_attribute(vm, zelf, name)),
            },
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if let Some(importlib) = vm.interp.state.importlib.get() {
            return vm.call_method_str(&importlib, "_module_repr", &[zelf.to_value()]);
        }
        let name = zelf.name(vm)?.unwrap_or_else(|| "?".to_string());
        Ok(vm.new_str(format!("<module '{name}'>"))?.into_value())
    }

    #[pygetter]
    fn __dict__(&self) -> Value {
        self.dict().into_value()
    }

    #[pygetter]
    fn __annotations__(&self, vm: &Vm) -> PyResult {
        let dict = self.dict();
        if let Some(annotations) = dict.get_str(vm, &vm.names.__annotations__)? {
            return Ok(annotations);
        }
        let initializing = match dict.get_str(vm, &vm.names.__spec__)? {
            Some(spec) => shadowing::is_initializing(vm, &spec)?,
            None => false,
        };
        let annotate = dict.get_str(vm, &vm.names.__annotate__)?;
        let annotations = match annotate {
            Some(annotate) if vm.type_of(&annotate).slots.call.get().is_some() => {
                let made = vm.call(&annotate, &[Value::small_int(1)])?;
                if made.downcast::<Dict>().is_none() {
                    return Err(vm.type_error(format!(
                        "__annotate__ returned non-dict of type '{}'",
                        vm.type_of(&made).full_name()
                    )));
                }
                made
            }
            _ => vm.new_dict()?.into_value(),
        };
        // A module that is being executed may still get more.
        if !initializing {
            dict.set_str(vm, &vm.names.__annotations__, annotations.clone())?;
        }
        Ok(annotations)
    }

    #[pysetter(name = "__annotations__")]
    fn set_annotations(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let dict = self.dict();
        match value {
            Some(value) => dict.set_str(vm, &vm.names.__annotations__, value)?,
            None => {
                if dict.remove_str(vm, &vm.names.__annotations__)?.is_none() {
                    return Err(vm.attribute_error("__annotations__"));
                }
            }
        }
        dict.remove_str(vm, &vm.names.__annotate__)?;
        Ok(())
    }

    #[pygetter]
    fn __annotate__(&self, vm: &Vm) -> PyResult {
        let dict = self.dict();
        if let Some(annotate) = dict.get_str(vm, &vm.names.__annotate__)? {
            return Ok(annotate);
        }
        dict.set_str(vm, &vm.names.__annotate__, Value::NONE)?;
        Ok(Value::NONE)
    }

    #[pysetter(name = "__annotate__")]
    fn set_annotate(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("cannot delete __annotate__ attribute"));
        };
        if !value.is_none() && vm.type_of(&value).slots.call.get().is_none() {
            return Err(vm.type_error("__annotate__ must be callable or None"));
        }
        let dict = self.dict();
        let cached = value.is_none();
        dict.set_str(vm, &vm.names.__annotate__, value)?;
        if !cached {
            dict.remove_str(vm, &vm.names.__annotations__)?;
        }
        Ok(())
    }

    /// __dir__() -> list
    /// specialized dir() implementation
    #[pymethod]
    fn __dir__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let dict = attributes::get(vm, zelf.as_value(), &vm.names.__dict__)?;
        let Some(dict) = dict.downcast::<Dict>() else {
            return Err(vm.type_error("<module>.__dict__ is not a dictionary"));
        };
        if let Some(dir) = dict.get_str(vm, &vm.intern("__dir__"))? {
            return vm.call(&dir, &[]);
        }
        let names = dict.items_vec().into_iter().map(|(k, _)| k).collect();
        Ok(vm.new_list(names)?.into_value())
    }
}
