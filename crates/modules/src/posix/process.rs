//! Functions of `posix` on processes: starting, waiting, ids, scheduling.
//!
//! A fork copies only the calling thread: the child takes over the interpreter lock and forgets the other threads before
//! any Python runs in it. Between fork and exec nothing is allocated by the functions of this file.
//! CPython: Modules/posixmodule.c.

use super::path::{FsBytes, Gid, Path, PathOrFd, Uid, fs_bytes};
use super::{SCHED_PARAM, TIMES_RESULT, WAITID_RESULT};
use crate::system::{self, Fd, once, retry_or_raise};
use naja_heap::{MutCell, Value};
use naja_macros::pymodule;
use naja_vm::list::List;
use naja_vm::protocols::{attributes, number, object, sequence};
use naja_vm::runtime::Access;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm, structseq};
use std::ffi::CString;

/// What `register_at_fork` has registered.
#[derive(Default)]
pub struct AtFork {
    before: MutCell<Vec<Value>>,
    child: MutCell<Vec<Value>>,
    parent: MutCell<Vec<Value>>,
}

fn run(vm: &Vm, callbacks: Vec<Value>) {
    for callback in callbacks {
        if vm.call(&callback, &[]).is_err() {
            naja_vm::exception::write_unraisable(vm, Some(&callback))
        }
    }
}

/// Raises PythonFinalizationError while the interpreter ends: its child would go on with what is left.
fn refuse_when_finalizing(vm: &Vm) -> PyResult<()> {
    if vm.interp.state.finalizing.get() {
        return Err(vm.raise(
            &vm.types.python_finalization_error,
            "can't fork at interpreter shutdown",
        ));
    }
    Ok(())
}

/// The callbacks before a fork.
pub fn before_fork(vm: &Vm) {
    let mut callbacks = vm.interp.module_state::<AtFork>().before.get();
    callbacks.reverse();
    run(vm, callbacks)
}

/// The callbacks in the parent.
pub fn after_fork_parent(vm: &Vm) {
    run(vm, vm.interp.module_state::<AtFork>().parent.get())
}

/// In the child: this is the only thread. Then the callbacks.
pub fn after_fork_child(vm: &Vm) {
    vm.interp.gil.reset_after_fork();
    vm.interp.state.threads.with_mut(|t| {
        t.retain(|&other| std::ptr::eq(other, vm));
        if t.is_empty() {
            t.push(vm)
        }
    });
    // The loop runs in the parent only.
    drop(vm.running_loop.take());
    drop(vm.running_task.take());
    naja_vm::builtins::signals::after_fork();
    crate::thread::after_fork(vm);
    run(vm, vm.interp.module_state::<AtFork>().child.get())
}

fn warn_threads(vm: &Vm, name: &str) -> PyResult<()> {
    if vm.interp.state.threads.with(Vec::len) > 1 {
        let message = format!(
            "This process (pid={}) is multi-threaded, use of {name}() may lead to deadlocks in the child.",
            std::process::id()
        );
        vm.warn(&vm.types.deprecation_warning, message, 1)?;
    }
    Ok(())
}

/// The strings of an argument vector. Raises TypeError, ValueError.
pub fn argument_vector(vm: &Vm, argv: &Value, function: &str) -> PyResult<Vec<CString>> {
    let items = match (argv.downcast::<List>(), argv.downcast::<Tuple>()) {
        (Some(list), _) => list.to_vec(),
        (_, Some(tuple)) => tuple.items().to_vec(),
        _ => return Err(vm.type_error(format!("{function}: argv must be a tuple or list"))),
    };
    if items.is_empty() {
        return Err(vm.value_error(format!("{function}: argv must not be empty")));
    }
    let args = items
        .iter()
        .map(|item| system::c_string(vm, fs_bytes(vm, item)?))
        .collect::<PyResult<Vec<_>>>()?;
    if args.first().is_some_and(|a| a.is_empty()) {
        return Err(vm.value_error(format!("{function}: argv first element cannot be empty")));
    }
    Ok(args)
}

/// "name=value" of every item of a mapping. Raises TypeError, ValueError.
pub fn environment(vm: &Vm, env: &Value, function: &str) -> PyResult<Vec<CString>> {
    if vm.type_of(env).slots.subscript.get().is_none() {
        return Err(vm.type_error(format!("{function}: environment must be a mapping object")));
    }
    let keys = vm.call(&attributes::get_by(vm, env, "keys")?, &[])?;
    let mut all = Vec::new();
    for key in sequence::collect(vm, &keys)? {
        let value = object::get_item(vm, env, &key)?;
        let mut text = fs_bytes(vm, &key)?;
        if text.is_empty() || text[1..].contains(&b'=') || text[0] == b'=' {
            return Err(vm.value_error("illegal environment variable name"));
        }
        text.push(b'=');
        text.extend(fs_bytes(vm, &value)?);
        all.push(system::c_string(vm, text)?);
    }
    Ok(all)
}

/// Pointers to strings, with a null at the end.
pub fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    let mut all: Vec<_> = strings.iter().map(|s| s.as_ptr()).collect();
    all.push(std::ptr::null());
    all
}

fn ok(vm: &Vm, result: i32) -> PyResult<()> {
    if result < 0 {
        return Err(vm.last_os_error(None));
    }
    Ok(())
}

fn wait_result(vm: &Vm, pid: i32, status: i32) -> PyResult {
    let items = vec![vm.new_int(pid as i64)?, vm.new_int(status as i64)?];
    Ok(vm.new_tuple(items)?.into_value())
}

fn wait_with_usage(vm: &Vm, pid: i32, options: i32) -> PyResult {
    let mut status = 0;
    // SAFETY: all zero is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes one status and one usage.
    let pid = retry_or_raise(vm, || unsafe {
        libc::wait4(pid, &mut status, options, &mut usage)
    })?;
    if pid == 0 {
        // SAFETY: all zero is a valid value.
        usage = unsafe { std::mem::zeroed() };
    }
    let usage = crate::resource::usage_value(vm, &usage)?;
    let items = vec![vm.new_int(pid as i64)?, vm.new_int(status as i64)?, usage];
    Ok(vm.new_tuple(items)?.into_value())
}

fn priority_of(vm: &Vm, param: &Value) -> PyResult<libc::sched_param> {
    if !std::ptr::eq(vm.type_of(param), &*structseq::class(vm, &SCHED_PARAM)) {
        return Err(vm.type_error("must have a sched_param object"));
    }
    let priority = structseq::get::<0>(vm, param)?;
    let priority = number::index_i64(vm, &priority)?
        .and_then(|n| i32::try_from(n).ok())
        .ok_or_else(|| vm.overflow_error("sched_priority out of range"))?;
    Ok(libc::sched_param {
        sched_priority: priority,
    })
}

fn ids(vm: &Vm, ids: &[u32]) -> PyResult<Vec<Value>> {
    ids.iter().map(|&id| vm.new_int(id as i64)).collect()
}

/// Mask of processors, as many words as needed.
fn affinity_words(vm: &Vm, mask: &Value) -> PyResult<Vec<u64>> {
    let mut words = vec![0u64; 16];
    for item in sequence::collect(vm, mask)? {
        if !number::is_int(vm, &item) {
            return Err(vm.type_error(format!(
                "expected an iterator of ints, but iterator yielded '{}'",
                vm.type_name(&item)
            )));
        }
        let cpu = match number::index_i64(vm, &item)? {
            Some(n) if n < 0 => return Err(vm.value_error("negative CPU number")),
            Some(n) if n < i32::MAX as i64 => n as usize,
            _ => return Err(vm.overflow_error("CPU number too large")),
        };
        if cpu / 64 >= words.len() {
            vm.check_size(Some(cpu))?;
            words.resize(cpu / 64 + 1, 0)
        }
        words[cpu / 64] |= 1 << (cpu % 64);
    }
    Ok(words)
}

#[pymodule(name = "posix", doc = "")]
pub mod module {
    use super::*;

    /// Register callables to be called when forking a new process.
    #[pyfunction(
        sig = "(*, before=<unrepresentable>, after_in_child=<unrepresentable>, after_in_parent=<unrepresentable>)"
    )]
    fn register_at_fork(
        vm: &Vm,
        before: Option<Value>,
        after_in_child: Option<Value>,
        after_in_parent: Option<Value>,
    ) -> PyResult<()> {
        if before.is_none() && after_in_child.is_none() && after_in_parent.is_none() {
            return Err(vm.type_error("At least one argument is required."));
        }
        let given = [
            ("before", &before),
            ("after_in_child", &after_in_child),
            ("after_in_parent", &after_in_parent),
        ];
        for (name, value) in given {
            if let Some(value) = value
                && vm.type_of(value).slots.call.get().is_none()
            {
                return Err(vm.type_error(format!(
                    "'{name}' must be callable, not {}",
                    vm.type_name(value)
                )));
            }
        }
        let state = vm.interp.module_state::<AtFork>();
        state.before.with_mut(|v| v.extend(before));
        state.child.with_mut(|v| v.extend(after_in_child));
        state.parent.with_mut(|v| v.extend(after_in_parent));
        Ok(())
    }

    /// Fork a child process.
    ///
    /// Return 0 to child process and PID of child to parent process.
    #[pyfunction(sig = "()")]
    fn fork(vm: &Vm) -> PyResult<i32> {
        refuse_when_finalizing(vm)?;
        vm.permit(Access::Event("os.fork", &[]))?;
        before_fork(vm);
        // SAFETY: the child goes on with this thread alone, holding the interpreter lock.
        let pid = unsafe { libc::fork() };
        let errno = system::errno();
        if pid == 0 {
            after_fork_child(vm);
            return Ok(0);
        }
        after_fork_parent(vm);
        if pid < 0 {
            return Err(vm.os_error(errno, None));
        }
        warn_threads(vm, "fork")?;
        Ok(pid)
    }

    /// Fork a new process with a new pseudo-terminal as controlling tty.
    ///
    /// Returns a tuple of (pid, master_fd).
    #[pyfunction(sig = "()")]
    fn forkpty(vm: &Vm) -> PyResult {
        refuse_when_finalizing(vm)?;
        vm.permit(Access::Event("os.forkpty", &[]))?;
        before_fork(vm);
        let mut master = -1;
        use std::ptr::{null, null_mut};
        // SAFETY: as for fork; room for one descriptor.
        let pid = unsafe { libc::forkpty(&mut master, null_mut(), null(), null()) };
        let errno = system::errno();
        if pid == 0 {
            after_fork_child(vm);
        } else {
            after_fork_parent(vm);
            if pid < 0 {
                return Err(vm.os_error(errno, None));
            }
            warn_threads(vm, "forkpty")?;
        }
        wait_result(vm, pid, master)
    }

    /// Execute an executable path with arguments, replacing current process.
    #[pyfunction(sig = "(path, argv, /)")]
    fn execv(vm: &Vm, path: Path, argv: &Value) -> PyResult<()> {
        let args = argument_vector(vm, argv, "execv")?;
        let event = [path.object.clone(), argv.clone(), Value::NONE];
        vm.permit(Access::Event("os.exec", &event))?;
        let args = pointers(&args);
        // SAFETY: terminated texts and a terminated vector.
        unsafe { libc::execv(path.ptr(), args.as_ptr()) };
        Err(vm.os_error(system::errno(), None))
    }

    /// Execute an executable path with arguments, replacing current process.
    #[pyfunction(sig = "(path, argv, env)")]
    fn execve(vm: &Vm, path: PathOrFd, argv: &Value, env: &Value) -> PyResult<()> {
        let path = path.0;
        let args = argument_vector(vm, argv, "execve")?;
        let env_strings = environment(vm, env, "execve")?;
        let event = [path.object.clone(), argv.clone(), env.clone()];
        vm.permit(Access::Event("os.exec", &event))?;
        let (args, env) = (pointers(&args), pointers(&env_strings));
        // SAFETY: terminated texts and terminated vectors.
        unsafe {
            match path.fd {
                Some(fd) => libc::fexecve(fd, args.as_ptr(), env.as_ptr()),
                None => libc::execve(path.ptr(), args.as_ptr(), env.as_ptr()),
            }
        };
        let errno = system::errno();
        Err(path.error(vm, errno))
    }

    /// Exit to the system with specified status, without normal exit processing.
    #[pyfunction(sig = "(status)")]
    fn _exit(status: i32) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(status) }
    }

    /// Abort the interpreter immediately.
    #[pyfunction(sig = "()")]
    fn abort() {
        std::process::abort()
    }

    /// Execute the command in a subshell.
    #[pyfunction(sig = "(command)")]
    fn system(vm: &Vm, command: FsBytes) -> PyResult<i32> {
        let text = crate::system::fs_decode(vm, command.0.as_bytes())?;
        vm.permit(Access::Event("os.system", &[text]))?;
        // SAFETY: a terminated text.
        Ok(vm.without_gil(|| unsafe { libc::system(command.0.as_ptr()) }))
    }

    /// Wait for completion of a child process.
    #[pyfunction(sig = "()")]
    fn wait(vm: &Vm) -> PyResult {
        let mut status = 0;
        // SAFETY: writes one status.
        let pid = retry_or_raise(vm, || unsafe { libc::wait(&mut status) })?;
        wait_result(vm, pid, status)
    }

    /// Wait for completion of a given child process.
    #[pyfunction(sig = "(pid, options, /)")]
    fn waitpid(vm: &Vm, pid: i32, options: i32) -> PyResult {
        let mut status = 0;
        // SAFETY: writes one status.
        let pid = retry_or_raise(vm, || unsafe { libc::waitpid(pid, &mut status, options) })?;
        wait_result(vm, pid, status)
    }

    /// Wait for completion of a child process.
    #[pyfunction(sig = "(options)")]
    fn wait3(vm: &Vm, options: i32) -> PyResult {
        wait_with_usage(vm, -1, options)
    }

    /// Wait for completion of a specific child process.
    #[pyfunction(sig = "(pid, options)")]
    fn wait4(vm: &Vm, pid: i32, options: i32) -> PyResult {
        wait_with_usage(vm, pid, options)
    }

    /// Returns the result of waiting for a process or processes.
    #[pyfunction(sig = "(idtype, id, options, /)")]
    fn waitid(vm: &Vm, idtype: u32, id: i64, options: i32) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: writes one siginfo.
        retry_or_raise(vm, || unsafe {
            libc::waitid(
                idtype as libc::idtype_t,
                id as libc::id_t,
                &mut info,
                options,
            )
        })?;
        // SAFETY: the fields that waitid fills in.
        let (pid, uid, status) = unsafe { (info.si_pid(), info.si_uid(), info.si_status()) };
        if pid == 0 {
            return Ok(Value::NONE);
        }
        let items = [
            pid as i64,
            uid as i64,
            info.si_signo as i64,
            status as i64,
            info.si_code as i64,
        ];
        let items = items
            .iter()
            .map(|&n| vm.new_int(n))
            .collect::<PyResult<_>>()?;
        structseq::make(vm, &WAITID_RESULT, items)
    }

    /// Convert a wait status to an exit code.
    #[pyfunction(sig = "(status)")]
    fn waitstatus_to_exitcode(vm: &Vm, status: i32) -> PyResult<i32> {
        if libc::WIFEXITED(status) {
            return Ok(libc::WEXITSTATUS(status));
        }
        if libc::WIFSIGNALED(status) {
            return Ok(-libc::WTERMSIG(status));
        }
        if libc::WIFSTOPPED(status) {
            let signal = libc::WSTOPSIG(status);
            return Err(vm.value_error(format!("process stopped by delivery of signal {signal}")));
        }
        Err(vm.value_error(format!("invalid wait status: {status}")))
    }

    /// Return True if the process returning status was dumped to a core file.
    #[pyfunction(name = "WCOREDUMP", sig = "(status, /)")]
    fn wcoredump(status: i32) -> bool {
        libc::WCOREDUMP(status)
    }

    /// Return True if a particular process was continued from a job control stop.
    #[pyfunction(name = "WIFCONTINUED", sig = "(status)")]
    fn wifcontinued(status: i32) -> bool {
        libc::WIFCONTINUED(status)
    }

    /// Return True if the process returning status was stopped.
    #[pyfunction(name = "WIFSTOPPED", sig = "(status)")]
    fn wifstopped(status: i32) -> bool {
        libc::WIFSTOPPED(status)
    }

    /// Return True if the process returning status was terminated by a signal.
    #[pyfunction(name = "WIFSIGNALED", sig = "(status)")]
    fn wifsignaled(status: i32) -> bool {
        libc::WIFSIGNALED(status)
    }

    /// Return True if the process returning status exited via the exit() system call.
    #[pyfunction(name = "WIFEXITED", sig = "(status)")]
    fn wifexited(status: i32) -> bool {
        libc::WIFEXITED(status)
    }

    /// Return the process return code from status.
    #[pyfunction(name = "WEXITSTATUS", sig = "(status)")]
    fn wexitstatus(status: i32) -> i32 {
        libc::WEXITSTATUS(status)
    }

    /// Return the signal that terminated the process that provided the status value.
    #[pyfunction(name = "WTERMSIG", sig = "(status)")]
    fn wtermsig(status: i32) -> i32 {
        libc::WTERMSIG(status)
    }

    /// Return the signal that stopped the process that provided the status value.
    #[pyfunction(name = "WSTOPSIG", sig = "(status)")]
    fn wstopsig(status: i32) -> i32 {
        libc::WSTOPSIG(status)
    }

    /// Kill a process with a signal.
    #[pyfunction(sig = "(pid, signal, /)")]
    fn kill(vm: &Vm, pid: i32, signal: i32) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.kill",
            &[vm.new_int(pid as i64)?, vm.new_int(signal as i64)?],
        ))?;
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::kill(pid, signal) })?;
        vm.check_signals()
    }

    /// Kill a process group with a signal.
    #[pyfunction(sig = "(pgid, signal, /)")]
    fn killpg(vm: &Vm, pgid: i32, signal: i32) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.killpg",
            &[vm.new_int(pgid as i64)?, vm.new_int(signal as i64)?],
        ))?;
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::killpg(pgid, signal) })?;
        vm.check_signals()
    }

    /// Return a file descriptor referring to the process *pid*.
    #[pyfunction(sig = "(pid, flags=0)")]
    fn pidfd_open(vm: &Vm, pid: i32, #[default(0)] flags: u32) -> PyResult<i64> {
        // SAFETY: a plain call.
        once(vm, || unsafe {
            libc::syscall(libc::SYS_pidfd_open, pid, flags)
        })
    }

    /// Return the current process id.
    #[pyfunction(sig = "()")]
    fn getpid() -> u32 {
        std::process::id()
    }

    /// Return the parent's process id.
    #[pyfunction(sig = "()")]
    fn getppid() -> i32 {
        // SAFETY: a plain query.
        unsafe { libc::getppid() }
    }

    /// Return the current process's user id.
    #[pyfunction(sig = "()")]
    fn getuid() -> u32 {
        // SAFETY: a plain query.
        unsafe { libc::getuid() }
    }

    /// Return the current process's effective user id.
    #[pyfunction(sig = "()")]
    fn geteuid() -> u32 {
        // SAFETY: a plain query.
        unsafe { libc::geteuid() }
    }

    /// Return the current process's group id.
    #[pyfunction(sig = "()")]
    fn getgid() -> u32 {
        // SAFETY: a plain query.
        unsafe { libc::getgid() }
    }

    /// Return the current process's effective group id.
    #[pyfunction(sig = "()")]
    fn getegid() -> u32 {
        // SAFETY: a plain query.
        unsafe { libc::getegid() }
    }

    /// Return the current process group id.
    #[pyfunction(sig = "()")]
    fn getpgrp() -> i32 {
        // SAFETY: a plain query.
        unsafe { libc::getpgrp() }
    }

    /// Call the system call getpgid(), and return the result.
    #[pyfunction(sig = "(pid)")]
    fn getpgid(vm: &Vm, pid: i32) -> PyResult<i32> {
        // SAFETY: a plain query.
        once(vm, || unsafe { libc::getpgid(pid) })
    }

    /// Call the system call getsid(pid) and return the result.
    #[pyfunction(sig = "(pid, /)")]
    fn getsid(vm: &Vm, pid: i32) -> PyResult<i32> {
        // SAFETY: a plain query.
        once(vm, || unsafe { libc::getsid(pid) })
    }

    /// Call the system call setsid().
    #[pyfunction(sig = "()")]
    fn setsid(vm: &Vm) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setsid() })
    }

    /// Call the system call setpgid(pid, pgrp).
    #[pyfunction(sig = "(pid, pgrp, /)")]
    fn setpgid(vm: &Vm, pid: i32, pgrp: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setpgid(pid, pgrp) })
    }

    /// Make the current process the leader of its process group.
    #[pyfunction(sig = "()")]
    fn setpgrp(vm: &Vm) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setpgid(0, 0) })
    }

    /// Set the current process's user id.
    #[pyfunction(sig = "(uid, /)")]
    fn setuid(vm: &Vm, uid: Uid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setuid(uid.0) })
    }

    /// Set the current process's effective user id.
    #[pyfunction(sig = "(euid, /)")]
    fn seteuid(vm: &Vm, euid: Uid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::seteuid(euid.0) })
    }

    /// Set the current process's group id.
    #[pyfunction(sig = "(gid, /)")]
    fn setgid(vm: &Vm, gid: Gid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setgid(gid.0) })
    }

    /// Set the current process's effective group id.
    #[pyfunction(sig = "(egid, /)")]
    fn setegid(vm: &Vm, egid: Gid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setegid(egid.0) })
    }

    /// Set the current process's real and effective user ids.
    #[pyfunction(sig = "(ruid, euid, /)")]
    fn setreuid(vm: &Vm, ruid: Uid, euid: Uid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setreuid(ruid.0, euid.0) })
    }

    /// Set the current process's real and effective group ids.
    #[pyfunction(sig = "(rgid, egid, /)")]
    fn setregid(vm: &Vm, rgid: Gid, egid: Gid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setregid(rgid.0, egid.0) })
    }

    /// Set the current process's real, effective, and saved user ids.
    #[pyfunction(sig = "(ruid, euid, suid, /)")]
    fn setresuid(vm: &Vm, ruid: Uid, euid: Uid, suid: Uid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setresuid(ruid.0, euid.0, suid.0) })
    }

    /// Set the current process's real, effective, and saved group ids.
    #[pyfunction(sig = "(rgid, egid, sgid, /)")]
    fn setresgid(vm: &Vm, rgid: Gid, egid: Gid, sgid: Gid) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe { libc::setresgid(rgid.0, egid.0, sgid.0) })
    }

    /// Return a tuple of the current process's real, effective, and saved user ids.
    #[pyfunction(sig = "()")]
    fn getresuid(vm: &Vm) -> PyResult {
        let mut n = [0u32; 3];
        let [r, e, s] = &mut n;
        // SAFETY: writes three ids.
        ok(vm, unsafe { libc::getresuid(r, e, s) })?;
        Ok(vm.new_tuple(ids(vm, &n)?)?.into_value())
    }

    /// Return a tuple of the current process's real, effective, and saved group ids.
    #[pyfunction(sig = "()")]
    fn getresgid(vm: &Vm) -> PyResult {
        let mut n = [0u32; 3];
        let [r, e, s] = &mut n;
        // SAFETY: writes three ids.
        ok(vm, unsafe { libc::getresgid(r, e, s) })?;
        Ok(vm.new_tuple(ids(vm, &n)?)?.into_value())
    }

    /// Return list of supplemental group IDs for the process.
    #[pyfunction(sig = "()")]
    fn getgroups(vm: &Vm) -> PyResult {
        let mut groups = vec![0u32; 65536];
        // SAFETY: a buffer of the size told.
        let n = unsafe { libc::getgroups(groups.len() as i32, groups.as_mut_ptr()) };
        ok(vm, n)?;
        Ok(vm.new_list(ids(vm, &groups[..n as usize])?)?.into_value())
    }

    /// Set the groups of the current process to list.
    #[pyfunction(sig = "(groups, /)")]
    fn setgroups(vm: &Vm, groups: &Value) -> PyResult<()> {
        if !sequence::is_sequence(vm, groups) {
            return Err(vm.type_error("setgroups argument must be a sequence"));
        }
        let items = sequence::collect(vm, groups)?;
        if items.len() > 65536 {
            return Err(vm.value_error("too many groups"));
        }
        let mut groups = Vec::new();
        for item in &items {
            if !number::is_int(vm, item) {
                return Err(vm.type_error("groups must be integers"));
            }
            groups.push(Gid::of(vm, item)?.0);
        }
        // SAFETY: a buffer of the size told.
        ok(vm, unsafe {
            libc::setgroups(groups.len(), groups.as_ptr())
        })
    }

    /// Returns a list of groups to which a user belongs.
    #[pyfunction(sig = "(user, group, /)")]
    fn getgrouplist(vm: &Vm, user: FsBytes, group: Gid) -> PyResult {
        let mut n = 1024;
        let mut groups = vec![0u32; n as usize];
        // SAFETY: a terminated text, a buffer of the size told.
        while unsafe { libc::getgrouplist(user.0.as_ptr(), group.0, groups.as_mut_ptr(), &mut n) }
            < 0
        {
            if groups.len() > 1 << 20 {
                return Err(vm.memory_error(""));
            }
            groups.resize(groups.len() * 2, 0);
            n = groups.len() as i32;
        }
        Ok(vm.new_list(ids(vm, &groups[..n as usize])?)?.into_value())
    }

    /// Initialize the group access list.
    #[pyfunction(sig = "(username, gid, /)")]
    fn initgroups(vm: &Vm, username: FsBytes, gid: Gid) -> PyResult<()> {
        // SAFETY: a terminated text.
        ok(vm, unsafe { libc::initgroups(username.0.as_ptr(), gid.0) })
    }

    /// Return the actual login name.
    #[pyfunction(sig = "()")]
    fn getlogin(vm: &Vm) -> PyResult {
        unsafe extern "C" {
            fn getlogin_r(name: *mut libc::c_char, size: usize) -> libc::c_int;
        }
        let mut name = [0u8; 256];
        // SAFETY: a buffer of the size told.
        match unsafe { getlogin_r(name.as_mut_ptr().cast(), name.len()) } {
            0 => {
                let end = name.iter().position(|&b| b == 0).unwrap_or(0);
                crate::system::fs_decode(vm, &name[..end])
            }
            errno => Err(vm.os_error(errno, None)),
        }
    }

    /// Add increment to the priority of process and return the new priority.
    #[pyfunction(sig = "(increment, /)")]
    fn nice(vm: &Vm, increment: i32) -> PyResult<i32> {
        // SAFETY: clears the calling thread's errno, then a plain call.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::nice(increment)
        };
        let errno = system::errno();
        if value == -1 && errno != 0 {
            return Err(vm.os_error(errno, None));
        }
        Ok(value)
    }

    /// Return program scheduling priority.
    #[pyfunction(sig = "(which, who)")]
    fn getpriority(vm: &Vm, which: u32, who: i32) -> PyResult<i32> {
        // SAFETY: clears the calling thread's errno, then a plain query.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::getpriority(which as _, who as libc::id_t)
        };
        let errno = system::errno();
        if value == -1 && errno != 0 {
            return Err(vm.os_error(errno, None));
        }
        Ok(value)
    }

    /// Set program scheduling priority.
    #[pyfunction(sig = "(which, who, priority)")]
    fn setpriority(vm: &Vm, which: u32, who: i32, priority: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        ok(vm, unsafe {
            libc::setpriority(which as _, who as libc::id_t, priority)
        })
    }

    /// Return a collection containing process timing information.
    #[pyfunction(sig = "()")]
    fn times(vm: &Vm) -> PyResult {
        // SAFETY: all zero is a valid value; writes one; a plain query.
        let (t, elapsed, ticks) = unsafe {
            let mut t: libc::tms = std::mem::zeroed();
            let elapsed = libc::times(&mut t);
            (t, elapsed, libc::sysconf(libc::_SC_CLK_TCK).max(1) as f64)
        };
        let items = [
            t.tms_utime,
            t.tms_stime,
            t.tms_cutime,
            t.tms_cstime,
            elapsed,
        ];
        let items = items
            .iter()
            .map(|&n| vm.new_float(n as f64 / ticks))
            .collect::<PyResult<_>>()?;
        structseq::make(vm, &TIMES_RESULT, items)
    }

    /// Get the maximum scheduling priority for policy.
    #[pyfunction(sig = "(policy)")]
    fn sched_get_priority_max(vm: &Vm, policy: i32) -> PyResult<i32> {
        // SAFETY: a plain query.
        once(vm, || unsafe { libc::sched_get_priority_max(policy) })
    }

    /// Get the minimum scheduling priority for policy.
    #[pyfunction(sig = "(policy)")]
    fn sched_get_priority_min(vm: &Vm, policy: i32) -> PyResult<i32> {
        // SAFETY: a plain query.
        once(vm, || unsafe { libc::sched_get_priority_min(policy) })
    }

    /// Get the scheduling policy for the process identified by pid.
    #[pyfunction(sig = "(pid, /)")]
    fn sched_getscheduler(vm: &Vm, pid: i32) -> PyResult<i32> {
        // SAFETY: a plain query.
        once(vm, || unsafe { libc::sched_getscheduler(pid) })
    }

    /// Set the scheduling policy for the process identified by pid.
    #[pyfunction(sig = "(pid, policy, param, /)")]
    fn sched_setscheduler(vm: &Vm, pid: i32, policy: i32, param: &Value) -> PyResult<()> {
        let param = priority_of(vm, param)?;
        // SAFETY: reads one parameter.
        ok(vm, unsafe { libc::sched_setscheduler(pid, policy, &param) })
    }

    /// Returns scheduling parameters for the process identified by pid.
    #[pyfunction(sig = "(pid, /)")]
    fn sched_getparam(vm: &Vm, pid: i32) -> PyResult {
        let mut param = libc::sched_param { sched_priority: 0 };
        // SAFETY: writes one parameter.
        ok(vm, unsafe { libc::sched_getparam(pid, &mut param) })?;
        structseq::make(
            vm,
            &SCHED_PARAM,
            vec![vm.new_int(param.sched_priority as i64)?],
        )
    }

    /// Set scheduling parameters for the process identified by pid.
    #[pyfunction(sig = "(pid, param, /)")]
    fn sched_setparam(vm: &Vm, pid: i32, param: &Value) -> PyResult<()> {
        let param = priority_of(vm, param)?;
        // SAFETY: reads one parameter.
        ok(vm, unsafe { libc::sched_setparam(pid, &param) })
    }

    /// Return the round-robin quantum for the process identified by pid, in seconds.
    #[pyfunction(sig = "(pid, /)")]
    fn sched_rr_get_interval(vm: &Vm, pid: i32) -> PyResult<f64> {
        let mut step = system::c_timespec(0);
        // SAFETY: writes one timespec.
        ok(vm, unsafe { libc::sched_rr_get_interval(pid, &mut step) })?;
        Ok(step.tv_sec as f64 + 1e-9 * step.tv_nsec as f64)
    }

    /// Voluntarily relinquish the CPU.
    #[pyfunction(sig = "()")]
    fn sched_yield(vm: &Vm) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::sched_yield() }).map(|_| ())
    }

    /// Set the CPU affinity of the process identified by pid to mask.
    #[pyfunction(sig = "(pid, mask, /)")]
    fn sched_setaffinity(vm: &Vm, pid: i32, mask: &Value) -> PyResult<()> {
        let words = affinity_words(vm, mask)?;
        // SAFETY: a mask of the size told.
        ok(vm, unsafe {
            libc::sched_setaffinity(pid, words.len() * 8, words.as_ptr().cast())
        })
    }

    /// Return the affinity of the process identified by pid (or the current process if zero).
    #[pyfunction(sig = "(pid, /)")]
    fn sched_getaffinity(vm: &Vm, pid: i32) -> PyResult {
        let mut words = vec![0u64; 16];
        // SAFETY: a mask of the size told.
        while unsafe { libc::sched_getaffinity(pid, words.len() * 8, words.as_mut_ptr().cast()) }
            < 0
        {
            if system::errno() != libc::EINVAL || words.len() > 1 << 16 {
                return Err(vm.last_os_error(None));
            }
            words.resize(words.len() * 2, 0)
        }
        let mut cpus = Vec::new();
        for cpu in 0..words.len() * 64 {
            if words[cpu / 64] >> (cpu % 64) & 1 == 1 {
                cpus.push(vm.new_int(cpu as i64)?)
            }
        }
        vm.call(vm.types.set.as_value(), &[vm.new_list(cpus)?.into_value()])
    }

    /// Disassociate parts of a process (or thread) execution context.
    #[pyfunction(sig = "(flags)")]
    fn unshare(vm: &Vm, flags: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::unshare(flags) }).map(|_| ())
    }

    /// Move the calling thread into different namespaces.
    #[pyfunction(sig = "(fd, nstype=0)")]
    fn setns(vm: &Vm, fd: Fd, #[default(0)] nstype: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        once(vm, || unsafe { libc::setns(fd.0, nstype) }).map(|_| ())
    }

    /// Set the current numeric umask and return the previous umask.
    #[pyfunction(sig = "(mask, /)")]
    fn umask(mask: i32) -> u32 {
        // SAFETY: a plain call.
        unsafe { libc::umask(mask as libc::mode_t) }
    }
}
