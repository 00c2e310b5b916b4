//! Attributes, methods, `super()`.

use super::*;
use crate::function::descriptor::MethodDescriptor;
use crate::function::native::NativeFunction;
use crate::interpreter::attr_cache::{self, kind};
use crate::interpreter::specialize;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::instance;
use crate::objects::method::Method;
use crate::objects::module::Module;
use crate::objects::property::Property;
use crate::objects::tuple::TupleGetter;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::{attributes as attribute, object};
use crate::vm::PyResult;
use naja_bytecode::opcode::op;

/// The attribute, or the (method, self) pair where the instruction asks for one.
unsafe fn load_any(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let name = name(fp, arg >> 1);
        let receiver = *sp.sub(1);
        let owner = receiver.view();
        let wants_method = arg & 1 != 0;
        // Of an unboxed value nothing but the type; otherwise the cache knows it.
        if !receiver.is_pointer() && name.as_ptr() == vm.names.__class__.as_ptr() {
            let ty = vm.type_of(&owner);
            if object::has_plain_class(vm, ty) {
                let class = ty.to_ref().into_value();
                return loaded(pc, sp, fp, arg, class);
            }
        }
        if let Some(header) = owner.header() {
            let (mut kind, place) = attr_cache::find(vm, header, name, wants_method);
            let mut of_class = None;
            if kind & kind::DICT_FIRST != 0 {
                kind -= kind::DICT_FIRST;
                // Comparing keys may run Python, which may take the attribute out of the class.
                of_class = attr_cache::value_of(vm, header, name, (kind, place));
                if let Some(dict) = instance::attrs(header).and_then(|a| a.dict())
                    && let Some(value) = dict.get_str(vm, name)?
                {
                    return loaded(pc, sp, fp, arg, value);
                }
            }
            match kind {
                kind::GENERAL | kind::ABSENT => {}
                kind::GETSET => {
                    if let Some(get) = attr_cache::getter(place) {
                        let value = get(vm, &owner).inspect_err(|_| {
                            attribute::annotate_error(vm, &owner, name);
                        })?;
                        return loaded(pc, sp, fp, arg, value);
                    }
                }
                _ => {
                    let known =
                        of_class.or_else(|| attr_cache::value_of(vm, header, name, (kind, place)));
                    if let Some(value) = known {
                        match kind {
                            kind::METHOD => {
                                *sp.sub(1) = Slot::new(value);
                                *sp = receiver;
                                return Ok((pc.add(10), sp.add(1)));
                            }
                            kind::CLASS_METHOD => {
                                let ty = Type::of_header(header);
                                *sp.sub(1) = Slot::new(value);
                                if ty.flag(TypeFlags::TYPE_SUBCLASS) {
                                    *sp = receiver;
                                } else {
                                    *sp = Slot::new(ty.to_ref().into_value());
                                    (*fp).sp = sp.add(1);
                                    receiver.release();
                                }
                                return Ok((pc.add(10), sp.add(1)));
                            }
                            kind::BIND | kind::DATA => {
                                return load_bound(pc, sp, fp, vm, arg, value);
                            }
                            _ => return loaded(pc, sp, fp, arg, value),
                        }
                    }
                }
            }
        }
        load_general(pc, sp, fp, vm, arg)
    }
}

/// What the descriptor gives for the owner. A property's getter is entered in the same loop.
#[inline(never)]
unsafe fn load_bound(
    pc: Pc,
    sp: Sp,
    fp: Fp,
    vm: &Vm,
    arg: u32,
    descriptor: Value,
) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let name = name(fp, arg >> 1);
        let owner = (*sp.sub(1)).view();
        let ty = vm.type_of(&descriptor);
        if arg & 1 == 0
            && ty.is(&vm.types.property)
            && let Some(property) = descriptor.downcast::<Property>()
            && let Some(getter) = property.getter()
            && let Ok(getter) = getter.downcast_into::<Function>()
        {
            (*fp).return_offset = 10;
            (*fp).sp = sp.sub(1);
            return super::call::push_exact(vm, fp, getter, sp.sub(1), 1);
        }
        if arg & 1 == 0
            && *pc.add(10) as u8 == op::PUSH_NULL
            && ty.flag(TypeFlags::METHOD_DESCRIPTOR)
        {
            // A call with unpacked arguments follows, which takes method and object apart as well as a bound method.
            *sp = *sp.sub(1);
            *sp.sub(1) = Slot::new(descriptor);
            return Ok((pc.add(11), sp.add(1)));
        }
        let Some(get) = ty.slots.descr_get.get() else {
            return load_general(pc, sp, fp, vm, arg);
        };
        let class = vm.type_of(&owner).to_ref().into_value();
        let value = get(vm, &descriptor, Some(&owner), Some(&class)).inspect_err(|_| {
            attribute::annotate_error(vm, &owner, name);
        })?;
        loaded(pc, sp, fp, arg, value)
    }
}

/// The general path: nothing is known of the attribute.
#[inline(never)]
unsafe fn load_general(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let name = name(fp, arg >> 1);
        let owner = (*sp.sub(1)).view();
        if arg & 1 == 0 {
            let value = attribute::get(vm, &owner, name)?;
            return Ok((pc.add(10), replace_top(fp, sp, 1, value)));
        }
        match attribute::get_method(vm, &owner, name)? {
            attribute::Method::Unbound(method) => {
                let receiver = *sp.sub(1);
                *sp.sub(1) = Slot::new(method);
                *sp = receiver;
                Ok((pc.add(10), sp.add(1)))
            }
            attribute::Method::Bound(value) => {
                let sp = replace_top(fp, sp, 1, value);
                *sp = Slot::EMPTY;
                Ok((pc.add(10), sp.add(1)))
            }
        }
    }
}

/// Puts an attribute in the owner's place (with an empty slot where a pair is asked for).
unsafe fn loaded(pc: Pc, sp: Sp, fp: Fp, arg: u32, value: Value) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let sp = replace_top(fp, sp, 1, value);
        *sp = Slot::EMPTY;
        Ok((pc.add(10), sp.add((arg & 1) as usize)))
    }
}

unsafe fn cache_u32(at: Pc) -> u32 {
    // SAFETY: inline caches lie inside the code's units.
    unsafe { (at as *const u32).read_unaligned() }
}

unsafe fn cache_u64(at: Pc) -> u64 {
    // SAFETY: as above.
    unsafe { (at as *const u64).read_unaligned() }
}

/// A shape in which the attribute of the instance does not stand: the next instance will have it too.
unsafe fn note_shape(pc: Pc, owner: &Value) {
    if let Some(shape) = owner.header().and_then(instance::attrs).map(|a| a.shape())
        && shape != instance::DICT
    {
        // SAFETY: in the cache of LOAD_ATTR.
        unsafe { (pc.add(4) as *mut u32).write_unaligned(shape) };
    }
}

ops! {
    fn load_attr(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::load_attr(vm, pc, *sp.sub(1), name(fp, arg >> 1), arg & 1 != 0);
        }
        load_any(pc, sp, fp, vm, arg)
    }

    fn load_attr_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::LOAD_ATTR);
        load_any(pc, sp, fp, vm, arg)
    }

    fn load_attr_bind(pc, sp, fp, vm, arg) {
        // The cache has a descriptor, which stands behind the top of the stack without a reference: the class holds it.
        let descriptor = (*sp).view();
        let owner = (*sp.sub(1)).view();
        let ty = vm.type_of(&descriptor);
        if ty.is(&vm.types.function) {
            let method = Method::make(vm, (*descriptor).clone(), (*owner).clone())?;
            return loaded(pc, sp, fp, arg, method);
        }
        if let Some(getter) = descriptor.downcast::<TupleGetter>()
            && let Some(field) = getter.field(&owner)
        {
            return loaded(pc, sp, fp, arg, field.clone());
        }
        if ty.is(&vm.types.method_descriptor)
            && let Some(method) = descriptor.downcast::<MethodDescriptor>()
            && (vm.type_of(&owner).is(&method.objclass) || vm.type_of(&owner).extends_directly(&method.objclass))
        {
            let bound = NativeFunction::bound(vm, method.def, (*owner).clone())?;
            return loaded(pc, sp, fp, arg, bound.into_value());
        }
        load_bound(pc, sp, fp, vm, arg, (*descriptor).clone())
    }

    fn load_attr_again(pc, sp, fp, vm, arg) {
        load_any(pc, sp, fp, vm, arg)
    }

    fn load_method_other_shape(pc, sp, fp, vm, arg) {
        // The class is the one seen: only an attribute of the instance itself could hide the method.
        let name = name(fp, arg >> 1);
        let receiver = *sp.sub(1);
        let owner = receiver.view();
        match instance::get(vm, &owner, name)? {
            None => {
                *sp.sub(1) = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                *sp = receiver;
                note_shape(pc, &owner);
                Ok((pc.add(10), sp.add(1)))
            }
            Some(value) => loaded(pc, sp, fp, arg, value),
        }
    }

    fn load_attr_module(pc, sp, fp, vm, arg) {
        let owner = (*sp.sub(1)).view();
        if let Some(module) = owner.downcast::<Module>()
            && vm.type_of(&owner).is(&vm.types.module)
        {
            let dict = module.dict();
            let table = &*dict.table.as_ptr();
            if table.current_version() == cache_u32(pc.add(2)) && table.current_version() != 0 {
                let value = table.value_at(*pc.add(4) as usize);
                if let Some(value) = value {
                    return loaded(pc, sp, fp, arg, value);
                }
            }
        }
        missed(pc, op::LOAD_ATTR);
        load_any(pc, sp, fp, vm, arg)
    }

    fn load_attr_class(pc, sp, fp, vm, arg) {
        let owner = (*sp.sub(1)).view();
        if let Some(ty) = owner.downcast::<Type>()
            && ty.version.get() == cache_u32(pc.add(2))
            && vm.type_of(&owner).version.get() == cache_u32(pc.add(4))
        {
            let value = Slot(cache_u64(pc.add(6))).to_value();
            return loaded(pc, sp, fp, arg, value);
        }
        missed(pc, op::LOAD_ATTR);
        load_any(pc, sp, fp, vm, arg)
    }

    fn load_attr_other_shape(pc, sp, fp, vm, arg) {
        // The class is the one seen: only an attribute of the instance itself could hide the class's value.
        let owner = (*sp.sub(1)).view();
        let value = match instance::get(vm, &owner, name(fp, arg >> 1))? {
            Some(value) => value,
            None => {
                note_shape(pc, &owner);
                Slot(cache_u64(pc.add(6))).to_value()
            }
        };
        loaded(pc, sp, fp, arg, value)
    }

    fn load_attr_with_hint(pc, sp, fp, vm, arg) {
        // The instance's attributes are in a dict.
        let owner = (*sp.sub(1)).view();
        let wanted = name(fp, arg >> 1);
        if vm.type_of(&owner).version.get() == cache_u32(pc.add(2))
            && let Some(dict) = owner.header().and_then(instance::attrs).and_then(|a| a.dict())
        {
            let table = &*dict.table.as_ptr();
            let hint = *pc.add(4) as usize;
            let hit = table.entries().get(hint).and_then(|e| match &e.key {
                Some(key) if key.is(wanted.as_value()) => Some(e.value.clone()),
                _ => None,
            });
            let found = match hit {
                Some(value) => Some(value),
                None => dict.get_str(vm, wanted)?,
            };
            if let Some(value) = found {
                return loaded(pc, sp, fp, arg, value);
            }
        }
        missed(pc, op::LOAD_ATTR);
        load_any(pc, sp, fp, vm, arg)
    }

    fn load_attr_property(pc, sp, fp, vm, arg) {
        let owner = *sp.sub(1);
        let view = owner.view();
        if arg & 1 == 0 && vm.type_of(&view).version.get() == cache_u32(pc.add(2)) {
            let getter = Slot(cache_u64(pc.add(6))).to_value();
            if let Ok(getter) = getter.downcast_into::<Function>() {
                (*fp).return_offset = 10;
                (*fp).sp = sp.sub(1);
                return super::call::push_exact(vm, fp, getter, sp.sub(1), 1);
            }
        }
        missed(pc, op::LOAD_ATTR);
        load_any(pc, sp, fp, vm, arg)
    }

    fn store_attr(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        let owner = (*sp.sub(1)).view();
        if counter_due(pc) {
            specialize::store_attr(vm, fp, pc, &owner, name);
        }
        let value = (*sp.sub(2)).view();
        if !attr_cache::store(vm, &owner, name, &value) {
            attribute::set(vm, &owner, name, Some(&value))?;
        }
        Ok((pc.add(5), drop_top(fp, sp, 2)))
    }

    fn store_attr_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::STORE_ATTR);
        let (value, owner) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let name = name(fp, arg);
        if !attr_cache::store(vm, &owner, name, &value) {
            attribute::set(vm, &owner, name, Some(&value))?;
        }
        Ok((pc.add(5), drop_top(fp, sp, 2)))
    }

    fn store_attr_again(pc, sp, fp, vm, arg) {
        let (value, owner) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let name = name(fp, arg);
        if !attr_cache::store(vm, &owner, name, &value) {
            attribute::set(vm, &owner, name, Some(&value))?;
        }
        Ok((pc.add(5), drop_top(fp, sp, 2)))
    }

    fn store_attr_with_hint(pc, sp, fp, vm, arg) {
        let (value, owner) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let name = name(fp, arg);
        if vm.type_of(&owner).version.get() == cache_u32(pc.add(2))
            && let Some(dict) = owner.header().and_then(instance::attrs).and_then(|a| a.dict())
        {
            store_in(vm, &dict, name, &value)?;
        } else {
            missed(pc, op::STORE_ATTR);
            attribute::set(vm, &owner, name, Some(&value))?;
        }
        Ok((pc.add(5), drop_top(fp, sp, 2)))
    }

    fn delete_attr(pc, sp, fp, vm, arg) {
        let owner = (*sp.sub(1)).view();
        let name = name(fp, arg);
        if !attr_cache::delete(vm, &owner, name) {
            attribute::set(vm, &owner, name, None)?;
        }
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn load_super_attr(pc, sp, fp, vm, arg) {
        // global super, class, self
        let (global, class, receiver) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        let name = name(fp, arg >> 2);
        let wants_method = arg & 1 != 0;
        if global.is(vm.types.super_.as_value())
            && let Some(start) = class.downcast::<Type>()
        {
            let mut unbound = false;
            let value = crate::objects::super_::lookup(vm, start, &receiver, name, wants_method.then_some(&mut unbound))?;
            if wants_method && unbound {
                let slot = *sp.sub(1);
                (*fp).sp = sp.sub(3);
                let (g, c) = (*sp.sub(3), *sp.sub(2));
                *sp.sub(3) = Slot::new(value);
                *sp.sub(2) = slot;
                c.release();
                g.release();
                return Ok((pc.add(2), sp.sub(1)));
            }
            let sp = replace_top(fp, sp, 3, value);
            *sp = Slot::EMPTY;
            return Ok((pc.add(2), sp.add(wants_method as usize)));
        }
        let args = [(*class).clone(), (*receiver).clone()];
        let object = if arg & 2 != 0 { vm.call(&global, &args)? } else { vm.call(&global, &[])? };
        let value = attribute::get(vm, &object, name)?;
        let sp = replace_top(fp, sp, 3, value);
        *sp = Slot::EMPTY;
        Ok((pc.add(2), sp.add(wants_method as usize)))
    }

    fn load_special(pc, sp, fp, vm, arg) {
        // owner -> method, self or nothing
        let receiver = *sp.sub(1);
        let owner = receiver.view();
        let names = vm.names;
        let name = match arg {
            0 => &names.__enter__,
            1 => &names.__exit__,
            2 => &names.__aenter__,
            _ => &names.__aexit__,
        };
        match attribute::lookup_special(vm, &owner, name)? {
            Some(attribute::Method::Unbound(method)) => {
                *sp.sub(1) = Slot::new(method);
                *sp = receiver;
                Ok((pc.add(1), sp.add(1)))
            }
            Some(attribute::Method::Bound(value)) => {
                let sp = replace_top(fp, sp, 1, value);
                *sp = Slot::EMPTY;
                Ok((pc.add(1), sp.add(1)))
            }
            None => Err(missing_special(vm, &owner, arg)),
        }
    }
}

/// The TypeError of a `with` statement over something that is no context manager.
#[cold]
fn missing_special(vm: &Vm, owner: &Value, arg: u32) -> crate::vm::Raised {
    let has = |name| matches!(attribute::lookup_special(vm, owner, name), Ok(Some(_)));
    let names = vm.names;
    let type_name = vm.type_of(owner).full_name();
    let (protocol, missed, suggestion) = match arg {
        0 => (
            "context manager",
            "__enter__",
            has(&names.__aenter__) && has(&names.__aexit__),
        ),
        1 => (
            "context manager",
            "__exit__",
            has(&names.__aenter__) && has(&names.__aexit__),
        ),
        2 => (
            "asynchronous context manager",
            "__aenter__",
            has(&names.__enter__) && has(&names.__exit__),
        ),
        _ => (
            "asynchronous context manager",
            "__aexit__",
            has(&names.__enter__) && has(&names.__exit__),
        ),
    };
    let mut message = format!(
        "'{type_name}' object does not support the {protocol} protocol (missed {missed} method)"
    );
    if suggestion {
        message += if arg < 2 {
            " but it supports the asynchronous context manager protocol. Did you mean to use 'async with'?"
        } else {
            " but it supports the context manager protocol. Did you mean to use 'with'?"
        };
    }
    vm.type_error(message)
}

fn store_in(
    vm: &Vm,
    dict: &naja_heap::Ref<Dict>,
    name: &naja_heap::Ref<crate::objects::str_::Str>,
    value: &Value,
) -> PyResult<()> {
    dict.set_str(vm, name, value.clone())
}
