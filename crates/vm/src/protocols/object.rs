//! Conversions, truth, length, subscripts, instance checks. CPython: Objects/object.c, Objects/abstract.c.

use crate::objects::dict::Dict;
use crate::objects::str_::codecs::escape::push_escape;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, is_subtype};
use crate::objects::union_::UnionType;
use crate::protocols::{attributes, number};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

/// `bool(value)`.
#[inline]
pub fn is_true(vm: &Vm, value: &Value) -> PyResult<bool> {
    if value.is_bool() {
        return Ok(value.is_true());
    }
    if value.is_none() {
        return Ok(false);
    }
    if let Some(n) = value.as_small_int() {
        return Ok(n != 0);
    }
    let slots = &vm.type_of(value).slots;
    if let Some(f) = slots.bool.get() {
        f(vm, value)
    } else if let Some(f) = slots.mp_len.get().or(slots.sq_len.get()) {
        Ok(f(vm, value)? != 0)
    } else {
        Ok(true)
    }
}

/// `len(value)`.
#[inline]
pub fn len(vm: &Vm, value: &Value) -> PyResult<usize> {
    let ty = vm.type_of(value);
    match ty.slots.sq_len.get().or(ty.slots.mp_len.get()) {
        Some(len) => len(vm, value),
        None => Err(vm.type_error(format!("object of type '{}' has no len()", ty.full_name()))),
    }
}

/// `operator.length_hint(value, default)`.
pub fn length_hint(vm: &Vm, value: &Value, default: usize) -> PyResult<usize> {
    let ty = vm.type_of(value);
    if ty.slots.sq_len.get().is_some() || ty.slots.mp_len.get().is_some() {
        match len(vm, value) {
            Ok(n) => return Ok(n),
            Err(Raised) if vm.catch(&vm.types.type_error) => {}
            Err(raised) => return Err(raised),
        }
    }
    let hint = match vm.call_special(value, &vm.names.__length_hint__, &[]) {
        Ok(Some(hint)) => hint,
        Ok(None) => return Ok(default),
        Err(Raised) if vm.catch(&vm.types.type_error) => return Ok(default),
        Err(raised) => return Err(raised),
    };
    if hint.is_not_implemented() {
        return Ok(default);
    }
    match crate::objects::int::as_i64(&hint) {
        Some(n) if n >= 0 => Ok(n as usize),
        Some(_) => Err(vm.value_error("__length_hint__() should return >= 0")),
        None if number::is_int(vm, &hint) => {
            Err(vm.overflow_error("Python int too large to convert to C ssize_t"))
        }
        None => Err(vm.type_error(format!(
            "__length_hint__ must be an integer, not {}",
            vm.type_of(&hint).full_name()
        ))),
    }
}

/// `repr(value)`.
pub fn repr(vm: &Vm, value: &Value) -> PyResult<Ref<Str>> {
    if let Some(n) = value.as_small_int() {
        return crate::objects::int::small_text(vm, n);
    }
    vm.check_stack()?;
    let ty = vm.type_of(value);
    match ty.slots.repr.get() {
        Some(repr) => repr(vm, value)?.downcast_into::<Str>().map_err(|v| {
            vm.type_error(format!(
                "__repr__ returned non-string (type {})",
                vm.type_of(&v).full_name()
            ))
        }),
        None => vm.new_str(format!(
            "<{} object at {:#x}>",
            ty.full_name(),
            value.bits()
        )),
    }
}

/// Appends `repr(value)`, for the most usual things without making a string of it.
pub(crate) fn repr_into(vm: &Vm, value: &Value, out: &mut Vec<u8>) -> PyResult<()> {
    if let Some(n) = value.as_small_int() {
        out.extend_from_slice(crate::objects::int::decimal_digits(n).as_bytes());
    } else if let Some(x) = value.as_small_float() {
        naja_numbers::float::with_repr(x, |text| out.extend_from_slice(text.as_bytes()));
    } else if let Some(text) = crate::objects::dict::exact_str(vm, value) {
        str_::repr::push_repr(text, out);
    } else if value.is_none() {
        out.extend_from_slice(b"None");
    } else if value.is_bool() {
        out.extend_from_slice(if value.is_true() { b"True" } else { b"False" });
    } else {
        out.extend_from_slice(repr(vm, value)?.as_bytes());
    }
    Ok(())
}

/// Appends `str(value)`, for the most usual things without making a string of it.
pub(crate) fn str_into(vm: &Vm, value: &Value, out: &mut Vec<u8>) -> PyResult<()> {
    if let Some(text) = str_::of(value)
        && vm.type_of(value).is(&vm.types.str)
    {
        out.extend_from_slice(text.as_bytes());
    } else if value.as_small_int().is_some() || value.as_small_float().is_some() || value.is_none()
    {
        return repr_into(vm, value, out);
    } else {
        out.extend_from_slice(str(vm, value)?.as_bytes());
    }
    Ok(())
}

/// `str(value)`.
pub fn str(vm: &Vm, value: &Value) -> PyResult<Ref<Str>> {
    if let Some(text) = str_::of(value)
        && vm.type_of(value).is(&vm.types.str)
    {
        return Ok(text.clone());
    }
    if let Some(n) = value.as_small_int() {
        return crate::objects::int::small_text(vm, n);
    }
    vm.check_stack()?;
    match vm.type_of(value).slots.str.get() {
        Some(f) => f(vm, value)?.downcast_into::<Str>().map_err(|v| {
            vm.type_error(format!(
                "__str__ returned non-string (type {})",
                vm.type_of(&v).full_name()
            ))
        }),
        None => repr(vm, value),
    }
}

/// `ascii(value)`.
pub fn ascii(vm: &Vm, value: &Value) -> PyResult<Ref<Str>> {
    let text = repr(vm, value)?;
    if text.is_ascii() {
        return Ok(text);
    }
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        match c {
            0..=0x7f => out.push(c as u8),
            _ => push_escape(&mut out, c),
        }
    }
    vm.new_str_wtf8(&out)
}

/// `format(value, spec)`.
pub fn format(vm: &Vm, value: &Value, spec: Option<&Value>) -> PyResult {
    let empty = match spec {
        Some(spec) => match str_::of(spec) {
            Some(text) => text.byte_len() == 0,
            None => {
                return Err(vm.type_error(format!(
                    "Format specifier must be a string, not {}",
                    vm.type_of(spec).full_name()
                )));
            }
        },
        None => true,
    };
    if empty {
        let ty = vm.type_of(value);
        if ty.is(&vm.types.str) {
            return Ok(value.clone());
        }
        if ty.is(&vm.types.int) || ty.is(&vm.types.float) {
            return Ok(str(vm, value)?.into_value());
        }
    } else if let Some(spec) = spec.and_then(str_::of) {
        // Subclasses may override `__format__`; the classes themselves do not change.
        let ty = vm.type_of(value);
        if ty.is(&vm.types.int) {
            return crate::objects::int::Int::__format__(value, vm, spec);
        } else if ty.is(&vm.types.float) {
            return crate::objects::float::Float::__format__(value, vm, spec);
        } else if ty.is(&vm.types.str)
            && let Some(text) = str_::of(value)
        {
            return str_::Str::__format__(text, vm, spec);
        }
    }
    let spec = match spec {
        Some(spec) => spec.clone(),
        None => vm.interp.empty_str().into_value(),
    };
    let Some(result) = vm.call_special(value, &vm.names.__format__, &[spec])? else {
        return Err(vm.type_error(format!(
            "Type {} doesn't define __format__",
            vm.type_of(value).full_name()
        )));
    };
    if str_::of(&result).is_none() {
        return Err(vm.type_error(format!(
            "__format__ must return a str, not {}",
            vm.type_of(&result).full_name()
        )));
    }
    Ok(result)
}

/// `container[key]`.
pub fn get_item(vm: &Vm, container: &Value, key: &Value) -> PyResult {
    let ty = vm.type_of(container);
    if let Some(subscript) = ty.slots.subscript.get() {
        return subscript(vm, container, key);
    }
    if let Some(item) = ty.slots.item.get() {
        if !number::has_index(vm, key) {
            return Err(vm.type_error(format!(
                "sequence index must be integer, not '{}'",
                vm.type_of(key).full_name()
            )));
        }
        let index = number::index_for(vm, key, &vm.types.index_error)?;
        return super::sequence::item_at(vm, container, index, item);
    }
    if let Some(class) = container.downcast::<Type>() {
        if class.is(&vm.types.type_) {
            return vm.generic_alias(container, key);
        }
        if let Some(method) = attributes::get_optional(vm, container, &vm.names.__class_getitem__)?
            && !method.is_none()
        {
            return vm.call(&method, std::slice::from_ref(key));
        }
        return Err(vm.type_error(format!("type '{}' is not subscriptable", class.full_name())));
    }
    Err(vm.type_error(format!("'{}' object is not subscriptable", ty.full_name())))
}

/// `container[key]`, None where that raises KeyError.
pub fn get_item_opt(vm: &Vm, container: &Value, key: &Value) -> PyResult<Option<Value>> {
    if let Some(dict) = container.downcast::<Dict>()
        && vm.type_of(container).is(&vm.types.dict)
    {
        return dict.get(vm, key);
    }
    match get_item(vm, container, key) {
        Ok(value) => Ok(Some(value)),
        Err(Raised) if vm.catch(&vm.types.key_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

/// `container[key] = value`.
pub fn set_item(vm: &Vm, container: &Value, key: &Value, value: &Value) -> PyResult<()> {
    set_or_del(vm, container, key, Some(value))
}

/// `del container[key]`.
pub fn del_item(vm: &Vm, container: &Value, key: &Value) -> PyResult<()> {
    set_or_del(vm, container, key, None)
}

fn set_or_del(vm: &Vm, container: &Value, key: &Value, value: Option<&Value>) -> PyResult<()> {
    let ty = vm.type_of(container);
    if let Some(f) = ty.slots.set_subscript.get() {
        return f(vm, container, key, value);
    }
    if let Some(f) = ty.slots.set_item.get() {
        if !number::has_index(vm, key) {
            return Err(vm.type_error(format!(
                "sequence index must be integer, not '{}'",
                vm.type_of(key).full_name()
            )));
        }
        let mut index = number::index_for(vm, key, &vm.types.index_error)?;
        if index < 0
            && let Some(len) = ty.slots.sq_len.get()
        {
            index += len(vm, container)? as isize;
        }
        return f(vm, container, index, value);
    }
    let what = if value.is_some() {
        "assignment"
    } else {
        "deletion"
    };
    Err(vm.type_error(format!(
        "'{}' object does not support item {what}",
        ty.full_name()
    )))
}

/// `isinstance(value, class)`.
pub fn is_instance(vm: &Vm, value: &Value, class: &Value) -> PyResult<bool> {
    let ty = vm.type_of(value);
    if let Some(c) = class.downcast::<Type>() {
        if ty.is(c) {
            return Ok(true);
        }
        if vm.type_of(class).is(&vm.types.type_) {
            return recursive_is_instance(vm, value, class);
        }
    }
    if let Some(union) = class.downcast::<UnionType>() {
        return union.is_instance(vm, value);
    }
    if let Some(classes) = class.downcast::<Tuple>() {
        vm.check_stack()?;
        for class in classes.items() {
            if is_instance(vm, value, class)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(result) = vm.call_special(
        class,
        &vm.names.__instancecheck__,
        std::slice::from_ref(value),
    )? {
        return is_true(vm, &result);
    }
    recursive_is_instance(vm, value, class)
}

/// Whether `__class__` of the instances of `ty` is `ty` itself, because nobody has overridden it. Remembered with the
/// class's version.
#[inline]
pub(crate) fn has_plain_class(vm: &Vm, ty: &Type) -> bool {
    let version = ty.version.get();
    version != 0 && ty.plain_class.get() == version || finds_plain_class(vm, ty)
}

fn finds_plain_class(vm: &Vm, ty: &Type) -> bool {
    let getattro = ty.slots.getattro.get();
    if getattro != vm.types.object.slots.getattro.get()
        && getattro != vm.types.type_.slots.getattro.get()
    {
        return false;
    }
    let (own, plain) = (
        ty.lookup(vm, &vm.names.__class__),
        vm.types.object.lookup(vm, &vm.names.__class__),
    );
    let same = matches!((own, plain), (Some(own), Some(plain)) if own.is(&plain));
    if same {
        ty.plain_class.set(ty.version_tag(vm));
    }
    same
}

/// `type.__instancecheck__`: by class and `__class__`.
pub fn recursive_is_instance(vm: &Vm, value: &Value, class: &Value) -> PyResult<bool> {
    let ty = vm.type_of(value);
    if let Some(class) = class.downcast::<Type>() {
        if is_subtype(ty, class) {
            return Ok(true);
        }
        if has_plain_class(vm, ty) {
            return Ok(false);
        }
        if let Some(claimed) = attributes::get_optional(vm, value, &vm.names.__class__)?
            && let Some(claimed) = claimed.downcast::<Type>()
            && !claimed.is(&ty.to_ref())
        {
            return Ok(is_subtype(claimed, class));
        }
        return Ok(false);
    }
    check_class(
        vm,
        class,
        "isinstance() arg 2 must be a type, a tuple of types, or a union",
    )?;
    match attributes::get_optional(vm, value, &vm.names.__class__)? {
        Some(claimed) => abstract_is_subclass(vm, &claimed, class),
        None => Ok(false),
    }
}

/// `issubclass(sub, class)`.
pub fn is_subclass(vm: &Vm, sub: &Value, class: &Value) -> PyResult<bool> {
    if let Some(base) = class.downcast::<Type>()
        && vm.type_of(class).is(&vm.types.type_)
    {
        if let Some(sub) = sub.downcast::<Type>() {
            return Ok(is_subtype(sub, base));
        }
        return recursive_is_subclass(vm, sub, class);
    }
    if let Some(union) = class.downcast::<UnionType>() {
        return union.is_subclass(vm, sub);
    }
    if let Some(classes) = class.downcast::<Tuple>() {
        vm.check_stack()?;
        for class in classes.items() {
            if is_subclass(vm, sub, class)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(result) = vm.call_special(
        class,
        &vm.names.__subclasscheck__,
        std::slice::from_ref(sub),
    )? {
        return is_true(vm, &result);
    }
    recursive_is_subclass(vm, sub, class)
}

/// `type.__subclasscheck__`: by the MRO, or by `__bases__` for things that are no types.
pub fn recursive_is_subclass(vm: &Vm, sub: &Value, class: &Value) -> PyResult<bool> {
    if let (Some(sub), Some(class)) = (sub.downcast::<Type>(), class.downcast::<Type>()) {
        return Ok(is_subtype(sub, class));
    }
    check_class(vm, sub, "issubclass() arg 1 must be a class")?;
    check_class(
        vm,
        class,
        "issubclass() arg 2 must be a class, a tuple of classes, or a union",
    )?;
    abstract_is_subclass(vm, sub, class)
}

/// The `__bases__` of anything that has a tuple there.
fn abstract_bases(vm: &Vm, class: &Value) -> PyResult<Option<Ref<Tuple>>> {
    let bases = attributes::get_optional(vm, class, &vm.names.__bases__)?;
    Ok(bases.and_then(|b| b.downcast_into::<Tuple>().ok()))
}

fn check_class(vm: &Vm, class: &Value, message: &str) -> PyResult<()> {
    if class.downcast::<Type>().is_some() || abstract_bases(vm, class)?.is_some() {
        Ok(())
    } else {
        Err(vm.type_error(message))
    }
}

fn abstract_is_subclass(vm: &Vm, sub: &Value, class: &Value) -> PyResult<bool> {
    if sub.is(class) {
        return Ok(true);
    }
    vm.check_stack()?;
    let Some(bases) = abstract_bases(vm, sub)? else {
        return Ok(false);
    };
    for base in bases.items() {
        if abstract_is_subclass(vm, base, class)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a repr of `value` is being made already; if not, marks it. Leave with [`repr_leave`].
pub fn repr_enter(vm: &Vm, value: &Value) -> bool {
    let address = value.bits() as usize;
    vm.repr_stack.with_mut(|s| {
        if s.contains(&address) {
            return true;
        }
        s.push(address);
        false
    })
}

pub fn repr_leave(vm: &Vm, value: &Value) {
    let address = value.bits() as usize;
    vm.repr_stack.with_mut(|s| {
        if let Some(at) = s.iter().rposition(|&a| a == address) {
            s.remove(at);
        }
    })
}
