//! `sqlite3.Connection`: opening and closing a database, transactions, and running statements.
//!
//! `db` is null before `__init__` and after `close`. SQLite's own `close_v2` keeps the database until the last statement
//! is finalised, so statements may outlive the connection. What configures a connection is in `configure.rs`.
//! CPython: Modules/_sqlite/connection.c.

use super::blob::{self, Blob, Handle};
use super::cursor::Cursor;
use super::errors::{self, Kind, programming_error};
use super::functions::Context;
use super::gil::released;
use super::statement::{Cache, Statement};
use crate::posix::path;
use libsqlite3_sys as ffi;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::exception::write_unraisable_while;
use naja_vm::function::{FromArg, Param, ParamKind, Signature};
use naja_vm::protocols::{number, object};
use naja_vm::runtime::{Access, threads};
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm, int};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::rc::{Rc, Weak};

unsafe extern "C" {
    /// Left out of the crate's bindings, but in the library that it compiles.
    fn sqlite3_close_v2(db: *mut ffi::sqlite3) -> i32;
}

/// The attribute `autocommit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Autocommit {
    Legacy,
    Enabled,
    Disabled,
}

/// SQLite database connection object.
#[pyclass(
    name = "Connection",
    module = "sqlite3",
    gc,
    flags(BASETYPE, IMMUTABLE)
)]
pub struct Connection {
    db: Cell<*mut ffi::sqlite3>,
    initialized: Cell<bool>,
    pub detect_types: Cell<i32>,
    /// What follows BEGIN; None: transactions are not begun for the user.
    pub isolation_level: Cell<Option<&'static CStr>>,
    pub autocommit: Cell<Autocommit>,
    check_same_thread: Cell<bool>,
    thread: Cell<u64>,
    cache: MutCell<Cache>,
    blobs: MutCell<Vec<Weak<Cell<*mut ffi::sqlite3_blob>>>>,
    row_factory: MutCell<Value>,
    pub text_factory: MutCell<Value>,
    pub trace: MutCell<Option<Box<Context>>>,
    pub progress: MutCell<Option<Box<Context>>>,
    pub authorizer: MutCell<Option<Box<Context>>>,
}

impl Traverse for Connection {
    fn traverse(&self, visitor: &mut Visitor) {
        self.row_factory.with(|v| visitor.value(v));
        self.text_factory.with(|v| visitor.value(v));
        for context in [&self.trace, &self.progress, &self.authorizer] {
            context.with(|c| {
                if let Some(c) = c {
                    visitor.value(&c.callable)
                }
            });
        }
    }

    fn clear(&self) {
        self.row_factory.set(Value::NONE);
        self.text_factory.set(Value::NONE);
        drop(self.cache.take());
        self.close_quietly();
    }
}

const LEVELS: [&CStr; 4] = [c"", c"DEFERRED", c"IMMEDIATE", c"EXCLUSIVE"];

/// A text as C has it. Raises ValueError for null characters.
pub fn c_string(vm: &Vm, text: &str) -> PyResult<CString> {
    CString::new(text).map_err(|_| vm.value_error("embedded null character"))
}

fn isolation_level_of(vm: &Vm, value: &Value) -> PyResult<Option<&'static CStr>> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(text) = str_::of(value) else {
        return Err(vm.type_error("isolation_level must be str or None"));
    };
    if text.as_bytes().contains(&0) {
        return Err(vm.value_error("embedded null character"));
    }
    let known = LEVELS
        .iter()
        .find(|level| level.to_bytes().eq_ignore_ascii_case(text.as_bytes()));
    match known {
        Some(level) => Ok(Some(level)),
        None => Err(vm.value_error(
            "isolation_level string must be '', 'DEFERRED', 'IMMEDIATE', or 'EXCLUSIVE'",
        )),
    }
}

fn autocommit_of(vm: &Vm, value: &Value) -> PyResult<Autocommit> {
    if value.is(&Value::TRUE) {
        return Ok(Autocommit::Enabled);
    }
    if value.is(&Value::FALSE) {
        return Ok(Autocommit::Disabled);
    }
    if number::is_int(vm, value) && int::as_i64(value) == Some(-1) {
        return Ok(Autocommit::Legacy);
    }
    Err(vm.value_error("autocommit must be True, False, or sqlite3.LEGACY_TRANSACTION_CONTROL"))
}

/// Before the first connection: a file name is a URI only where `uri=True` says so.
fn prepare_library() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: nothing has initialised the library yet; later the call does nothing.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_URI, 0) };
    });
}

impl Connection {
    /// The database; null if closed.
    pub fn db(&self) -> *mut ffi::sqlite3 {
        self.db.get()
    }

    /// Raises ProgrammingError unless the connection is open.
    pub fn check_open(&self, vm: &Vm) -> PyResult<()> {
        if !self.initialized.get() {
            return Err(programming_error(
                vm,
                "Base Connection.__init__ not called.",
            ));
        }
        if self.db().is_null() {
            return Err(programming_error(
                vm,
                "Cannot operate on a closed database.",
            ));
        }
        Ok(())
    }

    /// Raises ProgrammingError in any thread but the one that made it, unless that is allowed.
    pub fn check_thread(&self, vm: &Vm) -> PyResult<()> {
        let (made, now) = (self.thread.get(), threads::current_ident());
        if self.check_same_thread.get() && self.initialized.get() && made != now {
            return Err(programming_error(
                vm,
                format!(
                    "SQLite objects created in a thread can only be used in that same thread. \
                     The object was created in thread id {made} and this is thread id {now}."
                ),
            ));
        }
        Ok(())
    }

    /// Both checks, as most methods begin. Gives the database.
    pub fn check(&self, vm: &Vm) -> PyResult<*mut ffi::sqlite3> {
        self.check_thread(vm)?;
        self.check_open(vm)?;
        Ok(self.db())
    }

    /// Whether no transaction is open.
    pub fn is_idle(&self) -> bool {
        // SAFETY: an open connection, or null (true, by SQLite's checks of arguments).
        unsafe { ffi::sqlite3_get_autocommit(self.db()) != 0 }
    }

    /// Runs a statement without parameters or results.
    pub fn run(&self, vm: &Vm, sql: &CStr) -> PyResult<()> {
        let db = self.db();
        let code = released(vm, || {
            let mut statement = std::ptr::null_mut();
            // SAFETY: an open connection and a C string; the statement is finalised at once.
            unsafe {
                let none = std::ptr::null_mut();
                match ffi::sqlite3_prepare_v2(db, sql.as_ptr(), -1, &mut statement, none) {
                    ffi::SQLITE_OK => {
                        ffi::sqlite3_step(statement);
                        ffi::sqlite3_finalize(statement)
                    }
                    code => code,
                }
            }
        });
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(errors::failed(vm, db, code)),
        }
    }

    /// Begins a transaction as `isolation_level` says.
    pub fn begin(&self, vm: &Vm, level: &CStr) -> PyResult<()> {
        let sql = format!("BEGIN {}", level.to_string_lossy());
        self.run(vm, &c_string(vm, &sql)?)
    }

    /// The compiled statement of a text, from the cache if it is there.
    pub fn statement(&self, vm: &Vm, sql: &Ref<Str>) -> PyResult<Ref<Statement>> {
        if let Some(known) = self.cache.with_mut(|cache| cache.get(sql.as_bytes())) {
            return Ok(known);
        }
        let made = Statement::create(vm, self, sql)?;
        let gone = self
            .cache
            .with_mut(|cache| cache.put(sql.as_bytes(), made.clone()));
        drop(gone);
        Ok(made)
    }

    /// Unhooks the three callbacks of the connection from its database.
    fn remove_callbacks(db: *mut ffi::sqlite3) {
        // SAFETY: an open connection; the calls cannot fail.
        unsafe {
            let none = std::ptr::null_mut();
            ffi::sqlite3_trace_v2(db, 0, None, none);
            ffi::sqlite3_progress_handler(db, 0, None, none);
            ffi::sqlite3_set_authorizer(db, None, none);
        }
    }

    fn end(db: *mut ffi::sqlite3) {
        // SAFETY: an open connection, which is not used again; `close_v2` cannot fail.
        unsafe { sqlite3_close_v2(db) };
    }

    fn drop_callbacks(&self) {
        drop((
            self.trace.take(),
            self.progress.take(),
            self.authorizer.take(),
        ));
    }

    /// Closes without running Python.
    fn close_quietly(&self) {
        let db = self.db.replace(std::ptr::null_mut());
        if !db.is_null() {
            Connection::remove_callbacks(db);
            Connection::end(db);
        }
        self.drop_callbacks();
    }

    /// Closes the database. Raises what rolling back reports.
    fn close_db(&self, vm: &Vm) -> PyResult<()> {
        if self.db().is_null() {
            return Ok(());
        }
        let result = if self.autocommit.get() == Autocommit::Disabled && !self.is_idle() {
            self.run(vm, c"ROLLBACK")
        } else {
            Ok(())
        };
        let db = self.db.replace(std::ptr::null_mut());
        if !db.is_null() {
            Connection::remove_callbacks(db);
            released(vm, || Connection::end(db));
        }
        self.drop_callbacks();
        result
    }

    fn close_blobs(&self, vm: &Vm) {
        for handle in self.blobs.take() {
            if let Some(handle) = handle.upgrade() {
                blob::close(vm, &handle);
            }
        }
    }

    fn new_cursor(zelf: &Ref<Self>, vm: &Vm, factory: Option<&Value>) -> PyResult {
        zelf.check(vm)?;
        let class = vm.class::<Cursor>();
        let args = [zelf.to_value()];
        let made = match factory {
            Some(factory) => vm.call(factory, &args)?,
            None => vm.call(class.as_value(), &args)?,
        };
        let Some(cursor) = made.downcast::<Cursor>() else {
            return Err(vm.type_error(format!(
                "factory must return a cursor, not {:.100}",
                vm.type_of(&made).full_name()
            )));
        };
        let row_factory = zelf.row_factory.get();
        if !row_factory.is_none() {
            cursor.row_factory.set(row_factory);
        }
        Ok(made)
    }

    fn open(
        zelf: &Ref<Self>,
        vm: &Vm,
        database: &Value,
        timeout: f64,
        uri: bool,
        cache_size: i32,
    ) -> PyResult<*mut ffi::sqlite3> {
        vm.permit(Access::Event(
            "sqlite3.connect",
            std::slice::from_ref(database),
        ))?;
        let name = path::fs_bytes(vm, database)?;
        let name = CString::new(name).map_err(|_| vm.value_error("embedded null byte"))?;
        if zelf.initialized.replace(false) {
            zelf.row_factory.set(Value::NONE);
            zelf.text_factory.set(Value::NONE);
            drop(zelf.cache.take());
            zelf.close_db(vm)?;
        }
        prepare_library();
        let mut flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE;
        if uri {
            flags |= ffi::SQLITE_OPEN_URI;
        }
        let mut db = std::ptr::null_mut();
        let code = released(vm, || {
            // SAFETY: a C string; the connection goes to a local, and is closed below if opening failed.
            unsafe {
                let code = ffi::sqlite3_open_v2(name.as_ptr(), &mut db, flags, std::ptr::null());
                if code == ffi::SQLITE_OK {
                    ffi::sqlite3_busy_timeout(db, (timeout * 1000.0) as i32);
                    // Off unless asked for, whatever the library was compiled with.
                    let none = std::ptr::null_mut::<i32>();
                    ffi::sqlite3_db_config(db, ffi::SQLITE_DBCONFIG_ENABLE_FKEY, 0, none);
                }
                code
            }
        });
        if code != ffi::SQLITE_OK {
            let raised = errors::failed(vm, db, code);
            Connection::end(db);
            return Err(raised);
        }
        zelf.cache.set(Cache::new(cache_size));
        Ok(db)
    }
}

const fn param(name: &'static str, kind: ParamKind, required: bool) -> Param {
    Param {
        name,
        kind,
        required,
    }
}

static INIT: Signature = Signature::new(
    "",
    "Connection",
    &[
        param("database", ParamKind::PosOrKw, true),
        param("timeout", ParamKind::PosOrKw, false),
        param("detect_types", ParamKind::PosOrKw, false),
        param("isolation_level", ParamKind::PosOrKw, false),
        param("check_same_thread", ParamKind::PosOrKw, false),
        param("factory", ParamKind::PosOrKw, false),
        param("cached_statements", ParamKind::PosOrKw, false),
        param("uri", ParamKind::PosOrKw, false),
        param("autocommit", ParamKind::KwOnly, false),
    ],
);

/// Warns of positional arguments that are to become keyword-only.
pub fn warn_positional(vm: &Vm, function: &str, count: usize) -> PyResult<()> {
    if !(2..=8).contains(&count) {
        return Ok(());
    }
    let text = format!(
        "Passing more than 1 positional argument to {function}() is deprecated. Parameters 'timeout', 'detect_types', \
         'isolation_level', 'check_same_thread', 'factory', 'cached_statements' and 'uri' will become keyword-only \
         parameters in Python 3.15."
    );
    vm.warn(&vm.types.deprecation_warning, text, 1)
}

/// An argument converted, or its default.
fn arg<'a, T: FromArg<'a>>(
    vm: &Vm,
    bound: &[Option<&'a Value>],
    index: usize,
    default: T,
) -> PyResult<T> {
    match bound.get(index).copied().flatten() {
        Some(value) => T::from_arg(vm, value, &INIT, index),
        None => Ok(default),
    }
}

#[pymethods(with(super::configure::CONFIGURE))]
impl Connection {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let made = Connection {
            db: Cell::new(std::ptr::null_mut()),
            initialized: Cell::new(false),
            detect_types: Cell::new(0),
            isolation_level: Cell::new(None),
            autocommit: Cell::new(Autocommit::Legacy),
            check_same_thread: Cell::new(false),
            thread: Cell::new(0),
            cache: MutCell::new(Cache::default()),
            blobs: MutCell::new(Vec::new()),
            row_factory: MutCell::new(Value::NONE),
            text_factory: MutCell::new(Value::NONE),
            trace: MutCell::new(None),
            progress: MutCell::new(None),
            authorizer: MutCell::new(None),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pyslot(
        sig = "(database, timeout=5.0, detect_types=0, isolation_level='',\n           check_same_thread=True, factory=ConnectionType,\n           cached_statements=128, uri=False, *,\n           autocommit=sqlite3.LEGACY_TRANSACTION_CONTROL)"
    )]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        warn_positional(vm, "_sqlite3.Connection", args.positional().len())?;
        let mut bound = [None; 9];
        INIT.bind(vm, &args, &mut bound)?;
        let Some(database) = bound[0] else {
            return Err(INIT.missing(vm, 0));
        };
        let timeout = arg(vm, &bound, 1, 5.0)?;
        let detect_types = arg(vm, &bound, 2, 0)?;
        let isolation_level = match bound[3] {
            Some(value) => isolation_level_of(vm, value)?,
            None => Some(c""),
        };
        let same_thread = arg(vm, &bound, 4, true)?;
        let cache_size = arg(vm, &bound, 6, 128)?;
        let uri = arg(vm, &bound, 7, false)?;
        let autocommit = match bound[8] {
            Some(value) => autocommit_of(vm, value)?,
            None => Autocommit::Legacy,
        };
        let db = Connection::open(zelf, vm, database, timeout, uri, cache_size)?;
        zelf.db.set(db);
        zelf.detect_types.set(detect_types);
        zelf.isolation_level.set(isolation_level);
        zelf.autocommit.set(autocommit);
        zelf.check_same_thread.set(same_thread);
        zelf.thread.set(threads::current_ident());
        zelf.row_factory.set(Value::NONE);
        zelf.text_factory.set(vm.types.str.to_value());
        vm.permit(Access::Event("sqlite3.connect/handle", &[zelf.to_value()]))?;
        zelf.initialized.set(true);
        if autocommit == Autocommit::Disabled {
            zelf.run(vm, c"BEGIN")?;
        }
        Ok(())
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        let pending = vm.has_exception().then(|| vm.take_exception());
        let teardown = vm.interp.state.finalizing.get();
        if !zelf.db().is_null() {
            if teardown {
                Connection::remove_callbacks(zelf.db());
            }
            let warned = object::repr(vm, zelf.as_value()).and_then(|shown| {
                let text = format!("unclosed database in {}", shown.to_string_lossy());
                vm.warn(&vm.types.resource_warning, text, 1)
            });
            if warned.is_err() {
                if vm.exception_matches(&vm.types.warning) {
                    write_unraisable_while(vm, "finalizing database connection", zelf.as_value());
                } else {
                    vm.clear_exception();
                }
            }
        }
        if zelf.close_db(vm).is_err() {
            if teardown {
                vm.clear_exception();
            } else {
                write_unraisable_while(vm, "closing database", zelf.as_value());
            }
        }
        if let Some(pending) = pending {
            vm.raise_value(pending);
        }
    }

    /// Makes a statement object of a text.
    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        self.check(vm)?;
        if args.keyword_count() > 0 {
            return Err(vm.type_error("sqlite3.Connection() takes no keyword arguments"));
        }
        let [sql] = args.args else {
            let given = args.args.len();
            return Err(vm.type_error(format!("function takes exactly 1 argument ({given} given)")));
        };
        let Some(sql) = str_::of(sql) else {
            let kind = vm.type_of(sql).full_name();
            return Err(vm.type_error(format!("argument 1 must be str, not {kind}")));
        };
        Ok(Statement::create(vm, self, sql)?.into_value())
    }

    #[pygetter(name = "__text_signature__")]
    fn text_signature(&self) -> &'static str {
        "(sql, /)"
    }

    /// Return a cursor for the connection.
    #[pymethod(sig = "($self, /, factory=<unrepresentable>)")]
    fn cursor(zelf: &Ref<Self>, vm: &Vm, factory: Option<&Value>) -> PyResult {
        Connection::new_cursor(zelf, vm, factory)
    }

    /// Open and return a BLOB object.
    ///
    ///   table
    ///     Table name.
    ///   column
    ///     Column name.
    ///   rowid
    ///     Row index.
    ///   readonly
    ///     Open the BLOB without write permissions.
    ///   name
    ///     Database name.
    #[pymethod(sig = "($self, table, column, rowid, /, *, readonly=False, name='main')")]
    fn blobopen(
        zelf: &Ref<Self>,
        vm: &Vm,
        table: &str,
        column: &str,
        rowid: &Value,
        #[default(false)] readonly: bool,
        #[default("main")] name: &str,
    ) -> PyResult {
        let (table, column) = (c_string(vm, table)?, c_string(vm, column)?);
        if !number::is_int(vm, rowid) {
            return Err(vm.type_error("expected 'int'"));
        }
        let rowid = super::functions::int64(vm, rowid)?;
        let name = c_string(vm, name)?;
        let db = zelf.check(vm)?;
        let mut opened = std::ptr::null_mut();
        let code = released(vm, || {
            // SAFETY: an open connection and C strings; the handle goes to a local.
            unsafe {
                ffi::sqlite3_blob_open(
                    db,
                    name.as_ptr(),
                    table.as_ptr(),
                    column.as_ptr(),
                    rowid,
                    i32::from(!readonly),
                    &mut opened,
                )
            }
        });
        match code {
            ffi::SQLITE_OK => {}
            ffi::SQLITE_MISUSE => return Err(errors::from_code(vm, code)),
            code => return Err(errors::failed(vm, db, code)),
        }
        let handle: Handle = Rc::new(Cell::new(opened));
        zelf.blobs.with_mut(|blobs| {
            blobs.retain(|blob| blob.strong_count() > 0);
            blobs.push(Rc::downgrade(&handle));
        });
        Ok(Blob::make(vm, zelf, handle)?.into_value())
    }

    /// Close the database connection.
    ///
    /// Any pending transaction is not committed implicitly.
    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        self.check_thread(vm)?;
        if !self.initialized.get() {
            return Err(programming_error(
                vm,
                "Base Connection.__init__ not called.",
            ));
        }
        self.close_blobs(vm);
        drop(self.cache.take());
        self.close_db(vm)
    }

    /// Commit any pending transaction to the database.
    ///
    /// If there is no open transaction, this method is a no-op.
    #[pymethod(sig = "($self, /)")]
    fn commit(&self, vm: &Vm) -> PyResult<()> {
        self.finish(vm, c"COMMIT")
    }

    /// Roll back to the start of any pending transaction.
    ///
    /// If there is no open transaction, this method is a no-op.
    #[pymethod(sig = "($self, /)")]
    fn rollback(&self, vm: &Vm) -> PyResult<()> {
        self.finish(vm, c"ROLLBACK")
    }

    /// Executes an SQL statement.
    #[pymethod(sig = "($self, sql, parameters=(), /)")]
    fn execute(zelf: &Ref<Self>, vm: &Vm, sql: &Ref<Str>, parameters: Option<&Value>) -> PyResult {
        let cursor = Connection::new_cursor(zelf, vm, None)?;
        if let Some(cursor) = cursor.downcast::<Cursor>() {
            cursor.run(vm, false, sql, parameters)?;
        }
        Ok(cursor)
    }

    /// Repeatedly executes an SQL statement.
    #[pymethod(sig = "($self, sql, parameters, /)")]
    fn executemany(zelf: &Ref<Self>, vm: &Vm, sql: &Ref<Str>, parameters: &Value) -> PyResult {
        let cursor = Connection::new_cursor(zelf, vm, None)?;
        if let Some(cursor) = cursor.downcast::<Cursor>() {
            cursor.run(vm, true, sql, Some(parameters))?;
        }
        Ok(cursor)
    }

    /// Executes multiple SQL statements at once.
    #[pymethod(sig = "($self, sql_script, /)")]
    fn executescript(zelf: &Ref<Self>, vm: &Vm, sql_script: &Value) -> PyResult {
        let cursor = Connection::new_cursor(zelf, vm, None)?;
        vm.call_method_str(&cursor, "executescript", std::slice::from_ref(sql_script))?;
        Ok(cursor)
    }

    /// Called when the connection is used as a context manager.
    ///
    /// Returns itself as a convenience to the caller.
    #[pymethod(sig = "($self, /)")]
    fn __enter__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.check_open(vm)?;
        Ok(zelf.to_value())
    }

    /// Called when the connection is used as a context manager.
    ///
    /// If there was any exception, a rollback takes place; otherwise we commit.
    #[pymethod(sig = "($self, type, value, traceback, /)")]
    fn __exit__(&self, vm: &Vm, kind: &Value, value: &Value, traceback: &Value) -> PyResult<bool> {
        if !(kind.is_none() && value.is_none() && traceback.is_none()) {
            self.finish(vm, c"ROLLBACK")?;
            return Ok(false);
        }
        if let Err(raised) = self.finish(vm, c"COMMIT") {
            // The rollback unlocks the database; the error of the commit is what is reported.
            let exception = vm.take_exception();
            match self.finish(vm, c"ROLLBACK") {
                Ok(()) => {
                    vm.raise_value(exception);
                }
                Err(_) => super::functions::chain(vm, exception),
            }
            return Err(raised);
        }
        Ok(false)
    }

    #[pygetter]
    fn isolation_level(&self, vm: &Vm) -> PyResult {
        self.check_open(vm)?;
        match self.isolation_level.get() {
            Some(level) => Ok(vm.new_str(level.to_string_lossy())?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    #[pysetter]
    fn set_isolation_level(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete attribute"));
        };
        if value.is_none() {
            self.isolation_level.set(None);
            // Nothing may stay open: from now on the user begins transactions.
            return self.finish(vm, c"COMMIT");
        }
        self.isolation_level.set(isolation_level_of(vm, value)?);
        Ok(())
    }

    #[pygetter]
    fn total_changes(&self, vm: &Vm) -> PyResult<i32> {
        self.check_open(vm)?;
        // SAFETY: an open connection.
        Ok(unsafe { ffi::sqlite3_total_changes(self.db()) })
    }

    #[pygetter]
    fn in_transaction(&self, vm: &Vm) -> PyResult<bool> {
        self.check_open(vm)?;
        Ok(!self.is_idle())
    }

    #[pygetter]
    fn autocommit(&self, vm: &Vm) -> PyResult {
        self.check(vm)?;
        match self.autocommit.get() {
            Autocommit::Enabled => Ok(Value::TRUE),
            Autocommit::Disabled => Ok(Value::FALSE),
            Autocommit::Legacy => vm.new_int(-1),
        }
    }

    #[pysetter]
    fn set_autocommit(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        self.check(vm)?;
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete autocommit attribute"));
        };
        let mode = autocommit_of(vm, value)?;
        self.autocommit.set(mode);
        match mode {
            Autocommit::Enabled if !self.is_idle() => self.run(vm, c"COMMIT"),
            Autocommit::Disabled if self.is_idle() => self.run(vm, c"BEGIN"),
            _ => Ok(()),
        }
    }

    #[pygetter]
    fn row_factory(&self) -> Value {
        self.row_factory.get()
    }

    #[pysetter]
    fn set_row_factory(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete row_factory attribute"));
        };
        self.row_factory.set(value.clone());
        Ok(())
    }

    #[pygetter]
    fn text_factory(&self) -> Value {
        self.text_factory.get()
    }

    #[pysetter]
    fn set_text_factory(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete text_factory attribute"));
        };
        self.text_factory.set(value.clone());
        Ok(())
    }

    #[pymember(name = "Warning")]
    fn warning(&self, vm: &Vm) -> PyResult {
        Ok(Kind::Warning.class(vm)?.into_value())
    }
    #[pymember(name = "Error")]
    fn error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::Error.class(vm)?.into_value())
    }
    #[pymember(name = "InterfaceError")]
    fn interface_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::InterfaceError.class(vm)?.into_value())
    }
    #[pymember(name = "DatabaseError")]
    fn database_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::DatabaseError.class(vm)?.into_value())
    }
    #[pymember(name = "DataError")]
    fn data_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::DataError.class(vm)?.into_value())
    }
    #[pymember(name = "OperationalError")]
    fn operational_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::OperationalError.class(vm)?.into_value())
    }
    #[pymember(name = "IntegrityError")]
    fn integrity_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::IntegrityError.class(vm)?.into_value())
    }
    #[pymember(name = "InternalError")]
    fn internal_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::InternalError.class(vm)?.into_value())
    }
    #[pymember(name = "ProgrammingError")]
    fn programming_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::ProgrammingError.class(vm)?.into_value())
    }
    #[pymember(name = "NotSupportedError")]
    fn not_supported_error(&self, vm: &Vm) -> PyResult {
        Ok(Kind::NotSupportedError.class(vm)?.into_value())
    }
}

impl Connection {
    /// Ends the transaction that is open, and begins the next one where `autocommit` is off.
    fn finish(&self, vm: &Vm, how: &CStr) -> PyResult<()> {
        self.check(vm)?;
        match self.autocommit.get() {
            Autocommit::Legacy if !self.is_idle() => self.run(vm, how),
            Autocommit::Disabled => {
                self.run(vm, how)?;
                self.run(vm, c"BEGIN")
            }
            _ => Ok(()),
        }
    }

    /// The connection that an argument must be.
    pub fn of_argument<'a>(vm: &Vm, value: &'a Value, what: &str) -> PyResult<&'a Ref<Connection>> {
        value.downcast::<Connection>().ok_or_else(|| {
            let kind = if value.is_none() {
                "None".to_string()
            } else {
                vm.type_of(value).full_name()
            };
            vm.type_error(format!("{what} must be sqlite3.Connection, not {kind}"))
        })
    }
}
