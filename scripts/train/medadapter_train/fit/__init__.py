"""What is learnt: weights on training questions, then selector and confidence on held-out ones."""
