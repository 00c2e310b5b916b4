"""An operating system's scheduler in small: queues of packets, tasks as subclasses with state flags (after Martin Richards)."""

IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = range(1, 7)
DEVICE, WORK = 1000, 1001


class Packet:
    def __init__(self, link, ident, kind):
        self.link = link
        self.ident = ident
        self.kind = kind
        self.datum = 0
        self.data = [0] * 4

    def append_to(self, queue):
        self.link = None
        if queue is None:
            return self
        p = queue
        while p.link is not None:
            p = p.link
        p.link = self
        return queue


class State:
    def __init__(self):
        self.pending = True
        self.waiting = False
        self.holding = False

    def running(self):
        self.pending = self.waiting = self.holding = False
        return self

    def wait_with_packet(self):
        self.pending = self.waiting = True
        self.holding = False
        return self

    def wait(self):
        self.pending = False
        self.waiting = True
        self.holding = False
        return self

    def held_or_waiting(self):
        return self.holding or (not self.pending and self.waiting)

    def has_packet(self):
        return self.pending and self.waiting and not self.holding


class Scheduler:
    def __init__(self):
        self.tasks = None
        self.table = [None] * 10
        self.held = 0
        self.queued = 0


class Task(State):
    def __init__(self, scheduler, ident, priority, queue, state):
        self.scheduler = scheduler
        self.link = scheduler.tasks
        self.ident = ident
        self.priority = priority
        self.queue = queue
        self.pending = state.pending
        self.waiting = state.waiting
        self.holding = state.holding
        scheduler.tasks = self
        scheduler.table[ident] = self

    def add_packet(self, packet, old):
        if self.queue is None:
            self.queue = packet
            self.pending = True
            if self.priority > old.priority:
                return self
        else:
            packet.append_to(self.queue)
        return old

    def run_once(self):
        if self.has_packet():
            message = self.queue
            self.queue = message.link
            if self.queue is None:
                self.running()
            else:
                self.pending, self.waiting, self.holding = True, False, False
        else:
            message = None
        return self.step(message)

    def wait_task(self):
        self.waiting = True
        return self

    def hold(self):
        self.scheduler.held += 1
        self.holding = True
        return self.link

    def release(self, ident):
        task = self.scheduler.table[ident]
        task.holding = False
        return task if task.priority > self.priority else self

    def send(self, packet):
        task = self.scheduler.table[packet.ident]
        self.scheduler.queued += 1
        packet.link = None
        packet.ident = self.ident
        return task.add_packet(packet, self)


class Idle(Task):
    def __init__(self, scheduler, ident, count):
        Task.__init__(self, scheduler, ident, 0, None, State().running())
        self.control = 1
        self.count = count

    def step(self, message):
        self.count -= 1
        if self.count == 0:
            return self.hold()
        if self.control & 1 == 0:
            self.control //= 2
            return self.release(DEVICE_A)
        self.control = self.control // 2 ^ 0xD008
        return self.release(DEVICE_B)


class Worker(Task):
    def __init__(self, scheduler, ident, queue):
        Task.__init__(self, scheduler, ident, 1000, queue, State().wait_with_packet())
        self.destination = HANDLER_A
        self.count = 0

    def step(self, message):
        if message is None:
            return self.wait_task()
        self.destination = HANDLER_B if self.destination == HANDLER_A else HANDLER_A
        message.ident = self.destination
        message.datum = 0
        for i in range(4):
            self.count += 1
            if self.count > 26:
                self.count = 1
            message.data[i] = 64 + self.count
        return self.send(message)


class Handler(Task):
    def __init__(self, scheduler, ident, queue):
        Task.__init__(self, scheduler, ident, ident * 1000, queue, State().wait_with_packet())
        self.work = None
        self.devices = None

    def step(self, message):
        if message is not None:
            if message.kind == WORK:
                self.work = message.append_to(self.work)
            else:
                self.devices = message.append_to(self.devices)
        if self.work is not None:
            work = self.work
            count = work.datum
            if count >= 4:
                self.work = work.link
                return self.send(work)
            if self.devices is not None:
                device = self.devices
                self.devices = device.link
                device.datum = work.data[count]
                work.datum = count + 1
                return self.send(device)
        return self.wait_task()


class Device(Task):
    def __init__(self, scheduler, ident):
        Task.__init__(self, scheduler, ident, ident * 1000, None, State().wait())
        self.holding_packet = None

    def step(self, message):
        if message is None:
            message = self.holding_packet
            if message is None:
                return self.wait_task()
            self.holding_packet = None
            return self.send(message)
        self.holding_packet = message
        return self.hold()


def main(rounds):
    result = None
    for _ in range(rounds):
        s = Scheduler()
        Idle(s, IDLE, 3000)
        Worker(s, WORKER, Packet(Packet(None, 0, WORK), 0, WORK))
        for handler, device in ((HANDLER_A, DEVICE_A), (HANDLER_B, DEVICE_B)):
            queue = None
            for _ in range(3):
                queue = Packet(queue, device, DEVICE)
            Handler(s, handler, queue)
        Device(s, DEVICE_A)
        Device(s, DEVICE_B)
        task = s.tasks
        while task is not None:
            if task.held_or_waiting():
                task = task.link
            else:
                task = task.run_once()
        result = s.held, s.queued
    return result


print(main(12))
