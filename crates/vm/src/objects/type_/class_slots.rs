//! How classes come by their slots: the dictionary of a native class from its slots and tables, the slots of a Python class
//! from its bases and the special methods that it defines, and what changes when such a method is set or deleted later.
//!
//! A Python class begins with its base's slots; only names that the base's MRO does not have can change them. CPython:
//! Objects/typeobject.c (add_operators, fixup_slot_dispatchers, update_slot).

use super::slot_defs::{SlotDef, each, mark_of, slot_getattro, slot_new};
use super::{Slots, Type, TypeFlags, is_subtype};
use crate::function::descriptor::{
    ClassMethodDescriptor, GetSetDescriptor, MethodDescriptor, WrapperDescriptor,
};
use crate::function::native::NativeFunction;
use crate::function::{MethodKind, TypeDef};
use crate::objects::dict::Dict;
use crate::objects::str_::Str;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, TypeLayout, Value};
use smallvec::SmallVec;

/// Fills the dictionary of a native class: slot wrappers, methods, getters, attributes.
pub fn fill_native_dict(
    vm: &Vm,
    ty: &Type,
    def: &'static TypeDef,
    dict: &Ref<Dict>,
) -> PyResult<()> {
    let ty = ty.to_ref();
    let put = |name: &str, value: Value| -> PyResult<()> {
        let name = vm.intern(name);
        if dict.get_str(vm, &name)?.is_none() {
            dict.set_str(vm, &name, value)
        } else {
            Ok(())
        }
    };
    let own = Slots::default();
    for table in def.tables {
        (table.slots)(&own);
    }
    for table in def.tables {
        for method in table.methods {
            let value = match method.kind {
                MethodKind::Method => MethodDescriptor::make(vm, &ty, method)?,
                MethodKind::Class => ClassMethodDescriptor::make(vm, &ty, method)?,
                MethodKind::Static | MethodKind::Function => {
                    let function = NativeFunction::make(vm, method, Some(ty.to_value()), None)?;
                    crate::objects::classmethod::StaticMethod::make(vm, function)?
                }
            };
            put(method.name, value)?;
        }
        for getset in table.getset {
            put(getset.name, GetSetDescriptor::make(vm, &ty, getset)?)?;
        }
        for attr in table.attrs {
            put(attr.name, (attr.value)(vm)?)?;
        }
    }
    if own.new.get().is_some() && def.flags & TypeFlags::NO_NEW == 0 {
        put("__new__", NativeFunction::make_new(vm, &ty)?)?;
    }
    for slot in each() {
        if (slot.filled)(&own) {
            put(
                slot.wrapper.name,
                WrapperDescriptor::make(vm, &ty, &slot.wrapper)?,
            )?;
        }
    }
    if own.richcompare.get().is_some() && own.hash.get().is_none() {
        put("__hash__", Value::NONE)?;
    }
    let base = ty.base();
    if def.flags & TypeFlags::HAS_DICT != 0 && base.is_none_or(|b| !b.flag(TypeFlags::HAS_DICT)) {
        let descriptor = &super::attributes::NATIVE_DICT;
        put("__dict__", GetSetDescriptor::make(vm, &ty, descriptor)?)?;
    }
    let doc = if def.doc.is_empty() {
        Value::NONE
    } else {
        vm.new_str(def.doc)?.into_value()
    };
    put("__doc__", doc)
}

/// Gives a new Python class its slots: inherited ones, then those for the special methods of its MRO.
pub fn fix_slots(vm: &Vm, ty: &Ref<Type>) -> PyResult<()> {
    if let Some(base) = ty.base() {
        ty.slots.copy_all(&base.slots);
    }
    // A class that defines __eq__ without __hash__ is unhashable.
    let dict = ty.dict(vm)?;
    if dict.get_str(vm, &vm.names.__eq__)?.is_some()
        && dict.get_str(vm, &vm.names.__hash__)?.is_none()
    {
        dict.set_str(vm, &vm.names.__hash__, Value::NONE)?;
    }
    let own = names_beyond_base(vm, ty)?;
    let marks = own.as_ref().map_or(u64::MAX, |names| {
        names
            .iter()
            .fold(0, |marks, name| marks | mark_of(name.as_bytes()))
    });
    for slot in each() {
        if marks & slot.mark == 0 {
            continue;
        }
        let own = own.as_ref().map(|names| {
            let same = |name: &&Ref<Str>| name.as_bytes() == slot.wrapper.name.as_bytes();
            names.iter().find(same)
        });
        match own {
            Some(None) => {}
            Some(Some(name)) => update_one(vm, ty, slot, name),
            None => update_one(vm, ty, slot, &vm.intern(slot.wrapper.name)),
        }
    }
    // What the base's slots say of these holds for the class too where it has no such names of its own.
    if marks & mark_of(b"__new__") != 0 {
        fix_new(vm, ty);
    }
    let access = mark_of(b"__getattr__") | mark_of(b"__getattribute__");
    fix_flags(vm, ty, marks & access != 0);
    Ok(())
}

/// The special methods of those classes in the MRO that the base's MRO lacks: only they can change what was copied from
/// the base. None where the MRO is not the base's with others before and between.
fn names_beyond_base(vm: &Vm, ty: &Ref<Type>) -> PyResult<Option<SpecialNames>> {
    let base = ty.base().and_then(|base| base.mro_items());
    let (Some(mro), Some(base)) = (ty.mro_items(), base) else {
        return Ok(None);
    };
    let mut rest = base.items().iter().peekable();
    let mut names = SpecialNames::new();
    for class in mro.items() {
        if rest.peek().is_some_and(|next| next.is(class)) {
            rest.next();
        } else if let Some(class) = class.downcast::<Type>() {
            add_special_names(&mut names, &*class.dict(vm)?)
        }
    }
    Ok(rest.next().is_none().then_some(names))
}

type SpecialNames = SmallVec<[Ref<Str>; 16]>;

/// The names `__x__` in a class's own dict.
fn add_special_names(names: &mut SpecialNames, dict: &Dict) {
    let mut at = 0;
    while let Some((key, _)) = dict.next_item(&mut at) {
        if let Some(name) = crate::objects::str_::of(&key)
            && name.as_bytes().starts_with(b"__")
            && name.as_bytes().ends_with(b"__")
        {
            names.push(name.clone())
        }
    }
}

/// `ty.name = ...` for a special method: updates the slot here and in all subclasses.
pub fn update_slot(vm: &Vm, ty: &Ref<Type>, name: &Ref<Str>) -> PyResult<()> {
    for slot in each().filter(|s| s.wrapper.name.as_bytes() == name.as_bytes()) {
        update_one(vm, ty, slot, name);
    }
    if name.is(&vm.names.__new__) {
        fix_new(vm, ty);
    }
    fix_flags(vm, ty, true);
    for sub in ty.subclass_refs() {
        let overridden = sub.dict(vm)?.get_str(vm, name)?.is_some();
        if !overridden {
            update_slot(vm, &sub, name)?;
        }
    }
    Ok(())
}

/// Decides what stands in the slot of one special method.
fn update_one(vm: &Vm, ty: &Ref<Type>, slot: &'static SlotDef, name: &Ref<Str>) {
    let found = ty.lookup(vm, name);
    match found {
        None => {
            // Another name for the same slot may still be there (`__add__` and `__radd__`).
            let other = each().any(|s| {
                s.slot == slot.slot && ty.lookup(vm, &vm.intern(s.wrapper.name)).is_some()
            });
            if !other {
                (slot.clear)(&ty.slots)
            }
        }
        Some(value) if value.is_none() && slot.wrapper.name == "__hash__" => {
            (slot.clear)(&ty.slots)
        }
        Some(value) => {
            if let Some(wrapper) = value.downcast::<WrapperDescriptor>()
                && wrapper.wrapper().name == slot.wrapper.name
                && is_subtype(ty, &wrapper.objclass)
                && !has_python_twin(vm, ty, slot)
            {
                // The method of a native base: its slot function as it is.
                (slot.copy)(&ty.slots, &wrapper.objclass.slots);
            } else {
                (slot.set)(&ty.slots)
            }
        }
    }
}

/// Whether another special method of the same slot (`__setattr__`/`__delattr__`, `__lt__`/`__eq__`, `__add__`/`__radd__`) is
/// defined in Python: the trampoline must stay.
fn has_python_twin(vm: &Vm, ty: &Ref<Type>, slot: &SlotDef) -> bool {
    each()
        .filter(|s| s.slot == slot.slot && s.wrapper.name != slot.wrapper.name)
        .any(|s| {
            ty.lookup(vm, &vm.intern(s.wrapper.name))
                .is_some_and(|v| v.downcast::<WrapperDescriptor>().is_none())
        })
}

/// The slot `new`: the base's native one unless a Python `__new__` stands before it.
fn fix_new(vm: &Vm, ty: &Ref<Type>) {
    let found = ty.lookup(vm, &vm.names.__new__);
    let native = found
        .as_ref()
        .and_then(|f| f.downcast::<NativeFunction>())
        .and_then(|f| f.new_of());
    match native {
        // Whose it is does not count: one that does not fit the layout (`__new__ = list.__new__` in a plain class)
        // leaves what is inherited.
        Some(_) => {
            if let Some(base) = ty.base() {
                ty.slots.new.set(base.slots.new.get());
            }
        }
        None => ty.slots.new.set(Some(slot_new)),
    }
}

/// Bits that hot paths test instead of comparing slots.
/// `fallback`: whether the class may have a `__getattr__` that its slots do not show yet.
fn fix_flags(vm: &Vm, ty: &Ref<Type>, fallback: bool) {
    ty.set_flag(TypeLayout::HAS_FINALIZER, ty.slots.finalize.get().is_some());
    let object = &vm.types.object.slots;
    ty.set_flag(
        TypeFlags::CUSTOM_GETATTR,
        ty.slots.getattro.get() != object.getattro.get(),
    );
    ty.set_flag(
        TypeFlags::CUSTOM_SETATTR,
        ty.slots.setattro.get() != object.setattro.get(),
    );
    if fallback && ty.lookup(vm, &vm.names.__getattr__).is_some() {
        ty.slots.getattro.set(Some(slot_getattro));
        ty.set_flag(TypeFlags::CUSTOM_GETATTR, true);
    }
}
