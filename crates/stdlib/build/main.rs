//! Packs the pure-Python library: every file's source, compressed, and every module's code, compiled by our compiler.
//!
//! The library is the crate `rustpython-pylib` (CPython's `Lib`), changed in three ways: files left out ([`OMITTED`]),
//! places where its text names another implementation ([`PATCHES`]), and files of our own, which lie in `lib/` or are
//! made from the instruction table (`opcode_metadata.rs`). The results are `library.bin` and `index.rs`, a table sorted by
//! path. Code is compiled without optimisation (`-O` compiles from source) under a file name relative to the library.

use naja_bytecode::code::{Code, flags};
use naja_bytecode::packed::{Packer, Place};
use naja_compiler::{CompileOptions, compile_source};
use naja_parser::{Mode, ParseOptions, source};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

mod opcode_metadata;

/// What is not packed: programs that need Tk, files that CPython does not have, and what is of no use in a packed library.
const OMITTED: &[&str] = &[
    "idlelib/",
    "turtledemo/",
    "tkinter/",
    "README.md",
    "_dummy_os.py",
    "_dummy_thread.py",
    "dummy_threading.py",
    "_pycodecs.py",
];

/// Texts to replace, by file: each must be there. A line `...` in a text stands for as many lines as there are up to the first that
/// is as the text goes on.
const PATCHES: &[(&str, &[(&str, &str)])] = &[
    ("site.py", &[("rustpython", "naja"), ("RustPython", "Naja")]),
    ("sysconfig/__init__.py", &[("'RustPython'", "'Naja'")]),
    // The search itself is native; what follows in the file serves attributes whose names are no plain strings.
    (
        "inspect.py",
        &[
            (
                "    instance_result = _sentinel\n\n    objtype = type(obj)\n",
                "    if type(attr) is str:\n        result = _find_static(obj, attr, default)\n        if result is not _sentinel:\n            return result\n        raise AttributeError(attr)\n    instance_result = _sentinel\n\n    objtype = type(obj)\n",
            ),
            (
                "_sentinel = object()\n",
                "_sentinel = object()\nfrom _typing import _find_static\n",
            ),
        ],
    ),
    // Tasks are made without calls where the loop is one of the library's own; plain results are gathered at once.
    (
        "asyncio/tasks.py",
        &[
            (
                "    If the argument is a Future, it is returned directly.\n    \"\"\"\n",
                "    If the argument is a Future, it is returned directly.\n    \"\"\"\n    task = _start_task(coro_or_future, loop, True)\n    if task is not None:\n        return task\n",
            ),
            (
                "    loop = events.get_running_loop()\n    return loop.create_task(coro, **kwargs)\n",
                "    loop = events.get_running_loop()\n    if not kwargs:\n        task = _start_task(coro, loop, False)\n        if task is not None:\n            return task\n    return loop.create_task(coro, **kwargs)\n",
            ),
            (
                "            results = []\n\n            for fut in children:\n",
                "            results = [] if outer._cancel_requested else _plain_results(children) or []\n\n            for fut in () if results else children:\n",
            ),
            (
                "            fut = ensure_future(arg, loop=loop)\n            if loop is None:\n                loop = futures._get_loop(fut)\n            if fut is not arg:\n...\n                fut._log_destroy_pending = False\n",
                "            fut = _start_task(arg, loop, True, True)\n            if fut is None:\n                fut = ensure_future(arg, loop=loop)\n                if fut is not arg:\n                    fut._log_destroy_pending = False\n            if loop is None:\n                loop = futures._get_loop(fut)\n",
            ),
            (
                "    for fut in done_futs:\n        _done_callback(fut)\n",
                "    if len(done_futs) == nfuts:\n        results = _plain_results(children)\n        if results is not None:\n            outer.set_result(results)\n            return outer\n    for fut in done_futs:\n        _done_callback(fut)\n",
            ),
            (
                "_py_all_tasks = all_tasks\n\ntry:\n    from _asyncio import (_register_task,",
                "_py_all_tasks = all_tasks\n\n\ndef _start_task(coro, loop, close, quiet=False):\n    return None\n\n\ndef _plain_results(futures):\n    return None\n\n\ntry:\n    from _asyncio import (_start_task, _plain_results, _register_task,",
            ),
        ],
    ),
    (
        "asyncio/taskgroups.py",
        &[(
            "        task = self._loop.create_task(coro, **kwargs)\n",
            "        task = None if kwargs else tasks._start_task(coro, self._loop, False)\n        if task is None:\n            task = self._loop.create_task(coro, **kwargs)\n",
        )],
    ),
    // The loops over the data are native.
    (
        "base64.py",
        &[
            (
                "import struct\nimport binascii\n",
                "import _base64\nimport binascii\n",
            ),
            ("_b32tab2 = {}\n_b32rev = {}\n", ""),
            (
                "    b = _bytes_from_decode_data(b)\n    if adobe:\n",
                "    if type(b) is not bytes:\n        b = _bytes_from_decode_data(b)\n    if adobe:\n",
            ),
            (
                "    s = _bytes_from_decode_data(s)\n    if altchars is not None:\n",
                "    if type(s) is not bytes:\n        s = _bytes_from_decode_data(s)\n    if altchars is not None:\n",
            ),
            (
                "    # Delay the initialization of the table to not waste memory\n    # if the function is never called\n    if alphabet not in _b32tab2:\n...\n    if not isinstance",
                "    if not isinstance",
            ),
            (
                "    leftover = len(s) % 5\n...\n    return bytes(encoded)\n",
                "    return _base64.b32encode(s, alphabet)\n",
            ),
            (
                "    # Delay the initialization of the table to not waste memory\n    # if the function is never called\n    if alphabet not in _b32rev:\n...\n    s = _bytes",
                "    if type(s) is bytes and map01 is None and not casefold:\n        return _base64.b32decode(s, alphabet)\n    s = _bytes",
            ),
            (
                "    # Strip off pad characters from the right.  We need to count the pad\n...\n    return bytes(decoded)\n",
                "    return _base64.b32decode(s, alphabet)\n",
            ),
            ("_a85chars = None\n_a85chars2 = None\n", ""),
            (
                "def _85encode(b, chars, chars2, ",
                "def _85encode(b, ascii85, ",
            ),
            (
                "    padding = (-len(b)) % 4\n...\n    return b''.join(chunks)\n",
                "    return _base64.encode85(b, ascii85, pad, foldnuls, foldspaces)\n",
            ),
            (
                "    global _a85chars, _a85chars2\n...\n    result = _85encode(b, _a85chars, _a85chars2, ",
                "    encode = _base64.encode85 if type(b) is bytes else _85encode\n    result = encode(b, True, ",
            ),
            (
                "        chunks = [result[i: i + wrapcol]\n...\n    if adobe:\n        result += ",
                "        result = _base64.wrap(result, wrapcol, adobe)\n    if adobe:\n        result += ",
            ),
            (
                "    if s.translate(None, delete=b'0123456789ABCDEF'):\n",
                "    if not _base64.is_base16(s):\n",
            ),
            (
                "    #\n    # We have to go through this stepwise, so as to ignore spaces and handle\n...\n    return result\n",
                "    return _base64.a85decode(b, foldspaces, ignorechars)\n",
            ),
            ("_b85chars = None\n_b85chars2 = None\n_b85dec = None\n", ""),
            (
                "    global _b85chars, _b85chars2\n...\n    return _85encode(b, _b85chars, _b85chars2, pad)\n",
                "    encode = _base64.encode85 if type(b) is bytes else _85encode\n    return encode(b, False, pad, False, False)\n",
            ),
            (
                "    global _b85dec\n...\n    return result\n",
                "    return _base64.b85decode(b if type(b) is bytes else _bytes_from_decode_data(b))\n",
            ),
        ],
    ),
];

/// A file of the library as packed.
struct Packed {
    source: Vec<u8>,
    size: usize,
    code: Option<Code>,
}

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=lib");
    let mut files = BTreeMap::new();
    let library = Path::new(rustpython_pylib::LIB_PATH);
    collect(library, library, &mut files);
    let own = Path::new("lib");
    collect(own, own, &mut files);
    files.insert(
        "_opcode_metadata.py".to_string(),
        opcode_metadata::source().into_bytes(),
    );
    let packed = pack_all(files);
    write(&packed);
}

/// Reads all files under `dir`, patched, by their path relative to `root`.
fn collect(root: &Path, dir: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_string();
        let folder = path.is_dir();
        let matched = if folder {
            format!("{name}/")
        } else {
            name.clone()
        };
        if OMITTED.contains(&matched.as_str()) || matched.ends_with("__pycache__/") {
            continue;
        }
        if folder {
            collect(root, &path, files);
        } else {
            let data = fs::read(&path).unwrap();
            files.insert(name.clone(), patch(&name, data));
        }
    }
}

fn patch(name: &str, data: Vec<u8>) -> Vec<u8> {
    let Some((_, changes)) = PATCHES.iter().find(|(file, _)| *file == name) else {
        return data;
    };
    let mut text = String::from_utf8(data).unwrap();
    for (from, to) in *changes {
        let (first, last) = from.split_once("...\n").unwrap_or((from, ""));
        let place = text.find(first).and_then(|start| {
            let inside = start + first.len();
            text[inside..]
                .find(last)
                .map(|at| start..inside + at + last.len())
        });
        let Some(place) = place else {
            panic!("{name} no longer contains {from}")
        };
        match last {
            "" => text = text.replace(from, to),
            _ => text.replace_range(place, to),
        }
    }
    text.into_bytes()
}

/// Compiles and compresses all files, on all processors.
fn pack_all(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Packed> {
    let files: Vec<(String, Vec<u8>)> = files.into_iter().collect();
    let workers = thread::available_parallelism().map_or(1, |n| n.get());
    thread::scope(|scope| {
        let files = &files;
        let workers: Vec<_> = (0..workers)
            .map(|first| {
                let work = move || {
                    let mine = files.iter().skip(first).step_by(workers);
                    mine.map(|(name, data)| (name.clone(), pack(name, data)))
                        .collect::<Vec<_>>()
                };
                thread::Builder::new()
                    .stack_size(256 << 20)
                    .spawn_scoped(scope, work)
                    .unwrap()
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

fn pack(name: &str, data: &[u8]) -> Packed {
    let code = name.ends_with(".py").then(|| compile(name, data)).flatten();
    Packed {
        source: miniz_oxide::deflate::compress_to_vec(data, 8),
        size: data.len(),
        code,
    }
}

/// The code of a module; none for a file that is not meant to compile (a template with a codec of its own).
fn compile(name: &str, data: &[u8]) -> Option<Code> {
    let text = match source::decode(data, Some(name)) {
        Ok(source::Source::Text { text, .. }) => text,
        _ => {
            println!("cargo::warning={name} is not in UTF-8: not compiled");
            return None;
        }
    };
    let compiled = compile_source(
        &text,
        Mode::Exec,
        name,
        &ParseOptions::default(),
        &CompileOptions::default(),
    );
    match compiled {
        Ok(compiled) => Some(compiled.code),
        Err(failure) => {
            println!("cargo::warning={name}: {}", failure.error.message);
            None
        }
    }
}

/// What every start reads, in this order: functions that it runs, after the path of their module; behind an empty line, what
/// common programs read besides. Made by `early.py`, which lies beside it.
const EARLY: &str = include_str!("early.txt");

/// A part of [`EARLY`].
type Listed = Vec<(&'static str, Vec<&'static str>)>;

/// Modules by path, with the functions named in a part of [`EARLY`].
fn early(part: Option<&'static str>) -> Listed {
    let lines = part.unwrap_or_default().lines();
    let module = |line: &'static str| {
        let mut words = line.split(' ');
        Some((words.next()?, words.collect()))
    };
    lines.filter_map(module).collect()
}

/// The functions named for a module, if it is listed.
fn named<'a>(part: &'a Listed, path: &str) -> Option<&'a [&'static str]> {
    let found = part.iter().find(|(p, _)| *p == path);
    found.map(|(_, functions)| functions.as_slice())
}

/// The parts of the library: code first, by when it is read, then sources.
fn write(packed: &BTreeMap<String, Packed>) {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let mut parts = EARLY.split("\n\n");
    let [start, common] = [early(parts.next()), early(parts.next())];
    let mut packer = Packer::default();
    let mut order = Vec::new();
    let first = start.iter().chain(&common).map(|(path, _)| *path);
    for path in first.chain(packed.keys().map(String::as_str)) {
        let code = packed.get(path).and_then(|file| file.code.as_ref());
        let (Some(code), false) = (code, order.contains(&path)) else {
            continue;
        };
        order.push(path);
        let (at_start, in_common) = (named(&start, path), named(&common, path));
        let of_import = match (&at_start, &in_common) {
            (Some(_), _) => Place::Start,
            (None, Some(_)) => Place::Common,
            (None, None) => Place::Import,
        };
        packer.add(code, |code| {
            let name = code.qualname.as_str().unwrap_or_default();
            // Bodies of modules and classes are no functions; those of classes in functions are not read by the import.
            if code.flags & flags::OPTIMIZED == 0 && !name.contains(".<locals>.") {
                of_import
            } else if at_start.is_some_and(|f| f.contains(&name)) {
                Place::Start
            } else if in_common.is_some_and(|f| f.contains(&name)) {
                Place::Common
            } else {
                Place::Rest
            }
        });
    }
    let (mut blob, starts) = packer.finish();
    let starts: BTreeMap<&str, usize> = order.into_iter().zip(starts).collect();
    let code_end = blob.len();
    let mut index = String::from("pub static FILES: &[File] = &[\n");
    for (name, file) in packed {
        let code = match starts.get(name.as_str()) {
            Some(start) => format!("Some({start})"),
            None => "None".to_string(),
        };
        let start = blob.len();
        blob.extend_from_slice(&file.source);
        let source = format!("{start}..{}", blob.len());
        writeln!(
            index,
            "    File {{ path: {name:?}, size: {}, source: {source}, code: {code} }},",
            file.size
        )
        .unwrap();
    }
    writeln!(index, "];\nconst CODE_END: usize = {code_end};").unwrap();
    fs::write(out.join("library.bin"), blob).unwrap();
    fs::write(out.join("index.rs"), index).unwrap();
}
