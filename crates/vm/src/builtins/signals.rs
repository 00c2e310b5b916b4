//! Signals: from the system's handler to Python's.
//!
//! The system's handler only notes the number and sets the eval breaker of the main interpreter. At its next check the
//! main thread calls what was registered for the number: natively for SIGINT's default (KeyboardInterrupt), or the
//! Python callable that the module `signal` set. CPython: Modules/signalmodule.c.

use crate::vm::{Breaker, PyResult, Vm};
use naja_heap::Value;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Signal numbers end below this.
pub const NSIG: usize = 65;

static PENDING: [AtomicBool; NSIG] = [const { AtomicBool::new(false) }; NSIG];
/// The thread that runs handlers.
static MAIN_THREAD: AtomicU64 = AtomicU64::new(0);
static ANY: AtomicBool = AtomicBool::new(false);
/// The eval breaker of the interpreter that handles signals; its count of references is given up on purpose.
static BREAKER: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// What to do about a signal.
#[derive(Clone)]
pub enum Handler {
    /// As the system does.
    Default,
    Ignore,
    /// `signal.default_int_handler`.
    KeyboardInterrupt,
    /// Call it with the number and the frame.
    Python(Value),
}

/// The handlers of an interpreter, by number.
#[derive(Default)]
struct Handlers(naja_heap::MutCell<BTreeMap<i32, Handler>>);

fn handlers(vm: &Vm) -> Rc<Handlers> {
    vm.interp.module_state()
}

/// What the system calls: async-signal-safe, it only stores to atomics.
///
/// Only the main thread runs handlers: a signal that reached another thread is passed on, so that what the main thread
/// waits for is interrupted.
extern "C" fn note(signal: libc::c_int) {
    let main = MAIN_THREAD.load(Ordering::Relaxed);
    // SAFETY: the main thread lives as long as the process, and `pthread_kill` is async-signal-safe.
    let passed_on = unsafe {
        main != 0
            && main != libc::pthread_self() as u64
            && libc::pthread_kill(main as libc::pthread_t, signal) == 0
    };
    if !passed_on {
        trip(signal);
        wake_up(signal)
    }
}

/// Where the handler writes each signal's number (`set_wakeup_fd`); -1: nowhere.
static WAKEUP: AtomicI32 = AtomicI32::new(-1);
static WAKEUP_WARNS: AtomicBool = AtomicBool::new(true);
/// The error of the last write there, still to be reported; 0: none.
static WAKEUP_ERROR: AtomicI32 = AtomicI32::new(0);

/// Writes the signal's number to the wakeup descriptor. Async-signal-safe.
fn wake_up(signal: libc::c_int) {
    let fd = WAKEUP.load(Ordering::Relaxed);
    if fd < 0 {
        return;
    }
    let byte = signal as u8;
    // SAFETY: one byte; the calling thread's errno is as before afterwards.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        if libc::write(fd, (&raw const byte).cast(), 1) < 0
            && (*errno != libc::EAGAIN || WAKEUP_WARNS.load(Ordering::Relaxed))
        {
            WAKEUP_ERROR.store(*errno, Ordering::Relaxed);
        }
        *errno = saved;
    }
}

/// Sets where signals are written to and gives what it was.
pub fn set_wakeup_fd(fd: i32, warn_on_full_buffer: bool) -> i32 {
    WAKEUP_WARNS.store(warn_on_full_buffer, Ordering::Relaxed);
    WAKEUP.swap(fd, Ordering::Relaxed)
}

/// In a forked child: forgets the parent's signals; the calling thread handles the child's.
pub fn after_fork() {
    ANY.store(false, Ordering::Relaxed);
    PENDING
        .iter()
        .for_each(|flag| flag.store(false, Ordering::Relaxed));
    // SAFETY: a plain query.
    let main = unsafe { libc::pthread_self() };
    MAIN_THREAD.store(main as u64, Ordering::Relaxed);
}

/// The system's disposition of a signal.
pub fn system_action(signal: i32) -> libc::sighandler_t {
    // SAFETY: queries into zeroed memory.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut old);
        old.sa_sigaction
    }
}

/// Whether system calls go on after the signal's handler (`siginterrupt`). False where the system refuses.
pub fn set_restart(signal: i32, restart: bool) -> bool {
    // SAFETY: queries into zeroed memory, then changes one flag of the disposition.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &mut action) != 0 {
            return false;
        }
        if restart {
            action.sa_flags |= libc::SA_RESTART
        } else {
            action.sa_flags &= !libc::SA_RESTART
        }
        libc::sigaction(signal, &action, std::ptr::null_mut()) == 0
    }
}

/// What was registered for a signal from here.
pub fn registered(vm: &Vm, signal: i32) -> Option<Handler> {
    handlers(vm).0.with(|h| h.get(&signal).cloned())
}

/// Reports an error of writing to the wakeup descriptor, as an unraisable exception.
fn report_wakeup(vm: &Vm) {
    let errno = WAKEUP_ERROR.swap(0, Ordering::Relaxed);
    if errno != 0 {
        vm.os_error(errno, None);
        let exception = vm.take_exception();
        let text = "Exception ignored when trying to write to the signal wakeup fd";
        crate::builtins::sys::unraisable(vm, exception, None, Some(text));
    }
}

/// Marks a signal as arrived, from anywhere.
pub fn trip(signal: i32) {
    let Some(flag) = usize::try_from(signal).ok().and_then(|n| PENDING.get(n)) else {
        return;
    };
    flag.store(true, Ordering::Relaxed);
    ANY.store(true, Ordering::Release);
    // SAFETY: null, or leaked by `install`.
    if let Some(breaker) = unsafe { BREAKER.load(Ordering::Acquire).as_ref() } {
        breaker.fetch_or(Breaker::SIGNALS, Ordering::Relaxed);
    }
}

/// Makes `vm`'s interpreter the one that handles signals, SIGINT raising KeyboardInterrupt and SIGPIPE ignored.
pub fn install(vm: &Vm) {
    let breaker = Arc::into_raw(vm.breaker.clone()).cast_mut();
    BREAKER.store(breaker, Ordering::Release);
    MAIN_THREAD.store(vm.thread_id.get(), Ordering::Relaxed);
    set_system_handler(libc::SIGPIPE, libc::SIG_IGN);
    set_system_handler(libc::SIGXFSZ, libc::SIG_IGN);
    // A parent that ignored SIGINT (a shell's background job) is followed.
    // SAFETY: queries the disposition into zeroed memory.
    let ignored = unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGINT, std::ptr::null(), &mut old) == 0
            && old.sa_sigaction == libc::SIG_IGN
    };
    if !ignored {
        let _ = set_handler(vm, libc::SIGINT, Handler::KeyboardInterrupt);
    }
}

fn set_system_handler(signal: i32, action: libc::sighandler_t) -> bool {
    // SAFETY: installs a handler that only stores to atomics, without SA_RESTART so that blocking calls return.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = action;
        libc::sigemptyset(&mut new.sa_mask);
        libc::sigaction(signal, &new, std::ptr::null_mut()) == 0
    }
}

/// Registers what to do about a signal and gives what was registered. None where the system refuses (see errno).
pub fn set_handler(vm: &Vm, signal: i32, handler: Handler) -> Option<Handler> {
    let action = match &handler {
        Handler::Default => libc::SIG_DFL,
        Handler::Ignore => libc::SIG_IGN,
        Handler::KeyboardInterrupt | Handler::Python(_) => {
            note as extern "C" fn(libc::c_int) as *const () as libc::sighandler_t
        }
    };
    if !set_system_handler(signal, action) {
        return None;
    }
    let old = handlers(vm).0.with_mut(|h| h.insert(signal, handler));
    Some(old.unwrap_or(Handler::Default))
}

/// What is registered for a signal.
pub fn get_handler(vm: &Vm, signal: i32) -> Handler {
    handlers(vm)
        .0
        .with(|h| h.get(&signal).cloned())
        .unwrap_or(Handler::Default)
}

/// Calls the handlers of the signals that have arrived (main thread). Raises what they raise.
pub fn run_handlers(vm: &Vm) -> PyResult<()> {
    if !ANY.swap(false, Ordering::Acquire) {
        return Ok(());
    }
    report_wakeup(vm);
    for (number, flag) in PENDING.iter().enumerate() {
        if !flag.swap(false, Ordering::Relaxed) {
            continue;
        }
        let number = number as i32;
        let result = match get_handler(vm, number) {
            _ if vm.interp.state.finalizing.get() => lost(vm, number),
            Handler::Default | Handler::Ignore => lost(vm, number),
            Handler::KeyboardInterrupt => Err(vm.raise_with(&vm.types.keyboard_interrupt, &[])),
            Handler::Python(callable) => call(vm, &callable, number),
        };
        if result.is_err() {
            // The others stay for the next check.
            ANY.store(true, Ordering::Release);
            vm.breaker.fetch_or(Breaker::SIGNALS, Ordering::Relaxed);
            return result;
        }
    }
    Ok(())
}

/// A signal for which nothing is registered any more.
fn lost(vm: &Vm, number: i32) -> PyResult<()> {
    let text = format!("Signal {number} ignored due to race condition");
    vm.raise(&vm.types.os_error, text);
    let exception = vm.take_exception();
    let text = "Exception ignored while calling signal handler";
    crate::builtins::sys::unraisable(vm, exception, None, Some(text));
    Ok(())
}

fn call(vm: &Vm, callable: &Value, number: i32) -> PyResult<()> {
    let frame = match vm.visible_frame() {
        Some(frame) => {
            crate::objects::frame::frame_object(vm, std::ptr::from_ref(frame).cast_mut())?
                .into_value()
        }
        None => Value::NONE,
    };
    vm.call(callable, &[vm.new_int(number as i64)?, frame])?;
    Ok(())
}
