"""Runs commands inside an environment for the harness. This is the agent after its hello.

Standard library only, and nothing of vbench. It uses no processor time while it waits. The workloads of every
environment are children of this same program, so that process ancestry and transport are equal in all arms.

Each request has an `id`, which its replies repeat. `run` has one reply. `spawn` has a reply with the pid, then events
with `out` and one with `exit`; `in` and `kill` name the id of a `spawn`. At the end of the channel the agent kills
every process that it started.
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
LINE_B = 2**30  # of a request; the input of a command is the longest part
KILL_S = 5.0  # a process that the kernel holds for longer is killed again when the agent ends
PR_SET_CHILD_SUBREAPER = 36
RB_POWER_OFF = 0x4321FEDC


def b64(data):
    return base64.b64encode(data).decode("ascii")


class Channel:
    """Sends and receives lines. Several threads may send; each line stays whole."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.lock = reader, writer, threading.Lock()

    def send(self, message):
        data = memoryview(json.dumps(message).encode() + b"\n")
        with self.lock:
            while data:
                data = data[self.writer.write(data) :]

    def lines(self):
        """Lines from the harness until it closes the channel."""
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
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of a workload become our children
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
            out = err = b""  # the pipes are not read to their ends: a daemon outside the group may keep them open
            reply["too_much" if isinstance(error, TooMuch) else "timeout"] = True
        else:
            if process.returncode < 0:
                kill_family(process.pid)  # a command that was killed could not end its own children
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
            kill_family(process.pid)  # a command that was killed could not end its own children
        tail = errors.text()
        errors.close()
        self.spawned.pop(number, None)
        self.channel.send({"id": number, "exit": status, "stderr": b64(tail)})

    def op_in(self, request):
        process = self.spawned.get(request["to"])
        if process is None:
            return
        with contextlib.suppress(OSError):  # the command may have ended; its exit event says so
            if request["data"] is None:
                process.stdin.close()
            else:
                data = memoryview(base64.b64decode(request["data"]))
                while data:
                    data = data[process.stdin.write(data) :]

    def op_kill(self, request):
        process = self.spawned.get(request["to"])
        if process is not None:  # in a thread, so that no request waits for a process that the kernel holds
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
        """Kills every descendant and exits. As process 1 of a machine it powers the machine off."""
        kill_descendants()
        if os.getpid() == 1 and "--port" in sys.argv:
            os.sync()
            ctypes.CDLL(None).reboot(RB_POWER_OFF)
        os._exit(0)


def kill_descendants():
    """Kills children until there are none. This process is a sub-reaper, so that every orphan becomes its child."""
    while children := [pid for pid, parent, _ in living() if parent == os.getpid()]:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def kill_family(pid):
    """Kills the descendants of a process and the members of its session, then its process group.

    The process is stopped first, so that it starts nothing more. If it is a sub-reaper, orphans that left its session
    stay its descendants until it dies.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGSTOP)
    deadline_s = time.monotonic() + KILL_S
    while (family := family_of(pid)) and time.monotonic() < deadline_s:
        for member in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def family_of(pid):
    """Descendants of a process and members of its session, without the process itself."""
    family, processes = {pid}, list(living())
    while more := {member for member, parent, session in processes if parent in family or session == pid} - family:
        family |= more
    return family - {pid}


def living():
    """Process, parent and session of each process of this environment that is no zombie."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open("/proc/" + name + "/stat", "rb") as stat:
                state, parent, _, session = stat.read().rpartition(b")")[2].split()[:4]
            if state != b"Z":
                yield int(name), int(parent), int(session)
