"""Fine-tuning a small BERT on labelled texts, on this machine's processor.

`orders`, `schedule`, `steps`, `weights_file`, `card`, `folders`, `batches` and `process` need no package beyond the
farm's own. torch is imported by `network`, `loop`, `figures` and `trainer` alone, which run in a process of their own
(`python -m orchestrator.training`).
"""
