"""Offers: the catalogue of "nouvelle chance" offers, their seats, and the referrals that hold them."""
