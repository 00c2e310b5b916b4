//! Threads of an interpreter: starting one, and tidying up behind it.
//!
//! A new thread makes its own [`Vm`], takes the interpreter lock, runs its body and gives up everything that it holds
//! before it lets go of the lock. Invariant: a `Vm` stands in `State::threads` exactly while its thread may run Python.
//! CPython: `thread_run` in Modules/_threadmodule.c, Python/pystate.c.

use super::{Interpreter, hooks};
use crate::vm::Vm;
use std::os::unix::thread::JoinHandleExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of a thread's stack where nobody asked for a size; only what is used takes memory.
const STACK: usize = 16 << 20;
/// The least stack a thread gets, whatever was asked for: native frames are large.
const LEAST_STACK: usize = 1 << 20;

/// What a thread takes along: its objects are only touched under the interpreter lock.
struct Carried<T>(T);

// SAFETY: the thread that starts another holds the interpreter lock, and the new one uses the content only after taking it.
unsafe impl<T> Send for Carried<T> {}

impl<T> Carried<T> {
    fn open(self) -> T {
        self.0
    }
}

/// The identifier of the calling thread.
pub fn current_ident() -> u64 {
    // SAFETY: no preconditions.
    unsafe { libc::pthread_self() as u64 }
}

impl Interpreter {
    /// Calls `f` with the state of each thread, the newest first, in whatever condition it is: for reports of crashes,
    /// which can wait for no lock.
    pub fn each_thread_unlocked(&self, f: &mut dyn FnMut(&Vm)) {
        self.state.threads.with(|threads| {
            for vm in threads.iter().rev() {
                // SAFETY: states in the list are alive; the report may read what is being changed, which it tolerates.
                f(unsafe { &**vm })
            }
        })
    }
}

impl Vm {
    /// Starts a thread of this interpreter that runs `body`; when nothing of it is left, `after` is called, without the
    /// interpreter lock. Gives the thread's identifier. Fails where the system gives no thread.
    pub fn spawn_thread(
        &self,
        stack_size: usize,
        body: impl FnOnce(&Vm) + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<u64> {
        let carried = Carried(body);
        let interp = self.interp.clone();
        let stack = match stack_size {
            0 => STACK,
            size => size.max(LEAST_STACK),
        };
        let thread = std::thread::Builder::new()
            .stack_size(stack)
            .spawn(move || {
                let body = carried;
                run(interp, |vm| body.open()(vm));
                after();
            })?;
        Ok(thread.as_pthread_t())
    }

    /// Calls `f` with the state of each thread, the main thread's first. `f` must run no Python.
    pub fn each_thread(&self, mut f: impl FnMut(&Vm)) {
        for vm in self.interp.state.threads.get() {
            // SAFETY: states in the list are alive, and their threads wait for the lock that this one holds.
            f(unsafe { &*vm })
        }
    }

    /// Registers what must be done, in the thread itself, when a thread of this interpreter ends.
    pub fn at_thread_end(&self, f: fn(&Vm)) {
        self.interp.state.thread_end.with_mut(|list| {
            if !list.iter().any(|&known| std::ptr::fn_addr_eq(known, f)) {
                list.push(f)
            }
        })
    }

    /// Drops every object that this thread's state holds.
    fn release_all(&self) {
        for f in self.interp.state.thread_end.get() {
            f(self)
        }
        self.clear_exception();
        drop(self.exc_base.value.take());
        drop(self.context.take());
        drop(self.found_in_context.take());
        drop(self.async_gen_hooks.take());
        drop(self.running_loop.take());
        drop(self.running_task.take());
        drop(self.trace.function.take());
        drop(self.trace.profile.take());
        drop(self.async_exception.take());
        for names in &self.keyword_names {
            drop(names.take())
        }
        for message in &self.messages {
            drop(message.take())
        }
    }
}

fn run(interp: Arc<Interpreter>, body: impl FnOnce(&Vm)) {
    let vm = Box::new(Vm::new(interp.clone()));
    vm.attach();
    let address: *const Vm = &*vm;
    interp.state.threads.with_mut(|t| t.push(address));
    if catch_unwind(AssertUnwindSafe(|| body(&vm))).is_err() {
        eprintln!("naja: internal error: a thread panicked (the message above says where)");
    }
    vm.release_all();
    interp
        .state
        .threads
        .with_mut(|t| t.retain(|&other| !std::ptr::eq(other, address)));
    hooks::leave();
    drop(vm);
    interp.gil.release();
}
