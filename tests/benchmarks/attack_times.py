"""How long attacks take: ART's PGD against ours, and the search suite on the models of a front."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from search.attacks.base import ThreatModel
from search.attacks.pgd import PGD
from search.attacks.suite import run_suite, search_suite
from search.audit_models import classifier_of, network_of
from search.bootstrap import Memory, open_memory
from search.data.dataset import Dataset
from search.models.calibration import calibrate_integer_bits
from search.models.classifier import NetworkClassifier
from search.models.network import Mode
from search.models.quantize import build_qkeras
from search.models.trained_model import TrainedModel
from search.runtime import tf
from search.stored_models import load_stored_model
from search.study_data import load_data
from spaces.spec_files import parse_spec
from storage.records import StudyRecord
from tests.benchmarks.side_by_side import interleaved, median_ratio
from tests.benchmarks.trial_parts import candidate, quantized_network, resnet8


def art_ratio_unbroken(*, rounds: int = 3) -> float:
    """Time ART's PGD-20 on 128 images against ours where nothing breaks: both do all their steps on all images."""
    x = np.random.default_rng(0).random((128, 32, 32, 3), dtype=np.float32)
    topology = resnet8()
    network = quantized_network(topology, x)
    ours = NetworkClassifier(network, input_range=(0.0, 1.0))
    ours.refresh()
    bits = calibrate_integer_bits(network, x[:64], mode=Mode.TRAIN)
    model = build_qkeras(topology, candidate(topology, bits=4), integer_bits=bits, weights=network.weights())
    return _art_over_ours(model, ours, x, ours.logits(x).argmax(axis=1), epsilon=1e-6, rounds=rounds)


def art_ratio(storage: str, study: str, *, rounds: int = 3) -> float:
    """Time ART's PGD-20 against ours on the most robust model of a front and 128 images that it gets right.

    Same model, middle radius of the study's grid, steps and one start; ours leaves an image alone once it is broken.
    The accuracies that both leave are printed: neither is faster by being weaker.
    """
    memory = open_memory(storage)
    record = memory.repository.get_study(study)
    dataset = load_data(parse_spec(record.spec, source=study), data_dir=None, synthetic=record.is_synthetic)
    measured = [
        (trial.measurement.robust_accuracy, trial.number)
        for trial in memory.repository.front(record.id)
        if trial.measurement
    ]
    stored = _stored_model(memory, record, max(measured)[1])
    ours = _deployed(stored, dataset)
    model = build_qkeras(
        stored.topology, stored.candidate, integer_bits=stored.integer_bits, weights=dict(stored.weights)
    )
    is_right = ours.logits(dataset.attack.x).argmax(axis=1) == dataset.attack.y
    x, y = dataset.attack.x[is_right][:128], dataset.attack.y[is_right][:128]
    epsilons = parse_spec(record.spec, source=study).robustness.epsilons
    return _art_over_ours(model, ours, x, y, epsilon=epsilons[len(epsilons) // 2], rounds=rounds)


def _art_over_ours(model: Any, ours: NetworkClassifier, x: Any, y: Any, *, epsilon: float, rounds: int) -> float:
    """Return the median ratio of the times, and print them with the accuracy that either attack leaves."""
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import TensorFlowV2Classifier

    wrapped = TensorFlowV2Classifier(
        model=model,
        nb_classes=model.output_shape[-1],
        input_shape=model.input_shape[1:],
        loss_object=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=ours.input_range,
    )
    art = ProjectedGradientDescent(
        wrapped, eps=epsilon, eps_step=epsilon / 8, max_iter=20, num_random_init=1, batch_size=128, verbose=False
    )
    attack, threat = PGD(steps=20), ThreatModel(epsilon=epsilon)
    attacks: dict[str, Callable[[], Any]] = {
        "art": lambda: art.generate(x, y),
        "ours": lambda: attack(ours, x, y, threat, rng=np.random.default_rng(0)).x,
    }
    times = interleaved(attacks, rounds=rounds, warm_up=1)
    for name, seconds in times.items():
        left = float(np.mean(ours.logits(attacks[name]()).argmax(axis=1) == y))
        print(f"PGD-20 at {epsilon:.2g}, {name:<5} median {np.median(seconds):8.2f} s, leaves {left:.1%} of {len(y)}")
    return median_ratio(times, "art", "ours")


def front_suite_seconds(storage: str, study: str) -> float:
    """Return the median, over the models of a study's front, of the search suite's seconds on 256 images."""
    memory = open_memory(storage)
    record = memory.repository.get_study(study)
    spec = parse_spec(record.spec, source=study)
    dataset = load_data(spec, data_dir=None, synthetic=record.is_synthetic)
    x, y = dataset.attack.x[:256], dataset.attack.y[:256]
    seconds = []
    for trial in memory.repository.front(record.id):
        classifier = _deployed(_stored_model(memory, record, trial.number), dataset)
        for _ in range(2):  # the first traces
            started = time.perf_counter()
            stages = search_suite(spec.robustness.pgd_steps)
            run_suite(classifier, x, y, epsilons=spec.robustness.epsilons, stages=stages, seed=spec.seed)
            elapsed = time.perf_counter() - started
        seconds.append(elapsed)
        print(f"search suite, trial {trial.number}: {elapsed:.2f} s")
    return float(np.median(seconds))


def _stored_model(memory: Memory, study: StudyRecord, number: int) -> TrainedModel:
    digests = memory.repository.artifacts(study.id, number)
    return load_stored_model(study, number, digests=digests, artifacts=memory.artifacts)


def _deployed(model: TrainedModel, dataset: Dataset) -> NetworkClassifier:
    return classifier_of(network_of(model, model.candidate), dataset.input_range, quantized=True)
