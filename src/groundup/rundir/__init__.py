"""What a run and a sweep leave behind: the names of their files, written whole and read back. Imports no torch."""
