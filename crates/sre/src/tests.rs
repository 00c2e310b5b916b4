//! Patterns compiled by CPython 3.14's `re`, with the spans that it finds. tools/sre/check.py compares many more.

use crate::{Env, Error, InvalidCode, Locale, Pattern, Request, State, Subject};

/// Kind, task and groups; code; subject in hexadecimal; expected spans and last index.
#[rustfmt::skip]
const CASES: &[(&str, &[u32], &str, &str)] = &[
    // '(\\w+)\\s(\\w+)' on 'no  h\xe9llo w\xf6rld!'
    ("text search 2", &[14, 4, 0, 3, 4294967295, 17, 0, 24, 9, 1, 4294967295, 13, 4, 8, 14, 0, 1, 17, 1, 13, 4, 8, 12, 0, 17, 2, 24, 9, 1, 4294967295, 13, 4, 8, 14, 0, 1, 17, 3, 1],
     "6e6f202068c3a96c6c6f2077c3b6726c6421", "4:17,4:10,11:17 2"),
    // '(?:(a)|b)*' on 'abab'
    ("ascii match 1", &[14, 4, 0, 0, 4294967295, 23, 19, 0, 4294967295, 7, 9, 17, 0, 16, 97, 17, 1, 15, 7, 5, 16, 98, 15, 2, 0, 18, 1],
     "61626162", "0:4,2:3 1"),
    // '(a)|b' on 'ab'
    ("ascii iter 1", &[14, 4, 0, 1, 1, 7, 9, 17, 0, 16, 97, 17, 1, 15, 7, 5, 16, 98, 15, 2, 0, 1],
     "6162", "all 0:1,0:1 1;1:2,- 0"),
    // '(?P<q>[\'\\"]).*?(?P=q)' on 'x \'a"b\' "c"'
    ("ascii iter 1", &[14, 9, 4, 2, 4294967295, 16, 39, 16, 34, 0, 17, 0, 13, 6, 16, 39, 16, 34, 0, 17, 1, 26, 5, 0, 4294967295, 2, 1, 11, 0, 1],
     "7820276122622720226322", "all 2:7,2:3 1;8:11,8:9 1"),
    // '(?<=\u65e5)\u672c|(?<!\u65e5)x' on '\u65e5\u672cx\u65e5x'
    ("text iter 0", &[14, 4, 0, 1, 1, 7, 11, 4, 5, 1, 16, 26085, 1, 16, 26412, 15, 13, 11, 5, 5, 1, 16, 26085, 1, 16, 120, 15, 2, 0, 1],
     "e697a5e69cac78e697a578", "all 3:6 0;6:7 0"),
    // '(?i)stra\xdfe|\u017f|K' on 'STRA\xdfE s k\u212a'
    ("text iter 0", &[14, 4, 0, 1, 6, 7, 20, 39, 6, 16, 115, 16, 383, 0, 40, 116, 40, 114, 40, 97, 40, 223, 40, 101, 15, 17, 10, 39, 6, 16, 383, 16, 115, 0, 15, 7, 5, 40, 107, 15, 2, 0, 1],
     "53545241c39f452073206be284aa", "all 0:7 0;8:9 0;10:11 0;11:14 0"),
    // '(x)?(?(1)a|b)c' on 'xac bc xbc'
    ("ascii iter 1", &[14, 4, 0, 2, 3, 23, 9, 0, 1, 17, 0, 16, 120, 17, 1, 18, 12, 0, 6, 16, 97, 15, 3, 16, 98, 16, 99, 1],
     "78616320626320786263", "all 0:3,0:1 1;4:6,- 0;8:10,- 0"),
    // '(?>a+)ab|a++b|(?:ab)*+c' on 'aaab ababc'
    ("ascii iter 0", &[14, 4, 0, 1, 4294967295, 7, 17, 27, 9, 24, 6, 1, 4294967295, 16, 97, 1, 1, 16, 97, 16, 98, 15, 28, 12, 29, 6, 1, 4294967295, 16, 97, 1, 16, 98, 15, 16, 14, 28, 7, 0, 4294967295, 16, 97, 16, 98, 1, 16, 99, 15, 2, 0, 1],
     "61616162206162616263", "all 0:4 0;5:7 0;7:9 0;9:10 0"),
    // '(a|ab)(c|bcd)(d*)' on 'abcd'
    ("ascii fullmatch 3", &[14, 8, 1, 2, 4294967295, 1, 0, 97, 0, 17, 0, 16, 97, 7, 3, 15, 7, 5, 16, 98, 15, 2, 0, 17, 1, 17, 2, 7, 5, 16, 99, 15, 11, 9, 16, 98, 16, 99, 16, 100, 15, 2, 0, 17, 3, 17, 4, 24, 6, 0, 4294967295, 16, 100, 1, 17, 5, 1],
     "61626364", "0:4,0:1,1:4,4:4 3"),
    // '(?:a{2,3}?|b)+?$' on 'aaaab\nb'
    ("ascii iter 0", &[14, 4, 0, 1, 4294967295, 23, 20, 1, 4294967295, 7, 10, 26, 6, 2, 3, 16, 97, 1, 15, 7, 5, 16, 98, 15, 2, 0, 19, 6, 6, 1],
     "61616161620a62", "all 0:5 0;6:7 0"),
    // '^\\b\\w*?$' on 'ab\n\ncd'
    ("ascii iter 0", &[14, 4, 0, 0, 4294967295, 6, 1, 6, 10, 26, 9, 0, 4294967295, 13, 4, 8, 14, 0, 1, 6, 6, 1],
     "61620a0a6364", "all 0:2 0;4:6 0"),
    // '\\B|a*' on 'baac'
    ("ascii iter 0", &[14, 4, 0, 0, 4294967295, 7, 5, 6, 11, 15, 12, 10, 24, 6, 0, 4294967295, 16, 97, 1, 15, 2, 0, 1],
     "62616163", "all 0:0 0;1:1 0;1:3 0;3:3 0;4:4 0"),
    // '[^\\W\\d_]+|[\\U0001f600-\\U0001f64f]' on 'ab1\xe9\U0001f600\ud800'
    ("text iter 0", &[14, 4, 0, 1, 4294967295, 7, 18, 24, 14, 1, 4294967295, 13, 9, 21, 8, 15, 8, 10, 16, 95, 0, 1, 15, 11, 9, 13, 5, 22, 128512, 128591, 0, 15, 2, 0, 1],
     "616231c3a9f09f9880eda080", "all 0:2 0;3:5 0;5:9 0"),
    // b'[\\x80-\\xff]+\\d' on b'a\x80\xff1'
    ("bytes search 0", &[14, 4, 0, 2, 4294967295, 24, 10, 1, 4294967295, 13, 5, 22, 128, 255, 0, 1, 13, 4, 8, 0, 0, 1],
     "6180ff31", "1:4 0"),
    // '(?:(a)(?!b)|.)*c' on 'aabac'
    ("ascii match 1", &[14, 4, 0, 1, 4294967295, 23, 24, 0, 4294967295, 7, 15, 17, 0, 16, 97, 17, 1, 5, 5, 0, 16, 98, 1, 15, 6, 4, 2, 15, 2, 0, 18, 16, 99, 1],
     "6161626163", "0:5,3:4 1"),
    // '((.)\\2)+' on 'aAbBx'
    ("ascii match 2", &[14, 4, 0, 2, 4294967295, 23, 14, 1, 4294967295, 17, 0, 17, 2, 2, 17, 3, 38, 1, 17, 1, 18, 1],
     "6141624278", "0:4,2:4,2:3 1"),
];

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

fn subject<'a>(kind: &str, bytes: &'a [u8]) -> Subject<'a> {
    match kind {
        "text" => Subject::Text(bytes),
        "ascii" => Subject::Ascii(bytes),
        _ => Subject::Bytes(bytes),
    }
}

#[test]
fn as_cpython() {
    let mut state = State::new();
    for &(head, codes, hex, expected) in CASES {
        let fields: Vec<&str> = head.split(' ').collect();
        let groups: usize = fields[2].parse().unwrap();
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        let pattern = Pattern::new(codes.to_vec(), groups).unwrap();
        let mut env = Env {
            locale: &Locale::C,
            interrupt: &mut || false,
        };
        let mut request = Request::new(subject(fields[0], &bytes));
        let mut found = Vec::new();
        match fields[1] {
            "match" => {
                if state.match_prefix(&pattern, &request, &mut env).unwrap() {
                    found.push(describe(&state, groups));
                }
            }
            "fullmatch" => {
                if state.match_all(&pattern, &request, &mut env).unwrap() {
                    found.push(describe(&state, groups));
                }
            }
            task => {
                while state.search(&pattern, &request, &mut env).unwrap() {
                    found.push(describe(&state, groups));
                    let (start, end) = state.span(0).unwrap();
                    request.must_advance = start == end;
                    request.pos = end;
                    if task == "search" {
                        break;
                    }
                }
            }
        }
        assert_eq!(
            found.join(";"),
            expected.trim_start_matches("all "),
            "{head} {hex} {codes:?}"
        );
    }
}

#[test]
fn invalid_code() {
    let bad: [&[u32]; 8] = [
        &[],
        &[0],
        &[17, 5, 1],
        &[25, 1],
        &[18, 1],
        &[13, 3, 16, 1, 0, 1],
        &[7, 0, 0, 1],
        &[14, 2, 1],
    ];
    for codes in bad {
        assert_eq!(
            Pattern::new(codes.to_vec(), 1).err(),
            Some(InvalidCode),
            "{codes:?}"
        );
    }
    for codes in [[16, 97, 1], [17, 0, 1]] {
        assert!(Pattern::new(codes.to_vec(), 1).is_ok());
    }
}

/// `(?:(?:ab|a)*)*c`, which fails after trying very many ways, and needs room for each character.
#[test]
fn limits() {
    let codes = vec![
        14,
        4,
        0,
        1,
        u32::MAX,
        23,
        20,
        0,
        u32::MAX,
        23,
        15,
        0,
        u32::MAX,
        16,
        97,
        7,
        5,
        16,
        98,
        15,
        5,
        3,
        15,
        2,
        0,
        18,
        18,
        16,
        99,
        1,
    ];
    let pattern = Pattern::new(codes, 0).unwrap();
    let text = "aab".repeat(50_000);
    let request = Request::new(Subject::Ascii(text.as_bytes()));
    let mut polls = 0;
    let mut interrupt = || {
        polls += 1;
        polls > 100
    };
    let mut env = Env {
        locale: &Locale::C,
        interrupt: &mut interrupt,
    };
    let mut state = State::new();
    state.set_memory_limit(100_000);
    assert_eq!(
        state.match_prefix(&pattern, &request, &mut env),
        Err(Error::Memory)
    );
    state.set_memory_limit(1 << 30);
    assert_eq!(
        state.match_prefix(&pattern, &request, &mut env),
        Err(Error::Interrupted)
    );
}

/// Patterns whose searches pass over places by the bytes that follow, with their numbers of groups.
#[rustfmt::skip]
const FILTERED: &[(&[u32], usize)] = &[
    // '[cgt]gggt|ttta[acg]'
    (&[14, 4, 0, 5, 5, 7, 23, 13, 11, 9, 0, 0, 0, 1048712, 0, 0, 0, 0, 0, 16, 103, 16, 103, 16, 103, 16, 116, 15, 25, 23, 16, 116, 16, 116, 16, 116, 16, 97, 13, 11, 9, 0, 0, 0, 138, 0, 0, 0, 0, 0, 15, 2, 0, 1], 0),
    // '(^|[^\\\\])"\\\\/D'
    (&[14, 4, 0, 4, 5, 17, 0, 7, 5, 6, 0, 15, 7, 5, 20, 92, 15, 2, 0, 17, 1, 16, 34, 16, 92, 16, 47, 16, 68, 1], 1),
    // '(?i)a[bc]+d|x\\d\\d'
    (&[14, 4, 0, 3, 4294967295, 7, 18, 40, 97, 24, 10, 1, 4294967295, 39, 5, 22, 98, 99, 0, 1, 40, 100, 15, 17, 15, 40, 120, 13, 4, 8, 10, 0, 13, 4, 8, 10, 0, 15, 2, 0, 1], 0),
    // 'é[a-c]z|zz\\Bé'
    (&[14, 9, 4, 3, 3, 16, 233, 16, 122, 0, 7, 13, 16, 233, 13, 5, 22, 97, 99, 0, 16, 122, 15, 13, 11, 16, 122, 16, 122, 6, 11, 16, 233, 15, 2, 0, 1], 0),
    // '(?:ab){1,2}c|(?!q)[p-r]..\\Z'
    (&[14, 4, 0, 3, 5, 7, 14, 23, 7, 1, 2, 16, 97, 16, 98, 18, 16, 99, 15, 21, 19, 5, 5, 0, 16, 113, 1, 13, 5, 22, 112, 114, 0, 2, 2, 6, 7, 15, 2, 0, 1], 0),
    // '[^a-c]{2}d(?:ax|zg)?'
    (&[14, 4, 0, 3, 5, 24, 11, 2, 2, 13, 6, 21, 22, 97, 99, 0, 1, 16, 100, 23, 19, 0, 1, 7, 7, 16, 97, 16, 120, 15, 9, 7, 16, 122, 16, 103, 15, 2, 0, 18, 1], 0),
    // '[ab][0-9]{8,20}z', with more in a row than a filter has places
    (&[14, 8, 4, 10, 22, 22, 97, 98, 0, 13, 5, 22, 97, 98, 0, 24, 10, 8, 20, 13, 5, 22, 48, 57, 0, 1, 16, 122, 1], 0),
];

/// A search of a long subject finds what trying every place in turn finds, whatever passes over places.
#[test]
fn filters_lose_nothing() {
    let pieces = [
        "cggg",
        "t",
        "ttta",
        "g",
        "\"",
        "\\",
        "/",
        "D",
        "a",
        "b",
        "abc",
        "d",
        "AbD",
        "x1",
        "2",
        "é",
        "z",
        "zé",
        "p",
        "q",
        "\n",
        "日",
        "dzg",
        "b12345678",
    ];
    let mut random = 12345u32;
    let mut text = String::new();
    while text.len() < 6000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += pieces[(random >> 16) as usize % pieces.len()];
    }
    let ascii: String = text.chars().filter(char::is_ascii).collect();
    let mut env = Env {
        locale: &Locale::C,
        interrupt: &mut || false,
    };
    let mut state = State::new();
    for (codes, groups) in FILTERED {
        let patterns = [
            Pattern::new(codes.to_vec(), *groups).unwrap(),
            Pattern::new(codes.to_vec(), *groups).unwrap(),
        ];
        let subjects = [
            (Subject::Text(text.as_bytes()), &patterns[0]),
            (Subject::Ascii(ascii.as_bytes()), &patterns[0]),
            (Subject::Bytes(text.as_bytes()), &patterns[1]),
        ];
        for (subject, pattern) in subjects {
            let mut request = Request::new(subject);
            let mut found = Vec::new();
            while state.search(pattern, &request, &mut env).unwrap() {
                found.push(state.span(0).unwrap());
                request.pos = found[found.len() - 1].1;
            }
            let mut expected = Vec::new();
            let mut at = 0;
            let wide = matches!(subject, Subject::Text(_));
            while at <= subject.bytes().len() {
                let mut request = Request::new(subject);
                request.pos = at;
                let boundary = !wide || text.is_char_boundary(at);
                if boundary && state.match_prefix(pattern, &request, &mut env).unwrap() {
                    expected.push(state.span(0).unwrap());
                    at = expected[expected.len() - 1].1;
                } else {
                    at += 1;
                }
            }
            assert_eq!(found, expected, "{codes:?} {}", &text[..40]);
        }
    }
}
