//! Weak references: the interpreter's table of them, and `weakref.ref`.
//!
//! A dying object with the flag HAS_WEAKREFS is looked up in the table by address; its references are cleared, then
//! their callbacks called, newest first. A reference without callback to the same object is shared.
//! CPython: Objects/weakrefobject.c.

use crate::function::Args;
use crate::objects::str_::Str;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::compare::CompareOp;
use crate::protocols::{attributes, compare, hash};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Flags, Header, MutCell, Ref, TypeLayout, Value};
use naja_macros::{pyclass, pymethods};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::Cell;

/// Weak references by the address of the object they refer to, oldest first; entries are addresses themselves: a dying
/// reference takes itself out.
#[derive(Default)]
pub struct Table(MutCell<FxHashMap<usize, SmallVec<[usize; 2]>>>);

#[pyclass(
    name = "ReferenceType",
    module = "weakref",
    gc,
    doc = "",
    flags(BASETYPE)
)]
#[repr(C)]
pub struct WeakRef {
    /// The object's address, 0 once it is dead.
    target: Cell<usize>,
    pub(super) callback: MutCell<Option<Value>>,
    hash: Cell<i64>,
}

impl Traverse for WeakRef {
    fn traverse(&self, v: &mut Visitor) {
        self.callback.with(|c| v.opt(c))
    }
    fn clear(&self) {
        drop(self.callback.take())
    }
}

impl Drop for WeakRef {
    fn drop(&mut self) {
        self.detach_self()
    }
}

impl WeakRef {
    /// Takes itself out of the table of its object.
    fn detach_self(&self) {
        let target = self.target.get();
        if target == 0 {
            return;
        }
        self.target.set(0);
        let this = self as *const WeakRef as usize;
        crate::runtime::with_current(|vm| {
            vm.interp.state.weakrefs.0.with_mut(|t| {
                if let Some(list) = t.get_mut(&target) {
                    list.retain(|r| *r != this);
                    if list.is_empty() {
                        t.remove(&target);
                        // SAFETY: the object is alive: it would have cleared this reference when it died.
                        unsafe { (*(target as *const Header)).set_flag(Flags::HAS_WEAKREFS, false) }
                    }
                }
            })
        })
    }
}

/// References to the weak references of an object as CPython lists them: the plain one that is shared, then the newest
/// first.
pub(super) fn references(vm: &Vm, header: &Header) -> Vec<Ref<WeakRef>> {
    let address = header as *const Header as usize;
    vm.interp.state.weakrefs.0.with(|t| {
        // A reference whose attributes are being released stands here until its payload is dropped.
        // SAFETY: addresses in the table are payloads whose drop has not run.
        t.get(&address)
            .map(|l| {
                l.iter()
                    .rev()
                    .filter_map(|&r| unsafe { Ref::of_living_payload(&*(r as *const WeakRef)) })
                    .collect::<Vec<_>>()
            })
            .map(|mut list| {
                if let Some(shared) = list.iter().position(|r| is_shared(vm, r)) {
                    list[..=shared].rotate_right(1);
                }
                list
            })
            .unwrap_or_default()
    })
}

/// The reference that `weakref.ref(object)` gives again.
fn shared(vm: &Vm, header: &Header) -> Option<Ref<WeakRef>> {
    if !header.has_flag(Flags::HAS_WEAKREFS) {
        return None;
    }
    let address = header as *const Header as usize;
    vm.interp.state.weakrefs.0.with(|t| {
        t.get(&address)?.iter().rev().find_map(|&r| {
            // SAFETY: as in `references`.
            let found = unsafe { Ref::of_living_payload(&*(r as *const WeakRef)) }?;
            is_shared(vm, &found).then_some(found)
        })
    })
}

/// Whether any living weak reference has a callback.
pub(crate) fn any_callbacks(vm: &Vm) -> bool {
    vm.interp.state.weakrefs.0.with(|t| {
        t.values().flatten().any(|&r| {
            // SAFETY: as in `references`; payloads in the table are whole.
            unsafe { &*(r as *const WeakRef) }
                .callback
                .with(Option::is_some)
        })
    })
}

/// Whether a reference is one that `weakref.ref(object)` gives again.
fn is_shared(vm: &Vm, reference: &Ref<WeakRef>) -> bool {
    reference.callback.with(Option::is_none)
        && vm.type_of(reference.as_value()).is(&vm.types.weakref)
}

/// Detaches all weak references from an object; those with callbacks are given back, newest first.
fn take(vm: &Vm, header: &Header) -> SmallVec<[Ref<WeakRef>; 1]> {
    let address = header as *const Header as usize;
    let places = vm
        .interp
        .state
        .weakrefs
        .0
        .with_mut(|t| t.remove(&address).unwrap_or_default());
    header.set_flag(Flags::HAS_WEAKREFS, false);
    let mut found = SmallVec::new();
    for &place in places.iter().rev() {
        // SAFETY: addresses in the table are payloads whose drop has not run.
        let reference = unsafe { &*(place as *const WeakRef) };
        reference.target.set(0);
        if reference.callback.with(Option::is_some) {
            // SAFETY: as above.
            found.extend(unsafe { Ref::of_living_payload(reference) })
        }
    }
    found
}

/// For the heap: a dying object's references are cleared and their callbacks called.
pub(crate) fn clear(vm: &Vm, header: &Header) {
    for reference in take(vm, header) {
        call_callback(vm, reference.into_value());
    }
}

/// For the collector: clears without calling; hands over the references to call later. An unreachable weak reference
/// is cleared itself: its callback must not run when its object dies among the garbage, or later.
pub(crate) fn detach(vm: &Vm, header: &Header, _all: bool, out: &mut Vec<Value>) {
    if header.layout().flags.get() & TypeLayout::WEAK != 0
        && let Some(reference) = Value::of_header(header).downcast::<WeakRef>()
    {
        reference.detach_self();
    }
    if header.has_flag(Flags::HAS_WEAKREFS) {
        out.extend(take(vm, header).into_iter().map(Ref::into_value));
    }
}

/// Calls the callback of a reference whose object is dead.
pub(crate) fn call_callback(vm: &Vm, reference: Value) {
    let Some(callback) = reference
        .downcast::<WeakRef>()
        .and_then(|r| r.callback.take())
    else {
        return;
    };
    let pending = vm.has_exception().then(|| vm.take_exception());
    if vm
        .call(&callback, std::slice::from_ref(&reference))
        .is_err()
    {
        crate::objects::exception::write_unraisable_while(
            vm,
            "calling weakref callback",
            &callback,
        );
    }
    if let Some(pending) = pending {
        vm.raise_value(pending);
    }
}

/// The first weak reference to an object: its `__weakref__`.
pub fn first(vm: &Vm, object: &Value) -> Option<Value> {
    references(vm, object.header()?)
        .into_iter()
        .next()
        .map(Ref::into_value)
}

/// All weak references to an object.
pub fn all(vm: &Vm, object: &Value) -> Vec<Value> {
    object
        .header()
        .map(|h| references(vm, h))
        .unwrap_or_default()
        .into_iter()
        .map(Ref::into_value)
        .collect()
}

impl WeakRef {
    /// A weak reference of class `cls`. Raises TypeError where the object's class does not allow it.
    pub fn make(vm: &Vm, cls: &Ref<Type>, target: &Value, callback: Option<Value>) -> PyResult {
        let header = WeakRef::check_target(vm, target)?;
        if callback.is_none()
            && cls.is(&vm.types.weakref)
            && let Some(shared) = shared(vm, header)
        {
            return Ok(shared.into_value());
        }
        let new = vm.new_object_of(cls, WeakRef::detached(callback))?;
        new.attach(vm, header);
        Ok(new.into_value())
    }

    /// The object behind `target`, if its class allows weak references. Raises TypeError.
    pub(super) fn check_target<'a>(vm: &Vm, target: &'a Value) -> PyResult<&'a Header> {
        let ty = vm.type_of(target);
        match target.header() {
            Some(header) if ty.flag(TypeFlags::HAS_WEAKREF) => Ok(header),
            _ => Err(vm.type_error(format!(
                "cannot create weak reference to '{}' object",
                ty.full_name()
            ))),
        }
    }

    /// A reference to nothing yet.
    pub(super) fn detached(callback: Option<Value>) -> WeakRef {
        WeakRef {
            target: Cell::new(0),
            callback: MutCell::new(callback),
            hash: Cell::new(-1),
        }
    }

    /// Makes this, the payload of a new object, refer to `header`.
    pub(super) fn attach(&self, vm: &Vm, header: &Header) {
        let address = header as *const Header as usize;
        self.target.set(address);
        let place = self as *const WeakRef as usize;
        let references = &vm.interp.state.weakrefs.0;
        references.with_mut(|t| t.entry(address).or_default().push(place));
        header.set_flag(Flags::HAS_WEAKREFS, true);
    }

    /// The object, if it is alive.
    pub fn get(&self) -> Option<Value> {
        match self.target.get() {
            0 => None,
            address => {
                // SAFETY: the object is alive: it would have cleared this reference when it died.
                let header = unsafe { &*(address as *const Header) };
                (header.refcount() > 0).then(|| Value::of_header(header))
            }
        }
    }
}

#[pymethods]
impl WeakRef {
    #[pyslot(sig = "(ob, callback=None, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        let (target, callback) = match positional {
            [target] => (target, None),
            [target, callback] => (target, Some(callback.clone()).filter(|c| !c.is_none())),
            [] => return Err(vm.type_error("__new__ expected at least 1 argument, got 0")),
            _ => {
                return Err(vm.type_error(format!(
                    "__new__ expected at most 2 arguments, got {}",
                    positional.len()
                )));
            }
        };
        WeakRef::make(vm, cls, target, callback)
    }

    #[pyslot]
    fn init(_zelf: &Value, vm: &Vm, args: Args) -> PyResult<()> {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("ref() takes no keyword arguments"));
        }
        match args.positional().len() {
            0 => Err(vm.type_error("__init__ expected at least 1 argument, got 0")),
            1 | 2 => Ok(()),
            n => Err(vm.type_error(format!("__init__ expected at most 2 arguments, got {n}"))),
        }
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        if !args.is_empty() {
            return Err(if args.keyword_count() > 0 {
                vm.type_error("weakref() takes no keyword arguments")
            } else {
                vm.type_error(format!(
                    "weakref expected 0 arguments, got {}",
                    args.args.len()
                ))
            });
        }
        Ok(zelf
            .downcast::<WeakRef>()
            .and_then(|r| r.get())
            .unwrap_or(Value::NONE))
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() != -1 {
            return Ok(zelf.hash.get());
        }
        match zelf.get() {
            Some(target) => {
                let h = hash::hash(vm, &target)?;
                zelf.hash.set(h);
                Ok(h)
            }
            None => Err(vm.type_error("weak object has gone away")),
        }
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<WeakRef>(), b.downcast::<WeakRef>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        match (x.get(), y.get()) {
            (Some(x), Some(y)) => compare::rich_compare(vm, &x, &y, op),
            _ => Ok(Value::from_bool(a.is(b) == (op == CompareOp::Eq))),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let address = zelf.as_ptr() as usize;
        let text = match zelf.get() {
            None => format!("<weakref at {address:#x}; dead>"),
            Some(target) => {
                let ty = vm.type_of(&target).full_name();
                // On the class alone: an object's own `__getattr__` has no say.
                let name = match attributes::lookup_special(vm, &target, &vm.names.__name__)? {
                    Some(attributes::Method::Bound(name)) => name.downcast_into::<Str>().ok(),
                    _ => None,
                };
                match name {
                    Some(name) => format!(
                        "<weakref at {address:#x}; to '{ty}' at {:#x} ({})>",
                        target.bits(),
                        name.to_string_lossy()
                    ),
                    None => format!(
                        "<weakref at {address:#x}; to '{ty}' at {:#x}>",
                        target.bits()
                    ),
                }
            }
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pymember]
    fn __callback__(&self) -> Option<Value> {
        self.callback.get()
    }

    /// Weakrefs are generic over the type of the referenced object.
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}
