"""Work on a data set: as a sweep asks for it, and as one board gets it. Pure types."""

from dataclasses import dataclass

CLASSIFICATION, QUESTION_ANSWERING = "classification", "question_answering"
NEXT_TOKEN, GENERATION, OUTPUTS = "next_token", "generation", "outputs"
KINDS = (CLASSIFICATION, QUESTION_ANSWERING, NEXT_TOKEN, GENERATION, OUTPUTS)
"""What a sweep can ask for; the agent has a class for each (`agent.tasks.TASKS`)."""

MODEL, END_TO_END = SCOPES = ("model", "end_to_end")
"""The clock runs during inferences alone, or from the text to the outputs. Figures of the two are never mixed."""


@dataclass(frozen=True)
class TaskChoice:
    """What a sweep asks its models to do. `data`: a data set's name (`dynofarm data list`), and one of its splits.

    `kind` empty: what the data set is for, classification of texts or answering of questions. `examples` 0 means all.
    `vocabulary` is the path of a `vocab.txt`; empty: the one beside the model. `new_tokens` are written for each text,
    for generation.
    """

    data: str
    kind: str = ""
    split: str = "test"
    scopes: tuple[str, ...] = (MODEL,)
    examples: int = 0
    vocabulary: str = ""
    new_tokens: int = 16


@dataclass(frozen=True)
class Assignment:
    """What one model does on one board, in one scope. Everything that its answers depend on, by hash.

    `rows` is the hash of the texts, whatever the scope; `data_digest` that of the file that boards get, and
    `vocabulary_digest` of the `vocab.txt` where they tokenise; `tokens` is what texts become: vocabulary and length.
    `key` is the hash of the file of right answers, which stays here; None where there are none. `classes` are their
    names, in the order of the outputs.
    """

    kind: str
    scope: str
    data: str
    split: str
    rows: str
    examples: int
    data_digest: str
    vocabulary_digest: str | None = None
    classes: tuple[str, ...] = ()
    key: str | None = None
    new_tokens: int = 0
    tokens: str = ""

    @property
    def label(self) -> str:
        """`tweets/test, 300 examples, end to end`."""
        scope = "" if self.scope == MODEL else ", end to end"
        return f"{self.data}/{self.split}, {self.examples} examples{scope}"

    @property
    def is_timed(self) -> bool:
        """Are its times a result that nothing else gives? Then it is repeated, as cases are."""
        return self.scope == END_TO_END or self.kind == GENERATION

    @property
    def steps(self) -> int:
        """Inferences that it takes."""
        return self.examples * max(1, self.new_tokens)
