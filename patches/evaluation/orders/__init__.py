"""Orders to a model that no pattern foresees: how likely each sentence of a text is one."""
