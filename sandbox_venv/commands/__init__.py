"""Commands for people, cold: each module has one, which takes the words after its name and returns the exit status."""
