"""asyncio: tasks, gather, queues, locks, sleeping, asynchronous generators, streams over a socket, threads."""

import asyncio
import contextvars

depth = contextvars.ContextVar("depth", default=0)


async def tree(level):
    depth.set(level)
    if level == 0:
        await asyncio.sleep(0)
        return 1
    return sum(await asyncio.gather(*(tree(level - 1) for _ in range(5))))


async def numbers(n):
    for i in range(n):
        yield i
        if i % 16 == 0:
            await asyncio.sleep(0)


async def pipeline(n):
    queue = asyncio.Queue(8)
    lock = asyncio.Lock()
    total = 0

    async def produce():
        async for i in numbers(n):
            await queue.put(i)
        await queue.put(None)

    async def consume():
        nonlocal total
        while (item := await queue.get()) is not None:
            async with lock:
                total += item

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())
    return total


async def echo(n):
    async def serve(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    size = 0
    for i in range(n):
        writer.write(b"hello %d\n" % i * (i % 3 + 1))
        size += len(await reader.readline())
    writer.write((b"x" * 2000 + b"\n") * 100)
    writer.write_eof()
    size += len(await reader.read())
    writer.close()
    await writer.wait_closed()
    server.close()
    return size


async def main():
    print(await tree(6))
    print(await pipeline(12000))
    print(await echo(800))
    print(await asyncio.to_thread(sum, range(1000)))
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)
    except TimeoutError:
        print("timeout")


asyncio.run(main())
