"""What functions and jobs share of an evaluation: estimates with intervals, and how they are written."""
