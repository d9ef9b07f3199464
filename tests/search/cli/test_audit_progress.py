"""The bar of an audit, as wide as a terminal of 80 columns."""

import io
import re

from rich.console import Console

from search.attacks.audit_clock import AuditProgress
from search.cli.audit_progress import AuditDisplay
from spaces.norms import Norm


def test_bar_with_gradients_a_second_and_time_left_fits_80_columns() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, color_system=None)
    with AuditDisplay(console, what="trial 7") as display:
        display.audit_progressed(
            AuditProgress(
                position=12, total=33, name="transfer-sibling", norm=Norm.LINF, fraction=0.0, left_s=None,
                gradients_per_s=None,
            )
        )  # fmt: skip
        display.audit_progressed(
            AuditProgress(
                position=12, total=33, name="transfer-sibling", norm=Norm.LINF, fraction=0.25, left_s=4000.0,
                gradients_per_s=1234.5,
            )
        )  # fmt: skip
    shown = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", output.getvalue())
    (line,) = {line for line in re.split(r"[\r\n]+", shown) if "gradients/s" in line}
    assert "[12/33] transfer-sibling linf" in line
    assert "1,234 gradients/s  1:06:40 left" in line
    assert len(line) <= 80
