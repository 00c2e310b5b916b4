//! `_elementtree`: the elements of `xml.etree.ElementTree`, their builder and parser.
//!
//! [`element`] holds elements and the iterator over a tree, [`builder`] the target that makes a tree of events,
//! [`parser`] the XML parser, which gives its events to the builder without calling Python. CPython:
//! Modules/_elementtree.c.

pub mod builder;
pub mod element;
pub mod parser;

use crate::common;
use builder::TreeBuilder;
use element::{Element, ElementIter};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::module::Module;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use parser::XmlParser;

/// What makes comments and processing instructions, unless a builder has its own.
#[derive(Default)]
pub struct State {
    comment: MutCell<Option<Value>>,
    pi: MutCell<Option<Value>>,
    copy: MutCell<Option<Value>>,
    path: MutCell<Option<Value>>,
}

/// The class `ParseError`.
pub fn parse_error(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(
        vm,
        "xml.etree.ElementTree.ParseError",
        &vm.types.syntax_error,
    )
}

#[pymodule(name = "_elementtree", classes(Element, TreeBuilder, XmlParser))]
pub mod module {
    use super::*;

    #[pyfunction(name = "SubElement", raw)]
    fn sub_element(vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        if positional.len() < 2 || positional.len() > 3 {
            let (bound, limit) = match positional.len() < 2 {
                true => ("at least", 2),
                false => ("at most", 3),
            };
            return Err(vm.type_error(format!(
                "SubElement() takes {bound} {limit} arguments ({} given)",
                positional.len()
            )));
        }
        let parent = element::element_arg(vm, &positional[0], "SubElement() argument 1")?;
        let attrib = element::attributes_given(vm, positional.get(2), 3, "SubElement", &args)?;
        let child = Element::make(vm, &positional[1], attrib)?;
        parent.push(child.to_value());
        Ok(child.into_value())
    }

    /// Change the factories used to create comments and processing instructions.
    ///
    /// For internal use only.
    #[pyfunction(sig = "($module, comment_factory, pi_factory, /)")]
    fn _set_factories(vm: &Vm, comment_factory: &Value, pi_factory: &Value) -> PyResult {
        let state = vm.interp.module_state::<State>();
        for (factory, what) in [(comment_factory, "Comment"), (pi_factory, "PI")] {
            if !factory.is_none() && vm.type_of(factory).slots.call.get().is_none() {
                return Err(vm.type_error(format!(
                    "{what} factory must be callable, not {}",
                    vm.type_of(factory).full_name()
                )));
            }
        }
        let some = |v: &Value| (!v.is_none()).then(|| v.clone());
        let old = vec![
            state
                .comment
                .replace(some(comment_factory))
                .unwrap_or(Value::NONE),
            state.pi.replace(some(pi_factory)).unwrap_or(Value::NONE),
        ];
        Ok(vm.new_tuple(old)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        vm.class::<ElementIter>();
        module.set(vm, "ParseError", parse_error(vm)?.into_value())
    }
}

/// A dict among arguments.
fn dict_arg<'a>(vm: &Vm, value: &'a Value, what: &str) -> PyResult<&'a Ref<Dict>> {
    value.downcast::<Dict>().ok_or_else(|| {
        let got = vm.type_of(value).full_name();
        vm.type_error(format!("{what} must be dict, not {got}"))
    })
}
