"""For which processor a model is compiled: by a board's facts, or by a name. Pure.

Levels of x86-64: the psABI's (gitlab.com/x86-psABIs, microarchitecture levels); a kernel that lists `avx512bw` is on a
processor with all of the fourth. Names of Arm's cores and of features are LLVM's, those in /proc/cpuinfo the kernel's.
"""

from dataclasses import dataclass

from agent.protocol import Facts
from orchestrator.errors import RuntimeUnavailable, UsageError
from orchestrator.runtimes.targets import target_of

_TRIPLES = {"x86_64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu"}
_X86_LEVELS = (
    ("x86-64-v4", {"avx512f", "avx512bw", "avx2", "fma"}),
    ("x86-64-v3", {"avx2", "fma", "f16c"}),
    ("x86-64-v2", {"sse4_2", "ssse3"}),
)
_X86_FEATURES = {"avx512_vnni": "avx512vnni", "avx512_bf16": "avx512bf16"}
_ARM_FEATURES = {
    "asimddp": "dotprod",
    "asimdhp": "fullfp16",
    "asimdrdm": "rdm",
    "bf16": "bf16",
    "i8mm": "i8mm",
}
_ARM_CORES = ("cortex-a", "cortex-x", "neoverse-", "apple-", "ampere", "carmel", "a64fx", "grace")
_EXAMPLES = "a board that was seen, x86-64-v3, cortex-a76, aarch64 or x86_64"


@dataclass(frozen=True)
class Processor:
    """`cpu` is LLVM's name; `features` are added to what it implies."""

    architecture: str
    cpu: str
    features: tuple[str, ...] = ()

    @property
    def triple(self) -> str:
        return _TRIPLES[self.architecture]

    @property
    def words(self) -> str:
        """`cortex-a76`, or `aarch64` where nothing more is known, and its features."""
        name = self.architecture if self.cpu == "generic" else self.cpu
        return "+".join((name, *self.features))


def processor_of(facts: Facts, board: str) -> Processor:
    """What every core of a board can do. `RuntimeUnavailable` where IREE has no runtime for it."""
    architecture = target_of(facts).architecture
    if architecture not in _TRIPLES:
        raise RuntimeUnavailable(
            f"{board}: IREE's runtime is built for {' and '.join(_TRIPLES)}, and the board is {architecture}",
            "choose another runtime for this board",
        )
    isa = set(facts.isa)
    if architecture == "x86_64":
        level = next((name for name, needed in _X86_LEVELS if needed <= isa), "x86-64")
        features = _X86_FEATURES if level == "x86-64-v4" else {}
        return Processor(architecture, level, _named(features, isa))
    core = (facts.cpu or "").lower()
    if " " not in core and core.startswith(_ARM_CORES):
        return Processor(architecture, core)
    # Big and little cores: what all of them have, tuned for none of them.
    return Processor(architecture, "generic", _named(_ARM_FEATURES, isa))


def processor_named(text: str) -> Processor:
    """A processor by LLVM's name, or an architecture for its least. `UsageError` for what is neither."""
    word = text.strip().lower()
    if word in _TRIPLES:
        return Processor(word, "generic")
    if word.startswith(_ARM_CORES):
        return Processor("aarch64", word)
    if word.startswith("x86-64") or word in ("znver3", "znver4", "skylake", "icelake-server", "gracemont", "alderlake"):
        return Processor("x86_64", word)
    raise UsageError(f"--for {text}: neither a board that was seen nor a processor", f"name {_EXAMPLES}")


def _named(features: dict[str, str], isa: set[str]) -> tuple[str, ...]:
    return tuple(ours for theirs, ours in features.items() if theirs in isa)
