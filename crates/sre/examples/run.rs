//! Answers requests from standard input, for tools/sre/check.py to compare with CPython, or times one with `--bench`.
//! With `--fuzz` it gives up early.
//!
//! A line: kind (`text`, `ascii`, `bytes`), task (`search`, `match`, `fullmatch`, `iter`), groups, pos, end, code words
//! joined by commas, subject in hexadecimal. Answers: `none`, `invalid`, or spans with the last index.

use std::io::{BufRead, BufWriter, Write, stdin, stdout};
use std::time::Instant;

use naja_sre::{Env, Error, Locale, Pattern, Request, State, Subject};

fn describe(state: &State, groups: usize) -> String {
    let spans: Vec<String> = (0..=groups)
        .map(|group| {
            state
                .span(group)
                .map_or("-".into(), |(start, end)| format!("{start}:{end}"))
        })
        .collect();
    format!("{} {}", spans.join(","), state.last_index().unwrap_or(0))
}

fn find_all(
    state: &mut State,
    pattern: &Pattern,
    mut request: Request,
    env: &mut Env,
    mut each: impl FnMut(&State),
) -> Result<(), Error> {
    while state.search(pattern, &request, env)? {
        each(state);
        let (start, end) = state.span(0).unwrap_or((0, 0));
        request.must_advance = start == end;
        request.pos = end;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let option = std::env::args().nth(1).unwrap_or_default();
    let bench = option == "--bench";
    // Made-up code may loop for ages.
    let patience = if option == "--fuzz" { 5 } else { 100_000 };
    let mut out = BufWriter::new(stdout().lock());
    let mut state = State::new();
    for line in stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split(' ').collect();
        let [kind, task, groups, pos, end, codes, subject] = fields[..] else {
            return Err("seven fields are required".into());
        };
        let groups: usize = groups.parse()?;
        let codes = codes
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<u32>, _>>()?;
        let subject: Vec<u8> = (0..subject.len() / 2)
            .map(|at| u8::from_str_radix(&subject[at * 2..at * 2 + 2], 16))
            .collect::<Result<_, _>>()?;
        let subject = match kind {
            "text" => Subject::Text(&subject),
            "ascii" => Subject::Ascii(&subject),
            _ => Subject::Bytes(&subject),
        };
        let Ok(pattern) = Pattern::new(codes, groups) else {
            writeln!(out, "invalid")?;
            continue;
        };
        let mut polls = 0;
        let mut interrupt = || {
            polls += 1;
            polls > patience
        };
        let mut env = Env {
            locale: &Locale::C,
            interrupt: &mut interrupt,
        };
        let request = Request {
            subject,
            pos: pos.parse()?,
            end: end.parse()?,
            must_advance: false,
        };
        if bench {
            let started = Instant::now();
            let mut count = 0;
            find_all(&mut state, &pattern, request, &mut env, |_| count += 1)
                .map_err(|error| format!("{error:?}"))?;
            writeln!(out, "{} {count}", started.elapsed().as_secs_f64())?;
            continue;
        }
        let found = match task {
            "search" => state.search(&pattern, &request, &mut env),
            "match" => state.match_prefix(&pattern, &request, &mut env),
            "fullmatch" => state.match_all(&pattern, &request, &mut env),
            _ => {
                let mut all = Vec::new();
                let done = find_all(&mut state, &pattern, request, &mut env, |state| {
                    all.push(describe(state, groups))
                });
                match done {
                    Ok(()) => writeln!(out, "all {}", all.join(";"))?,
                    Err(error) => writeln!(out, "{error:?}")?,
                }
                continue;
            }
        };
        match found {
            Ok(true) => writeln!(out, "{}", describe(&state, groups))?,
            Ok(false) => writeln!(out, "none")?,
            Err(error) => writeln!(out, "{error:?}")?,
        }
    }
    Ok(())
}
