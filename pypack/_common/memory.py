"""How much of the files that are read the system can keep in memory."""

from __future__ import annotations

from pathlib import Path

# By controller in /proc/self/cgroup ("" is version 2): where a group of processes, such as a container or a
# job of a cluster, has its limit.
_LIMITS = {
    "": ("/sys/fs/cgroup", "memory.max"),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
}


def memory_for_files() -> int:
    """Bytes that the page cache can grow to: what is available, within the limit of the process's group; 0
    where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        known = dict(line.split(":", 1) for line in lines)
        available = int(known["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0
    return min([available, *_group_limits()])


def _group_limits() -> list[int]:
    limits = []
    for controllers, group in _own_groups():
        for root, file in (_LIMITS[name] for name in controllers.split(",") if name in _LIMITS):
            for folder in (root + group, root):  # inside a container its own group is the root
                try:
                    limits.append(int(Path(folder, file).read_text()))
                except (OSError, ValueError):  # no such group here, or "max"
                    continue
    return limits


def _own_groups() -> list[tuple[str, str]]:
    """Controllers and groups of this process."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    return [(controllers, group) for _, controllers, group in (line.split(":", 2) for line in lines)]
