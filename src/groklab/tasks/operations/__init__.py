"""The binary operations: one file each, named after the operation, in it an `Operation` called `operation`.

They are those of Power et al. 2022, "Grokking: generalization beyond overfitting on small algorithmic
datasets", appendix A.1.1.
"""
