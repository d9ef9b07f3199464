"""What is shown while a reference network is trained here."""

import io

from rich.console import Console

from search.cli.reference_progress import ReferenceDisplay
from search.training.fit import FitProgress


def test_training_tells_epoch_rate_and_time_left():
    shown, now = io.StringIO(), [0.0]
    display = ReferenceDisplay(Console(file=shown, width=100), what="plain-resnet8", clock=lambda: now[0])
    with display:
        for batch in range(1, 21):
            now[0] += 2.0
            display.fit_progressed(
                FitProgress(epoch=1, epochs=3, batch=batch, batches=20, cross_entropy=0.5, quantized=False)
            )
    # 19 batches in 38 s after the first one; 40 batches are left.
    assert shown.getvalue() == "plain-resnet8: epoch 1/3  loss 0.500  30 batches/min  1:20 left\n"
