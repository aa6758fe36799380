"""What pools are for: threads are reused, and only so many run at a time."""
import threading
import time
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()
present = most = 0
seen = set()


def task(_):
    global present, most
    with lock:
        present += 1
        most = max(most, present)
        seen.add(threading.get_ident())
    time.sleep(0.005)
    with lock:
        present -= 1


def main():
    with ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(task, range(60)))
    print('60 tasks,', most, 'at a time,', len(seen), 'threads')


main()
