//! What several modules need: exception classes that a module makes, one per interpreter.

use naja_heap::{MutCell, Ref, Value};
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};

/// The classes made so far, by full name.
#[derive(Default)]
struct Classes(MutCell<Vec<(&'static str, Ref<Type>)>>);

/// The exception class `module.name`, a subclass of `base`, made when first asked for.
pub fn exception(vm: &Vm, full_name: &'static str, base: &Ref<Type>) -> PyResult<Ref<Type>> {
    let classes = vm.interp.module_state::<Classes>();
    let known = classes.0.with(|all| {
        let found = all.iter().find(|(name, _)| *name == full_name);
        found.map(|(_, class)| class.clone())
    });
    if let Some(class) = known {
        return Ok(class);
    }
    let (module, name) = full_name
        .rsplit_once('.')
        .unwrap_or(("builtins", full_name));
    let dict = vm.new_dict()?;
    dict.set_str(
        vm,
        &vm.intern("__module__"),
        vm.new_str(module)?.into_value(),
    )?;
    let bases = vm.new_tuple(vec![base.to_value()])?;
    let args = [
        vm.new_str(name)?.into_value(),
        bases.into_value(),
        dict.into_value(),
    ];
    let class = vm.call(vm.types.type_.as_value(), &args)?;
    let Ok(class) = class.downcast_into::<Type>() else {
        return Err(vm.system_error("a class is not a type"));
    };
    classes
        .0
        .with_mut(|all| all.push((full_name, class.clone())));
    Ok(class)
}

/// As [`exception`], for a module's attribute.
pub fn exception_value(vm: &Vm, full_name: &'static str, base: &Ref<Type>) -> PyResult<Value> {
    exception(vm, full_name, base).map(Ref::into_value)
}
