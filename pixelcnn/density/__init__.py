"""The density: levels, and a class or none, to logits and nats."""
