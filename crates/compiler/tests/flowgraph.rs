//! Runs the optimiser and the assembler over `flowgraph.txt`.
//!
//! Each case there gives an instruction sequence (`I opcode oparg line end_line column end_column`; jump arguments are
//! instruction indices) and what CPython 3.14 makes of it: `CASE` the optimised sequence (`R`) and constants (`K`, from
//! `C`) of `optimize_cfg`, `ASM` the stack size, code, exception table, positions and variables of `assemble_code_object`.

use std::sync::Arc;

use naja_bytecode::code::{Const, Text};
use naja_compiler::assemble::assemble;
use naja_compiler::flowgraph::{self, cfg::Cfg};
use naja_compiler::instruction_sequence::{
    CodeUnitMetadata, InstructionSequence, Label, Location, has_target,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn float(text: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(text, 16).unwrap())
}

/// Reads a constant: a letter for its type, then its value; containers in brackets.
fn parse(text: &mut &str) -> Const {
    let kind = text.as_bytes()[0];
    *text = &text[1..];
    if matches!(kind, b'(' | b'{' | b'[') {
        let mut items = Vec::new();
        loop {
            *text = text.trim_start();
            if text.starts_with([')', '}', ']']) {
                *text = &text[1..];
                break;
            }
            items.push(parse(text));
        }
        return match kind {
            b'(' => Const::tuple(items),
            b'{' => Const::FrozenSet(items.into()),
            _ => Const::Slice(Arc::new(items.try_into().unwrap())),
        };
    }
    let end = text.find([' ', ')', '}', ']']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    *text = rest;
    match kind {
        b'n' => Const::None,
        b't' => Const::True,
        b'f' => Const::False,
        b'e' => Const::Ellipsis,
        b'i' => Const::int(word.parse().unwrap()),
        b'd' => Const::Float(float(word)),
        b'c' => Const::Complex(float(&word[..16]), float(&word[16..])),
        b's' => Const::Str(Text::from_wtf8(unhex(word))),
        _ => Const::Bytes(unhex(word).into()),
    }
}

fn encode(value: &Const) -> String {
    let list = |items: &[Const]| items.iter().map(encode).collect::<Vec<_>>();
    match value {
        Const::None => "n".into(),
        Const::True => "t".into(),
        Const::False => "f".into(),
        Const::Ellipsis => "e".into(),
        Const::Int(i) => format!("i{i}"),
        Const::BigInt(i) => format!("i{i}"),
        Const::Float(f) => format!("d{:016x}", f.to_bits()),
        Const::Complex(re, im) => format!("c{:016x}{:016x}", re.to_bits(), im.to_bits()),
        Const::Str(s) => format!("s{}", hex(s.as_bytes())),
        Const::Bytes(b) => format!("b{}", hex(b)),
        Const::Tuple(items) => format!("({})", list(items).join(" ")),
        Const::FrozenSet(items) => {
            let mut items = list(items);
            items.sort();
            format!("{{{}}}", items.join(" "))
        }
        Const::Slice(parts) => format!("[{}]", list(&parts[..]).join(" ")),
        Const::Code(_) => "?".into(),
    }
}

fn optimize(head: &str, mut seq: InstructionSequence, consts: Vec<Const>) -> Vec<String> {
    let nlocals = head.split(' ').nth(1).unwrap().parse().unwrap();
    let (seq, consts) = flowgraph::optimize_for_test(&mut seq, consts, nlocals).unwrap();
    let instrs = seq.instrs.iter().map(|i| {
        let at = i.loc;
        let position = format!(
            "{} {} {} {}",
            at.lineno, at.end_lineno, at.col_offset, at.end_col_offset
        );
        format!("R {} {} {position}", i.opcode, i.oparg)
    });
    instrs
        .chain(consts.iter().map(|c| format!("K {}", encode(c))))
        .collect()
}

fn assembled(head: &str, mut seq: InstructionSequence) -> Vec<String> {
    let parts: Vec<&str> = head.split('|').collect();
    let counts: Vec<usize> = parts[0]
        .split(' ')
        .skip(1)
        .map(|n| n.parse().unwrap())
        .collect();
    let texts = |s: &str| s.split_whitespace().map(Text::from).collect::<Vec<_>>();
    let unit = CodeUnitMetadata {
        varnames: (0..counts[0]).map(|i| format!("v{i}").into()).collect(),
        cellvars: texts(parts[1]),
        freevars: texts(parts[2]),
        firstlineno: 1,
        ..CodeUnitMetadata::default()
    };
    let mut cfg = Cfg::from_sequence(&mut seq).unwrap();
    flowgraph::resolve_only(&mut cfg).unwrap();
    let optimized = flowgraph::to_optimized_sequence(&mut cfg, &unit).unwrap();
    let consts = (0..counts[1])
        .map(|i| Const::Int(1000 + i as i64))
        .collect();
    let code = assemble(unit, consts, optimized, &"x".into())
        .map_err(|e| format!("{head}: {e:?}"))
        .unwrap();
    naja_bytecode::verify::verify(&naja_bytecode::code::Code {
        names: vec![Text::default(); 1000],
        ..code.clone()
    })
    .unwrap();
    let join = |names: Vec<&Text>| {
        names
            .iter()
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let variables = [
        join(code.varnames().collect()),
        join(code.cellvars().collect()),
        join(code.freevars().collect()),
    ];
    vec![
        format!("S {}", code.stacksize),
        format!("B {}", hex(&code.code)),
        format!("X {}", hex(&code.exceptiontable)),
        format!("L {}", hex(&code.linetable)),
        format!("V {}", variables.join("|")),
    ]
}

#[test]
fn as_cpython() {
    let mut count = 0;
    for case in include_str!("flowgraph.txt")
        .split("END\n")
        .filter(|c| !c.is_empty())
    {
        let mut lines = case.lines();
        let (kind, head) = lines.next().unwrap().split_once(' ').unwrap();
        let (mut seq, mut consts, mut want) = (InstructionSequence::new(), Vec::new(), Vec::new());
        for line in lines {
            match line.split_once(' ') {
                Some(("C", mut rest)) => consts.push(parse(&mut rest)),
                Some(("I", rest)) => {
                    let n: Vec<i32> = rest.split(' ').map(|n| n.parse().unwrap()).collect();
                    if has_target(n[0] as u16) {
                        seq.place_label(Label(n[1]), n[1] as usize);
                    }
                    seq.addop(n[0] as u16, n[1], Location::new(n[2], n[3], n[4], n[5]));
                }
                _ => want.push(line.to_owned()),
            }
        }
        let got = if kind == "CASE" {
            optimize(head, seq, consts)
        } else {
            assembled(head, seq)
        };
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got, want, "{kind} {head}, line {i}");
        }
        assert_eq!(got.len(), want.len(), "{kind} {head}");
        count += 1;
    }
    assert_eq!(count, 20);
}
