//! The method resolution order: C3 linearisation. CPython: Objects/typeobject.c (mro_implementation, pmerge).

use super::{Type, TypeFlags, is_subtype};
use crate::objects::tuple::Tuple;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

/// The MRO of a class with these bases, itself first. Raises TypeError where the bases contradict each other.
pub fn compute(vm: &Vm, class: &Ref<Type>, bases: &[Ref<Type>]) -> PyResult<Vec<Value>> {
    let mut lists: Vec<Vec<Value>> = Vec::with_capacity(bases.len() + 1);
    for base in bases {
        match base.mro.get() {
            Some(mro) => lists.push(mro.items().to_vec()),
            None => {
                return Err(vm.type_error(format!(
                    "Cannot extend an incomplete type '{}'",
                    base.name()
                )));
            }
        }
    }
    for (i, base) in bases.iter().enumerate() {
        if bases[..i].iter().any(|b| b.is(base)) {
            return Err(vm.type_error(format!("duplicate base class {}", base.name())));
        }
    }
    let mut result = vec![class.to_value()];
    if let [only] = lists.as_slice() {
        result.extend(only.iter().cloned());
        return Ok(result);
    }
    lists.push(bases.iter().map(Ref::to_value).collect());
    let mut at = vec![0usize; lists.len()];
    loop {
        let mut done = true;
        let mut chosen = None;
        for (i, list) in lists.iter().enumerate() {
            let Some(candidate) = list.get(at[i]) else {
                continue;
            };
            done = false;
            let in_tail = lists
                .iter()
                .zip(&at)
                .any(|(l, &a)| l.iter().skip(a + 1).any(|c| c.is(candidate)));
            if !in_tail {
                chosen = Some(candidate.clone());
                break;
            }
        }
        match chosen {
            Some(chosen) => {
                for (list, a) in lists.iter().zip(&mut at) {
                    if list.get(*a).is_some_and(|c| c.is(&chosen)) {
                        *a += 1;
                    }
                }
                result.push(chosen);
            }
            None if done => return Ok(result),
            None => return Err(conflict(vm, &lists, &at)),
        }
    }
}

#[cold]
fn conflict(vm: &Vm, lists: &[Vec<Value>], at: &[usize]) -> Raised {
    let mut names: Vec<String> = Vec::new();
    for (list, &a) in lists.iter().zip(at) {
        if let Some(class) = list.get(a).and_then(|c| c.downcast::<Type>()) {
            let name = class.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    vm.type_error(format!(
        "Cannot create a consistent method resolution order (MRO) for bases {}",
        names.join(", ")
    ))
}

/// A class whose MRO was replaced: the new one and the old.
pub type Replaced = (Ref<Type>, Ref<Tuple>, Option<Ref<Tuple>>);

/// [`set`] for a class and all derived from it, remembered in `done`.
pub fn set_with_subclasses(vm: &Vm, class: &Ref<Type>, done: &mut Vec<Replaced>) -> PyResult<()> {
    vm.check_stack()?;
    let Some((new, old)) = set(vm, class)? else {
        return Ok(());
    };
    done.push((class.clone(), new, old));
    for sub in class.subclass_refs() {
        set_with_subclasses(vm, &sub, done)?;
    }
    Ok(())
}

/// Computes and stores the MRO of `class`, by its metaclass's `mro()` if that is overridden. The new one and the old; None
/// where that `mro()` had the class's MRO set in another way.
#[allow(clippy::type_complexity)]
pub fn set(vm: &Vm, class: &Ref<Type>) -> PyResult<Option<(Ref<Tuple>, Option<Ref<Tuple>>)>> {
    let old = class.mro.get();
    let bases: Vec<Ref<Type>> = match class.bases.get() {
        Some(bases) => bases
            .items()
            .iter()
            .filter_map(|b| b.downcast::<Type>().cloned())
            .collect(),
        None => Vec::new(),
    };
    let meta = vm.type_of(class.as_value());
    let items = if meta.is(&vm.types.type_) {
        compute(vm, class, &bases)?
    } else {
        custom(vm, class, meta)?
    };
    let strange = |item: &Value| {
        item.downcast::<Type>().is_some_and(|item| {
            !item.is(class)
                && (item.flag(TypeFlags::UNCACHED)
                    || !bases.iter().any(|base| is_subtype(base, item)))
        })
    };
    class.set_flag(
        TypeFlags::UNCACHED,
        !meta.is(&vm.types.type_) && items.iter().any(strange),
    );
    let mro = Tuple::from_slice(vm, &items)?;
    let now = class.mro.get();
    let reentered = match (&now, &old) {
        (Some(a), Some(b)) => !a.is(b),
        (None, None) => false,
        _ => true,
    };
    if reentered {
        return Ok(None);
    }
    class.mro.set(Some(mro.clone()));
    class.modified();
    Ok(Some((mro, old)))
}

/// The result of a metaclass's own `mro` method.
fn custom(vm: &Vm, class: &Ref<Type>, meta: &Type) -> PyResult<Vec<Value>> {
    let name = vm.intern("mro");
    debug_assert!(meta.lookup(vm, &name).is_some());
    let result = match vm.call_special(class.as_value(), &name, &[])? {
        Some(result) => result,
        None => return Err(vm.type_error("metaclass has no mro()")),
    };
    let items = crate::protocols::sequence::collect(vm, &result)?;
    for item in &items {
        let Some(base) = item.downcast::<Type>() else {
            return Err(vm.type_error(format!(
                "mro() returned a non-class ('{}')",
                vm.type_of(item).full_name()
            )));
        };
        if !std::ptr::eq(base.layout.payload, vm.types.object.layout.payload)
            && !class.layout.payload.extends(base.layout.payload)
            && !std::ptr::eq(class.layout.payload, base.layout.payload)
        {
            return Err(vm.type_error(format!(
                "mro() returned base with unsuitable layout ('{}')",
                base.name()
            )));
        }
    }
    Ok(items)
}
