"""What a model is to do with a data set, besides being timed: one small class a kind, found by name.

A kind is a row in `TASKS` and a class with the four members of `Task`; `docs/how-to-add-a-task.md` goes through it.
What the answers are worth is judged by the orchestrator, which alone has the labels (`orchestrator/tasks/`).
"""

import importlib
from typing import List, Optional, Sequence

from agent.datasets import DataSetFile
from agent.messages.jobs import InputRecipe, TaskOnBoard
from agent.messages.outcomes import Answers
from agent.runtimes import Array, Unsupported
from agent.tasks.feeding import Feeder

TASKS = {
    "classification": ("agent.tasks.keeping", "Classification"),
    "question_answering": ("agent.tasks.keeping", "QuestionAnswering"),
    "outputs": ("agent.tasks.keeping", "Outputs"),
    "next_token": ("agent.tasks.language", "NextToken"),
    "generation": ("agent.tasks.language", "Generation"),
}


class Task:
    """A kind of work on every example of a data set, in order. `steps` counts the inferences that it takes."""

    def __init__(self, feeder: Feeder, order: TaskOnBoard) -> None:
        """`Unsupported` where the data set is not of this kind."""
        self.feeder, self.order = feeder, order
        self.steps = feeder.examples

    def inputs(self, step: int) -> List[Array]:
        """What the model is fed at this step. In scope `end_to_end` the clock runs meanwhile."""
        return self.feeder.arrays(step)

    def take(self, step: int, outputs: Sequence[Array]) -> None:
        """Keep what matters of the outputs; `Unsupported` where they are not what this kind needs."""
        raise AssertionError

    def answers(self) -> Answers:
        """What was kept, example by example, once all steps are done."""
        raise AssertionError


def open_task(order: TaskOnBoard, recipes: Sequence[InputRecipe], data: str, vocabulary: Optional[str]) -> Task:
    """The task of a job. `data` and `vocabulary` are paths; `Unsupported` says what does not fit the model."""
    if order.kind not in TASKS:
        raise Unsupported("this agent knows no task %r; it knows %s" % (order.kind, ", ".join(sorted(TASKS))))
    module_name, class_name = TASKS[order.kind]
    found = getattr(importlib.import_module(module_name), class_name)
    task = found(Feeder(DataSetFile(data), recipes, order.scope, vocabulary), order)
    if not isinstance(task, Task):
        raise AssertionError("%s is not a Task" % class_name)
    return task
