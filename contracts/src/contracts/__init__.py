"""What Raccroche says: every event, its envelope and who may read which field. Partners install this package alone."""
