//! Errors and warnings of the compiler, as CPython 3.14 words and places them.

use naja_compiler::{CompileOptions, compile};
use naja_parser::ast::Arena;
use naja_parser::{Mode, ParseOptions, parse};

type Place = (i32, i32, i32, i32);

/// Source, message, place (first line and offset, last line and offset).
const ERRORS: &[(&str, &str, Place)] = &[
    (
        "def f(a,a):0",
        "duplicate argument 'a' in function definition",
        (1, 9, 1, 10),
    ),
    (
        "def f[__classdict__]():0",
        "reserved name '__classdict__' cannot be used for type parameter",
        (1, 7, 1, 20),
    ),
    (
        "def f(): x: (y:=1)",
        "named expression cannot be used within an annotation",
        (1, 14, 1, 18),
    ),
    (
        "class A: [x:=1 for i in a]",
        "assignment expression within a comprehension cannot be used in a class body",
        (1, 11, 1, 12),
    ),
    (
        "from __future__ import braces",
        "not a chance",
        (1, 24, 1, 30),
    ),
    (
        "from __future__ import q",
        "future feature q is not defined",
        (1, 24, 1, 25),
    ),
    (
        "x=1;from __future__ import division",
        "from __future__ imports must occur at the beginning of the file",
        (1, 5, 1, 36),
    ),
    (
        "def f[__debug__]():0",
        "cannot assign to __debug__",
        (1, 7, 1, 16),
    ),
    (
        "def f():\n x: (yield)",
        "yield expression cannot be used within an annotation",
        (2, 6, 2, 11),
    ),
    (
        "def f(__debug__): 0",
        "cannot assign to __debug__",
        (1, 7, 1, 16),
    ),
    (
        "__debug__: int",
        "cannot assign to __debug__",
        (1, 1, 1, 10),
    ),
    ("x.__debug__=1", "cannot assign to __debug__", (1, 1, 1, 12)),
    (
        "1;from __future__ import division",
        "from __future__ imports must occur at the beginning of the file",
        (1, 3, 1, 34),
    ),
    (
        "from __future__ import generators,q",
        "future feature q is not defined",
        (1, 35, 1, 36),
    ),
    (
        "x=1\nimport __future__\nfrom __future__ import division",
        "from __future__ imports must occur at the beginning of the file",
        (3, 1, 3, 32),
    ),
    (
        "type X[__classdict__ = 1] = 1",
        "reserved name '__classdict__' cannot be used for type parameter",
        (1, 8, 1, 25),
    ),
    (
        "async def f():\n x: await q",
        "await expression cannot be used within an annotation",
        (2, 5, 2, 12),
    ),
    (
        "class A:\n nonlocal x\n x:int",
        "annotated name 'x' can't be nonlocal",
        (3, 2, 3, 7),
    ),
    (
        "nonlocal q",
        "nonlocal declaration not allowed at module level",
        (1, 1, 1, 11),
    ),
    (
        "def f():\n nonlocal q",
        "no binding for nonlocal 'q' found",
        (2, 2, 2, 12),
    ),
    (
        "def f():\n global x\n nonlocal x",
        "name 'x' is nonlocal and global",
        (2, 2, 2, 10),
    ),
    (
        "def f():\n from a import *",
        "import * only allowed at module level",
        (2, 16, 2, 17),
    ),
    (
        "class A: from a import *",
        "import * only allowed at module level",
        (1, 24, 1, 25),
    ),
    (
        "def f(): \n  for __debug__ in x:0",
        "cannot assign to __debug__",
        (2, 7, 2, 16),
    ),
    ("del __debug__", "cannot delete __debug__", (1, 5, 1, 14)),
    (
        "import __debug__.a",
        "cannot assign to __debug__",
        (1, 8, 1, 19),
    ),
    (
        "f(__debug__=1)",
        "cannot assign to __debug__",
        (1, 3, 1, 14),
    ),
    (
        "with a as __debug__:0",
        "cannot assign to __debug__",
        (1, 11, 1, 20),
    ),
    (
        "lambda __debug__: 0",
        "cannot assign to __debug__",
        (1, 8, 1, 17),
    ),
    (
        "class __debug__: 0",
        "cannot assign to __debug__",
        (1, 1, 1, 19),
    ),
    (
        "match a:\n case A(__debug__=x): 0",
        "cannot assign to __debug__",
        (2, 19, 2, 20),
    ),
    (
        "def f():\n x=1\n def g():\n  nonlocal x\n  [x:=1 for x in y]",
        "assignment expression cannot rebind comprehension iteration variable 'x'",
        (5, 4, 5, 5),
    ),
    ("await x", "'await' outside function", (1, 1, 1, 8)),
    (
        "def f(): await x",
        "'await' outside async function",
        (1, 10, 1, 17),
    ),
    (
        "[x async for x in y]",
        "asynchronous comprehension outside of an asynchronous function",
        (1, 1, 1, 21),
    ),
    (
        "def f(): [x async for x in y]",
        "asynchronous comprehension outside of an asynchronous function",
        (1, 10, 1, 30),
    ),
    (
        "async def f(): \n lambda: [x async for x in y]",
        "asynchronous comprehension outside of an asynchronous function",
        (2, 10, 2, 30),
    ),
    (
        "def f(): return [(yield) for x in y]",
        "'yield' inside list comprehension",
        (1, 19, 1, 24),
    ),
    (
        "def f(x): global x",
        "name 'x' is parameter and global",
        (1, 11, 1, 19),
    ),
    (
        "def f():\n x:int\n global x",
        "annotated name 'x' can't be global",
        (3, 2, 3, 10),
    ),
    (
        "x=1\nglobal x",
        "name 'x' is assigned to before global declaration",
        (2, 1, 2, 9),
    ),
    (
        "def f():\n print(x)\n global x",
        "name 'x' is used prior to global declaration",
        (3, 2, 3, 10),
    ),
    (
        "class A[T]:\n nonlocal T",
        "nonlocal binding not allowed for type parameter 'T'",
        (2, 2, 2, 12),
    ),
    (
        "def f[T]():\n nonlocal T",
        "nonlocal binding not allowed for type parameter 'T'",
        (2, 2, 2, 12),
    ),
    (
        "def f[T,T](): 0",
        "duplicate type parameter 'T'",
        (1, 9, 1, 10),
    ),
    (
        "def f[T: (yield)](): 0",
        "yield expression cannot be used within a TypeVar bound",
        (1, 11, 1, 16),
    ),
    (
        "type A = (yield)",
        "yield expression cannot be used within a type alias",
        (1, 11, 1, 16),
    ),
    (
        "class A[T]((x:=1)): 0",
        "named expression cannot be used within the definition of a generic",
        (1, 13, 1, 17),
    ),
    (
        "def f[T=(await x)](): 0",
        "await expression cannot be used within a TypeVar default",
        (1, 10, 1, 17),
    ),
    (
        "[i for i in (j:=1)]",
        "assignment expression cannot be used in a comprehension iterable expression",
        (1, 14, 1, 18),
    ),
    (
        "[i:=1 for i in x]",
        "assignment expression cannot rebind comprehension iteration variable 'i'",
        (1, 2, 1, 3),
    ),
    (
        "[[(i:=1) for j in x] for i in y]",
        "assignment expression cannot rebind comprehension iteration variable 'i'",
        (1, 4, 1, 5),
    ),
    (
        "[i for i in x for j in (i:=y)]",
        "assignment expression cannot be used in a comprehension iterable expression",
        (1, 25, 1, 29),
    ),
    (
        "[i+1 for i in x if (j:=1) for j in z]",
        "comprehension inner loop cannot rebind assignment expression target 'j'",
        (1, 31, 1, 32),
    ),
    (
        "def f(): \n async for x in y:0",
        "'async for' outside async function",
        (2, 2, 2, 20),
    ),
    (
        "async with x:0",
        "'async with' outside async function",
        (1, 1, 1, 15),
    ),
    (
        "def f(*,a,**a):0",
        "duplicate argument 'a' in function definition",
        (1, 13, 1, 14),
    ),
    (
        "def f():\n x=1\n global x",
        "name 'x' is assigned to before global declaration",
        (3, 2, 3, 10),
    ),
    (
        "def f():\n global x\n x:int",
        "annotated name 'x' can't be global",
        (3, 2, 3, 7),
    ),
    (
        "def f():\n nonlocal x\n x:int",
        "annotated name 'x' can't be nonlocal",
        (3, 2, 3, 7),
    ),
    ("return", "'return' outside function", (1, 1, 1, 7)),
    (
        "def f():\n try:0\n except:0\n except A:0",
        "default 'except:' must be last",
        (3, 2, 3, 10),
    ),
    ("break", "'break' outside loop", (1, 1, 1, 6)),
    ("continue", "'continue' not properly in loop", (1, 1, 1, 9)),
    (
        "for x in y:\n def f(): break",
        "'break' outside loop",
        (2, 11, 2, 16),
    ),
    (
        "try:0\nexcept* A: break",
        "'break', 'continue' and 'return' cannot appear in an except* block",
        (2, 12, 2, 17),
    ),
    (
        "for x in y:\n try:0\n except* A:\n  break",
        "'break', 'continue' and 'return' cannot appear in an except* block",
        (4, 3, 4, 8),
    ),
    (
        "async def f():\n yield 1\n return 1",
        "'return' with value in async generator",
        (3, 2, 3, 10),
    ),
    ("*a", "can't use starred expression here", (1, 1, 1, 3)),
    (
        "*a=1",
        "starred assignment target must be in a list or tuple",
        (1, 1, 1, 3),
    ),
    ("x=*a", "can't use starred expression here", (1, 3, 1, 5)),
    (
        "[*a for b in c]",
        "iterable unpacking cannot be used in comprehension",
        (1, 2, 1, 4),
    ),
    ("f(a=1,a=2)", "keyword argument repeated: a", (1, 7, 1, 10)),
    (
        "async def f(): yield from x",
        "'yield from' inside async function",
        (1, 16, 1, 28),
    ),
    ("yield", "'yield' outside function", (1, 1, 1, 6)),
    (
        "yield from x",
        "'yield from' outside function",
        (1, 1, 1, 13),
    ),
    ("class A: yield", "'yield' outside function", (1, 10, 1, 15)),
    (
        "class A: return",
        "'return' outside function",
        (1, 10, 1, 16),
    ),
    (
        "a,*b,*c=x",
        "multiple starred expressions in assignment",
        (1, 1, 1, 8),
    ),
    (
        "match x:\n case a:0\n case b:0",
        "name capture 'a' makes remaining patterns unreachable",
        (2, 7, 2, 8),
    ),
    (
        "match x:\n case _:0\n case b:0",
        "wildcard makes remaining patterns unreachable",
        (2, 7, 2, 8),
    ),
    (
        "match x:\n case a|b:0",
        "name capture 'a' makes remaining patterns unreachable",
        (2, 7, 2, 8),
    ),
    (
        "match x:\n case [a]|[b]:0",
        "alternative patterns bind different names",
        (2, 7, 2, 14),
    ),
    (
        "match x:\n case [a,a]:0",
        "multiple assignments to name 'a' in pattern",
        (2, 10, 2, 11),
    ),
    (
        "match x:\n case {1:a,1:b}:0",
        "mapping pattern checks duplicate key (1)",
        (2, 7, 2, 16),
    ),
    (
        "match x:\n case A(x=1,x=2):0",
        "attribute name repeated in class pattern: x",
        (2, 15, 2, 16),
    ),
    (
        "match x:\n case [*a,*b]:0",
        "multiple starred names in sequence pattern",
        (2, 7, 2, 14),
    ),
    (
        "match x:\n case {1:a,True:b}:0",
        "mapping pattern checks duplicate key (True)",
        (2, 7, 2, 19),
    ),
    (
        "match x:\n case {\"é\":a,\"é\":b}:0",
        "mapping pattern checks duplicate key ('é')",
        (2, 7, 2, 22),
    ),
    (
        "match x:\n case {1:_, 1.0:_}:0",
        "mapping pattern checks duplicate key (1.0)",
        (2, 7, 2, 19),
    ),
    (
        "match x:\n case {1j:a,1j:b}:0",
        "mapping pattern checks duplicate key (1j)",
        (2, 7, 2, 18),
    ),
    (
        "match x:\n case {b\"x\":_,b\"x\":_}:0",
        "mapping pattern checks duplicate key (b'x')",
        (2, 7, 2, 22),
    ),
    (
        "def f[T=1,U](): 0",
        "non-default type parameter 'U' follows default type parameter",
        (1, 11, 1, 12),
    ),
    (
        "class A[T=1,*U]:0",
        "non-default type parameter 'U' follows default type parameter",
        (1, 13, 1, 15),
    ),
    (
        "class A[T=1,**U]:0",
        "non-default type parameter 'U' follows default type parameter",
        (1, 13, 1, 16),
    ),
    ("del *a", "cannot delete starred", (1, 5, 1, 7)),
    ("del f()", "cannot delete function call", (1, 5, 1, 8)),
    ("(*a)", "cannot use starred expression here", (1, 2, 1, 4)),
    (
        "print(*a for a in b)",
        "iterable unpacking cannot be used in comprehension",
        (1, 7, 1, 9),
    ),
    ("x: *a", "invalid syntax", (1, 4, 1, 5)),
    ("def f(a: *b):0", "invalid syntax", (1, 10, 1, 11)),
    (
        "match x:\n case (a|b)|c: 0",
        "name capture 'a' makes remaining patterns unreachable",
        (2, 8, 2, 9),
    ),
    (
        "match x:\n case {**rest,\"a\":1}: 0",
        "invalid syntax",
        (2, 15, 2, 18),
    ),
    (
        "match x:\n case A(a,a):0",
        "multiple assignments to name 'a' in pattern",
        (2, 11, 2, 12),
    ),
    (
        "match x:\n case (a|[a]) : 0",
        "name capture 'a' makes remaining patterns unreachable",
        (2, 8, 2, 9),
    ),
    (
        "match x:\n case ([a,b]|[b,a]) as a: 0",
        "multiple assignments to name 'a' in pattern",
        (2, 7, 2, 25),
    ),
    (
        "match x:\n case -1|a: 0\n case b: 0",
        "name capture 'a' makes remaining patterns unreachable",
        (2, 10, 2, 11),
    ),
];

/// Source and warnings.
const WARNINGS: &[(&str, &[&str])] = &[
    (
        "x is 1",
        &["\"is\" with 'int' literal. Did you mean \"==\"?"],
    ),
    (
        "x is not \"a\" is y",
        &["\"is not\" with 'str' literal. Did you mean \"!=\"?"],
    ),
    (
        "1 is x",
        &["\"is\" with 'int' literal. Did you mean \"==\"?"],
    ),
    (
        "x is ()",
        &["\"is\" with 'tuple' literal. Did you mean \"==\"?"],
    ),
    (
        "x is (1,)",
        &["\"is\" with 'tuple' literal. Did you mean \"==\"?"],
    ),
    ("x is (y,)", &[]),
    (
        "1()",
        &["'int' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "\"a\"()",
        &["'str' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "[1]()",
        &["'list' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "f\"a\"()",
        &["'str' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "t\"a\"()",
        &["'string.templatelib.Template' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "{}()",
        &["'dict' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "{1}()",
        &["'set' object is not callable; perhaps you missed a comma?"],
    ),
    ("(lambda: 0)()", &[]),
    (
        "(x for x in y)()",
        &["'generator' object is not callable; perhaps you missed a comma?"],
    ),
    (
        "{1}[x]",
        &["'set' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "None[x]",
        &["'NoneType' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "...[x]",
        &["'ellipsis' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "1[x]",
        &["'int' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "1.0[x]",
        &["'float' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "t\"a\"[x]",
        &["'string.templatelib.Template' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "(lambda: 0)[x]",
        &["'function' object is not subscriptable; perhaps you missed a comma?"],
    ),
    (
        "\"a\"[\"b\"]",
        &["str indices must be integers or slices, not str; perhaps you missed a comma?"],
    ),
    (
        "[1][\"b\"]",
        &["list indices must be integers or slices, not str; perhaps you missed a comma?"],
    ),
    (
        "(1,)[1.5]",
        &["tuple indices must be integers or slices, not float; perhaps you missed a comma?"],
    ),
    (
        "f\"a\"[None]",
        &["str indices must be integers or slices, not NoneType; perhaps you missed a comma?"],
    ),
    ("\"a\"[True]", &[]),
    (
        "\"a\"[[1]]",
        &["str indices must be integers or slices, not list; perhaps you missed a comma?"],
    ),
    (
        "b\"a\"[(1,2)]",
        &["bytes indices must be integers or slices, not tuple; perhaps you missed a comma?"],
    ),
    (
        "[x for x in y][\"a\"]",
        &["list indices must be integers or slices, not str; perhaps you missed a comma?"],
    ),
    (
        "assert (x, \"y\")",
        &["assertion is always true, perhaps remove parentheses?"],
    ),
    ("assert ()", &[]),
    (
        "assert (1,)",
        &["assertion is always true, perhaps remove parentheses?"],
    ),
    (
        "def f():\n try: pass\n finally: x is 1",
        &["\"is\" with 'int' literal. Did you mean \"==\"?"],
    ),
    (
        "try: pass\nfinally: 1()",
        &["'int' object is not callable; perhaps you missed a comma?"],
    ),
];

#[test]
fn errors() {
    for (source, message, place) in ERRORS {
        let arena = Arena::new();
        let error = match parse(source, Mode::Exec, &ParseOptions::default(), &arena) {
            Ok(parsed) => match compile(parsed.module, &arena, "f", &CompileOptions::default()) {
                Ok(_) => panic!("no error in {source:?}"),
                Err(failure) => failure.error,
            },
            Err(error) => error,
        };
        let found = (
            error.lineno,
            error.offset,
            error.end_lineno,
            error.end_offset,
        );
        assert_eq!(
            (error.message.as_str(), found),
            (*message, *place),
            "{source:?}"
        );
    }
}

#[test]
fn warnings() {
    for (source, messages) in WARNINGS {
        let arena = Arena::new();
        let parsed = parse(source, Mode::Exec, &ParseOptions::default(), &arena).unwrap();
        let compiled = compile(parsed.module, &arena, "f", &CompileOptions::default()).unwrap();
        let found: Vec<&str> = compiled
            .warnings
            .iter()
            .map(|w| w.message.as_str())
            .collect();
        assert_eq!(found, *messages, "{source:?}");
    }
}

#[test]
fn deep_trees_raise() {
    let options = CompileOptions::default();
    for (prefix, repeated) in [("a", "()"), ("a", ".b"), ("a", "[0]"), ("a", "*a")] {
        let compile = |depth: usize| {
            let source = prefix.to_owned() + &repeated.repeat(depth);
            naja_compiler::compile_source(
                &source,
                Mode::Single,
                "f",
                &ParseOptions::default(),
                &options,
            )
        };
        assert!(compile(500).is_ok(), "{repeated}");
        let failure = compile(500_000).unwrap_err();
        assert_eq!(
            failure.error.kind,
            naja_parser::error::SyntaxErrorKind::Recursion,
            "{repeated}"
        );
    }
}

#[test]
fn instructions_before_optimisation() {
    let arena = Arena::new();
    let parsed = parse("x = 1 + y", Mode::Exec, &ParseOptions::default(), &arena).unwrap();
    let sequence =
        naja_compiler::instructions(parsed.module, &arena, "f", &CompileOptions::default())
            .unwrap();
    let names = sequence
        .instrs
        .iter()
        .map(|instr| naja_bytecode::opcode::name(instr.opcode).unwrap());
    assert_eq!(
        names.collect::<Vec<_>>().join(" "),
        "RESUME ANNOTATIONS_PLACEHOLDER LOAD_CONST LOAD_NAME BINARY_OP STORE_NAME LOAD_CONST RETURN_VALUE"
    );
}
