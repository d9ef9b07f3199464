"""A trained candidate as values: structure, bits, ranges and weights, with its form as two stored files."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.models.topologies import make_topology
from search.models.topology import Topology
from spaces.candidate import Candidate
from spaces.errors import ArtifactError
from spaces.study_spec import TopologySpec

CONFIG_FILE = "model.json"
WEIGHTS_FILE = "weights.npz"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """Everything that a deployed network consists of.

    Attributes:
        topology_spec: which builder made the topology.
        topology: the structure, at the candidate's width.
        candidate: the bits.
        integer_bits: activation node -> activation bits -> integer bits.
        weights: `Network.weights`.
    """

    topology_spec: TopologySpec
    topology: Topology
    candidate: Candidate
    integer_bits: Mapping[str, Mapping[int, int]]
    weights: Mapping[str, NDArray[np.float32]]

    def to_files(self) -> dict[str, bytes]:
        """Return file name -> content; equal models give equal bytes."""
        config = {
            "format": _FORMAT,
            "topology": self.topology_spec.model_dump(mode="json"),
            "input_shape": list(self.topology.input_shape),
            "n_classes": self.topology.n_classes,
            "candidate": self.candidate.to_json(),
            "integer_bits": {name: dict(by_bits) for name, by_bits in self.integer_bits.items()},
        }
        return {
            CONFIG_FILE: json.dumps(config, sort_keys=True, indent=1).encode(),
            WEIGHTS_FILE: weights_to_bytes(self.weights),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "TrainedModel":
        """Rebuild a model from `to_files`.

        Raises:
            ArtifactError: a file is missing or was written by another version of the format.
        """
        missing = {CONFIG_FILE, WEIGHTS_FILE} - set(files)
        if missing:
            raise ArtifactError(f"the stored model lacks {', '.join(sorted(missing))}.")
        config = json.loads(files[CONFIG_FILE])
        if config.get("format") != _FORMAT:
            raise ArtifactError(f"stored models have format {_FORMAT}; got {config.get('format')!r}.")
        candidate = Candidate.from_json(config["candidate"])
        topology_spec = TopologySpec.model_validate(config["topology"])
        return cls(
            topology_spec=topology_spec,
            topology=make_topology(
                topology_spec,
                input_shape=tuple(config["input_shape"]),
                n_classes=config["n_classes"],
                choices=candidate.topology,
            ),
            candidate=candidate,
            integer_bits={
                name: {int(bits): integer for bits, integer in by_bits.items()}
                for name, by_bits in config["integer_bits"].items()
            },
            weights=weights_from_bytes(files[WEIGHTS_FILE]),
        )


def weights_to_bytes(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Return weights as an uncompressed `.npz`."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = dict(weights)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def weights_from_bytes(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Read `weights_to_bytes`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
