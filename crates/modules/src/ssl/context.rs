//! `_ssl._SSLContext`: settings, certificates and keys, from which connections are made.
//!
//! rustls' configuration is made anew for each connection, because OpenSSL's contexts can be changed between connections.
//! Invariant: `trust` is None or was made from the present `trusted` and `folders`. CPython: the PySSLContext part of
//! Modules/_ssl.c.

mod files;

use super::bio::MemoryBio;
use super::ciphers::SUITES;
use super::errors::{Kind, Report, plain};
use super::socket::{SslSocket, Transport};
use super::verify::{CERT_NONE, CERT_REQUIRED, Host, Trust, Verifier};
use super::x509::X509;
use super::{ciphers, errors, pem};
use crate::posix::path;
use crate::socket::Socket;
use files::{
    KeyFile, OTHER_FILES, hashed_files, key_of, path_argument, pem_blocks, pem_error, read_file,
};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::protocols::number;
use naja_vm::runtime::Access;
use naja_vm::str_::Str;
use naja_vm::str_::codecs::registry::is_callable;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm, str_};
use rustls::client::{ClientConnection, ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ServerConfig, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion,
};
use std::cell::Cell;
use std::ffi::OsStr;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub const PROTOCOL_TLS: i32 = 2;
pub const PROTOCOL_TLS_CLIENT: i32 = 16;
pub const PROTOCOL_TLS_SERVER: i32 = 17;

const OP_DEFAULT: u64 = 2_186_412_112;
const OP_NO_TLS12: u64 = 0x0800_0000;
const OP_NO_TLS13: u64 = 0x2000_0000;
/// OP_NO_SSLv3, OP_NO_TLSv1, OP_NO_TLSv1_1 and the two above.
const OP_NO_VERSIONS: u64 = 0x0200_0000 | 0x0400_0000 | 0x1000_0000 | OP_NO_TLS12 | OP_NO_TLS13;

const MINIMUM: i32 = -2;
const MAXIMUM: i32 = -1;
const V12: i32 = 771;
const V13: i32 = 772;

/// The file and folder where trusted certificates are looked for.
pub const DEFAULT_FILE: &str = "/usr/lib/ssl/cert.pem";
pub const DEFAULT_FOLDER: &str = "/usr/lib/ssl/certs";

/// The keys that a context has loaded.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl Keys {
    fn pick(&self, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        self.0.iter().find(usable).cloned()
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        // Suites of TLS 1.2 want a kind of key.
        let suits = |key: &CertifiedKey| {
            let kind = match key.key.algorithm() {
                rustls::SignatureAlgorithm::RSA => "RSA",
                _ => "ECDSA",
            };
            let offered = hello.cipher_suites().iter();
            offered
                .filter_map(|suite| ciphers::by_code(u16::from(*suite)))
                .any(|suite| suite.tls13() || suite.auth() == kind)
        };
        let usable =
            |key: &&Arc<CertifiedKey>| suits(key) && key.key.choose_scheme(schemes).is_some();
        self.0.iter().find(usable).cloned()
    }
}

impl ResolvesClientCert for Keys {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.pick(schemes)
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

#[pyclass(name = "_SSLContext", module = "_ssl", gc, flags(BASETYPE, IMMUTABLE))]
pub struct Context {
    protocol: i32,
    options: Cell<u64>,
    pub verify_mode: Cell<i32>,
    verify_flags: Cell<u64>,
    check_hostname: Cell<bool>,
    host_flags: Cell<u32>,
    minimum: Cell<i32>,
    maximum: Cell<i32>,
    tickets: Cell<usize>,
    post_handshake_auth: Cell<bool>,
    alpn: MutCell<Vec<Vec<u8>>>,
    /// The suites of TLS 1.2 chosen by `set_ciphers`.
    suites: MutCell<Option<Vec<u16>>>,
    group: Cell<Option<rustls::NamedGroup>>,
    keys: MutCell<Vec<Arc<CertifiedKey>>>,
    trusted: MutCell<Vec<Arc<X509>>>,
    crls: Cell<usize>,
    folders: MutCell<Vec<PathBuf>>,
    trust: MutCell<Option<Arc<Trust>>>,
    key_file: MutCell<Option<Arc<KeyFile>>>,
    key_file_name: MutCell<Value>,
    pub sni_callback: MutCell<Value>,
    message_callback: MutCell<Value>,
}

impl Traverse for Context {
    fn traverse(&self, visitor: &mut Visitor) {
        for field in [
            &self.key_file_name,
            &self.sni_callback,
            &self.message_callback,
        ] {
            field.with(|v| visitor.value(v));
        }
    }

    fn clear(&self) {
        self.sni_callback.set(Value::NONE);
        self.message_callback.set(Value::NONE);
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(ring::default_provider()))
        .clone()
}

/// Raises SSLError for what OpenSSL says without library and reason.
fn unnamed(vm: &Vm, text: &str, line: u32) -> Raised {
    Report {
        kind: Kind::Ssl,
        number: 0,
        library: None,
        reason: None,
        text,
        line,
        verify: None,
    }
    .raise(vm)
}

impl Context {
    fn add_trusted(&self, cert: X509) {
        self.trusted.with_mut(|all| {
            if !all.iter().any(|known| known.der == cert.der) {
                all.push(Arc::new(cert));
            }
        });
        drop(self.trust.take());
    }

    /// The certificates to trust: those loaded, and those in folders of hashed names.
    pub fn trust(&self, vm: &Vm) -> PyResult<Arc<Trust>> {
        if let Some(known) = self.trust.get() {
            return Ok(known);
        }
        let mut certs = self.trusted.get();
        for folder in self.folders.get() {
            let name = vm.new_str(folder.to_string_lossy())?.into_value();
            vm.permit(Access::Event("os.listdir", &[name]))?;
            let files = vm.without_gil(|| hashed_files(&folder));
            for bytes in files {
                let blocks = pem::blocks(&String::from_utf8_lossy(&bytes)).unwrap_or_default();
                let found = blocks.iter().filter(|b| pem::is_certificate(&b.label));
                for cert in found.filter_map(|b| X509::parse(&b.der)) {
                    if !certs.iter().any(|known| known.der == cert.der) {
                        certs.push(Arc::new(cert));
                    }
                }
            }
        }
        let made = Arc::new(Trust::new(certs));
        self.trust.set(Some(made.clone()));
        Ok(made)
    }

    /// Certificates of folders count as loaded once a chain has used them.
    pub fn note_used(&self, sent: &[Arc<X509>]) {
        let (Some(trust), Some(last)) = (self.trust.get(), sent.last()) else {
            return;
        };
        let used = |cert: &&Arc<X509>| {
            cert.subject == last.issuer || sent.iter().any(|sent| sent.der == cert.der)
        };
        for cert in trust.certs.iter().filter(used) {
            self.trusted.with_mut(|all| {
                if !all.iter().any(|known| known.der == cert.der) {
                    all.push(cert.clone());
                }
            });
        }
    }

    /// OP_IGNORE_UNEXPECTED_EOF.
    pub fn ignores_end(&self) -> bool {
        self.options.get() & 128 != 0
    }

    fn versions(&self, vm: &Vm) -> PyResult<Vec<&'static SupportedProtocolVersion>> {
        let (low, high) = (self.minimum.get(), self.maximum.get());
        let options = self.options.get();
        let allowed = |version: i32, off: u64| {
            (low == MINIMUM || version >= low)
                && (high == MAXIMUM || version <= high)
                && options & off == 0
        };
        let mut versions = Vec::new();
        let only12 = self.protocol == 5;
        if allowed(V13, OP_NO_TLS13) && !matches!(self.protocol, 3..=5) {
            versions.push(&TLS13);
        }
        if allowed(V12, OP_NO_TLS12) && (only12 || !matches!(self.protocol, 3 | 4)) {
            versions.push(&TLS12);
        }
        if versions.is_empty() {
            return Err(errors::reason(vm, "SSL", "NO_PROTOCOLS_AVAILABLE", 1130));
        }
        Ok(versions)
    }

    /// The provider with the suites and groups that were chosen.
    fn chosen_provider(&self) -> Arc<CryptoProvider> {
        let usual = provider();
        let suites = self.suites.get();
        if suites.is_none() && self.group.get().is_none() {
            return usual;
        }
        let mut changed = (*usual).clone();
        if let Some(codes) = suites {
            let code = |suite: &SupportedCipherSuite| u16::from(suite.suite());
            let (tls13, tls12): (Vec<_>, Vec<_>) = changed
                .cipher_suites
                .iter()
                .partition(|suite| suite.tls13().is_some());
            changed.cipher_suites = tls13;
            for wanted in codes {
                changed
                    .cipher_suites
                    .extend(tls12.iter().filter(|suite| code(suite) == wanted));
            }
        }
        if let Some(group) = self.group.get() {
            changed.kx_groups.retain(|known| known.name() == group);
        }
        Arc::new(changed)
    }

    fn verifier(&self, vm: &Vm, host: Option<Host>) -> PyResult<Arc<Verifier>> {
        let trust = self.trust(vm)?;
        let hints = trust.certs.iter().map(|c| c.subject.clone().into());
        Ok(Arc::new(Verifier {
            mode: self.verify_mode.get(),
            flags: self.verify_flags.get(),
            host: host.filter(|_| self.check_hostname.get()),
            host_flags: self.host_flags.get(),
            provider: provider(),
            hints: hints.collect(),
            note: Mutex::new(None),
            trust,
        }))
    }

    /// A client's connection to `host`.
    pub fn connect(
        &self,
        vm: &Vm,
        host: Option<&str>,
    ) -> PyResult<(ClientConnection, Arc<Verifier>)> {
        let ip = host.and_then(|host| host.parse::<IpAddr>().ok());
        let checked = match (ip, host) {
            (Some(ip), _) => Some(Host::Ip(ip)),
            (None, Some(host)) => Some(Host::Name(host.to_string())),
            _ => None,
        };
        let verifier = self.verifier(vm, checked)?;
        let versions = self.versions(vm)?;
        let failed = |error: rustls::Error| errors::from_rustls(vm, &error, None, 1130);
        let mut config = ClientConfig::builder_with_provider(self.chosen_provider())
            .with_protocol_versions(&versions)
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(Arc::new(Keys(self.keys.get())));
        config.resumption = Resumption::disabled();
        config.alpn_protocols = self.alpn.get();
        if let Some(file) = self.key_file.get() {
            config.key_log = file;
        }
        let name = match (ip, host) {
            (Some(ip), _) => ServerName::IpAddress(ip.into()),
            (None, Some(host)) => match ServerName::try_from(host.to_string()) {
                Ok(name) => name,
                Err(_) => {
                    // A name that cannot be sent; it is only checked.
                    config.enable_sni = false;
                    unnamed_server()
                }
            },
            _ => {
                config.enable_sni = false;
                unnamed_server()
            }
        };
        let connection = ClientConnection::new(Arc::new(config), name).map_err(failed)?;
        Ok((connection, verifier))
    }

    /// A server's configuration, for a client that offers `offered` for ALPN.
    pub fn serve(
        &self,
        vm: &Vm,
        offered: Option<&[Vec<u8>]>,
    ) -> PyResult<(ServerConfig, Arc<Verifier>)> {
        let verifier = self.verifier(vm, None)?;
        let versions = self.versions(vm)?;
        let mut config = ServerConfig::builder_with_provider(self.chosen_provider())
            .with_protocol_versions(&versions)
            .map_err(|error| errors::from_rustls(vm, &error, None, 1130))?
            .with_client_cert_verifier(verifier.clone())
            .with_cert_resolver(Arc::new(Keys(self.keys.get())));
        let ours = self.alpn.get();
        // Without a protocol in common OpenSSL goes on without one, rustls would not.
        let common = offered.is_some_and(|theirs| ours.iter().any(|p| theirs.contains(p)));
        if common {
            config.alpn_protocols = ours;
        }
        config.send_tls13_tickets = self.tickets.get();
        if let Some(file) = self.key_file.get() {
            config.key_log = file;
        }
        Ok((config, verifier))
    }

    fn load_pem(&self, vm: &Vm, text: &str) -> PyResult<usize> {
        let mut count = 0;
        for block in pem::blocks(text).ok_or_else(|| pem_error(vm))? {
            if pem::is_certificate(&block.label) {
                let cert = X509::parse(&block.der).ok_or_else(|| pem_error(vm))?;
                self.add_trusted(cert);
                count += 1;
            } else if block.label == "X509 CRL" {
                self.crls.set(self.crls.get() + 1);
                count += 1;
            }
        }
        Ok(count)
    }

    fn load_data(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let nothing = |what: &str| {
            let text = format!("{what}: cadata does not contain a certificate");
            unnamed(vm, &text, 4410)
        };
        if let Some(text) = str_::of(data) {
            let Some(text) = text.as_str().filter(|t| t.is_ascii()) else {
                return Err(
                    vm.type_error("cadata should be an ASCII string or a bytes-like object")
                );
            };
            if text.is_empty() {
                return Err(vm.value_error("Empty certificate data"));
            }
            if self.load_pem(vm, text)? == 0 {
                return Err(nothing("no start line"));
            }
            return Ok(());
        }
        if !Buffer::supported(vm, data) {
            return Err(vm.type_error("cadata should be an ASCII string or a bytes-like object"));
        }
        let bytes = Buffer::of(vm, data)?.to_vec();
        if bytes.is_empty() {
            return Err(vm.value_error("Empty certificate data"));
        }
        let mut rest = super::x509::Der(&bytes);
        let mut count = 0;
        while !rest.0.is_empty() {
            let element = rest.next().filter(|e| e.tag == 0x30);
            let Some(cert) = element.and_then(|e| X509::parse(e.whole)) else {
                if count == 0 {
                    return Err(nothing("not enough data"));
                }
                return Err(errors::reason(vm, "ASN1", "NOT_ENOUGH_DATA", 4410));
            };
            self.add_trusted(cert);
            count += 1;
        }
        Ok(())
    }

    fn set_version(&self, vm: &Vm, value: i32, low: bool) -> PyResult<()> {
        if !matches!(
            self.protocol,
            PROTOCOL_TLS | PROTOCOL_TLS_CLIENT | PROTOCOL_TLS_SERVER
        ) {
            return Err(vm.value_error(
                "The context's protocol doesn't support modification of highest and lowest version.",
            ));
        }
        let old = match value {
            768 => Some("SSLv3"),
            769 => Some("TLSv1"),
            770 => Some("TLSv1_1"),
            V12 | V13 | MINIMUM | MAXIMUM => None,
            _ => {
                return Err(vm.value_error(format!("Unsupported TLS/SSL version 0x{value:x}")));
            }
        };
        if let Some(name) = old {
            let text = format!("ssl.TLSVersion.{name} is deprecated");
            vm.warn(&vm.types.deprecation_warning, text, 2)?;
        }
        match (low, value) {
            (true, MAXIMUM) => self.minimum.set(V13),
            (true, value) => self.minimum.set(value),
            (false, MINIMUM) => self.maximum.set(769),
            (false, value) => self.maximum.set(value),
        }
        Ok(())
    }

    /// Checks what both ways of wrapping check.
    fn check_side(&self, vm: &Vm, server_side: bool) -> PyResult<()> {
        match (self.protocol, server_side) {
            (PROTOCOL_TLS_CLIENT, true) => Err(unnamed(
                vm,
                "Cannot create a server socket with a PROTOCOL_TLS_CLIENT context",
                908,
            )),
            (PROTOCOL_TLS_SERVER, false) => Err(unnamed(
                vm,
                "Cannot create a client socket with a PROTOCOL_TLS_SERVER context",
                915,
            )),
            _ => Ok(()),
        }
    }

    fn host_argument(vm: &Vm, value: Option<&Value>) -> PyResult<Option<Ref<Str>>> {
        let Some(value) = value.filter(|v| !v.is_none()) else {
            return Ok(None);
        };
        let text = match str_::of(value) {
            Some(text) => text.clone(),
            None if Buffer::supported(vm, value) => {
                let bytes = Buffer::of(vm, value)?.to_vec();
                vm.new_str(String::from_utf8_lossy(&bytes))?
            }
            None => {
                return Err(vm.type_error(format!(
                    "argument must be str, bytes or bytearray, not {}",
                    vm.type_of(value).full_name()
                )));
            }
        };
        let bytes = text.as_bytes();
        if bytes.contains(&0) {
            return Err(
                vm.type_error("argument must be encoded string without null bytes, not str")
            );
        }
        if bytes.is_empty() || bytes[0] == b'.' {
            return Err(vm.value_error(
                "server_hostname cannot be an empty string or start with a leading dot.",
            ));
        }
        Ok(Some(text))
    }

    fn session_argument(vm: &Vm, session: Option<&Value>) -> PyResult<()> {
        if session.is_some_and(|s| !s.is_none()) {
            return Err(errors::unsupported(vm, "resuming a given session"));
        }
        Ok(())
    }
}

/// What a connection without a name is to: never sent nor checked.
fn unnamed_server() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::from([0, 0, 0, 0]).into())
}

#[pymethods]
impl Context {
    #[pyslot(sig = "(protocol, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [protocol] = args.args else {
            let given = args.args.len();
            return Err(vm.type_error(format!("_SSLContext expected 1 argument, got {given}")));
        };
        let protocol = number::index_i64(vm, protocol)?.unwrap_or(-1) as i32;
        let deprecated = match protocol {
            PROTOCOL_TLS => Some("PROTOCOL_TLS"),
            3 => Some("PROTOCOL_TLSv1"),
            4 => Some("PROTOCOL_TLSv1_1"),
            5 => Some("PROTOCOL_TLSv1_2"),
            PROTOCOL_TLS_CLIENT | PROTOCOL_TLS_SERVER => None,
            _ => {
                return Err(vm.value_error(format!(
                    "invalid or unsupported protocol version {protocol}"
                )));
            }
        };
        if let Some(name) = deprecated {
            let text = format!("ssl.{name} is deprecated");
            vm.warn(&vm.types.deprecation_warning, text, 2)?;
        }
        let client = protocol == PROTOCOL_TLS_CLIENT;
        let made = Context {
            protocol,
            options: Cell::new(OP_DEFAULT),
            verify_mode: Cell::new(if client { CERT_REQUIRED } else { CERT_NONE }),
            verify_flags: Cell::new(0x8000),
            check_hostname: Cell::new(client),
            host_flags: Cell::new(4),
            minimum: Cell::new(MINIMUM),
            maximum: Cell::new(MAXIMUM),
            tickets: Cell::new(2),
            post_handshake_auth: Cell::new(false),
            alpn: MutCell::new(Vec::new()),
            suites: MutCell::new(None),
            group: Cell::new(None),
            keys: MutCell::new(Vec::new()),
            trusted: MutCell::new(Vec::new()),
            crls: Cell::new(0),
            folders: MutCell::new(Vec::new()),
            trust: MutCell::new(None),
            key_file: MutCell::new(None),
            key_file_name: MutCell::new(Value::NONE),
            sni_callback: MutCell::new(Value::NONE),
            message_callback: MutCell::new(Value::NONE),
        };
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    #[pymethod(
        sig = "($self, /, sock, server_side, server_hostname=None, *,\n             owner=None, session=None)"
    )]
    fn _wrap_socket(
        zelf: &Ref<Self>,
        vm: &Vm,
        sock: &Value,
        server_side: bool,
        server_hostname: Option<&Value>,
        owner: Option<&Value>,
        session: Option<&Value>,
    ) -> PyResult {
        if sock.downcast::<Socket>().is_none() {
            return Err(vm.type_error(format!(
                "_wrap_socket() argument 'sock' must be _socket.socket, not {}",
                vm.type_of(sock).full_name()
            )));
        }
        let host = Context::host_argument(vm, server_hostname)?;
        zelf.check_side(vm, server_side)?;
        Context::session_argument(vm, session)?;
        let transport = Transport::socket(vm, sock)?;
        SslSocket::make(vm, zelf, transport, server_side, host, owner)
    }

    #[pymethod(
        sig = "($self, /, incoming, outgoing, server_side,\n          server_hostname=None, *, owner=None, session=None)"
    )]
    fn _wrap_bio(
        zelf: &Ref<Self>,
        vm: &Vm,
        incoming: &Value,
        outgoing: &Value,
        server_side: bool,
        server_hostname: Option<&Value>,
        owner: Option<&Value>,
        session: Option<&Value>,
    ) -> PyResult {
        let bio = |value: &Value, name: &str| -> PyResult<Ref<MemoryBio>> {
            value.downcast::<MemoryBio>().cloned().ok_or_else(|| {
                vm.type_error(format!(
                    "_wrap_bio() argument '{name}' must be _ssl.MemoryBIO, not {}",
                    vm.type_of(value).full_name()
                ))
            })
        };
        let transport = Transport::Memory {
            incoming: bio(incoming, "incoming")?,
            outgoing: bio(outgoing, "outgoing")?,
        };
        let host = Context::host_argument(vm, server_hostname)?;
        zelf.check_side(vm, server_side)?;
        Context::session_argument(vm, session)?;
        SslSocket::make(vm, zelf, transport, server_side, host, owner)
    }

    #[pymethod(sig = "($self, cipherlist, /)")]
    fn set_ciphers(&self, vm: &Vm, cipherlist: &str) -> PyResult<()> {
        let chosen = ciphers::choose(cipherlist);
        if chosen.is_empty() {
            return Err(plain(vm, "No cipher can be selected."));
        }
        self.suites.set(Some(chosen));
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn get_ciphers(&self, vm: &Vm) -> PyResult {
        let chosen = self.suites.get();
        let mut all = Vec::new();
        for suite in SUITES.iter().filter(|s| s.tls13()) {
            all.push(suite.to_dict(vm)?);
        }
        let codes = chosen.unwrap_or_else(|| ciphers::choose("ALL"));
        for suite in codes.iter().filter_map(|code| ciphers::by_code(*code)) {
            all.push(suite.to_dict(vm)?);
        }
        Ok(vm.new_list(all)?.into_value())
    }

    #[pymethod(sig = "($self, protos, /)")]
    fn _set_alpn_protocols(&self, vm: &Vm, protos: Buffer) -> PyResult<()> {
        let bytes = protos.to_vec();
        let (mut rest, mut all) = (bytes.as_slice(), Vec::new());
        while let Some((&len, after)) = rest.split_first() {
            match after.split_at_checked(usize::from(len)) {
                Some((name, after)) if len > 0 => {
                    all.push(name.to_vec());
                    rest = after;
                }
                _ => return Err(vm.memory_error("")),
            }
        }
        self.alpn.set(all);
        Ok(())
    }

    #[pymethod(sig = "($self, /, certfile, keyfile=None, password=None)")]
    fn load_cert_chain(
        &self,
        vm: &Vm,
        certfile: &Value,
        keyfile: Option<&Value>,
        password: Option<&Value>,
    ) -> PyResult<()> {
        let cert_path = path_argument(vm, certfile, "certfile")?;
        let key_path = match keyfile.filter(|k| !k.is_none()) {
            Some(keyfile) => path_argument(vm, keyfile, "keyfile")?,
            None => cert_path.clone(),
        };
        if let Some(password) = password.filter(|p| !p.is_none())
            && !is_callable(vm, password)
            && str_::of(password).is_none()
            && !Buffer::supported(vm, password)
        {
            return Err(vm.type_error("password should be a string or callable"));
        }
        let chain: Vec<CertificateDer<'static>> = pem_blocks(vm, &cert_path)?
            .into_iter()
            .filter(|block| pem::is_certificate(&block.label))
            .map(|block| block.der.into())
            .collect();
        if chain.is_empty() {
            return Err(pem_error(vm));
        }
        let blocks = pem_blocks(vm, &key_path)?;
        if blocks
            .iter()
            .any(|b| b.encrypted && b.label.ends_with("PRIVATE KEY"))
        {
            return Err(errors::unsupported(vm, "an encrypted private key"));
        }
        let Some(key) = blocks.iter().find_map(key_of) else {
            return Err(pem_error(vm));
        };
        let Ok(key) = provider().key_provider.load_private_key(key) else {
            return Err(pem_error(vm));
        };
        let loaded = CertifiedKey::new(chain, key);
        match loaded.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(errors::reason(vm, "X509", "KEY_VALUES_MISMATCH", 4309));
            }
            Err(_) => return Err(pem_error(vm)),
        }
        let kind = loaded.key.algorithm();
        self.keys.with_mut(|keys| {
            // As in OpenSSL there is one for each kind of key.
            keys.retain(|known| known.key.algorithm() != kind);
            keys.insert(0, Arc::new(loaded));
        });
        Ok(())
    }

    #[pymethod(sig = "($self, path, /)")]
    fn load_dh_params(&self, vm: &Vm, path: &Value) -> PyResult<()> {
        let path = path_argument(vm, path, "path")?;
        let blocks = pem_blocks(vm, &path)?;
        if !blocks.iter().any(|b| b.label == "DH PARAMETERS") {
            return Err(errors::reason(vm, "PEM", "NO_START_LINE", 4470));
        }
        Err(errors::unsupported(
            vm,
            "key exchange with Diffie-Hellman parameters",
        ))
    }

    #[pymethod(sig = "($self, /, cafile=None, capath=None, cadata=None)")]
    fn load_verify_locations(
        &self,
        vm: &Vm,
        cafile: Option<&Value>,
        capath: Option<&Value>,
        cadata: Option<&Value>,
    ) -> PyResult<()> {
        let given = |value: Option<&Value>| value.filter(|v| !v.is_none()).cloned();
        let (file, folder, data) = (given(cafile), given(capath), given(cadata));
        if file.is_none() && folder.is_none() && data.is_none() {
            return Err(vm.type_error("cafile, capath and cadata cannot be all omitted"));
        }
        let file = file.map(|f| path_argument(vm, &f, "cafile")).transpose()?;
        let folder = folder
            .map(|f| path_argument(vm, &f, "capath"))
            .transpose()?;
        if let Some(data) = data {
            self.load_data(vm, &data)?;
        }
        if let Some(file) = file {
            let bytes = read_file(vm, &file)?;
            if self.load_pem(vm, &String::from_utf8_lossy(&bytes))? == 0 {
                return Err(errors::reason(
                    vm,
                    "X509",
                    "NO_CERTIFICATE_OR_CRL_FOUND",
                    4544,
                ));
            }
        }
        if let Some(folder) = folder {
            self.folders.with_mut(|all| all.push(folder));
            drop(self.trust.take());
        }
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn set_default_verify_paths(&self, vm: &Vm) -> PyResult<()> {
        vm.permit(Access::Environment)?;
        let (file, folder) = (
            std::env::var_os("SSL_CERT_FILE"),
            std::env::var_os("SSL_CERT_DIR"),
        );
        let given = file.is_some() || folder.is_some();
        let file = PathBuf::from(file.unwrap_or_else(|| DEFAULT_FILE.into()));
        let folder = PathBuf::from(folder.unwrap_or_else(|| DEFAULT_FOLDER.into()));
        let mut files = vec![file];
        if !given && !files[0].is_file() {
            files.extend(OTHER_FILES.iter().map(PathBuf::from).find(|f| f.is_file()));
        }
        let mut loaded = 0;
        for file in files.iter().filter(|file| file.is_file()) {
            let bytes = read_file(vm, file)?;
            loaded += self.load_pem(vm, &String::from_utf8_lossy(&bytes))?;
        }
        // A bundle holds what the folder holds: reading hundreds of files more would only take time.
        if folder.is_dir() && (loaded == 0 || given) {
            self.folders.with_mut(|all| all.push(folder));
            drop(self.trust.take());
        }
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn session_stats(&self, vm: &Vm) -> PyResult {
        let dict = vm.new_dict()?;
        for name in [
            "number",
            "connect",
            "connect_good",
            "connect_renegotiate",
            "accept",
            "accept_good",
            "accept_renegotiate",
            "hits",
            "misses",
            "timeouts",
            "cache_full",
        ] {
            dict.set_str(vm, &vm.intern(name), vm.new_int(0)?)?;
        }
        Ok(dict.into_value())
    }

    #[pymethod(sig = "($self, name, /)")]
    fn set_ecdh_curve(&self, vm: &Vm, name: &Value) -> PyResult<()> {
        let bytes = match str_::of(name) {
            Some(text) => text.as_bytes().to_vec(),
            None => Buffer::of(vm, name)?.to_vec(),
        };
        let group = match bytes.as_slice() {
            b"prime256v1" | b"P-256" | b"secp256r1" => rustls::NamedGroup::secp256r1,
            b"secp384r1" | b"P-384" => rustls::NamedGroup::secp384r1,
            b"X25519" | b"x25519" => rustls::NamedGroup::X25519,
            b"secp521r1" | b"P-521" | b"brainpoolP512r1" | b"X448" => {
                return Err(errors::unsupported(vm, "this elliptic curve"));
            }
            _ => {
                let bytes = vm.new_bytes(&bytes)?.into_value();
                let shown = naja_vm::protocols::object::repr(vm, &bytes)?;
                let shown = shown.to_string_lossy();
                let shown = shown.strip_prefix('b').unwrap_or(&shown);
                return Err(vm.value_error(format!("unknown elliptic curve name {shown}")));
            }
        };
        self.group.set(Some(group));
        Ok(())
    }

    /// Returns quantities of loaded X.509 certificates.
    ///
    /// X.509 certificates with a CA extension and certificate revocation lists
    /// inside the context's cert store.
    ///
    /// NOTE: Certificates in a capath directory aren't loaded unless they have
    /// been used at least once.
    #[pymethod(sig = "($self, /)")]
    fn cert_store_stats(&self, vm: &Vm) -> PyResult {
        let certs = self.trusted.get();
        let dict = vm.new_dict()?;
        let authorities = certs.iter().filter(|c| c.is_ca()).count();
        for (name, count) in [
            ("x509", certs.len()),
            ("crl", self.crls.get()),
            ("x509_ca", authorities),
        ] {
            dict.set_str(vm, &vm.intern(name), vm.new_int(count as i64)?)?;
        }
        Ok(dict.into_value())
    }

    /// Returns a list of dicts with information of loaded CA certs.
    ///
    /// If the optional argument is True, returns a DER-encoded copy of the CA
    /// certificate.
    ///
    /// NOTE: Certificates in a capath directory aren't loaded unless they have
    /// been used at least once.
    #[pymethod(sig = "($self, /, binary_form=False)")]
    fn get_ca_certs(&self, vm: &Vm, #[default(false)] binary_form: bool) -> PyResult {
        let mut all = Vec::new();
        for cert in self.trusted.get().iter().filter(|c| c.is_ca()) {
            all.push(if binary_form {
                vm.new_bytes(&cert.der)?.into_value()
            } else {
                cert.to_dict(vm)?
            });
        }
        Ok(vm.new_list(all)?.into_value())
    }

    #[pymethod(sig = "($self, /, callback)")]
    fn set_psk_client_callback(&self, vm: &Vm, callback: &Value) -> PyResult<()> {
        if self.protocol == PROTOCOL_TLS_SERVER {
            let text = "Cannot add PSK client callback to a PROTOCOL_TLS_SERVER context";
            return Err(unnamed(vm, text, 4900));
        }
        psk(vm, callback)
    }

    #[pymethod(sig = "($self, /, callback, identity_hint=None)")]
    fn set_psk_server_callback(
        &self,
        vm: &Vm,
        callback: &Value,
        identity_hint: Option<&Value>,
    ) -> PyResult<()> {
        let _ = identity_hint;
        if self.protocol == PROTOCOL_TLS_CLIENT {
            let text = "Cannot add PSK server callback to a PROTOCOL_TLS_CLIENT context";
            return Err(unnamed(vm, text, 5000));
        }
        psk(vm, callback)
    }

    #[pygetter]
    fn check_hostname(&self) -> bool {
        self.check_hostname.get()
    }

    #[pysetter]
    fn set_check_hostname(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let check = naja_vm::protocols::object::is_true(vm, set_value(vm, value)?)?;
        if check && self.verify_mode.get() == CERT_NONE {
            self.verify_mode.set(CERT_REQUIRED);
        }
        self.check_hostname.set(check);
        Ok(())
    }

    #[pygetter]
    fn _host_flags(&self) -> u32 {
        self.host_flags.get()
    }

    #[pysetter(name = "_host_flags")]
    fn set_host_flags(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let flags = int_value(vm, value)?;
        self.host_flags.set(flags as u32);
        Ok(())
    }

    #[pygetter]
    fn minimum_version(&self) -> i32 {
        self.minimum.get()
    }

    #[pysetter]
    fn set_minimum_version(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        self.set_version(vm, int_value(vm, value)? as i32, true)
    }

    #[pygetter]
    fn maximum_version(&self) -> i32 {
        self.maximum.get()
    }

    #[pysetter]
    fn set_maximum_version(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        self.set_version(vm, int_value(vm, value)? as i32, false)
    }

    #[pygetter]
    fn keylog_filename(&self) -> Value {
        self.key_file_name.get()
    }

    #[pysetter]
    fn set_keylog_filename(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let value = set_value(vm, value)?;
        drop(self.key_file.take());
        self.key_file_name.set(Value::NONE);
        if value.is_none() {
            return Ok(());
        }
        let path = PathBuf::from(OsStr::from_bytes(&path::fs_bytes(vm, value)?));
        let mode = vm.new_str("a")?.into_value();
        vm.permit(Access::Open(value, &mode, 0))?;
        let opened = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => {
                let code = error.raw_os_error().unwrap_or(libc::EIO);
                let text = vm.new_str(error_text(code))?.into_value();
                let args = [vm.new_int(i64::from(code))?, text, value.clone()];
                return Err(vm.raise_with(&vm.types.os_error, &args));
            }
        };
        if file.metadata().is_ok_and(|m| m.len() == 0) {
            let _ = file.write_all(b"# TLS secrets log file, generated by OpenSSL / Python\n");
        }
        self.key_file.set(Some(Arc::new(KeyFile(Mutex::new(file)))));
        self.key_file_name.set(value.clone());
        Ok(())
    }

    #[pygetter]
    fn _msg_callback(&self) -> Value {
        self.message_callback.get()
    }

    #[pysetter(name = "_msg_callback")]
    fn set_msg_callback(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let value = set_value(vm, value)?;
        if value.is_none() {
            self.message_callback.set(Value::NONE);
            return Ok(());
        }
        if !is_callable(vm, value) {
            return Err(vm.type_error(format!(
                "{} is not callable.",
                naja_vm::protocols::object::repr(vm, value)?.to_string_lossy()
            )));
        }
        Err(errors::unsupported(vm, "a callback for TLS messages"))
    }

    #[pygetter]
    fn sni_callback(&self) -> Value {
        self.sni_callback.get()
    }

    #[pysetter]
    fn set_sni_callback(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let value = set_value(vm, value)?;
        if self.protocol == PROTOCOL_TLS_CLIENT {
            return Err(vm.value_error("sni_callback cannot be set on TLS_CLIENT context"));
        }
        if !value.is_none() && !is_callable(vm, value) {
            self.sni_callback.set(Value::NONE);
            return Err(vm.type_error("not a callable object"));
        }
        self.sni_callback.set(value.clone());
        Ok(())
    }

    #[pygetter]
    fn num_tickets(&self) -> usize {
        self.tickets.get()
    }

    #[pysetter]
    fn set_num_tickets(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let count = int_value(vm, value)?;
        if count < 0 {
            return Err(vm.value_error("value must be non-negative"));
        }
        if self.protocol != PROTOCOL_TLS_SERVER {
            return Err(vm.value_error("SSLContext is not a server context."));
        }
        self.tickets.set(count as usize);
        Ok(())
    }

    #[pygetter]
    fn options(&self) -> u64 {
        self.options.get()
    }

    #[pysetter]
    fn set_options(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let value = number::index_big(vm, set_value(vm, value)?)?;
        if value < dashu_int::IBig::ZERO {
            return Err(vm.value_error("Cannot convert negative int"));
        }
        let Ok(new) = u64::try_from(value) else {
            return Err(vm.overflow_error("Python int too large for C uint64_t"));
        };
        if new & !self.options.get() & OP_NO_VERSIONS != 0 {
            let text = "ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated";
            vm.warn(&vm.types.deprecation_warning, text, 2)?;
        }
        self.options.set(new);
        Ok(())
    }

    #[pygetter]
    fn post_handshake_auth(&self) -> bool {
        self.post_handshake_auth.get()
    }

    #[pysetter]
    fn set_post_handshake_auth(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.attribute_error("cannot delete attribute"));
        };
        let on = naja_vm::protocols::object::is_true(vm, value)?;
        self.post_handshake_auth.set(on);
        Ok(())
    }

    #[pygetter]
    fn protocol(&self) -> i32 {
        self.protocol
    }

    #[pygetter]
    fn verify_flags(&self) -> u64 {
        self.verify_flags.get()
    }

    #[pysetter]
    fn set_verify_flags(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        self.verify_flags.set(int_value(vm, value)? as u64);
        Ok(())
    }

    #[pygetter]
    fn verify_mode(&self) -> i32 {
        self.verify_mode.get()
    }

    #[pysetter]
    fn set_verify_mode(&self, vm: &Vm, value: Option<&Value>) -> PyResult<()> {
        let mode = int_value(vm, value)?;
        if mode == 0 && self.check_hostname.get() {
            return Err(vm.value_error(
                "Cannot set verify_mode to CERT_NONE when check_hostname is enabled.",
            ));
        }
        if !(0..=2).contains(&mode) {
            return Err(vm.value_error("invalid value for verify_mode"));
        }
        self.verify_mode.set(mode as i32);
        Ok(())
    }

    #[pygetter]
    fn security_level(&self) -> i32 {
        2
    }
}

/// Pre-shared keys: only forgetting the callback is possible.
fn psk(vm: &Vm, callback: &Value) -> PyResult<()> {
    if callback.is_none() {
        return Ok(());
    }
    if !is_callable(vm, callback) {
        return Err(vm.type_error("callback must be callable"));
    }
    Err(errors::unsupported(vm, "a pre-shared key"))
}

fn error_text(code: i32) -> String {
    let text = std::io::Error::from_raw_os_error(code).to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_string(),
        None => text,
    }
}

/// The value an attribute is set to; it cannot be deleted.
fn set_value<'a>(vm: &Vm, value: Option<&'a Value>) -> PyResult<&'a Value> {
    value.ok_or_else(|| vm.attribute_error("cannot delete attribute"))
}

fn int_value(vm: &Vm, value: Option<&Value>) -> PyResult<i64> {
    number::index_i64(vm, set_value(vm, value)?)?
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"))
}
