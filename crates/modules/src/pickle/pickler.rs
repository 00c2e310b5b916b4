//! `Pickler` and the proxy that stands for its memo.
//!
//! The object holds the settings and the memo; what one `dump` needs is in [`Save`]. A pickler that is at work cannot be
//! used again from within, but its memo can be looked at and changed. `dumps` works with a `Pickler` that no Python code
//! ever sees.
//!
//! CPython: Pickler_* and PicklerMemoProxy_* in Modules/_pickle.c.

use super::globals::*;
use super::memo::Memo;
use super::opcodes::*;
use super::output::Output;
use super::plain::PlainClasses;
use super::save::Save;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::protocols::{attributes, number};
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm, instance, int};
use std::cell::Cell;

/// This takes a binary file for writing a pickle data stream.
///
/// The optional *protocol* argument is a number from 0 to 5; the default is 5.  A negative number selects the highest
/// protocol.  The higher the protocol, the more recent the Python that can read the pickle.
///
/// The *file* argument must have a write() method that accepts a single bytes argument.
///
/// If *fix_imports* is True and protocol is less than 3, new Python 3 names are mapped to the old module names of Python 2.
///
/// If *buffer_callback* is None (the default), buffer views are serialized into *file*.  Otherwise it is called with each
/// buffer view; if it returns a false value (such as None), the given buffer is out-of-band.  It is an error if it is not
/// None and *protocol* is None or smaller than 5.
#[pyclass(name = "Pickler", module = "_pickle", gc, flags(BASETYPE))]
#[repr(C)]
#[derive(Default)]
pub struct Pickler {
    proto: Cell<i32>,
    pub bin: Cell<i32>,
    pub fast: Cell<i32>,
    pub fix_imports: Cell<bool>,
    pub memo: MutCell<Memo>,
    pub dispatch_table: MutCell<Option<Value>>,
    running: Cell<bool>,
    /// The file's `write`; None before `__init__` has run.
    write: MutCell<Option<Value>>,
    buffer_callback: MutCell<Option<Value>>,
    /// `persistent_id` as an attribute of the instance.
    persistent_id: MutCell<Option<Value>>,
}

impl Traverse for Pickler {
    fn traverse(&self, v: &mut Visitor) {
        self.memo
            .with(|memo| memo.entries().iter().for_each(|(value, _)| v.value(value)));
        for slot in self.references() {
            slot.with(|value| v.opt(value))
        }
    }
    fn clear(&self) {
        drop(self.memo.take());
        for slot in self.references() {
            drop(slot.take())
        }
    }
}

/// While it lives, the pickler is at work.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false)
    }
}

impl Pickler {
    fn references(&self) -> [&MutCell<Option<Value>>; 4] {
        [
            &self.dispatch_table,
            &self.write,
            &self.buffer_callback,
            &self.persistent_id,
        ]
    }

    fn run(&self, vm: &Vm) -> PyResult<Running<'_>> {
        if self.running.replace(true) {
            return Err(vm.runtime_error("Pickler object is already used"));
        }
        Ok(Running(&self.running))
    }

    /// Sets protocol and callback. Raises ValueError, TypeError.
    fn configure(
        &self,
        vm: &Vm,
        protocol: Option<&Value>,
        fix_imports: bool,
        buffer_callback: Option<&Value>,
    ) -> PyResult<()> {
        let proto = match protocol.filter(|p| !p.is_none()) {
            None => DEFAULT_PROTOCOL,
            Some(protocol) => match number::index_i64(vm, protocol)? {
                Some(n) if n < 0 => HIGHEST_PROTOCOL,
                Some(n) if n <= HIGHEST_PROTOCOL.into() => n as i32,
                Some(_) => {
                    return Err(
                        vm.value_error(format!("pickle protocol must be <= {HIGHEST_PROTOCOL}"))
                    );
                }
                None => {
                    return Err(vm.overflow_error("Python int too large to convert to C long"));
                }
            },
        };
        self.proto.set(proto);
        self.bin.set((proto > 0).into());
        self.fix_imports.set(fix_imports && proto < 3);
        let callback = buffer_callback.filter(|c| !c.is_none());
        if callback.is_some() && proto < 5 {
            return Err(vm.value_error("buffer_callback needs protocol >= 5"));
        }
        self.buffer_callback.set(callback.cloned());
        Ok(())
    }

    fn set_file(&self, vm: &Vm, file: &Value) -> PyResult<()> {
        match attributes::get_optional(vm, file, &globals(vm)?.names.write)? {
            Some(write) => {
                self.write.set(Some(write));
                Ok(())
            }
            None => Err(vm.type_error("file must have a 'write' attribute")),
        }
    }

    /// The `persistent_id` of a pickler whose class or instance has one of its own.
    fn own_persistent_id(
        vm: &Vm,
        zelf: &Ref<Pickler>,
        globals: &Globals,
    ) -> PyResult<Option<Value>> {
        if let Some(function) = zelf.persistent_id.get() {
            return Ok(Some(function));
        }
        let name = &globals.names.persistent_id;
        let found = vm.type_of(zelf.as_value()).lookup(vm, name);
        let plain = vm.class::<Pickler>().lookup(vm, name);
        let inherited = match (&found, &plain) {
            (Some(found), Some(plain)) => found.is(plain),
            _ => false,
        };
        if inherited && instance::get(vm, zelf.as_value(), name)?.is_none() {
            return Ok(None);
        }
        attributes::get_optional(vm, zelf.as_value(), name)
    }

    fn save<'a>(&'a self, vm: &'a Vm, globals: &'a Globals, write: Option<Value>) -> Save<'a> {
        Save {
            vm,
            globals,
            pickler: self,
            proto: self.proto.get(),
            out: Output::new(write),
            persistent_id: None,
            reducer_override: None,
            buffer_callback: self.buffer_callback.get(),
            fast_depth: 0,
            fast_seen: Vec::new(),
            plain: None,
        }
    }

    fn replace_memo(&self, memo: Memo) {
        drop(self.memo.replace(memo))
    }
}

/// `pickle.dumps` and, with a file, `pickle.dump`.
pub fn dump_to(
    vm: &Vm,
    object: &Value,
    file: Option<&Value>,
    protocol: Option<&Value>,
    fix_imports: bool,
    buffer_callback: Option<&Value>,
) -> PyResult<Vec<u8>> {
    let globals = globals(vm)?;
    let globals = &*globals;
    let pickler = Pickler::default();
    if let Some(file) = file {
        pickler.configure(vm, protocol, fix_imports, None)?;
        pickler.set_file(vm, file)?;
    }
    pickler.configure(vm, protocol, fix_imports, buffer_callback)?;
    let mut save = pickler.save(vm, globals, pickler.write.get());
    save.plain = Some(PlainClasses::default());
    save.dump(object)?;
    save.out.flush(vm)?;
    let bytes = save.out.into_bytes();
    // The objects are let go of one after the other here, and not inside of a borrow.
    drop(pickler.memo.take());
    Ok(bytes)
}

/// A member that is a C int.
fn int_member(vm: &Vm, value: Option<Value>) -> PyResult<i32> {
    let Some(value) = value else {
        return Err(vm.type_error("can't delete numeric/char attribute"));
    };
    match number::index_i64(vm, &value)? {
        Some(n) => Ok(n as i32),
        None => Err(vm.overflow_error("Python int too large to convert to C long")),
    }
}

fn is_name(name: &Ref<Str>, wanted: &str) -> bool {
    name.as_bytes() == wanted.as_bytes()
}

#[pymethods]
impl Pickler {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Pickler::default())?.into_value())
    }

    #[pyslot(sig = "(file, protocol=None, fix_imports=True, buffer_callback=None)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        file: &Value,
        protocol: Option<&Value>,
        #[default(true)] fix_imports: bool,
        buffer_callback: Option<&Value>,
    ) -> PyResult<()> {
        let _running = zelf.run(vm)?;
        zelf.replace_memo(Memo::default());
        zelf.configure(vm, protocol, fix_imports, None)?;
        zelf.set_file(vm, file)?;
        zelf.configure(vm, protocol, fix_imports, buffer_callback)?;
        zelf.fast.set(0);
        if zelf.dispatch_table.with(Option::is_none) {
            let name = &globals(vm)?.names.dispatch_table;
            let table = attributes::get_optional(vm, zelf.as_value(), name)?;
            zelf.dispatch_table.set(table);
        }
        Ok(())
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        if is_name(name, "persistent_id")
            && let Some(pickler) = zelf.downcast::<Pickler>()
            && let Some(function) = pickler.persistent_id.get()
        {
            return Ok(function);
        }
        attributes::generic_get(vm, zelf, name)
    }

    #[pyslot]
    fn setattro(vm: &Vm, zelf: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
        if is_name(name, "persistent_id")
            && let Some(pickler) = zelf.downcast::<Pickler>()
        {
            pickler.persistent_id.set(value.cloned());
            return Ok(());
        }
        attributes::generic_set(vm, zelf, name, value)
    }

    #[pymethod(sig = "($self, obj, /)")]
    fn persistent_id(zelf: &Ref<Self>, obj: &Value) -> Value {
        let _ = (zelf, obj);
        Value::NONE
    }

    /// Write a pickled representation of the given object to the open file.
    #[pymethod(sig = "($self, obj, /)")]
    fn dump(zelf: &Ref<Self>, vm: &Vm, obj: &Value) -> PyResult<()> {
        let Some(write) = zelf.write.get() else {
            let class = vm.type_of(zelf.as_value()).full_name();
            return Err(pickling_error(
                vm,
                format!("Pickler.__init__() was not called by {class}.__init__()"),
            ));
        };
        let _running = zelf.run(vm)?;
        let globals = globals(vm)?;
        let globals = &*globals;
        let mut save = zelf.save(vm, globals, Some(write));
        save.persistent_id = Pickler::own_persistent_id(vm, zelf, globals)?;
        let name = &globals.names.reducer_override;
        save.reducer_override = attributes::get_optional(vm, zelf.as_value(), name)?;
        save.dump(obj)?;
        save.out.flush(vm)
    }

    /// Clears the pickler's "memo".
    ///
    /// The memo is the data structure that remembers which objects the
    /// pickler has already seen, so that shared or recursive objects are
    /// pickled by reference and not by value.  This method is useful when
    /// re-using picklers.
    #[pymethod(sig = "($self, /)")]
    fn clear_memo(&self) {
        self.replace_memo(Memo::default())
    }

    /// Returns size in memory, in bytes.
    #[pymethod(sig = "($self, /)")]
    fn __sizeof__(zelf: &Ref<Self>, vm: &Vm) -> usize {
        let memo = zelf.memo.with(Memo::len) * 48;
        vm.type_of(zelf.as_value()).layout.size.get() as usize + memo
    }

    #[pymember]
    fn bin(&self) -> i32 {
        self.bin.get()
    }

    #[pysetter(name = "bin")]
    fn set_bin(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.bin.set(int_member(vm, value)?);
        Ok(())
    }

    #[pymember]
    fn fast(&self) -> i32 {
        self.fast.get()
    }

    #[pysetter(name = "fast")]
    fn set_fast(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.fast.set(int_member(vm, value)?);
        Ok(())
    }

    #[pymember]
    fn dispatch_table(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = &globals(vm)?.names.dispatch_table;
        zelf.dispatch_table
            .get()
            .ok_or_else(|| attributes::no_attribute(vm, zelf.as_value(), name))
    }

    #[pysetter(name = "dispatch_table")]
    fn set_dispatch_table(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        if value.is_none() && zelf.dispatch_table.with(Option::is_none) {
            return Err(vm.attribute_error("dispatch_table"));
        }
        zelf.dispatch_table.set(value);
        Ok(())
    }

    #[pygetter]
    fn memo(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let pickler = MutCell::new(Some(zelf.clone()));
        Ok(vm.new_object(PicklerMemoProxy { pickler })?.into_value())
    }

    #[pysetter(name = "memo")]
    fn set_memo(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("attribute deletion is not supported"));
        };
        if let Some(proxy) = value.downcast::<PicklerMemoProxy>() {
            let pickler = proxy.pickler(vm)?;
            self.replace_memo(pickler.memo.get());
            return Ok(());
        }
        let Some(dict) = value.downcast::<Dict>() else {
            return Err(vm.type_error(format!(
                "'memo' attribute must be a PicklerMemoProxy object or dict, not {}",
                vm.type_of(&value).full_name()
            )));
        };
        let mut memo = Memo::default();
        for (_, value) in dict.items_vec() {
            let Some([number, object]) = value.downcast::<Tuple>().map(|t| t.items()) else {
                return Err(vm.type_error("'memo' values must be 2-item tuples"));
            };
            let number = ssize(vm, number)?;
            memo.set(object, number as usize);
        }
        self.replace_memo(memo);
        Ok(())
    }
}

/// An int as CPython's `PyLong_AsSsize_t`.
pub fn ssize(vm: &Vm, value: &Value) -> PyResult<isize> {
    if !number::is_int(vm, value) {
        return Err(vm.type_error("an integer is required"));
    }
    match int::as_i64(value) {
        Some(n) => Ok(n as isize),
        None => Err(vm.overflow_error("Python int too large to convert to C ssize_t")),
    }
}

#[pyclass(name = "PicklerMemoProxy", module = "_pickle", gc, flags(BASETYPE))]
#[repr(C)]
pub struct PicklerMemoProxy {
    pickler: MutCell<Option<Ref<Pickler>>>,
}

impl Traverse for PicklerMemoProxy {
    fn traverse(&self, v: &mut Visitor) {
        self.pickler.with(|pickler| {
            if let Some(pickler) = pickler {
                v.reference(pickler)
            }
        })
    }
    fn clear(&self) {
        drop(self.pickler.take())
    }
}

/// The error for a proxy whose owner the collector has taken away.
pub fn no_owner(vm: &Vm) -> Raised {
    vm.runtime_error("the memo's owner is gone")
}

impl PicklerMemoProxy {
    fn pickler(&self, vm: &Vm) -> PyResult<Ref<Pickler>> {
        self.pickler.get().ok_or_else(|| no_owner(vm))
    }

    fn contents(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        let entries = self.pickler(vm)?.memo.with(|memo| memo.entries().to_vec());
        let copy = vm.new_dict()?;
        for (object, number) in entries {
            let id = match object.header() {
                Some(header) => std::ptr::from_ref(header) as u64,
                None => object.bits(),
            };
            let key = vm.new_int(id as i64)?;
            let number = vm.new_int(number as i64)?;
            copy.set(vm, &key, Tuple::pair(vm, number, object)?)?;
        }
        Ok(copy)
    }
}

#[pymethods]
impl PicklerMemoProxy {
    #[pyattr(name = "__hash__")]
    fn hash_attr(_vm: &Vm) -> Value {
        Value::NONE
    }

    /// Remove all items from memo.
    #[pymethod(sig = "($self, /)")]
    fn clear(&self, vm: &Vm) -> PyResult<()> {
        self.pickler(vm)?.replace_memo(Memo::default());
        Ok(())
    }

    /// Copy the memo to a new object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        self.contents(vm)
    }

    /// Implement pickle support.
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let contents = self.contents(vm)?.into_value();
        let args = vm.new_tuple(vec![contents])?.into_value();
        Tuple::pair(vm, vm.types.dict.to_value(), args)
    }
}
