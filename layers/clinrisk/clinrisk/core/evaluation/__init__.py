"""What do I get? The arithmetic of an honest evaluation: scores and labels in, figures with intervals out."""
