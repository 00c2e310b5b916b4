//! `_thread`: locks, thread-local data, and starting threads.
//!
//! Locks wait outside the interpreter lock (`runtime/lock.rs`); everything else here is only touched under it. A thread's
//! handle is shared between Python's `_ThreadHandle` objects and the thread itself, which moves its stage on.
//! CPython: Modules/_threadmodule.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::dict::Dict;
use naja_vm::exception::BaseException;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::runtime::Access;
use naja_vm::runtime::lock::{RawLock, Stage};
use naja_vm::runtime::threads::current_ident;
use naja_vm::str_::Str;
use naja_vm::structseq;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm, struct_sequence};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest timeout, in seconds.
const TIMEOUT_MAX: f64 = 9_223_372_036.0;
/// Bytes of a thread's name that the system keeps.
const NAME_MAX: usize = 15;
const LEAST_STACK: i64 = 53248;

/// What the module keeps for each interpreter.
#[derive(Default)]
struct State {
    stack_size: Cell<usize>,
    /// Threads that run, the main thread not among them.
    count: Cell<usize>,
    /// Threads that the interpreter's end waits for.
    waited_for: MutCell<Vec<Arc<Handle>>>,
    locals: MutCell<Vec<Weak<LocalDicts>>>,
    /// The handles of threads that may run.
    handles: MutCell<Vec<std::sync::Weak<Handle>>>,
}

fn state(vm: &Vm) -> Rc<State> {
    vm.interp.module_state()
}

/// Remembers a handle for [`after_fork`].
fn register(vm: &Vm, handle: &Arc<Handle>) {
    state(vm).handles.with_mut(|handles| {
        if handles.len() == handles.capacity() {
            handles.retain(|h| h.strong_count() > 0);
        }
        handles.push(Arc::downgrade(handle));
    })
}

/// In a forked child: all threads but the calling one are gone. CPython: `_PyThread_AfterFork`.
pub fn after_fork(vm: &Vm) {
    let handles = state(vm).handles.take();
    for handle in handles.iter().filter_map(std::sync::Weak::upgrade) {
        if handle.ident.load(Ordering::Relaxed) == vm.thread_id.get() {
            register(vm, &handle);
        } else {
            handle.stage.set(stage::DONE);
        }
    }
    state(vm).count.set(0);
    state(vm)
        .waited_for
        .with_mut(|list| list.retain(|h| h.stage.get() != stage::DONE));
}

// ---- timeouts ----

/// Nanoseconds of a number of seconds, rounded away from zero. Raises what `_PyTime_FromSecondsObject` raises.
fn nanoseconds(vm: &Vm, value: &Value) -> PyResult<i64> {
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

// ---- locks ----

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
pub struct Lock(RawLock);

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

// ---- thread-local data ----

/// The dictionaries of a `_local`, by thread.
#[derive(Default)]
struct LocalDicts(MutCell<FxHashMap<u64, Ref<Dict>>>);

/// Thread-local data
#[pyclass(name = "_local", module = "_thread", gc, flags(BASETYPE, HAS_WEAKREF))]
#[repr(C)]
pub struct Local {
    dicts: Rc<LocalDicts>,
    /// What `__init__` gets in each thread that uses the object.
    args: MutCell<Vec<Value>>,
    kwnames: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for Local {
    fn traverse(&self, v: &mut Visitor) {
        self.dicts
            .0
            .with(|d| d.values().for_each(|d| v.reference(d)));
        self.args.with(|a| a.iter().for_each(|a| v.value(a)));
        self.kwnames.with(|k| {
            if let Some(names) = k {
                v.reference(names)
            }
        });
    }
    fn clear(&self) {
        drop(self.dicts.0.take());
        drop(self.args.take());
    }
}

/// Takes the ending thread's dictionaries out of every `_local`.
fn forget_locals(vm: &Vm) {
    let me = vm.thread_id.get();
    let locals = state(vm).locals.with_mut(|list| {
        list.retain(|l| l.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect::<Vec<_>>()
    });
    for local in locals {
        drop(local.0.with_mut(|d| d.remove(&me)));
    }
}

impl Local {
    fn new_dict(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(vm)?;
        let me = vm.thread_id.get();
        drop(self.dicts.0.with_mut(|d| d.insert(me, dict.clone())));
        Ok(dict)
    }

    /// The calling thread's dictionary; made, and `__init__` called, on the thread's first use.
    fn dict(zelf: &Value, vm: &Vm) -> PyResult<Ref<Dict>> {
        let Some(local) = zelf.downcast::<Local>() else {
            return Err(vm.type_error("not a _thread._local object"));
        };
        let me = vm.thread_id.get();
        if let Some(dict) = local.dicts.0.with(|d| d.get(&me).cloned()) {
            return Ok(dict);
        }
        let dict = local.new_dict(vm)?;
        let init = vm.type_of(zelf).slots.init.get();
        if let Some(init) = init
            && Some(init as usize) != vm.types.object.slots.init.get().map(|f| f as usize)
        {
            let (args, kwnames) = (local.args.get(), local.kwnames.get());
            let args = Args {
                args: &args,
                kwnames: kwnames.as_ref(),
            };
            if let Err(raised) = init(vm, zelf, args) {
                drop(local.dicts.0.with_mut(|d| d.remove(&me)));
                return Err(raised);
            }
        }
        Ok(dict)
    }

    fn is_dict_name(name: &Ref<Str>) -> bool {
        name.as_bytes() == b"__dict__"
    }
}

#[pymethods]
impl Local {
    #[pyslot(sig = "()")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let plain = cls.slots.init.get().map(|f| f as usize)
            == vm.types.object.slots.init.get().map(|f| f as usize);
        if plain && !args.is_empty() {
            return Err(vm.type_error("Initialization arguments are not supported"));
        }
        let dicts = Rc::new(LocalDicts::default());
        vm.at_thread_end(forget_locals);
        state(vm).locals.with_mut(|l| {
            if l.len() == l.capacity() {
                l.retain(|l| l.strong_count() > 0)
            }
            l.push(Rc::downgrade(&dicts))
        });
        let local = vm.new_object_of(
            cls,
            Local {
                dicts,
                args: MutCell::new(args.args.to_vec()),
                kwnames: MutCell::new(args.kwnames.cloned()),
            },
        )?;
        local.new_dict(vm)?;
        Ok(local.into_value())
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        let dict = Local::dict(zelf, vm)?;
        if Local::is_dict_name(name) {
            return Ok(dict.into_value());
        }
        let ty = vm.type_of(zelf);
        let descriptor = ty.lookup(vm, name);
        let owner = ty.to_ref().into_value();
        let mut get = None;
        if let Some(d) = &descriptor {
            let slots = &vm.type_of(d).slots;
            get = slots.descr_get.get();
            if let Some(get) = get
                && slots.descr_set.get().is_some()
            {
                return get(vm, d, Some(zelf), Some(&owner));
            }
        }
        if let Some(value) = dict.get_str(vm, name)? {
            return Ok(value);
        }
        match (descriptor, get) {
            (Some(d), Some(get)) => get(vm, &d, Some(zelf), Some(&owner)),
            (Some(d), None) => Ok(d),
            (None, _) => Err(attributes::no_attribute(vm, zelf, name)),
        }
    }

    #[pyslot]
    fn setattro(vm: &Vm, zelf: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
        let dict = Local::dict(zelf, vm)?;
        if Local::is_dict_name(name) {
            return Err(naja_vm::exception::attribute_error(
                vm,
                format!(
                    "'{}' object attribute '__dict__' is read-only",
                    vm.type_of(zelf).full_name()
                ),
                zelf,
                name,
            ));
        }
        if let Some(d) = vm.type_of(zelf).lookup(vm, name)
            && let Some(set) = vm.type_of(&d).slots.descr_set.get()
        {
            return set(vm, &d, zelf, value);
        }
        match value {
            Some(value) => dict.set_str(vm, name, value.clone()),
            None => match dict.remove_str(vm, name)? {
                Some(_) => Ok(()),
                None => Err(attributes::no_attribute(vm, zelf, name)),
            },
        }
    }
}

// ---- threads ----

/// Stages of a thread's life.
mod stage {
    pub const NOT_STARTED: u32 = 0;
    pub const STARTING: u32 = 1;
    pub const RUNNING: u32 = 2;
    pub const DONE: u32 = 3;
}

/// What is known about a thread, shared with the thread itself.
#[derive(Default)]
struct Handle {
    ident: AtomicU64,
    stage: Stage,
}

#[pyclass(name = "_ThreadHandle", module = "_thread", doc = "")]
pub struct ThreadHandle(Arc<Handle>);

#[pymethods]
impl ThreadHandle {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, ThreadHandle(Arc::default()))?
            .into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_str(format!(
                "<{} object: ident={}>",
                vm.type_of(zelf.as_value()).full_name(),
                zelf.0.ident.load(Ordering::Relaxed)
            ))?
            .into_value())
    }

    #[pygetter]
    fn ident(&self) -> u64 {
        self.0.ident.load(Ordering::Relaxed)
    }

    #[pymethod(raw)]
    fn join(vm: &Vm, args: Args) -> PyResult {
        let (zelf, timeout) = match args.positional() {
            [zelf] => (zelf, None),
            [zelf, timeout] => (zelf, Some(timeout).filter(|t| !t.is_none())),
            many => {
                return Err(vm.type_error(format!(
                    "join() takes at most 1 argument ({} given)",
                    many.len().saturating_sub(1)
                )));
            }
        };
        if args.keyword_count() > 0 {
            return Err(vm.type_error("_ThreadHandle.join() takes no keyword arguments"));
        }
        let Some(handle) = zelf.downcast::<ThreadHandle>() else {
            return Err(
                vm.type_error("descriptor 'join' requires a '_thread._ThreadHandle' object")
            );
        };
        let timeout = match timeout {
            // A negative timeout waits for ever, as none does.
            Some(timeout) => u64::try_from(nanoseconds(vm, timeout)?)
                .ok()
                .map(Duration::from_nanos),
            None => None,
        };
        join(vm, &handle.0.clone(), timeout)?;
        Ok(Value::NONE)
    }

    #[pymethod(sig = "($self, /)")]
    fn _set_done(&self, vm: &Vm) -> PyResult<()> {
        if self.0.stage.get() < stage::RUNNING {
            return Err(vm.runtime_error("thread not started"));
        }
        self.0.stage.set(stage::DONE);
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn is_done(&self) -> bool {
        self.0.stage.get() == stage::DONE
    }
}

fn join(vm: &Vm, handle: &Arc<Handle>, timeout: Option<Duration>) -> PyResult<bool> {
    let now = handle.stage.get();
    if now < stage::STARTING {
        return Err(vm.runtime_error("thread not started"));
    }
    if now != stage::DONE && handle.ident.load(Ordering::Relaxed) == vm.thread_id.get() {
        return Err(vm.runtime_error("Cannot join current thread"));
    }
    // Other threads run no more: this one would wait for ever.
    if now != stage::DONE && vm.interp.state.finalizing.get() {
        return Err(vm.raise(
            &vm.types.python_finalization_error,
            "cannot join thread at interpreter shutdown",
        ));
    }
    vm.wait_for_stage(&handle.stage, stage::DONE, timeout)
}

/// Calls a thread's function and reports what it raises.
fn thread_main(vm: &Vm, function: &Value, args: &[Value], kwnames: Option<&Ref<Tuple>>) {
    if vm.call_args(function, Args { args, kwnames }).is_ok() {
        return;
    }
    if vm.catch(&vm.types.system_exit) {
        return;
    }
    let exception = vm.take_exception();
    let message = match object::repr(vm, function) {
        Ok(text) => format!(
            "Exception ignored in thread started by {}",
            text.to_string_lossy()
        ),
        Err(Raised) => {
            vm.clear_exception();
            "Exception ignored in thread".to_string()
        }
    };
    naja_vm::builtins::sys::unraisable(vm, exception, None, Some(&message));
}

/// Starts a thread whose life `handle` tells.
fn start(
    vm: &Vm,
    handle: &Arc<Handle>,
    daemon: bool,
    function: Value,
    args: Vec<Value>,
    kwnames: Option<Ref<Tuple>>,
) -> PyResult<u64> {
    if vm.interp.state.finalizing.get() {
        return Err(vm.raise(
            &vm.types.python_finalization_error,
            "can't create new thread at interpreter shutdown",
        ));
    }
    if handle.stage.get() != stage::NOT_STARTED {
        return Err(vm.runtime_error("thread already started"));
    }
    register(vm, handle);
    handle.stage.set(stage::STARTING);
    let state = state(vm);
    let (inside, outside) = (handle.clone(), handle.clone());
    let body = move |vm: &Vm| {
        thread_main(vm, &function, &args, kwnames.as_ref());
        drop((function, args, kwnames));
        let state = self::state(vm);
        state.count.set(state.count.get().saturating_sub(1));
        state
            .waited_for
            .with_mut(|list| list.retain(|h| !Arc::ptr_eq(h, &inside)));
    };
    let after = move || outside.stage.set(stage::DONE);
    match vm.spawn_thread(state.stack_size.get(), body, after) {
        Ok(ident) => {
            // The thread cannot run yet: it waits for the interpreter lock.
            handle.ident.store(ident, Ordering::Relaxed);
            handle.stage.set(stage::RUNNING);
            state.count.set(state.count.get() + 1);
            if !daemon {
                state.waited_for.with_mut(|list| list.push(handle.clone()));
            }
            Ok(ident)
        }
        Err(_) => {
            handle.stage.set(stage::NOT_STARTED);
            Err(vm.runtime_error("can't start new thread"))
        }
    }
}

struct_sequence! { EXCEPT_HOOK_ARGS = "_ExceptHookArgs" in "_thread", "ExceptHookArgs\n\nType used to pass arguments to threading.excepthook.";
    0 "exc_type" "Exception type"; 1 "exc_value" "Exception value"; 2 "exc_traceback" "Exception traceback"; 3 "thread" "Thread";
}

/// Whether a value can be called.
fn is_callable(vm: &Vm, value: &Value) -> bool {
    vm.type_of(value).slots.call.get().is_some()
}

/// The name for an uncaught exception's heading.
fn thread_name(vm: &Vm, thread: &Value) -> String {
    if !thread.is_none()
        && let Ok(name) = attributes::get_by(vm, thread, "_name")
            .or_else(|_| attributes::get_by(vm, thread, "name"))
        && let Ok(text) = object::str(vm, &name)
    {
        return text.to_string_lossy().into_owned();
    }
    vm.clear_exception();
    current_ident().to_string()
}

/// Makes a system name of at most 15 bytes. As in CPython the cut may fall within a character; what has no encoding
/// becomes a question mark.
fn system_name(name: &Str) -> Vec<u8> {
    let mut bytes = match name.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => name.to_string_lossy().replace('\u{fffd}', "?").into_bytes(),
    };
    bytes.truncate(NAME_MAX);
    let cut = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let mut result = bytes[..cut].to_vec();
    result.push(0);
    result
}

/// This module provides primitive operations to write multi-threaded programs.
/// The 'threading' module provides a more convenient interface.
#[pymodule(
    name = "_thread",
    doc = "This module provides primitive operations to write multi-threaded programs.\nThe 'threading' module provides a more convenient interface.",
    classes(Lock, RLock, Local, ThreadHandle)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "LockType")]
    fn lock_type(vm: &Vm) -> Value {
        vm.class::<Lock>().to_value()
    }

    #[pyattr]
    fn error(vm: &Vm) -> Value {
        vm.types.runtime_error.to_value()
    }

    #[pyattr(name = "TIMEOUT_MAX")]
    fn timeout_max(vm: &Vm) -> PyResult {
        vm.new_float(TIMEOUT_MAX)
    }

    #[pyattr(name = "_NAME_MAXLEN")]
    fn name_max(vm: &Vm) -> PyResult {
        vm.new_int(NAME_MAX as i64)
    }

    #[pyattr(name = "_ExceptHookArgs")]
    fn except_hook_args(vm: &Vm) -> Value {
        structseq::class(vm, &EXCEPT_HOOK_ARGS).into_value()
    }

    fn start_function(vm: &Vm, args: Args, name: &str) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error(format!("_thread.{name}() takes no keyword arguments")));
        }
        let (function, given, keywords) = match args.args {
            [function, given] => (function, given, None),
            [function, given, keywords] => (function, given, Some(keywords)),
            many => {
                let bound = if many.len() < 2 { "least 2" } else { "most 3" };
                return Err(vm.type_error(format!(
                    "{name} expected at {bound} arguments, got {}",
                    many.len()
                )));
            }
        };
        if !is_callable(vm, function) {
            return Err(vm.type_error("first arg must be callable"));
        }
        let Some(tuple) = given.downcast::<Tuple>() else {
            return Err(vm.type_error("2nd arg must be a tuple"));
        };
        let dict = match keywords {
            Some(keywords) => match keywords.downcast::<Dict>() {
                Some(dict) => Some(dict),
                None => return Err(vm.type_error("optional 3rd arg must be a dictionary")),
            },
            None => None,
        };
        vm.permit(Access::Event(
            "_thread.start_new_thread",
            &[
                function.clone(),
                given.clone(),
                keywords.cloned().unwrap_or(Value::NONE),
            ],
        ))?;
        let mut all = tuple.items().to_vec();
        let mut names = Vec::new();
        if let Some(dict) = dict {
            for (name, value) in dict.items_vec() {
                if name.downcast::<Str>().is_none() {
                    return Err(vm.type_error("keywords must be strings"));
                }
                names.push(name);
                all.push(value);
            }
        }
        let kwnames = match names.is_empty() {
            true => None,
            false => Some(vm.new_tuple(names)?),
        };
        let handle = Arc::new(Handle::default());
        let ident = start(vm, &handle, true, function.clone(), all, kwnames)?;
        naja_vm::IntoPyResult::into_py_result(ident, vm)
    }

    /// Start a new thread and return its identifier.
    ///
    /// The thread will call the function with positional arguments from the
    /// tuple args and keyword arguments taken from the optional dictionary
    /// kwargs.  The thread exits when the function returns; the return value
    /// is ignored.  The thread will also exit when the function raises an
    /// unhandled exception; a stack trace will be printed unless the exception
    /// is SystemExit.
    #[pyfunction(raw, sig = "($module, function, args, kwargs={}, /)")]
    fn start_new_thread(vm: &Vm, args: Args) -> PyResult {
        start_function(vm, args, "start_new_thread")
    }

    /// An obsolete synonym of start_new_thread().
    #[pyfunction(raw, sig = "($module, function, args, kwargs={}, /)")]
    fn start_new(vm: &Vm, args: Args) -> PyResult {
        start_function(vm, args, "start_new_thread")
    }

    /// *For internal use only*: start a new thread.
    ///
    /// Like start_new_thread(), this starts a new thread calling the given function.
    /// Unlike start_new_thread(), this returns a handle object with methods to join
    /// or detach the given thread.
    /// This function is not for third-party code, please use the
    /// `threading` module instead. During finalization the runtime will not wait for
    /// the thread to exit if daemon is True. If handle is provided it must be a
    /// newly created thread._ThreadHandle instance.
    #[pyfunction(sig = "(function, handle=None, daemon=True)")]
    fn start_joinable_thread(
        vm: &Vm,
        function: &Value,
        handle: Option<&Value>,
        daemon: Option<bool>,
    ) -> PyResult {
        if !is_callable(vm, function) {
            return Err(vm.type_error("thread function must be callable"));
        }
        let given = handle.cloned().unwrap_or(Value::NONE);
        let handle = match handle {
            Some(handle) if !handle.is_none() => match handle.downcast::<ThreadHandle>() {
                Some(handle) => handle.clone(),
                None => return Err(vm.type_error("'handle' must be a _ThreadHandle")),
            },
            _ => vm.new_object(ThreadHandle(Arc::default()))?,
        };
        let daemon = daemon.unwrap_or(true);
        vm.permit(Access::Event(
            "_thread.start_joinable_thread",
            &[function.clone(), Value::small_int(daemon as i64), given],
        ))?;
        start(vm, &handle.0, daemon, function.clone(), Vec::new(), None)?;
        Ok(handle.into_value())
    }

    /// Return True if daemon threads are allowed in the current interpreter,
    /// and False otherwise.
    #[pyfunction(sig = "()")]
    fn daemon_threads_allowed() -> bool {
        true
    }

    /// Create a new lock object. See help(type(threading.Lock())) for
    /// information about locks.
    #[pyfunction(sig = "()")]
    fn allocate_lock(vm: &Vm) -> PyResult<Ref<Lock>> {
        vm.new_object(Lock(RawLock::default()))
    }

    /// An obsolete synonym of allocate_lock().
    #[pyfunction(sig = "()")]
    fn allocate(vm: &Vm) -> PyResult<Ref<Lock>> {
        vm.new_object(Lock(RawLock::default()))
    }

    /// This is synonymous to ``raise SystemExit''.  It will cause the current
    /// thread to exit silently unless the exception is caught.
    #[pyfunction(sig = "()")]
    fn exit(vm: &Vm) -> PyResult {
        Err(vm.raise_with(&vm.types.system_exit, &[]))
    }

    /// An obsolete synonym of exit().
    #[pyfunction(sig = "()")]
    fn exit_thread(vm: &Vm) -> PyResult {
        Err(vm.raise_with(&vm.types.system_exit, &[]))
    }

    /// Simulate the arrival of the given signal in the main thread,
    /// where the corresponding signal handler will be executed.
    /// If *signum* is omitted, SIGINT is assumed.
    /// A subthread can use this function to interrupt the main thread.
    ///
    /// Note: the default signal handler for SIGINT raises ``KeyboardInterrupt``.
    #[pyfunction(sig = "(signum=signal.SIGINT, /)")]
    fn interrupt_main(vm: &Vm, signum: Option<i32>) -> PyResult<()> {
        use naja_vm::builtins::signals::{self, Handler, NSIG};
        let number = signum.unwrap_or(libc::SIGINT);
        if number < 1 || number as usize >= NSIG {
            return Err(vm.value_error("signal number out of range"));
        }
        if !matches!(
            signals::get_handler(vm, number),
            Handler::Default | Handler::Ignore
        ) {
            signals::trip(number)
        }
        Ok(())
    }

    /// Return a non-zero integer that uniquely identifies the current thread
    /// amongst other threads that exist simultaneously.
    ///
    /// This may be used to identify per-thread resources.  Even though on
    /// some platforms threads identities may appear to be allocated
    /// consecutive numbers starting at 1, this behavior should not be relied
    /// upon, and the number should be seen purely as a magic cookie.
    /// A thread's identity may be reused for another thread after it exits.
    #[pyfunction(sig = "()")]
    fn get_ident(vm: &Vm) -> u64 {
        vm.thread_id.get()
    }

    /// Internal only. Return a non-zero integer that uniquely identifies the main thread
    /// of the main interpreter.
    #[pyfunction(sig = "()")]
    fn _get_main_thread_ident(vm: &Vm) -> u64 {
        let mut first = None;
        vm.each_thread(|thread| {
            first.get_or_insert(thread.thread_id.get());
        });
        first.unwrap_or_default()
    }

    /// Return a non-negative integer identifying the thread as reported
    /// by the OS (kernel). This may be used to uniquely identify a
    /// particular thread within a system.
    #[pyfunction(sig = "()")]
    fn get_native_id() -> i64 {
        // SAFETY: a plain query.
        unsafe { libc::syscall(libc::SYS_gettid) as i64 }
    }

    /// Return the number of currently running Python threads, excluding
    /// the main thread. The returned number comprises all threads created
    /// through `start_new_thread()` as well as `threading.Thread`, and not
    /// yet finished.
    ///
    /// This function is meant for internal and specialized purposes only.
    /// In most applications `threading.enumerate()` should be used instead.
    #[pyfunction(sig = "()")]
    fn _count(vm: &Vm) -> usize {
        state(vm).count.get()
    }

    /// Return the thread stack size used when creating new threads.  The
    /// optional size argument specifies the stack size (in bytes) to be used
    /// for subsequently created threads.  The size must be 0 (use platform or
    /// configured default) or a positive integer value of at least 32,768 (32k).
    /// If changing the thread stack size is unsupported, a ThreadError exception
    /// is raised. If the specified size is invalid, a ValueError exception
    /// is raised, and the stack size is unmodified.
    #[pyfunction(sig = "(size=0, /)")]
    fn stack_size(vm: &Vm, size: Option<i64>) -> PyResult<usize> {
        let state = state(vm);
        let old = state.stack_size.get();
        match size {
            None => {}
            Some(size) if size != 0 && size < LEAST_STACK => {
                return Err(vm.value_error(format!("size must be at least {LEAST_STACK} bytes")));
            }
            Some(size) => state.stack_size.set(size as usize),
        }
        Ok(old)
    }

    /// Handle uncaught Thread.run() exception.
    #[pyfunction(sig = "(args, /)")]
    fn _excepthook(vm: &Vm, args: &Value) -> PyResult<()> {
        let class = structseq::class(vm, &EXCEPT_HOOK_ARGS);
        let items = args
            .downcast::<Tuple>()
            .filter(|_| vm.type_of(args).is(&class));
        let Some([kind, exception, _traceback, thread]) = items.map(|t| t.items()) else {
            return Err(vm.type_error("_thread.excepthook argument type must be ExceptHookArgs"));
        };
        if kind.is(vm.types.system_exit.as_value()) {
            return Ok(());
        }
        let mut file = vm.sys_attr("stderr")?.filter(|f| !f.is_none());
        if file.is_none() {
            if thread.is_none() {
                return Ok(());
            }
            file = Some(attributes::get_by(vm, thread, "_stderr")?).filter(|f| !f.is_none());
        }
        let Some(file) = file else { return Ok(()) };
        let mut text = format!("Exception in thread {}:\n", thread_name(vm, thread));
        if let Some(exception) = exception.downcast::<BaseException>() {
            text.push_str(&naja_vm::builtins::display::format_exception(vm, exception));
        }
        vm.call_method_str(&file, "write", &[vm.new_str(&text)?.into_value()])?;
        if vm.call_method_str(&file, "flush", &[]).is_err() {
            vm.clear_exception()
        }
        Ok(())
    }

    /// Return True if the current interpreter is the main Python interpreter.
    #[pyfunction(sig = "()")]
    fn _is_main_interpreter(vm: &Vm) -> bool {
        vm.interp.id == 0
    }

    /// Internal only. Make a thread handle for threads not spawned
    /// by the _thread or threading module.
    #[pyfunction(sig = "(ident, /)")]
    fn _make_thread_handle(vm: &Vm, ident: &Value) -> PyResult<Ref<ThreadHandle>> {
        if !number::is_int(vm, ident) {
            return Err(vm.type_error("ident must be an integer"));
        }
        let n = number::index_i128(vm, ident)?.and_then(|n| u64::try_from(n).ok());
        let Some(n) = n else {
            return Err(
                vm.overflow_error("Python int too large to convert to C unsigned long long")
            );
        };
        let handle = Arc::new(Handle::default());
        handle.ident.store(n, Ordering::Relaxed);
        handle.stage.set(stage::RUNNING);
        register(vm, &handle);
        vm.new_object(ThreadHandle(handle))
    }

    /// Wait for all non-daemon threads (other than the calling thread) to stop.
    #[pyfunction(sig = "()")]
    fn _shutdown(vm: &Vm) -> PyResult<()> {
        let me = vm.thread_id.get();
        loop {
            let next = state(vm).waited_for.with(|list| {
                list.iter()
                    .find(|h| h.ident.load(Ordering::Relaxed) != me)
                    .cloned()
            });
            let Some(handle) = next else { return Ok(()) };
            if join(vm, &handle, None).is_err() {
                let exception = vm.take_exception();
                naja_vm::builtins::sys::unraisable(
                    vm,
                    exception,
                    None,
                    Some("Exception ignored while joining a thread in _thread._shutdown()"),
                );
                return Ok(());
            }
        }
    }

    /// Set the name of the current thread.
    #[pyfunction(sig = "(name)")]
    fn set_name(name: &Ref<Str>) {
        let name = system_name(name);
        // SAFETY: a name that ends in zero, for the calling thread.
        unsafe {
            libc::pthread_setname_np(libc::pthread_self(), name.as_ptr().cast());
        }
    }

    /// Get the name of the current thread.
    #[pyfunction(sig = "()")]
    fn _get_name(vm: &Vm) -> PyResult {
        let mut name = [0u8; 64];
        // SAFETY: the buffer is as large as told.
        unsafe {
            libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr().cast(), name.len());
        }
        let end = name.iter().position(|&b| b == 0).unwrap_or(0);
        crate::system::fs_decode(vm, &name[..end])
    }
}
