//! The exceptions of `sqlite3`, and how a result code of SQLite's becomes one.
//!
//! Each interpreter has its own classes, made when first asked for. CPython: Modules/_sqlite/util.c.

use super::constants;
use crate::common;
use libsqlite3_sys as ffi;
use naja_heap::Ref;
use naja_vm::protocols::attributes;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};
use std::ffi::CStr;

/// The classes of PEP 249.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Warning,
    Error,
    InterfaceError,
    DatabaseError,
    DataError,
    OperationalError,
    IntegrityError,
    InternalError,
    ProgrammingError,
    NotSupportedError,
}

/// All of them, bases first, with their names.
pub const KINDS: [(Kind, &str); 10] = [
    (Kind::Error, "sqlite3.Error"),
    (Kind::Warning, "sqlite3.Warning"),
    (Kind::InterfaceError, "sqlite3.InterfaceError"),
    (Kind::DatabaseError, "sqlite3.DatabaseError"),
    (Kind::InternalError, "sqlite3.InternalError"),
    (Kind::OperationalError, "sqlite3.OperationalError"),
    (Kind::ProgrammingError, "sqlite3.ProgrammingError"),
    (Kind::IntegrityError, "sqlite3.IntegrityError"),
    (Kind::DataError, "sqlite3.DataError"),
    (Kind::NotSupportedError, "sqlite3.NotSupportedError"),
];

impl Kind {
    /// The class in this interpreter. Raises MemoryError.
    pub fn class(self, vm: &Vm) -> PyResult<Ref<Type>> {
        let base = match self {
            Kind::Warning | Kind::Error => vm.types.exception.clone(),
            Kind::InterfaceError | Kind::DatabaseError => Kind::Error.class(vm)?,
            _ => Kind::DatabaseError.class(vm)?,
        };
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        let name = found.map_or("sqlite3.Error", |(_, name)| name);
        common::exception(vm, name, &base)
    }
}

/// Raises `kind(message)`.
#[cold]
pub fn error(vm: &Vm, kind: Kind, message: impl AsRef<str>) -> Raised {
    match kind.class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

#[cold]
pub fn programming_error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    error(vm, Kind::ProgrammingError, message)
}

/// The class for a primary result code; None: MemoryError.
fn kind_of(code: i32) -> Option<Kind> {
    Some(match code {
        ffi::SQLITE_NOMEM => return None,
        ffi::SQLITE_INTERNAL | ffi::SQLITE_NOTFOUND => Kind::InternalError,
        ffi::SQLITE_ERROR
        | ffi::SQLITE_PERM
        | ffi::SQLITE_ABORT
        | ffi::SQLITE_BUSY
        | ffi::SQLITE_LOCKED
        | ffi::SQLITE_READONLY
        | ffi::SQLITE_INTERRUPT
        | ffi::SQLITE_IOERR
        | ffi::SQLITE_FULL
        | ffi::SQLITE_CANTOPEN
        | ffi::SQLITE_PROTOCOL
        | ffi::SQLITE_EMPTY
        | ffi::SQLITE_SCHEMA => Kind::OperationalError,
        ffi::SQLITE_TOOBIG => Kind::DataError,
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH => Kind::IntegrityError,
        ffi::SQLITE_MISUSE | ffi::SQLITE_RANGE => Kind::InterfaceError,
        _ => Kind::DatabaseError,
    })
}

fn raise(vm: &Vm, kind: Kind, code: i32, message: &CStr) -> PyResult<()> {
    let text = vm.new_str(message.to_string_lossy())?.into_value();
    let class = kind.class(vm)?;
    let exception = vm.call(class.as_value(), &[text])?;
    let code_value = vm.new_int(i64::from(code))?;
    attributes::set(
        vm,
        &exception,
        &vm.intern("sqlite_errorcode"),
        Some(&code_value),
    )?;
    let name = vm.new_str(constants::error_name(code).unwrap_or("unknown"))?;
    attributes::set(
        vm,
        &exception,
        &vm.intern("sqlite_errorname"),
        Some(name.as_value()),
    )?;
    match exception.downcast_into() {
        Ok(exception) => Err(vm.raise_value(exception)),
        Err(_) => Err(vm.type_error("exceptions must derive from BaseException")),
    }
}

/// Raises the exception for a result code that no connection knows of.
#[cold]
pub fn from_code(vm: &Vm, code: i32) -> Raised {
    let Some(kind) = kind_of(code & 0xff) else {
        return vm.memory_error("");
    };
    // SAFETY: the answer is a static C string.
    let message = unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) };
    let _ = raise(vm, kind, code, message);
    Raised
}

/// Raises the exception for a connection's last error. Nothing is raised (and what was being raised is forgotten) where
/// the last call succeeded.
#[cold]
pub fn from_db(vm: &Vm, db: *mut ffi::sqlite3) -> PyResult<()> {
    // SAFETY: a connection, or null, for which SQLite answers "out of memory"; the message is copied at once.
    let (code, extended, message) = unsafe {
        (
            ffi::sqlite3_errcode(db),
            ffi::sqlite3_extended_errcode(db),
            CStr::from_ptr(ffi::sqlite3_errmsg(db)).to_owned(),
        )
    };
    if code == ffi::SQLITE_OK {
        vm.clear_exception();
        return Ok(());
    }
    match kind_of(code) {
        Some(kind) => raise(vm, kind, extended, &message),
        None => Err(vm.memory_error("")),
    }
}

/// As [`from_db`] after a call known to have failed.
#[cold]
pub fn failed(vm: &Vm, db: *mut ffi::sqlite3, code: i32) -> Raised {
    match from_db(vm, db) {
        Err(raised) => raised,
        Ok(()) => from_code(vm, code),
    }
}
