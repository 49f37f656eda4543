"""Runs commands inside an environment for the harness: the agent, once it has said hello.

Standard library only, nothing of vbench; while it waits it costs nothing. Every environment, whatever its kind, runs
its workloads as children of this same program, so that process ancestry and transport are equal in all arms.

Requests carry an `id`; replies repeat it. `run` answers once; `spawn` answers with the pid, then sends `out` events
and one `exit`; `in` and `kill` address it by its id. The end of the channel ends everything that was started here.
"""

import base64
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time

from collecting import Tail, TooMuch, communicate, lines
from surroundings import environment, take

CHUNK_B = 48 * 1024
LINE_B = 2**30  # the harness's own: the input of a command is the longest
KILL_S = 5.0  # what the kernel holds on to for longer is left to the end of the start
PR_SET_CHILD_SUBREAPER = 36
RB_POWER_OFF = 0x4321FEDC


def b64(data):
    return base64.b64encode(data).decode("ascii")


class Channel:
    """Whole lines out, one writer at a time."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.lock = reader, writer, threading.Lock()

    def send(self, message):
        data = memoryview(json.dumps(message).encode() + b"\n")
        with self.lock:
            while data:
                data = data[self.writer.write(data) :]

    def lines(self):
        """Lines of the other end until it goes away."""
        return lines(self.read, LINE_B)

    def read(self):
        try:
            return self.reader.read(65536)
        except OSError:
            return b""


class Agent:
    def __init__(self, channel):
        self.channel = channel
        self.spawned = {}
        self.environment = environment()

    def serve(self):
        take()
        signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which every command would inherit
        signal.signal(signal.SIGTERM, lambda *_: (kill_descendants(), os._exit(0)))
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a workload orphans stays ours to kill
        for line in self.channel.lines():
            if not line.strip():
                continue
            request = json.loads(line)
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
        self.channel.send({"id": request["id"], "raw_ns": time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)})

    def op_run(self, request):
        try:
            process = self.popen(request["argv"], subprocess.PIPE)
        except (FileNotFoundError, PermissionError) as error:
            self.channel.send({"id": request["id"], "status": 127, "stdout": "", "stderr": b64(str(error).encode())})
            return
        threading.Thread(target=self.finish_run, args=(request, process), daemon=True).start()

    def finish_run(self, request, process):
        reply = {"id": request["id"]}
        try:
            out, err = communicate(process, base64.b64decode(request["stdin"]), request["timeout_s"])
        except (subprocess.TimeoutExpired, TooMuch) as error:
            kill_family(process.pid)
            process.wait()
            out = err = b""  # not read to the end: a daemon that left the group may hold the pipes for ever
            reply["too_much" if isinstance(error, TooMuch) else "timeout"] = True
        else:
            if process.returncode < 0:
                kill_family(process.pid)  # it could not end what it had started itself
        reply.update(status=process.returncode, stdout=b64(out), stderr=b64(err))
        self.channel.send(reply)

    def op_spawn(self, request):
        errors = Tail()
        try:
            process = self.popen(request["argv"], errors.writer)
        except OSError as error:
            errors.begin()
            errors.close()
            if not isinstance(error, (FileNotFoundError, PermissionError)):
                raise
            self.channel.send({"id": request["id"], "error": str(error), "errno": 2})
            return
        errors.begin()
        self.spawned[request["id"]] = process
        self.channel.send({"id": request["id"], "pid": process.pid})
        threading.Thread(target=self.follow, args=(request["id"], process, errors), daemon=True).start()

    def follow(self, number, process, errors):
        while True:
            data = process.stdout.read(CHUNK_B)
            if not data:
                break
            self.channel.send({"id": number, "out": b64(data)})
        status = process.wait()
        if status < 0:
            kill_family(process.pid)  # it could not end what it had started itself
        tail = errors.text()
        errors.close()
        self.spawned.pop(number, None)
        self.channel.send({"id": number, "exit": status, "stderr": b64(tail)})

    def op_in(self, request):
        process = self.spawned.get(request["to"])
        if process is None:
            return
        with contextlib.suppress(OSError):  # it may just have ended; its exit event tells
            if request["data"] is None:
                process.stdin.close()
            else:
                data = memoryview(base64.b64decode(request["data"]))
                while data:
                    data = data[process.stdin.write(data) :]

    def op_kill(self, request):
        process = self.spawned.get(request["to"])
        if process is not None:  # in a thread: the next request does not wait for what the kernel holds on to
            threading.Thread(target=kill_family, args=(process.pid,), daemon=True).start()

    def op_put(self, request):
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if request["append"] else os.O_TRUNC)
        descriptor = os.open(request["path"], flags, request["mode"])
        try:
            data = base64.b64decode(request["data"])
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

    def popen(self, argv, stderr):
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=self.environment,
            start_new_session=True,
            bufsize=0,
        )

    def end(self):
        """Kill every descendant, then leave: as PID 1 of a machine that means power off."""
        kill_descendants()
        if os.getpid() == 1 and "--port" in sys.argv:
            os.sync()
            ctypes.CDLL(None).reboot(RB_POWER_OFF)
        os._exit(0)


def kill_group(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def kill_descendants():
    """As sub-reaper every orphan becomes our child, so killing children until there are none reaches all of them."""
    while True:
        children = children_of(os.getpid())
        if not children:
            return
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def kill_family(pid):
    """All below a process and all of its session, whatever groups they are in, and its own group last.

    Stopped, it starts nothing more; where it is a sub-reaper, what left its session stays below it until it dies.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGSTOP)
    ends = time.monotonic() + KILL_S
    while (family := family_of(pid)) and time.monotonic() < ends:
        for member in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        time.sleep(0.01)
    kill_group(pid)


def family_of(pid):
    found, everyone = {pid}, list(living())
    while more := {one for one, parent, session in everyone if parent in found or session == pid} - found:
        found |= more
    return found - {pid}


def children_of(parent):
    return [pid for pid, ppid, _ in living() if ppid == parent]


def living():
    """Process, parent and session of everyone here but zombies."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open("/proc/" + name + "/stat", "rb") as stat:
                state, parent, _, session = stat.read().rpartition(b")")[2].split()[:4]
            if state != b"Z":
                yield int(name), int(parent), int(session)
