"""The procedures of the functions: each module fetches, lets the core decide, and stores."""
