//! What the heap asks of the machine (finalizers, weak references, attributes), and the calling thread's current `Vm`.

use crate::builtins::gc;
use crate::objects::{instance, weakref};
use crate::vm::Vm;
use naja_heap::{Header, Heap, Hooks, Value};
use std::cell::Cell;

thread_local! {
    /// The state of the interpreter thread that this operating-system thread is attached as.
    static CURRENT: Cell<*const Vm> = const { Cell::new(std::ptr::null()) };
}

/// The hooks of every interpreter's heap.
pub(super) fn hooks() -> Hooks {
    Hooks {
        finalize,
        clear_weakrefs: |header| with_current(|vm| weakref::clear(vm, header)),
        detach_weakrefs: |header, all, out| {
            with_current(|vm| weakref::detach(vm, header, all, out))
        },
        call_weakref: |value: Value| with_current(|vm| weakref::call_callback(vm, value)),
        collection: |phase, done| with_current(|vm| gc::notify(vm, phase, done)),
        save_garbage: |header| with_current(|vm| gc::save(vm, header)),
        gc_note: |note| with_current(|vm| gc::note(vm, note)),
        traverse_attrs: instance::traverse_attrs,
        clear_attrs: instance::clear_attrs,
        drop_attrs: instance::drop_attrs,
    }
}

fn finalize(header: &Header) {
    with_current(|vm| {
        header.incref();
        // SAFETY: the reference just counted becomes the value's.
        let value = unsafe { Value::from_bits(header as *const Header as u64) };
        if let Some(finalize) = vm.type_of(&value).slots.finalize.get() {
            // An exception being raised outlives the finalizer.
            let pending = vm.has_exception().then(|| vm.take_exception());
            finalize(vm, &value);
            if let Some(pending) = pending {
                vm.raise_value(pending);
            }
        }
    })
}

/// Runs `f` with the calling thread's state, if it is attached to an interpreter.
pub fn with_current(f: impl FnOnce(&Vm)) {
    let vm = CURRENT.with(Cell::get);
    // SAFETY: whoever attached the state keeps it alive until it is detached.
    if let Some(vm) = unsafe { vm.as_ref() } {
        f(vm)
    }
}

pub(super) fn set_current(vm: &Vm) {
    CURRENT.with(|c| c.set(vm))
}

pub(super) fn enter(vm: &Vm) {
    set_current(vm);
    let _ = vm.heap().enter(); // until `leave`, which leaves no heap current
}

pub(super) fn leave() {
    CURRENT.with(|c| c.set(std::ptr::null()));
    Heap::forget_current();
}

/// See `native_stack_limit`: a reserve of 256 KiB (or an eighth of a small stack) above the stack's end.
pub(super) fn stack_limit() -> usize {
    #[cfg(target_os = "linux")]
    if let Some(limit) = main_stack_limit() {
        return limit;
    }
    // SAFETY: plain queries about the calling thread into initialised memory.
    unsafe {
        let mut attr: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) != 0 {
            return 0;
        }
        let (mut base, mut size) = (std::ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attr, &mut base, &mut size);
        libc::pthread_attr_destroy(&mut attr);
        base as usize + (size / 8).min(256 << 10)
    }
}

/// The same for the main thread, without the text of `/proc/self/maps` that pthread_getattr_np reads for it: the system puts
/// the name of the program at the upper end of the stack.
#[cfg(target_os = "linux")]
fn main_stack_limit() -> Option<usize> {
    // SAFETY: plain queries about the process.
    unsafe {
        if libc::syscall(libc::SYS_gettid) != libc::c_long::from(libc::getpid()) {
            return None;
        }
        let top = usize::try_from(libc::getauxval(libc::AT_EXECFN)).ok()?;
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_STACK, &mut limit) != 0 {
            return None;
        }
        let size = usize::try_from(limit.rlim_cur).ok()?;
        let here = &raw const limit as usize;
        if !(64 << 10..=1 << 30).contains(&size) || !(top.saturating_sub(size)..top).contains(&here)
        {
            return None;
        }
        Some(top - size + (size / 8).min(256 << 10))
    }
}
