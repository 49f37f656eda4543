"""Makes the virtual machine's disk from the root folder, by the distribution's mke2fs with its own settings."""

import os
from pathlib import Path

from vbench.image.contain import contained

_SPARE_B = 300 * 2**20
_BLOCK_B = 4096
_SEED = "76626e63-6800-4000-8000-000000000001"  # a fixed identity and hash seed: equal roots give equal directories


def make(disk: Path, root: Path, tools_root: Path) -> None:
    """An ext4 file of the root folder's content with 300 MiB to spare. Raises NoSpace, CommandFailed."""
    # With lazy initialization the guest's kernel would zero tables in the background of the first trials.
    extended = f"lazy_itable_init=0,lazy_journal_init=0,hash_seed={_SEED}"
    features = ["-t", "ext4", "-b", str(_BLOCK_B), "-m", "0", "-U", _SEED, "-E", extended, "-L", "vbench"]
    # Relative paths: the loader ends a library's folder at a colon, and mke2fs ends a disk's name at a `?`.
    base = Path(os.path.commonpath([disk, root, tools_root]))
    disk_here, root_here, tools_here = (path.relative_to(base) for path in (disk, root, tools_root))
    files = ["-d", str(root_here), str(disk_here), f"{size_b(root) // 1024}k"]
    settings = {"MKE2FS_CONFIG": str(tools_root / "etc/mke2fs.conf")}
    words = ["env", "-C", str(base), *_of(tools_here, "sbin/mke2fs"), "-q", "-F", *features, *files]
    contained(words, timeout_s=300, env=settings)


def size_b(root: Path) -> int:
    """Size of the disk in bytes: the content in whole blocks, a tenth more for journal and tables, 300 MiB to spare."""
    sizes = (path.lstat().st_size for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    content_b = sum(-(-size // _BLOCK_B) * _BLOCK_B for size in sizes)
    return (int(content_b * 1.1) + _SPARE_B) // _BLOCK_B * _BLOCK_B


def _of(tools_root: Path, program: str) -> list[str]:
    """Words that run a program of another root on this host's files, by that root's own loader and libraries."""
    libraries = [str(tools_root / folder) for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")]
    loader = f"{libraries[0]}/ld-linux-x86-64.so.2"
    return [loader, "--library-path", ":".join(libraries), str(tools_root / program)]
