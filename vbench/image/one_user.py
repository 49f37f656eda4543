"""Runs a command whose chown and setuid calls succeed and do nothing: for builds without /etc/subuid.

Packages give some of their files to users and groups of their own, which a user namespace with one user does not have.
A filter of the kernel's (seccomp(2)) skips these system calls. The image is the same, since all files of an image
belong to its builder anyway. This file runs as a program, and its arguments are the command.
"""

import ctypes
import os
import platform
import struct
import sys

_ARCHITECTURES = {"x86_64": 0xC000003E}  # AUDIT_ARCH_* of linux/audit.h
# arch/x86/entry/syscalls/syscall_64.tbl: chown, fchown, lchown, fchownat; setuid, setgid, setreuid, setregid,
# setgroups, setresuid, setresgid, setfsuid, setfsgid; mknod, mknodat; capset.
_IGNORED = (92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119, 122, 123, 133, 259, 126)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_ALLOW, _SUCCEED = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with 0
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # of prctl(2)


def program(architecture: int) -> bytes:
    """The filter in classic BPF. It allows all calls of other architectures and all that are not ignored."""
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    for number in _IGNORED:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _SUCCEED)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main(command: list[str]) -> None:
    code = program(_ARCHITECTURES[platform.machine()])
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = ctypes.byref(_Program(len(code) // 8, code))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, filtered, 0, 0):
        sys.exit(f"one_user: the filter was refused: {os.strerror(ctypes.get_errno())}")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
