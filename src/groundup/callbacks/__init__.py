"""What is watched and written while a network learns."""
