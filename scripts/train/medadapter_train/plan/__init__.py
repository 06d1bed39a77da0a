"""Plans: several LLMs in stages. What is fitted for one, and what it gives."""
