//! Locks that threads wait for without the interpreter lock, woken early by signals.
//!
//! A [`RawLock`] is one word: 0 free, 1 held, 2 held with somebody waiting. Waiting is the kernel's futex, which returns
//! when a signal arrives, so that the main thread can run its handlers and wait again (PEP 475 for locks). Invariant: who
//! finds the word at 2 when letting go wakes one waiter. CPython: Python/lock.c, `acquire_timed` in Python/thread.c.

use crate::vm::{PyResult, Vm};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How waiting ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// What was waited for is there.
    Done,
    TimedOut,
    /// A signal arrived.
    Interrupted,
}

/// Sleeps while `word` is `expected`, until `deadline`.
fn futex_wait(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Waited {
    let timeout = deadline.map(|d| d.saturating_duration_since(Instant::now()));
    if timeout == Some(Duration::ZERO) {
        return Waited::TimedOut;
    }
    let spec = timeout.map(|t| libc::timespec {
        tv_sec: t.as_secs().min(i64::MAX as u64) as libc::time_t,
        tv_nsec: t.subsec_nanos() as _,
    });
    // SAFETY: the word outlives the call; a null timeout means none.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
        )
    };
    if result == 0 {
        return Waited::Done;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::ETIMEDOUT) => Waited::TimedOut,
        Some(libc::EINTR) => Waited::Interrupted,
        _ => Waited::Done,
    }
}

fn futex_wake(word: &AtomicU32, count: i32) {
    // SAFETY: wakes waiters of a word that is alive.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            count,
        );
    }
}

/// A lock without an owner: anybody may let go of it.
#[derive(Default)]
pub struct RawLock(AtomicU32);

impl RawLock {
    pub fn try_lock(&self) -> bool {
        self.0
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    pub fn is_locked(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Waits for the lock and takes it. Not to be called with the interpreter lock held.
    pub fn wait(&self, deadline: Option<Instant>) -> Waited {
        while self.0.swap(2, Ordering::Acquire) != 0 {
            match futex_wait(&self.0, 2, deadline) {
                Waited::Done => {}
                Waited::TimedOut => return Waited::TimedOut,
                Waited::Interrupted => return Waited::Interrupted,
            }
        }
        Waited::Done
    }

    /// Lets go; whether the lock was held.
    pub fn unlock(&self) -> bool {
        match self.0.swap(0, Ordering::Release) {
            0 => false,
            1 => true,
            _ => {
                futex_wake(&self.0, 1);
                true
            }
        }
    }

    /// Makes the lock free whatever it was (a child process after `fork`).
    pub fn reset(&self) {
        self.0.store(0, Ordering::Release)
    }
}

/// A word that only grows and that threads wait for: an event, a thread's life.
#[derive(Default)]
pub struct Stage(AtomicU32);

impl Stage {
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Sets the stage and wakes everybody who waits.
    pub fn set(&self, stage: u32) {
        self.0.store(stage, Ordering::Release);
        futex_wake(&self.0, i32::MAX)
    }

    /// Waits until the stage is at least `wanted`. Not to be called with the interpreter lock held.
    pub fn wait(&self, wanted: u32, deadline: Option<Instant>) -> Waited {
        loop {
            let now = self.get();
            if now >= wanted {
                return Waited::Done;
            }
            match futex_wait(&self.0, now, deadline) {
                Waited::Done => {}
                Waited::TimedOut if self.get() < wanted => return Waited::TimedOut,
                Waited::Interrupted if self.get() < wanted => return Waited::Interrupted,
                _ => return Waited::Done,
            }
        }
    }
}

/// The moment `timeout` from now; None for "never", also where the clock cannot express it.
pub fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|t| Instant::now().checked_add(t))
}

impl Vm {
    /// Takes a lock, waiting at most `timeout` (None: for ever) without the interpreter lock. Whether it was taken.
    /// Raises what signal handlers raise meanwhile.
    pub fn acquire_lock(&self, lock: &RawLock, timeout: Option<Duration>) -> PyResult<bool> {
        if lock.try_lock() {
            return Ok(true);
        }
        if timeout == Some(Duration::ZERO) {
            return Ok(false);
        }
        let deadline = deadline(timeout);
        self.wait_interruptibly(|| lock.wait(deadline))
    }

    /// Waits for a stage as [`Vm::acquire_lock`] does for a lock.
    pub fn wait_for_stage(
        &self,
        stage: &Stage,
        wanted: u32,
        timeout: Option<Duration>,
    ) -> PyResult<bool> {
        if stage.get() >= wanted {
            return Ok(true);
        }
        let deadline = deadline(timeout);
        self.wait_interruptibly(|| stage.wait(wanted, deadline))
    }

    fn wait_interruptibly(&self, wait: impl Fn() -> Waited) -> PyResult<bool> {
        loop {
            match self.without_gil(&wait) {
                Waited::Done => return Ok(true),
                Waited::TimedOut => return Ok(false),
                Waited::Interrupted => self.check_signals()?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_over() {
        let lock = RawLock::default();
        assert!(lock.try_lock() && !lock.try_lock() && lock.is_locked());
        std::thread::scope(|s| {
            s.spawn(|| {
                std::thread::sleep(Duration::from_millis(5));
                lock.unlock()
            });
            assert_eq!(lock.wait(None), Waited::Done);
        });
        assert_eq!(
            lock.wait(deadline(Some(Duration::from_millis(2)))),
            Waited::TimedOut
        );
        assert!(lock.unlock() && !lock.unlock());
    }

    #[test]
    fn stages_wake_all() {
        let stage = Stage::default();
        std::thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| assert_eq!(stage.wait(2, None), Waited::Done));
            }
            stage.set(1);
            stage.set(2);
        });
    }
}
