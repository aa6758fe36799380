"""Both at once: coroutines that answer, and processes that compute, so that neither waits."""
import asyncio
from concurrent.futures import ProcessPoolExecutor


def heavy(n):
    x = n
    for _ in range(10000000):
        x = (x * 1103515245 + 12345) % 2147483648
    return x


async def light(answers, over):
    while not over.is_set():
        answers.append(1)
        await asyncio.sleep(0.001)


async def main():
    answers, over = [], asyncio.Event()
    ticking = asyncio.create_task(light(answers, over))
    with ProcessPoolExecutor(max_workers=2) as pool:
        loop = asyncio.get_running_loop()
        results = await asyncio.gather(*(loop.run_in_executor(pool, heavy, n) for n in range(4)))
    over.set()
    await ticking
    for n, x in enumerate(results):
        print(f'heavy {n}: {x}')
    print('and was there for others meanwhile:', len(answers) > 3)


if __name__ == '__main__':
    asyncio.run(main())
