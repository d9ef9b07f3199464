"""The Adversarial Robustness Toolbox behind our attack interface; importing this package does not import ART."""
