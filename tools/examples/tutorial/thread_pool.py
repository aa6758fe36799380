"""Five tasks over three threads: ThreadPoolExecutor, submit, future.result."""
import time
from concurrent.futures import ThreadPoolExecutor


def task(n):
    time.sleep(0.2)
    return n * n


def main():
    begun = time.monotonic()
    with ThreadPoolExecutor(max_workers=3) as pool:
        futures = [pool.submit(task, n) for n in range(5)]
        for n, future in enumerate(futures):
            print(f'task {n}: {future.result()}')
    print('two rounds of 0.2 s:', '0.4 s' if time.monotonic() - begun < 0.9 else 'longer')


main()
