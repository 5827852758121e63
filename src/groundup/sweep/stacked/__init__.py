"""Jobs of a sweep that differ only in numbers, trained at once as one batched model."""
