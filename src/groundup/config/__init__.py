"""What a config may be, in words where it is not; one node to one object; and whose config is trusted."""
