//! `builtin_function_or_method`: a native function, or a native method bound to the object that it was looked up on.
//!
//! The object is its definition (a static [`MethodDef`]) plus `__self__`: the module of a function, the object of a
//! method, the class of a class method or of `__new__`. `passes_self` says whether that object goes before the arguments.
//! Invariant: `call` is the definition's function, copied so that the interpreter reaches it with one load.
//!
//! CPython: Objects/methodobject.c; `tp_new_wrapper` in Objects/typeobject.c.

use super::args::Args;
use super::def::{MethodDef, MethodKind, NativeFn};
use super::signature::with_receiver;
use crate::Traverse;
use crate::objects::module::Module;
use crate::objects::str_::Str;
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::protocols::compare::CompareOp;
use crate::protocols::hash::hash_pointer;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{MutCell, Ref, Value, Visitor};
use naja_macros::{pyclass, pymethods};

/// See the module's head.
#[pyclass(
    name = "builtin_function_or_method",
    module = "builtins",
    gc,
    flags(NO_NEW, HAS_WEAKREF, HAVE_VECTORCALL)
)]
pub struct NativeFunction {
    pub call: NativeFn,
    pub def: &'static MethodDef,
    /// The module, the object bound to, or the class.
    pub zelf: Option<Value>,
    /// Whether there is such an object that goes before the arguments.
    pub bound: bool,
    module: MutCell<Value>,
}

impl Traverse for NativeFunction {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.opt(&self.zelf);
        self.module.with(|m| visitor.value(m));
    }

    /// Nothing: as in CPython, whatever else is in the cycle breaks it.
    fn clear(&self) {}
}

impl NativeFunction {
    /// A function object for `def`. Raises MemoryError.
    pub fn new(
        vm: &Vm,
        def: &'static MethodDef,
        zelf: Option<Value>,
        module: Option<Value>,
    ) -> PyResult<Ref<NativeFunction>> {
        let module = MutCell::new(module.unwrap_or(Value::NONE));
        let bound = zelf.is_some() && matches!(def.kind, MethodKind::Method | MethodKind::Class);
        vm.new_object(NativeFunction {
            call: def.call,
            def,
            zelf,
            bound,
            module,
        })
    }

    /// A method bound to `object` (for a class method: to the class; for a static method: the class it is defined in).
    #[inline]
    pub fn bound(vm: &Vm, def: &'static MethodDef, object: Value) -> PyResult<Ref<NativeFunction>> {
        NativeFunction::new(vm, def, Some(object), None)
    }

    /// A function of a module: `__self__` is the module, `__module__` its name.
    pub fn of_module(
        vm: &Vm,
        def: &'static MethodDef,
        module: &Value,
        name: &Ref<Str>,
    ) -> PyResult<Ref<NativeFunction>> {
        NativeFunction::new(vm, def, Some(module.clone()), Some(name.to_value()))
    }

    /// As [`NativeFunction::new`], as a value.
    pub fn make(
        vm: &Vm,
        def: &'static MethodDef,
        zelf: Option<Value>,
        module: Option<Value>,
    ) -> PyResult {
        NativeFunction::new(vm, def, zelf, module).map(Ref::into_value)
    }

    /// The function `class.__new__` of a native class. Raises MemoryError.
    pub fn make_new(vm: &Vm, class: &Type) -> PyResult {
        NativeFunction::bound(vm, &NEW, class.to_ref().into_value()).map(Ref::into_value)
    }

    /// The native class whose own `__new__` this is.
    pub fn new_of(&self) -> Option<&Ref<Type>> {
        if !std::ptr::eq(self.def, &NEW) {
            return None;
        }
        self.zelf.as_ref()?.downcast::<Type>()
    }

    /// Whether `zelf` goes before the arguments.
    #[inline(always)]
    pub fn passes_self(&self) -> bool {
        matches!(self.def.kind, MethodKind::Method | MethodKind::Class)
    }

    /// Whether this is a plain function, not a method.
    fn is_function(&self) -> bool {
        self.zelf
            .as_ref()
            .is_none_or(|object| object.downcast::<Module>().is_some())
    }

    /// `__qualname__`: after the class for methods.
    pub fn qualified_name(&self, vm: &Vm) -> String {
        match &self.zelf {
            Some(object) if !self.is_function() => {
                let class = match object.downcast::<Type>() {
                    Some(class) => qualified_class_name(class),
                    None => qualified_class_name(vm.type_of(object)),
                };
                format!("{class}.{}", self.def.name)
            }
            _ => self.def.name.to_string(),
        }
    }
}

/// `__qualname__` of a class.
pub fn qualified_class_name(class: &Type) -> String {
    match class.qualname.get() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => class.name(),
    }
}

/// A docstring as an attribute: None if there is none.
pub fn doc_value(vm: &Vm, doc: &str) -> PyResult {
    if doc.is_empty() {
        Ok(Value::NONE)
    } else {
        vm.new_str(doc).map(Ref::into_value)
    }
}

/// The builtin function `getattr`, which methods are pickled with. Raises AttributeError if it was deleted.
pub(super) fn builtin_getattr(vm: &Vm) -> PyResult {
    vm.builtin("getattr")
}

/// `(getattr, (object, name))`, what the pickled form of methods calls.
pub(super) fn reduce_to_getattr(vm: &Vm, object: &Value, name: &str) -> PyResult {
    let getattr = builtin_getattr(vm)?;
    let args = vm.new_tuple(vec![object.clone(), vm.new_str(name)?.into_value()])?;
    Ok(vm.new_tuple(vec![getattr, args.into_value()])?.into_value())
}

/// `object`'s address as reprs give it.
pub(super) fn address(value: &Value) -> String {
    match value.header() {
        Some(header) => format!("{header:p}"),
        None => format!("{:#x}", value.bits()),
    }
}

#[pymethods]
impl NativeFunction {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let text = match &self.zelf {
            Some(object) if !self.is_function() => {
                format!(
                    "<built-in method {} of {} object at {}>",
                    self.def.name,
                    vm.type_of(object).full_name(),
                    address(object)
                )
            }
            _ => format!("<built-in function {}>", self.def.name),
        };
        vm.new_str(text).map(Ref::into_value)
    }

    #[pyslot]
    fn hash(&self, _vm: &Vm) -> PyResult<i64> {
        let function = (std::ptr::from_ref(self.def) as i64).rotate_right(4);
        let hash = self.zelf.as_ref().map_or(0, hash_pointer) ^ function;
        Ok(if hash == -1 { -2 } else { hash })
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        match &self.zelf {
            Some(object) if self.passes_self() => with_receiver(vm, object, args, self.call),
            _ => (self.call)(vm, args),
        }
    }

    #[pyslot]
    fn richcompare(&self, _vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<NativeFunction>(), op)
        else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let same_self = match (&self.zelf, &other.zelf) {
            (Some(a), Some(b)) => a.is(b),
            (None, None) => true,
            _ => false,
        };
        Ok(Value::from_bool(
            (same_self && std::ptr::eq(self.def, other.def)) == (op == CompareOp::Eq),
        ))
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        static SIG: super::Signature =
            super::Signature::new("builtin_function_or_method", "__reduce__", &[]);
        let (zelf, rest) = super::signature::receiver::<NativeFunction>(vm, args, &SIG)?;
        SIG.bind_none(vm, &rest)?;
        match &zelf.zelf {
            Some(object) if !zelf.is_function() => reduce_to_getattr(vm, object, zelf.def.name),
            _ => vm.new_str(zelf.def.name).map(Ref::into_value),
        }
    }

    #[pymember(name = "__module__")]
    fn module(&self) -> Value {
        self.module.get()
    }

    #[pysetter(name = "__module__")]
    fn set_module(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.module.set(value.unwrap_or(Value::NONE));
        Ok(())
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        doc_value(vm, self.def.doc)
    }

    #[pygetter(name = "__name__")]
    fn name(&self) -> &'static str {
        self.def.name
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self, vm: &Vm) -> String {
        self.qualified_name(vm)
    }

    #[pygetter(name = "__self__")]
    fn get_self(&self) -> Option<Value> {
        if self.def.kind == MethodKind::Static {
            None
        } else {
            self.zelf.clone()
        }
    }

    #[pygetter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        self.def.text_signature
    }
}

/// What stands as `__new__` in the dictionary of a native class that can be instantiated.
static NEW: MethodDef = MethodDef {
    name: "__new__",
    doc: "Create and return a new object.  See help(type) for accurate signature.",
    text_signature: Some("($type, *args, **kwargs)"),
    kind: MethodKind::Class,
    call: call_new,
};

/// `class.__new__(cls, ...)`: checks that `cls`'s objects are laid out as those that `class` makes.
fn call_new(vm: &Vm, args: Args) -> PyResult {
    let Some(class) = args.args.first().and_then(|v| v.downcast::<Type>()) else {
        return Err(vm.system_error("__new__() called with non-type 'self'"));
    };
    let Some(first) = args.positional().get(1) else {
        let name = class.full_name();
        return Err(vm.type_error(format!("{name}.__new__(): not enough arguments")));
    };
    let Some(cls) = first.downcast::<Type>() else {
        let (name, got) = (class.full_name(), vm.type_of(first).full_name());
        return Err(vm.type_error(format!("{name}.__new__(X): X is not a type object ({got})")));
    };
    if !is_subtype(cls, class) {
        let (name, sub) = (class.full_name(), cls.full_name());
        return Err(vm.type_error(format!(
            "{name}.__new__({sub}): {sub} is not a subtype of {name}"
        )));
    }
    // A class that cannot be instantiated may have inherited the slot all the same.
    if cls.flag(TypeFlags::NO_NEW) {
        let name = cls.full_name();
        return Err(vm.type_error(format!("cannot create '{name}' instances")));
    }
    let Some(new) = class.slots.new.get() else {
        let name = class.full_name();
        return Err(vm.type_error(format!("cannot create '{name}' instances")));
    };
    check_native_base(vm, class, cls)?;
    new(vm, cls, args.rest().rest())
}

/// Refuses to make an object of `cls` with the `__new__` of `class` where a class between them has a native one of its own.
fn check_native_base(vm: &Vm, class: &Type, cls: &Type) -> PyResult<()> {
    let mut base = Some(cls.to_ref());
    while let Some(native) = base {
        if native.def.is_some() {
            // A class that cannot be instantiated may have inherited the slot all the same.
            let own = native
                .slots
                .new
                .get()
                .filter(|_| !native.flag(TypeFlags::NO_NEW));
            let same = match (own, class.slots.new.get()) {
                (Some(a), Some(b)) => std::ptr::fn_addr_eq(a, b),
                (None, None) => true,
                _ => false,
            };
            return if same {
                Ok(())
            } else {
                Err(unsafe_new(vm, class, cls, &native))
            };
        }
        base = native.base();
    }
    Ok(())
}

#[cold]
fn unsafe_new(vm: &Vm, class: &Type, cls: &Type, native: &Type) -> Raised {
    let (name, sub, native) = (class.full_name(), cls.full_name(), native.full_name());
    vm.type_error(format!(
        "{name}.__new__({sub}) is not safe, use {native}.__new__()"
    ))
}
