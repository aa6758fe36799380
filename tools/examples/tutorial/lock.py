"""A count that many change: threading.Lock and `with`."""
import threading

count = 0
lock = threading.Lock()


def add(times):
    global count
    for _ in range(times):
        with lock:
            count += 1


def main():
    threads = [threading.Thread(target=add, args=(100000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print('count', count)


main()
