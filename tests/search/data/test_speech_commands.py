"""Features of recordings as data of a study: scaling, parts, places, downloads."""

import shutil

import numpy as np
import pytest

from search.data.download import PublishedFile
from search.data.mfcc import features
from search.data.sound import SOUND_GRID
from search.data.sources import find_source, load_raw
from search.data.speech_commands import load_speech_commands, read_speech_folder
from search.data.speech_folder import Part, clips_of
from search.data.splits import split
from spaces.errors import DataError, SpecError
from spaces.study_spec import DataSpec
from tests.search.data.builders import write_tar
from tests.search.data.speech_builders import SPEAKERS, write_speech_folder

KEYWORDS = ("down", "go")
LISTS = {"validation_list.txt": SPEAKERS[:4], "testing_list.txt": SPEAKERS[4:6]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_speech_folder(tmp_path_factory.mktemp("data") / "speech_commands", lists=LISTS)


@pytest.fixture(scope="module")
def raw(folder):
    return read_speech_folder(folder, KEYWORDS)


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", str(tmp_path / "variable"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def never(*_):
    raise AssertionError("not to be reached")


def test_inputs_are_codes_of_standard_deviations(raw):
    assert (raw.x_train.dtype, raw.x_train.shape[1:]) == (np.int8, (49, 10, 1))
    trained = raw.x_train[~raw.validation].astype(float) * SOUND_GRID.scale
    np.testing.assert_allclose(trained.mean(axis=(0, 1, 3)), 0.0, atol=0.01)
    np.testing.assert_allclose(trained.std(axis=(0, 1, 3)), 1.0, atol=0.02)


def test_scaling_comes_from_the_training_part_alone(raw, folder):
    clips = clips_of(folder, KEYWORDS)[Part.TRAIN]
    values = features(np.stack([clip.read() for clip in clips]))
    np.testing.assert_allclose(raw.sound.mean, values.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(raw.sound.deviation, values.std(axis=(0, 1)), atol=1e-6)


def test_a_study_holds_out_what_the_source_means_for_validation(raw):
    data = split(raw, validation_examples=10, attack_examples=5, seed=0)
    n_validation = int(raw.validation.sum())
    assert (len(data.validation), len(data.train)) == (10, len(raw.x_train) - n_validation)
    held_out = {example.tobytes() for example in data.validation.x}
    assert held_out <= {example.tobytes() for example in raw.x_train[raw.validation]}
    with pytest.raises(DataError, match=rf"must lie in \[1, {n_validation}\].*itself means for validation; got 30"):
        split(raw, validation_examples=30, attack_examples=5, seed=0)


def test_a_study_stores_all_that_a_device_needs(raw):
    stored = split(raw, validation_examples=10, attack_examples=5, seed=0).describe()
    assert stored["input_grid"] == {"scale": 1 / 24, "zero_point": 128}
    assert stored["sound"]["labels"] == ["down", "go", "silence", "unknown"]
    assert stored["sound"]["mean"] == list(raw.sound.mean)
    assert stored["sound"]["front_end"]["log_offset"] == 1e-6


def test_waveforms_of_the_test_part_give_its_inputs(raw):
    positions = np.array([3, 0], np.int64)
    values = features(raw.sound.test_waveforms(positions))
    scaled = (values - np.array(raw.sound.mean)) / np.array(raw.sound.deviation) / SOUND_GRID.scale
    np.testing.assert_array_equal(np.clip(np.rint(scaled), -128, 127), raw.x_test[positions][..., 0])


def test_waveforms_of_the_training_part_give_its_inputs_whatever_was_held_out(raw):
    data = split(raw, validation_examples=10, attack_examples=5, seed=0)
    positions = np.array([7, 0, len(data.train) - 1], np.int64)
    values = features(data.sound.train_waveforms(positions))
    scaled = (values - np.array(raw.sound.mean)) / np.array(raw.sound.deviation) / SOUND_GRID.scale
    np.testing.assert_array_equal(np.clip(np.rint(scaled), -128, 127), data.train.x[positions][..., 0])


def test_note_names_the_keywords_and_where_silence_is_from(raw):
    assert raw.note.endswith(
        "keywords down, go; silence is room noise from around the words, for want of noise recordings"
    )


def test_flac_at_another_rate_is_the_same_data_within_a_step(tmp_path, raw):
    other = read_speech_folder(write_speech_folder(tmp_path / "s", lists=LISTS, suffix=".flac", rate=48_000), KEYWORDS)
    assert other.y_train.tolist() == raw.y_train.tolist()
    assert other.x_train.shape == raw.x_train.shape


def test_part_without_recordings_is_told(tmp_path):
    folder = write_speech_folder(tmp_path / "s", lists={"testing_list.txt": SPEAKERS[:2]})
    with pytest.raises(DataError, match="no recording belongs to the validation part"):
        read_speech_folder(folder, KEYWORDS)


def test_part_without_an_example_of_a_class_is_told(tmp_path):
    folder = write_speech_folder(tmp_path / "s", lists=LISTS, noise=["hum"], noise_s=4.0)
    with pytest.raises(DataError, match=r"no example of silence is in the validation part.*longer recordings in _back"):
        read_speech_folder(folder, KEYWORDS)
    (folder / "validation_list.txt").write_text(f"down/{SPEAKERS[0]}_nohash_0.wav\nzero/{SPEAKERS[0]}_nohash_0.wav\n")
    with pytest.raises(DataError, match=r"no example of go, silence is in the validation part"):
        read_speech_folder(folder, KEYWORDS)


def test_study_names_its_keywords(places, folder):
    (places / "variable").mkdir()
    (places / "variable" / "speech_commands").symlink_to(folder)
    spec = DataSpec(name="speech_commands", keywords=KEYWORDS, validation_examples=10, attack_examples=5)
    assert find_source(spec).n_classes == 4
    loaded = load_raw(spec)
    assert (loaded.n_classes, loaded.sound.labels) == (4, ("down", "go", "silence", "unknown"))


def test_keywords_are_for_recordings():
    with pytest.raises(SpecError, match=r"data\.keywords are for recordings, and data\.name = 'digits' has none"):
        load_raw(DataSpec(name="digits", keywords=("up",)))
    with pytest.raises(SpecError, match=r"a data\.loader knows its own"):
        load_raw(DataSpec(loader="mine:load", keywords=("up",)))


@pytest.mark.parametrize("key", ["shift_frames", "waveform_epsilon"])
def test_changes_of_recordings_are_for_recordings(key):
    with pytest.raises(SpecError, match=rf"data\.{key} = 3 is for recordings, and data set 'digits' has none"):
        load_raw(DataSpec(name="digits", validation_examples=300, attack_examples=200, **{key: 3}))


@pytest.mark.parametrize("key", ["flip", "shift_pixels"])
def test_flips_and_shifts_of_images_are_refused(places, folder, key):
    spec = DataSpec(
        name="speech_commands",
        keywords=KEYWORDS,
        validation_examples=10,
        attack_examples=5,
        **{"flip": {"flip": True}, "shift_pixels": {"shift_pixels": 1}}[key],
    )
    with pytest.raises(SpecError, match=rf"data\.{key} = .* is for images"):
        load_raw(spec, data_dir=folder)


def test_archive_is_unpacked_into_the_cache_and_read(places, tmp_path, monkeypatch, folder):
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
    made = write_tar(tmp_path / "made.tar.gz", ".", files)
    asked = []

    def download(cache):
        asked.append(cache)
        return made

    loaded = load_speech_commands(None, keywords=KEYWORDS, download=download)
    cache = places / "keras" / "datasets"
    assert asked == [cache]
    assert (cache / "speech_commands_v0.02" / "go").is_dir()
    again = load_speech_commands(None, keywords=KEYWORDS, download=never)
    assert np.array_equal(loaded.x_train, again.x_train)


def test_archive_that_is_not_the_published_one_is_not_unpacked(places, monkeypatch):
    published = PublishedFile(url="http://127.0.0.1:9/speech_commands_v0.02.tar.gz", size_bytes=3, sha256="0")
    monkeypatch.setattr("search.data.speech_commands.PUBLISHED", published)
    (places / "speech_commands_v0.02.tar.gz").write_bytes(b"abc")
    with pytest.raises(DataError, match=r"v0\.02\.tar\.gz is not the published file: it has 3 bytes.*remove it"):
        load_speech_commands(places, keywords=KEYWORDS)


def test_archive_that_the_cache_has_unpacked_is_not_read_again(places, monkeypatch, folder):
    shutil.copytree(folder, places / "keras" / "datasets" / "speech_commands_v0.02")
    (places / "speech_commands_v0.02.tar.gz").write_bytes(b"2.4 GB")
    monkeypatch.setattr("search.data.speech_commands.check_published", never)
    assert load_speech_commands(places, keywords=KEYWORDS).n_classes == len(KEYWORDS) + 2


def test_nowhere_says_what_was_tried(places):
    def no_network(_):
        raise DataError("no network.")

    with pytest.raises(DataError, match=r"Speech Commands was not found\. Tried: .*; no network\. Put speech_commands"):
        load_speech_commands(None, download=no_network)
