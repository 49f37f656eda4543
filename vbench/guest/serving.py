"""Runs commands inside an environment for the harness: JSON lines over stdio or a virtio-serial port.

Standard library only, nothing of vbench; while it waits it costs nothing. Every environment, whatever its kind, runs
its workloads as children of this same program, so that process ancestry and transport are equal in all arms.

Requests carry an `id`; replies repeat it. `run` answers once; `spawn` answers with the pid, then sends `out` events
and one `exit`; `in` and `kill` address it by its id. The end of the channel ends everything that was started here.

It can answer as soon as it says hello. What only a command needs (`subprocess` and more) is imported with the first:
together they are more than half of the start of this program, and under emulation more than a quarter of a second.
"""

import binascii
import os
import sys
from _json import encode_basestring_ascii, make_scanner
from _thread import allocate_lock, start_new_thread

CHUNK_B = 48 * 1024
STDERR_TAIL_B = 64 * 1024
SIGKILL = 9
PR_SET_CHILD_SUBREAPER = 36
RB_POWER_OFF = 0x4321FEDC


def b64(data):
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def from_b64(text):
    return binascii.a2b_base64(text)


class AsJson:
    """What json.JSONDecoder tells the scanner; the json package itself would import `re` for its slow fallback."""

    strict = True
    object_hook = object_pairs_hook = parse_constant = None
    parse_float, parse_int = float, int


def decoded(line):
    return make_scanner(AsJson)(line.decode(), 0)[0]


def encoded(message):
    """A flat message of texts, integers and booleans as one line."""
    return ("{" + ", ".join(f'"{key}": {as_word(value)}' for key, value in message.items()) + "}\n").encode()


def as_word(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return encode_basestring_ascii(value) if isinstance(value, str) else str(int(value))


class Channel:
    """Whole lines out, one writer at a time."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.lock = reader, writer, allocate_lock()

    def send(self, message):
        data = memoryview(encoded(message))
        with self.lock:
            while data:
                data = data[self.writer.write(data) :]

    def lines(self):
        """Lines of the other end until it goes away; bytes are kept until their line is whole."""
        pending = b""
        while True:
            try:
                chunk = self.reader.read(65536)
            except OSError:
                return
            if not chunk:
                return
            pending += chunk
            *whole, pending = pending.split(b"\n")
            yield from whole


class Agent:
    def __init__(self, channel):
        self.channel = channel
        self.spawned = {}
        self.responsible = False

    def serve(self):
        self.channel.send({"hello": 1, "pid": os.getpid(), "python": sys.version.split()[0]})
        for line in self.channel.lines():
            if not line.strip():
                continue
            request = decoded(line)
            if request["op"] == "off":
                break
            self.handle(request)
        self.end()

    def handle(self, request):
        try:
            getattr(self, "op_" + request["op"])(request)
        except OSError as error:
            self.channel.send({"id": request["id"], "error": str(error), "errno": error.errno or 0})

    def op_ping(self, request):
        self.channel.send({"id": request["id"]})

    def op_clock(self, request):
        import time

        # A float would print with fewer digits than nanoseconds have.
        self.channel.send({"id": request["id"], "raw_ns": time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)})

    def op_run(self, request):
        try:
            process = self.popen(request["argv"])
        except (FileNotFoundError, PermissionError) as error:
            self.channel.send({"id": request["id"], "status": 127, "stdout": "", "stderr": b64(str(error).encode())})
            return
        start_new_thread(self.finish_run, (request, process))

    def finish_run(self, request, process):
        import subprocess

        reply = {"id": request["id"]}
        try:
            out, err = process.communicate(from_b64(request["stdin"]), request["timeout_s"])
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            out, err = process.communicate()
            reply["timeout"] = True
        reply.update(status=process.returncode, stdout=b64(out), stderr=b64(err))
        self.channel.send(reply)

    def op_spawn(self, request):
        errors = os.memfd_create("stderr")
        try:
            process = self.popen(request["argv"], errors)
        except (FileNotFoundError, PermissionError) as error:
            os.close(errors)
            self.channel.send({"id": request["id"], "error": str(error), "errno": 2})
            return
        self.spawned[request["id"]] = process
        self.channel.send({"id": request["id"], "pid": process.pid})
        start_new_thread(self.follow, (request["id"], process, errors))

    def follow(self, number, process, errors):
        while True:
            data = process.stdout.read(CHUNK_B)
            if not data:
                break
            self.channel.send({"id": number, "out": b64(data)})
        status = process.wait()
        size = os.fstat(errors).st_size
        tail = os.pread(errors, STDERR_TAIL_B, max(0, size - STDERR_TAIL_B))
        os.close(errors)
        self.spawned.pop(number, None)
        self.channel.send({"id": number, "exit": status, "stderr": b64(tail)})

    def op_in(self, request):
        process = self.spawned.get(request["to"])
        if process is None:
            return
        from contextlib import suppress

        with suppress(OSError):  # it may just have ended; its exit event tells
            if request["data"] is None:
                process.stdin.close()
            else:
                data = memoryview(from_b64(request["data"]))
                while data:
                    data = data[process.stdin.write(data) :]

    def op_kill(self, request):
        process = self.spawned.get(request["to"])
        if process is not None:
            kill_group(process.pid)

    def op_put(self, request):
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if request["append"] else os.O_TRUNC)
        descriptor = os.open(request["path"], flags, request["mode"])
        try:
            data = from_b64(request["data"])
            while data:
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)
        self.channel.send({"id": request["id"]})

    def op_get(self, request):
        descriptor = os.open(request["path"], os.O_RDONLY)
        try:
            data = os.pread(descriptor, CHUNK_B, request["offset"])
        finally:
            os.close(descriptor)
        self.channel.send({"id": request["id"], "data": b64(data)})

    def popen(self, argv, stderr=None):
        import subprocess

        if not self.responsible:
            take_responsibility()
            self.responsible = True
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if stderr is None else stderr,
            start_new_session=True,
            bufsize=0,
        )

    def end(self):
        """Kill every descendant, then leave: as PID 1 of a machine that means power off."""
        kill_descendants()
        if os.getpid() == 1 and "--port" in sys.argv:
            os.sync()
            import ctypes

            ctypes.CDLL(None).reboot(RB_POWER_OFF)
        os._exit(0)


def take_responsibility():
    """Before the first child: whatever it orphans stays ours, and nothing that ends us leaves it behind."""
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: (kill_descendants(), os._exit(0)))


def kill_group(pid):
    from contextlib import suppress

    with suppress(ProcessLookupError):
        os.killpg(pid, SIGKILL)


def kill_descendants():
    """As sub-reaper every orphan becomes our child, so killing children until there are none reaches all of them."""
    from contextlib import suppress

    while True:
        children = children_of(os.getpid())
        if not children:
            return
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def children_of(parent):
    from contextlib import suppress

    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            with open("/proc/" + name + "/stat", "rb") as stat:
                state, ppid = stat.read().rpartition(b")")[2].split()[:2]
            if int(ppid) == parent and state != b"Z":
                found.append(int(name))
    return found


def standard_streams():
    """Our own copies of stdin and stdout, so that no workload can inherit the channel and hold it open."""
    reader = os.fdopen(os.dup(0), "rb", buffering=0)
    writer = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return Channel(reader, writer)


def virtio_port(name):
    """The port by its name: without udev there is no /dev/virtio-ports."""
    base = "/sys/class/virtio-ports"
    for port in os.listdir(base):
        with open(os.path.join(base, port, "name")) as file:
            if file.read().strip() == name:
                device = open("/dev/" + port, "r+b", buffering=0)  # noqa: SIM115
                return Channel(device, device)
    raise SystemExit("no virtio port named " + name)


def main():
    channel = virtio_port(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else standard_streams()
    Agent(channel).serve()
