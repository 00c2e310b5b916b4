//! `faulthandler`: tracebacks of Python frames on fatal signals, on user signals, after a timeout, and on demand.
//!
//! A handler runs on its own stack, reads the threads' frames in place (no lock is taken, no object is made) and writes
//! with `write(2)` through a small buffer; what a crash has damaged may cut the output short, never loop. The watchdog
//! of `dump_traceback_later` is a thread of its own. Line tables and names are read as they stand, so a traceback taken
//! while another thread runs can be a little stale. CPython: Modules/faulthandler.c, Python/traceback.c.

use naja_heap::{MutCell, Value};
use naja_macros::pymodule;
use naja_vm::protocols::{number, object};
use naja_vm::runtime::Interpreter;
use naja_vm::str_::CodePoints;
use naja_vm::{PyResult, Raised, Vm};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Limits of a dump, as CPython has them.
const MAX_FRAMES: usize = 100;
const MAX_THREADS: usize = 100;
const MAX_TEXT: usize = 500;
const MAX_NATIVE_FRAMES: usize = 32;
const NSIG: usize = 65;
/// Bytes of the stack that handlers run on.
const HANDLER_STACK: usize = 256 << 10;

/// The fatal signals and what they are called.
const FATAL: [(i32, &str); 5] = [
    (libc::SIGBUS, "Bus error"),
    (libc::SIGILL, "Illegal instruction"),
    (libc::SIGFPE, "Floating-point exception"),
    (libc::SIGABRT, "Aborted"),
    (libc::SIGSEGV, "Segmentation fault"),
];

/// The interpreter whose threads are dumped; kept alive for good once set.
static INTERPRETER: AtomicPtr<Interpreter> = AtomicPtr::new(std::ptr::null_mut());

/// State of the handler of fatal signals.
static ENABLED: AtomicBool = AtomicBool::new(false);
static FATAL_FD: AtomicI32 = AtomicI32::new(2);
static FATAL_ALL: AtomicBool = AtomicBool::new(true);
static FATAL_C_STACK: AtomicBool = AtomicBool::new(true);

/// What `register` knows of a signal; read by its handler.
struct UserSignal {
    enabled: AtomicBool,
    fd: AtomicI32,
    all: AtomicBool,
    chain: AtomicBool,
    /// The action before, boxed and never freed while the handler may run.
    previous: AtomicPtr<libc::sigaction>,
}

static USER: [UserSignal; NSIG] = [const {
    UserSignal {
        enabled: AtomicBool::new(false),
        fd: AtomicI32::new(2),
        all: AtomicBool::new(true),
        chain: AtomicBool::new(false),
        previous: AtomicPtr::new(std::ptr::null_mut()),
    }
}; NSIG];

/// The running watchdog: its wish to stop, and the signal for it.
type Watchdog = Arc<(Mutex<bool>, Condvar)>;

#[derive(Default)]
struct State {
    /// Files that are written to: kept open.
    fatal_file: MutCell<Option<Value>>,
    user_files: MutCell<Vec<(i32, Value)>>,
    later_file: MutCell<Option<Value>>,
    watchdog: MutCell<Option<Watchdog>>,
}

// ------------------------------------------------------------------------------------------------------- writing

/// Buffered output to a descriptor without allocation.
struct Out {
    fd: i32,
    len: usize,
    buffer: [u8; 512],
}

impl Out {
    fn to(fd: i32) -> Out {
        Out {
            fd,
            len: 0,
            buffer: [0; 512],
        }
    }

    fn flush(&mut self) {
        let mut rest = self.buffer.get(..self.len).unwrap_or(&[]);
        while !rest.is_empty() {
            // SAFETY: a live buffer of that length.
            let n = unsafe { libc::write(self.fd, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(n) {
                Ok(n) if n > 0 => rest = rest.get(n..).unwrap_or(&[]),
                _ if crate::system::errno() == libc::EINTR => {}
                _ => break,
            }
        }
        self.len = 0;
    }

    fn byte(&mut self, byte: u8) {
        if self.len == self.buffer.len() {
            self.flush();
        }
        if let Some(slot) = self.buffer.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|b| self.byte(b));
    }

    fn hex(&mut self, value: u64, width: u32) {
        let digits = (u64::BITS - value.leading_zeros()).div_ceil(4).max(1);
        for i in (0..digits.max(width)).rev() {
            let digit = (value.checked_shr(4 * i).unwrap_or(0) & 15) as u8;
            self.byte(if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            });
        }
    }

    fn decimal(&mut self, value: u64) {
        if value >= 10 {
            self.decimal(value / 10);
        }
        self.byte(b'0' + (value % 10) as u8);
    }

    /// A str's characters, those beyond printable ASCII escaped, at most `MAX_TEXT`.
    fn escaped(&mut self, text: &[u8]) {
        for (i, c) in CodePoints::new(text).enumerate() {
            if i == MAX_TEXT {
                self.text("...");
                return;
            }
            match c {
                0x20..=0x7e => self.byte(c as u8),
                0..=0xff => {
                    self.text("\\x");
                    self.hex(u64::from(c), 2);
                }
                0x100..=0xffff => {
                    self.text("\\u");
                    self.hex(u64::from(c), 4);
                }
                _ => {
                    self.text("\\U");
                    self.hex(u64::from(c), 8);
                }
            }
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush()
    }
}

/// Puts back the error number of an interrupted call.
fn set_errno(value: i32) {
    // SAFETY: the calling thread's own variable.
    unsafe { *libc::__errno_location() = value }
}

/// The frames of one thread.
fn dump_frames(out: &mut Out, vm: &Vm) {
    let mut count = 0;
    vm.each_frame(&mut |frame| {
        if count == MAX_FRAMES {
            out.text("  ...\n");
            return false;
        }
        count += 1;
        let code = frame.code();
        out.text("  File \"");
        code.with_filename(|name| out.escaped(name.as_bytes()));
        out.text("\", line ");
        match frame.line().and_then(|line| u64::try_from(line).ok()) {
            Some(line) => out.decimal(line),
            None => out.text("???"),
        }
        out.text(" in ");
        out.escaped(code.name.as_bytes());
        out.byte(b'\n');
        true
    });
    if count == 0 {
        out.text("  <no Python frame>\n");
    }
}

/// The line above a thread's frames.
fn thread_header(out: &mut Out, id: u64, current: bool) {
    out.text(if current {
        "Current thread 0x"
    } else {
        "Thread 0x"
    });
    out.hex(id, 16);
    let mut name = [0u8; 32];
    // SAFETY: a thread of this process and a live buffer of that length.
    let failed = unsafe {
        libc::pthread_getname_np(id as libc::pthread_t, name.as_mut_ptr().cast(), name.len())
    };
    let len = name.iter().position(|b| *b == 0).unwrap_or(0);
    if failed == 0 && len > 0 {
        out.text(" [");
        out.escaped(name.get(..len).unwrap_or(&[]));
        out.byte(b']');
    }
    out.text(" (most recent call first):\n");
}

fn each_thread(f: &mut dyn FnMut(&Vm)) {
    let interpreter = INTERPRETER.load(Ordering::Acquire);
    // SAFETY: set once from a leaked reference count.
    if let Some(interpreter) = unsafe { interpreter.as_ref() } {
        interpreter.each_thread_unlocked(f);
    }
}

fn this_thread() -> u64 {
    naja_vm::runtime::threads::current_ident()
}

/// Every thread, or the calling one. `current` is the thread to be called so.
fn dump(fd: i32, all: bool, current: Option<u64>) {
    let mut out = Out::to(fd);
    if all {
        let mut count = 0;
        each_thread(&mut |vm| {
            if count > 0 {
                out.byte(b'\n');
            }
            count += 1;
            if count > MAX_THREADS {
                if count == MAX_THREADS + 1 {
                    out.text("...\n");
                }
                return;
            }
            let id = vm.thread_id.get();
            thread_header(&mut out, id, current == Some(id));
            dump_frames(&mut out, vm);
        });
    } else {
        out.text("Stack (most recent call first):\n");
        each_thread(&mut |vm| {
            if Some(vm.thread_id.get()) == current {
                dump_frames(&mut out, vm);
            }
        });
    }
}

/// The native stack of the calling thread.
fn dump_c_stack_to(fd: i32) {
    let mut out = Out::to(fd);
    out.text("Current thread's C stack trace (most recent call first):\n");
    let mut addresses = [std::ptr::null_mut(); MAX_NATIVE_FRAMES];
    // SAFETY: a live buffer of that many pointers.
    let count = unsafe { libc::backtrace(addresses.as_mut_ptr(), MAX_NATIVE_FRAMES as i32) };
    if count < 1 {
        out.text("  <cannot get C stack on this system>\n");
        return;
    }
    let text = |out: &mut Out, pointer: *const libc::c_char| {
        let mut pointer = pointer;
        for _ in 0..MAX_TEXT {
            // SAFETY: the dynamic loader's strings end with a zero.
            let byte = unsafe { *pointer } as u8;
            if byte == 0 {
                break;
            }
            out.byte(byte);
            pointer = pointer.wrapping_add(1);
        }
    };
    for address in addresses.iter().take(count as usize) {
        // SAFETY: all zero is a valid value to be filled in.
        let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
        // SAFETY: any address may be asked for.
        let found = unsafe { libc::dladdr(address.cast_const(), &mut info) } != 0;
        if !found || info.dli_fname.is_null() {
            out.text("  Binary file \"<unknown>\" [0x");
            out.hex(*address as u64, 0);
            out.text("]\n");
            continue;
        }
        out.text("  Binary file \"");
        text(&mut out, info.dli_fname);
        out.byte(b'"');
        let base = if info.dli_saddr.is_null() {
            info.dli_fbase
        } else {
            info.dli_saddr
        };
        if !base.is_null() {
            out.text(", at ");
            if !info.dli_sname.is_null() {
                text(&mut out, info.dli_sname);
            }
            out.text("+0x");
            out.hex((*address as u64).wrapping_sub(base as u64), 0);
        }
        out.text(" [0x");
        out.hex(*address as u64, 0);
        out.text("]\n");
    }
    if count as usize == MAX_NATIVE_FRAMES {
        out.text("  <truncated rest of calls>\n");
    }
}

/// The native modules in `sys.modules` that are not of the standard library.
fn dump_extension_modules(fd: i32) {
    let mut out = Out::to(fd);
    let mut count = 0u64;
    let mut done = false;
    each_thread(&mut |vm| {
        if done || vm.thread_id.get() != this_thread() {
            return;
        }
        done = true;
        naja_vm::import::each_extension(vm, &mut |name| {
            out.text(if count == 0 {
                "\nExtension modules: "
            } else {
                ", "
            });
            out.escaped(name);
            count += 1;
        });
    });
    if count > 0 {
        out.text(" (total: ");
        out.decimal(count);
        out.text(")\n");
    }
}

// ------------------------------------------------------------------------------------------------------ handlers

extern "C" fn on_fatal(signal: libc::c_int) {
    let saved = crate::system::errno();
    if !ENABLED.load(Ordering::Acquire) {
        return;
    }
    // A second fault ends the process.
    restore_default(signal);
    let fd = FATAL_FD.load(Ordering::Relaxed);
    let name = FATAL
        .iter()
        .find(|(n, _)| *n == signal)
        .map_or("unknown signal", |(_, name)| name);
    {
        let mut out = Out::to(fd);
        out.text("Fatal Python error: ");
        out.text(name);
        out.text("\n\n");
    }
    dump(fd, FATAL_ALL.load(Ordering::Relaxed), Some(this_thread()));
    if FATAL_C_STACK.load(Ordering::Relaxed) {
        Out::to(fd).byte(b'\n');
        dump_c_stack_to(fd);
    }
    dump_extension_modules(fd);
    set_errno(saved);
    // SAFETY: raising a signal whose action is the default one.
    unsafe { libc::raise(signal) };
}

fn restore_default(signal: i32) {
    // SAFETY: an action of zeros is the default one.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

extern "C" fn on_user(signal: libc::c_int) {
    let saved = crate::system::errno();
    let Some(user) = usize::try_from(signal).ok().and_then(|n| USER.get(n)) else {
        return;
    };
    if !user.enabled.load(Ordering::Acquire) {
        return;
    }
    let fd = user.fd.load(Ordering::Relaxed);
    dump(fd, user.all.load(Ordering::Relaxed), Some(this_thread()));
    if user.chain.load(Ordering::Relaxed) {
        let previous = user.previous.load(Ordering::Acquire);
        if !previous.is_null() {
            // SAFETY: the box lives for good; both actions are whole.
            unsafe {
                libc::sigaction(signal, previous, std::ptr::null_mut());
                set_errno(saved);
                libc::raise(signal);
            }
            let saved = crate::system::errno();
            install(signal, on_user, true, None);
            set_errno(saved);
            return;
        }
    }
    set_errno(saved);
}

/// Installs a handler that runs on the handlers' stack; false on failure.
fn install(
    signal: i32,
    handler: extern "C" fn(libc::c_int),
    nested: bool,
    previous: Option<&mut libc::sigaction>,
) -> bool {
    // SAFETY: an action of zeros with its parts filled in; the handler obeys the rules of handlers.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_ONSTACK
            | if nested {
                libc::SA_NODEFER
            } else {
                libc::SA_RESTART
            };
        libc::sigemptyset(&mut action.sa_mask);
        let previous = previous.map_or(std::ptr::null_mut(), std::ptr::from_mut);
        libc::sigaction(signal, &action, previous) == 0
    }
}

/// Gives the calling thread a stack for its handlers, once.
fn prepare(vm: &Vm) {
    static STACK: AtomicUsize = AtomicUsize::new(0);
    if INTERPRETER.load(Ordering::Acquire).is_null() {
        let interpreter = Arc::into_raw(vm.interp.clone()).cast_mut();
        INTERPRETER.store(interpreter, Ordering::Release);
    }
    if STACK.load(Ordering::Relaxed) == 0 {
        let memory = Box::leak(vec![0u8; HANDLER_STACK].into_boxed_slice());
        STACK.store(memory.as_ptr() as usize, Ordering::Relaxed);
        let stack = libc::stack_t {
            ss_sp: memory.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: HANDLER_STACK,
        };
        // SAFETY: memory that is never freed.
        unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    }
    // The unwinder loads its library at its first use, which a handler must not do.
    let mut address = [std::ptr::null_mut(); 1];
    // SAFETY: room for one pointer.
    unsafe { libc::backtrace(address.as_mut_ptr(), 1) };
}

/// Handles the fatal signals from now on; for `-X faulthandler` too.
pub fn enable_for(vm: &Vm, fd: i32, all: bool, c_stack: bool) -> PyResult<()> {
    prepare(vm);
    FATAL_FD.store(fd, Ordering::Relaxed);
    FATAL_ALL.store(all, Ordering::Relaxed);
    FATAL_C_STACK.store(c_stack, Ordering::Relaxed);
    if !ENABLED.swap(true, Ordering::AcqRel) {
        for (signal, _) in FATAL {
            if !install(signal, on_fatal, true, None) {
                return Err(vm.last_os_error(None));
            }
        }
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------------ arguments

/// The descriptor of a file argument, and the file to keep.
fn descriptor(vm: &Vm, file: Option<Value>) -> PyResult<(i32, Option<Value>)> {
    let file = match file.filter(|f| !f.is_none()) {
        Some(file) => file,
        None => match vm.sys_attr("stderr")? {
            None => return Err(vm.runtime_error("unable to get sys.stderr")),
            Some(stderr) if stderr.is_none() => {
                return Err(vm.runtime_error("sys.stderr is None"));
            }
            Some(stderr) => stderr,
        },
    };
    if number::is_int(vm, &file) {
        let fd = number::index_i64(vm, &file)?.and_then(|fd| i32::try_from(fd).ok());
        return match fd.filter(|fd| *fd >= 0) {
            Some(fd) => Ok((fd, None)),
            None => Err(vm.value_error("file is not a valid file descriptor")),
        };
    }
    let fileno = vm.call_method_str(&file, "fileno", &[])?;
    let fd = if number::is_int(vm, &fileno) {
        naja_vm::int::as_i64(&fileno).and_then(|fd| i32::try_from(fd).ok())
    } else {
        None
    };
    let Some(fd) = fd.filter(|fd| *fd >= 0) else {
        return Err(vm.runtime_error("file.fileno() is not a valid file descriptor"));
    };
    if let Err(Raised) = vm.call_method_str(&file, "flush", &[]) {
        vm.clear_exception();
    }
    Ok((fd, Some(file)))
}

/// Whether an optional argument is true.
fn truth(vm: &Vm, value: Option<Value>, default: bool) -> PyResult<bool> {
    value.map_or(Ok(default), |v| object::is_true(vm, &v))
}

fn user_signal(vm: &Vm, signal: i32) -> PyResult<&'static UserSignal> {
    if FATAL.iter().any(|(fatal, _)| *fatal == signal) {
        return Err(vm.runtime_error(format!(
            "signal {signal} cannot be registered, use enable() instead"
        )));
    }
    usize::try_from(signal)
        .ok()
        .filter(|n| *n > 0)
        .and_then(|n| USER.get(n))
        .ok_or_else(|| vm.value_error("signal number out of range"))
}

/// "H:MM:SS" or "H:MM:SS.ffffff".
fn duration_text(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction == 0 {
        text
    } else {
        format!("{text}.{fraction:06}")
    }
}

fn cancel_watchdog(vm: &Vm) {
    let state = vm.interp.module_state::<State>();
    if let Some(watchdog) = state.watchdog.take() {
        if let Ok(mut stop) = watchdog.0.lock() {
            *stop = true;
        }
        watchdog.1.notify_all();
    }
    drop(state.later_file.take());
}

fn watch(watchdog: &Watchdog, timeout: Duration, repeat: bool, fd: i32, exit: bool, header: &str) {
    loop {
        let Ok(stop) = watchdog.0.lock() else {
            return;
        };
        let waited = watchdog.1.wait_timeout_while(stop, timeout, |stop| !*stop);
        match waited {
            Ok((stop, _)) if !*stop => {}
            _ => return,
        }
        Out::to(fd).text(header);
        dump(fd, true, None);
        if exit {
            // SAFETY: ends the process at once, as was asked for.
            unsafe { libc::_exit(1) };
        }
        if !repeat {
            return;
        }
    }
}

/// Goes down the native stack until it ends.
#[inline(never)]
#[expect(unconditional_recursion, reason = "it is to use the stack up")]
fn recurse(depth: usize) -> usize {
    let buffer = std::hint::black_box([depth as u8; 4096]);
    let below = recurse(std::hint::black_box(depth + 1));
    below + usize::from(std::hint::black_box(buffer)[depth % 4096])
}

#[pymodule(name = "faulthandler", doc = "faulthandler module.")]
pub mod module {
    use super::*;

    /// Enable the fault handler.
    #[pyfunction(sig = "(file=sys.stderr, all_threads=True, c_stack=True)")]
    fn enable(
        vm: &Vm,
        file: Option<Value>,
        all_threads: Option<Value>,
        c_stack: Option<Value>,
    ) -> PyResult<()> {
        let (fd, file) = descriptor(vm, file)?;
        let all = truth(vm, all_threads, true)?;
        let c_stack = truth(vm, c_stack, true)?;
        vm.interp.module_state::<State>().fatal_file.set(file);
        enable_for(vm, fd, all, c_stack)
    }

    /// Disable the fault handler.
    #[pyfunction(sig = "()")]
    fn disable(vm: &Vm) -> bool {
        let was = ENABLED.swap(false, Ordering::AcqRel);
        if was {
            FATAL
                .iter()
                .for_each(|(signal, _)| restore_default(*signal));
        }
        drop(vm.interp.module_state::<State>().fatal_file.take());
        was
    }

    /// Check if the handler is enabled.
    #[pyfunction(sig = "()")]
    fn is_enabled() -> bool {
        ENABLED.load(Ordering::Acquire)
    }

    /// Dump the traceback of the current thread, or of all threads if all_threads is True, into file.
    #[pyfunction(sig = "(file=sys.stderr, all_threads=True)")]
    fn dump_traceback(vm: &Vm, file: Option<Value>, all_threads: Option<Value>) -> PyResult<()> {
        let (fd, _file) = descriptor(vm, file)?;
        let all = truth(vm, all_threads, true)?;
        prepare(vm);
        dump(fd, all, Some(this_thread()));
        vm.check_signals()
    }

    /// Dump the C stack of the current thread.
    #[pyfunction(sig = "(file=sys.stderr)")]
    fn dump_c_stack(vm: &Vm, file: Option<Value>) -> PyResult<()> {
        let (fd, _file) = descriptor(vm, file)?;
        dump_c_stack_to(fd);
        vm.check_signals()
    }

    /// Dump the traceback of all threads in timeout seconds,
    /// or each timeout seconds if repeat is True. If exit is True, call _exit(1) which is not safe.
    #[pyfunction(sig = "(timeout, repeat=False, file=sys.stderr, exit=False)")]
    fn dump_traceback_later(
        vm: &Vm,
        timeout: &Value,
        repeat: Option<Value>,
        file: Option<Value>,
        exit: Option<Value>,
    ) -> PyResult<()> {
        let (repeat, exit) = (truth(vm, repeat, false)?, truth(vm, exit, false)?);
        if !number::is_int(vm, timeout) && naja_vm::float::value_of(timeout).is_none() {
            return Err(vm.type_error(format!(
                "'{}' object cannot be interpreted as an integer or float",
                vm.type_of(timeout).full_name()
            )));
        }
        let seconds = number::as_f64(vm, timeout)?;
        if seconds.is_nan() {
            return Err(vm.value_error("Invalid value NaN (not a number)"));
        }
        if seconds.abs() >= 9_223_372_036.0 {
            return Err(vm.overflow_error("timestamp out of range for C PyTime_t"));
        }
        // Rounded up to a microsecond.
        let micros = (seconds * 1e6).ceil();
        if micros <= 0.0 {
            return Err(vm.value_error("timeout must be greater than 0"));
        }
        let (fd, file) = descriptor(vm, file)?;
        prepare(vm);
        cancel_watchdog(vm);
        let watchdog: Watchdog = Arc::default();
        let header = format!("Timeout ({})!\n", duration_text(micros as u64));
        let duration = Duration::from_micros(micros as u64);
        let theirs = watchdog.clone();
        let started = std::thread::Builder::new()
            .spawn(move || watch(&theirs, duration, repeat, fd, exit, &header));
        if started.is_err() {
            return Err(vm.runtime_error("unable to start watchdog thread"));
        }
        let state = vm.interp.module_state::<State>();
        state.watchdog.set(Some(watchdog));
        state.later_file.set(file);
        Ok(())
    }

    /// Cancel the previous call to dump_traceback_later().
    #[pyfunction(sig = "()")]
    fn cancel_dump_traceback_later(vm: &Vm) {
        cancel_watchdog(vm);
    }

    /// Register a handler for the signal 'signum': dump the traceback of the current thread, or of all threads if all_threads is True, into file.
    #[pyfunction(sig = "(signum, file=sys.stderr, all_threads=True, chain=False)")]
    fn register(
        vm: &Vm,
        signum: i32,
        file: Option<Value>,
        all_threads: Option<Value>,
        chain: Option<Value>,
    ) -> PyResult<()> {
        let user = user_signal(vm, signum)?;
        let (all, chain) = (truth(vm, all_threads, true)?, truth(vm, chain, false)?);
        let (fd, file) = descriptor(vm, file)?;
        prepare(vm);
        user.fd.store(fd, Ordering::Relaxed);
        user.all.store(all, Ordering::Relaxed);
        user.chain.store(chain, Ordering::Relaxed);
        let known = user.enabled.load(Ordering::Acquire);
        // SAFETY: all zero is a valid action to be filled in.
        let mut previous: Box<libc::sigaction> = Box::new(unsafe { std::mem::zeroed() });
        if !install(signum, on_user, chain, Some(&mut previous)) {
            return Err(vm.last_os_error(None));
        }
        if !known {
            user.previous
                .store(Box::into_raw(previous), Ordering::Release);
            user.enabled.store(true, Ordering::Release);
        }
        let state = vm.interp.module_state::<State>();
        state.user_files.with_mut(|files| {
            files.retain(|(n, _)| *n != signum);
            files.extend(file.map(|file| (signum, file)));
        });
        Ok(())
    }

    /// Unregister the handler of the signal 'signum' registered by register().
    #[pyfunction(sig = "(signum, /)")]
    fn unregister(vm: &Vm, signum: i32) -> PyResult<bool> {
        let user = user_signal(vm, signum)?;
        if !user.enabled.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        let previous = user.previous.load(Ordering::Acquire);
        if !previous.is_null() {
            // SAFETY: the action that was there before; its box is kept, as a handler may still look at it.
            unsafe { libc::sigaction(signum, previous, std::ptr::null_mut()) };
        }
        let state = vm.interp.module_state::<State>();
        let dropped = state.user_files.with_mut(|files| {
            let (gone, kept) = files.drain(..).partition(|(n, _)| *n == signum);
            *files = kept;
            gone
        });
        drop::<Vec<(i32, Value)>>(dropped);
        Ok(true)
    }

    /// Read from NULL, raise a SIGSEGV or SIGBUS signal depending on the platform.
    #[pyfunction(sig = "()")]
    fn _read_null() -> i64 {
        let nowhere: *const libc::c_char = std::hint::black_box(std::ptr::null());
        // SAFETY: none: the fault is what is asked for.
        unsafe { libc::strlen(nowhere) as i64 }
    }

    /// Raise a SIGSEGV signal.
    #[pyfunction(sig = "(release_gil=False, /)")]
    fn _sigsegv(vm: &Vm, release_gil: Option<Value>) -> PyResult<()> {
        // SAFETY: raising a signal.
        let raise = || unsafe { libc::raise(libc::SIGSEGV) };
        if truth(vm, release_gil, false)? {
            vm.without_gil(raise);
        } else {
            raise();
        }
        Ok(())
    }

    /// Call Py_FatalError() in a new C thread.
    #[pyfunction(sig = "()")]
    fn _fatal_error_c_thread(vm: &Vm) -> PyResult<()> {
        prepare(vm);
        let thread = std::thread::Builder::new().spawn(|| {
            let fd = 2;
            Out::to(fd).text(
                "Fatal Python error: faulthandler_fatal_error_thread: in new thread\nPython runtime state: \
                 initialized\n\n",
            );
            dump(fd, true, None);
            Out::to(fd).byte(b'\n');
            dump_c_stack_to(fd);
            // The report is made: the handler has nothing to add.
            ENABLED.store(false, Ordering::Release);
            restore_default(libc::SIGABRT);
            std::process::abort();
        });
        match thread {
            Ok(thread) => {
                vm.without_gil(|| drop(thread.join()));
                Ok(())
            }
            Err(_) => Err(vm.runtime_error("unable to start the thread")),
        }
    }

    /// Raise a SIGABRT signal.
    #[pyfunction(sig = "()")]
    fn _sigabrt() {
        std::process::abort();
    }

    /// Raise a SIGFPE signal.
    #[pyfunction(sig = "()")]
    fn _sigfpe() {
        // SAFETY: raising a signal.
        unsafe { libc::raise(libc::SIGFPE) };
    }

    /// Recursive call to raise a stack overflow.
    #[pyfunction(sig = "()")]
    fn _stack_overflow(vm: &Vm) -> PyResult<()> {
        let depth = recurse(1);
        Err(vm.runtime_error(format!(
            "unable to raise a stack overflow (allocated {depth})"
        )))
    }
}

/// Enables the handler where the configuration asks for it.
pub fn start(vm: &Vm) -> PyResult<()> {
    if vm.interp.config.faulthandler {
        enable_for(vm, 2, true, true)?;
    }
    Ok(())
}
