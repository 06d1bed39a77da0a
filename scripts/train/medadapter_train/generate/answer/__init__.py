"""The parts of the answer parser: a twin, module by module, of `src/tasks/answer`."""
