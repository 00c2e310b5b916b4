//! Prints `ast.dump(ast.parse(source), include_attributes=True)` of files, or their SyntaxError.
//!
//! `ast OUTDIR LIST` writes OUTDIR/n.ast for the n-th path in LIST, as the comparison script of the front end does;
//! `ast FILE...` prints; `ast --errors single,version=8 FILE...` prints with an error's place and text, in other modes.
//! `ast --time FILE...` measures; `ast --optimize LEVEL OUTDIR LIST` shows what the compiler gets.

use naja_parser::ast::Arena;
use naja_parser::error::{SyntaxError, SyntaxErrorKind};
use naja_parser::preprocess::PreprocessOptions;
use naja_parser::{Mode, ParseOptions};

fn name(error: &SyntaxError) -> &'static str {
    match error.kind {
        SyntaxErrorKind::Syntax => "SyntaxError",
        SyntaxErrorKind::Indentation => "IndentationError",
        SyntaxErrorKind::Tab => "TabError",
        SyntaxErrorKind::Incomplete => "_IncompleteInputError",
        SyntaxErrorKind::Memory => "MemoryError",
        SyntaxErrorKind::Recursion => "RecursionError",
        _ => "ValueError",
    }
}

/// The mode and options that arguments like `single`, `type_comments`, `version=8` ask for.
fn settings(words: &str) -> (Mode, ParseOptions) {
    let (mut mode, mut options) = (Mode::Exec, ParseOptions::default());
    for word in words.split(',') {
        match word {
            "single" => mode = Mode::Single,
            "eval" => mode = Mode::Eval,
            "func_type" => mode = Mode::FuncType,
            "type_comments" => options.type_comments = true,
            "incomplete" => options.allow_incomplete_input = true,
            "dont_imply_dedent" => options.dont_imply_dedent = true,
            "barry" => options.barry_as_flufl = true,
            _ => {
                if let Some(Ok(version)) = word.strip_prefix("version=").map(str::parse) {
                    options.feature_version = version;
                }
            }
        }
    }
    (mode, options)
}

fn dump(bytes: &[u8], full: bool, words: &str) -> String {
    let Ok(source) = std::str::from_utf8(bytes) else {
        return "(not UTF-8)\n".to_owned();
    };
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let arena = Arena::for_source(source.len());
    let (mode, options) = settings(words);
    match naja_parser::parse(source, mode, &options, &arena) {
        Ok(parsed) => {
            naja_parser::dump::dump(parsed.module, true)
                .unwrap_or_else(|_| "RecursionError".to_owned())
                + "\n"
        }
        Err(error) if full => format!(
            "{} {:?} {} {} {} {} {:?}\n",
            name(&error),
            error.message,
            error.lineno,
            error.offset,
            error.end_lineno,
            error.end_offset,
            error.text
        ),
        Err(error) if error.is_syntax_error() => {
            format!(
                "{}: {} (<source>, line {})\n",
                name(&error),
                error.message,
                error.lineno
            )
        }
        Err(error) => format!("{}: {}\n", name(&error), error.message),
    }
}

/// The dump of the tree that the compiler gets.
fn optimized(bytes: &[u8], optimize: u8) -> String {
    let Ok(source) = std::str::from_utf8(bytes) else {
        return "(not UTF-8)\n".to_owned();
    };
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let arena = Arena::for_source(source.len());
    let Ok(parsed) = naja_parser::parse(source, Mode::Exec, &ParseOptions::default(), &arena)
    else {
        return "(error)\n".to_owned();
    };
    let future_annotations = source.contains("from __future__ import annotations");
    let options = PreprocessOptions {
        optimize,
        future_annotations,
        ..PreprocessOptions::default()
    };
    match naja_parser::preprocess::preprocess(parsed.module, options, &arena, &mut Vec::new()) {
        Ok(module) => {
            naja_parser::dump::dump(module, true).unwrap_or_else(|_| "RecursionError".to_owned())
                + "\n"
        }
        Err(error) => format!("{}: {}\n", name(&error), error.message),
    }
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [flag, files @ ..] if flag == "--time" => {
            let sources: Vec<String> = files
                .iter()
                .filter_map(|f| std::fs::read_to_string(f).ok())
                .collect();
            let bytes: usize = sources.iter().map(String::len).sum();
            let start = std::time::Instant::now();
            for source in &sources {
                let arena = Arena::for_source(source.len());
                std::hint::black_box(
                    naja_parser::parse(source, Mode::Exec, &ParseOptions::default(), &arena)
                        .is_ok(),
                );
            }
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{bytes} bytes in {seconds:.3} s: {:.1} MB/s",
                bytes as f64 / seconds / 1e6
            );
        }
        [flag, files @ ..] if flag == "--warnings" => {
            for file in files {
                let source = std::fs::read_to_string(file)?;
                let (arena, mut warnings) = (Arena::for_source(source.len()), Vec::new());
                let options = ParseOptions::default();
                let _ = naja_parser::parse_with_warnings(
                    &source,
                    Mode::Exec,
                    &options,
                    &arena,
                    &mut warnings,
                );
                let texts: Vec<String> = warnings
                    .iter()
                    .map(|w| format!("{:?} {} {}", w.category, w.lineno, w.message))
                    .collect();
                println!("{texts:?}");
            }
        }
        [flag, words, files @ ..] if flag == "--errors" => {
            for file in files {
                print!("{}", dump(&std::fs::read(file)?, true, words));
            }
        }
        [flag, level, out, list] if flag == "--optimize" => {
            for (number, path) in std::fs::read_to_string(list)?.lines().enumerate() {
                let text = optimized(&std::fs::read(path)?, level.parse().unwrap_or(0));
                std::fs::write(format!("{out}/{number}.ast"), text)?;
            }
        }
        [out, list] if std::path::Path::new(out).is_dir() => {
            for (number, path) in std::fs::read_to_string(list)?.lines().enumerate() {
                std::fs::write(
                    format!("{out}/{number}.ast"),
                    dump(&std::fs::read(path)?, false, ""),
                )?;
            }
        }
        files => {
            for file in files {
                print!("{}", dump(&std::fs::read(file)?, false, ""));
            }
        }
    }
    Ok(())
}
