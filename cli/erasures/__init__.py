"""`erase` and `hold`: patients whose data have to go, and patients whose data have to stay."""
