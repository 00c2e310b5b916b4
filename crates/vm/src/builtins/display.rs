//! Writing exceptions: tracebacks in CPython's plain format, chained causes, groups, SyntaxErrors with their line.
//!
//! Used by `sys.excepthook`, the command line and unraisable exceptions while the module `traceback` is not there.
//! Nothing here raises: what fails while an exception is shown is left out or marked, as CPython does.
//! CPython: Python/pythonrun.c (`_PyErr_Display`), Python/traceback.c.

use crate::objects::exception::BaseException;
use crate::objects::exception::types::{group, syntax};
use crate::objects::str_;
use crate::objects::traceback::Traceback;
use crate::objects::tuple::Tuple;
use crate::objects::type_::is_subtype;
use crate::protocols::{attributes, object, sequence};
use crate::runtime::Access;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

/// Writes text to `sys.stderr`, or natively where there is none. Errors are ignored.
pub fn write_stderr(vm: &Vm, text: &str) {
    let stderr = match vm.sys_attr("stderr") {
        Ok(stderr) => stderr,
        Err(_) => {
            vm.clear_exception();
            None
        }
    };
    match stderr {
        Some(stderr) if stderr.is_none() => {}
        Some(stderr) => {
            let written = vm
                .new_str(text)
                .and_then(|t| vm.call_method(&stderr, &vm.names.write, &[t.into_value()]));
            if written.is_err() {
                vm.clear_exception();
                let _ = super::print::write_all(2, text.as_bytes());
            }
        }
        None => {
            let _ = super::print::flush_native();
            let _ = super::print::write_all(2, text.as_bytes());
        }
    }
}

/// Line `line` of a source file, if it can be read.
pub fn source_line(vm: &Vm, filename: &str, line: i32) -> Option<String> {
    if line < 1 || (filename.starts_with('<') && filename.ends_with('>')) {
        return None;
    }
    let path = vm.new_str(filename).ok()?.into_value();
    if vm.permit(Access::Stat(&path)).is_err() {
        vm.clear_exception();
        return None;
    }
    let data = std::fs::read(filename).ok().or_else(|| {
        // A relative name may have come from a module found along sys.path.
        let base = std::path::Path::new(filename).file_name()?;
        let dirs = match vm.sys_attr("path") {
            Ok(Some(dirs)) => sequence::collect(vm, &dirs),
            _ => return None,
        };
        let Ok(dirs) = dirs else {
            vm.clear_exception();
            return None;
        };
        dirs.iter()
            .filter_map(|d| Some(std::path::Path::new(str_::of(d)?.as_str()?).join(base)))
            .find_map(|p| std::fs::read(p).ok())
    })?;
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&data);
    let text = data.split(|&b| b == b'\n').nth(line as usize - 1)?;
    Some(
        String::from_utf8_lossy(text)
            .trim_end_matches('\r')
            .to_string(),
    )
}

/// Lines of text that are written with an indent (inside groups).
struct Output {
    text: String,
    indent: usize,
    margin: char,
}

impl Output {
    fn line(&mut self, line: &str) {
        if self.indent > 0 {
            self.text.extend(std::iter::repeat_n(' ', self.indent));
            self.text.push(self.margin);
            self.text.push(' ');
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn lines(&mut self, text: &str) {
        text.split('\n').for_each(|line| self.line(line))
    }
}

/// The text of `str(value)`, or None if that fails.
fn safe_str(vm: &Vm, value: &Value) -> Option<String> {
    match object::str(vm, value) {
        Ok(text) => Some(text.to_string_lossy().into_owned()),
        Err(_) => {
            vm.clear_exception();
            None
        }
    }
}

fn attribute_text(vm: &Vm, value: &Value, name: &str) -> Option<String> {
    match attributes::get_optional(vm, value, &vm.intern(name)) {
        Ok(found) => found
            .as_ref()
            .and_then(str_::of)
            .map(|t| t.to_string_lossy().into_owned()),
        Err(_) => {
            vm.clear_exception();
            None
        }
    }
}

/// Entries of one place repeated more often than this are counted instead.
const REPEATS: usize = 3;

fn print_traceback(vm: &Vm, out: &mut Output, traceback: Option<Ref<Traceback>>) {
    let limit = match vm.sys_attr("tracebacklimit") {
        Ok(Some(limit)) => limit.as_small_int().map(|n| n.max(0) as usize),
        Ok(None) => None,
        Err(_) => {
            vm.clear_exception();
            None
        }
    };
    let mut entries = Vec::new();
    let mut at = traceback;
    while let Some(entry) = at {
        at = entry.next();
        let code = entry.frame().code().clone();
        let qualified = code.name.to_string_lossy().into_owned();
        entries.push((
            code.filename().to_string_lossy().into_owned(),
            entry.line().unwrap_or(0),
            qualified,
        ));
    }
    if limit == Some(0) || entries.is_empty() {
        return;
    }
    let skip = entries.len().saturating_sub(limit.unwrap_or(1000));
    out.line("Traceback (most recent call last):");
    let mut count = 0;
    for (i, (file, line, name)) in entries.iter().enumerate().skip(skip) {
        let same = i > skip && entries[i - 1] == entries[i];
        if !same {
            repeated(out, count);
            count = 0;
        }
        count += 1;
        if count > REPEATS {
            continue;
        }
        out.line(&format!("  File \"{file}\", line {line}, in {name}"));
        if let Some(source) = source_line(vm, file, *line) {
            let source = source.trim();
            if !source.is_empty() {
                out.line(&format!("    {source}"));
            }
        }
    }
    repeated(out, count);
}

fn repeated(out: &mut Output, count: usize) {
    if let Some(more) = count.checked_sub(REPEATS).filter(|&more| more > 0) {
        let s = if more == 1 { "" } else { "s" };
        out.line(&format!("  [Previous line repeated {more} more time{s}]"));
    }
}

/// The place and the line of a SyntaxError, with carets.
fn print_syntax_place(vm: &Vm, out: &mut Output, exception: &Ref<BaseException>) {
    let text_of = |index| exception.field(index).filter(|v: &Value| !v.is_none());
    let number_of = |index: usize| text_of(index).and_then(|v| v.as_small_int());
    let filename = text_of(syntax::FILENAME)
        .and_then(|f| safe_str(vm, &f))
        .unwrap_or_else(|| "<string>".to_string());
    let Some(line) = number_of(syntax::LINENO) else {
        return;
    };
    out.line(&format!("  File \"{filename}\", line {line}"));
    let Some(text) = text_of(syntax::TEXT).and_then(|t| safe_str(vm, &t)) else {
        return;
    };
    let text = text.trim_end_matches('\n');
    let text = text.rsplit('\n').next().unwrap_or(text);
    let stripped = text.trim_start_matches([' ', '\t', '\x0c']);
    out.line(&format!("    {stripped}"));
    let Some(offset) = number_of(syntax::OFFSET) else {
        return;
    };
    let removed = (text.chars().count() - stripped.chars().count()) as i64;
    let length = stripped.chars().count() as i64;
    let start = offset - 1 - removed;
    let mut end = match (number_of(syntax::END_LINENO), number_of(syntax::END_OFFSET)) {
        (Some(end_line), Some(end)) if end_line == line && end > 0 => end - 1 - removed,
        (Some(end_line), Some(_)) if end_line > line => length,
        _ => start + 1,
    };
    if start < 0 || start > length {
        return;
    }
    end = end.clamp(start + 1, length.max(start + 1));
    let mut carets: String = stripped
        .chars()
        .take(start as usize)
        .map(|c| if c.is_whitespace() { c } else { ' ' })
        .collect();
    carets.extend(std::iter::repeat_n('^', (end - start) as usize));
    out.line(&format!("    {carets}"));
}

/// The last line(s): class, message, notes.
fn print_message(vm: &Vm, out: &mut Output, exception: &Ref<BaseException>) {
    let value = exception.as_value();
    let ty = vm.type_of(value);
    let is_syntax = is_subtype(ty, &vm.types.syntax_error);
    if is_syntax {
        print_syntax_place(vm, out, exception);
    }
    let class = ty.to_ref().into_value();
    let name = attribute_text(vm, &class, "__qualname__").unwrap_or_else(|| ty.name());
    let name = match attribute_text(vm, &class, "__module__") {
        Some(module) if module == "builtins" || module == "__main__" => name,
        Some(module) => format!("{module}.{name}"),
        None => format!("<unknown>{name}"),
    };
    let message = if is_syntax {
        match exception.field(syntax::MSG) {
            Some(message) if !message.is_none() => safe_str(vm, &message),
            _ => Some("<no detail available>".to_string()),
        }
    } else {
        safe_str(vm, value)
    };
    match message {
        Some(message) if message.is_empty() => out.line(&name),
        Some(message) => out.lines(&format!("{name}: {message}")),
        None => out.line(&format!("{name}: <exception str() failed>")),
    }
    print_notes(vm, out, value);
}

fn print_notes(vm: &Vm, out: &mut Output, value: &Value) {
    let notes = match attributes::get_optional(vm, value, &vm.names.__notes__) {
        Ok(Some(notes)) if !notes.is_none() => notes,
        Ok(_) => return,
        Err(_) => {
            vm.clear_exception();
            out.line("Ignored error getting __notes__");
            return;
        }
    };
    if str_::of(&notes).is_some() || !sequence::is_sequence(vm, &notes) {
        if let Ok(text) = object::repr(vm, &notes) {
            out.line(&text.to_string_lossy())
        } else {
            vm.clear_exception();
            out.line("<__notes__ repr() failed>")
        }
        return;
    }
    match sequence::collect(vm, &notes) {
        Ok(notes) => notes.iter().for_each(|note| match safe_str(vm, note) {
            Some(text) => out.lines(&text),
            None => out.line("<note str() failed>"),
        }),
        Err(_) => vm.clear_exception(),
    }
}

const CAUSE: &str = "The above exception was the direct cause of the following exception:";
const CONTEXT: &str = "During handling of the above exception, another exception occurred:";

/// One exception after those that led to it.
fn print_chain(vm: &Vm, out: &mut Output, exception: &Ref<BaseException>, seen: &mut Vec<usize>) {
    // Collect the chain first: it may be long.
    let mut chain = vec![(exception.clone(), "")];
    let mut at = exception.clone();
    loop {
        seen.push(at.as_value().bits() as usize);
        let (next, why) = match at.cause() {
            Some(cause) if !cause.is_none() => (Some(cause), CAUSE),
            _ if suppresses(vm, &at) => (None, ""),
            _ => (at.context(), CONTEXT),
        };
        let Some(next) = next.and_then(|n| n.downcast_into::<BaseException>().ok()) else {
            break;
        };
        if seen.contains(&(next.as_value().bits() as usize)) {
            break;
        }
        chain.push((next.clone(), why));
        at = next;
    }
    for i in (0..chain.len()).rev() {
        print_one(vm, out, &chain[i].0, seen);
        if i > 0 {
            out.line("");
            out.line(chain[i].1);
            out.line("");
        }
    }
}

fn suppresses(vm: &Vm, exception: &Ref<BaseException>) -> bool {
    match attributes::get(vm, exception.as_value(), &vm.names.__suppress_context__) {
        Ok(flag) => flag.is_true(),
        Err(_) => {
            vm.clear_exception();
            false
        }
    }
}

/// Widths and depths at which groups are cut, as in the module `traceback`.
const MAX_WIDTH: usize = 15;
const MAX_DEPTH: usize = 10;

fn print_one(vm: &Vm, out: &mut Output, exception: &Ref<BaseException>, seen: &mut Vec<usize>) {
    let is_group = is_subtype(
        vm.type_of(exception.as_value()),
        &vm.types.base_exception_group,
    );
    let members = exception.field(group::EXCEPTIONS).filter(|_| is_group);
    let members = members
        .as_ref()
        .and_then(|m| m.downcast::<Tuple>())
        .map(|m| m.items().to_vec());
    let Some(members) = members else {
        print_traceback(vm, out, exception.traceback());
        print_message(vm, out, exception);
        return;
    };
    let outermost = out.indent == 0;
    if outermost {
        out.indent = 2;
        out.margin = '|';
        out.text.push_str(if exception.traceback().is_some() {
            "  + Exception Group "
        } else {
            ""
        });
        if exception.traceback().is_some() {
            let mut inner = Output {
                text: String::new(),
                indent: 2,
                margin: '|',
            };
            print_traceback(vm, &mut inner, exception.traceback());
            // The first line carries the "+" already.
            out.text
                .push_str(inner.text.strip_prefix("  | ").unwrap_or(&inner.text));
        }
    } else {
        let mut inner = Output {
            text: String::new(),
            indent: out.indent,
            margin: out.margin,
        };
        print_traceback(vm, &mut inner, exception.traceback());
        let head = format!("{}{} Traceback", " ".repeat(out.indent), out.margin);
        let group_head = format!(
            "{}{} Exception Group Traceback",
            " ".repeat(out.indent),
            out.margin
        );
        out.text
            .push_str(&inner.text.replacen(&head, &group_head, 1));
    }
    print_message(vm, out, exception);
    if out.indent / 2 > MAX_DEPTH || vm.check_stack().is_err() {
        vm.clear_exception();
        out.line(&format!("... (max_group_depth is {MAX_DEPTH})"));
    } else {
        for (i, member) in members.iter().enumerate() {
            let title = if i < MAX_WIDTH {
                (i + 1).to_string()
            } else {
                "...".to_string()
            };
            let plus = if i == 0 { "+-" } else { "  " };
            out.text.push_str(&format!(
                "{}{plus}+---------------- {title} ----------------\n",
                " ".repeat(out.indent)
            ));
            out.indent += 2;
            if i >= MAX_WIDTH {
                let more = members.len() - MAX_WIDTH;
                let s = if more == 1 { "" } else { "s" };
                out.line(&format!("and {more} more exception{s}"));
                out.indent -= 2;
                break;
            }
            if let Some(member) = member.downcast::<BaseException>() {
                print_chain(vm, out, member, seen);
            }
            out.indent -= 2;
        }
        out.text.push_str(&format!(
            "{}+------------------------------------\n",
            " ".repeat(out.indent + 2)
        ));
    }
    if outermost {
        out.indent = 0;
    }
}

/// The whole text that CPython shows for an exception.
pub fn format_exception(vm: &Vm, exception: &Ref<BaseException>) -> String {
    let mut out = Output {
        text: String::new(),
        indent: 0,
        margin: '|',
    };
    print_chain(vm, &mut out, exception, &mut Vec::new());
    out.text
}

/// Tells `linecache` the source of code that stands in no file.
pub fn register_source(vm: &Vm, code: Value, source: &str, name: &str) -> PyResult<()> {
    let linecache = crate::import::import_simple(vm, "linecache")?;
    let source = vm.new_str(source)?.into_value();
    let name = vm.new_str(name)?.into_value();
    vm.call_method_str(&linecache, "_register_code", &[code, source, name])
        .map(drop)
}

/// Writes an exception with the library's module `traceback`; says whether that went well.
fn print_with_library(vm: &Vm, exception: &Ref<BaseException>) -> bool {
    let printed = (|| -> PyResult<()> {
        for (code, source, name) in vm.interp.state.command_code.take() {
            register_source(vm, code, &source, &name)?;
        }
        let module = crate::import::import_simple(vm, "traceback")?;
        let print = attributes::get_by(vm, &module, "_print_exception_bltin")?;
        vm.call(&print, &[exception.to_value()]).map(drop)
    })();
    if printed.is_err() {
        vm.clear_exception();
    }
    printed.is_ok()
}

/// Writes an exception to standard error: as the module `traceback` does, or plainly where that is not to be had.
pub fn print_exception(vm: &Vm, exception: &Ref<BaseException>) {
    if !is_subtype(vm.type_of(exception.as_value()), &vm.types.memory_error)
        && print_with_library(vm, exception)
    {
        return;
    }
    let text = format_exception(vm, exception);
    write_stderr(vm, &text);
}

/// What ends a run: an uncaught exception is shown by `sys.excepthook`, and this is the exit status.
///
/// SystemExit gives its code (text is written to standard error: 1; None: 0).
pub fn handle_uncaught(vm: &Vm, exception: Ref<BaseException>) -> i32 {
    let ty = vm.type_of(exception.as_value()).to_ref();
    if is_subtype(&ty, &vm.types.system_exit) {
        return exit_status(vm, &exception);
    }
    if remember(vm, &exception).is_err() {
        vm.clear_exception();
    }
    let hook = match vm.sys_attr("excepthook") {
        Ok(hook) => hook,
        Err(_) => {
            vm.clear_exception();
            None
        }
    };
    match hook {
        None => {
            write_stderr(vm, "sys.excepthook is missing\n");
            print_exception(vm, &exception);
        }
        Some(hook) => {
            let args = [
                ty.to_value(),
                exception.to_value(),
                exception.traceback_value(),
            ];
            let [ty, value, traceback] = &args;
            let event = [hook.clone(), ty.clone(), value.clone(), traceback.clone()];
            let audited = vm.permit(Access::Event("sys.excepthook", &event));
            if audited.is_err() && vm.exception_matches(&vm.types.runtime_error) {
                // A hook that forbids it: the report is left out.
                vm.clear_exception();
                return 1;
            }
            if audited.is_err() || vm.call(&hook, &args).is_err() {
                let second = vm.take_exception();
                if is_subtype(vm.type_of(second.as_value()), &vm.types.system_exit) {
                    return exit_status(vm, &second);
                }
                write_stderr(vm, "Error in sys.excepthook:\n");
                print_exception(vm, &second);
                write_stderr(vm, "\nOriginal exception was:\n");
                print_exception(vm, &exception);
            }
        }
    }
    1
}

/// Sets `sys.last_exc` and its older forms.
fn remember(vm: &Vm, exception: &Ref<BaseException>) -> PyResult<()> {
    let Some(sys) = vm.interp.state.sys_dict.get() else {
        return Ok(());
    };
    sys.set_str(vm, &vm.names.last_exc, exception.to_value())?;
    sys.set_str(
        vm,
        &vm.names.last_type,
        vm.type_of(exception.as_value()).to_ref().into_value(),
    )?;
    sys.set_str(vm, &vm.names.last_value, exception.to_value())?;
    sys.set_str(vm, &vm.names.last_traceback, exception.traceback_value())
}

fn exit_status(vm: &Vm, exception: &Ref<BaseException>) -> i32 {
    let code = match attributes::get_optional(vm, exception.as_value(), &vm.intern("code")) {
        Ok(code) => code.unwrap_or(Value::NONE),
        Err(_) => {
            vm.clear_exception();
            Value::NONE
        }
    };
    if code.is_none() {
        return 0;
    }
    if crate::protocols::number::is_int(vm, &code) {
        return match crate::objects::int::as_i64(&code) {
            Some(n) => n as i32,
            None => -1,
        };
    }
    let written = vm.sys_attr("stderr").and_then(|stream| {
        let Some(stream) = stream.filter(|s| !s.is_none()) else {
            return Ok(false);
        };
        let text = crate::protocols::object::str(vm, &code)?.into_value();
        vm.call_method_str(&stream, "write", &[text])?;
        let end = vm.new_str("\n")?.into_value();
        vm.call_method_str(&stream, "write", &[end])?;
        Ok(true)
    });
    match written {
        Ok(true) => {}
        Ok(false) => {
            if let Some(text) = safe_str(vm, &code) {
                write_stderr(vm, &format!("{text}\n"));
            }
        }
        Err(_) => vm.clear_exception(),
    }
    1
}
