"""Examples of one step: on the side that raises the loss, and never outside the ball or the valid range."""

import numpy as np

from search.runtime import tf
from search.training.single_step import single_step

DIRECTION = np.array([1.0, -1.0, 1.0, -1.0], np.float32)


def moved(x, *, radius, noise=None, valid_range=(0.0, 1.0)):
    x = tf.constant(x, tf.float32)
    noise = tf.zeros_like(x) if noise is None else tf.constant(noise, tf.float32)
    return single_step(
        x, lambda start: tf.reduce_sum(start * DIRECTION), radius=radius, noise=noise, valid_range=valid_range
    ).numpy()


def test_step_reaches_the_corner_of_the_ball_that_raises_the_loss():
    np.testing.assert_allclose(moved([[0.5] * 4], radius=0.25), [[0.75, 0.25, 0.75, 0.25]])


def test_examples_at_the_edge_of_the_valid_range_stay_inside_it():
    np.testing.assert_allclose(moved([[0.9, 0.1, 1.0, 0.0]], radius=0.25), [[1.0, 0.0, 1.0, 0.0]])


def test_every_example_has_its_own_radius():
    radii = tf.constant([[0.1], [0.2]])
    np.testing.assert_allclose(moved([[0.5] * 4] * 2, radius=radii), 0.5 + np.outer([0.1, 0.2], DIRECTION), rtol=1e-6)


def test_start_is_the_noise_and_the_end_stays_in_the_ball():
    noise = [[-1.0, 1.0, 0.99, -0.99]]
    # From the far side a step of 1.25 radii leads a quarter beyond the center; from the near side it is cut off.
    np.testing.assert_allclose(moved([[0.5] * 4], radius=0.2, noise=noise), [[0.55, 0.45, 0.7, 0.3]], rtol=1e-6)
