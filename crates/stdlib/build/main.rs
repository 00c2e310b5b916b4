//! Packs the pure-Python library: every file's source, compressed, and every module's code, compiled by our compiler.
//!
//! The library is the crate `rustpython-pylib` (CPython's `Lib`), changed in three ways: files left out ([`OMITTED`]),
//! places where its text names another implementation ([`PATCHES`]), and files of our own, which lie in `lib/` or are
//! made from the instruction table (`opcode_metadata.rs`). The results are `library.bin` and `index.rs`, a table sorted by
//! path. Code is compiled without optimisation (`-O` compiles from source) under a file name relative to the library.

use naja_bytecode::code::Code;
use naja_bytecode::packed::Packer;
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

/// Texts to replace, by file: each must be there.
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
        assert!(text.contains(from), "{name} no longer contains {from}");
        text = text.replace(from, to);
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

/// What every start reads, in this order: functions that it runs, after the path of their module. Made by
/// `early.py`, which lies beside it.
const EARLY: &str = include_str!("early.txt");

/// The parts of the library: code first, what every start reads at its beginning, then sources.
fn write(packed: &BTreeMap<String, Packed>) {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let early: Vec<(&str, Vec<&str>)> = EARLY
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.collect()))
        })
        .collect();
    let mut packer = Packer::default();
    let mut starts = BTreeMap::new();
    let first = early.iter().map(|(path, _)| *path);
    for path in first.chain(packed.keys().map(String::as_str)) {
        let code = packed.get(path).and_then(|file| file.code.as_ref());
        if let (Some(code), false) = (code, starts.contains_key(path)) {
            let functions = early.iter().find(|(p, _)| *p == path).map(|(_, f)| f);
            let wanted = |name: &str| functions.is_some_and(|f| f.contains(&name));
            starts.insert(path, packer.add(code, wanted));
        }
    }
    let mut blob = packer.finish();
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
