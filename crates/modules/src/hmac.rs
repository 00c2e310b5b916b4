//! `_hmac`: keyed hashing for message authentication (RFC 2104) with the hash functions of `hashes.rs`.
//!
//! An object holds the inner hash, which has taken the padded key and then takes the messages, and the outer one, which has
//! taken the key only. Asking for the digest works on copies of both. CPython: Modules/hmacmodule.c.

use crate::common;
use crate::hashes::{data_buffer, hex};
use digest::DynDigest;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::object;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm, str_};

/// A running hash function.
pub(crate) enum Hash {
    Any(Box<dyn DynDigest>),
    Blake2b(Box<blake2b_simd::State>),
    Blake2s(Box<blake2s_simd::State>),
}

impl Clone for Hash {
    fn clone(&self) -> Hash {
        match self {
            Hash::Any(hash) => Hash::Any(hash.box_clone()),
            Hash::Blake2b(hash) => Hash::Blake2b(hash.clone()),
            Hash::Blake2s(hash) => Hash::Blake2s(hash.clone()),
        }
    }
}

impl Hash {
    pub(crate) fn update(&mut self, data: &[u8]) {
        match self {
            Hash::Any(hash) => hash.update(data),
            Hash::Blake2b(hash) => {
                hash.update(data);
            }
            Hash::Blake2s(hash) => {
                hash.update(data);
            }
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Hash::Any(hash) => hash.finalize().into_vec(),
            Hash::Blake2b(hash) => hash.finalize().as_bytes().to_vec(),
            Hash::Blake2s(hash) => hash.finalize().as_bytes().to_vec(),
        }
    }
}

/// A hash function: its name, sizes of digest and block, and how it starts.
pub(crate) struct Function {
    pub name: &'static str,
    pub digest_size: usize,
    pub block_size: usize,
    pub start: fn() -> Hash,
}

macro_rules! functions {
    ($($name:literal $digest:literal $block:literal $start:expr;)*) => {
        pub(crate) static FUNCTIONS: &[Function] = &[$(
            Function { name: $name, digest_size: $digest, block_size: $block, start: || $start }
        ),*];
    };
}

functions! {
    "md5" 16 64 Hash::Any(Box::new(::md5::Md5::default()));
    "sha1" 20 64 Hash::Any(Box::new(::sha1::Sha1::default()));
    "sha224" 28 64 Hash::Any(Box::new(::sha2::Sha224::default()));
    "sha256" 32 64 Hash::Any(Box::new(::sha2::Sha256::default()));
    "sha384" 48 128 Hash::Any(Box::new(::sha2::Sha384::default()));
    "sha512" 64 128 Hash::Any(Box::new(::sha2::Sha512::default()));
    "sha3_224" 28 144 Hash::Any(Box::new(::sha3::Sha3_224::default()));
    "sha3_256" 32 136 Hash::Any(Box::new(::sha3::Sha3_256::default()));
    "sha3_384" 48 104 Hash::Any(Box::new(::sha3::Sha3_384::default()));
    "sha3_512" 64 72 Hash::Any(Box::new(::sha3::Sha3_512::default()));
    "blake2s" 32 64 Hash::Blake2s(Box::new(blake2s_simd::State::new()));
    "blake2b" 64 128 Hash::Blake2b(Box::new(blake2b_simd::State::new()));
}

/// The function of a name, in upper or lower case. Raises UnknownHashError.
fn find(vm: &Vm, digestmod: &Value) -> PyResult<&'static Function> {
    let name = str_::of(digestmod).map(|name| name.to_string_lossy().to_ascii_lowercase());
    let name = name.as_deref().map(|name| match name {
        "blake2s_32" => "blake2s",
        "blake2b_32" => "blake2b",
        name => name,
    });
    let found = name.and_then(|name| FUNCTIONS.iter().find(|function| function.name == name));
    match found {
        Some(function) => Ok(function),
        None => {
            let shown = object::repr(vm, digestmod)?;
            let message = format!("unsupported hash type: {}", shown.to_string_lossy());
            Err(vm.raise(&unknown_hash_error(vm)?, message))
        }
    }
}

fn unknown_hash_error(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "_hmac.UnknownHashError", &vm.types.value_error)
}

/// Inner and outer hash, both begun with the key.
pub(crate) fn begin(function: &Function, key: &[u8]) -> (Hash, Hash) {
    let mut block = vec![0; function.block_size];
    let digest;
    let key = if key.len() > function.block_size {
        let mut hash = (function.start)();
        hash.update(key);
        digest = hash.finish();
        &digest
    } else {
        key
    };
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| {
        let mut hash = (function.start)();
        let block: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        hash.update(&block);
        hash
    };
    (padded(0x36), padded(0x5c))
}

pub(crate) fn finish(inner: Hash, mut outer: Hash) -> Vec<u8> {
    outer.update(&inner.finish());
    outer.finish()
}

/// The digest of one message at once.
fn compute(vm: &Vm, function: &Function, key: &Value, msg: &Value) -> PyResult {
    let key = data_buffer(vm, key)?;
    let msg = data_buffer(vm, msg)?;
    let (mut inner, outer) = key.with(|key| begin(function, key));
    msg.with(|data| inner.update(data));
    Ok(vm.new_bytes_of(finish(inner, outer))?.into_value())
}

#[pyclass(name = "HMAC", module = "_hmac", doc = "", flags(NO_NEW))]
pub struct Hmac {
    function: &'static Function,
    inner: MutCell<Hash>,
    outer: Hash,
}

impl Hmac {
    fn result(&self) -> Vec<u8> {
        finish(self.inner.get(), self.outer.clone())
    }

    fn add(&self, vm: &Vm, msg: &Value) -> PyResult<()> {
        let msg = data_buffer(vm, msg)?;
        self.inner
            .with_mut(|inner| msg.with(|data| inner.update(data)));
        Ok(())
    }
}

#[pymethods]
impl Hmac {
    /// Return a copy ("clone") of the HMAC object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let copy = Hmac {
            function: self.function,
            inner: MutCell::new(self.inner.get()),
            outer: self.outer.clone(),
        };
        Ok(vm.new_object(copy)?.into_value())
    }

    /// Update the HMAC object with the given message.
    #[pymethod(sig = "($self, /, msg)")]
    fn update(&self, vm: &Vm, msg: &Value) -> PyResult<()> {
        self.add(vm, msg)
    }

    /// Return the digest of the bytes passed to the update() method so far.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes_of(self.result())?.into_value())
    }

    /// Return hexadecimal digest of the bytes passed to the update() method so far.
    ///
    /// This may be used to exchange the value safely in email or other
    /// non-binary environments.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&self.result())
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let name = match zelf.downcast::<Hmac>() {
            Some(hmac) => hmac.function.name,
            None => "",
        };
        let address = zelf.bits();
        let text = format!("<{name} HMAC object @ {address:#x}>");
        Ok(vm.new_str(text)?.into_value())
    }

    #[pygetter]
    fn name(&self) -> String {
        format!("hmac-{}", self.function.name)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        self.function.block_size
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        self.function.digest_size
    }
}

macro_rules! computers {
    ($($name:ident $function:literal;)*) => { $(
        pub(super) fn $name(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
            compute(vm, find(vm, vm.intern($function).as_value())?, key, msg)
        }
    )* };
}

/// One function for each hash function.
mod each {
    use super::*;

    computers! {
        md5 "md5";
        sha1 "sha1";
        sha224 "sha224";
        sha256 "sha256";
        sha384 "sha384";
        sha512 "sha512";
        sha3_224 "sha3_224";
        sha3_256 "sha3_256";
        sha3_384 "sha3_384";
        sha3_512 "sha3_512";
        blake2s "blake2s";
        blake2b "blake2b";
    }
}

#[pymodule(name = "_hmac", doc = "", classes(Hmac))]
pub mod module {
    use super::*;

    #[pyattr(name = "UnknownHashError")]
    fn unknown_hash_error_attr(vm: &Vm) -> PyResult {
        Ok(unknown_hash_error(vm)?.into_value())
    }

    #[pyattr(name = "_GIL_MINSIZE")]
    fn gil_minsize(vm: &Vm) -> PyResult {
        vm.new_int(2048)
    }

    /// Return a new HMAC object.
    #[pyfunction(sig = "($module, /, key, msg=None, digestmod=None)")]
    fn new(vm: &Vm, key: &Value, msg: Option<&Value>, digestmod: Option<&Value>) -> PyResult {
        let Some(digestmod) = digestmod else {
            return Err(vm.type_error("new() missing 1 required argument 'digestmod'"));
        };
        let function = find(vm, digestmod)?;
        let key = data_buffer(vm, key)?;
        let (inner, outer) = key.with(|key| begin(function, key));
        let made = Hmac {
            function,
            inner: MutCell::new(inner),
            outer,
        };
        if let Some(msg) = msg.filter(|msg| !msg.is_none()) {
            made.add(vm, msg)?
        }
        Ok(vm.new_object(made)?.into_value())
    }

    #[pyfunction(sig = "($module, /, key, msg, digest)")]
    fn compute_digest(vm: &Vm, key: &Value, msg: &Value, digest: &Value) -> PyResult {
        compute(vm, find(vm, digest)?, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_md5(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::md5(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha1(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha1(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha224(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha224(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha256(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha256(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha384(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha384(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha512(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha512(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha3_224(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha3_224(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha3_256(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha3_256(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha3_384(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha3_384(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_sha3_512(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::sha3_512(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_blake2s_32(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::blake2s(vm, key, msg)
    }

    #[pyfunction(sig = "($module, key, msg, /)")]
    fn compute_blake2b_32(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
        each::blake2b(vm, key, msg)
    }
}
