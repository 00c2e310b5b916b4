//! Context variables: `Context`, `ContextVar`, `Token`.
//!
//! A context's variables stand in a map that several contexts may share ([`Variables`], an object of its own so that the
//! collector sees each reference once): a copy of a context shares the map, and setting a variable copies a map that is
//! shared. The thread's current context is `vm.context`; entered contexts remember the one before.
//!
//! CPython: Python/context.c, Python/hamt.c.

use crate::function::Args;
use crate::objects::str_::{self, Str};
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{compare, object};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The values of variables, by the variable's word.
#[pyclass(name = "hamt", module = "builtins", doc = "", gc, flags(NO_NEW))]
pub struct Variables {
    map: MutCell<FxHashMap<u64, (Value, Value)>>,
}

impl Traverse for Variables {
    fn traverse(&self, v: &mut Visitor) {
        self.map.with(|map| {
            for (variable, value) in map.values() {
                v.value(variable);
                v.value(value);
            }
        })
    }
    fn clear(&self) {
        drop(self.map.take())
    }
}

#[pymethods]
impl Variables {
    #[pyslot]
    fn sq_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.map.with(FxHashMap::len))
    }
}

#[pyclass(name = "Context", module = "_contextvars", doc = "", gc)]
pub struct Context {
    variables: MutCell<Ref<Variables>>,
    /// Which state of which context this is: a new number whenever a variable changes.
    number: Cell<u64>,
    entered: Cell<bool>,
    previous: MutCell<Option<Value>>,
}

/// The numbers of contexts' states: no two are the same.
fn next_number() -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

impl Traverse for Context {
    fn traverse(&self, v: &mut Visitor) {
        self.variables.with(|x| v.reference(x));
        self.previous.with(|p| v.opt(p));
    }
    fn clear(&self) {
        drop(self.previous.take())
    }
}

impl Context {
    /// A context without variables.
    pub fn empty(vm: &Vm) -> PyResult<Ref<Context>> {
        let variables = vm.new_object(Variables {
            map: MutCell::new(FxHashMap::default()),
        })?;
        Context::with(vm, variables)
    }

    fn with(vm: &Vm, variables: Ref<Variables>) -> PyResult<Ref<Context>> {
        let empty = variables.map.with(FxHashMap::is_empty);
        let context = vm.new_object(Context {
            variables: MutCell::new(variables),
            number: Cell::new(next_number()),
            entered: Cell::new(false),
            previous: MutCell::new(None),
        })?;
        if empty {
            // Nothing leads back to it: the collector need not look before it has a variable (see `change`).
            vm.heap().untrack(context.header());
        }
        Ok(context)
    }

    /// The current context of the thread, made if there is none.
    pub fn current(vm: &Vm) -> PyResult<Ref<Context>> {
        if let Some(Ok(context)) = vm.context.get().map(Value::downcast_into::<Context>) {
            return Ok(context);
        }
        let context = Context::empty(vm)?;
        context.entered.set(true);
        vm.context.set(Some(context.to_value()));
        Ok(context)
    }

    /// A number that stands for all values in the thread's context: those who remember one of them compare it. None while
    /// there is no context.
    #[inline]
    pub fn current_number(vm: &Vm) -> Option<u64> {
        vm.context
            .with(|context| Some(context.as_ref()?.downcast::<Context>()?.number.get()))
    }

    /// `copy_context()`.
    pub fn copy_current(vm: &Vm) -> PyResult<Ref<Context>> {
        Context::current(vm)?.duplicate(vm)
    }

    fn duplicate(&self, vm: &Vm) -> PyResult<Ref<Context>> {
        Context::with(vm, self.variables.get())
    }

    /// Makes this the current context. Raises RuntimeError where it is entered already.
    pub fn enter(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        if zelf.entered.get() {
            let shown = object::repr(vm, zelf.as_value())?;
            return Err(vm.runtime_error(format!(
                "cannot enter context: {} is already entered",
                shown.to_string_lossy()
            )));
        }
        zelf.entered.set(true);
        let previous = vm.context.replace(Some(zelf.to_value()));
        zelf.previous.set(previous);
        Ok(())
    }

    /// Makes the context before this one current again.
    pub fn exit(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        if !zelf.entered.get() {
            let shown = object::repr(vm, zelf.as_value())?;
            return Err(vm.runtime_error(format!(
                "cannot exit context: {} has not been entered",
                shown.to_string_lossy()
            )));
        }
        if !vm
            .context
            .with(|c| c.as_ref().is_some_and(|c| c.is(zelf.as_value())))
        {
            return Err(vm.runtime_error(
                "cannot exit context: thread state references a different context object",
            ));
        }
        let previous = zelf.previous.take();
        zelf.entered.set(false);
        vm.context.set(previous);
        Ok(())
    }

    fn get(&self, variable: &Value) -> Option<Value> {
        self.variables.with(|variables| {
            variables
                .map
                .with(|map| map.get(&variable.bits()).map(|(_, value)| value.clone()))
        })
    }

    /// Changes the map, which is copied first if another context shares it.
    fn change(
        zelf: &Ref<Self>,
        vm: &Vm,
        f: impl FnOnce(&mut FxHashMap<u64, (Value, Value)>) -> Option<(Value, Value)>,
    ) -> PyResult<()> {
        vm.heap().track(zelf.header());
        let shared = zelf.variables.with(|v| v.header().refcount() > 1);
        if shared {
            let map = zelf.variables.with(|v| v.map.with(FxHashMap::clone));
            let own = vm.new_object(Variables {
                map: MutCell::new(map),
            })?;
            zelf.variables.set(own);
        }
        zelf.number.set(next_number());
        let variables = zelf.variables.get();
        drop(variables.map.with_mut(f));
        Ok(())
    }

    fn set(zelf: &Ref<Self>, vm: &Vm, variable: &Value, value: Value) -> PyResult<()> {
        let pair = (variable.clone(), value);
        Context::change(zelf, vm, |map| map.insert(variable.bits(), pair))
    }

    fn remove(zelf: &Ref<Self>, vm: &Vm, variable: &Value) -> PyResult<()> {
        Context::change(zelf, vm, |map| map.remove(&variable.bits()))
    }

    fn pairs(&self) -> Vec<(Value, Value)> {
        self.variables
            .with(|v| v.map.with(|map| map.values().cloned().collect()))
    }

    fn iterator(vm: &Vm, items: Vec<Value>) -> PyResult {
        let tuple = vm.new_tuple(items)?;
        crate::protocols::iterator::iter(vm, tuple.as_value())
    }

    /// The value of `key`, which must be a variable.
    fn look_up(&self, vm: &Vm, key: &Value) -> PyResult<Option<Value>> {
        if key.downcast::<ContextVar>().is_none() {
            let shown = object::repr(vm, key)?;
            let shown = shown.to_string_lossy();
            return Err(vm.type_error(format!("a ContextVar key was expected, got {shown}")));
        }
        Ok(self.get(key))
    }
}

#[pymethods]
impl Context {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if !args.is_empty() {
            return Err(vm.type_error("Context() does not accept any arguments"));
        }
        Ok(Context::empty(vm)?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Context>(), b.downcast::<Context>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let pairs = x.pairs();
        let mut equal = pairs.len() == y.pairs().len();
        for (variable, value) in &pairs {
            if !equal {
                break;
            }
            equal = match Context::get(y, variable) {
                Some(other) => compare::eq(vm, value, &other)?,
                None => false,
            };
        }
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Context::iterator(vm, zelf.pairs().into_iter().map(|(key, _)| key).collect())
    }

    #[pyslot]
    fn mp_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.variables.with(|v| v.map.with(FxHashMap::len)))
    }

    #[pyslot]
    fn subscript(&self, vm: &Vm, key: &Value) -> PyResult {
        match self.look_up(vm, key)? {
            Some(value) => Ok(value),
            None => Err(vm.key_error(key)),
        }
    }

    #[pyslot]
    fn contains(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        Ok(self.look_up(vm, key)?.is_some())
    }

    /// Return the value for `key` if `key` has the value in the context object.
    ///
    /// If `key` does not exist, return `default`.  If `default` is not
    /// given, return None.
    #[pymethod(name = "get", sig = "($self, key, default=None, /)")]
    fn get_method(&self, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        let found = self.look_up(vm, key)?;
        Ok(found.or(default).unwrap_or(Value::NONE))
    }

    /// Return all variables and their values in the context object.
    ///
    /// The result is returned as a list of 2-tuples (variable, value).
    #[pymethod]
    fn items(&self, vm: &Vm) -> PyResult {
        let pairs = self.pairs().into_iter();
        let items = pairs.map(|(key, value)| Ok(vm.new_tuple(vec![key, value])?.into_value()));
        Context::iterator(vm, items.collect::<PyResult<_>>()?)
    }

    /// Return a list of all variables in the context object.
    #[pymethod]
    fn keys(&self, vm: &Vm) -> PyResult {
        Context::iterator(vm, self.pairs().into_iter().map(|(key, _)| key).collect())
    }

    /// Return a list of all variables' values in the context object.
    #[pymethod]
    fn values(&self, vm: &Vm) -> PyResult {
        Context::iterator(
            vm,
            self.pairs().into_iter().map(|(_, value)| value).collect(),
        )
    }

    /// Return a shallow copy of the context object.
    #[pymethod]
    fn copy(&self, vm: &Vm) -> PyResult {
        Ok(self.duplicate(vm)?.into_value())
    }

    #[pymethod(raw)]
    fn run(vm: &Vm, args: Args) -> PyResult {
        let Some(zelf) = args.args.first().and_then(|v| v.downcast::<Context>()) else {
            return Err(vm.type_error(
                "descriptor 'run' for '_contextvars.Context' objects doesn't apply to this object",
            ));
        };
        let rest = args.rest();
        let Some(callable) = rest.positional().first() else {
            return Err(vm.type_error("run() missing 1 required positional argument"));
        };
        Context::enter(zelf, vm)?;
        let result = vm.call_args(callable, rest.rest());
        Context::exit(zelf, vm)?;
        result
    }
}

#[pyclass(name = "ContextVar", module = "_contextvars", doc = "", gc)]
pub struct ContextVar {
    name: Ref<Str>,
    default: MutCell<Option<Value>>,
}

impl Traverse for ContextVar {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.name);
        self.default.with(|d| v.opt(d));
    }
    fn clear(&self) {
        drop(self.default.take())
    }
}

impl ContextVar {
    /// A new variable.
    pub fn make(vm: &Vm, name: Ref<Str>, default: Option<Value>) -> PyResult<Ref<ContextVar>> {
        vm.new_object(ContextVar {
            name,
            default: MutCell::new(default),
        })
    }

    /// The variable's value in the thread's context, or its default.
    pub fn value(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let found = vm.context.with(|context| {
            let context = context.as_ref()?.downcast::<Context>()?;
            Context::get(context, zelf.as_value())
        });
        Ok(found.or_else(|| zelf.default.get()))
    }

    /// Sets the variable in the thread's context.
    pub fn assign(zelf: &Ref<Self>, vm: &Vm, value: Value) -> PyResult<Ref<Token>> {
        let context = Context::current(vm)?;
        let old = Context::get(&context, zelf.as_value());
        Context::set(&context, vm, zelf.as_value(), value)?;
        vm.new_object(Token {
            context,
            variable: zelf.clone(),
            old,
            used: Cell::new(false),
        })
    }

    /// Undoes the assignment that `token` is of.
    pub fn undo(zelf: &Ref<Self>, vm: &Vm, token: &Ref<Token>) -> PyResult<()> {
        let complain = |what: &str| {
            let shown = object::repr(vm, token.as_value())?;
            Ok(format!("{} {what}", shown.to_string_lossy()))
        };
        if token.used.get() {
            return Err(vm.runtime_error(complain("has already been used once")?));
        }
        if !token.variable.is(zelf) {
            return Err(vm.value_error(complain("was created by a different ContextVar")?));
        }
        let context = Context::current(vm)?;
        if !token.context.is(&context) {
            return Err(vm.value_error(complain("was created in a different Context")?));
        }
        token.used.set(true);
        match &token.old {
            Some(old) => Context::set(&context, vm, zelf.as_value(), old.clone()),
            None => Context::remove(&context, vm, zelf.as_value()),
        }
    }
}

#[pymethods]
impl ContextVar {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [name] = args.positional() else {
            let given = args.positional().len();
            let bound = if given == 0 { "exactly" } else { "at most" };
            return Err(vm.type_error(format!(
                "ContextVar() takes {bound} 1 positional argument ({given} given)"
            )));
        };
        let mut default = None;
        for (keyword, value) in args.keywords() {
            if keyword.as_bytes() != b"default" {
                return Err(vm.type_error(format!(
                    "ContextVar() got an unexpected keyword argument '{}'",
                    keyword.to_string_lossy()
                )));
            }
            default = Some(value.clone());
        }
        match str_::of(name) {
            // The variable's own hash is made of the name's.
            Some(name) if crate::protocols::hash::hash(vm, name.as_value()).is_err() => Err(Raised),
            Some(name) => Ok(ContextVar::make(vm, name.clone(), default)?.into_value()),
            None => Err(vm.type_error("context variable name must be a str")),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = object::repr(vm, zelf.name.as_value())?;
        let mut text = format!("<ContextVar name={}", name.to_string_lossy());
        if let Some(default) = zelf.default.get() {
            let shown = object::repr(vm, &default)?;
            text += &format!(" default={}", shown.to_string_lossy());
        }
        text += &format!(" at {:p}>", zelf.as_ptr());
        Ok(vm.new_str(text)?.into_value())
    }

    /// Return a value for the context variable for the current context.
    ///
    /// If there is no value for the variable in the current context, the
    /// method will:
    ///  * return the value of the default argument of the method, if
    ///    provided; or
    ///  * return the default value for the context variable, if it was
    ///    created with one; or
    ///  * raise a LookupError.
    #[pymethod(sig = "($self, default=<unrepresentable>, /)")]
    fn get(zelf: &Ref<Self>, vm: &Vm, default: Option<Value>) -> PyResult {
        let found = vm.context.with(|context| {
            let context = context.as_ref()?.downcast::<Context>()?;
            Context::get(context, zelf.as_value())
        });
        match found.or(default).or_else(|| zelf.default.get()) {
            Some(value) => Ok(value),
            None => Err(vm.raise_with(&vm.types.lookup_error, &[zelf.to_value()])),
        }
    }

    /// Call to set a new value for the context variable in the current context.
    ///
    /// The required value argument is the new value for the context
    /// variable.
    ///
    /// Returns a Token object that can be used to restore the variable to
    /// its previous value via the `ContextVar.reset()` method.
    #[pymethod(sig = "($self, value, /)")]
    fn set(zelf: &Ref<Self>, vm: &Vm, value: Value) -> PyResult {
        Ok(ContextVar::assign(zelf, vm, value)?.into_value())
    }

    /// Reset the context variable.
    ///
    /// The variable is reset to the value it had before the
    /// `ContextVar.set()` that created the token was used.
    #[pymethod(sig = "($self, token, /)")]
    fn reset(zelf: &Ref<Self>, vm: &Vm, token: &Value) -> PyResult<()> {
        match token.downcast::<Token>() {
            Some(token) => ContextVar::undo(zelf, vm, token),
            None => {
                let shown = object::repr(vm, token)?;
                let shown = shown.to_string_lossy();
                Err(vm.type_error(format!("expected an instance of Token, got {shown}")))
            }
        }
    }

    /// ContextVars are generic over the type of their contained values
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    #[pymember]
    fn name(&self) -> Value {
        self.name.to_value()
    }
}

/// What `ContextVar.set` gives, to undo it with.
#[pyclass(name = "Token", module = "_contextvars", doc = "", gc)]
pub struct Token {
    context: Ref<Context>,
    variable: Ref<ContextVar>,
    old: Option<Value>,
    used: Cell<bool>,
}

impl Traverse for Token {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.context);
        v.reference(&self.variable);
        v.opt(&self.old);
    }
    fn clear(&self) {}
}

/// The type of `Token.MISSING`.
#[pyclass(name = "Token.MISSING", module = "builtins", doc = "", flags(NO_NEW))]
pub struct Missing {}

#[pymethods]
impl Missing {
    #[pyslot]
    fn repr(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.new_str("<Token.MISSING>")?.into_value())
    }
}

#[derive(Default)]
struct State {
    missing: MutCell<Option<Value>>,
}

fn missing(vm: &Vm) -> PyResult {
    let state = vm.interp.module_state::<State>();
    if let Some(found) = state.missing.get() {
        return Ok(found);
    }
    let new = vm.new_object(Missing {})?.into_value();
    state.missing.set(Some(new.clone()));
    Ok(new)
}

#[pymethods]
impl Token {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Err(vm.runtime_error("Tokens can only be created by ContextVars"))
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let variable = object::repr(vm, zelf.variable.as_value())?;
        let used = if zelf.used.get() { " used" } else { "" };
        let text = format!(
            "<Token{used} var={} at {:p}>",
            variable.to_string_lossy(),
            zelf.as_ptr()
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyattr(name = "__hash__")]
    fn unhashable(_vm: &Vm) -> Value {
        Value::NONE
    }

    #[pyslot]
    fn hash(zelf: &Value, vm: &Vm) -> PyResult<i64> {
        Err(crate::protocols::hash::unhashable(vm, zelf))
    }

    #[pyattr(name = "MISSING")]
    fn missing(vm: &Vm) -> PyResult {
        missing(vm)
    }

    #[pygetter]
    fn var(&self) -> Value {
        self.variable.to_value()
    }

    #[pygetter]
    fn old_value(&self, vm: &Vm) -> PyResult {
        match &self.old {
            Some(old) => Ok(old.clone()),
            None => missing(vm),
        }
    }

    /// Enter into Token context manager.
    #[pymethod]
    fn __enter__(zelf: &Ref<Self>) -> Value {
        zelf.to_value()
    }

    /// Exit from Token context manager, restore the linked ContextVar.
    #[pymethod(sig = "($self, type, val, tb, /)")]
    fn __exit__(
        zelf: &Ref<Self>,
        vm: &Vm,
        _type: &Value,
        _val: &Value,
        _tb: &Value,
    ) -> PyResult<()> {
        ContextVar::undo(&zelf.variable, vm, zelf)
    }

    /// Tokens are generic over the same type as the ContextVar which created them.
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}
