"""What answers predictions, read as columns: labels, dates, outcomes and the responses of clinicians."""
