//! `ZstdDict`, and how an argument names one. What is made of a dictionary for a level, or for decompression, is kept with
//! it. CPython: Modules/_zstd/zstddict.c.

use super::{DIGESTED, PREFIX, UNDIGESTED, c_int_of, error};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::number;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use zstd_safe::zstd_sys as ffi;

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
    pub(super) fn data(&self) -> (*const c_void, usize) {
        let bytes = Bytes::as_bytes_of(&self.content);
        (bytes.as_ptr().cast(), bytes.len())
    }

    pub(super) fn for_compression(
        &self,
        vm: &Vm,
        level: c_int,
    ) -> PyResult<*const ffi::ZSTD_CDict> {
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

    pub(super) fn for_decompression(&self, vm: &Vm) -> PyResult<*const ffi::ZSTD_DDict> {
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

/// The dictionary of an argument `zstd_dict`, and how it is to be loaded.
pub(super) fn dict_argument(vm: &Vm, value: &Value, usual: i32) -> PyResult<(Ref<ZstdDict>, i32)> {
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
