//! `stderrprinter`: what stands in `sys.stderr` until the real stream is there, so that the import system can report
//! (`-v`). It writes text to a file descriptor, undecodable parts escaped; errors are ignored.
//!
//! CPython: Objects/fileobject.c (PyStdPrinter_Type).

use crate::objects::str_::{self, Str};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// A file object that can be written to, for the interpreter's start.
#[pyclass(name = "stderrprinter", module = "builtins", doc = "", flags(NO_NEW))]
pub struct StderrPrinter {
    fd: i32,
}

impl StderrPrinter {
    /// A printer to a file descriptor. Raises MemoryError.
    pub fn make(vm: &Vm, fd: i32) -> PyResult {
        Ok(vm.new_object(StderrPrinter { fd })?.into_value())
    }
}

#[pymethods]
impl StderrPrinter {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let text = format!(
            "<stdprinter(fd={}) object at {:#x}>",
            zelf.fd,
            zelf.as_ptr() as usize
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pymethod(sig = "($self, text, /)")]
    fn write(&self, vm: &Vm, text: &Value) -> PyResult<usize> {
        let Some(text) = str_::of(text) else {
            return Err(vm.type_error(format!(
                "write() argument must be str, not {}",
                vm.type_of(text).full_name()
            )));
        };
        let shown = escaped(text);
        // Nobody is there yet to be told of an error.
        let _ = super::print::write_all(self.fd, shown.as_bytes());
        Ok(shown.len())
    }

    #[pymethod]
    fn close(&self) {}

    #[pymethod]
    fn flush(&self) {}

    #[pymethod]
    fn fileno(&self) -> i32 {
        self.fd
    }

    #[pymethod]
    fn isatty(&self) -> bool {
        // SAFETY: a query about a number.
        unsafe { libc::isatty(self.fd) != 0 }
    }

    #[pygetter]
    fn closed(&self) -> bool {
        false
    }

    #[pygetter]
    fn encoding(&self) -> Value {
        Value::NONE
    }

    #[pygetter]
    fn mode(&self) -> &'static str {
        "w"
    }
}

/// Text with lone surrogates written as `\udc80`.
pub fn escaped(text: &Ref<Str>) -> String {
    match text.as_str() {
        Some(text) => text.to_string(),
        None => text
            .code_points()
            .map(|c| match char::from_u32(c) {
                Some(c) => c.to_string(),
                None => format!("\\u{c:04x}"),
            })
            .collect(),
    }
}
