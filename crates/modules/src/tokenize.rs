//! `_tokenize`: the parser's tokenizer, driven by a `readline` function.
//!
//! All is in `naja_parser::tokenizer`; here lines are fetched from Python and tokens become tuples. The tokenizer is
//! taken out of its object while `readline` runs, so that a `readline` that asks for tokens gets an error.
//! CPython: Python/Python-tokenize.c, Parser/tokenizer/readline_tokenizer.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_parser::error::{SyntaxError, SyntaxErrorKind};
use naja_parser::tokenizer::{Info, Infos, LineSource, ReadFailed, TokenError};
use naja_vm::builtins::compile::{issue, raise_syntax_error};
use naja_vm::bytes::Bytes;
use naja_vm::protocols::{attributes, object};
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};

/// See the module's head.
#[pyclass(name = "TokenizerIter", module = "_tokenize", doc = "", gc)]
pub struct TokenizerIter {
    readline: Value,
    encoding: Option<Ref<Str>>,
    infos: MutCell<Option<Box<Infos>>>,
    /// The text of the line that the last token was on.
    line: MutCell<Option<Value>>,
}

impl Traverse for TokenizerIter {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.readline);
    }
    fn clear(&self) {}
}

/// Lines from Python; an exception that `readline` raises waits in the thread.
struct Lines<'a> {
    vm: &'a Vm,
    readline: &'a Value,
    encoding: Option<&'a Ref<Str>>,
}

impl Lines<'_> {
    fn line(&self, text: &mut Vec<u8>) -> PyResult<()> {
        let vm = self.vm;
        let line = match vm.call(self.readline, &[]) {
            Ok(line) => line,
            Err(Raised) if vm.catch(&vm.types.stop_iteration) => return Ok(()),
            Err(Raised) => return Err(Raised),
        };
        let Some(encoding) = self.encoding else {
            let Some(line) = str_::of(&line) else {
                return Err(vm.type_error("readline() returned a non-string object"));
            };
            let Some(line) = line.as_str() else {
                return Err(naja_vm::exception::surrogates_not_allowed(vm, line));
            };
            text.extend_from_slice(line.as_bytes());
            return Ok(());
        };
        let Some(line) = line.downcast::<Bytes>() else {
            return Err(vm.type_error("readline() returned a non-bytes object"));
        };
        let errors = vm.new_str("replace")?;
        let decoded = str_::codecs::decode(vm, line.as_bytes(), Some(encoding), Some(&errors))?;
        match str_::of(&decoded) {
            Some(decoded) => text.extend_from_slice(decoded.to_string_lossy().as_bytes()),
            None => return Err(vm.type_error("decoder should return a string result")),
        }
        Ok(())
    }
}

impl LineSource for Lines<'_> {
    fn append_line(&mut self, text: &mut Vec<u8>) -> Result<(), ReadFailed> {
        self.line(text).map_err(|Raised| ReadFailed)
    }
}

/// Raises a tokenizer's error; a position of -1 is None for Python.
fn raise(vm: &Vm, error: &SyntaxError) -> Raised {
    const FILE: &str = "<string>";
    if error.end_offset >= 0 {
        return raise_syntax_error(vm, error, FILE);
    }
    let result = (|| -> PyResult<Raised> {
        let class = match error.kind {
            SyntaxErrorKind::Indentation => &vm.types.indentation_error,
            SyntaxErrorKind::Tab => &vm.types.tab_error,
            _ => &vm.types.syntax_error,
        };
        let message = vm.new_str(&error.message)?.into_value();
        let (line, offset) = (
            vm.new_int(error.lineno.into())?,
            vm.new_int(error.offset.into())?,
        );
        let file = vm.new_str(FILE)?.into_value();
        if let Some(text) = &error.text {
            let text = vm.new_str(text)?.into_value();
            let place = vm.new_tuple(vec![file, line, offset, text, Value::NONE, Value::NONE])?;
            return Ok(vm.raise_with(class, &[message, place.into_value()]));
        }
        let raised = vm.raise_with(class, &[message]);
        let exception = vm.take_exception();
        for (name, value) in [
            ("filename", file),
            ("lineno", line.clone()),
            ("offset", offset),
            ("end_lineno", line),
        ] {
            attributes::set(vm, exception.as_value(), &vm.intern(name), Some(&value))?;
        }
        vm.raise_value(exception);
        Ok(raised)
    })();
    result.unwrap_or(Raised)
}

impl TokenizerIter {
    fn tuple(&self, vm: &Vm, infos: &Infos, info: Info) -> PyResult {
        let line = match self.line.get() {
            Some(line) if !info.line_changed => line,
            _ => {
                let text = infos.text().get(info.line.clone()).unwrap_or(&[]);
                vm.new_str(String::from_utf8_lossy(text))?.into_value()
            }
        };
        if !info.line.is_empty() {
            self.line.set(Some(line.clone()));
        }
        let pair = |(row, column): (u32, i32)| -> PyResult {
            let items = vec![vm.new_int(row.into())?, vm.new_int(column.into())?];
            Ok(vm.new_tuple(items)?.into_value())
        };
        let items = vec![
            vm.new_int(info.kind.into())?,
            vm.new_str(String::from_utf8_lossy(&info.string))?
                .into_value(),
            pair(info.start)?,
            pair(info.end)?,
            line,
        ];
        Ok(vm.new_tuple(items)?.into_value())
    }
}

#[pymethods]
impl TokenizerIter {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [readline] = args.positional() else {
            return Err(vm.type_error(format!(
                "tokenizeriter() takes exactly 1 positional argument ({} given)",
                args.positional().len()
            )));
        };
        let (mut extra, mut encoding) = (None, None);
        for (name, value) in args.keywords() {
            match name.as_bytes() {
                b"extra_tokens" => extra = Some(object::is_true(vm, value)?),
                b"encoding" => match str_::of(value) {
                    Some(name) => encoding = Some(name.clone()),
                    None => {
                        return Err(vm.type_error(format!(
                            "tokenizeriter() argument 'encoding' must be str, not {}",
                            if value.is_none() {
                                "None".into()
                            } else {
                                vm.type_of(value).full_name()
                            }
                        )));
                    }
                },
                _ => {
                    return Err(vm.type_error(format!(
                        "tokenizeriter() got an unexpected keyword argument '{}'",
                        name.to_string_lossy()
                    )));
                }
            }
        }
        let Some(extra) = extra else {
            return Err(
                vm.type_error("tokenizeriter() missing required argument 'extra_tokens' (pos 2)")
            );
        };
        let iterator = TokenizerIter {
            readline: readline.clone(),
            encoding,
            infos: MutCell::new(Some(Box::new(Infos::new(extra)))),
            line: MutCell::new(None),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(mut infos) = zelf.infos.take() else {
            return Err(vm.value_error("TokenizerIter already executing"));
        };
        let mut lines = Lines {
            vm,
            readline: &zelf.readline,
            encoding: zelf.encoding.as_ref(),
        };
        let next = infos.next_info(&mut lines);
        let warnings = infos.take_warnings();
        let result = match next {
            Ok(Some(info)) => zelf.tuple(vm, &infos, info).map(Some),
            Ok(None) => Ok(None),
            Err(TokenError::Syntax(error)) => Err(raise(vm, &error)),
            Err(TokenError::Read) => Err(Raised),
        };
        zelf.infos.set(Some(infos));
        if result.is_ok() {
            issue(vm, &warnings, "<string>")?;
        }
        result
    }
}

#[pymodule(name = "_tokenize", doc = "", classes(TokenizerIter))]
pub mod module {
    #[allow(unused_imports)]
    use super::*;
}
