//! The hash modules `_md5`, `_sha1`, `_sha2`, `_sha3`, `_blake2`, and what `_hmac` and `_hashlib` share with them.
//!
//! The digests are of the crates of RustCrypto and of `blake2b_simd`/`blake2s_simd`; an object holds a running state, and
//! asking for the digest finishes a copy of it. Here are the running state ([`Hash`]), the table of the functions by name
//! ([`FUNCTIONS`]) and keyed hashing ([`Keyed`], RFC 2104); the modules have a file each. CPython: Modules/md5module.c,
//! sha1module.c, sha2module.c, sha3module.c, blake2module.c, hmacmodule.c.

pub mod blake2;
pub mod fixed;
pub mod sha3;

use digest::DynDigest;
use naja_heap::{MutCell, Value};
use naja_macros::pymodule;
use naja_vm::buffer::{self, Buffer};
use naja_vm::{PyResult, Vm};

/// The bytes to hash. Raises TypeError for strings and what has no buffer.
pub(crate) fn data_buffer(vm: &Vm, data: &Value) -> PyResult<Buffer> {
    if naja_vm::str_::of(data).is_some() {
        return Err(vm.type_error("Strings must be encoded before hashing"));
    }
    if !Buffer::supported(vm, data) {
        return Err(vm.type_error("object supporting the buffer API required"));
    }
    let buffer = Buffer::get(vm, data, buffer::flags::SIMPLE)?;
    if buffer.ndim() > 1 {
        return Err(vm.buffer_error("Buffer must be single dimension"));
    }
    Ok(buffer)
}

/// What is to be hashed first: `data`, or `string` under its old name.
pub(crate) fn first_data<'a>(
    vm: &Vm,
    data: Option<&'a Value>,
    string: Option<&'a Value>,
) -> PyResult<Option<&'a Value>> {
    match (data, string.filter(|s| !s.is_none())) {
        (Some(_), Some(_)) => Err(vm.type_error(
            "'data' and 'string' are mutually exclusive and support for 'string' keyword parameter is slated for removal in a future version.",
        )),
        (data, string) => Ok(data.or(string)),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    digits.map(|d| DIGITS[usize::from(d)] as char).collect()
}

/// What all modules of hash functions have.
#[pymodule(name = "hashes", doc = "")]
pub(crate) mod shared {
    use super::*;

    #[pyattr(name = "_GIL_MINSIZE")]
    fn gil_minsize(vm: &Vm) -> PyResult {
        vm.new_int(2048)
    }
}

/// A part of a Python module, `constructors`: functions that make a hash object of what is to be hashed first. Of each its
/// docstring, its name and the object.
macro_rules! constructors {
    ($module:literal, |$vm:ident, $data:ident, $string:ident| $($(#[$doc:meta])* $name:ident = $object:expr;)*) => {
        #[pymodule(name = $module, doc = "")]
        mod constructors {
            use super::*;
            $(
                $(#[$doc])*
                #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
                fn $name(
                    $vm: &Vm,
                    $data: Option<&Value>,
                    _usedforsecurity: Option<bool>,
                    $string: Option<&Value>,
                ) -> PyResult {
                    $object
                }
            )*
        }
    };
}

pub(crate) use constructors;

/// A running hash of fixed length.
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

/// Keyed hashing for message authentication: the inner hash has taken the padded key and takes the messages, the outer one
/// has taken the key only. Asking for the digest works on copies of both.
pub(crate) struct Keyed {
    pub function: &'static Function,
    inner: MutCell<Hash>,
    outer: Hash,
}

impl Keyed {
    pub(crate) fn new(function: &'static Function, key: &[u8]) -> Keyed {
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
        Keyed {
            function,
            inner: MutCell::new(padded(0x36)),
            outer: padded(0x5c),
        }
    }

    /// Takes more of the message. Raises TypeError for strings and what has no buffer.
    pub(crate) fn update(&self, vm: &Vm, msg: &Value) -> PyResult<()> {
        data_buffer(vm, msg)?.with(|data| self.add(data));
        Ok(())
    }

    pub(crate) fn add(&self, data: &[u8]) {
        self.inner.with_mut(|inner| inner.update(data));
    }

    pub(crate) fn digest(&self) -> Vec<u8> {
        let mut outer = self.outer.clone();
        outer.update(&self.inner.get().finish());
        outer.finish()
    }

    pub(crate) fn duplicate(&self) -> Keyed {
        Keyed {
            function: self.function,
            inner: MutCell::new(self.inner.get()),
            outer: self.outer.clone(),
        }
    }

    /// What `repr` shows of the object at an address.
    pub(crate) fn shown(&self, address: u64) -> String {
        format!("<{} HMAC object @ {address:#x}>", self.function.name)
    }
}

/// The methods and attributes that `_hmac.HMAC` and `_hashlib.HMAC` have in common.
macro_rules! keyed_class {
    ($class:ident, $module:literal, $(#[$doc:meta])*) => {
        $(#[$doc])*
        #[pyclass(name = "HMAC", module = $module, flags(NO_NEW))]
        pub struct $class {
            keyed: Keyed,
        }

        #[pymethods]
        impl $class {
            /// Return a copy ("clone") of the HMAC object.
            #[pymethod(sig = "($self, /)")]
            fn copy(&self, vm: &Vm) -> PyResult {
                let keyed = self.keyed.duplicate();
                Ok(vm.new_object($class { keyed })?.into_value())
            }

            /// Update the HMAC object with the given message.
            #[pymethod(sig = "($self, /, msg)")]
            fn update(&self, vm: &Vm, msg: &Value) -> PyResult<()> {
                self.keyed.update(vm, msg)
            }

            /// Return the digest of the bytes passed to the update() method so far.
            #[pymethod(sig = "($self, /)")]
            fn digest(&self, vm: &Vm) -> PyResult {
                Ok(vm.new_bytes_of(self.keyed.digest())?.into_value())
            }

            /// Return hexadecimal digest of the bytes passed to the update() method so far.
            ///
            /// This may be used to exchange the value safely in email or other
            /// non-binary environments.
            #[pymethod(sig = "($self, /)")]
            fn hexdigest(&self) -> String {
                hex(&self.keyed.digest())
            }

            #[pyslot]
            fn repr(zelf: &Value, vm: &Vm) -> PyResult {
                let hmac = zelf.downcast::<$class>();
                let text = hmac.map(|hmac| hmac.keyed.shown(zelf.bits()));
                Ok(vm.new_str(text.unwrap_or_default())?.into_value())
            }

            #[pygetter]
            fn name(&self) -> String {
                format!("hmac-{}", self.keyed.function.name)
            }

            #[pygetter]
            fn block_size(&self) -> usize {
                self.keyed.function.block_size
            }

            #[pygetter]
            fn digest_size(&self) -> usize {
                self.keyed.function.digest_size
            }
        }
    };
}

pub(crate) use keyed_class;
