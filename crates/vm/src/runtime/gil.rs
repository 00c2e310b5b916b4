//! The interpreter lock: threads of one interpreter take turns.
//!
//! A thread that wants the lock waits; after the switch interval it asks the holder, by a bit in the eval breaker, to
//! let go at its next check, and the holder then waits until somebody else has taken it. CPython: Python/ceval_gil.c.

use crate::vm::{Breaker, Vm};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub struct Gil {
    held: Mutex<bool>,
    free: Condvar,
    /// Counts hand-overs, so that a thread that let go on request can wait for somebody to have had the lock.
    switches: AtomicU64,
    wanted: AtomicBool,
}

impl Gil {
    /// Takes a lock that nobody holds or wants (an interpreter's start).
    pub(crate) fn take(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Waits for the lock; asks its holder to let go after each interval.
    pub(crate) fn acquire(&self, interval: Duration, breaker: &std::sync::atomic::AtomicU32) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held {
            let before = self.switches.load(Ordering::Relaxed);
            let (guard, timeout) = self
                .free
                .wait_timeout(held, interval)
                .unwrap_or_else(PoisonError::into_inner);
            held = guard;
            if *held && timeout.timed_out() && self.switches.load(Ordering::Relaxed) == before {
                self.wanted.store(true, Ordering::Relaxed);
                breaker.fetch_or(Breaker::GIL_DROP, Ordering::Relaxed);
            }
        }
        *held = true;
        self.switches.fetch_add(1, Ordering::Relaxed);
        self.wanted.store(false, Ordering::Relaxed);
        breaker.fetch_and(!Breaker::GIL_DROP, Ordering::Relaxed);
    }

    pub(crate) fn release(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.free.notify_one();
    }

    /// Lets go for somebody who asked, and takes the lock again after they had it.
    pub(crate) fn yield_to_others(
        &self,
        interval: Duration,
        breaker: &std::sync::atomic::AtomicU32,
    ) {
        let before = self.switches.load(Ordering::Relaxed);
        self.release();
        while self.wanted.load(Ordering::Relaxed) && self.switches.load(Ordering::Relaxed) == before
        {
            std::thread::yield_now()
        }
        self.acquire(interval, breaker)
    }

    /// After `fork` in the child: only this thread exists, and it holds the lock.
    pub fn reset_after_fork(&self) {
        // A lock that another thread held at the time of the fork is taken over as it is.
        if let Ok(mut held) = self.held.try_lock() {
            *held = true
        }
        self.wanted.store(false, Ordering::Relaxed);
    }
}

impl Vm {
    fn interval(&self) -> Duration {
        Duration::from_micros(
            self.interp
                .state
                .switch_interval_us
                .load(Ordering::Relaxed)
                .max(1),
        )
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
