"""A producer process puts, a consumer gets: multiprocessing.Queue."""
import multiprocessing


def produce(queue):
    for i in range(5):
        queue.put(f'item {i}')
    queue.put(None)


def main():
    queue = multiprocessing.Queue()
    producer = multiprocessing.Process(target=produce, args=(queue,))
    producer.start()
    while (item := queue.get()) is not None:
        print('got', item)
    producer.join()


if __name__ == '__main__':
    main()
