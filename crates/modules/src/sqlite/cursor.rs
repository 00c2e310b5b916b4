//! `sqlite3.Cursor`: running statements and fetching their rows.
//!
//! Invariant: `statement` is set exactly while its last step gave a row that has not been fetched yet. `locked` is set
//! while a statement is being run or a row converted, when Python code that is called must not use the cursor.
//! CPython: Modules/_sqlite/cursor.c.

use super::connection::{Autocommit, Connection, c_string};
use super::errors::{self, Kind, error, programming_error};
use super::functions::{blob_pointer, chain, int64};
use super::gil::released;
use super::statement::Statement;
use super::{State, adapters};
use libsqlite3_sys as ffi;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::bytearray::ByteArray;
use naja_vm::dict::Dict;
use naja_vm::exception::surrogates_not_allowed;
use naja_vm::list::List;
use naja_vm::protocols::{iterator, number, object, sequence};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm, float};
use std::cell::Cell;
use std::ffi::{CStr, c_int};

/// Bits of `detect_types`.
const PARSE_DECLTYPES: i32 = 1;
const PARSE_COLNAMES: i32 = 2;

/// SQLite database cursor class.
#[pyclass(
    name = "Cursor",
    module = "sqlite3",
    gc,
    flags(BASETYPE, IMMUTABLE, HAS_WEAKREF)
)]
pub struct Cursor {
    connection: MutCell<Option<Ref<Connection>>>,
    pub description: MutCell<Value>,
    /// The converters of the columns, None for those that have none.
    converters: MutCell<Option<Vec<Value>>>,
    arraysize: Cell<u32>,
    lastrowid: MutCell<Value>,
    rowcount: Cell<i64>,
    pub row_factory: MutCell<Value>,
    statement: MutCell<Option<Ref<Statement>>>,
    closed: Cell<bool>,
    locked: Cell<bool>,
    initialized: Cell<bool>,
}

impl Traverse for Cursor {
    fn traverse(&self, visitor: &mut Visitor) {
        self.connection.with(|c| {
            if let Some(c) = c {
                visitor.reference(c)
            }
        });
        for field in [&self.description, &self.lastrowid, &self.row_factory] {
            field.with(|v| visitor.value(v));
        }
        self.converters.with(|c| {
            for converter in c.iter().flatten() {
                visitor.value(converter)
            }
        });
    }

    fn clear(&self) {
        drop(self.connection.take());
        self.description.set(Value::NONE);
        self.row_factory.set(Value::NONE);
        drop(self.converters.take());
    }
}

/// The bytes of a column's text or blob. Raises MemoryError.
///
/// # Safety
/// `data` is what SQLite gave for the column of a statement that stands on a row, and is used before the next call.
unsafe fn column_bytes<'a>(
    vm: &Vm,
    statement: *mut ffi::sqlite3_stmt,
    column: c_int,
    data: *const u8,
) -> PyResult<&'a [u8]> {
    // SAFETY: by contract; the length is asked for after the data, as SQLite wants it.
    unsafe {
        if data.is_null() {
            let db = ffi::sqlite3_db_handle(statement);
            if ffi::sqlite3_errcode(db) == ffi::SQLITE_NOMEM {
                return Err(vm.memory_error(""));
            }
            return Ok(&[]);
        }
        let len = ffi::sqlite3_column_bytes(statement, column);
        Ok(std::slice::from_raw_parts(
            data,
            usize::try_from(len).unwrap_or(0),
        ))
    }
}

/// "Could not decode to UTF-8 column ..." with the start of the text, what is not ASCII replaced.
#[cold]
fn undecodable(vm: &Vm, name: &CStr, text: &[u8]) -> naja_vm::Raised {
    let text = text.split(|&b| b == 0).next().unwrap_or(&[]);
    let mut message = b"Could not decode to UTF-8 column '".to_vec();
    message.extend_from_slice(name.to_bytes());
    message.extend_from_slice(b"' with text '");
    message.extend_from_slice(text);
    message.push(b'\'');
    message.truncate(198);
    let shown: String = message
        .iter()
        .map(|&b| {
            if b.is_ascii() {
                char::from(b)
            } else {
                '\u{fffd}'
            }
        })
        .collect();
    error(vm, Kind::OperationalError, shown)
}

impl Cursor {
    /// Raises ProgrammingError unless the cursor can be used. Gives its connection.
    fn check(&self, vm: &Vm) -> PyResult<Ref<Connection>> {
        if !self.initialized.get() {
            return Err(programming_error(vm, "Base Cursor.__init__ not called."));
        }
        if self.closed.get() {
            return Err(programming_error(vm, "Cannot operate on a closed cursor."));
        }
        let Some(connection) = self.connection.get() else {
            return Err(programming_error(vm, "Base Cursor.__init__ not called."));
        };
        connection.check_thread(vm)?;
        connection.check_open(vm)?;
        self.check_unlocked(vm)?;
        Ok(connection)
    }

    fn check_unlocked(&self, vm: &Vm) -> PyResult<()> {
        if self.locked.get() {
            return Err(programming_error(
                vm,
                "Recursive use of cursors not allowed.",
            ));
        }
        Ok(())
    }

    /// Lets go of the statement under way.
    fn forget_statement(&self, vm: &Vm) {
        if let Some(statement) = self.statement.take() {
            statement.reset(vm);
        }
    }

    /// `execute` or, with `many`, `executemany`.
    pub fn run(
        &self,
        vm: &Vm,
        many: bool,
        sql: &Ref<Str>,
        parameters: Option<&Value>,
    ) -> PyResult<()> {
        let connection = self.check(vm)?;
        self.locked.set(true);
        let result = self.run_locked(vm, &connection, many, sql, parameters);
        self.locked.set(false);
        if result.is_err() || vm.has_exception() {
            let exception = vm.take_exception();
            self.forget_statement(vm);
            self.rowcount.set(-1);
            return Err(vm.raise_value(exception));
        }
        let over = self
            .statement
            .with(|s| s.as_ref().is_some_and(|s| !s.is_busy()));
        if over {
            drop(self.statement.take());
        }
        Ok(())
    }

    fn run_locked(
        &self,
        vm: &Vm,
        connection: &Ref<Connection>,
        many: bool,
        sql: &Ref<Str>,
        parameters: Option<&Value>,
    ) -> PyResult<()> {
        let rows = match (many, parameters) {
            (true, Some(rows)) if vm.type_of(rows).slots.iternext.get().is_some() => {
                Some(rows.clone())
            }
            (true, Some(rows)) => Some(iterator::iter(vm, rows)?),
            _ => None,
        };
        self.description.set(Value::NONE);
        self.forget_statement(vm);
        let mut statement = connection.statement(vm, sql)?;
        self.statement.set(Some(statement.clone()));
        // SAFETY: a live statement or null.
        if many && unsafe { ffi::sqlite3_stmt_readonly(statement.handle()) != 0 } {
            return Err(programming_error(
                vm,
                "executemany() can only execute DML statements.",
            ));
        }
        if statement.is_busy() {
            // Another cursor stands on a row of it.
            statement = Statement::create(vm, connection, sql)?;
            self.statement.set(Some(statement.clone()));
        }
        statement.reset(vm);
        self.rowcount.set(if statement.is_dml { 0 } else { -1 });
        if connection.autocommit.get() == Autocommit::Legacy
            && statement.is_dml
            && let Some(level) = connection.isolation_level.get()
            && connection.is_idle()
        {
            connection.begin(vm, level)?;
        }
        match rows {
            Some(rows) => {
                while let Some(parameters) = iterator::next(vm, &rows)? {
                    if !self.run_once(vm, connection, &statement, Some(&parameters))? {
                        return Ok(());
                    }
                }
            }
            None => {
                if !self.run_once(vm, connection, &statement, parameters)? {
                    return Ok(());
                }
                // SAFETY: an open connection, or null if Python code closed it meanwhile.
                let id = unsafe { ffi::sqlite3_last_insert_rowid(connection.db()) };
                self.lastrowid.set(vm.new_int(id)?);
            }
        }
        Ok(())
    }

    /// Binds, steps and describes once. False: an empty statement, there is nothing more to do.
    fn run_once(
        &self,
        vm: &Vm,
        connection: &Ref<Connection>,
        statement: &Ref<Statement>,
        parameters: Option<&Value>,
    ) -> PyResult<bool> {
        match parameters {
            Some(parameters) => bind_all(vm, statement, parameters)?,
            None => bind_items(vm, statement, 0, |_| Ok(Value::NONE))?,
        }
        let code = statement.step(vm);
        if code != ffi::SQLITE_DONE && code != ffi::SQLITE_ROW {
            if vm.has_exception() {
                // A callback's, which SQLite's error stands for.
                if vm.interp.module_state::<State>().callback_tracebacks.get() {
                    naja_vm::exception::write_unraisable(vm, None);
                } else {
                    vm.clear_exception();
                }
            }
            errors::from_db(vm, connection.db())?;
            return Ok(false);
        }
        if vm.has_exception() {
            return Err(naja_vm::Raised);
        }
        let handle = statement.handle();
        self.find_converters(vm, connection.detect_types.get(), handle)?;
        // SAFETY: a live statement.
        let columns = unsafe { ffi::sqlite3_column_count(handle) };
        if columns > 0 && self.description.with(Value::is_none) {
            self.describe(vm, connection.detect_types.get(), handle, columns)?;
        }
        if code == ffi::SQLITE_DONE {
            if statement.is_dml {
                // SAFETY: an open connection, or null.
                let changes = unsafe { ffi::sqlite3_changes(connection.db()) };
                self.rowcount.set(self.rowcount.get() + i64::from(changes));
            }
            statement.reset(vm);
        }
        Ok(true)
    }

    /// Sets `description`: a tuple of seven for each column, of which only the name is known.
    fn describe(
        &self,
        vm: &Vm,
        detect_types: i32,
        handle: *mut ffi::sqlite3_stmt,
        columns: c_int,
    ) -> PyResult<()> {
        let mut all = Vec::new();
        for column in 0..columns {
            let name = column_name(vm, handle, column)?;
            let mut shown = name.to_bytes();
            if detect_types & PARSE_COLNAMES != 0
                && let Some(bracket) = shown.iter().position(|&b| b == b'[')
            {
                let space = bracket > 0 && shown[bracket - 1] == b' ';
                shown = &shown[..bracket - usize::from(space)];
            }
            let mut items = vec![str_::codecs::decode(vm, shown, None, None)?];
            items.resize(7, Value::NONE);
            all.push(vm.new_tuple(items)?.into_value());
        }
        self.description.set(vm.new_tuple(all)?.into_value());
        Ok(())
    }

    /// Finds the converter of each column, by its declared type or by "[type]" in its name.
    fn find_converters(
        &self,
        vm: &Vm,
        detect_types: i32,
        handle: *mut ffi::sqlite3_stmt,
    ) -> PyResult<()> {
        if detect_types == 0 {
            return Ok(());
        }
        match converters_of(vm, detect_types, handle) {
            Ok(found) => {
                self.converters.set(Some(found));
                Ok(())
            }
            Err(_) => {
                drop(self.converters.take());
                let cause = vm.take_exception();
                let text = "Error while building row_cast_map";
                let raised = error(vm, Kind::OperationalError, text);
                if let Some(exception) = vm.pending_exception() {
                    exception.set_cause(Some(cause.to_value()));
                    naja_vm::exception::set_context_avoiding_cycle(&exception, cause.into_value());
                }
                Err(raised)
            }
        }
    }

    /// The row that a statement stands on.
    fn row(
        &self,
        vm: &Vm,
        connection: &Ref<Connection>,
        statement: &Ref<Statement>,
    ) -> PyResult<Ref<Tuple>> {
        let handle = statement.handle();
        // SAFETY: a live statement.
        let columns = unsafe { ffi::sqlite3_data_count(handle) };
        let mut row = Vec::new();
        for column in 0..columns {
            let converter = if connection.detect_types.get() == 0 {
                None
            } else {
                self.converters.with(|all| {
                    let all = all.as_ref()?;
                    all.get(column as usize).filter(|c| !c.is_none()).cloned()
                })
            };
            let value = match converter {
                Some(converter) => {
                    // SAFETY: the statement stands on a row; the bytes are copied before anything else is asked.
                    let bytes = unsafe {
                        let data = ffi::sqlite3_column_blob(handle, column).cast::<u8>();
                        let bytes = column_bytes(vm, handle, column, data)?;
                        if data.is_null() {
                            None
                        } else {
                            Some(vm.new_bytes(bytes)?.into_value())
                        }
                    };
                    match bytes {
                        Some(bytes) => vm.call(&converter, &[bytes])?,
                        None => Value::NONE,
                    }
                }
                None => column_value(vm, connection, handle, column)?,
            };
            row.push(value);
        }
        vm.new_tuple(row)
    }

    /// The next row, if there is one.
    fn fetch(&self, vm: &Vm, zelf: &Value) -> PyResult<Option<Value>> {
        let connection = self.check(vm)?;
        let Some(statement) = self.statement.get() else {
            return Ok(None);
        };
        self.locked.set(true);
        let row = self.row(vm, &connection, &statement);
        self.locked.set(false);
        let row = row?;
        let code = statement.step(vm);
        if code == ffi::SQLITE_DONE {
            if statement.is_dml {
                // SAFETY: an open connection, or null.
                let changes = unsafe { ffi::sqlite3_changes(connection.db()) };
                self.rowcount.set(i64::from(changes));
            }
            self.forget_statement(vm);
        } else if code != ffi::SQLITE_ROW {
            let raised = errors::failed(vm, connection.db(), code);
            let exception = vm.take_exception();
            self.forget_statement(vm);
            vm.raise_value(exception);
            return Err(raised);
        }
        if vm.has_exception() {
            return Err(naja_vm::Raised);
        }
        let factory = self.row_factory.get();
        if factory.is_none() {
            return Ok(Some(row.into_value()));
        }
        vm.call(&factory, &[zelf.clone(), row.into_value()])
            .map(Some)
    }

    fn fetch_up_to(zelf: &Ref<Self>, vm: &Vm, count: Option<u32>) -> PyResult {
        let mut rows = Vec::new();
        while count.is_none_or(|count| rows.len() < count as usize) {
            match zelf.fetch(vm, zelf.as_value())? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(vm.new_list(rows)?.into_value())
    }
}

fn column_name(vm: &Vm, handle: *mut ffi::sqlite3_stmt, column: c_int) -> PyResult<&CStr> {
    // SAFETY: a live statement; the name lives until it is finalised or recompiled, and is copied by the callers.
    unsafe {
        let name = ffi::sqlite3_column_name(handle, column);
        if name.is_null() {
            return Err(vm.memory_error(""));
        }
        Ok(CStr::from_ptr(name))
    }
}

fn converter_named(vm: &Vm, name: &[u8]) -> PyResult<Option<Value>> {
    let name = str_::codecs::decode(vm, name, None, None)?;
    let upper = vm.call_method_str(&name, "upper", &[])?;
    let state = vm.interp.module_state::<State>();
    adapters::dict_of(vm, &state.converters)?.get(vm, &upper)
}

fn converters_of(
    vm: &Vm,
    detect_types: i32,
    handle: *mut ffi::sqlite3_stmt,
) -> PyResult<Vec<Value>> {
    let mut found = Vec::new();
    // SAFETY: a live statement.
    let columns = unsafe { ffi::sqlite3_column_count(handle) };
    for column in 0..columns {
        let mut converter = None;
        if detect_types & PARSE_COLNAMES != 0 {
            let name = column_name(vm, handle, column)?.to_bytes().to_vec();
            let mut start = None;
            for (at, &byte) in name.iter().enumerate() {
                match (byte, start) {
                    (b'[', _) => start = Some(at + 1),
                    (b']', Some(start)) => {
                        converter = converter_named(vm, &name[start..at])?;
                        break;
                    }
                    _ => {}
                }
            }
        }
        if converter.is_none() && detect_types & PARSE_DECLTYPES != 0 {
            // SAFETY: a live statement; the text is copied at once.
            let declared = unsafe {
                let text = ffi::sqlite3_column_decltype(handle, column);
                (!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec())
            };
            if let Some(declared) = declared {
                // "INTEGER NOT NULL" is INTEGER, "NUMBER(10)" is NUMBER.
                let word = declared.split(|&b| b == b' ' || b == b'(').next();
                converter = converter_named(vm, word.unwrap_or(&[]))?;
            }
        }
        found.push(converter.unwrap_or(Value::NONE));
    }
    Ok(found)
}

/// A column's value without a converter.
fn column_value(
    vm: &Vm,
    connection: &Ref<Connection>,
    handle: *mut ffi::sqlite3_stmt,
    column: c_int,
) -> PyResult {
    // SAFETY: the statement stands on a row; text and blobs are copied before anything else is asked.
    unsafe {
        match ffi::sqlite3_column_type(handle, column) {
            ffi::SQLITE_NULL => Ok(Value::NONE),
            ffi::SQLITE_INTEGER => vm.new_int(ffi::sqlite3_column_int64(handle, column)),
            ffi::SQLITE_FLOAT => vm.new_float(ffi::sqlite3_column_double(handle, column)),
            ffi::SQLITE_TEXT => {
                let data = ffi::sqlite3_column_text(handle, column);
                let bytes = column_bytes(vm, handle, column, data)?;
                let factory = connection.text_factory.get();
                let types = &vm.types;
                if factory.is(types.str.as_value()) {
                    return match std::str::from_utf8(bytes) {
                        Ok(text) => Ok(vm.new_str(text)?.into_value()),
                        Err(_) => Err(undecodable(vm, column_name(vm, handle, column)?, bytes)),
                    };
                }
                if factory.is(types.bytearray.as_value()) {
                    return Ok(ByteArray::from_vec(vm, bytes.to_vec())?.into_value());
                }
                let bytes = vm.new_bytes(bytes)?.into_value();
                if factory.is(types.bytes.as_value()) {
                    return Ok(bytes);
                }
                vm.call(&factory, &[bytes])
            }
            _ => {
                let data = ffi::sqlite3_column_blob(handle, column).cast::<u8>();
                let bytes = column_bytes(vm, handle, column, data)?;
                Ok(vm.new_bytes(bytes)?.into_value())
            }
        }
    }
}

/// Binds one value. Gives SQLite's result code.
fn bind_one(
    vm: &Vm,
    handle: *mut ffi::sqlite3_stmt,
    position: c_int,
    value: &Value,
) -> PyResult<c_int> {
    if value.is_none() {
        // SAFETY: a live statement.
        return Ok(unsafe { ffi::sqlite3_bind_null(handle, position) });
    }
    if number::is_int(vm, value) {
        let n = int64(vm, value)?;
        // SAFETY: a live statement.
        return Ok(unsafe { ffi::sqlite3_bind_int64(handle, position, n) });
    }
    if let Some(f) = float::value_of(value) {
        // SAFETY: a live statement.
        return Ok(unsafe { ffi::sqlite3_bind_double(handle, position, f) });
    }
    if let Some(text) = str_::of(value) {
        let Some(bytes) = text.as_str() else {
            return Err(surrogates_not_allowed(vm, text));
        };
        let Ok(len) = c_int::try_from(bytes.len()) else {
            return Err(vm.overflow_error("string longer than INT_MAX bytes"));
        };
        let data = bytes.as_ptr().cast();
        // SAFETY: a live statement; SQLite copies the text (SQLITE_TRANSIENT).
        return Ok(unsafe {
            ffi::sqlite3_bind_text(handle, position, data, len, ffi::SQLITE_TRANSIENT())
        });
    }
    if Buffer::supported(vm, value) {
        let buffer = Buffer::of(vm, value)?;
        let Ok(len) = c_int::try_from(buffer.len()) else {
            return Err(vm.overflow_error("BLOB longer than INT_MAX bytes"));
        };
        // SAFETY: a live statement; SQLite copies the bytes (SQLITE_TRANSIENT).
        return Ok(buffer.with(|bytes| unsafe {
            let data = blob_pointer(bytes);
            ffi::sqlite3_bind_blob(handle, position, data, len, ffi::SQLITE_TRANSIENT())
        }));
    }
    Err(programming_error(
        vm,
        format!(
            "Error binding parameter {position}: type '{}' is not supported",
            vm.type_of(value).full_name()
        ),
    ))
}

/// Binds an adapted value, and reports what SQLite has to say of it.
fn bind_value(
    vm: &Vm,
    handle: *mut ffi::sqlite3_stmt,
    position: c_int,
    value: Value,
) -> PyResult<()> {
    let value = adapters::prepare(vm, value)?;
    // SAFETY: a live statement.
    let db = unsafe { ffi::sqlite3_db_handle(handle) };
    match bind_one(vm, handle, position, &value)? {
        ffi::SQLITE_OK => Ok(()),
        code => Err(errors::failed(vm, db, code)),
    }
}

/// The name of a parameter.
fn parameter_name(handle: *mut ffi::sqlite3_stmt, position: c_int) -> Option<String> {
    // SAFETY: a live statement; the name is copied.
    unsafe {
        let name = ffi::sqlite3_bind_parameter_name(handle, position);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// Binds the items of a sequence of `given` items.
fn bind_items(
    vm: &Vm,
    statement: &Ref<Statement>,
    given: usize,
    mut item: impl FnMut(usize) -> PyResult,
) -> PyResult<()> {
    let handle = statement.handle();
    // SAFETY: a live statement or null.
    let needed = unsafe { ffi::sqlite3_bind_parameter_count(handle) };
    if usize::try_from(needed).unwrap_or(0) != given {
        return Err(programming_error(
            vm,
            format!(
                "Incorrect number of bindings supplied. The current statement uses {needed}, and there are {given} \
                 supplied."
            ),
        ));
    }
    for i in 0..given {
        let position = i as c_int + 1;
        if let Some(name) = parameter_name(handle, position).filter(|n| !n.starts_with('?')) {
            return Err(programming_error(
                vm,
                format!(
                    "Binding {position} ('{name}') is a named parameter, but you supplied a sequence which requires \
                     nameless (qmark) placeholders."
                ),
            ));
        }
        bind_value(vm, handle, position, item(i)?)?;
    }
    Ok(())
}

/// Binds parameters given as a sequence or a dictionary.
fn bind_all(vm: &Vm, statement: &Ref<Statement>, parameters: &Value) -> PyResult<()> {
    if let Some(tuple) = parameters.downcast::<Tuple>()
        && vm.type_of(parameters).is(&vm.types.tuple)
    {
        let item = |i: usize| Ok(tuple.get(i).cloned().unwrap_or(Value::NONE));
        return bind_items(vm, statement, tuple.len(), item);
    }
    if let Some(list) = parameters.downcast::<List>()
        && vm.type_of(parameters).is(&vm.types.list)
    {
        let item = |i: usize| {
            list.get(i)
                .ok_or_else(|| vm.index_error("list index out of range"))
        };
        return bind_items(vm, statement, list.len(), item);
    }
    let is_dict = parameters.downcast::<Dict>().is_some();
    if !is_dict && sequence::is_sequence(vm, parameters) {
        let item = |i: usize| sequence::get(vm, parameters, i as isize);
        return bind_items(vm, statement, object::len(vm, parameters)?, item);
    }
    if !is_dict {
        return Err(programming_error(vm, "parameters are of unsupported type"));
    }
    let handle = statement.handle();
    // SAFETY: a live statement or null.
    let needed = unsafe { ffi::sqlite3_bind_parameter_count(handle) };
    for position in 1..=needed {
        let Some(name) = parameter_name(handle, position) else {
            return Err(programming_error(
                vm,
                format!(
                    "Binding {position} has no name, but you supplied a dictionary (which has only names)."
                ),
            ));
        };
        // Without the colon.
        let key = name.get(1..).unwrap_or("");
        let value = match object::get_item(vm, parameters, vm.new_str(key)?.as_value()) {
            Ok(value) => value,
            Err(raised) => {
                if !vm.catch(&vm.types.lookup_error) {
                    return Err(raised);
                }
                return Err(programming_error(
                    vm,
                    format!("You did not supply a value for binding parameter :{key}."),
                ));
            }
        };
        bind_value(vm, handle, position, value)?;
    }
    Ok(())
}

#[pymethods]
impl Cursor {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let made = Cursor {
            connection: MutCell::new(None),
            description: MutCell::new(Value::NONE),
            converters: MutCell::new(None),
            arraysize: Cell::new(1),
            lastrowid: MutCell::new(Value::NONE),
            rowcount: Cell::new(-1),
            row_factory: MutCell::new(Value::NONE),
            statement: MutCell::new(None),
            closed: Cell::new(false),
            locked: Cell::new(false),
            initialized: Cell::new(false),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pyslot(sig = "(connection, /)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("Cursor() takes no keyword arguments"));
        }
        let [connection] = args.args else {
            let given = args.args.len();
            return Err(vm.type_error(format!("Cursor expected 1 argument, got {given}")));
        };
        let connection = Connection::of_argument(vm, connection, "Cursor() argument 1")?;
        zelf.check_unlocked(vm)?;
        drop(zelf.connection.replace(Some(connection.clone())));
        zelf.forget_statement(vm);
        drop(zelf.converters.take());
        zelf.description.set(Value::NONE);
        zelf.lastrowid.set(Value::NONE);
        zelf.arraysize.set(1);
        zelf.closed.set(false);
        zelf.rowcount.set(-1);
        zelf.row_factory.set(Value::NONE);
        connection.check_thread(vm)?;
        zelf.initialized.set(true);
        Ok(())
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        zelf.forget_statement(vm);
    }

    #[pyslot]
    fn iter(zelf: &Value) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.fetch(vm, zelf.as_value())
    }

    /// Executes an SQL statement.
    #[pymethod(sig = "($self, sql, parameters=(), /)")]
    fn execute(zelf: &Ref<Self>, vm: &Vm, sql: &Ref<Str>, parameters: Option<&Value>) -> PyResult {
        zelf.run(vm, false, sql, parameters)?;
        Ok(zelf.to_value())
    }

    /// Repeatedly executes an SQL statement.
    #[pymethod(sig = "($self, sql, seq_of_parameters, /)")]
    fn executemany(
        zelf: &Ref<Self>,
        vm: &Vm,
        sql: &Ref<Str>,
        seq_of_parameters: &Value,
    ) -> PyResult {
        zelf.run(vm, true, sql, Some(seq_of_parameters))?;
        Ok(zelf.to_value())
    }

    /// Executes multiple SQL statements at once.
    #[pymethod(sig = "($self, sql_script, /)")]
    fn executescript(zelf: &Ref<Self>, vm: &Vm, sql_script: &Value) -> PyResult {
        let Some(text) = str_::of(sql_script) else {
            let kind = if sql_script.is_none() {
                "None".to_string()
            } else {
                vm.type_of(sql_script).full_name()
            };
            return Err(vm.type_error(format!("executescript() argument must be str, not {kind}")));
        };
        let Some(sql) = text.as_str() else {
            return Err(surrogates_not_allowed(vm, text));
        };
        let script = c_string(vm, sql)?;
        let connection = zelf.check(vm)?;
        let db = connection.db();
        // SAFETY: an open connection; -1 only asks.
        let limit = unsafe { ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_SQL_LENGTH, -1) };
        if sql.len() > usize::try_from(limit).unwrap_or(0) {
            return Err(error(vm, Kind::DataError, "query string is too large"));
        }
        if connection.autocommit.get() == Autocommit::Legacy && !connection.is_idle() {
            connection.run(vm, c"COMMIT")?;
        }
        let code = released(vm, || {
            let mut rest = script.as_ptr();
            // SAFETY: an open connection; `rest` walks along the script, a C string, to its end.
            unsafe {
                while *rest != 0 {
                    let (mut statement, mut tail) = (std::ptr::null_mut(), std::ptr::null());
                    let mut code = ffi::sqlite3_prepare_v2(db, rest, -1, &mut statement, &mut tail);
                    if code == ffi::SQLITE_OK {
                        while ffi::sqlite3_step(statement) == ffi::SQLITE_ROW {}
                        code = ffi::sqlite3_finalize(statement);
                    }
                    if code != ffi::SQLITE_OK {
                        return code;
                    }
                    rest = tail;
                }
            }
            ffi::SQLITE_OK
        });
        match code {
            ffi::SQLITE_OK => Ok(zelf.to_value()),
            code => {
                let earlier = vm.has_exception().then(|| vm.take_exception());
                let raised = errors::failed(vm, db, code);
                if let Some(earlier) = earlier {
                    chain(vm, earlier);
                }
                Err(raised)
            }
        }
    }

    /// Fetches one row from the resultset.
    #[pymethod(sig = "($self, /)")]
    fn fetchone(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(zelf.fetch(vm, zelf.as_value())?.unwrap_or(Value::NONE))
    }

    /// Fetches several rows from the resultset.
    ///
    ///   size
    ///     The default value is set by the Cursor.arraysize attribute.
    #[pymethod(sig = "($self, /, size=1)")]
    fn fetchmany(zelf: &Ref<Self>, vm: &Vm, size: Option<u32>) -> PyResult {
        let size = size.unwrap_or(zelf.arraysize.get());
        Cursor::fetch_up_to(zelf, vm, Some(size))
    }

    /// Fetches all rows from the resultset.
    #[pymethod(sig = "($self, /)")]
    fn fetchall(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Cursor::fetch_up_to(zelf, vm, None)
    }

    /// Required by DB-API. Does nothing in sqlite3.
    #[pymethod(sig = "($self, sizes, /)")]
    fn setinputsizes(&self, _sizes: &Value) {}

    /// Required by DB-API. Does nothing in sqlite3.
    #[pymethod(sig = "($self, size, column=None, /)")]
    fn setoutputsize(&self, _size: &Value, _column: Option<&Value>) {}

    /// Closes the cursor.
    #[pymethod(sig = "($self, /)")]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        self.check_unlocked(vm)?;
        let Some(connection) = self.connection.get() else {
            return Err(programming_error(vm, "Base Cursor.__init__ not called."));
        };
        connection.check_thread(vm)?;
        connection.check_open(vm)?;
        self.forget_statement(vm);
        self.closed.set(true);
        Ok(())
    }

    #[pymember]
    fn connection(&self) -> Option<Ref<Connection>> {
        self.connection.get()
    }
    #[pymember]
    fn description(&self) -> Value {
        self.description.get()
    }
    #[pymember]
    fn lastrowid(&self) -> Value {
        self.lastrowid.get()
    }
    #[pymember]
    fn rowcount(&self) -> i64 {
        self.rowcount.get()
    }

    #[pygetter]
    fn arraysize(&self) -> u32 {
        self.arraysize.get()
    }

    #[pysetter]
    fn set_arraysize(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error(
                "attribute 'arraysize' of 'sqlite3.Cursor' objects cannot be deleted",
            ));
        };
        let n = number::index_big(vm, value)?;
        if n < dashu_int::IBig::ZERO {
            return Err(vm.value_error("Cannot convert negative int"));
        }
        match u32::try_from(n) {
            Ok(n) => self.arraysize.set(n),
            Err(_) => {
                return Err(vm.overflow_error("Python int too large to convert to C uint32_t"));
            }
        }
        Ok(())
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
}
