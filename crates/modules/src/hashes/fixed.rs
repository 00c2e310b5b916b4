//! `_md5`, `_sha1`, `_sha2`: a class for each function whose digest has one length, made by [`fixed_hash!`].
//!
//! The classes of `_sha3` are of the same make ([`hash_class!`]) but can be called themselves; those here come from their
//! modules' functions.

use super::{Hash, constructors, data_buffer, first_data, hex, shared};
use naja_heap::{MutCell, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::{PyResult, Vm};

/// A class for a hash function: its Rust type, that of a running hash and how one starts, Python's name, the attribute
/// `name`, the module, the size of a block, `digest_size`, the docstring of `update`, further arguments of `pyclass`, and
/// further members, among them those that give the digest.
macro_rules! hash_class {
    ($class:ident, $running:ty = $start:expr, $name:literal, $attr:literal, $module:literal, $block:literal,
     $digest:literal, $update:literal, [$($flags:tt)*], {$($more:tt)*}) => {
        #[doc = concat!("A running ", $attr, ".")]
        #[pyclass(name = $name, module = $module, doc = "", $($flags)*)]
        pub struct $class {
            running: MutCell<$running>,
        }

        impl $class {
            /// A hash of what is given first, if anything.
            fn begun(vm: &Vm, data: Option<&Value>, string: Option<&Value>) -> PyResult<$class> {
                let running = MutCell::new($start);
                let begun = $class { running };
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

            #[doc = $update]
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

pub(super) use hash_class;

/// As [`hash_class!`], for a function in the Rust crates whose digest has one length.
macro_rules! fixed_hash {
    ($class:ident, $hash:ty, $name:literal, $attr:literal, $module:literal, $block:literal, $digest:literal,
     $update:literal, [$($flags:tt)*], {$($more:tt)*}) => {
        hash_class!(
            $class, Hash = Hash::Any(Box::new(<$hash>::default())), $name, $attr, $module, $block, $digest, $update,
            [$($flags)*],
            {
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

                $($more)*
            }
        );
    };
}

pub(super) use fixed_hash;

/// The classes of the modules: Rust's and Python's names, the attribute `name`, the module, the sizes of block and digest in
/// bytes. Their objects come from functions of the modules.
macro_rules! plain_hashes {
    ($($class:ident: $hash:ty => $name:literal $attr:literal $module:literal $block:literal $digest:literal;)*) => { $(
        fixed_hash!(
            $class, $hash, $name, $attr, $module, $block, $digest,
            "Update this hash object's state with the provided string.",
            [flags(NO_NEW)],
            {}
        );

        impl $class {
            fn object(vm: &Vm, data: Option<&Value>, string: Option<&Value>) -> PyResult {
                let begun = $class::begun(vm, data, string)?;
                Ok(vm.new_object(begun)?.into_value())
            }
        }
    )* };
}

plain_hashes! {
    Md5: ::md5::Md5 => "md5" "md5" "_md5" 64 16;
    Sha1: ::sha1::Sha1 => "sha1" "sha1" "_sha1" 64 20;
    Sha224: ::sha2::Sha224 => "SHA224Type" "sha224" "_sha2" 64 28;
    Sha256: ::sha2::Sha256 => "SHA256Type" "sha256" "_sha2" 64 32;
    Sha384: ::sha2::Sha384 => "SHA384Type" "sha384" "_sha2" 128 48;
    Sha512: ::sha2::Sha512 => "SHA512Type" "sha512" "_sha2" 128 64;
}

/// `_md5`
pub mod md5 {
    use super::*;

    constructors! { "_md5", |vm, data, string|
        /// Return a new MD5 hash object; optionally initialized with a string.
        md5 = Md5::object(vm, data, string);
    }

    #[pymodule(name = "_md5", doc = "", with(constructors, shared))]
    pub mod module {
        use super::*;

        #[pyattr(name = "MD5Type")]
        fn md5type_class(vm: &Vm) -> Value {
            vm.class::<Md5>().to_value()
        }
    }
}

/// `_sha1`
pub mod sha1 {
    use super::*;

    constructors! { "_sha1", |vm, data, string|
        /// Return a new SHA1 hash object; optionally initialized with a string.
        sha1 = Sha1::object(vm, data, string);
    }

    #[pymodule(name = "_sha1", doc = "", with(constructors, shared))]
    pub mod module {
        use super::*;

        #[pyattr(name = "SHA1Type")]
        fn sha1type_class(vm: &Vm) -> Value {
            vm.class::<Sha1>().to_value()
        }
    }
}

/// `_sha2`
pub mod sha2 {
    use super::*;

    constructors! { "_sha2", |vm, data, string|
        /// Return a new SHA-224 hash object; optionally initialized with a string.
        sha224 = Sha224::object(vm, data, string);
        /// Return a new SHA-256 hash object; optionally initialized with a string.
        sha256 = Sha256::object(vm, data, string);
        /// Return a new SHA-384 hash object; optionally initialized with a string.
        sha384 = Sha384::object(vm, data, string);
        /// Return a new SHA-512 hash object; optionally initialized with a string.
        sha512 = Sha512::object(vm, data, string);
    }

    #[pymodule(
        name = "_sha2",
        doc = "",
        classes(Sha224, Sha256, Sha384, Sha512),
        with(constructors, shared)
    )]
    pub mod module {
        use super::*;
    }
}
