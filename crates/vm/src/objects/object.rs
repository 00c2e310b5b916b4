//! `object`: plain instances, and what every object can do. CPython: Objects/typeobject.c (object_*).

use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::instance;
use crate::objects::list::List;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags, attributes as type_attributes, bases, is_subtype};
use crate::protocols::compare::CompareOp;
use crate::protocols::{attributes, hash, object, sequence};
use crate::runtime::Access;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, TypeLayout, Value};
use naja_macros::{pyclass, pymethods};

/// The base class of the class hierarchy.
///
/// When called, it accepts no arguments and returns a new featureless
/// instance that has no instance attributes and cannot be given any.
#[pyclass(name = "object", module = "builtins", flags(BASETYPE))]
#[repr(C)]
pub struct Object;

fn excess(args: &Args) -> bool {
    !args.args.is_empty()
}

#[cold]
fn abstract_error(vm: &Vm, cls: &Ref<Type>) -> PyResult<crate::vm::Raised> {
    let methods = attributes::get(vm, cls.as_value(), &vm.names.__abstractmethods__)?;
    let mut names = Vec::new();
    for name in sequence::collect(vm, &methods)? {
        names.push(format!("'{}'", object::str(vm, &name)?.to_string_lossy()));
    }
    names.sort();
    let plural = if names.len() == 1 { "" } else { "s" };
    Ok(vm.type_error(format!(
        "Can't instantiate abstract class {} without an implementation for abstract method{plural} {}",
        cls.name(),
        names.join(", ")
    )))
}

#[pymethods]
impl Object {
    #[pyslot(sig = "()")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let object = &vm.types.object.slots;
        if excess(&args) {
            if cls.slots.new.get() != object.new.get() {
                return Err(vm.type_error(
                    "object.__new__() takes exactly one argument (the type to instantiate)",
                ));
            }
            if cls.slots.init.get() == object.init.get() {
                return Err(vm.type_error(format!("{}() takes no arguments", cls.name())));
            }
        }
        if cls.flag(TypeFlags::IS_ABSTRACT) {
            return Err(abstract_error(vm, cls)?);
        }
        Ok(vm.new_object_of(cls, Object)?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Value, vm: &Vm, args: Args) -> PyResult<()> {
        if excess(&args) {
            let ty = vm.type_of(zelf);
            let object = &vm.types.object.slots;
            if ty.slots.init.get() != object.init.get() {
                return Err(vm.type_error(
                    "object.__init__() takes exactly one argument (the instance to initialize)",
                ));
            }
            if ty.slots.new.get() == object.new.get() {
                return Err(vm.type_error(format!(
                    "{}.__init__() takes exactly one argument (the instance to initialize)",
                    ty.name()
                )));
            }
        }
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf);
        let name = type_attributes::qualname(ty);
        let text = match type_attributes::module_text(vm, ty)? {
            Some(module) if module != "builtins" => {
                format!("<{module}.{name} object at {:#x}>", zelf.bits())
            }
            _ => format!("<{name} object at {:#x}>", zelf.bits()),
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot(name = "str")]
    fn to_str(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(object::repr(vm, zelf)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Value, _vm: &Vm) -> PyResult<i64> {
        Ok(hash::hash_pointer(zelf))
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        match op {
            CompareOp::Eq => Ok(if a.is(b) {
                Value::TRUE
            } else {
                Value::NOT_IMPLEMENTED
            }),
            CompareOp::Ne => {
                let Some(compare) = vm.type_of(a).slots.richcompare.get() else {
                    return Ok(Value::NOT_IMPLEMENTED);
                };
                let equal = compare(vm, a, b, CompareOp::Eq)?;
                if equal.is_not_implemented() {
                    return Ok(equal);
                }
                Ok(Value::from_bool(!object::is_true(vm, &equal)?))
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        attributes::generic_get(vm, zelf, name)
    }

    #[pyslot]
    fn setattro(vm: &Vm, zelf: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
        attributes::generic_set(vm, zelf, name, value)
    }

    /// the object's class
    #[pygetter]
    fn __class__(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.type_of(zelf).to_ref().into_value())
    }

    #[pysetter(name = "__class__")]
    fn set_class(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("can't delete __class__ attribute"));
        };
        let Some(new) = value.downcast::<Type>() else {
            return Err(vm.type_error(format!(
                "__class__ must be set to a class, not '{}' object",
                vm.type_of(&value).full_name()
            )));
        };
        let name = vm.names.__class__.to_value();
        vm.permit(Access::Event(
            "object.__setattr__",
            &[zelf.clone(), name, value.clone()],
        ))?;
        change_class(vm, zelf, new)
    }

    /// Default dir() implementation.
    #[pymethod]
    fn __dir__(zelf: &Value, vm: &Vm) -> PyResult {
        let names = match attributes::get_optional(vm, zelf, &vm.names.__dict__)? {
            Some(dict) => match dict.downcast::<Dict>() {
                Some(dict) => dict.copy(vm)?,
                None => Dict::new(vm)?,
            },
            None => Dict::new(vm)?,
        };
        if let Some(class) = attributes::get_optional(vm, zelf, &vm.names.__class__)?
            && let Some(class) = class.downcast::<Type>()
        {
            type_attributes::merge_class_dict(vm, &names, class)?;
        }
        Ok(vm
            .new_list(names.items_vec().into_iter().map(|(k, _)| k).collect())?
            .into_value())
    }

    /// Default object formatter.
    ///
    /// Return str(self) if format_spec is empty. Raise TypeError otherwise.
    #[pymethod(sig = "($self, format_spec, /)")]
    fn __format__(zelf: &Value, vm: &Vm, format_spec: &Ref<Str>) -> PyResult {
        if format_spec.byte_len() > 0 {
            return Err(vm.type_error(format!(
                "unsupported format string passed to {}.__format__",
                vm.type_of(zelf).full_name()
            )));
        }
        Ok(object::str(vm, zelf)?.into_value())
    }

    /// Size of object in memory, in bytes.
    #[pymethod]
    fn __sizeof__(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_int(vm.type_of(zelf).layout.size.get() as i64)
    }

    /// Helper for pickle.
    #[pymethod]
    fn __reduce__(zelf: &Value, vm: &Vm) -> PyResult {
        common_reduce(vm, zelf, 0)
    }

    /// Helper for pickle.
    #[pymethod(sig = "($self, protocol, /)")]
    fn __reduce_ex__(zelf: &Value, vm: &Vm, protocol: i32) -> PyResult {
        let name = &vm.names.__reduce__;
        let ty = vm.type_of(zelf);
        let getattro = vm.types.object.slots.getattro.get();
        let class = ty.to_ref();
        if ty.slots.getattro.get() == getattro && vm.type_of(class.as_value()).is(&vm.types.type_) {
            // Nobody could notice that the method is asked for.
            let (own, plain) = (ty.lookup(vm, name), vm.types.object.lookup(vm, name));
            if let (Some(own), Some(plain)) = (own, plain)
                && own.is(&plain)
            {
                return common_reduce(vm, zelf, protocol);
            }
        }
        if let Some(reduce) = attributes::get_optional(vm, zelf, name)? {
            let class = vm.type_of(zelf).to_ref().into_value();
            let own = attributes::get(vm, &class, name)?;
            let plain = vm.types.object.lookup(vm, name);
            if !plain.is_some_and(|plain| plain.is(&own)) {
                return vm.call(&reduce, &[]);
            }
        }
        common_reduce(vm, zelf, protocol)
    }

    /// Helper for pickle.
    #[pymethod]
    fn __getstate__(zelf: &Value, vm: &Vm) -> PyResult {
        get_state(vm, zelf, false)
    }

    /// This method is called when a class is subclassed.
    ///
    /// The default implementation does nothing. It may be
    /// overridden to extend subclasses.
    #[pyclassmethod(name = "__init_subclass__", sig = "($type)")]
    fn init_subclass(_cls: &Ref<Type>) {}

    /// Abstract classes can override this to customize issubclass().
    ///
    /// This is invoked early on by abc.ABCMeta.__subclasscheck__().
    /// It should return True, False or NotImplemented.  If it returns
    /// NotImplemented, the normal algorithm is used.  Otherwise, it
    /// overrides the normal algorithm (and the outcome is cached).
    #[pyclassmethod(name = "__subclasshook__", sig = "($type, object, /)")]
    fn subclasshook(_cls: &Ref<Type>, _object: &Value) -> Value {
        Value::NOT_IMPLEMENTED
    }
}

/// `object.__class__ = new`. Raises TypeError where the layouts differ.
fn change_class(vm: &Vm, object: &Value, new: &Ref<Type>) -> PyResult<()> {
    let old = vm.type_of(object);
    if old.is(new) {
        return Ok(());
    }
    let module_classes = is_subtype(new, &vm.types.module) && is_subtype(old, &vm.types.module);
    if !module_classes && (!old.flag(TypeFlags::HEAPTYPE) || !new.flag(TypeFlags::HEAPTYPE)) {
        return Err(vm.type_error(
            "__class__ assignment only supported for mutable types or ModuleType subclasses",
        ));
    }
    bases::check_assignment(vm, &old.to_ref(), new, "__class__")?;
    let Some(header) = object.header() else {
        return Ok(());
    };
    let (old_counted, new_counted) = (
        old.flag(TypeLayout::COUNTED).then(|| old.to_ref()),
        new.flag(TypeLayout::COUNTED),
    );
    if new_counted {
        std::mem::forget(new.clone()); // the instance owns a reference to its class
    }
    // SAFETY: both classes describe the same memory, as checked.
    unsafe { header.set_layout(&new.layout) };
    let is_descriptor = |ty: &Type| {
        (
            ty.slots.descr_get.get().is_some(),
            ty.slots.descr_set.get().is_some(),
        )
    };
    if is_descriptor(old) != is_descriptor(new) {
        crate::objects::type_::descriptors_changed(vm);
    }
    if let Some(old) = old_counted {
        // SAFETY: the reference that the instance owned.
        unsafe { old.header().decref() };
    }
    Ok(())
}

/// The reduction of an object whose class has none of its own. CPython: `_common_reduce`.
fn common_reduce(vm: &Vm, object: &Value, protocol: i32) -> PyResult {
    let copyreg = crate::import::import_simple(vm, "copyreg")?;
    if protocol >= 2 {
        return reduce_new(vm, object, &copyreg);
    }
    let protocol = vm.new_int(protocol as i64)?;
    vm.call_method_str(&copyreg, "_reduce_ex", &[object.clone(), protocol])
}

/// The state for an object's `__reduce__`: what its `__getstate__` gives.
pub(crate) fn state_of(vm: &Vm, object: &Value) -> PyResult {
    match vm.call_special(object, &vm.names.__getstate__, &[])? {
        Some(state) => Ok(state),
        None => get_state(vm, object, false),
    }
}

/// The names of the attributes in `__slots__` of a class and its bases: a list, or None.
fn slot_names(vm: &Vm, ty: &Type) -> PyResult<Option<Ref<List>>> {
    let name = vm.intern("__slotnames__");
    if let Some(names) = ty.dict(vm)?.get_str(vm, &name)? {
        if names.is_none() {
            return Ok(None);
        }
        return names.downcast_into::<List>().map(Some).map_err(|names| {
            vm.type_error(format!(
                "{}.__slotnames__ should be a list or None, not {}",
                ty.full_name(),
                vm.type_of(&names).full_name()
            ))
        });
    }
    let copyreg = crate::import::import_simple(vm, "copyreg")?;
    let names = vm.call_method_str(&copyreg, "_slotnames", &[ty.to_ref().into_value()])?;
    if names.is_none() {
        return Ok(None);
    }
    names
        .downcast_into::<List>()
        .map(Some)
        .map_err(|_| vm.type_error("copyreg._slotnames didn't return a list or None"))
}

/// `object.__getstate__`: the attributes, with those of `__slots__`. With `required`, a class with a native part that nobody
/// tells how to save is refused. CPython: `object_getstate_default`.
fn get_state(vm: &Vm, object: &Value, required: bool) -> PyResult {
    let ty = vm.type_of(object);
    if required && (ty.is(&vm.types.code) || ty.is(&vm.types.memoryview)) {
        return Err(vm.type_error(format!("cannot pickle {} objects", ty.full_name())));
    }
    let state = match object.header().and_then(instance::attrs) {
        Some(_) if instance::is_empty(vm, object) => Value::NONE,
        Some(_) => instance::materialize(vm, object)?.into_value(),
        None => match attributes::get_optional(vm, object, &vm.names.__dict__)? {
            Some(dict) => dict,
            None => Value::NONE,
        },
    };
    let names = slot_names(vm, ty)?;
    if required && ty.layout.payload.size > 0 {
        return Err(vm.type_error(format!("cannot pickle '{}' object", ty.full_name())));
    }
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return Ok(state);
    };
    let slots = Dict::new(vm)?;
    let size = names.len();
    for index in 0..size {
        let Some(name) = names.get(index) else {
            break;
        };
        let text = attributes::name_of(vm, &name)?;
        if let Some(value) = attributes::get_optional(vm, object, text)? {
            slots.set(vm, &name, value)?;
        }
        // The list belongs to the class, and a getter can change it.
        if names.len() != size {
            return Err(vm.runtime_error("__slotnames__ changed size during iteration"));
        }
    }
    if slots.is_empty() {
        Ok(state)
    } else {
        Tuple::pair(vm, state, slots.into_value())
    }
}

/// What `__getnewargs_ex__` or `__getnewargs__` gives, if the class has one of them.
fn new_arguments(vm: &Vm, object: &Value) -> PyResult<Option<(Ref<Tuple>, Option<Ref<Dict>>)>> {
    let call = |name: &Ref<Str>| vm.call_special(object, name, &[]);
    let not_a = |what: &str, wanted: &str, value: &Value| {
        let class = vm.type_of(value).full_name();
        vm.type_error(format!("{what} {wanted}, not '{class}'"))
    };
    if let Some(pair) = call(&vm.names.__getnewargs_ex__)? {
        let Some(parts) = pair.downcast::<Tuple>() else {
            return Err(not_a("__getnewargs_ex__", "should return a tuple", &pair));
        };
        let [args, kwargs] = parts.items() else {
            return Err(vm.value_error(format!(
                "__getnewargs_ex__ should return a tuple of length 2, not {}",
                parts.len()
            )));
        };
        let Some(args) = args.downcast::<Tuple>() else {
            let what = "first item of the tuple returned by __getnewargs_ex__";
            return Err(not_a(what, "must be a tuple", args));
        };
        let Some(kwargs) = kwargs.downcast::<Dict>() else {
            let what = "second item of the tuple returned by __getnewargs_ex__";
            return Err(not_a(what, "must be a dict", kwargs));
        };
        return Ok(Some((args.clone(), Some(kwargs.clone()))));
    }
    match call(&vm.names.__getnewargs__)? {
        Some(args) => match args.downcast::<Tuple>() {
            Some(args) => Ok(Some((args.clone(), None))),
            None => Err(not_a("__getnewargs__", "should return a tuple", &args)),
        },
        None => Ok(None),
    }
}

/// `copyreg.__newobj__` reductions (protocol 2 and up). CPython: `reduce_newobj`.
fn reduce_new(vm: &Vm, object: &Value, copyreg: &Value) -> PyResult {
    let class = vm.type_of(object).to_ref();
    if class.slots.new.get().is_none() {
        return Err(vm.type_error(format!("cannot pickle '{}' object", class.full_name())));
    }
    let arguments = new_arguments(vm, object)?;
    let is_list = class.flag(TypeFlags::LIST_SUBCLASS);
    let is_dict = class.flag(TypeFlags::DICT_SUBCLASS);
    let required = arguments.is_none() && !is_list && !is_dict;
    let mut all = vec![class.to_value()];
    let function = match arguments {
        Some((args, Some(kwargs))) if !kwargs.is_empty() => {
            all.push(args.into_value());
            all.push(kwargs.into_value());
            &vm.names.__newobj_ex__
        }
        Some((args, _)) => {
            all.extend_from_slice(args.items());
            &vm.names.__newobj__
        }
        None => &vm.names.__newobj__,
    };
    let function = attributes::get(vm, copyreg, function)?;
    let args = vm.new_tuple(all)?.into_value();
    let inherited = class.lookup(vm, &vm.names.__getstate__);
    let plain = vm.types.object.lookup(vm, &vm.names.__getstate__);
    let state = match (inherited, plain) {
        (Some(a), Some(b)) if a.is(&b) => get_state(vm, object, required)?,
        _ => state_of(vm, object)?,
    };
    let list = if is_list {
        crate::protocols::iterator::iter(vm, object)?
    } else {
        Value::NONE
    };
    let dict = if is_dict {
        let items = vm.call_method(object, &vm.names.items, &[])?;
        crate::protocols::iterator::iter(vm, &items)?
    } else {
        Value::NONE
    };
    Ok(vm
        .new_tuple(vec![function, args, state, list, dict])?
        .into_value())
}
