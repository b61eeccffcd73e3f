"""Models compiled for one processor: ONNX to IREE's modules (`.vmfb`), recorded with what they were made from.

`processors`, `orders`, `steps` and `workshop` need no package beyond the farm's own. IREE's compiler is imported by
`compiler` alone, in a process of its own (`python -m orchestrator.compiling`).
"""
