//! Replacement templates: literals and groups in turn, as `re._parser.parse_template` takes a replacement apart, and the
//! buffer that results of substitution are collected in.

use super::match_::Spans;
use super::pattern::Pattern;
use super::subject::Held;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, number};
use naja_vm::str_;
use naja_vm::{PyResult, Vm};

/// A template: a literal, then groups each with the literal that follows.
#[pyclass(name = "SRE_Template", module = "_sre", doc = "", flags(NO_NEW))]
pub struct Template {
    literal: Value,
    items: Vec<(usize, Value)>,
}

impl Template {
    /// Makes a template of literals and group numbers in turn. Raises TypeError, IndexError.
    pub fn make(vm: &Vm, pattern: &Ref<Pattern>, parts: &[Value]) -> PyResult {
        let invalid = || vm.type_error("invalid template");
        let Some((literal, rest)) = parts.split_first() else {
            return Err(invalid());
        };
        if rest.len() % 2 != 0 {
            return Err(invalid());
        }
        let mut items = Vec::with_capacity(rest.len() / 2);
        for pair in rest.chunks_exact(2) {
            let group = number::index_isize(vm, &pair[0])?;
            let group = usize::try_from(group).map_err(|_| invalid())?;
            if group > pattern.groups() {
                return Err(vm.index_error("invalid group reference"));
            }
            items.push((group, pair[1].clone()));
        }
        let template = Template {
            literal: literal.clone(),
            items,
        };
        Ok(vm.new_object(template)?.into_value())
    }

    /// The template that `re` compiles (and caches) for a replacement.
    pub fn compile(
        vm: &Vm,
        pattern: &Ref<Pattern>,
        replacement: &Value,
    ) -> PyResult<Ref<Template>> {
        let re = naja_vm::import::import_simple(vm, "re")?;
        let compile = attributes::get_by(vm, &re, "_compile_template")?;
        let made = vm.call(&compile, &[pattern.to_value(), replacement.clone()])?;
        match made.downcast_into::<Template>() {
            Ok(template) => Ok(template),
            Err(_) => Err(vm.runtime_error("the result of compiling a template is wrong")),
        }
    }

    /// The template's text, if it has no groups.
    pub fn plain(&self) -> Option<&Value> {
        self.items.is_empty().then_some(&self.literal)
    }

    /// Appends the template filled in from a match.
    pub fn expand(&self, vm: &Vm, out: &mut Out, held: &Held, spans: &Spans) -> PyResult<()> {
        out.push(vm, &self.literal)?;
        for (group, literal) in &self.items {
            if let Some((from, to)) = spans.get(*group) {
                out.push_part(held, from, to);
            }
            out.push(vm, literal)?;
        }
        Ok(())
    }
}

#[pymethods]
impl Template {}

/// Text under construction: strings or bytes one after the other.
pub struct Out {
    bytes: Vec<u8>,
    /// Items so far, for messages.
    count: usize,
    is_bytes: bool,
}

impl Out {
    pub fn new(is_bytes: bool) -> Out {
        Out {
            bytes: Vec::new(),
            count: 0,
            is_bytes,
        }
    }

    /// Appends a string or bytes-like object. Raises TypeError as `join` would.
    #[inline]
    pub fn push(&mut self, vm: &Vm, item: &Value) -> PyResult<()> {
        if !self.is_bytes {
            let Some(text) = str_::of(item) else {
                return Err(vm.type_error(format!(
                    "sequence item {}: expected str instance, {} found",
                    self.count,
                    vm.type_name(item)
                )));
            };
            self.bytes.extend_from_slice(text.as_bytes());
        } else if let Some(bytes) = item.downcast::<Bytes>() {
            self.bytes.extend_from_slice(bytes.as_bytes());
        } else {
            if !Buffer::supported(vm, item) {
                return Err(vm.type_error(format!(
                    "sequence item {}: expected a bytes-like object, {} found",
                    self.count,
                    vm.type_name(item)
                )));
            }
            Buffer::of(vm, item)?.with(|part| self.bytes.extend_from_slice(part));
        }
        self.count += 1;
        Ok(())
    }

    /// Appends a part of the subject, by byte offsets.
    #[inline]
    pub fn push_part(&mut self, held: &Held, from: usize, to: usize) {
        held.lend(|subject, _| {
            if let Some(part) = subject.bytes().get(from..to) {
                self.bytes.extend_from_slice(part)
            }
        });
        self.count += 1;
    }

    /// The string or bytes object.
    pub fn finish(self, vm: &Vm) -> PyResult {
        if self.is_bytes {
            Ok(vm.new_bytes_of(self.bytes)?.into_value())
        } else {
            // A surrogate pair can come together only of two lone ones, which stay two code points: the text is joined
            // as it is, as `str.join` does.
            Ok(vm.new_str_wtf8(&self.bytes)?.into_value())
        }
    }
}
