//! Exception groups, and `except*`. CPython: Objects/exceptions.c (BaseExceptionGroup), Python/ceval.c (PEP 654).

use super::types::group::{EXCEPTIONS, MESSAGE, SHOWN};
use super::{BaseException, set_context_avoiding_cycle};
use crate::function::{Args, AttrDef, GetSetDef, MethodDef, MethodKind, MethodTable};
use crate::objects::list::List;
use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::protocols::{attributes, object, sequence};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

fn field(vm: &Vm, value: &Value, index: usize) -> PyResult {
    match value.downcast::<BaseException>() {
        Some(e) => Ok(e.field(index).unwrap_or(Value::NONE)),
        None => Err(vm.type_error("not an exception group")),
    }
}

static GETSET: [GetSetDef; 2] = [
    GetSetDef {
        name: "message",
        doc: "exception message",
        member: true,
        get: Some(|vm, v| field(vm, v, MESSAGE)),
        set: None,
    },
    GetSetDef {
        name: "exceptions",
        doc: "nested exceptions",
        member: true,
        get: Some(|vm, v| field(vm, v, EXCEPTIONS)),
        set: None,
    },
];

static METHODS: [MethodDef; 4] = [
    MethodDef {
        name: "derive",
        doc: "",
        text_signature: Some("($self, excs, /)"),
        kind: MethodKind::Method,
        call: derive,
    },
    MethodDef {
        name: "split",
        doc: "",
        text_signature: Some("($self, matcher_value, /)"),
        kind: MethodKind::Method,
        call: split,
    },
    MethodDef {
        name: "subgroup",
        doc: "",
        text_signature: Some("($self, matcher_value, /)"),
        kind: MethodKind::Method,
        call: subgroup,
    },
    MethodDef {
        name: "__class_getitem__",
        doc: "See PEP 585",
        text_signature: Some("($type, item, /)"),
        kind: MethodKind::Class,
        call: class_getitem,
    },
];

/// What groups add to exceptions.
pub static TABLE: MethodTable = MethodTable {
    methods: &METHODS,
    getset: &GETSET,
    attrs: &[] as &[AttrDef],
    slots: |_| {},
};

fn class_getitem(vm: &Vm, args: Args) -> PyResult {
    match args.args {
        [class, item] => vm.generic_alias(class, item),
        _ => Err(vm.type_error("__class_getitem__() takes exactly one argument")),
    }
}

/// `BaseExceptionGroup.__new__(message, exceptions)`.
pub fn fill(vm: &Vm, cls: &Ref<Type>, exception: &Ref<BaseException>, args: Args) -> PyResult<()> {
    let [message, exceptions] = args.positional() else {
        return Err(vm.type_error(format!(
            "BaseExceptionGroup.__new__() takes exactly 2 arguments ({} given)",
            args.positional().len()
        )));
    };
    if str_::of(message).is_none() {
        return Err(vm.type_error(format!(
            "argument 1 must be str, not {}",
            vm.type_of(message).full_name()
        )));
    }
    let is_seq = sequence::is_sequence(vm, exceptions);
    if !is_seq {
        return Err(vm.type_error("second argument (exceptions) must be a sequence"));
    }
    let items = sequence::collect(vm, exceptions)?;
    if items.is_empty() {
        return Err(vm.value_error("second argument (exceptions) must be a non-empty sequence"));
    }
    let t = &vm.types.exceptions;
    let mut all_exceptions = true;
    for (i, item) in items.iter().enumerate() {
        if item.downcast::<BaseException>().is_none() {
            return Err(vm.value_error(format!(
                "Item {i} of second argument (exceptions) is not an exception"
            )));
        }
        all_exceptions &= is_subtype(vm.type_of(item), &t.exception);
    }
    if cls.is(&t.base_exception_group) {
        if all_exceptions {
            // SAFETY-free: the class is changed before anybody else sees the object.
            change_class(exception, &t.exception_group);
        }
    } else if !all_exceptions && is_subtype(cls, &t.exception) {
        return Err(if cls.is(&t.exception_group) {
            vm.type_error("Cannot nest BaseExceptions in an ExceptionGroup")
        } else {
            vm.type_error(format!("Cannot nest BaseExceptions in '{}'", cls.name()))
        });
    }
    exception.set_field(MESSAGE, Some(message.clone()));
    exception.set_field(EXCEPTIONS, Some(vm.new_tuple(items)?.into_value()));
    // Sequences of other kinds are shown as they were.
    if exceptions.downcast::<List>().is_none() && exceptions.downcast::<Tuple>().is_none() {
        let shown = object::repr(vm, exceptions)?;
        exception.set_field(SHOWN, Some(shown.into_value()));
    }
    Ok(())
}

/// `repr(group)`, if the exception is a group.
pub fn repr_of(vm: &Vm, exception: &Ref<BaseException>) -> PyResult<Option<String>> {
    if !is_group(vm, exception.as_value()) {
        return Ok(None);
    }
    let shown = match exception.field(SHOWN) {
        Some(shown) => object::str(vm, &shown)?,
        None => {
            let was_list = exception
                .args_vec()
                .get(1)
                .is_some_and(|arg| arg.downcast::<List>().is_some());
            let members = members(exception);
            if was_list {
                object::repr(vm, vm.new_list(members)?.as_value())?
            } else {
                object::repr(vm, vm.new_tuple(members)?.as_value())?
            }
        }
    };
    let message = object::repr(vm, &exception.field(MESSAGE).unwrap_or(Value::NONE))?;
    Ok(Some(format!(
        "{}({}, {})",
        vm.type_of(exception.as_value()).name(),
        message.to_string_lossy(),
        shown.to_string_lossy()
    )))
}

/// BaseExceptionGroup of plain exceptions makes an ExceptionGroup.
fn change_class(exception: &Ref<BaseException>, class: &Ref<Type>) {
    // SAFETY: both are built-in, uncounted classes of the same payload and layout.
    unsafe { exception.header().set_layout(&class.layout) }
}

/// `str(group)`.
pub fn str_of(vm: &Vm, exception: &Ref<BaseException>) -> PyResult {
    let message = object::str(vm, &exception.field(MESSAGE).unwrap_or(Value::NONE))?;
    let n = members(exception).len();
    let plural = if n == 1 { "" } else { "s" };
    Ok(vm
        .new_str(format!(
            "{} ({n} sub-exception{plural})",
            message.to_string_lossy()
        ))?
        .into_value())
}

fn members(exception: &Ref<BaseException>) -> Vec<Value> {
    exception
        .field(EXCEPTIONS)
        .and_then(|e| e.downcast_into::<Tuple>().ok())
        .map(|t| t.items().to_vec())
        .unwrap_or_default()
}

fn is_group(vm: &Vm, value: &Value) -> bool {
    is_subtype(vm.type_of(value), &vm.types.base_exception_group)
}

fn derive(vm: &Vm, args: Args) -> PyResult {
    match args.args {
        [group, exceptions] => {
            let message = field(vm, group, MESSAGE)?;
            vm.call(
                vm.types.base_exception_group.as_value(),
                &[message, exceptions.clone()],
            )
        }
        _ => Err(vm.type_error(format!(
            "BaseExceptionGroup.derive() takes exactly one argument ({} given)",
            args.args.len().saturating_sub(1)
        ))),
    }
}

/// A group of `exceptions` like `group`, by its `derive`, with its metadata. None where there are none.
fn derived(vm: &Vm, group: &Ref<BaseException>, exceptions: Vec<Value>) -> PyResult<Option<Value>> {
    if exceptions.is_empty() {
        return Ok(None);
    }
    let list = vm.new_list(exceptions)?.into_value();
    let made = vm.call_method_str(group.as_value(), "derive", &[list])?;
    if !is_group(vm, &made) {
        return Err(vm.type_error("derive must return an instance of BaseExceptionGroup"));
    }
    if let Some(e) = made.downcast::<BaseException>() {
        e.set_traceback(group.traceback());
        e.set_cause(group.cause());
        if let Some(context) = group.context() {
            set_context_avoiding_cycle(e, context);
        }
    }
    if let Some(notes) = attributes::get_optional(vm, group.as_value(), &vm.names.__notes__)?
        && sequence::is_sequence(vm, &notes)
    {
        let copy = vm.new_list(sequence::collect(vm, &notes)?)?.into_value();
        attributes::set(vm, &made, &vm.names.__notes__, Some(&copy))?;
    }
    Ok(Some(made))
}

/// How the members of a group are chosen.
enum Matcher<'a> {
    Class(&'a Value),
    Predicate(&'a Value),
    /// Those among these objects.
    Among(&'a [Value]),
}

impl Matcher<'_> {
    fn matches(&self, vm: &Vm, value: &Value) -> PyResult<bool> {
        match self {
            Matcher::Class(class) => super::matches(vm, value, class),
            Matcher::Predicate(predicate) => {
                let result = vm.call(predicate, std::slice::from_ref(value))?;
                object::is_true(vm, &result)
            }
            Matcher::Among(values) => Ok(values.iter().any(|v| v.is(value))),
        }
    }

    fn of<'a>(vm: &Vm, value: &'a Value) -> PyResult<Matcher<'a>> {
        let is_exception_class = |v: &Value| {
            v.downcast::<Type>()
                .is_some_and(|t| is_subtype(t, &vm.types.base_exception))
        };
        if vm.type_of(value).slots.call.get().is_some() && value.downcast::<Type>().is_none() {
            return Ok(Matcher::Predicate(value));
        }
        if is_exception_class(value)
            || value
                .downcast::<Tuple>()
                .is_some_and(|t| t.items().iter().all(is_exception_class))
        {
            return Ok(Matcher::Class(value));
        }
        Err(vm.type_error("expected an exception type, a tuple of exception types, or a callable (other than a class)"))
    }
}

/// The part of an exception (group) that matches, and the rest.
fn split_by(
    vm: &Vm,
    exception: &Value,
    matcher: &Matcher,
    want_rest: bool,
) -> PyResult<(Option<Value>, Option<Value>)> {
    vm.check_stack()?;
    let group = match exception.downcast::<BaseException>() {
        Some(group) if is_group(vm, exception) => group,
        _ => {
            return Ok(if matcher.matches(vm, exception)? {
                (Some(exception.clone()), None)
            } else {
                (None, Some(exception.clone()))
            });
        }
    };
    if !matches!(matcher, Matcher::Among(_)) && matcher.matches(vm, exception)? {
        return Ok((Some(exception.clone()), None));
    }
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for member in members(group) {
        let (matched, rest) = split_by(vm, &member, matcher, want_rest)?;
        yes.extend(matched);
        if want_rest {
            no.extend(rest);
        }
    }
    Ok((derived(vm, group, yes)?, derived(vm, group, no)?))
}

fn split(vm: &Vm, args: Args) -> PyResult {
    let [group, matcher] = args.args else {
        return Err(vm.type_error(format!(
            "BaseExceptionGroup.split() takes exactly one argument ({} given)",
            args.args.len().saturating_sub(1)
        )));
    };
    let (matched, rest) = split_by(vm, group, &Matcher::of(vm, matcher)?, true)?;
    let pair = vec![matched.unwrap_or(Value::NONE), rest.unwrap_or(Value::NONE)];
    Ok(vm.new_tuple(pair)?.into_value())
}

fn subgroup(vm: &Vm, args: Args) -> PyResult {
    let [group, matcher] = args.args else {
        return Err(vm.type_error(format!(
            "BaseExceptionGroup.subgroup() takes exactly one argument ({} given)",
            args.args.len().saturating_sub(1)
        )));
    };
    let (matched, _) = split_by(vm, group, &Matcher::of(vm, matcher)?, false)?;
    Ok(matched.unwrap_or(Value::NONE))
}

/// Raises TypeError for what `except` cannot catch.
pub fn check_catchable(vm: &Vm, wanted: &Value) -> PyResult<()> {
    let ok = |v: &Value| {
        v.downcast::<Type>()
            .is_some_and(|t| t.flag(TypeFlags::EXCEPTION_SUBCLASS))
    };
    let fine = match wanted.downcast::<Tuple>() {
        Some(classes) => classes.items().iter().all(ok),
        None => ok(wanted),
    };
    if fine {
        Ok(())
    } else {
        Err(vm.type_error("catching classes that do not inherit from BaseException is not allowed"))
    }
}

/// Raises TypeError for what `except*` cannot catch.
pub fn check_catchable_star(vm: &Vm, wanted: &Value) -> PyResult<()> {
    check_catchable(vm, wanted)?;
    let group = |v: &Value| {
        v.downcast::<Type>()
            .is_some_and(|t| is_subtype(t, &vm.types.base_exception_group))
    };
    let bad = match wanted.downcast::<Tuple>() {
        Some(classes) => classes.items().iter().any(group),
        None => group(wanted),
    };
    if bad {
        return Err(vm.type_error(
            "catching ExceptionGroup with except* is not allowed. Use except instead.",
        ));
    }
    Ok(())
}

/// `except* wanted`: what matches (a naked exception wrapped in a group) and the rest, None for nothing.
pub fn group_match(vm: &Vm, raised: &Value, wanted: &Value) -> PyResult<(Value, Value)> {
    if raised.is_none() {
        return Ok((Value::NONE, Value::NONE));
    }
    if super::matches(vm, raised, wanted)? {
        if is_group(vm, raised) {
            return Ok((raised.clone(), Value::NONE));
        }
        let list = vm.new_tuple(vec![raised.clone()])?.into_value();
        let message = vm.interp.empty_str().into_value();
        let wrapped = vm.call(vm.types.base_exception_group.as_value(), &[message, list])?;
        if let (Some(group), Some(inner)) = (
            wrapped.downcast::<BaseException>(),
            raised.downcast::<BaseException>(),
        ) {
            group.set_traceback(inner.traceback());
        }
        return Ok((wrapped, Value::NONE));
    }
    if is_group(vm, raised) {
        // A class may have its own way to split.
        let pair = vm.call_method_str(raised, "split", std::slice::from_ref(wanted))?;
        let name = vm.type_of(raised).full_name();
        let Some(pair) = pair.downcast::<Tuple>() else {
            return Err(vm.type_error(format!(
                "{name}.split must return a tuple, not {}",
                vm.type_of(&pair).full_name()
            )));
        };
        // More than two are allowed, for compatibility.
        let [matched, rest, ..] = pair.items() else {
            return Err(vm.type_error(format!(
                "{name}.split must return a 2-tuple, got tuple of size {}",
                pair.len()
            )));
        };
        return Ok((matched.clone(), rest.clone()));
    }
    Ok((Value::NONE, raised.clone()))
}

/// INTRINSIC_PREP_RERAISE_STAR: what an `except*` statement raises in the end.
pub fn prepare_reraise_star(vm: &Vm, original: &Value, results: &Value) -> PyResult {
    let items = match results.downcast::<List>() {
        Some(list) => list.to_vec(),
        None => return Err(vm.system_error("results of except* are not a list")),
    };
    let items: Vec<Value> = items.into_iter().filter(|v| !v.is_none()).collect();
    if items.is_empty() {
        return Ok(Value::NONE);
    }
    if !is_group(vm, original) {
        // A naked exception was caught and raised again, or something else was raised.
        return Ok(items[0].clone());
    }
    let same_origin = |v: &Value| {
        let (Some(a), Some(b)) = (
            v.downcast::<BaseException>(),
            original.downcast::<BaseException>(),
        ) else {
            return false;
        };
        let tb = |e: &Ref<BaseException>| e.traceback().map(|t| t.as_ptr());
        is_group(vm, v)
            && tb(a) == tb(b)
            && a.cause().map(|c| c.bits()) == b.cause().map(|c| c.bits())
            && a.context().map(|c| c.bits()) == b.context().map(|c| c.bits())
    };
    let (reraised, raised): (Vec<Value>, Vec<Value>) = items.into_iter().partition(same_origin);
    let mut keep = Vec::new();
    for value in &reraised {
        leaves(vm, value, &mut keep)?;
    }
    let (reraised, _) = split_by(vm, original, &Matcher::Among(&keep), false)?;
    if raised.is_empty() {
        return Ok(reraised.unwrap_or(Value::NONE));
    }
    let mut all = raised;
    all.extend(reraised);
    if let [one] = all.as_slice() {
        return Ok(one.clone());
    }
    let list = vm.new_tuple(all)?.into_value();
    let message = vm.interp.empty_str().into_value();
    vm.call(vm.types.base_exception_group.as_value(), &[message, list])
}

/// The exceptions of a group that are no groups.
fn leaves(vm: &Vm, value: &Value, out: &mut Vec<Value>) -> Result<(), Raised> {
    vm.check_stack()?;
    match value.downcast::<BaseException>() {
        Some(group) if is_group(vm, value) => {
            members(group).iter().try_for_each(|m| leaves(vm, m, out))
        }
        _ => {
            out.push(value.clone());
            Ok(())
        }
    }
}
