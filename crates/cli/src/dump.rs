//! `-X dump=STAGE`: what each stage of the front end makes of a program, as text.

use naja::Command;
use naja_compiler::CompileOptions;
use naja_parser::ast::Arena;
use naja_parser::{Mode, ParseOptions};

/// Prints the stage; gives the exit code.
pub fn run(stage: &str, command: &Command) -> i32 {
    let result = crate::source_of(command).and_then(|(source, name)| text(stage, &source, &name));
    match result {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(problem) => {
            eprintln!("{problem}");
            1
        }
    }
}

fn text(stage: &str, source: &str, name: &str) -> Result<String, String> {
    let arena = Arena::new();
    let parsed = naja_parser::parse(source, Mode::Exec, &ParseOptions::default(), &arena)
        .map_err(|e| format!("{name}:{}:{}: {}", e.lineno, e.offset, e.message))?;
    match stage {
        "ast" => Ok(format!(
            "{}\n",
            naja_parser::dump::dump(parsed.module, true)
                .map_err(|_| "naja: the tree is too deep to dump".to_string())?
        )),
        "bytecode" => {
            let compiled =
                naja_compiler::compile(parsed.module, &arena, name, &CompileOptions::default())
                    .map_err(|f| {
                        format!(
                            "{name}:{}:{}: {}",
                            f.error.lineno, f.error.offset, f.error.message
                        )
                    })?;
            Ok(naja_bytecode::dis::listing(&compiled.code, true))
        }
        _ => Err(format!("naja: no stage '{stage}' to dump (ast, bytecode)")),
    }
}
