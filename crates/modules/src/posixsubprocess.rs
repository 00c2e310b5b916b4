//! `_posixsubprocess`: `fork_exec`, which starts the processes of `subprocess`.
//!
//! Everything that the child needs is made before the fork; in the child only system calls run, no allocation and no
//! Python (unless there is a `preexec_fn`). What fails there is written to the parent's pipe as
//! "OSError:errno in hex:what". CPython: Modules/_posixsubprocess.c.

use crate::posix::path::{Gid, Uid, fs_bytes};
use crate::posix::process::{after_fork_child, after_fork_parent, before_fork, pointers};
use crate::system;
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::protocols::{number, sequence};
use naja_vm::runtime::Access;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};
use std::ffi::CString;

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

/// What the child does, in plain data.
struct Plan {
    programs: Vec<CString>,
    args: Vec<CString>,
    env: Option<Vec<CString>>,
    cwd: Option<CString>,
    /// Descriptors that stay open, ascending.
    keep: Vec<i32>,
    close_fds: bool,
    /// p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, errpipe_read, errpipe_write.
    fds: [i32; 8],
    restore_signals: bool,
    new_session: bool,
    process_group: i32,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    uid: Option<u32>,
    umask: i32,
}

fn strings(vm: &Vm, items: &Value, message: &str) -> PyResult<Vec<CString>> {
    sequence::collect_or(vm, items, message)?
        .iter()
        .map(|item| system::c_string(vm, fs_bytes(vm, item)?))
        .collect()
}

fn kept(vm: &Vm, fds: &Value) -> PyResult<Vec<i32>> {
    let Some(tuple) = fds.downcast::<Tuple>() else {
        return Err(vm.type_error(format!(
            "fork_exec() argument 4 must be tuple, not {}",
            vm.type_name(fds)
        )));
    };
    let mut keep = Vec::new();
    for item in tuple.items() {
        let fd = number::index_i64(vm, item)?.and_then(|n| i32::try_from(n).ok());
        match fd.filter(|&fd| fd >= 0 && keep.last().is_none_or(|&last| last < fd)) {
            Some(fd) => keep.push(fd),
            None => return Err(vm.value_error("bad value(s) in fds_to_keep")),
        }
    }
    Ok(keep)
}

/// In the child: the failing call's number of the last system call and what was being done.
///
/// # Safety
/// Runs between fork and exec: async-signal-safe calls only. The pointers are terminated vectors.
unsafe fn child(
    plan: &Plan,
    programs: &[*const libc::c_char],
    args: *const *const libc::c_char,
    env: Option<*const *const libc::c_char>,
    before_exec: impl FnOnce() -> bool,
) -> &'static str {
    let [
        p2cread,
        p2cwrite,
        c2pread,
        mut c2pwrite,
        errread,
        mut errwrite,
        errpipe_read,
        errpipe_write,
    ] = plan.fds;
    // SAFETY: plain system calls throughout.
    unsafe {
        for &fd in &plan.keep {
            if fd != errpipe_write && libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                return "";
            }
        }
        for fd in [p2cwrite, c2pread, errread, errpipe_read] {
            if fd != -1 {
                libc::close(fd);
            }
        }
        if c2pwrite == 0 {
            c2pwrite = libc::dup(c2pwrite);
        }
        while errwrite == 0 || errwrite == 1 {
            errwrite = libc::dup(errwrite);
            if errwrite < 0 {
                return "";
            }
        }
        for (from, to) in [(p2cread, 0), (c2pwrite, 1), (errwrite, 2)] {
            let failed = if from == to {
                libc::fcntl(from, libc::F_SETFD, 0) < 0
            } else {
                from != -1 && libc::dup2(from, to) < 0
            };
            if failed {
                return "";
            }
        }
        if let Some(cwd) = &plan.cwd
            && libc::chdir(cwd.as_ptr()) != 0
        {
            return "noexec:chdir";
        }
        if plan.umask >= 0 {
            libc::umask(plan.umask as libc::mode_t);
        }
        if plan.restore_signals {
            for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        if plan.new_session && libc::setsid() < 0
            || plan.process_group >= 0 && libc::setpgid(0, plan.process_group) < 0
        {
            return "";
        }
        if let Some(groups) = &plan.groups
            && libc::setgroups(groups.len(), groups.as_ptr()) < 0
        {
            return "";
        }
        if plan.gid.is_some_and(|gid| libc::setregid(gid, gid) < 0)
            || plan.uid.is_some_and(|uid| libc::setreuid(uid, uid) < 0)
        {
            return "";
        }
        if !before_exec() {
            *libc::__errno_location() = 0;
            return "Exception occurred in preexec_fn.";
        }
        if plan.close_fds {
            let mut from = 3;
            for &fd in plan.keep.iter().filter(|&&fd| fd >= 3) {
                close_range(from, fd - 1);
                from = fd + 1;
            }
            close_range(from, i32::MAX);
        }
        // The process's own environment is looked at now: before_exec may have changed it.
        let env = env.unwrap_or(environ);
        let mut saved = libc::ENOENT;
        for &program in programs {
            libc::execve(program, args, env);
            let errno = *libc::__errno_location();
            if errno != libc::ENOENT && errno != libc::ENOTDIR {
                saved = errno;
                if errno != libc::EACCES {
                    break;
                }
            } else if saved == libc::ENOENT {
                saved = errno;
            }
        }
        *libc::__errno_location() = saved;
        ""
    }
}

/// # Safety
/// The descriptors are the caller's to close.
unsafe fn close_range(low: i32, high: i32) {
    if low > high {
        return;
    }
    // SAFETY: plain system calls.
    unsafe {
        if libc::syscall(libc::SYS_close_range, low, high, 0) != 0 {
            for fd in low..high.min(65536) {
                libc::close(fd);
            }
        }
    }
}

/// Tells the parent what failed.
fn report(fd: i32, doing: &str, errno: i32) {
    let mut text = [0u8; 96];
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        for &b in bytes {
            if len < text.len() {
                text[len] = b;
                len += 1
            }
        }
    };
    if errno != 0 {
        put(b"OSError:");
        let digits = (0..8)
            .rev()
            .map(|i| (errno as u32 >> (i * 4) & 15) as usize);
        let mut started = false;
        for digit in digits {
            started |= digit != 0;
            if started {
                put(&b"0123456789ABCDEF"[digit..=digit])
            }
        }
        put(b":");
    } else {
        put(b"SubprocessError:0:");
    }
    put(doing.as_bytes());
    // SAFETY: a buffer of the size told.
    unsafe { libc::write(fd, text.as_ptr().cast(), len) };
}

fn start(vm: &Vm, plan: &Plan, preexec: Option<&Value>) -> PyResult<i32> {
    let programs: Vec<_> = plan.programs.iter().map(|p| p.as_ptr()).collect();
    let args = pointers(&plan.args);
    let env = plan.env.as_deref().map(pointers);
    let env = env.as_ref().map(|e| e.as_ptr());
    if preexec.is_some() {
        before_fork(vm)
    }
    // SAFETY: all signals are blocked around the fork, so that none is handled half-way in the child.
    let (pid, errno) = unsafe {
        let (mut all, mut old): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut old);
        let pid = libc::fork();
        let errno = system::errno();
        if pid == 0 {
            libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
            let doing = child(plan, &programs, args.as_ptr(), env, || match preexec {
                None => true,
                Some(function) => {
                    after_fork_child(vm);
                    vm.call(function, &[]).is_ok()
                }
            });
            let errno = system::errno();
            report(
                plan.fds[7],
                doing,
                if doing.starts_with("Exception") {
                    0
                } else {
                    errno
                },
            );
            libc::_exit(255)
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        (pid, errno)
    };
    if preexec.is_some() {
        after_fork_parent(vm)
    }
    if pid < 0 {
        return Err(vm.os_error(errno, None));
    }
    Ok(pid)
}

#[pymodule(
    name = "_posixsubprocess",
    doc = "A POSIX helper for the subprocess module."
)]
pub mod module {
    use super::*;

    /// Spawn a fresh new child process.
    #[pyfunction(
        sig = "(args, executable_list, close_fds, pass_fds, cwd, env, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, errpipe_read, errpipe_write, restore_signals, call_setsid, pgid_to_set, gid, extra_groups, uid, child_umask, preexec_fn, /)"
    )]
    fn fork_exec(
        vm: &Vm,
        args: &Value,
        executable_list: &Value,
        close_fds: bool,
        pass_fds: &Value,
        cwd: &Value,
        env: &Value,
        p2cread: i32,
        p2cwrite: i32,
        c2pread: i32,
        c2pwrite: i32,
        errread: i32,
        errwrite: i32,
        errpipe_read: i32,
        errpipe_write: i32,
        restore_signals: bool,
        call_setsid: bool,
        pgid_to_set: i32,
        gid: &Value,
        extra_groups: &Value,
        uid: &Value,
        child_umask: i32,
        preexec_fn: &Value,
    ) -> PyResult<i32> {
        if !preexec_fn.is_none() && vm.interp.state.finalizing.get() {
            return Err(vm.raise(
                &vm.types.python_finalization_error,
                "preexec_fn not supported at interpreter shutdown",
            ));
        }
        if close_fds && errpipe_write < 3 {
            return Err(vm.value_error("errpipe_write must be >= 3"));
        }
        let keep = kept(vm, pass_fds)?;
        let given = |v: &Value| !v.is_none();
        let groups = if given(extra_groups) {
            let items = sequence::collect(vm, extra_groups)?;
            if items.len() > 65536 {
                return Err(vm.value_error("too many extra_groups"));
            }
            Some(
                items
                    .iter()
                    .map(|g| match Gid::of(vm, g) {
                        Ok(gid) => Ok(gid.0),
                        Err(_) => {
                            vm.clear_exception();
                            Err(vm.value_error("invalid group id"))
                        }
                    })
                    .collect::<PyResult<Vec<_>>>()?,
            )
        } else {
            None
        };
        let event = [executable_list.clone(), args.clone(), env.clone()];
        vm.permit(Access::Event("_posixsubprocess.fork_exec", &event))?;
        let plan = Plan {
            programs: strings(vm, executable_list, "executable_list must be a sequence")?,
            args: if given(args) {
                strings(vm, args, "argv must be a tuple")?
            } else {
                Vec::new()
            },
            env: given(env)
                .then(|| strings(vm, env, "env must be a sequence"))
                .transpose()?,
            cwd: given(cwd)
                .then(|| system::c_string(vm, fs_bytes(vm, cwd)?))
                .transpose()?,
            keep,
            close_fds,
            fds: [
                p2cread,
                p2cwrite,
                c2pread,
                c2pwrite,
                errread,
                errwrite,
                errpipe_read,
                errpipe_write,
            ],
            restore_signals,
            new_session: call_setsid,
            process_group: pgid_to_set,
            gid: given(gid)
                .then(|| Gid::of(vm, gid).map(|g| g.0))
                .transpose()?,
            groups,
            uid: given(uid)
                .then(|| Uid::of(vm, uid).map(|u| u.0))
                .transpose()?,
            umask: child_umask,
        };
        start(vm, &plan, given(preexec_fn).then_some(preexec_fn))
    }
}
