"""Experiments: which variant of a flag did better, and whether that can be chance.

inference   differences with intervals and p-values, from counts and sums alone
counting    which unit got which variant, and what it did afterwards
requests    what the requests that a variant answered came to
results     all of that together, for one experiment
hints       what keeps a result from being trusted, or from being there
drawing     the chart
editing     experiments made and changed from plain JSON
wire        how they stand in answers
"""
