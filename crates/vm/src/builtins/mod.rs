//! The modules `builtins` and `sys`, and what belongs to them: compiling, printing, warnings, signals.

pub mod ast;
pub mod atexit;
pub mod build_class;
pub mod compile;
pub mod display;
pub mod functions;
pub mod gc;
mod jit;
pub mod monitoring;
pub mod print;
pub mod signals;
pub mod stderrprinter;
mod stdlib_names;
pub mod sys;
pub mod warnings;

use crate::function::ModuleDef;
use crate::function::native::NativeFunction;
use crate::objects::dict::Dict;
use crate::objects::module::Module;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

/// Makes a native module and puts it into `sys.modules`.
pub fn make_module(vm: &Vm, def: &'static ModuleDef) -> PyResult<Ref<Module>> {
    let module = build_module(vm, def)?;
    crate::import::modules(vm)?.set_str(vm, &vm.intern(def.name), module.to_value())?;
    Ok(module)
}

/// Makes a native module, complete.
pub fn build_module(vm: &Vm, def: &'static ModuleDef) -> PyResult<Ref<Module>> {
    let module = Module::make(vm, def.name, (!def.doc.is_empty()).then_some(def.doc))?;
    let name = vm.intern(def.name);
    for part in std::iter::once(&def).chain(def.with) {
        for function in part.functions {
            let value = NativeFunction::of_module(vm, function, module.as_value(), &name)?;
            module.set(vm, function.name, value.into_value())?;
        }
        for class in part.classes {
            let class = class(vm);
            module.set(vm, &class.name(), class.to_value())?;
        }
        for attr in part.attrs {
            module.set(vm, attr.name, (attr.value)(vm)?)?;
        }
    }
    if let Some(exec) = def.exec {
        exec(vm, &module)?;
    }
    Ok(module)
}

/// Makes `builtins` and `sys` of a new interpreter.
pub fn init(vm: &Vm) -> PyResult<()> {
    vm.interp.state.modules.set(Some(Dict::new(vm)?));
    let builtins = make_module(vm, &functions::module::MODULE)?;
    fill_types(vm, &builtins.dict())?;
    vm.interp.state.builtins.set(Some(builtins.dict()));
    let core = vm.interp.module_state::<crate::import::imp::CoreModules>();
    core.0.with_mut(|modules| modules.push(builtins.clone()));
    let import = builtins.dict().get_str(vm, &vm.names.__import__)?;
    vm.interp.state.import_func.set(import);
    for name in ["all", "any"] {
        if let Some(function) = builtins.dict().get_str(vm, &vm.intern(name))? {
            let common = &vm.interp.state.common_functions;
            common.with_mut(|f| f.push(function));
        }
    }
    sys::init(vm)
}

/// The built-in types and constants as attributes of `builtins`.
fn fill_types(vm: &Vm, dict: &Ref<Dict>) -> PyResult<()> {
    let t = vm.types;
    let hidden = [
        "NoneType",
        "ellipsis",
        "NotImplementedType",
        "function",
        "builtin_function_or_method",
        "method_descriptor",
        "classmethod_descriptor",
        "wrapper_descriptor",
        "method-wrapper",
        "getset_descriptor",
        "member_descriptor",
        "method",
        "module",
        "code",
        "frame",
        "generator",
        "coroutine",
        "async_generator",
        "mappingproxy",
        "list_iterator",
        "tuple_iterator",
        "range_iterator",
    ];
    let mut result = Ok(());
    t.each(&mut |ty, def| {
        if def.module == "builtins" && !hidden.contains(&def.name) && result.is_ok() {
            result = dict.set_str(vm, &vm.intern(def.name), ty.to_value());
        }
    });
    result?;
    for ty in [
        vm.class::<crate::objects::enumerate::Enumerate>(),
        vm.class::<crate::objects::filter::Filter>(),
        vm.class::<crate::objects::map::Map>(),
        vm.class::<crate::objects::reversed::Reversed>(),
        vm.class::<crate::objects::zip::Zip>(),
    ] {
        dict.set_str(vm, &vm.intern(&ty.name()), ty.to_value())?;
    }
    for (name, ty) in [("EnvironmentError", &t.os_error), ("IOError", &t.os_error)] {
        dict.set_str(vm, &vm.intern(name), ty.to_value())?;
    }
    let constants = [
        ("None", Value::NONE),
        ("True", Value::TRUE),
        ("False", Value::FALSE),
        ("Ellipsis", Value::ELLIPSIS),
        ("NotImplemented", Value::NOT_IMPLEMENTED),
        (
            "__debug__",
            Value::from_bool(vm.interp.config.optimize == 0),
        ),
    ];
    for (name, value) in constants {
        dict.set_str(vm, &vm.intern(name), value)?;
    }
    Ok(())
}

/// Built-in functions that calls are specialised for.
#[derive(Clone, Copy)]
pub(crate) enum SpecialBuiltin {
    Len,
    IsInstance,
}

impl SpecialBuiltin {
    fn name(self) -> &'static str {
        match self {
            SpecialBuiltin::Len => "len",
            SpecialBuiltin::IsInstance => "isinstance",
        }
    }
}

impl Vm {
    /// The built-in called `name`, as it stands in `builtins`. Raises AttributeError where it was deleted.
    pub fn builtin(&self, name: &str) -> PyResult {
        let key = self.intern(name);
        let found = match (self.visible_frame(), self.interp.state.builtins.get()) {
            (Some(frame), _) => frame.builtin(self, &key)?,
            (None, Some(dict)) => dict.get_str(self, &key)?,
            (None, None) => None,
        };
        found.ok_or_else(|| self.attribute_error(name))
    }

    /// Whether a value is the native built-in function of that name.
    pub fn is_common_builtin(&self, value: &Value, name: &str) -> bool {
        value
            .downcast::<crate::function::native::NativeFunction>()
            .is_some_and(|f| {
                f.def.name == name
                    && functions::module::MODULE
                        .functions
                        .iter()
                        .any(|d| std::ptr::eq(d, f.def))
            })
    }

    /// As [`Vm::is_common_builtin`] for the functions that calls are specialised for.
    #[inline(always)]
    pub(crate) fn is_special_builtin(&self, value: &Value, which: SpecialBuiltin) -> bool {
        let def = match value.downcast::<crate::function::native::NativeFunction>() {
            Some(function) => std::ptr::from_ref(function.def) as usize,
            None => return false,
        };
        let known = &self.interp.state.special_builtins[which as usize];
        if known.get() == def {
            return true;
        }
        if known.get() == 0 && self.is_common_builtin(value, which.name()) {
            known.set(def);
            return true;
        }
        false
    }

    /// Whether a value is the method descriptor `list.append`.
    pub(crate) fn is_list_append(&self, value: &Value) -> bool {
        value
            .downcast::<crate::function::descriptor::MethodDescriptor>()
            .is_some_and(|d| {
                let is = d.def.name == "append" && d.objclass.is(&self.types.list);
                if is {
                    self.interp.state.special_builtins[2].set(std::ptr::from_ref(d.def) as usize);
                }
                is
            })
    }
}
