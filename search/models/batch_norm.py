"""Batch normalization as TensorFlow's fused kernel computes it, with what Keras' layer hides.

In training the statistics of the batch are used, and the inverse standard deviation comes out as a differentiable
result: a Jacobian passes through the layer as a multiplication by gamma * inv_std, and the gradient of that Jacobian
with respect to the weights below needs its derivative.
"""

from dataclasses import dataclass
from typing import Any

from search.runtime import tf

NORM_EPSILON = 1e-3

Tensor = Any


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """Mean and variance of a batch per channel, as Keras would add them to its moving averages.  # [c] each"""

    mean: Tensor
    variance: Tensor


def _as_image(x: Tensor) -> Tensor:
    return x if x.shape.rank == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])


def normalize_batch(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, BatchStatistics]:
    """Normalize with the batch's own statistics.

    Args:
        x: [batch, ..., c].
        gamma, beta: [c].

    Returns:
        The result, like x; the inverse standard deviation [c], differentiable; the batch's statistics.
    """
    statistics: list[Tensor] = []

    @tf.custom_gradient
    def apply(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[tuple[Tensor, Tensor], Any]:
        image = _as_image(x)
        fused = tf.raw_ops.FusedBatchNormV3(
            x=image, scale=gamma, offset=beta, mean=[], variance=[], epsilon=NORM_EPSILON, is_training=True
        )
        count = tf.cast(tf.size(image), image.dtype) / tf.cast(tf.shape(image)[-1], image.dtype)
        # Not reserve_space_2, which holds the variance on a CPU and its inverse root on a GPU.
        population_variance = fused.batch_variance * tf.maximum(count - 1, 1) / count
        mean, inv_std = fused.batch_mean, tf.math.rsqrt(population_variance + NORM_EPSILON)
        statistics.extend((fused.batch_mean, fused.batch_variance))

        def gradient(upstream: Tensor, inv_std_upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            grads = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=_as_image(upstream),
                x=image,
                scale=gamma,
                reserve_space_1=fused.reserve_space_1,
                reserve_space_2=fused.reserve_space_2,
                reserve_space_3=fused.reserve_space_3,
                epsilon=NORM_EPSILON,
                is_training=True,
            )
            # d inv_std / dx = -inv_std^3 (x - mean) / count
            through_std = _scaled_deviation(image, mean, slope=-inv_std_upstream * inv_std**3 / count)
            x_gradient = tf.reshape(grads.x_backprop + through_std, tf.shape(x))
            return x_gradient, grads.scale_backprop, grads.offset_backprop

        return (tf.reshape(fused.y, tf.shape(x)), inv_std), gradient

    result, inv_std = apply(x, gamma, beta)
    return result, inv_std, BatchStatistics(*statistics)


def _scaled_deviation(image: Tensor, mean: Tensor, *, slope: Tensor) -> Tensor:
    """Return slope * (image - mean) in one pass over the image: the fused kernel with a variance that divides by 1."""
    return tf.raw_ops.FusedBatchNormV3(
        x=image,
        scale=slope,
        offset=tf.zeros_like(mean),
        mean=mean,
        variance=tf.fill(tf.shape(mean), 1.0 - NORM_EPSILON),
        epsilon=NORM_EPSILON,
        is_training=False,
    ).y


def normalize_batch_plain(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, BatchStatistics]:
    """Like `normalize_batch` where no Jacobian is asked for: TensorFlow's own gradient, without the extra pass."""
    fused = tf.raw_ops.FusedBatchNormV3(
        x=_as_image(x), scale=gamma, offset=beta, mean=[], variance=[], epsilon=NORM_EPSILON, is_training=True
    )
    return tf.reshape(fused.y, tf.shape(x)), BatchStatistics(fused.batch_mean, fused.batch_variance)


def normalize_moving(x: Tensor, gamma: Tensor, beta: Tensor, *, mean: Tensor, variance: Tensor) -> Tensor:
    """Normalize with moving statistics, as the deployed network does; equal to Keras' inference to the bit."""
    # A custom gradient may close over tensors, not over variables.
    scale, offset, mean, variance = (tf.convert_to_tensor(value) for value in (gamma, beta, mean, variance))
    slope = scale * tf.math.rsqrt(variance + NORM_EPSILON)

    @tf.custom_gradient
    def apply(x: Tensor) -> tuple[Tensor, Any]:
        fused = tf.raw_ops.FusedBatchNormV3(
            x=_as_image(x),
            scale=scale,
            offset=offset,
            mean=mean,
            variance=variance,
            epsilon=NORM_EPSILON,
            is_training=False,
        )
        return tf.reshape(fused.y, tf.shape(x)), lambda upstream: upstream * slope

    return apply(x)
