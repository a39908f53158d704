"""Which places a runner's container has that must be closed."""

from __future__ import annotations

from pathlib import Path

from remigrate import closing

MOUNTS = """\
600 500 0:49 / / rw,relatime - overlay overlay rw
601 600 0:52 / /proc rw,nosuid - proc proc rw
602 600 0:53 / /dev rw,nosuid - tmpfs tmpfs rw
603 602 0:54 / /dev/shm rw,nosuid - tmpfs shm rw
604 600 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw
605 600 8:1 /work /github/workspace rw - ext4 /dev/sda1 rw
606 600 0:23 /docker.sock /run/docker.sock rw - tmpfs tmpfs rw
607 600 8:1 /a\\040b /mnt/a\\040b rw - ext4 /dev/sda1 rw
"""


def test_every_mount_that_somebody_asked_for_is_hidden() -> None:
    hidden = closing.ground({}, MOUNTS).hidden
    assert {"/github/workspace", "/run/docker.sock", "/mnt/a b", "/root"} <= set(hidden)
    assert not {"/", "/proc", "/dev", "/dev/shm", "/etc/hosts"} & set(hidden)


def test_paths_that_the_runner_names_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "event.json")
    environ = {"GITHUB_EVENT_PATH": str(tmp_path / "link"), "HOME": "/home/runner"}
    hidden = closing.ground(environ, "").hidden
    assert {str(tmp_path / "event.json"), "/home/runner"} <= set(hidden)


def test_outside_our_image_nothing_may_be_changed() -> None:
    assert not closing.ground({}, MOUNTS).own
