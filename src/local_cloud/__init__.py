"""AWS on this machine: moto's API with real executors in its seams. See README.md."""
