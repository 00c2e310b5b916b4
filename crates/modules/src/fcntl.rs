//! `fcntl`: control of descriptors, devices and file locks. CPython: Modules/fcntlmodule.c.
//!
//! Buffers of arguments are copied with room behind them, since the kernel does not tell how much it writes.

use crate::system::{Fd, add_ints, retry_or_raise};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::module::Module;
use naja_vm::protocols::number;
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::{PyResult, Vm};

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("DN_ACCESS", 1), ("DN_ATTRIB", 32), ("DN_CREATE", 4), ("DN_DELETE", 8), ("DN_MODIFY", 2), ("DN_MULTISHOT", 2147483648), ("DN_RENAME", 16), ("FASYNC", 8192), ("FD_CLOEXEC", 1), ("FICLONE", 1074041865), ("FICLONERANGE", 1075876877), ("F_ADD_SEALS", 1033), ("F_DUPFD", 0), ("F_DUPFD_CLOEXEC", 1030), ("F_DUPFD_QUERY", 1027), ("F_EXLCK", 4), ("F_GETFD", 1), ("F_GETFL", 3), ("F_GETLEASE", 1025), ("F_GETLK", 5), ("F_GETLK64", 5), ("F_GETOWN", 9), ("F_GETOWN_EX", 16), ("F_GETPIPE_SZ", 1032), ("F_GETSIG", 11), ("F_GET_FILE_RW_HINT", 1037), ("F_GET_RW_HINT", 1035), ("F_GET_SEALS", 1034), ("F_NOTIFY", 1026), ("F_OFD_GETLK", 36), ("F_OFD_SETLK", 37), ("F_OFD_SETLKW", 38), ("F_OWNER_PGRP", 2), ("F_OWNER_PID", 1), ("F_OWNER_TID", 0), ("F_RDLCK", 0), ("F_SEAL_FUTURE_WRITE", 16), ("F_SEAL_GROW", 4), ("F_SEAL_SEAL", 1), ("F_SEAL_SHRINK", 2), ("F_SEAL_WRITE", 8), ("F_SETFD", 2), ("F_SETFL", 4), ("F_SETLEASE", 1024), ("F_SETLK", 6), ("F_SETLK64", 6), ("F_SETLKW", 7), ("F_SETLKW64", 7), ("F_SETOWN", 8), ("F_SETOWN_EX", 15), ("F_SETPIPE_SZ", 1031), ("F_SETSIG", 10), ("F_SET_FILE_RW_HINT", 1038), ("F_SET_RW_HINT", 1036), ("F_SHLCK", 8), ("F_UNLCK", 2), ("F_WRLCK", 1), ("LOCK_EX", 2), ("LOCK_MAND", 32), ("LOCK_NB", 4), ("LOCK_READ", 64), ("LOCK_RW", 192), ("LOCK_SH", 1), ("LOCK_UN", 8), ("LOCK_WRITE", 128), ("RWH_WRITE_LIFE_EXTREME", 5), ("RWH_WRITE_LIFE_LONG", 4), ("RWH_WRITE_LIFE_MEDIUM", 3), ("RWH_WRITE_LIFE_NONE", 1), ("RWH_WRITE_LIFE_NOT_SET", 0), ("RWH_WRITE_LIFE_SHORT", 2),];

/// Room behind an argument's bytes.
const ROOM: usize = 1024;

/// An argument that is a number.
fn number_of(vm: &Vm, value: &Value) -> PyResult<libc::c_long> {
    let n = number::index_i128(vm, value)?;
    n.filter(|n| (i64::MIN as i128..=u32::MAX as i128).contains(n) || i64::try_from(*n).is_ok())
        .map(|n| n as libc::c_long)
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C long"))
}

fn bytes_of(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    match str_::of(value) {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Ok(Buffer::of(vm, value)?.to_vec()),
    }
}

#[pymodule(
    name = "fcntl",
    doc = "This module performs file control and I/O control on file\ndescriptors.  It is an interface to the fcntl() and ioctl() Unix\nroutines.  File descriptors can be obtained with the fileno() method of\na file or socket object."
)]
pub mod module {
    use super::*;

    /// Perform the operation `cmd` on file descriptor fd.
    #[pyfunction(sig = "(fd, cmd, arg=0, /)")]
    fn fcntl(vm: &Vm, fd: Fd, cmd: i32, arg: Option<&Value>) -> PyResult {
        let event = [
            vm.new_int(fd.0 as i64)?,
            vm.new_int(cmd as i64)?,
            arg.cloned().map_or_else(|| vm.new_int(0), Ok)?,
        ];
        vm.permit(Access::Event("fcntl.fcntl", &event))?;
        if arg.is_none_or(|a| number::has_index(vm, a)) {
            let n = arg.map_or(Ok(0), |a| number_of(vm, a))? as libc::c_int;
            // SAFETY: a number is all that these commands take.
            let result = retry_or_raise(vm, || unsafe { libc::fcntl(fd.0, cmd, n) })?;
            return vm.new_int(result as i64);
        }
        let Some(arg) = arg else {
            return Ok(Value::NONE);
        };
        if str_::of(arg).is_none() && !Buffer::supported(vm, arg) {
            return Err(vm.type_error(format!(
                "fcntl() argument 3 must be an integer, a bytes-like object, or a string, not {}",
                vm.type_name(arg)
            )));
        }
        let mut data = bytes_of(vm, arg)?;
        let len = data.len();
        if len > ROOM {
            return Err(vm.value_error("fcntl argument 3 is too long"));
        }
        data.resize(len + ROOM, 0);
        // SAFETY: the argument's bytes with room behind them.
        retry_or_raise(vm, || unsafe { libc::fcntl(fd.0, cmd, data.as_mut_ptr()) })?;
        Ok(vm.new_bytes(&data[..len])?.into_value())
    }

    /// Perform the operation request on file descriptor fd.
    #[pyfunction(sig = "(fd, request, arg=0, mutate_flag=True, /)")]
    fn ioctl(
        vm: &Vm,
        fd: Fd,
        request: &Value,
        arg: Option<&Value>,
        #[default(true)] mutate_flag: bool,
    ) -> PyResult {
        let request = number_of(vm, request)? as libc::c_ulong;
        let event = [
            vm.new_int(fd.0 as i64)?,
            vm.new_int(request as i64)?,
            arg.cloned().map_or_else(|| vm.new_int(0), Ok)?,
        ];
        vm.permit(Access::Event("fcntl.ioctl", &event))?;
        if arg.is_none_or(|a| number::has_index(vm, a)) {
            let n = arg.map_or(Ok(0), |a| number_of(vm, a))?;
            // SAFETY: the request and its number are the caller's.
            let result = retry_or_raise(vm, || unsafe { libc::ioctl(fd.0, request, n) })?;
            return vm.new_int(result as i64);
        }
        let Some(arg) = arg else {
            return Ok(Value::NONE);
        };
        if str_::of(arg).is_none() && !Buffer::supported(vm, arg) {
            return Err(vm.type_error(format!(
                "ioctl() argument 3 must be an integer, a bytes-like object, or a string, not {}",
                vm.type_name(arg)
            )));
        }
        let target = match str_::of(arg) {
            None => Some(Buffer::of(vm, arg)?).filter(|b| !b.readonly && mutate_flag),
            Some(_) => None,
        };
        let mut data = bytes_of(vm, arg)?;
        let len = data.len();
        if len > ROOM && target.is_none() {
            return Err(vm.value_error("ioctl argument 3 is too long"));
        }
        data.resize(len + ROOM, 0);
        // SAFETY: the argument's bytes with room behind them.
        let result = retry_or_raise(vm, || unsafe {
            libc::ioctl(fd.0, request, data.as_mut_ptr())
        })?;
        match target {
            Some(target) => {
                target.with_mut(|to| {
                    let n = to.len().min(len);
                    to[..n].copy_from_slice(&data[..n])
                });
                vm.new_int(result as i64)
            }
            None => Ok(vm.new_bytes(&data[..len])?.into_value()),
        }
    }

    /// Perform the lock operation `operation` on file descriptor `fd`.
    #[pyfunction(sig = "(fd, operation, /)")]
    fn flock(vm: &Vm, fd: Fd, operation: i32) -> PyResult<()> {
        let event = [vm.new_int(fd.0 as i64)?, vm.new_int(operation as i64)?];
        vm.permit(Access::Event("fcntl.flock", &event))?;
        // SAFETY: a plain call.
        retry_or_raise(vm, || unsafe { libc::flock(fd.0, operation) }).map(|_| ())
    }

    /// A wrapper around the fcntl() locking calls.
    #[pyfunction(sig = "(fd, cmd, len=0, start=0, whence=0, /)")]
    fn lockf(
        vm: &Vm,
        fd: Fd,
        cmd: i32,
        #[default(0)] len: i64,
        #[default(0)] start: i64,
        #[default(0)] whence: i32,
    ) -> PyResult<()> {
        let numbers = [fd.0 as i64, cmd as i64, len, start, whence as i64];
        let event = numbers
            .iter()
            .map(|&n| vm.new_int(n))
            .collect::<PyResult<Vec<_>>>()?;
        vm.permit(Access::Event("fcntl.lockf", &event))?;
        let kind = if cmd == libc::LOCK_UN {
            libc::F_UNLCK
        } else if cmd & libc::LOCK_SH != 0 {
            libc::F_RDLCK
        } else if cmd & libc::LOCK_EX != 0 {
            libc::F_WRLCK
        } else {
            return Err(vm.value_error("unrecognized lockf argument"));
        };
        // SAFETY: all zero is a valid value.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as i16;
        lock.l_whence = whence as i16;
        lock.l_start = start;
        lock.l_len = len;
        let command = if cmd & libc::LOCK_NB != 0 {
            libc::F_SETLK
        } else {
            libc::F_SETLKW
        };
        // SAFETY: reads one lock.
        retry_or_raise(vm, || unsafe { libc::fcntl(fd.0, command, &lock) }).map(|_| ())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        add_ints(vm, module, CONSTANTS)
    }
}
