//! Assignment to `__bases__`. CPython: Objects/typeobject.c (type_set_bases).

use super::{Type, TypeFlags, class_new, class_slots, is_subtype, mro};
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
    for base in bases.items() {
        let Some(base) = base.downcast::<Type>() else {
            return Err(vm.type_error(format!(
                "{}.__bases__ must be tuple of classes, not '{}'",
                ty.name(),
                vm.type_of(base).full_name()
            )));
        };
        // Inside a custom `mro()` the order may not tell yet what the chain of bases does.
        if is_subtype(base, ty) || chain_contains(base, ty) {
            return Err(vm.type_error("a __bases__ item causes an inheritance cycle"));
        }
    }
    let best = class_new::best_base(vm, bases.items())?;
    let old_base = ty.base();
    if let Some(old) = &old_base {
        check_assignment(vm, old, &best, "__bases__")?;
    }
    let old_bases = ty.bases.replace(Some(bases.clone()));
    ty.base.set(Some(best));
    let mut done = Vec::new();
    if let Err(raised) = mro::set_with_subclasses(vm, ty, &mut done) {
        // Back to what was, except where something newer came meanwhile.
        for (class, new, old) in done.into_iter().rev() {
            let current = class.mro.with(|m| m.as_ref().is_some_and(|m| m.is(&new)));
            if current {
                class.mro.set(old);
                class.modified();
            }
        }
        if ty.bases.with(|b| b.as_ref().is_some_and(|b| b.is(bases))) {
            ty.bases.set(old_bases);
            ty.base.set(old_base);
        }
        return Err(raised);
    }
    if !ty.bases.with(|b| b.as_ref().is_some_and(|b| b.is(bases))) {
        // A custom `mro()` assigned others: those count.
        return Ok(());
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
    fix_slots(vm, ty)?;
    // Instances may be descriptors now.
    super::descriptors_changed(vm);
    Ok(())
}

fn fix_slots(vm: &Vm, ty: &Ref<Type>) -> PyResult<()> {
    class_slots::fix_slots(vm, ty)?;
    for sub in ty.subclass_refs() {
        fix_slots(vm, &sub)?;
    }
    Ok(())
}

/// Whether `wanted` is `class` or among its first bases' first bases.
fn chain_contains(class: &Ref<Type>, wanted: &Ref<Type>) -> bool {
    let mut at = Some(class.clone());
    while let Some(class) = at {
        if class.is(wanted) {
            return true;
        }
        at = class.base();
    }
    false
}

/// Whether objects of `child` look in memory as those of its base.
fn adds_nothing(child: &Type, base: &Type) -> bool {
    let bits = TypeFlags::HAS_DICT | TypeFlags::HAS_WEAKREF;
    std::ptr::eq(child.layout.payload, base.layout.payload)
        && child.layout.slot_count.get() == base.layout.slot_count.get()
        && child.flags() & bits == base.flags() & bits
        && (child.layout.pre.get() == base.layout.pre.get())
}

/// The first class of the chain of bases whose objects look as those of `class`.
fn layout_root(class: &Ref<Type>) -> Ref<Type> {
    let mut at = class.clone();
    while let Some(base) = at.base() {
        if !adds_nothing(&at, &base) {
            break;
        }
        at = base;
    }
    at
}

/// Checks that objects of `old` can become objects of `new`. Raises TypeError.
pub(crate) fn check_assignment(
    vm: &Vm,
    old: &Ref<Type>,
    new: &Ref<Type>,
    attribute: &str,
) -> PyResult<()> {
    let (a, b) = (layout_root(new), layout_root(old));
    let same_addition = || {
        let same_base = match (a.base(), b.base()) {
            (Some(x), Some(y)) => x.is(&y),
            _ => false,
        };
        let bits = TypeFlags::HAS_DICT | TypeFlags::HAS_WEAKREF;
        same_base
            && std::ptr::eq(a.layout.payload, b.layout.payload)
            && a.flags() & bits == b.flags() & bits
            && a.layout.pre.get() == b.layout.pre.get()
            && a.slot_names.with(|x| {
                b.slot_names
                    .with(|y| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.is(y)))
            })
    };
    if a.is(&b) || same_addition() {
        return Ok(());
    }
    Err(vm.type_error(format!(
        "{attribute} assignment: '{}' object layout differs from '{}'",
        new.full_name(),
        old.full_name()
    )))
}
