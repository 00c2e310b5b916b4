//! Processes, interpreters and threads: what each owns, and who may run.
//!
//! An [`Interpreter`] owns its heap, its types, its modules and one lock (GIL) under which its threads take turns. A
//! thread's state is a [`Vm`]; it is *attached* while it holds the lock, and then the interpreter's heap is the
//! operating-system thread's current one. Interpreters share no object, so they run in parallel.
//!
//! CPython: Python/pystate.c, Python/ceval_gil.c, Python/pylifecycle.c.

use crate::function::DefId;
use crate::names::Names;
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::objects::exception::BaseException;
use crate::objects::instance::Shapes;
use crate::objects::str_::{HashKey, Interner, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::{MethodCache, Type};
use crate::types::Types;
use crate::vm::{PyResult, Vm};
use naja_heap::{Heap, MutCell, Ref, Value};
use rustc_hash::FxHashMap;
use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

mod config;
mod gil;
mod hooks;
pub mod lifecycle;
pub mod lock;
mod policy;
pub mod threads;

pub use config::{Config, Library};
pub use gil::Gil;
pub use hooks::with_current;
pub use policy::{Access, Policy};

/// Native types that an interpreter can have.
const MAX_NATIVE_TYPES: usize = 2048;

/// Values that every interpreter makes once.
pub(crate) struct Common {
    empty_str: Ref<Str>,
    latin1: Box<[Ref<Str>]>,
    empty_tuple: Ref<Tuple>,
    memory_error: MutCell<Option<Ref<BaseException>>>,
    /// `bytes` of one byte, and last the empty one; made when first asked for.
    bytes: Box<[OnceCell<Ref<Bytes>>]>,
}

/// One isolated Python: heap, types, modules, lock.
pub struct Interpreter {
    // Fields are dropped in this order: everything that owns objects before the heap.
    common: OnceCell<Common>,
    native_types: Box<[OnceCell<Ref<Type>>]>,
    names: OnceCell<Box<Names>>,
    types: OnceCell<Box<Types>>,
    interner: MutCell<Option<Interner>>,
    pub shapes: Shapes,
    pub method_cache: MethodCache,
    pub(crate) attr_cache: crate::interpreter::attr_cache::AttrCache,
    pub hash_key: HashKey,
    pub config: Config,
    pub gil: Gil,
    pub breaker: Arc<AtomicU32>,
    pub id: u64,
    /// `sys.modules`, the dictionaries of `sys` and `builtins`, and other objects that belong to the interpreter.
    pub state: State,
    pub policy: Policy,
    next_type_version: Cell<u32>,
    next_dict_version: Cell<u32>,
    heap: Box<Heap>,
}

/// The interpreter's objects that other parts of the machine look after.
#[derive(Default)]
pub struct State {
    pub modules: MutCell<Option<Ref<Dict>>>,
    pub builtins: MutCell<Option<Ref<Dict>>>,
    pub sys_dict: MutCell<Option<Ref<Dict>>>,
    pub importlib: MutCell<Option<Value>>,
    /// How many statements were typed at the plain prompt.
    pub typed_statements: Cell<u32>,
    /// What the program put first in `sys.path`: empty for the current folder.
    pub first_path: MutCell<Option<std::path::PathBuf>>,
    pub import_func: MutCell<Option<Value>>,
    /// Code of `-c` with its source, for `linecache` when a traceback is shown.
    pub command_code: MutCell<Vec<(Value, String, String)>>,
    /// `all` and `any` as they were at the start.
    pub common_functions: MutCell<Vec<Value>>,
    pub audit_hooks: MutCell<Vec<Value>>,
    pub atexit: MutCell<Vec<Value>>,
    /// State of native modules, by its type.
    modules_state: MutCell<FxHashMap<TypeId, Rc<dyn Any>>>,
    /// That of `_asyncio`, which asks for it all the time.
    asyncio_state: OnceCell<Box<dyn Any>>,
    /// The one that was asked for last.
    last_module_state: MutCell<Option<(TypeId, Rc<dyn Any>)>>,
    pub weakrefs: crate::objects::weakref::Table,
    /// Addresses of the definitions of `len`, `isinstance` and `list.append`, once seen.
    pub(crate) special_builtins: [Cell<usize>; 3],
    pub int_max_str_digits: Cell<usize>,
    /// Where formatting writes text before it is a string's.
    pub(crate) text_buffer: Cell<Vec<u8>>,
    /// 0.0 and -0.0, once somebody has wanted them.
    pub float_zeros: [MutCell<Option<Value>>; 2],
    pub recursion_limit: Cell<u32>,
    pub monitoring: crate::interpreter::monitor::Monitoring,
    pub finalizing: Cell<bool>,
    /// The states of the interpreter's threads.
    pub threads: MutCell<Vec<*const Vm>>,
    /// Called in every thread that ends.
    pub thread_end: MutCell<Vec<fn(&Vm)>>,
    pub switch_interval_us: AtomicU64,
}

// SAFETY: everything in it that is not itself thread-safe is only used by the thread that holds `gil`.
unsafe impl Send for Interpreter {}
// SAFETY: as above.
unsafe impl Sync for Interpreter {}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Interpreter {
    /// A new interpreter with its core types, and the state of its first thread, attached to the calling thread.
    ///
    /// No module exists yet: see `builtins::init`.
    pub fn new(config: Config) -> Option<Box<Vm>> {
        let heap = Heap::new(hooks::hooks());
        let _ = heap.enter(); // the first thread stays attached
        let types = Box::new(Types::allocate(&heap)?);
        let mut interner = Interner::new(&heap, &types.str.layout);
        let names = Box::new(Names::new(&mut interner));
        let hash_key = config.hash_key();
        let empty_str = Str::for_interner(&heap, &types.str.layout, b"", 0)?;
        let mut latin1 = Vec::with_capacity(256);
        for c in 0..=255u32 {
            let text: String = char::from_u32(c).into_iter().collect();
            latin1.push(interner.intern(&text));
        }
        let empty_tuple = heap
            .alloc_object(&types.tuple.layout, 0, Tuple::empty())
            .ok()?;
        heap.untrack(empty_tuple.header());
        let breaker = Arc::new(AtomicU32::new(0));
        let interp = Arc::new(Interpreter {
            common: OnceCell::from(Common {
                empty_str,
                latin1: latin1.into_boxed_slice(),
                empty_tuple,
                memory_error: MutCell::new(None),
                bytes: (0..=256).map(|_| OnceCell::new()).collect(),
            }),
            native_types: (0..MAX_NATIVE_TYPES).map(|_| OnceCell::new()).collect(),
            names: OnceCell::from(names),
            types: OnceCell::from(types),
            interner: MutCell::new(Some(interner)),
            shapes: Shapes::default(),
            method_cache: MethodCache::default(),
            attr_cache: Default::default(),
            hash_key,
            config,
            gil: Gil::default(),
            breaker: breaker.clone(),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            state: State::default(),
            policy: Policy::default(),
            next_type_version: Cell::new(1),
            next_dict_version: Cell::new(1),
            heap,
        });
        // SAFETY: the interpreter owns the word and drops it after the heap's last use.
        unsafe {
            interp.heap.set_breaker(
                std::sync::Arc::as_ptr(&breaker),
                crate::vm::Breaker::COLLECT,
            )
        };
        interp.state.recursion_limit.set(1000);
        let digits = interp.config.int_max_str_digits.unwrap_or(4300);
        interp.state.int_max_str_digits.set(digits);
        interp
            .state
            .switch_interval_us
            .store(5000, Ordering::Relaxed);
        let vm = Box::new(Vm::new(interp));
        hooks::set_current(&vm);
        vm.interp.gil.take();
        vm.interp.state.threads.with_mut(|t| t.push(&raw const *vm));
        crate::objects::type_::class_new::link_core_types(&vm);
        let memory_error =
            crate::objects::exception::instantiate(&vm, &vm.types.memory_error, &[]).ok()?;
        vm.interp.common()?.memory_error.set(Some(memory_error));
        Some(vm)
    }

    fn common(&self) -> Option<&Common> {
        self.common.get()
    }

    #[inline(always)]
    pub(crate) fn shared(&self) -> &Common {
        match self.common.get() {
            Some(common) => common,
            None => unreachable!("an interpreter has its common values from the start"),
        }
    }

    pub fn heap(&self) -> &Heap {
        &self.heap
    }

    /// What threads point at directly. The interpreter outlives its threads (each holds an `Arc` of it).
    pub(crate) fn core(&self) -> (&'static Types, &'static Names, *const Heap) {
        match (self.types.get(), self.names.get()) {
            (Some(types), Some(names)) => {
                let (types, names): (*const Types, *const Names) = (&**types, &**names);
                // SAFETY: the boxes live as long as the interpreter, which outlives every `Vm` that uses them.
                unsafe { (&*types, &*names, &*self.heap) }
            }
            _ => unreachable!("an interpreter has its types from the start"),
        }
    }

    pub fn empty_str(&self) -> Ref<Str> {
        self.shared().empty_str.clone()
    }

    /// The string of one code point below 256.
    pub fn latin1_char(&self, c: u8) -> Ref<Str> {
        self.shared().latin1[c as usize].clone()
    }

    pub fn empty_tuple(&self) -> Ref<Tuple> {
        self.shared().empty_tuple.clone()
    }

    /// The empty `bytes`. Raises MemoryError.
    #[inline]
    pub(crate) fn empty_bytes(&self, vm: &Vm) -> PyResult<Ref<Bytes>> {
        self.shared_bytes(vm, 256, &[])
    }

    /// The `bytes` of one byte. Raises MemoryError.
    #[inline]
    pub(crate) fn one_byte(&self, vm: &Vm, byte: u8) -> PyResult<Ref<Bytes>> {
        self.shared_bytes(vm, byte.into(), &[byte])
    }

    #[inline]
    fn shared_bytes(&self, vm: &Vm, index: usize, data: &[u8]) -> PyResult<Ref<Bytes>> {
        let shared = &self.shared().bytes[index];
        if let Some(bytes) = shared.get() {
            return Ok(bytes.clone());
        }
        let bytes = vm.new_bytes_unshared(data)?;
        Ok(shared.get_or_init(|| bytes).clone())
    }

    /// The MemoryError made in advance (the type itself must exist for this to be called).
    pub(crate) fn memory_error(&self) -> Ref<BaseException> {
        match self.shared().memory_error.get() {
            Some(error) => error,
            None => {
                eprintln!("naja: out of memory while starting");
                std::process::exit(1)
            }
        }
    }

    /// Runs `f` on the table of interned strings.
    pub fn interner<R>(&self, f: impl FnOnce(&mut Interner) -> R) -> R {
        self.interner.with_mut(|i| match i {
            Some(interner) => f(interner),
            None => unreachable!("strings are interned only while the interpreter lives"),
        })
    }

    /// The interned string equal to `name`.
    #[inline(always)]
    pub fn interned_name(&self, name: &Ref<Str>) -> Ref<Str> {
        if name.header().has_flag(crate::objects::str_::INTERNED) {
            name.clone()
        } else {
            self.interner(|i| i.intern_ref(name))
        }
    }

    #[inline(always)]
    pub(crate) fn native_type(&self, id: &'static DefId) -> Option<&Ref<Type>> {
        self.native_types.get(id.get()).and_then(OnceCell::get)
    }

    pub(crate) fn set_native_type(&self, id: &'static DefId, ty: Ref<Type>) -> Option<&Ref<Type>> {
        self.native_types
            .get(id.get())
            .map(|cell| cell.get_or_init(|| ty))
    }

    /// The state of a native module in this interpreter: one `T`, made on first use.
    pub fn module_state<T: Default + 'static>(&self) -> Rc<T> {
        let last = self.state.last_module_state.with(|last| match last {
            Some((id, state)) if *id == TypeId::of::<T>() => Some(state.clone()),
            _ => None,
        });
        if let Some(Ok(state)) = last.map(Rc::downcast::<T>) {
            return state;
        }
        let states = &self.state.modules_state;
        let found = states.with(|s| s.get(&TypeId::of::<T>()).cloned());
        if let Some(found) = found {
            let last = Some((TypeId::of::<T>(), found.clone()));
            self.state.last_module_state.set(last);
            if let Ok(state) = found.downcast::<T>() {
                return state;
            }
        }
        let state = Rc::new(T::default());
        states.with_mut(|s| s.insert(TypeId::of::<T>(), state.clone()));
        state
    }

    /// As [`Interpreter::module_state`] for the one type that `_asyncio` keeps its state in: one load.
    #[inline]
    pub fn asyncio_state<T: Default + 'static>(&self) -> &T {
        let made = || -> Box<dyn Any> { Box::new(T::default()) };
        match self.state.asyncio_state.get_or_init(made).downcast_ref() {
            Some(state) => state,
            None => unreachable!("one type only"),
        }
    }

    /// The greatest depth of Python calls (`sys.setrecursionlimit`).
    #[inline(always)]
    pub fn recursion_limit(&self) -> u32 {
        self.state.recursion_limit.get()
    }

    pub(crate) fn next_type_version(&self) -> u32 {
        count_up(&self.next_type_version)
    }

    pub(crate) fn next_dict_version(&self) -> u32 {
        count_up(&self.next_dict_version)
    }
}

/// The next number, or 0 ("none") once they have run out.
fn count_up(next: &Cell<u32>) -> u32 {
    let n = next.get();
    if n != 0 {
        next.set(n.wrapping_add(1))
    }
    n
}

/// The lowest address that native recursion on the calling thread may reach: its stack's end plus a reserve.
pub fn native_stack_limit() -> usize {
    hooks::stack_limit()
}

impl Vm {
    /// The gate: asks the interpreter's policy whether the access is allowed, and raises its audit event.
    ///
    /// Raises PermissionError where the policy refuses, and whatever an audit hook raises.
    pub fn permit(&self, access: Access<'_>) -> PyResult<()> {
        policy::permit(self, access)
    }
}
