"""The repairs of the sweep, one a module: each looks for one kind of lost work and returns it to the queue."""
