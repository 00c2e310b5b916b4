//! What SQLite calls back: functions, aggregates, window functions, collations, the authorizer, the progress handler and
//! the trace callback, all Python callables.
//!
//! SQLite keeps a pointer to a [`Context`]. Those of functions and collations belong to SQLite, which gives them back to
//! [`destroy`]; the other three belong to the connection. Invariant: a callback copies the callable first, for it may
//! replace itself and so end its context. Exceptions never cross SQLite: they become an error of the statement and are
//! shown if `enable_callback_tracebacks` is on. CPython: Modules/_sqlite/connection.c.

use super::State;
use super::errors::{self, Kind};
use super::gil::attached;
use libsqlite3_sys as ffi;
use naja_heap::Value;
use naja_vm::buffer::Buffer;
use naja_vm::exception::{BaseException, set_context_avoiding_cycle, surrogates_not_allowed};
use naja_vm::protocols::{attributes, number, object};
use naja_vm::{PyResult, Ref, Vm, float, int, str_};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// What a callback is called with: the Python callable.
pub struct Context {
    pub callable: Value,
}

impl Context {
    pub fn new(callable: &Value) -> Box<Context> {
        Box::new(Context {
            callable: callable.clone(),
        })
    }

    /// Gives it to SQLite.
    pub fn into_raw(context: Box<Context>) -> *mut c_void {
        Box::into_raw(context).cast()
    }
}

/// The callable of a context.
///
/// # Safety
/// `context` is a live [`Context`].
unsafe fn callable(context: *mut c_void) -> Value {
    // SAFETY: by contract.
    unsafe { (*context.cast::<Context>()).callable.clone() }
}

/// SQLite's last word about a context: frees it.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn destroy(context: *mut c_void) {
    if !context.is_null() {
        // Outside any interpreter the callable can only be left alone.
        attached(|_| {
            // SAFETY: made by `Context::into_raw`, given back once.
            drop(unsafe { Box::from_raw(context.cast::<Context>()) })
        });
    }
}

/// Sees to the exception a callback raised: shows it, or forgets it.
fn report(vm: &Vm, callable: &Value) {
    if !vm.has_exception() {
        return;
    }
    if vm.interp.module_state::<State>().callback_tracebacks.get() {
        let exception = vm.take_exception();
        let shown = match object::repr(vm, callable) {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(_) => {
                vm.clear_exception();
                "<object repr() failed>".to_string()
            }
        };
        let message = format!("Exception ignored on sqlite3 callback {shown}");
        naja_vm::builtins::sys::unraisable(vm, exception, None, Some(&message));
    } else {
        vm.clear_exception();
    }
}

/// Makes the exception being raised the error of a function of SQLite's.
fn set_error(vm: &Vm, context: *mut ffi::sqlite3_context, message: &CStr, callable: &Value) {
    // SAFETY: a context in use; the message is copied.
    unsafe {
        if vm.exception_matches(&vm.types.memory_error) {
            ffi::sqlite3_result_error_nomem(context);
        } else if vm.exception_matches(&vm.types.overflow_error) {
            ffi::sqlite3_result_error_toobig(context);
        } else {
            ffi::sqlite3_result_error(context, message.as_ptr(), -1);
        }
    }
    report(vm, callable);
}

/// An int as SQLite stores it.
pub fn int64(vm: &Vm, value: &Value) -> PyResult<i64> {
    int::as_i64(value)
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to SQLite INTEGER"))
}

/// Makes a Python object the result of a function.
fn set_result(vm: &Vm, context: *mut ffi::sqlite3_context, value: &Value) -> PyResult<()> {
    if value.is_none() {
        // SAFETY: a context in use.
        unsafe { ffi::sqlite3_result_null(context) };
    } else if number::is_int(vm, value) {
        let n = int64(vm, value)?;
        // SAFETY: a context in use.
        unsafe { ffi::sqlite3_result_int64(context, n) };
    } else if let Some(f) = float::value_of(value) {
        // SAFETY: a context in use.
        unsafe { ffi::sqlite3_result_double(context, f) };
    } else if let Some(text) = str_::of(value) {
        let Some(bytes) = text.as_str() else {
            return Err(surrogates_not_allowed(vm, text));
        };
        let Ok(len) = c_int::try_from(bytes.len()) else {
            return Err(vm.overflow_error("string is longer than INT_MAX bytes"));
        };
        // SAFETY: a context in use; SQLite copies the text (SQLITE_TRANSIENT).
        unsafe {
            ffi::sqlite3_result_text(context, bytes.as_ptr().cast(), len, ffi::SQLITE_TRANSIENT())
        };
    } else if Buffer::supported(vm, value) {
        let buffer = Buffer::of(vm, value)?;
        let Ok(len) = c_int::try_from(buffer.len()) else {
            return Err(vm.overflow_error("BLOB longer than INT_MAX bytes"));
        };
        // SAFETY: a context in use; SQLite copies the bytes (SQLITE_TRANSIENT).
        buffer.with(|bytes| unsafe {
            ffi::sqlite3_result_blob(context, blob_pointer(bytes), len, ffi::SQLITE_TRANSIENT())
        });
    } else {
        let kind = vm.type_of(value).full_name();
        return Err(errors::programming_error(
            vm,
            format!("User-defined functions cannot return '{kind}' values to SQLite"),
        ));
    }
    Ok(())
}

/// Where a blob begins. Never null, which SQLite would take for NULL.
pub fn blob_pointer(bytes: &[u8]) -> *const c_void {
    bytes.as_ptr().cast()
}

/// The bytes of a value; None: no memory.
unsafe fn value_bytes<'a>(data: *const c_void, value: *mut ffi::sqlite3_value) -> &'a [u8] {
    // SAFETY: by contract `data` is the value's text or blob, whose length is asked for afterwards.
    let len = unsafe { ffi::sqlite3_value_bytes(value) };
    match usize::try_from(len) {
        Ok(len) if !data.is_null() => {
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts(data.cast(), len) }
        }
        _ => &[],
    }
}

/// The arguments of a function as Python's.
fn arguments(
    vm: &Vm,
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) -> PyResult<Vec<Value>> {
    let count = usize::try_from(count).unwrap_or(0);
    let mut args = Vec::with_capacity(count);
    for i in 0..count {
        // SAFETY: SQLite gives `count` live values; what they hold is copied before the next call.
        let arg = unsafe {
            let value = *values.add(i);
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => vm.new_int(ffi::sqlite3_value_int64(value))?,
                ffi::SQLITE_FLOAT => vm.new_float(ffi::sqlite3_value_double(value))?,
                kind @ (ffi::SQLITE_TEXT | ffi::SQLITE_BLOB) => {
                    let data = if kind == ffi::SQLITE_TEXT {
                        ffi::sqlite3_value_text(value).cast::<c_void>()
                    } else {
                        ffi::sqlite3_value_blob(value)
                    };
                    let db = ffi::sqlite3_context_db_handle(context);
                    if data.is_null() && ffi::sqlite3_errcode(db) == ffi::SQLITE_NOMEM {
                        return Err(vm.memory_error(""));
                    }
                    let bytes = value_bytes(data, value);
                    if kind == ffi::SQLITE_TEXT {
                        str_::codecs::decode(vm, bytes, None, None)?
                    } else {
                        vm.new_bytes(bytes)?.into_value()
                    }
                }
                _ => Value::NONE,
            }
        };
        args.push(arg);
    }
    Ok(args)
}

/// The callable of a function's context.
unsafe fn user_callable(context: *mut ffi::sqlite3_context) -> Value {
    // SAFETY: the functions of this file are registered with a `Context`.
    unsafe { callable(ffi::sqlite3_user_data(context)) }
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_function(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    attached(|vm| {
        // SAFETY: see `user_callable`.
        let function = unsafe { user_callable(context) };
        let done = arguments(vm, context, count, values)
            .and_then(|args| vm.call(&function, &args))
            .and_then(|result| set_result(vm, context, &result));
        if done.is_err() {
            set_error(
                vm,
                context,
                c"user-defined function raised exception",
                &function,
            );
        }
    });
}

/// The place where SQLite keeps a group's aggregate object (as its bits; 0: none). None: no memory, or never stepped.
unsafe fn aggregate_place(context: *mut ffi::sqlite3_context, make: bool) -> Option<*mut u64> {
    let size = if make { size_of::<u64>() as c_int } else { 0 };
    // SAFETY: a context in use; fresh memory is zeroed.
    let place = unsafe { ffi::sqlite3_aggregate_context(context, size) };
    (!place.is_null()).then_some(place.cast())
}

/// The aggregate object at a place.
unsafe fn aggregate_at(place: *mut u64) -> Option<Value> {
    // SAFETY: the bits at the place own a reference; the clone owns another, the first is left where it was.
    unsafe {
        match *place {
            0 => None,
            bits => {
                let stored = std::mem::ManuallyDrop::new(Value::from_bits(bits));
                Some((*stored).clone())
            }
        }
    }
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_step(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    attached(|vm| {
        // SAFETY: see `user_callable`.
        let class = unsafe { user_callable(context) };
        // SAFETY: a context in use.
        let Some(place) = (unsafe { aggregate_place(context, true) }) else {
            vm.memory_error("");
            set_error(
                vm,
                context,
                c"unable to allocate SQLite aggregate context",
                &class,
            );
            return;
        };
        // SAFETY: the place is this aggregate's.
        let instance = match unsafe { aggregate_at(place) } {
            Some(instance) => instance,
            None => match vm.call(&class, &[]) {
                Ok(made) => {
                    // SAFETY: the place is ours; it takes a reference, which `call_final` drops.
                    unsafe { *place = std::mem::ManuallyDrop::new(made.clone()).bits() };
                    made
                }
                Err(_) => {
                    let text = c"user-defined aggregate's '__init__' method raised error";
                    set_error(vm, context, text, &class);
                    return;
                }
            },
        };
        let Ok(step) = attributes::get_by(vm, &instance, "step") else {
            let text = c"user-defined aggregate's 'step' method not defined";
            set_error(vm, context, text, &class);
            return;
        };
        let done = arguments(vm, context, count, values).and_then(|args| vm.call(&step, &args));
        if done.is_err() {
            let text = c"user-defined aggregate's 'step' method raised error";
            set_error(vm, context, text, &class);
        }
    });
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_final(context: *mut ffi::sqlite3_context) {
    attached(|vm| {
        // SAFETY: a context in use. Without a place no row matched; without an object its `__init__` failed.
        let Some(place) = (unsafe { aggregate_place(context, false) }) else {
            return;
        };
        // SAFETY: the reference at the place is taken over.
        let instance = unsafe {
            match std::mem::take(&mut *place) {
                0 => return,
                bits => Value::from_bits(bits),
            }
        };
        // The exception of the last call to step, value or inverse is kept.
        let earlier = vm.has_exception().then(|| vm.take_exception());
        // SAFETY: see `user_callable`.
        let class = unsafe { user_callable(context) };
        let done = vm
            .call_method_str(&instance, "finalize", &[])
            .and_then(|result| set_result(vm, context, &result));
        match (done, earlier) {
            (Ok(()), Some(earlier)) => {
                vm.raise_value(earlier);
            }
            (Ok(()), None) => {}
            (Err(_), earlier) => {
                let text = if vm.exception_matches(&vm.types.attribute_error) {
                    c"user-defined aggregate's 'finalize' method not defined"
                } else {
                    c"user-defined aggregate's 'finalize' method raised error"
                };
                if let Some(earlier) = earlier {
                    chain(vm, earlier);
                }
                set_error(vm, context, text, &class);
            }
        }
    });
}

/// Makes `context` the context of the exception being raised; it is raised itself if there is none.
pub fn chain(vm: &Vm, context: Ref<BaseException>) {
    match vm.pending_exception() {
        Some(exception) => set_context_avoiding_cycle(&exception, context.into_value()),
        None => {
            vm.raise_value(context);
        }
    }
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_inverse(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    attached(|vm| {
        // SAFETY: see `user_callable`; `step` has been called before.
        let class = unsafe { user_callable(context) };
        let instance =
            unsafe { aggregate_place(context, true).and_then(|place| aggregate_at(place)) };
        let Some(instance) = instance else { return };
        let Ok(inverse) = attributes::get_by(vm, &instance, "inverse") else {
            let text = c"user-defined aggregate's 'inverse' method not defined";
            set_error(vm, context, text, &class);
            return;
        };
        let Ok(args) = arguments(vm, context, count, values) else {
            let text = c"unable to build arguments for user-defined aggregate's 'inverse' method";
            set_error(vm, context, text, &class);
            return;
        };
        if vm.call(&inverse, &args).is_err() {
            let text = c"user-defined aggregate's 'inverse' method raised error";
            set_error(vm, context, text, &class);
        }
    });
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_value(context: *mut ffi::sqlite3_context) {
    attached(|vm| {
        // SAFETY: see `user_callable`; `step` has been called before.
        let class = unsafe { user_callable(context) };
        let instance =
            unsafe { aggregate_place(context, true).and_then(|place| aggregate_at(place)) };
        let Some(instance) = instance else { return };
        match vm.call_method_str(&instance, "value", &[]) {
            Ok(value) => {
                if set_result(vm, context, &value).is_err() {
                    let text = c"unable to set result from user-defined aggregate's 'value' method";
                    set_error(vm, context, text, &class);
                }
            }
            Err(_) => {
                let text = if vm.exception_matches(&vm.types.attribute_error) {
                    c"user-defined aggregate's 'value' method not defined"
                } else {
                    c"user-defined aggregate's 'value' method raised error"
                };
                set_error(vm, context, text, &class);
            }
        }
    });
}

/// A C string as Python's; None for null.
unsafe fn text_or_none(vm: &Vm, text: *const c_char) -> PyResult {
    if text.is_null() {
        return Ok(Value::NONE);
    }
    // SAFETY: by contract a C string.
    str_::codecs::decode(vm, unsafe { CStr::from_ptr(text) }.to_bytes(), None, None)
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_authorizer(
    context: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    source: *const c_char,
) -> c_int {
    attached(|vm| {
        // SAFETY: registered with a `Context`, which the connection keeps.
        let authorizer = unsafe { callable(context) };
        let answer = || -> PyResult<c_int> {
            let mut args = vec![vm.new_int(i64::from(action))?];
            for text in [first, second, database, source] {
                // SAFETY: SQLite gives C strings or null.
                args.push(unsafe { text_or_none(vm, text) }?);
            }
            let result = vm.call(&authorizer, &args)?;
            if !number::is_int(vm, &result) {
                return Ok(ffi::SQLITE_DENY);
            }
            int::as_i64(&result)
                .and_then(|n| c_int::try_from(n).ok())
                .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"))
        };
        answer().unwrap_or_else(|_| {
            report(vm, &authorizer);
            ffi::SQLITE_DENY
        })
    })
    .unwrap_or(ffi::SQLITE_DENY)
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_progress(context: *mut c_void) -> c_int {
    attached(|vm| {
        // SAFETY: registered with a `Context`, which the connection keeps.
        let handler = unsafe { callable(context) };
        match vm
            .call(&handler, &[])
            .and_then(|stop| object::is_true(vm, &stop))
        {
            Ok(stop) => c_int::from(stop),
            Err(_) => {
                report(vm, &handler);
                -1
            }
        }
    })
    .unwrap_or(-1)
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_trace(
    kind: c_uint,
    context: *mut c_void,
    statement: *mut c_void,
    sql: *mut c_void,
) -> c_int {
    if kind != ffi::SQLITE_TRACE_STMT as c_uint {
        return 0;
    }
    attached(|vm| {
        // SAFETY: registered with a `Context`, which the connection keeps; SQLite gives a live statement and its text;
        // the expanded text is ours to free.
        let (tracer, text) = unsafe {
            let tracer = callable(context);
            let expanded = ffi::sqlite3_expanded_sql(statement.cast());
            if expanded.is_null() {
                let db = ffi::sqlite3_db_handle(statement.cast());
                if ffi::sqlite3_errcode(db) == ffi::SQLITE_NOMEM {
                    return;
                }
                let message = "Expanded SQL string exceeds the maximum string length";
                errors::error(vm, Kind::DataError, message);
                report(vm, &tracer);
                (tracer, text_or_none(vm, sql.cast()))
            } else {
                let text = text_or_none(vm, expanded);
                ffi::sqlite3_free(expanded.cast());
                (tracer, text)
            }
        };
        if text.and_then(|text| vm.call(&tracer, &[text])).is_err() {
            report(vm, &tracer);
        }
    });
    0
}

/// Called by SQLite.
///
/// # Safety
/// Only SQLite calls it, with a context that [`Context`] was registered as.
pub unsafe extern "C" fn call_collation(
    context: *mut c_void,
    len_a: c_int,
    a: *const c_void,
    len_b: c_int,
    b: *const c_void,
) -> c_int {
    attached(|vm| {
        // A statement compares many times: once it has raised, nothing more is asked.
        if vm.has_exception() {
            return 0;
        }
        let text = |data: *const c_void, len: c_int| -> PyResult {
            let len = usize::try_from(len).unwrap_or(0);
            let bytes = if data.is_null() {
                &[]
            } else {
                // SAFETY: SQLite gives a text of that length.
                unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }
            };
            str_::codecs::decode(vm, bytes, None, None)
        };
        // SAFETY: registered with a `Context`, which SQLite keeps.
        let function = unsafe { callable(context) };
        let compare = || vm.call(&function, &[text(a, len_a)?, text(b, len_b)?]);
        let Ok(result) = compare() else { return 0 };
        let order = if number::is_int(vm, &result) {
            Ok(result)
        } else {
            number::index(vm, &result)
        };
        match order {
            Ok(order) => match int::as_i64(&order) {
                Some(n) => n.signum() as c_int,
                None => int::to_big(&order)
                    .map_or(0, |big| if big < dashu_int::IBig::ZERO { -1 } else { 1 }),
            },
            Err(_) => {
                vm.clear_exception();
                0
            }
        }
    })
    .unwrap_or(0)
}
