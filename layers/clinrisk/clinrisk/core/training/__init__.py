"""What a training run is made of: its plan, its settings, the promotion bar, the use of the hold-out."""
