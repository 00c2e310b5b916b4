//! `_abc`: what `abc.ABCMeta` does natively: registries of abstract classes and the caches of their checks.
//!
//! Each abstract class has a `_abc_data` as `_abc_impl`. Its three sets map the address of a class to a weak reference to
//! it: an entry whose reference is dead, or whose address belongs to another class by now, counts as absent.
//! A negative answer holds as long as no class is registered anywhere (`State::version`).
//!
//! CPython: Modules/_abc.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::{attributes, iterator, object};
use naja_vm::str_::Str;
use naja_vm::type_::{Type, TypeFlags, is_subtype};
use naja_vm::weakref::WeakRef;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use rustc_hash::FxHashMap;
use std::cell::Cell;

/// The number of registrations so far, in one interpreter.
#[derive(Default)]
struct State {
    version: Cell<u64>,
}

fn version(vm: &Vm) -> u64 {
    vm.interp.module_state::<State>().version.get()
}

/// Classes, weakly referenced.
#[derive(Default)]
struct WeakSet {
    entries: MutCell<FxHashMap<u64, Value>>,
    /// How many entries there may be before dead ones are looked for.
    limit: Cell<usize>,
}

impl WeakSet {
    fn contains(&self, class: &Value) -> bool {
        self.entries.with(|entries| {
            entries
                .get(&class.bits())
                .and_then(|r| r.downcast::<WeakRef>()?.get())
                .is_some_and(|found| found.is(class))
        })
    }

    fn add(&self, vm: &Vm, class: &Value) -> PyResult<()> {
        let reference = WeakRef::make(vm, &vm.types.weakref, class, None)?;
        let limit = self.limit.get().max(16);
        self.entries.with_mut(|entries| {
            if entries.len() >= limit {
                entries.retain(|_, r| r.downcast::<WeakRef>().is_some_and(|r| r.get().is_some()));
                self.limit.set(entries.len() * 2);
            }
            entries.insert(class.bits(), reference);
        });
        Ok(())
    }

    fn clear(&self) {
        drop(self.entries.take())
    }

    /// The weak references to classes that are alive.
    fn references(&self) -> Vec<Value> {
        self.entries.with(|entries| {
            let alive = |r: &&Value| r.downcast::<WeakRef>().is_some_and(|r| r.get().is_some());
            entries.values().filter(alive).cloned().collect()
        })
    }

    fn traverse(&self, v: &mut Visitor) {
        self.entries
            .with(|entries| entries.values().for_each(|r| v.value(r)))
    }

    /// A Python set of the weak references.
    fn to_set(&self, vm: &Vm) -> PyResult {
        let list = vm.new_list(self.references())?.into_value();
        vm.call(vm.types.set.as_value(), &[list])
    }
}

/// Internal state held by ABC machinery.
#[pyclass(name = "_abc_data", module = "_abc", gc)]
pub struct AbcData {
    registry: WeakSet,
    cache: WeakSet,
    negative: WeakSet,
    negative_version: Cell<u64>,
}

impl Traverse for AbcData {
    fn traverse(&self, v: &mut Visitor) {
        self.registry.traverse(v);
        self.cache.traverse(v);
        self.negative.traverse(v);
    }
    fn clear(&self) {
        self.registry.clear();
        self.cache.clear();
        self.negative.clear();
    }
}

impl AbcData {
    fn empty(vm: &Vm) -> AbcData {
        AbcData {
            registry: WeakSet::default(),
            cache: WeakSet::default(),
            negative: WeakSet::default(),
            negative_version: Cell::new(version(vm)),
        }
    }
}

#[pymethods]
impl AbcData {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: naja_vm::Args) -> PyResult {
        Ok(vm.new_object_of(cls, AbcData::empty(vm))?.into_value())
    }
}

/// The data of an abstract class.
fn data_of(vm: &Vm, class: &Value) -> PyResult<Ref<AbcData>> {
    let data = attributes::get(vm, class, &vm.intern("_abc_impl"))?;
    match data.downcast_into::<AbcData>() {
        Ok(data) => Ok(data),
        Err(_) => Err(vm.type_error("_abc_impl is set to a wrong type")),
    }
}

fn is_abstract(vm: &Vm, value: &Value) -> PyResult<bool> {
    match attributes::get_optional(vm, value, &vm.names.__isabstractmethod__)? {
        Some(mark) => object::is_true(vm, &mark),
        None => Ok(false),
    }
}

/// Sets `__abstractmethods__`: the abstract ones of the class itself, and inherited ones that still are.
fn compute_abstract_methods(vm: &Vm, class: &Value) -> PyResult<()> {
    let abstracts = vm.call(vm.types.set.as_value(), &[])?;
    let add = |name: &Value| {
        vm.call_method_str(&abstracts, "add", std::slice::from_ref(name))
            .map(|_| ())
    };
    if let Some(class) = class.downcast::<Type>() {
        for (name, value) in class.dict(vm)?.items_vec() {
            if is_abstract(vm, &value)? {
                add(&name)?;
            }
        }
    }
    let bases = attributes::get(vm, class, &vm.names.__bases__)?;
    let Some(bases) = bases.downcast::<naja_vm::tuple::Tuple>() else {
        return Err(vm.type_error("__bases__ is not tuple"));
    };
    for base in bases.items() {
        let names = attributes::get_optional(vm, base, &vm.names.__abstractmethods__)?;
        let Some(names) = names else { continue };
        iterator::for_each(vm, &names, |name| {
            let value = match name.downcast::<Str>() {
                Some(text) => attributes::get_optional(vm, class, text)?,
                None => return Err(vm.type_error("attribute name must be string")),
            };
            match value {
                Some(value) if is_abstract(vm, &value)? => add(&name),
                _ => Ok(()),
            }
        })?;
    }
    let frozen = vm.call(vm.types.frozenset.as_value(), &[abstracts])?;
    attributes::set(vm, class, &vm.names.__abstractmethods__, Some(&frozen))
}

const COLLECTION: u64 = TypeFlags::SEQUENCE | TypeFlags::MAPPING;

/// Marks a class, and those derived from it, as a sequence or mapping for pattern matching.
fn set_collection_flags(vm: &Vm, class: &Type, flags: u64) -> PyResult<()> {
    vm.check_stack()?;
    if class.flag(TypeFlags::IMMUTABLE) || class.flags() & COLLECTION == flags {
        return Ok(());
    }
    class.set_flag(COLLECTION & !flags, false);
    class.set_flag(flags, true);
    for sub in class.subclass_refs() {
        set_collection_flags(vm, &sub, flags)?;
    }
    Ok(())
}

/// `self.__subclasscheck__(class)`.
fn ask(vm: &Vm, zelf: &Value, class: &Value) -> PyResult {
    vm.call_method(
        zelf,
        &vm.names.__subclasscheck__,
        std::slice::from_ref(class),
    )
}

/// Whether `subclass` is one of a class registered with `data`.
fn is_registered(vm: &Vm, data: &Ref<AbcData>, subclass: &Value) -> PyResult<bool> {
    if data.registry.contains(subclass) {
        return Ok(true);
    }
    for reference in data.registry.references() {
        let Some(class) = reference.downcast::<WeakRef>().and_then(|r| r.get()) else {
            continue;
        };
        if object::is_subclass(vm, subclass, &class)? {
            data.cache.add(vm, subclass)?;
            return Ok(true);
        }
    }
    Ok(false)
}

#[pymodule(
    name = "_abc",
    doc = "Module contains faster C implementation of abc.ABCMeta"
)]
pub mod module {
    use super::*;

    /// Internal ABC helper for class set-up. Should be never used outside abc module.
    #[pyfunction(sig = "(self, /)")]
    fn _abc_init(vm: &Vm, zelf: &Value) -> PyResult<()> {
        compute_abstract_methods(vm, zelf)?;
        let data = vm.new_object(AbcData::empty(vm))?.into_value();
        attributes::set(vm, zelf, &vm.intern("_abc_impl"), Some(&data))?;
        if let Some(class) = zelf.downcast::<Type>() {
            let name = vm.intern("__abc_tpflags__");
            let Some(flags) = class.dict(vm)?.get_str(vm, &name)? else {
                return Ok(());
            };
            if let Some(flags) = flags.as_small_int() {
                let flags = flags as u64 & COLLECTION;
                if flags == COLLECTION {
                    return Err(vm.type_error(
                        "__abc_tpflags__ cannot be both Py_TPFLAGS_SEQUENCE and Py_TPFLAGS_MAPPING",
                    ));
                }
                if flags != 0 {
                    class.set_flag(flags, true);
                }
                attributes::set(vm, zelf, &name, None)?;
            }
        }
        Ok(())
    }

    /// Internal ABC helper for subclasss registration. Should be never used outside abc module.
    #[pyfunction(sig = "(self, subclass, /)")]
    fn _abc_register(vm: &Vm, zelf: &Value, subclass: &Value) -> PyResult {
        let Some(class) = subclass.downcast::<Type>() else {
            return Err(vm.type_error("Can only register classes"));
        };
        if object::is_subclass(vm, subclass, zelf)? {
            return Ok(subclass.clone()); // already a subclass
        }
        // This test must come after the one above, lest a class be registered with itself.
        if object::is_subclass(vm, zelf, subclass)? {
            return Err(vm.runtime_error("Refusing to create an inheritance cycle"));
        }
        data_of(vm, zelf)?.registry.add(vm, subclass)?;
        let state = vm.interp.module_state::<State>();
        state.version.set(state.version.get() + 1);
        if let Some(zelf) = zelf.downcast::<Type>() {
            let flags = zelf.flags() & COLLECTION;
            if flags != 0 {
                set_collection_flags(vm, class, flags)?;
            }
        }
        Ok(subclass.clone())
    }

    /// Internal ABC helper for instance checks. Should be never used outside abc module.
    #[pyfunction(sig = "(self, instance, /)")]
    fn _abc_instancecheck(vm: &Vm, zelf: &Value, instance: &Value) -> PyResult {
        let data = data_of(vm, zelf)?;
        let subclass = attributes::get(vm, instance, &vm.names.__class__)?;
        if data.cache.contains(&subclass) {
            return Ok(Value::TRUE);
        }
        let subtype = vm.type_of(instance).to_ref().into_value();
        if subtype.is(&subclass) {
            if data.negative_version.get() == version(vm) && data.negative.contains(&subclass) {
                return Ok(Value::FALSE);
            }
            return ask(vm, zelf, &subclass);
        }
        let result = ask(vm, zelf, &subclass)?;
        if object::is_true(vm, &result)? {
            return Ok(result);
        }
        ask(vm, zelf, &subtype)
    }

    /// Internal ABC helper for subclasss checks. Should be never used outside abc module.
    #[pyfunction(sig = "(self, subclass, /)")]
    fn _abc_subclasscheck(vm: &Vm, zelf: &Value, subclass: &Value) -> PyResult<bool> {
        let Some(class) = subclass.downcast::<Type>() else {
            return Err(vm.type_error("issubclass() arg 1 must be a class"));
        };
        let data = data_of(vm, zelf)?;
        if data.cache.contains(subclass) {
            return Ok(true);
        }
        let version = version(vm);
        if data.negative_version.get() < version {
            data.negative.clear();
            data.negative_version.set(version);
        } else if data.negative.contains(subclass) {
            return Ok(false);
        }
        let hook = &vm.names.__subclasshook__;
        let answer = vm.call_method(zelf, hook, std::slice::from_ref(subclass))?;
        if answer.is_true() {
            data.cache.add(vm, subclass)?;
            return Ok(true);
        }
        if answer.is_false() {
            data.negative.add(vm, subclass)?;
            return Ok(false);
        }
        if !answer.is_not_implemented() {
            return Err(vm.assertion_error(
                "__subclasshook__ must return either False, True, or NotImplemented",
            ));
        }
        if let Some(zelf) = zelf.downcast::<Type>()
            && is_subtype(class, zelf)
        {
            data.cache.add(vm, subclass)?;
            return Ok(true);
        }
        if is_registered(vm, &data, subclass)? {
            return Ok(true);
        }
        let subclasses = vm.call_method_str(zelf, "__subclasses__", &[])?;
        let Some(list) = subclasses.downcast::<naja_vm::list::List>() else {
            return Err(vm.type_error("__subclasses__() must return a list"));
        };
        for sub in list.to_vec() {
            if object::is_subclass(vm, subclass, &sub)? {
                data.cache.add(vm, subclass)?;
                return Ok(true);
            }
        }
        data.negative.add(vm, subclass)?;
        Ok(false)
    }

    /// Internal ABC helper to reset registry of a given class.
    ///
    /// Should be only used by refleak.py
    #[pyfunction(sig = "(self, /)")]
    fn _reset_registry(vm: &Vm, zelf: &Value) -> PyResult<()> {
        data_of(vm, zelf)?.registry.clear();
        Ok(())
    }

    /// Internal ABC helper to reset both caches of a given class.
    ///
    /// Should be only used by refleak.py
    #[pyfunction(sig = "(self, /)")]
    fn _reset_caches(vm: &Vm, zelf: &Value) -> PyResult<()> {
        let data = data_of(vm, zelf)?;
        data.cache.clear();
        data.negative.clear();
        Ok(())
    }

    /// Internal ABC helper for cache and registry debugging.
    ///
    /// Return shallow copies of registry, of both caches, and
    /// negative cache version. Don't call this function directly,
    /// instead use ABC._dump_registry() for a nice repr.
    #[pyfunction(sig = "(self, /)")]
    fn _get_dump(vm: &Vm, zelf: &Value) -> PyResult {
        let data = data_of(vm, zelf)?;
        let parts = vec![
            data.registry.to_set(vm)?,
            data.cache.to_set(vm)?,
            data.negative.to_set(vm)?,
            vm.new_int(data.negative_version.get() as i64)?,
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Returns the current ABC cache token.
    ///
    /// The token is an opaque object (supporting equality testing) identifying
    /// the current version of the ABC cache for virtual subclasses.  The token
    /// changes with every call to register() on any ABC.
    #[pyfunction]
    fn get_cache_token(vm: &Vm) -> u64 {
        version(vm)
    }
}
