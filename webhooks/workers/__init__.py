"""Several worker processes behind one port, for more than one core: `WORKERS`. See docs/workers.md."""
