"""Between two parties: passes bytes on, and now and then cuts the line after a request was handed over and before its answer is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

CHUNK = 64 * 1024


class Proxy:
    """Cuts lines. Whether a request is one to be cut after, `cut` says of its bytes; how, it says by its answer:

    None: passed on, answer and all. "answered": the line is cut once the answer is there, which nobody hears. "at once": it is cut
    as soon as the request was handed over, and whether it was carried out nobody knows.
    """

    def __init__(self, port: int, cut: Callable[[bytes], str | None]) -> None:
        self._port = port
        self._cut = cut
        self.cuts = {"answered": 0, "at once": 0}
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            to_client.transport.abort()
            return
        line = _Line(to_client=to_client, to_server=to_server)
        there = asyncio.create_task(self._requests(client, line))
        back = asyncio.create_task(self._answers(server, line))
        await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        for task in (there, back):
            task.cancel()
        line.abort()

    async def _requests(self, client: asyncio.StreamReader, line: "_Line") -> None:
        with contextlib.suppress(OSError):
            while chunk := await client.read(CHUNK):
                how = self._cut(chunk)
                line.swallowing = line.swallowing or how == "answered"
                line.to_server.write(chunk)
                await line.to_server.drain()
                if how is not None:
                    self.cuts[how] += 1
                if how == "at once":
                    return

    async def _answers(self, server: asyncio.StreamReader, line: "_Line") -> None:
        with contextlib.suppress(OSError):
            while chunk := await server.read(CHUNK):
                if line.swallowing:
                    return
                line.to_client.write(chunk)
                await line.to_client.drain()


class _Line:
    """Both ends of one connection."""

    def __init__(self, *, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter) -> None:
        self.to_client, self.to_server = to_client, to_server
        self.swallowing = False

    def abort(self) -> None:
        self.to_client.transport.abort()
        self.to_server.transport.abort()
