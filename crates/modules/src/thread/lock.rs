//! `lock` and `RLock`, and the time-outs of waiting.
//!
//! Both wait outside the interpreter lock (`runtime/lock.rs`). Invariant of [`RLock`]: owner and count are only looked at and
//! changed by who holds the interpreter lock, and the count is 0 exactly when nobody owns it. CPython: lock_* and rlock_* in
//! Modules/_threadmodule.c.

use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::number;
use naja_vm::runtime::lock::RawLock;
use naja_vm::runtime::threads::current_ident;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;
use std::time::Duration;

/// The longest timeout, in seconds.
pub(super) const TIMEOUT_MAX: f64 = 9_223_372_036.0;

/// Nanoseconds of a number of seconds, rounded away from zero. Raises what `_PyTime_FromSecondsObject` raises.
pub(super) fn nanoseconds(vm: &Vm, value: &Value) -> PyResult<i64> {
    let out_of_range = || vm.overflow_error("timestamp out of range for C PyTime_t");
    let is_float = naja_vm::type_::is_subtype(vm.type_of(value), &vm.types.float);
    if is_float {
        let seconds = number::as_f64(vm, value)?;
        if seconds.is_nan() {
            return Err(vm.value_error("Invalid value NaN (not a number)"));
        }
        let ns = seconds * 1e9;
        let ns = if ns >= 0.0 { ns.ceil() } else { ns.floor() };
        if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&ns) {
            return Err(out_of_range());
        }
        return Ok(ns as i64);
    }
    if !number::has_index(vm, value) {
        return Err(vm.type_error(format!(
            "'{}' object cannot be interpreted as an integer or float",
            vm.type_of(value).full_name()
        )));
    }
    number::index_i64(vm, value)?
        .and_then(|s| s.checked_mul(1_000_000_000))
        .ok_or_else(out_of_range)
}

/// The timeout of a lock's `acquire`: None waits for ever.
fn lock_timeout(
    vm: &Vm,
    blocking: Option<bool>,
    timeout: Option<&Value>,
) -> PyResult<Option<Duration>> {
    let blocking = blocking.unwrap_or(true);
    let ns = match timeout {
        Some(timeout) => nanoseconds(vm, timeout)?,
        None => -1_000_000_000,
    };
    let forever = ns == -1_000_000_000;
    if !blocking && !forever {
        return Err(vm.value_error("can't specify a timeout for a non-blocking call"));
    }
    if ns < 0 && !forever {
        return Err(vm.value_error("timeout value must be a non-negative number"));
    }
    if !blocking {
        return Ok(Some(Duration::ZERO));
    }
    Ok(u64::try_from(ns).ok().map(Duration::from_nanos))
}

/// A lock object is a synchronization primitive.  To create a lock,
/// call threading.Lock().  Methods are:
///
/// acquire() -- lock the lock, possibly blocking until it can be obtained
/// release() -- unlock of the lock
/// locked() -- test whether the lock is currently locked
///
/// A lock is not owned by the thread that locked it; another thread may
/// unlock it.  A thread attempting to lock a lock that it has already locked
/// will block until another thread unlocks it.  Deadlocks may ensue.
#[pyclass(name = "lock", module = "_thread", flags(HAS_WEAKREF))]
pub struct Lock(pub(super) RawLock);

#[pymethods]
impl Lock {
    #[pyslot(sig = "()")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("lock() takes no keyword arguments"));
        }
        if !args.is_empty() {
            return Err(vm.type_error(format!(
                "lock expected 0 arguments, got {}",
                args.args.len()
            )));
        }
        Ok(vm
            .new_object_of(cls, Lock(RawLock::default()))?
            .into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let how = if zelf.0.is_locked() {
            "locked"
        } else {
            "unlocked"
        };
        Ok(vm
            .new_str(format!(
                "<{how} {} object at {:#x}>",
                vm.type_of(zelf.as_value()).full_name(),
                zelf.as_ptr() as usize
            ))?
            .into_value())
    }

    /// Lock the lock.
    ///
    /// Without argument, this blocks if the lock is already locked (even by
    /// the same thread), waiting for another thread to release the lock, and
    /// return True once the lock is acquired. With an argument, this will only
    /// block if the argument is true, and the return value reflects whether
    /// the lock is acquired. The blocking operation is interruptible.
    #[pymethod(sig = "($self, /, blocking=True, timeout=-1)")]
    fn acquire(&self, vm: &Vm, blocking: Option<bool>, timeout: Option<&Value>) -> PyResult<bool> {
        let timeout = lock_timeout(vm, blocking, timeout)?;
        vm.acquire_lock(&self.0, timeout)
    }

    /// An obsolete synonym of acquire().
    #[pymethod(sig = "($self, /, blocking=True, timeout=-1)")]
    fn acquire_lock(
        &self,
        vm: &Vm,
        blocking: Option<bool>,
        timeout: Option<&Value>,
    ) -> PyResult<bool> {
        self.acquire(vm, blocking, timeout)
    }

    /// Release the lock.
    ///
    /// Allows another thread that is blocked waiting for
    /// the lock to acquire the lock. The lock must be in the locked state,
    /// but it needn't be locked by the same thread that unlocks it.
    #[pymethod(sig = "($self, /)")]
    fn release(&self, vm: &Vm) -> PyResult<()> {
        if self.0.unlock() {
            Ok(())
        } else {
            Err(vm.runtime_error("release unlocked lock"))
        }
    }

    /// An obsolete synonym of release().
    #[pymethod(sig = "($self, /)")]
    fn release_lock(&self, vm: &Vm) -> PyResult<()> {
        self.release(vm)
    }

    /// Return whether the lock is in the locked state.
    #[pymethod(sig = "($self, /)")]
    fn locked(&self) -> bool {
        self.0.is_locked()
    }

    /// An obsolete synonym of locked().
    #[pymethod(sig = "($self, /)")]
    fn locked_lock(&self) -> bool {
        self.0.is_locked()
    }

    /// Lock the lock.
    #[pymethod(sig = "($self, /)")]
    fn __enter__(&self, vm: &Vm) -> PyResult<bool> {
        vm.acquire_lock(&self.0, None)
    }

    /// Release the lock.
    #[pymethod(sig = "($self, /, *exc_info)")]
    fn __exit__(&self, vm: &Vm, exc_info: &[Value]) -> PyResult<()> {
        let _ = exc_info;
        self.release(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn _at_fork_reinit(&self) {
        self.0.reset()
    }
}

#[pyclass(
    name = "RLock",
    module = "_thread",
    doc = "",
    flags(BASETYPE, HAS_WEAKREF)
)]
#[repr(C)]
pub struct RLock {
    lock: RawLock,
    /// Identifier of the thread that holds it, 0 while free.
    owner: Cell<u64>,
    count: Cell<u64>,
}

impl RLock {
    fn is_mine(&self) -> bool {
        self.count.get() > 0 && self.owner.get() == current_ident()
    }

    fn take(&self, vm: &Vm, timeout: Option<Duration>) -> PyResult<bool> {
        if self.is_mine() {
            self.count.set(self.count.get() + 1);
            return Ok(true);
        }
        let taken = vm.acquire_lock(&self.lock, timeout)?;
        if taken {
            self.owner.set(current_ident());
            self.count.set(1);
        }
        Ok(taken)
    }

    fn give_back(&self, vm: &Vm) -> PyResult<()> {
        if !self.is_mine() {
            return Err(vm.runtime_error("cannot release un-acquired lock"));
        }
        let count = self.count.get() - 1;
        self.count.set(count);
        if count == 0 {
            self.owner.set(0);
            self.lock.unlock();
        }
        Ok(())
    }
}

#[pymethods]
impl RLock {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let lock = RLock {
            lock: RawLock::default(),
            owner: Cell::new(0),
            count: Cell::new(0),
        };
        Ok(vm.new_object_of(cls, lock)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let how = if zelf.count.get() > 0 {
            "locked"
        } else {
            "unlocked"
        };
        Ok(vm
            .new_str(format!(
                "<{how} {} object owner={} count={} at {:#x}>",
                vm.type_of(zelf.as_value()).full_name(),
                zelf.owner.get(),
                zelf.count.get(),
                zelf.as_ptr() as usize
            ))?
            .into_value())
    }

    /// Lock the lock.
    ///
    /// `blocking` indicates whether we should wait
    /// for the lock to be available or not.  If `blocking` is False
    /// and another thread holds the lock, the method will return False
    /// immediately.  If `blocking` is True and another thread holds
    /// the lock, the method will wait for the lock to be released,
    /// take it and then return True.
    /// (note: the blocking operation is interruptible.)
    ///
    /// In all other cases, the method will return True immediately.
    /// Precisely, if the current thread already holds the lock, its
    /// internal counter is simply incremented. If nobody holds the lock,
    /// the lock is taken and its internal counter initialized to 1.
    #[pymethod(sig = "($self, /, blocking=True, timeout=-1)")]
    fn acquire(&self, vm: &Vm, blocking: Option<bool>, timeout: Option<&Value>) -> PyResult<bool> {
        let timeout = lock_timeout(vm, blocking, timeout)?;
        self.take(vm, timeout)
    }

    /// Release the lock.
    ///
    /// Allows another thread that is blocked waiting for
    /// the lock to acquire the lock.  The lock must be in the locked state,
    /// and must be locked by the same thread that unlocks it; otherwise a
    /// `RuntimeError` is raised.
    ///
    /// Do note that if the lock was acquire()d several times in a row by the
    /// current thread, release() needs to be called as many times for the lock
    /// to be available for other threads.
    #[pymethod(sig = "($self, /)")]
    fn release(&self, vm: &Vm) -> PyResult<()> {
        self.give_back(vm)
    }

    /// Return a boolean indicating whether this object is locked right now.
    #[pymethod(sig = "($self, /)")]
    fn locked(&self) -> bool {
        self.count.get() > 0
    }

    /// For internal use by `threading.Condition`.
    #[pymethod(sig = "($self, /)")]
    fn _is_owned(&self) -> bool {
        self.is_mine()
    }

    /// For internal use by `threading.Condition`.
    #[pymethod(sig = "($self, state, /)")]
    fn _acquire_restore(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let items = match state.downcast::<Tuple>().map(|t| t.items()) {
            Some([count, owner]) => (count.clone(), owner.clone()),
            Some(items) => {
                return Err(vm.type_error(format!(
                    "_acquire_restore() argument 1 must be sequence of length 2, not {}",
                    items.len()
                )));
            }
            None => {
                return Err(vm.type_error(format!(
                    "_acquire_restore() argument 1 must be 2-item tuple, not {}",
                    vm.type_of(state).full_name()
                )));
            }
        };
        let word = |value: &Value| -> PyResult<u64> {
            u64::try_from(number::index_i128(vm, value)?.unwrap_or(-1)).map_err(|_| {
                vm.overflow_error("Python int too large to convert to C unsigned long")
            })
        };
        let (count, owner) = (word(&items.0)?, word(&items.1)?);
        vm.acquire_lock(&self.lock, None)?;
        self.owner.set(owner);
        self.count.set(count);
        Ok(())
    }

    /// For internal use by `threading.Condition`.
    #[pymethod(sig = "($self, /)")]
    fn _release_save(&self, vm: &Vm) -> PyResult {
        if !self.is_mine() {
            return Err(vm.runtime_error("cannot release un-acquired lock"));
        }
        let (count, owner) = (self.count.replace(0), self.owner.replace(0));
        self.lock.unlock();
        let items = vec![
            naja_vm::IntoPyResult::into_py_result(count, vm)?,
            naja_vm::IntoPyResult::into_py_result(owner, vm)?,
        ];
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// For internal use by reentrancy checks.
    #[pymethod(sig = "($self, /)")]
    fn _recursion_count(&self) -> u64 {
        if self.is_mine() { self.count.get() } else { 0 }
    }

    /// Lock the lock.
    #[pymethod(sig = "($self, /)")]
    fn __enter__(&self, vm: &Vm) -> PyResult<bool> {
        self.take(vm, None)
    }

    /// Release the lock.
    #[pymethod(sig = "($self, /, *exc_info)")]
    fn __exit__(&self, vm: &Vm, exc_info: &[Value]) -> PyResult<()> {
        let _ = exc_info;
        self.give_back(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn _at_fork_reinit(&self) {
        self.lock.reset();
        self.owner.set(0);
        self.count.set(0);
    }
}
