"""Contract suites: one a port, run by every adapter. Subclass one and override its fixtures."""

import pytest

# pytest shows the values of a failing assertion only in modules that it rewrote, and of a package that
# is installed it rewrites none unless it is told to before they are imported.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{suite}"
        for suite in ("broker", "exchange", "gateway", "model", "policy", "sandbox", "store")
    )
)
