//! `_blake2`: BLAKE2b and BLAKE2s (RFC 7693) with all their parameters.

use super::{data_buffer, first_data, hex, shared};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};

/// The parameters of a BLAKE2 hash, checked.
struct Blake2Params {
    digest_size: usize,
    key: Vec<u8>,
    salt: Vec<u8>,
    person: Vec<u8>,
    fanout: u8,
    depth: u8,
    leaf_size: u32,
    node_offset: u64,
    node_depth: u8,
    inner_size: usize,
    last_node: bool,
}

impl Blake2Params {
    /// At most one positional argument, not given by name too, and no unknown names.
    fn check_names(vm: &Vm, name: &str, args: &Args) -> PyResult<()> {
        const KNOWN: [&str; 14] = [
            "data",
            "digest_size",
            "key",
            "salt",
            "person",
            "fanout",
            "depth",
            "leaf_size",
            "node_offset",
            "node_depth",
            "inner_size",
            "last_node",
            "usedforsecurity",
            "string",
        ];
        let positional = args.positional().len();
        if positional > 1 {
            return Err(vm.type_error(format!(
                "{name}() takes at most 1 positional argument ({positional} given)"
            )));
        }
        if positional == 1 && args.keyword("data").is_some() {
            return Err(vm.type_error(format!(
                "argument for {name}() given by name ('data') and position (1)"
            )));
        }
        for (key, _) in args.keywords() {
            if !key.as_str().is_some_and(|k| KNOWN.contains(&k)) {
                return Err(vm.type_error(format!(
                    "{name}() got an unexpected keyword argument '{}'",
                    key.to_string_lossy()
                )));
            }
        }
        Ok(())
    }

    /// Checks the keyword arguments; `most` is the size of the longest digest, `part` that of salt and person.
    fn of(vm: &Vm, name: &str, args: &Args, most: usize, part: usize) -> PyResult<Blake2Params> {
        Blake2Params::check_names(vm, name, args)?;
        let bytes = |key: &str, limit: usize| -> PyResult<Vec<u8>> {
            let Some(value) = args.keyword(key) else {
                return Ok(Vec::new());
            };
            let bytes = Buffer::of(vm, value)?.to_vec();
            if bytes.len() > limit {
                return Err(vm.value_error(format!("maximum {key} length is {limit} bytes")));
            }
            Ok(bytes)
        };
        let int = |key: &str, default: i64| -> PyResult<i64> {
            match args.keyword(key) {
                None => Ok(default),
                Some(value) => number::index_i64(vm, value)?
                    .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int")),
            }
        };
        let byte = |key: &str, default: i64, low: i64| -> PyResult<u8> {
            let n = int(key, default)?;
            u8::try_from(n)
                .ok()
                .filter(|_| n >= low)
                .ok_or_else(|| vm.value_error(format!("{key} must be between {low} and 255")))
        };
        let unsigned = |key: &str, bits: u32| -> PyResult<u64> {
            let Some(value) = args.keyword(key) else {
                return Ok(0);
            };
            let n = number::index_i128(vm, value)?;
            match n {
                Some(n) if n < 0 => Err(vm.value_error("Cannot convert negative int")),
                Some(n) if n < 1i128 << bits => Ok(n as u64),
                _ => Err(vm.overflow_error(format!("{key} is too large"))),
            }
        };
        let digest_size = int("digest_size", most as i64)?;
        if digest_size < 1 || digest_size > most as i64 {
            return Err(vm.value_error(format!(
                "digest_size for {} must be between 1 and {most} bytes, here it is {digest_size}",
                name.replacen('b', "B", 1)
            )));
        }
        let inner_size = int("inner_size", 0)?;
        Ok(Blake2Params {
            digest_size: digest_size as usize,
            salt: bytes("salt", part)?,
            person: bytes("person", part)?,
            fanout: byte("fanout", 1, 0)?,
            depth: byte("depth", 1, 1)?,
            leaf_size: unsigned("leaf_size", 32)? as u32,
            node_offset: unsigned("node_offset", if most == 64 { 64 } else { 48 })?,
            node_depth: byte("node_depth", 0, 0)?,
            inner_size: match usize::try_from(inner_size) {
                Ok(n) if n <= most => n,
                _ => {
                    return Err(
                        vm.value_error(format!("inner_size must be between 0 and is {most}"))
                    );
                }
            },
            key: bytes("key", most)?,
            last_node: match args.keyword("last_node") {
                Some(value) => naja_vm::protocols::object::is_true(vm, value)?,
                None => false,
            },
        })
    }
}

/// A class for a variant: its Rust type and crate, Python's name and signature, and the most bytes of a digest or key, of a
/// salt or person.
macro_rules! blake2_hash {
    ($class:ident, $lib:ident, $name:literal, $most:literal, $part:literal, $sig:literal) => {
        /// Return a new BLAKE2 hash object.
        #[pyclass(name = $name, module = "_blake2", flags(BASETYPE))]
        pub struct $class {
            running: MutCell<$lib::State>,
            digest_size: usize,
        }

        #[pymethods]
        impl $class {
            #[pyslot(sig = $sig)]
            fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
                let p = Blake2Params::of(vm, $name, &args, $most, $part)?;
                let data = args.positional().first().or_else(|| args.keyword("data"));
                let data = first_data(vm, data, args.keyword("string"))?;
                let mut params = $lib::Params::new();
                params
                    .hash_length(p.digest_size)
                    .key(&p.key)
                    .salt(&p.salt)
                    .personal(&p.person)
                    .fanout(p.fanout)
                    .max_depth(p.depth)
                    .max_leaf_length(p.leaf_size)
                    .node_offset(p.node_offset)
                    .node_depth(p.node_depth)
                    .inner_hash_length(p.inner_size)
                    .last_node(p.last_node);
                let made = $class {
                    running: MutCell::new(params.to_state()),
                    digest_size: p.digest_size,
                };
                if let Some(data) = data {
                    made.update(vm, data)?;
                }
                Ok(vm.new_object_of(cls, made)?.into_value())
            }

            /// Return a copy of the hash object.
            #[pymethod(sig = "($self, /)")]
            fn copy(&self, vm: &Vm) -> PyResult {
                let made = $class {
                    running: MutCell::new(self.running.get()),
                    digest_size: self.digest_size,
                };
                Ok(vm.new_object(made)?.into_value())
            }

            /// Return the digest value as a bytes object.
            #[pymethod(sig = "($self, /)")]
            fn digest(&self, vm: &Vm) -> PyResult {
                let hash = self.running.with(|r| r.finalize());
                Ok(vm.new_bytes(hash.as_bytes())?.into_value())
            }

            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod(sig = "($self, /)")]
            fn hexdigest(&self) -> String {
                hex(self.running.with(|r| r.finalize()).as_bytes())
            }

            /// Update this hash object's state with the provided bytes-like object.
            #[pymethod(sig = "($self, obj, /)")]
            fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
                let data = data_buffer(vm, obj)?;
                self.running.with_mut(|r| {
                    data.with(|bytes| {
                        r.update(bytes);
                    })
                });
                Ok(())
            }

            #[pygetter]
            fn block_size(&self) -> usize {
                $most * 2
            }

            #[pygetter]
            fn digest_size(&self) -> usize {
                self.digest_size
            }

            #[pygetter]
            fn name(&self) -> &'static str {
                $name
            }

            #[pyattr(name = "SALT_SIZE")]
            fn salt_size(vm: &Vm) -> PyResult {
                vm.new_int($part)
            }

            #[pyattr(name = "PERSON_SIZE")]
            fn person_size(vm: &Vm) -> PyResult {
                vm.new_int($part)
            }

            #[pyattr(name = "MAX_KEY_SIZE")]
            fn max_key_size(vm: &Vm) -> PyResult {
                vm.new_int($most)
            }

            #[pyattr(name = "MAX_DIGEST_SIZE")]
            fn max_digest_size(vm: &Vm) -> PyResult {
                vm.new_int($most)
            }
        }
    };
}

blake2_hash!(
    Blake2b,
    blake2b_simd,
    "blake2b",
    64,
    16,
    "(data=b'', *, digest_size=64, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)"
);
blake2_hash!(
    Blake2s,
    blake2s_simd,
    "blake2s",
    32,
    8,
    "(data=b'', *, digest_size=32, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)"
);

#[pymodule(name = "_blake2", doc = "", classes(Blake2b, Blake2s), with(shared))]
pub mod module {
    use super::*;
}
