//! Values of attributes and of entities: what references in them stand for, and whitespace.
//!
//! CPython: `appendAttributeValue`, `storeEntityValue` of Modules/expat/xmlparse.c.

use super::dtd::Text;
use super::token::{Scan, Token as T, char_ref_number, predefined};
use super::{After, Code, Event, Expat, Flow, Phase, error, handler};

/// The value of an entity that is being put together in the DTD's notes.
pub(super) struct Value {
    /// Texts under way, innermost last, with the parameter entity that each is of.
    frames: Vec<(Text, usize, Option<usize>)>,
    /// Where the first one lies in the input.
    place: Option<usize>,
    /// Where it begins in the notes.
    start: usize,
    /// The token of the declaration, or none in an external entity that is a part of another's value.
    literal: Option<(usize, usize)>,
    token: Text,
}

impl Expat {
    /// The value of an attribute. `place`: where the text lies in the input, if it does; `is_cdata`: spaces count;
    /// `declared`: a default in the DTD.
    pub(super) fn attribute_value(
        &mut self,
        text: &[u8],
        place: Option<usize>,
        is_cdata: bool,
        declared: bool,
    ) -> Result<Vec<u8>, Code> {
        let mut out: Vec<u8> = Vec::with_capacity(text.len());
        let mut frames: Vec<(Text, usize, usize)> = Vec::new();
        let mut outer = 0;
        let result = loop {
            let (part, at, whole): (Text, usize, bool);
            let found = match frames.last() {
                None => {
                    at = outer;
                    whole = true;
                    part = Text::from(&b""[..]);
                    self.scan(text).attribute_value(at)
                }
                Some((inner, inner_at, _)) => {
                    part = inner.clone();
                    at = *inner_at;
                    whole = false;
                    Scan::inner(&part, self.separator.is_some()).attribute_value(at)
                }
            };
            let current: &[u8] = if whole { text } else { &part };
            let here = place.filter(|_| whole);
            if found.token == T::Empty {
                match frames.pop() {
                    None => break Ok(()),
                    Some((_, _, entity)) => self.set_general_open(entity, false),
                }
                continue;
            }
            match frames.last_mut() {
                None => outer = found.end,
                Some(frame) => frame.1 = found.end,
            }
            if !whole {
                self.account(found.end - at, true)?;
            }
            let token = current.get(at..found.end).unwrap_or_default();
            match found.token {
                T::Data => out.extend_from_slice(token),
                T::ValueSpace | T::Newline | T::TrailingCr => push_space(&mut out, is_cdata),
                T::CharRef => match char_ref_number(token) {
                    None => break self.fail_value(here, at, error::BAD_CHAR_REF),
                    Some(0x20) if !is_cdata => push_space(&mut out, false),
                    Some(n) => push_char(&mut out, n),
                },
                T::EntityRef => {
                    let name = token.get(1..token.len() - 1).unwrap_or_default();
                    if let Some(c) = predefined(name) {
                        self.account(1, true)?;
                        out.push(c);
                        continue;
                    }
                    match self.entity_in_value(name, declared) {
                        Ok(None) => {}
                        Ok(Some((entity, text))) => {
                            self.set_general_open(entity, true);
                            frames.push((text, 0, entity));
                        }
                        Err(code @ (error::UNDEFINED_ENTITY | error::ENTITY_DECLARED_IN_PE)) => {
                            break Err(code);
                        }
                        Err(code) => break self.fail_value(here, at, code),
                    }
                }
                T::Invalid => break self.fail_value(here, found.end, error::INVALID_TOKEN),
                _ => break self.fail_value(here, at, error::INVALID_TOKEN),
            }
        };
        for (_, _, entity) in frames {
            self.set_general_open(entity, false);
        }
        result?;
        if !is_cdata && out.last() == Some(&b' ') {
            out.pop();
        }
        Ok(out)
    }

    fn fail_value<R>(&mut self, place: Option<usize>, at: usize, code: Code) -> Result<R, Code> {
        if let Some(place) = place {
            self.event = Some(place + at);
        }
        Err(code)
    }

    fn set_general_open(&mut self, entity: usize, open: bool) {
        if let Some(e) = self.dtd.borrow_mut().general.items.get_mut(entity) {
            e.open = open;
        }
    }

    /// The text of an entity named in a value; None if it may be unknown and is.
    fn entity_in_value(&self, name: &[u8], declared: bool) -> Result<Option<(usize, Text)>, Code> {
        let dtd = self.dtd.borrow();
        let strict = match declared {
            true if !self.prolog.document => false,
            true if dtd.standalone => self.open.is_empty(),
            true => !dtd.has_param_refs,
            false => !dtd.has_param_refs || dtd.standalone,
        };
        let found = dtd.general.find(name);
        let Some((index, entity)) = found.and_then(|i| Some((i, dtd.general.items.get(i)?))) else {
            return match strict {
                true => Err(error::UNDEFINED_ENTITY),
                false => Ok(None),
            };
        };
        if strict && !entity.internal {
            return Err(error::ENTITY_DECLARED_IN_PE);
        }
        if entity.open {
            return Err(error::RECURSIVE_ENTITY_REF);
        }
        if entity.notation.is_some() {
            return Err(error::BINARY_ENTITY_REF);
        }
        match &entity.text {
            Some(text) => Ok(Some((index, text.clone()))),
            None => Err(error::ATTRIBUTE_EXTERNAL_ENTITY_REF),
        }
    }

    /// Begins to read the value of an entity: `text` lies at `place` of the input. [`Expat::value_step`] goes on.
    pub(super) fn begin_value(
        &mut self,
        text: &[u8],
        token: &[u8],
        place: Option<usize>,
        literal: Option<(usize, usize)>,
    ) {
        self.prolog.in_entity_value = true;
        self.value = Some(Value {
            frames: vec![(text.into(), 0, None)],
            place,
            start: self.dtd.borrow().value.len(),
            literal,
            token: match self.open.is_empty() {
                true => Text::from(&b""[..]),
                false => token.into(),
            },
        });
    }

    /// One token of an entity's value, or its end. A declaration whose value is wrong is still reported.
    pub(super) fn value_step(&mut self) -> Result<Flow, Code> {
        let result = self.value_token();
        if result.is_err()
            && let Some(value) = self.value.take()
            && value.literal.is_some()
        {
            let text = self.dtd.borrow_mut().value.split_off(value.start);
            self.entity_value_read(text.into());
        }
        result
    }

    fn value_token(&mut self) -> Result<Flow, Code> {
        let Some(value) = &mut self.value else {
            return Ok(Flow::More);
        };
        let nested = value.frames.len() > 1;
        if let (Some((start, _)), true) = (value.literal, self.open.is_empty()) {
            self.event = Some(start);
        }
        let place = value.place.filter(|_| !nested);
        let Some((text, at, _)) = value.frames.last() else {
            return Ok(Flow::More);
        };
        let (text, at) = (text.clone(), *at);
        let found = match nested || !self.open.is_empty() {
            true => Scan::inner(&text, self.separator.is_some()),
            false => Scan::new(&text, self.separator.is_some()),
        }
        .entity_value(at);
        if found.token == T::Empty {
            return self.value_frame_end();
        }
        if let Some(frame) = value.frames.last_mut() {
            frame.1 = found.end;
        }
        if nested {
            self.account(found.end - at, true)?;
        }
        let token = text.get(at..found.end).unwrap_or_default();
        match found.token {
            T::Data | T::EntityRef => self.dtd.borrow_mut().value.extend_from_slice(token),
            T::Newline | T::TrailingCr => self.dtd.borrow_mut().value.push(b'\n'),
            T::CharRef => match char_ref_number(token) {
                Some(n) => push_char(&mut self.dtd.borrow_mut().value, n),
                None => return self.fail_value(place, at, error::BAD_CHAR_REF),
            },
            T::ParamRef => {
                if !self.param_entity && !nested && self.open.is_empty() {
                    return self.fail_value(place, at, error::PARAM_ENTITY_REF);
                }
                let name = token.get(1..token.len() - 1).unwrap_or_default();
                let skip = self.param_in_value(name, place.map(|p| p + at))?;
                if skip {
                    if let Some(frame) = self.value.as_mut().and_then(|v| v.frames.last_mut()) {
                        frame.1 = text.len();
                    }
                    return Ok(Flow::More);
                }
            }
            T::Invalid => return self.fail_value(place, found.end, error::INVALID_TOKEN),
            _ => return self.fail_value(place, at, error::INVALID_TOKEN),
        }
        Ok(Flow::More)
    }

    /// A parameter entity in a value; true if the rest of the text does not count.
    fn param_in_value(&mut self, name: &[u8], place: Option<usize>) -> Result<bool, Code> {
        let (index, entity) = {
            let mut dtd = self.dtd.borrow_mut();
            let found = dtd.params.find(name);
            match found.and_then(|i| Some((i, dtd.params.items.get(i)?.clone()))) {
                Some(found) => found,
                None => {
                    dtd.keep = dtd.standalone;
                    return Ok(true);
                }
            }
        };
        if entity.open || self.declares(true, index) {
            return self.fail_value(place, 0, error::RECURSIVE_ENTITY_REF);
        }
        if entity.system.is_some() {
            if self.has(handler::EXTERNAL_ENTITY) {
                self.dtd.borrow_mut().param_read = false;
                self.set_param_open(index, true);
                self.ask(None, &entity, After::ValueRef(index));
            } else {
                let mut dtd = self.dtd.borrow_mut();
                dtd.keep = dtd.standalone;
            }
        } else if let Some(text) = entity.text {
            self.set_param_open(index, true);
            if let Some(value) = &mut self.value {
                value.frames.push((text, 0, Some(index)));
            }
        }
        Ok(false)
    }

    pub(super) fn set_param_open(&mut self, entity: usize, open: bool) {
        if let Some(e) = self.dtd.borrow_mut().params.items.get_mut(entity) {
            e.open = open;
        }
    }

    fn value_frame_end(&mut self) -> Result<Flow, Code> {
        let Some(value) = &mut self.value else {
            return Ok(Flow::More);
        };
        let entity = value.frames.pop().and_then(|f| f.2);
        let done = value.frames.is_empty();
        if let Some(entity) = entity {
            self.set_param_open(entity, false);
        }
        if !done {
            return Ok(Flow::More);
        }
        let Some(value) = self.value.take() else {
            return Ok(Flow::More);
        };
        match value.literal {
            Some((start, end)) => {
                self.prolog.in_entity_value = false;
                let text = self.dtd.borrow_mut().value.split_off(value.start);
                if !self.entity_value_read(text.into()) {
                    match (&value.token, self.open.is_empty()) {
                        (_, true) => self.default_at(start, end),
                        (token, false) if self.has(handler::DEFAULT) => {
                            let span = self.note(token);
                            self.push(Event::Default(span));
                        }
                        _ => {}
                    }
                }
                Ok(Flow::More)
            }
            None => Ok(Flow::Wait),
        }
    }

    /// An external parameter entity as a part of a value: read when all of it is there.
    pub(super) fn value_text(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let found = self.cut(self.scan(text).prolog(at));
        if self.phase == Phase::ValueStart {
            if at == 0 && text.starts_with("\u{feff}".as_bytes()) {
                self.advance(3);
                return Ok(Flow::More);
            }
            match found.token {
                T::Partial | T::PartialChar | T::Empty if self.more() => return Ok(Flow::Wait),
                T::XmlDecl => {
                    self.phase = Phase::Value;
                    self.xml_declaration(text, at, found.end, true)?;
                    self.advance(found.end);
                    return Ok(Flow::More);
                }
                T::InstanceStart => return Err(error::SYNTAX),
                _ => self.phase = Phase::Value,
            }
        }
        if !self.last {
            return Ok(Flow::Wait);
        }
        let mut end = at;
        loop {
            let found = self.cut(self.scan(text).prolog(end));
            match found.token {
                T::Empty => break,
                T::Invalid | T::Partial | T::PartialChar => {
                    self.event = Some(end);
                    return match self.no_token(found) {
                        Some(result) => result,
                        None => Err(error::INVALID_TOKEN),
                    };
                }
                T::InstanceStart => return Err(error::SYNTAX),
                _ if found.end <= end => break,
                _ => end = found.end,
            }
        }
        self.account(text.len() - at, false)?;
        self.begin_value(text.get(at..).unwrap_or_default(), b"", Some(at), None);
        self.advance(text.len());
        Ok(Flow::More)
    }

    pub(super) fn resume_value(&mut self, entity: usize, reply: bool) -> Result<(), Code> {
        self.set_param_open(entity, false);
        if !reply {
            return Err(error::EXTERNAL_ENTITY_HANDLING);
        }
        let mut dtd = self.dtd.borrow_mut();
        if !dtd.param_read {
            dtd.keep = dtd.standalone;
        }
        Ok(())
    }

    pub(super) fn skipped_param(&mut self, name: &[u8]) {
        self.push(Event::SkippedEntity {
            name: name.into(),
            is_param: true,
        });
    }
}

fn push_char(out: &mut Vec<u8>, c: u32) {
    if let Some(c) = char::from_u32(c) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn push_space(out: &mut Vec<u8>, is_cdata: bool) {
    if is_cdata || !matches!(out.last(), None | Some(b' ')) {
        out.push(b' ');
    }
}
