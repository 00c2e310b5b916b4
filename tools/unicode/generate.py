"""Write crates/unicode/src/data/ (tables of Unicode 16.0.0) by asking CPython 3.14.

Run with CPython 3.14 itself:  python3.14 tools/unicode/generate.py

Nothing is read from the Unicode files: each property is observed through `unicodedata`, `str` and `_sre`, so the tables
say what CPython does.  Big tables are two-level tries in .bin files; records and small tables are Rust source.
"""

import _sre
import os
import struct
import sys
import unicodedata as ucd

assert sys.version_info[:2] == (3, 14) and ucd.unidata_version == "16.0.0"
old = ucd.ucd_3_2_0
OUT = os.path.join(os.path.dirname(__file__), "..", "..", "crates", "unicode", "src", "data")
N = 0x110000
UNASSIGNED = 0x378  # goes first: record 0 also serves numbers past the last code point
rust = [
    "//! Tables of Unicode 16.0.0 as CPython 3.14 knows them: written by tools/unicode/generate.py, not by hand.",
    "",
    "use crate::trie::{Trie16};",
    "use crate::records::{CharType, Properties, OldProperties, SpecialCase};",
    "",
]
total = 0


def write(name, data):
    global total
    total += len(data)
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)


def build(values, shift):
    size = 1 << shift
    blocks = {}
    stage1 = []
    stage2 = []
    for start in range(0, N, size):
        block = tuple(values[start:start + size])
        at = blocks.get(block)
        if at is None:
            at = blocks[block] = len(stage2) >> shift
            stage2.extend(block)
        stage1.append(at)
    return stage1, stage2


def trie(name, values, doc):
    """Emit a trie from code point to small int, with the block size that makes it smallest."""
    best = None
    for shift in (4, 5, 6, 7, 8):
        stage1, stage2 = build(values, shift)
        size = len(stage1) * 2 + len(stage2) * 2
        if best is None or size < best[0]:
            best = size, shift, stage1, stage2
    size, shift, stage1, stage2 = best
    assert max(stage1) < 65536
    write(name.lower() + ".bin", struct.pack(f"<{len(stage1) + len(stage2)}H", *stage1, *stage2))
    rust.append(f"/// {doc}")
    rust.append(
        f"pub static {name}: Trie16<{shift}, {len(stage1) * 2}, {len(stage2) * 2}> = "
        f"Trie16::new(include_bytes!(\"{name.lower()}.bin\"));")
    rust.append("")
    print(f"{name}: {size} bytes, shift {shift}", file=sys.stderr)


def records(name, kind, rows, doc):
    rust.append(f"/// {doc}")
    rust.append(f"pub static {name}: [{kind}; {len(rows)}] = [")
    rust.extend(f"    {kind}{{{row}}}," for row in rows)
    rust.append("];")
    rust.append("")


def intern(table, key):
    at = table.get(key)
    if at is None:
        at = table[key] = len(table)
    return at


def strings(name, items, doc):
    rust.append(f"/// {doc}")
    rust.append(f"pub static {name}: [&str; {len(items)}] = [{', '.join(map(repr, items)).replace(chr(39), chr(34))}];")
    rust.append("")


# ---- what str's methods and the numeric functions know

ALPHA, DECIMAL, DIGIT, LOWER, LINEBREAK, SPACE, TITLE, UPPER, XID_START, XID_CONTINUE, PRINTABLE, NUMERIC, \
    IGNORABLE, CASED, EXTENDED, SRE_CASED = (1 << i for i in range(16))
numerics = {None: 0}
ctypes = {}
ctype_of = []
special = {}


def seq(text):
    return tuple(map(ord, text))


for c in (UNASSIGNED, *range(N)):
    s = chr(c)
    flags = 0
    flags |= ALPHA * s.isalpha()
    flags |= DECIMAL * s.isdecimal()
    flags |= DIGIT * s.isdigit()
    flags |= LOWER * s.islower()
    flags |= LINEBREAK * (len((s + "a").splitlines()) == 2)
    flags |= SPACE * s.isspace()
    flags |= TITLE * (s.istitle() and not s.isupper())
    flags |= UPPER * s.isupper()
    flags |= XID_START * (s.isidentifier() and s != "_")
    flags |= XID_CONTINUE * ("a" + s).isidentifier()
    flags |= PRINTABLE * s.isprintable()
    flags |= NUMERIC * s.isnumeric()
    flags |= CASED * ((s + "a").title()[-1] == "a")
    final_after_cased = ("A" + s + "\u03a3").lower()[-1] == "\u03c2"
    final_alone = (s + "\u03a3").lower()[-1] == "\u03c2"
    flags |= IGNORABLE * (final_after_cased and not final_alone)
    flags |= SRE_CASED * _sre.unicode_iscased(c)
    lower, upper, title, fold = seq(s.lower()), seq(s.upper()), seq(s.title()), seq(s.casefold())
    if c == 0x3A3:
        lower = (0x3C3,)
    slower = _sre.unicode_tolower(c)
    supper = upper[0] if len(upper) == 1 else title[0] if len(title) == 1 else c
    stitle = title[0] if len(title) == 1 else c
    if lower != (slower,) or upper != (supper,) or title != (stitle,) or fold != lower:
        flags |= EXTENDED
        special[c] = (lower, upper, title, fold)
    number = ucd.numeric(s, None)
    # `title` is almost always `upper`; the delta is kept so that one record serves a whole alphabet
    key = (flags, slower - c, supper - c, stitle - c, ucd.decimal(s, 255), ucd.digit(s, 255), intern(numerics, number))
    ctype_of.append(intern(ctypes, key))

trie("CHAR_TYPE", ctype_of[1:], "Code point to index in `CHAR_TYPES`.")
records("CHAR_TYPES", "CharType",
        ["flags:%d,lower:%d,upper:%d,title:%d,decimal:%d,digit:%d,numeric:%d" % k for k in ctypes],
        "What `str`'s methods and the numeric functions ask.")
records("SPECIAL_CASES", "SpecialCase",
        ["code:0x%X,lower:&%r,upper:&%r,title:&%r,fold:&%r" % (c, *map(list, m)) for c, m in sorted(special.items())],
        "Full case mappings that the simple ones do not give, by code point.")

# ---- unicodedata

CATEGORIES = sorted({ucd.category(chr(c)) for c in range(N)})
BIDI = sorted({ucd.bidirectional(chr(c)) for c in range(N)} | {old.bidirectional(chr(c)) for c in range(N)})
WIDTHS = sorted({ucd.east_asian_width(chr(c)) for c in range(N)} | {old.east_asian_width(chr(c)) for c in range(N)})
strings("CATEGORY_NAMES", CATEGORIES, "General categories by number.")
strings("BIDIRECTIONAL_NAMES", BIDI, "Bidirectional classes by number.")
strings("WIDTH_NAMES", WIDTHS, "East Asian widths by number.")


def decomposition(text):
    parts = text.split()
    tag = ""
    if parts and parts[0].startswith("<"):
        tag = parts.pop(0)
    return tag, tuple(int(p, 16) for p in parts)


decomps = {}
compositions = {}
for c in range(N):
    if 0xAC00 <= c < 0xD7A4:
        continue
    tag, parts = decomposition(ucd.decomposition(chr(c)))
    if parts:
        decomps[c] = tag, parts
        if not tag and len(parts) == 2 and ucd.normalize("NFC", "".join(map(chr, parts))) == chr(c):
            compositions[parts] = c
seconds = {b for a, b in compositions} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))

props = {}
prop_of = []
for c in (UNASSIGNED, *range(N)):
    s = chr(c)
    quick = 0
    for i, form in enumerate(("NFD", "NFKD", "NFC", "NFKC")):
        if ucd.normalize(form, s) != s:
            quick |= 2 << 2 * i
        elif i >= 2 and c in seconds:
            quick |= 1 << 2 * i
    key = (CATEGORIES.index(ucd.category(s)), BIDI.index(ucd.bidirectional(s)), ucd.combining(s), ucd.mirrored(s),
           WIDTHS.index(ucd.east_asian_width(s)), quick)
    prop_of.append(intern(props, key))
trie("PROPERTY", prop_of[1:], "Code point to index in `PROPERTIES`.")
records("PROPERTIES", "Properties",
        ["category:%d,bidirectional:%d,combining:%d,mirrored:%s,width:%d,quick:%d" %
         (k[0], k[1], k[2], "true" if k[3] else "false", k[4], k[5]) for k in props], "What `unicodedata` asks.")

# Decompositions: units of UTF-16; a first unit (tag number << 8 | number of code points), then the code points.
tags = {"": 0}
units = [0]
decomp_of = [0] * N
seen = {}
for c, (tag, parts) in decomps.items():
    if (tag, parts) not in seen:
        seen[tag, parts] = len(units)
        units.append(intern(tags, tag) << 8 | len(parts))
        raw = "".join(map(chr, parts)).encode("utf-16-le")
        units.extend(struct.unpack(f"<{len(raw) // 2}H", raw))
    decomp_of[c] = seen[tag, parts]
assert len(units) < 65536
trie("DECOMPOSITION", decomp_of, "Code point to the position of its decomposition in `DECOMPOSITION_UNITS` (0: none).")
write("decomposition_units.bin", struct.pack(f"<{len(units)}H", *units))
rust.append("/// Decompositions: tag number << 8 | count, then the code points in UTF-16.")
rust.append(f"pub static DECOMPOSITION_UNITS: &[u8; {2 * len(units)}] = include_bytes!(\"decomposition_units.bin\");")
rust.append("")
strings("DECOMPOSITION_TAGS", list(tags), "Decomposition tags by number.")
pairs = sorted(compositions.items())
write("compositions.bin", b"".join(struct.pack("<III", a, b, c) for (a, b), c in pairs))
rust.append("/// Canonical compositions: (first, second, composite) in ascending order, three u32 each.")
rust.append(f"pub static COMPOSITIONS: &[u8; {12 * len(pairs)}] = include_bytes!(\"compositions.bin\");")
rust.append("")

# ---- Unicode 3.2.0

olds = {}
old_of = []
for c in (UNASSIGNED, *range(N)):
    s = chr(c)
    key = (CATEGORIES.index(old.category(s)), BIDI.index(old.bidirectional(s)), old.combining(s), old.mirrored(s),
           WIDTHS.index(old.east_asian_width(s)), old.decimal(s, 255), old.digit(s, 255),
           intern(numerics, old.numeric(s, None)))
    old_of.append(intern(olds, key))
    same = decomposition(old.decomposition(s))
    if not 0xAC00 <= c < 0xD7A4:
        assert same[1] == () or same == decomps[c], hex(c)
        assert same[1] != () or c not in decomps or old.category(s) == "Cn", hex(c)
trie("OLD_PROPERTY", old_of[1:], "Code point to index in `OLD_PROPERTIES`.")
records("OLD_PROPERTIES", "OldProperties",
        ["category:%d,bidirectional:%d,combining:%d,mirrored:%s,width:%d,decimal:%d,digit:%d,numeric:%d" %
         (k[:3] + ("true" if k[3] else "false",) + k[4:]) for k in olds], "What `unicodedata.ucd_3_2_0` asks.")
rust.append("/// Numeric values, by `CharType::numeric`; number 0 stands for none.")
rust.append(f"pub static NUMERIC_VALUES: [f64; {len(numerics)}] = [{', '.join(repr(float(v or 0.0)) for v in numerics)}];")
rust.append("")
corrections = []
for c in range(N):
    s = chr(c)
    if 0xD800 <= c < 0xE000 or old.category(s) == "Cn":
        continue
    if old.normalize("NFD", s) != ucd.normalize("NFD", s):
        corrections.append((c, seq(old.normalize("NFD", s))))
assert all(len(v) == 1 for _, v in corrections)
rust.append("/// Canonical mappings of Unicode 3.2.0 that were corrected since.")
rust.append(f"pub static OLD_CORRECTIONS: [(u32, u32); {len(corrections)}] = "
            f"[{', '.join(f'(0x{c:X}, 0x{v[0]:X})' for c, v in corrections)}];")
rust.append("")

# ---- names

names = []
ideographs = []
for c in range(N):
    name = ucd.name(chr(c), None)
    if name is None:
        continue
    if name.startswith("HANGUL SYLLABLE "):
        continue
    if name.endswith(f"-{c:X}"):
        prefix = name[:-len(f"{c:X}")]
        if ideographs and ideographs[-1][1:] == [c - 1, prefix]:
            ideographs[-1][1] = c
        else:
            ideographs.append([c, c, prefix])
        continue
    names.append((name, c))


def private(start):
    """Aliases and named sequences hide in private-use code points, and 'namereplace' shows their names."""
    c = start
    while True:
        text = chr(c).encode("ascii", "namereplace").decode()
        if not text.startswith("\\N{"):
            return
        yield text[3:-1], c
        c += 1


extra = []
for start in (0xF0000, 0xF0200):
    for name, code in private(start):
        extra.append((name, code, seq(ucd.lookup(name))))
all_names = names + [(name, code) for name, code, _ in extra]
print(len(names), "names", len(extra), "aliases and sequences", file=sys.stderr)

counts = {}
for name, _ in all_names:
    for word in name.split(" "):
        counts[word] = counts.get(word, 0) + 1
words = sorted(counts, key=lambda w: (-counts[w], w))
# Numbers below SHORT take one byte; the others two: SHORT + high, low.
extra_pages = 0
while (255 - extra_pages) + extra_pages * 256 < len(words):
    extra_pages += 1
SHORT = 255 - extra_pages
number = {w: i for i, w in enumerate(words)}
END = 255


def encode(name):
    out = bytearray()
    for word in name.split(" "):
        i = number[word]
        if i < SHORT:
            out.append(i)
        else:
            out += bytes((SHORT + (i - SHORT >> 8), i - SHORT & 255))
    out.append(END)
    return out


GROUP = 8
stream = bytearray()
offsets = []
for i, (name, _) in enumerate(all_names):
    if i % GROUP == 0:
        offsets.append(len(stream))
    stream += encode(name)
write("name_stream.bin", bytes(stream))
write("name_offsets.bin", b"".join(struct.pack("<I", o) for o in offsets))
text = "".join(words)
write("name_words.bin", text.encode())
at = 0
positions = []
for w in words + [""]:
    positions.append(at)
    at += len(w)
write("name_word_ends.bin", b"".join(struct.pack("<I", p)[:3] for p in positions))
runs = []
for i, (_, c) in enumerate(all_names):
    if runs and c - runs[-1][0] == i - runs[-1][1]:
        runs[-1][2] += 1
    else:
        runs.append([c, i, 1])
write("name_runs.bin", b"".join(struct.pack("<III", *r) for r in runs))
order = sorted(range(len(all_names)), key=lambda i: all_names[i][0])
assert len(order) < 65536
write("name_order.bin", struct.pack(f"<{len(order)}H", *order))
rust.append(f"/// Word numbers below this one take one byte.\npub const NAME_SHORT: usize = {SHORT};")
rust.append(f"/// One offset per this many names.\npub const NAME_GROUP: usize = {GROUP};")
rust.append(f"/// How many names there are, aliases and sequences included.\npub const NAME_COUNT: usize = {len(all_names)};")
for file, doc in (("name_stream", "Names as word numbers, each ended by 255."),
                  ("name_offsets", "Where every group of names starts in the stream (u32)."),
                  ("name_words", "All words of names, the frequent ones first."),
                  ("name_word_ends", "Where each word starts (3 bytes); one more entry ends the last."),
                  ("name_runs", "Runs of named code points: (first, number of its name, length), three u32 each."),
                  ("name_order", "Numbers of names in alphabetical order (u16).")):
    rust.append(f"/// {doc}\npub static {file.upper()}: &[u8] = include_bytes!(\"{file}.bin\");")
rust.append("")
rust.append("/// Ranges of characters named after their code point: first, last, and the name before its hexadecimal digits.")
rust.append(f"pub static IDEOGRAPHS: [(u32, u32, &str); {len(ideographs)}] = "
            f"[{', '.join(f'(0x{a:X}, 0x{b:X}, {chr(34)}{p}{chr(34)})' for a, b, p in ideographs)}];")
lookup_only = []
for c in range(N):
    if ucd.name(chr(c), None) is None:
        try:
            assert ucd.lookup(f"TANGUT IDEOGRAPH-{c:X}") == chr(c)
        except KeyError:
            continue
        if lookup_only and lookup_only[-1][1] == c - 1:
            lookup_only[-1][1] = c
        else:
            lookup_only.append([c, c])
rust.append("/// Ranges that can be looked up as TANGUT IDEOGRAPH-X, but that CPython does not name.")
rust.append(f"pub static TANGUT: [(u32, u32); {len(lookup_only)}] = "
            f"[{', '.join(f'(0x{a:X}, 0x{b:X})' for a, b in lookup_only)}];")
rust.append("/// Private-use code points that stand for aliases and named sequences, and what these mean.")
rust.append(f"pub static NAME_EXTRAS: [(u32, &[u32]); {len(extra)}] = [")
rust.extend(f"    (0x{c:X}, &[{', '.join(f'0x{v:X}' for v in value)}])," for _, c, value in extra)
rust.append("];")

with open(os.path.join(OUT, "mod.rs"), "w") as f:
    f.write("\n".join(rust) + "\n")
print("total", total, "bytes in .bin;", len(words), "words; ctypes", len(ctypes), "props", len(props), "olds", len(olds),
      "special", len(special), "numerics", len(numerics), file=sys.stderr)
