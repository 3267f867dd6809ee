"""The command line of Raccroche: the local stack, the demonstration, questions to the history, what ops teams do by hand."""
