//! `sqlite3.Connection`, second half: functions, hooks, limits, options, copies of whole databases.
//!
//! The arguments that are to become positional-only are still taken by keyword, with a warning ([`deprecated`]).
//! CPython: Modules/_sqlite/connection.c.

use super::connection::{Connection, c_string};
use super::errors::{self, Kind, error, programming_error};
use super::functions::{self, Context};
use super::gil::released;
use libsqlite3_sys as ffi;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymethods;
use naja_vm::buffer::Buffer;
use naja_vm::function::signature::receiver;
use naja_vm::function::{FromArg, Param, ParamKind, Signature};
use naja_vm::protocols::attributes;
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::str_::codecs::registry::is_callable;
use naja_vm::{Args, PyResult, Vm};
use std::ffi::{CStr, c_char, c_int, c_void};

/// The authorizer as SQLite calls it.
type Authorizer = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    *const c_char,
    *const c_char,
    *const c_char,
    *const c_char,
) -> c_int;

const fn positional(name: &'static str) -> Param {
    Param {
        name,
        kind: ParamKind::PosOrKw,
        required: true,
    }
}

static CREATE_FUNCTION: Signature = Signature::new(
    "Connection",
    "create_function",
    &[
        positional("name"),
        positional("narg"),
        positional("func"),
        Param {
            name: "deterministic",
            kind: ParamKind::KwOnly,
            required: false,
        },
    ],
);
static CREATE_AGGREGATE: Signature = Signature::new(
    "Connection",
    "create_aggregate",
    &[
        positional("name"),
        positional("n_arg"),
        positional("aggregate_class"),
    ],
);
static SET_AUTHORIZER: Signature = Signature::new(
    "Connection",
    "set_authorizer",
    &[positional("authorizer_callback")],
);
static SET_PROGRESS_HANDLER: Signature = Signature::new(
    "Connection",
    "set_progress_handler",
    &[positional("progress_handler"), positional("n")],
);
static SET_TRACE_CALLBACK: Signature = Signature::new(
    "Connection",
    "set_trace_callback",
    &[positional("trace_callback")],
);

/// Binds the arguments of a method, all required; warns if one of the first `count` came by keyword.
fn deprecated<'a, const N: usize>(
    vm: &Vm,
    args: Args<'a>,
    sig: &Signature,
    count: usize,
) -> PyResult<(&'a Ref<Connection>, [&'a Value; N], [Option<&'a Value>; 4])> {
    let (zelf, rest) = receiver::<Connection>(vm, args, sig)?;
    let mut all = [None; 4];
    let Some(bound) = all.get_mut(..sig.params.len()) else {
        return Err(vm.system_error("too many parameters"));
    };
    sig.bind(vm, &rest, bound)?;
    static NONE: Value = Value::NONE;
    let mut required = [&NONE; N];
    for (i, place) in required.iter_mut().enumerate() {
        let Some(value) = all[i] else {
            return Err(sig.missing(vm, i));
        };
        *place = value;
    }
    if rest.positional().len() < count {
        let names: Vec<String> = sig.params[..count]
            .iter()
            .map(|p| format!("'{}'", p.name))
            .collect();
        let list = match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, init)) => format!("{} and {last}", init.join(", ")),
            None => String::new(),
        };
        let s = if count == 1 { "" } else { "s" };
        let text = format!(
            "Passing keyword argument{s} {list} to _sqlite3.Connection.{}() is deprecated. Parameter{s} {list} will become \
             positional-only in Python 3.15.",
            sig.name
        );
        vm.warn(&vm.types.deprecation_warning, text, 1)?;
    }
    Ok((zelf, required, all))
}

/// Whether an option's value is a bool.
fn is_bool_option(op: i32) -> bool {
    (ffi::SQLITE_DBCONFIG_ENABLE_FKEY..=ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA).contains(&op)
}

impl Connection {
    fn check_count(&self, vm: &Vm, count: i32, name: &str) -> PyResult<()> {
        // SAFETY: an open connection; -1 only asks.
        let limit = unsafe { ffi::sqlite3_limit(self.db(), ffi::SQLITE_LIMIT_FUNCTION_ARG, -1) };
        if count < -1 || count > limit {
            return Err(programming_error(
                vm,
                format!("'{name}' must be between -1 and {limit}, not {count}"),
            ));
        }
        Ok(())
    }

    /// Puts a hook's context in place; the old one goes when SQLite no longer knows it.
    fn hook(
        place: &MutCell<Option<Box<Context>>>,
        callable: &Value,
        register: impl FnOnce(*mut std::ffi::c_void) -> i32,
    ) -> i32 {
        if callable.is_none() {
            let code = register(std::ptr::null_mut());
            drop(place.take());
            return code;
        }
        let mut context = Context::new(callable);
        let code = register((&raw mut *context).cast());
        drop(place.replace(Some(context)));
        code
    }

    fn limit(&self, vm: &Vm, category: i32, limit: i32) -> PyResult<i32> {
        let db = self.check(vm)?;
        // SAFETY: an open connection.
        let old = unsafe { ffi::sqlite3_limit(db, category, limit) };
        if old < 0 {
            return Err(programming_error(vm, "'category' is out of bounds"));
        }
        Ok(old)
    }

    /// Sets an option (or asks, for -1). Gives its value.
    fn option(&self, vm: &Vm, op: i32, value: i32) -> PyResult<i32> {
        let db = self.check(vm)?;
        if !is_bool_option(op) {
            return Err(vm.value_error(format!("unknown config 'op': {op}")));
        }
        let mut now = 0;
        // SAFETY: an open connection; these options take an int and a pointer to an int.
        let code = unsafe { ffi::sqlite3_db_config(db, op, value, &raw mut now) };
        match code {
            ffi::SQLITE_OK => Ok(now),
            code => Err(errors::failed(vm, db, code)),
        }
    }

    /// The text of an argument that the methods above bound themselves.
    fn name_argument(vm: &Vm, value: &Value, sig: &Signature) -> PyResult<std::ffi::CString> {
        c_string(vm, <&str>::from_arg(vm, value, sig, 0)?)
    }
}

#[pymethods(extra = "CONFIGURE")]
impl Connection {
    /// Creates a new function.
    ///
    /// Note: Passing keyword arguments 'name', 'narg' and 'func' to
    /// _sqlite3.Connection.create_function() is deprecated. Parameters
    /// 'name', 'narg' and 'func' will become positional-only in Python 3.15.
    #[pymethod(raw, sig = "($self, /, name, narg, func, *, deterministic=False)")]
    fn create_function(vm: &Vm, args: Args) -> PyResult<()> {
        let (zelf, [name, count, function], all) = deprecated(vm, args, &CREATE_FUNCTION, 3)?;
        let name = Connection::name_argument(vm, name, &CREATE_FUNCTION)?;
        let count = i32::from_arg(vm, count, &CREATE_FUNCTION, 1)?;
        let mut flags = ffi::SQLITE_UTF8;
        if let Some(value) = all[3]
            && bool::from_arg(vm, value, &CREATE_FUNCTION, 3)?
        {
            flags |= ffi::SQLITE_DETERMINISTIC;
        }
        let db = zelf.check(vm)?;
        zelf.check_count(vm, count, "narg")?;
        let context = Context::into_raw(Context::new(function));
        // SAFETY: an open connection; SQLite owns the context, also where it fails.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                db,
                name.as_ptr(),
                count,
                flags,
                context,
                Some(functions::call_function),
                None,
                None,
                Some(functions::destroy),
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(error(vm, Kind::OperationalError, "Error creating function")),
        }
    }

    /// Creates a new aggregate.
    ///
    /// Note: Passing keyword arguments 'name', 'n_arg' and 'aggregate_class'
    /// to _sqlite3.Connection.create_aggregate() is deprecated. Parameters
    /// 'name', 'n_arg' and 'aggregate_class' will become positional-only in
    /// Python 3.15.
    #[pymethod(raw, sig = "($self, /, name, n_arg, aggregate_class)")]
    fn create_aggregate(vm: &Vm, args: Args) -> PyResult<()> {
        let (zelf, [name, count, class], _) = deprecated(vm, args, &CREATE_AGGREGATE, 3)?;
        let name = Connection::name_argument(vm, name, &CREATE_AGGREGATE)?;
        let count = i32::from_arg(vm, count, &CREATE_AGGREGATE, 1)?;
        let db = zelf.check(vm)?;
        zelf.check_count(vm, count, "n_arg")?;
        let context = Context::into_raw(Context::new(class));
        // SAFETY: an open connection; SQLite owns the context, also where it fails.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                db,
                name.as_ptr(),
                count,
                ffi::SQLITE_UTF8,
                context,
                None,
                Some(functions::call_step),
                Some(functions::call_final),
                Some(functions::destroy),
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(error(
                vm,
                Kind::OperationalError,
                "Error creating aggregate",
            )),
        }
    }

    /// Creates or redefines an aggregate window function. Non-standard.
    ///
    ///   name
    ///     The name of the SQL aggregate window function to be created or
    ///     redefined.
    ///   num_params
    ///     The number of arguments the step and inverse methods takes.
    ///   aggregate_class
    ///     A class with step(), finalize(), value(), and inverse() methods.
    ///     Set to None to clear the window function.
    #[pymethod(sig = "($self, name, num_params, aggregate_class, /)")]
    fn create_window_function(
        &self,
        vm: &Vm,
        name: &str,
        num_params: i32,
        aggregate_class: &Value,
    ) -> PyResult<()> {
        let name = c_string(vm, name)?;
        let db = self.check(vm)?;
        self.check_count(vm, num_params, "num_params")?;
        let flags = ffi::SQLITE_UTF8;
        // SAFETY: an open connection; SQLite owns the context, also where it fails.
        let code = unsafe {
            if aggregate_class.is_none() {
                let none = std::ptr::null_mut();
                ffi::sqlite3_create_window_function(
                    db,
                    name.as_ptr(),
                    num_params,
                    flags,
                    none,
                    None,
                    None,
                    None,
                    None,
                    None,
                )
            } else {
                ffi::sqlite3_create_window_function(
                    db,
                    name.as_ptr(),
                    num_params,
                    flags,
                    Context::into_raw(Context::new(aggregate_class)),
                    Some(functions::call_step),
                    Some(functions::call_final),
                    Some(functions::call_value),
                    Some(functions::call_inverse),
                    Some(functions::destroy),
                )
            }
        };
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(errors::from_code(vm, code)),
        }
    }

    /// Creates a collation function.
    #[pymethod(sig = "($self, name, callback, /)")]
    fn create_collation(&self, vm: &Vm, name: &str, callback: &Value) -> PyResult<()> {
        let name = c_string(vm, name)?;
        let db = self.check(vm)?;
        let flags = ffi::SQLITE_UTF8;
        let code = if callback.is_none() {
            let none = std::ptr::null_mut();
            // SAFETY: an open connection.
            unsafe { ffi::sqlite3_create_collation_v2(db, name.as_ptr(), flags, none, None, None) }
        } else {
            if !is_callable(vm, callback) {
                return Err(vm.type_error("parameter must be callable"));
            }
            let context = Context::into_raw(Context::new(callback));
            // SAFETY: an open connection; the context is SQLite's unless the call fails.
            unsafe {
                let code = ffi::sqlite3_create_collation_v2(
                    db,
                    name.as_ptr(),
                    flags,
                    context,
                    Some(functions::call_collation),
                    Some(functions::destroy),
                );
                if code != ffi::SQLITE_OK {
                    functions::destroy(context);
                }
                code
            }
        };
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(errors::failed(vm, db, code)),
        }
    }

    /// Set authorizer callback.
    ///
    /// Note: Passing keyword argument 'authorizer_callback' to
    /// _sqlite3.Connection.set_authorizer() is deprecated. Parameter
    /// 'authorizer_callback' will become positional-only in Python 3.15.
    #[pymethod(raw, sig = "($self, /, authorizer_callback)")]
    fn set_authorizer(vm: &Vm, args: Args) -> PyResult<()> {
        let (zelf, [callable], _) = deprecated(vm, args, &SET_AUTHORIZER, 1)?;
        let db = zelf.check(vm)?;
        let code = Connection::hook(&zelf.authorizer, callable, |context| {
            let function: Option<Authorizer> = if context.is_null() {
                None
            } else {
                Some(functions::call_authorizer)
            };
            // SAFETY: an open connection; the context lives until the hook is replaced.
            unsafe { ffi::sqlite3_set_authorizer(db, function, context) }
        });
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => {
                drop(zelf.authorizer.take());
                let text = "Error setting authorizer callback";
                Err(error(vm, Kind::OperationalError, text))
            }
        }
    }

    /// Set progress handler callback.
    ///
    ///   progress_handler
    ///     A callable that takes no arguments.
    ///     If the callable returns non-zero, the current query is
    ///     terminated, and an exception is raised.
    ///   n
    ///     The number of SQLite virtual machine instructions that are
    ///     executed between invocations of 'progress_handler'.
    ///
    /// If 'progress_handler' is None or 'n' is 0, the progress handler is
    /// disabled.
    ///
    /// Note: Passing keyword argument 'progress_handler' to
    /// _sqlite3.Connection.set_progress_handler() is deprecated. Parameter
    /// 'progress_handler' will become positional-only in Python 3.15.
    #[pymethod(raw, sig = "($self, /, progress_handler, n)")]
    fn set_progress_handler(vm: &Vm, args: Args) -> PyResult<()> {
        let (zelf, [callable, n], _) = deprecated(vm, args, &SET_PROGRESS_HANDLER, 1)?;
        let n = i32::from_arg(vm, n, &SET_PROGRESS_HANDLER, 1)?;
        let db = zelf.check(vm)?;
        Connection::hook(&zelf.progress, callable, |context| {
            // SAFETY: an open connection; the context lives until the hook is replaced.
            unsafe {
                if context.is_null() {
                    ffi::sqlite3_progress_handler(db, 0, None, context);
                } else {
                    let function = Some(functions::call_progress as unsafe extern "C" fn(_) -> _);
                    ffi::sqlite3_progress_handler(db, n, function, context);
                }
            }
            ffi::SQLITE_OK
        });
        Ok(())
    }

    /// Set a trace callback called for each SQL statement (passed as unicode).
    ///
    /// Note: Passing keyword argument 'trace_callback' to
    /// _sqlite3.Connection.set_trace_callback() is deprecated. Parameter
    /// 'trace_callback' will become positional-only in Python 3.15.
    #[pymethod(raw, sig = "($self, /, trace_callback)")]
    fn set_trace_callback(vm: &Vm, args: Args) -> PyResult<()> {
        let (zelf, [callable], _) = deprecated(vm, args, &SET_TRACE_CALLBACK, 1)?;
        let db = zelf.check(vm)?;
        Connection::hook(&zelf.trace, callable, |context| {
            let mask = ffi::SQLITE_TRACE_STMT;
            // SAFETY: an open connection; the context lives until the hook is replaced.
            unsafe {
                if context.is_null() {
                    ffi::sqlite3_trace_v2(db, mask, None, context)
                } else {
                    ffi::sqlite3_trace_v2(db, mask, Some(functions::call_trace), context)
                }
            }
        });
        Ok(())
    }

    /// Enable dynamic loading of SQLite extension modules.
    #[pymethod(sig = "($self, enable, /)")]
    fn enable_load_extension(zelf: &Ref<Self>, vm: &Vm, enable: bool) -> PyResult<()> {
        let args = [zelf.to_value(), Value::from_bool(enable)];
        vm.permit(Access::Event("sqlite3.enable_load_extension", &args))?;
        let db = zelf.check(vm)?;
        // SAFETY: an open connection.
        let code = unsafe { ffi::sqlite3_enable_load_extension(db, i32::from(enable)) };
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(error(
                vm,
                Kind::OperationalError,
                "Error enabling load extension",
            )),
        }
    }

    /// Load SQLite extension module.
    #[pymethod(sig = "($self, name, /, *, entrypoint=None)")]
    fn load_extension(
        zelf: &Ref<Self>,
        vm: &Vm,
        name: &str,
        entrypoint: Option<&Value>,
    ) -> PyResult<()> {
        let file = c_string(vm, name)?;
        let entry = match entrypoint.filter(|e| !e.is_none()) {
            None => None,
            Some(value) => match str_::of(value).and_then(|text| text.as_str()) {
                Some(text) => Some(c_string(vm, text)?),
                None => {
                    return Err(vm.type_error(format!(
                        "load_extension() argument 'entrypoint' must be str or None, not {}",
                        vm.type_of(value).full_name()
                    )));
                }
            },
        };
        let args = [zelf.to_value(), vm.new_str(name)?.into_value()];
        vm.permit(Access::Event("sqlite3.load_extension", &args))?;
        let db = zelf.check(vm)?;
        let mut message = std::ptr::null_mut();
        let entry = entry.as_ref().map_or(std::ptr::null(), |e| e.as_ptr());
        // SAFETY: an open connection and C strings; the message is ours to free.
        unsafe {
            let code = ffi::sqlite3_load_extension(db, file.as_ptr(), entry, &mut message);
            if code == ffi::SQLITE_OK {
                return Ok(());
            }
            if message.is_null() {
                return Err(errors::failed(vm, db, code));
            }
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            ffi::sqlite3_free(message.cast());
            Err(error(vm, Kind::OperationalError, text))
        }
    }

    /// Abort any pending database operation.
    #[pymethod(sig = "($self, /)")]
    fn interrupt(&self, vm: &Vm) -> PyResult<()> {
        self.check_open(vm)?;
        // SAFETY: an open connection; allowed from any thread.
        unsafe { ffi::sqlite3_interrupt(self.db()) };
        Ok(())
    }

    /// Returns iterator to the dump of the database in an SQL text format.
    ///
    ///   filter
    ///     An optional LIKE pattern for database objects to dump
    #[pymethod(sig = "($self, /, *, filter=None)")]
    fn iterdump(zelf: &Ref<Self>, vm: &Vm, filter: Option<&Value>) -> PyResult {
        zelf.check_open(vm)?;
        let module = naja_vm::import::import_simple(vm, "sqlite3.dump")?;
        let name = vm.intern("_iterdump");
        let Some(function) = attributes::get_optional(vm, &module, &name)? else {
            let text = "Failed to obtain _iterdump() reference";
            return Err(error(vm, Kind::OperationalError, text));
        };
        let keywords = vm.new_dict()?;
        let filter = filter.cloned().unwrap_or(Value::NONE);
        keywords.set_str(vm, &vm.intern("filter"), filter)?;
        vm.call_with(&function, &[zelf.to_value()], Some(&keywords))
    }

    /// Makes a backup of the database.
    #[pymethod(sig = "($self, /, target, *, pages=-1, progress=None, name='main', sleep=0.25)")]
    fn backup(
        zelf: &Ref<Self>,
        vm: &Vm,
        target: &Value,
        #[default(-1)] pages: i32,
        progress: Option<&Value>,
        #[default("main")] name: &str,
        #[default(0.25)] sleep: f64,
    ) -> PyResult<()> {
        let target = Connection::of_argument(vm, target, "backup() argument 'target'")?;
        let name = c_string(vm, name)?;
        let db = zelf.check(vm)?;
        target.check_open(vm)?;
        if target.is(zelf) {
            return Err(vm.value_error("target cannot be the same connection instance"));
        }
        let progress = progress.filter(|p| !p.is_none());
        if progress.is_some_and(|p| !is_callable(vm, p)) {
            return Err(vm.type_error("progress argument must be a callable"));
        }
        let pages = if pages == 0 { -1 } else { pages };
        let sleep = (sleep * 1000.0) as i32;
        let copy = target.db();
        let handle = released(vm, || {
            // SAFETY: open connections and C strings.
            unsafe { ffi::sqlite3_backup_init(copy, c"main".as_ptr(), db, name.as_ptr()) }
        });
        if handle.is_null() {
            return Err(errors::failed(vm, copy, ffi::SQLITE_ERROR));
        }
        // SAFETY (of the calls below): a backup under way until `finish`.
        let finish = || released(vm, || unsafe { ffi::sqlite3_backup_finish(handle) });
        loop {
            let code = released(vm, || unsafe { ffi::sqlite3_backup_step(handle, pages) });
            if let Some(progress) = progress {
                let (remaining, total) = unsafe {
                    (
                        ffi::sqlite3_backup_remaining(handle),
                        ffi::sqlite3_backup_pagecount(handle),
                    )
                };
                let called = [code, remaining, total]
                    .iter()
                    .map(|&n| vm.new_int(i64::from(n)))
                    .collect::<PyResult<Vec<Value>>>()
                    .and_then(|args| vm.call(progress, &args));
                if let Err(raised) = called {
                    finish();
                    return Err(raised);
                }
            }
            match code {
                ffi::SQLITE_OK => {}
                ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
                    // SAFETY: takes milliseconds, no object.
                    released(vm, || unsafe { ffi::sqlite3_sleep(sleep) });
                }
                _ => break,
            }
        }
        match finish() {
            ffi::SQLITE_OK => Ok(()),
            code => Err(errors::failed(vm, copy, code)),
        }
    }

    /// Serialize a database into a byte string.
    ///
    ///   name
    ///     Which database to serialize.
    ///
    /// For an ordinary on-disk database file, the serialization is just
    /// a copy of the disk file.  For an in-memory database or a "temp"
    /// database, the serialization is the same sequence of bytes which
    /// would be written to disk if that database were backed up to disk.
    #[pymethod(sig = "($self, /, *, name='main')")]
    fn serialize(&self, vm: &Vm, #[default("main")] name: &str) -> PyResult {
        let c_name = c_string(vm, name)?;
        let db = self.check(vm)?;
        let mut size = 0;
        let (data, owned) = released(vm, || {
            // SAFETY: an open connection and a C string. Without a copy the data stays SQLite's.
            unsafe {
                let no_copy = ffi::SQLITE_SERIALIZE_NOCOPY;
                let data = ffi::sqlite3_serialize(db, c_name.as_ptr(), &mut size, no_copy);
                if data.is_null() {
                    (
                        ffi::sqlite3_serialize(db, c_name.as_ptr(), &mut size, 0),
                        true,
                    )
                } else {
                    (data, false)
                }
            }
        });
        if data.is_null() {
            let text = format!("unable to serialize '{name}'");
            return Err(error(vm, Kind::OperationalError, text));
        }
        // SAFETY: SQLite gave `size` bytes; the copy is ours to free.
        unsafe {
            let size = usize::try_from(size).unwrap_or(0);
            let bytes = vm.new_bytes(std::slice::from_raw_parts(data, size));
            if owned {
                ffi::sqlite3_free(data.cast());
            }
            Ok(bytes?.into_value())
        }
    }

    /// Load a serialized database.
    ///
    ///   data
    ///     The serialized database content.
    ///   name
    ///     Which database to reopen with the deserialization.
    ///
    /// The deserialize interface causes the database connection to
    /// disconnect from the target database, and then reopen it as an
    /// in-memory database based on the given serialized data.
    ///
    /// The deserialize interface will fail with SQLITE_BUSY if the
    /// database is currently in a read transaction or is involved in
    /// a backup operation.
    #[pymethod(sig = "($self, data, /, *, name='main')")]
    fn deserialize(&self, vm: &Vm, data: &Value, #[default("main")] name: &str) -> PyResult<()> {
        let data = match str_::of(data) {
            Some(text) => text.as_bytes().to_vec(),
            None => Buffer::of(vm, data)?.to_vec(),
        };
        let name = c_string(vm, name)?;
        let db = self.check(vm)?;
        let code = released(vm, || {
            // SAFETY: an open connection; SQLite owns the memory, also where it fails.
            unsafe {
                let memory = ffi::sqlite3_malloc64(data.len() as u64).cast::<u8>();
                if memory.is_null() && !data.is_empty() {
                    return ffi::SQLITE_NOMEM;
                }
                if !data.is_empty() {
                    std::ptr::copy_nonoverlapping(data.as_ptr(), memory, data.len());
                }
                let flags =
                    ffi::SQLITE_DESERIALIZE_FREEONCLOSE | ffi::SQLITE_DESERIALIZE_RESIZEABLE;
                let size = data.len() as i64;
                ffi::sqlite3_deserialize(db, name.as_ptr(), memory, size, size, flags)
            }
        });
        match code {
            ffi::SQLITE_OK => Ok(()),
            ffi::SQLITE_NOMEM => Err(vm.memory_error("")),
            code => Err(errors::failed(vm, db, code)),
        }
    }

    /// Set connection run-time limits.
    ///
    ///   category
    ///     The limit category to be set.
    ///   limit
    ///     The new limit. If the new limit is a negative number, the limit
    ///     is unchanged.
    ///
    /// Attempts to increase a limit above its hard upper bound are silently
    /// truncated to the hard upper bound. Regardless of whether or not the
    /// limit was changed, the prior value of the limit is returned.
    #[pymethod(sig = "($self, category, limit, /)")]
    fn setlimit(&self, vm: &Vm, category: i32, limit: i32) -> PyResult<i32> {
        self.limit(vm, category, limit)
    }

    /// Get connection run-time limits.
    ///
    ///   category
    ///     The limit category to be queried.
    #[pymethod(sig = "($self, category, /)")]
    fn getlimit(&self, vm: &Vm, category: i32) -> PyResult<i32> {
        self.limit(vm, category, -1)
    }

    /// Set a boolean connection configuration option.
    ///
    ///   op
    ///     The configuration verb; one of the sqlite3.SQLITE_DBCONFIG codes.
    #[pymethod(sig = "($self, op, enable=True, /)")]
    fn setconfig(&self, vm: &Vm, op: i32, #[default(true)] enable: bool) -> PyResult<()> {
        if self.option(vm, op, i32::from(enable))? != i32::from(enable) {
            return Err(error(vm, Kind::OperationalError, "Unable to set config"));
        }
        Ok(())
    }

    /// Query a boolean connection configuration option.
    ///
    ///   op
    ///     The configuration verb; one of the sqlite3.SQLITE_DBCONFIG codes.
    #[pymethod(sig = "($self, op, /)")]
    fn getconfig(&self, vm: &Vm, op: i32) -> PyResult<bool> {
        Ok(self.option(vm, op, -1)? != 0)
    }
}
