//! The interpreter lock: threads of one interpreter take turns.
//!
//! A free lock is taken, and one that nobody waits for is given back, with one atomic operation. A thread that must wait
//! counts itself in `waiting` before it tries again, and the holder looks at that count after it has let go (both in one
//! total order), so that one of the two always sees the other. After the switch interval a waiting thread asks the holder,
//! by a bit in the eval breaker, to let go at its next check, and the holder then waits until somebody else has taken it.
//! CPython: Python/ceval_gil.c.

use crate::vm::{Breaker, Vm};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub struct Gil {
    held: AtomicBool,
    /// Threads that sleep, or are about to, until the lock is free.
    waiting: AtomicU32,
    sleep: Mutex<()>,
    free: Condvar,
    /// Counts hand-overs, so that a thread that let go on request can wait for somebody to have had the lock.
    switches: AtomicU64,
    /// Which thread had the lock last.
    last: AtomicUsize,
    wanted: AtomicBool,
}

thread_local! {
    /// Its address is the thread's name.
    static NAME: u8 = const { 0 };
}

impl Gil {
    /// Takes a lock that nobody holds or wants (an interpreter's start).
    pub(crate) fn take(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    fn try_take(&self) -> bool {
        self.held
            .compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// Waits for the lock; asks its holder to let go after each interval (in microseconds).
    #[inline]
    pub(crate) fn acquire(&self, interval: &AtomicU64, breaker: &AtomicU32) {
        if !self.try_take() {
            self.wait(interval, breaker);
        }
        let me = NAME.with(|name| std::ptr::from_ref(name) as usize);
        if self.last.load(Ordering::Relaxed) != me {
            self.last.store(me, Ordering::Relaxed);
            self.switches.fetch_add(1, Ordering::Relaxed);
        }
        if self.wanted.load(Ordering::Relaxed) {
            self.wanted.store(false, Ordering::Relaxed);
            breaker.fetch_and(!Breaker::GIL_DROP, Ordering::Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, interval: &AtomicU64, breaker: &AtomicU32) {
        let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while !self.try_take() {
            let before = self.switches.load(Ordering::Relaxed);
            let interval = Duration::from_micros(interval.load(Ordering::Relaxed).max(1));
            let (again, timeout) = self
                .free
                .wait_timeout(guard, interval)
                .unwrap_or_else(PoisonError::into_inner);
            guard = again;
            if timeout.timed_out()
                && self.held.load(Ordering::SeqCst)
                && self.switches.load(Ordering::Relaxed) == before
            {
                self.wanted.store(true, Ordering::Relaxed);
                breaker.fetch_or(Breaker::GIL_DROP, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) != 0 {
            self.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        // Whoever has counted itself is asleep once this is ours, or has the lock already.
        drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.free.notify_one();
    }

    /// Lets go for somebody who asked, and takes the lock again after they had it.
    pub(crate) fn yield_to_others(&self, interval: &AtomicU64, breaker: &AtomicU32) {
        let before = self.switches.load(Ordering::Relaxed);
        self.release();
        while self.wanted.load(Ordering::Relaxed) && self.switches.load(Ordering::Relaxed) == before
        {
            std::thread::yield_now()
        }
        // Before the lock is ours: a request made from now on is for the next check.
        breaker.fetch_and(!Breaker::GIL_DROP, Ordering::Relaxed);
        self.acquire(interval, breaker)
    }

    /// After `fork` in the child: only this thread exists, and it holds the lock.
    pub fn reset_after_fork(&self) {
        self.held.store(true, Ordering::SeqCst);
        self.waiting.store(0, Ordering::SeqCst);
        self.wanted.store(false, Ordering::Relaxed);
    }
}

impl Vm {
    /// The switch interval in microseconds.
    fn interval(&self) -> &AtomicU64 {
        &self.interp.state.switch_interval_us
    }

    /// Runs `f`, which may block and must not touch any object, without the interpreter lock.
    pub fn without_gil<R>(&self, f: impl FnOnce() -> R) -> R {
        self.detach();
        let result = f();
        self.attach();
        result
    }

    /// Lets go of the interpreter lock; the calling thread must not use the interpreter until [`Vm::attach`].
    pub fn detach(&self) {
        super::hooks::leave();
        self.interp.gil.release();
    }

    /// Takes the interpreter lock and makes this the calling thread's state.
    pub fn attach(&self) {
        self.interp.gil.acquire(self.interval(), &self.breaker);
        self.stop_if_finalizing();
        super::hooks::enter(self);
    }

    /// Once the interpreter is ending only the main thread runs: others sleep until the process is gone.
    fn stop_if_finalizing(&self) {
        if self.interp.state.finalizing.get() && !self.is_main_thread() {
            self.interp.gil.release();
            loop {
                std::thread::park()
            }
        }
    }

    /// At a check of the eval breaker: lets another thread that has waited long enough run.
    pub(crate) fn switch_threads(&self) {
        super::hooks::leave();
        self.interp
            .gil
            .yield_to_others(self.interval(), &self.breaker);
        self.stop_if_finalizing();
        super::hooks::enter(self);
    }
}
