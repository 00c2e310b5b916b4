//! `_local`: an object with a dictionary for each thread.
//!
//! Invariant: an ending thread's dictionaries go away with it, whoever still holds the object; the interpreter's state
//! knows all of them for that, weakly. CPython: local_* in Modules/_threadmodule.c.

use super::state;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::protocols::attributes;
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use rustc_hash::FxHashMap;
use std::rc::{Rc, Weak};

/// The dictionaries of a `_local`, by thread.
#[derive(Default)]
pub(super) struct LocalDicts(MutCell<FxHashMap<u64, Ref<Dict>>>);

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
