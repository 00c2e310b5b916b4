//! `pyexpat`: the XML parser, with the interface of CPython's wrapper around the library expat.
//!
//! [`xml`] is the parser itself, without Python; [`parser`] its object, [`errors`] the constants. CPython:
//! Modules/pyexpat.c.

mod errors;
mod parser;
pub mod xml;

pub use errors::message as error_message;
pub use parser::{encoding_map, optional_text};

use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::module::Module;
use naja_vm::{PyResult, Vm};
use parser::XmlParser;
use xml::Expat;

pub const VERSION: [i64; 3] = [2, 7, 4];

const FEATURES: &[(&str, i64)] = &[
    ("sizeof(XML_Char)", 1),
    ("sizeof(XML_LChar)", 1),
    ("XML_DTD", 0),
    ("XML_CONTEXT_BYTES", 1024),
    ("XML_NS", 0),
    ("XML_BLAP_MAX_AMP", 100),
    ("XML_BLAP_ACT_THRES", 8388608),
    ("XML_GE", 0),
    ("XML_AT_MAX_AMP", 100),
    ("XML_AT_ACT_THRES", 67108864),
];

#[pymodule(name = "pyexpat", doc = "Python wrapper for Expat parser.")]
pub mod module {
    use super::*;

    /// Return a new XML parser object.
    #[pyfunction(
        name = "ParserCreate",
        sig = "($module, /, encoding=None, namespace_separator=None, intern=<unrepresentable>)"
    )]
    fn parser_create(
        vm: &Vm,
        encoding: Option<&Value>,
        namespace_separator: Option<&Value>,
        intern: Option<&Value>,
    ) -> PyResult<Ref<XmlParser>> {
        let optional = |value: Option<&Value>, name: &str| match value {
            Some(value) => {
                parser::optional_text(vm, value, &format!("ParserCreate() argument '{name}'"))
            }
            None => Ok(None),
        };
        let encoding = optional(encoding, "encoding")?;
        let separator = optional(namespace_separator, "namespace_separator")?;
        if separator.as_ref().is_some_and(|s| s.len() > 1) {
            return Err(vm.value_error(
                "namespace_separator must be at most one character, omitted, or None",
            ));
        }
        let intern = match intern {
            None => Some(vm.new_dict()?),
            Some(value) if value.is_none() => None,
            Some(value) => match value.downcast::<Dict>() {
                Some(dict) => Some(dict.clone()),
                None => return Err(vm.type_error("intern must be a dictionary")),
            },
        };
        let separator = separator.map(|s| s.first().copied().unwrap_or(0));
        let machine = Expat::new(encoding.as_deref(), separator);
        vm.new_object(XmlParser::with(machine, intern))
    }

    /// Returns string error for given number.
    #[pyfunction(name = "ErrorString", sig = "($module, code, /)")]
    fn error_string(vm: &Vm, code: i64) -> PyResult {
        match u8::try_from(code).ok().and_then(errors::message) {
            Some(message) => Ok(vm.new_str(message)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let error = errors::class(vm)?;
        module.set(vm, "ExpatError", error.to_value())?;
        module.set(vm, "error", error.into_value())?;
        module.set(vm, "XMLParserType", vm.class::<XmlParser>().to_value())?;
        let [a, b, c] = VERSION;
        let version = vm.new_str(format!("expat_{a}.{b}.{c}"))?;
        module.set(vm, "EXPAT_VERSION", version.into_value())?;
        let parts = VERSION.iter().map(|&n| vm.new_int(n));
        let parts = vm.new_tuple(parts.collect::<PyResult<Vec<_>>>()?)?;
        module.set(vm, "version_info", parts.into_value())?;
        module.set(vm, "native_encoding", vm.new_str("UTF-8")?.into_value())?;
        let mut features = Vec::new();
        for (name, value) in FEATURES {
            let pair = vec![vm.new_str(name)?.into_value(), vm.new_int(*value)?];
            features.push(vm.new_tuple(pair)?.into_value());
        }
        module.set(vm, "features", vm.new_list(features)?.into_value())?;
        for (name, value) in [
            ("XML_PARAM_ENTITY_PARSING_NEVER", xml::NEVER),
            (
                "XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE",
                xml::UNLESS_STANDALONE,
            ),
            ("XML_PARAM_ENTITY_PARSING_ALWAYS", xml::ALWAYS),
        ] {
            module.set(vm, name, vm.new_int(value as i64)?)?;
        }
        errors::add_modules(vm, module)
    }
}
