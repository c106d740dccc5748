"""The work of `main.rs` by Thespian's multiprocTCPBase: `pip install thespian`, then run this."""

import os
import statistics
import time

from thespian.actors import Actor, ActorExitRequest, ActorSystem


class Echo(Actor):
    notes = 0

    def receiveMessage(self, message, sender):
        if isinstance(message, bytes):
            self.send(sender, message)
        elif message == "pid":
            self.send(sender, os.getpid())
        elif message == "notes":
            self.send(sender, self.notes)
        elif isinstance(message, int):
            self.notes += 1


def times(count, work):
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def row(name, taken):
    print(f"| {name} | {1e6 * statistics.median(taken):.0f}µs | {1e6 * taken[len(taken) * 99 // 100]:.0f}µs |")


def main():
    system = ActorSystem("multiprocTCPBase")
    try:
        def start():
            echo = system.createActor(Echo)
            assert system.ask(echo, "pid", 10)
            system.tell(echo, ActorExitRequest())

        starts = times(50, start)
        echo = system.createActor(Echo)
        pid = system.ask(echo, "pid", 10)

        def call(size):
            assert len(system.ask(echo, bytes(size), 30)) == size

        small = times(1000, lambda: call(64))
        large = times(20, lambda: call(1 << 20))
        began = time.perf_counter()
        for note in range(1000):
            system.tell(echo, note)
        assert system.ask(echo, "notes", 60) == 1000
        per_note = (time.perf_counter() - began) / 1000
        print("| | median | 99 % |\n|---|---:|---:|")
        row("start, one round trip, and exit", starts)
        row("round trip, 64 bytes", small)
        row("round trip, 1 MiB", large)
        print(f"| message one way, of 1000 | {1e6 * per_note:.0f}µs | |")
        with open(f"/proc/{pid}/smaps_rollup") as memory:
            for line in memory:
                if line.split(":")[0] in ("Rss", "Pss", "Private_Dirty"):
                    print(f"| memory of the OS process, {line.split(':')[0]} | {line.split(':')[1].strip()} | |")
    finally:
        system.shutdown()


if __name__ == "__main__":
    main()
