"""The figures of a network on an export's examples, from its logits."""

from dataclasses import replace

import numpy as np

from search.exporters.base import LOGIT_TOLERANCE, ArtefactFigures, ExportContext, Logits, RunArtefact
from spaces.errors import ExportError

# Of formats with the trained network's own arithmetic, which a platform may round otherwise now and then.
LEAST_EXACT_AGREEMENT = 0.99


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


def require_agreement(agreement: float, *, least: float, n_examples: int, what: str) -> None:
    """Check that an artefact gives the trained network's answer often enough.

    Args:
        agreement, least: fractions of the examples.
        n_examples: how many there are.
        what: the artefact, as the message names it.

    Raises:
        ExportError: it does not.
    """
    if agreement < least:
        raise ExportError(
            f"{what} gives the trained network's answer on {agreement:.1%} of {n_examples} examples; at least "
            f"{least:.0%} is expected."
        )


def first_examples(context: ExportContext, count: int) -> ExportContext:
    """Return the context with its first examples only, for artefacts that take long to run."""
    return replace(
        context,
        x=context.x[:count],
        y=context.y[:count],
        logits=context.logits[:count],
        adversarial=context.adversarial[:, :count],
        adversarial_logits=context.adversarial_logits[:, :count],
    )


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
    differences = np.abs(clean - context.logits).max(axis=-1)
    transferred = tuple(float(row.mean()) for row in stays_right)
    return ArtefactFigures(
        n_examples=len(context.y),
        clean_accuracy=float(is_right.mean()),
        transferred=transferred,
        robust_accuracy=float(np.mean(transferred)),
        argmax_agreement=float((clean.argmax(axis=-1) == context.logits.argmax(axis=-1)).mean()),
        largest_logit_difference=float(differences.max()),
        equal_logits=float((differences <= LOGIT_TOLERANCE * np.abs(context.logits).max()).mean()),
    )
