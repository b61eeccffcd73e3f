"""What a page shows at a glance, of many boards, sweeps and runs at once. Standard library only, and reading only."""
