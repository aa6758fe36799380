"""Two tasks side by side: threading.Thread, start, join."""
import threading
import time


def task(name):
    print(f'{name} begins')
    time.sleep(2)
    print(f'{name} ends')


def main():
    threads = [threading.Thread(target=task, args=(f'task {i}',)) for i in (1, 2)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    print('all done after', '2 s' if time.monotonic() - begun < 3.5 else 'longer')


main()
