"""Sound as numbers: μ-law, sampling rates and levels. Stateful where it must be, and without I/O."""
