//! Modules whose code is part of the program: what importlib itself needs, and what every start imports.
//!
//! A frozen module is an entry of [`TABLE`] that names a file of the embedded library. With a library on disk
//! (`PYTHONHOME`) the whole table serves, as in CPython; without one only what importlib consists of and the modules made
//! for tests do, and the rest comes from the embedded library by the path entry finder, which knows the sources.
//! CPython: Python/frozen.c, Python/import.c.

use super::import_error;
use crate::objects::code::CodeObject;
use crate::objects::module::Module;
use crate::objects::str_::Str;
use crate::vm::{PyResult, Raised, Vm};
use naja_bytecode::marshal;
use naja_heap::{Ref, Value};
use std::cell::Cell;

/// A frozen module.
pub struct Frozen {
    pub name: &'static str,
    /// The file of the library that its code comes from.
    pub path: &'static str,
    /// The name it was frozen under; None for one that has no other.
    pub original: Option<&'static str>,
    pub package: bool,
    /// Part of importlib: never taken from anywhere else.
    pub essential: bool,
}

const fn module(name: &'static str, path: &'static str, essential: bool) -> Frozen {
    Frozen {
        name,
        path,
        original: Some(name),
        package: false,
        essential,
    }
}

const fn alias(
    name: &'static str,
    path: &'static str,
    original: Option<&'static str>,
    package: bool,
) -> Frozen {
    Frozen {
        name,
        path,
        original,
        package,
        // Importlib's halves are needed to find anything else.
        essential: path.len() > 10 && path.as_bytes()[0] == b'i',
    }
}

/// All of them, in CPython's order.
pub static TABLE: &[Frozen] = &[
    alias(
        "_frozen_importlib",
        "importlib/_bootstrap.py",
        Some("importlib._bootstrap"),
        false,
    ),
    alias(
        "_frozen_importlib_external",
        "importlib/_bootstrap_external.py",
        Some("importlib._bootstrap_external"),
        false,
    ),
    module("zipimport", "zipimport.py", true),
    module("abc", "abc.py", false),
    module("codecs", "codecs.py", false),
    module("io", "io.py", false),
    module("_collections_abc", "_collections_abc.py", false),
    module("_sitebuiltins", "_sitebuiltins.py", false),
    module("genericpath", "genericpath.py", false),
    module("ntpath", "ntpath.py", false),
    module("posixpath", "posixpath.py", false),
    module("os", "os.py", false),
    module("site", "site.py", false),
    module("stat", "stat.py", false),
    module("importlib.util", "importlib/util.py", false),
    module("importlib.machinery", "importlib/machinery.py", false),
    module("runpy", "runpy.py", false),
    module("_embedded_library", "_embedded_library.py", true),
    module("__hello__", "__hello__.py", false),
    alias("__hello_alias__", "__hello__.py", Some("__hello__"), false),
    alias("__phello_alias__", "__hello__.py", Some("__hello__"), true),
    alias(
        "__phello_alias__.spam",
        "__hello__.py",
        Some("__hello__"),
        false,
    ),
    alias(
        "__phello__",
        "__phello__/__init__.py",
        Some("__phello__"),
        true,
    ),
    alias(
        "__phello__.__init__",
        "__phello__/__init__.py",
        Some("<__phello__"),
        false,
    ),
    alias(
        "__phello__.ham",
        "__phello__/ham/__init__.py",
        Some("__phello__.ham"),
        true,
    ),
    alias(
        "__phello__.ham.__init__",
        "__phello__/ham/__init__.py",
        Some("<__phello__.ham"),
        false,
    ),
    alias(
        "__phello__.ham.eggs",
        "__phello__/ham/eggs.py",
        Some("__phello__.ham.eggs"),
        false,
    ),
    alias(
        "__phello__.spam",
        "__phello__/spam.py",
        Some("__phello__.spam"),
        false,
    ),
    alias("__hello_only__", "__hello__.py", None, false),
];

/// The test override of [`in_use`]: -1 off, 1 on, 0 as configured.
#[derive(Default)]
pub(super) struct Override(pub Cell<i64>);

/// Whether more than the essential modules are taken from the program.
fn in_use(vm: &Vm) -> bool {
    match vm.interp.module_state::<Override>().0.get() {
        0 => {
            let config = &vm.interp.config;
            config.frozen_modules.unwrap_or(config.home.is_some())
        }
        n => n > 0,
    }
}

/// The frozen module of that name, if it is to be used.
pub fn find(vm: &Vm, name: &str) -> Option<&'static Frozen> {
    let found = TABLE.iter().find(|f| f.name == name)?;
    (found.essential || in_use(vm)).then_some(found)
}

/// The marshalled code of a frozen module. Raises ImportError.
pub fn data(vm: &Vm, frozen: &Frozen) -> PyResult<Vec<u8>> {
    let code = naja_bytecode::packed::unpack(packed(vm, frozen)?);
    match code.map(|code| marshal::write_code(&code)) {
        Some(Ok(data)) => Ok(data),
        _ => Err(vm.import_error("damaged code")),
    }
}

/// The packed code of a frozen module. Raises ImportError.
fn packed(vm: &Vm, frozen: &Frozen) -> PyResult<&'static [u8]> {
    match vm.interp.config.library.and_then(|l| l.code(frozen.path)) {
        Some(data) => Ok(data),
        None => {
            let message = format!("Excluded frozen object named '{}'", frozen.name);
            let name = vm.new_str(frozen.name)?.into_value();
            let class = &vm.types.import_error;
            Err(import_error(vm, class, message, Some(name), None))
        }
    }
}

/// A code object from its marshalled form, with another file name. Raises ImportError for damaged data.
pub fn load_code(vm: &Vm, data: &[u8], filename: &Ref<Str>) -> PyResult<Ref<CodeObject>> {
    match marshal::read_code(data) {
        Ok(code) => CodeObject::from_code_as(vm, &code, Some(filename)),
        Err(error) => Err(vm.import_error(format!("damaged code: {}", error.message))),
    }
}

/// The code object in a `.pyc` file behind its head; it keeps the file name it has, unless that is empty.
pub fn load_stored(vm: &Vm, data: &[u8], path: &str) -> PyResult<Ref<CodeObject>> {
    match marshal::read_code(data) {
        Ok(code) if !code.filename.as_bytes().is_empty() => CodeObject::from_code(vm, &code),
        Ok(code) => CodeObject::from_code_as(vm, &code, Some(&vm.intern(path))),
        Err(_) => Err(vm.runtime_error("Bad code object in .pyc file")),
    }
}

/// The code of a frozen module. Its file name is `<frozen name>`, from the name it was frozen under.
pub fn code(vm: &Vm, frozen: &Frozen) -> PyResult<Ref<CodeObject>> {
    let original = frozen.original.unwrap_or(frozen.name);
    let filename = vm.intern(&format!("<frozen {}>", original.trim_start_matches('<')));
    CodeObject::from_packed(vm, packed(vm, frozen)?, &filename)
}

/// Makes a frozen module and runs it, without importlib: how importlib itself comes to life.
pub fn import_directly(vm: &Vm, name: &str) -> PyResult<Ref<Module>> {
    let Some(frozen) = find(vm, name) else {
        return Err(vm.import_error(format!("no frozen module {name}")));
    };
    let code = code(vm, frozen)?;
    let module = Module::make(vm, name, None)?;
    if let Some(builtins) = vm.interp.state.builtins.get() {
        module.set(vm, "__builtins__", builtins.into_value())?;
    }
    if frozen.package {
        module.set(vm, "__path__", vm.new_list(Vec::new())?.into_value())?;
    }
    // `_fix_up_module` of importlib makes a spec of it.
    module.set(vm, "__origname__", none_or_str(vm, frozen.original)?)?;
    super::modules(vm)?.set_str(vm, &vm.intern(name), module.to_value())?;
    vm.run_code(code, module.dict(), module.dict().into_value())?;
    Ok(module)
}

/// Brings importlib to life: from then on `import` finds frozen and built-in modules, then files.
///
/// The order is CPython's (`init_importlib`, `init_importlib_external`): `_bootstrap._install` first, and the part that
/// knows of files once `sys.path` is there.
pub fn start_importlib(vm: &Vm) -> PyResult<()> {
    let bootstrap = import_directly(vm, "_frozen_importlib")?.into_value();
    let imp = crate::builtins::make_module(vm, &super::imp::module::MODULE)?;
    let sys = match super::modules(vm)?.get_str(vm, &vm.intern("sys"))? {
        Some(sys) => sys,
        None => return Err(vm.runtime_error("lost sys")),
    };
    vm.interp.state.importlib.set(Some(bootstrap.clone()));
    let early = vm.interp.config.verbose > 0 || !vm.interp.config.warn_options.is_empty();
    if early && let Some(sys) = vm.interp.state.sys_dict.get() {
        let printer = crate::builtins::stderrprinter::StderrPrinter::make(vm, 2)?;
        sys.set_str(vm, &vm.intern("stderr"), printer)?;
    }
    vm.call_method(&bootstrap, &vm.intern("_install"), &[sys, imp.into_value()])?;
    vm.call_method(&bootstrap, &vm.intern("_install_external_importers"), &[])?;
    install_zipimport(vm)?;
    if vm.interp.config.library.is_some() {
        let finder = super::import_simple(vm, "_embedded_library")?;
        vm.call_method(&finder, &vm.intern("_install"), &[])?;
    }
    add_zipimporter(vm)
}

/// Entries of `sys.path` may be zip files, if their importer is to be had: the first of `sys.path_hooks`.
fn add_zipimporter(vm: &Vm) -> PyResult<()> {
    let importer = super::import_simple(vm, "zipimport").and_then(|module| {
        crate::protocols::attributes::get(vm, &module, &vm.intern("zipimporter"))
    });
    let Ok(importer) = importer else {
        vm.clear_exception();
        return Ok(());
    };
    match vm.sys_attr("path_hooks")? {
        Some(hooks) => {
            // The executable that holds the packed library is no zip file: its own hook stays first.
            let place = vm.interp.config.library.is_some() as i64;
            vm.call_method_str(&hooks, "insert", &[vm.new_int(place)?, importer])
                .map(drop)
        }
        None => Ok(()),
    }
}

/// Zip files in `sys.path`: the first path hook. CPython: `init_zipimport`.
fn install_zipimport(vm: &Vm) -> PyResult<()> {
    let Some(hooks) = vm.sys_attr("path_hooks")? else {
        return Err(vm.runtime_error("unable to get sys.path_hooks"));
    };
    match super::import_simple(vm, "zipimport") {
        Ok(module) => {
            let hook = crate::protocols::attributes::get_by(vm, &module, "zipimporter")?;
            vm.call_method_str(&hooks, "insert", &[vm.new_int(0)?, hook])
                .map(drop)
        }
        Err(Raised) if vm.catch(&vm.types.import_error) => Ok(()),
        Err(raised) => Err(raised),
    }
}

/// "No such frozen object named ..." as ImportError.
#[cold]
pub(super) fn no_such(vm: &Vm, name: &Ref<Str>) -> Raised {
    let message = match crate::protocols::object::repr(vm, name.as_value()) {
        Ok(shown) => format!("No such frozen object named {}", shown.to_string_lossy()),
        Err(raised) => return raised,
    };
    let class = &vm.types.import_error;
    import_error(vm, class, message, Some(name.to_value()), None)
}

/// Whether a value names something: for the tests of `_imp`.
pub(super) fn none_or_str(vm: &Vm, text: Option<&str>) -> PyResult {
    match text {
        Some(text) => Ok(vm.new_str(text)?.into_value()),
        None => Ok(Value::NONE),
    }
}
