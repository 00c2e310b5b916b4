//! Exceptions: their classes, payload and attributes.
//!
//! All exception classes share one payload, [`BaseException`]; what some have besides (`OSError.errno`, `SyntaxError.lineno`, ...)
//! is in `fields`, by the index that the class's table gives to each name. `__traceback__`, `__cause__` and
//! `__context__` are real fields. CPython: Objects/exceptions.c.

pub mod group;
pub mod types;

use crate::function::{Args, TypeDef};
use crate::objects::str_::{self, Str};
use crate::objects::traceback::Traceback;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
pub use group::{check_catchable, check_catchable_star, group_match, prepare_reraise_star};
use naja_heap::{Flags, MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;
pub use types::ExceptionTypes;

/// Common base class for all exceptions
#[pyclass(
    name = "BaseException",
    module = "builtins",
    gc,
    flags(BASETYPE, HAS_DICT)
)]
#[repr(C)]
pub struct BaseException {
    pub(crate) args: MutCell<Option<Ref<Tuple>>>,
    traceback: MutCell<Option<Ref<Traceback>>>,
    cause: MutCell<Option<Value>>,
    context: MutCell<Option<Value>>,
    suppress_context: Cell<bool>,
    /// Attributes of particular classes, in the order of `types.rs`.
    pub(crate) fields: MutCell<Vec<Option<Value>>>,
}

/// On its way out again: the frame that raises it again is not added to the traceback.
const RERAISED: u32 = Flags::USER_0;
/// Its `__context__` has been decided.
const CONTEXT_SET: u32 = Flags::USER_1;

impl Traverse for BaseException {
    fn traverse(&self, v: &mut Visitor) {
        self.args.with(|x| x.iter().for_each(|x| v.reference(x)));
        self.traceback
            .with(|x| x.iter().for_each(|x| v.reference(x)));
        self.cause.with(|x| v.opt(x));
        self.context.with(|x| v.opt(x));
        self.fields.with(|f| f.iter().for_each(|x| v.opt(x)));
    }

    fn clear(&self) {
        drop(self.args.take());
        drop(self.traceback.take());
        drop(self.cause.take());
        drop(self.context.take());
        drop(self.fields.take());
    }
}

/// Extension of references to exceptions: marks of their way through frames.
impl BaseException {
    pub(crate) fn blank() -> BaseException {
        BaseException {
            args: MutCell::new(None),
            traceback: MutCell::new(None),
            cause: MutCell::new(None),
            context: MutCell::new(None),
            suppress_context: Cell::new(false),
            fields: MutCell::new(Vec::new()),
        }
    }

    /// `args`, as a tuple's items.
    pub fn args_vec(&self) -> Vec<Value> {
        self.args
            .with(|a| a.as_ref().map(|a| a.items().to_vec()).unwrap_or_default())
    }

    pub fn traceback(&self) -> Option<Ref<Traceback>> {
        self.traceback.get()
    }

    pub fn traceback_value(&self) -> Value {
        self.traceback.get().map_or(Value::NONE, Ref::into_value)
    }

    pub fn set_traceback(&self, traceback: Option<Ref<Traceback>>) {
        self.traceback.set(traceback)
    }

    /// Puts a new entry, which nothing follows yet, before the traceback.
    #[inline]
    pub(crate) fn push_traceback(&self, entry: Ref<Traceback>) {
        entry.set_next(self.traceback.take());
        self.traceback.set(Some(entry))
    }

    pub fn context(&self) -> Option<Value> {
        self.context.get()
    }

    pub fn cause(&self) -> Option<Value> {
        self.cause.get()
    }

    /// `raise ... from cause`.
    pub fn set_cause(&self, cause: Option<Value>) {
        self.suppress_context.set(true);
        self.cause.set(cause);
    }

    pub fn suppresses_context(&self) -> bool {
        self.suppress_context.get()
    }

    pub fn field(&self, index: usize) -> Option<Value> {
        self.fields.with(|f| f.get(index).cloned().flatten())
    }

    pub fn set_field(&self, index: usize, value: Option<Value>) {
        let old = self.fields.with_mut(|f| {
            if f.len() <= index {
                value.as_ref()?;
                f.resize(index + 1, None);
            }
            std::mem::replace(&mut f[index], value)
        });
        drop(old)
    }
}

/// What the unwinder notes in an exception's header.
pub trait ExceptionMarks {
    fn is_reraised(&self) -> bool;
    fn set_reraised(&self, on: bool);
    fn has_context_set(&self) -> bool;
    fn mark_context_set(&self);
    fn forget_context_set(&self);
}

impl ExceptionMarks for Ref<BaseException> {
    fn is_reraised(&self) -> bool {
        self.header().has_flag(RERAISED)
    }
    fn set_reraised(&self, on: bool) {
        self.header().set_flag(RERAISED, on)
    }
    fn has_context_set(&self) -> bool {
        self.header().has_flag(CONTEXT_SET)
    }
    fn mark_context_set(&self) {
        self.header().set_flag(CONTEXT_SET, true)
    }
    fn forget_context_set(&self) {
        self.header().set_flag(CONTEXT_SET, false)
    }
}

/// `ty(*args)` without looking for constructors, for classes whose constructors are BaseException's and that have nothing
/// special besides (or are StopIteration). None for others.
#[inline]
pub(crate) fn plain(
    vm: &Vm,
    ty: &Ref<Type>,
    args: &[Value],
) -> PyResult<Option<Ref<BaseException>>> {
    let base = &vm.types.base_exception;
    let stop = ty.is(&vm.types.stop_iteration);
    if !stop
        && (ty.flag(TypeFlags::SPECIAL_EXCEPTION)
            || ty.slots.new.get() != base.slots.new.get()
            || ty.slots.init.get() != base.slots.init.get()
            || !vm.type_of(ty.as_value()).is(&vm.types.type_)
            || ty.flag(TypeFlags::IS_ABSTRACT))
    {
        return Ok(None);
    }
    let mut new = BaseException::blank();
    new.args = MutCell::new(Some(Tuple::from_slice(vm, args)?));
    let made = vm.new_object_of(ty, new)?;
    if stop && let Some(value) = args.first() {
        made.set_field(types::STOP_VALUE, Some(value.clone()));
    }
    Ok(Some(made))
}

/// `ty(*args)` for an exception class.
pub fn instantiate(vm: &Vm, ty: &Ref<Type>, args: &[Value]) -> PyResult<Ref<BaseException>> {
    if let Some(made) = plain(vm, ty, args)? {
        return Ok(made);
    }
    let made = vm.call(ty.as_value(), args)?;
    made.downcast_into::<BaseException>().map_err(|v| {
        vm.type_error(format!(
            "calling {} should have returned an instance of BaseException, not {}",
            ty.name(),
            vm.type_of(&v).name()
        ))
    })
}

/// Makes `context` the `__context__` of `exception`, cutting a cycle that would come of it.
pub fn set_context_avoiding_cycle(exception: &Ref<BaseException>, context: Value) {
    let mut at = context.clone();
    let mut slow = context.clone();
    let mut step = false;
    while let Some(next) = at
        .downcast::<BaseException>()
        .and_then(|e| e.context().map(|c| (e.clone(), c)))
    {
        let (holder, next) = next;
        if next.is(exception.as_value()) {
            drop(holder.context.take());
            break;
        }
        at = next;
        if at.is(&slow) {
            break; // a cycle that does not pass here
        }
        if step && let Some(next) = slow.downcast::<BaseException>().and_then(|e| e.context()) {
            slow = next;
        }
        step = !step;
    }
    exception.context.set(Some(context));
}

/// An AttributeError with `name` and `obj`.
#[cold]
pub fn attribute_error(vm: &Vm, message: String, object: &Value, name: &Ref<Str>) -> Raised {
    let raised = vm.raise(&vm.types.attribute_error, message);
    if let Some(exception) = vm.pending_exception() {
        set_attribute_context(&exception, object, name);
    }
    raised
}

/// Fills `name` and `obj` of an AttributeError that has none.
pub fn set_attribute_context(exception: &Ref<BaseException>, object: &Value, name: &Ref<Str>) {
    if exception.field(types::attribute::NAME).is_none()
        && exception.field(types::attribute::OBJ).is_none()
    {
        exception.set_field(types::attribute::NAME, Some(name.to_value()));
        exception.set_field(types::attribute::OBJ, Some(object.clone()));
    }
}

/// A NameError (or subclass) with `name`.
#[cold]
pub fn name_error(vm: &Vm, ty: &Ref<Type>, message: String, name: &Ref<Str>) -> Raised {
    let raised = vm.raise(ty, message);
    if let Some(exception) = vm.pending_exception()
        && exception.field(types::attribute::NAME).is_none()
    {
        exception.set_field(types::attribute::NAME, Some(name.to_value()));
    }
    raised
}

/// The `value` of a StopIteration.
pub fn stop_iteration_value(exception: &Value) -> Value {
    exception
        .downcast::<BaseException>()
        .and_then(|e| e.field(types::STOP_VALUE))
        .unwrap_or(Value::NONE)
}

/// UnicodeEncodeError for text with lone surrogates where UTF-8 is needed.
#[cold]
pub fn surrogates_not_allowed(vm: &Vm, text: &Ref<Str>) -> Raised {
    let at = text
        .code_points()
        .position(|c| (0xd800..0xe000).contains(&c))
        .unwrap_or(0) as i64;
    let end = at
        + text
            .code_points()
            .skip(at as usize)
            .take_while(|c| (0xd800..0xe000).contains(c))
            .count() as i64;
    let parts = (|| -> PyResult<[Value; 5]> {
        Ok([
            vm.new_str("utf-8")?.into_value(),
            text.to_value(),
            vm.new_int(at)?,
            vm.new_int(end)?,
            vm.new_str("surrogates not allowed")?.into_value(),
        ])
    })();
    match parts {
        Ok(args) => vm.raise_with(&vm.types.unicode_encode_error, &args),
        Err(raised) => raised,
    }
}

/// Adds a note to the exception being raised.
pub fn add_note_to_pending(vm: &Vm, note: &str) {
    let exception = vm.take_exception();
    if let Ok(note) = vm.new_str(note) {
        if vm
            .call_method_str(exception.as_value(), "add_note", &[note.into_value()])
            .is_err()
        {
            vm.clear_exception()
        }
    } else {
        vm.clear_exception()
    }
    vm.raise_value(exception);
}

/// Whether a raised exception is caught by `except wanted` (a class or tuple of classes).
pub fn matches(vm: &Vm, raised: &Value, wanted: &Value) -> PyResult<bool> {
    if let Some(class) = wanted.downcast::<Type>() {
        return Ok(is_subtype(vm.type_of(raised), class));
    }
    if let Some(classes) = wanted.downcast::<Tuple>() {
        vm.check_stack()?;
        for class in classes.items() {
            if matches(vm, raised, class)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    Ok(match wanted.downcast::<Type>() {
        Some(class) => is_subtype(vm.type_of(raised), class),
        None => false,
    })
}

/// Reports the exception being raised where it cannot be passed on: by `sys.unraisablehook`.
pub fn write_unraisable(vm: &Vm, object: Option<&Value>) {
    let exception = vm.take_exception();
    crate::builtins::sys::unraisable(vm, exception, object, None);
}

/// As [`write_unraisable`], saying what was being done with `object`: "Exception ignored while calling deallocator ...".
pub fn write_unraisable_while(vm: &Vm, doing: &str, object: &Value) {
    let exception = vm.take_exception();
    let shown = match crate::protocols::object::repr(vm, object) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => {
            vm.clear_exception();
            "<object repr() failed>".to_string()
        }
    };
    let message = format!("Exception ignored while {doing} {shown}");
    crate::builtins::sys::unraisable(vm, exception, None, Some(&message));
}

#[pymethods]
impl BaseException {
    #[pyslot(sig = "(*args, **kwargs)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if cls.flag(super::type_::TypeFlags::SPECIAL_EXCEPTION)
            && is_subtype(cls, &vm.types.os_error)
        {
            return types::new_os_error(vm, cls, args);
        }
        let exception = vm.new_object_of(cls, BaseException::blank())?;
        exception
            .args
            .set(Some(Tuple::from_slice(vm, args.positional())?));
        types::fill_new(vm, cls, &exception, args)?;
        Ok(exception.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        types::init(vm, zelf, args)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if let Some(text) = group::repr_of(vm, zelf)? {
            return Ok(vm.new_str(text)?.into_value());
        }
        let name = vm.type_of(zelf.as_value()).name();
        let args = zelf.args_vec();
        let text = match args.as_slice() {
            [one] => format!("{name}({})", object::repr(vm, one)?.to_string_lossy()),
            _ => {
                let tuple = vm.new_tuple(args)?;
                format!(
                    "{name}{}",
                    object::repr(vm, tuple.as_value())?.to_string_lossy()
                )
            }
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot(name = "str")]
    fn to_str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        types::str_of(vm, zelf)
    }

    #[pygetter]
    fn args(&self, vm: &Vm) -> Value {
        match self.args.get() {
            Some(args) => args.into_value(),
            None => vm.interp.empty_tuple().into_value(),
        }
    }

    #[pysetter]
    fn set_args(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("args may not be deleted"));
        };
        let items = crate::protocols::sequence::collect(vm, &value)?;
        self.args.set(Some(vm.new_tuple(items)?));
        Ok(())
    }

    #[pygetter]
    fn __traceback__(&self) -> Value {
        self.traceback_value()
    }

    #[pysetter(name = "__traceback__")]
    fn set_traceback_attr(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("__traceback__ may not be deleted"));
        };
        if value.is_none() {
            self.set_traceback(None);
            return Ok(());
        }
        match value.downcast_into::<Traceback>() {
            Ok(traceback) => {
                self.set_traceback(Some(traceback));
                Ok(())
            }
            Err(_) => Err(vm.type_error("__traceback__ must be a traceback or None")),
        }
    }

    #[pygetter]
    fn __cause__(&self) -> Option<Value> {
        self.cause.get()
    }

    #[pysetter(name = "__cause__")]
    fn set_cause_attr(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = optional_exception(vm, value, "__cause__", "exception cause")?;
        self.set_cause(value);
        Ok(())
    }

    #[pygetter]
    fn __context__(&self) -> Option<Value> {
        self.context.get()
    }

    #[pysetter(name = "__context__")]
    fn set_context_attr(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = optional_exception(vm, value, "__context__", "exception context")?;
        self.context.set(value);
        Ok(())
    }

    #[pygetter]
    fn __suppress_context__(&self) -> bool {
        self.suppress_context.get()
    }

    #[pysetter(name = "__suppress_context__")]
    fn set_suppress_context(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value {
            Some(value) if value.is_bool() => {
                self.suppress_context.set(value.is_true());
                Ok(())
            }
            Some(_) => Err(vm.type_error("attribute value type must be bool")),
            None => Err(vm.type_error("can't delete numeric/char attribute")),
        }
    }

    /// Set self.__traceback__ to tb and return self.
    #[pymethod(sig = "($self, tb, /)")]
    fn with_traceback(zelf: &Ref<Self>, vm: &Vm, tb: Value) -> PyResult {
        zelf.set_traceback_attr(vm, Some(tb))?;
        Ok(zelf.to_value())
    }

    /// Add a note to the exception
    #[pymethod(sig = "($self, note, /)")]
    fn add_note(zelf: &Value, vm: &Vm, note: Value) -> PyResult<()> {
        if str_::of(&note).is_none() {
            return Err(vm.type_error(format!(
                "add_note() argument must be str, not {}",
                vm.type_of(&note).full_name()
            )));
        }
        let notes = match attributes::get_optional(vm, zelf, &vm.names.__notes__)? {
            Some(notes) => notes,
            None => {
                let notes = vm.new_list(Vec::new())?.into_value();
                attributes::set(vm, zelf, &vm.names.__notes__, Some(&notes))?;
                notes
            }
        };
        match notes.downcast::<crate::objects::list::List>() {
            Some(list) => list.push(vm, note),
            None => Err(vm.type_error("Cannot add note: __notes__ is not a list")),
        }
    }

    #[pymethod]
    fn __reduce__(zelf: &Value, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf).to_ref().into_value();
        let Some(exception) = zelf.downcast::<BaseException>() else {
            return Err(vm.type_error("not an exception"));
        };
        let has_attrs = zelf
            .header()
            .and_then(crate::objects::instance::attrs)
            .is_some_and(|a| a.shape() != crate::objects::instance::ROOT);
        let attributes = if has_attrs {
            Some(crate::objects::instance::materialize(vm, zelf)?)
        } else {
            None
        };
        let (args, state) = types::reduce_parts(vm, exception, attributes)?;
        let mut parts = vec![ty, args];
        parts.extend(state);
        Ok(vm.new_tuple(parts)?.into_value())
    }

    #[pymethod(sig = "($self, state, /)")]
    fn __setstate__(zelf: &Value, vm: &Vm, state: &Value) -> PyResult<()> {
        if state.is_none() {
            return Ok(());
        }
        let Some(state) = state.downcast::<crate::objects::dict::Dict>() else {
            return Err(vm.type_error("state is not a dictionary"));
        };
        for (name, value) in state.items_vec() {
            attributes::set(vm, zelf, attributes::name_of(vm, &name)?, Some(&value))?;
        }
        Ok(())
    }
}

/// An exception or None, for an attribute.
fn optional_exception(
    vm: &Vm,
    value: Option<Value>,
    name: &str,
    what: &str,
) -> PyResult<Option<Value>> {
    match value {
        None => Err(vm.type_error(format!("{name} may not be deleted"))),
        Some(value) if value.is_none() => Ok(None),
        Some(value) if value.downcast::<BaseException>().is_some() => Ok(Some(value)),
        Some(_) => Err(vm.type_error(format!("{what} must be None or derive from BaseException"))),
    }
}

/// The definition that all exception classes share but for name, doc and base.
pub(crate) fn base_def() -> &'static TypeDef {
    <BaseException as crate::PyClass>::def()
}
