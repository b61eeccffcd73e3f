"""Model artifacts made on this machine: shapes of the BERT family, in the forms that boards run.

`shapes`, `heads`, `arithmetic`, `recipes`, `orders`, `lineage`, `distance`, `steps` and `workshop` need no package
beyond the farm's own. torch and the converters are imported by `builder` and what it uses alone, and that runs in a
process of its own (`python -m orchestrator.zoo`).
"""
