# Base 16, 32, 64 and 85 of data of every small length, there and back, and what is refused.
import base64
import hashlib

data = bytes(range(256)) + b'\0' * 9 + b' ' * 9 + bytes(range(255, -1, -1))
lengths = [*range(41), 255, 256, 257, 300, len(data)]

ENCODINGS = {
    'b16': (base64.b16encode, base64.b16decode),
    'b32': (base64.b32encode, base64.b32decode),
    'b32hex': (base64.b32hexencode, base64.b32hexdecode),
    'b64': (base64.b64encode, base64.b64decode),
    'urlsafe': (base64.urlsafe_b64encode, base64.urlsafe_b64decode),
    'b85': (base64.b85encode, base64.b85decode),
    'z85': (base64.z85encode, base64.z85decode),
    'a85': (base64.a85encode, base64.a85decode),
    'adobe': (lambda b: base64.a85encode(b, adobe=True, wrapcol=20), lambda b: base64.a85decode(b, adobe=True)),
    'btoa': (lambda b: base64.a85encode(b, foldspaces=True, pad=True), lambda b: base64.a85decode(b, foldspaces=True)),
}

for name, (encode, decode) in ENCODINGS.items():
    seen = hashlib.md5()
    for start in (0, 100, 250):
        for length in lengths:
            piece = data[start:start + length]
            for kind in bytes, bytearray, memoryview:
                text = encode(kind(piece))
                assert type(text) is bytes
            seen.update(text)
            back = decode(text.decode('ascii'))
            assert back.startswith(piece) if name == 'btoa' else back == piece, (name, piece, text, back)
    print(name, encode(b'naja' * 3 + b'!'), seen.hexdigest())

print(base64.b32decode(b'ME0A====', map01='L'), base64.b32decode('mfra====', casefold=True))
print(base64.a85decode(b'9jq o^B\nlbD-', ignorechars=b' \n'), base64.a85decode('87cURDZ', ignorechars=[32]))
print(base64.b64decode('QQ=='), base64.b64decode('Q Q = ='), base64.b64decode('QUJD\nREVG'), base64.b64decode('-_-_', altchars='-_'))

REFUSED = [
    (base64.b16decode, 'a0'), (base64.b16decode, 'A'), (base64.b16decode, 'é'),
    (base64.b32decode, 'ABC'), (base64.b32decode, 'AB======'), (base64.b32decode, 'A1======'), (base64.b32decode, 'ABCDE==='),
    (base64.b32decode, '========'), (base64.b32decode, 'AB=C===='), (base64.b32decode, 'A======='), (base64.b32hexdecode, 'ZZ======'),
    (base64.b64decode, 'Q'), (base64.b64decode, 'QUJDR'), (base64.b64decode, 'QQ='),
    (base64.b85decode, b'ab"de'), (base64.b85decode, b'abcde~~~~~'), (base64.b85decode, b'\xff'), (base64.b85decode, b'~~~~'),
    (base64.z85decode, b'a;cde'), (base64.a85decode, b'abzcd'), (base64.a85decode, b's8W-"'), (base64.a85decode, b'v'),
    (base64.a85decode, b'\xe9'), (base64.b32encode, 'text'), (base64.b85encode, 5), (base64.a85encode, None), (base64.b85decode, 1.5),
]
for function, text in REFUSED:
    try:
        print(function.__name__, text, function(text))
    except (ValueError, TypeError) as e:
        print(function.__name__, text, type(e).__name__, e)
try:
    base64.b64decode('QQ==x', validate=True)
except ValueError as e:
    print(e)
try:
    base64.a85decode(b'abc', adobe=True)
except ValueError as e:
    print(e)
