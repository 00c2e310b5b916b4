//! `_multiprocessing`: semaphores that processes share. CPython: Modules/_multiprocessing/{multiprocessing.c,semaphore.c}.
//!
//! A semaphore is the system's (`sem_open`); its address is the handle, which a process made by fork can go on using. The
//! count of how often this process holds it belongs to the object.

use crate::system::errno;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::module::Module;
use naja_vm::protocols::number;
use naja_vm::runtime::Access;
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use std::cell::Cell;
use std::ffi::CString;

const RECURSIVE_MUTEX: i32 = 0;
const SEMAPHORE: i32 = 1;
const SEM_VALUE_MAX: i64 = 2147483647;

/// Semaphore/Mutex type
#[pyclass(name = "SemLock", module = "_multiprocessing", flags(BASETYPE))]
pub struct SemLock {
    handle: *mut libc::sem_t,
    last_thread: Cell<u64>,
    count: Cell<i64>,
    maxvalue: i32,
    kind: i32,
    name: Option<Ref<Str>>,
}

impl Drop for SemLock {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the handle is that of an open semaphore; the error of one that is not is of no interest.
            unsafe { libc::sem_close(self.handle) };
        }
    }
}

fn c_name(vm: &Vm, name: &Ref<Str>) -> PyResult<CString> {
    let Some(text) = name.as_str() else {
        return Err(naja_vm::exception::surrogates_not_allowed(vm, name));
    };
    CString::new(text).map_err(|_| vm.value_error("embedded null character"))
}

impl SemLock {
    fn mine(&self, vm: &Vm) -> bool {
        self.count.get() > 0 && self.last_thread.get() == vm.thread_id.get()
    }

    fn value(&self, vm: &Vm) -> PyResult<i32> {
        let mut value = 0;
        // SAFETY: the handle is that of an open semaphore.
        if unsafe { libc::sem_getvalue(self.handle, &mut value) } < 0 {
            return Err(vm.os_error(errno(), None));
        }
        Ok(value.max(0))
    }

    /// Waits for the semaphore until a time of the wall clock; None: without end. False: not in time.
    fn wait(&self, vm: &Vm, deadline: Option<libc::timespec>) -> PyResult<bool> {
        struct Handle(*mut libc::sem_t);
        // SAFETY: semaphores are made for use by several threads.
        unsafe impl Send for Handle {}
        loop {
            let handle = Handle(self.handle);
            let (result, error) = vm.without_gil(move || {
                let handle = &handle;
                let result = match &deadline {
                    // SAFETY: the handle is that of an open semaphore.
                    None => unsafe { libc::sem_wait(handle.0) },
                    // SAFETY: as above.
                    Some(deadline) => unsafe { libc::sem_timedwait(handle.0, deadline) },
                };
                (result, errno())
            });
            match (result, error) {
                (0, _) => return Ok(true),
                (_, libc::EINTR) => vm.check_signals()?,
                (_, libc::ETIMEDOUT | libc::EAGAIN) => return Ok(false),
                _ => return Err(vm.os_error(error, None)),
            }
        }
    }
}

/// The time of the wall clock so many seconds from now.
fn from_now(seconds: f64) -> libc::timespec {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one struct.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    let whole = seconds.trunc().min(1e15) as i64;
    let nanos = now.tv_nsec + (seconds.fract() * 1e9) as i64;
    libc::timespec {
        tv_sec: now.tv_sec.saturating_add(whole) + nanos / 1_000_000_000,
        tv_nsec: nanos % 1_000_000_000,
    }
}

#[pymethods]
impl SemLock {
    #[pyslot(sig = "(kind, value, maxvalue, name, unlink)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        kind: i32,
        value: i32,
        maxvalue: i32,
        name: &Ref<Str>,
        unlink: bool,
    ) -> PyResult {
        if kind != RECURSIVE_MUTEX && kind != SEMAPHORE {
            return Err(vm.value_error("unrecognized kind"));
        }
        vm.permit(Access::Stat(name.as_value()))?;
        let c_text = c_name(vm, name)?;
        let flags = libc::O_CREAT | libc::O_EXCL;
        let (mode, value) = (0o600 as libc::c_uint, value as libc::c_uint);
        // SAFETY: the name is terminated; with O_CREAT the call takes mode and value.
        let handle = unsafe { libc::sem_open(c_text.as_ptr(), flags, mode, value) };
        if handle == libc::SEM_FAILED {
            return Err(vm.os_error(errno(), None));
        }
        let lock = SemLock {
            handle,
            last_thread: Cell::new(0),
            count: Cell::new(0),
            maxvalue,
            kind,
            name: (!unlink).then(|| name.clone()),
        };
        // SAFETY: the name is terminated.
        if unlink && unsafe { libc::sem_unlink(c_text.as_ptr()) } < 0 {
            return Err(vm.os_error(errno(), None));
        }
        Ok(vm.new_object_of(cls, lock)?.into_value())
    }

    #[pyclassmethod(sig = "($type, handle, kind, maxvalue, name, /)")]
    fn _rebuild(
        cls: &Ref<Type>,
        vm: &Vm,
        handle: i64,
        kind: i32,
        maxvalue: i32,
        name: &Value,
    ) -> PyResult {
        let name = match str_::of(name) {
            Some(name) => Some(name.clone()),
            None if name.is_none() => None,
            None => {
                return Err(vm.type_error(format!(
                    "_rebuild() argument 4 must be str or None, not {}",
                    vm.type_of(name).full_name()
                )));
            }
        };
        let handle = match &name {
            None => handle as usize as *mut libc::sem_t,
            Some(name) => {
                vm.permit(Access::Stat(name.as_value()))?;
                let c_text = c_name(vm, name)?;
                // SAFETY: the name is terminated.
                let handle = unsafe { libc::sem_open(c_text.as_ptr(), 0) };
                if handle == libc::SEM_FAILED {
                    return Err(vm.os_error(errno(), None));
                }
                handle
            }
        };
        let lock = SemLock {
            handle,
            last_thread: Cell::new(0),
            count: Cell::new(0),
            maxvalue,
            kind,
            name,
        };
        Ok(vm.new_object_of(cls, lock)?.into_value())
    }

    /// Acquire the semaphore/lock.
    #[pymethod(sig = "($self, /, block=True, timeout=None)")]
    fn acquire(
        &self,
        vm: &Vm,
        #[default(true)] block: bool,
        timeout: Option<&Value>,
    ) -> PyResult<bool> {
        if self.kind == RECURSIVE_MUTEX && self.mine(vm) {
            self.count.set(self.count.get() + 1);
            return Ok(true);
        }
        let timeout = match timeout.filter(|t| !t.is_none()) {
            Some(value) => Some(number::as_f64(vm, value)?.max(0.0)),
            None => None,
        };
        let deadline = timeout.map(from_now);
        // SAFETY: the handle is that of an open semaphore.
        let mut taken = unsafe { libc::sem_trywait(self.handle) } == 0;
        if !taken {
            let error = errno();
            match error {
                libc::EAGAIN | libc::EINTR if !block => vm.check_signals()?,
                libc::EAGAIN | libc::EINTR => taken = self.wait(vm, deadline)?,
                _ => return Err(vm.os_error(error, None)),
            }
        }
        if taken {
            self.count.set(self.count.get() + 1);
            self.last_thread.set(vm.thread_id.get());
        }
        Ok(taken)
    }

    /// Release the semaphore/lock.
    #[pymethod(sig = "($self, /)")]
    fn release(&self, vm: &Vm) -> PyResult<()> {
        if self.kind == RECURSIVE_MUTEX {
            if !self.mine(vm) {
                return Err(vm.raise(
                    &vm.types.assertion_error,
                    "attempt to release recursive lock not owned by thread",
                ));
            }
            if self.count.get() > 1 {
                self.count.set(self.count.get() - 1);
                return Ok(());
            }
        } else if self.value(vm)? >= self.maxvalue {
            return Err(vm.value_error("semaphore or lock released too many times"));
        }
        // SAFETY: the handle is that of an open semaphore.
        if unsafe { libc::sem_post(self.handle) } < 0 {
            return Err(vm.os_error(errno(), None));
        }
        self.count.set(self.count.get() - 1);
        Ok(())
    }

    /// Enter the semaphore/lock.
    #[pymethod(sig = "($self, /)")]
    fn __enter__(&self, vm: &Vm) -> PyResult<bool> {
        self.acquire(vm, true, None)
    }

    /// Exit the semaphore/lock.
    #[pymethod(sig = "($self, exc_type=None, exc_value=None, exc_tb=None, /)")]
    fn __exit__(
        &self,
        vm: &Vm,
        exc_type: Option<&Value>,
        exc_value: Option<&Value>,
        exc_tb: Option<&Value>,
    ) -> PyResult<()> {
        let _ = (exc_type, exc_value, exc_tb);
        self.release(vm)
    }

    /// Num of `acquire()`s minus num of `release()`s for this process.
    #[pymethod(sig = "($self, /)")]
    fn _count(&self) -> i64 {
        self.count.get()
    }

    /// Whether the lock is owned by this thread.
    #[pymethod(sig = "($self, /)")]
    fn _is_mine(&self, vm: &Vm) -> bool {
        self.mine(vm)
    }

    /// Get the value of the semaphore.
    #[pymethod(sig = "($self, /)")]
    fn _get_value(&self, vm: &Vm) -> PyResult<i64> {
        Ok(self.value(vm)? as i64)
    }

    /// Return whether semaphore has value zero.
    #[pymethod(sig = "($self, /)")]
    fn _is_zero(&self, vm: &Vm) -> PyResult<bool> {
        Ok(self.value(vm)? == 0)
    }

    /// Rezero the net acquisition count after fork().
    #[pymethod(sig = "($self, /)")]
    fn _after_fork(&self) {
        self.count.set(0);
    }

    #[pymember]
    fn handle(&self) -> i64 {
        self.handle as usize as i64
    }

    #[pymember]
    fn kind(&self) -> i64 {
        self.kind as i64
    }

    #[pymember]
    fn maxvalue(&self) -> i64 {
        self.maxvalue as i64
    }

    #[pymember]
    fn name(&self) -> Value {
        self.name.as_ref().map_or(Value::NONE, Ref::to_value)
    }

    #[pyattr(name = "SEM_VALUE_MAX")]
    fn sem_value_max(vm: &Vm) -> PyResult {
        vm.new_int(SEM_VALUE_MAX)
    }
}

#[pymodule(name = "_multiprocessing", classes(SemLock))]
pub mod module {
    use super::*;

    #[pyfunction(sig = "($module, name, /)")]
    fn sem_unlink(vm: &Vm, name: &Ref<Str>) -> PyResult<()> {
        vm.permit(Access::Stat(name.as_value()))?;
        let text = c_name(vm, name)?;
        // SAFETY: the name is terminated.
        match unsafe { libc::sem_unlink(text.as_ptr()) } {
            0 => Ok(()),
            _ => Err(vm.os_error(errno(), None)),
        }
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let flags = vm.new_dict()?;
        for name in ["HAVE_SEM_OPEN", "HAVE_SEM_TIMEDWAIT"] {
            flags.set_str(vm, &vm.intern(name), vm.new_int(1)?)?;
        }
        module.set(vm, "flags", flags.into_value())
    }
}
