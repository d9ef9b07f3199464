"""Which recording has which class and belongs to which part."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search.data.recordings import SUFFIXES
from search.data.speech_folder import NOISE_FOLDER, Kind, Part, clips_of, labels_of
from spaces.errors import DataError
from tests.search.data.speech_builders import SPEAKERS, write_speech_folder

KEYWORDS = ("go", "down")
GO, DOWN, SILENCE, UNKNOWN = range(4)
LISTS = {"validation_list.txt": SPEAKERS[:2], "testing_list.txt": SPEAKERS[2:5]}


def words(clips):
    return [clip for clip in clips if clip.kind is Kind.WORD]


def speakers(clips):
    return {clip.path.name.partition("_")[0] for clip in clips}


def test_classes_are_the_keywords_in_their_order_then_silence_and_unknown():
    assert labels_of(KEYWORDS) == ("go", "down", "silence", "unknown")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_official_lists_are_honoured_whatever_the_files_format(tmp_path, suffix):
    folder = write_speech_folder(tmp_path / "s", suffix=suffix, lists=LISTS)
    parts = clips_of(folder, KEYWORDS)
    assert speakers(words(parts[Part.VALIDATION])) == set(SPEAKERS[:2])
    assert speakers(words(parts[Part.TEST])) == set(SPEAKERS[2:5])
    assert speakers(words(parts[Part.TRAIN])) == set(SPEAKERS[5:])
    counts = Counter(clip.label for clip in words(parts[Part.TEST]))
    assert counts == {GO: 3, DOWN: 3, UNKNOWN: 3}


def test_recording_in_two_forms_counts_once(tmp_path):
    once = clips_of(write_speech_folder(tmp_path / "a", lists=LISTS), KEYWORDS)
    folder = write_speech_folder(tmp_path / "b", lists=LISTS)
    twice = folder / "go" / f"{SPEAKERS[0]}_nohash_0.wav"
    twice.with_suffix(".flac").write_bytes(twice.read_bytes())
    found = clips_of(folder, KEYWORDS)
    assert {part: [clip.path.stem for clip in clips] for part, clips in found.items()} == {
        part: [clip.path.stem for clip in clips] for part, clips in once.items()
    }


def test_without_lists_the_official_hash_of_the_speaker_decides(tmp_path):
    # SHA-1 of the name, modulo 2^27, in per cent of 2^27 - 1: below 10 validates, below 20 tests.
    per_cent = {"00000000": 9.6, "00000002": 16.4, "00000001": 51.0}
    expected = {"00000000": Part.VALIDATION, "00000002": Part.TEST, "00000001": Part.TRAIN}
    parts = clips_of(write_speech_folder(tmp_path / "s", speakers=tuple(per_cent)), KEYWORDS)
    for name, part in expected.items():
        assert speakers(words(parts[part])) == {name}


def test_order_does_not_depend_on_the_folders(tmp_path):
    first, second = (write_speech_folder(tmp_path / name, lists=LISTS) for name in "ab")
    named = [
        [[str(clip.path.relative_to(folder)) for clip in clips] for clips in clips_of(folder, KEYWORDS).values()]
        for folder in (first, second)
    ]
    assert named[0] == named[1]


def test_running_tap_validates_and_the_end_of_other_noise_tests(tmp_path):
    folder = write_speech_folder(tmp_path / "s", lists=LISTS, noise=("pink", "running_tap"))
    noise = {
        part: [(clip.path.stem, clip.start_s) for clip in clips if clip.kind is Kind.NOISE]
        for part, clips in clips_of(folder, KEYWORDS).items()
    }
    assert noise[Part.VALIDATION] == [("running_tap", 0.5 * index) for index in range(19)]
    assert noise[Part.TRAIN] == [("pink", 0.5 * index) for index in range(15)]  # seconds that end before 8.0
    assert noise[Part.TEST] == [("pink", 8.0), ("pink", 8.5), ("pink", 9.0)]


def test_noise_of_other_names_is_cut_into_three_parts_that_share_nothing(tmp_path):
    folder = write_speech_folder(tmp_path / "s", lists=LISTS, noise=("street",))
    starts = {
        part: [clip.start_s for clip in clips if clip.kind is Kind.NOISE]
        for part, clips in clips_of(folder, KEYWORDS).items()
    }
    assert (min(starts[Part.TRAIN]), max(starts[Part.TRAIN])) == (0.0, 5.0)
    assert (min(starts[Part.VALIDATION]), max(starts[Part.VALIDATION])) == (6.0, 7.0)
    assert (min(starts[Part.TEST]), max(starts[Part.TEST])) == (8.0, 9.0)


def test_without_noise_every_tenth_word_of_a_part_gives_its_room(tmp_path):
    parts = clips_of(write_speech_folder(tmp_path / "s", lists=LISTS), KEYWORDS)
    for clips in parts.values():
        spoken = words(clips)
        rooms = [clip for clip in clips if clip.kind is Kind.ROOM]
        assert [clip.path for clip in rooms] == [clip.path for clip in spoken[::10]]
        assert {clip.label for clip in rooms} == {SILENCE}


def test_noise_that_is_too_short_for_silence_is_told(tmp_path):
    folder = write_speech_folder(tmp_path / "s")
    (folder / NOISE_FOLDER).mkdir()
    soundfile.write(folder / NOISE_FOLDER / "hum.wav", np.zeros(8_000, np.int16), 16_000)
    with pytest.raises(DataError, match=r"_background_noise_: none of its 1 recordings is long enough"):
        clips_of(folder, KEYWORDS)


def test_list_that_is_no_text_is_told(tmp_path):
    folder = write_speech_folder(tmp_path / "s")
    (folder / "validation_list.txt").write_bytes(b"go/\xff.wav")
    with pytest.raises(DataError, match=r"validation_list\.txt: cannot be read as a list of recordings"):
        clips_of(folder, KEYWORDS)


def test_missing_keyword_lists_the_words_that_there_are(tmp_path):
    folder = write_speech_folder(tmp_path / "s")
    with pytest.raises(DataError, match=r"no recordings of the keywords left, up; it has down, go, zero"):
        clips_of(folder, ("left", "go", "up"))


@pytest.mark.realdata
def test_sample_of_the_published_recordings_keeps_its_official_parts():
    folder = Path(os.environ["SEARCH_DATA_DIR"]) / "speech_commands_sample"
    parts = clips_of(folder, ("yes", "no", "stop"))
    listed = {name: (folder / name).read_text().split() for name in ("validation_list.txt", "testing_list.txt")}
    spoken = {part: [clip for clip in clips if clip.kind is Kind.WORD] for part, clips in parts.items()}
    assert sum(map(len, spoken.values())) == 120
    assert len(spoken[Part.VALIDATION]) == len(listed["validation_list.txt"])
    assert len(spoken[Part.TEST]) == len(listed["testing_list.txt"])
    assert Counter(clip.label for clips in spoken.values() for clip in clips) == {0: 4, 1: 4, 2: 4, 4: 108}
    assert all(clip.read().any() for clip in spoken[Part.TEST])


@pytest.mark.realdata
def test_official_lists_agree_with_the_official_hash():
    # The lists of v0.01 were made by the rule; the sample has its own original lists.
    from search.data.speech_folder import _hashed_part

    folder = Path(os.environ["SEARCH_DATA_DIR"]) / "speech_commands_sample"
    for name, part in (("validation_list.txt", Part.VALIDATION), ("testing_list.txt", Part.TEST)):
        assert {_hashed_part(Path(line)) for line in (folder / name).read_text().split()} == {part}
