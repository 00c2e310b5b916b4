//! The module `_naja`: what the library's own finder (`_embedded_library.py`) needs of the library inside the program,
//! and the text of source files for tracebacks, wherever they are.

use crate::objects::code::CodeObject;
use crate::objects::str_::Str;
use crate::runtime::Library;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;

fn library(vm: &Vm) -> Option<&'static dyn Library> {
    vm.interp.config.library
}

/// The path of the embedded library, as it stands in `sys.path`: a folder inside the program's file. None where a
/// library on disk serves instead.
pub fn root(vm: &Vm) -> Option<String> {
    let config = &vm.interp.config;
    if config.library.is_none() || config.home.is_some() {
        return None;
    }
    // As `site` leaves it in `sys.path`: without "..".
    let program = super::paths::normal(&config.executable);
    Some(format!("{}/lib/python3.14", program.to_string_lossy()))
}

/// The contents of a source file that belongs to the embedded library.
pub fn source_of(vm: &Vm, filename: &str) -> Option<Vec<u8>> {
    let root = root(vm)?;
    let path = filename.strip_prefix(&root)?.strip_prefix('/')?;
    library(vm)?.source(path)
}

/// Access to the library inside the program.
#[pymodule(name = "_naja")]
pub mod module {
    use super::*;

    /// Where the library seems to be; None if it is on disk.
    #[pyfunction(sig = "($module, /)")]
    fn library_root(vm: &Vm) -> Option<String> {
        root(vm)
    }

    /// What there is at a path of the library: 0 nothing, 1 a file, 2 a folder.
    #[pyfunction(sig = "($module, path, /)")]
    fn kind(vm: &Vm, path: &str) -> i64 {
        let Some(library) = library(vm) else {
            return 0;
        };
        if library.has(path) {
            1
        } else if library.list(path).is_some() {
            2
        } else {
            0
        }
    }

    /// The code object of a module of the library; None if it has to be compiled from its source.
    #[pyfunction(sig = "($module, path, filename, /)")]
    fn code(vm: &Vm, path: &str, filename: &Ref<Str>) -> PyResult {
        if vm.interp.config.optimize > 0 {
            return Ok(Value::NONE);
        }
        match library(vm).and_then(|l| l.code(path)) {
            Some(data) => Ok(CodeObject::from_packed(vm, data, filename)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    /// The contents of a file of the library; None if there is none.
    #[pyfunction(sig = "($module, path, /)")]
    fn source(vm: &Vm, path: &str) -> PyResult {
        match library(vm).and_then(|l| l.source(path)) {
            Some(data) => Ok(vm.new_bytes(&data)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    /// The names in a folder of the library.
    #[pyfunction(sig = "($module, folder, /)")]
    fn names(vm: &Vm, folder: &str) -> PyResult {
        let names = library(vm).and_then(|l| l.list(folder)).unwrap_or_default();
        let names = names
            .into_iter()
            .map(|name| Ok(vm.new_str(name)?.into_value()))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_list(names)?.into_value())
    }
}
