"""Two tasks in processes of their own, and one that crashes: multiprocessing.Process."""
import ctypes
import multiprocessing
import time


def task(name):
    time.sleep(0.3)
    print(f'{name} done', flush=True)


def crash():
    ctypes.string_at(0)


def main():
    for name in ('task 1', 'task 2'):
        process = multiprocessing.Process(target=task, args=(name,))
        process.start()
        process.join()
    process = multiprocessing.Process(target=crash)
    process.start()
    process.join()
    print('crash: signal', -process.exitcode)


if __name__ == '__main__':
    main()
