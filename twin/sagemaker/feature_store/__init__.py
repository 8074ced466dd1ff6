"""The Feature Store: groups, records checked against them, the online table and the offline files."""
