"""Unpacks a user's folder inside an environment: files, folders and links with their modes, owned by this user.

Arguments: the archive, which is removed afterwards, and the folder to make.
"""

import os
import sys
import tarfile


def unpack(archive, target):
    folders = []
    os.mkdir(target)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = os.path.join(target, member.name)
            if member.isdir():
                os.mkdir(path, 0o700)
                folders.append((path, member.mode))
            elif member.issym():
                os.symlink(member.linkname, path)
            else:
                write(path, tar.extractfile(member), member.mode)
    for path, mode in reversed(folders):  # last, because a folder without permission to write must be filled first
        os.chmod(path, mode)
    os.unlink(archive)


def write(path, source, mode):
    with open(path, "wb") as file:
        while data := source.read(2**20):
            file.write(data)
    os.chmod(path, mode)


if __name__ == "__main__":
    unpack(*sys.argv[1:])
