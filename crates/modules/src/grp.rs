//! `grp`: the group database. CPython: Modules/grpmodule.c.
//!
//! Entries are copied out of the C library's buffers before anything else is called.

use crate::pwd::text;
use crate::system;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::protocols::object;
use naja_vm::str_::Str;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};

struct_sequence! { new pub GROUP = "struct_group" in "grp", "grp.struct_group: Results from getgr*() routines.\n\nThis object may be accessed either as a tuple of\n  (gr_name,gr_passwd,gr_gid,gr_mem)\nor via the object attributes as named in the above tuple.\n";
    0 "gr_name" "group name"; 1 "gr_passwd" "password"; 2 "gr_gid" "group id"; 3 "gr_mem" "group members";
}

fn entry(vm: &Vm, g: &libc::group) -> PyResult {
    let mut members = Vec::new();
    let mut at = g.gr_mem;
    // SAFETY: a null-terminated vector of terminated texts, if any.
    while !at.is_null() && unsafe { !(*at).is_null() } {
        // SAFETY: as above.
        members.push(text(vm, unsafe { *at })?);
        // SAFETY: the end has not been reached.
        at = unsafe { at.add(1) };
    }
    let items = vec![
        text(vm, g.gr_name)?,
        text(vm, g.gr_passwd)?,
        vm.new_int(g.gr_gid as i64)?,
        vm.new_list(members)?.into_value(),
    ];
    structseq::make(vm, &GROUP, items)
}

/// Calls one of the reentrant look-ups with growing buffers; None where there is no entry.
fn look_up(
    vm: &Vm,
    get: impl Fn(*mut libc::group, *mut libc::c_char, usize, *mut *mut libc::group) -> i32,
) -> PyResult<Option<Value>> {
    let mut size = 1024;
    loop {
        let mut buffer = vec![0u8; size];
        // SAFETY: all zero is a valid value.
        let mut g: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        match get(&mut g, buffer.as_mut_ptr().cast(), size, &mut found) {
            libc::ERANGE if size < 1 << 24 => size *= 2,
            0 if found.is_null() => return Ok(None),
            0 => return entry(vm, &g).map(Some),
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            errno => return Err(vm.os_error(errno, None)),
        }
    }
}

#[pymodule(
    name = "grp",
    doc = "Access to the Unix group database.\n\nGroup entries are reported as 4-tuples containing the following fields\nfrom the group database, in order:\n\n  name   - name of the group\n  passwd - group password (encrypted); often empty\n  gid    - numeric ID of the group\n  mem    - list of members\n\nThe gid is an integer, name and password are strings.  (Note that most\nusers are not explicitly listed as members of the groups they are in\naccording to the password database.  Check both databases to get\ncomplete membership information.)"
)]
pub mod module {
    use super::*;

    /// Return the group database entry for the given numeric group ID.
    ///
    /// If id is not valid, raise KeyError.
    #[pyfunction(sig = "(id)")]
    fn getgrgid(vm: &Vm, id: &Value) -> PyResult {
        let gid = match crate::posix::path::Gid::of(vm, id) {
            Ok(gid) => Some(gid.0),
            Err(raised) if !vm.catch(&vm.types.overflow_error) => return Err(raised),
            Err(_) => None,
        };
        let found = match gid {
            // SAFETY: the buffers of `look_up`.
            Some(gid) => look_up(vm, |g, b, n, f| unsafe {
                libc::getgrgid_r(gid, g, b, n, f)
            })?,
            None => None,
        };
        match found {
            Some(found) => Ok(found),
            None => {
                let shown = object::repr(vm, id)?;
                let message = format!("getgrgid(): gid not found: {}", shown.to_string_lossy());
                Err(vm.key_error(vm.new_str(message)?.as_value()))
            }
        }
    }

    /// Return the group database entry for the given group name.
    ///
    /// If name is not valid, raise KeyError.
    #[pyfunction(sig = "(name)")]
    fn getgrnam(vm: &Vm, name: &Ref<Str>) -> PyResult {
        let c = system::c_string(vm, system::fs_encode(vm, name)?)?;
        // SAFETY: a terminated text and the buffers of `look_up`.
        match look_up(vm, |g, b, n, f| unsafe {
            libc::getgrnam_r(c.as_ptr(), g, b, n, f)
        })? {
            Some(found) => Ok(found),
            None => {
                let shown = object::repr(vm, name.as_value())?;
                let message = format!("getgrnam(): name not found: {}", shown.to_string_lossy());
                Err(vm.key_error(vm.new_str(message)?.as_value()))
            }
        }
    }

    /// Return a list of all available group entries, in arbitrary order.
    #[pyfunction(sig = "()")]
    fn getgrall(vm: &Vm) -> PyResult {
        let mut all = Vec::new();
        // SAFETY: the C library's cursor, moved only with the interpreter lock held.
        unsafe {
            libc::setgrent();
            while let Some(g) = libc::getgrent().as_ref() {
                match entry(vm, g) {
                    Ok(value) => all.push(value),
                    Err(raised) => {
                        libc::endgrent();
                        return Err(raised);
                    }
                }
            }
            libc::endgrent();
        }
        Ok(vm.new_list(all)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        module.set(
            vm,
            "struct_group",
            structseq::class(vm, &GROUP).into_value(),
        )
    }
}
