//! Global, built-in, cell and namespace variables.

use super::*;
use crate::interpreter::frame::locals;
use crate::interpreter::specialize;
use crate::objects::cell::CellVariable;
use crate::objects::dict::Dict;
use crate::objects::str_::Str;
use crate::protocols::object;
use crate::vm::{PyResult, Raised};
use naja_bytecode::code::kind;
use naja_bytecode::opcode::op;
use naja_heap::Ref;

/// Raises NameError "name 'x' is not defined", with the attribute `name`.
#[cold]
fn undefined(vm: &Vm, name: &Ref<Str>) -> Raised {
    crate::objects::exception::name_error(
        vm,
        &vm.types.name_error,
        format!("name '{}' is not defined", name.to_string_lossy()),
        name,
    )
}

/// A variable of globals or builtins.
unsafe fn global(vm: &Vm, fp: Fp, name: &Ref<Str>) -> PyResult<Option<Value>> {
    // SAFETY: `fp` is the running frame.
    let (frame, globals) = unsafe { (&*fp, (*fp).globals()) };
    let found = if vm.type_of(globals.as_value()).is(&vm.types.dict) {
        globals.get_str(vm, name)?
    } else {
        object::get_item_opt(vm, globals.as_value(), name.as_value())?
    };
    match found {
        Some(value) => Ok(Some(value)),
        None => frame.builtin(vm, name),
    }
}

/// A variable of a namespace mapping, by its `__getitem__` (KeyError: none).
fn from_mapping(vm: &Vm, mapping: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    if let Some(dict) = mapping.downcast::<Dict>()
        && vm.type_of(mapping).is(&vm.types.dict)
    {
        return dict.get_str(vm, name);
    }
    object::get_item_opt(vm, mapping, name.as_value())
}

unsafe fn cell_at(vm: &Vm, fp: Fp, index: u32) -> PyResult<Ref<CellVariable>> {
    // SAFETY: cell variables' slots hold cells from the frame's prefix on.
    let slot = unsafe { *locals(fp).add(index as usize) };
    if slot.is_empty() {
        return Err(vm.system_error("cell variable without a cell"));
    }
    // SAFETY: not empty.
    unsafe { slot.to_value() }
        .downcast_into::<CellVariable>()
        .map_err(|_| vm.system_error("cell variable without a cell"))
}

#[cold]
unsafe fn unbound_deref(vm: &Vm, fp: Fp, index: u32) -> Raised {
    // SAFETY: `fp` is the running frame.
    let code = unsafe { &*(*fp).code };
    let index = index as usize;
    let Some(name) = code.localsplusnames().get(index) else {
        return vm.system_error("no such cell variable");
    };
    let free = code
        .localspluskinds()
        .get(index)
        .is_some_and(|k| k & kind::FREE != 0);
    let text = name.to_string_lossy();
    if free {
        let message = format!(
            "cannot access free variable '{text}' where it is not associated with a value in enclosing scope"
        );
        crate::objects::exception::name_error(vm, &vm.types.name_error, message, name)
    } else {
        let message = format!(
            "cannot access local variable '{text}' where it is not associated with a value"
        );
        // Without the name, unlike other NameErrors: the right one is known to be a local variable.
        vm.raise(&vm.types.unbound_local_error, message)
    }
}

ops! {
    #[cold]
    fn unbound_local(pc, sp, fp, vm, arg) {
        let code = &*(*fp).code;
        match code.localsplusnames().get(arg as usize) {
            Some(name) => {
                let message = format!("cannot access local variable '{}' where it is not associated with a value", name.to_string_lossy());
                Err(vm.raise(&vm.types.unbound_local_error, message))
            }
            None => Err(vm.system_error("no such local variable")),
        }
    }

    fn load_common_constant(pc, sp, fp, vm, arg) {
        let value = vm.common_constant(arg)?;
        *sp = Slot::new(value);
        Ok((pc.add(1), sp.add(1)))
    }

    fn load_build_class(pc, sp, fp, vm, arg) {
        match (*fp).builtin(vm, &vm.names.__build_class__)? {
            Some(value) => {
                *sp = Slot::new(value);
                Ok((pc.add(1), sp.add(1)))
            }
            None => Err(vm.raise(&vm.types.name_error, "__build_class__ not found")),
        }
    }

    fn load_locals(pc, sp, fp, vm, arg) {
        *sp = Slot::new(frame_locals(vm, fp, "no locals")?);
        Ok((pc.add(1), sp.add(1)))
    }

    fn load_name(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        let mut found = match (*fp).locals_value() {
            Some(locals) => from_mapping(vm, &locals, name)?,
            None => return Err(vm.system_error(format!("no locals when loading '{}'", name.to_string_lossy()))),
        };
        if found.is_none() {
            found = global(vm, fp, name)?;
        }
        match found {
            Some(value) => {
                *sp = Slot::new(value);
                Ok((pc.add(1), sp.add(1)))
            }
            None => Err(undefined(vm, name)),
        }
    }

    fn store_name(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        let Some(locals) = (*fp).locals_value() else {
            return Err(vm.system_error(format!("no locals found when storing '{}'", name.to_string_lossy())));
        };
        let value = (*sp.sub(1)).view();
        match locals.downcast::<Dict>() {
            Some(dict) if vm.type_of(&locals).is(&vm.types.dict) => dict.set_str(vm, name, (*value).clone())?,
            _ => object::set_item(vm, &locals, name.as_value(), &value)?,
        }
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn delete_name(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        let Some(locals) = (*fp).locals_value() else {
            return Err(vm.system_error(format!("no locals when deleting '{}'", name.to_string_lossy())));
        };
        if object::del_item(vm, &locals, name.as_value()).is_err() {
            if vm.catch(&vm.types.key_error) {
                return Err(undefined(vm, name));
            }
            return Err(Raised);
        }
        Ok((pc.add(1), sp))
    }

    fn load_global(pc, sp, fp, vm, arg) {
        let name = name(fp, arg >> 1);
        if counter_due(pc) {
            specialize::load_global(vm, fp, pc, name);
        }
        load_global_any(pc, sp, fp, vm, arg)
    }

    fn load_global_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::LOAD_GLOBAL);
        load_global_any(pc, sp, fp, vm, arg)
    }

    fn store_global(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        let value = (*sp.sub(1)).view();
        let table = &(*((*fp).globals as *const naja_heap::Obj<crate::objects::dict::Dict>)).payload.table;
        // The old value leaves, and is dropped outside.
        let old = table.with_mut_no_drop(|table| table.quick_set(name.as_value(), vm, || (*value).clone()));
        if let Some(old) = old {
            let sp = drop_top(fp, sp, 1);
            drop(old);
            return Ok((pc.add(1), sp));
        }
        let globals = (*fp).globals();
        globals.set_str(vm, name, (*value).clone())?;
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn delete_global(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        match (*fp).globals().remove_str(vm, name)? {
            Some(_) => Ok((pc.add(1), sp)),
            None => Err(undefined(vm, name)),
        }
    }

    fn load_from_dict_or_globals(pc, sp, fp, vm, arg) {
        let name = name(fp, arg);
        let mapping = (*sp.sub(1)).view();
        let found = match from_mapping(vm, &mapping, name)? {
            Some(value) => Some(value),
            None => global(vm, fp, name)?,
        };
        match found {
            Some(value) => Ok((pc.add(1), replace_top(fp, sp, 1, value))),
            None => Err(undefined(vm, name)),
        }
    }

    fn load_from_dict_or_deref(pc, sp, fp, vm, arg) {
        let code = &*(*fp).code;
        let Some(name) = code.localsplusnames().get(arg as usize) else {
            return Err(vm.system_error("no such cell variable"));
        };
        let mapping = (*sp.sub(1)).view();
        let found = match from_mapping(vm, &mapping, name)? {
            Some(value) => Some(value),
            None => cell_at(vm, fp, arg)?.value.get(),
        };
        match found {
            Some(value) => Ok((pc.add(1), replace_top(fp, sp, 1, value))),
            None => Err(unbound_deref(vm, fp, arg)),
        }
    }

    fn load_deref(pc, sp, fp, vm, arg) {
        let slot = *locals(fp).add(arg as usize);
        if slot.is_empty() {
            return Err(unbound_deref(vm, fp, arg));
        }
        let cell = slot.view();
        match cell.downcast::<CellVariable>().and_then(|c| c.value.get()) {
            Some(value) => {
                *sp = Slot::new(value);
                Ok((pc.add(1), sp.add(1)))
            }
            None => Err(unbound_deref(vm, fp, arg)),
        }
    }

    fn store_deref(pc, sp, fp, vm, arg) {
        let cell = cell_at(vm, fp, arg)?;
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        cell.value.set(Some(value));
        Ok((pc.add(1), sp.sub(1)))
    }

    fn delete_deref(pc, sp, fp, vm, arg) {
        let cell = cell_at(vm, fp, arg)?;
        match cell.value.take() {
            Some(_) => Ok((pc.add(1), sp)),
            None => Err(unbound_deref(vm, fp, arg)),
        }
    }

    fn make_cell(pc, sp, fp, vm, arg) {
        let place = locals(fp).add(arg as usize);
        let initial = if (*place).is_empty() { None } else { Some((*place).to_value()) };
        let cell = CellVariable::make(vm, initial)?;
        (*place).release();
        *place = Slot::new(cell.into_value());
        Ok((pc.add(1), sp))
    }

    fn setup_annotations(pc, sp, fp, vm, arg) {
        let locals = frame_locals(vm, fp, "no locals found when setting up annotations")?;
        let name = &vm.names.__annotations__;
        if from_mapping(vm, &locals, name)?.is_none() {
            let dict = vm.new_dict()?.into_value();
            object::set_item(vm, &locals, name.as_value(), &dict)?;
        }
        Ok((pc.add(1), sp))
    }
}

unsafe fn load_global_any(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let name = name(fp, arg >> 1);
        match global(vm, fp, name)? {
            Some(value) => {
                *sp = Slot::new(value);
                *sp.add(1) = Slot::EMPTY;
                Ok((pc.add(5), sp.add(1 + (arg & 1) as usize)))
            }
            None => Err(undefined(vm, name)),
        }
    }
}
