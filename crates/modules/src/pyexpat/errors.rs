//! `pyexpat.errors`, `pyexpat.model` and `ExpatError`.

use crate::common;
use naja_heap::{Ref, Value};
use naja_vm::module::Module;
use naja_vm::protocols::attributes;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};

/// Names and messages of the errors; the first has the number 1.
const ERRORS: &[(&str, &str)] = &[
    ("XML_ERROR_NO_MEMORY", "out of memory"),
    ("XML_ERROR_SYNTAX", "syntax error"),
    ("XML_ERROR_NO_ELEMENTS", "no element found"),
    ("XML_ERROR_INVALID_TOKEN", "not well-formed (invalid token)"),
    ("XML_ERROR_UNCLOSED_TOKEN", "unclosed token"),
    ("XML_ERROR_PARTIAL_CHAR", "partial character"),
    ("XML_ERROR_TAG_MISMATCH", "mismatched tag"),
    ("XML_ERROR_DUPLICATE_ATTRIBUTE", "duplicate attribute"),
    (
        "XML_ERROR_JUNK_AFTER_DOC_ELEMENT",
        "junk after document element",
    ),
    (
        "XML_ERROR_PARAM_ENTITY_REF",
        "illegal parameter entity reference",
    ),
    ("XML_ERROR_UNDEFINED_ENTITY", "undefined entity"),
    (
        "XML_ERROR_RECURSIVE_ENTITY_REF",
        "recursive entity reference",
    ),
    ("XML_ERROR_ASYNC_ENTITY", "asynchronous entity"),
    (
        "XML_ERROR_BAD_CHAR_REF",
        "reference to invalid character number",
    ),
    ("XML_ERROR_BINARY_ENTITY_REF", "reference to binary entity"),
    (
        "XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF",
        "reference to external entity in attribute",
    ),
    (
        "XML_ERROR_MISPLACED_XML_PI",
        "XML or text declaration not at start of entity",
    ),
    ("XML_ERROR_UNKNOWN_ENCODING", "unknown encoding"),
    (
        "XML_ERROR_INCORRECT_ENCODING",
        "encoding specified in XML declaration is incorrect",
    ),
    ("XML_ERROR_UNCLOSED_CDATA_SECTION", "unclosed CDATA section"),
    (
        "XML_ERROR_EXTERNAL_ENTITY_HANDLING",
        "error in processing external entity reference",
    ),
    ("XML_ERROR_NOT_STANDALONE", "document is not standalone"),
    (
        "XML_ERROR_UNEXPECTED_STATE",
        "unexpected parser state - please send a bug report",
    ),
    (
        "XML_ERROR_ENTITY_DECLARED_IN_PE",
        "entity declared in parameter entity",
    ),
    (
        "XML_ERROR_FEATURE_REQUIRES_XML_DTD",
        "requested feature requires XML_DTD support in Expat",
    ),
    (
        "XML_ERROR_CANT_CHANGE_FEATURE_ONCE_PARSING",
        "cannot change setting once parsing has begun",
    ),
    ("XML_ERROR_UNBOUND_PREFIX", "unbound prefix"),
    ("XML_ERROR_UNDECLARING_PREFIX", "must not undeclare prefix"),
    (
        "XML_ERROR_INCOMPLETE_PE",
        "incomplete markup in parameter entity",
    ),
    ("XML_ERROR_XML_DECL", "XML declaration not well-formed"),
    ("XML_ERROR_TEXT_DECL", "text declaration not well-formed"),
    ("XML_ERROR_PUBLICID", "illegal character(s) in public id"),
    ("XML_ERROR_SUSPENDED", "parser suspended"),
    ("XML_ERROR_NOT_SUSPENDED", "parser not suspended"),
    ("XML_ERROR_ABORTED", "parsing aborted"),
    ("XML_ERROR_FINISHED", "parsing finished"),
    (
        "XML_ERROR_SUSPEND_PE",
        "cannot suspend in external parameter entity",
    ),
    (
        "XML_ERROR_RESERVED_PREFIX_XML",
        "reserved prefix (xml) must not be undeclared or bound to another namespace name",
    ),
    (
        "XML_ERROR_RESERVED_PREFIX_XMLNS",
        "reserved prefix (xmlns) must not be declared or undeclared",
    ),
    (
        "XML_ERROR_RESERVED_NAMESPACE_URI",
        "prefix must not be bound to one of the reserved namespace names",
    ),
    ("XML_ERROR_INVALID_ARGUMENT", "invalid argument"),
    (
        "XML_ERROR_NO_BUFFER",
        "a successful prior call to function XML_GetBuffer is required",
    ),
    (
        "XML_ERROR_AMPLIFICATION_LIMIT_BREACH",
        "limit on input amplification factor (from DTD and entities) breached",
    ),
    ("XML_ERROR_NOT_STARTED", "parser not started"),
];

const MODEL: &[(&str, i64)] = &[
    ("XML_CTYPE_EMPTY", 1),
    ("XML_CTYPE_ANY", 2),
    ("XML_CTYPE_MIXED", 3),
    ("XML_CTYPE_NAME", 4),
    ("XML_CTYPE_CHOICE", 5),
    ("XML_CTYPE_SEQ", 6),
    ("XML_CQUANT_NONE", 0),
    ("XML_CQUANT_OPT", 1),
    ("XML_CQUANT_REP", 2),
    ("XML_CQUANT_PLUS", 3),
];

/// The text for the number of an error.
pub fn message(code: u8) -> Option<&'static str> {
    let index = (code as usize).checked_sub(1)?;
    ERRORS.get(index).map(|(_, message)| *message)
}

/// The class `ExpatError`.
pub fn class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "xml.parsers.expat.ExpatError", &vm.types.exception)
}

/// Raises `ExpatError` with the number of the error and its place (line, column).
#[cold]
pub fn raise(vm: &Vm, message: &str, code: u8, place: (usize, usize)) -> Raised {
    let make = || -> PyResult {
        let message = vm.new_str(message)?.into_value();
        let error = vm.call(class(vm)?.as_value(), &[message])?;
        let numbers = [
            ("code", code as usize),
            ("offset", place.1),
            ("lineno", place.0),
        ];
        for (name, n) in numbers {
            let n = vm.new_int(n as i64)?;
            attributes::set(vm, &error, &vm.intern(name), Some(&n))?;
        }
        Ok(error)
    };
    match make().map(Value::downcast_into) {
        Ok(Ok(error)) => vm.raise_value(error),
        Ok(Err(_)) => vm.system_error("ExpatError is no exception"),
        Err(raised) => raised,
    }
}

/// A module inside `pyexpat`, known to `sys.modules` too.
fn submodule(vm: &Vm, parent: &Ref<Module>, name: &str, doc: &str) -> PyResult<Ref<Module>> {
    let full = format!("pyexpat.{name}");
    let module = Module::make(vm, &full, Some(doc))?;
    let modules = naja_vm::import::modules(vm)?;
    modules.set_str(vm, &vm.intern(&full), module.to_value())?;
    parent.set(vm, name, module.to_value())?;
    Ok(module)
}

/// Fills in the two modules.
pub fn add_modules(vm: &Vm, parent: &Ref<Module>) -> PyResult<()> {
    let doc = "Constants used to describe error conditions.";
    let errors = submodule(vm, parent, "errors", doc)?;
    let (codes, messages) = (vm.new_dict()?, vm.new_dict()?);
    for (i, (name, message)) in ERRORS.iter().enumerate() {
        let code = vm.new_int(i as i64 + 1)?;
        let message = vm.new_str(message)?.into_value();
        codes.set(vm, &message, code.clone())?;
        messages.set(vm, &code, message.clone())?;
        errors.set(vm, name, message)?;
    }
    errors.set(vm, "codes", codes.into_value())?;
    errors.set(vm, "messages", messages.into_value())?;
    let doc = "Constants used to interpret content model information.";
    let model = submodule(vm, parent, "model", doc)?;
    for (name, value) in MODEL {
        model.set(vm, name, vm.new_int(*value)?)?;
    }
    Ok(())
}
