//! Attributes of type objects, and the methods of `type`.
//!
//! CPython: Objects/typeobject.c (type_getattro, type_setattro, type_getsets, type_methods).

use super::{Type, TypeFlags, class_new, class_slots, is_subtype};
use crate::function::{Args, GetSetDef};
use crate::interpreter::attr_cache;
use crate::objects::dict::Dict;
use crate::objects::mappingproxy::MappingProxy;
use crate::objects::str_::{self, Str};
use crate::objects::{instance, weakref};
use crate::protocols::{attributes, object};
use crate::runtime::Access;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymethods;

/// The `__dict__` attribute of instances of Python classes.
pub static INSTANCE_DICT: GetSetDef = GetSetDef {
    name: "__dict__",
    doc: "dictionary for instance variables",
    member: false,
    get: Some(get_instance_dict),
    set: Some(set_instance_dict),
};

/// The `__dict__` of instances of built-in classes: it cannot be deleted.
pub static NATIVE_DICT: GetSetDef = GetSetDef {
    name: "__dict__",
    doc: "dictionary for instance variables",
    member: false,
    get: Some(|vm, object| instance::materialize(vm, object).map(Ref::into_value)),
    set: Some(set_native_dict),
};

fn set_native_dict(vm: &Vm, object: &Value, value: Option<&Value>) -> PyResult<()> {
    match value {
        None => Err(vm.type_error("cannot delete __dict__")),
        Some(value) => put_dict(vm, object, value),
    }
}

fn put_dict(vm: &Vm, object: &Value, value: &Value) -> PyResult<()> {
    match value.downcast::<Dict>() {
        Some(dict) => {
            instance::set_dict(vm, object, Some(dict.clone()));
            Ok(())
        }
        None => Err(vm.type_error(format!(
            "__dict__ must be set to a dictionary, not a '{}'",
            vm.type_of(value).full_name()
        ))),
    }
}

/// The `__weakref__` attribute of instances of Python classes.
pub static WEAKREF: GetSetDef = GetSetDef {
    name: "__weakref__",
    doc: "list of weak references to the object",
    member: false,
    get: Some(|vm, object| Ok(weakref::first(vm, object).unwrap_or(Value::NONE))),
    set: None,
};

/// The `__dict__` descriptor of a built-in class among the bases (`type`'s, a module's), which goes before the generic one.
fn builtin_dict_descriptor(vm: &Vm, object: &Value) -> PyResult<Option<Value>> {
    let object_class = &vm.types.object;
    if std::ptr::eq(
        vm.type_of(object).layout.payload,
        object_class.layout.payload,
    ) {
        return Ok(None);
    }
    let mut at = Some(vm.type_of(object).to_ref());
    while let Some(class) = at {
        let native = !class.flag(TypeFlags::HEAPTYPE) && class.base().is_some();
        if native && let Some(found) = own(vm, &class, &vm.names.__dict__)? {
            return match Some(found) {
                Some(found) if vm.type_of(&found).slots.descr_set.get().is_some() => {
                    Ok(Some(found))
                }
                _ => Err(vm.type_error(format!(
                    "this __dict__ descriptor does not support '{}' objects",
                    vm.type_of(object).full_name()
                ))),
            };
        }
        at = class.base();
    }
    Ok(None)
}

fn get_instance_dict(vm: &Vm, object: &Value) -> PyResult {
    if let Some(descriptor) = builtin_dict_descriptor(vm, object)?
        && let Some(get) = vm.type_of(&descriptor).slots.descr_get.get()
    {
        return get(
            vm,
            &descriptor,
            Some(object),
            Some(vm.type_of(object).to_ref().as_value()),
        );
    }
    instance::materialize(vm, object).map(Ref::into_value)
}

fn set_instance_dict(vm: &Vm, object: &Value, value: Option<&Value>) -> PyResult<()> {
    if let Some(descriptor) = builtin_dict_descriptor(vm, object)?
        && let Some(set) = vm.type_of(&descriptor).slots.descr_set.get()
    {
        return set(vm, &descriptor, object, value);
    }
    match value {
        None => {
            instance::set_dict(vm, object, None);
            Ok(())
        }
        Some(value) => put_dict(vm, object, value),
    }
}

/// A class's module and qualified name, without the module for built-in classes.
pub fn module_and_name(vm: &Vm, class: &Type) -> PyResult<String> {
    let qualname = qualname(class);
    Ok(match module_text(vm, class)? {
        Some(module) if module != "builtins" => format!("{module}.{qualname}"),
        _ => qualname,
    })
}

/// `type.__getattribute__`: like that of objects, but the class's own attributes are looked up along its MRO and bound to it.
pub fn type_getattro(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult {
    let Some(ty) = object.downcast::<Type>() else {
        return attributes::generic_get(vm, object, name);
    };
    match type_get_optional(vm, ty, name)? {
        Some(value) => Ok(value),
        None => {
            let message = format!(
                "type object '{}' has no attribute '{}'",
                ty.full_name(),
                name.to_string_lossy()
            );
            Err(crate::objects::exception::attribute_error(
                vm, message, object, name,
            ))
        }
    }
}

/// As [`type_getattro`], None where there is no such attribute.
pub(crate) fn type_get_optional(
    vm: &Vm,
    ty: &Ref<Type>,
    name: &Ref<Str>,
) -> PyResult<Option<Value>> {
    let object = ty.as_value();
    if let Some(known) = attr_cache::quick(vm, object, name) {
        return Ok(known);
    }
    let meta = vm.type_of(object);
    let meta_attribute = meta.lookup(vm, name);
    let mut meta_get = None;
    if let Some(attribute) = &meta_attribute {
        let slots = &vm.type_of(attribute).slots;
        meta_get = slots.descr_get.get();
        if let Some(get) = meta_get
            && slots.descr_set.get().is_some()
        {
            let owner = meta.to_ref().into_value();
            return get(vm, attribute, Some(object), Some(&owner)).map(Some);
        }
    }
    if let Some(attribute) = ty.lookup(vm, name) {
        return match vm.type_of(&attribute).slots.descr_get.get() {
            Some(get) => get(vm, &attribute, None, Some(object)).map(Some),
            None => Ok(Some(attribute)),
        };
    }
    match (meta_attribute, meta_get) {
        (Some(attribute), Some(get)) => {
            let owner = meta.to_ref().into_value();
            get(vm, &attribute, Some(object), Some(&owner)).map(Some)
        }
        (attribute, _) => Ok(attribute),
    }
}

/// `type.__setattr__`.
pub fn type_setattro(
    vm: &Vm,
    object: &Value,
    name: &Ref<Str>,
    value: Option<&Value>,
) -> PyResult<()> {
    let Some(ty) = object.downcast::<Type>() else {
        return attributes::generic_set(vm, object, name, value);
    };
    if ty.flag(TypeFlags::IMMUTABLE) {
        return Err(vm.type_error(format!(
            "cannot set '{}' attribute of immutable type '{}'",
            name.to_string_lossy(),
            ty.full_name()
        )));
    }
    let name = vm.interp.interned_name(name);
    if let Some(descriptor) = vm.type_of(object).lookup(vm, &name)
        && let Some(set) = vm.type_of(&descriptor).slots.descr_set.get()
    {
        return set(vm, &descriptor, object, value);
    }
    let dict = ty.dict(vm)?;
    let old = match value {
        Some(value) => {
            let old = dict.get_str(vm, &name)?;
            dict.set_str(vm, &name, value.clone())?;
            if let Some(old) = &old
                && is_plain(vm, old)
                && is_plain(vm, value)
                && !is_special(&name)
                && ty.replaces_often(&name)
            {
                return Ok(());
            }
            old
        }
        None => match dict.remove_str(vm, &name)? {
            Some(old) => Some(old),
            None => {
                let message = format!(
                    "type object '{}' has no attribute '{}'",
                    ty.full_name(),
                    name.to_string_lossy()
                );
                return Err(crate::objects::exception::attribute_error(
                    vm, message, object, &name,
                ));
            }
        },
    };
    ty.modified();
    if is_special(&name) {
        class_slots::update_slot(vm, ty, &name)?;
        let names = vm.names;
        let protocol = [&names.__get__, &names.__set__, &names.__delete__];
        if protocol.iter().any(|n| n.is(&name)) {
            super::descriptors_changed(vm);
        }
    }
    drop(old); // its release must not see stale caches
    Ok(())
}

fn is_special(name: &Ref<Str>) -> bool {
    let bytes = name.as_bytes();
    bytes.starts_with(b"__") && bytes.ends_with(b"__")
}

/// Whether the value is no descriptor.
fn is_plain(vm: &Vm, value: &Value) -> bool {
    let slots = &vm.type_of(value).slots;
    slots.descr_get.get().is_none() && slots.descr_set.get().is_none()
}

fn own(vm: &Vm, ty: &Type, name: &Ref<Str>) -> PyResult<Option<Value>> {
    ty.dict(vm)?.get_str(vm, name)
}

/// The class's docstring without the signature that a native class's begins with.
fn check_mutable(vm: &Vm, ty: &Type, name: &str, value: Option<&Value>) -> PyResult<()> {
    if ty.flag(TypeFlags::IMMUTABLE) {
        return Err(vm.type_error(format!(
            "cannot set '{name}' attribute of immutable type '{}'",
            ty.full_name()
        )));
    }
    if value.is_none() {
        return Err(vm.type_error(format!(
            "cannot delete '{name}' attribute of immutable type '{}'",
            ty.full_name()
        )));
    }
    let class = ty.to_ref().into_value();
    let name = vm.intern(name).into_value();
    let value = value.cloned().unwrap_or(Value::NONE);
    vm.permit(Access::Event("object.__setattr__", &[class, name, value]))
}

/// Makes an instance of `ty` as `type.__call__` does: `__new__`, then `__init__`.
#[inline]
pub(crate) fn construct(vm: &Vm, ty: &Ref<Type>, args: Args) -> PyResult {
    let Some(new) = ty.slots.new.get().filter(|_| !ty.flag(TypeFlags::NO_NEW)) else {
        return Err(vm.type_error(format!("cannot create '{}' instances", ty.full_name())));
    };
    if ty.slots.new.get() == vm.types.base_exception.slots.new.get()
        && args.kwnames.is_none()
        && let Some(made) = crate::objects::exception::plain(vm, ty, args.args)?
    {
        return Ok(made.into_value());
    }
    let made = new(vm, ty, args)?;
    let made_type = vm.type_of(&made);
    let plain = vm.types.object.slots.init.get();
    if let Some(init) = made_type.slots.init.get()
        // What `object.__init__` checks is that arguments are somebody's business: here they are `__new__`'s.
        && (made_type.slots.init.get() != plain
            || made_type.slots.new.get() == vm.types.object.slots.new.get())
        && is_subtype(made_type, ty)
    {
        init(vm, &made, args)?;
    }
    Ok(made)
}

#[pymethods]
impl Type {
    #[pyslot(sig = "(object_or_name, bases, dict, **kwds)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        class_new::type_new(vm, cls, args)
    }

    #[pyslot]
    fn init(_zelf: &Value, vm: &Vm, args: Args) -> PyResult<()> {
        let n = args.positional().len();
        if n == 1 && args.keyword_count() > 0 {
            return Err(vm.type_error("type.__init__() takes no keyword arguments"));
        }
        if n != 1 && n != 3 {
            return Err(vm.type_error("type.__init__() takes 1 or 3 arguments"));
        }
        Ok(())
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        let Some(ty) = zelf.downcast::<Type>() else {
            return Err(vm.type_error("not a type"));
        };
        if ty.is(&vm.types.type_) && args.args.len() == 1 && args.keyword_count() == 0 {
            return Ok(vm.type_of(&args.args[0]).to_ref().into_value());
        }
        if ty.is(&vm.types.type_) && args.positional().len() != 3 {
            return Err(vm.type_error("type() takes 1 or 3 arguments"));
        }
        construct(vm, ty, args)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let text = format!("<class '{}'>", module_and_name(vm, zelf)?);
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        type_getattro(vm, zelf, name)
    }

    #[pyslot]
    fn setattro(vm: &Vm, zelf: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
        type_setattro(vm, zelf, name, value)
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        crate::objects::union_::type_or(vm, a, b)
    }

    #[pygetter]
    fn __name__(&self, vm: &Vm) -> PyResult {
        match self.heap_name.get() {
            Some(name) => Ok(name.into_value()),
            None => {
                let name = vm.intern(self.static_name);
                self.heap_name.set(Some(name.clone()));
                Ok(name.into_value())
            }
        }
    }

    #[pysetter(name = "__name__")]
    fn set_name(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        check_mutable(vm, self, "__name__", value.as_ref())?;
        let Some(value) = value else { return Ok(()) };
        let Some(name) = str_::of(&value) else {
            return Err(vm.type_error(format!(
                "can only assign string to {}.__name__, not '{}'",
                self.name(),
                vm.type_of(&value).full_name()
            )));
        };
        if name.as_bytes().contains(&0) {
            return Err(vm.value_error("type name must not contain null characters"));
        }
        if name.as_str().is_none() {
            return Err(crate::objects::exception::surrogates_not_allowed(vm, name));
        }
        self.heap_name.set(Some(name.clone()));
        Ok(())
    }

    #[pygetter]
    fn __qualname__(&self, vm: &Vm) -> PyResult {
        match self.qualname.get() {
            Some(name) => Ok(name.into_value()),
            None => {
                let name = vm.intern(&qualname(self));
                self.qualname.set(Some(name.clone()));
                Ok(name.into_value())
            }
        }
    }

    #[pysetter(name = "__qualname__")]
    fn set_qualname(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        check_mutable(vm, self, "__qualname__", value.as_ref())?;
        let Some(value) = value else { return Ok(()) };
        match value.downcast_into::<Str>() {
            Ok(name) => {
                self.qualname.set(Some(name));
                Ok(())
            }
            Err(value) => Err(vm.type_error(format!(
                "can only assign string to {}.__qualname__, not '{}'",
                self.name(),
                vm.type_of(&value).full_name()
            ))),
        }
    }

    #[pygetter]
    fn __module__(&self, vm: &Vm) -> PyResult {
        if self.flag(TypeFlags::HEAPTYPE) {
            return match own(vm, self, &vm.names.__module__)? {
                Some(module) => Ok(module),
                None => Err(vm.attribute_error("__module__")),
            };
        }
        let module = self.def.map_or("builtins", |d| d.module);
        Ok(vm.intern(module).into_value())
    }

    #[pysetter(name = "__module__")]
    fn set_module(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        check_mutable(vm, self, "__module__", value.as_ref())?;
        let Some(value) = value else { return Ok(()) };
        let dict = self.dict(vm)?;
        dict.set_str(vm, &vm.names.__module__, value)?;
        dict.remove_str(vm, &vm.names.__firstlineno__)?;
        self.modified();
        Ok(())
    }

    #[pygetter]
    fn __base__(&self) -> Option<Value> {
        self.base().map(Ref::into_value)
    }

    #[pygetter]
    fn __bases__(&self) -> Option<Value> {
        self.bases.get().map(Ref::into_value)
    }

    #[pysetter(name = "__bases__")]
    fn set_bases(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        check_mutable(vm, zelf, "__bases__", value.as_ref())?;
        let Some(value) = value else { return Ok(()) };
        super::bases::set_bases(vm, zelf, &value)
    }

    #[pygetter]
    fn __mro__(&self) -> Option<Value> {
        self.mro.get().map(Ref::into_value)
    }

    #[pygetter]
    fn __dict__(&self, vm: &Vm) -> PyResult {
        MappingProxy::make(vm, self.dict(vm)?.into_value())
    }

    #[pygetter]
    fn __flags__(&self) -> u32 {
        let flags = self.flags() as u32;
        match self.def {
            // Pickling by `copyreg` looks for the first base that is no heap type.
            Some(def) if heap_type_in_cpython(def.module, def.name) => {
                flags | TypeFlags::HEAPTYPE as u32
            }
            _ => flags,
        }
    }

    #[pygetter]
    fn __basicsize__(&self) -> u32 {
        // What `int.__sizeof__` counts from.
        match self.flag(TypeFlags::INT_SUBCLASS) {
            true => 24,
            false => self.layout.size.get(),
        }
    }

    #[pygetter]
    fn __itemsize__(&self) -> u32 {
        if self.flag(TypeFlags::INT_SUBCLASS) {
            4
        } else if self.flag(TypeFlags::BYTES_SUBCLASS) {
            1
        } else if self.flag(TypeFlags::TUPLE_SUBCLASS | TypeFlags::TYPE_SUBCLASS) {
            8
        } else {
            0
        }
    }

    #[pygetter]
    fn __dictoffset__(&self) -> i32 {
        if self.flag(TypeFlags::HAS_DICT) {
            -32
        } else {
            0
        }
    }

    #[pygetter]
    fn __weakrefoffset__(&self) -> i32 {
        if self.flag(TypeFlags::HAS_WEAKREF) {
            -8
        } else {
            0
        }
    }

    #[pygetter]
    fn __doc__(zelf: &Value, vm: &Vm) -> PyResult {
        let Some(ty) = zelf.downcast::<Type>() else {
            return Ok(Value::NONE);
        };
        if !ty.flag(TypeFlags::HEAPTYPE) && ty.def.is_some_and(|d| !d.doc.is_empty()) {
            return match ty.def {
                Some(def) => Ok(vm.new_str(def.doc)?.into_value()),
                None => Ok(Value::NONE),
            };
        }
        match own(vm, ty, &vm.names.__doc__)? {
            Some(doc) => match vm.type_of(&doc).slots.descr_get.get() {
                Some(get) => get(vm, &doc, None, Some(zelf)),
                None => Ok(doc),
            },
            None => Ok(Value::NONE),
        }
    }

    #[pysetter(name = "__doc__")]
    fn set_doc(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        check_mutable(vm, self, "__doc__", value.as_ref())?;
        let Some(value) = value else { return Ok(()) };
        self.dict(vm)?.set_str(vm, &vm.names.__doc__, value)?;
        self.modified();
        Ok(())
    }

    #[pygetter]
    fn __text_signature__(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<String>> {
        if zelf.flag(TypeFlags::HEAPTYPE) {
            // A docstring may begin with a signature, as those of native classes do.
            let doc = own(vm, zelf, &vm.names.__doc__)?;
            let doc = doc
                .as_ref()
                .and_then(str_::of)
                .map(|d| d.to_string_lossy().into_owned());
            return Ok(doc.and_then(|doc| {
                let rest = doc.strip_prefix(zelf.name().as_str())?;
                let end = rest.find(")\n--\n\n")? + 1;
                rest.starts_with('(').then(|| rest[..end].to_string())
            }));
        }
        // CPython says nothing of these: their arguments fit no single signature.
        const OPAQUE: [&str; 6] = ["int", "str", "bytes", "bytearray", "type", "BaseException"];
        Ok(zelf
            .def
            .filter(|d| d.module != "builtins" || !OPAQUE.contains(&d.name))
            .and_then(|d| d.text_signature)
            .map(str::to_string))
    }

    #[pygetter]
    fn __abstractmethods__(zelf: &Value, vm: &Vm) -> PyResult {
        let found = match zelf.downcast::<Type>() {
            Some(ty) if !ty.is(&vm.types.type_) => own(vm, ty, &vm.names.__abstractmethods__)?,
            _ => None,
        };
        found.ok_or_else(|| vm.attribute_error("__abstractmethods__"))
    }

    #[pysetter(name = "__abstractmethods__")]
    fn set_abstractmethods(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let dict = self.dict(vm)?;
        let abstract_ = match value {
            Some(value) => {
                let is_abstract = object::is_true(vm, &value)?;
                dict.set_str(vm, &vm.names.__abstractmethods__, value)?;
                is_abstract
            }
            None => match dict.remove_str(vm, &vm.names.__abstractmethods__)? {
                Some(_) => false,
                None => return Err(vm.attribute_error("__abstractmethods__")),
            },
        };
        self.modified();
        self.set_flag(TypeFlags::IS_ABSTRACT, abstract_);
        Ok(())
    }

    #[pygetter]
    fn __annotations__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        super::annotations::get_annotations(vm, zelf)
    }

    #[pysetter(name = "__annotations__")]
    fn set_annotations(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        super::annotations::set_annotations(vm, zelf, value)
    }

    #[pygetter]
    fn __annotate__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        super::annotations::get_annotate(vm, zelf)
    }

    #[pysetter(name = "__annotate__")]
    fn set_annotate(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        super::annotations::set_annotate(vm, zelf, value)
    }

    #[pygetter]
    fn __type_params__(&self, vm: &Vm) -> PyResult {
        if std::ptr::eq(self, &raw const *vm.types.type_) {
            // What stands in its dictionary is this very attribute.
            return Ok(vm.interp.empty_tuple().into_value());
        }
        Ok(match own(vm, self, &vm.names.__type_params__)? {
            Some(params) => params,
            None => vm.interp.empty_tuple().into_value(),
        })
    }

    #[pysetter(name = "__type_params__")]
    fn set_type_params(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        check_mutable(vm, self, "__type_params__", value.as_ref())?;
        let Some(value) = value else { return Ok(()) };
        self.dict(vm)?
            .set_str(vm, &vm.names.__type_params__, value)?;
        self.modified();
        Ok(())
    }

    /// Return a type's method resolution order.
    #[pymethod(name = "mro")]
    fn mro_method(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let bases: Vec<Ref<Type>> = match zelf.bases.get() {
            Some(bases) => bases
                .items()
                .iter()
                .filter_map(|b| b.downcast::<Type>().cloned())
                .collect(),
            None => Vec::new(),
        };
        let items = super::mro::compute(vm, zelf, &bases)?;
        Ok(vm.new_list(items)?.into_value())
    }

    /// Return a list of immediate subclasses.
    #[pymethod]
    fn __subclasses__(&self, vm: &Vm) -> PyResult {
        let list = self
            .subclass_refs()
            .into_iter()
            .map(Ref::into_value)
            .collect();
        Ok(vm.new_list(list)?.into_value())
    }

    /// Create the namespace for the class statement
    #[pyclassmethod(raw, sig = "($cls, name, bases, /, **kwds)", name = "__prepare__")]
    fn prepare(vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_dict()?.into_value())
    }

    /// Check if an object is an instance.
    #[pymethod(sig = "($self, instance, /)")]
    fn __instancecheck__(zelf: &Value, vm: &Vm, instance: &Value) -> PyResult<bool> {
        object::recursive_is_instance(vm, instance, zelf)
    }

    /// Check if a class is a subclass.
    #[pymethod(sig = "($self, subclass, /)")]
    fn __subclasscheck__(zelf: &Value, vm: &Vm, subclass: &Value) -> PyResult<bool> {
        object::recursive_is_subclass(vm, subclass, zelf)
    }

    /// Specialized __dir__ implementation for types.
    #[pymethod]
    fn __dir__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let names = Dict::new(vm)?;
        merge_class_dict(vm, &names, zelf)?;
        Ok(vm
            .new_list(names.items_vec().into_iter().map(|(k, _)| k).collect())?
            .into_value())
    }

    /// Return memory consumption of the type object.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        size_of::<Type>() + 16
    }
}

/// `__qualname__` as text.
pub fn qualname(ty: &Type) -> String {
    match ty.qualname.get() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => ty.name(),
    }
}

/// `__module__` as text, if it is a string.
pub fn module_text(vm: &Vm, ty: &Type) -> PyResult<Option<String>> {
    if !ty.flag(TypeFlags::HEAPTYPE) {
        return Ok(Some(ty.def.map_or("builtins", |d| d.module).to_string()));
    }
    let module = own(vm, ty, &vm.names.__module__)?;
    Ok(module
        .as_ref()
        .and_then(str_::of)
        .map(|m| m.to_string_lossy().into_owned()))
}

/// Collects the names of a class and its bases, for `dir()`.
pub fn merge_class_dict(vm: &Vm, names: &Ref<Dict>, ty: &Ref<Type>) -> PyResult<()> {
    if let Some(mro) = ty.mro.get() {
        for class in mro.items() {
            if let Some(class) = class.downcast::<Type>() {
                for (name, value) in class.dict(vm)?.items_vec() {
                    names.set_default(vm, &name, value)?;
                }
            }
        }
    }
    Ok(())
}

/// Whether CPython makes a native class from a specification, on the heap: those of its modules, but for the oldest.
fn heap_type_in_cpython(module: &str, name: &str) -> bool {
    match module {
        "builtins" => name == "ExceptionGroup",
        "_contextvars" | "datetime" | "sys" | "types" | "weakref" => false,
        "collections" => name != "OrderedDict",
        "pickle" => name != "PickleBuffer",
        "typing" => !matches!(name, "TypeAliasType" | "Union"),
        _ => true,
    }
}
