"""hashlib's functions for passwords, and hash objects by name."""
import hashlib
import hmac

print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1000).hex())
print(hashlib.pbkdf2_hmac("sha1", b"p" * 100, b"salt", 3, 50).hex())
print(hashlib.pbkdf2_hmac("blake2s", b"password", b"salt", 2).hex())
print(hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, dklen=64).hex())
print(hashlib.scrypt(b"", salt=b"", n=16, r=1, p=1, dklen=16).hex())
for name in ("sha256", "sha512_256", "sha3-384", "blake2b", "md5"):
    made = hashlib.new(name, b"data")
    print(made.name, made.digest_size, made.block_size, made.hexdigest())
shake = hashlib.new("shake_128", b"data")
print(shake.copy().hexdigest(8), shake.digest_size)
print(hmac.new(b"key", b"message", "sha256").hexdigest(), hmac.digest(b"key", b"message", hashlib.sha1).hex())
for call in (
    lambda: hashlib.new("nonsense"),
    lambda: hashlib.pbkdf2_hmac("sha256", b"p", b"s", 0),
    lambda: hashlib.scrypt(b"p", salt=b"s", n=3, r=1, p=1),
    lambda: hashlib.sha256("text"),
):
    try:
        call()
    except (ValueError, TypeError) as error:
        print(error)
