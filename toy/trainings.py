"""Ways of training that go by name."""

from typing import Any

#: Exact losses of ReLU models enumerate supports: there are 2^n of them, so n is at most this.
MOST_EXACT_FEATURES = 12

TRAININGS: dict[str, dict[str, Any]] = {
    # The paper's notebook: 10,000 AdamW steps at one learning rate.
    "notebook": {"steps": 10_000, "batch": 1024, "lr": 1e-3, "weight_decay": 0.01},
    # Attribution-based and stochastic parameter decomposition.
    "decomposition": {"steps": 10_000, "batch": 1024, "lr": 5e-3, "weight_decay": 0.01},
    # Short and hot, then cooled: what is represented is really learned, in a second.
    "quick": {
        "steps": 2000,
        "batch": 512,
        "lr": 0.01,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "restarts": 8,
    },
    # No samples and no learning rate: L-BFGS on the expected loss itself.
    "exact": {"kind": "exact", "restarts": 8},
}
