//! Assignment to `__bases__`. CPython: Objects/typeobject.c (type_set_bases).

use super::{Type, TypeFlags, is_subtype, mro, slot_defs};
use crate::objects::tuple::Tuple;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

/// `ty.__bases__ = value`. Raises TypeError where layouts or orders do not fit; the class is then as before.
pub fn set_bases(vm: &Vm, ty: &Ref<Type>, value: &Value) -> PyResult<()> {
    let Some(bases) = value.downcast::<Tuple>() else {
        return Err(vm.type_error(format!(
            "can only assign tuple to {}.__bases__, not {}",
            ty.name(),
            vm.type_of(value).full_name()
        )));
    };
    if bases.is_empty() {
        return Err(vm.type_error(format!(
            "can only assign non-empty tuple to {}.__bases__, not ()",
            ty.name()
        )));
    }
    let mut best: Option<Ref<Type>> = None;
    for base in bases.items() {
        let Some(base) = base.downcast::<Type>() else {
            return Err(vm.type_error(format!(
                "{}.__bases__ must be tuple of classes, not '{}'",
                ty.name(),
                vm.type_of(base).full_name()
            )));
        };
        if is_subtype(base, ty) {
            return Err(vm.type_error("a __bases__ item causes an inheritance cycle"));
        }
        if best.is_none() || std::ptr::eq(base.layout.payload, ty.layout.payload) {
            best = Some(base.clone());
        }
    }
    let Some(best) = best else { return Ok(()) };
    let old_base = ty.base();
    let compatible = old_base.as_ref().is_some_and(|old| {
        std::ptr::eq(old.layout.payload, best.layout.payload)
            && old.layout.slot_count.get() == best.layout.slot_count.get()
            && old.flag(TypeFlags::HAS_DICT) == best.flag(TypeFlags::HAS_DICT)
    });
    if !compatible {
        let old = old_base.map(|b| b.name()).unwrap_or_default();
        return Err(vm.type_error(format!(
            "__bases__ assignment: '{}' object layout differs from '{old}'",
            best.name()
        )));
    }
    let old_bases = ty.bases.replace(Some(bases.clone()));
    ty.base.set(Some(best));
    if let Err(raised) = rebuild(vm, ty) {
        let pending = vm.take_exception();
        ty.bases.set(old_bases);
        ty.base.set(old_base);
        rebuild(vm, ty)?;
        vm.raise_value(pending);
        return Err(raised);
    }
    let address = ty.as_ptr();
    if let Some(old) = old_bases {
        for base in old.items() {
            if let Some(base) = base.downcast::<Type>() {
                base.subclasses
                    .with_mut(|s| s.retain(|&p| !std::ptr::eq(p, address)))
            }
        }
    }
    for base in bases.items() {
        if let Some(base) = base.downcast::<Type>() {
            base.add_subclass(ty)
        }
    }
    Ok(())
}

/// New MROs and slots for a class and those derived from it.
fn rebuild(vm: &Vm, ty: &Ref<Type>) -> PyResult<()> {
    mro::set(vm, ty)?;
    slot_defs::fix_slots(vm, ty)?;
    for sub in ty.subclass_refs() {
        rebuild(vm, &sub)?;
    }
    Ok(())
}
