//! `Unpickler` and the proxy that stands for its memo.
//!
//! The object holds the settings, the memo and, between two pickles of a file, what was read ahead; what one `load` needs
//! is in [`Load`]. An unpickler that is at work cannot be used again from within.
//!
//! CPython: Unpickler_* and UnpicklerMemoProxy_* in Modules/_pickle.c.

use super::globals::*;
use super::input::{File, Input};
use super::load::{self, Load};
use super::memo::Shelf;
use super::pickler::no_owner;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::protocols::{attributes, iterator, number};
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm, instance, int};
use std::cell::Cell;

/// This takes a binary file for reading a pickle data stream.
///
/// The protocol version of the pickle is detected automatically.  Bytes past the pickled object's representation are
/// ignored.
///
/// The argument *file* must have two methods, a read() method that takes an integer argument, and a readline() method that
/// requires no arguments.  Both should return bytes.
///
/// *fix_imports*, *encoding* and *errors* control how pickles of Python 2 are read.  If *fix_imports* is True, old names are
/// mapped to the new ones.  *encoding* and *errors* tell how 8-bit strings are decoded; these default to 'ASCII' and
/// 'strict'.  The *encoding* can be 'bytes' to read these strings as bytes objects.
#[pyclass(name = "Unpickler", module = "_pickle", gc, flags(BASETYPE))]
#[repr(C)]
#[derive(Default)]
pub struct Unpickler {
    pub proto: Cell<i32>,
    pub fix_imports: Cell<bool>,
    pub memo: MutCell<Shelf>,
    pub buffers: MutCell<Option<Value>>,
    running: Cell<bool>,
    ready: Cell<bool>,
    /// What it reads; it is taken out while a pickle is read.
    input: MutCell<Option<Input>>,
    encoding: MutCell<Option<(Ref<Str>, Ref<Str>)>>,
    /// `persistent_load` as an attribute of the instance.
    persistent_load: MutCell<Option<Value>>,
    /// The class whose instances' attributes were last set, as its version, and whether they are ordinary.
    known_class: Cell<(u32, bool)>,
}

impl Traverse for Unpickler {
    fn traverse(&self, v: &mut Visitor) {
        self.memo
            .with(|memo| memo.entries().iter().for_each(|(_, value)| v.value(value)));
        self.input.with(|input| {
            if let Some(input) = input {
                input.traverse(v)
            }
        });
        self.buffers.with(|value| v.opt(value));
        self.persistent_load.with(|value| v.opt(value));
    }
    fn clear(&self) {
        drop(self.memo.take());
        drop(self.input.take());
        drop(self.buffers.take());
        drop(self.persistent_load.take());
        self.ready.set(false);
    }
}

/// While it lives, the unpickler is at work.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false)
    }
}

impl Unpickler {
    fn run(&self, vm: &Vm) -> PyResult<Running<'_>> {
        if self.running.replace(true) {
            return Err(vm.runtime_error("Unpickler object is already used"));
        }
        Ok(Running(&self.running))
    }

    fn configure(
        &self,
        vm: &Vm,
        fix_imports: bool,
        encoding: Option<&str>,
        errors: Option<&str>,
        buffers: Option<&Value>,
    ) -> PyResult<()> {
        self.fix_imports.set(fix_imports);
        // Only pickles of Python 2 need these: usually nothing is made.
        self.encoding.set(match (encoding, errors) {
            (None, None) => None,
            _ => {
                let encoding = vm.new_str(encoding.unwrap_or("ASCII"))?;
                Some((encoding, vm.new_str(errors.unwrap_or("strict"))?))
            }
        });
        let buffers = match buffers.filter(|b| !b.is_none()) {
            Some(buffers) => Some(iterator::iter(vm, buffers)?),
            None => None,
        };
        self.buffers.set(buffers);
        Ok(())
    }

    /// How strings of Python 2 are decoded: encoding and error handler.
    pub fn encoding(&self, vm: &Vm) -> PyResult<(Ref<Str>, Ref<Str>)> {
        match self.encoding.get() {
            Some(both) => Ok(both),
            None => Ok((vm.intern("ASCII"), vm.intern("strict"))),
        }
    }

    /// Whether instances of the class have their attributes in themselves, with nothing between.
    pub fn plain_dict(&self, vm: &Vm, ty: &Type, names: &Names) -> bool {
        let version = ty.version_tag(vm);
        let (known, plain) = self.known_class.get();
        if version != 0 && version == known {
            return plain;
        }
        let ordinary = ty.slots.getattro.get() == vm.types.object.slots.getattro.get()
            && ty.layout.pre.get() & naja_heap::TypeLayout::PRE_ATTRS != 0
            && ty
                .lookup(vm, &names.__dict__)
                .is_some_and(|d| vm.type_of(&d).is(&vm.types.getset_descriptor));
        self.known_class.set((version, ordinary));
        ordinary
    }

    fn own_persistent_load(
        vm: &Vm,
        zelf: &Ref<Unpickler>,
        globals: &Globals,
    ) -> PyResult<Option<Value>> {
        if let Some(function) = zelf.persistent_load.get() {
            return Ok(Some(function));
        }
        let name = &globals.names.persistent_load;
        let found = vm.type_of(zelf.as_value()).lookup(vm, name);
        let plain = vm.class::<Unpickler>().lookup(vm, name);
        let inherited = match (&found, &plain) {
            (Some(found), Some(plain)) => found.is(plain),
            _ => false,
        };
        if inherited && instance::get(vm, zelf.as_value(), name)?.is_none() {
            return Ok(None);
        }
        attributes::get_optional(vm, zelf.as_value(), name)
    }

    fn start<'a>(&'a self, vm: &'a Vm, globals: &'a Globals, mut input: Input) -> Load<'a> {
        self.proto.set(0);
        input.start();
        Load {
            vm,
            globals,
            unpickler: self,
            owner: None,
            persistent_load: None,
            input,
            stack: Vec::new(),
            marks: Vec::new(),
            fence: 0,
        }
    }
}

fn load_once(vm: &Vm, unpickler: &Unpickler, input: Input) -> PyResult {
    let globals = globals(vm)?;
    let globals = &*globals;
    let mut load = unpickler.start(vm, globals, input);
    let result = load.run();
    drop(unpickler.memo.take());
    result
}

/// `pickle.loads`.
pub fn load_bytes(
    vm: &Vm,
    data: &Value,
    fix_imports: bool,
    encoding: Option<&str>,
    errors: Option<&str>,
    buffers: Option<&Value>,
) -> PyResult {
    let input = Input::of_data(vm, data)?;
    let unpickler = Unpickler::default();
    unpickler.configure(vm, fix_imports, encoding, errors, buffers)?;
    load_once(vm, &unpickler, input)
}

/// `pickle.load`.
pub fn load_file(
    vm: &Vm,
    file: &Value,
    fix_imports: bool,
    encoding: Option<&str>,
    errors: Option<&str>,
    buffers: Option<&Value>,
) -> PyResult {
    let input = Input::of_file(vm, File::new(vm, file)?)?;
    let unpickler = Unpickler::default();
    unpickler.configure(vm, fix_imports, encoding, errors, buffers)?;
    load_once(vm, &unpickler, input)
}

fn is_name(name: &Ref<Str>, wanted: &str) -> bool {
    name.as_bytes() == wanted.as_bytes()
}

#[pymethods]
impl Unpickler {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Unpickler::default())?.into_value())
    }

    #[pyslot(
        sig = "(file, *, fix_imports=True, encoding='ASCII', errors='strict',\n          buffers=())"
    )]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        file: &Value,
        #[default(true)] fix_imports: bool,
        encoding: Option<&str>,
        errors: Option<&str>,
        buffers: Option<&Value>,
    ) -> PyResult<()> {
        let _running = zelf.run(vm)?;
        zelf.ready.set(false);
        let input = Input::of_file(vm, File::new(vm, file)?)?;
        zelf.configure(vm, fix_imports, encoding, errors, buffers)?;
        zelf.input.set(Some(input));
        zelf.memo.set(Shelf::default());
        zelf.proto.set(0);
        zelf.ready.set(true);
        Ok(())
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        if is_name(name, "persistent_load")
            && let Some(unpickler) = zelf.downcast::<Unpickler>()
            && let Some(function) = unpickler.persistent_load.get()
        {
            return Ok(function);
        }
        attributes::generic_get(vm, zelf, name)
    }

    #[pyslot]
    fn setattro(vm: &Vm, zelf: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
        if is_name(name, "persistent_load")
            && let Some(unpickler) = zelf.downcast::<Unpickler>()
        {
            unpickler.persistent_load.set(value.cloned());
            return Ok(());
        }
        attributes::generic_set(vm, zelf, name, value)
    }

    #[pymethod(sig = "($self, pid, /)")]
    fn persistent_load(zelf: &Ref<Self>, vm: &Vm, pid: &Value) -> PyResult {
        let _ = (zelf, pid);
        Err(load::no_persistent_load(vm))
    }

    /// Load a pickle.
    ///
    /// Read a pickled object representation from the open file object given
    /// in the constructor, and return the reconstituted object hierarchy
    /// specified therein.
    #[pymethod(sig = "($self, /)")]
    fn load(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if !zelf.ready.get() {
            let class = vm.type_of(zelf.as_value()).full_name();
            return Err(unpickling_error(
                vm,
                format!("Unpickler.__init__() was not called by {class}.__init__()"),
            ));
        }
        let _running = zelf.run(vm)?;
        let globals = globals(vm)?;
        let globals = &*globals;
        let Some(input) = zelf.input.take() else {
            return Err(vm.runtime_error("Unpickler object is already used"));
        };
        let mut load = zelf.start(vm, globals, input);
        load.owner = Some(zelf.as_value());
        let result = match Unpickler::own_persistent_load(vm, zelf, globals) {
            Ok(function) => {
                load.persistent_load = function;
                load.run()
            }
            Err(raised) => Err(raised),
        };
        zelf.input.set(Some(load.input));
        result
    }

    /// Return an object from a specified module.
    ///
    /// If necessary, the module will be imported. Subclasses may override
    /// this method (e.g. to restrict unpickling of arbitrary classes and
    /// functions).
    ///
    /// This method is called whenever a class or a function object is
    /// needed.  Both arguments passed are str objects.
    #[pymethod(sig = "($self, module_name, global_name, /)")]
    fn find_class(&self, vm: &Vm, module_name: &Value, global_name: &Value) -> PyResult {
        load::find_class(vm, self, module_name, global_name)
    }

    /// Returns size in memory, in bytes.
    #[pymethod(sig = "($self, /)")]
    fn __sizeof__(zelf: &Ref<Self>, vm: &Vm) -> usize {
        let memo = zelf.memo.with(Shelf::capacity) * 8;
        vm.type_of(zelf.as_value()).layout.size.get() as usize + memo
    }

    #[pygetter]
    fn memo(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let unpickler = MutCell::new(Some(zelf.clone()));
        Ok(vm
            .new_object(UnpicklerMemoProxy { unpickler })?
            .into_value())
    }

    #[pysetter(name = "memo")]
    fn set_memo(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("attribute deletion is not supported"));
        };
        if let Some(proxy) = value.downcast::<UnpicklerMemoProxy>() {
            let unpickler = proxy.unpickler(vm)?;
            self.memo.set(unpickler.memo.get());
            return Ok(());
        }
        let Some(dict) = value.downcast::<Dict>() else {
            return Err(vm.type_error(format!(
                "'memo' attribute must be an UnpicklerMemoProxy object or dict, not {}",
                vm.type_of(&value).full_name()
            )));
        };
        let mut memo = Shelf::default();
        for (key, value) in dict.items_vec() {
            if !number::is_int(vm, &key) {
                return Err(vm.type_error("memo key must be integers"));
            }
            let Some(number) = int::as_i64(&key) else {
                return Err(vm.overflow_error("Python int too large to convert to C ssize_t"));
            };
            let Ok(number) = usize::try_from(number) else {
                return Err(vm.value_error("memo key must be positive integers."));
            };
            drop(memo.set(number, value));
        }
        self.memo.set(memo);
        Ok(())
    }
}

#[pyclass(name = "UnpicklerMemoProxy", module = "_pickle", gc, flags(BASETYPE))]
#[repr(C)]
pub struct UnpicklerMemoProxy {
    unpickler: MutCell<Option<Ref<Unpickler>>>,
}

impl Traverse for UnpicklerMemoProxy {
    fn traverse(&self, v: &mut Visitor) {
        self.unpickler.with(|unpickler| {
            if let Some(unpickler) = unpickler {
                v.reference(unpickler)
            }
        })
    }
    fn clear(&self) {
        drop(self.unpickler.take())
    }
}

impl UnpicklerMemoProxy {
    fn unpickler(&self, vm: &Vm) -> PyResult<Ref<Unpickler>> {
        self.unpickler.get().ok_or_else(|| no_owner(vm))
    }

    fn contents(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        let entries = self.unpickler(vm)?.memo.with(Shelf::entries);
        let copy = vm.new_dict()?;
        for (number, value) in entries {
            copy.set(vm, &vm.new_int(number as i64)?, value)?;
        }
        Ok(copy)
    }
}

#[pymethods]
impl UnpicklerMemoProxy {
    #[pyattr(name = "__hash__")]
    fn hash_attr(_vm: &Vm) -> Value {
        Value::NONE
    }

    /// Remove all items from memo.
    #[pymethod(sig = "($self, /)")]
    fn clear(&self, vm: &Vm) -> PyResult<()> {
        self.unpickler(vm)?.memo.set(Shelf::default());
        Ok(())
    }

    /// Copy the memo to a new object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        self.contents(vm)
    }

    /// Implement pickling support.
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let contents = self.contents(vm)?.into_value();
        let args = vm.new_tuple(vec![contents])?.into_value();
        Tuple::pair(vm, vm.types.dict.to_value(), args)
    }
}
