"""How a network learns: LightningModules, losses and schedules; the bridge from NumPy; the captured step.

Read first: `classifier`, learning by back-propagation; then `learner`, what every way of learning shares.
"""
