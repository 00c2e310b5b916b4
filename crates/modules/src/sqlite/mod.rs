//! `_sqlite3`: the database SQLite, which is compiled in, as `sqlite3` needs it.
//!
//! * `connection.rs`, `configure.rs`: `Connection`; `cursor.rs`: `Cursor`; `statement.rs`, `row.rs`, `blob.rs`
//! * `functions.rs`: what SQLite calls back; `gil.rs`: the interpreter lock around SQLite
//! * `adapters.rs`: objects to values; `errors.rs`, `constants.rs`: result codes
//!
//! Raw pointers of SQLite's stay in the payloads of these classes, each freed once by the class that made it.
//! CPython: Modules/_sqlite/.

pub mod adapters;
pub mod blob;
pub mod configure;
pub mod connection;
pub mod constants;
pub mod cursor;
pub mod errors;
pub mod functions;
pub mod gil;
pub mod row;
pub mod statement;

use adapters::PrepareProtocol;
use blob::Blob;
use connection::Connection;
use cursor::Cursor;
use libsqlite3_sys as ffi;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::module::Module;
use naja_vm::str_::Str;
use naja_vm::{Args, PyResult, Vm};
use row::Row;
use std::cell::Cell;
use std::ffi::CStr;

/// What an interpreter keeps: registries and switches.
#[derive(Default)]
pub struct State {
    pub adapters: MutCell<Option<Ref<Dict>>>,
    pub converters: MutCell<Option<Ref<Dict>>>,
    pub callback_tracebacks: Cell<bool>,
    /// Whether an adapter is registered for int, float, str or bytearray.
    pub base_type_adapted: Cell<bool>,
}

#[pymodule(
    name = "_sqlite3",
    doc = "",
    classes(Connection, Cursor, PrepareProtocol, Row, Blob)
)]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for (kind, name) in errors::KINDS {
            let name = name.strip_prefix("sqlite3.").unwrap_or(name);
            module.set(vm, name, kind.class(vm)?.into_value())?;
        }
        for (name, value) in constants::CONSTANTS.iter().chain(constants::RESULT_CODES) {
            module.set(vm, name, vm.new_int(*value)?)?;
        }
        // SAFETY: static facts of the library.
        let (version, threads) = unsafe {
            (
                CStr::from_ptr(ffi::sqlite3_libversion()),
                ffi::sqlite3_threadsafe(),
            )
        };
        let version = vm.new_str(version.to_string_lossy())?;
        module.set(vm, "sqlite_version", version.into_value())?;
        // From SQLite's threading mode to PEP 249's levels.
        let level = match threads {
            0 => 0,
            2 => 1,
            _ => 3,
        };
        module.set(vm, "threadsafety", vm.new_int(level)?)?;
        let state = vm.interp.module_state::<State>();
        let adapters = adapters::dict_of(vm, &state.adapters)?;
        module.set(vm, "adapters", adapters.into_value())?;
        let converters = adapters::dict_of(vm, &state.converters)?;
        module.set(vm, "converters", converters.into_value())
    }

    /// Open a connection to the SQLite database file 'database'.
    ///
    /// You can use ":memory:" to open a database connection to a database that
    /// resides in RAM instead of on disk.
    ///
    /// Note: Passing more than 1 positional argument to _sqlite3.connect() is
    /// deprecated. Parameters 'timeout', 'detect_types', 'isolation_level',
    /// 'check_same_thread', 'factory', 'cached_statements' and 'uri' will
    /// become keyword-only parameters in Python 3.15.
    #[pyfunction(
        raw,
        sig = "($module, /, database, timeout=5.0, detect_types=0,\n        isolation_level='', check_same_thread=True,\n        factory=ConnectionType, cached_statements=128, uri=False, *,\n        autocommit=sqlite3.LEGACY_TRANSACTION_CONTROL)"
    )]
    fn connect(vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        connection::warn_positional(vm, "sqlite3.connect", positional.len())?;
        let class = vm.class::<Connection>().to_value();
        let factory = positional.get(5).or_else(|| args.keyword("factory"));
        vm.call_args(factory.unwrap_or(&class), args)
    }

    /// Checks if a string contains a complete SQL statement.
    #[pyfunction(sig = "($module, /, statement)")]
    fn complete_statement(vm: &Vm, statement: &str) -> PyResult<bool> {
        let text = connection::c_string(vm, statement)?;
        // SAFETY: a C string.
        Ok(unsafe { ffi::sqlite3_complete(text.as_ptr()) } != 0)
    }

    /// Register a function to adapt Python objects to SQLite values.
    #[pyfunction(sig = "($module, type, adapter, /)")]
    fn register_adapter(vm: &Vm, r#type: &Value, adapter: &Value) -> PyResult<()> {
        adapters::register(vm, r#type, adapter)
    }

    /// Register a function to convert SQLite values to Python objects.
    #[pyfunction(sig = "($module, typename, converter, /)")]
    fn register_converter(vm: &Vm, typename: &Ref<Str>, converter: &Value) -> PyResult<()> {
        let upper = vm.call_method_str(typename.as_value(), "upper", &[])?;
        let state = vm.interp.module_state::<State>();
        adapters::dict_of(vm, &state.converters)?.set(vm, &upper, converter.clone())
    }

    /// Adapt given object to given protocol.
    #[pyfunction(sig = "($module, obj, proto=PrepareProtocolType, alt=<unrepresentable>, /)")]
    fn adapt(vm: &Vm, obj: &Value, proto: Option<&Value>, alt: Option<&Value>) -> PyResult {
        let usual = vm.class::<PrepareProtocol>().to_value();
        adapters::adapt(vm, obj, proto.unwrap_or(&usual), alt)
    }

    /// Enable or disable callback functions throwing errors to stderr.
    #[pyfunction(sig = "($module, enable, /)")]
    fn enable_callback_tracebacks(vm: &Vm, enable: i32) {
        let state = vm.interp.module_state::<State>();
        state.callback_tracebacks.set(enable != 0);
    }
}
