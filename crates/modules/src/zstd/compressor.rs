//! `ZstdCompressor`. Invariant: the dictionary lives as long as the context that refers to it, and worker threads have
//! finished before either goes. CPython: Modules/_zstd/compressor.c.

use super::dict::{ZstdDict, dict_argument};
use super::{
    BLOCK, DIGESTED, LEVEL, State, UNDIGESTED, WORKERS, ZSTD_CCtx_setParameter, check, error,
    failed, options_of, parameter_error,
};
use crate::compression::room;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm, int};
use std::cell::Cell;
use std::ffi::c_int;
use zstd_safe::zstd_sys as ffi;

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
            let start = room(&mut out, usize::MAX, BLOCK.max(data.len() / 4));
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
