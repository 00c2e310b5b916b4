//! `_ssl`: TLS for `ssl`, on rustls.
//!
//! * `context.rs`: settings, keys, trusted certificates; `socket.rs`: connections; `bio.rs`: memory in place of a socket
//! * `verify.rs`: trust; `x509.rs`, `pem.rs`, `certificate.rs`, `objects.rs`: certificates and what they are made of
//! * `ciphers.rs`: cipher suites; `errors.rs`: exceptions in OpenSSL's words
//!
//! What rustls does not do (TLS before 1.2, renegotiation, pre-shared keys, Diffie-Hellman parameters, given sessions,
//! authentication after the handshake, message callbacks, encrypted keys) raises NotImplementedError where it is asked for;
//! nothing is silently less secure. CPython: Modules/_ssl.c.

pub mod bio;
pub mod certificate;
pub mod ciphers;
pub mod context;
pub mod errors;
pub mod objects;
pub mod pem;
pub mod socket;
pub mod verify;
pub mod x509;

use bio::MemoryBio;
use certificate::{Certificate, Session};
use context::Context;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::module::Module;
use naja_vm::runtime::Access;
use naja_vm::str_;
use naja_vm::{PyResult, Vm};
use objects::{OBJECTS, Object};
use socket::SslSocket;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

const CONSTANTS: &[(&str, i64)] = &[
    ("ALERT_DESCRIPTION_ACCESS_DENIED", 49),
    ("ALERT_DESCRIPTION_BAD_CERTIFICATE", 42),
    ("ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE", 114),
    ("ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE", 113),
    ("ALERT_DESCRIPTION_BAD_RECORD_MAC", 20),
    ("ALERT_DESCRIPTION_CERTIFICATE_EXPIRED", 45),
    ("ALERT_DESCRIPTION_CERTIFICATE_REVOKED", 44),
    ("ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN", 46),
    ("ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE", 111),
    ("ALERT_DESCRIPTION_CLOSE_NOTIFY", 0),
    ("ALERT_DESCRIPTION_DECODE_ERROR", 50),
    ("ALERT_DESCRIPTION_DECOMPRESSION_FAILURE", 30),
    ("ALERT_DESCRIPTION_DECRYPT_ERROR", 51),
    ("ALERT_DESCRIPTION_HANDSHAKE_FAILURE", 40),
    ("ALERT_DESCRIPTION_ILLEGAL_PARAMETER", 47),
    ("ALERT_DESCRIPTION_INSUFFICIENT_SECURITY", 71),
    ("ALERT_DESCRIPTION_INTERNAL_ERROR", 80),
    ("ALERT_DESCRIPTION_NO_RENEGOTIATION", 100),
    ("ALERT_DESCRIPTION_PROTOCOL_VERSION", 70),
    ("ALERT_DESCRIPTION_RECORD_OVERFLOW", 22),
    ("ALERT_DESCRIPTION_UNEXPECTED_MESSAGE", 10),
    ("ALERT_DESCRIPTION_UNKNOWN_CA", 48),
    ("ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY", 115),
    ("ALERT_DESCRIPTION_UNRECOGNIZED_NAME", 112),
    ("ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE", 43),
    ("ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION", 110),
    ("ALERT_DESCRIPTION_USER_CANCELLED", 90),
    ("CERT_NONE", 0),
    ("CERT_OPTIONAL", 1),
    ("CERT_REQUIRED", 2),
    ("ENCODING_DER", 2),
    ("ENCODING_PEM", 1),
    ("HOSTFLAG_ALWAYS_CHECK_SUBJECT", 1),
    ("HOSTFLAG_MULTI_LABEL_WILDCARDS", 8),
    ("HOSTFLAG_NEVER_CHECK_SUBJECT", 32),
    ("HOSTFLAG_NO_PARTIAL_WILDCARDS", 4),
    ("HOSTFLAG_NO_WILDCARDS", 2),
    ("HOSTFLAG_SINGLE_LABEL_SUBDOMAINS", 16),
    ("OP_ALL", 2147483728),
    ("OP_CIPHER_SERVER_PREFERENCE", 4194304),
    ("OP_ENABLE_KTLS", 8),
    ("OP_ENABLE_MIDDLEBOX_COMPAT", 1048576),
    ("OP_IGNORE_UNEXPECTED_EOF", 128),
    ("OP_LEGACY_SERVER_CONNECT", 4),
    ("OP_NO_COMPRESSION", 131072),
    ("OP_NO_RENEGOTIATION", 1073741824),
    ("OP_NO_SSLv2", 0),
    ("OP_NO_SSLv3", 33554432),
    ("OP_NO_TICKET", 16384),
    ("OP_NO_TLSv1", 67108864),
    ("OP_NO_TLSv1_1", 268435456),
    ("OP_NO_TLSv1_2", 134217728),
    ("OP_NO_TLSv1_3", 536870912),
    ("OP_SINGLE_DH_USE", 0),
    ("OP_SINGLE_ECDH_USE", 0),
    ("PROTOCOL_SSLv23", 2),
    ("PROTOCOL_TLS", 2),
    ("PROTOCOL_TLS_CLIENT", 16),
    ("PROTOCOL_TLS_SERVER", 17),
    ("PROTOCOL_TLSv1", 3),
    ("PROTOCOL_TLSv1_1", 4),
    ("PROTOCOL_TLSv1_2", 5),
    ("PROTO_MAXIMUM_SUPPORTED", -1),
    ("PROTO_MINIMUM_SUPPORTED", -2),
    ("PROTO_SSLv3", 768),
    ("PROTO_TLSv1", 769),
    ("PROTO_TLSv1_1", 770),
    ("PROTO_TLSv1_2", 771),
    ("PROTO_TLSv1_3", 772),
    ("SSL_ERROR_EOF", 8),
    ("SSL_ERROR_INVALID_ERROR_CODE", 10),
    ("SSL_ERROR_SSL", 1),
    ("SSL_ERROR_SYSCALL", 5),
    ("SSL_ERROR_WANT_CONNECT", 7),
    ("SSL_ERROR_WANT_READ", 2),
    ("SSL_ERROR_WANT_WRITE", 3),
    ("SSL_ERROR_WANT_X509_LOOKUP", 4),
    ("SSL_ERROR_ZERO_RETURN", 6),
    ("VERIFY_ALLOW_PROXY_CERTS", 64),
    ("VERIFY_CRL_CHECK_CHAIN", 12),
    ("VERIFY_CRL_CHECK_LEAF", 4),
    ("VERIFY_DEFAULT", 0),
    ("VERIFY_X509_PARTIAL_CHAIN", 524288),
    ("VERIFY_X509_STRICT", 32),
    ("VERIFY_X509_TRUSTED_FIRST", 32768),
];

const FLAGS: &[(&str, bool)] = &[
    ("HAS_SNI", true),
    ("HAS_TLS_UNIQUE", false),
    ("HAS_ECDH", true),
    ("HAS_NPN", false),
    ("HAS_ALPN", true),
    ("HAS_PHA", false),
    ("HAS_PSK", false),
    ("HAS_SSLv2", false),
    ("HAS_SSLv3", false),
    ("HAS_TLSv1", false),
    ("HAS_TLSv1_1", false),
    ("HAS_TLSv1_2", true),
    ("HAS_TLSv1_3", true),
];

/// The version of OpenSSL whose interface this keeps, as its number and as a tuple.
const API: (i64, [i64; 5]) = (0x3000_0000, [3, 0, 0, 0, 0]);

fn object_value(vm: &Vm, object: &Object) -> PyResult {
    let items = vec![
        vm.new_int(i64::from(object.nid))?,
        vm.new_str(object.short)?.into_value(),
        vm.new_str(object.long)?.into_value(),
        vm.new_str(object.oid)?.into_value(),
    ];
    Ok(vm.new_tuple(items)?.into_value())
}

#[pymodule(
    name = "_ssl",
    doc = "Implementation module for SSL socket operations.  See the socket module\nfor documentation.",
    classes(Context, SslSocket, MemoryBio, Session, Certificate)
)]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for (kind, name, _) in errors::KINDS {
            module.set(vm, name, kind.class(vm)?.into_value())?;
        }
        for (name, value) in CONSTANTS {
            module.set(vm, name, vm.new_int(*value)?)?;
        }
        for (name, value) in FLAGS {
            module.set(vm, name, Value::from_bool(*value))?;
        }
        let numbers = |numbers: &[i64]| -> PyResult {
            let items = numbers.iter().map(|n| vm.new_int(*n));
            let items = items.collect::<PyResult<Vec<Value>>>()?;
            Ok(vm.new_tuple(items)?.into_value())
        };
        let (number, parts) = API;
        module.set(vm, "OPENSSL_VERSION_NUMBER", vm.new_int(number)?)?;
        module.set(vm, "OPENSSL_VERSION_INFO", numbers(&parts)?)?;
        module.set(vm, "_OPENSSL_API_VERSION", numbers(&parts)?)?;
        let version = vm.new_str("OpenSSL 3.0.0 interface, on rustls 0.23")?;
        module.set(vm, "OPENSSL_VERSION", version.into_value())?;
        let ciphers = vm.new_str("ALL:!COMPLEMENTOFDEFAULT:!eNULL")?;
        module.set(vm, "_DEFAULT_CIPHERS", ciphers.into_value())
    }

    /// Mix string into the OpenSSL PRNG state.
    ///
    /// entropy (a float) is a lower bound on the entropy contained in
    /// string.  See RFC 4086.
    #[pyfunction(name = "RAND_add", sig = "($module, string, entropy, /)")]
    fn rand_add(vm: &Vm, string: &Value, entropy: f64) -> PyResult<()> {
        // The system's generator needs no more: the arguments are only checked.
        let _ = entropy;
        if str_::of(string).is_none() {
            Buffer::of(vm, string)?;
        }
        Ok(())
    }

    /// Generate n cryptographically strong pseudo-random bytes.
    #[pyfunction(name = "RAND_bytes", sig = "($module, n, /)")]
    fn rand_bytes(vm: &Vm, n: i32) -> PyResult {
        let Ok(count) = usize::try_from(n) else {
            return Err(vm.value_error("num must be positive"));
        };
        vm.permit(Access::Randomness)?;
        let mut bytes = vec![0u8; count];
        let mut done = 0;
        while done < count {
            // SAFETY: the rest of the buffer is as long as said.
            let got =
                unsafe { libc::getrandom(bytes[done..].as_mut_ptr().cast(), count - done, 0) };
            match usize::try_from(got) {
                Ok(got) => done += got,
                Err(_) => vm.check_signals()?,
            }
        }
        Ok(vm.new_bytes_of(bytes)?.into_value())
    }

    /// Returns True if the OpenSSL PRNG has been seeded with enough data and False if not.
    ///
    /// It is necessary to seed the PRNG with RAND_add() on some platforms before
    /// using the ssl() function.
    #[pyfunction(name = "RAND_status", sig = "($module, /)")]
    fn rand_status() -> bool {
        true
    }

    /// Return search paths and environment vars that are used by SSLContext's set_default_verify_paths() to load default CAs.
    ///
    /// The values are 'cert_file_env', 'cert_file', 'cert_dir_env', 'cert_dir'.
    #[pyfunction(sig = "($module, /)")]
    fn get_default_verify_paths(vm: &Vm) -> PyResult {
        let texts = [
            "SSL_CERT_FILE",
            context::DEFAULT_FILE,
            "SSL_CERT_DIR",
            context::DEFAULT_FOLDER,
        ];
        let texts = texts.iter().map(|t| Ok(vm.new_str(t)?.into_value()));
        let texts = texts.collect::<PyResult<Vec<Value>>>()?;
        Ok(vm.new_tuple(texts)?.into_value())
    }

    /// Lookup NID, short name, long name and OID of an ASN1_OBJECT.
    ///
    /// By default objects are looked up by OID. With name=True short and
    /// long name are also matched.
    #[pyfunction(sig = "($module, /, txt, name=False)")]
    fn txt2obj(vm: &Vm, txt: &str, #[default(false)] name: bool) -> PyResult {
        let wanted = |object: &&Object| {
            object.oid == txt || (name && (object.short == txt || object.long == txt))
        };
        match OBJECTS.iter().find(wanted) {
            Some(object) => object_value(vm, object),
            None => {
                let text: String = txt.chars().take(100).collect();
                Err(vm.value_error(format!("unknown object '{text}'")))
            }
        }
    }

    /// Lookup NID, short name, long name and OID of an ASN1_OBJECT by NID.
    #[pyfunction(sig = "($module, nid, /)")]
    fn nid2obj(vm: &Vm, nid: i32) -> PyResult {
        if nid < 0 {
            return Err(vm.value_error("NID must be positive."));
        }
        match OBJECTS.iter().find(|object| object.nid == nid) {
            Some(object) => object_value(vm, object),
            None => Err(vm.value_error(format!("unknown NID {nid}"))),
        }
    }

    #[pyfunction(sig = "($module, path, /)")]
    fn _test_decode_cert(vm: &Vm, path: &Value) -> PyResult {
        let name = crate::posix::path::fs_bytes(vm, path)?;
        let mode = vm.new_str("rb")?.into_value();
        vm.permit(Access::Open(path, &mode, 0))?;
        let Ok(bytes) = std::fs::read(OsStr::from_bytes(&name)) else {
            return Err(errors::plain(vm, "Can't open file"));
        };
        let blocks = pem::blocks(&String::from_utf8_lossy(&bytes)).unwrap_or_default();
        let block = blocks
            .iter()
            .find(|block| pem::is_certificate(&block.label));
        match block.and_then(|block| x509::X509::parse(&block.der)) {
            Some(cert) => cert.to_dict(vm),
            None => Err(errors::plain(vm, "Error decoding PEM-encoded file")),
        }
    }
}
