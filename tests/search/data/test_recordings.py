"""A second of sound out of files of every kind."""

import numpy as np
import pytest
import soundfile

from search.data.recordings import length_s, read_second, room_noise
from spaces.errors import DataError
from tests.search.data.speech_builders import RATE, tone


def write(path, samples, rate=RATE, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sixteen_bits_at_sixteen_kilohertz_come_sample_for_sample(tmp_path, suffix):
    samples = np.random.default_rng(0).integers(-32768, 32768, RATE).astype(np.int16)
    path = write(tmp_path / f"a{suffix}", samples, subtype="PCM_16")
    assert np.array_equal(read_second(path), samples)


def test_short_recording_ends_in_zeros_and_long_one_is_cut(tmp_path):
    samples = np.arange(1, 20_001, dtype=np.int16)
    short, long = write(tmp_path / "s.wav", samples[:5]), write(tmp_path / "l.wav", samples)
    assert read_second(short)[:7].tolist() == [1, 2, 3, 4, 5, 0, 0]
    assert read_second(long).tolist() == samples[:RATE].tolist()
    assert read_second(long, start_s=0.5)[0] == 8001
    assert not read_second(short, start_s=3.0).any()
    assert length_s(long) == 1.25


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled(tmp_path, rate):
    expected = read_second(write(tmp_path / "a.wav", tone(440, noise=0.0)))
    resampled = read_second(write(tmp_path / "b.wav", tone(440, rate=rate, noise=0.0), rate))
    middle = slice(2000, 14_000)
    assert np.abs(expected[middle].astype(int) - resampled[middle]).max() < 60  # of 16,384


def test_channels_are_averaged(tmp_path):
    channels = np.stack([np.full(RATE, 1000), np.full(RATE, 3000)], axis=1).astype(np.int16)
    assert set(read_second(write(tmp_path / "a.wav", channels))) == {2000}


def test_louder_than_sixteen_bits_is_clipped(tmp_path):
    path = write(tmp_path / "a.wav", np.array([2.0, -2.0] * 100), subtype="FLOAT")
    assert read_second(path)[:2].tolist() == [32767, -32768]


def test_what_is_no_recording_is_told_by_name(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF nothing")
    for read in (read_second, length_s, room_noise):
        with pytest.raises(DataError, match=r"a\.wav: cannot be read as a recording"):
            read(path)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_wav_that_is_cut_off_is_told_and_one_from_a_pipe_is_read(tmp_path, kept):
    path = write(tmp_path / "a.wav", tone(440))
    whole, content = read_second(path), path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    for read in (read_second, room_noise):
        with pytest.raises(DataError, match=r"a\.wav: cannot be read as a recording \(it is cut off: [\d,]+ of 32,044"):
            read(path)
    unknown = b"\xff" * 4
    path.write_bytes(content[:4] + unknown + content[8:40] + unknown + content[44:])
    assert np.array_equal(read_second(path), whole)


@pytest.mark.parametrize(("samples", "reason"), [([], "no samples"), ([0.0, np.nan], "no finite numbers")])
def test_recording_without_sound_is_told(tmp_path, samples, reason):
    path = write(tmp_path / "a.wav", np.array(samples, np.float32), subtype="FLOAT")
    with pytest.raises(DataError, match=reason):
        read_second(path)


def test_room_noise_has_the_noises_loudness_and_not_the_word(tmp_path):
    samples = tone(500, noise=0.01)
    noise = room_noise(write(tmp_path / "a.wav", samples))
    assert noise.shape == (RATE,)
    assert noise.std() == pytest.approx(0.01 * 32768, rel=0.15)
    assert np.abs(noise).max() < 0.1 * 32768
    quarters = noise.reshape(4, -1).std(axis=1)
    assert quarters.max() < 1.3 * quarters.min()


def test_room_noise_follows_from_the_files_name(tmp_path):
    samples = np.rint(20_000 * tone(500)).astype(np.int16)
    first, same = write(tmp_path / "a.wav", samples), write(tmp_path / "a.flac", samples)
    assert np.array_equal(room_noise(first), room_noise(same))
    assert not np.array_equal(room_noise(first), room_noise(write(tmp_path / "b.wav", samples)))


def test_padding_is_no_room(tmp_path):
    samples = np.concatenate([np.zeros(RATE // 2), tone(500)[RATE // 2 :]])
    assert room_noise(write(tmp_path / "a.wav", samples)).any()
