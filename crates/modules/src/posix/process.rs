//! Processes: identities, children, signals, scheduling, the environment.

use super::paths::{PathArg, to_python, to_system};
use super::status::{SCHED_PARAM, WAITID};
use super::{blocking, check, errno, failed};
use naja_heap::{MutCell, Ref, Value};
use naja_vm::module::Module;
use naja_vm::protocols::{number, sequence};
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm, structseq};
use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;

/// What `register_at_fork` has registered.
#[derive(Default)]
pub struct AtFork {
    before: MutCell<Vec<Value>>,
    in_parent: MutCell<Vec<Value>>,
    in_child: MutCell<Vec<Value>>,
}

fn run_all(vm: &Vm, functions: Vec<Value>) {
    for function in functions {
        if vm.call(&function, &[]).is_err() {
            let exception = vm.take_exception();
            naja_vm::builtins::sys::unraisable(vm, exception, Some(&function), None);
        }
    }
}

/// Before a fork: the functions registered for that, the latest first.
pub fn before_fork(vm: &Vm) {
    let mut functions = vm.interp.module_state::<AtFork>().before.get();
    functions.reverse();
    run_all(vm, functions)
}

pub fn after_fork_in_parent(vm: &Vm) {
    run_all(vm, vm.interp.module_state::<AtFork>().in_parent.get())
}

/// In the child only this thread exists.
pub fn after_fork_in_child(vm: &Vm) {
    vm.interp.gil.reset_after_fork();
    run_all(vm, vm.interp.module_state::<AtFork>().in_child.get())
}

/// Strings for an exec: arguments, or `key=value` pairs.
fn strings(vm: &Vm, items: &[Value]) -> PyResult<Vec<CString>> {
    items
        .iter()
        .map(|item| to_system(vm, &crate::io::fileio::fspath(vm, item)?))
        .collect()
}

fn environment(vm: &Vm, env: &Value) -> PyResult<Vec<CString>> {
    let keys = sequence::collect(vm, &vm.call_method_str(env, "keys", &[])?)?;
    let values = sequence::collect(vm, &vm.call_method_str(env, "values", &[])?)?;
    if keys.len() != values.len() {
        return Err(vm.value_error("env changed size during iteration"));
    }
    let mut pairs = Vec::new();
    for (key, value) in strings(vm, &keys)?.into_iter().zip(strings(vm, &values)?) {
        if key.as_bytes().is_empty() || key.as_bytes().contains(&b'=') {
            return Err(vm.value_error("illegal environment variable name"));
        }
        let pair = [key.as_bytes(), b"=", value.as_bytes()].concat();
        pairs.push(CString::new(pair).map_err(|_| vm.value_error("embedded null byte"))?);
    }
    Ok(pairs)
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    let mut all: Vec<_> = strings.iter().map(|s| s.as_ptr()).collect();
    all.push(std::ptr::null());
    all
}

fn arguments(vm: &Vm, argv: &Value, function: &str) -> PyResult<Vec<CString>> {
    let listed = argv.downcast::<naja_vm::list::List>().is_some()
        || argv.downcast::<naja_vm::tuple::Tuple>().is_some();
    if !listed {
        return Err(vm.type_error(format!("{function}: argv must be a tuple or list")));
    }
    let argv = strings(vm, &sequence::collect(vm, argv)?)?;
    match argv.first() {
        None => Err(vm.value_error(format!("{function}: argv must not be empty"))),
        Some(first) if first.is_empty() => {
            Err(vm.value_error(format!("{function}: argv first element cannot be empty")))
        }
        _ => Ok(argv),
    }
}

/// `(pid, status)`.
fn pid_and_status(vm: &Vm, pid: i64, status: i32) -> PyResult {
    Ok(vm
        .new_tuple(vec![vm.new_int(pid)?, vm.new_int(i64::from(status))?])?
        .into_value())
}

/// `os.wait3` and `wait4` with the usage as `resource.struct_rusage`.
fn with_usage(vm: &Vm, pid: i64, status: i32, usage: &libc::rusage) -> PyResult {
    let resource = naja_vm::import::import_simple(vm, "resource")?;
    let class = naja_vm::protocols::attributes::get_by(vm, &resource, "struct_rusage")?;
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    let mut items = vec![
        vm.new_float(seconds(usage.ru_utime))?,
        vm.new_float(seconds(usage.ru_stime))?,
    ];
    for n in [
        usage.ru_maxrss,
        usage.ru_ixrss,
        usage.ru_idrss,
        usage.ru_isrss,
        usage.ru_minflt,
        usage.ru_majflt,
        usage.ru_nswap,
        usage.ru_inblock,
        usage.ru_oublock,
        usage.ru_msgsnd,
        usage.ru_msgrcv,
        usage.ru_nsignals,
        usage.ru_nvcsw,
        usage.ru_nivcsw,
    ] {
        items.push(vm.new_int(n)?);
    }
    let usage = vm.call(&class, &[vm.new_tuple(items)?.into_value()])?;
    Ok(vm
        .new_tuple(vec![
            vm.new_int(pid)?,
            vm.new_int(i64::from(status))?,
            usage,
        ])?
        .into_value())
}

/// Waits without the interpreter lock; the status is written by the call.
fn wait_for(vm: &Vm, call: impl Fn(*mut i32) -> i64) -> PyResult<(i64, i32)> {
    let status = std::sync::atomic::AtomicI32::new(0);
    let pid = blocking(vm, || {
        let mut own = 0;
        let pid = call(&mut own);
        status.store(own, std::sync::atomic::Ordering::Relaxed);
        pid
    })?;
    Ok((pid, status.into_inner()))
}

fn forked(vm: &Vm, pid: i32, error: i32) -> PyResult<i64> {
    if pid == 0 {
        after_fork_in_child(vm);
    } else {
        after_fork_in_parent(vm);
        if pid < 0 {
            return Err(naja_vm::builtins::print::os_error(vm, error));
        }
    }
    Ok(i64::from(pid))
}

/// A user or group id; -1 is allowed where it means "leave as it is".
fn id(vm: &Vm, value: &Value, what: &str) -> PyResult<u32> {
    match number::index_i64(vm, value)? {
        Some(-1) => Ok(u32::MAX),
        Some(n) if n < 0 => Err(vm.overflow_error(format!("{what} is less than minimum"))),
        Some(n) if n <= i64::from(u32::MAX) => Ok(n as u32),
        _ => Err(vm.overflow_error(format!("{what} is greater than maximum"))),
    }
}

fn groups_of(vm: &Vm, groups: &[libc::gid_t]) -> PyResult {
    let groups = groups
        .iter()
        .map(|&g| vm.new_int(i64::from(g)))
        .collect::<PyResult<Vec<_>>>()?;
    Ok(vm.new_list(groups)?.into_value())
}

macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident = $call:expr;)*) => {
        #[naja_macros::pymodule(name = "posix")]
        pub mod queries {
            $($(#[$doc])*
            #[pyfunction(sig = "($module, /)")]
            fn $name() -> i64 {
                // SAFETY: a query about the process.
                i64::from(unsafe { $call })
            })*
        }
    };
}

queries! {
    /// Return the current process id.
    getpid = libc::getpid();
    /// Return the parent's process id.
    getppid = libc::getppid();
    /// Return the current process's user id.
    getuid = libc::getuid();
    /// Return the current process's effective user id.
    geteuid = libc::geteuid();
    /// Return the current process's group id.
    getgid = libc::getgid();
    /// Return the current process's effective group id.
    getegid = libc::getegid();
    /// Return the current process group id.
    getpgrp = libc::getpgrp();
}

#[naja_macros::pymodule(name = "posix")]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        super::super::add(vm, module, &queries::MODULE)?;
        module.set(vm, "environ", _create_environ(vm)?)
    }

    /// Create the environment dictionary.
    #[pyfunction(sig = "($module, /)")]
    fn _create_environ(vm: &Vm) -> PyResult {
        vm.permit(Access::Environment)?;
        let dict = vm.new_dict()?;
        for (key, value) in std::env::vars_os() {
            let key = vm.new_bytes_of(key.into_vec())?.into_value();
            dict.set(vm, &key, vm.new_bytes_of(value.into_vec())?.into_value())?;
        }
        Ok(dict.into_value())
    }

    /// Change or add an environment variable.
    #[pyfunction(sig = "($module, name, value, /)")]
    fn putenv(vm: &Vm, name: &Value, value: &Value) -> PyResult<()> {
        let (key, text) = (to_system(vm, name)?, to_system(vm, value)?);
        if key.as_bytes().contains(&b'=') {
            return Err(vm.value_error("illegal environment variable name"));
        }
        vm.permit(Access::Event("os.putenv", &[name.clone(), value.clone()]))?;
        // SAFETY: both are C strings; the interpreter lock keeps other threads of Python out.
        check(
            vm,
            i64::from(unsafe { libc::setenv(key.as_ptr(), text.as_ptr(), 1) }),
        )
        .map(drop)
    }

    /// Delete an environment variable.
    #[pyfunction(sig = "($module, name, /)")]
    fn unsetenv(vm: &Vm, name: &Value) -> PyResult<()> {
        let key = to_system(vm, name)?;
        vm.permit(Access::Event("os.unsetenv", std::slice::from_ref(name)))?;
        // SAFETY: a C string; the interpreter lock keeps other threads of Python out.
        check(vm, i64::from(unsafe { libc::unsetenv(key.as_ptr()) })).map(drop)
    }

    /// Translate an error code to a message string.
    #[pyfunction(sig = "($module, code, /)")]
    fn strerror(code: i32) -> String {
        let text = std::io::Error::from_raw_os_error(code).to_string();
        text.split(" (os error").next().unwrap_or("").to_string()
    }

    /// Exit to the system with specified status, without normal exit processing.
    #[pyfunction(sig = "($module, /, status)")]
    fn _exit(status: i32) {
        // SAFETY: ends the process at once, as asked.
        unsafe { libc::_exit(status) }
    }

    /// Abort the interpreter immediately.
    #[pyfunction(sig = "($module, /)")]
    fn abort() {
        std::process::abort()
    }

    /// Kill a process with a signal.
    #[pyfunction(sig = "($module, pid, signal, /)")]
    fn kill(vm: &Vm, pid: i32, signal: i32) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.kill",
            &[vm.new_int(i64::from(pid))?, vm.new_int(i64::from(signal))?],
        ))?;
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::kill(pid, signal) }))?;
        vm.check_signals()
    }

    /// Kill a process group with a signal.
    #[pyfunction(sig = "($module, pgid, signal, /)")]
    fn killpg(vm: &Vm, pgid: i32, signal: i32) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.killpg",
            &[vm.new_int(i64::from(pgid))?, vm.new_int(i64::from(signal))?],
        ))?;
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::killpg(pgid, signal) }))?;
        vm.check_signals()
    }

    /// Return the number of logical CPUs in the system.
    ///
    /// Return None if indeterminable.
    #[pyfunction(sig = "($module, /)")]
    fn cpu_count(vm: &Vm) -> PyResult {
        if let Some(count) = vm.interp.config.cpu_count {
            return vm.new_int(i64::from(count));
        }
        // SAFETY: a query.
        match unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) } {
            n if n > 0 => vm.new_int(n),
            _ => Ok(Value::NONE),
        }
    }

    /// Return average recent system load information.
    #[pyfunction(sig = "($module, /)")]
    fn getloadavg(vm: &Vm) -> PyResult {
        let mut loads = [0f64; 3];
        // SAFETY: room for three numbers.
        if unsafe { libc::getloadavg(loads.as_mut_ptr(), 3) } != 3 {
            return Err(vm.raise(&vm.types.os_error, "Load averages are unobtainable"));
        }
        let loads = loads
            .iter()
            .map(|&l| vm.new_float(l))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_tuple(loads)?.into_value())
    }

    /// Return the actual login name.
    #[pyfunction(sig = "($module, /)")]
    fn getlogin(vm: &Vm) -> PyResult {
        // SAFETY: the answer is null or a C string, read before the next call.
        unsafe {
            let name = libc::getlogin();
            if name.is_null() {
                return Err(failed(vm));
            }
            to_python(vm, std::ffi::CStr::from_ptr(name).to_bytes(), false)
        }
    }

    // ---- children ----

    /// Register callables to be called when forking a new process.
    ///
    /// 'before' callbacks are called in reverse order.
    /// 'after_in_child' and 'after_in_parent' callbacks are called in order.
    #[pyfunction(
        sig = "($module, /, *, before=<unrepresentable>,\n                 after_in_child=<unrepresentable>,\n                 after_in_parent=<unrepresentable>)"
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
        for (value, name) in [
            (&before, "before"),
            (&after_in_child, "after_in_child"),
            (&after_in_parent, "after_in_parent"),
        ] {
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
        state.before.with_mut(|l| l.extend(before));
        state.in_child.with_mut(|l| l.extend(after_in_child));
        state.in_parent.with_mut(|l| l.extend(after_in_parent));
        Ok(())
    }

    /// Fork a child process.
    ///
    /// Return 0 to child process and PID of child to parent process.
    #[pyfunction(sig = "($module, /)")]
    fn fork(vm: &Vm) -> PyResult<i64> {
        vm.permit(Access::Event("os.fork", &[]))?;
        before_fork(vm);
        // SAFETY: the child goes on with this thread only and repairs what other threads held.
        let pid = unsafe { libc::fork() };
        let error = errno();
        forked(vm, pid, error)
    }

    /// Fork a new process with a new pseudo-terminal as controlling tty.
    ///
    /// Returns a tuple of (pid, master_fd).
    #[pyfunction(sig = "($module, /)")]
    fn forkpty(vm: &Vm) -> PyResult {
        vm.permit(Access::Event("os.forkpty", &[]))?;
        before_fork(vm);
        let mut master = -1;
        // SAFETY: as for fork; room for one descriptor.
        let pid = unsafe {
            libc::forkpty(
                &mut master,
                std::ptr::null_mut(),
                std::ptr::null(),
                std::ptr::null(),
            )
        };
        let error = errno();
        let pid = forked(vm, pid, error)?;
        pid_and_status(vm, pid, master)
    }

    /// Execute an executable path with arguments, replacing current process.
    #[pyfunction(sig = "($module, path, argv, /)")]
    fn execv(vm: &Vm, path: PathArg, argv: &Value) -> PyResult<()> {
        let args = arguments(vm, argv, "execv()")?;
        vm.permit(Access::Event(
            "os.exec",
            &[path.value.clone(), argv.clone(), Value::NONE],
        ))?;
        let args = pointers(&args);
        // SAFETY: C strings and an array that ends in null.
        unsafe { libc::execv(path.text().as_ptr(), args.as_ptr()) };
        Err(path.error(vm))
    }

    /// Execute an executable path with arguments, replacing current process.
    #[pyfunction(sig = "($module, /, path, argv, env)")]
    fn execve(
        vm: &Vm,
        path: super::super::paths::PathOrFd,
        argv: &Value,
        env: &Value,
    ) -> PyResult<()> {
        let path = path.0;
        let args = arguments(vm, argv, "execve")?;
        let pairs = environment(vm, env)?;
        vm.permit(Access::Event(
            "os.exec",
            &[path.value.clone(), argv.clone(), env.clone()],
        ))?;
        let (args, pairs) = (pointers(&args), pointers(&pairs));
        // SAFETY: C strings and arrays that end in null.
        unsafe {
            match path.fd() {
                Some(fd) => libc::fexecve(fd, args.as_ptr(), pairs.as_ptr()),
                None => libc::execve(path.text().as_ptr(), args.as_ptr(), pairs.as_ptr()),
            }
        };
        Err(path.error(vm))
    }

    /// Wait for completion of a given child process.
    ///
    /// Returns a tuple of information regarding the child process:
    ///     (pid, status)
    #[pyfunction(sig = "($module, pid, options, /)")]
    fn waitpid(vm: &Vm, pid: i32, options: i32) -> PyResult {
        // SAFETY: room for one status.
        let (pid, status) = wait_for(vm, |status| {
            i64::from(unsafe { libc::waitpid(pid, status, options) })
        })?;
        pid_and_status(vm, pid, status)
    }

    /// Wait for completion of a child process.
    #[pyfunction(sig = "($module, /)")]
    fn wait(vm: &Vm) -> PyResult {
        waitpid(vm, -1, 0)
    }

    /// Wait for completion of a child process.
    #[pyfunction(sig = "($module, /, options)")]
    fn wait3(vm: &Vm, options: i32) -> PyResult {
        wait4(vm, -1, options)
    }

    /// Wait for completion of a specific child process.
    #[pyfunction(sig = "($module, /, pid, options)")]
    fn wait4(vm: &Vm, pid: i32, options: i32) -> PyResult {
        let usage = std::sync::Mutex::new(None);
        let (pid, status) = wait_for(vm, |status| {
            // SAFETY: room for one status and one usage, which zeros are valid for.
            let mut own: libc::rusage = unsafe { std::mem::zeroed() };
            // SAFETY: as above.
            let pid = unsafe { libc::wait4(pid, status, options, &mut own) };
            *usage
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(own);
            i64::from(pid)
        })?;
        let usage = usage
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match usage {
            Some(usage) => with_usage(vm, pid, status, &usage),
            None => Err(failed(vm)),
        }
    }

    /// Returns the result of waiting for a process or processes.
    #[pyfunction(sig = "($module, idtype, id, options, /)")]
    fn waitid(vm: &Vm, idtype: u32, id: u32, options: i32) -> PyResult {
        let info = std::sync::Mutex::new((0i32, 0u32, 0i32, 0i32, 0i32));
        blocking(vm, || {
            // SAFETY: room for one answer, which zeros are valid for; its fields are read after the call.
            unsafe {
                let mut own: libc::siginfo_t = std::mem::zeroed();
                let result = libc::waitid(idtype as libc::idtype_t, id, &mut own, options);
                *info
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner) = (
                    own.si_pid(),
                    own.si_uid(),
                    own.si_signo,
                    own.si_status(),
                    own.si_code,
                );
                i64::from(result)
            }
        })?;
        let (pid, uid, signo, status, code) = info
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if pid == 0 {
            return Ok(Value::NONE);
        }
        let mut items = Vec::new();
        for n in [
            i64::from(pid),
            i64::from(uid),
            i64::from(signo),
            i64::from(status),
            i64::from(code),
        ] {
            items.push(vm.new_int(n)?);
        }
        structseq::make(vm, &WAITID, items)
    }

    /// Convert a wait status to an exit code.
    #[pyfunction(sig = "($module, /, status)")]
    fn waitstatus_to_exitcode(vm: &Vm, status: i32) -> PyResult<i32> {
        if libc::WIFEXITED(status) {
            Ok(libc::WEXITSTATUS(status))
        } else if libc::WIFSIGNALED(status) {
            Ok(-libc::WTERMSIG(status))
        } else if libc::WIFSTOPPED(status) {
            Err(vm.value_error(format!(
                "process stopped by delivery of signal {}",
                libc::WSTOPSIG(status)
            )))
        } else {
            Err(vm.value_error(format!("invalid wait status: {status}")))
        }
    }

    /// Return True if the process was continued from a job control stop.
    #[pyfunction(name = "WIFCONTINUED", sig = "($module, /, status)")]
    fn wifcontinued(status: i32) -> bool {
        libc::WIFCONTINUED(status)
    }

    /// Return True if the process returning status was stopped.
    #[pyfunction(name = "WIFSTOPPED", sig = "($module, /, status)")]
    fn wifstopped(status: i32) -> bool {
        libc::WIFSTOPPED(status)
    }

    /// Return True if the process returning status was terminated by a signal.
    #[pyfunction(name = "WIFSIGNALED", sig = "($module, /, status)")]
    fn wifsignaled(status: i32) -> bool {
        libc::WIFSIGNALED(status)
    }

    /// Return True if the process returning status exited via the exit() system call.
    #[pyfunction(name = "WIFEXITED", sig = "($module, /, status)")]
    fn wifexited(status: i32) -> bool {
        libc::WIFEXITED(status)
    }

    /// Return True if the process returning status was dumped to a core file.
    #[pyfunction(name = "WCOREDUMP", sig = "($module, status, /)")]
    fn wcoredump(status: i32) -> bool {
        libc::WCOREDUMP(status)
    }

    /// Return the process return code from status.
    #[pyfunction(name = "WEXITSTATUS", sig = "($module, /, status)")]
    fn wexitstatus(status: i32) -> i32 {
        libc::WEXITSTATUS(status)
    }

    /// Return the signal that terminated the process that provided the status value.
    #[pyfunction(name = "WTERMSIG", sig = "($module, /, status)")]
    fn wtermsig(status: i32) -> i32 {
        libc::WTERMSIG(status)
    }

    /// Return the signal that stopped the process that provided the status value.
    #[pyfunction(name = "WSTOPSIG", sig = "($module, /, status)")]
    fn wstopsig(status: i32) -> i32 {
        libc::WSTOPSIG(status)
    }

    /// Execute the command in a subshell.
    #[pyfunction(sig = "($module, /, command)")]
    fn system(vm: &Vm, command: &Value) -> PyResult<i64> {
        let text = to_system(vm, &crate::io::fileio::fspath(vm, command)?)?;
        vm.permit(Access::Event("os.system", std::slice::from_ref(command)))?;
        // SAFETY: a C string.
        Ok(i64::from(
            vm.without_gil(|| unsafe { libc::system(text.as_ptr()) }),
        ))
    }

    /// Return a file descriptor referring to the process *pid*.
    #[pyfunction(sig = "($module, /, pid, flags=0)")]
    fn pidfd_open(vm: &Vm, pid: i32, flags: Option<u32>) -> PyResult<i64> {
        // SAFETY: a plain call.
        check(vm, unsafe {
            libc::syscall(libc::SYS_pidfd_open, pid, flags.unwrap_or(0))
        })
    }

    // ---- identities ----

    /// Set the current process's user id.
    #[pyfunction(sig = "($module, uid, /)")]
    fn setuid(vm: &Vm, uid: &Value) -> PyResult<()> {
        let uid = id(vm, uid, "uid")?;
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setuid(uid) })).map(drop)
    }

    /// Set the current process's effective user id.
    #[pyfunction(sig = "($module, euid, /)")]
    fn seteuid(vm: &Vm, euid: &Value) -> PyResult<()> {
        let uid = id(vm, euid, "uid")?;
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::seteuid(uid) })).map(drop)
    }

    /// Set the current process's group id.
    #[pyfunction(sig = "($module, gid, /)")]
    fn setgid(vm: &Vm, gid: &Value) -> PyResult<()> {
        let gid = id(vm, gid, "gid")?;
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setgid(gid) })).map(drop)
    }

    /// Set the current process's effective group id.
    #[pyfunction(sig = "($module, egid, /)")]
    fn setegid(vm: &Vm, egid: &Value) -> PyResult<()> {
        let gid = id(vm, egid, "gid")?;
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setegid(gid) })).map(drop)
    }

    /// Set the current process's real and effective user ids.
    #[pyfunction(sig = "($module, ruid, euid, /)")]
    fn setreuid(vm: &Vm, ruid: &Value, euid: &Value) -> PyResult<()> {
        let (r, e) = (id(vm, ruid, "uid")?, id(vm, euid, "uid")?);
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setreuid(r, e) })).map(drop)
    }

    /// Set the current process's real and effective group ids.
    #[pyfunction(sig = "($module, rgid, egid, /)")]
    fn setregid(vm: &Vm, rgid: &Value, egid: &Value) -> PyResult<()> {
        let (r, e) = (id(vm, rgid, "gid")?, id(vm, egid, "gid")?);
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setregid(r, e) })).map(drop)
    }

    /// Set the current process's real, effective, and saved user ids.
    #[pyfunction(sig = "($module, ruid, euid, suid, /)")]
    fn setresuid(vm: &Vm, ruid: &Value, euid: &Value, suid: &Value) -> PyResult<()> {
        let (r, e, s) = (
            id(vm, ruid, "uid")?,
            id(vm, euid, "uid")?,
            id(vm, suid, "uid")?,
        );
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setresuid(r, e, s) })).map(drop)
    }

    /// Set the current process's real, effective, and saved group ids.
    #[pyfunction(sig = "($module, rgid, egid, sgid, /)")]
    fn setresgid(vm: &Vm, rgid: &Value, egid: &Value, sgid: &Value) -> PyResult<()> {
        let (r, e, s) = (
            id(vm, rgid, "gid")?,
            id(vm, egid, "gid")?,
            id(vm, sgid, "gid")?,
        );
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setresgid(r, e, s) })).map(drop)
    }

    fn three(vm: &Vm, ids: [u32; 3]) -> PyResult {
        let ids = ids
            .iter()
            .map(|&i| vm.new_int(i64::from(i)))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_tuple(ids)?.into_value())
    }

    /// Return a tuple of the current process's real, effective, and saved user ids.
    #[pyfunction(sig = "($module, /)")]
    fn getresuid(vm: &Vm) -> PyResult {
        let mut ids = [0u32; 3];
        let [r, e, s] = &mut ids;
        // SAFETY: room for three ids.
        check(vm, i64::from(unsafe { libc::getresuid(r, e, s) }))?;
        three(vm, ids)
    }

    /// Return a tuple of the current process's real, effective, and saved group ids.
    #[pyfunction(sig = "($module, /)")]
    fn getresgid(vm: &Vm) -> PyResult {
        let mut ids = [0u32; 3];
        let [r, e, s] = &mut ids;
        // SAFETY: room for three ids.
        check(vm, i64::from(unsafe { libc::getresgid(r, e, s) }))?;
        three(vm, ids)
    }

    /// Return list of supplemental group IDs for the process.
    #[pyfunction(sig = "($module, /)")]
    fn getgroups(vm: &Vm) -> PyResult {
        let mut groups = vec![0; 65536];
        // SAFETY: room for as many groups as is told.
        let n = check(
            vm,
            i64::from(unsafe { libc::getgroups(groups.len() as i32, groups.as_mut_ptr()) }),
        )?;
        groups_of(vm, &groups[..n as usize])
    }

    /// Set the groups of the current process to list.
    #[pyfunction(sig = "($module, groups, /)")]
    fn setgroups(vm: &Vm, groups: &Value) -> PyResult<()> {
        let items = sequence::collect_or(vm, groups, "setgroups argument must be a sequence")?;
        let mut ids = Vec::new();
        for item in items {
            ids.push(id(vm, &item, "gid")?);
        }
        // SAFETY: so many groups as is told.
        check(
            vm,
            i64::from(unsafe { libc::setgroups(ids.len(), ids.as_ptr()) }),
        )
        .map(drop)
    }

    /// Returns a list of groups to which a user belongs.
    #[pyfunction(sig = "($module, user, group, /)")]
    fn getgrouplist(vm: &Vm, user: &str, group: &Value) -> PyResult {
        let user = CString::new(user).map_err(|_| vm.value_error("embedded null character"))?;
        let group = id(vm, group, "gid")?;
        let mut groups = vec![0; 65536];
        let mut count = groups.len() as i32;
        // SAFETY: a C string, room for as many groups as is told.
        if unsafe { libc::getgrouplist(user.as_ptr(), group, groups.as_mut_ptr(), &mut count) } < 0
        {
            return Err(failed(vm));
        }
        groups_of(vm, &groups[..count.max(0) as usize])
    }

    /// Initialize the group access list.
    #[pyfunction(sig = "($module, username, gid, /)")]
    fn initgroups(vm: &Vm, username: PathArg, gid: &Value) -> PyResult<()> {
        let gid = id(vm, gid, "gid")?;
        // SAFETY: a C string.
        check(
            vm,
            i64::from(unsafe { libc::initgroups(username.text().as_ptr(), gid) }),
        )
        .map(drop)
    }

    /// Call the system call getpgid(), and return the result.
    #[pyfunction(sig = "($module, /, pid)")]
    fn getpgid(vm: &Vm, pid: i32) -> PyResult<i64> {
        // SAFETY: a query.
        check(vm, i64::from(unsafe { libc::getpgid(pid) }))
    }

    /// Call the system call setpgid(pid, pgrp).
    #[pyfunction(sig = "($module, pid, pgrp, /)")]
    fn setpgid(vm: &Vm, pid: i32, pgrp: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setpgid(pid, pgrp) })).map(drop)
    }

    /// Make the current process the leader of its process group.
    #[pyfunction(sig = "($module, /)")]
    fn setpgrp(vm: &Vm) -> PyResult<()> {
        setpgid(vm, 0, 0)
    }

    /// Call the system call getsid(pid) and return the result.
    #[pyfunction(sig = "($module, pid, /)")]
    fn getsid(vm: &Vm, pid: i32) -> PyResult<i64> {
        // SAFETY: a query.
        check(vm, i64::from(unsafe { libc::getsid(pid) }))
    }

    /// Call the system call setsid().
    #[pyfunction(sig = "($module, /)")]
    fn setsid(vm: &Vm) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::setsid() })).map(drop)
    }

    // ---- scheduling ----

    /// Add increment to the priority of process and return the new priority.
    #[pyfunction(sig = "($module, increment, /)")]
    fn nice(vm: &Vm, increment: i32) -> PyResult<i64> {
        // SAFETY: a plain call; errno tells failure from a priority of -1.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::nice(increment)
        };
        if value == -1 && errno() != 0 {
            Err(failed(vm))
        } else {
            Ok(i64::from(value))
        }
    }

    /// Return program scheduling priority.
    #[pyfunction(sig = "($module, /, which, who)")]
    fn getpriority(vm: &Vm, which: i32, who: u32) -> PyResult<i64> {
        // SAFETY: a query; errno tells failure from a priority of -1.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::getpriority(which as _, who)
        };
        if value == -1 && errno() != 0 {
            Err(failed(vm))
        } else {
            Ok(i64::from(value))
        }
    }

    /// Set program scheduling priority.
    #[pyfunction(sig = "($module, /, which, who, priority)")]
    fn setpriority(vm: &Vm, which: i32, who: u32, priority: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        check(
            vm,
            i64::from(unsafe { libc::setpriority(which as _, who, priority) }),
        )
        .map(drop)
    }

    /// Voluntarily relinquish the CPU.
    #[pyfunction(sig = "($module, /)")]
    fn sched_yield(vm: &Vm) -> PyResult<()> {
        // SAFETY: a plain call.
        let result = vm.without_gil(|| unsafe { libc::sched_yield() });
        check(vm, i64::from(result)).map(drop)
    }

    /// Get the maximum scheduling priority for policy.
    #[pyfunction(sig = "($module, /, policy)")]
    fn sched_get_priority_max(vm: &Vm, policy: i32) -> PyResult<i64> {
        // SAFETY: a query.
        check(
            vm,
            i64::from(unsafe { libc::sched_get_priority_max(policy) }),
        )
    }

    /// Get the minimum scheduling priority for policy.
    #[pyfunction(sig = "($module, /, policy)")]
    fn sched_get_priority_min(vm: &Vm, policy: i32) -> PyResult<i64> {
        // SAFETY: a query.
        check(
            vm,
            i64::from(unsafe { libc::sched_get_priority_min(policy) }),
        )
    }

    /// Get the scheduling policy for the process identified by pid.
    #[pyfunction(sig = "($module, pid, /)")]
    fn sched_getscheduler(vm: &Vm, pid: i32) -> PyResult<i64> {
        // SAFETY: a query.
        check(vm, i64::from(unsafe { libc::sched_getscheduler(pid) }))
    }

    fn priority_of(vm: &Vm, param: &Value) -> PyResult<libc::sched_param> {
        let class = structseq::class(vm, &SCHED_PARAM);
        if !naja_vm::type_::is_subtype(vm.type_of(param), &class) {
            return Err(vm.type_error("must have a sched_param object"));
        }
        let value = naja_vm::protocols::attributes::get_by(vm, param, "sched_priority")?;
        // SAFETY: zeros are valid for the fields that are not set.
        let mut out: libc::sched_param = unsafe { std::mem::zeroed() };
        out.sched_priority = number::index_i64(vm, &value)?.unwrap_or(0) as i32;
        Ok(out)
    }

    /// Set the scheduling policy for the process identified by pid.
    #[pyfunction(sig = "($module, pid, policy, param, /)")]
    fn sched_setscheduler(vm: &Vm, pid: i32, policy: i32, param: &Value) -> PyResult<()> {
        let param = priority_of(vm, param)?;
        // SAFETY: the parameters live through the call.
        check(
            vm,
            i64::from(unsafe { libc::sched_setscheduler(pid, policy, &param) }),
        )
        .map(drop)
    }

    /// Set scheduling parameters for the process identified by pid.
    #[pyfunction(sig = "($module, pid, param, /)")]
    fn sched_setparam(vm: &Vm, pid: i32, param: &Value) -> PyResult<()> {
        let param = priority_of(vm, param)?;
        // SAFETY: the parameters live through the call.
        check(vm, i64::from(unsafe { libc::sched_setparam(pid, &param) })).map(drop)
    }

    /// Returns scheduling parameters for the process identified by pid.
    #[pyfunction(sig = "($module, pid, /)")]
    fn sched_getparam(vm: &Vm, pid: i32) -> PyResult {
        // SAFETY: room for the parameters, which zeros are valid for.
        let mut param: libc::sched_param = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        check(
            vm,
            i64::from(unsafe { libc::sched_getparam(pid, &mut param) }),
        )?;
        structseq::make(
            vm,
            &SCHED_PARAM,
            vec![vm.new_int(i64::from(param.sched_priority))?],
        )
    }

    /// Return the round-robin quantum for the process identified by pid, in seconds.
    #[pyfunction(sig = "($module, pid, /)")]
    fn sched_rr_get_interval(vm: &Vm, pid: i32) -> PyResult<f64> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: room for one time.
        check(
            vm,
            i64::from(unsafe { libc::sched_rr_get_interval(pid, &mut time) }),
        )?;
        Ok(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
    }

    /// Return the affinity of the process identified by pid (or the current process if zero).
    #[pyfunction(sig = "($module, pid, /)")]
    fn sched_getaffinity(vm: &Vm, pid: i32) -> PyResult {
        // SAFETY: zeros are an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: room for one set.
        check(
            vm,
            i64::from(unsafe {
                libc::sched_getaffinity(pid, size_of::<libc::cpu_set_t>(), &mut set)
            }),
        )?;
        let cpus = naja_vm::set::Set::new(vm)?;
        for cpu in 0..libc::CPU_SETSIZE as usize {
            // SAFETY: the number is within the set.
            if unsafe { libc::CPU_ISSET(cpu, &set) } {
                cpus.add(vm, &vm.new_int(cpu as i64)?)?;
            }
        }
        Ok(cpus.into_value())
    }

    /// Set the CPU affinity of the process identified by pid to mask.
    #[pyfunction(sig = "($module, pid, mask, /)")]
    fn sched_setaffinity(vm: &Vm, pid: i32, mask: &Value) -> PyResult<()> {
        // SAFETY: zeros are an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        let cpus = sequence::collect(vm, mask)?;
        for cpu in cpus {
            match number::index_i64(vm, &cpu)? {
                Some(n) if n < 0 => return Err(vm.value_error("negative CPU number")),
                // SAFETY: the number is within the set.
                Some(n) if n < i64::from(libc::CPU_SETSIZE) => unsafe {
                    libc::CPU_SET(n as usize, &mut set)
                },
                _ => return Err(vm.overflow_error("CPU number too large")),
            }
        }
        // SAFETY: one set.
        check(
            vm,
            i64::from(unsafe { libc::sched_setaffinity(pid, size_of::<libc::cpu_set_t>(), &set) }),
        )
        .map(drop)
    }

    /// Disassociate parts of a process (or thread) execution context.
    #[pyfunction(sig = "($module, /, flags)")]
    fn unshare(vm: &Vm, flags: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        check(vm, i64::from(unsafe { libc::unshare(flags) })).map(drop)
    }

    /// Move the calling thread into different namespaces.
    #[pyfunction(sig = "($module, /, fd, nstype=0)")]
    fn setns(vm: &Vm, fd: super::super::paths::Fd, nstype: Option<i32>) -> PyResult<()> {
        // SAFETY: a plain call.
        check(
            vm,
            i64::from(unsafe { libc::setns(fd.0, nstype.unwrap_or(0)) }),
        )
        .map(drop)
    }

    #[pyfunction(sig = "($module, /)")]
    fn _is_inputhook_installed() -> bool {
        false
    }
}
