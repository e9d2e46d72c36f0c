"""The journal gives back exactly what was appended behind the mark, whatever happened to its end."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.collector import journal as journal_module
from viewer.collector.journal import Journal, JournalFull

MIB = 1 << 20


def test_records_behind_the_mark_are_replayed_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, MIB)
    positions = [journal.append(text) for text in (b"one", b"two", b"three")]
    journal.sync(positions[-1])
    journal.close()
    assert positions == [1, 2, 3]
    again = Journal(tmp_path, 1, MIB)
    assert list(again.replay(1)) == [(2, b"two"), (3, b"three")]
    assert again.append(b"four") == 4


def test_a_torn_record_ends_the_journal_and_later_ones_are_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, MIB)
    journal.append(b"whole")
    journal.append(b"torn")
    journal.close()
    (segment,) = tmp_path.iterdir()
    os.truncate(segment, segment.stat().st_size - 1)
    again = Journal(tmp_path, 0, MIB)
    again.append(b"after")
    assert [payload for _, payload in again.replay(0)] == [b"whole", b"after"]


def test_a_damaged_record_is_not_replayed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, MIB)
    journal.append(b"x" * 100)
    journal.close()
    (segment,) = tmp_path.iterdir()
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(data)
    assert list(Journal(tmp_path, 0, MIB).replay(0)) == []


def test_a_record_that_is_written_in_pieces_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda file, parts: whole(file, [parts[0][:7]]))
    journal = Journal(tmp_path, 0, MIB)
    for text in (b"a" * 100, b"", b"b" * 33):
        journal.append(text)
    assert [payload for _, payload in journal.replay(0)] == [b"a" * 100, b"", b"b" * 33]


def test_it_is_full_at_its_limit_and_free_again_after_a_release(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, 1000)
    position = journal.append(b"x" * 900)
    with pytest.raises(JournalFull):
        journal.append(b"x" * 200)
    journal.release(position)
    assert journal.size == 0
    journal.append(b"x" * 900)


def test_release_deletes_only_segments_that_are_wholly_behind_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 100)
    journal = Journal(tmp_path, 0, MIB)
    for _ in range(10):
        journal.append(b"x" * 60)
    before = len(list(tmp_path.iterdir()))
    journal.release(5)
    assert len(list(tmp_path.iterdir())) < before
    assert [position for position, _ in journal.replay(5)] == [6, 7, 8, 9, 10]


def test_positions_go_on_after_the_stores_mark_when_the_directory_is_new(tmp_path: Path) -> None:
    assert Journal(tmp_path, 41, MIB).append(b"x") == 42


def test_after_a_sync_that_failed_nothing_unsynced_counts_and_a_new_segment_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, 0, MIB)
    first = journal.append(b"synced")
    journal.sync(first)
    lost = [journal.append(text) for text in (b"lost", b"lost too")]
    fdatasync = os.fdatasync

    def fail(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="Input/output"):
        journal.sync(lost[0])
    # An error is told once; the next sync of the same pages would say that all is well.
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    for position in lost:
        with pytest.raises(OSError, match="could not be synced"):
            journal.sync(position)
    kept = journal.append(b"kept")
    journal.sync(kept)
    journal.close()
    (damaged, _) = sorted(tmp_path.iterdir())
    os.truncate(damaged, damaged.stat().st_size - 1)
    assert (kept, b"kept") in Journal(tmp_path, 0, MIB).replay(0)


def test_while_no_segment_can_be_made_it_refuses_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 100)
    journal = Journal(tmp_path, 0, MIB)
    journal.append(b"x" * 100)
    open_file = os.open

    def full(path: object, *rest: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            journal.append(b"y")
    monkeypatch.setattr(os, "open", open_file)
    position = journal.append(b"z")
    journal.sync(position)
    assert [payload for _, payload in journal.replay(0)] == [b"x" * 100, b"z"]
    journal.close()


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(0, 25))
def test_what_was_appended_is_what_is_replayed(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], mark: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, 0, MIB)
    for payload in payloads:
        journal.append(payload)
    journal.close()
    expected = [
        (position, payload) for position, payload in enumerate(payloads, 1) if position > mark
    ]
    again = Journal(folder, 0, MIB)
    assert list(again.replay(mark)) == expected
    again.close()
