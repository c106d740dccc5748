#!/usr/bin/env python3
"""Prints a random scenario for a seed:  generate.py SEED   (format: README.md beside this file)"""
import random
import sys


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.out = [f"# seed {seed}"]
        self.sups = []  # (name, auto_shutdown)
        self.children = []  # (parent, name)
        # A tree that bears little ends soon; one that bears much sees more.
        self.intensities = self.rng.choice([[0, 1, 2, 3, 5, 8], [5, 20, 100]])

    def generate(self):
        self.supervisor("root", None, "never", 0)
        self.out.append("run")
        for number in range(self.rng.randint(8, 30)):
            self.command(number)
        self.out += [f"which {name}" for name, _ in self.sups]
        return "\n".join(self.out) + "\n"

    def say(self, *words):
        self.out.append(" ".join(words))

    def options(self, parent_auto, kind):
        rng = self.rng
        restart = rng.choice(["permanent", "permanent", "transient", "temporary"])
        kv = [f"restart={restart}"]
        if kind == "child":
            kv.append("shutdown=" + rng.choice(["brutal_kill", "60", "2000", "2000", "infinity"]))
        if parent_auto != "never" and restart != "permanent" and rng.random() < 0.5:
            kv.append("significant=true")
        return kv

    def supervisor(self, name, parent, parent_auto, depth):
        rng = self.rng
        auto = rng.choice(["never", "never", "any_significant", "all_significant"])
        kv = [f"strategy={rng.choice(['one_for_one', 'one_for_all', 'rest_for_one'])}",
              f"intensity={rng.choice(self.intensities)}", f"auto_shutdown={auto}"]
        if parent:
            self.say("sup_in", parent, name, *self.options(parent_auto, "sup"), *kv)
            self.children.append((parent, name))
        else:
            self.say("sup", name, *kv)
        self.sups.append((name, auto))
        for i in range(rng.randint(1, 4)):
            child = f"{name}{i}" if parent else f"c{i}"
            if depth < 2 and rng.random() < 0.25:
                self.supervisor("s" + child, name, auto, depth + 1)
            else:
                kv = self.options(auto, "child")
                if rng.random() < 0.04:
                    kv.append("start=" + rng.choice(["error", "ignore", "ok,error", "ok,ignore"]))
                self.say("child", name, child, *kv)
                self.children.append((name, child))

    def is_supervisor(self, name):
        return any(name == sup for sup, _ in self.sups)

    def command(self, number):
        rng = self.rng
        sup, auto = rng.choice(self.sups)
        owner, child = rng.choice(self.children)
        workers = [c for c in self.children if not self.is_supervisor(c[1])]
        home, worker = rng.choice(workers)
        pick = rng.random()
        if pick < 0.25:
            self.say("crash", worker)
        elif pick < 0.36:
            self.say("exit", worker, rng.choice(["normal", "shutdown", "shutdown:done", "other"]))
        elif pick < 0.40:
            self.say("kill", worker)
        elif pick < 0.44:
            self.say("kill", child)
        elif pick < 0.54:
            self.next_start(worker)
        elif pick < 0.61:
            self.on_stop(home, worker)
        elif pick < 0.68:
            self.say("terminate_child", owner, child)
        elif pick < 0.74:
            self.say("restart_child", owner, child)
        elif pick < 0.78:
            self.say("delete_child", owner, child)
        elif pick < 0.85:
            self.start_child(sup, auto, f"new{number}")
        elif pick < 0.92:
            self.while_suspended(sup, [name for parent, name in workers if parent == sup])
        elif pick < 0.97:
            self.say("which", sup)
        else:
            self.say("count", sup)

    def next_start(self, worker):
        rng = self.rng
        self.say("next_start", worker, *[rng.choice(["error", "error", "ok", "ignore"]) for _ in range(rng.randint(1, 4))])

    def on_stop(self, parent, worker):
        how = self.rng.choice(["clean", "slow:15", "slow:150", "stubborn", "crash", "normal"])
        waits_for_ever = any(f" {parent} {worker} " in line and "infinity" in line for line in self.out)
        if how != "stubborn" or not waits_for_ever:
            self.say("on_stop", worker, how)

    def start_child(self, sup, auto, name):
        rng = self.rng
        siblings = [child for parent, child in self.children if parent == sup and not self.is_supervisor(child)]
        if siblings and rng.random() < 0.2:
            self.say("start_child", sup, rng.choice(siblings))
            return
        if rng.random() < 0.2:
            self.say("next_start", name, rng.choice(["error", "ignore"]))
        significant = ["significant=true"] if rng.random() < 0.1 else []
        self.say("start_child", sup, name, *self.options(auto, "child"), *significant)
        self.children.append((sup, name))

    def while_suspended(self, sup, workers):
        if not workers:
            return
        self.say("suspend", sup)
        for worker in self.rng.sample(workers, self.rng.randint(1, len(workers))):
            self.say(*self.rng.choice(["crash {}", "crash {}", "exit {} normal", "kill {}"]).format(worker).split())
        self.say("resume", sup)


if __name__ == "__main__":
    sys.stdout.write(Generator(int(sys.argv[1])).generate())
