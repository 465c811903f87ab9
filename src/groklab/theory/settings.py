"""What a simulation of two circuits is given, one class an ingredient; by default Table 1 of Varma et al. 2023."""

from dataclasses import dataclass
from typing import Literal

from groklab.errors import Mistake
from groklab.settings import Settings, check_types

Normalisation = Literal["alpha", "alpha/2"]


@dataclass(frozen=True, kw_only=True)
class Efficiency(Settings):
    """What logits cost: (P_g w_g^(1/kappa))^2 + (P_m w_m^(1/kappa))^2, times alpha or alpha/2."""

    gen_norm: float = 1.0
    """P_g, parameter norm of the generalising circuit at weight 1."""
    mem_norm: float = 2.0
    """P_m, parameter norm of the memorising circuit at weight 1."""
    kappa: float = 1.2
    """Depth exponent: a circuit's parameters scaled by c scale its logits by c^kappa."""
    alpha: float = 0.005
    """Weight decay."""
    normalisation: Normalisation = "alpha"
    """What multiplies the squared norms: `alpha` as in appendix C, or `alpha/2` as in appendix D."""
    smoothing: float = 1e-3
    """Below this weight the penalty is rounded off, from kappa = 2 on, where its slope jumps or has a pole at 0."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("gen_norm", "mem_norm", "kappa"):
            if getattr(self, name) <= 0:
                raise Mistake(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("alpha", "smoothing"):
            if getattr(self, name) < 0:
                raise Mistake(f"{name} must not be negative, not {getattr(self, name)}")
        if self.kappa > 2 and self.smoothing == 0:
            raise Mistake("kappa > 2 needs a smoothing above 0: the penalty's slope has a pole at weight 0")

    @property
    def factor(self) -> float:
        """What multiplies the squared norms."""
        return self.alpha if self.normalisation == "alpha" else self.alpha / 2

    @property
    def rounding(self) -> float:
        """The smoothing where it is needed, 0 where kappa < 2 and the penalty is smooth enough as it is."""
        return self.smoothing if self.kappa >= 2 else 0.0


@dataclass(frozen=True, kw_only=True)
class Speeds(Settings):
    """How fast each circuit's weight can grow: it is a product of two factors, and small factors grow slowly."""

    gen_first: float = 0.0
    """w_g1(0)."""
    gen_second: float = 0.005
    """w_g2(0)."""
    mem_first: float = 0.0
    """w_m1(0)."""
    mem_second: float = 1.0
    """w_m2(0)."""
    learning_rate: float = 0.01
    """Step size of gradient descent on the four factors."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.learning_rate <= 0:
            raise Mistake(f"learning_rate must be positive, not {self.learning_rate}")


@dataclass(frozen=True, kw_only=True)
class Circuits(Settings):
    """Two circuits: Gen is right everywhere, Mem is right on train and says one definite wrong answer on test."""

    efficiency: Efficiency = Efficiency()
    """What logits cost."""
    speeds: Speeds = Speeds()
    """How fast they are learned."""
    classes: int = 113
    """Number of answers C."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.classes < 3:
            raise Mistake(f"classes must be at least 3 (a right one, Mem's wrong one, another), not {self.classes}")
