//! Type parameters (PEP 695, 696) and what belongs to them, as the module `typing` shows them.
//!
//! `params.rs` has the variables, `alias.rs` the aliases and `Generic`, `substitute.rs` what subscripting a generic does.
//! Bounds, constraints, defaults and values written in a type parameter list are functions that are called when somebody
//! asks; the result is kept. CPython: Objects/typevarobject.c.

pub mod alias;
pub mod params;
pub mod substitute;

use crate::function::Args;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::{attributes, number, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use params::{ParamSpec, TypeVar, TypeVarTuple};
use std::rc::Rc;

/// The format number that asks an evaluator for source text.
const FORMAT_STRING: i64 = 4;

/// Calls a function of the Python module `typing`.
pub(crate) fn call_typing(vm: &Vm, name: &str, args: Args) -> PyResult {
    let typing = crate::import::import_simple(vm, "typing")?;
    let function = attributes::get_by(vm, &typing, name)?;
    vm.call_args(&function, args)
}

/// Checks that a value is a type, as `typing` does. Raises TypeError with `message`.
pub(crate) fn type_check(vm: &Vm, value: &Value, message: &str) -> PyResult {
    if value.is_none() {
        return Ok(vm.types.none_type.to_value());
    }
    let message = vm.new_str(message)?.into_value();
    call_typing(
        vm,
        "_type_check",
        Args::positional_only(&[value.clone(), message]),
    )
}

/// `typing.Unpack[value]`.
pub(crate) fn unpack(vm: &Vm, value: &Value) -> PyResult {
    let typing = crate::import::import_simple(vm, "typing")?;
    let unpack = attributes::get_by(vm, &typing, "Unpack")?;
    object::get_item(vm, &unpack, value)
}

/// The parameters with variadic ones unpacked, as `Generic` wants them.
pub(crate) fn unpack_variadic(vm: &Vm, params: &[Value]) -> PyResult<Vec<Value>> {
    params
        .iter()
        .map(|p| match p.downcast::<TypeVarTuple>() {
            Some(_) => unpack(vm, p),
            None => Ok(p.clone()),
        })
        .collect()
}

/// The name of the module that runs: `__module__` of what is made.
pub(crate) fn caller_module(vm: &Vm) -> PyResult {
    let found = match vm.current_globals() {
        Some(globals) => globals.get_str(vm, &vm.names.__name__)?,
        None => None,
    };
    Ok(found.unwrap_or(Value::NONE))
}

/// A value computed at most once: given, or made by a function.
pub(crate) struct Lazy {
    pub value: MutCell<Option<Value>>,
    pub evaluate: MutCell<Option<Value>>,
}

impl Lazy {
    pub fn given(value: Option<Value>) -> Lazy {
        Lazy {
            value: MutCell::new(value),
            evaluate: MutCell::new(None),
        }
    }

    pub fn computed(evaluate: Option<Value>) -> Lazy {
        Lazy {
            value: MutCell::new(None),
            evaluate: MutCell::new(evaluate),
        }
    }

    pub fn traverse(&self, v: &mut Visitor) {
        self.value.with(|x| v.opt(x));
        self.evaluate.with(|x| v.opt(x));
    }

    pub fn clear(&self) {
        drop(self.value.take());
        drop(self.evaluate.take());
    }

    /// The value, None where there is none. Raises what the function raises.
    pub fn get(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if let Some(value) = self.value.get() {
            return Ok(Some(value));
        }
        match self.evaluate.get() {
            Some(evaluate) => {
                let value = vm.call(&evaluate, &[])?;
                self.value.set(Some(value.clone()));
                Ok(Some(value))
            }
            None => Ok(None),
        }
    }

    /// The function, or one that gives the value; Python's None where there is neither.
    pub fn evaluator(&self, vm: &Vm) -> PyResult {
        match (self.evaluate.get(), self.value.get()) {
            (Some(evaluate), _) => Ok(evaluate),
            (None, Some(value)) => Ok(vm.new_object(ConstEvaluator { value })?.into_value()),
            (None, None) => Ok(Value::NONE),
        }
    }
}

/// Internal type for implementing evaluation functions.
#[pyclass(name = "_ConstEvaluator", module = "_typing", gc, flags(NO_NEW))]
pub struct ConstEvaluator {
    value: Value,
}

impl Traverse for ConstEvaluator {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.value)
    }
    fn clear(&self) {}
}

#[pymethods]
impl ConstEvaluator {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let value = object::repr(vm, &zelf.value)?;
        Ok(vm
            .new_str(format!("<constevaluator {}>", value.to_string_lossy()))?
            .into_value())
    }

    #[pyslot]
    fn call(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("constevaluator.__call__() takes no keyword arguments"));
        }
        let [format] = args.args else {
            return Err(vm.type_error(format!(
                "constevaluator.__call__() takes exactly 1 argument ({} given)",
                args.args.len()
            )));
        };
        if number::index_i64(vm, format)? != Some(FORMAT_STRING) {
            return Ok(zelf.value.clone());
        }
        let text = match zelf.value.downcast::<Tuple>() {
            Some(tuple) => {
                let items = tuple
                    .items()
                    .iter()
                    .map(|i| shown(vm, i))
                    .collect::<PyResult<Vec<_>>>()?;
                format!("({})", items.join(", "))
            }
            None => shown(vm, &zelf.value)?,
        };
        Ok(vm.new_str(text)?.into_value())
    }
}

fn shown(vm: &Vm, value: &Value) -> PyResult<String> {
    if value.is(vm.types.none_type.as_value()) {
        return Ok("None".to_string());
    }
    substitute::type_repr(vm, value)
}

/// The type of the NoDefault singleton.
#[pyclass(name = "NoDefaultType", module = "builtins")]
pub struct NoDefault;

#[derive(Default)]
struct Singleton(MutCell<Option<Value>>);

/// `typing.NoDefault`.
pub fn no_default(vm: &Vm) -> PyResult {
    let state: Rc<Singleton> = vm.interp.module_state();
    if let Some(value) = state.0.get() {
        return Ok(value);
    }
    let value = vm.new_object(NoDefault)?.into_value();
    state.0.set(Some(value.clone()));
    Ok(value)
}

#[pymethods]
impl NoDefault {
    #[pyslot(sig = "()")]
    fn new(_cls: &Ref<crate::objects::type_::Type>, vm: &Vm, args: Args) -> PyResult {
        if !args.is_empty() {
            return Err(vm.type_error("NoDefaultType takes no arguments"));
        }
        no_default(vm)
    }

    #[pyslot]
    fn repr(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.new_str("typing.NoDefault")?.into_value())
    }

    #[pymethod]
    fn __reduce__(&self) -> &'static str {
        "NoDefault"
    }
}

impl Vm {
    /// The intrinsics that make type parameters and aliases: CALL_INTRINSIC_1's number, or CALL_INTRINSIC_2's plus 100.
    pub(crate) fn make_type_param(&self, which: u32, a: &Value, b: Option<&Value>) -> PyResult {
        let name = || {
            a.downcast::<Str>()
                .cloned()
                .ok_or_else(|| self.system_error("a type parameter's name is no string"))
        };
        match which {
            7 => TypeVar::inferred(self, name()?, None, None),
            8 => ParamSpec::inferred(self, name()?),
            9 => TypeVarTuple::inferred(self, name()?),
            11 => alias::from_statement(self, a),
            102 => TypeVar::inferred(self, name()?, b.cloned(), None),
            103 => TypeVar::inferred(self, name()?, None, b.cloned()),
            105 => {
                let default = if let Some(param) = a.downcast::<TypeVar>() {
                    &param.default
                } else if let Some(param) = a.downcast::<ParamSpec>() {
                    &param.default
                } else if let Some(param) = a.downcast::<TypeVarTuple>() {
                    &param.default
                } else {
                    return Err(self.type_error(format!(
                        "Expected a type param, got {}",
                        object::repr(self, a)?.to_string_lossy()
                    )));
                };
                default.evaluate.set(b.cloned());
                Ok(a.clone())
            }
            _ => Err(self.system_error("unknown intrinsic")),
        }
    }

    /// The base `Generic[...]` of a class with type parameters.
    pub(crate) fn subscript_generic(&self, params: &Value) -> PyResult {
        let items = params
            .downcast::<Tuple>()
            .map(|t| t.items().to_vec())
            .unwrap_or_default();
        let params = self.new_tuple(unpack_variadic(self, &items)?)?.into_value();
        let generic = alias::generic(self);
        call_typing(
            self,
            "_GenericAlias",
            Args::positional_only(&[generic, params]),
        )
    }
}
