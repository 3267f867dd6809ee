"""What is decided about offers and referrals: pure."""
