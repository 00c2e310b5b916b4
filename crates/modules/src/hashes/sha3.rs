//! `_sha3`: SHA-3 and the SHAKEs (FIPS 202), whose digests have any length.

use super::fixed::{fixed_hash, hash_class};
use super::{Hash, data_buffer, first_data, hex, shared};
use digest::{ExtendableOutput, Update, XofReader};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};

/// As [`hash_class!`], for a function whose digest is as long as it is asked for.
macro_rules! shake_hash {
    ($class:ident, $hash:ty, $name:literal, $attr:literal, $module:literal, $block:literal, $digest:literal,
     $update:literal, [$($flags:tt)*], {$($more:tt)*}) => {
        impl $class {
            fn read(&self, vm: &Vm, length: &Value) -> PyResult<Vec<u8>> {
                let length = number::index_isize(vm, length)?;
                if length < 0 {
                    return Err(vm.value_error("length must be non-negative"));
                }
                if length >= 1 << 29 {
                    return Err(vm.value_error("length is too large"));
                }
                let mut out = vec![0; length as usize];
                self.running.get().finalize_xof().read(&mut out);
                Ok(out)
            }
        }

        hash_class!(
            $class, $hash = Default::default(), $name, $attr, $module, $block, $digest, $update,
            [$($flags)*],
            {
                /// Return the digest value as a bytes object.
                #[pymethod(sig = "($self, /, length)")]
                fn digest(&self, vm: &Vm, length: &Value) -> PyResult {
                    Ok(vm.new_bytes_of(self.read(vm, length)?)?.into_value())
                }

                /// Return the digest value as a string of hexadecimal digits.
                #[pymethod(sig = "($self, /, length)")]
                fn hexdigest(&self, vm: &Vm, length: &Value) -> PyResult<String> {
                    Ok(hex(&self.read(vm, length)?))
                }

                $($more)*
            }
        );
    };
}

/// The classes of the module, by [`fixed_hash!`] or [`shake_hash!`]: Rust's and Python's names, the sizes of block and digest in
/// bytes, capacity in bits and suffix. All have besides a constructor and the numbers of the sponge.
macro_rules! sponges {
    ($($make:ident $class:ident: $hash:ty => $name:literal $block:literal $digest:literal $capacity:literal $suffix:literal;)*) => { $(
        $make!(
            $class, $hash, $name, $name, "_sha3", $block, $digest,
            "Update this hash object's state with the provided bytes-like object.",
            [],
            {
                #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
                fn new(
                    cls: &Ref<Type>,
                    vm: &Vm,
                    data: Option<&Value>,
                    _usedforsecurity: Option<bool>,
                    string: Option<&Value>,
                ) -> PyResult {
                    let begun = $class::begun(vm, data, string)?;
                    Ok(vm.new_object_of(cls, begun)?.into_value())
                }

                #[pygetter]
                fn _capacity_bits(&self) -> usize {
                    $capacity
                }

                #[pygetter]
                fn _rate_bits(&self) -> usize {
                    $block * 8
                }

                #[pygetter]
                fn _suffix(&self, vm: &Vm) -> PyResult {
                    Ok(vm.new_bytes($suffix)?.into_value())
                }
            }
        );
    )* };
}

sponges! {
    fixed_hash Sha3_224: ::sha3::Sha3_224 => "sha3_224" 144 28 448 b"\x06";
    fixed_hash Sha3_256: ::sha3::Sha3_256 => "sha3_256" 136 32 512 b"\x06";
    fixed_hash Sha3_384: ::sha3::Sha3_384 => "sha3_384" 104 48 768 b"\x06";
    fixed_hash Sha3_512: ::sha3::Sha3_512 => "sha3_512" 72 64 1024 b"\x06";
    shake_hash Shake128: ::sha3::Shake128 => "shake_128" 168 0 256 b"\x1f";
    shake_hash Shake256: ::sha3::Shake256 => "shake_256" 136 0 512 b"\x1f";
}

#[pymodule(
    name = "_sha3",
    doc = "",
    classes(Sha3_224, Sha3_256, Sha3_384, Sha3_512, Shake128, Shake256),
    with(shared)
)]
pub mod module {
    use super::*;

    #[pyattr]
    fn implementation(vm: &Vm) -> PyResult {
        Ok(vm.new_str("RustCrypto")?.into_value())
    }
}
