//! The module `_imp`: what importlib needs of the machine. CPython: Python/import.c.

use super::frozen::{self, Override};
use crate::buffer::Buffer;
use crate::function::ModuleDef;
use crate::objects::code::CodeObject;
use crate::objects::module::Module;
use crate::objects::str_::{self, Str};
use crate::protocols::attributes;
use crate::vm::{PyResult, Vm};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use siphasher::sip::SipHasher13;
use std::cell::Cell;
use std::hash::Hasher;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The number that `.pyc` files start with: Naja's own, since its code is not exchanged with other implementations.
pub const PYC_MAGIC: u16 = 31401;

/// The import lock: the thread that holds it, and how many times.
#[derive(Default)]
struct ImportLock {
    /// The address of the holder's state; 0: free. Read and written under the interpreter lock.
    owner: Cell<usize>,
    depth: Cell<usize>,
    /// How many threads wait. Changed under the interpreter lock.
    waiting: Cell<usize>,
    gate: Mutex<()>,
    freed: Condvar,
}

/// `sys` and `builtins`, which exist once per interpreter.
#[derive(Default)]
pub(crate) struct CoreModules(pub MutCell<Vec<Ref<Module>>>);

fn core_module(vm: &Vm, name: &str) -> PyResult<Option<Ref<Module>>> {
    let modules = vm.interp.module_state::<CoreModules>().0.get();
    for module in modules {
        if module.name(vm)?.as_deref() == Some(name) {
            return Ok(Some(module));
        }
    }
    Ok(None)
}

fn is_core(name: &str) -> bool {
    matches!(name, "sys" | "builtins")
}

/// The definition of a native module: those of the machine itself, then those of the configuration.
pub fn find_native(vm: &Vm, name: &str) -> Option<&'static ModuleDef> {
    match name {
        "_imp" => Some(&module::MODULE),
        "_naja" => Some(&super::library::module::MODULE),
        _ => super::find_builtin(vm, name),
    }
}

/// (Extremely) low-level import machinery bits as used by importlib.
#[pymodule(name = "_imp")]
pub mod module {
    use super::*;

    #[pyattr]
    fn check_hash_based_pycs(vm: &Vm) -> PyResult {
        let mode = &vm.interp.config.check_hash_based_pycs;
        Ok(vm
            .new_str(mode.as_deref().unwrap_or("default"))?
            .into_value())
    }

    #[pyattr]
    fn pyc_magic_number_token(vm: &Vm) -> PyResult {
        vm.new_int(0x0a0d << 16 | i64::from(PYC_MAGIC))
    }

    /// Return True if the import lock is currently held, else False.
    ///
    /// On platforms without threads, return False.
    #[pyfunction(sig = "($module, /)")]
    fn lock_held(vm: &Vm) -> bool {
        vm.interp.module_state::<ImportLock>().owner.get() != 0
    }

    /// Acquires the interpreter's import lock for the current thread.
    ///
    /// This lock should be used by import hooks to ensure thread-safety when
    /// importing modules.  On platforms without threads, this function does
    /// nothing.
    #[pyfunction(sig = "($module, /)")]
    fn acquire_lock(vm: &Vm) {
        let lock = vm.interp.module_state::<ImportLock>();
        let me = std::ptr::from_ref(vm) as usize;
        while lock.owner.get() != 0 && lock.owner.get() != me {
            let (gate, freed) = (&lock.gate, &lock.freed);
            lock.waiting.set(lock.waiting.get() + 1);
            vm.without_gil(|| {
                let guard = gate.lock().unwrap_or_else(PoisonError::into_inner);
                // A release between the look and the wait is noticed after the time-out.
                drop(freed.wait_timeout(guard, Duration::from_millis(5)));
            });
            lock.waiting.set(lock.waiting.get() - 1);
        }
        lock.owner.set(me);
        lock.depth.set(lock.depth.get() + 1);
    }

    /// Release the interpreter's import lock.
    ///
    /// On platforms without threads, this function does nothing.
    #[pyfunction(sig = "($module, /)")]
    fn release_lock(vm: &Vm) -> PyResult<()> {
        let lock = vm.interp.module_state::<ImportLock>();
        if lock.owner.get() != std::ptr::from_ref(vm) as usize {
            return Err(vm.runtime_error("not holding the import lock"));
        }
        lock.depth.set(lock.depth.get() - 1);
        if lock.depth.get() == 0 {
            lock.owner.set(0);
            if lock.waiting.get() > 0 {
                lock.freed.notify_one();
            }
        }
        Ok(())
    }

    /// Changes code.co_filename to specify the passed-in file path.
    ///
    ///   code
    ///     Code object to change.
    ///   path
    ///     File path to use.
    #[pyfunction(sig = "($module, code, path, /)")]
    fn _fix_co_filename(vm: &Vm, code: &Ref<CodeObject>, path: &Ref<Str>) -> PyResult<()> {
        code.replace_filename(vm, &code.filename(), path)
    }

    /// Create an extension module.
    #[pyfunction(sig = "($module, spec, /)")]
    fn create_builtin(vm: &Vm, spec: &Value) -> PyResult {
        let name = attributes::get_by(vm, spec, "name")?;
        let Some(name) = str_::of(&name) else {
            let kind = vm.type_of(&name).full_name();
            return Err(vm.type_error(format!("name must be string, not {kind}")));
        };
        let name = name.to_string_lossy();
        if let Some(module) = core_module(vm, &name)? {
            return Ok(module.into_value());
        }
        match find_native(vm, &name) {
            Some(def) => Ok(crate::builtins::build_module(vm, def)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    /// Initialize a built-in module.
    #[pyfunction(sig = "($module, mod, /)")]
    fn exec_builtin(mod_: &Value) -> i64 {
        // Native modules are complete when they are made.
        let _ = mod_;
        0
    }

    /// Create an extension module.
    #[pyfunction(sig = "($module, spec, file=<unrepresentable>, /)")]
    fn create_dynamic(vm: &Vm, spec: &Value, file: Option<&Value>) -> PyResult {
        let _ = file;
        let name = attributes::get_by(vm, spec, "name")?;
        let origin = attributes::get_by(vm, spec, "origin")?;
        let path = crate::protocols::object::str(vm, &origin)?;
        for text in [str_::of(&name), Some(&path)].into_iter().flatten() {
            if text.as_bytes().contains(&0) {
                return Err(vm.value_error("embedded null character"));
            }
        }
        let message = format!(
            "{}: Naja does not load extension modules in machine code",
            path.to_string_lossy()
        );
        let class = &vm.types.import_error;
        Err(super::super::import_error(
            vm,
            class,
            message,
            Some(name),
            Some(origin),
        ))
    }

    /// Initialize an extension module.
    #[pyfunction(sig = "($module, mod, /)")]
    fn exec_dynamic(mod_: &Value) -> i64 {
        let _ = mod_;
        0
    }

    /// Returns the list of file suffixes used to identify extension modules.
    #[pyfunction(sig = "($module, /)")]
    fn extension_suffixes(vm: &Vm) -> PyResult {
        Ok(vm.new_list(Vec::new())?.into_value())
    }

    /// Returns True if the module name corresponds to a built-in module.
    #[pyfunction(sig = "($module, name, /)")]
    fn is_builtin(vm: &Vm, name: &Ref<Str>) -> i64 {
        let name = name.to_string_lossy();
        if is_core(&name) {
            -1
        } else if find_native(vm, &name).is_some() {
            1
        } else {
            0
        }
    }

    /// Returns True if the module name corresponds to a frozen module.
    #[pyfunction(sig = "($module, name, /)")]
    fn is_frozen(vm: &Vm, name: &Ref<Str>) -> bool {
        frozen::find(vm, &name.to_string_lossy()).is_some()
    }

    /// Returns True if the module name is of a frozen package.
    #[pyfunction(sig = "($module, name, /)")]
    fn is_frozen_package(vm: &Vm, name: &Ref<Str>) -> PyResult<bool> {
        match frozen::find(vm, &name.to_string_lossy()) {
            Some(found) => Ok(found.package),
            None => Err(frozen::no_such(vm, name)),
        }
    }

    /// Return info about the corresponding frozen module (if there is one) or None.
    ///
    /// The returned info (a 2-tuple):
    ///
    ///  * data         the raw marshalled bytes
    ///  * is_package   whether or not it is a package
    ///  * origname     the originally frozen module's name, or None if not
    ///                 a stdlib module (this will usually be the same as
    ///                 the module's current name)
    #[pyfunction(sig = "($module, name, /, *, withdata=False)")]
    fn find_frozen(vm: &Vm, name: &Ref<Str>, withdata: Option<bool>) -> PyResult {
        let Some(found) = frozen::find(vm, &name.to_string_lossy()) else {
            return Ok(Value::NONE);
        };
        let data = if withdata == Some(true) {
            let bytes = vm.new_bytes_of(frozen::data(vm, found)?)?.into_value();
            vm.call(vm.types.memoryview.as_value(), &[bytes])?
        } else {
            Value::NONE
        };
        let original = frozen::none_or_str(vm, found.original)?;
        let items = vec![data, Value::from_bool(found.package), original];
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// Create a code object for a frozen module.
    #[pyfunction(sig = "($module, name, data=None, /)")]
    fn get_frozen_object(vm: &Vm, name: &Ref<Str>, data: Option<&Value>) -> PyResult {
        let text = name.to_string_lossy();
        if let Some(data) = data.filter(|d| !d.is_none()) {
            let data = Buffer::of(vm, data)?.to_vec();
            let filename = vm.intern(&format!("<frozen {text}>"));
            if let Ok(code) = frozen::load_code(vm, &data, &filename) {
                return Ok(code.into_value());
            }
            vm.clear_exception();
            let message = format!("Frozen object named '{text}' is invalid");
            let class = &vm.types.import_error;
            let name = Some(name.to_value());
            return Err(super::super::import_error(vm, class, message, name, None));
        }
        match frozen::find(vm, &text) {
            Some(found) => Ok(frozen::code(vm, found)?.into_value()),
            None => Err(frozen::no_such(vm, name)),
        }
    }

    /// Initializes a frozen module.
    #[pyfunction(sig = "($module, name, /)")]
    fn init_frozen(vm: &Vm, name: &Ref<Str>) -> PyResult {
        let text = name.to_string_lossy();
        if frozen::find(vm, &text).is_none() {
            return Ok(Value::NONE);
        }
        Ok(frozen::import_directly(vm, &text)?.into_value())
    }

    /// Returns the list of available frozen modules.
    #[pyfunction(sig = "($module, /)")]
    fn _frozen_module_names(vm: &Vm) -> PyResult {
        let names = frozen::TABLE
            .iter()
            .map(|f| Ok(vm.new_str(f.name)?.into_value()))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_list(names)?.into_value())
    }

    /// (internal-only) Override PyConfig.use_frozen_modules.
    ///
    /// (-1: "off", 1: "on", 0: no override)
    /// See frozen_modules() in Lib/test/support/import_helper.py.
    #[pyfunction(sig = "($module, override, /)")]
    fn _override_frozen_modules_for_tests(vm: &Vm, override_: i64) {
        vm.interp.module_state::<Override>().0.set(override_)
    }

    /// (internal-only) Override PyInterpreterConfig.check_multi_interp_extensions.
    ///
    /// (-1: "never", 1: "always", 0: no override)
    #[pyfunction(sig = "($module, override, /)")]
    fn _override_multi_interp_extensions_check(vm: &Vm, override_: i64) -> PyResult<i64> {
        let _ = override_;
        Err(vm.runtime_error(
            "_imp._override_multi_interp_extensions_check() cannot be used in the main interpreter",
        ))
    }

    #[pyfunction(sig = "($module, /, key, source)")]
    fn source_hash(vm: &Vm, key: i64, source: Buffer) -> PyResult {
        let hash = source.with(|bytes| {
            let mut hasher = SipHasher13::new_with_keys(key as u64, 0);
            hasher.write(bytes);
            hasher.finish()
        });
        Ok(vm.new_bytes(&hash.to_le_bytes())?.into_value())
    }
}
