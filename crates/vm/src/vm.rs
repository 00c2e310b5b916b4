//! The state of one thread of an interpreter, and how exceptions are raised in it.
//!
//! `Vm` is what every function of the machine gets as its first argument. Several threads of one interpreter each have
//! a `Vm` of their own and share the [`Interpreter`]; they run one at a time, holding its lock (runtime.rs).
//!
//! CPython: Include/cpython/pystate.h (PyThreadState), Python/errors.c.

use crate::interpreter::thread_stack::ThreadStack;
use crate::names::Names;
use crate::objects::exception::BaseException;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::runtime::Interpreter;
use crate::types::Types;
use naja_heap::{AllocError, Heap, MutCell, Payload, Ref, TypeLayout, Value};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// "An exception is set in the thread." Zero-sized, so that `PyResult<Value>` is one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised;

/// The result of anything that can raise.
pub type PyResult<T = Value> = Result<T, Raised>;

/// Bits of the eval breaker: what the evaluation loop must see to at its next check.
pub struct Breaker;

impl Breaker {
    pub const SIGNALS: u32 = 1 << 0;
    pub const GIL_DROP: u32 = 1 << 1;
    pub const COLLECT: u32 = 1 << 2;
    pub const ASYNC_EXCEPTION: u32 = 1 << 3;
    pub const PENDING_CALLS: u32 = 1 << 4;
    pub const STOP: u32 = 1 << 5;
    pub const TRACE: u32 = 1 << 6;
}

/// The exception that a thread or generator is handling. CPython: `_PyErr_StackItem`.
#[derive(Default)]
pub struct ExcState {
    pub value: MutCell<Option<Value>>,
    pub previous: Cell<*const ExcState>,
}

macro_rules! exact_types {
    ($($name:ident)*) => {
        /// Addresses of type objects, one load away.
        pub(crate) struct ExactTypes {
            $(pub(crate) $name: *const Type,)*
        }

        impl ExactTypes {
            fn new(types: &Types) -> ExactTypes {
                ExactTypes { $($name: &raw const *types.$name,)* }
            }
        }
    };
}

exact_types! {
    list tuple dict str function cell module builtin_function method_descriptor generator coroutine
    list_iterator tuple_iterator range_iterator bytes bytearray set frozenset type_
}

/// How many messages of exceptions are kept, and how long they may be.
const MESSAGES: usize = 16;
const LONGEST_MESSAGE: usize = 48;

/// The state of one thread.
pub struct Vm {
    pub interp: Arc<Interpreter>,
    /// The built-in types, by name.
    pub types: &'static Types,
    /// The addresses of those that the evaluation loop compares with.
    pub(crate) exact: ExactTypes,
    /// The interned names, by name.
    pub names: &'static Names,
    heap: *const Heap,
    /// Bits of [`Breaker`]; set by other threads and by signal handlers too.
    pub breaker: Arc<AtomicU32>,
    /// The exception being raised: set together with returning [`Raised`].
    pending: MutCell<Option<Ref<BaseException>>>,
    /// The stack of exceptions being handled: the thread's own entry, and the innermost (a running generator's).
    pub(crate) exc_base: ExcState,
    pub(crate) exc_info: Cell<*const ExcState>,
    pub(crate) stack: ThreadStack,
    /// Lowest address that native recursion may reach.
    stack_limit: Cell<usize>,
    /// Python frames on the stack, and the limit of `sys.setrecursionlimit`.
    pub(crate) depth: Cell<u32>,
    /// State of other parts of the machine, by thread.
    pub context: MutCell<Option<Value>>,
    /// What a native module found in a state of the context's variables (by its number): decimal's context.
    pub found_in_context: MutCell<Option<(u64, Value)>>,
    pub thread_id: Cell<u64>,
    pub async_gen_hooks: MutCell<(Option<Value>, Option<Value>)>,
    pub coroutine_origin_depth: Cell<u32>,
    pub running_loop: MutCell<Option<Value>>,
    /// The asyncio task that the running loop is executing.
    pub running_task: MutCell<Option<Value>>,
    pub trace: crate::interpreter::trace::TraceState,
    pub async_exception: MutCell<Option<Value>>,
    /// Objects whose repr is being made (`Py_ReprEnter`).
    pub repr_stack: MutCell<Vec<usize>>,
    /// Tuples of keywords of earlier calls `f(**keywords)`.
    pub(crate) keyword_names: [MutCell<Option<Ref<Tuple>>>; 8],
    /// Short messages of exceptions raised before.
    pub(crate) messages: [MutCell<Option<Ref<Str>>>; MESSAGES],
}

impl Vm {
    /// The state of a new thread of `interp`; the caller attaches it (see `runtime`).
    pub(crate) fn new(interp: Arc<Interpreter>) -> Vm {
        let (types, names, heap) = interp.core();
        Vm {
            types,
            exact: ExactTypes::new(types),
            names,
            heap,
            breaker: interp.breaker.clone(),
            pending: MutCell::new(None),
            exc_base: ExcState::default(),
            exc_info: Cell::new(std::ptr::null()),
            stack: ThreadStack::new(),
            stack_limit: Cell::new(crate::runtime::native_stack_limit()),
            depth: Cell::new(0),
            context: MutCell::new(None),
            found_in_context: MutCell::new(None),
            thread_id: Cell::new(crate::runtime::threads::current_ident()),
            async_gen_hooks: MutCell::new((None, None)),
            coroutine_origin_depth: Cell::new(0),
            running_loop: MutCell::new(None),
            running_task: MutCell::new(None),
            trace: Default::default(),
            async_exception: MutCell::new(None),
            repr_stack: MutCell::new(Vec::new()),
            keyword_names: Default::default(),
            messages: Default::default(),
            interp,
        }
    }

    #[inline(always)]
    pub fn heap(&self) -> &Heap {
        // SAFETY: the interpreter owns the heap and outlives its threads' states.
        unsafe { &*self.heap }
    }

    /// A new object of `T`'s own type. Raises MemoryError.
    #[inline]
    pub fn new_object<T: crate::PyClass>(&self, payload: T) -> PyResult<Ref<T>> {
        let ty = self.class::<T>();
        // SAFETY: nothing is left to be filled.
        unsafe { self.heap().alloc_plain(&ty.layout, 0, payload) }.map_err(|e| self.no_memory(e))
    }

    /// A new object of the class `ty`, whose payload is `T` (a subclass of `T`'s own type, usually). Raises MemoryError.
    #[inline]
    pub fn new_object_of<T: Payload>(&self, ty: &Type, payload: T) -> PyResult<Ref<T>> {
        debug_assert!(
            std::ptr::eq(ty.layout.payload, T::INFO),
            "{} is not {}",
            ty.layout.payload.name,
            T::NAME
        );
        if ty.layout.size.get() as usize == size_of::<naja_heap::Header>() + size_of::<T>() {
            // SAFETY: nothing is left to be filled.
            let object = unsafe { self.heap().alloc_plain(&ty.layout, 0, payload) }
                .map_err(|e| self.no_memory(e))?;
            if ty.layout.pre.get() & TypeLayout::PRE_ATTRS != 0 {
                crate::objects::instance::init_attrs(object.header());
            }
            return Ok(object);
        }
        let object = self
            .heap()
            .alloc_object(&ty.layout, 0, payload)
            .map_err(|e| self.no_memory(e))?;
        crate::objects::instance::init_attrs(object.header());
        Ok(object)
    }

    #[cold]
    #[inline(never)]
    pub fn no_memory(&self, _: AllocError) -> Raised {
        self.raise_value(self.interp.memory_error())
    }

    // ---- raising ----

    /// Makes `exception` the one being raised.
    #[cold]
    pub fn raise_value(&self, exception: Ref<BaseException>) -> Raised {
        drop(self.pending.replace(Some(exception)));
        Raised
    }

    /// Raises `ty(message)`; the handled exception becomes its `__context__` when the evaluation loop sees it.
    #[cold]
    #[inline(never)]
    pub fn raise(&self, ty: &Ref<Type>, message: impl AsRef<str>) -> Raised {
        match self.message(message.as_ref()) {
            Ok(text) => self.raise_with(ty, &[text.into_value()]),
            Err(raised) => raised,
        }
    }

    /// A message as a string: mostly one that was raised before, from the same place.
    fn message(&self, message: &str) -> PyResult<Ref<Str>> {
        if message.len() > LONGEST_MESSAGE {
            return self.new_str(message);
        }
        let place = ((message.as_ptr() as usize / 8) ^ message.len()) % MESSAGES;
        let Some(kept) = self.messages.get(place) else {
            return self.new_str(message);
        };
        let known = kept.with(|known| {
            let text = known.as_ref()?;
            (text.as_bytes() == message.as_bytes()).then(|| text.clone())
        });
        if let Some(text) = known {
            return Ok(text);
        }
        let text = self.new_str(message)?;
        drop(kept.replace(Some(text.clone())));
        Ok(text)
    }

    /// Raises `ty(*args)`.
    #[cold]
    #[inline(never)]
    pub fn raise_with(&self, ty: &Ref<Type>, args: &[Value]) -> Raised {
        match crate::objects::exception::instantiate(self, ty, args) {
            Ok(exception) => self.raise_value(exception),
            Err(raised) => raised,
        }
    }

    /// The exception being raised, which no longer is. Call only after a `Raised`.
    #[cold]
    pub fn take_exception(&self) -> Ref<BaseException> {
        match self.pending.take() {
            Some(exception) => exception,
            None => {
                // A native function returned Raised without raising: say so, as CPython does.
                self.raise(
                    &self.types.system_error,
                    "error return without exception set",
                );
                self.pending
                    .take()
                    .unwrap_or_else(|| self.interp.memory_error())
            }
        }
    }

    pub fn has_exception(&self) -> bool {
        self.pending.with(Option::is_some)
    }

    pub fn clear_exception(&self) {
        drop(self.pending.take())
    }

    /// A reference to the exception being raised.
    pub fn pending_exception(&self) -> Option<Ref<BaseException>> {
        self.pending.get()
    }

    /// Whether the exception being raised is an instance of `ty`.
    pub fn exception_matches(&self, ty: &Type) -> bool {
        self.pending.with(|p| {
            p.as_ref()
                .is_some_and(|e| crate::objects::type_::is_subtype(self.type_of(e.as_value()), ty))
        })
    }

    /// Clears the exception being raised if it is a `ty`, and says whether it did.
    pub fn catch(&self, ty: &Type) -> bool {
        let caught = self.exception_matches(ty);
        if caught {
            self.clear_exception()
        }
        caught
    }

    /// The exception being handled, as `sys.exception()` gives.
    pub fn handled_exception(&self) -> Option<Value> {
        let mut state = self.exc_state();
        loop {
            if let Some(value) = state.value.get()
                && !value.is_none()
            {
                return Some(value);
            }
            if std::ptr::eq(state, &self.exc_base) {
                return None;
            }
            // SAFETY: entries are linked while the generator that owns them runs; null stands for the thread's own.
            state = unsafe { state.previous.get().as_ref() }.unwrap_or(&self.exc_base);
        }
    }

    /// The innermost entry of the stack of handled exceptions.
    #[inline(always)]
    pub(crate) fn exc_state(&self) -> &ExcState {
        // SAFETY: null, or an entry of a running generator.
        unsafe { self.exc_info.get().as_ref() }.unwrap_or(&self.exc_base)
    }

    // ---- limits ----

    /// Raises MemoryError for a size that no machine of this size can give: an allocator that overcommits would let
    /// the process run into its end instead.
    pub fn check_size(&self, bytes: Option<usize>) -> PyResult<usize> {
        static PHYSICAL: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
        let most = *PHYSICAL.get_or_init(|| {
            // SAFETY: plain queries.
            let (pages, size) = unsafe {
                (
                    libc::sysconf(libc::_SC_PHYS_PAGES),
                    libc::sysconf(libc::_SC_PAGESIZE),
                )
            };
            usize::try_from(pages)
                .unwrap_or(1 << 30)
                .saturating_mul(usize::try_from(size).unwrap_or(4096))
        });
        match bytes {
            Some(bytes) if bytes <= most => Ok(bytes),
            _ => Err(self.memory_error("")),
        }
    }

    /// For native code that recurses on user data. Raises RecursionError when the native stack runs low.
    #[inline(always)]
    pub fn check_stack(&self) -> PyResult<()> {
        let here = 0u8;
        if (&raw const here as usize) < self.stack_limit.get() {
            Err(self.stack_exhausted())
        } else {
            Ok(())
        }
    }

    #[cold]
    #[inline(never)]
    fn stack_exhausted(&self) -> Raised {
        // Raising needs some stack itself: allow a little more meanwhile.
        let limit = self.stack_limit.get();
        self.stack_limit.set(limit.saturating_sub(64 << 10));
        let raised = self.raise(
            &self.types.recursion_error,
            "maximum recursion depth exceeded",
        );
        self.stack_limit.set(limit);
        raised
    }

    /// For long native loops: runs signal handlers and other pending work. Raises what they raise (KeyboardInterrupt).
    #[inline(always)]
    pub fn check_signals(&self) -> PyResult<()> {
        if self.breaker.load(Ordering::Relaxed) == 0 {
            Ok(())
        } else {
            self.handle_breaker()
        }
    }

    // ---- types ----

    /// The class of any value.
    #[inline(always)]
    pub fn type_of<'a>(&'a self, value: &'a Value) -> &'a Type {
        match value.header() {
            Some(header) => Type::of_header(header),
            None => self.type_of_word(value),
        }
    }

    #[inline]
    fn type_of_word(&self, value: &Value) -> &Type {
        if value.is_small_int() {
            &self.types.int
        } else if value.is_small_float() {
            &self.types.float
        } else if value.is_none() {
            &self.types.none_type
        } else if value.is_bool() {
            &self.types.bool
        } else if value.is(&Value::ELLIPSIS) {
            &self.types.ellipsis
        } else {
            &self.types.not_implemented_type
        }
    }

    /// The name of the class of `value`, for messages.
    pub fn type_name(&self, value: &Value) -> String {
        self.type_of(value).name()
    }

    /// An interned string.
    pub fn intern(&self, text: &str) -> Ref<Str> {
        self.interp.interner(|i| i.intern(text))
    }
}

macro_rules! raisers {
    ($($(#[$doc:meta])* $method:ident => $field:ident;)*) => {
        impl Vm { $(
            #[doc = concat!("Raises the exception `types.", stringify!($field), "` with a message.")]
            #[cold]
            #[inline(never)]
            pub fn $method(&self, message: impl AsRef<str>) -> Raised {
                self.raise(&self.types.$field, message)
            }
        )* }
    };
}

raisers! {
    type_error => type_error;
    value_error => value_error;
    index_error => index_error;
    overflow_error => overflow_error;
    runtime_error => runtime_error;
    attribute_error => attribute_error;
    zero_division_error => zero_division_error;
    system_error => system_error;
    not_implemented_error => not_implemented_error;
    buffer_error => buffer_error;
    import_error => import_error;
    assertion_error => assertion_error;
    reference_error => reference_error;
    recursion_error => recursion_error;
    memory_error => memory_error;
    unbound_local_error => unbound_local_error;
    name_error => name_error;
    eof_error => eof_error;
    permission_error => permission_error;
}

impl Vm {
    /// Raises `KeyError(key)`.
    #[cold]
    #[inline(never)]
    pub fn key_error(&self, key: &Value) -> Raised {
        self.raise_with(&self.types.key_error, std::slice::from_ref(key))
    }

    /// Raises `StopIteration(value)`, or without arguments for None.
    #[cold]
    #[inline(never)]
    pub fn stop_iteration(&self, value: Value) -> Raised {
        let args = [value];
        self.raise_with(
            &self.types.stop_iteration,
            if args[0].is_none() { &[] } else { &args },
        )
    }

    /// The message for an operation that must not recurse without end: "maximum recursion depth exceeded" + `what`.
    #[cold]
    pub fn recursion_exceeded(&self, what: &str) -> Raised {
        self.raise(
            &self.types.recursion_error,
            format!("maximum recursion depth exceeded{what}"),
        )
    }
}
