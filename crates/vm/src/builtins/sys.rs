//! The module `sys`.
//!
//! What is fixed when the interpreter starts comes from its `Config` ([`fill`]); the functions look at the thread and the
//! interpreter. `stdin`, `stdout` and `stderr` are not here: the module `_io` makes them.
//! CPython: Python/sysmodule.c.

use crate::function::Args;
use crate::function::descriptor::GetSetDescriptor;
use crate::objects::dict::Dict;
use crate::objects::exception::BaseException;
use crate::objects::frame::frame_object;
use crate::objects::module::Module;
use crate::objects::str_::{self, Str};
use crate::objects::structseq;
use crate::objects::traceback::Traceback;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::{number, object};
use crate::runtime::Access;
use crate::struct_sequence;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::Ordering;

/// The version of Python that is implemented.
pub const VERSION: (i64, i64, i64, &str, i64) = (3, 14, 10, "final", 0);
/// `sys.version` up to its first space.
pub const VERSION_TEXT: &str = "3.14.10";
/// `sys.hexversion`.
pub const HEX_VERSION: i64 = 0x030e_0af0;
/// The name of this implementation's own version.
pub const NAJA_VERSION: &str = env!("CARGO_PKG_VERSION");
/// `sys.version`.
pub const VERSION_AND_BUILD: &str = concat!(
    "3.14.10 (Naja ",
    env!("CARGO_PKG_VERSION"),
    ", Nov 21 2026, 00:00:00) [Rust]"
);

struct_sequence! { new FLAGS = "flags" in "sys", "sys.flags\n\nFlags provided through command line arguments or environment vars."; visible 18, unnamed 0;
    0 "debug" "-d"; 1 "inspect" "-i"; 2 "interactive" "-i"; 3 "optimize" "-O or -OO"; 4 "dont_write_bytecode" "-B";
    5 "no_user_site" "-s"; 6 "no_site" "-S"; 7 "ignore_environment" "-E"; 8 "verbose" "-v"; 9 "bytes_warning" "-b";
    10 "quiet" "-q"; 11 "hash_randomization" "-R"; 12 "isolated" "-I"; 13 "dev_mode" "-X dev"; 14 "utf8_mode" "-X utf8";
    15 "warn_default_encoding" "-X warn_default_encoding"; 16 "safe_path" "-P"; 17 "int_max_str_digits" "-X int_max_str_digits";
    18 "gil" "-X gil"; 19 "thread_inherit_context" "-X thread_inherit_context"; 20 "context_aware_warnings" "-X context_aware_warnings";
}

struct_sequence! { VERSION_INFO = "version_info" in "sys", "sys.version_info\n\nVersion information as a named tuple.";
    0 "major" "Major release number"; 1 "minor" "Minor release number"; 2 "micro" "Patch release number";
    3 "releaselevel" "'alpha', 'beta', 'candidate', or 'final'"; 4 "serial" "Serial release number";
}

struct_sequence! { FLOAT_INFO = "float_info" in "sys", "sys.float_info\n\nA named tuple holding information about the float type. It contains low level\ninformation about the precision and internal representation. Please study\nyour system's :file:`float.h` for more information.";
    0 "max" "DBL_MAX -- maximum representable finite float"; 1 "max_exp" "DBL_MAX_EXP -- maximum int e such that radix**(e-1) is representable";
    2 "max_10_exp" "DBL_MAX_10_EXP -- maximum int e such that 10**e is representable"; 3 "min" "DBL_MIN -- Minimum positive normalized float";
    4 "min_exp" "DBL_MIN_EXP -- minimum int e such that radix**(e-1) is a normalized float";
    5 "min_10_exp" "DBL_MIN_10_EXP -- minimum int e such that 10**e is a normalized float";
    6 "dig" "DBL_DIG -- maximum number of decimal digits that can be faithfully represented in a float";
    7 "mant_dig" "DBL_MANT_DIG -- mantissa digits"; 8 "epsilon" "DBL_EPSILON -- Difference between 1 and the next representable float";
    9 "radix" "FLT_RADIX -- radix of exponent"; 10 "rounds" "FLT_ROUNDS -- rounding mode used for arithmetic operations";
}

struct_sequence! { INT_INFO = "int_info" in "sys", "sys.int_info\n\nA named tuple that holds information about Python's\ninternal representation of integers.  The attributes are read only.";
    0 "bits_per_digit" "size of a digit in bits"; 1 "sizeof_digit" "size in bytes of the C type used to represent a digit";
    2 "default_max_str_digits" "maximum string conversion digits limitation"; 3 "str_digits_check_threshold" "minimum positive value for int_max_str_digits";
}

struct_sequence! { HASH_INFO = "hash_info" in "sys", "hash_info\n\nA named tuple providing parameters used for computing hashes.\nThe attributes are read only.";
    0 "width" "width of the type used for hashing, in bits"; 1 "modulus" "prime number giving the modulus on which the hash function is based";
    2 "inf" "value to be used for hash of a positive infinity"; 3 "nan" "value to be used for hash of a nan";
    4 "imag" "multiplier used for the imaginary part of a complex number"; 5 "algorithm" "name of the algorithm for hashing of str, bytes and memoryviews";
    6 "hash_bits" "internal output size of hash algorithm"; 7 "seed_bits" "seed size of hash algorithm"; 8 "cutoff" "small string optimization cutoff";
}

struct_sequence! { THREAD_INFO = "thread_info" in "sys", "sys.thread_info\n\nA named tuple holding information about the thread implementation.";
    0 "name" "name of the thread implementation"; 1 "lock" "name of the lock implementation"; 2 "version" "name and version of the thread library";
}

struct_sequence! { new ASYNCGEN_HOOKS = "asyncgen_hooks" in "sys", "asyncgen_hooks\n\nNamed tuple holding information about asynchronous generators hooks.\nThe attributes are read only.";
    0 "firstiter" "Hook to intercept first iteration"; 1 "finalizer" "Hook to intercept finalization";
}

struct_sequence! { new UNRAISABLE = "UnraisableHookArgs" in "sys", "UnraisableHookArgs\n\nType used to pass arguments to sys.unraisablehook.";
    0 "exc_type" "Exception type"; 1 "exc_value" "Exception value"; 2 "exc_traceback" "Exception traceback";
    3 "err_msg" "Error message"; 4 "object" "Object causing the exception";
}

/// Text as a value.
fn text(vm: &Vm, text: &str) -> PyResult {
    Ok(vm.new_str(text)?.into_value())
}

/// Bytes of the system (arguments, paths) as Python's text: UTF-8 with surrogate escapes.
fn os_text(vm: &Vm, value: &OsStr) -> PyResult {
    crate::import::path_value(vm, Path::new(value))
}

fn list_of(vm: &Vm, items: impl Iterator<Item = PyResult>) -> PyResult {
    Ok(vm
        .new_list(items.collect::<PyResult<Vec<_>>>()?)?
        .into_value())
}

fn ints(vm: &Vm, items: &[i64]) -> PyResult<Vec<Value>> {
    items.iter().map(|&n| vm.new_int(n)).collect()
}

/// `sys.flags`.
fn flags(vm: &Vm) -> PyResult {
    let c = &vm.interp.config;
    let mut items = ints(
        vm,
        &[
            c.debug as i64,
            c.inspect as i64,
            c.interactive as i64,
            c.optimize as i64,
            c.dont_write_bytecode as i64,
            c.no_user_site as i64,
            c.no_site as i64,
            c.ignore_environment as i64,
            c.verbose as i64,
            c.bytes_warning as i64,
            c.quiet as i64,
            (c.hash_seed != Some(0)) as i64,
            c.isolated as i64,
        ],
    )?;
    items.push(Value::from_bool(c.dev_mode));
    items.extend(ints(
        vm,
        &[
            c.utf8_mode.unwrap_or(false) as i64,
            c.warn_default_encoding as i64,
        ],
    )?);
    items.push(Value::from_bool(c.safe_path));
    items.push(vm.new_int(vm.interp.state.int_max_str_digits.get() as i64)?);
    items.extend(ints(
        vm,
        &[
            1,
            c.thread_inherit_context.unwrap_or(false) as i64,
            c.context_aware_warnings.unwrap_or(false) as i64,
        ],
    )?);
    structseq::make(vm, &FLAGS, items)
}

fn version_info(vm: &Vm) -> PyResult {
    let (major, minor, micro, level, serial) = VERSION;
    let mut items = ints(vm, &[major, minor, micro])?;
    items.push(text(vm, level)?);
    items.push(vm.new_int(serial)?);
    structseq::make(vm, &VERSION_INFO, items)
}

fn float_info(vm: &Vm) -> PyResult {
    let items = vec![
        vm.new_float(f64::MAX)?,
        vm.new_int(f64::MAX_EXP as i64)?,
        vm.new_int(f64::MAX_10_EXP as i64)?,
        vm.new_float(f64::MIN_POSITIVE)?,
        vm.new_int(f64::MIN_EXP as i64)?,
        vm.new_int(f64::MIN_10_EXP as i64)?,
        vm.new_int(f64::DIGITS as i64)?,
        vm.new_int(f64::MANTISSA_DIGITS as i64)?,
        vm.new_float(f64::EPSILON)?,
        vm.new_int(f64::RADIX as i64)?,
        vm.new_int(1)?,
    ];
    structseq::make(vm, &FLOAT_INFO, items)
}

fn hash_info(vm: &Vm) -> PyResult {
    let mut items = ints(
        vm,
        &[64, crate::protocols::hash::MODULUS, 314159, 0, 1000003],
    )?;
    items.push(text(vm, "siphash13")?);
    items.extend(ints(vm, &[64, 128, 0])?);
    structseq::make(vm, &HASH_INFO, items)
}

/// `sys.implementation`.
fn implementation(vm: &Vm) -> PyResult {
    let values = vm.new_dict()?;
    values.set_str(vm, &vm.intern("name"), text(vm, "naja")?)?;
    values.set_str(vm, &vm.intern("cache_tag"), text(vm, "naja-314")?)?;
    values.set_str(vm, &vm.intern("version"), version_info(vm)?)?;
    values.set_str(vm, &vm.intern("hexversion"), vm.new_int(HEX_VERSION)?)?;
    values.set_str(vm, &vm.intern("_multiarch"), text(vm, "x86_64-linux-gnu")?)?;
    values.set_str(
        vm,
        &vm.intern("supports_isolated_interpreters"),
        Value::TRUE,
    )?;
    vm.call_with(vm.types.simple_namespace.as_value(), &[], Some(&values))
}

/// Makes the module and fills it.
pub fn init(vm: &Vm) -> PyResult<()> {
    let sys = super::make_module(vm, &module::MODULE)?;
    let monitoring = super::make_module(vm, &super::monitoring::module::MODULE)?;
    sys.set(vm, "monitoring", monitoring.into_value())?;
    vm.interp.state.sys_dict.set(Some(sys.dict()));
    let core = vm.interp.module_state::<crate::import::imp::CoreModules>();
    core.0.with_mut(|modules| modules.push(sys.clone()));
    fill(vm, &sys, &crate::import::modules(vm)?)
}

/// Fills what depends on the configuration. The gate asks nothing here: the host has passed all of it in.
fn fill(vm: &Vm, sys: &Ref<Module>, modules: &Ref<Dict>) -> PyResult<()> {
    let config = &vm.interp.config;
    sys.set(vm, "modules", modules.to_value())?;
    let name = |v: &OsStr| os_text(vm, v);
    let argv = if config.argv.is_empty() {
        vec![std::ffi::OsString::new()]
    } else {
        config.argv.clone()
    };
    sys.set(vm, "argv", list_of(vm, argv.iter().map(|a| name(a)))?)?;
    sys.set(
        vm,
        "orig_argv",
        list_of(vm, config.orig_argv.iter().map(|a| name(a)))?,
    )?;
    let paths = crate::import::paths::compute(config);
    sys.set(vm, "path", list_of(vm, paths.path.iter().map(|p| name(p)))?)?;
    for list in ["meta_path", "path_hooks"] {
        sys.set(vm, list, vm.new_list(Vec::new())?.into_value())?;
    }
    sys.set(vm, "path_importer_cache", vm.new_dict()?.into_value())?;
    sys.set(vm, "executable", name(config.executable.as_os_str())?)?;
    sys.set(vm, "_base_executable", name(&paths.base_executable)?)?;
    for (key, value) in [
        ("prefix", &paths.prefix),
        ("base_prefix", &paths.base_prefix),
        ("exec_prefix", &paths.exec_prefix),
        ("base_exec_prefix", &paths.base_exec_prefix),
    ] {
        sys.set(vm, key, name(value)?)?;
    }
    let stdlib = match &paths.stdlib_dir {
        Some(dir) => name(dir)?,
        None => Value::NONE,
    };
    sys.set(vm, "_stdlib_dir", stdlib)?;
    sys.set(vm, "platlibdir", text(vm, "lib")?)?;
    sys.set(
        vm,
        "dont_write_bytecode",
        Value::from_bool(config.dont_write_bytecode),
    )?;
    let pycache = match &config.pycache_prefix {
        Some(prefix) => name(prefix)?,
        None => Value::NONE,
    };
    sys.set(vm, "pycache_prefix", pycache)?;
    sys.set(
        vm,
        "warnoptions",
        list_of(vm, config.warn_options.iter().map(|o| text(vm, o)))?,
    )?;
    let options = vm.new_dict()?;
    for (key, value) in &config.x_options {
        let value = match value {
            Some(value) => text(vm, value)?,
            None => Value::TRUE,
        };
        options.set_str(vm, &vm.intern(key), value)?;
    }
    sys.set(vm, "_xoptions", options.into_value())?;
    let names = crate::import::builtin_names(vm)
        .into_iter()
        .map(|n| text(vm, n))
        .collect::<PyResult<Vec<_>>>()?;
    sys.set(
        vm,
        "builtin_module_names",
        vm.new_tuple(names)?.into_value(),
    )?;
    for (hook, original) in [
        ("displayhook", "__displayhook__"),
        ("excepthook", "__excepthook__"),
        ("unraisablehook", "__unraisablehook__"),
        ("breakpointhook", "__breakpointhook__"),
    ] {
        if let Some(function) = sys.dict().get_str(vm, &vm.intern(hook))? {
            sys.set(vm, original, function)?;
        }
    }
    Ok(())
}

/// Reports an exception that cannot be passed on: calls `sys.unraisablehook`, or writes it natively if that fails.
pub fn unraisable(
    vm: &Vm,
    exception: Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) {
    if exception.traceback().is_none()
        && let Some(frame) = vm.visible_frame()
        && let Ok(traceback) = Traceback::of_frame(vm, frame)
    {
        exception.set_traceback(Some(traceback));
    }
    if call_unraisable_hook(vm, &exception, object, message).is_err() {
        vm.clear_exception();
        write_unraisable(vm, &exception, object, message);
    }
}

/// What the encoding of `sys.stdout` cannot express goes there as escapes. CPython: `sys_displayhook_unencodable`.
fn show_escaped(vm: &Vm, stdout: &Value, shown: &Value) -> PyResult<()> {
    use crate::protocols::attributes;
    let encoding = attributes::get_by(vm, stdout, "encoding")?;
    let how = text(vm, "backslashreplace")?;
    let bytes = vm.call_method_str(shown, "encode", &[encoding.clone(), how])?;
    if let Some(buffer) = attributes::get_optional(vm, stdout, &vm.intern("buffer"))? {
        return vm.call_method(&buffer, &vm.names.write, &[bytes]).map(drop);
    }
    let again = vm.call_method_str(&bytes, "decode", &[encoding, text(vm, "strict")?])?;
    vm.call_method(stdout, &vm.names.write, &[again]).map(drop)
}

fn call_unraisable_hook(
    vm: &Vm,
    exception: &Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) -> PyResult<()> {
    let hook = vm
        .sys_attr("unraisablehook")?
        .filter(|hook| !hook.is_none());
    let Some(hook) = hook else {
        write_unraisable(vm, exception, object, message);
        return Ok(());
    };
    let message = match message {
        Some(message) => text(vm, message)?,
        None => Value::NONE,
    };
    let items = vec![
        vm.type_of(exception.as_value()).to_ref().into_value(),
        exception.to_value(),
        exception.traceback_value(),
        message,
        object.cloned().unwrap_or(Value::NONE),
    ];
    let args = structseq::make(vm, &UNRAISABLE, items)?;
    vm.audit("sys.unraisablehook", &[hook.clone(), args.clone()])?;
    vm.call(&hook, &[args])?;
    Ok(())
}

fn write_unraisable(
    vm: &Vm,
    exception: &Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) {
    let shown = object
        .filter(|o| !o.is_none())
        .map(|o| match object::repr(vm, o) {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(_) => {
                vm.clear_exception();
                "<object repr() failed>".to_string()
            }
        });
    let head = match (message, shown) {
        (Some(message), Some(shown)) => format!("{message}: {shown}\n"),
        (Some(message), None) => format!("{message}:\n"),
        (None, Some(shown)) => format!("Exception ignored in: {shown}\n"),
        (None, None) => String::new(),
    };
    let text = head + &super::display::format_exception(vm, exception);
    super::display::write_stderr(vm, &text);
}

/// The frame `depth` levels up, for `_getframe` and its relatives.
fn frame_at(vm: &Vm, depth: i64) -> PyResult<Option<Ref<crate::objects::frame::FrameObject>>> {
    let mut frame = vm.visible_frame();
    let mut left = depth;
    while let Some(f) = frame {
        if f.is_complete() {
            if left <= 0 {
                return frame_object(vm, std::ptr::from_ref(f).cast_mut()).map(Some);
            }
            left -= 1;
        }
        // SAFETY: the chain of frames from the current one is live.
        frame = unsafe { f.prev.as_ref() };
    }
    Ok(None)
}

/// Checks the digits limit of `set_int_max_str_digits`.
const DIGITS_THRESHOLD: i64 = 640;

/// The flags of `dlopen` (`RTLD_NOW`): kept for programs that ask; nothing is loaded with them.
struct DlopenFlags(std::cell::Cell<i64>);

impl Default for DlopenFlags {
    fn default() -> DlopenFlags {
        DlopenFlags(std::cell::Cell::new(i64::from(libc::RTLD_NOW)))
    }
}

/// This module provides access to some objects used or maintained by the
/// interpreter and to functions that interact strongly with the interpreter.
#[pymodule(name = "sys")]
pub mod module {
    use super::*;

    #[pyattr]
    fn version(vm: &Vm) -> PyResult {
        text(vm, VERSION_AND_BUILD)
    }
    #[pyattr(name = "version_info")]
    fn version_info_attr(vm: &Vm) -> PyResult {
        version_info(vm)
    }
    #[pyattr]
    fn hexversion(vm: &Vm) -> PyResult {
        vm.new_int(HEX_VERSION)
    }
    #[pyattr]
    fn api_version(vm: &Vm) -> PyResult {
        vm.new_int(1013)
    }
    #[pyattr]
    fn copyright(vm: &Vm) -> PyResult {
        text(
            vm,
            "Copyright (c) the Naja developers.\nAll Rights Reserved.",
        )
    }
    #[pyattr]
    fn platform(vm: &Vm) -> PyResult {
        text(vm, "linux")
    }
    #[pyattr]
    fn byteorder(vm: &Vm) -> PyResult {
        text(
            vm,
            if cfg!(target_endian = "little") {
                "little"
            } else {
                "big"
            },
        )
    }
    #[pyattr]
    fn maxsize(vm: &Vm) -> PyResult {
        vm.new_int(i64::MAX)
    }
    #[pyattr]
    fn maxunicode(vm: &Vm) -> PyResult {
        vm.new_int(0x10ffff)
    }
    #[pyattr]
    fn float_repr_style(vm: &Vm) -> PyResult {
        text(vm, "short")
    }
    #[pyattr]
    fn abiflags(vm: &Vm) -> PyResult {
        text(vm, "")
    }
    #[pyattr]
    fn _framework(vm: &Vm) -> PyResult {
        text(vm, "")
    }
    #[pyattr]
    fn _git(vm: &Vm) -> PyResult {
        Ok(vm
            .new_tuple(vec![text(vm, "Naja")?, text(vm, "")?, text(vm, "")?])?
            .into_value())
    }
    #[pyattr(name = "flags")]
    fn flags_attr(vm: &Vm) -> PyResult {
        flags(vm)
    }
    #[pyattr(name = "float_info")]
    fn float_info_attr(vm: &Vm) -> PyResult {
        float_info(vm)
    }
    #[pyattr]
    fn int_info(vm: &Vm) -> PyResult {
        structseq::make(vm, &INT_INFO, ints(vm, &[30, 4, 4300, DIGITS_THRESHOLD])?)
    }
    #[pyattr(name = "hash_info")]
    fn hash_info_attr(vm: &Vm) -> PyResult {
        hash_info(vm)
    }
    #[pyattr]
    fn thread_info(vm: &Vm) -> PyResult {
        structseq::make(
            vm,
            &THREAD_INFO,
            vec![text(vm, "pthread")?, text(vm, "semaphore")?, Value::NONE],
        )
    }
    #[pyattr(name = "implementation")]
    fn implementation_attr(vm: &Vm) -> PyResult {
        implementation(vm)
    }

    /// addaudithook(hook, /)
    ///
    /// Adds a new audit hook callback.
    #[pyfunction(sig = "(hook)")]
    fn addaudithook(vm: &Vm, hook: Value) -> PyResult<()> {
        match vm.audit("sys.addaudithook", &[]) {
            Err(Raised) if vm.exception_matches(&vm.types.exception) => {
                // An existing hook refuses the new one.
                vm.clear_exception();
                Ok(())
            }
            Err(raised) => Err(raised),
            Ok(()) => {
                vm.interp
                    .state
                    .audit_hooks
                    .with_mut(|hooks| hooks.push(hook));
                Ok(())
            }
        }
    }

    /// audit(event, *args)
    ///
    /// Passes the event to any hooks that are attached.
    #[pyfunction(raw, sig = "(event, /, *args)")]
    fn audit(vm: &Vm, args: Args) -> PyResult<Value> {
        let [event, rest @ ..] = args.args else {
            return Err(vm.type_error("audit() missing 1 required positional argument: 'event'"));
        };
        if args.keyword_count() > 0 {
            return Err(vm.type_error("sys.audit() takes no keyword arguments"));
        }
        let Some(event) = str_::of(event) else {
            return Err(vm.type_error(format!(
                "expected str for argument 'event', not {}",
                vm.type_of(event).full_name()
            )));
        };
        vm.audit(&event.to_string_lossy(), rest)?;
        Ok(Value::NONE)
    }

    /// This hook function is called by built-in breakpoint().
    #[pyfunction(raw, sig = "(*args, **kws)")]
    fn breakpointhook(vm: &Vm, args: Args) -> PyResult {
        let wanted = std::env::var("PYTHONBREAKPOINT").unwrap_or_default();
        if wanted == "0" {
            return Ok(Value::NONE);
        }
        let path = if wanted.is_empty() {
            "pdb.set_trace"
        } else {
            wanted.as_str()
        };
        let (module, name) = path.rsplit_once('.').unwrap_or(("builtins", path));
        let found = if module.is_empty() {
            None
        } else {
            match crate::import::import_simple(vm, module) {
                Ok(module) => match crate::protocols::attributes::get_by(vm, &module, name) {
                    Ok(function) => Some(function),
                    Err(Raised) if vm.catch(&vm.types.attribute_error) => None,
                    Err(raised) => return Err(raised),
                },
                Err(Raised) if vm.catch(&vm.types.import_error) => None,
                Err(raised) => return Err(raised),
            }
        };
        if let Some(function) = found {
            return vm.call_args(&function, args);
        }
        let message = format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{path}\"");
        vm.warn(&vm.types.runtime_warning, message, 0)?;
        Ok(Value::NONE)
    }

    /// Print an object to sys.stdout and also save it in builtins._
    #[pyfunction(sig = "(object, /)")]
    fn displayhook(vm: &Vm, object: &Value) -> PyResult<()> {
        if object.is_none() {
            return Ok(());
        }
        let Some(builtins) = vm.interp.state.builtins.get() else {
            return Err(vm.runtime_error("lost builtins module"));
        };
        let underscore = vm.intern("_");
        builtins.set_str(vm, &underscore, Value::NONE)?;
        let stdout = vm.sys_attr("stdout")?.filter(|v| !v.is_none());
        let Some(stdout) = stdout else {
            return Err(vm.runtime_error("lost sys.stdout"));
        };
        let shown = object::repr(vm, object)?.into_value();
        match vm.call_method(&stdout, &vm.names.write, std::slice::from_ref(&shown)) {
            Ok(_) => {}
            Err(Raised) if vm.catch(&vm.types.unicode_encode_error) => {
                show_escaped(vm, &stdout, &shown)?
            }
            Err(raised) => return Err(raised),
        }
        vm.call_method(&stdout, &vm.names.write, &[text(vm, "\n")?])?;
        builtins.set_str(vm, &underscore, object.clone())
    }

    /// Handle an exception by displaying it with a traceback on sys.stderr.
    #[pyfunction(sig = "(exctype, value, traceback, /)")]
    fn excepthook(vm: &Vm, exctype: &Value, value: &Value, traceback: &Value) -> PyResult<()> {
        let _ = exctype;
        match value.downcast::<BaseException>() {
            Some(exception) => {
                if exception.traceback().is_none()
                    && let Some(traceback) = traceback.downcast::<Traceback>()
                {
                    exception.set_traceback(Some(traceback.clone()));
                }
                crate::builtins::display::print_exception(vm, exception);
            }
            None => {
                let kind = vm.type_of(value).full_name();
                crate::builtins::display::write_stderr(
                    vm,
                    &format!(
                        "TypeError: print_exception(): Exception expected for value, {kind} found\n"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Return the current exception.
    ///
    /// Return the most recent exception caught by an except clause
    /// in the current stack frame or in an older stack frame, or None
    /// if no such clause exists.
    #[pyfunction(sig = "()")]
    fn exception(vm: &Vm) -> Option<Value> {
        vm.handled_exception()
    }

    /// Return current exception information: (type, value, traceback).
    ///
    /// Return information about the most recent exception caught by an except
    /// clause in the current stack frame or in an older stack frame.
    #[pyfunction(sig = "()")]
    fn exc_info(vm: &Vm) -> PyResult {
        let items = match vm.handled_exception() {
            Some(exception) => {
                let traceback = exception
                    .downcast::<BaseException>()
                    .map_or(Value::NONE, |e| e.traceback_value());
                vec![
                    vm.type_of(&exception).to_ref().into_value(),
                    exception,
                    traceback,
                ]
            }
            None => vec![Value::NONE; 3],
        };
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// Exit the interpreter by raising SystemExit(status).
    ///
    /// If the status is omitted or None, it defaults to zero (i.e., success).
    /// If the status is an integer, it will be used as the system exit status.
    /// If it is another kind of object, it will be printed and the system
    /// exit status will be one (i.e., failure).
    #[pyfunction(sig = "(status=None, /)")]
    fn exit(vm: &Vm, status: Option<Value>) -> PyResult {
        let args: Vec<Value> = match status {
            Some(status) => match status.downcast::<crate::objects::tuple::Tuple>() {
                Some(tuple) => tuple.items().to_vec(),
                None => vec![status],
            },
            None => vec![Value::NONE],
        };
        Err(vm.raise_with(&vm.types.system_exit, &args))
    }

    /// Return the current default encoding used by the Unicode implementation.
    #[pyfunction(sig = "()")]
    fn getdefaultencoding() -> &'static str {
        "utf-8"
    }

    /// Return the encoding used to convert Unicode filenames to OS filenames.
    #[pyfunction(sig = "()")]
    fn getfilesystemencoding() -> &'static str {
        "utf-8"
    }

    /// Return the error mode used Unicode to OS filename conversion.
    #[pyfunction(sig = "()")]
    fn getfilesystemencodeerrors() -> &'static str {
        "surrogateescape"
    }

    /// Return a frame object from the call stack.
    ///
    /// If optional integer depth is given, return the frame object that many
    /// calls below the top of the stack.  If that is deeper than the call
    /// stack, ValueError is raised.  The default for depth is zero, returning
    /// the frame at the top of the call stack.
    ///
    /// This function should be used for internal and specialized purposes
    /// only.
    #[pyfunction(sig = "(depth=0, /)")]
    fn _getframe(vm: &Vm, #[default(0)] depth: i32) -> PyResult {
        match frame_at(vm, depth as i64)? {
            Some(frame) => {
                let frame = frame.into_value();
                vm.permit(Access::Event("sys._getframe", std::slice::from_ref(&frame)))?;
                Ok(frame)
            }
            None => Err(vm.value_error("call stack is not deep enough")),
        }
    }

    /// Return a dict mapping each thread's thread id to its current stack frame.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction(sig = "()")]
    fn _current_frames(vm: &Vm) -> PyResult<Ref<Dict>> {
        vm.permit(Access::Event("sys._current_frames", &[]))?;
        let mut frames = Vec::new();
        vm.each_thread(|thread| {
            if let Some(frame) = thread.visible_frame() {
                frames.push((thread.thread_id.get(), std::ptr::from_ref(frame).cast_mut()));
            }
        });
        let result = Dict::new(vm)?;
        for (id, frame) in frames {
            let id = crate::IntoPyResult::into_py_result(id, vm)?;
            result.set(vm, &id, frame_object(vm, frame)?.into_value())?;
        }
        Ok(result)
    }

    /// Return a dict mapping each thread's identifier to its current raised exception.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction(sig = "()")]
    fn _current_exceptions(vm: &Vm) -> PyResult<Ref<Dict>> {
        vm.permit(Access::Event("sys._current_exceptions", &[]))?;
        let mut exceptions = Vec::new();
        vm.each_thread(|thread| {
            exceptions.push((thread.thread_id.get(), thread.handled_exception()))
        });
        let result = Dict::new(vm)?;
        for (id, exception) in exceptions {
            let id = crate::IntoPyResult::into_py_result(id, vm)?;
            result.set(vm, &id, exception.unwrap_or(Value::NONE))?;
        }
        Ok(result)
    }

    /// Return the name of the module for the calling frame.
    ///
    /// The default depth returns the module containing the call to this API.
    /// A more typical use in a library will pass a depth of 1 to get the user's
    /// module rather than the library module.
    ///
    /// If no frame, module, or name can be found, returns None.
    #[pyfunction(sig = "(depth=0)")]
    fn _getframemodulename(vm: &Vm, #[default(0)] depth: i32) -> PyResult {
        vm.permit(Access::Event(
            "sys._getframemodulename",
            &[vm.new_int(depth as i64)?],
        ))?;
        let Some(frame) = frame_at(vm, depth as i64)? else {
            return Ok(Value::NONE);
        };
        let globals = crate::protocols::attributes::get_by(vm, frame.as_value(), "f_globals")?;
        match globals.downcast::<Dict>() {
            Some(globals) => Ok(globals
                .get_str(vm, &vm.names.__name__)?
                .unwrap_or(Value::NONE)),
            None => Ok(Value::NONE),
        }
    }

    /// Return the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "()")]
    fn get_int_max_str_digits(vm: &Vm) -> usize {
        vm.interp.state.int_max_str_digits.get()
    }

    /// Set the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "(maxdigits)")]
    fn set_int_max_str_digits(vm: &Vm, maxdigits: i32) -> PyResult<()> {
        if maxdigits != 0 && (maxdigits as i64) < DIGITS_THRESHOLD {
            return Err(vm.value_error(format!(
                "maxdigits must be >= {DIGITS_THRESHOLD} or 0 for unlimited"
            )));
        }
        vm.interp.state.int_max_str_digits.set(maxdigits as usize);
        Ok(())
    }

    #[pyfunction(sig = "()")]
    fn _get_cpu_count_config(vm: &Vm) -> i64 {
        vm.interp.config.cpu_count.map_or(-1, i64::from)
    }

    #[pyattr]
    fn _home(_vm: &Vm) -> Value {
        Value::NONE
    }

    #[pyattr]
    fn stdlib_module_names(vm: &Vm) -> PyResult {
        let names = crate::builtins::stdlib_names::NAMES
            .iter()
            .map(|name| Ok(vm.intern(name).into_value()))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(crate::objects::set::FrozenSet::from_values(vm, names)?.into_value())
    }

    /// Return the number of elements of the unicode interned dictionary
    #[pyfunction(sig = "(*, _only_immortal=False)")]
    fn getunicodeinternedsize(vm: &Vm, _only_immortal: Option<bool>) -> usize {
        vm.interp.interner(|i| i.count())
    }

    /// Clear all internal performance-related caches.
    #[pyfunction(sig = "()")]
    fn _clear_internal_caches(vm: &Vm) {
        vm.interp.method_cache.clear();
    }

    /// Return True if remote debugging is enabled, False otherwise.
    #[pyfunction(sig = "()")]
    fn is_remote_debug_enabled() -> bool {
        false
    }

    /// Executes a file containing Python code in a given remote Python process.
    #[pyfunction(sig = "(pid, script)")]
    fn remote_exec(vm: &Vm, pid: &Value, script: &Value) -> PyResult {
        let _ = (pid, script);
        Err(vm.runtime_error("Remote debugging is not enabled"))
    }

    /// Return the current value of the flags that are used for dlopen calls.
    #[pyfunction(sig = "()")]
    fn getdlopenflags(vm: &Vm) -> i64 {
        vm.interp.module_state::<DlopenFlags>().0.get()
    }

    /// Set the flags used by the interpreter for dlopen calls.
    #[pyfunction(sig = "(flags, /)")]
    fn setdlopenflags(vm: &Vm, flags: i64) {
        vm.interp.module_state::<DlopenFlags>().0.set(flags)
    }

    /// `sys._jit`: there is no compiler to machine code yet, and it says so.
    #[pyattr]
    fn _jit(vm: &Vm) -> PyResult {
        Ok(crate::builtins::build_module(vm, &crate::builtins::jit::module::MODULE)?.into_value())
    }

    /// Return the current value of the recursion limit.
    ///
    /// The recursion limit is the maximum depth of the Python interpreter
    /// stack.  This limit prevents infinite recursion from causing an overflow
    /// of the C stack and crashing Python.
    #[pyfunction(sig = "()")]
    fn getrecursionlimit(vm: &Vm) -> u32 {
        vm.interp.recursion_limit()
    }

    /// Set the maximum depth of the Python interpreter stack to n.
    ///
    /// This limit prevents infinite recursion from causing an overflow of the C
    /// stack and crashing Python.  The highest possible limit is platform-
    /// dependent.
    #[pyfunction(sig = "(limit, /)")]
    fn setrecursionlimit(vm: &Vm, limit: i32) -> PyResult<()> {
        if limit < 1 {
            return Err(vm.value_error("recursion limit must be greater or equal than 1"));
        }
        let depth = vm.depth.get();
        if depth >= limit as u32 {
            return Err(vm.recursion_error(format!(
                "cannot set the recursion limit to {limit} at the recursion depth {depth}: the limit is too low"
            )));
        }
        vm.interp.state.recursion_limit.set(limit as u32);
        Ok(())
    }

    /// Return the reference count of object.
    ///
    /// The count returned is generally one higher than you might expect,
    /// because it includes the (temporary) reference as an argument to
    /// getrefcount().
    #[pyfunction(sig = "(object, /)")]
    fn getrefcount(object: &Value) -> u32 {
        object.header().map_or(u32::MAX, |header| header.refcount())
    }

    /// getsizeof(object [, default]) -> int
    ///
    /// Return the size of object in bytes.
    #[pyfunction(sig = "(object, default=<unrepresentable>)")]
    fn getsizeof(vm: &Vm, object: &Value, default: Option<Value>) -> PyResult {
        let size = match vm.call_special(object, &vm.names.__sizeof__, &[]) {
            Ok(Some(size)) => number::index_i64(vm, &size),
            Ok(None) => Err(vm.type_error(format!(
                "Type {} doesn't define __sizeof__",
                vm.type_of(object).full_name()
            ))),
            Err(raised) => Err(raised),
        };
        match (size, default) {
            (Ok(Some(n)), _) if n < 0 => Err(vm.value_error("__sizeof__() should return >= 0")),
            (Ok(Some(n)), _) => vm.new_int(n),
            (Ok(None), _) => Err(vm.overflow_error("Python int too large to convert to C ssize_t")),
            (Err(Raised), Some(default)) if vm.catch(&vm.types.type_error) => Ok(default),
            (Err(raised), _) => Err(raised),
        }
    }

    /// Return the current thread switch interval; see sys.setswitchinterval().
    #[pyfunction(sig = "()")]
    fn getswitchinterval(vm: &Vm) -> f64 {
        vm.interp.state.switch_interval_us.load(Ordering::Relaxed) as f64 * 1e-6
    }

    /// Set the ideal thread switching delay inside the Python interpreter.
    ///
    /// The actual frequency of switching threads can be lower if the
    /// interpreter executes long sequences of uninterruptible code
    /// (this is implementation-specific and workload-dependent).
    ///
    /// The parameter must represent the desired switching delay in seconds
    /// A typical value is 0.005 (5 milliseconds).
    #[pyfunction(sig = "(interval, /)")]
    fn setswitchinterval(vm: &Vm, interval: f64) -> PyResult<()> {
        if interval.is_nan() || interval <= 0.0 {
            return Err(vm.value_error("switch interval must be strictly positive"));
        }
        vm.interp
            .state
            .switch_interval_us
            .store((interval * 1e6).min(4e9) as u64, Ordering::Relaxed);
        Ok(())
    }

    /// ``Intern'' the given string.
    ///
    /// This enters the string in the (global) table of interned strings whose
    /// purpose is to speed up dictionary lookups. Return the string itself or
    /// the previously interned string object with the same value.
    #[pyfunction(sig = "(string, /)")]
    fn intern(vm: &Vm, string: &Ref<Str>) -> PyResult<Ref<Str>> {
        if !vm.type_of(string.as_value()).is(&vm.types.str) {
            return Err(vm.type_error(format!(
                "can't intern {}",
                vm.type_of(string.as_value()).full_name()
            )));
        }
        Ok(vm.interp.interned_name(string))
    }

    /// Return True if the given string is "interned".
    #[pyfunction(sig = "(string, /)")]
    fn _is_interned(string: &Ref<Str>) -> bool {
        string.header().has_flag(crate::objects::str_::INTERNED)
    }

    /// Return True if the GIL is currently enabled and False otherwise.
    #[pyfunction(sig = "()")]
    fn _is_gil_enabled() -> bool {
        true
    }

    /// Return whether Python is exiting.
    #[pyfunction(sig = "()")]
    fn is_finalizing(vm: &Vm) -> bool {
        vm.interp.state.finalizing.get()
    }

    /// Return True if a stack trampoline is active: never.
    #[pyfunction(sig = "()")]
    fn is_stack_trampoline_active() -> bool {
        false
    }

    /// Handle an unraisable exception.
    ///
    /// The unraisable argument has the following attributes:
    ///
    /// * exc_type: Exception type.
    /// * exc_value: Exception value, can be None.
    /// * exc_traceback: Exception traceback, can be None.
    /// * err_msg: Error message, can be None.
    /// * object: Object causing the exception, can be None.
    #[pyfunction(sig = "(unraisable, /)")]
    fn unraisablehook(vm: &Vm, unraisable: &Value) -> PyResult<()> {
        let class = structseq::class(vm, &UNRAISABLE);
        let tuple = unraisable
            .downcast::<crate::objects::tuple::Tuple>()
            .filter(|_| vm.type_of(unraisable).is(&class));
        let Some(tuple) = tuple else {
            return Err(
                vm.type_error("sys.unraisablehook argument type must be UnraisableHookArgs")
            );
        };
        if let Some(exception) = tuple.get(1).and_then(|e| e.downcast::<BaseException>()) {
            let message = tuple
                .get(3)
                .and_then(str_::of)
                .map(|m| m.to_string_lossy().into_owned());
            write_unraisable(vm, exception, tuple.get(4), message.as_deref());
        }
        Ok(())
    }

    /// Check status of origin tracking for coroutine objects in this thread.
    #[pyfunction(sig = "()")]
    fn get_coroutine_origin_tracking_depth(vm: &Vm) -> u32 {
        vm.coroutine_origin_depth.get()
    }

    /// Enable or disable origin tracking for coroutine objects in this thread.
    ///
    /// Coroutine objects will track 'depth' frames of traceback information
    /// about where they came from, available in their cr_origin attribute.
    ///
    /// Set a depth of 0 to disable.
    #[pyfunction(sig = "(depth)")]
    fn set_coroutine_origin_tracking_depth(vm: &Vm, depth: i32) -> PyResult<()> {
        match u32::try_from(depth) {
            Ok(depth) => {
                vm.coroutine_origin_depth.set(depth);
                Ok(())
            }
            Err(_) => Err(vm.value_error("depth must be >= 0")),
        }
    }

    /// Return the installed asynchronous generators hooks.
    ///
    /// This returns a namedtuple of the form (firstiter, finalizer).
    #[pyfunction(sig = "()")]
    fn get_asyncgen_hooks(vm: &Vm) -> PyResult {
        let (first, last) = vm.async_gen_hooks.get();
        structseq::make(
            vm,
            &ASYNCGEN_HOOKS,
            vec![first.unwrap_or(Value::NONE), last.unwrap_or(Value::NONE)],
        )
    }

    /// set_asyncgen_hooks([firstiter] [, finalizer])
    ///
    /// Set a finalizer for async generators objects.
    #[pyfunction(sig = "(firstiter=None, finalizer=None)")]
    fn set_asyncgen_hooks(
        vm: &Vm,
        firstiter: Option<Value>,
        finalizer: Option<Value>,
    ) -> PyResult<()> {
        for (name, hook) in [("finalizer", &finalizer), ("firstiter", &firstiter)] {
            if let Some(hook) = hook
                && !hook.is_none()
                && vm.type_of(hook).slots.call.get().is_none()
            {
                return Err(vm.type_error(format!(
                    "callable {name} expected, got {}",
                    vm.type_of(hook).full_name()
                )));
            }
        }
        let (mut first, mut last) = vm.async_gen_hooks.get();
        if let Some(hook) = firstiter {
            first = Some(hook).filter(|h| !h.is_none());
        }
        if let Some(hook) = finalizer {
            last = Some(hook).filter(|h| !h.is_none());
        }
        vm.async_gen_hooks.set((first, last));
        Ok(())
    }

    /// Call func(*args), while tracing is enabled.
    #[pyfunction(sig = "(func, args, /)")]
    fn call_tracing(vm: &Vm, func: &Value, args: &Ref<crate::objects::tuple::Tuple>) -> PyResult {
        vm.trace.loudly(|| vm.call(func, args.items()))
    }

    /// Set the global debug tracing function.
    ///
    /// It will be called on each function call.  See the debugger chapter
    /// in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn settrace(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_trace(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Return the global debug tracing function set with sys.settrace.
    ///
    /// See the debugger chapter in the library manual.
    #[pyfunction(sig = "()")]
    fn gettrace(vm: &Vm) -> Option<Value> {
        vm.trace.function.get()
    }

    /// Set the profiling function.
    ///
    /// It will be called on each function call and return.  See the profiler
    /// chapter in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn setprofile(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_profile(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Return the profiling function set with sys.setprofile.
    ///
    /// See the profiler chapter in the library manual.
    #[pyfunction(sig = "()")]
    fn getprofile(vm: &Vm) -> Option<Value> {
        vm.trace.profile.get()
    }

    /// Set the global debug tracing function in all running threads belonging to the current interpreter.
    ///
    /// It will be called on each function call. See the debugger chapter
    /// in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn _settraceallthreads(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_trace_all(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Set the profiling function in all running threads belonging to the current interpreter.
    ///
    /// It will be called on each function call and return.  See the profiler
    /// chapter in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn _setprofileallthreads(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_profile_all(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Private function for clearing certain descriptors from a type's dictionary.
    ///
    /// See gh-135228 for context.
    #[pyfunction(sig = "(type, /)")]
    fn _clear_type_descriptors(vm: &Vm, r#type: &Ref<Type>) -> PyResult<()> {
        if r#type.flag(TypeFlags::IMMUTABLE) {
            return Err(vm.type_error("argument is immutable"));
        }
        let dict = r#type.dict(vm)?;
        for name in [&vm.names.__dict__, &vm.names.__weakref__] {
            let found = dict.get_str(vm, name)?;
            if found.is_some_and(|f| f.downcast::<GetSetDescriptor>().is_some()) {
                dict.remove_str(vm, name)?;
            }
        }
        r#type.modified();
        Ok(())
    }

    /// Private function for getting the base REPL
    #[pyfunction(sig = "()")]
    fn _baserepl(vm: &Vm) -> PyResult<()> {
        match vm.interp.config.base_repl {
            Some(repl) => repl(vm),
            None => Err(vm.raise(
                &vm.types.not_implemented_error,
                "this interpreter has no prompt",
            )),
        }
    }

    /// Activate stack profiler trampoline *backend*.
    #[pyfunction(sig = "(backend, /)")]
    fn activate_stack_trampoline(vm: &Vm, backend: &Ref<Str>) -> PyResult<()> {
        Err(match backend.as_str() {
            Some("perf" | "perf_jit") => vm.value_error("perf trampoline not available"),
            other => vm.value_error(format!("invalid backend: {}", other.unwrap_or_default())),
        })
    }

    /// Deactivate the current stack profiler trampoline backend.
    ///
    /// If no stack profiler is activated, this function has no effect.
    #[pyfunction(sig = "()")]
    fn deactivate_stack_trampoline() {}

    /// Return True if the given object is "immortal" per PEP 683.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction(sig = "(op, /)")]
    fn _is_immortal(op: &Value) -> bool {
        op.header().is_none_or(|header| header.is_immortal())
    }

    /// Clear the internal type cache.
    #[pyfunction(sig = "()")]
    fn _clear_type_cache() {}

    /// Return the number of memory blocks currently allocated: 0, they are not counted.
    #[pyfunction(sig = "()")]
    fn getallocatedblocks(vm: &Vm) -> usize {
        vm.heap().stats().blocks
    }

    /// Print debug info to stderr about the state of the memory allocator.
    #[pyfunction(sig = "()")]
    fn _debugmallocstats(vm: &Vm) {
        crate::builtins::display::write_stderr(vm, &vm.heap().debug_malloc_stats());
    }
}
