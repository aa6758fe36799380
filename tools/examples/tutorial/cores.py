"""The global lock of the interpreter: a loop in two threads is no faster than one after the other."""
import threading


def spin(results, i):
    x = i
    for _ in range(5000000):
        x = (x * 1103515245 + 12345) % 2147483648
    results[i] = x


def main():
    results = [0, 0]
    threads = [threading.Thread(target=spin, args=(results, i)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, x in enumerate(results):
        print(f'loop {i} ends at {x}')


main()
