//! Tests of the parser without Python: the same events however the input is cut, errors and their places, limits.

use super::*;

const ALL: u32 = !(handler::NOT_STANDALONE | handler::DEFAULT);

/// Feeds a document in pieces; the events as text (neighbouring text joined) and how it ended.
fn run(
    doc: &[u8],
    piece: usize,
    namespaces: bool,
) -> (Vec<String>, Result<(), (Code, usize, usize)>) {
    let mut parser = Expat::new(None, namespaces.then_some(b' '));
    parser.handlers = ALL;
    let mut events: Vec<String> = Vec::new();
    let mut at = 0;
    loop {
        let end = (at + piece).min(doc.len());
        let last = end == doc.len();
        let mut result = parser.feed(&doc[at..end], last);
        while result.is_ok() {
            match parser.next_event() {
                Ok(None) => break,
                Err(code) => result = Err(code),
                Ok(Some(event)) => note(&mut parser, event, &mut events),
            }
        }
        if let Err(code) = result {
            let (line, column) = parser.position();
            return (events, Err((code, line, column)));
        }
        if last {
            return (events, Ok(()));
        }
        at = end;
    }
}

fn note(parser: &mut Expat, event: Event, events: &mut Vec<String>) {
    let text = |span: Span| String::from_utf8_lossy(parser.bytes(span)).into_owned();
    let line = match &event {
        Event::StartElement { name, .. } => {
            let attributes = parser.attributes().iter();
            let attributes: Vec<String> = attributes
                .map(|(n, v)| format!("{}={}", text(*n), text(*v)))
                .collect();
            format!("<{} {}", text(*name), attributes.join(","))
        }
        Event::EndElement { name } => format!(">{}", text(*name)),
        Event::Data(span) => {
            let data = text(*span);
            match events.last_mut() {
                Some(before) if before.starts_with('"') => before.push_str(&data),
                _ => events.push(format!("\"{data}")),
            }
            return;
        }
        Event::Comment(span) => format!("#{}", text(*span)),
        Event::Pi { target, data } => format!("?{}:{}", text(*target), text(*data)),
        Event::ExternalEntity { .. } => {
            parser.reply(true);
            "external".to_string()
        }
        other => format!("{other:?}"),
    };
    events.push(line);
}

const DOCUMENT: &str = "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY e 'x<b/>y'>\n<!ATTLIST a d CDATA 'v'>]>\
    <a k='1&lt;2'>\r\n&e;<![CDATA[<&]]>é€😀<!-- c --><?p q?></a>\n";

#[test]
fn events_do_not_depend_on_the_pieces() {
    let (whole, end) = run(DOCUMENT.as_bytes(), usize::MAX / 2, false);
    assert_eq!(end, Ok(()));
    assert!(whole.contains(&"<a k=1<2,d=v".to_string()), "{whole:?}");
    let text: Vec<&str> = whole
        .iter()
        .map(String::as_str)
        .filter(|event| event.starts_with('"') || event.ends_with("Cdata"))
        .collect();
    assert!(
        text.ends_with(&["StartCdata", "\"<&", "EndCdata", "\"é€😀", "\"\n"])
            || text.ends_with(&["StartCdata", "\"<&", "EndCdata", "\"é€😀"]),
        "{text:?}"
    );
    for piece in 1..20 {
        assert_eq!(
            run(DOCUMENT.as_bytes(), piece, false),
            (whole.clone(), Ok(())),
            "{piece}"
        );
    }
}

#[test]
fn encodings_give_the_same_events() {
    let text = "<a b='é'>x\n€</a>";
    let expected = run(text.as_bytes(), 100, false);
    let wide: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for piece in [1, 2, 3, 100] {
        assert_eq!(run(&wide, piece, false), expected);
    }
    let latin = b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>";
    let (events, end) = run(latin, 100, false);
    assert_eq!(end, Ok(()));
    assert!(events.contains(&"\"é".to_string()), "{events:?}");
}

#[test]
fn errors_have_code_and_place() {
    for (doc, code, line, column) in [
        ("", error::NO_ELEMENTS, 1, 0),
        ("<a>\n </b>", error::TAG_MISMATCH, 2, 3),
        ("<a b='1' b='2'/>", error::DUPLICATE_ATTRIBUTE, 1, 9),
        ("<a>&x;</a>", error::UNDEFINED_ENTITY, 1, 3),
        ("<a>]]></a>", error::INVALID_TOKEN, 1, 5),
        ("<a/><b/>", error::JUNK_AFTER_DOC_ELEMENT, 1, 4),
        ("<a>&#0;</a>", error::BAD_CHAR_REF, 1, 3),
        ("<a", error::UNCLOSED_TOKEN, 1, 0),
        ("<a><![CDATA[", error::UNCLOSED_CDATA_SECTION, 1, 12),
    ] {
        for piece in [1, 1000] {
            let (_, end) = run(doc.as_bytes(), piece, false);
            assert_eq!(end, Err((code, line, column)), "{doc}");
        }
    }
}

#[test]
fn namespaces_are_expanded() {
    let (events, end) = run(b"<p:a xmlns:p='u' xmlns='d' p:k='1'><b/></p:a>", 100, true);
    assert_eq!(end, Ok(()));
    assert!(events.contains(&"<u a u k=1".to_string()), "{events:?}");
    assert!(events.contains(&"<d b ".to_string()), "{events:?}");
    let (_, end) = run(b"<q:a/>", 100, true);
    assert_eq!(end, Err((error::UNBOUND_PREFIX, 1, 0)));
}

#[test]
fn entities_cannot_grow_without_end() {
    let mut doc = String::from("<!DOCTYPE a [<!ENTITY e0 'aaaaaaaaaaaaaaaaaaaa'>");
    for i in 1..8 {
        let refs = format!("&e{};", i - 1).repeat(20);
        doc.push_str(&format!("<!ENTITY e{i} '{refs}'>"));
    }
    doc.push_str("]><a>&e7;</a>");
    let (_, end) = run(doc.as_bytes(), usize::MAX / 2, false);
    assert_eq!(end.map_err(|e| e.0), Err(error::AMPLIFICATION_LIMIT_BREACH));
    let recursive = b"<!DOCTYPE a [<!ENTITY x '&y;'><!ENTITY y '&x;'>]><a>&x;</a>";
    let (_, end) = run(recursive, 100, false);
    assert_eq!(end.map_err(|e| e.0), Err(error::RECURSIVE_ENTITY_REF));
}
