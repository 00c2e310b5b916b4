//! `posix`: the operating system. CPython: Modules/posixmodule.c.
//!
//! `paths.rs` converts arguments that name files, `files.rs` works on descriptors, `dirs.rs` on names and folders,
//! `status.rs` makes `stat_result` and its like, `process.rs` is about processes, `constants.rs` the table of numbers.

pub mod constants;
pub mod dirs;
pub mod files;
pub mod paths;
pub mod process;
pub mod status;

use naja_heap::{Ref, Value};
use naja_vm::builtins::print::os_error;
use naja_vm::module::Module;
use naja_vm::{ModuleDef, PyResult, Raised, Vm};

/// The errno of the latest failed call.
pub fn errno() -> i32 {
    std::io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

/// Raises OSError for the latest failed call.
#[cold]
pub fn failed(vm: &Vm) -> Raised {
    os_error(vm, errno())
}

/// The result of a call that gives -1 on failure. Raises OSError.
pub fn check(vm: &Vm, result: i64) -> PyResult<i64> {
    if result < 0 {
        Err(failed(vm))
    } else {
        Ok(result)
    }
}

/// A call that may block and that a signal may interrupt. Raises OSError, and what signal handlers raise.
pub fn blocking(vm: &Vm, call: impl Fn() -> i64) -> PyResult<i64> {
    match crate::io::fileio::retry(vm, || call() as isize)? {
        Ok(n) => Ok(n as i64),
        Err(errno) => Err(os_error(vm, errno)),
    }
}

/// Adds a part's functions to the module.
fn add(vm: &Vm, module: &Ref<Module>, part: &'static ModuleDef) -> PyResult<()> {
    let name = vm.intern("posix");
    for function in part.functions {
        let value = naja_vm::function::native::NativeFunction::of_module(
            vm,
            function,
            module.as_value(),
            &name,
        )?;
        module.set(vm, function.name, value.into_value())?;
    }
    for class in part.classes {
        let class = class(vm);
        module.set(vm, &class.name(), class.to_value())?;
    }
    match part.exec {
        Some(exec) => exec(vm, module),
        None => Ok(()),
    }
}

/// This module provides access to operating system functionality that is
/// standardized by the C Standard and the POSIX standard (a thinly
/// disguised Unix interface).  Refer to the library manual and
/// corresponding Unix manual entries for more information on calls.
#[naja_macros::pymodule(name = "posix")]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for part in [
            &paths::module::MODULE,
            &status::module::MODULE,
            &dirs::module::MODULE,
            &files::module::MODULE,
            &process::module::MODULE,
        ] {
            add(vm, module, part)?;
        }
        for (name, value) in constants::INTEGERS {
            module.set(vm, name, vm.new_int(*value)?)?;
        }
        for (name, table) in [
            ("sysconf_names", constants::SYSCONF),
            ("confstr_names", constants::CONFSTR),
            ("pathconf_names", constants::PATHCONF),
        ] {
            let dict = vm.new_dict()?;
            for (key, value) in table {
                dict.set_str(vm, &vm.intern(key), vm.new_int(*value)?)?;
            }
            module.set(vm, name, dict.into_value())?;
        }
        module.set(vm, "error", vm.types.os_error.to_value())?;
        let functions = constants::HAVE
            .iter()
            .map(|name| Ok(vm.new_str(name)?.into_value()))
            .collect::<PyResult<Vec<Value>>>()?;
        module.set(vm, "_have_functions", vm.new_list(functions)?.into_value())?;
        crate::os::complete(vm, module)
    }
}
