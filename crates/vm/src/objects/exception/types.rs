//! The tree of exception classes, and what particular classes add to BaseException.
//!
//! One table names every class with its base and docstring. A class's own attributes are fields of the shared payload, at
//! fixed indices; `fill_new` and `init` set them from the constructor's arguments as CPython's `tp_new`/`tp_init` do.

use super::{BaseException, base_def};
use crate::function::{Args, DefId, GetSetDef, MethodTable, TypeDef};
use crate::objects::dict::Dict;
use crate::objects::str_;
use crate::objects::str_::codecs::escape::push_escape;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags, class_new, is_subtype};
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::{Heap, MutCell, Ref, Value};

/// Fields of AttributeError and NameError.
pub mod attribute {
    pub const NAME: usize = 0;
    pub const OBJ: usize = 1;
}
/// Field of StopIteration.
pub const STOP_VALUE: usize = 0;
/// Fields of OSError.
pub mod os {
    pub const ERRNO: usize = 0;
    pub const STRERROR: usize = 1;
    pub const FILENAME: usize = 2;
    pub const FILENAME2: usize = 3;
    pub const WRITTEN: usize = 4;
}
/// Fields of SyntaxError.
pub mod syntax {
    pub const MSG: usize = 0;
    pub const FILENAME: usize = 1;
    pub const LINENO: usize = 2;
    pub const OFFSET: usize = 3;
    pub const TEXT: usize = 4;
    pub const END_LINENO: usize = 5;
    pub const END_OFFSET: usize = 6;
    pub const PRINT_FILE_AND_LINE: usize = 7;
    pub const METADATA: usize = 8;
}
/// Fields of the Unicode errors.
pub mod unicode {
    pub const ENCODING: usize = 0;
    pub const OBJECT: usize = 1;
    pub const START: usize = 2;
    pub const END: usize = 3;
    pub const REASON: usize = 4;
}
/// Fields of ImportError.
pub mod import {
    pub const MSG: usize = 0;
    pub const NAME: usize = 1;
    pub const PATH: usize = 2;
    pub const NAME_FROM: usize = 3;
}
/// Fields of exception groups.
pub mod group {
    pub const MESSAGE: usize = 0;
    pub const EXCEPTIONS: usize = 1;
    /// What `repr` shows for the exceptions, where they were neither a list nor a tuple.
    pub const SHOWN: usize = 2;
}
/// Field of SystemExit.
pub const EXIT_CODE: usize = 0;

/// Reads field `N` of an exception.
fn get<const N: usize>(vm: &Vm, value: &Value) -> PyResult {
    match value.downcast::<BaseException>() {
        Some(exception) => Ok(exception.field(N).unwrap_or(Value::NONE)),
        None => Err(vm.type_error("not an exception")),
    }
}

fn set<const N: usize>(vm: &Vm, object: &Value, value: Option<&Value>) -> PyResult<()> {
    match object.downcast::<BaseException>() {
        Some(exception) => {
            exception.set_field(N, value.cloned());
            Ok(())
        }
        None => Err(vm.type_error("not an exception")),
    }
}

macro_rules! fields {
    ($($name:literal: $index:expr, $doc:literal;)*) => {
        &[$(GetSetDef { name: $name, doc: $doc, member: false, get: Some(get::<{ $index }>), set: Some(set::<{ $index }>) }),*]
    };
}

macro_rules! table {
    ($static:ident, $fields:expr) => {
        static $static: MethodTable = MethodTable {
            methods: &[],
            getset: $fields,
            attrs: &[],
            slots: |_| {},
        };
    };
}

table!(
    ATTRIBUTE,
    fields! { "name": attribute::NAME, "attribute name"; "obj": attribute::OBJ, "object"; }
);
table!(NAME, fields! { "name": attribute::NAME, "name"; });
table!(
    STOP,
    fields! { "value": STOP_VALUE, "generator return value"; }
);
table!(EXIT, fields! { "code": EXIT_CODE, "exception code"; });
/// A field of OSError as the macro `fields` makes it.
macro_rules! os_field {
    ($name:literal, $index:expr, $doc:literal) => {
        GetSetDef {
            name: $name,
            doc: $doc,
            member: false,
            get: Some(get::<{ $index }>),
            set: Some(set::<{ $index }>),
        }
    };
}

table!(
    OS,
    &[
        os_field!("errno", os::ERRNO, "POSIX exception code"),
        os_field!("strerror", os::STRERROR, "exception strerror"),
        os_field!("filename", os::FILENAME, "exception filename"),
        os_field!("filename2", os::FILENAME2, "second exception filename"),
        GetSetDef {
            name: "characters_written",
            doc: "",
            member: false,
            get: Some(get_written),
            set: Some(set_written),
        },
    ]
);

fn get_written(vm: &Vm, value: &Value) -> PyResult {
    let written = value
        .downcast::<BaseException>()
        .and_then(|exception| exception.field(os::WRITTEN));
    written.ok_or_else(|| vm.attribute_error("characters_written"))
}

fn set_written(vm: &Vm, object: &Value, value: Option<&Value>) -> PyResult<()> {
    let Some(exception) = object.downcast::<BaseException>() else {
        return Err(vm.type_error("not an exception"));
    };
    match value {
        None if exception.field(os::WRITTEN).is_none() => {
            Err(vm.attribute_error("characters_written"))
        }
        None => {
            exception.set_field(os::WRITTEN, None);
            Ok(())
        }
        Some(value) => {
            let n = crate::protocols::number::index_isize(vm, value)?;
            exception.set_field(os::WRITTEN, Some(vm.new_int(n as i64)?));
            Ok(())
        }
    }
}

table!(
    SYNTAX,
    fields! {
        "msg": syntax::MSG, "exception msg"; "filename": syntax::FILENAME, "exception filename";
        "lineno": syntax::LINENO, "exception lineno"; "offset": syntax::OFFSET, "exception offset";
        "text": syntax::TEXT, "exception text"; "end_lineno": syntax::END_LINENO, "exception end lineno";
        "end_offset": syntax::END_OFFSET, "exception end offset";
        "print_file_and_line": syntax::PRINT_FILE_AND_LINE, "exception print_file_and_line";
        "_metadata": syntax::METADATA, "exception private metadata";
    }
);
table!(
    UNICODE,
    fields! {
        "encoding": unicode::ENCODING, "exception encoding"; "object": unicode::OBJECT, "exception object";
        "start": unicode::START, "exception start"; "end": unicode::END, "exception end"; "reason": unicode::REASON, "exception reason";
    }
);
table!(
    IMPORT,
    fields! {
        "msg": import::MSG, "exception message"; "name": import::NAME, "module name"; "path": import::PATH, "module path";
        "name_from": import::NAME_FROM, "name imported from module";
    }
);
table!(PLAIN, &[]);

macro_rules! exceptions {
    ($($field:ident $name:literal $base:ident $table:expr, $doc:literal;)*) => {
        /// The exception classes, by name.
        pub struct ExceptionTypes {
            pub base_exception: Ref<Type>,
            $(#[doc = $name] pub $field: Ref<Type>,)*
        }

        mod defs {
            use super::*;
            pub mod base_exception {
                use super::*;
                pub fn def() -> &'static TypeDef { base_def() }
            }
            $(pub mod $field {
                use super::*;
                static ID: DefId = DefId::new();
                pub static DEF: TypeDef = TypeDef {
                    name: $name, module: "builtins", doc: crate::apart!(class $doc), text_signature: None,
                    base: Some(|vm| vm.types.exceptions.$base.clone()),
                    flags: crate::objects::type_::TypeFlags::BASETYPE | crate::objects::type_::TypeFlags::HAS_DICT,
                    payload: <BaseException as naja_heap::Payload>::INFO,
                    tables: &[$table], id: &ID,
                };
                pub fn def() -> &'static TypeDef { &DEF }
            })*
        }

        impl ExceptionTypes {
            pub(crate) fn allocate(heap: &Heap, meta: &Ref<Type>) -> Option<ExceptionTypes> {
                let [base_exception, $($field,)*] =
                    class_new::allocate_all(heap, meta, [base_def, $(defs::$field::def,)*])?;
                Some(ExceptionTypes { base_exception, $($field,)* })
            }

            /// Marks the classes whose table has attributes, and their subclasses.
            pub(crate) fn mark_special(&self) {
                $(if defs::$field::DEF.tables.iter().any(|t| !t.getset.is_empty())
                    || self.$field.base().is_some_and(|b| b.flag(TypeFlags::SPECIAL_EXCEPTION))
                {
                    self.$field.set_flag(TypeFlags::SPECIAL_EXCEPTION, true);
                })*
            }

            pub(crate) fn each(&self, f: &mut dyn FnMut(&Ref<Type>, &'static TypeDef)) {
                f(&self.base_exception, defs::base_exception::def());
                $(f(&self.$field, defs::$field::def());)*
            }
        }
    };
}

exceptions! {
    exception "Exception" base_exception &PLAIN, "Common base class for all non-exit exceptions.";
    base_exception_group "BaseExceptionGroup" base_exception &super::super::super::group::TABLE, "A combination of multiple unrelated exceptions.";
    exception_group "ExceptionGroup" base_exception_group &super::super::super::group::TABLE, "";
    generator_exit "GeneratorExit" base_exception &PLAIN, "Request that a generator exit.";
    keyboard_interrupt "KeyboardInterrupt" base_exception &PLAIN, "Program interrupted by user.";
    system_exit "SystemExit" base_exception &EXIT, "Request to exit from the interpreter.";
    arithmetic_error "ArithmeticError" exception &PLAIN, "Base class for arithmetic errors.";
    floating_point_error "FloatingPointError" arithmetic_error &PLAIN, "Floating-point operation failed.";
    overflow_error "OverflowError" arithmetic_error &PLAIN, "Result too large to be represented.";
    zero_division_error "ZeroDivisionError" arithmetic_error &PLAIN, "Second argument to a division or modulo operation was zero.";
    assertion_error "AssertionError" exception &PLAIN, "Assertion failed.";
    attribute_error "AttributeError" exception &ATTRIBUTE, "Attribute not found.";
    buffer_error "BufferError" exception &PLAIN, "Buffer error.";
    eof_error "EOFError" exception &PLAIN, "Read beyond end of file.";
    import_error "ImportError" exception &IMPORT, "Import can't find module, or can't find name in module.";
    module_not_found_error "ModuleNotFoundError" import_error &PLAIN, "Module not found.";
    lookup_error "LookupError" exception &PLAIN, "Base class for lookup errors.";
    index_error "IndexError" lookup_error &PLAIN, "Sequence index out of range.";
    key_error "KeyError" lookup_error &PLAIN, "Mapping key not found.";
    memory_error "MemoryError" exception &PLAIN, "Out of memory.";
    name_error "NameError" exception &NAME, "Name not found globally.";
    unbound_local_error "UnboundLocalError" name_error &PLAIN, "Local name referenced but not bound to a value.";
    os_error "OSError" exception &OS, "Base class for I/O related errors.";
    blocking_io_error "BlockingIOError" os_error &PLAIN, "I/O operation would block.";
    child_process_error "ChildProcessError" os_error &PLAIN, "Child process error.";
    connection_error "ConnectionError" os_error &PLAIN, "Connection error.";
    broken_pipe_error "BrokenPipeError" connection_error &PLAIN, "Broken pipe.";
    connection_aborted_error "ConnectionAbortedError" connection_error &PLAIN, "Connection aborted.";
    connection_refused_error "ConnectionRefusedError" connection_error &PLAIN, "Connection refused.";
    connection_reset_error "ConnectionResetError" connection_error &PLAIN, "Connection reset.";
    file_exists_error "FileExistsError" os_error &PLAIN, "File already exists.";
    file_not_found_error "FileNotFoundError" os_error &PLAIN, "File not found.";
    interrupted_error "InterruptedError" os_error &PLAIN, "Interrupted by signal.";
    is_a_directory_error "IsADirectoryError" os_error &PLAIN, "Operation doesn't work on directories.";
    not_a_directory_error "NotADirectoryError" os_error &PLAIN, "Operation only works on directories.";
    permission_error "PermissionError" os_error &PLAIN, "Not enough permissions.";
    process_lookup_error "ProcessLookupError" os_error &PLAIN, "Process not found.";
    timeout_error "TimeoutError" os_error &PLAIN, "Timeout expired.";
    reference_error "ReferenceError" exception &PLAIN, "Weak ref proxy used after referent went away.";
    runtime_error "RuntimeError" exception &PLAIN, "Unspecified run-time error.";
    not_implemented_error "NotImplementedError" runtime_error &PLAIN, "Method or function hasn't been implemented yet.";
    python_finalization_error "PythonFinalizationError" runtime_error &PLAIN, "Operation blocked during Python finalization.";
    recursion_error "RecursionError" runtime_error &PLAIN, "Recursion limit exceeded.";
    stop_async_iteration "StopAsyncIteration" exception &PLAIN, "Signal the end from iterator.__anext__().";
    stop_iteration "StopIteration" exception &STOP, "Signal the end from iterator.__next__().";
    syntax_error "SyntaxError" exception &SYNTAX, "Invalid syntax.";
    incomplete_input_error "_IncompleteInputError" syntax_error &PLAIN, "incomplete input.";
    indentation_error "IndentationError" syntax_error &PLAIN, "Improper indentation.";
    tab_error "TabError" indentation_error &PLAIN, "Improper mixture of spaces and tabs.";
    system_error "SystemError" exception &PLAIN, "Internal error in the Python interpreter.\n\nPlease report this to the Python maintainer, along with the traceback,\nthe Python version, and the hardware/OS platform and version.";
    type_error "TypeError" exception &PLAIN, "Inappropriate argument type.";
    value_error "ValueError" exception &PLAIN, "Inappropriate argument value (of correct type).";
    unicode_error "UnicodeError" value_error &PLAIN, "Unicode related error.";
    unicode_decode_error "UnicodeDecodeError" unicode_error &UNICODE, "Unicode decoding error.";
    unicode_encode_error "UnicodeEncodeError" unicode_error &UNICODE, "Unicode encoding error.";
    unicode_translate_error "UnicodeTranslateError" unicode_error &UNICODE, "Unicode translation error.";
    warning "Warning" exception &PLAIN, "Base class for warning categories.";
    bytes_warning "BytesWarning" warning &PLAIN, "Base class for warnings about bytes and buffer related problems, mostly\nrelated to conversion from str or comparing to str.";
    deprecation_warning "DeprecationWarning" warning &PLAIN, "Base class for warnings about deprecated features.";
    encoding_warning "EncodingWarning" warning &PLAIN, "Base class for warnings about encodings.";
    future_warning "FutureWarning" warning &PLAIN, "Base class for warnings about constructs that will change semantically\nin the future.";
    import_warning "ImportWarning" warning &PLAIN, "Base class for warnings about probable mistakes in module imports";
    pending_deprecation_warning "PendingDeprecationWarning" warning &PLAIN, "Base class for warnings about features which will be deprecated\nin the future.";
    resource_warning "ResourceWarning" warning &PLAIN, "Base class for warnings about resource usage.";
    runtime_warning "RuntimeWarning" warning &PLAIN, "Base class for warnings about dubious runtime behavior.";
    syntax_warning "SyntaxWarning" warning &PLAIN, "Base class for warnings about dubious syntax.";
    unicode_warning "UnicodeWarning" warning &PLAIN, "Base class for warnings about Unicode related problems, mostly\nrelated to conversion problems.";
    user_warning "UserWarning" warning &PLAIN, "Base class for warnings generated by user code.";
}

/// What `__new__` sets besides `args`.
pub fn fill_new(
    vm: &Vm,
    cls: &Ref<Type>,
    exception: &Ref<BaseException>,
    args: Args,
) -> PyResult<()> {
    let t = &vm.types.exceptions;
    if !cls.flag(TypeFlags::SPECIAL_EXCEPTION)
        || cls.is(&t.stop_iteration)
        || cls.is(&t.attribute_error)
    {
        return Ok(());
    }
    if is_subtype(cls, &t.base_exception_group) {
        return super::group::fill(vm, cls, exception, args);
    }
    Ok(())
}

/// Whether `__init__` of a subclass of OSError is to set the fields: it has one of its own, and no `__new__`.
fn os_error_uses_init(vm: &Vm, cls: &Type) -> bool {
    let (own, base) = (&cls.slots, &vm.types.os_error.slots);
    own.init.get().map(|f| f as usize) != base.init.get().map(|f| f as usize)
        && own.new.get().map(|f| f as usize) == base.new.get().map(|f| f as usize)
}

fn no_keywords(vm: &Vm, cls: &Type, args: &Args) -> PyResult<()> {
    match args.keyword_count() {
        0 => Ok(()),
        _ => Err(vm.type_error(format!("{}() takes no keyword arguments", cls.name()))),
    }
}

/// `OSError.__new__`: the class itself gives way to the subclass that the number has.
pub fn new_os_error(vm: &Vm, cls: &Ref<Type>, args: Args) -> PyResult {
    let by_init = os_error_uses_init(vm, cls);
    let positional = args.positional();
    let mut class = cls.clone();
    if !by_init {
        no_keywords(vm, cls, &args)?;
        if cls.is(&vm.types.os_error)
            && (2..=5).contains(&positional.len())
            && let Some(errno) = positional[0].as_small_int()
        {
            class = os_error_class(vm, errno);
        }
    }
    let exception = vm.new_object_of(&class, BaseException::blank())?;
    if by_init {
        exception.args.set(Some(vm.interp.empty_tuple()));
    } else {
        exception.args.set(Some(Tuple::from_slice(vm, positional)?));
        os_fields(vm, &class, &exception, positional)?;
    }
    Ok(exception.into_value())
}

/// `OSError(errno, strerror, filename, winerror, filename2)`: two to five arguments mean these.
fn os_fields(vm: &Vm, cls: &Type, exception: &Ref<BaseException>, args: &[Value]) -> PyResult<()> {
    if args.len() < 2 || args.len() > 5 {
        return Ok(());
    }
    let mut fields = Vec::with_capacity(os::WRITTEN + 1);
    fields.extend(args[..2].iter().cloned().map(Some));
    exception.fields.set(fields);
    if let Some(filename) = args.get(2).filter(|f| !f.is_none()) {
        if std::ptr::eq(cls, &*vm.types.blocking_io_error)
            && crate::protocols::number::is_number(vm, filename)
        {
            let written = crate::protocols::number::index(vm, filename)?;
            exception.set_field(os::WRITTEN, Some(written));
        } else {
            exception.set_field(os::FILENAME, Some(filename.clone()));
            exception.set_field(os::FILENAME2, args.get(4).filter(|f| !f.is_none()).cloned());
            exception.args.set(Some(Tuple::from_slice(vm, &args[..2])?));
        }
    }
    Ok(())
}

/// The subclass of OSError that an errno has, for `OSError(errno, ...)` itself.
pub fn os_error_class(vm: &Vm, errno: i64) -> Ref<Type> {
    let t = &vm.types.exceptions;
    let class = match errno as i32 {
        libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => &t.blocking_io_error,
        libc::EPIPE | libc::ESHUTDOWN => &t.broken_pipe_error,
        libc::ECHILD => &t.child_process_error,
        libc::ECONNABORTED => &t.connection_aborted_error,
        libc::ECONNREFUSED => &t.connection_refused_error,
        libc::ECONNRESET => &t.connection_reset_error,
        libc::EEXIST => &t.file_exists_error,
        libc::ENOENT => &t.file_not_found_error,
        libc::EISDIR => &t.is_a_directory_error,
        libc::ENOTDIR => &t.not_a_directory_error,
        libc::EINTR => &t.interrupted_error,
        libc::EACCES | libc::EPERM => &t.permission_error,
        libc::ESRCH => &t.process_lookup_error,
        libc::ETIMEDOUT => &t.timeout_error,
        _ => &t.os_error,
    };
    class.clone()
}

/// What `__init__` sets.
pub fn init(vm: &Vm, exception: &Ref<BaseException>, args: Args) -> PyResult<()> {
    let t = &vm.types.exceptions;
    let ty = vm.type_of(exception.as_value());
    let positional = args.positional();
    if !ty.flag(TypeFlags::SPECIAL_EXCEPTION) && args.keyword_count() == 0 {
        return set_args(vm, exception, positional);
    }
    if ty.is(&t.stop_iteration) && args.keyword_count() == 0 {
        exception.set_field(STOP_VALUE, positional.first().cloned());
        return set_args(vm, exception, positional);
    }
    if is_subtype(ty, &t.os_error) {
        if os_error_uses_init(vm, ty) {
            no_keywords(vm, ty, &args)?;
            set_args(vm, exception, positional)?;
            os_fields(vm, ty, exception, positional)?;
        }
        return Ok(());
    }
    let keyworded: &[(&str, usize)] = if is_subtype(ty, &t.attribute_error) {
        &[("name", attribute::NAME), ("obj", attribute::OBJ)]
    } else if is_subtype(ty, &t.name_error) {
        &[("name", attribute::NAME)]
    } else if is_subtype(ty, &t.import_error) {
        &[
            ("name", import::NAME),
            ("path", import::PATH),
            ("name_from", import::NAME_FROM),
        ]
    } else {
        &[]
    };
    // What a second call does not give is gone.
    for (_, index) in keyworded {
        exception.set_field(*index, None);
    }
    for (name, value) in args.keywords() {
        let text = name.to_string_lossy();
        match keyworded.iter().find(|(k, _)| *k == text) {
            Some((_, index)) => exception.set_field(*index, Some(value.clone())),
            None if keyworded.is_empty() => {
                return Err(vm.type_error(format!("{}() takes no keyword arguments", ty.name())));
            }
            None => {
                return Err(vm.type_error(format!(
                    "{}() got an unexpected keyword argument '{text}'",
                    ty.name()
                )));
            }
        }
    }
    if !is_subtype(ty, &t.base_exception_group) {
        set_args(vm, exception, positional)?;
    }
    if is_subtype(ty, &t.stop_iteration) {
        exception.set_field(STOP_VALUE, positional.first().cloned());
    } else if is_subtype(ty, &t.system_exit) {
        let code = match positional {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(vm.new_tuple(many.to_vec())?.into_value()),
        };
        exception.set_field(EXIT_CODE, code);
    } else if is_subtype(ty, &t.import_error) {
        let message = match positional {
            [message] => Some(message.clone()),
            _ => None,
        };
        exception.set_field(import::MSG, message);
    } else if is_subtype(ty, &t.syntax_error) {
        init_syntax(vm, exception, positional)?;
    } else if is_subtype(ty, &t.unicode_error) && !ty.is(&t.unicode_error) {
        init_unicode(vm, exception, ty, positional)?;
    }
    Ok(())
}

/// Sets `args`, unless `__new__` has set the same.
fn set_args(vm: &Vm, exception: &Ref<BaseException>, args: &[Value]) -> PyResult<()> {
    let same = exception.args.with(|old| {
        old.as_ref().is_some_and(|old| {
            old.len() == args.len() && old.items().iter().zip(args).all(|(a, b)| a.is(b))
        })
    });
    if !same {
        exception.args.set(Some(Tuple::from_slice(vm, args)?));
    }
    Ok(())
}

fn init_syntax(vm: &Vm, exception: &Ref<BaseException>, args: &[Value]) -> PyResult<()> {
    if let Some(message) = args.first() {
        exception.set_field(syntax::MSG, Some(message.clone()));
    }
    let [_, details] = args else { return Ok(()) };
    let details = crate::protocols::sequence::collect(vm, details)?;
    if details.len() < 4 {
        return Err(vm.type_error(format!(
            "function missing required argument '{}' (pos {})",
            ["filename", "lineno", "offset", "text"][details.len()],
            details.len() + 1
        )));
    }
    if details.len() > 7 {
        return Err(vm.type_error(format!(
            "function takes at most 7 arguments ({} given)",
            details.len()
        )));
    }
    let places = [
        syntax::FILENAME,
        syntax::LINENO,
        syntax::OFFSET,
        syntax::TEXT,
        syntax::END_LINENO,
        syntax::END_OFFSET,
        syntax::METADATA,
    ];
    for (i, index) in places.into_iter().enumerate() {
        exception.set_field(index, details.get(i).cloned());
    }
    if details.len() == 5 {
        return Err(vm.type_error("end_offset must be provided when end_lineno is provided"));
    }
    Ok(())
}

fn init_unicode(
    vm: &Vm,
    exception: &Ref<BaseException>,
    ty: &Type,
    args: &[Value],
) -> PyResult<()> {
    let translate = is_subtype(ty, &vm.types.unicode_translate_error);
    let wanted = if translate { 4 } else { 5 };
    if args.len() != wanted {
        return Err(vm.type_error(format!(
            "function takes exactly {wanted} arguments ({} given)",
            args.len()
        )));
    }
    let args = if translate {
        std::iter::once(Value::NONE)
            .chain(args.iter().cloned())
            .collect()
    } else {
        args.to_vec()
    };
    let wrong = |index: usize, wanted: &str| {
        let shown = index + !translate as usize;
        vm.type_error(format!(
            "argument {shown} must be {wanted}, not {}",
            vm.type_of(&args[index]).full_name()
        ))
    };
    if !translate && str_::of(&args[0]).is_none() {
        return Err(wrong(0, "str"));
    }
    if !is_subtype(ty, &vm.types.unicode_decode_error) && str_::of(&args[1]).is_none() {
        return Err(wrong(1, "str"));
    }
    if str_::of(&args[4]).is_none() {
        return Err(wrong(4, "str"));
    }
    let mut args = args;
    if is_subtype(ty, &vm.types.unicode_decode_error)
        && args[1].downcast::<crate::objects::bytes::Bytes>().is_none()
    {
        let data = crate::objects::buffer::Buffer::of(vm, &args[1])?.to_vec();
        args[1] = vm.new_bytes_of(data)?.into_value();
    }
    for index in [2, 3] {
        crate::protocols::number::index_isize(vm, &args[index])?;
    }
    for (index, value) in args.into_iter().enumerate() {
        exception.set_field(index, Some(value));
    }
    Ok(())
}

/// `str(exception)`.
pub fn str_of(vm: &Vm, exception: &Ref<BaseException>) -> PyResult {
    let t = &vm.types.exceptions;
    let ty = vm.type_of(exception.as_value());
    if !ty.flag(TypeFlags::SPECIAL_EXCEPTION) && !is_subtype(ty, &t.key_error) {
        return plain_text(vm, exception);
    }
    let args = exception.args_vec();
    let text_of =
        |v: &Value| -> PyResult<String> { Ok(object::str(vm, v)?.to_string_lossy().into_owned()) };
    let repr_of =
        |v: &Value| -> PyResult<String> { Ok(object::repr(vm, v)?.to_string_lossy().into_owned()) };
    if is_subtype(ty, &t.key_error)
        && let [key] = args.as_slice()
    {
        return Ok(object::repr(vm, key)?.into_value());
    }
    if is_subtype(ty, &t.os_error)
        && let (Some(errno), Some(message)) =
            (exception.field(os::ERRNO), exception.field(os::STRERROR))
    {
        let mut text = format!("[Errno {}] {}", text_of(&errno)?, text_of(&message)?);
        if let Some(filename) = exception.field(os::FILENAME) {
            text += &format!(": {}", repr_of(&filename)?);
            if let Some(filename2) = exception.field(os::FILENAME2) {
                text += &format!(" -> {}", repr_of(&filename2)?);
            }
        }
        return Ok(vm.new_str(text)?.into_value());
    }
    if is_subtype(ty, &t.syntax_error) {
        return syntax_text(vm, exception);
    }
    if is_subtype(ty, &t.import_error)
        && let Some(message) = exception.field(import::MSG)
        && str_::of(&message).is_some()
        && vm.type_of(&message).is(&vm.types.str)
    {
        return Ok(message);
    }
    if is_subtype(ty, &t.base_exception_group) {
        return super::group::str_of(vm, exception);
    }
    if is_subtype(ty, &t.unicode_error) && exception.field(unicode::REASON).is_some() {
        return unicode_text(vm, exception, ty);
    }
    plain_text(vm, exception)
}

/// The text of the arguments.
fn plain_text(vm: &Vm, exception: &BaseException) -> PyResult {
    let Some(args) = exception.args.get() else {
        return Ok(vm.interp.empty_str().into_value());
    };
    match args.items() {
        [] => Ok(vm.interp.empty_str().into_value()),
        [one] => Ok(object::str(vm, one)?.into_value()),
        _ => Ok(object::str(vm, args.as_value())?.into_value()),
    }
}

fn syntax_text(vm: &Vm, exception: &Ref<BaseException>) -> PyResult {
    let message = object::str(vm, &exception.field(syntax::MSG).unwrap_or(Value::NONE))?
        .to_string_lossy()
        .into_owned();
    let filename = exception.field(syntax::FILENAME);
    let base = filename.as_ref().and_then(str_::of).map(|f| {
        let f = f.to_string_lossy().into_owned();
        f.rsplit('/').next().unwrap_or("").to_string()
    });
    let line = exception
        .field(syntax::LINENO)
        .and_then(|l| l.as_small_int());
    let text = match (base, line) {
        (Some(file), Some(line)) => format!("{message} ({file}, line {line})"),
        (Some(file), None) => format!("{message} ({file})"),
        (None, Some(line)) => format!("{message} (line {line})"),
        (None, None) => message,
    };
    Ok(vm.new_str(text)?.into_value())
}

/// The fields beside `args` that pickling an exception has to save: its own arguments and a state.
pub fn reduce_parts(
    vm: &Vm,
    exception: &Ref<BaseException>,
    attributes: Option<Ref<Dict>>,
) -> PyResult<(Value, Option<Value>)> {
    let t = &vm.types.exceptions;
    let ty = vm.type_of(exception.as_value());
    let args = exception.args(vm);
    let plain = attributes.clone().map(Ref::into_value);
    if is_subtype(ty, &t.os_error) {
        let given = exception.args_vec();
        if let ([errno, text], Some(filename)) = (given.as_slice(), exception.field(os::FILENAME)) {
            let mut all = vec![errno.clone(), text.clone(), filename];
            if let Some(second) = exception.field(os::FILENAME2) {
                all.extend([Value::NONE, second]);
            }
            return Ok((vm.new_tuple(all)?.into_value(), plain));
        }
        return Ok((args, plain));
    }
    let import = is_subtype(ty, &t.import_error);
    let extra: &[(&str, usize)] = if import {
        &[
            ("name", import::NAME),
            ("path", import::PATH),
            ("name_from", import::NAME_FROM),
        ]
    } else if is_subtype(ty, &t.attribute_error) {
        &[("name", attribute::NAME)]
    } else {
        &[]
    };
    let mut state = None;
    for (name, index) in extra {
        if let Some(value) = exception.field(*index) {
            let dict = match state.take() {
                Some(dict) => dict,
                None => match &attributes {
                    Some(attributes) => attributes.copy(vm)?,
                    None => Dict::new(vm)?,
                },
            };
            dict.set_str(vm, &vm.intern(name), value)?;
            state = Some(dict);
        }
    }
    if !extra.is_empty() && !import {
        // AttributeError's state has the arguments too.
        let dict = match state.take() {
            Some(dict) => dict,
            None => match &attributes {
                Some(attributes) => attributes.copy(vm)?,
                None => Dict::new(vm)?,
            },
        };
        dict.set_str(vm, &vm.intern("args"), args.clone())?;
        state = Some(dict);
    }
    Ok((args, state.map(Ref::into_value).or(plain)))
}

fn unicode_text(vm: &Vm, exception: &Ref<BaseException>, ty: &Type) -> PyResult {
    let text = |index: usize| -> PyResult<String> {
        Ok(
            object::str(vm, &exception.field(index).unwrap_or(Value::NONE))?
                .to_string_lossy()
                .into_owned(),
        )
    };
    let number = |index: usize| {
        exception
            .field(index)
            .and_then(|v| v.as_small_int())
            .unwrap_or(0)
    };
    let (start, end, reason) = (
        number(unicode::START),
        number(unicode::END),
        text(unicode::REASON)?,
    );
    let object = exception.field(unicode::OBJECT).unwrap_or(Value::NONE);
    let decode = is_subtype(ty, &vm.types.unicode_decode_error);
    let verb = if decode { "decode" } else { "encode" };
    let translate = is_subtype(ty, &vm.types.unicode_translate_error);
    let prefix = if translate {
        "can't translate".to_string()
    } else {
        format!("'{}' codec can't {verb}", text(unicode::ENCODING)?)
    };
    // Making the texts may have run code that changed the object.
    let fits = match (exception.field(unicode::OBJECT), decode) {
        (None, _) => return Err(vm.type_error("UnicodeError 'object' attribute is not set")),
        (Some(object), true) => object.downcast::<crate::objects::bytes::Bytes>().is_some(),
        (Some(object), false) => str_::of(&object).is_some(),
    };
    if !fits {
        let kind = if decode { "bytes" } else { "string" };
        return Err(vm.type_error(format!("UnicodeError 'object' attribute must be a {kind}")));
    }
    let single = end == start + 1;
    let shown = if decode {
        let byte = object
            .downcast::<crate::objects::bytes::Bytes>()
            .and_then(|b| b.as_bytes().get(start as usize).copied());
        match byte {
            Some(byte) if single => format!("byte 0x{byte:02x} in position {start}"),
            _ => format!("bytes in position {start}-{}", end - 1),
        }
    } else {
        let c = str_::of(&object)
            .filter(|s| (start as usize) < s.char_len())
            .map(|s| s.char_at(start.max(0) as usize));
        match c {
            Some(c) if single => {
                let mut escaped = Vec::new();
                push_escape(&mut escaped, c);
                let escaped = String::from_utf8_lossy(&escaped);
                format!("character '{escaped}' in position {start}")
            }
            _ => format!("characters in position {start}-{}", end - 1),
        }
    };
    Ok(vm
        .new_str(format!("{prefix} {shown}: {reason}"))?
        .into_value())
}

impl Vm {
    /// Raises the OSError for an errno, with a file name where there is one.
    #[cold]
    pub fn os_error(&self, errno: i32, filename: Option<&Value>) -> crate::vm::Raised {
        match self.make_os_error(errno, filename) {
            Ok(exception) => self.raise_value(exception),
            Err(raised) => raised,
        }
    }

    /// `OSError(errno, strerror(errno), filename)`, straight away: these classes have no constructors but their base's.
    fn make_os_error(&self, errno: i32, filename: Option<&Value>) -> PyResult<Ref<BaseException>> {
        let class = os_error_class(self, errno as i64);
        let number = self.new_int(errno as i64)?;
        let message = error_text(self, errno)?;
        let mut new = BaseException::blank();
        let mut fields = Vec::with_capacity(os::FILENAME + 1);
        fields.extend([Some(number.clone()), Some(message.clone())]);
        if let Some(filename) = filename.filter(|name| !name.is_none()) {
            if class.is(&self.types.blocking_io_error) {
                // Where it is a number, it is no name.
                let args = [number, message, filename.clone()];
                return super::instantiate(self, &class, &args);
            }
            fields.push(Some(filename.clone()));
        }
        new.fields = MutCell::new(fields);
        let args = Tuple::from_iter(self, 2, |i| match i {
            0 => number.clone(),
            _ => message.clone(),
        })?;
        new.args = MutCell::new(Some(args));
        self.new_object_of(&class, new)
    }

    /// Raises the OSError for the calling thread's `errno`.
    #[cold]
    pub fn last_os_error(&self, filename: Option<&Value>) -> crate::vm::Raised {
        self.os_error(
            std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
            filename,
        )
    }
}

/// The system's text for an errno.
fn error_text(vm: &Vm, errno: i32) -> PyResult {
    let mut buffer = [0 as libc::c_char; 256];
    // SAFETY: the buffer is as long as told; the text that the function writes there ends with a zero.
    let text = unsafe {
        match libc::strerror_r(errno, buffer.as_mut_ptr(), buffer.len()) {
            0 => std::ffi::CStr::from_ptr(buffer.as_ptr()).to_string_lossy(),
            _ => format!("Unknown error {errno}").into(),
        }
    };
    Ok(vm.new_str(text)?.into_value())
}
