from pathlib import Path

import pytest

from spaces.errors import StorageError
from storage.file_systems import check_local, file_system
from storage.sql import open_engine


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    shared, spaced = tmp_path / "shared", tmp_path / "with space"
    for folder in (shared / "local", spaced, tmp_path / "sharedness"):
        folder.mkdir(parents=True)
    table = tmp_path / "mounts"
    escaped = str(spaced).replace(" ", "\\040")
    table.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        f"server:/home {shared} nfs4 rw,vers=4.2 0 0\n"
        f"/dev/sdb1 {shared}/local xfs rw 0 0\n"
        f"user@host:/ {escaped} fuse.sshfs rw 0 0\n"
    )
    return table


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("", "ext4"), ("shared", "nfs4"), ("shared/local", "xfs"), ("with space", "fuse.sshfs"), ("sharedness", "ext4")],
)
def test_folder_has_the_type_of_the_nearest_mount(tmp_path: Path, mounts: Path, folder: str, kind: str) -> None:
    assert file_system(tmp_path / folder, mounts=mounts) == kind


def test_link_to_a_network_file_system_is_followed(tmp_path: Path, mounts: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "shared")
    assert file_system(tmp_path / "link", mounts=mounts) == "nfs4"


def test_later_mount_on_the_same_point_hides_the_earlier(tmp_path: Path, mounts: Path) -> None:
    with mounts.open("a") as table:
        table.write(f"tmpfs {tmp_path}/shared tmpfs rw 0 0\n")
    assert file_system(tmp_path / "shared", mounts=mounts) == "tmpfs"


@pytest.mark.parametrize("folder", ["shared", "with space"])
def test_network_file_system_is_refused_with_the_way_out(tmp_path: Path, mounts: Path, folder: str) -> None:
    with pytest.raises(StorageError, match=r"database studies\.db: .* network file system '.*'.*use PostgreSQL"):
        check_local(tmp_path / folder, database="studies.db", mounts=mounts)


def test_local_file_system_passes_and_so_does_one_that_is_not_known(tmp_path: Path, mounts: Path) -> None:
    check_local(tmp_path / "shared" / "local", database="studies.db", mounts=mounts)
    check_local(tmp_path, database="studies.db", mounts=tmp_path / "no table")


def test_opening_a_database_looks_at_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("storage.sql.check_local", lambda folder, *, database: asked.append(folder))
    open_engine(str(tmp_path / "studies.db")).dispose()
    assert asked == [tmp_path]
