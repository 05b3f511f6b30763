"""Sparse autoencoders as methods: each architecture an estimator, all with the same trainer."""

from typing import Any, ClassVar, final

from unfold.methods.atoms import active_atoms
from unfold.methods.autoencoders.base import CountedAutoencoder, PenalisedAutoencoder
from unfold.methods.base import MethodCard

COST = "O(batch k d) a step"
COUNTED = {"n_components": "n_features", "n_active": "mean_active"}


@final
class TopKAutoencoder(CountedAutoencoder):
    """TopK autoencoder: the largest activations of each sample.

    References
    ----------
    Gao et al. 2024, Scaling and evaluating sparse autoencoders.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves="Every sample the same number of active latents.",
        paper="Gao et al. 2024, Scaling and evaluating sparse autoencoders",
        cost=COST,
        fails=(
            "where samples differ in how many features are active; finds none exactly where "
            "many are"
        ),
        hints=COUNTED,
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import TopK

        return TopK(active_atoms(self.n_active, X))


@final
class BatchTopKAutoencoder(CountedAutoencoder):
    """Batch TopK autoencoder: the largest activations of a batch.

    References
    ----------
    Bussmann, Leask & Nanda 2024, BatchTopK sparse autoencoders.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves="A fixed mean number of active latents, shared over a batch.",
        paper="Bussmann, Leask & Nanda 2024, BatchTopK sparse autoencoders",
        cost=COST,
        fails="rare features lose the competition in a batch",
        hints=COUNTED,
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import BatchTopK

        return BatchTopK(active_atoms(self.n_active, X))


@final
class JumpReLUAutoencoder(CountedAutoencoder):
    """JumpReLU autoencoder: a learned threshold for every latent, and a target mean L0.

    References
    ----------
    Rajamanoharan et al. 2024, Jumping ahead: JumpReLU sparse autoencoders.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves=(
            "Learned thresholds, so that weak activations are zero and strong ones not shrunk."
        ),
        paper="Rajamanoharan et al. 2024, Jumping ahead: JumpReLU sparse autoencoders",
        cost=COST,
        fails="sensitive to its schedule; thresholds of rare latents learn slowly",
        hints=COUNTED,
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import JumpReLU

        return JumpReLU(active_atoms(self.n_active, X))


@final
class MatryoshkaAutoencoder(CountedAutoencoder):
    """Matryoshka autoencoder: nested dictionaries, each of which must reconstruct.

    References
    ----------
    Bussmann, Nabeshima, Karvonen & Nanda 2025, Learning multi-level features with Matryoshka
    SAEs.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves=(
            "Hierarchies: general features in the inner dictionaries are not absorbed by "
            "special ones."
        ),
        paper=(
            "Bussmann, Nabeshima, Karvonen & Nanda 2025, Learning multi-level features with "
            "Matryoshka SAEs"
        ),
        cost=COST,
        fails="on flat worlds the inner dictionaries pull several features into one latent",
        hints=COUNTED,
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import Matryoshka

        return Matryoshka(active_atoms(self.n_active, X))


@final
class MatchingPursuitAutoencoder(CountedAutoencoder):
    """Matching-pursuit autoencoder: latents one by one, each for what is left over.

    References
    ----------
    Costa et al. 2025, From flat to hierarchical: extracting sparse representations with
    matching pursuit.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves="Conditionally orthogonal features, by unrolled greedy pursuit.",
        paper=(
            "Costa et al. 2025, From flat to hierarchical: extracting sparse representations "
            "with matching pursuit"
        ),
        cost=COST,
        fails="greedy: coherent features of one sample are confused; n_active steps in sequence",
        hints=COUNTED,
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import MatchingPursuit

        return MatchingPursuit(active_atoms(self.n_active, X))


@final
class L1Autoencoder(PenalisedAutoencoder):
    """Rectified autoencoder with an L1 penalty.

    References
    ----------
    Cunningham et al. 2023, Sparse autoencoders find highly interpretable features in language
    models.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves="Sparse non-negative codes by one linear map and a rectifier.",
        paper=(
            "Cunningham et al. 2023, Sparse autoencoders find highly interpretable features "
            "in language models"
        ),
        cost=COST,
        fails="shrinks codes; cannot invert interference of coherent features",
        hints={"n_components": "n_features"},
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import L1

        return L1(self.sparsity)


@final
class GatedAutoencoder(PenalisedAutoencoder):
    """Gated autoencoder: which latents are active is decided apart from how much.

    References
    ----------
    Rajamanoharan et al. 2024, Improving dictionary learning with gated sparse autoencoders.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="autoencoders",
        solves="L1-trained gates without the shrinkage of L1 codes.",
        paper=(
            "Rajamanoharan et al. 2024, Improving dictionary learning with gated sparse "
            "autoencoders"
        ),
        cost=COST,
        fails="cannot invert interference of coherent features",
        hints={"n_components": "n_features"},
    )

    def _architecture(self, X: Any) -> Any:
        from unfold.methods.autoencoders.architectures import Gated

        return Gated(self.sparsity)
