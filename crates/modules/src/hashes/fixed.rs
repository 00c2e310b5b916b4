//! `_md5`, `_sha1`, `_sha2`: a class for each function whose digest has one length, made by [`fixed_hash!`].
//!
//! The classes of `_sha3` are of the same make but can be called themselves; those here come from their modules' functions.

use super::{Hash, data_buffer, first_data, hex};
use naja_heap::{MutCell, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::{PyResult, Vm};

/// A class for a hash function: its Rust type, the function in the Rust crate, Python's name and module, sizes of block and digest in bytes, further arguments of
/// `pyclass`, and further members of the class.
macro_rules! fixed_hash {
    ($class:ident, $hash:ty, $name:literal, $attr:literal, $module:literal, $block:literal, $digest:literal, [$($flags:tt)*], {$($more:tt)*}) => {
        #[doc = concat!("A running ", $attr, ".")]
        #[pyclass(name = $name, module = $module, doc = "", $($flags)*)]
        pub struct $class {
            running: MutCell<Hash>,
        }

        impl $class {
            /// A hash of what is given first, if anything.
            fn begun(vm: &Vm, data: Option<&Value>, string: Option<&Value>) -> PyResult<$class> {
                let begun = $class {
                    running: MutCell::new(Hash::Any(Box::new(<$hash>::default()))),
                };
                if let Some(data) = first_data(vm, data, string)? {
                    begun.update(vm, data)?;
                }
                Ok(begun)
            }
        }

        #[pymethods]
        impl $class {
            /// Return a copy of the hash object.
            #[pymethod(sig = "($self, /)")]
            fn copy(&self, vm: &Vm) -> PyResult {
                let running = MutCell::new(self.running.get());
                Ok(vm.new_object($class { running })?.into_value())
            }

            /// Return the digest value as a bytes object.
            #[pymethod(sig = "($self, /)")]
            fn digest(&self, vm: &Vm) -> PyResult {
                Ok(vm.new_bytes_of(self.running.get().finish())?.into_value())
            }

            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod(sig = "($self, /)")]
            fn hexdigest(&self) -> String {
                hex(&self.running.get().finish())
            }

            /// Update this hash object's state with the provided string.
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
                $digest
            }

            #[pygetter]
            fn name(&self) -> &'static str {
                $attr
            }

            $($more)*
        }
    };
}

pub(super) use fixed_hash;

fixed_hash!(
    Md5,
    ::md5::Md5,
    "md5",
    "md5",
    "_md5",
    64,
    16,
    [flags(NO_NEW)],
    {}
);
fixed_hash!(
    Sha1,
    ::sha1::Sha1,
    "sha1",
    "sha1",
    "_sha1",
    64,
    20,
    [flags(NO_NEW)],
    {}
);
fixed_hash!(
    Sha224,
    ::sha2::Sha224,
    "SHA224Type",
    "sha224",
    "_sha2",
    64,
    28,
    [flags(NO_NEW)],
    {}
);
fixed_hash!(
    Sha256,
    ::sha2::Sha256,
    "SHA256Type",
    "sha256",
    "_sha2",
    64,
    32,
    [flags(NO_NEW)],
    {}
);
fixed_hash!(
    Sha384,
    ::sha2::Sha384,
    "SHA384Type",
    "sha384",
    "_sha2",
    128,
    48,
    [flags(NO_NEW)],
    {}
);
fixed_hash!(
    Sha512,
    ::sha2::Sha512,
    "SHA512Type",
    "sha512",
    "_sha2",
    128,
    64,
    [flags(NO_NEW)],
    {}
);

/// `_md5`
pub mod md5 {
    use super::*;

    #[pymodule(name = "_md5", doc = "")]
    pub mod module {
        use super::*;

        #[pyattr(name = "MD5Type")]
        fn md5type_class(vm: &Vm) -> Value {
            vm.class::<Md5>().to_value()
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn md5(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            let _ = usedforsecurity;
            Ok(vm.new_object(Md5::begun(vm, data, string)?)?.into_value())
        }

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}

/// `_sha1`
pub mod sha1 {
    use super::*;

    #[pymodule(name = "_sha1", doc = "")]
    pub mod module {
        use super::*;

        #[pyattr(name = "SHA1Type")]
        fn sha1type_class(vm: &Vm) -> Value {
            vm.class::<Sha1>().to_value()
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha1(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            let _ = usedforsecurity;
            Ok(vm.new_object(Sha1::begun(vm, data, string)?)?.into_value())
        }

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}

/// `_sha2`
pub mod sha2 {
    use super::*;

    #[pymodule(name = "_sha2", doc = "", classes(Sha224, Sha256, Sha384, Sha512))]
    pub mod module {
        use super::*;

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha224(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            let _ = usedforsecurity;
            Ok(vm
                .new_object(Sha224::begun(vm, data, string)?)?
                .into_value())
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha256(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            let _ = usedforsecurity;
            Ok(vm
                .new_object(Sha256::begun(vm, data, string)?)?
                .into_value())
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha384(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            let _ = usedforsecurity;
            Ok(vm
                .new_object(Sha384::begun(vm, data, string)?)?
                .into_value())
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha512(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            let _ = usedforsecurity;
            Ok(vm
                .new_object(Sha512::begun(vm, data, string)?)?
                .into_value())
        }

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}
