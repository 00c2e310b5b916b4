//! `SSLError` and its subclasses, and how an error of rustls' becomes one, worded as OpenSSL words it.
//!
//! `reason` and `library` are set on every error that TLS itself reports. Where OpenSSL and rustls see the same fault with
//! other names, the name is OpenSSL's. CPython: PySSL_SetError and fill_and_set_sslerror in Modules/_ssl.c.

use naja_heap::{MutCell, Ref, Value};
use naja_vm::exception::BaseException;
use naja_vm::protocols::{attributes, object};
use naja_vm::str_;
use naja_vm::type_::{Type, TypeFlags};
use naja_vm::{PyResult, Raised, Vm};
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// The classes, and the numbers in their `errno`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ssl = 1,
    WantRead = 2,
    WantWrite = 3,
    Syscall = 5,
    ZeroReturn = 6,
    Eof = 8,
    Verification = 100,
}

/// All of them, the base first.
pub const KINDS: [(Kind, &str, &str); 7] = [
    (
        Kind::Ssl,
        "SSLError",
        "An error occurred in the SSL implementation.",
    ),
    (
        Kind::Verification,
        "SSLCertVerificationError",
        "A certificate could not be verified.",
    ),
    (
        Kind::ZeroReturn,
        "SSLZeroReturnError",
        "SSL/TLS session closed cleanly.",
    ),
    (
        Kind::WantWrite,
        "SSLWantWriteError",
        "Non-blocking SSL socket needs to write more data\nbefore the requested operation can be completed.",
    ),
    (
        Kind::WantRead,
        "SSLWantReadError",
        "Non-blocking SSL socket needs to read more data\nbefore the requested operation can be completed.",
    ),
    (
        Kind::Syscall,
        "SSLSyscallError",
        "System error when attempting SSL operation.",
    ),
    (
        Kind::Eof,
        "SSLEOFError",
        "SSL/TLS connection terminated abruptly.",
    ),
];

#[derive(Default)]
struct Classes(MutCell<Vec<(Kind, Ref<Type>)>>);

/// `SSLError.__str__`: the text alone.
fn text_of(vm: &Vm, zelf: &Value) -> PyResult {
    if let Some(strerror) = attributes::get_optional(vm, zelf, &vm.intern("strerror"))?
        && str_::of(&strerror).is_some()
    {
        return Ok(strerror);
    }
    let args = attributes::get_by(vm, zelf, "args")?;
    Ok(object::str(vm, &args)?.into_value())
}

fn make(vm: &Vm, name: &str, doc: &str, bases: Vec<Value>) -> PyResult<Ref<Type>> {
    let dict = vm.new_dict()?;
    for (key, value) in [("__module__", "ssl"), ("__doc__", doc)] {
        dict.set_str(vm, &vm.intern(key), vm.new_str(value)?.into_value())?;
    }
    let args = [
        vm.new_str(name)?.into_value(),
        vm.new_tuple(bases)?.into_value(),
        dict.into_value(),
    ];
    let class = vm.call(vm.types.type_.as_value(), &args)?;
    let class = class
        .downcast_into::<Type>()
        .map_err(|_| vm.system_error("a class is not a type"))?;
    class.slots.str.set(Some(text_of));
    class.set_flag(TypeFlags::IMMUTABLE, true);
    Ok(class)
}

impl Kind {
    /// The class in this interpreter. Raises MemoryError.
    pub fn class(self, vm: &Vm) -> PyResult<Ref<Type>> {
        let classes = vm.interp.module_state::<Classes>();
        let known = classes.0.with(|all| {
            let found = all.iter().find(|(kind, _)| *kind == self);
            found.map(|(_, class)| class.clone())
        });
        if let Some(class) = known {
            return Ok(class);
        }
        let found = KINDS.iter().find(|(kind, ..)| *kind == self);
        let (_, name, doc) = found.ok_or_else(|| vm.system_error("no such error"))?;
        let bases = match self {
            Kind::Ssl => vec![vm.types.os_error.to_value()],
            Kind::Verification => {
                let base = Kind::Ssl.class(vm)?.into_value();
                vec![base, vm.types.value_error.to_value()]
            }
            _ => vec![Kind::Ssl.class(vm)?.into_value()],
        };
        let class = make(vm, name, doc, bases)?;
        classes.0.with_mut(|all| all.push((self, class.clone())));
        Ok(class)
    }
}

/// Raises `SSLError(message)`.
#[cold]
pub fn plain(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match Kind::Ssl.class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Raises NotImplementedError for what only OpenSSL can do.
#[cold]
pub fn unsupported(vm: &Vm, what: &str) -> Raised {
    vm.not_implemented_error(format!("{what} is not supported by this TLS library"))
}

/// What an error says: class, library and reason (`[SSL: REASON]`), text, and where in `_ssl.c` CPython reports it.
pub struct Report<'a> {
    pub kind: Kind,
    pub number: i64,
    pub library: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub text: &'a str,
    pub line: u32,
    /// The verification's code and text.
    pub verify: Option<(i32, &'a str)>,
}

impl Report<'_> {
    fn build(&self, vm: &Vm) -> PyResult<Ref<BaseException>> {
        let mut message = match (self.library, self.reason) {
            (Some(library), Some(reason)) => format!("[{library}: {reason}] {}", self.text),
            (Some(library), None) => format!("[{library}] {}", self.text),
            _ => self.text.to_string(),
        };
        if let Some((_, text)) = self.verify {
            message += &format!(": {text}");
        }
        message += &format!(" (_ssl.c:{})", self.line);
        let args = [vm.new_int(self.number)?, vm.new_str(message)?.into_value()];
        let class = self.kind.class(vm)?;
        let exception = naja_vm::exception::instantiate(vm, &class, &args)?;
        let set = |name: &str, value: Value| {
            attributes::set(vm, exception.as_value(), &vm.intern(name), Some(&value))
        };
        let text = |text: Option<&str>| match text {
            Some(text) => Ok(vm.new_str(text)?.into_value()),
            None => Ok(Value::NONE),
        };
        set("reason", text(self.reason)?)?;
        set("library", text(self.library)?)?;
        if let Some((code, shown)) = self.verify {
            set("verify_code", vm.new_int(i64::from(code))?)?;
            set("verify_message", text(Some(shown))?)?;
        }
        Ok(exception)
    }

    #[cold]
    pub fn raise(&self, vm: &Vm) -> Raised {
        match self.build(vm) {
            Ok(exception) => vm.raise_value(exception),
            Err(raised) => raised,
        }
    }
}

/// Raises one of the errors that only say what to wait for, or how the connection ended.
#[cold]
pub fn status(vm: &Vm, kind: Kind, line: u32) -> Raised {
    let (library, reason, text) = match kind {
        Kind::WantRead => (None, None, "The operation did not complete (read)"),
        Kind::WantWrite => (None, None, "The operation did not complete (write)"),
        Kind::ZeroReturn => (None, None, "TLS/SSL connection has been closed (EOF)"),
        Kind::Eof => (
            Some("SSL"),
            Some("UNEXPECTED_EOF_WHILE_READING"),
            "EOF occurred in violation of protocol",
        ),
        _ => (None, None, "A failure in the SSL library occurred"),
    };
    Report {
        kind,
        number: kind as i64,
        library,
        reason,
        text,
        line,
        verify: None,
    }
    .raise(vm)
}

/// Raises `SSLError` with a reason of OpenSSL's, of its library `SSL` or another.
#[cold]
pub fn reason(vm: &Vm, library: &str, name: &str, line: u32) -> Raised {
    let text = name.to_ascii_lowercase().replace('_', " ");
    Report {
        kind: Kind::Ssl,
        number: 1,
        library: Some(library),
        reason: Some(name),
        text: &text,
        line,
        verify: None,
    }
    .raise(vm)
}

/// The name OpenSSL gives an alert of the peer's.
fn alert_reason(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let name = match alert {
        A::CloseNotify => "SSLV3_ALERT_CLOSE_NOTIFY",
        A::UnexpectedMessage => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        A::BadRecordMac => "SSLV3_ALERT_BAD_RECORD_MAC",
        A::DecryptionFailed => "TLSV1_ALERT_DECRYPTION_FAILED",
        A::RecordOverflow => "TLSV1_ALERT_RECORD_OVERFLOW",
        A::DecompressionFailure => "SSLV3_ALERT_DECOMPRESSION_FAILURE",
        A::HandshakeFailure => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        A::NoCertificate => "SSLV3_ALERT_NO_CERTIFICATE",
        A::BadCertificate => "SSLV3_ALERT_BAD_CERTIFICATE",
        A::UnsupportedCertificate => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        A::CertificateRevoked => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        A::CertificateExpired => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        A::CertificateUnknown => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        A::IllegalParameter => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        A::UnknownCA => "TLSV1_ALERT_UNKNOWN_CA",
        A::AccessDenied => "TLSV1_ALERT_ACCESS_DENIED",
        A::DecodeError => "TLSV1_ALERT_DECODE_ERROR",
        A::DecryptError => "TLSV1_ALERT_DECRYPT_ERROR",
        A::ProtocolVersion => "TLSV1_ALERT_PROTOCOL_VERSION",
        A::InsufficientSecurity => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        A::InternalError => "TLSV1_ALERT_INTERNAL_ERROR",
        A::InappropriateFallback => "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
        A::UserCanceled => "TLSV1_ALERT_USER_CANCELLED",
        A::NoRenegotiation => "TLSV1_ALERT_NO_RENEGOTIATION",
        A::MissingExtension => "TLSV13_ALERT_MISSING_EXTENSION",
        A::UnsupportedExtension => "TLSV1_UNSUPPORTED_EXTENSION",
        A::UnrecognisedName => "TLSV1_UNRECOGNIZED_NAME",
        A::CertificateRequired => "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        A::NoApplicationProtocol => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        other => return format!("UNKNOWN_ALERT_TYPE_{}", u8::from(other)),
    };
    name.to_string()
}

/// The name OpenSSL gives a fault that rustls found.
fn fault_reason(error: &Error) -> String {
    let name = match error {
        Error::AlertReceived(alert) => return alert_reason(*alert),
        Error::InvalidMessage(_) => "WRONG_VERSION_NUMBER",
        Error::PeerIncompatible(why) => match why {
            PeerIncompatible::NoCipherSuitesInCommon => "NO_SHARED_CIPHER",
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic => "UNSUPPORTED_PROTOCOL",
            PeerIncompatible::NoKxGroupsInCommon => "NO_SHARED_GROUPS",
            PeerIncompatible::NoSignatureSchemesInCommon => "NO_SHARED_SIGNATURE_ALGORITHMS",
            _ => "UNEXPECTED_MESSAGE",
        },
        Error::NoCertificatesPresented => "PEER_DID_NOT_RETURN_A_CERTIFICATE",
        Error::DecryptError => "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
        Error::PeerSentOversizedRecord => "PACKET_LENGTH_TOO_LONG",
        Error::NoApplicationProtocol => "NO_APPLICATION_PROTOCOL",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "UNEXPECTED_MESSAGE"
        }
        Error::PeerMisbehaved(_) => "BAD_HANDSHAKE",
        Error::InvalidCertificate(CertificateError::BadEncoding) => "ASN1_LIB",
        Error::InvalidCertificate(CertificateError::BadSignature) => "BAD_SIGNATURE",
        _ => "INTERNAL_ERROR",
    };
    name.to_string()
}

/// Raises what rustls reports. `verify` is what the verifier of certificates noted, if it was that.
#[cold]
pub fn from_rustls(vm: &Vm, error: &Error, verify: Option<(i32, String)>, line: u32) -> Raised {
    if let (Error::InvalidCertificate(_), Some((code, text))) = (error, &verify) {
        return Report {
            kind: Kind::Verification,
            number: 1,
            library: Some("SSL"),
            reason: Some("CERTIFICATE_VERIFY_FAILED"),
            text: "certificate verify failed",
            line,
            verify: Some((*code, text)),
        }
        .raise(vm);
    }
    reason(vm, "SSL", &fault_reason(error), line)
}
