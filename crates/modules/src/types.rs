//! `_types`: the names of built-in types that have none in `builtins`.
//!
//! CPython: Modules/_typesmodule.c.

use naja_heap::Ref;
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::{PyResult, Vm};

/// An object that holds a pointer of another extension module. Naja makes none.
mod capsule {
    use naja_macros::{pyclass, pymethods};

    /// Capsule objects let you wrap a C "void *" pointer in a Python
    /// object.  They're a way of passing data through the Python interpreter
    /// without creating your own custom type.
    #[pyclass(name = "PyCapsule", module = "builtins", flags(NO_NEW))]
    pub struct Capsule {}

    #[pymethods]
    impl Capsule {}
}

#[pymodule(name = "_types", doc = "Define names for built-in types.")]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let t = vm.types;
        let names = [
            ("AsyncGeneratorType", &t.async_generator),
            ("BuiltinFunctionType", &t.builtin_function),
            ("BuiltinMethodType", &t.builtin_function),
            ("CapsuleType", vm.class::<capsule::Capsule>()),
            ("CellType", &t.cell),
            ("ClassMethodDescriptorType", &t.classmethod_descriptor),
            ("CodeType", &t.code),
            ("CoroutineType", &t.coroutine),
            ("EllipsisType", &t.ellipsis),
            ("FrameType", &t.frame),
            ("FunctionType", &t.function),
            ("GeneratorType", &t.generator),
            ("GenericAlias", &t.generic_alias),
            ("GetSetDescriptorType", &t.getset_descriptor),
            ("LambdaType", &t.function),
            ("MappingProxyType", &t.mappingproxy),
            ("MemberDescriptorType", &t.member_descriptor),
            ("MethodDescriptorType", &t.method_descriptor),
            ("MethodType", &t.method),
            ("MethodWrapperType", &t.method_wrapper),
            ("ModuleType", &t.module),
            ("NoneType", &t.none_type),
            ("NotImplementedType", &t.not_implemented_type),
            ("SimpleNamespace", &t.simple_namespace),
            ("TracebackType", &t.traceback),
            ("UnionType", &t.union),
            ("WrapperDescriptorType", &t.wrapper_descriptor),
        ];
        for (name, ty) in names {
            module.set(vm, name, ty.to_value())?;
        }
        Ok(())
    }
}
