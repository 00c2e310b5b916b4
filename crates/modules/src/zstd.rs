//! `_zstd`: Zstandard for `compression.zstd`, over the C library, which is compiled in.
//!
//! Contexts and digested dictionaries are freed by the payloads that own them. Invariant: a context refers to memory of
//! the `ZstdDict` it was given, which its object therefore keeps. CPython: Modules/_zstd/.

use crate::common;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::dict::Dict;
use naja_vm::module::Module;
use naja_vm::protocols::{attributes, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm, int};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
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

/// The dictionary of an argument `zstd_dict`, and how it is to be loaded.
fn dict_argument(vm: &Vm, value: &Value, usual: i32) -> PyResult<(Ref<ZstdDict>, i32)> {
    if let Some(dict) = value.downcast::<ZstdDict>() {
        return Ok((dict.clone(), usual));
    }
    if vm.type_of(value).is(&vm.types.tuple)
        && let Some([dict, how]) = value.downcast::<Tuple>().map(|t| t.items())
        && let Some(dict) = dict.downcast::<ZstdDict>()
        && number::is_int(vm, how)
    {
        let how = c_int_of(vm, how)?;
        if (DIGESTED..=PREFIX).contains(&how) {
            return Ok((dict.clone(), how));
        }
    }
    Err(vm.type_error("zstd_dict argument should be a ZstdDict object."))
}

/// Room for more output: what is left of `limit`, not more than doubles. Gives where it starts.
fn room(out: &mut Vec<u8>, limit: usize, least: usize) -> usize {
    let start = out.len();
    let more = (limit - start).min(start.clamp(BLOCK.max(least), 1 << 26));
    out.resize(start + more, 0);
    start
}

fn cannot_pickle(vm: &Vm, args: &Args) -> PyResult {
    let name = args
        .args
        .first()
        .map_or(String::new(), |v| vm.type_of(v).full_name());
    Err(vm.type_error(format!("cannot pickle '{name}' object")))
}

/// Represents a Zstandard dictionary.
///
///   dict_content
///     The content of a Zstandard dictionary as a bytes-like object.
///   is_raw
///     If true, perform no checks on *dict_content*, useful for some
///     advanced cases. Otherwise, check that the content represents
///     a Zstandard dictionary created by the zstd library or CLI.
///
/// The dictionary can be used for compression or decompression, and can be
/// shared by multiple ZstdCompressor or ZstdDecompressor objects.
#[pyclass(name = "ZstdDict", module = "compression.zstd", flags(IMMUTABLE))]
pub struct ZstdDict {
    content: Ref<Bytes>,
    id: u32,
    /// Digested for compression, by level, and for decompression.
    digested: MutCell<FxHashMap<c_int, usize>>,
    digest: Cell<*mut ffi::ZSTD_DDict>,
}

impl Drop for ZstdDict {
    fn drop(&mut self) {
        // SAFETY: made by `for_compression` and `for_decompression`; no context is left that refers to them.
        unsafe {
            for dict in self.digested.take().into_values() {
                ffi::ZSTD_freeCDict(dict as *mut ffi::ZSTD_CDict);
            }
            ffi::ZSTD_freeDDict(self.digest.get());
        }
    }
}

impl ZstdDict {
    fn data(&self) -> (*const c_void, usize) {
        let bytes = Bytes::as_bytes_of(&self.content);
        (bytes.as_ptr().cast(), bytes.len())
    }

    fn for_compression(&self, vm: &Vm, level: c_int) -> PyResult<*const ffi::ZSTD_CDict> {
        if let Some(known) = self.digested.with(|all| all.get(&level).copied()) {
            return Ok(known as *const ffi::ZSTD_CDict);
        }
        let (data, len) = self.data();
        // SAFETY: the content is as long as said; it is copied.
        let made = unsafe { ffi::ZSTD_createCDict(data, len, level) };
        if made.is_null() {
            return Err(error(
                vm,
                "Failed to create a ZSTD_CDict instance from Zstandard dictionary content.",
            ));
        }
        self.digested
            .with_mut(|all| all.insert(level, made as usize));
        Ok(made)
    }

    fn for_decompression(&self, vm: &Vm) -> PyResult<*const ffi::ZSTD_DDict> {
        if self.digest.get().is_null() {
            let (data, len) = self.data();
            // SAFETY: the content is as long as said; it is copied.
            self.digest.set(unsafe { ffi::ZSTD_createDDict(data, len) });
        }
        if self.digest.get().is_null() {
            return Err(error(
                vm,
                "Failed to create a ZSTD_DDict instance from Zstandard dictionary content.",
            ));
        }
        Ok(self.digest.get())
    }

    fn with_kind(zelf: &Ref<Self>, vm: &Vm, kind: i32) -> PyResult {
        let kind = vm.new_int(i64::from(kind))?;
        Ok(vm.new_tuple(vec![zelf.to_value(), kind])?.into_value())
    }
}

#[pymethods]
impl ZstdDict {
    #[pyslot(sig = "(dict_content, /, *, is_raw=False)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        dict_content: Buffer,
        #[default(false)] is_raw: bool,
    ) -> PyResult {
        let content = vm.new_bytes_of(dict_content.to_vec())?;
        if content.as_bytes().len() < 8 {
            return Err(vm.value_error(
                "Zstandard dictionary content too short (must have at least eight bytes)",
            ));
        }
        let bytes = Bytes::as_bytes_of(&content);
        // SAFETY: the content is as long as said.
        let id = unsafe { ffi::ZSTD_getDictID_fromDict(bytes.as_ptr().cast(), bytes.len()) };
        if !is_raw && id == 0 {
            return Err(vm.value_error("invalid Zstandard dictionary"));
        }
        let made = ZstdDict {
            content,
            id,
            digested: MutCell::new(FxHashMap::default()),
            digest: Cell::new(std::ptr::null_mut()),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let text = format!(
            "<ZstdDict dict_id={} dict_size={}>",
            self.id,
            self.content.as_bytes().len()
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn sq_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.content.as_bytes().len())
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        cannot_pickle(vm, &args)
    }

    /// The Zstandard dictionary, an int between 0 and 2**32.
    ///
    /// A non-zero value represents an ordinary Zstandard dictionary,
    /// conforming to the standardised format.
    ///
    /// A value of zero indicates a 'raw content' dictionary,
    /// without any restrictions on format or content.
    #[pymember]
    fn dict_id(&self) -> u32 {
        self.id
    }

    /// The content of a Zstandard dictionary, as a bytes object.
    #[pygetter]
    fn dict_content(&self) -> Value {
        self.content.to_value()
    }

    /// Load as a digested dictionary to compressor.
    ///
    /// Pass this attribute as zstd_dict argument:
    /// compress(dat, zstd_dict=zd.as_digested_dict)
    ///
    /// 1. Some advanced compression parameters of compressor may be
    ///    overridden by parameters of digested dictionary.
    /// 2. ZstdDict has a digested dictionaries cache for each compression
    ///    level.  It's faster when loading again a digested dictionary with
    ///    the same compression level.
    /// 3. No need to use this for decompression.
    #[pygetter]
    fn as_digested_dict(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        ZstdDict::with_kind(zelf, vm, DIGESTED)
    }

    /// Load as an undigested dictionary to compressor.
    ///
    /// Pass this attribute as zstd_dict argument:
    /// compress(dat, zstd_dict=zd.as_undigested_dict)
    ///
    /// 1. The advanced compression parameters of compressor will not be
    ///    overridden.
    /// 2. Loading an undigested dictionary is costly. If load an undigested
    ///    dictionary multiple times, consider reusing a compressor object.
    /// 3. No need to use this for decompression.
    #[pygetter]
    fn as_undigested_dict(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        ZstdDict::with_kind(zelf, vm, UNDIGESTED)
    }

    /// Load as a prefix to compressor/decompressor.
    ///
    /// Pass this attribute as zstd_dict argument:
    /// compress(dat, zstd_dict=zd.as_prefix)
    ///
    /// 1. Prefix is compatible with long distance matching, while
    ///    dictionary is not.
    /// 2. It only works for the first frame, then the
    ///    compressor/decompressor will return to no prefix state.
    /// 3. When decompressing, must use the same prefix as when compressing.
    #[pygetter]
    fn as_prefix(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        ZstdDict::with_kind(zelf, vm, PREFIX)
    }
}

/// Create a compressor object for compressing data incrementally.
///
///   level
///     The compression level to use. Defaults to COMPRESSION_LEVEL_DEFAULT.
///   options
///     A dict object that contains advanced compression parameters.
///   zstd_dict
///     A ZstdDict object, a pre-trained Zstandard dictionary.
///
/// Thread-safe at method level.  For one-shot compression, use the
/// compress() function instead.
#[pyclass(name = "ZstdCompressor", module = "compression.zstd", flags(IMMUTABLE))]
pub struct Compressor {
    context: *mut ffi::ZSTD_CCtx,
    /// Keeps what the context refers to.
    dict: MutCell<Option<Ref<ZstdDict>>>,
    last_mode: Cell<i32>,
    workers: Cell<bool>,
    level: Cell<c_int>,
}

impl Compressor {
    /// Lets the worker threads finish: they use the dictionary, which freeing the context frees first.
    fn drain(&self) {
        let mut scrap = vec![0u8; 1 << 17];
        loop {
            let mut input = ffi::ZSTD_inBuffer {
                src: scrap.as_ptr().cast(),
                size: 0,
                pos: 0,
            };
            let mut output = ffi::ZSTD_outBuffer {
                dst: scrap.as_mut_ptr().cast(),
                size: scrap.len(),
                pos: 0,
            };
            let end = directive(FLUSH_FRAME);
            // SAFETY: a live context; the buffers are as long as said.
            let left =
                unsafe { ffi::ZSTD_compressStream2(self.context, &mut output, &mut input, end) };
            if left == 0 || failed(left) {
                return;
            }
        }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        if self.workers.get() && self.last_mode.get() != FLUSH_FRAME {
            self.drain();
        }
        // SAFETY: a context that is not used again.
        unsafe { ffi::ZSTD_freeCCtx(self.context) };
    }
}

const CONTINUE: i32 = 0;
const FLUSH_BLOCK: i32 = 1;
const FLUSH_FRAME: i32 = 2;

fn directive(mode: i32) -> ffi::ZSTD_EndDirective {
    match mode {
        CONTINUE => ffi::ZSTD_EndDirective::ZSTD_e_continue,
        FLUSH_BLOCK => ffi::ZSTD_EndDirective::ZSTD_e_flush,
        _ => ffi::ZSTD_EndDirective::ZSTD_e_end,
    }
}

fn level_bounds() -> (c_int, c_int) {
    // SAFETY: plain questions.
    unsafe { (ffi::ZSTD_minCLevel(), ffi::ZSTD_maxCLevel()) }
}

impl Compressor {
    fn set_level(&self, vm: &Vm, level: c_int) -> PyResult<()> {
        let (low, high) = level_bounds();
        if !(low..=high).contains(&level) {
            return Err(vm.value_error(format!(
                "illegal compression level {level}; the valid range is [{low}, {high}]"
            )));
        }
        self.level.set(level);
        // SAFETY: a live context.
        let code = unsafe { ZSTD_CCtx_setParameter(self.context, LEVEL, level) };
        check(vm, code, "Unable to set zstd compression level").map(|_| ())
    }

    fn set_options(&self, vm: &Vm, options: &Value) -> PyResult<()> {
        let wrong = vm.interp.module_state::<State>().decompression.get();
        for (key, value) in options_of(vm, options, "compression", wrong, "DecompressionParameter")?
        {
            if key == LEVEL {
                self.set_level(vm, value)?;
                continue;
            }
            if key == WORKERS && value != 0 {
                self.workers.set(true);
            }
            // SAFETY: a live context; zstd checks key and value.
            if failed(unsafe { ZSTD_CCtx_setParameter(self.context, key, value) }) {
                return Err(parameter_error(vm, true, key, value));
            }
        }
        Ok(())
    }

    fn load(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        let (dict, how) = dict_argument(vm, value, UNDIGESTED)?;
        let (data, len) = dict.data();
        // SAFETY: a live context; what it refers to is kept in `dict`.
        let code = unsafe {
            match how {
                DIGESTED => {
                    let digested = dict.for_compression(vm, self.level.get())?;
                    ffi::ZSTD_CCtx_refCDict(self.context, digested)
                }
                UNDIGESTED => ffi::ZSTD_CCtx_loadDictionary(self.context, data, len),
                _ => ffi::ZSTD_CCtx_refPrefix(self.context, data, len),
            }
        };
        self.dict.set(Some(dict));
        let what = "Unable to load Zstandard dictionary or prefix for compression";
        check(vm, code, what).map(|_| ())
    }

    /// One call of the compressor: all of the input, then as `mode` says.
    fn run(&self, vm: &Vm, data: &[u8], mode: i32) -> PyResult<Vec<u8>> {
        let result = self.run_inner(vm, data, mode);
        if result.is_ok() {
            self.last_mode.set(mode);
        } else {
            self.last_mode.set(FLUSH_FRAME);
            // SAFETY: a live context; resetting a session cannot fail.
            unsafe {
                let session = ffi::ZSTD_ResetDirective::ZSTD_reset_session_only;
                ffi::ZSTD_CCtx_reset(self.context, session)
            };
        }
        result
    }

    fn run_inner(&self, vm: &Vm, data: &[u8], mode: i32) -> PyResult<Vec<u8>> {
        let threads = self.workers.get() && mode == CONTINUE;
        let mut input = ffi::ZSTD_inBuffer {
            src: data.as_ptr().cast(),
            size: data.len(),
            pos: 0,
        };
        let mut out = Vec::new();
        loop {
            let start = room(&mut out, usize::MAX, data.len() / 4);
            let mut output = ffi::ZSTD_outBuffer {
                dst: out[start..].as_mut_ptr().cast(),
                size: out.len() - start,
                pos: 0,
            };
            let end = directive(mode);
            // SAFETY: a live context; the buffers are as long as said.
            let code =
                unsafe { ffi::ZSTD_compressStream2(self.context, &mut output, &mut input, end) };
            let (made, full) = (output.pos, output.pos == output.size);
            out.truncate(start + made);
            let left = check(vm, code, "Unable to compress Zstandard data")?;
            // Workers go on in the background: there is always something left.
            let over = if threads {
                input.pos == input.size && !full
            } else {
                left == 0
            };
            if over {
                return Ok(out);
            }
        }
    }
}

#[pymethods]
impl Compressor {
    #[pyslot(sig = "(level=None, options=None, zstd_dict=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        level: Option<&Value>,
        options: Option<&Value>,
        zstd_dict: Option<&Value>,
    ) -> PyResult {
        let given = |value: Option<&Value>| value.filter(|v| !v.is_none()).cloned();
        let (level, options) = (given(level), given(options));
        // SAFETY: makes a context or gives null.
        let context = unsafe { ffi::ZSTD_createCCtx() };
        if context.is_null() {
            return Err(error(vm, "Unable to create ZSTD_CCtx instance."));
        }
        let made = Compressor {
            context,
            dict: MutCell::new(None),
            last_mode: Cell::new(FLUSH_FRAME),
            workers: Cell::new(false),
            level: Cell::new(0),
        };
        if level.is_some() && options.is_some() {
            return Err(vm.type_error("Only one of level or options should be used."));
        }
        if let Some(level) = level {
            if !number::is_int(vm, &level) {
                return Err(vm.type_error("invalid type for level, expected int"));
            }
            let Some(level) = int::as_i64(&level).and_then(|n| c_int::try_from(n).ok()) else {
                let (low, high) = level_bounds();
                return Err(vm.value_error(format!(
                    "illegal compression level; the valid range is [{low}, {high}]"
                )));
            };
            made.set_level(vm, level)?;
        }
        if let Some(options) = options {
            made.set_options(vm, &options)?;
        }
        if let Some(dict) = given(zstd_dict) {
            made.load(vm, &dict)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Provide data to the compressor object.
    ///
    ///   mode
    ///     Can be these 3 values ZstdCompressor.CONTINUE,
    ///     ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME
    ///
    /// Return a chunk of compressed data if possible, or b'' otherwise.
    /// When you have finished providing data to the compressor, call the
    /// flush() method to finish the compression process.
    #[pymethod(sig = "($self, /, data, mode=ZstdCompressor.CONTINUE)")]
    fn compress(&self, vm: &Vm, data: Buffer, #[default(CONTINUE)] mode: i32) -> PyResult {
        if !(CONTINUE..=FLUSH_FRAME).contains(&mode) {
            return Err(vm.value_error(
                "mode argument wrong value, it should be one of ZstdCompressor.CONTINUE, \
                 ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME.",
            ));
        }
        let out = data.with(|bytes| self.run(vm, bytes, mode))?;
        Ok(vm.new_bytes_of(out)?.into_value())
    }

    /// Finish the compression process.
    ///
    ///   mode
    ///     Can be these 2 values ZstdCompressor.FLUSH_FRAME,
    ///     ZstdCompressor.FLUSH_BLOCK
    ///
    /// Flush any remaining data left in internal buffers.  Since Zstandard
    /// data consists of one or more independent frames, the compressor
    /// object can still be used after this method is called.
    #[pymethod(sig = "($self, /, mode=ZstdCompressor.FLUSH_FRAME)")]
    fn flush(&self, vm: &Vm, #[default(FLUSH_FRAME)] mode: i32) -> PyResult {
        if mode != FLUSH_FRAME && mode != FLUSH_BLOCK {
            return Err(vm.value_error(
                "mode argument wrong value, it should be ZstdCompressor.FLUSH_FRAME or \
                 ZstdCompressor.FLUSH_BLOCK.",
            ));
        }
        Ok(vm.new_bytes_of(self.run(vm, b"", mode)?)?.into_value())
    }

    /// Set the uncompressed content size to be written into the frame header.
    ///
    ///   size
    ///     The size of the uncompressed data to be provided to the compressor.
    ///
    /// This method can be used to ensure the header of the frame about to
    /// be written includes the size of the data, unless the
    /// CompressionParameter.content_size_flag is set to False.
    /// If last_mode != FLUSH_FRAME, then a RuntimeError is raised.
    ///
    /// It is important to ensure that the pledged data size matches the
    /// actual data size.  If they do not match the compressed output data
    /// may be corrupted and the final chunk written may be lost.
    #[pymethod(sig = "($self, size, /)")]
    fn set_pledged_input_size(&self, vm: &Vm, size: &Value) -> PyResult<()> {
        // The two greatest numbers mean "unknown" and "error".
        const ERROR: u64 = u64::MAX - 1;
        let size = if size.is_none() {
            u64::MAX
        } else if number::is_int(vm, size) {
            let n = number::index_big(vm, size)?;
            u64::try_from(n)
                .ok()
                .filter(|n| *n < ERROR)
                .ok_or_else(|| {
                    vm.value_error(format!(
                        "size argument should be a positive int less than {ERROR}"
                    ))
                })?
        } else {
            return Err(vm.type_error("an integer is required"));
        };
        if self.last_mode.get() != FLUSH_FRAME {
            return Err(vm.value_error(
                "set_pledged_input_size() method must be called when last_mode == FLUSH_FRAME",
            ));
        }
        // SAFETY: a live context.
        let code = unsafe { ffi::ZSTD_CCtx_setPledgedSrcSize(self.context, size) };
        let what = "Unable to set pledged uncompressed content size";
        check(vm, code, what).map(|_| ())
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        cannot_pickle(vm, &args)
    }

    /// The last mode used to this compressor object, its value can be .CONTINUE,
    /// .FLUSH_BLOCK, .FLUSH_FRAME. Initialized to .FLUSH_FRAME.
    ///
    /// It can be used to get the current state of a compressor, such as, data
    /// flushed, or a frame ended.
    #[pymember]
    fn last_mode(&self) -> i32 {
        self.last_mode.get()
    }

    #[pyattr(name = "CONTINUE")]
    fn mode_continue(_vm: &Vm) -> i32 {
        CONTINUE
    }
    #[pyattr(name = "FLUSH_BLOCK")]
    fn mode_flush_block(_vm: &Vm) -> i32 {
        FLUSH_BLOCK
    }
    #[pyattr(name = "FLUSH_FRAME")]
    fn mode_flush_frame(_vm: &Vm) -> i32 {
        FLUSH_FRAME
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
///   zstd_dict
///     A ZstdDict object, a pre-trained Zstandard dictionary.
///   options
///     A dict object that contains advanced decompression parameters.
///
/// Thread-safe at method level.  For one-shot decompression, use the
/// decompress() function instead.
#[pyclass(
    name = "ZstdDecompressor",
    module = "compression.zstd",
    flags(IMMUTABLE)
)]
pub struct Decompressor {
    context: *mut ffi::ZSTD_DCtx,
    /// Keeps what the context refers to.
    dict: MutCell<Option<Ref<ZstdDict>>>,
    pending: MutCell<Vec<u8>>,
    eof: Cell<bool>,
    needs_input: Cell<bool>,
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: a context that is not used again.
        unsafe { ffi::ZSTD_freeDCtx(self.context) };
    }
}

impl Decompressor {
    fn load(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        let (dict, how) = dict_argument(vm, value, DIGESTED)?;
        let (data, len) = dict.data();
        // SAFETY: a live context; what it refers to is kept in `dict`.
        let code = unsafe {
            match how {
                DIGESTED => ffi::ZSTD_DCtx_refDDict(self.context, dict.for_decompression(vm)?),
                UNDIGESTED => ffi::ZSTD_DCtx_loadDictionary(self.context, data, len),
                _ => ffi::ZSTD_DCtx_refPrefix(self.context, data, len),
            }
        };
        self.dict.set(Some(dict));
        let what = "Unable to load Zstandard dictionary or prefix for decompression";
        check(vm, code, what).map(|_| ())
    }

    fn set_options(&self, vm: &Vm, options: &Value) -> PyResult<()> {
        let wrong = vm.interp.module_state::<State>().compression.get();
        for (key, value) in options_of(vm, options, "decompression", wrong, "CompressionParameter")?
        {
            // SAFETY: a live context; zstd checks key and value.
            if failed(unsafe { ZSTD_DCtx_setParameter(self.context, key, value) }) {
                return Err(parameter_error(vm, false, key, value));
            }
        }
        Ok(())
    }

    /// Decodes until the frame ends, the input is used up or `limit` bytes are there. Gives the output and how much input
    /// was taken.
    fn run(&self, vm: &Vm, data: &[u8], limit: usize) -> PyResult<(Vec<u8>, usize)> {
        let mut input = ffi::ZSTD_inBuffer {
            src: data.as_ptr().cast(),
            size: data.len(),
            pos: 0,
        };
        let mut out = Vec::new();
        loop {
            let start = room(&mut out, limit, data.len());
            let mut output = ffi::ZSTD_outBuffer {
                dst: out[start..].as_mut_ptr().cast(),
                size: out.len() - start,
                pos: 0,
            };
            // SAFETY: a live context; the buffers are as long as said.
            let code = unsafe { ffi::ZSTD_decompressStream(self.context, &mut output, &mut input) };
            let (made, full) = (output.pos, output.pos == output.size);
            out.truncate(start + made);
            if check(vm, code, "Unable to decompress Zstandard data")? == 0 {
                self.eof.set(true);
                return Ok((out, input.pos));
            }
            if full {
                // Some output may still be inside, whether or not there is input.
                if out.len() >= limit {
                    return Ok((out, input.pos));
                }
            } else if input.pos == input.size {
                return Ok((out, input.pos));
            }
        }
    }

    fn reset(&self) {
        drop(self.pending.take());
        self.needs_input.set(true);
        self.eof.set(false);
        // SAFETY: a live context; resetting a session cannot fail.
        unsafe {
            let session = ffi::ZSTD_ResetDirective::ZSTD_reset_session_only;
            ffi::ZSTD_DCtx_reset(self.context, session)
        };
    }
}

#[pymethods]
impl Decompressor {
    #[pyslot(sig = "(zstd_dict=None, options=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        zstd_dict: Option<&Value>,
        options: Option<&Value>,
    ) -> PyResult {
        // SAFETY: makes a context or gives null.
        let context = unsafe { ffi::ZSTD_createDCtx() };
        if context.is_null() {
            return Err(error(vm, "Unable to create ZSTD_DCtx instance."));
        }
        let made = Decompressor {
            context,
            dict: MutCell::new(None),
            pending: MutCell::new(Vec::new()),
            eof: Cell::new(false),
            needs_input: Cell::new(true),
        };
        if let Some(dict) = zstd_dict.filter(|d| !d.is_none()) {
            made.load(vm, dict)?;
        }
        if let Some(options) = options.filter(|o| !o.is_none()) {
            made.set_options(vm, options)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Decompress *data*, returning uncompressed bytes if possible, or b'' otherwise.
    ///
    ///   data
    ///     A bytes-like object, Zstandard data to be decompressed.
    ///   max_length
    ///     Maximum size of returned data. When it is negative, the size of
    ///     output buffer is unlimited. When it is nonnegative, returns at
    ///     most max_length bytes of decompressed data.
    ///
    /// If *max_length* is nonnegative, returns at most *max_length* bytes
    /// of decompressed data.  If this limit is reached and further output
    /// can be produced, *self.needs_input* will be set to ``False``.  In
    /// this case, the next call to *decompress()* may provide *data* as b''
    /// to obtain more of the output.
    ///
    /// If all of the input data was decompressed and returned (either
    /// because this was less than *max_length* bytes, or because
    /// *max_length* was negative), *self.needs_input* will be set to True.
    ///
    /// Attempting to decompress data after the end of a frame is reached
    /// raises an EOFError.  Any data found after the end of the frame is
    /// ignored and saved in the self.unused_data attribute.
    #[pymethod(sig = "($self, /, data, max_length=-1)")]
    fn decompress(&self, vm: &Vm, data: Buffer, #[default(-1)] max_length: isize) -> PyResult {
        if self.eof.get() {
            return Err(vm.eof_error("Already at the end of a Zstandard frame."));
        }
        let limit = usize::try_from(max_length).unwrap_or(usize::MAX);
        let mut input = self.pending.take();
        let result = if input.is_empty() {
            data.with(|bytes| {
                self.run(vm, bytes, limit)
                    .map(|(out, taken)| (out, bytes[taken..].to_vec()))
            })
        } else {
            data.with(|bytes| input.extend_from_slice(bytes));
            self.run(vm, &input, limit)
                .map(|(out, taken)| (out, input.split_off(taken)))
        };
        match result {
            Ok((out, rest)) => {
                let more = out.len() == limit || self.eof.get();
                self.needs_input.set(rest.is_empty() && !more);
                self.pending.set(rest);
                Ok(vm.new_bytes_of(out)?.into_value())
            }
            Err(raised) => {
                self.reset();
                Err(raised)
            }
        }
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        cannot_pickle(vm, &args)
    }

    /// True means the end of the first frame has been reached. If decompress data
    /// after that, an EOFError exception will be raised.
    #[pymember]
    fn eof(&self) -> bool {
        self.eof.get()
    }

    /// If the max_length output limit in .decompress() method has been reached,
    /// and the decompressor has (or may has) unconsumed input data, it will be set
    /// to False. In this case, passing b'' to the .decompress() method may output
    /// further data.
    #[pymember]
    fn needs_input(&self) -> bool {
        self.needs_input.get()
    }

    /// A bytes object of un-consumed input data.
    ///
    /// When ZstdDecompressor object stops after a frame is
    /// decompressed, unused input data after the frame.  Otherwise this
    /// will be b''.
    #[pygetter]
    fn unused_data(&self, vm: &Vm) -> PyResult {
        let rest = if self.eof.get() {
            self.pending.get()
        } else {
            Vec::new()
        };
        Ok(vm.new_bytes_of(rest)?.into_value())
    }
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
