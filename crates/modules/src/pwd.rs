//! `pwd`: the password database. CPython: Modules/pwdmodule.c.
//!
//! Entries are copied out of the C library's buffers before anything else is called.

use crate::system;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::protocols::object;
use naja_vm::str_::Str;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};

struct_sequence! { new pub PASSWD = "struct_passwd" in "pwd", "pwd.struct_passwd: Results from getpw*() routines.\n\nThis object may be accessed either as a tuple of\n  (pw_name,pw_passwd,pw_uid,pw_gid,pw_gecos,pw_dir,pw_shell)\nor via the object attributes as named in the above tuple.";
    0 "pw_name" "user name"; 1 "pw_passwd" "password"; 2 "pw_uid" "user id"; 3 "pw_gid" "group id";
    4 "pw_gecos" "real name"; 5 "pw_dir" "home directory"; 6 "pw_shell" "shell program";
}

/// The text of a C string; None for null.
pub fn text(vm: &Vm, text: *const libc::c_char) -> PyResult {
    if text.is_null() {
        return Ok(Value::NONE);
    }
    // SAFETY: a terminated text of the C library's.
    let bytes = unsafe { std::ffi::CStr::from_ptr(text) }
        .to_bytes()
        .to_vec();
    system::fs_decode(vm, &bytes)
}

fn entry(vm: &Vm, p: &libc::passwd) -> PyResult {
    let items = vec![
        text(vm, p.pw_name)?,
        text(vm, p.pw_passwd)?,
        vm.new_int(p.pw_uid as i64)?,
        vm.new_int(p.pw_gid as i64)?,
        text(vm, p.pw_gecos)?,
        text(vm, p.pw_dir)?,
        text(vm, p.pw_shell)?,
    ];
    structseq::make(vm, &PASSWD, items)
}

/// Calls one of the reentrant look-ups with growing buffers; None where there is no entry.
fn look_up(
    vm: &Vm,
    get: impl Fn(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> i32,
) -> PyResult<Option<Value>> {
    let mut size = 1024;
    loop {
        let mut buffer = vec![0u8; size];
        // SAFETY: all zero is a valid value.
        let mut p: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        match get(&mut p, buffer.as_mut_ptr().cast(), size, &mut found) {
            libc::ERANGE if size < 1 << 24 => size *= 2,
            0 if found.is_null() => return Ok(None),
            0 => return entry(vm, &p).map(Some),
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            errno => return Err(vm.os_error(errno, None)),
        }
    }
}

#[pymodule(
    name = "pwd",
    doc = "This module provides access to the Unix password database.\nIt is available on all Unix versions.\n\nPassword database entries are reported as 7-tuples containing the following\nitems from the password database (see `<pwd.h>'), in order:\npw_name, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell.\nThe uid and gid items are integers, all others are strings. An\nexception is raised if the entry asked for cannot be found."
)]
pub mod module {
    use super::*;

    /// Return the password database entry for the given numeric user ID.
    #[pyfunction(sig = "(uidobj, /)")]
    fn getpwuid(vm: &Vm, uidobj: &Value) -> PyResult {
        let shown = || object::repr(vm, uidobj).map(|t| t.to_string_lossy().into_owned());
        let uid = match crate::posix::path::Uid::of(vm, uidobj) {
            Ok(uid) => uid.0,
            Err(raised) if !vm.catch(&vm.types.overflow_error) => return Err(raised),
            Err(_) => {
                let message = vm.new_str(format!("getpwuid(): uid not found: {}", shown()?))?;
                return Err(vm.key_error(message.as_value()));
            }
        };
        // SAFETY: the buffers of `look_up`.
        match look_up(vm, |p, b, n, f| unsafe {
            libc::getpwuid_r(uid, p, b, n, f)
        })? {
            Some(found) => Ok(found),
            None => {
                let message = vm.new_str(format!("getpwuid(): uid not found: {}", shown()?))?;
                Err(vm.key_error(message.as_value()))
            }
        }
    }

    /// Return the password database entry for the given user name.
    #[pyfunction(sig = "(name, /)")]
    fn getpwnam(vm: &Vm, name: &Ref<Str>) -> PyResult {
        let c = system::c_string(vm, system::fs_encode(vm, name)?)?;
        // SAFETY: a terminated text and the buffers of `look_up`.
        match look_up(vm, |p, b, n, f| unsafe {
            libc::getpwnam_r(c.as_ptr(), p, b, n, f)
        })? {
            Some(found) => Ok(found),
            None => {
                let shown = object::repr(vm, name.as_value())?;
                let message = format!("getpwnam(): name not found: {}", shown.to_string_lossy());
                Err(vm.key_error(vm.new_str(message)?.as_value()))
            }
        }
    }

    /// Return a list of all available password database entries, in arbitrary order.
    #[pyfunction(sig = "()")]
    fn getpwall(vm: &Vm) -> PyResult {
        let mut all = Vec::new();
        // SAFETY: the C library's cursor, moved only with the interpreter lock held.
        unsafe {
            libc::setpwent();
            while let Some(p) = libc::getpwent().as_ref() {
                match entry(vm, p) {
                    Ok(value) => all.push(value),
                    Err(raised) => {
                        libc::endpwent();
                        return Err(raised);
                    }
                }
            }
            libc::endpwent();
        }
        Ok(vm.new_list(all)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        module.set(
            vm,
            "struct_passwd",
            structseq::class(vm, &PASSWD).into_value(),
        )
    }
}
