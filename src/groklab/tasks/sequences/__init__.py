"""Tasks that are sequences of tokens with answers at some positions: digits, repeated subsequences, skip trigrams."""
