//! `_signal`: handlers, masks, timers, waiting for signals.
//!
//! Handlers are kept by `naja_vm::builtins::signals`, which calls them at the evaluation loop's checks in the main
//! thread; here they get their Python faces: SIG_DFL and SIG_IGN are the ints 0 and 1. CPython: Modules/signalmodule.c.

use crate::system::{self, Round, add_ints};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::builtins::signals::{self, Handler, NSIG};
use naja_vm::module::Module;
use naja_vm::protocols::{number, sequence};
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("ITIMER_PROF", 2), ("ITIMER_REAL", 0), ("ITIMER_VIRTUAL", 1), ("NSIG", 65), ("SIGABRT", 6), ("SIGALRM", 14), ("SIGBUS", 7), ("SIGCHLD", 17), ("SIGCLD", 17), ("SIGCONT", 18), ("SIGFPE", 8), ("SIGHUP", 1), ("SIGILL", 4), ("SIGINT", 2), ("SIGIO", 29), ("SIGIOT", 6), ("SIGKILL", 9), ("SIGPIPE", 13), ("SIGPOLL", 29), ("SIGPROF", 27), ("SIGPWR", 30), ("SIGQUIT", 3), ("SIGRTMAX", 64), ("SIGRTMIN", 34), ("SIGSEGV", 11), ("SIGSTKFLT", 16), ("SIGSTOP", 19), ("SIGSYS", 31), ("SIGTERM", 15), ("SIGTRAP", 5), ("SIGTSTP", 20), ("SIGTTIN", 21), ("SIGTTOU", 22), ("SIGURG", 23), ("SIGUSR1", 10), ("SIGUSR2", 12), ("SIGVTALRM", 26), ("SIGWINCH", 28), ("SIGXCPU", 24), ("SIGXFSZ", 25), ("SIG_BLOCK", 0), ("SIG_DFL", 0), ("SIG_IGN", 1), ("SIG_SETMASK", 2), ("SIG_UNBLOCK", 1),];

struct_sequence! { new pub SIGINFO = "struct_siginfo" in "signal", "struct_siginfo: Result from sigwaitinfo or sigtimedwait.\n\nThis object may be accessed either as a tuple of\n(si_signo, si_code, si_errno, si_pid, si_uid, si_status, si_band),\nor via the attributes si_signo, si_code, and so on.";
    0 "si_signo" "signal number"; 1 "si_code" "signal code"; 2 "si_errno" "errno associated with this signal";
    3 "si_pid" "sending process ID"; 4 "si_uid" "real user ID of sending process"; 5 "si_status" "exit value or signal";
    6 "si_band" "band event for SIGPOLL";
}

/// Objects that the module hands out and compares with.
#[derive(Default)]
struct State {
    default_int: MutCell<Option<Value>>,
    timer_error: MutCell<Option<Value>>,
}

/// A set of signal numbers from an iterable of ints. Raises ValueError; warns of numbers that the system reserves.
pub fn signal_set(vm: &Vm, numbers: &Value) -> PyResult<libc::sigset_t> {
    let mut set = empty_set();
    for item in sequence::collect(vm, numbers)? {
        let n = number::index_i64(vm, &item)?.unwrap_or(0);
        if !(1..NSIG as i64).contains(&n) {
            return Err(vm.value_error(format!("signal number {n} out of range [1; {}]", NSIG - 1)));
        }
        // SAFETY: an initialised set.
        if unsafe { libc::sigaddset(&mut set, n as i32) } != 0 {
            if system::errno() != libc::EINVAL {
                return Err(vm.last_os_error(None));
            }
            let message = format!("invalid signal number {n}, please use valid_signals()");
            vm.warn(&vm.types.runtime_warning, message, 1)?;
        }
    }
    Ok(set)
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: all zero is a valid set, then emptied.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        set
    }
}

fn set_value(vm: &Vm, set: &libc::sigset_t) -> PyResult {
    let mut numbers = Vec::new();
    for n in 1..NSIG as i32 {
        // SAFETY: an initialised set.
        if unsafe { libc::sigismember(set, n) } == 1 {
            numbers.push(vm.new_int(n as i64)?)
        }
    }
    vm.call(
        vm.types.set.as_value(),
        &[vm.new_list(numbers)?.into_value()],
    )
}

fn siginfo_value(vm: &Vm, info: &libc::siginfo_t) -> PyResult {
    // SAFETY: the union's parts are plain numbers whatever the signal was.
    let (pid, uid, status, band) = unsafe {
        let raw = (info as *const libc::siginfo_t).cast::<i64>();
        (info.si_pid(), info.si_uid(), info.si_status(), *raw.add(2))
    };
    let items = [
        info.si_signo as i64,
        info.si_code as i64,
        info.si_errno as i64,
        pid as i64,
        uid as i64,
        status as i64,
        band,
    ];
    let items = items
        .iter()
        .map(|&n| vm.new_int(n))
        .collect::<PyResult<_>>()?;
    structseq::make(vm, &SIGINFO, items)
}

fn in_range(vm: &Vm, signal: i32) -> PyResult<()> {
    if !(1..NSIG as i32).contains(&signal) {
        return Err(vm.value_error("signal number out of range"));
    }
    Ok(())
}

/// What Python sees of a handler: None for one that was not installed from here.
fn handler_value(vm: &Vm, signal: i32, handler: Option<Handler>) -> PyResult {
    match handler {
        Some(Handler::Default) => vm.new_int(0),
        Some(Handler::Ignore) => vm.new_int(1),
        Some(Handler::KeyboardInterrupt) => {
            let state = vm.interp.module_state::<State>();
            Ok(state.default_int.get().unwrap_or(Value::NONE))
        }
        Some(Handler::Python(callable)) => Ok(callable),
        None => match signals::system_action(signal) {
            libc::SIG_DFL => vm.new_int(0),
            libc::SIG_IGN => vm.new_int(1),
            _ => Ok(Value::NONE),
        },
    }
}

fn timeval(vm: &Vm, seconds: Option<&Value>) -> PyResult<libc::timeval> {
    let ns = seconds.map_or(Ok(0), |s| system::nanoseconds(vm, s, Round::Ceiling))?;
    let us = system::to_microseconds(ns, Round::Ceiling);
    Ok(libc::timeval {
        tv_sec: us.div_euclid(1_000_000),
        tv_usec: us.rem_euclid(1_000_000),
    })
}

fn timer_value(vm: &Vm, timer: &libc::itimerval) -> PyResult {
    let one = |t: &libc::timeval| vm.new_float(t.tv_sec as f64 + t.tv_usec as f64 / 1e6);
    let items = vec![one(&timer.it_value)?, one(&timer.it_interval)?];
    Ok(vm.new_tuple(items)?.into_value())
}

/// Raises `ItimerError`.
fn timer_error(vm: &Vm) -> naja_vm::Raised {
    let errno = system::errno();
    let state = vm.interp.module_state::<State>();
    let class = state
        .timer_error
        .get()
        .and_then(|c| c.downcast::<naja_vm::type_::Type>().cloned());
    let args = (|| -> PyResult<[Value; 2]> {
        Ok([
            vm.new_int(errno as i64)?,
            vm.new_str(system::strerror(errno))?.into_value(),
        ])
    })();
    match (class, args) {
        (Some(class), Ok(args)) => vm.raise_with(&class, &args),
        (None, Ok(_)) => vm.os_error(errno, None),
        (_, Err(raised)) => raised,
    }
}

/// Waits for one of a set; None when the time is over. Interrupted by other signals it goes on.
fn wait_for(vm: &Vm, set: &libc::sigset_t, timeout: Option<i64>) -> PyResult {
    let deadline = timeout.map(|ns| system::monotonic().saturating_add(ns));
    loop {
        // SAFETY: all zero is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let left = deadline.map(|d| system::c_timespec((d - system::monotonic()).max(0)));
        let (result, errno) = vm.without_gil(|| {
            // SAFETY: an initialised set, room for one siginfo, null or one timespec.
            let result = unsafe {
                match &left {
                    Some(left) => libc::sigtimedwait(set, &mut info, left),
                    None => libc::sigwaitinfo(set, &mut info),
                }
            };
            (result, system::errno())
        });
        match (result, errno) {
            (-1, libc::EINTR) => vm.check_signals()?,
            (-1, libc::EAGAIN) if deadline.is_some() => return Ok(Value::NONE),
            (-1, errno) => return Err(vm.os_error(errno, None)),
            _ => return siginfo_value(vm, &info),
        }
    }
}

#[pymodule(
    name = "_signal",
    doc = "This module provides mechanisms to use signal handlers in Python.\n\nFunctions:\n\nalarm() -- cause SIGALRM after a specified time [Unix only]\nsetitimer() -- cause a signal (described below) after a specified\n               float time and the timer may restart then [Unix only]\ngetitimer() -- get current value of timer [Unix only]\nsignal() -- set the action for a given signal\ngetsignal() -- get the signal action for a given signal\npause() -- wait until a signal arrives [Unix only]\ndefault_int_handler() -- default SIGINT handler\n\nA signal handler function is called with two arguments:\nthe first is the signal number, the second is the interrupted stack frame."
)]
pub mod module {
    use super::*;

    /// The default handler for SIGINT installed by Python.
    ///
    /// It raises KeyboardInterrupt.
    #[pyfunction(sig = "(signalnum, frame, /)")]
    fn default_int_handler(vm: &Vm, signalnum: i32, frame: &Value) -> PyResult<()> {
        let _ = (signalnum, frame);
        Err(vm.raise_with(&vm.types.keyboard_interrupt, &[]))
    }

    /// Set the action for the given signal.
    ///
    /// The action can be SIG_DFL, SIG_IGN, or a callable Python object.
    /// The previous action is returned.
    #[pyfunction(sig = "(signalnum, handler, /)")]
    fn signal(vm: &Vm, signalnum: i32, handler: &Value) -> PyResult {
        if !vm.is_main_thread() {
            return Err(vm.value_error("signal only works in main thread of the main interpreter"));
        }
        in_range(vm, signalnum)?;
        let number = if number::is_int(vm, handler) {
            number::index_i64(vm, handler)?
        } else {
            None
        };
        let new = match number {
            Some(0) => Handler::Default,
            Some(1) => Handler::Ignore,
            _ if vm.type_of(handler).slots.call.get().is_some() => Handler::Python(handler.clone()),
            _ => {
                return Err(vm.type_error(
                    "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object",
                ));
            }
        };
        vm.check_signals()?;
        let old = signals::registered(vm, signalnum);
        let old = handler_value(vm, signalnum, old)?;
        match signals::set_handler(vm, signalnum, new) {
            Some(_) => Ok(old),
            None => Err(vm.last_os_error(None)),
        }
    }

    /// Return the current action for the given signal.
    #[pyfunction(sig = "(signalnum, /)")]
    fn getsignal(vm: &Vm, signalnum: i32) -> PyResult {
        in_range(vm, signalnum)?;
        handler_value(vm, signalnum, signals::registered(vm, signalnum))
    }

    /// Return the system description of the given signal.
    #[pyfunction(sig = "(signalnum, /)")]
    fn strsignal(vm: &Vm, signalnum: i32) -> PyResult {
        in_range(vm, signalnum)?;
        // SAFETY: the C library's own terminated text, copied before the next call.
        let text = unsafe {
            let text = libc::strsignal(signalnum);
            if text.is_null() {
                return Ok(Value::NONE);
            }
            std::ffi::CStr::from_ptr(text)
        };
        if text.to_bytes().starts_with(b"Unknown signal") {
            return Ok(Value::NONE);
        }
        system::fs_decode(vm, text.to_bytes())
    }

    /// Arrange for SIGALRM to arrive after the given number of seconds.
    #[pyfunction(sig = "(seconds, /)")]
    fn alarm(seconds: i32) -> u32 {
        // SAFETY: a plain call.
        unsafe { libc::alarm(seconds as u32) }
    }

    /// Wait until a signal arrives.
    #[pyfunction(sig = "()")]
    fn pause(vm: &Vm) -> PyResult<()> {
        // SAFETY: a plain call.
        vm.without_gil(|| unsafe { libc::pause() });
        vm.check_signals()
    }

    /// Send a signal to the executing process.
    #[pyfunction(sig = "(signalnum, /)")]
    fn raise_signal(vm: &Vm, signalnum: i32) -> PyResult<()> {
        // SAFETY: a plain call.
        if vm.without_gil(|| unsafe { libc::raise(signalnum) }) != 0 {
            return Err(vm.last_os_error(None));
        }
        vm.check_signals()
    }

    /// Change system call restart behaviour.
    #[pyfunction(sig = "(signalnum, flag, /)")]
    fn siginterrupt(vm: &Vm, signalnum: i32, flag: i32) -> PyResult<()> {
        in_range(vm, signalnum)?;
        if !signals::set_restart(signalnum, flag == 0) {
            return Err(vm.last_os_error(None));
        }
        Ok(())
    }

    /// Sets the fd to be written to (with the signal number) when a signal comes in.
    ///
    /// A library can use this to wakeup select or poll.
    /// The previous fd or -1 is returned.
    #[pyfunction(sig = "(fd, /, *, warn_on_full_buffer=True)")]
    fn set_wakeup_fd(
        vm: &Vm,
        fd: i32,
        #[default(true)] warn_on_full_buffer: bool,
    ) -> PyResult<i32> {
        if !vm.is_main_thread() {
            return Err(
                vm.value_error("set_wakeup_fd only works in main thread of the main interpreter")
            );
        }
        if fd != -1 {
            // SAFETY: all zero is a valid value; plain queries.
            let flags = unsafe {
                let mut st: libc::stat = std::mem::zeroed();
                if libc::fstat(fd, &mut st) != 0 {
                    return Err(vm.last_os_error(None));
                }
                libc::fcntl(fd, libc::F_GETFL)
            };
            if flags & libc::O_NONBLOCK == 0 {
                return Err(vm.value_error(format!("the fd {fd} must be in non-blocking mode")));
            }
        }
        Ok(signals::set_wakeup_fd(fd, warn_on_full_buffer))
    }

    /// Sets given itimer (one of ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF).
    #[pyfunction(sig = "(which, seconds, interval=0.0, /)")]
    fn setitimer(vm: &Vm, which: i32, seconds: &Value, interval: Option<&Value>) -> PyResult {
        let new = libc::itimerval {
            it_value: timeval(vm, Some(seconds))?,
            it_interval: timeval(vm, interval)?,
        };
        // SAFETY: all zero is a valid value.
        let mut old: libc::itimerval = unsafe { std::mem::zeroed() };
        // SAFETY: reads one timer, writes another.
        if unsafe { libc::setitimer(which as _, &new, &mut old) } != 0 {
            return Err(timer_error(vm));
        }
        timer_value(vm, &old)
    }

    /// Returns current value of given itimer.
    #[pyfunction(sig = "(which, /)")]
    fn getitimer(vm: &Vm, which: i32) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut old: libc::itimerval = unsafe { std::mem::zeroed() };
        // SAFETY: writes one timer.
        if unsafe { libc::getitimer(which as _, &mut old) } != 0 {
            return Err(timer_error(vm));
        }
        timer_value(vm, &old)
    }

    /// Fetch and/or change the signal mask of the calling thread.
    #[pyfunction(sig = "(how, mask, /)")]
    fn pthread_sigmask(vm: &Vm, how: i32, mask: &Value) -> PyResult {
        let (new, mut old) = (signal_set(vm, mask)?, empty_set());
        // SAFETY: initialised sets.
        let errno = unsafe { libc::pthread_sigmask(how, &new, &mut old) };
        if errno != 0 {
            return Err(vm.os_error(errno, None));
        }
        vm.check_signals()?;
        set_value(vm, &old)
    }

    /// Examine pending signals.
    #[pyfunction(sig = "()")]
    fn sigpending(vm: &Vm) -> PyResult {
        let mut set = empty_set();
        // SAFETY: an initialised set.
        if unsafe { libc::sigpending(&mut set) } != 0 {
            return Err(vm.last_os_error(None));
        }
        set_value(vm, &set)
    }

    /// Wait for a signal.
    #[pyfunction(sig = "(sigset, /)")]
    fn sigwait(vm: &Vm, sigset: &Value) -> PyResult<i32> {
        let set = signal_set(vm, sigset)?;
        let mut signal = 0;
        // SAFETY: an initialised set, room for one number.
        match vm.without_gil(|| unsafe { libc::sigwait(&set, &mut signal) }) {
            0 => Ok(signal),
            errno => Err(vm.os_error(errno, None)),
        }
    }

    /// Wait synchronously until one of the signals in *sigset* is delivered.
    #[pyfunction(sig = "(sigset, /)")]
    fn sigwaitinfo(vm: &Vm, sigset: &Value) -> PyResult {
        let set = signal_set(vm, sigset)?;
        wait_for(vm, &set, None)
    }

    /// Like sigwaitinfo(), but with a timeout.
    #[pyfunction(sig = "(sigset, timeout, /)")]
    fn sigtimedwait(vm: &Vm, sigset: &Value, timeout: &Value) -> PyResult {
        let set = signal_set(vm, sigset)?;
        let ns = system::nanoseconds(vm, timeout, Round::Ceiling)?;
        if ns < 0 {
            return Err(vm.value_error("timeout must be non-negative"));
        }
        wait_for(vm, &set, Some(ns))
    }

    /// Return a set of valid signal numbers on this platform.
    #[pyfunction(sig = "()")]
    fn valid_signals(vm: &Vm) -> PyResult {
        let mut set = empty_set();
        // SAFETY: an initialised set.
        unsafe { libc::sigfillset(&mut set) };
        set_value(vm, &set)
    }

    /// Send a signal to a thread.
    #[pyfunction(sig = "(thread_id, signalnum, /)")]
    fn pthread_kill(vm: &Vm, thread_id: u64, signalnum: i32) -> PyResult<()> {
        let event = [
            vm.new_bigint(thread_id.into())?,
            vm.new_int(signalnum as i64)?,
        ];
        vm.permit(Access::Event("signal.pthread_kill", &event))?;
        // SAFETY: the thread is the caller's to know.
        let errno = unsafe { libc::pthread_kill(thread_id as libc::pthread_t, signalnum) };
        if errno != 0 {
            return Err(vm.os_error(errno, None));
        }
        vm.check_signals()
    }

    /// Send a signal to a process referred to by a pid file descriptor.
    #[pyfunction(sig = "(pidfd, signalnum, siginfo=None, flags=0, /)")]
    fn pidfd_send_signal(
        vm: &Vm,
        pidfd: i32,
        signalnum: i32,
        siginfo: Option<&Value>,
        #[default(0)] flags: i32,
    ) -> PyResult<()> {
        if siginfo.is_some_and(|s| !s.is_none()) {
            return Err(vm.type_error("siginfo must be None"));
        }
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a plain call.
        if unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signalnum, none, flags) } < 0
        {
            return Err(vm.last_os_error(None));
        }
        Ok(())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        add_ints(vm, module, CONSTANTS)?;
        module.set(
            vm,
            "struct_siginfo",
            structseq::class(vm, &SIGINFO).into_value(),
        )?;
        let dict = vm.new_dict()?;
        dict.set_str(
            vm,
            &vm.intern("__module__"),
            vm.new_str("signal")?.into_value(),
        )?;
        let bases = vm
            .new_tuple(vec![vm.types.os_error.to_value()])?
            .into_value();
        let name = vm.new_str("ItimerError")?.into_value();
        let class = vm.call(vm.types.type_.as_value(), &[name, bases, dict.into_value()])?;
        module.set(vm, "ItimerError", class.clone())?;
        let state = vm.interp.module_state::<State>();
        state.timer_error.set(Some(class));
        state.default_int.set(
            module
                .dict()
                .get_str(vm, &vm.intern("default_int_handler"))?,
        );
        Ok(())
    }
}
