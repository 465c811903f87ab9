"""What is computed of the documentation's pages on the science: their pictures and numbers, from results and theory."""
