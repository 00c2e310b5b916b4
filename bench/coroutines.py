"""Coroutines driven by a hand-written loop: await chains, async for, async with."""


class Pause:
    def __await__(self):
        return (yield self)


class Ticker:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        return self.n


class Lock:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return False


async def leaf(n):
    return n + 1


async def deep(depth, n):
    if depth == 0:
        await Pause()
        return await leaf(n)
    return await deep(depth - 1, n)


async def numbers(n):
    for i in range(n):
        yield i


async def worker(n):
    total = 0
    for i in range(n):
        total += await deep(5, i)
        async with Lock():
            total += 1
    async for x in Ticker(n):
        total += x
    async for x in numbers(n):
        total += x
    return total


def run(coroutines):
    ready = [(c, None) for c in coroutines]
    results = []
    while ready:
        again = []
        for c, value in ready:
            try:
                c.send(value)
                again.append((c, None))
            except StopIteration as stop:
                results.append(stop.value)
        ready = again
    return sum(results)


print(run([worker(4000) for _ in range(10)]))
