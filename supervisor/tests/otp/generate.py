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
        self.pools = []
        # A tree that bears little ends soon; one that bears much sees more.
        self.intensities = self.rng.choice([[0, 1, 2, 3, 5, 8], [5, 20, 100]])

    def generate(self):
        kind = self.rng.choice(["tree"] * 7 + ["deep"] * 2 + ["windows"])
        if kind == "windows":
            self.windows()
        else:
            self.deep() if kind == "deep" else self.supervisor("root", None, "never", 0)
            self.out.append("run")
            for number in range(self.rng.randint(8, 30)):
                self.command(number)
        self.out += [f"which {name}" for name, _ in self.sups]
        return "\n".join(self.out) + "\n"

    def deep(self):
        """Supervisors of supervisors that bear little: what happens at the bottom is felt at the top."""
        rng = self.rng
        parent, parent_auto = None, "never"
        for level in range(rng.randint(3, 5)):
            name = f"s{level}"
            auto = rng.choice(["never", "any_significant", "all_significant"])
            kv = [f"strategy={rng.choice(['one_for_one', 'one_for_all', 'rest_for_one'])}",
                  f"intensity={rng.choice([0, 0, 1, 2])}", f"auto_shutdown={auto}"]
            if parent:
                self.say("sup_in", parent, name, *self.options(parent_auto, "sup"), *kv)
                self.children.append((parent, name))
            else:
                self.say("sup", name, *kv)
            self.sups.append((name, auto))
            for side in "ab"[:rng.randint(0, 2)]:
                self.worker(name, f"c{level}{side}", auto)
            parent, parent_auto = name, auto
        self.worker(parent, "bottom", parent_auto)

    def windows(self):
        """Restarts at known seconds. OTP's clock is nobody's to set, but `align` waits for a second of it to begin."""
        rng = self.rng
        period = rng.randint(1, 2)
        self.say("sup", "root", "strategy=one_for_one", "intensity=3")
        self.say("sup_in", "root", "s", f"strategy={rng.choice(['one_for_one', 'one_for_all', 'rest_for_one'])}",
                 f"intensity={rng.randint(1, 3)}", f"period={period}")
        self.sups += [("root", "never"), ("s", "never")]
        if rng.random() < 0.5:
            self.say("pool", "root", "p", f"intensity={rng.randint(1, 2)}", f"period={period}")
            self.sups.append(("p", "never"))
        for child in "ab":
            self.worker("s", child, "never")
        self.out.append("run")
        if len(self.sups) > 2:
            self.say("start_child", "p", "w")
        for _ in range(rng.randint(2, 4)):
            for _ in range(rng.choice([1, 1, 2, period + 1])):
                self.say("align")
            if rng.random() < 0.5:
                self.say("sleep", rng.choice(["100", "200", "300"]))
            for _ in range(rng.randint(1, 3)):
                self.say("crash", rng.choice("abw" if len(self.sups) > 2 else "ab"))

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
            pick = rng.random()
            if depth < 2 and pick < 0.25:
                self.supervisor("s" + child, name, auto, depth + 1)
            elif pick > 0.93:
                self.pool("p" + child, name, auto)
            else:
                self.worker(name, child, auto)

    def worker(self, parent, name, parent_auto):
        kv = self.options(parent_auto, "child")
        if self.rng.random() < 0.04:
            kv.append("start=" + self.rng.choice(["error", "ignore", "ok,error", "ok,ignore"]))
        self.say("child", parent, name, *kv)
        self.children.append((parent, name))

    def pool(self, name, parent, parent_auto):
        rng = self.rng
        self.say("pool", parent, name, *self.options(parent_auto, "sup"), f"intensity={rng.choice(self.intensities)}",
                 f"each_restart={rng.choice(['permanent', 'transient', 'temporary'])}",
                 f"each_shutdown={rng.choice(['brutal_kill', '60', '2000', 'infinity'])}")
        self.children.append((parent, name))
        self.sups.append((name, "never"))
        self.pools.append(name)

    def is_supervisor(self, name):
        return any(name == sup for sup, _ in self.sups)

    def command(self, number):
        rng = self.rng
        sup, auto = rng.choice(self.sups)
        owner, child = rng.choice(self.children)
        workers = [c for c in self.children if not self.is_supervisor(c[1])]
        home, worker = rng.choice(workers) if workers else rng.choice(self.children)
        pick = rng.random()
        if not workers and (pick < 0.40 or 0.44 <= pick < 0.61):
            self.start_child(sup, auto, f"new{number}")
        elif pick < 0.25:
            self.say("crash", worker)
        elif pick < 0.36:
            self.say("exit", worker, rng.choice(["normal", "shutdown", "shutdown:done", "other"]))
        elif pick < 0.40:
            self.say("kill", worker)
        elif pick < 0.44:
            self.say("kill", child)
        elif pick < 0.53:
            self.next_start(home, worker)
        elif pick < 0.60:
            self.on_stop(home, worker)
        elif pick < 0.66:
            self.say("terminate_child", owner, child)
        elif pick < 0.72 and owner not in self.pools:
            self.say("restart_child", owner, child)
        elif pick < 0.76 and owner not in self.pools:
            self.say("delete_child", owner, child)
        elif pick < 0.84:
            self.start_child(sup, auto, f"new{number}")
        elif pick < 0.91:
            self.while_suspended(sup, [name for parent, name in workers if parent == sup])
        elif pick < 0.92:
            self.say("stop", sup, rng.choice(["normal", "shutdown", "other"]))
        elif pick < 0.94 and owner not in self.pools:
            self.say(rng.choice(["which_child", "spec"]), owner, child)
        elif pick < 0.97:
            self.say("which", sup)
        else:
            self.say("count", sup)

    def next_start(self, parent, worker):
        rng = self.rng
        # OTP's pool does not survive a child that ignores its restart.
        outcomes = ["error", "error", "ok"] + ["ignore"] * (parent not in self.pools)
        self.say("next_start", worker, *[rng.choice(outcomes) for _ in range(rng.randint(1, 4))])

    def on_stop(self, parent, worker):
        how = self.rng.choice(["clean", "slow:15", "slow:150", "stubborn", "crash", "normal"])
        waits_for_ever = any(self.is_line_of(line, parent, worker) and "infinity" in line for line in self.out)
        if how != "stubborn" or not waits_for_ever:
            self.say("on_stop", worker, how)

    def is_line_of(self, line, parent, worker):
        """Whether the line says how the worker is stopped."""
        words = line.split()
        return f" {parent} {worker} " in line + " " or (words[0] == "pool" and words[2] == parent)

    def start_child(self, sup, auto, name):
        rng = self.rng
        if sup in self.pools:
            if rng.random() < 0.2:
                self.say("next_start", name, rng.choice(["error", "ignore"]))
            self.say("start_child", sup, name)
            self.children.append((sup, name))
            return
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
