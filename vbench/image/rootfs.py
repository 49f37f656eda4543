"""Builds the folders of an image: the packages, the tools beside them, and the guest layer on top."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

from vbench.errors import CommandFailed, EnvironmentUnavailable, VbenchError
from vbench.host import proc, rights
from vbench.image import kernel, recipe
from vbench.image.contain import contained, delete, in_root, is_one_user

_INSTALL_HINT = "apt-get install mmdebstrap debian-archive-keyring"
_BUILD_LIMIT_S = 1800.0
# Texts nobody reads in an image are half of its files; copyright notices stay.
_WITHOUT_TEXTS = tuple(
    f"--dpkgopt={rule}"
    for rule in (
        "path-exclude=/usr/share/doc/*",
        "path-include=/usr/share/doc/*/copyright",
        "path-exclude=/usr/share/info/*",
        "path-exclude=/usr/share/locale/*",
        "path-exclude=/usr/share/man/*",
    )
)
# Written by the installation itself, with times in them, or copied from this host. The `partial` folders belong to
# root or to _apt, as apt could or could not drop its rights where the image was built.
_TRACES = (
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "var/cache/apt/archives/lock",
    "var/cache/apt/archives/partial",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/apt/extended_states",
    "var/lib/apt/lists/partial",
    "var/lib/dpkg/*-old",
    "var/lib/dpkg/lock*",
    "var/lib/systemd/catalog/database",
    "var/log/*",
)


def missing_tools() -> str:
    """Names of the tools that this host lacks for a build, separated by commas. Empty if it lacks none."""
    lacking = [name for name in ("mmdebstrap", "setpriv", "unshare") if proc.which(name) is None]
    if not recipe.KEYRING.exists():
        lacking.append(str(recipe.KEYRING))
    return ", ".join(lacking)


def check_host() -> None:
    """Raises VbenchError when this host cannot build images."""
    if os.uname().machine != "x86_64":
        raise VbenchError(f"images are built for x86_64, this host is {os.uname().machine}")
    if lacking := missing_tools():
        raise VbenchError(f"the image cannot be built: {lacking} not found", hint=_INSTALL_HINT)
    if not rights.is_root():
        _check_user()


def _check_user() -> None:
    """Raises EnvironmentUnavailable without a user namespace, which a build without root rights needs."""
    if why := rights.no_user_namespace():
        raise EnvironmentUnavailable(
            f"the image cannot be built without root rights, since no user namespace can be made: {why}",
            hint=rights.namespaces_hint(),
        )


def packages(target: Path, suite: str) -> None:
    """Installs the root file system, without the distribution's files that differ from build to build."""
    _mmdebstrap("minbase", recipe.PACKAGES, target, suite, _WITHOUT_TEXTS)
    for pattern in _TRACES:
        for path in target.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (target / "etc/apt/sources.list").write_text(
        "".join(f"{line}\n" for line in recipe.mirrors(suite)), encoding="utf-8"
    )
    _text(target / "etc/hostname", "guest\n")
    _text(target / "etc/hosts", "127.0.0.1 localhost guest\n")
    _text(target / "etc/resolv.conf", "")


def _text(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # mmdebstrap gives hostname and resolv.conf this host's own modes
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def tools(target: Path, suite: str) -> None:
    """Unpacks compiler and file system tools, and puts the guest's kernel and modules into `kernel/`."""
    _mmdebstrap("extract", recipe.TOOLS, target, suite, ())
    (release_folder,) = (target / "lib/modules").iterdir()
    release = release_folder.name
    in_root(target, ["depmod", release], timeout_s=300)
    wanted = (*recipe.BOOT_MODULES, *recipe.GUEST_MODULES)
    paths = kernel.closure((release_folder / "modules.dep").read_text(encoding="utf-8"), wanted)
    kernel.copy_modules(release_folder, target / "kernel/lib/modules" / release, paths)
    in_root(target, ["depmod", "-b", "/kernel", release], timeout_s=60)
    bzimage = (target / f"boot/vmlinuz-{release}").read_bytes()
    (target / "kernel/vmlinux").write_bytes(kernel.uncompressed(bzimage))
    for folder in ("boot", "lib/modules", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(target / folder)


def kernel_release(tools_root: Path) -> str:
    (folder,) = (tools_root / "kernel/lib/modules").iterdir()
    return folder.name


def _mmdebstrap(variant: str, include: tuple[str, ...], target: Path, suite: str, options: tuple[str, ...]) -> None:
    listed = f"--include={','.join(include)}"
    # dpkg syncs every file, which takes 8 s. A build that crashes is thrown away as a whole, so it needs no sync.
    unsafe = "--dpkgopt=force-unsafe-io"
    devices = _DEVICES if variant != "extract" and is_one_user() else ()
    words = ["mmdebstrap", "--mode=root", "--format=tar", f"--variant={variant}", listed, unsafe, *options, *devices]
    try:
        with _temporary(target.parent) as temporary:
            archive = temporary / "root.tar"
            command = [*words, suite, str(archive), *recipe.mirrors(suite)]
            contained(command, timeout_s=_BUILD_LIMIT_S, env={"TMPDIR": str(temporary)}, users=True)
            _unpack(archive, target)
    except CommandFailed as error:
        raise VbenchError(
            f"the packages of {suite!r} were not installed: {error.message}", hint=install_hint(error.message)
        ) from None


# mmdebstrap mounts a new devpts for its group of terminals, which a namespace of one user does not allow.
_NAMES = "for name in null zero full random urandom tty"
_DEVICES = (
    "--skip=chroot/mount/dev",
    f'--setup-hook=mkdir -p "$1/dev"; {_NAMES}; do touch "$1/dev/$name" && mount --bind "/dev/$name" "$1/dev/$name" || '
    "exit 1; done",
    f'--customize-hook={_NAMES}; do umount "$1/dev/$name" && rm "$1/dev/$name" || exit 1; done',
)


@contextmanager
def _temporary(parent: Path) -> Iterator[Path]:
    """Yields a temporary folder inside the build's own folder, where the next build removes what a killed one left."""
    path = Path(tempfile.mkdtemp(prefix="tmp-", dir=parent))
    path.chmod(0o755)  # apt reads in it as a user of its own
    try:
        yield path
    finally:
        delete(path)


def _unpack(archive: Path, target: Path) -> None:
    """Unpacks an archive. All files belong to the builder. /dev stays empty, since only root can make devices."""
    target.mkdir()
    options = ["--no-same-owner", "--same-permissions", "--delay-directory-restore", "--exclude=./dev/*"]
    contained(["tar", "-x", *options, "-f", str(archive), "-C", str(target)], timeout_s=300)


# Words in messages of apt and gpg, and the hint for each.
_HINTS = (
    (("NO_PUBKEY", "is not signed", "EXPKEYSIG"), "apt-get install --only-upgrade debian-archive-keyring"),
    (
        ("Temporary failure resolving", "Could not resolve", "Could not connect", "Unable to connect", "timed out"),
        "the archive http://deb.debian.org must be reachable; behind a proxy set http_proxy",
    ),
    (("404 ", "does not have a Release file"), "the archive has no such release; the proved one is " + recipe.SUITE),
)


def install_hint(message: str) -> str:
    return next((hint for words, hint in _HINTS if any(word in message for word in words)), "")


def guest_layer(root: Path, tools_root: Path, guest: Path) -> None:
    """Adds /opt/vbench (programs, compiled kernels, pyperf), the kernel's modules and the mount points to a root."""
    for folder in ("proc", "sys", "dev", "run", "scratch"):
        (root / folder).mkdir(exist_ok=True)
    programs = root / "opt/vbench"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir(parents=True)
    for path in recipe.guest_files(guest):
        shutil.copyfile(path, programs / path.name)
        (programs / path.name).chmod(0o644)
    _compile(tools_root, programs)
    (programs / "python").symlink_to("/usr/bin/python3")
    _copy_pyperf(programs / "site")
    shutil.copytree(tools_root / "kernel/lib/modules", root / "usr/lib/modules", dirs_exist_ok=True)
    # Python never compares this bytecode with its source, so no environment compiles during a measurement.
    compileall = ["python3", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "/opt/vbench"]
    in_root(root, compileall, timeout_s=120)


def _compile(tools_root: Path, programs: Path) -> None:
    """Compiles kernels.so and echo by the distribution's gcc, so that every host gets the same bits."""
    source, target = tools_root / "work/source", tools_root / "work/target"
    shutil.rmtree(tools_root / "work", ignore_errors=True)
    shutil.copytree(programs, source)
    target.mkdir()
    in_root(
        tools_root, ["python3", "/work/source/build.py", "/work/source", "/work/target", "--cc", "gcc"], timeout_s=300
    )
    for path in sorted(target.iterdir()):
        shutil.copy(path, programs / path.name)
    shutil.rmtree(tools_root / "work")


def _copy_pyperf(site: Path) -> None:
    """Copies the harness's own pyperf, which is pure Python, so that both sides have one version."""
    installed = distribution("pyperf")
    kept = [path for path in installed.files or () if path.suffix == ".py" or path.name in {"METADATA", "LICENSE"}]
    if not kept:
        raise VbenchError("the installed pyperf does not list its files", hint="install it with pip")
    for path in kept:
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(installed.locate_file(path)), target)


def versions(root: Path) -> dict[str, str]:
    """Versions of the installed packages of a root file system, from dpkg's records."""
    return parse_status((root / "var/lib/dpkg/status").read_text(encoding="utf-8"))


def parse_status(text: str) -> dict[str, str]:
    installed = {}
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            installed[fields["Package"]] = fields["Version"]
    return dict(sorted(installed.items()))
