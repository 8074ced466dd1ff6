"""From a scored batch to published results, and from outcomes to labelled profiles."""
