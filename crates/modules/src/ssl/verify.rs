//! Whether to trust the peer's certificate: `verify_mode`, trusted certificates, host name.
//!
//! Chains are built and checked by webpki (signatures, validity, constraints, purposes); a leaf that is trusted itself is
//! accepted as OpenSSL accepts it. Each connection has a verifier, which notes OpenSSL's code and text of the first thing
//! wrong. Invariant: without a note the chain was checked, unless `mode` is CERT_NONE.

use super::x509::X509;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

pub const CERT_NONE: i32 = 0;
pub const CERT_REQUIRED: i32 = 2;

pub const CRL_CHECK: u64 = 4;
pub const STRICT: u64 = 0x20;
pub const PARTIAL_CHAIN: u64 = 0x80000;

/// The certificates of a context that are trusted.
#[derive(Debug)]
pub struct Trust {
    pub certs: Vec<Arc<X509>>,
    roots: Arc<RootCertStore>,
}

impl Trust {
    pub fn new(certs: Vec<Arc<X509>>) -> Trust {
        let mut roots = RootCertStore::empty();
        let ders = certs.iter().map(|c| CertificateDer::from(c.der.clone()));
        roots.add_parsable_certificates(ders);
        Trust {
            certs,
            roots: Arc::new(roots),
        }
    }

    fn contains(&self, der: &[u8]) -> bool {
        self.certs.iter().any(|cert| cert.der == der)
    }
}

/// Whom the peer claims to be.
#[derive(Clone, Debug)]
pub enum Host {
    Name(String),
    Ip(IpAddr),
}

/// What one connection checks.
#[derive(Debug)]
pub struct Verifier {
    pub trust: Arc<Trust>,
    pub mode: i32,
    pub flags: u64,
    /// The host to check for; None: not checked.
    pub host: Option<Host>,
    pub host_flags: u32,
    pub provider: Arc<CryptoProvider>,
    pub hints: Vec<DistinguishedName>,
    pub note: Mutex<Option<(i32, String)>>,
}

impl Verifier {
    /// What was wrong, once.
    pub fn noted(&self) -> Option<(i32, String)> {
        self.note.lock().ok()?.clone()
    }

    fn refuse(&self, code: i32, text: impl Into<String>, error: CertificateError) -> Error {
        if let Ok(mut note) = self.note.lock() {
            *note = Some((code, text.into()));
        }
        Error::InvalidCertificate(error)
    }

    /// Names webpki's refusal as OpenSSL would.
    fn translate(&self, error: Error, leaf: &X509, sent: &[CertificateDer<'_>]) -> Error {
        let Error::InvalidCertificate(why) = error else {
            return error;
        };
        let (code, text) = match &why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                (10, "certificate has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                (9, "certificate is not yet valid")
            }
            CertificateError::UnknownIssuer if leaf.is_self_issued() => {
                (18, "self-signed certificate")
            }
            CertificateError::UnknownIssuer => {
                let last = sent.last().and_then(|der| X509::parse(der));
                if last.is_some_and(|last| last.is_self_issued()) {
                    (19, "self-signed certificate in certificate chain")
                } else {
                    (20, "unable to get local issuer certificate")
                }
            }
            CertificateError::BadSignature => (7, "certificate signature failure"),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                (26, "unsuitable certificate purpose")
            }
            CertificateError::UnhandledCriticalExtension => (34, "unhandled critical extension"),
            CertificateError::Revoked => (23, "certificate revoked"),
            CertificateError::Other(_) if leaf.is_self_issued() => (18, "self-signed certificate"),
            _ => (1, "unspecified certificate verification error"),
        };
        self.refuse(code, text, why)
    }

    fn check_validity(&self, leaf: &X509, now: UnixTime) -> Result<(), Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < leaf.not_before {
            let text = "certificate is not yet valid";
            return Err(self.refuse(9, text, CertificateError::NotValidYet));
        }
        if now > leaf.not_after {
            let text = "certificate has expired";
            return Err(self.refuse(10, text, CertificateError::Expired));
        }
        Ok(())
    }

    fn check_host(&self, leaf: &X509) -> Result<(), Error> {
        let (code, what, shown) = match &self.host {
            None => return Ok(()),
            Some(Host::Name(name)) if leaf.matches_host(name, self.host_flags) => return Ok(()),
            Some(Host::Ip(ip)) if leaf.matches_ip(*ip) => return Ok(()),
            Some(Host::Name(name)) => (62, "Hostname", name.clone()),
            Some(Host::Ip(ip)) => (64, "IP address", ip.to_string()),
        };
        let text = format!("{what} mismatch, certificate is not valid for '{shown}'.");
        Err(self.refuse(code, text, CertificateError::NotValidForName))
    }

    /// Checks a chain; `server` says whose it is.
    fn check(
        &self,
        leaf_der: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        now: UnixTime,
        server: bool,
    ) -> Result<(), Error> {
        if self.mode == CERT_NONE {
            return Ok(());
        }
        let Some(leaf) = X509::parse(leaf_der) else {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        };
        if self.flags & CRL_CHECK != 0 {
            // No lists are kept, so none can be found.
            let text = "unable to get certificate CRL";
            let why = CertificateError::UnknownRevocationStatus;
            return Err(self.refuse(3, text, why));
        }
        let anchor = self.trust.contains(leaf_der)
            && (leaf.is_self_issued() || self.flags & PARTIAL_CHAIN != 0);
        if anchor {
            self.check_validity(&leaf, now)?;
        } else {
            let result = if server {
                ParsedCertificate::try_from(leaf_der).and_then(|parsed| {
                    let algorithms = self.provider.signature_verification_algorithms.all;
                    let roots = &self.trust.roots;
                    verify_server_cert_signed_by_trust_anchor(&parsed, roots, sent, now, algorithms)
                })
            } else {
                self.check_client(leaf_der, sent, now)
            };
            result.map_err(|error| self.translate(error, &leaf, sent))?;
            if self.flags & STRICT != 0 && !leaf.is_self_issued() && !leaf.names_authority_key() {
                let text = "Missing Authority Key Identifier";
                let why = CertificateError::ApplicationVerificationFailure;
                return Err(self.refuse(85, text, why));
            }
        }
        self.check_host(&leaf)
    }

    fn check_client(
        &self,
        leaf: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let (roots, provider) = (self.trust.roots.clone(), self.provider.clone());
        match WebPkiClientVerifier::builder_with_provider(roots, provider).build() {
            Ok(verifier) => verifier.verify_client_cert(leaf, sent, now).map(|_| ()),
            // There is nothing to trust.
            Err(_) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn signature_tls12(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn signature_tls13(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now, true)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature_tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature_tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.mode != CERT_NONE
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mode == CERT_REQUIRED
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates, now, false)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature_tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature_tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
