# A bytearray may refer to a large bytes object until one of them would notice.
data = bytes(range(256)) * 40


def check(label, array, expected):
    assert bytes(array) == bytes(expected), label
    assert len(array) == len(expected), label
    assert data == bytes(range(256)) * 40, label
    print(label, len(array), bytes(array[:4]), bytes(array[-4:]))


def fed():
    array = bytearray()
    array.extend(data)
    return array


for make in (fed, lambda: bytearray(data)):
    plain = list(data)
    array = make()
    check("as made", array, plain)
    assert bytes(memoryview(array)) == data
    assert bytes(memoryview(array)[:-1]) == data[:-1]
    array[3] = 77
    plain[3] = 77
    check("item", array, plain)

    array = make()
    array.append(1)
    check("append", array, list(data) + [1])
    array = make()
    array.extend(data)
    check("extend", array, data + data)
    array = make()
    array += b"xyz"
    check("plus", array, data + b"xyz")

    array = make()
    del array[:100]
    check("front", array, data[100:])
    array[0] = 9
    check("front, item", array, b"\x09" + data[101:])
    array = make()
    del array[: len(data) - 10]
    check("nearly all", array, data[-10:])
    array = make()
    del array[:100]
    assert bytes(array) == data[100:] and bytes(memoryview(array)) == data[100:]
    del array[:]
    check("all", array, b"")
    array.extend(b"again")
    check("again", array, b"again")

    array = make()
    assert (array.pop(), array.pop(0), array.pop(5)) == (255, 0, 6)
    check("pop", array, data[1:6] + data[7:-1])
    array = make()
    array.insert(1, 200)
    check("insert", array, data[:1] + bytes([200]) + data[1:])
    array = make()
    array.reverse()
    check("reverse", array, data[::-1])
    array = make()
    array.resize(5000)
    check("resize", array, data[:5000])
    array = make()
    array[10:20] = b"0123456789"
    check("slice", array, data[:10] + b"0123456789" + data[20:])
    array = make()
    del array[::2]
    check("steps", array, data[1::2])
    array = make()
    array.remove(5)
    check("remove", array, data[:5] + data[6:])
    array = make()
    array *= 2
    check("times", array, data * 2)

    array = make()
    with memoryview(array) as view:
        view[0] = 123
        try:
            array.extend(data)
        except BufferError as e:
            print(e)
        view[1:3] = b"ab"
    check("view", array, b"{ab" + data[3:])
    array = make()
    kept = bytes(array)
    array[0] = 1
    assert kept == data
    array = make()
    array.clear()
    check("clear", array, b"")
    print(make().find(b"\xff\x00"), make().count(b"\x07"), make() == data, make().__alloc__() > len(data))


class Sub(bytes):
    pass


array = bytearray()
array.extend(Sub(data))
assert type(bytes(array)) is bytes and bytes(array) == data
assert type(bytes(bytearray(Sub(data)))) is bytes
