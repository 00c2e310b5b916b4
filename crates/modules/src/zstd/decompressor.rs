//! `ZstdDecompressor`: one frame at a time; input behind its end is kept for who asks. CPython:
//! Modules/_zstd/decompressor.c.

use super::dict::{ZstdDict, dict_argument};
use super::{
    BLOCK, DIGESTED, State, UNDIGESTED, ZSTD_DCtx_setParameter, check, error, failed, options_of,
    parameter_error,
};
use crate::compression::{Decoded, Input, Stop, room};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use zstd_safe::zstd_sys as ffi;

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
    input: Input,
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

    /// Decodes until the frame ends, the input is used up or `limit` bytes are there.
    fn run(&self, vm: &Vm, data: &[u8], limit: usize) -> PyResult<Decoded> {
        let mut input = ffi::ZSTD_inBuffer {
            src: data.as_ptr().cast(),
            size: data.len(),
            pos: 0,
        };
        let mut out = Vec::new();
        loop {
            let start = room(&mut out, limit, BLOCK.max(data.len()));
            let mut output = ffi::ZSTD_outBuffer {
                dst: out[start..].as_mut_ptr().cast(),
                size: out.len() - start,
                pos: 0,
            };
            // SAFETY: a live context; the buffers are as long as said.
            let code = unsafe { ffi::ZSTD_decompressStream(self.context, &mut output, &mut input) };
            let (made, full) = (output.pos, output.pos == output.size);
            out.truncate(start + made);
            let left = check(vm, code, "Unable to decompress Zstandard data")?;
            let stop = if left == 0 {
                Stop::End
            } else if full && out.len() >= limit {
                Stop::Limit
            } else if !full && input.pos == input.size {
                Stop::Empty
            } else {
                continue;
            };
            let taken = input.pos;
            return Ok(Decoded { out, taken, stop });
        }
    }

    fn reset(&self) {
        self.input.reset();
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
            input: Input::default(),
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
        let over = "Already at the end of a Zstandard frame.";
        self.input
            .decompress(vm, &data, max_length, over, |input, limit| {
                self.run(vm, input, limit).inspect_err(|_| self.reset())
            })
    }

    /// True means the end of the first frame has been reached. If decompress data
    /// after that, an EOFError exception will be raised.
    #[pymember]
    fn eof(&self) -> bool {
        self.input.eof()
    }

    /// If the max_length output limit in .decompress() method has been reached,
    /// and the decompressor has (or may has) unconsumed input data, it will be set
    /// to False. In this case, passing b'' to the .decompress() method may output
    /// further data.
    #[pymember]
    fn needs_input(&self) -> bool {
        self.input.needs_input()
    }

    /// A bytes object of un-consumed input data.
    ///
    /// When ZstdDecompressor object stops after a frame is
    /// decompressed, unused input data after the frame.  Otherwise this
    /// will be b''.
    #[pygetter]
    fn unused_data(&self, vm: &Vm) -> PyResult {
        self.input.unused_data(vm)
    }
}
