"""Examples of a data set as the inputs of a model: which column feeds which input, and tokenising on the board."""

import struct
from typing import Dict, List, NamedTuple, Optional, Sequence

from agent.datasets import DataSetFile
from agent.inputs import FORMATS
from agent.messages.jobs import InputRecipe
from agent.runtimes import Array, Unsupported
from agent.runtimes.arrays import ITEM_BYTES, count_elements
from agent.wordpiece import Tokenizer, read_vocabulary

IDS, MASK, TYPES = COLUMNS = ("input_ids", "attention_mask", "token_type_ids")


class Tokens(NamedTuple):
    """One example: ids, mask (1 for tokens, 0 for padding) and types, of one length."""

    ids: Sequence[int]
    mask: Sequence[int]
    types: Sequence[int]

    @property
    def real(self) -> List[int]:
        """The ids without the padding behind them."""
        return list(self.ids[: sum(self.mask)])


class Feeder:
    """`examples` of a data set for the inputs that `recipes` describe. `Unsupported` where they do not fit."""

    def __init__(
        self, data: DataSetFile, recipes: Sequence[InputRecipe], scope: str, vocabulary: Optional[str] = None
    ) -> None:
        self.data, self._recipes = data, recipes
        self.examples = data.description.examples
        if data.description.scope != scope:
            raise Unsupported("the data set is of scope %s, and the job of scope %s" % (data.description.scope, scope))
        self._tokenizer: Optional[Tokenizer] = None
        if scope == "end_to_end":
            self._tokenizer = self._open_vocabulary(vocabulary)
            self._columns = columns_of([recipe.name for recipe in recipes], COLUMNS)
        else:
            self._columns = columns_of([one.name for one in recipes], [one.name for one in data.description.arrays])
        self._check_shapes()

    @property
    def is_tokens(self) -> bool:
        return set(self._columns) <= set(COLUMNS)

    @property
    def length(self) -> int:
        """Tokens of an example."""
        tokens = self.data.description.tokens
        if tokens is None:
            raise Unsupported("the data set says nothing of tokens")
        return tokens.length

    def arrays(self, index: int) -> List[Array]:
        """The inputs for one example, in the model's order."""
        if self._tokenizer is not None:
            return self.feed(self.tokens(index))
        found = []
        for column, recipe in zip(self._columns, self._recipes):
            row = self.data.row(column, index, recipe.dtype)
            found.append(Array(recipe.name, row.dtype, list(recipe.shape), row.data))
        return found

    def tokens(self, index: int) -> Tokens:
        """One example as numbers; tokenised here in scope `end_to_end`."""
        if self._tokenizer is not None:
            pair = self.data.text("pair", index) if self.data.has("pair") else None
            return Tokens(*self._tokenizer.encode(self.data.text("text", index), pair, self.length))
        return Tokens(*(self._numbers(column, index) for column in COLUMNS))

    def feed(self, tokens: Tokens) -> List[Array]:
        """Tokens as the inputs of the model."""
        by_name: Dict[str, Sequence[int]] = dict(zip(COLUMNS, tokens))
        found = []
        for column, recipe in zip(self._columns, self._recipes):
            values = by_name[column]
            data = struct.pack("<%d%s" % (len(values), FORMATS[recipe.dtype]), *values)
            found.append(Array(recipe.name, recipe.dtype, list(recipe.shape), data))
        return found

    def _numbers(self, column: str, index: int) -> List[int]:
        data = self.data.row(column, index, "int32").data
        return list(struct.unpack("<%di" % (len(data) // 4), data))

    def _open_vocabulary(self, path: Optional[str]) -> Tokenizer:
        tokens = self.data.description.tokens
        if path is None or tokens is None:
            raise Unsupported("texts are tokenised with a vocabulary, and none came with the job")
        try:
            return Tokenizer(read_vocabulary(path), tokens.lower)
        except ValueError as error:
            raise Unsupported("the vocabulary cannot be used: %s" % error) from None

    def _check_shapes(self) -> None:
        """A runtime without a batch (ncnn) takes an example without the 1 in front."""
        shapes = {one.name: [1, *one.shape[1:]] for one in self.data.description.arrays}
        for column, recipe in zip(self._columns, self._recipes):
            shape = [1, self.length] if self._tokenizer is not None else shapes[column]
            fits = list(recipe.shape) in (shape, shape[1:]) and count_elements(shape) > 0
            if not fits or recipe.dtype not in ITEM_BYTES:
                text = "input %r is %s of %s, and an example of the data set has %s of shape %s"
                raise Unsupported(text % (recipe.name, recipe.dtype, list(recipe.shape), column, shape))


def columns_of(names: Sequence[str], columns: Sequence[str]) -> List[str]:
    """Which column feeds each input: by equal names; for tokens by what the names tell; else by position.

    `Unsupported` where neither works. Converters rename inputs (`serving_default_input_ids:0`, `ids`, `segment_ids`),
    so a name with `mask` in it is the mask, one with `type` or `segment` the types, and another with `id` the ids.
    """
    if set(names) <= set(columns):
        return list(names)
    if set(COLUMNS) <= set(columns):
        told = [_told(name.lower()) for name in names]
        if IDS in told and None not in told and len(set(told)) == len(told):
            return [column for column in told if column is not None]
        if len(names) <= len(COLUMNS) and not any(told):
            return list(COLUMNS[: len(names)])
    elif len(names) == len(columns):
        return list(columns)
    given, wanted = ", ".join(columns), ", ".join(names) or "nothing"
    raise Unsupported("the model wants %s, and the data set has %s" % (wanted, given))


def _told(name: str) -> Optional[str]:
    if "mask" in name:
        return MASK
    if "type" in name or "segment" in name:
        return TYPES
    return IDS if "id" in name else None
