//! Runs the Python programs of `tests/programs` and compares what they print with the `.out` file beside each.

use std::path::Path;
use std::process::Command;

#[test]
fn programs_print_what_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("tests/programs exists") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_none_or(|e| e != "py") {
            continue;
        }
        let expected = std::fs::read_to_string(path.with_extension("out"))
            .expect("an expectation beside each program");
        let done = Command::new(env!("CARGO_BIN_EXE_naja"))
            .arg(&path)
            .output()
            .expect("naja runs");
        let (out, err) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        assert!(
            done.status.success(),
            "{}: {}\n{err}",
            path.display(),
            done.status
        );
        assert_eq!(out, expected, "{}\n{err}", path.display());
        count += 1;
    }
    assert!(count > 0, "no programs in {}", folder.display());
}

/// The exit code and standard error of a one-line program.
fn run(code: &str) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_naja"))
        .args(["-c", code])
        .output()
        .expect("naja runs");
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stderr).into_owned(),
    )
}

#[test]
fn exit_codes_and_uncaught_exceptions() {
    assert_eq!(run("import sys; sys.exit(3)").0, Some(3));
    assert_eq!(run("raise SystemExit").0, Some(0));
    let (code, err) = run("1/0");
    assert_eq!(code, Some(1));
    assert!(
        err.ends_with("ZeroDivisionError: division by zero\n"),
        "{err}"
    );
    let (code, err) = run("x = = 1");
    assert_eq!(code, Some(1));
    assert!(err.contains("SyntaxError: invalid syntax"), "{err}");
}

#[test]
fn the_front_end_dumps_its_stages() {
    let done = Command::new(env!("CARGO_BIN_EXE_naja"))
        .args(["-X", "dump=bytecode", "-c", "x = 1"])
        .output()
        .expect("naja runs");
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(
        out.contains("LOAD_SMALL_INT 1") && out.contains("STORE_NAME"),
        "{out}"
    );
}
