//! `_ssl.Certificate` and `_ssl.SSLSession`.
//!
//! rustls resumes sessions by itself or not at all: session objects exist for their class only. CPython:
//! Modules/_ssl/cert.c, and the PySSLSession part of Modules/_ssl.c.

use super::pem;
use super::x509::X509;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::CompareOp;
use naja_vm::{PyResult, Vm};
use std::sync::Arc;

const ENCODING_PEM: i32 = 1;
const ENCODING_DER: i32 = 2;

#[pyclass(name = "Certificate", module = "_ssl", flags(NO_NEW, IMMUTABLE))]
pub struct Certificate {
    cert: Arc<X509>,
}

impl Certificate {
    /// The Python object of a certificate.
    pub fn make(vm: &Vm, cert: Arc<X509>) -> PyResult {
        Ok(vm.new_object(Certificate { cert })?.into_value())
    }
}

#[pymethods]
impl Certificate {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let text = format!("<_ssl.Certificate '{}'>", self.cert.subject_line());
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn hash(&self, vm: &Vm) -> PyResult<i64> {
        let bytes = vm.new_bytes(&self.cert.subject)?.into_value();
        naja_vm::protocols::hash::hash(vm, &bytes)
    }

    #[pyslot]
    fn richcompare(&self, _vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<Certificate>(), op)
        else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let same = self.cert.der == other.cert.der;
        Ok(Value::from_bool(same == (op == CompareOp::Eq)))
    }

    #[pymethod(sig = "($self, /, format=Encoding.PEM)")]
    fn public_bytes(&self, vm: &Vm, #[default(ENCODING_PEM)] format: i32) -> PyResult {
        match format {
            ENCODING_PEM => {
                let text = pem::encode("CERTIFICATE", &self.cert.der);
                Ok(vm.new_str(text)?.into_value())
            }
            ENCODING_DER => Ok(vm.new_bytes(&self.cert.der)?.into_value()),
            _ => Err(vm.value_error("Unsupported format")),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn get_info(&self, vm: &Vm) -> PyResult {
        self.cert.to_dict(vm)
    }
}

#[pyclass(name = "SSLSession", module = "_ssl", flags(NO_NEW, IMMUTABLE))]
pub struct Session {}

#[pymethods]
impl Session {
    #[pyslot]
    fn richcompare(zelf: &Ref<Self>, _vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        match op {
            CompareOp::Eq => Ok(Value::from_bool(zelf.as_value().is(other))),
            CompareOp::Ne => Ok(Value::from_bool(!zelf.as_value().is(other))),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }
}
