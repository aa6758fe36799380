"""Waiting interleaves on one core; computing needs several: two tools in Python."""
import multiprocessing
import threading
import time


def wait(seconds):
    time.sleep(seconds)


def count_primes(first, last):
    return sum(all(n % d for d in range(2, int(n ** 0.5) + 1)) for n in range(first, last))


def main():
    begun = time.monotonic()
    threads = [threading.Thread(target=wait, args=(0.2,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print('four waits of 0.2 s took', '0.2 s' if time.monotonic() - begun < 0.6 else 'longer')

    with multiprocessing.Pool() as pool:
        parts = pool.starmap(count_primes, [(2, 20000), (20000, 40000), (40000, 60000), (60000, 80000)])
    for i, primes in enumerate(parts):
        print(f'part {i}: {primes} primes')
    print('together', sum(parts))


if __name__ == '__main__':
    main()
