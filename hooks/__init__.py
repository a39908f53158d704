"""The pre-commit hooks of Remigrate: one small file each."""
