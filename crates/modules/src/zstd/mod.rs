//! `_zstd`: Zstandard for `compression.zstd`, over the C library, which is compiled in.
//!
//! Contexts and digested dictionaries are freed by the payloads that own them. Invariant: a context refers to memory of
//! the `ZstdDict` it was given, which its object therefore keeps. CPython: Modules/_zstd/.

mod compressor;
mod decompressor;
mod dict;

use crate::common;
use compressor::Compressor;
use decompressor::Decompressor;
use dict::ZstdDict;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::dict::Dict;
use naja_vm::module::Module;
use naja_vm::protocols::{attributes, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm, int};
use std::ffi::{CStr, c_int};
use zstd_safe::zstd_sys as ffi;

// As in C, where parameters are plain numbers: users may pass any.
unsafe extern "C" {
    fn ZSTD_cParam_getBounds(parameter: c_int) -> ffi::ZSTD_bounds;
    fn ZSTD_dParam_getBounds(parameter: c_int) -> ffi::ZSTD_bounds;
    fn ZSTD_CCtx_setParameter(
        context: *mut ffi::ZSTD_CCtx,
        parameter: c_int,
        value: c_int,
    ) -> usize;
    fn ZSTD_DCtx_setParameter(
        context: *mut ffi::ZSTD_DCtx,
        parameter: c_int,
        value: c_int,
    ) -> usize;
}

const BLOCK: usize = 32 * 1024;

/// How a dictionary is loaded.
const DIGESTED: i32 = 0;
const UNDIGESTED: i32 = 1;
const PREFIX: i32 = 2;

const LEVEL: c_int = 100;
const WORKERS: c_int = 400;

const COMPRESSION: &[(c_int, &str, &str)] = &[
    (100, "ZSTD_c_compressionLevel", "compression_level"),
    (101, "ZSTD_c_windowLog", "window_log"),
    (102, "ZSTD_c_hashLog", "hash_log"),
    (103, "ZSTD_c_chainLog", "chain_log"),
    (104, "ZSTD_c_searchLog", "search_log"),
    (105, "ZSTD_c_minMatch", "min_match"),
    (106, "ZSTD_c_targetLength", "target_length"),
    (107, "ZSTD_c_strategy", "strategy"),
    (
        160,
        "ZSTD_c_enableLongDistanceMatching",
        "enable_long_distance_matching",
    ),
    (161, "ZSTD_c_ldmHashLog", "ldm_hash_log"),
    (162, "ZSTD_c_ldmMinMatch", "ldm_min_match"),
    (163, "ZSTD_c_ldmBucketSizeLog", "ldm_bucket_size_log"),
    (164, "ZSTD_c_ldmHashRateLog", "ldm_hash_rate_log"),
    (200, "ZSTD_c_contentSizeFlag", "content_size_flag"),
    (201, "ZSTD_c_checksumFlag", "checksum_flag"),
    (202, "ZSTD_c_dictIDFlag", "dict_id_flag"),
    (400, "ZSTD_c_nbWorkers", "nb_workers"),
    (401, "ZSTD_c_jobSize", "job_size"),
    (402, "ZSTD_c_overlapLog", "overlap_log"),
];

const DECOMPRESSION: &[(c_int, &str, &str)] = &[(100, "ZSTD_d_windowLogMax", "window_log_max")];

const STRATEGIES: &[(&str, i64)] = &[
    ("ZSTD_fast", 1),
    ("ZSTD_dfast", 2),
    ("ZSTD_greedy", 3),
    ("ZSTD_lazy", 4),
    ("ZSTD_lazy2", 5),
    ("ZSTD_btlazy2", 6),
    ("ZSTD_btopt", 7),
    ("ZSTD_btultra", 8),
    ("ZSTD_btultra2", 9),
];

/// The enumerations of parameters, by which wrong keys are told.
#[derive(Default)]
struct State {
    compression: MutCell<Option<Ref<Type>>>,
    decompression: MutCell<Option<Ref<Type>>>,
}

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "compression.zstd.ZstdError", &vm.types.exception)
}

#[cold]
fn error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

fn failed(code: usize) -> bool {
    // SAFETY: a plain question.
    unsafe { ffi::ZSTD_isError(code) != 0 }
}

fn error_name(code: usize) -> String {
    // SAFETY: the answer is a static C string.
    unsafe { CStr::from_ptr(ffi::ZSTD_getErrorName(code)) }
        .to_string_lossy()
        .into_owned()
}

/// Raises ZstdError for a code that is an error.
fn check(vm: &Vm, code: usize, what: &str) -> PyResult<usize> {
    if failed(code) {
        return Err(error(vm, format!("{what}: {}", error_name(code))));
    }
    Ok(code)
}

/// A value as a C int. Raises TypeError, OverflowError.
fn c_int_of(vm: &Vm, value: &Value) -> PyResult<c_int> {
    number::index_i64(vm, value)?
        .and_then(|n| c_int::try_from(n).ok())
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"))
}

#[cold]
fn parameter_error(vm: &Vm, compress: bool, key: c_int, value: c_int) -> Raised {
    let (list, kind) = if compress {
        (COMPRESSION, "compression")
    } else {
        (DECOMPRESSION, "decompression")
    };
    let name = match list.iter().find(|(number, ..)| *number == key) {
        Some((.., name)) => (*name).to_string(),
        None => format!("unknown parameter (key {key})"),
    };
    // SAFETY: a plain question.
    let bounds = unsafe {
        if compress {
            ZSTD_cParam_getBounds(key)
        } else {
            ZSTD_dParam_getBounds(key)
        }
    };
    vm.value_error(if failed(bounds.error) {
        format!("invalid {kind} parameter '{name}'")
    } else {
        format!(
            "{kind} parameter '{name}' received an illegal value {value}; the valid range is [{}, {}]",
            bounds.lowerBound, bounds.upperBound
        )
    })
}

/// The items of an options dictionary as numbers. Keys of the class `wrong` are refused.
fn options_of(
    vm: &Vm,
    options: &Value,
    kind: &str,
    wrong: Option<Ref<Type>>,
    other: &str,
) -> PyResult<Vec<(c_int, c_int)>> {
    let Some(dict) = options.downcast::<Dict>() else {
        let class = if kind == "compression" {
            "ZstdCompressor"
        } else {
            "ZstdDecompressor"
        };
        return Err(vm.type_error(format!(
            "{class}() argument 'options' must be dict, not {}",
            vm.type_of(options).full_name()
        )));
    };
    let mut items = Vec::new();
    for (key, value) in dict.items_vec() {
        if wrong
            .as_ref()
            .is_some_and(|wrong| vm.type_of(&key).is(wrong))
        {
            return Err(vm.type_error(format!(
                "{kind} options dictionary key must not be a {other} attribute"
            )));
        }
        items.push((c_int_of(vm, &key)?, c_int_of(vm, &value)?));
    }
    Ok(items)
}

/// The sizes of samples, which must add up to their length.
fn sample_sizes(vm: &Vm, samples: &[u8], sizes: &Ref<Tuple>) -> PyResult<Vec<usize>> {
    if u32::try_from(sizes.len()).is_err() {
        return Err(vm.value_error(format!("The number of samples should be <= {}.", u32::MAX)));
    }
    let mismatch =
        || vm.value_error("The samples size tuple doesn't match the concatenation's size.");
    let (mut all, mut left) = (Vec::new(), samples.len());
    for size in sizes.items() {
        if !number::is_int(vm, size) {
            return Err(vm.type_error("an integer is required"));
        }
        let size = int::as_i64(size).and_then(|n| usize::try_from(n).ok());
        let size = size.filter(|n| *n <= left).ok_or_else(mismatch)?;
        left -= size;
        all.push(size);
    }
    if left != 0 {
        return Err(mismatch());
    }
    Ok(all)
}

/// Room for a dictionary.
fn dict_room(vm: &Vm, size: isize) -> PyResult<Vec<u8>> {
    match usize::try_from(size) {
        Ok(size) if size > 0 => {
            vm.check_size(Some(size))?;
            Ok(vec![0; size])
        }
        _ => Err(vm.value_error("dict_size argument should be positive number.")),
    }
}

#[pymodule(
    name = "_zstd",
    doc = "Implementation module for Zstandard compression.",
    classes(ZstdDict, Compressor, Decompressor)
)]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let class = error_class(vm)?;
        let doc = vm.new_str("An error occurred in the zstd library.")?;
        let name = vm.intern("__doc__");
        attributes::set(vm, class.as_value(), &name, Some(doc.as_value()))?;
        module.set(vm, "ZstdError", class.into_value())?;
        for (number, name, _) in COMPRESSION.iter().chain(DECOMPRESSION) {
            module.set(vm, name, vm.new_int(i64::from(*number))?)?;
        }
        for (name, number) in STRATEGIES {
            module.set(vm, name, vm.new_int(*number)?)?;
        }
        // SAFETY: static facts of the library.
        let (version, number, level, out) = unsafe {
            (
                CStr::from_ptr(ffi::ZSTD_versionString()).to_string_lossy(),
                ffi::ZSTD_versionNumber(),
                ffi::ZSTD_defaultCLevel(),
                ffi::ZSTD_DStreamOutSize(),
            )
        };
        module.set(vm, "zstd_version", vm.new_str(version)?.into_value())?;
        module.set(vm, "zstd_version_number", vm.new_int(i64::from(number))?)?;
        module.set(vm, "ZSTD_CLEVEL_DEFAULT", vm.new_int(i64::from(level))?)?;
        module.set(vm, "ZSTD_DStreamOutSize", vm.new_int(out as i64)?)
    }

    /// Train a Zstandard dictionary on sample data.
    ///
    ///   samples_bytes
    ///     Concatenation of samples.
    ///   samples_sizes
    ///     Tuple of samples' sizes.
    ///   dict_size
    ///     The size of the dictionary.
    #[pyfunction(sig = "($module, samples_bytes, samples_sizes, dict_size, /)")]
    fn train_dict(
        vm: &Vm,
        samples_bytes: &Ref<Bytes>,
        samples_sizes: &Ref<Tuple>,
        dict_size: isize,
    ) -> PyResult {
        let mut dict = dict_room(vm, dict_size)?;
        let samples = Bytes::as_bytes_of(samples_bytes);
        let sizes = sample_sizes(vm, samples, samples_sizes)?;
        let code = vm.without_gil(|| {
            // SAFETY: all buffers are as long as said; bytes do not change.
            unsafe {
                ffi::ZDICT_trainFromBuffer(
                    dict.as_mut_ptr().cast(),
                    dict.len(),
                    samples.as_ptr().cast(),
                    sizes.as_ptr(),
                    sizes.len() as u32,
                )
            }
        });
        let len = check(vm, code, "Unable to train the Zstandard dictionary")?;
        dict.truncate(len);
        Ok(vm.new_bytes_of(dict)?.into_value())
    }

    /// Finalize a Zstandard dictionary.
    ///
    ///   custom_dict_bytes
    ///     Custom dictionary content.
    ///   samples_bytes
    ///     Concatenation of samples.
    ///   samples_sizes
    ///     Tuple of samples' sizes.
    ///   dict_size
    ///     The size of the dictionary.
    ///   compression_level
    ///     Optimize for a specific Zstandard compression level, 0 means default.
    #[pyfunction(
        sig = "($module, custom_dict_bytes, samples_bytes, samples_sizes,\n              dict_size, compression_level, /)"
    )]
    fn finalize_dict(
        vm: &Vm,
        custom_dict_bytes: &Ref<Bytes>,
        samples_bytes: &Ref<Bytes>,
        samples_sizes: &Ref<Tuple>,
        dict_size: isize,
        compression_level: i32,
    ) -> PyResult {
        let mut dict = dict_room(vm, dict_size)?;
        let custom = Bytes::as_bytes_of(custom_dict_bytes);
        let samples = Bytes::as_bytes_of(samples_bytes);
        let sizes = sample_sizes(vm, samples, samples_sizes)?;
        let parameters = ffi::ZDICT_params_t {
            compressionLevel: compression_level,
            notificationLevel: 0,
            dictID: 0,
        };
        let code = vm.without_gil(|| {
            // SAFETY: all buffers are as long as said; bytes do not change.
            unsafe {
                ffi::ZDICT_finalizeDictionary(
                    dict.as_mut_ptr().cast(),
                    dict.len(),
                    custom.as_ptr().cast(),
                    custom.len(),
                    samples.as_ptr().cast(),
                    sizes.as_ptr(),
                    sizes.len() as u32,
                    parameters,
                )
            }
        });
        let len = check(vm, code, "Unable to finalize the Zstandard dictionary")?;
        dict.truncate(len);
        Ok(vm.new_bytes_of(dict)?.into_value())
    }

    /// Get CompressionParameter/DecompressionParameter bounds.
    ///
    ///   parameter
    ///     The parameter to get bounds.
    ///   is_compress
    ///     True for CompressionParameter, False for DecompressionParameter.
    #[pyfunction(sig = "($module, /, parameter, is_compress)")]
    fn get_param_bounds(vm: &Vm, parameter: i32, is_compress: bool) -> PyResult {
        // SAFETY: plain questions.
        let (bounds, kind) = unsafe {
            if is_compress {
                (ZSTD_cParam_getBounds(parameter), "compression")
            } else {
                (ZSTD_dParam_getBounds(parameter), "decompression")
            }
        };
        let what = format!("Unable to get zstd {kind} parameter bounds");
        check(vm, bounds.error, &what)?;
        let low = vm.new_int(i64::from(bounds.lowerBound))?;
        let high = vm.new_int(i64::from(bounds.upperBound))?;
        Ok(vm.new_tuple(vec![low, high])?.into_value())
    }

    /// Get the size of a Zstandard frame, including the header and optional checksum.
    ///
    ///   frame_buffer
    ///     A bytes-like object, it should start from the beginning of a frame,
    ///     and contains at least one complete frame.
    #[pyfunction(sig = "($module, /, frame_buffer)")]
    fn get_frame_size(vm: &Vm, frame_buffer: Buffer) -> PyResult<usize> {
        // SAFETY: the buffer is as long as said.
        let size = frame_buffer.with(|bytes| unsafe {
            ffi::ZSTD_findFrameCompressedSize(bytes.as_ptr().cast(), bytes.len())
        });
        if failed(size) {
            return Err(error(
                vm,
                format!(
                    "Error when finding the compressed size of a Zstandard frame. Ensure the frame_buffer argument starts \
                     from the beginning of a frame, and its length is not less than this complete frame. Zstd error \
                     message: {}.",
                    error_name(size)
                ),
            ));
        }
        Ok(size)
    }

    /// Get Zstandard frame infomation from a frame header.
    ///
    ///   frame_buffer
    ///     A bytes-like object, containing the header of a Zstandard frame.
    #[pyfunction(sig = "($module, /, frame_buffer)")]
    fn get_frame_info(vm: &Vm, frame_buffer: Buffer) -> PyResult {
        // SAFETY: the buffer is as long as said.
        let (size, id) = frame_buffer.with(|bytes| unsafe {
            let (data, len) = (bytes.as_ptr().cast(), bytes.len());
            (
                ffi::ZSTD_getFrameContentSize(data, len),
                ffi::ZSTD_getDictID_fromFrame(data, len),
            )
        });
        if size == u64::MAX - 1 {
            return Err(error(
                vm,
                "Error when getting information from the header of a Zstandard frame. Ensure the frame_buffer argument \
                 starts from the beginning of a frame, and its length is not less than the frame header (6~18 bytes).",
            ));
        }
        let size = if size == u64::MAX {
            Value::NONE
        } else {
            naja_vm::IntoPyResult::into_py_result(size, vm)?
        };
        let id = vm.new_int(i64::from(id))?;
        Ok(vm.new_tuple(vec![size, id])?.into_value())
    }

    /// Set CompressionParameter and DecompressionParameter types for validity check.
    ///
    ///   c_parameter_type
    ///     CompressionParameter IntEnum type object
    ///   d_parameter_type
    ///     DecompressionParameter IntEnum type object
    #[pyfunction(sig = "($module, /, c_parameter_type, d_parameter_type)")]
    fn set_parameter_types(vm: &Vm, c_parameter_type: &Ref<Type>, d_parameter_type: &Ref<Type>) {
        let state = vm.interp.module_state::<State>();
        state.compression.set(Some(c_parameter_type.clone()));
        state.decompression.set(Some(d_parameter_type.clone()));
    }
}
