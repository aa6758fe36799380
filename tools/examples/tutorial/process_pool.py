"""Four jobs over two processes: ProcessPoolExecutor."""
from concurrent.futures import ProcessPoolExecutor


def count_primes(below):
    return sum(all(n % d for d in range(2, int(n ** 0.5) + 1)) for n in range(2, below))


def main():
    bounds = (10000, 20000, 30000, 40000)
    with ProcessPoolExecutor(max_workers=2) as pool:
        for below, primes in zip(bounds, pool.map(count_primes, bounds)):
            print(f'{primes} primes below {below}')


if __name__ == '__main__':
    main()
