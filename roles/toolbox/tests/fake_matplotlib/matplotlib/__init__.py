# As much of matplotlib's shape as the chart wrapper touches, so that the wrapper can be tested where
# matplotlib is not installed. What real figures look like is tested against the real one, in sandboxes.
