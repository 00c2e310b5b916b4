//! `function` objects: what `def` and `lambda` make.
//!
//! CPython: Objects/funcobject.c.

use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;

mod attributes;

/// Create a function object.
#[pyclass(
    name = "function",
    module = "builtins",
    gc,
    flags(HAS_DICT, HAS_WEAKREF, METHOD_DESCRIPTOR)
)]
#[repr(C)]
pub struct Function {
    /// The code; replaced ones stay alive in `retired`, because a frame may be running them.
    pub(crate) code: MutCell<Ref<CodeObject>>,
    #[allow(clippy::box_collection)] // one word: most functions have none
    pub(crate) retired: MutCell<Option<Box<Vec<Ref<CodeObject>>>>>,
    pub globals: Ref<Dict>,
    pub builtins: Ref<Dict>,
    /// A `__builtins__` that is no plain dict: looked into after `builtins`, which is empty then.
    pub odd_builtins: Option<Value>,
    pub(crate) defaults: MutCell<Option<Ref<Tuple>>>,
    pub(crate) kwdefaults: MutCell<Option<Ref<Dict>>>,
    pub(crate) closure: MutCell<Option<Ref<Tuple>>>,
    pub(crate) name: MutCell<Ref<Str>>,
    pub(crate) qualname: MutCell<Ref<Str>>,
    /// None: as the code has it, which has not been read yet.
    pub(crate) doc: MutCell<Option<Value>>,
    pub(crate) module: MutCell<Value>,
    pub(crate) annotations: MutCell<Option<Value>>,
    pub(crate) annotate: MutCell<Option<Value>>,
    pub(crate) type_params: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for Function {
    fn traverse(&self, v: &mut Visitor) {
        self.code.with(|c| v.reference(c));
        v.reference(&self.globals);
        v.reference(&self.builtins);
        v.opt(&self.odd_builtins);
        self.defaults
            .with(|x| x.iter().for_each(|x| v.reference(x)));
        self.kwdefaults
            .with(|x| x.iter().for_each(|x| v.reference(x)));
        self.closure.with(|x| x.iter().for_each(|x| v.reference(x)));
        self.doc.with(|x| v.opt(x));
        self.module.with(|x| v.value(x));
        self.annotations.with(|x| v.opt(x));
        self.annotate.with(|x| v.opt(x));
        self.type_params
            .with(|x| x.iter().for_each(|x| v.reference(x)));
    }

    fn clear(&self) {
        drop(self.defaults.take());
        drop(self.kwdefaults.take());
        drop(self.closure.take());
        drop(self.doc.replace(Some(Value::NONE)));
        drop(self.module.replace(Value::NONE));
        drop(self.annotations.take());
        drop(self.annotate.take());
        drop(self.type_params.take());
    }
}

impl Function {
    /// A function of `code` over `globals`. Raises MemoryError.
    pub fn new(vm: &Vm, code: Ref<CodeObject>, globals: Ref<Dict>) -> PyResult<Ref<Function>> {
        let builtins = vm.builtins_of(&globals)?;
        let qualname = code.qualname.clone();
        Function::with_qualname(vm, code, globals, builtins, qualname)
    }

    /// What Python code sees as the function's `__builtins__`.
    pub fn shown_builtins(&self) -> Value {
        match &self.odd_builtins {
            Some(odd) => odd.clone(),
            None => self.builtins.to_value(),
        }
    }

    pub(crate) fn with_qualname(
        vm: &Vm,
        code: Ref<CodeObject>,
        globals: Ref<Dict>,
        (builtins, odd_builtins): (Ref<Dict>, Option<Value>),
        qualname: Ref<Str>,
    ) -> PyResult<Ref<Function>> {
        let doc = if code.is_read() {
            Some(code.docstring(vm)?)
        } else {
            None
        };
        let module = globals
            .get_str(vm, &vm.names.__name__)?
            .unwrap_or(Value::NONE);
        let name = code.name.clone();
        vm.new_object(Function {
            code: MutCell::new(code),
            retired: MutCell::new(None),
            globals,
            builtins,
            odd_builtins,
            defaults: MutCell::new(None),
            kwdefaults: MutCell::new(None),
            closure: MutCell::new(None),
            name: MutCell::new(name),
            qualname: MutCell::new(qualname),
            doc: MutCell::new(doc),
            module: MutCell::new(module),
            annotations: MutCell::new(None),
            annotate: MutCell::new(None),
            type_params: MutCell::new(None),
        })
    }

    /// The code, borrowed for as long as the function lives (see `retired`).
    #[inline(always)]
    pub(crate) fn code_ptr(&self) -> *const CodeObject {
        self.code.with(|c| &raw const **c)
    }

    pub fn code(&self) -> Ref<CodeObject> {
        self.code.get()
    }

    /// `__doc__`
    pub(crate) fn docstring(&self, vm: &Vm) -> PyResult {
        if let Some(doc) = self.doc.get() {
            return Ok(doc);
        }
        let doc = self.code().docstring(vm)?;
        self.doc.set(Some(doc.clone()));
        Ok(doc)
    }

    /// Replaces the code; frames that run the old one go on doing so.
    pub(crate) fn set_code(&self, code: Ref<CodeObject>) {
        let old = self.code.replace(code);
        self.retired
            .with_mut(|r| r.get_or_insert_default().push(old));
    }
}
