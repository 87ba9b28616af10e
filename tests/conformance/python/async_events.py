"""The asynchronous client: waits end by events alone while polling is blind, and by polling when the stream breaks."""

import asyncio
import time

from daytona import AsyncDaytona, DaytonaNotFoundError
from passage import deadline, is_listening, steer


async def ask(order):
    return await asyncio.to_thread(steer, order)


async def until_listening():
    end = deadline()
    while not await asyncio.to_thread(is_listening):
        assert time.monotonic() < end, "the SDK has no event stream"
        await asyncio.sleep(0.02)


async def main():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        try:
            await until_listening()
            await sandbox.refresh_data()
            await ask("blind/2")
            await sandbox.stop(timeout=30)
            assert (await ask("open"))["gets"] >= 2, "polling was asked, and was blind"
            assert (await daytona.get(sandbox.id)).state == "stopped"

            await sandbox.start()
            assert sandbox.state == "started", sandbox.state
            await sandbox.refresh_data()
            await ask("cut/3")
            await sandbox.stop(timeout=30)
            report = await ask("report")
            assert sandbox.state == "stopped", sandbox.state
            assert report["sockets"] == 0 and report["gets"] >= 4, report

            await ask("open")
            await until_listening()
            await sandbox.refresh_data()
            await ask("blind/1")
            await sandbox.delete(timeout=30, wait=True)
            assert (await ask("open"))["gets"] >= 1
            try:
                await daytona.get(sandbox.id)
                raise AssertionError("it is still there")
            except DaytonaNotFoundError:
                pass
        finally:
            await ask("open")
            try:
                await sandbox.delete()
            except DaytonaNotFoundError:
                pass


asyncio.run(main())
