//! `_hashlib`: the hash functions by their names in OpenSSL, HMAC, and the derivation of keys from passwords.
//!
//! The functions are those of `hmac.rs` and RustCrypto. An object holds a running state; asking for the digest finishes a
//! copy of it. Keys are derived without the interpreter's lock, on copies of the arguments. CPython: Modules/_hashopenssl.c.

use crate::common;
use crate::hashes::{
    FUNCTIONS, Function, Hash, Keyed, constructors, data_buffer, first_data, hex, keyed_class,
    shared,
};
use digest::{Digest, ExtendableOutput, Update, XofReader};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::buffer::Buffer;
use naja_vm::function::native::NativeFunction;
use naja_vm::mappingproxy::MappingProxy;
use naja_vm::module::Module;
use naja_vm::protocols::{number, object};
use naja_vm::str_::Str;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm, str_};

/// What only OpenSSL has.
static MORE: &[Function] = &[
    Function {
        name: "sha512_224",
        digest_size: 28,
        block_size: 128,
        start: || Hash::Any(Box::new(::sha2::Sha512_224::default())),
    },
    Function {
        name: "sha512_256",
        digest_size: 32,
        block_size: 128,
        start: || Hash::Any(Box::new(::sha2::Sha512_256::default())),
    },
];

/// A function whose digest has any length.
#[derive(Clone)]
enum Xof {
    Shake128(::sha3::Shake128),
    Shake256(::sha3::Shake256),
}

impl Xof {
    fn update(&mut self, data: &[u8]) {
        match self {
            Xof::Shake128(hash) => Update::update(hash, data),
            Xof::Shake256(hash) => Update::update(hash, data),
        }
    }

    fn read(self, out: &mut [u8]) {
        match self {
            Xof::Shake128(hash) => hash.finalize_xof().read(out),
            Xof::Shake256(hash) => hash.finalize_xof().read(out),
        }
    }
}

/// What a name means.
enum Found {
    Fixed(&'static Function),
    Xof(&'static str, usize, Box<Xof>),
}

/// The function of a name, by OpenSSL's or Python's spelling.
fn find(name: &str) -> Option<Found> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let name = match name.as_str() {
        "sha_1" => "sha1",
        "sha2_224" => "sha224",
        "sha2_256" => "sha256",
        "sha2_384" => "sha384",
        "sha2_512" => "sha512",
        "sha2_512/224" | "sha512/224" => "sha512_224",
        "sha2_512/256" | "sha512/256" => "sha512_256",
        "blake2b512" | "blake2b_512" => "blake2b",
        "blake2s256" | "blake2s_256" => "blake2s",
        "shake128" | "shake_128" => {
            return Some(Found::Xof(
                "shake_128",
                168,
                Box::new(Xof::Shake128(Default::default())),
            ));
        }
        "shake256" | "shake_256" => {
            return Some(Found::Xof(
                "shake_256",
                136,
                Box::new(Xof::Shake256(Default::default())),
            ));
        }
        name => name,
    };
    let mut all = FUNCTIONS.iter().chain(MORE);
    all.find(|function| function.name == name).map(Found::Fixed)
}

fn unsupported_digestmod(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(
        vm,
        "_hashlib.UnsupportedDigestmodError",
        &vm.types.value_error,
    )
}

/// Raises UnsupportedDigestmodError in OpenSSL's words.
fn unsupported(vm: &Vm) -> Raised {
    match unsupported_digestmod(vm) {
        Ok(class) => vm.raise(&class, "[digital envelope routines] unsupported"),
        Err(raised) => raised,
    }
}

/// The function that a name or one of this module's constructors stands for. Raises UnsupportedDigestmodError.
fn of_digestmod(vm: &Vm, digestmod: &Value) -> PyResult<Found> {
    let name = match str_::of(digestmod) {
        Some(name) => Some(name.to_string_lossy().into_owned()),
        None => digestmod
            .downcast::<NativeFunction>()
            .map(|f| f.def.name)
            .and_then(|name| name.strip_prefix("openssl_"))
            .map(str::to_string),
    };
    let Some(name) = name else {
        let shown = object::repr(vm, digestmod)?;
        let message = format!("Unsupported digestmod {}", shown.to_string_lossy());
        return Err(vm.raise(&unsupported_digestmod(vm)?, message));
    };
    find(&name).ok_or_else(|| unsupported(vm))
}

/// A hash is an object used to calculate a checksum of a string of information.
///
/// Methods:
///
/// update() -- updates the current digest with an additional string
/// digest() -- return the current digest value
/// hexdigest() -- return the current digest as a string of hexadecimal digits
/// copy() -- return a copy of the current hash object
///
/// Attributes:
///
/// name -- the hash algorithm being used by this object
/// digest_size -- number of bytes in this hashes output
#[pyclass(name = "HASH", module = "_hashlib", flags(NO_NEW, BASETYPE))]
#[repr(C)]
pub struct HashObject {
    name: &'static str,
    digest_size: usize,
    block_size: usize,
    /// None: see [`HashXof`].
    running: MutCell<Option<Hash>>,
    xof: MutCell<Option<Xof>>,
}

impl HashObject {
    fn start(found: Found) -> HashObject {
        match found {
            Found::Fixed(function) => HashObject {
                name: function.name,
                digest_size: function.digest_size,
                block_size: function.block_size,
                running: MutCell::new(Some((function.start)())),
                xof: MutCell::new(None),
            },
            Found::Xof(name, block_size, xof) => HashObject {
                name,
                digest_size: 0,
                block_size,
                running: MutCell::new(None),
                xof: MutCell::new(Some(*xof)),
            },
        }
    }

    fn duplicate(&self) -> HashObject {
        HashObject {
            name: self.name,
            digest_size: self.digest_size,
            block_size: self.block_size,
            running: MutCell::new(self.running.get()),
            xof: MutCell::new(self.xof.get()),
        }
    }

    fn into_object(self, vm: &Vm) -> PyResult {
        Ok(match self.xof.with(Option::is_some) {
            true => vm.new_object(HashXof { base: self })?.into_value(),
            false => vm.new_object(self)?.into_value(),
        })
    }

    fn add(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let data = data_buffer(vm, data)?;
        data.with(|bytes| {
            self.running.with_mut(|r| {
                if let Some(hash) = r {
                    hash.update(bytes)
                }
            });
            self.xof.with_mut(|x| {
                if let Some(xof) = x {
                    xof.update(bytes)
                }
            });
        });
        Ok(())
    }

    fn result(&self) -> Vec<u8> {
        self.running.get().map(Hash::finish).unwrap_or_default()
    }
}

#[pymethods]
impl HashObject {
    /// Return a copy of the hash object.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        self.duplicate().into_object(vm)
    }

    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /)")]
    fn digest(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes_of(self.result())?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /)")]
    fn hexdigest(&self) -> String {
        hex(&self.result())
    }

    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "($self, obj, /)")]
    fn update(&self, vm: &Vm, obj: &Value) -> PyResult<()> {
        self.add(vm, obj)
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let name = zelf.downcast::<HashObject>().map_or("", |hash| hash.name);
        let class = vm.type_of(zelf).full_name();
        let text = format!("<{name} {class} object @ {:#x}>", zelf.bits());
        Ok(vm.new_str(text)?.into_value())
    }

    /// algorithm name.
    #[pygetter]
    fn name(&self) -> &'static str {
        self.name
    }

    #[pygetter]
    fn block_size(&self) -> usize {
        self.block_size
    }

    #[pygetter]
    fn digest_size(&self) -> usize {
        self.digest_size
    }
}

/// A hash is an object used to calculate a checksum of a string of information.
///
/// The digest of this one has any length.
#[pyclass(
    name = "HASHXOF",
    module = "_hashlib",
    extends = "HashObject",
    flags(NO_NEW)
)]
#[repr(C)]
pub struct HashXof {
    base: HashObject,
}

impl HashXof {
    fn read(&self, vm: &Vm, length: isize) -> PyResult<Vec<u8>> {
        let Ok(length) = usize::try_from(length) else {
            return Err(vm.value_error("length must be non-negative"));
        };
        let mut out = Vec::new();
        if length > 1 << 32 || out.try_reserve_exact(length).is_err() {
            return Err(vm.memory_error(""));
        }
        out.resize(length, 0);
        if let Some(xof) = self.base.xof.get() {
            xof.read(&mut out)
        }
        Ok(out)
    }
}

#[pymethods]
impl HashXof {
    /// Return the digest value as a bytes object.
    #[pymethod(sig = "($self, /, length)")]
    fn digest(&self, vm: &Vm, length: isize) -> PyResult {
        Ok(vm.new_bytes_of(self.read(vm, length)?)?.into_value())
    }

    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "($self, /, length)")]
    fn hexdigest(&self, vm: &Vm, length: isize) -> PyResult<String> {
        Ok(hex(&self.read(vm, length)?))
    }
}

keyed_class!(
    HmacObject,
    "_hashlib",
    /// The object used to calculate HMAC of a message.
    ///
    /// Methods:
    ///
    /// update() -- updates the current digest with an additional string
    /// digest() -- return the current digest value
    /// hexdigest() -- return the current digest as a string of hexadecimal digits
    /// copy() -- return a copy of the current hash object
    ///
    /// Attributes:
    ///
    /// name -- the name, including the hash algorithm used by this object
    /// digest_size -- number of bytes in digest() output
);

/// One block after the other of PBKDF2 (RFC 8018), by an HMAC whose key is set.
fn pbkdf2_blocks(
    out: &mut [u8],
    size: usize,
    salt: &[u8],
    iterations: u32,
    mac: &mut dyn FnMut(&[&[u8]], &mut [u8]),
) {
    let (mut last, mut sum) = (vec![0; size], vec![0; size]);
    for (index, part) in out.chunks_mut(size).enumerate() {
        let number = (index as u32 + 1).to_be_bytes();
        mac(&[salt, &number], &mut last);
        sum.copy_from_slice(&last);
        let mut next = last.clone();
        for _ in 1..iterations {
            mac(&[&last], &mut next);
            std::mem::swap(&mut last, &mut next);
            for (s, l) in sum.iter_mut().zip(&last) {
                *s ^= l;
            }
        }
        part.copy_from_slice(&sum[..part.len()]);
    }
}

/// PBKDF2 with a hash function known when this is compiled: the quick way.
fn pbkdf2_of<D: Digest + Clone>(
    block_size: usize,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) {
    let mut key = vec![0; block_size];
    if password.len() > block_size {
        let digest = D::digest(password);
        key[..digest.len()].copy_from_slice(&digest);
    } else {
        key[..password.len()].copy_from_slice(password);
    }
    let keyed = |pad: u8| {
        let padded: Vec<u8> = key.iter().map(|byte| byte ^ pad).collect();
        D::new_with_prefix(&padded)
    };
    let (inner, outer) = (keyed(0x36), keyed(0x5c));
    let size = <D as Digest>::output_size();
    pbkdf2_blocks(out, size, salt, iterations, &mut |parts, result| {
        let mut hash = inner.clone();
        for part in parts {
            Digest::update(&mut hash, part);
        }
        let mut second = outer.clone();
        Digest::update(&mut second, hash.finalize());
        result.copy_from_slice(&second.finalize());
    });
}

/// PBKDF2-HMAC.
fn pbkdf2(
    function: &'static Function,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) {
    let quick = match function.name {
        "md5" => pbkdf2_of::<::md5::Md5>,
        "sha1" => pbkdf2_of::<::sha1::Sha1>,
        "sha224" => pbkdf2_of::<::sha2::Sha224>,
        "sha256" => pbkdf2_of::<::sha2::Sha256>,
        "sha384" => pbkdf2_of::<::sha2::Sha384>,
        "sha512" => pbkdf2_of::<::sha2::Sha512>,
        "sha3_256" => pbkdf2_of::<::sha3::Sha3_256>,
        "sha3_512" => pbkdf2_of::<::sha3::Sha3_512>,
        _ => {
            let keyed = Keyed::new(function, password);
            let size = function.digest_size;
            return pbkdf2_blocks(out, size, salt, iterations, &mut |parts, result| {
                let hash = keyed.duplicate();
                for part in parts {
                    hash.add(part);
                }
                result.copy_from_slice(&hash.digest());
            });
        }
    };
    quick(function.block_size, password, salt, iterations, out)
}

/// The core of Salsa20 with eight rounds.
fn salsa(block: &mut [u32; 16]) {
    let mut x = *block;
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
        x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
        x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
        x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
    };
    for _ in 0..4 {
        quarter(0, 4, 8, 12);
        quarter(5, 9, 13, 1);
        quarter(10, 14, 2, 6);
        quarter(15, 3, 7, 11);
        quarter(0, 1, 2, 3);
        quarter(5, 6, 7, 4);
        quarter(10, 11, 8, 9);
        quarter(15, 12, 13, 14);
    }
    for (b, x) in block.iter_mut().zip(x) {
        *b = b.wrapping_add(x);
    }
}

/// scryptBlockMix (RFC 7914): `data` has `2 * r` blocks of 16 words.
fn block_mix(data: &mut [u32], room: &mut [u32]) {
    let mut x = [0u32; 16];
    x.copy_from_slice(&data[data.len() - 16..]);
    let half = data.len() / 2;
    for (index, block) in data.chunks_exact(16).enumerate() {
        for (x, b) in x.iter_mut().zip(block) {
            *x ^= b;
        }
        salsa(&mut x);
        let to = index / 2 * 16 + if index % 2 == 0 { 0 } else { half };
        room[to..to + 16].copy_from_slice(&x);
    }
    data.copy_from_slice(room);
}

/// scryptROMix with `memory` of `n` times the size of the data.
fn rom_mix(data: &mut [u32], n: usize, memory: &mut [u32], room: &mut [u32]) {
    let size = data.len();
    for row in memory.chunks_exact_mut(size) {
        row.copy_from_slice(data);
        block_mix(data, room);
    }
    for _ in 0..n {
        let row = data[size - 16] as usize & (n - 1);
        for (d, m) in data.iter_mut().zip(&memory[row * size..(row + 1) * size]) {
            *d ^= m;
        }
        block_mix(data, room);
    }
}

/// scrypt; None where there is not enough memory.
fn scrypt(
    password: &[u8],
    salt: &[u8],
    n: usize,
    r: usize,
    p: usize,
    out: &mut [u8],
) -> Option<()> {
    let words = 32 * r;
    let reserve = |n: usize| {
        let mut room = Vec::new();
        room.try_reserve_exact(n).ok()?;
        room.resize(n, 0u32);
        Some(room)
    };
    let mut memory = reserve(words.checked_mul(n)?)?;
    let mut room = reserve(words)?;
    let mut blocks = vec![0u8; words * 4 * p];
    pbkdf2_of::<::sha2::Sha256>(64, password, salt, 1, &mut blocks);
    for block in blocks.chunks_exact_mut(words * 4) {
        let bytes = block.chunks_exact(4);
        let mut data: Vec<u32> = bytes
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        rom_mix(&mut data, n, &mut memory, &mut room);
        for (bytes, word) in block.chunks_exact_mut(4).zip(data) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
    pbkdf2_of::<::sha2::Sha256>(64, password, &blocks, 1, out);
    Some(())
}

fn made(vm: &Vm, name: &str, data: Option<&Value>, string: Option<&Value>) -> PyResult {
    let data = first_data(vm, data, string)?;
    let Some(found) = find(name) else {
        return Err(unsupported(vm));
    };
    let hash = HashObject::start(found);
    if let Some(data) = data {
        hash.add(vm, data)?
    }
    hash.into_object(vm)
}

constructors! { "_hashlib", |vm, data, string|
    /// Returns a md5 hash object; optionally initialized with a string.
    openssl_md5 = made(vm, "md5", data, string);
    /// Returns a sha1 hash object; optionally initialized with a string.
    openssl_sha1 = made(vm, "sha1", data, string);
    /// Returns a sha224 hash object; optionally initialized with a string.
    openssl_sha224 = made(vm, "sha224", data, string);
    /// Returns a sha256 hash object; optionally initialized with a string.
    openssl_sha256 = made(vm, "sha256", data, string);
    /// Returns a sha384 hash object; optionally initialized with a string.
    openssl_sha384 = made(vm, "sha384", data, string);
    /// Returns a sha512 hash object; optionally initialized with a string.
    openssl_sha512 = made(vm, "sha512", data, string);
    /// Returns a sha3-224 hash object; optionally initialized with a string.
    openssl_sha3_224 = made(vm, "sha3_224", data, string);
    /// Returns a sha3-256 hash object; optionally initialized with a string.
    openssl_sha3_256 = made(vm, "sha3_256", data, string);
    /// Returns a sha3-384 hash object; optionally initialized with a string.
    openssl_sha3_384 = made(vm, "sha3_384", data, string);
    /// Returns a sha3-512 hash object; optionally initialized with a string.
    openssl_sha3_512 = made(vm, "sha3_512", data, string);
    /// Returns a shake-128 variable hash object; optionally initialized with a string.
    openssl_shake_128 = made(vm, "shake_128", data, string);
    /// Returns a shake-256 variable hash object; optionally initialized with a string.
    openssl_shake_256 = made(vm, "shake_256", data, string);
}

/// The limits of OpenSSL's integers.
const INT_MAX: i64 = i32::MAX as i64;

#[pymodule(
    name = "_hashlib",
    doc = "OpenSSL interface for hashlib module",
    classes(HashObject, HashXof, HmacObject),
    with(constructors, shared)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "UnsupportedDigestmodError")]
    fn unsupported_attr(vm: &Vm) -> PyResult {
        Ok(unsupported_digestmod(vm)?.into_value())
    }

    #[pyattr]
    fn openssl_md_meth_names(vm: &Vm) -> PyResult {
        let names = FUNCTIONS.iter().chain(MORE).map(|f| f.name);
        let mut all = Vec::new();
        for name in names.chain(["shake_128", "shake_256"]) {
            all.push(vm.intern(name).into_value());
        }
        Ok(naja_vm::set::FrozenSet::from_values(vm, all)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let operator = naja_vm::import::import_simple(vm, "_operator")?;
        let compare = naja_vm::protocols::attributes::get_by(vm, &operator, "_compare_digest")?;
        module.set(vm, "compare_digest", compare)?;
        let constructors = vm.new_dict()?;
        for (name, value) in module.dict().items_vec() {
            let Some(text) = str_::of(&name).and_then(|name| name.as_str()) else {
                continue;
            };
            if let Some(function) = text.strip_prefix("openssl_")
                && value.downcast::<NativeFunction>().is_some()
            {
                constructors.set(vm, &value, vm.intern(function).into_value())?;
            }
        }
        let constructors = MappingProxy::make(vm, constructors.into_value())?;
        module.set(vm, "_constructors", constructors)
    }

    /// Determine the OpenSSL FIPS mode of operation.
    #[pyfunction(sig = "($module, /)")]
    fn get_fips_mode() -> i32 {
        0
    }

    /// Return a new hash object using the named algorithm.
    ///
    /// An optional string argument may be provided and will be
    /// automatically hashed.
    ///
    /// The MD5 and SHA1 algorithms are always supported.
    #[pyfunction(sig = "($module, /, name, data=b'', *, usedforsecurity=True, string=None)")]
    fn new(
        vm: &Vm,
        name: &Ref<Str>,
        data: Option<&Value>,
        _usedforsecurity: Option<bool>,
        string: Option<&Value>,
    ) -> PyResult {
        made(vm, &name.to_string_lossy(), data, string)
    }

    /// Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function.
    #[pyfunction(sig = "($module, /, hash_name, password, salt, iterations, dklen=None)")]
    fn pbkdf2_hmac(
        vm: &Vm,
        hash_name: &Ref<Str>,
        password: Buffer,
        salt: Buffer,
        iterations: &Value,
        dklen: Option<&Value>,
    ) -> PyResult {
        let too_long = || vm.overflow_error("Python int too large to convert to C long");
        let iterations = number::index_i64(vm, iterations)?.ok_or_else(too_long)?;
        let found = find(&hash_name.to_string_lossy()).ok_or_else(|| unsupported(vm))?;
        if iterations < 1 {
            return Err(vm.value_error("iteration value must be greater than 0."));
        }
        if iterations > INT_MAX {
            return Err(vm.overflow_error("iteration value is too great."));
        }
        let length = match (dklen.filter(|d| !d.is_none()), &found) {
            (Some(length), _) => number::index_i64(vm, length)?.ok_or_else(too_long)?,
            (None, Found::Fixed(function)) => function.digest_size as i64,
            (None, Found::Xof(..)) => 0,
        };
        if length < 1 {
            return Err(vm.value_error("key length must be greater than 0."));
        }
        if length > INT_MAX {
            return Err(vm.overflow_error("key length is too great."));
        }
        let Found::Fixed(function) = found else {
            return Err(unsupported(vm));
        };
        let (password, salt) = (password.to_vec(), salt.to_vec());
        let mut key = vec![0; length as usize];
        vm.without_gil(|| pbkdf2(function, &password, &salt, iterations as u32, &mut key));
        Ok(vm.new_bytes_of(key)?.into_value())
    }

    /// scrypt password-based key derivation function.
    #[pyfunction(
        name = "scrypt",
        sig = "($module, /, password, *, salt, n, r, p, maxmem=0, dklen=64)"
    )]
    fn scrypt_function(
        vm: &Vm,
        password: Buffer,
        salt: Buffer,
        n: &Value,
        r: &Value,
        p: &Value,
        #[default(0)] maxmem: i64,
        #[default(64)] dklen: i64,
    ) -> PyResult {
        let unsigned = |value: &Value| -> PyResult<u64> {
            match number::index_i64(vm, value)? {
                Some(n) => {
                    u64::try_from(n).map_err(|_| vm.value_error("Cannot convert negative int"))
                }
                None => {
                    Err(vm.overflow_error("Python int too large to convert to C unsigned long"))
                }
            }
        };
        let (n, r, p) = (unsigned(n)?, unsigned(r)?, unsigned(p)?);
        if n < 2 || !n.is_power_of_two() {
            return Err(vm.value_error("n must be a power of 2."));
        }
        if !(0..=INT_MAX).contains(&maxmem) {
            return Err(vm.value_error("maxmem must be positive and smaller than 2147483647"));
        }
        if !(1..=INT_MAX).contains(&dklen) {
            return Err(vm.value_error("dklen must be greater than 0 and smaller than 2147483647"));
        }
        if r == 0 || p == 0 {
            return Err(vm.value_error("Invalid parameter combination for n, r, p, maxmem."));
        }
        // OpenSSL counts the blocks, the table and one block of work; its own limit is 32 MiB.
        let limit = match maxmem {
            0 => 32 << 20,
            given => given as u128,
        };
        let block = u128::from(r) * 128;
        let needed = block * u128::from(p) + block * (u128::from(n) + 2);
        if u128::from(p) * u128::from(r) >= 1 << 30 || needed > limit {
            let text = "[digital envelope routines] memory limit exceeded";
            return Err(vm.value_error(text));
        }
        let (password, salt) = (password.to_vec(), salt.to_vec());
        let mut key = vec![0; dklen as usize];
        let (n, r, p) = (n as usize, r as usize, p as usize);
        match vm.without_gil(|| scrypt(&password, &salt, n, r, p, &mut key)) {
            Some(()) => Ok(vm.new_bytes_of(key)?.into_value()),
            None => Err(vm.memory_error("")),
        }
    }

    /// Single-shot HMAC.
    #[pyfunction(sig = "($module, /, key, msg, digest)")]
    fn hmac_digest(vm: &Vm, key: Buffer, msg: &Value, digest: &Value) -> PyResult {
        let function = match of_digestmod(vm, digest)? {
            Found::Fixed(function) => function,
            Found::Xof(..) => return Err(unsupported(vm)),
        };
        let keyed = key.with(|key| Keyed::new(function, key));
        keyed.update(vm, msg)?;
        Ok(vm.new_bytes_of(keyed.digest())?.into_value())
    }

    /// Return a new hmac object.
    #[pyfunction(sig = "($module, /, key, msg=b'', digestmod=None)")]
    fn hmac_new(vm: &Vm, key: Buffer, msg: Option<&Value>, digestmod: Option<&Value>) -> PyResult {
        let Some(digestmod) = digestmod else {
            return Err(vm.type_error("Missing required parameter 'digestmod'."));
        };
        let function = match of_digestmod(vm, digestmod)? {
            Found::Fixed(function) => function,
            Found::Xof(..) => return Err(vm.value_error("no reason supplied")),
        };
        let keyed = key.with(|key| Keyed::new(function, key));
        if let Some(msg) = msg.filter(|msg| !msg.is_none()) {
            keyed.update(vm, msg)?
        }
        Ok(vm.new_object(HmacObject { keyed })?.into_value())
    }
}
