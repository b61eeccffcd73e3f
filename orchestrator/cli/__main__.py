"""`python -m orchestrator.cli`: the same as `dynofarm`."""

from orchestrator.cli.main import main

main()
