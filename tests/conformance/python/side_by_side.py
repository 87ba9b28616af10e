"""The asynchronous client, with several sandboxes at once."""

import asyncio

from daytona import AsyncDaytona

COUNT = 6


async def one(daytona, number):
    sandbox = await daytona.create()
    try:
        answer = await sandbox.process.exec(f"echo {number}; hostname")
        assert answer.result == f"{number}\n{sandbox.id}\n", answer
        await sandbox.fs.upload_file(str(number).encode(), "number")
        assert await sandbox.fs.download_file("number") == str(number).encode()
        return sandbox.id
    finally:
        await sandbox.delete()


async def main():
    async with AsyncDaytona() as daytona:
        ids = await asyncio.gather(*(one(daytona, number) for number in range(COUNT)))
        assert len(set(ids)) == COUNT


asyncio.run(main())
