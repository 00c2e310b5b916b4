//! The hash modules `_md5`, `_sha1`, `_sha2`, `_sha3`, `_blake2`.
//!
//! The digests are of the crates of RustCrypto and of `blake2b_simd`/`blake2s_simd`; an object holds a running state, and
//! asking for the digest finishes a copy of it. CPython: Modules/md5module.c, sha1module.c, sha2module.c, sha3module.c,
//! blake2module.c.

use digest::{DynDigest, ExtendableOutput, Update, XofReader};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::{self, Buffer};
use naja_vm::protocols::number;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};

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

/// A running hash of fixed length.
type Running = Box<dyn DynDigest>;

fn finish(running: &MutCell<Running>) -> Box<[u8]> {
    running.with(|r| r.box_clone()).finalize()
}

/// A running md5.
#[pyclass(name = "md5", module = "_md5", doc = "", flags(NO_NEW))]
pub struct Md5 {
    running: MutCell<Running>,
}

impl Md5 {
    fn start() -> Md5 {
        Md5 {
            running: MutCell::new(Box::new(::md5::Md5::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

    fn make(
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Md5::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object(made)?.into_value())
    }
}

#[pymethods]
impl Md5 {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Md5 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        64
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        16
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "md5"
    }
}

/// A running sha1.
#[pyclass(name = "sha1", module = "_sha1", doc = "", flags(NO_NEW))]
pub struct Sha1 {
    running: MutCell<Running>,
}

impl Sha1 {
    fn start() -> Sha1 {
        Sha1 {
            running: MutCell::new(Box::new(::sha1::Sha1::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

    fn make(
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha1::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object(made)?.into_value())
    }
}

#[pymethods]
impl Sha1 {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha1 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        64
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        20
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha1"
    }
}

/// A running sha224.
#[pyclass(name = "SHA224Type", module = "_sha2", doc = "", flags(NO_NEW))]
pub struct Sha224 {
    running: MutCell<Running>,
}

impl Sha224 {
    fn start() -> Sha224 {
        Sha224 {
            running: MutCell::new(Box::new(::sha2::Sha224::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

    fn make(
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha224::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object(made)?.into_value())
    }
}

#[pymethods]
impl Sha224 {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha224 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        64
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        28
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha224"
    }
}

/// A running sha256.
#[pyclass(name = "SHA256Type", module = "_sha2", doc = "", flags(NO_NEW))]
pub struct Sha256 {
    running: MutCell<Running>,
}

impl Sha256 {
    fn start() -> Sha256 {
        Sha256 {
            running: MutCell::new(Box::new(::sha2::Sha256::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

    fn make(
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha256::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object(made)?.into_value())
    }
}

#[pymethods]
impl Sha256 {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha256 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        64
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        32
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha256"
    }
}

/// A running sha384.
#[pyclass(name = "SHA384Type", module = "_sha2", doc = "", flags(NO_NEW))]
pub struct Sha384 {
    running: MutCell<Running>,
}

impl Sha384 {
    fn start() -> Sha384 {
        Sha384 {
            running: MutCell::new(Box::new(::sha2::Sha384::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

    fn make(
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha384::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object(made)?.into_value())
    }
}

#[pymethods]
impl Sha384 {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha384 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        128
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        48
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha384"
    }
}

/// A running sha512.
#[pyclass(name = "SHA512Type", module = "_sha2", doc = "", flags(NO_NEW))]
pub struct Sha512 {
    running: MutCell<Running>,
}

impl Sha512 {
    fn start() -> Sha512 {
        Sha512 {
            running: MutCell::new(Box::new(::sha2::Sha512::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

    fn make(
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha512::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object(made)?.into_value())
    }
}

#[pymethods]
impl Sha512 {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha512 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        128
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        64
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha512"
    }
}

/// A running sha3_224.
#[pyclass(name = "sha3_224", module = "_sha3", doc = "")]
pub struct Sha3_224 {
    running: MutCell<Running>,
}

impl Sha3_224 {
    fn start() -> Sha3_224 {
        Sha3_224 {
            running: MutCell::new(Box::new(::sha3::Sha3_224::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }
}

#[pymethods]
impl Sha3_224 {
    #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha3_224::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha3_224 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        144
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        28
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha3_224"
    }

    #[pygetter]
    fn _capacity_bits(&self) -> usize {
        448
    }

    #[pygetter]
    fn _rate_bits(&self) -> usize {
        1152
    }

    #[pygetter]
    fn _suffix(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(b"\x06")?.into_value())
    }
}

/// A running sha3_256.
#[pyclass(name = "sha3_256", module = "_sha3", doc = "")]
pub struct Sha3_256 {
    running: MutCell<Running>,
}

impl Sha3_256 {
    fn start() -> Sha3_256 {
        Sha3_256 {
            running: MutCell::new(Box::new(::sha3::Sha3_256::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }
}

#[pymethods]
impl Sha3_256 {
    #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha3_256::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha3_256 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        136
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        32
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha3_256"
    }

    #[pygetter]
    fn _capacity_bits(&self) -> usize {
        512
    }

    #[pygetter]
    fn _rate_bits(&self) -> usize {
        1088
    }

    #[pygetter]
    fn _suffix(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(b"\x06")?.into_value())
    }
}

/// A running sha3_384.
#[pyclass(name = "sha3_384", module = "_sha3", doc = "")]
pub struct Sha3_384 {
    running: MutCell<Running>,
}

impl Sha3_384 {
    fn start() -> Sha3_384 {
        Sha3_384 {
            running: MutCell::new(Box::new(::sha3::Sha3_384::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }
}

#[pymethods]
impl Sha3_384 {
    #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha3_384::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha3_384 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        104
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        48
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha3_384"
    }

    #[pygetter]
    fn _capacity_bits(&self) -> usize {
        768
    }

    #[pygetter]
    fn _rate_bits(&self) -> usize {
        832
    }

    #[pygetter]
    fn _suffix(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(b"\x06")?.into_value())
    }
}

/// A running sha3_512.
#[pyclass(name = "sha3_512", module = "_sha3", doc = "")]
pub struct Sha3_512 {
    running: MutCell<Running>,
}

impl Sha3_512 {
    fn start() -> Sha3_512 {
        Sha3_512 {
            running: MutCell::new(Box::new(::sha3::Sha3_512::default())),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }
}

#[pymethods]
impl Sha3_512 {
    #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Sha3_512::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.with(|r| r.box_clone()));
        Ok(vm.new_object(Sha3_512 { running })?.into_value())
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&finish(&self.running))?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&finish(&self.running))
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        72
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        64
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "sha3_512"
    }

    #[pygetter]
    fn _capacity_bits(&self) -> usize {
        1024
    }

    #[pygetter]
    fn _rate_bits(&self) -> usize {
        576
    }

    #[pygetter]
    fn _suffix(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(b"\x06")?.into_value())
    }
}

/// A running shake_128.
#[pyclass(name = "shake_128", module = "_sha3", doc = "")]
pub struct Shake128 {
    running: MutCell<::sha3::Shake128>,
}

impl Shake128 {
    fn start() -> Shake128 {
        Shake128 {
            running: MutCell::new(Default::default()),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

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
impl Shake128 {
    #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Shake128::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.get());
        Ok(vm.new_object(Shake128 { running })?.into_value())
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
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        168
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        0
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "shake_128"
    }

    #[pygetter]
    fn _capacity_bits(&self) -> usize {
        256
    }

    #[pygetter]
    fn _rate_bits(&self) -> usize {
        1344
    }

    #[pygetter]
    fn _suffix(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(b"\x1f")?.into_value())
    }
}

/// A running shake_256.
#[pyclass(name = "shake_256", module = "_sha3", doc = "")]
pub struct Shake256 {
    running: MutCell<::sha3::Shake256>,
}

impl Shake256 {
    fn start() -> Shake256 {
        Shake256 {
            running: MutCell::new(Default::default()),
        }
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        self.running
            .with_mut(|r| data.with(|bytes| r.update(bytes)));
        Ok(())
    }

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
impl Shake256 {
    #[pyslot(sig = "(data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        data: Option<&Value>,
        usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        let _ = usedforsecurity;
        let made = Shake256::start();
        if let Some(data) = first_data(vm, data, string)? {
            made.add(vm, data)?;
        }
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let running = MutCell::new(self.running.get());
        Ok(vm.new_object(Shake256 { running })?.into_value())
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
        self.add(vm, obj)
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        136
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        0
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "shake_256"
    }

    #[pygetter]
    fn _capacity_bits(&self) -> usize {
        512
    }

    #[pygetter]
    fn _rate_bits(&self) -> usize {
        1088
    }

    #[pygetter]
    fn _suffix(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(b"\x1f")?.into_value())
    }
}

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

/// Return a new BLAKE2 hash object.
#[pyclass(name = "blake2b", module = "_blake2", flags(BASETYPE))]
pub struct Blake2b {
    running: MutCell<blake2b_simd::State>,
    digest_size: usize,
}

#[pymethods]
impl Blake2b {
    #[pyslot(
        sig = "(data=b'', *, digest_size=64, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)"
    )]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let p = Blake2Params::of(vm, "blake2b", &args, 64, 16)?;
        let data = args.positional().first().or_else(|| args.keyword("data"));
        let data = first_data(vm, data, args.keyword("string"))?;
        let mut params = blake2b_simd::Params::new();
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
        let made = Blake2b {
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
        let made = Blake2b {
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
        128
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        self.digest_size
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "blake2b"
    }

    #[pyattr(name = "SALT_SIZE")]
    fn salt_size(vm: &Vm) -> PyResult {
        vm.new_int(16)
    }

    #[pyattr(name = "PERSON_SIZE")]
    fn person_size(vm: &Vm) -> PyResult {
        vm.new_int(16)
    }

    #[pyattr(name = "MAX_KEY_SIZE")]
    fn max_key_size(vm: &Vm) -> PyResult {
        vm.new_int(64)
    }

    #[pyattr(name = "MAX_DIGEST_SIZE")]
    fn max_digest_size(vm: &Vm) -> PyResult {
        vm.new_int(64)
    }
}

/// Return a new BLAKE2 hash object.
#[pyclass(name = "blake2s", module = "_blake2", flags(BASETYPE))]
pub struct Blake2s {
    running: MutCell<blake2s_simd::State>,
    digest_size: usize,
}

#[pymethods]
impl Blake2s {
    #[pyslot(
        sig = "(data=b'', *, digest_size=32, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)"
    )]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let p = Blake2Params::of(vm, "blake2s", &args, 32, 8)?;
        let data = args.positional().first().or_else(|| args.keyword("data"));
        let data = first_data(vm, data, args.keyword("string"))?;
        let mut params = blake2s_simd::Params::new();
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
        let made = Blake2s {
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
        let made = Blake2s {
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
        64
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        self.digest_size
    }

    #[pygetter]
    fn name(&self) -> &'static str {
        "blake2s"
    }

    #[pyattr(name = "SALT_SIZE")]
    fn salt_size(vm: &Vm) -> PyResult {
        vm.new_int(8)
    }

    #[pyattr(name = "PERSON_SIZE")]
    fn person_size(vm: &Vm) -> PyResult {
        vm.new_int(8)
    }

    #[pyattr(name = "MAX_KEY_SIZE")]
    fn max_key_size(vm: &Vm) -> PyResult {
        vm.new_int(32)
    }

    #[pyattr(name = "MAX_DIGEST_SIZE")]
    fn max_digest_size(vm: &Vm) -> PyResult {
        vm.new_int(32)
    }
}

#[doc = "`_md5`"]
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
            Md5::make(vm, data, usedforsecurity, string)
        }

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}

#[doc = "`_sha1`"]
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
            Sha1::make(vm, data, usedforsecurity, string)
        }

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}

#[doc = "`_sha2`"]
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
            Sha224::make(vm, data, usedforsecurity, string)
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha256(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            Sha256::make(vm, data, usedforsecurity, string)
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha384(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            Sha384::make(vm, data, usedforsecurity, string)
        }

        #[pyfunction(sig = "($module, /, data=b'', *, usedforsecurity=True, string=None)")]
        fn sha512(
            vm: &Vm,
            data: Option<&Value>,
            usedforsecurity: Option<bool>,
            string: Option<&Value>,
        ) -> PyResult {
            Sha512::make(vm, data, usedforsecurity, string)
        }

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}

#[doc = "`_sha3`"]
pub mod sha3 {
    use super::*;

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
}

#[doc = "`_blake2`"]
pub mod blake2 {
    use super::*;

    #[pymodule(name = "_blake2", doc = "", classes(Blake2b, Blake2s))]
    pub mod module {
        use super::*;

        #[pyattr(name = "_GIL_MINSIZE")]
        fn gil_minsize(vm: &Vm) -> PyResult {
            vm.new_int(2048)
        }
    }
}
