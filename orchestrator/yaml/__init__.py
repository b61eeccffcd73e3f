"""YAML that users write: read with the place of every value, checked as a whole, edited without losing comments."""
