"""A national cross-match: two years' enrolments, diplomas and those already followed, from files to every dropout found."""
