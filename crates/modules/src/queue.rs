//! `_queue`: `SimpleQueue`, a queue whose `put` can be called from anywhere, also from finalizers.
//!
//! Items are added and taken with the interpreter lock held; a thread that waits lets go of it and sleeps on a counter of
//! additions, which it read while it still held the lock, so that no addition is missed.
//!
//! CPython: Modules/_queuemodule.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to sleep before looking for signals.
const SLICE: Duration = Duration::from_millis(50);

/// The counter of additions.
#[derive(Default)]
struct Additions {
    count: Mutex<u64>,
    changed: Condvar,
    /// Threads that sleep or are about to; changed with the interpreter lock held. While there are none, additions need
    /// not be counted.
    waiting: AtomicUsize,
}

impl Additions {
    fn now(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.tell()
        }
    }

    #[cold]
    fn tell(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_one();
    }

    /// Sleeps until something was added since `seen`, at most for `time`.
    fn wait(&self, seen: u64, time: Duration) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == seen {
            drop(self.changed.wait_timeout(count, time));
        }
    }
}

/// Simple, unbounded, reentrant FIFO queue.
#[pyclass(
    name = "SimpleQueue",
    module = "_queue",
    gc,
    flags(BASETYPE, HAS_WEAKREF)
)]
#[repr(C)]
pub struct SimpleQueue {
    items: MutCell<VecDeque<Value>>,
    additions: Arc<Additions>,
}

impl Traverse for SimpleQueue {
    fn traverse(&self, v: &mut Visitor) {
        self.items
            .with(|items| items.iter().for_each(|x| v.value(x)))
    }
    fn clear(&self) {
        drop(self.items.take())
    }
}

#[derive(Default)]
struct State {
    empty: MutCell<Option<Value>>,
}

/// The exception class `_queue.Empty`.
fn empty_class(vm: &Vm) -> PyResult {
    let state = vm.interp.module_state::<State>();
    if let Some(class) = state.empty.get() {
        return Ok(class);
    }
    let dict = vm.new_dict()?;
    dict.set_str(vm, &vm.names.__module__, vm.intern("_queue").into_value())?;
    let doc = vm.new_str("Exception raised by Queue.get(block=0)/get_nowait().")?;
    dict.set_str(vm, &vm.names.__doc__, doc.into_value())?;
    let bases = vm.new_tuple(vec![vm.types.exception.to_value()])?;
    let args = [
        vm.new_str("Empty")?.into_value(),
        bases.into_value(),
        dict.into_value(),
    ];
    let class = vm.call(vm.types.type_.as_value(), &args)?;
    state.empty.set(Some(class.clone()));
    Ok(class)
}

fn raise_empty(vm: &Vm) -> Raised {
    match empty_class(vm) {
        Ok(class) => match class.downcast::<Type>() {
            Some(class) => vm.raise_with(class, &[]),
            None => vm.system_error("_queue.Empty is no class"),
        },
        Err(raised) => raised,
    }
}

/// The seconds of a timeout.
fn seconds(vm: &Vm, timeout: &Value) -> PyResult<Duration> {
    let seconds = if number::is_int(vm, timeout) || vm.type_of(timeout).slots.float.get().is_some()
    {
        number::as_f64(vm, timeout)?
    } else if number::has_index(vm, timeout) {
        number::as_f64(vm, &number::index(vm, timeout)?)?
    } else {
        return Err(vm.type_error(format!(
            "'{}' object cannot be interpreted as an integer or float",
            vm.type_of(timeout).full_name()
        )));
    };
    if seconds.is_nan() {
        return Err(vm.value_error("Invalid value NaN (not a number)"));
    }
    if seconds < 0.0 {
        return Err(vm.value_error("'timeout' must be a non-negative number"));
    }
    if seconds > 9_223_372_036.0 {
        return Err(vm.overflow_error("timeout value is too large"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

impl SimpleQueue {
    fn add(&self, item: Value) {
        self.items.with_mut(|items| items.push_back(item));
        self.additions.add();
    }

    fn take(&self) -> Option<Value> {
        self.items.with_mut(VecDeque::pop_front)
    }
}

#[pymethods]
impl SimpleQueue {
    #[pyslot(sig = "()")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if cls.is(vm.class::<SimpleQueue>()) {
            if args.keyword_count() > 0 {
                return Err(vm.type_error("SimpleQueue() takes no keyword arguments"));
            }
            if !args.is_empty() {
                return Err(vm.type_error("SimpleQueue() takes no positional arguments"));
            }
        }
        let queue = SimpleQueue {
            items: MutCell::new(VecDeque::new()),
            additions: Arc::default(),
        };
        Ok(vm.new_object_of(cls, queue)?.into_value())
    }

    /// Put the item on the queue.
    ///
    /// The optional 'block' and 'timeout' arguments are ignored, as this
    /// method never blocks.  They are provided for compatibility with the
    /// Queue class.
    #[pymethod(sig = "($self, /, item, block=True, timeout=None)")]
    fn put(&self, item: Value, #[default(true)] _block: bool, _timeout: Option<&Value>) {
        self.add(item)
    }

    /// Put an item into the queue without blocking.
    ///
    /// This is exactly equivalent to `put(item)` and is only provided
    /// for compatibility with the Queue class.
    #[pymethod(sig = "($self, /, item)")]
    fn put_nowait(&self, item: Value) {
        self.add(item)
    }

    /// Remove and return an item from the queue.
    ///
    /// If optional args 'block' is true and 'timeout' is None (the
    /// default), block if necessary until an item is available.  If
    /// 'timeout' is a non-negative number, it blocks at most 'timeout'
    /// seconds and raises the Empty exception if no item was available
    /// within that time.  Otherwise ('block' is false), return an item
    /// if one is immediately available, else raise the Empty exception
    /// ('timeout' is ignored in that case).
    #[pymethod(sig = "($self, /, block=True, timeout=None)")]
    fn get(&self, vm: &Vm, #[default(true)] block: bool, timeout: Option<&Value>) -> PyResult {
        let end = match timeout.filter(|t| block && !t.is_none()) {
            Some(timeout) => Some(Instant::now() + seconds(vm, timeout)?),
            None => None,
        };
        loop {
            if let Some(item) = self.take() {
                return Ok(item);
            }
            if !block {
                return Err(raise_empty(vm));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(raise_empty(vm));
            }
            let seen = self.additions.now();
            let additions = self.additions.clone();
            let time = left.map_or(SLICE, |left| left.min(SLICE));
            additions.waiting.fetch_add(1, Ordering::Relaxed);
            vm.without_gil(|| additions.wait(seen, time));
            additions.waiting.fetch_sub(1, Ordering::Relaxed);
            vm.check_signals()?;
        }
    }

    /// Remove and return an item from the queue without blocking.
    ///
    /// Only get an item if one is immediately available. Otherwise
    /// raise the Empty exception.
    #[pymethod]
    fn get_nowait(&self, vm: &Vm) -> PyResult {
        self.take().ok_or_else(|| raise_empty(vm))
    }

    /// Return True if the queue is empty, False otherwise (not reliable!).
    #[pymethod]
    fn empty(&self) -> bool {
        self.items.with(VecDeque::is_empty)
    }

    /// Return the approximate size of the queue (not reliable!).
    #[pymethod]
    fn qsize(&self) -> usize {
        self.items.with(VecDeque::len)
    }

    /// SimpleQueues are generic over the type of their contents
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

#[pymodule(
    name = "_queue",
    doc = "C implementation of the Python queue module.\nThis module is an implementation detail, please do not use it directly.",
    classes(SimpleQueue)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "Empty")]
    fn empty(vm: &Vm) -> PyResult {
        empty_class(vm)
    }
}
