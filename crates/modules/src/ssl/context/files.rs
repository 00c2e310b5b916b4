//! Files that contexts read and write: keys, certificates, folders of them, and the log of secrets.

use crate::posix::path;
use crate::ssl::errors::{Kind, Report};
use crate::ssl::pem;
use crate::ssl::pem::Block;
use naja_heap::Value;
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Raised, Vm};
use rustls::KeyLog;
use rustls::pki_types::PrivateKeyDer;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Mutex;

/// Where some systems keep the trusted certificates, for when the usual file is not there.
pub(super) const OTHER_FILES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Writes secrets to a file, for debuggers.
#[derive(Debug)]
pub(super) struct KeyFile(pub(super) Mutex<std::fs::File>);

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        if let Ok(mut file) = self.0.lock() {
            let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
            let _ = file.write_all(line.as_bytes()); // nobody could be told
        }
    }
}

/// An argument that is a path. Raises TypeError in `_ssl`'s words.
pub(super) fn path_argument(vm: &Vm, value: &Value, name: &str) -> PyResult<PathBuf> {
    match path::fs_bytes(vm, value) {
        Ok(bytes) => Ok(PathBuf::from(OsStr::from_bytes(&bytes))),
        Err(raised) => {
            if vm.catch(&vm.types.type_error) {
                let text = format!("{name} should be a valid filesystem path");
                return Err(vm.type_error(text));
            }
            Err(raised)
        }
    }
}

/// Raises the OSError of an I/O error.
pub(super) fn io_error(vm: &Vm, error: &std::io::Error) -> Raised {
    naja_vm::builtins::print::os_error(vm, error.raw_os_error().unwrap_or(libc::EIO))
}

/// A file's content, past the gate.
pub(super) fn read_file(vm: &Vm, path: &std::path::Path) -> PyResult<Vec<u8>> {
    let name = vm.new_str(path.to_string_lossy())?.into_value();
    let mode = vm.new_str("rb")?.into_value();
    vm.permit(Access::Open(&name, &mode, 0))?;
    let path = path.to_path_buf();
    vm.without_gil(|| std::fs::read(path))
        .map_err(|error| io_error(vm, &error))
}

/// "[SSL] PEM lib", for what is no certificate or key.
pub(super) fn pem_error(vm: &Vm) -> Raised {
    Report {
        kind: Kind::Ssl,
        number: 524_297,
        library: Some("SSL"),
        reason: None,
        text: "PEM lib",
        line: 4291,
        verify: None,
    }
    .raise(vm)
}

pub(super) fn pem_blocks(vm: &Vm, path: &std::path::Path) -> PyResult<Vec<Block>> {
    let bytes = read_file(vm, path)?;
    pem::blocks(&String::from_utf8_lossy(&bytes)).ok_or_else(|| pem_error(vm))
}

/// The private key of a block, if it is one.
pub(super) fn key_of(block: &Block) -> Option<PrivateKeyDer<'static>> {
    let der = block.der.clone();
    match block.label.as_str() {
        "PRIVATE KEY" => Some(PrivateKeyDer::Pkcs8(der.into())),
        "RSA PRIVATE KEY" => Some(PrivateKeyDer::Pkcs1(der.into())),
        "EC PRIVATE KEY" => Some(PrivateKeyDer::Sec1(der.into())),
        _ => None,
    }
}

/// The files of a folder made by `c_rehash`: eight hexadecimal digits, a dot, a number.
pub(super) fn hashed_files(folder: &PathBuf) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let hashed = |name: &str| {
        name.split_once('.').is_some_and(|(hash, number)| {
            hash.len() == 8
                && hash.bytes().all(|b| b.is_ascii_hexdigit())
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(hashed))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .collect()
}
