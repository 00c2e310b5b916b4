//! `super`. CPython: Objects/typeobject.c (superobject).

use crate::function::Args;
use crate::interpreter::attr_cache;
use crate::objects::cell::CellVariable;
use crate::objects::str_::Str;
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::protocols::attributes;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// super() -> same as super(__class__, <first argument>)
/// super(type) -> unbound super object
/// super(type, obj) -> bound super object; requires isinstance(obj, type)
/// super(type, type2) -> bound super object; requires issubclass(type2, type)
/// Typical use to call a cooperative superclass method:
/// class C(B):
///     def meth(self, arg):
///         super().meth(arg)
/// This works for class methods too:
/// class C(B):
///     @classmethod
///     def cmeth(cls, arg):
///         super().cmeth(arg)
#[pyclass(name = "super", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
#[derive(Default)]
pub struct Super {
    class: MutCell<Option<Ref<Type>>>,
    object: MutCell<Option<Value>>,
    object_type: MutCell<Option<Ref<Type>>>,
}

impl Traverse for Super {
    fn traverse(&self, v: &mut Visitor) {
        self.class.with(|x| x.iter().for_each(|x| v.reference(x)));
        self.object.with(|x| v.opt(x));
        self.object_type
            .with(|x| x.iter().for_each(|x| v.reference(x)));
    }
    fn clear(&self) {}
}

/// The class whose MRO `super(class, object)` walks. Raises TypeError where the two do not go together.
fn check(vm: &Vm, class: &Ref<Type>, object: &Value) -> PyResult<Ref<Type>> {
    if let Some(ty) = object.downcast::<Type>()
        && is_subtype(ty, class)
    {
        return Ok(ty.clone());
    }
    let ty = vm.type_of(object);
    if is_subtype(ty, class) {
        return Ok(ty.to_ref());
    }
    if let Some(claimed) = attributes::get_optional(vm, object, &vm.names.__class__)?
        && let Some(claimed) = claimed.downcast::<Type>()
        && is_subtype(claimed, class)
    {
        return Ok(claimed.clone());
    }
    let (kind, name) = match object.downcast::<Type>() {
        Some(ty) => ("type", ty.name()),
        None => ("instance of", ty.name()),
    };
    Err(vm.type_error(format!(
        "super(type, obj): obj ({kind} {name}) is not an instance or subtype of type ({}).",
        class.name()
    )))
}

/// What follows `class` in the MRO of `start` has of `name`, bound to `object`.
///
/// With `unbound`, a plain method comes back as it is and the flag is set.
fn find(
    vm: &Vm,
    class: &Ref<Type>,
    start: &Ref<Type>,
    object: &Value,
    name: &Ref<Str>,
    unbound: Option<&mut bool>,
) -> PyResult<Option<Value>> {
    if let Some(found) = attr_cache::super_find(vm, start, class, name) {
        return bind(vm, start, object, found, unbound).map(Some);
    }
    let Some(mro) = start.mro_items() else {
        return Ok(None);
    };
    let items = mro.items();
    let Some(at) = items.iter().position(|c| c.is(class.as_value())) else {
        return Ok(None);
    };
    for base in &items[at + 1..] {
        let Some(base) = base.downcast::<Type>() else {
            continue;
        };
        let Some(found) = base.dict(vm)?.get_str(vm, name)? else {
            continue;
        };
        attr_cache::super_found(vm, start, class, name, &found);
        return bind(vm, start, object, found, unbound).map(Some);
    }
    Ok(None)
}

/// What was found for `super()`, bound to the object (or, in a class method, the class) that it was made with.
fn bind(
    vm: &Vm,
    start: &Ref<Type>,
    object: &Value,
    found: Value,
    unbound: Option<&mut bool>,
) -> PyResult {
    let ty = vm.type_of(&found);
    let to_class = object.is(start.as_value());
    if let Some(unbound) = unbound
        && ty.flag(TypeFlags::METHOD_DESCRIPTOR)
        && !to_class
    {
        *unbound = true;
        return Ok(found);
    }
    match ty.slots.descr_get.get() {
        Some(get) => get(
            vm,
            &found,
            (!to_class).then_some(object),
            Some(start.as_value()),
        ),
        None => Ok(found),
    }
}

/// `super(class, object).name`.
pub fn lookup(
    vm: &Vm,
    class: &Ref<Type>,
    object: &Value,
    name: &Ref<Str>,
    unbound: Option<&mut bool>,
) -> PyResult {
    let start = check(vm, class, object)?;
    if name.as_bytes() != b"__class__"
        && let Some(found) = find(vm, class, &start, object, name, unbound)?
    {
        return Ok(found);
    }
    // Whatever else: an attribute of the super object itself.
    let zelf = vm.new_object(Super {
        class: MutCell::new(Some(class.clone())),
        object: MutCell::new(Some(object.clone())),
        object_type: MutCell::new(Some(start)),
    })?;
    attributes::generic_get(vm, zelf.as_value(), name)
}

/// The class and object of `super()` without arguments, from the calling frame.
fn from_frame(vm: &Vm) -> PyResult<(Ref<Type>, Value)> {
    let Some(frame) = vm.visible_frame() else {
        return Err(vm.runtime_error("super(): no current frame"));
    };
    let code = frame.code();
    if code.argcount == 0 {
        return Err(vm.runtime_error("super(): no arguments"));
    }
    let Some(first) = frame.variable(0).or_else(|| frame.local_slot(0)) else {
        return Err(vm.runtime_error("super(): arg[0] deleted"));
    };
    let first_free = (code.nlocalsplus - code.nfreevars) as usize;
    let at = (first_free..code.nlocalsplus as usize).find(|&i| {
        code.localsplusnames()
            .get(i)
            .is_some_and(|name| name.is(&vm.names.__class__))
    });
    let Some(at) = at else {
        return Err(vm.runtime_error("super(): __class__ cell not found"));
    };
    let Some(cell) = frame
        .local_slot(at)
        .and_then(|c| c.downcast_into::<CellVariable>().ok())
    else {
        return Err(vm.runtime_error("super(): bad __class__ cell"));
    };
    match cell.value.get().map(Value::downcast_into::<Type>) {
        Some(Ok(class)) => Ok((class, first)),
        Some(Err(other)) => Err(vm.runtime_error(format!(
            "super(): __class__ is not a type ({})",
            vm.type_of(&other).full_name()
        ))),
        None => Err(vm.runtime_error("super(): empty __class__ cell")),
    }
}

#[pymethods]
impl Super {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Super::default())?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("super() takes no keyword arguments"));
        }
        let (class, object) = match args.args {
            [] => {
                let (class, object) = from_frame(vm)?;
                (class, Some(object))
            }
            [class, rest @ ..] if rest.len() <= 1 => match class.downcast::<Type>() {
                Some(class) => (
                    class.clone(),
                    rest.first().filter(|v| !v.is_none()).cloned(),
                ),
                None => {
                    return Err(vm.type_error(format!(
                        "super() argument 1 must be a type, not {}",
                        vm.type_of(class).full_name()
                    )));
                }
            },
            _ => {
                return Err(vm.type_error(format!(
                    "super() expected at most 2 arguments, got {}",
                    args.args.len()
                )));
            }
        };
        let object_type = match &object {
            Some(object) => Some(check(vm, &class, object)?),
            None => None,
        };
        zelf.class.set(Some(class));
        zelf.object.set(object);
        zelf.object_type.set(object_type);
        Ok(())
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        if let Some(s) = zelf.downcast::<Super>()
            && let (Some(class), Some(object), Some(start)) =
                (s.class.get(), s.object.get(), s.object_type.get())
            && name.as_bytes() != b"__class__"
            && let Some(found) = find(vm, &class, &start, &object, name, None)?
        {
            return Ok(found);
        }
        attributes::generic_get(vm, zelf, name)
    }

    #[pyslot]
    fn descr_get(
        vm: &Vm,
        zelf: &Value,
        instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(s) = zelf.downcast::<Super>() else {
            return Err(vm.type_error("not a super object"));
        };
        let (Some(instance), None, Some(class)) = (
            instance.filter(|v| !v.is_none()),
            s.object.get(),
            s.class.get(),
        ) else {
            return Ok(zelf.clone());
        };
        if !vm.type_of(zelf).is(&vm.types.super_) {
            let ty = vm.type_of(zelf).to_ref();
            return vm.call(ty.as_value(), &[class.into_value(), instance.clone()]);
        }
        let start = check(vm, &class, instance)?;
        let bound = Super {
            class: MutCell::new(Some(class)),
            object: MutCell::new(Some(instance.clone())),
            object_type: MutCell::new(Some(start)),
        };
        Ok(vm.new_object(bound)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = zelf.class.get().map_or("NULL".to_string(), |c| c.name());
        let text = match zelf.object_type.get() {
            Some(ty) => format!("<super: <class '{class}'>, <{} object>>", ty.name()),
            None => format!("<super: <class '{class}'>, NULL>"),
        };
        Ok(vm.new_str(text)?.into_value())
    }

    /// the class invoking super()
    #[pygetter]
    fn __thisclass__(&self) -> Option<Value> {
        self.class.get().map(Ref::into_value)
    }

    /// the instance invoking super(); may be None
    #[pygetter]
    fn __self__(&self) -> Option<Value> {
        self.object.get()
    }

    /// the type of the instance invoking super(); may be None
    #[pygetter]
    fn __self_class__(&self) -> Option<Value> {
        self.object_type.get().map(Ref::into_value)
    }
}
