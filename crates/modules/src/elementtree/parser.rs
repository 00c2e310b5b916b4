//! `XMLParser` of ElementTree: the parser of `pyexpat` with its events given to a builder or another target.
//!
//! The machine is taken out of its object while it works. An exception of the target is kept until all of the input has
//! been read, as CPython does; what comes meanwhile is not reported. CPython: Modules/_elementtree.c.

use super::builder::{self, TreeBuilder};
use super::parse_error;
use crate::pyexpat::xml::dtd::Text;
use crate::pyexpat::xml::{Event, Expat, Span, error, handler};
use crate::pyexpat::{encoding_map, error_message};
use hashbrown::HashMap;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::bytes::Bytes;
use naja_vm::dict::Dict;
use naja_vm::protocols::attributes;
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};

/// The methods of a target.
const METHODS: [&str; 9] = [
    "start_ns", "end_ns", "start", "data", "end", "comment", "pi", "close", "doctype",
];
const START_NS: usize = 0;
const END_NS: usize = 1;
const START: usize = 2;
const DATA: usize = 3;
const END: usize = 4;
const COMMENT: usize = 5;
const PI: usize = 6;
const CLOSE: usize = 7;
const DOCTYPE: usize = 8;

const READ: i64 = 64 * 1024;

#[pyclass(
    name = "XMLParser",
    module = "xml.etree.ElementTree",
    gc,
    doc = "",
    flags(BASETYPE)
)]
pub struct XmlParser {
    machine: MutCell<Option<Box<Expat>>>,
    target: MutCell<Option<Value>>,
    /// The target, if it is a plain builder.
    builder: MutCell<Option<Ref<TreeBuilder>>>,
    entity: MutCell<Option<Ref<Dict>>>,
    names: MutCell<HashMap<Box<[u8]>, Value>>,
    methods: MutCell<[Option<Value>; 9]>,
}

impl Traverse for XmlParser {
    fn traverse(&self, v: &mut Visitor) {
        self.target.with(|t| v.opt(t));
        self.builder.with(|b| b.iter().for_each(|b| v.reference(b)));
        self.entity.with(|e| e.iter().for_each(|e| v.reference(e)));
        self.names.with(|n| n.values().for_each(|n| v.value(n)));
        self.methods.with(|m| m.iter().for_each(|m| v.opt(m)));
    }
    fn clear(&self) {
        drop(self.target.take());
        drop(self.builder.take());
        drop(self.entity.take());
        drop(self.names.take());
        drop(self.methods.take());
    }
}

fn text(vm: &Vm, bytes: &[u8]) -> PyResult {
    Ok(vm.new_str_wtf8(bytes)?.into_value())
}

impl XmlParser {
    /// A name in the notation `{uri}local`, always the same object.
    fn name(&self, vm: &Vm, name: &[u8]) -> PyResult {
        if let Some(known) = self.names.with(|n| n.get(name).cloned()) {
            return Ok(known);
        }
        let made = match memchr::memchr(b'}', name) {
            Some(_) => text(vm, &[&b"{"[..], name].concat())?,
            None => text(vm, name)?,
        };
        self.names.with_mut(|n| n.insert(name.into(), made.clone()));
        Ok(made)
    }

    fn method(&self, which: usize) -> Option<Value> {
        self.methods.with(|m| m.get(which).cloned().flatten())
    }

    /// Calls a method of the target, if it has it.
    fn call(&self, vm: &Vm, which: usize, args: &[Value]) -> PyResult<()> {
        if let Some(method) = self.method(which) {
            vm.call(&method, args)?;
        }
        Ok(())
    }

    #[cold]
    fn error(&self, vm: &Vm, code: u8, message: &str, place: (usize, usize)) -> Raised {
        let (line, column) = place;
        let make = || -> PyResult {
            let message = format!("{message}: line {line}, column {column}");
            let message = vm.new_str(message)?.into_value();
            let error = vm.call(parse_error(vm)?.as_value(), &[message])?;
            let code = vm.new_int(code as i64)?;
            attributes::set(vm, &error, &vm.intern("code"), Some(&code))?;
            let place = vec![vm.new_int(line as i64)?, vm.new_int(column as i64)?];
            let place = vm.new_tuple(place)?.into_value();
            attributes::set(vm, &error, &vm.intern("position"), Some(&place))?;
            Ok(error)
        };
        match make().map(Value::downcast_into) {
            Ok(Ok(error)) => vm.raise_value(error),
            Ok(Err(_)) => vm.system_error("ParseError is no exception"),
            Err(raised) => raised,
        }
    }

    fn start(&self, vm: &Vm, machine: &Expat, name: Span) -> PyResult<()> {
        let tag = self.name(vm, machine.bytes(name))?;
        let given = machine.attributes();
        let mut attrib = None;
        if !given.is_empty() {
            let dict = vm.new_dict()?;
            for (name, value) in given {
                let name = self.name(vm, machine.bytes(*name))?;
                dict.set(vm, &name, text(vm, machine.bytes(*value))?)?;
            }
            attrib = Some(dict);
        }
        if let Some(builder) = self.builder.get() {
            builder.handle_start(vm, &tag, attrib)?;
        } else if let Some(method) = self.method(START) {
            let attrib = match attrib {
                Some(attrib) => attrib,
                None => vm.new_dict()?,
            };
            vm.call(&method, &[tag, attrib.into_value()])?;
        }
        Ok(())
    }

    /// Something without a handler: a reference to an unknown entity may be one that the program knows.
    fn default(&self, vm: &Vm, machine: &mut Expat, span: Span) -> PyResult<()> {
        let data = machine.bytes(span);
        if data.len() < 2 || data.first() != Some(&b'&') {
            return Ok(());
        }
        let name = text(vm, data.get(1..data.len() - 1).unwrap_or_default())?;
        let value = match self.entity.get() {
            Some(entity) => entity.get(vm, &name)?,
            None => None,
        };
        match value {
            Some(value) => match self.builder.get() {
                Some(builder) => builder.add_data(vm, &value),
                None => self.call(vm, DATA, &[value]),
            },
            None => {
                let mut message = b"undefined entity ".to_vec();
                message.extend_from_slice(data.get(..data.len().min(100)).unwrap_or_default());
                let message = String::from_utf8_lossy(&message).into_owned();
                let place = machine.position();
                Err(self.error(vm, error::UNDEFINED_ENTITY, &message, place))
            }
        }
    }

    fn namespace(
        &self,
        vm: &Vm,
        prefix: &Option<Text>,
        uri: Option<&Option<Text>>,
    ) -> PyResult<()> {
        let prefix = prefix.as_deref().unwrap_or_default();
        match (self.builder.get(), uri) {
            (Some(builder), Some(uri)) if builder.wants(builder::START_NS) => {
                let uri = text(vm, uri.as_deref().unwrap_or_default())?;
                builder.handle_start_ns(vm, text(vm, prefix)?, uri)
            }
            (Some(builder), None) if builder.wants(builder::END_NS) => builder.handle_end_ns(vm),
            (Some(_), _) => Ok(()),
            (None, Some(uri)) => {
                let uri = text(vm, uri.as_deref().unwrap_or_default())?;
                self.call(vm, START_NS, &[text(vm, prefix)?, uri])
            }
            (None, None) => self.call(vm, END_NS, &[text(vm, prefix)?]),
        }
    }

    fn doctype(
        zelf: &Ref<XmlParser>,
        vm: &Vm,
        name: &Text,
        system: &Option<Text>,
        public: &Option<Text>,
    ) -> PyResult<()> {
        let opt = |t: &Option<Text>| match t {
            Some(t) => zelf.name(vm, t),
            None => Ok(Value::NONE),
        };
        if zelf.method(DOCTYPE).is_some() {
            let args = [zelf.name(vm, name)?, opt(public)?, opt(system)?];
            return zelf.call(vm, DOCTYPE, &args);
        }
        let own = attributes::get_optional(vm, zelf.as_value(), &vm.intern("doctype"))?;
        match own {
            None => Ok(()),
            Some(_) => vm.warn(
                &vm.types.exceptions.runtime_warning,
                "The doctype() method of XMLParser is ignored.  \
                 Define doctype() method on the TreeBuilder target.",
                1,
            ),
        }
    }

    /// Gives one event to the target.
    fn dispatch(zelf: &Ref<XmlParser>, vm: &Vm, machine: &mut Expat, event: Event) -> PyResult<()> {
        match event {
            Event::StartElement { name, .. } => zelf.start(vm, machine, name),
            Event::EndElement { name } => match zelf.builder.get() {
                Some(builder) => builder.handle_end(vm).map(|_| ()),
                None => {
                    let name = zelf.name(vm, machine.bytes(name))?;
                    zelf.call(vm, END, &[name])
                }
            },
            Event::Data(span) => match zelf.builder.get() {
                Some(builder) => builder.add_text(vm, machine.bytes(span)),
                None if zelf.method(DATA).is_none() => Ok(()),
                None => {
                    let data = text(vm, machine.bytes(span))?;
                    zelf.call(vm, DATA, &[data])
                }
            },
            Event::Default(span) => zelf.default(vm, machine, span),
            Event::Comment(span) => {
                let comment = text(vm, machine.bytes(span))?;
                match zelf.builder.get() {
                    Some(builder) => builder.handle_comment(vm, &comment).map(|_| ()),
                    None => zelf.call(vm, COMMENT, &[comment]),
                }
            }
            Event::Pi { target, data } => {
                let target = text(vm, machine.bytes(target))?;
                let data = text(vm, machine.bytes(data))?;
                match zelf.builder.get() {
                    Some(b) if b.wants(builder::PI) || b.insert_pis.get() => {
                        b.handle_pi(vm, &target, &data).map(|_| ())
                    }
                    Some(_) => Ok(()),
                    None => zelf.call(vm, PI, &[target, data]),
                }
            }
            Event::StartNamespace { prefix, uri } => zelf.namespace(vm, &prefix, Some(&uri)),
            Event::EndNamespace { prefix } => zelf.namespace(vm, &prefix, None),
            Event::StartDoctype {
                name,
                system,
                public,
                ..
            } => XmlParser::doctype(zelf, vm, &name, &system, &public),
            Event::UnknownEncoding(name) => {
                let map = encoding_map(vm, &name);
                machine.reply_map(map.as_ref().ok());
                map.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Parses more of the input.
    fn parse(zelf: &Ref<XmlParser>, vm: &Vm, data: &[u8], last: bool) -> PyResult<()> {
        let Some(mut machine) = zelf.machine.with_mut(Option::take) else {
            return Err(vm.runtime_error("the parser is at work"));
        };
        let mut raised = None;
        let mut failed = machine.feed(data, last).err();
        while failed.is_none() {
            match machine.next_event() {
                Ok(None) => break,
                Err(code) => failed = Some(code),
                Ok(Some(_)) if raised.is_some() => {}
                Ok(Some(event)) => {
                    if XmlParser::dispatch(zelf, vm, &mut machine, event).is_err() {
                        raised = Some(vm.take_exception());
                    }
                }
            }
        }
        let place = machine.position();
        zelf.machine.with_mut(|m| *m = Some(machine));
        match (raised, failed) {
            (Some(exception), _) => Err(vm.raise_value(exception)),
            (None, Some(code)) => Err(zelf.error(
                vm,
                code,
                error_message(code).unwrap_or("unknown error"),
                place,
            )),
            (None, None) => Ok(()),
        }
    }

    fn check(&self, vm: &Vm) -> PyResult<()> {
        match self.target.with(Option::is_some) {
            true => Ok(()),
            false => Err(vm.value_error("XMLParser.__init__() wasn't called")),
        }
    }

    fn with_machine(&self, f: impl FnOnce(&mut Expat)) {
        self.machine.with_mut(|m| {
            if let Some(m) = m {
                f(m)
            }
        });
    }

    fn utf8<'a>(vm: &Vm, text: &'a Ref<Str>) -> PyResult<&'a [u8]> {
        match text.as_str() {
            Some(text) => Ok(text.as_bytes()),
            None => Err(naja_vm::exception::surrogates_not_allowed(vm, text)),
        }
    }
}

#[pymethods]
impl XmlParser {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        let parser = XmlParser {
            machine: MutCell::new(None),
            target: MutCell::new(None),
            builder: MutCell::new(None),
            entity: MutCell::new(None),
            names: MutCell::default(),
            methods: MutCell::default(),
        };
        Ok(vm.new_object_of(cls, parser)?.into_value())
    }

    #[pyslot(sig = "(*, target=None, encoding=None)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        #[default(&Value::NONE)] target: &Value,
        #[default(&Value::NONE)] encoding: &Value,
    ) -> PyResult<()> {
        let what = "XMLParser() argument 'encoding'";
        let encoding = crate::pyexpat::optional_text(vm, encoding, what)?;
        let mut machine = Expat::new(encoding.as_deref(), Some(b'}'));
        drop(zelf.entity.replace(Some(vm.new_dict()?)));
        drop(zelf.names.take());
        let target = match target.is_none() {
            false => target.clone(),
            true => vm.new_object(TreeBuilder::fresh())?.into_value(),
        };
        let exact = std::ptr::eq(vm.type_of(&target), &**vm.class::<TreeBuilder>());
        let builder = target.downcast::<TreeBuilder>().filter(|_| exact).cloned();
        drop(zelf.target.replace(Some(target.clone())));
        drop(zelf.builder.replace(builder));
        let mut methods: [Option<Value>; 9] = Default::default();
        for (place, name) in methods.iter_mut().zip(METHODS) {
            *place = attributes::get_optional(vm, &target, &vm.intern(name))?;
        }
        let has = |which: usize| methods.get(which).is_some_and(Option::is_some);
        machine.handlers = handler::START_ELEMENT
            | handler::END_ELEMENT
            | handler::DEFAULT
            | handler::DATA
            | handler::START_DOCTYPE;
        machine.expand = true;
        if has(START_NS) || has(END_NS) {
            machine.handlers |= handler::START_NAMESPACE | handler::END_NAMESPACE;
        }
        if has(COMMENT) {
            machine.handlers |= handler::COMMENT;
        }
        if has(PI) {
            machine.handlers |= handler::PI;
        }
        drop(zelf.methods.replace(methods));
        drop(zelf.machine.replace(Some(Box::new(machine))));
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn close(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.check(vm)?;
        XmlParser::parse(zelf, vm, b"", true)?;
        if let Some(builder) = zelf.builder.get() {
            return Ok(builder.done());
        }
        match zelf.method(CLOSE) {
            Some(close) => vm.call(&close, &[]),
            None => Ok(Value::NONE),
        }
    }

    #[pymethod(sig = "($self, /)")]
    fn flush(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        zelf.check(vm)?;
        zelf.with_machine(|m| m.deferral = false);
        let result = XmlParser::parse(zelf, vm, b"", false);
        zelf.with_machine(|m| m.deferral = true);
        result
    }

    #[pymethod(sig = "($self, data, /)")]
    fn feed(zelf: &Ref<Self>, vm: &Vm, data: &Value) -> PyResult<()> {
        zelf.check(vm)?;
        if let Some(text) = str_::of(data) {
            let bytes = XmlParser::utf8(vm, text)?;
            zelf.with_machine(|m| m.set_encoding(b"utf-8"));
            return XmlParser::parse(zelf, vm, bytes, false);
        }
        let bytes = Buffer::of(vm, data)?.to_vec();
        XmlParser::parse(zelf, vm, &bytes, false)
    }

    #[pymethod(sig = "($self, file, /)")]
    fn _parse_whole(zelf: &Ref<Self>, vm: &Vm, file: &Value) -> PyResult {
        zelf.check(vm)?;
        let read = attributes::get_by(vm, file, "read")?;
        let size = vm.new_int(READ)?;
        loop {
            let data = vm.call(&read, std::slice::from_ref(&size))?;
            let mut encoded = data;
            if let Some(text) = str_::of(&encoded) {
                if text.byte_len() == 0 {
                    break;
                }
                zelf.with_machine(|m| m.set_encoding(b"utf-8"));
                // Lone surrogates are no characters of XML, which the parser finds out.
                encoded = vm.new_bytes(text.as_bytes())?.into_value();
            }
            match encoded.downcast::<Bytes>() {
                Some(bytes) if !bytes.as_bytes().is_empty() => {
                    XmlParser::parse(zelf, vm, bytes.as_bytes(), false)?
                }
                _ => break,
            }
        }
        XmlParser::parse(zelf, vm, b"", true)?;
        match zelf.builder.get() {
            Some(builder) => Ok(builder.done()),
            None => Ok(Value::NONE),
        }
    }

    #[pymethod(sig = "($self, events_queue, events_to_report=None, /)")]
    fn _setevents(
        &self,
        vm: &Vm,
        events_queue: &Value,
        #[default(&Value::NONE)] events_to_report: &Value,
    ) -> PyResult<()> {
        self.check(vm)?;
        let Some(builder) = self.builder.get() else {
            return Err(
                vm.type_error("event handling only supported for ElementTree.TreeBuilder targets")
            );
        };
        for event in builder.set_events(vm, events_queue, events_to_report)? {
            let bits = match event {
                builder::START_NS | builder::END_NS => {
                    handler::START_NAMESPACE | handler::END_NAMESPACE
                }
                builder::COMMENT => handler::COMMENT,
                builder::PI => handler::PI,
                _ => 0,
            };
            self.with_machine(|m| m.handlers |= bits);
        }
        Ok(())
    }

    #[pymember]
    fn entity(&self) -> Value {
        self.entity
            .get()
            .map_or(Value::NONE, |entity| entity.into_value())
    }

    #[pymember]
    fn target(&self) -> Value {
        self.target.get().unwrap_or(Value::NONE)
    }

    #[pygetter]
    fn version(&self) -> String {
        let [a, b, c] = crate::pyexpat::VERSION;
        format!("Expat {a}.{b}.{c}")
    }
}
