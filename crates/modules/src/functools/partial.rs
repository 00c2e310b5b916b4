//! `partial` and the singleton `Placeholder`.
//!
//! A partial of a plain partial is flattened when it is made. `placeholders` counts those among the stored arguments; a
//! call fills them from the left with its first arguments. Invariant: the last stored argument is no placeholder.

use super::{class_of, is_callable};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::method::Method;
use naja_vm::protocols::{object, sequence};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm, instance};
use std::cell::Cell;

/// The type of the Placeholder singleton.
///
/// Used as a placeholder for partial arguments.
#[pyclass(name = "_PlaceholderType", module = "functools")]
pub struct Placeholder {}

#[derive(Default)]
struct State {
    placeholder: MutCell<Option<Value>>,
}

/// The one placeholder of the interpreter.
pub(super) fn placeholder(vm: &Vm) -> PyResult {
    let state = vm.interp.module_state::<State>();
    if let Some(found) = state.placeholder.get() {
        return Ok(found);
    }
    let new = vm.new_object(Placeholder {})?.into_value();
    state.placeholder.set(Some(new.clone()));
    Ok(new)
}

fn is_placeholder(value: &Value) -> bool {
    value.downcast::<Placeholder>().is_some()
}

#[pymethods]
impl Placeholder {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if !args.is_empty() {
            return Err(vm.type_error("PlaceholderType takes no arguments"));
        }
        placeholder(vm)
    }

    #[pyslot]
    fn repr(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.new_str("Placeholder")?.into_value())
    }

    #[pymethod]
    fn __reduce__(&self) -> &'static str {
        "Placeholder"
    }
}

/// What `partial` keeps; replaced as a whole by `__setstate__`.
#[derive(Clone)]
struct Parts {
    function: Value,
    args: Ref<Tuple>,
    keywords: Ref<Dict>,
}

/// Create a new function with partial application of the given arguments
/// and keywords.
#[pyclass(
    name = "partial",
    module = "functools",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct Partial {
    parts: MutCell<Parts>,
    placeholders: Cell<usize>,
}

impl Traverse for Partial {
    fn traverse(&self, v: &mut Visitor) {
        self.parts.with(|p| {
            v.value(&p.function);
            v.reference(&p.args);
            v.reference(&p.keywords);
        })
    }
    fn clear(&self) {
        self.parts.with_mut(|p| p.function = Value::NONE)
    }
}

fn count_placeholders(items: &[Value]) -> usize {
    items.iter().filter(|v| is_placeholder(v)).count()
}

fn trailing(vm: &Vm) -> Raised {
    vm.type_error("trailing Placeholders are not allowed")
}

/// `stored` with its placeholders filled from `given`, whose rest follows.
fn filled(stored: &[Value], given: &[Value]) -> Vec<Value> {
    let mut given = given.iter();
    let mut all: Vec<Value> = Vec::with_capacity(stored.len() + given.len());
    for item in stored {
        all.push(match is_placeholder(item) {
            true => given.next().unwrap_or(item).clone(),
            false => item.clone(),
        })
    }
    all.extend(given.cloned());
    all
}

#[pymethods]
impl Partial {
    #[pyslot(sig = "(func, /, *args, **keywords)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let Some((function, given)) = args.positional().split_first() else {
            return Err(vm.type_error("type 'partial' takes at least one argument"));
        };
        if !is_callable(vm, function) {
            return Err(vm.type_error("the first argument must be callable"));
        }
        if given.last().is_some_and(is_placeholder) {
            return Err(trailing(vm));
        }
        if args.keywords().any(|(_, value)| is_placeholder(value)) {
            return Err(vm.type_error("Placeholder cannot be passed as a keyword argument"));
        }
        // A partial without attributes of its own is only its parts.
        let inner = function.downcast::<Partial>().filter(|p| {
            instance::attrs(p.header()).is_none_or(|attrs| attrs.shape() == instance::ROOT)
        });
        let parts = match inner.map(|p| p.parts.get()) {
            Some(inner) => Parts {
                function: inner.function,
                args: vm.new_tuple(filled(inner.args.items(), given))?,
                keywords: inner.keywords.copy(vm)?,
            },
            None => Parts {
                function: function.clone(),
                args: Tuple::from_slice(vm, given)?,
                keywords: vm.new_dict()?,
            },
        };
        for (name, value) in args.keywords() {
            parts.keywords.set_str(vm, name, value.clone())?;
        }
        let placeholders = Cell::new(count_placeholders(parts.args.items()));
        let parts = MutCell::new(parts);
        Ok(vm
            .new_object_of(
                cls,
                Partial {
                    parts,
                    placeholders,
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let parts = self.parts.get();
        let given = args.positional();
        let missing = self.placeholders.get();
        if given.len() < missing {
            return Err(vm.type_error(format!(
                "missing positional arguments in 'partial' call; expected at least {missing}, got {}",
                given.len()
            )));
        }
        let mut all: smallvec::SmallVec<[Value; 8]> = smallvec::SmallVec::new();
        if missing > 0 {
            all.extend(filled(parts.args.items(), given));
        } else {
            all.extend(parts.args.items().iter().cloned());
            all.extend(given.iter().cloned());
        }
        if parts.keywords.is_empty() {
            all.extend(args.args[given.len()..].iter().cloned());
            let kwnames = args.kwnames;
            return vm.call_args(
                &parts.function,
                Args {
                    args: &all,
                    kwnames,
                },
            );
        }
        if args.keyword_count() == 0 {
            return vm.call_with(&parts.function, &all, Some(&parts.keywords));
        }
        let merged = parts.keywords.copy(vm)?;
        for (name, value) in args.keywords() {
            merged.set_str(vm, name, value.clone())?;
        }
        vm.call_with(&parts.function, &all, Some(&merged))
    }

    #[pyslot]
    fn descr_get(
        zelf: &Value,
        vm: &Vm,
        instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        match instance {
            Some(object) if !object.is_none() => Method::make(vm, zelf.clone(), object.clone()),
            _ => Ok(zelf.clone()),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if object::repr_enter(vm, zelf.as_value()) {
            return Ok(vm.new_str("...")?.into_value());
        }
        let result = (|| {
            let parts = zelf.parts.get();
            let ty = vm.type_of(zelf.as_value()).to_ref();
            let name = naja_vm::type_::attributes::qualname(&ty);
            let mut out = match naja_vm::type_::attributes::module_text(vm, &ty)? {
                Some(module) if module != "builtins" && module != "__main__" => {
                    format!("{module}.{name}(")
                }
                _ => format!("{name}("),
            };
            out += &object::repr(vm, &parts.function)?.to_string_lossy();
            for arg in parts.args.items() {
                out += ", ";
                out += &object::repr(vm, arg)?.to_string_lossy();
            }
            for (key, value) in parts.keywords.items_vec() {
                let key = object::str(vm, &key)?;
                out += &format!(", {}=", key.to_string_lossy());
                out += &object::repr(vm, &value)?.to_string_lossy();
            }
            out.push(')');
            Ok(out)
        })();
        object::repr_leave(vm, zelf.as_value());
        Ok(vm.new_str(result?)?.into_value())
    }

    /// function object to use in future partial calls
    #[pymember]
    fn func(&self) -> Value {
        self.parts.with(|p| p.function.clone())
    }

    /// tuple of arguments to future partial calls
    #[pymember]
    fn args(&self) -> Value {
        self.parts.with(|p| p.args.to_value())
    }

    /// dictionary of keyword arguments to future partial calls
    #[pymember]
    fn keywords(&self) -> Value {
        self.parts.with(|p| p.keywords.to_value())
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let Parts {
            function,
            args,
            keywords,
        } = zelf.parts.get();
        let attrs = match instance::attrs(zelf.header()) {
            Some(attrs) if attrs.shape() != instance::ROOT => {
                instance::materialize(vm, zelf.as_value())?.into_value()
            }
            _ => Value::NONE,
        };
        let call = vm.new_tuple(vec![function.clone()])?.into_value();
        let state = vec![function, args.into_value(), keywords.into_value(), attrs];
        let state = vm.new_tuple(state)?.into_value();
        let class = class_of(vm, zelf.as_value());
        Ok(vm.new_tuple(vec![class, call, state])?.into_value())
    }

    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult<()> {
        let invalid = || vm.type_error("invalid partial state");
        let state = object.downcast::<Tuple>().ok_or_else(invalid)?;
        let [function, args, keywords, attrs] = state.items() else {
            return Err(invalid());
        };
        let args_tuple = args.downcast::<Tuple>().ok_or_else(invalid)?;
        let dict = keywords.downcast::<Dict>();
        if !is_callable(vm, function) || (dict.is_none() && !keywords.is_none()) {
            return Err(invalid());
        }
        if args_tuple.items().last().is_some_and(is_placeholder) {
            return Err(trailing(vm));
        }
        let args = if vm.type_of(args).is(&vm.types.tuple) {
            args_tuple.clone()
        } else {
            vm.new_tuple(sequence::collect(vm, args)?)?
        };
        let keywords = match dict {
            None => vm.new_dict()?,
            Some(dict) if vm.type_of(keywords).is(&vm.types.dict) => dict.clone(),
            Some(dict) => dict.copy(vm)?,
        };
        let attrs = match attrs.downcast::<Dict>() {
            Some(dict) => Some(dict.clone()),
            None if attrs.is_none() => None,
            None => return Err(invalid()),
        };
        instance::set_dict(vm, zelf.as_value(), attrs);
        zelf.placeholders.set(count_placeholders(args.items()));
        zelf.parts.set(Parts {
            function: function.clone(),
            args,
            keywords,
        });
        Ok(())
    }

    /// partial is generic over the wrapped function's return type
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}
