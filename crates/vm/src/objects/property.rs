//! `property`. CPython: Objects/descrobject.c.

use crate::function::Args;
use crate::objects::type_::Type;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Property attribute.
///
///   fget
///     function to be used for getting an attribute value
///   fset
///     function to be used for setting an attribute value
///   fdel
///     function to be used for del'ing an attribute
///   doc
///     docstring
///
/// Typical use is to define a managed attribute x:
///
/// class C(object):
///     def getx(self): return self._x
///     def setx(self, value): self._x = value
///     def delx(self): del self._x
///     x = property(getx, setx, delx, "I'm the 'x' property.")
///
/// Decorators make defining new properties or modifying existing ones easy:
///
/// class C(object):
///     @property
///     def x(self):
///         "I am the 'x' property."
///         return self._x
///     @x.setter
///     def x(self, value):
///         self._x = value
///     @x.deleter
///     def x(self):
///         del self._x
#[pyclass(name = "property", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
#[derive(Default)]
pub struct Property {
    fget: MutCell<Option<Value>>,
    fset: MutCell<Option<Value>>,
    fdel: MutCell<Option<Value>>,
    doc: MutCell<Option<Value>>,
    name: MutCell<Option<Value>>,
    getter_doc: std::cell::Cell<bool>,
}

impl Traverse for Property {
    fn traverse(&self, v: &mut Visitor) {
        for field in [&self.fget, &self.fset, &self.fdel, &self.doc, &self.name] {
            field.with(|x| v.opt(x))
        }
    }
    fn clear(&self) {
        for field in [&self.fget, &self.fset, &self.fdel, &self.doc, &self.name] {
            drop(field.take())
        }
    }
}

impl Property {
    pub(crate) fn getter(&self) -> Option<Value> {
        self.fget.get()
    }

    fn name_text(&self, vm: &Vm) -> PyResult<Option<String>> {
        let name = match self.name.get() {
            Some(name) => Some(name),
            None => match self.fget.get() {
                Some(fget) => attributes::get_optional(vm, &fget, &vm.names.__name__)?,
                None => None,
            },
        };
        match name {
            Some(name) => Ok(Some(
                object::repr(vm, &name)?.to_string_lossy().into_owned(),
            )),
            None => Ok(None),
        }
    }

    #[cold]
    fn missing(&self, vm: &Vm, instance: &Value, what: &str) -> Raised {
        let class = crate::function::native::qualified_class_name(vm.type_of(instance));
        match self.name_text(vm) {
            Ok(Some(name)) => {
                vm.attribute_error(format!("property {name} of '{class}' object has no {what}"))
            }
            Ok(None) => vm.attribute_error(format!("property of '{class}' object has no {what}")),
            Err(raised) => raised,
        }
    }

    /// A property like this one with one function replaced.
    fn copy_with(zelf: &Value, vm: &Vm, which: usize, function: Value) -> PyResult {
        let Some(property) = zelf.downcast::<Property>() else {
            return Err(vm.type_error("not a property"));
        };
        let mut parts = [
            property.fget.get(),
            property.fset.get(),
            property.fdel.get(),
        ]
        .map(|p| p.unwrap_or(Value::NONE));
        parts[which] = function;
        let doc = if property.getter_doc.get() && !parts[0].is_none() {
            Value::NONE
        } else {
            property.doc.get().unwrap_or(Value::NONE)
        };
        let [a, b, c] = parts;
        let class = vm.type_of(zelf).to_ref();
        let made = vm.call(class.as_value(), &[a, b, c, doc])?;
        if let Some(new) = made.downcast::<Property>() {
            new.name.set(property.name.get());
        }
        Ok(made)
    }
}

#[pymethods]
impl Property {
    #[pyslot(sig = "(fget=None, fset=None, fdel=None, doc=None)")]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Property::default())?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let mut parts: [Option<Value>; 4] = [const { None }; 4];
        if args.positional().len() > 4 {
            return Err(vm.type_error(format!(
                "property() takes at most 4 arguments ({} given)",
                args.args.len()
            )));
        }
        for (place, value) in parts.iter_mut().zip(args.positional()) {
            *place = Some(value.clone());
        }
        for (name, value) in args.keywords() {
            let text = name.to_string_lossy();
            match ["fget", "fset", "fdel", "doc"]
                .iter()
                .position(|n| *n == text)
            {
                Some(i) if parts[i].is_some() => {
                    return Err(vm.type_error(format!(
                        "argument for property() given by name ('{text}') and position ({})",
                        i + 1
                    )));
                }
                Some(i) => parts[i] = Some(value.clone()),
                None => {
                    return Err(vm.type_error(format!(
                        "property() got an unexpected keyword argument '{text}'"
                    )));
                }
            }
        }
        let [fget, fset, fdel, doc] = parts.map(|p| p.filter(|v| !v.is_none()));
        zelf.getter_doc.set(false);
        let mut doc = doc;
        if doc.is_none()
            && let Some(fget) = &fget
            && let Some(found) = attributes::get_optional(vm, fget, &vm.names.__doc__)?
            && !found.is_none()
        {
            doc = Some(found);
            zelf.getter_doc.set(true);
        }
        zelf.fget.set(fget);
        zelf.fset.set(fset);
        zelf.fdel.set(fdel);
        zelf.name.set(None);
        if vm.type_of(zelf.as_value()).is(&vm.types.property) {
            zelf.doc.set(doc);
            return Ok(());
        }
        // A subclass keeps the docstring in its own attribute. Where it has no room for one, only a getter's is missed.
        let text = doc.unwrap_or(Value::NONE);
        match attributes::set(vm, zelf.as_value(), &vm.names.__doc__, Some(&text)) {
            Err(Raised) if !zelf.getter_doc.get() && vm.catch(&vm.types.attribute_error) => Ok(()),
            other => other,
        }
    }

    #[pyslot]
    fn descr_get(
        vm: &Vm,
        zelf: &Value,
        instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(instance) = instance.filter(|v| !v.is_none()) else {
            return Ok(zelf.clone());
        };
        let Some(property) = zelf.downcast::<Property>() else {
            return Err(vm.type_error("not a property"));
        };
        match property.fget.get() {
            Some(fget) => vm.call(&fget, std::slice::from_ref(instance)),
            None => Err(property.missing(vm, instance, "getter")),
        }
    }

    #[pyslot]
    fn descr_set(vm: &Vm, zelf: &Value, instance: &Value, value: Option<&Value>) -> PyResult<()> {
        let Some(property) = zelf.downcast::<Property>() else {
            return Err(vm.type_error("not a property"));
        };
        let (function, what) = match value {
            Some(_) => (property.fset.get(), "setter"),
            None => (property.fdel.get(), "deleter"),
        };
        let Some(function) = function else {
            return Err(property.missing(vm, instance, what));
        };
        match value {
            Some(value) => vm
                .call(&function, &[instance.clone(), value.clone()])
                .map(drop),
            None => vm.call(&function, std::slice::from_ref(instance)).map(drop),
        }
    }

    /// Descriptor to obtain a copy of the property with a different getter.
    #[pymethod(name = "getter", sig = "($self, object, /)")]
    fn getter_method(zelf: &Value, vm: &Vm, object: Value) -> PyResult {
        Property::copy_with(zelf, vm, 0, object)
    }

    /// Descriptor to obtain a copy of the property with a different setter.
    #[pymethod(sig = "($self, object, /)")]
    fn setter(zelf: &Value, vm: &Vm, object: Value) -> PyResult {
        Property::copy_with(zelf, vm, 1, object)
    }

    /// Descriptor to obtain a copy of the property with a different deleter.
    #[pymethod(sig = "($self, object, /)")]
    fn deleter(zelf: &Value, vm: &Vm, object: Value) -> PyResult {
        Property::copy_with(zelf, vm, 2, object)
    }

    /// Method to set name of a property.
    #[pymethod(raw, sig = "($self, owner, name, /)")]
    fn __set_name__(vm: &Vm, args: Args) -> PyResult {
        let [zelf, rest @ ..] = args.positional() else {
            return Err(vm.type_error("unbound method property.__set_name__() needs an argument"));
        };
        let (Some(property), [_, name]) = (zelf.downcast::<Property>(), rest) else {
            return Err(vm.type_error(format!(
                "__set_name__() takes 2 positional arguments but {} were given",
                rest.len()
            )));
        };
        property.name.set(Some(name.clone()));
        Ok(Value::NONE)
    }

    #[pymember]
    fn fget(&self) -> Option<Value> {
        self.fget.get()
    }

    #[pymember]
    fn fset(&self) -> Option<Value> {
        self.fset.get()
    }

    #[pymember]
    fn fdel(&self) -> Option<Value> {
        self.fdel.get()
    }

    #[pygetter]
    fn __doc__(&self) -> Option<Value> {
        self.doc.get()
    }

    #[pysetter(name = "__doc__")]
    fn set_doc(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.doc.set(value);
        Ok(())
    }

    #[pygetter]
    fn __name__(&self, vm: &Vm) -> PyResult {
        let name = match self.name.get() {
            Some(name) => Some(name),
            None => match self.fget.get() {
                Some(fget) => attributes::get_optional(vm, &fget, &vm.names.__name__)?,
                None => None,
            },
        };
        name.ok_or_else(|| vm.attribute_error("'property' object has no attribute '__name__'"))
    }

    #[pysetter(name = "__name__")]
    fn set_name(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.name.set(value);
        Ok(())
    }

    #[pygetter]
    fn __isabstractmethod__(&self, vm: &Vm) -> PyResult<bool> {
        for function in [self.fget.get(), self.fset.get(), self.fdel.get()]
            .into_iter()
            .flatten()
        {
            if let Some(flag) =
                attributes::get_optional(vm, &function, &vm.names.__isabstractmethod__)?
                && object::is_true(vm, &flag)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
