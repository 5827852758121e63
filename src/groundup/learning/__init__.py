"""How a backbone learns: LightningModules, losses and schedules."""
