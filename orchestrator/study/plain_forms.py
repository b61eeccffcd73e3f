"""What a case is measured from: the plain form of the same network on the same board. Pure."""

from collections.abc import Mapping, Sequence

from orchestrator.errors import UsageError
from orchestrator.study.artifacts import Artifact, networks, roots
from orchestrator.study.cases import StudyCase
from orchestrator.study.selecting import matches, parse_where

EXAMPLE = "for example --plain runtime=litert,delegate=none"


def parse_plain(text: str) -> dict[str, str]:
    """`runtime=litert,delegate=none`. `UsageError`."""
    return parse_where(text, f"--plain {text}", EXAMPLE)


class PlainForms:
    """The plain form of each case: of the same network, board, protocol and (unless it is named) threads, among what
    `where` means. Of several, what the precisions are made from goes first, then what is likest, then the largest file.

    `UsageError` where no case of the study is meant.
    """

    def __init__(self, cases: Sequence[StudyCase], artifacts: Mapping[str, Artifact], where: Mapping[str, str]) -> None:
        self._meant = [case for case in cases if matches(case, where)]
        if not self._meant:
            said = ",".join(f"{key}={value}" for key, value in where.items())
            raise UsageError(f"--plain {said}: no case of the sweep is like that", EXAMPLE)
        self._networks = networks(list(artifacts.values()))
        self._roots = roots(list(artifacts.values()))
        self._sizes = {digest: artifact.file_bytes for digest, artifact in artifacts.items()}
        self._any_threads = "threads" in where

    def of(self, case: StudyCase) -> StudyCase | None:
        """None where the board has none."""
        found = [other for other in self._meant if self._is_kin(case, other)]
        return max(found, key=lambda other: self._rank(case, other), default=None)

    def _rank(self, case: StudyCase, other: StudyCase) -> tuple[int, ...]:
        digest = other.model_digest
        return digest in self._roots, *_likeness(case, other), self._sizes.get(digest, 0)

    def _is_kin(self, case: StudyCase, other: StudyCase) -> bool:
        network = self._networks.get(case.model_digest, case.model)
        return (
            (case.device, case.device_kind, case.protocol) == (other.device, other.device_kind, other.protocol)
            and network == self._networks.get(other.model_digest, other.model)
            and (self._any_threads or case.threads == other.threads)
        )


def _likeness(case: StudyCase, other: StudyCase) -> tuple[bool, ...]:
    return (
        case.runtime == other.runtime,
        case.runtime_version == other.runtime_version,
        dict(case.options) == dict(other.options),
        case.delegate == other.delegate,
        case.threads == other.threads,
    )
