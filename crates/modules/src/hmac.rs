//! `_hmac`: keyed hashing for message authentication (RFC 2104) with the hash functions of `hashes.rs`.
//!
//! The work is [`Keyed`]'s; here are the names that Python sees. CPython: Modules/hmacmodule.c.

use crate::common;
use crate::hashes::{FUNCTIONS, Function, Keyed, data_buffer, hex, keyed_class, shared};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::object;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm, str_};

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

/// The digest of one message at once.
fn compute(vm: &Vm, function: &'static Function, key: &Value, msg: &Value) -> PyResult {
    let key = data_buffer(vm, key)?;
    let keyed = key.with(|key| Keyed::new(function, key));
    keyed.update(vm, msg)?;
    Ok(vm.new_bytes_of(keyed.digest())?.into_value())
}

keyed_class!(Hmac, "_hmac",);

macro_rules! computers {
    ($($name:ident $function:literal;)*) => {
        /// One function of the module for each hash function.
        #[pymodule(name = "_hmac", doc = "")]
        mod computers {
            use super::*;
            $(
                #[pyfunction(sig = "($module, key, msg, /)")]
                fn $name(vm: &Vm, key: &Value, msg: &Value) -> PyResult {
                    compute(vm, find(vm, vm.intern($function).as_value())?, key, msg)
                }
            )*
        }
    };
}

computers! {
    compute_md5 "md5";
    compute_sha1 "sha1";
    compute_sha224 "sha224";
    compute_sha256 "sha256";
    compute_sha384 "sha384";
    compute_sha512 "sha512";
    compute_sha3_224 "sha3_224";
    compute_sha3_256 "sha3_256";
    compute_sha3_384 "sha3_384";
    compute_sha3_512 "sha3_512";
    compute_blake2s_32 "blake2s";
    compute_blake2b_32 "blake2b";
}

#[pymodule(name = "_hmac", doc = "", classes(Hmac), with(computers, shared))]
pub mod module {
    use super::*;

    #[pyattr(name = "UnknownHashError")]
    fn unknown_hash_error_attr(vm: &Vm) -> PyResult {
        Ok(unknown_hash_error(vm)?.into_value())
    }

    /// Return a new HMAC object.
    #[pyfunction(sig = "($module, /, key, msg=None, digestmod=None)")]
    fn new(vm: &Vm, key: &Value, msg: Option<&Value>, digestmod: Option<&Value>) -> PyResult {
        let Some(digestmod) = digestmod else {
            return Err(vm.type_error("new() missing 1 required argument 'digestmod'"));
        };
        let function = find(vm, digestmod)?;
        let key = data_buffer(vm, key)?;
        let keyed = key.with(|key| Keyed::new(function, key));
        if let Some(msg) = msg.filter(|msg| !msg.is_none()) {
            keyed.update(vm, msg)?
        }
        Ok(vm.new_object(Hmac { keyed })?.into_value())
    }

    #[pyfunction(sig = "($module, /, key, msg, digest)")]
    fn compute_digest(vm: &Vm, key: &Value, msg: &Value, digest: &Value) -> PyResult {
        compute(vm, find(vm, digest)?, key, msg)
    }
}
