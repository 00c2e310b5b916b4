//! What `sys` tells about the interpreter and the platform: its attributes that never change, `flags` and the tables of
//! facts with names. CPython: make_flags, make_version_info and their like in Python/sysmodule.c, and Objects/floatobject.c.

use super::{HEX_VERSION, VERSION, VERSION_AND_BUILD, ints, text};
use crate::objects::structseq;
use crate::struct_sequence;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use naja_macros::pymodule;

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

/// The least limit that `set_int_max_str_digits` takes.
pub(super) const DIGITS_THRESHOLD: i64 = 640;

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

/// The attributes of the module that are facts.
#[pymodule(name = "sys", doc = "")]
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
}
