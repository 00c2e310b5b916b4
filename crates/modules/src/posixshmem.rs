//! `_posixshmem`: shared memory by name. CPython: Modules/_posixshmem.c.

use crate::system::{c_string, fs_encode, retry};
use naja_heap::Ref;
use naja_macros::pymodule;
use naja_vm::runtime::Access;
use naja_vm::str_::Str;
use naja_vm::{PyResult, Vm};
use std::ffi::CString;

fn name_of(vm: &Vm, path: &Ref<Str>) -> PyResult<CString> {
    let bytes = fs_encode(vm, path)?;
    if bytes.contains(&0) {
        return Err(vm.value_error("embedded null character"));
    }
    c_string(vm, bytes)
}

#[pymodule(name = "_posixshmem", doc = "POSIX shared memory module")]
pub mod module {
    use super::*;

    /// Open a shared memory object.  Returns a file descriptor (integer).
    #[pyfunction(sig = "($module, /, path, flags, mode=511)")]
    fn shm_open(
        vm: &Vm,
        path: &Ref<Str>,
        flags: i32,
        #[default(0o777)] mode: i32,
    ) -> PyResult<i64> {
        let name = name_of(vm, path)?;
        vm.permit(Access::Stat(path.as_value()))?;
        // SAFETY: the name is terminated.
        let result = retry(vm, || unsafe {
            libc::shm_open(name.as_ptr(), flags, mode as libc::mode_t)
        })?;
        result
            .map(i64::from)
            .map_err(|error| vm.os_error(error, Some(path.as_value())))
    }

    /// Remove a shared memory object (similar to unlink()).
    ///
    /// Remove a shared memory object name, and, once all processes have
    /// unmapped the object, de-allocates and destroys the contents of the
    /// associated memory region.
    #[pyfunction(sig = "($module, path, /)")]
    fn shm_unlink(vm: &Vm, path: &Ref<Str>) -> PyResult<()> {
        let name = name_of(vm, path)?;
        vm.permit(Access::Stat(path.as_value()))?;
        // SAFETY: the name is terminated.
        let result = retry(vm, || unsafe { libc::shm_unlink(name.as_ptr()) })?;
        result
            .map(|_| ())
            .map_err(|error| vm.os_error(error, Some(path.as_value())))
    }
}
