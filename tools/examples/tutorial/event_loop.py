"""A server and its clients in one loop: every call that waits must be an `async` one."""
import asyncio


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def ask(port, i):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(f'hello from client {i}\n'.encode())
    answer = await reader.readline()
    writer.close()
    return answer.decode().strip()


async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    for answer in await asyncio.gather(*(ask(port, i) for i in range(5))):
        print(answer)
    server.close()


asyncio.run(main())
