//! `TypeVar`, `ParamSpec`, `TypeVarTuple`. CPython: Objects/typevarobject.c.
//!
//! All have a name, a default and a `__dict__` that holds `__module__`. What the module `typing` checks when a parameter
//! is substituted stays there: the methods here call it.

use super::{Lazy, call_typing, caller_module, no_default, type_check, unpack};
use crate::function::Args;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::objects::union_::union_of;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, iterator, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// How instances of generics relate when their arguments do.
#[derive(Clone, Copy)]
struct Variance {
    covariant: bool,
    contravariant: bool,
    infer: bool,
}

impl Variance {
    const INFERRED: Variance = Variance {
        covariant: false,
        contravariant: false,
        infer: true,
    };

    fn new(
        vm: &Vm,
        covariant: Option<bool>,
        contravariant: Option<bool>,
        infer: Option<bool>,
    ) -> PyResult<Variance> {
        let [covariant, contravariant, infer] =
            [covariant, contravariant, infer].map(|flag| flag.unwrap_or(false));
        if covariant && contravariant {
            return Err(vm.value_error("Bivariant types are not supported."));
        }
        if infer && (covariant || contravariant) {
            return Err(vm.value_error("Variance cannot be specified with infer_variance."));
        }
        Ok(Variance {
            covariant,
            contravariant,
            infer,
        })
    }

    fn shown(self, vm: &Vm, name: &Ref<Str>) -> PyResult {
        if self.infer {
            return Ok(name.to_value());
        }
        let sign = match (self.covariant, self.contravariant) {
            (true, _) => '+',
            (_, true) => '-',
            _ => '~',
        };
        Ok(vm
            .new_str(format!("{sign}{}", name.to_string_lossy()))?
            .into_value())
    }
}

/// Gives a parameter made by hand the module that made it.
fn set_module(vm: &Vm, param: Value) -> PyResult {
    let module = caller_module(vm)?;
    attributes::set(vm, &param, &vm.names.__module__, Some(&module))?;
    Ok(param)
}

fn default_of(vm: &Vm, given: Option<Value>) -> PyResult<Lazy> {
    Ok(Lazy::given(Some(match given {
        Some(default) => default,
        None => no_default(vm)?,
    })))
}

fn has_default(vm: &Vm, default: &Lazy) -> PyResult<bool> {
    if default.evaluate.with(Option::is_some) {
        return Ok(true);
    }
    let none = no_default(vm)?;
    Ok(default
        .value
        .with(|v| v.as_ref().is_some_and(|v| !v.is(&none))))
}

fn default_value(vm: &Vm, default: &Lazy) -> PyResult {
    match default.get(vm)? {
        Some(value) => Ok(value),
        None => no_default(vm),
    }
}

fn cannot_subclass(vm: &Vm, what: &str) -> PyResult {
    Err(vm.type_error(format!("Cannot subclass an instance of {what}")))
}

fn union_with(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    union_of(vm, &[a.clone(), b.clone()])
}

/// Type variable.
///
/// The preferred way to make one is the syntax for generic functions, classes
/// and type aliases: ``class Sequence[T]``, with a bound ``[S: str]``,
/// constraints ``[A: (str, bytes)]`` or a default ``[T = int]``.
/// ``TypeVar('T')`` makes one by hand. Variance is inferred for type parameters
/// and with ``infer_variance=True``. See PEP 484, PEP 695 and PEP 696.
#[pyclass(name = "TypeVar", module = "typing", gc, flags(HAS_DICT, HAS_WEAKREF))]
#[repr(C)]
pub struct TypeVar {
    name: Ref<Str>,
    bound: Lazy,
    constraints: Lazy,
    pub(super) default: Lazy,
    variance: Variance,
}

impl Traverse for TypeVar {
    fn traverse(&self, v: &mut Visitor) {
        self.bound.traverse(v);
        self.constraints.traverse(v);
        self.default.traverse(v);
    }
    fn clear(&self) {
        self.bound.clear();
        self.constraints.clear();
        self.default.clear();
    }
}

impl TypeVar {
    /// A type parameter of a list, with the functions for its bound or constraints.
    pub(super) fn inferred(
        vm: &Vm,
        name: Ref<Str>,
        bound: Option<Value>,
        constraints: Option<Value>,
    ) -> PyResult {
        Ok(vm
            .new_object_of(
                &vm.class::<TypeVar>().clone(),
                TypeVar {
                    name,
                    bound: Lazy::computed(bound),
                    constraints: Lazy::computed(constraints),
                    default: Lazy::computed(None),
                    variance: Variance::INFERRED,
                },
            )?
            .into_value())
    }
}

#[pymethods]
impl TypeVar {
    #[pyattr]
    fn __module__(vm: &Vm) -> Value {
        vm.intern("typing").into_value()
    }

    #[pyslot(
        sig = "(name, *constraints, bound=None, default=typing.NoDefault, covariant=False, contravariant=False, infer_variance=False)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        name: Ref<Str>,
        constraints: &[Value],
        bound: Option<Value>,
        default: Option<Value>,
        covariant: Option<bool>,
        contravariant: Option<bool>,
        infer_variance: Option<bool>,
    ) -> PyResult {
        let variance = Variance::new(vm, covariant, contravariant, infer_variance)?;
        let bound = match bound.filter(|b| !b.is_none()) {
            Some(bound) => Some(type_check(vm, &bound, "Bound must be a type.")?),
            None => None,
        };
        let constraints = match constraints {
            [] => None,
            [_] => return Err(vm.type_error("A single constraint is not allowed")),
            _ if bound.is_some() => {
                return Err(vm.type_error("Constraints cannot be combined with bound=..."));
            }
            many => Some(vm.new_tuple(many.to_vec())?.into_value()),
        };
        let param = TypeVar {
            name,
            bound: Lazy::given(bound),
            constraints: Lazy::given(constraints),
            default: default_of(vm, default)?,
            variance,
        };
        set_module(vm, vm.new_object_of(cls, param)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.variance.shown(vm, &zelf.name)
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        union_with(vm, a, b)
    }

    #[pymember]
    fn __name__(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pymember]
    fn __covariant__(&self) -> bool {
        self.variance.covariant
    }

    #[pymember]
    fn __contravariant__(&self) -> bool {
        self.variance.contravariant
    }

    #[pymember]
    fn __infer_variance__(&self) -> bool {
        self.variance.infer
    }

    #[pygetter]
    fn __bound__(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.bound.get(vm)
    }

    #[pygetter]
    fn __constraints__(&self, vm: &Vm) -> PyResult {
        Ok(match self.constraints.get(vm)? {
            Some(constraints) => constraints,
            None => vm.interp.empty_tuple().into_value(),
        })
    }

    #[pygetter]
    fn __default__(&self, vm: &Vm) -> PyResult {
        default_value(vm, &self.default)
    }

    #[pygetter]
    fn evaluate_bound(&self, vm: &Vm) -> PyResult {
        self.bound.evaluator(vm)
    }

    #[pygetter]
    fn evaluate_constraints(&self, vm: &Vm) -> PyResult {
        self.constraints.evaluator(vm)
    }

    #[pygetter]
    fn evaluate_default(&self, vm: &Vm) -> PyResult {
        self.default.evaluator(vm)
    }

    #[pymethod(sig = "($self, arg, /)")]
    fn __typing_subst__(zelf: &Value, vm: &Vm, arg: Value) -> PyResult {
        call_typing(
            vm,
            "_typevar_subst",
            Args::positional_only(&[zelf.clone(), arg]),
        )
    }

    #[pymethod(sig = "($self, alias, args, /)")]
    fn __typing_prepare_subst__(
        zelf: &Ref<Self>,
        vm: &Vm,
        alias: &Value,
        args: &Value,
    ) -> PyResult {
        let params = attributes::get(vm, alias, &vm.names.__parameters__)?;
        let params = crate::protocols::sequence::collect(vm, &params)?;
        let given = crate::protocols::sequence::collect(vm, args)?;
        let Some(index) = params.iter().position(|p| p.is(zelf.as_value())) else {
            return Err(vm.value_error("tuple.index(x): x not in tuple"));
        };
        if index < given.len() {
            return Ok(args.clone());
        }
        if index == given.len() && has_default(vm, &zelf.default)? {
            let mut all = given;
            all.push(default_value(vm, &zelf.default)?);
            return Ok(vm.new_tuple(all)?.into_value());
        }
        let mut wanted = 0;
        for param in &params {
            let optional = match param.downcast::<TypeVar>() {
                Some(param) => has_default(vm, &param.default)?,
                None => false,
            };
            wanted += !optional as usize;
        }
        Err(vm.type_error(format!(
            "Too few arguments for {}; actual {}, expected at least {wanted}",
            object::str(vm, alias)?.to_string_lossy(),
            given.len(),
        )))
    }

    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pymethod(sig = "($self, /)")]
    fn has_default(&self, vm: &Vm) -> PyResult<bool> {
        has_default(vm, &self.default)
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __mro_entries__(&self, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        cannot_subclass(vm, "TypeVar")
    }
}

/// Parameter specification variable.
///
/// The preferred way to make one is a type parameter with two stars:
/// ``type IntFunc[**P] = Callable[P, int]``. It stands for the parameters of a
/// callable, in ``Callable``, ``Concatenate`` and generics. See PEP 612.
#[pyclass(
    name = "ParamSpec",
    module = "typing",
    gc,
    flags(HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct ParamSpec {
    name: Ref<Str>,
    bound: Option<Value>,
    pub(super) default: Lazy,
    variance: Variance,
}

impl Traverse for ParamSpec {
    fn traverse(&self, v: &mut Visitor) {
        v.opt(&self.bound);
        self.default.traverse(v);
    }
    fn clear(&self) {
        self.default.clear()
    }
}

impl ParamSpec {
    pub(super) fn inferred(vm: &Vm, name: Ref<Str>) -> PyResult {
        Ok(vm
            .new_object_of(
                &vm.class::<ParamSpec>().clone(),
                ParamSpec {
                    name,
                    bound: None,
                    default: Lazy::computed(None),
                    variance: Variance::INFERRED,
                },
            )?
            .into_value())
    }
}

#[pymethods]
impl ParamSpec {
    #[pyattr]
    fn __module__(vm: &Vm) -> Value {
        vm.intern("typing").into_value()
    }

    #[pyslot(
        sig = "(name, *, bound=None, default=typing.NoDefault, covariant=False, contravariant=False, infer_variance=False)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        name: Ref<Str>,
        bound: Option<Value>,
        default: Option<Value>,
        covariant: Option<bool>,
        contravariant: Option<bool>,
        infer_variance: Option<bool>,
    ) -> PyResult {
        let variance = Variance::new(vm, covariant, contravariant, infer_variance)?;
        let bound = bound.filter(|b| !b.is_none());
        let param = ParamSpec {
            name,
            bound,
            default: default_of(vm, default)?,
            variance,
        };
        set_module(vm, vm.new_object_of(cls, param)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.variance.shown(vm, &zelf.name)
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        union_with(vm, a, b)
    }

    #[pymember]
    fn __name__(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pymember]
    fn __bound__(&self) -> Option<Value> {
        self.bound.clone()
    }

    #[pymember]
    fn __covariant__(&self) -> bool {
        self.variance.covariant
    }

    #[pymember]
    fn __contravariant__(&self) -> bool {
        self.variance.contravariant
    }

    #[pymember]
    fn __infer_variance__(&self) -> bool {
        self.variance.infer
    }

    /// Represents positional arguments.
    #[pygetter]
    fn args(zelf: &Value, vm: &Vm) -> PyResult<Ref<ParamSpecArgs>> {
        vm.new_object(ParamSpecArgs {
            origin: zelf.clone(),
        })
    }

    /// Represents keyword arguments.
    #[pygetter]
    fn kwargs(zelf: &Value, vm: &Vm) -> PyResult<Ref<ParamSpecKwargs>> {
        vm.new_object(ParamSpecKwargs {
            origin: zelf.clone(),
        })
    }

    /// The default value for this ParamSpec.
    #[pygetter]
    fn __default__(&self, vm: &Vm) -> PyResult {
        default_value(vm, &self.default)
    }

    #[pygetter]
    fn evaluate_default(&self, vm: &Vm) -> PyResult {
        self.default.evaluator(vm)
    }

    #[pymethod(sig = "($self, arg, /)")]
    fn __typing_subst__(zelf: &Value, vm: &Vm, arg: Value) -> PyResult {
        call_typing(
            vm,
            "_paramspec_subst",
            Args::positional_only(&[zelf.clone(), arg]),
        )
    }

    #[pymethod(sig = "($self, alias, args, /)")]
    fn __typing_prepare_subst__(zelf: &Value, vm: &Vm, alias: Value, args: Value) -> PyResult {
        call_typing(
            vm,
            "_paramspec_prepare_subst",
            Args::positional_only(&[zelf.clone(), alias, args]),
        )
    }

    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pymethod(sig = "($self, /)")]
    fn has_default(&self, vm: &Vm) -> PyResult<bool> {
        has_default(vm, &self.default)
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __mro_entries__(&self, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        cannot_subclass(vm, "ParamSpec")
    }
}

macro_rules! param_spec_part {
    ($ty:ident, $name:literal, $suffix:literal, $doc:literal) => {
        #[pyclass(name = $name, module = "typing", gc, doc = $doc, flags(HAS_WEAKREF))]
        pub struct $ty {
            origin: Value,
        }

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                v.value(&self.origin)
            }
            fn clear(&self) {}
        }

        #[pymethods]
        impl $ty {
            #[pyslot(sig = "(origin)")]
            fn new(cls: &Ref<Type>, vm: &Vm, origin: Value) -> PyResult {
                Ok(vm.new_object_of(cls, $ty { origin })?.into_value())
            }

            #[pyslot]
            fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                let origin = match zelf.origin.downcast::<ParamSpec>() {
                    Some(spec) => spec.name.clone(),
                    None => object::repr(vm, &zelf.origin)?,
                };
                Ok(vm
                    .new_str(format!("{}.{}", origin.to_string_lossy(), $suffix))?
                    .into_value())
            }

            #[pyslot]
            fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
                match (a.downcast::<$ty>(), b.downcast::<$ty>()) {
                    (Some(x), Some(y)) if matches!(op, CompareOp::Eq | CompareOp::Ne) => {
                        compare::rich_compare(vm, &x.origin, &y.origin, op)
                    }
                    _ => Ok(Value::NOT_IMPLEMENTED),
                }
            }

            #[pymember]
            fn __origin__(&self) -> Value {
                self.origin.clone()
            }

            #[pymethod(sig = "($self, object, /)")]
            fn __mro_entries__(&self, vm: &Vm, object: &Value) -> PyResult {
                let _ = object;
                cannot_subclass(vm, $name)
            }
        }
    };
}

param_spec_part!(
    ParamSpecArgs,
    "ParamSpecArgs",
    "args",
    "The args for a ParamSpec object.\n\nGiven a ParamSpec object P, P.args is an instance of ParamSpecArgs, and\n``P.args.__origin__ is P``.\n"
);
param_spec_part!(
    ParamSpecKwargs,
    "ParamSpecKwargs",
    "kwargs",
    "The kwargs for a ParamSpec object.\n\nGiven a ParamSpec object P, P.kwargs is an instance of ParamSpecKwargs, and\n``P.kwargs.__origin__ is P``.\n"
);

/// Type variable tuple. A specialized form of type variable that enables
/// variadic generics.
///
/// The preferred way to make one is a type parameter with a star:
/// ``class C[*Ts]``. It stands for any number of types. See PEP 646.
#[pyclass(
    name = "TypeVarTuple",
    module = "typing",
    gc,
    flags(HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct TypeVarTuple {
    name: Ref<Str>,
    pub(super) default: Lazy,
}

impl Traverse for TypeVarTuple {
    fn traverse(&self, v: &mut Visitor) {
        self.default.traverse(v)
    }
    fn clear(&self) {
        self.default.clear()
    }
}

impl TypeVarTuple {
    pub(super) fn inferred(vm: &Vm, name: Ref<Str>) -> PyResult {
        Ok(vm
            .new_object_of(
                &vm.class::<TypeVarTuple>().clone(),
                TypeVarTuple {
                    name,
                    default: Lazy::computed(None),
                },
            )?
            .into_value())
    }
}

#[pymethods]
impl TypeVarTuple {
    #[pyattr]
    fn __module__(vm: &Vm) -> Value {
        vm.intern("typing").into_value()
    }

    #[pyslot(sig = "(name, *, default=typing.NoDefault)")]
    fn new(cls: &Ref<Type>, vm: &Vm, name: Ref<Str>, default: Option<Value>) -> PyResult {
        let param = TypeVarTuple {
            name,
            default: default_of(vm, default)?,
        };
        set_module(vm, vm.new_object_of(cls, param)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, _vm: &Vm) -> PyResult {
        Ok(zelf.name.to_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        let items: Ref<Tuple> = vm.new_tuple(vec![unpack(vm, zelf)?])?;
        iterator::iter(vm, items.as_value())
    }

    #[pymember]
    fn __name__(&self) -> Ref<Str> {
        self.name.clone()
    }

    /// The default value for this TypeVarTuple.
    #[pygetter]
    fn __default__(&self, vm: &Vm) -> PyResult {
        default_value(vm, &self.default)
    }

    #[pygetter]
    fn evaluate_default(&self, vm: &Vm) -> PyResult {
        self.default.evaluator(vm)
    }

    #[pymethod(sig = "($self, arg, /)")]
    fn __typing_subst__(&self, vm: &Vm, arg: &Value) -> PyResult {
        let _ = arg;
        Err(vm.type_error("Substitution of bare TypeVarTuple is not supported"))
    }

    #[pymethod(sig = "($self, alias, args, /)")]
    fn __typing_prepare_subst__(zelf: &Value, vm: &Vm, alias: Value, args: Value) -> PyResult {
        call_typing(
            vm,
            "_typevartuple_prepare_subst",
            Args::positional_only(&[zelf.clone(), alias, args]),
        )
    }

    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pymethod(sig = "($self, /)")]
    fn has_default(&self, vm: &Vm) -> PyResult<bool> {
        has_default(vm, &self.default)
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __mro_entries__(&self, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        cannot_subclass(vm, "TypeVarTuple")
    }
}
