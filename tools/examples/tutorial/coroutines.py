"""Two coroutines gathered: asyncio.run, await asyncio.sleep, asyncio.gather."""
import asyncio
import time


async def fetch(name, seconds):
    print(f'{name} begins')
    await asyncio.sleep(seconds)
    print(f'{name} ends')
    return len(name)


async def main():
    begun = time.monotonic()
    sizes = await asyncio.gather(fetch('slow', 0.6), fetch('quick', 0.3))
    print('results', sizes, 'after', '0.6 s' if time.monotonic() - begun < 0.85 else 'longer')


asyncio.run(main())
