"""The questions that transmission answers, one file each."""
