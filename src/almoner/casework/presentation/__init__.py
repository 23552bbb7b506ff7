"""How cases are shown: evidence, explanations, terms and forms."""
