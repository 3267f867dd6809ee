"""The questions that history answers, one file each."""
