//! `_sha3`: SHA-3 and the SHAKEs (FIPS 202), whose digests have any length.

use super::fixed::fixed_hash;
use super::{Hash, data_buffer, first_data, hex};
use digest::{ExtendableOutput, Update, XofReader};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};

/// What SHA-3's classes have besides: the constructor and the numbers of the sponge.
macro_rules! sha3_hash {
    ($class:ident, $hash:ty, $name:literal, $block:literal, $digest:literal, $capacity:literal) => {
        fixed_hash!($class, $hash, $name, $name, "_sha3", $block, $digest, [], {
            #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
            fn new(
                cls: &Ref<Type>,
                vm: &Vm,
                data: Option<&Value>,
                usedforsecurity: Option<bool>,
                string: Option<&Value>,
            ) -> PyResult {
                let _ = usedforsecurity;
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
                Ok(vm.new_bytes(b"\x06")?.into_value())
            }
        });
    };
}

sha3_hash!(Sha3_224, ::sha3::Sha3_224, "sha3_224", 144, 28, 448);
sha3_hash!(Sha3_256, ::sha3::Sha3_256, "sha3_256", 136, 32, 512);
sha3_hash!(Sha3_384, ::sha3::Sha3_384, "sha3_384", 104, 48, 768);
sha3_hash!(Sha3_512, ::sha3::Sha3_512, "sha3_512", 72, 64, 1024);

/// A class for a hash function whose digest is as long as it is asked for.
macro_rules! shake_hash {
    ($class:ident, $hash:ty, $name:literal, $block:literal, $capacity:literal) => {
        #[doc = concat!("A running ", $name, ".")]
        #[pyclass(name = $name, module = "_sha3", doc = "")]
        pub struct $class {
            running: MutCell<$hash>,
        }

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

        #[pymethods]
        impl $class {
            #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
            fn new(
                cls: &Ref<Type>,
                vm: &Vm,
                data: Option<&Value>,
                usedforsecurity: Option<bool>,
                string: Option<&Value>,
            ) -> PyResult {
                let _ = usedforsecurity;
                let made = $class {
                    running: MutCell::new(Default::default()),
                };
                if let Some(data) = first_data(vm, data, string)? {
                    made.update(vm, data)?;
                }
                Ok(vm.new_object_of(cls, made)?.into_value())
            }

            /// Return a copy of the hash object.
            #[pymethod(sig = "($self, /)")]
            fn copy(&self, vm: &Vm) -> PyResult {
                let running = MutCell::new(self.running.get());
                Ok(vm.new_object($class { running })?.into_value())
            }

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

            /// Update this hash object's state with the provided bytes-like object.
            #[pymethod(sig = "($self, obj, /)")]
            fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
                let data = data_buffer(vm, obj)?;
                data.with(|bytes| self.running.with_mut(|r| r.update(bytes)));
                Ok(())
            }

            #[pygetter]
            fn block_size(&self) -> usize {
                $block
            }

            #[pygetter]
            fn digest_size(&self) -> usize {
                0
            }

            #[pygetter]
            fn name(&self) -> &'static str {
                $name
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
                Ok(vm.new_bytes(b"\x1f")?.into_value())
            }
        }
    };
}

shake_hash!(Shake128, ::sha3::Shake128, "shake_128", 168, 256);
shake_hash!(Shake256, ::sha3::Shake256, "shake_256", 136, 512);

#[pymodule(
    name = "_sha3",
    doc = "",
    classes(Sha3_224, Sha3_256, Sha3_384, Sha3_512, Shake128, Shake256)
)]
pub mod module {
    use super::*;

    #[pyattr]
    fn implementation(vm: &Vm) -> PyResult {
        Ok(vm.new_str("RustCrypto")?.into_value())
    }

    #[pyattr(name = "_GIL_MINSIZE")]
    fn gil_minsize(vm: &Vm) -> PyResult {
        vm.new_int(2048)
    }
}
