"""History: hears everything, keeps the bytes, decides and says nothing."""
