"""`pypack demo`, recorded."""
