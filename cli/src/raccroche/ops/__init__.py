"""What ops teams do by hand: look at what is under way, take a snapshot of everything shown, compare two of them."""
