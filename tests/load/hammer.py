"""A light HTTP client in a process of its own: keep-alive connections that ask as fast as they are answered, or at a steady rate.

At a steady rate each request's time counts from when it should have been sent, so that a server that stands still is not spared.
"""

import asyncio
import json
import sys
import time
from uuid import uuid4


async def main() -> None:
    wish = json.loads(sys.argv[1])
    times: list[float] = []
    refused = 0
    began = time.perf_counter()
    until = began + wish["seconds"]
    due = iter(range(10**9))

    async def client() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection(wish["host"], wish["port"])
        while True:
            start = began + next(due) / wish["rate"] if wish["rate"] else time.perf_counter()
            if start >= until:
                break
            if (early := start - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            key = str(uuid4())
            body = json.dumps({"offer_id": f"web--{key}"}).encode()
            writer.write(
                f"POST {wish['path']} HTTP/1.1\r\nHost: {wish['host']}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"Authorization: Bearer {wish['token']}\r\nIdempotency-Key: {key}\r\n\r\n".encode()
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(length)
            refused += not head.startswith(b"HTTP/1.1 201")
            times.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(client() for _ in range(wish["clients"])))
    times.sort()
    print(
        json.dumps(
            {
                "rate": len(times) / (time.perf_counter() - began),
                "p50": times[len(times) // 2],
                "p99": times[int(len(times) * 0.99)],
                "refused": refused,
            }
        )
    )


asyncio.run(main())
