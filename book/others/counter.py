from datetime import timedelta

from thespian.actors import ActorSystem, ActorTypeDispatcher, PoisonMessage


class Add:
    def __init__(self, n):
        self.n = n


class Get:
    pass


class Counter(ActorTypeDispatcher):
    def __init__(self):
        super().__init__()
        self.total = 0

    def receiveMsg_Add(self, message, sender):
        if self.total + message.n >= 2**64:
            raise OverflowError("too much")
        self.total += message.n

    def receiveMsg_Get(self, message, sender):
        self.send(sender, self.total)


if __name__ == "__main__":
    system = ActorSystem("simpleSystemBase")
    counter = system.createActor(Counter)
    system.tell(counter, Add(2))
    print(system.ask(counter, Get(), timedelta(seconds=5)))
    system.tell(counter, Add(2**64))
    poison = system.ask(counter, Get(), timedelta(seconds=5))
    print(isinstance(poison, PoisonMessage))  # The answer to the tell before.
    system.shutdown()
