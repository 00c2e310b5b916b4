//! `TreeBuilder`: makes a tree of the events of a parser.
//!
//! Text is gathered until something else comes, and then goes to the element it belongs to: as one string where it came
//! from the native parser, as a list to be joined later where Python gave it in pieces. CPython: Modules/_elementtree.c.

use super::element::{Element, Text};
use super::{State, dict_arg, parse_error};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::list::List;
use naja_vm::protocols::{attributes, number, sequence};
use naja_vm::str_;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Events that a pull parser wants, by number.
pub const EVENTS: [&str; 6] = ["start", "end", "start-ns", "end-ns", "comment", "pi"];
pub const START: usize = 0;
pub const END: usize = 1;
pub const START_NS: usize = 2;
pub const END_NS: usize = 3;
pub const COMMENT: usize = 4;
pub const PI: usize = 5;

/// Where events go, and under which names; no name: not wanted.
#[derive(Default, Clone)]
pub struct Events {
    append: Option<Value>,
    names: [Option<Value>; 6],
}

/// Larger memory is not kept.
const SPARE: usize = 4096;

/// Text that has no element yet.
enum Gathered {
    Nothing,
    Bytes(Vec<u8>),
    Values(Vec<Value>),
}

#[pyclass(
    name = "TreeBuilder",
    module = "xml.etree.ElementTree",
    gc,
    doc = "",
    flags(BASETYPE)
)]
pub struct TreeBuilder {
    root: MutCell<Option<Value>>,
    this: MutCell<Value>,
    last: MutCell<Value>,
    /// The element whose tail is next.
    tail_of: MutCell<Option<Value>>,
    data: MutCell<Gathered>,
    /// The memory of text that has been given away, for the next.
    spare: MutCell<Vec<u8>>,
    stack: MutCell<Vec<Value>>,
    element_factory: MutCell<Option<Value>>,
    comment_factory: MutCell<Option<Value>>,
    pi_factory: MutCell<Option<Value>>,
    events: MutCell<Events>,
    insert_comments: Cell<bool>,
    pub insert_pis: Cell<bool>,
}

impl Traverse for TreeBuilder {
    fn traverse(&self, v: &mut Visitor) {
        self.root.with(|x| v.opt(x));
        self.this.with(|x| v.value(x));
        self.last.with(|x| v.value(x));
        self.tail_of.with(|x| v.opt(x));
        self.data.with(|d| {
            if let Gathered::Values(all) = d {
                all.iter().for_each(|x| v.value(x))
            }
        });
        self.stack.with(|s| s.iter().for_each(|x| v.value(x)));
        for factory in [
            &self.element_factory,
            &self.comment_factory,
            &self.pi_factory,
        ] {
            factory.with(|f| v.opt(f));
        }
        self.events.with(|e| {
            v.opt(&e.append);
            e.names.iter().for_each(|n| v.opt(n));
        });
    }
    fn clear(&self) {
        drop(self.root.take());
        drop(self.this.replace(Value::NONE));
        drop(self.last.replace(Value::NONE));
        drop(self.tail_of.take());
        drop(self.data.replace(Gathered::Nothing));
        drop(self.stack.take());
        drop(self.element_factory.take());
        drop(self.comment_factory.take());
        drop(self.pi_factory.take());
        drop(self.events.take());
    }
}

/// Whether a value is of exactly this class, which has shorter ways.
fn exact_element<'a>(vm: &Vm, value: &'a Value) -> Option<&'a Ref<Element>> {
    let element = value.downcast::<Element>()?;
    std::ptr::eq(vm.type_of(value), &**vm.class::<Element>()).then_some(element)
}

impl TreeBuilder {
    pub fn fresh() -> TreeBuilder {
        TreeBuilder {
            root: MutCell::new(None),
            this: MutCell::new(Value::NONE),
            last: MutCell::new(Value::NONE),
            tail_of: MutCell::new(None),
            data: MutCell::new(Gathered::Nothing),
            spare: MutCell::default(),
            stack: MutCell::default(),
            element_factory: MutCell::new(None),
            comment_factory: MutCell::new(None),
            pi_factory: MutCell::new(None),
            events: MutCell::default(),
            insert_comments: Cell::new(false),
            insert_pis: Cell::new(false),
        }
    }

    /// Whether an event is wanted.
    pub fn wants(&self, event: usize) -> bool {
        self.events
            .with(|e| e.append.is_some() && e.names.get(event).is_some_and(Option::is_some))
    }

    /// Notes which events are wanted and who takes them. Gives their numbers. Raises TypeError, ValueError.
    pub fn set_events(&self, vm: &Vm, queue: &Value, wanted: &Value) -> PyResult<Vec<usize>> {
        let mut events = Events {
            append: Some(attributes::get_by(vm, queue, "append")?),
            names: Default::default(),
        };
        drop(self.events.replace(events.clone()));
        let mut numbers = Vec::new();
        if wanted.is_none() {
            events.names[END] = Some(vm.intern("end").into_value());
            numbers.push(END);
        } else {
            for name in sequence::collect_or(vm, wanted, "events must be a sequence")? {
                let text = match (str_::of(&name), name.downcast::<naja_vm::bytes::Bytes>()) {
                    (Some(text), _) => text.to_string_lossy().into_owned(),
                    (None, Some(bytes)) => String::from_utf8_lossy(bytes.as_bytes()).into_owned(),
                    (None, None) => return Err(vm.value_error("invalid events sequence")),
                };
                let Some(number) = EVENTS.iter().position(|e| *e == text) else {
                    return Err(vm.value_error(format!("unknown event '{text}'")));
                };
                events.names[number] = Some(name);
                numbers.push(number);
                drop(self.events.replace(events.clone()));
            }
        }
        drop(self.events.replace(events));
        Ok(numbers)
    }

    fn report(&self, vm: &Vm, event: usize, node: &Value) -> PyResult<()> {
        let wanted = self.events.with(|e| {
            let name = e.names.get(event)?.clone()?;
            Some((e.append.clone()?, name))
        });
        let Some((append, name)) = wanted else {
            return Ok(());
        };
        let pair = naja_vm::tuple::Tuple::pair(vm, name, node.clone())?;
        vm.call(&append, &[pair])?;
        Ok(())
    }

    /// Gathers text from the native parser.
    pub fn add_text(&self, vm: &Vm, text: &[u8]) -> PyResult<()> {
        if self.last.with(Value::is_none) && self.data.with(|d| matches!(d, Gathered::Nothing)) {
            return Ok(());
        }
        let taken = self.data.with_mut(|d| match d {
            Gathered::Values(_) => false,
            Gathered::Bytes(bytes) => {
                bytes.extend_from_slice(text);
                true
            }
            Gathered::Nothing => {
                let mut bytes = self.spare.take();
                bytes.extend_from_slice(text);
                *d = Gathered::Bytes(bytes);
                true
            }
        });
        if taken {
            return Ok(());
        }
        let text = vm.new_str_wtf8(text)?.into_value();
        self.add_data(vm, &text)
    }

    /// Gathers text from Python.
    pub fn add_data(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        let first = match self.data.replace(Gathered::Nothing) {
            Gathered::Nothing if self.last.with(Value::is_none) => return Ok(()),
            Gathered::Nothing => Vec::new(),
            Gathered::Values(values) => values,
            Gathered::Bytes(bytes) => vec![vm.new_str_wtf8(&bytes)?.into_value()],
        };
        let mut all = first;
        all.push(data.clone());
        drop(self.data.replace(Gathered::Values(all)));
        Ok(())
    }

    /// Gives the gathered text to its element.
    fn flush(&self, vm: &Vm) -> PyResult<()> {
        let (mut pieces, single) = match self.data.replace(Gathered::Nothing) {
            Gathered::Nothing => return Ok(()),
            Gathered::Bytes(mut bytes) => {
                let text = vm.new_str_wtf8(&bytes)?.into_value();
                if bytes.capacity() <= SPARE {
                    bytes.clear();
                    self.spare.set(bytes);
                }
                (Vec::new(), Some(text))
            }
            Gathered::Values(mut values) => {
                let single = (values.len() == 1).then(|| values.pop()).flatten();
                (values, single)
            }
        };
        let (owner, is_tail) = match self.tail_of.get() {
            Some(element) => (element, true),
            None => (self.last.get(), false),
        };
        if let Some(element) = exact_element(vm, &owner) {
            let place = if is_tail {
                &element.tail
            } else {
                &element.text
            };
            let before = place.get();
            if before.value.is_none() {
                let text = match single {
                    Some(value) => Text {
                        pieces: value.downcast::<List>().is_some(),
                        value,
                    },
                    None => Text {
                        value: vm.new_list(pieces)?.into_value(),
                        pieces: true,
                    },
                };
                drop(place.replace(text));
                return Ok(());
            }
            if let (true, Some(list)) = (before.pieces, before.value.downcast::<List>()) {
                pieces.extend(single);
                for piece in pieces {
                    list.push(vm, piece)?;
                }
                return Ok(());
            }
        }
        let name = vm.intern(if is_tail { "tail" } else { "text" });
        let before = attributes::get(vm, &owner, &name)?;
        let mut joined = match single {
            Some(value) if value.downcast::<List>().is_none() => value,
            single => {
                let list = match single {
                    Some(list) => list,
                    None => vm.new_list(pieces)?.into_value(),
                };
                vm.call_method_str(vm.intern("").as_value(), "join", &[list])?
            }
        };
        if !before.is_none() {
            joined = number::add(vm, &before, &joined)?;
        }
        attributes::set(vm, &owner, &name, Some(&joined))
    }

    fn adopt(&self, vm: &Vm, parent: &Value, child: &Value) -> PyResult<()> {
        match exact_element(vm, parent) {
            Some(parent) => parent.add(vm, child),
            None => {
                vm.call_method_str(parent, "append", std::slice::from_ref(child))?;
                Ok(())
            }
        }
    }

    /// An element begins.
    pub fn handle_start(&self, vm: &Vm, tag: &Value, attrib: Option<Ref<Dict>>) -> PyResult {
        self.flush(vm)?;
        let node = match self.element_factory.get() {
            None => Element::make(vm, tag, attrib)?.into_value(),
            Some(factory) => {
                let attrib = match attrib {
                    Some(attrib) => attrib,
                    None => vm.new_dict()?,
                };
                vm.call(&factory, &[tag.clone(), attrib.into_value()])?
            }
        };
        let this = self.this.get();
        drop(self.tail_of.take());
        if !this.is_none() {
            self.adopt(vm, &this, &node)?;
        } else {
            if self.root.with(Option::is_some) {
                return Err(vm.raise(&parse_error(vm)?, "multiple elements on top level"));
            }
            self.root.set(Some(node.clone()));
        }
        self.stack.with_mut(|s| s.push(this));
        drop(self.this.replace(node.clone()));
        drop(self.last.replace(node.clone()));
        self.report(vm, START, &node)?;
        Ok(node)
    }

    /// An element ends.
    pub fn handle_end(&self, vm: &Vm) -> PyResult {
        self.flush(vm)?;
        let Some(outer) = self.stack.with_mut(Vec::pop) else {
            return Err(vm.index_error("pop from empty stack"));
        };
        let node = self.this.replace(outer);
        drop(self.last.replace(node.clone()));
        drop(self.tail_of.replace(Some(node.clone())));
        self.report(vm, END, &node)?;
        Ok(node)
    }

    fn insert(&self, vm: &Vm, node: &Value) -> PyResult<()> {
        let this = self.this.get();
        if !this.is_none() {
            self.adopt(vm, &this, node)?;
            drop(self.tail_of.replace(Some(node.clone())));
        }
        Ok(())
    }

    pub fn handle_comment(&self, vm: &Vm, text: &Value) -> PyResult {
        self.flush(vm)?;
        let comment = match self.comment_factory.get() {
            Some(factory) => {
                let comment = vm.call(&factory, std::slice::from_ref(text))?;
                if self.insert_comments.get() {
                    self.insert(vm, &comment)?;
                }
                comment
            }
            None => text.clone(),
        };
        self.report(vm, COMMENT, &comment)?;
        Ok(comment)
    }

    pub fn handle_pi(&self, vm: &Vm, target: &Value, text: &Value) -> PyResult {
        self.flush(vm)?;
        let args = [target.clone(), text.clone()];
        let pi = match self.pi_factory.get() {
            Some(factory) => {
                let pi = vm.call(&factory, &args)?;
                if self.insert_pis.get() {
                    self.insert(vm, &pi)?;
                }
                pi
            }
            None => vm.new_tuple(args.to_vec())?.into_value(),
        };
        self.report(vm, PI, &pi)?;
        Ok(pi)
    }

    pub fn handle_start_ns(&self, vm: &Vm, prefix: Value, uri: Value) -> PyResult<()> {
        let pair = naja_vm::tuple::Tuple::pair(vm, prefix, uri)?;
        self.report(vm, START_NS, &pair)
    }

    pub fn handle_end_ns(&self, vm: &Vm) -> PyResult<()> {
        self.report(vm, END_NS, &Value::NONE)
    }

    /// The tree.
    pub fn done(&self) -> Value {
        self.root.get().unwrap_or(Value::NONE)
    }
}

#[pymethods]
impl TreeBuilder {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, TreeBuilder::fresh())?.into_value())
    }

    #[pyslot(
        sig = "(element_factory=None, *, comment_factory=None, pi_factory=None, insert_comments=False, insert_pis=False)"
    )]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        element_factory: Option<Value>,
        comment_factory: Option<Value>,
        pi_factory: Option<Value>,
        #[default(false)] insert_comments: bool,
        #[default(false)] insert_pis: bool,
    ) -> PyResult<()> {
        let state = vm.interp.module_state::<State>();
        let some = |v: Option<Value>| v.filter(|v| !v.is_none());
        let comment = some(comment_factory).or_else(|| state.comment.get());
        let pi = some(pi_factory).or_else(|| state.pi.get());
        zelf.insert_comments
            .set(insert_comments && comment.is_some());
        zelf.insert_pis.set(insert_pis && pi.is_some());
        drop(zelf.element_factory.replace(some(element_factory)));
        drop(zelf.comment_factory.replace(comment));
        drop(zelf.pi_factory.replace(pi));
        Ok(())
    }

    #[pymethod(sig = "($self, data, /)")]
    fn data(&self, vm: &Vm, data: &Value) -> PyResult<()> {
        self.add_data(vm, data)
    }

    #[pymethod(sig = "($self, tag, /)")]
    fn end(&self, vm: &Vm, tag: &Value) -> PyResult {
        let _ = tag;
        self.handle_end(vm)
    }

    #[pymethod(sig = "($self, text, /)")]
    fn comment(&self, vm: &Vm, text: &Value) -> PyResult {
        self.handle_comment(vm, text)
    }

    #[pymethod(sig = "($self, target, text=None, /)")]
    fn pi(&self, vm: &Vm, target: &Value, #[default(&Value::NONE)] text: &Value) -> PyResult {
        self.handle_pi(vm, target, text)
    }

    #[pymethod(sig = "($self, /)")]
    fn close(&self) -> Value {
        self.done()
    }

    #[pymethod(sig = "($self, tag, attrs, /)")]
    fn start(&self, vm: &Vm, tag: &Value, attrs: &Value) -> PyResult {
        let attrs = dict_arg(vm, attrs, "start() argument 2")?.clone();
        self.handle_start(vm, tag, Some(attrs))
    }
}
