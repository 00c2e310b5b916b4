//! `sqlite3.Statement`: one compiled statement, and the cache of them that each connection keeps.
//!
//! The statement is finalised when the object dies, with the interpreter lock released, because finishing an aggregate
//! calls Python. Invariant: `handle` is null only for an empty statement. CPython: Modules/_sqlite/statement.c.

use super::connection::Connection;
use super::errors::{self, Kind};
use super::gil::released;
use libsqlite3_sys as ffi;
use naja_heap::Ref;
use naja_macros::{pyclass, pymethods};
use naja_vm::exception::surrogates_not_allowed;
use naja_vm::str_::Str;
use naja_vm::{PyResult, Vm};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::ffi::{CStr, CString};

#[pyclass(name = "Statement", module = "sqlite3", flags(NO_NEW, IMMUTABLE))]
pub struct Statement {
    handle: Cell<*mut ffi::sqlite3_stmt>,
    /// INSERT, UPDATE, DELETE or REPLACE.
    pub is_dml: bool,
}

/// What follows white space and comments; None: nothing.
fn after_blanks(sql: &[u8]) -> Option<&[u8]> {
    let mut rest = sql;
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b' ' | b'\t' | b'\x0c' | b'\n' | b'\r', more @ ..] => rest = more,
            [b'-', b'-', more @ ..] => {
                let end = more.iter().position(|&b| b == b'\n')?;
                rest = &more[end..];
            }
            [b'/', b'*', more @ ..] => {
                let end = more.windows(2).position(|pair| pair == b"*/")?;
                rest = &more[end + 2..];
            }
            _ => return Some(rest),
        }
    }
}

fn is_dml(sql: &[u8]) -> bool {
    let Some(start) = after_blanks(sql) else {
        return false;
    };
    ["insert", "update", "delete", "replace"]
        .iter()
        .any(|word| {
            let head = start.get(..word.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        })
}

/// The text of a statement or script as C has it. Raises for lone surrogates, a text over the limit, null characters.
pub fn sql_text(vm: &Vm, connection: &Connection, sql: &Ref<Str>) -> PyResult<CString> {
    let Some(text) = sql.as_str() else {
        return Err(surrogates_not_allowed(vm, sql));
    };
    // SAFETY: a live connection; -1 only asks.
    let limit = unsafe { ffi::sqlite3_limit(connection.db(), ffi::SQLITE_LIMIT_SQL_LENGTH, -1) };
    if text.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(errors::error(
            vm,
            Kind::DataError,
            "query string is too large",
        ));
    }
    CString::new(text)
        .map_err(|_| errors::programming_error(vm, "the query contains a null character"))
}

impl Statement {
    /// Compiles `sql`. Raises what SQLite reports, ProgrammingError for more than one statement.
    pub fn create(vm: &Vm, connection: &Connection, sql: &Ref<Str>) -> PyResult<Ref<Statement>> {
        let text = sql_text(vm, connection, sql)?;
        let db = connection.db();
        let (mut handle, mut tail) = (std::ptr::null_mut(), std::ptr::null());
        let len = text.as_bytes_with_nul().len() as i32;
        let code = released(vm, || {
            // SAFETY: a live connection and a C string of that length; the results go to locals.
            unsafe { ffi::sqlite3_prepare_v2(db, text.as_ptr(), len, &mut handle, &mut tail) }
        });
        if code != ffi::SQLITE_OK {
            return Err(errors::failed(vm, db, code));
        }
        let made = vm.new_object(Statement {
            handle: Cell::new(handle),
            is_dml: is_dml(text.as_bytes()),
        })?;
        // SAFETY: the tail points into `text`.
        let rest = unsafe { CStr::from_ptr(tail) };
        if after_blanks(rest.to_bytes()).is_some() {
            return Err(errors::programming_error(
                vm,
                "You can only execute one statement at a time.",
            ));
        }
        Ok(made)
    }

    /// The compiled statement; null if it is empty.
    pub fn handle(&self) -> *mut ffi::sqlite3_stmt {
        self.handle.get()
    }

    /// Whether it has been stepped and neither finished nor reset.
    pub fn is_busy(&self) -> bool {
        // SAFETY: a live statement or null.
        unsafe { ffi::sqlite3_stmt_busy(self.handle()) != 0 }
    }

    /// Runs it to the next row. Gives SQLite's result code.
    pub fn step(&self, vm: &Vm) -> i32 {
        let handle = self.handle();
        // SAFETY: a live statement or null; the caller holds a reference meanwhile.
        released(vm, || unsafe { ffi::sqlite3_step(handle) })
    }

    /// Makes it ready to run again.
    pub fn reset(&self, vm: &Vm) {
        let handle = self.handle();
        if !handle.is_null() {
            // SAFETY: a live statement. What its last step reported has been seen to.
            released(vm, || unsafe { ffi::sqlite3_reset(handle) });
        }
    }
}

#[pymethods]
impl Statement {
    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        let handle = zelf.handle.replace(std::ptr::null_mut());
        if !handle.is_null() {
            let pending = vm.has_exception().then(|| vm.take_exception());
            // SAFETY: a live statement, which nobody refers to any more.
            released(vm, || unsafe { ffi::sqlite3_finalize(handle) });
            if let Some(pending) = pending {
                vm.raise_value(pending);
            }
        }
    }
}

/// The statements a connection used last, by their text.
#[derive(Default)]
pub struct Cache {
    size: usize,
    clock: u64,
    entries: FxHashMap<Box<[u8]>, (Ref<Statement>, u64)>,
}

impl Cache {
    /// A cache of at most `size` statements.
    pub fn new(size: i32) -> Cache {
        Cache {
            size: usize::try_from(size).unwrap_or(0),
            clock: 0,
            entries: FxHashMap::default(),
        }
    }

    /// The statement of that text, which becomes the one used last.
    pub fn get(&mut self, sql: &[u8]) -> Option<Ref<Statement>> {
        self.clock += 1;
        let (statement, used) = self.entries.get_mut(sql)?;
        *used = self.clock;
        Some(statement.clone())
    }

    /// Remembers a statement. Gives the one that had to go, for the caller to drop.
    pub fn put(&mut self, sql: &[u8], statement: Ref<Statement>) -> Option<Ref<Statement>> {
        if self.size == 0 {
            return None;
        }
        let mut gone = None;
        if self.entries.len() >= self.size {
            let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                gone = self.entries.remove(&key).map(|(statement, _)| statement);
            }
        }
        self.clock += 1;
        self.entries.insert(sql.into(), (statement, self.clock));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::{after_blanks, is_dml};

    #[test]
    fn blanks_and_comments_are_skipped() {
        assert_eq!(
            after_blanks(b" \t\n-- x\n /* y */ select"),
            Some(&b"select"[..])
        );
        assert_eq!(after_blanks(b"-- x"), None);
        assert_eq!(after_blanks(b"/* x"), None);
        assert_eq!(after_blanks(b"- x"), Some(&b"- x"[..]));
        assert!(is_dml(b"/* a */ InSeRt into x"));
        assert!(!is_dml(b"select 1"));
    }
}
