"""The models as the jobs use them: the booster, the baseline, the correction of risks, what drives a risk."""
