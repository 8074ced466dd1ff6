"""Clinical risk models that are trained, judged, released, used and watched by one auditable system."""
