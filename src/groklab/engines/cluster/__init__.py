"""A study trained on a Ray cluster: a driver that watches, a supervisor that sees to the batches, tasks that train."""
