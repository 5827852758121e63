"""Learning without back-propagation through the whole network: NoProp, and what keeps the comparison honest."""
