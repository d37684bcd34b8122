"""Sentences of the paper that state a result, quoted, and which studies check them: all of section 4.1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """A sentence of the paper that states a result.

    Attributes
    ----------
    text : str
        As it stands there; a word that refers to another sentence is explained in brackets.
    studies : tuple of str
        Names of those that check it; none where nothing can.
    paper : str
        The paper's own figures for it.
    section : str
    n_data : int
        Of so many of the paper's data sets it speaks: it holds if it holds on each.
    """

    text: str
    studies: tuple[str, ...]
    paper: str = "no figure of its own"
    section: str = "4.1"
    n_data: int = 1


AS_GOOD_AS_SOFTPLUS = Sentence(
    "Despite the hard threshold at 0, networks trained with the rectifier activation function can find "
    "local minima of greater or equal quality than those obtained with its smooth counterpart, the softplus.",
    ("table1",),
    "without pre-training: MNIST 1.43 and 1.77 %, CIFAR10 50.86 and 53.20 %, NISTP 32.64 and 35.48 %, NORB "
    "16.40 and 17.68 %",
)
RESCALED_SOFTPLUS = Sentence(
    "We obtained the following α/test error couples: 1/17.68%, 1.3/17.53%, 2/16.9%, 3/16.66%, 6/16.54%, "
    "∞/16.40%.",
    ("softplus-scaling",),
    "17.68, 17.53, 16.9, 16.66, 16.54 and 16.40 % on NORB",
)
NO_TRADE_OFF = Sentence(
    "There is no trade-off between those activation functions.",
    ("softplus-scaling",),
    "the rectifier has the least error, 16.40 %",
)
EFFICIENT = Sentence(
    "Rectifiers are not only biologically plausible, they are also computationally efficient.",
    ("softplus-scaling",),
)
NO_NEED_OF_PRETRAINING = Sentence(
    "There is almost no improvement when using unsupervised pre-training with rectifier activations, "
    "contrary to what is experienced using tanh or softplus.",
    ("table1",),
    "MNIST, with and without: rectifier 1.20 and 1.43 %, tanh 1.16 and 1.57 %, softplus 1.17 and 1.77 %",
)
COMPETITIVE = Sentence(
    "Purely supervised rectifier networks remain competitive on all 4 datasets, even against the pretrained "
    "tanh or softplus models.",
    ("table1",),
    "rectifier without pre-training; tanh and softplus with: MNIST 1.43; 1.16 and 1.17 %, CIFAR10 50.86; "
    "50.79 and 49.52 %, NISTP 32.64; 35.89 and 33.27 %, NORB 16.40; 17.66 and 19.19 %",
    n_data=4,
)
OTHER_NEURONS = Sentence(
    "We also tested a rescaled version of the LIF and max(tanh(x), 0) as activation functions. We obtained "
    "worse generalization performance than those of Table 1, and chose not to report them.",
    ("table1",),
    "not reported",
    "4.1, footnote 3",
)
TRULY_SPARSE = Sentence(
    "Rectifier networks are truly deep sparse networks.", ("table1",), "68.0 to 83.4 % exact zeros"
)
AVERAGE_SPARSITY = Sentence(
    "There is an average exact sparsity (fraction of zeros) of the hidden layers of 83.4% on MNIST, 72.0% on "
    "CIFAR10, 68.0% on NISTP and 73.8% on NORB.",
    ("readings",),
    "MNIST 83.4 % at an error of 1.43 %, CIFAR10 72.0 % at 50.86 %, NISTP 68.0 % at 32.64 %, NORB 73.8 % at "
    "16.40 %",
    n_data=4,
)
ROBUST = Sentence(
    "Networks appear to be quite robust to it as models with 70% to almost 85% of true zeros can achieve "
    "similar performances.",
    ("figure3",),
    "a picture",
)
UNTIL_85 = Sentence(
    "Results show that enforcing sparsity of the activation does not hurt final performance until around 85% "
    "of true zeros.",
    ("figure3",),
    "a picture",
    "4.1, Figure 3",
)
ATTRACTIVE = Sentence(
    "They are biologically credible, and, compared to their standard counterparts, do not seem to depend as "
    "much on unsupervised pre-training, while ultimately yielding sparse representations.",
    ("table1",),
)
NORB_OF_OTHERS = Sentence(
    "Furthermore, note that our rectified model without pre-training on NORB is very competitive (16.4% "
    "error) and outperforms the 17.6% error of the non-pretrained model from Nair and Hinton (2010), which "
    "is basically what we find with the non-pretrained soft-plus units (17.68% error).",
    ("table1",),
    "16.4, 17.6 and 17.68 % on NORB",
)
TANH_WANTS_PRETRAINING = Sentence(
    "Confirming conclusions of Erhan et al. (2010), the network with hyperbolic tangent activations improves "
    "with unsupervised pre-training for any labeled set size (even when all the training set is labeled).",
    ("figure4",),
    "a picture",
)
PICTURE_CHANGES = Sentence(
    "However, the picture changes with rectifying activations.",
    ("figure4",),
    "with all labels of NORB, with and without pre-training: rectifier 16.46 and 16.40 %, tanh 17.66 and "
    "19.29 %",
)
FEW_LABELS = Sentence(
    "In semi-supervised setups (with few labeled data), the pre-training is highly beneficial [with "
    "rectifying activations].",
    ("figure4", "few-labels"),
    "a picture",
)
CLOSER = Sentence(
    "But the more the labeled set grows, the closer the models with and without pre-training.",
    ("figure4",),
    "a picture",
)
IDENTICAL = Sentence(
    "Eventually, when all available data is labeled, the two models achieve identical performance.",
    ("figure4", "few-labels", "table1"),
    "16.46 and 16.40 % on NORB",
)
EXPLOITED = Sentence(
    "Rectifier networks can maximally exploit labeled and unlabeled information.",
    ("figure4",),
    "a picture",
)

IMAGES = (
    AS_GOOD_AS_SOFTPLUS, RESCALED_SOFTPLUS, NO_TRADE_OFF, EFFICIENT, NO_NEED_OF_PRETRAINING, COMPETITIVE,
    OTHER_NEURONS, TRULY_SPARSE, AVERAGE_SPARSITY, ROBUST, UNTIL_85, ATTRACTIVE, NORB_OF_OTHERS,
    TANH_WANTS_PRETRAINING, PICTURE_CHANGES, FEW_LABELS, CLOSER, IDENTICAL, EXPLOITED,
)  # fmt: skip
"""Those of section 4.1, in the paper's order."""

FIRST_STRATEGY = Sentence(
    "The first strategy has proven to yield better generalization on image data.",
    ("strategies",),
    section="3.2",
)
"""Of section 3.2, beside those of section 4.1."""

LINEAR_TRANSFORMATION = Sentence(
    "The most commonly used activation functions in the deep learning and neural networks literature are the "
    "standard logistic sigmoid and the hyperbolic tangent (see Figure 1, right), which are equivalent up to "
    "a linear transformation.",
    ("figure1",),
    section="2.1",
)
ANTISYMMETRY = Sentence(
    "The hyperbolic tangent has a steady state at 0 […], but it forces an antisymmetry around 0 which is "
    "absent in biological neurons.",
    ("figure1",),
    section="2.1",
)
ONE_SIDED = Sentence(
    "The rectifier function rectifier(x) = max(0, x) is one-sided and therefore does not enforce a sign "
    "symmetry or antisymmetry: instead, the response to the opposite of an excitatory input pattern is 0 (no "
    "response).",
    ("figure1",),
    section="3.1",
)
SMOOTH_VERSION = Sentence(
    "The second one is a smooth version of the first [rectifier and softplus activation functions].",
    ("figure2",),
    section="3.1, Figure 2",
)
SUBSET = Sentence("For a given input only a subset of neurons are active.", ("figure2",), section="3.1")
LINEAR_ON_SUBSET = Sentence(
    "Computation is linear on this subset: once this subset of neurons is selected, the output is a linear "
    "function of the input.",
    ("figure2",),
    section="3.1",
)
DISCRETE_CHANGE = Sentence(
    "A large enough change can trigger a discrete change of the active set of neurons.",
    ("figure2",),
    section="3.1",
)
MANY_LINEAR_MODELS = Sentence(
    "We can see the model as an exponential number of linear models that share parameters.",
    ("figure2",),
    section="3.1",
)

UNITS = (
    LINEAR_TRANSFORMATION, ANTISYMMETRY, ONE_SIDED, SMOOTH_VERSION, SUBSET, LINEAR_ON_SUBSET, DISCRETE_CHANGE,
    MANY_LINEAR_MODELS,
)  # fmt: skip
"""Those of sections 2.1 and 3.1 that Figures 1 and 2 illustrate."""
