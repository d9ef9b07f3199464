"""The figures of a network on an export's examples, from its logits."""

import numpy as np

from search.exporters.base import ArtefactFigures, ExportContext, Logits, RunArtefact


def measure_artefact(context: ExportContext, run: RunArtefact) -> ArtefactFigures:
    """Run an artefact once, on all clean and adversarial examples, and return its figures.

    Args:
        context: the examples, and the trained network's logits.
        run: returns the artefact's logits [m, n_classes] for inputs [m, ...].
    """
    everything = np.concatenate([context.x[None], context.adversarial])
    outputs = run(everything.reshape(-1, *context.x.shape[1:])).reshape(*everything.shape[:2], -1)
    return figures_of(context, outputs[0], outputs[1:])


def trained_figures(context: ExportContext) -> ArtefactFigures:
    """Return the figures of the trained network itself."""
    return figures_of(context, context.logits, context.adversarial_logits)


def figures_of(context: ExportContext, clean: Logits, adversarial: Logits) -> ArtefactFigures:
    """Return the figures that belong to logits.

    Args:
        context: the examples, and the trained network's logits.
        clean: on `context.x`.  # [n, n_classes]
        adversarial: on `context.adversarial`.  # [n_epsilons, n, n_classes]
    """
    is_right = clean.argmax(axis=-1) == context.y
    # Balls are nested: what is wrong at one radius counts as wrong at all larger ones.
    stays_right = is_right & np.logical_and.accumulate(adversarial.argmax(axis=-1) == context.y, axis=0)
    transferred = tuple(float(row.mean()) for row in stays_right)
    return ArtefactFigures(
        n_examples=len(context.y),
        clean_accuracy=float(is_right.mean()),
        transferred=transferred,
        robust_accuracy=float(np.mean(transferred)),
        argmax_agreement=float((clean.argmax(axis=-1) == context.logits.argmax(axis=-1)).mean()),
        largest_logit_difference=float(np.abs(clean - context.logits).max()),
    )
